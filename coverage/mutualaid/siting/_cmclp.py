"""Most people served in time by stations that can serve only so many each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import block_array, coo_array, csr_array, diags_array, eye_array

from mutualaid.siting._choice import Choice, SiteLimits, check_asked, site_limits
from mutualaid.siting._plan import Plan, at_least, finished
from mutualaid.siting._sets._cover import merged
from mutualaid.siting._sets._greedy import open_greedily
from mutualaid.siting._sets._program import Answer, Rows, minimise, unlike, within_limits
from mutualaid.siting._table import SiteTable
from mutualaid.siting._unreached import unreached_note

__all__ = ["cmclp"]


def cmclp(
    table: SiteTable,
    choice: Choice,
    *,
    weather: str = "",
    time_limit_s: float | None = None,
    gap: float = 0.0,
    reduce: bool = True,
) -> Plan:
    """Serve most people in time by stations of limited capacity (capacitated maximal covering).

    The people of one point may be served by several stations. Each station, also one that stands today, serves at
    most the ``capacity`` of its site, among people whom it reaches in time.

    Parameters
    ----------
    table
        Sites with their capacities, people and times.
    choice
        What may be opened and closed.
    weather
        Id of a scenario; fair weather if empty.
    time_limit_s
        When it is over, the best plan found so far is returned with its bound.
    gap
        Relative distance from the bound at which to stop; 0 proves the optimum.
    reduce
        Whether people whom the same sites reach are merged first. It changes no optimum.

    Returns
    -------
    Plan
        Its value is the people served.

    Raises
    ------
    SitingError
        What is asked for has no meaning.

    References
    ----------
    Current & Storbeck 1988, doi:10.1068/b150153; Pirkul & Schilling 1991, doi:10.1287/mnsc.37.2.233.

    Examples
    --------
    North reaches 700 people but can serve 400 of them; south serves the 300 it reaches.

    >>> import pandas as pd
    >>> from mutualaid.siting import Choice, cmclp, site_table
    >>> demand = pd.DataFrame({"population": [500, 200, 300]}, index=["a", "b", "c"])
    >>> sites = pd.DataFrame({"capacity": [400, 600]}, index=["north", "south"])
    >>> table = site_table([[300, 400, 900], [900, 900, 300]], sites, demand, limit_s=480)
    >>> cmclp(table, Choice(add=1)).value, cmclp(table, Choice(add=2)).value
    (400.0, 700.0)
    """
    check_asked(table, choice, weather=[weather], time_limit_s=time_limit_s, gap=gap)
    return _Question(
        table, site_limits(table, choice), weather, _flow(table, weather, reduce=reduce), time_limit_s, gap
    ).best()


@dataclass(frozen=True, eq=False)
class _Flow:
    """People who go to sites.

    Attributes
    ----------
    reach, weight
        (groups, s) which sites come in time to each group of people, and (groups,) how many these are.
    capacity
        (s,) people whom a site can serve, at most those it reaches.
    rows, people
        The program without limits on which sites are open. Its variables are the sites, (s,), open or not; then how
        many of a group go to a site whose capacity is less than it reaches, for each such pair; then how many of each
        group go to other sites, which need not be told apart. The latter two are shares of so many `people`.
    """

    reach: NDArray[np.bool_]
    weight: NDArray[np.float64]
    capacity: NDArray[np.float64]
    rows: Rows
    people: NDArray[np.float64]


def _flow(table: SiteTable, weather: str, *, reduce: bool) -> _Flow:
    reach, weight = table.reach(weather).T, table.weight
    if reduce:
        some = reach.any(axis=1) & (weight > 0)
        reach, weight = merged(reach[some], weight[some])
    groups, sites = reach.shape
    reached = weight @ reach
    capacity = np.minimum(table.sites["capacity"].to_numpy(np.float64), reached)
    group, site = np.nonzero(reach & (capacity < reached))
    pair, ones = np.arange(len(group)), np.ones(len(group))
    from_group = coo_array((ones, (group, pair)), shape=(groups, len(pair)))
    to_site = coo_array((ones, (site, pair)), shape=(sites, len(pair)))
    elsewhere = eye_array(groups)
    rows: csr_array[np.float64] = block_array(
        [
            [None, from_group, elsewhere],  # nobody is served twice
            [-diags_array(capacity), to_site, None],  # an open site serves as many as it can
            [-csr_array(reach * (capacity >= reached) * weight[:, None]), None, elsewhere],
        ],
        format="csr",
    )
    most = np.concatenate([weight, np.zeros(sites + groups)])
    people = np.concatenate([np.minimum(weight[group], capacity[site]), weight])
    # Shares leave the solver, to which 1e-6 is nothing, no numbers of very different size.
    shares = csr_array(rows @ diags_array(np.concatenate([np.ones(sites), people])))
    return _Flow(reach, weight, capacity, Rows(shares, -np.inf, most), people)


@dataclass(frozen=True, eq=False)
class _Question:
    """What is asked, for the first plan and for others."""

    table: SiteTable
    limits: SiteLimits
    weather: str
    flow: _Flow
    time_limit_s: float | None
    gap: float

    def best(self) -> Plan:
        start = time.perf_counter()
        answer = self._solved()
        found = [answer.x] if answer.proven else [answer.x, self._greedy().astype(np.float64)]
        plans = [self._plan(x, answer, start) for x in found if x is not None]
        return max(plans, key=lambda plan: plan.value)

    def best_unlike(
        self,
        known: Sequence[NDArray[np.int64]],
        differ: int,
        cutoff: float,
        one_of: Sequence[NDArray[np.bool_]] = (),
    ) -> Plan | None:
        start = time.perf_counter()
        answer = self._solved(unlike(len(self.table.sites), known, differ, one_of))
        plan = None if answer.x is None else self._plan(answer.x, answer, start)
        return at_least(plan, cutoff)

    def _solved(self, *more: Rows) -> Answer:
        return self._served(
            self.limits.low, self.limits.high, within_limits(self.limits), *more,
            time_limit_s=self.time_limit_s, gap=self.gap,
        )  # fmt: skip

    def _served(
        self,
        low: NDArray[np.float64],
        high: NDArray[np.float64],
        *more: Rows,
        time_limit_s: float | None = None,
        gap: float = 0.0,
    ) -> Answer:
        """Less than 0 by the most people who are served, for bounds on which sites are open."""
        people = self.flow.people
        return minimise(
            np.concatenate([np.zeros(len(low)), -people]),
            [self.flow.rows, *more],
            np.concatenate([low, np.zeros(len(people))]),
            np.concatenate([high, np.ones(len(people))]),
            np.arange(len(low) + len(people)) < len(low),
            time_limit_s=time_limit_s,
            gap=gap,
        )

    def _plan(self, x: NDArray[np.float64], answer: Answer, start: float) -> Plan:
        x = x[: len(self.table.sites)]
        everybody = self.flow.weight[self.flow.reach.any(axis=1)].sum()
        most = float(min(-answer.bound, everybody, self.flow.capacity.sum()))
        plan = Plan(
            model="cmclp",
            table=self.table,
            units=x.astype(np.int64),
            value=max(-self._served(x, x).bound, 0.0),
            bound=most,
            maximise=True,
            notes=unreached_note(self.table, self.weather),
            again=self.best_unlike,
        )
        return finished(plan, proven=answer.proven, gap=self.gap, start=start)

    def _greedy(self) -> NDArray[np.bool_]:
        """Open the site that can serve most of the people who are left, again and again; today's stations stay."""
        flow = self.flow

        def gain(is_open: NDArray[np.bool_]) -> NDArray[np.float64]:
            left = flow.weight.copy()
            for site in np.flatnonzero(is_open):
                people = left @ flow.reach[:, site]
                left[flow.reach[:, site]] *= 1 - min(flow.capacity[site] / max(people, 1e-300), 1)
            return np.minimum(flow.capacity, left @ flow.reach)

        return open_greedily(self.limits, self.table.existing, gain)
