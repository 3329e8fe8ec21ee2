"""The p-center: sites from which nobody waits longer than need be."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mutualaid.siting._choice import Choice, Fair, Over, check_asked, site_limits
from mutualaid.siting._median._center import CenterSearch, longest
from mutualaid.siting._median._conflict import any_plan
from mutualaid.siting._median._limits import Limits, apart, scaled
from mutualaid.siting._median._question import question
from mutualaid.siting._plan import Plan
from mutualaid.siting._table import SiteTable
from mutualaid.siting._unreached import unreached_note

__all__ = ["p_center"]

Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]


def p_center(
    table: SiteTable,
    choice: Choice,
    *,
    weather: Sequence[str] = ("",),
    time_limit_s: float | None = None,
    gap: float = 0.0,
    reduce: bool = True,
) -> Plan:
    """Choose sites so that the longest response time is least (Hakimi 1964, doi:10.1287/opre.12.3.450).

    Only points with people count. Those that no site reaches at all, even if all were open, are left out and named in
    the notes; all others are reached. Of plans with the same longest time any may be found.

    Parameters
    ----------
    table
        Sites, people and times.
    choice
        What may be opened and closed.
    weather
        Ids of the weathers that count; the longest time in any of them is made small.
    time_limit_s
        Stop then, with the best plan so far and its bound; as long as it takes if None.
    gap
        Stop when the bound is so near, as a share of the value; 0 for the optimum.
    reduce
        Whether sites are left out that others can stand in for. The result is as good without, but later.

    Returns
    -------
    Plan
        ``value`` and ``bound`` in seconds.

    Raises
    ------
    SitingError
        What is asked cannot be meant, or no plan within the choice reaches everybody whom some site reaches.

    Examples
    --------
    >>> import pandas as pd
    >>> from mutualaid.siting import Choice, p_center, site_table
    >>> demand = pd.DataFrame({"population": [500, 200]}, index=["a", "b"])
    >>> table = site_table([[300, 900], [700, 400]], ["north", "south"], demand, limit_s=480)
    >>> plan = p_center(table, Choice(add=1))
    >>> plan.open, plan.value, plan.status
    (('south',), 700.0, 'optimal')
    """
    began = time.perf_counter()
    check_asked(table, choice, weather=weather, time_limit_s=time_limit_s, gap=gap)
    limits = scaled(site_limits(table, choice))
    parts = [_that_count(table.seconds[name], table.weight > 0) for name in weather]
    times = parts[0] if len(parts) == 1 else np.hstack(parts)
    del parts
    notes = tuple(note for name in weather for note in unreached_note(table, name, math.inf))

    def plan_of(is_open: Bool, bound: float, began: float) -> Plan:
        value = longest(times, is_open)
        status = "optimal" if value - bound <= gap * value else "time limit"
        units, seconds = is_open.astype(np.int64), time.perf_counter() - began
        return Plan("p_center", table, units, value, min(bound, value), False, status, seconds, notes, again)

    def again(known: Sequence[Int64], differ: int, cutoff: float, one_of: Sequence[Bool] = ()) -> Plan | None:
        began = time.perf_counter()
        is_open, bound = found(apart(limits, known, differ, one_of), cutoff, began)
        return None if is_open is None else plan_of(is_open, bound, began)

    def found(limits: Limits, cutoff: float, began: float) -> tuple[Bool | None, float]:
        until = math.inf if time_limit_s is None else began + time_limit_s
        search = CenterSearch(times, limits, reduce=reduce, cutoff=cutoff, until=until)
        bound = search.run(gap)
        return search.is_open, bound

    is_open, bound = found(limits, math.inf, began)
    if is_open is None:  # time was up, or nobody can reach everybody
        is_open = any_plan(question(table, choice, Over(dict.fromkeys(weather, 1.0)), Fair(), None))
    return plan_of(is_open, bound, began)


def _that_count(seconds: NDArray[np.float64], lived: Bool) -> NDArray[np.float64]:
    """(s, n) times to the points with people that some site reaches; the table itself if those are all."""
    counts = np.zeros(len(lived), np.bool_)
    for row in seconds:
        counts |= np.isfinite(row)
    counts &= lived
    return seconds if counts.all() else seconds[:, counts]
