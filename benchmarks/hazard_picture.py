"""Pictures of hazards: neighbours' layers on one grid, against rasterio and NumPy.

Run ``python benchmarks/hazard_picture.py``; with ``--side 2000`` it takes seconds. Two neighbours each share a
raster of water depths (float32, 10 m, tiled and compressed), which overlap at the border, and a third shares 2,000
polygons with a depth. All become one grid of 10,000 × 10,000 cells, in the CRS of the rasters and in Web Mercator.

``rasterio and NumPy`` is what a user would write: each raster is warped onto the grid by
``rasterio.warp.reproject`` (nearest), the polygons are projected and burnt by ``rasterio.features.rasterize``,
``np.select`` sorts the depths into the classes, ``np.maximum`` joins the layers. It knows no own provider first, so
that both start without jurisdictions; ``own layers first`` is measured besides, as is a scenario of two hazards.

Every run is a process of its own. Its peak memory counts from the start of Python, imports and results included; its
seconds count from the opened layers to the arrays. In each round all take part in turn; the figure is the median.
``other cells`` is the share of cells in which rasterio and NumPy come to another severity.
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
import rasterio
import shapely
from affine import Affine
from pyproj import Transformer
from rasterio.features import rasterize
from rasterio.warp import Resampling, reproject

UTM, WEB = "EPSG:32632", "EPSG:3857"
CELL_M, LEFT, TOP = 10.0, 400_000.0, 4_900_000.0
OURS, NAIVE, OWN, SCENARIO = "one_picture", "rasterio and NumPy", "own layers first", "scenario_picture"
WAYS = (OURS, NAIVE, OWN, SCENARIO)


def grid(side: int, crs: str) -> tuple[tuple[float, float, float, float], float]:
    """Bounds and width of about side × side cells over the same land."""
    bounds = (LEFT, TOP - side * CELL_M, LEFT + side * CELL_M, TOP)
    if crs == UTM:
        return bounds, CELL_M
    left, top = Transformer.from_crs(UTM, WEB, always_xy=True).transform(LEFT, TOP)
    # In Web Mercator a metre on the ground is 1.4 in the CRS at this latitude.
    cell_m = CELL_M * 1.4
    return (left, top - side * cell_m, left + side * cell_m, top), cell_m


def write_data(folder: Path, side: int) -> None:
    split = side * 11 // 20
    for name, first, last in (("west", 0, split), ("east", side - split, side)):
        profile: dict[str, Any] = {"driver": "GTiff", "count": 1, "dtype": "float32", "crs": UTM}
        profile |= {"height": side, "width": last - first, "nodata": -9999.0, "tiled": True}
        profile |= {"blockxsize": 256, "blockysize": 256, "compress": "deflate", "zlevel": 1}
        transform = Affine(CELL_M, 0, LEFT + first * CELL_M, 0, -CELL_M, TOP)
        with rasterio.open(folder / f"{name}.tif", "w", transform=transform, **profile) as target:
            x = np.arange(first, last) / 90.0
            for row in range(0, side, 256):
                y = np.arange(row, min(row + 256, side))[:, None] / 70.0
                depth = 2.5 * np.sin(x + 2.0 * np.sin(y)) + np.cos(7.1 * x) * np.sin(5.3 * y)
                depth = np.where(depth < -1.5, -9999.0, np.maximum(depth, 0.0)).astype(np.float32)
                target.write(depth, 1, window=((row, row + len(depth)), (0, last - first)))
    random, width = np.random.default_rng(1), side * CELL_M
    points = shapely.points(LEFT + random.uniform(0, width, 2_000), TOP - random.uniform(0, width, 2_000))
    ponds = shapely.buffer(points, random.uniform(0.001, 0.015, 2_000) * width)
    depth = random.choice([0.05, 0.4, 1.0, 3.0], 2_000)
    gpd.GeoDataFrame({"depth": depth}, geometry=ponds, crs=UTM).to_file(folder / "ponds.gpkg")
    border = LEFT + 0.5 * width
    lands = [shapely.box(one, TOP - width, one + 0.5 * width, TOP) for one in (LEFT, border)]
    gpd.GeoDataFrame({"id": ["west", "east"]}, geometry=lands, crs=UTM).to_file(folder / "lands.gpkg")


def ours(folder: Path, side: int, crs: str, way: str) -> tuple[float, np.ndarray]:
    # The other way does without, and its memory is measured too.
    from mutualaid.data import HazardScenario
    from mutualaid.hazards import read_hazard
    from mutualaid.hazards._picture import one_picture, scenario_picture

    stated: dict[str, Any] = {"quantity": "depth", "unit": "m", "scheme": "inasafe-flood-depth"}
    stated["return_period_years"] = 100
    layers = [
        read_hazard(folder / f"{name}.tif", id=name, hazard="flood", jurisdiction=name, **stated)
        for name in ("west", "east")
    ]
    hazard = "tsunami" if way == SCENARIO else "flood"
    layers.append(read_hazard(folder / "ponds.gpkg", id="ponds", hazard=hazard, column="depth", **stated))
    lands = gpd.read_file(folder / "lands.gpkg").set_index("id") if way == OWN else None
    bounds, cell_m = grid(side, crs)
    start = time.perf_counter()
    if way == SCENARIO:
        scenario = HazardScenario("s", "S", ("west", "east", "ponds"))
        severity = scenario_picture(layers, scenario, bounds=bounds, crs=crs, cell_m=cell_m).severity
    else:
        severity = one_picture(layers, bounds=bounds, crs=crs, cell_m=cell_m, jurisdictions=lands).severity
    return time.perf_counter() - start, severity


def naive(folder: Path, side: int, crs: str) -> tuple[float, np.ndarray]:
    bounds, cell_m = grid(side, crs)
    transform = Affine(cell_m, 0, bounds[0], 0, -cell_m, bounds[3])

    def classes(depth: np.ndarray) -> np.ndarray:
        limits = [depth == 0, depth <= 0.1, depth <= 0.7, depth <= 1.5, depth > 1.5]
        return np.select([depth < 0, *limits], np.array([-1, 0, 1, 2, 3, 4], np.int8), np.int8(-1))

    start = time.perf_counter()
    severity = np.full((side, side), -1, np.int8)
    depth = np.empty((side, side), np.float32)
    for name in ("west", "east"):
        depth[:] = np.nan
        with rasterio.open(folder / f"{name}.tif") as source:
            reproject(
                rasterio.band(source, 1),
                depth,
                dst_transform=transform,
                dst_crs=crs,
                dst_nodata=np.nan,
                resampling=Resampling.nearest,
            )
        np.maximum(severity, classes(depth), out=severity)
    ponds = gpd.read_file(folder / "ponds.gpkg").to_crs(crs).sort_values("depth")
    depth[:] = np.nan
    rasterize(zip(ponds.geometry, ponds["depth"], strict=True), out=depth, transform=transform)
    np.maximum(severity, classes(depth), out=severity)
    return time.perf_counter() - start, severity


def child(folder: Path, side: int, crs: str, way: str) -> None:
    seconds, severity = naive(folder, side, crs) if way == NAIVE else ours(folder, side, crs, way)
    # Not ru_maxrss, which a process takes over from the one that started it.
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    peak_kib = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    np.save(folder / f"{WAYS.index(way)}.npy", severity)
    print(json.dumps({"seconds": seconds, "cells": severity.size, "peak_mib": peak_kib / 1024}))


def measure(folder: Path, side: int, rounds: int) -> dict[str, Any]:
    runs: dict[str, dict[str, list[dict[str, Any]]]] = {crs: {way: [] for way in WAYS} for crs in (UTM, WEB)}
    other = {}
    for crs, ways in runs.items():
        for _ in range(rounds):
            for way, found in ways.items():
                command = [sys.executable, __file__, "--side", str(side), "--child", crs, way, str(folder)]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    sys.exit(f"{way} in {crs} stopped: {done.stderr[-2000:]}")
                found.append(json.loads(done.stdout))
        mine, theirs = (np.load(folder / f"{WAYS.index(way)}.npy", mmap_mode="r") for way in (OURS, NAIVE))
        differing = sum(int((one != two).sum()) for one, two in zip(mine, theirs, strict=True))
        other[crs] = differing / mine.size
    return {"runs": runs, "other_cells": other, "side": side, "rounds": rounds}


def show(report: dict[str, Any]) -> None:
    print(f"{'':28}{'seconds':>9}{'million cells/s':>17}{'ns/cell':>9}{'peak MiB':>10}")
    for crs, ways in report["runs"].items():
        print(f"{crs}, {report['other_cells'][crs]:.6%} other cells")
        for way, found in ways.items():
            seconds = statistics.median(run["seconds"] for run in found)
            cells, peak = found[0]["cells"], max(run["peak_mib"] for run in found)
            print(
                f"  {way:26}{seconds:>9.2f}{cells / seconds / 1e6:>17.1f}{seconds / cells * 1e9:>9.1f}{peak:>10.0f}"
            )
    side = report["side"]
    print(f"{side:,} × {side:,} cells, medians of {report['rounds']}; {report['machine']}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--side", type=int, default=10_000, help="cells along each side")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        crs, way, folder = options.child
        child(Path(folder), options.side, crs, way)
        return
    with tempfile.TemporaryDirectory() as temporary:
        write_data(Path(temporary), options.side)
        report = measure(Path(temporary), options.side, options.rounds)
    report["machine"] = f"{platform.machine()}, {os.cpu_count()} processors"
    report["versions"] = {name: version(name) for name in ("numpy", "shapely", "rasterio", "pyproj", "scipy")}
    show(report)
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
