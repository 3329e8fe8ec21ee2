"""Where people are: nobody is lost, nobody is made, nobody crosses a boundary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio import Affine
from shapely import Point, box

from mutualaid.data import demand_from_census, demand_from_raster, demand_from_totals
from mutualaid.data._osm_buildings import floor_levels
from mutualaid.errors import DemandError

CRS = 32632


def towns(**population: float) -> gpd.GeoDataFrame:
    """Squares of 1 km side by side at 500 km east, 5000 km north, from west to east."""
    boxes = [
        box(500_000 + 1000 * n, 5_000_000, 501_000 + 1000 * n, 5_001_000) for n in range(len(population))
    ]
    return gpd.GeoDataFrame(
        {"population": list(population.values())},
        geometry=boxes,
        index=pd.Index(list(population), name="id"),
        crs=CRS,
    )


def houses(*rows: tuple[float, float, float, float]) -> gpd.GeoDataFrame:
    """Buildings: x, y of the lower left corner from the first town's, side, levels."""
    shapes = [
        box(500_000 + x, 5_000_000 + y, 500_000 + x + side, 5_000_000 + y + side) for x, y, side, _ in rows
    ]
    return gpd.GeoDataFrame({"levels": [row[3] for row in rows]}, geometry=shapes, crs=CRS)


def raster(
    path: Path, values: Any, *, west: float, north: float, step: float, crs: Any = CRS, **more: Any
) -> Path:
    """A GeoTIFF of people."""
    data = np.asarray(values, dtype=np.float64)
    tags = more.pop("tags", {"units": "people per cell"})
    profile = {
        "driver": "GTiff",
        "count": 1,
        "dtype": "float64",
        "height": data.shape[0],
        "width": data.shape[1],
    }
    place = {"crs": crs, "transform": Affine(step, 0, west, 0, -step, north)} | more
    with rasterio.open(path, "w", **profile, **place) as target:
        target.write(data, 1)
        target.update_tags(**tags)
    return path


def off_jurisdiction(demand: gpd.GeoDataFrame, areas: gpd.GeoDataFrame) -> Any:
    """How far each point is from the jurisdiction that it is said to be in."""
    own = areas.geometry.reindex(demand["jurisdiction"])
    return shapely.distance(np.asarray(own), demand.geometry.to_numpy())


# --- municipal totals ---


def test_totals_are_spread_by_floor_area_over_own_buildings_only() -> None:
    # A: 100 m² × 1 and 100 m² × 3; B: one house, with all of its people.
    demand, unplaced = demand_from_totals(
        towns(A=40, B=7), houses((10, 10, 10, 1), (510, 10, 10, 3), (1010, 10, 10, 2)), cell_m=100
    )

    assert demand[["population", "jurisdiction"]].to_numpy().tolist() == [[10, "A"], [30, "A"], [7, "B"]]
    assert demand[["cell_x", "cell_y"]].to_numpy().tolist() == [
        [500_000, 5_000_000],
        [500_500, 5_000_000],
        [501_000, 5_000_000],
    ]
    assert unplaced.empty


def test_a_cell_on_the_boundary_has_a_point_for_each_side() -> None:
    areas = towns(A=5, B=6)
    areas.geometry = areas.translate(50, 0)

    both, _ = demand_from_totals(areas, houses((1030, 10, 10, 1), (1060, 10, 10, 1)), cell_m=200)

    assert both["cell_x"].to_list() == [501_000, 501_000]
    assert both["jurisdiction"].to_list() == ["A", "B"]
    assert not both.index.has_duplicates


def test_the_point_of_a_cell_is_the_house_nearest_to_the_centre_of_its_people() -> None:
    # People-weighted centre of the cell: x = (15·1 + 45·1 + 95·8) / 10 = 82, so the third house.
    demand, _ = demand_from_totals(towns(A=10), houses((10, 10, 10, 1), (40, 10, 10, 1), (90, 10, 10, 8)))

    assert demand.geometry.x.to_list() == pytest.approx([500_095])
    assert len(demand) == 1


def test_what_cannot_be_placed_is_reported() -> None:
    demand, unplaced = demand_from_totals(
        towns(A=40, B=7, C=np.nan), houses((10, 10, 10, 1), (2010, 10, 10, 1))
    )

    assert demand["population"].sum() == 40
    assert unplaced["jurisdiction"].to_list() == ["B", "C"]
    assert unplaced["reason"].to_list() == ["no residential building in it", "population unknown"]
    assert unplaced["population"].to_list()[0] == 7


def test_inputs_stay_as_they_were() -> None:
    areas, buildings = towns(A=40), houses((10, 10, 10, 1))
    before = areas.copy(), buildings.copy()

    demand_from_totals(areas, buildings)

    pd.testing.assert_frame_equal(areas, before[0])
    pd.testing.assert_frame_equal(buildings, before[1])


HOUSE = st.tuples(
    st.floats(-200, 2900), st.floats(-200, 1200), st.floats(5, 40), st.sampled_from([1.0, 2.0, 5.5])
)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(HOUSE, min_size=1, max_size=25),
    totals=st.lists(st.one_of(st.floats(0, 1e6), st.just(np.nan)), min_size=3, max_size=3),
    cell_m=st.sampled_from([None, 50.0, 100.0, 333.0]),
)
def test_people_of_each_jurisdiction_are_conserved(
    rows: list[tuple[float, float, float, float]], totals: list[float], cell_m: float | None
) -> None:
    areas = towns(A=totals[0], B=totals[1], C=totals[2])

    demand, unplaced = demand_from_totals(areas, houses(*rows), cell_m=cell_m)

    placed = demand.groupby("jurisdiction")["population"].sum().reindex(areas.index, fill_value=0.0)
    lost = unplaced.set_index("jurisdiction")["population"].reindex(areas.index)
    together = placed + lost.fillna(0)
    assert together.to_numpy() == pytest.approx(areas["population"].fillna(0).to_numpy(), rel=1e-9)
    assert (off_jurisdiction(demand, areas) == 0).all()
    if cell_m is not None:
        west, south = demand["cell_x"].to_numpy(), demand["cell_y"].to_numpy()
        cells = shapely.box(west, south, west + cell_m, south + cell_m)
        assert (shapely.distance(cells, demand.geometry.to_numpy()) == 0).all()


@pytest.mark.parametrize(
    ("tags", "levels"),
    [
        ({"building": "yes"}, 2.0),
        ({"building": "house", "building:levels": "1"}, 1.0),
        ({"building": "apartments"}, 4.0),
        ({"building": "apartments", "building:levels": "7,5"}, 7.5),
        ({"building": "yes", "building:levels": "9999"}, 2.0),
        ({"building": "yes", "building:levels": "two"}, 2.0),
        ({"building": "garage"}, None),
        ({"building": "no"}, None),
        ({"building": "yes", "wall": "no"}, None),
        ({"building": "yes", "amenity": "school"}, None),
        ({"building": "yes", "amenity": "restaurant"}, 2.0),
        ({"building": "yes", "man_made": "water_tower"}, None),
        ({"building": "house", "historic": "yes"}, 2.0),
    ],
)
def test_who_may_live_in_a_building(tags: dict[str, str], levels: float | None) -> None:
    assert floor_levels(tags) == levels


def test_bad_totals_are_refused() -> None:
    with pytest.raises(DemandError, match=r"id B: expected a population of 0 or more; got -7"):
        demand_from_totals(towns(A=4, B=-7), houses((10, 10, 10, 1)))
    with pytest.raises(DemandError, match="a projected CRS in metres"):
        demand_from_totals(towns(A=4).to_crs(4326), houses((10, 10, 10, 1)))
    with pytest.raises(DemandError, match="a width above 0 m; got -1"):
        demand_from_totals(towns(A=4), houses((10, 10, 10, 1)), cell_m=-1)


# --- census ---


def test_census_points_keep_their_place_and_outsiders_are_reported() -> None:
    census = gpd.GeoDataFrame(
        {"population": [3, 4, 5]},
        geometry=[Point(500_010, 5_000_010), Point(500_020, 5_000_020), Point(400_000, 5_000_000)],
        crs=CRS,
    )

    demand, unplaced = demand_from_census(census, towns(A=0))
    single, _ = demand_from_census(census, towns(A=0), cell_m=None)

    assert demand["population"].to_list() == [7]
    assert demand.geometry.iloc[0].equals(Point(500_020, 5_000_020)), "nearest to the centre of the people"
    assert single["population"].to_list() == [3, 4]
    assert unplaced.to_dict("records") == [
        {"jurisdiction": "", "population": 5.0, "reason": "outside every jurisdiction"}
    ]


def test_census_polygons_go_to_the_buildings_inside_them_on_either_side_of_a_boundary() -> None:
    census = gpd.GeoDataFrame(
        {"population": [90.0]}, geometry=[box(500_900, 5_000_000, 501_100, 5_000_200)], crs=CRS
    )
    buildings = houses((950, 10, 10, 1), (1050, 10, 10, 2), (10, 10, 10, 9))

    demand, unplaced = demand_from_census(census, towns(A=0, B=0), buildings=buildings)

    assert demand[["population", "jurisdiction"]].to_numpy().tolist() == [[30, "A"], [60, "B"]]
    assert unplaced.empty


def test_census_polygons_without_buildings_are_spread_by_area() -> None:
    # A quarter of it lies in A, a quarter in B, half outside.
    census = gpd.GeoDataFrame(
        {"population": [80.0]}, geometry=[box(500_900, 5_000_900, 501_100, 5_001_100)], crs=CRS
    )

    demand, unplaced = demand_from_census(census, towns(A=0, B=0), cell_m=100)

    assert demand.groupby("jurisdiction")["population"].sum().to_dict() == pytest.approx({"A": 20, "B": 20})
    assert unplaced["population"].to_list() == pytest.approx([40])


def test_census_rows_that_cannot_be_used_are_refused() -> None:
    line = gpd.GeoDataFrame({"population": [1]}, geometry=[shapely.LineString([(0, 0), (1, 1)])], crs=CRS)
    with pytest.raises(DemandError, match="census, id 0: expected a point or a polygon"):
        demand_from_census(line, towns(A=0))
    with pytest.raises(DemandError, match="census: expected a CRS"):
        demand_from_census(gpd.GeoDataFrame({"population": [1]}, geometry=[Point(0, 0)]), towns(A=0))


# --- raster ---


def test_a_raster_cell_cut_by_a_boundary_is_shared_by_area(tmp_path: Path) -> None:
    # One cell of 100 m: 30 m of it in A, 70 m in B.
    file = raster(tmp_path / "r.tif", [[50]], west=500_970, north=5_000_100, step=100)

    demand, unplaced = demand_from_raster(file, towns(A=0, B=0))

    assert demand.groupby("jurisdiction")["population"].sum().to_dict() == pytest.approx({"A": 15, "B": 35})
    assert unplaced.empty


def test_people_outside_every_jurisdiction_are_reported(tmp_path: Path) -> None:
    file = raster(tmp_path / "r.tif", [[50, 8]], west=500_930, north=5_000_100, step=100)

    demand, unplaced = demand_from_raster(file, towns(A=0))

    assert demand["population"].sum() == pytest.approx(35)
    # The second cell does not touch the bounding box of the jurisdictions.
    assert unplaced[["population", "reason"]].to_numpy().tolist() == [
        [pytest.approx(15), "outside every jurisdiction"]
    ]


def test_wide_raster_cells_are_split_evenly(tmp_path: Path) -> None:
    file = raster(tmp_path / "r.tif", [[100]], west=500_000, north=5_001_000, step=1000)

    demand, _ = demand_from_raster(file, towns(A=0), cell_m=100)

    assert len(demand) == 100
    assert demand["population"].to_numpy() == pytest.approx(np.ones(100))


def test_nodata_is_nobody_and_other_negatives_are_refused(tmp_path: Path) -> None:
    values = [[-9999, 12], [-9999, np.nan]]
    marked = raster(tmp_path / "a.tif", values, west=500_000, north=5_001_000, step=100, nodata=-9999)
    bare = raster(tmp_path / "b.tif", values, west=500_000, north=5_001_000, step=100)

    assert demand_from_raster(marked, towns(A=0))[0]["population"].to_list() == [12]
    with pytest.raises(
        DemandError, match=r"b\.tif, band 1: expected populations of 0 or more; got -9999 in 2 cells"
    ):
        demand_from_raster(bare, towns(A=0))


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        ("pop_density.tif", {}),
        ("people.tif", {"units": "people per km2"}),
        ("people.tif", {"units": "km-2"}),
        ("people.tif", {"DESCRIPTION": "inhabitants/ha"}),
        ("ghs.tif", {"units": "persons per sq km"}),
    ],
)
def test_densities_are_refused(tmp_path: Path, name: str, tags: dict[str, str]) -> None:
    file = raster(tmp_path / name, [[5]], west=500_000, north=5_001_000, step=100, tags=tags)

    with pytest.raises(
        DemandError, match=r"expected people per cell; got densities\. Remedy: give quantity='count'"
    ):
        demand_from_raster(file, towns(A=0))


def test_a_raster_that_does_not_say_what_it_holds_needs_a_word(tmp_path: Path) -> None:
    file = raster(tmp_path / "people.tif", [[5]], west=500_000, north=5_001_000, step=1000, tags={})

    with pytest.raises(DemandError, match="does not say whether it holds counts or densities"):
        demand_from_raster(file, towns(A=0))
    assert demand_from_raster(file, towns(A=0), quantity="count")[0]["population"].sum() == pytest.approx(5)
    # 5 people a km² on about one km²; UTM makes 1 km 0.04 % too short on its central meridian.
    density, _ = demand_from_raster(file, towns(A=0), quantity="density")
    assert density["population"].sum() == pytest.approx(5, rel=1e-3)


def test_a_raster_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    beside = raster(tmp_path / "beside.tif", [[5]], west=600_000, north=5_001_000, step=100)
    nowhere = raster(tmp_path / "nowhere.tif", [[5]], west=500_000, north=5_001_000, step=100, crs=None)
    text = tmp_path / "text.tif"
    text.write_text("no raster", encoding="utf-8")

    with pytest.raises(DemandError, match="a raster over the jurisdictions; got one beside them"):
        demand_from_raster(beside, towns(A=0))
    with pytest.raises(DemandError, match="expected a CRS; got none"):
        demand_from_raster(nowhere, towns(A=0))
    assert demand_from_raster(nowhere, towns(A=0), crs=f"EPSG:{CRS}")[0]["population"].sum() == pytest.approx(
        5
    )
    with pytest.raises(DemandError, match="a GeoTIFF that can be read"):
        demand_from_raster(text, towns(A=0))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.lists(st.sampled_from([0.0, 1.0, 2.5, 1000.0, 1e-3]), min_size=12, max_size=12),
    crs=st.sampled_from([32632, 4326, 3035, 3857, 54009]),
    shift=st.floats(0, 0.9),
    cell_m=st.sampled_from([70.0, 100.0, 900.0]),
)
def test_a_raster_in_any_crs_loses_nobody(
    tmp_path: Path, values: list[float], crs: int, shift: float, cell_m: float
) -> None:
    areas = towns(A=0, B=0)
    there = areas.to_crs(f"ESRI:{crs}" if crs == 54009 else crs)
    west, _, _, north = there.total_bounds
    step = 0.003 if crs == 4326 else 300.0
    file = raster(
        tmp_path / "r.tif",
        np.array(values).reshape(3, 4),
        west=west - shift * step,
        north=north + shift * step,
        step=step,
        crs=there.crs,
    )

    demand, unplaced = demand_from_raster(file, areas, cell_m=cell_m)

    assert demand["population"].sum() + unplaced["population"].sum() == pytest.approx(sum(values), rel=1e-6)
    assert (off_jurisdiction(demand, areas) < 1e-6).all()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 1000),
    turned=st.floats(-180, 180),
    step=st.floats(15, 90),
    crs=st.sampled_from([CRS, 4326]),
    nodata=st.sampled_from([np.nan, -9999.0, -200.0, None]),
)
def test_a_turned_raster_inside_one_jurisdiction_loses_nobody(
    tmp_path: Path, seed: int, turned: float, step: float, crs: int, nodata: float | None
) -> None:
    values = np.random.default_rng(seed).integers(0, 50, (7, 5)).astype(float)
    people = values.sum()
    if nodata is not None:
        people -= values[2, 3]
        values[2, 3] = nodata
    x, y, wide, high = 500_500.0, 5_000_500.0, step, -step
    if crs == 4326:
        x, y = gpd.GeoSeries([Point(x, y)], crs=CRS).to_crs(4326).iloc[0].coords[0]
        wide, high = wide / 111_000, high / 111_000
    # The far corner is less than 9 cells away, which is within the town on any side.
    place = Affine.translation(x, y) @ Affine.rotation(turned) @ Affine.scale(wide / 2, high / 2)
    file = raster(
        tmp_path / "r.tif", values, west=0, north=0, step=1, crs=crs, transform=place, nodata=nodata
    )
    areas = towns(A=0)

    demand, unplaced = demand_from_raster(file, areas, cell_m=40)

    assert demand["population"].sum() == pytest.approx(people, rel=1e-9)
    assert unplaced.empty


def test_a_raster_of_many_windows_and_parts_is_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.random.default_rng(7).integers(1, 9, (300, 6))
    file = raster(tmp_path / "r.tif", values, west=500_001, north=5_000_991, step=3.3)
    monkeypatch.setattr("mutualaid.data._demand_raster._PARTS", 1000)

    demand, unplaced = demand_from_raster(file, towns(A=0, B=0), cell_m=50)
    fine, _ = demand_from_raster(file, towns(A=0, B=0), cell_m=1.1)

    assert demand["population"].sum() == pytest.approx(values.sum(), rel=1e-9)
    assert fine["population"].sum() == pytest.approx(values.sum(), rel=1e-9)
    assert unplaced.empty


def test_scale_and_offset_of_a_raster_are_honoured(tmp_path: Path) -> None:
    file = raster(tmp_path / "r.tif", [[25, -1]], west=500_000, north=5_001_000, step=100, nodata=-1)
    with rasterio.open(file, "r+") as target:
        target.scales, target.offsets = (0.1,), (2.0,)

    demand, _ = demand_from_raster(file, towns(A=0))

    assert demand["population"].to_list() == [4.5]


def test_infinite_people_are_refused(tmp_path: Path) -> None:
    file = raster(tmp_path / "r.tif", [[5, np.inf]], west=500_000, north=5_001_000, step=100)

    with pytest.raises(DemandError, match=r"band 1: expected populations of 0 or more; got inf in 1 cells"):
        demand_from_raster(file, towns(A=0))


def test_a_crs_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    file = raster(tmp_path / "r.tif", [[5]], west=500_000, north=5_001_000, step=100)

    with pytest.raises(DemandError, match="expected a CRS; got EPSG:99999, which PROJ does not know"):
        demand_from_raster(file, towns(A=0), crs="EPSG:99999")


# --- frames that are not as they should be ---


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("people", [1], "census: expected a column population; got the columns people, geometry"),
        ("population", ["1,200"], "census, id 0: expected a population of 0 or more; got 1,200"),
        ("population", [float("inf")], "census, id 0: expected a population of 0 or more; got inf"),
    ],
)
def test_census_figures_that_are_none_are_refused(column: str, values: list[object], message: str) -> None:
    census = gpd.GeoDataFrame({column: values}, geometry=[Point(500_500, 5_000_500)], crs=CRS)

    with pytest.raises(DemandError, match=message):
        demand_from_census(census, towns(A=0))


def test_an_unknown_census_figure_is_reported_and_not_zero() -> None:
    figures = pd.array([5, None], dtype="Int64")
    census = gpd.GeoDataFrame({"population": figures}, geometry=[Point(500_500, 5_000_500)] * 2, crs=CRS)

    demand, unplaced = demand_from_census(census, towns(A=0))

    assert demand["population"].to_list() == [5]
    assert unplaced["reason"].to_list() == ["population unknown in 1 census rows"]


def test_a_census_polygon_that_crosses_itself_keeps_its_people() -> None:
    ring = [(500_000, 5_000_000), (500_900, 5_000_900), (500_900, 5_000_000), (500_000, 5_000_900)]
    census = gpd.GeoDataFrame({"population": [10]}, geometry=[shapely.Polygon(ring)], crs=CRS)

    demand, _ = demand_from_census(census, towns(A=0))

    assert demand["population"].sum() == pytest.approx(10)


def test_buildings_need_levels_and_those_without_surface_hold_nobody() -> None:
    built = houses((100, 100, 10, 1), (300, 300, 10, 1))
    empty = built.set_geometry(
        gpd.GeoSeries([built.geometry[0], shapely.Polygon()], index=built.index, crs=CRS)
    )

    with pytest.raises(DemandError, match="buildings: expected a column levels"):
        demand_from_totals(towns(A=30), built.drop(columns="levels"))
    assert demand_from_totals(towns(A=30), empty)[0]["population"].to_list() == [30]
