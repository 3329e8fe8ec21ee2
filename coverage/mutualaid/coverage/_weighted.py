"""Percentiles of people, not of rows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["alike", "percentile_by_group", "percentile_weighted", "percentiles_weighted"]


def percentile_weighted(values: ArrayLike, weights: ArrayLike, share: float) -> float:
    """Smallest value that at least a share of the weight does not exceed.

    Parameters
    ----------
    values
        Numbers; inf is allowed and counts as larger than all others. Not NaN.
    weights
        One for each value, 0 or more.
    share
        Above 0 and up to 1: 0.5 for the median, 0.9 for the 90th percentile.

    Returns
    -------
    float
        One of `values`, never something between two; NaN if nothing has weight.

    Examples
    --------
    >>> percentile_weighted([60, 120, 600], [5, 4, 1], 0.9)
    120.0
    """
    return percentiles_weighted(values, weights, (share,))[0]


def percentiles_weighted(values: ArrayLike, weights: ArrayLike, shares: Sequence[float]) -> list[float]:
    """Several percentiles at once, as of `percentile_weighted`: the values are sorted once."""
    value, weight = np.asarray(values, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    value, weight = value[weight > 0], weight[weight > 0]
    if not len(value):
        return [math.nan for _ in shares]
    order = np.argsort(value)
    total = np.cumsum(weight[order])
    # Sums of floats must not push an exact share past its value.
    enough = [share * total[-1] * (1 - 1e-12) for share in shares]
    return [float(value[order[at]]) for at in np.searchsorted(total, enough)]


def percentile_by_group(
    values: NDArray[np.float64], weights: NDArray[np.float64], group: NDArray[np.int64], n: int, share: float
) -> NDArray[np.float64]:
    """Give what `percentile_weighted` gives of each of many small groups, without going through them one by one.

    Parameters
    ----------
    values, weights
        As of `percentile_weighted`.
    group
        Number of the group of each value, 0…n-1; groups come one after the other.
    n
        Number of groups.
    share
        Above 0 and up to 1.

    Returns
    -------
    array
        (n,) NaN for a group in which nothing has weight.

    Examples
    --------
    >>> import numpy as np
    >>> from mutualaid.coverage._weighted import percentile_by_group
    >>> percentile_by_group(np.array([60.0, 120.0, 600.0]), np.array([5.0, 4.0, 1.0]), np.array([0, 0, 2]), 3, 0.9)
    array([120.,  nan, 600.])
    """
    some = weights > 0
    value, weight = values[some], weights[some]
    size = np.bincount(group[some], minlength=n)
    first = np.cumsum(size) - size
    found = np.full(n, np.nan)
    for mine in alike(size):
        if size[mine[0]]:
            rows = first[mine, None] + np.arange(size[mine[0]])
            order = np.argsort(value[rows], axis=1)
            total = np.cumsum(np.take_along_axis(weight[rows], order, axis=1), axis=1)
            enough = share * total[:, -1:] * (1 - 1e-12)
            at = np.take_along_axis(order, (total < enough).sum(axis=1, keepdims=True), axis=1)
            found[mine] = value[first[mine] + at[:, 0]]
    return found


def alike(size: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Positions of the groups of each size, to be gone through together.

    Examples
    --------
    >>> import numpy as np
    >>> from mutualaid.coverage._weighted import alike
    >>> [found.tolist() for found in alike(np.array([2, 1, 2]))]
    [[1], [0, 2]]
    """
    order = np.argsort(size, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(size[order])) + 1) if len(size) else []
