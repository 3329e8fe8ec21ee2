"""Expected coverage: units may be busy, so several of them near the same people are worth something."""

from __future__ import annotations

import numpy as np

from mutualaid.errors import Defect
from mutualaid.siting._choice import Choice, Fair, Over, check_asked
from mutualaid.siting._people._covering import covering
from mutualaid.siting._people._effort import Effort
from mutualaid.siting._plan import Plan
from mutualaid.siting._table import SiteTable

__all__ = ["mexclp"]


def mexclp(
    table: SiteTable,
    choice: Choice,
    *,
    busy: float,
    per_site: int = 1,
    over: Over | None = None,
    fair: Fair | None = None,
    time_limit_s: float | None = None,
    gap: float = 0.0,
    reduce: bool = True,
) -> Plan:
    """Reach as many people in time as can be expected if units are busy (Daskin 1983).

    A unit is busy with probability q, whatever the others do, so k units in time are worth 1 - q^k of the people.

    Parameters
    ----------
    table
        Sites, people and times. A station has its ``units``.
    choice
        ``add`` and ``move`` count new units; a site with several is paid once.
    busy
        q, from 0 up to but not 1.
    per_site
        Units that a candidate may get.
    over, fair, time_limit_s, gap, reduce
        As for `mclp`; people are expected people.

    Returns
    -------
    Plan
        Its value is people, each counted with the probability that a unit is free to come in time.

    Raises
    ------
    SitingError
        As for `mclp`.

    Examples
    --------
    Two units at the town are worth more than one at each place.

    >>> import pandas as pd
    >>> from mutualaid.siting import Choice, mexclp, site_table
    >>> demand = pd.DataFrame({"population": [1000, 100]}, index=["town", "village"])
    >>> table = site_table([[200, 900], [900, 200]], ["in town", "in the village"], demand, limit_s=480)
    >>> plan = mexclp(table, Choice(add=2), busy=0.3, per_site=2)
    >>> plan.units.tolist(), round(plan.value, 6)
    ([2, 0], 910.0)
    """
    defects = []
    if not 0 <= busy < 1:
        remedy = "0.2 stands for a unit that is out a fifth of the time"
        defects.append(Defect("", "busy", "a probability from 0 up to but not 1", f"{busy}", remedy))
    if per_site < 1 or per_site != int(per_site):
        defects.append(Defect("", "per_site", "a whole number from 1 on", f"{per_site}", "correct it"))
    over, fair = over or Over(), fair or Fair()
    most = 1 if defects else int(per_site)
    check_asked(
        table, choice, fair=fair, over=over, time_limit_s=time_limit_s, gap=gap, more=defects, per_site=most
    )
    return covering(
        "mexclp",
        table,
        choice,
        size=np.where(table.existing, table.sites["units"].to_numpy(np.int64), 1),
        busy=busy,
        per_site=int(per_site),
        over=over,
        fair=fair,
        effort=Effort.of(time_limit_s, gap, reduce),
    )
