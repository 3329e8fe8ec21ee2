"""From several return periods to what must be expected in a year."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.errors import Defect, HazardError

__all__ = ["ExpectedAnnual", "expected_annual", "expected_annual_by_row"]

Tail: TypeAlias = Literal["constant", "zero"]
Frequent: TypeAlias = Literal["zero", "constant", "triangle"]

_PARTS = ("between", "tail", "frequent")


@dataclass(frozen=True)
class ExpectedAnnual:
    """What must be expected in a year, and what it is made of.

    Attributes
    ----------
    total
        Sum of the three parts, in the unit of the values per year.
    between
        Between the return periods given: trapezoid over annual probability.
    tail
        Rarer than the rarest.
    frequent
        More frequent than the most frequent.
    falls
        Pairs of return periods, frequent and rare, between which the value falls although the event gets
        rarer. It can be true (another breach, other water), but a layer in the wrong place is likelier.
    equal
        Pairs of return periods with the very same value above 0: perhaps one layer given twice.
    tail_rule, frequent_rule
        The rules as words, for the report.
    """

    total: float
    between: float
    tail: float
    frequent: float
    falls: tuple[tuple[float, float], ...]
    equal: tuple[tuple[float, float], ...]
    tail_rule: str
    frequent_rule: str


def expected_annual(
    values_by_return_period: Mapping[float, float] | Mapping[int, float],
    *,
    tail: Tail = "constant",
    frequent: Frequent = "zero",
    triangle_year: float | None = None,
) -> ExpectedAnnual:
    """Give what must be expected in a year: people, damage or person-minutes over return periods.

    Between the return periods the value is linear in annual probability, which is 1 / return period.

    Parameters
    ----------
    values_by_return_period
        Value by return period in years, in any order; at least one.
    tail
        Beyond the rarest: ``constant`` keeps its value down to probability 0, ``zero`` adds nothing.
    frequent
        Below the most frequent: ``zero`` adds nothing, ``constant`` keeps its value up to probability 1,
        ``triangle`` lets it fall to 0 at `triangle_year`.
    triangle_year
        Return period in years at which nothing happens yet; only, and always, with ``triangle``.

    Returns
    -------
    ExpectedAnnual

    Raises
    ------
    HazardError
        If a return period is not a number from 1 on, a value is negative or not finite, there is none, or
        the triangle does not begin below the most frequent return period.

    Examples
    --------
    >>> from mutualaid.hazards import expected_annual
    >>> damage = {100: 4_392_944.56, 1000: 5_567_514.58}
    >>> found = expected_annual(damage, frequent="triangle", triangle_year=5)
    >>> round(found.between, 2), round(found.tail, 2), round(found.frequent, 2)
    (44822.07, 5567.51, 417329.73)
    """
    table = pd.DataFrame([dict(values_by_return_period)], dtype=np.float64)
    years, values = _checked(table, missing_allowed=False)
    weight = _weights(years, tail, frequent, triangle_year)
    parts = dict(zip(_PARTS, (float(part) for part in values[0] @ weight), strict=True))
    steps = list(zip(pairwise(years.tolist()), pairwise(values[0].tolist()), strict=True))
    ends = f"from year {years[0]:g} to year {triangle_year:g}" if triangle_year else "with probability 1"
    return ExpectedAnnual(
        total=sum(parts.values()),
        falls=tuple(pair for pair, (common, rare) in steps if rare < common),
        equal=tuple(pair for pair, (common, rare) in steps if rare == common > 0),
        tail_rule=f"{tail} beyond year {years[-1]:g}",
        frequent_rule="zero" if frequent == "zero" else f"{frequent} {ends}",
        **parts,
    )


def expected_annual_by_row(
    values: pd.DataFrame,
    *,
    tail: Tail = "constant",
    frequent: Frequent = "zero",
    triangle_year: float | None = None,
) -> pd.DataFrame:
    """Give `expected_annual` of each row: of each demand point, municipality or road.

    Parameters
    ----------
    values
        One column a return period (the label is the years), one row a place; NaN is unknown.
    tail, frequent, triangle_year
        As of `expected_annual`.

    Returns
    -------
    DataFrame
        Index of `values`; ``total``, ``between``, ``tail``, ``frequent`` (NaN where a value is unknown) and
        ``falls`` (bool: the value falls somewhere although the event gets rarer).

    Raises
    ------
    HazardError
        As of `expected_annual`.

    Examples
    --------
    >>> import pandas as pd
    >>> from mutualaid.hazards import expected_annual_by_row
    >>> cut_off = pd.DataFrame({10: [0.0, 20.0], 100: [50.0, 10.0]}, index=["Lower Town", "Upper Town"])
    >>> expected_annual_by_row(cut_off)[["total", "falls"]]
                total  falls
    Lower Town   2.75  False
    Upper Town   1.45   True
    """
    years, ordered = _checked(values, missing_allowed=True)
    parts = pd.DataFrame(
        ordered @ _weights(years, tail, frequent, triangle_year), index=values.index, columns=list(_PARTS)
    )
    parts.insert(0, "total", parts.sum(axis=1, skipna=False))
    parts["falls"] = np.any(np.diff(ordered, axis=1) < 0, axis=1)
    return parts


def _weights(
    years: NDArray[np.float64], tail: str, frequent: str, triangle_year: float | None
) -> NDArray[np.float64]:
    """(r, 3) share of each return period in the parts, which are linear in the values."""
    defects = []
    if tail not in ("constant", "zero"):
        defects.append(Defect("", "tail", "constant or zero", repr(tail)[:80], "choose one of them"))
    if frequent not in ("zero", "constant", "triangle"):
        got = repr(frequent)[:80]
        defects.append(Defect("", "frequent", "zero, constant or triangle", got, "choose one of them"))
    if (triangle_year is not None) != (frequent == "triangle"):
        got, remedy = f"{triangle_year} with frequent = {frequent!r}", "state both or neither"
        defects.append(Defect("", "triangle_year", "a year with triangle, and only then", got, remedy))
    elif triangle_year is not None and not 1 <= triangle_year < years[0]:
        expected = f"a year from 1 to below {years[0]:g}, the most frequent return period"
        remedy = "name the event that does no harm yet"
        defects.append(Defect("", "triangle_year", expected, f"{triangle_year:g}", remedy))
    if defects:
        raise HazardError(defects)
    chance = 1 / years  # falls from the most frequent to the rarest
    weight = np.zeros((len(years), len(_PARTS)))
    half = -np.diff(chance) / 2
    weight[:-1, 0] += half
    weight[1:, 0] += half
    weight[-1, 1] = chance[-1] if tail == "constant" else 0.0
    if triangle_year is not None:
        weight[0, 2] = (1 / triangle_year - chance[0]) / 2
    elif frequent == "constant":
        weight[0, 2] = 1 - chance[0]
    return weight


def _checked(
    values: pd.DataFrame, *, missing_allowed: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the return periods in rising order, (r,), and the values, (n, r)."""
    years = pd.to_numeric(pd.Series(values.columns), errors="coerce").to_numpy(np.float64)
    table = values.to_numpy(np.float64)
    defects = [
        Defect("", f"return period {label}", "a number of years from 1 on", repr(label)[:80], "correct it")
        for label, year in zip(values.columns, years, strict=True)
        if not 1 <= year < np.inf
    ]
    if not len(years):
        defects.append(Defect("", "values", "at least one return period", "none", "give one"))
    if len(np.unique(years)) < len(years):
        got = ", ".join(map(str, values.columns))[:80]
        defects.append(Defect("", "values", "each return period once", got, "remove the second one"))
    wrong = (table < 0) | np.isinf(table) | (np.isnan(table) & (not missing_allowed))
    for row, column in np.argwhere(wrong)[:20]:
        where = f"return period {values.columns[column]}" + (
            f", {values.index[row]}" if len(table) > 1 else ""
        )
        remedy = "give how much, or leave the return period out"
        defects.append(Defect("", where, "a finite value from 0 on", f"{table[row, column]:g}", remedy))
    if defects:
        raise HazardError(defects)
    order = np.argsort(years)
    return years[order], table[:, order]
