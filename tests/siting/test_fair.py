"""What a plan owes to partners, checked on the sites that it opens."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mutualaid.errors import SitingError
from mutualaid.siting import Choice, Fair, Over, Plan, SiteTable, mclp, mexclp, site_table

IN, OUT = 300.0, 900.0


def drawn(*rows: str, people: list[float], partner: str, **sites: Any) -> SiteTable:
    """A table from rows like ``x.x``, one letter for the partner of each demand point."""
    seconds = [[IN if sign == "x" else OUT for sign in row] for row in rows]
    frame = pd.DataFrame(sites, index=[f"s{k}" for k in range(len(rows))])
    owners = {"population": people, "partner": list(partner), "jurisdiction": list(partner.lower())}
    return site_table(seconds, frame, pd.DataFrame(owners), limit_s=480)


def shares(plan: Plan, column: str = "partner", weather: str = "") -> dict[str, float]:
    """Share of the people of each in time, from the sites and the times alone."""
    demand = plan.table.demand
    in_time = (plan.table.seconds[weather][plan.is_open] <= plan.table.limit_s).any(axis=0)
    reached = (demand["population"] * in_time).groupby(demand[column]).sum()
    return dict(reached / demand["population"].groupby(demand[column]).sum())


def both(table: SiteTable, choice: Choice, fair: Fair, **options: Any) -> Plan:
    plan, plain = (mclp(table, choice, fair=fair, reduce=reduce, **options) for reduce in (True, False))
    assert plan.value == pytest.approx(plain.value)
    assert plan.status == plain.status == "optimal"
    return plan


def test_no_partner_is_worse_off_than_today() -> None:
    # Moving s0 from A's 10 people to B's 100 gains 90, but A is left without.
    table = drawn("x.", ".x", people=[10, 100], partner="AB", state=["movable", "candidate"])
    choice = Choice(add=0, move=1)
    assert both(table, choice, Fair()).open == ("s1",)
    assert both(table, choice, Fair(no_worse=True)).open == ("s0",)


def test_a_floor_takes_a_station_to_those_who_are_few() -> None:
    table = drawn("xx..", "..x.", "...x", people=[100, 100, 10, 10], partner="AABB")
    assert both(table, Choice(add=1), Fair()).open == ("s0",)
    half = both(table, Choice(add=2), Fair(floor=0.5))
    assert half.value == 210
    assert shares(half, "jurisdiction") == {"a": 1.0, "b": 0.5}
    only_b = both(table, Choice(add=2), Fair(floor={"b": 1.0}))
    assert only_b.open == ("s1", "s2")
    assert only_b.value == 20


def test_floors_that_cannot_be_kept_are_named_with_what_is_possible() -> None:
    table = drawn("x...", ".x..", "..x.", people=[60, 40, 30, 70], partner="AABB")
    for reduce in (True, False):
        with pytest.raises(SitingError) as caught:
            mclp(table, Choice(add=3), fair=Fair(floor={"b": 0.5}), reduce=reduce)
        assert "jurisdiction b: 50 people asked for, 30 at most" in str(caught.value)
        assert "jurisdiction a" not in str(caught.value)
        with pytest.raises(SitingError) as caught:
            mclp(table, Choice(add=1), fair=Fair(floor=0.3), reduce=reduce)
        assert "each can be kept alone, but at most 0.0% of all of them together" in str(caught.value)
        with pytest.raises(SitingError) as caught:
            mclp(table, Choice(add=2), fair=Fair(floor={"a": 1.0, "b": 0.15}), reduce=reduce)
        # A's first place and B's: 60 of 100, and 30 of 15.
        assert "at most 60.0% of all of them together: jurisdiction a, jurisdiction b" in str(caught.value)


def test_the_worst_off_comes_first_and_then_the_next() -> None:
    # With two stations: s0 serves A in full; s1 half of B; s2 half of C; s3 a tenth of B and of C and half of A.
    table = drawn("xx....", "..x...", "....x.", people=[500, 500, 50, 50, 20, 20], partner="AABBCC")
    assert both(table, Choice(add=2), Fair()).open == ("s0", "s1")
    # Somebody is left with nothing whatever is opened; the second least is best with A's 100 %, the least of all two.
    first = both(table, Choice(add=2), Fair(worst_first=True))
    assert sorted(shares(first).values()) == [0.0, 0.5, 1.0]
    assert first.open == ("s0", "s1")
    three = both(table, Choice(add=3), Fair(worst_first=True))
    assert shares(three) == {"A": 1.0, "B": 0.5, "C": 0.5}
    table = drawn("xx....", "..x...", "...x.x", people=[500, 500, 50, 50, 20, 20], partner="AABBCC")
    one = both(table, Choice(add=1), Fair(worst_first=True))
    assert one.open == ("s2",)  # a half for two partners rather than all for one
    assert one.value == 70


def test_who_pays_most_pays_no_more_than_a_share() -> None:
    table = drawn(
        "x..", ".x.", "..x", people=[100, 90, 10], partner="AAB", partner_="", opening_cost=[4.0, 4.0, 4.0]
    )
    owned = table.sites.assign(partner=["A", "A", "B"])
    table = site_table(table.seconds, owned, table.demand, limit_s=480)
    assert both(table, Choice(add=2), Fair()).open == ("s0", "s1")
    assert both(table, Choice(add=2), Fair(pays_most=0.5)).open == ("s0", "s2")
    assert both(table, Choice(add=1), Fair(pays_most=0.5)).open == ()


def test_a_floor_holds_in_each_weather_that_counts() -> None:
    table = drawn("xx", "x.", ".x", people=[50, 50], partner="AB")
    flood = table.seconds[""].copy()
    flood[0] = np.inf
    table = site_table({"": table.seconds[""], "flood": flood}, table.sites, table.demand, limit_s=480)
    over = Over({"": 9, "flood": 1})
    assert both(table, Choice(add=1), Fair(), over=over).open == ("s0",)
    with pytest.raises(SitingError, match="together"):
        mclp(table, Choice(add=1), over=over, fair=Fair(floor=0.5))
    assert both(table, Choice(add=2), Fair(floor=0.5), over=over).open == ("s1", "s2")
    # A weather without weight does not count.
    assert both(table, Choice(add=1), Fair(floor=0.5), over=Over({"": 1, "flood": 0})).open == ("s0",)


def test_floors_of_expected_coverage_count_expected_people() -> None:
    table = drawn("x.", ".x", people=[100, 10], partner="AB")
    free = mexclp(table, Choice(add=2), busy=0.5, per_site=2)
    assert free.units.tolist() == [2, 0]
    fair = mexclp(table, Choice(add=2), busy=0.5, per_site=2, fair=Fair(floor=0.5))
    assert fair.units.tolist() == [1, 1]
    with pytest.raises(SitingError):
        mexclp(table, Choice(add=2), busy=0.5, per_site=2, fair=Fair(floor=0.51))


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_fair_plans_are_fair_and_cost_people_never_bring_any(
    brute_force: ModuleType, data: st.DataObject
) -> None:
    table = data.draw(brute_force.tables())
    choice, fair = data.draw(brute_force.choices(table)), data.draw(brute_force.fairs(table))
    over = Over(dict.fromkeys(table.seconds, 1.0))
    try:
        plan = mclp(table, choice, over=over, fair=fair)
    except SitingError:
        assume(False)
    assert plan.value <= mclp(table, choice, over=over).value + 1e-9
    today = np.asarray(table.existing)
    for weather in table.seconds:
        if fair.no_worse:
            now = (table.seconds[weather][today] <= table.limit_s).any(axis=0)
            then = (table.seconds[weather][plan.is_open] <= table.limit_s).any(axis=0)
            for partner in set(table.demand["partner"]):
                own = table.weight * (table.demand["partner"] == partner).to_numpy()
                assert own[then].sum() >= own[now].sum() - 1e-9
        for name, share in shares(plan, "jurisdiction", weather).items():
            floor = fair.floor if isinstance(fair.floor, float) else fair.floor.get(name, 0.0)
            assert np.isnan(share) or share >= floor - 1e-9


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_no_plan_has_a_better_worst_share(brute_force: ModuleType, data: st.DataObject) -> None:
    table = data.draw(brute_force.tables(weathers=1))
    choice = data.draw(brute_force.choices(table))
    plan = mclp(table, choice, fair=Fair(worst_first=True))
    assume(plan.table.weight.sum() > 0)
    least = np.nanmin(list(shares(plan).values()))
    oracle = brute_force.Oracle(table, choice)
    every = oracle.worst_first(Over(), brute_force.Oracle.people)
    assert least == pytest.approx(every[:, 0].max())
