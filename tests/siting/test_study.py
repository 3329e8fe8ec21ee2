"""A siting question about a region: what is told of the plan agrees with its table, and with what was asked."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from mutualaid.coverage import Analysis, analyse
from mutualaid.data import Agreement, Region, demo_path, read_region
from mutualaid.errors import SitingError
from mutualaid.network import Network
from mutualaid.siting import (
    Choice,
    Fair,
    SitingStudy,
    candidates,
    mclp,
    plan_gains,
    region_table,
    siting,
    unreached,
)

STEP_M = 65_000 / 15
AlongRoad = Callable[..., tuple[Region, Network]]


def run(made: tuple[Region, Network]) -> Analysis:
    region, network = made
    return analyse(region, network=network)


def at(analysis: Analysis, steps: dict[str, float], **columns: Any) -> gpd.GeoDataFrame:
    """Places to choose among, in steps from place 0."""
    points = gpd.GeoSeries.from_xy(
        [STEP_M * x for x in steps.values()], 0.0, index=list(steps), crs=analysis.network.crs
    )
    return gpd.GeoDataFrame(columns, index=points.index, geometry=points)


def quick(analysis: Analysis, **asked: Any) -> SitingStudy:
    """A study without what is not looked at."""
    return siting(analysis, **{"curve_to": 0, "separate": False, "alternatives": 1} | asked)


@pytest.fixture(scope="module")
def demo() -> Analysis:
    return analyse(read_region(demo_path()))


@pytest.fixture(scope="module")
def study(demo: Analysis) -> SitingStudy:
    return siting(
        demo, add=2, sites=candidates(demo, count=40), scenarios={"": 3.0, "storm": 1.0}, alternatives=4, within=0.1,
        curve_to=3,
    )  # fmt: skip


def people(study: SitingStudy, is_open: Any, weather: str) -> float:
    table = study.table
    return float(table.weight[table.reach(weather)[is_open].any(axis=0)].sum())


# --- the demonstration --------------------------------------------------------------------------------------------


def test_the_plan_is_the_best_of_its_question(demo: Analysis, study: SitingStudy) -> None:
    plan = study.plan
    assert (study.model, study.level, plan.status) == ("mclp", "joint", "optimal")
    assert plan is study.alternatives[0]
    assert list(study.table.seconds) == ["", "storm"]
    assert study.choice == Choice(add=2)
    expected = (3 * people(study, plan.is_open, "") + people(study, plan.is_open, "storm")) / 4
    assert plan.value == pytest.approx(expected)
    # No pair of one site of the plan with any other is better.
    existing = study.table.existing
    for kept in plan.opened:
        for other in study.table.sites.index[~existing]:
            is_open = existing | study.table.sites.index.isin([kept, other])
            value = (3 * people(study, is_open, "") + people(study, is_open, "storm")) / 4
            assert value <= plan.value + 1e-6
    assert demo is study.analysis


def test_alternatives_are_elsewhere_and_nearly_as_good(study: SitingStudy) -> None:
    plans = study.alternatives
    assert len(plans) >= 2
    values = [plan.value for plan in plans]
    assert values == sorted(values, reverse=True)
    assert values[-1] >= 0.9 * values[0]
    points = gpd.GeoDataFrame(study.table.sites).geometry
    for number, plan in enumerate(plans):
        for before in plans[:number]:
            far = [min(points[one].distance(points[old]) for old in before.opened) for one in plan.opened]
            assert max(far) >= 1000


def test_sites_are_those_that_any_plan_changes(demo: Analysis, study: SitingStudy) -> None:
    sites, plans = study.sites, study.alternatives
    assert set(sites.index) == {name for plan in plans for name in (*plan.opened, *plan.closed)}
    assert sites[["in_plan", "in_plans"]].apply(tuple, axis=1).is_monotonic_decreasing
    assert sites["in_plan"].tolist() == [name in study.plan.opened for name in sites.index]
    for name, row in sites.iterrows():
        numbers = [number for number, plan in enumerate(plans, 1) if name in plan.opened]
        assert row["plans"] == ";".join(map(str, numbers))
        assert row["in_plans"] == pytest.approx(len(numbers) / len(plans))
        # What it is worth is asked of the first plan that has it.
        plan = plans[numbers[0] - 1]
        without = plan.is_open & (study.table.sites.index != name)
        lost = {
            weather: people(study, plan.is_open, weather) - people(study, without, weather)
            for weather in ("", "storm")
        }
        assert row["people_added"] == pytest.approx(lost[""])
        assert row["people_added_expected"] == pytest.approx((3 * lost[""] + lost["storm"]) / 4)
        parts = row["people_added_SDIS 06"] + row["people_added_Sapeurs-Pompiers de Monaco"]
        assert parts == pytest.approx(lost[""])
        assert row["text"].startswith(row["road_name"])
        assert row["jurisdiction_name"] == demo.region.jurisdictions["name"][row["jurisdiction"]]
    for column in (
        "road",
        "fraction",
        "side",
        "distance_m",
        "road_status",
        "severity",
        "severity_status",
        "out_in",
        "cost",
    ):
        assert column in sites.columns
    assert sites.crs == demo.network.crs
    assert set(sites["change"]) == {"opened"}


def test_gains_and_what_is_not_reached(demo: Analysis, study: SitingStudy) -> None:
    gains = study.gains
    order = [*demo.region.jurisdictions.index, *demo.region.jurisdictions["partner"].unique(), ""]
    assert gains["id"].tolist() == 2 * order
    assert gains["weather"].tolist() == ["", *[""] * (len(order) - 1), *["storm"] * len(order)]
    everybody = gains[gains["kind"] == "all"].set_index("weather")
    covered = {"": demo.coverage} | {result.scenario.id: result.coverage for result in demo.scenarios}
    for weather in ("", "storm"):
        one = covered[weather]
        assert everybody.loc[weather, "before"] == pytest.approx(
            one["population"][one["joint_covered"]].sum()
        )
        assert everybody.loc[weather, "after"] == pytest.approx(people(study, study.plan.is_open, weather))
    pd.testing.assert_frame_equal(
        gains.sort_values(["weather", "kind", "id"], ignore_index=True),
        plan_gains(study.plan).sort_values(["weather", "kind", "id"], ignore_index=True),
    )
    assert list(study.unreached.index) == list(unreached(study.table).index)


def test_curve_and_comparison(study: SitingStudy) -> None:
    assert study.curve["asked"].tolist() == [0, 1, 2, 3]
    assert study.curve["value"].iloc[2] == pytest.approx(study.plan.value)
    assert study.cost_curve.empty
    assert study.separate is not None
    assert study.separate.partners["budget"].sum() == len(study.plan.opened)
    assert "Siting separately and jointly is compared in fair weather alone." in study.notes


def test_what_a_reader_must_know(study: SitingStudy) -> None:
    said = "\n".join(study.notes)
    spacing_m = study.table.sites["spacing_m"].max()
    assert f"Candidate sites are junctions {spacing_m:,.0f} m apart or more" in said
    assert "career stations with a turnout of 80 s" in said
    assert "At 40 of 40 candidate sites it is unknown how severe at least one hazard is" in said
    lost = study.unreached["population"].sum()
    assert f"{lost:,.0f} people at {len(study.unreached)} points are reached by no site" in said


def test_it_is_the_same_twice(demo: Analysis, study: SitingStudy) -> None:
    again = siting(
        demo, add=2, sites=candidates(demo, count=40), scenarios={"": 3.0, "storm": 1.0}, alternatives=4, within=0.1,
        curve_to=3,
    )  # fmt: skip
    for name in ("sites", "gains", "curve", "time_curve", "cost_curve", "unreached"):
        pd.testing.assert_frame_equal(pd.DataFrame(getattr(again, name)), pd.DataFrame(getattr(study, name)))
    assert again.notes == study.notes
    assert again.separate is not None
    assert study.separate is not None
    pd.testing.assert_frame_equal(again.separate.partners, study.separate.partners)


# --- by hand -------------------------------------------------------------------------------------------------------


def test_one_station_by_hand(along_road: AlongRoad) -> None:
    """Place i has 2 to the power of i people; a new crew reaches one step. A station in the middle adds 4 + 8 + 16."""
    analysis = run(along_road("AAABB", {"sa": 0}))
    steps: list[tuple[str, float]] = []
    found = siting(
        analysis, sites=at(analysis, {"west": 1, "east": 3}), apart_m=0, within=0.99,
        progress=lambda step, share: steps.append((step, share)),
    )  # fmt: skip
    assert found.choice == Choice(add=1)
    assert found.plan.opened == ("east",)
    assert [plan.opened for plan in found.alternatives] == [("east",), ("west",), ()]
    row = found.sites.loc["east"]
    assert (row["people_first"], row["people_added"]) == (28, 28)
    assert (row["people_added_A"], row["people_added_B"]) == (4, 24)
    assert row["in_plans"] == pytest.approx(1 / 3)
    assert found.curve["people"].tolist() == [3, 31, 31]
    assert [share for _, share in steps] == sorted(share for _, share in steps)
    assert steps[0][1] == 0
    assert steps[-1][1] < 1
    # More people live in B than in A, so the one station is B's part.
    assert found.separate is not None
    assert found.separate.partners["budget"].tolist() == [0, 1]
    assert "The region has no hazard layers: nobody asked whether a site is safe." in found.notes


def test_levels(along_road: AlongRoad) -> None:
    treaty = Agreement(id="t", parties=("A", "B"), helpers=("B",), mode="automatic")
    analysis = run(along_road("AAABB", {"sa": 0}, treaty))
    sites = at(analysis, {"a": 2, "b": 3})
    added = {
        level: [
            quick(analysis, sites=sites.loc[[name]], level=level).gains["gained"].iloc[-1]
            for name in ("a", "b")
        ]
        for level in ("alone", "agreed", "joint")
    }
    # A may not help B under the treaty, but B may help A.
    assert added == {"alone": [4, 24], "agreed": [4, 28], "joint": [12, 28]}


def test_closing_and_moving(along_road: AlongRoad) -> None:
    """sa and sb stand side by side; the people are in the east."""
    analysis = run(along_road("AAAAAA", {"sa": 0, "sb": 1}))
    sites = at(analysis, {"n": 4})
    closed = quick(
        analysis, sites=candidates(analysis, sites=sites, closable=["sa"], closing_cost=2.0), add=1, close=1
    )
    assert closed.plan.opened == ("n",)
    moved = quick(analysis, sites=candidates(analysis, sites=sites, movable=["sa"]), add=0, move=1)
    assert moved.plan.opened == ("n",)
    assert moved.plan.closed == ("sa",)
    # sb reaches all that sa does.
    gone = moved.sites.loc["sa"]
    assert (gone["change"], gone["people_added"], gone["people_first"], gone["name"]) == (
        "closed",
        0,
        1,
        "sa",
    )
    assert moved.gains["gained"].iloc[-1] == 8 + 16 + 32
    every = siting(analysis, move=1, add=0, alternatives=1, curve_to=2)
    assert (every.table.sites["state"] == "movable").sum() == 2
    assert every.time_curve.empty
    assert every.separate is None
    assert (quick(analysis, close=1).table.sites["state"] == "closable").sum() == 2
    with pytest.raises(SitingError, match="close and move"):
        quick(analysis, close=1, move=1)


def test_a_budget_speaks_in_money(along_road: AlongRoad) -> None:
    analysis = run(along_road("AAABBB", {"sa": 0}))
    sites = at(analysis, {"two": 2, "four": 4}, opening_cost=[5.0, 3.0])
    found = siting(analysis, sites=sites, budget=9.0)
    assert found.choice == Choice(budget=9.0)
    assert set(found.plan.opened) == {"two", "four"}
    assert found.plan.cost == 8
    assert found.sites["cost"].to_dict() == {"two": 5, "four": 3}
    assert found.cost_curve["asked"].iloc[[0, -1]].tolist() == [0, 18]
    assert found.cost_curve["people"].iloc[[0, -1]].tolist() == [3, 63]
    assert found.separate is not None
    assert found.separate.unit == "money"
    # By people: 7 of 63 live in A.
    assert found.separate.partners["budget"].tolist() == pytest.approx([1, 8])
    stated = siting(analysis, sites=sites, budget=9.0, separate={"A": 6.0}, curve_to=0)
    assert stated.separate is not None
    assert stated.separate.partners["sites_separate"].tolist() == ["two", ""]


def test_a_new_crew_at_the_place_of_a_slow_one_is_said(along_road: AlongRoad) -> None:
    region, network = along_road("AAA", {"sa": 1})
    slow = region.stations.assign(turnout_s=300.0, name="Old house")
    analysis = run((replace(region, stations=slow), network))
    found = quick(analysis, sites=at(analysis, {"n": 1.02}))
    assert found.plan.opened == ("n",)
    note = next(note for note in found.notes if "Old house" in note)
    assert (
        "n is 87 m from the station Old house, whose crew needs 300 s to turn out, and that of the new one 80 s"
        in note
    )
    far = quick(analysis, sites=at(analysis, {"n": 2}))
    assert far.plan.opened == ("n",)
    assert not any("Old house" in note for note in far.notes)


# --- models and what cannot be asked -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("mclp", {}), ("p_median", {}), ("p_center", {}), ("lscp", {}), ("lscp_backup", {}), ("cmclp", {}),
        ("mexclp", {"busy": 0.2}), ("dsm", {"wide_s": 2000.0, "share": 0.5}),
    ],
)  # fmt: skip
def test_every_model_gives_a_study(along_road: AlongRoad, model: str, options: dict[str, Any]) -> None:
    analysis = run(along_road("AAABBB", {"sa": 0}))
    sites = at(analysis, {"one": 1, "three": 3, "four": 4})
    found = quick(analysis, sites=sites, model=model, options=options)
    assert found.plan.model == model
    assert found.plan.status == "optimal"
    assert (found.choice.add is None) == model.startswith("lscp")
    if model.startswith("lscp"):
        assert people(found, found.plan.is_open, "") == 63
    else:
        assert len(found.plan.opened) <= 1


def test_times_are_not_asked_where_help_is_subsidiary(along_road: AlongRoad) -> None:
    treaty = Agreement(id="pact", parties=("A", "B"), mode="subsidiary")
    analysis = run(along_road("AAABB", {"sa": 0, "sb": 3}, treaty))
    sites = at(analysis, {"n": 1})
    for model in ("p_median", "p_center"):
        with pytest.raises(
            SitingError, match=f"{model}, while by pact units come only where no own one is in time"
        ):
            quick(analysis, sites=sites, model=model, level="agreed")
        assert quick(analysis, sites=sites, model=model, level="joint").plan.status == "optimal"
    found = quick(analysis, sites=sites, level="agreed")
    assert any(note.startswith("By pact units come only where no own one is in time") for note in found.notes)


def test_everything_wrong_with_a_question_is_said_at_once(along_road: AlongRoad) -> None:
    analysis = run(along_road("AAB", {"sa": 0}))
    sites = at(analysis, {"n": 1})
    with pytest.raises(SitingError, match="model: expected one of mclp, mexclp"):
        quick(analysis, sites=sites, model="best")
    with pytest.raises(SitingError) as error:
        quick(
            analysis, sites=sites, model="dsm", scenarios=["", "s"], rule="worst", fair=Fair(no_worse=True),
            options={"wide_s": 900, "busy": 0.1},
        )  # fmt: skip
    assert [one.where for one in error.value.defects] == ["fair", "rule", "scenarios", "busy", "share"]
    with pytest.raises(SitingError, match="scenarios of the run: it has none; got 'flood'"):
        quick(analysis, sites=sites, scenarios="flood")
    with pytest.raises(SitingError, match="add"):
        quick(analysis, sites=sites, add=2)
    with pytest.raises(SitingError, match="an agreement in force"):
        quick(analysis, sites=sites, level="agreed")


def test_a_curve_that_cannot_be_is_said(along_road: AlongRoad) -> None:
    """Two places that only one new site each can reach at all: no one plan has a mean time to both."""
    region, network = along_road("AAAAAAA", {"sa": 3}, cutoff_s=420.0, turnout_s={"career": 60.0})
    analysis = run((region, network))
    found = siting(analysis, sites=at(analysis, {"west": 0.5, "east": 5.5}))
    assert found.time_curve.empty
    assert any(note.startswith("There is no time curve: ") for note in found.notes)
    assert len(found.curve) == 3


def test_stations_are_split_by_people_and_not_beyond_what_there_is(along_road: AlongRoad) -> None:
    """B has nearly all people, but only one place to build."""
    analysis = run(along_road("AAABBB", {"sa": 0}))
    found = siting(analysis, add=2, sites=at(analysis, {"two": 2, "four": 4}), curve_to=0)
    assert found.separate is not None
    assert found.separate.partners["budget"].tolist() == [1, 1]


def test_the_study_is_of_the_table_of_the_region(demo: Analysis) -> None:
    """A question with few words is the maximal covering model on the region's own table."""
    sites = candidates(demo, count=30)
    found = quick(demo, sites=sites, level="alone")
    plain = mclp(region_table(demo, sites, level="alone"), Choice(add=1))
    assert found.plan.value == plain.value
    assert found.plan.open == plain.open
    assert np.isfinite(found.plan.value)
    assert not math.isnan(found.plan.bound)
