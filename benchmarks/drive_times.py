"""Drive times: all nodes within ten minutes of 200 places, against SciPy, pandana and networkx.

Run ``python benchmarks/drive_times.py``. The roads are real (TIGER, New York City and around, 264,346 nodes,
365,050 roads), but come without lengths, so each gets a seeded random time: lognormal, median 10 s, sigma
0.6, in whole milliseconds, which puts about 6,900 nodes within ten minutes of a place. All ways get the same
graph, its nodes numbered along a depth-first walk, as `route_graph` numbers them along a curve in space. They
take part in turn in each round, the figure is the median over the rounds, and all must find the same nodes at
the same times.

SciPy's first call, which has to get the memory for its table of 423 MB from the system, is reported apart.
pandana's preprocessing is reported, not counted; it shares its work out over all processors by itself.
networkx runs on the first 20 places and is scaled to 200.
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import depth_first_order, dijkstra

from mutualaid.network import bounded_dijkstra

SEED = 20240601
PLACES = 200
LIMIT_MS = 600_000
NETWORKX_PLACES = 20

ONE, TWO = "mutualaid, 1 thread", "mutualaid, 2 threads"
SCIPY, PANDANA, NETWORKX = "SciPy dijkstra(limit=)", "pandana nodes_in_range", "networkx"


def read_roads(file: Path) -> csr_array:
    """Symmetric matrix of milliseconds; of parallel roads the fastest. Nodes are numbered depth first."""
    with lzma.open(file, "rt") as lines:
        n = int(lines.readline().split()[2])
        ends = np.loadtxt(lines, dtype=np.int64) - 1
    seconds = np.random.default_rng(SEED).lognormal(np.log(10), 0.6, len(ends))
    roads = pd.DataFrame(
        {"a": ends.min(axis=1), "b": ends.max(axis=1), "ms": np.rint(1000 * seconds).astype(int)}
    )
    roads = roads.groupby(["a", "b"])["ms"].min().reset_index()
    a, b, ms = (roads[column].to_numpy() for column in ("a", "b", "ms"))
    both = (np.concatenate([ms, ms]), (np.concatenate([a, b]), np.concatenate([b, a])))
    graph = csr_array(coo_array(both, shape=(n, n)))
    order = depth_first_order(graph, 0, directed=False, return_predecessors=False)
    return csr_array(graph[order][:, order])


def clocked(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def in_pandana(graph: csr_array, places: np.ndarray) -> tuple[Callable[[], Any], float]:
    """Give the call, and the seconds of preprocessing."""
    from pandana import Network

    arcs = graph.tocoo()
    once = arcs.coords[0] < arcs.coords[1]
    # It cuts seconds to whole milliseconds, so a quarter of one keeps them from falling below the right one.
    impedance = pd.DataFrame({"s": (arcs.data[once] + 0.25) / 1000})
    nowhere = pd.Series(np.zeros(graph.shape[0]))
    seconds, network = clocked(
        lambda: Network(
            nowhere,
            nowhere,
            pd.Series(arcs.coords[0][once]),
            pd.Series(arcs.coords[1][once]),
            impedance,
            twoway=True,
        )
    )
    return lambda: network.nodes_in_range(places.tolist(), LIMIT_MS / 1000), seconds


def in_networkx(graph: csr_array, places: np.ndarray) -> Callable[[], Any]:
    nodes = nx.from_scipy_sparse_array(graph, create_using=nx.DiGraph, edge_attribute="ms")
    search = nx.single_source_dijkstra_path_length
    return lambda: [search(nodes, place, cutoff=LIMIT_MS, weight="ms") for place in places.tolist()]


def in_mutualaid(graph: csr_array, places: np.ndarray, threads: int) -> Callable[[], Any]:
    arrays = graph.indptr, graph.indices, graph.data
    return lambda: bounded_dijkstra(*arrays, places, limit_ms=LIMIT_MS, threads=threads)


def table(name: str, found: Any, places: np.ndarray, n: int) -> np.ndarray:
    """Bring a result into the form of SciPy's: (places, n) milliseconds, inf where not reached."""
    if name == SCIPY:
        return np.asarray(found)
    dense = np.full((len(places), n), np.inf)
    if name == PANDANA:
        rows = pd.Index(places).get_indexer(found["source"])
        dense[rows, found["destination"]] = np.rint(found["s"] * 1000)
    elif name == NETWORKX:
        for row, lengths in enumerate(found):
            dense[row, list(lengths)] = list(lengths.values())
    else:
        ptr, node, ms = found
        dense[np.repeat(np.arange(len(places)), np.diff(ptr)), node] = ms
    return dense


def measure(graph: csr_array, places: np.ndarray, rounds: int) -> dict[str, Any]:
    as_float = graph.astype(np.float64)
    first_s, _ = clocked(in_mutualaid(graph, places[:1], 1))
    scipy_first_s, _ = clocked(lambda: dijkstra(as_float, indices=places, limit=LIMIT_MS))
    ways: dict[str, tuple[Callable[[], Any], float]] = {
        ONE: (in_mutualaid(graph, places, 1), 1.0),
        TWO: (in_mutualaid(graph, places, 2), 1.0),
        SCIPY: (lambda: dijkstra(as_float, indices=places, limit=LIMIT_MS), 1.0),
    }
    preprocessing_s = None
    try:
        call, preprocessing_s = in_pandana(graph, places)
        ways[PANDANA] = (call, 1.0)
    except ImportError as error:
        print(f"pandana is left out: {error}")
    ways[NETWORKX] = (in_networkx(graph, places[:NETWORKX_PLACES]), PLACES / NETWORKX_PLACES)

    seconds: dict[str, list[float]] = {name: [] for name in ways}
    results: dict[str, Any] = {}
    for _ in range(rounds):
        for name, (call, scale) in ways.items():
            results.pop(name, None)
            taken, results[name] = clocked(call)
            seconds[name].append(taken * scale)
    expected = results[SCIPY]
    for name, found in results.items():
        some = places[:NETWORKX_PLACES] if name == NETWORKX else places
        if not np.array_equal(table(name, found, some, graph.shape[0]), expected[: len(some)]):
            sys.exit(f"{name} does not agree with SciPy")
    return {
        "seconds": {name: statistics.median(values) for name, values in seconds.items()},
        "rounds": rounds,
        "reached": int(np.isfinite(expected).sum()),
        "first_call_s": first_s,
        "scipy_first_call_s": scipy_first_s,
        "pandana_preprocessing_s": preprocessing_s,
    }


def show(report: dict[str, Any]) -> None:
    one, two = report["seconds"][ONE], report["seconds"][TWO]
    print(f"{'':28}{'seconds':>10}{'times as long as mutualaid with':>34}")
    print(f"{'':28}{'':>10}{'1 thread':>17}{'2 threads':>17}")
    for name, seconds in report["seconds"].items():
        print(f"{name:28}{seconds:>10.3f}{seconds / one:>17.1f}{seconds / two:>17.1f}")
    print(f"mutualaid, first call, compiling or loading what was compiled: {report['first_call_s']:.2f} s")
    print(f"SciPy, first call: {report['scipy_first_call_s']:.2f} s")
    if report["pandana_preprocessing_s"] is not None:
        print(f"pandana, preprocessing: {report['pandana_preprocessing_s']:.1f} s")
    print(f"{report['reached']} nodes reached, the same at the same times each way; {report['machine']}")


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("numpy", "scipy", "numba", "pandana", "networkx"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def main() -> None:
    root = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, default=root.parent / "shared" / "data", help="folder with the data"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    file = options.data / "dimacs" / "NY.gr.xz"
    if not file.is_file():
        sys.exit(f"{file} not found: give the folder with --data")
    graph = read_roads(file)
    places = np.random.default_rng(SEED).choice(graph.shape[0], PLACES, replace=False)
    report = measure(graph, places, options.rounds)
    report["machine"] = f"{platform.machine()}, {os.cpu_count()} processors"
    report["versions"] = versions()
    show(report)
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
