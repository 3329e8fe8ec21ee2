"""Plans at hand at once, for when there is no time to prove a better one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mutualaid.siting._choice import SiteLimits

__all__ = ["allowed", "greedy_cover", "open_greedily"]

Bools = NDArray[np.bool_]


def allowed(limits: SiteLimits, is_open: Bools) -> bool:
    """Say whether a choice allows this set of open sites."""
    x = is_open.astype(np.float64)
    value = np.asarray(limits.rows @ x)
    slack = 1e-9 * np.asarray(abs(limits.rows).sum(axis=1))
    return bool(
        (x >= limits.low).all()
        and (x <= limits.high).all()
        and (value >= limits.least - slack).all()
        and (value <= limits.most + slack).all()
    )


def open_greedily(limits: SiteLimits, is_open: Bools, gain: Callable[[Bools], NDArray[np.float64]]) -> Bools:
    """Open the most useful site that the choice allows, again and again, until none is of use.

    Parameters
    ----------
    limits
        What the choice allows.
    is_open
        (s,) sites that are open at the start.
    gain
        (s,) what each site would be worth, given those that are open.
    """
    is_open = is_open.copy()
    while True:
        worth = np.where(is_open, 0.0, gain(is_open))
        for site in np.argsort(-worth, kind="stable"):
            if worth[site] <= 0:
                return is_open
            is_open[site] = True
            if allowed(limits, is_open):
                break
            is_open[site] = False
        else:
            return is_open


def greedy_cover(
    sets: Bools, weight: NDArray[np.float64], cost: NDArray[np.float64], is_open: Bools
) -> Bools:
    """Open what covers most sets for its cost, again and again; then close what is not needed.

    Parameters
    ----------
    sets
        (rows, s) which sites cover each.
    weight
        (rows,) how many sets each stands for.
    cost
        (s,) of an open site.
    is_open
        (s,) stations that are open at the start, and stay.

    Returns
    -------
    (s,) bool
    """
    is_open = is_open.copy()
    some = ~sets[:, is_open].any(axis=1)
    left, weight = sets[some], weight[some]
    number = weight @ left
    added = []
    while len(left):
        price = np.where(number > 0, cost / np.maximum(number, 1), np.inf)
        best = int(np.lexsort((-number, price))[0])
        is_open[best] = True
        added.append(best)
        gone = left[:, best]
        number -= weight[gone] @ left[gone]
        left, weight = left[~gone], weight[~gone]
    times = sets[:, is_open].sum(axis=1)
    for site in sorted(added, key=lambda site: -cost[site]):
        if (times[sets[:, site]] > 1).all():
            is_open[site] = False
            times -= sets[:, site]
    return is_open
