"""Travel times between positions on roads: all pairs within a limit, and the nearest few."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from weakref import WeakKeyDictionary, finalize

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from mutualaid.errors import Defect, NetworkError
from mutualaid.network._graph import MAX_MS, Arcs, RouteGraph, pack, unpack_s
from mutualaid.network._kernel import (
    bucket_layout,
    heaviest_and_mean,
    in_sequence,
    k_nearest,
    reached_rows,
    table_rows,
)
from mutualaid.network._positions import Direct, Links, arrivals, departures, direct, group, positions
from mutualaid.threads import processors

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
#: Rows found from ``sequence[first:last]``: first, last, items, labels.
Part = tuple[int, int, Int32, Any]
Scratch = TypeVar("Scratch")

#: Batches for each of several threads, to even out dense and sparse places.
_BATCHES = 8
#: Rows that a batch has room for at first. Memory that is not written to is never taken from the system, and
#: NumPy asks for it in large pages, which is several times faster than letting arrays grow from small.
_ROWS = 1 << 20
#: How much more room than what comes of the first origins lets expect.
_MORE = 1.5


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
    attached = attached.take(np.argsort(attached.state, kind="stable"))
    of_states, of_items = (graph.n_states, int(k)), (len(destinations), int(k))
    left, origin = np.zeros(of_items, np.int64), np.empty(of_items, np.int32)
    k_nearest(
        arcs.indptr, arcs.head, arcs.weight,
        seeds.row, seeds.state, seeds.label,
        attached.state, attached.row, attached.label,
        pairs.start, pairs.end, pairs.label,
        limit, *_layout(arcs, seeds, limit),
        np.zeros(of_states, np.int64), np.empty(of_states, np.int32), left, origin,
    )  # fmt: skip
    item, place = np.nonzero(left)
    drive_s, crossing_s = unpack_s(limit + 1 - left[item, place])
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
        It is fastest when nodes that are near each other have near numbers. What is int32 is not copied. All are
        looked through in each call; int32 arrays that nobody may write to (``array.flags.writeable = False``) only in
        the first one.
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
    n, longest = len(starts) - 1, int(limit_ms)
    facts = _looked_through(starts, heads, weight)
    most = min(1 << 62, 1 + int(np.iinfo(weight.dtype).max))  # beyond it are negative ones, see `_largest`
    defects = [
        Defect("", name, expected, "something else", f"correct {name}")
        for name, expected, ok in (
            ("indptr", "ascending from 0 to the number of arcs", facts.ascending),
            ("head", f"nodes within 0…{n - 1}", facts.highest < n or len(heads) == 0),
            ("weight_ms", "whole milliseconds of at least 0, below 2**62", facts.heaviest < most),
            ("sources", f"nodes within 0…{n - 1}", _largest(seeds) < n or len(seeds) == 0),
            ("limit_ms", "whole milliseconds of at least 0, below 2**62", 0 <= longest < 1 << 62),
        )
        if not ok
    ]
    if defects:
        raise NetworkError(defects)
    label: Any = np.int32 if max(longest, facts.heaviest) <= MAX_MS else np.int64
    weight = weight.astype(label, copy=False)
    zero = np.zeros(len(seeds), dtype=label)
    seed_ptr = np.arange(len(seeds) + 1)
    layout = bucket_layout(facts.heaviest, facts.mean, zero, longest)
    run = partial(reached_rows, starts, heads, weight, seed_ptr, seeds, zero, longest, *layout, 0)
    spare = facts.spare.setdefault(np.dtype(label), [])
    counts, node, ms = _in_batches(
        run, seeds, lambda: lent(spare, lambda: np.zeros(n, label)), label, threads
    )
    return np.concatenate([[0], np.cumsum(counts)]), node, ms


@dataclass(frozen=True, eq=False)
class _Facts:
    """What looking through a graph tells, and scratch that is not in use."""

    ascending: bool
    highest: int
    heaviest: int
    mean: int
    spare: dict[np.dtype[Any], list[NDArray[Any]]] = field(default_factory=dict)


#: Of graphs in arrays that nobody may write to, by the arrays' addresses, for as long as all of them are there.
_FACTS: dict[tuple[int, ...], _Facts] = {}


def _looked_through(*arrays: NDArray[Any]) -> _Facts:
    """Look through the arrays of a graph (indptr, head, weights), or remember what was seen."""
    key = tuple(map(id, arrays))
    known = _FACTS.get(key)
    if known is not None and all(map(_settled, arrays)):
        return known
    indptr, head, weight = arrays
    fits = len(indptr) > 0 and indptr[0] == 0 and indptr[-1] == len(head) == len(weight)
    ascending = bool(fits and (indptr[1:] >= indptr[:-1]).all())
    facts = _Facts(ascending, _largest(head), *heaviest_and_mean(weight))
    if all(map(_settled, arrays)):
        _FACTS[key] = facts
        for array in arrays:
            finalize(array, _FACTS.pop, key, None)
    return facts


def _settled(array: Any) -> bool:
    """Whether nobody may write to an array, not by what it is a view of either."""
    while isinstance(array, np.ndarray) and not array.flags.writeable:
        array = array.base
    return array is None


def _largest(values: Int32 | Int64) -> int:
    """Largest value, 0 without any; as unsigned numbers, so that a negative one is larger than all others."""
    return int(values.view(f"u{values.itemsize}").max(initial=0))


def search_states(
    graph: RouteGraph,
    seeds: Links,
    seed_ptr: Int64,
    limit: int,
    *,
    in_ms: bool = False,
    threads: int | None = None,
) -> tuple[Int64, Int32, Any]:
    """States reached from groups of links: counts, states, labels. Seeds come sorted by group.

    With ``in_ms`` milliseconds (int32) take the place of labels (int64): half the memory, where it is they that count.
    """
    arcs = graph.out
    run = partial(
        reached_rows, arcs.indptr, arcs.head, arcs.weight,
        seed_ptr, seeds.state, seeds.label, limit, *_layout(arcs, seeds, limit), 32 if in_ms else 0,
    )  # fmt: skip
    label = np.int32 if in_ms else np.int64
    return _in_batches(run, _places(seeds, seed_ptr), partial(_labels_of, graph), label, threads)


def search_back(graph: RouteGraph, seeds: Links, limit: int) -> tuple[Int32, Int64]:
    """States from which some link is reached within a limit, in no particular order, and their labels.

    The work grows with what is found alone, so buckets are as wide as a sample of the arcs suggests.
    """
    arcs, size = graph.into, graph.n_states + 1  # there is room for all and to spare, so it is never short
    layout = bucket_layout(*heaviest_and_mean(arcs.weight[: 1 << 16]), np.array([limit]), limit)
    state, label = np.empty(size, np.int32), np.empty(size, np.int64)
    with _labels_of(graph) as left:
        _, size = reached_rows(
            arcs.indptr, arcs.head, arcs.weight,
            np.array([0, len(seeds.state)]), seeds.state, seeds.label, limit, *layout, 0,
            left, np.array([0]), 0, 1, np.array([0]), state, label, 0,
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
    return bucket_layout(arcs.heaviest, arcs.mean, seeds.label, limit)


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


#: Room for the rows of a search that is not in use, by the type of their labels.
_ROOMS: dict[Any, list[tuple[Int32, Any]]] = {}


def _in_batches(
    batch: Callable[..., tuple[int, int]],
    place: NDArray[np.integer],
    scratch: Callable[[], AbstractContextManager[Any]],
    label: Any,
    threads: int | None,
) -> tuple[Int64, Int32, Any]:
    """Run a batch function over all origins, on several threads: counts by origin, items, labels.

    Origins are taken in the order of `place`, so that each finds in the processor's cache what the one before it
    read there; what they give is put into their own order. ``scratch`` lends a zero for each state.

    Memory that comes fresh from the system may cost as much as the search that fills it. So few rows go into a room
    that is there, and then to where they belong; and of many in their own order, found by one thread, there is one
    copy only.
    """
    sequence = np.argsort(place, kind="stable")
    counts = np.zeros(len(place), np.int64)
    workers = max(1, min(threads or processors(), len(place)))

    once = workers == 1 and bool((sequence[1:] > sequence[:-1]).all())

    def run(first: int, last: int, items: Int32, labels: Any) -> list[Part]:
        parts, done, size = list[Part](), first, 0
        with scratch() as left:
            while True:
                done, size = batch(left, sequence, done, last, counts, items, labels, size)
                if done == last:
                    return [*parts, (first, last, items[:size], labels[:size])]
                rows = 2 * len(items)  # even for many rows of one origin
                if once:
                    # Room for what all origins of the batch give, going by those that are done: these may have more.
                    expected = int(_MORE * size * (last - first) / max(done - first, 1))
                    more = _room(label, min(max(rows, expected), 4 * rows))
                    more[0][:size], more[1][:size] = items[:size], labels[:size]
                else:
                    parts.append((first, done, items[:size], labels[:size]))
                    more = _room(label, rows)
                    first, size = done, 0
                items, labels = more

    def apart(first: int, last: int) -> list[Part]:
        return run(first, last, *_room(label, _ROWS))

    if workers == 1:
        with lent(_ROOMS.setdefault(label, []), lambda: _room(label, _ROWS)) as room:
            parts = run(0, len(place), *room)
            if once and parts[0][2].base is not room[0]:
                return counts, *parts[0][2:]
            return counts, *_in_order(sequence, counts, parts, label, map)
    cuts = np.linspace(0, len(place), 1 + min(len(place), workers * _BATCHES), dtype=np.int64).tolist()
    with ThreadPoolExecutor(workers) as pool:
        parts = [part for some in pool.map(apart, cuts[:-1], cuts[1:]) for part in some]
        return counts, *_in_order(sequence, counts, parts, label, pool.map)


def _in_order(
    sequence: Int64,
    counts: Int64,
    parts: list[Part],
    label: Any,
    each: Callable[..., Iterable[None]],
) -> tuple[Int32, Any]:
    """Put the rows of parts of a sequence into the order of origins: items, labels. None of the parts is left."""
    ptr = np.append(0, np.cumsum(counts))
    items, labels = _room(label, int(ptr[-1]))

    def put(_: int) -> None:
        first, last, some_items, some_labels = parts.pop()  # whose memory is free then
        in_sequence(sequence, first, last, ptr, some_items, some_labels, items, labels)

    list(each(put, range(len(parts))))
    return items, labels
