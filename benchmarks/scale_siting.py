"""Siting: the largest questions that are solved with proof within a minute, and within ten.

Run ``python benchmarks/scale_siting.py`` in an environment that has this package. No data are needed: towns whose sizes
fall off, three quarters of the places in and around them and the others anywhere, sites beside places, all with a seed.
Land grows with the number of sites, `--km2` for each, so that a larger question is more land and not more choice. Times
are 1.3 × the crow's way at 13 m/s, and two minutes; in time is 8 minutes. A third of the sites are stations that stay
(``filled``), or none (``empty``). A twentieth of the sites are added, half of them for the model that must
reach everybody (``dsm``).

Each question is one process. What is timed is the model, from the table to the plan; the time of the processor is what
counts, as others may use the machine, and it is that of all threads. A question that is not proven has its gap shown.
Each model is tried at growing sizes until it fails.
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
import pandas as pd
from scipy.spatial import cKDTree

from mutualaid.errors import SitingError
from mutualaid.siting import (
    Choice,
    Plan,
    SiteTable,
    cmclp,
    dsm,
    lscp,
    mclp,
    mexclp,
    p_center,
    p_median,
    site_table,
)

#: Sites and places, growing.
SIZES = (
    (60, 5_000), (125, 10_000), (250, 20_000), (500, 50_000), (1_000, 100_000), (2_000, 200_000),
    (4_000, 200_000), (8_000, 200_000),
)  # fmt: skip
SPEED_MPS, LIMIT_S, CUTOFF_S = 13.0, 480.0, 3600.0


def land(sites: int, places: int, share: float, km2: float, *, every: bool, seed: int = 1) -> SiteTable:
    """Draw sites and places, and the times between them; all of them if `every`, else up to the limit twice."""
    random = np.random.default_rng(seed)
    side = 1000 * np.sqrt(sites * km2)
    towns = max(3, sites // 12)
    centre, size = random.uniform(0, side, (towns, 2)), 1 / np.arange(1, towns + 1) ** 0.8
    town = random.choice(towns, places, p=size / size.sum())
    at = centre[town] + random.normal(0, 1, (places, 2)) * (800 + 6000 * np.sqrt(size[town]))[:, None]
    apart = random.random(places) < 0.25
    at[apart] = random.uniform(0, side, (int(apart.sum()), 2))
    site = at[random.choice(places, sites, replace=False)] + random.normal(0, 600, (sites, 2))
    seconds = np.full((sites, places), np.inf)
    longest = np.inf if every else 2 * LIMIT_S
    tree = cKDTree(at)
    for k in range(sites):
        near = slice(None) if every else tree.query_ball_point(site[k], longest * SPEED_MPS)
        metres = np.hypot(*(at[near] - site[k]).T)
        seconds[k, near] = np.round(120 + 1.3 * metres / SPEED_MPS, 3)
    people = random.integers(1, 200, places).astype(float)
    stays = np.zeros(sites, np.bool_)
    stays[random.choice(sites, int(share * sites), replace=False)] = True
    frame = pd.DataFrame(
        {"state": np.where(stays, "fixed", "candidate"), "capacity": 3 * people.sum() / sites},
        index=[str(k) for k in range(sites)],
    )
    return site_table(seconds, frame, pd.DataFrame({"population": people}), limit_s=LIMIT_S)


def models(table: SiteTable, limit_s: float) -> dict[str, Callable[[], Plan]]:
    """Ask each model its question."""
    sites = len(table.sites)
    few, many = Choice(add=max(2, sites // 20)), Choice(add=max(2, sites // 2))
    return {
        "lscp": lambda: lscp(table, time_limit_s=limit_s),
        "lscp_backup": lambda: lscp(table, backup=True, time_limit_s=limit_s),
        "mclp": lambda: mclp(table, few, time_limit_s=limit_s),
        "mexclp": lambda: mexclp(table, few, busy=0.2, time_limit_s=limit_s),
        "p_median": lambda: p_median(table, few, time_limit_s=limit_s),
        "p_center": lambda: p_center(table, few, time_limit_s=limit_s),
        "dsm": lambda: dsm(table, many, wide_s=2 * LIMIT_S, share=0.6, time_limit_s=limit_s),
        "cmclp": lambda: cmclp(table, few, time_limit_s=limit_s),
    }


def one(model: str, sites: int, places: int, share: float, km2: float, limit_s: float) -> dict[str, Any]:
    """Solve one question; all is compiled by a small one before."""
    for small in (True, False):
        size = (40, 2_000) if small else (sites, places)
        table = land(*size, share, km2, every=model in ("p_median", "p_center"))
        wall, cpu = time.perf_counter(), time.process_time()
        row: dict[str, Any] = {"model": model, "sites": sites, "places": places, "filled": share > 0}
        try:
            plan = models(table, limit_s)[model]()
        except SitingError as error:
            row |= {"status": "refused", "why": str(error)[:300]}
        else:
            row |= {
                "status": plan.status,
                "gap": plan.gap,
                "value": plan.value,
                "open": int(plan.is_open.sum()),
            }
        row |= {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
    return row | {"peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}


def main() -> None:
    every = list(models(land(3, 30, 0.0, 60.0, every=False), 1.0))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=every, default=every)
    parser.add_argument("--kind", nargs="+", choices=["empty", "filled"], default=["filled", "empty"])
    parser.add_argument("--km2", type=float, default=60.0, help="land for each site")
    parser.add_argument("--limit-s", type=float, default=60.0, help="of the clock, for each question")
    parser.add_argument("--most-gb", type=float, default=6.0, help="no table of times larger than this")
    parser.add_argument("--first", type=int, default=0, help="number of the first size")
    parser.add_argument("--json", type=Path, help="add the figures to this file, one line each")
    parser.add_argument("--question", nargs=6, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.question:
        model, sites, places, share, km2, limit_s = options.question
        print(json.dumps(one(model, int(sites), int(places), float(share), float(km2), float(limit_s))))
        return
    print(
        f"{'model':12}{'land':8}{'sites':>7}{'places':>9}{'status':>12}{'gap':>9}{'cpu s':>9}{'clock s':>9}{'GB':>6}"
    )
    for model in options.only:
        for kind in options.kind:
            for sites, places in SIZES[options.first :]:
                if sites * places * 8 > options.most_gb * 1e9:
                    break
                asked = [
                    model,
                    sites,
                    places,
                    1 / 3 if kind == "filled" else 0.0,
                    options.km2,
                    options.limit_s,
                ]
                run = subprocess.run(
                    [sys.executable, __file__, "--question", *map(str, asked)],
                    check=True, capture_output=True, text=True,
                )  # fmt: skip
                row = json.loads(run.stdout.splitlines()[-1])
                if options.json:
                    with options.json.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(row | {"limit_s": options.limit_s, "km2": options.km2}) + "\n")
                print(f"{model:12}{kind:8}{sites:7,}{places:9,}{row['status']:>12}", end="")
                print(f"{row.get('gap', np.nan):9.2%}{row['cpu_s']:9.1f}{row['wall_s']:9.1f}", end="")
                print(f"{row['peak_gb']:6.1f} {row.get('why', '')}", flush=True)
                if row["status"] != "optimal":
                    break


if __name__ == "__main__":
    main()
