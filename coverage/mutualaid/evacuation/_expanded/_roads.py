"""A flow network made small for the bounds: useless edges dropped, chains contracted, times in milliseconds.

What is done here changes no bound, but for the two roundings that are named below and kept apart:

* Edges that nobody can ever enter are dropped, and so are nodes that no source reaches or that reach no sink.
* At a node where traffic can only go on, from one edge e to one edge f, both become one edge if that is exact. Let u be
  the capacities, o the openings, l the latest moments of entry, and t the transit of e. Where u(e) ≤ u(f), nobody
  needs to wait between them, provided that f is open when the first ones come (o(f) ≤ o(e) + t): the latest entry is
  the earlier of l(e) and l(f) - t. Where u(e) > u(f), who waits before f may as well wait before e, provided that e
  closes no earlier (l(e) ≥ l(f) - t). In all other cases the node stays. A turn back to where one comes from is never
  of use, for waiting there does as well.
* Transit times are rounded to milliseconds, down for the lower bound, up for the upper one.
* Edges that share a capacity: for the lower bound each has all of it until a cut is valued (`_cuts`), where moments
  are counted once; for the upper bound each has a fixed share of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mutualaid.evacuation._network import FlowNetwork

__all__ = ["FOREVER", "Roads", "open_sinks", "reached", "road_parts"]

Floats = NDArray[np.float64]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]

#: A moment after everything, in milliseconds.
FOREVER = np.int64(1) << 52
#: Sums of seconds are equal if they differ by less, in milliseconds: a thousand-millionth of a second.
_SAME = 1e-6


@dataclass(frozen=True, eq=False)
class Roads:
    """What is left of a flow network; times are milliseconds after the alarm, given twice: rounded down, and up.

    Attributes
    ----------
    n_nodes, tail, head
        Roads between nodes of their own numbering.
    transit
        (e,) along each.
    rate
        (e,) vehicles a second, inf without limit.
    opens, latest
        (e,) first and last moment of entry.
    group
        (e,) edges that share a capacity; -1 for none.
    parts
        Edges of the flow network that each stands for, in driving order.
    node_of
        (nodes of the flow network,) own number, -1 if it is not kept.
    demand_node, people_each
        (s,) places where somebody leaves, and people in each vehicle.
    release, released
        (k,) times, and (s, k) vehicles ready by then.
    sink_node, sink_rate, sink_opens, sink_closes, room
        (t,) one for each sink; -1 if nobody can come; `room` in people.
    room_most, room_least, room_mean
        (t,) the room in vehicles, if those with the fewest people come, those with the most, or all alike.
    cut_off
        Vehicles at nodes from where no sink is reached.
    """

    n_nodes: int
    tail: Int32
    head: Int32
    transit: tuple[Int64, Int64]
    rate: Floats
    opens: tuple[Int64, Int64]
    latest: tuple[Int64, Int64]
    group: Int32
    parts: tuple[tuple[int, ...], ...]
    node_of: Int32
    demand_node: Int32
    people_each: Floats
    release: Floats
    released: Floats
    sink_node: Int32
    sink_rate: Floats
    sink_opens: tuple[Int64, Int64]
    sink_closes: tuple[Int64, Int64]
    room: Floats
    room_most: Floats
    room_least: Floats
    room_mean: Floats
    cut_off: float

    @property
    def vehicles(self) -> float:
        """Vehicles that can reach a sink if nothing closes."""
        return float(self.released[:, -1].sum())


@dataclass
class _Edge:
    tail: int
    head: int
    transit: float
    rate: float
    opens: float
    latest: float
    group: int
    parts: tuple[int, ...]


def road_parts(network: FlowNetwork) -> Roads:
    """Make a flow network small; sinks keep their order, sources at one node become one if they are alike."""
    source_node = network.sources["node"].to_numpy()
    sink_node = network.sinks["node"].to_numpy()
    takes = open_sinks(network)
    latest = network.closes_s - network.transit_s
    usable = (
        (network.capacity_vph > 0) & (latest >= network.opens_s) & (network.tail != network.head)
        & (latest >= 0)
    )  # fmt: skip
    wanted = network.sources["vehicles"].to_numpy() > 0
    met = reached(network.n_nodes, network.tail[usable], network.head[usable], source_node[wanted])
    useful = reached(network.n_nodes, network.head[usable], network.tail[usable], sink_node[takes])
    kept = met & useful
    usable &= kept[network.tail] & kept[network.head]
    edges = {
        int(e): _Edge(
            int(network.tail[e]),
            int(network.head[e]),
            float(network.transit_s[e]),
            float(network.capacity_vph[e]) / 3600.0,
            float(network.opens_s[e]),
            float(latest[e]),
            int(network.group[e]),
            (int(e),),
        )
        for e in np.flatnonzero(usable)
    }
    fixed = np.zeros(network.n_nodes, dtype=bool)
    fixed[source_node[wanted]] = fixed[sink_node[takes]] = True
    edges = _contracted(edges, fixed, network.n_nodes)
    left = list(edges.values())
    here = np.zeros(network.n_nodes, dtype=bool)
    for one in left:
        here[one.tail] = here[one.head] = True
    here |= fixed & kept
    node_of = np.where(here, np.cumsum(here) - 1, -1).astype(np.int32)
    return _assembled(network, left, node_of, int(here.sum()), wanted & kept[source_node])


def open_sinks(network: FlowNetwork) -> NDArray[np.bool_]:
    """(t,) whether a sink can take anybody."""
    sinks = network.sinks
    some = (sinks["capacity_vph"] > 0) & (sinks["people"] > 0) & (sinks["closes_s"] >= sinks["opens_s"])
    return some.to_numpy(dtype=bool)


def _assembled(
    network: FlowNetwork, edges: list[_Edge], node_of: Int32, nodes: int, leaves: NDArray[np.bool_]
) -> Roads:
    def column(name: str) -> Floats:
        return np.array([getattr(one, name) for one in edges], dtype=np.float64)

    transit, opens, latest = (column(name) for name in ("transit", "opens", "latest"))
    sinks = network.sinks
    vehicles, people = (network.sources[name].to_numpy() for name in ("vehicles", "people"))
    ratio = people[leaves] / vehicles[leaves]
    room = sinks["people"].to_numpy()
    # Nobody in the vehicles takes no room.
    every = people[vehicles > 0] / vehicles[vehicles > 0]
    least, most = (every.min(), every.max()) if len(every) else (1.0, 1.0)
    # Vehicles with as many people each that leave from one node are one place.
    node = node_of[network.sources["node"].to_numpy()[leaves]]
    place, row = np.unique(np.column_stack([node, np.round(ratio, 9)]), axis=0, return_inverse=True)
    released = np.zeros((len(place), len(network.release_s)))
    np.add.at(released, row.ravel(), network.released[leaves])
    mean = float(people[leaves].sum() / max(vehicles[leaves].sum(), 1e-12))
    return Roads(
        n_nodes=nodes,
        tail=node_of[np.array([one.tail for one in edges], dtype=np.int64)],
        head=node_of[np.array([one.head for one in edges], dtype=np.int64)],
        transit=_both(transit),
        rate=column("rate"),
        opens=_both(opens),
        latest=_both(latest),
        group=np.array([one.group for one in edges], dtype=np.int32),
        parts=tuple(one.parts for one in edges),
        node_of=node_of,
        demand_node=place[:, 0].astype(np.int32),
        people_each=place[:, 1],
        release=network.release_s * 1000.0,
        released=released,
        sink_node=np.where(open_sinks(network), node_of[sinks["node"].to_numpy()], -1).astype(np.int32),
        sink_rate=sinks["capacity_vph"].to_numpy() / 3600.0,
        sink_opens=_both(sinks["opens_s"].to_numpy()),
        sink_closes=_both(sinks["closes_s"].to_numpy()),
        room=room,
        room_most=_per(room, float(least)),
        room_least=_per(room, float(most)),
        room_mean=_per(room, mean),
        cut_off=float(vehicles[~leaves].sum()),
    )


def _per(room: Floats, people: float) -> Floats:
    return np.full(len(room), np.inf) if people <= 0 else room / people


def _both(seconds: Floats) -> tuple[Int64, Int64]:
    return _down(seconds), _up(seconds)


def _down(seconds: Floats) -> Int64:
    return np.floor(np.minimum(seconds * 1000.0, float(FOREVER)) + _SAME).astype(np.int64)


def _up(seconds: Floats) -> Int64:
    return np.ceil(np.minimum(seconds * 1000.0, float(FOREVER)) - _SAME).astype(np.int64)


def reached(nodes: int, tail: Int32, head: Int32, start: Int32) -> NDArray[np.bool_]:
    """Nodes that are reached from some."""
    order = np.argsort(tail, kind="stable")
    begin = np.searchsorted(tail[order], np.arange(nodes + 1))
    seen = np.zeros(nodes, dtype=bool)
    seen[start] = True
    stack = [int(v) for v in np.unique(start)]
    while stack:
        v = stack.pop()
        for e in order[begin[v] : begin[v + 1]]:
            if not seen[head[e]]:
                seen[head[e]] = True
                stack.append(int(head[e]))
    return seen


def _contracted(edges: dict[int, _Edge], fixed: NDArray[np.bool_], nodes: int) -> dict[int, _Edge]:
    """Join edges at nodes where traffic can only go on."""
    leaving: list[set[int]] = [set() for _ in range(nodes)]
    coming: list[set[int]] = [set() for _ in range(nodes)]
    for e, one in edges.items():
        leaving[one.tail].add(e)
        coming[one.head].add(e)
    number = max(edges, default=-1) + 1
    waiting = [v for v in range(nodes) if not fixed[v]]
    while waiting:
        v = waiting.pop()
        pairs = _pairs(edges, leaving[v], coming[v])
        joined = [] if pairs is None else [_joined(edges[e], edges[f]) for e, f in pairs]
        if pairs is None or any(one is None for one in joined):
            continue
        touched = set()
        for e in (*leaving[v], *coming[v]):
            one = edges.pop(e)
            leaving[one.tail].discard(e)
            coming[one.head].discard(e)
            touched |= {one.tail, one.head}
        for new in joined:
            assert new is not None
            if new.latest < max(new.opens, 0.0):
                continue
            edges[number] = new
            leaving[new.tail].add(number)
            coming[new.head].add(number)
            number += 1
        waiting += sorted(u for u in touched if u != v and not fixed[u])
    return edges


def _pairs(edges: dict[int, _Edge], leaving: set[int], coming: set[int]) -> list[tuple[int, int]] | None:
    """How traffic goes on at a node, each edge once; None if there is a choice, or edges share a capacity."""
    if len(leaving) > 2 or len(coming) > 2:
        return None
    if any(edges[e].group >= 0 for e in (*leaving, *coming)):
        return None
    pairs = [(e, f) for e in sorted(coming) for f in sorted(leaving) if edges[e].tail != edges[f].head]
    if len({e for e, _ in pairs}) < len(pairs) or len({f for _, f in pairs}) < len(pairs):
        return None
    return pairs


def _joined(e: _Edge, f: _Edge) -> _Edge | None:
    """Give one edge for two in a row, or None if no single one does the same."""
    if e.rate <= f.rate:
        if f.opens > e.opens + e.transit:
            return None
        opens, latest = e.opens, min(e.latest, f.latest - e.transit)
    else:
        if e.latest < f.latest - e.transit:
            return None
        opens, latest = max(e.opens, f.opens - e.transit), f.latest - e.transit
    return _Edge(
        e.tail, f.head, e.transit + f.transit, min(e.rate, f.rate), opens, latest, -1, e.parts + f.parts
    )
