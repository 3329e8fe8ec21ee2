"""Two standards at once: everybody within the wide one, a share within the other, and most people there twice."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mutualaid.errors import Defect, SitingError
from mutualaid.siting._choice import Choice, SiteLimits, check_asked, site_costs, site_limits
from mutualaid.siting._plan import Plan, at_least, finished
from mutualaid.siting._sets._cover import cover_sets, impossible_cover, merged
from mutualaid.siting._sets._double import greedy_twice, most_twice, people_reached
from mutualaid.siting._sets._greedy import greedy_cover
from mutualaid.siting._sets._program import Answer, Rows, no_plan_in_time, unlike
from mutualaid.siting._table import SiteTable
from mutualaid.siting._unreached import unreached_note

__all__ = ["dsm"]


def dsm(
    table: SiteTable,
    choice: Choice,
    *,
    wide_s: float,
    share: float,
    weather: str = "",
    time_limit_s: float | None = None,
    gap: float = 0.0,
    reduce: bool = True,
) -> Plan:
    """Reach most people in time by two stations, all people within a wider limit, and a share of them in time.

    This is the double standard model, with one unit at each station: "by two" means by two stations.

    Parameters
    ----------
    table
        Sites, people and times; its limit is the narrow one.
    choice
        What may be opened and closed.
    wide_s
        Everybody whom any site reaches within so many seconds is reached within them; whoever none reaches is named
        in the notes. At least the limit of the table; inf is any time. Points without people need not be reached.
    share
        Of all people, also of those whom no site reaches, so many are reached in time: 0 to 1.
    weather
        Id of a scenario; fair weather if empty.
    time_limit_s
        When it is over, the best plan found so far is returned with its bound.
    gap
        Relative distance from the bound at which to stop; 0 proves the optimum.
    reduce
        Whether equal and implied demand is merged first. It changes no optimum.

    Returns
    -------
    Plan
        Its value is the people whom two stations or more reach in time.

    Raises
    ------
    SitingError
        What is asked for has no meaning; or the choice does not suffice for all within the wide limit, or for the
        share within the narrow one: the message says what would do, or which share is possible.

    References
    ----------
    Gendreau, Laporte & Semet 1997, doi:10.1016/S0966-8349(97)00015-6.

    Examples
    --------
    Alone, north and south would reach all; the station in the middle reaches 700 of them for the second time.

    >>> import pandas as pd
    >>> from mutualaid.siting import Choice, dsm, site_table
    >>> demand = pd.DataFrame({"population": [500, 200, 300]}, index=["a", "b", "c"])
    >>> times = [[300, 400, 900], [400, 400, 900], [900, 500, 300]]
    >>> table = site_table(times, ["north", "middle", "south"], demand, limit_s=480)
    >>> plan = dsm(table, Choice(add=3), wide_s=900, share=0.9)
    >>> plan.value, plan.opened
    (700.0, ('north', 'middle', 'south'))
    """
    defects = []
    if not wide_s >= table.limit_s:
        expected = f"at least the limit of the table, {table.limit_s:g} s"
        defects.append(Defect("", "wide_s", expected, f"{wide_s}", "give the wider of the two limits"))
    if not 0 <= share <= 1:
        defects.append(Defect("", "share", "a share from 0 to 1", f"{share}", "0.8 stands for 80 %"))
    check_asked(table, choice, weather=[weather], time_limit_s=time_limit_s, gap=gap, more=defects)
    question = _Question(
        table, choice, site_limits(table, choice), weather, wide_s, share, time_limit_s, gap, reduce
    )
    return question.best()


@dataclass(frozen=True, eq=False)
class _Question:
    """What is asked, for the first plan and for others."""

    table: SiteTable
    choice: Choice
    limits: SiteLimits
    weather: str
    wide_s: float
    share: float
    time_limit_s: float | None
    gap: float
    reduce: bool

    def best(self) -> Plan:
        start = time.perf_counter()
        answer = self._solved([])
        if answer.x is None and answer.proven:
            raise self._contradiction()
        found = [answer.x] if answer.proven else [answer.x, self._greedy()]
        plans = [self._plan(x, answer, start) for x in found if x is not None]
        if not plans:
            raise no_plan_in_time(self.time_limit_s)
        return max(plans, key=lambda plan: plan.value)

    def best_unlike(
        self,
        known: Sequence[NDArray[np.int64]],
        differ: int,
        cutoff: float,
        one_of: Sequence[NDArray[np.bool_]] = (),
    ) -> Plan | None:
        start = time.perf_counter()
        answer = self._solved([unlike(len(self.table.sites), known, differ, one_of)])
        plan = None if answer.x is None else self._plan(answer.x, answer, start)
        return at_least(plan, cutoff)

    def _solved(self, more: Sequence[Rows], *, once: float | None = None, times: int = 2) -> Answer:
        return most_twice(
            self.table, [self.weather], self._wide_sets(), self.limits, more,
            once=self._people_in_time() if once is None else once, times=times,
            reduce=self.reduce, time_limit_s=self.time_limit_s, gap=self.gap,
        )  # fmt: skip

    def _wide_sets(self) -> NDArray[np.bool_]:
        return cover_sets(self.table, [self.weather], self.wide_s)

    def _people_in_time(self) -> float:
        """People who are to be reached in time; rounding of sums costs nobody a plan."""
        return self.share * float(self.table.weight.sum()) * (1 - 1e-9)

    def _plan(self, x: NDArray[np.float64], answer: Answer, start: float) -> Plan:
        is_open = x[: len(self.table.sites)] > 0
        plan = Plan(
            model="dsm",
            table=self.table,
            units=is_open.astype(np.int64),
            value=people_reached(self.table, [self.weather], is_open, times=2),
            bound=-answer.bound,
            maximise=True,
            notes=unreached_note(self.table, self.weather, self.wide_s),
            again=self.best_unlike,
        )
        return finished(plan, proven=answer.proven, gap=self.gap, start=start)

    def _contradiction(self) -> SitingError:
        """Say which of the two standards is out of reach, and what would do."""
        most = self._solved([], once=0.0, times=1)
        if most.x is None and most.proven:
            return impossible_cover(
                self.table, self.choice, self._wide_sets(), self.wide_s, time_limit_s=self.time_limit_s
            )
        possible = -most.bound / float(self.table.weight.sum())
        expected = f"at most {possible:.6g}, the share that any plan of this choice reaches in time"
        remedy = "ask for a smaller share, or allow more stations or more money"
        return SitingError([Defect("", "share", expected, f"{self.share}", remedy)])

    def _greedy(self) -> NDArray[np.float64] | None:
        cost, _ = site_costs(self.table)
        wide = greedy_cover(*merged(self._wide_sets()), cost, self.table.existing)
        is_open = greedy_twice(self.table, self.weather, self.limits, wide, once=self._people_in_time())
        return None if is_open is None else is_open.astype(np.float64)
