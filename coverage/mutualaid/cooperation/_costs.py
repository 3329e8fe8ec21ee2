"""What coalitions of partners would pay by themselves, and who pays more than that."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from mutualaid.cooperation._core import TOLERANCE, CoreCheck
from mutualaid.cooperation._games import MAX_ENUMERATED
from mutualaid.cooperation._program import best_choice
from mutualaid.data import Costs
from mutualaid.errors import AgreementError, Defect

__all__ = ["check_costs", "coalition_costs", "overpaying"]


def coalition_costs(costs: Costs, partners: Sequence[str]) -> NDArray[np.float64]:
    """Give what each coalition would pay a year by itself: the cheapest way to split it into what costs are stated for.

    Those that costs are stated for are partners alone (`Costs.alone`) and groups (`Costs.coalition`). A coalition
    pays the cheapest sum of such parts, so it never pays more than its parts do. What it could save beyond the
    stated groups is not known: its true cost may be lower.

    Parameters
    ----------
    costs
        What is stated.
    partners
        Names, up to 16.

    Returns
    -------
    ndarray
        (2ⁿ,) float64; bit i of the position says whether partner i is in the coalition. NaN where somebody's cost
        alone is unknown and no stated group holds that partner.

    Raises
    ------
    AgreementError
        More than 16 partners, one of them twice, or costs of somebody who is no partner.

    Examples
    --------
    >>> from mutualaid.cooperation import coalition_costs
    >>> from mutualaid.data import CoalitionCost, Costs
    >>> stated = Costs(alone={"A": 5, "B": 4}, coalition=(CoalitionCost(parties=("B", "C"), cost=6),))
    >>> coalition_costs(stated, ["A", "B", "C"]).tolist()
    [0.0, 5.0, 4.0, 9.0, nan, nan, 6.0, 11.0]
    """
    check_costs(costs, partners)
    n = len(partners)
    if n > MAX_ENUMERATED:
        expected, remedy = (
            f"{MAX_ENUMERATED} partners or fewer",
            "use core_table, which goes without all coalitions",
        )
        raise AgreementError([Defect("", "partners", expected, str(n), remedy)])
    stated = [(sum(1 << partners.index(name) for name in parties), cost) for parties, cost in _stated(costs)]
    cheapest = np.full(1 << n, math.inf)
    cheapest[0] = 0.0
    for last in range(n):
        # Each coalition up to this partner has one part that holds it, and what is left of it is known already.
        lower = np.arange(1 << last)
        for part, cost in stated:
            if part >> last == 1:
                others = part ^ (1 << last)
                holds = lower[lower & others == others]
                total = cost + cheapest[holds ^ others]
                cheapest[holds | 1 << last] = np.minimum(cheapest[holds | 1 << last], total)
    cheapest[np.isinf(cheapest)] = math.nan
    return cheapest


def overpaying(costs: Costs, amounts: pd.Series) -> CoreCheck:
    """Find the coalition that pays the most above what it would pay by itself.

    It consists of parts that costs are stated for, and each part pays too much. So it is the set of parts without a
    common partner that pays too much by the largest sum: `core_check` on `coalition_costs`, for any number of partners.

    Parameters
    ----------
    costs
        Checked, with costs alone of all partners.
    amounts
        What each partner pays, indexed by partner.
    """
    over = [(math.fsum(amounts[list(parties)]) - cost, parties) for parties, cost in _stated(costs)]
    over = [one for one in over if one[0] > TOLERANCE * amounts.sum()]
    if not over:
        return CoreCheck((), 0.0)
    excess = np.array([one[0] for one in over])
    takes_part = np.array([amounts.index.isin(parties) for _, parties in over])
    chosen = best_choice(excess, csr_array(takes_part.T, dtype=np.float64), 1, choices=len(over))
    members = set().union(*(parties for (_, parties), one in zip(over, chosen, strict=True) if one))
    return CoreCheck(tuple(name for name in amounts.index if name in members), math.fsum(excess[chosen]))


def check_costs(costs: Costs, partners: Sequence[str]) -> None:
    """Raise an error that names everybody whose costs are stated and who is no partner."""
    known, stated = (
        f"some of {', '.join(partners)}",
        sorted({name for parties, _ in _stated(costs) for name in parties}),
    )
    defects = [
        Defect("", "costs", known, name, "correct the name, or leave it out")
        for name in stated
        if name not in partners
    ]
    if len(set(partners)) < len(partners):
        defects.append(Defect("", "partners", "each once", ", ".join(partners), "remove the second"))
    if defects:
        raise AgreementError(defects)


def _stated(costs: Costs) -> Iterator[tuple[tuple[str, ...], float]]:
    """Partners and groups that costs are stated for."""
    yield from (((name,), cost) for name, cost in costs.alone.items())
    yield from ((one.parties, one.cost) for one in costs.coalition)
