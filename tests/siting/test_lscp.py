"""Fewest and cheapest stations for everybody, and with backup."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mutualaid.errors import SitingError
from mutualaid.siting import Choice, SiteTable, lscp, site_table
from mutualaid.siting._choice import site_limits
from mutualaid.siting._sets._cover import dominated, smallest_sets


def line(
    places: list[float],
    sites: list[float],
    *,
    limit: float = 10,
    people: list[float] | None = None,
    state: list[str] | None = None,
    cost: list[float] | None = None,
    closing: list[float] | None = None,
) -> SiteTable:
    """Sites and people along one road; seconds are the way between them, and 1,000 or more is no way."""
    away = np.abs(np.subtract.outer(np.array(sites, float), np.array(places, float)))
    frame = pd.DataFrame(index=[f"s{x:g}" for x in sites])
    for name, column in (("state", state), ("opening_cost", cost), ("closing_cost", closing)):
        if column is not None:
            frame[name] = column
    demand = pd.DataFrame({"population": people or [1.0] * len(places)}, index=[f"d{x:g}" for x in places])
    return site_table(np.where(away < 1000, away, np.inf), frame, demand, limit_s=limit)


PLACES, SITES = [0.0, 10, 20, 30, 40, 50], [5.0, 15, 25, 35, 45]


def test_fewest_by_hand() -> None:
    """Each site reaches the two places beside it: six places need three."""
    plan = lscp(line(PLACES, SITES))
    assert plan.opened == ("s5", "s25", "s45")
    assert (plan.model, plan.value, plan.bound, plan.gap, plan.status) == ("lscp", 3, 3, 0, "optimal")
    assert plan.units.tolist() == [1, 0, 1, 0, 1]
    assert plan.notes == ()
    assert not plan.maximise


def test_cheapest_is_not_fewest() -> None:
    assert lscp(line([0, 10], [0, 5, 10], limit=6, cost=[1, 3, 1])).opened == ("s0", "s10")
    assert lscp(line([0, 10], [0, 5, 10], limit=6, cost=[2, 3, 2])).opened == ("s5",)


def test_stations_that_stay_are_given() -> None:
    state = ["candidate", "fixed", "candidate", "closable", "candidate"]
    plan = lscp(line(PLACES, SITES, state=state))
    assert plan.open == ("s5", "s15", "s35", "s45")
    assert (plan.value, plan.closed) == (2, ())


def test_closing_saves_stations_where_it_costs_nothing() -> None:
    state = ["candidate", "closable", "candidate", "closable", "candidate"]
    few = lscp(line([0, 10, 20], [0, 10, 15, 17, 20], limit=10, state=state), Choice(close=2))
    assert (few.open, few.closed, few.value) == (("s10",), ("s17",), 0)
    dear = line([0, 10, 20], [0, 10, 15, 17, 20], limit=10, state=state, closing=[2, 2, 2, 2, 2])
    assert lscp(dear, Choice(close=2)).closed == (), "money comes first"


def test_sites_that_cost_nothing_are_not_opened_in_vain() -> None:
    assert len(lscp(line(PLACES, SITES, cost=[0] * 5)).open) == 3


def test_moving_instead_of_adding() -> None:
    table = line([0, 100], [0, 5, 100], state=["fixed", "movable", "candidate"])
    with pytest.raises(SitingError, match=r"add: expected 1 or more.*; got 0"):
        lscp(table, Choice(add=0))
    plan = lscp(table, Choice(add=0, move=1))
    assert (plan.opened, plan.closed) == (("s100",), ("s5",))


def test_inclusive_limit_and_nobody_on_the_way() -> None:
    assert lscp(line([0, 10], [0], limit=10)).notes == ()
    plan = lscp(line([0, 10.5, 5000, 7], [0], people=[1, 20, 300, 0]))
    assert plan.notes == ("320 people at 2 points are reached by no site, even if all were open.",)
    assert plan.opened == ("s0",)


def test_nobody_to_reach_opens_nothing() -> None:
    for table in (line([0], [0], people=[0]), line([5000], [0]), line([0], [0], state=["fixed"])):
        for reduce in (True, False):
            for backup in (True, False):
                plan = lscp(table, backup=backup, reduce=reduce)
                assert (plan.opened, plan.value, plan.status) == ((), 0, "optimal")


def test_several_weathers_and_their_notes() -> None:
    fair, flood = [[1, 1, 1], [1, 1, 1], [9, 9, 1]], [[1, 9, 9], [9, 1, 9], [9, 9, 9]]
    demand = pd.DataFrame({"population": [1, 2, 4]}, index=list("abc"))
    table = site_table({"": fair, "flood": flood}, list("xyz"), demand, limit_s=1)
    assert lscp(table).value == 1
    plan = lscp(table, weather=["", "flood"])
    assert plan.opened == ("x", "y")
    assert plan.notes == ("4 people at 1 point are reached by no site in flood, even if all were open.",)
    assert lscp(table, weather="flood").opened == ("x", "y")
    # Twice in fair weather, never in the flood: twice in each is nobody.
    assert lscp(table, weather=["", "flood"], backup=True).value == 0
    assert lscp(table, Choice(add=1), backup=True).value == 0


def test_backup_by_hand() -> None:
    """Two sites are enough; s5 with s15 reach 10 and 15 twice, s5 with s24 only 15."""
    table = line([0, 10, 15, 20], [5, 15, 24], people=[1, 50, 7, 1], limit=10)
    assert lscp(table).value == 2
    plan = lscp(table, backup=True)
    assert plan.opened == ("s5", "s15")
    assert (plan.model, plan.value, plan.bound, plan.cost, plan.maximise) == ("lscp_backup", 57, 57, 2, True)


def test_too_few_and_too_little_money_are_named() -> None:
    table = line(PLACES, SITES, cost=[2.5] * 5)
    with pytest.raises(SitingError) as caught:
        lscp(table, Choice(add=2))
    (one,) = caught.value.defects
    assert (one.where, one.got) == ("add", "2")
    assert one.expected == "3 or more, so that all who can be reached within 10 s are"
    with pytest.raises(SitingError) as caught:
        lscp(table, Choice(add=4, budget=7))
    (one,) = caught.value.defects
    assert (one.where, one.got, one.expected[:11]) == ("budget", "7", "7.5 or more")
    with pytest.raises(SitingError) as caught:
        lscp(table, Choice(add=1, budget=5))
    assert [(one.where, one.expected.split()[0]) for one in caught.value.defects] == [
        ("add", "3"), ("budget", "7.5"),
    ]  # fmt: skip


def test_bad_input_all_at_once() -> None:
    with pytest.raises(SitingError) as caught:
        lscp(line(PLACES, SITES), Choice(add=6), weather=["flood"], time_limit_s=-1, gap=2)
    assert [one.where for one in caught.value.defects] == ["add", "weather", "time_limit_s", "gap"]


@pytest.mark.parametrize("limit_m", [5000.0, 8000.0])
def test_san_francisco(san_francisco: Callable[..., SiteTable], limit_m: float) -> None:
    """Fewest sites as published with the data; two stations, by the peer spopt 0.7.0, LSCPB with HiGHS.

    The peer counts points that only one of all sites reaches as reached twice, 22 and 3 of them.
    """
    table = san_francisco(limit_m)
    table = site_table(table.seconds, table.sites, table.demand.assign(population=1), limit_s=limit_m)
    fewest, peer = {5000.0: (8, 167), 8000.0: (3, 143)}[limit_m]
    for reduce in (True, False):
        assert lscp(table, reduce=reduce).value == fewest
        plan = lscp(table, backup=True, reduce=reduce)
        assert plan.cost == fewest
        assert plan.value + (table.reach("").sum(axis=0) == 1).sum() == peer
        reached = table.reach("")[plan.is_open].sum(axis=0)
        assert (reached >= 1).all()
        assert (reached >= 2).sum() == plan.value


def test_alternatives_are_the_next_best() -> None:
    plan = lscp(line([0, 10, 20], [0, 5, 15, 20], limit=10))
    assert plan.again is not None
    known, values = [plan.units], []
    while (other := plan.again(known, 1, 3.0)) is not None:
        known.append(other.units)
        values.append(other.value)
    reach = plan.table.reach("")
    every = np.array([[k >> j & 1 for j in range(4)] for k in range(16)])
    good = every[((every @ reach) > 0).all(axis=1) & (every.sum(axis=1) <= 3)]
    assert {tuple(row) for row in np.array(known).tolist()} == {tuple(row) for row in good.tolist()}
    assert values == sorted(values)
    far = plan.again([plan.units], 4, math.inf)
    assert far is not None
    assert np.abs(far.units - plan.units).sum() == 4
    here = plan.again([plan.units], 1, math.inf, [np.array([True, False, False, False])])
    assert here is not None
    assert here.units[0] == 1


def test_backup_alternatives_cost_no_more() -> None:
    table = line([0, 10, 15, 20], [5, 15, 24], people=[1, 50, 7, 1], limit=10)
    plan = lscp(table, backup=True)
    assert plan.again is not None
    other = plan.again([plan.units], 1, 0.0)
    assert other is not None
    assert (other.opened, other.cost, other.value) == (("s5", "s24"), 2, 7)
    assert plan.again([plan.units], 1, 8.0) is None
    assert plan.again([plan.units, other.units], 1, 0.0) is None


def test_no_time_gives_a_greedy_plan_and_a_bound() -> None:
    rng = np.random.default_rng(3)
    away = rng.random((60, 300))
    demand = pd.DataFrame({"population": np.ones(300)}, index=[f"d{k}" for k in range(300)])
    table = site_table(away, [f"s{k}" for k in range(60)], demand, limit_s=0.15)
    for backup in (False, True):
        plan = lscp(table, time_limit_s=0.0, backup=backup)
        assert plan.status == "time limit"
        assert table.reach("")[plan.is_open].any(axis=0).all()
        assert plan.bound <= plan.value if not backup else plan.bound >= plan.value
    with pytest.raises(SitingError, match="time_limit_s: expected time enough"):
        lscp(table, Choice(add=2), time_limit_s=0.0)


def test_no_time_and_sites_left_out() -> None:
    """The greedy plan may open a site that the reductions leave out, and keeps what stands."""
    rng = np.random.default_rng(5)
    for _ in range(5):
        demand = pd.DataFrame({"population": np.ones(12)}, index=[f"d{k}" for k in range(12)])
        state = ["closable", "movable", *["candidate"] * 6]
        sites = pd.DataFrame({"state": state}, index=[f"s{k}" for k in range(8)])
        table = site_table(rng.choice([100, 200, 300], (8, 12)), sites, demand, limit_s=100)
        plan = lscp(table, Choice(close=1, move=1), time_limit_s=1e-9)
        assert (table.reach("")[plan.is_open].any(axis=0) == table.reach("").any(axis=0)).all()


def test_reductions_by_hand() -> None:
    sets = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 1]], dtype=bool)
    low = np.zeros(4)
    kept = smallest_sets(sets, low)
    assert {tuple(np.flatnonzero(row).tolist()) for row in kept} == {(0, 1), (3,)}
    assert smallest_sets(sets, np.array([0.0, 0, 0, 1])).tolist() == [[True, True, False, False]]
    table = line([0], [0, 1, 2, 3], cost=[1, 2, 1, 1])
    # s1 is dearer than s0 and reaches as much; s2 reaches nothing more than s3 and less.
    columns = np.array([[1, 1, 0, 0], [0, 0, 0, 1]], dtype=bool)
    cost = table.sites["opening_cost"].to_numpy()
    assert dominated(columns, cost, site_limits(table, Choice())).tolist() == [False, True, True, False]
    # Of two that are alike one stays.
    alike = np.array([[1, 0, 1, 0]], dtype=bool)
    assert dominated(alike, np.ones(4), site_limits(table, Choice())).tolist() == [False, True, True, True]
    # Money counts also where it is only limited.
    dear = np.array([[0, 1, 0, 1]], dtype=bool)
    assert dominated(dear, np.ones(4), site_limits(table, Choice())).tolist()[1:] == [False, True, True]
    assert dominated(dear, np.ones(4), site_limits(table, Choice(budget=5))).tolist()[1] is True


def solved(table: SiteTable, choice: Choice, **options: Any) -> float | None:
    try:
        return lscp(table, choice, **options).value
    except SitingError:
        return None


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_what_always_holds(brute_force: ModuleType, data: st.DataObject) -> None:
    """Reductions change nothing, more stations never hurt, stations that stay do stay, everybody is reached."""
    table = data.draw(brute_force.tables())
    choice = data.draw(brute_force.choices(table))
    weather = data.draw(st.lists(st.sampled_from(list(table.seconds)), min_size=1, unique=True))
    for backup in (False, True):
        small, whole = (
            solved(table, choice, weather=weather, backup=backup, reduce=one) for one in (True, False)
        )
        assert small == pytest.approx(whole) if small is not None else whole is None
    free = lscp(table, weather=weather)
    if small is not None:
        plan = lscp(table, choice, weather=weather)
        assert free.value <= plan.value + 1e-9
        assert plan.is_open[(table.sites["state"] == "fixed").to_numpy()].all()
    for name in weather:
        reach = table.reach(name)[:, table.weight > 0]
        assert (reach[free.is_open].any(axis=0) == reach.any(axis=0)).all()
