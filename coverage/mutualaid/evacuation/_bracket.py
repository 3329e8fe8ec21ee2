"""The clearance time between two proven bounds, refined until they are close."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import numpy as np

from mutualaid.errors import Defect, EvacuationError
from mutualaid.evacuation._expanded._grid import MOST_ARCS, Stopped
from mutualaid.evacuation._expanded._roads import road_parts
from mutualaid.evacuation._expanded._scale import first_step, guess_time
from mutualaid.evacuation._expanded._search import FINEST, SHARES, Search
from mutualaid.evacuation._network import FlowNetwork
from mutualaid.evacuation._results import Bracket

__all__ = ["SHARES", "bracket", "most_out"]


def bracket(
    network: FlowNetwork,
    *,
    gap: float = 0.02,
    time_limit_s: float = 60.0,
    first_step_s: float | None = None,
    vehicles: float | None = None,
    upper: float | None = None,
    earliest: bool = True,
    progress: Callable[[Bracket], None] | None = None,
) -> Bracket:
    """Bound the clearance time from both sides.

    Parameters
    ----------
    network
        Roads, who must leave, and where they may go.
    gap
        Relative distance of the bounds at which to stop; 0 goes on until time is over.
    time_limit_s
        When it is over, the best bounds so far are returned.
    first_step_s
        Seconds of a time step to begin with; by default chosen so that the first answer comes within a second or two.
    vehicles
        How many a plan that is known brings out. Then the bounds are for as many, and only the lower one is sought,
        until it is near `upper` or finer steps raise it no more.
    upper
        Clearance time of that plan; without `vehicles`, of one for all vehicles that can be brought out.
    earliest
        Whether to bound when shares of the vehicles are out, too; else only the last one counts.
    progress
        Called with the best bounds so far, whenever they have improved.

    Returns
    -------
    Bracket
        Also when the user interrupts (Ctrl-C): then ``status`` is ``stopped``.

    Raises
    ------
    EvacuationError
        What is asked for has no meaning.

    Examples
    --------
    Twenty vehicles over a road that takes six minutes and four vehicles a minute: 6 + 20 / 4 = 11 minutes.

    >>> import pandas as pd
    >>> from mutualaid.evacuation import bracket, flow_network
    >>> road = flow_network(
    ...     n_nodes=2, tail=[0], head=[1], transit_s=[360.0], capacity_vph=[240.0],
    ...     sources=pd.DataFrame({"node": [0], "vehicles": [20.0]}, index=["village"]),
    ...     sinks=pd.DataFrame({"node": [1]}, index=["school"]),
    ... )
    >>> found = bracket(road, gap=0.01)
    >>> found.lower_s <= 660 <= found.upper_s, found.gap <= 0.01, found.status
    (True, True, 'gap')
    """
    _check_asked(gap, time_limit_s, first_step_s)
    search = Search(network, road_parts(network), gap, time.monotonic() + time_limit_s, progress)
    search.known_upper, search.known, search.ask_shares = upper, vehicles, earliest
    return search.run(first_step_s)


def most_out(
    network: FlowNetwork, by_s: float, *, gap: float = 0.01, time_limit_s: float = 20.0
) -> tuple[float, float]:
    """Bound how many vehicles can be out by a moment: at least, and at most.

    Parameters
    ----------
    network
        Roads, who must leave, and where they may go.
    by_s
        Seconds after the alarm; inf for any time.
    gap
        Relative distance of the two at which to stop.
    time_limit_s
        When it is over, the best bounds so far are returned.

    Returns
    -------
    tuple
        Vehicles for whom there is a plan, and vehicles beyond which there is none.

    Raises
    ------
    EvacuationError
        What is asked for has no meaning.

    Examples
    --------
    A road that takes six minutes and four vehicles a minute: in eight minutes, eight are out.

    >>> import pandas as pd
    >>> from mutualaid.evacuation import flow_network, most_out
    >>> road = flow_network(
    ...     n_nodes=2, tail=[0], head=[1], transit_s=[360.0], capacity_vph=[240.0],
    ...     sources=pd.DataFrame({"node": [0], "vehicles": [20.0]}, index=["village"]),
    ...     sinks=pd.DataFrame({"node": [1]}, index=["school"]),
    ... )
    >>> least, most = most_out(road, 480.0)
    >>> 7.9 <= least <= 8 <= most <= 8.1
    True
    """
    _check_asked(gap, time_limit_s, None)
    if not by_s >= 0:
        raise EvacuationError([Defect("", "by_s", "seconds, 0 or more", str(by_s), "such as 3600")])
    roads = road_parts(network)
    search = Search(network, roads, gap, time.monotonic() + time_limit_s, None)
    if roads.vehicles <= 0 or not (roads.sink_node >= 0).any():
        return 0.0, 0.0
    search.most, search.room = roads.vehicles, roads.room_mean.copy()
    end = None if not np.isfinite(by_s) else round(by_s * 1000)
    step = first_step(roads, guess_time(roads) if end is None else max(end, 1000))
    with contextlib.suppress(Stopped):
        while True:
            search.amount(step, end)
            if search.least >= search.most * (1 - gap) or step <= 2 * FINEST:
                break
            search.check()
            if len(roads.tail) * (search.horizon(end) / step) > MOST_ARCS / 4:
                break
            step //= 2
    if roads.cut_off <= 0 and search.least >= roads.vehicles:
        return network.vehicles, network.vehicles
    return search.least, search.most


def _check_asked(gap: float, time_limit_s: float, first_step_s: float | None) -> None:
    defects = []
    if not (np.isfinite(gap) and gap >= 0):
        defects.append(Defect("", "gap", "a share of 0 or more", str(gap), "such as 0.02"))
    if not time_limit_s > 0:
        defects.append(Defect("", "time_limit_s", "seconds, more than 0", str(time_limit_s), "such as 60"))
    if first_step_s is not None and not (np.isfinite(first_step_s) and first_step_s >= 0.001):
        defects.append(
            Defect(
                "", "first_step_s", "seconds, 0.001 or more", str(first_step_s), "such as 60, or leave it out"
            )
        )
    if defects:
        raise EvacuationError(defects)
