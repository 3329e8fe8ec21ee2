"""The mean over a worst tail: every rule over scenarios and every rule of fairness is one.

With weights that sum to 1, the mean over the worst values that together have the weight `share` is the mean of all
for a share of 1, the least value for 0, and between them the conditional value at risk (Rockafellar & Uryasev 2000).
K equal weights and a share of k/K make it the sum of the k least over k, of which lexicographic maximin is made
(Ogryczak & Śliwiński 2006).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array, hstack

__all__ = ["Least", "Tail", "TailRows"]


@dataclass(frozen=True, eq=False)
class TailRows:
    """A tail as part of a linear program that makes it as large as it may be.

    Attributes
    ----------
    value
        (variables + more,) the tail is this times the variables, plus `shift`.
    shift
        What is added to it.
    rows, least
        ``rows @ variables >= least``.
    low
        (more,) lower bounds of the variables it adds.
    """

    value: NDArray[np.float64]
    shift: float
    rows: csr_array[np.float64]
    least: NDArray[np.float64]
    low: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Tail:
    """The mean over the worst of m values, each linear in the people of the blocks.

    Attributes
    ----------
    of
        (m, blocks) coefficients.
    shift
        (m,) what is added.
    weight
        (m,) weights that sum to 1.
    share
        Weight of the tail, 0 to 1.
    """

    of: NDArray[np.float64]
    shift: NDArray[np.float64]
    weight: NDArray[np.float64]
    share: float

    def value(self, people: NDArray[np.float64]) -> NDArray[np.float64]:
        """(…) of people (…, blocks)."""
        each = people @ self.of.T + self.shift
        if self.share <= 0:
            return np.asarray(each.min(axis=-1))
        if self.share >= 1:
            return np.asarray(each @ self.weight)
        order = np.argsort(each, axis=-1)
        upto = np.cumsum(self.weight[order], axis=-1)
        part = np.clip(self.share - (upto - self.weight[order]), 0, self.weight[order])
        return np.asarray((part * np.take_along_axis(each, order, -1)).sum(axis=-1) / self.share)

    def rows(self, people: csr_array[np.float64], base: NDArray[np.float64]) -> TailRows:
        """Write it over the variables in which the people of the blocks are ``people @ variables + base``."""
        each, known = csr_array(csr_array(self.of) @ people), self.of @ base + self.shift
        if self.share >= 1 or len(self.weight) == 1:
            nothing = csr_array((0, each.shape[1]))
            value = np.asarray(self.weight @ each)
            return TailRows(value, float(self.weight @ known), nothing, np.zeros(0), np.zeros(0))
        level = csr_array(np.full((len(known), 1), -1.0))
        if self.share <= 0:
            value = np.append(np.zeros(each.shape[1]), 1.0)
            return TailRows(value, 0.0, csr_array(hstack([each, level])), -known, np.array([-np.inf]))
        rows = csr_array(hstack([each, level, eye_array(len(known))]))
        value = np.concatenate([np.zeros(each.shape[1]), [1.0], -self.weight / self.share])
        return TailRows(value, 0.0, rows, -known, np.append(-np.inf, np.zeros(len(known))))


#: A tail must be at least so much.
Least = tuple[Tail, float]
