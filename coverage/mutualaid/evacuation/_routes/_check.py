"""What is wrong with a plan, found from its routes alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.evacuation._network import FlowNetwork
from mutualaid.evacuation._routes._loads import lane_peaks, passing

__all__ = ["check_plan"]

Floats = NDArray[np.float64]
Int64 = NDArray[np.int64]

#: Shares and seconds below which a difference is rounding.
_SHARE, _INSTANT_S = 1e-6, 1e-3


class _Findings:
    def __init__(self) -> None:
        self.rows: list[tuple[str, str, float, float]] = []

    def expect(self, good: bool, kind: str, where: str, allowed: float, found: float) -> None:
        if not good:
            self.rows.append((kind, where, float(allowed), float(found)))

    def at_most(self, kind: str, where: str, allowed: float, found: float) -> None:
        self.expect(found <= allowed * (1 + _SHARE) + _SHARE, kind, where, allowed, found)


def check_plan(
    network: FlowNetwork, routes: pd.DataFrame, paths: Sequence[NDArray[np.int32]]
) -> pd.DataFrame:
    """Check a plan route by route, edge by edge and moment by moment.

    Nothing is taken over from where the plan was made: routes may come from a file. Rounding of a millionth, and flows
    that overlap for less than a millisecond, are let pass.

    Parameters
    ----------
    network
        What was planned for.
    routes, paths
        As in `RoutePlan`; needed are ``source``, ``sink``, ``rate_vph``, ``from_s``, ``to_s`` and ``vehicles``.

    Returns
    -------
    DataFrame
        One row a violation, none if the plan holds; ``kind``, ``where`` (route, edge, source or sink), ``allowed`` and
        ``found``:

        * ``path``: a path does not lead from its source to its sink (edge or node expected, and what came);
        * ``route``: times or rate that mean nothing, or vehicles that are not rate times duration;
        * ``opens``, ``closes``: an edge or sink entered too early, or left too late (seconds);
        * ``capacity``: vehicles an hour that enter an edge, a group of edges or a sink at some moment;
        * ``released``: vehicles that left a source before they were ready; ``supply``: more than there are;
        * ``room``: people in a sink.

    Examples
    --------
    >>> import pandas as pd
    >>> from mutualaid.evacuation import check_plan, flow_network, plan_routes
    >>> road = flow_network(
    ...     n_nodes=2, tail=[0], head=[1], transit_s=[300.0], capacity_vph=[240.0],
    ...     sources=pd.DataFrame({"node": [0], "vehicles": [20.0]}), sinks=pd.DataFrame({"node": [1]}),
    ... )
    >>> plan = plan_routes(road)
    >>> len(check_plan(road, plan.routes, plan.paths))
    0
    >>> hasty = plan.routes.assign(rate_vph=480.0, to_s=150.0)
    >>> check_plan(road, hasty, plan.paths)
           kind   where  allowed  found
    0  capacity  edge 0    240.0  480.0
    """
    findings = _Findings()
    columns = ("rate_vph", "from_s", "to_s", "vehicles")
    rate, since, until, vehicles = (routes[name].to_numpy(np.float64) for name in columns)
    source, sink = (
        network.sources.index.get_indexer(pd.Index(routes["source"])),
        network.sinks.index.get_indexer(pd.Index(routes["sink"])),
    )
    sound = (rate >= 0) & (since >= 0) & (until >= since) & np.isfinite(rate) & np.isfinite(until)
    findings.expect(len(paths) == len(routes), "path", "paths", len(routes), len(paths))
    whole = []
    for at, (name, path) in enumerate(zip(routes.index.astype(str), paths, strict=False)):
        findings.expect(source[at] >= 0, "path", f"{name}, source", 0, -1)
        findings.expect(sink[at] >= 0, "path", f"{name}, sink", 0, -1)
        if source[at] >= 0 and sink[at] >= 0 and _leads(network, findings, name, path, source[at], sink[at]):
            whole.append(at)
        findings.expect(bool(sound[at]), "route", f"{name}, rate and times", 0, rate[at])
        meant = rate[at] * (until[at] - since[at]) / 3600.0 if sound[at] else vehicles[at]
        agrees = abs(meant - vehicles[at]) <= _SHARE * (1 + meant)
        findings.expect(agrees, "route", f"{name}, vehicles", meant, vehicles[at])
    # what means nothing cannot be added up
    rate, since, until = (np.where(sound, values, 0.0) for values in (rate, since, until))
    _check_roads(network, findings, [np.asarray(paths[at], np.int64) for at in whole], sink[whole],
                 since[whole], until[whole], rate[whole], routes.index.astype(str)[whole])  # fmt: skip
    _check_ends(network, findings, source, sink, since, until, rate)
    return pd.DataFrame(findings.rows, columns=["kind", "where", "allowed", "found"])


def _leads(
    network: FlowNetwork, findings: _Findings, name: str, path: NDArray[np.int32], source: int, sink: int
) -> bool:
    """Follow a path from node to node."""
    node = int(network.sources["node"].iloc[source])
    for edge in path:
        if not 0 <= edge < network.n_edges:
            findings.expect(False, "path", f"{name}, edge", network.n_edges - 1, edge)
            return False
        if network.tail[edge] != node:
            findings.expect(False, "path", f"{name}, edge {edge} begins", node, network.tail[edge])
            return False
        node = int(network.head[edge])
    goal = int(network.sinks["node"].iloc[sink])
    findings.expect(node == goal, "path", f"{name}, end", goal, node)
    return node == goal


def _check_roads(
    network: FlowNetwork,
    findings: _Findings,
    paths: list[Int64],
    sink: Int64,
    since: Floats,
    until: Floats,
    rate: Floats,
    names: pd.Index,
) -> None:
    """Check windows and capacities of edges, groups and sinks."""
    edges = network.n_edges
    sinks = network.sinks
    transit = np.append(network.transit_s, np.zeros(len(sinks)))
    opens = np.append(network.opens_s, sinks["opens_s"])
    closes = np.append(network.closes_s, sinks["closes_s"])
    capacity = np.append(network.capacity_vph, sinks["capacity_vph"])
    ways = [np.append(path, edges + end) for path, end in zip(paths, sink, strict=True)]
    count = np.array([len(way) for way in ways], dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    edge = np.concatenate([*ways, np.empty(0, np.int64)]).astype(np.int64)
    offset = np.concatenate([*(np.cumsum(transit[way]) - transit[way] for way in ways), np.empty(0)])
    flow = passing(starts, edge, offset, since, until, rate)
    _, enters, leaves, vph = flow
    route = np.repeat(np.arange(len(ways)), count)
    runs = vph > 0
    early = np.flatnonzero(runs & (enters < opens[edge] - _INSTANT_S))
    late = np.flatnonzero(runs & (leaves + transit[edge] > closes[edge] + _INSTANT_S))
    for kind, wrong, allowed, found in (
        ("opens", early, opens[edge], enters), ("closes", late, closes[edge], leaves + transit[edge]),
    ):  # fmt: skip
        for at in wrong:
            where = f"{names[route[at]]}, {_place(network, edge[at])}"
            findings.expect(False, kind, where, allowed[at], found[at])
    group = np.append(network.group, np.full(len(sinks), -1)).astype(np.int64)
    lane = np.where(group >= 0, group + len(transit), np.arange(len(transit)))[edge]
    used, _, vph_at = lane_peaks((lane, enters, leaves, vph), instant=_INSTANT_S)
    peak = pd.Series(vph_at).groupby(used).max()
    limit = pd.Series(capacity[edge]).groupby(lane).min()
    for one, most in zip(peak.index.to_numpy(np.int64).tolist(), peak.to_list(), strict=True):
        place = f"group {one - len(transit)}" if one >= len(transit) else _place(network, one)
        findings.at_most("capacity", place, float(limit.loc[one]), most)


def _place(network: FlowNetwork, edge: int) -> str:
    return f"edge {edge}" if edge < network.n_edges else f"sink {network.sinks.index[edge - network.n_edges]}"


def _check_ends(
    network: FlowNetwork,
    findings: _Findings,
    source: Int64,
    sink: Int64,
    since: Floats,
    until: Floats,
    rate: Floats,
) -> None:
    """Check who was ready, how many there are, and the room of sinks."""
    people_of = network.sources["people"].to_numpy() / np.maximum(
        network.sources["vehicles"].to_numpy(), 1e-300
    )
    per_second = rate / 3600.0
    for one, name in enumerate(network.sources.index):
        mine = source == one
        times = np.unique(np.concatenate([since[mine], until[mine], network.release_s]))
        begin, end = since[mine], until[mine]
        left = (np.clip(times[:, None], begin, end) - begin) @ per_second[mine]
        ready = np.interp(times, network.release_s, network.released[one])
        findings.at_most("supply", f"source {name}", network.released[one, -1], float(left[-1]))
        worst = int(np.argmax(left - ready))
        if left[-1] <= network.released[one, -1] * (1 + _SHARE) + _SHARE:
            allowance = _SHARE * network.released[one, -1]
            findings.at_most(
                "released", f"source {name}", float(ready[worst]) + allowance, float(left[worst])
            )
    known = (source >= 0) & (sink >= 0)
    carried = (per_second * (until - since) * people_of[source])[known]
    inside = np.bincount(sink[known], weights=carried, minlength=len(network.sinks))
    for name, room, found in zip(network.sinks.index, network.sinks["people"], inside, strict=True):
        findings.at_most("room", f"sink {name}", float(room), float(found))
