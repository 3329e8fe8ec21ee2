"""Scenarios in words and numbers: what the panel says of each, and the people as packed columns under it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.hazards import SEVERITIES, HazardLayer, exposure_class, passabilities
from mutualaid.maps._cells import cell_order, first_due
from mutualaid.maps._counts import counted, levels, partner_names, place_status
from mutualaid.maps._escape import shorten
from mutualaid.maps._messages import Message, decimal, dotted, listed, message, shown
from mutualaid.maps._pack import NONE, pack
from mutualaid.maps._palette import band_edges

if TYPE_CHECKING:
    from mutualaid.coverage import Analysis, ScenarioResult

__all__ = ["hazard_facts", "hazard_word", "not_computed", "scenario_cells", "scenario_facts", "years_text"]

#: Position of people whose severity nobody knows, behind those of 0…5.
_UNKNOWN = len(SEVERITIES)
_LISTED = 20


def hazard_word(hazard: str) -> Message:
    """Name a hazard as people do."""
    return message(f"hazard_{hazard}")


def years_text(years: float) -> Message:
    """Return a return period in words, or "" where there is none."""
    return message("one_in_years", years=decimal(years)) if np.isfinite(years) else ""


# --- people under a scenario ---------------------------------------------------------------------------------


def scenario_cells(analysis: Analysis) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Pack the people of each scenario for the cell layer, in the order of `cell_data`.

    What differs little from fair weather is packed as the difference: where the hazard changes nothing, it
    costs nothing.

    Returns
    -------
    dict
        By id of the scenario: the packed columns, and the words of its hazards.
    dict
        By id: people by status, band and who comes first: see `counted`.
    """
    order = cell_order(analysis.coverage)
    edges = np.asarray(band_edges(analysis.standard.limit_s))
    asked, index = levels(analysis.coverage.columns), analysis.stations.index
    before = analysis.coverage.iloc[order]
    fair = {level: first_due(before, level, index, edges) for level in asked}
    partners = partner_names(analysis)
    cells, people = {}, {}
    for result in analysis.scenarios:
        covered = result.coverage.iloc[order]
        hazards = list(dict.fromkeys(layer.hazard for layer in result.layers))
        columns = {
            "status": place_status(covered, hazard=True),
            "severity": exposure_class(covered["severity"], covered["severity_status"]),
            "hazard": 1 + pd.Index(hazards).get_indexer(pd.Index(covered["hazard"])),
            "isolated": covered["isolated"].to_numpy(),
        }
        changed = {level: _changes(fair[level], first_due(covered, level, index, edges)) for level in asked}
        own = changed.pop("alone")
        columns |= {f"alone_{key}": values for key, values in own.items()}
        for level, change in changed.items():
            columns |= {f"{level}_{key}": values - own[key] for key, values in change.items()}
        cells[result.scenario.id] = {
            "table": pack(columns),
            "hazards": [hazard_word(hazard) for hazard in hazards],
        }
        people[result.scenario.id] = counted(covered, edges, partners, hazard=True)
    return cells, people


def _changes(
    fair: Mapping[str, NDArray[np.int64]], now: Mapping[str, NDArray[np.int64]]
) -> dict[str, NDArray[np.int64]]:
    """Say how each number differs from fair weather; that nobody comes is said by the station alone."""
    before = np.where(fair["s"] == NONE, 0, fair["s"])
    return {
        "station": now["station"] - fair["station"],
        "band": now["band"] - fair["band"],
        "s": np.where(now["station"] == 0, 0, now["s"] - before),
    }


# --- what the panel says -------------------------------------------------------------------------------------


def scenario_facts(analysis: Analysis, people: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Give what the panel says of each scenario; its numbers are those of the analysis' summary.

    Parameters
    ----------
    analysis
        The analysis.
    people
        People by status, band and who comes first, as `scenario_cells` gives them.

    Returns
    -------
    list of dict
        JSON-ready, in the order of the scenarios; texts from data are shortened, not escaped.
    """
    numbers = analysis.summary["hazards"]["scenarios"] if analysis.scenarios else {}
    names = analysis.region.jurisdictions["name"]
    keys = _counted(levels(analysis.coverage.columns))
    unknown = {
        key: block["population"] is None for key, block in analysis.summary["common"]["jurisdictions"].items()
    }
    return [
        {
            "id": result.scenario.id,
            "label": _label(result),
            "note": shorten(result.scenario.note, 600),
            "derived": any(layer.derived for layer in result.layers),
            "totals": _totals(numbers[result.scenario.id]["total"], keys),
            "jurisdictions": [
                {"name": shorten(names[key])}
                | _totals(numbers[result.scenario.id]["jurisdictions"].get(key), keys)
                | ({"population": None} if unknown[key] else {})
                for key in analysis.summary["common"]["jurisdictions"]
            ],
            "severity": _by_severity(numbers[result.scenario.id]["by_severity"]),
            "hazards": [
                hazard_word(hazard) for hazard in dict.fromkeys(numbers[result.scenario.id]["hazards"])
            ],
            "effects": _effects(result, numbers[result.scenario.id], analysis.stations["name"]),
            **people[result.scenario.id],
        }
        for result in analysis.scenarios
    ]


def _label(result: ScenarioResult) -> Message:
    derived = any(layer.derived for layer in result.layers)
    return dotted(
        [
            shorten(result.scenario.name, 60),
            years_text(result.return_period_years),
            message("derived") if derived else "",
        ]
    )


def _counted(asked: Iterable[str]) -> list[str]:
    """Names of what is counted in a scenario."""
    by_level = [f"{key}{level}" for level in asked for key in ("", "fair_", "lost_")]
    return ["population", *by_level, "held", "isolated"]


def _totals(block: Mapping[str, Any] | None, keys: Iterable[str]) -> dict[str, float]:
    """Give people by what they are counted as; a municipality without people has no block."""
    return {key: block[key] if block else 0.0 for key in keys}


def _by_severity(rows: Iterable[Mapping[str, Any]]) -> list[float]:
    """People by severity of their place, 0…5, and where nobody knows it."""
    found = [0.0] * (len(SEVERITIES) + 1)
    for row in rows:
        if row["jurisdiction"] == "":
            found[_UNKNOWN if row["severity"] is None else row["severity"]] += row["population"]
    return found


def _effects(result: ScenarioResult, numbers: Mapping[str, Any], names: pd.Series) -> list[dict[str, Any]]:
    """Say what the hazard does besides: who is isolated, which stations and roads are lost, what nobody knows."""
    state, roads = result.stations["state"], numbers["roads_km"]
    lines: list[dict[str, Any]] = [
        {"key": "effect_isolated", "n": numbers["total"]["isolated"]},
        {"key": "effect_roads", "km": roads["closed"]},
    ]
    if count := int(result.roads["closed_by_name"].sum()):
        lines.append({"key": "effect_by_name", "n": count})
    lines += [
        {"key": f"effect_{key}", "names": listed(names[state == key])}
        for key in ("out", "delayed", "cut_off")
        if key == "out" or (state == key).any()
    ]
    if chance := numbers.get("chance"):
        for level in levels(result.coverage.columns):
            block = {"n": chance[level]["people"], "error": chance[level]["error"], "draws": chance["draws"]}
            lines.append({"key": "effect_chance", "level": level, **block})
    by_class = numbers["people_by_severity"]
    if people := by_class.get("unknown", 0.0) + by_class.get("outside", 0.0):
        lines.append({"key": "effect_unknown_people", "n": people, "unknown": True})
    if count := numbers["stations"]["unknown"]:
        lines.append({"key": "effect_unknown_stations", "n": count, "unknown": True})
    if roads["unknown"] >= 0.05:
        what = "closed" if result.scenario.unknown == "closed" else "passable"
        lines.append({"key": f"effect_unknown_{what}", "km": roads["unknown"], "unknown": True})
    return lines


def not_computed(analysis: Analysis) -> list[Message]:
    """Say what is wrong with layers and scenarios that could not be used."""
    lines: list[Message] = [shorten(str(defect), 400) for defect in analysis.not_computed[:_LISTED]]
    more = len(analysis.not_computed) - len(lines)
    return [*lines, message("and_more", n=more)] if more else lines


# --- sources, rules and the crosswalk ------------------------------------------------------------------------


def hazard_facts(analysis: Analysis) -> list[tuple[str, list[Message]]]:
    """Paragraphs about hazards for the facts panel: sources, rules for roads, and what became of each class."""
    layers = analysis.layers.layers
    if not layers:
        return []
    crosswalk = analysis.summary["hazards"]["crosswalk"]
    return [
        ("about_hazards", [_source(layer, analysis.region.jurisdictions["name"]) for layer in layers]),
        ("about_rules", _rules(analysis)),
        ("about_crosswalk", _crosswalk(crosswalk)),
    ]


def _source(layer: HazardLayer, names: pd.Series) -> Message:
    return dotted(
        [
            layer.name or layer.id,
            hazard_word(layer.hazard),
            layer.event or years_text(layer.return_period_years),
            str(names.get(layer.jurisdiction, layer.jurisdiction)),
            layer.source,
            layer.licence,
            layer.date,
            message("derived") if layer.derived else "",
        ]
    )


def _rules(analysis: Analysis) -> list[Message]:
    """Name the rule for roads of each layer, and the scenarios where a layer has several."""
    known = set(passabilities().index)
    names = {layer.id: layer.name or layer.id for layer in analysis.layers.layers}
    users: dict[tuple[str, str], list[str]] = {}
    for result in analysis.scenarios:
        for layer, rule in result.rules.items():
            users.setdefault((layer, rule), []).append(shorten(result.scenario.name, 60))
    counts = pd.Series([layer for layer, _ in users], dtype=object).value_counts()
    lines: list[Message] = []
    for (layer, rule), scenarios in users.items():
        said = message(f"rule_{rule}") if rule in known else shown(rule)
        if counts[layer] > 1:
            said = message("rule_in", rule=said, scenarios=listed(scenarios))
        lines.append(message("pair_colon", a=shown(names.get(layer, layer)), b=said))
    return lines


def _crosswalk(rows: Iterable[Mapping[str, Any]]) -> list[Message]:
    """Put each scheme on one line: its classes, and the severity that each became."""
    schemes: dict[str, list[Message]] = {}
    for row in rows:
        label, severity = row["class_label"] or row["class_code"], row["severity"]
        known = severity is not None and not pd.isna(severity)
        word = _severity(int(severity)) if known else message("unknown")
        schemes.setdefault(row["scheme"], []).append(
            message("class_becomes", label=shown(label), severity=word)
        )
    return [
        message("pair_colon", a=shown(scheme), b={"dots": classes}) for scheme, classes in schemes.items()
    ]


def _severity(severity: int) -> Message:
    return message("severity_level", n=severity, word=message(f"severity_{severity}"))
