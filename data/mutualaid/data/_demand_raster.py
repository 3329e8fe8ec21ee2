"""Places the people of a population raster, without resampling it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError
from rasterio.windows import Window

from mutualaid.data._demand import Pieces, cells_of, check_target, cut_surfaces, joined, unplaced_frame
from mutualaid.errors import Defect, DemandError

__all__ = ["demand_from_raster"]

_DENSITY = re.compile(
    r"densit|per[ _-]?(sq|square|km|hectare|ha\b)|/\s*(km|ha\b|sq)"
    r"|(km|ha)\s*(\^|\*\*)?\s*-\s*[12]\b|(inhab|pers)\S*/",
    re.IGNORECASE,
)
#: So many outlines are held in memory at a time.
_PARTS = 1 << 17
_COUNT = re.compile(
    r"\bcounts?\b|people per (pixel|cell|grid)|persons? per (pixel|cell)|\bppp\b|_ppp_|\bpopulation$",
    re.IGNORECASE,
)


def _quantity(source: rasterio.DatasetReader, path: Path) -> str:
    # What the raster says it holds: "count", "density", or "" if it does not say.
    said = " ".join(
        [path.stem, *(str(value) for value in (*source.descriptions, *source.units) if value)]
        + [f"{key} {value}" for tags in (source.tags(), source.tags(1)) for key, value in tags.items()]
    )
    if _DENSITY.search(said):
        return "density"
    return "count" if _COUNT.search(said) else ""


def demand_from_raster(
    path: Path | str,
    jurisdictions: gpd.GeoDataFrame,
    *,
    cell_m: float = 100.0,
    quantity: Literal["count", "density"] | None = None,
    crs: CRS | str | None = None,
) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """Place the people of a population raster.

    The raster is never resampled: each of its cells is taken as a surface, projected, and cut where a
    boundary passes, by exact area; so no person is lost or made. Cells wider than `cell_m` are split evenly
    first.

    Parameters
    ----------
    path
        GeoTIFF; the first band counts. It is read window by window.
    jurisdictions
        Polygons in a projected CRS in metres.
    cell_m
        Width of the square cells of the demand, in metres.
    quantity
        What the values are: ``count`` is people a cell, ``density`` people a km². By default what the file
        itself says; it is refused if it says that they are densities, or nothing.
    crs
        CRS of a raster that states none.

    Returns
    -------
    demand, unplaced
        As `demand_from_totals`. People of cells in the bounding box of the jurisdictions, but outside all of
        them, are in `unplaced` with jurisdiction "".

    Raises
    ------
    DemandError
        No CRS, a density without saying so, negative values, a file that cannot be read, no overlap.

    Examples
    --------
    >>> import geopandas as gpd, numpy as np, rasterio
    >>> from rasterio import Affine
    >>> from shapely import box
    >>> from tempfile import TemporaryDirectory
    >>> towns = gpd.GeoDataFrame(geometry=[box(0, 0, 100, 200)], index=["A"], crs=32632)
    >>> form = {"driver": "GTiff", "width": 2, "height": 1, "count": 1, "dtype": "float32", "crs": 32632}
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "people.tif"
    ...     with rasterio.open(file, "w", transform=Affine(150, 0, 0, 0, -150, 150), **form) as raster:
    ...         raster.write(np.array([[30, 6]], dtype="float32"), 1)
    ...     demand, unplaced = demand_from_raster(file, towns, cell_m=200, quantity="count")
    >>> demand["population"].round(6).to_list(), unplaced["population"].round(6).to_list()
    ([20.0], [10.0])
    """
    path = Path(path)
    target = check_target(jurisdictions, cell_m)
    polygons = jurisdictions.geometry.to_numpy()
    try:
        with rasterio.open(path) as source:
            stated = _accept(source, path, quantity, crs)
            windows = list(_windows(source, stated, jurisdictions, path))
            parts = [
                _raster_pieces(source, window, stated, target, polygons, cell_m, quantity == "density", path)
                for window in windows
            ]
    except rasterio.errors.RasterioError as error:
        defect = Defect(
            path.name, "", "a GeoTIFF that can be read", str(error)[:200], "check the path and the file"
        )
        raise DemandError([defect]) from error
    pieces = joined(parts)
    outside = float(pieces.people[pieces.jurisdiction < 0].sum())
    lost = [("", outside, "outside every jurisdiction")]
    return cells_of(pieces, jurisdictions.index, target, cell_m), unplaced_frame(lost)


def _accept(source: rasterio.DatasetReader, path: Path, quantity: str | None, crs: CRS | str | None) -> CRS:
    defects = []
    says = _quantity(source, path)
    if quantity is None and says != "count":
        defects.append(
            Defect(
                path.name,
                "",
                "people per cell",
                "densities"
                if says == "density"
                else "a raster that does not say whether it holds counts or densities",
                "give quantity='count' for people a cell, quantity='density' for people per km²",
            )
        )
    stated = source.crs if crs is None else crs
    try:
        known = None if stated is None else CRS.from_user_input(stated)
    except CRSError:
        known = None
    if known is None:
        got = "none" if stated is None else f"{stated}, which PROJ does not know"
        remedy = "state it with crs='EPSG:…', or write it into the file"
        defects.append(Defect(path.name, "", "a CRS", got, remedy))
    if defects:
        raise DemandError(defects)
    assert known is not None
    return known


def _windows(
    source: rasterio.DatasetReader, crs: CRS, jurisdictions: gpd.GeoDataFrame, path: Path
) -> Iterator[Window]:
    # Windows of at most 256 × 256 cells over the bounding box of the jurisdictions, in the raster's own CRS.
    box = shapely.box(*jurisdictions.total_bounds)
    around = gpd.GeoSeries([shapely.segmentize(box, box.length / 400)], crs=jurisdictions.crs).to_crs(crs)
    inverse = ~source.transform
    x, y = around.get_coordinates().to_numpy().T
    corners = np.column_stack(
        [inverse.a * x + inverse.b * y + inverse.c, inverse.d * x + inverse.e * y + inverse.f]
    )
    left, top = np.maximum(np.floor(corners.min(axis=0)), 0).astype(int)
    right, bottom = np.minimum(np.ceil(corners.max(axis=0)), [source.width, source.height]).astype(int)
    if left >= right or top >= bottom:
        raise DemandError(
            [
                Defect(
                    path.name,
                    "",
                    "a raster over the jurisdictions",
                    "one beside them",
                    "check both CRSs and the file",
                )
            ]
        )
    for row in range(top, bottom, 256):
        for column in range(left, right, 256):
            yield Window(column, row, min(256, right - column), min(256, bottom - row))


def _raster_pieces(
    source: rasterio.DatasetReader,
    window: Window,
    crs: CRS,
    target: CRS,
    polygons: NDArray[np.object_],
    cell_m: float,
    density: bool,
    path: Path,
) -> Pieces:
    values = source.read(1, window=window, masked=True)
    given = np.ma.getdata(values).astype(np.float64)
    nobody = np.ma.getmaskarray(values) | np.isnan(given)
    people = np.where(nobody, 0.0, given * source.scales[0] + source.offsets[0])
    row, column = np.nonzero(people)
    count = people[row, column]
    if not (np.isfinite(count) & (count > 0)).all():
        bad = count[~(np.isfinite(count) & (count > 0))]
        raise DemandError(
            [
                Defect(
                    path.name,
                    "band 1",
                    "populations of 0 or more",
                    f"{bad[0]:g} in {len(bad)} cells",
                    "declare the nodata value in the file (gdal_edit.py -a_nodata), or correct the cells",
                )
            ]
        )
    row, column = row + window.row_off, column + window.col_off
    transform = Transformer.from_crs(crs, target, always_xy=True)
    if density:
        area = Transformer.from_crs(crs, "EPSG:6933", always_xy=True)  # cylindrical equal area
        count = count * shapely.area(_quads(source, column, row, 1, area)) / 1e6
    if not len(count):
        return Pieces(np.empty(0), np.empty(0), np.empty(0), np.empty(0, dtype=np.int64))
    width = np.sqrt(shapely.area(_quads(source, column[:1], row[:1], 1, transform))[0])
    split = int(np.clip(np.ceil(width / cell_m - 0.01), 1, 100))
    inner, outer = (at.ravel() / split for at in np.meshgrid(np.arange(split), np.arange(split)))
    parts = []
    # Some at a time, however many parts a cell has: their outlines are what takes memory.
    for some in np.array_split(np.arange(len(count)), -(-len(count) * split**2 // _PARTS)):
        across, down = (column[some, None] + inner).ravel(), (row[some, None] + outer).ravel()
        shapes = _quads(source, across, down, split, transform)
        parts.append(cut_surfaces(shapes, np.repeat(count[some] / split**2, split**2), polygons))
    return joined(parts)


def _quads(
    source: rasterio.DatasetReader,
    column: NDArray[np.float64],
    row: NDArray[np.float64],
    split: int,
    transform: Transformer,
) -> NDArray[np.object_]:
    # Outlines of raster cells, or of 1/split² of them, projected corner by corner.
    step = 1 / split
    c = np.stack([column, column + step, column + step, column], axis=-1)
    r = np.stack([row, row, row + step, row + step], axis=-1)
    affine = source.transform
    x, y = transform.transform(affine.a * c + affine.b * r + affine.c, affine.d * c + affine.e * r + affine.f)
    return np.asarray(shapely.polygons(np.stack([x, y], axis=-1)))
