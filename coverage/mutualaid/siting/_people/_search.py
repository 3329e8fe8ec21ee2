"""A good plan soon: from the best step to the next until none helps.

A step switches one column on, or off, or one off and another on. What the steps would change is known for all columns
at once, for about as much work as looking once at every pair of a row and a column.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mutualaid.siting._compiled import compiled
from mutualaid.siting._people._columns import Columns
from mutualaid.siting._people._merged import Merged
from mutualaid.siting._people._tail import Least, Tail

__all__ = ["Search"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
#: A step must gain more than this share of what there is.
_STEP = 1e-10


class Search:
    """Climbs from plan to plan.

    Parameters
    ----------
    people, limits, goal, least
        What is made largest, and under which conditions.
    until
        Clock at which to stop.
    """

    def __init__(
        self, people: Merged, limits: Columns, goal: Tail, least: Sequence[Least], until: float
    ) -> None:
        self._people, self._limits, self._goal, self._least = people, limits, goal, least
        self._until = until
        reach, worth = people.reach, people.worth
        self._arrays = (
            reach.indptr, reach.indices, limits.size, worth.indptr, worth.indices, worth.data, len(people.base)
        )  # fmt: skip
        by_column = reach.tocsc()
        self._rows_of = (by_column.indptr, by_column.indices)
        most_units = int(reach.sum(axis=1).max()) if reach.nnz else 0
        self._left = np.power(people.busy, np.arange(2.0 * most_units + 1))
        rows = limits.rows.toarray()
        size = np.abs(rows).max(axis=1, initial=0.0)
        size[size == 0] = 1
        self._bounds = (rows / size[:, None], limits.least / size, limits.most / size)
        # Nothing that is gained makes up for a lack, or for a limit that is not kept.
        self._price = (
            10 * float(np.abs(goal.of).max(initial=0.0)) * float(people.base.sum() + worth.sum()) + 1
        )

    def climb(self, x: Floats) -> tuple[Floats, float] | None:
        """Improve a plan until no step helps; None if what must be enough is not. Also returns the value."""
        x = np.rint(x)
        steps = self._switch, self._exchange
        while time.perf_counter() < self._until:
            better = next((found for step in steps if (found := step(x)) is not None), None)
            if better is None:
                break
            x = better
        reached = self._people.people(x)
        if self._broken(self._bounds[0] @ x) > 0 or any(
            tail.value(reached) < much for tail, much in self._least
        ):
            return None
        return x, float(self._goal.value(reached))

    def _merit(self, reached: Floats, rows: Floats) -> Floats:
        """(…) the goal of (…, blocks) people less what lacks and what is broken; rows are (limits, …)."""
        merit = self._goal.value(reached)
        lacks = [np.maximum(much - tail.value(reached), 0) for tail, much in self._least]
        for lack in (*lacks, self._broken(rows)):
            merit = merit - self._price * (lack + (lack > 0))
        return np.asarray(merit)

    def _broken(self, rows: Floats) -> Floats:
        """(…) by how much limits are not kept if they are (limits, …)."""
        _, least, most = self._bounds
        shape = (-1,) + (1,) * (rows.ndim - 1)
        over = np.maximum(rows - most.reshape(shape), 0) + np.maximum(least.reshape(shape) - rows, 0)
        return np.asarray(np.where(over > 1e-9, over, 0).sum(axis=0))

    def _start(self, x: Floats) -> tuple[NDArray[np.int64], Floats, Floats, float]:
        """Units that come to each row, people reached, rows of the limits, and the merit to be exceeded."""
        units = np.rint(np.asarray(self._people.reach @ x)).astype(np.int64)
        reached = self._people.base + (1 - self._left[units]) @ self._people.worth
        rows = self._bounds[0] @ x
        now = float(self._merit(reached, rows))
        return units, reached, rows, now + _STEP * max(1.0, abs(now))

    def _switch(self, x: Floats) -> Floats | None:
        """Switch on or off the one column that helps most."""
        units, reached, rows, now = self._start(x)
        change = _switched(*self._arrays, self._left, units, x)
        merit = self._merit(reached + change, rows[:, None] + self._bounds[0] * (1 - 2 * x))
        best = int(merit.argmax())
        return _flipped(x, best) if merit[best] > now else None

    def _exchange(self, x: Floats) -> Floats | None:
        """Switch off the first column for which there is a better one, and the best of these on."""
        off = np.flatnonzero(x == 0)
        if not len(off):
            return None
        units, reached, rows, now = self._start(x)
        change = _switched(*self._arrays, self._left, units, x)
        for column in np.flatnonzero(x):
            more = _exchanged(*self._arrays, self._left, units, x, *self._rows_of, int(column))
            without = (rows - self._bounds[0][:, column])[:, None]
            merit = self._merit(
                reached + change[column] + change[off] + more[off], without + self._bounds[0][:, off]
            )
            best = int(merit.argmax())
            if merit[best] > now:
                return _flipped(_flipped(x, int(column)), int(off[best]))
            if time.perf_counter() > self._until:
                break
        return None


def _flipped(x: Floats, column: int) -> Floats:
    x = x.copy()
    x[column] = 1 - x[column]
    return x


@compiled
def _switched(
    start: Ints, column: Ints, size: NDArray[np.int64], first: Ints, block: Ints, worth: Floats, blocks: int,
    left: Floats, units: NDArray[np.int64], x: Floats,
) -> Floats:  # fmt: skip
    """(columns, blocks) people more if one column is switched; `left` is the chance to be missed by k units."""
    change = np.zeros((len(x), blocks))
    most = size.max()
    for row in range(len(units)):
        now = units[row]
        if left[max(now - most, 0)] == 0:
            continue  # so many units come that one column makes no difference
        for at in range(start[row], start[row + 1]):
            k = column[at]
            then = now - size[k] if x[k] > 0 else now + size[k]
            gain = left[now] - left[then]
            if gain != 0:
                for entry in range(first[row], first[row + 1]):
                    change[k, block[entry]] += gain * worth[entry]
    return change


@compiled
def _exchanged(
    start: Ints, column: Ints, size: NDArray[np.int64], first: Ints, block: Ints, worth: Floats, blocks: int,
    left: Floats, units: NDArray[np.int64], x: Floats,
    first_of: Ints, row_of: Ints, off: int,
) -> Floats:  # fmt: skip
    """(columns, blocks) people whom a column gains more if another one is switched off before."""
    change = np.zeros((len(x), blocks))
    for place in range(first_of[off], first_of[off + 1]):
        row = row_of[place]
        now = units[row]
        then = now - size[off]
        if left[then] == left[now]:
            continue
        for at in range(start[row], start[row + 1]):
            k = column[at]
            gain = left[then] - left[then + size[k]] - left[now] + left[now + size[k]]
            if gain != 0 and x[k] == 0:
                for entry in range(first[row], first[row + 1]):
                    change[k, block[entry]] += gain * worth[entry]
    return change
