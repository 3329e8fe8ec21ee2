"""The program that gives routes their rates: columns are ways with departures, rows are lanes at moments.

A lane's flow is constant between the moments when some route begins or ceases to enter it, so it is enough that the
capacity holds at these. Only those rows are kept that some solution needed; every solution is checked against all
moments, so what is called feasible is.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import coo_array, csr_array, vstack

from mutualaid.evacuation._compiled import compiled
from mutualaid.evacuation._routes._loads import lane_peaks, passing
from mutualaid.evacuation._routes._pricing import HOUR_S, INSTANT_S
from mutualaid.evacuation._routes._roads import Roads

__all__ = ["Columns", "Late", "Rates", "Rows", "Ways", "solve", "timed"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Int64 = NDArray[np.int64]

_SHORTEST_S = 1e-3
#: Flow above a capacity, as a share of it, that is rounding.
_ROUNDING = 2e-7
#: Solutions for which a row may be idle; mark of a row that is not dropped again.
_IDLE, _STAYS = 4, -1
#: What a drive as long as the horizon counts, and a departure in no time, in vehicles: short ways and long
#: departures come first, and the rates stay put from solution to solution.
_DRIVE, _HASTE, _MOST_HASTE = 1e-3, 1e-3, 50.0
#: Moments of a lane that get a row at a time.
_MOMENTS = 3
#: Status of `linprog`; the number of its iterations has no limit here.
_OUT_OF_TIME = 1


class Late(Exception):  # noqa: N818 - no error: the time is over
    """The time allowed is over."""


class Ways:
    """Ways from sources to sinks, each listed once, with what does not depend on the time of departure."""

    def __init__(self, roads: Roads) -> None:
        self.roads = roads
        self.edges: list[Int64] = []
        self.source: list[int] = []
        self._known: dict[tuple[int, bytes], int] = {}
        self._flat: tuple[Int64, Int64, Floats, Int64, Int64, Floats, Floats, Floats] | None = None

    def __len__(self) -> int:
        return len(self.edges)

    def add(self, source: int, edges: Int64) -> int:
        """Add a way that ends with the edge of a sink, if it is new; give its number."""
        key = (source, edges.tobytes())
        if key not in self._known:
            self._known[key] = len(self.edges)
            self.edges.append(edges)
            self.source.append(source)
            self._flat = None
        return self._known[key]

    @property
    def flat(self) -> tuple[Int64, Int64, Floats, Int64, Int64, Floats, Floats, Floats]:
        """Starts, lane and offset of each edge; source, sink, drive, first and last departure of each way."""
        if self._flat is None:
            roads = self.roads
            lengths = [len(edges) for edges in self.edges]
            starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
            edges = np.concatenate(self.edges) if self.edges else np.empty(0, np.int64)
            offset, drive, first, last = timed(starts, edges, roads.transit_s, roads.opens_s, roads.closes_s)
            source = np.array(self.source, dtype=np.int64)
            sink = edges[starts[1:] - 1] - roads.network.n_edges
            self._flat = (starts, roads.lane[edges], offset, source, sink, drive, first, last)
        return self._flat


@compiled
def timed(
    starts: Int64, edges: Int64, transit: Floats, opens: Floats, closes: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Give the offset of each edge on its way, and drive, first and last departure of each way."""
    ways = len(starts) - 1
    offset, drive = np.empty(len(edges)), np.zeros(ways)
    first, last = np.zeros(ways), np.full(ways, np.inf)
    for way in range(ways):
        gone = 0.0
        for at in range(starts[way], starts[way + 1]):
            edge = edges[at]
            offset[at] = gone
            first[way] = max(first[way], opens[edge] - gone)
            gone += transit[edge]
            last[way] = min(last[way], closes[edge] - gone)
        drive[way] = gone
    return offset, drive, first, last


class Columns:
    """Ways with departures from one mark to another; the last mark is never, and means until the horizon.

    Columns that had no rate for some solutions in a row are dropped when there are many; if they are worth it, they
    come back.
    """

    def __init__(self) -> None:
        self.way, self.since, self.to = (np.empty(0, np.int64) for _ in range(3))
        self._idle = np.empty(0, np.int64)
        self._known: set[tuple[int, int, int]] = set()

    def __len__(self) -> int:
        return len(self.way)

    def add(self, columns: list[tuple[int, int, int]]) -> int:
        """Add columns (way, first mark, last mark) that are new; give their number."""
        new = [one for one in dict.fromkeys(columns) if one not in self._known]
        self._known.update(new)
        parts = np.array(new, dtype=np.int64).reshape(-1, 3).T
        old = (self.way, self.since, self.to)
        self.way, self.since, self.to = (np.concatenate(one) for one in zip(old, parts, strict=True))
        self._idle = np.concatenate([self._idle, np.zeros(len(new), np.int64)])
        return len(new)

    def age(self, column: Int64, vph: Floats, many: int) -> None:
        """Count for how many solutions columns had no rate, and drop idle ones if there are many."""
        self._idle += 1
        self._idle[column[vph > 0]] = 0
        if len(self.way) > many:
            keep = self._idle < 2 * _IDLE
            gone = np.flatnonzero(~keep)
            self._known.difference_update(
                zip(self.way[gone].tolist(), self.since[gone].tolist(), self.to[gone].tolist(), strict=True)
            )
            self.way, self.since, self.to, self._idle = (
                values[keep] for values in (self.way, self.since, self.to, self._idle)
            )


class Rows:
    """Moments of lanes, and moments of release of sources, that have a row.

    A row that did not bind for some solutions in a row is dropped, so that the program stays small; one that comes
    back stays.
    """

    def __init__(self) -> None:
        self.lane, self.time_s = np.empty(0, np.int64), np.empty(0, np.float64)
        self.ready: set[tuple[float, int]] = set()
        self._idle = np.empty(0, np.int64)
        self._dropped: set[tuple[int, float]] = set()

    def add(self, lane: Int64, time_s: Floats) -> None:
        """Add moments, and sort all by lane, then time."""
        back = [key in self._dropped for key in zip(lane.tolist(), time_s.tolist(), strict=True)]
        idle = np.concatenate([self._idle, np.where(np.array(back, dtype=bool), _STAYS, 0)])
        lane, time_s = np.concatenate([self.lane, lane]), np.concatenate([self.time_s, time_s])
        order = np.lexsort((idle, time_s, lane))
        lane, time_s, idle = lane[order], time_s[order], idle[order]
        new = np.ones(len(lane), bool)
        new[1:] = (lane[1:] != lane[:-1]) | (time_s[1:] != time_s[:-1])
        self.lane, self.time_s, self._idle = lane[new], time_s[new], idle[new]

    def age(self, binds: Bools) -> None:
        """Count for how many solutions rows have not bound, and drop those that are idle."""
        self._idle = np.where(self._idle < 0, self._idle, np.where(binds, 0, self._idle + 1))
        keep = self._idle < _IDLE
        gone = zip(self.lane[~keep].tolist(), self.time_s[~keep].tolist(), strict=True)
        self._dropped.update(gone)
        self.lane, self.time_s, self._idle = self.lane[keep], self.time_s[keep], self._idle[keep]

    def starts(self, lanes: int) -> Int64:
        """Give where the rows of each lane begin."""
        return np.searchsorted(self.lane, np.arange(lanes + 1)).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Rates:
    """Departures and rates of columns, and prices.

    Attributes
    ----------
    way, departs_s, until_s, vph
        (c,) of the columns that mean something at this horizon.
    column
        (c,) number of each in `Columns`.
    served
        Vehicles that get out.
    source_price, room_price, lane_price
        What one more vehicle, person of room, or vehicle an hour would bring.
    release_s, release_price
        (k,) moments of release that have rows; (s, k) what one more vehicle that is ready by then would bring.
    lane_start, row_s, binds
        The moments that had a row, by lane, and which of them were full.
    grows
        Vehicles that one more second would let out, by these prices.
    violated_lane, violated_s
        Moments when a capacity is exceeded.
    violated_ready
        Moment and source, where more have left than are ready.
    """

    way: Int64
    departs_s: Floats
    until_s: Floats
    vph: Floats
    column: Int64
    served: float
    source_price: Floats
    release_s: Floats
    release_price: Floats
    room_price: Floats
    lane_start: Int64
    row_s: Floats
    lane_price: Floats
    binds: Bools
    grows: float
    violated_lane: Int64
    violated_s: Floats
    violated_ready: tuple[tuple[float, int], ...]

    @property
    def feasible(self) -> bool:
        """Whether the rates hold at all moments."""
        return not len(self.violated_lane) and not self.violated_ready


def _optimum(wish: Floats, matrix: csr_array, limit: Floats, until: float) -> tuple[Floats, Floats]:
    """Give the rates of least wish within the limits, and what one more of each limit would bring."""
    given: Any = matrix
    left = until - time.monotonic()
    if left <= 0:
        raise Late
    options: Any = {"time_limit": left} if math.isfinite(left) else {}
    found = linprog(wish, A_ub=given, b_ub=limit, method="highs-ds", options=options)
    if found.status == _OUT_OF_TIME:  # what it has by then is no solution
        raise Late
    if found.x is None:
        raise RuntimeError(f"rates of routes: {found.message}")
    return np.maximum(found.x, 0.0), np.maximum(-found.ineqlin.marginals, 0.0)


@compiled
def _lane_entries(
    way: Int64, departs: Floats, until: Floats, starts: Int64, lanes: Int64, offsets: Floats,
    lane_start: Int64, row_time: Floats,
) -> tuple[Int64, Int64]:  # fmt: skip
    """List row and column wherever the flow of a column is in a lane at a moment."""
    rows, columns, size = np.empty(4096, np.int64), np.empty(4096, np.int64), 0
    for column in range(len(way)):
        for at in range(starts[way[column]], starts[way[column] + 1]):
            first, end = lane_start[lanes[at]], lane_start[lanes[at] + 1]
            enters, leaves = departs[column] + offsets[at], until[column] + offsets[at] - INSTANT_S
            for row in range(first, end):
                if row_time[row] >= leaves:
                    break
                if row_time[row] >= enters:
                    if size == len(rows):
                        more, others = np.empty(2 * size, np.int64), np.empty(2 * size, np.int64)
                        more[:size], others[:size] = rows, columns
                        rows, columns = more, others
                    rows[size], columns[size] = row, column
                    size += 1
    return rows[:size], columns[:size]


def solve(
    ways: Ways,
    columns: Columns,
    marks: Floats,
    releases: int,
    rows: Rows,
    horizon: float,
    supply: Floats,
    *,
    spare: float = 0.0,
    stop_at: float = math.inf,
) -> Rates:
    """Give the columns rates, so that most vehicles get out within the horizon and the rows hold.

    The share `spare`
    of capacities is left free at the moments that have a row, so that others hold without one. Raises `Late` if that
    is not done by then (`time.monotonic`).
    """
    roads = ways.roads
    starts, lanes, offsets, source, sink, drive, first, last = ways.flat
    way, since, to = columns.way, columns.since, columns.to
    departs = np.maximum(marks[since] - np.where(since >= releases, drive[way], 0.0), first[way])
    limit = np.minimum(last[way], horizon - drive[way])
    wished = marks[to] - np.where(to >= releases, drive[way], 0.0)
    until = np.minimum(wished, limit)
    column = np.flatnonzero(until - departs > _SHORTEST_S)
    way, departs, until = way[column], departs[column], until[column]
    elastic = until == (horizon - drive[way])
    hours = (until - departs) / HOUR_S
    n, s, j = len(way), len(supply), len(roads.room)
    if not n:
        none, empty = np.empty(0, np.int64), np.empty(0)
        return Rates(
            way, departs, until, empty, column, 0.0, np.zeros(s), empty, np.zeros((s, 0)), np.zeros(j),
            rows.starts(len(roads.lane_vph)), rows.time_s, np.zeros(len(rows.lane)),
            np.zeros(len(rows.lane), bool), 0.0, none, empty, (),
        )  # fmt: skip
    each = np.arange(n)
    blocks = [coo_array((hours, (source[way], each)), shape=(s, n))]
    limits = [supply]
    ready = sorted(rows.ready)
    release_s = np.unique([when for when, _ in ready])
    if ready:
        blocks.append(_ready_rows(ready, release_s, source[way], departs, until, s))
        limits.append(np.array([float(_ready(roads, one, np.array([when]))[0]) for when, one in ready]))
    finite = np.flatnonzero(np.isfinite(roads.room))
    carried = coo_array((hours * roads.load[source[way]], (sink[way], each)), shape=(j, n))
    blocks.append(carried.tocsr()[finite].tocoo())
    limits.append(roads.room[finite])
    lane_start = rows.starts(len(roads.lane_vph))
    row, at_column = _lane_entries(way, departs, until, starts, lanes, offsets, lane_start, rows.time_s)
    blocks.append(coo_array((np.ones(len(row)), (row, at_column)), shape=(len(rows.lane), n)))
    limits.append(roads.lane_vph[rows.lane] * (1 - spare))
    limit_of = np.concatenate(limits)
    hasty = np.minimum(limit[column] / HOUR_S, _MOST_HASTE * hours)
    wish = hours * (_DRIVE * drive[way] / horizon - 1) + _HASTE * hasty
    matrix = csr_array(vstack(blocks, format="csr"))
    rate, prices = _optimum(wish, matrix, limit_of, stop_at)
    source_price = prices[:s]
    release_price = np.zeros((s, len(release_s)))
    at_ready = np.searchsorted(release_s, [when for when, _ in ready])
    release_price[[one for _, one in ready], at_ready] = prices[s : s + len(ready)]
    room_price = np.zeros(j)
    room_price[finite] = prices[s + len(ready) : s + len(ready) + len(finite)]
    lane_price = prices[s + len(ready) + len(finite) :]
    full = np.asarray(matrix @ rate) >= limit_of * (1 - 1e-6)
    value = 1 - source_price[source[way]] - room_price[sink[way]] * roads.load[source[way]]
    grows = float((rate * value)[elastic].sum() / HOUR_S)
    used = np.flatnonzero(rate > 1e-9)
    lane, time_s = _violations(roads, ways, way[used], departs[used], until[used], rate[used])
    return Rates(
        way, departs, until, rate, column, float(hours @ rate), source_price, release_s, release_price,
        room_price, lane_start, rows.time_s, lane_price,
        full[s + len(ready) + len(finite) :], grows, lane, time_s,
        _early(roads, source[way[used]], departs[used], until[used], rate[used]),
    )  # fmt: skip


def _ready_rows(
    ready: list[tuple[float, int]], times: Floats, source: Int64, departs: Floats, until: Floats, sources: int
) -> coo_array:
    """Say how many vehicles of a source each column's unit of rate has sent off by a moment that has a row."""
    entries: list[tuple[Floats, Int64, Int64]] = []
    at = {key: row for row, key in enumerate(ready)}
    for moment in times:
        row = np.array([at.get((float(moment), one), -1) for one in range(sources)])[source]
        some = np.flatnonzero((row >= 0) & (departs < moment))
        entries.append(((np.minimum(until, moment) - departs)[some] / HOUR_S, row[some], some))
    left, row, column = (np.concatenate(parts) for parts in zip(*entries, strict=True))
    return coo_array((left, (row, column)), shape=(len(ready), len(source)))


def _ready(roads: Roads, source: int, times_s: Floats) -> Floats:
    """Give the vehicles of a source that are ready by these times."""
    ready: Floats = np.interp(times_s, roads.network.release_s, roads.network.released[source])
    return ready


def _early(
    roads: Roads, source: Int64, departs: Floats, until: Floats, vph: Floats
) -> tuple[tuple[float, int], ...]:
    """Find for each source the moment when most above those who are ready have left."""
    found = []
    ready = roads.network.released
    for one in np.flatnonzero(ready[:, 0] < ready[:, -1]):
        mine = source == one
        begin, end, rate = departs[mine], until[mine], vph[mine] / HOUR_S
        times = np.unique(np.concatenate([begin, end, roads.network.release_s]))
        left = (np.clip(times[:, None], begin, end) - begin) @ rate
        over = left - _ready(roads, int(one), times)
        worst = int(np.argmax(over))
        if over[worst] > _ROUNDING * (1 + ready[one, -1]):
            found.append((float(times[worst]), int(one)))
    return tuple(found)


def _violations(
    roads: Roads, ways: Ways, way: Int64, departs: Floats, until: Floats, vph: Floats
) -> tuple[Int64, Floats]:
    """Find the moments when each lane carries most above its capacity: the worst, and the last of those."""
    starts, lanes, offsets = ways.flat[:3]
    count = starts[way + 1] - starts[way]
    bounds = np.concatenate([[0], np.cumsum(count)])
    at = np.arange(bounds[-1]) + np.repeat(starts[way] - bounds[:-1], count)
    lane, time_s, flow = lane_peaks(passing(bounds, lanes[at], offsets[at], departs, until, vph))
    over = (flow > roads.lane_vph[lane] * (1 + _ROUNDING) + _ROUNDING) & roads.binds[lane]
    return _worst(lane[over], time_s[over], flow[over])


def _worst(lane: Int64, time_s: Floats, vph: Floats) -> tuple[Int64, Floats]:
    """Choose some moments of each lane: the worst, then the worst of those well before and well after."""
    lanes, moments = [], []
    bounds = np.concatenate([[0], np.flatnonzero(lane[1:] != lane[:-1]) + 1, [len(lane)]])
    for begin, end in pairwise(bounds) if len(lane) else ():
        times, flows = time_s[begin:end], vph[begin:end].copy()
        apart = (times[-1] - times[0]) / (2 * _MOMENTS)
        for _ in range(_MOMENTS):
            at = int(np.argmax(flows))
            if flows[at] < 0:
                break
            lanes.append(lane[begin])
            moments.append(times[at])
            flows[np.abs(times - times[at]) <= apart] = -1.0
    return np.array(lanes, dtype=np.int64), np.array(moments, dtype=np.float64)
