"""How sure a figure from a record is: 95 % intervals of shares, quantiles and means."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom

__all__ = ["mean_interval", "quantile", "quantile_interval", "wilson"]

#: Half of the width of a 95 % interval in standard errors.
_Z = 1.959963984540054
_TAIL = 0.025
_DRAWS = 1000
#: Numbers drawn in one piece, so that long records need no more memory.
_AT_ONCE = 1_000_000


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Interval of a share by Wilson (1927, doi:10.1080/01621459.1927.10502953); (0, 1) where nothing is known.

    Unlike the share plus or minus its standard error it stays within 0…1 and holds for few incidents too.
    """
    if of <= 0:
        return 0.0, 1.0
    share, spread = hits / of, _Z * _Z / of
    middle = share + spread / 2
    width = _Z * math.sqrt(share * (1 - share) / of + spread / (4 * of))
    low, high = (middle - width) / (1 + spread), (middle + width) / (1 + spread)
    # Rounding must not leave a hair's breadth at the ends.
    return (0.0 if hits == 0 else low), (1.0 if hits == of else high)


def quantile(values: ArrayLike, share: float) -> float:
    """Give the smallest of the values that at least this share of them do not exceed; NaN if there is none."""
    known = np.sort(np.asarray(values, dtype=np.float64))
    known = known[~np.isnan(known)]
    if not len(known):
        return math.nan
    return float(known[max(math.ceil(share * len(known) - 1e-9), 1) - 1])


def quantile_interval(values: ArrayLike, share: float = 0.5) -> tuple[float, float]:
    """Interval of a quantile between two of the sorted values, whatever their distribution.

    Each end is beyond the quantile with a chance of at most 2.5 %; infinite where there are too few values for that.
    """
    known = np.sort(np.asarray(values, dtype=np.float64))
    known = known[~np.isnan(known)]
    n = len(known)
    # As many values lie below the quantile as a coin with this share falls on its head.
    low = int(binom.ppf(_TAIL, n, share)) if n else 0
    high = int(binom.isf(_TAIL, n, share)) + 1 if n else 1
    # ppf gives the first count whose chance of no more than it exceeds the tail: one below is within.
    return (
        float(known[low - 1]) if low >= 1 else -math.inf,
        float(known[high - 1]) if high <= n else math.inf,
    )


def mean_interval(values: ArrayLike, *, seed: int) -> tuple[float, float]:
    """Interval of a mean: percentiles of the means of seeded draws with replacement; infinite below 2 values."""
    known: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    known = known[~np.isnan(known)]
    if len(known) < 2:
        return -math.inf, math.inf
    rng = np.random.default_rng(seed)
    some = max(1, _AT_ONCE // len(known))
    draws = (
        rng.integers(0, len(known), (min(some, _DRAWS - at), len(known))) for at in range(0, _DRAWS, some)
    )
    means = np.concatenate([known[chosen].mean(axis=1) for chosen in draws])
    low, high = np.quantile(means, [_TAIL, 1 - _TAIL])
    return float(low), float(high)
