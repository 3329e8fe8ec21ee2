"""What a scenario costs on a network that is loaded already, beside the same analysis in fair weather.

    python benchmarks/scenarios.py [PORTO.osm.pbf]

Roads are those of Porto (OpenStreetMap, ODbL); stations, people and the flood are random with a seed. Then twenty
scenarios on the embedded demo.
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

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
import shapely
from affine import Affine

from mutualaid.coverage import FairWeather, analyse, coverage, response_times, scenario_coverage, standard
from mutualaid.data import HazardScenario, Parameters, demo_path, read_region
from mutualaid.hazards import lay_on_roads, read_hazard
from mutualaid.network import Network, profile, read_network, route_graph, snap, travel_times

PORTO = Path(__file__).resolve().parents[2] / "shared" / "data" / "porto" / "porto_portugal.osm.pbf"
STATIONS, PLACES, CELLS, RUNS = 60, 20_000, 2_000, 5


def points(network: Network, among: np.ndarray, count: int, letter: str, seed: int) -> gpd.GeoDataFrame:
    """Draw points on roads."""
    draw = np.random.default_rng(seed)
    lines = network.lines(draw.choice(among, count))
    where = shapely.line_interpolate_point(lines, draw.random(count), normalized=True)
    index = pd.Index([f"{letter}{k}" for k in range(count)], name="id")
    return gpd.GeoDataFrame({"partner": "A"}, geometry=where, crs=network.crs, index=index)


def flood(path: Path, network: Network) -> None:
    """Write a raster in which a fifth of the blocks is under up to a metre of water."""
    left, bottom = network.x.min(), network.y.min()
    right, top = network.x.max(), network.y.max()
    cell = max(right - left, top - bottom) / CELLS
    block = np.random.default_rng(1).random((CELLS // 50, CELLS // 50))
    depth = np.kron(np.where(block > 0.8, (block - 0.8) * 5, 0), np.ones((50, 50))).astype("float32")
    profile_ = {"driver": "GTiff", "height": CELLS, "width": CELLS, "count": 1, "dtype": "float32"}
    transform = Affine(cell, 0, left, 0, -cell, top)
    with rasterio.open(path, "w", crs=network.crs, nodata=-9, transform=transform, **profile_) as file:
        file.write(depth, 1)


def median_s(work: Callable[[], Any]) -> float:
    """Median seconds of some runs after one that does not count."""
    work()
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def porto(path: Path, folder: Path) -> None:
    network = read_network(path, crs="EPSG:32629")
    graph = route_graph(network, profile("fire_engine"))
    among = np.flatnonzero(graph.routable)
    parameters, rule = Parameters(), standard("de-agbf-first")
    half = (network.x.min() + network.x.max()) / 2
    lands = gpd.GeoDataFrame(
        {"country": ["A", "B"], "partner": ["A", "B"]},
        geometry=[
            shapely.box(network.x.min(), network.y.min(), half, network.y.max()),
            shapely.box(half, network.y.min(), network.x.max(), network.y.max()),
        ],
        index=["A", "B"],
        crs=network.crs,
    )
    tables = []
    for count, letter, seed in ((STATIONS, "s", 2), (PLACES, "d", 3)):
        table = points(network, among, count, letter, seed)
        side = np.where(table.geometry.x < half, "A", "B")
        table = table.assign(jurisdiction=side, partner=side, population=1.0, department="career")
        places = snap(network, table, graph=graph)
        tables.append((table.join(places.rename(columns={"status": "road_status"})), places))
    (stations, origins), (demand, places) = tables
    stations = stations.assign(turnout_used_s=80.0)

    def drive() -> pd.DataFrame:
        return travel_times(graph, origins, places, limit_s=parameters.cutoff_s)

    def fair() -> gpd.GeoDataFrame:
        return coverage(response_times(drive(), stations, demand, parameters), demand, stations, rule)

    before = FairWeather(
        graph=graph,
        stations=stations,
        demand=demand,
        jurisdictions=lands,
        parameters=parameters,
        standard=rule,
        coverage=fair(),
        connected=np.ones(len(demand), dtype=np.bool_),
        leaving=np.ones(len(stations), dtype=np.bool_),
    )
    flood(folder / "flood.tif", network)
    stated: dict[str, Any] = {"hazard": "flood", "quantity": "depth", "unit": "m", "event": "made up"}
    layer = read_hazard(folder / "flood.tif", id="flood", scheme="inasafe-flood-depth", **stated)
    scenario = HazardScenario("flood", "Made-up flood", ("flood",))
    overlay_s = median_s(lambda: lay_on_roads(layer, before.lines, crs=network.crs))
    drive_s, fair_s = median_s(drive), median_s(fair)
    scenario_s = median_s(lambda: scenario_coverage(before, scenario, [layer]))
    print(f"Porto: {network.n_roads:,} roads, {STATIONS} stations, {PLACES:,} places, {CELLS**2:,} cells")
    print(f"  drive times alone                         {drive_s:.3f} s")
    print(f"  fair weather: drive times and coverage    {fair_s:.3f} s")
    print(f"  laying the layer on the roads, once       {overlay_s:.3f} s")
    print(
        f"  a scenario, its layer laid already        {scenario_s:.3f} s = {scenario_s / fair_s:.2f} × fair weather"
    )
    whole = overlay_s + fair_s
    print(f"  first scenario against overlay + coverage {(overlay_s + scenario_s) / whole:.2f} ×")


def demo() -> None:
    region = read_region(demo_path())
    without = replace(region, scenarios=(), risks=())
    some = [replace(one, id=f"{one.id}-{k}") for k in range(20) for one in region.scenarios][:20]
    twenty = replace(region, scenarios=tuple(some), risks=())
    plain_s, twenty_s = median_s(lambda: analyse(without)), median_s(lambda: analyse(twenty))
    print(f"Demo: {plain_s:.2f} s without scenarios, {twenty_s:.2f} s with {len(some)},")
    print(f"  which is {twenty_s - plain_s:.2f} s for them")


def main() -> int:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else PORTO
    with tempfile.TemporaryDirectory() as folder:
        if path.is_file():
            porto(path, Path(folder))
        else:
            print(f"no {path.name}: give its path", file=sys.stderr)
    demo()
    return 0


if __name__ == "__main__":
    sys.exit(main())
