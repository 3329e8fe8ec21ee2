"""Times of stations and candidate sites in fair weather and in scenarios, as a run computes them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.coverage._analysis import Analysis
from mutualaid.coverage._fair import FairWeather
from mutualaid.coverage._ready import on_road
from mutualaid.coverage._response import _clock_ms, turnout
from mutualaid.coverage._scenario import under_hazard
from mutualaid.coverage._standards import Standard
from mutualaid.coverage._today import Today, level_times, today
from mutualaid.errors import Defect, RegionError
from mutualaid.network import RouteGraph

__all__ = ["NEVER", "Driven", "SiteTimes", "Times", "driven", "site_times", "subsidiary", "with_candidates"]

#: Milliseconds of a unit that does not come; nothing may be added to it.
NEVER = 2**31 - 1

Times = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Driven:
    """Times in one weather, and what they were computed from.

    Attributes
    ----------
    out
        (s,) bool: out of service, because it stands in the hazard or the scenario says so.
    joint_ms
        (s, n) int32: whole milliseconds on the standard's clock as the joint team drives; `NEVER` where it does not.
    agreed_ms
        (s, n) int32: under the agreements in force; None if none is.
    delay_s
        (s,) what the hazard adds to the turnout.
    origins, places
        Sites and demand on what the hazard leaves of their roads.
    change
        Gives what the hazard leaves of roads.
    """

    out: NDArray[np.bool_]
    joint_ms: Times
    agreed_ms: Times | None
    delay_s: NDArray[np.float64]
    origins: pd.DataFrame
    places: pd.DataFrame
    change: Callable[[RouteGraph], RouteGraph]


@dataclass(frozen=True, eq=False)
class SiteTimes:
    """Times of s sites to n places.

    Attributes
    ----------
    sites
        The run's stations, after them candidate sites: see `WhatIfTables`.
    own
        (s, n) bool: the site and the place are of one partner.
    weather
        Times in each weather that was asked for, by id.
    """

    sites: gpd.GeoDataFrame
    own: NDArray[np.bool_]
    weather: Mapping[str, Driven]

    def ms(self, weather: str, level: str) -> Times:
        """Milliseconds of a level on the standard's clock.

        Parameters
        ----------
        weather
            Id of a scenario; fair weather if empty.
        level
            ``alone``, ``agreed`` or ``joint``. Without any agreement in force, ``agreed`` is as ``alone``. A unit that
            an agreement lets come only where no own one is in time is listed as if it always came: whom a set of sites
            reaches in time is the same.

        Returns
        -------
        array
            (s, n) int32; `NEVER` where the unit does not come at this level.
        """
        now = self.weather[weather]
        if level == "joint":
            return now.joint_ms
        if level == "agreed" and now.agreed_ms is not None:
            return now.agreed_ms
        own_ms = now.joint_ms if now.agreed_ms is None else now.agreed_ms
        return np.where(self.own, own_ms, np.int32(NEVER))


def site_times(analysis: Analysis, sites: gpd.GeoDataFrame, *, weather: Collection[str] = ("",)) -> SiteTimes:
    """Work out the times of every station and candidate site at each level of cooperation.

    Parameters
    ----------
    analysis
        A run.
    sites
        Candidate sites as for `what_if_tables`.
    weather
        Ids of scenarios of the run; "" is fair weather.

    Returns
    -------
    SiteTimes

    Raises
    ------
    RegionError
        A candidate site has the id of a station, or of another one; the run has no such scenario.

    Examples
    --------
    >>> from mutualaid.coverage import analyse, candidate_sites, site_times
    >>> from mutualaid.data import demo_path, read_region
    >>> result = analyse(read_region(demo_path()))
    >>> times = site_times(result, candidate_sites(result, count=8))
    >>> times.ms("", "joint").shape == (len(times.sites), len(result.demand))
    True
    """
    known = ["", *(one.scenario.id for one in analysis.scenarios)]
    if strange := [name for name in weather if name not in known]:
        expected = f"scenarios of the run, {', '.join(known[1:]) or 'which has none'}"
        remedy = "correct the id, or see what is wrong with the scenario"
        raise RegionError([Defect("", "weather", expected, repr(name), remedy) for name in strange])
    fair = with_candidates(analysis, sites)
    own = fair.stations["partner"].to_numpy()[:, None] == fair.demand["partner"].to_numpy()
    return SiteTimes(fair.stations, own, dict(driven(analysis, fair, weather)))


def with_candidates(analysis: Analysis, sites: gpd.GeoDataFrame) -> FairWeather:
    """Fair weather of a run with candidate sites after its stations: what times are computed from."""
    fair = analysis.fair
    index = analysis.stations.index.append(sites.index)
    if twice := list(index[index.duplicated()].unique()):
        remedy = "give each candidate site an id of its own"
        raise RegionError([Defect("", "candidate sites", "ids that nobody has yet", repr(twice[0]), remedy)])
    known = analysis.stations.assign(name=analysis.stations["name"].fillna(""), candidate=False)
    stated = {name: sites[name].fillna(value) for name, value in _UNSTATED.items() if name in sites.columns}
    new = sites.assign(**_UNSTATED | stated, units=np.nan, candidate=True)
    stations = pd.concat([known, new]) if len(new) else known
    stations["turnout_used_s"] = turnout(stations, fair.parameters)[0]
    now = fair.today
    if now is not None:
        made = today(
            analysis.network, fair.graph, stations, fair.demand, fair.jurisdictions, fair.parameters,
            analysis.agreements,
        )  # fmt: skip
        now = replace(made, area=now.area)
    return replace(fair, stations=stations, today=now)


#: What a candidate site is if nothing else is stated.
_UNSTATED = {"name": "", "department": "career"}


def driven(analysis: Analysis, fair: FairWeather, weather: Collection[str]) -> Iterator[tuple[str, Driven]]:
    """Drive in each weather, fair weather first and scenarios in the order of the run.

    `fair` is what `with_candidates` gives.
    """
    if "" in weather:
        origins, places = on_road(fair.stations), on_road(fair.demand)
        times, agreed = level_times(
            fair.graph, fair.today, origins, places, fair.stations, fair.demand, fair.parameters,
            fair.parameters.cutoff_s,
        )  # fmt: skip
        none = np.zeros(len(fair.stations))
        yield "", _driven(fair, times, agreed, none > 0, none, origins, places, _unchanged)
    for result in analysis.scenarios:
        if result.scenario.id in weather:
            hit = under_hazard(fair, result.scenario, analysis.layers.layers)
            hazard = hit.hazard
            out = (hazard.stations["state"] == "out").to_numpy()
            delay_s = hazard.stations["delay_s"].to_numpy()
            yield (
                result.scenario.id,
                _driven(
                    fair, hit.times, hit.agreed, out, delay_s, hazard.origins, hazard.places, hazard.left
                ),
            )


def subsidiary(now: Today) -> NDArray[np.bool_]:
    """(s, p) whether the agreement by which a site helps a partner lets it come only where no own one is in time."""
    modes = np.array([one.mode == "subsidiary" for one in now.agreements] + [False])
    return np.asarray(modes[now.rule], dtype=np.bool_)


def _unchanged(graph: RouteGraph) -> RouteGraph:
    return graph


def _driven(
    fair: FairWeather,
    times: pd.DataFrame,
    agreed: pd.DataFrame | None,
    out: NDArray[np.bool_],
    delay_s: NDArray[np.float64],
    origins: pd.DataFrame,
    places: pd.DataFrame,
    change: Callable[[RouteGraph], RouteGraph],
) -> Driven:
    shape = len(origins), len(places)
    return Driven(
        out=out,
        joint_ms=_dense(times, fair.standard, shape),
        agreed_ms=None if agreed is None else _dense(agreed, fair.standard, shape),
        delay_s=delay_s,
        origins=origins,
        places=places,
        change=change,
    )


def _dense(times: pd.DataFrame, standard: Standard, shape: tuple[int, int]) -> Times:
    found = np.full(shape, NEVER, dtype=np.int32)
    found[times["station"].cat.codes, times["demand"].cat.codes] = _clock_ms(times, standard)
    return found
