"""The map of a country: where its gaps are, what a joint team closes, and which part to open."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, cast

import folium
import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from mutualaid.maps._country_parts import Shown, no_isochrones, part_file, part_names
from mutualaid.maps._counts import HIGH, statuses
from mutualaid.maps._escape import esc, shorten
from mutualaid.maps._facts import about, totals
from mutualaid.maps._ground import marks_at, name_table, road_layer, water_layer
from mutualaid.maps._hazard_layers import severity_layer
from mutualaid.maps._languages import LANGUAGES, page_languages, page_texts
from mutualaid.maps._layers import PageLayer, Panel, Stage
from mutualaid.maps._map import CoverageMap, data_bounds, gap_layer, providers, station_layer
from mutualaid.maps._messages import listed, message, minutes
from mutualaid.maps._pack import pack, packed_paths
from mutualaid.maps._palette import BAND_COLOURS, NOBODY_COMES, band_labels
from mutualaid.maps._scenarios import not_computed, scenario_facts

if TYPE_CHECKING:
    from mutualaid.coverage import Analysis, ScenarioResult
    from mutualaid.maps._squares import SquareCounts
    from mutualaid.network import Network
    from mutualaid.scale import TiledRun

__all__ = ["country_map"]

#: Municipalities that the table names, and that can be found by name; gaps that are drawn, at each level.
_ROWS, _FOUND, _GAPS = 300, 4_000, 250
#: Names on the face of the map.
_NAMES = 150
#: Stations up to so many have marks of their own, more are points.
_MARKS = 250
#: Vertices of the lines of a kind.
_VERTICES = 120_000
#: The longer side of the country is so many of the finest details, and its pictures of hazards so many cells.
_DETAILS, _PICTURE = 3_000, 500
#: Zooms closer than that in which a square is a few pixels wide: there are the parts.
_CLOSER = 5
_MAIN = (("motorway", "trunk"), ("primary",))
_LAND = {"pane": "ma-land", "stroke": False, "fillColor": "#fbfaf5", "fillOpacity": 1}
_OUTLINE = {"pane": "ma-borders", "color": "#27323d", "weight": 0.7, "opacity": 0.55, "fill": False}
_BORDER = {"pane": "ma-borders", "color": "#14202b", "weight": 3, "fill": False}
_PART = {
    "pane": "ma-edge",
    "color": "#14324a",
    "weight": 1,
    "dashArray": "2 4",
    "opacity": 0.75,
    "fill": False,
}
_PIXEL_M = 156_543.0


def country_map(
    run: TiledRun,
    counts: SquareCounts,
    scenarios: Mapping[str, ScenarioResult],
    *,
    languages: Sequence[str] = tuple(LANGUAGES),
) -> folium.Map:
    """Draw who is reached in time in a country, its people summed up to squares.

    The page is the one of `coverage_map`: the same switches, colours, words and numbers. Each square is filled in the
    shares of its people. A table says of each part of the country how many people are in gaps there and how many of
    them a joint team reaches, and opens its page.

    Parameters
    ----------
    run
        What `mutualaid.scale.tiled` returned.
    counts
        Its people by square and part, in fair weather and under each scenario.
    scenarios
        Its results by id, as `touched_roads` leaves them.
    languages
        As of `coverage_map`.

    Returns
    -------
    folium.Map
        `save_offline` writes it as one file, ``map.html``, beside the folder ``map`` of the parts.

    Raises
    ------
    InputError
        If `languages` names one that the page does not have, or none.
    """
    shown = cast("Analysis", _shown(run, scenarios))
    region, limit_s = run.region, run.standard.limit_s
    bounds = data_bounds(run.coverage)
    names = part_names(run)
    page = CoverageMap(
        location=[(bounds[0][0] + bounds[1][0]) / 2, (bounds[0][1] + bounds[1][1]) / 2],
        tiles=None,
        zoom_control="topright",
        maxZoom=_closest(counts.side, bounds),
        zoomSnap=0.5,
    )
    page.lang = page_languages(languages)[0]
    figure: Any = page.get_root()
    figure.title = esc(shorten(region.name))
    people = {key: counts.totals(key) for key in scenarios}
    rows = _rows(shown)
    facts = scenario_facts(shown, people)
    for fact in facts:
        fact["jurisdictions"] = [fact["jurisdictions"][row] for row in rows]
    numbers = totals(shown)
    unknown = [one["name"] for one in numbers["jurisdictions"] if one["population"] is None]
    numbers["jurisdictions"] = [numbers["jurisdictions"][row] for row in rows]
    stage = {
        **page_texts(languages, evacuation=False),
        "region": shorten(region.name),
        "note": shorten(region.note, 600),
        "service": region.parameters.service,
        "limit_s": limit_s,
        "start": message(f"start_{run.standard.start}"),
        "cutoff_s": region.parameters.cutoff_s,
        "bounds": bounds,
        "statuses": [row._asdict() for row in statuses(run.coverage.columns, hazard=False)],
        "bands": BAND_COLOURS,
        "band_labels": [
            *band_labels(limit_s),
            message("band_nobody", time=minutes(region.parameters.cutoff_s)),
            message("unreachable"),
        ],
        "fair": counts.totals(""),
        "partners": [],
        "nobody_comes": NOBODY_COMES,
        "high": HIGH,
        "names": name_table(shown, page_languages(languages)),
        "about": about(shown),
        "attribution": esc(" · ".join(providers(shown))),
        "scenarios": facts,
        "scenario_statuses": [row._asdict() for row in statuses(run.coverage.columns, hazard=True)]
        if scenarios
        else [],
        "not_computed": not_computed(shown),
        "cooperation": None,
        "siting": None,
        "evacuation": None,
        "whatif": None,
        "country": {
            "parts": _parts(run, counts, names),
            "side_m": counts.side,
            "left_out": len(region.jurisdictions) - len(rows),
            "unknown": [*map(shorten, unknown[:20])],
        },
        **numbers,
    }
    lands = _simplified(region.jurisdictions, _detail(region.jurisdictions))
    layers = [
        PageLayer(
            "paths", "", {"paths": packed_paths(lands, 0.0), "features": [{}] * len(lands), "style": _LAND}
        ),
        PageLayer("squares", "layer_people", _squares(run, counts)),
        *_severity(shown),
        *_gaps(run, shown),
        *_stations(shown),
        *_water(run),
        *_roads(run.network, _detail(region.jurisdictions)),
        *_boundaries(region.jurisdictions, lands),
        _outlines(run),
        *_names(region.jurisdictions, bounds),
    ]
    for child in (Stage(stage), *layers, Panel()):
        page.add_child(child)
    page.add_child(folium.LayerControl())
    return page


def _shown(run: TiledRun, scenarios: Mapping[str, ScenarioResult]) -> Shown:
    """Give what the page reads as of an analysis."""
    own = {field.name: getattr(run, field.name) for field in fields(Shown) if hasattr(run, field.name)}
    own |= {"scenarios": tuple(scenarios.values()), "isochrones": no_isochrones(run)}
    return Shown(**own, lands=run.region.jurisdictions)


def _closest(side_m: float, bounds: list[list[float]]) -> int:
    """Closest zoom: a square of it fills a good part of the screen."""
    latitude = math.radians((bounds[0][0] + bounds[1][0]) / 2)
    return min(18, max(6, math.floor(math.log2(_PIXEL_M * math.cos(latitude) * 2**_CLOSER * 8 / side_m))))


def _detail(frame: gpd.GeoDataFrame) -> float:
    """Width of the finest details that are drawn, in metres."""
    left, bottom, right, top = frame.total_bounds.tolist()
    return max(right - left, top - bottom) / _DETAILS


def _rows(shown: Analysis) -> list[int]:
    """Positions of the municipalities in the table: those whose own brigades come too late for the most people."""
    blocks = list(shown.summary["common"]["jurisdictions"].values())
    late = np.array([block["alone"]["gap"] for block in blocks])
    if len(late) <= _ROWS:
        return list(range(len(late)))
    return [int(row) for row in np.sort(np.argsort(-late, kind="stable")[:_ROWS])]


def _parts(run: TiledRun, counts: SquareCounts, names: Mapping[int, list[str]]) -> list[dict[str, Any]]:
    """Give what the table says of each part: people, and those reached at each level in each weather."""
    boxes = run.tiles.geometry.to_crs(4326).bounds.to_numpy().round(5)
    return [
        {
            "page": part_file(int(tile)),
            "name": message("as_is", what=listed(names.get(int(tile), []))),
            "places": int(run.tiles["places"].iloc[k]),
            "population": round(float(run.tiles["population"].iloc[k]), 1),
            "reached": {key: table[k].round(1).tolist() for key, table in counts.parts.items()},
            "bounds": [[box[1], box[0]], [box[3], box[2]]],
        }
        for k, (tile, box) in enumerate(zip(run.tiles.index, boxes.tolist(), strict=True))
    ]


def _squares(run: TiledRun, counts: SquareCounts) -> dict[str, Any]:
    names = run.region.jurisdictions["name"]
    return counts.packed() | {
        "jurisdictions": [shorten(names.iloc[at]) if at >= 0 else "" for at in counts.homes()],
    }


# --- layers --------------------------------------------------------------------------------------------------


def _severity(shown: Analysis) -> list[PageLayer]:
    """Pictures of the hazards, with few cells."""
    left, bottom, right, top = shown.region.jurisdictions.total_bounds.tolist()
    cell_m = 2 * max(right - left, top - bottom) / _PICTURE
    coarse = replace(shown.region, cell_m=max(cell_m, shown.region.cell_m or 0.0))
    return severity_layer(replace(shown, region=coarse))


def _gaps(run: TiledRun, shown: Analysis) -> list[PageLayer]:
    """Gaps with the most people at each level; each names the part in which most of it lies."""
    order = run.gaps["population"].rank(method="first", ascending=False).groupby(run.gaps["level"]).rank()
    kept = run.gaps[order <= _GAPS]
    if kept.empty:
        return []
    lying = kept.representative_point().to_numpy()
    boxes = run.tiles.geometry.to_numpy()
    part = np.argmin(np.stack([shapely.distance(lying, box) for box in boxes]), axis=0)
    drawn = kept.set_geometry(_simplified(kept, _detail(run.region.jurisdictions) / 2))
    layers = gap_layer(replace(shown, gaps=drawn), None)
    for layer in layers:
        for feature, at in zip(layer.data["features"], part.tolist(), strict=True):
            feature["facts"]["part"] = at
    return layers


def _stations(shown: Analysis) -> list[PageLayer]:
    """Stations: as on other maps if there are few, else as points."""
    stations = shown.stations
    if len(stations) <= _MARKS:
        return station_layer(shown, None)
    at = np.rint(np.asarray(marks_at(stations.geometry)) * 1e5).astype(np.int64)
    out = {
        one.scenario.id: pack({"at": np.flatnonzero((one.stations["state"] == "out").to_numpy())})
        for one in shown.scenarios
    }
    data = {
        "table": pack({"lat": at[:, 0], "lon": at[:, 1]}),
        "names": [shorten(name) for name in stations["name"].head(_FOUND)],
        "out": out,
        "order": 1,
    }
    return [PageLayer("dots", "layer_stations", data)]


def _water(run: TiledRun) -> list[PageLayer]:
    """Water that is large enough to be seen from afar."""
    ground, detail = run.region.ground, _detail(run.region.jurisdictions)
    wet = ground[ground["kind"] != "place"]
    if wet.empty:
        return []
    sides = wet.geometry.bounds
    wide = np.maximum(sides["maxx"] - sides["minx"], sides["maxy"] - sides["miny"])
    seen = wet[(wide > 40 * detail) & ((wet["kind"] != "water") | (wet.area > (6 * detail) ** 2))]
    return water_layer(seen.set_geometry(_simplified(seen, detail)))


def _roads(network: Network, detail: float) -> list[PageLayer]:
    """Draw main roads, as many classes of them as there is room for."""
    classes = network.roads["class"].astype("category")
    chosen: list[Any] = []
    weights, room = [], _VERTICES
    for kinds, weight in zip(_MAIN, (1.8, 0.9), strict=True):
        codes = np.flatnonzero(classes.cat.categories.isin([*kinds, *(f"{kind}_link" for kind in kinds)]))
        rows = np.flatnonzero(np.isin(classes.cat.codes.to_numpy(), codes))
        lines = shapely.line_merge(shapely.multilinestrings(network.lines(rows))) if len(rows) else None
        if lines is None or shapely.is_empty(lines):
            continue
        simple = shapely.simplify(lines, detail)
        parts = shapely.get_parts(simple)
        simple = shapely.multilinestrings(parts[shapely.length(parts) >= 2 * detail])
        room -= int(shapely.get_num_coordinates(simple))
        if room < 0:
            break
        chosen.append(simple)
        weights.append(weight)
    if not chosen:
        return []
    return [road_layer(gpd.GeoSeries(chosen, crs=network.crs), weights, detail)]


def _boundaries(jurisdictions: gpd.GeoDataFrame, lands: gpd.GeoSeries) -> list[PageLayer]:
    """Borders of countries, and thin outlines of all jurisdictions."""
    shapes: list[Any] = [shapely.multilinestrings(_rings(lands.to_numpy()))]
    features: list[dict[str, Any]] = [{"style": _OUTLINE}]
    legend = [{"line": _OUTLINE, "label": message("boundary")}]
    borders = _borders(lands, jurisdictions["country"])
    if not shapely.is_empty(borders):
        shapes.append(borders)
        features.append({"style": _BORDER})
        legend.append({"line": _BORDER, "label": message("border")})
    data = {
        "paths": packed_paths(gpd.GeoSeries(shapes, crs=lands.crs), 0.0),
        "features": features,
        "style": {},
        "canvas": True,
        "order": 8,
        "legend": legend,
    }
    return [PageLayer("paths", "layer_boundaries", data)]


def _borders(lands: gpd.GeoSeries, countries: pd.Series) -> shapely.Geometry:
    """Lines along which countries meet."""
    if countries.nunique() < 2:
        return shapely.GeometryCollection()
    detail = max(float(np.ptp(lands.total_bounds.reshape(2, 2), axis=0).max()) / _DETAILS, 1.0)
    # Simplified neighbours leave slivers between each other: a little room on both sides closes them.
    wide = {
        str(country): shapely.union_all(shapely.buffer(lands[countries == country].to_numpy(), 2 * detail))
        for country in dict.fromkeys(countries)
    }
    found: list[Any] = []
    seen: Any = shapely.Polygon()
    for shape in wide.values():
        found.append(shapely.intersection(shapely.boundary(shapely.buffer(shape, -2 * detail)), seen))
        seen = shapely.union(seen, shape)
    lines = [part for part in shapely.get_parts(np.array(found)) if part.length > 0]
    return shapely.line_merge(shapely.multilinestrings(lines)) if lines else shapely.GeometryCollection()


def _outlines(run: TiledRun) -> PageLayer:
    """Boxes of the parts."""
    rings = gpd.GeoSeries(run.tiles.geometry.exterior, crs=run.region.crs)
    data = {
        "paths": packed_paths(rings, 0.0),
        "features": [{}] * len(rings),
        "style": _PART,
        "order": 8,
        "legend": [{"line": _PART, "label": message("part_outline")}],
    }
    return PageLayer("paths", "layer_parts", data)


def _names(jurisdictions: gpd.GeoDataFrame, bounds: list[list[float]]) -> list[PageLayer]:
    """Names of the largest municipalities; many more can be found by name."""
    people = jurisdictions["population"].fillna(-1).to_numpy()
    order = np.argsort(-people, kind="stable")[:_FOUND]
    some = jurisdictions.iloc[order]
    zoom = math.log2(360 / max(bounds[1][1] - bounds[0][1], 1e-3)) + 1
    places = [
        {
            "at": at,
            "name": shorten(name),
            "rank": rank,
            # The next zoom shows four times as many.
            "min_zoom": math.floor(zoom) + math.ceil(math.log(max(rank, 1) / 12, 4)) if rank < _NAMES else 99,
            "kind": "jurisdiction" if rank < 12 else "village",
        }
        for rank, (at, name) in enumerate(
            zip(marks_at(some.representative_point()), some["name"], strict=True)
        )
    ]
    return [PageLayer("places", "layer_names", {"places": places})]


# --- lines ---------------------------------------------------------------------------------------------------


def _simplified(frame: gpd.GeoDataFrame, detail: float) -> gpd.GeoSeries:
    """Shapes without details that nobody sees, coarser where there are too many; none vanishes."""
    shapes = frame.geometry.to_numpy()
    areas = bool(np.isin(shapely.get_type_id(shapes), (3, 6)).any())
    while True:
        simple = shapely.simplify(shapes, detail, preserve_topology=areas)
        if areas:
            simple = np.array([_without_specks(shape, detail**2) for shape in simple], dtype=object)
        if shapely.get_num_coordinates(simple).sum() <= max(_VERTICES, 12 * len(shapes)) or not len(shapes):
            return gpd.GeoSeries(simple, index=frame.index, crs=frame.crs)
        detail *= 1.5


def _without_specks(shape: Any, least: float) -> Any:
    """Leave out parts and holes that are smaller than a detail, but never the largest part."""
    parts = shapely.get_parts(shape)
    if len(parts) == 0:
        return shape
    areas = shapely.area(parts)
    kept = [
        shapely.Polygon(
            part.exterior, [ring for ring in part.interiors if shapely.Polygon(ring).area >= least]
        )
        for part, area in zip(parts, areas, strict=True)
        if area >= least or area == areas.max()
    ]
    return kept[0] if len(kept) == 1 else shapely.multipolygons(kept)


def _rings(shapes: Iterable[Any]) -> list[Any]:
    return list(_exteriors(shapes))


def _exteriors(shapes: Iterable[Any]) -> Iterator[Any]:
    for part in shapely.get_parts(np.array(list(shapes), dtype=object)):
        yield shapely.LineString(part.exterior.coords)
        for ring in part.interiors:
            yield shapely.LineString(ring.coords)
