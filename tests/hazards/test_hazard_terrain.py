"""Elevation: reading, slope, height above the drainage, energy lines; by hand, and what must always hold."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from mutualaid.errors import HazardError
from mutualaid.hazards._terrain import (
    Elevation,
    energy_line_cells,
    height_above_drainage,
    read_elevation,
    slope_deg,
)

UTM = CRS.from_epsg(32632)
NAN = math.nan


def grid(heights: Any, cell_m: float = 10.0) -> Elevation:
    values = np.array(heights, np.float64)
    transform = Affine(cell_m, 0, 0, 0, -cell_m, len(values) * cell_m)
    return Elevation(height_m=values, transform=transform, crs=UTM, source="grid.tif")


def above(heights: Any, drains: Any) -> list[list[float]]:
    found = height_above_drainage(grid(heights), np.array(drains, dtype=bool))
    rows: list[list[float]] = np.where(np.isnan(found), -1.0, found).tolist()
    return rows


# --- slope ---


@pytest.mark.parametrize(
    ("east", "north", "degrees"),
    [(0, 0, 0), (1, 0, 45), (0, -1, 45), (0.6, 0.8, 45), (3, 4, math.degrees(math.atan(5)))],
)
def test_a_plane_has_one_slope_everywhere(east: float, north: float, degrees: float) -> None:
    row, column = np.mgrid[0:5, 0:7]
    got = slope_deg(grid(100 + 10 * (east * column - north * row)))
    assert got.shape == (5, 7)
    np.testing.assert_allclose(got, degrees, atol=1e-9)


def test_slope_is_unknown_where_a_height_is() -> None:
    heights = np.zeros((3, 5))
    heights[1, 2] = NAN
    unknown = np.isnan(slope_deg(grid(heights)))
    assert unknown.tolist() == [
        [False, False, True, False, False],
        [False, True, True, True, False],
        [False, False, True, False, False],
    ]
    with pytest.raises(HazardError, match="at least 2 × 2 cells"):
        slope_deg(grid([[1.0, 2.0]]))


# --- height above the drainage ---


def test_a_valley_by_hand() -> None:
    # Sides of 20 and 5 m above a stream that falls 1 m a cell to the south.
    side = np.array([20.0, 5.0, 0.0, 5.0, 20.0])
    heights = side + np.array([[2.0], [1.0], [0.0]])
    drains = np.zeros((3, 5), dtype=bool)
    drains[:, 2] = True
    # From (0, 1), 7 m high, it is 5 m down to the stream beside it, and 6 m over 1.41 cells to the one diagonally
    # below: 5 a cell against 4.24. So water runs straight down everywhere.
    assert above(heights, drains) == [[20, 5, 0, 5, 20]] * 3


def test_water_takes_the_diagonal_where_that_is_steeper() -> None:
    # From the middle (9 m): 4 m to the west, 7 m / 1.41 = 4.95 to the south-west.
    heights = [[20, 20, 20], [5, 9, 20], [2, 20, 20]]
    assert above(heights, [[0, 0, 0], [1, 0, 0], [1, 0, 0]])[1][1] == 7
    # With 5.5 instead of 2 it is 3.5 / 1.41 = 2.47.
    heights[2][0] = 5.5  # type: ignore[call-overload]
    assert above(heights, [[0, 0, 0], [1, 0, 0], [1, 0, 0]])[1][1] == 4


def test_a_pit_drains_over_its_lowest_rim() -> None:
    # The pit of 1 m in the middle is shut in by 9 m but for a rim of 6 m towards the stream of 2 m.
    heights = [[9, 9, 9, 9, 9], [9, 9, 1, 6, 2], [9, 9, 9, 9, 9]]
    drains = [[0, 0, 0, 0, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0, 0]]
    got = above(heights, drains)
    assert got[1][2:] == [4, 4, 0]


def test_level_ground_drains_where_the_water_came_from() -> None:
    # A level between walls: from the stream in the west and over the edge in the east water comes half way each.
    heights = np.array([[9] * 6, [3, 7, 7, 7, 7, 7], [9] * 6], np.float64)
    drains = np.zeros((3, 6), dtype=bool)
    drains[1, 0] = True
    assert above(heights, drains)[1] == [0, 4, 4, -1, -1, -1]
    heights[1, 5] = 9.0
    assert above(heights, drains)[1][:5] == [0, 4, 4, 4, 4], (
        "shut in the east, all of it drains to the stream"
    )


def test_what_does_not_reach_the_drainage_is_unknown() -> None:
    # A ridge of 9 m: the west drains to the stream, the east out of the grid.
    heights = [[1, 4, 9, 6, 2]] * 3
    drains = [[1, 0, 0, 0, 0]] * 3
    assert above(heights, drains)[1] == [0, 3, 8, -1, -1]
    assert above(heights, np.zeros((3, 5)))[1] == [-1] * 5, "no drainage at all"


def test_unknown_ground_stays_unknown_and_water_may_leave_through_it() -> None:
    # The hole swallows the water of the cells that fall towards it.
    heights = [[9, 9, 9, 9, 9], [0, 5, 6, 5, NAN], [9, 9, 9, 9, 9]]
    drains = [[0] * 5, [1, 0, 0, 0, 0], [0] * 5]
    assert above(heights, drains)[1] == [0, 5, 6, -1, -1]


def test_shapes_must_agree() -> None:
    with pytest.raises(HazardError, match=r"expected the shape of the elevation, \(2, 2\); got \(2, 3\)"):
        height_above_drainage(grid(np.zeros((2, 2))), np.zeros((2, 3), dtype=bool))


# Whole metres, so that adding and subtracting is exact.
LAND = st.tuples(st.integers(1, 7), st.integers(1, 7)).flatmap(
    lambda shape: st.tuples(
        arrays(np.int64, shape, elements=st.integers(0, 30)), arrays(np.bool_, shape), arrays(np.bool_, shape)
    )
)


@settings(deadline=None, max_examples=150)
@given(LAND, st.integers(-1_000, 1_000))
def test_heights_above_drainage_always(
    land: tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]], shift: int
) -> None:
    whole, drains, hole = land
    heights = np.where(hole & ~drains, NAN, whole.astype(np.float64))
    got = height_above_drainage(grid(heights), drains)
    known = ~np.isnan(got)
    assert (got[known] >= 0).all()
    assert (got[drains] == 0).all()
    assert not (known & np.isnan(heights)).any()
    # Never above the way along the ground: at most the whole relief.
    assert (got[known] <= 30).all()
    moved = height_above_drainage(grid(heights + shift), drains)
    np.testing.assert_array_equal(moved, got)
    # Turning the map over changes no height where there are no ties to break.
    if len(np.unique(whole)) == whole.size:
        turned = height_above_drainage(grid(heights[::-1, ::-1]), drains[::-1, ::-1])
        np.testing.assert_array_equal(turned[::-1, ::-1], got)


# --- energy lines ---


def rocks(
    heights: Any, start: float, angle: float, lateral: float = 0.0, reach: float = 1_000.0
) -> NDArray[np.bool_]:
    place = np.array([[5.0, len(heights) * 10 / 2]])
    return energy_line_cells(
        grid(heights), place, np.array([[1.0, 0.0]]), np.array([start]),
        angle_deg=angle, lateral_deg=lateral, reach_m=reach,
    )  # fmt: skip


def test_on_level_ground_a_rock_comes_as_far_as_height_over_tangent() -> None:
    # 100 m above level ground at 45°: 100 m from the source, which is in the middle of the first cell.
    got = rocks(np.zeros((1, 20)), 100.0, 45.0)
    assert got[0].tolist() == [True] * 11 + [False] * 9
    # At 26.565°, whose tangent is ½, twice as far; a reach of 60 m ends it before.
    assert rocks(np.zeros((1, 40)), 100.0, math.degrees(math.atan(0.5)))[0].sum() == 21
    assert rocks(np.zeros((1, 20)), 100.0, 45.0, reach=60.0)[0].sum() == 7


def test_ground_above_the_line_stops_the_rock_and_nothing_behind_it_counts() -> None:
    heights = np.zeros((1, 20))
    heights[0, 4] = 61.0  # the line is at 60 m above its middle, and at 65 m where the cell begins
    assert rocks(heights, 100.0, 45.0)[0].sum() == 5
    heights[0, 4] = 66.0
    assert rocks(heights, 100.0, 45.0)[0].sum() == 4
    heights[0, 4] = NAN
    assert rocks(heights, 100.0, 45.0)[0].sum() == 4, "nobody knows what is behind"


def test_rocks_spread_sideways_up_to_the_lateral_angle_and_never_back() -> None:
    heights = np.zeros((21, 20))
    place, east = np.array([[105.0, 105.0]]), np.array([[1.0, 0.0]])
    got = energy_line_cells(
        grid(heights), place, east, np.array([80.0]), angle_deg=45, lateral_deg=30, reach_m=500
    )
    rows, columns = np.nonzero(got)
    assert columns.min() == 10
    off = np.abs(rows - 10) * 10 / np.maximum((columns - 10) * 10, 1)
    assert (off[columns > 12] <= math.tan(math.radians(30)) + 0.35).all()
    assert rows.min() < 10 < rows.max()


def test_an_unknown_start_begins_nothing() -> None:
    assert not rocks(np.zeros((1, 20)), NAN, 45.0).any()


# --- reading ---


def tif(path: Path, heights: NDArray[Any], **other: Any) -> Path:
    profile: dict[str, Any] = {
        "driver": "GTiff", "count": 1, "height": heights.shape[0], "width": heights.shape[1],
        "dtype": heights.dtype.name, "crs": "EPSG:32632", "transform": Affine(20, 0, 1_000, 0, -20, 2_000),
        "nodata": -9999,
    }  # fmt: skip
    unit = other.pop("unit", "m")
    with rasterio.open(path, "w", **(profile | other)) as dataset:
        dataset.write(heights, 1)
        if unit:
            dataset.units = (unit,)
    return path


def plane() -> NDArray[np.float32]:
    # 1 m up on 10 m to the east, 1 m on 20 m to the south: at the centre of the first cell 100.
    row, column = np.mgrid[0:10, 0:10]
    return np.asarray(100 + 2 * column + row, np.float32)


BOUNDS = (1_040.0, 1_880.0, 1_120.0, 1_960.0)


def test_a_plane_is_read_exactly_on_another_grid(tmp_path: Path) -> None:
    got = read_elevation(tif(tmp_path / "a.tif", plane()), bounds=BOUNDS, crs=UTM, cell_m=8)
    assert got.bounds == BOUNDS
    assert got.source == "a.tif"
    x = 1_040 + 8 * (np.arange(10) + 0.5)
    y = 1_960 - 8 * (np.arange(10) + 0.5)
    expected = 100 + (x[None, :] - 1_010) / 10 + (1_990 - y[:, None]) / 20
    np.testing.assert_allclose(got.height_m, expected, rtol=1e-12)
    np.testing.assert_allclose(slope_deg(got), math.degrees(math.atan(math.hypot(0.1, 0.05))), rtol=1e-9)


def test_the_grid_lies_at_multiples_of_the_cell_so_that_windows_agree(tmp_path: Path) -> None:
    path = tif(tmp_path / "a.tif", plane())
    whole = read_elevation(path, bounds=(1_000, 1_800, 1_200, 2_000), crs=UTM, cell_m=8)
    part = read_elevation(path, bounds=(1_050, 1_890, 1_090, 1_930), crs=UTM, cell_m=8)
    assert part.bounds == (1_048, 1_888, 1_096, 1_936)
    row, column = int((whole.bounds[3] - 1_936) / 8), int((1_048 - whole.bounds[0]) / 8)
    np.testing.assert_array_equal(part.height_m, whole.height_m[row : row + 6, column : column + 6])


def test_unknown_stays_unknown_around_a_void_and_outside(tmp_path: Path) -> None:
    heights = plane()
    heights[3, 4] = -9999
    got = read_elevation(
        tif(tmp_path / "a.tif", heights), bounds=(980, 1_780, 1_220, 2_020), crs=UTM, cell_m=20
    )
    # The same cells as the file's, one more around: no neighbour has any weight.
    expected = np.pad(np.where(heights == -9999, NAN, heights), 1, constant_values=NAN)
    np.testing.assert_array_equal(got.height_m, expected)
    fine = read_elevation(
        tif(tmp_path / "a.tif", heights), bounds=(1_000, 1_800, 1_200, 2_000), crs=UTM, cell_m=10
    )
    # Every cell within 20 m of the void's centre (1090, 1930) along both axes takes a part of it.
    row, column = np.nonzero(np.isnan(fine.height_m))
    assert (row.min(), row.max(), column.min(), column.max()) == (5, 8, 7, 10)
    assert np.isnan(fine.height_m).sum() == 16


def test_points_take_the_cell_that_holds_them() -> None:
    heights = grid([[1.0, 2.0], [3.0, 4.0]])
    x, y = np.array([0.0, 9.99, 10.0, 5.0, -0.1, 20.0]), np.array([20.0, 10.1, 19.0, 5.0, 5.0, 5.0])
    got = heights.cells_at(x, y)
    assert got[:4].tolist() == [1.0, 1.0, 2.0, 3.0]
    assert np.isnan(got[4:]).all()


def test_feet_become_metres(tmp_path: Path) -> None:
    path = tif(tmp_path / "a.tif", np.full((10, 10), 100, np.float32), unit="")
    got = read_elevation(path, bounds=BOUNDS, crs=UTM, cell_m=20, unit="ft")
    np.testing.assert_allclose(got.height_m, 30.48)


@pytest.mark.parametrize(
    ("made", "asked", "message"),
    [
        ({"crs": None}, {}, "a.tif: expected a coordinate reference system; got none"),
        ({"nodata": None}, {}, "a.tif, nodata: expected a declared nodata value; got none"),
        ({"unit": ""}, {}, "a.tif, unit: expected a unit of length; got none"),
        ({"unit": "m/s"}, {}, "a.tif, unit: expected a unit of length; got 'm/s'"),
        ({}, {"unit": "ft"}, "expected that of the file, m; got 'ft'"),
        ({"transform": Affine(20, 1, 1_000, 1, -20, 2_000)}, {}, "a raster with north up"),
        ({}, {"bounds": (5_000, 5_000, 6_000, 6_000)}, "bounds that meet the raster"),
        ({}, {"bounds": (1, 1, 0, 2)}, "left < right"),
        ({}, {"cell_m": 0}, "a width above 0"),
        ({}, {"cell_m": 1e-4}, "at most 100,000,000 cells"),
        ({}, {"crs": "EPSG:4326"}, "a projected CRS in metres"),
    ],
)
def test_what_is_not_stated_is_not_guessed(
    tmp_path: Path, made: dict[str, Any], asked: dict[str, Any], message: str
) -> None:
    path = tif(tmp_path / "a.tif", plane(), **made)
    usual: dict[str, Any] = {"bounds": BOUNDS, "crs": UTM, "cell_m": 20}
    with pytest.raises(HazardError) as error:
        read_elevation(path, **(usual | asked))
    assert message in str(error.value)


def test_a_nodata_value_may_be_stated_for_the_file(tmp_path: Path) -> None:
    heights = plane()
    heights[3, 4] = 0
    path = tif(tmp_path / "a.tif", heights, nodata=None)
    asked: dict[str, Any] = {"bounds": (1_000, 1_800, 1_200, 2_000), "crs": UTM, "cell_m": 20}
    assert np.isnan(read_elevation(path, **asked, nodata=0).height_m).sum() == 1
    assert np.isnan(read_elevation(path, **asked, nodata=NAN).height_m).sum() == 0


def test_other_files_are_refused(tmp_path: Path) -> None:
    asked: dict[str, Any] = {"bounds": BOUNDS, "crs": UTM, "cell_m": 20}
    (tmp_path / "a.vrt").write_text("<VRTDataset/>")
    (tmp_path / "a.tif").write_text("no raster")
    (tmp_path / "a.zip").write_text("no archive")
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.tif", "")
        archive.writestr("b.tif", "")
    for name in ("absent.tif", "a.vrt", "a.tif", "a.zip", "two.zip"):
        with pytest.raises(HazardError) as error:
            read_elevation(tmp_path / name, **asked)
        assert name in str(error.value)
        assert str(tmp_path) not in str(error.value)


def test_an_elevation_is_a_grid_of_square_cells_in_metres() -> None:
    with pytest.raises(HazardError, match="square cells with north up"):
        Elevation(height_m=np.zeros((2, 2)), transform=Affine(10, 0, 0, 0, -20, 0), crs=UTM)
    with pytest.raises(HazardError, match="square cells with north up"):
        Elevation(height_m=np.zeros((0, 2)), transform=Affine(10, 0, 0, 0, -10, 0), crs=UTM)
    with pytest.raises(HazardError, match="a projected CRS in metres"):
        Elevation(height_m=np.zeros((2, 2)), transform=Affine(1, 0, 0, 0, -1, 0), crs=CRS.from_epsg(4326))


@pytest.mark.parametrize(
    ("file", "crs", "lon_lat", "low", "high"),
    [
        # The harbour of Monaco, and Mont Agel (1,148 m) above it; Andorra la Vella, and Coma Pedrosa (2,942 m).
        ("monaco/N43E007.hgt.zip", "EPSG:32632", ((7.427, 43.735), (7.4237, 43.7747)), (-5, 30), (1_000, 1_160)),
        ("andorra/N42E001.hgt.zip", "EPSG:32631", ((1.521, 42.507), (1.4433, 42.5917)), (980, 1_080), (2_750, 2_960)),
    ],
)  # fmt: skip
def test_srtm_tiles_in_their_archive(
    shared_data: Path, file: str, crs: str, lon_lat: Any, low: tuple[float, float], high: tuple[float, float]
) -> None:
    lon, lat = zip(*lon_lat, strict=True)
    x, y = Transformer.from_crs(4326, crs, always_xy=True).transform(lon, lat)
    bounds = (min(x) - 2_000, min(y) - 2_000, max(x) + 2_000, max(y) + 2_000)
    got = read_elevation(shared_data / file, bounds=bounds, crs=crs, cell_m=30)
    valley, peak = got.cells_at(np.array(x), np.array(y))
    assert low[0] < valley < low[1]
    assert high[0] < peak < high[1]
    assert np.nanmax(slope_deg(got)) > 40
