"""A plan, and the bounds of the clearance time of as many vehicles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mutualaid.evacuation._bracket import bracket
from mutualaid.evacuation._network import FlowNetwork
from mutualaid.evacuation._plan import plan_routes
from mutualaid.evacuation._results import Bracket, RoutePlan

__all__ = ["plan_and_bounds", "with_plan"]

#: Share of the vehicles that is rounding.
_SAME = 2e-6


def plan_and_bounds(
    flow: FlowNetwork,
    *,
    gap: float,
    time_limit_s: float,
    one_route: bool = False,
    earliest: bool = True,
    quick: Callable[[Bracket], None] | None = None,
) -> tuple[RoutePlan, Bracket]:
    """Plan, then bound: the plan says how many can get out, and by when; the bounds are for as many.

    Parameters
    ----------
    flow
        The network.
    gap, time_limit_s
        Of each of the two.
    one_route
        Whether each source has one way only. The bounds are for plans of any kind, and the upper one may be that of
        another plan.
    earliest
        As of `bracket`.
    quick
        Called with each bracket as it gets better.
    """
    known: list[Bracket] = []

    def bounded(vehicles: float, upper: float | None = None) -> Bracket:
        return bracket(
            flow,
            vehicles=vehicles,
            upper=upper,
            gap=gap,
            time_limit_s=time_limit_s,
            earliest=earliest,
            progress=quick,
        )

    def lower_s(vehicles: float) -> float:
        known.append(bounded(vehicles))
        return known[-1].lower_s

    plan = plan_routes(flow, lower_s=lower_s, one_route=one_route, gap=gap, time_limit_s=time_limit_s)
    served = float(plan.routes["vehicles"].sum())
    enough = bool(known) and served >= known[-1].vehicles * (1 - _SAME)
    bounds = known[-1] if enough else bounded(served)
    if not one_route and plan.clearance_s > bounds.lower_s * (1 + gap):
        bounds = bounded(served, plan.clearance_s)
    return plan, with_plan(bounds, plan, gap)


def with_plan(bounds: Bracket, plan: RoutePlan, gap: float) -> Bracket:
    """Give the bounds with the plan's time as the upper one."""
    served = float(plan.routes["vehicles"].sum())
    upper_s = max(plan.clearance_s, bounds.lower_s)
    found = replace(bounds, vehicles=served, vehicles_least=served, upper_s=upper_s)
    return replace(found, status="gap" if found.gap <= gap * (1 + 1e-9) else found.status)
