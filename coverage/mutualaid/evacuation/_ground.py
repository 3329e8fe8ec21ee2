"""What people drive on in an evacuation and where to, before anybody is placed on it."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.coverage import Analysis
from mutualaid.data import EvacuationCase
from mutualaid.errors import Defect, EvacuationError
from mutualaid.evacuation._assemble import Spots, assemble, linked
from mutualaid.evacuation._capacities import contraflow_roads, road_capacities
from mutualaid.evacuation._gather import junction_capacity
from mutualaid.evacuation._paths import seconds_to_by_node
from mutualaid.evacuation._roads import (
    HazardOnRoads,
    car_graph,
    closed_by_name,
    find_scenario,
    hazard_on_roads,
    node_partners,
    partner_of_roads,
    passages_to_close,
    turned_round,
)
from mutualaid.evacuation._sinks import evacuation_sinks, with_status
from mutualaid.hazards import Arrival
from mutualaid.network import Network, RouteGraph

__all__ = ["EvacuationGround", "sink_spots"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class EvacuationGround:
    """What people drive on, and where to.

    ``before`` is the graph without contraflow, ``graph`` the one with it; ``drive_s`` (2m,); ``sinks`` with their
    status but for ``no way``; ``partner`` (m,) and ``at_node`` (n,) whose ground each
    road and node lies on; ``way_out`` (n,) nodes from
    which a sink can be reached at the alarm at level joint, whatever is closed by name: where people gather does not
    depend on that; ``strength`` (n,) vehicles an hour that can leave each node.
    """

    before: RouteGraph
    graph: RouteGraph
    hazard: HazardOnRoads
    drive_s: Floats
    capacities: pd.DataFrame
    sinks: gpd.GeoDataFrame
    partner: NDArray[np.object_]
    at_node: NDArray[np.object_]
    way_out: Bools
    strength: Floats

    @staticmethod
    def of(
        analysis: Analysis, case: EvacuationCase, zones: gpd.GeoDataFrame, level: str, arrival: Arrival | None
    ) -> EvacuationGround:
        network, region = analysis.network, analysis.region
        scenario = find_scenario(analysis, case)
        before = car_graph(analysis, case)
        sinks = evacuation_sinks(analysis, case, before, arrival)
        if sinks.empty:
            got = "neither" if case.exits else "no shelters, and exits are left out"
            remedy = "add [shelters] to region.toml, or let roads lead out with exits = true"
            raise EvacuationError([Defect("", "sinks", "shelters, or roads that lead out", got, remedy)])
        hazard = hazard_on_roads(analysis, before, scenario, arrival)
        partner = partner_of_roads(network, region.jurisdictions)
        at_node = node_partners(network, partner)
        lies = np.where(sinks["road"] >= 0, partner[np.maximum(sinks["road"].to_numpy(), 0)], "")

        usual = road_capacities(network, preset=case.capacities, factor="planning")["capacity_vph"].to_numpy()
        usual = np.where(np.repeat(hazard.closed | (hazard.closes_s <= 0), 2), 0.0, usual)
        joint = with_status(sinks, analysis, zones, scenario=scenario, level="joint", ground=lies)
        way_out = _way_out(before, usual, joint)
        named = closed_by_name(network, case.closed_ways, case.closed_crossings, "evacuation")
        closed_s = np.where(np.repeat(hazard.closed | named, 2), np.inf, before.drive_ms / 1000.0)
        graph, capacities = _with_contraflow(analysis, case, before, closed_s, joint)

        status = np.full(2 * network.n_roads, "open", dtype=object)
        if level == "own":
            status[passages_to_close(network, partner, at_node, set(zones["partner"]))] = "border"
        status[np.repeat(named, 2)] = "closed"
        status[np.repeat(hazard.closed, 2)] = "hazard"
        status[graph.drive_ms < 0] = "not for cars"
        vph = np.where(status == "open", capacities["capacity_vph"], 0.0)
        return EvacuationGround(
            before=before,
            graph=graph,
            hazard=hazard,
            drive_s=np.maximum(graph.drive_ms, 0) / 1000.0 / np.repeat(hazard.factor, 2),
            capacities=capacities.assign(capacity_vph=vph, status=status.astype(str)),
            sinks=with_status(sinks, analysis, zones, scenario=scenario, level=level, ground=lies),
            partner=partner,
            at_node=at_node,
            way_out=way_out,
            strength=junction_capacity(before, usual),
        )


def sink_spots(graph: RouteGraph, sinks: gpd.GeoDataFrame) -> Spots:
    """Spots of sinks; one without a road stands at the first road, and is never used."""
    road = np.maximum(sinks["road"].to_numpy(np.int64), 0)
    return Spots.of(graph, road, np.nan_to_num(sinks["fraction"].to_numpy(np.float64)))


def _way_out(graph: RouteGraph, capacity_vph: Floats, sinks: gpd.GeoDataFrame) -> Bools:
    """(n,) nodes from which a sink can be reached over roads that are open at the alarm."""
    usable = (sinks["status"] == "usable").to_numpy()
    made = assemble(graph, np.zeros(len(graph.drive_ms)), Spots.at_nodes([]), sink_spots(graph, sinks))
    free = (made.road_edge < 0) | (capacity_vph[made.road_edge] > 0)
    back = linked(made.n_nodes, made.head[free], made.tail[free], made.sink_node[usable])
    return np.asarray(back[graph.state_of_node], dtype=np.bool_)


def _with_contraflow(
    analysis: Analysis, case: EvacuationCase, before: RouteGraph, drive_s: Floats, sinks: gpd.GeoDataFrame
) -> tuple[RouteGraph, pd.DataFrame]:
    """Give the graph and the capacities with roads in contraflow led towards the sinks."""
    network = analysis.network
    if not case.contraflow:
        return before, _capacities(network, case, None)
    chosen = contraflow_roads(network, case.contraflow)
    usable = sinks[sinks["status"] == "usable"]
    ends = network.roads[["a", "b"]].to_numpy(np.int64)
    near = ends[usable["road"].to_numpy(), (usable["fraction"].to_numpy() > 0.5).astype(np.int64)]
    both = np.repeat(chosen, 2)
    fastest = np.where(drive_s < 0, np.inf, drive_s)
    fastest = np.where(both, np.repeat(fastest.reshape(-1, 2).min(axis=1), 2), fastest)
    to_sink_s = seconds_to_by_node(network, fastest, near)
    outbound, turned = turned_round(before, chosen, to_sink_s)
    return car_graph(analysis, case, turned=turned), _capacities(network, case, outbound)


def _capacities(network: Network, case: EvacuationCase, outbound: Bools | None) -> pd.DataFrame:
    return road_capacities(
        network,
        preset=case.capacities,
        factor=case.factor,
        background=case.background,
        contraflow=case.contraflow,
        outbound=outbound,
    )
