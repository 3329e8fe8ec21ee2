"""People that no plan reaches, because no site is near enough."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mutualaid.siting._choice import Choice, check_asked
from mutualaid.siting._table import SiteTable

__all__ = ["unreached", "unreached_note"]


def unreached(table: SiteTable, weather: str = "") -> pd.DataFrame:
    """Name the demand that no site would reach in time, even if there were a station at each.

    No plan is to blame for it: it needs other candidates, a way, an agreement, or a longer limit.

    Parameters
    ----------
    table
        Sites, demand and times.
    weather
        Id of a scenario; fair weather if empty.

    Returns
    -------
    DataFrame
        Its rows of ``table.demand``, with ``site``, the one that is nearest, and its ``seconds``: missing and inf
        where no site comes at all.

    Raises
    ------
    SitingError
        There are no times in that weather.

    Examples
    --------
    >>> import pandas as pd
    >>> from mutualaid.siting import site_table, unreached
    >>> demand = pd.DataFrame({"population": [500, 200]}, index=["a", "b"])
    >>> table = site_table([[300, 900], [700, 800]], ["north", "south"], demand, limit_s=480)
    >>> unreached(table)[["population", "site", "seconds"]]
       population   site  seconds
    b       200.0  south    800.0
    """
    check_asked(table, Choice(), weather=[weather])
    lost = ~table.reach(weather).any(axis=0)
    seconds = table.seconds[weather][:, lost]
    nearest = table.sites.index[seconds.argmin(axis=0)].to_series().reset_index(drop=True)
    shortest = seconds.min(axis=0)
    nearest = nearest.where(np.isfinite(shortest))
    return table.demand[lost].assign(site=nearest.to_numpy(), seconds=shortest)


def unreached_note(table: SiteTable, weather: str = "", limit_s: float | None = None) -> tuple[str, ...]:
    """Say in one sentence how many people no site reaches; nothing if there are none.

    Parameters
    ----------
    table
        Sites, demand and times.
    weather
        Id of a scenario; fair weather if empty.
    limit_s
        Another limit than that of the table; inf is none.
    """
    lost = ~table.reach(weather, limit_s).any(axis=0) & (table.weight > 0)
    if not lost.any():
        return ()
    points = "1 point" if lost.sum() == 1 else f"{lost.sum():,} points"
    when = f" in {weather}" if weather else ""
    people = f"{table.weight[lost].sum():,.0f} people at {points}"
    return (f"{people} are reached by no site{when}, even if all were open.",)
