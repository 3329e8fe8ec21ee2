"""Printed maps of plans: where new stations go, and how an evacuation leaves."""

from __future__ import annotations

import geopandas as gpd
import numpy as np

from mutualaid.maps._palette import Swatch
from mutualaid.reports._report._document import LegendEntry, Mark, Picture, Text
from mutualaid.reports._report._map_drawing import Drawing
from mutualaid.reports._report._map_raster import paint
from mutualaid.reports._report._map_source import MapSource

__all__ = ["evacuation_map", "siting_map"]

_CALM, _GAP, _NO_ROAD = Swatch("#CBD5DC"), Swatch("#E69F00", "slash"), Swatch("#7A7A7A", "cross")
_SITE, _SHUT = "#A3123F", "#241623"
#: Zones, traffic, what holds it up, and shelters; as on the interactive map.
_ZONE, _ZONE_EDGE, _TRAFFIC, _CUT, _SHELTER = "#F2CF7F", "#7A3300", "#0072B2", "#D55E00", "#00524A"
#: Points of the thinnest and the widest road.
_WIDTHS = (0.9, 7.0)


def siting_map(source: MapSource, covered: gpd.GeoDataFrame | None) -> Picture | None:
    """Draw the sites of the plan and of its alternatives over who is in time today."""
    sites = source.read("siting", "change", "in_plan")
    if sites is None or covered is None:
        return None
    level = str((source.inputs.summary.get("siting") or {}).get("level", "joint"))
    reached = covered.get(f"{level}_covered", covered["joint_covered"]).astype(bool)
    codes = np.where(reached, 0, np.where(covered["status"] == "unreachable", 2, 1)).astype(np.int64)
    looks = [_CALM, _GAP, _NO_ROAD]
    texts = ["map_in_time_today", "map_not_in_time_today", "map_no_way"]
    planned, opened = sites["in_plan"].astype(bool), sites["change"] == "opened"
    with source.drawn(covered, sites) as one:
        one.cells(paint(covered, codes, looks, one.frame, source.inputs.region.cell_m))
        entries = [
            LegendEntry(Mark(*look), Text(text))
            for code, (look, text) in enumerate(zip(looks, texts, strict=True))
            if (codes == code).any()
        ]
        candidates = source.read("siting_candidates", "state")
        looked = None if candidates is None else candidates[candidates["state"] == "candidate"]
        stations = source.finish(one, stations=source.read("stations", "partner"))
        if looked is not None and len(looked):
            kept = list(one.taken)
            one.marks(looked.geometry, "circle", "#52606d", size=5.0, linewidths=0.8, zorder=5)
            one.taken = kept
        others = sites[opened & ~planned]
        one.marks(others.geometry, "circle", "none", size=15.0, edgecolors="#ffffff", linewidths=6.0)
        one.marks(others.geometry, "circle", "none", size=15.0, edgecolors=_SITE, linewidths=3.0)
        one.crosses(sites.geometry[planned & ~opened], _SHUT)
        one.marks(sites.geometry[planned & opened], "star", _SITE, size=21.0)
        shown = (
            ((planned & opened).any(), Mark(_SITE, "star"), "map_site_plan"),
            ((planned & ~opened).any(), Mark(_SHUT, "cross_out"), "map_site_closed"),
            (len(others) > 0, Mark(_SITE, "ring"), "map_site_other"),
            (looked is not None and len(looked) > 0, Mark("#52606d", "circle"), "map_site_looked"),
        )
        entries += [LegendEntry(mark, Text(text)) for there, mark, text in shown if there]
        alt = source.alt("map_siting_alt", covered=source.ref("siting", "plan", "value"))
        return source.picture("siting", one, alt, Text("map_siting_caption"), [*entries, *stations])


def evacuation_map(source: MapSource) -> Picture | None:
    """Draw the zones, the roads of the plan as wide as they are used, what holds them up, and the shelters."""
    zones = source.read("evacuation_zones", "people")
    if zones is None:
        return None
    flows = source.read("evacuation_flows", "vehicles")
    shelters = source.read("evacuation_shelters", "kind", "people", "own")
    used = None if shelters is None else shelters[shelters["people"].fillna(0.0) > 0]
    with source.drawn(zones, flows, used) as one:
        one.areas(zones.geometry, one.below, facecolor=_ZONE)
        one.hatched(zones.geometry, "slash", "#9A6A1E")
        one.outlines(zones.geometry, colour=_ZONE_EDGE, width=1.6)
        entries = [
            LegendEntry(Mark(_ZONE, "slash"), Text("map_evac_zone"), source.ref("evacuation", "people"))
        ]
        if flows is not None:
            vehicles = flows["vehicles"].fillna(0.0).to_numpy(dtype=np.float64)
            share = np.sqrt(vehicles / max(vehicles.max(initial=0.0), 1e-9))
            widths = (_WIDTHS[0] + (_WIDTHS[1] - _WIDTHS[0]) * share).tolist()
            one.line_widths(flows.geometry, widths, _TRAFFIC)
            entries.append(LegendEntry(Mark(_TRAFFIC, "line"), Text("map_evac_road")))
        cut = source.read("evacuation_bottleneck", "name")
        if cut is not None:
            one.lines(cut.geometry, color="#ffffff", linewidth=8.0)
            one.lines(cut.geometry, color=_CUT, linewidth=5.5, linestyle=(0, (1.2, 0.8)), capstyle="butt")
            entries.append(LegendEntry(Mark(_CUT, "dashed"), Text("map_evac_cut")))
        source.finish(one)
        if used is not None:
            entries += _shelters(one, used)
        alt = source.alt(
            "map_evacuation_alt",
            people=source.ref("evacuation", "people"),
            out=source.ref("evacuation", "people_out"),
        )
        return source.picture("evacuation", one, alt, Text("map_evacuation_caption"), entries)


def _shelters(one: Drawing, used: gpd.GeoDataFrame) -> list[LegendEntry]:
    """Draw who takes people in: shelters of the own partner, of others, and where roads leave the map."""
    own, exits = used["own"].fillna(False).astype(bool), used["kind"] == "exit"
    kinds = (
        (~exits & own, "square", "map_shelter_own"),
        (~exits & ~own, "diamond", "map_shelter_other"),
        (exits, "triangle", "map_exit"),
    )
    entries = []
    most = max(float(used["people"].max()), 1e-9)
    for chosen, shape, text in kinds:
        mine = used[chosen]
        if not len(mine):
            continue
        entries.append(LegendEntry(Mark(_SHELTER, shape), Text(text)))
        for position in range(len(mine)):
            size = 9.0 + 12.0 * float(np.sqrt(mine["people"].iloc[position] / most))
            one.marks(mine.geometry.iloc[position : position + 1], shape, _SHELTER, size=size)
    return entries
