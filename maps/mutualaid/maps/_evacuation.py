"""An evacuation on the page: what is told of its time, zones, routes, shelters and bottleneck."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.maps._counts import partner_names
from mutualaid.maps._escape import finite, shorten
from mutualaid.maps._ground import marks_at
from mutualaid.maps._messages import Message, decimal, dotted, listed, message, minutes, shown
from mutualaid.maps._scenarios import hazard_word
from mutualaid.maps._texts import TEXTS

if TYPE_CHECKING:
    from mutualaid.coverage import Analysis
    from mutualaid.evacuation import EvacuationStudy

__all__ = ["evacuation_facts", "moments"]

#: Roads of a route, and of the bottleneck, that are named.
_ROADS, _CUT_ROADS = 12, 4
#: A road that carries this share of its capacity is called full.
FULL = 0.95
#: Whole seconds that stand for never.
_NEVER = -1.0
#: Longest note that is shown.
_NOTE = 400
#: Fewer people than this are the noise of sums.
_NOBODY = 1e-6


def evacuation_facts(analysis: Analysis, study: EvacuationStudy) -> dict[str, Any]:
    """Give what the page tells of an evacuation.

    Parameters
    ----------
    analysis
        The run that it was asked about.
    study
        The evacuation.

    Returns
    -------
    dict
        JSON-ready. Times are seconds after the alarm, -1 for never, None for unknown. ``name``, ``level``, ``bounds``
        (of what is to be seen), ``lower_s``, ``upper_s``, ``plan_s`` (clearance), ``people``, ``out``, ``vehicles``,
        ``left`` (``why`` in words and ``people``), ``times`` of the steps, ``shares`` and ``nearest`` (people out by
        the plan and by the baseline at these), ``zones``, ``shelters``, ``crossings``, ``routes`` (whose ``roads``
        are numbers in ``roads``), ``cut``, ``levels``, ``sensitivity``, ``values``, ``assumed`` (in words), ``why``
        and ``notes`` (in plain English).
    """
    times = moments(study)
    zones = study.zones
    return {
        "name": shorten(study.case.name),
        "level": study.level,
        "bounds": _bounds(study),
        "lower_s": _time(study.bracket.lower_s),
        "upper_s": _time(study.bracket.upper_s),
        "plan_s": _time(study.plan.clearance_s),
        "people": float(zones["people"].sum()),
        "out": float(zones["people_out"].sum()),
        "vehicles": float(zones["vehicles"].sum()),
        "left": _left(study.left),
        "times": times.tolist(),
        "shares": _curve(study.curves, "plan", "", times),
        "nearest": _curve(study.curves, "nearest", "", times),
        "zones": _zones(analysis, study, times),
        "shelters": _shelters(analysis, study),
        "crossings": _crossings(analysis, study),
        **_routes(study),
        "cut": _cut(study),
        "levels": _levels(study.levels),
        "sensitivity": [
            {"name": _word("evac_factor", str(key)), **_span(row)} for key, row in _rows(study.sensitivity)
        ],
        "values": _values(study.measures),
        "assumed": _assumed(study),
        "why": [shorten(line, _NOTE) for line in study.why],
        "notes": [shorten(line, _NOTE) for line in (*study.notes, study.case.note) if line],
    }


def moments(study: EvacuationStudy) -> NDArray[np.float64]:
    """Moments at which the page shows the flows: those of the study's steps, and the end."""
    steps = np.unique(study.steps["time_s"].to_numpy(np.float64))
    end = study.plan.clearance_s
    return np.unique(np.append(steps, end)) if len(steps) and math.isfinite(end) else steps


def _rows(table: pd.DataFrame) -> Iterable[tuple[Any, Any]]:
    plain = table.drop(columns="geometry", errors="ignore")
    return zip(plain.index, plain.to_dict("records"), strict=True)


def _time(seconds: float) -> float | None:
    """Seconds for the page: -1 never, None unknown."""
    return _NEVER if math.isinf(seconds) else finite(seconds, 1)


def _times(row: Mapping[Any, Any], *names: str) -> dict[str, float | None]:
    return {name: _time(float(row[name])) for name in names}


def _span(row: Mapping[Any, Any]) -> dict[str, float | None]:
    return _times(row, "lower_s", "upper_s")


def _word(prefix: str, key: str) -> Message:
    """Text of a word that results use, or the word itself where there is none."""
    known = f"{prefix}_{key.replace(' ', '_').replace(',', '')}"
    return message(known) if known in TEXTS else shorten(key)


def _bounds(study: EvacuationStudy) -> list[list[float]]:
    """Frame the zones, the ways out and the shelters that take somebody in."""
    used = study.shelters[study.shelters["people"] > 0]
    parts = [one.geometry.to_crs(4326).total_bounds for one in (study.zones, study.routes, used) if len(one)]
    low, high = np.min(parts, axis=0)[:2], np.max(parts, axis=0)[2:]
    return [[float(low[1]), float(low[0])], [float(high[1]), float(high[0])]]


def _curve(curves: pd.DataFrame, kind: str, zone: str, times: NDArray[np.float64]) -> list[float]:
    """People out at each of some moments."""
    own = curves[(curves["kind"] == kind) & (curves["zone"] == zone)].sort_values("time_s", kind="stable")
    at = np.searchsorted(own["time_s"].to_numpy(), times, side="right")
    people = np.concatenate(([0.0], own["people"].to_numpy(np.float64)))
    return [round(float(n), 1) for n in people[at]]


# --- zones, shelters, crossings ------------------------------------------------------------------------------


def _zones(analysis: Analysis, study: EvacuationStudy, times: NDArray[np.float64]) -> list[dict[str, Any]]:
    names, zones = analysis.region.jurisdictions["name"], study.zones
    facts = []
    for at, (key, row) in zip(marks_at(zones.representative_point()), _rows(zones), strict=True):
        facts.append(
            {
                "at": at,
                "name": shorten(row["name"]),
                "where": shorten(names.get(row["jurisdiction"], row["jurisdiction"])),
                **{
                    name: finite(row[name], 1)
                    for name in ("people", "vehicles", "people_out", "people_left", "nearest_people_out")
                },
                **_times(row, "arrives_s", "first_s", "last_s", "latest_s", "margin_s", "nearest_ete_90_s"),
                **_times(row, "ete_50_s", "ete_90_s", "ete_95_s", "ete_100_s"),
                "left": _left(study.left[study.left["zone"] == key]),
                "shares": _curve(study.curves, "plan", str(key), times),
            }
        )
    return facts


def _left(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Who is left behind, by the reason in words."""
    by_reason = table.groupby("reason", sort=False)["people"].sum()
    return [
        {"why": _word("evac_left", str(reason)), "people": float(n)}
        for reason, n in by_reason.items()
        if n > _NOBODY
    ]


def _shelters(analysis: Analysis, study: EvacuationStudy) -> list[dict[str, Any]]:
    names, partners = analysis.region.jurisdictions["name"], partner_names(analysis)
    facts = []
    for at, (_, row) in zip(marks_at(study.shelters.geometry), _rows(study.shelters), strict=True):
        where = names.get(row["jurisdiction"], row["jurisdiction"])
        partner = partners.get(row["partner"], row["partner"])
        known = str(row["status"]) == "usable"
        facts.append(
            {
                "at": at,
                "name": shorten(row["name"]),
                "kind": "exit" if row["kind"] == "exit" else "own" if row["own"] else "neighbour",
                "line": _run_by(where, partner),
                "usable": known,
                "status": "" if known else _word("evac_status", str(row["status"])),
                "people": finite(row["people"], 1),
                "room": _time(float(row["room"])),
                "overflow": finite(row["overflow"], 1),
                **_times(row, "opens_s", "closes_s"),
            }
        )
    return facts


def _run_by(where: object, who: object) -> Message:
    place, partner = ("" if pd.isna(one) else str(one) for one in (where, who))  # type: ignore[call-overload]
    if not place or not partner or place == partner:
        return shorten(place or partner)
    return message("station_run_by", place=shown(place), who=shown(partner))


def _crossings(analysis: Analysis, study: EvacuationStudy) -> list[dict[str, Any]]:
    names = analysis.region.jurisdictions["name"]
    return [
        {
            "at": at,
            "name": shorten(row["name"]),
            "line": message(
                "pair_dash",
                a=shown(names.get(row["from_jurisdiction"], row["from_jurisdiction"])),
                b=shown(names.get(row["to_jurisdiction"], row["to_jurisdiction"])),
            ),
            "people": finite(row["people"], 1),
            "vehicles": finite(row["vehicles"], 1),
            "peak_vph": finite(row["peak_vph"], 1),
            "capacity_vph": _time(float(row["capacity_vph"])),
        }
        for at, (_, row) in zip(marks_at(study.crossings.geometry), _rows(study.crossings), strict=True)
    ]


# --- routes and the bottleneck -------------------------------------------------------------------------------


def _routes(study: EvacuationStudy) -> dict[str, Any]:
    """Routes, and the names of their roads, each of which is written once."""
    zones = {key: k for k, key in enumerate(study.zones.index)}
    roads = [[shorten(one) for one in given if one] for given in study.routes["roads"]]
    number = {name: k for k, name in enumerate(dict.fromkeys(name for one in roads for name in one))}
    routes = [
        {
            "id": shorten(key),
            "zone": zones[row["zone"]],
            "to": shorten(row["sink_name"]),
            "roads": [number[name] for name in names[:_ROADS]],
            "more": max(0, len(names) - _ROADS),
            "rate_vph": finite(row["rate_vph"], 1),
            "vehicles": finite(row["vehicles"], 1),
            "people": finite(row["people"], 1),
            "km": finite(row["length_m"] / 1000, 1),
            **_times(row, "from_s", "to_s", "drive_s", "arrives_s", "latest_s", "margin_s"),
        }
        for (key, row), names in zip(_rows(study.routes), roads, strict=True)
    ]
    return {"roads": list(number), "routes": routes}


def _cut(study: EvacuationStudy) -> dict[str, Any] | None:
    """Tell of the bottleneck; None if there is none on the roads."""
    found = study.cut
    if not len(found):
        return None
    widest = found.sort_values("capacity_vph", ascending=False, kind="stable")
    named = [name for name in dict.fromkeys(widest["name"]) if name]
    return {
        "people": finite(study.people_behind, 1),
        "vph": finite(found["capacity_vph"].sum(), 1),
        "roads": listed(named, _CUT_ROADS) if named else None,
    }


# --- comparisons ---------------------------------------------------------------------------------------------


def _levels(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {
            "level": str(key),
            **_span(row),
            **{
                name: finite(row[name], 1)
                for name in ("people_out", "people_left", "overflow", "crossing_people")
            },
        }
        for key, row in _rows(table)
    ]


def _values(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Measures, the one that saves most first."""
    ranked = table.sort_values("saved_s", ascending=False, kind="stable", na_position="last")
    return [
        {
            "what": _word("evac_value", str(row["kind"])),
            "name": shorten(row["name"] or ""),
            **_span(row),
            "saved_s": finite(row["saved_s"], 1),
            "more": finite(row.get("vehicles_more", math.nan), 1),
        }
        for _, row in _rows(ranked)
    ]


def _assumed(study: EvacuationStudy) -> list[Message]:
    """Say what the evacuation rests on; what nobody stated is marked."""
    case = study.case
    ready = next((at for at, share in case.mobilisation if share >= 1), case.mobilisation[-1][0])
    half = float(
        np.interp(0.5, [share for _, share in case.mobilisation], [at for at, _ in case.mobilisation])
    )
    lines = [
        _marked(case, "persons_per_vehicle", message("evac_in_cars", n=decimal(case.persons_per_vehicle))),
        _marked(case, "without_car", message("evac_without_car", share={"share": case.without_car})),
        _marked(
            case, "buses", message("evac_buses", n=case.buses, seats=case.bus_seats, turns=case.bus_turns)
        )
        if case.buses
        else message("evac_no_buses"),
        _marked(
            case,
            "mobilisation",
            message("evac_mobilisation", half=minutes(60 * half), all=minutes(60 * ready)),
        ),
        _marked(
            case,
            "capacities",
            message(
                "evac_capacities",
                preset=shown(case.capacities),
                factor=shown(_word("evac_factor", case.factor)),
            ),
        ),
        _marked(case, "background", message("evac_background", share={"share": case.background}))
        if case.background
        else "",
        message("evac_contraflow", roads=listed(case.contraflow)) if case.contraflow else "",
        message("evac_exits") if case.exits else message("evac_no_exits"),
    ]
    if case.arrival is not None:
        told = case.arrival
        parts = [hazard_word(told.hazard), told.name, told.source, told.date]
        lines += [dotted([*parts, message("derived_long")]) if told.derived else dotted(parts)]
    return [line for line in lines if line]


def _marked(case: Any, parameter: str, line: Message) -> Message:
    if case.confidence_of(parameter) != "assumption":
        return line
    return message("evac_assumed", what=line)
