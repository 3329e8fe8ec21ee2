from __future__ import annotations

import heapq
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from mutualaid.errors import NetworkError
from mutualaid.network import _times, bounded_dijkstra
from mutualaid.network._kernel import heaviest_and_mean
from mutualaid.threads import limited_to

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@st.composite
def graphs(draw: st.DrawFn) -> csr_array:
    n = draw(st.integers(1, 12))
    widest = draw(st.sampled_from([1, 9, 40_000]))
    node = st.integers(0, n - 1)
    arcs = draw(st.dictionaries(st.tuples(node, node), st.integers(0, widest), max_size=40))
    tail, head = np.array([*arcs], dtype=np.int64).reshape(-1, 2).T
    return csr_array((np.array([*arcs.values()], dtype=np.int64), (tail, head)), shape=(n, n))


def dense(found: tuple[np.ndarray, np.ndarray, np.ndarray], n: int) -> np.ndarray:
    ptr, node, ms = found
    table = np.full((len(ptr) - 1, n), np.inf)
    table[np.repeat(np.arange(len(ptr) - 1), np.diff(ptr)), node] = ms
    return table


@settings(deadline=None, max_examples=200)
@given(graphs(), st.integers(0, 60_000), st.booleans())
def test_bounded_dijkstra_equals_scipy(graph: csr_array, limit: int, backwards: bool) -> None:
    graph = csr_array(graph.T) if backwards else graph
    n = graph.shape[0]
    found = bounded_dijkstra(graph.indptr, graph.indices, graph.data, np.arange(n), limit_ms=limit, threads=1)
    expected = dijkstra(graph.astype(np.float64), limit=limit)
    assert len(found[1]) == np.isfinite(expected).sum()
    np.testing.assert_array_equal(dense(found, n), expected)


def test_a_node_exactly_at_the_limit_is_within_it() -> None:
    ptr, node, _ = bounded_dijkstra(
        [0, 1, 2, 2], [1, 2], [240_000, 240_000], [0, 0], limit_ms=480_000, threads=1
    )
    assert np.diff(ptr).tolist() == [3, 3]
    ptr, node, _ = bounded_dijkstra([0, 1, 2, 2], [1, 2], [240_000, 240_001], [0], limit_ms=480_000)
    assert sorted(node.tolist()) == [0, 1]


def test_a_queue_longer_than_its_first_pool_is_served_whole() -> None:
    leaves = 10_000
    weight = np.random.default_rng(1).integers(1, 1000, leaves)
    ptr, node, ms = bounded_dijkstra(
        np.r_[0, np.full(leaves + 1, leaves)],
        np.arange(1, leaves + 1),
        weight,
        [0, 1, 0],
        limit_ms=999,
        threads=1,
    )
    assert np.diff(ptr).tolist() == [leaves + 1, 1, leaves + 1]
    for source in (0, 2):
        order = np.argsort(node[ptr[source] : ptr[source + 1]])
        assert ms[ptr[source] : ptr[source + 1]][order].tolist() == [0, *weight.tolist()]


def test_the_number_of_threads_changes_nothing() -> None:
    rng = np.random.default_rng(7)
    graph = csr_array((rng.integers(1, 9000, 4000), (rng.integers(0, 900, 4000), rng.integers(0, 900, 4000))))
    arrays = graph.indptr, graph.indices, graph.data, rng.integers(0, 900, 50)
    one, three = (bounded_dijkstra(*arrays, limit_ms=20_000, threads=threads) for threads in (1, 3))
    for a, b in zip(one, three, strict=True):
        np.testing.assert_array_equal(a, b)


def shortest(graph: csr_array, source: int, limit: int) -> dict[int, int]:
    """Nodes within a limit, settled one by one."""
    settled: dict[int, int] = {}
    waiting = [(0, source)]
    while waiting:
        ms, node = heapq.heappop(waiting)
        if node in settled:
            continue
        settled[node] = ms
        for arc in range(graph.indptr[node], graph.indptr[node + 1]):
            if ms + graph.data[arc] <= limit:
                heapq.heappush(waiting, (ms + int(graph.data[arc]), int(graph.indices[arc])))
    return settled


@settings(deadline=None, max_examples=100)
@given(
    graphs(),
    st.integers(0, 60_000),
    st.sampled_from([1, 2]),
    st.sampled_from([np.int32, np.int64]),
    st.data(),
)
def test_every_source_keeps_its_place_whatever_their_order(
    graph: csr_array, limit: int, threads: int, dtype: Any, data: st.DataObject
) -> None:
    sources = data.draw(st.lists(st.integers(0, graph.shape[0] - 1), max_size=20))
    ptr, node, ms = bounded_dijkstra(
        graph.indptr, graph.indices, graph.data.astype(dtype), sources, limit_ms=limit, threads=threads
    )
    found = [
        dict(zip(node[begin:end].tolist(), ms[begin:end].tolist(), strict=True))
        for begin, end in pairwise(ptr)
    ]
    assert found == [shortest(graph, source, limit) for source in sources]
    assert ptr[-1] == len(node) == len(ms) == sum(map(len, found))


@pytest.fixture
def tangle() -> Arrays:
    """Bare arrays of 900 nodes, most of which are within 20 s of each other, and 50 of them to start from."""
    rng = np.random.default_rng(11)
    graph = csr_array((rng.integers(1, 9000, 4000), (rng.integers(0, 900, 4000), rng.integers(0, 900, 4000))))
    weight = graph.data.astype(np.int32)
    sources = rng.integers(0, graph.shape[0], 50)
    return graph.indptr.astype(np.int32), graph.indices.astype(np.int32), weight, sources


@pytest.mark.parametrize("in_order", [True, False])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("rows", [1, 700, 5000])
def test_rows_beyond_the_room_for_them_are_all_there(
    monkeypatch: pytest.MonkeyPatch, tangle: Arrays, threads: int, rows: int, in_order: bool
) -> None:
    graph, sources = tangle[:3], tangle[3]
    sources = np.sort(sources) if in_order else sources
    expected = bounded_dijkstra(*graph, sources, limit_ms=20_000, threads=1)
    assert np.diff(expected[0]).max() > 700  # or none would be too large for the room
    monkeypatch.setattr(_times, "_ROWS", rows)
    monkeypatch.setattr(_times, "_ROOMS", {})
    for _ in range(2):  # the second time perhaps in the same room
        found = bounded_dijkstra(*graph, sources, limit_ms=20_000, threads=threads)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("rows", [1, 5000, 1 << 20])
def test_what_was_found_is_left_alone_by_the_next_search(
    monkeypatch: pytest.MonkeyPatch, tangle: Arrays, rows: int
) -> None:
    graph, sources = tangle[:3], tangle[3]
    monkeypatch.setattr(_times, "_ROWS", rows)
    monkeypatch.setattr(_times, "_ROOMS", {})
    for some in (sources, np.sort(sources)):
        found = bounded_dijkstra(*graph, some, limit_ms=20_000, threads=1)
        before = [array.copy() for array in found]
        bounded_dijkstra(*graph, some[::-1], limit_ms=9_000, threads=1)
        for a, b in zip(found, before, strict=True):
            np.testing.assert_array_equal(a, b)


def test_no_more_threads_than_allowed(monkeypatch: pytest.MonkeyPatch, tangle: Arrays) -> None:
    asked: list[int] = []

    class Pool(ThreadPoolExecutor):
        def __init__(self, workers: int) -> None:
            asked.append(workers)
            super().__init__(workers)

    monkeypatch.setattr(_times, "ThreadPoolExecutor", Pool)
    monkeypatch.setattr("mutualaid.threads.os.sched_getaffinity", lambda _: range(4), raising=False)
    with limited_to(1):
        one = bounded_dijkstra(*tangle, limit_ms=20_000)
    assert not asked
    with limited_to(3):
        others = bounded_dijkstra(*tangle, limit_ms=20_000)
    assert asked == [3]
    for a, b in zip(one, others, strict=True):
        np.testing.assert_array_equal(a, b)


def test_only_arrays_that_cannot_change_are_looked_through_once(
    monkeypatch: pytest.MonkeyPatch, tangle: Arrays
) -> None:
    looked: list[int] = []

    def look(weight: np.ndarray) -> tuple[int, int]:
        looked.append(len(weight))
        return heaviest_and_mean(weight)

    monkeypatch.setattr(_times, "heaviest_and_mean", look)
    facts: dict[Any, Any] = {}
    monkeypatch.setattr(_times, "_FACTS", facts)
    graph, sources = tangle[:3], tangle[3]
    expected = bounded_dijkstra(*graph, sources, limit_ms=20_000)
    views = graph[0][:], graph[1][:], graph[2][:]
    for array in views:  # what they are views of may be written to
        array.flags.writeable = False
    for arrays in (graph, views):
        bounded_dijkstra(*arrays, sources, limit_ms=20_000)
    assert len(looked) == 3
    assert not facts
    settled = graph[0].copy(), graph[1].copy(), graph[2].copy()
    for array in settled:
        array.flags.writeable = False
    for limit_ms in (9_000, 20_000):
        found = bounded_dijkstra(*settled, sources, limit_ms=limit_ms)
    assert len(looked) == 4
    assert len(facts) == 1
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(NetworkError, match="sources"):
        bounded_dijkstra(*settled, [900], limit_ms=9)
    del array, settled
    assert not facts
    graph[2][-1] = -1
    with pytest.raises(NetworkError, match="weight_ms"):
        bounded_dijkstra(*graph, sources, limit_ms=20_000)


@settings(deadline=None)
@given(st.lists(st.integers(0, 1 << 30), max_size=70), st.sampled_from([np.int32, np.int64]))
def test_weights_are_looked_through_as_numpy_does(values: list[int], dtype: Any) -> None:
    weight = np.array(values, dtype=dtype)
    mean = int(weight[::16].mean()) if values else 0
    assert heaviest_and_mean(weight) == (max(values, default=0), mean)
    if values:
        weight[len(values) // 2] = -1
        assert heaviest_and_mean(weight)[0] == np.iinfo(dtype).max * 2 + 1


def test_one_weight_far_above_all_others_is_no_trouble() -> None:
    _, node, ms = bounded_dijkstra([0, 2, 3, 3], [1, 2, 2], [1, 1 << 50, 1 << 20], [0], limit_ms=1 << 60)
    assert dict(zip(node.tolist(), ms.tolist(), strict=True)) == {0: 0, 1: 1, 2: 1 + (1 << 20)}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"indptr": [0, 2, 1]}, "indptr"),
        ({"head": [0, 2]}, "head"),
        ({"weight_ms": [1, -1]}, "weight_ms"),
        ({"weight_ms": np.array([-1, 1], np.int32)}, "weight_ms"),
        ({"sources": [2]}, "sources"),
        ({"limit_ms": -1}, "limit_ms"),
    ],
)
def test_arrays_that_are_no_graph_are_refused(change: dict[str, Any], name: str) -> None:
    arrays: dict[str, Any] = {
        "indptr": [0, 1, 2],
        "head": [1, 0],
        "weight_ms": [1, 1],
        "sources": [0],
        "limit_ms": 5,
    }
    bounded_dijkstra(**arrays)
    with pytest.raises(NetworkError, match=name):
        bounded_dijkstra(**(arrays | change))
