"""How many calls a year must be expected where: from the record, drawn towards what is usual where little happened."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import gammaincinv, gammaln

from mutualaid.coverage import Analysis, levels
from mutualaid.data import Region
from mutualaid.errors import Defect, IncidentError
from mutualaid.incidents._places import incident_places

__all__ = ["call_rates", "demand_rates", "expected_calls"]

_YEAR_S = 365.25 * 86_400.0
#: A record of fewer days says too little about a year, unless its length is stated.
_DAYS = 30.0
#: Shapes that the distribution of rates may have: from anything goes to all are alike to some percent.
_SHAPES = np.geomspace(0.05, 1000.0, 50)
_TAIL = 0.025


def call_rates(region: Region, *, years: float | None = None, prior: str = "jurisdiction") -> pd.DataFrame:
    """Estimate the calls a year at each demand point from the region's record.

    Few calls at one place are mostly chance, so each place is drawn towards what is usual for its people: the fewer
    calls are expected there, the more. The rates of places around the usual one are taken to follow a gamma
    distribution whose shape is learnt from the record (Clayton & Kaldor 1987, doi:10.2307/2532003). What is
    usual in a jurisdiction is found in the same way from what is usual in the region. In all, as many calls are
    expected as there were; where nobody lives, what happened is kept as it is.

    Parameters
    ----------
    region
        Its `incidents` of the service of its parameters, and its `demand`.
    years
        Length of the record in years; from the first call to the last, with one interval more, if None.
    prior
        What a place is drawn towards: the usual rate of its ``jurisdiction``, or of the ``region``.

    Returns
    -------
    DataFrame
        On the index of the demand: ``calls`` (int, in the record), ``years``, ``calls_year`` (expected), and ``low``,
        ``high`` (95 % interval of it if the usual rates are right; since they are estimated too, it holds the truth
        somewhat less often). ``attrs["left_out"]`` counts the calls that lie near no place.

    Raises
    ------
    IncidentError
        If the record holds no call near a place, or too short a time and `years` is not stated.

    Examples
    --------
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.incidents import call_rates
    >>> rates = call_rates(read_region(demo_path()), years=2)
    >>> bool(abs(rates["calls_year"].sum() - rates["calls"].sum() / 2) < 1e-6)
    True
    """
    defects = []
    if years is not None and not 0 < years < math.inf:
        defects.append(
            Defect("", "years", "a number of years above 0", f"{years}", "state how long was recorded")
        )
    if prior not in ("jurisdiction", "region"):
        defects.append(Defect("", "prior", "jurisdiction or region", repr(prior), "choose one of them"))
    if defects:
        raise IncidentError(defects)
    found = incident_places(region)
    near = found["demand"].dropna()
    if near.empty:
        expected = f"calls of service {region.parameters.service} near places where people are"
        remedy = "add [incidents] to region.toml, or check the service and the positions"
        raise IncidentError(
            [Defect("", "incidents", expected, f"{len(found)} calls, none of them near", remedy)]
        )
    length = _years(found["called"]) if years is None else float(years)
    at = region.demand.index.get_indexer(pd.Index(near))
    calls = np.bincount(at, minlength=len(region.demand)).astype(np.float64)
    people = region.demand["population"].to_numpy(np.float64)
    land = pd.factorize(region.demand["jurisdiction"])[0]
    usual = _usual(calls, people, land if prior == "jurisdiction" else np.zeros(len(land), dtype=np.int64))
    likely = people * usual
    # Where nobody lives nothing is usual, and only the record speaks (Garwood 1936).
    some = likely > 0
    mean, low, high = calls.copy(), np.zeros(len(calls)), gammaincinv(calls + 1, 1 - _TAIL)
    low[calls > 0] = gammaincinv(calls[calls > 0], _TAIL)
    mean[some], spread = _posterior(calls[some], likely[some])
    low[some], high[some] = _interval(mean[some], spread)
    kept = (calls.sum() - calls[~some].sum()) / mean[some].sum() if some.any() else 1.0
    for values in (mean, low, high):
        values[some] *= kept
    table = pd.DataFrame(
        {
            "calls": calls.astype(np.int64),
            "years": length,
            "calls_year": mean / length,
            "low": low / length,
            "high": high / length,
        },
        index=region.demand.index,
    )
    table.attrs["left_out"] = int(found["demand"].isna().sum())
    return table


def _years(called: pd.Series) -> float:
    """Years from the first call to the last, with one mean interval more, because a record begins before its first."""
    known = called.dropna()
    span_s = (known.max() - known.min()).total_seconds() if len(known) else 0.0
    if span_s < _DAYS * 86_400:
        expected, got = f"a record of at least {_DAYS:.0f} days", f"{span_s / 86_400:.1f} days"
        raise IncidentError([Defect("", "incidents", expected, got, "state its length: years")])
    return span_s * len(known) / (len(known) - 1) / _YEAR_S


def _usual(
    calls: NDArray[np.float64], people: NDArray[np.float64], group: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Give the calls for each person that are usual at each place: of its group, drawn towards that of all."""
    inhabited = people > 0
    if not people.sum() > 0:
        return np.zeros(len(people))
    size = int(group.max(initial=0)) + 1
    seen = np.bincount(group, weights=calls * inhabited, minlength=size)
    expected = np.bincount(group, weights=people, minlength=size) * (seen.sum() / people.sum())
    if not seen.sum() > 0:
        return np.zeros(len(people))
    lived = expected > 0
    ratio = np.ones(size)
    ratio[lived] = _posterior(seen[lived], expected[lived])[0] / expected[lived]
    return np.asarray(ratio[group] * seen.sum() / people.sum(), dtype=np.float64)


def _posterior(
    calls: NDArray[np.float64], expected: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and variance of what must be expected, after the record.

    Rates around the expected ones follow a gamma distribution of mean 1 and shape a: the record then has a negative
    binomial distribution. Each shape counts by how likely it makes the record, instead of the likeliest one alone:
    from few calls nobody knows how much rates differ.
    """
    a = _SHAPES[:, None]
    # What does not depend on a is left out.
    terms = gammaln(a + calls) - gammaln(a) + a * np.log(a) - (a + calls) * np.log(a + expected)
    likelihood = terms.sum(axis=1)
    weight = np.exp(likelihood - likelihood.max())
    weight /= weight.sum()
    means = (a + calls) / (a + expected) * expected
    mean = weight @ means
    variance = weight @ (means / (a + expected) * expected + means**2) - mean**2
    return mean, np.maximum(variance, np.finfo(np.float64).tiny)


def _interval(
    mean: NDArray[np.float64], variance: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bounds of 95 % of the gamma distribution that has this mean and variance."""
    shape, scale = mean**2 / variance, variance / mean
    low, high = (np.asarray(gammaincinv(shape, one) * scale) for one in (_TAIL, 1 - _TAIL))
    return low, high


def expected_calls(analysis: Analysis, rates: pd.DataFrame) -> pd.DataFrame:
    """Weigh coverage by the calls that must be expected: how many a year are within the standard at each level.

    Parameters
    ----------
    analysis
        As `mutualaid.coverage.analyse` gives it.
    rates
        As `call_rates` gives them for its region.

    Returns
    -------
    DataFrame
        Index ``level`` and ``jurisdiction`` (id; "" stands for all): ``calls_year``, ``in_time`` (a year, with units
        that are always at home) and ``share`` of them; NaN where no call is expected.

    Raises
    ------
    IncidentError
        If the rates lack demand points, or are none.

    Examples
    --------
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.incidents import call_rates, expected_calls
    >>> run = analyse(read_region(demo_path()))
    >>> share = expected_calls(run, call_rates(run.region))["share"]
    >>> bool(share["joint", ""] > share["alone", ""])
    True
    """
    per_year = _of_places(rates, analysis.demand.index)
    lands = analysis.demand["jurisdiction"].to_numpy()
    rows: list[dict[str, Any]] = []
    for level in levels(analysis.coverage):
        covered = analysis.coverage[f"{level}_covered"].to_numpy()
        for name in ["", *map(str, analysis.region.jurisdictions.index)]:
            mine = np.ones(len(lands), dtype=np.bool_) if not name else lands == name
            total, in_time = math.fsum(per_year[mine]), math.fsum(per_year[mine & covered])
            share = in_time / total if total > 0 else math.nan
            rows.append(
                {
                    "level": level,
                    "jurisdiction": name,
                    "calls_year": total,
                    "in_time": in_time,
                    "share": share,
                }
            )
    return pd.DataFrame(rows).set_index(["level", "jurisdiction"])


def _of_places(rates: pd.DataFrame | pd.Series, index: pd.Index) -> NDArray[np.float64]:
    """Give the calls a year of each demand point, or all that is wrong with them."""
    column = rates["calls_year"] if isinstance(rates, pd.DataFrame) else rates
    missing = index.difference(column.index)
    values = column.reindex(index).to_numpy(np.float64)
    wrong = ~((values >= 0) & (values < math.inf)) & ~index.isin(missing)
    defects = []
    if len(missing):
        got = f"{len(missing)} without, such as {missing[0]}"
        defects.append(
            Defect("", "rates", "a rate for each demand point", got, "give 0 where no call is expected")
        )
    if wrong.any():
        got = f"{values[wrong][0]} at {index[wrong][0]}"
        defects.append(Defect("", "rates", "calls a year, 0 or more", got, "correct it"))
    if not defects and not values.sum() > 0:
        defects.append(
            Defect("", "rates", "a call somewhere", "0 everywhere", "correct them, or state calls_year")
        )
    if defects:
        raise IncidentError(defects)
    return values


def demand_rates(
    region: Region, rates: pd.DataFrame | pd.Series | None, calls_year: float | None
) -> tuple[NDArray[np.float64], str]:
    """Give the calls a year of each demand point, and in words where they come from.

    As given; else from the record; else from ``incidents`` of the demand; else by people, which needs a total.
    """
    if rates is not None:
        values, words = _of_places(rates, region.demand.index), "the rates given"
    elif len(region.incidents) and (region.incidents["service"] == region.parameters.service).any():
        # Where their sum is stated, how long the record is does not matter.
        found = call_rates(region, years=None if calls_year is None else 1.0)
        values, words = found["calls_year"].to_numpy(), "the record of incidents"
    elif "incidents" in region.demand and region.demand["incidents"].sum() > 0:
        values, words = (
            region.demand["incidents"].fillna(0.0).to_numpy(np.float64),
            "the incidents of the demand",
        )
    elif calls_year is not None and region.demand["population"].sum() > 0:
        values, words = region.demand["population"].to_numpy(np.float64), "people, all alike"
    else:
        expected, got = "how many calls there are a year", "neither a record nor a number"
        raise IncidentError([Defect("", "calls_year", expected, got, "state calls_year, or add [incidents]")])
    if calls_year is not None:
        values, words = values * (calls_year / math.fsum(values)), f"{words}; their sum as stated"
    return values, words
