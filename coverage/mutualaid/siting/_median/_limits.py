"""Limits on which sites may be open together, and what they leave no choice about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from mutualaid.siting._choice import SiteLimits
from mutualaid.siting._sets._program import unlike

__all__ = ["Limits", "OneSided", "Part", "apart", "loose", "one_sided", "scaled", "settle_limits"]

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Limits:
    """Which sets of open sites are allowed: ``low <= x <= high`` and ``least <= rows @ x <= most``."""

    low: Float64
    high: Float64
    rows: csr_array[np.float64]
    least: Float64
    most: Float64

    def allow(self, is_open: Bool) -> bool:
        """Say whether these sites may be open together."""
        sums = self.rows @ is_open.astype(np.float64)
        inside = (self.low <= is_open) & (is_open <= self.high)
        return bool(inside.all() and (sums <= loose(self.most)).all() and (-sums <= loose(-self.least)).all())


@dataclass(frozen=True, eq=False)
class OneSided:
    """``rows @ x <= limit``, one of them perhaps the number of open sites.

    Attributes
    ----------
    rows, limit
        (r, s) and (r,).
    counts
        Which row adds up open sites with coefficients 0 and 1, of most sites; -1 if none.
    """

    rows: Float64
    limit: Float64
    counts: int


@dataclass(frozen=True, eq=False)
class Part:
    """Some of the plans: (s,) bool, sites that stay open in all of them, and that may be open in any."""

    stays: Bool
    may: Bool

    @property
    def free(self) -> Bool:
        """(s,) sites that are open in some and closed in others."""
        return self.may & ~self.stays


def loose(most: Float64) -> Float64:
    """Add what rounding may make of sums that are just small enough."""
    return most + 1e-9 * np.maximum(1.0, np.abs(np.where(np.isfinite(most), most, 0.0)))


def scaled(given: SiteLimits) -> Limits:
    """Divide each row by its largest coefficient: tolerances are as small for money as for numbers of stations."""
    rows = given.rows.toarray()
    size = np.abs(rows).max(axis=1, initial=0.0)
    size[size == 0] = 1.0
    return Limits(
        given.low, given.high, csr_array(rows / size[:, None]), given.least / size, given.most / size
    )


def apart(limits: Limits, known: Sequence[Int64], differ: int, one_of: Sequence[Bool]) -> Limits:
    """Allow only what differs from each known plan at so many sites at least, and has one of some sites."""
    more = unlike(len(limits.low), known, differ, one_of)
    return replace(
        limits,
        rows=csr_array(vstack([limits.rows, more.matrix])),
        least=np.append(limits.least, more.least),
        most=np.append(limits.most, np.full(more.matrix.shape[0], more.most)),
    )


def one_sided(limits: Limits) -> OneSided:
    """Turn two-sided limits into one-sided ones."""
    rows = limits.rows.toarray()
    above, below = np.isfinite(limits.most), np.isfinite(limits.least)
    sided = np.concatenate([rows[above], -rows[below]])
    limit = np.concatenate([limits.most[above], -limits.least[below]])
    free = limits.high > limits.low
    plain = ((sided[:, free] == 0) | (sided[:, free] == 1)).all(axis=1)
    size = np.where(plain, sided[:, free].sum(axis=1), 0)
    return OneSided(sided, limit, int(size.argmax()) if size.any() else -1)


def settle_limits(given: OneSided, part: Part) -> Part | None:
    """Open and close what the limits leave no choice about; None if they cannot be kept at all."""
    stays, may = part.stays.copy(), part.may.copy()
    slack = 1e-9 * np.maximum(1.0, np.abs(given.limit))
    while True:
        free = may & ~stays
        least = given.rows[:, stays].sum(axis=1) + np.minimum(given.rows[:, free], 0.0).sum(axis=1)
        if (least > given.limit + slack).any():
            return None
        beyond = least[:, None] + np.abs(given.rows) > (given.limit + slack)[:, None]
        shut = free & (beyond & (given.rows > 0)).any(axis=0)
        opened = free & (beyond & (given.rows < 0)).any(axis=0)
        if (shut & opened).any():
            return None
        if not (shut | opened).any():
            return Part(stays, may)
        may &= ~shut
        stays |= opened
