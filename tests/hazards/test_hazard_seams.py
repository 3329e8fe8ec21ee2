"""Borders and seams: known jumps at known places, whoever drew the boundary and whatever the scheme."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from shapely.geometry import LineString, Polygon, box

from mutualaid.errors import HazardError
from mutualaid.hazards import HazardLayer, compare_borders, read_hazard, seams, shared_borders

CRS = "EPSG:32632"
CELL = 20.0


def lands(*polygons: Any, countries: str | None = None) -> gpd.GeoDataFrame:
    names = "ABCDEFGH"[: len(polygons)]
    return gpd.GeoDataFrame(
        {"country": list(countries or names), "partner": list(names.lower())},
        geometry=list(polygons),
        index=list(names),
        crs=CRS,
    )


def raster(
    folder: Path,
    name: str,
    values: NDArray[np.float64],
    *,
    left: float = 0.0,
    top: float = 4000.0,
    **stated: Any,
) -> HazardLayer:
    """Layer with cells of 20 m; NaN is nodata."""
    file = folder / f"{name}.tif"
    with rasterio.open(
        file,
        "w",
        driver="GTiff",
        height=values.shape[0],
        width=values.shape[1],
        count=1,
        dtype="float64",
        crs=CRS,
        transform=Affine(CELL, 0, left, 0, -CELL, top),
        nodata=-9999.0,
    ) as target:
        target.write(np.where(np.isnan(values), -9999.0, values), 1)
    defaults: dict[str, Any] = {
        "id": name,
        "hazard": "flood",
        "quantity": "depth",
        "unit": "m",
        "scheme": "inasafe-flood-depth",
        "return_period_years": 100,
        "source": f"survey of {name}",
    }
    return read_hazard(file, **(defaults | stated))


def by_y(*bands: tuple[float, float]) -> NDArray[np.float64]:
    """50 columns; from south to north, each band up to a y and its depth."""
    y = 4000.0 - CELL * (np.arange(200) + 0.5)
    column = np.full(200, np.nan)
    for stop, depth in reversed(bands):
        column[y < stop] = depth
    return np.repeat(column[:, None], 50, axis=1)


def zones(folder: Path, name: str, bands: Sequence[tuple[float, float, str]], **stated: Any) -> HazardLayer:
    """Layer of AIDR codes east of the border, each zone from a y to a y."""
    file = folder / f"{name}.geojson"
    frame = gpd.GeoDataFrame(
        {"class": [code for _, _, code in bands]},
        geometry=[box(1000, low, 2000, high) for low, high, _ in bands],
        crs=CRS,
    )
    frame.to_file(file, driver="GPKG" if file.suffix == ".gpkg" else "GeoJSON")
    defaults: dict[str, Any] = {
        "id": name,
        "hazard": "flood",
        "quantity": "class",
        "scheme": "aidr-h1-h6",
        "column": "class",
        "return_period_years": 100,
        "covers": tuple(frame.total_bounds),
        "source": f"zones of {name}",
    }
    return read_hazard(file, **(defaults | stated))


TWO = lands(box(0, 0, 1000, 4000), box(1000, 0, 2000, 4000))
WEST = by_y((1000, 0.0), (2000, 1.0), (3000, 2.0))  # none, medium (3), high (4); unknown in the north
EAST = [(0, 500, "dry"), (500, 1500, "H3"), (1500, 2500, "H1"), (2500, 4000, "H4")]


# --- borders ------------------------------------------------------------------------------------------------


def test_border_is_listed_once_with_a_on_its_left() -> None:
    found = shared_borders(TWO)
    assert found[["a", "b", "international", "length_m"]].to_numpy().tolist() == [["A", "B", True, 4000.0]]
    assert list(found.geometry[0].coords) == [(1000.0, 0.0), (1000.0, 4000.0)]


def test_jurisdictions_that_meet_in_a_point_share_no_border() -> None:
    four = lands(box(0, 0, 100, 100), box(100, 0, 200, 100), box(0, 100, 100, 200), box(100, 100, 200, 200))
    found = shared_borders(four)
    assert [*zip(found["a"], found["b"], strict=True)] == [("A", "B"), ("A", "C"), ("B", "D"), ("C", "D")]
    assert found["length_m"].tolist() == [100.0] * 4


@pytest.mark.parametrize("apart", [0.0, 4.0, -4.0])
def test_where_three_meet_no_stretch_is_counted_for_two_pairs(apart: float) -> None:
    west = box(0, 0, 1000, 1000)
    south = Polygon([(1000 + apart, 0), (1500, 0), (1500, 1000), (1000 + apart, 500)])
    north = Polygon([(1000 + apart, 500), (1500, 1000), (1500, 1500), (1000 + apart, 1500)])
    found = shared_borders(lands(west, south, north)).set_index(["a", "b"])["length_m"]
    assert found.index.tolist() == [("A", "B"), ("A", "C"), ("B", "C")]
    assert found[("A", "B")] == pytest.approx(500, abs=abs(apart) + 1e-6)
    assert found[("A", "B")] + found[("A", "C")] == pytest.approx(1000, abs=abs(apart) + 1e-6)
    assert found[("B", "C")] == pytest.approx(math.hypot(500 - apart, 500))


def test_exclave_and_enclave_are_borders_too() -> None:
    hole = box(300, 300, 600, 600)
    found = shared_borders(lands(box(0, 0, 1000, 1000) - hole, hole | box(1000, 0, 2000, 1000)))
    assert found["length_m"].tolist() == [1000.0 + 4 * 300.0]
    assert sorted(part.is_closed for part in shapely.get_parts(found.geometry[0])) == [False, True]


def test_boundaries_drawn_by_two_offices_are_one_border() -> None:
    y = np.arange(0.0, 10_001.0, 100.0)
    drawn = [5000 + 8 * np.random.default_rng(seed).normal(size=len(y)) for seed in (1, 2)]
    one, two = (np.stack([x, y], axis=1) for x in drawn)
    pair = lands(Polygon([(0, 0), *one, (0, 10_000)]), Polygon([(9000, 0), *two, (9000, 10_000)]))
    found = shared_borders(pair, tolerance_m=50)
    assert len(found) == 1
    assert found["length_m"][0] == pytest.approx(LineString(one).length, abs=30)
    assert found.geometry[0].geom_type == "LineString"


def test_a_notch_that_only_one_office_drew_does_not_cut_the_border() -> None:
    notched = Polygon([(0, 0), (1000, 0), (1000, 495), (985, 500), (1000, 505), (1000, 900), (0, 900)])
    found = shared_borders(lands(notched, box(1000, 0, 2000, 900)))
    assert found.geometry[0].geom_type == "LineString"
    assert found["length_m"][0] == pytest.approx(890 + 2 * math.hypot(15, 5))


def test_neighbours_further_apart_than_the_tolerance_share_nothing() -> None:
    pair = lands(box(0, 0, 100, 900), box(130, 0, 300, 900))
    assert shared_borders(pair, tolerance_m=25).empty
    assert shared_borders(pair, tolerance_m=30)["length_m"].tolist() == [900.0]


def test_inputs_are_left_as_they_are_and_degrees_are_refused() -> None:
    before = TWO.copy()
    shared_borders(TWO)
    assert TWO.equals(before)
    with pytest.raises(HazardError, match="a projected CRS in metres; got EPSG:4326"):
        shared_borders(TWO.to_crs(4326))


@settings(max_examples=30, deadline=None)
@given(
    cuts=st.lists(st.integers(1, 99), min_size=1, max_size=5, unique=True),
    wobble=st.floats(-3, 3),
)
def test_stripes_share_their_whole_sides(cuts: list[int], wobble: float) -> None:
    edges = [0, *sorted(cuts), 100]
    stripes = [
        Polygon(
            [(100.0 * one, 0), (100.0 * two, 0), (100.0 * two + wobble, 777), (100.0 * one + wobble, 777)]
        )
        for one, two in pairwise(edges)
    ]
    found = shared_borders(lands(*stripes))
    assert len(found) == len(cuts)
    assert np.allclose(found["length_m"], math.hypot(777, wobble))


# --- seams --------------------------------------------------------------------------------------------------


def test_known_jumps_between_two_schemes_with_their_lengths(tmp_path: Path) -> None:
    layers = [
        raster(tmp_path, "west", WEST, jurisdiction="A"),
        zones(tmp_path, "east", EAST, jurisdiction="B"),
    ]
    found = seams(TWO, layers)
    shown = found[["kind", "severity_a", "severity_b", "length_m", "jump"]].astype(object)
    assert shown.where(shown.notna(), None).to_numpy().tolist() == [
        ["coverage", None, 4, 1000.0, 4.0],
        ["severity", 0, 3, 500.0, 3.0],
        ["severity", 4, 1, 500.0, 3.0],
        ["severity", 3, 1, 500.0, 2.0],
    ]
    assert found.index.tolist() == ["S1", "S2", "S3", "S4"]
    assert list(found.geometry["S2"].coords) == [(1000.0, 500.0), (1000.0, 1000.0)]
    told = found[["class_label_a", "class_label_b", "layer_a", "source_a", "source_b"]].to_numpy().tolist()
    assert told[2] == ["high", "H1", "west", "survey of west", "zones of east"]
    assert told[0] == ["", "H4", "", "", "zones of east"]
    assert found["value_a"].fillna(-1).tolist() == [-1, 0.0, 2.0, 1.0]


def test_lengths_sum_to_the_border_examined(tmp_path: Path) -> None:
    layers = [
        raster(tmp_path, "west", WEST, jurisdiction="A"),
        zones(tmp_path, "east", EAST, jurisdiction="b"),
    ]
    compared = compare_borders(TWO, layers, step_m=7.0)
    assert compared["length_m"].sum() == pytest.approx(4000.0, abs=1e-6)
    assert compared.length.sum() == pytest.approx(4000.0, abs=1e-6)
    assert compared.loc[compared["kind"] == "agree", "length_m"].sum() == pytest.approx(1500.0, abs=14)
    assert seams(TWO, layers, min_length_m=600)["kind"].tolist() == ["coverage"]
    assert seams(TWO, layers, min_jump=3)["severity_b"].tolist() == [4, 3, 1]


def test_a_river_that_winds_along_the_border(tmp_path: Path) -> None:
    y = np.linspace(0, 4000, 161)
    river = np.stack([1000 + 150 * np.sin(y / 300), y], axis=1)
    banks = lands(
        Polygon([(0, 0), *river, (0, 4000)]),
        Polygon([(2000, 0), *(river + np.array([6.0, 0.0])), (2000, 4000)]),
    )
    rows, columns = 200, 100
    north = (4000 - CELL * (np.arange(rows) + 0.5))[:, None] > 2400
    x = CELL * (np.arange(columns) + 0.5)[None, :]
    line = 1000 + 150 * np.sin((4000 - CELL * (np.arange(rows) + 0.5)) / 300)[:, None]
    # Each office clips its raster at its own bank, and only they disagree in the north.
    west = np.where(x < line, 1.0, np.nan)
    east = np.where(x > line + 6, np.where(north, 3.0, 1.0), np.nan)
    layers = [
        raster(tmp_path, "west", west, jurisdiction="A"),
        raster(tmp_path, "east", east, jurisdiction="B"),
    ]
    found = seams(banks, layers)
    border = shared_borders(banks).geometry[0]
    assert found[["kind", "severity_a", "severity_b"]].to_numpy().tolist() == [["severity", 3, 4]]
    expected = shapely.intersection(border, box(0, 2400, 2000, 4000)).length
    assert found["length_m"].iloc[0] == pytest.approx(expected, abs=3 * CELL)
    assert compare_borders(banks, layers)["length_m"].sum() == pytest.approx(border.length)


def test_other_return_periods_are_said_and_not_compared(tmp_path: Path) -> None:
    wet, dry = by_y((4000, 1.0)), by_y((4000, 0.0))
    west = raster(tmp_path, "west", np.where(by_y((2000, 1.0)) == 1, wet, dry), jurisdiction="A")
    east = raster(tmp_path, "east", by_y((4000, 0.0)), left=1000.0, jurisdiction="B", return_period_years=200)
    found = seams(TWO, [west, east])
    assert found[["kind", "return_period_a", "return_period_b", "jump", "length_m"]].to_numpy().tolist() == [
        ["return_period", 100.0, 200.0, 1.0, 2000.0]
    ]


def test_each_return_period_is_compared_with_its_own(tmp_path: Path) -> None:
    layers = [
        raster(
            tmp_path,
            f"{side}-{years}",
            by_y((4000, depth)),
            left=left,
            jurisdiction=side,
            return_period_years=years,
        )
        for side, left, years, depth in (
            ("A", 0.0, 10, 0.05),
            ("A", 0.0, 100, 1.0),
            ("A", 0.0, 300, 2.0),
            ("B", 1000.0, 100, 0.5),
            ("B", 1000.0, 10, 0.05),
        )
    ]
    found = seams(TWO, layers)
    assert found[["layer_a", "layer_b", "kind"]].to_numpy().tolist() == [
        ["A-300", "", "coverage"],
        ["A-100", "B-100", "severity"],
    ]
    assert found["class_label_b"].iloc[0] == "no layer"


def test_sides_that_read_the_same_layer_have_nothing_to_contradict(tmp_path: Path) -> None:
    same_country = lands(box(0, 0, 500, 4000), box(500, 0, 1000, 4000), countries="XX")
    values = np.repeat(np.where(np.arange(50) < 25, 0.0, 3.0)[None, :], 200, axis=0)
    assert compare_borders(same_country, [raster(tmp_path, "nation", values, jurisdiction="X")]).empty
    assert seams(same_country, [raster(tmp_path, "all", values)]).empty
    assert (
        seams(same_country, []).columns.tolist()
        == seams(TWO, [raster(tmp_path, "w", WEST, jurisdiction="A")]).columns.tolist()
    )


def test_a_shared_layer_fills_in_where_the_own_one_is_silent(tmp_path: Path) -> None:
    west = raster(tmp_path, "west", WEST, jurisdiction="A")
    both = raster(tmp_path, "both", np.full((200, 100), 2.0))
    compared = compare_borders(TWO, [west, both])
    assert compared["layer_a"].tolist() == ["west", "west", "west", "both"]
    assert set(compared["layer_b"]) == {"both"}
    assert compared["kind"].tolist() == ["severity", "severity", "agree", "agree"]


def test_unknown_classes_are_coverage_seams_and_keep_their_name(tmp_path: Path) -> None:
    west = raster(tmp_path, "west", by_y((4000, 1.0)), jurisdiction="A")
    bands = [(0, 2000, "D"), (2000, 3000, "Z"), (3000, 4000, "AE")]
    east = zones(tmp_path, "east", bands, jurisdiction="B", scheme="fema-zones", return_period_years=math.nan)
    found = seams(TWO, [west, east])
    assert found[["kind", "class_label_b", "length_m"]].to_numpy().tolist() == [
        ["coverage", "D: undetermined", 2000.0],
        ["coverage", "Z", 1000.0],
    ]


def test_the_seam_around_an_enclave_is_one_stretch(tmp_path: Path) -> None:
    hole = box(300, 1300, 600, 1600)
    pair = lands(box(0, 0, 1000, 4000) - hole, hole)
    outer, inner = by_y((4000, 0.0)), by_y((1500, 0.0), (4000, 3.0))
    layers = [raster(tmp_path, "o", outer, jurisdiction="A"), raster(tmp_path, "i", inner, jurisdiction="B")]
    found = seams(pair, layers, step_m=10)
    assert found["length_m"].tolist() == [pytest.approx(300 + 2 * 100, abs=60)]
    assert found.geometry.iloc[0].geom_type == "LineString"
    assert found.geometry.iloc[0].length == pytest.approx(found["length_m"].iloc[0])


def test_a_strip_too_narrow_for_a_cell_is_said_not_to_be_examined(tmp_path: Path) -> None:
    strip = lands(box(0, 0, 1000, 4000), box(1000, 0, 1010, 4000))
    layers = [
        raster(tmp_path, "w", by_y((4000, 1.0)), jurisdiction="A"),
        raster(tmp_path, "e", by_y((4000, 3.0)), left=1000.0, jurisdiction="B"),
    ]
    compared = compare_borders(strip, layers)
    assert compared[["kind", "length_m"]].to_numpy().tolist() == [["not_examined", 4000.0]]
    assert seams(strip, layers).empty


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    bare = raster(tmp_path, "bare", WEST, jurisdiction="A", scheme="")
    twin = raster(tmp_path, "twin", WEST, jurisdiction="A", id="bare")
    with pytest.raises(HazardError) as caught:
        seams(TWO, [bare, twin])
    assert [defect.expected for defect in caught.value.defects] == ["a scheme of classes", "an id of its own"]
    with pytest.raises(HazardError, match="hazard layer lost: expected the id of a jurisdiction, a country"):
        seams(TWO, [raster(tmp_path, "lost", WEST, jurisdiction="Q")])
    with pytest.raises(HazardError, match="step_m: expected a number above 0"):
        seams(TWO, [], step_m=0)
