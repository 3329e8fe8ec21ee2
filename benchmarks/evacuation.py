"""Evacuation: how soon bounds close, how near plans come, and what general maximum flow codes need for one step of it.

Run ``python benchmarks/evacuation.py`` in an environment that has this package. For OR-tools, which must not share a
process with HiGHS: ``python -m venv peers && peers/bin/pip install ortools``, then ``--peer-python peers/bin/python``.
The networks are those of the tests (``tests/evacuation/_instances.py``): Surf Coast Shire with its fire, hour by hour,
the 602 links around Torquay with 40,000 vehicles, a drawn town of 574 links with 40,000 vehicles and four shelters
that are too small for all. Without the shared data only the drawn town is left.

* ``bracket``: seconds until the gap is 50, 10, 5 and 2 %, or what is left of it when time is over. The first call
  compiles or loads what was compiled and is not counted.
* ``peers``: one maximum flow on the network of a lower bound expanded in time, arc by arc the same for all: here
  (from nothing, arcs implied), SciPy's ``maximum_flow`` (32 bit, so with a thousandth of a vehicle as unit) and
  OR-tools' ``SimpleMaxFlow`` (64 bit, the same units as here). The median over the rounds; writing the arcs down for
  the peers is not counted. The values must agree.
* ``plan``: seconds and clearance in terms of the lower bound, routes; checked by the tests' own checker; then with one
  way for each source.
* ``simulation``: seconds to drive the plan, and everybody to the nearest exit; when the last one arrives.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import maximum_flow

from mutualaid.evacuation import Bracket, FlowNetwork, RoutePlan, bracket, nearest, plan_routes, simulate
from mutualaid.evacuation._expanded._cuts import reach
from mutualaid.evacuation._expanded._grid import expanded
from mutualaid.evacuation._expanded._roads import road_parts

ROOT = Path(__file__).resolve().parents[1]
GAPS = (0.5, 0.1, 0.05, 0.02)
Int64 = NDArray[np.int64]


def from_tests(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tests" / "evacuation" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


instances, checker = from_tests("_instances"), from_tests("_checker")


def networks(data: Path) -> dict[str, Callable[[], FlowNetwork]]:
    """Makers by name, small ones first."""
    found: dict[str, Callable[[], FlowNetwork]] = {"town": instances.grid}
    if not (data / "evacuation" / "surf_coast").is_dir():
        print(f"{data} not found: real roads are left out (give the folder with --data)")
        return found

    def coast(zones: str, **options: Any) -> Callable[[], FlowNetwork]:
        return lambda: instances.surf_coast(data, zones, **options)

    return {
        **found,
        "torquay": lambda: instances.around_torquay(data),
        "anglesea": coast("anglesea"),
        "anglesea late": coast("anglesea", alarm_h=4.0),
        "coast": coast("coast"),
        "coast late": coast("coast", alarm_h=4.0),
        "shire": coast("shire"),
        "shire late": coast("shire", alarm_h=4.0),
        "every link": coast("shire", every_link=True),
    }


def clocked(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


# Bounds


def bounds(network: FlowNetwork, gap: float, limit_s: float) -> tuple[dict[str, Any], Bracket]:
    when: dict[float, float] = {}
    start = time.perf_counter()

    def note(better: Bracket) -> None:
        for one in GAPS:
            if better.gap <= one:
                when.setdefault(one, time.perf_counter() - start)

    seconds, found = clocked(lambda: bracket(network, gap=gap, time_limit_s=limit_s, progress=note))
    note(found)
    through = np.inf
    if len(found.threshold_s) == network.n_nodes:
        through = checker.let_through(network, found.threshold_s, found.full, found.lower_s - 0.0005)
    row = {
        "seconds": seconds,
        "lower_s": found.lower_s,
        "upper_s": found.upper_s,
        "gap": found.gap,
        "status": found.status,
        "vehicles_least": found.vehicles_least,
        "vehicles_most": found.vehicles_most,
        "seconds_to_gap": {f"{one:.0%}": when.get(one) for one in GAPS},
        "cut_proves_it": bool(through <= found.vehicles * (1 + 1e-9) + 1e-9),
    }
    return row, found


# One maximum flow, by everybody


def written_down(grid: Any) -> tuple[int, Int64, Int64, Int64]:
    """All arcs of a network expanded in time: number of vertices, tails, heads, capacities; flow goes from 0 to 1."""
    arcs, steps = grid.arcs, grid.arcs.steps
    nodes = len(arcs.static)
    edge = np.repeat(np.arange(len(arcs.tail)), np.maximum(arcs.last - arcs.first + 1, 0))
    begin = np.cumsum(np.concatenate([[0], np.maximum(arcs.last - arcs.first + 1, 0)]))[edge]
    step = arcs.first[edge] + np.arange(len(edge)) - begin
    capacity = np.where(step == arcs.last[edge], arcs.last_capacity[edge], arcs.capacity[edge])
    capacity = np.where(step == arcs.first[edge], arcs.first_capacity[edge], capacity)
    tail, head = arcs.tail[edge].astype(np.int64), arcs.head[edge].astype(np.int64)
    tails = tail * steps + np.where(arcs.static[tail], 0, step)
    heads = head * steps + np.where(arcs.static[head], 0, step + arcs.shift[edge])
    much = int(grid.state.excess.sum()) + 1
    waits = (np.flatnonzero(arcs.hold)[:, None] * steps + np.arange(steps - 1)).ravel()
    supply, room = np.flatnonzero(grid.state.excess), np.flatnonzero(arcs.room)
    all_tails = np.concatenate([tails, waits, np.full(len(supply), -2), room * steps])
    all_heads = np.concatenate([heads, waits + 1, supply, np.full(len(room), -1)])
    limits = np.concatenate([capacity, np.full(len(waits), much), grid.state.excess[supply], arcs.room[room]])
    some = limits > 0
    return nodes * steps + 2, all_tails[some] + 2, all_heads[some] + 2, np.minimum(limits[some], much)


IN_ORTOOLS = """
import json, sys, time
import numpy as np
from ortools.graph.python import max_flow
arcs = np.load(sys.argv[1])
found = []
for _ in range(int(sys.argv[2])):
    start = time.perf_counter()
    solver = max_flow.SimpleMaxFlow()
    solver.add_arcs_with_capacity(arcs["tail"].astype(np.int32), arcs["head"].astype(np.int32), arcs["limit"])
    status = solver.solve(0, 1)
    found.append((time.perf_counter() - start, solver.optimal_flow() if status == solver.OPTIMAL else -1))
print(json.dumps(found))
"""


def peers(
    network: FlowNetwork, found: Bracket, arcs: int, rounds: int, peer_python: str | None
) -> dict[str, Any]:
    """Time one maximum flow with about so many arcs, at the horizon of the lower bound."""
    roads = road_parts(network)
    end = round(found.lower_s * 1000)
    step = max(end * (len(roads.tail) + roads.n_nodes) // arcs, 1)
    phase, _ = reach(roads, windows=False)

    def grid() -> Any:
        return expanded(roads, step=step, phase=phase, horizon=end, end=end, restricted=False)

    one = grid()
    vertices, tail, head, limit = written_down(one)
    seconds: dict[str, list[float]] = {"mutualaid": [], "scipy": [], "ortools": []}
    unit = one.unit / 1000
    coarse = np.minimum(np.ceil(limit / unit), 2**31 - 1).astype(np.int32)
    graph = coo_array((coarse, (tail, head)), shape=(vertices, vertices)).tocsr()
    value: dict[str, float] = {}
    for done in range(rounds):
        fresh = grid()
        taken, out = clocked(lambda fresh=fresh: fresh.solve(lambda: None))  # type: ignore[misc]
        seconds["mutualaid"].append(taken)
        value["mutualaid"] = out / one.unit
        if done and seconds["scipy"][0] > 60:
            continue
        taken, flow = clocked(lambda: maximum_flow(graph, 0, 1))
        seconds["scipy"].append(taken)
        value["scipy"] = flow.flow_value / 1000
    if peer_python:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "arcs.npz"
            np.savez(path, tail=tail, head=head, limit=limit)
            call = [peer_python, "-c", IN_ORTOOLS, str(path), str(rounds)]
            done_by_peer = json.loads(subprocess.run(call, check=True, capture_output=True, text=True).stdout)
        seconds["ortools"] = [taken for taken, _ in done_by_peer]
        value["ortools"] = done_by_peer[0][1] / one.unit
        if done_by_peer[0][1] != round(value["mutualaid"] * one.unit):
            sys.exit(f"{value['mutualaid']} here, {value['ortools']} by OR-tools")
    if abs(value["scipy"] - value["mutualaid"]) > 0.02 * max(1.0, value["mutualaid"]):
        sys.exit(f"{value['mutualaid']} here, {value['scipy']} by SciPy")
    medians = {who: statistics.median(taken) for who, taken in seconds.items() if taken}
    return {
        "arcs": len(tail),
        "step_s": step / 1000,
        "seconds": medians,
        "all_seconds": seconds,
        "value": value,
    }


# Plans


def plans(network: FlowNetwork, found: Bracket, limit_s: float) -> tuple[dict[str, Any], RoutePlan]:
    row: dict[str, Any] = {}
    taken, plan = clocked(lambda: plan_routes(network, lower_s=found.lower_s, time_limit_s=limit_s))
    for name, one, seconds in [
        ("plan", plan, taken),
        *(
            ("one way", one, seconds)
            for seconds, one in [
                clocked(
                    lambda: plan_routes(network, lower_s=found.lower_s, time_limit_s=limit_s, one_route=True)
                )
            ]
        ),
    ]:
        row[name] = {
            "seconds": seconds,
            "clearance_s": one.clearance_s,
            "times_lower": one.clearance_s / found.lower_s if found.lower_s else None,
            "routes": len(one.routes),
            "unserved": float(one.unserved.sum()),
            "violations": len(checker.plan_violations(one)),
        }
    return row, plan


def runs(network: FlowNetwork, plan: RoutePlan) -> dict[str, Any]:
    row = {}
    for name, call in (("plan", lambda: simulate(network, plan)), ("nearest", lambda: nearest(network))):
        seconds, run = clocked(call)
        row[name] = {
            "seconds": seconds,
            "clearance_s": run.clearance_s,
            "arrived": float(run.arrivals["vehicles"].sum()),
            "caught": float(run.caught["vehicles"].sum()),
            "groups": len(run.arrivals) + len(run.caught),
        }
    return row


def measure(name: str, make: Callable[[], FlowNetwork], options: argparse.Namespace) -> dict[str, Any]:
    network = make()
    row: dict[str, Any] = {"network": name, "links": network.n_edges, "vehicles": network.vehicles}
    print(
        f"{name}: {network.n_edges:,} links, {network.vehicles:,.0f} vehicles, {len(network.sources)} places"
    )
    row["bracket"], found = bounds(network, options.gap, options.time_limit_s)
    one = row["bracket"]
    reached = ", ".join(f"{gap} {s:.1f} s" for gap, s in one["seconds_to_gap"].items() if s is not None)
    print(
        f"  bracket {one['lower_s']:,.0f} … {one['upper_s']:,.0f} s, gap {one['gap']:.1%} in {one['seconds']:.1f} s;",
        end=" ",
    )
    print(
        f"{reached}; out {one['vehicles_least']:,.1f} … {one['vehicles_most']:,.1f}; proven {one['cut_proves_it']}"
    )
    if "peers" in options.parts:
        row["peers"] = peers(network, found, options.arcs, options.rounds, options.peer_python)
        by = ", ".join(f"{who} {taken:.3f} s" for who, taken in row["peers"]["seconds"].items())
        print(f"  maximum flow, {row['peers']['arcs']:,} arcs: {by}")
    if "plan" in options.parts:
        row["plans"], plan = plans(network, found, options.time_limit_s)
        for kind, one in row["plans"].items():
            print(
                f"  {kind}: {one['times_lower']:.3f} × lower, {one['routes']} routes in {one['seconds']:.1f} s,",
                end=" ",
            )
            print(f"{one['unserved']:.1f} left behind, {one['violations']} violations")
        if "simulation" in options.parts:
            row["runs"] = runs(network, plan)
            for kind, one in row["runs"].items():
                print(
                    f"  run of {kind}: {one['clearance_s']:,.0f} s, {one['arrived']:,.1f} arrived,", end=" "
                )
                print(f"{one['caught']:,.1f} caught, {one['groups']:,} groups in {one['seconds']:.2f} s")
    sys.stdout.flush()
    return row


def main() -> None:
    parts = ("peers", "plan", "simulation")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder with the data"
    )
    parser.add_argument("--only", nargs="+", help="names of networks")
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts, help="besides the bracket")
    parser.add_argument("--gap", type=float, default=0.02, help="at which the bracket stops")
    parser.add_argument("--time-limit-s", type=float, default=120.0, help="for each bracket and each plan")
    parser.add_argument("--arcs", type=int, default=1_000_000, help="of the maximum flow, about")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer-python", help="Python that has OR-tools")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    makers = networks(options.data)
    wanted = options.only or list(makers)
    small = instances.grid(6, 6, vehicles=500)
    first, _ = clocked(lambda: simulate(small, plan_routes(small, lower_s=bracket(small, gap=0.1).lower_s)))
    rows = [measure(name, makers[name], options) for name in wanted]
    machine = f"{platform.machine()}, {os.cpu_count()} processors"
    found = {
        "python": platform.python_version(),
        **{name: version(name) for name in ("numpy", "scipy", "numba")},
    }
    print(f"first calls, compiling or loading: {first:.1f} s; {machine}; {found}")
    if options.json:
        report = {"rows": rows, "first_call_s": first, "machine": machine, "versions": found}
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
