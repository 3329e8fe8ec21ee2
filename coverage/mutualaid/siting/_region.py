"""Times from the sites of a region to its people, at one level of cooperation."""

from __future__ import annotations

from collections.abc import Collection

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from mutualaid.coverage import LEVELS, NEVER, Analysis, SiteTimes, site_times
from mutualaid.errors import Defect, SitingError
from mutualaid.siting._table import SiteTable, site_table

__all__ = ["driven_sites", "level_table", "region_table"]


def region_table(
    analysis: Analysis,
    sites: gpd.GeoDataFrame,
    *,
    level: str = "joint",
    weather: Collection[str] = ("",),
) -> SiteTable:
    """Work out how long each site needs to the people of a region.

    The times come from the same computation as a run's: with the stations that exist, whom they reach in time is to
    the millisecond what its coverage says. A new station is one of career, with the turnout that the parameters assume,
    unless the site states another, and with a unit of the kind that is needed; it is under the agreements in force. It
    does not change whose area a place is, which decides about pairs that an agreement excludes.

    Parameters
    ----------
    analysis
        A run.
    sites
        As `candidates` gives them, or some of them.
    level
        ``alone``: a site serves its own partner's people; ``agreed``: under the agreements in force; ``joint``: all.
        A unit that comes only where no own one is in time is listed as if it always came; whom sites reach in time is
        the same.
    weather
        Scenarios of the run by id; "" is fair weather.

    Returns
    -------
    SiteTable
        ``sites`` with ``turnout_used_s``, and ``out_in``: ids of the scenarios, of those asked for, in which the site
        is out of service, joined by ``;``; its times are inf there. The limit is that of the common standard.

    Raises
    ------
    SitingError
        An unknown level or weather, no agreement in force at level ``agreed``, or a station that is none of the run.

    Examples
    --------
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.siting import candidates, region_table
    >>> result = analyse(read_region(demo_path()))
    >>> table = region_table(result, candidates(result, count=20))
    >>> today = table.reach("")[table.existing].any(axis=0)
    >>> bool((today == result.coverage["joint_covered"]).all())
    True
    """
    return level_table(analysis, sites, driven_sites(analysis, sites, (level,), weather), level)


def driven_sites(
    analysis: Analysis, sites: gpd.GeoDataFrame, levels: Collection[str], weather: Collection[str]
) -> SiteTimes:
    """Work out times at every level, for those that will be asked: see `region_table`."""
    _check(analysis, sites, levels, weather)
    return site_times(analysis, sites[sites["state"] == "candidate"], weather=weather)


def level_table(analysis: Analysis, sites: gpd.GeoDataFrame, times: SiteTimes, level: str) -> SiteTable:
    """Make the table of one level out of times that are known: see `region_table`."""
    rows = times.sites.index.get_indexer(sites.index)
    seconds = {name: _seconds(times.ms(name, level)[rows]) for name in times.weather}
    out = {name: now.out[rows] for name, now in times.weather.items()}
    out_in = [";".join(name for name, lost in out.items() if lost[row]) for row in range(len(sites))]
    # The limit as the clock reads it, in whole milliseconds.
    limit_s = round(1000 * analysis.standard.limit_s) / 1000
    turnout_s = times.sites["turnout_used_s"].to_numpy()[rows]
    known = sites.assign(turnout_used_s=turnout_s, out_in=out_in)
    return site_table(seconds, known, analysis.demand, limit_s=limit_s)


def _seconds(ms: NDArray[np.int32]) -> NDArray[np.float64]:
    return np.where(ms == NEVER, np.inf, ms / 1000)


def _check(
    analysis: Analysis, sites: gpd.GeoDataFrame, levels: Collection[str], weather: Collection[str]
) -> None:
    defects = []
    for level in levels:
        if level not in LEVELS:
            expected = f"one of {', '.join(LEVELS)}"
            defects.append(Defect("", "level", expected, repr(level), "choose one"))
    if "agreed" in levels and not analysis.agreements:
        remedy = "ask at level alone or joint, or set the day of the run by date in [parameters]"
        defects.append(Defect("", "level agreed", "an agreement in force", "none", remedy))
    known = ["", *(result.scenario.id for result in analysis.scenarios)]
    for name in dict.fromkeys(weather):
        if name not in known:
            expected = f"scenarios of the run: {', '.join(known[1:]) or 'it has none'}"
            remedy = "correct the id, or see what is wrong with the scenario"
            defects.append(Defect("", "scenario", expected, repr(name), remedy))
    if not weather:
        defects.append(Defect("", "scenarios", "at least one", "none", 'give "" for fair weather'))
    existing = sites.index[sites["state"] != "candidate"]
    for name in existing.difference(analysis.stations.index):
        expected = "an active station of the run, or state candidate"
        defects.append(
            Defect("", f"site {name}", expected, "neither", "take sites as candidates() gives them")
        )
    if defects:
        raise SitingError(defects)
