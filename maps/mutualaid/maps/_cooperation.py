"""Cooperation on the map: crossings by what hangs on them, and what the panel says of who depends on whom."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.maps._counts import partner_names
from mutualaid.maps._escape import finite, shorten
from mutualaid.maps._messages import Message, clock, decimal, message, named

if TYPE_CHECKING:
    from mutualaid.cooperation import Cooperation
    from mutualaid.coverage import Analysis
    from mutualaid.data import Agreement

__all__ = ["cooperation_facts", "crossing_facts", "crossing_steps", "station_facts"]

#: Partners that a table names.
_LISTED = 8
#: Delays that the curve is marked at, in seconds.
_MARKS_S = (120.0, 180.0, 300.0, 480.0, 900.0)
_FLOWS = ("gives", "takes", "balance", "symmetry")


def cooperation_facts(analysis: Analysis, cooperation: Cooperation | None) -> dict[str, Any] | None:
    """Give what the panel says of cooperation.

    Parameters
    ----------
    analysis
        The analysis.
    cooperation
        Its measures; without them, or if there is only one partner, only agreements and notes are told.

    Returns
    -------
    dict or None
        JSON-ready; texts from data are shortened, not escaped. None if there is nothing to say.
    """
    partners = {key: shorten(name, 60) for key, name in partner_names(analysis).items()}
    notes = analysis.notes if cooperation is None else cooperation.summary["notes"]
    facts: dict[str, Any] = {
        "agreements": [_agreement(one, partners) for one in analysis.agreements],
        "notes": [shorten(note, 400) for note in notes],
    }
    if cooperation is not None and len(partners) > 1:
        asked = list(cooperation.dependence["level"].unique())
        facts |= {
            "dependence": {level: _dependence(cooperation.dependence, level, partners) for level in asked},
            "reciprocity": {level: _matrix(cooperation.reciprocity, level, partners) for level in asked},
            "balance": {level: _balance(cooperation.balance, level, partners) for level in asked},
            "shares": _shares(cooperation, partners, analysis.region.costs.currency),
            "curves": _curves(cooperation.sweep),
            "break_even": _whole(cooperation.break_even, ("gain", "break_even_s", "half_s")),
        }
    return facts if cooperation is not None or any(facts.values()) else None


def _whole(frame: pd.DataFrame, columns: Iterable[str]) -> dict[str, float | None]:
    """Numbers of the row for all."""
    row = frame[frame["kind"] == "all"].iloc[0]
    return {name: finite(row[name]) for name in columns}


def _in_order(frame: pd.DataFrame, partners: Mapping[str, str]) -> pd.DataFrame:
    """Rows by partner in the order of the map."""
    return frame.reindex([key for key in partners if key in frame.index])


def _most(values: NDArray[np.float64]) -> NDArray[np.intp]:
    """Positions of the largest values that a table shows, in their order."""
    return np.sort(np.argsort(-values, kind="stable")[:_LISTED])


# --- who helps whom ------------------------------------------------------------------------------------------


def _dependence(frame: pd.DataFrame, level: str, partners: Mapping[str, str]) -> dict[str, Any]:
    """Give what part of those in time would not be so alone: of all, and of each partner, the largest part first."""
    here = frame[frame["level"] == level]
    numbers = ("covered", "depends", "share")
    rows = here[here["kind"] == "partner"].sort_values("depends", ascending=False, kind="stable")
    return {
        "all": _whole(here, numbers),
        "partners": [
            {"name": partners.get(row["place"], row["place"]), "on": named(row["on"], partners)}
            | {name: finite(row[name], 6) for name in numbers}
            for row in rows.head(_LISTED).to_dict("records")
        ],
        "left_out": max(0, len(rows) - _LISTED),
    }


def _matrix(frame: pd.DataFrame, level: str, partners: Mapping[str, str]) -> dict[str, Any]:
    """People of each host by who reaches them first, of the partners that exchange most."""
    here = frame[frame["level"] == level].pivot_table(
        index="host", columns="helper", values="people", aggfunc="sum", fill_value=0.0
    )
    table = here.reindex(index=list(partners), columns=list(partners), fill_value=0.0)
    abroad = table.to_numpy() * ~np.eye(len(table), dtype=np.bool_)
    most = _most(abroad.sum(axis=0) + abroad.sum(axis=1))
    return {
        "partners": [partners[table.index[k]] for k in most],
        "people": [
            [round(people, 3) for people in row] for row in table.to_numpy()[np.ix_(most, most)].tolist()
        ],
        "left_out": len(table) - len(most),
    }


def _balance(frame: pd.DataFrame, level: str, partners: Mapping[str, str]) -> dict[str, Any]:
    """Give and take of each partner, in people and, where they are known, in incidents."""
    here = _in_order(frame[frame["level"] == level].set_index("partner"), partners)
    rows = here.iloc[_most((here["gives"] + here["takes"]).to_numpy())]
    known = here["incidents_gives"].notna().any()
    return {
        kind: [
            {"name": partners.get(key, key)} | {name: finite(row[f"{prefix}{name}"]) for name in _FLOWS}
            for key, row in zip(map(str, rows.index), rows.to_dict("records"), strict=True)
        ]
        for kind, prefix in (("people", ""), *([("incidents", "incidents_")] if known else []))
    } | {"left_out": len(here) - len(rows)}


# --- what it costs, and what delays leave of it --------------------------------------------------------------


def _shares(cooperation: Cooperation, partners: Mapping[str, str], currency: str) -> dict[str, Any]:
    """Shares of each partner by each rule, and who would be better off alone."""
    shares, core = _in_order(cooperation.shares, partners), cooperation.core
    shown = shares.iloc[:_LISTED]
    rules = []
    for rule in core.index:
        amounts = f"{rule}_amount"
        row: dict[str, Any] = {
            "rule": rule,
            "shares": [finite(value, 6) for value in shown[rule]],
            "amounts": [finite(value) for value in shown[amounts]] if amounts in shares.columns else None,
        }
        for unit in ("people", "money"):
            leaves = core.loc[rule, f"{unit}_walks_out"]
            row[unit] = None
            if leaves is not pd.NA:
                row[unit] = named(core.loc[rule, f"{unit}_coalition"] if leaves else "", partners)
        rules.append(row)
    return {
        "partners": [partners.get(key, key) for key in shown.index],
        "left_out": len(shares) - len(shown),
        "currency": shorten(currency, 20),
        "rules": rules,
    }


def _curves(sweep: pd.DataFrame) -> dict[str, Any]:
    """People gained by the joint team at each delay, by the parameter that is delayed, and at the delays marked."""
    here = sweep[(sweep["level"] == "joint") & (sweep["jurisdiction"] == "")]
    curves = {}
    for name, rows in here.groupby("parameter", sort=False):
        ordered = rows.sort_values("seconds")
        seconds, people = ordered["seconds"].to_numpy(), ordered["closed"].to_numpy()
        curves[str(name)] = {
            "points": np.column_stack((seconds, people.round(3))).tolist(),
            "marks": [finite(_at(seconds, people, at)) for at in _MARKS_S],
        }
    return {"marks_s": _MARKS_S, "curves": curves}


def _at(seconds: NDArray[np.float64], people: NDArray[np.float64], at: float) -> float:
    """People at a delay; where the sweep ends before it: none if none were left by then, else not known."""
    found = np.flatnonzero(np.isclose(seconds, at))
    if len(found):
        return float(people[found[0]])
    return 0.0 if at > seconds[-1] and people[-1] == 0 else math.nan


# --- agreements ----------------------------------------------------------------------------------------------


def _agreement(one: Agreement, partners: Mapping[str, str]) -> dict[str, Any]:
    """Say what an agreement lets vehicles do, and which of it is assumed."""
    lines = [
        {"text": text, "assumed": one.confidence_of(parameter) == "assumption"}
        for parameter, text in _terms(one, partners)
    ]
    return {
        "name": shorten(one.name or one.id, 120),
        "lines": lines,
        "source": shorten(one.source, 300),
        "note": shorten(one.note, 600),
    }


def _terms(one: Agreement, partners: Mapping[str, str]) -> list[tuple[str, Message]]:
    """Each parameter that says something, in words."""

    def term(parameter: str, **values: object) -> tuple[str, Message]:
        return parameter, message(f"term_{parameter}", **values)

    own = sum(not item.open or item.delay_s is not None for item in one.crossing)
    chosen = [
        (True, term("parties", who=named(";".join(one.parties), partners))),
        (one.helpers, term("helpers", who=named(";".join(one.helpers), partners))),
        (one.valid_from, term("valid_from", day={"day": one.valid_from})),
        (one.valid_to, term("valid_to", day={"day": one.valid_to})),
        (True, ("mode", message(f"mode_{one.mode}"))),
        (True, ("dispatch_delay_s", _alerted(one.dispatch_s))),
        (one.crossing_delay_s is not None, term("crossing_delay_s", time=clock(one.crossing_delay_s or 0.0))),
        (one.crossings, term("crossings", n=len(one.crossings))),
        (own, term("crossing", n=own)),
        (math.isfinite(one.strip_km), term("strip_km", km=decimal(one.strip_km))),
        (not one.transit, term("transit")),
        (one.priority_abroad == "civilian", term("priority_abroad")),
        (one.excluded_pairs, term("excluded_pairs", n=len(one.excluded_pairs))),
        (one.home_cover_min, term("home_cover_min", n=one.home_cover_min)),
        (one.availability < 1, term("availability", share={"share": one.availability})),
        (
            one.availability_hazard is not None,
            term("availability_hazard", share={"share": one.availability_hazard}),
        ),
    ]
    return [told for says, told in chosen if says]


def _alerted(seconds: float) -> Message:
    return message("term_alerted_later", time=clock(seconds)) if seconds else message("term_alerted_at_once")


# --- marks ---------------------------------------------------------------------------------------------------


def crossing_steps(lost: pd.Series) -> list[float]:
    """Lower ends of the steps by which crossings are ranked, the highest first: round numbers of people.

    >>> crossing_steps(pd.Series([811.2, 40.0, 0.0]))
    [200.0, 20.0]
    """
    most = float(lost.max()) if len(lost) else 0.0
    return sorted({max(1.0, _rounded(most * share)) for share in (1 / 3, 1 / 30)}, reverse=True)


def _rounded(value: float) -> float:
    """Round down to 1, 2 or 5 times a power of ten."""
    if not value > 0:
        return 0.0
    unit = 10.0 ** math.floor(math.log10(value))
    return max(step * unit for step in (1, 2, 5) if step * unit <= value * (1 + 1e-9))


def crossing_facts(cooperation: Cooperation) -> dict[Any, dict[str, float | None]]:
    """Numbers of each crossing between different partners, by its id."""
    frame = cooperation.crossings
    columns = [
        name
        for name in ("lost_joint", "lost_agreed", "later_population", "later_s", "break_even_s")
        if name in frame.columns
    ]
    return {
        key: {name: finite(row[name]) for name in columns}
        for key, row in zip(frame.index, frame[columns].to_dict("records"), strict=True)
    }


def station_facts(cooperation: Cooperation) -> dict[Any, dict[str, float | None]]:
    """People who are reached in time by a station alone, by its id and the level."""
    frame = cooperation.stations
    only = {name: name.removeprefix("only_") for name in map(str, frame.columns) if name.startswith("only_")}
    return {
        key: {level: finite(row[name]) for name, level in only.items()}
        for key, row in zip(frame.index, frame[list(only)].to_dict("records"), strict=True)
    }
