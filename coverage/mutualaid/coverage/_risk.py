"""Risk: how many people must be expected out of reach in a year, over the return periods of one hazard."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.coverage._coverage import levels
from mutualaid.coverage._exact import Terms, rounded
from mutualaid.coverage._scenario import ScenarioResult
from mutualaid.data import RiskCurve
from mutualaid.errors import Defect, HazardError
from mutualaid.hazards import expected_annual, expected_annual_by_row

_NOT_KNOWN = dict.fromkeys(("total", "between", "tail", "frequent"), math.nan)

__all__ = ["RiskResult", "later_minutes", "scenario_risk"]


@dataclass(frozen=True, eq=False)
class RiskResult:
    """What must be expected in a year.

    Attributes
    ----------
    risk
        The scenarios and the rules.
    table
        One row for all (``jurisdiction`` empty) and for each jurisdiction, level and measure: ``measure`` is
        ``people`` (who are reached within the standard in fair weather and no longer under the hazard) or
        ``person_minutes`` (by how much later help comes, times people; NaN with closures by chance); ``total`` a
        year and what it is made of: ``between``, ``tail``, ``frequent``; and one column for each return period,
        ``years_<n>``, with the value of that scenario.
    places
        Index of the demand: expected people out of reach a year, by level.
    findings
        What contradicts itself: a value that falls although the event gets rarer, or is exactly the same.
    tail_rule, frequent_rule
        The rules in words.
    """

    risk: RiskCurve
    table: pd.DataFrame
    places: pd.DataFrame
    findings: tuple[str, ...]
    tail_rule: str
    frequent_rule: str


def scenario_risk(risk: RiskCurve, results: Mapping[str, ScenarioResult]) -> RiskResult:
    """Integrate what the scenarios of several return periods take away over annual probability.

    Parameters
    ----------
    risk
        The scenarios and the rules beyond both ends.
    results
        Results of the scenarios, by id.

    Returns
    -------
    RiskResult

    Raises
    ------
    HazardError
        A scenario was not computed, has no return period, or shares it with another.

    Examples
    --------
    >>> from mutualaid.coverage import scenario_risk
    >>> scenario_risk(risk, {"often": often, "rare": rare}).table  # doctest: +SKIP
    """
    chosen = _by_return_period(risk, results)
    rules: dict[str, Any] = {
        "tail": risk.tail,
        "frequent": risk.frequent,
        "triangle_year": risk.triangle_year,
    }
    some = next(iter(chosen.values())).coverage
    where, names = pd.factorize(some["jurisdiction"])
    rows, findings = [], []
    places = {}
    for level in levels(some):
        lost = pd.DataFrame({years: _lost(one, level) for years, one in chosen.items()}, index=some.index)
        later = pd.DataFrame(
            {years: later_minutes(one, level) for years, one in chosen.items()},
            index=some.index,
        )
        places[level] = expected_annual_by_row(lost, **rules)["total"]
        for measure, table in (("people", lost), ("person_minutes", later)):
            sums = {years: _sums(table[years].to_numpy(), where, len(names)) for years in chosen}
            for number, name in enumerate(("", *names)):
                values = {years: column[number] for years, column in sums.items()}
                if measure == "person_minutes" and any(len(one.draws) for one in chosen.values()):
                    # Closures by chance are not in them: unknown is not zero.
                    rows.append(_row(str(name), level, measure, dict.fromkeys(values, math.nan), _NOT_KNOWN))
                    continue
                found = expected_annual(values, **rules)
                rows.append(_row(str(name), level, measure, values, asdict(found)))
                if name == "":
                    findings += _findings(level, measure, found.falls, found.equal)
                    tail_rule, frequent_rule = found.tail_rule, found.frequent_rule
    return RiskResult(
        risk, pd.DataFrame(rows), pd.DataFrame(places), tuple(findings), tail_rule, frequent_rule
    )


def _sums(values: NDArray[np.float64], group: NDArray[np.int64], n: int) -> list[float]:
    """Sum of everybody, then of each group, each rounded once."""
    terms = Terms.of(values)
    table = terms.table(group, n)
    return rounded(np.concatenate([table.sum(axis=0, keepdims=True), table]), terms.lowest)


def _by_return_period(risk: RiskCurve, results: Mapping[str, ScenarioResult]) -> dict[float, ScenarioResult]:
    found: dict[float, ScenarioResult] = {}
    defects = []
    for name in risk.scenarios:
        years = results[name].return_period_years if name in results else math.nan
        if name not in results or math.isnan(years) or years in found:
            got = "not computed" if name not in results else "none, or that of another scenario"
            expected = "a scenario of one return period of its own"
            remedy = "correct the layers of the scenario"
            defects.append(Defect("region.toml", f"risk {risk.id}, scenario {name}", expected, got, remedy))
            continue
        found[years] = results[name]
    if defects:
        raise HazardError(defects)
    return dict(sorted(found.items()))


def _lost(result: ScenarioResult, level: str) -> NDArray[np.float64]:
    """People whom a level reaches in time in fair weather and no longer under the hazard."""
    covered, people = result.coverage, result.coverage["population"].to_numpy(np.float64)
    before = covered[f"fair_{level}_covered"].to_numpy(np.float64)
    after = covered.get(f"{level}_probability", covered[f"{level}_covered"]).to_numpy(np.float64)
    return np.asarray(people * np.maximum(before - after, 0.0))


def later_minutes(result: ScenarioResult, level: str) -> NDArray[np.float64]:
    """Person-minutes by which help comes later under a scenario, of those whom it reaches in fair weather.

    Whom nobody reaches by ``result.end_s`` any more, the end of the cutoff for the fastest crew, counts as reached
    then: the result is a lower bound. Closures by
    chance are left out: with them the whole is larger.

    Parameters
    ----------
    result
        Result of the scenario.
    level
        One of its `levels`.

    Returns
    -------
    array
        (n,) people × minutes, in the order of the demand.
    """
    covered = result.coverage
    before, after = (covered[name].to_numpy(np.float64) for name in (f"fair_{level}_s", f"{level}_s"))
    later = np.where(np.isfinite(before), np.minimum(after, result.end_s) - before, 0.0)
    return np.asarray(covered["population"].to_numpy(np.float64) * np.maximum(later, 0.0) / 60)


def _row(
    name: str, level: str, measure: str, values: Mapping[float, float], found: Mapping[str, Any]
) -> dict[str, Any]:
    parts = {key: found[key] for key in ("total", "between", "tail", "frequent")}
    periods = {f"years_{years:g}": value for years, value in values.items()}
    return {"jurisdiction": name, "level": level, "measure": measure, **parts, **periods}


def _findings(
    level: str,
    measure: str,
    falls: tuple[tuple[float, float], ...],
    equal: tuple[tuple[float, float], ...],
) -> list[str]:
    what = measure.replace("_", "-")
    said = [
        f"{level}: fewer {what} out of reach at {rare:g} years than at {often:g}: is a layer the wrong one?"
        for often, rare in falls
    ]
    said += [
        f"{level}: exactly the same {what} at {often:g} and {rare:g} years: is one map given twice?"
        for often, rare in equal
    ]
    return said
