"""Where to build: a siting study on the map, its plan and the plans that are nearly as good."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.maps._counts import partner_names
from mutualaid.maps._escape import finite, shorten
from mutualaid.maps._ground import marks_at
from mutualaid.maps._layers import PageLayer
from mutualaid.maps._messages import Message, decimal, dotted, listed, message, shown

if TYPE_CHECKING:
    from mutualaid.coverage import Analysis, WhatIfTables
    from mutualaid.siting import Over, Plan, SiteTable, SitingStudy

__all__ = ["siting_facts", "siting_layer"]

#: Metres from which on a distance is said in kilometres.
_FAR_M = 1_000
#: A gap smaller than this is the noise of sums.
_PROVEN = 1e-9
#: Models that keep their aim in each of several weathers, whatever the rule.
_EACH = ("lscp", "lscp_backup", "p_center")
#: Partners that a popup names, and municipalities that a table names.
_PARTNERS, _LISTED = 5, 12


def siting_facts(analysis: Analysis, study: SitingStudy, what_if: WhatIfTables | None) -> dict[str, Any]:
    """Give what the page tells of a siting study, and what it switches on for each plan.

    Parameters
    ----------
    analysis
        The run that it was asked about.
    study
        The plan and its alternatives.
    what_if
        Tables of the page's what-if, if it has any; a plan with a site that they lack cannot be switched on.

    Returns
    -------
    dict
        JSON-ready. ``level`` of the study; ``weathers`` that count: ``id``, ``name``, people in time ``before``, those
        whom no site reaches in time (``unreached``) and ``gains`` of municipalities; ``asked``, ``proof`` and ``cost``
        (None if no money was stated) in words, ``notes`` in plain English; ``sites``: ``at``, ``title``, ``lines``,
        ``number`` (of a new one, else 0), ``in_plan``, ``out`` (scenarios) and ``site`` (position among those of the
        what-if, -1 if it has it not); ``plans``, the plan itself first: positions of their ``sites``, ``people`` in
        time in each of ``weathers``, ``told`` in words, and the sites of the what-if ``added`` (None if it lacks one)
        and ``off``.
    """
    table, scenarios = study.table, _scenarios(analysis)
    known = pd.Index([]) if what_if is None else what_if.sites.index
    at = known.get_indexer(study.sites.index).tolist()
    return {
        "level": study.level,
        "weathers": [
            {
                "id": key,
                "name": shorten(scenarios.get(key, key), 60),
                "before": _people(table, key, table.existing),
                "unreached": float(table.weight[~table.reach(key).any(axis=0)].sum()),
                "gains": _gains(analysis, study, key),
            }
            for key in _counting(study.over)
        ],
        "asked": _asked(study),
        "proof": _proof(study.plan.gap),
        "cost": _cost(study, study.plan.cost, analysis.region.costs.currency),
        "population": float(table.weight.sum()),
        "notes": [shorten(note, 400) for note in study.notes],
        "sites": _sites(analysis, study, at),
        "plans": [_plan(study, plan, at) for plan in study.alternatives],
    }


def siting_layer(study: SitingStudy | None) -> list[PageLayer]:
    """Draw the sites of a study, which the page takes from its facts."""
    return [] if study is None else [PageLayer("plan", "layer_siting", {})]


def _scenarios(analysis: Analysis) -> dict[str, str]:
    """Names of the scenarios by id."""
    return {result.scenario.id: result.scenario.name for result in analysis.scenarios}


def _counting(over: Over) -> list[str]:
    """Weathers that count."""
    return [key for key, weight in over.weather.items() if weight > 0]


def _people(table: SiteTable, weather: str, stands: NDArray[np.bool_]) -> float:
    """People whom a station at one of some sites reaches in time."""
    return float(table.weight[table.reach(weather)[stands].any(axis=0)].sum())


def _plan(study: SitingStudy, plan: Plan, at: list[int]) -> dict[str, Any]:
    """Give a plan by its sites, what it is worth, and the setting of the what-if that it is."""
    position = {key: k for k, key in enumerate(study.sites.index)}
    added, off = (sorted(position[key] for key in ids) for ids in (plan.opened, plan.closed))
    counting = _counting(study.over)
    people = [_people(study.table, key, plan.is_open) for key in counting]
    return {
        "sites": [*added, *off],
        "people": people,
        "told": _in_time(study.over, dict(zip(counting, people, strict=True))),
        "added": sorted(at[k] for k in added) if all(at[k] >= 0 for k in (*added, *off)) else None,
        "off": sorted(at[k] for k in off),
    }


def _asked(study: SitingStudy) -> Message:
    """Say what was looked for, and over which weathers."""
    parts = [message(study.level), message(f"aim_{study.model}")]
    if len(_counting(study.over)) > 1:
        parts.append(message("over_each" if study.model in _EACH else f"over_{study.over.rule}"))
    return dotted(parts)


def _in_time(over: Over, people: Mapping[str, float]) -> Message:
    """Say how many people are in time: of several weathers on average, or where it is worst if that was looked for."""
    if len(people) == 1:
        return message("siting_in_time", n=sum(people.values()))
    if over.rule == "worst":
        return message("siting_at_worst", n=min(people.values()))
    weights = [over.weather[key] for key in people]
    return message("siting_on_average", n=float(np.average(list(people.values()), weights=weights)))


def _proof(gap: float) -> Message:
    """Say how surely nothing is better; what is not proven is never rounded to nothing."""
    if gap < _PROVEN:
        return message("siting_proven")
    return message("siting_gap", gap=decimal(math.ceil(1000 * gap) / 10))


def _cost(study: SitingStudy, cost: float, currency: str) -> Message | None:
    """Say what something costs; None where nobody stated what a station costs."""
    stated = study.table.sites
    if (stated["opening_cost"] == 1).all() and (stated["closing_cost"] == 0).all():
        return None
    return message("siting_cost", cost=decimal(cost), currency=shown(currency))


def _gains(analysis: Analysis, study: SitingStudy, weather: str) -> list[dict[str, Any]]:
    """Municipalities in which the plan changes who is in time, the largest change first."""
    names, gains = analysis.region.jurisdictions["name"], study.gains
    here = gains[(gains["kind"] == "jurisdiction") & (gains["weather"] == weather) & (gains["gained"] != 0)]
    largest = here.sort_values("gained", key=abs, ascending=False, kind="stable").head(_LISTED)
    return [
        {
            "name": shorten(names.get(row["id"], row["id"])),
            "before": finite(row["before"]),
            "after": finite(row["after"]),
        }
        for row in largest.to_dict("records")
    ]


# --- what is told of a site ----------------------------------------------------------------------------------


def _sites(analysis: Analysis, study: SitingStudy, at: list[int]) -> list[dict[str, Any]]:
    """Give where each site is, and in words whose it is, what it costs and adds, and which plans have it."""
    partners, currency = partner_names(analysis), analysis.region.costs.currency
    scenarios, number, found = _scenarios(analysis), 0, []
    rows = study.sites.drop(columns="geometry").to_dict("records")
    for row, place, site in zip(rows, marks_at(study.sites.geometry), at, strict=True):
        number += row["change"] == "opened"
        out = [key for key in row["out_in"].split(";") if key]
        who = shown(partners.get(row["partner"], row["partner"]) or message("site_nobody"))
        lines = [
            _near(row["near"], row["near_m"]),
            message("station_run_by", place=shown(row["jurisdiction_name"]), who=who),
            message("station_units", units=int(row["units"])) if row["units"] > 1 else None,
            *_worth(row, partners, study.over, scenarios),
            _cost(study, row["cost"], currency),
            _plans(row, len(study.alternatives)),
            message("site_out", scenarios=listed(scenarios[key] for key in out)) if out else None,
        ]
        found.append(
            {
                "at": place,
                "number": number if row["change"] == "opened" else 0,
                "in_plan": bool(row["in_plan"]),
                "site": site,
                "out": out,
                "title": _title(row),
                "lines": [line for line in lines if line],
            }
        )
    return found


def _title(row: Mapping[Any, Any]) -> Message:
    """Name a site as people find it: its own name or its road, and a place."""
    if row["change"] == "closed":
        return message("as_is", what=shown(row["name"] or row["jurisdiction_name"]))
    parts = row["name"] or row["road_name"], row["near"] or row["jurisdiction_name"]
    return message("as_is", what=listed(dict.fromkeys(part for part in parts if part)))


def _near(place: str, far_m: float) -> Message | None:
    if not place:
        return None
    if far_m < _FAR_M:
        return message("site_near_m", m=round(far_m), place=shown(place))
    return message("site_near_km", km=decimal(far_m / 1000), place=shown(place))


def _worth(
    row: Mapping[Any, Any], partners: Mapping[str, str], over: Over, scenarios: Mapping[str, str]
) -> list[Message]:
    """Say how many people are in time only because of a site, or no longer without it, and whose they are.

    That is in fair weather; where hazards count, a second line says how many they are then.
    """
    prefix = "people_added_"
    # Of a station that closes, people added are fewer than none.
    whose = {key.removeprefix(prefix): abs(n) for key, n in row.items() if key.startswith(prefix) and n}
    most = sorted((key for key in partners if key in whose), key=lambda key: -whose[key])
    who = [message("pair_colon", a=shown(partners[key]), b=whose[key]) for key in most[:_PARTNERS]]
    key = "site_adds" if row["change"] == "opened" else "site_loses"
    said = message(key, n=abs(row["people_added"]), who={"dots": who}) if who else message(f"{key}_nobody")
    counting, then = _counting(over), abs(row["people_added_expected"])
    if counting == [""]:
        return [said]
    if len(counting) > 1:
        mean = message("site_on_average", n=then)
    else:
        mean = message("pair_colon", a=shown(scenarios[counting[0]]), b=then)
    return [dotted([message("fair_weather"), said]), mean]


def _plans(row: Mapping[Any, Any], count: int) -> Message | None:
    """Say in which of the plans a site is; nothing where there is only one."""
    if count == 1:
        return None
    n = round(row["in_plans"] * count) - row["in_plan"]
    return message("site_in_plan" if row["in_plan"] else "site_not_in_plan", n=n, all=count - 1)
