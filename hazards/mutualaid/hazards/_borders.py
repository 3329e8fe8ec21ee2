"""Shared borders: the stretches where two jurisdictions meet, though their boundaries differ by metres."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from mutualaid.errors import Defect, HazardError
from mutualaid.threads import in_threads

__all__ = ["check_jurisdictions", "shared_borders"]

#: Boundaries this close to one another, in metres, are the same line.
_SAME_M = 0.01
#: A stretch that leads away from the other boundary at more than 30° (sine ½) is no border with it.
_LEAVES = 0.5
#: Boundaries are compared at least this often, in metres, where they are not the same line.
_LEAST_STEP_M = 5.0
_NOBODY = -1

_Index = NDArray[np.int64]
_Metres = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Segments:
    """All segments of all rings in order; every ring has its jurisdiction on the left."""

    xy: _Metres  # (n, 2, 2): start and end
    ring: _Index
    owner: _Index
    lines: NDArray[np.object_]
    tree: shapely.STRtree

    def at(self, segment: _Index, share: _Metres) -> _Metres:
        """Coordinates at a share of a segment's length."""
        start, end = self.xy[segment, 0], self.xy[segment, 1]
        return np.asarray(start + (end - start) * share[:, None])


@dataclass(frozen=True, eq=False)
class _Pieces:
    """Parts of segments, in the order of their rings."""

    segment: _Index
    start: _Metres
    stop: _Metres
    length_m: _Metres


def shared_borders(jurisdictions: gpd.GeoDataFrame, *, tolerance_m: float = 25.0) -> gpd.GeoDataFrame:
    """Find the stretches where two jurisdictions meet.

    Official boundaries of two sides may disagree: a stretch of one boundary also counts where the other runs
    along it within `tolerance_m`, next to a sliver or an overlap. It belongs to the nearest neighbour alone, so
    that no stretch is listed for two pairs; a boundary that only leads away from a place where several meet is
    no border with those that it leaves behind. Holes and exclaves are borders like any other; jurisdictions that
    touch in a point share none.

    Parameters
    ----------
    jurisdictions
        Polygons in a projected CRS in metres, indexed by unique id. ``country`` is used if it is there.
    tolerance_m
        Largest distance, in metres, between two boundaries that are meant to be the same.

    Returns
    -------
    GeoDataFrame
        One row for each pair that shares a border: ``a``, ``b`` (ids, in the order of `jurisdictions`),
        ``country_a``, ``country_b`` ("" if unknown), ``international`` (two known countries that differ),
        ``length_m``, and the LineString or MultiLineString, which follows the boundary of `a` with `a` on its
        left.

    Raises
    ------
    HazardError
        The CRS is not in metres, ids repeat, or there is something else than polygons.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely.geometry import box
    >>> from mutualaid.hazards import shared_borders
    >>> lands = gpd.GeoDataFrame({"country": ["SE", "FI"]}, index=["haparanda", "tornio"], crs=3067,
    ...                          geometry=[box(0, 0, 500, 900), box(503, 100, 900, 700)])
    >>> shared_borders(lands)[["a", "b", "international", "length_m"]].values.tolist()
    [['haparanda', 'tornio', True, 600.0]]
    """
    check_jurisdictions(jurisdictions)
    tolerance_m = max(tolerance_m, _SAME_M)
    segments = _segments(jurisdictions)
    pieces = _cut(segments, tolerance_m)
    neighbour, apart_m = _neighbours(segments, pieces, tolerance_m)
    rows: dict[tuple[int, int], list[shapely.LineString]] = {}
    for first, last in _stretches(segments, pieces, neighbour, apart_m, tolerance_m):
        owner, other = int(segments.owner[pieces.segment[first]]), int(neighbour[first])
        if owner < other:
            rows.setdefault((owner, other), []).append(_line(segments, pieces, first, last))
    return _frame(jurisdictions, dict(sorted(rows.items())))


def check_jurisdictions(jurisdictions: gpd.GeoDataFrame) -> None:
    """Refuse jurisdictions whose borders cannot be measured.

    Raises
    ------
    HazardError
        The CRS is not in metres, ids repeat, or there is something else than polygons.
    """
    defects = []
    crs = jurisdictions.crs
    if crs is None or not crs.is_projected or crs.axis_info[0].unit_name != "metre":
        got = "none" if crs is None else crs.to_string()
        remedy = "convert them with to_crs to the region's UTM zone"
        defects.append(Defect("", "jurisdictions", "a projected CRS in metres", got, remedy))
    if not jurisdictions.index.is_unique:
        twice = sorted(set(jurisdictions.index[jurisdictions.index.duplicated()].astype(str)))
        defects.append(
            Defect("", "jurisdictions", "unique ids", ", ".join(twice), "give each row its own id")
        )
    others = ~jurisdictions.geom_type.isin(["Polygon", "MultiPolygon"])
    if others.any():
        ids = ", ".join(jurisdictions.index[others].astype(str)[:5])
        defects.append(
            Defect("", "jurisdictions", "polygons", f"another geometry for {ids}", "draw polygons")
        )
    if defects:
        raise HazardError(defects)


def _segments(jurisdictions: gpd.GeoDataFrame) -> _Segments:
    polygons, owner = shapely.get_parts(
        shapely.force_2d(jurisdictions.geometry.to_numpy()), return_index=True
    )
    rings, polygon = shapely.get_rings(shapely.orient_polygons(polygons), return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    inner = np.flatnonzero((ring[1:] == ring[:-1]) & (xy[1:] != xy[:-1]).any(axis=1))
    pairs = np.stack([xy[inner], xy[inner + 1]], axis=1)
    lines = np.asarray(shapely.linestrings(pairs))
    return _Segments(pairs, ring[inner], owner[polygon][ring[inner]], lines, shapely.STRtree(lines))


def _cut(segments: _Segments, tolerance_m: float) -> _Pieces:
    """Cut segments where another boundary's vertex lies beside them, and often enough in between."""
    count = len(segments.lines)
    mine, other = segments.tree.query(segments.lines, predicate="dwithin", distance=tolerance_m)
    foreign = segments.owner[mine] != segments.owner[other]
    mine, other = mine[foreign], other[foreign]
    length = shapely.length(segments.lines)
    beside = shapely.points(segments.xy[other].reshape(-1, 2))
    twice = np.repeat(mine, 2)
    near = shapely.dwithin(segments.lines[twice], beside, tolerance_m)
    twice, beside = twice[near], beside[near]
    at = shapely.line_locate_point(segments.lines[twice], beside) / length[twice]
    close = np.unique(mine)
    steps = np.ceil(length[close] / max(tolerance_m, _LEAST_STEP_M)).astype(np.int64)
    dense = np.repeat(close, steps)
    within = np.arange(len(dense)) - np.repeat(np.cumsum(steps) - steps, steps)
    every = np.arange(count)
    segment = np.concatenate([every, every, twice, dense])
    share = np.concatenate([np.zeros(count), np.ones(count), at, within / np.repeat(steps, steps)])
    order = np.lexsort((share, segment))
    segment, share = segment[order], share[order]
    # Cuts a hair apart would only make pieces without length; the ends of a segment stay.
    apart = np.append(True, (np.diff(share) * length[segment[1:]] > 1e-6) | (np.diff(segment) > 0))
    segment, share = segment[apart], share[apart]
    last = np.append(segment[1:] != segment[:-1], True)
    share[last] = 1.0
    begin = np.flatnonzero(~last)
    return _Pieces(
        segment[begin],
        share[begin],
        share[begin + 1],
        (share[begin + 1] - share[begin]) * length[segment[begin]],
    )


def _neighbours(segments: _Segments, pieces: _Pieces, tolerance_m: float) -> tuple[_Index, _Metres]:
    """Give for each piece the jurisdiction it is the border with, and the distance of the other boundary."""
    middles = segments.at(pieces.segment, (pieces.start + pieces.stop) / 2)
    points = np.asarray(shapely.points(middles))
    owner = segments.owner[pieces.segment]
    piece, other, apart = _nearest(segments, points, owner, tolerance_m, own=False)
    foot = _nearest_on(segments.lines[other], points[piece])
    # Back from the other boundary: where the two run side by side one comes back to the same place.
    there, mine, _ = _nearest(segments, foot, owner[piece], tolerance_m + _SAME_M, own=True)
    back = _nearest_on(segments.lines[mine], foot[there])
    moved = np.full(len(piece), np.inf)
    moved[there] = shapely.distance(back, points[piece[there]])
    meets = (apart <= _SAME_M) | (moved <= _LEAVES * apart)
    neighbour = np.full(len(points), _NOBODY, dtype=np.int64)
    distance = np.full(len(points), np.inf)
    neighbour[piece[meets]] = segments.owner[other[meets]]
    distance[piece[meets]] = apart[meets]
    return neighbour, distance


def _nearest(
    segments: _Segments, points: NDArray[np.object_], owner: _Index, within_m: float, *, own: bool
) -> tuple[_Index, _Index, _Metres]:
    """Nearest segment of the owner itself, or of anybody else; points without one are left out."""

    def near(which: _Index) -> _Index:
        found, other = segments.tree.query(points[which], predicate="dwithin", distance=within_m)
        return np.column_stack([which[found], other])

    point, segment = in_threads(near, np.arange(len(points))).T
    wanted = (segments.owner[segment] == owner[point]) == own
    point, segment = point[wanted], segment[wanted]
    distance = in_threads(shapely.distance, points[point], segments.lines[segment])
    # Ties go to the first jurisdiction, whatever the order of the tree.
    order = np.lexsort((segment, distance, point))
    point, segment, distance = point[order], segment[order], distance[order]
    first = np.append(True, point[1:] != point[:-1])[: len(point)]
    return point[first], segment[first], distance[first]


def _nearest_on(lines: NDArray[np.object_], points: NDArray[np.object_]) -> NDArray[np.object_]:
    """Place on each line that is nearest to its point."""

    def nearest(lines: NDArray[np.object_], points: NDArray[np.object_]) -> NDArray[np.object_]:
        at = shapely.line_locate_point(lines, points)
        return np.asarray(shapely.line_interpolate_point(lines, at), object)

    return in_threads(nearest, lines, points)


def _stretches(
    segments: _Segments, pieces: _Pieces, neighbour: _Index, apart_m: _Metres, tolerance_m: float
) -> list[tuple[int, int]]:
    """Join pieces along each ring: first and last piece of each stretch with one neighbour.

    Wobbles are bridged in `neighbour`, which is ours to change; what is short and not quite on the other
    boundary is left out.
    """
    ring = segments.ring[pieces.segment]
    runs = _runs(ring, neighbour)
    length = np.add.reduceat(pieces.length_m, runs[:, 0]) if len(runs) else np.empty(0)
    of = neighbour[runs[:, 0]]
    for one in np.flatnonzero((of == _NOBODY) & (length <= 2 * tolerance_m)):
        sides = [side for side in (one - 1, one + 1) if 0 <= side < len(runs)]
        same_ring = all(ring[runs[side, 0]] == ring[runs[one, 0]] for side in sides)
        if len(sides) == 2 and same_ring and of[sides[0]] == of[sides[1]]:
            neighbour[runs[one, 0] : runs[one, 1] + 1] = of[sides[0]]
    kept = []
    for first, last in _runs(ring, neighbour).tolist():
        part = slice(first, last + 1)
        exact = (apart_m[part] <= _SAME_M).any()
        if neighbour[first] != _NOBODY and (exact or pieces.length_m[part].sum() > tolerance_m):
            kept.append((first, last))
    return kept


def _runs(ring: _Index, neighbour: _Index) -> _Index:
    """First and last position of each run of one neighbour on one ring: (n, 2)."""
    if not len(ring):
        return np.empty((0, 2), dtype=np.int64)
    change = np.flatnonzero((ring[1:] != ring[:-1]) | (neighbour[1:] != neighbour[:-1]))
    return np.stack([np.append(0, change + 1), np.append(change, len(ring) - 1)], axis=1)


def _line(segments: _Segments, pieces: _Pieces, first: int, last: int) -> shapely.LineString:
    part = np.arange(first, last + 1)
    vertices = part[(pieces.start[part] == 0) | (part == first)]
    start = segments.at(pieces.segment[vertices], pieces.start[vertices])
    end = segments.at(pieces.segment[[last]], pieces.stop[[last]])
    return shapely.LineString(np.concatenate([start, end]))


def _frame(
    jurisdictions: gpd.GeoDataFrame, rows: dict[tuple[int, int], list[shapely.LineString]]
) -> gpd.GeoDataFrame:
    lines = [_joined(parts) for parts in rows.values()]
    pairs = np.array(list(rows), dtype=np.int64).reshape(-1, 2)
    country = np.full(len(jurisdictions), "", dtype=object)
    if "country" in jurisdictions:
        country[:] = jurisdictions["country"].fillna("").to_numpy()
    of_a, of_b = country[pairs[:, 0]], country[pairs[:, 1]]
    table = pd.DataFrame(
        {
            "a": jurisdictions.index.to_numpy()[pairs[:, 0]],
            "b": jurisdictions.index.to_numpy()[pairs[:, 1]],
            "country_a": of_a,
            "country_b": of_b,
            "international": np.asarray((of_a != "") & (of_b != "") & (of_a != of_b), dtype=bool),
            "length_m": shapely.length(np.array(lines, dtype=object)),
        }
    )
    return gpd.GeoDataFrame(table, geometry=lines, crs=jurisdictions.crs)


def _joined(lines: list[shapely.LineString]) -> BaseGeometry:
    return shapely.line_merge(shapely.MultiLineString(lines), directed=True)
