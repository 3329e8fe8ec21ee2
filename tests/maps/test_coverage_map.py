"""What the map holds, seen from Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import folium
import numpy as np
import pytest
from geopandas.testing import assert_geodataframe_equal

from mutualaid import maps
from mutualaid.maps import coverage_map
from mutualaid.maps._cells import cell_data
from mutualaid.maps._facts import about, station_lines, totals
from mutualaid.maps._palette import band_edges


def test_exports_are_sorted_and_complete() -> None:
    assert maps.__all__ == [
        "LANGUAGES", "PartPages", "SquareCounts", "card_texts", "country_map", "coverage_map", "esc",
        "page_languages", "part_file", "room_for_sites", "save_offline", "touched_roads",
    ]  # fmt: skip
    assert all(hasattr(maps, name) for name in maps.__all__)


def test_map_is_a_folium_map_without_tiles(analysis: Any) -> None:
    page = coverage_map(analysis)
    assert isinstance(page, folium.Map)
    assert not [child for child in page._children.values() if isinstance(child, folium.TileLayer)]


def test_layers_added_later_stand_before_the_layer_control(analysis: Any) -> None:
    page = coverage_map(analysis)
    folium.FeatureGroup(name="Schools").add_to(page)
    children: list[Any] = list(page._children.values())
    assert isinstance(children[-1], folium.LayerControl)
    control: Any = children[-1]
    control.render()
    assert "Schools" in control.overlays


def test_few_layers_are_on_at_the_start(analysis: Any) -> None:
    layers = {
        child.layer_name: child.show
        for child in coverage_map(analysis)._children.values()
        if isinstance(child, folium.map.Layer) and child.control
    }
    assert [name for name, on in layers.items() if not on] == ["Crossings", "Driving time areas"]
    assert next(iter(layers)) == "People"


def test_inputs_are_not_changed(analysis: Any) -> None:
    before = (
        analysis.coverage.copy(deep=True),
        analysis.gaps.copy(deep=True),
        analysis.stations.copy(deep=True),
    )
    coverage_map(analysis)
    for old, new in zip(before, (analysis.coverage, analysis.gaps, analysis.stations), strict=True):
        assert_geodataframe_equal(old, new)


def test_totals_are_the_people_of_the_coverage(analysis: Any) -> None:
    people, status = analysis.coverage["population"], analysis.coverage["status"]
    found = totals(analysis)
    assert found["totals"]["population"] == pytest.approx(people.sum())
    assert found["totals"]["alone"] == pytest.approx(people[status == "own"].sum())
    assert found["totals"]["joint"] == pytest.approx(people[status.isin(["own", "joint"])].sum())
    assert found["totals"]["unreachable"] == pytest.approx(people[status == "unreachable"].sum())
    assert [row["name"] for row in found["jurisdictions"]] == ["Westport", "Easton"]
    assert sum(row["joint"] for row in found["jurisdictions"]) == pytest.approx(found["totals"]["joint"])


@pytest.mark.parametrize("level", ["alone", "joint"])
def test_bands_up_to_the_limit_hold_exactly_the_people_in_time(analysis: Any, level: str) -> None:
    bands = cell_data(analysis)[1]["bands"][level]
    covered = analysis.coverage.loc[analysis.coverage[f"{level}_covered"], "population"].sum()
    nobody = analysis.coverage.loc[np.isinf(analysis.coverage[f"{level}_s"]), "population"].sum()
    assert sum(bands[:3]) == pytest.approx(covered)
    no_road = analysis.summary["common"]["total"]["unreachable"]
    assert no_road > 0
    assert bands[-2:] == pytest.approx([nobody - no_road, no_road])
    assert bands[-2] == pytest.approx(analysis.summary["common"]["total"][level]["beyond_cutoff"], abs=1e-3)
    assert sum(bands) == pytest.approx(analysis.coverage["population"].sum())
    assert len(bands) == len(band_edges(480)) + 3


def test_the_facts_name_standard_assumptions_and_sources(analysis: Any, told: Callable[[Any], str]) -> None:
    facts = {told(part["title"]): [told(item) for item in part["items"]] for part in about(analysis)}
    assert list(facts) == ["Standard", "Own standards", "Assumptions", "Sources"]
    assert "8:00 min from when the crew is alerted until the first unit arrives" in facts["Standard"][0]
    assert facts["Own standards"][0].startswith("Easton: NFPA 1720, urban: 9:00 min")
    assert len(facts["Own standards"]) == 1
    assert facts["Sources"] == ["everything · invented · invented · 2026"]


def assumptions(analysis: Any, told: Callable[[Any], str]) -> list[str]:
    items = next(part["items"] for part in about(analysis) if part["title"] == ["about_assumptions"])
    return [told(item) for item in items]


def test_the_facts_name_the_vehicle_and_what_is_assumed(analysis: Any, told: Callable[[Any], str]) -> None:
    items = assumptions(analysis, told)
    assert items[0] == "Fire engine: 16 t, 3.3 m high; roads with lower limits are not used"
    assert (
        "Turnout is assumed at 3 of 3 stations (min): career crew 1:20, career crew and volunteers 2:30, "
        "volunteers 4:00, kind of crew not known 4:00" in items
    )
    assert "A neighbour is alerted with a delay of 1:00 min" in items
    assert "Each municipality is its own partner" in items


def test_a_vehicle_of_its_own_is_called_by_its_label(
    made_up: Callable[..., Any], told: Callable[[Any], str], tmp_path: Path
) -> None:
    (tmp_path / "ladder.toml").write_text(
        '[ladder]\nlabel = "Drehleiter"\nbased_on = "fire_engine"\nheight_m = 3.55\n', encoding="utf-8"
    )
    own = made_up()
    parameters = replace(own.region.parameters, profile=str(tmp_path / "ladder.toml"))
    own.region = replace(own.region, parameters=parameters)
    assert assumptions(own, told)[0].startswith("Drehleiter: 16 t, 3.55 m high")


def test_municipalities_of_one_partner_are_not_called_their_own(
    made_up: Callable[..., Any], told: Callable[[Any], str]
) -> None:
    items = assumptions(made_up(partner="west"), told)
    assert "Each municipality is its own partner" not in items


def test_a_station_tells_its_turnout_and_whether_it_is_assumed(
    made_up: Callable[..., Any], told: Callable[[Any], str]
) -> None:
    stated = made_up()
    stated.stations.loc["s1", ["turnout_used_s", "turnout_assumed"]] = [95.0, False]
    lines = [
        [told(line) for line in one] for one in station_lines(stated, {"west": "Westport", "east": "City"})
    ]
    assert lines[0] == ["Westport", "Career crew", "Turnout 1:35 min", "Units: 2 × engine"]
    assert lines[1] == ["Easton, run by City", "Volunteers", "Turnout 4:00 min (assumed)"]


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ("t0", "the call being received"),
        ("t1", "the call being answered"),
        ("t2", "the crew's alert"),
        ("t3", "the crew's departure"),
    ],
)
def test_the_question_names_the_start_of_the_clock(
    made_up: Callable[..., Any], told: Callable[[Any], str], start: str, words: str
) -> None:
    other = made_up()
    other.standard = replace(other.standard, start=start)
    stage = next(child for key, child in coverage_map(other)._children.items() if key.startswith("stage_"))
    assert told(stage.options["start"]) == words  # type: ignore[attr-defined]


def test_people_as_points_need_no_cells(made_up: Callable[..., Any]) -> None:
    data, _ = cell_data(made_up(cells=False))
    assert "points" in data
    assert "grid" not in data


def test_cells_off_their_own_grid_are_drawn_as_points(made_up: Callable[..., Any]) -> None:
    odd = made_up()
    odd.coverage["cell_x"] += np.linspace(0, 50, len(odd.coverage))
    assert "points" in cell_data(odd)[0]


def test_an_analysis_without_gaps_stations_crossings_or_isochrones_still_draws(
    made_up: Callable[..., Any],
) -> None:
    bare = made_up()
    bare.gaps, bare.isochrones = bare.gaps.iloc[:0], bare.isochrones.iloc[:0]
    bare.network = replace(bare.network, crossings=bare.network.crossings.iloc[:0])
    names = [
        child.layer_name for child in coverage_map(bare)._children.values() if hasattr(child, "layer_name")
    ]
    assert not {"Gaps", "Crossings", "Driving time areas"} & set(names)


def layer(page: Any, name: str) -> Any:
    """Give the data of a layer."""
    return next(child.data for child in page._children.values() if getattr(child, "layer_name", "") == name)


def test_stations_of_several_services_are_told_apart(
    made_up: Callable[..., Any], told: Callable[[Any], str]
) -> None:
    mixed = made_up()
    mixed.stations["service"] = ["fire", "fire", "ems"]
    labels = [told(kind["label"]) for kind in layer(coverage_map(mixed), "Stations")["kinds"]]
    assert labels == ["Westport (fire)", "Easton (fire)", "Westport (ambulance)"]


def test_gaps_are_called_as_the_analysis_calls_them(analysis: Any, told: Callable[[Any], str]) -> None:
    facts = [feature["facts"] for feature in layer(coverage_map(analysis), "Gaps")["features"]]
    names = [told(one["name"]).replace("Westport, Easton", "Westport / Easton") for one in facts]
    assert names == list(analysis.gaps["name"])
    assert len(set(zip(names, analysis.gaps["level"], strict=True))) == len(names) > 4


def test_gaps_of_one_place_are_called_after_its_road_and_numbered(
    made_up: Callable[..., Any], told: Callable[[Any], str]
) -> None:
    named = made_up()
    rows = named.gaps.iloc[[0] * 4].copy()
    rows["level"] = ["alone", "alone", "joint", "alone"]
    rows["jurisdictions"], rows["part"] = "west", ["north", "north", "north", ""]
    rows["road"] = ["Mill Road", "Mill Road", "Mill Road", ""]
    named.gaps = rows
    facts = [feature["facts"] for feature in layer(coverage_map(named), "Gaps")["features"]]
    road = "Westport, north: Mill Road"
    assert [told(one["name"]) for one in facts] == [road, f"{road} (2)", road, "Westport"]
