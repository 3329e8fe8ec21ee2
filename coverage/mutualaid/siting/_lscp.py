"""Fewest or cheapest stations that reach everybody, and among those the ones that reach most people twice."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from mutualaid.siting._choice import Choice, SiteLimits, check_asked, site_costs, site_limits
from mutualaid.siting._plan import Plan, at_least, finished
from mutualaid.siting._sets._cover import cheapest_cover, cover_sets, impossible_cover
from mutualaid.siting._sets._double import most_twice, people_reached
from mutualaid.siting._sets._program import Answer, Rows, no_plan_in_time, unlike
from mutualaid.siting._table import SiteTable
from mutualaid.siting._unreached import unreached_note

__all__ = ["lscp"]


def lscp(
    table: SiteTable,
    choice: Choice | None = None,
    *,
    backup: bool = False,
    weather: Sequence[str] = ("",),
    time_limit_s: float | None = None,
    gap: float = 0.0,
    reduce: bool = True,
) -> Plan:
    """Find the cheapest new stations with which everybody is reached in time (location set covering).

    By default each new station costs 1, so that their number is least. Stations that stay are taken as given. Where
    a choice of equal cost remains, because sites cost nothing or stations may be closed, the fewest stations are
    open. Points without people need not be reached.

    With `backup`, the cheapest plan is sought first, and then, among all that cost no more, the one by which most
    people are reached in time by two stations.

    Parameters
    ----------
    table
        Sites, people and times.
    choice
        What may be opened and closed; any number of candidates if None.
    backup
        Whether the plan also reaches as many people as it can twice.
    weather
        Ids of the weathers in each of which everybody is reached; "" is fair weather. Whoever no site reaches in one
        of them is left out there and named in the notes.
    time_limit_s
        When it is over, the best plan found so far is returned with its bound.
    gap
        Relative distance from the bound at which to stop; 0 proves the optimum.
    reduce
        Whether equal, implied and dominated demand and sites are left out first. It changes no optimum.

    Returns
    -------
    Plan
        Its value is its cost; with `backup`, the people who are reached by two stations in each weather.

    Raises
    ------
    SitingError
        What is asked for has no meaning; or so few stations or so little money are allowed that not all who can be
        reached are: the message says how much would do.

    References
    ----------
    Toregas, Swain, ReVelle & Bergman 1971, doi:10.1287/opre.19.6.1363; with backup: Hogan & ReVelle 1986,
    doi:10.1287/mnsc.32.11.1434.

    Examples
    --------
    >>> import pandas as pd
    >>> from mutualaid.siting import lscp, site_table
    >>> demand = pd.DataFrame({"population": [500, 200, 300]}, index=["a", "b", "c"])
    >>> times = [[300, 400, 900], [700, 400, 900], [900, 400, 300]]
    >>> plan = lscp(site_table(times, ["north", "middle", "south"], demand, limit_s=480))
    >>> plan.opened, plan.value, plan.status
    (('north', 'south'), 2.0, 'optimal')
    """
    choice = Choice() if choice is None else choice
    weather = (weather,) if isinstance(weather, str) else tuple(weather)
    check_asked(table, choice, weather=weather, time_limit_s=time_limit_s, gap=gap)
    question = _Question(
        table,
        choice,
        weather,
        site_limits(table, choice),
        cover_sets(table, weather),
        time_limit_s,
        gap,
        reduce,
    )
    plan = question.cheapest()
    return question.backup(plan) if backup else plan


@dataclass(frozen=True, eq=False)
class _Question:
    """What is asked, for the first plan and for others."""

    table: SiteTable
    choice: Choice
    weather: tuple[str, ...]
    limits: SiteLimits
    #: (rows, s) which sites reach each point in each weather.
    sets: NDArray[np.bool_]
    time_limit_s: float | None
    gap: float
    reduce: bool

    def cheapest(self) -> Plan:
        start = time.perf_counter()
        cost, _ = site_costs(self.table)
        answer = self._cover(cost, start)
        if answer.x is None:
            if answer.proven:
                raise impossible_cover(
                    self.table, self.choice, self.sets, self.table.limit_s, time_limit_s=self.time_limit_s
                )
            raise no_plan_in_time(self.time_limit_s)
        if (cost[self.limits.low == 0] <= 0).any():
            fewest = self._cover(np.ones(len(cost)), start, [_spending(cost, float(cost @ answer.x))])
            answer = answer if fewest.x is None else replace(answer, x=fewest.x)
        return self._cheapest_plan(answer, start)

    def cheapest_unlike(
        self,
        known: Sequence[NDArray[np.int64]],
        differ: int,
        cutoff: float,
        one_of: Sequence[NDArray[np.bool_]] = (),
    ) -> Plan | None:
        start = time.perf_counter()
        cost, base = site_costs(self.table)
        more = [unlike(len(cost), known, differ, one_of), _spending(cost, cutoff - base)]
        answer = self._cover(cost, start, more)
        return None if answer.x is None else self._cheapest_plan(answer, start)

    def backup(self, cheapest: Plan) -> Plan:
        """Most people twice, for no more money than a plan takes."""
        start = time.perf_counter() - cheapest.seconds
        answer = self._twice(cheapest.cost, start)
        if answer.x is None:
            answer = replace(answer, x=cheapest.is_open.astype(np.float64))
        plan = self._backup_plan(answer, cheapest, start)
        if cheapest.status == "optimal":
            return plan
        note = f"Proven is a cost of at least {cheapest.bound:,.10g}; a plan cheaper than this may exist."
        return replace(plan, status="time limit", notes=(*plan.notes, note))

    def _cover(self, cost: NDArray[np.float64], start: float, more: Sequence[Rows] = ()) -> Answer:
        return cheapest_cover(
            self.sets,
            cost,
            self.limits,
            more,
            reduce=self.reduce,
            time_limit_s=self._left(start),
            gap=self.gap,
        )

    def _twice(self, spend: float, start: float, more: Sequence[Rows] = ()) -> Answer:
        cost, base = site_costs(self.table)
        return most_twice(
            self.table, self.weather, self.sets, self.limits, [_spending(cost, spend - base), *more],
            covered=True, reduce=self.reduce, time_limit_s=self._left(start), gap=self.gap,
        )  # fmt: skip

    def _left(self, start: float) -> float | None:
        return None if self.time_limit_s is None else self.time_limit_s - (time.perf_counter() - start)

    def _cheapest_plan(self, answer: Answer, start: float) -> Plan:
        plan = self._plan("lscp", answer)
        plan = replace(
            plan, value=plan.cost, bound=answer.bound + site_costs(self.table)[1], again=self.cheapest_unlike
        )
        return finished(plan, proven=answer.proven, gap=self.gap, start=start)

    def _backup_plan(self, answer: Answer, cheapest: Plan, start: float) -> Plan:
        def again(
            known: Sequence[NDArray[np.int64]],
            differ: int,
            cutoff: float,
            one_of: Sequence[NDArray[np.bool_]] = (),
        ) -> Plan | None:
            start = time.perf_counter()
            found = self._twice(cheapest.cost, start, [unlike(len(self.limits.low), known, differ, one_of)])
            plan = None if found.x is None else self._backup_plan(found, cheapest, start)
            return at_least(plan, cutoff)

        plan = self._plan("lscp_backup", answer)
        value = people_reached(self.table, self.weather, plan.is_open, times=2)
        plan = replace(plan, maximise=True, value=value, bound=-answer.bound, again=again)
        return finished(plan, proven=answer.proven, gap=self.gap, start=start)

    def _plan(self, model: str, answer: Answer) -> Plan:
        assert answer.x is not None
        notes = [note for name in self.weather for note in unreached_note(self.table, name)]
        units = answer.x[: len(self.limits.low)].astype(np.int64)
        return Plan(model, self.table, units, 0.0, 0.0, maximise=False, notes=tuple(notes))


def _spending(cost: NDArray[np.float64], most: float) -> Rows:
    """Money is at most this; rounding of sums costs nobody a plan."""
    return Rows(csr_array(cost[None]), -np.inf, most + 1e-9 * float(np.abs(cost).sum()))
