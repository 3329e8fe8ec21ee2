"""A small made-up border region with its analysis, and a browser that lets nothing out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS

from mutualaid.cooperation import Cooperation, cooperation
from mutualaid.coverage import (
    NEVER,
    Analysis,
    ScenarioResult,
    WhatIfTables,
    WhatIfTimes,
    analyse,
    coverage,
    gaps,
    levels,
    response_times,
    standard,
    what_if_tables,
)
from mutualaid.coverage._response import SEGMENTS, _clock_ms, _milliseconds, turnout
from mutualaid.coverage._scenario_table import hazard_numbers, scenario_numbers
from mutualaid.coverage._summary import summarise
from mutualaid.data import (
    Agreement,
    AgreementCrossing,
    ArrivalSource,
    Costs,
    EvacuationCase,
    HazardScenario,
    Parameters,
    Region,
    Source,
    demo_path,
    read_region,
)
from mutualaid.errors import Defect
from mutualaid.hazards import HazardLayer, Layers, read_hazard, scenario_severity, seams
from mutualaid.maps import coverage_map, save_offline
from mutualaid.maps._texts import TEXTS, Plural
from mutualaid.network import Network
from mutualaid.siting import (
    Choice,
    Over,
    Plan,
    SiteTable,
    SitingStudy,
    plan_gains,
    plan_sites,
    site_table,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page, Route

UTM = CRS.from_epsg(32632)
CORNER = np.array([560_000.0, 5_230_000.0])  # lower left
SIDE = 9_000.0
BRIDGES = np.array([[4_500.0, 2_500.0], [4_500.0, 7_000.0]])


def _river(y: NDArray[np.float64]) -> NDArray[np.float64]:
    return 4_500 + 500 * np.sin((y - 2_500) / 4_500 * np.pi)


def _jurisdictions(names: tuple[str, str], partner: str) -> gpd.GeoDataFrame:
    y = np.linspace(0, SIDE, 60)
    bank = np.column_stack((_river(y), y))
    west = shapely.Polygon(np.vstack(([[0, 0]], bank, [[0, SIDE]])))
    east = shapely.Polygon(np.vstack(([[SIDE, 0]], [[SIDE, SIDE]], bank[::-1])))
    return gpd.GeoDataFrame(
        {
            "name": names,
            "country": ["AA", "BB"],
            "languages": ["en", "en"],
            "population": [np.nan, np.nan],
            "partner": ["west", partner],
            "completed": False,
        },
        index=pd.Index(["west", "east"], name="id"),
        geometry=[shapely.transform(side, lambda at: at + CORNER) for side in (west, east)],
        crs=UTM,
    )


def _demand(jurisdictions: gpd.GeoDataFrame, cell_m: float, count: int) -> gpd.GeoDataFrame:
    """Cells around three towns, the `count` most populous ones."""
    steps = np.arange(0, SIDE, cell_m)
    x, y = (axis.ravel() for axis in np.meshgrid(steps, steps))
    towns = [(2_600, 3_000, 40.0), (6_800, 2_600, 24.0), (5_800, 7_000, 20.0), (1_900, 7_400, 9.0)]
    weight = sum(
        size * np.exp(-(((x - cx) ** 2 + (y - cy) ** 2) / 1_300**2)) for cx, cy, size in towns
    ) + np.random.default_rng(4).exponential(0.6, len(x))
    keep = np.argsort(-np.asarray(weight), kind="stable")[:count]
    x, y = x[keep] + CORNER[0], y[keep] + CORNER[1]
    centre = shapely.points(x + cell_m / 2, y + cell_m / 2)
    inside = shapely.contains(jurisdictions.geometry["west"], centre)
    people = np.asarray(weight)[keep] * (cell_m / 100) ** 2
    return gpd.GeoDataFrame(
        {
            "population": people.round(1),
            "jurisdiction": np.where(inside, "west", "east"),
            "partner": np.where(inside, "west", jurisdictions["partner"]["east"]),
            "road_status": np.where(np.arange(len(x)) % 97 == 96, "too_far", "ok"),
            "cell_x": x,
            "cell_y": y,
        },
        index=pd.Index([f"c{i}" for i in range(len(x))], name="id"),
        geometry=centre,
        crs=UTM,
    )


def _stations(name: str, partner: str, *, near: bool) -> gpd.GeoDataFrame:
    """Three stations; `near`: the eastern one stands so near the bridge that others can hold what it loses."""
    at = np.array([[2_400.0, 3_100.0], [7_400.0, 2_200.0], [3_300.0, 7_300.0]]) + CORNER
    if near:
        at[1, 0] -= 2_600
    return gpd.GeoDataFrame(
        {
            "name": [name or own for own in ("Westport Central", "Easton", "Westport Mill")],
            "jurisdiction": ["west", "east", "west"],
            "partner": ["west", partner, "west"],
            "service": "fire",
            "department": ["career", "volunteer", "career"],
            "turnout_s": np.nan,
            "status": "active",
        },
        index=pd.Index(["s1", "s2", "s3"], name="id"),
        geometry=gpd.points_from_xy(*at.T),
        crs=UTM,
    )


def _ways(
    stations: gpd.GeoDataFrame, demand: gpd.GeoDataFrame
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Seconds straight (s, n) and over each bridge (s, n, 2), and which pairs a bridge parts (s, n).

    At 40 km/h with a detour of a third; `inf` to places without a road.
    """
    home, away = (shapely.get_coordinates(table.geometry) for table in (stations, demand))
    bridges = BRIDGES + CORNER

    def distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.hypot(*(a[:, None, :] - b[None, :, :]).transpose(2, 0, 1)))

    over = distance(home, bridges)[:, None, :] + distance(away, bridges)[None, :, :]
    foreign = stations["jurisdiction"].to_numpy()[:, None] != demand["jurisdiction"].to_numpy()
    pace = np.where(demand["road_status"] == "ok", 1.33 / (40 / 3.6), np.inf)
    return distance(home, away) * pace, over * pace[:, None], foreign


def _drive(stations: gpd.GeoDataFrame, demand: gpd.GeoDataFrame) -> pd.DataFrame:
    """Drives within the cutoff; from one side to the other over the nearer bridge."""
    straight, over, foreign = _ways(stations, demand)
    seconds = np.where(foreign, over.min(axis=2), straight)
    reached = seconds <= 900
    origin, destination = np.nonzero(reached)
    return pd.DataFrame(
        {
            "origin": stations.index[origin],
            "destination": demand.index[destination],
            "drive_s": seconds[reached].round(3),
            "crossing_s": np.where(foreign[reached], 20.0, 0.0),
        }
    )


def _network(crossing: str) -> Network:
    """A lattice of roads that only the bridges carry over the river."""
    classes = ["primary", "residential", "tertiary", "residential"]
    lines, kinds = [], []
    for k, at in enumerate(np.arange(250.0, SIDE, 500.0)):
        t = np.linspace(100, SIDE - 100, 40)
        wave = 60 * np.sin(t / 900 + k)
        bank = _river(np.full_like(t, at))
        for side in (t < bank - 80, t > bank + 80):
            lines.append(np.column_stack((t, at + wave))[side])
            kinds.append(classes[k % 4])
        column = np.column_stack((at + wave, t))
        off = np.abs(column[:, 0] - _river(t)) > 120
        for run in np.split(np.arange(len(t)), np.flatnonzero(~off)):
            if len(run) > 2:
                lines.append(column[run[1:]])
                kinds.append(classes[(k + 1) % 4])
    for bridge in BRIDGES:
        lines.append(bridge + np.array([[-700, 0], [0, 10], [700, 0]]))
        kinds.append("secondary")
    m = len(lines)
    offsets = np.concatenate(([0], np.cumsum([len(line) for line in lines])))
    road_xy = np.vstack(lines) + CORNER
    roads = pd.DataFrame({"class": pd.Categorical(kinds), "crossing": np.full(m, -1, dtype=np.int32)})
    crossings = gpd.GeoDataFrame(
        {
            "name": [crossing or own for own in ("Old Bridge", "New Bridge")],
            "from_jurisdiction": "west",
            "to_jurisdiction": "east",
            "international": [True, False],
        },
        index=pd.Index(["x1", "x2"], name="crossing"),
        geometry=gpd.points_from_xy(*(BRIDGES + CORNER).T),
        crs=UTM,
    )
    none = np.zeros(0)
    return Network(UTM, none.astype(np.int64), none, none, roads, road_xy, offsets, crossings)


def _today(times: pd.DataFrame, stations: gpd.GeoDataFrame, demand: gpd.GeoDataFrame) -> pd.DataFrame:
    """Pairs under an agreement that calls the neighbour sooner than a joint team, as soon, or later: by the place."""
    station, place = times["station"].cat.codes.to_numpy(), times["demand"].cat.codes.to_numpy()
    own = stations["partner"].to_numpy()[station] == demand["partner"].to_numpy()[place]
    dispatch_s = np.where(own, 0.0, np.array([0.0, 60.0, 150.0])[place % 3])
    return times.assign(dispatch_s=dispatch_s, agreement=np.where(own, "", "treaty"), subsidiary=False)


def _isochrones(stations: gpd.GeoDataFrame, asked: tuple[str, ...]) -> gpd.GeoDataFrame:
    rows = []
    for level, chosen in zip(asked, (stations.iloc[:2], *[stations] * (len(asked) - 1)), strict=True):
        inner: shapely.Geometry = shapely.Polygon()
        for k, radius in enumerate((1_000, 2_000, 3_000)):
            disc = shapely.union_all(shapely.buffer(chosen.geometry.to_numpy(), radius))
            rows.append(("", level, 4 * k, 4 * k + 4, shapely.difference(disc, inner)))
            inner = disc
    return gpd.GeoDataFrame(rows, columns=["station", "level", "from_min", "to_min", "geometry"], crs=UTM)


NAMES = {
    "region": "Both banks of the Ister",
    "west": "Westport",
    "east": "Easton",
    "partner": "east",
    "station": "",
    "crossing": "",
    "note": "A made-up region. It shows how the map is read.",
    "unit": "engine",
    "gap": "",
    "source": "invented",
    "standard": "",
    "scenario": "",
    "scenario_note": "Water as high as the embankments. Nobody has measured it.",
    "layer": "",
    "hazard_source": "Ister survey",
    "agreement": "Treaty of the Ister",
    "agreement_note": "Nobody signed it. It shows how an agreement is told.",
    "analysis_note": "Agreement old ended on 2020-12-31 and does not count.",
    "currency": "EUR",
}


def _made_up(
    *,
    cell_m: float = 100.0,
    count: int = 2_000,
    cells: bool = True,
    agreed: bool = False,
    hazards: Path | None = None,
    **texts: str,
) -> Any:
    """Analyse the made-up region.

    `cells` False: people are points without extent; `agreed`: the west helps the east by an agreement; `hazards`:
    folder for the files of hazard layers, with which the region has scenarios; `texts` replace NAMES.
    """
    names = NAMES | texts
    jurisdictions = _jurisdictions((names["west"], names["east"]), names["partner"])
    demand = _demand(jurisdictions, cell_m, count)
    if not cells:
        demand = demand.drop(columns=["cell_x", "cell_y"])
    jurisdictions["population"] = demand.groupby("jurisdiction")["population"].sum()
    stations = _stations(names["station"], names["partner"], near=hazards is not None)
    rule = standard("de-agbf-first")
    if names["standard"]:
        rule = replace(rule, name=names["standard"], source=names["standard"])
    parameters = Parameters(dispatch_s=60, crossing_s=20, cutoff_s=900)
    turnout_s, assumed = turnout(stations, parameters)
    stations = stations.assign(road_status="ok", turnout_used_s=turnout_s, turnout_assumed=assumed)
    drive = _drive(stations, demand)
    times = response_times(drive, stations, demand, parameters)
    reached = coverage(
        times, demand, stations, rule, agreed=_today(times, stations, demand) if agreed else None
    )
    network = _network(names["crossing"])
    units = pd.DataFrame({"station": ["s1"], "kind": [names["unit"]], "count": [2], "staffing": [6.0]})
    region = Region(
        name=names["region"],
        folder=Path(),
        crs=UTM,
        jurisdictions=jurisdictions,
        stations=stations,
        units=units,
        demand=demand,
        cell_m=cell_m if cells else None,
        hospitals=stations.iloc[:0],
        network_files=(),
        parameters=parameters,
        sources=(Source("everything", names["source"], names["source"], "2026"),),
        note=names["note"],
        costs=Costs(currency=names["currency"]),
    )
    found = gaps(reached, jurisdictions, cell_m=cell_m) if cells and count < 5_000 else _no_gaps()
    if names["gap"]:
        found["road"] = names["gap"]
    rules = {"west": rule, "east": standard("us-nfpa-1720-urban")}
    result = SimpleNamespace(
        region=region,
        network=network,
        standard=rule,
        local_standards=rules,
        stations=stations,
        demand=demand,
        coverage=reached,
        gaps=found,
        isochrones=_isochrones(stations, levels(reached)),
        layers=Layers((), {}),
        seams=gpd.GeoDataFrame({"kind": []}, geometry=[], crs=UTM),
        scenarios=(),
        risks=(),
        not_computed=(),
        summary=summarise(region, rule, rules, stations, reached, reached, found),
    )
    result.agreements, result.notes = (), ()
    if agreed:
        result.agreements, result.notes = (_treaty(names),), (names["analysis_note"],)
    return result if hazards is None else _with_hazards(result, hazards, drive, names)


def _treaty(names: dict[str, str]) -> Agreement:
    """An agreement of which most is assumed."""
    return Agreement(
        id="treaty",
        name=names["agreement"],
        parties=("west", names["partner"]),
        dispatch_delay_s=150.0,
        crossing=(AgreementCrossing(id="x2", open=False),),
        availability_hazard=0.5,
        source=names["source"],
        confidence="stated",
        confidences={"dispatch_delay_s": "assumption"},
        note=names["agreement_note"],
    )


# --- hazards -------------------------------------------------------------------------------------------------

NUMBER_OF_SCENARIOS = 3


def _with_hazards(analysis: Any, folder: Path, drive: pd.DataFrame, names: dict[str, str]) -> Any:
    """Give the made-up region a flood that both sides map differently, and a slope that nobody mapped but one."""
    layers = _layers(folder, analysis.region.jurisdictions, names)
    title = names["scenario"]
    late: dict[str, Any] = {"stations_delayed": 1, "stations_delay_s": 120.0}
    scenarios = (
        HazardScenario("hq100", title or "Flood", ("depth", "zones"), note=names["scenario_note"], **late),
        HazardScenario("slope", title or "Slope", ("rock",), stations_out=3),
        HazardScenario("both", title or "All at once", ("depth", "zones", "rock"), **late),
    )
    results = tuple(_scenario(analysis, one, layers, drive) for one in scenarios)
    assert len(results) == NUMBER_OF_SCENARIOS
    found = seams(analysis.region.jurisdictions, layers)
    defect = Defect("ash.tif", names["layer"], "a raster", "nothing", "bring it")
    analysis.layers, analysis.seams, analysis.scenarios = Layers(layers, {}), found, results
    analysis.not_computed = (defect,)
    told = {one.scenario.id: scenario_numbers(one) for one in results}
    numbers = hazard_numbers(layers, found, told, (), (defect,))
    rules = analysis.local_standards
    analysis.summary = summarise(
        analysis.region, analysis.standard, rules, analysis.stations, analysis.coverage, analysis.coverage,
        analysis.gaps, hazards=numbers,
    )  # fmt: skip
    return analysis


def _layers(folder: Path, jurisdictions: gpd.GeoDataFrame, names: dict[str, str]) -> tuple[HazardLayer, ...]:
    """Depths west of the river, zones east of it, and rockfall in a corner of a map that covers a third."""
    step = 30.0
    at = np.arange(step / 2, SIDE, step)
    x, y = np.meshgrid(at, at[::-1])
    off = np.abs(x - _river(y))
    depth = np.maximum(0, 2.4 - off / 700).astype(np.float32)
    depth[y > 8_000] = -1  # nobody looked
    where = Affine(step, 0.0, CORNER[0], 0.0, -step, CORNER[1] + SIDE)
    shape: dict[str, Any] = {
        "height": len(at),
        "width": len(at),
        "count": 1,
        "dtype": "float32",
        "nodata": -1,
    }
    with rasterio.open(folder / "depth.tif", "w", driver="GTiff", crs=UTM, transform=where, **shape) as file:
        file.write(depth, 1)
    near = shapely.buffer(shapely.LineString(np.column_stack((_river(at), at)) + CORNER), 900)
    east = shapely.intersection(near, jurisdictions.geometry["east"])
    zones = gpd.GeoDataFrame({"zone": ["medium"]}, geometry=[east], crs=UTM)
    zones.to_file(folder / "zones.gpkg")
    corner = shapely.box(*(CORNER + np.array([1_400, 2_100])), *(CORNER + np.array([3_400, 4_100])))
    slope = gpd.GeoDataFrame({"d": [1.0]}, geometry=[corner], crs=UTM)
    slope.to_file(folder / "rock.gpkg")
    told: dict[str, Any] = {
        "source": names["hazard_source"],
        "licence": names["hazard_source"],
        "date": "2025-05-01",
    }
    flood: dict[str, Any] = {"hazard": "flood", "return_period_years": 100.0, **told}
    return (
        read_hazard(
            folder / "depth.tif", id="depth", name=names["layer"] or "Depths", quantity="depth", unit="m",
            scheme="inasafe-flood-depth", jurisdiction="west", **flood,
        ),
        read_hazard(
            folder / "zones.gpkg", id="zones", name=names["layer"] or "Zones", quantity="class",
            scheme="eu-floods-directive", jurisdiction="east", column="zone", nodata_means="none", **flood,
        ),
        read_hazard(
            folder / "rock.gpkg", id="rock", name=names["layer"] or "Rocks", hazard="tsunami", quantity="depth",
            unit="m", scheme="inasafe-flood-depth", event="storm", column="d", derived=True, **told,
        ),
    )  # fmt: skip


def _hit(
    analysis: Any, scenario: HazardScenario, layers: tuple[HazardLayer, ...], stations: gpd.GeoDataFrame
) -> Any:
    """What a scenario does to stations and drives: moderate places are 1.5 times as far, high ones out of reach."""
    lands, demand = analysis.region.jurisdictions, analysis.demand
    said = scenario_severity(demand, layers, scenario, jurisdictions=lands)
    home = scenario_severity(stations, layers, scenario, jurisdictions=lands)
    rank = home["severity"].fillna(-1)
    out = rank >= scenario.stations_out
    late = ~out & (rank >= (scenario.stations_delayed or 6))
    severity = said["severity"].fillna(-1).astype(int)
    factor = np.select([severity >= 4, severity >= 2], [np.inf, 1.5], 1.0)

    def times(drive: pd.DataFrame) -> pd.DataFrame:
        pairs = drive[~drive["origin"].map(out)].copy()
        pairs["drive_s"] *= factor[demand.index.get_indexer(pairs["destination"])]
        pairs = pairs[pairs["drive_s"] < np.inf].round({"drive_s": 3})
        found = response_times(pairs, stations, demand, analysis.region.parameters)
        found["turnout_s"] += found["station"].map(late).astype(bool) * scenario.stations_delay_s
        return found

    return SimpleNamespace(said=said, home=home, out=out, late=late, factor=factor, times=times)


def _scenario(
    analysis: Any, scenario: HazardScenario, layers: tuple[HazardLayer, ...], drive: pd.DataFrame
) -> ScenarioResult:
    """Work out a scenario by a rule of thumb."""
    demand, stations = analysis.demand, analysis.stations
    hit = _hit(analysis, scenario, layers, stations)
    said, home, out, late = hit.said, hit.home, hit.out, hit.late
    times = hit.times(drive)
    fair = analysis.coverage
    today = _today(times, stations, demand) if "agreed" in levels(fair) else None
    now = coverage(times, demand, stations, analysis.standard, agreed=today)
    held = fair["alone_covered"] & ~now["alone_covered"] & now["joint_covered"]
    lost = fair["joint_covered"] & ~now["joint_covered"]
    now = now.assign(
        fair_status=fair["status"],
        **{f"fair_{level}_{key}": fair[f"{level}_{key}"] for level in levels(fair) for key in ("s", "covered")},
        severity=said["severity"], hazard=said["hazard"], layer=said["layer"], severity_status=said["status"],
        exposed=(said["severity"] >= 1).astype("boolean"),
        isolated=np.isfinite(fair["joint_s"]) & np.isinf(now["joint_s"]),
        loss=np.select([lost, held], ["lost", "held"], "none"),
    )  # fmt: skip
    used = tuple(layer for layer in layers if layer.id in scenario.layers)
    periods = {layer.return_period_years for layer in used}
    return ScenarioResult(
        scenario=scenario,
        layers=used,
        return_period_years=periods.pop() if len(periods) == 1 else np.nan,
        stations=pd.DataFrame(
            {
                "severity": home["severity"], "severity_status": home["status"], "hazard": home["hazard"],
                "layer": home["layer"], "state": np.select([out, late], ["out", "delayed"], "in_service"),
            },
            index=stations.index,
        ),
        roads=_roads_under(analysis.network, scenario, layers, analysis.region.jurisdictions),
        rules={layer.id: "severity-emergency" for layer in used},
        coverage=now,
        draws=pd.DataFrame(columns=list(levels(fair)), dtype=np.float64),
        end_s=1_500.0,
    )  # fmt: skip


def _roads_under(
    network: Network, scenario: HazardScenario, layers: tuple[HazardLayer, ...], lands: gpd.GeoDataFrame
) -> pd.DataFrame:
    """Close roads whose middle is in high severity, and slow down those in a low one."""
    lines = network.lines()
    middle = gpd.GeoDataFrame(geometry=shapely.line_interpolate_point(lines, 0.5, normalized=True), crs=UTM)
    middle["jurisdiction"] = np.where(
        shapely.contains(lands.geometry["west"], middle.geometry.to_numpy()), "west", "east"
    )
    rank = scenario_severity(middle, layers, scenario, jurisdictions=lands)["severity"]
    at, length_m = rank.fillna(-1).to_numpy(), shapely.length(lines)
    closed, slowed = at >= 4, (at >= 1) & (at < 4)
    return pd.DataFrame(
        {
            "closed": closed,
            "factor": np.select([closed, slowed], [0.0, 0.5], 1.0),
            "severity": rank,
            "layer": "",
            "affected_m": np.where(at >= 1, length_m, 0.0),
            "closed_m": np.where(closed, length_m, 0.0),
            "unknown_m": np.where(at < 0, length_m, 0.0),
            "probability": np.nan,
            "closed_by_name": False,
        }
    )


# --- what if ---------------------------------------------------------------------------------------------------

#: Candidate sites: two on each side, the second of which stands below the slope.
SITES = np.array([[1_900.0, 5_200.0], [3_200.0, 3_900.0], [5_900.0, 7_000.0], [7_600.0, 4_600.0]])


def _tables(analysis: Any, *, candidates: bool = True, subsidiary: bool = False) -> WhatIfTables:
    """Times of every station and candidate site of a made-up region.

    `candidates` False: there are none; `subsidiary`: who helps under the agreement comes only where no own crew is
    in time, which the made-up runs themselves do not know.
    """
    region, demand = analysis.region, analysis.demand
    stations = analysis.stations.assign(candidate=False)
    if candidates:
        stations = pd.concat([stations, _sites(region)])
    stations["turnout_used_s"], _ = turnout(stations, region.parameters)
    none = SimpleNamespace(
        out=pd.Series(False, index=stations.index),
        late=pd.Series(False, index=stations.index),
        factor=np.ones(len(demand)),
        times=lambda drive: response_times(drive, stations, demand, region.parameters),
    )
    weather = {"": _what_if_times(analysis, stations, none, 0.0)}
    for result in analysis.scenarios:
        hit = _hit(analysis, result.scenario, analysis.layers.layers, stations)
        weather[result.scenario.id] = _what_if_times(
            analysis, stations, hit, result.scenario.stations_delay_s
        )
    partners = pd.Index(region.jurisdictions["partner"].unique())
    return WhatIfTables(
        sites=stations[["name", "jurisdiction", "partner", "candidate", "turnout_used_s", "geometry"]],
        partners=tuple(partners),
        home=partners.get_indexer(pd.Index(stations["partner"])).astype(np.int64),
        place=partners.get_indexer(pd.Index(demand["partner"])).astype(np.int64),
        limit_s=analysis.standard.limit_s,
        cutoff_s=region.parameters.cutoff_s,
        dispatch_s=region.parameters.dispatch_s,
        calling=True,
        subsidiary=np.full((len(stations), len(partners)), subsidiary) if analysis.agreements else None,
        weather=weather,
    )


def _sites(region: Region) -> gpd.GeoDataFrame:
    side = ["west", "west", "east", "east"]
    return gpd.GeoDataFrame(
        {
            "name": "",
            "jurisdiction": side,
            "partner": region.jurisdictions["partner"][side].to_numpy(),
            "service": "fire",
            "department": "career",
            "candidate": True,
        },
        index=pd.Index([f"new{k + 1}" for k in range(len(side))], name="id"),
        geometry=gpd.points_from_xy(*(SITES + CORNER).T),
        crs=UTM,
    )


def _what_if_times(analysis: Any, sites: gpd.GeoDataFrame, hit: Any, delay_s: float) -> WhatIfTimes:
    """Times in one weather; only the first bridge is an international crossing."""
    demand, rule = analysis.demand, analysis.standard
    parameters = analysis.region.parameters
    before = pd.DataFrame(dict.fromkeys(SEGMENTS, 0.0), index=sites.index).assign(
        answering_s=parameters.answering_s,
        processing_s=parameters.processing_s,
        turnout_s=sites["turnout_used_s"] + hit.late * delay_s,
    )
    lead_ms = _clock_ms(before, rule).astype(np.int32)

    def dense(times: pd.DataFrame) -> NDArray[np.int32]:
        found = np.full((len(sites), len(demand)), NEVER, dtype=np.int32)
        found[times["station"].cat.codes, times["demand"].cat.codes] = _clock_ms(times, rule)
        return found

    def way(seconds: NDArray[np.float64]) -> NDArray[np.int32]:
        seconds = (seconds * hit.factor).round(3)
        comes = (seconds <= parameters.cutoff_s) & ~hit.out.to_numpy()[:, None]
        ms = _milliseconds(np.where(comes, seconds, 0.0)) + lead_ms[:, None]
        return np.where(comes, ms, NEVER).astype(np.int32)

    straight, over, foreign = _ways(sites, demand)
    closed, once = (
        way(np.where(foreign, over[:, :, 1], straight)),
        way(np.where(foreign, over[:, :, 0], np.inf)),
    )
    times = hit.times(_drive(sites, demand))
    return WhatIfTimes(
        out=hit.out.to_numpy(dtype=np.bool_),
        lead_ms=lead_ms,
        joint_ms=dense(times),
        agreed_ms=dense(_today(times, sites, demand)) if analysis.agreements else None,
        open_ms=(closed, np.where(once < closed, once, NEVER).astype(np.int32)),
    )


# --- cooperation ---------------------------------------------------------------------------------------------

PEOPLE_GAINED = [(0.0, 2_000.0), (60.0, 1_500.0), (120.0, 900.0), (180.0, 420.0), (300.0, 66.0), (360.0, 0.0)]


def _depends(level: str, partner: str, share: float) -> dict[str, Any]:
    return {
        "level": level,
        "kind": "partner" if partner else "all",
        "place": partner,
        "name": partner,
        "covered": 4_000.0,
        "depends": 4_000.0 * share,
        "share": share,
        "on": "west" if share else "",
    }


def _together(analysis: Any) -> Any:
    """Measures of cooperation with the columns that `mutualaid.cooperation.cooperation` gives; most are invented."""
    covered, partners = analysis.coverage, list(analysis.region.jurisdictions["partner"].unique())
    asked = levels(covered)[1:]
    first = []
    for level in asked:
        here = covered[covered[f"{level}_partner"].notna()]
        people = here.groupby([f"{level}_partner", "partner"])["population"].sum()
        first += [
            {
                "level": level,
                "helper": helper,
                "host": host,
                "people": n,
                "in_time": n / 2,
                "incidents": np.nan,
            }
            for (helper, host), n in people.items()
        ]
    reciprocity = pd.DataFrame(first)
    flows, rests = [], []
    for number, level in enumerate(asked):
        abroad = reciprocity[(reciprocity["level"] == level) & (reciprocity["helper"] != reciprocity["host"])]
        for partner in partners:
            gives, takes = (abroad.loc[abroad[key] == partner, "people"].sum() for key in ("helper", "host"))
            flow = {"gives": gives, "takes": takes, "balance": gives - takes, "symmetry": 0.25 + number / 2}
            more = {f"incidents_{key}": n / 1_000 for key, n in flow.items()}
            flows.append({"level": level, "partner": partner, **flow, **more})
            rests.append(_depends(level, partner, 0.17 * (number + 1) if partner != "west" else 0.0))
        rests.append(_depends(level, "", 0.085 * (number + 1)))
    lost = {
        f"lost_{level}": values
        for level, values in (("joint", [321.4, 0.0]), ("agreed", [54.2, 0.0]))
        if level in asked
    }
    crossings = pd.DataFrame(
        {
            "name": analysis.network.crossings["name"], "from_partner": partners[0], "to_partner": partners[-1],
            "international": [True, False], "reached": [True, False], **lost,
            "later_population": [100.0, 0.0], "later_s": [59.3, np.nan], "break_even_s": [163.1, np.nan],
        },
        index=pd.Index(["x1", "x2"], name="crossing"),
    )  # fmt: skip
    only = {f"only_{level}": [1_000.4 + k, 0.0, 20.2 + k] for k, level in enumerate(levels(covered))}
    stations = analysis.stations[["name", "partner"]].assign(**only, units=np.nan)
    sweep = [
        {
            "parameter": key,
            "level": "joint",
            "jurisdiction": place,
            "seconds": s,
            "covered": 5_000 + n,
            "closed": n,
        }
        for key, share in (("dispatch_s", 1.0), ("crossing_s", 0.9))
        for place, part in (("", share), ("west", share / 4))
        for s, n in ((s, n * part) for s, n in PEOPLE_GAINED)
    ]
    left = {f"left_{s}": 0.0 for s in (120, 180, 300, 480, 900)}
    even = {
        "kind": "all",
        "place": "",
        "name": "all",
        "gain": 2_000.0,
        "break_even_s": 333.3,
        "half_s": 111.5,
        **left,
    }
    shares = pd.DataFrame(
        {"shapley": [0.75, 0.25], "stand_alone": [np.nan, np.nan], "shapley_amount": [75_000.0, 25_000.0],
         "stand_alone_amount": [np.nan, np.nan]},
        index=pd.Index([partners[0], partners[-1]], name="partner"),
    )  # fmt: skip
    core = pd.DataFrame(
        {"people_walks_out": [False, None], "people_coalition": ["", None], "people_excess": [0.0, np.nan],
         "money_walks_out": [True, None], "money_coalition": ["west", None], "money_excess": [5_000.0, np.nan]},
        index=pd.Index(["shapley", "stand_alone"], name="rule"),
    ).astype({"people_walks_out": "boolean", "money_walks_out": "boolean"})  # fmt: skip
    return SimpleNamespace(
        reciprocity=reciprocity, balance=pd.DataFrame(flows), dependence=pd.DataFrame(rests), stations=stations,
        crossings=crossings, sweep=pd.DataFrame(sweep), break_even=pd.DataFrame([even]), shares=shares, core=core,
        summary={"notes": [*analysis.notes, "Nobody counted the units."]},
    )  # fmt: skip


# --- siting --------------------------------------------------------------------------------------------------

#: What a plan opens and closes, and the plans that are nearly as good: by position among stations and sites.
PLANS = (([4, 6], [2]), ([4, 5], [2]), ([3, 6], [0]))


def _study(analysis: Any, tables: WhatIfTables, *, level: str = "joint", **texts: str) -> SitingStudy:
    """Invent a siting study over all weathers, whose numbers are those of the what-if of the page."""
    names = {"road": "Mill Lane", "near": "Millbrook", "site": ""} | texts
    sites, demand = tables.sites, analysis.demand
    foreign = tables.home[:, None] != tables.place
    seconds = {}
    for key, times in tables.weather.items():
        ms = times.agreed_ms if level == "agreed" else times.joint_ms
        assert ms is not None
        seconds[key] = np.where((ms == NEVER) | (foreign & (level == "alone")), np.inf, ms / 1000)
    frame = sites.assign(
        state=np.where(sites["candidate"], "candidate", "closable"), opening_cost=2.5, closing_cost=0.5
    )
    table = site_table(seconds, frame, demand, limit_s=tables.limit_s)
    plans = tuple(_plan(table, *plan, gap=0.0) for plan in PLANS)
    return SitingStudy(
        analysis=analysis,
        table=table,
        level=level,
        model="mclp",
        over=Over(dict.fromkeys(table.seconds, 1.0)),
        choice=Choice(add=2, close=1),
        fair=None,
        plan=plans[0],
        alternatives=plans,
        sites=_planned(analysis, table, plans, names),
        gains=plan_gains(plans[0]),
        curve=pd.DataFrame(),
        time_curve=pd.DataFrame(),
        cost_curve=pd.DataFrame(),
        separate=None,
        unreached=demand.iloc[:3],
        notes=(),
    )


def _plan(table: SiteTable, opens: list[int], closes: list[int], *, gap: float) -> Plan:
    units = table.existing.astype(np.int64)
    units[opens], units[closes] = 1, 0
    value = sum(table.weight[table.reach(key)[units > 0].any(axis=0)].sum() for key in table.seconds)
    return Plan("mclp", table, units, value, value / (1 - gap), True, "time limit" if gap else "optimal", 0.1)


def _planned(
    analysis: Any, table: SiteTable, plans: tuple[Plan, ...], names: dict[str, str]
) -> gpd.GeoDataFrame:
    """Sites of all plans with what is told of them; the first is on a road, near a place, and lost in every hazard."""
    over = Over(dict.fromkeys(table.seconds, 1.0))
    worth = pd.concat([plan_sites(plan, over=over) for plan in plans])
    worth = worth[~worth.index.duplicated()].sort_values("change", ascending=False, kind="stable")
    of = np.array([[site in (*plan.opened, *plan.closed) for plan in plans] for site in worth.index])
    found = gpd.GeoDataFrame(table.sites.loc[worth.index])
    new, first = (worth["change"] == "opened").to_numpy(), np.arange(len(worth)) == 0
    scenarios = [one.scenario.id for one in analysis.scenarios]
    return found.drop(columns="partner").assign(
        **worth,
        in_plan=of[:, 0],
        in_plans=of.mean(axis=1),
        jurisdiction_name=found["jurisdiction"].map(analysis.region.jurisdictions["name"]),
        name=np.where(new, names["site"], found["name"]),
        road_name=np.where(first, names["road"], ""),
        near=np.where(first, names["near"], ""),
        near_m=np.where(first, 420.0, np.nan),
        out_in=np.where(first, ";".join(scenarios), ""),
    )


# --- evacuation ----------------------------------------------------------------------------------------------

#: Where people leave and arrive, in metres from the corner, and the ways between them: zone, sink, vehicles an hour,
#: minutes of the first and last departure, and the corners of the way.
ZONES = {"Z1": (2_600, 3_000), "Z2": (1_900, 7_400), "Z3": (5_800, 7_000)}
SINKS = {
    "own": (700, 5_600),
    "beyond": (7_600, 2_300),
    "exit": (300, 8_700),
    "burnt": (3_300, 3_500),
    "far": (8_500, 8_500),
}
WAYS: tuple[tuple[str, str, float, float, float, tuple[tuple[float, float], ...]], ...] = (
    ("Z1", "beyond", 600.0, 0.0, 80.0,
     ((2_600, 3_000), (3_200, 2_500), (4_500, 2_510), (5_600, 2_500), (7_600, 2_300))),
    ("Z1", "own", 240.0, 5.0, 45.0, ((2_600, 3_000), (1_800, 4_200), (700, 5_600))),
    ("Z2", "own", 150.0, 0.0, 30.0, ((1_900, 7_400), (1_200, 6_400), (700, 5_600))),
    ("Z2", "exit", 300.0, 10.0, 60.0, ((1_900, 7_400), (900, 8_000), (300, 8_700))),
    ("Z3", "beyond", 200.0, 0.0, 50.0, ((5_800, 7_000), (6_400, 4_500), (5_600, 2_500), (7_600, 2_300))),
)  # fmt: skip
PEOPLE_A_CAR, STEP_S, PACE = 2.5, 300.0, 1.33 / (40 / 3.6)


def _evacuated(analysis: Any, *, level: str = "joint", finite: bool = True, **texts: str) -> Any:
    """Invent an evacuation of the made-up region with the fields that `mutualaid.evacuation.evacuation` gives.

    `finite` False: no upper bound was found, and the plan takes nobody out; `texts` replace names.
    """
    names = {
        "case": "Fire in the hills",
        "road": "Mill Lane",
        "zone": "",
        "sink": "",
        "crossing": "",
        "note": "",
    } | texts
    ways = WAYS if finite else ()
    number: dict[Any, int] = {}
    paths = [
        np.array([number.setdefault(pair, 2 * len(number)) for pair in pairwise(corners)], dtype=np.int64)
        for *_, corners in ways
    ]
    end_s = 6_120.0 if finite else 0.0
    routes = _routes(ways, names)
    flows, steps = _traffic(number, paths, routes, names)
    zones = _cleared(ways, routes, analysis.region.jurisdictions, names)
    shelters = _sheltered(routes, names)
    left = pd.DataFrame(
        {"zone": ["Z1", "Z2", "Z3"], "reason": ["no car and no bus", "not in time or no room", "no road"],
         "people": zones["people_left"].to_numpy()}
    )  # fmt: skip
    discs = [shapely.buffer(shapely.Point(*_placed([(3_600, 4_600)])[0]), r) for r in range(400, 3_400, 300)]
    bands = [outer if k == 0 else outer.difference(discs[k - 1]) for k, outer in enumerate(discs)]
    hazard = gpd.GeoDataFrame({"arrival_s": np.arange(len(bands)) * 900.0}, geometry=bands, crs=UTM)
    closed = shapely.linestrings([_placed([(3_000, y), (4_000, y)]) for y in (4_250.0, 4_750.0, 5_250.0)])
    span = {"lower_s": [9_000.0, 5_970.0], "upper_s": [9_900.0, 6_120.0 if finite else np.inf]}
    kinds = ["lane", "contraflow", "without_crossing", "opened_crossing", "earlier", "unstaged"]
    return SimpleNamespace(
        analysis=analysis, level=level, built=None, simulation=None, baseline=None,
        case=EvacuationCase(
            name=names["case"], buses=4, background=0.1, contraflow=(names["road"],), exits=finite, note=names["note"],
            persons_per_vehicle=2.2, confidences={"persons_per_vehicle": "stated"},
            arrival=ArrivalSource(file=Path("fire.geojson"), hazard="wildfire", column="min", derived=True,
                                  name=names["note"]),
        ),
        bracket=SimpleNamespace(lower_s=5_970.0, upper_s=6_120.0 if finite else np.inf),
        plan=SimpleNamespace(
            clearance_s=end_s, paths=tuple(paths), network=SimpleNamespace(road_edge=np.arange(2 * len(number) + 1))
        ),
        zones=zones, curves=_curves(zones, end_s), routes=routes, flows=flows, steps=steps, shelters=shelters,
        left=left,
        crossings=gpd.GeoDataFrame(
            {"name": [names["crossing"] or "Old Bridge"], "from_jurisdiction": ["west"], "to_jurisdiction": ["east"],
             "vehicles": [800.0], "people": [2_000.0], "peak_vph": [600.0], "capacity_vph": [600.0]},
            index=["x1"], geometry=gpd.points_from_xy(*(BRIDGES[:1] + CORNER).T), crs=UTM,
        ),
        cut=flows.iloc[1:3][["name", "capacity_vph", "geometry"]].assign(from_s=0.0, to_s=5_970.0),
        why=("Z1 and the shelter beyond the river bind.",), people_behind=2_000.0,
        closures=gpd.GeoDataFrame({"name": "", "closes_s": [1_200.0, 2_400.0, 4_800.0]}, geometry=closed, crs=UTM),
        hazard=hazard,
        levels=pd.DataFrame(
            {**span, "people_out": [1_500.0, 3_900.0], "people_left": [2_600.0, 200.0], "overflow": [900.0, 0.0],
             "crossing_people": [0.0, 2_000.0]}, index=["own", "joint"],
        ),
        sensitivity=pd.DataFrame(
            {"lower_s": [5_000.0, 5_970.0, 8_000.0], "upper_s": [5_200.0, 6_120.0, 8_400.0], "vehicles": 1_700.0},
            index=["planning", "evacuation", "sustained"],
        ),
        measures=pd.DataFrame(
            {"kind": kinds, "id": "", "name": [names["road"], names["road"], "Old Bridge", "New Bridge", "", ""],
             "lower_s": [5_400.0, 5_500.0, 9_000.0, 5_900.0, 5_300.0, np.nan], "upper_s": 9_000.0,
             "saved_s": [570.0, 470.0, -3_030.0, 70.0, 670.0, -900.0], "vehicles": 1_700.0,
             "vehicles_more": [0.0, 0.0, -20.0, 0.0, 0.0, -4.0]}
        ),
        notes=("Nobody measured the roads.",),
    )  # fmt: skip


def _placed(at: Iterable[tuple[float, float]]) -> NDArray[np.float64]:
    placed: NDArray[np.float64] = np.array(list(at), dtype=np.float64).reshape(-1, 2) + CORNER
    return placed


def _routes(ways: Any, names: dict[str, str]) -> gpd.GeoDataFrame:
    rows: list[dict[str, Any]] = []
    lines = []
    for zone, sink, vph, first, last, corners in ways:
        line = shapely.LineString(_placed(corners))
        vehicles = vph * (last - first) / 60
        latest_s = np.inf if sink == "exit" else 60 * last + 420.0
        rows.append(
            {"zone": zone, "sink": sink, "rate_vph": vph, "from_s": 60 * first, "to_s": 60 * last, "vehicles": vehicles,
             "people": vehicles * PEOPLE_A_CAR, "drive_s": line.length * PACE,
             "arrives_s": 60 * last + line.length * PACE,
             "latest_s": latest_s, "margin_s": latest_s - 60 * last, "zone_name": names["zone"] or zone,
             "sink_name": names["sink"] or sink, "sink_kind": "exit" if sink == "exit" else "shelter",
             "way": f"W{len(rows) + 1}", "roads": (names["road"], "Station Road"), "length_m": line.length,
             "crossings": "x1" if sink == "beyond" and zone == "Z1" else ""}
        )  # fmt: skip
        lines.append(line)
    table = pd.DataFrame(rows, columns=None if rows else list(_ROUTE_COLUMNS))
    return gpd.GeoDataFrame(table.set_axis([f"R{k + 1}" for k in range(len(table))]), geometry=lines, crs=UTM)


_ROUTE_COLUMNS = (
    "zone", "sink", "rate_vph", "from_s", "to_s", "vehicles", "people", "drive_s", "arrives_s", "latest_s", "margin_s",
    "zone_name", "sink_name", "sink_kind", "way", "roads", "length_m", "crossings",
)  # fmt: skip


def _traffic(
    number: dict[Any, int], paths: list[NDArray[np.int64]], routes: gpd.GeoDataFrame, names: dict[str, str]
) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """What the routes put on each piece of road, and when."""
    rows: list[dict[str, Any]] = []
    steps: list[dict[str, Any]] = []
    known: list[dict[Any, Any]] = routes.drop(columns="geometry").to_dict("records")
    times = np.arange(0.0, 6_000.0, STEP_S)
    for pair, edge in number.items():
        rate, vehicles = np.zeros(len(times)), 0.0
        for path, row in zip(paths, known, strict=True):
            if edge in path:
                rate += np.where((times >= row["from_s"]) & (times < row["to_s"]), row["rate_vph"], 0.0)
                vehicles += row["vehicles"]
        rows.append(
            {"edge": edge, "name": names["road"] if len(rows) % 3 else "", "vehicles": vehicles,
             "people": vehicles * PEOPLE_A_CAR, "peak_vph": rate.max(), "capacity_vph": 600.0 + 200.0 * (len(rows) % 2),
             "from_s": 0.0, "to_s": 5_400.0, "closes_s": 5_800.0 if len(rows) == 1 else np.inf,
             "geometry": shapely.LineString(_placed(pair))}
        )  # fmt: skip
        steps += [
            {"edge": edge, "time_s": at, "vph": vph} for at, vph in zip(times, rate, strict=True) if vph > 0
        ]
    columns = [
        "edge",
        "name",
        "vehicles",
        "people",
        "peak_vph",
        "capacity_vph",
        "from_s",
        "to_s",
        "closes_s",
        "geometry",
    ]
    flows = gpd.GeoDataFrame(
        pd.DataFrame(rows, columns=columns).set_index("edge"), geometry="geometry", crs=UTM
    )
    return flows, pd.DataFrame(steps, columns=["edge", "time_s", "vph"])


def _cleared(
    ways: Any, routes: gpd.GeoDataFrame, jurisdictions: gpd.GeoDataFrame, names: dict[str, str]
) -> gpd.GeoDataFrame:
    rows = []
    for k, key in enumerate(ZONES):
        own = routes[routes["zone"] == key]
        out, left = own["people"].sum(), 100.0 - 40.0 * k if len(ways) else 1_000.0
        ete = {
            f"ete_{share}_s": 60.0 * share if len(ways) and share < 100 else np.inf
            for share in (50, 90, 95, 100)
        }
        rows.append(
            {"name": names["zone"] or f"{key} hill", "jurisdiction": "east" if key == "Z3" else "west",
             "partner": "east" if key == "Z3" else "west", "people": out + left, "vehicles": own["vehicles"].sum(),
             "arrives_s": [1_800.0, np.inf, np.nan][k], "people_out": out, "people_left": left,
             "first_s": own["from_s"].min(), "last_s": own["to_s"].max(), "latest_s": own["latest_s"].min(),
             "margin_s": own["margin_s"].min(), **ete, "nearest_ete_90_s": np.inf, "nearest_people_out": out / 2}
        )  # fmt: skip
    at = shapely.buffer(shapely.points(_placed(ZONES.values())), 900)
    return gpd.GeoDataFrame(rows, index=pd.Index(list(ZONES)), geometry=at, crs=jurisdictions.crs)


def _sheltered(routes: gpd.GeoDataFrame, names: dict[str, str]) -> gpd.GeoDataFrame:
    people = routes.groupby("sink")["people"].sum().reindex(list(SINKS), fill_value=0.0)
    return gpd.GeoDataFrame(
        {"name": [names["sink"] or f"{key} place" for key in SINKS],
         "kind": ["shelter", "shelter", "exit", "shelter", "shelter"],
         "jurisdiction": ["west", "east", "", "west", "east"], "partner": ["west", "east", "", "west", "east"],
         "own": [True, False, True, True, True], "status": ["usable", "usable", "usable", "in the hazard", "no way"],
         "room": [800.0, 2_600.0, np.inf, 120.0, np.nan], "people": people, "vehicles": people / PEOPLE_A_CAR,
         "overflow": [340.0, 0.0, 0.0, 0.0, 0.0], "opens_s": [1_200.0, 0.0, 0.0, 0.0, 0.0],
         "closes_s": [np.inf, 7_200.0, np.inf, 1_800.0, np.inf]},
        index=pd.Index(list(SINKS)), geometry=shapely.points(_placed(SINKS.values())), crs=UTM,
    )  # fmt: skip


def _curves(zones: gpd.GeoDataFrame, end_s: float) -> pd.DataFrame:
    """People in safety, evenly over time; half of them in the baseline."""
    times = np.arange(0.0, end_s + STEP_S, STEP_S).clip(max=end_s)
    everybody = {**zones["people_out"].to_dict(), "": zones["people_out"].sum()}
    rows = [
        {
            "zone": zone,
            "kind": kind,
            "time_s": at,
            "people": n * factor * at / end_s,
            "share": factor * at / end_s,
        }
        for zone, n in everybody.items()
        for kind, factor in (("plan", 1.0), ("nearest", 0.5))
        for at in (times if end_s else ())
    ]
    return pd.DataFrame(rows, columns=["zone", "kind", "time_s", "people", "share"])


def _no_gaps() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"level": []}, geometry=[], crs=UTM)


@pytest.fixture(scope="session")
def made_up() -> Callable[..., Any]:
    """Analyse a made-up region of a chosen size, with chosen texts."""
    return _made_up


@pytest.fixture(scope="session")
def analysis() -> Any:
    """The made-up region with 2,000 cells."""
    return _made_up()


@pytest.fixture(scope="session")
def threatened(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The made-up region with 2,000 cells and three scenarios."""
    return _made_up(hazards=tmp_path_factory.mktemp("layers"))


@pytest.fixture(scope="session")
def agreed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The made-up region with three scenarios and an agreement in force."""
    return _made_up(hazards=tmp_path_factory.mktemp("agreed"), agreed=True)


@pytest.fixture(scope="session")
def tables() -> Callable[..., WhatIfTables]:
    """Make the tables of what-ifs of a made-up region."""
    return _tables


@pytest.fixture(scope="session")
def study() -> Callable[..., SitingStudy]:
    """Invent a siting study of a region from the tables of its what-ifs."""
    return _study


@pytest.fixture(scope="session")
def evacuated() -> Callable[..., Any]:
    """Invent an evacuation of a made-up region."""
    return _evacuated


@dataclass(frozen=True)
class Demo:
    """The embedded region: its run, what is measured of it, its what-ifs, and the page of all that."""

    analysis: Analysis
    cooperation: Cooperation
    tables: WhatIfTables
    page: Path


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The embedded region, computed once for all tests; no test changes anything of it."""
    analysis = analyse(read_region(demo_path()))
    measures, tables = cooperation(analysis), what_if_tables(analysis)
    page = coverage_map(analysis, measures, tables)
    return Demo(analysis, measures, tables, save_offline(page, tmp_path_factory.mktemp("demo") / "map.html"))


@pytest.fixture(scope="session")
def together() -> Callable[[Any], Any]:
    """Invent measures of cooperation for a made-up region."""
    return _together


def _told(value: Any) -> str:
    """Say a message or a value of one in English, as the page does."""
    match value:
        case str():
            return value
        case [key]:
            return str(TEXTS[key])
        case [key, values]:
            text = TEXTS[key]
            if isinstance(text, Plural):
                text = text.one if values["n"] == 1 else text.other
            return text.format(**{name: _told(one) for name, one in values.items()})
        case int() | float():
            return f"{value:,.0f}"
        case {"s": s}:
            whole = int(-(-s // 1))
            return f"{whole // 60}:{whole % 60:02d}"
        case {"min": s}:
            return _told({"s": s}).removesuffix(":00")
        case {"d": number, "digits": digits}:
            return f"{round(number, digits):,}".removesuffix(".0")
        case {"share": share}:
            return f"{share * 100:.0f} %"
        case {"day": day}:
            return str(day)
        case {"t": text}:
            return str(text)
        case {"list": parts}:
            return ", ".join(map(_told, parts))
        case {"dots": parts}:
            return " · ".join(map(_told, parts))
    raise AssertionError(value)


@pytest.fixture(scope="session")
def told() -> Callable[[Any], str]:
    """Say a message of the page in English."""
    return _told


@pytest.fixture(scope="session")
def clock() -> Callable[[float], str]:
    """Say seconds as minutes and seconds, rounded up so that what is late never reads as in time."""
    return lambda seconds: _told({"s": seconds})


@dataclass
class Visit:
    """An opened page, what it asked for beyond its own file, and what it complained about."""

    page: Page
    requests: list[str]
    complaints: list[str]


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Open a file in a browser without a network and wait until the map is complete."""
    contexts = []

    def go(path: Path, *, width: int = 1400, height: int = 900, wait: bool = True, **options: Any) -> Visit:
        context = browser.new_context(offline=True, viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        context.set_default_timeout(8_000)
        page = context.new_page()
        seen = Visit(page, [], [])
        own = path.resolve().as_uri()

        def refuse(route: Route) -> None:
            if route.request.url == own:
                route.continue_()
            else:
                seen.requests.append(route.request.url)
                route.abort()

        page.route("**/*", refuse)

        def complain(kind: str, text: str) -> None:
            if kind not in ("log", "info", "debug"):
                seen.complaints.append(f"{kind}: {text}")

        def dismiss(dialog: Dialog) -> None:
            complain("dialog", dialog.message)
            dialog.dismiss()

        page.on("console", lambda message: complain(message.type, message.text))
        page.on("pageerror", lambda error: complain("error", str(error)))
        page.on("dialog", dismiss)
        page.goto(own)
        if wait:
            page.wait_for_selector("[data-mutualaid=ready]")
        return seen

    yield go
    for context in contexts:
        context.close()
