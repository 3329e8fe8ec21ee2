"""Where positions on roads touch the graph: how a vehicle leaves them, and how it arrives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.errors import Defect, NetworkError
from mutualaid.network._graph import RouteGraph, pack

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

    ``row`` is the row in the frame, ``index`` labels all of its rows.
    """

    index: pd.Index
    row: Int64
    road: Int64
    fraction: Float


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
    return Positions(frame.index, row, road, fraction)


def _nodes(graph: RouteGraph, at: Positions) -> tuple[Int64, Int64]:
    """Rows of the positions that are nodes, and the nodes."""
    ends = graph.network.roads[["a", "b"]].to_numpy(np.int64)
    of = np.flatnonzero((at.fraction == 0) | (at.fraction == 1))
    return at.row[of], ends[at.road[of], at.fraction[of].astype(np.int64)]


def _edges(graph: RouteGraph, at: Positions) -> tuple[Int64, Int64, Float, Int64]:
    """Row, permitted directed edge, fraction along it, and milliseconds to there, of all between nodes."""
    of = np.flatnonzero((at.fraction > 0) & (at.fraction < 1))
    row = np.repeat(at.row[of], 2)
    edge = (2 * at.road[of][:, None] + [0, 1]).ravel()
    fraction = np.column_stack([at.fraction[of], 1 - at.fraction[of]]).ravel()
    keep = graph.drive_ms[edge] >= 0
    row, edge, fraction = row[keep], edge[keep], fraction[keep]
    return row, edge, fraction, np.floor(fraction * graph.drive_ms[edge] + 0.5).astype(np.int64)


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
    row, edge, fraction, done_ms = _edges(graph, at)
    rest_ms = graph.drive_ms[edge] - done_ms
    return _links(
        (node_row, graph.state_of_node[node]), (row, graph.state_after[edge], rest_ms, edge, fraction)
    )


def arrivals(graph: RouteGraph, at: Positions) -> Links:
    """Last states before arriving at each position, in every permitted direction."""
    node_row, node = _nodes(graph, at)
    of_node, state_at_node = members(*graph.states_at_node, node)
    row, edge, fraction, done_ms = _edges(graph, at)
    of_edge, arc = members(*graph.arcs_of_edge, edge)
    state = graph.out.tail[arc]
    time_ms = graph.junction_ms[graph.node[state]] + done_ms[of_edge]
    return _links(
        (node_row[of_node], state_at_node), (row[of_edge], state, time_ms, edge[of_edge], fraction[of_edge])
    )


def direct(graph: RouteGraph, start: Positions, end: Positions) -> Direct:
    """Pairs that share a directed edge, the end no further back than the start: no state lies in between."""
    from_row, from_edge, from_fraction, from_ms = _edges(graph, start)
    to_row, to_edge, to_fraction, to_ms = _edges(graph, end)
    ptr, order = group(to_edge, len(graph.drive_ms))
    i, j = members(ptr, order, from_edge)
    ahead = to_fraction[j] >= from_fraction[i]
    i, j = i[ahead], j[ahead]
    return Direct(
        from_row[i].astype(np.int32),
        to_row[j].astype(np.int32),
        pack(to_ms[j] - from_ms[i]),
        from_edge[i],
        from_fraction[i],
        to_fraction[j],
    )


def group(key: NDArray[np.integer], size: int) -> tuple[Int64, Int64]:
    """Positions of each key 0…size - 1 as CSR: (size + 1,) and (len(key),)."""
    counts = np.bincount(key, minlength=size)
    return np.concatenate([[0], np.cumsum(counts)]), np.argsort(key, kind="stable")


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
