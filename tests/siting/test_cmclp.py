"""Most people served by stations of limited capacity."""

from __future__ import annotations

import math
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mutualaid.errors import SitingError
from mutualaid.siting import Choice, SiteTable, cmclp, mclp, site_table


def small(capacity: list[float], **columns: list[str]) -> SiteTable:
    """x reaches a and b, y b and c, z only c; 10, 20 and 30 people."""
    sites = pd.DataFrame({"capacity": capacity} | columns, index=list("xyz"))
    demand = pd.DataFrame({"population": [10, 20, 30]}, index=list("abc"))
    return site_table([[1, 1, 9], [9, 1, 1], [9, 9, 1]], sites, demand, limit_s=1)


@pytest.mark.parametrize(
    ("capacity", "add", "value", "opened"),
    [
        ([math.inf] * 3, 1, 50, "y"),
        ([math.inf] * 3, 2, 60, "xy"),
        ([25, 20, 28], 1, 28, "z"),
        ([25, 20, 28], 2, 53, "xz"),
        # b is split: x serves a and 15 of b, y the other 5 and 15 of c.
        ([25, 20, 10], 2, 45, "xy"),
        ([25, 20, 10], 3, 55, "xyz"),
        ([0, 0, 0], 3, 0, ""),
        # x has room for more than it reaches, so that its capacity is no limit; y has not.
        ([1000, 12.5, math.inf], 3, 60, "xyz"),
        ([1000, 12.5, 0], 3, 42.5, "xy"),
    ],
)
def test_by_hand(capacity: list[float], add: int, value: float, opened: str) -> None:
    for reduce in (True, False):
        plan = cmclp(small(capacity), Choice(add=add), reduce=reduce)
        assert plan.value == pytest.approx(value)
        assert (plan.bound, plan.status, plan.model, plan.maximise) == (plan.value, "optimal", "cmclp", True)
        if capacity[0] != 1000 and value:
            assert plan.opened == tuple(opened)


def test_stations_that_stand_serve_no_more_than_they_can() -> None:
    table = small([5, 20, 30], state=["fixed", "candidate", "candidate"])
    plan = cmclp(table, Choice(add=1))
    assert (plan.open, round(plan.value, 9)) == (("x", "z"), 35)
    assert cmclp(table, Choice(add=0)).value == pytest.approx(5)


def test_moving_and_closing() -> None:
    table = small([5, 20, 30], state=["movable", "closable", "candidate"])
    assert cmclp(table, Choice(add=0)).value == pytest.approx(25)
    plan = cmclp(table, Choice(add=0, move=1))
    assert (plan.closed, plan.opened, round(plan.value, 9)) == (("x",), ("z",), 50)


def test_nobody_and_notes() -> None:
    demand = pd.DataFrame({"population": [0, 7]}, index=["a", "b"])
    table = site_table([[1, math.inf]], ["x"], demand, limit_s=1)
    for reduce in (True, False):
        plan = cmclp(table, Choice(add=1), reduce=reduce)
        assert (plan.value, plan.status) == (0, "optimal")
        assert plan.notes == ("7 people at 1 point are reached by no site, even if all were open.",)


def test_bad_input_all_at_once() -> None:
    with pytest.raises(SitingError) as caught:
        cmclp(small([1, 1, 1]), Choice(add=4, budget=-1), weather="flood", gap=-1)
    assert [one.where for one in caught.value.defects] == ["add", "budget", "weather", "gap"]


def test_another_plan() -> None:
    plan = cmclp(small([25, 20, 28]), Choice(add=2))
    assert plan.again is not None
    second = plan.again([plan.units], 1, 0.0)
    assert second is not None
    assert (second.opened, round(second.value, 9)) == (("y", "z"), 48)
    third = plan.again([plan.units, second.units], 1, 0.0, [np.array([True, False, False])])
    assert third is not None
    assert (third.opened, round(third.value, 9)) == (("x", "y"), 45)
    assert plan.again([plan.units], 1, 48.5) is None


def test_no_time_gives_a_greedy_plan_and_a_bound() -> None:
    rng = np.random.default_rng(1)
    names = [f"d{k}" for k in range(60)]
    demand = pd.DataFrame({"population": rng.integers(1, 50, 60)}, index=names)
    sites = pd.DataFrame({"capacity": rng.integers(50, 300, 20)}, index=[f"s{k}" for k in range(20)])
    table = site_table(rng.random((20, 60)), sites, demand, limit_s=0.2)
    plan = cmclp(table, Choice(add=4), time_limit_s=0.0)
    assert plan.status == "time limit"
    assert len(plan.opened) == 4
    assert plan.value <= plan.bound <= table.weight.sum()
    best = cmclp(table, Choice(add=4))
    assert 0.8 * best.value <= plan.value <= best.value + 1e-6


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_what_always_holds(brute_force: ModuleType, data: st.DataObject) -> None:
    """Reductions change nothing, more stations or room never hurt, and room without limit is plain coverage."""
    table = data.draw(brute_force.tables(weathers=1))
    count = int((table.sites["state"] == "candidate").sum())
    assume(count > 0)
    add = data.draw(st.integers(0, count - 1))
    plan = cmclp(table, Choice(add=add))
    assert cmclp(table, Choice(add=add), reduce=False).value == pytest.approx(plan.value)
    assert cmclp(table, Choice(add=add + 1)).value >= plan.value - 1e-6
    assert plan.is_open[table.existing].all()
    room = table.sites.assign(capacity=table.sites["capacity"] + 2)
    more = site_table(table.seconds, room, table.demand, limit_s=table.limit_s)
    assert cmclp(more, Choice(add=add)).value >= plan.value - 1e-6
    free = site_table(table.seconds, room.assign(capacity=math.inf), table.demand, limit_s=table.limit_s)
    assert cmclp(free, Choice(add=add)).value == pytest.approx(mclp(free, Choice(add=add)).value)
