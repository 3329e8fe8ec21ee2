"""The region without a hazard: what scenarios are computed from and compared with."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.coverage._ready import Ready
from mutualaid.network import RouteGraph, nearest

__all__ = ["FairWeather", "reached_by_road"]

#: Longest time that a search tells apart, in seconds: without limit, for whether there is a way at all.
_NO_LIMIT_S = 1_000_000.0


@dataclass(frozen=True, eq=False, kw_only=True)
class FairWeather(Ready):
    """What a scenario is computed from and compared with: the same region without a hazard; `Analysis.fair`.

    Attributes
    ----------
    graph, stations, demand, jurisdictions, parameters, standard, local_standards, today
        As of `Ready`; `today` knows the areas of the own stations.
    coverage
        Coverage without a hazard, as `coverage` returns it.
    connected
        (demand,) bool: some station has a way there, however long.
    leaving
        (stations,) bool: it reaches some demand within the cutoff.
    """

    coverage: gpd.GeoDataFrame
    connected: NDArray[np.bool_]
    leaving: NDArray[np.bool_]


def reached_by_road(graph: RouteGraph, origins: pd.DataFrame, places: pd.DataFrame) -> NDArray[np.bool_]:
    """Say to which places any of the origins has a way, however long.

    Parameters
    ----------
    graph
        The roads.
    origins, places
        As `mutualaid.network.snap` gives them.

    Returns
    -------
    array
        (n,) bool.
    """
    found = nearest(
        graph, origins.reset_index(drop=True), places.reset_index(drop=True), k=1, limit_s=_NO_LIMIT_S
    )
    reached = np.zeros(len(places), dtype=np.bool_)
    reached[found["destination"].to_numpy(np.int64)] = True
    return reached
