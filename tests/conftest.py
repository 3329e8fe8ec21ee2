"""Fixtures for all rooms."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import settings
from pyproj import CRS

from mutualaid.coverage import Analysis, analyse
from mutualaid.data import Agreement, Parameters, Region, demo_path, read_region
from mutualaid.network import ROAD_CLASSES, Network
from mutualaid.scale._model import TiledRun

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# A run that decides whether a change lands looks at the same examples each time; every other run looks at new ones.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI") == "true":
    settings.load_profile("ci")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with real data beside the checkout; the test is skipped where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("real data not found: ../shared/data is not beside this checkout")
    return folder


ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium of the system; without it the test is skipped, but fails where CI must have it."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        program, reason = None, "playwright is not installed"
    else:
        reason = "chromium is not installed"
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"no browser: {reason}")
        pytest.skip(f"no browser: {reason}")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield chromium
        chromium.close()


# Border regions worked by hand: places on one straight road, four minutes apart

UTM = CRS.from_epsg(32632)
#: What a fire engine drives in four minutes on a primary road, at 65 km/h.
STEP_M = 65_000 / 15


def road_through(lands: str, countries: Mapping[str, str], legal_kph: Mapping[str, float]) -> Network:
    """One primary road along y = 0 through places four minutes apart, each in the jurisdiction of its letter.

    Where neighbours differ the border lies in the middle between them, with the crossing x1, x2 … from the west.
    """
    ends = [(i, i + 1) for i in range(len(lands) - 1)]
    at: list[float] = [0.0]
    pieces: list[str | None] = []
    sides: list[tuple[str, str]] = []
    for i, j in ends:
        if lands[i] == lands[j]:
            at.append(float(j))
            pieces.append(lands[i])
            continue
        at += [i + 0.5, i + 0.5, float(j)]
        pieces += [lands[i], None, lands[j]]
        sides.append((lands[i], lands[j]))
    x = np.array(at) * STEP_M
    border = np.array([piece is None for piece in pieces])
    count = len(pieces)
    limit = np.array([legal_kph.get(piece or "", np.nan) for piece in pieces], dtype=np.float32)
    nodes = np.arange(count + 1)
    roads = pd.DataFrame(
        {
            "a": nodes[:-1].astype(np.int32),
            "b": nodes[1:].astype(np.int32),
            "length_m": np.diff(x),
            "way": np.arange(count, dtype=np.int64),
            "class": pd.Categorical(["primary"] * count, categories=ROAD_CLASSES),
            "name": "High Road",
            "maxspeed_forward_kph": limit,
            "maxspeed_backward_kph": limit,
            "lanes": np.float32(np.nan),
            "oneway": np.int8(0),
            "bridge": False,
            "tunnel": False,
            "covered": False,
            "layer": np.int8(0),
            "access": pd.Categorical(["yes"] * count),
            "max_height_m": np.float32(np.nan),
            "max_weight_t": np.float32(np.nan),
            "jurisdiction": pd.Categorical(pieces),
            "crossing": np.where(border, np.cumsum(border) - 1, -1).astype(np.int32),
        }
    )
    country = [(countries[left], countries[right]) for left, right in sides]
    crossings = gpd.GeoDataFrame(
        {
            "name": "High Road",
            "from_jurisdiction": [left for left, _ in sides],
            "to_jurisdiction": [right for _, right in sides],
            "from_country": [left for left, _ in country],
            "to_country": [right for _, right in country],
            "international": [left != right for left, right in country],
            "class": "primary",
            "bridge": False,
            "tunnel": False,
        },
        geometry=[shapely.Point(x[i], 0) for i in np.flatnonzero(border)],
        index=pd.Index([f"x{i + 1}" for i in range(len(sides))], name="crossing"),
        crs=UTM,
    )
    xy = np.column_stack([np.column_stack([x[:-1], x[1:]]).ravel(), np.zeros(2 * count)])
    return Network(
        crs=UTM,
        node_id=nodes,
        x=x,
        y=np.zeros(count + 1),
        roads=roads,
        road_xy=xy,
        road_offset=2 * np.arange(count + 1),
        crossings=crossings,
    )


@pytest.fixture
def straight_road() -> Network:
    """One primary road along y = 0 through the places 0…4, with the border between the places 2 and 3."""
    return road_through("AAABB", {"A": "AA", "B": "BB"}, {})


@pytest.fixture
def along_road(tmp_path: Path) -> Callable[..., tuple[Region, Network]]:
    """A maker of regions along one road, four minutes between neighbouring places.

    ``make("ABa", {"sa": 0})`` puts the place 0 into A, 1 into B, and 2 into an exclave of partner A, with a
    station of A at the place 0. Place i has 2 to the power of i people, so a sum of people says who they are. Each crew
    needs 60 s to turn out, and must arrive `limit_s` after the alert. Each partner is a country of its own, unless
    `country` is one for all. `legal_kph` is what a civilian may drive in a jurisdiction; `units` are rows of station,
    capabilities and count.
    """

    def make(
        lands: str,
        stations: Mapping[str, int],
        *agreements: Agreement,
        country: str = "",
        legal_kph: Mapping[str, float] | None = None,
        units: Sequence[tuple[str, str, int]] = (),
        limit_s: float = 480.0,
        **parameters: Any,
    ) -> tuple[Region, Network]:
        names = list(dict.fromkeys(lands))
        countries = {name: country or 2 * name.upper() for name in names}
        first, last = ({name: find(name) for name in names} for find in (lands.index, lands.rindex))
        jurisdictions = gpd.GeoDataFrame(
            {
                "name": names,
                "country": list(countries.values()),
                "languages": "",
                "population": np.nan,
                "partner": [name.upper() for name in names],
                "completed": False,
            },
            geometry=[
                shapely.box((first[name] - 0.5) * STEP_M, -500, (last[name] + 0.5) * STEP_M, 500)
                for name in names
            ],
            index=pd.Index(names, name="id"),
            crs=UTM,
        )
        place = list(stations.values())
        houses = gpd.GeoDataFrame(
            {
                "name": list(stations),
                "jurisdiction": [lands[i] for i in place],
                "service": "fire",
                "department": "career",
                "turnout_s": 60.0,
                "status": "active",
            },
            geometry=gpd.points_from_xy(np.array(place) * STEP_M, np.full(len(place), 5.0)),
            index=pd.Index(list(stations), name="id"),
            crs=UTM,
        )
        x = np.arange(len(lands)) * STEP_M
        demand = gpd.GeoDataFrame(
            {
                "population": 2.0 ** np.arange(len(lands)),
                "jurisdiction": list(lands),
                "cell_x": x - 50,
                "cell_y": -50.0,
            },
            geometry=gpd.points_from_xy(x, np.full(len(lands), -5.0)),
            index=pd.Index([f"d{i}" for i in range(len(lands))], name="id"),
            crs=UTM,
        )
        rows = [(station, "engine", codes, np.nan, count) for station, codes, count in units]
        region = Region(
            name="Along the road",
            folder=tmp_path,
            crs=UTM,
            jurisdictions=jurisdictions,
            stations=houses,
            units=pd.DataFrame(rows, columns=["station", "kind", "capabilities", "staffing", "count"]),
            demand=demand,
            cell_m=100.0,
            hospitals=gpd.GeoDataFrame({"name": []}, geometry=[], crs=UTM),
            network_files=(),
            parameters=Parameters(standard="own", **parameters),
            standards={"own": {"name": "Own", "limit_s": limit_s}},
            agreements=agreements,
        )
        return region, road_through(lands, countries, legal_kph or {})

    return make


# A run in tiles, made of one in one piece


@pytest.fixture(scope="session")
def demo_analysis() -> Analysis:
    """The embedded demo, computed in one piece."""
    return analyse(read_region(demo_path()))


@pytest.fixture(scope="session")
def demo_in_tiles(demo_analysis: Analysis) -> Callable[[int], TiledRun]:
    """A maker of runs of the demo whose tiles are so many strips from west to east."""
    whole = demo_analysis

    def make(count: int) -> TiledRun:
        x, people = whole.coverage.geometry.x.to_numpy(), whole.coverage["population"].to_numpy()
        tile = np.searchsorted(np.quantile(x, np.linspace(0, 1, count + 1)[1:-1]), x).astype(np.int64)
        tiles = gpd.GeoDataFrame(
            {
                "places": np.bincount(tile),
                "population": np.bincount(tile, weights=people),
                "pairs": 0,
                "seconds": 0.0,
            },
            geometry=[shapely.box(*whole.coverage.geometry[tile == k].total_bounds) for k in range(count)],
            index=pd.RangeIndex(count, name="tile"),
            crs=whole.region.crs,
        )
        own: dict[str, Any] = {
            one.name: getattr(whole, one.name, None) for one in dataclasses.fields(TiledRun)
        }
        scenarios = {one.scenario.id: one for one in whole.scenarios}
        return TiledRun(**own | {"scenarios": scenarios, "tiles": tiles, "tile": tile, "folder": Path()})

    return make


@pytest.fixture(scope="session")
def tiled_demo(demo_in_tiles: Callable[[int], TiledRun]) -> TiledRun:
    """The demo in three tiles."""
    return demo_in_tiles(3)
