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
from mutualaid.network._nearest import positions, tree_around

__all__ = ["snap"]

#: Nobody gets from a house onto these.
_CLOSED_TO_PEOPLE = ("motorway", "motorway_link")
#: Closer than this to the end of a road is at its end.
_AT_END_M = 1e-6
#: The direction of a road at a place is taken over this far to both sides.
_DIRECTION_M = 0.01
#: Who finds no road within a margin looks this many times further.
_WIDER = 8.0


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
    xy = shapely.get_coordinates(place)
    road, distance_m, connected = _taken(network, xy, graph, max_m, detour_m)
    status = np.where(connected, "ok", "disconnected").astype(object)
    too_far = ~(distance_m <= max_m) | (road < 0)
    status[too_far] = "too_far"
    road[too_far] = -1
    fraction, left = positions(
        network.road_xy, network.road_offset, xy, road, at_end_m=_AT_END_M, ahead_m=_DIRECTION_M
    ).T
    side = np.where(road < 0, "", np.where(left > 0, "left", "right")).astype(object)
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


def _taken(
    network: Network, xy: NDArray[np.float64], graph: RouteGraph | None, max_m: float, detour_m: float
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """Road that each place is taken to, its distance, and whether it belongs to the part that hangs together."""
    road, distance_m = np.full(len(xy), -1, dtype=np.int64), np.full(len(xy), np.inf)
    connected = np.ones(len(xy), dtype=np.bool_)
    eligible = _eligible(network)
    rows, margin_m = _side_by_side(xy), max(max_m, 1.0)
    while len(rows):
        tree = tree_around(network.road_xy, network.road_offset, eligible, xy[rows], margin_m)
        road[rows], distance_m[rows] = tree.nearest(xy[rows], np.full(len(rows), tree.margin_m))
        # Who has found none may have one further away.
        rows = rows[(road[rows] < 0) & (tree.margin_m < np.inf)]
        margin_m *= _WIDER
    if graph is None:
        return road, distance_m, connected
    # Most are on the part that hangs together anyway. Who is too far from all roads is so from these.
    rows = np.flatnonzero((road >= 0) & (distance_m <= max_m))
    rows = rows[~graph.routable[road[rows]]]
    if len(rows):
        within_m = np.minimum(distance_m[rows] + detour_m, max_m)
        routable, margin_m = eligible & graph.routable, max(within_m.max(), 1.0)
        tree = tree_around(network.road_xy, network.road_offset, routable, xy[rows], margin_m)
        other, other_m = tree.nearest(xy[rows], within_m)
        connected[rows] = take = other >= 0
        road[rows[take]], distance_m[rows[take]] = other[take], other_m[take]
    return road, distance_m, connected


def _side_by_side(xy: NDArray[np.float64]) -> NDArray[np.int64]:
    """Order of places in which neighbours follow one another: from west to east, a strip of land after the other."""
    order = np.argsort(xy[:, 1], kind="stable")
    strip = np.arange(len(xy)) // max(round(len(xy) ** 0.5), 1)
    return order[np.lexsort((xy[order, 0], strip))]
