"""Today's agreements: what they let vehicles do, and the response times of each level."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from mutualaid.coverage._fleets import Fleet, drive_times, fleet_times, group_fleets
from mutualaid.coverage._response import response_times
from mutualaid.data import Agreement, Parameters
from mutualaid.network import Network, RouteGraph

__all__ = ["Today", "agreed_times", "first_own", "level_times", "times_today", "today"]

_ANY = "*"


@dataclass(frozen=True, eq=False)
class Today:
    """What the agreements in force let vehicles do.

    Attributes
    ----------
    agreements
        Those in force for the service.
    fleets
        Who drives where by which rules; every pair that may occur is in one of them. Empty where all drive as the
        joint team does.
    by_pair
        (partners, partners) position of the agreement by which the one partner helps the other; -1 if by none.
    home, partner
        (stations,) and (demand,) position of the partner of each station and place, as in `by_pair`.
    leaving
        (stations, agreements) bool: the station has a unit that need not stay; true where nobody knows its units.
    units
        (stations,) units of the kind that is needed; NaN where nobody knows.
    near
        By agreement and helping partner, where it limits help to a strip: (demand,) bool, whether a place lies in it.
    area
        (demand,) position of the own station that is first due in fair weather; -1 if none.
    """

    agreements: tuple[Agreement, ...]
    fleets: tuple[Fleet, ...]
    by_pair: NDArray[np.int64]
    home: NDArray[np.int64]
    partner: NDArray[np.int64]
    leaving: NDArray[np.bool_]
    units: NDArray[np.float64]
    near: Mapping[tuple[int, int], NDArray[np.bool_]]
    area: NDArray[np.int64]

    @property
    def rule(self) -> NDArray[np.int64]:
        """(stations, partners) position of the agreement by which a station helps a partner; -1 if by none."""
        return self.by_pair[self.home]

    @property
    def asks_area(self) -> bool:
        """Whether an agreement leaves out pairs of stations, so that the areas of the own ones decide."""
        return any(one.excluded_pairs for one in self.agreements)


def today(
    network: Network,
    graph: RouteGraph,
    stations: gpd.GeoDataFrame,
    demand: gpd.GeoDataFrame,
    jurisdictions: gpd.GeoDataFrame,
    parameters: Parameters,
    agreements: Sequence[Agreement],
    *,
    fleets: tuple[Fleet, ...] | None = None,
) -> Today:
    """Work out what the agreements in force let vehicles do.

    Parameters
    ----------
    network, graph
        The roads, and the roads as the joint team drives on them.
    stations, demand
        With ``partner`` and, on the stations, ``units``.
    jurisdictions
        Polygons with ``partner``.
    parameters, agreements
        Those of the run, and the agreements in force.
    fleets
        Who drives by which rules, if that is known already.

    Returns
    -------
    Today
        Its ``area`` is not known yet: -1 everywhere.

    Raises
    ------
    AgreementError
        An agreement names a crossing that is not there.
    """
    names = [str(one) for one in jurisdictions["partner"].unique()]
    position = {name: number for number, name in enumerate(names)}
    by_pair = np.full((len(names), len(names)), -1, dtype=np.int64)
    for number, one in enumerate(agreements):
        for helper, host in one.pairs:
            if helper in position and host in position:
                by_pair[position[helper], position[host]] = number
    if fleets is None:
        fleets = group_fleets(network, graph, stations, demand, jurisdictions, parameters, agreements)
    home = np.asarray(stations["partner"].map(position), dtype=np.int64)
    units = stations["units"].to_numpy(np.float64)
    stay = np.array([one.home_cover_min for one in agreements])
    return Today(
        agreements=tuple(agreements),
        fleets=fleets,
        by_pair=by_pair,
        home=home,
        partner=np.asarray(demand["partner"].map(position), dtype=np.int64),
        leaving=~(units[:, None] - stay[None, :] < 1),
        units=units,
        near=_strips(agreements, by_pair, home, names, demand, jurisdictions),
        area=np.full(len(demand), -1, dtype=np.int64),
    )


# --- whom they may help -------------------------------------------------------------------------------------


def _strips(
    agreements: Sequence[Agreement],
    by_pair: NDArray[np.int64],
    home: NDArray[np.int64],
    names: Sequence[str],
    demand: gpd.GeoDataFrame,
    jurisdictions: gpd.GeoDataFrame,
) -> dict[tuple[int, int], NDArray[np.bool_]]:
    """Places within the strip of each agreement that has one, by agreement and helping partner."""
    near: dict[tuple[int, int], NDArray[np.bool_]] = {}
    for number, one in enumerate(agreements):
        if not np.isfinite(one.strip_km):
            continue
        for helper in np.unique(home[(by_pair[home] == number).any(axis=1)]):
            territory = jurisdictions.geometry[jurisdictions["partner"] == names[helper]].to_numpy()
            shapely.prepare(land := shapely.union_all(territory))
            inside = np.asarray(shapely.dwithin(land, demand.geometry.to_numpy(), 1000.0 * one.strip_km))
            near[number, int(helper)] = inside
    return near


def agreed_times(
    drive: pd.DataFrame,
    stations: gpd.GeoDataFrame,
    demand: gpd.GeoDataFrame,
    parameters: Parameters,
    now: Today,
) -> pd.DataFrame:
    """Put together the response times of every pair that may occur under the agreements in force.

    Parameters
    ----------
    drive
        Drive times by pair, as the vehicles of each partner drive today.
    stations, demand, parameters
        As for `response_times`.
    now
        What the agreements let vehicles do.

    Returns
    -------
    DataFrame
        Rows of `drive` whose station is of the place's own partner, or may help it; columns as `response_times`
        gives them, with the dispatch delay of the agreement, and ``agreement`` (its id, missing for the own stations)
        and ``subsidiary`` (bool: only where no own station meets the standard).
    """
    times = response_times(drive, stations, demand, parameters)
    station, place = times["station"].cat.codes.to_numpy(), times["demand"].cat.codes.to_numpy()
    own = stations["partner"].to_numpy()[station] == demand["partner"].to_numpy()[place]
    home = now.home[station]
    rule = np.where(own, -1, now.by_pair[home, now.partner[place]])
    foreign = ~own & (rule >= 0)
    allowed = foreign & now.leaving[station, rule]
    for (number, one), near in now.near.items():
        rows = allowed & (rule == number) & (home == one)
        allowed[rows] = near[place[rows]]
    known = np.append(stations.index.astype(str), "")
    for number, agreement in enumerate(now.agreements):
        for helping, there in agreement.excluded_pairs:
            hit = rule == number
            hit &= True if helping == _ANY else (known == helping)[station]
            hit &= True if there == _ANY else (known == there)[now.area[place]]
            allowed &= ~hit
    dispatch_s = np.array([one.dispatch_s for one in now.agreements] + [0.0])
    subsidiary = np.array([one.mode == "subsidiary" for one in now.agreements] + [False])
    names = pd.Categorical.from_codes(rule, categories=pd.Index([one.id for one in now.agreements]))
    kept: pd.DataFrame = times.assign(
        dispatch_s=dispatch_s[rule], agreement=names, subsidiary=subsidiary[rule]
    )[own | allowed]
    return kept


def first_own(times: pd.DataFrame, stations: gpd.GeoDataFrame, demand: gpd.GeoDataFrame) -> NDArray[np.int64]:
    """Position of the own station that is first due at each place by the time since the alert; -1 if none."""
    station, place = times["station"].cat.codes.to_numpy(), times["demand"].cat.codes.to_numpy()
    own = np.flatnonzero(stations["partner"].to_numpy()[station] == demand["partner"].to_numpy()[place])
    since_s = times[["turnout_s", "crossing_s", "drive_s"]].to_numpy()[own].sum(axis=1).round(3)
    order = own[np.lexsort((station[own], since_s, place[own]))]
    first = np.full(len(demand), -1, dtype=np.int64)
    at, rows = np.unique(place[order], return_index=True)
    first[at] = station[order[rows]]
    return first


def _with_units(
    times: pd.DataFrame,
    stations: gpd.GeoDataFrame,
    demand: gpd.GeoDataFrame,
    parameters: Parameters,
    now: Today | None,
    *,
    helping: bool,
    hazard: bool,
) -> pd.DataFrame:
    """Add ``free``, the share of the time that the station of each pair has a unit free, unless all always have.

    Units are taken to be busy independently of each other; a station whose units nobody knows counts as one. With
    `helping`, a foreign station sends only what need not stay; under a `hazard` the agreement's share for that holds.
    """
    rules = () if now is None else now.agreements
    general = [
        one.availability_hazard if hazard and one.availability_hazard is not None else one.availability
        for one in rules
    ]
    if min([parameters.availability, *general]) >= 1:
        return times
    station, place = times["station"].cat.codes.to_numpy(), times["demand"].cat.codes.to_numpy()
    own = stations["partner"].to_numpy()[station] == demand["partner"].to_numpy()[place]
    rule = (
        np.full(len(times), -1)
        if now is None
        else np.where(own, -1, now.by_pair[now.home[station], now.partner[place]])
    )
    count = stations["units"].to_numpy(np.float64)[station]
    if helping:
        count = count - np.array([*(one.home_cover_min for one in rules), 0.0])[rule]
    busy = 1 - np.array([*general, parameters.availability])[rule]
    return times.assign(free=1 - busy ** np.fmax(np.nan_to_num(count, nan=1.0), 1.0))


def level_times(
    graph: RouteGraph,
    now: Today | None,
    origins: pd.DataFrame,
    places: pd.DataFrame,
    stations: gpd.GeoDataFrame,
    demand: gpd.GeoDataFrame,
    parameters: Parameters,
    limit_s: float,
    *,
    change: Callable[[RouteGraph], RouteGraph] | None = None,
    delay_s: NDArray[np.float64] | None = None,
    drive: pd.DataFrame | None = None,
    threads: int | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Response times of a joint team and, where there are agreements, of the pairs that may occur under them.

    Parameters
    ----------
    graph, now
        The roads as the joint team drives on them, and what the agreements in force let vehicles do; None if none is.
    origins, places
        Stations and demand as `mutualaid.network.snap` gives them.
    stations, demand, parameters
        As for `response_times`; stations with ``units``.
    limit_s
        Longest drive.
    change
        What a hazard leaves of roads.
    delay_s
        (stations,) what a hazard adds to the turnout; given, the shares of units that are free are those under a
        hazard.
    drive
        Drive times of the joint team, if they are known already.
    threads
        As of `mutualaid.network.travel_times`.

    Returns
    -------
    DataFrame, DataFrame or None
        As `response_times` and `agreed_times` give them, with ``free`` where units are not always free.
    """
    if drive is None:
        roads = graph if change is None else change(graph)
        drive = drive_times(roads, origins, places, limit_s, threads=threads)
    tables = [response_times(drive, stations, demand, parameters)]
    if now is not None:
        if now.fleets:
            drive = fleet_times(now.fleets, origins, places, limit_s, change=change, threads=threads)
        tables.append(agreed_times(drive, stations, demand, parameters, now))
    tables = [
        _with_units(
            times if delay_s is None else _later(times, delay_s), stations, demand, parameters, now,
            helping=number == 1, hazard=delay_s is not None,
        )
        for number, times in enumerate(tables)
    ]  # fmt: skip
    return tables[0], tables[1] if now is not None else None


def times_today(
    graph: RouteGraph,
    now: Today | None,
    origins: pd.DataFrame,
    places: pd.DataFrame,
    stations: gpd.GeoDataFrame,
    demand: gpd.GeoDataFrame,
    parameters: Parameters,
    *,
    threads: int | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame | None, Today | None]:
    """Response times of each level in fair weather, and what agreements let vehicles do with the areas of stations."""
    given = (origins, places, stations, demand, parameters, parameters.cutoff_s)
    times, agreed = level_times(graph, now, *given, threads=threads)
    if now is not None and agreed is not None:
        now = replace(now, area=first_own(agreed, stations, demand))
        if now.asks_area:
            times, agreed = level_times(graph, now, *given, threads=threads)
    return times, agreed, now


def _later(times: pd.DataFrame, delay_s: NDArray[np.float64]) -> pd.DataFrame:
    """Add what a hazard adds to the turnout of each station."""
    return times.assign(turnout_s=times["turnout_s"] + delay_s[times["station"].cat.codes])
