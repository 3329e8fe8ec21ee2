"""Placing points on roads."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from mutualaid.errors import Defect, NetworkError
from mutualaid.network._graph import RouteGraph
from mutualaid.network._model import Network
from mutualaid.threads import in_threads, processors

__all__ = ["snap"]

#: Nobody gets from a house onto these.
_CLOSED_TO_PEOPLE = ("motorway", "motorway_link")
#: Closer than this to the end of a road is at its end.
_AT_END_M = 1e-6
#: The direction of a road at a place is taken over this far to both sides.
_DIRECTION_M = 0.01
#: Most places that are treated together, and how many lines are as much work as to treat some apart.
_MANY, _WORTH = 5_000, 500
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
    road, distance_m, connected = _taken(network, place, graph, max_m, detour_m)
    status = np.where(connected, "ok", "disconnected").astype(object)
    too_far = ~(distance_m <= max_m)
    status[too_far] = "too_far"
    road[too_far] = -1
    fraction, left = in_threads(partial(_position, network), place, road).T
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
    network: Network, place: NDArray[np.object_], graph: RouteGraph | None, max_m: float, detour_m: float
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """Road that each place is taken to, its distance, and whether it belongs to the part that hangs together.

    Places are treated a neighbourhood at a time, so that only the lines around them are there.
    """
    xy = shapely.get_coordinates(place)
    boxes = _boxes(network)
    road, distance_m = np.full(len(place), -1, dtype=np.int64), np.full(len(place), np.inf)
    connected = np.ones(len(place), dtype=np.bool_)
    routable = None if graph is None else graph.routable

    def within(near: _Near) -> NDArray[np.int64]:
        """Take places to roads; give those for which something nearer may lie outside of the neighbourhood."""
        rows, roads = near.rows, near.roads
        lines = network.lines(roads)
        first, first_m = _nearest(lines, place[rows])
        sure = np.ones(len(rows), dtype=np.bool_) if near.all else first_m <= near.margin_m
        if routable is not None:
            # Most are on the part that hangs together anyway. Who is too far from all roads is so from these.
            other = np.flatnonzero(sure & (first_m <= max_m))
            other = other[~routable[roads[first[other]]]]
            mine = np.flatnonzero(routable[roads])
            second, second_m = _nearest(lines[mine], place[rows[other]])
            take = (second_m <= first_m[other] + detour_m) & (second_m <= max_m)
            connected[rows[other]] = take
            changed = other[take]
            first[changed], first_m[changed] = mine[second[take]], second_m[take]
        found = sure & (first >= 0)
        road[rows[found]], distance_m[rows[found]] = roads[first[found]], first_m[found]
        return rows[~sure]

    # What lies further away than this may matter for nobody who is near a road.
    margin_m, rows = max(max_m, 1.0), np.arange(len(place))
    eligible = np.flatnonzero(_eligible(network))
    with ThreadPoolExecutor(processors()) as pool:
        while len(rows):
            left = pool.map(within, list(_neighbourhoods(xy, boxes, rows, eligible, margin_m)))
            rows, margin_m = np.concatenate(list(left)), margin_m * _WIDER
    return road, distance_m, connected


@dataclass(frozen=True, eq=False)
class _Near:
    """Places near each other, and the roads whose boxes come within a margin of theirs; `all`: there are no others."""

    rows: NDArray[np.int64]
    roads: NDArray[np.int64]
    margin_m: float
    all: bool


def _boxes(network: Network) -> NDArray[np.float64]:
    """(4, m) west, south, east and north end of each road."""
    if not network.n_roads:
        return np.empty((4, 0))
    start = network.road_offset[:-1]
    return np.array(
        [end.reduceat(network.road_xy[:, axis], start) for end in (np.minimum, np.maximum) for axis in (0, 1)]
    )


def _neighbourhoods(
    xy: NDArray[np.float64],
    boxes: NDArray[np.float64],
    rows: NDArray[np.int64],
    roads: NDArray[np.int64],
    margin_m: float,
) -> Iterator[_Near]:
    """Halve places, and the roads near them with them, as long as that saves making lines."""

    def near(some: NDArray[np.int64], among: NDArray[np.int64]) -> NDArray[np.int64]:
        west, south = xy[some].min(axis=0) - margin_m
        east, north = xy[some].max(axis=0) + margin_m
        box = boxes[:, among]
        inside = (box[0] <= east) & (box[1] <= north) & (box[2] >= west) & (box[3] >= south)
        return np.asarray(among[inside])

    whole = [(rows, near(rows, roads))]
    while whole:
        rows, mine = whole.pop()
        at = xy[rows]
        order = rows[np.argpartition(at[:, int(np.ptp(at, axis=0).argmax())], len(rows) // 2)]
        halves = [(half, near(half, mine)) for half in np.array_split(order, 2) if len(half)]
        lines = sum(len(some) for _, some in halves)
        if len(rows) > 1 and (len(rows) > _MANY or lines + _WORTH < len(mine)):
            whole += halves
        else:
            yield _Near(rows, mine, margin_m, len(mine) == len(roads))


def _nearest(
    lines: NDArray[np.object_], place: NDArray[np.object_]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Nearest line and its distance, of several the first; -1 and inf if there is none."""
    nearest = np.full(len(place), -1, dtype=np.int64)
    distance_m = np.full(len(place), np.inf)
    if len(lines) == 0 or len(place) == 0:
        return nearest, distance_m
    (row, hit), found_m = shapely.STRtree(lines).query_nearest(place, return_distance=True)
    order = np.lexsort((hit, row))
    row, first = np.unique(row[order], return_index=True)
    nearest[row] = hit[order][first]
    distance_m[row] = np.round(found_m[order][first], 6)  # the last bits differ from call to call
    return nearest, distance_m


def _position(network: Network, place: NDArray[np.object_], road: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n, 2) fraction along each road, NaN without one, and 1 for places on its left, else 0."""
    found = np.full((len(place), 2), np.nan)
    on = road >= 0
    line, point = network.lines(road[on]), place[on]
    length = shapely.length(line)
    along = shapely.line_locate_point(line, point)
    along = np.where(along <= _AT_END_M, 0.0, np.where(along >= length - _AT_END_M, length, along))
    found[on, 0] = np.divide(along, length, out=np.zeros_like(along), where=length > 0)

    def xy(at: NDArray[np.float64]) -> NDArray[np.float64]:
        return shapely.get_coordinates(shapely.line_interpolate_point(line, np.clip(at, 0.0, length)))

    direction = xy(along + _DIRECTION_M) - xy(along - _DIRECTION_M)
    offset = shapely.get_coordinates(point) - xy(along)
    found[on, 1] = direction[:, 0] * offset[:, 1] > direction[:, 1] * offset[:, 0]
    return found
