"""The p-median: published optima, plans worked out by hand, bounds, what partners are owed, and conflicts."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mutualaid.errors import SitingError
from mutualaid.siting import Choice, Fair, Over, SiteTable, p_median, site_table
from mutualaid.siting._median import _points

INF = float("inf")


def line(places: list[float], people: list[float], at: list[float], **columns: Any) -> SiteTable:
    """Sites and people along a road, one second a metre."""
    seconds = np.abs(np.subtract.outer(places, at))
    sites = pd.DataFrame(
        {"state": columns.pop("state", "candidate"), "partner": columns.pop("owner", "")},
        index=[f"s{k}" for k in range(len(places))],
    )
    limit_s = columns.pop("limit_s", 10.0)
    demand = pd.DataFrame({"population": people, **columns}, index=[f"d{k}" for k in range(len(at))])
    return site_table(seconds, sites, demand, limit_s=limit_s)


def cloud(s: int, n: int, seed: int) -> SiteTable:
    """Sites and people anywhere in a square, so that no two times are equal."""
    random = np.random.default_rng(seed)
    sites, points = random.random((s, 1, 2)), random.random((1, n, 2))
    seconds = np.linalg.norm(sites - points, axis=2) * 1000
    demand = pd.DataFrame({"population": random.integers(1, 50, n)}, index=[f"d{k}" for k in range(n)])
    return site_table(seconds, [f"s{k}" for k in range(s)], demand, limit_s=200)


# Published optima


@pytest.mark.parametrize("reduce", [True, False])
def test_san_francisco(san_francisco: Callable[..., SiteTable], reduce: bool) -> None:
    plan = p_median(san_francisco(), Choice(add=4), reduce=reduce)
    assert plan.value == pytest.approx(2_848_268_129.71, abs=0.01)
    assert plan.status == "optimal"
    assert plan.bound == plan.value
    assert plan.is_open.sum() == 4


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_or_library(pmed: Callable[[int], Any], number: int) -> None:
    question = pmed(number)
    plan = p_median(question.table, Choice(add=question.p))
    assert plan.value == plan.bound == question.median
    assert plan.status == "optimal"
    nearest = question.table.seconds[""][plan.is_open].min(axis=0)
    assert nearest.sum() == question.median


# Larger ones, against the program as it stands


@pytest.mark.parametrize(("p", "seed"), [(3, 0), (8, 1), (20, 2)])
def test_reductions_change_nothing(p: int, seed: int) -> None:
    table = cloud(60, 80, seed)
    plan, plain = (p_median(table, Choice(add=p), reduce=reduce) for reduce in (True, False))
    assert plan.value == pytest.approx(plain.value, rel=1e-9)
    assert plan.status == plain.status == "optimal"


def test_large_ones_of_the_same_kind_are_proven() -> None:
    """Whole lengths make many plans equally good; bounds must still meet the value."""
    random = np.random.default_rng(7)
    seconds = np.round(np.linalg.norm(random.random((200, 1, 2)) - random.random((1, 200, 2)), axis=2) * 100)
    demand = pd.DataFrame({"population": np.ones(200)}, index=[f"d{k}" for k in range(200)])
    table = site_table(seconds, [f"s{k}" for k in range(200)], demand, limit_s=10)
    for p in (5, 20, 66):
        plan = p_median(table, Choice(add=p))
        assert plan.status == "optimal"
        assert plan.bound == plan.value == seconds[plan.is_open].min(axis=0).sum()


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_nothing_is_better(p: int, seed: int) -> None:
    table = cloud(9, 15, seed)
    seconds, people = table.seconds[""], table.weight
    best = min(seconds[list(sites)].min(axis=0) @ people for sites in combinations(range(9), p))
    assert p_median(table, Choice(add=p)).value == pytest.approx(best, rel=1e-9)


# By hand


def test_a_station_that_stays_is_used() -> None:
    """Sites at 0, 5, 10; people at 0, 6, 10. With a station at 0, 10 takes 4·2 seconds, 5 takes 1·2 + 5·1."""
    table = line([0, 5, 10], [3, 2, 1], [0, 6, 10], state=["fixed", "candidate", "candidate"])
    plan = p_median(table, Choice(add=1))
    assert plan.open == ("s0", "s1")
    assert plan.value == 7


def test_moving_a_station_gives_one_more() -> None:
    table = line([0, 6, 10], [1, 5, 1], [0, 6, 10], state=["movable", "candidate", "candidate"])
    assert p_median(table, Choice(add=0)).value == 5 * 6 + 10
    plan = p_median(table, Choice(add=0, move=1))
    assert (plan.opened, plan.closed) == (("s1",), ("s0",))
    assert plan.value == 6 + 4


def test_money_buys_less_than_the_best() -> None:
    table = line([0, 6, 10], [1, 5, 1], [0, 6, 10])
    table.sites["opening_cost"] = [1.0, 5.0, 1.0]
    plan = p_median(table, Choice(budget=4))
    assert plan.open == ("s0", "s2")
    assert plan.cost == 2
    assert p_median(table, Choice(budget=6)).open == ("s0", "s1")


def test_several_weathers() -> None:
    """One of two sites: in fair weather the first is 10 away and the second 0, in the flood 10 and 30."""
    demand = pd.DataFrame({"population": [1.0]}, index=["d"])
    table = site_table({"": [[10.0], [0.0]], "flood": [[10.0], [30.0]]}, ["a", "b"], demand, limit_s=5)
    weather = {"": 3.0, "flood": 1.0}
    expected = p_median(table, Choice(add=1), over=Over(weather))
    assert (expected.open, expected.value) == (("b",), 7.5)
    worst = p_median(table, Choice(add=1), over=Over(weather, "worst"))
    assert (worst.open, worst.value) == (("a",), 10.0)
    regret = p_median(table, Choice(add=1), over=Over(weather, "regret"))
    assert (regret.open, regret.value) == (("a",), 10.0)
    tail = p_median(table, Choice(add=1), over=Over(weather, "cvar", tail=0.5))
    assert (tail.open, tail.value) == (("a",), 10.0)
    all_of_it = p_median(table, Choice(add=1), over=Over(weather, "cvar", tail=1.0))
    assert all_of_it.value == pytest.approx(expected.value)


def test_who_is_reached_by_nobody_is_named_and_left_out() -> None:
    demand = pd.DataFrame({"population": [5, 1240, 0]}, index=["a", "b", "c"])
    table = site_table([[3, INF, INF], [4, INF, 1]], ["x", "y"], demand, limit_s=480)
    plan = p_median(table, Choice(add=1))
    assert (plan.open, plan.value) == (("x",), 15)
    assert len(plan.notes) == 1
    assert "1,240 people" in plan.notes[0]


def test_time_without_end_is_never_traded() -> None:
    """The second site is far from nearly all people, but the only one for the last."""
    demand = pd.DataFrame({"population": [1_000_000, 1]}, index=["a", "b"])
    table = site_table([[1.0, INF], [1000.0, 1.0]], ["x", "y"], demand, limit_s=480)
    assert p_median(table, Choice(add=1)).open == ("y",)


def test_nobody_lives_there() -> None:
    demand = pd.DataFrame({"population": [0, 0]}, index=["a", "b"])
    plan = p_median(site_table([[1, 2]], ["x"], demand, limit_s=480), Choice(add=1))
    assert (plan.value, plan.bound, plan.status) == (0, 0, "optimal")


def test_sites_are_sorted_a_few_points_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    times = random.integers(0, 9, (12, 40)).astype(float)
    times[random.random(times.shape) < 0.2] = INF
    stays, may = np.arange(12) < 2, np.arange(12) != 7
    for together in (1, 30, 10_000):
        monkeypatch.setattr(_points, "_TOGETHER", together)
        points = _points.points_of(times, np.ones((1, 40)), stays, may)
        for k in range(40):
            these = slice(points.start[k], points.start[k + 1])
            sooner = [(t, s) for s, t in enumerate(times[:, k]) if may[s] and t < times[:2, k].min()]
            assert list(zip(points.time[these], points.site[these], strict=True)) == sorted(sooner)


# What partners are owed


def test_no_partner_waits_longer() -> None:
    """To move the station to the crowd would leave A worse off."""
    table = line(
        [0, 10],
        [1, 100],
        [0, 10],
        state=["movable", "candidate"],
        partner=["A", "B"],
        jurisdiction=["a", "b"],
    )
    free = p_median(table, Choice(add=0, move=1))
    assert free.closed == ("s0",)
    plan = p_median(table, Choice(add=0, move=1), fair=Fair(no_worse=True))
    assert plan.closed == ()
    mean = table.seconds[""][plan.is_open].min(axis=0)[0]
    assert mean <= 0


def test_a_floor_is_kept() -> None:
    table = line([0, 30, 60], [100, 1, 90], [0, 30, 55], jurisdiction=["u", "v", "u"], limit_s=4)
    assert p_median(table, Choice(add=2)).open == ("s0", "s2")
    plan = p_median(table, Choice(add=2), fair=Fair(floor={"v": 1.0}))
    assert "s1" in plan.open
    assert plan.value == 90 * 25
    with pytest.raises(SitingError, match="floor of u") as caught:
        p_median(table, Choice(add=2), fair=Fair(floor=0.9))
    assert "52.6%" in str(caught.value)


def test_people_in_time_cost_mean_time() -> None:
    """In the middle the mean is least, but nobody is in time there."""
    table = line([0, 5, 11], [10, 10, 9], [0, 5.5, 11], limit_s=0)
    assert p_median(table, Choice(add=1)).open == ("s1",)
    plan = p_median(table, Choice(add=1), cover_at_least=10)
    assert plan.open == ("s0",)
    assert plan.value == 55 + 99
    with pytest.raises(SitingError, match="cover_at_least") as caught:
        p_median(table, Choice(add=1), cover_at_least=20)
    assert "10.0 people" in str(caught.value)


def test_wishes_that_contradict_each_other_are_all_named() -> None:
    table = line([0, 30], [1, 1], [0, 30], jurisdiction=["u", "v"], limit_s=4)
    with pytest.raises(SitingError, match="floor of u, floor of v together"):
        p_median(table, Choice(add=1), fair=Fair(floor=1.0))


# What cannot be asked


def test_too_few_to_reach_everybody() -> None:
    demand = pd.DataFrame({"population": [30, 20, 10]}, index=["a", "b", "c"])
    table = site_table(np.where(np.eye(3) > 0, 1, INF), ["x", "y", "z"], demand, limit_s=480)
    with pytest.raises(SitingError) as caught:
        p_median(table, Choice(add=2))
    assert "all 60 people" in str(caught.value)
    assert "at most 50" in str(caught.value)
    assert "at least 3" in str(caught.value)


def test_every_wrong_wish_is_named() -> None:
    table = line([0, 5], [1, 1], [0, 5])
    with pytest.raises(SitingError) as caught:
        p_median(
            table, Choice(add=3, budget=-1), fair=Fair(worst_first=True), over=Over({"flood": 1.0}),
            cover_at_least=3, gap=-1,
        )  # fmt: skip
    named = {defect.where for defect in caught.value.defects}
    assert {"add", "budget", "worst_first", "weather", "cover_at_least", "gap"} <= named


# Time and gap


def test_out_of_time_there_is_a_plan_with_its_bound() -> None:
    table = cloud(300, 400, 3)
    began = time.perf_counter()
    plan = p_median(table, Choice(add=10), time_limit_s=0.0)
    assert time.perf_counter() - began < 20
    best = p_median(table, Choice(add=10))
    assert plan.is_open.sum() <= 10
    assert plan.bound <= best.value <= plan.value
    assert plan.status == ("optimal" if plan.bound == plan.value else "time limit")


def test_a_gap_is_kept() -> None:
    table = cloud(100, 150, 4)
    best, near = p_median(table, Choice(add=8)), p_median(table, Choice(add=8), gap=0.05)
    assert near.status == "optimal"
    assert near.bound <= best.value <= near.value <= best.value / 0.95
    assert near.gap <= 0.05


# The next best


def test_the_next_best_plan() -> None:
    table = cloud(8, 12, 5)
    seconds, people = table.seconds[""], table.weight
    every = sorted(seconds[list(sites)].min(axis=0) @ people for sites in combinations(range(8), 3))
    plan = p_median(table, Choice(add=3))
    assert plan.again is not None
    known = [plan.units]
    for value in every[1:4]:
        more = plan.again(known, 2, 2 * plan.value)
        assert more is not None
        assert more.value == pytest.approx(value)
        known.append(more.units)
    assert plan.again(known[:1], 2, plan.value * (1 - 1e-6)) is None
    mask = ~plan.is_open
    other = plan.again([], 0, INF, [mask])
    assert other is not None
    assert (other.is_open & mask).any()


# Branches and programs, whichever is chosen for what remains


@pytest.mark.parametrize(("many", "few"), [(0, 10**9), (10**9, -1)], ids=["program", "branches"])
@pytest.mark.parametrize("rule", ["expected", "worst", "regret", "cvar"])
def test_each_way_through_finds_the_same(
    rule: str, many: int, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fair = cloud(30, 40, 6)
    flood = fair.seconds[""] * (1 + np.random.default_rng(6).random((30, 1)))
    table = site_table({"": fair.seconds[""], "flood": flood}, fair.sites, fair.demand, limit_s=300)
    over = Over({"": 2.0, "flood": 1.0}, rule, tail=0.4)
    wish = 0.6 * float(table.weight.sum())
    plain = p_median(table, Choice(add=4), over=over, cover_at_least=wish, reduce=False)
    monkeypatch.setattr("mutualaid.siting._median._solve._MANY_SITES", many)
    monkeypatch.setattr("mutualaid.siting._median._solve._FEW_SETS", few)
    plan = p_median(table, Choice(add=4), over=over, cover_at_least=wish)
    assert plan.value == pytest.approx(plain.value, rel=1e-9)
    assert plan.status == plain.status == "optimal"
    reached = [seconds[plan.is_open].min(axis=0) <= 300 for seconds in table.seconds.values()]
    assert np.average([table.weight[one].sum() for one in reached], weights=[2, 1]) >= wish


def test_regret_against_what_is_not_proven_is_no_optimum() -> None:
    fair = cloud(120, 200, 8)
    flood = fair.seconds[""] * (1 + np.random.default_rng(8).random((120, 1)))
    table = site_table({"": fair.seconds[""], "flood": flood}, fair.sites, fair.demand, limit_s=300)
    plan = p_median(table, Choice(add=6), over=Over({"": 1.0, "flood": 1.0}, "regret"), time_limit_s=0.0)
    assert plan.status == "time limit"
    assert plan.bound <= plan.value
    assert any("not proven" in note for note in plan.notes)
