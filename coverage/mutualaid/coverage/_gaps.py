"""Gaps: connected demand that nobody reaches within the standard, as places that people recognise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from mutualaid.coverage._coverage import levels
from mutualaid.coverage._near_groups import near_groups
from mutualaid.coverage._weighted import percentile_weighted
from mutualaid.network import Network

__all__ = ["gaps"]

#: Roads on which nobody lives, so that no place is called after them.
_NOT_A_PLACE = ("motorway", "motorway_link", "trunk_link")
_COMPASS = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")
#: A gap is in the centre within this distance from the middle, as a share of the jurisdiction's extent.
_CENTRE = 0.12
#: A gap with more than this share of a jurisdiction's people is called after all of it.
_MOST = 0.6
#: Jurisdictions that a name holds.
_TOWNS = 3
#: Roads whose lines are held at a time, and how far apart, in metres, those of a batch may lie.
_LINES = 200_000
_SQUARE_M = 10_000.0
_COLUMNS = [
    "level",
    "name",
    "jurisdictions",
    "part",
    "road",
    "population",
    "unreachable_population",
    "worst_s",
    "median_s",
    "closed_population",
    "closed_by",
    "saved_median_s",
    "remaining_population",
    "geometry",
]


def gaps(
    coverage: gpd.GeoDataFrame,
    jurisdictions: gpd.GeoDataFrame,
    *,
    cell_m: float | None = None,
    network: Network | None = None,
    link_m: float = 250.0,
) -> gpd.GeoDataFrame:
    """Join demand that is not covered into gaps, at each level.

    At level ``alone`` a gap is what the own stations leave; at level ``agreed`` what is left under the agreements in
    force; at level ``joint`` what nobody closes. People who
    cannot be reached by road are in the gaps of all levels. No gap is dropped for being small: over the gaps
    of a level, ``population`` sums to everybody who is not covered at it.

    Demand that stands for cells is connected where cells touch, corners included, and a gap is the union of
    its cells, with the notches between them rounded. Other demand is connected within `link_m`, and a gap is
    the union of discs. No polygon leaves the jurisdictions or contains demand that is covered.

    Parameters
    ----------
    coverage
        As `mutualaid.coverage.coverage` returns it, in a projected CRS.
    jurisdictions
        Polygons indexed by id, with ``name``, in the same CRS.
    cell_m
        Width of the demand cells in metres; None if the demand is points.
    network
        To name gaps after the road that runs longest in them.
    link_m
        Distance in metres within which points are connected. Not used with cells.

    Returns
    -------
    GeoDataFrame
        Index ``id`` (``G1``, ``G2``, …, most people first), ``level``, ``name``, and the parts that the name
        is made of: ``jurisdictions`` (ids joined by ``;``, most people first), ``part`` (``north``,
        ``south-east``, ``centre`` …; empty where the gap spans several jurisdictions or most of one),
        ``road`` (empty if none has a name); ``population``, ``unreachable_population`` (of it, not by road),
        ``worst_s`` and ``median_s`` (by people, of the first due at this level; inf where nobody arrives),
        ``closed_population`` (covered jointly), ``closed_by`` (partners joined by ``;``, most people first),
        ``saved_median_s`` (by people, of those closed whom the own stations reach too, too late; NaN if
        none), ``remaining_population``, and the polygon.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> from mutualaid.coverage import gaps
    >>> covered = gpd.GeoDataFrame(
    ...     {"population": [5.0, 7.0, 9.0], "jurisdiction": "A", "road_status": "ok",
    ...      "cell_x": [0.0, 100.0, 800.0], "cell_y": 0.0,
    ...      "alone_covered": False, "alone_s": [600.0, 660.0, 900.0],
    ...      "joint_covered": [True, True, False], "joint_s": [400.0, 420.0, 900.0], "joint_partner": "B"},
    ...     geometry=gpd.points_from_xy([50, 150, 850], [50, 50, 50]), crs=32632)
    >>> town = gpd.GeoDataFrame(
    ...     {"name": ["Aville"]}, geometry=[shapely.box(0, 0, 1000, 1000)], index=["A"], crs=32632)
    >>> found = gaps(covered, town, cell_m=100)
    >>> found.loc[found["level"] == "alone", ["name", "population", "closed_population"]].values.tolist()
    [['Aville, south-west', 12.0, 12.0], ['Aville, south-east', 9.0, 0.0]]
    """
    if cell_m is not None and not {"cell_x", "cell_y"} <= set(coverage.columns):
        cell_m = None
    found = pd.concat(
        [_level(coverage, level, jurisdictions, cell_m, link_m) for level in levels(coverage)],
        ignore_index=True,
    )
    order = np.argsort(-found["population"].to_numpy(), kind="stable")
    found = found.iloc[order].set_index(pd.Index([f"G{i}" for i in range(1, len(found) + 1)], name="id"))
    found["road"] = _roads(found.geometry, network)
    found["name"] = _names(found, jurisdictions)
    return found[_COLUMNS]


def _level(
    coverage: gpd.GeoDataFrame,
    level: str,
    jurisdictions: gpd.GeoDataFrame,
    cell_m: float | None,
    link_m: float,
) -> gpd.GeoDataFrame:
    """Gaps of one level without their names."""
    people = (coverage["population"] > 0).to_numpy()
    is_covered = coverage[f"{level}_covered"].to_numpy()
    told = ["population", "jurisdiction", "road_status", "joint_covered", "joint_partner"]
    told += list(dict.fromkeys(["alone_s", "joint_s", f"{level}_s"]))
    where = ["jurisdiction", coverage.geometry.name, *(() if cell_m is None else ("cell_x", "cell_y"))]
    left = coverage.loc[people & ~is_covered, list(dict.fromkeys(told + where))]
    covered = coverage.loc[people & is_covered, where]
    members = _groups(_components(left, cell_m, link_m))
    pieces = _discs(left, covered, link_m) if cell_m is None else _cells(left, jurisdictions, cell_m)
    shapes = np.array([shapely.union_all(pieces[rows]) for rows in members], dtype=object)
    if cell_m is not None:
        shapes = _rounded(shapes, covered, left, jurisdictions, cell_m)
    shapes = _clipped(shapes, jurisdictions)
    residents = coverage.groupby("jurisdiction")["population"].sum().to_dict()
    bounds = dict(zip(jurisdictions.index, shapely.bounds(jurisdictions.geometry.to_numpy()), strict=True))
    # a frame for each of thousands of gaps would take longer than everything else
    arrays = {name: left[name].to_numpy() for name in told}
    points = left.geometry.to_numpy()
    arrays |= {"x": shapely.get_x(points), "y": shapely.get_y(points)}
    rows = [
        _describe({name: column[rows] for name, column in arrays.items()}, level, bounds, residents)
        for rows in members
    ]
    table = pd.DataFrame(
        rows, columns=[name for name in _COLUMNS if name not in ("name", "road", "geometry")]
    )
    return gpd.GeoDataFrame(table, geometry=list(shapes), crs=coverage.crs)


# --- which demand belongs together --------------------------------------------------------------------------


def _components(left: gpd.GeoDataFrame, cell_m: float | None, link_m: float) -> NDArray[np.int64]:
    """Return the number of the gap that each point belongs to."""
    if len(left) < 2:
        return np.zeros(len(left), dtype=np.int64)
    if cell_m is None:
        return near_groups(left.get_coordinates().to_numpy(), link_m)
    corners = left[["cell_x", "cell_y"]].to_numpy(dtype=np.float64)
    pairs = cKDTree(corners).query_pairs(1.01 * cell_m, p=np.inf, output_type="ndarray")
    graph = coo_array((np.ones(len(pairs), dtype=np.int8), pairs.T), shape=(len(left), len(left)))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _groups(label: NDArray[np.int64]) -> list[NDArray[np.intp]]:
    """Positions of the members of each group."""
    order = np.argsort(label, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(label[order])) + 1) if len(label) else []


# --- polygons -----------------------------------------------------------------------------------------------


def _cells(points: gpd.GeoDataFrame, jurisdictions: gpd.GeoDataFrame, cell_m: float) -> NDArray[np.object_]:
    """Square of each point, cut to its own jurisdiction: a cell on a boundary is there once for each side."""
    x, y = points["cell_x"].to_numpy(dtype=np.float64), points["cell_y"].to_numpy(dtype=np.float64)
    squares = np.asarray(shapely.box(x, y, x + cell_m, y + cell_m), dtype=object)
    at = jurisdictions.index.get_indexer(pd.Index(points["jurisdiction"]))
    lands = jurisdictions.geometry.to_numpy()
    for mine in _groups(at):
        if at[mine[0]] < 0:
            continue
        shapely.prepare(polygon := lands[at[mine[0]]])
        rows = mine[~shapely.contains_properly(polygon, squares[mine])]
        cut = shapely.intersection(squares[rows], polygon)
        some = shapely.area(cut) > 0
        squares[rows[some]] = cut[some]
    return squares


def _rounded(
    shapes: NDArray[np.object_],
    covered: gpd.GeoDataFrame,
    left: gpd.GeoDataFrame,
    jurisdictions: gpd.GeoDataFrame,
    cell_m: float,
) -> NDArray[np.object_]:
    """Fill notches and join cells that touch at a corner, then give back what belongs to covered demand."""
    outline = shapely.buffer(shapely.buffer(shapes, cell_m / 2), -cell_m / 2)
    shapes = shapely.union(outline, shapes)
    corners = left[["cell_x", "cell_y"]].to_numpy(dtype=np.float64)
    # The outlines reach half a cell beyond the cells, so what is two cells away from all of them does not matter.
    beside = covered[_beside(covered[["cell_x", "cell_y"]].to_numpy(dtype=np.float64), corners, 2 * cell_m)]
    taken = _cell_keys(beside).isin(_cell_keys(left))  # cells with both: only the points are given back
    shapes = _without(shapes, _cells(beside[~taken], jurisdictions, cell_m))
    points = covered[shapely.get_num_coordinates(covered.geometry.to_numpy()) > 0]
    points = points[_beside(points.get_coordinates().to_numpy(), corners, 2 * cell_m)]
    inside = np.unique(shapely.STRtree(shapes).query(points.geometry.to_numpy(), predicate="intersects")[0])
    if not len(inside):
        return shapes
    distance = _nearest_m(points.iloc[inside], left)
    discs = shapely.buffer(points.geometry.to_numpy()[inside], np.minimum(cell_m / 4, distance / 2))
    return _without(shapes, discs[~shapely.is_empty(discs)])


def _beside(points: NDArray[np.float64], others: NDArray[np.float64], near_m: float) -> NDArray[np.bool_]:
    """Whether a point may be within a distance of another, in x and in y: false only where it is not."""
    if not len(others) or not len(points):
        return np.zeros(len(points), dtype=np.bool_)
    low = np.minimum(points.min(axis=0), others.min(axis=0))
    square, other = (np.floor((xy - low) / near_m).astype(np.int64) + 1 for xy in (points, others))
    tall = max(int(square[:, 1].max()), int(other[:, 1].max())) + 2
    around = np.add.outer(np.arange(-1, 2) * tall, np.arange(-1, 2)).ravel()
    taken = np.unique(np.unique(other[:, 0] * tall + other[:, 1])[:, None] + around)
    key = square[:, 0] * tall + square[:, 1]
    at = np.minimum(np.searchsorted(taken, key), len(taken) - 1)
    return np.asarray(taken[at] == key)


def _cell_keys(points: gpd.GeoDataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(points[["cell_x", "cell_y", "jurisdiction"]])


def _without(shapes: NDArray[np.object_], others: NDArray[np.object_]) -> NDArray[np.object_]:
    """Each shape minus the others that it overlaps."""
    shape, other = shapely.STRtree(others).query(shapes, predicate="intersects")
    out = shapes.copy()
    for rows in _groups(np.asarray(shape, dtype=np.int64)):
        out[shape[rows[0]]] = shapely.difference(
            shapes[shape[rows[0]]], shapely.union_all(others[other[rows]])
        )
    return out


def _discs(left: gpd.GeoDataFrame, covered: gpd.GeoDataFrame, link_m: float) -> NDArray[np.object_]:
    """Disc around each point: half the linking distance, and less than the distance to covered demand."""
    radius = np.minimum(link_m / 2, 0.9 * _nearest_m(left, covered))
    return np.asarray(shapely.buffer(left.geometry.to_numpy(), np.maximum(radius, 0.5)), dtype=object)


def _nearest_m(points: gpd.GeoDataFrame, others: gpd.GeoDataFrame) -> NDArray[np.float64]:
    if others.empty:
        return np.full(len(points), np.inf)
    tree = cKDTree(others.get_coordinates().to_numpy())
    return np.asarray(tree.query(points.get_coordinates().to_numpy())[0], dtype=np.float64)


def _clipped(shapes: NDArray[np.object_], jurisdictions: gpd.GeoDataFrame) -> NDArray[np.object_]:
    """Shapes inside the jurisdictions, as polygons without slivers; one that lies outside stays as it is."""
    lands = jurisdictions.geometry.to_numpy()
    shape, land = shapely.STRtree(lands).query(shapes, predicate="intersects")
    touched: dict[bytes, list[int]] = {}
    for rows in _groups(np.asarray(shape, dtype=np.int64)):
        touched.setdefault(np.sort(land[rows]).tobytes(), []).append(int(shape[rows[0]]))
    out = shapes.copy()
    for key, mine in touched.items():
        # Of all land, what a shape does not touch cannot matter to it.
        cut = shapely.intersection(
            shapes[mine], shapely.union_all(lands[np.frombuffer(key, dtype=land.dtype)])
        )
        out[mine] = np.where(shapely.area(cut) > 0, cut, shapes[mine])
    for i, shape in enumerate(out):
        parts = shapely.get_parts(shapely.get_parts(shape))
        parts = parts[shapely.get_dimensions(parts) == 2]
        size = shapely.area(parts)
        large = parts[size >= min(1.0, size.max(initial=0.0))]
        out[i] = large[0] if len(large) == 1 else shapely.multipolygons(large)
    return np.asarray(out, dtype=object)


# --- people and names ---------------------------------------------------------------------------------------


def _describe(
    part: Mapping[str, NDArray[Any]],
    level: str,
    bounds: Mapping[Any, NDArray[np.float64]],
    residents: Mapping[Any, float],
) -> dict[str, object]:
    """People of one gap, how late they are served, and who would close it."""
    people, closed = part["population"], part["joint_covered"].astype(np.bool_)
    by_road = part["road_status"] == "ok"
    served = (
        by_road if by_road.any() else ~by_road
    )  # one house off the roads must not hide how late the rest is served
    both = closed & np.isfinite(part["alone_s"])
    saved = part["alone_s"][both] - part["joint_s"][both]
    return {
        "level": level,
        "jurisdictions": ";".join(_ranked(part["jurisdiction"], people)),
        "part": _part(part, bounds, residents),
        "population": math.fsum(people),
        "unreachable_population": math.fsum(people[~by_road]),
        "worst_s": float(part[f"{level}_s"][served].max()),
        "median_s": percentile_weighted(part[f"{level}_s"], people, 0.5),
        "closed_population": math.fsum(people[closed]),
        "closed_by": ";".join(_ranked(part["joint_partner"][closed], people[closed])),
        "saved_median_s": percentile_weighted(saved, people[both], 0.5),
        "remaining_population": math.fsum(people[~closed]),
    }


def _ranked(values: NDArray[Any], people: NDArray[np.float64]) -> list[str]:
    """Values by their people, most first, then by name."""
    names, at = np.unique(values.astype(str), return_inverse=True)
    total = np.bincount(at, weights=people, minlength=len(names))
    return [str(name) for name in names[np.argsort(-total, kind="stable")]]


def _part(
    part: Mapping[str, NDArray[Any]],
    bounds: Mapping[Any, NDArray[np.float64]],
    residents: Mapping[Any, float],
) -> str:
    """Where in its jurisdiction a gap lies; empty if it spans several, or most of one."""
    name = part["jurisdiction"][0]
    if (part["jurisdiction"] != name).any() or part["population"].sum() > _MOST * residents[name]:
        return ""
    west, south, east, north = bounds[name].tolist()
    x, y = (float(np.average(part[axis], weights=part["population"])) for axis in ("x", "y"))
    dx, dy = (x - (west + east) / 2) / (east - west), (y - (south + north) / 2) / (north - south)
    if math.hypot(dx, dy) < _CENTRE:
        return "centre"
    return _COMPASS[round(math.degrees(math.atan2(dx, dy)) / 45) % 8]


def _roads(shapes: gpd.GeoSeries, network: Network | None) -> list[str]:
    """Name of the road that runs longest in each gap."""
    names = [""] * len(shapes)
    if network is None or not names:
        return names
    roads = network.roads
    usable = (roads["name"] != "") & ~roads["class"].isin(_NOT_A_PLACE)
    usable &= ~roads["tunnel"] & (roads["crossing"] < 0)
    areas = shapes.to_numpy()
    shapely.prepare(areas)
    found = pd.concat(
        [_within_m(network, rows, areas) for rows in _batches(network, np.flatnonzero(usable.to_numpy()))]
    )
    shapely.destroy_prepared(areas)
    found = found.sort_values(["gap", "road"])
    found["name"] = roads["name"].to_numpy()[found["road"]]
    length = found.groupby(["gap", "name"])["length_m"].sum().reset_index()
    longest = length.sort_values(["gap", "length_m", "name"], ascending=[True, False, True])
    longest = longest.drop_duplicates("gap")
    for row, name in zip(longest["gap"], longest["name"], strict=True):
        names[row] = str(name)
    return names


def _batches(network: Network, roads: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Roads in batches that lie near each other, so that only few of their lines are there at a time."""
    if len(roads) <= _LINES:
        return [roads]
    xy = network.road_xy[network.road_offset[roads]]
    square = np.floor(xy / _SQUARE_M).astype(np.int64)
    order = np.lexsort((square[:, 1], square[:, 0]))
    return np.array_split(roads[order], -(-len(roads) // _LINES))


def _within_m(network: Network, roads: NDArray[np.int64], areas: NDArray[np.object_]) -> pd.DataFrame:
    """Metres of each of some roads that lie in each gap."""
    lines = network.lines(roads)
    gap, road = shapely.STRtree(lines).query(areas, predicate="intersects")
    within_m = shapely.length(lines[road])
    # Most lie in a gap from end to end; to cut them would be slow where a gap is large.
    part = np.flatnonzero(~shapely.covers(areas[gap], lines[road]))
    within_m[part] = shapely.length(shapely.intersection(lines[road[part]], areas[gap[part]]))
    return pd.DataFrame({"gap": gap, "road": roads[road], "length_m": within_m})


def _names(found: gpd.GeoDataFrame, jurisdictions: gpd.GeoDataFrame) -> list[str]:
    """Make names such as "La Turbie, north: Route de Peille", numbered where a level has one twice."""
    seen: dict[tuple[str, str], int] = {}
    names = []
    columns = zip(found["level"], found["jurisdictions"], found["part"], found["road"], strict=True)
    for level, ids, part, road in columns:
        towns = [str(jurisdictions["name"].get(key, key)) for key in ids.split(";")]
        place = " / ".join(towns[:_TOWNS]) + (" …" if len(towns) > _TOWNS else "")
        name = place + (f", {part}" if part else "") + (f": {road}" if road else "")
        count = seen[level, name] = seen.get((level, name), 0) + 1
        names.append(f"{name} ({count})" if count > 1 else name)
    return names
