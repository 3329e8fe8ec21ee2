"""Files of derived layers, with the statements that opening them takes: the same bytes every time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import geopandas as gpd
import numpy as np
import shapely
from pyproj import CRS

from mutualaid.data import write_table
from mutualaid.errors import Defect, HazardError
from mutualaid.hazards._derive import (
    derive_coastal_flood,
    derive_flash_flood,
    derive_rockfall,
    derive_wildfire_interface,
)
from mutualaid.hazards._ground import Ground
from mutualaid.hazards._terrain import Elevation

__all__ = ["DERIVED_HAZARDS", "DerivedStatement", "derive_layers", "write_derived"]

#: What can be derived: the scheme of each hazard, and what people call the layer.
DERIVED_HAZARDS: dict[str, tuple[str, str]] = {
    "wildfire": ("derived-wildfire", "Wildfire interface"),
    "rockfall": ("derived-rockfall", "Rockfall below cliffs"),
    "flash_flood": ("derived-flash-flood", "Flash flood along streams"),
    "coastal_flood": ("derived-coastal-flood", "Coastal inundation band"),
}
#: Decimals of a degree in the files: 1e-7° is a centimetre.
_GRID_DEG = 1e-7
_WGS84 = CRS.from_epsg(4326)


class DerivedStatement(TypedDict):
    """What `read_hazard` is to be told about a derived file: its keyword arguments."""

    id: str
    name: str
    hazard: str
    quantity: str
    scheme: str
    column: str
    derived: bool
    source: str
    licence: str
    date: str
    nodata_means: str
    covers: tuple[float, float, float, float]


def write_derived(
    zones: gpd.GeoDataFrame,
    path: str | Path,
    *,
    hazard: str,
    ground: Ground,
    area: gpd.GeoDataFrame | None = None,
) -> DerivedStatement:
    """Write derived zones as GeoJSON, and say what `read_hazard` must be told about the file.

    The file is in EPSG:4326 with 7 decimals, one feature a line, and takes its place only once it is whole. Equal
    zones give equal bytes.

    Parameters
    ----------
    zones
        What one of the functions ``derive_…`` gave, with rows.
    path
        File to write, ``.geojson``.
    hazard
        One of `DERIVED_HAZARDS`.
    ground
        What they were derived from.
    area
        Polygons, in any CRS, to which the zones were limited. The file covers their bounds as far as the ground was
        read; by default all of the ground.

    Returns
    -------
    DerivedStatement
        Keyword arguments for `read_hazard`. A place in none of the zones is unknown, not free of the hazard.

    Raises
    ------
    HazardError
        No such hazard, no zones, another suffix, an area without a CRS or beyond the ground.

    Examples
    --------
    >>> from mutualaid.hazards import read_hazard, write_derived
    >>> told = write_derived(zones, "rockfall.geojson", hazard="rockfall", ground=ground)  # doctest: +SKIP
    >>> layer = read_hazard("rockfall.geojson", **told)  # doctest: +SKIP
    """
    target = Path(path)
    defects = []
    if hazard not in DERIVED_HAZARDS:
        expected = f"one of {', '.join(DERIVED_HAZARDS)}"
        defects.append(Defect(target.name, "hazard", expected, repr(hazard)[:80], "choose one of them"))
    if zones.empty:
        remedy = "leave this layer out: the map has nothing to derive it from"
        defects.append(Defect(target.name, "zones", "at least one polygon", "none", remedy))
    if target.suffix.lower() != ".geojson":
        defects.append(Defect(target.name, "", "a file .geojson", target.suffix or "none", "rename it"))
    if zones.crs is None or not ground.crs.equals(zones.crs, ignore_axis_order=True):
        got = "none" if zones.crs is None else zones.crs.to_string()[:60]
        remedy = "give the zones that were derived from this ground"
        defects.append(Defect(target.name, "zones", "the CRS of the ground", got, remedy))
    if area is not None and area.crs is None:
        defects.append(Defect(target.name, "area", "a CRS", "none", "set it with set_crs"))
    if defects:
        raise HazardError(defects)
    covers = _covers(target, ground, area)
    degrees = zones[["class_code", "class_label"]].set_geometry(
        shapely.set_precision(zones.geometry.to_crs(_WGS84).to_numpy(), _GRID_DEG), crs=_WGS84
    )
    # On the grid of the file a thin polygon may have no surface left.
    write_table(degrees[~degrees.geometry.is_empty.to_numpy()].reset_index(drop=True), target)
    scheme, name = DERIVED_HAZARDS[hazard]
    rule = str(zones.attrs.get("rule", "derived, illustrative"))
    return DerivedStatement(
        id=scheme,
        name=f"{name} (derived, illustrative)",
        hazard=hazard,
        quantity="class",
        scheme=scheme,
        column="class_code",
        derived=True,
        source="; ".join(filter(None, (ground.source, rule))),
        licence="ODbL 1.0",
        date=ground.date,
        nodata_means="unknown",
        covers=covers,
    )


def _covers(path: Path, ground: Ground, area: gpd.GeoDataFrame | None) -> tuple[float, float, float, float]:
    place = ground.extent
    if area is not None:
        place = shapely.intersection(place, shapely.union_all(area.to_crs(ground.crs).geometry.to_numpy()))
    if place.is_empty:
        remedy = "read the extract that covers the area"
        raise HazardError([Defect(path.name, "area", "a place on the ground that was read", "none", remedy)])
    bounds = gpd.GeoSeries([place], crs=ground.crs).to_crs(_WGS84).total_bounds
    left, bottom, right, top = np.round(bounds, 7).tolist()
    return (left, bottom, right, top)


def derive_layers(
    ground: Ground,
    folder: str | Path,
    *,
    area: gpd.GeoDataFrame,
    elevation: Elevation | None = None,
    hazards: Sequence[str] = tuple(DERIVED_HAZARDS),
    simplify_m: float = 1.0,
) -> dict[Path, DerivedStatement]:
    """Derive all layers that the map allows, by the default rules, and write them into a folder.

    Parameters
    ----------
    ground
        What `read_ground` gave.
    folder
        Where the files go; it is made if it is missing.
    area
        Polygons of the land, in any CRS, such as the jurisdictions, at which all zones end.
    elevation
        Heights, for the rules that use them.
    hazards
        Some of `DERIVED_HAZARDS`.
    simplify_m
        Outlines may move by so many metres; more makes smaller files.

    Returns
    -------
    dict
        For each file that was written, the keyword arguments of `read_hazard`. A hazard that the map has nothing
        for, or nothing within the area, has no file.

    Raises
    ------
    HazardError
        No such hazard, or what the functions that it calls raise.

    Examples
    --------
    >>> from mutualaid.hazards import derive_layers, read_hazard
    >>> files = derive_layers(ground, "derived", area=region.jurisdictions)  # doctest: +SKIP
    >>> layers = [read_hazard(path, **told) for path, told in files.items()]  # doctest: +SKIP
    """
    if odd := [hazard for hazard in hazards if hazard not in DERIVED_HAZARDS]:
        expected = f"some of {', '.join(DERIVED_HAZARDS)}"
        raise HazardError([Defect("", "hazards", expected, ", ".join(odd)[:80], "choose some of them")])
    written: dict[Path, DerivedStatement] = {}
    for hazard in hazards:
        if hazard == "wildfire":
            zones = derive_wildfire_interface(ground, elevation=elevation, area=area, simplify_m=simplify_m)
        elif hazard == "rockfall":
            zones = derive_rockfall(ground, elevation=elevation, area=area, simplify_m=simplify_m)
        elif hazard == "flash_flood":
            zones = derive_flash_flood(ground, elevation=elevation, area=area, simplify_m=simplify_m)
        else:
            zones = derive_coastal_flood(ground, area, elevation=elevation, simplify_m=simplify_m)
        if not zones.empty:
            path = Path(folder) / f"{DERIVED_HAZARDS[hazard][0]}.geojson"
            written[path] = write_derived(zones, path, hazard=hazard, ground=ground, area=area)
    return written
