"""From a .osm.pbf file to a network that can be routed on: against OSMnx, on the same roads.

OSMnx reads XML and takes every way of a file, so the extract is first reduced to the drivable ways and
written as XML; that is not timed. Each side then reads its file and computes the travel time of every edge.
Both repeat, taking turns, and the medians count::

    python benchmarks/porto_import.py ../shared/data/porto/porto_portugal.osm.pbf --crs EPSG:32629

Road kilometres are then compared class by class, with OSMnx's graph before simplification, which merges
classes. OSMnx measures on a sphere; its figure is repeated with this package's ellipsoid on the same nodes.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import networkx as nx
import osmium
import osmnx
import pandas as pd

from mutualaid.network import ROAD_CLASSES, Network, edge_times, profile, read_network
from mutualaid.network._roads import ground_length_m

#: Classes that every OSMnx network for driving has.
COMMON = ROAD_CLASSES[: ROAD_CLASSES.index("living_street") + 1]


def write_xml(pbf: Path, xml: Path) -> None:
    """Write the drivable ways of an extract, and their nodes, as OSM XML."""
    ways: list[Any] = []
    nodes: set[int] = set()
    reader: Iterable[Any] = osmium.FileProcessor(str(pbf), osmium.osm.WAY)
    for way in reader:
        if way.tags.get("highway") in ROAD_CLASSES and way.tags.get("area") != "yes":
            ways.append(way.id)
            nodes.update(node.ref for node in way.nodes)
    kept = set(ways)
    everything: Iterable[Any] = osmium.FileProcessor(str(pbf), osmium.osm.NODE | osmium.osm.WAY)
    with osmium.SimpleWriter(str(xml)) as writer:
        for item in everything:
            if item.id in (nodes if item.is_node() else kept):
                writer.add(item)


def ours(pbf: Path, crs: str) -> Network:
    network = read_network(pbf, crs=crs)
    edge_times(network, profile("civilian"))
    return network


def theirs(xml: Path) -> nx.MultiDiGraph[Any]:
    graph = osmnx.graph_from_xml(xml, retain_all=True)
    return osmnx.add_edge_travel_times(osmnx.add_edge_speeds(graph))


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result


def kilometres_of_osmnx(xml: Path) -> pd.DataFrame:
    """Road kilometres by class, each stretch once: as OSMnx measures, and on the ellipsoid."""
    graph = osmnx.graph_from_xml(xml, retain_all=True, simplify=False)
    edges = pd.DataFrame(
        [
            (data["osmid"], *sorted((u, v)), data["highway"], data["length"])
            for u, v, data in graph.edges(data=True)
        ],
        columns=["way", "u", "v", "class", "length_m"],
    ).drop_duplicates(["way", "u", "v"])
    place = pd.DataFrame.from_dict(dict(graph.nodes(data=True)), orient="index")[["x", "y"]]
    ends = (place.loc[edges[end]].to_numpy() for end in ("u", "v"))
    edges["ground_m"] = ground_length_m(*ends)
    km = edges.groupby("class")[["length_m", "ground_m"]].sum() / 1000
    return km.set_axis(["osmnx_km", "osmnx_ellipsoid_km"], axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pbf", type=Path)
    parser.add_argument("--crs", required=True)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    osmnx.settings.use_cache = False
    with tempfile.TemporaryDirectory() as folder:
        xml = Path(folder) / "roads.osm"
        write_xml(options.pbf, xml)
        own_s, their_s = [], []
        for _ in range(options.repeat):
            seconds, network = timed(lambda: ours(options.pbf, options.crs))
            own_s.append(seconds)
            seconds, graph = timed(lambda: theirs(xml))
            their_s.append(seconds)
        table = kilometres_of_osmnx(xml)
    own, their = statistics.median(own_s), statistics.median(their_s)
    print(f"{options.pbf.name}: {network.n_roads} roads, {network.n_nodes} nodes")
    print(f"  OSMnx: {len(graph.edges)} edges")
    print(f"  mutualaid  {own:7.2f} s   (median of {', '.join(f'{s:.2f}' for s in own_s)})")
    print(f"  OSMnx      {their:7.2f} s   (median of {', '.join(f'{s:.2f}' for s in their_s)})")
    print(f"  ratio      {their / own:7.1f} x")
    table.insert(0, "mutualaid_km", network.roads.groupby("class", observed=True)["length_m"].sum() / 1000)
    table.loc["all"] = table.sum()
    table.loc["common classes"] = table.loc[list(COMMON)].sum()
    table["difference_percent"] = (table["mutualaid_km"] / table["osmnx_km"] - 1) * 100
    table["same_measure_percent"] = (table["mutualaid_km"] / table["osmnx_ellipsoid_km"] - 1) * 100
    print(table.round(3).to_string())


if __name__ == "__main__":
    main()
