"""Linear programs in whole numbers: HiGHS by way of SciPy, always with a proven bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from mutualaid.errors import Defect, SitingError
from mutualaid.siting._choice import SiteLimits

__all__ = ["Answer", "Rows", "minimise", "no_plan_in_time", "unlike", "within_limits"]

#: HiGHS stops within 1e-6 of the bound and takes 1e-6 for 0, so the largest cost is brought to this size.
_LARGEST_COST = 1e4


class Rows(NamedTuple):
    """Limits ``least <= matrix @ x <= most``; the matrix may have fewer columns than there are variables."""

    matrix: csr_array[np.float64]
    least: NDArray[np.float64] | float
    most: NDArray[np.float64] | float


@dataclass(frozen=True, eq=False)
class Answer:
    """What is known about the least value of a program.

    Attributes
    ----------
    x
        The best solution found, None if none was.
    bound
        No solution has a smaller value; inf if there is none at all.
    proven
        Whether `x` is the best one within the gap that was asked for, or there is proven to be none.
    """

    x: NDArray[np.float64] | None
    bound: float
    proven: bool


def minimise(
    cost: NDArray[np.float64],
    limits: Sequence[Rows],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    whole: NDArray[np.bool_],
    *,
    time_limit_s: float | None = None,
    gap: float = 0.0,
) -> Answer:
    """Find the least ``cost @ x`` for ``low <= x <= high`` under linear limits, some of x in whole numbers.

    Parameters
    ----------
    cost, low, high
        (v,) of each variable.
    limits
        On the variables; without rows they do nothing.
    whole
        (v,) which of them take whole numbers only.
    time_limit_s
        Any time if None.
    gap
        Relative distance from the bound at which to stop.

    Returns
    -------
    Answer
        Whole numbers are rounded.
    """
    scale = _LARGEST_COST / max(float(np.abs(cost).max(initial=0.0)), 1e-300)
    # The cheapest values that each variable could take by itself: what is known before anything is solved.
    floor = float(np.minimum(cost * low, cost * high).sum())
    result = milp(
        cost * scale,
        integrality=whole.astype(np.int8),
        bounds=Bounds(low, high),
        constraints=[_constraint(rows, len(cost)) for rows in limits if rows.matrix.shape[0]],
        options={
            "mip_rel_gap": gap,
            "time_limit": np.inf if time_limit_s is None else max(time_limit_s, 0.0),
        },
    )
    if result.status == 2:
        return Answer(None, np.inf, proven=True)
    # Without whole numbers there is no branching, and the bound that is reported for it is not one.
    bound = result.get("mip_dual_bound" if whole.any() else "fun")
    bound = floor if bound is None or not (whole.any() or result.status == 0) else max(bound / scale, floor)
    if result.x is None:
        return Answer(None, bound, proven=False)
    x = np.where(whole, np.rint(result.x), result.x)
    return Answer(x, bound, proven=result.status == 0)


def _constraint(rows: Rows, variables: int) -> LinearConstraint:
    """Rows for all variables, each brought to a largest coefficient of 1: what is 0 to HiGHS is absolute."""
    largest = abs(rows.matrix).max(axis=1).toarray().ravel()
    scale = 1 / np.where(largest > 0, largest, 1.0)
    entries = rows.matrix.data * np.repeat(scale, np.diff(rows.matrix.indptr))
    matrix = csr_array((entries, rows.matrix.indices, rows.matrix.indptr), shape=(len(largest), variables))
    return LinearConstraint(matrix, rows.least * scale, rows.most * scale)


def within_limits(limits: SiteLimits) -> Rows:
    """Limits on open sites, which are the first variables."""
    return Rows(limits.rows, limits.least, limits.most)


def unlike(
    sites: int, known: Sequence[NDArray[np.int64]], differ: int, one_of: Sequence[NDArray[np.bool_]] = ()
) -> Rows:
    """Limit the open sites, the first variables, as `NextBest` says."""
    was_open = np.array([units > 0 for units in known]).reshape(len(known), sites)
    some = np.array(one_of).reshape(len(one_of), sites)
    least = np.concatenate([differ - was_open.sum(axis=1), np.ones(len(some))])
    return Rows(csr_array(np.concatenate([1.0 - 2.0 * was_open, some])), least, np.inf)


def no_plan_in_time(time_limit_s: float | None) -> SitingError:
    """Say that it is not known whether there is any plan at all."""
    expected, got = "time enough to find a plan that keeps to all limits", f"{time_limit_s} s, and none found"
    return SitingError(
        [Defect("", "time_limit_s", expected, got, "allow more time, more stations or more money")]
    )
