"""The core: whether some partners would do better by themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array

from mutualaid.cooperation._coverage_game import CoverageGame
from mutualaid.cooperation._games import MAX_ENUMERATED, coalition_sums, game_values
from mutualaid.cooperation._program import best_choice
from mutualaid.errors import AgreementError, Defect

__all__ = ["TOLERANCE", "CoreCheck", "core_check"]

#: What differs by less than this part of the largest value is equal.
TOLERANCE = 1e-9


@dataclass(frozen=True)
class CoreCheck:
    """Who would walk out of what all partners agreed on.

    Attributes
    ----------
    coalition
        Partners that are worst off compared with going by themselves; empty if nobody would be better off.
    excess
        By how much, in the unit of the game; 0 if nobody.
    """

    coalition: tuple[str, ...]
    excess: float

    @property
    def stable(self) -> bool:
        """Whether nobody would walk out: what was given out is in the core."""
        return not self.coalition


def core_check(game: CoverageGame | ArrayLike, allocation: pd.Series) -> CoreCheck:
    """Find the partners that together would be best advised to walk out.

    What is given out, x, is in the core if no coalition S could have more by itself: v(S) ≤ x(S) = Σ xᵢ over S
    (Gillies 1959, Solutions to general non-zero-sum games, doi:10.1515/9781400882168-005). The coalition found is
    the one with the largest excess v(S) − x(S), of several the one with the fewest partners. All coalitions are
    gone through up to 16 partners. A `CoverageGame` of more is solved as a mixed-integer program: maximise
    Σ w y − Σ x z over partners z ∈ {0, 1} and places y ≤ 1 with y ≤ z of the host and y ≤ Σ z over those that reach
    it. Its solver leaves an uncertainty of about a millionth of v(N).

    Parameters
    ----------
    game
        Who is reached by coalitions, or the (2ⁿ,) value of each, as for `shapley`.
    allocation
        What each partner gets, indexed by partner; bit i of a coalition is its row i. All that is given out is at
        most the value of all. For a game of costs, give costs and payments with a minus: then the excess is what S
        pays above what it would pay by itself.

    Returns
    -------
    CoreCheck

    Raises
    ------
    AgreementError
        Other partners or another number of them than the game has; more is given out than there is; something is
        unknown; a partner is there twice.

    Examples
    --------
    One left glove and two right ones: as soon as a right one gets anything, the left one is better off with the other.

    >>> import pandas as pd
    >>> from mutualaid.cooperation import core_check
    >>> gloves = [0, 0, 0, 1, 0, 1, 0, 1]
    >>> core_check(gloves, pd.Series({"left": 1.0, "right": 0.0, "spare": 0.0})).stable
    True
    >>> core_check(gloves, pd.Series({"left": 0.8, "right": 0.2, "spare": 0.0}))
    CoreCheck(coalition=('left', 'spare'), excess=0.19999999999999996)
    """
    names = tuple(allocation.index)
    given = allocation.to_numpy(dtype=np.float64)
    if isinstance(game, CoverageGame):
        enumerated = len(game.partners) <= MAX_ENUMERATED
        value = game.values() if enumerated else np.array([0.0, game.value(game.partners)])
        fits, expected = names == game.partners, ", ".join(game.partners)
    else:
        value, enumerated = game_values(game), True
        n = len(value).bit_length() - 1
        fits, expected = len(set(names)) == len(names) == n, f"{n} partners, each once"
    tolerance = TOLERANCE * float(np.abs(value).max())
    unknown = int(np.isnan(value).sum() + np.isnan(given).sum())
    excessive = bool(given.sum() > value[-1] + tolerance)
    checks = (
        (
            fits,
            "allocation",
            expected,
            ", ".join(names),
            "index it by the partners of the game, in their order",
        ),
        (not unknown, "values, allocation", "known numbers", f"{unknown} missing", "state what is missing"),
        (
            not excessive,
            "allocation",
            f"at most {value[-1]:g} in all",
            f"{given.sum():g}",
            "scale it to that",
        ),
    )
    defects = [
        Defect("", where, expected, got, remedy) for ok, where, expected, got, remedy in checks if not ok
    ]
    if defects:
        raise AgreementError(defects)
    if isinstance(game, CoverageGame) and not enumerated:
        inside, excess = _by_program(game, given)
    else:
        inside, excess = _by_enumeration(value, given, tolerance)
    if excess <= tolerance:
        return CoreCheck((), 0.0)
    return CoreCheck(tuple(name for name, one in zip(names, inside, strict=True) if one), excess)


def _by_enumeration(
    value: NDArray[np.float64], given: NDArray[np.float64], tolerance: float
) -> tuple[NDArray[np.bool_], float]:
    excess = value - coalition_sums(given)
    worst = np.flatnonzero(excess >= excess.max() - tolerance)
    mask = worst[np.argmin(np.bitwise_count(worst))]
    return (mask >> np.arange(len(given))) & 1 == 1, float(excess[mask])


def _by_program(game: CoverageGame, given: NDArray[np.float64]) -> tuple[NDArray[np.bool_], float]:
    """Largest excess of a game of coverage: variables are its partners, then the rows that need a helper."""
    n = len(game.partners)
    own = game.reached[np.arange(len(game.host)), game.host]
    helped = np.flatnonzero(~own & game.reached.any(axis=1))
    alone = np.bincount(game.host[own], weights=game.population[own], minlength=n)
    gain = np.concatenate([alone - given, game.population[helped]])
    if not gain.any():
        return np.zeros(n, dtype=np.bool_), 0.0
    # Two limits for each row: no more than its host, and no more than all that reach it.
    places = np.arange(len(helped))
    place, helper = np.nonzero(game.reached[helped])
    row = np.concatenate([places, places, places + len(helped), place + len(helped)])
    column = np.concatenate([n + places, game.host[helped], n + places, helper])
    sign = np.repeat([1.0, -1.0, 1.0, -1.0], [len(helped), len(helped), len(helped), len(place)])
    limits = coo_array((sign, (row, column)), shape=(2 * len(helped), len(gain))).tocsr()
    inside = best_choice(gain, limits, 0, choices=n)

    def excess(coalition: NDArray[np.bool_]) -> float:
        members = [name for name, one in zip(game.partners, coalition, strict=True) if one]
        return game.value(members) - float(given[coalition].sum())

    worst = excess(inside)
    for partner in np.flatnonzero(inside):  # who makes no difference is left out
        fewer = inside & (np.arange(n) != partner)
        if excess(fewer) >= worst:
            inside = fewer
    return inside, excess(inside)
