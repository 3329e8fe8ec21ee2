"""Roads read from OpenStreetMap files: hand-made ones of a few nodes, and real ones."""

from __future__ import annotations

import bz2
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
import osmium
import pytest
from pyproj import CRS, Geod

from mutualaid.errors import NetworkError, OsmError
from mutualaid.network import ROAD_CLASSES, Network, edge_times, profile, read_network
from mutualaid.network._roads import ground_length_m

#: Hundred-metre grid, nearly: (east, north) in ten-thousandths of a degree around 43.73 N, 7.42 E.
Place = tuple[float, float]
Way = tuple[int, Sequence[int], Mapping[str, str]]
Member = tuple[str, str, int]
Relation = tuple[Sequence[Member], Mapping[str, str]]
Draw = Callable[..., Network]

STAR: dict[int, Place] = {1: (0, 0), 2: (0, 10), 3: (10, 0), 4: (0, -10), 5: (-10, 0)}
ROAD = {"highway": "residential"}


def tags(values: Mapping[str, str]) -> str:
    return "".join(f"<tag k={quoteattr(key)} v={quoteattr(value)}/>" for key, value in values.items())


def osm_text(
    nodes: Mapping[int, Place],
    ways: Sequence[Way],
    *,
    relations: Sequence[Relation] = (),
    node_tags: Mapping[int, Mapping[str, str]] | None = None,
) -> str:
    parts = ['<?xml version="1.0" encoding="UTF-8"?>\n<osm version="0.6">']
    for node, (east, north) in nodes.items():
        place = f'lat="{43.73 + north / 1e4:.7f}" lon="{7.42 + east / 1e4:.7f}"'
        parts.append(f'<node id="{node}" version="1" {place}>{tags((node_tags or {}).get(node, {}))}</node>')
    for way, refs, values in ways:
        nds = "".join(f'<nd ref="{ref}"/>' for ref in refs)
        parts.append(f'<way id="{way}" version="1">{nds}{tags(values)}</way>')
    for i, (members, values) in enumerate(relations):
        text = "".join(f'<member type="{kind}" ref="{ref}" role="{role}"/>' for role, kind, ref in members)
        parts.append(f'<relation id="{900 + i}" version="1">{text}{tags(values)}</relation>')
    return "\n".join([*parts, "</osm>"])


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Network]:
    def read_text(*arguments: object, **options: object) -> Network:
        file = tmp_path / "hand.osm"
        file.write_text(osm_text(*arguments, **options), encoding="utf-8")  # type: ignore[arg-type]
        return read_network(file, crs=32632)

    return read_text


def turn(kind: str, from_way: int, via: int | Sequence[int], to_way: int, **more: str) -> Relation:
    middle = [("via", "node", via)] if isinstance(via, int) else [("via", "way", way) for way in via]
    return [("from", "way", from_way), *middle, ("to", "way", to_way)], {
        "type": "restriction",
        "restriction": kind,
        **more,
    }


def as_nodes(network: Network, edge: int) -> tuple[int, int]:
    """OSM ids of the nodes that a directed edge leads from and to."""
    row = network.roads.iloc[edge >> 1]
    a, b = int(network.node_id[row["a"]]), int(network.node_id[row["b"]])
    return (b, a) if edge & 1 else (a, b)


def turns(network: Network) -> list[list[tuple[int, int]]]:
    return [[as_nodes(network, edge) for edge in item.path] for item in network.restrictions]


# Shape


def test_ways_are_split_where_they_meet_and_nowhere_else(read: Draw) -> None:
    nodes = {**STAR, 6: (5, 2)}
    network = read(nodes, [(10, [5, 1, 6, 3], ROAD), (11, [2, 1, 4], ROAD)])
    assert sorted(network.node_id.tolist()) == [1, 2, 3, 4, 5]
    assert [as_nodes(network, 2 * i) for i in range(4)] == [(5, 1), (1, 3), (2, 1), (1, 4)]
    assert network.roads["way"].tolist() == [10, 10, 11, 11]
    assert np.diff(network.road_offset).tolist() == [2, 3, 2, 2], "node 6 is a vertex"
    xy = network.road_xy[network.road_offset[:-1]]
    assert np.array_equal(xy[:, 0], network.x[network.roads["a"]])


def test_length_is_on_the_ground_not_in_the_projection(read: Draw) -> None:
    network = read({1: (0, 0), 2: (300, 0), 3: (300, 400)}, [(10, [1, 2, 3], ROAD)])
    geod = Geod(ellps="WGS84")
    expected = geod.line_length([7.42, 7.45, 7.45], [43.73, 43.73, 43.77])
    assert network.roads["length_m"].iloc[0] == pytest.approx(expected, rel=1e-6)
    plane = math.dist(network.road_xy[0], network.road_xy[1]) + math.dist(*network.road_xy[1:])
    assert abs(plane / expected - 1) > 1e-4, "far from the central meridian the plane is stretched or shrunk"


def test_length_over_the_antimeridian_goes_the_short_way() -> None:
    west, east = np.array([[179.999, -16.8]]), np.array([[-179.998, -16.81]])
    expected = Geod(ellps="WGS84").line_length([179.999, -179.998], [-16.8, -16.81])
    assert ground_length_m(west, east)[0] == pytest.approx(expected, rel=1e-6)
    assert ground_length_m(east, west)[0] == pytest.approx(expected, rel=1e-6)


def test_roundabout_on_one_way_is_oneway_and_split_at_its_arms(read: Draw) -> None:
    ring = {1: (0, 0), 2: (2, 2), 3: (4, 0), 4: (2, -2), 5: (20, 0), 6: (-20, 0)}
    circle = (10, [1, 4, 3, 2, 1], {"highway": "tertiary", "junction": "roundabout"})
    network = read(ring, [circle, (11, [3, 5], ROAD), (12, [6, 1], ROAD)])
    of_ring = network.roads[network.roads["way"] == 10]
    assert of_ring["oneway"].tolist() == [1, 1]
    assert [as_nodes(network, 2 * i) for i in of_ring.index] == [(1, 3), (3, 1)]


def test_closed_way_with_one_arm_is_a_road_from_a_node_to_itself(read: Draw) -> None:
    loop = {1: (0, 0), 2: (2, 2), 3: (4, 0), 5: (-20, 0)}
    network = read(loop, [(10, [1, 2, 3, 1], ROAD), (11, [5, 1], ROAD)])
    assert as_nodes(network, 0) == (1, 1)
    assert network.n_roads == 2


def test_areas_footways_and_construction_are_no_roads(read: Draw) -> None:
    others = [
        (10, [1, 2], ROAD),
        (11, [1, 3], {"highway": "footway"}),
        (12, [1, 4], {"highway": "construction"}),
        (13, [1, 3, 4, 1], {"highway": "service", "area": "yes"}),
    ]
    network = read(STAR, others)
    assert network.roads["way"].tolist() == [10]
    assert network.notes == {"areas left out": 1}


def test_repeated_node_makes_no_road_without_length(read: Draw) -> None:
    network = read(STAR, [(10, [2, 1, 1, 3], ROAD)])
    assert network.n_roads == 1
    assert np.diff(network.road_offset).tolist() == [3]


def test_way_is_cut_where_a_node_is_missing(read: Draw) -> None:
    network = read(STAR, [(10, [5, 1, 99, 3, 4], ROAD), (11, [98, 2], ROAD)])
    assert [as_nodes(network, 2 * i) for i in range(network.n_roads)] == [(5, 1), (3, 4)]
    assert network.notes == {"ways cut where nodes are missing": 2}


def test_nodes_may_stand_behind_their_ways_and_have_negative_ids(tmp_path: Path) -> None:
    text = osm_text({1: (0, 0), -2: (5, 0), 3: (10, 0)}, [(10, [1, -2, 3], ROAD)])
    start, stop = text.index("<node"), text.index("<way")
    end = text.index("</osm>")
    file = tmp_path / "ways_first.osm"
    file.write_text(text[:start] + text[stop:end] + text[start:stop] + text[end:])
    network = read_network(file, crs=32632)
    assert np.diff(network.road_offset).tolist() == [3]
    assert network.notes == {}


# Tags


@pytest.mark.parametrize(
    ("values", "oneway"),
    [
        ({"oneway": "yes"}, 1),
        ({"oneway": "true"}, 1),
        ({"oneway": "1"}, 1),
        ({"oneway": "-1"}, -1),
        ({"oneway": "reverse"}, -1),
        ({"oneway": "no"}, 0),
        ({"oneway": "alternating"}, 0),
        ({"oneway": "reversible"}, 0),
        ({}, 0),
        ({"highway": "motorway"}, 1),
        ({"highway": "motorway", "oneway": "no"}, 0),
        ({"highway": "motorway_link"}, 0),
        ({"junction": "roundabout"}, 1),
        ({"junction": "circular"}, 1),
        ({"junction": "roundabout", "oneway": "-1"}, -1),
        ({"junction": "roundabout", "oneway": "perhaps"}, 1),
    ],
)
def test_direction_of_a_road(read: Draw, values: dict[str, str], oneway: int) -> None:
    assert read(STAR, [(10, [1, 2], ROAD | values)]).roads["oneway"].tolist() == [oneway]


@pytest.mark.parametrize(
    ("values", "access"),
    [
        ({}, "yes"),
        ({"access": "permissive"}, "yes"),
        ({"access": "destination"}, "destination"),
        ({"access": "customers"}, "destination"),
        ({"access": "private"}, "private"),
        ({"access": "no"}, "no"),
        ({"access": "agricultural"}, "no"),
        ({"access": "no", "motor_vehicle": "yes"}, "yes"),
        ({"access": "yes", "vehicle": "no"}, "no"),
        ({"vehicle": "no", "motor_vehicle": "private"}, "private"),
        ({"motor_vehicle": "no", "motorcar": "destination"}, "destination"),
        ({"access": "no", "emergency": "yes"}, "emergency"),
        ({"access": "emergency"}, "emergency"),
        ({"motor_vehicle": "private", "emergency": "no"}, "closed"),
        ({"emergency": "yes"}, "yes"),
        ({"highway": "busway"}, "no"),
        ({"highway": "busway", "emergency": "yes"}, "emergency"),
        ({"access": "whatever"}, "yes"),
    ],
)
def test_who_may_drive_here(read: Draw, values: dict[str, str], access: str) -> None:
    assert read(STAR, [(10, [1, 2], ROAD | values)]).roads["access"].tolist() == [access]


def test_attributes_are_read(read: Draw) -> None:
    values = {
        "highway": "secondary",
        "name": "Boulevard de France",
        "maxspeed": "50",
        "maxspeed:backward": "30 mph",
        "lanes": "2",
        "bridge": "viaduct",
        "tunnel": "no",
        "layer": "-1",
        "maxheight": "3.5 m",
        "maxheight:physical": "3.4",
        "maxweight": "7.5",
    }
    row = read(STAR, [(10, [1, 2], values)]).roads.iloc[0]
    assert (row["class"], row["name"], row["lanes"], row["layer"]) == (
        "secondary",
        "Boulevard de France",
        2.0,
        -1,
    )
    assert (row["bridge"], row["tunnel"]) == (True, False)
    assert row["maxspeed_forward_kph"] == 50.0
    assert row["maxspeed_backward_kph"] == pytest.approx(48.28032)
    assert (row["max_height_m"], row["max_weight_t"]) == (pytest.approx(3.4), 7.5)


def test_what_is_not_tagged_is_unknown(read: Draw) -> None:
    row = read(STAR, [(10, [1, 2], {"highway": "track", "ref": "C 5", "tunnel": "culvert"})]).roads.iloc[0]
    unknown = ["maxspeed_forward_kph", "maxspeed_backward_kph", "lanes", "max_height_m", "max_weight_t"]
    assert row[unknown].isna().all()
    assert (row["name"], row["tunnel"], row["bridge"], row["layer"], row["crossing"]) == (
        "C 5",
        False,
        False,
        0,
        -1,
    )
    assert row[["jurisdiction"]].isna().all()


def test_kind_of_limit_says_the_number_where_none_is_tagged(read: Draw) -> None:
    ways = [
        (10, [1, 2], ROAD | {"source:maxspeed": "FR:urban"}),
        (11, [1, 3], ROAD | {"maxspeed": "40", "maxspeed:type": "FR:urban"}),
        (12, [1, 4], ROAD | {"source:maxspeed": "https://example.org/42"}),
        (13, [1, 5], ROAD | {"maxspeed": "signals", "maxspeed:type": "CH:rural"}),
    ]
    limits = read(STAR, ways).roads["maxspeed_forward_kph"].tolist()
    assert limits == pytest.approx([50.0, 40.0, math.nan, 80.0], nan_ok=True)


def test_tags_not_understood_are_counted_for_each_way(read: Draw) -> None:
    odd = ROAD | {"maxspeed": "fast", "lanes": "some"}
    network = read(STAR, [(10, [1, 2], odd), (11, [1, 3], odd), (12, [1, 4], ROAD | {"access": "x"})])
    assert network.notes == {
        "access not understood, taken as open": 1,
        "lanes not understood": 2,
        "maxspeed not understood": 2,
    }


# Barriers


def reachable(network: Network, start: int, stop: int) -> bool:
    edges = [as_nodes(network, 2 * i) for i in range(network.n_roads)]
    seen, new = {start}, {start}
    while new:
        new = {b for a, b in [*edges, *((b, a) for a, b in edges)] if a in new} - seen
        seen |= new
    return stop in seen


@pytest.mark.parametrize(
    ("barrier", "passes"),
    [
        ({"barrier": "bollard"}, False),
        ({"barrier": "block"}, False),
        ({"barrier": "jersey_barrier", "access": "yes"}, False),
        ({"barrier": "bollard", "emergency": "yes"}, True),
        ({"barrier": "bollard", "motor_vehicle": "destination"}, True),
        ({"barrier": "gate"}, True),
        ({"barrier": "lift_gate", "access": "private"}, True),
    ],
)
@pytest.mark.parametrize("ways", [[[5, 1, 3]], [[5, 1], [1, 3]], [[5, 1], [3, 1]]])
def test_barrier_divides_a_road_or_lets_pass(
    read: Draw, barrier: dict[str, str], passes: bool, ways: list[list[int]]
) -> None:
    network = read(STAR, [(10 + i, way, ROAD) for i, way in enumerate(ways)], node_tags={1: barrier})
    assert reachable(network, 5, 3) == passes
    assert network.node_id.tolist().count(1) <= 1, "ids stay unique"
    assert network.notes.get("roads divided by a barrier", 0) == (0 if passes else 1)


def test_barrier_on_a_junction_is_left_out(read: Draw) -> None:
    network = read(STAR, [(10, [5, 1, 3], ROAD), (11, [1, 2], ROAD)], node_tags={1: {"barrier": "bollard"}})
    assert reachable(network, 5, 2)
    assert network.notes == {"barriers on junctions, left out": 1}


# Turn restrictions


CROSS: list[Way] = [(10, [5, 1], ROAD), (11, [1, 3], ROAD), (12, [1, 2], ROAD), (13, [4, 1], ROAD)]


def test_forbidden_and_mandatory_turn(read: Draw) -> None:
    relations = [
        turn("no_left_turn", 10, 1, 12),
        turn("only_straight_on", 13, 1, 12, **{"except": "psv;emergency"}),
    ]
    network = read(STAR, CROSS, relations=relations)
    assert turns(network) == [[(5, 1), (1, 2)], [(4, 1), (1, 2)]]
    assert [item.only for item in network.restrictions] == [False, True]
    assert [item.exempt for item in network.restrictions] == [frozenset(), {"psv", "emergency"}]
    assert [item.osm_id for item in network.restrictions] == [900, 901]


def test_u_turn_is_there_and_back(read: Draw) -> None:
    network = read(STAR, CROSS, relations=[turn("no_u_turn", 10, 1, 10)])
    assert turns(network) == [[(5, 1), (1, 5)]]


def test_restriction_uses_the_part_of_the_way_at_the_via_node(read: Draw) -> None:
    nodes = {**STAR, 6: (-5, 0), 7: (-5, 5)}
    ways = [(10, [5, 6, 1], ROAD), (11, [1, 3], ROAD), (12, [1, 2], ROAD), (14, [6, 7], ROAD)]
    network = read(nodes, ways, relations=[turn("no_left_turn", 10, 1, 12)])
    assert turns(network) == [[(6, 1), (1, 2)]]


def test_via_node_inside_a_way_splits_it(read: Draw) -> None:
    network = read(
        STAR, [(10, [5, 1, 3], ROAD | {"oneway": "yes"})], relations=[turn("no_u_turn", 10, 1, 10)]
    )
    assert network.n_roads == 2
    assert network.notes == {"turn restrictions whose ways do not meet in the right direction": 1}


def test_oneway_decides_between_two_ways_to_read_it(read: Draw) -> None:
    through = (10, [5, 1, 3], ROAD | {"oneway": "yes"})
    network = read(STAR, [through, (12, [1, 2], ROAD)], relations=[turn("no_left_turn", 10, 1, 12)])
    assert turns(network) == [[(5, 1), (1, 2)]]
    twoway = read(
        STAR, [(10, [5, 1, 3], ROAD), (12, [1, 2], ROAD)], relations=[turn("no_left_turn", 10, 1, 12)]
    )
    assert twoway.restrictions == ()
    assert twoway.notes == {"turn restrictions that can be read in two ways": 1}


def test_via_way_with_a_junction_inside_gives_the_whole_sequence(read: Draw) -> None:
    nodes = {1: (0, 0), 2: (5, 0), 3: (10, 0), 4: (0, 10), 5: (10, 10), 6: (5, -10)}
    ways = [(10, [4, 1], ROAD), (11, [1, 2, 3], ROAD), (12, [3, 5], ROAD), (13, [2, 6], ROAD)]
    network = read(nodes, ways, relations=[turn("no_u_turn", 10, [11], 12)])
    assert turns(network) == [[(4, 1), (1, 2), (2, 3), (3, 5)]]


def test_two_via_ways_against_the_drawing_direction(read: Draw) -> None:
    nodes = {1: (0, 0), 2: (5, 0), 3: (10, 0), 4: (0, 10), 5: (10, 10)}
    ways = [(10, [1, 4], ROAD), (11, [2, 1], ROAD), (14, [3, 2], ROAD), (12, [5, 3], ROAD)]
    network = read(nodes, ways, relations=[turn("no_u_turn", 10, [11, 14], 12)])
    assert turns(network) == [[(4, 1), (1, 2), (2, 3), (3, 5)]]


def test_several_from_ways_of_no_entry_give_several_restrictions(read: Draw) -> None:
    members = [("from", "way", 10), ("from", "way", 13), ("via", "node", 1), ("to", "way", 12)]
    network = read(STAR, CROSS, relations=[(members, {"type": "restriction", "restriction": "no_entry"})])
    assert turns(network) == [[(5, 1), (1, 2)], [(4, 1), (1, 2)]]


def test_restriction_for_lorries_exempts_cars_and_others_do_not_bind(read: Draw) -> None:
    def only(key: str, value: str) -> Relation:
        members, _ = turn("", 10, 1, 12)
        return members, {"type": "restriction", key: value}

    relations = [
        only("restriction:hgv", "no_left_turn"),
        only("restriction:bicycle", "no_left_turn"),
        only("restriction:conditional", "no_left_turn @ (Mo-Fr 07:00-09:00)"),
        only("restriction", "give_way"),
        turn("no_left_turn", 10, 1, 77),
        turn("no_left_turn", 10, 4, 12),
        ([("from", "way", 10), ("to", "way", 12)], {"type": "restriction", "restriction": "no_left_turn"}),
    ]
    network = read(STAR, CROSS, relations=relations)
    assert [item.exempt for item in network.restrictions] == [{"motorcar"}]
    assert network.notes == {
        "turn restrictions conditional, not applied": 1,
        "turn restrictions not for motor vehicles": 1,
        "turn restrictions not understood": 1,
        "turn restrictions on ways that are not in the network": 1,
        "turn restrictions whose ways do not meet in the right direction": 1,
        "turn restrictions with a member missing": 1,
    }


# Files


def test_two_extracts_join_without_double_roads(tmp_path: Path) -> None:
    west, east = tmp_path / "west.osm", tmp_path / "east.osm"
    both = [(10, [5, 1, 3], ROAD)]
    west.write_text(osm_text({key: STAR[key] for key in (5, 1, 2)}, [*both, (11, [1, 2], ROAD)]))
    east.write_text(osm_text({key: STAR[key] for key in (1, 3, 4)}, [*both, (12, [3, 4], ROAD)]))
    network = read_network([west, east], crs=32632)
    assert sorted(network.roads["way"]) == [10, 10, 11, 12]
    assert reachable(network, 2, 4)
    assert network.notes == {"ways in more than one file, taken once": 1}
    alone = read_network(west, crs=32632)
    assert network.roads["length_m"].sum() > alone.roads["length_m"].sum()


def test_order_of_files_does_not_change_the_roads(tmp_path: Path) -> None:
    paths = [tmp_path / "a.osm", tmp_path / "b.osm"]
    paths[0].write_text(osm_text(STAR, CROSS[:3], relations=[turn("no_left_turn", 10, 1, 12)]))
    paths[1].write_text(osm_text(STAR, CROSS[1:], relations=[turn("no_left_turn", 10, 1, 12)]))
    one, other = read_network(paths, crs=32632), read_network(paths[::-1], crs=32632)
    assert sorted(one.roads["length_m"]) == sorted(other.roads["length_m"])
    assert turns(one) == turns(other) == [[(5, 1), (1, 2)]]


def test_packed_xml_is_read(tmp_path: Path) -> None:
    file = tmp_path / "hand.osm.bz2"
    file.write_bytes(bz2.compress(osm_text(STAR, CROSS).encode()))
    assert read_network(file, crs=32632).n_roads == 4


@pytest.mark.parametrize(
    ("name", "content"),
    [("gone.osm.pbf", None), ("empty.osm.pbf", b""), ("text.osm.pbf", b"hello"), ("open.osm", b"<osm")],
)
def test_damaged_file_is_named(tmp_path: Path, name: str, content: bytes | None) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(OsmError, match=name):
        read_network(file, crs=32632)


def test_truncated_extract_is_an_error_not_a_smaller_network(shared_data: Path, tmp_path: Path) -> None:
    whole = (shared_data / "monaco" / "monaco.osm.pbf").read_bytes()
    file = tmp_path / "cut.osm.pbf"
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(OsmError, match=r"cut\.osm\.pbf"):
        read_network(file, crs=32632)


def test_file_without_roads_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "paths.osm"
    file.write_text(osm_text(STAR, [(10, [1, 2], {"highway": "path"})]))
    with pytest.raises(OsmError, match="at least one drivable road"):
        read_network(file, crs=32632)


@pytest.mark.parametrize("files", [[], ["a.shp"], ["a.graphml", "b.osm"], "roads.txt"])
def test_unknown_kinds_of_files_are_refused(files: str | list[str]) -> None:
    with pytest.raises(NetworkError, match="road network"):
        read_network(files, crs=32632)


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:2263", "nonsense"])
def test_crs_must_be_projected_in_metres(crs: str) -> None:
    with pytest.raises(NetworkError, match="projected CRS in metres"):
        read_network("any.osm", crs=crs)


# Real extracts


@pytest.mark.parametrize(
    ("file", "crs"),
    [
        ("monaco/monaco.osm.pbf", 32632),
        ("liechtenstein/liechtenstein-2024-03-04.osm.pbf", 32632),
        ("andorra/andorra-2025-01-19.osm.pbf", 32631),
        ("flood/kampen/kampen.osm.pbf", 28992),
    ],
)
def test_roads_of_a_real_extract_are_as_long_as_its_ways(shared_data: Path, file: str, crs: int) -> None:
    network = read_network(shared_data / file, crs=crs)
    geod, expected = Geod(ellps="WGS84"), 0.0
    ways: Iterable[Any] = osmium.FileProcessor(str(shared_data / file)).with_locations()
    for way in ways:
        if not way.is_way() or way.tags.get("highway") not in ROAD_CLASSES or way.tags.get("area") == "yes":
            continue
        runs: list[list[tuple[float, float]]] = [[]]
        for node in way.nodes:
            if node.location.valid():
                runs[-1].append((node.lon, node.lat))
            else:
                runs.append([])
        for run in runs:
            lon, lat = [list(axis) for axis in zip(*run, strict=True)] or ([], [])
            expected += float(geod.line_length(lon, lat))
    assert network.roads["length_m"].sum() == pytest.approx(expected, rel=1e-6)
    check_shape(network)


def check_shape(network: Network) -> None:
    """What holds for every network."""
    roads = network.roads
    assert isinstance(network.crs, CRS)
    assert len(np.unique(network.node_id)) == network.n_nodes
    assert roads[["a", "b"]].to_numpy().min() == 0
    assert roads[["a", "b"]].to_numpy().max() == network.n_nodes - 1
    start, stop = network.road_offset[:-1], network.road_offset[1:] - 1
    for end, at in (("a", start), ("b", stop)):
        assert np.array_equal(network.road_xy[at, 0], network.x[roads[end]])
        assert np.array_equal(network.road_xy[at, 1], network.y[roads[end]])
    dtypes = {
        "a": "int32", "b": "int32", "length_m": "float64", "way": "int64", "class": "category",
        "maxspeed_forward_kph": "float32", "maxspeed_backward_kph": "float32", "lanes": "float32",
        "oneway": "int8", "bridge": "bool", "tunnel": "bool", "covered": "bool", "layer": "int8",
        "access": "category",
        "max_height_m": "float32", "max_weight_t": "float32", "jurisdiction": "category", "crossing": "int32",
    }  # fmt: skip
    assert {name: str(dtype) for name, dtype in roads.dtypes.items() if name != "name"} == dtypes
    for item in network.restrictions:
        ends = [as_nodes(network, edge) for edge in item.path]
        assert all(one[1] == other[0] for one, other in pairwise(ends))


def test_monaco_has_the_roads_it_is_known_for(shared_data: Path) -> None:
    network = read_network(shared_data / "monaco" / "monaco.osm.pbf", crs=32632)
    roads = network.roads
    assert roads.loc[roads["tunnel"], "way"].nunique() == 103, "of 151 tunnels the drivable ones"
    assert (roads["name"] == "Tunnel du Millenium").any()
    assert {3.5, 10.0, 26.0} == set(roads["max_weight_t"].dropna())
    assert len(network.restrictions) == 27
    times = edge_times(network, profile("civilian"))
    assert (times.drive_ms >= 0).mean() > 0.6
