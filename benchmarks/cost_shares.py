"""Fair shares: exact Shapley value of coverage for 16 partners and 100,000 demand points, against brute force.

Run ``python benchmarks/cost_shares.py``. Places and partners are random with a seed: a partner reaches four fifths of
its own places in time and a seventh of those of anybody else, which makes more different rows than neighbours on a map
would. All ways start from the (places, partners) table of who reaches whom, and must find the same shares.

* closed form: `coverage_game` and `CoverageGame.shapley_value`;
* enumeration: `coverage_game`, the values of all 65,536 coalitions, and `shapley`, which takes any game;
* brute force, as one would write it in NumPy: for each coalition ``any`` over the columns of its partners, then the
  formula in a loop. The values take minutes, so those of 200 random coalitions are measured and **extrapolated** to
  all; the loop is measured whole.

They take part in turn in each round; the figure is the median over the rounds.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from mutualaid.cooperation import coverage_game, shapley

PARTNERS, PLACES, SAMPLE, SEED = 16, 100_000, 200, 1
CLOSED, ENUMERATED, BRUTE = "closed form", "enumeration", "brute force, extrapolated"


def clocked(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def brute_values(masks: np.ndarray, host: np.ndarray, reached: np.ndarray, people: np.ndarray) -> list[float]:
    found = []
    for mask in masks:
        inside = (mask >> np.arange(PARTNERS)) & 1 == 1
        found.append(float(people[inside[host] & reached[:, inside].any(axis=1)].sum()))
    return found


def brute_shapley(values: list[float]) -> list[float]:
    found = [0.0] * PARTNERS
    weight = [1 / (PARTNERS * math.comb(PARTNERS - 1, k)) for k in range(PARTNERS)]
    for mask, value in enumerate(values):
        size = mask.bit_count()
        for partner in range(PARTNERS):
            if not mask >> partner & 1:
                found[partner] += weight[size] * (values[mask | 1 << partner] - value)
    return found


def measure(rounds: int) -> dict[str, Any]:
    random = np.random.default_rng(SEED)
    names = [f"P{k}" for k in range(PARTNERS)]
    host = random.integers(PARTNERS, size=PLACES)
    own = host[:, None] == np.arange(PARTNERS)
    reached = random.random((PLACES, PARTNERS)) < np.where(own, 4 / 5, 1 / 7)
    people = random.integers(0, 100, PLACES).astype(np.float64)
    masks = random.choice(1 << PARTNERS, SAMPLE, replace=False)

    def game() -> Any:
        return coverage_game(host, reached, people, names)

    values = game().values()
    seconds: dict[str, list[float]] = {CLOSED: [], ENUMERATED: [], BRUTE: []}
    for _ in range(rounds):
        closed_s, closed = clocked(lambda: game().shapley_value())
        enumerated_s, enumerated = clocked(lambda: shapley(game().values()))
        sample_s, sample = clocked(lambda: brute_values(masks, host, reached, people))
        loop_s, looped = clocked(lambda: brute_shapley(values.tolist()))
        if sample != values[masks].tolist():
            sys.exit("the values of coalitions differ")
        for found in (enumerated, looped):
            if not np.allclose(found, closed, rtol=1e-9, atol=0):
                sys.exit(f"the shares differ: {found} and {closed}")
        brute_s = sample_s * (1 << PARTNERS) / SAMPLE + loop_s
        for name, taken in ((CLOSED, closed_s), (ENUMERATED, enumerated_s), (BRUTE, brute_s)):
            seconds[name].append(taken)
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    return {
        "partners": PARTNERS,
        "places": PLACES,
        "different_rows": len(game().host),
        "seconds": medians,
        "all_seconds": seconds,
        "times_as_long": {name: taken / medians[CLOSED] for name, taken in medians.items()},
        "rounds": rounds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    report = measure(options.rounds)
    report["machine"] = f"{platform.machine()}, {os.cpu_count()} processors"
    report["versions"] = {name: version(name) for name in ("numpy", "pandas")}
    rows, rounds = report["different_rows"], report["rounds"]
    print(f"{PARTNERS} partners, {PLACES:,} places in {rows:,} different rows; medians of {rounds}")
    print(f"{'':26}{'seconds':>10}{'times as long':>15}")
    for name, seconds in report["seconds"].items():
        print(f"{name:26}{seconds:>10.3f}{report['times_as_long'][name]:>15,.1f}")
    print(f"\n{report['machine']}; {report['versions']}")
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
