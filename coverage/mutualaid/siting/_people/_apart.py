"""People who share no site, solved apart and put together by a table of how many columns each part gets.

Where no row of people and no limit but one links them, the columns fall into parts. What a part can be worth with at
most k columns, f(k), does not depend on the others, so that the best plan is the best way to share out the columns:
the largest Σ f(k) with Σ k within the limit, which dynamic programming finds. One tree over all parts would have to
look at every combination of what is open in each.

Few entries of the table are ever worked out. Each begins between what a greedy plan is worth and what planes on or
above all of its people leave (see `_cuts`). The shares that are best by the upper values are the only ones that can be
better than the best plan known, so an entry of theirs is solved, and so on, until the two meet. What an entry would
have to be worth to matter, the others being at their upper values, is the cutoff of its search.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from mutualaid.siting._compiled import compiled
from mutualaid.siting._components import components
from mutualaid.siting._people._columns import Columns
from mutualaid.siting._people._compact import Solved
from mutualaid.siting._people._cuts import planes
from mutualaid.siting._people._effort import Effort
from mutualaid.siting._people._merged import Merged
from mutualaid.siting._people._tail import Least, Tail

__all__ = ["Apart", "Solver", "apart"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
#: (people, limits, goal, effort, plan to start from, cutoff) to the best plan of a part.
Solver = Callable[[Merged, Columns, Tail, Effort, Floats, float], Solved]

#: If one part has more than this share of the columns, solving it again and again takes longer than one tree.
_LARGEST = 0.25
#: Planes are made at so many plans of a part, at most.
_PLANES = 40
_ONE = Tail(np.ones((1, 1)), np.zeros(1), np.ones(1), 1.0)


@dataclass(frozen=True, eq=False)
class _Part:
    """Some columns that share nobody with the others.

    Attributes
    ----------
    at
        (c,) which columns.
    people
        Those whom they reach, in one block.
    limits
        Limits among these columns only; the last row counts those that the common limit counts.
    """

    at: Ints
    people: Merged
    limits: Columns

    def within(self, number: int) -> Columns:
        """Return the limits with at most so many columns."""
        most = self.limits.most.copy()
        most[-1] = number
        return replace(self.limits, most=most)

    @property
    def counted(self) -> NDArray[np.bool_]:
        return np.asarray(self.limits.rows[[-1]].toarray()[0] > 0)


@dataclass(frozen=True, eq=False)
class Apart:
    """A question in parts: its value is `base` and what the parts are worth.

    Attributes
    ----------
    parts
        Two or more.
    number
        So many columns may be on, of those that are counted.
    base
        What is sure.
    on
        (c,) columns that are on in any case.
    """

    parts: tuple[_Part, ...]
    number: int
    base: float
    on: Floats

    def solve(
        self,
        solver: Solver,
        effort: Effort,
        x: Floats,
        points: Sequence[Floats],
        beaten: Callable[[float], float],
    ) -> Solved:
        """Find the best plan.

        Parameters
        ----------
        solver
            Of one part.
        effort
            How much may be done.
        x
            (c,) a plan; what it is worth is that of the best one known, if it is allowed.
        points
            (c,) points at which planes are made; the nearer to the optimum of the relaxation, the better.
        beaten
            Worth of the best plan to what another one must be worth to matter.
        """
        tables = [_Table(part, self.number, [x, *points]) for part in self.parts]
        while True:
            low, shares = _shared([table.low for table in tables], self.number)
            best = self.on.copy()
            for table, k in zip(tables, shares, strict=True):
                best[table.part.at] = table.plan[k]
            most, shares = _shared([table.high for table in tables], self.number)
            value, bound = self.base + low, self.base + most
            target = beaten(value)
            if bound <= target:
                return Solved(best, -math.inf)
            unknown = [
                (table.high[k] - table.low[k], n, int(k))
                for n, (table, k) in enumerate(zip(tables, shares, strict=True))
                if not table.settled[k]
            ]
            is_near = bound - value <= effort.gap * max(abs(value), abs(bound))
            if is_near or effort.is_over or not unknown:
                return Solved(best, bound)
            _, n, k = max(unknown)
            others = [table.high for table in (*tables[:n], *tables[n + 1 :])]
            tables[n].settle(k, solver, effort, target - self.base - _shared(others, self.number - k)[0])


class _Table:
    """What a part is worth with at most k columns, for each k: between `low` and `high`.

    Attributes
    ----------
    part
        Whose.
    low, high, settled
        (k,) bounds, and whether the upper one is the best that can be known.
    plan
        (c,) plan of each k that is worth `low`.
    """

    def __init__(self, part: _Part, most: int, points: Sequence[Floats]) -> None:
        self.part, count = part, len(part.at)
        size = min(most, int(part.counted.sum())) + 1
        self.low, self.high = np.zeros(size), np.full(size, float(part.people.worth.sum()))
        self.plan = [np.zeros(count)] * size
        self.settled = np.zeros(size, np.bool_)
        mine = [point[part.at] for point in points]
        plans = _greedy(part, size - 1)
        for x in (*plans, mine[0]):
            self._keep(x)
        for x in (*plans[:: 1 + len(plans) // _PLANES], *mine):
            self.high = np.minimum(self.high, self._below(x))
        self.high = np.maximum(self.high, self.low)

    def _below(self, x: Floats) -> Floats:
        """(k,) what the plane at a point leaves possible."""
        const, slope = planes(self.part.people, x)
        rise, counted = np.maximum(slope[0], 0.0), self.part.counted
        best = np.sort(rise[counted])[::-1][: len(self.high) - 1]
        return np.asarray(const[0] + rise[~counted].sum() + np.append(0.0, np.cumsum(best)))

    def _keep(self, x: Floats) -> None:
        """Keep a plan for all numbers for which it is the best known, if it is one."""
        x = np.rint(x)
        k = round(float(x[self.part.counted].sum()))
        if k < len(self.low) and self.part.within(k).allow(x[None])[0]:
            worth = float(self.part.people.people(x)[0])
            for j in range(k, len(self.low)):
                if worth > self.low[j]:
                    self.low[j], self.plan[j] = worth, x

    def settle(self, k: int, solver: Solver, effort: Effort, need: float) -> None:
        """Solve an entry; all that is known if nothing is found is that it is worth less than what is needed."""
        found = solver(
            self.part.people, self.part.within(k), _ONE, replace(effort, gap=0.0), self.plan[k], need
        )
        if found.x is not None:
            self._keep(found.x)
        top = max(found.bound, need if found.x is None else float(self.part.people.people(found.x)[0]))
        # With fewer columns it is worth no more.
        self.high[: k + 1] = np.minimum(self.high[: k + 1], top)
        self.high = np.maximum(self.high, self.low)
        self.settled[k] = True


def apart(
    people: Merged, limits: Columns, goal: Tail, least: Sequence[Least], on: Floats, off: Floats
) -> Apart | None:
    """Find the parts of a question; None if it is a whole.

    Parameters
    ----------
    people, limits, goal, least
        What is asked.
    on, off
        (c,) 1 for columns that are on, and for those that are off, in any case.
    """
    of = np.asarray(goal.weight @ goal.of)
    linear = goal.share >= 1 or len(goal.weight) == 1
    if not linear or len(least) or (of < 0).any():
        return None
    if not np.isfinite(limits.most).any() or (common := _common(limits, on)) is None:
        return None
    free = (on == 0) & (off == 0)
    left = np.power(people.busy, np.asarray(people.reach @ on))
    worth = people.worth @ of
    base = float(people.base @ of + (1 - left) @ worth + goal.weight @ goal.shift)
    one = Merged(people.reach, csr_array((left * worth)[:, None]), np.zeros(1), people.busy).only(free)
    at = np.flatnonzero(free)
    rows = csr_array(common.rows[:, at])
    count, label = components(csr_array(vstack([one.reach, rows])))
    if count < 2 or np.bincount(label).max() > _LARGEST * len(limits.site):
        return None
    return Apart(
        tuple(_part(one, limits.only(free), common, rows, at, label == n) for n in range(count)),
        common.number,
        base,
        on.copy(),
    )


def _part(
    people: Merged,
    limits: Columns,
    common: _Common,
    rows: csr_array[np.float64],
    at: Ints,
    mine: NDArray[np.bool_],
) -> _Part:
    own = np.flatnonzero(np.diff(csr_array(rows[:, np.flatnonzero(mine)]).indptr))
    within = replace(
        limits.only(mine),
        rows=csr_array(
            vstack([csr_array(rows[own][:, np.flatnonzero(mine)]), csr_array(common.counts[at[mine]][None])])
        ),
        least=np.append(common.least[own], -np.inf),
        most=np.append(common.most[own], common.number),
    )
    return _Part(at[mine], people.only(mine), within)


@dataclass(frozen=True, eq=False)
class _Common:
    """The limit on how many columns are on, and all others, as far as columns are free.

    Attributes
    ----------
    counts
        (c,) 1 for the columns that it counts.
    number
        So many of them may be on.
    rows, least, most
        The other limits.
    """

    counts: Floats
    number: int
    rows: csr_array[np.float64]
    least: Floats
    most: Floats


def _common(limits: Columns, on: Floats) -> _Common | None:
    """Find the limit that counts most columns; None if there is none, or if it is not the only one that binds all.

    Also None if it is not allowed that no further column is on.
    """
    shift = np.asarray(limits.rows @ on)
    least, most = limits.least - shift, limits.most - shift
    size = np.diff(limits.rows.indptr)
    counting = []
    for k in np.flatnonzero(np.isneginf(least) & np.isfinite(most) & (size > 1)):
        values = limits.rows.data[limits.rows.indptr[k] : limits.rows.indptr[k + 1]]
        if values[0] > 0 and (values == values[0]).all():
            counting.append((int(size[k]), int(k), math.floor(most[k] / values[0] + 1e-9)))
    if not counting:
        return None
    widest, first, _ = max(counting)
    there = limits.rows.indices[limits.rows.indptr[first] : limits.rows.indptr[first + 1]]
    same = [
        (k, number)
        for size_k, k, number in counting
        if size_k == widest
        and set(limits.rows.indices[limits.rows.indptr[k] : limits.rows.indptr[k + 1]]) == set(there)
    ]
    number = min(one for _, one in same)
    other = np.setdiff1d(np.arange(len(most)), [k for k, _ in same])
    if number < 0 or (least[other] > 1e-9).any() or (most[other] < -1e-9).any():
        return None
    counts = np.zeros(len(on))
    counts[there] = 1
    return _Common(counts, number, csr_array(limits.rows[other]), least[other], most[other])


def _greedy(part: _Part, most: int) -> list[Floats]:
    """Plans with ever more columns: each time the one that adds most and is allowed; the first has none."""
    x = np.zeros(len(part.at))
    plans, limits = [x], part.within(most)
    while True:
        gain = np.where(x > 0, 0.0, planes(part.people, x)[1][0])
        for column in np.argsort(-gain, kind="stable"):
            if gain[column] <= 0:
                return plans
            more = x.copy()
            more[column] = 1
            if limits.allow(more[None])[0]:
                break
        else:
            return plans
        x = more
        plans.append(x)


def _shared(tables: Sequence[Floats], number: int) -> tuple[float, Ints]:
    """Share out a number so that the sum of what the shares are worth is largest; tables rise."""
    start = np.concatenate([[0], np.cumsum([len(table) for table in tables])]).astype(np.int64)
    return _most(np.concatenate(tables), start, number)


@compiled
def _most(value: Floats, start: Ints, number: int) -> tuple[float, Ints]:
    parts = len(start) - 1
    taken = np.zeros((parts, number + 1), np.int64)
    best, before = np.zeros(number + 1), np.zeros(number + 1)
    for n in range(parts):
        before[:] = best
        for j in range(number + 1):
            best[j] = before[j] + value[start[n]]
            for k in range(1, min(start[n + 1] - start[n], j + 1)):
                if before[j - k] + value[start[n] + k] > best[j]:
                    best[j], taken[n, j] = before[j - k] + value[start[n] + k], k
    shares, left = np.zeros(parts, np.int64), number
    for n in range(parts - 1, -1, -1):
        shares[n] = taken[n, left]
        left -= shares[n]
    return float(best[number]), shares
