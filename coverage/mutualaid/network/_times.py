"""Travel times between positions on roads: all pairs within a limit, and the nearest few."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from mutualaid.errors import Defect, NetworkError
from mutualaid.network._graph import MAX_MS, Arcs, RouteGraph, pack, unpack_s
from mutualaid.network._kernel import bucket_layout, in_sequence, k_nearest, reached_rows, table_rows
from mutualaid.network._positions import Direct, Links, arrivals, departures, direct, group, positions

__all__ = [
    "bounded_dijkstra",
    "lent",
    "limit_label",
    "nearest",
    "search_back",
    "search_states",
    "travel_times",
]

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Scratch = TypeVar("Scratch")

#: Batches for each of several threads, to even out dense and sparse places.
_BATCHES = 8
#: Rows that a thread makes room for at a time. Memory that is not written to is never taken from the system, and
#: NumPy asks for it in large pages, which is several times faster than letting arrays grow from small.
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
    attached = attached.take(np.argsort(attached.state, kind="stable"))
    attach_at = np.zeros(graph.n_states, np.int32)
    attach_at[attached.state[::-1]] = np.arange(len(attached.state), 0, -1)  # of several the first comes last
    direct_ptr, direct_order = group(pairs.start, len(origins))
    search = partial(
        table_rows, arcs.indptr, arcs.head, arcs.weight,
        seed_ptr, seeds.state, seeds.label,
        attach_at, attached.state, attached.row, attached.label,
        direct_ptr, pairs.end[direct_order], pairs.label[direct_order],
        limit, *_layout(arcs, seeds, limit),
    )  # fmt: skip
    size, spare = len(destinations), list[tuple[Int64, Int32]]()

    def run(*batch: Any) -> tuple[int, int]:
        with lent(spare, lambda: (np.zeros(size, np.int64), np.empty(size, np.int32))) as items:
            return search(*items, *batch)

    counts, item, label = _in_batches(
        run, _places(seeds, seed_ptr), partial(_labels_of, graph), np.int64, threads
    )
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
        len(destinations), int(k), limit, *_layout(arcs, seeds, limit),
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
        It is fastest when nodes that are near each other have near numbers. All are looked through once in each call;
        what is int32 is not copied.
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
    weight: NDArray[Any] = np.asarray(weight_ms)
    weight = weight if weight.dtype == np.int32 else weight.astype(np.int64, copy=False)
    seeds = np.asarray(sources, dtype=np.int32)
    n, longest, heaviest = len(starts) - 1, int(limit_ms), _largest(weight)
    fits = n >= 0 and starts[0] == 0 and starts[-1] == len(heads) == len(weight)
    defects = [
        Defect("", name, expected, "something else", f"correct {name}")
        for name, expected, ok in (
            ("indptr", "ascending from 0 to the number of arcs", fits and (starts[1:] >= starts[:-1]).all()),
            ("head", f"nodes within 0…{n - 1}", _largest(heads) < n or len(heads) == 0),
            ("weight_ms", "whole milliseconds of at least 0, below 2**62", heaviest < 1 << 62),
            ("sources", f"nodes within 0…{n - 1}", _largest(seeds) < n or len(seeds) == 0),
            ("limit_ms", "whole milliseconds of at least 0, below 2**62", 0 <= longest < 1 << 62),
        )
        if not ok
    ]
    if defects:
        raise NetworkError(defects)
    label: Any = np.int32 if max(longest, heaviest) <= MAX_MS else np.int64
    weight = weight.astype(label, copy=False)
    zero = np.zeros(len(seeds), dtype=label)
    seed_ptr = np.arange(len(seeds) + 1)
    layout = bucket_layout(weight, zero, longest, heaviest=heaviest)
    run = partial(reached_rows, starts, heads, weight, seed_ptr, seeds, zero, longest, *layout)
    spare = list[NDArray[Any]]()
    counts, node, ms = _in_batches(
        run, seeds, lambda: lent(spare, lambda: np.zeros(n, label)), label, threads
    )
    return np.concatenate([[0], np.cumsum(counts)]), node, ms


def _largest(values: Int32 | Int64) -> int:
    """Largest value, 0 without any; as unsigned numbers, so that a negative one is larger than all others."""
    return int(values.view(np.uint32 if values.dtype == np.int32 else np.uint64).max(initial=0))


def search_states(
    graph: RouteGraph, seeds: Links, seed_ptr: Int64, limit: int, *, threads: int | None = None
) -> tuple[Int64, Int32, Int64]:
    """States reached from groups of links: counts, states, labels. Seeds come sorted by group."""
    arcs = graph.out
    run = partial(
        reached_rows, arcs.indptr, arcs.head, arcs.weight,
        seed_ptr, seeds.state, seeds.label, limit, *_layout(arcs, seeds, limit),
    )  # fmt: skip
    return _in_batches(run, _places(seeds, seed_ptr), partial(_labels_of, graph), np.int64, threads)


def search_back(graph: RouteGraph, seeds: Links, limit: int) -> tuple[Int32, Int64]:
    """States from which some link is reached within a limit, in no particular order, and their labels.

    The work grows with what is found alone, so buckets are as wide as a sample of the arcs suggests.
    """
    arcs, size = graph.into, graph.n_states + 1  # there is room for all and to spare, so it is never short
    layout = bucket_layout(arcs.weight[: 1 << 16], np.array([limit]), limit)
    state, label = np.empty(size, np.int32), np.empty(size, np.int64)
    with _labels_of(graph) as left:
        _, size = reached_rows(
            arcs.indptr, arcs.head, arcs.weight,
            np.array([0, len(seeds.state)]), seeds.state, seeds.label, limit, *layout,
            left, np.array([0]), 0, 1, np.array([0]), state, label,
        )  # fmt: skip
    return state[:size], label[:size]


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


def _layout(arcs: Arcs, seeds: Links, limit: int) -> tuple[int, int]:
    return bucket_layout(arcs.weight, seeds.label, limit, heaviest=arcs.heaviest)


def _places(seeds: Links, seed_ptr: Int64) -> Int32:
    """Give where each origin is: its first state, as states are numbered by place. Without any it does not matter."""
    if not len(seeds.state):
        return np.zeros(len(seed_ptr) - 1, np.int32)
    return seeds.state[np.minimum(seed_ptr[:-1], len(seeds.state) - 1)]


# --- memory, and batches of origins --------------------------------------------------------------------------


@contextmanager
def lent(spare: list[Scratch], make: Callable[[], Scratch]) -> Iterator[Scratch]:
    """Lend what is spare, or a new one. What fails keeps it: only what is as it was before is lent again."""
    try:
        one = spare.pop()
    except IndexError:
        one = make()
    yield one
    spare.append(one)


#: Scratch of each graph that is not in use, so that a search costs what it reaches, however large the graph is.
_SPARE: WeakKeyDictionary[RouteGraph, list[Int64]] = WeakKeyDictionary()


def _labels_of(graph: RouteGraph) -> AbstractContextManager[Int64]:
    """Lend a zero for each state of a graph."""
    # What a hazard leaves of it has the same states.
    spare = _SPARE.setdefault(graph.before or graph, [])
    return lent(spare, lambda: np.zeros(graph.n_states, np.int64))


def _room(label: Any, rows: int) -> tuple[Int32, Any]:
    return np.empty(rows, np.int32), np.empty(rows, label)


def _in_batches(
    batch: Callable[..., tuple[int, int]],
    place: NDArray[np.integer],
    scratch: Callable[[], AbstractContextManager[NDArray[Any]]],
    label: Any,
    threads: int | None,
) -> tuple[Int64, Int32, Any]:
    """Run a batch function over all origins, on several threads: counts by origin, items, labels.

    Origins are taken in the order of `place`, so that each finds in the processor's cache what the one before it
    read there; what they give is put into their own order. ``scratch`` lends a zero for each state.
    """
    sequence = np.argsort(place, kind="stable")
    counts = np.zeros(len(place), np.int64)
    workers = max(1, min(threads or os.cpu_count() or 1, len(place)))
    rooms = [_room(label, _ROWS) for _ in range(workers)]

    def run(first: int, last: int) -> list[tuple[int, int, Int32, Any]]:
        parts = []
        items, labels = rooms.pop()
        with scratch() as left:
            while first < last:
                done, size = batch(left, sequence, first, last, counts, items, labels)
                parts.append((first, done, items[:size], labels[:size]))
                items, labels = items[size:], labels[size:]
                if done < last:
                    items, labels = _room(
                        label, max(_ROWS, 2 * len(items))
                    )  # even for many rows of one origin
                first = done
        rooms.append((items, labels))
        return parts

    n_batches = 1 if workers == 1 else min(len(place), workers * _BATCHES)
    cuts = np.linspace(0, len(place), 1 + n_batches, dtype=np.int64).tolist()
    with ThreadPoolExecutor(workers) as pool:
        each = map if workers == 1 else pool.map
        parts = [part for batch in each(run, cuts[:-1], cuts[1:]) for part in batch]
        if len(parts) == 1 and (sequence[1:] > sequence[:-1]).all():
            return counts, *parts[0][2:]
        ptr = np.append(0, np.cumsum(counts))
        items, labels = _room(label, int(ptr[-1]))

        def put(_: int) -> None:
            first, done, some_items, some_labels = parts.pop()  # whose memory is free then
            in_sequence(sequence, first, done, ptr, some_items, some_labels, items, labels)

        rooms.clear()
        list(each(put, range(len(parts))))
    return counts, items, labels
