"""Column generation: rates that bring most vehicles out within a horizon, and the shortest horizon for a number.

At a given horizon, the program over the ways known so far has a price for each lane and moment; ways that pay under
these prices join, moments at which a capacity is exceeded get a row, until neither is found. The vehicles that one
more second would let out tell the next horizon to try (Newton's step on vehicles as a function of the horizon).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mutualaid.evacuation._routes._loads import lane_peaks, passing
from mutualaid.evacuation._routes._pricing import best_departures, cheapest_ways
from mutualaid.evacuation._routes._program import Columns, Late, Rates, Rows, Ways, solve
from mutualaid.evacuation._routes._roads import Roads

__all__ = ["ENOUGH", "Pieces", "Search", "pieces_of", "shortest"]

Floats = NDArray[np.float64]
Int64 = NDArray[np.int64]

#: Vehicles are all out if this share is; the rest is rounding of the program.
ENOUGH = 1 - 1e-7
_ROUNDS = 240
_GRID = 16
#: Nodes times shortest paths in one round of pricing.
_EFFORT = 4e7
#: The same between two looks at the clock: some tenths of a second.
_LOOK = 2e6
_WORTH = 1e-6
#: Columns that a source gets in one round.
_COLUMNS = 3
#: Columns beyond which those that are not used are dropped.
_MANY_COLUMNS = 600
#: How much longer departures are tried to be drawn out.
_STRETCH = 1.5
_EXCESS = 1e-9
#: Seconds, and share of the time left, that one horizon may take.
_PATIENCE_S, _PATIENCE = 2.0, 0.2


@dataclass(frozen=True, eq=False)
class Pieces:
    """Routes of constant rate: way (its edges, the last one of a sink), source, departures and rate of each."""

    edges: tuple[Int64, ...]
    source: Int64
    departs_s: Floats
    until_s: Floats
    vph: Floats
    clearance_s: float

    @property
    def vehicles(self) -> Floats:
        """Vehicles of each."""
        return self.vph * (self.until_s - self.departs_s) / 3600.0


@dataclass(frozen=True, eq=False)
class Most:
    """What gets out within a horizon: routes that hold, if any, their vehicles, how many more a second would let out.

    ``known``: the search was not cut off, so it is enough, or all that the ways with the present grid allow.
    """

    pieces: Pieces | None
    served: float
    grows: float
    known: bool


class Search:
    """Ways, columns and rows that grow from horizon to horizon.

    When it is `until`, by `time.monotonic`, whatever is being done is given up.
    """

    def __init__(
        self, roads: Roads, supply: Floats, *, more_ways: bool = True, until: float = math.inf
    ) -> None:
        self.roads, self.supply, self.more_ways, self.until = roads, supply, more_ways, until
        self.ways, self.columns, self.rows = Ways(roads), Columns(), Rows()
        self.grid, self.spare = 1, 0.0
        self.solves = 0
        ready = roads.network.released
        for source in np.flatnonzero((ready[:, 0] < ready[:, -1]) & (supply > 0)):
            for at, when in enumerate(roads.network.release_s):
                if when > 0 and ready[source, at] < ready[source, -1]:
                    self.rows.ready.add((float(when), int(source)))
        self._turn = 0

    def marks(self, horizon: float) -> Floats:
        """Give the times between which departures begin and end: of release, then of arrival, then never."""
        parts = horizon * np.arange(1, _GRID) / _GRID
        return np.concatenate([self.roads.network.release_s, parts, [np.inf]])

    def allowed(self) -> Int64:
        """Give the numbers of the marks of the present grid, the first (the alarm) and the last (never) included."""
        releases = len(self.roads.network.release_s)
        parts = np.arange(1, _GRID)[np.arange(1, _GRID) % (_GRID // self.grid) == 0]
        return np.concatenate([np.arange(releases), releases - 1 + parts, [releases - 1 + _GRID]])

    def add_ways(self, ways: Iterable[tuple[int, Int64]]) -> None:
        """Add ways, each with its source, with departures from the alarm on until the horizon."""
        never = len(self.roads.network.release_s) - 1 + _GRID
        self.columns.add([(self.ways.add(source, edges), 0, never) for source, edges in ways])

    def solve(self, horizon: float) -> Rates:
        """Solve the program as it stands."""
        self.solves += 1
        marks, releases = self.marks(horizon), len(self.roads.network.release_s)
        return solve(
            self.ways, self.columns, marks, releases, self.rows, horizon, self.supply, spare=self.spare,
            stop_at=self.until,
        )  # fmt: skip

    def most(
        self,
        horizon: float,
        target: float,
        until: float,
        *,
        accept_s: float = 0.0,
        found: Callable[[Pieces], None] | None = None,
    ) -> Most:
        """Bring `target` vehicles out within the horizon, or as many as can be.

        Rates that are too high at some moments are drawn out until they hold; `found` is called with what comes of
        that, and the search ends when it clears by `accept_s`.
        """
        best: Rates | None = None
        served: list[float] = []
        for _ in range(_ROUNDS):
            try:
                rates = self.solve(horizon)
            except Late:
                break
            enough = rates.served >= target * ENOUGH
            if rates.feasible:
                best = rates if best is None or rates.served > best.served else best
                served.append(rates.served)
                if enough or (len(served) > 8 and served[-1] - served[-8] < 1e-4 * target):
                    return self._outcome(best, True)
            elif enough and found is not None:
                drawn = _stretched(self, rates)
                if drawn is not None:
                    found(drawn)
                    if drawn.clearance_s <= accept_s:
                        return Most(drawn, float(drawn.vehicles.sum()), 0.0, True)
            self.rows.age(rates.binds)
            self.columns.age(rates.column, rates.vph, _MANY_COLUMNS + 2 * len(self.supply))
            if not rates.feasible:
                self.rows.add(rates.violated_lane, rates.violated_s)
                self.rows.ready.update(rates.violated_ready)
            try:
                new = 0 if enough else self.price(rates, horizon)
            except Late:
                break
            if rates.feasible and not new:
                return self._outcome(best, True)
            if time.monotonic() > until:
                break
        return self._outcome(best, False)

    def _outcome(self, rates: Rates | None, known: bool) -> Most:
        if rates is None:
            return Most(None, 0.0, 0.0, known)
        return Most(pieces_of(self, rates), rates.served, rates.grows, known)

    def price(self, rates: Rates, horizon: float) -> int:
        """Add columns that pay under the prices; give their number. Raises `Late` if time is over before."""
        roads = self.roads
        number, releases = self.allowed(), len(roads.network.release_s)
        times = self.marks(horizon)[number]
        arrives = number >= releases
        lane_start, row_time = rates.lane_start, rates.row_s
        summed = np.concatenate([[0.0], np.cumsum(rates.lane_price)])
        worth = 1 - rates.source_price
        sources = np.flatnonzero((self.supply > 0) & (worth > _WORTH))
        node = roads.network.sources["node"].to_numpy(np.int64)
        tasks: list[tuple[int, float, float]] = []
        spans = [(one, len(times) - 1) for one in range(len(times) - 1)]
        spans += list(pairwise([0, *range(releases, len(times) - 1)]))
        for one, other in spans:
            begin = times[one] - np.where(arrives[one], roads.rest_s[node[sources]], 0.0)
            end = times[other] - np.where(arrives[other], roads.rest_s[node[sources]], 0.0)
            tasks += list(zip(sources, np.maximum(begin, 0.0), end, strict=True))
        room = max(len(sources), int(_EFFORT // max(len(roads.rest_s), 1)))
        if len(tasks) > room:  # the whole time always, the rest in turn
            rest = tasks[len(sources) :]
            count = max(room - len(sources), len(sources))
            at = (self._turn + np.arange(count)) % len(rest)
            self._turn = (self._turn + count) % len(rest)
            tasks = tasks[: len(sources)] + [rest[one] for one in at]
        together = max(int(_LOOK // max(len(roads.rest_s), 1)), 1)
        for begun in range(0, len(tasks) if self.more_ways else 0, together):
            if time.monotonic() > self.until:
                raise Late
            some = tasks[begun : begun + together]
            task_source = np.array([one for one, _, _ in some], dtype=np.int64)
            starts, edges = cheapest_ways(
                node[task_source], task_source,
                np.array([one for _, one, _ in some]), np.array([one for _, _, one in some]),
                horizon, worth, roads.load, rates.room_price, rates.release_s, rates.release_price,
                roads.end, roads.network.n_edges, roads.out_start, roads.out_edge, roads.head, roads.transit_s,
                roads.opens_s, roads.closes_s, roads.lane, roads.rest_s, lane_start, row_time, summed,
            )  # fmt: skip
            for task, source in enumerate(task_source.tolist()):
                if starts[task + 1] > starts[task]:
                    self.ways.add(source, edges[starts[task] : starts[task + 1]].copy())
        if not len(self.ways):
            return 0
        first, lanes, offset, way_source, sink, drive, opens, closes = self.ways.flat
        best, since, to = best_departures(
            first, lanes, offset, way_source, sink, opens, np.minimum(closes, horizon - drive),
            drive, times, arrives & np.isfinite(times), worth, roads.load, rates.room_price,
            rates.release_s, rates.release_price, lane_start, row_time, summed,
        )  # fmt: skip
        order = np.argsort(-best, kind="stable")
        taken: dict[int, int] = {}
        chosen = []
        for way in order:
            if best[way] <= _WORTH * horizon / 3600.0:
                break
            leaves = int(way_source[way])
            if taken.get(leaves, 0) < _COLUMNS:
                taken[leaves] = taken.get(leaves, 0) + 1
                chosen.append((int(way), int(number[since[way]]), int(number[to[way]])))
        return self.columns.add(chosen)


def _stretched(search: Search, rates: Rates) -> Pieces | None:
    """Draw departures out, at rates as much lower, until no capacity is exceeded; None if that fails.

    Nobody leaves earlier by that, so who left when ready still does; closures are checked.
    """
    roads = search.roads
    pieces = pieces_of(search, rates)
    if rates.violated_ready or not len(pieces.edges):
        return None
    starts, edges, offsets, last = _along(roads, pieces.edges)
    drive = np.array([roads.transit_s[way].sum() for way in pieces.edges])
    factor = 1.0
    for _ in range(6):
        departs, until, vph = pieces.departs_s * factor, pieces.until_s * factor, pieces.vph / factor
        if (until > last).any() or factor > _STRETCH:
            return None
        lane, _, flow = lane_peaks(passing(starts, roads.lane[edges], offsets, departs, until, vph))
        over = float((flow / roads.lane_vph[lane]).max(initial=0.0))
        if over <= 1 + _EXCESS:
            clearance = float((until + drive).max())
            return Pieces(pieces.edges, pieces.source, departs, until, vph, clearance)
        factor *= over * 1.001
    return None


def _along(roads: Roads, ways: tuple[Int64, ...]) -> tuple[Int64, Int64, Floats, Floats]:
    """Lay ways end to end: where each begins, edges, seconds until each edge, and last departure of each way."""
    starts = np.concatenate([[0], np.cumsum([len(way) for way in ways])]).astype(np.int64)
    arrives = [np.cumsum(roads.transit_s[way]) for way in ways]
    offsets = [after - roads.transit_s[way] for after, way in zip(arrives, ways, strict=True)]
    last = [np.min(roads.closes_s[way] - after) for after, way in zip(arrives, ways, strict=True)]
    return starts, np.concatenate(ways), np.concatenate(offsets), np.array(last)


def pieces_of(search: Search, rates: Rates) -> Pieces:
    """Take the routes that have a rate."""
    used = np.flatnonzero(rates.vph * (rates.until_s - rates.departs_s) > 1e-6 * 3600)
    way = rates.way[used]
    flat = search.ways.flat
    clearance = float((rates.until_s[used] + flat[5][way]).max(initial=0.0))
    return Pieces(
        tuple(search.ways.edges[one] for one in way), flat[3][way], rates.departs_s[used],
        rates.until_s[used], rates.vph[used], clearance,
    )  # fmt: skip


def shortest(
    search: Search,
    target: float,
    *,
    least_s: float,
    most_s: float,
    goal_s: float,
    start_s: float,
    tolerance: float,
    until: float,
    found: Callable[[Pieces], None],
) -> float:
    """Find the shortest horizon in which `target` vehicles get out with the present grid.

    Starts at `start_s` and stops when `goal_s` is reached, when less than `tolerance` lies between what is possible
    and what is not, or when the time is over. An attempt that takes long is given up as if it were not possible. Calls
    `found` with each improvement. Returns the shortest horizon that it found.
    """
    low, high = least_s, most_s

    def better(pieces: Pieces) -> None:
        nonlocal high
        if pieces.vehicles.sum() >= target * (ENOUGH - 1e-6):
            high = min(high, pieces.clearance_s)
        found(pieces)

    horizon = min(max(start_s, low), high)
    while time.monotonic() < until:
        now = time.monotonic()
        budget = now + max(_PATIENCE_S, _PATIENCE * (until - now))
        before = high
        accept = max(goal_s, min(horizon * (1 + tolerance), high * (1 - tolerance)))
        most = search.most(horizon, target, min(until, budget), accept_s=accept, found=better)
        if most.pieces is not None and most.served >= target * ENOUGH:
            better(most.pieces)
            if high <= goal_s * (1 + 1e-9) or high >= before:
                break
            horizon = max(low + 0.4 * (high - low), min(goal_s, low + 0.8 * (high - low)))
        else:
            low = max(low, min(horizon, high))
            step = 0.5 * (high - low)
            if most.grows > 0:
                step = (target - most.served) / most.grows * 1.02 + 0.2 * tolerance * horizon
            horizon = min(low + step, low + 0.6 * (high - low))
        if high - low <= tolerance * low:
            break
    return high
