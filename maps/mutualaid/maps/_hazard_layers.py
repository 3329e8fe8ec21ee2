"""Map layers of hazards: how severe a scenario is, which roads it closes, and where partners' maps disagree."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS, Transformer
from rasterio.features import geometry_mask, shapes

from mutualaid.hazards import HazardLayer, ScenarioPicture, scenario_picture
from mutualaid.maps._escape import shorten
from mutualaid.maps._layers import PageLayer
from mutualaid.maps._messages import message
from mutualaid.maps._pack import packed_paths
from mutualaid.maps._palette import SEVERITY_COLOURS, UNKNOWN_SEVERITY
from mutualaid.maps._png import paletted_png, png_uri
from mutualaid.maps._scenarios import hazard_word, years_text

if TYPE_CHECKING:
    from mutualaid.coverage import Analysis, ScenarioResult

__all__ = ["MAIN_ROADS", "closed_roads", "seam_layer", "severity_layer"]

_PAGE = CRS.from_epsg(3857)
#: Most cells of a picture on its longer side.
_LONGEST = 1_500
#: Where people are points, the longer side of the region has so many cells.
_WITHOUT_CELLS = 800
#: Smaller patches of a hazard than so many cells get no outline.
_PATCH_CELLS = 4

#: Roads that are drawn thicker when they are closed.
MAIN_ROADS = tuple(
    f"{name}{link}"
    for name in ("motorway", "trunk", "primary", "secondary", "tertiary")
    for link in ("", "_link")
)

_EDGE = {"pane": "ma-edge", "color": "#3D1159", "weight": 1.6, "fill": False}
_CLOSED = {"pane": "ma-closed", "color": "#8C1C13", "fill": False, "opacity": 1, "casing": 1.8}
_SLOWED = {**_CLOSED, "dashArray": "5 5", "lineCap": "butt"}
_SEAM = {
    "pane": "ma-seams",
    "color": "#FF2FA0",
    "weight": 9,
    "fill": False,
    "opacity": 0.85,
    "interactive": True,
}
_SIDES = ("a", "b")


# --- severity ------------------------------------------------------------------------------------------------


def severity_layer(analysis: Analysis) -> list[PageLayer]:
    """Picture of each scenario that has a layer that says how severe it is."""
    lands = analysis.region.jurisdictions
    bounds = _page_bounds(lands)
    cell_m = _cell_m(bounds, analysis.region.cell_m)
    # The page of a part lacks lands whose layers reach into it.
    providers = getattr(analysis, "lands", lands)
    images, edges, owners = {}, [], []
    for result in analysis.scenarios:
        picture = _picture(result, analysis.layers.layers, bounds, cell_m, providers)
        if picture is None:
            continue
        images[result.scenario.id] = _images(picture, lands)
        edge = _edge(picture, cell_m)
        if not shapely.is_empty(edge):
            edges.append(edge)
            owners.append(result.scenario.id)
    if not images:
        return []
    data = {
        "images": images,
        "edge": {
            "paths": packed_paths(gpd.GeoSeries(edges, crs=_PAGE), 0.9 * cell_m),
            "features": [{"scenario": name} for name in owners],
            "style": _EDGE,
            "canvas": True,
        },
        "colours": SEVERITY_COLOURS,
        "unknown": UNKNOWN_SEVERITY,
    }
    return [PageLayer("severity", "layer_severity", data)]


def _page_bounds(lands: gpd.GeoDataFrame) -> tuple[float, float, float, float]:
    """Bounds of the region in the coordinates of the web page."""
    to_page = Transformer.from_crs(lands.crs, _PAGE, always_xy=True)
    left, bottom, right, top = to_page.transform_bounds(*lands.total_bounds)
    return float(left), float(bottom), float(right), float(top)


def _cell_m(bounds: tuple[float, float, float, float], demand_cell_m: float | None) -> float:
    """Width of a picture's cells in metres of the page: about half a demand cell, but not too many of them."""
    left, bottom, right, top = bounds
    longer = max(right - left, top - bottom)
    if demand_cell_m is None:
        return longer / _WITHOUT_CELLS
    # Metres of the page grow towards the poles, by the secant of the latitude.
    stretch = math.cosh((bottom + top) / 2 / 6_378_137.0)
    return max(stretch * demand_cell_m / 2, longer / _LONGEST)


def _picture(
    result: ScenarioResult,
    layers: tuple[HazardLayer, ...],
    bounds: tuple[float, float, float, float],
    cell_m: float,
    lands: gpd.GeoDataFrame,
) -> ScenarioPicture | None:
    """Give the picture of a scenario; None if no layer says how severe it is: roads closed by name or by chance."""
    if not any(one.scheme for one in result.layers):
        return None
    return scenario_picture(
        layers,
        result.scenario,
        bounds=bounds,
        crs=_PAGE,
        cell_m=cell_m,
        jurisdictions=lands,
    )


def _images(picture: ScenarioPicture, lands: gpd.GeoDataFrame) -> dict[str, Any]:
    """Two images of one extent: the severities, and a mask of where nobody knows them, which the page hatches."""
    severity = picture.severity
    inside = geometry_mask(lands.to_crs(_PAGE).geometry, severity.shape, picture.transform, invert=True)
    clear = (0, 0, 0, 0)
    colours = [clear, *((*_rgb(colour), 235) for colour in SEVERITY_COLOURS)]
    known = np.maximum(severity, 0).astype(np.uint8)
    # Whether nobody looked or nobody knows: neither is no hazard, and people live on the region's land.
    unknown = ((severity < 0) & inside).astype(np.uint8)
    to_degrees = Transformer.from_crs(_PAGE, 4326, always_xy=True)
    west, south, east, north = to_degrees.transform_bounds(*_extent(picture))
    return {
        "bounds": [[south, west], [north, east]],
        "known": png_uri(paletted_png(known, colours)),
        "unknown": f"url({png_uri(paletted_png(unknown, [clear, (0, 0, 0, 255)]))})" if unknown.any() else "",
    }


def _extent(picture: ScenarioPicture) -> tuple[float, float, float, float]:
    """Left, bottom, right and top of a picture."""
    width, _, left, _, height, top = picture.transform[:6]
    rows, columns = picture.severity.shape
    return left, top + height * rows, left + width * columns, top


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return red, green, blue


def _edge(picture: ScenarioPicture, cell_m: float) -> shapely.Geometry:
    """Outline of where there is a hazard, which stays visible above the people; the frame is no outline."""
    mask = (picture.severity >= 1).astype(np.uint8)
    rings = []
    for shape, _ in shapes(mask, mask.astype(bool), connectivity=4, transform=picture.transform):
        ring, *holes = shape["coordinates"]
        patch = shapely.Polygon(ring, holes)
        if patch.area >= _PATCH_CELLS * cell_m**2:
            rings.append(patch)
    frame = shapely.box(*_extent(picture))
    lines = shapely.boundary(np.array(rings, dtype=object))
    found = shapely.intersection(shapely.union_all(lines), shapely.buffer(frame, -cell_m / 2))
    return shapely.line_merge(found)


# --- roads ---------------------------------------------------------------------------------------------------


def closed_roads(analysis: Analysis) -> list[PageLayer]:
    """Roads that each scenario closes or slows down."""
    network = analysis.network
    main = network.roads["class"].astype(str).isin(MAIN_ROADS).to_numpy()
    lines: list[Any] = []
    features: list[dict[str, Any]] = []
    kinds = ((_SLOWED, "road_slowed"), (_CLOSED, "road_closed"))
    legend: list[dict[str, Any]] = [
        {"line": {**style, "weight": 4}, "label": message(text), "of": []} for style, text in kinds
    ]
    for result in analysis.scenarios:
        closed = result.roads["closed"].to_numpy(dtype=np.bool_)
        factor = result.roads["factor"].to_numpy(dtype=np.float64)
        slowed = ~closed & (factor > 0) & (factor < 1)
        for mask, (style, _), entry in zip((slowed, closed), kinds, legend, strict=True):
            if mask.any():
                entry["of"].append(result.scenario.id)
            for thick, weight in ((False, 1.5), (True, 3.0)):
                chosen = np.flatnonzero(mask & (main == thick))
                if len(chosen):
                    lines.append(shapely.line_merge(shapely.multilinestrings(network.lines(chosen))))
                    features.append({"scenario": result.scenario.id, "style": {**style, "weight": weight}})
    if not lines:
        return []
    data = {
        "paths": packed_paths(gpd.GeoSeries(lines, crs=network.crs), 4.0),
        "features": features,
        "style": {},
        "canvas": True,
        "order": 4,
        "legend": legend,
    }
    return [PageLayer("paths", "layer_closed", data)]


# --- seams ---------------------------------------------------------------------------------------------------


def seam_layer(analysis: Analysis) -> list[PageLayer]:
    """Stretches of borders where partners' maps contradict each other; off at the start."""
    found = analysis.seams
    if not len(found):
        return []
    names = analysis.region.jurisdictions["name"].to_dict()
    titles = {layer.id: layer.name or layer.id for layer in analysis.layers.layers}
    rows: list[dict[Any, Any]] = found.drop(columns=found.geometry.name).to_dict("records")
    data = {
        "paths": packed_paths(found.geometry, 2.0),
        "features": [{"facts": _seam(row, names, titles)} for row in rows],
        "style": _SEAM,
        "tells": "seam",
        "order": 5,
        "legend": [{"line": _SEAM, "label": message("seam")}],
    }
    return [PageLayer("paths", "layer_seams", data, show=False)]


def _seam(row: dict[Any, Any], names: dict[Any, Any], titles: dict[str, str]) -> dict[str, Any]:
    sides = []
    for side in _SIDES:
        severity = row[f"severity_{side}"]
        layer = row[f"layer_{side}"]
        sides.append(
            {
                "name": shorten(names.get(row[side], row[side])),
                "severity": None if pd.isna(severity) else int(severity),
                "label": shorten(row[f"class_label_{side}"]),
                "layer": shorten(titles.get(layer, layer)),
                "source": shorten(row[f"source_{side}"], 160),
                "years": years_text(row[f"return_period_{side}"]),
            }
        )
    return {
        "kind": row["kind"],
        "hazard": hazard_word(row["hazard"]),
        "event": shorten(row["event"]),
        "length_m": round(float(row["length_m"])),
        "sides": sides,
    }
