"""Sets of sites of which one must be open: made small without losing anything, and covered at least cost."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from mutualaid.errors import Defect, SitingError
from mutualaid.siting._choice import Choice, SiteLimits, site_limits
from mutualaid.siting._compiled import compiled
from mutualaid.siting._components import components
from mutualaid.siting._sets._greedy import allowed, greedy_cover
from mutualaid.siting._sets._program import Answer, Rows, minimise, within_limits
from mutualaid.siting._table import SiteTable

__all__ = [
    "cheapest_cover",
    "cover_rows",
    "cover_sets",
    "dominated",
    "impossible_cover",
    "merged",
    "smallest_sets",
]

Bools = NDArray[np.bool_]
#: Share of all costs that is no difference.
_ROUNDING = 1e-9


def cover_sets(table: SiteTable, weather: Sequence[str], limit_s: float | None = None) -> Bools:
    """Say which sites reach each demand point with people that any site reaches, one row for each in each weather.

    Parameters
    ----------
    table
        Sites, demand and times.
    weather
        Ids of the weathers that count.
    limit_s
        Another limit than that of the table; inf is none.

    Returns
    -------
    (rows, s) bool
    """
    rows = [table.reach(name, limit_s)[:, table.weight > 0].T for name in weather]
    sets = np.concatenate(rows) if rows else np.zeros((0, len(table.sites)), dtype=np.bool_)
    return np.asarray(sets[sets.any(axis=1)])


def smallest_sets(sets: Bools, low: NDArray[np.float64]) -> Bools:
    """Leave out sets that a station which stays covers, and sets that hold all of another one.

    Whoever covers the sets that remain covers all.

    Parameters
    ----------
    sets
        (rows, s) which sites cover each.
    low
        (s,) 1 where a station stays.
    """
    sets, _ = merged(sets[~sets[:, low > 0].any(axis=1)])
    sets = sets[np.argsort(sets.sum(axis=1), kind="stable")]
    return np.asarray(sets[_holds_no_other(_packed(sets))])


def merged(sets: Bools, weight: NDArray[np.float64] | None = None) -> tuple[Bools, NDArray[np.float64]]:
    """Make those that are equal one.

    Parameters
    ----------
    sets
        (rows, …) which sites are in each set.
    weight
        (rows,) people of each; 1 if None.

    Returns
    -------
    sets, weight
        Each once, and the weights of equal ones together.
    """
    flat = sets.reshape(len(sets), math.prod(sets.shape[1:]))
    weight = np.ones(len(sets)) if weight is None else weight
    words = _packed(flat)
    # One item of many bytes each: numpy sorts these much faster than rows of numbers.
    items = words.view(np.dtype((np.void, words.shape[1] * 8)))[:, 0]
    _, first, group = np.unique(items, return_index=True, return_inverse=True)
    return sets[first], np.bincount(group, weights=weight, minlength=len(first)).astype(np.float64)


def dominated(sets: Bools, cost: NDArray[np.float64], limits: SiteLimits) -> Bools:
    """Say which sites may stay closed because another one covers as much, costs no more and is as free to open.

    Among the cheapest covers there is always one without them.

    Parameters
    ----------
    sets
        (rows, s) which sites cover each.
    cost
        (s,) of an open site, from 0 on; below 0 a site is never left out.
    limits
        What the choice allows.
    """
    rows = limits.rows.toarray()
    weights = np.vstack([cost, rows[np.isfinite(limits.most)], -rows[np.isfinite(limits.least)]])
    free = (limits.low < limits.high) & (weights >= 0).all(axis=0)
    return np.asarray(_dominated(_packed(sets.T), np.ascontiguousarray(weights.T), free, limits.high > 0))


def cheapest_cover(
    sets: Bools,
    cost: NDArray[np.float64],
    limits: SiteLimits,
    more: Sequence[Rows] = (),
    *,
    today: Bools | None = None,
    reduce: bool = True,
    time_limit_s: float | None = None,
    gap: float = 0.0,
) -> Answer:
    """Find the open sites that cover all sets at least cost.

    Parameters
    ----------
    sets
        (rows, s) which sites cover each.
    cost
        (s,) of an open site.
    limits
        What the choice allows.
    more
        Further limits on open sites.
    today
        (s,) stations that a greedy answer keeps; those that must stay if None.
    reduce
        Whether sets that follow from others are left out first, and, without `more`, sites that others dominate.
    time_limit_s, gap
        As for `minimise`; if there is no time, the answer is a greedy one, if the limits allow that.
    """
    began = time.perf_counter()
    small, high, answer = sets, limits.high, None
    if reduce:
        small = smallest_sets(sets, limits.low)
    if reduce and not more:
        small, high = _undominated(small, cost, limits)
        answer = _apart(small, cost, replace(limits, high=high), time_limit_s, gap)
    if answer is None:
        left = None if time_limit_s is None else time_limit_s - (time.perf_counter() - began)
        answer = minimise(
            cost, [within_limits(limits), cover_rows(small), *more], limits.low, high,
            np.ones(len(cost), np.bool_), time_limit_s=left, gap=gap,
        )  # fmt: skip
    if answer.proven:
        return answer
    greedy = greedy_cover(*merged(sets), cost, limits.low > 0 if today is None else today)
    fits = allowed(limits, greedy) and not more
    if fits and (answer.x is None or cost @ greedy < cost @ answer.x):
        return replace(answer, x=greedy.astype(np.float64))
    return answer


def _undominated(
    sets: Bools, cost: NDArray[np.float64], limits: SiteLimits
) -> tuple[Bools, NDArray[np.float64]]:
    """Close dominated sites and leave out sets that then follow from others, until neither is left."""
    while True:
        drop = dominated(sets, cost, limits)
        if not drop.any():
            return sets, limits.high
        limits = replace(limits, high=np.where(drop, 0.0, limits.high))
        sets = smallest_sets(sets & ~drop, limits.low)


def _apart(
    sets: Bools, cost: NDArray[np.float64], limits: SiteLimits, time_limit_s: float | None, gap: float
) -> Answer | None:
    """Cover sets that share no site apart, at least cost in each; None if that says nothing about the whole.

    It does not if all sets hang together, or if what is cheapest is not within the limits, unless one of them is on the
    very cost.
    """
    began = time.perf_counter()
    free = np.flatnonzero((limits.low < limits.high) & sets.any(axis=0))
    count, label = components(csr_array(sets[:, free]))
    size = np.bincount(label, minlength=count)
    if (size > 1).sum() < 2:
        return None
    part = label[sets[:, free].argmax(axis=1)]
    x: NDArray[np.float64] | None
    x = np.where((limits.low > 0) | ((cost < 0) & (limits.high > 0)), 1.0, 0.0)
    x[free] = 0.0
    bound, proven = float(cost @ x), True
    for n in np.argsort(size, kind="stable"):
        mine = free[label == n]
        answer = Answer(np.ones(1), float(cost[mine[0]]), proven=True)
        if len(mine) > 1:
            left = None if time_limit_s is None else time_limit_s - (time.perf_counter() - began)
            every, rows = np.ones(len(mine)), cover_rows(sets[part == n][:, mine])
            answer = minimise(cost[mine], [rows], every - 1, every, every > 0, time_limit_s=left, gap=gap)
        proven &= answer.proven
        if answer.x is None:
            x = None
        elif x is not None:
            x[mine] = answer.x
        is_sure = answer.proven and gap == 0 and answer.x is not None
        bound += float(cost[mine] @ answer.x) if is_sure else answer.bound
    if x is not None and allowed(limits, x > 0):
        return Answer(x, bound, proven)
    least = bound - _ROUNDING * float(np.abs(cost).sum())
    if any(least > most for most in _most_cost(cost, limits)):
        return Answer(None, math.inf, proven=True)
    return None if proven else Answer(None, bound, proven=False)


def _most_cost(cost: NDArray[np.float64], limits: SiteLimits) -> list[float]:
    """Limits that are on the very cost, as most of them."""
    rows = limits.rows.toarray()
    return [float(most) for row, most in zip(rows, limits.most, strict=True) if np.array_equal(row, cost)]


def cover_rows(sets: Bools) -> Rows:
    """One site of each set is open."""
    return Rows(csr_array(sets.astype(np.float64)), 1.0, np.inf)


def impossible_cover(
    table: SiteTable, choice: Choice, sets: Bools, limit_s: float, *, time_limit_s: float | None = None
) -> SitingError:
    """Say what would have to be allowed so that all who can be reached are.

    Parameters
    ----------
    table, choice
        What was asked.
    sets
        (rows, s) which sites cover each; no plan that the choice allows covers all.
    limit_s
        Of these sets.
    time_limit_s
        For each question that must be answered for it.
    """
    wishes = {"add": choice.add, "budget": choice.budget}
    wishes = {name: wish for name, wish in wishes.items() if wish is not None}
    everything = {name: _needed(table, choice, name, tuple(wishes), sets, time_limit_s) for name in wishes}
    alone = {name: _needed(table, choice, name, (name,), sets, time_limit_s) for name in wishes}
    # Where one wish is to blame alone, the others need not change.
    needed = {name: need for name, need in alone.items() if np.isfinite(need)} or everything
    defects = [
        Defect(
            "",
            name,
            f"{need:,.10g} or more, so that all who can be reached within {limit_s:g} s are",
            f"{wishes[name]:,.10g}",
            "allow more or a longer limit, or ask for the most people instead (mclp)",
        )
        for name, need in needed.items()
    ]
    return SitingError(defects)


def _needed(
    table: SiteTable,
    choice: Choice,
    name: str,
    lifted: tuple[str, ...],
    sets: Bools,
    time_limit_s: float | None,
) -> float:
    """Least number of new stations, or least money, to cover all sets if some wishes are dropped."""
    # What a wish limits is a row of the limits of the whole choice; it is minimised under the others.
    row = site_limits(table, replace(choice, add=0, budget=0.0))
    at = row.name.index(name)
    freed = site_limits(
        table,
        replace(
            choice,
            add=None if "add" in lifted else choice.add,
            budget=None if "budget" in lifted else choice.budget,
        ),
    )
    answer = cheapest_cover(sets, row.rows[[at]].toarray()[0], freed, time_limit_s=time_limit_s)
    needed = answer.bound - row.most[at]
    return float(np.ceil(needed - 1e-6)) if name == "add" else float(needed)


def _packed(sets: Bools) -> NDArray[np.uint64]:
    """Rows as bits, 64 to a word."""
    rows, columns = sets.shape
    words = np.zeros((rows, -(-columns // 64) * 8), dtype=np.uint8)
    bits = np.packbits(sets, axis=1)
    words[:, : bits.shape[1]] = bits
    return words.view(np.uint64)


@compiled
def _inside(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> bool:
    """Whether the other has all bits of the one."""
    for word in range(len(one)):  # noqa: SIM110 - numba compiles no generators
        if one[word] & ~other[word]:
            return False
    return True


@compiled
def _holds_no_other(bits: NDArray[np.uint64]) -> Bools:
    """Rows, the smallest first, that do not hold all of a row before them."""
    keep = np.ones(len(bits), dtype=np.bool_)
    kept = np.empty(len(bits), dtype=np.int64)
    number = 0
    for row in range(len(bits)):
        for k in range(number):
            if _inside(bits[kept[k]], bits[row]):
                keep[row] = False
                break
        if keep[row]:
            kept[number] = row
            number += 1
    return keep


@compiled
def _dominated(bits: NDArray[np.uint64], weights: NDArray[np.float64], free: Bools, usable: Bools) -> Bools:
    """Free sites whose bits another one has, too, with no larger weights; of two that are alike, the later one."""
    found = np.zeros(len(bits), dtype=np.bool_)
    for site in range(len(bits)):
        if not free[site]:
            continue
        for other in range(len(bits)):
            if other == site or not usable[other] or not _inside(bits[site], bits[other]):
                continue
            if (weights[other] > weights[site]).any():
                continue
            alike = (weights[other] == weights[site]).all() and _inside(bits[other], bits[site])
            if not alike or other < site or not free[other]:
                found[site] = True
                break
    return found
