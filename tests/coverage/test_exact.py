"""Sums by group, rounded once."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mutualaid.coverage._exact import Terms, rounded

numbers = st.floats(-1e300, 1e300).filter(lambda value: value == 0 or abs(value) > 1e-290)


@settings(deadline=None)  # the first example compiles
@given(st.lists(st.tuples(numbers, st.integers(0, 3), st.booleans()), max_size=50))
def test_sums_are_those_of_fsum(rows: list[tuple[float, int, bool]]) -> None:
    values = np.array([value for value, _, _ in rows], dtype=np.float64)
    group = np.array([one for _, one, _ in rows], dtype=np.int64)
    counts = np.array([counted for _, _, counted in rows], dtype=np.bool_)
    terms = Terms.of(values)
    expected = [math.fsum(values[(group == one) & counts]) for one in range(4)]
    table = terms.table(group, 4, counts)
    assert rounded(table, terms.lowest) == expected
    assert rounded(table.sum(axis=0, keepdims=True), terms.lowest) == [math.fsum(values[counts])]
    assert rounded(terms.table(group, 4), terms.lowest)[0] == math.fsum(values[group == 0])


def test_a_tenth_ten_million_times_is_what_it_is() -> None:
    values = np.full(10_000_000, 0.1)
    terms = Terms.of(values)
    table = terms.table(np.zeros(len(values), dtype=np.int64), 1)
    assert rounded(table, terms.lowest) == [1_000_000.0], "adding one after the other gives 999,999.9998…"
