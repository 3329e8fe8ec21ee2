"""The numbers of scenarios: fair weather against hazard, alone against joint, by jurisdiction and severity."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.coverage._coverage import levels
from mutualaid.coverage._risk import RiskResult, later_minutes
from mutualaid.coverage._scenario import ScenarioResult
from mutualaid.errors import Defect
from mutualaid.hazards import (
    EXPOSURE_CLASSES,
    SEVERITIES,
    HazardLayer,
    exposure,
    exposure_class,
    mapping,
    scheme,
)

__all__ = ["hazard_numbers", "scenario_numbers", "scenario_table"]

#: Every place is in one of these, and "all" holds them all.
_CLASSES: tuple[str, ...] = ("all", *EXPOSURE_CLASSES)


def scenario_table(result: ScenarioResult) -> pd.DataFrame:
    """Compare fair weather and hazard, alone and joint, in one table.

    Parameters
    ----------
    result
        What `scenario_coverage` gave.

    Returns
    -------
    DataFrame
        One row for all (``jurisdiction`` empty) and for each jurisdiction, and each severity of the place itself
        that has people: ``class`` is ``all``, one of `mutualaid.hazards.SEVERITIES`, ``unknown`` or ``outside``;
        ``severity`` (Int8, missing for the others). Then people: ``population``, those reached within the
        standard ``fair_alone``, ``fair_joint``, ``alone``, ``joint``; ``lost_alone`` (reached alone in fair
        weather and no longer), ``lost_joint``, ``held`` (lost alone, but the joint team still comes in time),
        ``isolated``; ``later_alone``, ``later_joint``: person-minutes by which help comes later (see
        `mutualaid.coverage.later_minutes`); and ``chance_alone``, ``chance_joint``: people reached within the
        standard that must be expected with closures by chance, which none of the other columns count (NaN where
        nothing is left to chance). The classes of a jurisdiction sum to its ``all``. A scenario that only speaks of
        roads has no classes.

    Examples
    --------
    >>> from mutualaid.coverage import analyse, scenario_table
    >>> from mutualaid.data import demo_path, read_region
    >>> result = analyse(read_region(demo_path()))
    >>> table = scenario_table(result.scenarios[0])
    >>> total = table[(table["jurisdiction"] == "") & (table["class"] == "all")].iloc[0]
    >>> round(float(total["population"] - result.summary["headline"]["population"]), 3)
    0.0
    """
    covered = result.coverage
    measures = _measures(result)
    kind = 1 + exposure_class(covered["severity"], covered["severity_status"])
    place, names = pd.factorize(covered["jurisdiction"])
    width = len(_CLASSES)
    # One row for each jurisdiction, the last for all of them, and one column for each class, the first for all.
    lived = _sums(covered["population"].to_numpy() > 0, place, kind, len(names)) > 0
    lived[:, 0] = True
    if (covered["severity_status"] == "not_asked").all():
        lived[:, 1:] = False
    sums = {key: _sums(values, place, kind, len(names)) for key, values in measures.items()}
    order = [len(names), *range(len(names))]
    rows = [(row, code) for row in order for code in range(width) if lived[row, code]]
    at = tuple(np.array(rows).T)
    table = pd.DataFrame(
        {
            "jurisdiction": [str(names[row]) if row < len(names) else "" for row, _ in rows],
            "class": [_CLASSES[code] for _, code in rows],
            "severity": [code - 1 if 0 < code <= len(SEVERITIES) else None for _, code in rows],
            **{key: values[at] for key, values in sums.items()},
        }
    )
    return table.astype({"severity": "Int8"})


def _sums(
    values: NDArray[Any], place: NDArray[np.intp], kind: NDArray[np.int64], n: int
) -> NDArray[np.float64]:
    """Sum by jurisdiction and class: (n + 1, classes), the last row and the first column for all."""
    width = len(_CLASSES)
    table = np.zeros((n + 1, width))
    by_class = np.bincount(place * width + kind, weights=values, minlength=n * width)
    table[:n] = by_class.reshape(n, width)
    table[:n, 0] = np.bincount(place, weights=values, minlength=n)
    table[n] = table[:n].sum(axis=0)
    return table


def _measures(result: ScenarioResult) -> dict[str, NDArray[np.float64]]:
    covered = result.coverage
    asked = levels(covered)
    people = covered["population"].to_numpy(np.float64)

    def where(mask: pd.Series | NDArray[Any]) -> NDArray[np.float64]:
        return np.where(np.asarray(mask, dtype=np.bool_), people, 0.0)

    measures = {"population": people}
    measures |= {f"fair_{level}": where(covered[f"fair_{level}_covered"]) for level in asked}
    measures |= {level: where(covered[f"{level}_covered"]) for level in asked}
    measures |= {
        f"lost_{level}": where(covered[f"fair_{level}_covered"] & ~covered[f"{level}_covered"])
        for level in asked
    }
    measures["held"] = where(covered["loss"] == "held")
    measures["isolated"] = where(covered["isolated"])
    measures |= {f"later_{level}": later_minutes(result, level) for level in asked}
    drawn = len(result.draws) > 0
    measures |= {
        f"chance_{level}": people * covered[f"{level}_probability"].to_numpy()
        if drawn
        else np.full(len(people), np.nan)
        for level in asked
    }
    return measures


def hazard_numbers(
    layers: Sequence[HazardLayer],
    seams: gpd.GeoDataFrame,
    scenarios: Mapping[str, Mapping[str, Any]],
    risks: Iterable[RiskResult],
    defects: Iterable[Defect],
) -> dict[str, Any]:
    """Collect what is reported about hazards: a part of `summarise`.

    Parameters
    ----------
    layers, seams, risks
        What was computed.
    scenarios
        What `scenario_numbers` gives, by id.
    defects
        Why a layer was not used, or a scenario not computed.

    Returns
    -------
    dict
        ``layers``, ``crosswalk`` (the mapping used, one entry a class), ``seams``, ``scenarios``, ``risks``,
        ``not_computed``; not yet ready for JSON.
    """
    plain = pd.DataFrame(seams.drop(columns=seams.geometry.name))
    return {
        "layers": [_layer(layer) for layer in layers],
        "crosswalk": mapping(layers).to_dict("records"),
        "seams": plain.reset_index().to_dict("records"),
        "scenarios": dict(scenarios),
        "risks": {one.risk.id: _risk(one) for one in risks},
        "not_computed": [str(defect) for defect in defects],
    }


def _layer(layer: HazardLayer) -> dict[str, Any]:
    names = (
        "id", "name", "hazard", "quantity", "unit", "return_period_years", "event", "jurisdiction",
        "source", "licence", "date", "nodata_means", "derived",
    )  # fmt: skip
    told = {name: getattr(layer, name) for name in names}
    # A scheme of the region's own is a file: its id says which, and not where it lies.
    return told | {"scheme": scheme(layer.scheme).id if layer.scheme else "", "file": layer.file.name}


def scenario_numbers(result: ScenarioResult) -> dict[str, Any]:
    """Collect what is reported about a scenario: for `hazard_numbers`.

    Parameters
    ----------
    result
        What `scenario_coverage` gave.

    Returns
    -------
    dict
        Its names, ``layers``, ``rules``, ``stations`` by state, ``roads_km``, ``people_by_severity``, and the numbers
        of `scenario_table` as ``total``, ``jurisdictions`` and ``by_severity``; ``chance`` if closures were drawn. Not
        yet ready for JSON.

    Examples
    --------
    >>> from mutualaid.coverage import analyse, scenario_numbers
    >>> from mutualaid.data import demo_path, read_region
    >>> result = analyse(read_region(demo_path()))
    >>> sorted(scenario_numbers(result.scenarios[0])["roads_km"])
    ['affected', 'closed', 'roads_closed', 'unknown']
    """
    table = scenario_table(result)
    covered, scenario = result.coverage, result.scenario
    states = result.stations["state"].value_counts()
    roads = result.roads
    said = covered[["severity", "severity_status"]].rename(columns={"severity_status": "status"})
    exposed = exposure(covered, said)
    asked = (covered["severity_status"] != "not_asked").any()
    everybody = exposed.groupby("class", sort=False)["population"].sum().to_dict() if asked else {}
    whole = table[table["class"] == "all"].drop(columns=["class", "severity"])
    block = {
        "name": scenario.name,
        "note": scenario.note,
        "layers": [layer.id for layer in result.layers],
        "hazards": list(dict.fromkeys(layer.hazard for layer in result.layers)),
        "derived": any(layer.derived for layer in result.layers),
        "return_period_years": result.return_period_years,
        "rules": dict(result.rules),
        "stations": {
            "in_service": int(states.get("in_service", 0)),
            "delayed": int(states.get("delayed", 0)),
            "cut_off": int(states.get("cut_off", 0)),
            "out": result.stations.index[result.stations["state"] == "out"].astype(str).tolist(),
            "unknown": int((result.stations["severity_status"].isin(["unknown", "outside"])).sum()),
            "by_severity": _stations_by_severity(result.stations),
        },
        "roads_km": {
            "affected": roads["affected_m"].sum() / 1000,
            "closed": roads["closed_m"].sum() / 1000,
            "unknown": roads["unknown_m"].sum() / 1000,
            "roads_closed": int(roads["closed"].sum()),
        },
        "people_by_severity": everybody,
        "total": whole[whole["jurisdiction"] == ""].drop(columns="jurisdiction").to_dict("records")[0],
        "jurisdictions": {
            str(row.pop("jurisdiction")): row for row in whole[whole["jurisdiction"] != ""].to_dict("records")
        },
        "by_severity": table[table["class"] != "all"].to_dict("records"),
    }
    if len(result.draws):
        block["chance"] = {
            level: {
                "people": float(result.draws[level].mean()),
                "error": float(result.draws[level].std(ddof=1) / math.sqrt(len(result.draws))),
            }
            for level in levels(covered)
        } | {"draws": len(result.draws), "seed": scenario.seed}
    return block


def _stations_by_severity(stations: pd.DataFrame) -> dict[str, int]:
    """Stations in each class of severity that has any."""
    said = stations[["severity", "severity_status"]].rename(columns={"severity_status": "status"})
    if (said["status"] == "not_asked").all():
        return {}
    counted = exposure(stations.assign(jurisdiction=""), said, weights=None)
    return {str(name): int(n) for name, n in zip(counted["class"], counted["points"], strict=True) if n}


def _risk(result: RiskResult) -> dict[str, Any]:
    return {
        "name": result.risk.name,
        "scenarios": list(result.risk.scenarios),
        "tail": result.tail_rule,
        "frequent": result.frequent_rule,
        "findings": list(result.findings),
        "table": result.table.to_dict("records"),
    }
