"""Coverage under a hazard: stations out of service, roads slowed and closed, and who is still reached."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.coverage._chance import Closures, closures, counted, drawn
from mutualaid.coverage._coverage import coverage, levels
from mutualaid.coverage._fair import FairWeather, reached_by_road
from mutualaid.coverage._part import Part, in_order, placed, station_codes, whole
from mutualaid.coverage._ready import Ready, end_s, on_road
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

__all__ = [
    "HazardComputed",
    "ReadyHazard",
    "ScenarioResult",
    "UnderHazard",
    "compute_hazard",
    "hazard_part",
    "join_hazard_computed",
    "lean_hazard",
    "ready_hazard",
    "scenario_coverage",
    "scenario_result",
    "under_hazard",
]


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
class ReadyHazard:
    """What a scenario leaves of a region's stations and roads, before anybody drives.

    Attributes
    ----------
    scenario, layers
        The scenario, and the layers that it reads.
    stations
        As of `ScenarioResult`, without ``cut_off``, and with ``delay_s``, what the hazard adds to the turnout.
    roads, rules
        As of `ScenarioResult`.
    shut
        (m,) roads that are certainly closed from end to end.
    origins, places
        Stations and demand with what the hazard leaves of their road; stations that are out take no part.
    closures
        Draws of what closes by chance; None without probabilities of closure.
    area
        (demand,) whose area each place is in fair weather, see `Today`; None if nothing depends on it.
    """

    scenario: HazardScenario
    layers: tuple[HazardLayer, ...]
    stations: pd.DataFrame
    roads: pd.DataFrame
    rules: Mapping[str, str]
    shut: NDArray[np.bool_]
    origins: pd.DataFrame
    places: pd.DataFrame
    closures: Closures | None = None
    area: NDArray[np.int64] | None = None
    _left: dict[RouteGraph, RouteGraph] = field(default_factory=dict, init=False, repr=False)
    _told: list[tuple[pd.DataFrame, NDArray[np.bool_]]] = field(default_factory=list, init=False, repr=False)

    def left(self, graph: RouteGraph) -> RouteGraph:
        """Give what the scenario leaves of roads, whosever vehicles drive on them; made once for each."""
        if graph not in self._left:
            self._left[graph] = reweighted(graph, _drive_ms(graph, self.roads))
        return self._left[graph]

    def told(self, ready: Ready) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
        """Give the hazard at each place, and which places any open way leads to: for the whole region; found once."""
        if not self._told:
            said = _severity(ready.demand, self.scenario, self.layers, ready.jurisdictions)
            # Who is cut off with a station in service is not alone; who is not cut off waits for one, and is not
            # isolated.
            left = self.left(ready.graph)
            anywhere = pd.concat([self.origins, main_part(left)], ignore_index=True)
            self._told.append((said, reached_by_road(left, anywhere, self.places)))
        return self._told[0]


@dataclass(frozen=True, eq=False)
class HazardComputed:
    """What a part was asked under a hazard.

    Attributes
    ----------
    coverage
        As `mutualaid.coverage.coverage` gives it, without geometry if the demand has none.
    station_codes
        Positions of the stations that reach some place within the cutoff, ascending.
    pairs
        Number of pairs of station and place within the cutoff.
    drawn
        By level, (places, draws) bool: whether each place is reached within the standard in each draw; packed to bits
        along the draws, as `numpy.packbits` does. Empty without probabilities of closure.
    """

    coverage: pd.DataFrame
    station_codes: NDArray[np.int64]
    pairs: int
    drawn: Mapping[str, NDArray[np.uint8]]


@dataclass(frozen=True, eq=False)
class UnderHazard:
    """Who drives where in what time in a scenario.

    Attributes
    ----------
    hazard
        What the scenario leaves of stations and roads.
    times, agreed
        Response times as of `mutualaid.coverage._today.level_times`.
    """

    hazard: ReadyHazard
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
    hazard = ready_hazard(fair, scenario, layers)
    return scenario_result(fair, hazard, compute_hazard(whole(fair), hazard))


def under_hazard(ready: Ready, scenario: HazardScenario, layers: Sequence[HazardLayer]) -> UnderHazard:
    """Find who drives where in what time in a scenario: parameters and errors as of `ready_hazard`."""
    hazard = ready_hazard(ready, scenario, layers)
    return UnderHazard(hazard, *_times(ready, hazard))


def ready_hazard(ready: Ready, scenario: HazardScenario, layers: Sequence[HazardLayer]) -> ReadyHazard:
    """Make a scenario ready: what it leaves of the roads and stations of the whole region.

    Parameters
    ----------
    ready
        The whole region. Where an agreement excludes pairs of stations, areas in fair weather count: then it must be a
        `FairWeather`.
    scenario, layers
        As of `scenario_coverage`.

    Returns
    -------
    ReadyHazard

    Raises
    ------
    HazardError
        As of `scenario_coverage`.

    Examples
    --------
    >>> from mutualaid.coverage import fair_weather, ready_hazard
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.hazards import read_layers
    >>> region = read_region(demo_path())
    >>> hazard = ready_hazard(fair_weather(region), region.scenarios[0], read_layers(region).layers)
    >>> len(hazard.roads) == len(hazard.shut)
    True
    """
    wanted = tuple(
        one for one in layers if one.id in scenario.layers or (one.quantity == "velocity" and not one.scheme)
    )
    roads = ready.graph.network.roads
    left = scenario_roads(
        scenario,
        [ready.laid(layer) for layer in wanted],
        ready.paths,
        free_flow_kph=_free_flow_kph(ready.graph),
        vehicle="emergency" if "emergency" in ready.graph.profile.kinds else "car",
        bridge=roads["bridge"],
        tunnel=roads["tunnel"],
        covered=roads["covered"],
        jurisdiction=roads["jurisdiction"],
        jurisdictions=ready.jurisdictions,
    )
    by_name = _closed_by_name(ready.graph, scenario)
    shut = by_name | (left.roads["probability"] >= 1).to_numpy()
    table = _shut(left.roads.assign(closed_by_name=by_name), shut, roads["length_m"].to_numpy())
    stations = _station_states(ready, scenario, wanted)
    now = ready.today
    return ReadyHazard(
        scenario=scenario,
        layers=wanted,
        stations=stations,
        roads=table,
        rules=left.rules,
        shut=shut,
        origins=_positions(left, shut, ready.stations, (stations["state"] != "out").to_numpy()),
        places=_positions(left, shut, ready.demand),
        closures=closures(table["probability"], shut, scenario),
        area=now.area if now is not None and now.asks_area else None,
    )


def lean_hazard(hazard: ReadyHazard) -> ReadyHazard:
    """Leave out what only describing needs, so that it travels light: for `hazard_part` and `compute_hazard`.

    Parameters
    ----------
    hazard
        As `ready_hazard` gives it.

    Returns
    -------
    ReadyHazard
        Without layers and rules; of roads and places with what the search reads alone.

    Examples
    --------
    >>> from mutualaid.coverage import fair_weather, lean_hazard, ready_hazard
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.hazards import read_layers
    >>> region = read_region(demo_path())
    >>> hazard = ready_hazard(fair_weather(region), region.scenarios[0], read_layers(region).layers)
    >>> lean_hazard(hazard).roads.columns.tolist()
    ['closed', 'factor']
    """
    origins, places = (
        table.drop(columns=["side", "distance_m"], errors="ignore")
        for table in (hazard.origins, hazard.places)
    )
    return replace(
        hazard,
        layers=(),
        stations=hazard.stations[["state", "delay_s"]],
        roads=hazard.roads[["closed", "factor"]],
        rules={},
        origins=origins,
        places=places,
    )


def hazard_part(hazard: ReadyHazard, part: Part) -> ReadyHazard:
    """Take of a scenario what concerns the places and roads of a part.

    Parameters
    ----------
    hazard
        As `ready_hazard` or `lean_hazard` gives it, of the whole region.
    part
        A part of the same region.

    Returns
    -------
    ReadyHazard

    Examples
    --------
    >>> from mutualaid.coverage import fair_weather, hazard_part, part, ready_hazard
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.hazards import read_layers
    >>> region = read_region(demo_path())
    >>> fair = fair_weather(region)
    >>> hazard = ready_hazard(fair, region.scenarios[0], read_layers(region).layers)
    >>> len(hazard_part(hazard, part(fair, [0, 1, 2])).places)
    3
    """
    if part.cut is None:
        return hazard
    return replace(
        hazard,
        roads=hazard.roads.iloc[part.roads].reset_index(drop=True),
        shut=hazard.shut[part.roads],
        origins=part.cut.placed(hazard.origins, origins=True),
        places=part.cut.placed(hazard.places.iloc[part.rows]),
        closures=None if hazard.closures is None else hazard.closures.on(part.roads),
        area=None if hazard.area is None else hazard.area[part.rows],
    )


def compute_hazard(part: Part, hazard: ReadyHazard, *, threads: int | None = None) -> HazardComputed:
    """Compute who reaches whom in a scenario.

    Parameters
    ----------
    part
        Some places of a region, or all.
    hazard
        The scenario, for the same part.
    threads
        Number of threads; all processors by default. The result does not depend on it.

    Returns
    -------
    HazardComputed

    Examples
    --------
    >>> from mutualaid.coverage import compute_hazard, fair_weather, hazard_part, part, ready_hazard
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.hazards import read_layers
    >>> region = read_region(demo_path())
    >>> fair = fair_weather(region)
    >>> hazard = ready_hazard(fair, region.scenarios[0], read_layers(region).layers)
    >>> some = part(fair, [0, 1, 2])
    >>> len(compute_hazard(some, hazard_part(hazard, some)).coverage)
    3
    """
    ready = part.ready
    times, agreed = _times(ready, hazard, threads=threads)
    covered = coverage(times, ready.demand, ready.stations, ready.standard, agreed=agreed)
    bits: dict[str, NDArray[np.uint8]] = {}
    if hazard.closures is not None:
        bits = drawn(
            _with_area(ready, hazard), hazard.left, hazard.origins, hazard.places, hazard.stations,
            hazard.closures, threads=threads,
        )  # fmt: skip
    return HazardComputed(covered, station_codes(times), len(times), bits)


def join_hazard_computed(parts: Sequence[tuple[NDArray[np.int64], HazardComputed]]) -> HazardComputed:
    """Join what was computed of parts under a hazard: what would have been computed of all their places at once.

    Parameters
    ----------
    parts
        Rows of the demand, and what was computed of them; each row once.

    Returns
    -------
    HazardComputed
        In the order of the demand.

    Examples
    --------
    >>> import numpy as np
    >>> from mutualaid.coverage import (
    ...     compute_hazard, fair_weather, hazard_part, join_hazard_computed, part, ready_hazard, whole)
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.hazards import read_layers
    >>> region = read_region(demo_path())
    >>> fair = fair_weather(region)
    >>> hazard = ready_hazard(fair, region.scenarios[0], read_layers(region).layers)
    >>> halves = [part(fair, rows) for rows in np.array_split(np.arange(len(fair.demand)), 2)]
    >>> found = [(one.rows, compute_hazard(one, hazard_part(hazard, one))) for one in halves]
    >>> join_hazard_computed(found).coverage.equals(compute_hazard(whole(fair), hazard).coverage)
    True
    """
    rows = [one for one, _ in parts]
    found = [computed for _, computed in parts]
    order = np.argsort(np.concatenate(rows))
    return HazardComputed(
        coverage=in_order(rows, [one.coverage for one in found]),
        station_codes=np.unique(np.concatenate([one.station_codes for one in found])),
        pairs=sum(one.pairs for one in found),
        drawn={level: np.concatenate([one.drawn[level] for one in found])[order] for level in found[0].drawn},
    )


def scenario_result(fair: FairWeather, hazard: ReadyHazard, computed: HazardComputed) -> ScenarioResult:
    """Put together what was computed for all places in a scenario, and what concerns the whole region alone.

    Parameters
    ----------
    fair
        The region without a hazard.
    hazard
        The scenario, as `ready_hazard` gives it of the whole region.
    computed
        Of all places, in one piece or joined.

    Returns
    -------
    ScenarioResult

    Examples
    --------
    >>> from mutualaid.coverage import (
    ...     compute_hazard, fair_weather, ready_hazard, scenario_coverage, scenario_result, whole)
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.hazards import read_layers
    >>> region = read_region(demo_path())
    >>> fair, layers = fair_weather(region), read_layers(region).layers
    >>> hazard = ready_hazard(fair, region.scenarios[0], layers)
    >>> found = scenario_result(fair, hazard, compute_hazard(whole(fair), hazard))
    >>> found.coverage.equals(scenario_coverage(fair, region.scenarios[0], layers).coverage)
    True
    """
    scenario, stations = hazard.scenario, hazard.stations.copy()
    reaching = np.zeros(len(stations), dtype=np.bool_)
    reaching[computed.station_codes] = True
    stuck = (stations["state"] != "out").to_numpy() & ~reaching & fair.leaving
    stations.loc[stuck, "state"] = "cut_off"
    covered = placed(computed.coverage, fair.demand)
    found = _described(fair, covered, *hazard.told(fair))
    draws = pd.DataFrame(columns=list(levels(covered)), dtype=np.float64)
    if computed.drawn:
        chances, draws = counted(computed.drawn, scenario.draws, fair.demand["population"].to_numpy())
        found = found.assign(**chances)
    mine = tuple(layer for layer in hazard.layers if layer.id in scenario.layers)
    return ScenarioResult(
        scenario=scenario,
        layers=mine,
        return_period_years=_return_period(scenario, mine),
        stations=stations.drop(columns="delay_s"),
        roads=hazard.roads,
        rules=hazard.rules,
        coverage=found,
        draws=draws,
        end_s=end_s(fair),
    )


def _times(
    ready: Ready, hazard: ReadyHazard, *, threads: int | None = None
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Response times of each level in a scenario."""
    ready = _with_area(ready, hazard)
    return level_times(
        ready.graph, ready.today, hazard.origins, hazard.places, ready.stations, ready.demand, ready.parameters,
        ready.parameters.cutoff_s, change=hazard.left, delay_s=hazard.stations["delay_s"].to_numpy(),
        threads=threads,
    )  # fmt: skip


def _with_area(ready: Ready, hazard: ReadyHazard) -> Ready:
    """Give a region whose agreements know the areas of the own stations."""
    if ready.today is None or hazard.area is None:
        return ready
    return replace(ready, today=replace(ready.today, area=hazard.area))


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
    closed = np.zeros(len(roads), dtype=np.bool_)
    if not (scenario.closed_ways or scenario.closed_crossings):
        return closed
    unknown = [("closed_crossings", name) for name in scenario.closed_crossings if name not in crossings]
    there = np.isin(scenario.closed_ways, roads["way"].to_numpy()).tolist()
    unknown += [
        ("closed_ways", str(way)) for way, known in zip(scenario.closed_ways, there, strict=True) if not known
    ]
    if unknown:
        raise HazardError(
            Defect("", f"scenario {scenario.id}, {key}", "ids in the road network", name, "correct the id")
            for key, name in unknown
        )
    closed |= roads["way"].isin(scenario.closed_ways).to_numpy()
    shut = np.flatnonzero(crossings.isin(scenario.closed_crossings))
    closed |= roads["crossing"].isin(shut).to_numpy()
    return closed


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


def _station_states(ready: Ready, scenario: HazardScenario, layers: Sequence[HazardLayer]) -> pd.DataFrame:
    said = _severity(ready.stations, scenario, layers, ready.jurisdictions)
    rank = said["severity"].to_numpy(np.int64, na_value=-1)
    unknown = [key for key in scenario.closed_stations if key not in ready.stations.index]
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
    out = (rank >= scenario.stations_out) | ready.stations.index.isin(scenario.closed_stations)
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
        index=ready.stations.index,
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
