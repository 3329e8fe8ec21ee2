"""Orders that decide how fast a search is and which of two equal paths is told: by key, and along a curve."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mutualaid.network import profile, route_graph
from mutualaid.network._order import by_key, hilbert_distance, locality_rank

SLOW = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(st.lists(st.integers(0, 6), max_size=40))
def test_those_of_one_key_stay_in_order(keys: list[int]) -> None:
    ptr, order = by_key(np.array(keys, np.int32), 8)
    assert ptr.tolist() == [sum(key < limit for key in keys) for limit in range(9)]
    assert order.tolist() == sorted(range(len(keys)), key=lambda i: keys[i])
    assert ptr.dtype == order.dtype == np.dtype(np.int32)


@pytest.mark.parametrize(("size", "width", "height"), [(1, 0, 0), (2, 5, 0), (50, 0, 9), (700_000, 3e5, 1e5)])
def test_the_curve_is_that_of_geopandas(size: int, width: float, height: float) -> None:
    rng = np.random.default_rng(size)
    x, y = 5e5 + width * rng.random(size), 4.5e6 + height * rng.normal(size=size)
    assert hilbert_distance(x, y).tolist() == gpd.GeoSeries.from_xy(x, y).hilbert_distance().tolist()


def test_without_points_there_is_no_curve() -> None:
    none = np.empty(0)
    assert len(hilbert_distance(none, none)) == len(locality_rank(none, none, np.empty(0, np.int32))) == 0


def test_several_at_one_node_are_neighbours_in_order() -> None:
    x, y = np.array([0.0, 9.0, 1.0]), np.zeros(3)
    assert locality_rank(x, y, np.array([0, 1, 2, 1, 0], np.int32)).tolist() == [0, 3, 2, 4, 1]


def test_arcs_come_by_state_and_edge(random_cases: Callable[..., Any]) -> None:
    """Which of two equal paths is told hangs on it."""

    @SLOW
    @given(random_cases())
    def check(case: Any) -> None:
        graph = route_graph(case.network, profile("civilian"), times=case.times, crossing_ms=case.crossing_ms)
        out, into = graph.out, graph.into
        forwards = list(zip(out.tail, out.edge, out.head, out.weight, strict=True))
        assert forwards == sorted(forwards, key=lambda arc: arc[:2])
        # By head and edge, those of one head and edge by their tail.
        expected = sorted(
            ((head, edge, tail, weight) for tail, edge, head, weight in forwards), key=lambda a: a[:3]
        )
        assert list(zip(into.tail, into.edge, into.head, into.weight, strict=True)) == expected
        ptr, arcs = graph.arcs_of_edge
        for edge in range(len(graph.drive_ms)):
            assert arcs[ptr[edge] : ptr[edge + 1]].tolist() == np.flatnonzero(out.edge == edge).tolist()
        ptr, states = graph.states_at_node
        for node in range(case.network.n_nodes):
            assert states[ptr[node] : ptr[node + 1]].tolist() == np.flatnonzero(graph.node == node).tolist()

    check()
