"""A plan, and the bounds of the clearance time of as many vehicles."""

from __future__ import annotations

from collections.abc import Callable

from mutualaid.evacuation._bracket import bracket
from mutualaid.evacuation._network import FlowNetwork
from mutualaid.evacuation._plan import plan_routes
from mutualaid.evacuation._results import Bracket, RoutePlan

__all__ = ["plan_and_bounds"]


def plan_and_bounds(
    flow: FlowNetwork,
    *,
    gap: float,
    time_limit_s: float,
    one_route: bool = False,
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
    quick
        Called with each bracket as it gets better.
    """
    plan = plan_routes(flow, one_route=one_route, gap=gap, time_limit_s=time_limit_s)
    served = float(plan.routes["vehicles"].sum())
    bounds = bracket(
        flow, vehicles=served, upper=plan.clearance_s, gap=gap, time_limit_s=time_limit_s, progress=quick
    )
    return plan, bounds
