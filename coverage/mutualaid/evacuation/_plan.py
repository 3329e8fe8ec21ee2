"""Routes of constant rate that clear an area soon, by column generation."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.errors import Defect, EvacuationError
from mutualaid.evacuation._network import FlowNetwork
from mutualaid.evacuation._results import RoutePlan
from mutualaid.evacuation._routes._best import best_pieces
from mutualaid.evacuation._routes._check import check_plan
from mutualaid.evacuation._routes._loads import Passing, lane_peaks, passing
from mutualaid.evacuation._routes._program import timed
from mutualaid.evacuation._routes._roads import Roads, prepared
from mutualaid.evacuation._routes._search import Pieces

__all__ = ["check_plan", "edge_flows", "edge_loads", "plan_routes"]

Floats = NDArray[np.float64]
Int32 = NDArray[np.int32]

_COLUMNS = (
    "source", "zone", "sink", "rate_vph", "from_s", "to_s", "vehicles", "people", "drive_s", "arrives_s",
    "latest_s", "margin_s",
)  # fmt: skip


def plan_routes(
    network: FlowNetwork,
    *,
    lower_s: float | Callable[[float], float] | None = None,
    vehicles: float | None = None,
    one_route: bool = False,
    gap: float = 0.02,
    time_limit_s: float = 60.0,
    most_routes: int | None = None,
    progress: Callable[[RoutePlan], None] | None = None,
) -> RoutePlan:
    """Plan who leaves when, at what constant rate, by what way, and where to, so that the area is cleared soon.

    Nobody waits on the way: a route that leaves from a to b at r vehicles an hour passes an edge that begins o seconds
    along it from a + o to b + o at that same rate, and the rates of all routes in a lane never exceed its capacity.
    So the plan can be read aloud, and checked by hand. It is found by column generation (Ford & Fulkerson 1958), on
    ways and on the times between which they are used, and a search for the shortest horizon.

    As many vehicles as possible get out, before roads and sinks close and with the room there is; then soon. The plan
    is feasible whatever it costs in time; how good it is, only a bound from elsewhere says (`bracket`).

    Parameters
    ----------
    network
        What is planned for.
    lower_s
        A bound of the clearance time, such as `Bracket.lower_s`: the search stops within `gap` of it. Or a function
        that gives it for a number of vehicles, which is asked once it is known how many can get out.
    vehicles
        How many are to be brought out; all, or as many as can be, if None.
    one_route
        Whether each source leaves by one way only, and ways that meet go on together. Drivers need not choose, at
        the price of a longer clearance.
    gap
        Relative distance from `lower_s` at which to stop; without that, what a finer search must still promise.
    time_limit_s
        When it is over, the best plan so far is returned. Results can differ between runs that it cuts off.
    most_routes
        About how many routes are wanted at most: the plan is shortened to that many as long as nobody is left behind,
        and clears later for it.
    progress
        Called with each better plan.

    Returns
    -------
    RoutePlan
        `check_plan` finds nothing in it.

    Raises
    ------
    EvacuationError
        What is asked for has no meaning.

    References
    ----------
    Ford & Fulkerson 1958, doi:10.1287/mnsc.5.1.97, for columns of ways; Hoppe & Tardos 2000,
    doi:10.1287/moor.25.1.36.15211, for the quickest transshipment that the plan approaches.

    Examples
    --------
    Two roads lead from the village to the school: 3 vehicles a minute within 3 minutes, 2 within 5.

    >>> import pandas as pd
    >>> from mutualaid.evacuation import flow_network, plan_routes
    >>> roads = flow_network(
    ...     n_nodes=2, tail=[0, 0], head=[1, 1], transit_s=[180.0, 300.0], capacity_vph=[180.0, 120.0],
    ...     sources=pd.DataFrame({"node": [0], "vehicles": [40.0]}, index=["village"]),
    ...     sinks=pd.DataFrame({"node": [1]}, index=["school"]),
    ... )
    >>> plan = plan_routes(roads, lower_s=708, gap=0.0)
    >>> plan.routes[["sink", "rate_vph", "from_s", "to_s", "vehicles"]].round(1)
          sink  rate_vph  from_s   to_s  vehicles
    R1  school     180.0     0.0  528.0      26.4
    R2  school     120.0     0.0  408.0      13.6
    >>> round(plan.clearance_s / 60, 1)
    11.8
    """
    _check_asked(network, lower_s, vehicles, gap, time_limit_s, most_routes)
    began = time.monotonic()
    roads = prepared(network)

    def report(pieces: Pieces, notes: tuple[str, ...] = ()) -> RoutePlan:
        return _routes(roads, pieces, one_route, notes)

    pieces, notes = best_pieces(
        roads,
        lower_s=lower_s,
        vehicles=vehicles,
        one_route=one_route,
        gap=gap,
        until=began + time_limit_s,
        most_routes=most_routes,
        found=None if progress is None else lambda better: progress(report(better)),
    )
    return report(pieces, notes)


def _check_asked(
    network: FlowNetwork,
    lower_s: float | Callable[[float], float] | None,
    vehicles: float | None,
    gap: float,
    time_limit_s: float,
    most_routes: int | None,
) -> None:
    defects = []

    def expect(good: bool, where: str, expected: str, got: object) -> None:
        if not good:
            defects.append(Defect("", where, expected, f"{got}", f"correct {where}"))

    expect(
        lower_s is None or callable(lower_s) or lower_s >= 0,
        "lower_s",
        "seconds, 0 or more, or None",
        lower_s,
    )
    all_of_them = f"a number from 0 to {network.vehicles:g}, or None"
    expect(
        vehicles is None or 0 <= vehicles <= network.vehicles * (1 + 1e-9), "vehicles", all_of_them, vehicles
    )
    expect(gap >= 0, "gap", "a share of 0 or more", gap)
    expect(time_limit_s >= 0, "time_limit_s", "seconds, 0 or more", time_limit_s)
    expect(most_routes is None or most_routes >= 1, "most_routes", "1 or more, or None", most_routes)
    if defects:
        raise EvacuationError(defects)


def _routes(roads: Roads, pieces: Pieces, one_route: bool, notes: tuple[str, ...]) -> RoutePlan:
    """Write routes down, in order of zone, then departure."""
    network = roads.network
    source, vehicles = pieces.source, pieces.vehicles
    names = network.sources.index.to_numpy()
    zones = network.sources["zone"].to_numpy()
    starts = np.concatenate([[0], np.cumsum([len(way) for way in pieces.edges])]).astype(np.int64)
    edges = np.concatenate([*pieces.edges, np.empty(0, np.int64)])
    _, drive, _, latest = timed(starts, edges, roads.transit_s, roads.opens_s, roads.closes_s)
    sink = edges[starts[1:] - 1] - network.n_edges
    table = pd.DataFrame(
        {
            "source": names[source],
            "zone": zones[source],
            "sink": network.sinks.index.to_numpy()[sink],
            "rate_vph": pieces.vph,
            "from_s": pieces.departs_s,
            "to_s": pieces.until_s,
            "vehicles": vehicles,
            "people": vehicles * roads.load[source],
            "drive_s": drive,
            "arrives_s": pieces.until_s + drive,
            "latest_s": latest,
            "margin_s": latest - pieces.until_s,
        },
        columns=list(_COLUMNS),
    )
    order = table.sort_values(["zone", "from_s", "source", "drive_s", "to_s"], kind="stable").index.to_numpy()
    table = table.loc[order]
    table.index = pd.Index([f"R{one + 1}" for one in range(len(table))])
    out = np.bincount(source, weights=vehicles, minlength=len(names))
    supply = network.sources["vehicles"].to_numpy()
    left = np.where(supply - out > 1e-6 * (1 + supply), supply - out, 0.0)
    unserved = pd.Series(left, index=network.sources.index, name="unserved")
    paths = tuple(pieces.edges[one][:-1].astype(np.int32) for one in order)
    clearance = float(table["arrives_s"].max()) if len(table) else 0.0
    return RoutePlan(network, table, paths, clearance, unserved, one_route, notes)


def edge_flows(plan: RoutePlan, times_s: NDArray[np.float64] | list[float]) -> pd.DataFrame:
    """Give the flow that enters each edge just after each of the times.

    Parameters
    ----------
    plan
        Routes of constant rate.
    times_s
        Seconds after the alarm.

    Returns
    -------
    DataFrame
        ``edge`` (position in the network), ``time_s``, ``vph``; ordered by time, then edge. Edges into which nobody
        drives at that time are left out.

    Examples
    --------
    >>> import pandas as pd
    >>> from mutualaid.evacuation import edge_flows, flow_network, plan_routes
    >>> road = flow_network(
    ...     n_nodes=3, tail=[0, 1], head=[1, 2], transit_s=[300.0, 60.0], capacity_vph=[240.0, 240.0],
    ...     sources=pd.DataFrame({"node": [0], "vehicles": [20.0]}), sinks=pd.DataFrame({"node": [2]}),
    ... )
    >>> edge_flows(plan_routes(road), [0, 299.5, 300])
       edge  time_s    vph
    0     0     0.0  240.0
    1     0   299.5  240.0
    2     1   300.0  240.0
    """
    edge, enters, leaves, vph = _entries(plan)
    frames = []
    for moment in np.asarray(times_s, dtype=np.float64):
        now = (enters <= moment) & (moment < leaves)
        flow = np.bincount(edge[now], weights=vph[now], minlength=plan.network.n_edges)
        used = np.flatnonzero(flow)
        frames.append(pd.DataFrame({"edge": used, "time_s": moment, "vph": flow[used]}))
    empty = pd.DataFrame({"edge": np.empty(0, np.int64), "time_s": np.empty(0), "vph": np.empty(0)})
    return pd.concat(frames, ignore_index=True) if frames else empty


def edge_loads(plan: RoutePlan) -> pd.DataFrame:
    """Sum up what each edge carries in the whole plan.

    Returns
    -------
    DataFrame
        Index ``edge`` (position in the network), those used; ``vehicles``, ``people``, ``peak_vph`` (greatest flow
        that enters), ``from_s`` (the first enters) and ``to_s`` (the last leaves it).

    Examples
    --------
    >>> import pandas as pd
    >>> from mutualaid.evacuation import edge_loads, flow_network, plan_routes
    >>> road = flow_network(
    ...     n_nodes=3, tail=[0, 1], head=[1, 2], transit_s=[300.0, 60.0], capacity_vph=[240.0, 240.0],
    ...     sources=pd.DataFrame({"node": [0], "vehicles": [20.0]}), sinks=pd.DataFrame({"node": [2]}),
    ... )
    >>> edge_loads(plan_routes(road)).round(6).reset_index()
       edge  vehicles  people  peak_vph  from_s   to_s
    0     0      20.0    20.0     240.0     0.0  600.0
    1     1      20.0    20.0     240.0   300.0  660.0
    """
    edge, enters, leaves, vph = _entries(plan)
    count = [len(path) for path in plan.paths]
    people = np.repeat((plan.routes["people"] / plan.routes["vehicles"]).fillna(0.0).to_numpy(), count)
    vehicles = vph * (leaves - enters) / 3600.0
    at, _, flow = lane_peaks((edge, enters, leaves, vph))
    frame = pd.DataFrame(
        {
            "edge": edge, "vehicles": vehicles, "people": vehicles * people, "from_s": enters,
            "to_s": leaves + plan.network.transit_s[edge],
        }
    )  # fmt: skip
    loads = frame.groupby("edge").agg(
        vehicles=("vehicles", "sum"), people=("people", "sum"), from_s=("from_s", "min"), to_s=("to_s", "max")
    )
    loads.insert(2, "peak_vph", pd.Series(flow).groupby(at).max().reindex(loads.index))
    return loads


def _entries(plan: RoutePlan) -> Passing:
    """Say when each route enters and leaves the mouth of each of its edges."""
    starts = np.concatenate([[0], np.cumsum([len(path) for path in plan.paths])]).astype(np.int64)
    edges = np.concatenate([*plan.paths, np.empty(0, np.int32)]).astype(np.int64)
    gone = [np.cumsum(plan.network.transit_s[path]) - plan.network.transit_s[path] for path in plan.paths]
    offsets = np.concatenate([*gone, np.empty(0)])
    departs, until, vph = (plan.routes[name].to_numpy() for name in ("from_s", "to_s", "rate_vph"))
    return passing(starts, edges, offsets, departs, until, vph)
