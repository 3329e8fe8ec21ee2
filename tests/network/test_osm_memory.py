"""Reading files larger than memory: what is read piece by piece is the same as what is read at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import osmium
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from mutualaid.errors import OsmError
from mutualaid.network import Network, read_network
from mutualaid.network import _osm as osm_module
from mutualaid.network import _roads as roads_module

#: Id, longitude and latitude in units of 1e-7 degrees, whether a bollard stands there.
Node = tuple[int, int, int, bool]
Way = tuple[int, Sequence[int]]


def write(path: Path, nodes: Sequence[Node], ways: Sequence[Way], *, ways_first: bool = False) -> Path:
    """Write a file with residential roads."""
    made: Any = osmium.osm.mutable
    with osmium.SimpleWriter(str(path), overwrite=True) as writer:
        if ways_first:
            write_ways(writer, ways)
        for node, x, y, bollard in nodes:
            tags = {"barrier": "bollard"} if bollard else {}
            writer.add_node(made.Node(id=node, location=(x / 1e7, y / 1e7), tags=tags))
        if not ways_first:
            write_ways(writer, ways)
    return path


def write_ways(writer: osmium.SimpleWriter, ways: Sequence[Way]) -> None:
    made: Any = osmium.osm.mutable
    for way, refs in ways:
        writer.add_way(made.Way(id=way, nodes=refs, tags={"highway": "residential", "name": f"Way {way}"}))


def small_batches(patch: pytest.MonkeyPatch, size: int) -> None:
    patch.setattr(osm_module, "BATCH", size)
    patch.setattr(roads_module, "BATCH", size)


def check_same(one: Network, other: Network) -> None:
    for name in ("node_id", "x", "y", "road_xy", "road_offset"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    pd.testing.assert_frame_equal(one.roads, other.roads, check_exact=True)
    assert one.restrictions == other.restrictions
    assert one.notes == other.notes


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_real_extract_read_in_small_batches(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    file = shared_data / "monaco" / "monaco.osm.pbf"
    whole = read_network(file, crs=32632)
    small_batches(monkeypatch, size)
    check_same(read_network(file, crs=32632), whole)


def test_only_nodes_of_roads_are_kept(tmp_path: Path) -> None:
    nodes = [(i, 74_000_000 + 100 * i, 437_000_000, i % 5 == 0) for i in range(1, 5001)]
    file = write(tmp_path / "many.osm.pbf", nodes, [(1, [7, 4000, 11]), (2, [11, 4999, 6000])])
    ways = osm_module.scan([file])
    assert ways.node_id.tolist() == [7, 11, 4000, 4999, 6000]
    assert len(ways.xy) == 5
    assert ways.located.tolist() == [True, True, True, True, False]
    expected = [[7.4 + 1e-5 * i, 43.7] for i in (7, 4000, 11)]
    assert ways.lonlat(ways.place[:3]) == pytest.approx(np.array(expected), abs=1e-12)


@pytest.mark.parametrize("kind", ["osm.pbf", "osm"])
def test_nodes_behind_ways_and_with_negative_ids_are_found(tmp_path: Path, kind: str) -> None:
    places = {-3: (74_200_000, 437_300_000), 5: (74_210_000, 437_300_000), 9: (74_220_000, 437_310_000)}
    nodes = [(node, *place, False) for node, place in places.items()]
    file = write(tmp_path / f"odd.{kind}", nodes, [(1, [5, -3, 9])], ways_first=True)
    network = read_network(file, crs=32632)
    assert network.node_id.tolist() == [5, 9]
    assert np.diff(network.road_offset).tolist() == [3]
    lon, lat = np.array([places[node] for node in (5, -3, 9)]).T / 1e7
    length = Geod(ellps="WGS84").line_length(lon, lat)
    assert network.roads["length_m"].tolist() == pytest.approx([length], rel=1e-6)


def test_a_node_that_two_files_put_apart_is_drawn_where_the_last_says(tmp_path: Path) -> None:
    def nodes(places: Mapping[int, int]) -> list[Node]:
        return [(node, 74_200_000 + east, 437_300_000, False) for node, east in places.items()]

    one = write(tmp_path / "one.osm.pbf", nodes({1: 0, 2: 10_000}), [(10, [1, 2])])
    two = write(tmp_path / "two.osm.pbf", nodes({2: 12_000, 3: 20_000}), [(11, [2, 3])])
    network = read_network([one, two], crs=32632)
    assert network.node_id.tolist() == [1, 2, 3]
    assert network.x[1] == read_network(two, crs=32632).x[0]
    ends = network.road_xy[network.road_offset[1:] - 1], network.road_xy[network.road_offset[:-1]]
    assert ends[0][0].tolist() == ends[1][1].tolist(), "both roads are drawn to one spot"
    alone = [read_network(file, crs=32632).roads["length_m"].iloc[0] for file in (one, two)]
    assert network.roads["length_m"].tolist() == alone, "each is as long as its own file says"


NUMBERS = st.integers(1, 12)
WAYS = st.lists(st.lists(NUMBERS, min_size=1, max_size=7), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(ways=WAYS, present=st.sets(NUMBERS, min_size=2), bollards=st.sets(NUMBERS, max_size=3))
def test_roads_hold_every_stretch_of_the_ways_once(
    tmp_path_factory: pytest.TempPathFactory,
    ways: list[list[int]],
    present: set[int],
    bollards: set[int],
) -> None:
    """Brute force: the steps of all ways between nodes that are there, whatever the batches are."""
    place = {node: (74_200_000 + 9_000 * node, 437_300_000 + 700 * node * node) for node in range(1, 13)}
    steps: list[tuple[int, list[tuple[int, int]]]] = [
        (10 + i, sorted((place[p], place[q])))
        for i, way in enumerate(ways)
        for p, q in pairwise(way)
        if p != q and {p, q} <= present
    ]
    nodes = [(node, *place[node], node in bollards) for node in sorted(present)]
    file = write(tmp_path_factory.mktemp("drawn") / "drawn.osm.pbf", nodes, list(enumerate(ways, start=10)))
    if not steps:
        with pytest.raises(OsmError, match="at least one drivable road"):
            read_network(file, crs=32632)
        return
    network = read_network(file, crs=32632)
    with pytest.MonkeyPatch.context() as patch:
        small_batches(patch, 2)
        check_same(read_network(file, crs=32632), network)
    geod = Geod(ellps="WGS84")
    by_way: dict[int, float] = {}
    for way, step in steps:
        lon, lat = np.array(step).T / 1e7
        by_way[way] = by_way.get(way, 0.0) + geod.line_length(lon, lat)
    assert network.roads.groupby("way")["length_m"].sum().to_dict() == pytest.approx(by_way, rel=1e-6)
    assert int(np.diff(network.road_offset).sum()) - network.n_roads == len(steps)
    assert len(set(network.node_id.tolist())) == network.n_nodes
    assert {node for node in network.node_id.tolist() if node > 0} <= present
    first, last = network.road_xy[network.road_offset[:-1]], network.road_xy[network.road_offset[1:] - 1]
    for end, xy in (("a", first), ("b", last)):
        at = network.roads[end].to_numpy()
        assert np.array_equal(xy, np.column_stack([network.x[at], network.y[at]]))
