"""How much is done for an answer: until when, and how sure it must be."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

__all__ = ["Effort"]


@dataclass(frozen=True)
class Effort:
    """How much is done for an answer.

    Attributes
    ----------
    time_limit_s
        How long it may take; inf for as long as it needs.
    gap
        Share of the value by which the bound may be above it.
    reduce
        Whether to leave out what cannot matter.
    until
        Clock (`time.perf_counter`) at which to stop.
    """

    time_limit_s: float
    gap: float
    reduce: bool
    until: float

    @classmethod
    def of(cls, time_limit_s: float | None, gap: float, reduce: bool) -> Effort:
        """Start the clock."""
        limit = math.inf if time_limit_s is None else time_limit_s
        return cls(limit, gap, reduce, time.perf_counter() + limit)

    def part(self, parts: int) -> Effort:
        """Return an equal part of the time that is left."""
        return replace(self, until=time.perf_counter() + self.left_s / parts)

    def restarted(self) -> Effort:
        """Return as much effort once more."""
        return replace(self, until=time.perf_counter() + self.time_limit_s)

    @property
    def is_over(self) -> bool:
        """Whether time is up."""
        return time.perf_counter() >= self.until

    @property
    def left_s(self) -> float:
        """Seconds that are left, at least a hundredth, at most as many as solvers take."""
        return min(max(self.until - time.perf_counter(), 0.01), 1e9)
