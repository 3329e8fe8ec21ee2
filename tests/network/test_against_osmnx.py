"""Travel times on real data equal those of another reader and another search: OSMnx and NetworkX."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import osmium
import osmnx
import pandas as pd
import pyproj

from mutualaid.network import ROAD_CLASSES, Network, profile, read_network, route_graph, travel_times

#: Free of all rules but one-way, and each class with its own speed, so that a confused class shows.
PLAIN = replace(
    profile("civilian"), obeys_maxspeed=False, junction_s=0.0, ignores_access=True, ignores_turns=True,
    ignores_u_turns=True, height_m=0.1, weight_t=0.01,
    speed_kph={name: 30.0 + i for i, name in enumerate(ROAD_CLASSES)},
)  # fmt: skip


def osmnx_graph(source: Path, target: Path) -> nx.MultiDiGraph[Any]:
    """Drivable roads as OSMnx reads them, unsimplified, with `seconds` along ellipsoidal lengths."""
    with osmium.SimpleWriter(str(target)) as writer:
        for item in osmium.FileProcessor(str(source)):
            if isinstance(item, osmium.osm.Way):
                if item.tags.get("highway") in ROAD_CLASSES and item.tags.get("area") != "yes":
                    writer.add_way(item)
            elif isinstance(item, osmium.osm.Node):
                writer.add_node(item)
    graph = osmnx.graph_from_xml(target, simplify=False, retain_all=True)
    edges = list(graph.edges(data=True))
    x1, y1, x2, y2 = ([graph.nodes[edge[i]][axis] for edge in edges] for i in (0, 1) for axis in "xy")
    length_m = pyproj.Geod(ellps="WGS84").inv(x1, y1, x2, y2)[2]
    for (_, _, data), metres in zip(edges, length_m, strict=True):
        data["seconds"] = metres * 3.6 / PLAIN.speed_kph[data["highway"]]
    return graph


def at_nodes(network: Network, ids: list[int]) -> pd.DataFrame:
    """Positions at nodes, as `snap` gives them."""
    ends = network.node_id[network.roads[["a", "b"]].to_numpy()].ravel().tolist()
    place = {node: divmod(i, 2) for i, node in enumerate(ends)}
    frame = pd.DataFrame([place[node] for node in ids], columns=["road", "fraction"], index=ids)
    return frame.assign(status="ok")


def test_times_on_monacos_roads(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "monaco" / "monaco.osm.pbf"
    graph = osmnx_graph(source, tmp_path / "roads.osm")
    network = read_network(source, crs="EPSG:32632")
    assert set(network.node_id.tolist()) <= set(graph.nodes)
    rng = np.random.default_rng(7)
    starts, stops = np.split(rng.choice(network.node_id, 50, replace=False), [20])
    times = travel_times(
        route_graph(network, PLAIN), at_nodes(network, starts.tolist()), at_nodes(network, stops.tolist()),
        limit_s=36_000,
    ).set_index(["origin", "destination"])["drive_s"]  # fmt: skip
    expected = {
        (start, stop): seconds
        for start in starts.tolist()
        for stop, seconds in nx.single_source_dijkstra_path_length(graph, start, weight="seconds").items()
        if stop in stops
    }
    assert set(times.index) == set(expected)
    assert len(times) > 400
    # Half a millisecond for each road of a path, mostly cancelling out.
    np.testing.assert_allclose(times, [expected[pair] for pair in times.index], atol=0.02, rtol=0)
