"""Flooded roads: the exact split of lines on the cells of a raster, against snail.

Run ``python benchmarks/hazard_overlay.py --snail PYTHON``, with the Python of an environment in which
``nismod-snail`` is installed; without it, mutualaid is measured alone. The roads are the 2,728 drive roads of
Kampen in the Netherlands, 337.784 km, in the CRS of the raster; the raster has 3,476 × 2,269 cells of 5 m. Both
start from the same lines in memory and the raster's band, and end with a length and a value for each piece:
snail with its documented steps ``split_linestrings``, ``apply_indices`` and ``get_raster_values_for_splits``.

All ways take part in turn in each round, the figure is the median over the rounds, and all must find the same
kilometres, wet and in all. ``mutualaid, from the file`` reads the tiles of the raster as well.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import osmium
import rasterio
import shapely
from pyproj import Transformer

from mutualaid.hazards import overlay_roads, read_hazard, split_on_raster

DRIVE = ["motorway", "trunk", "primary", "secondary", "tertiary"]
DRIVE += [f"{name}_link" for name in DRIVE] + ["unclassified", "residential", "living_street"]

OURS, OURS_FILE, SNAIL = "mutualaid, split_on_raster", "mutualaid, from the file", "snail"

#: Runs in snail's own environment: one run, then its seconds and kilometres as JSON, for each line of input.
SNAIL_RUN = """
import json, sys, time
from importlib.metadata import version
import geopandas, rasterio
from snail.intersection import (
    GridDefinition, apply_indices, get_raster_values_for_splits, split_linestrings)
lines, file = geopandas.read_parquet(sys.argv[1]), sys.argv[2]
grid = GridDefinition.from_raster(file)
with rasterio.open(file) as raster:
    band = raster.read(1)
for _ in sys.stdin:
    start = time.perf_counter()
    splits = apply_indices(split_linestrings(lines, grid), grid, "i", "j")
    wet = get_raster_values_for_splits(splits, band, "i", "j") > 0
    length = splits.geometry.length
    seconds = time.perf_counter() - start
    found = {"seconds": seconds, "km": length.sum() / 1000, "wet_km": length[wet].sum() / 1000}
    print(json.dumps({**found, "pieces": len(splits), "version": version("nismod-snail")}), flush=True)
"""


def read_roads(file: Path) -> gpd.GeoSeries:
    to_raster = Transformer.from_crs("EPSG:4326", "EPSG:28992", always_xy=True)
    ways = osmium.FileProcessor(str(file)).with_locations()
    ways = ways.with_filter(osmium.filter.TagFilter(*(("highway", name) for name in DRIVE)))
    lines = {
        way.id: shapely.LineString(
            np.column_stack(to_raster.transform(*np.array([(node.lon, node.lat) for node in way.nodes]).T))
        )
        for way in ways
        if isinstance(way, osmium.osm.Way) and len(way.nodes) > 1
    }
    return gpd.GeoSeries(lines, crs="EPSG:28992")


def in_mutualaid(roads: gpd.GeoSeries, band: np.ndarray, transform: Any) -> dict[str, Any]:
    start = time.perf_counter()
    pieces = split_on_raster(roads, band, transform)
    length, wet = pieces["length_m"].to_numpy(), pieces["value"].to_numpy() > 0
    seconds = time.perf_counter() - start
    km, wet_km = length.sum() / 1000, length[wet].sum() / 1000
    return {"seconds": seconds, "km": km, "wet_km": wet_km, "pieces": len(pieces)}


def from_file(roads: gpd.GeoSeries, layer: Any) -> dict[str, Any]:
    start = time.perf_counter()
    found = overlay_roads(layer, roads, crs="EPSG:28992")
    seconds = time.perf_counter() - start
    km, wet_km = found["length_m"].sum() / 1000, found["affected_m"].sum() / 1000
    return {"seconds": seconds, "km": km, "wet_km": wet_km, "pieces": None}


def snail_run(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("run\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        sys.exit("snail stopped without an answer")
    found: dict[str, Any] = json.loads(answer)
    return found


def measure(folder: Path, rounds: int, snail: Path | None) -> dict[str, Any]:
    file = folder / "inundation_map.tif"
    roads = read_roads(folder / "kampen.osm.pbf")
    with rasterio.open(file) as raster:
        band, transform = raster.read(1), raster.transform
    # The unit is not documented, and makes no difference to what is wet.
    layer = read_hazard(
        file, id="kampen", hazard="flood", quantity="depth", unit="m", nodata=float("nan"), event="breach"
    )
    runs: dict[str, list[dict[str, Any]]] = {OURS: [], OURS_FILE: []}
    with tempfile.TemporaryDirectory() as temporary:
        process = None
        if snail is not None:
            lines = Path(temporary) / "roads.parquet"
            gpd.GeoDataFrame(geometry=roads.reset_index(drop=True)).to_parquet(lines)
            process = subprocess.Popen(
                [snail, "-W", "ignore", "-c", SNAIL_RUN, lines, file],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            runs[SNAIL] = []
        in_mutualaid(roads, band, transform)  # the first call loads what is loaded once
        for _ in range(rounds):
            runs[OURS].append(in_mutualaid(roads, band, transform))
            runs[OURS_FILE].append(from_file(roads, layer))
            if process is not None:
                runs[SNAIL].append(snail_run(process))
        if process is not None:
            process.communicate()
    for name, found in runs.items():
        if any(abs(run["km"] - 337.784) > 0.001 or abs(run["wet_km"] - 236.398) > 0.001 for run in found):
            sys.exit(f"{name} does not find 337.784 km, of which 236.398 km are wet: {found[0]}")
    seconds = {name: [run["seconds"] for run in found] for name, found in runs.items()}
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "seconds": medians,
        "all_seconds": seconds,
        "times_as_long": {name: value / medians[OURS] for name, value in medians.items()},
        "pieces": {name: found[0]["pieces"] for name, found in runs.items()},
        "km": runs[OURS][0]["km"],
        "wet_km": runs[OURS][0]["wet_km"],
        "rounds": rounds,
        "snail": runs[SNAIL][0]["version"] if snail else "not measured",
    }


def show(report: dict[str, Any]) -> None:
    print(f"{'':28}{'seconds':>10}{'times as long':>16}{'pieces':>10}")
    for name, seconds in report["seconds"].items():
        pieces = report["pieces"][name] or ""
        print(f"{name:28}{seconds:>10.3f}{report['times_as_long'][name]:>16.1f}{pieces:>10}")
    print(
        f"{report['km']:.3f} km of roads, {report['wet_km']:.3f} km wet, the same each way; {report['machine']}"
    )
    print(f"medians of {report['rounds']}; snail {report['snail']}")


def main() -> None:
    root = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, default=root.parent / "shared" / "data", help="folder with the data"
    )
    parser.add_argument("--snail", type=Path, help="Python of an environment with nismod-snail")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    folder = options.data / "flood" / "kampen"
    if not folder.is_dir():
        sys.exit(f"{folder} not found: give the folder with --data")
    report = measure(folder, options.rounds, options.snail)
    report["machine"] = f"{platform.machine()}, {os.cpu_count()} processors"
    report["versions"] = {name: version(name) for name in ("numpy", "shapely", "geopandas", "rasterio")}
    show(report)
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
