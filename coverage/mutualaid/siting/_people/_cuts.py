"""A bound on what any plan can reach: a linear program over the columns, and cuts that stand for the people.

The people reached, F(x), rise less and less with x, so that at any point a plane lies on or above all of F; it follows
in closed form from who is reached there (Benders cuts of coverage: Cordeau, Furini & Ljubić 2019). The program knows
the columns, one variable for the people of each block, and such planes as have been needed. Cuts made between the
program's answer and the best point known so far (in-out) need several times fewer rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_array, hstack, vstack

from mutualaid.siting._compiled import compiled
from mutualaid.siting._people._columns import Columns
from mutualaid.siting._people._merged import Merged
from mutualaid.siting._people._tail import Least, Tail, TailRows

__all__ = ["Master", "Relaxed", "planes"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
#: The people of a question are scaled to so many, which suits the solver's tolerances.
_SCALE = 1e4
#: A cut is needed if the program counts so many (scaled) people too many in a block.
_NEEDED = 1e-6
#: Cuts that have not been tight for so many programs are dropped.
_STALE = 12


@dataclass(frozen=True, eq=False)
class Relaxed:
    """Answer of the program.

    Attributes
    ----------
    x
        (c,) columns, which may be fractions.
    people
        (blocks,) people as the cuts know them: no less than x reaches.
    bound
        Of the goal.
    slope
        (c,) what the bound changes by if x is pushed off its bound.
    """

    x: Floats
    people: Floats
    bound: float
    slope: Floats


class Master:
    """The program with its cuts.

    Parameters
    ----------
    people
        Rows and blocks: the more blocks, the fewer rounds, and the larger the program.
    limits, goal, least
        What is asked for, with the goal and all that must be enough in people of these blocks.
    scale
        What people are multiplied by in the program; chosen if 0.
    """

    def __init__(
        self, people: Merged, limits: Columns, goal: Tail, least: Sequence[Least], scale: float = 0.0
    ) -> None:
        self.people, self.limits, self.goal, self.least = people, limits, goal, least
        #: (c,) the best point known, from which cuts are made.
        self.inner = np.zeros(len(limits.site))
        self.inner_value = -np.inf
        most: Floats = np.asarray(people.worth.sum(axis=0))
        self._scale = scale or _SCALE / (float(most.sum()) or 1.0)
        self._most = most * self._scale
        self._columns, self._blocks = len(limits.site), len(most)
        self._write()
        self._cuts = csr_array((0, self._width))
        self._const, self._age = np.zeros(0), np.zeros(0, np.int64)

    def _write(self) -> None:
        """Write down all rows that do not change; all are at most."""
        free, limits = self._columns, self.limits
        eye = csr_array((np.ones(self._blocks), (np.arange(self._blocks), free + np.arange(self._blocks))))
        base = self.people.base * self._scale
        tails = [
            Tail(tail.of, tail.shift * self._scale, tail.weight, tail.share)
            for tail in (self.goal, *(tail for tail, _ in self.least))
        ]
        added = [tail.rows(csr_array(eye), base) for tail in tails]
        more = [len(rows.low) for rows in added]
        offset = free + self._blocks + np.concatenate([[0], np.cumsum(more)])
        self._width = int(offset[-1])
        rows, most = [], []
        for matrix, high in ((limits.rows, limits.most), (-limits.rows, -limits.least)):
            is_limit = np.isfinite(high)
            rows.append(_widened(csr_array(csr_array(matrix)[is_limit]), self._width))
            most.append(high[is_limit])
        self._goal = np.zeros(self._width)
        for k, tail in enumerate(added):
            value = _placed(tail, csr_array(tail.value[None]), int(offset[k]), self._width)
            if k == 0:
                self._goal, self._shift = value.toarray()[0], tail.shift
            else:
                rows.append(-value)
                most.append(np.array([tail.shift - self.least[k - 1][1] * self._scale]))
            rows.append(-_placed(tail, tail.rows, int(offset[k]), self._width))
            most.append(-tail.least)
        self._rows, self._rows_most = csr_array(vstack(rows)), np.concatenate(most)
        self._extra_low = np.concatenate([tail.low for tail in added])

    def solve(self, low: Floats, high: Floats, time_limit_s: float) -> Relaxed | None:
        """Solve it with ``low <= x <= high``; None if there is no such point.

        Raises
        ------
        TimeoutError
            It took longer.
        """
        extra = len(self._extra_low)
        bounds = np.column_stack(
            [
                np.concatenate([low, np.zeros(self._blocks), self._extra_low]),
                np.concatenate([high, self._most, np.full(extra, np.inf)]),
            ]
        )
        for method in ("highs", "highs-ipm"):  # the second only where the first meets numerical difficulties
            result = linprog(  # type: ignore[call-overload]
                -self._goal,
                A_ub=vstack([self._rows, self._cuts], format="csr"),
                b_ub=np.append(self._rows_most, self._const),
                bounds=bounds,
                method=method,
                options={"time_limit": time_limit_s},
            )
            if result.status != 4:
                break
        if result.status == 2:
            return None
        if result.status == 1:
            raise TimeoutError
        if result.status != 0:
            raise RuntimeError(f"the linear program of a siting question failed: {result.message}")
        slack = result.ineqlin.residual[len(self._rows_most) :]
        self._age = np.where(slack > 1e-7, self._age + 1, 0)
        kept = self._age <= _STALE
        if not kept.all():
            self._cuts, self._const, self._age = (
                csr_array(self._cuts[kept]),
                self._const[kept],
                self._age[kept],
            )
        slope = result.lower.marginals + result.upper.marginals
        free = self._columns
        return Relaxed(
            np.clip(result.x[:free], low, high),
            result.x[free : free + self._blocks],
            (-result.fun + self._shift) / self._scale,
            -slope[:free] / self._scale,
        )

    def value(self, x: Floats) -> float:
        """Return the goal at a point, which may have fractions."""
        return float(self.goal.value(self.people.people(x)))

    def cut(self, relaxed: Relaxed, low: Floats, high: Floats) -> int:
        """Add the cuts that an answer needs; returns their number."""
        middle = (relaxed.x + np.clip(self.inner, low, high)) / 2
        for point in (middle, relaxed.x):
            const, slope = planes(self.people, point)
            const, slope = const * self._scale, slope * self._scale
            self._keep_inner(point, const + slope @ point)
            needed = np.flatnonzero(relaxed.people - const - slope @ relaxed.x > _NEEDED)
            if len(needed):
                self._add(needed, const, slope)
                return len(needed)
        return 0

    def _keep_inner(self, point: Floats, reached: Floats) -> None:
        """Keep a point if the goal is larger there, and all that must be is enough."""
        people = self.people.base + reached / self._scale
        value = float(self.goal.value(people))
        if value > self.inner_value and all(tail.value(people) >= much for tail, much in self.least):
            self.inner, self.inner_value = point, value

    def _add(self, blocks: NDArray[np.int64], const: Floats, slope: Floats) -> None:
        own = csr_array(
            (np.ones(len(blocks)), (np.arange(len(blocks)), blocks)), shape=(len(blocks), self._blocks)
        )
        rows = _widened(csr_array(hstack([csr_array(-slope[blocks]), own])), self._width)
        self._cuts = csr_array(vstack([self._cuts, rows]))
        self._const = np.append(self._const, const[blocks])
        self._age = np.append(self._age, np.zeros(len(blocks), np.int64))

    def only(self, kept: NDArray[np.int64], people: Merged, limits: Columns) -> Master:
        """Return it with some columns only; the others are 0."""
        other = Master(people, limits, self.goal, self.least, self._scale)
        place = np.concatenate([kept, np.arange(self._columns, self._width)])
        other._cuts, other._const, other._age = csr_array(self._cuts[:, place]), self._const, self._age
        other.inner, other.inner_value = self.inner[kept], self.inner_value
        return other


def _widened(matrix: csr_array[np.float64], width: int) -> csr_array[np.float64]:
    return csr_array((matrix.data, matrix.indices, matrix.indptr), shape=(matrix.shape[0], width))


def _placed(tail: TailRows, matrix: csr_array[np.float64], offset: int, width: int) -> csr_array[np.float64]:
    """Place the variables that a tail adds at `offset`."""
    start = matrix.shape[1] - len(tail.low)
    column = np.where(matrix.indices < start, matrix.indices, matrix.indices - start + offset)
    return csr_array((matrix.data, column, matrix.indptr), shape=(matrix.shape[0], width))


def planes(people: Merged, x: Floats) -> tuple[Floats, Floats]:
    """Return the plane of each block that lies on or above its people, and touches them at a point.

    Parameters
    ----------
    people
        Rows and blocks; what is reached anyway is not in it.
    x
        (c,) the point, which may have fractions.

    Returns
    -------
    const, slope
        (blocks,) and (blocks, c).
    """
    reach, worth = people.reach, people.worth
    return _planes(
        reach.indptr, reach.indices, reach.data, worth.indptr, worth.indices, worth.data,
        len(people.base), people.busy, x,
    )  # fmt: skip


@compiled
def _planes(
    start: Ints, column: Ints, size: Floats, first: Ints, block: Ints, worth: Floats, blocks: int,
    busy: float, x: Floats,
) -> tuple[Floats, Floats]:  # fmt: skip
    """(blocks,) and (blocks, columns): people of each block are at most the one plus the other times any x."""
    const = np.zeros(blocks)
    slope = np.zeros((blocks, len(x)))
    for row in range(len(start) - 1):
        units = 0.0
        for at in range(start[row], start[row + 1]):
            units += size[at] * x[column[at]]
        whole = np.floor(units + 1e-7)
        left = busy**whole
        gain = (1 - busy) * left
        for entry in range(first[row], first[row + 1]):
            people = worth[entry]
            const[block[entry]] += people * (1 - left - gain * whole)
            if gain > 0:
                for at in range(start[row], start[row + 1]):
                    slope[block[entry], column[at]] += people * gain * size[at]
    return const, slope
