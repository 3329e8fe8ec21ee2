"""A plan: which sites are open, what that is worth, and how surely nothing is better."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mutualaid.siting._table import SiteTable

__all__ = ["NextBest", "Plan", "at_least", "finished"]


class NextBest(Protocol):
    """Asks once more, for the best plan that is not like any of those known; None if there is none.

    The arguments are the units of known plans; the least number of sites at which the next one differs from each of
    them; a value, than which it is not worse; and (s,) bool masks of sites, of each of which one is open at least.
    """

    def __call__(
        self,
        known: Sequence[NDArray[np.int64]],
        differ: int,
        cutoff: float,
        one_of: Sequence[NDArray[np.bool_]] = (),
        /,
    ) -> Plan | None: ...


@dataclass(frozen=True, eq=False)
class Plan:
    """Which sites are open, as a model found it.

    Attributes
    ----------
    model
        Which one: ``mclp``, ``lscp``, ``lscp_backup``, ``p_median``, ``p_center``, ``dsm``, ``mexclp``, ``cmclp``.
    table
        What it was asked about.
    units
        (s,) int64, units that stand at each site; 0 where it is closed. One at each open site, but for ``mexclp``.
    value
        Of the plan, in the unit of the model: people, or people times seconds, or seconds, or cost.
    bound
        No plan is better than this: at least `value` where the model maximises, at most where it minimises.
    maximise
        Whether more is better.
    status
        ``optimal``: proven, up to the gap that was asked for; ``time limit``: the best plan found until then.
    seconds
        How long it took.
    notes
        What must be known about it, in words: demand that no site reaches, for instance.
    again
        Asks the same question once more, for the best plan that is not like any of some given ones: see `alternatives`.
    """

    model: str
    table: SiteTable
    units: NDArray[np.int64]
    value: float
    bound: float
    maximise: bool
    status: str = "time limit"
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    again: NextBest | None = field(default=None, repr=False)

    @property
    def gap(self) -> float:
        """How far the bound is from the value, as a share of the larger one; 0 is proven optimal."""
        most = max(abs(self.value), abs(self.bound))
        return 0.0 if self.value == self.bound or most == 0 else abs(self.bound - self.value) / most

    @property
    def is_open(self) -> NDArray[np.bool_]:
        """(s,) whether there is a station at each site."""
        return self.units > 0

    @property
    def open(self) -> tuple[str, ...]:
        """Ids of all open sites."""
        return tuple(self.table.sites.index[self.is_open])

    @property
    def opened(self) -> tuple[str, ...]:
        """Ids of candidates that become stations."""
        return tuple(self.table.sites.index[self.is_open & ~self.table.existing])

    @property
    def closed(self) -> tuple[str, ...]:
        """Ids of stations that are closed or given up."""
        return tuple(self.table.sites.index[~self.is_open & self.table.existing])

    @property
    def cost(self) -> float:
        """Opening and closing costs together."""
        sites, opened = self.table.sites, self.is_open & ~self.table.existing
        closed = ~self.is_open & self.table.existing
        return float(
            sites["opening_cost"].to_numpy()[opened].sum() + sites["closing_cost"].to_numpy()[closed].sum()
        )


def at_least(plan: Plan | None, cutoff: float) -> Plan | None:
    """Return a plan that maximises if it is no worse than a value; rounding of sums is no difference."""
    return plan if plan is not None and plan.value >= cutoff - 1e-9 * abs(cutoff) else None


def finished(plan: Plan, *, proven: bool, gap: float, start: float) -> Plan:
    """Complete a plan with its status, the time it took, and a bound that does not contradict its value.

    Parameters
    ----------
    plan
        With its value as it follows from the sites, and the bound that the solver proved.
    proven
        Whether the solver came as near to the bound as was asked for.
    gap
        What was asked for; 0 if the plan is to be the best.
    start
        `time.perf_counter` when the work began.
    """
    # What is left between the two is the rounding of the solver.
    bound = (max if plan.maximise else min)(plan.bound, plan.value)
    return replace(
        plan,
        bound=plan.value if proven and gap == 0 else bound,
        status="optimal" if proven or bound == plan.value else "time limit",
        seconds=time.perf_counter() - start,
    )
