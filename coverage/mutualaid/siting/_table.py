"""Sites, people and the time between them: what every siting question is asked about."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from mutualaid.errors import Defect, SitingError
from mutualaid.siting._given import demand_frame, site_frame, times_by_weather

__all__ = ["SiteTable", "site_table"]


@dataclass(frozen=True, eq=False)
class SiteTable:
    """Times from s sites to n demand points, in fair weather or in scenarios; made by `site_table`.

    Attributes
    ----------
    sites
        (s rows) index id; ``state`` (one of `STATES`), ``partner`` (who owns and pays it; may be empty),
        ``opening_cost`` (of a candidate), ``closing_cost`` (of a station), ``capacity`` (people it can serve),
        ``units`` (int, that stand there) and any other columns.
    demand
        (n rows) index id; ``population`` (weight, from 0 on), ``partner`` and ``jurisdiction`` (may be empty) and any
        other columns.
    seconds
        (s, n) float64 by id of the weather: "" is fair weather, else a scenario. inf: it does not come, because it has
        no way, no agreement, or is out of service. There is no NaN: unknown times count as inf.
    limit_s
        In time is what takes no longer, inclusive.
    unknown
        Number of times that were missing (NaN).
    """

    sites: pd.DataFrame
    demand: pd.DataFrame
    seconds: Mapping[str, NDArray[np.float64]]
    limit_s: float
    unknown: int = 0

    @property
    def weight(self) -> NDArray[np.float64]:
        """(n,) people at each demand point."""
        return self.demand["population"].to_numpy(np.float64)

    @property
    def existing(self) -> NDArray[np.bool_]:
        """(s,) whether a station stands there today."""
        return (self.sites["state"] != "candidate").to_numpy(np.bool_)

    def reach(self, weather: str, limit_s: float | None = None) -> NDArray[np.bool_]:
        """(s, n) whether a site reaches a demand point in time.

        Parameters
        ----------
        weather
            Id of a scenario; fair weather if empty.
        limit_s
            Another limit than that of the table; inf is none.
        """
        limit = self.limit_s if limit_s is None else limit_s
        # Without any limit, too, inf is nobody who comes.
        return np.asarray(self.seconds[weather] <= min(limit, sys.float_info.max))


def site_table(
    times: pd.DataFrame | ArrayLike | Mapping[str, ArrayLike],
    sites: pd.DataFrame | Sequence[str],
    demand: pd.DataFrame,
    *,
    limit_s: float,
) -> SiteTable:
    """Put response times from anywhere together with sites and demand.

    Any measure in one unit may stand for seconds, such as metres.

    Parameters
    ----------
    times
        One of

        * a long table with the columns ``site``, ``demand``, ``seconds`` and, if there are several, ``scenario``:
          pairs that are not in it do not occur;
        * a wide table, index sites and columns demand: ids are matched, not positions;
        * an array (s, n) in the order of `sites` and `demand`;
        * arrays or wide tables by scenario; "" is fair weather.

        inf says that nobody comes; a missing value is unknown, counts as nobody, and is counted in ``unknown``.
    sites
        Indexed by id, with any of the columns of `SiteTable.sites`; or only ids. What is not stated, or missing: a
        candidate of nobody, opening cost 1, closing cost 0, one unit, capacity without limit.
    demand
        Indexed by id, with ``population``, and ``partner`` and ``jurisdiction`` if there are any.
    limit_s
        The standard's limit.

    Returns
    -------
    SiteTable

    Raises
    ------
    SitingError
        Ids or columns twice, ids that are unknown, a negative cost or time, a missing or negative weight, an unknown
        state, or a shape that does not fit: all of them at once.

    Examples
    --------
    >>> import pandas as pd
    >>> from mutualaid.siting import site_table
    >>> demand = pd.DataFrame({"population": [500, 200]}, index=["a", "b"])
    >>> table = site_table([[300, 900], [700, 400]], ["north", "south"], demand, limit_s=480)
    >>> table.reach("").tolist()
    [[True, False], [False, True]]
    """
    frame, defects = site_frame(sites)
    people, more = demand_frame(demand)
    defects += more
    if not limit_s >= 0:
        defects.append(Defect("", "limit_s", "seconds from 0 on", f"{limit_s}", "give the standard's limit"))
    seconds: dict[str, NDArray[np.float64]] = {}
    if frame.index.is_unique and people.index.is_unique:
        seconds, more = times_by_weather(times, frame.index, people.index)
        defects += more
    if defects:
        raise SitingError(defects)
    unknown = 0
    for name, array in seconds.items():
        missing = np.isnan(array)
        unknown += int(missing.sum())
        seconds[name] = np.where(missing, np.inf, array) if missing.any() else array
    return SiteTable(frame, people, seconds, float(limit_s), unknown)
