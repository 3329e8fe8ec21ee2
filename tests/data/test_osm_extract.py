"""Regions out of OpenStreetMap extracts: roads, stations, buildings, and how extracts join."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import osmium
import pytest
import shapely

from mutualaid.data import Region, check_region, new_region
from mutualaid.data._osm_roads import write_roads
from mutualaid.errors import OsmError, RegionError

Write = Callable[..., Path]

#   4------5------6      two squares of 0.02°, West in country AA, East in BB;
#   |  W   |   E  |      a road 20-21-22 from one to the other
#   1------2------3
HOUSE = {"building": "yes", "building:levels": "2"}
NODES: dict[int, tuple[Any, ...]] = {
    1: (10.00, 47.00),
    2: (10.02, 47.00),
    3: (10.04, 47.00),
    4: (10.00, 47.02),
    5: (10.02, 47.02),
    6: (10.04, 47.02),
    20: (10.005, 47.010),
    21: (10.020, 47.010, {"barrier": "lift_gate", "note": "not kept"}),
    22: (10.035, 47.010),
    # a fire station as a surface, 0.0004° × 0.0003°, its south side 0.0003° north of the road
    31: (10.0100, 47.0103),
    32: (10.0104, 47.0103),
    33: (10.0104, 47.0106),
    34: (10.0100, 47.0106),
    # a motorway and a tunnel closer to its north side
    41: (10.005, 47.0107),
    42: (10.015, 47.0107),
    43: (10.005, 47.01065),
    44: (10.015, 47.01065),
    # an ambulance station as a point in the east
    50: (
        10.030,
        47.012,
        {"emergency": "ambulance_station", "name": "Rescue East", "operator:type": "volunteer"},
    ),
    51: (10.031, 47.012, {"disused:amenity": "fire_station"}),
    52: (10.100, 47.012, {"amenity": "fire_station", "name": "Far away"}),
    53: (10.032, 47.012, {"emergency": "ambulance_station", "aeroway": "heliport", "name": "Wings"}),
    54: (10.033, 47.012, {"amenity": "hospital", "name": "St Mary"}),
    60: (10.010, 47.005, {"place": "town", "name": "West", "population": "1 200", "population:date": "2020"}),
}
WAYS: dict[int, tuple[list[int], dict[str, str]]] = {
    10: (
        [20, 21, 22],
        {"highway": "residential", "name": "High Street", "surface": "asphalt", "wikidata": "Q1"},
    ),
    11: ([41, 42], {"highway": "motorway"}),
    12: ([43, 44], {"highway": "tertiary", "tunnel": "yes"}),
    13: ([20, 41], {"highway": "footway"}),
    14: ([20, 21, 41, 20], {"highway": "service", "area": "yes"}),
    31: ([31, 32, 33, 34, 31], {"amenity": "fire_station", "building": "fire_station"}),
    101: ([2, 1, 4, 5], {}),
    102: ([2, 5], {}),
    103: ([5, 6, 3, 2], {}),
}
RELATIONS: dict[int, tuple[list[tuple[str, int, str]], dict[str, str]]] = {}
for _key, _name, _level, _ways, _code in (
    (1, "West", 8, (101, 102), ""),
    (2, "East", 8, (102, 103), ""),
    (3, "Westland", 2, (101, 102), "AA"),
    (4, "Eastland", 2, (102, 103), "BB"),
):
    _tags = {"type": "boundary", "boundary": "administrative", "admin_level": str(_level), "name": _name}
    RELATIONS[_key] = (
        [("way", way, "outer") for way in _ways],
        _tags | ({"ISO3166-1": _code} if _code else {}),
    )
RELATIONS[9] = (
    [("way", 10, "from"), ("node", 21, "via"), ("way", 10, "to")],
    {"type": "restriction", "restriction": "no_u_turn", "except": "emergency"},
)
RELATIONS[10] = ([("way", 10, "from"), ("node", 21, "via"), ("way", 99, "to")], {"type": "restriction"})


def house(first: int, lon: float, lat: float, **tags: str) -> tuple[dict[int, Any], dict[int, Any]]:
    """A building of 0.0002° × 0.0002°."""
    corners = [(0, 0), (1, 0), (1, 1), (0, 1)]
    nodes = {first + n: (lon + x * 0.0002, lat + y * 0.0002) for n, (x, y) in enumerate(corners)}
    return nodes, {first: ([*nodes, first], HOUSE | tags)}


def town(osm_file: Write, name: str = "town.osm", **changes: Any) -> Path:
    """The two squares with three houses."""
    nodes, ways = dict(NODES), dict(WAYS)
    for first, lon, tags in ((200, 10.006, {}), (210, 10.012, {"building:levels": "4"}), (220, 10.030, {})):
        more_nodes, more_ways = house(first, lon, 47.0085, **tags)
        nodes |= more_nodes
        ways |= more_ways
    return osm_file(
        name,
        nodes=nodes | changes.get("nodes", {}),
        ways=ways | changes.get("ways", {}),
        relations=RELATIONS | changes.get("relations", {}),
        version=changes.get("version", 1),
    )


def made(tmp_path: Path, *files: Path, **options: Any) -> Region:
    """A region out of files."""
    folder = tmp_path / options.pop("folder", "region")
    asked: dict[str, Any] = {"pbf": files, "admin_level": 8, "populations": {"East": 300}} | options
    return new_region(folder, **asked)


def notes(region: Region) -> str:
    """What import.json says."""
    return "\n".join(json.loads((region.folder / "import.json").read_text(encoding="utf-8"))["notes"])


def roads(path: Path) -> dict[str, dict[int, Any]]:
    """What is in a road file: tags and references, and where nodes are."""
    found: dict[str, dict[int, Any]] = {"n": {}, "w": {}, "r": {}}
    entity: Any
    for entity in osmium.FileProcessor(path):
        kind, tags = entity.type_str(), dict(entity.tags)
        if kind == "n":
            rest: Any = (entity.location.x, entity.location.y)
        elif kind == "w":
            rest = [node.ref for node in entity.nodes]
        else:
            rest = [(member.type, member.ref, member.role) for member in entity.members]
        assert entity.id not in found[kind], "each object once"
        found[kind][entity.id] = (rest, tags)
    return found


def metres(region: Region, station: str, lon: float, lat: float) -> float:
    """Distance of a station from a place."""
    place = gpd.GeoSeries([shapely.Point(lon, lat)], crs=4326).to_crs(region.crs).iloc[0]
    return float(region.stations.geometry[station].distance(place))


# --- the whole way ---


def test_a_small_border_becomes_a_valid_region(osm_file: Write, tmp_path: Path) -> None:
    region = made(tmp_path, town(osm_file))

    assert check_region(region.folder) == []
    assert region.jurisdictions["country"].to_dict() == {"AA-west": "AA", "BB-east": "BB"}
    assert region.jurisdictions["partner"].to_list() == ["AA-west", "BB-east"]
    assert region.jurisdictions["population"].to_dict() == {"AA-west": 1200, "BB-east": 300}
    assert region.demand.groupby("jurisdiction")["population"].sum().to_dict() == pytest.approx(
        {"AA-west": 1200, "BB-east": 300}
    )
    # Houses of the same footprint with 2 and 4 storeys.
    assert sorted(region.demand["population"]) == pytest.approx([300, 400, 800], rel=1e-5)
    assert region.hospitals["name"].to_list() == ["St Mary"]
    assert "OpenStreetMap n60, 2020" in notes(region)
    assert [path.name for path in region.folder.parent.iterdir() if path.is_dir()] == ["region"]


def test_populations_come_from_a_csv_and_partners_by_name(osm_file: Write, tmp_path: Path) -> None:
    figures = tmp_path / "people.csv"
    figures.write_text("name,population\nWest,10\nEast,20\nAtlantis,5\n", encoding="utf-8")

    region = made(
        tmp_path,
        town(osm_file),
        populations=figures,
        partners={"West": "Joint team", "BB-east": "Joint team"},
    )

    assert region.jurisdictions["population"].to_list() == [10, 20]
    assert set(region.jurisdictions["partner"]) == {"Joint team"}
    assert "'Atlantis', which is no jurisdiction here" in notes(region)


def test_people_without_a_figure_are_unknown_and_not_placed(osm_file: Write, tmp_path: Path) -> None:
    region = made(tmp_path, town(osm_file), populations=None)

    assert region.jurisdictions["population"].isna().to_dict() == {"AA-west": False, "BB-east": True}
    assert set(region.demand["jurisdiction"]) == {"AA-west"}
    assert "Population unknown, so nobody is placed there: East." in region.note


def test_progress_goes_from_nothing_to_done(osm_file: Write, tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []

    made(tmp_path, town(osm_file), progress=lambda what, share: told.append((what, share)))

    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)


# --- stations ---


def test_a_station_surface_becomes_its_exit_on_the_road_side(osm_file: Write, tmp_path: Path) -> None:
    region = made(tmp_path, town(osm_file))

    # The nearest road on the surface is in the south; motorway and tunnel in the north do not count.
    assert metres(region, "w31", 10.0102, 47.0103) < 16  # anywhere on the south side
    assert region.stations.loc["w31", "name"] == "Fire station (OSM w31)"
    assert region.stations.loc["w31", "service"] == "fire"


def test_a_drive_into_the_yard_is_the_exit(osm_file: Write, tmp_path: Path) -> None:
    nodes = {61: (10.0108, 47.01045), 62: (10.0102, 47.01045), 63: (10.0108, 47.0100)}
    ways = {15: ([63, 61, 62], {"highway": "service", "service": "driveway"})}

    region = made(tmp_path, town(osm_file, nodes=nodes, ways=ways))

    assert metres(region, "w31", 10.0104, 47.01045) < 0.01


def test_a_station_mapped_as_relation_is_found(osm_file: Write, tmp_path: Path) -> None:
    members = [("way", 220, "outer")]
    relations = {
        30: (members, {"type": "multipolygon", "amenity": "fire_station", "fire_station:type": "career"})
    }

    region = made(tmp_path, town(osm_file, relations=relations))

    assert region.stations.loc["r30", "jurisdiction"] == "BB-east"
    assert region.stations.loc["r30", "department"] == "career"
    assert metres(region, "r30", 10.0301, 47.0087) < 8  # the north side of that surface, where the road is


def test_departments_come_from_tags_and_never_from_names(osm_file: Write, tmp_path: Path) -> None:
    name = {"amenity": "fire_station", "name": "Freiwillige Feuerwehr"}
    mixed = {"amenity": "fire_station", "emergency": "ambulance_station", "fire_station:type": "mixed"}
    nodes = {70: (10.006, 47.012, name), 71: (10.007, 47.012, mixed)}

    region = made(tmp_path, town(osm_file, nodes=nodes))

    assert region.stations["department"].to_dict() == {
        "n50": "volunteer",
        "n70": "unknown",
        "n71": "combination",
        "n71-ems": "combination",
        "w31": "unknown",
    }
    assert region.stations["service"].to_dict() == {
        "n50": "ems",
        "n70": "fire",
        "n71": "fire",
        "n71-ems": "ems",
        "w31": "fire",
    }


def test_what_is_no_station_here_is_reported(osm_file: Write, tmp_path: Path) -> None:
    region = made(tmp_path, town(osm_file))

    assert sorted(region.stations.index) == ["n50", "w31"]
    assert "Far away (n52): outside every jurisdiction, left out" in notes(region)
    assert (
        "Wings (n53, lon 10.03200, lat 47.01200): a base of aircraft, left out; if it drives out to the public, "
        "add it to stations.csv with jurisdiction BB-east"
    ) in notes(region)


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"operator:type": "industrial"}, "a brigade of works or an airport"),
        ({"fire_station:type": "airport"}, "a brigade of works or an airport"),
        ({"name": "Betriebsfeuerwehr Mill"}, "by its name a brigade of works or an airport"),
        ({"name": "Werkfeuerwehr Mill"}, "by its name a brigade of works or an airport"),
        ({"name": "Werksfeuerwehr Mill"}, "by its name a brigade of works or an airport"),
        ({"name": "Flughafenfeuerwehr"}, "by its name a brigade of works or an airport"),
        ({"air_rescue_service": "yes"}, "a base of aircraft"),
        ({"operator": "Luftrettung West"}, "by its name a base of aircraft"),
        ({"operator:type": "private_company", "name": "Feuerwehr Betriebsstrasse"}, ""),
    ],
)
def test_a_station_that_may_not_serve_the_public_is_left_out_and_told(
    osm_file: Write, tmp_path: Path, tags: dict[str, str], reason: str
) -> None:
    nodes = {70: (10.006, 47.012, {"amenity": "fire_station"} | tags)}

    region = made(tmp_path, town(osm_file, nodes=nodes))

    assert ("n70" in region.stations.index) == (not reason)
    told = [note for note in notes(region).splitlines() if "(n70, lon 10.00600, lat 47.01200)" in note]
    assert [note.split("): ")[1].split(", left out;")[0] for note in told] == [reason] * bool(reason)


def test_what_the_map_does_not_say_is_told(osm_file: Write, tmp_path: Path) -> None:
    alone = made(tmp_path, town(osm_file), populations={"West": 6345.98})
    joint = made(tmp_path, town(osm_file), folder="joint", partners={"West": "Team", "East": "Team"})

    assert "turnout of 2 of 2 stations is not on the map: assumed by department" in notes(alone)
    assert "each municipality is its own partner; if one service runs several, set `partner`" in notes(alone)
    assert "is its own partner" not in notes(joint)
    assert "West: population 6,346 (given)" in notes(alone)


def test_a_source_says_who_gave_the_populations(osm_file: Write, tmp_path: Path) -> None:
    figures = tmp_path / "people.csv"
    figures.write_text("name,population\nEast,20\n", encoding="utf-8")

    mixed = made(tmp_path, town(osm_file), populations=figures)
    mapping = made(tmp_path, town(osm_file), folder="b", populations={"West": 10, "East": 20})
    mapped = made(tmp_path, town(osm_file), folder="c", populations=None)

    assert [region.sources[1].source for region in (mixed, mapping, mapped)] == [
        "file people.csv given by the user; others: OpenStreetMap, tag population",
        "figures given by the user",
        "OpenStreetMap, tag population",
    ]


# --- roads ---


def test_the_road_file_holds_what_matters_to_driving(osm_file: Write, tmp_path: Path) -> None:
    out = tmp_path / "roads.osm.pbf"

    written = write_roads(out, [town(osm_file)])

    found = roads(out)
    assert written == 3
    assert found["w"][10] == (
        [20, 21, 22],
        {"highway": "residential", "name": "High Street", "surface": "asphalt"},
    )
    assert sorted(found["w"]) == [10, 11, 12]
    assert found["n"][21] == ((100_200_000, 470_100_000), {"barrier": "lift_gate"})
    assert sorted(found["n"]) == [20, 21, 22, 41, 42, 43, 44]
    assert found["r"] == {
        9: (
            [("w", 10, "from"), ("n", 21, "via"), ("w", 10, "to")],
            {"type": "restriction", "restriction": "no_u_turn", "except": "emergency"},
        )
    }


def test_within_clips_people_but_never_a_road(osm_file: Write, tmp_path: Path) -> None:
    near, far = (10.00, 47.00, 10.018, 47.02), {80: (10.5, 47.01), 81: (10.6, 47.01)}
    ways = {16: ([22, 80], {"highway": "primary"}), 17: ([80, 81], {"highway": "primary"})}
    file = town(osm_file, nodes=far, ways=ways)

    region = made(tmp_path, file, within=near, margin_m=2000)

    assert region.jurisdictions.index.to_list() == ["AA-west"]
    assert region.stations.index.to_list() == ["w31"]
    found = roads(region.network_files[0])
    assert found["w"][10][0] == [20, 21, 22], "a road that leaves the area stays whole"
    assert 16 in found["w"], "it has a node within the margin"
    assert 17 not in found["w"]


def test_people_outside_the_area_are_reported_and_stations_there_count(
    osm_file: Write, tmp_path: Path
) -> None:
    region = made(tmp_path, town(osm_file), within=shapely.box(10.00, 47.00, 10.0095, 47.02))

    assert region.stations.index.to_list() == ["w31"], "it stands outside the area, in a town that reaches in"
    assert region.demand["population"].sum() == pytest.approx(400, rel=1e-5)
    assert region.jurisdictions.loc["AA-west", "population"] == 1200
    told = "Only people inside the study area are counted (800 of 1,200 live outside)."
    assert region.note.startswith(told)
    assert told in notes(region)


# --- joining extracts ---


def test_the_newer_version_of_a_road_counts(osm_file: Write, tmp_path: Path) -> None:
    old = town(osm_file, "old.osm")
    new_way = {10: ([20, 22], {"highway": "primary", "name": "New Street"})}
    new = town(osm_file, "new.osm", ways=new_way, version=2)

    for files in ([old, new], [new, old]):
        out = tmp_path / f"{files[0].stem}.osm.pbf"
        write_roads(out, files)
        assert roads(out)["w"][10] == ([20, 22], {"highway": "primary", "name": "New Street"})


def test_an_extract_joined_with_itself_gives_the_same_bytes(shared_data: Path, tmp_path: Path) -> None:
    monaco = shared_data / "monaco" / "monaco.osm.pbf"
    once, twice = tmp_path / "once.osm.pbf", tmp_path / "twice.osm.pbf"

    assert write_roads(once, [monaco]) == write_roads(twice, [monaco, monaco]) > 1800
    assert once.read_bytes() == twice.read_bytes()


def test_two_halves_of_an_extract_join_to_the_whole(shared_data: Path, tmp_path: Path) -> None:
    monaco = shared_data / "monaco" / "monaco.osm.pbf"
    halves = []
    for name, east in (("west", False), ("east", True)):
        half = tmp_path / f"{name}.osm.pbf"
        # Ways that cross the line are whole in both, as in the extracts of the large providers.
        with osmium.BackReferenceWriter(str(half), str(monaco), remove_tags=False) as writer:
            way: Any
            processor = osmium.FileProcessor(monaco).with_locations()
            for way in processor.with_filter(osmium.filter.EntityFilter(osmium.osm.WAY)):
                if any(node.location.valid() and (node.lon >= 7.42) == east for node in way.nodes):
                    writer.add_way(way)
            for relation in osmium.FileProcessor(monaco, osmium.osm.RELATION):
                if relation.tags.get("type") == "restriction":
                    writer.add_relation(relation)
        halves.append(half)
    whole, joined, west = (tmp_path / f"{name}-roads.osm.pbf" for name in ("whole", "joined", "west"))

    write_roads(whole, [monaco])
    write_roads(joined, halves)
    write_roads(west, halves[:1])

    assert roads(joined) == roads(whole)
    assert 100 < len(roads(west)["w"]) < len(roads(whole)["w"])


# --- what cannot be used ---


def test_a_truncated_extract_is_named(shared_data: Path, tmp_path: Path) -> None:
    whole = (shared_data / "monaco" / "monaco.osm.pbf").read_bytes()
    cut = tmp_path / "cut.osm.pbf"
    cut.write_bytes(whole[: len(whole) // 2])

    with pytest.raises(OsmError, match=r"cut\.osm\.pbf: expected a complete OpenStreetMap file"):
        made(tmp_path, cut)
    assert [path.name for path in tmp_path.iterdir()] == ["cut.osm.pbf"], "nothing is left behind"


def test_a_folder_with_files_is_never_touched(osm_file: Write, tmp_path: Path) -> None:
    folder = tmp_path / "region"
    folder.mkdir()
    (folder / "mine.txt").write_text("keep me", encoding="utf-8")

    with pytest.raises(RegionError, match="a new or empty folder; got a folder with files in it"):
        made(tmp_path, town(osm_file))
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


def test_everything_wrong_with_the_question_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(RegionError) as caught:
        new_region(tmp_path / "r", pbf=[tmp_path / "no.osm.pbf"], admin_level=12, cell_m=0, margin_m=-1)

    assert [defect.where or "file" for defect in caught.value.defects] == [
        "file",
        "admin_level",
        "cell_m",
        "margin_m",
    ]


@pytest.mark.parametrize(
    ("within", "got"),
    [
        ((47.0, 10.0, 46.0, 11.0), "no surface"),
        ((367000.0, 4840000.0, 370000.0, 4850000.0), "coordinates from 367000"),
        (shapely.LineString([(0, 0), (1, 1)]), "LineString"),
        (
            (47.0, 10.0, 47.1, 10.1),
            r"the extract \(box 10,47,10.1,47.02\); got .* lies outside the extract \(lon and lat swapped\?\)\. ",
        ),
        ((50.0, 10.0, 50.1, 10.1), r"lies outside the extract\. Remedy"),
    ],
)
def test_an_area_that_is_none_is_refused(osm_file: Write, tmp_path: Path, within: Any, got: str) -> None:
    with pytest.raises(RegionError, match=got):
        made(tmp_path, town(osm_file), within=within)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"admin_level": 7},
            r"admin_level 7: expected at least one boundary .* got 2 of level 2, 2 of level 8",
        ),
        ({"within": (10.05, 47.0, 10.09, 47.02)}, "expected at least one boundary"),
        (
            {"within": (10.036, 47.0, 10.04, 47.02)},
            "people and residential buildings of a jurisdiction inside",
        ),
    ],
)
def test_an_extract_without_what_is_needed_says_so(
    osm_file: Write, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(OsmError, match=message):
        made(tmp_path, town(osm_file), **options)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name;people\nWest;1\n", "the columns id .or name. and population"),
        ("name,population\nWest,many\nEast,-4\n", r"row 2: .*got 'many'.*\n.*row 3: .*got '-4'"),
        ("name,population\nWest,nan\n", "got 'nan'"),
        ("name;population\nWest;1,5\n", "not semicolons; decimal commas: use points"),
        (
            'name,population\nWest,1234,5\nEast,"2,5"\n',
            r"population: .*got '1234,5' \(row 2\), '2,5' \(row 3\)\. Remedy: decimal commas: use points",
        ),
        (
            "name,population\nWest,many\nAtlantis,5\nEast,1\n",
            r"row 2: .*got 'many'.*\n.*names: .*got 'Atlantis'\. .*here are West, East",
        ),
    ],
)
def test_bad_populations_are_refused_by_row(osm_file: Write, tmp_path: Path, text: str, message: str) -> None:
    figures = tmp_path / "people.csv"
    figures.write_text(text, encoding="utf-8")

    with pytest.raises(RegionError, match=message):
        made(tmp_path, town(osm_file), populations=figures)


# --- real countries ---


def test_liechtenstein_2024_with_its_eleven_municipalities(shared_data: Path, tmp_path: Path) -> None:
    region = made(
        tmp_path,
        shared_data / "liechtenstein" / "liechtenstein-2024-03-04.osm.pbf",
        populations=None,
    )

    assert len(region.jurisdictions) == 11
    assert set(region.jurisdictions["country"]) == {"LI"}
    assert not region.jurisdictions["completed"].any()
    assert region.jurisdictions.area.sum() / 1e6 == pytest.approx(160, rel=0.01)
    assert Counter(region.stations["service"]) == {"fire": 8, "ems": 1}
    assert set(region.stations["department"]) == {"unknown"}, "no tag says who staffs them"
    assert region.demand["population"].sum() == pytest.approx(region.jurisdictions["population"].sum())
    assert "Betriebsfeuerwehr Hilti (n10830514504, lon 9.52319, lat 47.17881): by its name" in notes(region)
    assert "AP3 Luftrettung - Basis Balzers (n7469925548, lon 9.48127, lat 47.06837): by" in notes(region)
    assert region.sources[0].date == "2024-03-04"
    outline = region.jurisdictions.geometry.union_all().buffer(0.01)
    assert region.demand.within(outline).all()


def test_a_municipality_keeps_its_station_outside_the_area(shared_data: Path, tmp_path: Path) -> None:
    region = made(
        tmp_path,
        shared_data / "liechtenstein" / "liechtenstein-2024-03-04.osm.pbf",
        populations=None,
        within=(9.45, 47.10, 9.56, 47.20),
    )

    eschen = region.jurisdictions.index[region.jurisdictions["name"] == "Eschen"][0]
    assert region.stations["jurisdiction"]["n500020190"] == eschen, "Feuerwache Eschen at 47.2072"
    assert region.demand.to_crs(4326).within(shapely.box(9.44, 47.09, 9.57, 47.21)).all()
    assert re.match(
        r"Only people inside the study area are counted \([\d,]+ of [\d,]+ live outside\)\.", region.note
    )


def test_liechtenstein_2013_with_populations_given(shared_data: Path, tmp_path: Path) -> None:
    names = [
        "Balzers",
        "Eschen",
        "Gamprin",
        "Mauren",
        "Planken",
        "Ruggell",
        "Schaan",
        "Schellenberg",
        "Triesen",
        "Triesenberg",
        "Vaduz",
    ]

    region = made(
        tmp_path,
        shared_data / "liechtenstein" / "liechtenstein-2013-08-03.osm.pbf",
        populations=dict.fromkeys(names, 1000.0),
    )

    assert sorted(region.jurisdictions["name"]) == names
    assert len(region.stations) == 6
    assert region.demand.groupby("jurisdiction")["population"].sum().to_list() == pytest.approx([1000.0] * 11)


def test_andorra_with_its_seven_parishes(shared_data: Path, tmp_path: Path) -> None:
    region = made(
        tmp_path, shared_data / "andorra" / "andorra-2025-01-19.osm.pbf", admin_level=7, populations=None
    )

    assert len(region.jurisdictions) == 7
    assert region.jurisdictions.area.sum() / 1e6 == pytest.approx(468, rel=0.01)
    assert sorted(region.stations["jurisdiction"]) == [
        "AD-andorra-la-vella",
        "AD-canillo",
        "AD-encamp",
        "AD-la-massana",
    ]
    assert int(region.jurisdictions["population"].isna().sum()) == 4
    assert len(region.hospitals) == 11
