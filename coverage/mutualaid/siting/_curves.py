"""What more stations or more money buy: curves, and the plans on them that nothing beats."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from mutualaid.errors import Defect, SitingError
from mutualaid.siting._choice import Choice, Fair, Over
from mutualaid.siting._mclp import mclp
from mutualaid.siting._measure import base_weather, expected, first_times, in_time
from mutualaid.siting._plan import Plan
from mutualaid.siting._table import SiteTable

__all__ = ["cost_curve", "curve", "pareto", "people_in_time", "plan_points"]


def curve(
    table: SiteTable,
    *,
    most: int,
    over: Over | None = None,
    fair: Fair | None = None,
    time_limit_s: float | None = None,
    gap: float = 0.0,
) -> pd.DataFrame:
    """Find how many people more stations reach in time, by the maximal covering model.

    Parameters
    ----------
    table
        Sites, people and times.
    most
        Largest number of new stations.
    over, fair, time_limit_s, gap
        As for `mclp`; the time is that of each number.

    Returns
    -------
    DataFrame
        One row for each number of new stations from 0 to `most`:

        * ``added`` (stations that the plan opens: never more than the number asked for), ``asked`` (that number),
          ``opened`` (their ids, joined by ``;``), ``cost``;
        * ``value`` by the rule of `over`, ``bound``, ``gap``, ``status``: see `Plan`;
        * ``people`` in time in fair weather (or the first weather of a table without), ``people_expected`` as a mean
          over `over`, and ``share`` of all people in fair weather;
        * ``people_timed``, whom somebody reaches, however late, and ``mean_s``, the mean time to them, both in fair
          weather;
        * ``pareto``: no other row has as good a value with no more stations, and one of the two better.

    Raises
    ------
    SitingError
        As for `mclp`; more stations than candidates.

    Examples
    --------
    >>> import pandas as pd
    >>> from mutualaid.siting import curve, site_table
    >>> demand = pd.DataFrame({"population": [500, 200]}, index=["a", "b"])
    >>> table = site_table([[300, 900], [700, 400]], ["north", "south"], demand, limit_s=480)
    >>> curve(table, most=2)[["added", "people", "opened", "pareto"]]
       added  people       opened  pareto
    0      0     0.0                 True
    1      1   500.0        north    True
    2      2   700.0  north;south    True
    """
    over = Over({base_weather(table): 1.0}) if over is None else over
    choices = [Choice(add=number) for number in range(most + 1)]
    plans = _better_and_better(table, choices, over, fair, time_limit_s, gap)
    frame = plan_points(plans, over).assign(asked=range(most + 1))
    return frame.assign(pareto=pareto(frame, {"value": _best(over), "added": "least"}))


def cost_curve(
    table: SiteTable,
    budgets: Iterable[float],
    *,
    over: Over | None = None,
    fair: Fair | None = None,
    close: int = 0,
    move: int = 0,
    time_limit_s: float | None = None,
    gap: float = 0.0,
) -> pd.DataFrame:
    """Find how many people more money reaches in time, by the maximal covering model.

    Parameters
    ----------
    table
        Sites, people and times.
    budgets
        Money for opening and closing, each 0 or more.
    over, fair, time_limit_s, gap
        As for `mclp`; the time is that of each budget.
    close, move
        See `Choice`.

    Returns
    -------
    DataFrame
        One row for each budget, from the smallest; columns as of `curve` with ``asked``, the budget. ``pareto``: no
        other row has as good a value at no more cost, and one of the two better.

    Raises
    ------
    SitingError
        As for `mclp`.

    Examples
    --------
    >>> import pandas as pd
    >>> from mutualaid.siting import cost_curve, site_table
    >>> demand = pd.DataFrame({"population": [500, 200]}, index=["a", "b"])
    >>> sites = pd.DataFrame({"opening_cost": [9.0, 2.0]}, index=["north", "south"])
    >>> table = site_table([[300, 900], [700, 400]], sites, demand, limit_s=480)
    >>> cost_curve(table, [2, 8, 9, 20])[["asked", "cost", "people", "pareto"]]
       asked  cost  people  pareto
    0    2.0   2.0   200.0    True
    1    8.0   2.0   200.0    True
    2    9.0   9.0   500.0    True
    3   20.0  11.0   700.0    True
    """
    over = Over({base_weather(table): 1.0}) if over is None else over
    money = sorted(map(float, budgets))
    choices = [Choice(close=close, move=move, budget=budget) for budget in money]
    plans = _better_and_better(table, choices, over, fair, time_limit_s, gap)
    frame = plan_points(plans, over).assign(asked=money)
    return frame.assign(pareto=pareto(frame, {"value": _best(over), "cost": "least"}))


def pareto(frame: pd.DataFrame, better: Mapping[str, str]) -> pd.Series:
    """Mark the rows that no other row beats.

    Parameters
    ----------
    frame
        One row a plan.
    better
        ``most`` or ``least`` for each column that counts.

    Returns
    -------
    Series
        bool: no other row is as good in all columns and better in one. Of equal rows all are marked. A row with a
        missing number is not.

    Raises
    ------
    SitingError
        A column that is not there, or another word.

    Examples
    --------
    >>> import pandas as pd
    >>> from mutualaid.siting import pareto
    >>> plans = pd.DataFrame({"people": [500, 700, 700], "cost": [1.0, 2.0, 3.0]})
    >>> pareto(plans, {"people": "most", "cost": "least"}).tolist()
    [True, True, False]
    """
    wrong = [
        Defect("", name, "a column, and most or least", f"{word!r}", "correct it")
        for name, word in better.items()
        if name not in frame.columns or word not in ("most", "least")
    ]
    if wrong:
        raise SitingError(wrong)
    signs = [1.0 if word == "most" else -1.0 for word in better.values()]
    values = frame[list(better)].to_numpy(np.float64) * signs
    known = ~np.isnan(values).any(axis=1)
    good = values[known]
    beaten = [bool(((good >= row).all(axis=1) & (good > row).any(axis=1)).any()) for row in values]
    return pd.Series(known & ~np.array(beaten, dtype=np.bool_), index=frame.index)


# --- plans as points of a curve ---------------------------------------------------------------------------------


def _better_and_better(
    table: SiteTable,
    choices: Iterable[Choice],
    over: Over,
    fair: Fair | None,
    time_limit_s: float | None,
    gap: float,
) -> list[Plan]:
    """Find the best plan of each choice; each choice allows what those before it do."""
    plans: list[Plan] = []
    for choice in choices:
        plan = mclp(table, choice, over=over, fair=fair, time_limit_s=time_limit_s, gap=gap)
        if plans and _beats(plans[-1], plan):
            # Time ran out: the plan before is still the better one.
            plan = replace(plan, units=plans[-1].units, value=plans[-1].value, again=None)
        plans.append(plan)
    return plans


def _beats(one: Plan, other: Plan) -> bool:
    return one.value > other.value if one.maximise else one.value < other.value


def plan_points(plans: Iterable[Plan], over: Over) -> pd.DataFrame:
    """One row a plan."""
    rows = []
    for plan in plans:
        table, base = plan.table, base_weather(plan.table)
        seconds = first_times(table, base, plan.is_open)
        timed = np.isfinite(seconds)
        people_timed = float(table.weight[timed].sum())
        people = people_in_time(plan, Over({base: 1.0}))
        everybody = float(table.weight.sum())
        rows.append(
            {
                "added": len(plan.opened),
                "people": people,
                "value": plan.value,
                "bound": plan.bound,
                "gap": plan.gap,
                "status": plan.status,
                "people_expected": people_in_time(plan, over),
                "share": people / everybody if everybody else math.nan,
                "people_timed": people_timed,
                "mean_s": float(table.weight[timed] @ seconds[timed]) / people_timed
                if people_timed
                else math.nan,
                "cost": plan.cost,
                "opened": ";".join(plan.opened),
            }
        )
    return pd.DataFrame(rows)


def people_in_time(plan: Plan, over: Over) -> float:
    """People in time, as a mean over the weathers that count."""
    table = plan.table
    return expected(
        {name: float(table.weight @ in_time(table, name, plan.is_open)) for name in over.weather}, over
    )


def _best(over: Over) -> str:
    """Whether more of a value is better: a regret is what is lost."""
    return "least" if over.rule == "regret" else "most"
