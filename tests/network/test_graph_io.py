"""Networks as OSMnx graphs and GraphML files."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import networkx as nx
import numpy as np
import osmnx
import pandas as pd
import pytest
import shapely
from shapely.geometry import LineString, box

from mutualaid.errors import NetworkError
from mutualaid.network import (
    Network,
    cut_at_boundaries,
    edge_times,
    from_osmnx,
    profile,
    read_graphml,
    read_network,
    to_osmnx,
    write_graphml,
)

CRS = "EPSG:32632"
Draw = Callable[..., Network]
Edge = tuple[int, int, dict[str, Any]]


def graph(edges: list[Edge], places: dict[int, tuple[float, float]] | None = None) -> nx.MultiDiGraph[Any]:
    made: nx.MultiDiGraph[Any] = nx.MultiDiGraph(crs=CRS)
    for node, (x, y) in (places or {1: (0.0, 0.0), 2: (100.0, 0.0), 3: (100.0, 100.0)}).items():
        made.add_node(node, x=x, y=y)
    for u, v, data in edges:
        made.add_edge(u, v, **{"osmid": 7, "highway": "residential", "length": 100.0, **data})
    return made


def directions(network: Network) -> list[tuple[int, int, float, float]]:
    """Each direction that may be driven: from, to, metres, legal limit; sorted."""
    found = []
    columns = ["a", "b", "length_m", "oneway", "maxspeed_forward_kph", "maxspeed_backward_kph"]
    for a, b, length, oneway, ahead, back in network.roads[columns].itertuples(index=False):
        u, v = int(network.node_id[a]), int(network.node_id[b])
        found += [(u, v, round(length, 6), -1.0 if math.isnan(ahead) else ahead)] * (oneway != -1)
        found += [(v, u, round(length, 6), -1.0 if math.isnan(back) else back)] * (oneway != 1)
    return sorted(found)


# In


def test_two_opposite_edges_are_one_road_and_a_single_one_is_oneway() -> None:
    network = from_osmnx(graph([(1, 2, {}), (2, 1, {}), (2, 3, {"osmid": 8})]), crs=CRS)
    assert network.roads["oneway"].tolist() == [0, 1]
    assert network.roads["way"].tolist() == [7, 8]
    assert network.node_id.tolist() == [1, 2, 3]


def test_opposite_edges_of_other_ways_or_lengths_stay_apart() -> None:
    network = from_osmnx(graph([(1, 2, {}), (2, 1, {"osmid": 8}), (2, 1, {"length": 130.0})]), crs=CRS)
    assert network.roads["oneway"].tolist() == [1, 1, 1]


def test_limits_belong_to_directions() -> None:
    network = from_osmnx(graph([(1, 2, {"maxspeed": "50"}), (2, 1, {"maxspeed": "30 mph"})]), crs=CRS)
    row = network.roads.iloc[0]
    assert row["maxspeed_forward_kph"] == 50.0
    assert row["maxspeed_backward_kph"] == pytest.approx(48.28032)


def test_loop_is_one_road() -> None:
    loop = [(0.0, 0.0), (50.0, 0.0), (50.0, 50.0), (0.0, 0.0)]
    twice = [(1, 1, {"geometry": LineString(line)}) for line in (loop, loop[::-1])]
    network = from_osmnx(graph(twice), crs=CRS)
    assert network.n_roads == 1
    assert network.roads["oneway"].tolist() == [0]


def test_lists_of_merged_ways_give_the_foremost_class_and_the_lowest_limit() -> None:
    merged = {
        "osmid": [7, 8],
        "highway": ["residential", "secondary"],
        "maxspeed": ["50", "30"],
        "lanes": ["3", "2"],
        "name": ["Rue A", "Rue B"],
        "bridge": ["yes"],
    }
    row = from_osmnx(graph([(1, 2, merged)]), crs=CRS).roads.iloc[0]
    assert (row["class"], row["maxspeed_forward_kph"], row["lanes"]) == ("secondary", 30.0, 2.0)
    assert (row["name"], row["way"], row["bridge"], row["tunnel"]) == ("Rue A", 7, True, False)


def test_geometry_runs_from_a_to_b_even_if_drawn_the_other_way() -> None:
    bent = LineString([(100, 0), (60, 20), (0, 0)])
    network = from_osmnx(graph([(1, 2, {"geometry": bent})]), crs=CRS)
    assert network.road_xy.tolist() == [[0, 0], [60, 20], [100, 0]]


def test_missing_length_is_measured() -> None:
    bare = graph([(1, 2, {}), (2, 1, {})])
    for _, _, data in bare.edges(data=True):
        del data["length"]
    network = from_osmnx(bare, crs=CRS)
    assert network.roads["length_m"].tolist() == [100.0]
    assert network.roads["oneway"].tolist() == [0]


def test_degrees_are_projected() -> None:
    degrees = graph([(1, 2, {"length": 80.6})], {1: (9.0, 43.73), 2: (9.001, 43.73)})
    degrees.graph["crs"] = "EPSG:4326"
    network = from_osmnx(degrees, crs=CRS)
    assert network.x == pytest.approx([500_000.0, 500_080.6], abs=0.1)
    assert network.roads["length_m"].tolist() == [80.6]


def test_paths_are_left_out_and_counted() -> None:
    network = from_osmnx(graph([(1, 2, {}), (2, 3, {"highway": "footway"})]), crs=CRS)
    assert network.n_roads == 1
    assert network.notes == {"edges of other classes, left out": 1}


def test_graph_is_cut_at_boundaries() -> None:
    lands = gpd.GeoDataFrame(
        {"name": ["West", "East"], "country": ["W", "E"]},
        geometry=[box(-50, -50, 40, 150), box(40, -50, 150, 150)],
        index=["west", "east"],
        crs=CRS,
    )
    network = from_osmnx(graph([(1, 2, {}), (2, 1, {})]), crs=CRS, jurisdictions=lands)
    assert network.crossings.index.tolist() == ["w7-1"]
    assert network.roads["length_m"].tolist() == [40.0, 60.0, 0.0]


def test_all_defects_of_a_graph_are_named_at_once() -> None:
    bad = graph([(1, 2, {})])
    del bad.graph["crs"]
    del bad.nodes[2]["y"]
    bad.nodes[3]["x"] = math.nan
    with pytest.raises(NetworkError) as caught:
        from_osmnx(bad, crs=CRS)
    assert [defect.where for defect in caught.value.defects] == ["graph", "node 2", "node 3"]


def test_graph_without_roads_is_an_error() -> None:
    with pytest.raises(NetworkError, match="drivable highway"):
        from_osmnx(graph([(1, 2, {"highway": "footway"})]), crs=CRS)


# Out and round


def limits(forward: float, backward: float) -> dict[str, float]:
    return {"maxspeed_forward_kph": forward, "maxspeed_backward_kph": backward}


def by_way(network: Network) -> pd.DataFrame:
    return network.roads.set_index("way").sort_index()


def sample(draw: Draw) -> Network:
    columns: list[dict[str, Any]] = [
        {
            "way": 1,
            "class": "primary",
            "name": "Quai",
            "maxspeed_forward_kph": 50.0,
            "maxspeed_backward_kph": 30.0,
        },
        {
            "way": 2,
            "class": "motorway",
            "oneway": 1,
            "maxspeed_forward_kph": math.inf,
            "lanes": 2.0,
            "layer": 1,
        },
        {"way": 3, "oneway": -1, "bridge": True, "access": "closed", "max_height_m": 3.5},
        {"way": 4, "tunnel": True, "access": "emergency", "max_weight_t": 7.5, "jurisdiction": "here"},
    ]
    ends = [(0, 1), (1, 2), (2, 3), (3, 0)]
    network = draw(
        [(0, 0), (300, 0), (300, 400), (0, 400)], [(*e, c) for e, c in zip(ends, columns, strict=True)]
    )
    network.node_id[:] = [10, 20, 30, -40]
    return network


def test_round_trip_keeps_directions_limits_and_attributes(draw: Draw) -> None:
    network = sample(draw)
    back = from_osmnx(to_osmnx(network), crs=CRS)
    assert directions(back) == directions(network)
    turned = ["a", "b", "oneway", "maxspeed_forward_kph", "maxspeed_backward_kph", "jurisdiction"]
    before, after = (by_way(one).drop(columns=turned) for one in (network, back))
    pd.testing.assert_frame_equal(before, after, check_dtype=False, check_categorical=False)
    assert by_way(back)["jurisdiction"].astype("object").tolist()[3] == "here"
    assert back.node_id.tolist() == network.node_id.tolist()


def test_graphml_round_trip(draw: Draw, tmp_path: Path) -> None:
    network = sample(draw)
    back = read_graphml(write_graphml(network, tmp_path / "sample.graphml"), crs=CRS)
    assert directions(back) == directions(network)
    assert by_way(back)["access"].tolist() == by_way(network)["access"].tolist()
    again = read_network(tmp_path / "sample.graphml", crs=CRS)
    assert directions(again) == directions(network)


def test_profile_gives_speed_and_time_and_leaves_out_what_it_may_not_drive(draw: Draw) -> None:
    network = sample(draw)
    made = to_osmnx(network, profile("civilian"))
    edges = {(u, v): data for u, v, data in made.edges(data=True)}
    assert set(edges) == {(10, 20), (20, 10), (20, 30)}
    assert edges[20, 10]["speed_kph"] == pytest.approx(30.0)
    assert edges[10, 20]["travel_time"] == pytest.approx(300 * 3.6 / 50)
    assert edges[20, 30]["oneway"] is True
    assert edges[10, 20]["oneway"] is False
    assert nx.shortest_path_length(made, 10, 30, weight="travel_time") == pytest.approx(21.6 + 16.0)


def test_osmnx_can_use_the_graph(draw: Draw) -> None:
    nodes, edges = osmnx.graph_to_gdfs(to_osmnx(sample(draw)))
    assert nodes.crs == edges.crs == CRS
    assert np.allclose(edges["length"], edges.geometry.length)
    starts = nodes.loc[edges.index.get_level_values("u"), ["x", "y"]].to_numpy()
    assert np.array_equal(shapely.get_coordinates(shapely.get_point(edges.geometry.to_numpy(), 0)), starts)


def test_crossings_survive_the_round_trip(draw: Draw, tmp_path: Path) -> None:
    lands = gpd.GeoDataFrame(
        {"name": ["West", "East"], "country": ["W", "E"]},
        geometry=[box(-50, -50, 100, 500), box(100, -50, 350, 500)],
        index=["west", "east"],
        crs=CRS,
    )
    network = cut_at_boundaries(sample(draw), lands)
    back = read_graphml(write_graphml(network, tmp_path / "cut.graphml"), crs=CRS)
    assert directions(back) == directions(network)
    assert back.crossings.drop(columns="geometry").equals(network.crossings.drop(columns="geometry"))
    assert back.crossings.geometry.geom_equals(network.crossings.geometry).all()
    before = network.roads.loc[network.roads["crossing"] >= 0, "crossing"].tolist()
    assert back.roads.loc[back.roads["crossing"] >= 0, "crossing"].tolist() == before
    with pytest.raises(NetworkError, match="has not been cut"):
        read_graphml(tmp_path / "cut.graphml", crs=CRS, jurisdictions=lands)


@pytest.mark.parametrize("content", [None, "", "<graphml", "<graphml></graphml>", "plain text"])
def test_file_that_is_no_graphml_is_named(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "odd.graphml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(NetworkError, match=r"odd\.graphml"):
        read_graphml(file, crs=CRS)


@pytest.mark.parametrize("file", ["monaco/monaco.osm.pbf", "liechtenstein/liechtenstein-2024-03-04.osm.pbf"])
def test_real_network_survives_the_round_trip(shared_data: Path, file: str) -> None:
    network = read_network(shared_data / file, crs=CRS)
    back = from_osmnx(to_osmnx(network), crs=CRS)
    assert directions(back) == directions(network)
    engine = profile("civilian")
    forth_ms, back_ms = (np.sort(edge_times(one, engine).drive_ms) for one in (network, back))
    assert np.array_equal(forth_ms[forth_ms >= 0], back_ms[back_ms >= 0])
    shape, other = (shapely.length(one.lines()).sum() for one in (network, back))
    assert shape == pytest.approx(other)
