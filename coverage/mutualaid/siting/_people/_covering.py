"""From a question of coverage to a plan: the same for plain and for expected coverage."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mutualaid.errors import Defect, SitingError
from mutualaid.siting._choice import Choice, Fair, Over, site_limits
from mutualaid.siting._people._columns import Columns, columns
from mutualaid.siting._people._effort import Effort
from mutualaid.siting._people._engine import Found, maximise
from mutualaid.siting._people._merged import Merged, merged
from mutualaid.siting._people._tail import Least, Tail
from mutualaid.siting._people._wish import Blocks, blocks, owed, rule, stages
from mutualaid.siting._plan import Plan
from mutualaid.siting._table import SiteTable
from mutualaid.siting._unreached import unreached_note

__all__ = ["covering"]

#: Share of all people that is no difference.
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class _Question:
    """All that stays the same when it is asked again.

    Attributes
    ----------
    model, table, over, parts, people, columns
        What is asked.
    least
        What must be large enough.
    owed_to
        Name of each value that is owed to somebody, if any is: the first of `least`.
    starts
        Plans that are known, to start from.
    """

    model: str
    table: SiteTable
    over: Over
    parts: Blocks
    people: Merged
    columns: Columns
    least: tuple[Least, ...]
    owed_to: tuple[str, ...]
    starts: tuple[NDArray[np.float64], ...]

    def answer(self, goal: Tail, effort: Effort, cutoff: float = -math.inf) -> Found | None:
        """Return the best plan for a goal, or None if there is none."""
        return maximise(self.people, self.columns, goal, self.least, effort, self.starts, cutoff)

    def needed(self, goal: Tail, effort: Effort) -> Found:
        """Return the best plan for a goal, or say why there is none."""
        found = self.answer(goal, effort)
        if found is None:
            raise SitingError([_conflict(self, effort)])
        return found


def covering(
    model: str,
    table: SiteTable,
    choice: Choice,
    *,
    size: NDArray[np.int64],
    busy: float,
    per_site: int,
    over: Over,
    fair: Fair,
    effort: Effort,
) -> Plan:
    """Find the plan with the most (expected) coverage.

    Parameters
    ----------
    model
        Its name in the plan.
    table, choice, over, fair
        As for `mclp`.
    size
        (s,) units at each station, and 1 for candidates.
    busy, per_site
        As for `mexclp`.
    effort
        How much may be done.
    """
    started = time.perf_counter()
    limits = site_limits(table, choice, fair, per_site=per_site)
    parts = blocks(table, over, fair)
    free = columns(table, limits, size, per_site)
    reached = [(table.seconds[name], table.limit_s) for name in parts.weather]
    people = merged(reached, parts.weight, parts.block, free, busy)
    today = people.people(free.today)
    debt, owed_to = owed(table, fair, parts, today)
    least = () if debt is None else ((debt, -_ROUNDING * float(table.weight.sum())),)
    question = _Question(model, table, over, parts, people, free, least, owed_to, (free.today,))
    goal = measure = rule(parts, over)
    is_proven = True
    if over.rule == "regret":
        question, best, bound = _best_of_each(question, effort)
        goal, measure = rule(parts, over, best), rule(parts, over, bound)
        is_proven = bool((best == bound).all())
    if fair.worst_first:
        question, is_first = _worst_first(question, effort)
        is_proven &= is_first
    found = question.needed(goal, effort)
    plan = _plan(question, goal, measure, found, is_proven, effort)
    return replace(plan, seconds=time.perf_counter() - started)


def _best_of_each(
    question: _Question, effort: Effort
) -> tuple[_Question, NDArray[np.float64], NDArray[np.float64]]:
    """Most people that any plan reaches in each weather, and the bounds; the plans are something to start from."""
    best, bound = [], []
    for k, row in enumerate(question.parts.total):
        part = effort.part(len(question.parts.total) + 1 - k)
        found = question.needed(Tail(row[None], np.zeros(1), np.ones(1), 1.0), part)
        question = replace(question, starts=(*question.starts, found.x))
        best.append(found.value)
        bound.append(found.bound)
    return question, np.array(best), np.array(bound)


def _worst_first(question: _Question, effort: Effort) -> tuple[_Question, bool]:
    """Let no tail of the partners' shares be less than it can be, the least first; says whether that is proven."""
    tails = stages(question.parts)
    for k, tail in enumerate(tails):
        found = question.needed(tail, effort.part(len(tails) + 1 - k))
        least = (*question.least, (tail, found.value - _ROUNDING))
        question = replace(question, least=least, starts=(*question.starts, found.x))
        if found.bound > found.value:
            return question, False
    return question, True


def _plan(
    question: _Question, goal: Tail, measure: Tail, found: Found, is_proven: bool, effort: Effort
) -> Plan:
    """Write what was found as a plan; its value is measured against bounds if the best of a weather is not proven."""
    sign = -1.0 if question.over.rule == "regret" else 1.0
    value = sign * float(measure.value(question.people.people(found.x)))

    def again(
        known: Sequence[NDArray[np.int64]],
        differ: int,
        cutoff: float,
        one_of: Sequence[NDArray[np.bool_]] = (),
    ) -> Plan | None:
        started = time.perf_counter()
        once_more = effort.restarted()
        other = replace(question, columns=question.columns.unlike(known, differ, one_of))
        next_best = other.answer(goal, once_more, sign * cutoff)
        if next_best is None:
            return None
        plan = _plan(question, goal, measure, next_best, is_proven, once_more)
        return replace(plan, seconds=time.perf_counter() - started)

    return Plan(
        model=question.model,
        table=question.table,
        units=question.columns.units_at(found.x),
        value=value,
        bound=value if found.bound == found.value and is_proven else sign * float(found.bound),
        maximise=sign > 0,
        status="optimal" if is_proven and found.is_proven else "time limit",
        seconds=0.0,
        notes=tuple(note for name in question.parts.weather for note in unreached_note(question.table, name)),
        again=again,
    )


def _conflict(question: _Question, effort: Effort) -> Defect:
    """Say which of the things owed cannot be had, alone or together."""
    if effort.is_over:
        remedy = "give more time, or ask for less"
        return Defect(
            "", "time_limit_s", "time enough to find a plan that keeps the floors", "none found", remedy
        )
    free, debt = replace(question, least=()), question.least[0][0]
    alone = []
    for name, row, shift in zip(question.owed_to, debt.of, debt.shift, strict=True):
        most = free.needed(Tail(row[None], np.zeros(1), np.ones(1), 1.0), effort.restarted()).bound
        if most < -shift:
            alone.append(f"{name}: {-shift:,.0f} people asked for, {most:,.0f} at most")
    remedy = "ask for less, or allow more stations"
    if alone:
        return Defect("", "fair", "floors that some plan can keep", "; ".join(alone), remedy)
    asks = np.flatnonzero(debt.shift < 0)
    even = np.full(len(asks), 1 / len(asks))
    part = Tail(debt.of[asks] / -debt.shift[asks, None], np.zeros(len(asks)), even, 0.0)
    most = free.needed(part, effort.restarted()).bound
    names = ", ".join(question.owed_to[k] for k in asks)
    got = f"each can be kept alone, but at most {most:.1%} of all of them together: {names}"
    return Defect("", "fair", "floors that one plan can keep together", got, remedy)
