"""Placing points on roads."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from mutualaid.errors import Defect, NetworkError
from mutualaid.network._graph import RouteGraph
from mutualaid.network._model import Network

__all__ = ["snap"]

#: Nobody gets from a house onto these.
_CLOSED_TO_PEOPLE = ("motorway", "motorway_link")
#: Closer than this to the end of a road is at its end.
_AT_END_M = 1e-6
#: The direction of a road at a place is taken over this far to both sides.
_DIRECTION_M = 0.01


def snap(
    network: Network,
    points: gpd.GeoDataFrame | gpd.GeoSeries,
    *,
    max_m: float = 200.0,
    graph: RouteGraph | None = None,
    detour_m: float = 50.0,
) -> pd.DataFrame:
    """Place points on the nearest road, at a position along it.

    Tunnels, motorways and their links, and crossings are left out: nobody gets onto them from a house. Of
    roads at equal distance the first in ``network.roads`` is taken.

    Parameters
    ----------
    network
        The road network.
    points
        Points, in the CRS of the network.
    max_m
        Points further than this from every road are ``too_far``.
    graph
        If given, roads outside its largest strongly connected part come second: where a road of that part
        lies within `max_m`, and no more than `detour_m` further away than the nearest road, it is taken; else
        the point is ``disconnected``. Closing crossings may split the network into parts that work each on
        its own, so give the graph with its crossings open.
    detour_m
        See `graph`.

    Returns
    -------
    DataFrame
        Index of `points`, with the columns

        ========== ======= ==============================================================================
        road       int32   position in ``network.roads``; -1 if too far
        fraction   float64 position along the road by length, 0 at `a`, 1 at `b`; NaN if too far. At 0 or 1
                           the point is at the node itself, whichever of its roads is named
        side       str     ``left`` or ``right`` of the road a→b; "" if too far, ``right`` if on the line
        distance_m float64 to the road taken, to the nearest if too far, inf if there is no road at all
        status     str     ``ok``, ``too_far`` or ``disconnected``; only ``ok`` takes part in travel times
        ========== ======= ==============================================================================

    Raises
    ------
    NetworkError
        The CRS is missing or differs, or a geometry is missing, empty, not finite, or no point.

    Examples
    --------
    >>> import geopandas as gpd
    >>> import networkx as nx
    >>> from mutualaid.network import from_osmnx, snap
    >>> G = nx.MultiDiGraph(crs="EPSG:32632")
    >>> G.add_node(0, x=0.0, y=0.0)
    >>> G.add_node(1, x=100.0, y=0.0)
    >>> _ = G.add_edge(0, 1, highway="residential", length=100.0, oneway=True)
    >>> network = from_osmnx(G, crs="EPSG:32632")
    >>> houses = gpd.GeoSeries.from_xy([25.0, 50.0], [10.0, -400.0], index=["h1", "h2"], crs="EPSG:32632")
    >>> snap(network, houses)[["road", "fraction", "side", "distance_m", "status"]]
        road  fraction  side  distance_m   status
    h1     0      0.25  left        10.0       ok
    h2    -1       NaN             400.0  too_far
    """
    place = np.asarray(points.geometry.array, dtype=object)
    _check(network.crs, points.crs, place, points.index)
    if not (max_m >= 0 and detour_m >= 0):
        got = f"max_m={max_m}, detour_m={detour_m}"
        raise NetworkError([Defect("", "snap", "distances of at least 0 m", got, "correct the distance")])
    eligible = _eligible(network)
    road, distance_m = _nearest(network, place, eligible)
    status = np.full(len(place), "ok", dtype=object)
    if graph is not None:
        routable, routable_m = _nearest(network, place, eligible & graph.routable)
        take = (routable_m <= distance_m + detour_m) & (routable_m <= max_m)
        status[~take] = "disconnected"
        road, distance_m = np.where(take, routable, road), np.where(take, routable_m, distance_m)
    too_far = ~(distance_m <= max_m)
    status[too_far] = "too_far"
    road[too_far] = -1
    fraction, side = _position(network, place, road)
    columns = {
        "road": road.astype(np.int32),
        "fraction": fraction,
        "side": side,
        "distance_m": distance_m,
        "status": status,
    }
    frame = pd.DataFrame(columns, index=points.index)
    return frame.astype({"side": "str", "status": "str"})


def _check(expected: CRS, crs: CRS | None, place: NDArray[np.object_], index: pd.Index) -> None:
    if crs is None or not CRS(crs).equals(expected, ignore_axis_order=True):
        got = "no CRS" if crs is None else CRS(crs).name
        remedy = "set it with set_crs if it is known" if crs is None else "use to_crs(network.crs)"
        raise NetworkError([Defect("", "points", f"the CRS of the network, {expected.name}", got, remedy)])
    usable = (shapely.get_type_id(place) == shapely.GeometryType.POINT) & ~shapely.is_empty(place)
    usable[usable] = np.isfinite(shapely.get_coordinates(place[usable])).all(axis=1)
    defects = [
        Defect(
            "",
            f"row {index[row]}",
            "a point with finite coordinates",
            _shown(place[row]),
            "correct or drop it",
        )
        for row in np.flatnonzero(~usable).tolist()
    ]
    if defects:
        raise NetworkError(defects)


def _shown(geometry: shapely.Geometry | None) -> str:
    return "no geometry" if geometry is None else shapely.to_wkt(geometry)[:60]


def _eligible(network: Network) -> NDArray[np.bool_]:
    roads = network.roads
    closed = roads["class"].isin(_CLOSED_TO_PEOPLE) | roads["tunnel"] | (roads["crossing"] >= 0)
    return ~closed.to_numpy(dtype=bool)


def _nearest(
    network: Network, place: NDArray[np.object_], among: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Nearest road and its distance; -1 and inf if there is none."""
    road = np.full(len(place), -1, dtype=np.int64)
    distance_m = np.full(len(place), np.inf)
    candidates = np.flatnonzero(among)
    if len(candidates) == 0 or len(place) == 0:
        return road, distance_m
    tree = shapely.STRtree(network.lines(candidates))
    (row, hit), found_m = tree.query_nearest(place, return_distance=True)
    order = np.lexsort((hit, row))
    row, first = np.unique(row[order], return_index=True)
    road[row] = candidates[hit[order][first]]
    distance_m[row] = np.round(found_m[order][first], 6)  # the last bits differ from call to call
    return road, distance_m


def _position(
    network: Network, place: NDArray[np.object_], road: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
    """Fraction along each road, and the side; NaN and "" where there is no road."""
    fraction = np.full(len(place), np.nan)
    side = np.full(len(place), "", dtype=object)
    on = road >= 0
    line, point = network.lines(road[on]), place[on]
    length = shapely.length(line)
    along = shapely.line_locate_point(line, point)
    along = np.where(along <= _AT_END_M, 0.0, np.where(along >= length - _AT_END_M, length, along))
    fraction[on] = np.divide(along, length, out=np.zeros_like(along), where=length > 0)

    def xy(at: NDArray[np.float64]) -> NDArray[np.float64]:
        return shapely.get_coordinates(shapely.line_interpolate_point(line, np.clip(at, 0.0, length)))

    direction = xy(along + _DIRECTION_M) - xy(along - _DIRECTION_M)
    offset = shapely.get_coordinates(point) - xy(along)
    side[on] = np.where(direction[:, 0] * offset[:, 1] > direction[:, 1] * offset[:, 0], "left", "right")
    return fraction, side
