"""The game of coverage: whom the partners of a coalition reach in time when they pool their stations."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from mutualaid.cooperation._games import MAX_ENUMERATED
from mutualaid.errors import AgreementError, Defect

__all__ = ["CoverageGame", "coverage_game"]


@dataclass(frozen=True, eq=False)
class CoverageGame:
    """Whom coalitions of partners reach in time; put together by `coverage_game`.

    v(S) = people of the partners in S whom a station of a partner in S reaches within the standard. A place counts
    for S if its host is in S, and so is at least one partner that reaches it. More partners never lower v, and nor
    do more stations.

    Attributes
    ----------
    partners
        Names; all columns and results are in this order.
    host
        (rows,) position of the partner where the people of a row live.
    reached
        (rows, partners) bool: which partners have a station that reaches them within the standard.
    population
        (rows,) people. Places of the same host that the same partners reach are one row.
    """

    partners: tuple[str, ...]
    host: NDArray[np.intp]
    reached: NDArray[np.bool_]
    population: NDArray[np.float64]

    def value(self, coalition: Collection[str]) -> float:
        """People whom a coalition reaches in time.

        Parameters
        ----------
        coalition
            Names of partners.

        Returns
        -------
        float

        Raises
        ------
        AgreementError
            Somebody is not a partner of the game.
        """
        if strangers := sorted(set(coalition) - set(self.partners)):
            known = f"some of {', '.join(self.partners)}"
            raise AgreementError([Defect("", "coalition", known, ", ".join(strangers), "correct the names")])
        inside = np.isin(self.partners, list(coalition))
        won = inside[self.host] & self.reached[:, inside].any(axis=1)
        return float(self.population[won].sum())

    def values(self) -> NDArray[np.float64]:
        """People whom each coalition reaches in time.

        For each host, the people that a set of partners reaches are added up over subsets (the zeta transform:
        n · 2ⁿ⁻¹ sums), and a coalition misses those whom only partners outside it reach.

        Returns
        -------
        ndarray
            (2ⁿ,) float64; bit i of the position says whether partner i is in the coalition.

        Raises
        ------
        AgreementError
            More than 16 partners.
        """
        n = len(self.partners)
        if n > MAX_ENUMERATED:
            remedy = "use shapley_value and core_check, which go without, or value for single coalitions"
            expected = f"{MAX_ENUMERATED} partners or fewer where all coalitions are gone through"
            raise AgreementError([Defect("", "partners", expected, str(n), remedy)])
        mask = self.reached @ (1 << np.arange(n))
        found = np.zeros(1 << n)
        for partner in range(n):
            here = self.host == partner
            below = np.bincount(mask[here], weights=self.population[here], minlength=1 << n)
            for bit in range(n):
                halves = below.reshape(-1, 2, 1 << bit)
                halves[:, 1] += halves[:, 0]
            # Reversed, the coalition without a partner is the one with all others.
            won = below[-1] - below[::-1]
            found.reshape(-1, 2, 1 << partner)[:, 1] += won.reshape(-1, 2, 1 << partner)[:, 1]
        return found

    def shapley_value(self) -> NDArray[np.float64]:
        """Share out the people reached by all: the exact Shapley value, for any number of partners.

        The game is a sum of one for each place, and so is its Shapley value (`shapley`). A place with w people that
        its host reaches itself is worth w to the host. If m others reach it but not the host, it counts as soon as
        the host and one of them have joined. In a random order of these m + 1 the host comes last to that unless it
        is the first of all, so it gets w m / (m + 1). A helper decides it if it comes second, behind the host, and
        gets w / (m (m + 1)).

        Returns
        -------
        ndarray
            (partners,) people; they sum to v of all partners.

        Notes
        -----
        It is credit for people reached in time: that of the host for having them, that of a helper for reaching
        those of others. It needs no enumeration, so it is linear in the rows.
        """
        helpers, own = self._helpers()
        by_host = np.where(own, self.population, self.population * helpers / (helpers + 1))
        by_helper = np.where(
            own | (helpers == 0), 0.0, self.population / np.maximum(helpers * (helpers + 1), 1)
        )
        found: NDArray[np.float64] = self._by_host(by_host) + by_helper @ self.reached
        return found

    def people(self) -> NDArray[np.float64]:
        """(partners,) people who live there, reached or not."""
        return self._by_host(self.population)

    def gained(self) -> NDArray[np.float64]:
        """(partners,) people who live there and are reached in time by all partners, but not by their own."""
        helpers, own = self._helpers()
        return self._by_host(np.where(~own & (helpers > 0), self.population, 0.0))

    def _helpers(self) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """How many partners reach each row, and whether its host does."""
        own = self.reached[np.arange(len(self.host)), self.host]
        return self.reached.sum(axis=1), own

    def _by_host(self, people: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(self.host, weights=people, minlength=len(self.partners)).astype(np.float64)


def coverage_game(
    host: ArrayLike, reached: ArrayLike, population: ArrayLike, partners: Sequence[str]
) -> CoverageGame:
    """Put together the game of coverage from demand points.

    Parameters
    ----------
    host
        (points,) int: position in `partners` of the one where the people live.
    reached
        (points, partners) bool: whether the partner has a station that reaches them within the standard.
    population
        (points,) people, or incidents a year.
    partners
        Names, each once; any number.

    Returns
    -------
    CoverageGame

    Raises
    ------
    AgreementError
        Shapes do not fit, a host is no partner, people are unknown or fewer than none, a partner is there twice.

    Examples
    --------
    A reaches its 100 people, and 60 of B that B does not reach itself; nobody reaches 7 others of B.

    >>> from mutualaid.cooperation import coverage_game
    >>> game = coverage_game([0, 1, 1], [[True, False], [True, False], [False, False]], [100, 60, 7], ["A", "B"])
    >>> game.value(["A"]), game.value(["B"]), game.value(["A", "B"])
    (100.0, 0.0, 160.0)
    >>> game.shapley_value().tolist(), game.gained().tolist()
    ([130.0, 30.0], [0.0, 60.0])
    """
    names = tuple(partners)
    code, in_time = np.asarray(host), np.asarray(reached, dtype=np.bool_)
    people = np.asarray(population, dtype=np.float64)
    shape = (people.size, len(names))
    fits = code.shape == people.shape == shape[:1] and in_time.shape == shape
    strangers = (code < 0) | (code >= len(names))
    unknown = ~(np.isfinite(people) & (people >= 0))
    shapes = f"{code.shape}, {in_time.shape}, {people.shape}"
    checks = (
        (fits, "host, reached, population", f"the shapes ({shape[0]},), {shape}, ({shape[0]},)", shapes,
         "give each point one host, one number of people, and one yes or no for each partner"),
        (not strangers.any(), "host", f"positions 0 to {len(names) - 1}", f"others at {strangers.sum()} points",
         "leave out demand of no partner, or name its partner"),
        (not unknown.any(), "population", "a number from 0 on", f"another at {unknown.sum()} points",
         "leave out points whose people are unknown"),
        (len(set(names)) == len(names), "partners", "each once", ", ".join(names), "remove the second"),
    )  # fmt: skip
    defects = [
        Defect("", where, expected, got, remedy) for ok, where, expected, got, remedy in checks if not ok
    ]
    if defects:
        raise AgreementError(defects)
    packed = np.packbits(in_time, axis=1, bitorder="little")
    words = np.pad(packed, ((0, 0), (0, -packed.shape[1] % 8))).view(np.uint64)
    rows = pd.Series(people).groupby([code, *words.T]).sum()
    hosts, *found = (rows.index.get_level_values(k).to_numpy() for k in range(rows.index.nlevels))
    bits = np.ascontiguousarray(np.column_stack(found)).view(np.uint8)
    table = np.unpackbits(bits, axis=1, count=len(names), bitorder="little").astype(np.bool_)
    return CoverageGame(names, hosts.astype(np.intp), table, np.asarray(rows, dtype=np.float64))
