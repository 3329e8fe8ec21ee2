"""Roads cut at boundaries: crossings, nodes on the line, roads that wobble, restrictions that lead across."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import osmium
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from shapely.geometry import box

from mutualaid.errors import NetworkError
from mutualaid.network import (
    Network,
    Restriction,
    cut_at_boundaries,
    profile,
    read_network,
    route_graph,
    snap,
    travel_times,
)

CRS = "EPSG:32632"
Draw = Callable[..., Network]
WEST, EAST = box(-1000, -1000, 0, 1000), box(0, -1000, 1000, 1000)


def lands(**polygons: Any) -> gpd.GeoDataFrame:
    """Jurisdictions named as their ids; each in a country of its own unless two share the first letter."""
    ids = list(polygons)
    columns = {
        "name": [name.title() for name in ids],
        "country": [name[0].upper() for name in ids],
        "partner": ids,
    }
    return gpd.GeoDataFrame(columns, geometry=list(polygons.values()), index=ids, crs=CRS)


def bend(network: Network, vertices: list[tuple[float, float]]) -> Network:
    """Give the first road a bent line."""
    rest = network.road_xy[2:]
    counts = np.diff(network.road_offset)
    counts[0] = len(vertices)
    length = float(shapely.length(shapely.linestrings(vertices)))
    roads = network.roads.assign(length_m=[length, *network.roads["length_m"].iloc[1:]])
    return Network(
        network.crs, network.node_id, network.x, network.y, roads,
        np.concatenate([np.array(vertices, dtype=np.float64), rest]),
        np.concatenate([[0], np.cumsum(counts)]), network.crossings, network.restrictions,
    )  # fmt: skip


def table(network: Network) -> list[tuple[str, float]]:
    """Jurisdiction and length of each road that is no crossing."""
    real = network.roads[network.roads["crossing"] < 0]
    land = real["jurisdiction"].astype("object").where(real["jurisdiction"].notna(), "")
    return list(zip(land.tolist(), real["length_m"].round(6).tolist(), strict=True))


def check_cut(before: Network, after: Network) -> None:
    """What holds whatever was cut."""
    real = after.roads["crossing"].to_numpy() < 0
    assert after.roads["length_m"].sum() == pytest.approx(before.roads["length_m"].sum(), rel=1e-12)
    assert (after.roads["length_m"][~real] == 0).all()
    assert after.roads["crossing"][~real].tolist() == list(range(len(after.crossings)))
    assert len(np.unique(after.node_id)) == after.n_nodes
    assert after.crossings.index.is_unique
    start, stop = after.road_offset[:-1], after.road_offset[1:] - 1
    for end, at in (("a", start), ("b", stop)):
        place = np.column_stack([after.x, after.y])[after.roads[end]]
        assert np.allclose(after.road_xy[at], place, atol=1e-6)
    ends = after.roads.loc[~real, ["a", "b"]].to_numpy()
    assert (ends[:, 0] != ends[:, 1]).all()
    assert np.array_equal(after.x[ends[:, 0]], after.x[ends[:, 1]])
    assert np.array_equal(after.y[ends[:, 0]], after.y[ends[:, 1]])
    # Nothing but a crossing leads from one jurisdiction into another.
    of_node: dict[int, set[str]] = {}
    inside = after.roads[real & after.roads["jurisdiction"].notna().to_numpy()]
    for a, b, land in zip(inside["a"], inside["b"], inside["jurisdiction"], strict=True):
        of_node.setdefault(a, set()).add(land)
        of_node.setdefault(b, set()).add(land)
    assert all(len(found) == 1 for found in of_node.values())
    for item in after.restrictions:
        heads = [int(after.roads["a" if edge & 1 else "b"].iloc[edge >> 1]) for edge in item.path]
        tails = [int(after.roads["b" if edge & 1 else "a"].iloc[edge >> 1]) for edge in item.path]
        assert heads[:-1] == tails[1:]


def cut(network: Network, jurisdictions: gpd.GeoDataFrame, **options: float) -> Network:
    before = network.roads.copy()
    after = cut_at_boundaries(network, jurisdictions, **options)
    assert network.roads.equals(before), "the input stays as it was"
    check_cut(network, after)
    return after


def test_road_over_a_boundary_becomes_two_and_a_crossing(draw: Draw) -> None:
    road = {"name": "Rue du Lac", "way": 77, "class": "primary", "bridge": True, "oneway": 1}
    network = cut(draw([(-100, 0), (300, 0)], [(0, 1, road)]), lands(west=WEST, east=EAST))
    assert table(network) == [("west", 100.0), ("east", 300.0)]
    crossing: Any = network.crossings.loc["w77-1"]
    assert crossing["name"] == "Rue du Lac (West – East)"
    assert crossing[["from_jurisdiction", "to_jurisdiction"]].tolist() == ["west", "east"]
    assert crossing[["from_country", "to_country", "international"]].tolist() == ["W", "E", True]
    assert crossing[["class", "bridge", "tunnel"]].tolist() == ["primary", True, False]
    assert crossing.geometry.equals(shapely.Point(0, 0))
    assert network.crossings.index.name == "crossing"
    row = network.roads.iloc[2]
    assert (row["crossing"], row["way"], row["oneway"], row["name"]) == (0, 77, 1, "Rue du Lac")
    assert network.roads[["a", "b"]].to_numpy().tolist() == [[0, 2], [3, 1], [2, 3]]
    assert network.node_id.tolist() == [0, 1, -1, -2]


def test_jurisdiction_of_several_parts_and_with_a_hole_is_cut_all_around(draw: Draw) -> None:
    ring = box(-500, -500, 500, 500).difference(box(-40, -40, 40, 40))
    island = shapely.MultiPolygon([box(-40, -40, 40, 40), box(600, -500, 900, 500)])
    network = cut(draw([(0, 0), (1000, 0)], [(0, 1)]), lands(ring=ring, island=island))
    assert table(network) == [("island", 40.0), ("ring", 510.0), ("island", 350.0), ("", 100.0)]
    assert len(network.crossings) == 2


def test_crossing_within_a_country_is_not_international(draw: Draw) -> None:
    network = cut(draw([(-100, 0), (100, 0)], [(0, 1)]), lands(east_a=WEST, east_b=EAST))
    assert network.crossings["international"].tolist() == [False]


def test_unknown_country_is_not_called_international(draw: Draw) -> None:
    unknown = lands(west=WEST, east=EAST).assign(country=["", "E"])
    assert cut(draw([(-100, 0), (100, 0)], [(0, 1)]), unknown).crossings["international"].tolist() == [False]


def test_road_inside_one_jurisdiction_is_not_cut(draw: Draw) -> None:
    network = cut(draw([(10, 0), (100, 0)], [(0, 1)]), lands(west=WEST, east=EAST))
    assert table(network) == [("east", 90.0)]
    assert len(network.crossings) == 0


def test_node_on_the_boundary_becomes_one_for_each_side(draw: Draw) -> None:
    star = draw(
        [(0, 0), (-100, 0), (100, 0), (-100, 50), (100, 50)],
        [(0, 1, {"class": "track"}), (2, 0, {"name": "Via"}), (0, 3), (4, 0)],
    )
    network = cut(star, lands(west=WEST, east=EAST))
    assert network.crossings.index.tolist() == ["n0-west-east"]
    assert network.crossings["name"].tolist() == ["Via (West – East)"], (
        "the named road before the nameless ones"
    )
    assert network.roads[["a", "b"]].to_numpy().tolist() == [[0, 1], [2, 5], [0, 3], [4, 5], [0, 5]]
    assert (network.x[5], network.y[5], network.node_id[5]) == (0.0, 0.0, -1)
    assert network.roads.iloc[4][["way", "oneway", "access"]].tolist() == [0, 0, "yes"]


def test_node_where_three_meet_has_three_copies_joined_pairwise(draw: Draw) -> None:
    star = draw([(0, 0), (-100, 0), (100, 50), (100, -50)], [(0, 1), (0, 2), (0, 3)])
    network = cut(star, lands(west=WEST, north=box(0, 0, 500, 500), south=box(0, -500, 500, 0)))
    assert network.crossings.index.tolist() == ["n0-west-north", "n0-west-south", "n0-north-south"]
    assert network.n_nodes == 6


def test_boundary_a_hand_beside_a_node_is_taken_to_pass_through_it(draw: Draw) -> None:
    path = draw([(-100, 0), (0.2, 0), (100, 0)], [(0, 1), (1, 2)])
    network = cut(path, lands(west=WEST, east=EAST))
    assert network.crossings.index.tolist() == ["n1-west-east"]
    assert [land for land, _ in table(network)] == ["west", "east"]


def test_road_that_wobbles_over_the_boundary_is_not_cut(draw: Draw) -> None:
    along = [(-5.0, -300.0), (-5.0, -100.0), (6.0, 0.0), (-5.0, 100.0), (-5.0, 300.0), (-90.0, 300.0)]
    network = bend(draw([along[0], along[-1]], [(0, 1)]), along)
    assert [land for land, _ in table(cut(network, lands(west=WEST, east=EAST)))] == ["west"]
    strict = cut(network, lands(west=WEST, east=EAST), tolerance_m=3.0)
    assert [land for land, _ in table(strict)] == ["west", "east", "west"]


def test_wobble_over_several_roads_is_not_cut_but_a_way_off_is(draw: Draw) -> None:
    nodes = [(-5, -300), (4, -50), (4, 50), (-5, 300), (-90, 0)]
    chain = [(0, 1), (1, 2), (2, 3), (0, 4), (3, 4)]
    network = cut(draw(nodes, chain), lands(west=WEST, east=EAST))
    assert {land for land, _ in table(network)} == {"west"}
    network = cut(draw([*nodes, (200, 0)], [*chain, (1, 5)]), lands(west=WEST, east=EAST))
    assert len(network.crossings) == 2, "now it leads somewhere, so the wobble really is in the east"


def test_real_excursion_makes_two_crossings(draw: Draw) -> None:
    along = [(-50.0, -300.0), (40.0, 0.0), (-50.0, 300.0)]
    network = cut(bend(draw([along[0], along[-1]], [(0, 1, {"way": 5})]), along), lands(west=WEST, east=EAST))
    assert [land for land, _ in table(network)] == ["west", "east", "west"]
    assert network.crossings.index.tolist() == ["w5-1", "w5-2"]
    assert network.crossings["from_jurisdiction"].tolist() == ["west", "east"]


def test_river_between_two_shores_makes_one_crossing_in_its_middle(draw: Draw) -> None:
    shores = lands(west=box(-1000, -1000, -60, 1000), east=box(60, -1000, 1000, 1000))
    network = cut(draw([(-200, 0), (300, 0)], [(0, 1)]), shores)
    assert table(network) == [("west", 200.0), ("east", 300.0)]
    assert len(network.crossings) == 1
    assert [land for land, _ in table(cut(draw([(-200, 0), (300, 0)], [(0, 1)]), shores, gap_m=100))] == [
        "west",
        "",
        "east",
    ]


def test_bridge_of_several_roads_over_a_river_makes_one_crossing(draw: Draw) -> None:
    shores = lands(west=box(-1000, -1000, -60, 1000), east=box(60, -1000, 1000, 1000))
    network = cut(draw([(-200, 0), (-20, 0), (20, 0), (300, 0)], [(0, 1), (1, 2), (2, 3)]), shores)
    assert len(network.crossings) == 1
    assert "" not in {land for land, _ in table(network)}


def test_slivers_and_overlaps_make_no_crossings_of_their_own(draw: Draw) -> None:
    road = [(-200, 3), (300, 3)]
    for gap in (-4.0, -0.001, 0.001, 4.0):
        network = cut(draw(road, [(0, 1)]), lands(west=WEST, east=box(gap, -1000, 1000, 1000)))
        assert len(network.crossings) == 1
        assert [land for land, _ in table(network)] == ["west", "east"]


def test_border_of_the_region_is_cut_without_a_crossing(draw: Draw) -> None:
    network = cut(draw([(-100, 0), (100, 0)], [(0, 1)]), lands(west=WEST))
    assert table(network) == [("west", 100.0), ("", 100.0)]
    assert len(network.crossings) == 0
    assert network.n_nodes == 3


def test_road_outside_all_stays_as_it_is(draw: Draw) -> None:
    network = cut(draw([(5000, 0), (6000, 0)], [(0, 1)]), lands(west=WEST, east=EAST))
    assert table(network) == [("", 1000.0)]


def test_road_exactly_along_the_boundary_belongs_to_one_side(draw: Draw) -> None:
    network = cut(
        draw([(-50, 0), (0, 0), (0, 400), (-50, 400)], [(0, 1), (1, 2), (2, 3)]), lands(west=WEST, east=EAST)
    )
    assert [land for land, _ in table(network)] == ["west"] * 3


# Restrictions


def arms(network: Network, item: Restriction) -> list[str]:
    """Path of a restriction in words: number of the road and direction, or x for a crossing."""
    crossing = network.roads["crossing"].to_numpy()
    return [
        "x" if crossing[edge >> 1] >= 0 else f"{edge >> 1}{'<' if edge & 1 else '>'}" for edge in item.path
    ]


STAR = [(0, 0), (-100, 0), (100, 0), (-100, 90), (100, 90)]
ARMS = [(1, 0), (0, 2), (0, 3), (0, 4)]


@pytest.mark.parametrize(
    ("old", "expected"),
    [
        (Restriction((0, 2), "no_straight_on"), [["0>", "x", "1>"]]),
        (Restriction((0, 4), "no_left_turn"), [["0>", "2>"]]),
        (Restriction((0, 2), "only_straight_on"), [["0>", "x"], ["0>", "x", "1>"]]),
    ],
)
def test_restriction_in_a_split_node_leads_through_the_crossing(
    draw: Draw, old: Restriction, expected: list[list[str]]
) -> None:
    network = cut(draw(STAR, ARMS, [old]), lands(west=WEST, east=EAST))
    carried = [
        item for item in network.restrictions if item.kind == old.kind and arms(network, item)[0] != "x"
    ]
    assert [arms(network, item) for item in carried] == expected
    assert all(item.exempt == old.exempt and item.osm_id == old.osm_id for item in carried)


def test_restriction_cannot_be_evaded_by_crossing_there_and_back(draw: Draw) -> None:
    network = cut(draw(STAR, ARMS, [Restriction((0, 4), "no_left_turn")]), lands(west=WEST, east=EAST))
    loops = [item.path for item in network.restrictions if arms(network, item) == ["x", "x"]]
    assert {(a ^ 1) == b for a, b in loops} == {True}
    assert len(loops) == 1
    route_graph(network, profile("civilian"))


def test_mandatory_turn_over_a_way_does_not_bind_who_has_yet_to_enter_that_way(draw: Draw) -> None:
    # The boundary passes through the junction before the via way: whoever comes from road 0 is free there.
    roads = [(1, 0), (0, 2), (2, 5), (0, 3), (2, 6)]
    nodes = [*STAR, (200, 90), (200, -90)]
    old = Restriction((0, 2, 4), "only_left_turn")
    network = cut(draw(nodes, roads, [old]), lands(west=WEST, east=EAST))
    mandatory = [arms(network, item) for item in network.restrictions if item.only]
    assert mandatory == [["0>", "x", "1>", "2>"]]


def test_junction_on_the_boundary_costs_the_same_as_any_other(draw: Draw) -> None:
    engine = replace(profile("fire_engine"), junction_s=2.0)
    before = draw([*STAR, (-100, -90)], [*ARMS, (0, 5)])
    after = cut(before, lands(west=WEST, east=EAST))
    assert len(after.crossings) == 1
    places = gpd.GeoSeries.from_xy([-50, 50, -50, 50], [0, 0, 45, 45], crs=CRS)
    one, other = (
        travel_times(route_graph(network, engine), snap(network, places), snap(network, places), limit_s=99)
        for network in (before, after)
    )
    assert len(one) == 16
    assert_frame_equal(one, other)


def test_restriction_over_a_road_that_is_cut_names_all_its_pieces(draw: Draw) -> None:
    nodes = [(-100, 50), (-100, 0), (100, 0), (100, 50)]
    old = Restriction((0, 2, 4), "no_u_turn", frozenset({"bus"}), 9)
    network = cut(draw(nodes, [(0, 1), (1, 2), (2, 3)], [old]), lands(west=WEST, east=EAST))
    assert [arms(network, item) for item in network.restrictions] == [["0>", "1>", "x", "2>", "3>"]]
    back = Restriction((5, 3, 1), "no_u_turn")
    network = cut(draw(nodes, [(0, 1), (1, 2), (2, 3)], [back]), lands(west=WEST, east=EAST))
    assert [arms(network, item) for item in network.restrictions] == [["3<", "2<", "x", "1<", "0<"]]


def test_first_and_last_road_of_a_restriction_count_where_they_touch_it(draw: Draw) -> None:
    nodes = [(-300, 0), (300, 0), (-300, 50)]
    network = cut(
        draw(nodes, [(0, 1), (1, 2)], [Restriction((0, 2), "no_left_turn")]), lands(west=WEST, east=EAST)
    )
    assert [arms(network, item) for item in network.restrictions] == [["1>", "2>"]]


# Invariants


coordinate = st.integers(-30, 30).map(lambda i: i * 7.0)
places = st.lists(st.tuples(coordinate, coordinate), min_size=2, max_size=7, unique=True)


@settings(deadline=None, max_examples=40)
@given(data=st.data(), xy=places)
def test_cutting_keeps_lengths_and_leaves_no_other_way_over_a_boundary(
    draw: Draw, data: st.DataObject, xy: list[tuple[float, float]]
) -> None:
    node = st.integers(0, len(xy) - 1)
    ends = st.tuples(node, node).filter(lambda pair: pair[0] != pair[1])
    roads = data.draw(st.lists(ends, min_size=1, max_size=8))
    x0, x1, y0 = (data.draw(st.integers(-200, 200)) * 1.0 for _ in range(3))
    jurisdictions = lands(
        a=box(-400, y0, x0, 400), b=box(x0, y0, 401, 400), c=box(-400, -400, x1, y0), d=box(x1, -400, 401, y0)
    )
    cut(draw(xy, roads), jurisdictions)


@settings(deadline=None, max_examples=25)
@given(xy=places, turned=st.integers(0, 180))
def test_names_of_jurisdictions_do_not_matter(
    draw: Draw, xy: list[tuple[float, float]], turned: float
) -> None:
    network = draw(xy, [(i, i + 1) for i in range(len(xy) - 1)])
    line = shapely.affinity.rotate(box(-900, -900, 0, 900), turned, origin=(0, 0))
    other = box(-999, -999, 999, 999).difference(line)
    one = cut(network, lands(west=line, east=other))
    two = cut(network, lands(upper=line, lower=other))
    assert table(one) == [({"upper": "west", "lower": "east"}.get(land, ""), m) for land, m in table(two)]
    assert one.crossings.geometry.geom_equals(two.crossings.geometry, align=False).all()


# Input that cannot be used


def test_what_is_wrong_with_the_jurisdictions_is_said_at_once(draw: Draw) -> None:
    network = draw([(-100, 0), (100, 0)], [(0, 1)])
    bad = lands(west=WEST, east=EAST).to_crs(4326).drop(columns="country")
    bad.index = ["west", "west"]
    with pytest.raises(NetworkError) as caught:
        cut_at_boundaries(network, bad)
    assert [defect.expected for defect in caught.value.defects] == [
        "CRS WGS 84 / UTM zone 32N",
        "a column country",
        "unique ids",
    ]
    with pytest.raises(NetworkError, match="got none"):
        cut_at_boundaries(
            network, gpd.GeoDataFrame(lands(west=WEST).drop(columns="geometry"), geometry=[WEST])
        )


def test_network_is_cut_once_only(draw: Draw) -> None:
    jurisdictions = lands(west=WEST, east=EAST)
    network = cut(draw([(-100, 0), (100, 0)], [(0, 1)]), jurisdictions)
    with pytest.raises(NetworkError, match="a network that has not been cut"):
        cut_at_boundaries(network, jurisdictions)


# A real border


def test_borders_around_monaco(shared_data: Path) -> None:
    file = shared_data / "monaco" / "monaco.osm.pbf"
    whole = {"Monaco": "MC", "Beausoleil": "FR", "Cap-d'Ail": "FR", "La Turbie": "FR"}
    areas: Any = osmium.FileProcessor(str(file)).with_areas(osmium.filter.TagFilter(("admin_level", "8")))
    wkb = osmium.geom.WKBFactory()
    found = {
        area.tags["name"]: shapely.from_wkb(wkb.create_multipolygon(area))
        for area in areas
        if area.is_area() and area.tags.get("name") in whole
    }
    columns = {"name": list(whole), "country": list(whole.values()), "partner": list(whole)}
    shapes = [found[name] for name in whole]
    communes = gpd.GeoDataFrame(columns, geometry=shapes, index=list(whole), crs=4326).to_crs(CRS)
    network = read_network(file, crs=CRS)
    after = cut(network, communes)
    drive = after.roads[~after.roads["class"].isin(["track", "busway"])]
    km = drive.groupby("jurisdiction", observed=True)["length_m"].sum() / 1000
    assert km["Monaco"] == pytest.approx(59, abs=3)
    assert km["Beausoleil"] == pytest.approx(35, abs=3)
    assert km["Cap-d'Ail"] == pytest.approx(27, abs=3)
    assert km["La Turbie"] == pytest.approx(64, abs=6)
    sides = after.crossings[["from_jurisdiction", "to_jurisdiction"]]
    monaco = (sides == "Monaco").any(axis=1)
    assert monaco.equals(after.crossings["international"])
    assert monaco.sum() == 36
    assert set(after.crossings.loc[~monaco, "from_country"]) == {"FR"}
    assert after.crossings["name"].str.match(r".+ \(.+ – .+\)$").all()
    literal = cut(network, communes, tolerance_m=0.01)
    assert literal.crossings["international"].sum() > 50, "streets along the border wobble over it"
    at_once = read_network(file, crs=CRS, jurisdictions=communes)
    assert at_once.crossings.index.equals(after.crossings.index)
