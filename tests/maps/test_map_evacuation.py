"""An evacuation on the page, seen from Python: what the page is handed of a study."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from mutualaid.data import CAPACITY_FACTORS
from mutualaid.maps import coverage_map, save_offline
from mutualaid.maps._evacuation import evacuation_facts, moments
from mutualaid.maps._evacuation_layers import _by_step, _chains, _matrix, _step, evacuation_layers
from mutualaid.maps._texts import TEXTS


@pytest.fixture(scope="module")
def study(agreed: Any, evacuated: Callable[..., Any]) -> Any:
    return evacuated(agreed)


@pytest.fixture(scope="module")
def facts(agreed: Any, study: Any) -> dict[str, Any]:
    return evacuation_facts(agreed, study)


def changed(study: Any, **fields: Any) -> Any:
    return SimpleNamespace(**{**vars(study), **fields})


def layer(study: Any, part: str) -> dict[str, Any]:
    return next(one.data for one in evacuation_layers(study) if one.data["part"] == part)


# --- numbers -------------------------------------------------------------------------------------------------


def test_people_and_times_are_those_of_the_study(facts: dict[str, Any], study: Any) -> None:
    zones = study.zones
    assert facts["people"] == pytest.approx(zones["people"].sum())
    assert facts["out"] == pytest.approx(zones["people_out"].sum())
    assert sum(one["people"] for one in facts["left"]) == pytest.approx(facts["people"] - facts["out"])
    assert (facts["lower_s"], facts["upper_s"], facts["plan_s"]) == (5_970.0, 6_120.0, 6_120.0)
    for told, (key, row) in zip(facts["zones"], zones.drop(columns="geometry").iterrows(), strict=True):
        assert told["people"] == pytest.approx(row["people"], abs=0.06)
        assert told["ete_90_s"] == row["ete_90_s"] == 5_400.0
        assert sum(one["people"] for one in told["left"]) == pytest.approx(row["people_left"])
        here = study.zones.geometry[key]
        at = gpd.GeoSeries(gpd.points_from_xy([told["at"][1]], [told["at"][0]]), crs=4326).to_crs(zones.crs)
        assert here.contains(at.iloc[0])


def test_never_and_unknown_are_not_mixed_up(facts: dict[str, Any]) -> None:
    assert [one["arrives_s"] for one in facts["zones"]] == [1_800.0, -1.0, None]
    assert [one["ete_100_s"] for one in facts["zones"]] == [-1.0] * 3
    rooms = {one["name"]: one["room"] for one in facts["shelters"]}
    assert rooms == {
        "own place": 800.0, "beyond place": 2_600.0, "exit place": -1.0, "burnt place": 120.0, "far place": None
    }  # fmt: skip
    exit_routes = [one for one in facts["routes"] if one["to"] == "exit"]
    assert [(one["latest_s"], one["margin_s"]) for one in exit_routes] == [(-1.0, -1.0)]


def test_curves_say_who_is_out_at_each_moment(facts: dict[str, Any], study: Any) -> None:
    times = np.array(facts["times"])
    assert times[0] == 0
    assert times[-1] == study.plan.clearance_s
    assert (np.diff(times) > 0).all()
    for key, told in (("plan", facts["shares"]), ("nearest", facts["nearest"])):
        assert len(told) == len(times)
        assert told == sorted(told)
        own = study.curves[(study.curves["kind"] == key) & (study.curves["zone"] == "")]
        for at, n in zip(times, told, strict=True):
            assert n == pytest.approx(own.loc[own["time_s"] <= at, "people"].max(), abs=0.06)
    assert facts["shares"][-1] == pytest.approx(facts["out"], abs=0.06)
    assert sum(one["shares"][5] for one in facts["zones"]) == pytest.approx(facts["shares"][5], abs=0.3)


def test_what_is_to_be_seen_is_within_the_bounds(facts: dict[str, Any]) -> None:
    (south, west), (north, east) = facts["bounds"]
    used = [one["at"] for one in facts["shelters"] if one["people"]]
    for lat, lon in [one["at"] for one in facts["zones"]] + used:
        assert south - 1e-6 <= lat <= north + 1e-6
        assert west - 1e-6 <= lon <= east + 1e-6
    unused = next(one["at"] for one in facts["shelters"] if one["name"] == "far place")
    assert unused[1] > east


# --- words ---------------------------------------------------------------------------------------------------


def test_every_word_of_the_results_has_a_text(facts: dict[str, Any], told: Callable[[Any], str]) -> None:
    reasons = ("no road", "no way", "no car and no bus", "not in time or no room", "closed road", "closed shelter",
               "full shelter")  # fmt: skip
    states = ("in the hazard", "no road", "no way", "no room", "not own", "closed", "in a zone")
    measures = ("lane", "contraflow", "without_crossing", "opened_crossing", "earlier", "unstaged")
    for prefix, words in (
        ("left", reasons),
        ("status", states),
        ("value", measures),
        ("factor", CAPACITY_FACTORS),
    ):
        assert {f"evac_{prefix}_{word.replace(' ', '_')}" for word in words} <= set(TEXTS)
    assert [told(one["why"]) for one in facts["left"]] == [
        "no car and no seat on a bus", "not in time, or no room", "no road nearby"
    ]  # fmt: skip
    assert [told(one["status"]) for one in facts["shelters"] if not one["usable"]] == [
        "It stands in the hazard", "No open way leads there"
    ]  # fmt: skip


def test_a_word_that_the_page_does_not_know_is_shown_as_it_is(
    agreed: Any, study: Any, told: Callable[[Any], str]
) -> None:
    shelters = study.shelters.assign(status="under water")
    found = evacuation_facts(agreed, changed(study, shelters=shelters))["shelters"]
    assert {told(one["status"]) for one in found} == {"under water"}


def test_what_is_assumed_is_marked(facts: dict[str, Any], told: Callable[[Any], str]) -> None:
    said = [told(line) for line in facts["assumed"]]
    assert said == [
        "2.2 people in a car",
        "10 % of the people have no car (assumed)",
        "Buses: 4, of 50 seats, each drives 1 times (assumed)",
        "Half are ready to leave 30 min after the alarm, all after 90 min (assumed)",
        "Road capacities: matsim, as at the peak of evacuations (assumed)",
        "Other traffic takes 10 % of them (assumed)",
        "All lanes outwards on: Mill Lane",
        "People are safe where a road leaves the map",
        "wildfire · Derived, illustrative: not an official hazard map.",
    ]


def test_measures_come_with_what_saves_most_first(facts: dict[str, Any], told: Callable[[Any], str]) -> None:
    assert [one["saved_s"] for one in facts["values"]] == [670.0, 570.0, 470.0, 70.0, -900.0, -3_030.0]
    assert told(facts["values"][1]["what"]) == "One lane more"
    assert facts["values"][4]["lower_s"] is None


# --- layers --------------------------------------------------------------------------------------------------


def test_traffic_at_each_moment_is_that_of_the_steps(study: Any) -> None:
    times = moments(study)
    number = pd.Series(np.arange(len(study.flows)), index=study.flows.index)
    found = _matrix(study.steps, number, times)
    assert found.shape == (len(study.flows), len(times))
    total = sum(
        found[number[row.edge], np.flatnonzero(times == row.time_s)[0]] for row in study.steps.itertuples()
    )
    assert total == found.sum() == study.steps["vph"].sum()
    assert found.max(axis=1).tolist() == study.flows["peak_vph"].tolist()


def test_routes_know_their_roads(study: Any) -> None:
    data = layer(study, "flows")
    assert data["routes"]["counts"] == [len(path) for path in study.plan.paths]
    assert [data["names"][k] for k in data["named"]] == study.flows["name"].tolist()


def line(*at: tuple[float, float]) -> shapely.LineString:
    return shapely.LineString(at)


def test_chains_end_where_ways_fork_or_meet() -> None:
    straight = [line((0, 0), (1, 0)), line((1, 0), (2, 0)), line((2, 0), (3, 0))]
    assert _chains(gpd.GeoDataFrame(geometry=[straight[1], straight[0], straight[2]])) == [[1, 0, 2]]
    fork = [*straight, line((2, 0), (2, 1))]
    assert _chains(gpd.GeoDataFrame(geometry=fork)) == [[0, 1]]
    meet = [*straight, line((1, 1), (1, 0))]
    assert _chains(gpd.GeoDataFrame(geometry=meet)) == [[1, 2]]
    ring = [line((0, 0), (1, 0)), line((1, 0), (1, 1)), line((1, 1), (0, 0))]
    assert _chains(gpd.GeoDataFrame(geometry=ring)) == [[0, 1, 2]]
    both_ways = [line((0, 0), (1, 0)), line((1, 0), (0, 0))]
    assert [sorted(one) for one in _chains(gpd.GeoDataFrame(geometry=both_ways))] == [[0, 1]]


def test_the_hazard_is_never_shown_too_late(study: Any) -> None:
    rng = np.random.default_rng(7)
    at = rng.uniform(0, 40_000, 300)
    cells = [shapely.box(x, 0, x + 1, 1) for x in range(300)]
    table = gpd.GeoDataFrame({"arrival_s": at}, geometry=cells, crs=study.hazard.crs)
    step = _step(at)
    found = _by_step(table, "arrival_s", step)
    assert len(found) <= 18
    for seconds, cell in zip(at, cells, strict=True):
        shown = found["at_s"][found.geometry.contains(cell.centroid)]
        assert len(shown) == 1
        assert seconds - step <= shown.iloc[0] <= seconds
    assert found.geometry.area.sum() == pytest.approx(300)
    assert _step([5.0]) == _step([]) == 60


def test_only_what_matters_until_the_end_is_drawn(study: Any) -> None:
    data = layer(study, "hazard")
    end = 1.25 * study.plan.clearance_s
    assert 0 < len(data["areas"]["from_s"]) == (study.hazard["arrival_s"] <= end).sum() < len(study.hazard)
    assert data["roads"]["from_s"] == [1_200.0, 2_400.0, 4_800.0]
    empty = changed(study, hazard=study.hazard.iloc[:0], closures=study.closures.iloc[:0])
    assert [one for one in evacuation_layers(empty) if one.data["part"] == "hazard"] == []


# --- the page ------------------------------------------------------------------------------------------------


def test_only_a_page_with_an_evacuation_holds_what_is_needed_for_it(
    agreed: Any, study: Any, tmp_path: Any
) -> None:
    pages = [coverage_map(agreed, evacuation=one, languages=["en"]) for one in (None, study)]
    plain, with_it = (
        save_offline(page, tmp_path / f"{k}.html").read_text(encoding="utf-8") for k, page in enumerate(pages)
    )
    assert "mutualaid.clearance = section" not in plain
    assert "mutualaid.evacuated = data" not in plain
    assert "mutualaid.clearance = section" in with_it
    assert len(with_it) - len(plain) < 80_000
    names = [
        one.layer_name for one in list[Any](pages[1]._children.values()) if getattr(one, "control", False)
    ]
    own = ["Hazard as it arrives", "Zones to clear", "Evacuation traffic", "Bottleneck", "Shelters and exits",
           "Crossings that people use"]  # fmt: skip
    at = names.index(own[0])
    assert names[at : at + 6] == own


def test_an_evacuation_of_which_nobody_gets_out_still_draws(
    agreed: Any, evacuated: Callable[..., Any], tmp_path: Any
) -> None:
    none = evacuated(agreed, finite=False)
    bare = changed(
        none, crossings=none.crossings.iloc[:0], measures=none.measures.iloc[:0], sensitivity=none.sensitivity.iloc[:0],
        levels=none.levels.iloc[1:], hazard=none.hazard.iloc[:0], closures=none.closures.iloc[:0],
        why=(), notes=(), case=replace(none.case, arrival=None, name="", contraflow=(), buses=0, background=0.0),
    )  # fmt: skip
    facts = evacuation_facts(agreed, bare)
    assert (facts["upper_s"], facts["out"], facts["cut"], facts["routes"]) == (-1.0, 0.0, None, [])
    assert facts["roads"] == []
    assert [one.data["part"] for one in evacuation_layers(bare)] == ["zones", "shelters"]
    assert save_offline(coverage_map(agreed, evacuation=bare), tmp_path / "map.html").exists()
