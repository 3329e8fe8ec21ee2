from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutualaid.errors import HazardError
from mutualaid.hazards import expected_annual, expected_annual_by_row

DAMAGE = {100: 4_392_944.56, 1000: 5_567_514.58}


def test_the_published_example() -> None:
    found = expected_annual(DAMAGE, frequent="triangle", triangle_year=5)
    assert found.between == pytest.approx(44_822.07, abs=0.005)
    assert found.tail == pytest.approx(5_567.51, abs=0.005)
    assert found.frequent == pytest.approx(417_329.73, abs=0.005)
    assert found.total == pytest.approx(44_822.07 + 5_567.51 + 417_329.73, abs=0.01)
    assert found.tail_rule == "constant beyond year 1000"
    assert found.frequent_rule == "triangle from year 100 to year 5"


def test_the_rules_at_both_ends() -> None:
    # 10 people at 1/10, 30 at 1/100: 20 on average over 0.09.
    people = {10: 10.0, 100: 30.0}
    assert expected_annual(people).between == pytest.approx(1.8)
    assert expected_annual(people).tail == pytest.approx(0.3)
    assert expected_annual(people).frequent == 0
    assert expected_annual(people, tail="zero").tail == 0
    assert expected_annual(people, frequent="constant").frequent == pytest.approx(10 * 0.9)
    assert expected_annual(people, frequent="constant").frequent_rule == "constant with probability 1"
    assert expected_annual(people, frequent="triangle", triangle_year=2).frequent == pytest.approx(2.0)


def test_one_map_alone_and_the_order_of_the_maps() -> None:
    assert expected_annual({50: 100.0}).total == pytest.approx(2.0)
    assert expected_annual({1000: 5_567_514.58, 100: 4_392_944.56}) == expected_annual(DAMAGE)


def test_what_falls_as_the_event_gets_rarer_is_reported() -> None:
    found = expected_annual({10: 5.0, 100: 3.0, 500: 8.0})
    assert found.falls == ((10.0, 100.0),)
    assert found.equal == ()
    assert expected_annual(DAMAGE).falls == ()


def test_one_layer_given_twice_is_noticed() -> None:
    assert expected_annual({10: 5.0, 100: 5.0, 500: 8.0}).equal == ((10.0, 100.0),)
    assert expected_annual({10: 0.0, 100: 0.0}).equal == ()


def test_rows_have_the_values_they_have_alone() -> None:
    rows = {"a": {100: 4_392_944.56, 10: 0.0}, "b": {100: 1.0, 10: 4.0}}
    found = expected_annual_by_row(
        pd.DataFrame.from_dict(rows, orient="index"), frequent="triangle", triangle_year=2
    )
    for label, row in rows.items():
        alone = expected_annual(row, frequent="triangle", triangle_year=2)
        parts = [alone.total, alone.between, alone.tail, alone.frequent]
        assert found.T[label][["total", "between", "tail", "frequent"]].tolist() == pytest.approx(parts)
    assert found["falls"].tolist() == [False, True]


def test_an_unknown_value_makes_the_sum_unknown_and_not_smaller() -> None:
    found = expected_annual_by_row(pd.DataFrame({10: [1.0, np.nan], 100: [2.0, 5.0]}))
    assert found["total"].isna().tolist() == [False, True]
    with pytest.raises(HazardError, match="return period 10"):
        expected_annual({10: np.nan, 100: 5.0})


@pytest.mark.parametrize(
    ("values", "options", "where"),
    [
        ({}, {}, "values"),
        ({0.5: 1.0}, {}, "return period 0.5"),
        ({float("inf"): 1.0}, {}, "return period inf"),
        ({10: -1.0}, {}, "return period 10"),
        ({10: float("inf")}, {}, "return period 10"),
        ({10: 1.0}, {"frequent": "triangle"}, "triangle_year"),
        ({10: 1.0}, {"triangle_year": 5}, "triangle_year"),
        ({10: 1.0}, {"frequent": "triangle", "triangle_year": 10}, "triangle_year"),
        ({10: 1.0}, {"frequent": "linear"}, "frequent"),
        ({10: 1.0}, {"tail": "linear"}, "tail"),
    ],
)
def test_what_cannot_be_is_refused(
    values: dict[float, float], options: dict[str, object], where: str
) -> None:
    with pytest.raises(HazardError) as caught:
        expected_annual(values, **options)  # type: ignore[arg-type]
    assert [one.where for one in caught.value.defects] == [where]


def test_a_return_period_given_twice_is_refused() -> None:
    with pytest.raises(HazardError, match="once"):
        expected_annual_by_row(pd.DataFrame([[1.0, 2.0]], columns=[10, "10"]))


VALUES = st.dictionaries(st.integers(2, 5000), st.floats(0, 1e6), min_size=1, max_size=6)


@given(VALUES, st.floats(0.0, 1e3))
def test_the_sum_lies_between_its_extremes_and_grows_with_the_values(
    values: dict[int, float], more: float
) -> None:
    found = expected_annual(values, frequent="constant")
    assert min(values.values()) - 1e-6 <= found.total <= max(values.values()) + 1e-6
    assert found.total == pytest.approx(found.between + found.tail + found.frequent)
    grown = expected_annual({year: value + more for year, value in values.items()}, frequent="constant")
    assert grown.total == pytest.approx(found.total + more, rel=1e-9, abs=1e-6)
