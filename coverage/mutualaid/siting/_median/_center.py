"""Search for a p-center: which longest time can be kept, asked of few points first.

A radius can be kept if some allowed sites cover all points within it. Most points hardly matter: the covering problem
is solved for a few, those that are left late are added, until nobody is, or not even the few can be covered (Chen &
Chen 2009, doi:10.1016/j.cor.2008.03.009). Radii are tried by bisection of the times that occur, and points once added
stay.
"""

from __future__ import annotations

import math
import time

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from mutualaid.siting._median._limits import Limits, OneSided, Part, one_sided, settle_limits

__all__ = ["CenterSearch", "longest"]

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

_MANY = 50  # points that are added at once
_BLOCK = 64  # sites whose times are sorted before they are put to the others
_IMPOSSIBLE = 2  # status of milp


def longest(times: Float64, is_open: Bool) -> float:
    """Return the time to the last point; inf if one is not reached at all."""
    return float(_soonest(times, is_open).max(initial=0.0))


def _soonest(times: Float64, is_open: Bool, before: Float64 | None = None) -> Float64:
    """(n,) time to each point, from where it is nearest; without a copy of the times, which are many."""
    found = np.full(times.shape[1], math.inf) if before is None else before.copy()
    for site in np.flatnonzero(is_open):
        np.minimum(found, times[site], out=found)
    return found


def _values(times: Float64, low: float, high: float) -> Float64:
    """Give the times that occur between two, both included, and 0 if it is one; ascending."""
    found = np.zeros(1 if low <= 0.0 <= high else 0)
    for start in range(0, len(times), _BLOCK):
        block = times[start : start + _BLOCK]
        inside = block[(block >= low) & (block <= high) & np.isfinite(block)]
        found = np.union1d(found, inside)
    return found


class CenterSearch:
    """One search for the least longest time.

    Parameters
    ----------
    times
        (s, n) of each site to each point.
    limits
        Which sites may be open together.
    reduce
        Whether sites are left out that others can stand in for.
    cutoff
        Plans that are worse do not count.
    until
        When to stop, by `time.perf_counter`.

    Attributes
    ----------
    value, is_open
        Of the best plan so far; inf and None as long as there is none.
    """

    def __init__(self, times: Float64, limits: Limits, *, reduce: bool, cutoff: float, until: float) -> None:
        self.times, self.limits, self.cutoff, self.until = times, limits, cutoff, until
        self.value = math.inf
        self.is_open: Bool | None = None
        self._given = one_sided(limits)
        self._cheaper = _stand_ins(self._given) if reduce else np.zeros((0, 0), np.bool_)
        self._rows = np.zeros(0, np.int64)

    def run(self, gap: float) -> float:
        """Search until the gap is closed or time is up, and return what no plan is better than."""
        part = settle_limits(self._given, Part(self.limits.low > 0, self.limits.high > 0))
        if part is None:
            return math.inf
        least = longest(self.times, part.may)
        self._start(part)
        values = _values(self.times, least, min(self.value, self.cutoff))
        low = 0
        while True:
            # A plan is known for all values from `high` on, and none for those below `low`.
            high = len(values) if self.is_open is None else int(np.searchsorted(values, self.value))
            if low >= high or (self.is_open is not None and self.value * (1 - gap) <= values[low]):
                break
            trial = (low + high - 1) // 2
            kept = self._keep(float(values[trial]), part)
            # What a solver allows by its tolerance may not be allowed: then nothing more is proven.
            if kept is None or (kept and self.value > values[trial]):
                break
            low = low if kept else trial + 1
        return float(values[low]) if low < len(values) else math.inf

    def _offer(self, is_open: Bool, soonest: Float64) -> None:
        value = float(soonest.max(initial=0.0))
        if value < self.value and value <= self.cutoff and self.limits.allow(is_open):
            self.value, self.is_open = value, is_open

    def _start(self, part: Part) -> None:
        """Open what is nearest to the last point, again and again, as long as the limits allow it."""
        soonest = _soonest(self.times, part.stays)
        self._offer(part.stays, soonest)
        while soonest.size and part.free.any():
            there = np.where(part.free, self.times[:, soonest.argmax()], math.inf)
            at = int(there.argmin())
            if there[at] >= soonest.max():
                break
            more = part.stays.copy()
            more[at] = True
            smaller = settle_limits(self._given, Part(more, part.may))
            if smaller is None:
                break
            soonest = _soonest(self.times, smaller.stays & ~part.stays, soonest)
            part = smaller
            self._offer(part.stays, soonest)

    def _keep(self, radius: float, part: Part) -> bool | None:
        """Say whether a plan keeps this longest time; None if time is up before that is known."""
        near = self.times <= radius
        score = near.sum(axis=1) / max(near.shape[1], 1)
        while True:
            served = near[np.ix_(part.stays, self._rows)].any(axis=0)
            cover = near[:, self._rows[~served]]
            left = self.until - time.perf_counter()
            found = milp(
                np.zeros(len(score)),
                integrality=np.ones(len(score), np.int64),
                bounds=Bounds(part.stays, part.stays | self._useful(cover, part, score)),
                constraints=[
                    LinearConstraint(self.limits.rows, self.limits.least, self.limits.most),
                    LinearConstraint(csr_array(cover.T.astype(np.float64)), 1.0, np.inf),
                ],
                options={} if math.isinf(left) else {"time_limit": max(left, 0.0)},
            )
            if found.x is None:
                return False if found.status == _IMPOSSIBLE else None
            is_open = found.x > 0.5
            soonest = _soonest(self.times, is_open)
            self._offer(is_open, soonest)
            late = np.flatnonzero(soonest > radius)
            if not len(late):
                return True
            self._rows = np.append(self._rows, _apart(late, near, soonest))

    def _useful(self, cover: Bool, part: Part, score: Float64) -> Bool:
        """(s,) sites without those for which another one can stand in: it covers the same and is no dearer."""
        if not len(self._cheaper):
            return part.may
        may = np.flatnonzero(part.may)
        points = cover[may].astype(np.float32)
        size = points.sum(axis=1)
        inside = (points @ points.T == size[:, None]) & self._cheaper[np.ix_(may, may)]
        # Of sites that can stand in for each other the one that covers more of all points remains.
        mutual = inside & inside.T
        before = score[may][None] > score[may][:, None]
        before |= (score[may][None] == score[may][:, None]) & (may[None] < may[:, None])
        useful = np.zeros(len(part.may), np.bool_)
        useful[may[~((inside & ~mutual) | (mutual & before)).any(axis=1)]] = True
        return useful


def _apart(late: Int64, near: Bool, soonest: Float64) -> Int64:
    """Choose points that are late: all, or, of many, some that no site covers together."""
    if len(late) <= _MANY:
        return late
    chosen: list[int] = []
    while len(late) and len(chosen) < _MANY:
        far = int(late[soonest[late].argmax()])
        chosen.append(far)
        late = late[~near[np.ix_(near[:, far], late)].any(axis=0)]
    return np.array(chosen)


def _stand_ins(given: OneSided) -> Bool:
    """(s, s) whether the second site can always be opened instead of the first, or the first just closed."""
    closes: Bool = np.logical_and.reduce(given.rows >= 0, axis=0)
    no_dearer: Bool = np.logical_and.reduce(given.rows[:, None, :] <= given.rows[:, :, None], axis=0)
    return no_dearer & closes[:, None]
