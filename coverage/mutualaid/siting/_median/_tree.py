"""Search for a p-median: Lagrange bounds, reduced costs, exchange, branch and bound.

The bound is that of the strong linear program, so that what remains after sites are ruled out by their reduced costs is
small (Christofides & Beasley 1982, doi:10.1016/0377-2217(82)90160-6).
"""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mutualaid.siting._median._bound import Bound, raised
from mutualaid.siting._median._kernel import nearest_two
from mutualaid.siting._median._limits import OneSided, Part, settle_limits
from mutualaid.siting._median._points import Points, narrowed, sums
from mutualaid.siting._median._search import improved

__all__ = ["Best", "Node", "Tree"]

Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

_FIRST_ROUNDS, _FIRST_TIMES, _ROUNDS, _TIMES = 100, 12, 100, 2


class Best:
    """The best plan so far, and the least bound of what was left aside.

    Parameters
    ----------
    worth
        Value of a plan; inf if it is not allowed.
    cutoff
        Plans above it do not count.
    gap
        Share of the value by which a bound may fall short.
    whole
        Whether all values are whole numbers.

    Attributes
    ----------
    value, is_open
        Of the best plan; the cutoff and None as long as there is none.
    """

    def __init__(self, worth: Callable[[Bool], float], cutoff: float, gap: float, *, whole: bool) -> None:
        self.worth, self.gap, self.whole = worth, gap, whole
        self.value = cutoff
        self.is_open: Bool | None = None
        self._aside = math.inf

    @property
    def target(self) -> float:
        """What has this bound cannot be better than the best plan, or only by less than the gap."""
        if not math.isfinite(self.value):
            return math.inf
        share = -1e-9 if self.is_open is None else max(self.gap, 1e-9)
        least = self.value - share * max(1.0, abs(self.value))
        return math.ceil(least) - 1 + 1e-5 if self.whole else least

    def offer(self, is_open: Bool) -> None:
        """Take a plan if it is better."""
        value = self.worth(is_open)
        if value < self.value or (self.is_open is None and value <= self.value and math.isfinite(value)):
            self.value, self.is_open = value, is_open.copy()

    def leave(self, bound: float) -> None:
        """Leave plans with this bound aside."""
        self._aside = min(self._aside, bound)

    def proven(self, left: float = math.inf) -> float:
        """Return what no plan is better than, given the bound of what was not looked at."""
        bound = min(self._aside, left)
        if self.whole and math.isfinite(bound):
            bound = math.ceil(bound - 1e-6)
        if self.is_open is None:
            return bound
        same = bound >= self.value - 1e-9 * max(1.0, abs(self.value))
        return self.value if same else bound


@dataclass(frozen=True, eq=False)
class Node:
    """A part of the plans with its bound."""

    part: Part
    bound: Bound


class Tree:
    """Parts of the plans, judged by one sum of times.

    Parameters
    ----------
    points
        With one sum, which is never more than the value of a plan.
    given
        Limits.
    best
        The best plan so far; better ones are put there.
    until
        When to stop, by `time.perf_counter`.

    Attributes
    ----------
    leader
        (s,) the plan with the least sum so far, allowed or not.
    """

    def __init__(self, points: Points, given: OneSided, best: Best, until: float) -> None:
        self.points, self.given, self.best, self.until = points, given, best, until
        self.weight = points.weight.toarray()[0]
        self.constant = float(points.constant[0])
        self.leader, self._least = np.zeros(0, np.bool_), math.inf

    def root(self, part: Part, before: Bound | None = None) -> Node | None:
        """Bound a part, look for good plans in it and rule sites out; None if nothing is left to be looked at.

        Parameters
        ----------
        part
            All plans, or some.
        before
            A bound of another sum of the same points, from which to begin.
        """
        if before is not None:
            start = replace(before, value=-math.inf)
            return self._bounded(Node(part, start), _FIRST_ROUNDS, _TIMES, self.best.value)
        points, m, s = narrowed(self.points, part.stays, part.may), len(self.points.most), len(part.may)
        found = self._improve(points, part, part.stays)
        first, one, two = np.empty(m, np.int64), np.empty(m), np.empty(m)
        far = np.where(np.isfinite(points.most), points.most, points.time.max(initial=0.0))
        nearest_two(points.start, points.site, points.time, far, found, first, one, two)
        none, fine = np.zeros(s), np.zeros(len(self.given.limit))
        start = Bound(-math.inf, (one + two) / 2, fine, none, found, none, 1.0)
        goal = float(self.weight @ one) + self.constant
        return self._bounded(Node(part, start), _FIRST_ROUNDS, _FIRST_TIMES, goal)

    def branch(self, root: Node, finish: Callable[[Node], bool]) -> float:
        """Look into a part until the best plan is proven or time is up; give the bound of what is left.

        Parameters
        ----------
        root
            Where to begin.
        finish
            Whether it has dealt with a node by itself.
        """
        heap: list[tuple[float, int, Node]] = [(root.bound.value, 0, root)]
        count = 0
        while heap and heap[0][0] < self.best.target and time.perf_counter() < self.until:
            node = heapq.heappop(heap)[2]
            if finish(node):
                continue
            mean = node.bound.mean
            at = int(np.where(node.part.free, mean * (1 - mean), -1.0).argmax())
            for opened in (True, False):
                stays, may = node.part.stays.copy(), node.part.may.copy()
                stays[at], may[at] = opened, opened
                part = settle_limits(self.given, Part(stays, may))
                if part is None:
                    continue
                child = self._bounded(Node(part, node.bound), _ROUNDS, _TIMES, self.best.value)
                if child is not None:
                    count += 1
                    heapq.heappush(heap, (child.bound.value, -count, child))
        return heap[0][0] if heap else math.inf

    def _improve(self, points: Points, part: Part, is_open: Bool) -> Bool:
        limit = self.given.limit - self.given.rows[:, part.stays].sum(axis=1)
        found = improved(points, self.weight, part.free, self.given.rows, limit, is_open | part.stays)
        self.best.offer(found)
        least = float(sums(self.points, found)[0])
        if least < self._least or not len(self.leader):
            self.leader, self._least = found, least
        return found

    def _bounded(self, node: Node, rounds: int, times: int, goal: float) -> Node | None:
        """Raise the bound of a node and rule sites out; None if it need not be looked at any more."""
        part, bound = node.part, replace(node.bound, step=1.0)
        for _ in range(times):
            if not part.free.any():
                self.best.offer(part.stays)
                return None
            points = narrowed(self.points, part.stays, part.may)
            if np.isinf(points.most[np.diff(points.start) == 0]).any():
                return None  # somebody is reached by nobody
            goal = min(self.best.target, goal) if math.isfinite(goal) else abs(bound.value) * 1.1 + 1
            up = raised(points, self.weight, self.given, part, bound, goal - self.constant, rounds)
            bound = replace(up, value=max(up.value + self.constant, bound.value))
            self._improve(points, part, bound.opens)
            if bound.value >= self.best.target:
                self.best.leave(bound.value)
                return None
            smaller = self._ruled(part, bound, up.value + self.constant)
            if smaller is None:
                return None
            part = smaller
            if bound.step < 1e-3 or time.perf_counter() > self.until:
                break
        return Node(part, bound)

    def _ruled(self, part: Part, bound: Bound, value: float) -> Part | None:
        """Leave out what would make the bound too high."""
        apart = part.free & (value + bound.raised_by >= self.best.target)
        if not apart.any():
            return part
        self.best.leave(float(value + bound.raised_by[apart].min()))
        smaller = Part(part.stays | (apart & bound.opens), part.may & ~(apart & ~bound.opens))
        return settle_limits(self.given, smaller)
