"""Lagrange bounds of a p-median, and what they rule out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mutualaid.siting._median._kernel import ascend
from mutualaid.siting._median._limits import OneSided, Part
from mutualaid.siting._median._points import Points

__all__ = ["Bound", "raised"]

Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Bound:
    """A bound of a part of the plans, and how it came about.

    Attributes
    ----------
    value
        No plan of the part is better.
    paid, fine
        (m,) what each point pays for being served, and (r,) each limit for being exceeded.
    raised_by
        (s,) by how much more the bound is if a site is opened that the bound leaves closed, or the other way round.
    opens
        (s,) whether the bound opens it.
    mean
        (s,) how often it was open in the last rounds.
    step
        Length of steps with which to go on.
    """

    value: float
    paid: Float64
    fine: Float64
    raised_by: Float64
    opens: Bool
    mean: Float64
    step: float


def raised(
    points: Points, weight: Float64, given: OneSided, part: Part, start: Bound, target: float, rounds: int
) -> Bound:
    """Raise the bound of a part; without what `points` add up to anyway.

    Parameters
    ----------
    points
        `narrowed` to the part.
    weight
        (m,) of them.
    given
        Limits.
    start
        Where to start from.
    target
        The bound need not be higher.
    rounds
        Number of steps at most.
    """
    free = part.free
    left = given.limit - given.rows[:, part.stays].sum(axis=1)
    fined = np.arange(len(left)) != given.counts
    kept, number = np.zeros(len(free), np.bool_), 0
    if given.counts >= 0:
        kept = given.rows[given.counts] > 0
        number = math.floor(left[given.counts] + 1e-9)
    paid, fine = np.minimum(start.paid, points.most), start.fine.copy()
    cost, mean = np.zeros(len(free)), start.mean.copy()
    rows = np.where(free, given.rows, 0.0)
    fine_left = fine[fined]
    value, step = ascend(
        points.start, points.site, points.time, points.most, weight, free, kept, number,
        rows[fined], left[fined], paid, fine_left, target, start.step, rounds, cost, mean,
    )  # fmt: skip
    fine[fined] = fine_left
    # Exchanging a site costs what it saves, against what the last site that is open, or the first that is not, saves.
    opens = free & (cost < 0)
    raised_by = np.abs(cost)
    sites = np.flatnonzero(free & kept)
    order = sites[np.argsort(cost[sites], kind="stable")]
    opens[order[number:]] = False
    if number and len(order):
        last = min(cost[order[number - 1]], 0.0) if len(order) >= number else 0.0
        first = min(cost[order[number]], 0.0) if len(order) > number else 0.0
        raised_by[sites] = np.where(opens[sites], first - cost[sites], cost[sites] - last)
    return Bound(value, paid, fine, raised_by, opens, mean, step)
