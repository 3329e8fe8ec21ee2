"""What the panel says in words and numbers: totals, the standard, assumptions, sources, and the stations."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from mutualaid.maps._counts import levels
from mutualaid.maps._escape import shorten
from mutualaid.maps._palette import clock
from mutualaid.maps._scenarios import hazard_facts
from mutualaid.maps._texts import TEXTS
from mutualaid.network import profile

if TYPE_CHECKING:
    from mutualaid.coverage import Analysis, Standard

__all__ = ["STARTS", "about", "station_lines", "totals"]

_POINTS = {
    "t0": "the call is received",
    "t1": "the call is answered",
    "t2": "the crew is alerted",
    "t3": "the wheels roll",
    "t4": "the first unit arrives",
    "t5": "the full force is on scene",
}

#: What a clock runs from, as the panel's question says it.
STARTS = {
    "t0": "the call being received",
    "t1": "the call being answered",
    "t2": "the crew's alert",
    "t3": "the crew's departure",
}

_DEPARTMENTS = {
    "career": "Career crew",
    "volunteer": "Volunteers",
    "combination": "Career crew and volunteers",
    "unknown": "Kind of crew not known",
}


def totals(analysis: Analysis) -> dict[str, Any]:
    """People in all and by jurisdiction, and how many are reached in time at each level.

    The population of a jurisdiction is None where it is unknown, the time that a joint team needs for nine in
    ten of its people where it does not reach so many.
    """
    covered = analysis.coverage
    people, asked = covered["population"], levels(covered.columns)
    masks = {level: covered[f"{level}_covered"] for level in asked}
    masks["unreachable"] = covered["status"] == "unreachable"
    table = pd.DataFrame(
        {"population": people, **{key: people.where(mask, 0.0) for key, mask in masks.items()}}
    )
    rows = [
        {
            "name": shorten(block["name"]),
            "population": block["population"],
            **{level: block[level]["covered"] for level in asked},
            "joint_p90_s": block["joint"]["p90_s"],
        }
        for block in analysis.summary["common"]["jurisdictions"].values()
    ]
    return {"totals": table.sum().to_dict(), "jurisdictions": rows}


def about(analysis: Analysis) -> list[dict[str, Any]]:
    """Paragraphs of the facts panel: the standard, assumptions and sources."""
    region, names = analysis.region, analysis.region.jurisdictions["name"]
    local = [
        f"{shorten(names.get(key, key))}: {standard_line(standard)}"
        for key, standard in analysis.local_standards.items()
        if standard.id != analysis.standard.id
    ]
    sources = [
        shorten(
            " · ".join(part for part in (source.what, source.source, source.licence, source.date) if part),
            300,
        )
        for source in region.sources
    ]
    parts: list[tuple[str, list[str]]] = [
        ("about_standard", [standard_line(analysis.standard)]),
        ("about_local", local),
        ("about_assumptions", _assumptions(analysis)),
        ("about_sources", sources),
        *hazard_facts(analysis),
    ]
    return [{"title": TEXTS[key], "items": items} for key, items in parts if items]


def standard_line(standard: Standard) -> str:
    """Return a standard in one sentence."""
    share = "" if math.isnan(standard.share) else f", for {standard.share:.0%} of incidents"
    average = " on average" if standard.statistic == "mean" else ""
    source = f". {standard.source}" if standard.source else ""
    start, end = _POINTS[standard.start], _POINTS[standard.end]
    interval = f"{clock(standard.limit_s)} min{average} from when {start} until {end}"
    return shorten(f"{standard.name}: {interval}{share}{source}", 300)


def _assumptions(analysis: Analysis) -> list[str]:
    p = analysis.region.parameters
    vehicle, stations = profile(p.profile), analysis.summary["stations"]
    size = f"{vehicle.weight_t:g} t, {vehicle.height_m:g} m high"
    partners = analysis.region.jurisdictions["partner"]
    turnout = ", ".join(f"{kind} {clock(seconds)}" for kind, seconds in p.turnout_s.items())
    team = " in a joint team" if analysis.agreements else ""  # agreements have delays of their own
    lines = [
        f"{vehicle.label}: {size}; roads with lower limits are not used",
        f"Roads without traffic jams; hour: {p.hour}",
        f"Answering {clock(p.answering_s)} min, alerting {clock(p.processing_s)} min",
        f"Turnout is assumed at {stations['turnout_assumed']} of {stations['count']} stations (min): {turnout}",
        f"A neighbour is alerted {_delay(p.dispatch_s)}{team}",
        *(["Each municipality is its own partner"] if partners.is_unique else []),
        f"International borders are crossed {_delay(p.crossing_s)}{team}"
        + (", but some crossings have their own" if p.crossing_delay_s else ""),
        f"Drives are followed for up to {p.cutoff_s / 60:g} min",
        f"Who lives more than {p.snap_m:g} m from any road counts as not reachable by road",
        "Every station is staffed and at home: simultaneous incidents are not modelled",
    ]
    return [shorten(line, 300) for line in lines]


def _delay(seconds: float) -> str:
    return f"with a delay of {clock(seconds)} min" if seconds else "without delay"


def station_lines(analysis: Analysis, partners: dict[str, str]) -> list[list[str]]:
    """Return for each station what its tip says below its name."""
    names, units = analysis.region.jurisdictions["name"], analysis.region.units
    lines = []
    for key, row in analysis.stations.iterrows():
        where = str(names.get(row["jurisdiction"], row["jurisdiction"]))
        run_by = partners[row["partner"]]
        place = where if run_by == where else f"{where}, run by {run_by}"
        crew = _DEPARTMENTS.get(row["department"], "")
        own = units[units["station"] == key] if len(units) else units
        engines = ", ".join(f"{unit.count} × {unit.kind}" for unit in own.itertuples(index=False))
        assumed = " (assumed)" if row["turnout_assumed"] else ""
        turnout = f"Turnout {clock(row['turnout_used_s'])} min{assumed}"
        lines.append([shorten(line) for line in (place, crew, turnout, engines) if line])
    return lines
