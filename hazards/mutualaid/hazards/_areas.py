"""A hazard layer laid over areas: how much of each it reaches, by the exact area of what they share.

Of a raster each cell counts with the part of it that an area covers. These parts are not cut out one by one. An
edge of an area takes away, in each row of cells that it passes, what is to its left; summed along the row over all
edges this leaves the covered part of each cell that an edge passes, and between two such cells one and the same
part, mostly all or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypeVar, cast

import geopandas as gpd
import numba
import numpy as np
import pandas as pd
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from mutualaid.errors import Defect, HazardError
from mutualaid.hazards._crosswalk import severities
from mutualaid.hazards._model import SEVERITIES, HazardLayer
from mutualaid.hazards._overlay import Lines, labels_of, on_edges, pieces_on_cells
from mutualaid.hazards._rasters import RasterCells, Turn, open_cells
from mutualaid.hazards._sample import ranks
from mutualaid.hazards._schemes import scheme
from mutualaid.hazards._steps import coder
from mutualaid.hazards._vectors import polygons

__all__ = ["overlay_areas"]

Bools: TypeAlias = NDArray[np.bool_]
Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Shapes: TypeAlias = NDArray[np.object_]
Compiled = TypeVar("Compiled", bound=Callable[..., Any])

#: Cells along a side of what is read at once: 4 million.
_TILE = 2048
#: Edges of areas are worked on so many cells at a time.
_CHUNK = 1_000_000
#: A line straight in one CRS is bent in another: by 2 cm over this length, by a hundred times that over ten.
_STRAIGHT_M = 1000.0
#: Parts of a cell below this are rounding: of an edge that runs along those of cells, or through their corners.
_HAIR = 1e-9
#: An area that covers less than this of the cells its edges pass is cut out of them one by one, as what rounding
#: adds to each cell would be much of it.
_THIN = 1e-3
#: Between two parts of a thin area this much of each cell, or less, is rounding.
_NOTHING = 1e-12
#: Where a tile has so many times as many cells as are asked for, these are looked up one by one.
_SPARSE = 8
#: Polygons of a layer are halved until they have no more vertices: only what is near is then compared.
_VERTICES = 256
_HALVINGS = 40
_LISTED = 20
#: Codes of what counts the same: state × level. Level 0 is an unknown severity, 1 + severity a known one.
_UNKNOWN, _DRY, _AFFECTED = range(3)
_LEVELS = 1 + len(SEVERITIES)
_CODES = 3 * _LEVELS
_CELL = np.dtype([("value", np.float64), ("code", np.uint8)], align=True)


def overlay_areas(layer: HazardLayer, areas: Lines, *, crs: CRS | str, above: float = 0.0) -> pd.DataFrame:
    """Say how much of each area a hazard reaches, and how bad it is there: the twin of `overlay_roads`.

    Each cell of a raster counts with the exact area of the part that lies within the polygon, and each polygon of
    a vector layer with the exact area that both share; where its polygons overlap, the one counts that counts for
    `sample`: the largest number, of classes the most severe. What merely touches along an edge shares nothing.
    A raster is read in tiles, and only where areas are.

    Areas are taken to the layer, not the layer to the areas, so that no cell is moved; their edges, straight in
    `crs`, are bent there (to within some 2 cm). A share of the polygon in the layer's CRS is then taken for the
    same share of its own area, so that the parts sum to ``area_m2`` whatever the layer's CRS. This leaves out how
    much the scale of one CRS against the other changes within one polygon: nothing worth mention between two CRSs
    made for the region; in degrees the northern end of a polygon 20 km long weighs 0.3 to 0.5 % too much against
    its southern end at European latitudes.

    Parameters
    ----------
    layer
        The hazard layer.
    areas
        n Polygons or MultiPolygons. Empty and missing ones have a row, with an area of 0. Heights are ignored.
        They may overlap; each is measured by itself.
    crs
        CRS of the areas: a projected one in metres.
    above
        Numbers above this one count as affected, all others as dry. Classes are affected if their severity is
        above 0, or, without a scheme, whatever their code.

    Returns
    -------
    DataFrame
        Index: the areas, all of them. ``area_m2`` and what it is made of: ``affected_m2``, ``dry_m2``,
        ``unknown_m2`` (inside the layer, but nobody knows) and ``outside_m2``; ``worst`` and ``mean`` value
        (weighted by area), over the known area alone, NaN if nothing is known, and for classes; ``severity``
        (Int8), the worst by the layer's scheme, missing if nothing is known. For a layer with a scheme also
        ``severity_0_m2`` … ``severity_5_m2``, the area by severity; not for a scheme that needs the velocity
        too, whose severities are all unknown here. Where the layer has no data and states that this means no
        hazard, the value is 0.

    Raises
    ------
    HazardError
        If the CRS is not in metres or not that of `areas`; if there is anything but valid polygons; if a polygon
        crosses the 180th meridian while the layer is in degrees. Each such row is named.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.hazards import read_layers
    >>> from mutualaid.hazards import overlay_areas
    >>> region = read_region(demo_path())
    >>> layer = read_layers(region).layers[0]
    >>> towns = region.jurisdictions.to_crs(region.crs)
    >>> found = overlay_areas(layer, towns.geometry, crs=region.crs)
    >>> parts = found[["affected_m2", "dry_m2", "unknown_m2", "outside_m2"]].sum(axis=1)
    >>> bool((abs(parts / found["area_m2"] - 1) < 1e-9).all())
    True
    """
    labels = labels_of(areas)
    given = _checked(areas, labels, CRS.from_user_input(crs))
    there = _taken_to(layer, given, labels, CRS.from_user_input(crs))
    sums = _Sums.of(len(given))
    (_on_raster if layer.kind == "raster" else _on_vector)(layer, there, above, sums)
    area = shapely.area(given)
    return _table(layer, labels, np.where(np.isnan(area), 0.0, area), sums)


@dataclass(frozen=True, eq=False)
class _Sums:
    """What is found of each area, in squares of the layer's unit.

    Attributes
    ----------
    weight
        (n, _CODES) area by code.
    outside
        (n,) area outside the layer.
    total
        (n,) sum of values times area, over what is known.
    worst
        (n,) largest value, -inf if none is known.
    """

    weight: Floats
    outside: Floats
    total: Floats
    worst: Floats

    @classmethod
    def of(cls, count: int) -> _Sums:
        return cls(
            np.zeros((count, _CODES)), np.zeros(count), np.zeros(count), np.full(count, -np.inf, np.float64)
        )


def _table(layer: HazardLayer, labels: pd.Index[Any], area_m2: Floats, sums: _Sums) -> pd.DataFrame:
    by_state = sums.weight.reshape(-1, 3, _LEVELS)
    found = sums.weight.sum(axis=1) + sums.outside
    scale = np.where(found > 0, area_m2 / np.where(found > 0, found, 1.0), 0.0)
    state = by_state.sum(axis=2)
    measured = state[:, _DRY] + state[:, _AFFECTED]
    known = (measured > 0) & (layer.quantity != "class")
    level = by_state.sum(axis=1)
    # What is too small to be found anywhere is known nowhere.
    lost = np.where(found > 0, 0.0, area_m2)
    worst = np.where(level > 0, np.arange(_LEVELS), 0).max(axis=1) - 1
    columns = {
        "area_m2": area_m2,
        "affected_m2": state[:, _AFFECTED] * scale,
        "dry_m2": state[:, _DRY] * scale,
        "unknown_m2": state[:, _UNKNOWN] * scale + lost,
        "outside_m2": sums.outside * scale,
        "worst": np.where(known, sums.worst, np.nan),
        "mean": np.where(known, sums.total / np.where(known, measured, 1.0), np.nan),
        "severity": pd.Series(worst, index=labels, dtype="Int8").mask(worst < 0),
    }
    if _is_placed(layer):
        columns |= {f"severity_{one}_m2": level[:, 1 + one] * scale for one in SEVERITIES}
    return pd.DataFrame(columns, index=labels)


def _is_placed(layer: HazardLayer) -> bool:
    """Whether the layer alone says how severe its values are."""
    return bool(layer.scheme) and (layer.quantity == "class" or not scheme(layer.scheme).needs_velocity)


def _codes(
    layer: HazardLayer, value: NDArray[Any], coded: Bools, severity: NDArray[Any], above: float
) -> NDArray[np.uint8]:
    """Give the code of each place inside the layer.

    Its value is 0 where no data means no hazard; `coded` says whether it has a class, and its severity is -1 if
    unknown.
    """
    if layer.quantity != "class":
        known, hit = ~np.isnan(value), value > above
    elif layer.scheme:
        known, hit = severity >= 0, severity > 0
    else:
        known, hit = coded | (layer.nodata_means == "none"), coded
    state: NDArray[np.uint8] = known.astype(np.uint8)
    state += hit
    state *= np.uint8(_LEVELS)
    state += (severity + 1).astype(np.uint8)
    return state


def _checked(areas: Lines, labels: pd.Index[Any], crs: CRS) -> Shapes:
    """Give the areas as an array, None for those without any; refuse what is none, and a CRS without metres."""
    defects = []
    if not crs.is_projected or any(axis.unit_name not in ("metre", "meter") for axis in crs.axis_info):
        remedy = "project the areas, to the region's CRS for example"
        defects.append(Defect("", "crs", "a projected CRS in metres", crs.to_string()[:80], remedy))
    stated = areas.crs if isinstance(areas, gpd.GeoSeries) else None
    if stated is not None and not stated.equals(crs, ignore_axis_order=True):
        got = stated.to_string()[:80]
        defects.append(Defect("", "crs", "the CRS of the areas", got, "give the CRS they are in"))
    geometry = np.array(areas, dtype=object)
    geometry[shapely.is_empty(geometry)] = None
    kind = shapely.get_type_id(geometry)
    strange = ~np.isin(kind, (-1, 3, 6))
    broken = ~strange & (kind >= 0) & ~shapely.is_valid(geometry)
    names = np.array([None if one is None else one.geom_type for one in geometry[strange]], object)
    defects += _by_area(labels[strange], "a polygon", names, "give polygons")
    reasons = np.asarray(shapely.is_valid_reason(geometry[broken]), object)
    remedy = "repair it, with make_valid for example"
    defects += _by_area(labels[broken], "a valid polygon", reasons, remedy)
    if defects:
        raise HazardError(defects)
    return geometry


def _by_area(labels: pd.Index[Any], expected: str, got: NDArray[Any], remedy: str) -> list[Defect]:
    defects = [
        Defect("", f"area {label}", expected, str(what)[:120], remedy)
        for label, what in zip(labels[:_LISTED], got, strict=False)
    ]
    if len(labels) > _LISTED:
        more = f"{len(labels) - _LISTED} more of the same"
        defects.append(Defect("", f"from area {labels[_LISTED]}", expected, more, remedy))
    return defects


def _taken_to(layer: HazardLayer, areas: Shapes, labels: pd.Index[Any], crs: CRS) -> Shapes:
    """Give the areas in the CRS of the layer; a point where one has no place there."""
    if layer.crs.equals(crs, ignore_axis_order=True):
        return areas
    into = Transformer.from_crs(crs, layer.crs, always_xy=True)

    def moved(xy: Floats) -> Floats:
        return np.column_stack(into.transform(*xy.T))

    there = shapely.transform(shapely.segmentize(areas, _STRAIGHT_M), moved)
    xy, owner = shapely.get_coordinates(there, return_index=True)
    if layer.crs.is_geographic:
        same = owner[1:] == owner[:-1]
        # Parts of one area may lie on either side; it is refused all the same.
        around = np.unique(owner[1:][same & (np.abs(np.diff(xy[:, 0])) > 180)])
        if len(around):
            expected, remedy = "an area on one side of the 180th meridian", "cut it there, and name each part"
            got = np.full(len(around), "one that crosses it")
            raise HazardError(_by_area(labels[around], expected, got, remedy))
    # What has no place in the layer's CRS, such as a pole, is outside of the layer.
    lost = np.unique(owner[~np.isfinite(xy).all(axis=1)])
    there[lost] = shapely.box(*(np.array(layer.bounds)[[0, 1, 0, 1]] - [2, 2, 1, 1]))
    # Edges a hair from each other may cross once they are bent.
    crossed = ~shapely.is_missing(there) & ~shapely.is_valid(there)
    there[crossed] = shapely.buffer(shapely.make_valid(there[crossed]), 0)
    return there


# --- rasters ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Edges:
    """Edges of areas in cells, (column, row).

    Attributes
    ----------
    area
        (e,) position of the area.
    start, end
        (e, 2) where it begins and ends.
    sign
        (e,) 1 or -1: rows passed, down counting as positive, times this is how often what is to the right is covered.
    """

    area: Ints
    start: Floats
    end: Floats
    sign: Floats

    def take(self, which: NDArray[Any]) -> _Edges:
        return _Edges(self.area[which], self.start[which], self.end[which], self.sign[which])


@dataclass(frozen=True, eq=False)
class _Spans:
    """Cells beside each other of which an area covers the same part.

    Attributes
    ----------
    area, row, first, stop
        (s,) position of the area, row, first column, and the column after the last.
    share
        (s,) part of each cell, above 0 and at most 1.
    """

    area: Ints
    row: Ints
    first: Ints
    stop: Ints
    share: Floats

    def take(self, which: NDArray[Any]) -> _Spans:
        return _Spans(*(one[which] for one in (self.area, self.row, self.first, self.stop, self.share)))

    def with_(self, others: _Spans) -> _Spans:
        """Give these, and then others."""
        pairs = (
            (self.area, others.area),
            (self.row, others.row),
            (self.first, others.first),
            (self.stop, others.stop),
        )
        area, row, first, stop = (np.concatenate(pair) for pair in pairs)
        return _Spans(area, row, first, stop, np.concatenate([self.share, others.share]))

    def cells(self) -> tuple[Ints, Ints, Ints]:
        """Position of the span, row and column of each cell."""
        many = self.stop - self.first
        span = np.repeat(np.arange(len(many)), many)
        nth = np.arange(len(span)) - np.repeat(np.cumsum(many) - many, many)
        return span, self.row[span], self.first[span] + nth


def _on_raster(layer: HazardLayer, areas: Shapes, above: float, sums: _Sums) -> None:
    assert layer.transform is not None
    assert layer.shape is not None
    edges, size = _edges_of(areas, layer.transform)
    with open_cells(layer) as cells:
        turn = _turn(cells, above)
        for some in _chunks(edges, layer.shape):
            chosen = np.unique(some.area)
            spans = _covered(areas, some, layer, size)
            covered = np.zeros(len(areas))
            np.add.at(covered, spans.area, (spans.stop - spans.first) * spans.share)
            sums.outside[chosen] = np.maximum(size - covered, 0.0)[chosen]
            for part in _by_tile(spans, layer.shape):
                _add_cells(cells, part, turn, sums)
    sums.outside[_within(edges, layer.shape, len(areas))] = 0.0


def _edges_of(areas: Shapes, transform: Affine) -> tuple[_Edges, Floats]:
    """Give the edges of areas, but for those along rows, and how many cells each area covers."""
    parts, area_of = shapely.get_parts(areas, return_index=True)
    rings, part_of = shapely.get_rings(parts, return_index=True)
    xy, ring_of = shapely.get_coordinates(rings, return_index=True)
    place = on_edges(xy, np.array([transform.c, transform.f]), np.array([transform.a, transform.e]))
    inner = ring_of[1:] == ring_of[:-1]
    ring, start, end = ring_of[1:][inner], place[:-1][inner], place[1:][inner]
    # Twice the area of each ring, from its first vertex, so that no digits are lost far from the corner.
    first = place[np.searchsorted(ring_of, np.arange(len(rings)))][ring]
    a, b = start - first, end - first
    twice = np.bincount(ring, a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0], minlength=len(rings))
    hole = np.concatenate([np.zeros(min(len(rings), 1), bool), part_of[1:] == part_of[:-1]])
    sign = np.where(hole, 1.0, -1.0) * np.sign(twice)
    owner = area_of[part_of]
    size = np.bincount(owner, np.where(hole, -0.5, 0.5) * np.abs(twice), minlength=len(areas))
    edges = _Edges(owner[ring].astype(np.int64), start, end, sign[ring])
    return edges.take(start[:, 1] != end[:, 1]), size.astype(np.float64)


def _within(edges: _Edges, shape: tuple[int, int], count: int) -> Bools:
    """Whether each area lies within the raster as a whole."""
    limit = np.array(shape[::-1])
    out = (np.minimum(edges.start, edges.end) < 0) | (np.maximum(edges.start, edges.end) > limit)
    result = np.ones(count, bool)
    result[edges.area[out.any(axis=1)]] = False
    return result


def _chunks(edges: _Edges, shape: tuple[int, int]) -> Iterator[_Edges]:
    """Give the edges of some areas after others, about `_CHUNK` cells long together; neighbours go together."""
    if not len(edges.area):
        return
    limit = np.array(shape[::-1])
    way = np.abs(np.clip(edges.end, 0, limit) - np.clip(edges.start, 0, limit)).sum(axis=1) + 1
    areas, first = np.unique(edges.area, return_index=True)
    corner = np.floor(np.clip(edges.start[first], -1, limit) / _TILE)
    # The edges of one area follow each other, and so they do where areas are sorted.
    place = np.empty(len(areas), np.int64)
    place[np.lexsort((corner[:, 0], corner[:, 1]))] = np.arange(len(areas))
    place_of = place[np.searchsorted(areas, edges.area)]
    length = np.bincount(place_of, way)
    chunk = ((np.cumsum(length) - length) // _CHUNK).astype(np.int64)[place_of]
    order = np.argsort(chunk, kind="stable")
    for part in np.split(order, np.flatnonzero(np.diff(chunk[order])) + 1):
        yield edges.take(part)


def _covered(areas: Shapes, edges: _Edges, layer: HazardLayer, size: Floats) -> _Spans:
    """Find which part of which cells each area covers; `size` is how many cells it covers in all."""
    assert layer.transform is not None
    assert layer.shape is not None
    spans, hair = _spans(edges, layer.shape)
    thin = size <= _THIN * np.bincount(spans.area, minlength=len(areas))
    single = thin[spans.area]
    worth = (np.abs(spans.share) > _NOTHING) | (spans.stop - spans.first == 1)
    cut = _cut_out(areas, spans.take(single & worth), layer.transform)
    spans = spans.take(~single)
    whole = np.rint(spans.share)
    share = np.where(np.abs(spans.share - whole) <= hair, whole, np.minimum(spans.share, 1.0))
    return replace(spans, share=share).take(share > 0).with_(cut)


def _spans(edges: _Edges, shape: tuple[int, int]) -> tuple[_Spans, float]:
    """Sum edges up along the rows; also how much of a cell is rounding."""
    rows, columns = shape
    low, high = (by(edges.start[:, 1], edges.end[:, 1]) for by in (np.minimum, np.maximum))
    edges = edges.take((low < rows) & (high > 0))
    if not len(edges.area):
        empty = np.empty(0, np.int64)
        return _Spans(empty, empty, empty, empty, np.empty(0)), 0.0
    way = edges.end - edges.start
    pieces = pieces_on_cells(edges.start, edges.end, shape)
    on = np.flatnonzero((pieces.row >= 0) & (pieces.row < rows))
    edge, t0, t1 = pieces.segment[on], pieces.t0[on], pieces.t1[on]
    # To the left of the raster an edge counts for all of the row, to the right for none of it.
    column = np.clip(pieces.col[on], 0, columns - 1)
    middle = edges.start[edge, 0] + 0.5 * (t0 + t1) * way[edge, 0]
    deep = (t1 - t0) * way[edge, 1] * edges.sign[edge]
    key = (edges.area[edge] * rows + pieces.row[on]) * columns + column
    order = np.argsort(key, kind="stable")
    key, deep, right = key[order], deep[order], np.clip(column + 1 - middle, 0.0, 1.0)[order]
    begin = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    here, beyond = np.add.reduceat(deep * right, begin), np.cumsum(np.add.reduceat(deep, begin))
    line, column = np.divmod(key[begin], columns)
    # What is covered after one cell is so until the next that an edge passes; at the end of a row nothing is.
    goes_on = np.concatenate([line[1:] == line[:-1], [False]])
    before = np.concatenate([[0.0], np.where(goes_on, beyond, 0.0)[:-1]])
    after = np.where(goes_on, np.roll(column, -1), column + 1)
    area, row = np.divmod(line, rows)
    spans = _Spans(
        np.repeat(area, 2),
        np.repeat(row, 2),
        np.column_stack([column, column + 1]).ravel(),
        np.column_stack([column + 1, after]).ravel(),
        np.column_stack([before + here, beyond]).ravel(),
    )
    # A long edge is cut to within a share of its length.
    hair = max(_HAIR, 4e-12 * float(np.abs(way).max()))
    return spans.take(spans.stop > spans.first), hair


def _cut_out(areas: Shapes, spans: _Spans, transform: Affine) -> _Spans:
    """Measure what areas cover by cutting it out of each cell."""
    span, row, column = spans.cells()
    area = spans.area[span]
    x0, y0 = transform.c + transform.a * column, transform.f + transform.e * row
    x1, y1 = transform.c + transform.a * (column + 1), transform.f + transform.e * (row + 1)
    boxes = shapely.box(np.minimum(x0, x1), np.minimum(y0, y1), np.maximum(x0, x1), np.maximum(y0, y1))
    share = shapely.area(shapely.intersection(areas[area], boxes)) / abs(transform.a * transform.e)
    return _Spans(area, row, column, column + 1, share).take(share > 0)


def _by_tile(spans: _Spans, shape: tuple[int, int]) -> Iterator[_Spans]:
    """Cut spans at the edges of tiles, and give those of one tile after the other."""
    if not len(spans.area):
        return
    across = -(-shape[1] // _TILE)
    left, right = spans.first // _TILE, (spans.stop - 1) // _TILE
    many = right - left + 1
    cut = spans.take(np.repeat(np.arange(len(many)), many))
    column = np.repeat(left, many) + np.arange(len(cut.area)) - np.repeat(np.cumsum(many) - many, many)
    cut = replace(
        cut,
        first=np.maximum(cut.first, column * _TILE),
        stop=np.minimum(cut.stop, (column + 1) * _TILE),
    )
    tile = cut.row // _TILE * across + column
    order = np.argsort(tile, kind="stable")
    for part in np.split(order, np.flatnonzero(np.diff(tile[order])) + 1):
        yield cut.take(part)


def _turn(cells: RasterCells, above: float) -> Turn:
    """Give what turns cells as they are in the file into values and codes: an array of `_CELL`."""
    layer = cells.layer
    severity_of = coder(cells) if _is_placed(layer) else None

    def turn(stored: NDArray[Any], mask: Bools | None) -> NDArray[Any]:
        value = cells.canonical(stored, mask)
        empty = np.isnan(value)
        if layer.nodata_means == "none":
            value[empty] = 0.0
        severity = np.array(-1) if severity_of is None else severity_of(stored, mask)
        found = np.empty(stored.shape, _CELL)
        found["code"] = _codes(layer, value, ~empty, severity, above)
        found["value"] = np.nan if layer.quantity == "class" else value
        return found

    return turn


def _add_cells(cells: RasterCells, spans: _Spans, turn: Turn, sums: _Sums) -> None:
    """Read the part of a tile that spans need, and add it up."""
    top, left = int(spans.row.min()), int(spans.first.min())
    height, width = int(spans.row.max()) + 1 - top, int(spans.stop.max()) - left
    many = spans.stop - spans.first
    if many.sum() * _SPARSE < height * width:
        # Few cells far apart, such as those of houses: the others need not be turned.
        _, row, column = spans.cells()
        found, begin = cells.at(row, column, turn), np.cumsum(many) - many
    else:
        found = cells.at_crossings(np.arange(top, top + height), np.arange(left, left + width), turn)
        found, begin = found.ravel(), (spans.row - top) * width + spans.first - left
    _add_up(
        (spans.area, begin, many, spans.share),
        (found["value"], found["code"]),
        (sums.weight, sums.total, sums.worst),
    )


def _compiled(function: Compiled) -> Compiled:
    return cast("Compiled", numba.njit(nogil=True, cache=True)(function))


@_compiled
def _add_up(
    spans: tuple[Ints, Ints, Ints, Floats],
    cells: tuple[Floats, NDArray[np.uint8]],
    sums: tuple[Floats, Floats, Floats],
) -> None:
    """Add what each span covers of its cells to the sums of its area."""
    area, begin, many, share = spans
    value, code = cells
    weight, total, worst = sums
    for span in range(len(area)):
        of, part = area[span], share[span]
        amount, highest = 0.0, -np.inf
        for cell in range(begin[span], begin[span] + many[span]):
            weight[of, code[cell]] += part
            one = value[cell]
            if not np.isnan(one):
                amount += one
                highest = max(highest, one)
        total[of] += amount * part
        worst[of] = max(worst[of], highest)


# --- polygons -----------------------------------------------------------------------------------------------


def _on_vector(layer: HazardLayer, areas: Shapes, above: float, sums: _Sums) -> None:
    bounds = shapely.box(*layer.bounds)
    size, covered = _area(areas), shapely.covers(bounds, areas)
    inside = np.where(covered, size, _shared(areas, np.full(len(areas), bounds)))
    sums.outside[:] = np.maximum(size - inside, 0.0)
    frame = _worst_first(layer, areas)
    severity = np.full(len(frame), -1)
    if _is_placed(layer):
        found = severities(layer, frame.assign(state="ok"))
        severity = found["severity"].to_numpy(np.int64, na_value=-1)
    value = frame["value"].to_numpy(np.float64)
    code = _codes(layer, value, frame["class_code"].notna().to_numpy(bool), severity, above)
    small, area_of = _halved(areas)
    shapes, polygon_of = _apart(frame.geometry.to_numpy(), small)
    shape, part = shapely.STRtree(small).query(shapes, predicate="intersects")
    amount = _shared(small[part], shapes[shape])
    some = amount > 0
    area, polygon, amount = area_of[part[some]], polygon_of[shape[some]], amount[some]
    np.add.at(sums.weight, (area, code[polygon]), amount)
    if layer.quantity != "class":
        np.add.at(sums.total, area, value[polygon] * amount)
        np.maximum.at(sums.worst, area, value[polygon])
    _add_rest(layer, inside - sums.weight.sum(axis=1), inside, above, sums)


def _add_rest(layer: HazardLayer, rest: Floats, inside: Floats, above: float, sums: _Sums) -> None:
    """Add what lies in no polygon."""
    rest = np.where(rest > _HAIR * inside, rest, 0.0)
    nothing = 0.0 if layer.nodata_means == "none" else np.nan
    severity = np.array([0 if layer.nodata_means == "none" and _is_placed(layer) else -1])
    code = _codes(layer, np.array([nothing]), np.zeros(1, bool), severity, above)[0]
    sums.weight[:, code] += rest
    if layer.nodata_means == "none":
        sums.worst[rest > 0] = np.maximum(sums.worst[rest > 0], 0.0)


def _worst_first(layer: HazardLayer, areas: Shapes) -> gpd.GeoDataFrame:
    """Read the polygons that say anything around the areas, in the order in which they count."""
    reach = shapely.total_bounds(areas)
    frame = polygons(layer, tuple(reach) if np.isfinite(reach).all() else layer.bounds, layer.crs)
    frame = frame[frame["value"].notna() | frame["class_code"].notna()]
    return frame.iloc[np.argsort(-ranks(layer, frame), kind="stable")].reset_index(drop=True)


def _apart(shapes: Shapes, areas: Shapes) -> tuple[Shapes, Ints]:
    """Give polygons, in small pieces and only those that areas meet, each without what lies in one before it.

    Also the position of the polygon that each is of.
    """
    shapes, of = _halved(shapes)
    met = np.unique(shapely.STRtree(shapes).query(areas, predicate="intersects")[1])
    shapes, of = shapes[met], of[met]
    one, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    later = of[other] < of[one]
    one, other = one[later], other[later]
    overlap = shapely.relate_pattern(shapes[one], shapes[other], "T********")
    one, other = one[overlap], other[overlap]
    if not len(one):
        return shapes, of
    order = np.argsort(one, kind="stable")
    cut, group = np.unique(one[order], return_inverse=True)
    before = np.asarray(shapely.multipolygons(shapes[other[order]], indices=group), object)
    shapes[cut] = shapely.difference(shapes[cut], shapely.union_all(before[:, None], axis=1))
    return shapes, of


def _halved(shapes: Shapes) -> tuple[Shapes, Ints]:
    """Halve polygons, across their longer side, until they are small; also the position of each one's polygon."""
    shapes, of = shapely.get_parts(shapes, return_index=True)
    small: list[tuple[Shapes, Ints]] = []
    for _ in range(_HALVINGS):
        fine = shapely.get_num_coordinates(shapes) <= _VERTICES
        small.append((shapes[fine], of[fine]))
        shapes, of = shapes[~fine], of[~fine]
        if not len(shapes):
            break
        low, high = np.split(shapely.bounds(shapes), 2, axis=1)
        upright = ((high - low)[:, 1] > (high - low)[:, 0])[:, None] == np.array([False, True])
        middle = np.where(upright, (low + high) / 2, high), np.where(upright, (low + high) / 2, low)
        halves = np.concatenate([shapely.box(*low.T, *middle[0].T), shapely.box(*middle[1].T, *high.T)])
        shapes, half = shapely.get_parts(shapely.intersection(np.tile(shapes, 2), halves), return_index=True)
        of = np.tile(of, 2)[half]
        areal = (shapely.get_type_id(shapes) == 3) & ~shapely.is_empty(shapes)
        shapes, of = shapes[areal], of[areal]
    small.append((shapes, of))
    return np.concatenate([one for one, _ in small]), np.concatenate([one for _, one in small])


def _area(shapes: Shapes) -> Floats:
    area = shapely.area(shapes)
    return np.where(np.isnan(area), 0.0, area)


def _shared(areas: Shapes, others: Shapes) -> Floats:
    """(n,) area that each shares with another; 0 where that is but rounding of coordinates."""
    shapely.prepare(others)
    whole = shapely.contains_properly(others, areas)
    result = np.where(whole, _area(areas), 0.0)
    common = shapely.intersection(areas[~whole], others[~whole])
    bounds = shapely.bounds(common)
    far = np.where(np.isnan(bounds), 0.0, np.abs(bounds)).max(axis=1, initial=0.0)
    length = np.where(shapely.is_missing(common), 0.0, shapely.length(common))
    found = _area(common)
    result[~whole] = np.where(found > 4 * np.finfo(np.float64).eps * far * length, found, 0.0)
    return result
