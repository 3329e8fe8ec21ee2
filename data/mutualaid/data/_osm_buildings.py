"""Which buildings people live in, and on how many storeys."""

from __future__ import annotations

import re
from collections.abc import Mapping

import geopandas as gpd
import shapely
from pyproj import CRS

from mutualaid.data._osm_read import Extract

__all__ = ["DEFAULT_LEVELS", "NON_RESIDENTIAL", "buildings_frame", "floor_levels"]

#: Buildings with a smaller footprint are sheds.
MIN_BUILDING_M2 = 20.0

#: Storeys of a building whose levels nobody mapped, by the value of ``building``; any other value counts as
#: ``yes``.
DEFAULT_LEVELS: Mapping[str, float] = {
    "yes": 2.0,
    "apartments": 4.0,
    "bungalow": 1.0,
    "cabin": 1.0,
    "dormitory": 3.0,
    "farm": 1.5,
    "static_caravan": 1.0,
}

_NON_RESIDENTIAL = """
bakehouse barn boathouse bridge bunker bus_station carport cathedral chapel church civic clubhouse college
commercial conservatory construction container cowshed demolished digester factory farm_auxiliary
fire_station garage garages gatehouse glasshouse government grandstand greenhouse greenhouse_horticulture
hangar hospital hotel hut industrial kindergarten kingdom_hall kiosk livestock manufacture military
monastery mosque museum no office outbuilding parking pavilion prison public railway religious retail
riding_hall roof ruins school service shed shrine silo slurry_tank sports_centre sports_hall stable stadium
storage_tank sty supermarket synagogue tank temple tent tower train_station transformer_tower transportation
university warehouse watermill wayside_shrine windmill
"""
#: Values of ``building`` in which nobody is taken to live.
NON_RESIDENTIAL: frozenset[str] = frozenset(_NON_RESIDENTIAL.split())

_FACILITIES = """
arts_centre bus_station cinema clinic college community_centre conference_centre courthouse crematorium
ferry_terminal fire_station fuel grave_yard hospital kindergarten library marketplace parking
place_of_worship police prison public_building school shelter sports_centre theatre toilets townhall
university
"""
_AMENITIES = frozenset(_FACILITIES.split())
_OTHER_USE = ("aeroway", "historic", "leisure", "man_made", "military", "power", "railway")


def floor_levels(tags: Mapping[str, str]) -> float | None:
    """Storeys that people may live in, from the OSM tags of a building; None if nobody lives there.

    ``building:levels`` counts where it is a sensible number, else `DEFAULT_LEVELS`. Buildings of
    `NON_RESIDENTIAL` kinds, public facilities, and light structures without walls (``wall=no``) are left out.

    >>> floor_levels({"building": "yes", "building:levels": "5"}), floor_levels({"building": "yes"})
    (5.0, 2.0)
    >>> floor_levels({"building": "garage"}) is None
    True
    """
    kind = tags.get("building", "no")
    if kind in NON_RESIDENTIAL or tags.get("wall") == "no" or tags.get("amenity") in _AMENITIES:
        return None
    if kind == "yes" and any(tags.get(key, "no") != "no" for key in _OTHER_USE):
        return None
    stated = re.fullmatch(r"\s*(\d{1,3}(?:[.,]\d+)?)\s*", tags.get("building:levels", ""))
    levels = float(stated[1].replace(",", ".")) if stated else 0.0
    return levels if 0 < levels <= 200 else DEFAULT_LEVELS.get(kind, DEFAULT_LEVELS["yes"])


def buildings_frame(extract: Extract, crs: CRS) -> gpd.GeoDataFrame:
    """Give residential buildings with their ``levels`` in the region's CRS, those with holes included."""
    keys, shapes, levels = extract.building_areas()
    relations = [element for element in extract.building_relations if not extract.area(element).is_empty]
    surfaces = [extract.area(element) for element in relations]
    frame = gpd.GeoDataFrame(
        {"levels": [*levels, *(floor_levels(element.tags) or 0.0 for element in relations)]},
        geometry=[*shapely.make_valid(shapes), *surfaces],
        index=[*keys, *(element.key for element in relations)],
        crs=4326,
    ).to_crs(crs)
    # The outline of a building with holes is often a tagged way as well: the relation counts.
    outer = {f"w{ref}" for element in relations for kind, ref, _ in element.members if kind == "w"}
    return frame[(frame.area >= MIN_BUILDING_M2) & ~frame.index.isin(outer)]
