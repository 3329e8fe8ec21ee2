from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pyproj import Transformer
from rasterio import features

from mutualaid.errors import HazardError
from mutualaid.hazards import HazardLayer, overlay_areas, overlay_roads, read_hazard

UTM = "EPSG:32632"
WEST, NORTH = 500_000.0, 5_300_000.0
#: Depth in cm; -9 is nodata. Cells of 10 m.
DEPTH_CM = np.array([[0, 10, 40, 100], [-9, 0, 20, -9], [-9, -9, 0, 250]], np.int16)
PARTS = ["affected_m2", "dry_m2", "unknown_m2", "outside_m2"]
SEVERITY = [f"severity_{level}_m2" for level in range(6)]


def box(left: float, top: float, right: float, bottom: float) -> shapely.Polygon:
    """Box in metres from the raster's upper left corner, y downwards."""
    return shapely.box(WEST + left, NORTH - bottom, WEST + right, NORTH - top)


def shape(*points: tuple[float, float]) -> shapely.Polygon:
    return shapely.Polygon([(WEST + x, NORTH - y) for x, y in points])


def write_raster(
    file: Path, cells: np.ndarray, *, size: float = 10.0, crs: str = UTM, transform: Affine | None = None
) -> Path:
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "height": cells.shape[0],
        "width": cells.shape[1],
        "count": 1,
        "dtype": cells.dtype,
        "crs": crs,
        "nodata": -9,
        "transform": transform or Affine(size, 0, WEST, 0, -size, NORTH),
    }
    with rasterio.open(file, "w", **profile) as raster:
        raster.write(cells, 1)
    return file


def depth(file: Path, **options: Any) -> HazardLayer:
    stated: dict[str, Any] = {"hazard": "flood", "quantity": "depth", "unit": "cm", "event": "dam"}
    return read_hazard(file, id="depth", **(stated | options))


def parts(found: pd.DataFrame) -> list[Any]:
    return [pytest.approx(row, abs=1e-6) for row in found[PARTS].to_numpy().tolist()]


@pytest.fixture
def layer(tmp_path: Path) -> HazardLayer:
    return depth(write_raster(tmp_path / "depth.tif", DEPTH_CM), scheme="inasafe-flood-depth")


# --- by hand ------------------------------------------------------------------------------------------------


def test_a_box_over_parts_of_cells(layer: HazardLayer) -> None:
    # 5 × 5 of 0, 10 × 5 of 10 cm, 5 × 5 of 40 cm; below 5 × 5 unknown, 10 × 5 of 0, 5 × 5 of 20 cm.
    found = overlay_areas(layer, [box(5, 5, 25, 15)], crs=UTM)
    assert found["area_m2"].tolist() == [200]
    assert found[PARTS].to_numpy().tolist() == [[100, 75, 25, 0]]
    assert found["worst"].tolist() == [0.4]
    assert found["mean"].iloc[0] == pytest.approx((50 * 0.1 + 25 * 0.4 + 25 * 0.2) / 175)
    # InaSAFE: 0 dry, up to 10 cm caution, up to 70 cm low.
    assert found["severity"].tolist() == [2]
    assert found[SEVERITY].to_numpy().tolist() == [[75, 50, 50, 0, 0, 0]]


def test_a_triangle_has_half_of_the_cells_on_its_long_side(layer: HazardLayer) -> None:
    found = overlay_areas(layer, [shape((0, 0), (30, 0), (0, 30))], crs=UTM)
    # whole: 0, 10 cm, unknown; half: 40 cm, 0, unknown
    assert parts(found) == [[150, 150, 150, 0]]
    assert found["mean"].iloc[0] == pytest.approx((100 * 0.1 + 50 * 0.4) / 300)


def test_unknown_is_not_zero_in_the_mean_and_nodata_that_means_none_is(tmp_path: Path) -> None:
    file = write_raster(tmp_path / "depth.tif", DEPTH_CM)
    row = [box(0, 10, 40, 20)]  # unknown, 0, 20 cm, unknown
    unknown, none = (
        overlay_areas(depth(file, nodata_means=means, scheme="inasafe-flood-depth"), row, crs=UTM)
        for means in ("unknown", "none")
    )
    assert unknown[PARTS].to_numpy().tolist() == [[100, 100, 200, 0]]
    assert none[PARTS].to_numpy().tolist() == [[100, 300, 0, 0]]
    assert unknown["mean"].tolist() == pytest.approx([0.1])
    assert none["mean"].tolist() == pytest.approx([0.05])
    assert unknown[SEVERITY[:3]].to_numpy().tolist() == [[100, 0, 100]]
    assert none[SEVERITY[:3]].to_numpy().tolist() == [[300, 0, 100]]


def test_an_area_of_which_nothing_is_known_has_no_worst_and_no_severity(layer: HazardLayer) -> None:
    areas = {"unknown": box(0, 10, 10, 20), "away": box(90, 90, 99, 99)}
    found = overlay_areas(layer, gpd.GeoSeries(areas, crs=UTM), crs=UTM)
    assert parts(found) == [[0, 0, 100, 0], [0, 0, 0, 81]]
    assert found[["worst", "mean", "severity"]].isna().all(axis=None)
    assert found[SEVERITY].to_numpy().sum() == 0


def test_what_touches_along_an_edge_shares_nothing(layer: HazardLayer) -> None:
    # The cells beside are 250, 100 and 20 cm, and none of them counts.
    for area in (box(20, 20, 30, 30), box(10, 10, 20, 20), shape((20, 30), (30, 30), (30, 20))):
        found = overlay_areas(layer, [area], crs=UTM)
        assert found["worst"].tolist() == [0]
        assert found["severity"].tolist() == [0]
        assert found["dry_m2"].tolist() == found["area_m2"].tolist()
    beside = overlay_areas(layer, [box(40, 0, 50, 30), box(0, 30, 40, 40), box(-5, -5, 0, 40)], crs=UTM)
    assert beside["outside_m2"].tolist() == beside["area_m2"].tolist()


def test_holes_parts_and_areas_half_outside(layer: HazardLayer) -> None:
    ring = box(0, 0, 30, 30).difference(box(10, 10, 20, 20))
    two = shapely.MultiPolygon([box(30, 20, 40, 30), box(-10, 0, 5, 10)])
    around = box(-10, -10, 50, 40)
    found = overlay_areas(layer, [ring, two, around], crs=UTM)
    # whole cells around the hole: 0, 10, 40, unknown, 20, unknown, unknown, 0
    assert parts(found) == [[300, 200, 300, 0], [100, 50, 0, 100], [500, 300, 400, 1800]]
    assert found["area_m2"].tolist() == [800, 250, 3000]
    assert found["worst"].tolist() == [0.4, 2.5, 2.5]


def test_slivers_have_their_own_area(layer: HazardLayer) -> None:
    wide = 2.0**-20  # a micrometre, exact in these coordinates
    high = box(12, 2, 12 + wide, 28)  # 8 m of 10 cm, 10 m of 0, 8 m unknown
    flat = box(2, 5, 38, 5 + wide)  # 8 m of 0, then 10 m each of 10, 40, and 8 of 100 cm
    along = box(30 - wide, 0, 30, 10)  # along the edge of 100 cm, and not in it
    tiny = box(25, 5, 25 + wide, 5 + wide)
    found = overlay_areas(layer, [high, flat, along, tiny], crs=UTM)
    shares = found[PARTS].div(found["area_m2"], axis=0).to_numpy()
    assert shares[0] == pytest.approx(np.array([8, 10, 8, 0]) / 26, rel=1e-6)
    assert shares[1] == pytest.approx(np.array([28, 8, 0, 0]) / 36, rel=1e-6)
    assert shares[2:].tolist() == [[1, 0, 0, 0]] * 2
    assert found["worst"].tolist() == [0.1, 1.0, 0.4, 0.4]
    assert found["area_m2"].iloc[0] == pytest.approx(26 * wide)


def test_an_area_thinner_than_its_coordinates_can_tell_is_unknown(layer: HazardLayer) -> None:
    edge = NORTH - 10
    flat = shapely.box(WEST + 2, edge, WEST + 38, np.nextafter(edge, np.inf))
    found = overlay_areas(layer, [flat], crs=UTM)
    assert flat.area > 0
    assert found["unknown_m2"].tolist() == [flat.area]


def test_empty_and_missing_areas_have_rows_and_the_index_is_kept(layer: HazardLayer) -> None:
    given: Any = [None, shapely.Polygon(), box(10, 0, 20, 10), shapely.Point()]
    areas = gpd.GeoSeries(given, index=list("abcd"), crs=UTM)
    before = areas.copy()
    found = overlay_areas(layer, areas, crs=UTM)
    assert found.index.tolist() == ["a", "b", "c", "d"]
    assert found["area_m2"].tolist() == [0, 0, 100, 0]
    assert found[PARTS].to_numpy()[[0, 1, 3]].sum() == 0
    assert found["severity"].isna().tolist() == [True, True, False, True]
    assert areas.to_wkt().equals(before.to_wkt())
    assert areas.isna().equals(before.isna())
    nothing: list[Any] = []
    assert len(overlay_areas(layer, nothing, crs=UTM)) == 0
    assert overlay_areas(layer, [None], crs=UTM)["area_m2"].tolist() == [0]
    twice = gpd.GeoSeries([box(10, 0, 20, 10)] * 2, index=["x", "x"], crs=UTM)
    assert overlay_areas(layer, twice, crs=UTM)["affected_m2"].to_dict() == {"x": 100}


def test_above_says_what_counts_as_affected(layer: HazardLayer) -> None:
    areas = [box(0, 0, 40, 10)]
    assert overlay_areas(layer, areas, crs=UTM, above=0.1)["affected_m2"].tolist() == [200]
    assert overlay_areas(layer, areas, crs=UTM, above=0.1)["dry_m2"].tolist() == [200]


def test_columns_are_those_that_are_stated(tmp_path: Path) -> None:
    file = write_raster(tmp_path / "depth.tif", DEPTH_CM)
    plain = ["area_m2", *PARTS, "worst", "mean", "severity"]
    areas = [box(0, 0, 40, 10)]
    with_scheme = overlay_areas(depth(file, scheme="inasafe-flood-depth"), areas, crs=UTM)
    assert list(with_scheme.columns) == plain + SEVERITY
    assert with_scheme["severity"].dtype == "Int8"
    for scheme in ("", "aidr-h1-h6"):  # which needs the velocity too
        found = overlay_areas(depth(file, scheme=scheme), areas, crs=UTM)
        assert list(found.columns) == plain
        assert found["severity"].isna().all()


# --- errors -------------------------------------------------------------------------------------------------


def refused(layer: HazardLayer, areas: Any, crs: str = UTM) -> list[tuple[str, str]]:
    with pytest.raises(HazardError) as caught:
        overlay_areas(layer, areas, crs=crs)
    return [(one.where, one.expected) for one in caught.value.defects]


def test_everything_that_is_wrong_is_named_at_once(layer: HazardLayer) -> None:
    bow = shape((0, 0), (10, 10), (10, 0), (0, 10))
    endless = shapely.Polygon([(0, 0), (1, np.inf), (1, 0)])
    areas = gpd.GeoSeries(
        {"fine": box(0, 0, 1, 1), "bow": bow, "line": bow.exterior, "endless": endless}, crs="EPSG:4326"
    )
    assert refused(layer, areas, "EPSG:4326") == [
        ("crs", "a projected CRS in metres"),
        ("area line", "a polygon"),
        ("area bow", "a valid polygon"),
        ("area endless", "a valid polygon"),
    ]
    assert refused(layer, gpd.GeoSeries([box(0, 0, 1, 1)], crs="EPSG:32633")) == [
        ("crs", "the CRS of the areas")
    ]
    many = refused(layer, [bow] * 30)
    assert len(many) == 21
    assert many[-1][0] == "from area 20"


def test_feet_are_refused(layer: HazardLayer) -> None:
    assert refused(layer, [box(0, 0, 1, 1)], "EPSG:2263") == [("crs", "a projected CRS in metres")]


def test_an_area_across_the_180th_meridian_of_a_layer_in_degrees_is_refused(tmp_path: Path) -> None:
    there = Affine(1, 0, 170, 0, -1, -10)
    file = write_raster(tmp_path / "fiji.tif", DEPTH_CM, crs="EPSG:4326", transform=there)
    fiji = "EPSG:3460"
    fine = shapely.box(1_900_000, 3_900_000, 1_910_000, 3_910_000)
    across = shapely.box(1_900_000, 3_900_000, 2_400_000, 3_910_000)
    assert overlay_areas(depth(file), [fine], crs=fiji)["area_m2"].tolist() == [1e8]
    areas = gpd.GeoSeries({"west": fine, "both": across}, crs=fiji)
    assert refused(depth(file), areas, fiji) == [("area both", "an area on one side of the 180th meridian")]


# --- against brute force ------------------------------------------------------------------------------------


def brute(cells: np.ndarray, transform: Affine, area: Any) -> dict[str, float]:
    """Cut the area out of each cell, one after the other; cells are NaN where unknown."""
    row, column = np.indices(cells.shape).reshape(2, -1)
    x, y = transform.c + transform.a * column, transform.f + transform.e * row
    boxes = shapely.box(x, y + transform.e, x + transform.a, y)
    part = shapely.area(shapely.intersection(boxes, area))
    value = cells.ravel()
    known, real = ~np.isnan(value), part > 1e-7
    weighed = part[known].sum()
    return {
        "area_m2": area.area,
        "affected_m2": part[value > 0].sum(),
        "dry_m2": part[value == 0].sum(),
        "unknown_m2": part[~known].sum(),
        "outside_m2": area.area - part.sum(),
        "worst": value[known & real].max(initial=-np.inf),
        "mean": (part * value)[known].sum() / weighed if weighed > 1e-7 else np.nan,
    }


def same(found: pd.DataFrame, expected: list[dict[str, float]]) -> None:
    table = pd.DataFrame(expected, index=found.index).replace(-np.inf, np.nan)
    for column in table:
        np.testing.assert_allclose(found[column], table[column], rtol=1e-9, atol=2e-6, err_msg=str(column))
    np.testing.assert_allclose(found[PARTS].sum(axis=1), found["area_m2"], rtol=1e-9)


#: Quarters of a cell, so that vertices and edges often lie on those of cells.
QUARTER = st.integers(-8, 32).map(lambda number: number * 2.5)
TRIANGLE = st.lists(st.tuples(QUARTER, QUARTER), min_size=3, max_size=3)
BOX = st.tuples(QUARTER, QUARTER, QUARTER, QUARTER)


@st.composite
def shapes(draw: st.DrawFn) -> Any:
    """Areas with holes and parts: triangles and boxes together, some taken out."""
    triangles = [shape(*one) for one in draw(st.lists(TRIANGLE, min_size=1, max_size=4))]
    boxes = [box(*one) for one in draw(st.lists(BOX, max_size=3))]
    out = [shape(*one) for one in draw(st.lists(TRIANGLE, max_size=3))]
    fine = [one if one.is_valid else shapely.Polygon() for one in triangles + boxes]
    gone = [one for one in out if one.is_valid]
    result = shapely.union_all(fine).difference(shapely.union_all(gone))
    polygons = [one for one in shapely.get_parts(result) if one.geom_type == "Polygon" and one.is_valid]
    return shapely.MultiPolygon(polygons)


@pytest.fixture(scope="module")
def raster(tmp_path_factory: pytest.TempPathFactory) -> tuple[HazardLayer, np.ndarray, Affine]:
    random = np.random.default_rng(3)
    cells = random.integers(-3, 30, (6, 7)).astype(np.int16)
    cells[cells < 0] = np.where(cells[cells < 0] < -1, -9, 0)
    file = write_raster(tmp_path_factory.mktemp("areas") / "depth.tif", cells)
    return (
        depth(file, unit="m"),
        np.where(cells == -9, np.nan, cells),
        Affine(10, 0, WEST, 0, -10, NORTH),
    )


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(areas=st.lists(shapes(), min_size=1, max_size=4))
@example(areas=[shapely.MultiPolygon([box(10, 10, 30, 30)])])
def test_areas_on_a_raster_are_those_of_brute_force(
    raster: tuple[HazardLayer, np.ndarray, Affine], areas: list[Any]
) -> None:
    layer, cells, transform = raster
    valid = [one for one in areas if one.is_valid]
    same(overlay_areas(layer, valid, crs=UTM), [brute(cells, transform, one) for one in valid])


def stars(random: np.random.Generator, count: int, radius: float, centre: np.ndarray) -> list[Any]:
    angle = np.sort(random.uniform(0, 2 * np.pi, (count, 20)), axis=1)
    far = random.uniform(0.2, 1, (count, 20)) * radius
    xy = centre[:, None] + np.stack([far * np.cos(angle), far * np.sin(angle)], axis=-1)
    return [one for one in np.asarray(shapely.polygons(xy), object) if one.is_valid]


@pytest.mark.parametrize(("tile", "chunk"), [(2, 10), (7, 100), (64, 10_000), (2048, 1_000_000)])
def test_tiles_and_chunks_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tile: int, chunk: int
) -> None:
    random = np.random.default_rng(5)
    cells = random.integers(-9, 300, (40, 50)).astype(np.int16)
    layer = depth(write_raster(tmp_path / "depth.tif", cells), unit="m")
    centre = random.uniform((WEST - 50, NORTH - 450), (WEST + 550, NORTH + 50), (30, 2))
    areas = stars(random, 30, 200, centre)
    areas += [box(-20, -20, 520, 420), box(0, 0, 500, 400), box(140, 20, 160, 380)]
    monkeypatch.setattr("mutualaid.hazards._areas._TILE", tile)
    monkeypatch.setattr("mutualaid.hazards._areas._CHUNK", chunk)
    value = np.where(cells == -9, np.nan, cells)
    # Negative numbers are known, and dry.
    found = overlay_areas(layer, areas, crs=UTM)
    expected = [brute(value, Affine(10, 0, WEST, 0, -10, NORTH), one) for one in areas]
    for one in expected:
        one["dry_m2"] = one["area_m2"] - one["affected_m2"] - one["unknown_m2"] - one["outside_m2"]
    same(found, expected)


def test_small_areas_far_apart_are_looked_up_cell_by_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = np.random.default_rng(2).integers(0, 90, (60, 60)).astype(np.float32)
    layer = depth(write_raster(tmp_path / "depth.tif", cells), unit="m", scheme="inasafe-flood-depth")
    areas = [box(4, 4, 17, 13), box(580, 570, 599, 597)]
    few = overlay_areas(layer, areas, crs=UTM)
    monkeypatch.setattr("mutualaid.hazards._areas._SPARSE", 0)
    pd.testing.assert_frame_equal(overlay_areas(layer, areas, crs=UTM), few)
    same(few, [brute(cells.astype(float), Affine(10, 0, WEST, 0, -10, NORTH), one) for one in areas])


# --- another CRS --------------------------------------------------------------------------------------------


def test_the_same_raster_in_two_crss_gives_the_same_within_a_cell(tmp_path: Path) -> None:
    """The areas go to the raster: their parts there are the same shares, and sum to the areas here."""
    random = np.random.default_rng(8)
    cells = random.integers(-1, 4, (80, 80)).astype(np.int16)
    cells[cells < 0] = -9
    layer = depth(write_raster(tmp_path / "depth.tif", cells), unit="m", scheme="inasafe-flood-depth")
    areas = stars(random, 20, 300, random.uniform((WEST, NORTH - 800), (WEST + 800, NORTH), (20, 2)))
    here = overlay_areas(layer, areas, crs=UTM)
    for crs in ("EPSG:32633", "EPSG:3035", "EPSG:3857"):
        there = overlay_areas(layer, gpd.GeoSeries(areas, crs=UTM).to_crs(crs), crs=crs)
        grown = (there["area_m2"] / here["area_m2"]).to_numpy()[:, None]
        np.testing.assert_allclose(there[PARTS] / grown, here[PARTS], atol=1.0)
        np.testing.assert_allclose(there[PARTS].sum(axis=1), there["area_m2"], rtol=1e-9)
        np.testing.assert_allclose(there["mean"], here["mean"], rtol=1e-4)
        assert there["severity"].equals(here["severity"])


def test_a_raster_in_degrees_has_metres_in_its_parts(tmp_path: Path) -> None:
    degrees = Affine(0.01, 0, 8.99, 0, -0.01, 48)
    file = write_raster(tmp_path / "deg.tif", DEPTH_CM, crs="EPSG:4326", transform=degrees)
    area = shapely.box(8.99, 47.98, 9.01, 48)  # of 0, 10 cm, unknown and 0
    to_utm = Transformer.from_crs("EPSG:4326", UTM, always_xy=True)
    fine = shapely.segmentize(area, 0.001)
    moved = shapely.transform(fine, lambda xy: np.column_stack(to_utm.transform(*xy.T)))
    found = overlay_areas(depth(file), [moved], crs=UTM)
    quarter = moved.area / 4
    assert found["area_m2"].tolist() == [moved.area]
    # Northern cells are smaller by 2 in 10,000, which equal shares of degrees leave out.
    assert found[PARTS].to_numpy()[0] == pytest.approx([quarter, 2 * quarter, quarter, 0], rel=5e-4, abs=20)


def test_long_edges_are_bent_as_the_layers_crs_bends_them(tmp_path: Path) -> None:
    degrees = Affine(0.05, 0, 8.5, 0, -0.05, 48.5)
    cells = np.random.default_rng(1).integers(0, 3, (20, 40)).astype(np.int16)
    layer = depth(write_raster(tmp_path / "deg.tif", cells, crs="EPSG:4326", transform=degrees))
    long = box(-30_000, 0, 120_000, 60_000)
    found = overlay_areas(layer, [long, shapely.segmentize(long, 500)], crs=UTM)
    # Were the long edge straight in degrees, it would miss 500 m in the middle.
    assert found[PARTS].iloc[0].tolist() == pytest.approx(found[PARTS].iloc[1].tolist(), rel=1e-5)


@pytest.mark.parametrize("kind", ["raster", "vector"])
def test_edges_that_cross_once_they_are_bent_are_no_error(tmp_path: Path, kind: str) -> None:
    dip = 0.001  # metres between an edge and a corner above, or below, its middle; bent by 2 cm
    up = shape((90_000, 0), (91_000, 0), (91_000, -500), (90_500, -dip), (90_000, -500))
    down = shape((90_000, 0), (91_000, 0), (91_000, 500), (90_500, dip), (90_000, 500))
    if kind == "raster":
        degrees = Affine(0.5, 0, 9.5, 0, -0.5, 48.5)
        layer = depth(write_raster(tmp_path / "d.tif", DEPTH_CM[:2, 1:3], crs="EPSG:4326", transform=degrees))
    else:
        zone = gpd.GeoDataFrame({"v": [10.0]}, geometry=[shapely.box(9.5, 47.5, 10.5, 48.5)], crs=4326)
        zone.to_file(tmp_path / "zone.gpkg")
        layer = depth(tmp_path / "zone.gpkg", column="v")
    found = overlay_areas(layer, [up, down], crs=UTM)
    there = gpd.GeoSeries([up, down], crs=UTM).segmentize(1000).to_crs(4326)
    assert not there.is_valid.all()
    np.testing.assert_allclose(found[PARTS].sum(axis=1), [up.area, down.area], rtol=1e-9)


def test_an_area_without_a_place_in_the_layers_crs_is_outside(layer: HazardLayer) -> None:
    far = shapely.box(9e8, 9e8, 9e8 + 10, 9e8 + 10)
    found = overlay_areas(layer, [far], crs="EPSG:32661")
    assert found["outside_m2"].tolist() == [100]


# --- classes and other rasters ------------------------------------------------------------------------------


def test_classes_have_areas_by_severity_and_no_mean(tmp_path: Path) -> None:
    cells = np.array([[1, 2, 3, -9]], np.int16)
    scheme = tmp_path / "levels.toml"
    scheme.write_text(
        '[scheme]\nid = "levels"\nname = "Levels"\nhazard = "flood"\nquantity = "class"\nsource = "test"\n'
        '[[class]]\ncode = "1"\nseverity = 0\n[[class]]\ncode = "2"\nseverity = 4\n'
    )
    file = write_raster(tmp_path / "classes.tif", cells)
    options = {"quantity": "class", "unit": ""}
    areas = [box(0, 0, 40, 10), box(20, 0, 40, 10)]
    found = overlay_areas(depth(file, scheme=scheme, **options), areas, crs=UTM)
    assert found[PARTS].to_numpy().tolist() == [[100, 100, 200, 0], [0, 0, 200, 0]]
    assert found[SEVERITY].to_numpy().tolist() == [[100, 0, 0, 0, 100, 0], [0] * 6]
    assert found[["worst", "mean"]].isna().all(axis=None)
    assert found["severity"].fillna(-1).tolist() == [4, -1]
    plain = overlay_areas(depth(file, **options), areas, crs=UTM)
    assert plain[PARTS].to_numpy().tolist() == [[300, 0, 100, 0], [100, 0, 100, 0]]
    none = overlay_areas(depth(file, nodata_means="none", **options), areas, crs=UTM)
    assert none[PARTS].to_numpy().tolist() == [[300, 100, 0, 0], [100, 100, 0, 0]]


def test_a_mask_in_the_file_is_unknown(tmp_path: Path) -> None:
    file = write_raster(tmp_path / "depth.tif", np.abs(DEPTH_CM))
    with rasterio.open(file, "r+") as raster:
        raster.nodata = None
        raster.write_mask(DEPTH_CM != 40)
    found = overlay_areas(depth(file), [box(0, 0, 40, 10)], crs=UTM)
    assert found[PARTS].to_numpy().tolist() == [[200, 100, 100, 0]]


def test_a_shakemap_is_read_as_any_raster(tmp_path: Path) -> None:
    rows = "\n".join(
        f"{lon} {lat} {3 + i}" for i, (lat, lon) in enumerate([(y, x) for y in (46, 45) for x in (9, 10)])
    )
    file = tmp_path / "grid.xml"
    file.write_text(
        '<?xml version="1.0"?><shakemap_grid xmlns="http://earthquake.usgs.gov/eqcenter/shakemap" '
        'event_id="us1"><grid_specification lon_min="9" lat_min="45" lon_max="10" lat_max="46" '
        'nominal_lon_spacing="1" nominal_lat_spacing="1" nlon="2" nlat="2"/>'
        '<grid_field index="1" name="LON" units="dd"/><grid_field index="2" name="LAT" units="dd"/>'
        f'<grid_field index="3" name="MMI" units="intensity"/><grid_data>\n{rows}\n</grid_data></shakemap_grid>'
    )
    layer = read_hazard(
        file, id="shake", hazard="earthquake", quantity="intensity", unit="mmi", event="us1", scheme="mmi"
    )
    to_utm = Transformer.from_crs("EPSG:4326", UTM, always_xy=True)
    x, y = to_utm.transform([9.5, 9.0], [45.5, 46.0])
    # Cells reach half a degree around their points: four of them meet at the first place.
    areas = [shapely.Point(x[0], y[0]).buffer(5000), shapely.Point(x[1], y[1]).buffer(5000)]
    found = overlay_areas(layer, areas, crs=UTM)
    assert found["worst"].tolist() == [6, 3]
    assert found["mean"].to_numpy() == pytest.approx([4.5, 3.0], abs=0.01)
    assert found["affected_m2"].tolist() == pytest.approx([areas[0].area, areas[1].area])


# --- polygons -----------------------------------------------------------------------------------------------


def zones(tmp_path: Path, values: list[Any], shapes: list[Any]) -> Path:
    gpd.GeoDataFrame({"v": values}, geometry=shapes, crs=UTM).to_file(tmp_path / "zones.gpkg")
    return tmp_path / "zones.gpkg"


def test_the_deepest_of_overlapping_polygons_counts_once(tmp_path: Path) -> None:
    file = zones(
        tmp_path,
        [20.0, None, 80.0, 0.0, 20.0],
        [
            box(0, 0, 60, 100),
            box(30, 0, 100, 100),  # no value: nobody knows
            box(40, 0, 50, 100),
            box(0, 0, 70, 100),
            box(0, 0, 60, 100),  # the first again
        ],
    )
    layer = depth(file, column="v", scheme="inasafe-flood-depth")
    found = overlay_areas(layer, [box(-10, 0, 110, 10), box(60, 0, 70, 10)], crs=UTM)
    assert parts(found) == [[600, 100, 300, 200], [0, 100, 0, 0]]
    assert found["worst"].tolist() == [0.8, 0.0]
    assert found["mean"].to_numpy() == pytest.approx([(500 * 0.2 + 100 * 0.8) / 700, 0])
    # InaSAFE: 20 cm low, 80 cm medium.
    assert found[SEVERITY].to_numpy()[0] == pytest.approx([100, 0, 500, 100, 0, 0])
    none = overlay_areas(depth(file, column="v", nodata_means="none"), [box(-10, 0, 110, 10)], crs=UTM)
    assert parts(none) == [[600, 400, 0, 200]]
    assert none["mean"].to_numpy() == pytest.approx([(500 * 0.2 + 100 * 0.8) / 1000])


def test_the_most_severe_of_overlapping_classes_counts_and_unmapped_is_unknown(tmp_path: Path) -> None:
    areas = [box(0, 0, 40, 100), box(20, 0, 30, 100), box(60, 0, 100, 100)]
    file = zones(tmp_path, ["X unshaded", "AE", "odd"], areas)
    options = {"quantity": "class", "unit": "", "scheme": "fema-zones", "column": "v", "nodata_means": "none"}
    layer = depth(file, **options)
    found = overlay_areas(layer, [box(0, 0, 100, 100)], crs=UTM)
    assert parts(found) == [[1000, 5000, 4000, 0]]
    assert found[SEVERITY].to_numpy()[0] == pytest.approx([5000, 0, 0, 1000, 0, 0])
    assert found["severity"].tolist() == [3]
    assert found[["worst", "mean"]].isna().all(axis=None)


def test_what_touches_a_polygon_shares_nothing_with_it(tmp_path: Path) -> None:
    file = zones(tmp_path, [50.0, 10.0], [box(0, 0, 50, 100), box(50, 0, 100, 100)])
    found = overlay_areas(depth(file, column="v"), [box(50, 0, 60, 100), None, box(100, 0, 110, 9)], crs=UTM)
    assert found["worst"].fillna(-1).tolist() == [0.1, -1, -1]
    assert parts(found) == [[1000, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 90]]


def test_slanted_edges_in_common_share_nothing_and_leave_no_gap(tmp_path: Path) -> None:
    random = np.random.default_rng(9)
    corner = random.uniform((WEST, NORTH - 1000), (WEST + 1000, NORTH), (40, 2))
    triangles = np.asarray(shapely.get_parts(shapely.delaunay_triangles(shapely.MultiPoint(corner))), object)
    file = zones(tmp_path, list(range(1, len(triangles) + 1)), list(triangles))
    # With more vertices along their edges, which rounding puts a hair to either side.
    areas = np.asarray(shapely.segmentize(triangles, 37), object)
    found = overlay_areas(depth(file, column="v", unit="m"), areas, crs=UTM)
    assert found["worst"].tolist() == list(range(1, len(triangles) + 1))
    assert found["affected_m2"].tolist() == pytest.approx(found["area_m2"].tolist(), rel=1e-9)
    hull = overlay_areas(depth(file, column="v", unit="m"), [shapely.union_all(triangles)], crs=UTM)
    assert hull[["dry_m2", "unknown_m2", "outside_m2"]].to_numpy().tolist() == [[0, 0, 0]]


def test_what_is_in_no_polygon_is_0_where_that_means_no_hazard(tmp_path: Path) -> None:
    file = zones(tmp_path, [-20.0, -20.0], [box(0, 0, 10, 10), box(20, 0, 30, 10)])
    areas = [box(0, 0, 30, 10), box(0, 0, 10, 10)]
    found = overlay_areas(depth(file, column="v", nodata_means="none"), areas, crs=UTM)
    assert found["worst"].tolist() == [0, -0.2]
    assert found["mean"].to_numpy() == pytest.approx([-0.4 / 3, -0.2])


@pytest.mark.parametrize("vertices", [8, 256])
def test_the_same_layer_as_raster_and_as_polygons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vertices: int
) -> None:
    monkeypatch.setattr("mutualaid.hazards._areas._VERTICES", vertices)
    random = np.random.default_rng(4)
    cells = random.integers(0, 4, (30, 30)).astype(np.int16)
    cells[:3, :3] = -9
    cells[-1, -1] = cells[0, -1] = cells[-1, 0] = 1
    transform = Affine(10, 0, WEST, 0, -10, NORTH)
    found = [
        (shapely.geometry.shape(one), value)
        for one, value in features.shapes(cells, mask=cells != -9, transform=transform)
    ]
    # And a second time, larger and less deep, which changes nothing where a deeper one is.
    low = [(shapely.box(*one.bounds), value - 5) for one, value in found if value == 3 and one.area > 100]
    file = zones(tmp_path, [value for _, value in found], [one for one, _ in found])
    options = {"unit": "m", "scheme": "inasafe-flood-depth"}
    raster = depth(write_raster(tmp_path / "depth.tif", cells), **options)
    areas = stars(random, 40, 90, random.uniform((WEST, NORTH - 300), (WEST + 300, NORTH), (40, 2)))
    areas.append(box(-20, -20, 320, 320))
    expected = overlay_areas(raster, areas, crs=UTM)
    layer = depth(file, column="v", **options)
    pd.testing.assert_frame_equal(overlay_areas(layer, areas, crs=UTM), expected, atol=1e-5, rtol=1e-9)
    known = cells != -9
    low = [(one, value) for one, value in low if known[_cells_of(one)].all()]
    assert low
    more = zones(tmp_path, [value for _, value in found + low], [one for one, _ in found + low])
    again = overlay_areas(depth(more, column="v", **options), areas, crs=UTM)
    pd.testing.assert_frame_equal(again, expected, atol=1e-5, rtol=1e-9)
    neighbour = "EPSG:32633"
    moved = gpd.GeoSeries(areas, crs=UTM).to_crs(neighbour)
    there = overlay_areas(layer, moved, crs=neighbour)
    np.testing.assert_allclose(there[PARTS].sum(axis=1), there["area_m2"], rtol=1e-9)
    np.testing.assert_allclose(
        there[PARTS].div(there["area_m2"], axis=0),
        expected[PARTS].div(expected["area_m2"], axis=0),
        atol=1e-5,
    )


def _cells_of(one: Any) -> tuple[slice, slice]:
    left, bottom, right, top = one.bounds
    return (
        slice(int((NORTH - top) / 10), int((NORTH - bottom) / 10)),
        slice(int((left - WEST) / 10), int((right - WEST) / 10)),
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(zone=st.lists(st.tuples(shapes(), st.integers(0, 4)), min_size=1, max_size=6), area=shapes())
def test_overlapping_polygons_of_any_shape_count_once(
    tmp_path_factory: pytest.TempPathFactory, zone: list[tuple[Any, int]], area: Any
) -> None:
    zone = [(one, value) for one, value in zone if one.is_valid and not one.is_empty]
    zone.append((box(-30, -30, 90, 90), -1))
    file = zones(tmp_path_factory.mktemp("zones"), [float(v) for _, v in zone], [one for one, _ in zone])
    found = overlay_areas(depth(file, column="v", unit="m"), [area] if area.is_valid else [], crs=UTM)
    for row in found.itertuples():
        left, affected, total = area, 0.0, 0.0
        for one, value in sorted(zone, key=lambda pair: -pair[1]):
            part = left.intersection(one).area
            left = left.difference(one)
            affected += part * (value > 0)
            total += part * value
        assert row.affected_m2 == pytest.approx(affected, abs=1e-4)
        assert row.unknown_m2 == pytest.approx(0, abs=1e-4)
        if area.area:
            assert row.mean * area.area == pytest.approx(total, abs=1e-3)


def test_areas_and_roads_agree(layer: HazardLayer) -> None:
    """A road a millimetre wide has the shares of its line."""
    road = shapely.LineString([(WEST - 7, NORTH - 3), (WEST + 33, NORTH - 28)])
    strip = road.buffer(0.0005, cap_style="flat")
    line, area = overlay_roads(layer, [road], crs=UTM), overlay_areas(layer, [strip], crs=UTM)
    lengths = line[["affected_m", "dry_m", "unknown_m", "outside_m"]].to_numpy() / road.length
    assert (area[PARTS] / strip.area).to_numpy()[0] == pytest.approx(lengths[0], abs=1e-4)
    assert area["worst"].tolist() == line["worst"].tolist()
    assert area["severity"].tolist() == line["severity"].tolist()


# --- real data ----------------------------------------------------------------------------------------------


@pytest.fixture
def kampen(shared_data: Path) -> HazardLayer:
    file = shared_data / "flood" / "kampen" / "inundation_map.tif"
    # The unit is not documented, and makes no difference to what is wet.
    return depth(file, unit="m", nodata=float("nan"), scheme="inasafe-flood-depth")


def test_kampens_wet_area_is_that_of_its_wet_cells(kampen: HazardLayer) -> None:
    found = overlay_areas(kampen, [shapely.box(*kampen.bounds)], crs=kampen.crs).iloc[0]
    assert found["affected_m2"] == 4_244_603 * 25.0
    assert found["dry_m2"] == 3_642_441 * 25.0
    assert found[["unknown_m2", "outside_m2"]].tolist() == [0, 0]
    with rasterio.open(kampen.file) as raster:
        band = raster.read(1)
    assert found["mean"] == pytest.approx(band.mean(dtype=np.float64), rel=1e-12)
    assert found["worst"] == band.max()


def test_kampens_areas_are_those_of_brute_force(kampen: HazardLayer) -> None:
    random = np.random.default_rng(6)
    with rasterio.open(kampen.file) as raster:
        band, transform = raster.read(1), raster.transform
    left, bottom, right, top = kampen.bounds
    areas = stars(random, 12, 300, random.uniform((left, bottom), (right, top), (12, 2)))
    expected = []
    for area in areas:
        column, row = (int(number) for number in ~transform @ (area.bounds[0], area.bounds[3]))
        row, column = max(row - 1, 0), max(column - 1, 0)
        part = band[row : row + 130, column : column + 130].astype(np.float64)
        expected.append(brute(part, transform @ Affine.translation(column, row), area))
    same(overlay_areas(kampen, areas, crs=kampen.crs), expected)


def test_kampens_areas_are_those_of_exactextract(kampen: HazardLayer) -> None:
    exactextract = pytest.importorskip("exactextract", reason="exactextract is not installed")
    random = np.random.default_rng(7)
    left, bottom, right, top = kampen.bounds
    areas = stars(random, 100, 400, random.uniform((left, bottom), (right, top), (100, 2)))
    frame = gpd.GeoDataFrame(geometry=areas, crs=kampen.crs)
    peer = exactextract.exact_extract(str(kampen.file), frame, ["mean", "max", "count"], output="pandas")
    found = overlay_areas(kampen, areas, crs=kampen.crs)
    np.testing.assert_allclose(found["mean"], peer["mean"], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose((found["area_m2"] - found["outside_m2"]) / 25, peer["count"], rtol=1e-6)
    np.testing.assert_array_equal(found["worst"], peer["max"])


MEMORY = """
import sys
import numpy as np, shapely
from mutualaid.hazards import read_hazard
from mutualaid.hazards import overlay_areas
layer = read_hazard(sys.argv[1], id="big", hazard="flood", quantity="depth", unit="m", event="e")
random = np.random.default_rng(1)
houses = random.uniform(0, 99_000, (20_000, 2)) + [500_000, 5_200_000]
boxes = shapely.box(*houses.T, *(houses + random.uniform(5, 30, houses.shape)).T)
whole = shapely.box(500_000, 5_200_000, 600_000, 5_300_000)
found = overlay_areas(layer, [*boxes, whole], crs="EPSG:32632")
# not ru_maxrss, which a process takes over from the one that started it
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(found["affected_m2"].iloc[-1], peak)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_a_hundred_million_cells_take_less_than_a_gibibyte(hundred_million_cells: Path) -> None:
    command = [sys.executable, "-c", MEMORY, str(hundred_million_cells)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    affected_m2, peak_kib = map(float, run.stdout.split())
    assert affected_m2 == 5e9
    assert peak_kib < 1024**2
