"""Branch and bound with cuts: the best plan, and the proof that none is better."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from mutualaid.siting._people._apart import Apart, apart
from mutualaid.siting._people._columns import Columns
from mutualaid.siting._people._compact import Solved
from mutualaid.siting._people._cuts import Master, Relaxed
from mutualaid.siting._people._effort import Effort
from mutualaid.siting._people._merged import Merged
from mutualaid.siting._people._search import Search
from mutualaid.siting._people._tail import Least, Tail

__all__ = ["by_cuts"]

Floats = NDArray[np.float64]

#: The people are parted into about so many blocks, each with cuts of its own.
_PARTS = 40
#: What is not more than this share of all people is no difference.
_TOLERANCE = 1e-10
#: A column this near to 0 or 1 is so.
_WHOLE = 1e-6
#: A round of cuts must bring the bound down by this share of what is missing, else it is better to branch.
_PROGRESS = 0.03
#: So many rounds in a row may bring less; more before the first branching, as all parts profit from its cuts.
_PATIENCE, _PATIENCE_AT_ROOT = 0, 6


def by_cuts(
    people: Merged,
    limits: Columns,
    goal: Tail,
    least: Sequence[Least],
    effort: Effort,
    starts: Sequence[Floats],
    cutoff: float,
) -> Solved:
    """Maximise a tail, starting from some plans; only plans of at least the cutoff are of interest.

    The relaxation's slopes tell which columns cannot be in a better plan than the best one known. What remains after
    the first bound is merged once more: with fewer columns, more people are reached by the same ones.
    """
    tree = _Tree(people, limits, goal, least, effort, cutoff)
    for x in starts:
        tree.climb(x)
    bound = tree.grow()
    return Solved(tree.best, bound)


@dataclass(frozen=True, eq=False)
class _Node:
    """The plans with ``low <= x <= high``; none is better than the bound."""

    bound: float
    low: Floats
    high: Floats

    def __lt__(self, other: _Node) -> bool:
        return self.bound > other.bound


class _Tree:
    """What is known, and what is still to be looked at."""

    def __init__(
        self,
        people: Merged,
        limits: Columns,
        goal: Tail,
        least: Sequence[Least],
        effort: Effort,
        cutoff: float,
    ) -> None:
        self.best: Floats | None = None
        self._value, self._cutoff, self._effort = -np.inf, cutoff, effort
        self._people, self._limits, self._goal, self._least = people, limits, goal, least
        self._tolerance = _TOLERANCE * max(float(np.abs(goal.of).max() * people.worth.sum()), 1e-300)
        self._step = _least_step(people, goal)
        parted, member = _parted(people)
        self._master = Master(
            parted, limits, _refined(goal, member), [(_refined(tail, member), much) for tail, much in least]
        )
        self._search = Search(people, limits, goal, least, effort.until)
        self._tried: set[bytes] = set()
        #: Columns of which the tree still knows; the others are 0.
        self._columns = len(limits.site)
        self._kept = np.arange(self._columns)

    def grow(self) -> float:
        """Look at whatever may be better, the most promising first, and return the bound."""
        free = len(self._kept)
        everybody = self._people.base + self._people.worth.sum(axis=0)
        heap = [_Node(float(self._goal.value(everybody)), np.zeros(free), np.ones(free))]
        is_root = True
        while heap and not self._is_enough(heap[0].bound):
            node = heapq.heappop(heap)
            for child in self._look(node, is_root=is_root):
                heapq.heappush(heap, child)
            is_root = False
        return max([self._value, *(node.bound for node in heap[:1] if not self._is_beaten(node.bound))])

    def _is_enough(self, bound: float) -> bool:
        if self._effort.is_over or self._is_beaten(bound):
            return True
        return bound - self._value <= self._effort.gap * max(abs(self._value), abs(bound)) < np.inf

    @property
    def _beaten(self) -> float:
        """A bound below this leaves nothing of interest."""
        if self.best is None:
            return self._cutoff
        return self._value + max(self._tolerance, 0.99 * self._step)

    def _is_beaten(self, bound: float) -> bool:
        return bound < self._beaten

    def _look(self, node: _Node, *, is_root: bool) -> list[_Node]:
        """Bound a part of the plans; return what is left of it, in two parts, or nothing."""
        bound, low, high = node.bound, node.low, node.high
        slow = 0
        while True:
            try:
                relaxed = self._master.solve(low, high, self._effort.left_s)
            except TimeoutError:
                return [_Node(bound, low, high)]
            if relaxed is None:
                return []
            progress, bound = bound - relaxed.bound, min(bound, relaxed.bound)
            if self._is_beaten(bound):
                return []
            low, high = self._fixed(relaxed, low, high)
            fraction = np.minimum(relaxed.x, 1 - relaxed.x)
            is_whole = bool((fraction < _WHOLE).all())
            if not self._master.cut(relaxed, low, high):
                if is_whole:
                    self._try(relaxed.x)
                    return []
                break
            slow = slow + 1 if progress < _PROGRESS * (bound - self._beaten) else 0
            is_near = is_root and bound - self._master.inner_value < _PROGRESS * (bound - self._beaten)
            if not is_whole and (is_near or slow > (_PATIENCE_AT_ROOT if is_root else _PATIENCE)):
                break
            if self._effort.is_over:
                return [_Node(bound, low, high)]
        self._try(relaxed.x)
        low, high = self._fixed(relaxed, low, high)
        x = relaxed.x
        if is_root:
            low, high, x = self._shrunk(low, high, x)
            parts = apart(self._people, self._limits, self._goal, self._least, low, 1 - high)
            if parts is not None and (left := self._finish(parts, x)) < np.inf:
                return [] if left == -np.inf else [_Node(min(bound, left), low, high)]
        return _halves(_Node(bound, low, high), x)

    def _finish(self, parts: Apart, x: Floats) -> float:
        """Solve what falls apart; return the bound of what is left, -inf for nothing, inf if nothing is known of it."""
        known = np.zeros(len(x)) if self.best is None else self.best[self._kept]
        found = parts.solve(_of_part, self._effort, known, [self._master.inner, x], self._beaten_by)
        if found.x is not None:
            self.climb(found.x)
        is_done = found.bound == -np.inf or self._is_enough(found.bound)
        return found.bound if is_done else np.inf

    def _beaten_by(self, value: float) -> float:
        """Say what a bound is to exceed if a plan of this value is known, too."""
        better = value > self._value and value >= self._cutoff
        return value + max(self._tolerance, 0.99 * self._step) if better else self._beaten

    def _fixed(self, relaxed: Relaxed, low: Floats, high: Floats) -> tuple[Floats, Floats]:
        """Fix the columns that can only be what they are in a better plan."""
        is_sure = relaxed.bound - np.abs(relaxed.slope) < self._beaten
        return np.where(is_sure & (relaxed.x >= 1), 1.0, low), np.where(is_sure & (relaxed.x <= 0), 0.0, high)

    def _shrunk(self, low: Floats, high: Floats, x: Floats) -> tuple[Floats, Floats, Floats]:
        """Forget the columns that are 0, and merge what the others reach."""
        kept = high > 0
        if kept.all():
            return low, high, x
        parted, self._people = (people.only(kept) for people in (self._master.people, self._people))
        self._limits = self._limits.only(kept)
        self._master = self._master.only(np.flatnonzero(kept), parted, self._limits)
        self._search = Search(self._people, self._limits, self._goal, self._least, self._effort.until)
        self._kept = self._kept[kept]
        self._tried = set()
        return low[kept], high[kept], x[kept]

    def _try(self, x: Floats) -> None:
        """Round a point and climb from there, but for once."""
        plan = np.zeros(len(x))
        plan[np.argsort(-x, kind="stable")[: round(float(x.sum()))]] = 1
        key = np.packbits(plan > 0).tobytes()
        if key not in self._tried:
            self._tried.add(key)
            self.climb(plan)

    def climb(self, plan: Floats) -> None:
        """Climb from a plan, and keep what is found if it is the best."""
        found = self._search.climb(plan)
        if found is not None and found[1] > self._value and found[1] >= self._cutoff:
            self._value, self.best = found[1], np.zeros(self._columns)
            self.best[self._kept] = found[0]


def _of_part(
    people: Merged, limits: Columns, goal: Tail, effort: Effort, start: Floats, cutoff: float
) -> Solved:
    """Solve a part; it may fall into smaller ones in turn."""
    return by_cuts(people, limits, goal, (), effort, [start], cutoff)


def _halves(node: _Node, x: Floats) -> list[_Node]:
    """Part plans by a column that is a fraction."""
    k = int(np.minimum(x, 1 - x).argmax())
    on, off = node.low.copy(), node.high.copy()
    on[k], off[k] = 1, 0
    return [_Node(node.bound, on, node.high), _Node(node.bound, node.low, off)]


def _least_step(people: Merged, goal: Tail) -> float:
    """By how much one plan is better than another at least, if it is: 1 if whole people are counted."""
    is_count = people.busy == 0 and goal.share >= 1 and len(goal.of) == 1 and bool((goal.of == 1).all())
    is_whole = is_count and bool((people.worth.data % 1 == 0).all() and (people.base % 1 == 0).all())
    return 1.0 if is_whole and people.worth.sum() < 1e8 else 0.0


def _parted(people: Merged) -> tuple[Merged, csr_array[np.float64]]:
    """Part blocks into smaller ones; also returns (blocks, smaller blocks) which belong to which.

    People whose first column is the same stay together, so that a cut of theirs has few columns.
    """
    entries = people.worth.tocoo()
    row, block, worth = entries.row, entries.col, entries.data
    first = people.reach.indices[people.reach.indptr[row]] if len(row) else row
    total = np.bincount(block, worth, minlength=len(people.base))
    parts = np.maximum(1, np.rint(_PARTS * total / max(total.sum(), 1e-300))).astype(np.int64)
    order = np.lexsort((first, block))
    before = np.cumsum(worth[order]) - worth[order]
    before -= np.concatenate([[0], np.cumsum(total)[:-1]])[block[order]]
    share = before / np.maximum(total[block[order]], 1e-300)
    offset = np.cumsum(parts) - parts
    part = np.empty(len(row), np.int64)
    part[order] = offset[block[order]] + np.clip(
        share * parts[block[order]], 0, parts[block[order]] - 1
    ).astype(np.int64)
    # Parts that got nobody go, but for the first of each block, which has its base.
    used = np.unique(np.append(part, offset))
    part, first_part = np.searchsorted(used, part), np.searchsorted(used, offset)
    smaller, of = len(used), np.repeat(np.arange(len(parts)), parts)[used]
    base = np.zeros(smaller)
    base[first_part] = people.base
    member = coo_array((np.ones(smaller), (of, np.arange(smaller))), shape=(len(parts), smaller))
    matrix = coo_array((worth, (row, part)), shape=(people.reach.shape[0], smaller)).tocsr()
    return Merged(people.reach, csr_array(matrix), base, people.busy), csr_array(member.tocsr())


def _refined(tail: Tail, member: csr_array[np.float64]) -> Tail:
    return Tail(np.asarray(tail.of @ member), tail.shift, tail.weight, tail.share)
