"""What a hazard layer is: one file, one quantity, one unit, and everything it states about itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from affine import Affine
from pyproj import CRS

from mutualaid.data import HAZARDS, NODATA_MEANINGS, QUANTITIES

__all__ = ["HAZARDS", "NODATA_MEANINGS", "QUANTITIES", "SEVERITIES", "WATER_HAZARDS", "HazardLayer"]

#: Hazards in which a place is flooded, and bridges stand above them.
WATER_HAZARDS: tuple[str, ...] = ("flood", "flash_flood", "coastal_flood", "tsunami")

#: The common scale. Unknown is missing, never 0.
SEVERITIES: dict[int, str] = {
    0: "none",
    1: "very low",
    2: "low",
    3: "moderate",
    4: "high",
    5: "extreme",
}


@dataclass(frozen=True, eq=False, kw_only=True)
class HazardLayer:
    """One hazard layer: where its values are, and what they mean.

    Nothing but metadata is read when a layer is opened; values are read where they are needed, by `sample`,
    `read_window` and `polygons`.

    Attributes
    ----------
    id, name
        Key of the layer, and what people call it.
    hazard
        One of `HAZARDS`.
    quantity
        One of the keys of `QUANTITIES`.
    unit
        Unit of the values after conversion: that of `QUANTITIES`.
    scheme
        Id of the scheme that maps values to severity; empty if none is stated.
    return_period_years
        Return period in years; NaN for an event.
    event
        Name of the event, if it is one.
    jurisdiction
        Id of the jurisdiction that provides it; empty if none.
    source, licence, date
        Where it comes from, on what terms, and from when (ISO 8601).
    nodata_means
        ``unknown`` or ``none``: what a cell with the nodata value, or a place inside the bounds of a vector
        layer but in none of its polygons, says. Outside the bounds is always unknown.
    derived
        Derived by this package from other data: illustrative, not official.
    file
        File that holds the values.
    factor
        Canonical value = value in the file (after the scale and offset stated there) × factor.
    kind
        ``raster`` (GeoTIFF or another GDAL raster, or a ShakeMap grid) or ``vector``.
    crs
        CRS of the file.
    bounds
        (left, bottom, right, top) in `crs`.
    band
        Band of the raster, from 1.
    nodata
        Value in the file that means nodata; None if only NaN and the file's mask do.
    layer, column
        Layer of a vector file and the column with the values; for a ShakeMap the field.
    transform, shape
        Of a raster: pixel to coordinates, and (rows, columns).
    """

    id: str
    hazard: str
    quantity: str
    unit: str
    file: Path
    kind: Literal["raster", "vector"]
    crs: CRS
    bounds: tuple[float, float, float, float]
    name: str = ""
    scheme: str = ""
    return_period_years: float = math.nan
    event: str = ""
    jurisdiction: str = ""
    source: str = ""
    licence: str = ""
    date: str = ""
    nodata_means: str = "unknown"
    derived: bool = False
    factor: float = 1.0
    band: int = 1
    nodata: float | None = None
    layer: str | None = None
    column: str | None = None
    transform: Affine | None = None
    shape: tuple[int, int] | None = None
