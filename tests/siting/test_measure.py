"""What a plan is worth: by hand, and as what is left when each change is undone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mutualaid.errors import SitingError
from mutualaid.siting import Choice, Over, Plan, SiteTable, mclp, plan_gains, plan_sites, site_table

INF = math.inf


def plan_of(table: SiteTable, *is_open: str) -> Plan:
    """A plan with just these sites open."""
    units = table.sites.index.isin(is_open).astype(np.int64)
    return Plan("mclp", table, units, 0.0, 0.0, True, "optimal", 0.0)


@pytest.fixture
def table() -> SiteTable:
    """Four places of two partners, an old station that may be closed, and two candidates; in a storm "new" is out."""
    demand = pd.DataFrame(
        {
            "population": [100.0, 20.0, 5.0, 3.0],
            "partner": ["B", "A", "A", "A"],
            "jurisdiction": ["b", "a1", "a2", "a2"],
        },
        index=["p", "q", "r", "s"],
    )
    sites = pd.DataFrame(
        {"state": ["closable", "candidate", "candidate"], "partner": list("ABA"),
         "opening_cost": [0.0, 7.0, 9.0], "closing_cost": [4.0, 0.0, 0.0]},
        index=["old", "new", "own"],
    )  # fmt: skip
    fair = [[900, 300, 480, INF], [200, 300, 481, 700], [950, 250, 900, INF]]
    storm = [[INF, 300, 600, INF], [INF, INF, INF, INF], [950, 260, 900, INF]]
    return site_table({"": np.array(fair), "storm": np.array(storm)}, sites, demand, limit_s=480)


def told(plan: Plan) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Rows of the gains by weather, kind and id."""
    rows = plan_gains(plan).to_dict("records")
    return {
        (row["weather"], row["kind"], row["id"]): {str(key): one for key, one in row.items()} for row in rows
    }


def test_gains_by_hand(table: SiteTable) -> None:
    gains = told(plan_of(table, "old", "new"))
    assert list(gains) == [
        (weather, *row)
        for weather in ("", "storm")
        for row in [
            ("jurisdiction", "b"), ("jurisdiction", "a1"), ("jurisdiction", "a2"), ("partner", "B"), ("partner", "A"),
            ("all", ""),
        ]
    ]  # fmt: skip
    people = ("population", "before", "after", "gained")
    everybody = gains["", "all", ""]
    assert [everybody[name] for name in people] == [128, 25, 125, 100]
    # Nobody comes to s today, so it is in no mean.
    assert everybody["people_timed"] == 125
    assert everybody["mean_before_s"] == pytest.approx((100 * 900 + 20 * 300 + 5 * 480) / 125)
    assert everybody["mean_after_s"] == pytest.approx((100 * 200 + 20 * 300 + 5 * 480) / 125)
    storm = gains["storm", "all", ""]
    assert [storm[name] for name in (*people, "people_timed")] == [128, 20, 20, 0, 25]
    assert gains["", "partner", "B"]["gained"] == 100
    assert gains["storm", "jurisdiction", "b"]["people_timed"] == 0
    assert math.isnan(gains["storm", "jurisdiction", "b"]["mean_after_s"])


def test_a_closed_station_may_lose_people(table: SiteTable) -> None:
    gains = told(plan_of(table, "new"))
    people = ("before", "after", "gained")
    assert [gains["", "partner", "A"][name] for name in people] == [25, 20, -5]
    # By the plan nobody comes in the storm.
    assert [gains["storm", "all", ""][name] for name in (*people, "people_timed")] == [20, 0, -20, 0]


def test_sites_by_hand(table: SiteTable) -> None:
    over = Over({"": 3.0, "storm": 1.0})
    found = plan_sites(plan_of(table, "new", "own"), over=over)
    assert list(found.index) == ["new", "own", "old"]
    assert found["change"].tolist() == ["opened", "opened", "closed"]
    assert found["partner"].tolist() == ["B", "A", "A"]
    assert found["cost"].tolist() == [7, 9, 4]
    assert found["units"].tolist() == [1, 1, 0]
    # "own" is 50 s sooner at q, and "new" comes first to p, r and s; before, "old" came first to p, q and r.
    assert found["people_first"].tolist() == [108, 20, 125]
    # Only p needs "new"; q has two; r is lost with "old".
    assert found["people_added"].tolist() == [100, 0, -5]
    assert found["people_added_A"].tolist() == [0, 0, -5]
    assert found["people_added_B"].tolist() == [100, 0, 0]
    # In the storm only "own" is left, at q; "old" would be there for q too.
    assert found["people_added_expected"].tolist() == [75, 5, -3.75]
    nothing = plan_sites(plan_of(table, "old"))
    assert nothing.empty
    assert list(nothing.columns) == list(found.columns)


def test_at_equal_times_an_own_site_goes_first_then_the_first(table: SiteTable) -> None:
    """At q "old", of its own partner, and "new" both need 300 s."""
    assert plan_sites(plan_of(table, "old", "new"))["people_first"].tolist() == [103]
    foreign = table.sites.assign(partner=["B", "A", "A"])
    swapped = site_table(table.seconds, foreign, table.demand, limit_s=480)
    assert plan_sites(plan_of(swapped, "old", "new"))["people_first"].tolist() == [123]
    nobody = site_table(table.seconds, foreign.assign(partner=""), table.demand, limit_s=480)
    assert plan_sites(plan_of(nobody, "old", "new"))["people_first"].tolist() == [103]


def test_a_table_without_fair_weather_speaks_of_its_first(table: SiteTable) -> None:
    wet = site_table({"storm": table.seconds["storm"]}, table.sites, table.demand, limit_s=480)
    found = plan_sites(plan_of(wet, "own"))
    assert found["people_added"].tolist() == [20, 0]
    assert found["people_added_expected"].tolist() == [20, 0]
    assert plan_gains(plan_of(wet, "own"))["weather"].unique().tolist() == ["storm"]


def test_weathers_that_are_not_there(table: SiteTable) -> None:
    with pytest.raises(SitingError, match="'flood'"):
        plan_sites(plan_of(table, "old"), over=Over({"flood": 1.0}))
    with pytest.raises(SitingError, match="weight"):
        plan_sites(plan_of(table, "old"), over=Over({"": 0.0}))


@st.composite
def questions(draw: st.DrawFn) -> tuple[SiteTable, Plan]:
    sites, places = draw(st.integers(1, 5)), draw(st.integers(1, 8))
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    seconds: dict[str, Any] = {
        name: np.where(chance.random((sites, places)) < 0.2, INF, chance.integers(0, 900, (sites, places)))
        for name in ("", "s")
    }
    states = chance.choice(["fixed", "closable", "candidate"], sites)
    frame = pd.DataFrame(
        {"state": states, "partner": chance.choice(["", "A", "B"], sites)},
        index=[f"s{i}" for i in range(sites)],
    )
    demand = pd.DataFrame(
        {"population": chance.integers(0, 50, places), "partner": chance.choice(["A", "B"], places),
         "jurisdiction": chance.choice(["a", "b", "c"], places)},
        index=[f"d{i}" for i in range(places)],
    )  # fmt: skip
    table = site_table(seconds, frame, demand, limit_s=450)
    is_open = (chance.random(sites) < 0.5) | (states == "fixed")
    return table, plan_of(table, *table.sites.index[is_open])


@settings(max_examples=80, deadline=None)
@given(question=questions())
def test_parts_are_the_whole_and_changes_are_what_is_undone(question: tuple[SiteTable, Plan]) -> None:
    table, plan = question
    gains = plan_gains(plan)
    numbers = ["population", "before", "after", "gained", "people_timed"]
    for _, rows in gains.groupby("weather"):
        totals = [
            rows.loc[rows["kind"] == kind, numbers].sum() for kind in ("jurisdiction", "partner", "all")
        ]
        assert np.allclose(totals[0], totals[2])
        assert np.allclose(totals[1], totals[2])
    for weather in table.seconds:
        everybody = gains[(gains["weather"] == weather) & (gains["kind"] == "all")].iloc[0]
        assert everybody["before"] == table.weight[table.reach(weather)[table.existing].any(axis=0)].sum()
        assert everybody["after"] == table.weight[table.reach(weather)[plan.is_open].any(axis=0)].sum()
    found = plan_sites(plan, over=Over({"": 1.0, "s": 1.0}))
    assert sorted(found.index) == sorted([*plan.opened, *plan.closed])
    for name, row in found.iterrows():
        at = list(table.sites.index).index(str(name))
        undone = plan.is_open.copy()
        undone[at] = not undone[at]
        change = [
            table.weight[table.reach(w)[plan.is_open].any(axis=0)].sum()
            - table.weight[table.reach(w)[undone].any(axis=0)].sum()
            for w in ("", "s")
        ]
        assert row["people_added"] == change[0]
        assert row["people_added_expected"] == pytest.approx(np.mean(change))
        assert (row["people_added"] >= 0) == (row["change"] == "opened") or row["people_added"] == 0
        parts = [column for column in found.columns if column in ("people_added_A", "people_added_B")]
        assert row[parts].sum() == row["people_added"]
    opened = found[found["change"] == "opened"]
    assert opened["people_first"].sum() <= table.weight.sum()


def test_a_plan_of_a_model_adds_what_it_says(table: SiteTable) -> None:
    plan = mclp(table, Choice(add=1))
    assert plan_sites(plan)["people_added"].sum() == plan.value - 25
