"""Tables in and out, in every format."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from pyproj import CRS

from mutualaid.data import read_table, write_table
from mutualaid.errors import Defect, RegionError

FORMATS = (".gpkg", ".geojson", ".parquet", ".csv")


@pytest.fixture
def stations() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {
            "name": ["Hafen, „Süd“", "=1+1", "消防署"],
            "jurisdiction": ["01", "01", "2"],
            "service": ["fire", "ems", "rescue"],
            "department": ["career", "unknown", "volunteer"],
            "turnout_s": [80.5, np.nan, 0.0],
            "turnout_day_s": [np.nan, np.nan, np.nan],
            "turnout_night_s": [1.1, 2.2, 3.3],
            "turnout_weekend_s": [np.nan, 1.0, 2.0],
            "status": ["active", "planned", "closed"],
        },
        index=pd.Index(["007", "1e5", "NA"], name="id"),
        geometry=gpd.points_from_xy([7.4, 7.41, -0.1], [43.7, 43.71, 51.5]),
        crs=4326,
    )


def defects_of(path: Path, table: str | None = None, **options: str) -> tuple[Defect, ...]:
    with pytest.raises(RegionError) as caught:
        read_table(path, table, **options)
    return caught.value.defects


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_table_written_is_the_same_when_read(
    tmp_path: Path, suffix: str, stations: gpd.GeoDataFrame
) -> None:
    before = stations.copy()

    path = write_table(stations, tmp_path / f"stations{suffix}")
    again = read_table(path, "stations")

    # Ids that look like numbers, dates or missing values stay the texts they are.
    assert again.index.tolist() == ["007", "1e5", "NA"]
    pd.testing.assert_frame_equal(
        pd.DataFrame(again.drop(columns="geometry")), pd.DataFrame(stations.drop(columns="geometry"))
    )
    assert isinstance(again, gpd.GeoDataFrame)
    assert again.crs == stations.crs
    assert again.geometry.geom_equals_exact(stations.geometry, 1e-9).all()
    pd.testing.assert_frame_equal(stations, before)


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".parquet"])
def test_polygons_keep_their_shape_and_their_crs(tmp_path: Path, suffix: str) -> None:
    frame = gpd.GeoDataFrame(
        {"name": ["a"], "completed": [True], "population": [np.nan]},
        index=pd.Index(["1"], name="id"),
        geometry=[shapely.box(370_000, 4_840_000, 371_000, 4_841_000)],
        crs=32632,
    )

    again = read_table(write_table(frame, tmp_path / f"areas{suffix}"), "jurisdictions")

    assert isinstance(again, gpd.GeoDataFrame)
    assert again.crs == CRS.from_epsg(4326 if suffix == ".geojson" else 32632)
    assert again.to_crs(32632).area.iloc[0] == pytest.approx(1e6, abs=1.0)
    assert again["completed"].tolist() == [True]
    assert np.isnan(again["population"]).all()


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_table_without_geometry_is_read(tmp_path: Path, suffix: str) -> None:
    units = pd.DataFrame(
        {"station": ["007", "8"], "capabilities": ["water;ladder", ""], "count": [2, 1]},
        index=pd.Index(["u1", "u2"], name="id"),
    )

    again = read_table(write_table(units, tmp_path / f"units{suffix}"), "units")

    assert again["station"].tolist() == ["007", "8"]
    assert again["capabilities"].tolist() == ["water;ladder", ""]
    assert again["count"].tolist() == [2, 1]


@settings(max_examples=40, deadline=None)
@given(
    suffix=st.sampled_from(FORMATS),
    rows=st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=20),
            st.floats(0, 1e9),
            st.floats(-180, 180),
            st.floats(-90, 90),
        ),
        min_size=1,
        max_size=5,
        unique_by=lambda row: row[0].strip(),
    ),
)
def test_any_text_and_number_survives_every_format(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, rows: list[tuple[str, float, float, float]]
) -> None:
    rows = [row for row in rows if row[0].strip() and ";" not in row[0]]
    if not rows:
        return
    frame = gpd.GeoDataFrame(
        {"population": [row[1] for row in rows]},
        index=pd.Index([row[0].strip() for row in rows], name="id"),
        geometry=gpd.points_from_xy([row[2] for row in rows], [row[3] for row in rows]),
        crs=4326,
    )

    again = read_table(write_table(frame, tmp_path_factory.mktemp("any") / f"demand{suffix}"), "demand")

    assert again.index.tolist() == frame.index.tolist()
    assert again["population"].tolist() == frame["population"].tolist()
    assert shapely.dwithin(np.array(again.geometry), np.array(frame.geometry), 1e-8).all()


def test_without_a_table_name_a_csv_is_given_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "census.csv"
    path.write_text("code,people\n01001, 12\n", encoding="utf-8")

    frame = read_table(path)

    assert frame.to_dict("records") == [{"code": "01001", "people": " 12"}]
    assert not isinstance(frame, gpd.GeoDataFrame)


def test_x_and_y_need_a_crs(tmp_path: Path) -> None:
    path = tmp_path / "demand.csv"
    path.write_text("id,population,x,y\n1,5,371000,4840000\n", encoding="utf-8")

    (defect,) = defects_of(path, "demand")
    frame = read_table(path, "demand", crs="EPSG:32632")

    assert defect.expected == "a CRS for the columns x and y"
    assert isinstance(frame, gpd.GeoDataFrame)
    assert frame.crs == CRS.from_epsg(32632)
    assert (frame.geometry.x.iloc[0], frame.geometry.y.iloc[0]) == (371000.0, 4840000.0)


def test_rows_are_called_by_the_line_they_begin_at(tmp_path: Path) -> None:
    path = tmp_path / "demand.csv"
    path.write_text(
        'id,population,lon,lat,note\n1,5,7,43,"two\nlines"\n\n2,x,7,43,\n3,1 000,7,43,\n', encoding="utf-8"
    )

    assert [defect.where for defect in defects_of(path, "demand")] == [
        "row 5 (id 2), column population",
        "row 6 (id 3), column population",
    ]


def test_a_geopackage_of_several_layers_needs_a_name(tmp_path: Path, stations: gpd.GeoDataFrame) -> None:
    path = tmp_path / "all.gpkg"
    write_table(stations, path, layer="stations")
    write_table(stations.head(1), path, layer="others")

    (several,) = defects_of(path, "stations")
    (unknown,) = defects_of(path, "stations", layer="station")

    assert several.expected == "a GeoPackage of one layer"
    assert "'stations'" in several.got
    assert "'others'" in several.got
    assert unknown.expected == "a layer 'station'"
    assert len(read_table(path, "stations", layer="stations")) == 3
    assert len(read_table(path, "stations", layer="others")) == 1


def test_writing_a_layer_again_replaces_it_and_keeps_the_others(
    tmp_path: Path, stations: gpd.GeoDataFrame
) -> None:
    path = tmp_path / "all.gpkg"
    write_table(stations, path, layer="a")
    write_table(stations, path, layer="b")
    write_table(stations.head(1), path, layer="a")

    assert len(read_table(path, layer="a")) == 1
    assert len(read_table(path, layer="b")) == 3


@pytest.mark.parametrize("suffix", [".gpkg", ".parquet"])
def test_a_file_without_a_crs_says_what_to_do(
    tmp_path: Path, suffix: str, stations: gpd.GeoDataFrame
) -> None:
    path = tmp_path / f"stations{suffix}"
    attributes = pd.DataFrame(stations.drop(columns="geometry")).reset_index()
    bare = gpd.GeoDataFrame(attributes, geometry=list(stations.geometry))
    if suffix == ".gpkg":
        with pytest.warns(UserWarning, match="crs"):
            bare.to_file(path)
    else:
        bare.to_parquet(path)

    (defect,) = defects_of(path, "stations")
    stated = read_table(path, "stations", crs="EPSG:4326")

    assert (defect.file, defect.expected) == (path.name, "a coordinate reference system (CRS)")
    assert "crs = " in defect.remedy
    assert isinstance(stated, gpd.GeoDataFrame)
    assert stated.crs == CRS.from_epsg(4326)


def test_a_stated_crs_that_contradicts_the_file_is_refused(
    tmp_path: Path, stations: gpd.GeoDataFrame
) -> None:
    path = write_table(stations, tmp_path / "stations.gpkg")

    (defect,) = defects_of(path, "stations", crs="EPSG:2056")

    assert defect.got == "a file in EPSG:4326"
    assert len(read_table(path, "stations", crs="EPSG:4326")) == 3


def test_numeric_ids_become_the_text_that_people_see(tmp_path: Path) -> None:
    features: list[dict[str, Any]] = [
        {"type": "Feature", "id": number, "properties": {"population": 1}, "geometry": None}
        for number in (7, 12345678901234567890)
    ]
    for feature, lon in zip(features, (7.0, 8.0), strict=True):
        feature["geometry"] = {"type": "Point", "coordinates": [lon, 43.0, 12.0]}
    path = tmp_path / "demand.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")

    frame = read_table(path, "demand")

    assert frame.index.tolist() == ["7", "12345678901234567890"]
    assert not frame.geometry.has_z.any()


def test_ids_with_gaps_in_a_geopackage_stay_whole_numbers(tmp_path: Path) -> None:
    # A whole-number column with an empty cell arrives as floats.
    frame = gpd.GeoDataFrame(
        {"id": [1, 2], "population": [1.0, 2.0], "jurisdiction": pd.array([5, None], dtype="Int64")},
        geometry=gpd.points_from_xy([7, 8], [43, 43]),
        crs=4326,
    )
    frame.to_file(tmp_path / "demand.gpkg")

    again = read_table(tmp_path / "demand.gpkg", "demand")

    assert again.index.tolist() == ["1", "2"]
    assert again["jurisdiction"].iloc[0] == "5"
    assert pd.isna(again["jurisdiction"].iloc[1])


def test_a_multipoint_of_one_point_is_that_point(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame(
        {"id": ["a"], "population": [1.0]}, geometry=[shapely.MultiPoint([(7, 43)])], crs=4326
    )
    frame.to_file(tmp_path / "demand.gpkg")

    assert read_table(tmp_path / "demand.gpkg", "demand").geometry.iloc[0] == shapely.Point(7, 43)


def test_other_formats_behind_a_known_suffix_are_never_opened(tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("id,population\n1,1\n", encoding="utf-8")
    vrt = (
        f'<OGRVRTDataSource><OGRVRTLayer name="secret"><SrcDataSource>{secret}</SrcDataSource></OGRVRTLayer>'
    )
    for suffix in (".gpkg", ".geojson", ".parquet"):
        path = tmp_path / f"demand{suffix}"
        path.write_text(vrt + "</OGRVRTDataSource>", encoding="utf-8")

        (defect,) = defects_of(path, "demand")

        assert defect.file == path.name


def test_a_plain_sqlite_file_is_no_geopackage(tmp_path: Path) -> None:
    path = tmp_path / "demand.gpkg"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE demand (id TEXT)")

    assert defects_of(path, "demand")[0].expected == "a GeoPackage"


def test_parquet_without_geometry_is_no_table_of_points(tmp_path: Path) -> None:
    path = tmp_path / "demand.parquet"
    parquet.write_table(pa.table({"id": ["a"], "population": [1.0]}), path)

    assert [defect.got for defect in defects_of(path, "demand")] == ["no geometry"]


def test_a_root_keeps_reading_inside(tmp_path: Path) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    (folder / "a.csv").write_text("id\n1\n", encoding="utf-8")
    (tmp_path / "b.csv").write_text("id\n1\n", encoding="utf-8")

    assert len(read_table("a.csv", root=folder)) == 1
    assert defects_of(Path("../b.csv"), root=str(folder))[0].expected.startswith("a plain path inside")


@pytest.mark.parametrize(
    ("suffix", "change", "expected"),
    [
        (".shp", {}, "one of .gpkg"),
        (".csv", {"geometry": [shapely.box(0, 0, 1, 1)] * 3}, "points"),
        (".geojson", {"turnout_s": [np.inf] * 3}, "finite numbers"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_and_nothing_is_left(
    tmp_path: Path, suffix: str, change: dict[str, Any], expected: str, stations: gpd.GeoDataFrame
) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_text("before", encoding="utf-8")

    with pytest.raises(RegionError) as caught:
        write_table(stations.assign(**change), path)

    assert caught.value.defects[0].expected.startswith(expected)
    assert [(file.name, file.read_text(encoding="utf-8")) for file in tmp_path.iterdir()] == [
        (path.name, "before")
    ]


def test_geometry_without_a_crs_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(RegionError, match="a CRS"):
        write_table(gpd.GeoDataFrame(geometry=[shapely.Point(0, 0)]), tmp_path / "x.gpkg")


def test_many_rows_with_one_defect_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "demand.csv"
    path.write_text("population,lon,lat\n" + "-1,7,43\n" * 100, encoding="utf-8")

    defects = defects_of(path, "demand")

    assert len(defects) == 21
    assert defects[-1].where == "rows 22 to 101, column population"
    assert defects[-1].got == "80 more of the same"
