"""Coverage under a hazard: stations out of service, roads slowed and closed, and who is still reached."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.coverage._chance import drawn
from mutualaid.coverage._coverage import coverage, levels
from mutualaid.coverage._fair import FairWeather, end_s, on_road, reached_by_road
from mutualaid.coverage._today import level_times
from mutualaid.data import HazardScenario
from mutualaid.errors import Defect, HazardError
from mutualaid.hazards import (
    WATER_HAZARDS,
    HazardLayer,
    RoadHazard,
    open_stretch,
    scenario_roads,
    scenario_severity,
    shares_along,
)
from mutualaid.network import RouteGraph, main_part, reweighted

__all__ = ["ScenarioResult", "UnderHazard", "scenario_coverage", "under_hazard"]


@dataclass(frozen=True, eq=False)
class ScenarioResult:
    """Who reaches whom in one scenario.

    Attributes
    ----------
    scenario, layers
        The scenario, and the hazard layers that it is made of.
    return_period_years
        That of the scenario if it states one, else that of its layers if they show one hazard at the same one, else
        NaN.
    stations
        Index of the stations; ``severity`` (Int8, missing if unknown), ``severity_status``, ``hazard`` and ``layer``
        that decide (see `mutualaid.hazards.scenario_severity`; the status is ``not_asked`` where the scenario only
        speaks of roads), and ``state``: ``in_service``, ``delayed`` (its turnout takes longer), ``out`` (it stands in
        the hazard, or the scenario says so) or ``cut_off`` (in service, but reaches nobody within the cutoff any
        more).
    roads
        What the scenario leaves of the roads, one row a road of the network: see
        `mutualaid.hazards.RoadHazard`; ``closed`` includes what the scenario closes by name (``closed_by_name``).
    rules
        Id of the rule by which each layer was read for roads.
    coverage
        On the index, geometry and columns of `coverage` (``status``, ``alone_s``, ``joint_covered`` …), under
        the hazard, and

        * ``fair_status`` and, for each level, ``fair_{level}_s`` and ``fair_{level}_covered``: without it;
        * ``severity``, ``severity_status``, ``hazard``, ``layer`` and ``severity_<hazard>`` of the place itself;
        * ``exposed`` (boolean, missing if unknown): the place is in a hazard; ``flooded``: in water;
        * ``isolated`` (bool): no open way leads to it, neither from the largest part of the roads that still hangs
          together nor from a station in service, although in fair weather there is one;
        * ``loss``: ``held`` (the own service no longer comes in time, the joint team does), ``lost`` (the joint team
          came in time, and now nobody does) or ``none``;
        * with probabilities of closure: ``{level}_probability`` of being reached within the standard, and
          ``{level}_error``, its standard error. The other columns then hold for
          roads that are certainly closed alone.
    draws
        People reached within the standard in each draw, by level; empty without probabilities of closure.
    end_s
        Seconds on the standard's clock at which the search for the fastest crew ends: see `later_minutes`. The same
        for all scenarios of a region.
    """

    scenario: HazardScenario
    layers: tuple[HazardLayer, ...]
    return_period_years: float
    stations: pd.DataFrame
    roads: pd.DataFrame
    rules: Mapping[str, str]
    coverage: gpd.GeoDataFrame
    draws: pd.DataFrame
    end_s: float


@dataclass(frozen=True, eq=False)
class UnderHazard:
    """What a scenario leaves of stations and roads, and who drives where in what time.

    Attributes
    ----------
    layers
        Those that the scenario reads.
    stations
        As of `ScenarioResult`, without ``cut_off``, and with ``delay_s``, what the hazard adds to the turnout.
    roads, rules
        As of `ScenarioResult`.
    shut
        (m,) roads that are certainly closed from end to end.
    change
        Gives what the scenario leaves of roads, whosever vehicles drive on them; made once for each.
    origins, places
        Stations and demand with what the hazard leaves of their road; stations that are out take no part.
    times, agreed
        Response times as of `mutualaid.coverage._today.level_times`.
    """

    layers: tuple[HazardLayer, ...]
    stations: pd.DataFrame
    roads: pd.DataFrame
    rules: Mapping[str, str]
    shut: NDArray[np.bool_]
    change: Callable[[RouteGraph], RouteGraph]
    origins: pd.DataFrame
    places: pd.DataFrame
    times: pd.DataFrame
    agreed: pd.DataFrame | None


def scenario_coverage(
    fair: FairWeather,
    scenario: HazardScenario,
    layers: Sequence[HazardLayer],
) -> ScenarioResult:
    """Compute coverage under a scenario; of the network nothing is built again but its weights.

    Parameters
    ----------
    fair
        The region without a hazard.
    scenario
        The scenario.
    layers
        Hazard layers; those that the scenario does not name are ignored, but for a velocity that a depth needs.

    Returns
    -------
    ScenarioResult

    Raises
    ------
    HazardError
        A layer or a crossing that the scenario names is not there, a rule does not fit its layer, or a layer has
        no scheme.

    Examples
    --------
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> result = analyse(read_region(demo_path()))
    >>> worst = max(result.scenarios, key=lambda one: (one.coverage["status"] == "gap").sum())
    >>> bool((worst.coverage["joint_covered"] <= worst.coverage["fair_joint_covered"]).all())
    True
    """
    hit = under_hazard(fair, scenario, layers)
    stations = hit.stations.copy()
    serving = (stations["state"] != "out").to_numpy()
    stuck = serving & ~fair.stations.index.isin(hit.times["station"].unique()) & fair.leaving
    stations.loc[stuck, "state"] = "cut_off"
    covered = coverage(hit.times, fair.demand, fair.stations, fair.standard, agreed=hit.agreed)
    said = _severity(fair.demand, scenario, hit.layers, fair.jurisdictions)
    # Who is cut off with a station in service is not alone; who is not cut off waits for one, and is not isolated.
    anywhere = pd.concat([hit.origins, main_part(hit.change(fair.graph))], ignore_index=True)
    found = _described(fair, covered, said, reached_by_road(hit.change(fair.graph), anywhere, hit.places))
    draws = pd.DataFrame(columns=list(levels(covered)), dtype=np.float64)
    if hit.roads["probability"].gt(0).any():
        chances, draws = drawn(
            fair, hit.change, hit.origins, hit.places, stations, hit.roads, hit.shut, scenario
        )
        found = found.assign(**chances)
    mine = tuple(layer for layer in hit.layers if layer.id in scenario.layers)
    return ScenarioResult(
        scenario=scenario,
        layers=mine,
        return_period_years=_return_period(scenario, mine),
        stations=stations.drop(columns="delay_s"),
        roads=hit.roads,
        rules=hit.rules,
        coverage=found,
        draws=draws,
        end_s=end_s(fair),
    )


def under_hazard(fair: FairWeather, scenario: HazardScenario, layers: Sequence[HazardLayer]) -> UnderHazard:
    """Find who drives where in what time in a scenario: parameters and errors as of `scenario_coverage`.

    Of `fair`, its roads, stations, demand and agreements count, not what was found in fair weather.
    """
    wanted = tuple(
        one for one in layers if one.id in scenario.layers or (one.quantity == "velocity" and not one.scheme)
    )
    roads = fair.graph.network.roads
    left = scenario_roads(
        scenario,
        [fair.laid(layer) for layer in wanted],
        fair.lines,
        free_flow_kph=_free_flow_kph(fair.graph),
        vehicle="emergency" if "emergency" in fair.graph.profile.kinds else "car",
        bridge=roads["bridge"],
        tunnel=roads["tunnel"],
        covered=roads["covered"],
        jurisdiction=roads["jurisdiction"].astype(object).tolist(),
        jurisdictions=fair.jurisdictions,
    )
    by_name = _closed_by_name(fair.graph, scenario)
    shut = by_name | (left.roads["probability"] >= 1).to_numpy()
    table = _shut(left.roads.assign(closed_by_name=by_name), shut, roads["length_m"].to_numpy())

    @cache
    def hazard(base: RouteGraph) -> RouteGraph:
        """Give what the scenario leaves of roads, whosever vehicles drive on them."""
        return reweighted(base, _drive_ms(base, table))

    stations = _station_states(fair, scenario, wanted)
    serving = (stations["state"] != "out").to_numpy()
    origins = _positions(left, shut, fair.stations, serving)
    places = _positions(left, shut, fair.demand)
    times, agreed = level_times(
        fair.graph, fair.today, origins, places, fair.stations, fair.demand, fair.parameters,
        fair.parameters.cutoff_s, change=hazard, delay_s=stations["delay_s"].to_numpy(),
    )  # fmt: skip
    return UnderHazard(
        layers=wanted,
        stations=stations,
        roads=table,
        rules=left.rules,
        shut=shut,
        change=hazard,
        origins=origins,
        places=places,
        times=times,
        agreed=agreed,
    )


def _return_period(scenario: HazardScenario, layers: Sequence[HazardLayer]) -> float:
    """Years that the scenario states; else those of its layers, if they show one hazard in one state."""
    if scenario.return_period_years is not None:
        return scenario.return_period_years
    periods = {layer.return_period_years for layer in layers}
    one = len(periods) == 1 and len({layer.hazard for layer in layers}) == 1
    return periods.pop() if one else math.nan


# --- roads ---------------------------------------------------------------------------------------------------


def _free_flow_kph(graph: RouteGraph) -> NDArray[np.float64]:
    """Speed along each road in its faster direction; what cannot be driven or has no length counts as 1 km/h."""
    length_m = graph.network.roads["length_m"].to_numpy()
    ms = graph.drive_ms.reshape(-1, 2).astype(np.float64)
    fastest = np.where(ms > 0, ms, np.inf).min(axis=1)
    kph = 3600 * length_m / fastest
    return np.where(kph > 0, kph, 1.0)


def _closed_by_name(graph: RouteGraph, scenario: HazardScenario) -> NDArray[np.bool_]:
    """(m,) whether the scenario names the way or the crossing of each road as closed."""
    roads, crossings = graph.network.roads, graph.network.crossings.index
    unknown = [("closed_crossings", name) for name in scenario.closed_crossings if name not in crossings]
    ways = set(roads["way"].unique().tolist())
    unknown += [("closed_ways", str(way)) for way in scenario.closed_ways if way not in ways]
    if unknown:
        raise HazardError(
            Defect("", f"scenario {scenario.id}, {key}", "ids in the road network", name, "correct the id")
            for key, name in unknown
        )
    closed = roads["way"].isin(scenario.closed_ways).to_numpy(copy=True)
    shut = np.flatnonzero(crossings.isin(scenario.closed_crossings))
    return np.asarray(closed | roads["crossing"].isin(shut).to_numpy(), dtype=np.bool_)


def _shut(roads: pd.DataFrame, shut: NDArray[np.bool_], length_m: NDArray[np.float64]) -> pd.DataFrame:
    """Roads with those closed that are shut as a whole, by name or for certain."""
    return roads.assign(
        closed=roads["closed"] | shut,
        factor=roads["factor"].mask(shut, 0.0),
        affected_m=roads["affected_m"].mask(shut, length_m),
        closed_m=roads["closed_m"].mask(shut, length_m),
    )


def _drive_ms(graph: RouteGraph, roads: pd.DataFrame) -> NDArray[np.int64]:
    """Time along each directed edge: longer where roads are slowed down, -1 where they are closed."""
    factor = np.where(roads["closed"] | (roads["factor"] <= 0), 1.0, roads["factor"])
    slowed = np.repeat(factor < 1, 2) & (graph.drive_ms > 0)
    before = graph.drive_ms.astype(np.float64)
    longest = float(2**30 - 1)
    after = np.minimum(np.floor(before / np.repeat(factor, 2) + 0.5), longest)
    times = np.where(slowed, after, before).astype(np.int64)
    times[np.repeat(roads["closed"].to_numpy(), 2)] = -1
    return times


def _positions(
    left: RoadHazard,
    shut: NDArray[np.bool_],
    places: pd.DataFrame,
    taking_part: NDArray[np.bool_] | None = None,
) -> pd.DataFrame:
    """Places as `snap` gives them, with what the hazard leaves of their road on both sides.

    `shut` are roads that are closed from end to end. Places that take no part have another status than ``ok``.
    """
    road = places["road"].to_numpy(np.int64)
    on = road >= 0
    fraction = places["fraction"].to_numpy()[on]
    whole = shut[road[on]]
    shares, passed = np.full((len(places), 2), np.nan), np.full((len(places), 2), np.nan)
    stretch = np.full(len(places), -1, dtype=np.int64)
    along = np.column_stack(shares_along(left, road[on], fraction))
    shares[on] = np.where(whole[:, None], np.inf, along)
    number, passed[on] = open_stretch(left, road[on], fraction)
    stretch[on] = np.where(whole, -1, number)
    status = places["road_status"].to_numpy(dtype=object)
    if taking_part is not None:
        status = np.where(taking_part, status, "out")
    return on_road(places).assign(
        share_a=shares[:, 0], share_b=shares[:, 1], stretch=stretch,
        passed_a=passed[:, 0], passed_b=passed[:, 1], status=status,
    )  # fmt: skip


# --- stations and places -------------------------------------------------------------------------------------


def _severity(
    points: gpd.GeoDataFrame,
    scenario: HazardScenario,
    layers: Sequence[HazardLayer],
    jurisdictions: gpd.GeoDataFrame,
) -> pd.DataFrame:
    """Give what `scenario_severity` says; status ``not_asked`` where the scenario only speaks of roads."""
    if any(layer.scheme for layer in layers if layer.id in scenario.layers):
        return scenario_severity(points, layers, scenario, jurisdictions=jurisdictions)
    empty = pd.array([pd.NA] * len(points), dtype="Int8")
    texts = {"status": "not_asked", "hazard": "", "layer": "", "unknown_hazards": ""}
    return pd.DataFrame({"severity": empty, **texts}, index=points.index)


def _station_states(
    fair: FairWeather, scenario: HazardScenario, layers: Sequence[HazardLayer]
) -> pd.DataFrame:
    said = _severity(fair.stations, scenario, layers, fair.jurisdictions)
    rank = said["severity"].to_numpy(np.int64, na_value=-1)
    unknown = [key for key in scenario.closed_stations if key not in fair.stations.index]
    if unknown:
        raise HazardError(
            Defect(
                "",
                f"scenario {scenario.id}, closed_stations",
                "ids of active stations of the service",
                key,
                "correct the id",
            )
            for key in unknown
        )
    out = (rank >= scenario.stations_out) | fair.stations.index.isin(scenario.closed_stations)
    late = ~out & (rank >= (6 if scenario.stations_delayed is None else scenario.stations_delayed))
    return pd.DataFrame(
        {
            "severity": said["severity"],
            "severity_status": said["status"],
            "hazard": said["hazard"],
            "layer": said["layer"],
            "state": np.select([out, late], ["out", "delayed"], "in_service"),
            "delay_s": np.where(late, scenario.stations_delay_s, 0.0),
        },
        index=fair.stations.index,
    )


def _described(
    fair: FairWeather, covered: gpd.GeoDataFrame, places: pd.DataFrame, reached: NDArray[np.bool_]
) -> gpd.GeoDataFrame:
    """Coverage with the hazard at each place, and what was there without it."""
    before = fair.coverage
    columns: dict[str, Any] = {"fair_status": before["status"]}
    for level in levels(before):
        columns[f"fair_{level}_s"] = before[f"{level}_s"]
        columns[f"fair_{level}_covered"] = before[f"{level}_covered"]
    columns |= {name: places[name] for name in ("severity", "hazard", "layer")}
    columns["severity_status"] = places["status"]
    by_hazard = [name for name in map(str, places.columns) if name.startswith("severity_")]
    columns |= {name: places[name] for name in by_hazard}
    columns["exposed"] = _at_least_one(places["severity"])
    wet = [name for name in by_hazard if name.removeprefix("severity_") in WATER_HAZARDS]
    columns["flooded"] = _any([_at_least_one(places[name]) for name in wet], covered.index)
    columns["isolated"] = fair.connected & ~reached
    held = before["alone_covered"] & ~covered["alone_covered"] & covered["joint_covered"]
    lost = before["joint_covered"] & ~covered["joint_covered"]
    columns["loss"] = np.select([lost, held], ["lost", "held"], "none")
    return covered.assign(**columns)


def _at_least_one(severity: pd.Series) -> pd.Series:
    return (severity >= 1).astype("boolean")


def _any(flags: Sequence[pd.Series], index: pd.Index) -> pd.Series:
    """Whether any is true: unknown if none is and one is unknown, or if there are none."""
    total = pd.Series(pd.NA if not flags else False, index=index, dtype="boolean")
    for flag in flags:
        total |= flag
    return total
