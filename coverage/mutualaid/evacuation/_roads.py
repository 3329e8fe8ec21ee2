"""The roads of an evacuation: who may drive where, how long it takes, what is closed, and from when on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.coverage import Analysis
from mutualaid.data import EvacuationCase, HazardScenario
from mutualaid.errors import Defect, EvacuationError, HazardError
from mutualaid.hazards import Arrival, arrival_on_lines, scenario_roads
from mutualaid.network import (
    ROAD_CLASSES,
    EdgeTimes,
    Network,
    RouteGraph,
    edge_times,
    profile,
    route_graph,
)

__all__ = [
    "HazardOnRoads",
    "car_graph",
    "closed_by_name",
    "find_scenario",
    "hazard_on_roads",
    "node_partners",
    "partner_of_roads",
    "passages_to_close",
    "turned_round",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: As this cars drive on ways that are no roads for them, where these are opened.
_SLOWEST = "service"


@dataclass(frozen=True, eq=False)
class HazardOnRoads:
    """What hazards leave of m roads.

    Attributes
    ----------
    closed
        (m,) closed from the alarm on.
    factor
        (m,) share of the speed that is left where it is not closed.
    closes_s
        (m,) seconds after the alarm at which the hazard first arrives anywhere on the road; inf if it does not, as far
        as is known.
    unknown_m
        Metres of road on which nobody knows whether the hazard arrives.
    """

    closed: Bools
    factor: Floats
    closes_s: Floats
    unknown_m: float


def car_graph(analysis: Analysis, case: EvacuationCase, *, turned: Bools | None = None) -> RouteGraph:
    """Give the roads as private cars may use them: turn restrictions, one-way streets and access obeyed.

    Parameters
    ----------
    analysis
        The region; delays at its crossings are those of its parameters.
    case
        Names the ways that are opened for everybody; tracks and busways, on which nobody drives otherwise, as slowly as
        service roads.
    turned
        (2m,) directed edges that are driven the other way round (contraflow): they are closed, and the other direction
        of their road is open, at the same speed.

    Raises
    ------
    EvacuationError
        An opened way that is not there.
    """
    network = analysis.network
    _known_ways(network, "opened_ways", case.opened_ways)
    car = profile("civilian")
    roads = network.roads
    opened = roads["way"].isin(case.opened_ways).to_numpy()
    if opened.any():
        access = roads["access"].astype(object).where(~opened, "yes")
        kind = roads["class"].astype(object)
        kind = kind.where(~opened | kind.isin(list(car.speed_kph)), _SLOWEST)
        changed = {"access": pd.Categorical(access), "class": pd.Categorical(kind, categories=ROAD_CLASSES)}
        times = edge_times(replace(network, roads=roads.assign(**changed)), car)
    else:
        times = edge_times(network, car)
    if turned is not None and turned.any():
        drive_ms = times.drive_ms.copy()
        other = turned.reshape(-1, 2)[:, ::-1].ravel()
        onward = drive_ms.reshape(-1, 2)[:, ::-1].ravel()
        drive_ms[other] = np.where(drive_ms[other] >= 0, drive_ms[other], onward[other])
        drive_ms[turned] = -1
        times = EdgeTimes(drive_ms=drive_ms, junction_ms=times.junction_ms)
    # What a crossing costs, and which are closed, is known to the graph of the analysis.
    crossing = roads["crossing"].to_numpy()
    crossing_ms = np.zeros(len(network.crossings), dtype=np.int64)
    at = np.flatnonzero(crossing >= 0)
    crossing_ms[crossing[at]] = analysis.fair.graph.drive_ms[2 * at]
    return route_graph(network, car, crossing_ms=crossing_ms, times=times)


def turned_round(graph: RouteGraph, contraflow: Bools, to_sink_s: Floats) -> tuple[Bools, Bools]:
    """Say in which direction roads in contraflow lead out: towards the sinks.

    Parameters
    ----------
    graph
        As cars use the roads without contraflow.
    contraflow
        (m,) roads in contraflow.
    to_sink_s
        (n,) seconds from each node to the nearest sink, with the roads in contraflow open in both directions.

    Returns
    -------
    outbound, turned
        (2m,) bool: directed edges that lead out, and those whose lanes are turned round. Roads in contraflow from
        whose ends no sink is reached, and those that lead nowhere nearer to one, stay as they are.
    """
    ends = graph.network.roads[["a", "b"]].to_numpy()
    begin, end = to_sink_s[ends[:, 0]], to_sink_s[ends[:, 1]]
    forward, backward = contraflow & (end < begin), contraflow & (begin < end)
    outbound = np.column_stack([forward, backward]).ravel()
    turned = outbound.reshape(-1, 2)[:, ::-1].ravel()
    return outbound, turned


def find_scenario(analysis: Analysis, case: EvacuationCase) -> HazardScenario | None:
    """Give the scenario whose hazards hold from the alarm on; None if the case names none.

    Raises
    ------
    EvacuationError
        The region has no such scenario.
    """
    if not case.scenario:
        return None
    known = {one.id: one for one in analysis.region.scenarios}
    if case.scenario not in known:
        expected = f"a scenario of the region: {', '.join(known) or 'it has none'}"[:300]
        raise EvacuationError([Defect("", "scenario", expected, repr(case.scenario), "correct the id")])
    return known[case.scenario]


def hazard_on_roads(
    analysis: Analysis, graph: RouteGraph, scenario: HazardScenario | None, arrival: Arrival | None
) -> HazardOnRoads:
    """Lay hazards along the roads: one that is there from the alarm on, and one that arrives.

    What a hazard cannot reach it leaves alone (water a bridge, rocks a tunnel), as for coverage.

    Raises
    ------
    EvacuationError
        The scenario names layers, ways or crossings that are not there, or rules that do not fit.
    """
    roads = graph.network.roads
    m = len(roads)
    closed, factor = np.zeros(m, dtype=bool), np.ones(m)
    if scenario is not None:
        try:
            closed, factor = _from_the_start(analysis, graph, scenario)
        except HazardError as error:
            raise EvacuationError(error.defects) from error
    closes_s, unknown_m = np.full(m, np.inf), 0.0
    if arrival is not None:
        lines = gpd.GeoSeries(analysis.fair.lines, crs=graph.network.crs)
        closes_s, unknown_m = _closing(lines, arrival, roads)
    return HazardOnRoads(closed, factor, closes_s, unknown_m)


def _closing(lines: gpd.GeoSeries, arrival: Arrival, roads: pd.DataFrame) -> tuple[Floats, float]:
    found = arrival_on_lines(
        lines, arrival, bridge=roads["bridge"], tunnel=roads["tunnel"], covered=roads["covered"]
    )
    closes_s = found["arrival_s"].to_numpy(np.float64)
    return np.where(np.isnan(closes_s), np.inf, closes_s), float(found["unknown_m"].sum())


def _from_the_start(analysis: Analysis, graph: RouteGraph, scenario: HazardScenario) -> tuple[Bools, Floats]:
    fair, roads = analysis.fair, graph.network.roads
    wanted = [
        one
        for one in analysis.layers.layers
        if one.id in scenario.layers or (one.quantity == "velocity" and not one.scheme)
    ]
    ms = graph.drive_ms.reshape(-1, 2).astype(np.float64)
    fastest = np.where(ms > 0, ms, np.inf).min(axis=1)
    kph = 3600 * roads["length_m"].to_numpy() / fastest
    left = scenario_roads(
        scenario,
        [fair.laid(layer) for layer in wanted],
        fair.lines,
        free_flow_kph=np.where(kph > 0, kph, 1.0),
        vehicle="car",
        bridge=roads["bridge"],
        tunnel=roads["tunnel"],
        covered=roads["covered"],
        jurisdiction=roads["jurisdiction"].astype(object).tolist(),
        jurisdictions=analysis.region.jurisdictions,
    )
    table = left.roads
    named = closed_by_name(
        graph.network, scenario.closed_ways, scenario.closed_crossings, f"scenario {scenario.id}"
    )
    shut = (table["closed"] | (table["probability"] >= 1)).to_numpy() | named
    factor = table["factor"].to_numpy(np.float64)
    return shut, np.where(shut | (factor <= 0), 1.0, factor)


def closed_by_name(network: Network, ways: Collection[int], crossings: Collection[str], where: str) -> Bools:
    """Find roads that are closed as a whole: (m,) bool.

    Raises
    ------
    EvacuationError
        Ways or crossings that are not there.
    """
    defects = _unknown_ways(network, f"{where}, closed_ways", ways)
    known = network.crossings.index
    defects += [
        Defect("", f"{where}, closed_crossings", "ids of crossings", repr(name)[:80], "correct the id")
        for name in crossings
        if name not in known
    ]
    if defects:
        raise EvacuationError(defects)
    at = np.flatnonzero(known.isin(list(crossings)))
    roads = network.roads
    closed = roads["way"].isin(list(ways)) | roads["crossing"].isin(at)
    return np.asarray(closed, dtype=np.bool_)


def _unknown_ways(network: Network, where: str, ways: Collection[int]) -> list[Defect]:
    known = set(network.roads["way"].unique().tolist())
    expected = "numbers of OSM ways of the region"
    return [Defect("", where, expected, str(one), "correct the number") for one in ways if one not in known]


def _known_ways(network: Network, where: str, ways: Sequence[int]) -> None:
    if defects := _unknown_ways(network, where, ways):
        raise EvacuationError(defects)


# --- grounds of partners -------------------------------------------------------------------------------------


def partner_of_roads(network: Network, jurisdictions: gpd.GeoDataFrame) -> NDArray[np.object_]:
    """(m,) partner on whose ground each road lies; "" outside all, and for crossings."""
    named = network.roads["jurisdiction"].astype(object).map(jurisdictions["partner"].to_dict())
    return np.asarray(named.fillna("").to_numpy(object))


def node_partners(network: Network, partner: NDArray[np.object_]) -> NDArray[np.object_]:
    """(n,) partner on whose ground each node lies; "" where only roads outside all jurisdictions meet."""
    found = np.full(network.n_nodes, "", dtype=object)
    ends = network.roads[["a", "b"]].to_numpy()
    named = partner != ""
    for side in (0, 1):
        found[ends[named, side]] = partner[named]
    return found


def passages_to_close(
    network: Network, partner: NDArray[np.object_], at_node: NDArray[np.object_], leaving: Collection[str]
) -> Bools:
    """Find directed edges that are closed when each partner keeps to its own ground and to nobody's.

    Closed is every passage from one partner's ground into another's, and every way out of ground outside all
    jurisdictions into that of a partner, unless nobody but that partner's own people can be on it. So nobody ever
    drives on another partner's ground, and whoever leaves onto nobody's ground may go on to an exit there.

    Parameters
    ----------
    network
        The roads.
    partner, at_node
        As `partner_of_roads` and `node_partners` give them.
    leaving
        Partners whose people leave.

    Returns
    -------
    array
        (2m,) bool.
    """
    ends = network.roads[["a", "b"]].to_numpy()
    tail, head = ends.ravel(), ends[:, ::-1].ravel()
    crossing = np.repeat(network.roads["crossing"].to_numpy() >= 0, 2)
    neutral = np.repeat(partner == "", 2) & ~crossing
    between = crossing & (at_node[tail] != at_node[head])
    others = set(leaving)
    # With people of one partner alone on the roads, ground of nobody is as its own: it may return home.
    home = next(iter(others)) if len(others) == 1 else None
    abroad = neutral & (at_node[head] != "") & (at_node[head] != home)
    return np.asarray(between | abroad, dtype=np.bool_)
