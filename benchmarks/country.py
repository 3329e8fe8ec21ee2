"""A country in tiles: seconds, memory, and what two workers bring; on a grid of copies of Porto.

No file of a whole country is at hand, so the roads are Porto's real ones (OpenStreetMap, ODbL), k × k times side by
side and joined at their edges; stations, people and floods are drawn with a seed (`grid.py`), nine in ten people in the
densest quarters, the others anywhere. Each run is a process of its own: it makes the region, which is not timed (a real
run reads it), then computes all levels in fair weather and under each flood within 15 minutes of driving, gaps and all
numbers included. A worker stands for a processor: with one, this process uses no more than one either. Memory is the
largest resident size of the process, and with workers the sum over all, looked up four times a second::

    python benchmarks/country.py --k 4                      # a million junctions: one process, then 1 and 2 workers
    python benchmarks/country.py --k 13 --ways tiles        # ten million
    python benchmarks/country.py --k 2 --ways piece tiles   # in one piece, for comparison: the same numbers
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import psutil
from grid import SEED, grid_region

from mutualaid.coverage import analyse
from mutualaid.data import HazardScenario, HazardSource, Region
from mutualaid.network import Network
from mutualaid.scale import dask_workers, in_turn, tiled
from mutualaid.threads import limited_to

#: How a run may be worked through, and the number of workers; None: in this process.
WAYS: dict[str, int | None] = {"piece": None, "tiles": None, "1 worker": 1, "2 workers": 2}
#: Discs of flood in each copy, and their radii in metres.
_DISCS, _RADII_M = 12, (300.0, 1500.0)
#: Options that the process of each run is given.
_SAME = ("k", "stations", "places", "scattered", "minutes", "floods", "tile")


def flooded(region: Region, copies: int, folder: Path, count: int = 1) -> Region:
    """Give a region floods: discs that are drawn with a seed, about a tenth of the land for each."""
    found = [_flood(region, copies, folder, number) for number in range(1, count + 1)]
    layers, scenarios = zip(*found, strict=True) if found else ((), ())
    return replace(region, folder=folder, hazards=layers, scenarios=scenarios)


def _flood(region: Region, copies: int, folder: Path, number: int) -> tuple[HazardSource, HazardScenario]:
    rng = np.random.default_rng(SEED + number - 1)
    name = f"flood-{number}"
    west, south, east, north = region.jurisdictions.total_bounds
    count = _DISCS * copies
    x, y = rng.uniform(west, east, count), rng.uniform(south, north, count)
    discs = gpd.GeoSeries.from_xy(x, y, crs=region.crs).buffer(rng.uniform(*_RADII_M, count))
    depth_m = rng.choice([0.2, 0.6, 1.5], count)
    gpd.GeoDataFrame({"depth_m": depth_m}, geometry=discs, crs=region.crs).to_file(folder / f"{name}.gpkg")
    layer = HazardSource(
        id=name, file=folder / f"{name}.gpkg", hazard="flood", quantity="depth", unit="m",
        scheme="inasafe-flood-depth", column="depth_m", nodata_means="none", return_period_years=100.0,
    )  # fmt: skip
    return layer, HazardScenario(name, f"Flood {number}", (name,))


def made(options: argparse.Namespace, folder: Path) -> tuple[Region, Network]:
    region, network = grid_region(
        options.k,
        places=options.places,
        stations=options.stations,
        scattered=options.scattered,
        cell_m=100.0,
        parameters={"cutoff_s": 60.0 * options.minutes},
    )
    return flooded(region, options.k**2, folder, options.floods), network


def largest(stop: threading.Event, found: list[int]) -> None:
    """Look up the memory of this process and all below it until told to stop; shared pages count once.

    What processes have in common is taken to be the most that one of them shares: to count page by page takes as long
    as the run itself.
    """
    own = psutil.Process()
    while not stop.wait(0.25):
        alone = common = 0
        for process in (own, *own.children(recursive=True)):
            try:
                memory = process.memory_info()
            except psutil.Error:
                continue
            alone += memory.rss - memory.shared
            common = max(common, memory.shared)
        found[0] = max(found[0], alone + common)


def one(options: argparse.Namespace) -> dict[str, Any]:
    """Compute a grid in one way, in this process."""
    way = options.ways[0]
    with tempfile.TemporaryDirectory() as name:
        region, network = made(options, Path(name))
        # Compiling, or loading what was compiled, is not part of what grows.
        before = psutil.Process().memory_info().rss
        steps: list[tuple[str, float]] = []
        peak, stop = [0], threading.Event()
        watch = threading.Thread(target=largest, args=(stop, peak))
        watch.start()
        start = time.perf_counter()

        def tell(step: str, share: float) -> None:  # noqa: ARG001 - what a call for progress is given
            steps.append((step.split(":")[0], time.perf_counter() - start))

        if way == "piece":
            result = analyse(region, network=network, progress=tell)
            pairs, tiles, summary, defects = len(result.times), 1, result.summary, result.not_computed
        else:
            workers = WAYS[way]
            shared = nullcontext(in_turn) if workers is None else dask_workers(workers=workers, say=print)
            # A worker is a processor: what is not shared out takes no more of them than there are workers.
            with shared as spread, limited_to(workers):
                steps.append(("workers start", time.perf_counter() - start))
                run = tiled(
                    region, Path(name) / "work", network=network, places=options.tile, spread=spread,
                    threads=None if workers is None else 1, progress=tell,
                )  # fmt: skip
            pairs, tiles, summary, defects = (
                int(run.tiles["pairs"].sum()),
                len(run.tiles),
                run.summary,
                run.not_computed,
            )
        seconds = time.perf_counter() - start
        assert not defects, [str(defect) for defect in defects]
        stop.set()
        watch.join()
    took: dict[str, float] = {}
    for (step, at), (_, until) in zip(steps, [*steps[1:], ("", seconds)], strict=True):
        took[step] = took.get(step, 0.0) + until - at
    return {
        "way": way,
        "junctions": network.n_nodes,
        "roads": network.n_roads,
        "stations": len(region.stations),
        "places": len(region.demand),
        "pairs": pairs,
        "tiles": tiles,
        "seconds": round(seconds, 1),
        "before_gb": round(before / 1e9, 2),
        "peak_gb": round(peak[0] / 1e9, 2),
        "steps": {step: round(value, 1) for step, value in took.items()},
        "headline": summary["headline"],
        "sha256": hashlib.sha256(json.dumps(summary).encode()).hexdigest(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--k", type=int, default=4, help="copies in a row")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=["tiles", "1 worker", "2 workers"])
    parser.add_argument("--stations", type=int, default=63, help="in each copy")
    parser.add_argument(
        "--places", type=int, default=20_000, help="drawn in each copy; one a cell of 100 m stays"
    )
    parser.add_argument("--scattered", type=float, default=0.1, help="share of places that lie anywhere")
    parser.add_argument("--minutes", type=float, default=15.0, help="of driving, at most")
    parser.add_argument("--floods", type=int, default=1)
    parser.add_argument("--tile", type=int, default=20_000, help="most places in a tile")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(options)))
        return
    found = []
    for way in options.ways:
        words = [word for name in _SAME for word in (f"--{name}", str(getattr(options, name)))]
        command = [sys.executable, __file__, "--one", "--ways", way, *words]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        report = json.loads(done.stdout.splitlines()[-1])
        found.append(report)
        print(
            f"{way:10} {report['junctions']:>11,} junctions {report['stations']:>6,} stations "
            f"{report['places']:>9,} places {report['pairs']:>12,} pairs {report['tiles']:>4} tiles "
            f"{report['seconds']:>8.1f} s {report['peak_gb']:>6.2f} GB (region alone {report['before_gb']:.2f})"
        )
        print(
            "           " + ", ".join(f"{step} {value}" for step, value in report["steps"].items()),
            flush=True,
        )
    if len({report["sha256"] for report in found}) > 1:
        sys.exit("The ways do not agree")
    print(f"All ways gave the same numbers; {os.cpu_count()} processors.")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    multiprocessing.freeze_support()
    main()
