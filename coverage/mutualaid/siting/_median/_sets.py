"""Sums of times as costs of sets of sites none of which is open, and the program that chooses among them.

A point's time is its shortest, plus for each further step of its times the height of that step if no site below it is
open. So each sum is a constant plus Σ cost(S) · u(S), with u(S) = 1 if no site of the set S is open: the radius
formulation of the p-median (Elloumi 2010, doi:10.1007/s10878-008-9172-7), in which sets that several points or weathers
share appear once. Since u(S) is a convex function of the open sites, only these need be whole numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from mutualaid.siting._median._points import Points

__all__ = ["Sets", "sets_of"]

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Sets:
    """k sets of sites, and what it costs in b sums if no site of a set is open.

    Attributes
    ----------
    parent
        (k,) a set that this one contains, always an earlier one; -1 for none.
    more
        (k, s) 1 for the sites of each set that its parent does not have.
    must
        (k,) whether one of its sites must be open.
    cost
        (b, k) what is added to each sum if none is open.
    constant
        (b,) what each sum is at least.
    """

    parent: Int64
    more: csr_array[np.float64]
    must: NDArray[np.bool_]
    cost: csr_array[np.float64]
    constant: Float64


def sets_of(points: Points, s: int) -> Sets:
    """Find the sets of sites that come before each step of each point's times.

    Parameters
    ----------
    points
        Each with a site at least, see `settled`.
    s
        Number of all sites.
    """
    point, time = points.point, points.time
    if not len(time):
        none, b = np.zeros(0, np.int64), len(points.constant)
        return Sets(none, csr_array((0, s)), none > 0, csr_array((b, 0)), points.constant)
    last = np.zeros(len(time), np.bool_)
    last[points.start[1:] - 1] = True
    after = np.where(last, points.most[point], np.append(time[1:], 0.0))
    step = after > time  # after the last of several sites that take equally long
    at = np.flatnonzero(step)
    must = np.isinf(after[at])

    # A set is known by the sum, modulo 2**64, of random numbers of its sites, twice: no two differ in both by accident.
    random = np.random.default_rng(0).integers(0, 2**63, (2, s), dtype=np.uint64)
    prints = []
    for number in random:
        total = np.cumsum(number[points.site], dtype=np.uint64)
        before = np.concatenate([[np.uint64(0)], total])[points.start[:-1]]
        prints.append(total[at] - before[point[at]])
    _, first, group = np.unique(np.stack(prints, axis=1), axis=0, return_index=True, return_inverse=True)
    # Number the sets in the order in which they are met first, so that a parent comes before its children.
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    group, first = rank[group.reshape(-1)], np.sort(first)

    starts = np.isin(at[first], at[np.concatenate([[True], point[at][1:] != point[at][:-1]])])
    parent = np.where(starts, -1, group[np.maximum(first - 1, 0)])
    begin = np.where(starts, points.start[point[at[first]]], at[np.maximum(first - 1, 0)] + 1)
    length = at[first] + 1 - begin
    entries = np.repeat(begin - np.concatenate([[0], np.cumsum(length)[:-1]]), length) + np.arange(
        length.sum()
    )
    more = csr_array(
        (np.ones(len(entries)), points.site[entries], np.concatenate([[0], np.cumsum(length)])),
        shape=(len(first), s),
    )
    height = np.where(must, 0.0, after[at] - time[at])
    into = csr_array((height, (point[at], group)), shape=(len(points.most), len(first)))
    needed = np.zeros(len(first), np.bool_)
    needed[group[must]] = True
    shortest = time[points.start[:-1]]
    return Sets(
        parent, more, needed, csr_array(points.weight @ into), points.constant + points.weight @ shortest
    )
