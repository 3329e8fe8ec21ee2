"""When a hazard arrives at points, in areas and along roads: by hand, against brute force, and on a real fire."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from mutualaid.data import ArrivalSource, HazardScenario, demo_path, read_region
from mutualaid.errors import HazardError
from mutualaid.hazards import (
    Arrival,
    arrival_areas,
    arrival_at,
    arrival_in,
    arrival_on_lines,
    check_hazards,
    lay_on_roads,
    read_arrival,
    read_hazard,
    scenario_roads,
)

UTM = "EPSG:32632"
X, Y = 500_000.0, 4_800_000.0
INF, NAN = np.inf, np.nan


def box(west: float, south: float, east: float, north: float) -> shapely.Polygon:
    return shapely.box(X + west, Y + south, X + east, Y + north)


def zones(folder: Path, rows: Sequence[tuple[float | None, shapely.Polygon]], crs: str = UTM) -> Path:
    frame = gpd.GeoDataFrame(
        {"minute": [row[0] for row in rows]}, geometry=[row[1] for row in rows], crs=UTM
    ).astype({"minute": float})
    frame.to_crs(crs).to_file(folder / "times.gpkg", driver="GPKG")
    return folder / "times.gpkg"


#: Two neighbours that the fire reaches after 10 and 20 minutes, the second earlier in a corner, and a pond.
ROWS = [
    (10.0, box(0, 0, 100, 100)),
    (20.0, box(100, 0, 200, 100)),
    (15.0, box(150, 50, 200, 100)),
    (None, box(200, 0, 300, 100)),
]
FRAME = (X - 100, Y, X + 300, Y + 100)


@pytest.fixture
def fire(tmp_path: Path) -> Arrival:
    source = ArrivalSource(file=zones(tmp_path, ROWS), hazard="wildfire", column="minute", covers=FRAME)
    return read_arrival(source, tmp_path, UTM)


def points(*xy: tuple[float, float]) -> gpd.GeoSeries:
    return gpd.GeoSeries([shapely.Point(X + x, Y + y) for x, y in xy], crs=UTM)


def lines(*coordinates: Sequence[tuple[float, float]]) -> gpd.GeoSeries:
    made = [shapely.LineString([(X + x, Y + y) for x, y in one]) for one in coordinates]
    return gpd.GeoSeries(made, index=[f"road {number}" for number in range(len(made))], crs=UTM)


def raster(folder: Path, values: Any, *, nodata: float | None = -9.0, unit: str = "min") -> ArrivalSource:
    cells = np.array(values, np.float32)
    with rasterio.open(
        folder / "times.tif", "w", driver="GTiff", height=cells.shape[0], width=cells.shape[1], count=1,
        dtype="float32", crs=UTM, nodata=nodata, transform=Affine(100, 0, X, 0, -100, Y + 100 * len(cells)),
    ) as file:  # fmt: skip
        file.write(cells, 1)
    return ArrivalSource(file=folder / "times.tif", hazard="wildfire", unit=unit)


# --- reading ------------------------------------------------------------------------------------------------


def test_polygons_are_in_seconds_in_the_crs_of_the_region(tmp_path: Path) -> None:
    file = zones(tmp_path, ROWS, crs="EPSG:4326")
    source = ArrivalSource(file=Path(file.name), hazard="wildfire", column="minute", name="North wind")

    fire = read_arrival(source, tmp_path, UTM)

    assert fire.polygons is not None
    assert fire.polygons.crs == UTM
    assert fire.polygons["arrival_s"].tolist() == [600, 1200, 900]
    assert fire.polygons.area.sum() == pytest.approx(22_500, rel=1e-4)
    assert (fire.hazard, fire.name) == ("wildfire", "North wind")
    assert replace(fire, source=replace(source, name="")).name == "times"


@pytest.mark.parametrize(("unit", "seconds"), [("s", 90), ("min", 5400), ("h", 324_000)])
def test_units_of_time(tmp_path: Path, unit: str, seconds: float) -> None:
    source = ArrivalSource(
        file=zones(tmp_path, [(90.0, box(0, 0, 1, 1))]), hazard="flood", column="minute", unit=unit
    )
    cells = raster(tmp_path, [[90]], unit=unit)

    for one in (source, cells):
        assert arrival_at(points((0.5, 0.5)), read_arrival(one, tmp_path, UTM)).tolist() == [seconds]


def test_times_before_the_alarm_are_refused(tmp_path: Path) -> None:
    rows = [(-1.0, box(n, 0, n + 1, 1)) for n in range(22)] + [(0.0, box(30, 0, 31, 1))]
    source = ArrivalSource(file=zones(tmp_path, rows), hazard="wildfire", column="minute")

    with pytest.raises(HazardError) as caught:
        read_arrival(source, tmp_path, UTM)

    assert [one.where for one in caught.value.defects][::20] == ["feature 1", "from feature 21"]
    assert caught.value.defects[0].got == "-60 seconds"
    assert caught.value.defects[-1].got == "2 more of the same"


def test_a_raster_of_times_before_the_alarm_is_refused_where_it_is_asked(tmp_path: Path) -> None:
    fire = read_arrival(raster(tmp_path, [[5, -9999]]), tmp_path, UTM)

    assert arrival_at(points((50, 50)), fire).tolist() == [300]
    with pytest.raises(HazardError, match=r"times after the alarm.*state the value that means no data"):
        arrival_at(points((150, 50)), fire)
    with pytest.raises(HazardError, match="times after the alarm"):
        arrival_in(gpd.GeoSeries([box(0, 0, 200, 100)], crs=UTM), fire)
    with pytest.raises(HazardError, match="times after the alarm"):
        arrival_areas(fire)


def test_everything_wrong_with_a_file_is_named(tmp_path: Path) -> None:
    file = zones(tmp_path, ROWS)

    with pytest.raises(HazardError, match=r"times\.gpkg, column: expected a column 'hour'"):
        read_arrival(ArrivalSource(file=file, hazard="wildfire", column="hour"), tmp_path, UTM)
    with pytest.raises(HazardError, match="a file that exists"):
        read_arrival(ArrivalSource(file=Path("no.gpkg"), hazard="wildfire", column="hour"), tmp_path, UTM)
    with pytest.raises(HazardError, match="a declared nodata value"):
        read_arrival(raster(tmp_path, [[1]], nodata=None), tmp_path, UTM)


def geojson(path: Path, west: float, south: float, **more: object) -> Path:
    ring = [[west, south], [west + 10, south], [west + 10, south + 10], [west, south]]
    feature = {
        "type": "Feature",
        "properties": {"h": 1},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    path.write_text(
        json.dumps({"type": "FeatureCollection", "features": [feature], **more}), encoding="utf-8"
    )
    return path


def test_a_geojson_that_states_no_crs_may_be_in_another(tmp_path: Path) -> None:
    source = ArrivalSource(
        file=geojson(tmp_path / "t.geojson", X, Y), hazard="wildfire", column="h", unit="h", crs=UTM
    )

    assert arrival_at(points((6, 3)), read_arrival(source, tmp_path, UTM)).tolist() == [3600]
    with pytest.raises(HazardError, match="coordinates that can be in EPSG:4326"):
        read_arrival(replace(source, crs=None), tmp_path, UTM)
    named = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32631"}}
    geojson(tmp_path / "other.geojson", X, Y, crs=named)
    with pytest.raises(HazardError, match="the CRS of the file, EPSG:32631"):
        read_arrival(replace(source, file=Path("other.geojson")), tmp_path, UTM)


# --- points -------------------------------------------------------------------------------------------------


def test_never_is_not_unknown_and_the_earliest_counts(fire: Arrival) -> None:
    at = points((50, 50), (120, 20), (160, 60), (100, 50), (250, 50), (-50, 50), (-150, 50))
    asked = gpd.GeoSeries([*at, None], index=list("abcdefgh"), crs=UTM)

    found = arrival_at(asked, fire)

    assert found.name == "arrival_s"
    assert found.index.tolist() == list("abcdefgh")
    # On the edge of two it is the earlier; beside all of them never; beyond what is covered nobody knows.
    assert_array_equal(found, [600, 1200, 900, 600, INF, INF, NAN, NAN])
    degrees = gpd.GeoDataFrame(geometry=asked).to_crs(4326)
    assert_array_equal(arrival_at(degrees, fire)[:3], [600, 1200, 900])


def test_a_place_without_a_time_can_be_unknown(fire: Arrival) -> None:
    unknown = replace(fire, source=replace(fire.source, nodata_means="unknown"))

    assert_array_equal(arrival_at(points((50, 50), (250, 50), (-50, 50)), unknown), [600, NAN, NAN])


def test_cells_of_a_raster(tmp_path: Path) -> None:
    fire = read_arrival(raster(tmp_path, [[0, -9], [30, 2.5]]), tmp_path, UTM)

    found = arrival_at(points((50, 150), (150, 150), (50, 50), (150, 50), (250, 50)), fire)

    assert fire.polygons is None
    assert_array_equal(found, [0, INF, 1800, 150, NAN])
    assert not np.signbit(found.iloc[0])


def test_no_points(fire: Arrival) -> None:
    assert arrival_at(points(), fire).empty
    assert arrival_on_lines(lines(), fire).empty
    assert arrival_in(gpd.GeoSeries([], crs=UTM), fire).empty


# --- roads --------------------------------------------------------------------------------------------------


def test_a_road_is_reached_when_its_first_metre_is(fire: Arrival) -> None:
    roads = lines(
        [(-50, 50), (150, 50)],
        [(150, 20), (50, 20)],
        [(250, 10), (250, 90)],
        [(250, 50), (350, 50)],
        [(-150, 50), (50, 50)],
        [(400, 50), (500, 50)],
    )

    found = arrival_on_lines(roads, fire)

    assert found.index.tolist() == roads.index.tolist()
    # The fourth leaves what is covered without having been reached: that is not never.
    assert_array_equal(found["arrival_s"], [600, 600, INF, NAN, 600, NAN])
    assert_allclose(found["at_m"], [50, 50, NAN, NAN, 150, NAN], atol=1e-6)
    assert_allclose(found["unknown_m"], [0, 0, 0, 50, 50, 100], atol=1e-6)


def test_less_than_a_centimetre_does_not_count_unless_it_is_all(fire: Arrival) -> None:
    roads = lines(
        [(-50, 50), (0.009, 50)], [(-50, 50), (0.011, 50)], [(20, 50), (20.004, 50)], [(20, 50), (20, 50)]
    )

    assert_array_equal(arrival_on_lines(roads, fire)["arrival_s"], [INF, 600, 600, 600])


def test_a_missing_road_is_unknown(fire: Arrival) -> None:
    roads = gpd.GeoSeries([None, *lines([(20, 50), (30, 50)])], crs=UTM)

    assert_array_equal(arrival_on_lines(roads, fire)["arrival_s"], [NAN, 600])


def test_a_road_whose_time_is_not_known_everywhere_is_reached_no_later_than_said(fire: Arrival) -> None:
    unknown = replace(fire, source=replace(fire.source, nodata_means="unknown"))

    found = arrival_on_lines(lines([(150, 20), (250, 20)], [(210, 20), (250, 20)]), unknown)

    assert_array_equal(found["arrival_s"], [1200, NAN])
    assert_allclose(found["unknown_m"], [50, 40])


@pytest.mark.parametrize(
    ("hazard", "spared"),
    [
        ("wildfire", []),
        ("coastal_flood", ["bridge"]),
        ("flash_flood", ["bridge"]),
        ("rockfall", ["tunnel", "covered"]),
        ("avalanche", ["tunnel", "covered"]),
        ("landslide", []),
    ],
)
def test_bridges_and_tunnels_are_spared_as_in_a_scenario(
    fire: Arrival, tmp_path: Path, hazard: str, spared: list[str]
) -> None:
    names = ["plain", "bridge", "tunnel", "covered"]
    flags: dict[str, Any] = {name: [name == one for one in names] for name in names[1:]}
    roads = lines(*[[(10, 50), (90, 50)]] * 4)

    arrival = replace(fire, source=replace(fire.source, hazard=hazard))
    found = arrival_on_lines(roads, arrival, **flags)

    expected = [INF if name in spared else 600 for name in names]
    assert_array_equal(found["arrival_s"], expected)
    assert_array_equal(found["at_m"].isna(), np.isinf(expected))
    # The same ground as a layer of a scenario closes the same roads.
    chance = zones(tmp_path, [(1.0, box(0, 0, 100, 100))])
    layer = read_hazard(
        chance, id="z", hazard=hazard, quantity="class", column="minute", scheme="derived-rockfall"
    )
    laid = lay_on_roads(replace(layer, hazard=hazard), roads, crs=UTM)
    rule = "severity-water" if "flood" in hazard else "severity-car"
    scenario = HazardScenario("s", "S", ("z",), rules={"z": rule}, roads="close")
    severe = replace(laid, severity=np.where(np.isnan(laid.severity), np.nan, 5.0))
    left = scenario_roads(scenario, [severe], roads, free_flow_kph=50.0, vehicle="car", **flags)
    assert_array_equal(left.roads["closed"], np.isfinite(expected))


def test_roads_in_another_crs_and_on_a_raster(tmp_path: Path) -> None:
    fire = read_arrival(raster(tmp_path, [[30, 20, -9, 10]]), tmp_path, UTM)
    roads = lines([(50, 50), (350, 50)], [(50, 50), (150, 50)], [(250, 20), (250, 80)])

    here = arrival_on_lines(roads, fire)
    there = arrival_on_lines(roads.to_crs("EPSG:32631"), fire)

    assert_array_equal(here["arrival_s"], [600, 1200, INF])
    assert_array_equal(there["arrival_s"], here["arrival_s"])
    assert_allclose(here["at_m"], [250, 50, NAN])
    # In the neighbouring zone the road is some tenths of a percent longer, and so is the way to the fire.
    assert_allclose(there["at_m"], here["at_m"], rtol=5e-3)


def test_lines_and_areas_need_a_crs(fire: Arrival) -> None:
    bare = gpd.GeoSeries([shapely.LineString([(0, 0), (1, 1)])])

    for ask in (arrival_on_lines, arrival_in, arrival_at):
        with pytest.raises(HazardError, match="a CRS"):
            ask(bare, fire)


def reached_by_hand(road: Any, rows: list[Any], bounds: shapely.Polygon) -> float:
    """When a centimetre of a road lies in the ground reached by then, time by time; all of it if it is a point."""
    for minute in sorted({row[0] for row in rows if row[0] is not None}):
        ground = shapely.union_all([shape for time, shape in rows if time is not None and time <= minute])
        if road.length == 0:
            if ground.intersects(shapely.Point(road.coords[0])):
                return 60 * float(minute)
        elif road.intersection(ground).length >= 0.01:
            return 60 * float(minute)
    outside = road.difference(bounds).length >= 0.01 or not road.intersects(bounds)
    return NAN if outside else INF


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_road_is_reached_when_the_ground_below_it_is(tmp_path: Path, data: st.DataObject) -> None:
    # Roads between the edges of the polygons, so that none runs along one.
    tens = st.integers(0, 20).map(lambda n: n * 10.0 + 5)
    rows = []
    for _ in range(data.draw(st.integers(1, 5))):
        west, south = data.draw(st.tuples(st.integers(0, 15), st.integers(0, 15)))
        wide, high = data.draw(st.tuples(st.integers(1, 8), st.integers(1, 8)))
        minute = data.draw(st.none() | st.integers(0, 50).map(float))
        rows.append((minute, box(10 * west, 10 * south, 10 * (west + wide), 10 * (south + high))))
    many = st.lists(st.lists(st.tuples(tens, tens), min_size=2, max_size=4), min_size=1, max_size=4)
    roads = lines(*data.draw(many))
    covers = (X, Y, X + 150, Y + 230)
    source = ArrivalSource(file=zones(tmp_path, rows), hazard="wildfire", column="minute", covers=covers)

    fire = read_arrival(source, tmp_path, UTM)
    found = arrival_on_lines(roads, fire)

    bounds = shapely.box(*shapely.union_all([shapely.box(*covers), *(row[1] for row in rows)]).bounds)
    assert_array_equal(found["arrival_s"], [reached_by_hand(road, rows, bounds) for road in roads])
    road: Any
    for at_m, seconds, road in zip(found["at_m"], found["arrival_s"], roads, strict=True):
        if np.isfinite(seconds):
            here = gpd.GeoSeries([shapely.line_interpolate_point(road, at_m)], crs=UTM)
            assert arrival_in(here.buffer(0.01), fire).iloc[0] <= seconds


# --- areas --------------------------------------------------------------------------------------------------


def test_an_area_is_reached_when_its_first_place_is(fire: Arrival) -> None:
    areas = gpd.GeoSeries(
        [
            box(150, 10, 250, 90),
            box(-50, 10, 0, 90),
            box(-50, 10, 1, 90),
            box(210, 10, 290, 90),
            box(210, 10, 310, 90),
        ],
        crs=UTM,
    )

    # The second only touches, the last leaves what is covered.
    assert_array_equal(arrival_in(areas, fire), [900, INF, 600, INF, NAN])
    unknown = replace(fire, source=replace(fire.source, nodata_means="unknown"))
    assert_array_equal(arrival_in(areas, unknown), [900, NAN, 600, NAN, NAN])
    assert_array_equal(arrival_in(areas.to_crs(4326), fire)[2:4], [600, INF])


def test_an_area_on_a_raster(tmp_path: Path) -> None:
    fire = read_arrival(raster(tmp_path, [[30, 20, -9, -9]]), tmp_path, UTM)
    shapes: Any = [
        box(10, 10, 190, 90),
        box(210, 10, 390, 90),
        box(310, 10, 410, 90),
        box(500, 0, 600, 100),
        None,
    ]
    areas = gpd.GeoSeries(shapes, crs=UTM)

    assert_array_equal(arrival_in(areas, fire), [1200, INF, NAN, NAN, NAN])


# --- step by step -------------------------------------------------------------------------------------------


def test_ground_step_by_step_is_never_shown_later_than_the_fire(fire: Arrival) -> None:
    found = arrival_areas(fire, step_s=500)

    assert found.crs == UTM
    assert found["arrival_s"].tolist() == [500, 1000]
    # The corner burns with the first, although its polygon lies over that of the second.
    assert found.area.tolist() == pytest.approx([12_500, 7_500])
    assert not found.geometry.iloc[0].intersection(found.geometry.iloc[1]).area
    assert arrival_areas(fire, step_s=600)["arrival_s"].tolist() == [600, 1200]


def test_ground_within_bounds_and_of_a_raster(fire: Arrival, tmp_path: Path) -> None:
    part = arrival_areas(fire, within=(X + 90, Y, X + 110, Y + 100))
    cells = read_arrival(raster(tmp_path, [[30, 20, -9, 10]]), tmp_path, UTM)
    whole = arrival_areas(cells, step_s=1200)

    assert part.area.tolist() == pytest.approx([1000, 1000])
    assert whole["arrival_s"].tolist() == [0, 1200]
    assert whole.area.tolist() == pytest.approx([10_000, 20_000])
    some = arrival_areas(cells, within=(X + 300, Y, X + 400, Y + 100))
    assert some["arrival_s"].tolist() == [600]


def test_a_step_takes_time(fire: Arrival) -> None:
    with pytest.raises(HazardError, match="seconds above 0"):
        arrival_areas(fire, step_s=0)


# --- in a region --------------------------------------------------------------------------------------------


def test_the_fire_of_the_demo_grows_and_stays_in_the_interface() -> None:
    region = read_region(demo_path())
    assert region.evacuation is not None
    assert region.evacuation.arrival is not None
    fire = read_arrival(region.evacuation.arrival, region.folder, region.crs)

    assert fire.polygons is not None
    steps = fire.polygons["arrival_s"].to_numpy()
    # Band by band, from half an hour after the alarm on.
    assert_array_equal(steps, 1800 + np.arange(len(steps)) * 900)
    interface = gpd.read_file(demo_path() / "hazards" / "wildfire-fr.geojson").to_crs(region.crs)
    burns = interface[interface["class_code"].isin(["2", "3"])].union_all()
    assert fire.polygons.union_all().difference(burns.buffer(0.1)).area < 1
    centre = fire.polygons.union_all().envelope.centroid
    # Each band lies further from where it began than the one before.
    start = fire.polygons.geometry.iloc[0].representative_point()
    assert (np.diff(fire.polygons.distance(start)) >= 0).all()
    assert centre.x > start.x
    first = arrival_in(region.jurisdictions, fire)
    assert first["FR-la-turbie"] == 1800
    assert first["FR-beausoleil"] < first["FR-roquebrune-cap-martin"] < INF
    assert np.isinf(first["MC"])
    assert np.isinf(arrival_at(region.shelters, fire)).all()
    assert check_hazards(region) == []


def test_a_region_is_told_what_is_wrong_with_its_times(tmp_path: Path) -> None:
    region = read_region(demo_path())
    case = region.evacuation
    assert case is not None
    assert case.arrival is not None

    def told(source: ArrivalSource) -> list[str]:
        changed = replace(region, hazards=(), scenarios=(), evacuation=replace(case, arrival=source))
        return [f"{one.where}: {one.expected}" for one in check_hazards(changed)]

    assert told(case.arrival) == []
    (column,) = told(replace(case.arrival, column="hours"))
    assert column == "hazard layer arrival, column: a column 'hours'"
    (place,) = told(ArrivalSource(file=zones(tmp_path, ROWS), hazard="wildfire", column="minute"))
    assert place.startswith("hazard layer arrival: a layer that covers a part of the region")
    west, south, _, _ = region.jurisdictions.total_bounds
    with rasterio.open(
        tmp_path / "early.tif", "w", driver="GTiff", height=2, width=2, count=1, dtype="float32", crs=UTM,
        nodata=-1, transform=Affine(9000, 0, west, 0, -9000, south + 18_000),
    ) as file:  # fmt: skip
        file.write(np.full((2, 2), -9999, np.float32), 1)
    (early,) = told(ArrivalSource(file=tmp_path / "early.tif", hazard="wildfire"))
    assert early == "hazard layer arrival: times after the alarm, 0 or more"


# --- a real fire --------------------------------------------------------------------------------------------


@pytest.fixture
def surf_coast(shared_data: Path, tmp_path: Path) -> Arrival:
    folder = shared_data / "evacuation" / "surf_coast"
    (packed,) = folder.glob("anglesea*.json.gz")
    with gzip.open(packed) as stream, (tmp_path / "fire.json").open("wb") as plain:
        shutil.copyfileobj(stream, plain)
    source = ArrivalSource(
        file=Path("fire.json"), hazard="wildfire", unit="h", column="HOUR_BURNT", crs="EPSG:32754"
    )
    return read_arrival(source, tmp_path, "EPSG:32754")


def test_the_fire_of_surf_coast_cell_by_cell(surf_coast: Arrival, tmp_path: Path) -> None:
    frame = surf_coast.polygons
    assert frame is not None
    # 13,101 cells, of which 5,499 burn within ten hours.
    assert len(frame) == 5_499
    assert (frame["arrival_s"].min(), frame["arrival_s"].max()) == (
        pytest.approx(0.36),
        pytest.approx(35_993.448),
    )
    cells = json.loads((tmp_path / "fire.json").read_bytes())["features"]
    by_id = {int(one["properties"]["CELL_ID"]): shapely.geometry.shape(one["geometry"]) for one in cells}
    # By hand from the file: where it starts, a cell half way, the last one, and one that never burns.
    hours = {
        13_980_820: 0.0001,
        13_985_982: 0.12119,
        14_125_403: 5.98185,
        14_084_050: 9.99818,
        13_846_686: INF,
    }
    middles = gpd.GeoSeries({key: by_id[key].centroid for key in hours}, crs=32754)
    assert_allclose(arrival_at(middles, surf_coast), [3600 * hour for hour in hours.values()])
    assert len(by_id) == 13_101
    away = gpd.GeoSeries([shapely.Point(700_000, 5_750_000)], crs=32754)
    assert arrival_at(away, surf_coast).isna().all()


def test_a_road_along_the_first_cells_of_surf_coast(surf_coast: Arrival) -> None:
    # From the second cell to the first, and on: the fire starts in the first.
    road = shapely.LineString([(768_025.3, 5_755_791.2), (768_033.0, 5_755_971.1)])
    beyond = shapely.LineString([(768_025.3, 5_755_791.2), (768_025.4, 5_755_792.2)])

    found = arrival_on_lines(gpd.GeoSeries([road, beyond], crs=32754), surf_coast)

    assert_allclose(found["arrival_s"], [0.36, 0.12119 * 3600])
    assert 60 < found["at_m"].iloc[0] < 120
    assert found["unknown_m"].eq(0).all()


def test_the_ground_of_surf_coast_step_by_step_is_all_that_burns(surf_coast: Arrival) -> None:
    assert surf_coast.polygons is not None
    steps = arrival_areas(surf_coast, step_s=1800)

    assert steps["arrival_s"].tolist() == (1800.0 * np.arange(20)).tolist()
    assert steps.area.sum() == pytest.approx(surf_coast.polygons.union_all().area)
    grown = pd.Series(steps.area.to_numpy()).cumsum()
    assert grown.is_monotonic_increasing
