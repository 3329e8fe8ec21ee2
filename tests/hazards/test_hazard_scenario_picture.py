"""Pictures of scenarios: what `scenario_severity` says at every centre, whatever the files and CRSs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
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
from pyproj import CRS, Transformer
from shapely.geometry import Point, Polygon, box

from mutualaid.data import HazardScenario
from mutualaid.errors import HazardError
from mutualaid.hazards import (
    HazardLayer,
    ScenarioPicture,
    one_picture,
    picture_polygons,
    read_hazard,
    scenario_picture,
    scenario_severity,
)
from mutualaid.hazards._providers import ask, believed, own_layers, unique_layers

UTM = "EPSG:32632"
BOUNDS = (500_000.0, 4_849_400.0, 501_000.0, 4_850_000.0)
LANDS = gpd.GeoDataFrame(
    {"country": ["AA", "BB"], "partner": ["a", "b"]},
    geometry=[
        Polygon([(500_000, 4_849_400), (500_431, 4_849_400), (500_617, 4_849_687), (500_000, 4_850_000)]),
        Polygon([(500_431, 4_849_400), (500_900, 4_849_400), (500_900, 4_850_000), (500_617, 4_849_687)]),
    ],
    index=["west", "east"],
    crs=UTM,
)
#: Numbers on bounds of classes, beside them, and beyond all of them.
DEPTHS_CM = [-5.0, 0.0, 1.0, 10.0, 30.0, 70.0, 71.0, 150.0, 400.0, np.nan]


def bounds_in(crs: str, spare: float = 0.0) -> tuple[float, float, float, float]:
    left, bottom, right, top = BOUNDS
    wide = (left - spare, bottom - spare, right + spare, top + spare)
    return tuple(Transformer.from_crs(UTM, crs, always_xy=True).transform_bounds(*wide))  # type: ignore[return-value]


def raster(
    folder: Path,
    name: str,
    values: NDArray[Any],
    *,
    kind: str,
    crs: str = UTM,
    where: Any = None,
    **stated: Any,
) -> HazardLayer:
    left, bottom, right, top = where or bounds_in(crs)
    rows, columns = values.shape
    nodata = {"uint8": 255, "int16": -999, "uint32": 999_999}.get(kind, -9999.0)
    profile = {"driver": "GTiff", "count": 1, "dtype": kind, "crs": crs, "nodata": nodata}
    profile |= {"height": rows, "width": columns}
    step = Affine((right - left) / columns, 0, left, 0, -(top - bottom) / rows, top)
    if kind.startswith("u"):
        values = np.maximum(values, 0.0)
    with rasterio.open(folder / f"{name}.tif", "w", transform=step, **profile) as target:
        target.write(np.where(np.isnan(values), nodata, values).astype(kind), 1)
    defaults: dict[str, Any] = {"id": name, "hazard": "flood", "quantity": "depth", "unit": "cm"}
    defaults |= {"scheme": "inasafe-flood-depth", "return_period_years": 100}
    return read_hazard(folder / f"{name}.tif", **(defaults | stated))


def zones(
    folder: Path, name: str, values: list[Any], geometry: Any, *, crs: str = UTM, **stated: Any
) -> HazardLayer:
    file = folder / f"{name}.gpkg"
    gpd.GeoDataFrame({"v": values}, geometry=geometry, crs=crs).to_file(file)
    defaults: dict[str, Any] = {
        "id": name,
        "hazard": "flood",
        "quantity": "depth",
        "unit": "m",
        "column": "v",
    }
    defaults |= {"scheme": "inasafe-flood-depth", "return_period_years": 100}
    return read_hazard(file, **(defaults | stated))


def centres(picture: Any) -> gpd.GeoDataFrame:
    rows, columns = picture.severity.shape
    step = picture.transform
    x = step.c + step.a * (np.arange(columns) + 0.5)
    y = step.f + step.e * (np.arange(rows) + 0.5)
    return gpd.GeoDataFrame(
        geometry=gpd.points_from_xy(np.tile(x, rows), np.repeat(y, columns)), crs=picture.crs
    )


def own_land(points: gpd.GeoDataFrame, lands: gpd.GeoDataFrame) -> NDArray[np.object_]:
    """Last of the jurisdictions that hold each point."""
    found = np.full(len(points), None, dtype=object)
    assert points.crs is not None
    for key, land in lands.to_crs(points.crs).geometry.items():
        found[shapely.intersects(land, points.geometry.to_numpy())] = key
    return found


def check(
    picture: ScenarioPicture, layers: list[HazardLayer], scenario: HazardScenario, lands: Any
) -> NDArray[np.int8]:
    points = centres(picture)
    if lands is not None:
        points["jurisdiction"] = own_land(points, lands)
    told = scenario_severity(points, layers, scenario, jurisdictions=lands)
    severity = told["severity"].to_numpy(dtype=np.int8, na_value=-1)
    severity[(told["status"] == "outside").to_numpy()] = -2
    np.testing.assert_array_equal(picture.severity.ravel(), severity)
    names = np.array([*picture.hazards, ""], dtype=object)[picture.hazard.ravel()]
    np.testing.assert_array_equal(names, told["hazard"].to_numpy())
    return severity


CRSS = [UTM, "EPSG:25832", "EPSG:4326", "EPSG:3857", "EPSG:3035"]


def random_raster(folder: Path, name: str, rng: np.random.Generator, **stated: Any) -> HazardLayer:
    crs = str(rng.choice(CRSS))
    shape = tuple(rng.integers(1, 90, 2))
    left, bottom, right, top = bounds_in(crs)
    shift = rng.uniform(-0.3, 0.3, 4) * np.array([right - left, top - bottom] * 2)
    where = tuple(np.array([left, bottom, right, top]) + (shift if rng.random() < 0.5 else 0.0))
    if rng.random() < 0.4:
        values = rng.choice([1.0, 2.0, 3.0, 7.0, np.nan], shape)
        values[0, 0] = 2.0
        kind = str(rng.choice(["uint8", "int16", "float32", "uint32"]))
        stated = {"quantity": "class", "unit": "", "scheme": folder / "own.toml"} | stated
    else:
        values = rng.choice(DEPTHS_CM, shape)
        values[0, 0] = 30.0
        kind = str(rng.choice(["int16", "float32", "float64", "int32"]))
    return raster(folder, name, values, kind=kind, crs=crs, where=where, **stated)


def random_zones(folder: Path, name: str, rng: np.random.Generator, **stated: Any) -> HazardLayer:
    crs = str(rng.choice(CRSS))
    left, bottom, right, top = bounds_in(crs, -60.0)
    x, y = rng.uniform(left, right, 12), rng.uniform(bottom, top, 12)
    wide, high = (right - left) * rng.uniform(0.002, 0.5, 12), (top - bottom) * rng.uniform(0.002, 0.5, 12)
    shapes = shapely.box(x, y, x + wide, y + high)
    shapes[:4] = shapely.convex_hull(
        shapely.multipoints(rng.uniform((left, bottom), (right, top), (4, 5, 2)))
    )
    hole = shapely.difference(shapes[0], shapely.buffer(shapely.centroid(shapes[0]), 0.1 * (right - left)))
    shapes[4:6] = shapely.union(shapes[4:6], shapes[6:8])
    shapes[0] = shapes[0] if hole.is_empty else hole
    if rng.random() < 0.5:
        codes = rng.choice(np.array(["A", "V", "X unshaded", "D", "?", None], dtype=object), 12).tolist()
        codes[0] = "A"
        stated = {"quantity": "class", "unit": "", "scheme": "fema-zones"} | stated
        return zones(folder, name, codes, shapes, crs=crs, **stated)
    return zones(folder, name, (rng.choice(DEPTHS_CM, 12) / 100).tolist(), shapes, crs=crs, **stated)


OWN_SCHEME = """
[scheme]
id = "own"
name = "Own classes"
hazard = "flood"
quantity = "class"
source = "an office"
[[class]]
code = "1"
severity = 0
[[class]]
code = "2"
severity = 3
[[class]]
code = "3"
severity = "unknown"
"""


def random_layers(folder: Path, rng: np.random.Generator) -> list[HazardLayer]:
    (folder / "own.toml").write_text(OWN_SCHEME, encoding="utf-8")
    layers = []
    for number in range(int(rng.integers(1, 5))):
        stated = {
            "hazard": str(rng.choice(["flood", "tsunami", "wildfire"])),
            "jurisdiction": str(rng.choice(["", "AA", "b", "west"])),
            "nodata_means": str(rng.choice(["unknown", "none"])),
        }
        make = random_raster if rng.random() < 0.5 else random_zones
        layers.append(make(folder, f"l{number}", rng, **stated))
    if rng.random() < 0.4:
        joint = {"hazard": "flash_flood", "nodata_means": "none"}
        make = random_zones if rng.random() < 0.3 else random_raster
        measured = {"quantity": "depth", "scheme": "aidr-h1-h6", "unit": "cm"} | joint
        speed = {"quantity": "velocity", "scheme": "", "unit": "cm/s"} | joint
        depth = rng.choice(DEPTHS_CM, (40, 50))
        depth[0, 0] = 20.0
        layers.append(raster(folder, "deep", depth, kind="float32", crs=str(rng.choice(CRSS)), **measured))
        fast = rng.choice([0.0, 50.0, 250.0, -300.0, np.nan], (30, 20))
        fast[0, 0] = 100.0
        if make is random_raster:
            layers.append(raster(folder, "fast", fast, kind="float32", crs=str(rng.choice(CRSS)), **speed))
        else:
            half = [box(500_100, 4_849_450, 500_600, 4_849_900), box(500_300, 4_849_500, 500_800, 4_849_800)]
            layers.append(zones(folder, "fast", [150.0, 300.0], half, **speed))
    return layers


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 2**32 - 1),
    crs=st.sampled_from([UTM, "EPSG:3857", "EPSG:3035"]),
    cell_m=st.sampled_from([7.0, 10.0, 33.3]),
    shared=st.booleans(),
)
def test_a_picture_says_what_points_say(seed: int, crs: str, cell_m: float, shared: bool) -> None:
    rng = np.random.default_rng(seed)
    with TemporaryDirectory() as temporary, pytest.MonkeyPatch.context() as patch:
        patch.setattr("mutualaid.hazards._picture._BLOCK_CELLS", int(rng.choice([700, 5_000, 1_000_000])))
        layers = random_layers(Path(temporary), rng)
        named = tuple(layer.id for layer in layers if layer.id != "fast")
        scenario = HazardScenario("s", "S", named)
        lands = None if shared else LANDS
        picture = scenario_picture(
            layers,
            scenario,
            bounds=bounds_in(crs, 80.0),
            crs=crs,
            cell_m=cell_m,
            jurisdictions=lands,
        )
        check(picture, layers, scenario, lands)
        one = [layer for layer in layers if layer.hazard == layers[0].hazard]
        joined = one_picture(one, bounds=bounds_in(crs, 80.0), crs=crs, cell_m=cell_m, jurisdictions=lands)
        points = centres(joined)
        chosen, velocity = unique_layers(one)
        own = None
        if lands is not None:
            land, own = own_land(points, lands), np.zeros((len(chosen), len(points)), dtype=bool)
            for key, positions in own_layers(lands, chosen).items():
                own[list(positions)] |= land == key
        by_layer = np.array([ask(layer, points.geometry, velocity).severity for layer in chosen])
        severity, provider = believed(by_layer, own)
        np.testing.assert_array_equal(joined.severity.ravel(), severity)
        np.testing.assert_array_equal(joined.provider.ravel(), provider)


def test_the_worst_hazard_decides_and_unknown_is_not_absence(tmp_path: Path) -> None:
    # Four columns of 250 m: flood 71 cm, dry, unknown, dry; fire zones known only in the left half.
    flood = raster(tmp_path, "flood", np.array([[71.0, 0.0, np.nan, 0.0]]), kind="float32")
    west = box(500_000, 4_849_400, 500_100, 4_850_000)
    fire = zones(
        tmp_path,
        "fire",
        ["V"],
        [west],
        hazard="wildfire",
        quantity="class",
        unit="",
        scheme="fema-zones",
        nodata_means="none",
        covers=(500_000.0, 4_849_400.0, 500_500.0, 4_850_000.0),
    )
    scenario = HazardScenario("s", "S", ("flood", "fire"))
    picture = scenario_picture(
        [fire, flood],
        scenario,
        bounds=(499_950.0, 4_849_950.0, 501_050.0, 4_850_000.0),
        crs=UTM,
        cell_m=50.0,
    )
    #          x < 500,000 | flood 3 and fire 3, then flood alone | dry, no fire | unknown | dry, fire unknown | beyond
    expected = [[-2, *[3] * 5, *[0] * 5, *[-1] * 5, *[-1] * 5, -2]]
    np.testing.assert_array_equal(picture.severity, expected)
    assert picture.hazards == ("flood", "wildfire")
    # Where both are 3 the first of the scenario decides; where nothing threatens, it decides on absence too.
    np.testing.assert_array_equal(picture.hazard, [[-1, *[0] * 10, *[-1] * 11]])
    check(picture, [fire, flood], scenario, None)
    turned = HazardScenario("s", "S", ("fire", "flood"))
    other = scenario_picture(
        [fire, flood], turned, bounds=(500_000.0, 4_849_950.0, 500_250.0, 4_850_000.0), crs=UTM, cell_m=50.0
    )
    assert other.hazards == ("wildfire", "flood")
    np.testing.assert_array_equal(other.hazard, [[0, 0, 1, 1, 1]])


def test_centres_on_edges_and_corners_are_in_the_polygon(tmp_path: Path) -> None:
    # Centres are at 5, 15, 25 … m: the square's sides and the triangle's tip run through them.
    square = box(500_105, 4_849_505, 500_145, 4_849_545)
    tip = Polygon([(500_305, 4_849_605), (500_295, 4_849_705), (500_315, 4_849_705)])
    hole = box(500_505, 4_849_505, 500_605, 4_849_605) - box(500_535, 4_849_535, 500_575, 4_849_575)
    layer = zones(tmp_path, "z", [1.0, 1.0, 1.0], [square, tip, hole], nodata_means="none")
    scenario = HazardScenario("s", "S", ("z",))
    picture = scenario_picture([layer], scenario, bounds=BOUNDS, crs=UTM, cell_m=10.0)
    check(picture, [layer], scenario, None)
    by_area = picture.severity == 3
    assert by_area[:, :20].sum() == 25, "five centres by five, the outer ones on the sides"
    assert by_area[39, 30], "the tip"
    assert by_area[:, 50:].sum() == 11 * 11 - 3 * 3, "the hole's sides belong to the polygon"


@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:3035", "EPSG:27700"])
def test_interpolated_coordinates_change_no_cell(tmp_path: Path, crs: str) -> None:
    # 27700 is far from home here, and its shifts are anything but smooth; each column of the raster differs.
    values = np.tile([0.0, 30.0, 71.0, 400.0, 5.0], 1_000)[None, :] + np.zeros((60, 1))
    fine = raster(tmp_path, "fine", values, kind="float32")
    degrees = bounds_in("EPSG:4326")
    coarse = raster(
        tmp_path, "coarse", values[:, :37], kind="float32", crs="EPSG:4326", where=degrees, hazard="tsunami"
    )
    scenario = HazardScenario("s", "S", ("fine", "coarse"))
    picture = scenario_picture([fine, coarse], scenario, bounds=bounds_in(crs, 50.0), crs=crs, cell_m=2.5)
    severity = check(picture, [fine, coarse], scenario, None)
    assert len(severity) > 100_000
    assert {-2, 0, 1, 2, 3, 4}.issubset(np.unique(severity))


def test_a_picture_of_a_continent_bends_with_its_crs(tmp_path: Path) -> None:
    # Between two nodes, 80 km apart, what is interpolated is wrong by several cells of the raster.
    values = np.random.default_rng(3).choice([0.0, 30.0, 71.0, 400.0], (1_500, 2_000))
    world = raster(
        tmp_path, "world", values, kind="float32", crs="EPSG:4326", where=(-10.0, 35.0, 30.0, 65.0)
    )
    x, y = np.meshgrid(np.linspace(-5, 25, 16), np.linspace(40, 60, 11))
    ponds = [Point(place).buffer(0.7) for place in zip(x.ravel(), y.ravel(), strict=True)]
    wide = zones(tmp_path, "wide", [1.0] * len(ponds), ponds, crs="EPSG:4326", hazard="tsunami")
    picture = scenario_picture(
        [world, wide],
        HazardScenario("s", "S", ("world", "wide")),
        bounds=(2_400_000.0, 1_300_000.0, 6_600_000.0, 5_000_000.0),
        crs="EPSG:3035",
        cell_m=5_000.0,
    )
    check(picture, [world, wide], HazardScenario("s", "S", ("world", "wide")), None)


def test_a_long_straight_side_is_straight_in_the_crs_of_its_file(tmp_path: Path) -> None:
    # Along a parallel from 6° to 12°: in UTM 32 it bends by kilometres, between its two ends.
    band = box(6.0, 44.0, 12.0, 45.0)
    layer = zones(
        tmp_path, "band", [1.0], [band], crs="EPSG:4326", nodata_means="none", covers=(5, 43, 13, 46)
    )
    picture = scenario_picture(
        [layer],
        HazardScenario("s", "S", ("band",)),
        bounds=(270_000.0, 4_840_000.0, 730_000.0, 5_020_000.0),
        crs=UTM,
        cell_m=1_000.0,
    )
    points = centres(picture).to_crs(4326).geometry
    within = (points.x.between(6, 12) & points.y.between(44, 45)).to_numpy()
    np.testing.assert_array_equal(picture.severity.ravel() == 3, within)
    projected = shapely.intersects(
        gpd.GeoSeries([band], crs=4326).to_crs(UTM)[0], centres(picture).geometry.to_numpy()
    )
    assert (projected != within).sum() > 500, "a projected rectangle would be wrong"


def test_masks_scales_and_offsets_of_the_file(tmp_path: Path) -> None:
    layers = []
    stored = np.arange(24, dtype=np.int16).reshape(4, 6)
    for name, kind, scale in (("small", "int16", 0.1), ("real", "float64", 0.1), ("falls", "float32", -0.1)):
        path = tmp_path / f"{name}.tif"
        profile = {"driver": "GTiff", "count": 1, "dtype": kind, "crs": UTM, "height": 4, "width": 6}
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
            with rasterio.open(
                path, "w", transform=Affine(10, 0, 500_000, 0, -10, 4_850_000), **profile
            ) as target:
                target.write(stored.astype(kind), 1)
                target.write_mask(stored % 5 != 0)
            with rasterio.open(path, "r+") as target:
                target.scales, target.offsets = [scale], [0.3]
        layers.append(
            read_hazard(
                path, id=name, hazard="flood", quantity="depth", unit="m", scheme="inasafe-flood-depth"
            )
        )
    for layer in layers:
        scenario = HazardScenario("s", "S", (layer.id,))
        bounds = (499_990.0, 4_849_950.0, 500_070.0, 4_850_010.0)
        for crs in (UTM, "EPSG:3857"):
            there = Transformer.from_crs(UTM, crs, always_xy=True).transform_bounds(*bounds)
            picture = scenario_picture([layer], scenario, bounds=there, crs=crs, cell_m=3.0)
            severity = check(picture, [layer], scenario, None)
            assert {-2, -1, 2}.issubset(np.unique(severity))


@settings(deadline=None, max_examples=60)
@given(
    values=st.lists(
        st.floats(-(2.0**100), 2.0**100, width=32) | st.sampled_from(DEPTHS_CM[:-1]),
        min_size=1,
        max_size=40,
    ),
    unit=st.sampled_from(["m", "cm", "ft", "mm"]),
    kind=st.sampled_from(["float32", "float64", "int32"]),
    nodata=st.sampled_from([-9999.0, 0.0, 3.0, 71.0]),
    means=st.sampled_from(["unknown", "none"]),
)
def test_steps_place_every_number_as_the_scheme_does(
    values: list[float], unit: str, kind: str, nodata: float, means: str
) -> None:
    beside = np.array([0.0, 0.1, 0.7, 1.5, 10.0, 70.0, 150.0, 100.0, 700.0, 1500.0, nodata])
    numbers = np.concatenate([[1.0], values, beside]).astype("float32").astype("float64")
    if kind != "int32":
        numbers = numbers.astype(kind)
        numbers = np.concatenate(
            [numbers, np.nextafter(numbers, np.inf), np.nextafter(numbers, -np.inf), [np.nan]]
        )
    else:
        numbers = np.clip(numbers, -(2**31), 2**31 - 1)
    with TemporaryDirectory() as temporary:
        path = Path(temporary) / "n.tif"
        profile = {"driver": "GTiff", "count": 1, "dtype": kind, "crs": UTM, "height": 1, "nodata": nodata}
        step = Affine(10, 0, 500_000, 0, -10, 4_850_000)
        with rasterio.open(path, "w", transform=step, width=len(numbers), **profile) as target:
            target.write(numbers[None, :].astype(kind), 1)
        stated: dict[str, Any] = {"quantity": "depth", "scheme": "inasafe-flood-depth", "nodata_means": means}
        layer = read_hazard(path, id="n", hazard="flood", unit=unit, **stated)
        bounds = (500_000.0, 4_849_990.0, 500_000.0 + 10 * len(numbers), 4_850_000.0)
        scenario = HazardScenario("s", "S", ("n",))
        picture = scenario_picture([layer], scenario, bounds=bounds, crs=UTM, cell_m=10.0)
        check(picture, [layer], scenario, None)


def test_a_grid_without_coordinates_in_the_crs_of_a_layer_is_outside_it(tmp_path: Path) -> None:
    flood = raster(tmp_path, "flood", np.full((2, 2), 71.0), kind="float32")
    zone = zones(tmp_path, "zone", [1.0], [box(*BOUNDS)], crs=UTM)
    scenario = HazardScenario("s", "S", ("flood", "zone"))
    # Corners of this square of polar stereographic coordinates are half around the globe from zone 32.
    bounds = (-12_000_000.0, -12_000_000.0, 12_000_000.0, 12_000_000.0)
    picture = scenario_picture([flood, zone], scenario, bounds=bounds, crs="EPSG:3995", cell_m=400_000.0)
    check(picture, [flood, zone], scenario, None)
    assert (picture.severity == -2).all()


def test_jurisdictions_of_many_parts(tmp_path: Path) -> None:
    parts = shapely.multipolygons(
        [box(500_000 + 40 * n, 4_849_400, 500_015 + 40 * n, 4_850_000) for n in range(25)]
    )
    lands = gpd.GeoDataFrame({"country": ["AA"]}, geometry=[parts], index=["stripes"], crs=UTM).to_crs(4326)
    own = raster(tmp_path, "own", np.full((1, 1), 30.0), kind="float32", jurisdiction="AA")
    other = raster(tmp_path, "other", np.full((1, 1), 400.0), kind="float32")
    picture = one_picture([own, other], bounds=BOUNDS, crs=UTM, cell_m=10.0, jurisdictions=lands)
    # Of four centres, at 5, 15, 25 and 35 m, the first is in a stripe and the second on its side, give or take.
    assert (picture.severity[:, ::4] == 2).all()
    assert (picture.severity[:, 2::4] == 4).all()
    assert (picture.severity[:, 3::4] == 4).all()


def test_what_cannot_be_shown_is_said(tmp_path: Path) -> None:
    flood = raster(tmp_path, "flood", np.full((2, 2), 71.0), kind="float32")
    options: dict[str, Any] = {"bounds": BOUNDS, "crs": UTM, "cell_m": 10.0}
    with pytest.raises(HazardError, match=r"ids of hazard layers; got 'fire'\. Remedy: choose from flood"):
        scenario_picture([flood], HazardScenario("s", "S", ("flood", "fire")), **options)
    with pytest.raises(HazardError, match="a projected CRS in metres; got EPSG:4326"):
        scenario_picture([flood], HazardScenario("s", "S", ("flood",)), **(options | {"crs": "EPSG:4326"}))
    summed = HazardScenario("s", "S", ("flood",))
    object.__setattr__(summed, "combine", "sum")
    with pytest.raises(HazardError, match="scenario s, combine: expected worst; got 'sum'"):
        scenario_picture([flood], summed, **options)
    speed = raster(
        tmp_path, "speed", np.full((2, 2), 71.0), kind="float32", quantity="velocity", unit="m/s", scheme=""
    )
    with pytest.raises(HazardError, match="a layer that says how severe it is; got velocity alone"):
        scenario_picture([speed], HazardScenario("s", "S", ("speed",)), **options)
    closed_by_name = HazardScenario("s", "S", ("flood",))
    object.__setattr__(closed_by_name, "layers", ())
    with pytest.raises(HazardError, match="a layer that says how severe it is; got none"):
        scenario_picture([flood], closed_by_name, **options)


PEAK = """
import sys
from mutualaid.data import HazardScenario
from mutualaid.hazards import read_hazard
from mutualaid.hazards._picture import one_picture, scenario_picture
folder, side, crs = sys.argv[1], int(sys.argv[2]), sys.argv[3]
stated = {"quantity": "depth", "unit": "cm", "scheme": "inasafe-flood-depth", "return_period_years": 100}
layers = [
    read_hazard(f"{folder}/big.tif", id="big", hazard="flood", **stated),
    read_hazard(f"{folder}/zones.gpkg", id="zones", hazard="flood", column="v", **(stated | {"unit": "m"})),
]
left, top = (500_000, 5_000_000) if crs == "EPSG:32632" else (1_001_875, 5_640_000)
# Opening a raster takes more than the pictures: their own peak begins here.
open("/proc/self/clear_refs", "w").write("5")
options = {"bounds": (left, top - side * 10, left + side * 10, top), "crs": crs, "cell_m": 10.0}
one = one_picture(layers, **options)
scenario = scenario_picture(layers, HazardScenario("s", "S", ("big", "zones")), **options)
assert (one.severity >= 0).any()
# not ru_maxrss, which a process takes over from the one that started it
status = open("/proc/self/status").read().splitlines()
print(next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
@pytest.mark.parametrize("crs", [UTM, "EPSG:3857"])
def test_memory_grows_by_the_result_alone(tmp_path: Path, crs: str) -> None:
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "count": 1,
        "dtype": "float32",
        "crs": UTM,
        "nodata": -9999.0,
    }
    profile |= {"height": 4_000, "width": 4_000, "tiled": True, "blockxsize": 256, "blockysize": 256}
    step = Affine(10, 0, 500_000, 0, -10, 5_000_000)
    with rasterio.open(tmp_path / "big.tif", "w", transform=step, compress="deflate", **profile) as target:
        for row in range(0, 4_000, 256):
            count = min(256, 4_000 - row)
            values = np.tile(np.arange(4_000, dtype=np.float32) % 200, (count, 1))
            target.write(values, 1, window=((row, row + count), (0, 4_000)))
    x, y = np.meshgrid(500_000 + 400 * np.arange(100), 5_000_000 - 400 * np.arange(1, 101))
    ponds = gpd.GeoSeries(gpd.points_from_xy(x.ravel(), y.ravel()), crs=UTM).buffer(120.0)
    gpd.GeoDataFrame({"v": np.ones(len(ponds))}, geometry=ponds).to_file(tmp_path / "zones.gpkg")
    peak = {}
    for side in (1_000, 4_000):
        command = [sys.executable, "-c", PEAK, str(tmp_path), str(side), crs]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peak[side] = float(done.stdout)
    # Two pictures: int8 and int16, and twice int8, for 15 million cells more; and up to 64 MiB of GDAL's cache.
    results = 5 * (4_000**2 - 1_000**2) / 2**20
    assert peak[4_000] - peak[1_000] < results + 64 + 100
    # So 100 million cells of one picture stay below a gibibyte.
    assert peak[4_000] - 5 * 4_000**2 / 2**20 + 3e8 / 2**20 < 1_024


def test_a_picture_of_a_scenario_becomes_polygons_whose_areas_are_those_of_its_cells() -> None:
    severity = np.array([[0, 3, -1], [3, 4, -2]], np.int8)
    hazard = np.array([[0, 0, -1], [1, 1, -1]], np.int8)
    transform = Affine(10, 0, 500_000, 0, -10, 5_300_000)
    picture = ScenarioPicture(severity, hazard, ("flood", "rockfall"), transform, CRS.from_epsg(32632))
    found = picture_polygons(picture)

    rows = found[["severity", "class", "hazard", "area_m2"]].to_numpy().tolist()
    assert rows == [
        [4, "high", "rockfall", 100.0],
        [3, "moderate", "flood", 100.0],
        [3, "moderate", "rockfall", 100.0],
        [0, "none", "flood", 100.0],
    ]
    assert found.crs == picture.crs
