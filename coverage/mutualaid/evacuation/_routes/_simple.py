"""A plan in no time: everybody takes the fastest way, and roads are shared in proportion to those who use them."""

from __future__ import annotations

import math
import time

import numpy as np
from numpy.typing import NDArray

from mutualaid.evacuation._compiled import compiled
from mutualaid.evacuation._routes._loads import lane_peaks, passing
from mutualaid.evacuation._routes._roads import Roads, fastest
from mutualaid.evacuation._routes._search import Pieces

__all__ = ["held", "inward", "proportional", "spread", "tree_ways", "ways_by"]

Floats = NDArray[np.float64]
Int64 = NDArray[np.int64]

_POWER = 8


def inward(roads: Roads, weight: Floats) -> Int64:
    """Give the edge by which each node goes on to the end with least weight, -1 where there is none."""
    back = np.flatnonzero(roads.usable)
    back = back[np.argsort(roads.head[back], kind="stable")]
    start = np.searchsorted(roads.head[back], np.arange(roads.end + 2)).astype(np.int64)
    _, by = fastest(np.array([roads.end]), start, back, roads.tail, weight)
    return by


def ways_by(roads: Roads, by: Int64) -> list[Int64]:
    """Follow each source from edge to edge; empty where that does not come to an end."""
    nodes = roads.network.sources["node"].to_numpy(np.int64)
    starts, edges = _followed(nodes, by, roads.head, roads.end)
    return [edges[starts[one] : starts[one + 1]] for one in range(len(nodes))]


@compiled
def _followed(nodes: Int64, by: Int64, head: Int64, end: int) -> tuple[Int64, Int64]:
    starts, edges, size = np.zeros(len(nodes) + 1, np.int64), np.empty(1024, np.int64), 0
    for one in range(len(nodes)):
        node, begun = nodes[one], size
        while node != end and by[node] >= 0:
            if size == len(edges):
                longer = np.empty(2 * size, np.int64)
                longer[:size] = edges
                edges = longer
            edges[size] = by[node]
            size += 1
            node = head[by[node]]
        if node != end:
            size = begun
        starts[one + 1] = size
    return starts, edges[:size]


def tree_ways(roads: Roads, weight: Floats) -> list[Int64]:
    """Give each source the way to a sink of least weight; empty where there is none. Ways that meet go on together."""
    return ways_by(roads, inward(roads, weight))


def spread(
    roads: Roads, supply: Floats, until: float = math.inf, rounds: int = 24
) -> tuple[list[Int64], Int64, Floats]:
    """Spread each source over ways so that the fullest road is not much fuller than others.

    Road e with x vehicles takes x / capacity hours; the norm of these times with a high power is near to the longest,
    and is made small by moving towards the tree that is cheapest by its gradient (Frank & Wolfe 1956), from empty
    roads on. A sink's room counts as what it lets in within the longest time. When it is `until`, by
    `time.monotonic`, that is enough.

    Returns ways, their sources and vehicles.
    """
    edges = roads.network.n_edges
    total = float(supply.sum())
    hourly = roads.lane_vph[roads.lane]
    people = np.zeros(len(roads.tail))
    flow = np.zeros(len(roads.tail))
    share: dict[tuple[int, bytes], float] = {}
    known: dict[tuple[int, bytes], Int64] = {}
    weight = roads.transit_s.copy()
    for turn in range(rounds):
        ways = tree_ways(roads, weight)
        step = 2 / (turn + 2)
        flow *= 1 - step
        people *= 1 - step
        for key in share:
            share[key] *= 1 - step
        for source in np.flatnonzero(supply > 0):
            if len(ways[source]):
                np.add.at(flow, ways[source], step * supply[source])
                people[ways[source][-1]] += step * supply[source] * roads.load[source]
                key = (int(source), ways[source].tobytes())
                known[key] = ways[source]
                share[key] = share.get(key, 0.0) + step
        used = np.bincount(roads.lane, weights=flow, minlength=len(roads.lane_vph))[roads.lane]
        hours = np.divide(used, hourly, out=np.zeros(len(used)), where=hourly > 0)
        longest = float(hours.max())
        if not longest or time.monotonic() > until:
            break
        full = np.divide(people[edges:], roads.room, out=np.zeros(len(roads.room)), where=roads.room > 0)
        relative = hours / longest
        gradient = np.divide(relative**_POWER, hourly, out=np.zeros(len(used)), where=hourly > 0)
        gradient[edges:] += full**_POWER * longest / np.maximum(total, 1.0)
        weight = roads.transit_s + 3600.0 * total * gradient
    chosen = [key for key, part in share.items() if part > 1e-3]
    sources = np.array([source for source, _ in chosen], dtype=np.int64)
    parts = np.array([share[key] for key in chosen])
    whole = np.bincount(sources, weights=parts, minlength=len(supply))
    vehicles = parts / whole[sources] * supply[sources]
    return [known[key] for key in chosen], sources, vehicles


def proportional(roads: Roads, ways: list[Int64], sources: Int64, vehicles: Floats) -> Pieces:
    """Let vehicles leave by each way at a constant rate, their share of the lane that is shortest for them.

    A lane that is wanted by V vehicles gives those of a way the part of its capacity that they are of V, so all rates
    together hold at any moment. All ways of a source begin when their sum asks for no one who is not ready. What a
    closure or a full shelter cuts off stays behind.
    """
    network = roads.network
    active = [one for one in range(len(ways)) if len(ways[one]) and vehicles[one] > 0]
    wanted = np.zeros(len(roads.lane_vph))
    for one in active:
        np.add.at(wanted, roads.lane[ways[one]], vehicles[one])
    room, chosen = roads.room.copy(), []
    vph = np.zeros(len(ways))
    for one in active:
        lanes = roads.lane[ways[one]]
        vph[one] = (roads.lane_vph[lanes] / wanted[lanes]).min() * vehicles[one]
        if not np.isfinite(vph[one]):
            vph[one] = vehicles[one] * 3600.0  # no capacity on the way: all within a second
    together = np.bincount(sources, weights=vph, minlength=len(roads.load))
    for one in active:
        way, source, hour = ways[one], sources[one], vph[one] / 3600.0
        ready = network.released[source]
        since = float(np.max(np.append(network.release_s - ready / together[source] * 3600.0, 0.0)))
        offset = np.concatenate([[0.0], np.cumsum(roads.transit_s[way])])
        since = max(since, float((roads.opens_s[way] - offset[:-1]).max()))
        until = min(since + vehicles[one] / hour, float((roads.closes_s[way] - offset[1:]).min()))
        sink = way[-1] - network.n_edges
        if roads.load[source] > 0:
            until = min(until, since + max(room[sink], 0.0) / roads.load[source] / hour)
        if until - since > 1e-6:
            room[sink] -= (until - since) * hour * roads.load[source]
            chosen.append((way, source, since, until, vph[one], offset[-1]))
    return Pieces(
        tuple(one[0] for one in chosen),
        np.array([one[1] for one in chosen], dtype=np.int64),
        np.array([one[2] for one in chosen], dtype=np.float64),
        np.array([one[3] for one in chosen], dtype=np.float64),
        np.array([one[4] for one in chosen], dtype=np.float64),
        max((one[3] + one[5] for one in chosen), default=0.0),
    )


def held(roads: Roads, pieces: Pieces) -> Pieces:
    """Lower the rates by the rounding with which a capacity is exceeded."""
    if not len(pieces.edges):
        return pieces
    starts = np.concatenate([[0], np.cumsum([len(one) for one in pieces.edges])])
    edges = np.concatenate(pieces.edges)
    offsets = np.concatenate(
        [np.concatenate([[0.0], np.cumsum(roads.transit_s[way])[:-1]]) for way in pieces.edges]
    )
    lanes = roads.lane[edges]
    lane, _, flow = lane_peaks(passing(starts, lanes, offsets, pieces.departs_s, pieces.until_s, pieces.vph))
    peak = np.zeros(len(roads.lane_vph))
    np.maximum.at(peak, lane, flow)
    share = np.minimum(1.0, np.divide(roads.lane_vph, peak, out=np.ones(len(peak)), where=peak > 0))
    factor = np.minimum.reduceat(share[lanes], starts[:-1])
    return Pieces(
        pieces.edges, pieces.source, pieces.departs_s, pieces.until_s, pieces.vph * factor, pieces.clearance_s
    )
