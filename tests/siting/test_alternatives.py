"""Other plans that are nearly as good, and the sites they share."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mutualaid.errors import SitingError
from mutualaid.siting import Choice, Over, SiteTable, alternatives, mclp, mexclp, shared_sites, site_table


def row_of(people: list[float]) -> SiteTable:
    """A site at each place, which reaches that place only."""
    n = len(people)
    seconds = np.where(np.eye(n, dtype=bool), 100.0, 900.0)
    demand = pd.DataFrame({"population": people})
    return site_table(seconds, [f"s{k}" for k in range(n)], demand, limit_s=480)


def test_the_best_come_first_and_end_at_the_share() -> None:
    plan = mclp(row_of([100, 50, 49, 48, 10]), Choice(add=2))
    found = alternatives(plan, count=10, within=0.02)
    assert [(other.open, other.value) for other in found] == [
        (("s0", "s1"), 150),
        (("s0", "s2"), 149),
        (("s0", "s3"), 148),
    ]
    assert found[0] is plan
    assert all(other.status == "optimal" and other.bound == other.value for other in found)
    assert [other.value for other in alternatives(plan, count=2, within=0.9)] == [150, 149]
    assert len(alternatives(plan, count=10, within=0.0)) == 1


def test_equal_plans_are_all_found() -> None:
    plan = mclp(row_of([7, 7, 7, 7]), Choice(add=2))
    found = alternatives(plan, count=10, within=0.0)
    assert {other.open for other in found} == set(combinations(["s0", "s1", "s2", "s3"], 2))


def test_plans_that_differ_in_more_sites() -> None:
    plan = mclp(row_of([100, 50, 49, 48, 47]), Choice(add=2))
    found = alternatives(plan, count=10, within=0.99, differ=3)
    # s0 may not be in two of them; one swap is two sites.
    assert [other.open for other in found] == [("s0", "s1"), ("s2", "s3"), ("s4",)]


def test_rivals_elsewhere() -> None:
    # s0 to s2 are neighbours, s3 and s4 too.
    place = np.array([0, 0, 0, 1, 1])
    apart = place[:, None] != place
    plan = mclp(row_of([100, 99, 98, 97, 96]), Choice(add=1))
    assert [other.open for other in alternatives(plan, count=9, within=0.5)] == [
        ("s0",), ("s1",), ("s2",), ("s3",), ("s4",)
    ]  # fmt: skip
    assert [other.open for other in alternatives(plan, count=9, within=0.5, apart=apart)] == [
        ("s0",),
        ("s3",),
    ]


def test_units_are_counted_where_a_site_may_have_several() -> None:
    plan = mexclp(row_of([100, 90]), Choice(add=2), busy=0.5, per_site=2)
    found = alternatives(plan, count=9, within=0.5)
    assert [other.units.tolist() for other in found] == [[1, 1], [2, 0], [0, 2], [1, 0]]


def test_regret_gets_larger() -> None:
    table = row_of([100, 90, 80])
    lost = table.seconds[""].copy()
    lost[0] = np.inf
    table = site_table({"": table.seconds[""], "flood": lost}, table.sites, table.demand, limit_s=480)
    plan = mclp(table, Choice(add=1), over=Over({"": 1, "flood": 1}, "regret"))
    assert (plan.open, plan.value, plan.maximise) == (("s1",), 10, False)
    found = alternatives(plan, count=9, within=0.99)
    assert [other.value for other in found] == [10]
    found = alternatives(replace(plan, value=60.0), count=9, within=0.9)
    assert [(other.open, other.value) for other in found[1:]] == [(("s2",), 20), (("s0",), 90), ((), 100)]


def test_what_all_good_plans_share() -> None:
    plan = mclp(row_of([100, 50, 49, 48, 10]), Choice(add=2))
    table = shared_sites(alternatives(plan, count=10, within=0.02))
    assert table.index.name == "site"
    assert table["plans"].to_dict() == {"s0": 3, "s1": 1, "s2": 1, "s3": 1}
    assert table["share"].tolist() == pytest.approx([1, 1 / 3, 1 / 3, 1 / 3])
    assert shared_sites([]).empty


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_against_all_plans(brute_force: ModuleType, data: st.DataObject) -> None:
    table = data.draw(brute_force.tables(most_sites=5))
    choice, over = data.draw(brute_force.choices(table)), data.draw(brute_force.overs(table))
    count, within = data.draw(st.integers(1, 8)), data.draw(st.sampled_from([0.0, 0.1, 0.6]))
    plan = mclp(table, choice, over=over)
    found = alternatives(plan, count=count, within=within)
    value = brute_force.Oracle(table, choice).over(over, brute_force.Oracle.people)
    best = -np.sort(-value) if plan.maximise else np.sort(value)
    worst = plan.value * (1 - within if plan.maximise else 1 + within)
    room = 1e-7 * max(1.0, abs(worst))
    good = best[best >= worst - room] if plan.maximise else best[best <= worst + room]
    assert [other.value for other in found] == pytest.approx(good[:count].tolist(), abs=1e-6)
    assert len({other.units.tobytes() for other in found}) == len(found)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 0}, "count: expected a whole number from 1 on; got 0"),
        ({"within": -0.1}, "within: expected a share from 0"),
        ({"within": 1.0}, "within"),
        ({"differ": 0}, "differ: expected a whole number of sites from 1 on; got 0"),
        ({"apart": [[True]]}, "apart: expected shape (2, 2); got (1, 1)"),
    ],
)
def test_what_cannot_be_meant_is_named(options: dict[str, Any], message: str) -> None:
    plan = mclp(row_of([1, 2]), Choice(add=1))
    with pytest.raises(SitingError) as caught:
        alternatives(plan, **options)
    assert message in str(caught.value)


def test_a_plan_from_elsewhere_cannot_be_asked_again() -> None:
    plan = replace(mclp(row_of([1, 2]), Choice(add=1)), again=None)
    with pytest.raises(SitingError, match="that can be asked again"):
        alternatives(plan)
