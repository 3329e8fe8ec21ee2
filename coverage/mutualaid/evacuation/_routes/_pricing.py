"""The way and the departures that a program of rates lacks most, found by shortest paths over its prices.

A price belongs to a lane at a moment: what one more vehicle an hour in that lane, at that moment, would cost. Who
leaves from a to b and is o seconds on the way when an edge begins is on it from a + o to b + o, and pays the prices of
the moments between. So the price of an edge depends on when it is reached, and the cheapest way is found with labels
that carry their time. Each node keeps its cheapest label only: a dearer one that is there at a better time is lost.
What is found is then valued exactly; that a way was overlooked can only leave a plan a little longer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mutualaid.evacuation._compiled import compiled
from mutualaid.evacuation._routes._heap import pop, push, regrown

__all__ = ["HOUR_S", "INSTANT_S", "best_departures", "cheapest_ways"]

Floats = NDArray[np.float64]
Int64 = NDArray[np.int64]

HOUR_S = 3600.0
#: Overlaps shorter than this are rounding.
INSTANT_S = 1e-6
#: Departures that last less are no route.
_SHORTEST_S = 1e-3


@compiled
def _first_at(times: Floats, start: int, end: int, moment: float) -> int:
    while start < end:
        middle = (start + end) >> 1
        if times[middle] < moment:
            start = middle + 1
        else:
            end = middle
    return start


@compiled
def _charged(
    lane_start: Int64, row_time: Floats, summed: Floats, lane: int, enters: float, leaves: float
) -> float:
    """Sum the prices of a lane at the moments from `enters` to just before `leaves`."""
    start, end = lane_start[lane], lane_start[lane + 1]
    if start == end or leaves <= enters:
        return 0.0
    first = _first_at(row_time, start, end, enters)
    last = _first_at(row_time, first, end, leaves - INSTANT_S)
    return float(summed[last] - summed[first])


@compiled
def _worth(each: float, times: Floats, prices: Floats, departs: float, until: float) -> float:
    """Value a rate of one vehicle an hour for those departures, before roads are paid for.

    `each` is what a vehicle is worth; `prices` what leaving before each of `times` costs it.
    """
    value = each * (until - departs)
    for at in range(len(times)):
        if times[at] > departs:
            value -= prices[at] * (min(times[at], until) - departs)
    return value / HOUR_S


@compiled
def cheapest_ways(  # noqa: C901 - one loop, as the compiler likes it
    task_node: Int64,
    task_source: Int64,
    task_from: Floats,
    task_to: Floats,
    horizon: float,
    vehicle_worth: Floats,
    load: Floats,
    room_price: Floats,
    release_s: Floats,
    release_price: Floats,
    end: int,
    n_roads: int,
    out_start: Int64,
    out_edge: Int64,
    head: Int64,
    transit: Floats,
    opens: Floats,
    closes: Floats,
    lane: Int64,
    rest: Floats,
    lane_start: Int64,
    row_time: Floats,
    summed: Floats,
) -> tuple[Int64, Int64]:
    """Find for each task (source, departures from … to) the cheapest way to a sink.

    Returns where the way of each task begins (and after the last, ends) in the array of edges; a task without a way
    that is worth anything has none.
    """
    nodes = len(rest)
    cost, offset = np.empty(nodes), np.empty(nodes)
    first, last = np.empty(nodes), np.empty(nodes)
    by, seen = np.empty(nodes, np.int64), np.full(nodes, -1)
    done = np.full(nodes, -1)
    before = np.empty(nodes, np.int64)
    keys, items = np.empty(1024, np.float64), np.empty(1024, np.int64)
    starts = np.zeros(len(task_node) + 1, np.int64)
    ways = np.empty(1024, np.int64)
    length = 0
    for task in range(len(task_node)):
        source, origin = task_source[task], task_node[task]
        starts[task + 1] = length
        latest = min(task_to[task], horizon - rest[origin])
        if not latest - task_from[task] > _SHORTEST_S:
            continue
        most = _worth(vehicle_worth[source], release_s, release_price[source], task_from[task], latest)
        if most <= 0:
            continue
        each = most / (latest - task_from[task])
        cost[origin], offset[origin], first[origin], last[origin] = 0.0, 0.0, task_from[task], latest
        by[origin], seen[origin], before[origin] = -1, task, -1
        size = push(keys, items, 0, 0.0, origin)
        while size:
            key, node = keys[0], items[0]
            size = pop(keys, items, size)
            if done[node] == task or key > cost[node]:
                continue
            done[node] = task
            if node == end or key >= most:
                break
            gone, starts_s, ends_s = offset[node], first[node], last[node]
            for at in range(out_start[node], out_start[node + 1]):
                edge = out_edge[at]
                to = head[edge]
                if done[to] == task or rest[to] == np.inf:
                    continue
                after = gone + transit[edge]
                lo = max(starts_s, opens[edge] - gone)
                hi = min(ends_s, closes[edge] - after, horizon - after - rest[to])
                if not hi - lo > _SHORTEST_S:
                    continue
                value = (
                    key
                    + each * ((ends_s - starts_s) - (hi - lo))
                    + _charged(lane_start, row_time, summed, lane[edge], lo + gone, hi + gone)
                    + 1e-9 * (hi - lo) / HOUR_S  # among ways of one price, few edges
                )
                if edge >= n_roads:
                    value += room_price[edge - n_roads] * load[source] * (hi - lo) / HOUR_S
                if seen[to] != task or value < cost[to]:
                    cost[to], offset[to], first[to], last[to] = value, after, lo, hi
                    by[to], seen[to], before[to] = edge, task, node
                    if size == len(keys):
                        keys, items = regrown(keys, items, size)
                    size = push(keys, items, size, value, to)
        if done[end] != task or cost[end] >= most:
            continue
        node, begun = end, length
        while by[node] >= 0:
            if length == len(ways):
                longer = np.empty(2 * length, np.int64)
                longer[:length] = ways
                ways = longer
            ways[length] = by[node]
            length += 1
            node = before[node]
        ways[begun:length] = ways[begun:length][::-1].copy()
        starts[task + 1] = length
    return starts, ways[:length]


@compiled
def best_departures(
    path_start: Int64,
    path_lane: Int64,
    path_offset: Floats,
    path_source: Int64,
    path_sink: Int64,
    path_first: Floats,
    path_last: Floats,
    path_drive: Floats,
    mark_s: Floats,
    mark_arrives: NDArray[np.bool_],
    vehicle_worth: Floats,
    load: Floats,
    room_price: Floats,
    release_s: Floats,
    release_price: Floats,
    lane_start: Int64,
    row_time: Floats,
    summed: Floats,
) -> tuple[Floats, Int64, Int64]:
    """Give each path's most valuable departures between two marks: reduced value of a rate of one, and the marks.

    The first mark is the alarm, the last one never. At a mark that ``arrives``, not the departure is meant but the
    arrival; departures end only at these, so that flows which use one road after different ways end there together,
    and few moments need a row.
    """
    paths = len(path_source)
    best, best_from, best_to = np.zeros(paths), np.full(paths, -1), np.full(paths, -1)
    priced_lane, priced_offset = np.empty(64, np.int64), np.empty(64)
    for path in range(paths):
        source, sink = path_source[path], path_sink[path]
        priced = 0
        for at in range(path_start[path], path_start[path + 1]):
            lane = path_lane[at]
            if summed[lane_start[lane + 1]] > summed[lane_start[lane]]:
                if priced == len(priced_lane):
                    lanes, offsets = np.empty(2 * priced, np.int64), np.empty(2 * priced)
                    lanes[:priced], offsets[:priced] = priced_lane, priced_offset
                    priced_lane, priced_offset = lanes, offsets
                priced_lane[priced], priced_offset[priced] = lane, path_offset[at]
                priced += 1
        for one in range(len(mark_s) - 1):
            departs = mark_s[one] - (path_drive[path] if mark_arrives[one] else 0.0)
            if one and departs <= path_first[path]:
                continue
            departs = max(departs, path_first[path])
            for other in range(len(mark_s) - 1, 0, -1):
                if other < len(mark_s) - 1 and not mark_arrives[other]:
                    break
                until = mark_s[other] - (path_drive[path] if mark_arrives[other] else 0.0)
                if other < len(mark_s) - 1 and until >= path_last[path]:
                    continue
                until = min(until, path_last[path])
                if not until - departs > _SHORTEST_S:
                    continue
                value = _worth(vehicle_worth[source], release_s, release_price[source], departs, until)
                value -= room_price[sink] * load[source] * (until - departs) / HOUR_S
                for at in range(priced):
                    if value <= best[path]:
                        break
                    gone = priced_offset[at]
                    value -= _charged(
                        lane_start, row_time, summed, priced_lane[at], departs + gone, until + gone
                    )
                if value > best[path]:
                    best[path], best_from[path], best_to[path] = value, one, other
    return best, best_from, best_to
