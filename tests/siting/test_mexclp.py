"""Expected coverage with busy units: worked by hand, against its definition, and as plain coverage."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mutualaid.errors import SitingError
from mutualaid.siting import Choice, Over, Plan, SiteTable, mclp, mexclp, site_table


def expected(plan: Plan, busy: float, weather: str = "") -> float:
    """Daskin's sum, from the units and the times alone."""
    units = plan.units @ (plan.table.seconds[weather] <= plan.table.limit_s)
    return float(((1 - busy**units) * plan.table.weight).sum())


def towns(**sites: Any) -> SiteTable:
    """Three sites on a road; the middle one reaches both ends, the others their own town and the middle."""
    demand = pd.DataFrame({"population": [100.0, 10.0, 60.0]}, index=["west", "middle", "east"])
    seconds = [[100, 300, 900], [450, 100, 450], [900, 300, 100]]
    return site_table(seconds, pd.DataFrame(sites, index=["w", "m", "e"]), demand, limit_s=480)


def both(table: SiteTable, choice: Choice, **options: Any) -> Plan:
    """The plan, found with and without reductions."""
    plan, plain = (mexclp(table, choice, reduce=reduce, **options) for reduce in (True, False))
    assert plan.value == pytest.approx(plain.value)
    assert plan.status == plain.status == "optimal"
    assert plan.value == pytest.approx(expected(plan, options["busy"]))
    return plan


def test_worked_by_hand() -> None:
    # One unit: in the middle it is free for all 170 people with 0.6.
    one = both(towns(), Choice(add=1), busy=0.4, per_site=2)
    assert one.units.tolist() == [0, 1, 0]
    assert one.value == pytest.approx(102.0)
    # Two: 170 * (1 - 0.16) = 142.8 in the middle; w and m: 110 * 0.84 + 60 * 0.6 = 128.4; m and m is best.
    two = both(towns(), Choice(add=2), busy=0.4, per_site=2)
    assert two.units.tolist() == [0, 2, 0]
    assert two.value == pytest.approx(142.8)
    # With one unit a site: m and w 128.4, m and e 100 * 0.6 + 70 * 0.84 = 118.8, w and e 160 * 0.6 + 8.4 = 104.4.
    alone = both(towns(), Choice(add=2), busy=0.4)
    assert alone.units.tolist() == [1, 1, 0]
    assert alone.value == pytest.approx(128.4)


def test_units_that_stand_already_count_and_those_of_a_closed_station_go() -> None:
    # Two units in the west: 110 * 0.84 today; one in the middle makes it 110 * 0.936 + 60 * 0.6.
    table = towns(state=["fixed", "candidate", "candidate"], units=[2, 1, 1])
    plan = both(table, Choice(add=1), busy=0.4)
    assert plan.units.tolist() == [2, 1, 0]
    assert plan.value == pytest.approx(110 * 0.936 + 60 * 0.6)
    # Moved, its two units are gone and one new one may come in its place.
    table = towns(state=["movable", "candidate", "candidate"], units=[2, 1, 1])
    moved = both(table, Choice(add=0, move=1), busy=0.4)
    assert moved.units.tolist() == [0, 1, 0]
    assert moved.value == pytest.approx(102.0)


def test_a_site_with_several_units_is_paid_once() -> None:
    table = towns(opening_cost=[5.0, 9.0, 5.0])
    plan = both(table, Choice(budget=9.0), busy=0.4, per_site=3)
    assert plan.units.tolist() == [0, 3, 0]
    assert plan.cost == 9
    two = both(table, Choice(budget=10.0, add=2), busy=0.4, per_site=3)
    assert two.units.tolist() == [0, 2, 0]


def test_the_expectation_goes_over_scenarios_too() -> None:
    table = towns()
    flood = np.where([[False], [True], [False]], np.inf, table.seconds[""])
    table = site_table({"": table.seconds[""], "flood": flood}, table.sites, table.demand, limit_s=480)
    # With the middle out in the flood: m alone 102 and 0, w alone 66 in both.
    plan = mexclp(table, Choice(add=1), busy=0.4, over=Over({"": 1, "flood": 1}))
    assert plan.units.tolist() == [1, 0, 0]
    assert plan.value == pytest.approx(66.0)
    assert mexclp(table, Choice(add=1), busy=0.4, over=Over({"": 3, "flood": 1})).value == pytest.approx(76.5)


def test_more_units_may_come_than_there_are_candidates() -> None:
    table = towns(state=["fixed", "candidate", "fixed"])
    plan = both(table, Choice(add=2), busy=0.4, per_site=2)
    assert plan.units.tolist() == [1, 2, 1]
    with pytest.raises(SitingError, match="got 3"):
        mexclp(table, Choice(add=3), busy=0.4, per_site=2)


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_if_no_unit_is_ever_busy_it_is_plain_coverage(brute_force: ModuleType, data: st.DataObject) -> None:
    table = data.draw(brute_force.tables())
    choice, over = data.draw(brute_force.choices(table)), data.draw(brute_force.overs(table))
    plan = mexclp(table, choice, busy=0.0, over=over)
    assert plan.value == pytest.approx(mclp(table, choice, over=over).value)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), busy=st.sampled_from([0.0, 0.2, 0.6, 0.95]))
def test_busier_units_are_worth_less_and_more_room_at_a_site_no_less(
    brute_force: ModuleType, data: st.DataObject, busy: float
) -> None:
    table = data.draw(brute_force.tables(weathers=1, most_sites=5))
    choice = data.draw(brute_force.choices(table))
    plan = mexclp(table, choice, busy=busy)
    assert plan.value == pytest.approx(expected(plan, busy))
    assert mexclp(table, choice, busy=(busy + 1) / 2).value <= plan.value + 1e-9
    assert mexclp(table, choice, busy=busy, per_site=2).value >= plan.value - 1e-9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"busy": 1.0}, "busy: expected a probability from 0 up to but not 1; got 1.0"),
        ({"busy": -0.1}, "busy"),
        ({"busy": float("nan")}, "busy"),
        ({"busy": 0.2, "per_site": 0}, "per_site: expected a whole number from 1 on; got 0"),
        ({"busy": 0.2, "per_site": 1.5}, "per_site"),
    ],
)
def test_what_cannot_be_meant_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SitingError) as caught:
        mexclp(towns(), Choice(add=1), **options)
    assert message in str(caught.value)
