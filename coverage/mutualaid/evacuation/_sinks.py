"""Where people may go: shelters with their room and hours, and the ends of the map."""

from __future__ import annotations

from collections.abc import Collection

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from mutualaid.coverage import Analysis
from mutualaid.data import EvacuationCase, HazardScenario
from mutualaid.hazards import Arrival, arrival_at, scenario_severity
from mutualaid.network import RouteGraph, snap

__all__ = ["evacuation_sinks", "map_exits", "with_status"]

#: Classes of roads that lead on where the map ends: smaller ones may simply end there.
_THROUGH = ("motorway", "trunk", "primary", "secondary", "tertiary")
#: A road that ends no further from the edge of the partners' ground than this is cut off there.
_EDGE_M = 50.0
_COLUMNS = [
    "name",
    "kind",
    "jurisdiction",
    "partner",
    "people",
    "opens_s",
    "closes_s",
    "stands",
    "road",
    "fraction",
]


def evacuation_sinks(
    analysis: Analysis, case: EvacuationCase, graph: RouteGraph, arrival: Arrival | None
) -> gpd.GeoDataFrame:
    """Lay out all shelters and exits, whether they can be used or not.

    Parameters
    ----------
    analysis
        The region with its shelters.
    case
        Floor for each person, and whether exits count.
    graph
        The roads as cars use them.
    arrival
        When the hazard arrives; it closes what does not stand it.

    Returns
    -------
    GeoDataFrame
        Index sink id; ``name``, ``kind`` (``shelter`` or ``exit``), ``jurisdiction`` and ``partner`` ("" for an exit;
        the owner's for a shelter), ``people`` (room; NaN if neither capacity nor area is known), ``opens_s``,
        ``closes_s``, ``stands`` (hazards joined by ;), ``road``, ``fraction`` (-1 and NaN without a road),
        ``arrives_s`` (of the hazard: inf never as far as is known, NaN unknown), and the point.
    """
    tables = [_shelters(analysis, case, graph)]
    if case.exits:
        tables.append(map_exits(analysis, graph))
    sinks = pd.concat([one for one in tables if len(one)] or tables[:1])
    sinks = gpd.GeoDataFrame(sinks, geometry="geometry", crs=analysis.region.crs)
    arrives_s = np.full(len(sinks), np.inf)
    if arrival is not None and len(sinks):
        arrives_s = arrival_at(sinks, arrival).to_numpy(np.float64)
        standing = _standing(sinks, [arrival.hazard])
        reached = np.where(np.isnan(arrives_s) | standing, np.inf, arrives_s)
        sinks["closes_s"] = np.minimum(sinks["closes_s"], reached)
    return sinks.assign(arrives_s=arrives_s)


def _shelters(analysis: Analysis, case: EvacuationCase, graph: RouteGraph) -> gpd.GeoDataFrame:
    shelters = analysis.region.shelters
    place = snap(graph.network, shelters, max_m=analysis.region.parameters.snap_m, graph=graph)
    on = (place["status"] == "ok").to_numpy()
    room = shelters["capacity"].to_numpy(np.float64)
    by_area = np.floor(shelters["area_m2"].to_numpy(np.float64) / case.space_m2 + 1e-9)
    closes_s = 60 * shelters["closes_min"].to_numpy(np.float64)
    index = pd.Index(shelters.index.astype(str), name="sink")
    columns = {
        "name": shelters["name"].to_numpy(),
        "kind": "shelter",
        "jurisdiction": shelters["jurisdiction"].to_numpy(),
        "partner": shelters["owner"].to_numpy(),
        "people": np.where(np.isnan(room), by_area, room),
        "opens_s": 60 * shelters["opens_min"].to_numpy(np.float64),
        "closes_s": np.where(np.isnan(closes_s), np.inf, closes_s),
        "stands": shelters["stands"].to_numpy(),
        "road": np.where(on, place["road"], -1).astype(np.int64),
        "fraction": np.where(on, place["fraction"], np.nan),
    }
    frame = pd.DataFrame(columns, index=index)
    return gpd.GeoDataFrame(frame[_COLUMNS], geometry=shelters.geometry.to_numpy(), crs=analysis.region.crs)


def map_exits(analysis: Analysis, graph: RouteGraph) -> gpd.GeoDataFrame:
    """Find where roads leave the ground that the map covers.

    That is where a tertiary or more important road, no link, simply ends: outside all jurisdictions, or within 50 m of
    the edge of the ground of all of them together. A road that goes on would have a neighbour.

    Returns
    -------
    GeoDataFrame
        Columns as of `evacuation_sinks` but ``arrives_s``; index ``exit <OSM node>``, name that of the road.
    """
    network = graph.network
    roads = network.roads
    ends = roads[["a", "b"]].to_numpy(np.int64)
    arms = np.bincount(ends.ravel(), minlength=network.n_nodes)
    into = np.flatnonzero(graph.drive_ms >= 0)
    head = ends[:, ::-1].ravel()[into]
    road = into >> 1
    through = roads["class"].isin(_THROUGH).to_numpy()[road] & (roads["crossing"].to_numpy()[road] < 0)
    last = through & (arms[head] == 1)
    # A ring has both its ends at one node, and ends nowhere.
    last &= ends[road, 0] != ends[road, 1]
    head, road = head[last], road[last]
    point = shapely.points(network.x[head], network.y[head])
    land = shapely.union_all(analysis.region.jurisdictions.geometry.to_numpy())
    outside = roads["jurisdiction"].isna().to_numpy()[road]
    outside |= shapely.dwithin(point, land.boundary, _EDGE_M)
    head, road, point = head[outside], road[outside], point[outside]
    names = roads["name"].to_numpy(object)[road]
    classes = roads["class"].astype(str).to_numpy(object)[road]
    columns = {
        "name": [name or f"{kind} road" for name, kind in zip(names, classes, strict=True)],
        "kind": "exit",
        "jurisdiction": "",
        "partner": "",
        "people": np.inf,
        "opens_s": 0.0,
        "closes_s": np.inf,
        "stands": "",
        "road": road,
        "fraction": np.where(ends[road, 0] == head, 0.0, 1.0),
    }
    index = pd.Index([f"exit {one}" for one in network.node_id[head]], name="sink", dtype="str")
    frame = pd.DataFrame(columns, index=index)[_COLUMNS]
    return gpd.GeoDataFrame(frame, geometry=point, crs=network.crs)


def _standing(sinks: pd.DataFrame, hazards: Collection[str]) -> NDArray[np.bool_]:
    """Whether each stands all of these hazards."""
    wanted = set(hazards)
    return np.array([wanted <= set(str(one).split(";")) for one in sinks["stands"]], dtype=np.bool_)


def with_status(
    sinks: gpd.GeoDataFrame,
    analysis: Analysis,
    zones: gpd.GeoDataFrame,
    *,
    scenario: HazardScenario | None,
    level: str,
    ground: NDArray[np.object_],
) -> gpd.GeoDataFrame:
    """Say which of them may be used, and why not; the first reason counts.

    ``no road``; ``no room``; ``in the hazard`` (severity 1 or more in the scenario, or the hazard arrives before it
    opens, and it does not stand it); ``closed`` (it closes before it opens); ``in a zone`` that is to be left; ``not
    own`` (at level ``own``: of a partner whose people stay, or not on the owner's ground); else ``usable``.

    Parameters
    ----------
    ground
        Partner on whose ground the road of each lies; "" on nobody's.
    """
    inside = np.zeros(len(sinks), dtype=bool)
    if len(sinks):
        area = shapely.union_all(zones.geometry.to_numpy())
        shapely.prepare(area)
        inside = shapely.intersects(area, sinks.geometry.to_numpy())
    hit = _in_scenario(sinks, analysis, scenario)
    arrives_s = sinks["arrives_s"].to_numpy()
    late = sinks["closes_s"] <= sinks["opens_s"]
    hit |= late & (arrives_s <= sinks["opens_s"]) & (arrives_s <= sinks["closes_s"])
    shelter = (sinks["kind"] == "shelter").to_numpy()
    leaving = set(zones["partner"])
    owner = sinks["partner"].to_numpy(object)
    own = np.isin(owner, list(leaving)) & ((ground == owner) | ((ground == "") & (len(leaving) == 1)))
    status = np.select(
        [
            (sinks["road"] < 0).to_numpy(),
            ~(sinks["people"] > 0).to_numpy(),
            np.asarray(hit, dtype=bool),
            late.to_numpy(),
            inside,
            shelter & ~own & (level == "own"),
        ],
        ["no road", "no room", "in the hazard", "closed", "in a zone", "not own"],
        "usable",
    )
    return sinks.assign(status=status)


def _in_scenario(
    sinks: gpd.GeoDataFrame, analysis: Analysis, scenario: HazardScenario | None
) -> NDArray[np.bool_]:
    """In a hazard of the scenario that it does not stand."""
    found = np.zeros(len(sinks), dtype=bool)
    layers = analysis.layers.layers
    if (
        scenario is None
        or not len(sinks)
        or not any(one.scheme for one in layers if one.id in scenario.layers)
    ):
        return found
    said = scenario_severity(sinks, layers, scenario, jurisdictions=analysis.region.jurisdictions)
    for name in (one for one in map(str, said.columns) if one.startswith("severity_")):
        severe = said[name].to_numpy(np.int64, na_value=-1) >= 1
        found |= severe & ~_standing(sinks, [name.removeprefix("severity_")])
    return found
