"""Maximal coverage: worked by hand, on real data, what must always hold, and what cannot be asked."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mutualaid.errors import SitingError
from mutualaid.siting import Choice, Fair, Over, Plan, SiteTable, mclp, site_table

IN, OUT = 300.0, 900.0


def drawn(*rows: str, people: list[float], states: str = "", **sites: Any) -> SiteTable:
    """A table from rows like ``x.x``: in time or not; states by their first letters (k for candidates)."""
    seconds = [[IN if sign == "x" else OUT for sign in row] for row in rows]
    names = {"k": "candidate", "f": "fixed", "c": "closable", "m": "movable"}
    state = [names[sign] for sign in states or "k" * len(rows)]
    frame = pd.DataFrame({"state": state, **sites}, index=[f"s{k}" for k in range(len(rows))])
    demand = pd.DataFrame({"population": people}, index=[f"d{k}" for k in range(len(people))])
    return site_table(seconds, frame, demand, limit_s=480)


def plane(s: int, n: int, share: float, seed: int, drop: float = 0.0) -> SiteTable:
    """Towns in a plane, and a scenario in which some pairs drop out."""
    random = np.random.default_rng(seed)
    towns = random.random((8, 2))
    where = towns[random.integers(0, 8, s + n)] + random.normal(size=(s + n, 2)) * 0.08
    metres = np.hypot(*(where[:s, None, k] - where[None, s:, k] for k in (0, 1)))
    seconds = metres / np.quantile(metres, share) * 480
    flood = np.where(random.random((s, n)) < drop, np.inf, seconds)
    demand = pd.DataFrame({"population": random.integers(0, 100, n)}, index=range(n))
    return site_table({"": seconds, "flood": flood}, [f"s{k}" for k in range(s)], demand, limit_s=480)


def reached(plan: Plan, weather: str = "") -> float:
    """People in time, from the sites and the times alone."""
    in_time = plan.table.seconds[weather][plan.is_open] <= plan.table.limit_s
    return float(plan.table.weight[in_time.any(axis=0)].sum())


def both(table: SiteTable, choice: Choice, **options: Any) -> Plan:
    """The plan, found with and without reductions."""
    plan, plain = (mclp(table, choice, reduce=reduce, **options) for reduce in (True, False))
    assert plan.value == pytest.approx(plain.value)
    assert plan.status == plain.status == "optimal"
    return plan


# Worked by hand


def test_the_best_site_alone_need_not_be_among_the_best_two() -> None:
    table = drawn("x.x.", ".x.x", "xx..", people=[300, 300, 200, 200])
    assert both(table, Choice(add=1)).open == ("s2",)
    plan = both(table, Choice(add=2))
    assert plan.open == ("s0", "s1")
    assert plan.value == plan.bound == 1000
    assert plan.gap == 0
    assert plan.maximise
    assert plan.model == "mclp"


def test_fixed_stations_stay_and_their_people_count_already() -> None:
    # s0 stands: s1 would bring 100 more, s2 only 90, though it reaches more people.
    table = drawn("xx..", "..x.", ".x.x", people=[500, 200, 100, 90], states="fkk")
    plan = both(table, Choice(add=1))
    assert plan.open == ("s0", "s1")
    assert plan.opened == ("s1",)
    assert plan.value == 800


def test_nothing_is_added_that_helps_nobody() -> None:
    table = drawn("x.", "x.", people=[10, 20], states="fk")
    plan = both(table, Choice(add=1))
    assert plan.value == 10
    assert plan.notes == ("20 people at 1 point are reached by no site, even if all were open.",)


def test_a_closable_station_makes_room_only_if_it_may_be_closed() -> None:
    # Money for one new station comes from no closing: the budget pays closing too.
    table = drawn("x..", "xx.", "..x", people=[10, 20, 25], states="ckk", opening_cost=4.0, closing_cost=1.0)
    keeps = both(table, Choice(budget=5.0))
    assert (keeps.open, keeps.value, keeps.cost) == (("s0", "s2"), 35, 4)
    table = drawn("x", "x", people=[10], states="ck", opening_cost=4.0, closing_cost=1.0)
    assert both(table, Choice(budget=3.0, close=1)).value == 10


def test_moving_a_station_pays_for_one_new_site_beyond_those_added() -> None:
    table = drawn("x...", ".x..", "..x.", "...x", people=[1, 20, 30, 40], states="mkkk")
    assert both(table, Choice(add=1)).open == ("s0", "s3")
    moved = both(table, Choice(add=1, move=1))
    assert (moved.open, moved.closed, moved.value) == (("s2", "s3"), ("s0",), 70)
    assert both(table, Choice(add=0, move=1)).open == ("s3",)
    assert both(table, Choice(add=0, move=0)).open == ("s0",)


def test_the_budget_buys_the_most_people_and_not_the_most_stations() -> None:
    table = drawn("x..", ".x.", "..x", people=[30, 31, 60], opening_cost=[5.0, 5.0, 9.0])
    assert both(table, Choice(budget=9.0)).open == ("s2",)
    assert both(table, Choice(budget=10.0)).open == ("s0", "s1")
    assert both(table, Choice(budget=4.99)).open == ()
    assert both(table, Choice(budget=14.0)).open == ("s1", "s2")
    assert both(table, Choice(budget=14.0, add=1)).open == ("s2",)


def test_a_time_at_the_limit_is_in_time() -> None:
    demand = pd.DataFrame({"population": [1.0, 2.0]}, index=["a", "b"])
    table = site_table([[480.0, 480.001]], ["s"], demand, limit_s=480)
    assert mclp(table, Choice(add=1)).value == 1


def test_all_may_be_fixed_and_nobody_may_be_in_reach() -> None:
    assert both(drawn("x.", people=[5, 7], states="f"), Choice()).value == 5
    lost = both(drawn("..", people=[5, 7]), Choice(add=1))
    assert lost.value == lost.bound == 0
    assert "12 people at 2 points" in lost.notes[0]
    assert both(drawn("x.", people=[0, 0]), Choice(add=1)).value == 0


def test_any_number_of_new_stations_reaches_whoever_can_be() -> None:
    assert both(drawn("x..", ".x.", "...", people=[3, 4, 5]), Choice()).value == 7


# Published


def test_san_francisco(san_francisco: Callable[..., SiteTable]) -> None:
    plan = both(san_francisco(5000.0), Choice(add=4))
    assert plan.value == plan.bound == 875_247


# What must always hold


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_the_value_is_that_of_the_sites_and_the_bound_is_no_less(
    brute_force: ModuleType, data: st.DataObject
) -> None:
    table = data.draw(brute_force.tables())
    plan = mclp(table, data.draw(brute_force.choices(table)))
    assert plan.value == pytest.approx(reached(plan))
    assert plan.bound >= plan.value
    assert plan.is_open[(table.sites["state"] == "fixed").to_numpy()].all()


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_one_more_station_never_loses_anybody_and_gains_less_and_less_at_best(
    brute_force: ModuleType, data: st.DataObject
) -> None:
    table = data.draw(brute_force.tables(states=["candidate", "fixed"]))
    most = int((table.sites["state"] == "candidate").sum())
    values = [mclp(table, Choice(add=p)).value for p in range(most + 1)]
    assert (np.diff(values) >= -1e-9).all()
    assert values[-1] == pytest.approx(table.weight[table.reach("").any(axis=0)].sum())


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), seed=st.integers(0, 99))
def test_the_order_of_sites_and_demand_does_not_matter(
    brute_force: ModuleType, data: st.DataObject, seed: int
) -> None:
    table = data.draw(brute_force.tables(weathers=1))
    choice, random = data.draw(brute_force.choices(table)), np.random.default_rng(seed)
    s, n = random.permutation(len(table.sites)), random.permutation(len(table.demand))
    other = replace(
        table,
        sites=table.sites.iloc[s],
        demand=table.demand.iloc[n],
        seconds={"": table.seconds[""][s][:, n]},
    )
    assert mclp(other, choice).value == pytest.approx(mclp(table, choice).value)


@pytest.mark.parametrize(("seed", "p"), [(1, 3), (2, 6), (3, 12)])
def test_reductions_change_nothing_on_towns_in_a_plane(seed: int, p: int) -> None:
    table = plane(40, 400, 0.05, seed, drop=0.1)
    for over in (Over(), Over({"": 2, "flood": 1}), Over({"": 2, "flood": 1}, "worst")):
        both(table, Choice(add=p), over=over)


def test_inputs_are_not_changed() -> None:
    table = plane(10, 50, 0.1, 5)
    sites, demand, seconds = table.sites.copy(), table.demand.copy(), table.seconds[""].copy()
    mclp(table, Choice(add=2))
    pd.testing.assert_frame_equal(table.sites, sites)
    pd.testing.assert_frame_equal(table.demand, demand)
    assert (table.seconds[""] == seconds).all()


# Time and gaps


@pytest.mark.parametrize("reduce", [True, False])
def test_when_time_is_up_there_is_a_plan_with_a_bound(reduce: bool) -> None:
    random = np.random.default_rng(3)
    seconds = np.where(random.random((150, 3000)) < 0.06, IN, OUT)
    demand = pd.DataFrame({"population": random.integers(1, 100, 3000)})
    table = site_table(seconds, [f"s{k}" for k in range(150)], demand, limit_s=480)
    mclp(table, Choice(add=1))  # whatever is to be compiled is
    started = time.perf_counter()
    plan = mclp(table, Choice(add=12), time_limit_s=2.0, reduce=reduce)
    assert time.perf_counter() - started < 2.0 + 6.0
    assert plan.status == "time limit"
    assert plan.value == reached(plan)
    assert len(plan.open) <= 12
    assert plan.value < plan.bound <= table.weight.sum()
    assert 0 < plan.gap < 0.6


def test_a_gap_that_is_asked_for_is_kept_and_is_enough_to_be_called_optimal() -> None:
    table = plane(60, 2000, 0.05, 7)
    exact, rough = mclp(table, Choice(add=6)), mclp(table, Choice(add=6), gap=0.2)
    assert exact.gap == 0
    assert rough.status == "optimal"
    assert rough.gap <= 0.2
    assert rough.value <= exact.value <= rough.bound


# What cannot be asked


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"choice": Choice(add=3)}, "a whole number from 0 to 2: 2 candidate sites; got 3"),
        ({"choice": Choice(add=-1)}, "got -1"),
        ({"choice": Choice(add=1, close=1)}, "close: expected a whole number from 0 to 0"),
        ({"choice": Choice(budget=-1.0)}, "budget: expected money from 0 on; got -1.0"),
        ({"choice": Choice(budget=math.nan)}, "budget"),
        ({"over": Over({"storm": 1.0})}, "one of ''; got 'storm'"),
        ({"over": Over({"": -1.0})}, "a number from 0 on; got -1.0"),
        ({"over": Over({})}, "at least one; got none"),
        ({"over": Over({"": 0.0})}, "weight above 0"),
        ({"over": Over({"": 1.0}, "mean")}, "one of expected, worst, regret, cvar; got 'mean'"),
        ({"over": Over({"": 1.0}, "cvar", 0.0)}, "tail: expected a share above 0"),
        ({"fair": Fair(floor=1.5)}, "floor: expected a share from 0 to 1; got 1.5"),
        ({"fair": Fair(floor={"nowhere": 0.5})}, "nowhere"),
        ({"fair": Fair(pays_most=-0.1)}, "pays_most"),
        ({"gap": -0.1}, "gap: expected a share from 0"),
        ({"time_limit_s": -1.0}, "time_limit_s: expected seconds"),
    ],
)
def test_a_wish_that_cannot_be_meant_is_named(options: dict[str, Any], message: str) -> None:
    table = drawn("x.", ".x", people=[1, 2])
    with pytest.raises(SitingError) as caught:
        mclp(table, **{"choice": Choice(add=1), **options})
    assert message in str(caught.value)


def test_all_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(SitingError) as caught:
        mclp(drawn("x", people=[1]), Choice(add=2), over=Over({"storm": 1}, "mean"), gap=2.0)
    assert len(caught.value.defects) == 4
