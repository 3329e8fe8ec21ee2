"""Derived zones: by hand on small grounds, what must always hold, files, and three real places."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from mutualaid.data import demo_path, read_region
from mutualaid.errors import HazardError
from mutualaid.hazards import crosswalk, read_hazard, sample, scheme
from mutualaid.hazards._derive import (
    derive_coastal_flood,
    derive_flash_flood,
    derive_rockfall,
    derive_wildfire_interface,
)
from mutualaid.hazards._derived_file import DERIVED_HAZARDS, derive_layers, write_derived
from mutualaid.hazards._ground import Ground, read_ground
from mutualaid.hazards._terrain import Elevation, read_elevation
from mutualaid.hazards._zones import joined_lines, side_band

UTM = CRS.from_epsg(32632)
#: Without simplifying, and every part counted.
EXACT: dict[str, Any] = {"simplify_m": 0.0, "min_zone_m2": 0.0}
EAST, NORTH = 400_000.0, 4_840_000.0


def moved(geometry: BaseGeometry) -> BaseGeometry:
    """From the small numbers of these tests to where UTM is meant for."""
    return shapely.transform(geometry, lambda xy: xy + np.array([EAST, NORTH]))


def frame(geometry: Sequence[BaseGeometry], **columns: Any) -> gpd.GeoDataFrame:
    shapes = [moved(one) for one in geometry]
    return gpd.GeoDataFrame(columns, geometry=np.array(shapes, dtype=object), crs=UTM)


def ground(
    *,
    vegetation: Sequence[tuple[BaseGeometry, str]] = (),
    buildings: Sequence[BaseGeometry] = (),
    cliffs: Sequence[BaseGeometry] = (),
    streams: Sequence[tuple[BaseGeometry, str, float]] = (),
    coast: Sequence[BaseGeometry] = (),
) -> Ground:
    return Ground(
        vegetation=frame(
            [one for one, _ in vegetation], kind=pd.array([kind for _, kind in vegetation], "str")
        ),
        buildings=frame(buildings),
        cliffs=frame(cliffs, height_m=np.full(len(cliffs), np.nan)),
        streams=frame(
            [one for one, _, _ in streams],
            kind=pd.array([kind for _, kind, _ in streams], "str"),
            width_m=np.array([width for _, _, width in streams], np.float64),
        ),
        coast=frame(coast),
        crs=UTM,
        extent=moved(shapely.box(-5_000, -5_000, 5_000, 5_000)),
        source="© OpenStreetMap contributors; extract test.osm.pbf",
        date="2024-05-31",
    )


def relief(height: Callable[[Any, Any], Any], *, half_m: float = 600.0, cell_m: float = 10.0) -> Elevation:
    """Heights as a function of the small numbers of these tests."""
    count = int(2 * half_m / cell_m)
    x = -half_m + cell_m * (np.arange(count) + 0.5)
    values = np.asarray(height(x[None, :], -x[:, None]) + np.zeros((count, count)), np.float64)
    transform = Affine(cell_m, 0, EAST - half_m, 0, -cell_m, NORTH + half_m)
    return Elevation(height_m=values, transform=transform, crs=UTM, source="relief.tif")


def at(zones: gpd.GeoDataFrame, x: float, y: float) -> str:
    """Class at a place; "" where there is none."""
    found = zones[zones.covers(shapely.Point(EAST + x, NORTH + y))]["class_code"].tolist()
    assert len(found) < 2, "zones overlap"
    return str(found[0]) if found else ""


def areas(zones: gpd.GeoDataFrame) -> dict[str, float]:
    return {str(code): float(area) for code, area in zones.area.groupby(zones["class_code"]).sum().items()}


def line(*xy: tuple[float, float]) -> BaseGeometry:
    return shapely.LineString(xy)


# --- one side of a line ---


def right(*lines: BaseGeometry, distance_m: float = 10.0, alone: bool = True) -> BaseGeometry:
    return side_band(joined_lines(gpd.GeoSeries(list(lines))), distance_m, side="right", alone=alone)


def test_the_band_is_on_the_right_and_ends_square() -> None:
    assert right(line((0, 0), (100, 0))).equals(shapely.box(0, -10, 100, 0))
    assert right(line((100, 0), (0, 0))).equals(shapely.box(0, 0, 100, 10))
    left = side_band(joined_lines(gpd.GeoSeries([line((0, 0), (100, 0))])), 10, side="left", alone=True)
    assert left.equals(shapely.box(0, 0, 100, 10))


def test_a_bend_is_filled_outside_and_cut_inside() -> None:
    # East, then north: the right side is outside, and a quarter of a circle joins the strips.
    outside = right(line((0, 0), (100, 0), (100, 100)))
    assert outside.area == pytest.approx(2 * 100 * 10 + math.pi * 100 / 4, rel=1e-3)
    # East, then south: the right side is inside, and the strips share a square.
    inside = right(line((0, 0), (100, 0), (100, -100)))
    assert inside.area == pytest.approx(2 * 100 * 10 - 100)
    # South-west, back under the first part: what is beyond the second part does not count.
    sharp = right(line((0, 0), (100, 0), (0, -4)))
    assert not shapely.covers(sharp, shapely.Point(50, -5))
    assert shapely.covers(sharp, shapely.Point(50, -1))


def test_ways_that_follow_one_another_are_one_line() -> None:
    whole = right(line((0, 0), (100, 0), (100, 100)))
    assert right(line((0, 0), (100, 0)), line((100, 0), (100, 100))).equals(whole)
    # A line in the other direction is another line, with its own right side.
    assert right(line((0, 0), (100, 0)), line((200, 0), (100, 0))).area == pytest.approx(2_000)


def test_a_ring_has_its_right_side_outside_or_inside() -> None:
    corners = [(0, 0), (100, 0), (100, 100), (0, 100)]
    counter = right(line(*corners, corners[0]))  # to the right of an anticlockwise ring is outside
    assert counter.area == pytest.approx(4 * 100 * 10 + math.pi * 100, rel=1e-3)
    clockwise = right(line(*corners[::-1], corners[3]))
    assert clockwise.area == pytest.approx(100**2 - 80**2)


def test_another_line_ends_the_band_unless_lines_are_alone() -> None:
    lines = (line((0, 0), (100, 0)), line((0, -4), (100, -4)))
    assert right(*lines, alone=True).area == pytest.approx(100 * 14)
    assert right(*lines, alone=False).area == pytest.approx(100 * 14)
    facing = (line((0, 0), (100, 0)), line((100, -4), (0, -4)))
    assert right(*facing, alone=False).area == pytest.approx(100 * 4)
    assert right(*facing, alone=True).area == pytest.approx(100 * 16)


def test_no_lines_no_band() -> None:
    assert right().is_empty
    assert right(line((0, 0), (0, 0)), alone=False).is_empty


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(-40, 40), st.integers(-40, 40)), min_size=2, max_size=6, unique=True),
    st.integers(2, 30),
)
def test_a_band_reaches_no_further_than_its_distance(points: list[tuple[int, int]], distance_m: int) -> None:
    band = right(line(*points), distance_m=distance_m)
    assert band.is_valid
    assert shapely.covers(shapely.buffer(line(*points), distance_m + 0.01, quad_segs=64), band.buffer(-1e-6))
    # Turned around, the other side: the line's ends apart, together they are all that is near.
    other = right(line(*points[::-1]), distance_m=distance_m)
    near = shapely.buffer(line(*points), distance_m * 0.97, cap_style="flat", quad_segs=64)
    if shapely.is_simple(line(*points)) and len(points) == 2:
        assert shapely.union(band, other).buffer(1e-6).covers(near)
        assert shapely.intersection(band, other).area == pytest.approx(0, abs=1e-6)


# --- wildfire ---

WOOD = shapely.box(0, 0, 1_000, 1_000)


def test_wildfire_by_distance_and_buildings() -> None:
    # A house in the band, one beyond it, one astride its edge, and one just beyond it.
    houses = [
        shapely.box(1_100, 500, 1_110, 510),
        shapely.box(1_300, 0, 1_310, 10),
        shapely.box(1_190, 900, 1_210, 920),
        shapely.box(1_205, 100, 1_215, 110),
    ]
    zones = derive_wildfire_interface(ground(vegetation=[(WOOD, "forest")], buildings=houses), **EXACT)
    assert [at(zones, x, 505) for x in (500, 1_049, 1_051, 1_105, 1_159, 1_161, 1_199, 1_201)] == [
        "3", "3", "2", "2", "2", "1", "1", ""
    ]  # fmt: skip
    assert at(zones, 1_305, 5) == ""
    assert at(zones, 1_150, 10) == "1"
    assert at(zones, 1_195, 105) == "1", "a house beyond the band makes nothing of the band"
    assert at(zones, 1_199, 910) == "2"
    assert at(zones, 1_201, 910) == "", "the band of the wood ends it"
    assert zones["class_label"].groupby(zones["class_code"]).first().to_dict() == {
        "1": "within 200 m of burnable vegetation",
        "2": "within 200 m of burnable vegetation and 50 m of a building",
        "3": "in burnable vegetation or within 50 m of it",
    }
    near, far = (shapely.buffer(WOOD, reach).area for reach in (50, 200))
    got = areas(zones)
    assert got["3"] == pytest.approx(near, rel=1e-6)
    assert sum(got.values()) == pytest.approx(far, rel=1e-6)


def test_which_vegetation_burns_is_a_parameter() -> None:
    meadow = ground(vegetation=[(WOOD, "grass")])
    assert derive_wildfire_interface(meadow).empty
    assert len(derive_wildfire_interface(meadow, kinds=("grass",))) > 0


def test_small_patches_count_only_where_they_touch() -> None:
    one, two = shapely.box(0, 0, 60, 60), shapely.box(60, 0, 120, 60)
    apart = shapely.box(70, 0, 130, 60)
    assert derive_wildfire_interface(ground(vegetation=[(one, "forest")])).empty
    assert derive_wildfire_interface(ground(vegetation=[(one, "forest"), (apart, "scrub")])).empty
    assert not derive_wildfire_interface(ground(vegetation=[(one, "forest"), (two, "scrub")])).empty


def test_steep_ground_counts_one_class_higher_inside_the_zones_only() -> None:
    wood = shapely.box(-400, -100, -200, 100)
    houses = [shapely.box(-80, 50, -70, 60)]
    # Level in the south, 45° in the north.
    slope = relief(lambda _, y: np.maximum(y, 0.0))
    place = ground(vegetation=[(wood, "forest")], buildings=houses)
    flat, steep = derive_wildfire_interface(place), derive_wildfire_interface(place, elevation=slope)
    assert [at(zones, -120, -50) for zones in (flat, steep)] == ["1", "1"]
    assert [at(zones, -130, 130) for zones in (flat, steep)] == ["1", "2"]
    assert [at(zones, -75, 55) for zones in (flat, steep)] == ["2", "3"]
    assert [at(zones, 300, 300) for zones in (flat, steep)] == ["", ""]
    assert "20°" in steep.attrs["rule"]


# --- rockfall ---

CLIFF = line((0, -200), (0, 200))  # northwards: the lower side is in the east


def test_rockfall_bands_below_a_cliff() -> None:
    zones = derive_rockfall(ground(cliffs=[CLIFF]), **EXACT)
    assert areas(zones) == pytest.approx({"3": 400 * 25, "2": 400 * 25, "1": 400 * 50})
    assert [at(zones, x, 0) for x in (-1, 24, 26, 49, 51, 99, 101)] == ["", "3", "2", "2", "1", "1", ""]


def test_rocks_cross_a_lower_cliff_but_do_not_climb() -> None:
    lower = line((15, -200), (15, 200))
    zones = derive_rockfall(ground(cliffs=[CLIFF, lower]), **EXACT)
    assert areas(zones)["3"] == pytest.approx(400 * 40)
    assert at(zones, -1, 0) == ""


def test_a_long_cliff_below_does_not_hide_a_short_one_above() -> None:
    short, long = line((0, -20), (0, 20)), line((15, -200), (15, 200))
    zones = derive_rockfall(ground(cliffs=[short, long]), **EXACT)
    assert [at(zones, 5, y) for y in (0, 100)] == ["3", ""]


def test_rockfall_by_energy_lines() -> None:
    # 60 m of cliff above level ground: 60 / tan 37° = 80 m, / tan 32° = 96 m, / tan 27.5° = 115 m.
    step = relief(lambda x, _: np.where(x < 0, 60.0, 0.0))
    zones = derive_rockfall(ground(cliffs=[CLIFF]), elevation=step, **EXACT)
    # The source is on the line; whole cells of 10 m count.
    assert [at(zones, x, 5) for x in (-5, 5, 79, 81, 99, 101, 119, 121)] == [
        "",
        "3",
        "3",
        "2",
        "2",
        "1",
        "1",
        "",
    ]
    assert at(zones, -15, 5) == "", "nothing above the cliff"
    # On ground that falls at 30°, 60 m below the cliff, the line of 37° meets it where x (tan 37° - tan 30°) = 60,
    # at 340 m; that of 32° goes on to the end of the search.
    slope = relief(lambda x, _: np.where(x < 0, 400.0, 340.0 - x * math.tan(math.radians(30))))
    far = derive_rockfall(ground(cliffs=[CLIFF]), elevation=slope, max_reach_m=450)
    assert [at(far, x, 5) for x in (325, 355, 440, 475)] == ["3", "2", "2", ""]


def test_with_heights_a_cliff_drawn_the_wrong_way_round_is_turned() -> None:
    step = relief(lambda x, _: np.where(x < 0, 60.0, 0.0))
    wrong = ground(cliffs=[shapely.reverse(CLIFF), line((0, 300), (0, 400))])
    zones = derive_rockfall(wrong, elevation=step)
    assert [at(zones, x, 5) for x in (-20, 20)] == ["", "3"]
    assert zones.attrs["rule"].endswith("1 of 2 cliffs were turned")
    assert [at(derive_rockfall(wrong), x, 5) for x in (-20, 20)] == ["3", ""], (
        "without heights the map decides"
    )
    slight = relief(lambda x, _: np.where(x < 0, 9.0, 0.0))
    assert at(derive_rockfall(wrong, elevation=slight), -20, 5) == "3", "within the error of the heights"


def test_the_nearest_band_counts_even_where_the_grid_shows_no_cliff() -> None:
    zones = derive_rockfall(ground(cliffs=[CLIFF]), elevation=relief(lambda _x, _y: 7.0), **EXACT)
    assert at(zones, 24, 5) == "3"
    assert set(zones["class_code"]) == {"3"}


# --- flash flood ---

STREAM = line((0, -1_000), (0, 1_000))


def test_flash_flood_corridors_by_kind_and_width() -> None:
    zones = derive_flash_flood(
        ground(streams=[(STREAM, "stream", np.nan), (line((500, -1_000), (500, 1_000)), "river", 30.0)]),
        **EXACT,
    )
    assert [at(zones, x, 0) for x in (0, 9, 11, 24, 26, 49, 51)] == ["3", "3", "2", "2", "1", "1", ""]
    # A river 30 m wide: 15 m more than 20, 50, 100.
    assert [at(zones, 500 + x, 0) for x in (0, 34, 36, 64, 66, 114, 116)] == [
        "3",
        "3",
        "2",
        "2",
        "1",
        "1",
        "",
    ]


def test_canals_are_left_out_unless_they_are_asked_for() -> None:
    place = ground(streams=[(STREAM, "canal", np.nan)])
    assert derive_flash_flood(place).empty
    assert not derive_flash_flood(place, kinds=("canal",)).empty


def test_flash_flood_by_height_above_the_stream() -> None:
    # A valley whose sides rise 1 m on 10 m, falling to the south.
    valley = relief(lambda x, y: np.abs(x - 5) / 10 + (y + 600) / 100)
    stream = line((5, -600), (5, 600))
    zones = derive_flash_flood(ground(streams=[(stream, "stream", np.nan)]), elevation=valley, **EXACT)
    # Cells 10 m wide around x = 5, 15, 25 … are 0, 1, 2 … m above the stream.
    assert [at(zones, x, 5) for x in (5, 19, 29, 31, 59, 61, 109, 111)] == [
        "3",
        "3",
        "3",
        "2",
        "2",
        "1",
        "1",
        "",
    ]
    short = derive_flash_flood(
        ground(streams=[(stream, "stream", np.nan)]), elevation=valley, max_reach_m=40, **EXACT
    )
    assert [at(short, x, 5) for x in (44, 46)] == ["2", ""]


# --- coast ---

COAST = line((-1_000, 0), (1_000, 0))  # eastwards: land in the north, sea in the south
LAND = frame([shapely.box(-1_000, -500, 1_000, 500)])


def test_coastal_bands_lie_on_the_landward_side_even_where_the_land_is_drawn_into_the_sea() -> None:
    zones = derive_coastal_flood(ground(coast=[COAST]), LAND, **EXACT)
    assert areas(zones) == pytest.approx({"3": 2_000 * 25, "2": 2_000 * 25, "1": 2_000 * 50})
    assert [at(zones, 0, y) for y in (-1, 24, 26, 51, 99, 101)] == ["", "3", "2", "1", "1", ""]


def test_the_band_of_a_mole_does_not_cross_the_harbour() -> None:
    # A mole 10 m wide and 200 m long, out into the sea.
    mole = line((-1_000, 0), (0, 0), (0, -200), (10, -200), (10, 0), (1_000, 0))
    zones = derive_coastal_flood(ground(coast=[mole]), LAND, **EXACT)
    assert at(zones, 5, -100) == "3"
    assert [at(zones, x, -100) for x in (-5, 15, 40)] == ["", "", ""]
    sea = shapely.difference(moved(shapely.box(-1_000, -500, 1_000, 0)), moved(shapely.box(0, -200, 10, 0)))
    assert shapely.intersection(shapely.union_all(zones.geometry.to_numpy()), sea).area < 1.0


def test_an_island_off_the_coast_has_its_own_band_and_the_strait_none() -> None:
    island = line((0, -60), (100, -60), (100, -20), (0, -20), (0, -60))
    zones = derive_coastal_flood(ground(coast=[COAST, island]), LAND, **EXACT)
    assert [at(zones, 50, y) for y in (-10, -30, -50, -70)] == ["", "3", "3", ""]


def test_low_ground_floods_only_where_the_sea_can_come() -> None:
    # 1 m in the north up to a dike of 8 m at y = 200…210, behind it 1 m again.
    low = relief(lambda _, y: np.where((y > 200) & (y < 210), 8.0, 1.0))
    zones = derive_coastal_flood(
        ground(coast=[COAST]), frame([shapely.box(-590, 0, 590, 490)]), elevation=low
    )
    assert [at(zones, 0, y) for y in (5, 195, 205, 300)] == ["3", "3", "1", "1"]


def test_water_comes_over_the_corner_of_two_cells() -> None:
    low = relief(lambda x, y: np.where((x < 0) == (y < 100), 1.0, 20.0))
    zones = derive_coastal_flood(
        ground(coast=[COAST]), frame([shapely.box(-590, 0, 590, 490)]), elevation=low
    )
    assert [at(zones, x, y) for x, y in ((-50, 50), (50, 150), (50, 50), (-50, 150))] == ["3", "3", "", ""]


def test_a_stray_piece_of_coast_before_the_shore_makes_no_land_of_the_sea() -> None:
    lines = joined_lines(gpd.GeoSeries([line((-50, 0), (50, 0)), line((-5, -10), (5, -10))]))
    band = side_band(lines, 25.0, side="left", alone=False)
    assert band.equals(shapely.box(-50, 0, 50, 25))


# --- what holds for all ---

DERIVE: dict[str, Callable[..., gpd.GeoDataFrame]] = {
    "wildfire": derive_wildfire_interface,
    "rockfall": derive_rockfall,
    "flash_flood": derive_flash_flood,
    "coastal_flood": lambda ground, area=None, **other: derive_coastal_flood(
        ground, LAND if area is None else area, **other
    ),
}
EVERYTHING = ground(
    vegetation=[(shapely.box(-300, 0, -100, 200), "forest")],
    buildings=[shapely.box(-20, 100, -5, 110)],
    cliffs=[line((50, -200), (60, 0), (40, 200))],
    streams=[(line((200, -300), (180, 0), (220, 300)), "stream", np.nan)],
    coast=[COAST],
)


@pytest.mark.parametrize("hazard", DERIVE)
def test_without_such_features_there_are_no_zones_and_no_file(hazard: str, tmp_path: Path) -> None:
    bare = ground()
    for other in ({}, {"elevation": relief(lambda _x, _y: 5.0, half_m=1_100)}):
        zones = DERIVE[hazard](bare, **other)
        assert zones.empty
        assert zones.crs == UTM
        assert list(zones.columns) == ["class_code", "class_label", "geometry"]
    with pytest.raises(HazardError, match="leave this layer out"):
        write_derived(zones, tmp_path / "a.geojson", hazard=hazard, ground=bare)
    assert derive_layers(bare, tmp_path, area=LAND) == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("hazard", DERIVE)
@pytest.mark.parametrize("heights", [False, True])
def test_zones_are_valid_apart_inside_the_area_and_the_same_again(hazard: str, heights: bool) -> None:
    area = frame([shapely.Polygon([(-290, -250), (300, -250), (250, 260), (-250, 280)])])
    other: dict[str, Any] = {"area": area}
    if heights:
        other["elevation"] = relief(lambda x, y: np.abs(x - 200) / 100 + (y + 600) / 120)
    one, two = (DERIVE[hazard](EVERYTHING, **other) for _ in range(2))
    assert len(one) > 0
    assert one.geometry.is_valid.all()
    assert (one.geom_type == "Polygon").all()
    assert one.index.tolist() == list(range(len(one)))
    assert one["class_code"].is_monotonic_increasing
    assert set(one["class_code"]) <= {"1", "2", "3"}
    assert one.area.sum() == pytest.approx(shapely.union_all(one.geometry.to_numpy()).area, rel=1e-9)
    outside = shapely.difference(
        shapely.union_all(one.geometry.to_numpy()), area.geometry.iloc[0].buffer(1.01)
    )
    assert outside.area == pytest.approx(0.0, abs=1e-3)
    assert one.to_wkb().equals(two.to_wkb())
    assert one.attrs["rule"].startswith("derived, illustrative: ")
    # The order in which things are drawn says nothing.
    turned = Ground(
        **{
            name: getattr(EVERYTHING, name).iloc[::-1]
            for name in ("vegetation", "buildings", "cliffs", "streams", "coast")
        },
        crs=UTM,
        extent=EVERYTHING.extent,
    )
    assert DERIVE[hazard](turned, **other).to_wkb().equals(one.to_wkb())


@pytest.mark.parametrize("hazard", DERIVE)
def test_inputs_stay_as_they_are(hazard: str) -> None:
    names = ("vegetation", "buildings", "cliffs", "streams", "coast")
    before = {name: getattr(EVERYTHING, name).to_wkb() for name in names}
    DERIVE[hazard](EVERYTHING)
    assert all(getattr(EVERYTHING, name).to_wkb().equals(before[name]) for name in names)


@settings(deadline=None, max_examples=25)
@given(st.tuples(*[st.integers(1, 300)] * 3).map(sorted), st.integers(1, 50))
def test_a_wider_reach_never_lowers_a_class(reach: list[int], more: int) -> None:
    narrow = (float(reach[0]), float(reach[1] + 1), float(reach[2] + 2))
    wide = (narrow[0] + more, narrow[1] + more, narrow[2] + more)
    for hazard in ("rockfall", "coastal_flood"):
        one, two = (DERIVE[hazard](EVERYTHING, reach_m=given, **EXACT) for given in (narrow, wide))
        for code in "123":
            small, large = (
                shapely.union_all(zones[zones["class_code"] >= code].geometry.to_numpy())
                for zones in (one, two)
            )
            # Corners are on a grid of a centimetre.
            assert shapely.difference(small, large).area < 0.02 * small.length


@pytest.mark.parametrize("hazard", DERIVE)
def test_simplifying_moves_no_outline_further_than_it_may_and_leaves_no_gaps(hazard: str) -> None:
    exact, simple = (DERIVE[hazard](EVERYTHING, simplify_m=by) for by in (0.0, 3.0))
    fewer, more = (shapely.get_num_coordinates(zones.geometry.to_numpy()).sum() for zones in (simple, exact))
    assert fewer <= more * (1.0 if hazard == "coastal_flood" else 0.8), "the coast there is straight"
    for code in "123":
        one, two = (
            shapely.union_all(zones[zones["class_code"] >= code].geometry.to_numpy())
            for zones in (exact, simple)
        )
        assert shapely.hausdorff_distance(one.boundary, two.boundary) <= 3.05
        assert len(shapely.get_parts(two)) == len(shapely.get_parts(one)), "a gap would cut a zone in two"


@pytest.mark.parametrize(
    ("hazard", "other", "messages"),
    [
        ("wildfire", {"near_m": 200.0}, ["near_m, far_m: expected numbers above 0, each larger than the one before"]),
        ("wildfire", {"kinds": ("forrest",)}, ["kinds: expected some of forest, grass, scrub; got 'forrest'"]),
        ("wildfire", {"kinds": "forest"}, ["name them in a tuple"]),
        ("wildfire", {"kinds": ()}, ["kinds: expected some of forest, grass, scrub; got none"]),
        ("wildfire", {"steep_deg": 90.0}, ["steep_deg: expected degrees above 0 and below 90; got 90"]),
        ("wildfire", {"building_m": 0.0, "near_m": -1.0}, ["building_m: expected a number above 0", "got -1, 200"]),
        ("rockfall", {"reach_m": (50.0, 25.0, 100.0)}, ["reach_m: expected numbers", "got 50, 25, 100"]),
        ("rockfall", {"angle_deg": (27.5, 32.0, 37.0)}, ["angle_deg: expected numbers"]),
        ("rockfall", {"angle_deg": (95.0, 32.0, 20.0), "lateral_deg": 0.0}, ["got 95", "lateral_deg"]),
        ("flash_flood", {"height_m": (0.0, 1.0, 2.0), "kinds": ("dam",)}, ["height_m: expected", "got 'dam'"]),
        ("coastal_flood", {"reach_m": (1.0, 2.0, math.inf)}, ["reach_m: expected"]),
        ("wildfire", {"simplify_m": -1.0, "min_zone_m2": math.nan}, ["simplify_m: expected", "min_zone_m2: expected"]),
    ],
)  # fmt: skip
def test_parameters_out_of_range_are_refused_all_at_once(
    hazard: str, other: dict[str, Any], messages: list[str]
) -> None:
    with pytest.raises(HazardError) as error:
        DERIVE[hazard](EVERYTHING, **other)
    assert [message for message in messages if message not in str(error.value)] == []


@pytest.mark.parametrize("hazard", DERIVE)
def test_an_area_and_heights_must_fit(hazard: str) -> None:
    bare = gpd.GeoDataFrame(geometry=LAND.geometry.to_numpy())
    with pytest.raises(HazardError, match="expected a CRS; got none"):
        DERIVE[hazard](EVERYTHING, area=bare)
    with pytest.raises(HazardError, match="expected polygons; got LineString"):
        DERIVE[hazard](EVERYTHING, area=frame([COAST]))
    small = relief(lambda _x, _y: 1.0, half_m=100)
    with pytest.raises(
        HazardError, match=r"relief.tif, elevation: expected heights for the whole (area|land)"
    ):
        DERIVE[hazard](EVERYTHING, area=LAND, elevation=small)
    other = Elevation(height_m=small.height_m, transform=small.transform, crs=CRS.from_epsg(32631))
    with pytest.raises(HazardError, match="expected the CRS of the ground, EPSG:32632; got EPSG:32631"):
        DERIVE[hazard](EVERYTHING, elevation=other)


# --- schemes ---


@pytest.mark.parametrize("hazard", DERIVED_HAZARDS)
def test_schemes_say_that_they_are_derived_and_never_reach_extreme(hazard: str) -> None:
    found = scheme(DERIVED_HAZARDS[hazard][0])
    assert found.hazard == hazard
    assert found.name.startswith("Derived, illustrative: ")
    assert found.basis == "severity"
    assert "Nobody measured it" in found.note
    severity = found.classes["severity"].loc[["1", "2", "3"]].tolist()
    assert severity == sorted(set(severity))
    assert len(found.classes) == 3
    assert min(severity) >= 1
    assert max(severity) <= (3 if hazard == "coastal_flood" else 4)


# --- files ---


def test_a_file_reads_back_as_a_derived_layer(tmp_path: Path) -> None:
    zones = derive_rockfall(EVERYTHING, area=LAND)
    path = tmp_path / "new folder" / "rocks.geojson"
    told = write_derived(zones, path, hazard="rockfall", ground=EVERYTHING, area=LAND)
    layer = read_hazard(path, **told)
    assert layer.derived
    assert (layer.id, layer.hazard, layer.quantity, layer.scheme) == (
        "derived-rockfall",
        "rockfall",
        "class",
        "derived-rockfall",
    )
    assert layer.name == "Rockfall below cliffs (derived, illustrative)"
    assert layer.nodata_means == "unknown"
    assert (layer.licence, layer.date) == ("ODbL 1.0", "2024-05-31")
    assert layer.source == (
        "© OpenStreetMap contributors; extract test.osm.pbf; "
        "derived, illustrative: 25, 50, 100 m on the lower side of cliffs"
    )
    points = frame([shapely.Point(x, 0) for x in (70, 100, 150, 300, -50)]).set_index(pd.Index(list("abcde")))
    got = sample(layer, points)
    assert got["class_code"].fillna("").tolist() == ["3", "2", "1", "", ""]
    assert got["state"].tolist() == ["ok"] * 3 + ["nodata"] * 2, (
        "the whole area is covered, and no zone is unknown"
    )
    assert crosswalk(got["class_code"], "derived-rockfall")["severity"].iloc[:3].tolist() == [4, 3, 2]


def test_bytes_are_the_same_again_one_feature_a_line_with_seven_decimals(tmp_path: Path) -> None:
    one = derive_layers(EVERYTHING, tmp_path / "one", area=LAND)
    two = derive_layers(EVERYTHING, tmp_path / "two", area=LAND)
    assert [path.name for path in one] == [
        f"derived-{name}.geojson" for name in ("wildfire", "rockfall", "flash-flood", "coastal-flood")
    ]
    for first, second in zip(one, two, strict=True):
        assert first.read_bytes() == second.read_bytes()
        assert one[first] == two[second]
        lines = first.read_text("utf-8").splitlines()
        frame_ = gpd.read_file(first)
        assert len(lines) == len(frame_) + 2
        assert frame_.geometry.is_valid.all()
        xy = shapely.get_coordinates(frame_.geometry.to_numpy())
        assert (xy == xy.round(7)).all()
        # Rounding to a centimetre lets neighbours overlap by no more than that along their border.
        metric = frame_.to_crs(UTM)
        overlap = metric.area.sum() - shapely.union_all(metric.geometry.to_numpy()).area
        assert abs(overlap) < 0.02 * metric.length.sum()
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == sorted(path.name for path in one)


def test_what_is_thinner_than_the_grid_of_the_file_is_left_out(tmp_path: Path) -> None:
    zones = frame(
        [shapely.box(0, 0, 100, 100), shapely.box(100, 0, 100.001, 2_000)],
        class_code=["3", "2"], class_label=["a", "b"],
    )  # fmt: skip
    told = write_derived(zones, tmp_path / "a.geojson", hazard="rockfall", ground=EVERYTHING)
    assert gpd.read_file(tmp_path / "a.geojson")["class_code"].tolist() == ["3"]
    assert read_hazard(tmp_path / "a.geojson", **told).kind == "vector"


def test_only_the_hazards_asked_for(tmp_path: Path) -> None:
    got = derive_layers(EVERYTHING, tmp_path, area=LAND, hazards=("rockfall",))
    assert [told["hazard"] for told in got.values()] == ["rockfall"]
    with pytest.raises(HazardError, match="got landslide"):
        derive_layers(EVERYTHING, tmp_path, area=LAND, hazards=("landslide",))


def test_a_file_claims_no_more_than_was_read(tmp_path: Path) -> None:
    zones = derive_rockfall(EVERYTHING)
    huge = frame([shapely.box(-9_000, -300, 300, 300)])
    told = write_derived(zones, tmp_path / "a.geojson", hazard="rockfall", ground=EVERYTHING, area=huge)
    west = gpd.GeoSeries([moved(shapely.box(-5_000, -300, 300, 300))], crs=UTM).to_crs(4326).total_bounds
    assert told["covers"] == pytest.approx(tuple(west), abs=1e-6)
    away = frame([shapely.box(9_000, 9_000, 9_100, 9_100)])
    with pytest.raises(HazardError, match="a place on the ground that was read"):
        write_derived(zones, tmp_path / "b.geojson", hazard="rockfall", ground=EVERYTHING, area=away)


def test_what_cannot_be_written_is_refused_all_at_once(tmp_path: Path) -> None:
    bare = gpd.GeoDataFrame(geometry=LAND.geometry.to_numpy())
    zones = derive_rockfall(EVERYTHING).to_crs(32631)
    with pytest.raises(HazardError) as error:
        write_derived(zones, tmp_path / "a.gpkg", hazard="landslide", ground=EVERYTHING, area=bare)
    assert len(error.value.defects) == 4
    assert list(tmp_path.iterdir()) == []


# --- real places ---


@pytest.fixture(scope="module")
def monaco(shared_data: Path) -> Ground:
    return read_ground(shared_data / "monaco" / "monaco.osm.pbf", crs=UTM)


@pytest.fixture(scope="module")
def jurisdictions() -> gpd.GeoDataFrame:
    return read_region(demo_path()).jurisdictions


@pytest.fixture(scope="module")
def srtm(shared_data: Path, monaco: Ground) -> Elevation:
    return read_elevation(
        shared_data / "monaco" / "N43E007.hgt.zip", bounds=monaco.extent.bounds, crs=UTM, cell_m=30
    )


@pytest.fixture(scope="module")
def andorra(shared_data: Path) -> tuple[Ground, Elevation]:
    crs = "EPSG:32631"
    whole = read_ground(shared_data / "andorra" / "andorra-2025-01-19.osm.pbf", crs=crs)
    file = shared_data / "andorra" / "N42E001.hgt.zip"
    return whole, read_elevation(file, bounds=whole.extent.bounds, crs=crs, cell_m=30)


def mean_height(heights: Elevation, shape: BaseGeometry) -> float:
    """Mean of the cells whose centres are in a shape."""
    rows, columns = heights.height_m.shape
    x = heights.transform.c + heights.cell_m * (np.arange(columns) + 0.5)
    y = heights.transform.f - heights.cell_m * (np.arange(rows) + 0.5)
    left, bottom, right, top = shape.bounds
    part = np.ix_((y > bottom) & (y < top), (x > left) & (x < right))
    shapely.prepare(shape)
    inside = shapely.contains_xy(shape, *(axis[part] for axis in np.meshgrid(x, y)))
    found = heights.height_m[part][inside]
    return float(np.nanmean(found)) if np.isfinite(found).any() else math.nan


def test_monaco_without_heights(monaco: Ground, jurisdictions: gpd.GeoDataFrame) -> None:
    land = jurisdictions.to_crs(UTM)
    whole = float(land.area.sum())
    fire = areas(derive_wildfire_interface(monaco, area=land))
    assert 0.2 * whole < fire["3"] < 0.4 * whole
    assert 0.3 * whole < sum(fire.values()) < 0.6 * whole
    coast = derive_coastal_flood(monaco, land)
    shore = shapely.intersection(
        shapely.union_all(monaco.coast.geometry.to_numpy()), land.union_all().buffer(5)
    ).length
    assert 0.5 * shore * 100 < sum(areas(coast).values()) < shore * 100
    rocks = areas(derive_rockfall(monaco, area=land))
    assert sum(rocks.values()) < 100 * monaco.cliffs.length.sum()
    flood = areas(derive_flash_flood(monaco, area=land))
    assert 0 < sum(flood.values()) < 0.01 * whole


def test_monaco_rocks_lie_below_the_cliffs(monaco: Ground, srtm: Elevation) -> None:
    cliffs = joined_lines(monaco.cliffs.geometry)
    upper = side_band(cliffs, 100.0, side="left", alone=True)
    for heights in (None, srtm):
        zones = derive_rockfall(monaco, elevation=heights)
        assert mean_height(srtm, shapely.union_all(zones.geometry.to_numpy())) < mean_height(srtm, upper) - 20


def test_monaco_low_coast_is_lower_than_the_band(
    monaco: Ground, srtm: Elevation, jurisdictions: gpd.GeoDataFrame
) -> None:
    land = jurisdictions.to_crs(UTM)
    low = derive_coastal_flood(monaco, land, elevation=srtm)
    assert mean_height(srtm, shapely.union_all(low.geometry.to_numpy())) <= 10.0
    band = derive_coastal_flood(monaco, land)
    assert mean_height(srtm, shapely.union_all(band.geometry.to_numpy())) > 10.0, (
        "why the band is no more than a band"
    )
    assert sum(areas(low).values()) < 0.1 * land.area.sum()


def test_andorra_rocks_lie_below_the_cliffs(andorra: tuple[Ground, Elevation]) -> None:
    whole, heights = andorra
    cliffs = joined_lines(whole.cliffs.geometry)
    lower, upper = (
        np.array(
            [
                mean_height(heights, side_band(cliffs[[one]], 100.0, side=side, alone=True))
                for one in range(len(cliffs))
            ]
        )
        for side in ("right", "left")
    )
    length = shapely.length(cliffs)
    assert np.nanmedian(lower - upper) < -20
    # Some are drawn the wrong way round, so not all.
    assert length[lower < upper].sum() > 0.85 * length.sum()
    zones = derive_rockfall(whole, elevation=heights)
    turned = int(zones.attrs["rule"].split("; ")[-1].split()[0])
    assert 0 < turned <= (lower > upper).sum()
    above = side_band(cliffs, 100.0, side="left", alone=True)
    assert (
        mean_height(heights, shapely.union_all(zones.geometry.to_numpy())) < mean_height(heights, above) - 20
    )


def test_andorra_flash_floods_lie_lower_than_what_is_around(andorra: tuple[Ground, Elevation]) -> None:
    whole, heights = andorra
    for other in (None, heights):
        zones = derive_flash_flood(whole, kinds=("river",), elevation=other)
        corridor = shapely.union_all(zones.geometry.to_numpy())
        around = shapely.difference(corridor.buffer(200), corridor)
        assert mean_height(heights, corridor) < mean_height(heights, around) - 20
    assert derive_coastal_flood(whole, gpd.GeoDataFrame(geometry=[whole.extent], crs=whole.crs)).empty


def test_the_layers_of_the_demo_are_small_and_the_same_again(
    tmp_path: Path, shared_data: Path, jurisdictions: gpd.GeoDataFrame
) -> None:
    written = []
    for folder in ("one", "two"):
        place = read_ground(shared_data / "monaco" / "monaco.osm.pbf", crs=UTM, within=jurisdictions)
        written.append(derive_layers(place, tmp_path / folder, area=jurisdictions, simplify_m=5.0))
    assert len(written[0]) == 4
    for one, two in zip(*written, strict=True):
        assert one.read_bytes() == two.read_bytes()
        assert read_hazard(one, **written[0][one]).derived
    assert sum(path.stat().st_size for path in written[0]) < 150_000
