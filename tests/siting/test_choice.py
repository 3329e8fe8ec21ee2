"""Wishes: which sets of open sites they allow, what these cost, and what cannot be meant."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mutualaid.errors import SitingError
from mutualaid.siting import Choice, Fair, Over, SiteTable, site_table
from mutualaid.siting._choice import check_asked, site_costs, site_limits
from mutualaid.siting._plan import Plan, finished
from mutualaid.siting._sets._greedy import allowed

#: One station that stays, one to close, two to move, two candidates.
SITES = pd.DataFrame(
    {
        "state": ["fixed", "closable", "movable", "movable", "candidate", "candidate"],
        "partner": ["A", "A", "A", "B", "A", "B"],
        "opening_cost": [9, 9, 9, 9, 3, 5],
        "closing_cost": [7, 1, 2, 0, 7, 7],
    },
    index=list("fcmnpq"),
)


@pytest.fixture
def table() -> SiteTable:
    demand = pd.DataFrame({"population": [10, 0], "jurisdiction": ["u", "v"]}, index=["a", "b"])
    return site_table(np.zeros((6, 2)), SITES, demand, limit_s=1)


def sets(table: SiteTable, choice: Choice, fair: Fair | None = None) -> set[str]:
    """Ids of the open sites of all plans that are allowed."""
    limits = site_limits(table, choice, fair)
    every = (np.array(row) for row in product([False, True], repeat=6))
    return {"".join(table.sites.index[row]) for row in every if allowed(limits, row)}


def test_nothing_asked_opens_candidates_only(table: SiteTable) -> None:
    assert sets(table, Choice()) == {"fcmn", "fcmnp", "fcmnq", "fcmnpq"}
    assert sets(table, Choice(add=0)) == {"fcmn"}
    assert sets(table, Choice(add=1)) == {"fcmn", "fcmnp", "fcmnq"}


def test_closing(table: SiteTable) -> None:
    assert sets(table, Choice(add=0, close=1)) == {"fcmn", "fmn"}


def test_a_station_given_up_may_stand_elsewhere(table: SiteTable) -> None:
    one = {"fcmn", "fcm", "fcn", "fcmp", "fcmq", "fcnp", "fcnq"}
    assert sets(table, Choice(add=0, move=1)) == one
    two = sets(table, Choice(add=0, move=2))
    assert two == one | {"fc", "fcp", "fcq", "fcpq"}
    assert sets(table, Choice(add=1, move=1)) == one | {"fcmnp", "fcmnq", "fcmpq", "fcnpq"}


def test_budget_pays_openings_and_closings(table: SiteTable) -> None:
    assert sets(table, Choice(budget=3)) == {"fcmn", "fcmnp"}
    assert sets(table, Choice(budget=4, close=1)) == {"fcmn", "fcmnp", "fmn", "fmnp"}
    assert sets(table, Choice(budget=5, move=2, add=0)) == {
        "fcmn",
        "fcm",
        "fcmp",
        "fcmq",
        "fcn",
        "fcnp",
        "fc",
        "fcp",
    }


def test_nobody_pays_more_than_a_share(table: SiteTable) -> None:
    # p costs A 3 and q costs B 5: shares 3/8 and 5/8, or all of it for one.
    assert sets(table, Choice(), Fair(pays_most=0.625)) == {"fcmn", "fcmnpq"}
    assert sets(table, Choice(), Fair(pays_most=0.62)) == {"fcmn"}
    # Closing c costs A 1 more: 4/9 and 5/9.
    assert "fmnpq" in sets(table, Choice(close=1), Fair(pays_most=0.56))
    assert "fcmnpq" not in sets(table, Choice(close=1), Fair(pays_most=0.56))


def test_costs_are_those_of_the_plan(table: SiteTable) -> None:
    cost, base = site_costs(table)
    for row in product([0, 1], repeat=6):
        x = np.array(row)
        plan = Plan("", table, x, 0, 0, maximise=False)
        assert cost @ x + base == plan.cost
    plan = Plan("", table, np.array([1, 0, 1, 1, 0, 2]), 0, 0, maximise=False)
    assert (plan.open, plan.opened, plan.closed, plan.cost) == (tuple("fmnq"), ("q",), ("c",), 6.0)


@pytest.mark.parametrize(
    ("value", "bound", "maximise", "expected"),
    [
        (90, 100, True, (100, 0.1)),
        (100, 99.99999, True, (100, 0)),
        (100, 90, False, (90, 0.1)),
        (0, 0, True, (0, 0)),
    ],
)
def test_gap_and_bound(
    table: SiteTable, value: float, bound: float, maximise: bool, expected: tuple[float, float]
) -> None:
    plan = Plan("", table, np.zeros(6, np.int64), value, bound, maximise=maximise)
    found = finished(plan, proven=False, gap=0.0, start=0.0)
    assert (found.bound, found.gap) == pytest.approx(expected)
    assert found.status == ("optimal" if found.bound == value else "time limit")
    proven = finished(plan, proven=True, gap=0.0, start=0.0)
    assert (proven.bound, proven.gap, proven.status) == (value, 0, "optimal")
    near = finished(plan, proven=True, gap=0.2, start=0.0)
    assert near.bound == expected[0], "what was not proven is not said"


def wrong(table: SiteTable, choice: Choice | None = None, **asked: Any) -> list[str]:
    with pytest.raises(SitingError) as caught:
        check_asked(table, choice or Choice(), **asked)
    assert all(one.remedy for one in caught.value.defects)
    return [f"{one.where}: {one.expected}; {one.got}" for one in caught.value.defects]


def test_everything_wrong_at_once(table: SiteTable) -> None:
    found = wrong(
        table,
        Choice(add=3, close=-1, move=1.5, budget=math.inf),  # type: ignore[arg-type]
        fair=Fair(floor={"u": 2, "w": 0.5}, pays_most=-0.1),
        over=Over({"": 1, "flood": -1}, "best", 0),
        weather=["quake"],
        time_limit_s=-1,
        gap=math.nan,
    )
    assert found == [
        "add: a whole number from 0 to 2: 2 candidate sites; 3",
        "close: a whole number from 0 to 1: 1 closable sites; -1",
        "move: a whole number from 0 to 2: 2 movable sites; 1.5",
        "budget: money from 0 on; inf",
        "pays_most: a share from 0 to 1; -0.1",
        "floor u: a share from 0 to 1; 2",
        "floor: jurisdictions of the demand: u, v; w",
        "weather: one weight above 0; none",
        "weight of 'flood': a number from 0 on; -1",
        "rule: one of expected, worst, regret, cvar; 'best'",
        "tail: a share above 0 up to 1; 0",
        "weather: one of ''; 'flood'",
        "weather: one of ''; 'quake'",
        "time_limit_s: seconds from 0 on; -1",
        "gap: a share from 0 to 1; nan",
    ]


def test_no_weather_no_weight_and_units(table: SiteTable) -> None:
    assert wrong(table, over=Over({})) == ["weather: at least one; none"]
    assert wrong(table, over=Over({"": 0.0})) == ["weather: one weight above 0; none"]
    assert wrong(table, fair=Fair(floor=1.1)) == ["floor: a share from 0 to 1; 1.1"]
    check_asked(table, Choice(add=6), per_site=3)
    assert wrong(table, Choice(add=7), per_site=3) == [
        "add: a whole number from 0 to 6: 2 candidate sites, 3 units each; 7"
    ]
    with pytest.raises(SitingError, match="add"):
        site_limits(table, Choice(add=3))
