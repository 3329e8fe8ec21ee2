"""After action: learning speeds from a record, and simulating calls with units that are out, beside common tools.

Run ``python benchmarks/after_action.py`` in an environment that has this package; for the peers, one more step:
``pip install "simpy>=4.1" "statsmodels>=0.14"``. Without them, or with ``--alone``, only this package is timed. Both
take part in turn in each round, the figure is the median over the rounds, and the ratio is of those medians in one run.
The first call, which compiles or loads what was compiled, is reported apart.

* Pool: 3 servers, an offered load of 1.5, calls wait. SimPy's ``Resource`` is made for this.
* City: 40 stations with 2 units each, 1,000 places that up to 10 stations may serve, the nearest free one goes, calls
  wait in their order. SimPy has no resource whose units are of different worth to each call, so the peer holds the
  free units in a list, and SimPy's processes and events do the rest. All waits of both must be equal.
* Calibration: drives to drawn places of the demo at speeds and a junction delay that are known, with 10 % noise and one
  stamp in ten wrong. This package finds ways, fits, finds ways again until nothing changes, and does all of it five
  times more to predict each fifth of the drives from the others. The peer does what an analyst would, once: shortest
  ways with NetworkX at the speeds of before, metres by class, and a robust linear regression of statsmodels (Tukey's
  biweight). NetworkX knows no delays at junctions, so the peer counts the nodes of at least three streets on the way.
  Errors are those of the speeds found: the mean over what was driven, relative to the known ones.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path
from typing import Any

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from mutualaid.coverage import Analysis, analyse
from mutualaid.data import STAMPS, demo_path, read_region
from mutualaid.incidents import Ways, calibrate, simulate_calls
from mutualaid.network import ROAD_CLASSES, profile, route_graph, snap, to_osmnx, travel_times

SEED = 20240601
#: How the drives of the calibration really are.
DRIVEN_KPH = {
    "primary": 50.0,
    "secondary": 42.0,
    "tertiary": 36.0,
    "unclassified": 24.0,
    "residential": 20.0,
    "service": 12.0,
}
JUNCTION_S = 4.0
NOISE, WRONG = 0.1, 0.1


@dataclass
class Case:
    """One question for both."""

    name: str
    size: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    check: Callable[[Any, Any | None], str]
    peer: str
    seconds: dict[str, list[float]] = field(default_factory=lambda: {"mutualaid": [], "peer": []})
    said: str = ""


# Calls


def pool(count: int) -> Case:
    random = np.random.default_rng(SEED)
    at, work = np.cumsum(random.exponential(1.0, count)), random.exponential(1.5, count)
    place, ways = np.zeros(count, dtype=np.int64), Ways.of([[0]])

    def theirs() -> np.ndarray:
        import simpy

        world = simpy.Environment()
        servers = simpy.Resource(world, capacity=3)
        waits = np.zeros(count)

        def serve(number: int) -> Any:
            with servers.request() as turn:
                yield turn
                waits[number] = world.now - at[number]
                yield world.timeout(work[number])

        def arrive() -> Any:
            for number in range(count):
                yield world.timeout(at[number] - world.now)
                world.process(serve(number))

        world.process(arrive())
        world.run()
        return waits

    return Case(
        "pool", f"{count:,} calls", lambda: simulate_calls(at, place, work, ways, [3]).wait_s, theirs, same_waits,
        "SimPy",
    )  # fmt: skip


def city(count: int) -> Case:
    random = np.random.default_rng(SEED + 1)
    stations, places = random.random((40, 2)), random.random((1000, 2))
    metres = np.sqrt(((places[:, None] - stations[None]) ** 2).sum(axis=2))
    order = np.argsort(metres, axis=1)[:, :10]
    out = 1500.0 * np.take_along_axis(metres, order, axis=1)
    ways = Ways.of(order.tolist(), out.tolist())
    units = np.full(40, 2)
    at = np.cumsum(random.exponential(3600.0 / 56, count))
    place, work = random.integers(1000, size=count), random.exponential(3300.0, count)

    def theirs() -> np.ndarray:
        import simpy

        world = simpy.Environment()
        free = units.tolist()
        queue: list[int] = []
        turn: dict[int, Any] = {}
        waits = np.zeros(count)
        asked, took = order.tolist(), out.tolist()

        def serve(number: int) -> Any:
            mine = asked[place[number]]
            rank = next((k for k, s in enumerate(mine) if free[s]), None)
            if rank is None:
                queue.append(number)
                turn[number] = world.event()
                station = yield turn[number]
                rank = mine.index(station)
            else:
                free[mine[rank]] -= 1
            station = mine[rank]
            waits[number] = world.now - at[number]
            yield world.timeout(took[place[number]][rank] + work[number])
            for other in queue:
                if station in asked[place[other]]:
                    queue.remove(other)
                    turn.pop(other).succeed(station)
                    return
            free[station] += 1

        def arrive() -> Any:
            for number in range(count):
                yield world.timeout(at[number] - world.now)
                world.process(serve(number))

        world.process(arrive())
        world.run()
        return waits

    return Case(
        "city", f"{count:,} calls, 80 units", lambda: simulate_calls(at, place, work, ways, units).wait_s, theirs,
        same_waits, "SimPy",
    )  # fmt: skip


def same_waits(ours: np.ndarray, theirs: np.ndarray | None) -> str:
    # SimPy adds up delays, so its clock is off in the last digits.
    if theirs is not None and not np.allclose(ours, theirs, rtol=0, atol=1e-3):
        sys.exit(f"waits differ: by up to {abs(ours - theirs).max()} s, {(ours > 0).sum()} wait")
    return f"{(ours > 0).mean():.2%} wait, {ours.mean():.2f} s on average"


# Calibration


def recorded(run: Analysis, count: int) -> tuple[Analysis, np.ndarray, np.ndarray, np.ndarray]:
    """Give the run with a record of drives at the known speeds; station, place and seconds of each drive."""
    random = np.random.default_rng(SEED + 2)
    base = profile("fire_engine")
    driven = replace(base, speed_kph={**base.speed_kph, **DRIVEN_KPH}, junction_s=JUNCTION_S)
    graph = route_graph(run.network, driven)
    origins, places = snap(run.network, run.stations, graph=graph), snap(run.network, run.demand, graph=graph)
    times = travel_times(graph, origins, places, limit_s=3600)
    times = times[times["drive_s"] > 60].sample(count, replace=True, random_state=7)
    station = run.stations.index.get_indexer(pd.Index(times["origin"]))
    place = run.demand.index.get_indexer(pd.Index(times["destination"]))
    seconds = times["drive_s"].to_numpy() * np.exp(random.normal(0, NOISE, count))
    wrong = random.random(count) < WRONG
    seconds[wrong] = random.uniform(30, 1800, wrong.sum())
    rolling = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(np.arange(count), unit="h")
    frame = pd.DataFrame(
        {name: pd.Series(pd.NaT, index=range(count), dtype="datetime64[ms, UTC]") for name in STAMPS}
    )
    frame["t3"] = rolling.as_unit("ms")
    frame["t4"] = (rolling + pd.to_timedelta(seconds, unit="s")).as_unit("ms")
    ids = [f"I{number}" for number in range(count)]
    frame = frame.assign(
        incident=ids,
        unit="E1",
        station=run.stations.index.astype(str).to_numpy()[station],
        service=run.region.parameters.service,
        type="",
        offset_min=60.0,
    )
    record = gpd.GeoDataFrame(
        frame.set_axis(pd.Index(ids, name="id")),
        geometry=run.demand.geometry.to_numpy()[place],
        crs=run.region.crs,
    )
    return replace(run, region=replace(run.region, incidents=record)), station, place, seconds


def calibration(count: int) -> Case:
    run, station, place, seconds = recorded(analyse(read_region(demo_path())), count)

    def ours() -> dict[str, Any]:
        found = calibrate(run)
        fitted = found.speeds[found.speeds["fitted"]]
        return {
            "kph": fitted["kph"].to_dict(),
            "km": fitted["km"].to_dict(),
            "junction_s": found.junction["s"],
        }

    def theirs() -> dict[str, Any]:
        import statsmodels.api as sm

        graph = to_osmnx(run.network, profile("fire_engine"))
        nodes = list(graph.nodes)
        tree = cKDTree([(graph.nodes[node]["x"], graph.nodes[node]["y"]) for node in nodes])
        start, end = (
            [
                nodes[k]
                for k in np.asarray(tree.query(table.geometry.get_coordinates().to_numpy())[1]).tolist()
            ]
            for table in (run.stations, run.demand)
        )
        streets = {node: len(set(nx.all_neighbors(graph, node))) > 2 for node in nodes}
        ways = {
            s: nx.single_source_dijkstra_path(graph, start[s], weight="travel_time")
            for s in set(station.tolist())
        }
        made = np.zeros((count, len(ROAD_CLASSES) + 1))
        code = {name: k for k, name in enumerate(ROAD_CLASSES)}
        rows = {}
        for number, (s, p) in enumerate(zip(station.tolist(), place.tolist(), strict=True)):
            if (s, p) not in rows:
                row = np.zeros(len(ROAD_CLASSES) + 1)
                way = ways[s].get(end[p], [])
                for a, b in pairwise(way):
                    edge = min(graph[a][b].values(), key=lambda one: one["travel_time"])
                    row[code[edge["highway"]]] += edge["length"]
                    row[-1] += streets[b]
                rows[s, p] = row
            made[number] = rows[s, p]
        used = np.flatnonzero((made > 0).sum(axis=0) >= 20)
        fit = sm.RLM(seconds, made[:, used], M=sm.robust.norms.TukeyBiweight()).fit()
        pace = dict(zip(used.tolist(), fit.params.tolist(), strict=True))
        kph = {name: 3.6 / pace[k] for name, k in code.items() if k in pace}
        km = {name: made[:, code[name]].sum() / 1000 for name in kph}
        return {"kph": kph, "km": km, "junction_s": pace[len(ROAD_CLASSES)]}

    return Case("calibration", f"{count:,} drives", ours, theirs, speeds_found, "NetworkX + statsmodels")


def off(found: dict[str, Any]) -> str:
    """Mean relative error of the known speeds, by what was driven, and the delay."""
    names = [name for name in DRIVEN_KPH if name in found["kph"]]
    km = np.array([found["km"][name] for name in names])
    error = np.array([abs(found["kph"][name] / DRIVEN_KPH[name] - 1) for name in names])
    return f"{(km * error).sum() / km.sum():.1%} off, junction {found['junction_s']:.1f} s of {JUNCTION_S}"


def speeds_found(ours: dict[str, Any], theirs: dict[str, Any] | None) -> str:
    return off(ours) + ("" if theirs is None else f"; peer {off(theirs)}")


# Measuring


def clocked(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def measure(case: Case, rounds: int, alone: bool) -> float:
    """Take both in turn; give the seconds of this package's first call."""
    first, theirs = clocked(case.ours)[0], None
    for _ in range(rounds):
        seconds, ours = clocked(case.ours)
        case.seconds["mutualaid"].append(seconds)
        if not alone:
            seconds, theirs = clocked(case.theirs)
            case.seconds["peer"].append(seconds)
    case.said = case.check(ours, theirs)
    return first


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("numpy", "numba", "simpy", "statsmodels"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def main() -> None:
    makers = {"pool": pool, "city": city, "calibration": calibration}
    sizes = {"pool": 200_000, "city": 100_000, "calibration": 5_000}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=list(makers), default=list(makers))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--alone", action="store_true", help="leave the peers out")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    found = versions()
    alone = options.alone or "not installed" in found.values()
    if alone and not options.alone:
        print(f"the peers are left out, not all of them are installed: {found}")
    print(
        f"{'case':13}{'size':>24}{'first s':>9}{'mutualaid s':>13}{'peer s':>10}{'times as long':>15}  peer; result"
    )
    rows = []
    for name in options.only:
        case = makers[name](sizes[name])
        first = measure(case, options.rounds, alone)
        medians = {who: statistics.median(taken) for who, taken in case.seconds.items() if taken}
        ratio = medians["peer"] / medians["mutualaid"] if "peer" in medians else None
        rows.append(
            {
                "case": name,
                "size": case.size,
                "peer": case.peer,
                "first_call_s": first,
                "seconds": medians,
                "all_seconds": case.seconds,
                "times_as_long": ratio,
                "result": case.said,
            }
        )
        peer = f"{medians['peer']:>10.3f}{ratio:>15.1f}" if ratio is not None else f"{'':>25}"
        print(
            f"{name:13}{case.size:>24}{first:>9.2f}{medians['mutualaid']:>13.3f}{peer}  {case.peer}; {case.said}",
            flush=True,
        )
    machine = f"{platform.machine()}, {os.cpu_count()} processors"
    print(f"medians of {options.rounds}; {machine}; {found}")
    if options.json:
        report = {"rows": rows, "machine": machine, "versions": found}
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
