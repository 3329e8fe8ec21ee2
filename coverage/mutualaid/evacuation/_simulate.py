"""How an evacuation runs when vehicles queue: by a plan, by one that not all follow, or by everybody's own choice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.errors import Defect, EvacuationError
from mutualaid.evacuation._network import FlowNetwork
from mutualaid.evacuation._results import RoutePlan, Simulation
from mutualaid.evacuation._routes._packets import (
    CLOSED_ROAD,
    CLOSED_SHELTER,
    FULL_SHELTER,
    Packets,
    drive,
    joined,
    when_ready,
)
from mutualaid.evacuation._routes._roads import Roads, prepared
from mutualaid.evacuation._routes._simple import tree_ways

__all__ = ["curves", "ete", "nearest", "simulate"]

Floats = NDArray[np.float64]
Int64 = NDArray[np.int64]

_REASONS = {CLOSED_ROAD: "closed road", CLOSED_SHELTER: "closed shelter", FULL_SHELTER: "full shelter"}
_NO_WAY = "no way"
#: Packets times edges to drive, above which packets grow.
_MOST_STEPS = 1e7
#: Share of the people that is rounding.
_ROUNDING = 1e-6


def simulate(
    network: FlowNetwork,
    plan: RoutePlan,
    *,
    compliance: float = 1.0,
    detour: str = "nearest",
    packet: float = 1.0,
) -> Simulation:
    """Drive a plan, vehicle by vehicle, with queues before every edge.

    It knows nothing of how the plan was made. Routes send off packets at equal intervals, each at the beginning of the
    stretch of time that it stands for. A packet that comes to an edge waits for all that came before it; each keeps the
    edge for as long as its capacity says (a point queue: it takes no room on the road). Who stands before an edge that
    closes is caught; so is who comes to a shelter that is closed or full. Where several routes merge, packets meet by
    chance, and wait for a few of the others: so times agree with the plan's to within some packets' headway.

    Parameters
    ----------
    network
        What they drive on, which may differ from what was planned for: a road that closes after all, say. It must
        have the same edges, sources and sinks.
    plan
        Routes to be driven.
    compliance
        Share of each source that follows the plan. The others leave when they are ready.
    detour
        Where the others go: to the ``nearest`` sink, as in `nearest`; or by the routes that are ``planned``, only
        not at the time.
    packet
        Most vehicles in a packet. The largest packets have this size, those of slower routes fewer vehicles, so that
        all routes send one off at the same interval. Packets grow where over 10 million steps would be driven.

    Returns
    -------
    Simulation
        Whom the plan leaves behind is among the caught: ``no way``.

    Raises
    ------
    EvacuationError
        What is asked for has no meaning.

    Examples
    --------
    >>> import pandas as pd
    >>> from mutualaid.evacuation import flow_network, plan_routes, simulate
    >>> road = flow_network(
    ...     n_nodes=2, tail=[0], head=[1], transit_s=[300.0], capacity_vph=[240.0],
    ...     sources=pd.DataFrame({"node": [0], "vehicles": [20.0]}, index=["village"]),
    ...     sinks=pd.DataFrame({"node": [1]}, index=["school"]),
    ... )
    >>> plan = plan_routes(road)
    >>> run = simulate(road, plan)
    >>> plan.clearance_s, run.clearance_s  # the last vehicle's headway is 15 s
    (600.0, 585.0)
    """
    defects = []
    if not 0 <= compliance <= 1:
        defects.append(Defect("", "compliance", "a share from 0 to 1", f"{compliance}", "correct compliance"))
    if detour not in ("nearest", "planned"):
        defects.append(Defect("", "detour", "nearest or planned", f"{detour}", "choose one of these"))
    if not packet > 0:
        defects.append(Defect("", "packet", "a number of vehicles above 0", f"{packet}", "correct packet"))
    source = network.sources.index.get_indexer(pd.Index(plan.routes["source"]))
    sink = network.sinks.index.get_indexer(pd.Index(plan.routes["sink"]))
    if (source < 0).any() or (sink < 0).any() or plan.network.n_edges != network.n_edges:
        expected, got = "the edges, sources and sinks of the plan", "others"
        defects.append(Defect("", "network", expected, got, "simulate on the network that was planned for"))
    if defects:
        raise EvacuationError(defects)
    roads = prepared(network)
    ways = [
        np.append(path, network.n_edges + end).astype(np.int64)
        for path, end in zip(plan.paths, sink, strict=True)
    ]
    parts = _planned(plan, source, ways, compliance, packet)
    left = plan.unserved.reindex(network.sources.index).fillna(0.0).to_numpy() * compliance
    if compliance < 1:
        if detour == "nearest":
            others, left_by_them = _nearest(roads, ways, 1 - compliance, packet)
            left = left + left_by_them
        else:
            others = _hasty(roads, plan, source, 1 - compliance, packet)
            left = left + plan.unserved.reindex(network.sources.index).fillna(0.0).to_numpy() * (
                1 - compliance
            )
        parts += others
    return _simulation(roads, parts, ways, left)


def nearest(network: FlowNetwork, *, packet: float = 1.0) -> Simulation:
    """Let everybody leave when ready, by the fastest way to the nearest shelter or exit.

    This is what happens without a plan: the way is the fastest on empty roads that are open at the alarm. Nobody knows
    what will close, who else is coming, or whether the shelter will be full; nobody turns round. Who finds a road
    closed, or a shelter closed or full, is caught there.

    Parameters
    ----------
    network
        What they drive on.
    packet
        Most vehicles that drive as one.

    Returns
    -------
    Simulation
        Who has no way at all is among the caught: ``no way``.

    Examples
    --------
    The school has room for 12; the hall, a minute further, would take all.

    >>> import pandas as pd
    >>> from mutualaid.evacuation import flow_network, nearest
    >>> roads = flow_network(
    ...     n_nodes=3, tail=[0, 0], head=[1, 2], transit_s=[300.0, 360.0], capacity_vph=[240.0, 240.0],
    ...     sources=pd.DataFrame({"node": [0], "vehicles": [20.0]}, index=["village"]),
    ...     sinks=pd.DataFrame({"node": [1, 2], "people": [12.0, 100.0]}, index=["school", "hall"]),
    ... )
    >>> run = nearest(roads)
    >>> run.arrivals["people"].sum(), run.caught.groupby("reason")["people"].sum().to_dict()
    (np.float64(12.0), {'full shelter': 8.0})
    """
    if not packet > 0:
        raise EvacuationError(
            [Defect("", "packet", "a number of vehicles above 0", f"{packet}", "correct packet")]
        )
    roads = prepared(network)
    ways: list[Int64] = []
    parts, left = _nearest(roads, ways, 1.0, packet)
    return _simulation(roads, parts, ways, left)


def _planned(
    plan: RoutePlan, source: Int64, ways: list[Int64], compliance: float, packet: float
) -> list[Packets]:
    """Cut routes into packets, all at the same interval."""
    rate = plan.routes["rate_vph"].to_numpy() * compliance
    since, until = plan.routes["from_s"].to_numpy(), plan.routes["to_s"].to_numpy()
    if not rate.max(initial=0.0) > 0:
        return []
    interval = packet * 3600.0 / rate.max()
    steps = sum(len(way) * (b - a) for way, a, b in zip(ways, since, until, strict=True)) / interval
    interval *= max(1.0, steps / _MOST_STEPS)
    parts = []
    for way in np.flatnonzero((rate > 0) & (until > since)):
        lasts = until[way] - since[way]
        count = int(np.ceil(lasts / interval - 1e-9))
        departs = since[way] + lasts * np.arange(count) / count
        vehicles = np.full(count, rate[way] * lasts / 3600.0 / count)
        parts.append(Packets(departs, vehicles, np.full(count, way), np.full(count, source[way])))
    return parts


def _nearest(roads: Roads, ways: list[Int64], share: float, packet: float) -> tuple[list[Packets], Floats]:
    """Send a share of all sources to the nearest sink; add their ways, and count who has none."""
    known = roads.usable & (roads.opens_s <= 0)
    known[roads.network.n_edges :] = roads.usable[roads.network.n_edges :]
    own = tree_ways(roads, np.where(known, roads.transit_s, np.inf))
    parts, left = [], np.zeros(len(own))
    for source, way in enumerate(own):
        if len(way):
            parts.append(when_ready(roads, source, share, len(ways), packet))
            ways.append(way)
        else:
            left[source] = roads.network.released[source, -1] * share
    return parts, left


def _hasty(roads: Roads, plan: RoutePlan, source: Int64, share: float, packet: float) -> list[Packets]:
    """Let a share of each source drive its routes, in proportion to their vehicles, as soon as it is ready."""
    vehicles = plan.routes["vehicles"].to_numpy()
    supply = roads.network.sources["vehicles"].to_numpy()
    return [
        when_ready(roads, int(source[way]), share * vehicles[way] / supply[source[way]], int(way), packet)
        for way in np.flatnonzero(vehicles > 0)
    ]


def _simulation(roads: Roads, parts: list[Packets], ways: list[Int64], left: Floats) -> Simulation:
    network = roads.network
    none = np.empty(0, np.int64)
    packets = joined([*parts, Packets(np.empty(0), np.empty(0), none, none)])
    run = drive(roads, packets, ways)
    names, zones = network.sources.index.to_numpy(), network.sources["zone"].to_numpy()
    ends = np.array([way[-1] - network.n_edges for way in ways], dtype=np.int64)
    table = pd.DataFrame(
        {
            "time_s": run.ended_s,
            "vehicles": packets.vehicles,
            "people": packets.vehicles * roads.load[packets.source],
            "source": names[packets.source],
            "zone": zones[packets.source],
            "sink": network.sinks.index.to_numpy()[ends[packets.way]],
            "departed_s": packets.departs_s,
            "waited_s": run.waited_s,
        }
    )
    order = np.argsort(run.ended_s, kind="stable")
    arrived = order[run.fate[order] == 0]
    arrivals = table.iloc[arrived].reset_index(drop=True)
    stopped = order[run.fate[order] != 0]
    caught = table.iloc[stopped][["source", "zone", "sink", "vehicles", "people"]].reset_index(drop=True)
    caught["reason"] = [_REASONS[int(one)] for one in run.fate[stopped]]
    edge = run.stopped[stopped]
    caught["edge"] = np.where(edge < network.n_edges, edge, -1)
    caught["time_s"] = run.ended_s[stopped]
    behind = np.flatnonzero(left > 0)
    never = pd.DataFrame(
        {
            "source": names[behind].astype(str), "zone": zones[behind], "sink": "", "vehicles": left[behind],
            "people": left[behind] * roads.load[behind], "reason": _NO_WAY, "edge": -1, "time_s": 0.0,
        }
    )  # fmt: skip
    if len(never):
        caught = pd.concat([never, caught], ignore_index=True) if len(caught) else never
    waited = np.flatnonzero(np.isfinite(run.first_s[: network.n_edges]))
    queues = pd.DataFrame(
        {
            "longest_vehicles": run.longest_vehicles[waited], "longest_s": run.longest_s[waited],
            "from_s": run.first_s[waited], "to_s": run.last_s[waited], "vehicles": run.passed[waited],
        },
        index=pd.Index(waited, name="edge"),
    )  # fmt: skip
    clearance = float(arrivals["time_s"].max()) if len(arrivals) else 0.0
    return Simulation(network, arrivals, caught, queues, clearance)


def ete(
    simulation: Simulation,
    *,
    shares: Sequence[float] = (0.5, 0.9, 0.95, 1.0),
    people: pd.Series | None = None,
) -> pd.DataFrame:
    """Estimate evacuation times: when which share of the people of each zone is out.

    Parameters
    ----------
    simulation
        Who arrived when.
    shares
        Of the people of the zone, the caught included.
    people
        People of each zone, by its id, where more belong to it than have a vehicle. By default those of its sources.

    Returns
    -------
    DataFrame
        Index ``zone``, first "" for all; ``people``, ``people_out``, ``people_left``, ``vehicles`` (that arrived), and
        ``ete_50_s`` and so on: seconds after the alarm, inf where so many never get out; 0 where nobody is.

    Raises
    ------
    EvacuationError
        Shares that are none.

    Examples
    --------
    >>> import pandas as pd
    >>> from mutualaid.evacuation import ete, flow_network, plan_routes, simulate
    >>> road = flow_network(
    ...     n_nodes=2, tail=[0], head=[1], transit_s=[300.0], capacity_vph=[240.0],
    ...     sources=pd.DataFrame({"node": [0], "vehicles": [20.0], "people": [50.0]}, index=["village"]),
    ...     sinks=pd.DataFrame({"node": [1]}, index=["school"]),
    ... )
    >>> ete(simulate(road, plan_routes(road)), shares=[0.5, 0.9]).loc["village"].round(6).to_dict()
    {'people': 50.0, 'people_out': 50.0, 'people_left': 0.0, 'vehicles': 20.0, 'ete_50_s': 435.0, 'ete_90_s': 555.0}
    """
    if any(not 0 < share <= 1 for share in shares):
        raise EvacuationError(
            [Defect("", "shares", "shares above 0, up to 1", f"{list(shares)}", "correct shares")]
        )
    base = _base(simulation, people)
    arrivals = simulation.arrivals
    rows = []
    for zone, total in base.items():
        mine = arrivals if zone == "" else arrivals[arrivals["zone"] == zone]
        summed, times = mine["people"].cumsum().to_numpy(), mine["time_s"].to_numpy()
        out = float(summed[-1]) if len(summed) else 0.0
        row = {"people": total, "people_out": out, "people_left": max(total - out, 0.0)}
        if row["people_left"] <= _ROUNDING * total:
            row["people_left"] = 0.0
        row["vehicles"] = float(mine["vehicles"].sum())
        for share in shares:
            at = int(np.searchsorted(summed, share * total - _ROUNDING * total)) if total else -1
            never = np.inf if total else 0.0
            row[f"ete_{100 * share:g}_s"] = float(times[at]) if 0 <= at < len(times) else never
        rows.append(row)
    return pd.DataFrame(rows, index=pd.Index(base.index, name="zone"))


def curves(simulation: Simulation, *, step_s: float = 60.0, people: pd.Series | None = None) -> pd.DataFrame:
    """Give how many people of each zone are out as time goes on.

    Parameters
    ----------
    simulation
        Who arrived when.
    step_s
        Seconds between two points.
    people
        As for `ete`.

    Returns
    -------
    DataFrame
        ``zone`` ("" for all), ``time_s`` (0, every step, and the clearance time), ``people`` who are out by then,
        ``share`` of the people of the zone, the caught included (NaN where nobody is).

    Raises
    ------
    EvacuationError
        A step that is none.

    Examples
    --------
    >>> import pandas as pd
    >>> from mutualaid.evacuation import curves, flow_network, plan_routes, simulate
    >>> road = flow_network(
    ...     n_nodes=2, tail=[0], head=[1], transit_s=[300.0], capacity_vph=[240.0],
    ...     sources=pd.DataFrame({"node": [0], "vehicles": [20.0]}, index=["village"]),
    ...     sinks=pd.DataFrame({"node": [1]}, index=["school"]),
    ... )
    >>> curve = curves(simulate(road, plan_routes(road)), step_s=120)
    >>> curve[curve["zone"] == "village"][["time_s", "people", "share"]].to_numpy().tolist()[2:]
    [[240.0, 0.0, 0.0], [360.0, 5.0, 0.25], [480.0, 13.0, 0.65], [585.0, 20.0, 1.0]]
    """
    if not step_s > 0:
        raise EvacuationError([Defect("", "step_s", "seconds above 0", f"{step_s}", "correct step_s")])
    base = _base(simulation, people)
    times = np.arange(0.0, simulation.clearance_s, step_s)
    times = np.append(times, simulation.clearance_s) if simulation.clearance_s > 0 else np.zeros(1)
    frames = []
    for zone, total in base.items():
        arrivals = simulation.arrivals
        mine = arrivals if zone == "" else arrivals[arrivals["zone"] == zone]
        summed = np.concatenate([[0.0], mine["people"].cumsum().to_numpy()])
        out = summed[np.searchsorted(mine["time_s"].to_numpy(), times + 1e-9, side="right")]
        share = out / total if total else np.full(len(times), np.nan)
        frames.append(pd.DataFrame({"zone": zone, "time_s": times, "people": out, "share": share}))
    return pd.concat(frames, ignore_index=True)


def _base(simulation: Simulation, people: pd.Series | None) -> pd.Series:
    """Give the people of all, then of each zone in order of its first source."""
    sources = simulation.network.sources
    own = sources.groupby("zone", sort=False)["people"].sum()
    if people is not None:
        more = people.astype(np.float64)
        more.index = more.index.astype(str)
        own = more.reindex(own.index.union(more.index, sort=False)).fillna(own)
    total = pd.Series({"": float(own.sum())})
    base: pd.Series = pd.concat([total, own])
    return base
