"""Printed maps of a report: who is in time, what nobody closes, and hazards; plans and reviews come from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from mutualaid.maps._counts import levels, place_status, statuses
from mutualaid.maps._hazard_layers import MAIN_ROADS
from mutualaid.maps._palette import STATUSES, Swatch, partner_fills
from mutualaid.reports._report._document import LegendEntry, Mark, Picture, Ref, Text
from mutualaid.reports._report._inputs import ReportInputs
from mutualaid.reports._report._map_drawing import Drawing
from mutualaid.reports._report._map_raster import paint
from mutualaid.reports._report._map_source import MapSource
from mutualaid.reports._report._plan_maps import evacuation_map, siting_map
from mutualaid.reports._report._review_maps import difference_map, residual_map

__all__ = ["report_maps"]

#: What places of each status of the interactive map are called on a printed one.
_CALLED: Mapping[str, str] = {
    "own": "map_own",
    "agreed_only": "map_agreed_neighbour",
    "joint_only": "map_neighbour",
    "joint_more": "map_neighbour",
    "gap_alone": "map_not_own",
    "gap_agreed": "map_not_agreed",
    "gap": "map_nobody",
    "held": "map_held",
    "lost_joint": "map_lost",
    "gap_hazard": "map_nobody_fair",
    "gap_high": "map_nobody_high",
    "unreachable": "map_no_road",
}
#: Where people are in time anyway.
_CALM = Swatch("#CBD5DC")
#: Whom a neighbour reaches, whom nobody reaches, and whom no road does.
_JOINT, _NOBODY, _NO_ROAD = Swatch("#009E73", "dots"), Swatch("#D55E00", "ticks"), Swatch("#7A7A7A", "cross")
_HAZARD_EDGE, _HAZARD, _CLOSED = "#3D1159", "#D0B5E8", "#8C1C13"
#: Most partners whose fill a map of gaps tells apart.
_MOST = 8
#: Gaps as wide as so many pixels have an edge.
_EDGED_PX = 45.0


def report_maps(inputs: ReportInputs) -> dict[str, Picture]:
    """Draw the maps of a report from the layers of a run, in the colours and hatchings of the interactive map.

    There is no word in a picture but the names of municipalities and the scale, so that one serves all languages: what
    it shows is said by its legend and caption.

    Parameters
    ----------
    inputs
        Of the report. Layers that are not there, because nothing was asked or something was withheld, have no map.

    Returns
    -------
    dict
        By name, those that can be drawn: ``alone``, ``agreed``, ``joint``, ``gaps``, ``hazard_<scenario>`` …,
        ``siting``, ``evacuation``, ``residuals`` and ``difference``. Equal inputs give equal bytes.
    """
    source = MapSource.of(inputs)
    found: dict[str, Picture | None] = {}
    covered = _covered(source, "coverage")
    if covered is not None:
        asked = levels(covered.columns)
        found |= {level: _level_map(source, covered, level) for level in asked}
        found["gaps"] = _gap_map(source, covered)
    for key in _scenarios(inputs):
        found[f"hazard_{key}"] = _hazard_map(source, key)
    found["siting"] = siting_map(source, covered)
    found["evacuation"] = evacuation_map(source)
    found["residuals"] = residual_map(source)
    found["difference"] = difference_map(source)
    return {name: picture for name, picture in found.items() if picture is not None}


def _scenarios(inputs: ReportInputs) -> Mapping[str, Any]:
    """Give what the summary says of hazards, by scenario; a level that withholds it may say nothing."""
    found: Mapping[str, Any] = (inputs.summary.get("hazards") or {}).get("scenarios") or {}
    return found


def _covered(source: MapSource, layer: str) -> gpd.GeoDataFrame | None:
    """Places with what counts them, at all levels that the run has."""
    known = source.fields(layer)
    wanted = {"status", "partner", "joint_partner", "severity", *(f"{one}_covered" for one in _LEVELS)}
    wanted |= {f"fair_{one}_covered" for one in _LEVELS}
    return source.read(layer, *sorted(wanted & known)) if {"status", "joint_covered"} <= known else None


_LEVELS = ("alone", "agreed", "joint")


# --- who is in time --------------------------------------------------------------------------------------------


def _level_map(source: MapSource, covered: gpd.GeoDataFrame, level: str) -> Picture:
    """Draw who is in time at a level."""
    labels = _labels(covered, level, hazard=False)
    values = {
        "map_own": source.ref("headline", "covered_alone"),
        "map_agreed_neighbour": source.ref("headline", "closed_by_agreed"),
        "map_not_own": source.ref("common", "total", "alone", "gap"),
        "map_not_agreed": source.ref("common", "total", "agreed", "gap"),
        "map_neighbour": source.ref("headline", "closed_by_joint"),
        "map_nobody": source.ref("headline", "remaining"),
        "map_no_road": source.ref("headline", "unreachable"),
    }
    if (covered["alone_covered"] & ~covered[f"{level}_covered"]).any():
        values["map_own"] = None  # more than look so: some are late with the others
    with source.drawn(covered) as one:
        entries = _cells(source, one, covered, labels, values)
        entries += source.finish(one, stations=source.read("stations", "partner"))
        alt = source.alt(
            f"map_{level}_alt",
            covered=source.ref("headline", f"covered_{level}"),
            population=source.ref("headline", "population"),
        )
        return source.picture(level, one, alt, Text(f"map_{level}_caption"), entries)


def _labels(covered: gpd.GeoDataFrame, level: str, *, hazard: bool) -> NDArray[np.str_]:
    """Give what each place is called at a level; a neighbour is one, whether it comes as agreed or more."""
    rows = statuses(covered.columns, hazard=hazard)
    names = np.array([getattr(row, f"{level}_label") for row in rows])
    found = names[place_status(covered, hazard=hazard)]
    if level == "joint":
        found = np.where(np.isin(found, ["agreed_only", "joint_more"]), "joint_only", found)
    return found


def _cells(
    source: MapSource,
    one: Drawing,
    covered: gpd.GeoDataFrame,
    labels: NDArray[np.str_],
    values: Mapping[str, Ref | None],
    *,
    hazard: bool = False,
) -> list[LegendEntry]:
    """Paint the places, and give the entries of what is there, in the order of the legend."""
    fills = _fills(covered, hazard=hazard)
    there = [name for name in _CALLED if (labels == name).any()]
    codes = np.full(len(labels), -1, dtype=np.int64)
    for position, name in enumerate(there):
        codes[labels == name] = position
    looks = [fills[name] for name in there]
    one.cells(paint(covered, codes, looks, one.frame, source.inputs.region.cell_m))
    # Under a hazard people without a road are of several statuses, so that they are part of no other entry.
    called = {**_CALLED, **({"unreachable": "map_no_way"} if hazard else {})}
    return [
        LegendEntry(Mark(*look), Text(called[name]), values.get(called[name]))
        for name, look in zip(there, looks, strict=True)
    ]


def _fills(covered: gpd.GeoDataFrame, *, hazard: bool) -> dict[str, Swatch]:
    """Look of what a place can be called."""
    found: dict[str, Swatch] = {}
    for row in (*STATUSES, *statuses(covered.columns, hazard=hazard)):
        found |= {row.alone_label: row.alone, row.joint_label: row.joint}
        if row.agreed is not None:
            found[row.agreed_label] = row.agreed
    return found


# --- gaps and who closes them ----------------------------------------------------------------------------------


def _gap_map(source: MapSource, covered: gpd.GeoDataFrame) -> Picture | None:
    """Draw whom a joint team would reach where their own service does not, and whom nobody reaches."""
    if "joint_partner" not in covered or covered["alone_covered"].all():
        return None
    closed = ~covered["alone_covered"] & covered["joint_covered"]
    partners = list(dict.fromkeys(covered["joint_partner"].dropna()))
    order = [name for name in source.partners() if name in partners]
    order += [name for name in partners if name not in order]
    helpers = [name for name in order if (closed & (covered["joint_partner"] == name)).any()]
    positions = {name: position for position, name in enumerate(order)}
    # One helper is "a neighbour" and looks as on the map before; only several need looks of their own.
    fills = [partner_fills(positions[name])[1] for name in helpers[:_MOST]] if len(helpers) > 1 else [_JOINT]
    looks = [_CALM, *fills[: len(helpers)], _JOINT]
    looks += [_NOBODY, _NO_ROAD]
    codes = np.zeros(len(covered), dtype=np.int64)
    for position, name in enumerate(helpers):
        codes[closed & (covered["joint_partner"] == name)] = 1 + min(position, _MOST)
    codes[closed & covered["joint_partner"].isna()] = len(looks) - 3
    codes[~covered["joint_covered"] & ~closed] = len(looks) - 2
    codes[covered["status"] == "unreachable"] = len(looks) - 1
    texts = [
        Text("map_in_time"),
        *(Text("map_closed_by", {"partner": source.words(source.partner(name))}) for name in helpers[:_MOST]),
        Text("map_closed_other"),
        Text("map_nobody_closes"),
        Text("map_no_road"),
    ]
    values = {
        len(looks) - 2: source.ref("headline", "remaining"),
        len(looks) - 1: source.ref("headline", "unreachable"),
    }
    with source.drawn(covered) as one:
        one.cells(paint(covered, codes, looks, one.frame, source.inputs.region.cell_m))
        gaps = source.read("gaps", "level")
        if gaps is not None:
            # Around small ones an edge would hide what it is around.
            large = gaps.geometry.area >= (_EDGED_PX / one.frame.metre_px) ** 2
            one.outlines(gaps.geometry[large & (gaps["level"] == "joint")], width=1.1)
        entries = [
            LegendEntry(Mark(*look), text, values.get(code))
            for code, (look, text) in enumerate(zip(looks, texts, strict=True))
            if (codes == code).any()
        ]
        entries += source.finish(one, stations=source.read("stations", "partner"))
        alt = source.alt(
            "map_gaps_alt",
            closed=source.ref("headline", "closed_by_joint"),
            remaining=source.ref("headline", "remaining"),
        )
        return source.picture("gaps", one, alt, Text("map_gaps_caption"), entries)


# --- hazards ---------------------------------------------------------------------------------------------------


def _hazard_map(source: MapSource, key: str) -> Picture | None:
    """Draw who is still in time under a hazard, as one joint team."""
    covered = _covered(source, f"scenario_{key}")
    if covered is None or "severity" not in covered or "fair_joint_covered" not in covered:
        return None
    labels = _labels(covered, "joint", hazard=True)
    total = ("hazards", "scenarios", key, "total")
    values = {
        "map_own": source.ref(*total, "alone"),
        "map_held": source.ref(*total, "held"),
        "map_lost": source.ref(*total, "lost_joint"),
    }
    if (covered["alone_covered"] & ~covered["joint_covered"]).any():
        values["map_own"] = None
    severity = source.read(f"severity_{key}", "severity")
    with source.drawn(covered) as one:
        hit = None if severity is None else severity.geometry.to_numpy()[severity["severity"].to_numpy() >= 1]
        if hit is not None and len(hit):
            one.areas(hit, one.below, facecolor=_HAZARD)
        entries = _cells(source, one, covered, labels, values, hazard=True)
        entries += _hazard_marks(source, one, key, hit)
        states = source.read(f"stations_{key}", "state", "partner")
        working = None if states is None else states[states["state"] != "out"]
        entries += source.finish(one, stations=working)
        if states is not None and (states["state"] == "out").any():
            one.crosses(states.geometry[states["state"] == "out"], "#A3123F")
            entries.append(LegendEntry(Mark("#A3123F", "cross_out"), Text("map_station_out")))
        name = source.words(str((_scenarios(source.inputs)[key] or {}).get("name") or key))
        alt = source.alt(
            "map_hazard_alt",
            scenario=name,
            covered=source.ref(*total, "joint"),
            lost=source.ref(*total, "lost_joint"),
            population=source.ref(*total, "population"),
        )
        caption = Text("map_hazard_caption", {"scenario": name})
        return source.picture(f"hazard_{key}", one, alt, caption, entries)


def _hazard_marks(source: MapSource, one: Drawing, key: str, hit: NDArray[Any] | None) -> list[LegendEntry]:
    """Draw the edge of the hazard and the roads that it closes."""
    entries = []
    if hit is not None and len(hit):
        whole = gpd.GeoSeries([shapely.union_all(hit)])
        one.outlines(whole, colour=_HAZARD_EDGE, width=1.3)
        entries.append(LegendEntry(Mark(_HAZARD), Text("map_hazard_area")))
    roads = source.read(f"roads_{key}", "closed", "class")
    if roads is not None and roads["closed"].any():
        shut = roads[roads["closed"].astype(bool)]
        main = shut["class"].isin(MAIN_ROADS)
        for chosen, width in ((shut[~main], 1.0), (shut[main], 2.0)):
            one.lines(chosen.geometry, color="#ffffff", linewidth=width + 1.2, alpha=0.9)
            one.lines(chosen.geometry, color=_CLOSED, linewidth=width)
        km = source.ref("hazards", "scenarios", key, "roads_km", "closed", form="km")
        entries.append(LegendEntry(Mark(_CLOSED, "line"), Text("map_road_closed"), km))
    return entries
