"""What a hazard layer says at points."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from mutualaid.errors import Defect, HazardError
from mutualaid.hazards._crosswalk import crosswalk
from mutualaid.hazards._edges import NEAR, Edges
from mutualaid.hazards._model import HazardLayer
from mutualaid.hazards._rasters import cells_at
from mutualaid.hazards._vectors import class_codes, polygons

__all__ = ["area_at", "ranks", "sample"]

#: Points looked up in polygons at a time: what keeps the pairs of both small.
_POINTS = 100_000
#: Of so many points most are told by where the polygons have no edges.
_MANY = 1000


def sample(layer: HazardLayer, points: gpd.GeoDataFrame) -> pd.DataFrame:
    """Look up a hazard layer at points.

    A raster is read in windows around the points, never as a whole. A cell holds its left and upper edge. Where
    polygons overlap, the largest number counts, of classes the most severe by the layer's scheme; of equals,
    and of classes without a scheme, the first in the file.

    Parameters
    ----------
    layer
        A raster or vector layer.
    points
        (n,) points with a CRS, which may differ from that of the layer.

    Returns
    -------
    DataFrame
        Index as `points`. ``value`` float64 in the layer's unit, NaN where there is none; ``class_code`` text of
        layers of classes, else missing; ``state``: ``ok``, ``nodata`` (inside the layer, which has no value there
        and states in `nodata_means` what that means) or ``outside`` (nobody looked; also a point that is
        missing).

    Raises
    ------
    HazardError
        If the points have no CRS or are not points.

    Examples
    --------
    >>> from mutualaid.hazards import sample
    >>> sample(layer, region.stations)["state"].value_counts()  # doctest: +SKIP
    """
    x, y = _coordinates(layer, points)
    codes = pd.Series(pd.NA, index=points.index, dtype="str")
    if layer.kind == "raster":
        values, inside = cells_at(layer, x, y)
        if layer.quantity == "class":
            codes = class_codes(pd.Series(values, index=points.index))
        known = ~np.isnan(values)
    else:
        left, bottom, right, top = layer.bounds
        inside = (x >= left) & (x <= right) & (y >= bottom) & (y <= top)
        values, found = _in_polygons(layer, x, y)
        codes = pd.Series(found.array, index=points.index, dtype="str")
        known = ~np.isnan(values) | codes.notna().to_numpy()
    state = np.select([known, inside], ["ok", "nodata"], "outside")
    return pd.DataFrame(
        {"value": values, "class_code": codes, "state": pd.array(state, dtype="str")}, index=points.index
    )


def _coordinates(
    layer: HazardLayer, points: gpd.GeoDataFrame
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    # A point without coordinates is as good as none; GEOS would refuse to give them.
    geometry = points.geometry.to_numpy().copy()
    geometry[shapely.is_empty(geometry)] = None
    # -1 is a missing geometry, 0 a point.
    strange = shapely.get_type_id(geometry) > 0
    defects = []
    if points.crs is None:
        defects.append(Defect("", "points", "a CRS", "none", "set the CRS of the points"))
    if strange.any():
        got = f"{int(strange.sum())} others, such as a {geometry[strange][0].geom_type}"
        defects.append(Defect("", "points", "points only", got, "take their representative points"))
    if defects:
        raise HazardError(defects)
    transformer = Transformer.from_crs(points.crs, layer.crs, always_xy=True)
    x, y = transformer.transform(shapely.get_x(geometry), shapely.get_y(geometry))
    return np.asarray(x, np.float64), np.asarray(y, np.float64)


def _in_polygons(
    layer: HazardLayer, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], pd.Series]:
    """Value and code of the worst polygon around each point."""
    areas = polygons(layer, None, layer.crs)
    areas = areas.iloc[np.argsort(-ranks(layer, areas), kind="stable")]
    chosen = _first_at(areas.geometry.to_numpy(), x, y)
    values = areas["value"].to_numpy()
    return (
        np.where(chosen >= 0, values[chosen], np.nan),
        pd.Series(areas["class_code"].array.take(chosen, allow_fill=True)),
    )


def _first_at(
    geometry: NDArray[np.object_], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.intp]:
    """Position of the first polygon that each point is in; -1 for none."""
    shapely.prepare(geometry)
    tree, rank = shapely.STRtree(geometry), -np.arange(len(geometry), dtype=np.float64)
    where = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    if len(where) < _MANY:
        return area_at(tree, rank, x, y)
    xy = np.column_stack([x[where], y[where]])
    edges = Edges(geometry, (*xy.min(axis=0), *xy.max(axis=0)), len(xy))
    chosen = np.full(len(x), -1, np.intp)
    chosen[where] = edges.of(xy, xy)
    near = np.flatnonzero(chosen == NEAR)
    chosen[near] = area_at(tree, rank, x[near], y[near])
    return chosen


def area_at(
    tree: shapely.STRtree, rank: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.intp]:
    """Position of the polygon that counts at each point: of the highest rank, of equals the first; -1 for none.

    `tree` holds the polygons, prepared if they are large; a point on an edge is in the polygon, one without
    finite coordinates in none.
    """
    chosen = np.full(len(x), -1, np.intp)
    finite = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    geometry = tree.geometries
    for start in range(0, len(finite), _POINTS):
        where = finite[start : start + _POINTS]
        # Boxes first, then the polygons themselves, which know their edges by height once they are prepared.
        point, area = tree.query(shapely.points(x[where], y[where]))
        point = where[point]
        within = shapely.intersects_xy(geometry[area], x[point], y[point])
        point, area = point[within], area[within]
        order = np.lexsort((area, -rank[area], point))
        first, position = np.unique(point[order], return_index=True)
        chosen[first] = area[order][position]
    return chosen


def ranks(layer: HazardLayer, areas: gpd.GeoDataFrame) -> NDArray[np.float64]:
    """Which of several polygons counts: the higher one."""
    if layer.quantity != "class":
        return np.asarray(areas["value"].fillna(-np.inf), np.float64)
    # A code that is in no class goes after every known severity, and before no code at all.
    no_code = areas["class_code"].isna().to_numpy(np.float64)
    if not layer.scheme:
        return np.asarray(0.0 - no_code, np.float64)
    severity = crosswalk(areas["class_code"], layer.scheme)["severity"].astype("Float64").fillna(-1.0)
    return np.asarray(severity.to_numpy(np.float64) - no_code, np.float64)
