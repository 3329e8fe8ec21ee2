"""The roads reached from positions within a limit, and the path between two positions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.ops import substring

from mutualaid.network._graph import RouteGraph, unpack_s
from mutualaid.network._kernel import MAX_LABEL
from mutualaid.network._model import Network
from mutualaid.network._positions import Links, arrivals, departures, direct, group, members, positions
from mutualaid.network._times import limit_label, search_states

__all__ = ["Route", "path", "reach"]

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Route:
    """A path between two positions.

    Attributes
    ----------
    edges
        (p,) directed edges in driving order, crossings among them; empty if both positions are one node.
    from_fraction, to_fraction
        (p,) where each edge is entered and left, along the edge; 0 and 1 but for the first and the last.
    drive_s, crossing_s
        Time without crossing delay, and crossing delay, in seconds.
    geometry
        LineString in the CRS of the network.
    """

    edges: Int64
    from_fraction: Float
    to_fraction: Float
    drive_s: float
    crossing_s: float
    geometry: shapely.LineString


def reach(
    graph: RouteGraph,
    origins: pd.DataFrame,
    *,
    limit_s: float,
    merged: bool = False,
    threads: int | None = None,
) -> pd.DataFrame:
    """Give the stretches of road reached within a limit, and when.

    Parameters
    ----------
    graph
        The network with its times.
    origins
        Frame that `snap` gives; rows whose status is not ``ok`` reach nothing.
    limit_s
        Longest time, in seconds.
    merged
        Give the earliest time from any origin, in one search, instead of a list for each.
    threads
        Number of threads; all processors by default.

    Returns
    -------
    DataFrame
        One row a directed edge on which driving begins within the limit, crossings left out, sorted by origin
        and edge. Driving along an edge is even, so the time at any place of a row follows by interpolation,
        and one table with the longest limit serves every shorter one.

        ================= ======= ============================================================================
        origin                    label of the origin; not there if `merged`
        edge              int32   directed edge
        from_fraction     float64 where driving begins along the edge: 0, or the place of the origin
        to_fraction       float64 how far one gets along the edge within the limit
        entry_s           float64 time at ``from_fraction``, delay of the junction included
        exit_s            float64 time at the end of the edge, which may lie beyond the limit
        ================= ======= ============================================================================

    Raises
    ------
    NetworkError
        The limit is no time, or the positions do not belong to the network.

    Examples
    --------
    >>> import geopandas as gpd
    >>> import networkx as nx
    >>> from mutualaid.network import from_osmnx, profile, reach, route_graph, snap
    >>> G = nx.MultiDiGraph(crs="EPSG:32632")
    >>> G.add_node(0, x=0.0, y=0.0)
    >>> G.add_node(1, x=650.0, y=0.0)
    >>> _ = G.add_edge(0, 1, highway="primary", length=650.0, oneway=True)
    >>> network = from_osmnx(G, crs="EPSG:32632")
    >>> graph = route_graph(network, profile("civilian"))
    >>> station = snap(network, gpd.GeoSeries.from_xy([65], [5], index=["s"], crs=network.crs))
    >>> reach(graph, station, limit_s=18)
      origin  edge  from_fraction  to_fraction  entry_s  exit_s
    0      s     0            0.1          0.6      0.0    32.4
    """
    limit = limit_label(limit_s)
    links = departures(graph, positions(graph, origins, "origins"))
    n_groups = 1 if merged else len(origins)
    ptr, order = group(np.zeros_like(links.row) if merged else links.row, n_groups)
    seeds = links.take(order)
    counts, state, time_ms = search_states(graph, seeds, ptr, limit, in_ms=True, threads=threads)

    owner, edge, entry_ms = _entered(graph, np.repeat(np.arange(n_groups), counts), state, time_ms)
    started = seeds.edge >= 0
    owner = np.concatenate([owner, np.repeat(np.arange(n_groups), np.diff(ptr))[started]])
    edge = np.concatenate([edge, seeds.edge[started]])
    begin = np.concatenate([np.zeros(len(entry_ms)), seeds.fraction[started]])
    exit_ms = np.concatenate([entry_ms + graph.drive_ms[edge[: len(entry_ms)]], seeds.label[started] >> 32])
    entry_ms = np.concatenate([entry_ms, np.zeros(started.sum(), dtype=np.int64)])

    limit_ms = limit >> 32
    keep = np.flatnonzero(entry_ms <= limit_ms)
    keep = keep[np.lexsort((entry_ms[keep], begin[keep], edge[keep], owner[keep]))]
    key = np.stack([owner[keep], edge[keep], begin[keep]])
    keep = keep[np.concatenate([[True], (np.diff(key) != 0).any(axis=0)])[: len(keep)]]  # the earliest entry
    owner, edge, begin, entry_ms, exit_ms = (
        column[keep] for column in (owner, edge, begin, entry_ms, exit_ms)
    )
    span_ms = exit_ms - entry_ms
    share = np.divide(limit_ms - entry_ms, span_ms, out=np.ones(len(keep)), where=span_ms > 0)
    frame = pd.DataFrame(
        {
            "origin": pd.Index(["all"] if merged else origins.index).take(owner),
            "edge": edge.astype(np.int32),
            "from_fraction": begin,
            "to_fraction": begin + (1 - begin) * np.minimum(share, 1.0),
            "entry_s": entry_ms / 1000.0,
            "exit_s": exit_ms / 1000.0,
        }
    )
    return frame.drop(columns="origin") if merged else frame


def _entered(graph: RouteGraph, owner: Int64, state: Int32, time_ms: Int32) -> tuple[Int64, Int64, Int64]:
    """Edges that leave the states reached, crossings left out: owner, edge, milliseconds on entering."""
    of, arc = members(graph.out.indptr, None, state)
    edge = graph.out.edge[arc].astype(np.int64)
    road = ~graph.crossing_edge[edge]
    of, edge = of[road], edge[road]
    return owner[of], edge, time_ms[of].astype(np.int64) + graph.junction_ms[graph.node[state[of]]]


def path(
    graph: RouteGraph, origin: pd.Series, destination: pd.Series, *, limit_s: float | None = None
) -> Route | None:
    """Give the fastest path from one position to another.

    Parameters
    ----------
    graph
        The network with its times.
    origin, destination
        Rows of frames that `snap` gives: ``snapped.loc[label]``.
    limit_s
        Give up beyond this many seconds; no limit by default.

    Returns
    -------
    Route or None
        None if there is no path within the limit, or either status is not ``ok``. Its times are those of
        `travel_times`.

    Raises
    ------
    NetworkError
        The limit is no time, or the positions do not belong to the network.

    Examples
    --------
    >>> import geopandas as gpd
    >>> import networkx as nx
    >>> from mutualaid.network import from_osmnx, path, profile, route_graph, snap
    >>> G = nx.MultiDiGraph(crs="EPSG:32632")
    >>> G.add_node(0, x=0.0, y=0.0)
    >>> G.add_node(1, x=650.0, y=0.0)
    >>> _ = G.add_edges_from([(0, 1), (1, 0)], highway="primary", length=650.0, oneway=False)
    >>> network = from_osmnx(G, crs="EPSG:32632")
    >>> graph = route_graph(network, profile("civilian"))
    >>> places = snap(network, gpd.GeoSeries.from_xy([65, 325], [5, 9], index=["s", "h"], crs=network.crs))
    >>> route = path(graph, places.loc["s"], places.loc["h"])
    >>> route.drive_s, route.geometry.wkt
    (14.4, 'LINESTRING (65 0, 325 0)')
    """
    limit = limit_label(limit_s)
    start = positions(graph, origin.to_frame().T, "origin")
    end = positions(graph, destination.to_frame().T, "destination")
    seeds, attached, pairs = departures(graph, start), arrivals(graph, end), direct(graph, start, end)
    _, state, label = search_states(graph, seeds, np.array([0, len(seeds.row)]), limit, threads=1)
    left = np.zeros(graph.n_states, np.int64)  # of which only what is reached ever becomes memory
    left[state] = limit + 1 - label
    hit = np.flatnonzero(left[attached.state])
    total = limit + 1 - left[attached.state[hit]] + attached.label[hit]
    through = int(total.min(initial=MAX_LABEL))
    straight = int(pairs.label.min(initial=MAX_LABEL))
    fastest = min(through, straight)
    if fastest > limit:
        return None
    if straight == fastest:
        i = int(pairs.label.argmin())
        pieces = [(int(pairs.edge[i]), float(pairs.from_fraction[i]), float(pairs.to_fraction[i]))]
    else:
        pieces = _pieces(graph, left, limit, seeds, attached, int(hit[total.argmin()]))
    drive_s, crossing_s = unpack_s(np.array([fastest]))
    edges, begin, stop = (np.array(column) for column in zip(*pieces, strict=True)) if pieces else _NOTHING
    return Route(
        edges, begin, stop, float(drive_s[0]), float(crossing_s[0]), _line(graph.network, pieces, origin)
    )


_NOTHING = (np.empty(0, dtype=np.int64), np.empty(0), np.empty(0))


def _pieces(
    graph: RouteGraph, left: Int64, limit: int, seeds: Links, attached: Links, end: int
) -> list[tuple[int, float, float]]:
    """Edges with the fractions driven, along a path that explains what is left of the limit at each state."""
    begins = {int(s): i for i, s in enumerate(seeds.state) if limit + 1 - seeds.label[i] == left[s]}
    state = int(attached.state[end])
    onward: dict[int, tuple[int, int]] = {state: (-1, -1)}
    stack = [state]
    # Crossings may take no time both ways, so predecessors can form a ring: remember where we have been.
    while (state := stack.pop()) not in begins:
        for arc in range(graph.into.indptr[state], graph.into.indptr[state + 1]):
            before = int(graph.into.head[arc])
            if before not in onward and left[before] == left[state] + graph.into.weight[arc]:
                onward[before] = (state, int(graph.into.edge[arc]))
                stack.append(before)
    first = begins[state]
    pieces = [(int(seeds.edge[first]), float(seeds.fraction[first]), 1.0)] if seeds.edge[first] >= 0 else []
    while onward[state][0] >= 0:
        state, edge = onward[state]
        pieces.append((edge, 0.0, 1.0))
    if attached.edge[end] >= 0:
        pieces.append((int(attached.edge[end]), 0.0, float(attached.fraction[end])))
    return pieces


def _line(network: Network, pieces: list[tuple[int, float, float]], origin: pd.Series) -> shapely.LineString:
    if not pieces:
        line = network.lines(np.array([origin["road"]], dtype=np.int64))[0]
        place = line.interpolate(float(origin["fraction"]), normalized=True)
        return shapely.LineString([place, place])
    lines = network.lines(np.array([edge >> 1 for edge, _, _ in pieces]))
    parts = [
        shapely.get_coordinates(substring(line.reverse() if edge & 1 else line, begin, stop, normalized=True))
        for line, (edge, begin, stop) in zip(lines, pieces, strict=True)
    ]
    xy = np.concatenate(parts)
    xy = xy[np.concatenate([[True], (np.diff(xy, axis=0) != 0).any(axis=1)])]
    return shapely.LineString(np.repeat(xy, 2, axis=0) if len(xy) == 1 else xy)
