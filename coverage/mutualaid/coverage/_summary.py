"""All numbers of an analysis, ready for JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.coverage._coverage import levels
from mutualaid.coverage._exact import Terms, rounded
from mutualaid.coverage._standards import Standard
from mutualaid.coverage._weighted import percentile_weighted, percentiles_weighted
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

#: Types of values that are ready as they are.
_PLAIN = frozenset({str, int, bool, type(None)})


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
        "gaps": [],
        "null_means": dict(NULL_MEANS),
    }
    if hazards is not None:
        result["hazards"] = hazards
    ready: dict[str, Any] = json_ready(result)
    ready["gaps"] = _records(pd.DataFrame(gaps.drop(columns="geometry")).reset_index())
    return ready


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table as `json_ready` gives them, column by column: a country has a million gaps."""
    columns = {
        str(key): [json_ready(value, share=str(key).endswith("share")) for value in values.tolist()]
        for key, values in table.items()
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


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


@dataclass(frozen=True, eq=False)
class _Places:
    """What is summed up of the places of a coverage frame, as arrays: one block each, not a frame for each."""

    people: NDArray[np.float64]
    jurisdiction: NDArray[np.int64]
    seconds: Mapping[str, NDArray[np.float64]]
    rules: Sequence[Standard]  # by position of the jurisdiction

    def at(self, rows: NDArray[np.intp] | slice) -> _Places:
        """Give some of the places."""
        seconds = {level: values[rows] for level, values in self.seconds.items()}
        return _Places(self.people[rows], self.jurisdiction[rows], seconds, self.rules)


def _blocks(
    covered: pd.DataFrame, jurisdictions: pd.DataFrame, rules: Mapping[str, Standard]
) -> dict[str, Any]:
    """Numbers of everybody, of each jurisdiction and of each partner."""
    asked = levels(covered)
    where, names = pd.factorize(covered["jurisdiction"])
    whose, partners = pd.factorize(covered["partner"], use_na_sentinel=False)
    places = _Places(
        covered["population"].to_numpy(np.float64),
        where,
        {level: covered[f"{level}_s"].to_numpy(np.float64) for level in asked},
        [rules[name] for name in names],
    )
    towns = {key: str(name) for key, name in jurisdictions["name"].items()}
    allies = {name: str(name) for name in sorted(jurisdictions["partner"].unique())}
    kinds = (("jurisdictions", where, names, towns), ("partners", whose, partners, allies))
    total, *sums = _sums(covered, places.people, [(where, len(names)), (whose, len(partners))])
    found: dict[str, Any] = {"total": _block(places, "", {key: row[0] for key, row in total.items()}, asked)}
    nobody = dict.fromkeys(total, 0.0)
    for (kind, code, known, called), table in zip(kinds, sums, strict=True):
        order = np.argsort(code, kind="stable")
        ends = np.searchsorted(code[order], np.arange(len(known) + 1))
        at = {key: number for number, key in enumerate(known)}
        found[kind] = {}
        for key, name in called.items():
            number = at.get(key)
            rows = order[:0] if number is None else order[ends[number] : ends[number + 1]]
            here = nobody if number is None else {name: row[number] for name, row in table.items()}
            found[kind][str(key)] = _block(places.at(rows), name, here, asked)
    for name in _unknown(jurisdictions, covered):
        found["jurisdictions"][name]["population"] = None
    return found


def _sums(
    covered: pd.DataFrame, people: NDArray[np.float64], groupings: Sequence[tuple[NDArray[np.int64], int]]
) -> list[dict[str, list[float]]]:
    """People of each measure, of everybody and by the groups of each grouping, all rounded once."""
    (first, n), (second, m) = groupings
    both, pairs = pd.factorize(first.astype(np.int64) * m + second)
    wanted = [(np.zeros(len(pairs), dtype=np.int64), 1), (pairs // m, n), (pairs % m, m)]
    found: list[dict[str, list[float]]] = [{} for _ in wanted]
    terms = Terms.of(people)
    for name, measure in _measures(covered):
        if measure.dtype == np.bool_:
            of, table = terms, terms.table(both, len(pairs), measure)
        else:
            of = Terms.of(people * measure)
            table = of.table(both, len(pairs))
        for told, (group, size) in zip(found, wanted, strict=True):
            joined = np.zeros((size, *table.shape[1:]), dtype=np.int64)
            np.add.at(joined, group, table)
            told[name] = rounded(joined, of.lowest)
    return found


def _measures(covered: pd.DataFrame) -> Iterator[tuple[str, NDArray[Any]]]:
    """Whether the people of each place count, or what share of them."""
    alone_s, joint_s = (covered[f"{level}_s"].to_numpy(np.float64) for level in ("alone", "joint"))
    alone, joint = (covered[f"{level}_covered"].to_numpy(np.bool_) for level in ("alone", "joint"))
    yield "population", np.ones(len(covered), dtype=np.bool_)
    yield "reached", np.isfinite(joint_s)
    yield "remaining", ~joint
    yield "unreachable", (covered["status"] == "unreachable").to_numpy(np.bool_)
    other = covered["joint_partner"].notna() & (covered["joint_partner"] != covered["partner"])
    yield "other_partner", other.to_numpy(np.bool_)
    yield "sooner", joint_s < alone_s
    yield "newly_reached", (joint_s < alone_s) & ~np.isfinite(alone_s)
    on_road = (covered["road_status"] == "ok").to_numpy(np.bool_)
    for level in levels(covered):
        inside = covered[f"{level}_covered"].to_numpy(np.bool_)
        depth = covered[f"{level}_depth"].to_numpy()
        yield f"closed_by_{level}", inside & ~alone
        yield f"covered_{level}", inside
        yield f"gap_{level}", ~inside
        yield f"expected_{level}", covered.get(f"{level}_expected", covered[f"{level}_covered"]).to_numpy()
        yield f"beyond_{level}", np.isinf(covered[f"{level}_s"].to_numpy(np.float64)) & on_road
        yield f"depth_2_{level}", depth >= 2
        yield f"depth_3_{level}", depth >= 3


def _unknown(jurisdictions: pd.DataFrame, covered: pd.DataFrame) -> list[str]:
    """Jurisdictions that hold no demand because nobody knows how many people live there."""
    empty = ~jurisdictions.index.isin(covered["jurisdiction"].unique())
    return [str(name) for name in jurisdictions.index[empty & jurisdictions["population"].isna()]]


def _block(places: _Places, name: str, sums: Mapping[str, float], asked: tuple[str, ...]) -> dict[str, Any]:
    here = {places.rules[code] for code in np.unique(places.jurisdiction)}
    rule = here.pop() if len(here) == 1 else None
    alone_s, joint_s = places.seconds["alone"], places.seconds["joint"]
    both = (joint_s < alone_s) & np.isfinite(alone_s)
    return {
        "name": name,
        "population": sums["population"],
        "share": rule.share if rule else None,
        **{f"closed_by_{level}": sums[f"closed_by_{level}"] for level in asked[1:]},
        "remaining": sums["remaining"],
        "unreachable": sums["unreachable"],
        "other_partner_population": sums["other_partner"],
        "other_partner_share": _ratio(sums["other_partner"], sums["reached"]),
        "sooner_population": sums["sooner"],
        "newly_reached_population": sums["newly_reached"],
        "saved_median_s": percentile_weighted(alone_s[both] - joint_s[both], places.people[both], 0.5),
    } | {level: _level(places, level, sums, rule) for level in asked}


def _level(places: _Places, level: str, sums: Mapping[str, float], rule: Standard | None) -> dict[str, Any]:
    people, seconds = places.people, places.seconds[level]
    share = _ratio(sums[f"covered_{level}"], sums["population"])
    lived = people > 0
    mean = float(np.average(seconds[lived], weights=people[lived])) if lived.any() else math.nan
    median_s, p90_s = percentiles_weighted(seconds, people, (0.5, 0.9))
    return {
        "covered": sums[f"covered_{level}"],
        "expected": sums[f"expected_{level}"],
        "covered_share": share,
        "gap": sums[f"gap_{level}"],
        "beyond_cutoff": sums[f"beyond_{level}"],
        "median_s": median_s,
        "p90_s": p90_s,
        "mean_s": mean,
        "met": _met(rule, share, mean),
        "depth_2": sums[f"depth_2_{level}"],
        "depth_3": sums[f"depth_3_{level}"],
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
    kind = type(value)  # of most values it tells all, sooner than what follows
    if kind is float:
        return round(value, 6 if share else 3) if math.isfinite(value) else None
    if kind in _PLAIN:
        return value
    if isinstance(value, Mapping):
        return {str(key): json_ready(item, share=str(key).endswith("share")) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_ready(item) for item in value]
    if value is pd.NA:
        return None
    if isinstance(value, np.generic):
        return json_ready(value.item(), share=share)
    return json_ready(float(value), share=share) if isinstance(value, float) else value
