"""The best plan of a p-median, whatever is asked: bounds first, then a tree or a program on what they leave."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from mutualaid.siting._median._bound import Bound
from mutualaid.siting._median._limits import Limits, OneSided, Part, one_sided, settle_limits
from mutualaid.siting._median._points import Points, merged, narrowed, settled, sums
from mutualaid.siting._median._program import Aim, solve_program
from mutualaid.siting._median._sets import Sets, sets_of
from mutualaid.siting._median._tree import Best, Node, Tree

__all__ = ["solve"]

Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

#: Where one sum is made small by opening fewer sites, and where more sets remain, branching is faster than the program.
_MANY_SITES, _FEW_SETS = 12, 10_000
#: How often prices are raised.
_PRICES = 12


def solve(
    points: Points, aim: Aim, limits: Limits, *, cutoff: float, gap: float, until: float, reduce: bool
) -> tuple[Bool | None, float]:
    """Find the plan whose sums serve the aim best.

    Parameters
    ----------
    points, aim, limits
        What is asked.
    cutoff
        Plans that are worse do not count.
    gap
        Stop when the bound is so near, as a share of the value.
    until
        Stop then, by `time.perf_counter`.
    reduce
        Whether to make it smaller first; else the program is solved as it stands.

    Returns
    -------
    is_open
        (s,) bool; None if nothing was found.
    bound
        No plan is better; inf if there is none up to `cutoff`.
    """
    given, whole = one_sided(limits), points

    def worth(is_open: Bool) -> float:
        if not limits.allow(is_open):
            return math.inf
        found = sums(whole, is_open)
        return aim.value(found) if aim.kept(found) else math.inf

    part = settle_limits(given, Part(limits.low > 0, limits.high > 0))
    if part is None:
        return None, math.inf
    points = merged(settled(points)) if reduce else settled(points)
    best = Best(worth, cutoff, gap, whole=_whole(points, aim))
    plain = aim.rule == "expected" and not len(aim.most)

    def finish(node: Node) -> bool:
        """Solve what is left as a program, unless exchanging few sites in a large one promises more."""
        if plain and node.bound.opens.sum() < _MANY_SITES:
            return False
        sets = sets_of(settled(narrowed(points, node.part.stays, node.part.may)), len(node.part.may))
        if len(sets.parent) > _FEW_SETS:
            return False
        best.leave(max(_program(sets, aim, limits, node.part, best, until), node.bound.value))
        return True

    if not reduce:
        sets = sets_of(settled(narrowed(points, part.stays, part.may)), len(part.may))
        best.leave(_program(sets, aim, limits, part, best, until))
        return best.is_open, best.proven()
    tree, node = _priced(points, aim, given, part, best, until, 1 if plain else _PRICES)
    left = math.inf if node is None else tree.branch(node, finish)
    return best.is_open, best.proven(left)


def _program(sets: Sets, aim: Aim, limits: Limits, part: Part, best: Best, until: float) -> float:
    """Solve a part as a program, offer its plan, and return its bound."""
    inside = replace(limits, low=part.stays.astype(np.float64), high=part.may.astype(np.float64))
    left = None if math.isinf(until) else until - time.perf_counter()
    is_open, bound = solve_program(sets, aim, inside, gap=best.gap, time_limit_s=left)
    if is_open is not None:
        best.offer(is_open)
    return bound


def _priced(
    points: Points, aim: Aim, given: OneSided, part: Part, best: Best, until: float, times: int
) -> tuple[Tree, Node | None]:
    """Bound the aim by one sum of all, whose weights are prices that rise with what is too large.

    For any prices of the promises, and any of the scenarios that the rule might give them, no plan has a value below
    Σ price · (sum − what is taken off): a part of the plans that is too dear at some prices need not be looked at.
    """
    off = np.concatenate([aim.less, aim.most])
    price = np.concatenate([aim.weight, np.zeros(len(aim.most))])
    start: Bound | None = None
    found: list[tuple[Tree, Node]] = []
    for k in range(times):
        row = csr_array(price[None] @ points.weight)
        one = replace(points, weight=row, constant=np.atleast_1d(price @ (points.constant - off)))
        tree = Tree(one, given, best, until)
        node = tree.root(part, start)
        if node is None:
            return tree, None
        part, start = node.part, node.bound
        found.append((tree, node))
        if time.perf_counter() > until:
            break
        over = sums(points, tree.leader) - off
        price = _next_price(price, over, aim, best, start.value, 1 / (1 + k))
    tree, node = max(found, key=lambda pair: pair[1].bound.value)
    return tree, replace(node, part=part)


def _next_price(price: Float64, over: Float64, aim: Aim, best: Best, value: float, step: float) -> Float64:
    """Raise the prices of what is too large in the plan that is best at the old ones."""
    f = len(aim.weight)
    over = np.where(np.isfinite(over), over, 0.0)
    push = over[f:]
    goal = best.value if best.is_open is not None else 1.05 * value
    length = float(push @ push)
    fine = np.maximum(price[f:] + (step * max(goal - value, 0.0) / length * push if length else 0.0), 0.0)
    rule = price[:f]
    if aim.rule != "expected":
        spread = max(float(np.ptp(over[:f])), 1e-12)
        rule = rule * np.exp(step * (over[:f] - over[:f].max()) / spread)
        most = np.ones(f) if aim.rule == "worst" else aim.weight / aim.tail
        rule = _capped(rule / rule.sum(), most)
    return np.concatenate([rule, fine])


def _capped(share: Float64, most: Float64) -> Float64:
    """Cut shares down to what they may be at most, and let the others have the rest."""
    full = np.zeros(len(share), np.bool_)
    while True:
        left = 1.0 - most[full].sum()
        found = np.where(full, most, share * left / max(share[~full].sum(), 1e-300))
        more = found > most + 1e-12
        if not more.any():
            return np.minimum(found, most)
        full |= more


def _whole(points: Points, aim: Aim) -> bool:
    """Say whether every value is a whole number, and small enough to be exact."""
    f = len(aim.weight)
    if aim.rule == "cvar" or (aim.rule == "expected" and f > 1):
        return False
    weight = points.weight[:f]
    numbers = (points.time, points.most[np.isfinite(points.most)], weight.data, points.constant[:f], aim.less)
    size = abs(points.constant[:f]).max() + weight.sum() * points.time.max(initial=0.0)
    return size < 1e9 and all(bool((one == np.round(one)).all()) for one in numbers)
