"""Memory and time to read a .osm.pbf file, against the size of its road network.

A larger file is made of an extract: its roads k × k times side by side, with other ids, and for each node of a
road some more nodes that belong to none, as a country has them. Each file is read in a process of its own;
the memory that Python and the libraries take before the reading begins is not counted::

    python benchmarks/import_memory.py ../shared/data/porto/porto_portugal.osm.pbf --crs EPSG:32629 --copies 1 3 4

Peak memory per million junctions has to fall to a level from row to row, whatever the file holds besides roads.

Porto (68,868 junctions, 0.38 million references) and 64 copies of it (4.41 million junctions, 5.87 million
roads, 24 million references, two other nodes for each node of a road: 59 million nodes in 159 MB), each read
once, on two cores that others used too; the memory above what Python and the libraries take (289 MB):

==========  =================  ============  ===================  =======
file        what               peak, MB      MB per 1M junctions  CPU, s
==========  =================  ============  ===================  =======
Porto       one pass, lists    119           -                    1.07
Porto       two passes         69            -                    1.03
64 copies   one pass, lists    6031          1368                 97
64 copies   two passes         2280          517                  80
==========  =================  ============  ===================  =======

"One pass, lists" is what came before. Of the 517 MB, 229 are the network itself. Porto's seconds are the
least of 14, taken in turns.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import osmium

from mutualaid.network import ROAD_CLASSES, read_network


def enlarge(pbf: Path, out: Path, copies: int, others: int) -> None:
    """Write copies × copies of an extract's roads, with so many other nodes for each node of a road."""
    made: Any = osmium.osm.mutable
    stream: Any = osmium.FileProcessor(str(pbf), osmium.osm.WAY)
    ways = [
        ([node.ref for node in way.nodes], dict(way.tags))
        for way in stream
        if way.tags.get("highway") in ROAD_CLASSES
    ]
    number = {ref: i for i, ref in enumerate(sorted({ref for refs, _ in ways for ref in refs}), start=1)}
    stream = osmium.FileProcessor(str(pbf), osmium.osm.NODE)
    nodes = {
        number[node.id]: (
            node.lon,
            node.lat,
            {"barrier": node.tags.get("barrier")} if "barrier" in node.tags else {},
        )
        for node in stream
        if node.id in number
    }
    corners = np.array([node[:2] for node in nodes.values()])
    width, height = np.ptp(corners, axis=0) * 1.01
    size = len(number) * (1 + others)
    with osmium.SimpleWriter(str(out), overwrite=True) as writer:
        for copy in range(copies**2):
            east, north = copy % copies * width, copy // copies * height
            for node in sorted(nodes):
                lon, lat, tags = nodes[node]
                writer.add_node(
                    made.Node(id=copy * size + node, location=(lon + east, lat + north), tags=tags)
                )
            lon, lat = corners[0] + (east, north)
            for node in range(len(number) + 1, size + 1):
                writer.add_node(made.Node(id=copy * size + node, location=(lon, lat)))
        for copy in range(copies**2):
            for i, (refs, tags) in enumerate(ways, start=1):
                place = [copy * size + number[ref] for ref in refs]
                named = tags | ({"name": f"{tags['name']} {copy}"} if "name" in tags else {})
                writer.add_way(made.Way(id=copy * len(ways) + i, nodes=place, tags=named))


def peak_mb() -> float:
    """Most memory that this process has taken so far."""
    status = Path("/proc/self/status")  # what `getrusage` says on Linux begins with the parent's
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def measure(pbf: Path, crs: str) -> str:
    """Read a file and say what it took."""
    before = peak_mb()
    clock, cpu = time.perf_counter(), time.process_time()
    network = read_network(pbf, crs=crs)
    clock, cpu = time.perf_counter() - clock, time.process_time() - cpu
    own = peak_mb() - before
    arrays = (network.node_id, network.x, network.y, network.road_xy, network.road_offset)
    held = sum(array.nbytes for array in arrays) + int(network.roads.memory_usage(index=False).sum())
    millions = network.n_nodes / 1e6
    return (
        f"{network.n_nodes:>10,} {network.n_roads:>10,} {pbf.stat().st_size / 1e6:>8.1f} {clock:>7.2f} {cpu:>7.2f}"
        f" {own:>8.0f} {own / millions:>10.0f} {held / 1e6 / millions:>10.0f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pbf", type=Path)
    parser.add_argument("--crs", required=True)
    parser.add_argument("--copies", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--others", type=int, default=1, help="nodes of no road for each node of a road")
    parser.add_argument("--only", action="store_true", help="read this file in this process, and no other")
    options = parser.parse_args()
    if options.only:
        print(measure(options.pbf, options.crs))
        return
    print("copies   junctions      roads  file MB       s   cpu s  peak MB  MB/1M junc.  held/1M")
    with tempfile.TemporaryDirectory() as folder:
        for copies in options.copies:
            file = Path(folder) / f"{copies}.osm.pbf"
            enlarge(options.pbf, file, copies, options.others)
            command = [sys.executable, __file__, str(file), "--crs", options.crs, "--only"]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            print(f"{copies**2:>6} {done.stdout.rstrip()}", flush=True)
            file.unlink()


if __name__ == "__main__":
    main()
