"""Where positions on roads touch the graph: how a vehicle leaves them, and how it arrives."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.errors import Defect, NetworkError
from mutualaid.network._graph import MAX_MS, RouteGraph, pack

__all__ = [
    "Direct",
    "Links",
    "Positions",
    "arrivals",
    "departures",
    "direct",
    "group",
    "members",
    "positions",
]

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Positions:
    """Positions that take part in travel times: rows of a frame made by `snap` whose status is ``ok``.

    ``row`` is the row in the frame, ``index`` labels all of its rows. ``slowed`` is what a hazard leaves of the road
    on both sides, if the frame states it; else a position costs its share of the road as it is now, and none on a
    closed road is reached.
    """

    index: pd.Index
    row: Int64
    road: Int64
    fraction: Float
    slowed: Slowed | None


@dataclass(frozen=True, eq=False)
class Slowed:
    """What a hazard leaves of the roads on which positions lie.

    All times are shares of that of the whole road before the hazard. ``share`` (p, 2) is the time from the road's end
    `a`, and from `b`: inf where the stretch in between is closed. ``stretch`` (p,) numbers the open stretches of the
    road, -1 on a closed one; ``passed`` (p, 2) is the time from both ends without what is closed.
    """

    share: Float
    stretch: Int64
    passed: Float


@dataclass(frozen=True, eq=False)
class Links:
    """Links between positions and states: the row of the position, the state, and the label in between.

    ``edge`` is the directed edge that the position lies on, ``fraction`` how far along it; -1 and NaN where
    the position is a node.
    """

    row: Int32
    state: Int32
    label: Int64
    edge: Int64
    fraction: Float

    def take(self, order: Int64) -> Links:
        """Give the links in another order."""
        return Links(
            self.row[order], self.state[order], self.label[order], self.edge[order], self.fraction[order]
        )


@dataclass(frozen=True, eq=False)
class _OnEdges:
    """Positions between nodes by directed edge: how far along it, and milliseconds.

    ``begun_ms`` is the time to there without a hazard, ``done_ms`` with it, ``rest_ms`` that to the edge's end;
    ``stretch`` and ``passed_ms`` as of `Slowed`.
    """

    row: Int64
    edge: Int64
    fraction: Float
    begun_ms: Int64
    done_ms: Int64
    rest_ms: Int64
    stretch: Int64
    passed_ms: Int64

    def take(self, which: NDArray[np.bool_] | Int64) -> _OnEdges:
        """Give some of them."""
        return _OnEdges(*(getattr(self, field.name)[which] for field in fields(self)))


@dataclass(frozen=True, eq=False)
class Direct:
    """Pairs of positions on one directed edge, the second ahead of the first."""

    start: Int32
    end: Int32
    label: Int64
    edge: Int64
    from_fraction: Float
    to_fraction: Float


def positions(graph: RouteGraph, frame: pd.DataFrame, what: str) -> Positions:
    """Take the usable positions out of a frame made by `snap`.

    Raises
    ------
    NetworkError
        Columns are missing, labels are not unique, or positions do not lie on roads of this network.
    """
    missing = [name for name in ("road", "fraction", "status") if name not in frame.columns]
    if missing:
        got = f"no {', '.join(missing)}"
        raise NetworkError([Defect("", what, "the columns that snap gives", got, "call snap first")])
    if not frame.index.is_unique:
        got = f"{frame.index[frame.index.duplicated()][0]!r} twice"
        raise NetworkError([Defect("", what, "an index without duplicates", got, "make the index unique")])
    row = np.flatnonzero(frame["status"].to_numpy() == "ok")
    road = frame["road"].to_numpy(np.int64)[row]
    fraction = frame["fraction"].to_numpy(np.float64)[row]
    usable = (road >= 0) & (road < graph.network.n_roads) & (fraction >= 0) & (fraction <= 1)
    usable[usable] &= ~graph.crossing_edge[2 * road[usable]]
    if not usable.all():
        bad = int(np.argmin(usable))
        where, got = f"{what}, row {frame.index[row[bad]]}", f"road {road[bad]}, fraction {fraction[bad]}"
        expected = (
            f"a position on a road within 0…{graph.network.n_roads - 1}, no crossing, at a fraction of 0…1"
        )
        raise NetworkError([Defect("", where, expected, got, "snap the points to the network of this graph")])
    return Positions(frame.index, row, road, fraction, _slowed(frame, row, fraction, what))


#: Columns that say what a hazard leaves of the road of each position: see `Slowed`.
_SLOWED = ("share_a", "share_b", "stretch", "passed_a", "passed_b")


def _slowed(frame: pd.DataFrame, row: Int64, fraction: Float, what: str) -> Slowed | None:
    there = [name for name in _SLOWED if name in frame.columns]
    if not there:
        return None
    if len(there) < 2 or there[:2] != ["share_a", "share_b"] or len(there) not in (2, len(_SLOWED)):
        got, remedy = ", ".join(there), "give all of them, or share_a and share_b, or none"
        raise NetworkError([Defect("", what, f"the columns {', '.join(_SLOWED)}", got, remedy)])
    least = np.column_stack([fraction, 1 - fraction])
    share = np.fmax(least, frame[["share_a", "share_b"]].to_numpy(np.float64)[row])
    if len(there) == 2:
        return Slowed(share, np.full(len(row), -1, dtype=np.int64), least)
    passed = frame[["passed_a", "passed_b"]].to_numpy(np.float64)[row]
    stretch = frame["stretch"].to_numpy(np.float64)[row]
    return Slowed(share, np.where(np.isnan(stretch), -1, stretch).astype(np.int64), np.fmax(passed, 0.0))


def _nodes(graph: RouteGraph, at: Positions) -> tuple[Int64, Int64]:
    """Rows of the positions that are nodes, and the nodes."""
    of = np.flatnonzero((at.fraction == 0) | (at.fraction == 1))
    a, b = (graph.network.roads[end].to_numpy()[at.road[of]] for end in ("a", "b"))
    return at.row[of], np.where(at.fraction[of] == 0, a, b).astype(np.int64)


def _edges(graph: RouteGraph, at: Positions) -> _OnEdges:
    """Give all positions between nodes, once for each directed edge that may be driven."""
    of = np.flatnonzero((at.fraction > 0) & (at.fraction < 1))
    row = np.repeat(at.row[of], 2)
    edge = (2 * at.road[of][:, None] + np.array([0, 1])).ravel()
    fraction = np.column_stack([at.fraction[of], 1 - at.fraction[of]]).ravel()
    whole_ms = (graph if at.slowed is None else graph.before or graph).drive_ms[edge].astype(np.int64)
    begun_ms = _part_ms(fraction, whole_ms)
    done_ms, rest_ms = begun_ms, whole_ms - begun_ms
    stretch, passed_ms = np.full(len(edge), -1, dtype=np.int64), begun_ms
    if at.slowed is not None and graph.before is not None:
        # Without a hazard the two parts are the whole; with it each is at least what it was.
        share = at.slowed.share[of]
        slower = share > np.column_stack([at.fraction[of], 1 - at.fraction[of]])
        done = np.where(slower, share, 0.0)
        done_ms = np.maximum(done_ms, _part_ms(done.ravel(), whole_ms))
        rest_ms = np.maximum(rest_ms, _part_ms(done[:, ::-1].ravel(), whole_ms))
        stretch = np.repeat(at.slowed.stretch[of], 2)
        passed_ms = _part_ms(at.slowed.passed[of].ravel(), whole_ms)
    on = _OnEdges(row, edge, fraction, begun_ms, done_ms, rest_ms, stretch, passed_ms)
    return on.take(whole_ms >= 0)


def _part_ms(share: Float, whole_ms: Int64) -> Int64:
    """Milliseconds of a share of a road, rounded half up; beyond every limit where the share is infinite."""
    part_ms = np.floor(np.minimum(share, float(MAX_MS)) * whole_ms + 0.5)
    part_ms = np.where(np.isinf(share), MAX_MS + 1.0, np.minimum(part_ms, MAX_MS + 1.0))
    return np.asarray(part_ms, dtype=np.int64)


def _links(
    node: tuple[Int64, NDArray[np.integer]], edge: tuple[Int64, NDArray[np.integer], Int64, Int64, Float]
) -> Links:
    """Join links at nodes (row, state) and links on edges (row, state, milliseconds, edge, fraction)."""
    none = len(node[0])
    return Links(
        np.concatenate([node[0], edge[0]]).astype(np.int32),
        np.concatenate([node[1], edge[1]]).astype(np.int32),
        pack(np.concatenate([np.zeros(none, dtype=np.int64), edge[2]])),
        np.concatenate([np.full(none, -1), edge[3]]),
        np.concatenate([np.full(none, np.nan), edge[4]]),
    )


def departures(graph: RouteGraph, at: Positions) -> Links:
    """First states after leaving each position, in every permitted direction."""
    node_row, node = _nodes(graph, at)
    on = _edges(graph, at)
    on = on.take(on.rest_ms <= MAX_MS)
    state = (graph.before or graph).state_after[on.edge]
    return _links((node_row, graph.state_of_node[node]), (on.row, state, on.rest_ms, on.edge, on.fraction))


def arrivals(graph: RouteGraph, at: Positions) -> Links:
    """Last states before arriving at each position, in every permitted direction."""
    node_row, node = _nodes(graph, at)
    of_node, state_at_node = members(*graph.states_at_node, node)
    on = _edges(graph, at)
    on = on.take(on.done_ms <= MAX_MS)
    before = graph.before or graph
    of_edge, arc = members(*before.arcs_of_edge, on.edge)
    state = before.out.tail[arc]
    time_ms = graph.junction_ms[graph.node[state]] + on.done_ms[of_edge]
    return _links(
        (node_row[of_node], state_at_node),
        (on.row[of_edge], state, time_ms, on.edge[of_edge], on.fraction[of_edge]),
    )


def direct(graph: RouteGraph, start: Positions, end: Positions) -> Direct:
    """Pairs that share a directed edge, the end no further back than the start: no state lies in between."""
    first, last = _edges(graph, start), _edges(graph, end)
    # By the edges that positions lie on, not by all that there are.
    order = np.argsort(last.edge, kind="stable")
    begin, stop = (np.searchsorted(last.edge, first.edge, side, sorter=order) for side in ("left", "right"))
    i = np.repeat(np.arange(len(begin)), stop - begin)
    j = order[np.arange(len(i)) + np.repeat(begin - (np.cumsum(stop - begin) - (stop - begin)), stop - begin)]
    ahead = last.fraction[j] >= first.fraction[i]
    start_, end_ = first.take(i[ahead]), last.take(j[ahead])
    # Counted from where the edge begins, to where it ends, or within the open stretch on which both lie.
    after_ms, until_ms = end_.done_ms - start_.done_ms, start_.rest_ms - end_.rest_ms
    from_start, to_end = end_.done_ms <= MAX_MS, start_.rest_ms <= MAX_MS
    together = (start_.stretch >= 0) & (start_.stretch == end_.stretch)
    time_ms = np.select([from_start, to_end], [after_ms, until_ms], end_.passed_ms - start_.passed_ms)
    time_ms = np.maximum(time_ms, end_.begun_ms - start_.begun_ms)
    some = from_start | to_end | together
    return Direct(
        start_.row[some].astype(np.int32),
        end_.row[some].astype(np.int32),
        pack(time_ms[some]),
        start_.edge[some],
        start_.fraction[some],
        end_.fraction[some],
    )


def group(key: NDArray[np.integer], size: int) -> tuple[Int64, Int64]:
    """Positions of each key 0…size - 1 as CSR: (size + 1,) and (len(key),)."""
    ptr = np.zeros(size + 1, dtype=np.int64)
    np.cumsum(np.bincount(key, minlength=size), out=ptr[1:])
    return ptr, np.argsort(key, kind="stable")


def members(
    ptr: NDArray[np.integer], order: NDArray[np.integer] | None, key: NDArray[np.integer]
) -> tuple[Int64, Int64]:
    """All members of some groups: for each, the position in ``key`` of its group, and the member itself."""
    start = ptr[key].astype(np.int64)
    counts = ptr[key + 1] - start
    of = np.repeat(np.arange(len(key)), counts)
    within = np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)
    member = start[of] + within
    return of, member if order is None else order[member].astype(np.int64)
