"""What the map holds of hazards, seen from Python."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from geopandas.testing import assert_geodataframe_equal
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from mutualaid.coverage import scenario_table
from mutualaid.errors import Defect
from mutualaid.hazards import HAZARDS, SEVERITIES, passabilities
from mutualaid.hazards._seams import KINDS
from mutualaid.maps import coverage_map, save_offline
from mutualaid.maps._cells import cell_data
from mutualaid.maps._facts import about
from mutualaid.maps._hazard_layers import closed_roads, seam_layer, severity_layer
from mutualaid.maps._messages import listed
from mutualaid.maps._palette import SCENARIO_STATUSES, SEVERITY_COLOURS, STATUSES, UNKNOWN_SEVERITY
from mutualaid.maps._png import paletted_png
from mutualaid.maps._scenarios import not_computed, scenario_cells, scenario_facts
from mutualaid.maps._texts import TEXTS

LEVELS = ["alone", "joint"]
IDS = ["hq100", "slope", "both"]


@pytest.fixture(scope="module")
def facts(threatened: Any) -> dict[str, dict[str, Any]]:
    people = scenario_cells(threatened)[1]
    return {row["id"]: row for row in scenario_facts(threatened, people)}


def total(analysis: Any, scenario: str) -> pd.Series:
    result = next(one for one in analysis.scenarios if one.scenario.id == scenario)
    table = scenario_table(result)
    return table[(table["jurisdiction"] == "") & (table["class"] == "all")].iloc[0]


def by_label(row: dict[str, Any], level: str) -> dict[str, float]:
    """People of a scenario by the text of their class in the legend."""
    found: dict[str, float] = {}
    for status, people in zip(SCENARIO_STATUSES, row["status"], strict=True):
        label = getattr(status, f"{level}_label")
        found[label] = found.get(label, 0.0) + people
    return found


def layers_of(page: Any) -> dict[str, Any]:
    return {
        child.layer_name: child
        for child in page._children.values()
        if hasattr(child, "layer_name") and child.control
    }


# --- the made-up region holds every case ---------------------------------------------------------------------


def test_the_made_up_scenarios_hold_every_case(threatened: Any) -> None:
    losses = {loss for result in threatened.scenarios for loss in result.coverage["loss"]}
    states = {state for result in threatened.scenarios for state in result.stations["state"]}
    kinds = set(threatened.seams["kind"])
    assert losses == {"none", "held", "lost"}
    assert {"in_service", "out"} <= states
    assert kinds == {"severity", "coverage"}
    assert any(result.coverage["isolated"].any() for result in threatened.scenarios)
    assert any((result.coverage["severity_status"] == "outside").any() for result in threatened.scenarios)


# --- numbers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", IDS)
def test_totals_are_those_of_the_table(threatened: Any, facts: dict[str, Any], scenario: str) -> None:
    expected = total(threatened, scenario)
    for key, people in facts[scenario]["totals"].items():
        assert people == pytest.approx(expected[key], abs=1e-3), key


@pytest.mark.parametrize("scenario", IDS)
def test_classes_of_the_legend_are_those_of_the_table(
    threatened: Any, facts: dict[str, Any], scenario: str
) -> None:
    expected = total(threatened, scenario)
    alone, joint = (by_label(facts[scenario], level) for level in LEVELS)
    assert sum(alone.values()) == pytest.approx(expected["population"])
    assert sum(joint.values()) == pytest.approx(expected["population"])
    assert alone["own"] == joint["own"] == pytest.approx(expected["alone"])
    assert alone["lost_alone"] == pytest.approx(expected["lost_alone"])
    assert joint["lost_joint"] == pytest.approx(expected["lost_joint"])
    assert joint["held"] == pytest.approx(expected["held"])
    assert joint["own"] + joint["joint_only"] + joint["held"] == pytest.approx(expected["joint"])


@pytest.mark.parametrize("scenario", IDS)
@pytest.mark.parametrize("level", LEVELS)
def test_bands_up_to_the_limit_hold_exactly_the_people_in_time(
    threatened: Any, facts: dict[str, Any], scenario: str, level: str
) -> None:
    bands = facts[scenario]["bands"][level]
    assert sum(bands[:3]) == pytest.approx(total(threatened, scenario)[level])
    assert sum(bands) == pytest.approx(total(threatened, scenario)["population"])


@pytest.mark.parametrize("scenario", IDS)
def test_people_by_severity_are_everybody(threatened: Any, facts: dict[str, Any], scenario: str) -> None:
    result = next(one for one in threatened.scenarios if one.scenario.id == scenario)
    people, severity = result.coverage["population"], result.coverage["severity"]
    expected = [people[severity == k].sum() for k in SEVERITIES] + [people[severity.isna()].sum()]
    assert facts[scenario]["severity"] == pytest.approx(expected)


def test_municipalities_sum_to_the_totals(facts: dict[str, Any]) -> None:
    for row in facts.values():
        for key in ("population", "alone", "joint", "lost_alone", "lost_joint"):
            assert sum(place[key] for place in row["jurisdictions"]) == pytest.approx(row["totals"][key])


def test_unknown_population_stays_unknown_under_a_hazard(made_up: Callable[..., Any], tmp_path: Path) -> None:
    analysis = made_up(hazards=tmp_path)
    analysis.summary["common"]["jurisdictions"]["east"]["population"] = None
    row = scenario_facts(analysis, scenario_cells(analysis)[1])[0]
    assert [place["population"] is None for place in row["jurisdictions"]] == [False, True]


# --- words ---------------------------------------------------------------------------------------------------


def test_an_entry_of_the_switch_says_how_rare_it_is_and_whether_it_is_derived(
    facts: dict[str, Any], told: Callable[[Any], str]
) -> None:
    assert [told(row["label"]) for row in facts.values()] == [
        "Flood · 1 in 100 years",
        "Slope · derived, illustrative",
        "All at once · derived, illustrative",
    ]
    assert [row["derived"] for row in facts.values()] == [False, True, True]


def test_effects_name_the_stations_that_are_out(
    threatened: Any, facts: dict[str, Any], told: Callable[[Any], str]
) -> None:
    for result in threatened.scenarios:
        lines = {line["key"]: line for line in facts[result.scenario.id]["effects"]}
        out = threatened.stations["name"][result.stations["state"] == "out"]
        assert told(lines["effect_out"]["names"]) == ", ".join(out)
        assert lines["effect_isolated"]["n"] == pytest.approx(
            total(threatened, result.scenario.id)["isolated"], abs=1e-3
        )
        closed_m = result.roads["closed_m"].sum()
        assert lines["effect_roads"]["km"] == pytest.approx(closed_m / 1000, abs=1e-3)


def test_effects_tell_what_is_closed_by_decision_delayed_cut_off_and_left_to_chance(
    made_up: Callable[..., Any], tmp_path: Path
) -> None:
    analysis = made_up(hazards=tmp_path)
    first = analysis.scenarios[0]
    roads = first.roads.assign(closed_by_name=[True, True] + [False] * (len(first.roads) - 2))
    stations = first.stations.assign(state=["delayed", "cut_off", "in_service"])
    analysis.scenarios = (replace(first, roads=roads, stations=stations),)
    numbers = analysis.summary["hazards"]["scenarios"]["hq100"]
    numbers["chance"] = {
        "alone": {"people": 10.0, "error": 0.5},
        "joint": {"people": 12.0, "error": 0.25},
        "draws": 200,
    }
    lines = scenario_facts(analysis, scenario_cells(analysis)[1])[0]["effects"]
    by_key = {line["key"]: line for line in lines}
    assert by_key["effect_by_name"]["n"] == 2
    assert by_key["effect_out"]["names"] == {"list": []}
    assert by_key["effect_delayed"]["names"] == {"list": [{"t": "Westport Central"}]}
    assert by_key["effect_cut_off"]["names"] == {"list": [{"t": "Easton"}]}
    chances = [line for line in lines if line["key"] == "effect_chance"]
    assert [(line["level"], line["n"]) for line in chances] == [("alone", 10.0), ("joint", 12.0)]


def test_hundreds_of_stations_are_not_all_named(told: Callable[[Any], str]) -> None:
    names = pd.Series([f"Station {k}" for k in range(50)])
    assert told(listed(names)).endswith("Station 19, and 30 more")
    assert told(listed(names[:20])).endswith("Station 18, Station 19")


def test_every_hazard_severity_and_seam_has_words() -> None:
    assert all(f"hazard_{hazard}" in TEXTS for hazard in HAZARDS)
    assert {k: TEXTS[f"severity_{k}"] for k in SEVERITIES} == SEVERITIES
    assert all(f"seam_{kind}" in TEXTS for kind in KINDS[:3])
    labels = {getattr(row, f"{level}_label") for row in SCENARIO_STATUSES for level in LEVELS}
    assert labels <= set(TEXTS)


def test_the_facts_name_maps_rules_and_the_crosswalk(threatened: Any, told: Callable[[Any], str]) -> None:
    parts = {told(part["title"]): [told(item) for item in part["items"]] for part in about(threatened)}
    assert list(parts)[-3:] == [TEXTS[key] for key in ("about_hazards", "about_rules", "about_crosswalk")]
    maps, rules, crosswalk = list(parts.values())[-3:]
    assert maps[0] == "Depths · flood · 1 in 100 years · Westport · Ister survey · Ister survey · 2025-05-01"
    assert maps[2].startswith("Rocks · tsunami · storm · Ister survey")
    assert maps[2].endswith("derived, illustrative")
    closed = "Closed to emergency vehicles from severity 4, high"
    assert rules == [f"{name}: {closed}" for name in ("Depths", "Zones", "Rocks")]
    assert [line.split(":")[0] for line in crosswalk] == ["inasafe-flood-depth", "eu-floods-directive"]
    assert "medium → 3 moderate · high → 4 high" in crosswalk[0]


def test_every_rule_of_the_tables_is_translatable() -> None:
    assert {key: TEXTS[f"rule_{key}"] for key in passabilities().index} == passabilities()["name"].to_dict()


def test_a_layer_read_by_two_rules_names_the_scenarios(threatened: Any, told: Callable[[Any], str]) -> None:
    first, *others = threatened.scenarios
    rules = {**first.rules, "depth": "fording-emergency"}
    other = type(threatened)(**vars(threatened))
    other.scenarios = (replace(first, rules=rules), *others)
    items = next(part["items"] for part in about(other) if part["title"] == ["about_rules"])
    lines = [told(item) for item in items]
    assert "Depths: Fording depth of emergency vehicles, 0.6 m (Flood)" in lines
    assert "Depths: Closed to emergency vehicles from severity 4, high (All at once)" in lines


def test_what_was_not_computed_is_said(threatened: Any, made_up: Callable[..., Any]) -> None:
    assert not_computed(threatened) == ["ash.tif: expected a raster; got nothing. Remedy: bring it."]
    many = made_up()
    many.not_computed = tuple(Defect("a", str(k), "b", "c", "d") for k in range(25))
    lines = not_computed(many)
    assert len(lines) == 21
    assert lines[-1] == ["and_more", {"n": 5}]


# --- layers --------------------------------------------------------------------------------------------------


def test_a_region_without_hazards_has_no_layer_of_them(analysis: Any) -> None:
    assert not {TEXTS[f"layer_{key}"] for key in ("severity", "closed", "seams")} & set(
        layers_of(coverage_map(analysis))
    )
    assert scenario_cells(analysis) == ({}, {})
    assert scenario_facts(analysis, {}) == []


def test_layers_of_hazards_are_listed_and_seams_are_off(threatened: Any) -> None:
    layers = layers_of(coverage_map(threatened))
    first = ["People", "Hazard severity", "Gaps", "Stations", "Closed roads", "Seams at borders"]
    assert list(layers)[: len(first)] == first
    assert [name for name, one in layers.items() if not one.show] == [
        "Seams at borders",
        "Crossings",
        "Driving time areas",
    ]


def test_a_scenario_that_only_closes_roads_has_no_picture(threatened: Any) -> None:
    first = threatened.scenarios[0]
    scenario = replace(first.scenario, layers=(), closed_crossings=("x1",))
    other = type(threatened)(**vars(threatened))
    other.scenarios = (replace(first, scenario=scenario, layers=()),)
    assert severity_layer(other) == []


def test_pictures_have_about_half_a_demand_cell_and_never_too_many(
    made_up: Callable[..., Any], tmp_path: Path
) -> None:
    analysis = made_up(hazards=tmp_path)
    images = severity_layer(analysis)[0].data["images"]
    assert list(images) == IDS
    width, height = size_of(images["hq100"]["known"])
    assert 9_000 / 50 <= width <= 9_000 / 50 + 12  # the region stands a little askew on the page
    assert 9_000 / 50 <= height <= 9_000 / 50 + 12
    analysis.region = replace(analysis.region, cell_m=2.0)
    assert max(size_of(severity_layer(analysis)[0].data["images"]["hq100"]["known"])) in (1_500, 1_501)
    analysis.region = replace(analysis.region, cell_m=None)
    assert max(size_of(severity_layer(analysis)[0].data["images"]["hq100"]["known"])) in (800, 801)


def decoded(uri: str) -> bytes:
    return base64.b64decode(uri.partition("base64,")[2].removesuffix(")"))


def size_of(uri: str) -> tuple[int, int]:
    file = decoded(uri)
    return int.from_bytes(file[16:20]), int.from_bytes(file[20:24])


def test_pictures_are_indexed_and_clear_where_there_is_no_hazard(threatened: Any) -> None:
    images = severity_layer(threatened)[0].data["images"]
    for image in images.values():
        for uri in (image["known"], image["unknown"]):
            file = decoded(uri)
            assert file[:8] == b"\x89PNG\r\n\x1a\n"
            assert file[25] == 3  # indexed colours
            clear = file.index(b"tRNS") + 4
            assert file[clear] == 0


def test_the_edge_of_a_hazard_is_not_the_frame_of_the_picture(threatened: Any) -> None:
    # The flood leaves the region in the south: there its edge stays open.
    data = severity_layer(threatened)[0].data
    (south, _), _ = data["images"]["hq100"]["bounds"]
    packed = data["edge"]["paths"]["packed"]
    assert packed["origin"][1] > south
    assert [feature["scenario"] for feature in data["edge"]["features"]] == IDS


def test_closed_and_slowed_roads_are_drawn_for_their_scenario(threatened: Any) -> None:
    (layer,) = closed_roads(threatened)
    drawn = {(one["scenario"], "dashArray" in one["style"]) for one in layer.data["features"]}
    expected = set()
    for result in threatened.scenarios:
        slowed = ~result.roads["closed"] & (result.roads["factor"] < 1)
        expected |= {(result.scenario.id, False)} if result.roads["closed"].any() else set()
        expected |= {(result.scenario.id, True)} if slowed.any() else set()
    assert drawn == expected
    slowed, closed = layer.data["legend"]
    assert closed["of"] == [
        name for name, dashed in sorted(expected, key=lambda one: IDS.index(one[0])) if not dashed
    ]
    assert slowed["of"] == IDS


def test_seams_tell_both_sides(threatened: Any) -> None:
    (layer,) = seam_layer(threatened)
    assert len(layer.data["features"]) == len(threatened.seams)
    first = layer.data["features"][0]["facts"]
    assert first["kind"] == "severity"
    assert [side["name"] for side in first["sides"]] == ["Westport", "Easton"]
    assert [side["severity"] for side in first["sides"]] == [4, 3]
    assert [side["layer"] for side in first["sides"]] == ["Depths", "Zones"]
    assert first["length_m"] == round(threatened.seams["length_m"].iloc[0])
    silent = next(one["facts"] for one in layer.data["features"] if one["facts"]["kind"] == "coverage")
    assert silent["sides"][0]["severity"] is None


def test_inputs_are_not_changed_and_equal_analyses_give_equal_pages(threatened: Any, tmp_path: Path) -> None:
    before = [result.coverage.copy(deep=True) for result in threatened.scenarios]
    one = save_offline(coverage_map(threatened), tmp_path / "one.html").read_bytes()
    two = save_offline(coverage_map(threatened), tmp_path / "two.html").read_bytes()
    assert one == two
    for old, result in zip(before, threatened.scenarios, strict=True):
        assert_geodataframe_equal(old, result.coverage)


def test_scenarios_cost_less_than_fair_weather(threatened: Any) -> None:
    fair = cell_data(threatened)[0]["table"]["z"]
    cells = scenario_cells(threatened)[0]
    assert list(cells) == IDS
    assert all(len(one["table"]["z"]) < len(fair) / 2 for one in cells.values())


# --- pictures ------------------------------------------------------------------------------------------------


def pixels(file: bytes) -> NDArray[np.uint8]:
    """Read an indexed picture as its format says: lines of bits, each after a byte that names its filter."""
    width, height, depth = int.from_bytes(file[16:20]), int.from_bytes(file[20:24]), file[24]
    at = file.index(b"IDAT")
    length = int.from_bytes(file[at - 4 : at])
    lines = np.frombuffer(zlib.decompress(file[at + 4 : at + 4 + length]), np.uint8).reshape(height, -1)
    assert not lines[:, 0].any()
    bits = np.unpackbits(lines[:, 1:], axis=1)[:, : width * depth].reshape(height, width, depth)
    return np.asarray(bits @ (1 << np.arange(depth)[::-1]), dtype=np.uint8)


@given(
    arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 19)), elements=st.integers(0, 1)),
    st.sampled_from([2, 3, 7, 16, 17, 256]),
)
def test_a_picture_reads_as_it_was_written(bits: NDArray[np.uint8], colours: int) -> None:
    index = (bits * (colours - 1)).astype(np.uint8)
    file = paletted_png(index, [(k % 256, 0, 0, 255) for k in range(colours)])
    np.testing.assert_array_equal(pixels(file), index)


@pytest.mark.parametrize("index", [np.zeros((0, 3), np.uint8), np.full((2, 2), 2, np.uint8)])
def test_a_picture_without_pixels_or_with_a_colour_too_many_is_refused(index: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="colour of the palette"):
        paletted_png(index, [(0, 0, 0, 0), (0, 0, 0, 255)])


# --- colours -------------------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    """Relative luminance as the Web Content Accessibility Guidelines define it."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("level", LEVELS)
def test_no_two_classes_under_a_hazard_differ_by_colour_alone(level: str) -> None:
    swatches = {getattr(row, level) for row in SCENARIO_STATUSES}
    assert len(swatches) == len({getattr(row, f"{level}_label") for row in SCENARIO_STATUSES})
    for a, b in combinations(swatches, 2):
        assert a.hatch != b.hatch


def test_held_and_lost_stand_out_in_grey() -> None:
    by_name = {row.status: row for row in SCENARIO_STATUSES}
    grey = {row.status: luminance(row.joint.colour) for row in STATUSES}
    assert luminance(by_name["held"].joint.colour) > 1.3 * max(grey.values())
    assert luminance(by_name["lost_own"].joint.colour) < 0.2 * min(grey.values())


def test_what_is_as_in_fair_weather_is_drawn_as_in_fair_weather() -> None:
    before = {row.status: row for row in STATUSES}
    for row in SCENARIO_STATUSES:
        if row.status in before:
            assert (row.alone, row.joint) == (before[row.status].alone, before[row.status].joint)


def test_the_more_severe_the_darker() -> None:
    steps = [luminance(colour) for colour in SEVERITY_COLOURS]
    assert all(a > 1.3 * b for a, b in pairwise(steps))
    assert UNKNOWN_SEVERITY.hatch
