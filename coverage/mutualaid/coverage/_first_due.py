"""Who comes first, second and third, and how many in time: compiled, one pass over the pairs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mutualaid.coverage._compiled import compiled

__all__ = ["busy_sums", "first_three", "same_partner"]

Bool = NDArray[np.bool_]
Float = NDArray[np.float64]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]

#: Stations of a place up to which sorting by insertion is the fastest.
_FEW = 48


@compiled
def same_partner(station: Int32, place: Int32, of_station: Int64, of_place: Int64) -> Bool:
    """Whether station and place of each pair are of one partner."""
    own = np.empty(len(station), np.bool_)
    for pair in range(len(station)):
        own[pair] = of_station[station[pair]] == of_place[place[pair]]
    return own


@compiled
def first_three(
    station: Int32,
    place: Int32,
    ms: Int32 | Int64,
    own: Bool,
    chosen: Bool,
    limit_ms: Int32 | Int64,
    stations: int,
) -> tuple[Int64, Int64, Int64]:
    """Pair of the first due at each place (-1 if none), milliseconds of the first three, and stations in time.

    Who is sooner goes first, then the own station, then the one that stands first. Milliseconds are -1 where nobody
    is left. The memory grows with the places, not with the pairs: nothing is sorted.
    """
    n = len(limit_ms)
    lead = np.full(n, -1, np.int64)
    times = np.full((n, 3), -1, np.int64)
    ranks = np.full((n, 3), -1, np.int32)
    depth = np.zeros(n, np.int64)
    for pair in range(len(station)):
        if not chosen[pair]:
            continue
        at, time = place[pair], ms[pair]
        rank = station[pair] if own[pair] else station[pair] + stations
        if time <= limit_ms[at]:
            depth[at] += 1
        slot = 3
        while slot > 0:
            before = times[at, slot - 1]
            if before >= 0 and (before < time or (before == time and ranks[at, slot - 1] <= rank)):
                break
            slot -= 1
        if slot == 3:
            continue
        for later in range(2, slot, -1):
            times[at, later] = times[at, later - 1]
            ranks[at, later] = ranks[at, later - 1]
        times[at, slot] = time
        ranks[at, slot] = rank
        if slot == 0:
            lead[at] = pair
    return lead, times, depth


@compiled
def busy_sums(
    station: Int32,
    place: Int32,
    ms: Int32 | Int64,
    own: Bool,
    chosen: Bool,
    limit_ms: Int32 | Int64,
    stations: int,
    depth: Int64,
    busy: Float,
) -> Float:
    """Sum of `busy` over the stations in time at each place, added up in the order in which they arrive.

    The order makes the sum the same whatever the order of the pairs.
    """
    n = len(limit_ms)
    end = np.cumsum(depth)
    put = end - depth
    key = np.empty(end[-1] if n else 0, np.int64)
    value = np.empty(len(key), np.float64)
    for pair in range(len(station)):
        at = place[pair]
        if chosen[pair] and ms[pair] <= limit_ms[at]:
            rank = station[pair] if own[pair] else station[pair] + stations
            key[put[at]] = np.int64(ms[pair]) * (2 * stations) + rank
            value[put[at]] = busy[pair]
            put[at] += 1
    total = np.zeros(n, np.float64)
    for at in range(n):
        first, last = end[at] - depth[at], end[at]
        if last - first > _FEW:
            for one in np.argsort(key[first:last]):
                total[at] += value[first + one]
            continue
        for one in range(first + 1, last):
            this, its = key[one], value[one]
            before = one - 1
            while before >= first and key[before] > this:
                key[before + 1] = key[before]
                value[before + 1] = value[before]
                before -= 1
            key[before + 1] = this
            value[before + 1] = its
        for one in range(first, last):
            total[at] += value[one]
    return total
