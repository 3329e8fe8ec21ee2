"""Elevation: read onto a metre grid, its slope, the height above the drainage, and how far a rock can come."""

from __future__ import annotations

import heapq
import math
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from rasterio.enums import MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from mutualaid.errors import Defect, HazardError
from mutualaid.hazards._ground import metre_crs
from mutualaid.hazards._rasters import RASTER_DRIVERS
from mutualaid.hazards._units import UNITS, decimal_float64, find_unit

__all__ = ["Elevation", "energy_line_cells", "height_above_drainage", "read_elevation", "slope_deg"]

Compiled = TypeVar("Compiled", bound=Callable[..., Any])
Metres = NDArray[np.float64]

_DRIVERS = RASTER_DRIVERS | {".hgt": "SRTMHGT"}
_MAX_CELLS = 100_000_000
#: The eight neighbours: rows, columns, and how far they are in cells.
_ROWS = np.array([-1, -1, -1, 0, 0, 1, 1, 1])
_COLUMNS = np.array([-1, 0, 1, -1, 1, -1, 0, 1])
_FAR = np.sqrt(_ROWS.astype(np.float64) ** 2 + _COLUMNS.astype(np.float64) ** 2)


def _compiled(function: Compiled) -> Compiled:
    return cast("Compiled", numba.njit(nogil=True, cache=True)(function))


@dataclass(frozen=True, eq=False, kw_only=True)
class Elevation:
    """Heights of the ground on a grid of square cells, north up.

    Attributes
    ----------
    height_m
        (rows, columns) float64 in metres; NaN where nobody knows.
    transform
        (column, row) to coordinates in `crs`.
    crs
        Projected CRS in metres.
    source
        Name of the file.

    Raises
    ------
    HazardError
        The CRS is not projected in metres, the cells are not square with north up, or there are no cells.
    """

    height_m: Metres
    transform: Affine
    crs: CRS
    source: str = ""

    def __post_init__(self) -> None:
        metre_crs(self.crs)
        cell = self.transform
        square = math.isclose(cell.a, -cell.e, rel_tol=1e-9) and cell.a > 0 and not cell.b and not cell.d
        if self.height_m.ndim != 2 or not self.height_m.size or not square:
            got = f"{self.height_m.shape}, cells of {cell.a:g} × {cell.e:g}"
            remedy = "read it with read_elevation"
            raise HazardError([Defect(self.source, "elevation", "square cells with north up", got, remedy)])

    @property
    def cell_m(self) -> float:
        """Width of a cell, in metres."""
        return float(self.transform.a)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top in `crs`."""
        rows, columns = self.height_m.shape
        left, top, cell = self.transform.c, self.transform.f, self.cell_m
        return (left, top - rows * cell, left + columns * cell, top)

    def cells_at(self, x: Metres, y: Metres) -> Metres:
        """Height of the cells that hold some points; NaN outside. (n,) float64."""
        rows, columns = self.height_m.shape
        column = np.floor((x - self.transform.c) / self.cell_m)
        row = np.floor((self.transform.f - y) / self.cell_m)
        inside = (column >= 0) & (row >= 0) & (column < columns) & (row < rows)
        heights = np.full(len(x), np.nan)
        heights[inside] = self.height_m[row[inside].astype(np.int64), column[inside].astype(np.int64)]
        return heights


def read_elevation(
    file: str | Path,
    *,
    bounds: tuple[float, float, float, float],
    crs: CRS | str,
    cell_m: float,
    unit: str = "",
    nodata: float | None = None,
) -> Elevation:
    """Read heights within bounds onto a grid of square cells.

    Only the window that the bounds need is read. Each cell has the height at its centre, bilinear between the
    centres of the file's cells; if any of those has no data, the cell is unknown. Nothing is averaged: cells much
    larger than the file's skip some of its heights.

    Parameters
    ----------
    file
        A raster (``.tif``, ``.tiff``, ``.asc``, ``.img``, ``.nc``), an SRTM tile (``.hgt``), or a ``.zip`` with one
        of these inside.
    bounds
        (left, bottom, right, top) in `crs`. The grid's lines are at multiples of the cell, so it reaches up to a
        cell beyond.
    crs
        Projected CRS in metres of the bounds and the result.
    cell_m
        Width of the cells, in metres.
    unit
        Unit of the heights, for a file that states none: ``m`` or ``ft``.
    nodata
        Value that means no data, for a file that states none; NaN if every cell has a height.

    Returns
    -------
    Elevation

    Raises
    ------
    HazardError
        Everything that is wrong, at once: no such file, no CRS, no unit of length, nodata not declared, a rotated
        raster, bounds that do not meet it.

    Examples
    --------
    >>> from mutualaid.hazards import read_elevation
    >>> heights = read_elevation(
    ...     "N43E007.hgt.zip", bounds=(370_000, 4_840_000, 380_000, 4_847_000), crs="EPSG:32632",
    ...     cell_m=30)  # doctest: +SKIP
    """
    path, target = Path(file), metre_crs(crs)
    left, bottom, right, top = bounds
    defects = []
    if not (left < right and bottom < top and all(map(math.isfinite, bounds))):
        remedy = "give left, bottom, right and top"
        defects.append(Defect("", "bounds", "left < right and bottom < top", str(bounds), remedy))
    if not (cell_m > 0 and math.isfinite(cell_m)):
        defects.append(Defect("", "cell_m", "a width above 0", f"{cell_m:g}", "state it in metres"))
    if not defects and (right - left) * (top - bottom) > _MAX_CELLS * cell_m**2:
        remedy = "choose larger cells, or smaller bounds"
        defects.append(Defect("", "cell_m", f"at most {_MAX_CELLS:,} cells", f"{cell_m:g} m", remedy))
    if defects:
        raise HazardError(defects)
    first, last = math.floor(left / cell_m), math.ceil(right / cell_m)
    lower, upper = math.floor(bottom / cell_m), math.ceil(top / cell_m)
    transform = Affine(cell_m, 0.0, first * cell_m, 0.0, -cell_m, upper * cell_m)
    x, y = np.meshgrid((np.arange(first, last) + 0.5) * cell_m, (np.arange(upper, lower, -1) - 0.5) * cell_m)
    with _open(path) as dataset:
        factor, empty = _stated(path, dataset, unit, nodata)
        forward = Transformer.from_crs(target, CRS.from_user_input(dataset.crs), always_xy=True)
        own_x, own_y = forward.transform(x.ravel(), y.ravel())
        heights = _bilinear(path, dataset, np.asarray(own_x), np.asarray(own_y), empty)
    return Elevation(
        height_m=heights.reshape(x.shape) * factor, transform=transform, crs=target, source=path.name
    )


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    """Open a raster of a format that holds its own values, or the only one in a ZIP archive."""
    expected = "a raster (.tif, .asc, .img, .nc, .hgt), or a .zip with one inside"
    inner, place = path.name, str(path)
    if not path.is_file():
        raise HazardError([Defect(path.name, "", "a file that exists", "none", "check the path")])
    if path.suffix.lower() == ".zip":
        try:
            with zipfile.ZipFile(path) as archive:
                names = [name for name in archive.namelist() if Path(name).suffix.lower() in _DRIVERS]
        except zipfile.BadZipFile:
            names = []
        if len(names) != 1:
            got = f"{len(names)} rasters in it"
            raise HazardError([Defect(path.name, "", expected, got, "unpack it, and name one file")])
        inner, place = names[0], f"/vsizip/{path.resolve()}/{names[0]}"
    driver = _DRIVERS.get(Path(inner).suffix.lower())
    if driver is None:
        raise HazardError([Defect(path.name, "", expected, path.suffix, "export it again as GeoTIFF")])
    try:
        with warnings.catch_warnings():
            # A raster without a place is refused below, with what to do about it.
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(place, driver=driver) as dataset:
                yield dataset
    except RasterioError as error:
        got = str(error).split("\n")[0].replace(place, path.name)[:200]
        raise HazardError([Defect(path.name, "", expected, got, "download or export it again")]) from None


def _stated(path: Path, dataset: Any, unit: str, nodata: float | None) -> tuple[float, float | None]:
    """Factor to metres and the value that means no data, from what the file and the caller state."""
    defects = []
    if not dataset.crs:
        remedy = "save the file with its CRS"
        defects.append(Defect(path.name, "", "a coordinate reference system", "none", remedy))
    grid = dataset.transform
    if grid.b or grid.d or grid.a <= 0 or grid.e >= 0:
        remedy = "warp it, with gdalwarp for example"
        defects.append(Defect(path.name, "", "a raster with north up", "another orientation", remedy))
    stated = unit or dataset.units[0] or ""
    key = find_unit(stated) if stated.strip() else None
    if key is None or UNITS[key][0] != "m":
        remedy = 'state it, such as unit="m"'
        defects.append(
            Defect(path.name, "unit", "a unit of length", repr(stated) if stated else "none", remedy)
        )
    elif unit and dataset.units[0] and find_unit(dataset.units[0]) != key:
        remedy = "find out which is right"
        defects.append(Defect(path.name, "unit", f"that of the file, {dataset.units[0]}", repr(unit), remedy))
    masked = bool({MaskFlags.per_dataset, MaskFlags.alpha} & set(dataset.mask_flag_enums[0]))
    empty = dataset.nodatavals[0] if nodata is None else nodata
    if empty is None and not masked:
        remedy = "state the value, such as nodata=-32768, or nodata=float('nan') if every cell has a height"
        defects.append(Defect(path.name, "nodata", "a declared nodata value", "none", remedy))
    if defects:
        raise HazardError(defects)
    return UNITS[cast("str", key)][1], empty


def _bilinear(path: Path, dataset: Any, x: Metres, y: Metres, empty: float | None) -> Metres:
    """Heights between the four cell centres around each point; NaN where one that counts has no data."""
    grid, (n_rows, n_columns) = dataset.transform, dataset.shape
    column, row = (x - grid.c) / grid.a - 0.5, (y - grid.f) / grid.e - 0.5
    # Half a cell along the edges of the file has no centres on one side: the outermost one holds there.
    inside = (column >= -0.5) & (row >= -0.5) & (column <= n_columns - 0.5) & (row <= n_rows - 0.5)
    if not inside.any():
        remedy = "name the file that covers the region, or correct the bounds"
        raise HazardError([Defect(path.name, "bounds", "bounds that meet the raster", "none do", remedy)])
    column = np.clip(column, 0.0, n_columns - 1.0)
    row = np.clip(row, 0.0, n_rows - 1.0)
    left, top = int(column[inside].min()), int(row[inside].min())
    right = min(int(column[inside].max()) + 2, n_columns)
    bottom = min(int(row[inside].max()) + 2, n_rows)
    window = Window.from_slices((top, bottom), (left, right))
    values = decimal_float64(dataset.read(1, window=window))
    unknown = np.isnan(values) | (dataset.read_masks(1, window=window) == 0)
    if empty is not None and not math.isnan(empty):
        unknown |= np.abs(values - empty) <= 1e-6 * abs(empty)
    values = values * dataset.scales[0] + dataset.offsets[0]
    values[unknown] = np.nan
    heights = np.full(len(x), np.nan)
    heights[inside] = _between(values, row[inside] - top, column[inside] - left)
    return heights


def _between(values: Metres, row: Metres, column: Metres) -> Metres:
    top, left = np.floor(row).astype(np.int64), np.floor(column).astype(np.int64)
    down, along = row - top, column - left
    bottom = np.minimum(top + 1, values.shape[0] - 1)
    right = np.minimum(left + 1, values.shape[1] - 1)
    total = np.zeros(len(row))
    for rows, columns, weight in (
        (top, left, (1 - down) * (1 - along)),
        (top, right, (1 - down) * along),
        (bottom, left, down * (1 - along)),
        (bottom, right, down * along),
    ):
        total += np.where(weight > 0, weight * values[rows, columns], 0.0)
    return total


def slope_deg(elevation: Elevation) -> NDArray[np.float64]:
    """Give the steepness of each cell.

    Central differences over the two neighbours along each axis, one-sided at the edges; exact on a plane.

    Parameters
    ----------
    elevation
        Heights on a grid of at least 2 × 2 cells.

    Returns
    -------
    array
        (rows, columns) float64, degrees from the horizontal; NaN where a height that it needs is unknown.

    Raises
    ------
    HazardError
        There are fewer than two rows or columns.

    Examples
    --------
    >>> import numpy as np
    >>> from affine import Affine
    >>> from pyproj import CRS
    >>> from mutualaid.hazards import Elevation, slope_deg
    >>> east = np.tile([0.0, 10.0, 20.0], (2, 1))  # 10 m up on 10 m to the east
    >>> grid = Elevation(height_m=east, transform=Affine(10, 0, 0, 0, -10, 0), crs=CRS("EPSG:32632"))
    >>> slope_deg(grid).round(6).tolist()
    [[45.0, 45.0, 45.0], [45.0, 45.0, 45.0]]
    """
    if min(elevation.height_m.shape) < 2:
        got, remedy = str(elevation.height_m.shape), "read larger bounds"
        raise HazardError([Defect(elevation.source, "elevation", "at least 2 × 2 cells", got, remedy)])
    down, along = np.gradient(elevation.height_m, elevation.cell_m)
    # A central difference passes over the cell itself, which may be unknown.
    steep = np.degrees(np.arctan(np.hypot(down, along)))
    return np.where(np.isnan(elevation.height_m), np.nan, steep)


def height_above_drainage(elevation: Elevation, drainage: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Height of each cell above the drainage that its water reaches (HAND).

    Pits are filled to their lowest rim (priority-flood), then water runs from each cell to the steepest of its
    eight neighbours, and on a level stretch the way that the flood came. It ends where it reaches the drainage.
    The height is that of the filled ground above that drainage cell: the ground in a pit counts as high as the
    rim that water must pass.

    Parameters
    ----------
    elevation
        Heights.
    drainage
        (rows, columns) bool, true where the streams are.

    Returns
    -------
    array
        (rows, columns) float64, metres, never below 0, and 0 on the drainage; NaN where the height is unknown or
        the water leaves the known ground before it reaches any drainage.

    Raises
    ------
    HazardError
        The two have different shapes.

    Notes
    -----
    The measure is that of Rennó et al. 2008 (doi 10.1016/j.rse.2008.03.018). Water never passes from a cell of
    the drainage to another, so streams that the map puts beside the valley of the elevation model drain what is
    above them only.

    Examples
    --------
    >>> import numpy as np
    >>> from affine import Affine
    >>> from pyproj import CRS
    >>> from mutualaid.hazards import Elevation, height_above_drainage
    >>> valley = np.tile([20.0, 5.0, 0.0, 5.0, 20.0], (3, 1))
    >>> grid = Elevation(height_m=valley, transform=Affine(10, 0, 0, 0, -10, 0), crs=CRS("EPSG:32632"))
    >>> height_above_drainage(grid, valley == 0).tolist()[1]
    [20.0, 5.0, 0.0, 5.0, 20.0]
    """
    if drainage.shape != elevation.height_m.shape:
        got, remedy = str(drainage.shape), "draw the streams on the grid of the elevation"
        expected = f"the shape of the elevation, {elevation.height_m.shape}"
        raise HazardError([Defect(elevation.source, "drainage", expected, got, remedy)])
    height = np.ascontiguousarray(elevation.height_m, np.float64)
    return _drain(height, np.ascontiguousarray(drainage, np.bool_))


@_compiled
def _is_outlet(height: Metres, row: int, column: int) -> bool:
    """Whether water may leave here: at the edge of the grid, or beside a cell whose height is unknown."""
    for side in range(8):
        r, c = row + _ROWS[side], column + _COLUMNS[side]
        if r < 0 or c < 0 or r >= height.shape[0] or c >= height.shape[1] or np.isnan(height[r, c]):
            return True
    return False


@_compiled
def _flood(
    height: Metres, drainage: NDArray[np.bool_]
) -> tuple[Metres, NDArray[np.int64], NDArray[np.int64]]:
    """Fill pits from the drainage and the outlets, lowest first.

    Gives the filled heights, from which cell each was flooded (-1 for none), and the cells in that order.
    """
    rows, columns = height.shape
    filled = np.full((rows, columns), np.nan)
    parent = np.full(rows * columns, -1, np.int64)
    order = np.empty(rows * columns, np.int64)
    heap = [(0.0, 0, 0) for _ in range(0)]
    count = 0
    for drains in (True, False):  # of equal heights the drainage floods first
        for cell in range(rows * columns):
            row, column = cell // columns, cell % columns
            if np.isnan(height[row, column]) or drainage[row, column] != drains:
                continue
            if drains or _is_outlet(height, row, column):
                filled[row, column] = height[row, column]
                heapq.heappush(heap, (height[row, column], count, cell))
                count += 1
    taken = 0
    while heap:
        level, _, cell = heapq.heappop(heap)
        order[taken] = cell
        taken += 1
        for side in range(8):
            r, c = cell // columns + _ROWS[side], cell % columns + _COLUMNS[side]
            if r < 0 or c < 0 or r >= rows or c >= columns or np.isnan(height[r, c]):
                continue
            if np.isnan(filled[r, c]):
                filled[r, c] = max(height[r, c], level)
                parent[r * columns + c] = cell
                heapq.heappush(heap, (filled[r, c], count, r * columns + c))
                count += 1
    return filled, parent, order[:taken]


@_compiled
def _drain(height: Metres, drainage: NDArray[np.bool_]) -> Metres:
    rows, columns = height.shape
    filled, parent, order = _flood(height, drainage)
    reached = np.full(rows * columns, -1, np.int64)
    above = np.full((rows, columns), np.nan)
    for cell in order:  # rising: whatever is lower has its answer
        row, column = cell // columns, cell % columns
        to, steepest = parent[cell], 0.0
        for side in range(8):
            r, c = row + _ROWS[side], column + _COLUMNS[side]
            if r < 0 or c < 0 or r >= rows or c >= columns or np.isnan(filled[r, c]):
                continue
            fall = (filled[row, column] - filled[r, c]) / _FAR[side]
            if fall > steepest:
                to, steepest = r * columns + c, fall
        end = cell if drainage[row, column] else (reached[to] if to >= 0 else -1)
        reached[cell] = end
        if end >= 0:
            above[row, column] = filled[row, column] - height[end // columns, end % columns]
    return above


def energy_line_cells(
    elevation: Elevation,
    xy: Metres,
    direction: Metres,
    start_m: Metres,
    *,
    angle_deg: float,
    lateral_deg: float,
    reach_m: float,
) -> NDArray[np.bool_]:
    """Cells that lie under the energy line of a source of falling rocks.

    From each source a straight line falls at the angle, in all directions up to the lateral angle on both sides
    of the fall line. A rock comes as far as the line stays above the ground (Heim's *Fahrböschung*).

    Parameters
    ----------
    elevation
        Heights.
    xy, direction, start_m
        (n, 2) places of the sources and unit vectors of their fall line in the CRS, and (n,) heights at which
        the lines begin; NaN begins none.
    angle_deg
        Angle of the energy line from the horizontal, above 0 and below 90.
    lateral_deg
        How far a rock may leave the fall line to either side, in plan.
    reach_m
        Nothing comes further, in plan.

    Returns
    -------
    array
        (rows, columns) bool.
    """
    known = ~np.isnan(start_m)
    if not known.any():
        return np.zeros(elevation.height_m.shape, dtype=bool)
    spread = math.radians(lateral_deg)
    # Neighbouring rays are at most half a cell apart at their far ends.
    rays = max(math.ceil(2 * spread * reach_m / (0.5 * elevation.cell_m)), 1) + 1
    return _march(
        np.ascontiguousarray(elevation.height_m, np.float64),
        (xy[known, 0] - elevation.transform.c) / elevation.cell_m,
        (elevation.transform.f - xy[known, 1]) / elevation.cell_m,
        np.arctan2(direction[known, 1], direction[known, 0]),
        start_m[known],
        math.tan(math.radians(angle_deg)) * elevation.cell_m,
        np.linspace(-spread, spread, rays),
        reach_m / elevation.cell_m,
    )


@_compiled
def _march(
    height: Metres,
    column: Metres,
    row: Metres,
    heading: Metres,
    start: Metres,
    fall: float,
    turns: Metres,
    reach: float,
) -> NDArray[np.bool_]:
    marked = np.zeros(height.shape, np.bool_)
    for source in range(len(column)):
        for turn in turns:
            along, up = math.cos(heading[source] + turn), math.sin(heading[source] + turn)
            gone = 0.0
            while gone <= reach:
                c, r = math.floor(column[source] + gone * along), math.floor(row[source] - gone * up)
                if r < 0 or c < 0 or r >= height.shape[0] or c >= height.shape[1]:
                    break
                # An unknown height ends the ray: nobody knows what is behind it.
                if not height[r, c] <= start[source] - fall * gone:
                    break
                marked[r, c] = True
                gone += 0.5
    return marked
