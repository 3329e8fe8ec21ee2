"""From a region to all results in one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely

from mutualaid.coverage._coverage import coverage
from mutualaid.coverage._fair import FairWeather
from mutualaid.coverage._fair_run import fair_run
from mutualaid.coverage._gaps import gaps
from mutualaid.coverage._isochrones import isochrones
from mutualaid.coverage._risk import RiskResult, scenario_risk
from mutualaid.coverage._scenario import ScenarioResult, scenario_coverage
from mutualaid.coverage._scenario_table import hazard_numbers
from mutualaid.coverage._standards import Standard
from mutualaid.coverage._summary import summarise
from mutualaid.data import Agreement, Parameters, Region, agreement_notes
from mutualaid.errors import Defect, HazardError
from mutualaid.hazards import Layers, read_layers, region_seams, same_maps
from mutualaid.network import Network, reach

__all__ = ["Analysis", "analyse"]

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
    run = fair_run(region, network=network, tell=tell)
    fair, common, covered = run.fair, run.fair.standard, run.fair.coverage
    network, stations, demand = fair.graph.network, fair.stations, fair.demand
    covered_local = coverage(run.times, demand, stations, run.local_standards, agreed=run.times_agreed)
    tell("Outlining the gaps", 0.65)
    found = gaps(covered, region.jurisdictions, cell_m=region.cell_m, network=network)
    tell("Drawing isochrones", 0.75)
    bands = isochrones(
        network,
        reach(fair.graph, run.origins, limit_s=60.0 * _MINUTES[-1]),
        stations,
        region.jurisdictions,
        minutes=_MINUTES,
        land=shapely.union_all(region.jurisdictions.geometry.to_numpy()),
        helps=_helps(run.agreements) if run.agreements else None,
    )
    tell("Comparing the partners' hazard layers", 0.8)
    hazards = _hazards(region, fair, tell)
    tell("Summing up", 0.88)
    numbers = None
    if region.hazards or region.scenarios:
        numbers = hazard_numbers(
            hazards.layers.layers, hazards.seams, hazards.scenarios, hazards.risks, hazards.not_computed
        )
    summary = summarise(
        region, common, run.local_standards, stations, covered, covered_local, found, hazards=numbers
    )
    return Analysis(
        region=region,
        network=network,
        standard=common,
        local_standards=run.local_standards,
        stations=stations,
        demand=demand,
        times=run.times,
        times_agreed=run.times_agreed,
        agreements=run.agreements,
        day=run.day,
        notes=tuple(agreement_notes(region.agreements, region.parameters.service, run.day)),
        coverage=covered,
        coverage_local=covered_local,
        gaps=found,
        isochrones=bands,
        layers=hazards.layers,
        seams=hazards.seams,
        fair=fair,
        scenarios=hazards.scenarios,
        risks=hazards.risks,
        not_computed=hazards.not_computed,
        summary=summary,
    )


@dataclass(frozen=True, eq=False)
class _Hazards:
    """What is known about the region's hazards: fields as of `Analysis`."""

    layers: Layers
    seams: gpd.GeoDataFrame
    scenarios: tuple[ScenarioResult, ...]
    risks: tuple[RiskResult, ...]
    not_computed: tuple[Defect, ...]


def _hazards(region: Region, fair: FairWeather, tell: Callable[[str, float], None]) -> _Hazards:
    """Compute everything about hazards that can be computed; what cannot is listed, and hinders nothing else."""
    layers = read_layers(region)
    defects = list(layers.broken(layers.defects))
    found_seams, lacking = region_seams(region, layers)
    defects += lacking
    results: dict[str, ScenarioResult] = {}
    for number, scenario in enumerate(region.scenarios):
        tell(f"Scenario: {scenario.name}", 0.8 + 0.08 * number / len(region.scenarios))
        if lost := [name for name in scenario.layers if name in layers.defects]:
            expected, got = "layers that can be read", f"defects in {', '.join(lost)}"
            where, remedy = f"scenario {scenario.id}", "correct them; the scenario was left out"
            defects.append(Defect("region.toml", where, expected, got, remedy))
            continue
        try:
            results[scenario.id] = scenario_coverage(fair, scenario, layers.layers)
        except HazardError as error:
            defects += [_named(scenario.id, defect) for defect in error.defects]
    risks = []
    for risk in region.risks:
        ids = {key for one in risk.scenarios if one in results for key in results[one].scenario.layers}
        if same := same_maps(layer for layer in layers.layers if layer.id in ids):
            defects += same
            continue
        try:
            risks.append(scenario_risk(risk, results))
        except HazardError as error:
            defects += error.defects
    unique = tuple(dict.fromkeys(defects))
    return _Hazards(layers, found_seams, tuple(results.values()), tuple(risks), unique)


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
