"""The map page beside what a user would pick instead: `folium.GeoJson` and `GeoDataFrame.explore()` on the same cells.

    pip install mapclassify  # for explore()
    python benchmarks/map_page.py [--cells 20000] [--stations 60] [--no-peers]

Roads are those of the embedded demo (OpenStreetMap, ODbL); cells, people and stations are made up, with a seed. All
pages are written as one file without links and opened in Chromium without a network: bytes, seconds from the start of
navigation to the page being drawn, and the heap after garbage collection. Then the times from a change in the what-if
panel to the picture.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import folium
import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from playwright.sync_api import Browser, sync_playwright

from mutualaid.coverage import Analysis, analyse, candidate_sites, what_if_tables
from mutualaid.data import Region, demo_path, read_region
from mutualaid.maps import coverage_map, save_offline

RUNS, CHANGES, SCENARIOS = 5, 40, 3
DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def made_up(cells: int, stations: int) -> Region:
    """Give the demo with so many populated cells and stations."""
    region, draw = read_region(demo_path()), np.random.default_rng(1)
    lands = region.jurisdictions
    cell_m = float(np.sqrt(lands.area.sum() / cells))
    left, bottom, right, top = lands.total_bounds
    x, y = (
        axis.ravel() for axis in np.meshgrid(np.arange(left, right, cell_m), np.arange(bottom, top, cell_m))
    )
    centre = gpd.GeoDataFrame(
        {"cell_x": x, "cell_y": y},
        geometry=gpd.points_from_xy(x + cell_m / 2, y + cell_m / 2),
        crs=region.crs,
    )
    joined = gpd.sjoin(centre, lands[["geometry"]], predicate="within")
    (where,) = set(joined.columns) - set(centre.columns)
    found = joined.rename(columns={where: "jurisdiction"})
    found["population"] = draw.exponential(3.0, len(found)).round(3)
    found.index = pd.Index([f"c{k}" for k in range(len(found))], name="id")
    home = found.iloc[draw.choice(len(found), stations, replace=False)]
    station = {name: region.stations[name].iloc[0] for name in region.stations.columns if name != "geometry"}
    many = gpd.GeoDataFrame([station] * stations, geometry=home.geometry.to_numpy(), crs=region.crs)
    many["jurisdiction"], many["name"] = (
        home["jurisdiction"].to_numpy(),
        [f"Station {k}" for k in range(stations)],
    )
    many.index = pd.Index([f"s{k}" for k in range(stations)], name="id")
    return replace(
        region, demand=found, stations=many, cell_m=cell_m, scenarios=region.scenarios[:SCENARIOS], risks=(),
        agreements=(),
    )  # fmt: skip


def squares(analysis: Analysis) -> gpd.GeoDataFrame:
    """Cells as polygons with what their tip says."""
    people, cell_m = analysis.coverage, analysis.region.cell_m or 0.0
    x, y = people["cell_x"], people["cell_y"]
    shapes = shapely.box(x, y, x + cell_m, y + cell_m)
    told = people[["population", "status", "joint_station", "joint_s"]].replace(np.inf, np.nan)
    return gpd.GeoDataFrame(told, geometry=shapes, crs=people.crs).to_crs(4326)


def by_geojson(table: gpd.GeoDataFrame) -> folium.Map:
    """Draw what Folium's documentation shows for polygons with a colour by class."""
    colours = {"own": "#0072B2", "joint": "#009E73", "gap": "#E69F00", "unreachable": "#7A7A7A"}
    page = folium.Map(tiles=None, prefer_canvas=True)
    folium.GeoJson(
        table,
        style_function=lambda cell: {
            "fillColor": colours[cell["properties"]["status"]],
            "weight": 0,
            "fillOpacity": 0.8,
        },
        tooltip=folium.GeoJsonTooltip(["population", "status", "joint_station", "joint_s"]),
    ).add_to(page)
    left, bottom, right, top = table.total_bounds
    page.fit_bounds([[bottom, left], [top, right]])
    return page


def opened(browser: Browser, file: Path, ready: str) -> tuple[float, float]:
    """Seconds to the page being drawn, and megabytes of heap."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.route(
        "**/*", lambda route: route.continue_() if route.request.url.startswith("file:") else route.abort()
    )
    page.goto(file.as_uri(), timeout=240_000)
    page.wait_for_selector(ready, state="attached", timeout=240_000)
    page.evaluate(DRAWN)
    seconds = page.evaluate("performance.now()") / 1000
    session = context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    heap = session.send("Runtime.getHeapUsage")["usedSize"] / 1e6
    context.close()
    return seconds, heap


def measured(browser: Browser, file: Path, ready: str, runs: int) -> dict[str, float]:
    """Size, median time and heap of a page."""
    found = [opened(browser, file, ready) for _ in range(runs)]
    return {
        "MB": file.stat().st_size / 1e6,
        "s": statistics.median(seconds for seconds, _ in found),
        "heap MB": statistics.median(heap for _, heap in found),
    }


def changes(browser: Browser, file: Path) -> list[float]:
    """Milliseconds from a change of the setting to the picture having been drawn."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto(file.as_uri())
    page.wait_for_selector("[data-whatif=ready]", timeout=60_000)
    draw, took = np.random.default_rng(2), []
    scenarios = page.evaluate("['', ...map_1.mutualaid.scenarios.map(one => one.id)]")
    stations = page.evaluate("map_1.mutualaid.whatif.ids.length - map_1.mutualaid.whatif.candidates.length")
    for _ in range(CHANGES):
        setting = {
            "off": sorted(int(k) for k in draw.choice(stations, 3, replace=False)),
            "limit_s": int(draw.integers(8, 24)) * 30,
            "dispatch_s": int(draw.integers(0, 20)) * 15,
        }
        took.append(
            page.evaluate(
                "([setting, scenario]) => { const begin = performance.now(); map_1.mutualaid.scenario = scenario;"
                " mutualaid.kit.ask(map_1, setting); return performance.now() - begin; }",
                [setting, str(draw.choice(scenarios))],
            )
        )
        page.evaluate(DRAWN)
    page.close()
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=20_000)
    parser.add_argument("--stations", type=int, default=60)
    parser.add_argument("--no-peers", action="store_true", help="only our page")
    given = parser.parse_args()
    analysis = analyse(made_up(given.cells, given.stations))
    tables = what_if_tables(analysis, sites=candidate_sites(analysis, count=0))
    table = squares(analysis)
    pages: dict[str, tuple[folium.Map, str]] = {
        "mutualaid, with what-if": (
            coverage_map(analysis, what_if=tables),
            "[data-mutualaid=ready]",
        ),
        "mutualaid, cells alone": (
            coverage_map(analysis),
            "[data-mutualaid=ready]",
        ),
    }
    if not given.no_peers:
        drawn = ".leaflet-overlay-pane canvas, .leaflet-overlay-pane path"
        pages["folium.GeoJson"] = (by_geojson(table), drawn)
        explored: Any = table.explore("status", tiles=None, legend=False, prefer_canvas=True)
        pages["GeoDataFrame.explore"] = (explored, drawn)
    print(f"{len(table):,} cells, {given.stations} stations, {len(analysis.scenarios)} scenarios")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        rows = {}
        for k, (name, (page, ready)) in enumerate(pages.items()):
            file = save_offline(page, Path(folder) / f"{k}.html")
            rows[name] = measured(browser, file, ready, RUNS)
        result = pd.DataFrame(rows).T
        for column in result.columns:
            result[f"{column} ratio"] = result[column] / result[column].iloc[0]
        print(result.round(2).to_string())
        took = changes(browser, Path(folder) / "0.html")
        print(
            f"change to painted: median {statistics.median(took):.0f} ms, 90 % within {np.quantile(took, 0.9):.0f} ms"
        )
        browser.close()


if __name__ == "__main__":
    main()
