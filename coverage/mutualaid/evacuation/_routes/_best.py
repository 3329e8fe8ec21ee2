"""The best routes that are found in the time there is."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mutualaid.evacuation._routes._fewer import shortened, tidied
from mutualaid.evacuation._routes._forest import forests
from mutualaid.evacuation._routes._roads import Roads
from mutualaid.evacuation._routes._search import ENOUGH, Pieces, Search, shortest
from mutualaid.evacuation._routes._simple import held, proportional, spread, tree_ways

__all__ = ["best_pieces"]

Floats = NDArray[np.float64]
Int64 = NDArray[np.int64]

#: Parts of the horizon in which departures may begin and end, and share of capacity left free: from quick to exact.
_PASSES = ((1, 0.005), (1, 0.0), (4, 0.002), (8, 0.002), (16, 0.002), (16, 0.0))

#: Seconds, and share of the time limit, that each step of making routes fewer may take when the limit is reached.
_AFTERWARDS_S, _AFTERWARDS = 1.0, 0.05
#: Share of vehicles for which twice the time is not tried again.
_LITTLE = 2e-3


def best_pieces(
    roads: Roads,
    *,
    lower_s: float | Callable[[float], float] | None,
    vehicles: float | None,
    one_route: bool,
    gap: float,
    until: float,
    most_routes: int | None,
    found: Callable[[Pieces], None] | None,
) -> tuple[Pieces, tuple[str, ...]]:
    """Search ways, departures and rates; also say what a reader must know."""
    supply = roads.network.sources["vehicles"].to_numpy(np.float64).copy()
    ways = tree_ways(roads, roads.transit_s)
    supply[[not len(way) for way in ways]] = 0.0
    total = float(supply.sum())
    target = total if vehicles is None else min(vehicles, total)
    sources = np.flatnonzero(supply > 0)
    best = _Best(roads, target, found)
    if not target:
        return best.pieces, ()
    bound = _Bound(lower_s, gap, _soonest(roads, supply) if target == total else 0.0, target)
    notes: list[str] = []
    late = False
    longer = _AFTERWARDS_S + _AFTERWARDS * (until - time.monotonic())
    try:
        best.offer(proportional(roads, [ways[one] for one in sources], sources, supply[sources]))
        if one_route:
            now = time.monotonic()
            answers = forests(roads, supply, now + 0.3 * (until - now))
            for _, pieces in answers:
                best.offer(pieces)
            for at, (own, _) in enumerate(answers):
                search = Search(roads, supply, more_ways=False, until=until)
                search.add_ways((int(source), own[source]) for source in sources)
                now = time.monotonic()
                _improved(search, best, target, bound, gap, now + (until - now) / (len(answers) - at))
            late = time.monotonic() >= until
        else:
            search = Search(roads, supply, until=until)
            search.add_ways((int(source), ways[source]) for source in sources)
            more, of, parts = spread(roads, supply, until)
            best.offer(proportional(roads, more, of, parts))
            for way, source in zip(more, of, strict=True):
                search.ways.add(int(source), way)
            _improved(search, best, target, bound, gap, until)
            late = time.monotonic() >= until
            high = best.pieces.clearance_s
            horizon = high * (1 + gap / 4) if bound.goal_s is None else max(high, bound.goal_s)
            later = max(until, time.monotonic() + longer)
            best.pieces = tidied(roads, supply, best.pieces, horizon, gap, later)
            if most_routes is not None:
                later = max(until, time.monotonic() + longer)
                best.pieces = shortened(roads, supply, best.pieces, most_routes, gap, later)
                if len(best.pieces.edges) > most_routes:
                    notes.append(f"no plan with {most_routes} routes or fewer was found")
    except KeyboardInterrupt:
        notes.append("stopped by the user: the best plan until then")
    if late and (bound.goal_s is None or best.pieces.clearance_s > bound.goal_s * (1 + 1e-9)):
        notes.append("the time limit ended the search: a longer one may find a plan that clears sooner")
    return best.pieces, tuple(notes)


class _Best:
    """The best routes so far."""

    def __init__(self, roads: Roads, target: float, found: Callable[[Pieces], None] | None) -> None:
        self.roads, self.target, self.found = roads, target, found
        self.pieces = Pieces((), np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty(0), 0.0)

    def offer(self, pieces: Pieces) -> None:
        """Keep routes if they are better, and say so."""
        if _beats(pieces, self.pieces, self.target):
            self.pieces = held(self.roads, pieces)
            if self.found is not None:
                self.found(self.pieces)


class _Bound:
    """What is known of how long it takes at least, and when a plan is good enough."""

    def __init__(
        self, lower_s: float | Callable[[float], float] | None, gap: float, soonest_s: float, everybody: float
    ) -> None:
        self._lower, self._gap, self._soonest, self._everybody = lower_s, gap, soonest_s, everybody
        self._known: tuple[float, float] | None = None
        #: When a plan is good enough; None if only the search itself can tell.
        self.goal_s: float | None = None

    def least_s(self, vehicles: float) -> float:
        """Give the bound for so many vehicles, and set the goal by it."""
        # If not all get out, it need not be the last ones who do.
        soonest = self._soonest if vehicles >= self._everybody * ENOUGH else 0.0
        if self._lower is None:
            return soonest
        if self._known is None or self._known[0] != vehicles:
            lower = self._lower(vehicles) if callable(self._lower) else self._lower
            self._known = vehicles, max(lower, soonest)
        self.goal_s = self._known[1] * (1 + self._gap)
        return self._known[1]


def _improved(search: Search, best: _Best, target: float, bound: _Bound, gap: float, until: float) -> None:
    """Shorten the horizon, from a coarse grid of departures to a fine one."""
    if best.pieces.vehicles.sum() < target * ENOUGH:
        target = _most(search, target, 2 * best.pieces.clearance_s, until, best.offer)
    least = bound.least_s(target)
    goal = least if bound.goal_s is None else bound.goal_s
    for turn, (grid, spare) in enumerate(_PASSES):
        search.grid, search.spare = grid, min(spare, gap / 4)
        high = best.pieces.clearance_s
        if not target or high <= goal * (1 + 1e-9) or time.monotonic() > until:
            break
        start = max(high * (1 - gap if turn else 0.6), goal)
        shortest(search, target, least_s=least, most_s=high, goal_s=goal, start_s=start,
                 tolerance=max(gap / 4, 1e-4), until=until, found=best.offer)  # fmt: skip


def _soonest(roads: Roads, supply: Floats) -> float:
    """Give when the last vehicle arrives if nobody is in its way."""
    network = roads.network
    rest = roads.rest_s[network.sources["node"].to_numpy()]
    all_ready = network.release_s[np.argmax(network.released >= network.released[:, -1:], axis=1)]
    return float((rest + all_ready)[supply > 0].max(initial=0.0))


def _beats(pieces: Pieces, other: Pieces, target: float) -> bool:
    """Compare vehicles first, then time."""
    mine, others = min(pieces.vehicles.sum(), target), min(other.vehicles.sum(), target)
    if abs(mine - others) > 2e-6 * target:
        return bool(mine > others)
    return pieces.clearance_s < other.clearance_s


def _most(
    search: Search, target: float, first_s: float, until: float, found: Callable[[Pieces], None]
) -> float:
    """Find how many can get out at all."""
    network = search.roads.network
    times = np.concatenate([search.roads.opens_s, search.roads.closes_s, network.release_s])
    slow = float(times[np.isfinite(times)].max(initial=0.0))
    rest = search.roads.rest_s
    horizon = max(slow + 2 * float(rest[np.isfinite(rest)].max(initial=0.0)), first_s)
    served = before = 0.0
    closing = bool(np.isfinite(search.roads.closes_s[search.roads.usable]).any())
    grids = [1, 8] if closing else [1]
    while grids:
        search.grid = grids[0]
        most = search.most(horizon, target, until)
        if most.pieces is not None:
            served = max(served, most.served)
            found(most.pieces)
        if not most.known or served >= target * ENOUGH:
            break
        if most.served > before * (1 + _LITTLE):
            horizon *= 2
        else:
            grids.pop(0)
        before = max(before, most.served)
    return served * (1 - 1e-6)
