"""All numbers of an analysis, ready for JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from mutualaid.coverage._coverage import levels
from mutualaid.coverage._standards import Standard
from mutualaid.coverage._weighted import percentile_weighted
from mutualaid.data import Region

__all__ = ["NULL_MEANS", "json_ready", "summarise"]

#: What a missing value means, by key.
NULL_MEANS: Mapping[str, str] = {
    "population": "not known, so nobody is counted there",
    "share": "the standard states no share; or a total over jurisdictions with different standards",
    "covered_share": "no people",
    "median_s": "more than half of the people are not reached within the drive-time cutoff",
    "p90_s": "more than a tenth of the people are not reached within the drive-time cutoff",
    "mean_s": "somebody is not reached within the drive-time cutoff",
    "met": "the standard states no share to be met; or a total over jurisdictions with different standards",
    "saved_median_s": "nobody who is reached alone is reached sooner together",
    "other_partner_share": "nobody is reached",
    "staff": "not stated",
    "density_min_per_km2": "not stated",
    "density_max_per_km2": "not stated",
    "return_period_years": "an event, or layers of several return periods",
    "severity": "unknown: nobody looked, or the class says nothing about it",
    "value_a": "the layer holds classes, not numbers, or knows nothing",
    "value_b": "the layer holds classes, not numbers, or knows nothing",
    "lo": "the class has no lower bound, or is known by its code alone",
    "hi": "the class has no upper bound, or is known by its code alone",
    "max_velocity": "the class does not depend on velocity",
    "max_depth_velocity": "the class does not depend on velocity",
    "chance_alone": "nothing is left to chance",
    "chance_agreed": "nothing is left to chance",
    "chance_joint": "nothing is left to chance",
    "total": "closures by chance are not counted in it",
    "worst_s": "somebody is not reached within the drive-time cutoff, or nobody is reached by road",
}


def summarise(
    region: Region,
    standard: Standard,
    local_standards: Mapping[str, Standard],
    stations: gpd.GeoDataFrame,
    common: gpd.GeoDataFrame,
    local: gpd.GeoDataFrame,
    gaps: gpd.GeoDataFrame,
    *,
    hazards: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Collect every number that is reported.

    People are those of the demand. Percentiles, medians and means are by people, on the clock of the
    standard, and include those who are not reached: where that makes them unknown they are None, and
    ``null_means`` says why.

    Parameters
    ----------
    region, standard, local_standards, stations
        What was analysed; one local standard for each jurisdiction.
    common, local
        Coverage by the common standard and by the local ones, as `coverage` returns it.
    gaps
        Gaps by the common standard, as `gaps` returns them.
    hazards
        What is reported about hazards, as `hazard_numbers` returns it; left out where the region has none.

    Returns
    -------
    dict
        Ready for JSON, without NaN and inf:

        * ``schema`` (1), ``region`` (``name``, ``note``, ``partners``), ``standard``, ``local_standards`` (id
          by jurisdiction), ``parameters``, ``stations`` (``count``, ``on_road``, ``turnout_assumed``),
          ``demand_points``, ``null_means``;
        * ``headline``: ``population``, ``covered_alone``, ``covered_joint``, ``closed_by_joint``,
          ``remaining``, ``unreachable``, ``covered_alone_share``, ``covered_joint_share``, ``limit_s``,
          ``gaps_alone``, ``gaps_joint``, ``population_unknown`` (ids of jurisdictions in which nobody is
          counted, because their population is not known);
        * ``common`` and ``local``, each with ``total``, ``jurisdictions`` and ``partners`` (by id). Each of
          these blocks has ``name``, ``population``, ``share`` (asked for by the standard),
          ``closed_by_joint``, ``remaining``, ``unreachable`` (not by road), ``other_partner_population`` and
          ``other_partner_share`` (people whose first due at ``joint`` is another partner's),
          ``sooner_population`` and ``saved_median_s`` (people reached sooner together, and by how much those
          gain whom somebody reaches alone), ``newly_reached_population`` (reached within the cutoff only
          together), and for each level (``agreed`` where an agreement is in force, and ``closed_by_agreed``
          then) a block with ``covered``, ``expected`` (people that must be expected to find a unit free in time),
          ``covered_share``, ``gap``, ``beyond_cutoff`` (by road, but nobody within the cutoff), ``median_s``,
          ``p90_s``, ``mean_s``, ``met`` (whether the standard's share, or average, is met),
          ``depth_2`` and ``depth_3`` (people with at least so many stations within the standard);
        * ``gaps``: a list of the gaps without their polygons;
        * ``hazards``, if the region has any: ``layers``, ``crosswalk`` (the mapping onto the common scale that was
          used), ``seams``, ``scenarios`` (by id: the numbers of `scenario_table`, stations, roads), ``risks``,
          ``not_computed``.

    Examples
    --------
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> summary = analyse(read_region(demo_path())).summary  # the same, put together
    >>> summary["headline"]["covered_joint_share"] == summary["common"]["total"]["joint"]["covered_share"]
    True
    """
    everywhere = dict.fromkeys(region.jurisdictions.index, standard)
    by_common = _blocks(common, region.jurisdictions, everywhere)
    result = {
        "schema": 1,
        "region": {
            "name": region.name,
            "note": region.note,
            "partners": sorted(region.jurisdictions["partner"].unique()),
        },
        "standard": asdict(standard),
        "local_standards": {name: rule.id for name, rule in local_standards.items()},
        "parameters": asdict(region.parameters),
        "stations": {
            "count": len(stations),
            "on_road": int((stations["road_status"] == "ok").sum()),
            "turnout_assumed": int(stations["turnout_assumed"].sum()),
        },
        "demand_points": len(common),
        "headline": _headline(by_common["total"], gaps, standard, levels(common))
        | {"population_unknown": _unknown(region.jurisdictions, common)},
        "common": by_common,
        "local": _blocks(local, region.jurisdictions, local_standards),
        "gaps": pd.DataFrame(gaps.drop(columns="geometry")).reset_index().to_dict("records"),
        "null_means": dict(NULL_MEANS),
    }
    if hazards is not None:
        result["hazards"] = hazards
    ready: dict[str, Any] = json_ready(result)
    return ready


def _headline(
    total: Mapping[str, Any], gaps: gpd.GeoDataFrame, standard: Standard, asked: tuple[str, ...]
) -> dict[str, Any]:
    """Give the numbers of the one sentence that everybody quotes."""
    same = {key: total[key] for key in ("population", "closed_by_joint", "remaining", "unreachable")}
    by_level = {
        f"{key}_{level}{share}": total[level][f"{key}{share}"]
        for key, share in (("covered", ""), ("covered", "_share"))
        for level in asked
    }
    if "agreed" in asked:
        by_level["closed_by_agreed"] = total["closed_by_agreed"]
    counts = {f"gaps_{level}": int((gaps["level"] == level).sum()) for level in asked}
    return same | by_level | counts | {"limit_s": standard.limit_s}


def _blocks(
    covered: gpd.GeoDataFrame, jurisdictions: gpd.GeoDataFrame, rules: Mapping[str, Standard]
) -> dict[str, Any]:
    """Numbers of everybody, of each jurisdiction and of each partner."""
    places = {
        name: _block(covered[covered["jurisdiction"] == name], str(jurisdictions["name"][name]), rules)
        for name in jurisdictions.index
    }
    for name in _unknown(jurisdictions, covered):
        places[name]["population"] = None
    partners = {
        str(name): _block(covered[covered["partner"] == name], str(name), rules)
        for name in sorted(jurisdictions["partner"].unique())
    }
    return {"total": _block(covered, "", rules), "jurisdictions": places, "partners": partners}


def _unknown(jurisdictions: gpd.GeoDataFrame, covered: gpd.GeoDataFrame) -> list[str]:
    """Jurisdictions that hold no demand because nobody knows how many people live there."""
    empty = ~jurisdictions.index.isin(covered["jurisdiction"].unique())
    return [str(name) for name in jurisdictions.index[empty & jurisdictions["population"].isna()]]


def _block(covered: gpd.GeoDataFrame, name: str, rules: Mapping[str, Standard]) -> dict[str, Any]:
    people, status = covered["population"], covered["status"]
    here = {rules[key] for key in covered["jurisdiction"].unique()}
    rule = here.pop() if len(here) == 1 else None
    other = covered["joint_partner"].notna() & (covered["joint_partner"] != covered["partner"])
    reached = math.fsum(people[np.isfinite(covered["joint_s"])])
    sooner = covered["joint_s"] < covered["alone_s"]
    both = sooner & np.isfinite(covered["alone_s"])
    return {
        "name": name,
        "population": math.fsum(people),
        "share": rule.share if rule else None,
        **{f"closed_by_{level}": _closed(covered, level) for level in levels(covered)[1:]},
        "remaining": math.fsum(people[~covered["joint_covered"]]),
        "unreachable": math.fsum(people[status == "unreachable"]),
        "other_partner_population": math.fsum(people[other]),
        "other_partner_share": _ratio(math.fsum(people[other]), reached),
        "sooner_population": math.fsum(people[sooner]),
        "newly_reached_population": math.fsum(people[sooner & ~both]),
        "saved_median_s": percentile_weighted(
            (covered["alone_s"] - covered["joint_s"])[both], people[both], 0.5
        ),
    } | {level: _level(covered, level, rule) for level in levels(covered)}


def _closed(covered: gpd.GeoDataFrame, level: str) -> float:
    """People whom a level reaches in time and the own stations do not."""
    return math.fsum(covered["population"][covered[f"{level}_covered"] & ~covered["alone_covered"]])


def _level(covered: gpd.GeoDataFrame, level: str, rule: Standard | None) -> dict[str, Any]:
    people, seconds = covered["population"], covered[f"{level}_s"]
    inside = math.fsum(people[covered[f"{level}_covered"]])
    share = _ratio(inside, math.fsum(people))
    lived = people > 0
    mean = float(np.average(seconds[lived], weights=people[lived])) if lived.any() else math.nan
    expected = covered.get(f"{level}_expected", covered[f"{level}_covered"])
    return {
        "covered": inside,
        "expected": math.fsum(people * expected),
        "covered_share": share,
        "gap": math.fsum(people[~covered[f"{level}_covered"]]),
        "beyond_cutoff": math.fsum(people[np.isinf(seconds) & (covered["road_status"] == "ok")]),
        "median_s": percentile_weighted(seconds, people, 0.5),
        "p90_s": percentile_weighted(seconds, people, 0.9),
        "mean_s": mean,
        "met": _met(rule, share, mean),
        "depth_2": math.fsum(people[covered[f"{level}_depth"] >= 2]),
        "depth_3": math.fsum(people[covered[f"{level}_depth"] >= 3]),
    }


def _met(rule: Standard | None, share: float | None, mean: float) -> bool | None:
    if rule is None or share is None:
        return None
    if rule.statistic == "mean":
        return round(mean, 6) <= rule.limit_s
    return None if math.isnan(rule.share) else share >= rule.share - 1e-12


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def json_ready(value: Any, *, share: bool = False) -> Any:
    """Plain Python values: NaN and inf become None, people and seconds keep three decimals, shares six."""
    if isinstance(value, Mapping):
        return {str(key): json_ready(item, share=str(key).endswith("share")) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_ready(item) for item in value]
    if value is pd.NA:
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return round(value, 6 if share else 3) if math.isfinite(value) else None
    return value
