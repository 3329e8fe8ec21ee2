"""Points to be served, with the sites that may come sooner than what stays open anyway, nearest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack

from mutualaid.siting._median._kernel import nearest_two

__all__ = ["Points", "joined", "merged", "narrowed", "points_of", "settled", "sums"]

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

#: Pairs of sites and points that are sorted at a time.
_TOGETHER = 4_000_000


@dataclass(frozen=True, eq=False)
class Points:
    """m points and b sums over them, each a weighted sum of the points' times.

    Attributes
    ----------
    start
        (m + 1,) where the sites of a point begin in `site` and `time`.
    site, time
        (e,) sites of each point that may come sooner than `most`, nearest first, and how long they take.
    most
        (m,) time of the nearest site that stays open anyway; inf where one of `site` must be open.
    weight
        (b, m) weight of each point in each sum.
    constant
        (b,) what is added to each sum.
    """

    start: Int64
    site: Int64
    time: Float64
    most: Float64
    weight: csr_array[np.float64]
    constant: Float64

    @property
    def point(self) -> Int64:
        """(e,) whose site it is."""
        return np.repeat(np.arange(len(self.most)), np.diff(self.start))


def points_of(times: Float64, weight: Float64, stays: Bool, may: Bool) -> Points:
    """Sort the sites of each point.

    Parameters
    ----------
    times
        (s, m) of each site to each point, inf where it does not come.
    weight
        (b, m) of each point in each sum.
    stays, may
        (s,) which sites are open in any case, and which may be open.
    """
    most = times[stays].min(axis=0, initial=np.inf)
    free = np.flatnonzero(may & ~stays)
    some = max(_TOGETHER // max(len(free), 1), 1)
    blocks = [slice(at, at + some) for at in range(0, max(len(most), 1), some)]
    found = [_sorted(times[free, these].T, most[these]) for these in blocks]
    count, order, time = (np.concatenate(one) for one in zip(*found, strict=True))
    start = np.concatenate([[0], np.cumsum(count)])
    return Points(start, free[order], time, most, csr_array(weight), np.zeros(len(weight)))


def _sorted(mine: Float64, most: Float64) -> tuple[Int64, Int64, Float64]:
    """Count the sites of each point that come sooner than `most`, and list them, nearest first, and their times."""
    sooner = mine < most[:, None]
    count = sooner.sum(axis=1)
    # Rows are sorted that hold only what comes sooner: where stations stay, that is little.
    held = np.arange(count.max(initial=0)) < count[:, None]
    site, time = np.zeros(held.shape, np.int64), np.full(held.shape, np.inf)
    site[held], time[held] = np.nonzero(sooner)[1], mine[sooner]
    order = np.argsort(time, axis=1, kind="stable")
    return count, np.take_along_axis(site, order, axis=1)[held], np.take_along_axis(time, order, axis=1)[held]


def joined(parts: Sequence[Points]) -> Points:
    """Put points with the same sums together."""
    start = np.concatenate([[0], *(np.diff(part.start) for part in parts)]).cumsum()
    return Points(
        start,
        np.concatenate([part.site for part in parts]),
        np.concatenate([part.time for part in parts]),
        np.concatenate([part.most for part in parts]),
        csr_array(hstack([part.weight for part in parts], format="csr")),
        np.sum([part.constant for part in parts], axis=0),
    )


def narrowed(points: Points, stays: Bool, may: Bool) -> Points:
    """Leave out what is no longer open to choice: sites closed for good, and those slower than one open for good."""
    point = points.point
    most = points.most.copy()
    opened = stays[points.site]
    np.minimum.at(most, point[opened], points.time[opened])
    keep = may[points.site] & ~opened & (points.time < most[point])
    start = np.concatenate([[0], np.cumsum(np.bincount(point[keep], minlength=len(most)))])
    return Points(start, points.site[keep], points.time[keep], most, points.weight, points.constant)


def settled(points: Points) -> Points:
    """Move points whose time is known into the constants."""
    known = np.diff(points.start) == 0
    if not known.any():
        return points
    constant = points.constant + points.weight[:, known] @ points.most[known]
    start = np.concatenate([[0], np.cumsum(np.diff(points.start)[~known])])
    weight = csr_array(points.weight[:, ~known])
    return Points(start, points.site, points.time, points.most[~known], weight, constant)


def merged(points: Points) -> Points:
    """Make points with the same sites and times one."""
    number: dict[tuple[bytes, float], int] = {}
    group = np.empty(len(points.most), np.int64)
    for k, (a, b) in enumerate(zip(points.start[:-1], points.start[1:], strict=True)):
        digest = blake2b(points.site[a:b].data, digest_size=16)  # no two are the same by accident
        digest.update(points.time[a:b].data)
        group[k] = number.setdefault((digest.digest(), float(points.most[k])), len(number))
    first = np.unique(group, return_index=True)[1]
    if len(first) == len(group):
        return points
    into = csr_array((np.ones(len(group)), (np.arange(len(group)), group)), shape=(len(group), len(first)))
    keep = np.zeros(len(group), np.bool_)
    keep[first] = True
    entries = np.repeat(keep, np.diff(points.start))
    start = np.concatenate([[0], np.cumsum(np.diff(points.start)[keep])])
    return Points(
        start,
        points.site[entries],
        points.time[entries],
        points.most[keep],
        csr_array(points.weight @ into),
        points.constant,
    )


def sums(points: Points, is_open: Bool) -> Float64:
    """(b,) the sums if these sites are open; inf where a point with weight is reached by nobody."""
    m = len(points.most)
    first, best, second = np.empty(m, np.int64), np.empty(m), np.empty(m)
    nearest_two(points.start, points.site, points.time, points.most, is_open, first, best, second)
    reached = np.isfinite(best)
    total = points.constant + points.weight @ np.where(reached, best, 0.0)
    lost = points.weight[:, ~reached].sum(axis=1) > 0
    return np.where(lost, np.inf, total)
