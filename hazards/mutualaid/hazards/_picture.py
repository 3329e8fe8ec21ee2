"""One picture: neighbours' layers of the same hazard side by side on one grid, each place from one provider."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.features import rasterize, shapes

from mutualaid.errors import Defect, HazardError
from mutualaid.hazards._model import SEVERITIES, HazardLayer
from mutualaid.hazards._providers import ask, believed, own_layers, unique_layers, what

__all__ = ["Picture", "one_picture", "picture_polygons"]

#: Cells worked on at a time: what keeps the memory small however large the picture is.
_BLOCK_CELLS = 250_000


@dataclass(frozen=True, eq=False)
class Picture:
    """One hazard in one state, on one grid, whoever provided it.

    Attributes
    ----------
    severity
        (rows, columns) int8, 0…5; -1 where nobody knows.
    provider
        (rows, columns) int16: position in `layers` of the layer that decided; -1 where nobody knows.
    transform
        (column, row) to coordinates in `crs`, north up.
    crs
        Projected CRS in metres.
    layers
        The layers joined, in the order in which they were given.
    """

    severity: NDArray[np.int8]
    provider: NDArray[np.int16]
    transform: Affine
    crs: CRS
    layers: tuple[HazardLayer, ...]


def one_picture(
    layers: Iterable[HazardLayer],
    *,
    bounds: tuple[float, float, float, float],
    crs: CRS | str,
    cell_m: float,
    jurisdictions: gpd.GeoDataFrame | None = None,
) -> Picture:
    """Join neighbours' layers of one hazard into one picture.

    The layers show the same event, or the same return period; others refuse to be joined. Each cell has what
    its centre has, by this rule:

    1. where a layer of the jurisdiction that the centre lies in knows, the worst of these;
    2. elsewhere the worst of all layers that know.

    Severities are never added up: overlapping layers, or a layer given twice, change nothing.

    Parameters
    ----------
    layers
        Layers of one hazard and one event or return period, with ids that differ. A layer of velocity without
        a scheme goes with the depth of the same provider.
    bounds
        (left, bottom, right, top) in `crs`. The grid begins at the upper left corner; the last column and row
        reach beyond the bounds if these are no multiple of the cell.
    crs
        Projected CRS in metres.
    cell_m
        Width of the cells, in metres.
    jurisdictions
        Polygons in any CRS, indexed by id, with ``country`` and ``partner`` if layers are provided by these.
        Without them only the second rule holds.

    Returns
    -------
    Picture

    Raises
    ------
    HazardError
        Layers that do not belong together (all of them are listed), no layer, no metre grid.

    Examples
    --------
    >>> from mutualaid.hazards import one_picture, picture_polygons
    >>> picture = one_picture([french, italian], bounds=(400000, 4850000, 420000, 4865000),
    ...                       crs="EPSG:32632", cell_m=25, jurisdictions=lands)  # doctest: +SKIP
    >>> picture_polygons(picture).to_file("flood_100.gpkg")  # doctest: +SKIP
    """
    chosen, velocity = unique_layers(layers)
    grid = CRS.from_user_input(crs)
    _check_grid(bounds, grid, cell_m)
    _check_together(chosen)
    left, bottom, right, top = bounds
    # A hair less, so that 0.1 + 0.2 is not a column more.
    columns = math.ceil((right - left) / cell_m - 1e-9)
    rows = math.ceil((top - bottom) / cell_m - 1e-9)
    transform = Affine(cell_m, 0.0, left, 0.0, -cell_m, top)
    lands = None if jurisdictions is None else jurisdictions.to_crs(grid)
    own = _own_by_land(lands, chosen)
    severity = np.empty((rows, columns), dtype=np.int8)
    provider = np.empty((rows, columns), dtype=np.int16)
    step = max(1, _BLOCK_CELLS // columns)
    for first in range(0, rows, step):
        block = slice(first, min(first + step, rows))
        shape = (block.stop - first, columns)
        corner = Affine(cell_m, 0.0, left, 0.0, -cell_m, top - first * cell_m)
        points = _centres(corner, shape, grid)
        known = np.stack([ask(layer, points, velocity).severity for layer in chosen])
        of_own = own[:, _land_of(lands, corner, shape)] if lands is not None else None
        worst, layer = believed(known, of_own)
        severity[block], provider[block] = worst.reshape(shape), layer.reshape(shape)
    return Picture(severity, provider, transform, grid, chosen)


def picture_polygons(picture: Picture) -> gpd.GeoDataFrame:
    """Turn a picture into polygons along its cells, for a GIS.

    Parameters
    ----------
    picture
        What `one_picture` gave.

    Returns
    -------
    GeoDataFrame
        One row for each severity and layer, worst first: ``severity`` (Int8), ``class`` (its name), ``layer``,
        ``jurisdiction``, ``source``, ``area_m2``, MultiPolygon. Unknown cells are in none; known absence is
        severity 0. The areas sum to that of the known cells.
    """
    known = picture.severity >= 0
    code = picture.severity * np.int16(len(picture.layers)) + picture.provider
    parts: dict[int, list[shapely.Polygon]] = {}
    for shape, value in shapes(code, known, connectivity=4, transform=picture.transform):
        # Cells that touch in a corner only are parts of their own, so together they are a valid MultiPolygon.
        ring, *holes = shape["coordinates"]
        parts.setdefault(int(value), []).append(shapely.Polygon(ring, holes))
    found = sorted(parts, key=lambda one: (-(one // len(picture.layers)), one))
    severity = [one // len(picture.layers) for one in found]
    layers = [picture.layers[one % len(picture.layers)] for one in found]
    geometry = [shapely.MultiPolygon(parts[one]) for one in found]
    table = pd.DataFrame(
        {
            "severity": pd.array(severity, dtype="Int8"),
            "class": [SEVERITIES[one] for one in severity],
            "layer": [layer.id for layer in layers],
            "jurisdiction": [layer.jurisdiction for layer in layers],
            "source": [layer.source for layer in layers],
            "area_m2": shapely.area(np.array(geometry, dtype=object)),
        }
    )
    return gpd.GeoDataFrame(table, geometry=geometry, crs=picture.crs)


def _check_grid(bounds: tuple[float, float, float, float], crs: CRS, cell_m: float) -> None:
    defects = []
    if not crs.is_projected or crs.axis_info[0].unit_name != "metre":
        remedy = "use the region's UTM zone"
        defects.append(Defect("", "crs", "a projected CRS in metres", crs.to_string(), remedy))
    left, bottom, right, top = bounds
    if not (left < right and bottom < top and all(map(math.isfinite, bounds))):
        remedy = "give left, bottom, right and top"
        defects.append(Defect("", "bounds", "left < right and bottom < top", str(bounds), remedy))
    if not (cell_m > 0 and math.isfinite(cell_m)):
        defects.append(Defect("", "cell_m", "a width above 0", f"{cell_m:g}", "state it in metres"))
    if defects:
        raise HazardError(defects)


def _check_together(layers: Sequence[HazardLayer]) -> None:
    if not layers:
        raise HazardError([Defect("", "layers", "at least one hazard layer", "none", "name a layer")])
    states = {layer.id: what(layer) for layer in layers}
    if len(set(states.values())) > 1:
        expected = "layers of one hazard and one event or return period"
        remedy = "make one picture for each"
        raise HazardError(
            Defect(layer.file.name, f"hazard layer {layer.id}", expected, states[layer.id], remedy)
            for layer in layers
        )


def _own_by_land(lands: gpd.GeoDataFrame | None, layers: Sequence[HazardLayer]) -> NDArray[np.bool_]:
    """Whether each layer is each jurisdiction's own: (layers, jurisdictions + 1), the last for no jurisdiction."""
    own = np.zeros((len(layers), (0 if lands is None else len(lands)) + 1), dtype=bool)
    if lands is not None:
        for number, positions in enumerate(own_layers(lands, layers).values()):
            own[list(positions), number] = True
    return own


def _land_of(lands: gpd.GeoDataFrame, transform: Affine, shape: tuple[int, int]) -> NDArray[np.int64]:
    """Position of the jurisdiction that each cell's centre lies in; the number of jurisdictions for none."""
    outside = len(lands)
    pairs = [(shape_, number) for number, shape_ in enumerate(lands.geometry) if not shape_.is_empty]
    if not pairs:
        return np.full(shape[0] * shape[1], outside, dtype=np.int64)
    found = rasterize(pairs, out_shape=shape, fill=outside, transform=transform, dtype="int32")
    return np.asarray(found, dtype=np.int64).ravel()


def _centres(transform: Affine, shape: tuple[int, int], crs: CRS) -> gpd.GeoSeries:
    x = transform.c + transform.a * (np.arange(shape[1]) + 0.5)
    y = transform.f + transform.e * (np.arange(shape[0]) + 0.5)
    return gpd.GeoSeries(gpd.points_from_xy(np.tile(x, shape[0]), np.repeat(y, shape[1])), crs=crs)
