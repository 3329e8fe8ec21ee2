"""Turns what was read from OpenStreetMap into the tables of a region."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from mutualaid.data._boundaries import Unit, assemble_units, country_units
from mutualaid.data._model import HOUR_CLASSES
from mutualaid.data._osm_read import Element, Extract
from mutualaid.data._osm_roads import read_lines
from mutualaid.errors import Defect, OsmError

__all__ = [
    "clean",
    "hospitals_frame",
    "jurisdictions_frame",
    "name_columns",
    "selected_units",
    "stations_frame",
    "told_languages",
    "translations",
]

#: Languages for which names are taken from the map, besides those of the jurisdictions.
LANGUAGES: tuple[str, ...] = ("en", "fr", "de", "it", "es", "ar", "ca", "pt", "nl")

_EACH_ALONE = (
    "each municipality is its own partner; if one service runs several, "
    "set `partner` in jurisdictions.geojson"
)

#: A station's yard opens to a road at most this far from it, in metres.
EXIT_M = 300.0

_KINDS = {"fire": "Fire station", "ems": "Ambulance station"}
_TOLD_BY_PARTS = ("name", "fire_station:type", "operator:type", "fire_station:staffing")
_AIR_TAGS = ("aeroway", "air_rescue_service", "helipad")
_AIR_NAMES = re.compile(r"luftrettung|air ambulance|helicopter|h[ée]lico", re.IGNORECASE)
_WORKS_TAGS = re.compile(r"\b(industrial|airport|works|plant)\b", re.IGNORECASE)
_WORKS_NAMES = re.compile(r"(betriebs|werks?|flughafen)feuerwehr", re.IGNORECASE)


def clean(text: str, longest: int = 200) -> str:
    """Give a text as one line without control characters, as tables want it."""
    kept = "".join(
        " " if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") else letter for letter in text
    )
    return " ".join(kept.split())[:longest]


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain.replace("'", "-")).strip("-")


# --- names in other languages ---


def told_languages(languages: Iterable[str]) -> tuple[str, ...]:
    """Languages for which names are taken: `LANGUAGES`, and those that jurisdictions state, joined by ``;``."""
    own = [tag.split("-")[0].lower() for stated in languages for tag in stated.split(";") if tag]
    return tuple(dict.fromkeys([*LANGUAGES, *own]))


def translations(tags: Mapping[str, str], name: str, languages: Sequence[str]) -> dict[str, str]:
    """Columns ``name_<language>`` of an object that is called `name`; "" where the map says nothing else."""
    told = {code: clean(tags.get(f"name:{code}", "")) for code in languages}
    return {f"name_{code}": "" if text == name else text for code, text in told.items()}


def name_columns(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Leave out columns ``name_<language>`` that have no name at all."""
    return frame.drop(columns=[one for one in frame if str(one).startswith("name_") and not frame[one].any()])


# --- jurisdictions ---


def selected_units(
    extract: Extract, level: int, area: BaseGeometry | None
) -> tuple[list[Unit], list[Unit], list[str]]:
    """Units of one level that reach into an area, with those that fill countries without the level.

    Returns
    -------
    units, countries, notes
        `countries` are the units of level 2, for `jurisdictions_frame`.

    Raises
    ------
    OsmError
        The extracts hold no boundary of this level.
    """
    units, notes = assemble_units(extract, level)
    countries = units if level == 2 else assemble_units(extract, 2)[0]
    units = [*units, *country_units(extract, units, countries)]
    if area is not None:
        units = [
            unit
            for unit in units
            if shapely.intersection(unit.polygon, area).area > 1e-3 * min(unit.polygon.area, area.area)
        ]
    if not units:
        have = Counter(int(element.tags["admin_level"]) for element in extract.boundaries.values())
        said = (
            ", ".join(f"{count} of level {value}" for value, count in sorted(have.items())) or "none at all"
        )
        raise OsmError(
            [
                Defect(
                    "",
                    f"admin_level {level}",
                    "at least one boundary that closes inside the area",
                    f"{said} (complete or cut)",
                    "choose another level; wiki.openstreetmap.org/wiki/Tag:boundary=administrative has them",
                )
            ]
        )
    return units, countries, notes


def jurisdictions_frame(
    extract: Extract,
    units: Sequence[Unit],
    countries: Sequence[Unit],
    *,
    populations: Mapping[str, float],
    partners: Mapping[str, str],
) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Make the table of jurisdictions.

    Parameters
    ----------
    populations, partners
        By id or name. A figure given counts before the map's own; for a unit that the extract cuts, it must
        be that of the part inside.

    Returns
    -------
    jurisdictions : GeoDataFrame
        In EPSG:4326, columns as `Region.jurisdictions`, and ``given`` (bool): the population was given.
    notes : list of str
        Where populations come from, and what is missing.
    """
    codes = [_country(unit, countries) for unit in units]
    languages = told_languages(_languages(unit.element.tags) for unit in units)
    notes = [] if partners or len(units) < 2 else [_EACH_ALONE]
    rows = []
    for unit, code, key in zip(units, codes, _ids(units, codes), strict=True):
        tags = unit.element.tags
        name = clean(unit.name) or key
        given = next((populations[at] for at in (key, name, unit.element.key) if at in populations), None)
        figure, source = (given, "given") if given is not None else _mapped_population(unit, extract)
        if not unit.completed or given is not None:
            notes.append(f"{name}: population {'unknown' if figure is None else f'{figure:,.0f}'} ({source})")
        rows.append(
            {
                "id": key,
                "name": name,
                "country": code,
                "languages": _languages(tags),
                "population": np.nan if figure is None else float(figure),
                "partner": clean(
                    next((partners[at] for at in (key, name, unit.element.key) if at in partners), key)
                ),
                "completed": unit.completed,
                "given": given is not None,
                **translations(tags, name, languages),
            }
        )
        if not code:
            notes.append(
                f"{name}: country unknown, because the extract holds no closed boundary of level 2 around it"
            )
    frame = pd.DataFrame(rows).set_index("id")
    frame.index = frame.index.astype(str)
    geometry = [shapely.make_valid(unit.polygon) for unit in units]
    return gpd.GeoDataFrame(frame, geometry=geometry, crs=4326), notes


def _country(unit: Unit, countries: Sequence[Unit]) -> str:
    inside = unit.polygon.representative_point()
    for country in countries:
        if country.polygon.covers(inside):
            tags = country.element.tags
            code = (tags.get("ISO3166-1:alpha2") or tags.get("ISO3166-1") or "").upper()
            return code if re.fullmatch(r"[A-Z]{2}", code) else ""
    return ""


def _ids(units: Sequence[Unit], codes: Sequence[str]) -> list[str]:
    # Readable and stable: country and name; the relation's id only where that is not unique.
    made = []
    for unit, code in zip(units, codes, strict=True):
        tags = unit.element.tags
        slugs = (_slug(tags.get(key, "")) for key in ("name", "int_name", "name:en"))
        slug = next((text for text in slugs if text), unit.element.key)
        made.append(code if unit.level == 2 and code else "-".join(part for part in (code, slug) if part))
    count = Counter(made)
    return [
        key if count[key] == 1 else f"{key}-{unit.element.key}" for key, unit in zip(made, units, strict=True)
    ]


def _languages(tags: Mapping[str, str]) -> str:
    stated = re.split(r"[;,/ ]+", tags.get("default_language", ""))
    return ";".join(code for code in stated if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", code))


def _mapped_population(unit: Unit, extract: Extract) -> tuple[float | None, str]:
    # From the boundary's own tags, its label or centre, or a settlement of the same name inside it.
    if unit.completed:
        return None, "the map's figure is of the whole unit, of which only a part is here"
    nodes = [
        extract.places[ref] for kind, ref, _ in unit.element.members if kind == "n" and ref in extract.places
    ]
    same = [
        place
        for place in extract.places.values()
        if place.tags.get("name") == unit.name and place.xy and unit.polygon.covers(shapely.Point(place.xy))
    ]
    for place in [unit.element, *(node for node in nodes if node.tags.get("name") == unit.name), *same]:
        digits = re.sub(r"[\s'’.,]", "", place.tags.get("population", ""))
        if digits.isdecimal() and len(digits) < 10:
            when = clean(place.tags.get("population:date", "date not mapped"), 40)
            return float(digits), f"OpenStreetMap {place.key}, {when}"
    return None, "not mapped"


# --- stations and hospitals ---


def stations_frame(
    extract: Extract, roads: Path, jurisdictions: gpd.GeoDataFrame
) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Make the table of fire and ambulance stations.

    A station mapped as a surface becomes the point of its outline that is nearest to a road on the surface,
    service roads included: its exit. A surface with parts or points that are mapped as stations too is one
    station. Stations outside every jurisdiction are left out, and so are those that may
    not serve the public by road: brigades of works and airports, and bases of aircraft.

    Parameters
    ----------
    extract
        What was read.
    roads
        Road file of the region.
    jurisdictions
        In the region's projected CRS.

    Returns
    -------
    stations, notes
        Columns as `Region.stations`. ``department`` is what tags say (``fire_station:type``,
        ``operator:type``), never guessed from a name.
    """
    crs = jurisdictions.crs
    assert crs is not None
    sites, services = _station_sites(extract)
    notes: list[str] = []
    shapes = _shapes(extract, sites, crs)
    sites, once = _once(sites, services, shapes.to_numpy(), notes)
    sites, services = [sites[at] for at in once], [services[at] for at in once]
    shapes = gpd.GeoSeries(shapes.iloc[once])
    exits = _exits(shapes, sites, roads, crs, notes)
    rows, points = [], []
    doubtful: dict[str, str] = {}
    where = _containing(exits, jurisdictions)
    places = shapely.get_coordinates(gpd.GeoSeries(exits, crs=crs).to_crs(4326).to_numpy()).tolist()
    used: Counter[str] = Counter()
    languages = told_languages(jurisdictions["languages"])
    for site, service, point, (lon, lat), owner in zip(sites, services, exits, places, where, strict=True):
        label = clean(site.tags.get("name", "")) or f"{_KINDS[service]} (OSM {site.key})"
        if owner is None:
            notes.append(f"{label} ({site.key}): outside every jurisdiction, left out")
            continue
        doubt = _doubt(site.tags)
        if doubt:
            doubtful[site.key] = (
                f"{label} ({site.key}, lon {lon:.5f}, lat {lat:.5f}): {doubt}, left out; if it drives "
                f"out to the public, add it to stations.csv with jurisdiction {owner}"
            )
            continue
        used[site.key] += 1
        rows.append(
            {
                "id": site.key if used[site.key] == 1 else f"{site.key}-{service}",
                "name": label,
                "jurisdiction": owner,
                "service": service,
                "department": _department(site.tags),
                "turnout_s": np.nan,
                **{f"turnout_{hour}_s": np.nan for hour in HOUR_CLASSES},
                "status": "active",
                **translations(site.tags, label, languages),
            }
        )
        points.append(point)
    if not rows:
        raise OsmError(
            [
                Defect(
                    "",
                    "stations",
                    "amenity=fire_station or emergency=ambulance_station inside a jurisdiction",
                    "; ".join(doubtful.values())[:500] or "none",
                    "use a larger extract, or map the stations in OpenStreetMap first",
                )
            ]
        )
    return _points(rows, points, crs), [*notes, *doubtful.values()]


def _station_sites(extract: Extract) -> tuple[list[Element], list[str]]:
    sites, services = [], []
    for site in extract.sites:
        tags = site.tags
        found = [
            service
            for service, key, value in (
                ("fire", "amenity", "fire_station"),
                ("ems", "emergency", "ambulance_station"),
            )
            if tags.get(key) == value
        ]
        sites.extend([site] * len(found))
        services.extend(found)
    return sites, services


def _doubt(tags: Mapping[str, str]) -> str:
    # Why a station may not serve the public by road; "" where nothing says so.
    def said(*keys: str) -> str:
        return " ".join(tags.get(key, "") for key in keys)

    if _WORKS_TAGS.search(said("operator:type", "fire_station:type")):
        return "a brigade of works or an airport"
    if _WORKS_NAMES.match(said("name").strip()):
        return "by its name a brigade of works or an airport"
    kind = said("emergency:type", "ambulance_station:type", "ambulance_station")
    if any(tags.get(key, "no") != "no" for key in _AIR_TAGS) or re.search("air|heli", kind):
        return "a base of aircraft"
    return "by its name a base of aircraft" if _AIR_NAMES.search(said("name", "operator")) else ""


def _shapes(extract: Extract, sites: Sequence[Element], crs: CRS) -> gpd.GeoSeries:
    shapes: list[BaseGeometry] = []
    for site in sites:
        if site.xy is not None:
            shapes.append(shapely.Point(site.xy))
            continue
        area = extract.area(site)
        points = extract.locate(extract.node_refs(site))
        points = points[~np.isnan(points[:, 0])]
        loose = shapely.LineString if site.kind == "w" and len(points) > 1 else shapely.MultiPoint
        shapes.append(loose(points) if area.is_empty else area)
    return gpd.GeoSeries(shapes, crs=4326).to_crs(crs)


def _once(
    sites: Sequence[Element], services: Sequence[str], shapes: NDArray[np.object_], notes: list[str]
) -> tuple[list[Element], list[int]]:
    # Often the yard, its building and a point carry the tag: the largest surface counts, and what lies in it
    # tells what it does not. Gives the sites and the positions of those that count.
    inner, outer = shapely.STRtree(shapes).query(shapely.point_on_surface(shapes), predicate="within")
    area = shapely.area(shapes)
    known = list(sites)
    doubled: dict[int, int] = {}
    for at, around in zip(inner.tolist(), outer.tolist(), strict=True):
        larger = (area[around], -around) > (area[at], -at)
        if services[at] == services[around] and sites[at] is not sites[around] and larger:
            doubled[at] = around
            told = {key: value for key, value in sites[at].tags.items() if key in _TOLD_BY_PARTS}
            known[around] = replace(known[around], tags=told | dict(known[around].tags))
    notes += [f"{sites[at].key}: lies in {sites[on].key}, counted once" for at, on in sorted(doubled.items())]
    return known, [at for at in range(len(sites)) if at not in doubled]


def _exits(
    shapes: gpd.GeoSeries, sites: Sequence[Element], roads: Path, crs: CRS, notes: list[str]
) -> list[BaseGeometry]:
    around = np.asarray(shapes.buffer(EXIT_M).to_crs(4326), dtype=object)
    surfaces = list(around[shapely.get_dimensions(shapes.to_numpy()) > 0])
    lines = read_lines(roads, surfaces) if surfaces else []
    near = np.asarray(gpd.GeoSeries(lines, crs=4326).to_crs(crs), dtype=object)
    tree = shapely.STRtree(near)
    exits: list[BaseGeometry] = []
    for site, shape in zip(sites, shapes, strict=True):
        outline = shape.boundary if shape.geom_type.endswith("Polygon") else shape
        # A drive that leads into the yard is at distance 0, and leaves it where it crosses the outline.
        road = near[tree.nearest(outline)] if len(near) else None
        if shape.geom_type == "Point":
            exits.append(shape)
        elif road is None or outline.distance(road) > EXIT_M:
            notes.append(f"{site.key}: no road within {EXIT_M:g} m, placed at its middle")
            exits.append(shape.representative_point())
        else:
            exits.append(shapely.Point(shapely.get_coordinates(shapely.shortest_line(outline, road))[0]))
    return exits


def _department(tags: Mapping[str, str]) -> str:
    said = " ".join(
        tags.get(key, "") for key in ("fire_station:type", "operator:type", "fire_station:staffing")
    ).lower()
    volunteer = bool(re.search("volunt|freiwillig", said))
    career = bool(re.search("career|profession|paid|full.?time", said))
    if re.search("mixed|combin", said) or (volunteer and career):
        return "combination"
    return "volunteer" if volunteer else "career" if career else "unknown"


def hospitals_frame(extract: Extract, jurisdictions: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Make the table of hospitals; a surface becomes a point inside it."""
    sites = [
        site
        for site in extract.sites
        if "hospital" in (site.tags.get("amenity"), site.tags.get("healthcare"))
    ]
    crs = jurisdictions.crs
    assert crs is not None
    shapes = _shapes(extract, sites, crs)
    languages = told_languages(jurisdictions["languages"])
    rows = [
        {
            "id": site.key,
            "name": (label := clean(site.tags.get("name", "")) or f"Hospital (OSM {site.key})"),
            **translations(site.tags, label, languages),
        }
        for site in sites
    ]
    return _points(rows, list(shapely.point_on_surface(shapes.to_numpy())), crs)


def _containing(points: Sequence[BaseGeometry], jurisdictions: gpd.GeoDataFrame) -> list[str | None]:
    owner: list[str | None] = [None] * len(points)
    # Where areas overlap by a sliver, the first of them, as for people.
    at, polygon = jurisdictions.sindex.query(
        np.array(points, dtype=object), predicate="intersects", sort=True
    )
    for position, found in zip(at.tolist(), polygon.tolist(), strict=True):
        owner[position] = owner[position] or str(jurisdictions.index[found])
    return owner


def _points(
    rows: Sequence[Mapping[str, object]],
    points: Sequence[BaseGeometry],
    crs: CRS,
) -> gpd.GeoDataFrame:
    columns = list(rows[0]) if rows else ["id", "name"]
    frame = pd.DataFrame(list(rows), columns=columns).set_index("id").astype({"name": str})
    frame.index = frame.index.astype(str)
    return name_columns(gpd.GeoDataFrame(frame, geometry=list(points), crs=crs))
