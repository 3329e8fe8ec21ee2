"""Hazard layers on a grid, block by block: each cell has what `sample` and `severities` say at its centre.

Nothing is looked up cell by cell where fewer look-ups are known to give the same: a cell of a raster is placed on
the common scale once for all centres within it; a layer of polygons is asked once for each part of a block that no
edge of theirs enters; coordinates between two CRSs are interpolated, and worked out for those centres where that
could make a difference.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from scipy import ndimage

from mutualaid.errors import Defect, HazardError
from mutualaid.hazards._crosswalk import positions_in, severities
from mutualaid.hazards._model import HazardLayer
from mutualaid.hazards._providers import OUTSIDE, UNKNOWN
from mutualaid.hazards._rasters import RasterCells, open_cells
from mutualaid.hazards._sample import area_at, ranks
from mutualaid.hazards._schemes import scheme
from mutualaid.hazards._steps import coder
from mutualaid.hazards._vectors import polygons

__all__ = ["Areas", "Block", "Grid", "Places", "grid_over", "on_grid"]

#: Cells between two centres whose coordinates in another CRS are worked out; between them they are interpolated.
_STEP = 16
#: Of a block so many times as wide as high, or the whole width: rows of a file's tiles are read once or twice.
_WIDE = 16
#: Longest way along an edge between two points whose cells are noted, in cells. An edge that parts two neighbouring
#: centres passes between them at least half a cell inside the two cells. So a point that is noted lies in one of
#: them, and at least a quarter of a cell within both together, which is room for the bend of a projected edge.
_WAY = 0.5
#: Points along edges worked on at a time.
_POINTS = 1_000_000


@dataclass(frozen=True, eq=False)
class Grid:
    """Square cells, north up.

    Attributes
    ----------
    transform
        (column, row) to coordinates.
    shape
        (rows, columns).
    crs
        Projected CRS with axes in metres.
    """

    transform: Affine
    shape: tuple[int, int]
    crs: CRS

    def blocks(self, cells: int) -> Iterator[Block]:
        """Cut the grid into blocks of about so many cells at most, row by row."""
        rows, columns = self.shape
        wide = max(1, min(columns, math.isqrt(cells * _WIDE)))
        high = max(1, cells // wide)
        for top in range(0, rows, high):
            for left in range(0, columns, wide):
                yield Block(self, slice(top, min(top + high, rows)), slice(left, min(left + wide, columns)))


@dataclass(frozen=True, eq=False)
class Block:
    """Some rows and columns of a grid; `x` (columns,) and `y` (rows,) are those of the centres."""

    grid: Grid
    rows: slice
    columns: slice
    x: NDArray[np.float64] = field(init=False)
    y: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        a, _, c, _, e, f = self.grid.transform[:6]
        object.__setattr__(self, "x", c + a * (np.arange(self.columns.start, self.columns.stop) + 0.5))
        object.__setattr__(self, "y", f + e * (np.arange(self.rows.start, self.rows.stop) + 0.5))

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return len(self.y), len(self.x)

    @property
    def window(self) -> tuple[slice, slice]:
        """Where the block is in an array of the whole grid."""
        return self.rows, self.columns


def grid_over(bounds: tuple[float, float, float, float], crs: CRS | str, cell_m: float) -> Grid:
    """Lay a grid over bounds, from the upper left corner; the last row and column may reach beyond.

    Raises
    ------
    HazardError
        No projected CRS in metres, empty bounds or no width.
    """
    target = CRS.from_user_input(crs)
    defects = []
    if not target.is_projected or {axis.unit_name for axis in target.axis_info[:2]} != {"metre"}:
        remedy = "use the region's UTM zone"
        defects.append(Defect("", "crs", "a projected CRS in metres", target.to_string(), remedy))
    left, bottom, right, top = bounds
    if not (left < right and bottom < top and all(map(math.isfinite, bounds))):
        remedy = "give left, bottom, right and top"
        defects.append(Defect("", "bounds", "left < right and bottom < top", str(bounds), remedy))
    if not (cell_m > 0 and math.isfinite(cell_m)):
        defects.append(Defect("", "cell_m", "a width above 0", f"{cell_m:g}", "state it in metres"))
    if defects:
        raise HazardError(defects)
    # A hair less, so that 0.1 + 0.2 is not a column more.
    columns, rows = (math.ceil(side / cell_m - 1e-9) for side in (right - left, top - bottom))
    return Grid(Affine(cell_m, 0.0, left, 0.0, -cell_m, top), (rows, columns), target)


class OnGrid(Protocol):
    """A layer that can be asked for a block."""

    def codes(self, block: Block) -> NDArray[np.int8]:
        """Severity of each cell, `UNKNOWN` or `OUTSIDE`: (rows, columns)."""


class _Measured(Protocol):
    """A layer that can also be asked for its values."""

    def values(self, block: Block) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Value of each cell, NaN where there is none, and whether it is inside the layer's bounds."""


def on_grid(
    layer: HazardLayer,
    velocity: Mapping[str, HazardLayer],
    places: Places,
    stack: ExitStack,
) -> OnGrid:
    """Open a layer to ask it block by block; `velocity` as from `unique_layers`.

    The file stays open as long as `stack`.
    """
    if layer.id not in velocity:
        return _opened(layer, places, stack, coded=True)
    depth, speed = (_opened(one, places, stack, coded=False) for one in (layer, velocity[layer.id]))
    return _Joint(layer, depth, speed)


def _opened(layer: HazardLayer, places: Places, stack: ExitStack, *, coded: bool) -> _Raster | _Vector:
    if layer.kind == "raster":
        return _Raster(stack.enter_context(open_cells(layer)), places, coded=coded)
    return _Vector(layer, places, coded=coded)


@dataclass(frozen=True, eq=False)
class _Near:
    """Coordinates of a block's centres in another CRS, each right within `error_x` and `error_y`."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    error_x: float
    error_y: float

    def bounds(self) -> tuple[float, float, float, float] | None:
        """Give bounds that hold all centres; None if some have no coordinates there."""
        left, right = float(self.x.min()) - self.error_x, float(self.x.max()) + self.error_x
        bottom, top = float(self.y.min()) - self.error_y, float(self.y.max()) + self.error_y
        found = (left, bottom, right, top)
        return found if all(map(math.isfinite, found)) else None


class Places:
    """Coordinates of a grid's centres in the CRSs of layers."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self._known: list[_Elsewhere] = []

    def there(self, crs: CRS) -> _Elsewhere:
        """Find the way from the grid to another CRS; files spell one CRS in several ways."""
        for known in self._known:
            if known.crs is crs or known.crs.equals(crs, ignore_axis_order=True):
                return known
        self._known.append(_Elsewhere(self.grid, crs))
        return self._known[-1]


class _Elsewhere:
    """Coordinates of a grid's centres in one CRS.

    What was worked out for a block is kept until the next, as layers of one CRS ask for the same.
    """

    def __init__(self, grid: Grid, crs: CRS) -> None:
        self.crs = crs
        self.same = bool(crs.equals(grid.crs, ignore_axis_order=True))
        # As `sample` goes.
        self.into = Transformer.from_crs(grid.crs, crs, always_xy=True)
        self._kept: tuple[Block, _Near] | None = None

    def exact(
        self, block: Block, cells: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Coordinates of single centres, by their position in the block, row by row."""
        row, column = np.divmod(cells, len(block.x))
        x, y = block.x[column], block.y[row]
        if self.same:
            return x, y
        there_x, there_y = self.into.transform(x, y)
        return np.asarray(there_x, np.float64), np.asarray(there_y, np.float64)

    def near(self, block: Block) -> _Near:
        """Coordinates of all centres: interpolated, and by how much that can be wrong."""
        if self._kept is None or self._kept[0] is not block:
            self._kept = block, _interpolated(block, self.into)
        return self._kept[1]


def _interpolated(block: Block, into: Transformer) -> _Near:
    """Work out the coordinates of some centres and interpolate the others.

    Every other one of them, interpolated between the rest, shows by how much that is wrong. Interpolated between
    all of them it is four times better, so that this error is one on the safe side.
    """
    (rows, columns), x, y = block.shape, block.x, block.y
    if min(rows, columns) > 2:
        # Centres are evenly spaced, and so are the nodes, some of them between two centres.
        nodes = np.meshgrid(
            np.linspace(x[0], x[-1], _gaps(columns) + 1), np.linspace(y[0], y[-1], _gaps(rows) + 1)
        )
        there = into.transform(nodes[0].ravel(), nodes[1].ravel())
        found = [np.asarray(one).reshape(nodes[0].shape) for one in there]
        if all(np.isfinite(one).all() for one in found):
            errors = [_coarser_error(one) + 1e-12 * float(np.abs(one).max()) for one in found]
            near_x, near_y = (_stretched(_stretched(one.T, columns).T, rows) for one in found)
            return _Near(near_x, near_y, *errors)
    all_x, all_y = into.transform(np.tile(x, rows), np.repeat(y, columns))
    return _Near(np.asarray(all_x).reshape(block.shape), np.asarray(all_y).reshape(block.shape), 0.0, 0.0)


def _gaps(count: int) -> int:
    """Gaps between the nodes along so many centres: an even number."""
    return 2 * math.ceil((count - 1) / (2 * _STEP))


def _stretched(nodes: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Interpolate between evenly spaced rows: from (nodes, n) to (count, n)."""
    gaps = len(nodes) - 1
    position = np.arange(count) * (gaps / (count - 1))
    below = np.minimum(position.astype(np.int64), gaps - 1)
    result: NDArray[np.float64] = np.diff(nodes, axis=0)[below]
    result *= (position - below)[:, None]
    result += nodes[below]
    return result


def _coarser_error(nodes: NDArray[np.float64]) -> float:
    guess = nodes.copy()
    guess[::2, 1::2] = 0.5 * (guess[::2, :-1:2] + guess[::2, 2::2])
    guess[1::2] = 0.5 * (guess[:-1:2] + guess[2::2])
    return float(np.abs(guess - nodes).max())


class _Raster:
    """A raster layer on a grid."""

    def __init__(self, cells: RasterCells, places: Places, *, coded: bool) -> None:
        layer = cells.layer
        assert layer.transform is not None
        assert layer.shape is not None
        self.cells, self.there = cells, places.there(layer.crs)
        self.turn = coder(cells) if coded else None
        inverse = ~layer.transform
        self.across = _Axis(inverse.a, inverse.c, layer.shape[1])
        self.down = _Axis(inverse.e, inverse.f, layer.shape[0])

    def codes(self, block: Block) -> NDArray[np.int8]:
        result, _ = self._read(block, self.turn, np.int8(OUTSIDE))
        return result

    def values(self, block: Block) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        return self._read(block, self.cells.canonical, np.float64(np.nan))

    def _read(self, block: Block, turn: Any, outside: Any) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        result = np.full(block.shape, outside)
        if self.there.same:
            row, column = self.down.of(block.y), self.across.of(block.x)
            inside_y, inside_x = row >= 0, column >= 0
            if inside_y.any() and inside_x.any():
                # Rows and columns follow each other, so those inside are one piece.
                window = _piece(inside_y), _piece(inside_x)
                result[window] = self.cells.at_crossings(row[inside_y], column[inside_x], turn)
            return result, inside_y[:, None] & inside_x
        around = self.there.near(block).bounds()
        if around is not None and not _meet(around, self.cells.layer.bounds):
            return result, np.zeros(block.shape, dtype=bool)
        row, column = self._indices(block)
        inside = np.minimum(row, column) >= 0
        if inside.all():
            return self.cells.at(row.ravel(), column.ravel(), turn).reshape(block.shape), inside
        if inside.any():
            result[inside] = self.cells.at(row[inside], column[inside], turn)
        return result, inside

    def _indices(self, block: Block) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Row and column of the raster at each centre; -1 outside."""
        near = self.there.near(block)
        (row, doubtful), (column, doubtful_x) = (
            self.down.near(near.y, near.error_y),
            self.across.near(near.x, near.error_x),
        )
        cells = np.flatnonzero(np.logical_or(doubtful, doubtful_x, out=doubtful))
        x, y = self.there.exact(block, cells)
        row.ravel()[cells], column.ravel()[cells] = self.down.of(y), self.across.of(x)
        return row, column


@dataclass(frozen=True)
class _Axis:
    """Rows or columns of a raster: number = whole part of factor × coordinate + shift, below count."""

    factor: float
    shift: float
    count: int

    def of(self, place: NDArray[np.float64]) -> NDArray[np.int64]:
        """Find the row or column at each coordinate; -1 outside, and without a coordinate."""
        position = np.floor(self.factor * place + self.shift)
        return np.where((position >= 0) & (position < self.count), position, -1.0).astype(np.int64)

    def near(self, place: NDArray[np.float64], error: float) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Find them at coordinates that may be wrong, and whether that could make a difference."""
        if error == 0.0:
            return self.of(place), np.zeros(place.shape, dtype=bool)
        position = place * self.factor
        position += self.shift
        number = np.floor(position)
        position -= number
        position -= 0.5
        doubtful = np.abs(position, out=position) >= 0.5 - abs(self.factor) * error
        found = number.astype(np.int64)
        if float(number.min()) < 0 or float(number.max()) >= self.count:
            found[(number < 0) | (number >= self.count)] = -1
        return found, doubtful


def _piece(mask: NDArray[np.bool_]) -> slice:
    where = np.flatnonzero(mask)
    return slice(int(where[0]), int(where[-1]) + 1)


def _meet(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


class Areas:
    """Polygons on a grid: at each centre that of the highest rank, of equals the first."""

    def __init__(
        self, geometry: NDArray[np.object_], crs: CRS, rank: NDArray[np.float64], places: Places
    ) -> None:
        shapely.prepare(geometry)
        self.rank, self.grid, self.there = rank, places.grid, places.there(crs)
        self.tree = shapely.STRtree(geometry)
        rings = shapely.get_rings(shapely.get_parts(geometry))
        points, ring = shapely.get_coordinates(rings, return_index=True)
        joined = ring[1:] == ring[:-1]
        self.start, self.end = points[:-1][joined], points[1:][joined]

    def read(self, block: Block, table: NDArray[Any]) -> NDArray[Any]:
        """Give each centre the entry of the polygon that counts there, the last entry where there is none."""
        edged = self._edged(block)
        cells = np.flatnonzero(edged)
        if not len(cells):
            return np.full(block.shape, table[self._at(block, np.zeros(1, np.int64))[0]])
        if len(cells) == edged.size:
            return table[self._at(block, cells)].reshape(block.shape)
        # Centres that hang together without a noted cell between them lie in the same polygons.
        part, count = ndimage.label(~edged)
        one_of = np.zeros(count + 1, np.int64)
        one_of[part.ravel()] = np.arange(edged.size)
        result = table[self._at(block, one_of)][part]
        result.ravel()[cells] = table[self._at(block, cells)]
        return result

    def _at(self, block: Block, cells: NDArray[np.int64]) -> NDArray[np.intp]:
        return area_at(self.tree, self.rank, *self.there.exact(block, cells))

    def _edged(self, block: Block) -> NDArray[np.bool_]:
        """Note cells that edges enter, enough of them to part any two centres that an edge parts."""
        edged = np.zeros(block.shape, dtype=bool)
        box = self._around(block)
        if box is None:
            return ~edged
        low, high = np.minimum(self.start, self.end), np.maximum(self.start, self.end)
        near = ((low <= box[2:]) & (high >= box[:2])).all(axis=1)
        start, end = _cut(self.start[near], self.end[near], np.array(box))
        if not len(start):
            return edged
        first, last = self._in_cells(block, start), self._in_cells(block, end)
        pieces = np.ceil(np.hypot(*(last - first).T) / (0.9 * _WAY))
        if not np.isfinite(pieces).all():
            return ~edged
        pieces = np.maximum(pieces, 1).astype(np.int64)
        for part in np.split(
            np.arange(len(pieces)), np.flatnonzero(np.diff(np.cumsum(pieces + 1) // _POINTS)) + 1
        ):
            if not self._note(block, start[part], end[part], pieces[part], edged):
                return ~np.zeros_like(edged)
        return edged

    def _note(
        self,
        block: Block,
        start: NDArray[np.float64],
        end: NDArray[np.float64],
        pieces: NDArray[np.int64],
        edged: NDArray[np.bool_],
    ) -> bool:
        """Note the cells of points along edges, which are cut into pieces; false if a point has no place."""
        while True:
            edge = np.repeat(np.arange(len(pieces)), pieces + 1)
            number = np.arange(len(edge)) - np.repeat(np.cumsum(pieces + 1) - (pieces + 1), pieces + 1)
            share = (number / pieces[edge])[:, None]
            place = self._in_cells(block, start[edge] * (1.0 - share) + end[edge] * share)
            if not np.isfinite(place).all():
                return False
            way = np.hypot(*np.diff(place, axis=0).T)
            long = np.unique(edge[1:][(way > _WAY) & (edge[1:] == edge[:-1])])
            if not len(long):
                break
            # Where the two CRSs differ in scale along an edge.
            pieces[long] *= 2
        column, row = np.floor(place).T
        within = (column >= 0) & (row >= 0) & (column < edged.shape[1]) & (row < edged.shape[0])
        edged[row[within].astype(np.int64), column[within].astype(np.int64)] = True
        return True

    def _in_cells(self, block: Block, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Column and row in the block of points in the CRS of the polygons: (n, 2)."""
        x, y = points.T
        if not self.there.same:
            x, y = self.there.into.transform(x, y, direction="INVERSE")
        a, _, c, _, e, f = self.grid.transform[:6]
        return np.column_stack(
            [(np.asarray(x) - c) / a - block.columns.start, (np.asarray(y) - f) / e - block.rows.start]
        )

    def _around(self, block: Block) -> tuple[float, float, float, float] | None:
        """Bounds of more than the block, in the CRS of the polygons; None if some of it has no place there."""
        cell = self.grid.transform.a
        left, right = block.x[0] - 1.5 * cell, block.x[-1] + 1.5 * cell
        bottom, top = block.y[-1] - 1.5 * cell, block.y[0] + 1.5 * cell
        if self.there.same:
            return left, bottom, right, top
        share = np.linspace(0.0, 1.0, 1 + math.ceil(max(block.shape) / _STEP))
        x, y = left + share * (right - left), bottom + share * (top - bottom)
        side = np.full(len(share), 1.0)
        outline = (
            np.concatenate([x, x, left * side, right * side]),
            np.concatenate([bottom * side, top * side, y, y]),
        )
        found_x, found_y = map(np.asarray, self.there.into.transform(*outline))
        if not (np.isfinite(found_x).all() and np.isfinite(found_y).all()):
            return None
        # The outline bends between its points; a twentieth is far more than it does.
        spare_x, spare_y = 0.05 * np.ptp(found_x), 0.05 * np.ptp(found_y)
        return (
            float(found_x.min() - spare_x),
            float(found_y.min() - spare_y),
            float(found_x.max() + spare_x),
            float(found_y.max() + spare_y),
        )


def _cut(
    start: NDArray[np.float64], end: NDArray[np.float64], box: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cut edges (n, 2) to (n, 2) at a box; those that miss it are left out."""
    way = end - start
    with np.errstate(divide="ignore", invalid="ignore"):
        one, other = (box[:2] - start) / way, (box[2:] - start) / way
    flat = way == 0.0
    # An edge along one axis is on the box's height throughout, as its own bounds meet those of the box.
    enter = np.where(flat, 0.0, np.minimum(one, other)).max(axis=1, initial=0.0)
    leave = np.where(flat, 1.0, np.maximum(one, other)).min(axis=1, initial=1.0)
    meets = enter <= leave
    start, way = start[meets], way[meets]
    return start + enter[meets, None] * way, start + leave[meets, None] * way


class _Vector:
    """A vector layer on a grid."""

    def __init__(self, layer: HazardLayer, places: Places, *, coded: bool) -> None:
        self.layer, self.there = layer, places.there(layer.crs)
        found = polygons(layer, None, layer.crs)
        self.areas = Areas(found.geometry.to_numpy(), layer.crs, ranks(layer, found), places)
        self.measured = np.append(found["value"].to_numpy(np.float64), np.nan)
        self.coded = _codes_of_areas(layer, found) if coded else None

    def codes(self, block: Block) -> NDArray[np.int8]:
        assert self.coded is not None
        inside = self._inside(block)
        if not inside.any():
            return np.full(block.shape, np.int8(OUTSIDE))
        result: NDArray[np.int8] = self.areas.read(block, self.coded)
        result[~inside] = OUTSIDE
        return result

    def values(self, block: Block) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        return self.areas.read(block, self.measured), self._inside(block)

    def _inside(self, block: Block) -> NDArray[np.bool_]:
        left, bottom, right, top = self.layer.bounds
        if self.there.same:
            x, y = block.x, block.y
            return ((y >= bottom) & (y <= top))[:, None] & ((x >= left) & (x <= right))
        near = self.there.near(block)
        around = near.bounds()
        if around is not None:
            if not _meet(around, self.layer.bounds):
                return np.zeros(block.shape, dtype=bool)
            if left <= around[0] and bottom <= around[1] and around[2] <= right and around[3] <= top:
                return np.ones(block.shape, dtype=bool)
        inside = (near.x >= left) & (near.x <= right) & (near.y >= bottom) & (near.y <= top)
        doubtful = np.abs(near.x - left) <= near.error_x
        doubtful |= np.abs(near.x - right) <= near.error_x
        doubtful |= np.abs(near.y - bottom) <= near.error_y
        doubtful |= np.abs(near.y - top) <= near.error_y
        cells = np.flatnonzero(doubtful)
        x, y = self.there.exact(block, cells)
        inside.ravel()[cells] = (x >= left) & (x <= right) & (y >= bottom) & (y <= top)
        return inside


def _codes_of_areas(layer: HazardLayer, areas: gpd.GeoDataFrame) -> NDArray[np.int8]:
    """Severity of each polygon, and last that of a place inside the layer but in no polygon."""
    none = pd.DataFrame({"value": [np.nan], "class_code": pd.array([pd.NA], dtype="str")})
    sampled = pd.concat([areas[["value", "class_code"]], none], ignore_index=True)
    known = sampled["value"].notna() | sampled["class_code"].notna()
    sampled["state"] = pd.array(np.where(known, "ok", "nodata"), dtype="str")
    return severities(layer, sampled)["severity"].to_numpy(dtype=np.int8, na_value=UNKNOWN)


class _Joint:
    """A depth whose severity depends on the velocity too."""

    def __init__(self, layer: HazardLayer, depth: _Measured, velocity: _Measured) -> None:
        self.depth, self.velocity = depth, velocity
        self.scheme = scheme(layer.scheme)
        self.severity = self.scheme.classes["severity"].to_numpy(dtype=np.int8, na_value=UNKNOWN)
        self.nothing = 0 if layer.nodata_means == "none" else UNKNOWN

    def codes(self, block: Block) -> NDArray[np.int8]:
        depth, inside = self.depth.values(block)
        result = np.where(inside, np.int8(self.nothing), np.int8(OUTSIDE))
        known = inside & ~np.isnan(depth)
        if known.any():
            speed = self.velocity.values(block)[0][known]
            position = positions_in(pd.Series(depth[known]), self.scheme, speed)
            result[known] = np.where(position >= 0, self.severity[position], UNKNOWN)
        return result
