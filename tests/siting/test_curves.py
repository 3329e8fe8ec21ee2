"""Curves: by hand, never falling, and what is marked as efficient is what nothing beats."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mutualaid.errors import SitingError
from mutualaid.siting import Fair, Over, SiteTable, cost_curve, curve, pareto, site_table, time_curve

INF = math.inf


def made(seed: int, sites: int = 6, places: int = 12, fixed: int = 1) -> SiteTable:
    chance = np.random.default_rng(seed)
    seconds = {name: chance.integers(0, 1200, (sites, places)).astype(float) for name in ("", "s")}
    frame = pd.DataFrame(
        {
            "state": ["fixed"] * fixed + ["candidate"] * (sites - fixed),
            "opening_cost": chance.integers(1, 6, sites),
        },
        index=[f"s{i}" for i in range(sites)],
    )
    demand = pd.DataFrame(
        {"population": chance.integers(0, 90, places)}, index=[f"d{i}" for i in range(places)]
    )
    return site_table(seconds, frame, demand, limit_s=400)


def people(table: SiteTable, is_open: Any, weather: str = "") -> float:
    return float(table.weight[table.reach(weather)[is_open].any(axis=0)].sum())


@pytest.fixture
def table() -> SiteTable:
    """An old station reaches 10; "big" adds 50, "cheap" 30 of these and no other, "far" 5 more; 7 reach nobody."""
    seconds = [
        [100, INF, INF, INF, INF],
        [900, 100, 100, INF, INF],
        [900, 300, 900, INF, INF],
        [900, INF, INF, 480, INF],
    ]
    sites = pd.DataFrame(
        {"state": ["fixed", *["candidate"] * 3], "opening_cost": [0.0, 10.0, 3.0, 4.0]},
        index=["old", "big", "cheap", "far"],
    )
    demand = pd.DataFrame({"population": [10, 30, 20, 5, 7]}, index=list("pqrst"))
    return site_table(seconds, sites, demand, limit_s=480)


def test_by_number_of_stations_by_hand(table: SiteTable) -> None:
    found = curve(table, most=3)
    assert found["asked"].tolist() == [0, 1, 2, 3]
    assert found["people"].tolist() == [10, 60, 65, 65]
    assert found["opened"].tolist()[:3] == ["", "big", "big;far"]
    assert found["share"].tolist() == pytest.approx([10 / 72, 60 / 72, 65 / 72, 65 / 72])
    assert found["cost"].tolist()[:3] == [0, 10, 14]
    assert found["people_timed"].tolist() == [10, 60, 65, 65]
    assert found["mean_s"].tolist()[:3] == [100, 100, pytest.approx((60 * 100 + 5 * 480) / 65)]
    assert set(found["status"]) == {"optimal"}
    assert (found["gap"] == 0).all()
    # A third station, if one is opened at all, adds nobody.
    assert found["pareto"].tolist() == [True, True, True, found["added"].iloc[3] == 2]


def test_by_money_by_hand(table: SiteTable) -> None:
    found = cost_curve(table, [14, 0, 7, 6.99, 3])
    assert found["asked"].tolist() == [0, 3, 6.99, 7, 14]
    assert found["people"].tolist() == [10, 40, 40, 45, 65]
    assert found["cost"].tolist() == [0, 3, 3, 7, 14]
    assert found["opened"].tolist() == ["", "cheap", "cheap", "cheap;far", "big;far"]
    assert found["pareto"].all()


def test_by_mean_time_by_hand() -> None:
    """One of three: all people soon but none in time, a few in time, all in time but late on average."""
    seconds = [[500, 500, 500], [480, 520, 520], [480, 480, 2000]]
    demand = pd.DataFrame({"population": [10, 10, 10]}, index=list("abc"))
    table = site_table(seconds, ["soon", "some", "most"], demand, limit_s=480)
    found = time_curve(table, 1)
    assert found["opened"].tolist() == ["soon", "some", "most"]
    assert found["people"].tolist() == [0, 10, 20]
    # Between "soon" and "most" a person in time costs (29,600 - 15,000) / 20 s, at which "some" is better than both.
    assert found["worth_s"].tolist() == [0, 730, INF]
    assert found["mean_s"].tolist() == pytest.approx([500, 1520 / 3, 2960 / 3])
    assert found["value"].tolist() == pytest.approx([15_000, 15_200, 29_600])
    assert found["bound"].tolist() == pytest.approx([15_000, 15_200, 29_600])
    assert found["pareto"].all()
    # In two steps the middle is not asked for, and there is no row for it.
    assert time_curve(table, 1, steps=2)["opened"].tolist() == ["soon", "most"]


def test_one_plan_may_be_best_in_both() -> None:
    demand = pd.DataFrame({"population": [10, 20]}, index=list("ab"))
    both = site_table([[10, 20], [30, 500]], ["x", "y"], demand, limit_s=480)
    found = time_curve(both, 1)
    assert len(found) == 1
    assert found["pareto"].tolist() == [True]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_each_point_is_the_best_there_is_and_more_is_never_worse(seed: int) -> None:
    table = made(seed)
    found = curve(table, most=4)
    best = [
        max(
            people(table, [0, *more])
            for k in range(number + 1)
            for more in combinations(range(1, len(table.sites)), k)
        )
        for number in range(5)
    ]
    assert found["people"].tolist() == best
    assert found["people"].is_monotonic_increasing
    assert (found["added"] <= found["asked"]).all()
    for row in found.to_dict("records"):
        names = [name for name in row["opened"].split(";") if name]
        is_open = table.sites.index.isin(["s0", *names])
        assert people(table, is_open) == row["people"]
        assert table.sites.loc[names, "opening_cost"].sum() == row["cost"]
    money = cost_curve(table, range(0, 22, 3))
    assert money["people"].is_monotonic_increasing
    assert (money["cost"] <= money["asked"]).all()
    assert money["people"].max() <= people(table, np.ones(len(table.sites), dtype=bool))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_no_plan_beats_the_efficient_ones_in_people_and_mean_time(seed: int) -> None:
    table = made(seed, sites=6, places=8)
    found = time_curve(table, 2, steps=9)
    assert found["people"].is_monotonic_increasing
    assert found["value"].is_monotonic_increasing
    plans = [[0, *more] for more in combinations(range(1, 6), 2)]
    points = [(people(table, one), float(table.weight @ table.seconds[""][one].min(axis=0))) for one in plans]
    rows = list(zip(found["people"], found["value"], strict=True))
    for mine in rows[1:-1]:
        for other in points:
            assert not (other[0] >= mine[0] and other[1] < mine[1] * (1 - 1e-9))
            assert not (other[0] > mine[0] and other[1] <= mine[1])
    assert rows[0][1] == pytest.approx(min(total for _, total in points))
    assert rows[-1][0] == max(many for many, _ in points)
    # Whatever a person in time is worth, the best plan for that is one of those found.
    for worth_s in np.geomspace(1e-2, 1e5, 60):
        best = min(total - worth_s * many for many, total in points)
        assert min(total - worth_s * many for many, total in rows) == pytest.approx(best, rel=1e-7, abs=1e-6)


def test_scenarios_and_rules() -> None:
    table = made(3)
    over = Over({"": 1.0, "s": 3.0})
    expected = curve(table, most=3, over=over)
    np.testing.assert_allclose(expected["value"], expected["people_expected"])
    for row in expected.to_dict("records"):
        is_open = table.sites.index.isin(["s0", *row["opened"].split(";")])
        assert row["people"] == people(table, is_open)
        mean = (people(table, is_open) + 3 * people(table, is_open, "s")) / 4
        assert row["people_expected"] == pytest.approx(mean)
    regret = curve(table, most=3, over=Over({"": 1.0, "s": 1.0}, rule="regret"))
    assert (regret["value"] >= 0).all()
    assert regret["pareto"].any()
    fair = curve(table, most=2, fair=Fair(no_worse=True))
    assert fair["people"].tolist() == curve(table, most=2)["people"].tolist()


def test_what_cannot_be_asked(table: SiteTable) -> None:
    with pytest.raises(SitingError, match="add"):
        curve(table, most=4)
    with pytest.raises(SitingError, match="budget"):
        cost_curve(table, [-1])
    with pytest.raises(SitingError, match="steps: expected a whole number from 2 on; got 1"):
        time_curve(table, 1, steps=1)
    with pytest.raises(SitingError, match="fair: expected fairness that does not ask for no_worse"):
        time_curve(table, 1, fair=Fair(no_worse=True))
    with pytest.raises(SitingError, match="'flood'"):
        curve(table, most=1, over=Over({"flood": 1.0}))


# --- efficient plans ------------------------------------------------------------------------------------------------


def test_efficient_rows_by_hand() -> None:
    plans = pd.DataFrame({"people": [5, 5, 4, 6, np.nan], "cost": [2, 2, 1, 3, 0]}, index=list("abcde"))
    assert pareto(plans, {"people": "most", "cost": "least"}).to_dict() == {
        "a": True, "b": True, "c": True, "d": True, "e": False,
    }  # fmt: skip
    assert pareto(plans, {"people": "most"}).tolist() == [False, False, False, True, False]
    assert pareto(plans, {"people": "least", "cost": "least"}).tolist() == [False, False, True, False, False]
    with pytest.raises(SitingError) as error:
        pareto(plans, {"people": "best", "money": "least"})
    assert [one.where for one in error.value.defects] == ["people", "money"]


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)), max_size=12))
def test_a_row_is_efficient_if_no_row_beats_it(rows: list[tuple[int, int, int]]) -> None:
    frame = pd.DataFrame(rows, columns=list("abc"), dtype=float)
    marked = pareto(frame, {"a": "most", "b": "least", "c": "most"})
    for row, is_marked in zip(rows, marked, strict=True):
        beaten = any(
            one != row and one[0] >= row[0] and one[1] <= row[1] and one[2] >= row[2] for one in rows
        )
        assert is_marked == (not beaten)
