"""What the map holds, seen from Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import folium
import numpy as np
import pytest
from geopandas.testing import assert_geodataframe_equal

from mutualaid import maps
from mutualaid.maps import coverage_map
from mutualaid.maps._cells import cell_data
from mutualaid.maps._facts import about, totals
from mutualaid.maps._palette import band_edges


def test_exports_are_sorted_and_complete() -> None:
    assert maps.__all__ == ["coverage_map", "esc", "save_offline"]
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
    bands = cell_data(analysis)[1][level]
    covered = analysis.coverage.loc[analysis.coverage[f"{level}_covered"], "population"].sum()
    nobody = analysis.coverage.loc[np.isinf(analysis.coverage[f"{level}_s"]), "population"].sum()
    assert sum(bands[:3]) == pytest.approx(covered)
    assert bands[-1] == pytest.approx(nobody)
    assert sum(bands) == pytest.approx(analysis.coverage["population"].sum())
    assert len(bands) == len(band_edges(480)) + 2


def test_the_facts_name_standard_assumptions_and_sources(analysis: Any) -> None:
    facts = {part["title"]: part["items"] for part in about(analysis)}
    assert list(facts) == ["Standard", "Own standards", "Assumptions", "Sources"]
    assert "8:00 min from when the crew is alerted until the first unit arrives" in facts["Standard"][0]
    assert facts["Own standards"][0].startswith("Easton: NFPA 1720, urban: 9:00 min")
    assert len(facts["Own standards"]) == 1
    assert facts["Sources"] == ["everything · invented · invented · 2026"]


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
