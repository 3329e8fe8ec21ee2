"""Tables of an evacuation that planners read: zones, routes, flows on roads, shelters, crossings, the bottleneck."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.evacuation._build import EvacuationNetwork
from mutualaid.evacuation._cut import Cut
from mutualaid.evacuation._plan import edge_loads
from mutualaid.evacuation._results import RoutePlan, Simulation
from mutualaid.evacuation._simulate import ete
from mutualaid.evacuation._ways import edge_lines, ways

__all__ = [
    "closures_table",
    "crossings_table",
    "cut_table",
    "flows_table",
    "left_table",
    "overflow",
    "routes_table",
    "shelters_table",
    "zones_table",
]

#: Room, windows and people that are smaller than this are rounding.
_NOBODY = 1e-6
#: Roads of the bottleneck through which not even one vehicle gets are not shown.
_FEW = 1.0


def zones_table(
    built: EvacuationNetwork,
    arrives_s: pd.Series,
    plan: RoutePlan,
    simulation: Simulation,
    baseline: Simulation,
) -> gpd.GeoDataFrame:
    """Give what each zone must know: columns as of `EvacuationStudy.zones`."""
    routes = plan.routes.groupby("zone")
    table = built.zones[["name", "jurisdiction", "partner", "people"]].copy()
    everybody = table["people"]
    ours, theirs = (ete(one, people=everybody).reindex(table.index) for one in (simulation, baseline))
    table["vehicles"] = _by_zone(built.flow.sources, "vehicles", table.index)
    table["arrives_s"] = arrives_s.reindex(table.index)
    out = _by_zone(simulation.arrivals, "people", table.index)
    table["people_out"] = np.minimum(out, everybody)
    table["people_left"] = _rest(everybody - out)
    table["first_s"] = routes["from_s"].min().reindex(table.index)
    table["last_s"] = routes["to_s"].max().reindex(table.index)
    table["latest_s"] = routes["latest_s"].min().reindex(table.index)
    table["margin_s"] = routes["margin_s"].min().reindex(table.index)
    for name in ("ete_50_s", "ete_90_s", "ete_95_s", "ete_100_s"):
        table[name] = ours[name]
    table["nearest_ete_90_s"] = theirs["ete_90_s"]
    nearest = _by_zone(baseline.arrivals, "people", table.index)
    table["nearest_people_out"] = np.minimum(nearest, everybody)
    return gpd.GeoDataFrame(table, geometry=built.zones.geometry, crs=built.network.crs)


def routes_table(built: EvacuationNetwork, plan: RoutePlan) -> gpd.GeoDataFrame:
    """Give the routes with their roads: columns as of `EvacuationStudy.routes`."""
    table = plan.routes.copy()
    roads = ways(built, plan.paths)
    roads.index = table.index
    table["zone_name"] = built.zones["name"].reindex(table["zone"]).to_numpy()
    table["sink_name"] = built.sinks["name"].reindex(table["sink"]).to_numpy()
    table["sink_kind"] = built.sinks["kind"].reindex(table["sink"]).to_numpy()
    table["crossings"] = [";".join(one) for one in roads["crossings"]]
    key = pd.MultiIndex.from_frame(table[["zone", "sink", "crossings"]])
    table["way"] = [f"W{number + 1}" for number in pd.factorize(key)[0]]
    table["roads"] = roads["roads"]
    table["length_m"] = roads["length_m"]
    return gpd.GeoDataFrame(table, geometry=roads.geometry, crs=built.network.crs)


def flows_table(built: EvacuationNetwork, plan: RoutePlan) -> gpd.GeoDataFrame:
    """Give what the plan puts on each directed road edge: columns as of `EvacuationStudy.flows`."""
    loads, edge = _loads(built, plan)
    at = loads.index.to_numpy()
    loads = loads.assign(closes_s=built.flow.closes_s[at], capacity_vph=built.flow.capacity_vph[at])
    real = (edge >= 0) & (_crossing_of(built, edge) < 0)
    # Pieces of one road, cut where somebody starts, carry different flows: the road shows the most of any.
    table = loads[real].groupby(edge[real]).agg(
        vehicles=("vehicles", "max"), people=("people", "max"), peak_vph=("peak_vph", "max"),
        capacity_vph=("capacity_vph", "min"), from_s=("from_s", "min"), to_s=("to_s", "max"),
        closes_s=("closes_s", "min"),
    )  # fmt: skip
    return _on_roads(built, table)


def _loads(built: EvacuationNetwork, plan: RoutePlan) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Give the loads of the flow edges that are used, and the directed road edge of each, -1 for none."""
    loads = edge_loads(plan)
    return loads, built.flow.road_edge[loads.index.to_numpy()]


def _crossing_of(built: EvacuationNetwork, edge: NDArray[np.int64]) -> NDArray[np.int64]:
    """Position of the crossing that each directed road edge is; -1 for all others."""
    crossing = built.network.roads["crossing"].to_numpy(np.int64)
    return np.where(edge >= 0, crossing[np.maximum(edge, 0) >> 1], -1)


def shelters_table(
    built: EvacuationNetwork, simulation: Simulation, baseline: Simulation
) -> gpd.GeoDataFrame:
    """Give what each shelter and exit takes in: columns as of `EvacuationStudy.shelters`."""
    sinks = built.sinks
    owners = set(built.zones["partner"])
    table = sinks[["name", "kind", "jurisdiction", "partner"]].copy()
    table["own"] = sinks["partner"].isin(owners) | (sinks["kind"] == "exit")
    table["status"] = sinks["status"]
    table["room"] = sinks["people"]
    for name in ("people", "vehicles"):
        table[name] = simulation.arrivals.groupby("sink")[name].sum().reindex(table.index, fill_value=0.0)
    table["overflow"] = _overflow_by_sink(baseline).reindex(table.index, fill_value=0.0)
    table[["opens_s", "closes_s"]] = sinks[["opens_s", "closes_s"]]
    return gpd.GeoDataFrame(table, geometry=sinks.geometry, crs=built.network.crs)


def overflow(baseline: Simulation) -> float:
    """People who find their nearest shelter full."""
    return float(_overflow_by_sink(baseline).sum())


def _overflow_by_sink(baseline: Simulation) -> pd.Series:
    full = baseline.caught[baseline.caught["reason"] == "full shelter"]
    return full.groupby("sink")["people"].sum()


def crossings_table(built: EvacuationNetwork, plan: RoutePlan) -> gpd.GeoDataFrame:
    """Give what the plan takes over each crossing: columns as of `EvacuationStudy.crossings`."""
    loads, edge = _loads(built, plan)
    crossing = _crossing_of(built, edge)
    loads = loads.assign(capacity_vph=_approach_vph(built, loads.index.to_numpy()))
    used = loads[crossing >= 0].groupby(crossing[crossing >= 0])
    table = used.agg(
        vehicles=("vehicles", "sum"), people=("people", "sum"), peak_vph=("peak_vph", "sum"),
        capacity_vph=("capacity_vph", "sum"), from_s=("from_s", "min"), to_s=("to_s", "max"),
    )  # fmt: skip
    known = built.network.crossings.iloc[table.index.to_numpy(np.int64)]
    names = known[["name", "from_jurisdiction", "to_jurisdiction"]]
    joined = pd.DataFrame(names).join(table.set_axis(known.index))
    joined["between_partners"] = built.borders[table.index.to_numpy(np.int64)]
    return gpd.GeoDataFrame(joined, geometry=known.geometry, crs=built.network.crs)


def _approach_vph(built: EvacuationNetwork, at: NDArray[np.int64]) -> NDArray[np.float64]:
    """Capacity of the roads on either side of flow edges: a crossing is a point, and has none of its own."""
    flow = built.flow
    into, out = np.zeros(flow.n_nodes), np.zeros(flow.n_nodes)
    real = (flow.road_edge >= 0) & (_crossing_of(built, flow.road_edge) < 0)
    np.maximum.at(into, flow.head[real], flow.capacity_vph[real])
    np.maximum.at(out, flow.tail[real], flow.capacity_vph[real])
    return np.minimum(flow.capacity_vph[at], np.minimum(into[flow.tail[at]], out[flow.head[at]]))


def cut_table(built: EvacuationNetwork, found: Cut) -> gpd.GeoDataFrame:
    """Give the bottleneck on the roads: columns as of `EvacuationStudy.cut`."""
    table = found.edges[found.edges["vehicles"] >= _FEW]
    edge = built.flow.road_edge[table.index.to_numpy()]
    real = (edge >= 0) & (_crossing_of(built, edge) < 0)
    by_edge = table[real].groupby(edge[real]).agg(
        capacity_vph=("capacity_vph", "min"), from_s=("from_s", "min"), to_s=("to_s", "max"),
        vehicles=("vehicles", "max"),
    )  # fmt: skip
    return _on_roads(built, by_edge)


def closures_table(built: EvacuationNetwork) -> gpd.GeoDataFrame:
    """Give the roads that close, each in the direction a to b: columns as of `EvacuationStudy.closures`."""
    closes_s = np.minimum(*built.closes_s.reshape(-1, 2).T)
    road = np.flatnonzero(np.isfinite(closes_s))
    table = pd.DataFrame({"closes_s": closes_s[road]}, index=pd.Index(2 * road, name="edge"))
    return _on_roads(built, table)


def left_table(built: EvacuationNetwork, simulation: Simulation) -> pd.DataFrame:
    """Say who is left behind, by zone, and why: ``zone``, ``reason``, ``people``."""
    # Whoever has no way at all is no part of the flow: here these are the ones for whom the plan has none.
    caught = simulation.caught.assign(
        reason=simulation.caught["reason"].replace({"no way": "not in time or no room"})
    )
    columns = ["zone", "reason", "people"]
    table = pd.concat([built.left_behind[columns], caught[columns]], ignore_index=True)
    summed = table.groupby(["zone", "reason"], sort=False)["people"].sum().reset_index()
    return summed[summed["people"] > _NOBODY].reset_index(drop=True)


def _by_zone(table: pd.DataFrame, column: str, zones: pd.Index) -> pd.Series:
    return table.groupby("zone")[column].sum().reindex(zones, fill_value=0.0)


def _rest(people: pd.Series) -> pd.Series:
    return people.where(people > _NOBODY, 0.0)


def _on_roads(built: EvacuationNetwork, table: pd.DataFrame) -> gpd.GeoDataFrame:
    """Add the name and the line of each directed road edge of the index."""
    edges = table.index.to_numpy(np.int64)
    names = built.network.roads["name"].to_numpy(object)[edges >> 1]
    table.insert(0, "name", names)
    table.index.name = "edge"
    return gpd.GeoDataFrame(table, geometry=edge_lines(built, edges), crs=built.network.crs)
