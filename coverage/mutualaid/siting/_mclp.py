"""Maximal coverage: as many people in time as the stations allow."""

from __future__ import annotations

import numpy as np

from mutualaid.siting._choice import Choice, Fair, Over, check_asked
from mutualaid.siting._people._covering import covering
from mutualaid.siting._people._effort import Effort
from mutualaid.siting._plan import Plan
from mutualaid.siting._table import SiteTable

__all__ = ["mclp"]


def mclp(
    table: SiteTable,
    choice: Choice,
    *,
    over: Over | None = None,
    fair: Fair | None = None,
    time_limit_s: float | None = None,
    gap: float = 0.0,
    reduce: bool = True,
) -> Plan:
    """Reach as many people in time as possible (maximal covering, Church & ReVelle 1974).

    The p sites of the textbook are ``Choice(add=p)`` where all sites are candidates.

    Parameters
    ----------
    table
        Sites, people and times.
    choice
        What may be opened, closed and moved, and for how much money.
    over
        Weathers that count, and how they are made one number; fair weather only if None. For ``regret`` the value is
        the most people lost in any of them against the best plan for that weather alone, which owes the same to
        partners; it is made as small as possible.
    fair
        What is owed to partners.
    time_limit_s
        Stop then, with the best plan found, and how far it may be from the optimum.
    gap
        Stop as soon as the bound is so near, as a share of it; 0 is a proven optimum.
    reduce
        Whether to leave out what cannot matter first. It changes how long it takes, and not the value.

    Returns
    -------
    Plan
        Its value is people reached in time.

    Raises
    ------
    SitingError
        A wish that cannot be meant, or floors that no plan keeps: who, how many people, and how many at most.

    Examples
    --------
    The best site alone is not one of the best two.

    >>> import pandas as pd
    >>> from mutualaid.siting import Choice, mclp, site_table
    >>> demand = pd.DataFrame({"population": [300, 300, 200, 200]}, index=["a", "b", "c", "d"])
    >>> seconds = [[300, 900, 480, 900], [900, 400, 900, 450], [480, 480, 900, 900]]
    >>> table = site_table(seconds, ["north", "south", "middle"], demand, limit_s=480)
    >>> mclp(table, Choice(add=1)).open
    ('middle',)
    >>> plan = mclp(table, Choice(add=2))
    >>> plan.open, plan.value, plan.status
    (('north', 'south'), 1000.0, 'optimal')
    """
    over, fair = over or Over(), fair or Fair()
    check_asked(table, choice, fair=fair, over=over, time_limit_s=time_limit_s, gap=gap)
    return covering(
        "mclp",
        table,
        choice,
        size=np.ones(len(table.sites), np.int64),
        busy=0.0,
        per_site=1,
        over=over,
        fair=fair,
        effort=Effort.of(time_limit_s, gap, reduce),
    )
