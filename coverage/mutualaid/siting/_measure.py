"""What a plan is worth: to each jurisdiction and partner, and by each of its sites."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.siting._choice import Choice, Over, check_asked
from mutualaid.siting._plan import Plan
from mutualaid.siting._table import SiteTable

__all__ = ["base_weather", "expected", "first_site", "first_times", "in_time", "plan_gains", "plan_sites"]


def plan_gains(plan: Plan) -> pd.DataFrame:
    """Say what a plan is worth to each jurisdiction, to each partner, and to all.

    Parameters
    ----------
    plan
        A plan of any model.

    Returns
    -------
    DataFrame
        One row for each jurisdiction, each partner (both in the order of the demand) and all, in each weather of the
        plan's table:

        * ``kind`` (``jurisdiction``, ``partner`` or ``all``), ``id`` ("" for all), ``weather``;
        * ``population``; ``before`` and ``after``: people in time with the stations that exist, and with the plan;
          ``gained``: the difference, negative where the plan is worse;
        * ``people_timed``: people whom somebody reaches before and after, however late, and ``mean_before_s`` and
          ``mean_after_s``, the mean time to them; NaN if there are none. People whom nobody reaches, today or by the
          plan, are in no mean.

    Examples
    --------
    >>> import pandas as pd
    >>> from mutualaid.siting import Choice, mclp, plan_gains, site_table
    >>> demand = pd.DataFrame({"population": [500, 200], "partner": ["A", "B"]}, index=["a", "b"])
    >>> sites = pd.DataFrame({"state": ["fixed", "candidate"]}, index=["north", "south"])
    >>> table = site_table([[300, 900], [700, 400]], sites, demand, limit_s=480)
    >>> gains = plan_gains(mclp(table, Choice(add=1)))
    >>> gains[["kind", "id", "before", "after", "mean_before_s", "mean_after_s"]]
          kind id  before  after  mean_before_s  mean_after_s
    0  partner  A   500.0  500.0     300.000000    300.000000
    1  partner  B     0.0  200.0     900.000000    400.000000
    2      all      500.0  700.0     471.428571    328.571429
    """
    table, demand = plan.table, plan.table.demand
    rows = []
    for weather in table.seconds:
        seconds = np.column_stack(
            [first_times(table, weather, is_open) for is_open in (table.existing, plan.is_open)]
        )
        timed = np.isfinite(seconds).all(axis=1)
        columns = pd.DataFrame(
            {
                "population": table.weight,
                "before": table.weight * in_time(table, weather, table.existing),
                "after": table.weight * in_time(table, weather, plan.is_open),
                "people_timed": table.weight * timed,
                "mean_before_s": table.weight * np.where(timed, seconds[:, 0], 0.0),
                "mean_after_s": table.weight * np.where(timed, seconds[:, 1], 0.0),
            },
            index=demand.index,
        )
        for kind in ("jurisdiction", "partner"):
            named = demand[kind].to_numpy(str)
            sums = columns[named != ""].groupby(named[named != ""], sort=False).sum()
            rows += [
                {"kind": kind, "id": key, "weather": weather, **row}
                for key, row in sums.to_dict("index").items()
            ]
        rows.append({"kind": "all", "id": "", "weather": weather, **columns.sum().to_dict()})
    gains = pd.DataFrame(rows)
    gains.insert(6, "gained", gains["after"] - gains["before"])
    for name in ("mean_before_s", "mean_after_s"):
        gains[name] /= gains["people_timed"].where(gains["people_timed"] > 0)
    return gains


def plan_sites(plan: Plan, *, over: Over | None = None) -> pd.DataFrame:
    """Say what each site that a plan opens or closes is worth.

    Each is asked what the plan would reach without that one change. What several sites reach in time each is
    credited to none of them, so the parts need not sum to what the plan gains.

    Parameters
    ----------
    plan
        A plan of any model.
    over
        Weathers by which people are expected; fair weather if not given.

    Returns
    -------
    DataFrame
        Index id of the site, opened ones first, and

        * ``change`` (``opened`` or ``closed``), ``partner``, ``units`` that the plan puts there, ``cost``;
        * ``people_first``: people to whom it comes first in the plan, or came first before it is closed; of equal
          times a site of the place's own partner goes first, then the first in the table;
        * ``people_added``: people in time because of the change: those of the plan less those without it; for a
          closed station negative, or 0;
        * ``people_added_{partner}``: of these, people of each partner of the demand;

        all in fair weather (or in the first weather of a table that has none), and ``people_added_expected``: the
        same as a mean over `over`.

    Raises
    ------
    SitingError
        `over` names a weather that the table does not have, or weights that cannot be meant.

    Examples
    --------
    >>> import pandas as pd
    >>> from mutualaid.siting import Choice, mclp, plan_sites, site_table
    >>> demand = pd.DataFrame({"population": [500, 200, 70], "partner": ["A", "B", "B"]}, index=["a", "b", "c"])
    >>> sites = pd.DataFrame({"state": ["fixed", "candidate"]}, index=["north", "south"])
    >>> table = site_table([[300, 900, 470], [700, 400, 460]], sites, demand, limit_s=480)
    >>> plan_sites(mclp(table, Choice(add=1)))[["change", "people_first", "people_added", "people_added_B"]]
           change  people_first  people_added  people_added_B
    south  opened         270.0         200.0           200.0
    """
    table = plan.table
    base = base_weather(table)
    over = Over({base: 1.0}) if over is None else over
    check_asked(table, Choice(), over=over)
    partner = table.demand["partner"].to_numpy(str)
    partners = [name for name in dict.fromkeys(partner.tolist()) if name]
    columns = ["change", "partner", "units", "cost", "people_first", "people_added"]
    columns += [*(f"people_added_{name}" for name in partners), "people_added_expected"]
    rows, order = [], []
    for change, now, before in (
        ("opened", plan.is_open, table.existing),
        ("closed", table.existing, plan.is_open),
    ):
        first = first_site(table, base, now)
        for at in np.flatnonzero(now & ~before).tolist():
            site, undone = table.sites.iloc[at], plan.is_open ^ (np.arange(len(table.sites)) == at)
            gained = {
                weather: table.weight
                * (in_time(table, weather, plan.is_open) - in_time(table, weather, undone))
                for weather in {base, *over.weather}
            }
            cost = site["opening_cost" if change == "opened" else "closing_cost"]
            row = [change, site["partner"], plan.units[at], cost, table.weight[first == at].sum()]
            row += [gained[base].sum(), *(gained[base][partner == one].sum() for one in partners)]
            rows.append([*row, expected({key: people.sum() for key, people in gained.items()}, over)])
            order.append(at)
    return pd.DataFrame(rows, columns=columns, index=table.sites.index[order])


def base_weather(table: SiteTable) -> str:
    """Fair weather, or the first of a table that has none."""
    return "" if "" in table.seconds else next(iter(table.seconds))


def expected(people: Mapping[str, float], over: Over) -> float:
    """Mean over the weathers that count, by their weights."""
    return float(np.average([people[name] for name in over.weather], weights=list(over.weather.values())))


def in_time(table: SiteTable, weather: str, is_open: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n,) 1 where some open site is in time, else 0."""
    seconds = first_times(table, weather, is_open)
    return (np.isfinite(seconds) & (seconds <= table.limit_s)).astype(np.float64)


def first_times(table: SiteTable, weather: str, is_open: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n,) seconds of the first open site; inf if none comes."""
    return np.asarray(table.seconds[weather][is_open].min(axis=0, initial=np.inf))


def first_site(table: SiteTable, weather: str, is_open: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(n,) position of the open site that comes first, of equal times an own one, then the first; -1 if none comes."""
    seconds = np.where(is_open[:, None], table.seconds[weather], np.inf)
    least = seconds.min(axis=0, initial=np.inf)
    owner, host = (frame["partner"].to_numpy(str) for frame in (table.sites, table.demand))
    first = (seconds == least) * (1 + ((owner[:, None] == host) & (host != "")))
    return np.where(np.isfinite(least), first.argmax(axis=0), -1).astype(np.int64)
