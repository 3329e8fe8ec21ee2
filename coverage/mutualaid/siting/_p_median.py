"""The p-median: sites from which people are reached soonest on average."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mutualaid.errors import Defect
from mutualaid.siting._choice import Choice, Fair, Over, check_asked
from mutualaid.siting._median._conflict import any_plan
from mutualaid.siting._median._limits import apart
from mutualaid.siting._median._points import sums
from mutualaid.siting._median._question import Question, question
from mutualaid.siting._median._solve import solve
from mutualaid.siting._plan import Plan
from mutualaid.siting._table import SiteTable
from mutualaid.siting._unreached import unreached_note

__all__ = ["p_median"]

Bool = NDArray[np.bool_]
Int64 = NDArray[np.int64]
_NO_FAIR = Fair()
#: Share of a sum by which a solver's bound may miss it though it is proven.
_ROUNDING = 1e-6


def p_median(
    table: SiteTable,
    choice: Choice,
    *,
    over: Over = Over(),  # noqa: B008
    fair: Fair | None = None,
    cover_at_least: float | None = None,
    time_limit_s: float | None = None,
    gap: float = 0.0,
    reduce: bool = True,
) -> Plan:
    """Choose sites so that people times their response time is least (Hakimi 1964, doi:10.1287/opre.12.3.450).

    Exact: the bound is proven by Lagrange multipliers, what they leave is searched by branch and bound or solved by
    HiGHS in the radius formulation. Points without people do not count. Those that no site reaches at all, even if all
    were open, are left out and named in the notes; all others must be reached in each weather that counts: a time
    without end is never traded against seconds.

    Parameters
    ----------
    table
        Sites, people and times.
    choice
        What may be opened and closed.
    over
        Weathers that count, and how they are made one number. The value of a plan is then the mean over the weathers,
        that in the worst, the largest regret, or the mean over the worst.
    fair
        ``no_worse``: in no weather that counts do a partner's people wait longer on average than today; those whom
        nobody reaches today do not count there. ``floor``: share of each jurisdiction's people in time.
        ``worst_first`` is a wish about people in time and is refused: use ``floor``, or `mclp`.
    cover_at_least
        People in time at least: their mean over the weathers, by their weights, whatever the rule.
    time_limit_s
        Stop then, with the best plan so far and its bound; as long as it takes if None.
    gap
        Stop when the bound is so near, as a share of the value; 0 for the optimum.
    reduce
        Whether to make the question smaller first. The result is as good without, but later.

    Returns
    -------
    Plan
        ``value`` and ``bound`` in people times seconds.

    Raises
    ------
    SitingError
        What is asked cannot be meant, or no plan can do it: which wish is in the way, and what is possible.

    Examples
    --------
    >>> import pandas as pd
    >>> from mutualaid.siting import Choice, p_median, site_table
    >>> demand = pd.DataFrame({"population": [500, 200]}, index=["a", "b"])
    >>> table = site_table([[300, 900], [700, 400]], ["north", "south"], demand, limit_s=480)
    >>> plan = p_median(table, Choice(add=1))
    >>> plan.open, plan.value, plan.status
    (('north',), 330000.0, 'optimal')
    """
    began = time.perf_counter()
    fair = fair or _NO_FAIR
    more = []
    if fair.worst_first:
        remedy = "use fair.no_worse or fair.floor, or the model mclp"
        more.append(Defect("", "worst_first", "a model of coverage", "p_median", remedy))
    if cover_at_least is not None and not 0 <= cover_at_least <= table.weight.sum():
        expected = f"people from 0 to {table.weight.sum():,.0f}, all there are"
        more.append(Defect("", "cover_at_least", expected, f"{cover_at_least}", "ask for fewer"))
    check_asked(table, choice, fair=fair, over=over, time_limit_s=time_limit_s, gap=gap, more=more)
    until = math.inf if time_limit_s is None else began + time_limit_s
    asked = question(table, choice, over, fair, cover_at_least)

    def found(
        asked: Question, known: Sequence[Int64] = (), differ: int = 0, cutoff: float = math.inf,
        one_of: Sequence[Bool] = (), gap: float = gap, until: float = until,
    ) -> tuple[Bool | None, float]:  # fmt: skip
        limits = apart(asked.limits, known, differ, one_of)
        return solve(asked.points, asked.aim, limits, cutoff=cutoff, gap=gap, until=until, reduce=reduce)

    notes: tuple[str, ...] = ()
    overstated = 0.0
    if over.rule == "regret":
        asked, notes, overstated = _against_best(asked, found, began, time_limit_s)
    exact = not notes
    notes += tuple(
        note
        for name, weight in over.weather.items()
        if weight > 0
        for note in unreached_note(table, name, math.inf)
    )

    def plan_of(is_open: Bool, bound: float, began: float) -> Plan:
        value = asked.aim.value(sums(asked.points, is_open))
        if over.rule == "regret":  # it is never negative
            bound = max(bound - overstated, 0.0)
        bound = min(bound, value)
        proven = exact and value - bound <= max(gap, 1e-9) * abs(value)
        status = "optimal" if proven else "time limit"
        seconds = time.perf_counter() - began
        units = is_open.astype(np.int64)
        return Plan("p_median", table, units, value, bound, False, status, seconds, notes, again)

    def again(known: Sequence[Int64], differ: int, cutoff: float, one_of: Sequence[Bool] = ()) -> Plan | None:
        began = time.perf_counter()
        until = math.inf if time_limit_s is None else began + time_limit_s
        is_open, bound = found(asked, known, differ, cutoff, one_of, gap, until)
        return None if is_open is None else plan_of(is_open, bound, began)

    is_open, bound = found(asked)
    return plan_of(any_plan(asked) if is_open is None else is_open, bound, began)


def _against_best(
    asked: Question, found: Callable[..., tuple[Bool | None, float]], began: float, time_limit_s: float | None
) -> tuple[Question, tuple[str, ...], float]:
    """Take the optimum of each weather off its sum, so that regret is left.

    Where it is not proven its bound is taken, so that no regret is understated; also returned are notes that say so,
    and by how much it may be overstated.
    """
    least, notes, overstated, count = [], [], 0.0, len(asked.weather)
    for k, name in enumerate(asked.weather):
        one = replace(asked, aim=replace(asked.aim, rule="expected", weight=np.eye(count)[k]))
        until = math.inf if time_limit_s is None else began + time_limit_s * (k + 1) / (count + 1)
        is_open, bound = found(one, gap=0.0, until=until)
        is_open = any_plan(one) if is_open is None else is_open
        value = one.aim.value(sums(one.points, is_open))
        if value - bound > _ROUNDING * abs(value):
            when = name or "fair weather"
            notes.append(
                f"The best for {when} alone is not proven: the regret may be less by {value - bound:,.0f}."
            )
            overstated = max(overstated, value - bound)
            least.append(bound)
        else:
            least.append(value)
    aim = replace(asked.aim, rule="worst", less=np.array(least))
    return replace(asked, aim=aim), tuple(notes), overstated
