"""The ground of a region and names in other languages: read, written, and out of OpenStreetMap extracts."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import osmium
import pytest
import shapely
from pyproj import Geod

from mutualaid.data import Region, check_region, demo_path, new_region, read_region, write_region, write_table
from mutualaid.data import _osm_ground as osm_ground
from mutualaid.data._region import _empty

Write = Callable[..., Path]
GEOD = Geod(ellps="WGS84")

LAKE = shapely.box(7.405, 43.702, 7.410, 43.705)
RIVER = shapely.LineString([(7.40, 43.71), (7.44, 43.715)])
ROWS = {
    "kind": ["water", "river", "place"],
    "name": ["", "Long River", "Old Town"],
    "place": ["", "", "town"],
    "population": [np.nan, np.nan, 1234.0],
    "name_de": ["", "Langer Fluss", ""],
}


def with_ground(folder: Path, crs: int = 4326, file: str = "ground.geojson") -> Region:
    """The tiny region with a lake, a river and a town."""
    frame = gpd.GeoDataFrame(ROWS, geometry=[LAKE, RIVER, shapely.Point(7.41, 43.71)], crs=4326)
    write_table(frame.to_crs(crs), folder / file)
    path = folder / "region.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("[network]", f'[ground]\nfile = "{file}"\n\n[network]'), encoding="utf-8")
    return read_region(folder)


@pytest.mark.parametrize(("crs", "file"), [(4326, "ground.geojson"), (2154, "ground.gpkg")])
def test_the_ground_is_read_in_the_crs_of_the_region(region_folder: Path, crs: int, file: str) -> None:
    region = with_ground(region_folder, crs, file)

    assert region.ground.crs == region.crs
    assert region.ground.index.tolist() == ["G1", "G2", "G3"]
    for name, values in ROWS.items():
        np.testing.assert_array_equal(region.ground[name], values)
    # Half an arc minute of longitude and so on, by geodesics instead of the projection.
    assert region.ground.area["G1"] == pytest.approx(abs(GEOD.geometry_area_perimeter(LAKE)[0]), rel=2e-3)
    assert region.ground.length["G2"] == pytest.approx(GEOD.geometry_length(RIVER), rel=1e-3)
    assert region_folder / file in region.files


def test_without_a_ground_there_is_an_empty_one_with_its_columns(region_folder: Path) -> None:
    region = read_region(region_folder)
    stated = {one.name: getattr(region, one.name) for one in fields(region) if one.name != "ground"}
    made = Region(**stated)

    for ground in (region.ground, made.ground):
        assert len(ground) == 0
        assert list(ground.columns) == ["kind", "name", "place", "population", "geometry"]
        assert ground.crs == region.crs
        assert ground.index.name == "id"
    expected = _empty("ground", region.crs).set_index("id").dtypes.astype(str)
    assert made.ground.dtypes.astype(str).to_dict() == expected.to_dict()


def test_a_ground_written_is_the_same_when_read(region_folder: Path, tmp_path: Path) -> None:
    region = with_ground(region_folder, 2154, "ground.gpkg")

    again = read_region(write_region(region, tmp_path / "copy"))

    assert again.ground.drop(columns="geometry").equals(region.ground.drop(columns="geometry"))
    assert (shapely.hausdorff_distance(again.ground.geometry, region.ground.geometry) < 1e-3).all()
    assert (tmp_path / "copy" / "ground.geojson").is_file()


def test_names_in_other_languages_are_kept_in_each_table(region_folder: Path, tmp_path: Path) -> None:
    for file, changes in (
        (
            "stations.csv",
            {"id,name,": "id,name,name_fr,", "007,Harbour,": "007,Harbour,Port,", "Hill,": "Hill,,"},
        ),
        ("hospitals.csv", {"name,": "name,name_it,", "St Mary,": "St Mary, Santa Maria ,"}),
    ):
        text = (region_folder / file).read_text(encoding="utf-8")
        for old, new in changes.items():
            assert text.count(old) == 1
            text = text.replace(old, new)
        (region_folder / file).write_text(text, encoding="utf-8")
    path = region_folder / "jurisdictions.geojson"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["features"][1]["properties"] |= {"name_ar": "شرق", "name_long": "The East", "name_": "x"}
    path.write_text(json.dumps(content), encoding="utf-8")

    for region in (
        read_region(region_folder),
        read_region(write_region(read_region(region_folder), tmp_path / "r")),
    ):
        assert region.stations["name_fr"].to_dict() == {"007": "Port", "E,1": ""}
        assert region.hospitals["name_it"].to_list() == ["Santa Maria"]
        assert region.jurisdictions["name_ar"].to_dict() == {"W": "", "E": "شرق"}
        # Others are no languages.
        assert not {"name_long", "name_"} & set(region.jurisdictions.columns)


# --- out of OpenStreetMap ---

# Two squares of 0.02°, West in country AA, East in BB, with a lake, a pond, a lake with an island, a river and a coast.
CORNERS = {
    1: (10.00, 47.00),
    2: (10.02, 47.00),
    3: (10.04, 47.00),
    4: (10.00, 47.02),
    5: (10.02, 47.02),
    6: (10.04, 47.02),
}
RING_WAYS: dict[int, Any] = {101: ([2, 1, 4, 5], {}), 102: ([2, 5], {}), 103: ([5, 6, 3, 2], {})}
TOWN = {
    "place": "town",
    "name": "Bigtown",
    "name:fr": "Grandville",
    "name:de": "Bigtown",
    "name:ja": "x",
    "population": "12 000",
}


WEST = {"name:de": "Westen", "name:en": "West", "name:sv": "Väst", "default_language": "sv"}
SURFACE = {"type": "multipolygon", "natural": "water"}
RIVER_TAGS = {"waterway": "river"}


def boundary(
    name: str, level: int, ways: tuple[int, ...], **tags: str
) -> tuple[list[tuple[str, int, str]], dict[str, str]]:
    stated = {"type": "boundary", "boundary": "administrative", "admin_level": str(level), "name": name}
    return [("way", way, "outer") for way in ways], stated | tags


def rectangle(
    first: int, west: float, south: float, width: float, height: float, tags: dict[str, str]
) -> tuple[dict[int, Any], dict[int, Any]]:
    """A closed way with the id of its first node."""
    corners = [(west, south), (west + width, south), (west + width, south + height), (west, south + height)]
    nodes = {first + number: corner for number, corner in enumerate(corners)}
    return nodes, {first: ([*nodes, first], tags)}


def landscape(osm_file: Write, *, version: int = 1) -> Path:
    nodes: dict[int, Any] = dict(CORNERS) | {
        20: (10.005, 47.010), 21: (10.035, 47.010),
        50: (10.006, 47.0102, {"amenity": "fire_station", "name": "Fire", "name:fr": "Pompiers", "name:en": "Fire"}),
        51: (10.010, 47.012, TOWN),
        52: (10.012, 47.013, {"place": "square", "name": "Market"}),
        53: (10.5, 47.5, {"place": "city", "name": "Far away"}),
        # a river from far in the west to the middle of the east, and its part in a tunnel
        60: (9.90, 47.015), 61: (10.02, 47.015), 62: (10.03, 47.015), 63: (10.035, 47.015),
        # a coast along the south, and a stream
        70: (9.95, 46.9995), 71: (10.10, 46.9995), 72: (10.01, 47.001), 73: (10.02, 47.002),
    }  # fmt: skip
    ways: dict[int, Any] = dict(RING_WAYS) | {
        10: ([20, 21], {"highway": "residential"}),
        60: ([60, 61], {"waterway": "river", "name": "Long", "name:de": "Lang"}),
        61: ([61, 62], {"waterway": "river", "name": "Long"}),
        62: ([62, 63], {"waterway": "river", "name": "Long", "tunnel": "yes"}),
        70: ([70, 71], {"natural": "coastline"}),
        71: ([72, 73], {"waterway": "stream", "name": "Little"}),
    }
    for first, west, south, width, height, tags in (
        (200, 10.006, 47.0085, 2e-4, 2e-4, {"building": "yes"}),
        (210, 10.030, 47.0085, 2e-4, 2e-4, {"building": "yes"}),
        (300, 10.022, 47.003, 1e-3, 1e-3, {"natural": "water", "name": "Lake", "name:fr": "Lac"}),
        (310, 10.025, 47.003, 3e-4, 3e-4, {"natural": "water", "name": "Pond"}),
        (320, 10.002, 47.003, 4e-3, 2e-3, {}),
        (330, 10.003, 47.0035, 1e-3, 1e-3, {}),
        (340, 10.032, 47.003, 1e-3, 1e-3, {"natural": "water", "water": "wastewater"}),
        (350, 10.028, 47.003, 1e-3, 1e-3, {}),
    ):
        more_nodes, more_ways = rectangle(first, west, south, width, height, tags)
        nodes |= more_nodes
        ways |= more_ways
    relations = {
        1: boundary("West", 8, (101, 102), population="100", **WEST),
        2: boundary("East", 8, (102, 103), population="100"),
        3: boundary("Westland", 2, (101, 102), **{"ISO3166-1": "AA"}),
        4: boundary("Eastland", 2, (102, 103), **{"ISO3166-1": "BB"}),
        5: ([("way", 320, "outer"), ("way", 330, "inner")], SURFACE | {"name": "Ring"}),
        # its outer ring is not in the extract: the island is no water
        6: ([("way", 999, "outer"), ("way", 350, "inner")], SURFACE | {"name": "Torn"}),
        7: ([("way", 60, "main_stream")], {"type": "waterway", "name": "Long", "name:it": "Lungo"} | RIVER_TAGS),
    }  # fmt: skip
    return osm_file("land.osm", nodes=nodes, ways=ways, relations=relations, version=version)


@pytest.fixture
def land(osm_file: Write, tmp_path: Path) -> Region:
    return new_region(tmp_path / "made", pbf=[landscape(osm_file)], admin_level=8)


def test_names_in_other_languages_come_along_where_they_differ(land: Region) -> None:
    assert check_region(land.folder) == []
    names = land.jurisdictions.filter(regex="^name_")
    # Swedish because a jurisdiction speaks it; English says the same, and nobody asked for Japanese.
    assert names.to_dict() == {
        "name_de": {"AA-west": "Westen", "BB-east": ""},
        "name_sv": {"AA-west": "Väst", "BB-east": ""},
    }
    assert land.stations.filter(regex="^name_").to_dict("records") == [{"name_fr": "Pompiers"}]
    town = land.ground[land.ground["name"] == "Bigtown"].iloc[0]
    assert (town["name_fr"], town["name_de"], town["place"], town["population"]) == (
        "Grandville",
        "",
        "town",
        12000.0,
    )
    assert [column for column in land.ground if str(column).startswith("name_")] == [
        "name_fr",
        "name_de",
        "name_it",
    ]


def test_water_rivers_coast_and_places_become_the_ground(land: Region) -> None:
    ground = land.ground
    assert ground.groupby("kind")["name"].apply(sorted).to_dict() == {
        "coast": [""],
        "place": ["Bigtown"],
        "river": ["Long"],
        "water": ["Lake", "Ring"],
    }
    by_name = ground.set_index("name").geometry
    ring = shapely.box(10.002, 47.003, 10.006, 47.005) - shapely.box(10.003, 47.0035, 10.004, 47.0045)
    assert by_name["Ring"].area == pytest.approx(abs(GEOD.geometry_area_perimeter(ring)[0]), rel=0.01)
    river = ground[ground["name"] == "Long"].iloc[0]
    assert (river["name_de"], river["name_it"]) == ("Lang", "Lungo")


def test_the_ground_is_cut_a_little_outside_the_jurisdictions(land: Region) -> None:
    west, south, east, north = land.jurisdictions.total_bounds
    margin = 0.05 * max(east - west, north - south)
    around = shapely.box(west - margin, south - margin, east + margin, north + margin)
    assert shapely.within(land.ground.geometry, around.buffer(2.0)).all()  # positions are on a grid of 1 m
    by_name = land.ground.set_index("name").geometry
    coast = land.ground[land.ground["kind"] == "coast"].geometry.iloc[0]
    assert coast.length == pytest.approx(around.bounds[2] - around.bounds[0], abs=10)
    # From the frame to where the tunnel begins, 0.03° east of the western corner.
    expected = GEOD.line_length([10.0, 10.03], [47.015, 47.015]) + margin
    assert by_name["Long"].length == pytest.approx(expected, rel=0.01)


def test_positions_of_the_ground_are_short(land: Region) -> None:
    text = (land.folder / "ground.geojson").read_text(encoding="utf-8")
    coordinates = shapely.get_coordinates(
        [shapely.from_geojson(json.dumps(one["geometry"])) for one in json.loads(text)["features"]]
    )
    assert np.array_equal(coordinates, coordinates.round(5))


def test_kinds_of_places_that_are_too_many_are_left_out(
    osm_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(osm_ground, "MOST_PLACES", 0)
    region = new_region(tmp_path / "made", pbf=[landscape(osm_file)], admin_level=8)
    assert "place" not in set(region.ground["kind"])
    assert "water" in set(region.ground["kind"])


@pytest.mark.parametrize(
    ("file", "level", "rivers", "places", "bytes_below"),
    [
        ("liechtenstein/liechtenstein-2024-03-04.osm.pbf", 8, {"Rhein", "Samina"}, {"Vaduz", "Malbun"}, 100_000),
        ("andorra/andorra-2025-01-19.osm.pbf", 7, {"Valira d'Orient"}, {"Andorra la Vella", "Soldeu"}, 300_000),
    ],
)  # fmt: skip
def test_countries_have_a_small_ground(
    shared_data: Path,
    tmp_path: Path,
    file: str,
    level: int,
    rivers: set[str],
    places: set[str],
    bytes_below: int,
) -> None:
    region = new_region(tmp_path / "made", pbf=[shared_data / file], admin_level=level)

    assert rivers <= set(region.ground.loc[region.ground["kind"] == "river", "name"])
    assert places <= set(region.ground.loc[region.ground["kind"] == "place", "name"])
    assert (tmp_path / "made" / "ground.geojson").stat().st_size < bytes_below


def test_the_rhine_is_where_the_map_has_it_and_called_in_each_language(
    shared_data: Path, tmp_path: Path
) -> None:
    file = shared_data / "liechtenstein" / "liechtenstein-2024-03-04.osm.pbf"
    region = new_region(tmp_path / "made", pbf=[file], admin_level=8)
    ways: Any = (
        osmium.FileProcessor(file)
        .with_locations()
        .with_filter(osmium.filter.TagFilter(("waterway", "river")))
    )
    mapped = [
        shapely.LineString([(node.lon, node.lat) for node in way.nodes])
        for way in ways
        if way.is_way() and way.tags.get("name") == "Rhein"
    ]
    rhine = region.ground[region.ground["name"] == "Rhein"].iloc[0]

    line = gpd.GeoSeries(mapped, crs=4326).to_crs(region.crs).union_all()
    assert (rhine["name_en"], rhine["name_nl"], rhine["name_ar"]) == ("Rhine", "Rijn", "نهر الراين")
    # 3 m of simplification and 1 m of the grid.
    assert shapely.within(rhine["geometry"], line.buffer(4.5))
    frame = shapely.box(*rhine["geometry"].bounds)
    assert rhine["geometry"].length == pytest.approx(line.intersection(frame).length, rel=0.01)


def test_the_demo_has_its_coast_and_quarters() -> None:
    demo = read_region(demo_path())

    assert demo.ground["kind"].value_counts().to_dict() == {"coast": 1, "place": 17}
    assert {"Monte-Carlo", "Fontvieille", "La Condamine", "La Turbie"} <= set(demo.ground["name"])
    assert [demo.jurisdictions[f"name_{language}"]["MC"] for language in ("es", "ar", "pt")] == [
        "Mónaco",
        "موناكو",
        "Mónaco",
    ]
    # Where land ends and the sea begins: the coast runs along the edge of the jurisdictions that lie at the sea.
    coast = demo.ground[demo.ground["kind"] == "coast"].geometry.iloc[0]
    land = demo.jurisdictions.geometry.union_all()
    assert shapely.length(shapely.intersection(land.boundary.buffer(10), coast)) > 0.8 * coast.length
