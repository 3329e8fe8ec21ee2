"""Who reaches whom in fair weather: the part of a run that everything else is drawn and computed from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd

from mutualaid.coverage._coverage import coverage
from mutualaid.coverage._fair import FairWeather, reached_by_road
from mutualaid.coverage._fleets import crossing_delays
from mutualaid.coverage._response import turnout
from mutualaid.coverage._standards import Standard, standard
from mutualaid.coverage._today import Today, first_own, level_times, today
from mutualaid.coverage._units import station_units
from mutualaid.data import Agreement, Parameters, Region, agreements_in_force
from mutualaid.errors import Defect, RegionError, StandardError
from mutualaid.network import Network, Profile, RouteGraph, profile, read_network, route_graph, snap

__all__ = ["FairRun", "fair_run", "fair_weather"]


@dataclass(frozen=True, eq=False)
class FairRun:
    """A run without hazards, outlines and numbers: attributes as of `mutualaid.coverage.Analysis`.

    Attributes
    ----------
    fair
        With coverage by the common standard.
    local_standards, times, times_agreed, agreements, day
        As of the analysis.
    origins
        Stations as `mutualaid.network.snap` gives them.
    """

    fair: FairWeather
    local_standards: Mapping[str, Standard]
    times: pd.DataFrame
    times_agreed: pd.DataFrame | None
    agreements: tuple[Agreement, ...]
    day: date
    origins: pd.DataFrame


def fair_weather(
    region: Region, *, network: Network | None = None, vehicle: Profile | None = None
) -> FairWeather:
    """Compute who reaches whom by the common standard without a hazard: `analyse` without all that is drawn.

    Parameters
    ----------
    region
        As `mutualaid.data.read_region` returns it.
    network
        Its roads, cut at its jurisdictions; read from ``region.network_files`` if not given.
    vehicle
        How units drive, instead of the profile of the region's parameters.

    Returns
    -------
    FairWeather
        As ``Analysis.fair``: its ``coverage`` is that of the analysis, and `scenario_coverage` takes it.

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
    >>> from mutualaid.coverage import analyse, fair_weather
    >>> from mutualaid.data import demo_path, read_region
    >>> region = read_region(demo_path())
    >>> fair_weather(region).coverage.equals(analyse(region).coverage)
    True
    """
    return fair_run(region, network=network, vehicle=vehicle, tell=_silent).fair


def fair_run(
    region: Region,
    *,
    network: Network | None = None,
    vehicle: Profile | None = None,
    tell: Callable[[str, float], None],
) -> FairRun:
    """Compute what `analyse` computes without a hazard: arguments as of `fair_weather` and of `analyse`."""
    parameters = region.parameters
    common, local = _standards(region)
    day = parameters.day
    agreements = agreements_in_force(region.agreements, parameters.service, day)
    stations = _stations(region, agreements)
    _check_cutoff({rule.id: rule for rule in (common, *local.values())}, stations, parameters)

    tell("Reading the roads", 0.05)
    if network is None:
        network = read_network(region.network_files, crs=region.crs, jurisdictions=region.jurisdictions)
    tell("Placing people and stations on the roads", 0.35)
    crossing_ms = np.rint(crossing_delays(network, parameters) * 1000).astype(np.int64)
    graph = route_graph(network, vehicle or profile(region.profile), crossing_ms=crossing_ms)
    origins = snap(network, stations, max_m=parameters.snap_m, graph=graph)
    places = snap(network, region.demand, max_m=parameters.snap_m, graph=graph)
    stations = stations.join(origins.rename(columns={"status": "road_status"}))
    demand = _with_partner(region.demand, region).join(places.rename(columns={"status": "road_status"}))

    tell("Driving", 0.45)
    now = None
    if agreements:
        now = today(network, graph, stations, demand, region.jurisdictions, parameters, agreements)
    times, agreed, now = _times(graph, now, origins, places, stations, demand, parameters)
    tell("Comparing with the standards", 0.55)
    fair = FairWeather(
        graph=graph,
        stations=stations,
        demand=demand,
        jurisdictions=region.jurisdictions,
        parameters=parameters,
        standard=common,
        coverage=coverage(times, demand, stations, common, agreed=agreed),
        connected=reached_by_road(graph, origins, places),
        leaving=stations.index.isin(times["station"].unique()),
        today=now,
    )
    return FairRun(fair, local, times, agreed, agreements, day, origins)


def _silent(step: str, share: float) -> None:
    """Tell nobody."""


def _standards(region: Region) -> tuple[Standard, dict[str, Standard]]:
    """Find the common standard and the one of each jurisdiction, or all that is wrong with them."""
    parameters = region.parameters
    defects: list[Defect] = []
    found: dict[str, Standard] = {}
    for name in dict.fromkeys([parameters.standard, *parameters.local_standards.values()]):
        try:
            rule = found[name] = standard(name, own=region.standards)
        except StandardError as error:
            defects += error.defects
            continue
        if rule.service not in ("", parameters.service):
            expected, got = f"a standard for {parameters.service}", f"one for {rule.service}"
            remedy = "choose one from `mutualaid standards`, or change the service"
            defects.append(Defect("", f"standard {name}", expected, got, remedy))
        if rule.end != "t4":
            expected = "a standard of the first unit (t4)"
            remedy = "choose another; when the full force is complete is not computed"
            defects.append(Defect("", f"standard {name}", expected, f"one that ends at {rule.end}", remedy))
    for name in parameters.local_standards:
        if name not in region.jurisdictions.index:
            remedy = "use the id of a jurisdiction"
            defects.append(Defect("", "local_standards", "ids of jurisdictions", repr(name), remedy))
    if defects:
        raise StandardError(defects)
    own = parameters.local_standards
    local = {str(name): found[own.get(name, parameters.standard)] for name in region.jurisdictions.index}
    return found[parameters.standard], local


def _check_cutoff(rules: Mapping[str, Standard], stations: gpd.GeoDataFrame, parameters: Parameters) -> None:
    """Refuse a cutoff that would cut off people whom a standard still covers."""
    before = [
        ("t0", parameters.answering_s),
        ("t1", parameters.processing_s),
        ("t2", float(stations["turnout_used_s"].min())),
    ]
    defects = []
    for rule in rules.values():
        budget = rule.limit_s - sum(seconds for point, seconds in before if point >= rule.start)
        if budget > parameters.cutoff_s:
            expected = f"at least {math.ceil(budget)} s, the drive time that {rule.name} leaves"
            remedy = f"set cutoff_s = {math.ceil(budget)} or more in [parameters]"
            defects.append(Defect("", "cutoff_s", expected, f"{parameters.cutoff_s:g} s", remedy))
    if defects:
        raise StandardError(defects)


def _stations(region: Region, agreements: tuple[Agreement, ...]) -> gpd.GeoDataFrame:
    """Active stations of the service that have a unit of the kind needed, with their partner and turnout."""
    service = region.parameters.service
    chosen = region.stations[
        (region.stations["service"] == service) & (region.stations["status"] == "active")
    ]
    if chosen.empty:
        kinds = region.stations["status"] + " " + region.stations["service"]
        got = ", ".join(f"{n} {kind}" for kind, n in kinds.value_counts().items()) or "no stations"
        remedy = "add one to the stations, or choose another service in [parameters]"
        raise RegionError([Defect("", "stations", f"an active station of service {service}", got, remedy)])
    chosen = _with_partner(chosen, region)
    needed = region.parameters.capability
    found = station_units(chosen, region.units, needed, agreements)
    chosen = chosen.assign(units=found["units"])[found["able"] == "yes"]
    if chosen.empty:
        got = ", ".join(f"{n} {word}" for word, n in found["able"].value_counts().items())
        expected = f"a station known to have a unit with the capability {needed}"
        remedy = "add its units to the units table, or leave capability out of [parameters]"
        raise RegionError([Defect("", "units", expected, got, remedy)])
    turnout_s, assumed = turnout(chosen, region.parameters)
    return chosen.assign(turnout_used_s=turnout_s, turnout_assumed=assumed)


def _with_partner(table: gpd.GeoDataFrame, region: Region) -> gpd.GeoDataFrame:
    return table.assign(partner=table["jurisdiction"].map(region.jurisdictions["partner"]))


def _times(
    graph: RouteGraph,
    now: Today | None,
    origins: pd.DataFrame,
    places: pd.DataFrame,
    stations: gpd.GeoDataFrame,
    demand: gpd.GeoDataFrame,
    parameters: Parameters,
) -> tuple[pd.DataFrame, pd.DataFrame | None, Today | None]:
    """Response times of the joint team and under the agreements, and what those let vehicles do."""
    given = (origins, places, stations, demand, parameters, parameters.cutoff_s)
    times, agreed = level_times(graph, now, *given)
    if now is not None and agreed is not None:
        now = replace(now, area=first_own(agreed, stations, demand))
        if any(one.excluded_pairs for one in now.agreements):
            times, agreed = level_times(graph, now, *given)
    return times, agreed, now
