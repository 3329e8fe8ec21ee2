"""What a map of the region shows for orientation, out of OpenStreetMap: water, rivers, coast and places."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from mutualaid.data._osm_read import Element, Extract
from mutualaid.data._osm_region import clean, name_columns, translations

__all__ = ["ground_frame"]

#: Kinds of settlements, the most important first, and other places that people name.
PLACES: tuple[str, ...] = (
    "city", "town", "village", "borough", "suburb", "island", "quarter", "hamlet", "neighbourhood", "islet",
    "locality",
)  # fmt: skip
#: More places than these fit on no map: kinds that would exceed them are left out, the least important first.
MOST_PLACES = 2_000
#: The ground reaches beyond the jurisdictions by this share of their extent.
MARGIN = 0.05
#: Smaller surfaces of water are ponds that nobody looks for.
MIN_WATER_M2 = 2_000.0
#: Lines may be off by this much, in metres, and in larger regions by this share of their extent.
TOLERANCE_M, TOLERANCE = 3.0, 1 / 20_000
#: Positions are whole multiples of this, in degrees: about 1 m.
STEP_DEG = 1e-5

_COLUMNS = ("kind", "name", "place", "population")


def ground_frame(
    extract: Extract, jurisdictions: gpd.GeoDataFrame, languages: Sequence[str]
) -> gpd.GeoDataFrame:
    """Make the table of the ground.

    What reaches beyond the frame of the jurisdictions is cut at it. Rivers of one name are one row. Left out are water
    in tunnels, basins of sewage, and surfaces of which the extract lacks a part.

    Parameters
    ----------
    extract
        What was read.
    jurisdictions
        In the region's projected CRS.
    languages
        Languages for which names are taken.

    Returns
    -------
    GeoDataFrame
        Columns as `Region.ground`, in degrees, on a grid of `STEP_DEG`.
    """
    crs = jurisdictions.crs
    assert crs is not None
    west, south, east, north = jurisdictions.total_bounds
    margin_m = MARGIN * max(east - west, north - south)
    frame = shapely.box(west - margin_m, south - margin_m, east + margin_m, north + margin_m)
    tolerance_m = max(TOLERANCE_M, TOLERANCE * max(east - west, north - south))

    def table(rows: list[dict[str, Any]], shapes: Iterable[BaseGeometry]) -> gpd.GeoDataFrame:
        columns = pd.DataFrame(rows, columns=pd.Index([*_COLUMNS, *(f"name_{code}" for code in languages)]))
        return gpd.GeoDataFrame(columns, geometry=list(shapes), crs=4326).to_crs(crs)

    def row(kind: str, tags: Mapping[str, str], **more: object) -> dict[str, Any]:
        name = clean(tags.get("name", ""))
        named = {"kind": kind, "name": name, "place": "", "population": np.nan}
        return named | translations(tags, name, languages) | more

    open_water = [element for element in extract.water if element.tags.get("water") != "wastewater"]
    surfaces = [(element, extract.whole_area(element)) for element in open_water]
    water = table([row("water", element.tags) for element, _ in surfaces], [shape for _, shape in surfaces])
    water = water[water.area >= max(MIN_WATER_M2, (10 * tolerance_m) ** 2)]
    rivers = _rivers(extract)
    lines = table([row("river", tags) for tags, _ in rivers], [shape for _, shape in rivers])
    shore = [part for way in sorted(extract.coastline) for part in extract.lines(way)]
    coast = table([row("coast", {})] if shore else [], [_merged(shore)] if shore else [])
    drawn = pd.concat([water, lines, coast], ignore_index=True)
    drawn = drawn.set_geometry(drawn.geometry.intersection(frame).simplify(tolerance_m))
    drawn = drawn.set_geometry(_as_drawn(drawn), crs=crs)
    settlements = _settlements(extract)
    places = table(
        [
            row("place", one.tags, place=one.tags["place"], population=_population(one.tags))
            for one in settlements
        ],
        [shapely.Point(one.xy) for one in settlements if one.xy is not None],
    )
    places = _most_important(places[places.within(frame)])
    ground = pd.concat([drawn, places], ignore_index=True).to_crs(4326)
    ground = ground.set_geometry(shapely.set_precision(ground.geometry.to_numpy(), STEP_DEG), crs=4326)
    ground = ground[~ground.geometry.is_empty.to_numpy()].reset_index(drop=True)
    ground.index = pd.Index([f"G{number}" for number in range(1, len(ground) + 1)], name="id", dtype=str)
    return name_columns(ground)


def _rivers(extract: Extract) -> list[tuple[Mapping[str, str], BaseGeometry]]:
    # One for each name, called as any of its parts or the whole is; those without are one together.
    whole = {element.tags.get("name", ""): element.tags for element in extract.waterways}
    tags: dict[str, Mapping[str, str]] = {}
    parts: dict[str, list[BaseGeometry]] = {}
    for element in extract.rivers:
        below = element.tags.get("location") == "underground"
        if below or any(element.tags.get(key, "no") != "no" for key in ("tunnel", "covered", "culvert")):
            continue
        name = element.tags.get("name", "")
        tags[name] = {**tags.get(name, whole.get(name, {})), **element.tags} if name else {}
        parts.setdefault(name, []).extend(extract.lines(element.osm_id))
    return [(tags[name], _merged(lines)) for name, lines in parts.items() if lines]


def _merged(lines: Sequence[BaseGeometry]) -> BaseGeometry:
    return shapely.line_merge(shapely.union_all(lines))


def _as_drawn(drawn: gpd.GeoDataFrame) -> list[BaseGeometry]:
    # What cutting leaves of a surface may be a line as well, and of a line a point.
    shapes: list[BaseGeometry] = []
    for kind, shape in zip(drawn["kind"], drawn.geometry, strict=True):
        wanted = 2 if kind == "water" else 1
        parts = [
            part
            for part in shapely.get_parts(shape)
            if shapely.get_dimensions(part) == wanted and not part.is_empty
        ]
        shapes.append(shapely.union_all(parts) if wanted == 2 else shapely.MultiLineString(parts))
    return shapes


def _settlements(extract: Extract) -> list[Element]:
    found = [one for one in extract.places.values() if one.xy is not None and clean(one.tags.get("name", ""))]
    return sorted(
        (one for one in found if one.tags.get("place") in PLACES),
        key=lambda one: (PLACES.index(one.tags["place"]), one.osm_id),
    )


def _most_important(places: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    counts = [int((places["place"] == kind).sum()) for kind in PLACES]
    kept = int((np.cumsum(counts) <= MOST_PLACES).sum())
    return places[places["place"].isin(PLACES[:kept])]


def _population(tags: Mapping[str, str]) -> float:
    digits = re.sub(r"[\s'’.,]", "", tags.get("population", ""))
    return float(digits) if digits.isdecimal() and len(digits) < 10 else np.nan
