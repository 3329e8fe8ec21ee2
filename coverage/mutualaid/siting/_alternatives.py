"""The best plans that are not alike, and the sites that they share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from mutualaid.errors import Defect, SitingError
from mutualaid.siting._plan import Plan

__all__ = ["alternatives", "shared_sites"]


def alternatives(
    plan: Plan,
    *,
    count: int = 5,
    within: float = 0.02,
    differ: int = 1,
    apart: ArrayLike | None = None,
) -> list[Plan]:
    """Find the best plans that are nearly as good.

    Parameters
    ----------
    plan
        The best one.
    count
        How many to find at most, it included.
    within
        Share of its value by which a plan may be worse.
    differ
        Number of sites in which each differs from every other, at least; a site given up for another one counts as
        two. Where a site may have several units, units are counted.
    apart
        (s, s) bool, whether two sites are far from each other. If given, each plan opens a site that is far from all
        that any one plan before it opens: a rival elsewhere, not next door.

    Returns
    -------
    list of Plan
        The best first, and each the best that differs from all before it; fewer than `count` if there are no more. Each
        takes as long as the first one was allowed to, at most, and says whether it is proven.

    Raises
    ------
    SitingError
        A number that cannot be meant, or a plan that was not made by a model.

    Examples
    --------
    >>> import pandas as pd
    >>> from mutualaid.siting import Choice, alternatives, mclp, shared_sites, site_table
    >>> demand = pd.DataFrame({"population": [500, 100, 98]}, index=["a", "b", "c"])
    >>> seconds = [[300, 900, 900], [900, 400, 900], [900, 900, 450]]
    >>> table = site_table(seconds, ["north", "south", "west"], demand, limit_s=480)
    >>> found = alternatives(mclp(table, Choice(add=2)), count=2)
    >>> [(other.open, other.value) for other in found]
    [(('north', 'south'), 600.0), (('north', 'west'), 598.0)]
    >>> shared_sites(found)["share"].to_dict()
    {'north': 1.0, 'south': 0.5, 'west': 0.5}
    """
    defects = []
    if count < 1 or count != int(count):
        defects.append(
            Defect("", "count", "a whole number from 1 on", f"{count}", "ask for one plan or more")
        )
    if not 0 <= within < 1:
        remedy = "0.02 stands for 2 %"
        defects.append(Defect("", "within", "a share from 0 up to but not 1", f"{within}", remedy))
    if differ < 1 or differ != int(differ):
        remedy = "1 is any other plan"
        defects.append(Defect("", "differ", "a whole number of sites from 1 on", f"{differ}", remedy))
    if plan.again is None:
        remedy = "give one as a model returns it"
        defects.append(Defect("", "plan", "a plan that can be asked again", plan.model, remedy))
    sites = len(plan.table.sites)
    far = None if apart is None else np.asarray(apart, dtype=np.bool_)
    if far is not None and far.shape != (sites, sites):
        remedy = "give a row and a column for each site"
        defects.append(Defect("", "apart", f"shape ({sites}, {sites})", f"{far.shape}", remedy))
    if defects or plan.again is None:
        raise SitingError(defects)
    worst = plan.value * (1 - within if plan.maximise else 1 + within)
    found = [plan]
    while len(found) < count:
        known = [one.units for one in found]
        if far is None:
            other = plan.again(known, int(differ), worst)
        else:
            rivals = [~plan.table.existing & far[:, _opened(one)].all(axis=1) for one in found]
            other = plan.again(known, int(differ), worst, rivals)
        if other is None:
            break
        found.append(other)
    return found


def shared_sites(plans: Sequence[Plan]) -> pd.DataFrame:
    """Count in how many plans each site is open.

    Parameters
    ----------
    plans
        All of the same sites, such as `alternatives` returns them.

    Returns
    -------
    DataFrame
        Index ``site``, those that are open in any plan, the most shared first; ``plans``, their number, and ``share``
        of all. Sites with the share 1 are in every plan: what is sure whichever is chosen.
    """
    number = np.sum([plan.is_open for plan in plans], axis=0) if len(plans) else np.zeros(0, np.int64)
    index = plans[0].table.sites.index if len(plans) else pd.Index([])
    table = pd.DataFrame({"plans": number.astype(np.int64)}, index=index.rename("site"))
    table["share"] = table["plans"] / max(len(plans), 1)
    return table[table["plans"] > 0].sort_values("plans", ascending=False, kind="stable")


def _opened(plan: Plan) -> NDArray[np.bool_]:
    return np.asarray(plan.is_open & ~plan.table.existing)
