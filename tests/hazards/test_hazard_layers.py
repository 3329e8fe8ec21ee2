"""Hazard layers: opening, sampling, windows, polygons, and whether return periods fit together."""

from __future__ import annotations

import math
import subprocess
import sys
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
from pyproj import Transformer

from mutualaid.errors import HazardError
from mutualaid.hazards import (
    HazardLayer,
    compare_return_periods,
    polygons,
    read_hazard,
    read_window,
    sample,
    severities,
)
from mutualaid.hazards._units import decimal_float64, scaled


def from_origin(west: float, north: float, width: float, height: float) -> Affine:
    return Affine(width, 0.0, west, 0.0, -height, north)


DEPTHS = np.array([[0.0, 0.1, 0.7], [1.5, -9999.0, 2.5]], np.float32)


def write(path: Path, values: NDArray[Any] = DEPTHS, **other: Any) -> Path:
    profile: dict[str, Any] = {
        "driver": "GTiff", "count": 1, "height": values.shape[0], "width": values.shape[1], "dtype": values.dtype.name,
        "crs": "EPSG:32631", "transform": from_origin(500_000, 5_000_020, 10, 10), "nodata": -9999,
    }  # fmt: skip
    with rasterio.open(path, "w", **(profile | other)) as dataset:
        dataset.write(values, 1)
    return path


def depth(path: Path, **other: Any) -> HazardLayer:
    given: dict[str, Any] = {"id": "d", "hazard": "flood", "quantity": "depth", "unit": "m"}
    return read_hazard(path, **(given | other))


def at(*pairs: tuple[float, float], crs: str = "EPSG:32631") -> gpd.GeoDataFrame:
    names = [f"p{n}" for n in range(len(pairs))]
    return gpd.GeoDataFrame(index=names, geometry=gpd.points_from_xy(*zip(*pairs, strict=True)), crs=crs)


# --- units ---


@pytest.mark.parametrize(
    ("unit", "stored", "metres"),
    [
        ("m", 0.7, 0.7),
        ("cm", 70, 0.7),
        ("mm", 700, 0.7),
        ("ft", 10, 3.048),
        ("feet", 1, 0.3048),
        ("inch", 10, 0.254),
    ],
)
def test_depths_become_metres_exactly(tmp_path: Path, unit: str, stored: float, metres: float) -> None:
    layer = depth(write(tmp_path / "a.tif", np.full((2, 2), stored, np.float32)), unit=unit)
    got = sample(layer, at((500_005, 5_000_015)))
    assert got["value"].tolist() == [metres]
    assert layer.unit == "m"


def test_a_float32_limit_stays_in_its_class(tmp_path: Path) -> None:
    layer = depth(write(tmp_path / "a.tif"), scheme="inasafe-flood-depth")
    got = severities(
        layer, sample(layer, at((500_005, 5_000_015), (500_015, 5_000_015), (500_025, 5_000_015)))
    )
    assert got["class_code"].tolist() == ["dry", "caution", "low"]
    assert float(np.float32(0.1)) > 0.1, "what would go wrong without care"


@settings(deadline=None)
@given(st.integers(1, 99_999), st.integers(0, 5))
def test_decimals_survive_float32(digits: int, places: int) -> None:
    number = digits / 10**places
    if number >= 1e-3:
        assert decimal_float64(np.array([number], np.float32))[0] == number


@settings(deadline=None)
@given(st.integers(0, 10**6))
def test_centimetres_divide_exactly(value: int) -> None:
    assert scaled(value, 1 / 100) == value / 100
    assert scaled(value, 1 / 3.6) == value / 3.6


def test_scale_and_offset_of_the_file_count(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", np.array([[30, 0], [7, 255]], np.uint8), nodata=255)
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = (0.1,), (1.0,)
    layer = depth(path, unit="ft")
    got = sample(layer, at((500_005, 5_000_015), (500_015, 5_000_005)))
    assert got["value"].iloc[0] == pytest.approx(4 * 0.3048)
    assert got["state"].tolist() == ["ok", "nodata"]


def test_the_unit_may_stand_in_the_file_but_not_contradict(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif")
    with rasterio.open(path, "r+") as dataset:
        dataset.units = ("ft",)
    assert depth(path, unit="").factor == 0.3048
    with pytest.raises(HazardError, match="the unit that the file states, ft; got 'm'"):
        depth(path)


# --- sampling a raster ---


def test_points_are_ok_nodata_or_outside(tmp_path: Path) -> None:
    points = at((500_005, 5_000_005), (500_015, 5_000_005), (499_999, 5_000_005), (500_029.9, 5_000_019.9))
    got = sample(depth(write(tmp_path / "a.tif")), points)
    assert got.index.tolist() == points.index.tolist()
    assert got["state"].tolist() == ["ok", "nodata", "outside", "ok"]
    assert got["value"].tolist()[0] == 1.5
    assert got["value"].isna().tolist() == [False, True, True, False]


def test_a_cell_holds_its_left_and_upper_edge(tmp_path: Path) -> None:
    layer = depth(write(tmp_path / "a.tif"))
    points = at((500_010, 5_000_020), (500_000, 5_000_010), (500_030, 5_000_015), (500_005, 5_000_000))
    got = sample(layer, points)
    assert got["state"].tolist() == ["ok", "ok", "outside", "outside"]
    assert got["value"].tolist()[:2] == [0.1, 1.5]


def test_missing_points_are_outside_and_other_geometry_is_refused(tmp_path: Path) -> None:
    layer = depth(write(tmp_path / "a.tif"))
    frame = gpd.GeoDataFrame(
        geometry=np.array([None, shapely.Point(), shapely.Point(500_005, 5_000_015)]), crs="EPSG:32631"
    )
    assert sample(layer, frame)["state"].tolist() == ["outside", "outside", "ok"]
    with pytest.raises(HazardError, match="set the CRS of the points"):
        sample(layer, gpd.GeoDataFrame(geometry=[shapely.Point(0, 0)]))
    with pytest.raises(HazardError, match="such as a LineString"):
        sample(layer, gpd.GeoDataFrame(geometry=[shapely.LineString([(0, 0), (1, 1)])], crs=4326))
    assert sample(layer, at((500_005, 5_000_015)).iloc[:0]).empty


@pytest.mark.parametrize(("means", "severity"), [("unknown", -1), ("none", 0)])
def test_no_data_is_no_hazard_only_where_the_layer_says_so(tmp_path: Path, means: str, severity: int) -> None:
    layer = depth(
        write(tmp_path / "a.tif"), scheme="inasafe-flood-depth", nodata_means=means, return_period_years=100
    )
    got = severities(layer, sample(layer, at((500_015, 5_000_005), (0, 0), (500_025, 5_000_005))))
    assert got["severity"].to_numpy(int, na_value=-1).tolist() == [severity, -1, 4]
    assert got["return_period_years"].tolist() == [100.0] * 3


def test_classes_in_a_raster_keep_their_codes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", np.array([[7, 3], [99, 255]], np.uint8), nodata=255)
    layer = read_hazard(path, id="q", hazard="earthquake", quantity="class", scheme="mmi")
    points = at((500_005, 5_000_015), (500_005, 5_000_005), (500_015, 5_000_005))
    got = sample(layer, points)
    assert got["class_code"].tolist()[:2] == ["7", "99"]
    assert severities(layer, got)["class_code"].iloc[0] == "VII"
    assert severities(layer, got)["severity"].isna().tolist() == [False, True, True]


def test_a_mask_in_the_file_counts_as_nodata(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        write(path, np.ones((2, 2), np.float32), nodata=None)
        with rasterio.open(path, "r+") as dataset:
            dataset.write_mask(np.array([[True, False], [True, True]]))
    got = sample(depth(path), at((500_005, 5_000_015), (500_015, 5_000_015)))
    assert got["state"].tolist() == ["ok", "nodata"]


def test_the_same_hazard_in_two_crs_is_the_same_within_a_cell(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows, columns = np.mgrid[0:200, 0:300]
    values = (0.01 * columns + 0.02 * rows).astype(np.float32)  # rises by at most 0.03 m a cell and axis
    transform = from_origin(500_000, 5_002_000, 10, 10)
    metric = depth(write(tmp_path / "utm.tif", values, transform=transform))
    # The same field, computed for cells in degrees of about 9 m.
    moved = from_origin(2.9995, 45.1745, 0.00012, 0.00008)
    lon = moved.c + (np.arange(400) + 0.5) * moved.a
    lat = moved.f + (np.arange(330) + 0.5) * moved.e
    to_metres = Transformer.from_crs("EPSG:4326", "EPSG:32631", always_xy=True)
    x, y = to_metres.transform(*np.meshgrid(lon, lat))
    column, row = np.floor((x - 500_000) / 10), np.floor((5_002_000 - y) / 10)
    inside = (column >= 0) & (column < 300) & (row >= 0) & (row < 200)
    degrees = np.where(inside, 0.01 * column + 0.02 * row, -9999).astype(np.float32)
    geographic = depth(write(tmp_path / "wgs.tif", degrees, transform=moved, crs="EPSG:4326"))
    points = at(*zip(rng.uniform(500_050, 502_950, 500), rng.uniform(5_000_050, 5_001_950, 500), strict=True))
    one, two = sample(metric, points), sample(geographic, points.to_crs(3857))
    assert one["state"].eq("ok").all()
    assert two["state"].eq("ok").all()
    assert np.abs(one["value"] - two["value"]).max() <= 2 * 0.03 + 1e-6
    assert np.abs(one["value"] - two["value"]).max() > 0, "the cells do differ"


BIG = """
import sys
import geopandas as gpd, numpy as np
from mutualaid.hazards import read_hazard, sample
path = sys.argv[1]
# not ru_maxrss, which a process takes over from the one that started it
def peak_kib():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))


before = peak_kib()
layer = read_hazard(path, id="big", hazard="flood", quantity="depth", unit="m", nodata_means="none")
x = np.concatenate([500_000 + np.random.default_rng(1).uniform(0, 100_000, 20_000), [500_005.0, 599_995.0]])
y = np.concatenate([5_000_000 + np.random.default_rng(2).uniform(0, 100_000, 20_000), [5_099_995.0, 5_000_005.0]])
got = sample(layer, gpd.GeoDataFrame(geometry=gpd.points_from_xy(x, y), crs="EPSG:32631"))
peak = peak_kib()
print(before // 1024, peak // 1024, got["value"].iloc[-2], got["value"].iloc[-1], (got["state"] == "outside").sum())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_a_hundred_million_cells_are_sampled_in_less_than_a_gibibyte(tmp_path: Path) -> None:
    profile: dict[str, Any] = {
        "driver": "GTiff", "count": 1, "height": 10_000, "width": 10_000, "dtype": "float32", "crs": "EPSG:32631",
        "transform": from_origin(500_000, 5_100_000, 10, 10), "nodata": 0, "tiled": True, "blockxsize": 256,
        "blockysize": 256, "SPARSE_OK": True,
    }  # fmt: skip
    path = tmp_path / "big.tif"
    with rasterio.open(path, "w", **profile) as dataset:
        for row, column, value in ((0, 0, 1.25), (9_999, 9_999, 2.5)):
            window = rasterio.windows.Window(column, row, 1, 1)
            dataset.write(np.full((1, 1), value, np.float32), 1, window=window)
    done = subprocess.run([sys.executable, "-c", BIG, str(path)], capture_output=True, text=True, check=True)
    _, peak, first, last, outside = done.stdout.split()
    assert (float(first), float(last), int(outside)) == (1.25, 2.5, 0)
    assert int(peak) < 1024


# --- windows ---


def test_a_window_holds_the_cells_as_they_are(tmp_path: Path) -> None:
    layer = depth(write(tmp_path / "a.tif"))
    cells, transform = read_window(layer, (500_010, 5_000_000, 500_030, 5_000_020), "EPSG:32631")
    np.testing.assert_array_equal(cells, [[0.1, 0.7], [np.nan, 2.5]])
    assert (transform.c, transform.f, transform.a, transform.e) == (500_010, 5_000_020, 10, -10)
    whole, _ = read_window(layer, (0, 0, 1e6, 1e7), "EPSG:32631")
    assert whole.shape == (2, 3)
    assert whole.dtype == np.float64


def test_a_window_beyond_the_layer_is_empty(tmp_path: Path) -> None:
    layer = depth(write(tmp_path / "a.tif"))
    assert read_window(layer, (0, 0, 10, 10), "EPSG:32631")[0].shape == (0, 0)
    assert read_window(layer, (20, 20, 21, 21), "EPSG:4326")[0].shape == (0, 0)
    with pytest.raises(HazardError, match="left < right"):
        read_window(layer, (10, 0, 0, 10), "EPSG:32631")


def test_a_window_in_another_crs_has_the_values_of_the_file_at_its_centres(tmp_path: Path) -> None:
    values = np.random.default_rng(3).uniform(0, 3, (60, 80)).round(2).astype(np.float32)
    values[20:30, 30:50] = -9999
    layer = depth(write(tmp_path / "a.tif", values, transform=from_origin(500_000, 5_000_600, 10, 10)))
    inner = Transformer.from_crs("EPSG:32631", "EPSG:3035", always_xy=True).transform_bounds(
        500_100, 5_000_100, 500_700, 5_000_500
    )
    cells, transform = read_window(layer, inner, "EPSG:3035")
    rows, columns = np.mgrid[0 : cells.shape[0], 0 : cells.shape[1]]
    x = transform.c + (columns.ravel() + 0.5) * transform.a
    y = transform.f + (rows.ravel() + 0.5) * transform.e
    at_centres = sample(layer, at(*zip(x, y, strict=True), crs="EPSG:3035"))["value"].to_numpy()
    same = (cells.ravel() == at_centres) | (np.isnan(cells.ravel()) & np.isnan(at_centres))
    assert cells.size > 2000
    assert same.mean() > 0.999  # a centre on a cell's edge may go either way
    assert np.isnan(cells).sum() > 100
    assert 9 < transform.a == -transform.e < 11
    # Two halves are the whole.
    middle = 0.5 * (inner[0] + inner[2])
    west, _ = read_window(layer, (inner[0], inner[1], middle, inner[3]), "EPSG:3035")
    np.testing.assert_array_equal(west, cells[:, : west.shape[1]])


# --- vector layers ---

ZONES = gpd.GeoDataFrame(
    {"level": [1.0, 2.0, np.nan], "zone": ["A", "D", None], "n": [3, 1, 2]},
    geometry=[shapely.box(0, 0, 10, 10), shapely.box(5, 0, 15, 10), shapely.box(30, 0, 40, 10)],
    crs="EPSG:32631",
)


def vector(tmp_path: Path, frame: gpd.GeoDataFrame = ZONES, **other: Any) -> HazardLayer:
    path = tmp_path / "zones.gpkg"
    frame.to_file(path)
    given: dict[str, Any] = {
        "id": "z",
        "hazard": "flood",
        "quantity": "depth",
        "unit": "m",
        "column": "level",
    }
    return read_hazard(path, **(given | other))


def test_the_worst_polygon_counts(tmp_path: Path) -> None:
    points = at((1, 1), (7, 1), (12, 1), (20, 1), (35, 5), (50, 1))
    got = sample(vector(tmp_path, unit="ft"), points)
    assert got["value"].tolist()[:3] == [0.3048, 0.6096, 0.6096]
    assert got["state"].tolist() == ["ok", "ok", "ok", "nodata", "nodata", "outside"]


def test_of_classes_the_most_severe_counts_and_unknown_gives_way(tmp_path: Path) -> None:
    layer = vector(
        tmp_path, quantity="class", unit="", column="zone", scheme="fema-zones", return_period_years=7
    )
    got = sample(layer, at((1, 1), (7, 1), (12, 1), (20, 1)))
    assert got["class_code"].tolist()[:3] == ["A", "A", "D"]
    assert got["value"].isna().all()
    mapped = severities(layer, got)
    assert mapped["severity"].to_numpy(int, na_value=-1).tolist() == [3, 3, -1, -1]
    assert mapped["return_period_years"].tolist() == [100.0, 100.0, 7.0, 7.0]


def test_classes_without_a_scheme_go_by_the_order_of_the_file(tmp_path: Path) -> None:
    layer = vector(tmp_path, quantity="class", unit="", column="n")
    assert sample(layer, at((7, 1), (12, 1)))["class_code"].tolist() == ["3", "1"]
    with pytest.raises(HazardError, match="a scheme of classes"):
        severities(layer, sample(layer, at((7, 1))))


def test_a_vector_layer_may_cover_more_than_its_polygons(tmp_path: Path) -> None:
    layer = vector(tmp_path, covers=(-100, -100, 100, 100))
    assert sample(layer, at((50, 1), (101, 1)))["state"].tolist() == ["nodata", "outside"]


def test_polygons_come_in_the_crs_asked_for(tmp_path: Path) -> None:
    layer = vector(tmp_path, unit="cm")
    got = polygons(layer, (12, 0, 20, 5), "EPSG:32631")
    assert got.index.tolist() == [1]
    assert got["value"].tolist() == [0.02]
    assert list(got.columns) == ["value", "class_code", "geometry"]
    whole = polygons(layer, None, "EPSG:4326")
    assert len(whole) == 3
    assert whole.total_bounds[1] < 1, "degrees"
    with pytest.raises(HazardError, match="expected a raster layer; got vector"):
        read_window(layer, (0, 0, 1, 1), "EPSG:4326")


# --- what is refused ---


def defects(path: Path, **other: Any) -> list[str]:
    with pytest.raises(HazardError) as error:
        depth(path, **other)
    assert all(defect.file in (path.name, "") for defect in error.value.defects)
    assert str(path.parent) not in str(error.value)
    return [str(defect) for defect in error.value.defects]


@pytest.mark.parametrize(
    ("raster", "stated", "message"),
    [
        ({"crs": None}, {}, "expected a coordinate reference system; got none"),
        ({"crs": "EPSG:4326"}, {}, "coordinates that can be in EPSG:4326"),
        ({}, {"crs": "EPSG:4326"}, "the CRS of the file, EPSG:32631"),
        ({"crs": None}, {"crs": "EPSG:999999"}, "a CRS that PROJ knows"),
        (
            {"transform": Affine(10, 1, 500_000, 1, -10, 5_000_000)},
            {},
            "without rotation; got rotated or sheared",
        ),
        ({"transform": Affine(10, 0, 500_000, 0, 10, 5_000_000)}, {}, "north up"),
        ({"nodata": None}, {}, "expected a declared nodata value"),
        ({}, {"band": 2}, "expected a band from 1 to 1; got band 2"),
        ({}, {"band": 0}, "expected a band from 1 to 1; got band 0"),
        ({}, {"unit": "furlong"}, "one of m, cm, mm, ft, in; got 'furlong'"),
        ({}, {"unit": ""}, "unit: expected the unit of the depth"),
        ({}, {"unit": "m/s"}, "got 'm/s'"),
        ({}, {"hazard": "flod"}, "did you mean flood"),
        ({}, {"quantity": "deph"}, "did you mean depth"),
        ({}, {"scheme": "effis-fwi"}, "expected fwi, which EFFIS fire danger classifies"),
        ({}, {"scheme": "none-such"}, "the id of a known scheme"),
        ({}, {"nodata_means": "nothing"}, "one of unknown, none"),
        ({}, {"return_period_years": 0}, "years above 0"),
        ({}, {"date": "31.5.2024"}, "a date such as"),
        ({}, {"id": " "}, "give the layer an id"),
        ({}, {"column": "depth"}, "name a band"),
    ],
)
def test_a_wrong_raster_is_refused_with_one_message(
    tmp_path: Path, raster: dict[str, Any], stated: dict[str, Any], message: str
) -> None:
    found = defects(write(tmp_path / "a.tif", **raster), **stated)
    assert len(found) == 1, found
    assert message in found[0]


def test_all_defects_come_at_once(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", crs=None, nodata=None)
    assert len(defects(path, unit="furlong", hazard="flod", band=1, scheme="none-such")) == 5


def test_a_raster_without_any_value_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", np.full((3, 3), -9999, np.float32))
    assert len(found := defects(path)) == 1
    assert found[0].startswith("a.tif: expected at least one cell with a value; got nodata everywhere.")


def test_nodata_may_be_stated_instead(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", np.array([[0, 1], [2, 3]], np.int16), nodata=None)
    assert sample(depth(path, nodata=0), at((500_005, 5_000_015)))["state"].tolist() == ["nodata"]
    assert sample(depth(path, nodata=math.nan), at((500_005, 5_000_015)))["value"].tolist() == [0.0]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tif", b""),
        ("a.tif", b"no raster"),
        ("a.tif", b'<VRTDataset rasterXSize="1" rasterYSize="1"><SRS>EPSG:4326</SRS></VRTDataset>'),
        ("a.vrt", b'<VRTDataset rasterXSize="1" rasterYSize="1"></VRTDataset>'),
        ("a.gpkg", b"no vector"),
        ("a.gml", b'<OGRVRTDataSource><OGRVRTLayer name="x"/></OGRVRTDataSource>'),
        ("a.geojson", b"{}"),
    ],
)
def test_what_is_no_layer_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert len(defects(path)) == 1
    assert defects(tmp_path / "absent.tif") == [
        "absent.tif: expected a file that exists; got none. Remedy: check the path."
    ]


BOWTIE = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])


def test_a_wrong_vector_is_refused_with_all_its_defects(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame(
        {"level": ["1", "deep", None, "2"]},
        crs=None,
        geometry=np.array([BOWTIE, shapely.box(0, 0, 1, 1), None, shapely.Point(0, 0)]),
    )
    path = tmp_path / "z.geojson"
    frame.set_crs(32631).to_file(path, engine="pyogrio")
    with pytest.raises(HazardError) as error:
        read_hazard(path, id="z", hazard="flood", quantity="depth", unit="yard", column="level")
    text = str(error.value)
    for part in (
        "feature 1: expected a valid polygon; got Self-intersection",
        "feature 2: expected a number in column level; got 'deep'",
        "feature 3: expected a polygon; got nothing",
        "feature 4: expected a polygon; got Point",
        "got 'yard'",
    ):
        assert part in text
    assert len(error.value.defects) == 5


def test_a_column_must_be_named_and_exist(tmp_path: Path) -> None:
    with pytest.raises(HazardError, match="a column 'depth'; got level, zone, n"):
        vector(tmp_path, column="depth")
    with pytest.raises(HazardError, match="the column with the values"):
        vector(tmp_path, column=None)


def test_many_defects_of_a_kind_are_counted(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"level": [1.0] * 50}, geometry=[BOWTIE] * 50, crs=32631)
    with pytest.raises(HazardError) as error:
        vector(tmp_path, frame)
    assert len(error.value.defects) == 21
    assert "30 more of the same" in str(error.value)


def test_an_empty_vector_and_one_of_several_layers(tmp_path: Path) -> None:
    with pytest.raises(HazardError, match="at least one polygon"):
        vector(tmp_path, ZONES.iloc[:0])
    path = tmp_path / "two.gpkg"
    ZONES.to_file(path, layer="one")
    ZONES.to_file(path, layer="two")
    given: dict[str, Any] = {
        "id": "z",
        "hazard": "flood",
        "quantity": "depth",
        "unit": "m",
        "column": "level",
    }
    with pytest.raises(HazardError, match="the name of one layer; got one, two"):
        read_hazard(path, **given)
    assert read_hazard(path, layer="two", **given).layer == "two"


# --- several return periods ---


def series(tmp_path: Path, *rasters: NDArray[Any], **other: Any) -> list[HazardLayer]:
    return [
        depth(write(tmp_path / f"{n}.tif", values), id=f"d{n}", return_period_years=10.0 ** (n + 1), **other)
        for n, values in enumerate(rasters)
    ]


def test_a_file_given_twice_is_noticed(tmp_path: Path) -> None:
    found = compare_return_periods(series(tmp_path, DEPTHS, DEPTHS))
    assert found[["frequent", "rare", "finding"]].to_numpy().tolist() == [["d0", "d1", "same file"]]


def test_the_same_values_in_two_files_are_noticed(tmp_path: Path) -> None:
    (one,) = series(tmp_path, DEPTHS)
    two = depth(
        write(tmp_path / "x.tif", DEPTHS, compress="lzw", tiled=True), id="x", return_period_years=500
    )
    assert compare_return_periods([two, one])["finding"].tolist() == ["same values"]


def test_water_lost_when_rarer_is_counted(tmp_path: Path) -> None:
    rarer = DEPTHS + np.where(DEPTHS == -9999, 0, 1).astype(np.float32)
    rarer[0, 2], rarer[1, 2] = 0.5, -9999
    unknown = compare_return_periods(series(tmp_path, DEPTHS, rarer))
    assert (unknown.loc[0, "finding"], unknown.loc[0, "cells"], unknown.loc[0, "share"]) == (
        "less when rarer",
        1,
        0.2,
    )
    none = compare_return_periods(series(tmp_path, DEPTHS, rarer, nodata_means="none"))
    assert none.loc[0, "cells"] == 2
    assert compare_return_periods(series(tmp_path, DEPTHS, DEPTHS * 2)).empty


def test_maps_on_other_cells_are_said_not_to_be_compared(tmp_path: Path) -> None:
    (one,) = series(tmp_path, DEPTHS)
    two = depth(write(tmp_path / "x.tif", DEPTHS[:1]), id="x", return_period_years=500)
    event = depth(write(tmp_path / "y.tif", DEPTHS[:, :1]), id="y", event="storm")
    assert compare_return_periods([one, two, event])["finding"].tolist() == ["not compared"]


def test_miami_never_loses_water_as_it_gets_rarer(shared_data: Path) -> None:
    layers = [
        depth(
            shared_data / f"flood/miami_RP_{years}.tif",
            id=f"rp{years}",
            return_period_years=years,
            nodata_means="none",
        )
        for years in (1, 20, 100)
    ]
    wet = [float((read_window(layer, layer.bounds, layer.crs)[0] > 0).mean()) for layer in layers]
    assert [round(100 * share, 1) for share in wet] == [28.4, 49.0, 52.9]
    assert compare_return_periods(layers).empty


def test_a_miami_map_given_twice_is_noticed(shared_data: Path) -> None:
    path = shared_data / "flood/miami_RP_20.tif"
    layers = [depth(path, id=f"rp{years}", return_period_years=years) for years in (20, 100)]
    assert compare_return_periods(layers)["finding"].tolist() == ["same file"]
