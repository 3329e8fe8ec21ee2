"""The whole question as one mixed-integer program, for what is small after merging."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, hstack, vstack

from mutualaid.siting._people._columns import Columns
from mutualaid.siting._people._effort import Effort
from mutualaid.siting._people._merged import Merged
from mutualaid.siting._people._tail import Least, Tail

__all__ = ["Solved", "by_program"]


@dataclass(frozen=True, eq=False)
class Solved:
    """What a program gave.

    Attributes
    ----------
    x
        (c,) which columns are on; None if none was found.
    bound
        No plan is better than this, or than x.
    """

    x: NDArray[np.float64] | None
    bound: float

    def spread(self, kept: NDArray[np.bool_]) -> Solved:
        """Return it with columns that were left out, which are off."""
        if self.x is None:
            return self
        x = np.zeros(len(kept))
        x[kept] = self.x
        return Solved(x, self.bound)


def by_program(people: Merged, limits: Columns, goal: Tail, least: Sequence[Least], effort: Effort) -> Solved:
    """Maximise a tail.

    A person of a row whom k units come to counts for 1 - q^k: the k-th unit adds (1 - q) q^(k - 1), less and less, so
    that continuous variables for each unit fill up in order.
    """
    free = len(limits.site)
    level, row = _levels(people)
    part = csr_array((np.ones(len(row)), (row, np.arange(len(row)))), shape=(people.reach.shape[0], len(row)))
    worth = csr_array(people.worth.T @ part).multiply((1 - people.busy) * np.power(people.busy, level)[None])
    blocks = csr_array(hstack([csr_array((worth.shape[0], free)), csr_array(worth)]))
    added = [goal.rows(blocks, people.base), *(tail.rows(blocks, people.base) for tail, _ in least)]
    width, more = free + len(row), [len(rows.low) for rows in added]
    total = width + sum(more)
    pieces = [
        (limits.rows, limits.least, limits.most),
        (
            hstack([people.reach, -part]),
            np.zeros(people.reach.shape[0]),
            np.full(people.reach.shape[0], np.inf),
        ),
    ]
    offset, objective = width, np.zeros(total)
    for k, rows in enumerate(added):
        value = _spread(csr_array(rows.value[None]), width, offset, total)
        if k == 0:
            objective = value.toarray()[0]
        else:
            pieces.append((value, np.array([least[k - 1][1] - rows.shift]), np.array([np.inf])))
        pieces.append(
            (_spread(rows.rows, width, offset, total), rows.least, np.full(len(rows.least), np.inf))
        )
        offset += more[k]
    matrix = vstack([_widen(csr_array(piece[0]), total) for piece in pieces], format="csr")
    low, high = (np.concatenate([piece[k] for piece in pieces]) for k in (1, 2))
    scale = 1e4 / max(np.abs(objective).sum(), 1e-300)
    result = milp(
        -objective * scale,
        integrality=(np.arange(total) < free).astype(np.int64),
        bounds=Bounds(
            np.concatenate([np.zeros(width), *(rows.low for rows in added)]),
            np.append(np.ones(width), np.full(total - width, np.inf)),
        ),
        constraints=LinearConstraint(matrix, low, high),
        options={"mip_rel_gap": effort.gap, "time_limit": effort.left_s},
    )
    if result.status == 2:
        return Solved(None, -np.inf)
    x = None if result.x is None else np.rint(result.x[:free])
    if result.status == 0 and effort.gap == 0:
        return Solved(x, -np.inf)  # what its bound is above the value is rounding
    bound = np.inf if result.mip_dual_bound is None else -result.mip_dual_bound / scale + added[0].shift
    return Solved(x, bound)


def _levels(people: Merged) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return unit (the first is 0) and row of each variable: as many for a row as units may come to it."""
    if people.busy == 0:
        rows = people.reach.shape[0]
        return np.zeros(rows, np.int64), np.arange(rows)
    most = np.rint(people.reach.sum(axis=1)).astype(np.int64)
    row = np.repeat(np.arange(len(most)), most)
    return np.arange(len(row)) - np.repeat(np.cumsum(most) - most, most), row


def _widen(matrix: csr_array[np.float64], total: int) -> csr_array[np.float64]:
    return csr_array((matrix.data, matrix.indices, matrix.indptr), shape=(matrix.shape[0], total))


def _spread(matrix: csr_array[np.float64], width: int, offset: int, total: int) -> csr_array[np.float64]:
    """Place what follows the first `width` columns at `offset`."""
    column = np.where(matrix.indices < width, matrix.indices, matrix.indices - width + offset)
    return csr_array((matrix.data, column, matrix.indptr), shape=(matrix.shape[0], total))
