"""What the steps behind driving cost as a region grows: seconds and bytes for a million places or pairs.

    python benchmarks/linear.py [--places 60000 120000 240000] [--only gaps]

A made-up country: cells of 250 m, jurisdictions of 4 × 4 km with crooked borders, one station for 400 cells, roads in
a grid. Stations drive in straight lines, about fifty pairs a place. Each step runs in a process of its own: CPU seconds
after a first run on a small country, and what the process takes at most beyond what it held before. For work that
grows in line with the input, the columns that are divided by its size stay the same.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS
from scipy.spatial import cKDTree

from mutualaid.coverage import (
    ScenarioResult,
    coverage,
    gaps,
    isochrones,
    response_times,
    scenario_risk,
    scenario_table,
    standard,
)
from mutualaid.coverage._coverage import within
from mutualaid.coverage._summary import summarise
from mutualaid.data import Parameters
from mutualaid.network import Network, profile, reach, route_graph, snap

CELL_M, TOWN_CELLS, CELLS_A_STATION, REACH_M = 250.0, 16, 400, 20_000.0
UTM = CRS.from_epsg(32632)


class Country:
    """A square of cells with everything that a run of it has; made when it is first asked for."""

    def __init__(self, places: int) -> None:
        self.side = round(math.sqrt(places) / TOWN_CELLS) * TOWN_CELLS
        self.places = self.side**2
        self.random = np.random.default_rng(1)

    @cached_property
    def jurisdictions(self) -> gpd.GeoDataFrame:
        """Squares whose sides wobble by up to 60 m, the same way on both sides of a border."""
        towns, width = self.side // TOWN_CELLS, TOWN_CELLS * CELL_M
        at = np.arange(towns * width + 1, step=width / 20)
        x, y = np.meshgrid(at, at, indexing="ij")
        xy = np.stack([x, y], axis=-1) + np.random.default_rng(2).uniform(-60, 60, (*x.shape, 2))
        shapes = []
        for i in range(0, len(at) - 1, 20):
            for j in range(0, len(at) - 1, 20):
                south, east = xy[i : i + 20, j], xy[i + 20, j : j + 20]
                north, west = xy[i + 20 : i : -1, j + 20], xy[i, j + 20 : j : -1]
                shapes.append(shapely.Polygon(np.concatenate([south, east, north, west])))
        names = [f"j{number}" for number in range(len(shapes))]
        partner = [f"p{number // 3}" for number in range(len(shapes))]
        table = {"name": names, "country": "XX", "partner": partner, "population": 1000.0}
        return gpd.GeoDataFrame(table, geometry=shapes, index=pd.Index(names, name="id"), crs=UTM)

    @cached_property
    def demand(self) -> gpd.GeoDataFrame:
        """One place in each cell."""
        column, row = (one.ravel() for one in np.meshgrid(*[np.arange(self.side)] * 2, indexing="ij"))
        town = (column // TOWN_CELLS) * (self.side // TOWN_CELLS) + row // TOWN_CELLS
        x, y = column * CELL_M, row * CELL_M
        inside = self.random.uniform(80, CELL_M - 80, (2, len(x)))
        return gpd.GeoDataFrame(
            {
                "population": self.random.gamma(0.5, 40, len(x)),
                "jurisdiction": self.jurisdictions.index.take(town),
                "partner": self.jurisdictions["partner"].array.take(town),
                "cell_x": x,
                "cell_y": y,
                "road_status": np.where(self.random.random(len(x)) < 0.002, "too_far", "ok"),
            },
            geometry=gpd.points_from_xy(x + inside[0], y + inside[1]),
            index=pd.Index([f"{c}.{r}" for c, r in zip(column, row, strict=True)], name="id"),
            crs=UTM,
        )

    @cached_property
    def stations(self) -> gpd.GeoDataFrame:
        """One for 400 cells, anywhere."""
        rows = self.random.choice(self.places, self.places // CELLS_A_STATION, replace=False)
        table = self.demand.iloc[np.sort(rows)][["jurisdiction", "partner", "geometry"]]
        return table.assign(
            department="career", service="fire", status="active", turnout_assumed=True, road_status="ok"
        )

    @cached_property
    def drive(self) -> pd.DataFrame:
        """Pairs within 20 km in a straight line, at 60 km/h with a detour of 30 %."""
        here = cKDTree(self.stations.get_coordinates().to_numpy())
        there = cKDTree(self.demand.get_coordinates().to_numpy())
        near_m = REACH_M * math.sqrt(50 * CELLS_A_STATION * CELL_M**2 / math.pi) / REACH_M
        found = here.sparse_distance_matrix(there, near_m, output_type="ndarray")
        found = found[np.argsort(found["i"] * len(self.demand) + found["j"])]
        return pd.DataFrame(
            {
                "origin": pd.Categorical.from_codes(found["i"], categories=self.stations.index),
                "destination": pd.Categorical.from_codes(found["j"], categories=self.demand.index),
                "drive_s": np.round(found["v"] * 1.3 / (60 / 3.6), 3),
                "crossing_s": 0.0,
            }
        )

    @cached_property
    def times(self) -> pd.DataFrame:
        """Response times, with shares of free units."""
        return response_times(self.drive, self.stations, self.demand, Parameters(dispatch_s=60)).assign(
            free=0.9
        )

    @cached_property
    def rule(self) -> Any:
        """A standard that leaves gaps."""
        return replace(standard("de-agbf-first"), limit_s=520.0)

    @cached_property
    def coverage(self) -> gpd.GeoDataFrame:
        """Coverage by the standard."""
        return coverage(self.times, self.demand, self.stations, self.rule)

    @cached_property
    def network(self) -> Network:
        """A named road through the middle of each cell, from west to east, and one along the west side of all."""
        m, side = self.places, self.side
        column, row = (one.ravel() for one in np.meshgrid(*[np.arange(side)] * 2, indexing="ij"))
        node = np.arange((side + 1) * side)
        x = np.asarray((node // side) * CELL_M, dtype=np.float64)
        y = np.asarray((node % side + 0.5) * CELL_M, dtype=np.float64)
        a, b = column * side + row, (column + 1) * side + row
        up = np.arange(side - 1)
        a, b = np.concatenate([a, up]), np.concatenate([b, up + 1])
        m = len(a)
        xy = np.stack([np.stack([x[a], y[a]], 1), np.stack([x[b], y[b]], 1)], 1).reshape(-1, 2)
        roads = pd.DataFrame(
            {
                "a": a.astype(np.int32),
                "b": b.astype(np.int32),
                "length_m": CELL_M,
                "way": np.arange(m, dtype=np.int64),
                "class": pd.Categorical(["residential"] * m),
                "name": pd.array([f"Street {one % 977}" for one in range(m)], dtype="str"),
                "maxspeed_forward_kph": np.float32(50),
                "maxspeed_backward_kph": np.float32(50),
                "lanes": np.float32(2),
                "oneway": np.int8(0),
                "bridge": False,
                "tunnel": False,
                "covered": False,
                "layer": np.int8(0),
                "access": pd.Categorical(["yes"] * m),
                "max_height_m": np.float32(np.nan),
                "max_weight_t": np.float32(np.nan),
                "jurisdiction": pd.Categorical([None] * m, categories=["j0"]),
                "crossing": np.int32(-1),
            }
        )
        crossings = gpd.GeoDataFrame(
            {"name": pd.array([], dtype="str"), "international": np.zeros(0, dtype=np.bool_)},
            geometry=gpd.GeoSeries([], crs=UTM), index=pd.Index([], dtype="str", name="crossing"),
        )  # fmt: skip
        return Network(UTM, node, x, y, roads, xy, np.arange(0, 2 * m + 1, 2), crossings)

    def scenario(self, lost: float, years: float) -> ScenarioResult:
        """Every so-manieth place loses everybody who comes in time."""
        covered = self.coverage
        told: Any = SimpleNamespace(id=f"y{years:g}")
        hit = np.random.default_rng(int(years)).random(self.places) < lost
        columns: dict[str, Any] = {"fair_status": covered["status"]}
        for level in ("alone", "joint"):
            columns |= {f"fair_{level}_{what}": covered[f"{level}_{what}"] for what in ("s", "covered")}
            columns[f"{level}_covered"] = covered[f"{level}_covered"] & ~hit
            columns[f"{level}_s"] = covered[f"{level}_s"] + 300.0 * hit
        columns["severity"] = pd.array(np.where(hit, 3, 0), dtype="Int8")
        columns |= {"severity_status": "known", "isolated": hit, "loss": np.where(hit, "lost", "none")}
        return ScenarioResult(
            scenario=told, layers=(), return_period_years=years,
            stations=self.stations, roads=pd.DataFrame(), rules={}, coverage=covered.assign(**columns),
            draws=pd.DataFrame(columns=["alone", "joint"]), end_s=1800.0,
        )  # fmt: skip

    # --- the steps: each gives what is to be measured, and how many places or pairs that is -------------------

    def step(self, name: str) -> tuple[Callable[[], Any], int]:
        """Make a step ready."""
        demand, stations = self.demand, self.stations
        if name == "response_times":
            drive = self.drive
            return lambda: response_times(drive, stations, demand, Parameters(dispatch_s=60)), len(drive)
        if name in ("coverage", "coverage, free", "within"):
            times = self.times if name == "coverage, free" else self.times.drop(columns="free")
            work = within if name == "within" else coverage
            return lambda: work(times, demand, stations, self.rule), len(times)
        if name in ("snap", "isochrones"):
            return self._on_roads(name)
        if name in ("gaps", "gaps, named", "gaps of points"):
            network = self.network if name == "gaps, named" else None
            cell_m, covered = (None if name == "gaps of points" else CELL_M), self.coverage
            return lambda: gaps(covered, self.jurisdictions, cell_m=cell_m, network=network), self.places
        if name == "summarise":
            found, covered = gaps(self.coverage, self.jurisdictions, cell_m=CELL_M), self.coverage
            region: Any = SimpleNamespace(
                jurisdictions=self.jurisdictions, parameters=Parameters(), name="", note=""
            )
            local = dict.fromkeys(self.jurisdictions.index, self.rule)
            return (
                lambda: summarise(region, self.rule, local, stations, covered, covered, found),
                self.places,
            )
        rare, often = self.scenario(0.2, 100), self.scenario(0.1, 10)
        if name == "scenario_table":
            return lambda: scenario_table(rare), self.places
        risk: Any = SimpleNamespace(
            id="r", scenarios=("rare", "often"), tail="constant", frequent="zero", triangle_year=None
        )
        return lambda: scenario_risk(risk, {"rare": rare, "often": often}), self.places

    def _on_roads(self, name: str) -> tuple[Callable[[], Any], int]:
        network = self.network
        if name == "snap":
            return lambda: snap(network, self.demand), self.places
        graph = route_graph(network, profile("fire_engine"))
        reached = reach(graph, snap(network, self.stations, graph=graph), limit_s=240.0)
        land = shapely.union_all(self.jurisdictions.geometry.to_numpy())
        return (
            lambda: isochrones(
                network, reached, self.stations, self.jurisdictions, minutes=(2, 4), land=land
            ),
            len(reached),
        )


STEPS = {
    "response_times": "pairs", "coverage": "pairs", "coverage, free": "pairs", "within": "pairs",
    "gaps": "places", "gaps, named": "places", "gaps of points": "places", "summarise": "places",
    "scenario_table": "places", "scenario_risk": "places", "snap": "places", "isochrones": "edges",
}  # fmt: skip


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def _highest() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def measure(name: str, places: int) -> dict[str, float]:
    """Run a step of a country, after one of a small one, and say what it took."""
    Country(4096).step(name)[0]()
    country = Country(places)
    work, size = country.step(name)
    Path("/proc/self/clear_refs").write_text("5")  # counts the peak anew
    before, start = _resident(), time.process_time()
    result = work()
    seconds, peak = time.process_time() - start, _highest() - before
    towns = len(country.jurisdictions)
    found = {"places": country.places, "towns": towns, "size": size, "seconds": seconds, "peak": peak}
    if name.startswith("gaps"):
        found["gaps"] = len(result)
    return found


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--places", type=int, nargs="+", default=[60_000, 120_000, 240_000])
    parser.add_argument("--only", nargs="+", default=list(STEPS), choices=list(STEPS))
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.only[0], given.places[0])))
        return
    print(
        f"{'':16} {'places':>9} {'towns':>6} {'size':>14} {'CPU s':>7} {'s/million':>10} {'bytes each':>10}"
    )
    for name in given.only:
        for places in given.places:
            command = [sys.executable, __file__, "--one", "--only", name, "--places", str(places)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            row = json.loads(done.stdout.splitlines()[-1])
            size, seconds = row["size"], row["seconds"]
            print(
                f"{name:16} {row['places']:9,} {row['towns']:6,} {size:11,} {STEPS[name]:6} "
                f"{seconds:7.2f} {1e6 * seconds / size:10.2f} {row['peak'] / size:10.0f}"
                + (f"  {row['gaps']:,} gaps" if "gaps" in row else ""),
                flush=True,
            )


if __name__ == "__main__":
    main()
