"""What stands in the way if a p-median allows no plan."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from mutualaid.errors import Defect, SitingError
from mutualaid.siting._median._limits import Limits, loose
from mutualaid.siting._median._points import Points, merged, narrowed, settled, sums
from mutualaid.siting._median._program import Aim, solve_program
from mutualaid.siting._median._question import Question
from mutualaid.siting._median._sets import sets_of

__all__ = ["any_plan"]

Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

_ONE_SUM = Aim(np.ones(1), "expected", np.zeros(1), 1.0, np.zeros(0))


def any_plan(asked: Question) -> Bool:
    """Find a plan that is allowed, however good it is.

    Raises
    ------
    SitingError
        There is none: which wish cannot be met, and how much of it can be.
    """
    points = merged(settled(asked.points))
    any_will_do = replace(asked.aim, rule="expected", weight=np.zeros(len(asked.aim.weight)))
    found = _least(points, any_will_do, asked.limits)
    if found is None:
        raise SitingError(_unreached(asked) or list(_broken(points, asked)) or [_together(asked)])
    return found


def _least(points: Points, aim: Aim, limits: Limits) -> Bool | None:
    return solve_program(sets_of(points, len(limits.low)), aim, limits, gap=0.0, time_limit_s=None)[0]


def _unreached(asked: Question) -> list[Defect]:
    """Say in which weathers not everybody can be reached whom some site reaches."""
    points, limits = asked.points, asked.limits
    defects: list[Defect] = []
    f = len(asked.aim.weight)
    people = points.weight[:f].toarray()
    alone = np.isinf(points.most)
    reached = replace(points, time=np.zeros(len(points.time)), most=np.where(alone, 1.0, 0.0))
    every, stays, may = np.ones(f, np.bool_), limits.low > 0, limits.high > 0
    for these in [*np.eye(f, dtype=np.bool_), every]:
        weight = people[these].sum(axis=0) * alone
        lost = replace(reached, weight=csr_array(weight[None]), constant=np.zeros(1))
        best = _least(settled(narrowed(lost, stays, may)), _ONE_SUM, limits)
        missed = math.inf if best is None else float(sums(lost, best)[0])
        if missed > 0 and not (these.all() and defects):
            total = float(people[these].sum())
            when = " and ".join(
                name or "fair weather" for name, one in zip(asked.weather, these, strict=True) if one
            )
            everybody = f"a plan that reaches in {when} all {total:,.0f} people whom some site reaches"
            remedy = f"allow new stations, at least {_fewest(lost, limits, asked)}, or a larger budget"
            defects.append(Defect("", "choice", everybody, f"at most {total - missed:,.0f} of them", remedy))
    return defects


def _fewest(lost: Points, limits: Limits, asked: Question) -> int:
    """Count the new stations with which nobody would be lost, whatever they cost."""
    alone = lost.weight.toarray()[0] > 0
    entries = alone[lost.point]
    start = np.concatenate([[0], np.cumsum(np.diff(lost.start)[alone])])
    sites = csr_array(
        (np.ones(entries.sum()), lost.site[entries], start), shape=(len(start) - 1, len(limits.low))
    )
    found = milp(
        asked.new.astype(np.float64),
        integrality=np.ones(len(asked.new), np.int64),
        bounds=Bounds(limits.low, limits.high),
        constraints=LinearConstraint(sites, 1.0, np.inf),
    )
    return 0 if found.x is None else int(asked.new[found.x > 0.5].sum())


def _broken(points: Points, asked: Question) -> Iterator[Defect]:
    """Name each promise that cannot be kept even if it is the only one."""
    f = len(asked.aim.weight)
    for k, promise in enumerate(asked.promises):
        one = replace(points, weight=points.weight[[f + k]], constant=points.constant[[f + k]])
        is_open = _least(one, _ONE_SUM, asked.limits)
        best = math.inf if is_open is None else float(sums(one, is_open)[0])
        if best > loose(np.array(promise.most)):
            yield promise.broken(best)


def _together(asked: Question) -> Defect:
    names = ", ".join(promise.name for promise in asked.promises)
    got = "each is possible by itself, but not all at once"
    remedy = "ask for less of one of them, or allow more new stations"
    return Defect("", "fair", f"{names} together" if names else "a choice that allows a plan", got, remedy)
