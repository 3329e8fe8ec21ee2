"""Most people reached in time by two stations, while all sets are covered: the core of backup and double standard."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array, hstack, vstack

from mutualaid.siting._choice import SiteLimits
from mutualaid.siting._sets._cover import cover_rows, merged, smallest_sets
from mutualaid.siting._sets._greedy import allowed, open_greedily
from mutualaid.siting._sets._program import Answer, Rows, minimise, within_limits
from mutualaid.siting._table import SiteTable

__all__ = ["greedy_twice", "most_twice", "people_reached"]


def people_reached(
    table: SiteTable, weather: Sequence[str], is_open: NDArray[np.bool_], *, times: int = 1
) -> float:
    """People whom so many open sites, or more, reach in time in each of the weathers."""
    reached = [table.reach(name)[is_open].sum(axis=0) >= times for name in weather]
    return float(table.weight[np.all(reached, axis=0)].sum())


def most_twice(
    table: SiteTable,
    weather: Sequence[str],
    sets: NDArray[np.bool_],
    limits: SiteLimits,
    more: Sequence[Rows] = (),
    *,
    covered: bool = False,
    once: float = 0.0,
    times: int = 2,
    reduce: bool = True,
    time_limit_s: float | None = None,
    gap: float = 0.0,
) -> Answer:
    """Find the open sites that cover all sets and reach most people twice in each weather.

    The program has x, (s,), open sites, and for each group of people with the same sites in reach whether they are
    reached once, z, and twice, y: ``y <= z`` and ``y + z <= Σ x`` over the sites in reach. With z in whole numbers, y
    is whole by itself.

    Parameters
    ----------
    table, weather
        Sites, people and times, and the ids of the weathers that count.
    sets
        (rows, s) which sites cover each set.
    limits, more
        What the choice allows, and further limits on open sites.
    covered
        Whether covering all sets reaches everybody once who can be reached.
    once
        So many people are reached once, at least.
    times
        2: most people are reached twice; 1: once.
    reduce, time_limit_s, gap
        As for the models.

    Returns
    -------
    Answer
        Its value is less than 0 by the people who are reached twice, or once.
    """
    peopled = table.weight > 0
    reach = np.stack([table.reach(name)[:, peopled].T for name in weather], axis=1)
    weight = table.weight[peopled]
    if reduce:
        sets = smallest_sets(sets, limits.low)
        within = (reach.sum(axis=2) > 0).all(axis=1)
        reach, weight = merged(reach[within], weight[within])
    can, stays = ((reach & (limit > 0)).sum(axis=2).min(axis=1) for limit in (limits.high, limits.low))
    groups, weathers, count = reach.shape
    of_x = csr_array(reach.transpose(1, 0, 2).reshape(-1, count), dtype=np.float64)
    same = eye_array(groups, format="csr")
    of_group = vstack([same] * weathers, format="csr")
    at_most = [
        # In each weather, once and twice take a site each.
        Rows(csr_array(hstack([-of_x, of_group, of_group])), -np.inf, 0.0),
        Rows(csr_array(hstack([csr_array((groups, count)), -same, same])), -np.inf, 0.0),
    ]
    cost = np.zeros(count + 2 * groups)
    once_at, twice_at = slice(count, count + groups), slice(count + groups, None)
    people = cost.copy()
    people[once_at] = weight
    cost[once_at if times == 1 else twice_at] = -weight
    sure = can > 0 if covered else stays > 0
    return minimise(
        cost,
        [
            within_limits(limits),
            cover_rows(sets),
            *more,
            *at_most,
            Rows(csr_array(people[None]), once, np.inf),
        ],
        np.concatenate([limits.low, sure, stays > 1]).astype(np.float64),
        np.concatenate([limits.high, can > 0, can > 1]).astype(np.float64),
        np.arange(len(cost)) < count + groups,
        time_limit_s=time_limit_s,
        gap=gap,
    )


def greedy_twice(
    table: SiteTable, weather: str, limits: SiteLimits, is_open: NDArray[np.bool_], *, once: float
) -> NDArray[np.bool_] | None:
    """Open the most useful site again and again: for people not yet reached until they are enough, then for twice.

    Parameters
    ----------
    table, weather
        Sites, people and times, and the id of the weather.
    limits
        What the choice allows.
    is_open
        (s,) sites that are open at the start.
    once
        So many people are to be reached once.

    Returns
    -------
    (s,) bool, or None where this finds no plan that is allowed and reaches enough.
    """
    reach, weight = table.reach(weather), table.weight

    def gain(is_open: NDArray[np.bool_]) -> NDArray[np.float64]:
        count = reach[is_open].sum(axis=0)
        wanted = count == (1 if weight[count > 0].sum() >= once else 0)
        return np.asarray(reach[:, wanted] @ weight[wanted])

    is_open = open_greedily(limits, is_open, gain)
    enough = people_reached(table, [weather], is_open) >= once
    return is_open if enough and allowed(limits, is_open) else None
