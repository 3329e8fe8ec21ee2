"""Reading and writing a whole region."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import CRS

from mutualaid.data import (
    Parameters,
    Region,
    Source,
    check_region,
    read_region,
    region_notes,
    write_region,
    write_table,
)
from mutualaid.errors import RegionError

TABLES = ("jurisdictions", "stations", "units", "demand", "hospitals")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def same_table(left: pd.DataFrame, right: pd.DataFrame) -> None:
    """Assert equal tables, positions to a millimetre."""
    if isinstance(left, gpd.GeoDataFrame):
        assert isinstance(right, gpd.GeoDataFrame)
        assert left.crs == right.crs
        near = shapely.hausdorff_distance(left.geometry.to_numpy(), right.geometry.to_numpy())
        assert (near < 1e-3).all()
        left, right = (pd.DataFrame(frame.drop(columns="geometry")) for frame in (left, right))
    pd.testing.assert_frame_equal(left, right, atol=1e-3)


def test_a_valid_region_is_read_as_its_model_says(region_folder: Path) -> None:
    region = read_region(region_folder)

    assert (region.name, region.note, region.folder) == ("Two towns", "Made for tests", region_folder)
    assert region.crs == CRS.from_epsg(32632)
    assert region.jurisdictions.index.tolist() == ["W", "E"]
    assert region.jurisdictions["partner"].tolist() == ["W", "E"]
    assert region.jurisdictions["languages"].tolist() == ["fr;de-CH", ""]
    assert region.jurisdictions["completed"].tolist() == [False, False]
    assert region.stations.index.tolist() == ["007", "E,1"]
    assert region.stations["status"].tolist() == ["active", "active"]
    assert region.units.index.tolist() == ["U1"]
    assert region.units["count"].tolist() == [2]
    assert region.hospitals.index.tolist() == ["H1"]
    assert region.demand["population"].tolist() == [10.0, 2.5, 0.0, 40.0]
    assert region.cell_m is None
    assert region.network_files == (region_folder / "roads.osm",)
    assert region.parameters == Parameters(crossing_s=30.0)
    assert region.sources == (Source("everything", "made by hand"),)
    for name in TABLES:
        frame = getattr(region, name)
        assert frame.index.name == "id"
        if name != "units":
            assert frame.crs == region.crs


def test_unknown_is_nan_and_never_zero(region_folder: Path) -> None:
    region = read_region(region_folder)

    assert np.isnan(region.jurisdictions["population"]["E"])
    assert region.stations.loc["007", "turnout_s"] == 80.0
    assert np.isnan(region.stations["turnout_s"]["E,1"])
    assert np.isnan(region.stations["turnout_night_s"]).all()
    assert np.isnan(region.units["staffing"]).all()
    assert region.demand.loc["3", "population"] == 0.0


def test_a_point_without_jurisdiction_gets_that_of_its_location(region_folder: Path) -> None:
    edit(region_folder / "stations.csv", "007,Harbour,W", "007,Harbour,")

    region = read_region(region_folder)

    assert region.stations["jurisdiction"].tolist() == ["W", "E"]
    assert region.demand["jurisdiction"].tolist() == ["W", "W", "E", "E"]


def test_a_point_just_across_the_boundary_keeps_the_jurisdiction_it_states(region_folder: Path) -> None:
    # 0.0005° are 40 m at this latitude, within the tolerance of 50 m.
    edit(region_folder / "demand.csv", "2,2.5,W,7.416", "2,2.5,W,7.4205")

    assert read_region(region_folder).demand.loc["2", "jurisdiction"] == "W"


def test_a_point_just_outside_all_gets_the_nearest_jurisdiction(region_folder: Path) -> None:
    edit(region_folder / "demand.csv", "4,40,,7.436", "4,40,,7.4405")

    assert read_region(region_folder).demand.loc["4", "jurisdiction"] == "E"


def test_without_a_crs_the_utm_zone_of_the_place_is_used(region_folder: Path) -> None:
    edit(region_folder / "region.toml", 'crs = "EPSG:32632"\n', "")

    assert read_region(region_folder).crs == CRS.from_epsg(32632)


def test_positions_are_those_of_the_file_in_metres(region_folder: Path) -> None:
    points = read_region(region_folder).stations.geometry

    # 1.595° west of the central meridian of zone 32 at 43.705° north, where a degree of longitude is 80.6 km.
    assert points.x["007"] == pytest.approx(500_000 - 1.595 * 80_600, rel=1e-3)
    assert points.distance(points["E,1"])["007"] == pytest.approx(
        np.hypot(0.03 * 80_600, 0.01 * 111_100), rel=5e-3
    )


def test_hostile_names_are_kept_as_they_are(region_folder: Path) -> None:
    name = "<script>alert(1)</script> '; DROP TABLE -- =cmd|' {{7*7}} \u202e ${x}"
    edit(region_folder / "stations.csv", "Harbour", f'"{name}"')

    region = read_region(region_folder)
    again = read_region(write_region(region, region_folder.parent / "copy"))

    assert region.stations.loc["007", "name"] == name
    assert again.stations.loc["007", "name"] == name


def test_another_weight_takes_the_place_of_population(region_folder: Path) -> None:
    edit(region_folder / "demand.csv", "id,population", "id,incidents")
    edit(region_folder / "region.toml", 'file = "demand.csv"', 'file = "demand.csv"\nweight = "incidents"')

    demand = read_region(region_folder).demand
    assert demand["population"].tolist() == [10.0, 2.5, 0.0, 40.0]
    assert demand["incidents"].tolist() == [10.0, 2.5, 0.0, 40.0]


def test_incidents_are_there_only_if_the_file_has_them(region_folder: Path, tmp_path: Path) -> None:
    assert "incidents" not in read_region(region_folder).demand
    demand = region_folder / "demand.csv"
    edit(demand, "jurisdiction", "jurisdiction,incidents")
    for place, incidents in (("W,7.404", "3.5"), ("W,7.416", ""), ("E,7.424", "0"), (",7.436", "1")):
        jurisdiction, lon = place.split(",")
        edit(demand, f",{place}", f",{jurisdiction},{incidents},{lon}")

    region = read_region(region_folder)

    # Unknown is not zero.
    np.testing.assert_array_equal(region.demand["incidents"], [3.5, np.nan, 0.0, 1.0])
    assert region.demand["population"].tolist() == [10.0, 2.5, 0.0, 40.0]
    again = read_region(write_region(region, tmp_path / "copy"))
    np.testing.assert_array_equal(again.demand["incidents"], region.demand["incidents"])

    edit(demand, "3.5", "-3.5")
    (defect,) = check_region(region_folder)
    assert (defect.where, defect.got) == ("row 2 (id 1), column incidents", "'-3.5'")


def test_incidents_that_are_misspelt_are_a_defect(region_folder: Path) -> None:
    edit(region_folder / "demand.csv", "id,population,jurisdiction,lon", "id,population,incident,lon")

    (defect,) = check_region(region_folder)

    assert (defect.expected, defect.remedy) == ("a column incidents", "rename the column 'incident'")


def test_cells_of_known_width_get_their_corner(region_folder: Path) -> None:
    edit(region_folder / "region.toml", 'file = "demand.csv"', 'file = "demand.csv"\ncell_m = 100')

    region = read_region(region_folder)

    assert region.cell_m == 100.0
    assert (region.demand.geometry.x - region.demand["cell_x"]).to_numpy() == pytest.approx(50.0)
    assert (region.demand.geometry.y - region.demand["cell_y"]).to_numpy() == pytest.approx(50.0)


def test_optional_tables_may_be_missing(region_folder: Path) -> None:
    for name in ("units", "hospitals"):
        edit(region_folder / "region.toml", f'[{name}]\nfile = "{name}.csv"\n', "")

    region = read_region(region_folder)

    assert len(region.units) == len(region.hospitals) == 0
    assert list(region.units.columns) == ["station", "kind", "capabilities", "staffing", "count"]
    assert region.hospitals.crs == region.crs


def test_files_of_other_formats_and_crs_give_the_same_region(region_folder: Path) -> None:
    region = read_region(region_folder)
    write_table(region.jurisdictions.to_crs(3035), region_folder / "jurisdictions.parquet")
    write_table(region.stations.to_crs(4326), region_folder / "towns.gpkg", layer="stations")
    write_table(region.demand.to_crs(2154), region_folder / "towns.gpkg", layer="demand")
    toml = region_folder / "region.toml"
    edit(toml, "jurisdictions.geojson", "jurisdictions.parquet")
    edit(toml, 'file = "stations.csv"', 'file = "towns.gpkg"\nlayer = "stations"')
    edit(toml, 'file = "demand.csv"', 'file = "towns.gpkg"\nlayer = "demand"')

    other = read_region(toml)

    for name in TABLES:
        same_table(getattr(region, name), getattr(other, name))


def test_a_geojson_of_another_crs_is_honoured_when_it_says_so(region_folder: Path) -> None:
    region = read_region(region_folder)
    content = json.loads(region.jurisdictions.to_crs(2154).reset_index().to_json(drop_id=True))
    content["crs"] = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::2154"}}
    (region_folder / "jurisdictions.geojson").write_text(json.dumps(content), encoding="utf-8")

    same_table(read_region(region_folder).jurisdictions, region.jurisdictions)


def test_csv_of_semicolons_with_a_byte_order_mark_is_read(region_folder: Path) -> None:
    path = region_folder / "demand.csv"
    path.write_text("\ufeff" + path.read_text(encoding="utf-8").replace(",", ";"), encoding="utf-8")

    assert read_region(region_folder).demand["population"].sum() == 52.5


def overlapping(folder: Path, width_m: float) -> None:
    """Make the west town reach so far into the east one."""
    path = folder / "jurisdictions.geojson"
    content = json.loads(path.read_text(encoding="utf-8"))
    # 1° of longitude is 80,590 m at 43.71° north in the region's CRS.
    for at in (1, 2):
        content["features"][0]["geometry"]["coordinates"][0][at][0] += width_m / 80_590
    path.write_text(json.dumps(content), encoding="utf-8")


def test_slivers_between_neighbours_are_tolerated_and_count_for_the_first(region_folder: Path) -> None:
    overlapping(region_folder, 9.8)
    demand = region_folder / "demand.csv"
    text = demand.read_text(encoding="utf-8")
    demand.write_text(text.replace("4,40,,7.436,43.716", "4,40,,7.42006,43.71"), encoding="utf-8")

    region = read_region(region_folder)

    shapes = region.jurisdictions.geometry
    assert shapes["W"].intersection(shapes["E"]).area > 9.5 * 2000
    assert region.demand.loc["4", "jurisdiction"] == "W"
    assert region.demand["population"].sum() == 52.5


def test_an_overlap_wider_than_a_sliver_is_a_defect(region_folder: Path) -> None:
    overlapping(region_folder, 10.2)

    (defect,) = check_region(region_folder)

    assert defect.expected == "areas that do not overlap by more than 10 m"
    assert " m² in common, 10.2 m wide, near lon 7.42" in defect.got


def test_reading_leaves_the_files_as_they_are(region_folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in region_folder.iterdir()}

    read_region(region_folder)

    assert {path.name: path.read_bytes() for path in region_folder.iterdir()} == before


def test_a_region_that_is_not_there_is_one_defect(tmp_path: Path) -> None:
    (defect,) = check_region(tmp_path)

    assert (defect.file, defect.remedy) == ("region.toml", "correct the path")
    with pytest.raises(RegionError, match=r"region\.toml: expected a region folder"):
        read_region(tmp_path)


def test_what_is_odd_but_usable_is_noted(region_folder: Path) -> None:
    edit(region_folder / "jurisdictions.geojson", '"population": 12.5', '"population": 20')
    edit(region_folder / "stations.csv", "turnout_s,lon,lat", "turnout_s,lon,lat,status")
    edit(region_folder / "stations.csv", "7.405,43.705", "7.405,43.705,planned")
    edit(region_folder / "stations.csv", "7.435,43.715", "7.435,43.715,")

    region = read_region(region_folder)
    notes = [(note.file, note.where, note.got) for note in region_notes(region)]

    assert notes == [
        ("demand", "id W", "12"),
        ("stations", "id W", "none"),
        ("jurisdictions", "id E", "nothing"),
    ]


def test_a_region_written_is_the_same_when_read(region_folder: Path, tmp_path: Path) -> None:
    region = replace(
        read_region(region_folder),
        parameters=Parameters(crossing_s=30.0, local_standards={"W": "own.1"}, turnout_s={"career": 75.5}),
        standards={
            "own.1": {
                "name": 'Ten "minutes"',
                "service": "fire",
                "start": "received",
                "end": "arrived",
                "limit_s": 600.0,
                "share": 0.9,
            }
        },
        note="Two lines\nand a \\ backslash",
    )

    again = read_region(write_region(region, tmp_path / "copy"))

    for name in TABLES:
        same_table(getattr(region, name), getattr(again, name))
    for name in ("name", "crs", "cell_m", "sources", "standards", "note"):
        assert getattr(region, name) == getattr(again, name)
    # Departments that are not named keep the turnout that everybody has.
    assert again.parameters.turnout_s == {**Parameters().turnout_s, "career": 75.5}
    assert again.parameters.local_standards == {"W": "own.1"}
    assert again.network_files[0].read_bytes() == region.network_files[0].read_bytes()


def test_writing_twice_gives_the_same_bytes(region_folder: Path, tmp_path: Path) -> None:
    region = read_region(region_folder)
    first, second = tmp_path / "first", tmp_path / "second"

    write_region(region, first)
    write_region(read_region(first), second)

    assert {path.name: path.read_bytes() for path in first.iterdir()} == {
        path.name: path.read_bytes() for path in second.iterdir()
    }


def test_writing_over_itself_keeps_the_roads(region_folder: Path) -> None:
    region = read_region(region_folder)

    write_region(region, region_folder)

    assert read_region(region_folder).network_files == region.network_files


_NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=30).filter(
    lambda text: text == text.strip() != ""
)
_IDS = _NAMES.filter(lambda text: ";" not in text)
_SECONDS = st.one_of(st.just(float("nan")), st.floats(0, 3600))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_valid_region_survives_writing_and_reading(region_folder: Path, data: st.DataObject) -> None:
    template = read_region(region_folder)
    ids = data.draw(st.lists(_IDS, min_size=2, max_size=2, unique=True))
    jurisdictions = template.jurisdictions.set_axis(pd.Index(ids, name="id"))
    jurisdictions = jurisdictions.assign(
        name=data.draw(st.lists(_NAMES, min_size=2, max_size=2)),
        partner=data.draw(st.lists(_IDS, min_size=2, max_size=2)),
        population=data.draw(st.lists(st.one_of(st.just(np.nan), st.floats(0, 1e9)), min_size=2, max_size=2)),
    )
    stations = template.stations.set_axis(
        pd.Index(data.draw(st.lists(_IDS, min_size=2, max_size=2, unique=True)), name="id")
    )
    stations = stations.assign(
        jurisdiction=ids,
        name=data.draw(st.lists(_NAMES, min_size=2, max_size=2)),
        turnout_s=data.draw(st.lists(_SECONDS, min_size=2, max_size=2)),
    )
    units = template.units.assign(station=stations.index[:1])
    demand = template.demand.assign(
        jurisdiction=[ids[0], ids[0], ids[1], ids[1]],
        population=data.draw(st.lists(st.floats(0, 1e9), min_size=4, max_size=4)),
    )
    region: Region = replace(
        template,
        name=data.draw(_NAMES),
        jurisdictions=jurisdictions,
        stations=stations,
        units=units,
        demand=demand,
    )
    folder = region_folder.parent / "drawn"
    shutil.rmtree(folder, ignore_errors=True)

    again = read_region(write_region(region, folder))

    assert again.name == region.name
    for name in TABLES:
        same_table(getattr(region, name), getattr(again, name))
    assert again.demand["population"].tolist() == demand["population"].tolist()
