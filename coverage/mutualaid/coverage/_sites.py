"""Where a new station could be: junctions near people, spread over the region."""

from __future__ import annotations

from itertools import count as numbers
from itertools import islice
from math import sqrt

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from mutualaid.coverage._analysis import Analysis
from mutualaid.network import snap

__all__ = ["candidate_sites", "site_junctions"]

#: Nobody builds a station on these, or nobody gets out of its gate there.
_NO_SITE = ("motorway", "motorway_link", "trunk", "trunk_link", "primary_link", "secondary_link", "tertiary_link",
            "service", "track", "busway")  # fmt: skip
#: Side of the smallest squares: which of two sites so close it is does not matter.
_SMALLEST_M = 50.0
#: A junction that lies on the edge of a jurisdiction may be so far beyond it.
_AT_EDGE_M = 0.01
#: Halvings of what is open about the side, on a scale of ratios: far below a metre.
_STEPS = 24


def candidate_sites(analysis: Analysis, *, count: int = 48) -> gpd.GeoDataFrame:
    """Choose places where a new station could be, spread over where people live.

    The region is laid out in squares; each with people gives the junction next to the mean of its people, weighted by
    population. The squares are as small as `count` allows, so the places are close together where a region is small.
    They lie inside jurisdictions, on roads that the vehicle of the run may use and that lead everywhere, and not on
    bridges, in tunnels, on motorways, trunk roads, links, service roads or tracks, nor on a border.

    Parameters
    ----------
    analysis
        A run.
    count
        At most so many; none with 0.

    Returns
    -------
    GeoDataFrame
        Index ``new1`` … from west to east; ``jurisdiction``, ``partner``, ``road``, ``fraction``, ``side``,
        ``distance_m``, ``road_status`` (see `mutualaid.network.snap`) and the point of the junction. Always the same
        for the same run.

    Examples
    --------
    >>> from mutualaid.coverage import analyse, candidate_sites
    >>> from mutualaid.data import demo_path, read_region
    >>> sites = candidate_sites(analyse(read_region(demo_path())), count=12)
    >>> 8 < len(sites) <= 12
    True
    """
    demand, stations = analysis.demand, analysis.stations
    places = site_junctions(analysis)
    chosen = np.empty(0, dtype=np.int64)
    lived = (demand["population"] > 0).to_numpy()
    if count > 0 and len(places) and lived.any():
        xy = np.column_stack([demand.geometry.x, demand.geometry.y])[lived]
        at = np.column_stack([places.geometry.x, places.geometry.y])
        chosen = _spread(at, xy, demand["population"].to_numpy()[lived], count)
    sites = places.iloc[chosen]
    sites = sites.iloc[np.lexsort((sites.geometry.y, sites.geometry.x))]
    free = (name for number in numbers(1) if (name := f"new{number}") not in stations.index)
    sites = sites.set_axis(pd.Index(list(islice(free, len(sites))), name="id", dtype="object"))
    placed = snap(analysis.network, sites, max_m=analysis.region.parameters.snap_m, graph=analysis.fair.graph)
    return sites.join(placed.rename(columns={"status": "road_status"}))


def site_junctions(analysis: Analysis) -> gpd.GeoDataFrame:
    """Give all junctions where a new station could be.

    They lie inside jurisdictions, on roads that the vehicle of the run may use and that lead everywhere, and not on
    bridges, in tunnels, on motorways, trunk roads, links, service roads or tracks, nor on a border.

    Parameters
    ----------
    analysis
        A run.

    Returns
    -------
    GeoDataFrame
        Index: position of the node in the network; ``jurisdiction``, ``partner`` and the point.

    Examples
    --------
    >>> from mutualaid.coverage import analyse, site_junctions
    >>> from mutualaid.data import demo_path, read_region
    >>> sorted(site_junctions(analyse(read_region(demo_path())))["partner"].unique())
    ['SDIS 06', 'Sapeurs-Pompiers de Monaco']
    """
    network = analysis.network
    node, road = _junctions(analysis)
    jurisdiction = network.roads["jurisdiction"].iloc[road].astype(object).to_numpy()
    partner = analysis.region.jurisdictions["partner"].reindex(jurisdiction).to_numpy()
    points = gpd.GeoSeries.from_xy(network.x[node], network.y[node], index=node, crs=network.crs)
    columns = {"jurisdiction": jurisdiction, "partner": partner}
    places = gpd.GeoDataFrame(columns, index=node, geometry=points, crs=network.crs)
    # A road that leaves the region is of the jurisdiction that it begins in, on its far end too.
    lands = analysis.region.jurisdictions["geometry"].reindex(jurisdiction).to_numpy(object)
    shapely.prepare(lands)
    return places[shapely.dwithin(lands, points.to_numpy(), _AT_EDGE_M)]


def _junctions(analysis: Analysis) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Nodes where a station could be, and a road at each."""
    network, graph = analysis.network, analysis.fair.graph
    roads = network.roads
    outside = roads["jurisdiction"].isna() | (roads["crossing"] >= 0)
    bad = roads["class"].isin(_NO_SITE) | roads["bridge"] | roads["tunnel"] | outside
    ends = roads[["a", "b"]].to_numpy(np.int64)
    border = np.zeros(network.n_nodes, dtype=np.bool_)
    border[ends[outside.to_numpy(np.bool_)]] = True
    good = np.flatnonzero(~bad.to_numpy(np.bool_) & graph.routable)
    node, first = np.unique(ends[good], return_index=True)
    inside = ~border[node]
    return node[inside], good[first[inside] // 2]


def _spread(
    places: NDArray[np.float64],
    xy: NDArray[np.float64],
    people: NDArray[np.float64],
    count: int,
) -> NDArray[np.int64]:
    """Choose at most so many places, by squares as small as that allows."""
    tree = cKDTree(places)
    west_south = xy.min(axis=0)

    def chosen(side_m: float) -> NDArray[np.int64]:
        column, row = np.floor((xy - west_south) / side_m).astype(np.int64).T
        square = np.unique(column * (row.max() + 1) + row, return_inverse=True)[1]
        weight = np.bincount(square, people)
        mean = np.column_stack([np.bincount(square, people * part) / weight for part in xy.T])
        return np.unique(tree.query(mean)[1])

    # More squares do not always give more places: the best of those that were tried is taken.
    fine, coarse = _SMALLEST_M, float(np.ptp(xy, axis=0).max()) + _SMALLEST_M
    best = max((chosen(fine), chosen(coarse)), key=lambda found: (len(found) <= count) * len(found))
    for _ in range(_STEPS):
        middle = sqrt(fine * coarse)
        found = chosen(middle)
        if len(found) > count:
            fine = middle
            continue
        coarse, best = middle, max(best, found, key=len)
    return best
