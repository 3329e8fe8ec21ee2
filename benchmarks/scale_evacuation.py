"""Evacuation: how large a network may be so that bounds and a plan are near each other within a minute, or ten.

Run ``python benchmarks/scale_evacuation.py`` in an environment that has this package. No data are needed: the drawn
towns of the tests (``tests/evacuation/_instances.py``), of growing size: a grid of two-way streets, every fourth one an
arterial, vehicles at every other junction, shelters that are too small for all in the corners, exits east. Vehicles
grow with the side of the town, as its exits do not: three for each junction along a side would leave in the same time.

``bracket`` has a gap of 2 % as its aim, and ``plan`` its lower bound; both have the time limit each. What counts is the
time of the processor, of all threads, as others may use the machine. A size is one process.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from mutualaid.evacuation import bracket, plan_routes

ROOT = Path(__file__).resolve().parents[1]
SIDES = (12, 24, 48, 72, 96, 144, 192, 288)
GAP = 0.02


def one(side: int, limit_s: float) -> dict[str, Any]:
    """Bound and plan one town; all is compiled by a small one before."""
    spec = importlib.util.spec_from_file_location(
        "_instances", ROOT / "tests" / "evacuation" / "_instances.py"
    )
    assert spec is not None
    assert spec.loader is not None
    instances = importlib.util.module_from_spec(spec)
    sys.modules["_instances"] = instances
    spec.loader.exec_module(instances)
    row: dict[str, Any] = {}
    for rows in (8, side):
        network = instances.grid(rows, rows + 1, vehicles=2_500 * rows)
        wall, cpu = time.perf_counter(), time.process_time()
        found = bracket(network, gap=GAP, time_limit_s=limit_s)
        bounded, wall_bounded = time.process_time() - cpu, time.perf_counter() - wall
        plan = plan_routes(network, lower_s=found.lower_s, gap=GAP, time_limit_s=limit_s)
        row = {
            "junctions": network.n_nodes,
            "links": len(network.tail),
            "zones": len(network.sources),
            "vehicles": 2_500 * rows,
            "lower_h": found.lower_s / 3600,
            "gap": found.gap,
            "status": found.status,
            "bracket_cpu_s": bounded,
            "bracket_wall_s": wall_bounded,
            "plan_gap": plan.clearance_s / found.lower_s - 1,
            "plan_share": float(plan.routes["vehicles"].sum()) / found.vehicles_most,
            "plan_cpu_s": time.process_time() - cpu - bounded,
            "plan_wall_s": time.perf_counter() - wall - wall_bounded,
        }
    return row | {"peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sides", type=int, nargs="+", default=SIDES)
    parser.add_argument("--limit-s", type=float, default=60.0, help="of the clock, for bounds and plan each")
    parser.add_argument("--json", type=Path, help="add the figures to this file, one line each")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(options.one, options.limit_s)))
        return
    print(
        f"{'links':>9}{'zones':>8}{'lower h':>9}{'gap':>9}{'cpu s':>8}{'plan':>9}{'out':>8}{'cpu s':>8}{'GB':>6}"
    )
    for side in options.sides:
        run = subprocess.run(
            [sys.executable, __file__, "--one", str(side), "--limit-s", str(options.limit_s)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        row = json.loads(run.stdout.splitlines()[-1])
        if options.json:
            with options.json.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row | {"limit_s": options.limit_s}) + "\n")
        print(f"{row['links']:9,}{row['zones']:8,}{row['lower_h']:9.2f}{row['gap']:9.2%}", end="")
        print(f"{row['bracket_cpu_s']:8.1f}{row['plan_gap']:9.2%}{row['plan_share']:8.1%}", end="")
        print(f"{row['plan_cpu_s']:8.1f}{row['peak_gb']:6.1f}", flush=True)


if __name__ == "__main__":
    main()
