"""All numbers of an incident study, ready for JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pandas as pd
from scipy.special import chdtri

from mutualaid.coverage import json_ready
from mutualaid.incidents._first_units import of_the_service, period
from mutualaid.incidents._gain import LEAST_JUDGED
from mutualaid.incidents._modelled import left_out
from mutualaid.incidents._results import BusyStudy, Calibration, IncidentStudy

__all__ = ["INCIDENT_NULL_MEANS", "incident_numbers"]

_TAIL = 0.025
_FEW = "too few incidents for an interval"
_NOT_FITTED = "the record tells too little of it to learn from, or it was not learnt"
_NOTHING = "the record holds no such time"
#: What a missing value means, by key.
INCIDENT_NULL_MEANS: Mapping[str, str] = {
    "within_share": _NOTHING,
    "within_low_share": _NOTHING,
    "within_high_share": _NOTHING,
    "p50_s": _NOTHING,
    "p95_s": _NOTHING,
    "start": "standards with different intervals are mixed",
    "mean_low_s": _FEW,
    "mean_high_s": _FEW,
    "median_low_s": _FEW,
    "median_high_s": _FEW,
    "mad_s": "no drive can be compared",
    "p90_abs_s": "no drive can be compared",
    "longer_share": "no drive can be compared",
    "ratio": "no drive can be compared",
    "saved_s": "no neighbour is first due anywhere, or the own units of most do not come within the cutoff",
    "modelled_saved_s": "no incident can be judged, or no own unit would have come within the cutoff",
    "recorded_saved_s": "no incident can be judged, or no own unit would have come within the cutoff",
    "recorded_low_s": _FEW,
    "recorded_high_s": "too few incidents for an interval, or no own unit would have come within the cutoff",
    "realised_share": "no minutes are saved by the model, or no incident can be judged",
    "in_time_low_share": "no incident can be judged",
    "in_time_high_share": "no incident can be judged",
    "in_time_modelled_share": "no incident can be judged",
    "in_time_share": "no call, or no incident that can be judged",
    "low_kph": _NOT_FITTED,
    "high_kph": _NOT_FITTED,
    "low_s": _NOT_FITTED,
    "high_s": _NOT_FITTED,
    "calibration": "the record is too small to learn from; `refused` says what is needed",
    "busy": "it was not asked for, or nothing says how many calls there are",
    "rates": "no call of the record lies near a place where people are counted",
    "calls": "no call of the record lies near a place where people are counted",
    "in_time_error_share": "the simulation was not repeated",
    "busy_error_share": "the simulation was not repeated",
    "gain_error_share": "the simulation was not repeated",
}
_KINDS = {
    "jurisdiction": "jurisdictions",
    "partner": "partners",
    "hour": "hours",
    "unit": "units",
    "type": "types",
    "station": "stations",
}


def incident_numbers(study: IncidentStudy) -> dict[str, Any]:
    """Collect every number of a study that is reported.

    Parameters
    ----------
    study
        As `incident_study` gives it.

    Returns
    -------
    dict
        Ready for JSON, without NaN and inf; what a missing value means says `INCIDENT_NULL_MEANS`. ``record``,
        ``performance``, ``drives``, ``fit``, ``gain``, ``calibration``, ``refused``, ``rates``, ``calls``, ``busy`` and
        ``notes``: the frames of the study by group, under their own names.

    Examples
    --------
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.incidents import incident_numbers, incident_study
    >>> numbers = incident_numbers(incident_study(analyse(read_region(demo_path())), busy=False))
    >>> numbers["drives"]["used"] + sum(numbers["drives"]["left_out"].values()) == numbers["record"]["incidents"]
    True
    """
    names = study.analysis.region.jurisdictions["name"].to_dict()

    def named(kind: str, group: str) -> str:
        return str(names.get(group, group)) if kind == "jurisdiction" else group

    found = {
        "record": _record(study),
        "performance": _performance(study.performance, named),
        "drives": {"used": int(study.runs["usable"].sum()), "left_out": left_out(study.runs)},
        "fit": _fit(study.fit, named),
        "gain": _gain(study.gain, named),
        "calibration": None if study.calibration is None else _calibration(study.calibration),
        "refused": study.refused,
        "rates": _rates(study),
        "calls": _calls(study.calls),
        "busy": None if study.busy is None else _busy(study.busy),
        "notes": list(study.notes),
    }
    ready: dict[str, Any] = json_ready(found)
    return ready


def _record(study: IncidentStudy) -> dict[str, Any]:
    rows = of_the_service(study.analysis.region)
    first, last = period(rows)
    return {
        "service": study.analysis.region.parameters.service,
        "from": first,
        "to": last,
        "rows": len(study.analysis.region.incidents),
        "incidents": len(study.runs),
        "counts": dict(study.counts),
    }


def _performance(table: pd.DataFrame, named: Callable[[str, str], str]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    rows = table.reset_index().to_dict("records")
    for row in rows:
        kind, group, segment = (str(row.pop(key)) for key in ("kind", "group", "segment"))
        count = row.pop("count")
        held = segment in ("standard", "local")
        asked = ("limit_s", "share", "within_share", "within_low_share", "within_high_share", "met")
        what = {key: value for key, value in row.items() if held or key not in asked}
        what["start"] = what["start"] or None
        blocks = out if kind == "all" else out.setdefault(_KINDS[kind], {})
        block = blocks.setdefault(
            group if kind != "all" else "all", {"name": named(kind, group), "count": count, "segments": {}}
        )
        block["segments"][segment] = what
    return {"all": out.pop("all"), **{word: out.get(word, {}) for word in list(_KINDS.values())[:-1]}}


def _rows(table: pd.DataFrame) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Both labels of each row, and the row."""
    records = table.reset_index().to_dict("records")
    first, second = table.index.names
    for row in records:
        yield str(row.pop(first)), str(row.pop(second)), {str(key): value for key, value in row.items()}


def _fit(table: pd.DataFrame, named: Callable[[str, str], str]) -> dict[str, Any]:
    out: dict[str, Any] = {word: {} for word in ("jurisdictions", "hours", "stations")}
    words = {"neighbour": "neighbours"}
    for kind, group, row in _rows(table):
        what = {"name": named(kind, group), **row} | {"count": int(row["count"])}
        if kind == "all":
            out["all"] = what
        elif kind == "neighbour":
            out[words.get(group, group)] = what
        else:
            out[_KINDS[kind]][group] = what
    return out


def _gain(table: pd.DataFrame, named: Callable[[str, str], str]) -> dict[str, Any]:
    blocks = {}
    for name, row in table.drop(columns="level").iterrows():
        what = row.to_dict()
        what |= {key: int(what[key]) for key in ("incidents", "first_neighbour", "judged")}
        blocks[str(name)] = {"name": named("jurisdiction", str(name)), **what}
    return {
        "level": str(table["level"].iloc[0]),
        "least": LEAST_JUDGED,
        "total": blocks.pop(""),
        "jurisdictions": blocks,
    }


def _calibration(one: Calibration) -> dict[str, Any]:
    return {
        "profile": one.profile,
        "runs": one.runs,
        "left_out": dict(one.left_out),
        "speeds": one.speeds.to_dict("index"),
        "junction": dict(one.junction),
        "delays": one.delays.to_dict("records"),
        "holdout": one.holdout.to_dict("index"),
        "seed": one.seed,
        "record": dict(one.record),
        "notes": list(one.notes),
    }


def _rates(study: IncidentStudy) -> dict[str, Any] | None:
    rates = study.rates
    if rates.empty:
        return None
    calls, years = int(rates["calls"].sum()), float(rates["years"].iloc[0])
    # Exact for counts by chance (Garwood 1936, doi:10.1093/biomet/28.3-4.437).
    return {
        "calls": calls,
        "years": years,
        "calls_year": float(rates["calls_year"].sum()),
        "low": float(chdtri(2 * calls, 1 - _TAIL)) / 2 / years if calls else 0.0,
        "high": float(chdtri(2 * calls + 2, _TAIL)) / 2 / years,
        "nowhere": int(rates.attrs.get("left_out", 0)),
    }


def _calls(table: pd.DataFrame) -> dict[str, Any] | None:
    if table.empty:
        return None
    out: dict[str, Any] = {}
    for level, name, row in _rows(table):
        what = {
            "calls_year": row["calls_year"],
            "in_time_year": row["in_time"],
            "in_time_share": row["share"],
        }
        block = out.setdefault(level, {"jurisdictions": {}})
        if name:
            block["jurisdictions"][name] = what
        else:
            block |= what
    return out


def _busy(one: BusyStudy) -> dict[str, Any]:
    def block(row: Mapping[Any, Any]) -> dict[str, Any]:
        # Standard errors are of shares: their keys end so that they keep as many decimals.
        return {(f"{key}_share" if key.endswith("_error") else key): value for key, value in row.items()}

    places: dict[str, Any] = {}
    for level, name, row in _rows(one.places):
        places.setdefault(level, {})[name] = block(row)
    units: dict[str, Any] = {}
    for level, name, row in _rows(one.units):
        units.setdefault(level, {})[name] = block(row)
    return {
        "calls_year": one.calls_year,
        "replications": one.replications,
        "hours": one.hours,
        "seed": one.seed,
        "assumed": dict(one.assumed),
        "levels": {str(level): block(row.to_dict()) for level, row in one.levels.iterrows()},
        "places": places,
        "units": units,
        "notes": list(one.notes),
    }
