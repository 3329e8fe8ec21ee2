"""Where each row of a record happened, in the CRS of the region."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from mutualaid.data import Region
from mutualaid.incidents._import._mapping import PLACES, Recorded
from mutualaid.incidents._import._rules import Notebook

__all__ = ["positions", "swapped"]

#: So far outside the region a position may lie: addresses stand on the middle of the road.
_BESIDE_M = 50.0
_WGS84 = CRS.from_epsg(4326)
_POINT = re.compile(r"(?:SRID=\d+;)?POINT\s*\(\s*(\S+)\s+(\S+?)\s*\)", re.IGNORECASE)


def _number(text: str, decimal: str) -> float:
    plain = text.strip().replace(" ", "")
    if decimal == ",":
        plain = plain.replace(".", "").replace(",", ".")
    if not re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", plain):
        return math.nan
    return float(plain)


def positions(
    numbers: Sequence[int],
    texts: Mapping[str, Sequence[str]],
    recorded: Recorded,
    region: Region,
    notebook: Notebook,
) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    """Read the positions.

    Returns
    -------
    points
        (rows,) points in the region's CRS, None where there is none.
    kept
        (rows,) bool: there is one, inside the region or close to it.
    """
    xy = _coordinates(texts, recorded)
    given = np.isfinite(xy).all(axis=1) & (xy != 0).any(axis=1)
    planar = "lon" not in texts and "x" in texts
    crs = recorded.crs if recorded.crs is not None else _WGS84
    if not planar and not crs.is_geographic:  # degrees beside coordinates in metres
        crs = _WGS84
    where = np.full(xy.shape, np.nan)
    if given.any():
        change = Transformer.from_crs(crs, region.crs, always_xy=True)
        where[given] = np.column_stack(change.transform(xy[given, 0], xy[given, 1]))
    sound = given & np.isfinite(where).all(axis=1)
    points = np.full(len(xy), None, dtype=object)
    points[sound] = shapely.points(where[sound])
    land = shapely.union_all(region.jurisdictions.geometry.to_numpy())
    shapely.prepare(land)
    inside = np.zeros(len(xy), dtype=np.bool_)
    inside[sound] = shapely.dwithin(land, points[sound], _BESIDE_M)
    columns = [name for name in PLACES if name in texts]
    for at in np.flatnonzero(~inside).tolist():
        came = ", ".join(texts[name][at] for name in columns)
        notebook.leave_out(numbers[at], "outside" if sound[at] else "no_position", came)
    return points, inside


def _coordinates(texts: Mapping[str, Sequence[str]], recorded: Recorded) -> NDArray[np.float64]:
    for pair in (("lon", "lat"), ("x", "y")):
        if set(pair) <= texts.keys():
            return np.array(
                [
                    [_number(texts[name][at], recorded.decimal) for name in pair]
                    for at in range(len(texts[pair[0]]))
                ],
                dtype=np.float64,
            ).reshape(-1, 2)
    found = []
    for text in texts["point"]:
        match = _POINT.fullmatch(text.strip())
        found.append([_number(match[1], "."), _number(match[2], ".")] if match else [math.nan, math.nan])
    return np.array(found, dtype=np.float64).reshape(-1, 2)


def swapped(texts: Mapping[str, Sequence[str]], recorded: Recorded, region: Region) -> bool:
    """Whether most rows would lie in the region if their two coordinates were exchanged."""
    pair = next((pair for pair in (("lon", "lat"), ("x", "y")) if set(pair) <= texts.keys()), None)
    if pair is None:
        return False
    numbers = range(len(texts[pair[0]]))
    _, inside = positions(
        numbers, {pair[0]: texts[pair[1]], pair[1]: texts[pair[0]]}, recorded, region, Notebook()
    )
    return bool(len(inside) and inside.mean() > 0.5)
