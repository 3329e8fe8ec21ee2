"""The p-median as a mixed-integer program, solved by HiGHS."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, diags_array, eye_array, hstack, vstack

from mutualaid.siting._median._limits import Limits, loose
from mutualaid.siting._median._sets import Sets

__all__ = ["Aim", "solve_program"]

Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Aim:
    """What is made small, and what must stay small, of b sums.

    Attributes
    ----------
    weight
        (f,) of each of the first f sums, which sum to 1.
    rule
        ``expected``, ``worst`` or ``cvar``.
    less
        (f,) taken off each of the first f sums before: for the largest regret, their optima.
    tail
        For ``cvar``.
    most
        (b - f,) of the other sums.
    """

    weight: Float64
    rule: str
    less: Float64
    tail: float
    most: Float64

    def value(self, sums: Float64) -> float:
        """Work out the objective from the sums."""
        these = sums[: len(self.weight)] - self.less
        if self.rule == "worst":
            return float(these.max())
        if self.rule == "expected":
            return float(these @ self.weight)
        order = np.argsort(-these)
        before = np.concatenate([[0.0], np.cumsum(self.weight[order])[:-1]])
        share = np.clip(self.tail - before, 0.0, self.weight[order]) / self.tail
        return float(these[order][share > 0] @ share[share > 0])

    def kept(self, sums: Float64) -> bool:
        """Say whether the other sums stay as small as they must, and nobody is left unreached."""
        return bool(np.isfinite(sums).all() and (sums[len(self.weight) :] <= loose(self.most)).all())


def solve_program(
    sets: Sets, aim: Aim, limits: Limits, *, gap: float, time_limit_s: float | None
) -> tuple[Bool | None, float]:
    """Choose sites.

    Returns
    -------
    is_open
        (s,) bool; None if nothing was found.
    bound
        The objective is proven not to be less; inf if no choice is possible at all.
    """
    if np.isinf(sets.constant).any():
        return None, np.inf  # somebody is reached by nobody
    k, s, f = len(sets.parent), len(limits.low), len(aim.weight)
    # Variables: x of sites, u of sets, and of the rule: the worst, or the value at risk and what exceeds it.
    extra = {"expected": 0, "worst": 1, "cvar": 1 + f}[aim.rule]
    child = sets.parent >= 0
    parent = csr_array((np.ones(child.sum()), (np.flatnonzero(child), sets.parent[child])), shape=(k, k))
    rows = [
        _wide(sets.more, eye_array(k) - parent, extra),
        _wide(limits.rows, csr_array((limits.rows.shape[0], k)), extra),
    ]
    least = [np.where(child, 0.0, 1.0), limits.least]
    most = [np.full(k, np.inf), limits.most]
    scale = np.full(len(sets.constant), 1e-12)
    if k:
        scale = np.maximum(abs(sets.cost).max(axis=1).toarray().reshape(-1), scale)
    cost = csr_array(diags_array(1 / scale) @ sets.cost)
    none = csr_array((len(scale), s))

    rows.append(_wide(none[f:], cost[f:], extra))
    least.append(np.full(len(aim.most), -np.inf))
    most.append((loose(aim.most) - sets.constant[f:]) / scale[f:])
    unit = float(scale[:f].max())
    base = (sets.constant[:f] - aim.less) / unit
    ours = csr_array(diags_array(np.full(f, 1 / unit)) @ sets.cost[:f])
    if aim.rule == "expected":
        objective = np.concatenate([np.zeros(s), aim.weight @ ours])
        offset = float(aim.weight @ base)
    else:
        # Each sum is at most the worst one, or the value at risk and what exceeds it.
        tail = -np.ones((f, 1)) if aim.rule == "worst" else np.hstack([-np.ones((f, 1)), -np.eye(f)])
        rows.append(csr_array(hstack([none[:f], ours, csr_array(tail)])))
        least.append(np.full(f, -np.inf))
        most.append(-base)
        end = [1.0] if aim.rule == "worst" else [1.0, *(aim.weight / aim.tail)]
        objective, offset = np.concatenate([np.zeros(s + k), end]), 0.0

    low = np.concatenate(
        [limits.low, np.zeros(k), np.full(min(extra, 1), -np.inf), np.zeros(max(extra - 1, 0))]
    )
    high = np.concatenate([limits.high, np.where(sets.must, 0.0, 1.0), np.full(extra, np.inf)])
    limit_s = math.inf if time_limit_s is None else max(time_limit_s, 0.1)
    found = milp(
        objective,
        integrality=np.concatenate([np.ones(s), np.zeros(k + extra)]),
        bounds=Bounds(low, high),
        constraints=LinearConstraint(csr_array(vstack(rows)), np.concatenate(least), np.concatenate(most)),
        options={"mip_rel_gap": gap, "time_limit": limit_s},
    )
    if found.status == 2:
        return None, np.inf
    is_open = None if found.x is None else found.x[:s] > 0.5
    bound = found.mip_dual_bound
    return is_open, -np.inf if bound is None else (bound + offset) * unit


def _wide(x: csr_array[np.float64], u: csr_array[np.float64], extra: int) -> csr_array[np.float64]:
    return csr_array(hstack([x, u, csr_array((x.shape[0], extra))], format="csr"))
