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

from mutualaid.errors import HazardError
from mutualaid.hazards import (
    HazardLayer,
    closures,
    overlay_roads,
    passability,
    read_hazard,
    road_effects,
    severities,
    split_on_layer,
    split_on_raster,
)

UTM = "EPSG:32632"
WEST, NORTH = 500_000.0, 5_300_000.0
#: Depth in cm; -9 is nodata. Cells of 10 m.
DEPTH_CM = np.array([[0, 10, 40, 100], [-9, 0, 20, -9], [-9, -9, 0, 250]], np.int16)


def line(*points: tuple[float, float]) -> shapely.LineString:
    """Line through points given in metres from the raster's upper left corner, y downwards."""
    return shapely.LineString([(WEST + x, NORTH - y) for x, y in points])


def write_raster(file: Path, cells: np.ndarray, size: float = 10.0) -> Path:
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "height": cells.shape[0],
        "width": cells.shape[1],
        "count": 1,
        "dtype": cells.dtype,
        "crs": UTM,
        "nodata": -9,
        "transform": Affine(size, 0, WEST, 0, -size, NORTH),
    }
    with rasterio.open(file, "w", **profile) as raster:
        raster.write(cells, 1)
    return file


def depth(file: Path, **options: Any) -> HazardLayer:
    stated: dict[str, Any] = {"hazard": "flood", "quantity": "depth", "unit": "cm", "event": "dam"}
    return read_hazard(file, id="depth", **(stated | options))


@pytest.fixture
def layer(tmp_path: Path) -> HazardLayer:
    return depth(write_raster(tmp_path / "depth.tif", DEPTH_CM), scheme="inasafe-flood-depth")


# --- rasters ------------------------------------------------------------------------------------------------


def test_pieces_have_the_values_in_metres_and_say_why_there_is_none(layer: HazardLayer) -> None:
    roads = gpd.GeoSeries([line((-5, 15), (45, 15)), line((5, 5), (25, 5))], index=["x", "y"], crs=UTM)
    found = split_on_layer(layer, roads, crs=UTM)
    assert found["line"].tolist() == ["x"] * 6 + ["y"] * 3
    assert found["length_m"].tolist() == pytest.approx([5, 10, 10, 10, 10, 5, 5, 10, 5])
    assert found["state"].tolist() == ["outside", "nodata", "ok", "ok", "nodata", "outside", "ok", "ok", "ok"]
    assert found["value"].fillna(-1).tolist() == [-1, -1, 0, 0.2, -1, -1, 0, 0.1, 0.4]
    assert found["class_code"].isna().all()


def test_nodata_that_means_no_hazard_is_dry_and_outside_stays_unknown(tmp_path: Path) -> None:
    file = write_raster(tmp_path / "depth.tif", DEPTH_CM)
    road = [line((-5, 15), (45, 15))]
    unknown, none = (
        overlay_roads(depth(file, nodata_means=means), road, crs=UTM) for means in ("unknown", "none")
    )
    states = ["affected_m", "dry_m", "unknown_m", "outside_m"]
    assert unknown[states].to_numpy().tolist() == [pytest.approx([10, 10, 20, 10])]
    assert none[states].to_numpy().tolist() == [pytest.approx([10, 30, 0, 10])]
    assert unknown["mean"].tolist() == pytest.approx([0.1])  # over the 20 m that are known
    assert none["mean"].tolist() == pytest.approx([0.05])
    assert none["worst"].tolist() == pytest.approx([0.2])


def test_each_line_has_a_row_with_its_states_and_its_worst(layer: HazardLayer) -> None:
    roads = gpd.GeoSeries(
        {"deep": line((5, 5), (35, 5)), "none": shapely.LineString(), "away": line((90, 90), (99, 90))},
        crs=UTM,
    )
    found = overlay_roads(layer, roads, crs=UTM)
    assert found.index.tolist() == ["deep", "none", "away"]
    assert found["length_m"].tolist() == [30, 0, 9]
    assert found["affected_m"].tolist() == pytest.approx([25, 0, 0])
    assert found["outside_m"].tolist() == [0, 0, 9]
    assert found["worst"].isna().tolist() == [False, True, True]
    assert found["mean"].iloc[0] == pytest.approx((0 * 5 + 0.1 * 10 + 0.4 * 10 + 1.0 * 5) / 30)
    assert found["severity"].isna().tolist() == [False, True, True]
    assert overlay_roads(layer, roads, crs=UTM, above=0.3)["affected_m"].tolist() == pytest.approx([15, 0, 0])
    assert len(overlay_roads(layer, [], crs=UTM)) == 0


def test_pieces_can_be_placed_on_the_common_scale(layer: HazardLayer) -> None:
    pieces = split_on_layer(layer, [line((5, 5), (39, 5))], crs=UTM)
    found = severities(layer, pieces)["severity"]
    assert found.is_monotonic_increasing
    assert found.iloc[-1] == overlay_roads(layer, [line((5, 5), (39, 5))], crs=UTM)["severity"].iloc[0]


@pytest.mark.parametrize("tile", [2, 3, 7, 64])
def test_the_size_of_tiles_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tile: int
) -> None:
    random = np.random.default_rng(5)
    cells = random.integers(-9, 300, (40, 50)).astype(np.int16)
    layer = depth(write_raster(tmp_path / "depth.tif", cells))
    corners = [line((0, 0), (500, 400)), line((0, 400), (500, 400)), line((140, -10), (140, 500))]
    lines = [line(*random.uniform((-50, -50), (550, 450), (6, 2)).tolist()) for _ in range(30)] + corners
    band = np.where(cells == -9, np.nan, cells) / 100
    whole = split_on_raster(lines, band, Affine(10, 0, WEST, 0, -10, NORTH))
    monkeypatch.setattr("mutualaid.hazards._roads._TILE", tile)
    tiled = split_on_layer(layer, lines, crs=UTM)
    keys = ["line", "outside", "value"]
    expected, got = (
        pieces.fillna({"value": -1.0}).groupby(keys)["length_m"].sum()
        for pieces in (
            whole,
            tiled.assign(outside=tiled["state"] == "outside", value=tiled["value"].round(6)),
        )
    )
    expected, got = (sums[sums > 1e-6] for sums in (expected, got))
    pd.testing.assert_series_equal(got, expected, check_exact=False, atol=1e-6, rtol=1e-6)


def test_another_crs_gives_the_same_answer_within_a_cell(layer: HazardLayer) -> None:
    roads = gpd.GeoSeries([line((1, 1), (39, 29)), line((-300, 5), (2000, 12))], crs=UTM)
    here = overlay_roads(layer, roads, crs=UTM)
    neighbour = "EPSG:32633"
    there = overlay_roads(layer, roads.to_crs(neighbour), crs=neighbour)
    for column in ("affected_m", "dry_m", "unknown_m"):
        np.testing.assert_allclose(there[column], here[column], atol=1.0)
    np.testing.assert_allclose(
        there[["affected_m", "dry_m", "unknown_m", "outside_m"]].sum(axis=1), there["length_m"], rtol=1e-6
    )


def test_lengths_are_those_of_the_lines_whatever_the_layers_crs(tmp_path: Path) -> None:
    file = tmp_path / "degrees.tif"
    profile = {"driver": "GTiff", "height": 2, "width": 2, "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
    with rasterio.open(
        file, "w", nodata=-1, transform=Affine(0.01, 0, 8.995, 0, -0.01, 48), **profile
    ) as raster:
        raster.write(np.array([[0, 1], [2, 3]], np.float32), 1)
    found = overlay_roads(depth(file, unit="m"), [line((0, -30_000), (0, 0))], crs=UTM)
    states = found[["affected_m", "dry_m", "unknown_m", "outside_m"]].iloc[0]
    assert states.sum() == pytest.approx(30_000)
    meridian = found["affected_m"] + found["dry_m"]  # 0.02 degrees of the central meridian
    assert meridian.iloc[0] == pytest.approx(0.02 * 111_195 * 0.9996, rel=2e-3)


def test_a_line_that_the_layers_crs_cannot_hold_is_outside(layer: HazardLayer) -> None:
    polar = "EPSG:32661"
    found = overlay_roads(layer, [shapely.LineString([(9e8, 9e8), (9e8, 9e8 + 10)])], crs=polar)
    assert found["outside_m"].tolist() == [10]


def test_lines_in_degrees_or_in_another_crs_than_stated_are_refused(layer: HazardLayer) -> None:
    with pytest.raises(HazardError, match="metres"):
        overlay_roads(layer, [line((0, 0), (1, 1))], crs="EPSG:4326")
    with pytest.raises(HazardError, match="CRS of the lines"):
        overlay_roads(layer, gpd.GeoSeries([line((0, 0), (1, 1))], crs="EPSG:32633"), crs=UTM)


MEMORY = """
import sys
import numpy as np, shapely
from mutualaid.hazards import overlay_roads, read_hazard
layer = read_hazard(sys.argv[1], id="big", hazard="flood", quantity="depth", unit="m", event="e")
random = np.random.default_rng(1)
start = random.uniform(0, 100_000, (2000, 1, 2))
lines = shapely.linestrings(np.array([500_000, 5_200_000]) + start + random.uniform(-500, 500, (2000, 5, 2)))
crossing = shapely.LineString([(500_000, 5_200_000), (600_000, 5_300_000)])
found = overlay_roads(layer, [*lines, crossing], crs="EPSG:32632")
# not ru_maxrss, which a process takes over from the one that started it
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(found["affected_m"].iloc[-1], peak)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_a_hundred_million_cells_take_less_than_a_gibibyte(hundred_million_cells: Path) -> None:
    command = [sys.executable, "-c", MEMORY, str(hundred_million_cells)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    affected_m, peak_kib = map(float, run.stdout.split())
    assert affected_m == pytest.approx(100_000 * 2**0.5 / 2)
    assert peak_kib < 1024**2


# --- polygons -----------------------------------------------------------------------------------------------


def zones(tmp_path: Path, values: list[Any], boxes: list[tuple[float, float, float, float]]) -> Path:
    frame = gpd.GeoDataFrame({"v": values}, geometry=[shapely.box(*each) for each in boxes], crs=UTM)
    frame = frame.set_geometry(frame.translate(WEST, NORTH - 100))
    frame.to_file(tmp_path / "zones.gpkg")
    return tmp_path / "zones.gpkg"


def test_the_deepest_of_overlapping_polygons_counts(tmp_path: Path) -> None:
    file = zones(tmp_path, [20.0, None, 80.0], [(0, 0, 60, 100), (30, 0, 100, 100), (40, 0, 50, 100)])
    road = [line((-10, 50), (110, 50))]
    found = split_on_layer(depth(file, column="v"), road, crs=UTM)
    assert found["length_m"].tolist() == pytest.approx([10, 40, 10, 10, 40, 10], abs=1e-5)
    assert found["value"].fillna(-1).tolist() == pytest.approx([-1, 0.2, 0.8, 0.2, -1, -1])
    assert found["state"].tolist() == ["outside", "ok", "ok", "ok", "nodata", "outside"]


def test_the_most_severe_of_overlapping_classes_counts_and_unmapped_is_unknown(tmp_path: Path) -> None:
    file = zones(
        tmp_path, ["X unshaded", "AE", "odd"], [(0, 0, 40, 100), (20, 0, 30, 100), (60, 0, 100, 100)]
    )
    options = {"quantity": "class", "unit": "", "scheme": "fema-zones", "column": "v", "nodata_means": "none"}
    layer = depth(file, **options)
    road = [line((0, 50), (100, 50))]
    pieces = split_on_layer(layer, road, crs=UTM)
    assert pieces["class_code"].fillna("-").tolist() == ["X unshaded", "AE", "X unshaded", "-", "odd"]
    found = overlay_roads(layer, road, crs=UTM).iloc[0]
    assert found["unknown_m"] == pytest.approx(40, abs=1e-5)
    assert found["affected_m"] == pytest.approx(10, abs=1e-5)
    assert found["dry_m"] == pytest.approx(50, abs=1e-5)
    assert found["severity"] == severities(layer, pieces)["severity"].max()
    assert found[["worst", "mean"]].isna().all()


# --- roads --------------------------------------------------------------------------------------------------


def test_a_bridge_stays_open_and_the_same_road_without_the_tag_closes(layer: HazardLayer) -> None:
    road = line((5, 5), (35, 5))  # through 0, 10, 40 and 100 cm
    roads = gpd.GeoSeries({"bridge": road, "plain": road, "tunnel": road}, crs=UTM)
    found = road_effects(
        layer,
        passability("fording-car"),
        roads,
        crs=UTM,
        free_flow_kph=50.0,
        bridge=[True, False, False],
        tunnel=[False, False, True],
    )
    assert found["closed"].to_dict() == {"bridge": False, "plain": True, "tunnel": True}
    assert found["closed_m"].to_dict() == pytest.approx({"bridge": 0, "plain": 15, "tunnel": 15})


def test_the_factor_is_that_of_the_curve_piece_by_piece(layer: HazardLayer) -> None:
    rule = passability("pregnolato-2017")
    found = road_effects(layer, rule, [line((5, 5), (20, 5))], crs=UTM, free_flow_kph=60.0)
    assert found["factor"].iloc[0] == pytest.approx(15 / (5 + 10 * 60 / 40.6548))


def test_closing_by_severity_asks_the_scheme(layer: HazardLayer) -> None:
    road = [line((5, 5), (15, 5)), line((25, 5), (35, 5)), line((1, 25), (9, 25))]
    rule = passability("severity-car")
    found = road_effects(layer, rule, road, crs=UTM, free_flow_kph=50.0)
    pieces = split_on_layer(layer, road, crs=UTM)
    by_hand = closures(
        pieces.assign(
            value=severities(layer, pieces)["severity"].astype("Float64").to_numpy(float, na_value=np.nan)
        ),
        rule,
        free_flow_kph=50.0,
    )
    assert found["worst"].fillna(-1).tolist() == by_hand["worst"].fillna(-1).tolist()
    assert found["unknown"].tolist() == [False, False, True]
    assert found["closed"].tolist()[0] is False


def test_a_rule_that_speaks_of_something_else_is_refused(layer: HazardLayer, tmp_path: Path) -> None:
    def refused(of: HazardLayer, rule: str) -> list[str]:
        with pytest.raises(HazardError) as caught:
            road_effects(of, passability(rule), [line((0, 0), (1, 1))], crs=UTM, free_flow_kph=50.0)
        return [one.where for one in caught.value.defects]

    assert refused(layer, "aidr-any-vehicle") == ["layer depth, scheme"]
    fire = depth(write_raster(tmp_path / "fire.tif", DEPTH_CM), hazard="wildfire", quantity="fwi", unit="")
    assert refused(fire, "fording-car") == ["layer depth, hazard", "layer depth, quantity"]
    assert refused(fire, "severity-car") == ["layer depth, scheme"]
