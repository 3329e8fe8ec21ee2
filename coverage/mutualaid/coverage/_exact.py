"""Sums of many numbers by group, rounded once: what `math.fsum` gives, without going through them one by one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mutualaid.coverage._compiled import compiled

__all__ = ["Terms", "rounded"]

Int64 = NDArray[np.int64]

#: A mantissa of 53 bits is added up in two halves, so that billions of them fit into 64 bits.
_HALF = 27


@dataclass(frozen=True, eq=False)
class Terms:
    """Numbers taken apart into whole mantissas and exponents, ready to be summed without rounding.

    Attributes
    ----------
    mantissa
        (n,) whole numbers of up to 53 bits, with their sign.
    exponent
        (n,) power of two of each, counted from `lowest`.
    lowest
        Power of two of exponent 0.
    span
        Number of exponents that occur.

    Examples
    --------
    >>> import numpy as np
    >>> from mutualaid.coverage._exact import Terms, rounded
    >>> terms = Terms.of(np.array([1e16, 1.0, 1.0, 0.1]))
    >>> rounded(terms.table(np.array([0, 0, 0, 1]), 2), terms.lowest)
    [1.0000000000000002e+16, 0.1]
    """

    mantissa: Int64
    exponent: NDArray[np.int32]
    lowest: int
    span: int

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Terms:
        """Take numbers apart; they must be finite."""
        fraction, exponent = np.frexp(values)
        some = fraction != 0
        lowest = int(exponent.min(where=some, initial=np.iinfo(np.int32).max)) if some.any() else 0
        exponent = np.where(some, exponent - lowest, 0).astype(np.int32)
        return cls(
            (fraction * 2.0**53).astype(np.int64), exponent, lowest - 53, int(exponent.max(initial=0)) + 1
        )

    def table(self, group: Int64, n: int, where: NDArray[np.bool_] | None = None) -> Int64:
        """(n, span, 2) sums by group, exponent and half of the mantissa: whole, so tables may be added up."""
        chosen = np.ones(len(group), dtype=np.bool_) if where is None else where
        return _added(self.mantissa, self.exponent, group, chosen, n, self.span)


@compiled
def _added(
    mantissa: Int64, exponent: NDArray[np.int32], group: Int64, where: NDArray[np.bool_], n: int, span: int
) -> Int64:
    table = np.zeros((n, span, 2), np.int64)
    for row in range(len(mantissa)):
        if where[row]:
            high = mantissa[row] >> _HALF
            table[group[row], exponent[row], 0] += high
            table[group[row], exponent[row], 1] += mantissa[row] - (high << _HALF)
    return table


def rounded(table: Int64, lowest: int) -> list[float]:
    """Give the sum of each group of a table of `Terms`, rounded once."""
    power = lowest + np.arange(table.shape[1])[:, None] + np.array([_HALF, 0])
    parts = np.ldexp(table.astype(np.float64), power).reshape(len(table), 2 * table.shape[1])
    return [math.fsum(row) for row in parts.tolist()]
