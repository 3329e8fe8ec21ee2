"""Travel times between positions on roads: all pairs within a limit, and the nearest few."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import local
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from mutualaid.errors import Defect, NetworkError
from mutualaid.network._graph import MAX_MS, Arcs, RouteGraph, pack, unpack_s
from mutualaid.network._kernel import bucket_layout, k_nearest, reached_rows, table_rows
from mutualaid.network._positions import Direct, Links, arrivals, departures, direct, group, positions

__all__ = ["bounded_dijkstra", "limit_label", "nearest", "search_back", "search_states", "travel_times"]

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]

#: Batches for each of several threads, to even out dense and sparse places.
_BATCHES = 8
#: Rows that each thread has room for at first. Memory that is not written to is never taken from the system,
#: and NumPy asks for it in large pages, which is several times faster than letting arrays grow from small.
_ROWS = 1 << 22


def travel_times(
    graph: RouteGraph,
    origins: pd.DataFrame,
    destinations: pd.DataFrame,
    *,
    limit_s: float,
    reverse: bool = False,
    threads: int | None = None,
) -> pd.DataFrame:
    """Give the fastest time from every origin to every destination within a limit.

    Times are whole milliseconds inside: sums are exact, and a destination reached exactly at the limit is
    within it. The delay of a junction counts when a road is entered there, so a position on a road costs its
    share of the road and the delay before it, and leaving a position costs no delay.

    Parameters
    ----------
    graph
        The network with its times.
    origins, destinations
        Frames that `snap` gives, with unique index; rows whose status is not ``ok`` take no part. An origin
        may be a destination, and share its road.
    limit_s
        Longest time, crossing delay included, in seconds.
    reverse
        Drive from the destinations to the origins instead; the columns keep their meaning. The work still
        grows with the number of origins, so let them be the fewer.
    threads
        Number of threads; all processors by default. The result does not depend on it.

    Returns
    -------
    DataFrame
        One row a pair within the limit, in the order of origins, then destinations: ``origin``,
        ``destination`` (their labels), ``drive_s`` without crossing delay, ``crossing_s``. Among paths of
        equal total time the one with the least crossing delay counts. Pairs not listed are further than the
        limit or unreachable.

    Raises
    ------
    NetworkError
        The limit is no time, or the positions do not belong to the network.

    Examples
    --------
    >>> import geopandas as gpd
    >>> import networkx as nx
    >>> from mutualaid.network import from_osmnx, profile, route_graph, snap, travel_times
    >>> G = nx.MultiDiGraph(crs="EPSG:32632")
    >>> G.add_node(0, x=0.0, y=0.0)
    >>> G.add_node(1, x=650.0, y=0.0)
    >>> _ = G.add_edges_from([(0, 1), (1, 0)], highway="primary", length=650.0, oneway=False)
    >>> network = from_osmnx(G, crs="EPSG:32632")
    >>> graph = route_graph(network, profile("fire_engine"))  # 65 km/h: 36 s from end to end
    >>> station = snap(network, gpd.GeoSeries.from_xy([65], [5], index=["s"], crs=network.crs), graph=graph)
    >>> house = snap(network, gpd.GeoSeries.from_xy([325], [9], index=["h"], crs=network.crs), graph=graph)
    >>> travel_times(graph, station, house, limit_s=480)
      origin destination  drive_s  crossing_s
    0      s           h     14.4         0.0
    """
    limit = limit_label(limit_s)
    arcs, seeds, attached, pairs = _ends(graph, origins, destinations, reverse=reverse)
    seed_ptr, order = group(seeds.row, len(origins))
    seeds = seeds.take(order)
    attach_ptr, order = group(attached.state, graph.n_states)
    attached = attached.take(order)
    direct_ptr, direct_order = group(pairs.start, len(origins))
    run = partial(
        table_rows, arcs.indptr, arcs.head, arcs.weight,
        seed_ptr, seeds.state, seeds.label,
        attach_ptr, attached.row, attached.label,
        direct_ptr, pairs.end[direct_order], pairs.label[direct_order],
        len(destinations), limit, *bucket_layout(arcs.weight, seeds.label, limit),
    )  # fmt: skip
    counts, item, label = _in_batches(run, len(origins), _unreached(graph.n_states, limit), threads)
    drive_s, crossing_s = unpack_s(label)
    return pd.DataFrame(
        {
            "origin": origins.index.take(np.repeat(np.arange(len(origins)), counts)),
            "destination": destinations.index.take(item),
            "drive_s": drive_s,
            "crossing_s": crossing_s,
        }
    )


def nearest(
    graph: RouteGraph,
    origins: pd.DataFrame,
    destinations: pd.DataFrame,
    *,
    k: int = 1,
    limit_s: float,
    reverse: bool = False,
) -> pd.DataFrame:
    """Give the k nearest origins of every destination within a limit.

    The same as the first `k` of each destination in `travel_times`, in one search for all origins, whose work
    grows with the network and with `k`, not with the number of origins.

    Parameters
    ----------
    graph, origins, destinations, limit_s, reverse
        See `travel_times`.
    k
        How many origins to give for each destination.

    Returns
    -------
    DataFrame
        In the order of destinations, then ranks: ``destination``, ``rank`` (from 1), ``origin``, ``drive_s``,
        ``crossing_s``. Origins are ranked by total time, then by crossing delay, then by their order. Ranks
        for which nobody is near enough are not listed.

    Raises
    ------
    NetworkError
        The limit is no time, `k` is no count, or the positions do not belong to the network.

    Examples
    --------
    >>> import geopandas as gpd
    >>> import networkx as nx
    >>> from mutualaid.network import from_osmnx, nearest, profile, route_graph, snap
    >>> G = nx.MultiDiGraph(crs="EPSG:32632")
    >>> G.add_node(0, x=0.0, y=0.0)
    >>> G.add_node(1, x=650.0, y=0.0)
    >>> _ = G.add_edges_from([(0, 1), (1, 0)], highway="primary", length=650.0, oneway=False)
    >>> network = from_osmnx(G, crs="EPSG:32632")
    >>> stations = gpd.GeoSeries.from_xy([65, 455], [5, 5], index=["west", "east"], crs=network.crs)
    >>> house = gpd.GeoSeries.from_xy([325], [9], index=["h"], crs=network.crs)
    >>> graph = route_graph(network, profile("fire_engine"))
    >>> nearest(graph, snap(network, stations), snap(network, house), k=2, limit_s=480)
      destination  rank origin  drive_s  crossing_s
    0           h     1   east      7.2         0.0
    1           h     2   west     14.4         0.0
    """
    limit = limit_label(limit_s)
    if not isinstance(k, int | np.integer) or k < 1:
        raise NetworkError([Defect("", "k", "a whole number of at least 1", repr(k), "correct k")])
    arcs, seeds, attached, pairs = _ends(graph, origins, destinations, reverse=reverse)
    attach_ptr, order = group(attached.state, graph.n_states)
    attached = attached.take(order)
    origin, label = k_nearest(
        arcs.indptr, arcs.head, arcs.weight,
        seeds.row, seeds.state, seeds.label,
        attach_ptr, attached.row, attached.label,
        pairs.start, pairs.end, pairs.label,
        len(destinations), int(k), limit, *bucket_layout(arcs.weight, seeds.label, limit),
    )  # fmt: skip
    item, place = np.nonzero(origin >= 0)
    drive_s, crossing_s = unpack_s(label[item, place])
    return pd.DataFrame(
        {
            "destination": destinations.index.take(item),
            "rank": place + 1,
            "origin": origins.index.take(origin[item, place]),
            "drive_s": drive_s,
            "crossing_s": crossing_s,
        }
    )


def bounded_dijkstra(
    indptr: ArrayLike,
    head: ArrayLike,
    weight_ms: ArrayLike,
    sources: ArrayLike,
    *,
    limit_ms: int,
    threads: int | None = None,
) -> tuple[Int64, Int32, Int32 | Int64]:
    """Give all nodes within a limit of each source, on bare arrays.

    What `travel_times` is made of, for those who bring their own graph.

    Parameters
    ----------
    indptr, head, weight_ms
        Graph of n nodes and r arcs in CSR form: (n + 1,), (r,) and (r,); weights are whole and not negative.
        It is fastest when nodes that are near each other have near numbers.
    sources
        (q,) nodes to start from.
    limit_ms
        Longest time; a node at exactly this time is within it.
    threads
        Number of threads; all processors by default.

    Returns
    -------
    tuple
        ``ptr`` (q + 1,), ``node`` and ``ms``: what source ``i`` reaches is ``node[ptr[i]:ptr[i + 1]]``, in no
        particular order, at the times ``ms[ptr[i]:ptr[i + 1]]``: int32, or int64 where limit or weights need
        it.

    Raises
    ------
    NetworkError
        The arrays do not make a graph.

    Examples
    --------
    >>> from mutualaid.network import bounded_dijkstra
    >>> ptr, node, ms = bounded_dijkstra([0, 1, 2, 2], [1, 2], [4000, 3000], [0], limit_ms=7000)
    >>> dict(zip(node.tolist(), ms.tolist()))
    {0: 0, 1: 4000, 2: 7000}
    """
    starts, heads = np.asarray(indptr, dtype=np.int32), np.asarray(head, dtype=np.int32)
    weight: NDArray[Any] = np.asarray(weight_ms, dtype=np.int64)
    seeds = np.asarray(sources, dtype=np.int32)
    n, longest = len(starts) - 1, int(limit_ms)
    fits = n >= 0 and starts[0] == 0 and starts[-1] == len(heads) == len(weight)
    defects = [
        Defect("", name, expected, "something else", f"correct {name}")
        for name, expected, ok in (
            ("indptr", "ascending from 0 to the number of arcs", fits and (starts[1:] >= starts[:-1]).all()),
            ("head", f"nodes within 0…{n - 1}", _within(heads, n)),
            ("weight_ms", "whole milliseconds of at least 0, below 2**62", _within(weight, 1 << 62)),
            ("sources", f"nodes within 0…{n - 1}", _within(seeds, n)),
            ("limit_ms", "whole milliseconds of at least 0, below 2**62", 0 <= longest < 1 << 62),
        )
        if not ok
    ]
    if defects:
        raise NetworkError(defects)
    if longest <= MAX_MS and weight.max(initial=0) <= MAX_MS:
        weight = weight.astype(np.int32)
    zero = np.zeros(len(seeds), dtype=weight.dtype)
    seed_ptr = np.arange(len(seeds) + 1)
    layout = bucket_layout(weight, zero, longest)
    run = partial(reached_rows, starts, heads, weight, seed_ptr, seeds, zero, longest, *layout)
    counts, node, ms = _in_batches(run, len(seeds), np.full(n, longest + 1, weight.dtype), threads)
    return np.concatenate([[0], np.cumsum(counts)]), node, ms


def _within(values: Int32 | Int64, end: int) -> bool:
    """Whether all values lie within 0…end - 1: as unsigned numbers, negative ones are the largest."""
    unsigned = values.view(np.uint32 if values.dtype == np.int32 else np.uint64)
    return len(values) == 0 or int(unsigned.max()) < end


def search_states(
    graph: RouteGraph, seeds: Links, seed_ptr: Int64, limit: int, *, threads: int | None = None
) -> tuple[Int64, Int32, Int64]:
    """States reached from groups of links: counts, states, labels. Seeds come sorted by group."""
    arcs = graph.out
    layout = bucket_layout(arcs.weight, seeds.label, limit)
    run = partial(
        reached_rows, arcs.indptr, arcs.head, arcs.weight,
        seed_ptr, seeds.state, seeds.label, limit, *layout,
    )  # fmt: skip
    return _in_batches(run, len(seed_ptr) - 1, _unreached(graph.n_states, limit), threads)


def search_back(graph: RouteGraph, seeds: Links, limit: int, best: Int64) -> tuple[Int32, Int64]:
    """States from which some link is reached within a limit, in no particular order, and their labels.

    ``best`` is scratch, one label a state, that comes and goes with the limit plus one everywhere. The work grows with
    what is found alone, so buckets are as wide as a sample of the arcs suggests.
    """
    arcs, room = graph.into, 1 << 16
    layout = bucket_layout(arcs.weight[:room], np.array([limit]), limit)
    _, state, label, size = reached_rows(
        arcs.indptr, arcs.head, arcs.weight,
        np.array([0, len(seeds.state)]), seeds.state, seeds.label, limit, *layout,
        best, np.empty(room, np.int32), np.empty(room, np.int64), 0, 0, 1,
    )  # fmt: skip
    return state[:size], np.asarray(label[:size], dtype=np.int64)


def limit_label(limit_s: float | None) -> int:
    """Largest label within a limit in seconds; None stands for no limit."""
    if limit_s is None:
        limit_ms = MAX_MS
    elif not isinstance(limit_s, int | float | np.number) or not 0 <= limit_s <= MAX_MS / 1000:
        expected = f"seconds within 0…{MAX_MS // 1000}"
        raise NetworkError([Defect("", "limit_s", expected, repr(limit_s), "correct the limit")])
    else:
        limit_ms = math.floor(limit_s * 1000 + 1e-6)  # 0.29 s times 1000 is less than 290
    return int(pack(np.array([limit_ms]), 0)[0]) | 0xFFFFFFFF


def _ends(
    graph: RouteGraph, origins: pd.DataFrame, destinations: pd.DataFrame, *, reverse: bool
) -> tuple[Arcs, Links, Links, Direct]:
    """Give the arcs to search, the links of origins and of destinations to them, and the direct pairs."""
    start = positions(graph, origins, "origins")
    end = positions(graph, destinations, "destinations")
    if not reverse:
        return graph.out, departures(graph, start), arrivals(graph, end), direct(graph, start, end)
    back = direct(graph, end, start)
    pairs = Direct(back.end, back.start, back.label, back.edge, back.from_fraction, back.to_fraction)
    return graph.into, arrivals(graph, start), departures(graph, end), pairs


def _unreached(n_states: int, limit: int) -> Int64:
    """Give what the labels of all states begin as, without the memory that they take."""
    return np.broadcast_to(np.int64(limit + 1), n_states)


def _in_batches(
    batch: Callable[..., tuple[Int64, Int32, Any, int]],
    size: int,
    unreached: NDArray[Any],
    threads: int | None,
) -> tuple[Int64, Int32, Any]:
    """Run a batch function over 0…size - 1, on several threads, and join what it gives in order.

    ``unreached`` is what the scratch of each thread begins as, one label a state.
    """
    own = local()

    def run(first: int, last: int) -> tuple[Int64, Int32, Any]:
        if not hasattr(own, "best"):
            memory = np.empty(len(unreached) + _ROWS, unreached.dtype)
            own.best, own.labels = memory[: len(unreached)], memory[len(unreached) :]
            own.best[:] = unreached
            own.items, own.size = np.empty(_ROWS, np.int32), 0
        start = own.size
        counts, own.items, own.labels, own.size = batch(own.best, own.items, own.labels, start, first, last)
        return counts, own.items[start : own.size], own.labels[start : own.size]

    workers = min(threads or os.cpu_count() or 1, size)
    if workers <= 1:
        return run(0, size)
    cuts = np.linspace(0, size, 1 + min(size, workers * _BATCHES), dtype=np.int64).tolist()
    with ThreadPoolExecutor(workers) as pool:
        parts = list(pool.map(run, cuts[:-1], cuts[1:]))
    counts, items, labels = (np.concatenate(column) for column in zip(*parts, strict=True))
    return counts, items, labels
