"""Siting: building and solving models of location, side by side with spopt (HiGHS through PuLP).

Run ``python benchmarks/siting.py`` in an environment that has this package; for the peer, one more step:
``pip install "spopt>=0.7" "pulp>=3.3" "highspy>=1.11"``. Without it, or with ``--alone``, only this package is timed.

Both get the same arrays of times, people and limits in memory, and are timed from there to a proven optimum: checking
the table, building the model and solving it. spopt's tables of who serves whom are switched off, this package's plans
have none. All optima must be equal. spopt counts a point that only one site reaches as reached twice (LSCP-B), so
these points are taken off its number. Both take part in turn in each round, the figure is the median over the rounds;
what takes the peer longer than a minute has one round, and what it has not proven within ``--peer-limit-s`` is marked
with >. Times are those of one process, and HiGHS may use what threads
it likes. The first call, which compiles or loads what was compiled, is reported apart.

* San Francisco: 205 tracts, 16 sites; LSCP and LSCP-B (each tract counts for one) at 5 km, MCLP and p-median with 4
  sites, p-center with 4.
* OR-Library pmed1 to pmed5: the p-median on 100 nodes, p of 5 to 33.
* MCLP on drawn places with a seed, 10 sites: 1,000 × 1,000 and 300 × 100,000 (sites × points). ``towns``: people live
  around 40 towns whose sizes fall off as 1/rank, most sites are near people; ``even``: all spread evenly. The limit
  is a distance in a square of 60 km: 5 km.
* Ten scenarios: 300 sites, 20,000 points in towns, in fair weather and with nine floods, each of which takes out the
  sites and cuts off the ways that touch it; expected MCLP, 5 sites. spopt has no scenarios: it gets the points of all
  one after the other, with their weights (``--scenarios-in-spopt``, minutes and gigabytes, else it is left out).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import shortest_path

from mutualaid.siting import Choice, Over, lscp, mclp, p_center, p_median, site_table

SEED = 20240601
SIDE_M, LIMIT_M = 60_000.0, 5_000.0
SLOW_S = 60.0


@dataclass
class Case:
    """One question for both: `times` are (sites, points) by weather."""

    name: str
    model: str
    times: dict[str, np.ndarray]
    people: np.ndarray
    p: int
    limit: float = np.inf
    peer: bool = True
    why_not: str = ""
    seconds: dict[str, list[float]] = field(default_factory=lambda: {"mutualaid": [], "spopt": []})
    value: dict[str, float] = field(default_factory=dict)
    gap: float = 0.0
    peer_proves: bool = True

    @property
    def size(self) -> str:
        """Sites, points and weathers, to be read."""
        sites, points = self.times[""].shape
        more = f" × {len(self.times)}" if len(self.times) > 1 else ""
        return f"{sites:,} × {points:,}{more}"


# The questions


def san_francisco(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Network metres (16 stores, 205 tracts) and people."""
    tracts = pd.read_csv(folder / "SF_demand_205_centroid_uniform_weight.csv", dtype={"NAME": str})
    ways = pd.read_csv(
        folder / "SF_network_distance_candidateStore_16_censusTract_205_new.csv",
        dtype={"DestinationName": str},
    )
    metres = ways.pivot_table(index="name", columns="DestinationName", values="distance")
    people = tracts.set_index("NAME")["POP2000"].loc[metres.columns]
    return metres.to_numpy(), people.to_numpy(np.float64)


def pmed(folder: Path, number: int) -> tuple[np.ndarray, int, float]:
    """Shortest ways between all nodes, p, and the published optimum; the last of two lengths of a road counts."""
    numbers = np.array((folder / f"pmed{number}.txt").read_text(encoding="utf-8").split(), dtype=np.int64)
    n, p = int(numbers[0]), int(numbers[2])
    length = {(min(a, b), max(a, b)): metres for a, b, metres in numbers[3:].reshape(-1, 3).tolist()}
    a, b = np.array(list(length)).T - 1
    roads = coo_array((np.array(list(length.values()), dtype=np.float64), (a, b)), shape=(n, n)).tocsr()
    optima = (folder / "pmedopt.txt").read_text(encoding="utf-8").split()
    return shortest_path(roads, directed=False), p, float(optima[optima.index(f"pmed{number}") + 1])


def places(sites: int, points: int, towns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Metres between drawn sites and points, people, and where the points are; evenly spread if without towns."""
    random = np.random.default_rng(SEED)
    people = random.integers(1, 200, points).astype(np.float64)
    if not towns:
        at, site = (random.uniform(0, SIDE_M, (count, 2)) for count in (points, sites))
    else:
        centre, share = random.uniform(0, SIDE_M, (towns, 2)), 1 / np.arange(1, towns + 1)
        town = random.choice(towns, points, p=share / share.sum())
        at = centre[town] + random.normal(0, 500 + 3000 * np.sqrt(share[town])[:, None], (points, 2))
        near = at[random.choice(points, sites)] + random.normal(0, 1000, (sites, 2))
        anywhere = random.uniform(0, SIDE_M, (sites, 2))
        site = np.where(np.arange(sites)[:, None] % 4 == 0, anywhere, near)
    metres = np.sqrt(sum((site[:, None, axis] - at[None, :, axis]) ** 2 for axis in (0, 1)))
    return np.asarray(metres), people, np.concatenate([site, at])


def flooded(metres: np.ndarray, where: np.ndarray, scenarios: int) -> dict[str, np.ndarray]:
    """Rivers across the square: whoever and whatever lies in one is cut off, and ways across take longer."""
    random = np.random.default_rng(SEED + 1)
    found = {"": metres}
    for k in range(1, scenarios):
        angle, through, width = (
            random.uniform(0, np.pi),
            random.uniform(0, SIDE_M, 2),
            random.uniform(500, 3000),
        )
        side = (where - through) @ np.array([np.cos(angle), np.sin(angle)])
        site, point = np.split(side, [len(metres)])
        longer = np.where(np.sign(site)[:, None] == np.sign(point)[None], 1.0, 1.6)
        wet = (np.abs(site) < width)[:, None] | (np.abs(point) < width / 3)[None]
        found[f"flood_{k}"] = np.where(wet, np.inf, metres * longer)
    return found


def cases(folder: Path, names: Sequence[str], scenarios_in_spopt: bool) -> list[Case]:
    found: list[Case] = []
    if "sf" in names:
        metres, people = san_francisco(folder / "spopt_sf")
        one = np.ones(len(people))
        found += [
            Case("San Francisco", "LSCP", {"": metres}, people, 0, 5000.0),
            Case("San Francisco", "LSCP-B", {"": metres}, one, 0, 5000.0),
            Case("San Francisco", "MCLP", {"": metres}, people, 4, 5000.0),
            Case("San Francisco", "p-median", {"": metres}, people, 4),
            Case("San Francisco", "p-center", {"": metres}, people, 4),
        ]
    for number in range(1, 6) if "pmed" in names else ():
        metres, p, optimum = pmed(folder / "orlib_pmed", number)
        found.append(Case(f"pmed{number}", "p-median", {"": metres}, np.ones(len(metres)), p))
        found[-1].value["published"] = optimum
    for name, sites, points in (("mclp1000", 1000, 1000), ("mclp300", 300, 100_000)):
        for kind, towns in (("towns", 40), ("even", 0)) if name in names else ():
            metres, people, _ = places(sites, points, towns)
            found.append(Case(kind, "MCLP", {"": metres}, people, 10, LIMIT_M))
    if "scenarios" in names:
        metres, people, where = places(300, 20_000, 40)
        found.append(
            Case(
                "towns, floods", "MCLP", flooded(metres, where, 10), people, 5, LIMIT_M,
                peer=scenarios_in_spopt, why_not="it has no scenarios; see --scenarios-in-spopt",
            )
        )  # fmt: skip
    return found


# The two ways


def in_mutualaid(case: Case, time_limit_s: float) -> tuple[float, float]:
    """Give the value and the gap that is left."""
    sites, points = case.times[""].shape
    demand = pd.DataFrame({"population": case.people}, index=pd.RangeIndex(points))
    table = site_table(case.times, [str(site) for site in range(sites)], demand, limit_s=case.limit)
    options: dict[str, Any] = {"time_limit_s": time_limit_s}
    if case.model.startswith("LSCP"):
        plan = lscp(table, backup=case.model == "LSCP-B", **options)
    elif case.model == "MCLP":
        plan = mclp(table, Choice(add=case.p), over=Over(dict.fromkeys(case.times, 1.0)), **options)
    else:
        model = p_median if case.model == "p-median" else p_center
        plan = model(table, Choice(add=case.p), **options)
    return plan.value, plan.gap


def in_spopt(case: Case, time_limit_s: float) -> tuple[float, bool]:
    """Give the value and whether it is proven."""
    import pulp
    from spopt.locate import LSCP, LSCPB, MCLP, PCenter, PMedian

    solver = pulp.HiGHS(msg=False, timeLimit=time_limit_s)
    metres = np.concatenate([array.T for array in case.times.values()])
    people = np.concatenate([case.people] * len(case.times))
    if case.model == "LSCP":
        model = LSCP.from_cost_matrix(metres, case.limit)
    elif case.model == "LSCP-B":
        model = LSCPB.from_cost_matrix(metres, case.limit, solver)
    elif case.model == "MCLP":
        model = MCLP.from_cost_matrix(metres, people, case.limit, case.p)
    elif case.model == "p-median":
        model = PMedian.from_cost_matrix(metres, people, case.p)
    else:
        model = PCenter.from_cost_matrix(metres, case.p)
    try:
        model = model.solve(results=False) if case.model == "LSCP-B" else model.solve(solver, results=False)
    except RuntimeError:  # time is up, and nothing is found
        return np.nan, False
    value = float(model.problem.objective.value())
    if case.model == "LSCP-B":
        value -= int(((metres <= case.limit).sum(axis=1) == 1).sum())
    return value / len(case.times), model.problem.sol_status == pulp.LpSolutionOptimal


def clocked(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def first_calls(alone: bool) -> float:
    """Solve a small question by each model, so that all is compiled and imported; give the seconds of this package."""
    metres, people, _ = places(60, 600, 10)
    total = 0.0
    for model in ("LSCP", "MCLP", "p-median", "p-center"):
        case = Case("", model, {"": metres}, people, 6, 6_000.0)
        total += clocked(partial(in_mutualaid, case, 60.0))[0]
        if not alone and model == "LSCP":
            in_spopt(case, 60.0)
    return total


def measure(case: Case, rounds: int, alone: bool, time_limit_s: float, peer_limit_s: float) -> None:
    for done in range(rounds):
        seconds, (case.value["mutualaid"], case.gap) = clocked(lambda: in_mutualaid(case, time_limit_s))
        case.seconds["mutualaid"].append(seconds)
        if alone or not case.peer or (done and case.seconds["spopt"][0] > SLOW_S):
            continue
        seconds, (value, case.peer_proves) = clocked(lambda: in_spopt(case, peer_limit_s))
        case.seconds["spopt"].append(seconds)
        if case.peer_proves:
            case.value["spopt"] = value
    ours = case.value["mutualaid"]
    for who, value in case.value.items():
        if not np.isclose(value, ours, rtol=max(1e-7, case.gap), atol=0):
            sys.exit(f"{case.name}, {case.model}: {ours} here, {value} {who}")


def row(case: Case) -> dict[str, Any]:
    medians = {who: statistics.median(taken) for who, taken in case.seconds.items() if taken}
    return {
        "data": case.name,
        "model": case.model,
        "size": case.size,
        "p": case.p,
        "optimum": case.value["mutualaid"],
        "gap": case.gap,
        "seconds": medians,
        "all_seconds": case.seconds,
        "times_as_long": medians["spopt"] / medians["mutualaid"] if "spopt" in medians else None,
        "peer_proves": case.peer_proves,
        "without_peer": "" if "spopt" in medians else case.why_not,
    }


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("numpy", "scipy", "spopt", "pulp", "highspy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def main() -> None:
    root = Path(__file__).resolve().parents[1]
    every = ("sf", "pmed", "mclp1000", "mclp300", "scenarios")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, default=root.parent / "shared" / "data", help="folder with the data"
    )
    parser.add_argument("--only", nargs="+", choices=every, default=every)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--alone", action="store_true", help="leave spopt out")
    parser.add_argument("--scenarios-in-spopt", action="store_true", help="give spopt all scenarios at once")
    parser.add_argument("--time-limit-s", type=float, default=300.0, help="for each solution")
    parser.add_argument("--peer-limit-s", type=float, default=1800.0, help="for each solution of the peer")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    found = versions()
    alone = options.alone or "not installed" in found.values()
    if alone and not options.alone:
        print(f"spopt is left out, not all of it is installed: {found}")
    folder = options.data / "siting"
    names = [name for name in options.only if name not in ("sf", "pmed") or folder.is_dir()]
    if len(names) < len(options.only):
        print(f"{folder} not found: real data are left out (give the folder with --data)")
    first = first_calls(alone)
    print(f"{'data':16}{'model':10}{'sites × points':>20}{'p':>4}{'optimum':>19}{'gap':>8}", end="")
    print(f"{'mutualaid s':>13}{'spopt s':>10}{'times as long':>15}")
    rows = []
    for case in cases(folder, names, options.scenarios_in_spopt):
        measure(case, options.rounds, alone, options.time_limit_s, options.peer_limit_s)
        rows.append(row(case))
        one = rows[-1]
        print(
            f"{case.name:16}{case.model:10}{case.size:>20}{case.p or '':>4}{one['optimum']:>19,.2f}", end=""
        )
        print(f"{case.gap:>8.2%}{one['seconds']['mutualaid']:>13.3f}", end="")
        peer, more = one["seconds"].get("spopt"), "" if case.peer_proves else ">"
        times = f"{more}{one['times_as_long']:.1f}" if peer else ""
        print(f"{f'{more}{peer:.3f}':>10}{times:>15}" if peer else f"  {case.why_not}", flush=True)
    machine = f"{platform.machine()}, {os.cpu_count()} processors"
    print(
        f"medians of {options.rounds}; first calls, compiling or loading: {first:.2f} s; {machine}; {found}"
    )
    if options.json:
        report = {"rows": rows, "first_call_s": first, "machine": machine, "versions": found}
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
