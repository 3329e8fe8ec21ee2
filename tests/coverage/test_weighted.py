"""Percentiles by people."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutualaid.coverage import percentile_weighted
from mutualaid.coverage._weighted import percentile_by_group


@pytest.mark.parametrize(
    ("values", "weights", "share", "expected"),
    [
        ([60, 120, 600], [5, 4, 1], 0.9, 120.0),  # exactly 90 % within 120
        ([60, 120, 600], [5, 3, 2], 0.9, 600.0),
        ([60, 120, 600], [5, 4, 1], 0.5, 60.0),
        ([600, 60, 120], [1, 5, 4], 0.5, 60.0),
        ([1, 2, 3], [0.1, 0.1, 0.1], 1.0, 3.0),
        ([5, math.inf], [1, 1], 0.5, 5.0),
        ([5, math.inf], [1, 2], 0.5, math.inf),
        ([5, 7], [0, 1], 0.01, 7.0),
        ([5], [0], 0.5, math.nan),
        ([], [], 0.5, math.nan),
    ],
)
def test_by_hand(values: list[float], weights: list[float], share: float, expected: float) -> None:
    assert percentile_weighted(values, weights, share) == pytest.approx(expected, nan_ok=True)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1), st.integers(1, 100))
def test_whole_weights_count_like_repeated_rows(rows: list[tuple[int, int]], percent: int) -> None:
    values, weights = np.array(rows).T
    repeated = np.sort(np.repeat(values, weights))
    if len(repeated) == 0:
        assert math.isnan(percentile_weighted(values, weights, percent / 100))
    else:
        rank = -(-percent * len(repeated) // 100)  # rounded up
        assert percentile_weighted(values, weights, percent / 100) == repeated[rank - 1]


@given(
    st.lists(st.tuples(st.integers(0, 6), st.sampled_from([1.0, 2.0, 3.5, math.inf]), st.floats(0, 9))),
    st.sampled_from([0.1, 0.5, 0.9, 1.0]),
)
def test_many_groups_at_once_are_as_one_by_one(rows: list[tuple[int, float, float]], share: float) -> None:
    rows = sorted(rows, key=lambda row: row[0])
    group, values, weights = np.array(rows, dtype=np.float64).reshape(-1, 3).T
    found = percentile_by_group(values, weights, group.astype(np.int64), 7, share)
    expected = [percentile_weighted(values[group == one], weights[group == one], share) for one in range(7)]
    np.testing.assert_array_equal(found, expected)
