from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import geopandas as gpd
import numpy as np
import osmium
import pandas as pd
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyproj import Transformer
from rasterio import features

from mutualaid.errors import HazardError
from mutualaid.hazards import split_on_polygons, split_on_raster

#: Four by three cells of ten metres, from (0, 0) to (40, 30), each with its own value: row * 10 + column.
NORTH_UP = Affine(10, 0, 0, 0, -10, 30)
CELLS = np.array([[10.0 * row + column for column in range(4)] for row in range(3)])

DRIVE = ["motorway", "trunk", "primary", "secondary", "tertiary"]
DRIVE += [f"{name}_link" for name in DRIVE] + ["unclassified", "residential", "living_street"]


def pieces(*points: tuple[float, float], transform: Affine = NORTH_UP) -> list[tuple[float, float]]:
    """(value, length) of each piece, -1 standing for outside."""
    found = split_on_raster([shapely.LineString(points)], CELLS, transform)
    assert found["outside"].equals(found["value"].isna())
    return list(zip(found["value"].fillna(-1), found["length_m"].round(9), strict=True))


# --- rasters ------------------------------------------------------------------------------------------------


def test_a_line_is_cut_at_each_cell_in_order() -> None:
    assert pieces((5, 25), (35, 25)) == [(0, 5), (1, 10), (2, 10), (3, 5)]
    assert pieces((35, 25), (5, 25)) == [(3, 5), (2, 10), (1, 10), (0, 5)]
    assert pieces((5, 25), (5, 5)) == [(0, 5), (10, 10), (20, 5)]


def test_a_line_through_cell_corners_has_no_slivers() -> None:
    root = round(200**0.5, 9)
    assert pieces((0, 30), (30, 0)) == [(0, root), (11, root), (22, root)]
    assert pieces((0, 0), (30, 30)) == [(20, root), (11, root), (2, root)]


def test_a_vertex_on_a_corner_divides_its_line() -> None:
    assert pieces((5, 25), (10, 20), (10, 15)) == [(0, round(50**0.5, 9)), (11, 5)]


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        (((10, 30), (10, 0)), [(1, 10), (11, 10), (21, 10)]),  # between columns 0 and 1: the eastern
        (((0, 20), (40, 20)), [(10, 10), (11, 10), (12, 10), (13, 10)]),  # between rows 0 and 1: the southern
        (((0, 30), (40, 30)), [(0, 10), (1, 10), (2, 10), (3, 10)]),  # the outer edges are inside
        (((0, 0), (40, 0)), [(20, 10), (21, 10), (22, 10), (23, 10)]),
        (((40, 30), (40, 0)), [(3, 10), (13, 10), (23, 10)]),
        (((0, 30), (0, 0)), [(0, 10), (10, 10), (20, 10)]),
    ],
)
def test_a_line_along_an_edge_belongs_to_the_cell_east_or_south_of_it(
    points: tuple[tuple[float, float], ...], expected: list[tuple[float, float]]
) -> None:
    assert pieces(*points) == expected
    assert pieces(*points[::-1]) == expected[::-1]


def test_an_edge_is_found_where_its_coordinate_is_rounded() -> None:
    # 181041.06512451172 + 5 * 1234 and the like cannot be told from the edge by anything but rounding.
    transform = Affine(0.1, 0, 181041.06512451172, 0, -0.1, 513880.4523925781)
    band = np.tile(np.arange(3000.0), (3, 1))
    x = [181041.06512451172 + 0.1 * column for column in range(1, 2999)]
    lines = [shapely.LineString([(at, 513880.3), (at, 513880.4)]) for at in x]
    found = split_on_raster(lines, band, transform)
    assert found.groupby("line")["value"].agg(set).tolist() == [{column} for column in range(1, 2999)]


def test_what_leaves_the_raster_is_outside_and_not_lost() -> None:
    assert pieces((-20, 5), (60, 5)) == [(-1, 20), (20, 10), (21, 10), (22, 10), (23, 10), (-1, 20)]
    assert pieces((-20, -5), (60, -5)) == [(-1, 20), (-1, 10), (-1, 10), (-1, 10), (-1, 10), (-1, 20)]
    assert pieces((500, 500), (900, 900)) == [(-1, round(400 * 2**0.5, 9))]


def test_no_data_is_not_outside() -> None:
    band = np.array([[np.nan, 1.0]])
    found = split_on_raster([shapely.LineString([(5, 5), (25, 5)])], band, Affine(10, 0, 0, 0, -10, 10))
    assert found["outside"].tolist() == [False, False, True]
    assert found["value"].isna().tolist() == [True, False, True]


def test_masked_cells_are_unknown_and_integers_are_read() -> None:
    band = np.ma.MaskedArray(np.array([[7, 3]], np.int8), mask=[[False, True]])
    found = split_on_raster([shapely.LineString([(5, 5), (15, 5)])], band, Affine(10, 0, 0, 0, -10, 10))
    assert found["value"].tolist()[0] == 7
    assert np.isnan(found["value"].tolist()[1])


def test_lines_without_length_have_no_pieces_and_parts_are_not_joined() -> None:
    lines = [
        shapely.LineString(),
        None,
        shapely.LineString([(5, 5), (5, 5)]),
        shapely.MultiLineString([[(1, 5), (2, 5)], [(31, 25), (33, 25)]]),
        shapely.LineString([(5, 5, 100), (5, 5, 200), (8, 5, 300)]),
    ]
    found = split_on_raster(lines, CELLS, NORTH_UP)
    assert found[["line", "length_m", "value"]].to_numpy().tolist() == [[3, 1, 20], [3, 2, 3], [4, 3, 20]]
    assert split_on_raster([], CELLS, NORTH_UP).columns.tolist() == ["line", "length_m", "value", "outside"]


def test_labels_are_kept_and_the_input_is_left_alone() -> None:
    roads = gpd.GeoSeries(
        [shapely.LineString([(1, 5), (12, 5)]), shapely.LineString([(1, 25), (3, 25)])], index=["b", "a"]
    )
    before = roads.copy()
    assert split_on_raster(roads, CELLS, NORTH_UP)["line"].tolist() == ["b", "b", "a"]
    assert roads.equals(before)


def test_a_south_up_raster_is_read_the_right_way_round() -> None:
    assert pieces((5, 5), (35, 5), transform=Affine(10, 0, 0, 0, 10, 0)) == [(0, 5), (1, 10), (2, 10), (3, 5)]


@pytest.mark.parametrize(
    ("band", "transform", "said"),
    [
        (np.empty((0, 3)), NORTH_UP, "with cells"),
        (np.zeros(3), NORTH_UP, "2-D"),
        (CELLS, Affine(10, 1, 0, 1, -10, 30), "rotated"),
    ],
)
def test_a_raster_that_cannot_be_used_is_refused(band: np.ndarray, transform: Affine, said: str) -> None:
    with pytest.raises(HazardError, match=said):
        split_on_raster([shapely.LineString([(1, 1), (2, 2)])], band, transform)


def test_all_wrong_lines_are_named_at_once() -> None:
    lines = [
        shapely.Point(1, 1),
        shapely.LineString([(1, 1), (np.inf, 2)]),
        shapely.LineString([(1, 1), (2, 2)]),
    ]
    with pytest.raises(HazardError) as caught:
        split_on_raster(lines, CELLS, NORTH_UP)
    assert [(one.where, one.got) for one in caught.value.defects] == [
        ("line 0", "Point"),
        ("line 1", "NaN or inf"),
    ]
    twice = gpd.GeoSeries([shapely.LineString([(1, 1), (2, 2)])] * 2, index=["a", "a"])
    with pytest.raises(HazardError, match="a twice"):
        split_on_raster(twice, CELLS, NORTH_UP)


# Corners, edges and anything between, inside and out.
COORDINATE = st.one_of(
    st.integers(-3, 8).map(lambda at: 10.0 * at),
    st.floats(-30, 70, allow_nan=False, width=32),
    st.sampled_from([np.nextafter(10.0, 0), np.nextafter(10.0, 99), 10.0 / 3]),
)
LINE = st.lists(st.tuples(COORDINATE, COORDINATE), min_size=2, max_size=8).map(shapely.LineString)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(LINE, min_size=1, max_size=4),
    st.sampled_from([NORTH_UP, Affine(7, 0, -3, 0, -11, 31), Affine(0.1, 0, 9, 0, -0.3, 12)]),
)
def test_pieces_sum_to_their_line(lines: list[shapely.LineString], transform: Affine) -> None:
    found = split_on_raster(lines, CELLS, transform)
    assert (found["length_m"] > 0).all()
    sums = found.groupby("line")["length_m"].sum().reindex(range(len(lines)), fill_value=0.0)
    np.testing.assert_allclose(sums, shapely.length(lines), rtol=1e-12, atol=1e-12)


@settings(deadline=None, max_examples=100)
@given(LINE)
def test_a_line_and_its_reverse_have_the_same_lengths(line: shapely.LineString) -> None:
    there, back = (
        split_on_raster([one], CELLS, NORTH_UP).fillna({"value": -1}).groupby("value")["length_m"].sum()
        for one in (line, line.reverse())
    )
    there, back = there.align(back, fill_value=0.0)
    np.testing.assert_allclose(there, back, atol=1e-9)


def test_each_cell_has_the_length_that_its_square_cuts_out() -> None:
    random = np.random.default_rng(7)
    lines = [shapely.LineString(random.uniform((-10, -10), (50, 40), (6, 2))) for _ in range(20)]
    found = split_on_raster(lines, CELLS, NORTH_UP).groupby(["line", "value"])["length_m"].sum()
    squares = {
        CELLS[row, column]: shapely.box(10 * column, 20 - 10 * row, 10 * column + 10, 30 - 10 * row)
        for row in range(3)
        for column in range(4)
    }
    for number, line in enumerate(lines):
        for value, square in squares.items():
            expected = line.intersection(square).length
            assert found.get((number, value), 0.0) == pytest.approx(expected, abs=1e-9)


# --- polygons -----------------------------------------------------------------------------------------------


def on(polygons: list[shapely.Geometry | None], *points: tuple[float, float]) -> list[tuple[int, float]]:
    found = split_on_polygons([shapely.LineString(points)], polygons)
    return list(zip(found["polygon"].fillna(-1), found["length_m"].round(9), strict=True))


def test_the_first_of_overlapping_polygons_has_the_stretch() -> None:
    low, high = shapely.box(0, 0, 60, 10), shapely.box(20, 0, 40, 10)
    assert on([high, low], (-10, 5), (70, 5)) == [(-1, 10), (1, 20), (0, 20), (1, 20), (-1, 10)]
    assert on([low, high], (-10, 5), (70, 5)) == [(-1, 10), (0, 60), (-1, 10)]


def test_a_shared_edge_belongs_to_the_first_and_a_touch_to_nobody() -> None:
    west, east = shapely.box(0, 0, 10, 10), shapely.box(10, 0, 20, 10)
    assert on([west, east], (10, 0), (10, 10)) == [(0, 10)]
    assert on([east, west], (10, 0), (10, 10)) == [(0, 10)]
    assert on([west], (10, 10), (20, 20)) == [(-1, round(200**0.5, 9))]
    assert on([west, east], (5, 5), (15, 5)) == [(0, 5), (1, 5)]


def test_holes_parts_and_missing_polygons() -> None:
    ring = shapely.Polygon(shapely.box(0, 0, 30, 30).exterior, [shapely.box(10, 10, 20, 20).exterior])
    assert on([shapely.Polygon(), ring], (-5, 15), (35, 15)) == [(-1, 5), (1, 10), (-1, 10), (1, 10), (-1, 5)]
    two = shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(3, 0, 4, 1)])
    assert on([None, two], (0, 0.5), (4, 0.5)) == [(1, 1), (-1, 2), (1, 1)]
    assert on([], (0, 0), (3, 4)) == [(-1, 5)]


def test_labels_of_polygons_are_kept() -> None:
    zones = gpd.GeoSeries([shapely.box(0, 0, 10, 10)], index=["zone A"])
    found = split_on_polygons([shapely.LineString([(5, 5), (15, 5)])], zones)
    assert found["polygon"].isna().tolist() == [False, True]
    assert found["polygon"].iloc[0] == "zone A"


def test_invalid_polygons_and_other_shapes_are_named() -> None:
    bow = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    with pytest.raises(HazardError) as caught:
        split_on_polygons([shapely.LineString([(0, 0), (1, 1)])], [bow, shapely.Point(1, 1)])
    assert sorted(one.where for one in caught.value.defects) == ["polygon 0", "polygon 1"]
    assert "Self-intersection" in str(caught.value)


@settings(deadline=None, max_examples=150)
@example(  # a hair of a line, of which GEOS keeps a line without vertices
    [shapely.LineString([(0.0, 9.999999999999998), (0.0, 10.000000000000002)])],
    [(-1.0, 10.000000000000002, 2, 1)],
)
@given(
    st.lists(LINE, min_size=1, max_size=3),
    st.lists(st.tuples(COORDINATE, COORDINATE, st.integers(1, 30), st.integers(1, 30)), max_size=5),
)
def test_pieces_on_polygons_sum_to_the_line_and_cover_what_the_union_covers(
    lines: list[shapely.LineString], corners: list[tuple[float, float, int, int]]
) -> None:
    boxes = [shapely.box(x, y, x + width, y + height) for x, y, width, height in corners]
    found = split_on_polygons(lines, boxes)
    sums = found.groupby("line")["length_m"].sum().reindex(range(len(lines)), fill_value=0.0)
    np.testing.assert_allclose(sums, shapely.length(lines), rtol=1e-12, atol=1e-12)
    legs = [shapely.LineString(pair) for line in lines for pair in pairwise(line.coords)]
    covered = shapely.length(shapely.intersection(legs, shapely.union_all(boxes))).sum()
    held = found.loc[found["polygon"].notna(), "length_m"].sum()
    assert held == pytest.approx(covered, abs=1e-3)


def test_the_squares_of_a_raster_as_polygons_give_the_lengths_of_the_raster() -> None:
    random = np.random.default_rng(11)
    lines = [shapely.LineString(random.uniform((-10, -10), (50, 40), (6, 2))) for _ in range(30)]
    squares = gpd.GeoSeries(
        {
            CELLS[row, column]: shapely.box(10 * column, 20 - 10 * row, 10 * column + 10, 30 - 10 * row)
            for row in range(3)
            for column in range(4)
        }
    )
    by_raster = split_on_raster(lines, CELLS, NORTH_UP).groupby(["line", "value"])["length_m"].sum()
    by_polygon = split_on_polygons(lines, squares).groupby(["line", "polygon"])["length_m"].sum()
    pd.testing.assert_series_equal(
        by_raster, by_polygon, check_names=False, check_index_type=False, atol=1e-5
    )


# --- real data ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kampen(shared_data: Path) -> tuple[gpd.GeoSeries, Path]:
    """Drive roads, motorway to living street with their links, in the CRS of the raster; and the raster."""
    folder = shared_data / "flood" / "kampen"
    to_raster = Transformer.from_crs("EPSG:4326", "EPSG:28992", always_xy=True)
    ways = osmium.FileProcessor(str(folder / "kampen.osm.pbf")).with_locations()
    ways = ways.with_filter(osmium.filter.TagFilter(*(("highway", name) for name in DRIVE)))
    lines = {
        way.id: shapely.LineString(
            np.column_stack(to_raster.transform(*np.array([(node.lon, node.lat) for node in way.nodes]).T))
        )
        for way in ways
        if isinstance(way, osmium.osm.Way) and len(way.nodes) > 1
    }
    return gpd.GeoSeries(lines, crs="EPSG:28992"), folder / "inundation_map.tif"


def test_kampens_wet_roads_to_the_metre(kampen: tuple[gpd.GeoSeries, Path]) -> None:
    roads, file = kampen
    with rasterio.open(file) as raster:
        found = split_on_raster(roads, raster.read(1), raster.transform)
    assert len(roads) == 2728
    assert len(found) == 101_395
    assert found["length_m"].sum() == pytest.approx(337_784, abs=0.5)
    assert found.loc[found["value"] > 0, "length_m"].sum() == pytest.approx(236_398, abs=0.5)
    assert not found["outside"].any()


def test_kampens_raster_turned_into_polygons_has_the_same_wet_roads(
    kampen: tuple[gpd.GeoSeries, Path],
) -> None:
    roads, file = kampen
    with rasterio.open(file) as raster:
        shapes = list(features.shapes(raster.read(1), transform=raster.transform))
    values = np.array([value for _, value in shapes])
    found = split_on_polygons(roads, [shapely.geometry.shape(shape) for shape, _ in shapes])
    assert found["polygon"].notna().all()
    wet = values[found["polygon"].to_numpy(np.int64)] > 0
    assert found["length_m"].sum() == pytest.approx(337_784, abs=0.5)
    assert found.loc[wet, "length_m"].sum() == pytest.approx(236_398, abs=0.5)
