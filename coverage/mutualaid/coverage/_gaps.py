"""Gaps: connected demand that nobody reaches within the standard, as places that people recognise."""

from __future__ import annotations

import math
from typing import Literal

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
from mutualaid.coverage._weighted import alike, percentile_by_group
from mutualaid.network import Network
from mutualaid.threads import in_threads, processors

__all__ = ["gaps"]

#: Roads on which nobody lives, so that no place is called after them.
_NOT_A_PLACE = ("motorway", "motorway_link", "trunk_link")
_COMPASS = np.array(
    ["north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west"], dtype=object
)
#: A gap is in the centre within this distance from the middle, as a share of the jurisdiction's extent.
_CENTRE = 0.12
#: A gap with more than this share of a jurisdiction's people is called after all of it.
_MOST = 0.6
#: Jurisdictions that a name holds.
_TOWNS = 3
#: Pieces of gaps that a thread joins at a time, at least.
_JOINED = 1000
#: Roads whose lines are held at a time, and how far apart, in metres, those of a batch may lie.
_LINES = 200_000
_SQUARE_M = 10_000.0
#: Squares of the raster that tells where gaps are, at most, and their least side.
_RASTER, _FINEST_M = 4_000_000, 100.0
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

Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]
Shapes = NDArray[np.object_]
_Predicate = Literal["intersects", "contains_properly", "covers"]


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
    residents = coverage.groupby("jurisdiction")["population"].sum()
    tables, outlines = [], np.empty(0, dtype=object)
    number = np.full(len(coverage), -1)  # of the outline that a place lies in; -1: none
    for level in levels(coverage):
        rows, label = _members(coverage, level, cell_m, link_m)
        tables.append(_described(coverage.iloc[rows], label, level, jurisdictions, residents))
        own = _kept(coverage, rows, label, number, cell_m, link_m)
        fresh = own < 0
        own[fresh] = len(outlines) + np.arange(fresh.sum())
        some = fresh[label]
        drawn = _outlines(coverage, level, rows, rows[some], own[label[some]], jurisdictions, cell_m, link_m)
        outlines = np.concatenate([outlines, drawn])
        tables[-1]["outline"] = own
        number = np.full(len(coverage), -1)
        number[rows] = own[label]
    found = pd.concat(tables, ignore_index=True)
    order = np.argsort(-found["population"].to_numpy(), kind="stable")
    found = found.iloc[order].set_index(pd.Index([f"G{i}" for i in range(1, len(found) + 1)], name="id"))
    outline = found["outline"].to_numpy()
    found["road"] = _roads(outlines, network)[outline]
    found["name"] = _names(found, jurisdictions)
    return gpd.GeoDataFrame(found, geometry=outlines[outline], crs=coverage.crs)[_COLUMNS]


# --- which demand belongs together --------------------------------------------------------------------------


def _members(
    coverage: gpd.GeoDataFrame, level: str, cell_m: float | None, link_m: float
) -> tuple[Int64, Int64]:
    """Places that are not covered, gap by gap, and the number of the gap of each."""
    rows = np.flatnonzero((coverage["population"] > 0) & ~coverage[f"{level}_covered"])
    if cell_m is None:
        label = near_groups(shapely.get_coordinates(coverage.geometry.to_numpy()[rows]), link_m)
    else:
        pairs = cKDTree(_corners(coverage.iloc[rows])).query_pairs(
            1.01 * cell_m, p=np.inf, output_type="ndarray"
        )
        graph = coo_array((np.ones(len(pairs), dtype=np.int8), pairs.T), shape=(len(rows), len(rows)))
        label = connected_components(graph, directed=False)[1].astype(np.int64)
    order = np.argsort(label, kind="stable")
    return rows[order], label[order]


def _kept(
    coverage: gpd.GeoDataFrame,
    rows: Int64,
    label: Int64,
    number: Int64,
    cell_m: float | None,
    link_m: float,
) -> Int64:
    """Outline that each gap has at the level before; -1 where anything has changed near one of its places.

    Where nothing has, it is the same gap: what is connected to one of its places is not covered at both levels.
    """
    is_left = np.zeros(len(coverage), dtype=np.bool_)
    is_left[rows] = True
    changed = np.flatnonzero(is_left != (number >= 0))
    points = coverage.geometry.to_numpy()
    moved = shapely.get_coordinates(points[changed])  # none of a place without a point
    if cell_m is None:
        near = _beside(shapely.get_coordinates(points[rows]), moved, link_m)
    else:
        own = _corners(coverage.iloc[rows])
        near = _beside(own, _corners(coverage.iloc[changed]), 2 * cell_m) | _beside(own, moved, 2 * cell_m)
    kept = number[rows[_first(label)]]
    kept[label[near]] = -1
    return kept


def _corners(points: gpd.GeoDataFrame) -> Float64:
    return points[["cell_x", "cell_y"]].to_numpy(dtype=np.float64)


def _first(label: Int64) -> Int64:
    """Position at which each group begins; the groups come one after the other."""
    return np.flatnonzero(np.diff(label, prepend=-1))


# --- polygons -----------------------------------------------------------------------------------------------


def _outlines(
    coverage: gpd.GeoDataFrame,
    level: str,
    left: Int64,
    rows: Int64,
    label: Int64,
    jurisdictions: gpd.GeoDataFrame,
    cell_m: float | None,
    link_m: float,
) -> Shapes:
    """Polygons of some gaps of a level, `rows`, of all places that are not covered, `left`."""
    where = ["jurisdiction", coverage.geometry.name, *(() if cell_m is None else ("cell_x", "cell_y"))]
    is_covered = (coverage["population"] > 0) & coverage[f"{level}_covered"]
    covered, own = coverage.loc[is_covered, where], coverage[where].iloc[rows]
    if cell_m is None:
        shapes = _joined(_discs(own, covered, link_m), label)
    else:
        shapes = _joined(_cells(own, jurisdictions, cell_m), label)
        shapes = _rounded(shapes, own, covered, coverage[where].iloc[left], jurisdictions, cell_m)
    return _clipped(shapes, jurisdictions)


def _pairs(tree: shapely.STRtree, shapes: Shapes, predicate: _Predicate) -> tuple[Int64, Int64]:
    """Which shapes meet which of a tree, in an order that does not depend on the tree."""

    def found(rows: Int64) -> Int64:
        own, other = tree.query(shapes[rows], predicate=predicate)
        return np.column_stack([rows[own], other]).astype(np.int64)

    pairs = in_threads(found, np.arange(len(shapes)))
    own, other = pairs[np.lexsort(pairs.T[::-1])].T
    return own, other


def _joined(pieces: Shapes, label: Int64) -> Shapes:
    """Union of the pieces of each group; the groups come one after the other."""
    first = _first(label)
    size = np.diff(first, append=len(label))
    out = pieces[first]
    # Rows of 2, 4, 8 … pieces: what is missing from a row counts for nothing.
    for mine in alike(np.ceil(np.log2(size)).astype(np.int64)):
        column = np.arange(wide := int(size[mine].max()))
        if wide > 1:
            there = column < size[mine, None]
            rows = pieces[np.where(there, first[mine, None] + column, 0)]
            rows[~there] = None
            out[mine] = in_threads(
                lambda some: shapely.union_all(some, axis=1), rows, least=max(_JOINED // wide, 1)
            )
    return out


def _cells(points: gpd.GeoDataFrame, jurisdictions: gpd.GeoDataFrame, cell_m: float) -> Shapes:
    """Square of each point, cut to its own jurisdiction: a cell on a boundary is there once for each side."""
    x, y = _corners(points).T
    squares = np.asarray(shapely.box(x, y, x + cell_m, y + cell_m), dtype=object)
    at = jurisdictions.index.get_indexer(pd.Index(points["jurisdiction"]))
    lands = jurisdictions.geometry.to_numpy()
    land, square = _pairs(shapely.STRtree(squares), lands, "contains_properly")
    whole = at < 0
    whole[square[at[square] == land]] = True
    rows = np.flatnonzero(~whole)
    cut = in_threads(shapely.intersection, squares[rows], lands[at[rows]])
    some = shapely.area(cut) > 0
    squares[rows[some]] = cut[some]
    return squares


def _rounded(
    shapes: Shapes,
    own: gpd.GeoDataFrame,
    covered: gpd.GeoDataFrame,
    left: gpd.GeoDataFrame,
    jurisdictions: gpd.GeoDataFrame,
    cell_m: float,
) -> Shapes:
    """Fill notches and join cells that touch at a corner, then give back what belongs to covered demand."""
    west, south, east, north = shapely.bounds(shapes).T
    # A rectangle has no notches.
    rows = np.flatnonzero(~(shapely.area(shapes) >= (east - west) * (north - south) * (1 - 1e-12)))
    shapes = shapes.copy()
    shapes[rows] = in_threads(
        lambda some: shapely.union(shapely.buffer(shapely.buffer(some, cell_m / 2), -cell_m / 2), some),
        shapes[rows],
        least=100,
    )
    corners = _corners(own)
    # The outlines reach half a cell beyond the cells, so what is two cells away from all of them does not matter.
    beside = covered[_beside(_corners(covered), corners, 2 * cell_m)]
    taken = _cell_keys(beside).isin(_cell_keys(left))  # cells with both: only the points are given back
    shapes = _without(shapes, _cells(beside[~taken], jurisdictions, cell_m))
    points = covered[shapely.get_num_coordinates(covered.geometry.to_numpy()) > 0]
    points = points[_beside(points.get_coordinates().to_numpy(), corners, 2 * cell_m)]
    inside = _distinct(_pairs(shapely.STRtree(points.geometry.to_numpy()), shapes, "intersects")[1])
    if not len(inside):
        return shapes
    distance = _nearest_m(points.iloc[inside], left)
    discs = shapely.buffer(points.geometry.to_numpy()[inside], np.minimum(cell_m / 4, distance / 2))
    return _without(shapes, discs[~shapely.is_empty(discs)])


def _beside(points: Float64, others: Float64, near_m: float) -> NDArray[np.bool_]:
    """Whether a point may be within a distance of another, in x and in y: false only where it is not."""
    if not len(others) or not len(points):
        return np.zeros(len(points), dtype=np.bool_)
    low = np.minimum(points.min(axis=0), others.min(axis=0))
    square, other = (np.floor((xy - low) / near_m).astype(np.int64) + 1 for xy in (points, others))
    tall = max(int(square[:, 1].max()), int(other[:, 1].max())) + 2
    around = np.add.outer(np.arange(-1, 2) * tall, np.arange(-1, 2)).ravel()
    taken = _distinct(_distinct(other[:, 0] * tall + other[:, 1])[:, None] + around)
    key = square[:, 0] * tall + square[:, 1]
    at = np.minimum(np.searchsorted(taken, key), len(taken) - 1)
    return np.asarray(taken[at] == key)


def _distinct(keys: Int64) -> Int64:
    """Keys in order, each once; `numpy.unique` hashes them, which takes a hundred times as long."""
    keys = np.sort(keys, axis=None)
    return np.asarray(keys[np.append(True, np.diff(keys) > 0)[: len(keys)]])


def _cell_keys(points: gpd.GeoDataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(points[["cell_x", "cell_y", "jurisdiction"]])


def _without(shapes: Shapes, others: Shapes) -> Shapes:
    """Each shape minus the others that it overlaps."""
    shape, other = _pairs(shapely.STRtree(others), shapes, "intersects")
    rows = _distinct(shape)
    out = shapes.copy()
    out[rows] = in_threads(shapely.difference, shapes[rows], _joined(others[other], shape))
    return out


def _discs(left: gpd.GeoDataFrame, covered: gpd.GeoDataFrame, link_m: float) -> Shapes:
    """Disc around each point: half the linking distance, and less than the distance to covered demand."""
    radius = np.minimum(link_m / 2, 0.9 * _nearest_m(left, covered))
    return in_threads(shapely.buffer, left.geometry.to_numpy(), np.maximum(radius, 0.5))


def _nearest_m(points: gpd.GeoDataFrame, others: gpd.GeoDataFrame) -> Float64:
    if others.empty:
        return np.full(len(points), np.inf)
    tree = cKDTree(others.get_coordinates().to_numpy())
    nearest = tree.query(points.get_coordinates().to_numpy(), workers=processors())
    return np.asarray(nearest[0], dtype=np.float64)


def _clipped(shapes: Shapes, jurisdictions: gpd.GeoDataFrame) -> Shapes:
    """Shapes inside the jurisdictions, as polygons without slivers; one that lies outside stays as it is."""
    lands = jurisdictions.geometry.to_numpy()
    inside = np.zeros(len(shapes), dtype=np.bool_)
    inside[_pairs(shapely.STRtree(shapes), lands, "contains_properly")[1]] = True
    rows = np.flatnonzero(~inside)
    own, land = _pairs(shapely.STRtree(lands), shapes[rows], "intersects")
    ground = lands[land]
    # Where lands must be joined: what a shape does not touch cannot matter to it.
    several = np.flatnonzero(np.bincount(own)[own] > 1)
    west, south, east, north = shapely.bounds(shapes[rows[own[several]]]).T
    around = shapely.box(west - 1, south - 1, east + 1, north + 1)
    ground[several] = in_threads(shapely.intersection, ground[several], around, least=100)
    rows = rows[_distinct(own)]
    cut = in_threads(shapely.intersection, shapes[rows], _joined(ground, own), least=100)
    some = shapely.area(cut) > 0
    out = shapes.copy()
    out[rows[some]] = cut[some]
    return _polygons(out)


def _polygons(shapes: Shapes) -> Shapes:
    """Shapes without lines, points and slivers."""
    rows = np.flatnonzero(shapely.get_type_id(shapes) != shapely.GeometryType.POLYGON)
    parts, whole = shapely.get_parts(shapes[rows], return_index=True)
    parts, part = shapely.get_parts(parts, return_index=True)
    area, whole = shapely.area(parts), whole[part]
    largest = np.zeros(len(rows))
    np.maximum.at(largest, whole, area)
    large = (shapely.get_dimensions(parts) == 2) & (area >= np.minimum(largest, 1.0)[whole])
    parts, whole = parts[large], whole[large]
    count = np.bincount(whole, minlength=len(rows))
    out = shapes.copy()
    out[rows] = shapely.multipolygons(np.empty(0, dtype=object))
    alone = count[whole] == 1
    out[rows[whole[alone]]] = parts[alone]
    several, number = np.unique(whole[~alone], return_inverse=True)
    out[rows[several]] = shapely.multipolygons(parts[~alone], indices=number)
    return out


# --- people and names ---------------------------------------------------------------------------------------


def _described(
    left: gpd.GeoDataFrame,
    label: Int64,
    level: str,
    jurisdictions: gpd.GeoDataFrame,
    residents: pd.Series[float],
) -> pd.DataFrame:
    """People of each gap, how late they are served, and who would close it."""
    people, seconds = (left[name].to_numpy(np.float64) for name in ("population", f"{level}_s"))
    alone_s, joint_s = (left[name].to_numpy(np.float64) for name in ("alone_s", "joint_s"))
    closed = left["joint_covered"].to_numpy(np.bool_)
    by_road = (left["road_status"] == "ok").to_numpy(np.bool_)
    first = _first(label)
    count = len(first)
    # one house off the roads must not hide how late the rest is served
    some_by_road = np.bincount(label[by_road], minlength=count) > 0
    served = by_road | ~some_by_road[label]
    both = closed & np.isfinite(alone_s)
    saved = alone_s[both] - joint_s[both]
    worst = np.maximum.reduceat(np.where(served, seconds, -np.inf), first) if count else np.zeros(0)
    return pd.DataFrame(
        {
            "level": np.full(count, level, dtype=object),
            "jurisdictions": _ranked(left["jurisdiction"], people, label, count),
            "part": _part(left, people, first, jurisdictions, residents),
            "population": _sums(people, first),
            "unreachable_population": _sums(np.where(by_road, 0.0, people), first),
            "worst_s": worst,
            "median_s": percentile_by_group(seconds, people, label, count, 0.5),
            "closed_population": _sums(np.where(closed, people, 0.0), first),
            "closed_by": _ranked(left["joint_partner"][closed], people[closed], label[closed], count),
            "saved_median_s": percentile_by_group(saved, people[both], label[both], count, 0.5),
            "remaining_population": _sums(np.where(closed, 0.0, people), first),
        }
    )


def _sums(values: Float64, first: Int64) -> Float64:
    """Sum of each stretch of values, as `math.fsum` gives it."""
    ends = np.append(first[1:], len(values))
    total = values[first] + np.where(ends - first > 1, values[np.minimum(first + 1, len(values) - 1)], 0.0)
    for gap in np.flatnonzero(ends - first > 2).tolist():
        total[gap] = math.fsum(values[first[gap] : ends[gap]].tolist())
    return total


def _ranked(values: pd.Series[str], people: Float64, label: Int64, count: int) -> NDArray[np.object_]:
    """Values of each gap by their people, most first, then by name; joined by ``;``."""
    code, known = pd.factorize(values, use_na_sentinel=False)
    names, at = np.unique(np.asarray(known, dtype=object).astype(str), return_inverse=True)
    key, pair = np.unique(label * len(names) + at[code], return_inverse=True)
    gap, name = key // max(len(names), 1), key % max(len(names), 1)
    order = np.lexsort((name, -np.bincount(pair, weights=people, minlength=len(key)), gap))
    ranked = names.astype(object)[name[order]]
    ends = np.cumsum(np.bincount(gap, minlength=count))
    begins = np.append(0, ends[:-1])
    told = np.full(count, "", dtype=object)
    told[ends > begins] = ranked[begins[ends > begins]]
    for row in np.flatnonzero(ends > begins + 1).tolist():
        told[row] = ";".join(ranked[begins[row] : ends[row]])
    return told


def _part(
    left: gpd.GeoDataFrame,
    people: Float64,
    first: Int64,
    jurisdictions: gpd.GeoDataFrame,
    residents: pd.Series[float],
) -> NDArray[np.object_]:
    """Where in its jurisdiction each gap lies; empty if it spans several, or most of one."""
    size = np.diff(first, append=len(people))
    points = left.geometry.to_numpy()
    columns = (people, people * shapely.get_x(points), people * shapely.get_y(points))
    sums = np.empty((3, len(first)))
    for mine in alike(size):
        rows = first[mine, None] + np.arange(size[mine[0]])
        sums[:, mine] = [column[rows].sum(axis=1) for column in columns]
    at = jurisdictions.index.get_indexer(pd.Index(left["jurisdiction"]))
    here = at[first]
    own = sums[0] <= _MOST * residents.reindex(jurisdictions.index).to_numpy()[here]
    own[np.repeat(np.arange(len(first)), size)[at != np.repeat(here, size)]] = False
    total, x, y = sums[:, own]
    west, south, east, north = shapely.bounds(jurisdictions.geometry.to_numpy())[here[own]].T
    dx, dy = (
        (x / total - (west + east) / 2) / (east - west),
        (y / total - (south + north) / 2) / (north - south),
    )
    where = _COMPASS[np.rint(np.degrees(np.arctan2(dx, dy)) / 45).astype(np.int64) % 8]
    part = np.full(len(first), "", dtype=object)
    part[own] = np.where(np.hypot(dx, dy) < _CENTRE, "centre", where)
    return part


def _roads(areas: Shapes, network: Network | None) -> NDArray[np.object_]:
    """Name of the road that runs longest in each gap."""
    told = np.full(len(areas), "", dtype=object)
    if network is None or shapely.is_empty(areas).all():
        return told
    roads = network.roads
    usable = (roads["name"] != "") & ~roads["class"].isin(_NOT_A_PLACE)
    usable &= ~roads["tunnel"] & (roads["crossing"] < 0)
    rows = np.flatnonzero(usable.to_numpy() & _near(network, areas))
    if not len(rows):
        return told
    found = pd.concat([_within_m(network, some, areas) for some in _batches(network, rows)])
    found = found.sort_values(["gap", "road"])
    found["name"] = roads["name"].to_numpy()[found["road"]]
    length = found.groupby(["gap", "name"])["length_m"].sum().reset_index()
    longest = length.sort_values(["gap", "length_m", "name"], ascending=[True, False, True])
    longest = longest.drop_duplicates("gap")
    told[longest["gap"].to_numpy()] = longest["name"].to_numpy(dtype=object)
    return told


def _near(network: Network, areas: Shapes) -> NDArray[np.bool_]:
    """Whether a road may meet an area: false only where its box does not, so that few lines are made."""
    bounds = shapely.bounds(areas[~shapely.is_empty(areas)])
    low, high = bounds[:, :2].min(axis=0), bounds[:, 2:].max(axis=0)
    side = max(math.sqrt(float(np.prod(high - low)) / _RASTER), _FINEST_M)
    shape = np.floor((high - low) / side).astype(np.int64) + 1

    def squares(xy: Float64) -> Int64:
        return np.asarray(np.clip(np.floor((xy - low) / side).astype(np.int64), 0, shape - 1).T)

    # Where boxes of areas begin and end, summed up, makes how many lie on each square; and that, summed up, how many
    # squares to the left of and below each corner have any: so a few look-ups tell of any rectangle.
    boxes = np.zeros(shape + 1, dtype=np.int32)
    (left, bottom), (right, top) = squares(bounds[:, :2]), squares(bounds[:, 2:]) + 1
    for x, y, sign in ((left, bottom, 1), (right, top, 1), (left, top, -1), (right, bottom, -1)):
        np.add.at(boxes, (x, y), sign)
    count = np.zeros(shape + 1, dtype=np.int32)
    count[1:, 1:] = (boxes.cumsum(axis=0).cumsum(axis=1)[:-1, :-1] > 0).cumsum(axis=0).cumsum(axis=1)
    near = np.zeros(network.n_roads, dtype=np.bool_)
    for start in range(0, network.n_roads, _LINES):
        offset = network.road_offset[start : start + _LINES + 1]
        xy, first = network.road_xy[offset[0] : offset[-1]], offset[:-1] - offset[0]
        left, bottom = squares(np.minimum.reduceat(xy, first, axis=0))
        right, top = squares(np.maximum.reduceat(xy, first, axis=0)) + 1
        met = count[right, top] - count[left, top] - count[right, bottom] + count[left, bottom]
        near[start : start + len(met)] = met > 0
    return near


def _batches(network: Network, roads: Int64) -> list[Int64]:
    """Roads in batches that lie near each other, so that only few of their lines are there at a time."""
    if len(roads) <= _LINES:
        return [roads]
    xy = network.road_xy[network.road_offset[roads]]
    square = np.floor(xy / _SQUARE_M).astype(np.int64)
    order = np.lexsort((square[:, 1], square[:, 0]))
    return np.array_split(roads[order], -(-len(roads) // _LINES))


def _within_m(network: Network, roads: Int64, areas: Shapes) -> pd.DataFrame:
    """Metres of each of some roads that lie in each gap."""
    lines = network.lines(roads)
    west, south, east, north = shapely.bounds(areas).T
    box = shapely.total_bounds(lines)
    gap = np.flatnonzero((west <= box[2]) & (east >= box[0]) & (south <= box[3]) & (north >= box[1]))
    tree = shapely.STRtree(lines)
    own, road = _pairs(tree, areas[gap], "intersects")
    within_m = shapely.length(lines)[road]
    # Most lie in a gap from end to end; to cut them would be slow where a gap is large.
    whole, inside = _pairs(tree, areas[gap], "covers")
    part = np.flatnonzero(~np.isin(own * len(lines) + road, whole * len(lines) + inside))
    within_m[part] = in_threads(
        lambda line, area: shapely.length(shapely.intersection(line, area)),
        lines[road[part]],
        areas[gap[own[part]]],
    )
    return pd.DataFrame({"gap": gap[own], "road": roads[road], "length_m": within_m})


def _names(found: pd.DataFrame, jurisdictions: gpd.GeoDataFrame) -> list[str]:
    """Make names such as "La Turbie, north: Route de Peille", numbered where a level has one twice."""
    known = jurisdictions["name"].to_dict()
    places: dict[str, str] = {}
    for ids in found["jurisdictions"].unique():
        towns = [str(known.get(key, key)) for key in ids.split(";")]
        places[ids] = " / ".join(towns[:_TOWNS]) + (" …" if len(towns) > _TOWNS else "")
    seen: dict[tuple[str, str], int] = {}
    names = []
    columns = (found[name].tolist() for name in ("level", "jurisdictions", "part", "road"))
    for level, ids, part, road in zip(*columns, strict=True):
        name = places[ids] + (f", {part}" if part else "") + (f": {road}" if road else "")
        count = seen[level, name] = seen.get((level, name), 0) + 1
        names.append(f"{name} ({count})" if count > 1 else name)
    return names
