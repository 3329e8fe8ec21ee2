"""Double standard: everybody within the wide limit, a share within the narrow one, most people there twice."""

from __future__ import annotations

import math
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mutualaid.errors import SitingError
from mutualaid.siting import Choice, SiteTable, dsm, site_table
from mutualaid.siting._choice import site_limits
from mutualaid.siting._sets._cover import cover_sets
from mutualaid.siting._sets._double import greedy_twice, most_twice, people_reached


@pytest.fixture
def table() -> SiteTable:
    """Sites and people along a road; 8 s are in time, 20 s the wide limit.

    west (0) reaches a and b in time, mid (9) b and c, hill (12) b and c, east (30) only d, which is 18 s from hill.
    """
    sites, places = np.array([0.0, 9, 12, 30]), np.array([0.0, 5, 14, 30])
    demand = pd.DataFrame({"population": [10, 20, 30, 40]}, index=list("abcd"))
    names = ["west", "mid", "hill", "east"]
    return site_table(np.abs(np.subtract.outer(sites, places)), names, demand, limit_s=8)


def test_by_hand(table: SiteTable) -> None:
    # All within 20 s: d needs hill or east. Half of the people in time: 50 of 100.
    plan = dsm(table, Choice(add=2), wide_s=20, share=0.5)
    assert plan.opened == ("mid", "hill"), "b and c twice; a 12 s and d 18 s away"
    assert (plan.model, plan.value, plan.bound, plan.status, plan.maximise) == (
        "dsm",
        50,
        50,
        "optimal",
        True,
    )
    # 0.6 rules that out: 60 people in time, and only with west or east.
    plan = dsm(table, Choice(add=2), wide_s=20, share=0.6)
    assert plan.opened == ("west", "hill"), "a, b, c in time; b twice"
    assert plan.value == 20
    assert dsm(table, Choice(add=2), wide_s=20, share=0.9).value == 0
    assert dsm(table, Choice(add=4), wide_s=20, share=1).value == 50


def test_the_wide_limit_binds(table: SiteTable) -> None:
    assert dsm(table, Choice(add=2), wide_s=20, share=0).opened == ("mid", "hill")
    plan = dsm(table, Choice(add=3), wide_s=17, share=0)
    assert plan.opened == ("mid", "hill", "east"), "d is 18 s from hill"
    assert dsm(table, Choice(add=2), wide_s=math.inf, share=0).value == 50


def test_too_few_for_the_wide_limit(table: SiteTable) -> None:
    with pytest.raises(SitingError) as caught:
        dsm(table, Choice(add=1), wide_s=17, share=0.1)
    (one,) = caught.value.defects
    assert (one.where, one.got) == ("add", "1")
    assert one.expected == "2 or more, so that all who can be reached within 17 s are"


def test_the_best_share_is_named(table: SiteTable) -> None:
    # hill is needed for c within 8 s or mid; two sites reach 90 at most: mid or hill with east.
    with pytest.raises(SitingError) as caught:
        dsm(table, Choice(add=2), wide_s=20, share=0.95)
    (one,) = caught.value.defects
    assert (one.where, one.got) == ("share", "0.95")
    assert one.expected == "at most 0.9, the share that any plan of this choice reaches in time"


def test_people_nobody_reaches_count_for_the_share_only() -> None:
    demand = pd.DataFrame({"population": [60, 40, 0]}, index=list("abc"))
    table = site_table([[1, math.inf, 99], [1, 50, math.inf]], ["x", "y"], demand, limit_s=5)
    plan = dsm(table, Choice(add=2), wide_s=10, share=0.6)
    assert plan.value == 60
    assert plan.notes == ("40 people at 1 point are reached by no site, even if all were open.",)
    with pytest.raises(SitingError, match=r"at most 0\.6, the share"):
        dsm(table, Choice(add=2), wide_s=10, share=0.61)
    # c has no people, so it need not be reached within 99 s; b is, by y alone.
    assert dsm(table, Choice(add=1), wide_s=99, share=0).opened == ("y",)


def test_stations_that_stay_count(table: SiteTable) -> None:
    sites = pd.DataFrame({"state": ["fixed", "candidate", "closable", "candidate"]}, index=table.sites.index)
    given = site_table(table.seconds, sites, table.demand, limit_s=8)
    plan = dsm(given, Choice(add=1), wide_s=20, share=0.6)
    assert (plan.opened, plan.value) == (("mid",), 50)
    assert dsm(given, Choice(add=0), wide_s=20, share=0.6).value == 20


def test_bad_input_all_at_once(table: SiteTable) -> None:
    with pytest.raises(SitingError) as caught:
        dsm(table, Choice(add=5), wide_s=7, share=80, weather="flood")
    assert [one.where for one in caught.value.defects] == ["add", "wide_s", "share", "weather"]


def test_another_plan(table: SiteTable) -> None:
    plan = dsm(table, Choice(add=2), wide_s=20, share=0.5)
    assert plan.again is not None
    other = plan.again([plan.units], 1, 0.0)
    assert other is not None
    assert (other.opened, other.value) == (("west", "hill"), 20)
    assert plan.again([plan.units], 1, 21.0) is None
    with_east = plan.again([plan.units], 1, 0.0, [np.array([False, False, False, True])])
    assert with_east is not None
    assert "east" in with_east.opened


def test_no_time_gives_a_greedy_plan_and_a_bound() -> None:
    rng = np.random.default_rng(1)
    names = [f"d{k}" for k in range(400)]
    demand = pd.DataFrame({"population": rng.integers(1, 50, 400)}, index=names)
    table = site_table(rng.random((60, 400)), [f"s{k}" for k in range(60)], demand, limit_s=0.1)
    plan = dsm(table, Choice(add=20), wide_s=0.4, share=0.7, time_limit_s=0.0)
    assert plan.status == "time limit"
    assert 0 < plan.value <= plan.bound
    assert len(plan.opened) <= 20
    assert people_reached(table, [""], plan.is_open) >= 0.7 * table.weight.sum()
    assert table.reach("", 0.4)[plan.is_open].any(axis=0).all()
    with pytest.raises(SitingError, match="time_limit_s: expected time enough"):
        dsm(table, Choice(add=3), wide_s=0.4, share=0.9, time_limit_s=0.0)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_what_always_holds(brute_force: ModuleType, data: st.DataObject) -> None:
    """Standards are kept, reductions change nothing, one station more or a lower share never hurts."""
    table = data.draw(brute_force.tables(weathers=1))
    count = int((table.sites["state"] == "candidate").sum())
    assume(count > 0)
    add = data.draw(st.integers(0, count - 1))
    share = data.draw(st.sampled_from([0.0, 0.3, 0.6]))
    try:
        plan = dsm(table, Choice(add=add), wide_s=500, share=share)
    except SitingError:
        with pytest.raises(SitingError):
            dsm(table, Choice(add=add), wide_s=500, share=share, reduce=False)
        return
    assert dsm(table, Choice(add=add), wide_s=500, share=share, reduce=False).value == pytest.approx(
        plan.value
    )
    assert dsm(table, Choice(add=add + 1), wide_s=500, share=share).value >= plan.value - 1e-9
    assert dsm(table, Choice(add=add), wide_s=500, share=share / 2).value >= plan.value - 1e-9
    assert plan.is_open[table.existing].all()
    assert people_reached(table, [""], plan.is_open) >= share * table.weight.sum() - 1e-9
    sets = cover_sets(table, [""], 500)
    assert (sets & plan.is_open).any(axis=1).all()
    limits = site_limits(table, Choice(add=add))
    greedy = greedy_twice(table, "", limits, table.existing, once=0.0)
    assert greedy is not None
    most = most_twice(table, [""], sets[:0], limits)
    assert people_reached(table, [""], greedy, times=2) <= -most.bound + 1e-9
