"""What the bound and the search for a p-median do most often, compiled with numba.

Points are those of `Points`: ``start``, ``site``, ``time`` with the sites of each point nearest first, and ``most``,
the time without them. Each loop over a point's sites ends at the first one that comes too late to matter.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mutualaid.siting._compiled import compiled

__all__ = ["ascend", "moves", "nearest_two"]

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]


@compiled
def nearest_two(
    start: Int64, site: Int64, time: Float64, most: Float64, is_open: Bool,
    first: Int64, one: Float64, two: Float64,
) -> None:  # fmt: skip
    """Find the nearest open site of each point (-1: what stays open anyway) and the two shortest times."""
    for point in range(len(most)):
        first[point], one[point], two[point] = -1, most[point], most[point]
        found = False
        for k in range(start[point], start[point + 1]):
            if is_open[site[k]]:
                if found:
                    two[point] = time[k]
                    break
                first[point], one[point], found = site[k], time[k], True


@compiled
def moves(
    start: Int64, site: Int64, time: Float64, weight: Float64, first: Int64, one: Float64, two: Float64,
    place: Int64, saved: Float64,
) -> None:  # fmt: skip
    """Work out in `saved` (p + 1, s + 1) what it saves to close the i-th open site and open site j at once.

    ``place`` numbers the open sites. The last row stands for closing none, the last column for opening none
    (Whitaker 1983; Resende & Werneck 2007, doi:10.1016/j.ejor.2005.02.064).
    """
    saved[:] = 0.0
    p, s = saved.shape[0] - 1, saved.shape[1] - 1
    for point in range(len(one)):
        i = place[first[point]] if first[point] >= 0 else p
        saved[i, s] -= weight[point] * (two[point] - one[point])
        for k in range(start[point], start[point + 1]):
            if time[k] >= two[point]:
                break
            if time[k] < one[point]:
                saved[p, site[k]] += weight[point] * (one[point] - time[k])
            if i < p:
                saved[i, site[k]] += weight[point] * (two[point] - max(time[k], one[point]))
    for i in range(p):
        for j in range(s):
            saved[i, j] += saved[p, j] + saved[i, s]


@compiled
def _copy(source: Float64, target: Float64) -> None:
    for k in range(len(source)):
        target[k] = source[k]


@compiled
def _smallest(values: Float64, size: int, number: int) -> float:
    """Return the `number`-th smallest of the first values, which are rearranged (Hoare 1961)."""
    low, high, at = 0, size - 1, number - 1
    while low < high:
        pivot = values[at]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while pivot < values[j]:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i, j = i + 1, j - 1
        if j < at:
            low = i
        if at < i:
            high = j
    return float(values[at])


@compiled
def ascend(  # noqa: C901 one loop; functions of arrays that it grew would have to be compiled apart

    start: Int64, site: Int64, time: Float64, most: Float64, weight: Float64,
    free: Bool, kept: Bool, number: int, rows: Float64, limit: Float64,
    paid: Float64, fine: Float64, target: float, step: float, rounds: int,
    cost: Float64, mean: Float64,
) -> tuple[float, float]:  # fmt: skip
    """Raise the Lagrange bound of a p-median by subgradient steps.

    Each point pays ``paid`` for being served, and each open site saves it what it comes sooner than that. What sites
    save at most, if no more than ``number`` of those ``kept`` are open, gives the bound:
    Σ weight · paid + min Σ cost · x − Σ fine · limit, with cost = Σ fine · rows − Σ weight · (paid − time)⁺.
    The other limits, rows @ x <= limit, are kept by a fine on what exceeds them.

    Parameters
    ----------
    paid, fine
        (m,) and (rows,) where to start; the best found is left there.
    target
        A bound from which on no more is needed; steps are made towards it.
    cost
        (s,) that of the best bound is left there.
    mean
        (s,) how often each site was open in the last rounds is left there.

    Returns
    -------
    bound
        Best one.
    step
        Length with which to go on.
    """
    m, s, r = len(paid), len(free), len(fine)
    here, fined, each, x = np.empty(m), np.empty(r), np.empty(s), np.zeros(s)
    slope, push, counted = np.empty(m), np.empty(r), np.empty(s)
    _copy(paid, here)
    _copy(fine, fined)
    fast = 0.0  # fines are in people times seconds, payments in seconds
    for point in range(m):
        fast += weight[point] / s
    best, since = -np.inf, 0
    for _ in range(rounds):
        for j in range(s):
            each[j] = 0.0
            for k in range(r):
                each[j] += fined[k] * rows[k, j]
        bound = 0.0
        for point in range(m):
            bound += weight[point] * here[point]
            for k in range(start[point], start[point + 1]):
                if time[k] >= here[point]:
                    break
                each[site[k]] -= weight[point] * (here[point] - time[k])
        among = 0
        for j in range(s):
            x[j] = 1.0 if free[j] and not kept[j] and each[j] < 0 else 0.0
            if free[j] and kept[j]:
                counted[among] = each[j]
                among += 1
        least = 0.0
        if number < among:
            least = min(_smallest(counted, among, number), 0.0) if number else -np.inf
        left = number
        for j in range(s):
            if free[j] and kept[j] and each[j] < least:
                x[j] = 1.0
                left -= 1
        for j in range(s):
            if left > 0 and free[j] and kept[j] and each[j] == least < 0:
                x[j] = 1.0
                left -= 1
        for j in range(s):
            bound += each[j] * x[j]
            mean[j] += 0.05 * (x[j] - mean[j])
        for k in range(r):
            bound -= fined[k] * limit[k]
        if bound > best:
            since = 0 if bound > best + 1e-6 * abs(best) else since + 1
            best = bound
            _copy(here, paid)
            _copy(fined, fine)
            _copy(each, cost)
            if best >= target:
                break
        else:
            since += 1
        if since >= 20:
            step, since = 0.6 * step, 0
            _copy(paid, here)
            _copy(fine, fined)
            if step < 1e-3:
                break
            continue
        length = 0.0
        for point in range(m):
            total = 1.0
            for k in range(start[point], start[point + 1]):
                if time[k] >= here[point]:
                    break
                total -= x[site[k]]
            if total > 0 and here[point] >= most[point]:
                total = 0.0
            slope[point] = total
            length += weight[point] * total * total
        for k in range(r):
            push[k] = -limit[k]
            for j in range(s):
                push[k] += rows[k, j] * x[j]
            if push[k] < 0 and fined[k] <= 0:
                push[k] = 0.0
            length += fast * push[k] * push[k]
        if length <= 0:
            break
        move = step * max(target - bound, 1e-3 * abs(target)) / length
        for point in range(m):
            here[point] = min(max(here[point] + move * slope[point], 0.0), most[point])
        for k in range(r):
            fined[k] = max(fined[k] + move * fast * push[k], 0.0)
    return best, step
