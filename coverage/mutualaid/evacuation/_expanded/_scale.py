"""How long an evacuation takes about, and how finely to divide that."""

from __future__ import annotations

import numpy as np

from mutualaid.evacuation._expanded._cuts import reach
from mutualaid.evacuation._expanded._roads import FOREVER, Roads

__all__ = ["endless", "first_step", "guess_time", "last_event"]

#: Arcs of the first network expanded in time, about.
_FIRST_ARCS = 150_000


def last_event(roads: Roads) -> int:
    """When everything has opened, closed and become ready that ever does."""
    events = [np.zeros(1, dtype=np.int64), np.ceil(roads.release).astype(np.int64)]
    events += [roads.opens[1], roads.latest[1], roads.sink_opens[1], roads.sink_closes[1]]
    every = np.concatenate(events)
    return int(every[every < FOREVER].max())


def endless(roads: Roads) -> int:
    """By when everybody is out who ever can be, by far."""
    rates = np.concatenate([roads.rate, roads.sink_rate])
    slowest = rates[(rates > 0) & np.isfinite(rates)].min(initial=1.0)
    longest = last_event(roads) + int(roads.transit[1].sum()) + 4000.0 * (roads.vehicles + 1) / slowest
    return int(min(longest, float(FOREVER) / 4))


def guess_time(roads: Roads) -> int:
    """About how long it takes, to choose the steps by."""
    _, to_sink = reach(roads, windows=False)
    way = int(to_sink[roads.demand_node][to_sink[roads.demand_node] < FOREVER].max(initial=0))
    into = np.isin(roads.head, roads.sink_node[roads.sink_node >= 0])
    away = np.isin(roads.tail, roads.demand_node)
    rate = min(
        float(np.minimum(roads.rate[some], 10.0).sum()) if some.any() else np.inf for some in (into, away)
    )
    rate = rate if np.isfinite(rate) and rate > 0 else 1.0
    return int(way + 2000 * roads.vehicles / rate + roads.release[-1]) + 1000


def first_step(roads: Roads, guess: int) -> int:
    steps = int(np.clip(_FIRST_ARCS / max(len(roads.tail), 1), 24, 200))
    step = max(guess // steps, 1)
    # Round numbers of seconds: transits often are.
    for whole in (60_000, 30_000, 20_000, 15_000, 10_000, 5_000, 2_000, 1_000):
        if step >= whole:
            return step // whole * whole
    return step
