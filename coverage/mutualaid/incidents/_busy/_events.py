"""Calls and units one event after the other, compiled with numba."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from mutualaid.incidents._compiled import compiled

__all__ = ["run_events"]

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]


@compiled
def run_events(  # noqa: C901 one loop; functions of arrays that it changes would have to be compiled apart

    at: Float64, place: Int64, work: Float64,
    start: Int64, station: Int64, out: Float64, stay: Int64, subsidiary: Bool, own_in_time: Bool,
    first_unit: Int64, alike: Int64, group_start: Int64, group: Int64, group_stay: Int64,
    wait: bool, since: float, until: float,
    unit: Int64, pair: Int64, begin: Float64, busy: Float64,
) -> None:  # fmt: skip
    """Send units to calls; parameters as of `simulate_calls`, and what is found is left in the last four.

    Places that the same stations may serve queue together: ``alike`` is the queue of each place, and ``group_start``
    (stations + 1), ``group``, ``group_stay`` are the queues of each station with the units that must stay.
    """
    calls, stations, queues = len(at), len(first_unit) - 1, 0
    for k in range(len(alike)):
        queues = max(queues, alike[k] + 1)
    free = np.empty(stations, np.int64)
    home = np.ones(first_unit[stations], np.bool_)
    where = np.empty(first_unit[stations], np.int64)
    for s in range(stations):
        free[s] = first_unit[s + 1] - first_unit[s]
        for u in range(first_unit[s], first_unit[s + 1]):
            where[u] = s
    head, tail = np.full(queues, -1, np.int64), np.full(queues, -1, np.int64)
    behind = np.full(calls, -1, np.int64)
    waiting, call = 0, 0
    away = [(0.0, 0)]  # the compiler learns the types from it
    away.pop()
    while call < calls or (waiting > 0 and len(away) > 0):
        chosen, row, who, now = -1, -1, -1, 0.0
        if len(away) > 0 and (call >= calls or away[0][0] <= at[call]):
            now, who = heapq.heappop(away)
            s = where[who]
            home[who] = True
            free[s] += 1
            if waiting == 0:
                continue
            line = -1
            for k in range(group_start[s], group_start[s + 1]):
                g = group[k]
                if head[g] >= 0 and free[s] > group_stay[k] and (chosen < 0 or head[g] < chosen):
                    chosen, line = head[g], g
            if chosen < 0:
                continue
            head[line] = behind[chosen]
            waiting -= 1
            for k in range(start[place[chosen]], start[place[chosen] + 1]):
                if station[k] == s:
                    row = k
                    break
        else:
            chosen, now = call, at[call]
            call += 1
            spot = place[chosen]
            other = -1
            for k in range(start[spot], start[spot + 1]):
                if free[station[k]] <= stay[k]:
                    continue
                if row < 0:
                    row = k
                if other < 0 and not subsidiary[k]:
                    other = k
                if other == row:
                    break
                if own_in_time[k]:  # whoever would come only where there is none stays at home
                    row = other
                    break
            if row < 0 and wait and start[spot] < start[spot + 1]:
                g = alike[spot]
                if head[g] < 0:
                    head[g] = chosen
                else:
                    behind[tail[g]] = chosen
                tail[g] = chosen
                waiting += 1
            if row < 0:
                continue
            s = station[row]
            for u in range(first_unit[s], first_unit[s + 1]):
                if home[u]:
                    who = u
                    break
        home[who] = False
        free[s] -= 1
        back = now + out[row] + work[chosen]
        heapq.heappush(away, (back, who))
        unit[chosen], pair[chosen], begin[chosen] = who, row, now
        busy[who] += max(min(back, until) - max(now, since), 0.0)
