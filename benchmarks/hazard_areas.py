"""Flooded areas: exact shares of raster cells, against exactextract and rasterstats.

Run ``python benchmarks/hazard_areas.py`` in an environment in which ``exactextract`` and ``rasterstats`` are
installed; what is not installed is left out. The raster is the flood map of Kampen in the Netherlands, 3,476 × 2,269
cells of 5 m; the areas are random stars of 24 corners, most of them some 100 to 1,000 m across, those at its border
half outside. All start from the polygons in memory and the file, and end with a mean, a largest value and the
covered area of each polygon. mutualaid also tells affected, dry, unknown and outside apart.

All take part in turn in each round; the figure is the median over the rounds. exactextract has to find the same mean
and area to a millionth. rasterstats counts a cell if its centre is inside, so its answers differ by design: how far
is printed. Houses, 20,000 boxes of 5 to 30 m, show what small areas take; without rasterstats, which takes minutes.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import platform
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from mutualaid.hazards import HazardLayer, overlay_areas, read_hazard

CRS = "EPSG:28992"
OURS = "mutualaid"
PEERS = ("exactextract, by feature", "exactextract, by raster", "rasterstats")


def stars(layer: HazardLayer, count: int, random: np.random.Generator) -> gpd.GeoSeries:
    left, bottom, right, top = layer.bounds
    centre = random.uniform((left, bottom), (right, top), (count, 2))
    angle = np.sort(random.uniform(0, 2 * np.pi, (count, 24)), axis=1)
    far = random.lognormal(5.5, 0.8, (count, 1)) * random.uniform(0.4, 1, (count, 24))
    xy = centre[:, None] + np.stack([far * np.cos(angle), far * np.sin(angle)], axis=-1)
    found = gpd.GeoSeries(np.asarray(shapely.polygons(xy), object), crs=CRS)
    return gpd.GeoSeries(found[found.is_valid].reset_index(drop=True), crs=CRS)


def houses(layer: HazardLayer, count: int, random: np.random.Generator) -> gpd.GeoSeries:
    left, bottom, right, top = layer.bounds
    corner = random.uniform((left, bottom), (right - 30, top - 30), (count, 2))
    boxes = shapely.box(*corner.T, *(corner + random.uniform(5, 30, corner.shape)).T)
    return gpd.GeoSeries(np.asarray(boxes, object), crs=CRS)


def run(name: str, layer: HazardLayer, areas: gpd.GeoSeries) -> tuple[float, pd.DataFrame]:
    """Seconds, and mean, largest value and covered m² of each area."""
    frame = gpd.GeoDataFrame(geometry=areas)
    start = time.perf_counter()
    if name == OURS:
        found = overlay_areas(layer, areas, crs=CRS)
        seconds = time.perf_counter() - start
        covered = found["area_m2"] - found["outside_m2"]
        return seconds, pd.DataFrame({"mean": found["mean"], "max": found["worst"], "m2": covered})
    if name == "rasterstats":
        zonal_stats = importlib.import_module("rasterstats").zonal_stats
        rows = zonal_stats(frame, str(layer.file), stats=["mean", "max", "count"], nodata=-128)
        table = pd.DataFrame(rows).astype(np.float64)
    else:
        exact_extract = importlib.import_module("exactextract").exact_extract
        way = "feature-sequential" if name.endswith("feature") else "raster-sequential"
        table = exact_extract(str(layer.file), frame, ["mean", "max", "count"], strategy=way, output="pandas")
    seconds = time.perf_counter() - start
    return seconds, pd.DataFrame({"mean": table["mean"], "max": table["max"], "m2": 25 * table["count"]})


def apart(found: pd.DataFrame, peer: pd.DataFrame) -> dict[str, float]:
    """Largest differences; those of m² as a part of the covered area, all over areas that both found."""
    both = found["mean"].notna().to_numpy() & peer["mean"].notna().to_numpy()
    ours, theirs = found[both], peer[both]
    return {
        "mean": float((ours["mean"] - theirs["mean"]).abs().max()),
        "max": float((ours["max"] - theirs["max"]).abs().max()),
        "m2": float(((ours["m2"] - theirs["m2"]).abs() / ours["m2"]).max()),
        "only one found": int((found["mean"].notna() != peer["mean"].notna()).sum()),
    }


def measure(
    layer: HazardLayer, areas: gpd.GeoSeries, rounds: int, peers: tuple[str, ...] = PEERS
) -> dict[str, Any]:
    names = [OURS] + [one for one in peers if importlib.util.find_spec(one.split(",")[0])]
    seconds: dict[str, list[float]] = {name: [] for name in names}
    found: dict[str, pd.DataFrame] = {}
    run(OURS, layer, gpd.GeoSeries(areas.iloc[:5]))  # the first call loads what is loaded once
    for _ in range(rounds):
        for name in names:
            took, found[name] = run(name, layer, areas)
            seconds[name].append(took)
    differences = {name: apart(found[OURS], found[name]) for name in names[1:]}
    for name, one in differences.items():
        if name.startswith("exact") and max(one.values()) > 1e-6:
            sys.exit(f"{name} finds something else: {one}")
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "areas": len(areas),
        "km2": float(areas.area.sum() / 1e6),
        "seconds": medians,
        "all_seconds": seconds,
        "times_as_long": {name: value / medians[OURS] for name, value in medians.items()},
        "largest_differences": differences,
        "rounds": rounds,
    }


def show(title: str, report: dict[str, Any]) -> None:
    print(f"\n{report['areas']:,} {title}, {report['km2']:.1f} km²; medians of {report['rounds']}")
    print(f"{'':26}{'seconds':>9}{'times as long':>15}{'mean':>11}{'max':>7}{'area':>11}   differ by at most")
    for name, seconds in report["seconds"].items():
        line = f"{name:26}{seconds:>9.3f}{report['times_as_long'][name]:>15.2f}"
        if name in report["largest_differences"]:
            one = report["largest_differences"][name]
            line += f"{one['mean']:>11.1e}{one['max']:>7.0f}{one['m2']:>11.1e}"
            if one["only one found"]:
                line += f"   {one['only one found']} found by one only"
        print(line)


def main() -> None:
    root = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, default=root.parent / "shared" / "data", help="folder with the data"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    file = options.data / "flood" / "kampen" / "inundation_map.tif"
    if not file.is_file():
        sys.exit(f"{file} not found: give the folder with --data")
    # The unit is not documented, and makes no difference to the shares.
    layer = read_hazard(
        file, id="kampen", hazard="flood", quantity="depth", unit="m", nodata=float("nan"), event="breach"
    )
    whole = overlay_areas(layer, [shapely.box(*layer.bounds)], crs=CRS)["affected_m2"].iloc[0]
    if whole != 4_244_603 * 25:
        sys.exit(f"{whole} m² are wet, and not 106,115,075")
    random = np.random.default_rng(1)
    report: dict[str, Any] = {
        "stars": measure(layer, stars(layer, 1000, random), options.rounds),
        "houses": measure(layer, houses(layer, 20_000, random), options.rounds, PEERS[:2]),
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "versions": {
            name: version(name)
            for name in ("numpy", "shapely", "rasterio", "exactextract", "rasterstats")
            if importlib.util.find_spec(name)
        },
    }
    show("random stars", report["stars"])
    show("houses", report["houses"])
    print(f"\n{report['machine']}; {report['versions']}")
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
