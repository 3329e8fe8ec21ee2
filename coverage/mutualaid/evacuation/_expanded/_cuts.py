"""Cuts in continuous time: the certificate of the lower bound.

A cut gives each node a moment, its *threshold*: whoever is there at that moment or later counts as behind the cut.
By time T no more vehicles can be out than there were never behind it, plus those that pass it: an edge lets
somebody pass who enters it when its tail is behind the cut, and leaves it when its head is not yet. Nobody is out of a
sink's far side later than T. So for any thresholds

    out(T) ≤ Σ released before the threshold of its node + Σ rate · (moments at which an edge lets pass) + Σ room

where a sink counts with its room if it is behind the cut, else with those that enter it by T. If that is less than
the vehicles asked for, they cannot be out by T. The sum needs no time steps and holds for thresholds found in whatever
way, so it is exact however coarse the steps were that suggested them. Edges that share a capacity let pass together no
more than that: moments at which several of them do are counted once.

Thresholds are improved by moves: any set of nodes is shifted by the same time at once, the best set being a minimum
cut of the road network itself, not expanded, for the sum is submodular in the thresholds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mutualaid.evacuation._expanded._grid import solve_static
from mutualaid.evacuation._expanded._roads import FOREVER, Roads

__all__ = [
    "Threshold",
    "best_of",
    "clamped",
    "passing",
    "phases",
    "raised",
    "reach",
    "reduced",
    "released_before",
    "value",
]

Floats = NDArray[np.float64]
Int64 = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Threshold:
    """Moments in milliseconds from which on a node is behind the cut, and which sinks are (they count as full)."""

    at: Int64
    full: Bools


def released_before(roads: Roads, at: Int64) -> Floats:
    """(s,) vehicles ready before the threshold of their node."""
    moment, times, place = (
        at[roads.demand_node].astype(np.float64),
        roads.release,
        np.arange(len(roads.released)),
    )
    after = np.clip(np.searchsorted(times, moment, side="right"), 1, max(len(times) - 1, 1))
    before = after - 1
    ready = roads.released[place, before]
    if len(times) > 1:  # as `np.interp` does it, for all places at once
        grows = (roads.released[place, after] - ready) / (times[after] - times[before])
        ready = np.where(moment >= times[-1], roads.released[:, -1], grows * (moment - times[before]) + ready)
        ready = np.where(moment <= times[0], roads.released[:, 0], ready)
    return np.where(moment <= 0, 0.0, ready)


def passing(roads: Roads, at: Int64, end: int) -> tuple[Int64, Int64, Int64, Int64]:
    """From when to when each edge, then each sink, lets vehicles pass: those that are out by `end`."""
    begin = np.maximum(at[roads.tail], roads.opens[0])
    stop = np.minimum(at[roads.head] - roads.transit[0], roads.latest[1])
    node_at = np.where(roads.sink_node >= 0, at[roads.sink_node], FOREVER)
    sink_begin = np.maximum(node_at, roads.sink_opens[0])
    sink_stop = np.minimum(end, roads.sink_closes[1])
    return begin, stop, sink_begin, sink_stop


def _costs(roads: Roads, tail_at: Int64, head_at: Int64) -> Floats:
    begin = np.maximum(tail_at, roads.opens[0])
    # Without limit, one moment is enough: entered at `begin`, left before the head's threshold.
    free = (begin <= roads.latest[1]) & (begin + roads.transit[0] < head_at)
    stop = np.minimum(head_at - roads.transit[0], roads.latest[1])
    return _cost(roads.rate, np.maximum(stop - begin, 0), free, roads)


def _sink_costs(roads: Roads, at: Int64, end: int) -> Floats:
    node_at = np.where(roads.sink_node >= 0, at[roads.sink_node], FOREVER)
    begin = np.maximum(node_at, roads.sink_opens[0])
    stop = np.minimum(end, roads.sink_closes[1])
    return _cost(roads.sink_rate, np.maximum(stop - begin, 0), begin <= stop, roads)


def _cost(rate: Floats, during: Int64, free: Bools, roads: Roads) -> Floats:
    endless = np.isinf(rate)
    bounded = np.where(endless, 0.0, rate) * during / 1000.0
    return np.where(endless, np.where(free, 4.0 * roads.vehicles + 1.0, 0.0), bounded)


def value(roads: Roads, cut: Threshold, end: int) -> float:
    """Vehicles that the cut lets out by `end` at most."""
    cost = _costs(roads, cut.at[roads.tail], cut.at[roads.head])
    cost -= _counted_twice(roads, cut.at)
    sinks = np.where(cut.full, roads.room_most, _sink_costs(roads, cut.at, end))
    return float(released_before(roads, cut.at).sum() + cost.sum() + sinks.sum())


def _counted_twice(roads: Roads, at: Int64) -> Floats:
    """Give what edges that share a capacity count for too much, moved to the first of them."""
    much = np.zeros(len(roads.tail))
    members = np.flatnonzero((roads.group >= 0) & np.isfinite(roads.rate))
    if not len(members):
        return much
    begin = np.maximum(at[roads.tail[members]], roads.opens[0][members])
    stop = np.minimum(at[roads.head[members]] - roads.transit[0][members], roads.latest[1][members])
    used = stop > begin
    members, begin, stop = members[used], begin[used], stop[used]
    order = np.lexsort((begin, roads.group[members]))
    last, end = -1, np.int64(0)
    for i in order:
        e = members[i]
        if roads.group[e] != last:
            last, end = int(roads.group[e]), stop[i]
            continue
        much[e] = max(0, min(end, stop[i]) - begin[i]) / 1000.0 * roads.rate[e]
        end = max(end, stop[i])
    return much


def reach(roads: Roads, *, windows: bool = True) -> tuple[Int64, Int64]:
    """When each node is first reached, and how long it takes from there to a sink, by free flow; FOREVER for never.

    Without `windows`, as if everything were open and everybody ready.
    """
    first = np.full(roads.n_nodes, FOREVER)
    first[roads.demand_node] = 0
    opens = np.maximum(roads.opens[0], 0) if windows else np.zeros(len(roads.tail), dtype=np.int64)
    latest = roads.latest[1] if windows else np.full(len(roads.tail), FOREVER)
    if windows and len(roads.demand_node):
        some = (roads.released > 0).argmax(axis=1)
        first[roads.demand_node] = FOREVER
        ready = np.floor(roads.release[np.maximum(some - 1, 0)]).astype(np.int64)
        np.minimum.at(first, roads.demand_node, ready)
    to_sink = np.full(roads.n_nodes, FOREVER)
    to_sink[roads.sink_node[roads.sink_node >= 0]] = 0
    changed = True
    while changed:  # as many rounds as the longest of the shortest ways has edges
        new = first.copy()
        enter = np.maximum(first[roads.tail], opens)
        open_ = (enter <= latest) & (first[roads.tail] < FOREVER)
        np.minimum.at(new, roads.head[open_], (enter + roads.transit[0])[open_])
        changed = bool((new != first).any())
        first = new
    changed = True
    while changed:
        new = to_sink.copy()
        known = to_sink[roads.head] < FOREVER
        np.minimum.at(new, roads.tail[known], (to_sink[roads.head] + roads.transit[0])[known])
        changed = bool((new != to_sink).any())
        to_sink = new
    return first, to_sink


def clamped(at: Int64, end: int, first: Int64, to_sink: Int64) -> Int64:
    """Move thresholds to where the sum is no larger: nobody is there sooner, and who is there later is never out."""
    late = np.where(to_sink < FOREVER, np.maximum(end + 1 - to_sink, 0), 0)
    return np.minimum(np.maximum(at, np.minimum(first, end + 1)), late)


def phases(roads: Roads, cut: Threshold, end: int, step: int) -> tuple[Int64, int]:
    """Choose the clocks of nodes so that the ways that matter are not rounded; also give a moment not before `end`.

    Where traffic flows at the threshold of a node without being held up, thresholds differ by just the transit; so
    the threshold is the moment at which a step should begin. Before the bottleneck, where thresholds mean nothing,
    clocks follow the fastest way to it. As thresholds are found to some milliseconds only, clocks are moved a little
    later along the way, lest a millisecond too few costs a whole step; so is the end.
    """
    first, to_sink = reach(roads)
    at = np.minimum(clamped(cut.at, end, first, to_sink), end)
    tail, head, transit = roads.tail, roads.head, roads.transit[1]
    begin, stop, _, _ = passing(roads, at, end)
    free = (at <= np.minimum(first, end)) & (to_sink < FOREVER)
    free[tail[stop - begin > step]] = False
    free[roads.sink_node[roads.sink_node >= 0]] = False
    known = ~free
    before = np.flatnonzero(free[tail])
    at = np.where(known, at, -FOREVER)
    for _ in range(len(at)):
        new = at.copy()
        some = before[at[head[before]] > -FOREVER]
        np.maximum.at(new, tail[some], at[head[some]] - transit[some])
        if (new == at).all():
            break
        at = new
    at = np.where(at == -FOREVER, 0, at)
    near = 40
    missing = at[tail] + transit - at[head]
    tight = np.flatnonzero((np.abs(missing) <= near) & ((transit > 2 * near) | (transit == 0)))
    tail, head, transit = tail[tight], head[tight], transit[tight]
    for _ in range(len(at)):
        new = at.copy()
        np.maximum.at(new, head, at[tail] + transit)
        if (new == at).all():
            break
        at = new
    sinks = roads.sink_node[roads.sink_node >= 0]
    late = int(at[sinks].max(initial=end))
    return at % step, max(late, end)


def best_of(roads: Roads, low: Int64, high: Int64, end: int) -> tuple[Threshold, float]:
    """Give the best cut whose thresholds are, node by node, one of two (`low` ≤ `high`)."""
    tail, head = roads.tail, roads.head
    # Cost by whether tail and head take the high one. It is submodular: an arc from tail to head, and the rest by node.
    c00 = _costs(roads, low[tail], low[head])
    c01 = _costs(roads, low[tail], high[head])
    c10 = _costs(roads, high[tail], low[head])
    c11 = _costs(roads, high[tail], high[head])
    unary = np.zeros(roads.n_nodes)
    np.add.at(unary, tail, c10 - c00)
    np.add.at(unary, head, c11 - c10)
    released = released_before(roads, high) - released_before(roads, low)
    np.add.at(unary, roads.demand_node, released)
    known = roads.sink_node >= 0
    sinks, node = np.flatnonzero(known), roads.sink_node[known]
    s0, s1 = (_sink_costs(roads, at, end)[known] for at in (low, high))
    # A sink's other state is to be full; then it costs its room, whatever its node does.
    arc_tail = np.concatenate([tail, node])
    arc_head = np.concatenate([head, roads.n_nodes + np.arange(len(sinks))])
    weight = np.concatenate([np.maximum(c01 + c10 - c00 - c11, 0.0), np.maximum(s0 - s1, 0.0)])
    # In terms of `x = 1` for high: cost of sink = room if full, else s0 or s1; a full sink is x = 0.
    room = np.minimum(roads.room_most[known], 9.0 * roads.vehicles + 3.0)  # dearer than what is not allowed
    unary = np.concatenate([unary, s1 - room])
    is_high = solve_static(len(unary), arc_tail, arc_head, weight, unary)
    at = np.where(is_high[: roads.n_nodes], high, low)
    full = np.zeros(len(known), dtype=bool)
    full[sinks] = ~is_high[roads.n_nodes :]
    cut = Threshold(at, full)
    return cut, value(roads, cut, end)


def reduced(
    roads: Roads,
    cut: Threshold,
    end: int,
    *,
    step: int,
    late: Callable[[], bool],
    least: int = 1,
    until: float = -np.inf,
) -> tuple[Threshold, float]:
    """Move thresholds as long as less is let out by `end`, or until it is less than `until`, or it is `late`."""
    best, now = cut, value(roads, cut, end)
    while step >= least and now >= until and not late():
        for low, high in ((0, step), (step, 0)):
            new, less = best_of(roads, np.maximum(best.at - low, 0), np.minimum(best.at + high, end + 1), end)
            if less < now - 1e-9 * max(now, 1.0):
                best, now = new, less
                break
        else:
            step //= 2
    return best, now


def raised(
    roads: Roads,
    cut: Threshold,
    end: int,
    wanted: float,
    *,
    step: int,
    most: int,
    late: Callable[[], bool],
    least: int = 16,
) -> tuple[Threshold, int]:
    """Move thresholds and the end as long as fewer than `wanted` vehicles are out by then.

    The cut given must let out fewer by `end`; so does the one returned, by a later moment (at most `most`).
    When it is `late`, what is reached by then is enough.
    """
    first, to_sink = reach(roads)
    wanted *= 1.0 - 1e-7  # more than any rounding of sums

    best, now = cut, value(roads, cut, end)
    trimmed = Threshold(clamped(cut.at, end, first, to_sink), cut.full)
    if value(roads, trimmed, end) <= now:
        best, now = trimmed, value(roads, trimmed, end)
    while step >= least and not late():
        later = min(end + step, most)
        if later > end:
            new, out = best_of(roads, best.at, np.minimum(best.at + step, later + 1), later)
            if out < wanted:
                best, now, end = new, out, later
                continue
        for low, high in ((0, step), (step, 0)):
            new, out = best_of(roads, np.maximum(best.at - low, 0), np.minimum(best.at + high, end + 1), end)
            if out < now - 1e-7 * max(now, 1.0):
                best, now = new, out
                break
        else:
            step //= 2
    # What is left to the very last millisecond, thresholds kept.
    low, high = end, most
    while low + 1 < high:
        middle = (low + high) // 2
        if value(roads, best, middle) < wanted:
            low = middle
        else:
            high = middle
    return best, low
