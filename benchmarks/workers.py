"""What a second worker brings to the tiles themselves: the same tiles by one worker and by two, in turn.

`country.py` times whole runs, of which starting workers, and what is done once for all tiles, are a part. Here workers
are there and have compiled their code; what is timed is `rounds` times all tiles of a grid of copies of Porto
(`grid.py`, OpenStreetMap, ODbL) in fair weather, results brought back included. By the clock, so other work on the
machine shows: look at several turns::

    python benchmarks/workers.py --k 3 --turns 4
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time

from grid import grid_region

from mutualaid.coverage import lean_ready, prepare
from mutualaid.scale import dask_workers
from mutualaid.scale._task import Base, work
from mutualaid.scale._tiles import tile_rows


def seconds(base: Base, workers: int, rounds: int) -> float:
    """Have all tiles computed so many times, after a first time that compiles and loads."""
    with dask_workers(workers=workers, say=lambda _: None) as spread:
        list(spread((base,), work, range(len(base.tiles))))
        start = time.perf_counter()
        for _ in range(rounds):
            list(spread((base,), work, range(len(base.tiles))))
        return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--k", type=int, default=3, help="copies in a row")
    parser.add_argument("--places", type=int, default=25_000, help="drawn in each copy")
    parser.add_argument("--tile", type=int, default=20_000, help="most places in a tile")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--turns", type=int, default=4)
    options = parser.parse_args()
    region, network = grid_region(
        options.k, places=options.places, stations=63, scattered=0.1, cell_m=100.0,
        parameters={"cutoff_s": 900.0},
    )  # fmt: skip
    ready = prepare(region, network=network)
    rows = tile_rows(ready.demand, places=options.tile)
    base = Base(lean_ready(ready), rows, keep_pairs=False, threads=1)
    print(f"{network.n_nodes:,} junctions, {len(ready.demand):,} places, {len(rows)} tiles")
    ratios = []
    for _ in range(options.turns):
        one, two = (seconds(base, workers, options.rounds) for workers in (1, 2))
        ratios.append(one / two)
        print(f"1 worker {one:6.2f} s, 2 workers {two:6.2f} s: {one / two:.2f} times", flush=True)
    print(f"median {statistics.median(ratios):.2f} times")


if __name__ == "__main__":
    multiprocessing.freeze_support()
    main()
