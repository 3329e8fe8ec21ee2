"""What the panel says in words and numbers: totals, the standard, assumptions, sources, and the stations."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from mutualaid.maps._counts import levels
from mutualaid.maps._escape import shorten
from mutualaid.maps._messages import Message, clock, decimal, dotted, listed, message, minutes, shown
from mutualaid.maps._scenarios import hazard_facts
from mutualaid.network import PROFILES, profile

if TYPE_CHECKING:
    from mutualaid.coverage import Analysis, Standard

__all__ = ["about", "station_lines", "totals"]


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
    local: list[Message] = [
        message("pair_colon", a=shown(names.get(key, key)), b=standard_line(standard))
        for key, standard in analysis.local_standards.items()
        if standard.id != analysis.standard.id
    ]
    parts: list[tuple[str, list[Message]]] = [
        ("about_standard", [standard_line(analysis.standard)]),
        ("about_local", local),
        ("about_assumptions", _assumptions(analysis)),
        ("about_sources", [dotted([one.what, one.source, one.licence, one.date]) for one in region.sources]),
        *hazard_facts(analysis),
    ]
    return [{"title": message(key), "items": items} for key, items in parts if items]


def standard_line(standard: Standard) -> Message:
    """Return a standard in one sentence."""
    said = message(
        "interval_mean" if standard.statistic == "mean" else "interval",
        limit=clock(standard.limit_s),
        **{"from": message(f"from_{standard.start}")},
        until=message(f"until_{standard.end}"),
    )
    if not math.isnan(standard.share):
        said = message("interval_share", interval=said, share={"share": standard.share})
    return dotted([message("pair_colon", a=shown(standard.name), b=said), standard.source])


def _assumptions(analysis: Analysis) -> list[Message]:
    p = analysis.region.parameters
    vehicle, stations = profile(analysis.region.profile), analysis.summary["stations"]
    name = message(f"vehicle_{p.profile}") if p.profile in PROFILES else shown(vehicle.label)
    turnout = listed(message(f"turnout_{kind}", time=clock(s)) for kind, s in p.turnout_s.items())
    delays = bool(p.dispatch_s or p.crossing_s)
    lines = [
        message(
            "assume_vehicle",
            vehicle=name,
            weight=decimal(vehicle.weight_t),
            height=decimal(vehicle.height_m, 2),
        ),
        message("assume_traffic", hour=message(f"hour_{p.hour}")),
        message("assume_call", answering=clock(p.answering_s), processing=clock(p.processing_s)),
        message("assume_turnout", assumed=stations["turnout_assumed"], all=stations["count"], kinds=turnout),
        _delayed("assume_alerted", p.dispatch_s),
        _delayed("assume_border", p.crossing_s),
        message("assume_border_own") if p.crossing_delay_s else "",
        message("assume_joint") if analysis.agreements and delays else "",
        message("assume_partners") if analysis.region.jurisdictions["partner"].is_unique else "",
        message("assume_cutoff", time=minutes(p.cutoff_s)),
        message("assume_snap", distance=p.snap_m),
        message("assume_staffed"),
    ]
    return [line for line in lines if line]


def _delayed(key: str, seconds: float) -> Message:
    return message(f"{key}_later", time=clock(seconds)) if seconds else message(f"{key}_at_once")


def station_lines(analysis: Analysis, partners: dict[str, str]) -> list[list[Message]]:
    """Return for each station what its tip says below its name."""
    names, units = analysis.region.jurisdictions["name"], analysis.region.units
    lines = []
    for key, row in analysis.stations.iterrows():
        where = str(names.get(row["jurisdiction"], row["jurisdiction"]))
        run_by = partners[row["partner"]]
        own = units[units["station"] == key] if len(units) else units
        engines = [
            message("unit_of_kind", n=unit.count, kind=shown(unit.kind))
            for unit in own.itertuples(index=False)
        ]
        said: list[Message] = [
            shorten(where)
            if run_by == where
            else message("station_run_by", place=shown(where), who=shown(run_by)),
            message(f"department_{row['department']}"),
            message(
                "station_turnout_assumed" if row["turnout_assumed"] else "station_turnout",
                time=clock(row["turnout_used_s"]),
            ),
        ]
        lines.append([*said, message("station_units", units=listed(engines))] if engines else said)
    return lines
