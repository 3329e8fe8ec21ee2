"""Who reaches whom in fair weather: the part of a run that everything else is drawn and computed from."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import geopandas as gpd
import numpy as np
import pandas as pd

from mutualaid.coverage._fair import FairWeather, reached_by_road
from mutualaid.coverage._part import Computed, compute, placed, whole
from mutualaid.coverage._ready import Ready, prepare
from mutualaid.data import Region
from mutualaid.network import Network, Profile

__all__ = ["FairRun", "fair_weather", "finish"]


@dataclass(frozen=True, eq=False)
class FairRun:
    """A run without hazards, outlines and numbers: attributes as of `mutualaid.coverage.Analysis`.

    Attributes
    ----------
    fair
        With coverage by the common standard.
    coverage_local, times, times_agreed
        As of the analysis; `times` is None if the times of pairs were not kept.
    """

    fair: FairWeather
    coverage_local: gpd.GeoDataFrame
    times: pd.DataFrame | None
    times_agreed: pd.DataFrame | None


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
    ready = prepare(region, network=network, vehicle=vehicle)
    return finish(ready, compute(whole(ready))).fair


def finish(ready: Ready, computed: Computed) -> FairRun:
    """Put together what was computed for all places, and what concerns the whole region alone.

    Parameters
    ----------
    ready
        The whole region, as `prepare` gives it.
    computed
        Of all its places, in one piece or joined.

    Returns
    -------
    FairRun

    Examples
    --------
    >>> from mutualaid.coverage import compute, finish, prepare, whole
    >>> from mutualaid.data import demo_path, read_region
    >>> ready = prepare(read_region(demo_path()))
    >>> bool(finish(ready, compute(whole(ready))).fair.leaving.any())
    True
    """
    leaving = np.zeros(len(ready.stations), dtype=np.bool_)
    leaving[computed.station_codes] = True
    shared = {one.name: getattr(ready, one.name) for one in fields(Ready)}
    if ready.today is not None:
        shared["today"] = replace(ready.today, area=computed.area)
    fair = FairWeather(
        **shared,
        coverage=placed(computed.coverage, ready.demand),
        connected=reached_by_road(ready.graph, ready.origins, ready.places),
        leaving=leaving,
    )
    return FairRun(fair, placed(computed.coverage_local, ready.demand), computed.times, computed.times_agreed)
