"""Percentiles of people, not of rows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["percentile_weighted", "percentiles_weighted"]


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
