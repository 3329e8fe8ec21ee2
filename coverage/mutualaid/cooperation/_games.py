"""Games of any kind: what each partner contributes to what coalitions can do."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from mutualaid.errors import AgreementError, Defect

__all__ = ["MAX_ENUMERATED", "coalition_sums", "game_values", "shapley", "shapley_sampled"]

#: Up to this many partners all coalitions are gone through: 65,536 of them.
MAX_ENUMERATED = 16


def shapley(values: ArrayLike) -> NDArray[np.float64]:
    """Give each partner its Shapley value: what it adds, on average over all orders in which partners may join.

    With n partners, φᵢ = Σ over coalitions S without i of |S|! (n − |S| − 1)! / n! · (v(S ∪ {i}) − v(S)). It is the
    only rule that gives out all of v(N), treats equals alike, gives nothing to whom adds nothing, and adds up over
    sums of games (Shapley 1953, A value for n-person games, doi:10.1515/9781400881970-018). Of a game of costs,
    where v(S) is what S would pay, it is what each has to pay.

    Parameters
    ----------
    values
        (2ⁿ,) value v of each coalition; bit i of the position says whether partner i is in it, so that
        ``values[0b101]`` belongs to the partners 0 and 2. NaN if unknown.

    Returns
    -------
    ndarray
        (n,) float64, in the unit of `values`; it sums to the value of all. NaN where an unknown value enters.

    Raises
    ------
    AgreementError
        The number of values is no power of two, one is infinite, or that of nobody is not 0.

    Examples
    --------
    Two right gloves and one left one: a pair is worth 1 (the left one is partner 0).

    >>> from mutualaid.cooperation import shapley
    >>> shapley([0, 0, 0, 1, 0, 1, 0, 1]).round(4).tolist()
    [0.6667, 0.1667, 0.1667]

    Three aircraft that need a runway of cost 1, 2 and 3 (Littlechild & Owen 1973, doi:10.1287/mnsc.20.3.370).

    >>> shapley([0, 1, 2, 2, 3, 3, 3, 3]).round(4).tolist()
    [0.3333, 0.8333, 1.8333]
    """
    value = game_values(values)
    n = len(value).bit_length() - 1
    size = np.bitwise_count(np.arange(len(value), dtype=np.uint64))
    weight = np.array([1 / (n * math.comb(n - 1, k)) for k in range(n)] + [0.0])[size]
    found = np.empty(n)
    for partner in range(n):
        # The second of three axes is the partner's bit.
        without, joined = value.reshape(-1, 2, 2**partner).transpose(1, 0, 2)
        found[partner] = ((joined - without) * weight.reshape(-1, 2, 2**partner)[:, 0]).sum()
    return found


def shapley_sampled(
    value: Callable[[frozenset[str]], float], partners: Sequence[str], *, draws: int, seed: int
) -> pd.DataFrame:
    """Estimate the Shapley value of a game with too many partners for `shapley`, and say how surely.

    Partners join in random orders, and each gets the mean of what it adds (Castro, Gómez & Tejada 2009,
    doi:10.1016/j.cor.2008.04.004). Each order is followed by its reverse, whose error often has the other sign. A
    pair of them is one observation, so the interval is that of a mean of independent observations (Student's t).
    `CoverageGame.shapley_value` is exact for any number of partners and needs no sampling.

    Parameters
    ----------
    value
        Gives the value of a coalition, a set of partners.
    partners
        Names, each once.
    draws
        Number of pairs of orders, at least 2; each takes 2 n − 1 calls of `value`. With some hundred, about 95 % of
        the intervals hold the true value. A contribution so rare that no order showed it leaves no trace in them.
    seed
        Of the random numbers: the same gives the same.

    Returns
    -------
    DataFrame
        Index ``partner``; ``estimate`` and ``half_width`` of its 95 % confidence interval, in the unit of `value`.
        The estimates sum to the value of all.

    Raises
    ------
    AgreementError
        Too few draws, a partner twice, or a value of nobody that is not 0.

    Examples
    --------
    >>> from mutualaid.cooperation import shapley_sampled
    >>> def gloves(coalition):
    ...     return float("L" in coalition and len(coalition) > 1)
    >>> found = shapley_sampled(gloves, ["L", "R", "S"], draws=2000, seed=1)
    >>> (found["estimate"] - [2 / 3, 1 / 6, 1 / 6]).abs().le(found["half_width"]).tolist()
    [True, True, True]
    """
    n, nobody = len(partners), value(frozenset())
    checks = (
        (draws >= 2, "draws", "two pairs of orders or more", draws, "a thousand is a good start"),
        (len(set(partners)) == n, "partners", "each once", ", ".join(partners), "remove the second"),
        (nobody == 0, "value", "0 for the empty coalition", nobody, "subtract it from all values"),
    )
    defects = [
        Defect("", where, expected, str(got), remedy) for ok, where, expected, got, remedy in checks if not ok
    ]
    if defects:
        raise AgreementError(defects)
    everybody = value(frozenset(partners))
    random = np.random.default_rng(seed)
    added = np.zeros((draws, n))
    for row in added:
        order = random.permutation(n)
        for joining in (order, order[::-1]):
            before = 0.0
            for count, partner in enumerate(joining, start=1):
                inside = frozenset(partners[k] for k in joining[:count])
                now = everybody if count == n else value(inside)
                row[partner] += (now - before) / 2
                before = now
    half_width = stdtrit(draws - 1, 0.975) * added.std(axis=0, ddof=1) / math.sqrt(draws)
    index = pd.Index(partners, name="partner")
    return pd.DataFrame({"estimate": added.mean(axis=0), "half_width": half_width}, index=index)


def game_values(values: ArrayLike) -> NDArray[np.float64]:
    """Check the values of all coalitions, by bitmask."""
    value = np.asarray(values, dtype=np.float64)
    if value.ndim != 1 or value.size.bit_count() != 1:
        remedy = "give one value for each set of partners, that of nobody first"
        raise AgreementError(
            [Defect("", "values", "2ⁿ values, n the number of partners", f"shape {value.shape}", remedy)]
        )
    defects = []
    if value[0] != 0:
        got, remedy = f"{value[0]:g}", "subtract it from all values"
        defects.append(Defect("", "values", "0 for the empty coalition", got, remedy))
    if np.isinf(value).any():
        remedy = "leave unknown values NaN"
        defects.append(Defect("", "values", "finite values", f"{np.isinf(value).sum()} infinite", remedy))
    if defects:
        raise AgreementError(defects)
    return value


def coalition_sums(amounts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum what the partners of each coalition have: (2ⁿ,) by bitmask."""
    total = np.zeros(1)
    for amount in amounts:
        total = np.concatenate([total, total + amount])
    return total
