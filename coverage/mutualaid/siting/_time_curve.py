"""People in time against the mean time to all: the plans that some weighting of the two prefers."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd

from mutualaid.errors import Defect, SitingError
from mutualaid.siting._choice import Choice, Fair, Over
from mutualaid.siting._curves import pareto, people_in_time, plan_points
from mutualaid.siting._mclp import mclp
from mutualaid.siting._measure import base_weather, expected, first_times
from mutualaid.siting._p_median import p_median
from mutualaid.siting._plan import Plan
from mutualaid.siting._table import SiteTable

__all__ = ["time_curve"]

#: Sums of the same numbers in another order differ by less than this share.
_SAME = 1e-9


def time_curve(
    table: SiteTable,
    add: int,
    *,
    steps: int = 8,
    over: Over | None = None,
    fair: Fair | None = None,
    time_limit_s: float | None = None,
    gap: float = 0.0,
) -> pd.DataFrame:
    """Set people in time against the mean time to all, for one number of new stations.

    Between the plan with the least mean time (p-median) and, of those with the most people in time, the one with the
    least mean time, plans are found that are best if one person in time is worth so many seconds of waiting, and no
    two of which have a better one of that kind between them: the method of Cohon, Church & Sheer (1979, Water
    Resources Research 15(5)). So all are efficient, and where there are fewer than `steps`, they are all that any
    such worth prefers. A time that is too late then counts as that much longer, which leaves each question a p-median.

    Parameters
    ----------
    table
        Sites, people and times.
    add
        Number of new stations.
    steps
        Number of plans at most, 2 or more.
    over, fair, time_limit_s, gap
        As for `p_median`; of `over` the weights count, by the rule ``expected``. The time is that of each plan.

    Returns
    -------
    DataFrame
        One row for each plan, from the least mean time on; columns as of `curve`, but in place of ``asked``
        ``worth_s``: seconds of waiting that a person in time was worth (0 for the first, inf for the last), and
        ``value``: people times seconds, as a mean over `over`. No plan with as many people in time has a smaller value
        than ``bound``. ``pareto``: no other row has as many people expected in time by as small a value, and one of
        the two better.

    Raises
    ------
    SitingError
        As for `p_median`; fewer than 2 steps; `Fair.no_worse`, which is about one of the two alone.

    Examples
    --------
    >>> import pandas as pd
    >>> from mutualaid.siting import site_table, time_curve
    >>> demand = pd.DataFrame({"population": [500, 200]}, index=["a", "b"])
    >>> table = site_table([[470, 900], [490, 10]], ["north", "south"], demand, limit_s=480)
    >>> time_curve(table, 1)[["opened", "people", "mean_s", "pareto"]]
      opened  people      mean_s  pareto
    0  south   200.0  352.857143    True
    1  north   500.0  592.857143    True
    """
    _check(steps, fair)
    weights = {base_weather(table): 1.0} if over is None else over.weather
    over, choice = Over(weights), Choice(add=add)
    everybody = float(table.weight.sum())

    def shortest(worth_s: float, people: float | None = None) -> tuple[Plan, float]:
        """Find the least total time, with people who are late waiting so much longer, or with so many in time."""
        plan = p_median(
            _later(table, worth_s), choice, over=over, fair=fair, cover_at_least=people,
            time_limit_s=time_limit_s, gap=gap,
        )  # fmt: skip
        value = _total(table, plan, over)
        bound = value - (plan.value - plan.bound)
        return replace(plan, table=table, value=value, bound=bound), math.inf if people else worth_s

    first = shortest(0.0)
    most = people_in_time(mclp(table, choice, over=over, fair=fair, time_limit_s=time_limit_s, gap=gap), over)
    found = [first]
    if people_in_time(first[0], over) < most * (1 - _SAME):
        found.append(shortest(0.0, most * (1 - _SAME)))
    pairs = [tuple(found)] if len(found) == 2 else []
    while pairs and len(found) < steps:
        left, right = pairs.pop(0)
        many = people_in_time(right[0], over) - people_in_time(left[0], over)
        if many <= 0:  # a plan that was not proven in time may be no better than another in anything
            continue
        more = shortest((right[0].value - left[0].value) / many)
        late = everybody - people_in_time(more[0], over)
        known = left[0].value + more[1] * (everybody - people_in_time(left[0], over))
        if more[0].value + more[1] * late < known * (1 - _SAME):
            found.append(more)
            pairs += [(left, more), (more, right)]
    found.sort(key=lambda one: one[0].value)
    frame = plan_points([plan for plan, _ in found], over).assign(worth_s=[worth_s for _, worth_s in found])
    return frame.assign(pareto=pareto(frame, {"people_expected": "most", "value": "least"}))


def _later(table: SiteTable, worth_s: float) -> SiteTable:
    """Count what is too late as so much longer."""
    if worth_s == 0:
        return table
    seconds = {
        name: np.where(times <= table.limit_s, times, times + worth_s)
        for name, times in table.seconds.items()
    }
    return replace(table, seconds=seconds)


def _total(table: SiteTable, plan: Plan, over: Over) -> float:
    """People times seconds, as a mean over the weathers; whom nobody reaches is in none."""
    totals = {}
    for weather in over.weather:
        seconds = first_times(table, weather, plan.is_open)
        totals[weather] = float(table.weight @ np.where(np.isfinite(seconds), seconds, 0.0))
    return expected(totals, over)


def _check(steps: int, fair: Fair | None) -> None:
    defects = []
    if not (steps >= 2 and steps == int(steps)):
        defects.append(Defect("", "steps", "a whole number from 2 on", f"{steps}", "8 is usual"))
    if fair is not None and fair.no_worse:
        expected_, remedy = "fairness that does not ask for no_worse", "leave no_worse out"
        defects.append(Defect("", "fair", expected_, "no_worse", remedy))
    if defects:
        raise SitingError(defects)
