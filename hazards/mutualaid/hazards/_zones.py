"""Zones in classes: bands on one side of lines, cells as polygons, and zones of which the worst counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.features import shapes
from shapely.geometry.base import BaseGeometry

__all__ = ["cells_as_polygons", "joined_lines", "segments", "side_band", "zones_apart"]

Metres = NDArray[np.float64]

#: Coordinates of zones are multiples of this, in metres: the map is no more precise, and equal inputs stay equal.
_GRID_M = 0.01
#: So far from a line, in metres, is certainly on its one side.
_PROBE_M = 0.05
#: Points along the arc around a bend, however wide it is: at most 0.5 % of the distance is lost.
_ARC = 17
#: A remainder of a zone smaller than this, in m², comes from rounding.
_SLIVER_M2 = 1.0


def joined_lines(lines: gpd.GeoSeries) -> NDArray[np.object_]:
    """Join lines end to end, in their direction, where only two meet. (n,) LineStrings."""
    whole = lines.to_numpy()
    parts = shapely.get_parts(whole[~shapely.is_missing(whole)])
    merged = shapely.line_merge(shapely.multilinestrings(parts[shapely.length(parts) > 0.0]), directed=True)
    return np.asarray(shapely.remove_repeated_points(shapely.get_parts(merged)), dtype=object)


def segments(lines: NDArray[np.object_]) -> tuple[Metres, Metres, NDArray[np.intp]]:
    """Give the begin and end of every segment, (n, 2) each, and the line that it belongs to."""
    xy, line = shapely.get_coordinates(lines, return_index=True)
    same = line[1:] == line[:-1]
    return xy[:-1][same], xy[1:][same], line[1:][same]


def side_band(
    lines: NDArray[np.object_],
    distance_m: float,
    *,
    side: Literal["left", "right"],
    alone: bool,
) -> BaseGeometry:
    """Give the places within a distance on one side of directed lines, with nothing to the other side.

    What lies behind a bend, across the line itself, does not count; nor does, unless each line is `alone`, what
    lies across any other of the lines. The band ends square at the ends of a line.
    """
    ahead = shapely.reverse(lines) if side == "left" else lines
    groups = [ahead[[number]] for number in range(len(ahead))] if alone else [ahead] if len(ahead) else []
    return shapely.union_all([_right_band(group, distance_m) for group in groups])


def _right_band(lines: NDArray[np.object_], distance_m: float) -> BaseGeometry:
    begin, end, line = segments(lines)
    along = end - begin
    length = np.hypot(along[:, 0], along[:, 1])
    along = along / length[:, None]
    right = np.column_stack([along[:, 1], -along[:, 0]])
    far = right * distance_m
    strips = np.asarray(
        shapely.polygons(np.stack([begin, end, end + far, begin + far], axis=1)), dtype=object
    )
    fans = _fans(begin, end, line, along, right, distance_m)
    band = shapely.union_all(np.concatenate([strips, fans]))
    faces = shapely.get_parts(shapely.polygonize([shapely.union_all([band.boundary, *lines])]))
    middle = 0.5 * (begin + end)
    seen = [_seen(faces, middle + sign * _PROBE_M * right, length) for sign in (1.0, -1.0)]
    # Between two lines a face may be to the right of the one and to the left of the other.
    return shapely.union_all(faces[(seen[0] > 0.0) & (seen[0] >= seen[1])])


def _fans(
    begin: Metres,
    end: Metres,
    line: NDArray[np.intp],
    along: Metres,
    right: Metres,
    distance_m: float,
) -> NDArray[np.object_]:
    """Sectors that fill the gaps between strips where a line bends away from its right side."""
    count = len(line)
    first = np.searchsorted(line, line, side="left")
    following = np.arange(1, count + 1)
    last = (following == count) | (np.append(line[1:], -1) != line)
    following[last] = first[last]
    meets = ~last | (begin[first] == end).all(axis=1)  # a ring bends at its end, too
    one, two = along, along[following]
    bend = np.arctan2(
        one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0], one[:, 0] * two[:, 0] + one[:, 1] * two[:, 1]
    )
    where = np.flatnonzero(meets & (bend > 1e-9))
    angle = np.arctan2(right[where, 1], right[where, 0])
    angle = angle[:, None] + bend[where, None] * np.linspace(0.0, 1.0, _ARC)
    arc = end[where, None, :] + distance_m * np.stack([np.cos(angle), np.sin(angle)], axis=2)
    return np.asarray(shapely.polygons(np.concatenate([end[where, None, :], arc], axis=1)), dtype=object)


def _seen(faces: NDArray[np.object_], xy: Metres, weight: Metres) -> Metres:
    """Sum of the weights of the points in each face."""
    point, face = shapely.STRtree(faces).query(shapely.points(xy), predicate="within")
    return np.asarray(np.bincount(face, weights=weight[point], minlength=len(faces)), np.float64)


def cells_as_polygons(cells: NDArray[np.bool_], transform: Affine) -> BaseGeometry:
    """Turn the true cells of a grid into polygons along their edges."""
    found = shapes(cells.astype(np.uint8), cells, connectivity=4, transform=transform)
    outlines: list[Any] = [shape["coordinates"] for shape, _ in found]
    return shapely.union_all([shapely.Polygon(ring, holes) for ring, *holes in outlines])


def zones_apart(
    zones: Sequence[tuple[str, str, BaseGeometry]],
    *,
    crs: CRS,
    area: BaseGeometry | None,
    simplify_m: float,
    min_zone_m2: float,
) -> gpd.GeoDataFrame:
    """Make zones that do not overlap out of zones that may: of several the first, which is the worst, counts.

    Parameters
    ----------
    zones
        Code, label and geometry of each class, the worst first.
    crs
        CRS of the geometries, in metres.
    area
        Zones end here; None for nowhere.
    simplify_m
        Outlines may move by so much, even across that of the area; 0 leaves them as they are.
    min_zone_m2
        Smaller parts are left to the class below, and smaller holes belong to the zone around them.

    Returns
    -------
    GeoDataFrame
        One row a polygon, by rising class, then from west to east: ``class_code``, ``class_label``.
    """
    whole: list[BaseGeometry] = []
    for _, _, zone in zones:
        # Holes first, because what is outside the area is no hole.
        shape = _clean(zone, min_zone_m2)
        if area is not None:
            shape = _clean(shapely.intersection(shape, area), min_zone_m2, fill=False)
        whole.append(shape)
    faces, rank = _faces(whole, simplify_m)
    found: list[tuple[str, str, BaseGeometry]] = []
    for number, (code, label, _) in enumerate(zones):
        parts = _surfaces(shapely.union_all(faces[rank == number]), _SLIVER_M2)
        found += [(code, label, shapely.normalize(part)) for part in parts]
    found.sort(key=lambda one: (one[0], one[2].bounds, one[2].wkb))
    table = {
        "class_code": pd.array([code for code, _, _ in found], dtype="str"),
        "class_label": pd.array([label for _, label, _ in found], dtype="str"),
    }
    return gpd.GeoDataFrame(table, geometry=[polygon for _, _, polygon in found], crs=crs)


def _faces(zones: Sequence[BaseGeometry], simplify_m: float) -> tuple[NDArray[np.object_], NDArray[np.intp]]:
    """Cut the plane along the outlines of zones, and number the faces by the first zone that they are in.

    Outlines are simplified once for both sides, between the points where they meet, so that there are neither gaps
    nor overlaps.
    """
    outlines = shapely.union_all([zone.boundary for zone in zones], grid_size=_GRID_M)
    arcs = shapely.simplify(shapely.get_parts(shapely.line_merge(outlines)), simplify_m)
    faces = shapely.get_parts(shapely.polygonize([shapely.union_all(arcs, grid_size=_GRID_M)]))
    # The deepest point of a face is in the zone that it was in before its outline moved.
    inner = shapely.get_point(shapely.maximum_inscribed_circle(faces), 0)
    within = np.array([shapely.intersects(zone, inner) for zone in zones], dtype=bool)
    rank = np.where(within.any(axis=0), within.argmax(axis=0), len(zones))
    return np.asarray(faces, dtype=object), np.asarray(rank, np.intp)


def _surfaces(shape: BaseGeometry, min_m2: float) -> list[BaseGeometry]:
    parts = shapely.get_parts(shapely.get_parts(shape))
    areal = shapely.get_type_id(parts) == 3
    return list(parts[areal & (shapely.area(parts) >= min_m2)])


def _clean(shape: BaseGeometry, min_m2: float, *, fill: bool = True) -> BaseGeometry:
    parts = _surfaces(shape, min_m2)
    if fill:
        parts = [_filled(part, min_m2) for part in parts]
    return shapely.union_all(parts)


def _filled(polygon: Any, min_m2: float) -> BaseGeometry:
    holes = [ring for ring in polygon.interiors if shapely.area(shapely.Polygon(ring)) >= min_m2]
    return shapely.Polygon(polygon.exterior, holes)
