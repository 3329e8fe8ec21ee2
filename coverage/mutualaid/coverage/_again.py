"""Coverage under other parameters or agreements, or with crossings closed, on roads that are read already."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.coverage._analysis import Analysis
from mutualaid.coverage._coverage import coverage, within
from mutualaid.coverage._fleets import crossing_delays
from mutualaid.coverage._ready import on_road
from mutualaid.coverage._today import first_own, level_times, today
from mutualaid.data import Agreement, Parameters
from mutualaid.network import RouteGraph, reweighted, route_graph

__all__ = ["coverage_again", "covered_without", "without_crossings"]

#: Parameters that change how long the way takes.
_ROAD = ("crossing_s", "crossing_delay_s", "hour")
#: What an agreement says about driving; all else in it is about who comes, and when it is called.
_DRIVING = ("parties", "helpers", "crossing_delay_s", "crossings", "crossing", "transit", "priority_abroad")


def coverage_again(
    analysis: Analysis,
    *,
    parameters: Parameters | None = None,
    agreements: Sequence[Agreement] | None = None,
) -> gpd.GeoDataFrame:
    """Compute coverage by the common standard with something changed: a run without its roads, pictures and hazards.

    Parameters
    ----------
    analysis
        A run. Its service, vehicle, standards and stations stay as they are.
    parameters, agreements
        Instead of those of the run, and of those in force in it.

    Returns
    -------
    GeoDataFrame
        As `coverage` returns it.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from mutualaid.coverage import analyse, coverage_again
    >>> from mutualaid.data import demo_path, read_region
    >>> result = analyse(read_region(demo_path()))
    >>> slower = coverage_again(result, parameters=replace(result.region.parameters, dispatch_s=180))
    >>> bool(slower["joint_covered"].sum() < result.coverage["joint_covered"].sum())
    True
    """
    times, agreed = _times(analysis, parameters, agreements)
    return coverage(times, analysis.demand, analysis.stations, analysis.standard, agreed=agreed)


def covered_without(
    analysis: Analysis, closed: Collection[int], *, limit_s: float | None = None
) -> dict[str, NDArray[np.bool_]]:
    """Find who is in time with some crossings closed.

    Parameters
    ----------
    analysis
        A run.
    closed
        Positions of the crossings in ``analysis.network.crossings``.
    limit_s
        Longest drive; the run's cutoff by default. What can no longer be within the standard need not be searched.

    Returns
    -------
    dict
        (demand,) bool for each level: whether a unit comes within the common standard.

    Examples
    --------
    >>> from mutualaid.coverage import analyse, covered_without
    >>> from mutualaid.data import demo_path, read_region
    >>> result = analyse(read_region(demo_path()))
    >>> border = range(len(result.network.crossings))
    >>> bool(covered_without(result, border)["joint"].sum() < result.coverage["joint_covered"].sum())
    True
    """
    fair = analysis.fair
    times, agreed = level_times(
        fair.graph, fair.today, on_road(analysis.stations), on_road(analysis.demand), analysis.stations,
        analysis.demand, fair.parameters, fair.parameters.cutoff_s if limit_s is None else limit_s,
        change=partial(without_crossings, closed=closed),
    )  # fmt: skip
    return within(times, analysis.demand, analysis.stations, analysis.standard, agreed=agreed)


def without_crossings(graph: RouteGraph, closed: Collection[int]) -> RouteGraph:
    """Give the roads with some crossings closed, by their positions."""
    shut = np.repeat(np.isin(graph.network.roads["crossing"].to_numpy(), list(closed)), 2)
    return reweighted(graph, np.where(shut, -1, graph.drive_ms))


def _times(
    analysis: Analysis, parameters: Parameters | None, agreements: Sequence[Agreement] | None
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Response times with other parameters or agreements; a joint team's way is searched only where they change it."""
    fair, network, stations, demand = analysis.fair, analysis.network, analysis.stations, analysis.demand
    before = fair.parameters
    parameters = before if parameters is None else parameters
    agreements = analysis.agreements if agreements is None else tuple(agreements)
    graph, now = fair.graph, fair.today
    drive = analysis.times[["station", "demand", "drive_s", "crossing_s"]].rename(
        columns={"station": "origin", "demand": "destination"}
    )
    other_ways = any(getattr(parameters, name) != getattr(before, name) for name in _ROAD)
    if other_ways:
        crossing_ms = np.rint(crossing_delays(network, parameters) * 1000).astype(np.int64)
        graph = route_graph(network, graph.profile, crossing_ms=crossing_ms)
    if not agreements:
        now = None
    elif now is None or agreements != analysis.agreements or other_ways:
        alike = not other_ways and _driving(agreements) == _driving(analysis.agreements)
        made = today(
            network, graph, stations, demand, analysis.region.jurisdictions, parameters, agreements,
            fleets=now.fleets if now is not None and alike else None,
        )  # fmt: skip
        area = first_own(analysis.times, stations, demand) if now is None else now.area
        now = replace(made, area=area)
    return level_times(
        graph, now, on_road(stations), on_road(demand), stations, demand, parameters, parameters.cutoff_s,
        drive=None if other_ways or parameters.cutoff_s != before.cutoff_s else drive,
    )  # fmt: skip


def _driving(agreements: Sequence[Agreement]) -> list[tuple[object, ...]]:
    """Give what agreements say about driving."""
    return [tuple(getattr(one, name) for name in _DRIVING) for one in agreements]
