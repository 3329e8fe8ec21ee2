"""Whether a plan keeps to what roads, sinks and releases allow, told from its routes alone.

Nothing here calls the package's own check. The tests reach this file through the fixture `checker`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.evacuation import FlowNetwork

#: Seconds, and share of a limit, that rounding may cost.
SLACK = 1e-6


class Part(NamedTuple):
    """Vehicles at a constant rate past one place: an edge's beginning, or a sink."""

    begin_s: float
    end_s: float
    vph: float


class Driven(NamedTuple):
    """Where a route passes: its entries into edges in driving order, its arrival, and its people."""

    edges: list[tuple[int, Part]]
    arrival: Part
    sink: str
    people: float


def violations(network: FlowNetwork, routes: pd.DataFrame, paths: Sequence[NDArray[Any]]) -> list[str]:
    """All that the routes break, in words: ways, rates, windows, releases, room; empty if they can be driven."""
    if len(paths) != len(routes):
        return [f"{len(routes)} routes with {len(paths)} paths"]
    found: list[str] = []
    driven: list[Driven] = []
    for path, (name, route) in zip(paths, routes.iterrows(), strict=True):
        if route["source"] not in network.sources.index or route["sink"] not in network.sinks.index:
            found.append(f"{name}: from {route['source']} to {route['sink']}")
            continue
        one, wrong = _drive(network, route, np.asarray(path).tolist())
        driven.append(one)
        found += [f"{name}: {what}" for what in wrong]
    for what, limit, parts in _shared(network, driven):
        at, vph = _peak(parts)
        if vph > limit * (1 + SLACK) + SLACK:
            found.append(f"{what}: {vph} vehicles an hour at {at}, {limit} allowed")
    for sink, room in network.sinks["people"].items():
        people = sum(one.people for one in driven if one.sink == sink)
        if people > room * (1 + SLACK) + SLACK:
            found.append(f"sink {sink}: {people} people, {room} allowed")
    for source, ready in zip(network.sources.index, network.released, strict=True):
        found += _too_early(network, routes[routes["source"] == source], str(source), ready)
    return found


def _drive(network: FlowNetwork, route: pd.Series, path: list[int]) -> tuple[Driven, list[str]]:
    wrong: list[str] = []
    source, sink = network.sources.loc[route["source"]], network.sinks.loc[route["sink"]]
    node, begin, end, vph = (
        int(source["node"]),
        *(float(route[name]) for name in ("from_s", "to_s", "rate_vph")),
    )
    if not (0 <= begin <= end and vph >= 0):
        wrong.append(f"{vph} vehicles an hour from {begin} to {end}")
    edges = []
    for edge in path:
        if network.tail[edge] != node:
            wrong.append(f"edge {edge} begins at {network.tail[edge]}, the vehicle is at {node}")
        if begin < network.opens_s[edge] - SLACK:
            wrong.append(f"enters edge {edge} at {begin}, opens {network.opens_s[edge]}")
        edges.append((edge, Part(begin, end, vph)))
        begin, end = begin + float(network.transit_s[edge]), end + float(network.transit_s[edge])
        if end > network.closes_s[edge] + SLACK:
            wrong.append(f"leaves edge {edge} at {end}, closed from {network.closes_s[edge]}")
        node = int(network.head[edge])
    if node != sink["node"]:
        wrong.append(f"ends at {node}, {route['sink']} is at {sink['node']}")
    if begin < sink["opens_s"] - SLACK or end > sink["closes_s"] + SLACK:
        wrong.append(f"arrives {begin} to {end}, open {sink['opens_s']} to {sink['closes_s']}")
    people = vph * (end - begin) / 3600 * _people_per_vehicle(source)
    return Driven(edges, Part(begin, end, vph), route["sink"], people), wrong


def _people_per_vehicle(source: pd.Series) -> float:
    return float(source["people"] / source["vehicles"]) if source["vehicles"] > 0 else 0.0


def _shared(network: FlowNetwork, driven: Sequence[Driven]) -> Iterator[tuple[str, float, list[Part]]]:
    """Everything that has a capacity, with who uses it."""
    parts: dict[str, list[Part]] = {}
    limits: dict[str, float] = {}
    for one in driven:
        for edge, part in one.edges:
            group = int(network.group[edge])
            what = f"group {group}" if group >= 0 else f"edge {edge}"
            parts.setdefault(what, []).append(part)
            limits[what] = float(network.capacity_vph[edge])
        what = f"sink {one.sink}"
        parts.setdefault(what, []).append(one.arrival)
        limits[what] = float(network.sinks["capacity_vph"].loc[one.sink])
    return ((what, limits[what], using) for what, using in parts.items())


def _peak(parts: Sequence[Part]) -> tuple[float, float]:
    """When and how much the sum of the rates is at most; who ends as another begins does not meet it."""
    long = [one for one in parts if one.end_s - one.begin_s > 2 * SLACK]
    changes = [(one.begin_s + SLACK, one.vph) for one in long] + [
        (one.end_s - SLACK, -one.vph) for one in long
    ]
    best, now = (0.0, 0.0), 0.0
    for time, change in sorted(changes):
        now += change
        best = (time, now) if now > best[1] else best
    return best


def _too_early(network: FlowNetwork, routes: pd.DataFrame, source: str, ready: NDArray[Any]) -> list[str]:
    """Who leaves before being ready; both curves are straight between the times at which one of them bends."""
    times = np.unique(np.concatenate([routes["from_s"], routes["to_s"], network.release_s]))
    gone = np.zeros(len(times))
    for begin, end, vph in routes[["from_s", "to_s", "rate_vph"]].itertuples(index=False):
        gone += vph / 3600 * np.clip(times - begin, 0.0, end - begin)
    over = gone - np.interp(times, network.release_s, ready)
    if over.max() <= SLACK * max(1.0, ready[-1]):
        return []
    return [f"source {source}: {gone[over.argmax()]} gone by {times[over.argmax()]}, {over.max()} too many"]


def plan_violations(plan: Any, *, forks: bool = True) -> list[str]:
    """What a plan breaks, and where its table says something else than its routes do."""
    network, routes = plan.network, plan.routes
    found = violations(network, routes, plan.paths)
    if found:
        return found
    if list(routes.index) != [f"R{i + 1}" for i in range(len(routes))]:
        found.append("ids are not R1, R2 …")
    served = pd.Series(0.0, index=network.sources.index)
    last = 0.0
    for path, (name, route) in zip(plan.paths, routes.iterrows(), strict=True):
        right = _columns(network, route, np.asarray(path, dtype=int))
        for column, value in right.items():
            same = np.isclose(route[column], value, rtol=1e-6, atol=1e-4)
            found += [] if same else [f"{name}: {column} is {value}, not {route[column]}"]
        if route["zone"] != network.sources.loc[route["source"], "zone"]:
            found.append(f"{name}: in zone {route['zone']}")
        served[route["source"]] += right["vehicles"]
        last = max(last, right["arrives_s"])
    if not np.isclose(plan.clearance_s, last, rtol=1e-9, atol=1e-4):
        found.append(f"the last one arrives at {last}, not {plan.clearance_s}")
    left = network.sources["vehicles"] - served
    if list(plan.unserved.index) != list(left.index) or not np.allclose(
        plan.unserved, left, rtol=1e-6, atol=1e-4
    ):
        found.append(f"left behind are {left.to_dict()}, not {plan.unserved.to_dict()}")
    return found + (forked(plan) if plan.one_route and forks else [])


def _columns(network: FlowNetwork, route: pd.Series, edges: NDArray[np.int64]) -> dict[str, float]:
    through = np.cumsum(network.transit_s[edges])
    drive = float(through[-1]) if len(edges) else 0.0
    closes = [
        float(network.sinks.loc[route["sink"], "closes_s"]) - drive,
        *(network.closes_s[edges] - through),
    ]
    vehicles = float(route["rate_vph"] * (route["to_s"] - route["from_s"]) / 3600)
    return {
        "vehicles": vehicles,
        "people": vehicles * _people_per_vehicle(network.sources.loc[route["source"]]),
        "drive_s": drive,
        "arrives_s": float(route["to_s"]) + drive,
        "latest_s": min(closes),
        "margin_s": min(closes) - float(route["to_s"]),
    }


def forked(plan: Any) -> list[str]:
    """Where routes that meet part again, or a source has more than one way."""
    onward: dict[int, set[Any]] = {}
    for path, (_, route) in zip(plan.paths, plan.routes.iterrows(), strict=True):
        node = int(plan.network.sources.loc[route["source"], "node"])
        for edge in np.asarray(path).tolist():
            onward.setdefault(node, set()).add(edge)
            node = int(plan.network.head[edge])
        onward.setdefault(node, set()).add(f"into {route['sink']}")
    return [
        f"at node {node} some go by {sorted(map(str, ways))}"
        for node, ways in onward.items()
        if len(ways) > 1
    ]


def let_through(network: FlowNetwork, threshold_s: NDArray[Any], full: NDArray[Any], by_s: float) -> float:
    """The most vehicles that can be out by a moment, told from a cut alone.

    Who is at a node at its threshold or later is behind the cut, and so is a sink that is full. What can be out was
    never behind it, or comes through it: over an edge whose end lies before the threshold there, into a sink that is
    not full; or it takes up the room of one that is. Nobody comes through by waiting. This holds for any thresholds,
    so nothing needs to be known about where they come from.
    """
    out, threshold_s = 0.0, np.minimum(threshold_s, by_s)  # who is on the way by then is too late
    for node, ready in zip(network.sources["node"], network.released, strict=True):
        at = threshold_s[node]
        out += float(np.interp(at, network.release_s, ready)) if at > 0 else 0.0
    begin = np.maximum(threshold_s[network.tail], network.opens_s)
    end = np.minimum(threshold_s[network.head], network.closes_s) - network.transit_s
    alone = network.group < 0
    out += _passing(network.capacity_vph[alone], begin[alone], end[alone])
    for number in np.unique(network.group[~alone]):
        lane = network.group == number
        out += _passing_in_turn(float(network.capacity_vph[lane][0]), begin[lane], end[lane])
    sinks = network.sinks
    full = np.asarray(full, dtype=bool)
    out += _in_room(network.sources, float(sinks["people"].to_numpy()[full].sum()))
    begin = np.maximum(threshold_s[sinks["node"].to_numpy()], sinks["opens_s"].to_numpy())[~full]
    end = np.minimum(sinks["closes_s"].to_numpy(), by_s)[~full]
    return out + _passing(sinks["capacity_vph"].to_numpy()[~full], begin, end)


def _in_room(sources: pd.DataFrame, room: float) -> float:
    """The most vehicles whose people find room: those with the fewest people first."""
    people, vehicles = 0.0, 0.0
    for _, one in (
        sources[sources["vehicles"] > 0]
        .assign(each=lambda x: x["people"] / x["vehicles"])
        .sort_values("each")
        .iterrows()
    ):
        share = min(1.0, (room - people) / one["people"]) if one["people"] > 0 else 1.0
        people, vehicles = people + share * one["people"], vehicles + share * one["vehicles"]
    return vehicles


def _passing(vph: NDArray[Any], begin: NDArray[Any], end: NDArray[Any]) -> float:
    some = (begin < end) & (vph > 0)
    return float((vph[some] / 3600 * (end[some] - begin[some])).sum())


def _passing_in_turn(vph: float, begin: NDArray[Any], end: NDArray[Any]) -> float:
    """Through a lane that all of these share: moments of more than one of them count once."""
    out, reached = 0.0, -np.inf
    for at in np.argsort(begin, kind="stable"):
        first = max(float(begin[at]), reached)
        if first < end[at] and vph > 0:
            out += vph / 3600 * (float(end[at]) - first)
            reached = float(end[at])
    return out
