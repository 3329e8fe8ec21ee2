"""An area given on the command line: four numbers, or a file with polygons."""

from __future__ import annotations

from pathlib import Path

import pyogrio
import shapely
from shapely.geometry.base import BaseGeometry

from mutualaid.errors import Defect, RegionError

__all__ = ["read_area"]


def read_area(text: str) -> BaseGeometry | tuple[float, float, float, float]:
    """Read an area from ``west,south,east,north`` or from a file of polygons.

    Parameters
    ----------
    text
        Four numbers in degrees, longitude first, joined by commas; or the path of a file that GDAL reads as
        polygons, with a CRS. All polygons of the file together are the area.

    Returns
    -------
    tuple or geometry
        The box, or a (Multi)Polygon in degrees (EPSG:4326).

    Raises
    ------
    RegionError
        It is neither, or the file has no CRS or no polygons.

    Examples
    --------
    >>> from mutualaid.data import read_area
    >>> read_area("7.35,43.71,7.49,43.77")
    (7.35, 43.71, 7.49, 43.77)
    """
    parts = text.split(",")
    if len(parts) == 4:
        try:
            west, south, east, north = (float(part) for part in parts)
        except ValueError:
            pass
        else:
            return (west, south, east, north)
    path = Path(text)
    if not path.is_file():
        remedy = "check the order of the numbers, or the path"
        raise _wrong("", "west,south,east,north in degrees, or a file of polygons", repr(text[:80]), remedy)
    try:
        frame = pyogrio.read_dataframe(path)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError) as error:
        raise _wrong(
            path.name, "a file of polygons", str(error)[:200], "save it as GeoJSON or GeoPackage"
        ) from error
    if getattr(frame, "crs", None) is None:
        raise _wrong(path.name, "a coordinate reference system", "none", "save the file with its CRS")
    area: BaseGeometry = shapely.union_all(frame.geometry.to_crs(4326).to_numpy())
    if area.geom_type not in ("Polygon", "MultiPolygon") or area.is_empty:
        raise _wrong(
            path.name, "polygons", area.geom_type, "give the outline of the area, not points or lines"
        )
    return area


def _wrong(file: str, expected: str, got: str, remedy: str) -> RegionError:
    return RegionError([Defect(file, "within", expected, got, remedy)])
