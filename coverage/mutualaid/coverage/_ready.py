"""A region made ready: all that "who reaches whom" is computed from."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import cast

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.coverage._fleets import Ways, crossing_delays
from mutualaid.coverage._response import turnout
from mutualaid.coverage._standards import Standard, standard
from mutualaid.coverage._today import Today, today
from mutualaid.coverage._units import station_units
from mutualaid.data import Agreement, Parameters, Region, agreements_in_force
from mutualaid.errors import Defect, RegionError, StandardError
from mutualaid.hazards import HazardLayer, Paths, RoadPieces, lay_on_roads
from mutualaid.network import (
    Network,
    Profile,
    RouteGraph,
    lean_all,
    profile,
    read_network,
    route_graph,
    snap,
)

__all__ = ["Ready", "end_s", "lead_s", "lean_ready", "on_road", "prepare"]

#: What is read of the tables of stations and demand once everything is on the roads.
_OF_STATIONS = (
    "partner", "jurisdiction", "department", "units", "turnout_used_s", "road", "fraction", "road_status",
)  # fmt: skip
_OF_DEMAND = (
    "population", "jurisdiction", "partner", "cell_x", "cell_y", "road", "fraction", "road_status",
)  # fmt: skip


@dataclass(frozen=True, eq=False, kw_only=True)
class Ready:
    """A region, or a part of one, of which nothing is left to do but to drive.

    Attributes
    ----------
    graph
        Its roads with the times of the profile, as the joint team drives.
    stations, demand
        Active stations of the service and demand, with ``partner`` and the columns of `mutualaid.network.snap`
        (its ``status`` as ``road_status``).
    jurisdictions
        Polygons with ``country`` and ``partner``, indexed by id.
    parameters, standard
        Those of the run, and the common standard.
    local_standards
        The standard of each jurisdiction, by id; empty if all have the common one.
    today
        What the agreements in force let vehicles do; None if none is.
    """

    graph: RouteGraph
    stations: gpd.GeoDataFrame
    demand: gpd.GeoDataFrame
    jurisdictions: gpd.GeoDataFrame
    parameters: Parameters
    standard: Standard
    local_standards: Mapping[str, Standard] = field(default_factory=dict)
    today: Today | None = None
    _laid: dict[str, RoadPieces] = field(default_factory=dict, repr=False)

    @property
    def origins(self) -> pd.DataFrame:
        """Stations as `mutualaid.network.snap` gives their places."""
        return on_road(self.stations)

    @property
    def places(self) -> pd.DataFrame:
        """Demand as `mutualaid.network.snap` gives its places."""
        return on_road(self.demand)

    @property
    def agreements(self) -> tuple[Agreement, ...]:
        """Agreements in force for the service on the day of the run."""
        return () if self.today is None else self.today.agreements

    @property
    def fastest(self) -> RouteGraph:
        """The roads on which nobody is slower than by the rules that bind him.

        Where fleets drive by rules of their own: those without delays at crossings and with nothing barred.
        """
        fleets = () if self.today is None else self.today.fleets
        return fleets[0].ways.open if fleets else self.graph

    def laid(self, layer: HazardLayer) -> RoadPieces:
        """Give a layer laid along the roads: made once for all scenarios."""
        if layer.id not in self._laid or self._laid[layer.id].layer is not layer:
            self._laid[layer.id] = lay_on_roads(layer, self.paths, crs=self.graph.network.crs)
        return self._laid[layer.id]

    def let_go(self, *, but: Collection[str]) -> None:
        """Forget how layers lie along the roads, but for some ids: each takes as much memory as the roads."""
        for name in set(self._laid).difference(but):
            del self._laid[name]

    @cached_property
    def paths(self) -> Paths:
        """The roads as hazards are laid along them."""
        network = self.graph.network
        return Paths(network.road_xy, network.road_offset)

    @cached_property
    def lines(self) -> NDArray[np.object_]:
        """Lines of the roads: made once for all, where their vertices will not do."""
        return self.graph.network.lines()


def prepare(
    region: Region,
    *,
    network: Network | None = None,
    vehicle: Profile | None = None,
    tell: Callable[[str, float], None] | None = None,
) -> Ready:
    """Make a region ready: its roads with their times, stations and demand on them, agreements and standards.

    Parameters
    ----------
    region
        As `mutualaid.data.read_region` returns it.
    network
        Its roads, cut at its jurisdictions; read from ``region.network_files`` if not given.
    vehicle
        How units drive, instead of the profile of the region's parameters.
    tell
        Called with a step in words and the share of the work that is done before it, 0…1.

    Returns
    -------
    Ready

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
    >>> from mutualaid.coverage import compute, prepare, whole
    >>> from mutualaid.data import demo_path, read_region
    >>> ready = prepare(read_region(demo_path()))
    >>> len(compute(whole(ready)).coverage) == len(ready.demand)
    True
    """
    tell = _silent if tell is None else tell
    parameters = region.parameters
    common, local = _standards(region)
    agreements = agreements_in_force(region.agreements, parameters.service, parameters.day)
    stations = _stations(region, agreements)
    _check_cutoff({rule.id: rule for rule in (common, *local.values())}, stations, parameters)

    tell("Reading the roads", 0.05)
    if network is None:
        network = read_network(region.network_files, crs=region.crs, jurisdictions=region.jurisdictions)
    tell("Placing people and stations on the roads", 0.35)
    crossing_ms = np.rint(crossing_delays(network, parameters) * 1000).astype(np.int64)
    graph = route_graph(network, vehicle or profile(region.profile), crossing_ms=crossing_ms)
    stations, demand = (
        table.join(
            snap(network, table, max_m=parameters.snap_m, graph=graph).rename(
                columns={"status": "road_status"}
            )
        )
        for table in (stations, _with_partner(region.demand, region))
    )
    now = None
    if agreements:
        now = today(network, graph, stations, demand, region.jurisdictions, parameters, agreements)
    return Ready(
        graph=graph,
        stations=stations,
        demand=demand,
        jurisdictions=region.jurisdictions,
        parameters=parameters,
        standard=common,
        local_standards=local,
        today=now,
    )


def lean_ready(ready: Ready) -> Ready:
    """Leave out what only drawing and describing need, so that it travels light: what tasks are made of.

    Parameters
    ----------
    ready
        As `prepare` gives it.

    Returns
    -------
    Ready
        It can be cut into parts and computed; it has neither lines nor polygons, so no scenario can be made ready
        from it.

    Examples
    --------
    >>> from mutualaid.coverage import compute, lean_ready, prepare, whole
    >>> from mutualaid.data import demo_path, read_region
    >>> ready = prepare(read_region(demo_path()))
    >>> plain, light = (compute(whole(one)).coverage for one in (ready, lean_ready(ready)))
    >>> "geometry" in light, light.equals(plain.drop(columns="geometry"))
    (False, True)
    """
    fleets = () if ready.today is None else ready.today.fleets
    graph, *rest = lean_all([ready.graph, *(fleet.ways.open for fleet in fleets)])
    known: dict[Ways, Ways] = {}
    for fleet, roads in zip(fleets, rest, strict=True):
        known.setdefault(fleet.ways, replace(fleet.ways, open=roads))
    now = ready.today
    if now is not None:
        now = replace(now, fleets=tuple(replace(one, ways=known[one.ways]) for one in fleets))
    turnouts = [str(name) for name in ready.stations.columns if str(name).startswith("turnout_")]
    return Ready(
        graph=graph,
        stations=_plain(ready.stations, (*_OF_STATIONS, *turnouts)),
        demand=_plain(ready.demand, _OF_DEMAND),
        jurisdictions=_plain(ready.jurisdictions, ("country", "partner")),
        parameters=ready.parameters,
        standard=ready.standard,
        local_standards=ready.local_standards,
        today=now,
    )


def _plain(table: pd.DataFrame, names: Iterable[str]) -> gpd.GeoDataFrame:
    """Give some columns of a table, without its geometry."""
    columns = {name: table[name] for name in names if name in table.columns}
    return cast(
        "gpd.GeoDataFrame", pd.DataFrame(columns, index=table.index)
    )  # nobody asks it where things are


def on_road(places: pd.DataFrame) -> pd.DataFrame:
    """Give stations or demand of a run as `mutualaid.network.snap` gave their places."""
    columns: dict[str, pd.Series] = {
        name: places[name] for name in ("road", "fraction", "side", "distance_m") if name in places.columns
    }
    return pd.DataFrame(columns | {"status": places["road_status"]}, index=places.index)


def end_s(ready: Ready) -> float:
    """Seconds on the standard's clock at which the search for the fastest crew ends: no later, so a lower bound."""
    return ready.parameters.cutoff_s + lead_s(ready, float(ready.stations["turnout_used_s"].min()))


def lead_s(ready: Ready, turnout_s: float) -> float:
    """Seconds on the standard's clock before the wheels roll."""
    parameters = ready.parameters
    before = (("t0", parameters.answering_s), ("t1", parameters.processing_s), ("t2", turnout_s))
    return float(sum(seconds for point, seconds in before if point >= ready.standard.start))


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
