"""How far units get in so many minutes: polygons of reached road, not of straight lines."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.ops import substring

from mutualaid.errors import Defect, NetworkError
from mutualaid.network import Network
from mutualaid.threads import processors

__all__ = ["isochrones"]

#: Segments in a quarter of a round end: enough to look round at street scale, few enough for a web page.
_QUARTER = 2
#: Roads are drawn with so much less detail, in metres: a small part of any sensible buffer.
_SIMPLER_M = 5.0
#: Land is looked at in windows with sides of whole multiples of this, in metres: several stations share one.
_WINDOW_M = 20_000.0
_REACHED = ["edge", "from_fraction", "entry_s", "exit_s"]


def isochrones(
    network: Network,
    reached: pd.DataFrame,
    stations: gpd.GeoDataFrame,
    jurisdictions: gpd.GeoDataFrame,
    *,
    minutes: Sequence[float] = (4, 8, 12),
    buffer_m: float = 60.0,
    hole_m2: float = 20_000.0,
    land: shapely.Geometry | None = None,
    helps: Mapping[str, Collection[str]] | None = None,
) -> gpd.GeoDataFrame:
    """Draw how far units get in so many minutes on the road, for each station and merged for each level.

    The minutes are those of the drive clock: driving and delays at crossings, from the wheels rolling. A
    polygon is the reached stretches of road (the last one up to the point that is reached), widened by
    `buffer_m`. So it does not jump a river or an arm of the sea that no reached road crosses; only the buffer
    can spill over the water, and `land` cuts that off.

    Parameters
    ----------
    network
        The roads.
    reached
        What `mutualaid.network.reach` gives for the stations up to the last of `minutes` or further: one row
        for each station and directed edge, with ``origin``, ``edge``, ``from_fraction``, ``entry_s``,
        ``exit_s``.
    stations
        Indexed by id, with ``partner``. Each gets its bands, in this order.
    jurisdictions
        Polygons with ``partner``, in the CRS of `network`. At level ``alone`` a station counts in the
        jurisdictions of its own partner.
    minutes
        Upper ends of the bands, ascending.
    buffer_m
        Half the width of a road's strip, in metres: how far from the road its frontage is taken to be.
    hole_m2
        Holes in a polygon up to this size, in square metres, are filled.
    land
        What to cut the polygons to, in the CRS of `network`; nothing is cut without it.
    helps
        Partners that each partner may help under the agreements in force: then there is a level ``agreed``, at which a
        station counts in their jurisdictions too. Delays and the other limits of an agreement are not in it.

    Returns
    -------
    GeoDataFrame
        One row for each band that is not empty: ``station`` (id; empty if merged), ``level`` (``alone``,
        ``agreed`` or ``joint``; empty for a single station), ``from_min``, ``to_min`` (above the one, up to the other),
        geometry. The bands of a station, and those of a level, do not overlap.

    Raises
    ------
    NetworkError
        If `minutes` do not ascend from above 0.

    Examples
    --------
    >>> import geopandas as gpd, networkx as nx, shapely
    >>> from mutualaid.coverage import isochrones
    >>> from mutualaid.network import from_osmnx, profile, reach, route_graph, snap
    >>> G = nx.MultiDiGraph(crs="EPSG:32632")
    >>> G.add_node(0, x=0.0, y=0.0)
    >>> G.add_node(1, x=6500.0, y=0.0)
    >>> _ = G.add_edge(0, 1, highway="primary", length=6500.0, oneway=False)
    >>> network = from_osmnx(G, crs="EPSG:32632")  # six minutes from end to end
    >>> stations = gpd.GeoDataFrame(
    ...     {"partner": ["A"]}, geometry=[shapely.Point(0, 9)], index=["s"], crs=network.crs)
    >>> towns = gpd.GeoDataFrame(
    ...     {"partner": ["A"]}, geometry=[shapely.box(-99, -99, 9999, 99)], index=["t"], crs=network.crs)
    >>> graph = route_graph(network, profile("fire_engine"))
    >>> reached = reach(graph, snap(network, stations), limit_s=360)
    >>> bands = isochrones(network, reached, stations, towns, minutes=(3, 6), buffer_m=50)
    >>> bands[bands["level"] == "joint"].bounds["maxx"].round().tolist()
    [3300.0, 6550.0]
    """
    ends = np.asarray(minutes, dtype=np.float64)
    if not len(ends) or not (np.diff(ends, prepend=0) > 0).all():
        expected, remedy = "minutes that ascend from above 0", "sort them and leave repeated ones out"
        raise NetworkError([Defect("", "minutes", expected, str(list(minutes)), remedy)])
    rows_of = {str(name): rows for name, rows in reached.groupby("origin", observed=True)}
    names = [str(name) for name in stations.index if name in rows_of]
    partner = stations["partner"].loc[names]
    teams = {str(key): tuple(members) for key, members in partner.groupby(partner, sort=False).groups.items()}
    wanted = dict.fromkeys([*((name,) for name in names), *teams.values(), tuple(names)])
    near = None if land is None else _near(land)
    with ThreadPoolExecutor(
        processors()
    ) as pool:  # nearly all the time is spent in GEOS, which runs in parallel
        shapes = pool.map(
            lambda team: _grown(network, _first(rows_of, team), ends * 60, buffer_m, hole_m2, near), wanted
        )
        grown = dict(zip(wanted, shapes, strict=True))
        merged = {key: grown[team] for key, team in teams.items()}
        layers = [(name, "", grown[(name,)]) for name in names]
        layers.append(("", "alone", _where_due(merged, jurisdictions, {}, len(ends))))
        if helps is not None:
            layers.append(("", "agreed", _where_due(merged, jurisdictions, helps, len(ends))))
        layers.append(("", "joint", grown[tuple(names)]))
        bands = pool.map(lambda layer: _bands(layer[0], layer[1], layer[2], ends), layers)
        rows = [row for layer in bands for row in layer]
    columns = ["station", "level", "from_min", "to_min", "geometry"]
    return gpd.GeoDataFrame(pd.DataFrame(rows, columns=columns), geometry="geometry", crs=network.crs)


def _first(rows_of: Mapping[str, pd.DataFrame], team: Sequence[str]) -> pd.DataFrame:
    """Directed edges that any station of a team enters, when the first of them does."""
    if len(team) == 1:
        return rows_of[team[0]]
    rows = pd.concat([rows_of[name] for name in team] or [pd.DataFrame(columns=_REACHED)])
    return rows.sort_values("entry_s", kind="stable").drop_duplicates(["edge", "from_fraction"])


def _grown(
    network: Network,
    rows: pd.DataFrame,
    limits_s: NDArray[np.float64],
    buffer_m: float,
    hole_m2: float,
    near: Callable[[shapely.Geometry], shapely.Geometry] | None,
) -> list[shapely.Geometry]:
    """Polygon within each limit for one station; each holds the one before."""
    edge = rows["edge"].to_numpy(dtype=np.int64)
    start = rows["from_fraction"].to_numpy(dtype=np.float64)
    entry_s = rows["entry_s"].to_numpy(dtype=np.float64)
    rest_s = rows["exit_s"].to_numpy(dtype=np.float64) - entry_s
    done = start.copy()
    polygons: list[shapely.Geometry] = []
    whole: Any = shapely.MultiPolygon()
    for limit in limits_s:
        share = np.divide(limit - entry_s, rest_s, out=np.ones(len(rows)), where=rest_s > 0)
        until = np.where(entry_s <= limit, start + (1 - start) * np.minimum(share, 1), start)
        new = until > done
        lines = _stretches(network, edge[new], done[new], until[new])
        strips = shapely.buffer(shapely.simplify(lines, _SIMPLER_M), buffer_m, quad_segs=_QUARTER)
        whole = _filled(shapely.union_all([whole, *strips]), hole_m2)
        done = np.maximum(done, until)
        polygons.append(whole if near is None else _polygons(shapely.intersection(whole, near(whole))))
    return polygons


def _near(land: shapely.Geometry) -> Callable[[shapely.Geometry], shapely.Geometry]:
    """Give what land there is around a shape: to look at the land of a whole country for each would be slow."""

    @lru_cache(maxsize=256)
    def within(west: int, south: int, east: int, north: int) -> shapely.Geometry:
        window = shapely.box(west * _WINDOW_M, south * _WINDOW_M, east * _WINDOW_M, north * _WINDOW_M)
        return shapely.intersection(land, window)

    def around(shape: shapely.Geometry) -> shapely.Geometry:
        if shapely.is_empty(shape):
            return land
        west, south, east, north = shapely.bounds(shape) / _WINDOW_M
        return within(
            math.floor(west) - 1, math.floor(south) - 1, math.floor(east) + 2, math.floor(north) + 2
        )

    return around


def _stretches(
    network: Network, edge: NDArray[np.int64], start: NDArray[np.float64], stop: NDArray[np.float64]
) -> NDArray[np.object_]:
    """Lines of the parts of directed edges; a road that one of them covers whole is there once."""
    backward = edge % 2 == 1
    table = pd.DataFrame(
        {
            "road": edge // 2,
            "from": np.where(backward, 1 - stop, start),
            "to": np.where(backward, 1 - start, stop),
        }
    )
    table["whole"] = (table["from"] <= 0) & (table["to"] >= 1)
    full = table.loc[table["whole"], "road"].unique()
    rest = table[~table["road"].isin(full)]
    lines = network.lines(np.asarray(full, dtype=np.int64))
    cut = [
        substring(line, low, high, normalized=True)
        for line, low, high in zip(
            network.lines(rest["road"].to_numpy()), rest["from"], rest["to"], strict=True
        )
    ]
    return np.concatenate([lines, np.array(cut, dtype=object)])


def _filled(polygon: Any, hole_m2: float) -> Any:
    """Polygon without its small holes."""
    parts = []
    for part in shapely.get_parts(polygon):
        holes = [ring for ring in part.interiors if shapely.Polygon(ring).area > hole_m2]
        parts.append(shapely.Polygon(part.exterior, holes) if len(holes) < len(part.interiors) else part)
    return parts[0] if len(parts) == 1 else shapely.multipolygons(np.array(parts, dtype=object))


def _polygons(shape: Any) -> Any:
    """Keep what has an area; cutting leaves points and lines behind."""
    parts = shapely.get_parts(shapely.get_parts(shape))
    parts = parts[shapely.area(parts) > 0]
    return parts[0] if len(parts) == 1 else shapely.multipolygons(parts)


def _where_due(
    merged: Mapping[str, list[shapely.Geometry]],
    jurisdictions: gpd.GeoDataFrame,
    helps: Mapping[str, Collection[str]],
    n: int,
) -> list[shapely.Geometry]:
    """Polygon within each limit, each partner's stations in its own jurisdictions and in those that it helps."""
    whose, shapes = jurisdictions["partner"], jurisdictions.geometry.to_numpy()
    at = whose.groupby(whose).indices
    none = np.empty(0, dtype=np.int64)
    area = {
        key: shapely.union_all(
            shapes[np.sort(np.concatenate([at.get(one, none) for one in {key, *helps.get(key, ())}]))]
        )
        for key in merged
    }
    return [
        _polygons(shapely.union_all([shapely.intersection(merged[key][i], area[key]) for key in merged]))
        for i in range(n)
    ]


def _bands(
    station: str, level: str, polygons: Sequence[shapely.Geometry], ends: NDArray[np.float64]
) -> list[tuple[str, str, float, float, shapely.Geometry]]:
    """Take from each polygon the one before it."""
    bands = []
    inner: Any = shapely.MultiPolygon()
    lows = [0.0, *ends[:-1].tolist()]
    for polygon, low, high in zip(polygons, lows, ends.tolist(), strict=True):
        ring = _polygons(shapely.difference(polygon, inner))
        if not ring.is_empty:
            bands.append((station, level, low, high, ring))
        inner = polygon
    return bands
