"""How time and memory grow with the road network: time for each node reached, bytes for each junction.

Run ``python benchmarks/growth.py``. Networks are k × k copies of Porto (see ``grid.py``), from 70,000 junctions to 4.5
million, driven by a fire engine. From 200 junctions drawn all over a network every way finds all nodes within ten
minutes; so the work is about the same, only further apart. Each network gets a process of its own, in which the ways
take turns; the figure is the least processor time over the rounds for each node reached. It holds a whole call:
checking the arrays, which `bounded_dijkstra` does each time unless nobody may write to them, making and clearing
memory, the rows of all nodes reached in the order of the places. Memory that is kept from search to search is there.
All must find the same nodes at the same times.

SciPy's ``dijkstra(limit=)`` fills a row as long as the network for every source, so it searches from as many sources
at a time as a gigabyte holds. pandana, which cuts off parts of milliseconds on the way, takes part in
``drive_times.py``. pyvalhalla and r5py do not take part: the wheel of the one holds no tool that makes its tiles, the
other downloads R5 as it starts; and both choose speeds and turns of their own, so that their times would not be
those of the same graph.

With ``--dense`` the junctions searched from are 200 in each copy, as a larger country has more stations, and in the
order of places, as a tile has them: what a call costs once is then shared by more of them, and neighbours find the
roads in the processor's cache.

Memory is what the process has at most beyond what it had after importing: the network as `grid.porto_grid` makes it and
`route_graph`; and, of these, what a search reads.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from grid import PORTO, SEED, porto_grid
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from mutualaid.network import RouteGraph, bounded_dijkstra, profile, route_graph
from mutualaid.network._positions import Links
from mutualaid.network._times import limit_label, search_states

SOURCES = 200
LIMIT_MS = 600_000
SIZES = (1, 2, 3, 4, 6, 8)

BARE, FIXED, PACKED = "mutualaid, milliseconds", "arrays read-only", "mutualaid, with crossing delays"
SCIPY = "SciPy dijkstra(limit=)"


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def fastest_arcs(graph: RouteGraph) -> csr_array:
    """Milliseconds between states; of parallel arcs the fastest, as SciPy cannot hold several."""
    out, n = graph.out, graph.n_states
    ms = (out.weight >> 32).astype(np.int32)
    order = np.lexsort((ms, out.head, out.tail))
    tail, head = out.tail[order], out.head[order]
    first = np.append(True, (tail[1:] != tail[:-1]) | (head[1:] != head[:-1]))
    # An explicit 0 stays an arc: both search over what is stored.
    return csr_array((ms[order][first], (tail[first], head[first])), shape=(n, n))


def in_mutualaid(matrix: csr_array, sources: np.ndarray, *, fixed: bool = False) -> Callable[[], Any]:
    arrays = matrix.indptr, matrix.indices, matrix.data
    if fixed:
        arrays = arrays[0].copy(), arrays[1].copy(), arrays[2].copy()
        for array in arrays:
            array.flags.writeable = False
    return lambda: bounded_dijkstra(*arrays, sources, limit_ms=LIMIT_MS, threads=1)


def packed(graph: RouteGraph, sources: np.ndarray) -> Callable[[], Any]:
    """Search as `reach` does, by labels that also hold crossing delay, of which milliseconds are written down."""
    states, zero = sources.astype(np.int32), np.zeros(len(sources), np.int64)
    seeds = Links(states, states, zero, np.full(len(sources), -1), np.full(len(sources), np.nan))
    ptr, limit = np.arange(len(sources) + 1), limit_label(LIMIT_MS / 1000)

    def call() -> Any:
        counts, node, ms = search_states(graph, seeds, ptr, limit, in_ms=True, threads=1)
        return np.concatenate([[0], np.cumsum(counts)]), node, ms

    return call


def in_scipy(matrix: csr_array, sources: np.ndarray) -> Callable[[], Any]:
    as_float = matrix.astype(np.float64)
    some = max(1, (1 << 30) // (8 * matrix.shape[0]))

    def call() -> Any:
        rows, nodes, values = [], [], []
        for start in range(0, len(sources), some):
            table = dijkstra(as_float, indices=sources[start : start + some], limit=LIMIT_MS)
            row, node = np.nonzero(np.isfinite(table))
            rows.append(row + start)
            nodes.append(node)
            values.append(table[row, node])
        counts = np.bincount(np.concatenate(rows), minlength=len(sources))
        return np.concatenate([[0], np.cumsum(counts)]), np.concatenate(nodes), np.concatenate(values)

    return call


def in_order(found: Any, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Give what was found as numbers of pairs, ascending, and their milliseconds."""
    ptr, node, ms = found
    pair = np.repeat(np.arange(len(ptr) - 1), np.diff(ptr)) * n + np.asarray(node, dtype=np.int64)
    order = np.argsort(pair)
    return pair[order], np.asarray(ms, dtype=np.float64)[order]


def measure(k: int, rounds: int, pbf: Path, *, dense: bool) -> dict[str, Any]:
    before = peak_bytes()
    begin = time.process_time()
    graph = route_graph(porto_grid(k, pbf), profile("fire_engine"))
    made_s, made = time.process_time() - begin, peak_bytes() - before
    n = graph.network.n_nodes
    searched = sum(array.nbytes for array in (graph.out.indptr, graph.out.head, graph.out.weight))
    matrix = fastest_arcs(graph)
    sources = np.random.default_rng(SEED).choice(
        matrix.shape[0], SOURCES * k**2 if dense else SOURCES, replace=False
    )
    if dense:
        sources.sort()
    ways = {
        BARE: in_mutualaid(matrix, sources),
        FIXED: in_mutualaid(matrix, sources, fixed=True),
        PACKED: packed(graph, sources),
    }
    if not dense:
        ways[SCIPY] = in_scipy(matrix, sources)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    results: dict[str, Any] = {}
    ways[BARE](), ways[FIXED](), ways[PACKED]()  # compile, or load what was compiled
    for turn in range(rounds):
        for name, call in ways.items():
            if name == SCIPY and turn >= 2:
                continue  # it takes long
            start = time.thread_time()
            results[name] = call()
            seconds[name].append(time.thread_time() - start)
    pairs, ms = in_order(results[BARE], matrix.shape[0])
    for name, found in results.items():
        other_pairs, other_ms = in_order(found, matrix.shape[0])
        if not (np.array_equal(pairs, other_pairs) and np.array_equal(ms, other_ms)):
            sys.exit(f"{name} does not agree, k = {k}")
    return {
        "k": k,
        "nodes": n,
        "arcs": matrix.nnz,
        "reached": len(pairs),
        "ns": {name: 1e9 * min(values) / len(pairs) for name, values in seconds.items()},
        "made_s": made_s,
        "bytes_per_node": made / n,
        "searched_per_node": searched / n,
    }


def show(rows: list[dict[str, Any]]) -> None:
    names = [BARE, FIXED, PACKED, SCIPY]
    print("nanoseconds for each node reached, and times as many as on the smallest network")
    print(f"{'junctions':>10}{'reached':>11}" + "".join(f"{name:>34}" for name in names))
    for row in rows:
        shown = []
        for name in names:
            first, ns = rows[0]["ns"].get(name), row["ns"].get(name)
            shown.append(f"{ns:.1f} ({ns / first:.2f})" if ns and first else "–")
        print(f"{row['nodes']:>10,}{row['reached']:>11,}" + "".join(f"{text:>34}" for text in shown))
    print("\nmemory and time of making the graph, for each junction")
    for row in rows:
        print(
            f"{row['nodes']:>10,}{row['bytes_per_node']:>8.0f} bytes at most, {row['searched_per_node']:.0f} searched, "
            f"{1e6 * row['made_s'] / row['nodes']:.1f} µs"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pbf", type=Path, default=PORTO)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="copies in a row")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument(
        "--dense", action="store_true", help="200 junctions in each copy, as stations are; without SciPy"
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.rounds, options.pbf, dense=options.dense)))
        return
    rows = []
    for k in options.sizes:
        own = ["--one", str(k), "--rounds", str(options.rounds)]
        own += ["--dense"] * options.dense
        command = [sys.executable, __file__, *own, "--pbf", str(options.pbf)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
    show(rows)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
