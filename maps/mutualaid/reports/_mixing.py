"""Regions that are partly as they were and partly as they are: what swaps one part of the data at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd

from mutualaid.coverage import standard
from mutualaid.data import Agreement, HazardScenario, Parameters, Region, agreements_in_force
from mutualaid.network import Network

__all__ = ["PARTS", "Pair", "fitting", "fitting_scenario", "mixed"]

#: What two runs can differ in, in the order in which it is told.
PARTS: tuple[str, ...] = ("stations", "roads", "people", "hazards", "agreements", "parameters")


@dataclass(frozen=True, eq=False)
class Pair:
    """Two regions in one CRS, that of the later one.

    Attributes
    ----------
    before, after
        The regions: what is compared of them is in the CRS of `after`.
    moved
        Whether the earlier one had to be brought into that CRS.
    """

    before: Region
    after: Region
    moved: bool = False

    @classmethod
    def of(cls, before: Region, after: Region) -> Pair:
        """Bring two regions into one CRS."""
        if before.crs == after.crs:
            return cls(before, after)
        moved = {
            name: getattr(before, name).to_crs(after.crs) for name in ("jurisdictions", "stations", "demand")
        }
        # Cells are no squares any more; only maps draw them.
        moved["demand"] = moved["demand"].drop(columns=["cell_x", "cell_y"], errors="ignore")
        empty = {name: getattr(before, name).iloc[:0].to_crs(after.crs) for name in ("ground", "shelters")}
        empty["incidents"] = before.incidents.iloc[:0].to_crs(after.crs)
        return cls(replace(before, crs=after.crs, cell_m=None, **moved, **empty), after, moved=True)

    def side(self, new: bool) -> Region:
        """Give one of the two."""
        return self.after if new else self.before


def mixed(pair: Pair, new: Collection[str]) -> Region:
    """Take some parts from the later region, and all others from the earlier one.

    Local standards are left out, and agreements are those in force on the day of their side.
    """
    people, stations = pair.side("people" in new), pair.side("stations" in new)
    roads, rules = pair.side("roads" in new), pair.side("parameters" in new)
    hazards, treaties = pair.side("hazards" in new), pair.side("agreements" in new)
    day = treaties.parameters.day
    return replace(
        rules,
        crs=pair.after.crs,
        jurisdictions=people.jurisdictions,
        demand=people.demand,
        cell_m=people.cell_m,
        stations=_placed(stations.stations, people.jurisdictions),
        units=stations.units,
        network_files=roads.network_files,
        parameters=replace(rules.parameters, local_standards={}, date=day.isoformat()),
        hazards=hazards.hazards,
        scenarios=hazards.scenarios,
        risks=(),
        agreements=agreements_in_force(treaties.agreements, rules.parameters.service, day),
        # What a mixed region has no part of: nothing is computed from it.
        ground=rules.ground.iloc[:0].to_crs(pair.after.crs),
        shelters=rules.shelters.iloc[:0].to_crs(pair.after.crs),
        incidents=rules.incidents.iloc[:0].to_crs(pair.after.crs),
    )


def fitting(region: Region, network: Network) -> Region:
    """Make a mixed region one that can be computed: what one side names and the other has not is left out.

    Crossings that are not on these roads have no delay. An agreement that allows certain crossings, of which none is
    there, lets nobody come. Drives are searched as far as the standard needs.
    """
    known = set(network.crossings.index)
    parameters = region.parameters
    delays = {key: value for key, value in parameters.crossing_delay_s.items() if key in known}
    limit_s = standard(parameters.standard, own=region.standards).limit_s
    agreements = (_fitting_agreement(one, known) for one in region.agreements)
    return replace(
        region,
        parameters=replace(
            parameters, crossing_delay_s=delays, cutoff_s=float(max(parameters.cutoff_s, limit_s))
        ),
        agreements=tuple(one for one in agreements if one is not None),
    )


def _fitting_agreement(one: Agreement, known: Collection[str]) -> Agreement | None:
    allowed = tuple(name for name in one.crossings if name in known)
    if one.crossings and not allowed:
        return None
    return replace(one, crossings=allowed, crossing=tuple(item for item in one.crossing if item.id in known))


def fitting_scenario(scenario: HazardScenario, network: Network, stations: pd.Index) -> HazardScenario | None:
    """Leave out what a scenario closes by name and these roads or stations do not have; None if nothing is left."""
    ways = set(network.roads["way"].unique().tolist())
    shut = tuple(way for way in scenario.closed_ways if way in ways)
    crossings = tuple(name for name in scenario.closed_crossings if name in network.crossings.index)
    out = tuple(name for name in scenario.closed_stations if name in stations)
    if not (scenario.layers or shut or crossings or out):
        return None
    return replace(scenario, closed_ways=shut, closed_crossings=crossings, closed_stations=out)


def _placed(stations: gpd.GeoDataFrame, jurisdictions: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Give stations of a jurisdiction that is unknown the one in which, or nearest to which, they lie."""
    strange = (~stations["jurisdiction"].isin(jurisdictions.index)).to_numpy()
    if not strange.any() or jurisdictions.empty:
        return stations
    points, shapes = stations.geometry[strange], jurisdictions.geometry
    at = shapes.sindex.nearest(points, return_all=False)[1]
    places = stations["jurisdiction"].to_numpy(dtype=object, copy=True)
    places[np.flatnonzero(strange)] = jurisdictions.index.to_numpy(dtype=object)[at]
    return stations.assign(jurisdiction=pd.array(places, dtype="str"))


def used_parameters(region: Region) -> Mapping[str, object]:
    """Give the parameters of a region that coverage by the common standard depends on, the standard itself included."""
    parameters: Parameters = region.parameters
    left_out = ("date", "local_standards", "standard")
    found = {key: value for key, value in vars(parameters).items() if key not in left_out}
    return {**found, "standard": standard(parameters.standard, own=region.standards)}
