"""The ground of the map: land, water, roads, boundaries and names, all from the region's own data."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from mutualaid.maps._escape import shorten
from mutualaid.maps._layers import PageLayer
from mutualaid.maps._messages import message
from mutualaid.maps._pack import packed_paths

if TYPE_CHECKING:
    from mutualaid.coverage import Analysis

__all__ = ["DRAWN_ROADS", "ground_layers", "marks_at", "name_table", "road_layer", "water_layer"]

# Classes drawn alike, weight in pixels, lowest zoom. Service roads and tracks stay out: too loud.
_ROADS: tuple[tuple[tuple[str, ...], float, int], ...] = (
    (("unclassified", "residential", "living_street", "road"), 0.7, 13),
    (("tertiary", "tertiary_link"), 1.1, 11),
    (("secondary", "secondary_link"), 1.6, 9),
    (("primary", "primary_link"), 2.2, 0),
    (("motorway", "motorway_link", "trunk", "trunk_link"), 3.0, 0),
)
#: Classes of roads that are drawn.
DRAWN_ROADS = tuple(name for names, _, _ in _ROADS for name in names)
_ROAD_STYLE = {"pane": "ma-roads", "color": "#33404d", "opacity": 0.42, "fill": False, "smoothFactor": 1.2}
_BOUNDARY = {"pane": "ma-borders", "color": "#27323d", "weight": 1.8, "dashArray": "7 4", "fill": False}
_BORDER = {"pane": "ma-borders", "color": "#14202b", "weight": 3.5, "fill": False}
#: Water is quiet: whoever looks for people must not look at lakes.
_WATER = {"pane": "ma-water", "stroke": False, "fillColor": "#e1ebf3", "fillOpacity": 1}
_RIVER = {"pane": "ma-water", "color": "#bcd0de", "weight": 1.6, "fill": False}
_COAST = {"pane": "ma-borders", "color": "#8aa3b6", "weight": 1.2, "fill": False}
#: Water that is no wider than so many pixels is not drawn, nor a river that is no longer.
_LEAST_PX = {"water": 4, "river": 60}
#: A name stands at water that is as wide as so many pixels, or at a river that is as long.
_NAMED_PX = {"water": 70, "river": 400}
#: Each kind of place: what it is on the map, and from which zoom. All others are as small as the last.
_PLACES: dict[str, tuple[str, int]] = {
    "city": ("town", 0),
    "town": ("town", 9),
    "village": ("village", 11),
    "borough": ("small", 12),
    "suburb": ("small", 13),
    "island": ("small", 12),
    "quarter": ("small", 14),
    "hamlet": ("small", 13),
    "neighbourhood": ("small", 15),
    "": ("small", 15),
}
#: Names of villages and smaller places give way to the people of gaps, whose ranks are from 1,000 on.
_VILLAGES = 2_000
#: A place this near a jurisdiction of its name is the same, in metres.
_SAME_M = 2_000.0
#: Metres of a pixel of a Web Mercator map at zoom 0, at the equator.
_PIXEL_M = 156_543.0
_CLOSEST = 18


def ground_layers(analysis: Analysis) -> list[PageLayer]:
    """Land, water, roads, boundaries and names, in the order of the layer control.

    Water and places are there if the region has any.
    """
    jurisdictions = analysis.region.jurisdictions
    plain: list[dict[str, Any]] = [{} for _ in range(len(jurisdictions))]
    land = {
        "paths": packed_paths(jurisdictions.geometry, 2.0),
        "features": plain,
        "style": {"pane": "ma-land", "stroke": False, "fillColor": "#fbfaf5", "fillOpacity": 1},
    }
    return [
        PageLayer("paths", "", land),
        *water_layer(analysis.region.ground),
        PageLayer("paths", "layer_roads", _roads(analysis)),
        PageLayer("paths", "layer_boundaries", _boundary_data(jurisdictions)),
        *_names(jurisdictions, analysis.region.ground),
    ]


def name_table(analysis: Analysis, languages: Iterable[str]) -> dict[str, dict[str, str]]:
    """Names in other languages, by the name that the map shows.

    Parameters
    ----------
    analysis
        What is drawn.
    languages
        BCP 47 base languages of the page, such as ``fr``.

    Returns
    -------
    dict
        ``{shown name: {language: name}}`` of jurisdictions, stations, hospitals and ground, in this order: of equal
        names the first with one in a language counts. Only names that differ from the one shown.

    Examples
    --------
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.maps._ground import name_table
    >>> name_table(analyse(read_region(demo_path())), ["fr", "es"])
    {'Monaco': {'es': 'Mónaco'}}
    """
    region = analysis.region
    table: dict[str, dict[str, str]] = {}
    for frame in (region.jurisdictions, analysis.stations, region.hospitals, region.ground):
        for language in languages:
            if f"name_{language}" not in frame:
                continue
            for name, other in zip(frame["name"], frame[f"name_{language}"], strict=True):
                shown, told = shorten(name), shorten(other)
                if shown and told and told != shown:
                    table.setdefault(shown, {}).setdefault(language, told)
    return table


def marks_at(points: gpd.GeoSeries) -> list[list[float]]:
    """Latitude and longitude of points, as the page's script wants them."""
    places: list[list[float]] = shapely.get_coordinates(points.to_crs(4326))[:, ::-1].round(6).tolist()
    return places


# --- what is drawn ---


def water_layer(ground: gpd.GeoDataFrame) -> list[PageLayer]:
    """Surfaces and lines of water, those that are seen from the same zoom on as one."""
    drawn = ground[ground["kind"] != "place"]
    if drawn.empty:
        return []
    shapes: list[Any] = []
    features: list[dict[str, Any]] = []
    for kind, style in (("water", _WATER), ("river", _RIVER), ("coast", _COAST)):
        mine = drawn[drawn["kind"] == kind]
        zooms = np.array(
            _zooms(mine, _LEAST_PX[kind]) if kind in _LEAST_PX else [0] * len(mine), dtype=np.int64
        )
        for zoom in np.unique(zooms).tolist():
            parts = shapely.get_parts(mine.geometry.to_numpy()[zooms == zoom])
            # Not dissolved: surfaces that touch have no stroke between them.
            shapes.append(
                shapely.multipolygons(parts) if kind == "water" else shapely.multilinestrings(parts)
            )
            features.append({"style": style, "min_zoom": zoom})
    kinds = set(drawn["kind"])
    wet = {"fill": [_WATER["fillColor"], ""]} if "water" in kinds else {"line": _RIVER}
    data = {
        "paths": packed_paths(gpd.GeoSeries(shapes, crs=ground.crs), 2.0),
        "features": features,
        "style": {},
        "order": 9,
        "legend": [
            *([wet | {"label": message("water")}] if kinds - {"coast"} else []),
            *([{"line": _COAST, "label": message("coast")}] if "coast" in kinds else []),
        ],
    }
    return [PageLayer("paths", "layer_water", data)]


def _zooms(shapes: gpd.GeoDataFrame, pixels: float) -> list[int]:
    """Lowest zoom at which the largest part is `pixels` wide (the side of a square as large), or as long for a line."""
    if shapes.empty:
        return []
    latitude = float(np.mean(shapes.to_crs(4326).total_bounds[[1, 3]]))
    largest = gpd.GeoSeries([_largest(shape) for shape in shapes.geometry])
    sizes_m = np.where(largest.area > 0, np.sqrt(largest.area), largest.length)
    scale = _PIXEL_M * math.cos(math.radians(latitude)) * pixels / np.maximum(sizes_m, 0.1)
    return [int(zoom) for zoom in np.clip(np.ceil(np.log2(scale)), 0, _CLOSEST)]


def _roads(analysis: Analysis) -> dict[str, Any]:
    network = analysis.network
    lines: list[Any] = []
    features = []
    classes, stretches = network.roads["class"].astype(str), network.roads["crossing"].to_numpy() < 0
    for names, weight, min_zoom in _ROADS:
        chosen = np.flatnonzero(classes.isin(names).to_numpy() & stretches)
        if len(chosen):
            lines.append(shapely.line_merge(shapely.multilinestrings(network.lines(chosen))))
            features.append({"style": {"weight": weight}, "min_zoom": min_zoom})
    return {
        "paths": packed_paths(gpd.GeoSeries(lines, crs=network.crs), 3.0),
        "features": features,
        "style": _ROAD_STYLE,
        "canvas": True,
    }


def road_layer(lines: gpd.GeoSeries, weights: list[float], tolerance_m: float) -> PageLayer:
    """Roads as lines that are given, each with its weight in pixels."""
    data = {
        "paths": packed_paths(lines, tolerance_m),
        "features": [{"style": {"weight": weight}} for weight in weights],
        "style": _ROAD_STYLE,
        "canvas": True,
    }
    return PageLayer("paths", "layer_roads", data)


def _boundary_data(jurisdictions: gpd.GeoDataFrame) -> dict[str, Any]:
    borders, others = _boundaries(jurisdictions)
    drawn = [
        (line, style, text)
        for line, style, text in ((others, _BOUNDARY, "boundary"), (borders, _BORDER, "border"))
        if not shapely.is_empty(line)
    ]
    return {
        "paths": packed_paths(gpd.GeoSeries([line for line, _, _ in drawn], crs=jurisdictions.crs), 2.0),
        "features": [{"style": style} for _, style, _ in drawn],
        "style": {},
        "order": 8,
        "legend": [{"line": style, "label": message(text)} for _, style, text in drawn],
    }


def _boundaries(jurisdictions: gpd.GeoDataFrame) -> tuple[shapely.Geometry, shapely.Geometry]:
    """Lines between countries, and all other boundaries; each once, or its dashes would fill each other."""
    countries = jurisdictions.geometry.groupby(jurisdictions["country"]).agg(shapely.union_all).to_list()
    lines = [
        shapely.intersection(shapely.boundary(country), shapely.buffer(shapely.union_all(countries[:k]), 5.0))
        for k, country in enumerate(countries)
    ]
    borders = shapely.union_all(lines)
    everything = shapely.union_all(shapely.boundary(jurisdictions.geometry.to_numpy()))
    rest = shapely.difference(everything, shapely.buffer(borders, 5.0))
    return shapely.line_merge(borders), shapely.line_merge(rest)


# --- names ---


def _names(jurisdictions: gpd.GeoDataFrame, ground: gpd.GeoDataFrame) -> list[PageLayer]:
    """Names of jurisdictions, and those of places and water; of two in one place the lower rank is meant to stay."""
    own = [
        {"at": at, "name": shorten(name), "rank": rank, "min_zoom": 0, "kind": "jurisdiction"}
        for rank, (at, name) in enumerate(
            zip(marks_at(jurisdictions.representative_point()), jurisdictions["name"], strict=True)
        )
    ]
    others = [*_places(jurisdictions, ground[ground["kind"] == "place"], len(own)), *_water_names(ground)]
    layers = [PageLayer("places", "layer_names", {"places": own})]
    return [*layers, *([PageLayer("places", "layer_places", {"places": others})] if others else [])]


def _places(jurisdictions: gpd.GeoDataFrame, places: gpd.GeoDataFrame, rank: int) -> list[dict[str, Any]]:
    """Places but those that a jurisdiction is called after, the most important first."""
    kinds = pd.Series([kind if kind in _PLACES else "" for kind in places["place"]], index=places.index)
    order = pd.DataFrame(
        {"kind": kinds.map(list(_PLACES).index), "people": -places["population"].fillna(0)},
        index=places.index,
    )
    areas = jurisdictions.geometry.groupby(jurisdictions["name"].str.casefold()).agg(shapely.union_all)
    found: list[dict[str, Any]] = []
    places = places.assign(kind=kinds).loc[order.sort_values(["kind", "people"], kind="stable").index]
    columns = (marks_at(places.geometry), places["name"], places["kind"], places.geometry)
    for at, name, called, point in zip(*columns, strict=True):
        area = areas.get(name.casefold())
        if area is not None and shapely.distance(area, point) <= _SAME_M:
            continue
        kind, zoom = _PLACES[called]
        place = rank + len(found) + (0 if kind == "town" else _VILLAGES)
        found.append({"at": at, "name": shorten(name), "rank": place, "min_zoom": zoom, "kind": kind})
    return found


def _water_names(ground: gpd.GeoDataFrame) -> list[dict[str, Any]]:
    """Names of water, in the middle of its largest part; the largest first."""
    found: list[tuple[int, list[float], str]] = []
    for kind, pixels in _NAMED_PX.items():
        mine = ground[(ground["kind"] == kind) & (ground["name"] != "")]
        points = [
            part.interpolate(0.5, normalized=True) if kind == "river" else part.representative_point()
            for part in map(_largest, mine.geometry)
        ]
        at = marks_at(gpd.GeoSeries(points, crs=ground.crs))
        found += zip(_zooms(mine, pixels), at, mine["name"], strict=True)
    found.sort(key=lambda one: one[0])
    return [
        {"at": at, "name": shorten(name), "rank": 2 * _VILLAGES + k, "min_zoom": zoom, "kind": "water"}
        for k, (zoom, at, name) in enumerate(found)
    ]


def _largest(shape: Any) -> Any:
    return max(shapely.get_parts(shape), key=lambda part: (part.area, part.length))
