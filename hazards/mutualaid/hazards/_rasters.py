"""Values of raster layers: opened by their metadata, read in windows, never as a whole where a part will do."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from rasterio.enums import MaskFlags
from rasterio.errors import RasterioError
from rasterio.windows import Window

from mutualaid.errors import Defect, HazardError
from mutualaid.hazards._model import HazardLayer
from mutualaid.hazards._shakemap import read_shakemap
from mutualaid.hazards._units import decimal_float64, scaled

__all__ = [
    "RASTER_DRIVERS",
    "RasterCells",
    "Turn",
    "cells_at",
    "check_readable",
    "is_empty",
    "open_cells",
    "open_raster",
    "read_cells",
    "read_window",
    "tiles",
    "values_of",
]

#: Driver by suffix: formats that hold their own values. Others (VRT, WMS) may point at any file or server.
RASTER_DRIVERS = {".tif": "GTiff", ".tiff": "GTiff", ".asc": "AAIGrid", ".img": "HFA", ".nc": "netCDF"}
#: Most cells that are read at once: 4 million are 32 MB of float64.
_TILE = 2048
_CACHE_MB = 64


@contextmanager
def open_raster(path: Path) -> Iterator[Any]:
    """Open a raster of a known format.

    Raises
    ------
    HazardError
        If it is none.
    """
    driver = RASTER_DRIVERS[path.suffix.lower()]
    try:
        with rasterio.Env(GDAL_CACHEMAX=_CACHE_MB), rasterio.open(path, driver=driver) as dataset:
            yield dataset
    except RasterioError as error:
        expected = "a raster (GeoTIFF, netCDF, ASCII grid or Erdas Imagine) that opens"
        remedy = "check the path, or export it again as GeoTIFF"
        got = str(error).split("\n")[0].replace(str(path), path.name)[:200]
        raise HazardError([Defect(path.name, "", expected, got, remedy)]) from None


def tiles(shape: tuple[int, int]) -> Iterator[tuple[slice, slice]]:
    """Cut a raster into tiles that can be read one at a time, row by row."""
    for top in range(0, shape[0], _TILE):
        for left in range(0, shape[1], _TILE):
            yield (
                slice(top, min(top + _TILE, shape[0])),
                slice(left, min(left + _TILE, shape[1])),
            )


def read_cells(layer: HazardLayer, rows: slice, columns: slice, dataset: Any = None) -> NDArray[np.float64]:
    """Read a part of a raster in the canonical unit, NaN where it has no data.

    `dataset` is the file if it is open already.
    """
    if dataset is None and layer.column is None:
        with open_raster(layer.file) as opened:
            return read_cells(layer, rows, columns, opened)
    return _canonical(layer, dataset, *_stored(layer, dataset, rows, columns))


def _stored(
    layer: HazardLayer, dataset: Any, rows: slice, columns: slice
) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Cells as they are in the file, and its mask, true where there is data, if it brings one."""
    if layer.column is not None:
        return read_shakemap(layer.file).values[layer.column][rows, columns], None
    window = Window.from_slices(rows, columns)
    mask = dataset.read_masks(layer.band, window=window) > 0 if _has_mask(dataset, layer.band) else None
    return dataset.read(layer.band, window=window), mask


def _canonical(
    layer: HazardLayer, dataset: Any, stored: NDArray[Any], mask: NDArray[np.bool_] | None
) -> NDArray[np.float64]:
    values = decimal_float64(stored)
    empty = np.isnan(values) if mask is None else np.isnan(values) | ~mask
    if layer.nodata is not None and not math.isnan(layer.nodata):
        # Files round the large negative numbers that they use for nodata.
        empty |= np.abs(values - layer.nodata) <= 1e-6 * abs(layer.nodata)
    if dataset is not None:
        scale, offset = dataset.scales[layer.band - 1], dataset.offsets[layer.band - 1]
        if (scale, offset) != (1.0, 0.0):
            values = scaled(values, scale) + offset
    values = scaled(values, layer.factor)
    values[empty] = np.nan
    return values


def _has_mask(dataset: Any, band: int) -> bool:
    """Whether the file brings a mask of its own, or an alpha band."""
    return bool({MaskFlags.per_dataset, MaskFlags.alpha} & set(dataset.mask_flag_enums[band - 1]))


def is_empty(layer: HazardLayer) -> bool:
    """Whether no cell at all has a value. Stops at the first tile that has one."""
    shape = _shape(layer)
    with _opened(layer) as dataset:
        return all(np.isnan(read_cells(layer, *tile, dataset)).all() for tile in tiles(shape))


def check_readable(layer: HazardLayer, bounds: tuple[float, float, float, float], crs: CRS | str) -> None:
    """Read every block of a raster within bounds once: a file that is torn further down opens all the same.

    Raises
    ------
    HazardError
        A block cannot be read.
    """
    if layer.kind != "raster" or layer.column is not None:
        return
    into = Transformer.from_crs(crs, layer.crs, always_xy=True)
    rows, columns = _slices(layer, into.transform_bounds(*bounds, densify_pts=21))
    with open_raster(layer.file) as dataset:
        for top in range(rows.start, rows.stop, _TILE):
            for left in range(columns.start, columns.stop, _TILE):
                window = slice(top, min(top + _TILE, rows.stop)), slice(left, min(left + _TILE, columns.stop))
                dataset.read(layer.band, window=Window.from_slices(*window))


@contextmanager
def _opened(layer: HazardLayer) -> Iterator[Any]:
    """Open the file of a layer; nothing for a ShakeMap, which is kept in memory."""
    if layer.column is not None:
        yield None
    else:
        with open_raster(layer.file) as dataset:
            yield dataset


def cells_at(layer: HazardLayer, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[Any, Any]:
    """Values of the cells at points in the CRS of the layer, and whether each point is inside the raster.

    A cell holds its left and upper edge, and not its right and lower one. Returns ((n,) float64, (n,) bool).
    """
    inverse, (n_rows, n_columns) = ~_transform(layer), _shape(layer)
    values = np.full(len(x), np.nan)
    fine = np.isfinite(x) & np.isfinite(y)
    column = np.floor(inverse.a * np.where(fine, x, 0.0) + inverse.c)
    row = np.floor(inverse.e * np.where(fine, y, 0.0) + inverse.f)
    inside = fine & (column >= 0) & (row >= 0) & (column < n_columns) & (row < n_rows)
    if not inside.any():
        return values, inside
    where = np.flatnonzero(inside)
    rows, columns = row[inside].astype(np.int64), column[inside].astype(np.int64)
    tile = (rows // _TILE) * (n_columns // _TILE + 1) + columns // _TILE
    order = np.argsort(tile, kind="stable")
    with _opened(layer) as dataset:
        for part in np.split(order, np.flatnonzero(np.diff(tile[order])) + 1):
            values[where[part]] = values_of(layer, rows[part], columns[part], dataset)
    return values, inside


def values_of(
    layer: HazardLayer, rows: NDArray[np.int64], columns: NDArray[np.int64], dataset: Any = None
) -> NDArray[np.float64]:
    """Values of single cells, at least one, in the canonical unit; reads the window around them at once.

    `dataset` is the file if it is open already.
    """
    if dataset is None and layer.column is None:
        with open_raster(layer.file) as opened:
            return values_of(layer, rows, columns, opened)
    top, left = int(rows.min()), int(columns.min())
    window = slice(top, int(rows.max()) + 1), slice(left, int(columns.max()) + 1)
    stored, mask = _stored(layer, dataset, *window)
    cell = rows - top, columns - left
    return _canonical(layer, dataset, stored[cell], None if mask is None else mask[cell])


#: From cells as they are in the file, and their mask, to what is wanted: arrays of one shape.
Turn = Callable[[NDArray[Any], NDArray[np.bool_] | None], NDArray[Any]]


@dataclass(frozen=True, eq=False)
class RasterCells:
    """Cells of a raster layer whose file stays open, read part after part.

    The cells come as they are in the file, with the file's mask (true where there is data) or None, to a function
    that turns them into what is wanted, one result a cell. So each cell that is read is turned once, however many
    places ask for it.

    Attributes
    ----------
    layer
        The layer.
    dataset
        Its file; None for a ShakeMap, which is kept in memory.
    """

    layer: HazardLayer
    dataset: Any

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the cells in the file."""
        name = "float64" if self.dataset is None else self.dataset.dtypes[self.layer.band - 1]
        return np.dtype(name)

    @property
    def scale(self) -> float:
        """Scale that the file states for its cells."""
        return 1.0 if self.dataset is None else float(self.dataset.scales[self.layer.band - 1])

    def canonical(self, stored: NDArray[Any], mask: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
        """Values of cells in the canonical unit, NaN where there is no data."""
        return _canonical(self.layer, self.dataset, stored, mask)

    def at_crossings(self, rows: NDArray[np.int64], columns: NDArray[np.int64], turn: Turn) -> NDArray[Any]:
        """Cells where rows (r,) and columns (c,) cross, at least one, all within the raster: (r, c)."""
        row, row_of = np.unique(rows, return_inverse=True)
        column, column_of = np.unique(columns, return_inverse=True)
        upper = np.split(row, np.flatnonzero(np.diff(row // _TILE)) + 1)
        sides = np.split(column, np.flatnonzero(np.diff(column // _TILE)) + 1)
        parts = [[self._crossing(some, others, turn) for others in sides] for some in upper]
        cells = np.block(parts) if len(upper) + len(sides) > 2 else parts[0][0]
        if cells.shape == (len(rows), len(columns)):
            return cells
        return cells[row_of][:, column_of]

    def _crossing(self, rows: NDArray[np.int64], columns: NDArray[np.int64], turn: Turn) -> NDArray[Any]:
        window = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
        stored, mask = _stored(self.layer, self.dataset, *window)
        if stored.shape != (len(rows), len(columns)):
            picked = np.ix_(rows - rows[0], columns - columns[0])
            stored, mask = stored[picked], None if mask is None else mask[picked]
        turned: NDArray[Any] = turn(stored, mask)
        return turned

    def at(self, rows: NDArray[np.int64], columns: NDArray[np.int64], turn: Turn) -> NDArray[Any]:
        """Single cells, at least one, all within the raster: (n,)."""
        top, left = int(rows.min()), int(columns.min())
        height, width = int(rows.max()) - top + 1, int(columns.max()) - left + 1
        if height * width <= _TILE**2:
            stored, mask = _stored(
                self.layer, self.dataset, slice(top, top + height), slice(left, left + width)
            )
            cell = (rows - top) * width + (columns - left)
            if stored.size <= len(rows):
                turned: NDArray[Any] = turn(stored, mask).ravel()[cell]
                return turned
            return turn(stored.ravel()[cell], None if mask is None else mask.ravel()[cell])
        tile = (rows // _TILE) * (_shape(self.layer)[1] // _TILE + 1) + columns // _TILE
        order = np.argsort(tile, kind="stable")
        parts = np.split(order, np.flatnonzero(np.diff(tile[order])) + 1)
        found = [self.at(rows[part], columns[part], turn) for part in parts]
        result = np.empty(len(rows), found[0].dtype)
        result[order] = np.concatenate(found)
        return result


@contextmanager
def open_cells(layer: HazardLayer) -> Iterator[RasterCells]:
    """Open a raster layer to read its cells part after part.

    Raises
    ------
    HazardError
        If the file does not open.
    """
    with _opened(layer) as dataset:
        yield RasterCells(layer, dataset)


def read_window(
    layer: HazardLayer, bounds: tuple[float, float, float, float], crs: CRS | str
) -> tuple[NDArray[np.float64], Affine]:
    """Read the part of a raster layer that lies within bounds.

    In the layer's own CRS the cells come as they are in the file, whole cells, so that the array reaches up to
    one cell beyond the bounds. In another CRS each cell has the value of the file's cell at its centre.

    Parameters
    ----------
    layer
        A raster layer.
    bounds
        (left, bottom, right, top) in `crs`.
    crs
        CRS of the bounds and of the result.

    Returns
    -------
    array
        (rows, columns) float64 in the layer's unit; NaN where the layer has no data, and outside it. Of shape
        (0, 0) if the bounds do not meet the layer.
    transform
        Affine, (column, row) to coordinates in `crs`; north up.

    Raises
    ------
    HazardError
        If the layer is not a raster, or the bounds are empty.

    Examples
    --------
    >>> from mutualaid.hazards import read_window
    >>> depth, transform = read_window(
    ...     layer, (600000, 4840000, 604000, 4843000), "EPSG:32631")  # doctest: +SKIP
    """
    if layer.kind != "raster":
        remedy = "read its polygons"
        raise HazardError([Defect(layer.file.name, layer.id, "a raster layer", layer.kind, remedy)])
    left, bottom, right, top = bounds
    if not (left < right and bottom < top):
        remedy = "give left, bottom, right and top"
        raise HazardError([Defect("", "bounds", "left < right and bottom < top", str(bounds), remedy)])
    target = CRS.from_user_input(crs)
    if not layer.crs.equals(target, ignore_axis_order=True):
        return _window_elsewhere(layer, bounds, target)
    rows, columns = _slices(layer, bounds)
    if rows.stop <= rows.start or columns.stop <= columns.start:
        return np.empty((0, 0)), Affine.translation(left, top)
    whole = _transform(layer)
    part = Affine(
        whole.a, 0.0, whole.c + columns.start * whole.a, 0.0, whole.e, whole.f + rows.start * whole.e
    )
    return read_cells(layer, rows, columns), part


def _slices(layer: HazardLayer, bounds: tuple[float, float, float, float]) -> tuple[slice, slice]:
    """Rows and columns of the cells that bounds in the layer's CRS touch."""
    inverse, (n_rows, n_columns) = ~_transform(layer), _shape(layer)
    left, bottom, right, top = bounds
    # A hair inside, so that bounds along cell edges do not bring the neighbouring row.
    first, last = inverse.a * left + inverse.c + 1e-9, inverse.a * right + inverse.c - 1e-9
    upper, lower = inverse.e * top + inverse.f + 1e-9, inverse.e * bottom + inverse.f - 1e-9
    return (
        slice(max(math.floor(upper), 0), min(math.ceil(lower), n_rows)),
        slice(max(math.floor(first), 0), min(math.ceil(last), n_columns)),
    )


def _window_elsewhere(
    layer: HazardLayer, bounds: tuple[float, float, float, float], target: CRS
) -> tuple[NDArray[np.float64], Affine]:
    """Look up the cells at the centres of a grid in another CRS, of square cells about as large as the file's.

    The grid is the same for all windows of a layer, so that neighbouring windows fit together.
    """
    forward = Transformer.from_crs(layer.crs, target, always_xy=True)
    left, bottom, right, top = layer.bounds
    x, y = 0.5 * (left + right), 0.5 * (bottom + top)
    cell = _transform(layer)
    corner_x, corner_y = forward.transform([x, x + cell.a, x], [y, y, y + cell.e])
    (ax, bx), (ay, by) = np.diff(corner_x), np.diff(corner_y)
    # The second side leads from the end of the first to the third corner: the cross product is the same.
    size = math.sqrt(abs(ax * by - ay * bx))
    limits = forward.transform_bounds(left, bottom, right, top, densify_pts=21)
    first, last = math.floor(max(bounds[0], limits[0]) / size), math.ceil(min(bounds[2], limits[2]) / size)
    upper, lower = math.ceil(min(bounds[3], limits[3]) / size), math.floor(max(bounds[1], limits[1]) / size)
    transform = Affine(size, 0.0, first * size, 0.0, -size, upper * size)
    if last <= first or upper <= lower:
        return np.empty((0, 0)), transform
    centre_x, centre_y = np.meshgrid(
        (np.arange(first, last) + 0.5) * size, (np.arange(upper, lower, -1) - 0.5) * size
    )
    found_x, found_y = forward.transform(centre_x.ravel(), centre_y.ravel(), direction="INVERSE")
    values, _ = cells_at(layer, np.asarray(found_x), np.asarray(found_y))
    return values.reshape(centre_x.shape), transform


def _transform(layer: HazardLayer) -> Affine:
    assert layer.transform is not None
    return layer.transform


def _shape(layer: HazardLayer) -> tuple[int, int]:
    assert layer.shape is not None
    return layer.shape
