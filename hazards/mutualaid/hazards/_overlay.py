"""Lines split exactly where they pass from cell to cell of a raster, or from polygon to polygon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from affine import Affine
from numpy.typing import ArrayLike, NDArray

from mutualaid.errors import Defect, HazardError
from mutualaid.threads import in_threads, limited_to

__all__ = [
    "Lines",
    "Paths",
    "Pieces",
    "Segments",
    "labels_of",
    "on_edges",
    "pieces_on_cells",
    "pieces_on_polygons",
    "segments_of",
    "split_on_polygons",
    "split_on_raster",
    "to_cells",
]

Lines: TypeAlias = gpd.GeoSeries | Sequence[Any] | NDArray[np.object_]
Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

#: Two cuts of a segment that are this share of its length apart are one: a line through a cell's corner.
_SAME_CUT = 1e-12
#: Positions along a line are told apart by a micrometre where polygons meet.
_MICROMETRE = 1e-6
_LISTED = 20
#: Polygons that a thread cuts with at a time.
_POLYGONS = 8


@dataclass(frozen=True, eq=False)
class Paths:
    """Lines as the vertices of all of them: a fraction of what as many LineStrings need.

    Attributes
    ----------
    xy
        (p, 2) coordinates of the vertices of all lines, one line after the other.
    offset
        (n + 1,) vertices of line ``i`` are ``xy[offset[i]:offset[i + 1]]``: at least two, or none.

    Examples
    --------
    >>> import numpy as np
    >>> from mutualaid.hazards import Paths
    >>> paths = Paths(np.array([[0.0, 0.0], [3.0, 4.0], [3.0, 9.0]]), np.array([0, 3]))
    >>> len(paths), paths.length_m.tolist()
    (1, [10.0])
    """

    xy: Floats
    offset: Ints

    def __len__(self) -> int:
        """Give the number of lines."""
        return len(self.offset) - 1

    def part(self, rows: slice) -> Paths:
        """Give lines that follow one another, without copying them."""
        start, stop, _ = rows.indices(len(self))
        first = int(self.offset[start])
        return Paths(self.xy[first : int(self.offset[stop])], self.offset[start : stop + 1] - first)

    def lines(self, rows: Ints) -> NDArray[np.object_]:
        """Give some of them as LineStrings."""
        count = self.offset[rows + 1] - self.offset[rows]
        owner = np.repeat(np.arange(len(rows)), count)
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        return np.asarray(shapely.linestrings(self.xy[self.offset[rows][owner] + within], indices=owner))

    @cached_property
    def length_m(self) -> Floats:
        """(n,) lengths, as `shapely.length` adds them up."""
        return in_threads(self._lengths, np.arange(len(self)), least=50_000)

    def _lengths(self, rows: Ints) -> Floats:
        some = self.part(slice(int(rows[0]), int(rows[-1]) + 1)) if len(rows) else self.part(slice(0))
        line, joined = some.joined()
        way = some.xy[1:] - some.xy[:-1]
        way *= way
        step = np.sqrt(way[:, 0] + way[:, 1])[joined]
        return np.bincount(line[1:][joined], step, minlength=len(some)).astype(np.float64)

    def joined(self) -> tuple[Ints, NDArray[np.bool_]]:
        """Give the line of each vertex, and whether each is joined to the next."""
        line = np.repeat(np.arange(len(self)), np.diff(self.offset))
        return line, line[1:] == line[:-1]


@dataclass(frozen=True, eq=False)
class Segments:
    """Straight stretches of lines, in the order of the lines.

    Attributes
    ----------
    line
        (s,) position of the line.
    start, end
        (s, 2) coordinates.
    length
        (s,) length, which need not be in the coordinates' unit.
    """

    line: Ints
    start: Floats
    end: Floats
    length: Floats

    def take(self, which: NDArray[Any]) -> Segments:
        """Give some of the segments, by mask or position."""
        return Segments(self.line[which], self.start[which], self.end[which], self.length[which])


@dataclass(frozen=True, eq=False)
class Pieces:
    """Parts of segments, each on one cell, or none.

    Attributes
    ----------
    segment
        (p,) position of the segment.
    t0, t1
        (p,) where on the segment it begins and ends: 0…1.
    row, col
        (p,) the cell; may lie outside the raster.
    """

    segment: Ints
    t0: Floats
    t1: Floats
    row: Ints
    col: Ints


def split_on_raster(lines: Lines, band: ArrayLike, transform: Affine) -> pd.DataFrame:
    """Split lines exactly at the edges of raster cells.

    A stretch that runs along the edge between two cells belongs to the cell with the higher column and row
    (to the east and to the south on a north-up raster); along the outer edge of the last column or row it
    belongs to that column or row. Vertices within a few rounding errors of an edge are on the edge.

    Parameters
    ----------
    lines
        n LineStrings or MultiLineStrings in the CRS of the raster, which must be projected in metres for
        ``length_m`` to be metres. Empty, missing and zero-length lines have no pieces. Heights are ignored.
    band
        (rows, columns) values; NaN and masked cells are unknown.
    transform
        Pixel to coordinates. Rotated rasters are refused.

    Returns
    -------
    DataFrame
        One row per piece, in order along each line: ``line`` (its index label, or its position if `lines`
        has no index), ``length_m``, ``value`` (NaN where unknown or outside), ``outside`` (off the raster).
        The lengths of the pieces sum to the length of the line.

    Raises
    ------
    HazardError
        If the raster is empty, rotated or not 2-D, or if there is anything but finite lines.

    Examples
    --------
    >>> import numpy as np, shapely
    >>> from affine import Affine
    >>> from mutualaid.hazards import split_on_raster
    >>> depth_m = np.array([[0.0, 0.4], [np.nan, 1.0]])
    >>> line = shapely.LineString([(5, 15), (25, 15)])
    >>> split_on_raster([line], depth_m, Affine(10, 0, 0, 0, -10, 20))
       line  length_m  value  outside
    0     0       5.0    0.0    False
    1     0      10.0    0.4    False
    2     0       5.0    NaN     True
    """
    values: np.ma.MaskedArray[Any, Any] = np.ma.asarray(band)
    _check_raster(values, transform)
    segments = segments_of(lines)
    start, end = to_cells(segments, transform, values.shape)
    pieces = pieces_on_cells(start, end, values.shape)
    inside = _inside(pieces, values.shape)
    value = np.full(len(inside), np.nan)
    found = values[pieces.row[inside], pieces.col[inside]]  # the rest of the raster is not copied
    value[inside] = np.ma.filled(found.astype(np.float64), np.nan)
    return pd.DataFrame(
        {
            "line": labels_of(lines).take(segments.line[pieces.segment]),
            "length_m": (pieces.t1 - pieces.t0) * segments.length[pieces.segment],
            "value": value,
            "outside": ~inside,
        }
    )


def split_on_polygons(lines: Lines, polygons: Lines) -> pd.DataFrame:
    """Split lines exactly at the edges of polygons.

    Where polygons overlap or share an edge, the stretch belongs to the one that comes first, so put the
    worst first. Positions along a line are rounded to a micrometre.

    Parameters
    ----------
    lines
        n LineStrings or MultiLineStrings, in the CRS of the polygons; see `split_on_raster`.
    polygons
        Polygons or MultiPolygons, valid ones. Empty and missing ones hold nothing.

    Returns
    -------
    DataFrame
        One row per piece, in order along each line: ``line`` (label or position), ``length_m``, ``polygon``
        (label or position; missing in no polygon). The lengths of the pieces sum to that of the line.

    Raises
    ------
    HazardError
        If there is anything but finite lines and valid polygons.

    Examples
    --------
    >>> import shapely
    >>> from mutualaid.hazards import split_on_polygons
    >>> zones = [shapely.box(2, 0, 6, 9), shapely.box(4, 0, 8, 9)]
    >>> split_on_polygons([shapely.LineString([(0, 5), (10, 5)])], zones)
       line  length_m  polygon
    0     0       2.0     <NA>
    1     0       4.0        0
    2     0       2.0        1
    3     0       2.0     <NA>
    """
    areas = _polygons(polygons)
    segments = segments_of(lines)
    with limited_to(1):  # a polygon may be there twice, and threads cannot share one
        segment, t0, t1, polygon = pieces_on_polygons(segments, areas)
    labels = labels_of(polygons)
    known = pd.Series(labels.take(np.maximum(polygon, 0)) if len(labels) else polygon)
    if pd.api.types.is_integer_dtype(known.dtype):
        known = known.astype("Int64")
    return pd.DataFrame(
        {
            "line": labels_of(lines).take(segments.line[segment]),
            "length_m": (t1 - t0) * segments.length[segment],
            "polygon": known.mask(polygon < 0),
        }
    )


def labels_of(geometries: Lines | Paths) -> pd.Index[Any]:
    """Give the index of a series, or positions for anything else."""
    return geometries.index if isinstance(geometries, pd.Series) else pd.RangeIndex(len(geometries))


def segments_of(lines: Lines | Paths, labels: pd.Index[Any] | None = None) -> Segments:
    """Take lines apart into their straight stretches; those without length are left out.

    `labels` name the lines in messages, if they are not their own.

    Raises
    ------
    HazardError
        If something is not a line, or has coordinates that are not finite.
    """
    labels = labels_of(lines) if labels is None else labels
    if isinstance(lines, Paths):
        part, joined = lines.joined()
        xy, line = lines.xy, part
        _check_finite(xy, part, labels)
    else:
        geometry = np.asarray(lines, dtype=object)
        _check_lines(geometry, labels)
        parts, of_part = shapely.get_parts(geometry, return_index=True)
        xy, part = shapely.get_coordinates(parts, return_index=True)
        joined, line = part[1:] == part[:-1], of_part[part].astype(np.int64)
    length = np.hypot(*(xy[1:] - xy[:-1]).T)
    drawn = np.flatnonzero(joined & (length > 0))
    start, end = xy.take(drawn, axis=0), xy.take(drawn + 1, axis=0)
    return Segments(line.take(drawn), start, end, length.take(drawn))


def to_cells(segments: Segments, transform: Affine, shape: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Give both ends of the segments as (column, row), so that each stretch lies on the cell it belongs to."""
    origin = np.array([transform.c, transform.f])
    step = np.array([transform.a, transform.e])
    start, end = (on_edges(xy, origin, step) for xy in (segments.start, segments.end))
    last = np.array([shape[1], shape[0]], np.float64)
    along = (start == last) & (end == last)  # along the outer edge: half a cell back, into the last one
    return np.where(along, last - 0.5, start), np.where(along, last - 0.5, end)


def on_edges(xy: Floats, origin: Floats, step: Floats) -> Floats:
    """Turn coordinates into cells, and what misses an edge by rounding alone into that edge."""
    cell = (xy - origin) / step
    edge = np.round(cell)
    rounding = 4 * np.finfo(np.float64).eps * np.maximum(np.abs(xy), np.abs(origin)) / np.abs(step)
    return np.where(np.abs(cell - edge) <= rounding, edge, cell)


def pieces_on_cells(start: Floats, end: Floats, shape: tuple[int, ...]) -> Pieces:
    """Cut segments, given as (column, row), at every edge of a cell; what lies outside stays whole."""
    count = len(start)
    cuts = [_cuts(start[:, axis], end[:, axis], size) for axis, size in ((0, shape[1]), (1, shape[0]))]
    every = np.arange(count)
    segment = np.concatenate([every, every, cuts[0][0], cuts[1][0]])
    t = np.concatenate([np.zeros(count), np.ones(count), cuts[0][1], cuts[1][1]])
    order = np.lexsort((t, segment))
    segment, t = segment[order], t[order]
    again = (segment[1:] == segment[:-1]) & (t[1:] - t[:-1] <= _SAME_CUT)
    distinct = np.concatenate([np.ones(min(len(t), 1), bool), ~again])
    segment, t = segment[distinct], t[distinct]
    same = segment[1:] == segment[:-1]
    segment, t0, t1 = segment[:-1][same], t[:-1][same], t[1:][same]
    middle = ((t0 + t1) / 2)[:, None]
    cell = np.floor(start[segment] + middle * (end - start)[segment]).astype(np.int64)
    return Pieces(segment, t0, t1, row=cell[:, 1], col=cell[:, 0])


def _cuts(start: Floats, end: Floats, size: int) -> tuple[Ints, Floats]:
    """Find where segments pass the lines 0…size of one axis: the segment, and the share of its length."""
    first = np.maximum(np.floor(np.minimum(start, end)) + 1, 0)
    last = np.minimum(np.ceil(np.maximum(start, end)) - 1, size)
    count = np.maximum(last - first + 1, 0).astype(np.int64)
    segment = np.repeat(np.arange(len(start)), count)
    nth = np.arange(len(segment)) - np.repeat(np.cumsum(count) - count, count)
    t = (first[segment] + nth - start[segment]) / (end - start)[segment]
    apart = (t > _SAME_CUT) & (t < 1 - _SAME_CUT)
    return segment[apart], t[apart]


def _inside(pieces: Pieces, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    rows, columns = shape
    return (pieces.row >= 0) & (pieces.row < rows) & (pieces.col >= 0) & (pieces.col < columns)


def pieces_on_polygons(
    segments: Segments, polygons: NDArray[np.object_]
) -> tuple[Ints, Floats, Floats, Ints]:
    """Cut segments at the edges of polygons.

    Returns
    -------
    segment, t0, t1, polygon
        (p,) position of the segment, begin and end on it (0…1), first polygon that holds it, -1 if none.
    """
    inner, begin, finish, owner = _stays(segments, polygons)
    count = len(segments.line)
    every = np.arange(count)
    segment = np.concatenate([every, every, inner, inner])
    t = np.concatenate([np.zeros(count), np.ones(count), begin, finish])
    order = np.lexsort((t, segment))
    ordered, at = segment[order], t[order]
    same = ordered[1:] == ordered[:-1]
    further = same & (at[1:] > at[:-1])
    number = np.empty(len(order), np.int64)  # pieces before each cut
    number[order] = np.cumsum(np.concatenate([np.zeros(min(len(order), 1), np.int64), further]))
    segment, t0, t1 = ordered[:-1][further], at[:-1][further], at[1:][further]
    first = number[2 * count : 2 * count + len(inner)]
    many = number[2 * count + len(inner) :] - first
    covered = np.repeat(first - np.cumsum(many) + many, many) + np.arange(many.sum())
    polygon = np.full(len(segment), len(polygons), np.int64)
    np.minimum.at(polygon, covered, np.repeat(owner, many))
    polygon[polygon == len(polygons)] = -1
    # A polygon that ends or overlaps inside another cuts the line, but nothing begins there.
    begins = np.ones(len(segment), bool)
    begins[1:] = (segment[1:] != segment[:-1]) | (polygon[1:] != polygon[:-1])
    finishes = np.roll(begins, -1)
    return segment[begins], t0[begins], t1[finishes], polygon[begins]


def _stays(segments: Segments, polygons: NDArray[np.object_]) -> tuple[Ints, Floats, Floats, Ints]:
    """Find where segments are inside polygons, each by itself: segment, from, to (0…1), polygon."""
    lines = np.asarray(shapely.linestrings(np.stack([segments.start, segments.end], axis=1)), object)
    tree = shapely.STRtree(lines)

    # A prepared polygon serves one thread alone: so polygons are shared out, not segments.
    def inside(which: Ints) -> NDArray[np.void]:
        return _stays_in(segments, lines, tree, polygons, which)

    found = in_threads(inside, np.arange(len(polygons)), least=_POLYGONS)
    return found["segment"], found["t0"], found["t1"], found["polygon"]


_STAY = np.dtype([("segment", np.int64), ("t0", np.float64), ("t1", np.float64), ("polygon", np.int64)])


def _stays_in(
    segments: Segments,
    lines: NDArray[np.object_],
    tree: shapely.STRtree,
    polygons: NDArray[np.object_],
    which: Ints,
) -> NDArray[np.void]:
    polygon, segment = tree.query(polygons[which], predicate="intersects")
    polygon = which[polygon]
    shapely.prepare(polygons[which])
    whole = shapely.contains_properly(polygons[polygon], lines[segment])
    partly = shapely.intersection(polygons[polygon[~whole]], lines[segment[~whole]])
    parts, pair = shapely.get_parts(partly, return_index=True)
    # What only touches is a point, or a line without vertices.
    straight = (shapely.get_type_id(parts) == 1) & ~shapely.is_empty(parts)
    parts, pair = parts[straight], pair[straight]
    on = segment[~whole][pair]
    ends = shapely.get_coordinates(parts)[_first_and_last(parts)].reshape(-1, 2, 2)
    reach = np.hypot(*np.moveaxis(ends - segments.start[on][:, None], -1, 0))
    drawn = np.hypot(*(segments.end - segments.start)[on].T)[:, None]
    t = np.sort(_rounded(reach / drawn, segments.length[on][:, None]), axis=1)
    stays = t[:, 1] > t[:, 0]
    count = int(whole.sum())
    found = np.empty(count + int(stays.sum()), _STAY)
    found["segment"] = np.concatenate([segment[whole], on[stays]])
    found["t0"] = np.concatenate([np.zeros(count), t[stays, 0]])
    found["t1"] = np.concatenate([np.ones(count), t[stays, 1]])
    found["polygon"] = np.concatenate([polygon[whole], polygon[~whole][pair][stays]])
    return found


def _first_and_last(parts: NDArray[np.object_]) -> Ints:
    """(2p,) rows of the first and the last vertex of each line among the coordinates of all."""
    count = shapely.get_num_points(parts)
    last = np.cumsum(count) - 1
    return np.column_stack([last - count + 1, last]).ravel().astype(np.int64)


def _rounded(t: Floats, length: Floats) -> Floats:
    """Round shares of a length to whole micrometres; what is as near to an end is the end."""
    near = np.round(t * length / _MICROMETRE) * _MICROMETRE
    return np.where(near >= length - _MICROMETRE, 1.0, near / length)


def _check_raster(values: NDArray[Any], transform: Affine) -> None:
    defects = []
    if values.ndim != 2 or 0 in values.shape:
        got = f"shape {values.shape}"
        defects.append(Defect("", "band", "a 2-D array with cells", got, "read one band of a raster"))
    if transform.b or transform.d or not (transform.a and transform.e):
        remedy = "warp the raster to north-up, with gdalwarp for example"
        got = str(tuple(transform)[:6])
        defects.append(Defect("", "transform", "cells that are not rotated", got, remedy))
    if defects:
        raise HazardError(defects)


def _check_lines(geometry: NDArray[np.object_], labels: pd.Index[Any]) -> None:
    kind = shapely.get_type_id(geometry)
    wrong = ~np.isin(kind, (-1, 1, 2, 5))
    xy, owner = shapely.get_coordinates(geometry, return_index=True)
    defects = [
        Defect("", f"line {labels[row]}", "a LineString", geometry[row].geom_type, "give lines")
        for row in np.flatnonzero(wrong)[:_LISTED]
    ] + _endless(xy, owner, labels)
    if not labels.is_unique:
        twice = labels[labels.duplicated()][0]
        defects.append(Defect("", "lines", "one line a label", f"{twice} twice", "reset the index"))
    if defects:
        raise HazardError(defects)


def _check_finite(xy: Floats, owner: Ints, labels: pd.Index[Any]) -> None:
    if defects := _endless(xy, owner, labels):
        raise HazardError(defects)


def _endless(xy: Floats, owner: Ints, labels: pd.Index[Any]) -> list[Defect]:
    finite = np.isfinite(xy)
    if finite.all():
        return []
    return [
        Defect("", f"line {labels[row]}", "finite coordinates", "NaN or inf", "correct or drop the line")
        for row in np.unique(owner[~finite.all(axis=1)])[:_LISTED]
    ]


def _polygons(polygons: Lines) -> NDArray[np.object_]:
    """Check polygons.

    Raises
    ------
    HazardError
        If one is invalid, or not a polygon.
    """
    geometry = np.asarray(polygons, dtype=object)
    labels = labels_of(polygons)
    defects = []
    for row in np.flatnonzero(~np.isin(shapely.get_type_id(geometry), (-1, 3, 6)))[:_LISTED]:
        got = geometry[row].geom_type
        defects.append(Defect("", f"polygon {labels[row]}", "a polygon", got, "give polygons"))
    given = shapely.get_type_id(geometry) >= 0
    for row in np.flatnonzero(given & ~shapely.is_valid(geometry))[:_LISTED]:
        reason, remedy = str(shapely.is_valid_reason(geometry[row])), "repair it, with make_valid for example"
        defects.append(Defect("", f"polygon {labels[row]}", "a valid polygon", reason, remedy))
    if defects:
        raise HazardError(defects)
    return geometry
