"""Finds the best sites for questions of coverage, and proves how good they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mutualaid.siting._choice import SiteLimits
from mutualaid.siting._people._branch import by_cuts
from mutualaid.siting._people._columns import Columns
from mutualaid.siting._people._compact import by_program
from mutualaid.siting._people._effort import Effort
from mutualaid.siting._people._merged import Merged
from mutualaid.siting._people._tail import Least, Tail
from mutualaid.siting._sets._cover import dominated

__all__ = ["Found", "maximise"]

_TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class Found:
    """The best that was found.

    Attributes
    ----------
    x
        (c,) which columns are on.
    value
        Of the goal, computed from x.
    bound
        No x is better than this.
    is_proven
        Whether the bound is as near as was asked for.
    """

    x: NDArray[np.float64]
    value: float
    bound: float
    is_proven: bool


def maximise(
    people: Merged,
    limits: Columns,
    goal: Tail,
    least: Sequence[Least],
    effort: Effort,
    starts: Sequence[NDArray[np.float64]] = (),
    cutoff: float = -math.inf,
) -> Found | None:
    """Find the columns that make a tail largest, of those for which it is at least the cutoff and others are enough.

    Returns None if there are none, or none was found until time was up. It starts from some plans, which need not be
    allowed. Without reductions it is one program, as it stands.
    """
    if not len(limits.site):
        return _as_it_is(people, limits, goal, least)
    room = _TOLERANCE * max(1.0, abs(cutoff)) if cutoff > -math.inf else 0.0
    if effort.reduce:
        kept = ~_dominated(people, limits)
        known = [x[kept] for x in starts]
        solved = by_cuts(people.only(kept), limits.only(kept), goal, least, effort, known, cutoff - room)
        solved = solved.spread(kept)
    else:
        cut = [*least, (goal, cutoff - room)] if cutoff > -math.inf else least
        solved = by_program(people, limits, goal, cut, effort)
    if solved.x is None:
        return None
    value = float(goal.value(people.people(solved.x)))
    bound = max(value, solved.bound)
    if bound - value <= _TOLERANCE * max(1.0, abs(value)):
        bound = value
    near = math.isfinite(bound) and bound - value <= effort.gap * max(abs(value), abs(bound))
    return Found(solved.x, value, bound, near)


def _dominated(people: Merged, limits: Columns) -> NDArray[np.bool_]:
    """Say which columns may stay off because another one reaches all whom they reach and is as free to be on."""
    if people.busy > 0:  # a second unit at the same place is worth something
        return np.zeros(len(limits.site), np.bool_)
    nothing = np.zeros(len(limits.site))
    every = SiteLimits(nothing, nothing + 1, limits.rows, limits.least, limits.most, ())
    return dominated(people.reach.toarray() > 0, nothing, every)


def _as_it_is(people: Merged, limits: Columns, goal: Tail, least: Sequence[Least]) -> Found | None:
    """Weigh the only plan there is, if nothing may be opened or closed."""
    x = np.zeros(0)
    reached = people.people(x)
    value = float(goal.value(reached))
    enough = all(tail.value(reached) >= much for tail, much in least)
    return Found(x, value, value, True) if enough and limits.allow(x[None])[0] else None
