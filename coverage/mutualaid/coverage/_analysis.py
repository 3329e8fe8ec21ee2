"""From a region to all results in one call."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely

from mutualaid.coverage._fair import FairWeather
from mutualaid.coverage._fair_run import FairRun, finish
from mutualaid.coverage._gaps import gaps
from mutualaid.coverage._isochrones import isochrones
from mutualaid.coverage._part import compute, whole
from mutualaid.coverage._ready import prepare
from mutualaid.coverage._risk import RiskResult, scenario_risk
from mutualaid.coverage._scenario import ScenarioResult, scenario_coverage
from mutualaid.coverage._scenario_table import hazard_numbers, scenario_numbers
from mutualaid.coverage._standards import Standard
from mutualaid.coverage._summary import summarise
from mutualaid.data import Agreement, HazardScenario, Parameters, Region, agreement_notes
from mutualaid.errors import Defect, HazardError
from mutualaid.hazards import Layers, read_layers, region_seams, same_maps
from mutualaid.network import Network, reach
from mutualaid.threads import Later

__all__ = [
    "Analysis",
    "Hazards",
    "analyse",
    "analysis_from",
    "hazards_of",
    "run_gaps",
    "run_isochrones",
    "run_numbers",
]

#: Upper ends of the isochrone bands, in minutes of driving.
_MINUTES = (4, 8, 12)


@dataclass(frozen=True, eq=False)
class Analysis:
    """Who reaches whom in a region, with everything that it was computed from.

    Attributes
    ----------
    region, network
        The region with the parameters used, and its roads.
    standard
        The common standard.
    local_standards
        The standard of each jurisdiction, by id: its own, else the common one.
    stations
        Stations of the service that are active: columns of the region's stations, and ``partner``,
        ``turnout_used_s`` (of the hour class), ``turnout_assumed`` (whether the parameters state it, not the
        station), ``road``, ``fraction``, ``side``, ``distance_m`` and ``road_status`` (see
        `mutualaid.network.snap`).
    demand
        The region's demand with ``partner`` and the same columns of its place on the road.
    times
        Seconds by segment of each pair within the cutoff, as a joint team drives: see `response_times`.
    times_agreed
        The same for the pairs that may occur under the agreements in force, the own ones among them, with ``agreement``
        and ``subsidiary``; None if no agreement is in force.
    agreements
        Agreements in force for the service on the day of the run.
    day
        Day for which agreements were looked up.
    notes
        What must be known about agreements that do not count.
    coverage, coverage_local
        By the common standard, and by the one of the jurisdiction where the incident is: see `coverage`.
    gaps
        By the common standard: see `gaps`.
    isochrones
        Bands of drive time: see `isochrones`.
    layers
        The region's hazard layers.
    seams
        Where the two sides of a border contradict each other about a hazard: see `mutualaid.hazards.seams`.
    fair
        What scenarios and measures are computed from, for `scenario_coverage` with scenarios of one's own.
    scenarios
        Coverage under each scenario of the region that could be computed: see `scenario_coverage`.
    risks
        What must be expected in a year: see `scenario_risk`.
    not_computed
        What is wrong with layers and scenarios that could not be used; the rest is computed without them.
    summary
        Every number that is reported, ready for JSON: see `summarise`.
    """

    region: Region
    network: Network
    standard: Standard
    local_standards: Mapping[str, Standard]
    stations: gpd.GeoDataFrame
    demand: gpd.GeoDataFrame
    times: pd.DataFrame
    times_agreed: pd.DataFrame | None
    agreements: tuple[Agreement, ...]
    day: date
    notes: tuple[str, ...]
    coverage: gpd.GeoDataFrame
    coverage_local: gpd.GeoDataFrame
    gaps: gpd.GeoDataFrame
    isochrones: gpd.GeoDataFrame
    layers: Layers
    seams: gpd.GeoDataFrame
    fair: FairWeather
    scenarios: tuple[ScenarioResult, ...]
    risks: tuple[RiskResult, ...]
    not_computed: tuple[Defect, ...]
    summary: dict[str, Any]


def analyse(
    region: Region,
    *,
    network: Network | None = None,
    parameters: Parameters | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Analysis:
    """Compute who reaches whom, alone and together, and which gaps nobody closes.

    Parameters
    ----------
    region
        As `mutualaid.data.read_region` returns it.
    network
        Its roads, cut at its jurisdictions; read from ``region.network_files`` if not given.
    parameters
        To use instead of those of the region.
    progress
        Called with a step in words and the share of the work that is done before it, 0…1.

    Returns
    -------
    Analysis

    Raises
    ------
    RegionError
        If no active station belongs to the service.
    StandardError
        If a standard is unknown, is one of another service, or ends with the full force.
    NetworkError
        If the roads cannot be read, or the profile is unknown.
    AgreementError
        If agreements in force contradict each other, or name crossings that are not there.

    Examples
    --------
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> result = analyse(read_region(demo_path()))
    >>> result.summary["headline"]["covered_joint"] > result.summary["headline"]["covered_alone"]
    True
    """
    if parameters is not None:
        region = replace(region, parameters=parameters)
    tell = progress or _silent
    ready = prepare(region, network=network, tell=lambda step, share: tell(step, 0.45 * share))
    tell("Driving", 0.45)
    run = finish(ready, compute(whole(ready)))
    tell("Drawing isochrones", 0.6)
    bands = run_isochrones(region, run)
    tell("Comparing the partners' hazard layers", 0.75)
    hazards = hazards_of(
        region,
        lambda scenario, layers: partial(scenario_coverage, run.fair, scenario, layers.layers),
        tell=lambda step, share: tell(step, 0.75 + 0.1 * share),
    )
    tell("Outlining the gaps", 0.85)
    found = run_gaps(region, run)
    summary = run_numbers(region, run, hazards, found)
    return analysis_from(region, run, hazards, gaps=found, summary=summary, isochrones=bands)


def analysis_from(
    region: Region,
    run: FairRun,
    hazards: Hazards,
    *,
    gaps: gpd.GeoDataFrame,
    summary: dict[str, Any],
    isochrones: gpd.GeoDataFrame,
) -> Analysis:
    """Put an analysis together from what was computed of a region.

    Parameters
    ----------
    region
        As it was computed.
    run
        Fair weather, with the times of all pairs.
    hazards
        As `hazards_of` gives it.
    gaps, summary
        As `run_gaps` and `run_numbers` give them.
    isochrones
        As `run_isochrones` gives them.

    Returns
    -------
    Analysis

    Examples
    --------
    >>> from mutualaid.coverage import analysis_from
    >>> analysis_from(region, run, hazards, gaps=found, summary=summary, isochrones=bands)  # doctest: +SKIP
    """
    assert run.times is not None, "the times of all pairs belong to an analysis"
    fair, day = run.fair, region.parameters.day
    return Analysis(
        region=region,
        network=fair.graph.network,
        standard=fair.standard,
        local_standards=fair.local_standards,
        stations=fair.stations,
        demand=fair.demand,
        times=run.times,
        times_agreed=run.times_agreed,
        agreements=fair.agreements,
        day=day,
        notes=tuple(agreement_notes(region.agreements, region.parameters.service, day)),
        coverage=fair.coverage,
        coverage_local=run.coverage_local,
        gaps=gaps,
        isochrones=isochrones,
        layers=hazards.layers,
        seams=hazards.seams,
        fair=fair,
        scenarios=tuple(hazards.scenarios.values()),
        risks=hazards.risks,
        not_computed=hazards.not_computed,
        summary=summary,
    )


def run_isochrones(region: Region, run: FairRun) -> gpd.GeoDataFrame:
    """Draw how far the stations of a run get: see `isochrones`.

    Parameters
    ----------
    region, run
        As of `run_gaps`.

    Returns
    -------
    GeoDataFrame

    Examples
    --------
    >>> from mutualaid.coverage import compute, finish, prepare, run_isochrones, whole
    >>> from mutualaid.data import demo_path, read_region
    >>> region = read_region(demo_path())
    >>> ready = prepare(region)
    >>> sorted(run_isochrones(region, finish(ready, compute(whole(ready))))["to_min"].unique().tolist())
    [4.0, 8.0, 12.0]
    """
    fair = run.fair
    return isochrones(
        fair.graph.network,
        reach(fair.graph, fair.origins, limit_s=60.0 * _MINUTES[-1]),
        fair.stations,
        region.jurisdictions,
        minutes=_MINUTES,
        land=shapely.union_all(region.jurisdictions.geometry.to_numpy()),
        helps=_helps(fair.agreements) if fair.agreements else None,
    )


def run_gaps(region: Region, run: FairRun) -> gpd.GeoDataFrame:
    """Outline the gaps of a run in fair weather: see `gaps`.

    Parameters
    ----------
    region
        As it was computed.
    run
        As `finish` gives it.

    Returns
    -------
    GeoDataFrame

    Examples
    --------
    >>> from mutualaid.coverage import compute, finish, prepare, run_gaps, whole
    >>> from mutualaid.data import demo_path, read_region
    >>> region = read_region(demo_path())
    >>> ready = prepare(region)
    >>> sorted(run_gaps(region, finish(ready, compute(whole(ready))))["level"].unique().tolist())
    ['agreed', 'alone', 'joint']
    """
    fair = run.fair
    return gaps(fair.coverage, region.jurisdictions, cell_m=region.cell_m, network=fair.graph.network)


def run_numbers(region: Region, run: FairRun, hazards: Hazards, found: gpd.GeoDataFrame) -> dict[str, Any]:
    """Collect every number that is reported of a run: see `summarise`.

    Parameters
    ----------
    region, run
        As of `run_gaps`.
    hazards
        As `hazards_of` gives it.
    found
        As `run_gaps` gives it.

    Returns
    -------
    dict

    Examples
    --------
    >>> from mutualaid.coverage import run_numbers
    >>> summary = run_numbers(region, run, hazards, run_gaps(region, run))  # doctest: +SKIP
    """
    fair = run.fair
    numbers = None
    if region.hazards or region.scenarios:
        numbers = hazard_numbers(
            hazards.layers.layers, hazards.seams, hazards.numbers, hazards.risks, hazards.not_computed
        )
    return summarise(
        region,
        fair.standard,
        fair.local_standards,
        fair.stations,
        fair.coverage,
        run.coverage_local,
        found,
        hazards=numbers,
    )


@dataclass(frozen=True, eq=False)
class Hazards:
    """What is known about a region's hazards: attributes as of `Analysis`, scenarios and their numbers by id."""

    layers: Layers
    seams: gpd.GeoDataFrame
    scenarios: Mapping[str, ScenarioResult]
    numbers: Mapping[str, Mapping[str, Any]]
    risks: tuple[RiskResult, ...]
    not_computed: tuple[Defect, ...]


def hazards_of(
    region: Region,
    result_of: Callable[[HazardScenario, Layers], Callable[[], ScenarioResult]],
    *,
    layers: Layers | None = None,
    tell: Callable[[str, float], None] | None = None,
    results: MutableMapping[str, ScenarioResult] | None = None,
    later: Later | None = None,
) -> Hazards:
    """Compute everything about hazards that can be computed; what cannot is listed, and hinders nothing else.

    Parameters
    ----------
    region
        What partners share.
    result_of
        Begins a scenario with the layers of the region, and gives a call that ends it; either may raise a
        `HazardError`.
    layers
        Those of the region; read if None.
    tell
        Called with a step in words and the share of the work that is done before it, 0…1.
    results
        Where to keep the results; in memory if None.
    later
        Ends a scenario while the next one is begun, see `mutualaid.threads.beside`; at once if None.

    Returns
    -------
    Hazards

    Examples
    --------
    >>> from mutualaid.coverage import fair_weather, hazards_of, scenario_coverage
    >>> from mutualaid.data import demo_path, read_region
    >>> region = read_region(demo_path())
    >>> fair = fair_weather(region)
    >>> found = hazards_of(region, lambda one, layers: lambda: scenario_coverage(fair, one, layers.layers))
    >>> list(found.scenarios) == [one.id for one in region.scenarios], len(found.seams)
    (True, 8)
    """
    tell = tell or _silent
    kept: MutableMapping[str, ScenarioResult] = {} if results is None else results
    layers = read_layers(region) if layers is None else layers
    defects = list(layers.broken(layers.defects))
    found_seams, lacking = region_seams(region, layers)
    defects += lacking
    numbers: dict[str, dict[str, Any]] = {}
    stopped: dict[str, list[Defect]] = {scenario.id: [] for scenario in region.scenarios}

    def end(call: Callable[[], ScenarioResult]) -> dict[str, Any]:
        result = call()
        kept[result.scenario.id] = result
        return scenario_numbers(result)

    def stop(key: str, error: HazardError) -> None:
        stopped[key] += [_named(key, defect) for defect in error.defects]

    def settle(key: str, call: Callable[[], dict[str, Any]]) -> None:
        try:
            numbers[key] = call()
        except HazardError as error:
            stop(key, error)

    going: deque[tuple[str, Callable[[], dict[str, Any]]]] = deque()
    for number, scenario in enumerate(region.scenarios):
        tell(f"Scenario: {scenario.name}", number / len(region.scenarios))
        if lost := [name for name in scenario.layers if name in layers.defects]:
            expected, got = "layers that can be read", f"defects in {', '.join(lost)}"
            where, remedy = f"scenario {scenario.id}", "correct them; the scenario was left out"
            stopped[scenario.id].append(Defect("region.toml", where, expected, got, remedy))
            continue
        try:
            # It holds what the scenario was begun with, which is large: so nobody holds it for longer than needed.
            begun = partial(end, result_of(scenario, layers))
        except HazardError as error:
            stop(scenario.id, error)
            continue
        going.append((scenario.id, begun if later is None else later(begun)))
        del begun
        while len(going) > (later is not None):
            settle(*going.popleft())
    while going:
        settle(*going.popleft())
    defects += [defect for found in stopped.values() for defect in found]
    risks = []
    for risk in region.risks:
        computed = [one for one in region.scenarios if one.id in risk.scenarios and one.id in kept]
        ids = {key for one in computed for key in one.layers}
        if same := same_maps(layer for layer in layers.layers if layer.id in ids):
            defects += same
            continue
        try:
            risks.append(scenario_risk(risk, kept))
        except HazardError as error:
            defects += error.defects
    return Hazards(layers, found_seams, kept, numbers, tuple(risks), tuple(dict.fromkeys(defects)))


def _named(scenario: str, defect: Defect) -> Defect:
    """Say which scenario a defect stops."""
    if f"scenario {scenario}," in f"{defect.where},":
        return defect
    return replace(defect, where=", ".join(filter(None, (f"scenario {scenario}", defect.where))))


def _silent(step: str, share: float) -> None:
    """Tell nobody."""


def _helps(agreements: tuple[Agreement, ...]) -> dict[str, set[str]]:
    """Partners that each partner may help."""
    found: dict[str, set[str]] = {}
    for one in agreements:
        for helper, host in one.pairs:
            found.setdefault(helper, set()).add(host)
    return found
