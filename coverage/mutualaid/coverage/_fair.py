"""The region without a hazard: what scenarios are computed from and compared with."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.coverage._standards import Standard
from mutualaid.coverage._today import Today
from mutualaid.data import Parameters
from mutualaid.hazards import HazardLayer, RoadPieces, lay_on_roads
from mutualaid.network import RouteGraph, nearest

__all__ = ["FairWeather", "end_s", "lead_s", "on_road", "reached_by_road"]

#: Longest time that a search tells apart, in seconds: without limit, for whether there is a way at all.
_NO_LIMIT_S = 1_000_000.0


@dataclass(frozen=True, eq=False)
class FairWeather:
    """What a scenario is computed from and compared with: the same region without a hazard; `Analysis.fair`.

    Attributes
    ----------
    graph
        Its roads with the times of the profile.
    stations, demand
        Active stations of the service and demand, with ``partner`` and the columns of `mutualaid.network.snap`
        (its ``status`` as ``road_status``).
    jurisdictions
        Polygons with ``country`` and ``partner``, indexed by id.
    parameters, standard
        Those of the run, and the common standard.
    coverage
        Coverage without a hazard, as `coverage` returns it.
    connected
        (demand,) bool: some station has a way there, however long.
    leaving
        (stations,) bool: it reaches some demand within the cutoff.
    today
        What the agreements in force let vehicles do; None if none is.
    """

    graph: RouteGraph
    stations: gpd.GeoDataFrame
    demand: gpd.GeoDataFrame
    jurisdictions: gpd.GeoDataFrame
    parameters: Parameters
    standard: Standard
    coverage: gpd.GeoDataFrame
    connected: NDArray[np.bool_]
    leaving: NDArray[np.bool_]
    today: Today | None = None
    _laid: dict[str, RoadPieces] = field(default_factory=dict, repr=False)

    def laid(self, layer: HazardLayer) -> RoadPieces:
        """Give a layer laid along the roads: made once for all scenarios."""
        if layer.id not in self._laid or self._laid[layer.id].layer is not layer:
            self._laid[layer.id] = lay_on_roads(layer, self.lines, crs=self.graph.network.crs)
        return self._laid[layer.id]

    @cached_property
    def lines(self) -> NDArray[np.object_]:
        """Lines of the roads: made once for all scenarios."""
        return self.graph.network.lines()


def on_road(places: pd.DataFrame) -> pd.DataFrame:
    """Give stations or demand of a run as `mutualaid.network.snap` gave their places."""
    columns: dict[str, pd.Series] = {
        name: places[name] for name in ("road", "fraction", "side", "distance_m")
    }
    return pd.DataFrame(columns | {"status": places["road_status"]}, index=places.index)


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


def end_s(fair: FairWeather) -> float:
    """Seconds on the standard's clock at which the search for the fastest crew ends: no later, so a lower bound."""
    return fair.parameters.cutoff_s + lead_s(fair, float(fair.stations["turnout_used_s"].min()))


def lead_s(fair: FairWeather, turnout_s: float) -> float:
    """Seconds on the standard's clock before the wheels roll."""
    parameters = fair.parameters
    before = (("t0", parameters.answering_s), ("t1", parameters.processing_s), ("t2", turnout_s))
    return float(sum(seconds for point, seconds in before if point >= fair.standard.start))
