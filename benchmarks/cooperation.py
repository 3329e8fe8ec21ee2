"""What the measures of cooperation cost on a region that is loaded, beside running the whole analysis again.

    python benchmarks/cooperation.py [ANDORRA.osm.pbf]

Andorra (OpenStreetMap, ODbL), its seven parishes taken as partners, then the embedded demo. A plain run is what a user
would do for each step of a sweep or each closed crossing instead: `analyse` on the network that is read already.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from mutualaid.cooperation import (
    cooperation,
    crossing_criticality,
    crossing_pairs,
    delay_sweep,
    joint_game,
    sensitivity,
    shapley,
)
from mutualaid.coverage import Analysis, analyse, coverage_again
from mutualaid.data import Region, demo_path, new_region, read_region

ANDORRA = Path(__file__).resolve().parents[2] / "shared" / "data" / "andorra" / "andorra-2025-01-19.osm.pbf"
RUNS = 3
DELAYS = [30.0 * k for k in range(30)]


def median_s(work: Callable[[], Any]) -> float:
    """Median seconds of some runs after one that does not count."""
    work()
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def measure(name: str, region: Region) -> None:
    """Time the measures of one region."""
    plain = replace(region, hazards=(), scenarios=(), risks=())
    result = analyse(plain)
    partners = result.region.jurisdictions["partner"].nunique()
    print(
        f"{name}: {result.network.n_roads:,} roads, {len(result.stations)} stations, {len(result.demand):,} places, "
        f"{partners} partners"
    )

    def again() -> Analysis:
        return analyse(plain, network=result.network)

    plain_s = median_s(again)
    print(f"  a plain run, roads read already           {plain_s:.2f} s")
    slower = replace(plain.parameters, crossing_s=1.0)
    lean_s = median_s(lambda: coverage_again(result, parameters=slower))
    print(f"  of that, drive times and coverage alone   {lean_s:.2f} s")

    def row(what: str, seconds: float, steps: int) -> None:
        print(
            f"  {what:<41} {seconds:.2f} s = {seconds / plain_s:.2f} plain runs; {steps * plain_s / seconds:,.0f} × "
            f"faster than {steps}, {steps * lean_s / seconds:,.1f} × than so many drive times and coverages alone"
        )

    row("30 dispatch delays", median_s(lambda: delay_sweep(result, dispatch_s=DELAYS, crossing_s=[])), 30)
    row("30 crossing delays", median_s(lambda: delay_sweep(result, dispatch_s=[], crossing_s=DELAYS)), 30)
    crossings = crossing_criticality(result)
    row(f"{len(crossings)} crossings in turn", median_s(lambda: crossing_criticality(result)), len(crossings))
    reached = int(crossings["reached"].sum())
    count = reached * (reached - 1) // 2
    row(f"all {count:,} pairs of crossings", median_s(lambda: crossing_pairs(result, crossings)), count)
    game = joint_game(result)
    print(
        f"  all {2**partners:,} coalitions, Shapley from them   {median_s(lambda: shapley(game.values())):.4f} s"
    )
    print(f"  Shapley in closed form                    {median_s(game.shapley_value):.4f} s")
    print(f"  assumptions swept                         {median_s(lambda: sensitivity(result)):.2f} s")
    print(f"  all measures                              {median_s(lambda: cooperation(result)):.2f} s")


def main() -> int:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else ANDORRA
    if path.is_file():
        with tempfile.TemporaryDirectory() as folder:
            measure("Andorra", new_region(Path(folder) / "andorra", pbf=[path], admin_level=7))
    else:
        print(f"no {path.name}: give its path", file=sys.stderr)
    measure("Demo", read_region(demo_path()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
