"""The network as routes see it: every sink is one more edge, edges of a group share a lane, all ends are one node."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mutualaid.evacuation._compiled import compiled
from mutualaid.evacuation._network import FlowNetwork
from mutualaid.evacuation._routes._heap import pop, push, regrown

__all__ = ["Roads", "fastest", "prepared"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Roads:
    """A network with its sinks as edges.

    Attributes
    ----------
    network
        Where it comes from. Its edges come first, then one edge for each sink, to the node `end`.
    tail, head, transit_s, opens_s, closes_s
        Of all edges; that of a sink takes no time.
    lane, lane_vph
        (e,) number of the capacity that an edge draws on; (l,) vehicles an hour.
    binds
        (l,) whether a lane can be the one that limits: no other of the same chain is always as full and takes less.
    usable
        (e,) whether anybody can ever pass: it has capacity, is open long enough, and a sink has room.
    out_start, out_edge
        Usable edges by the node where they begin.
    rest_s
        (n + 1,) seconds from each node to the nearest sink at free flow over usable edges, inf without any.
    load
        (s,) people in a vehicle of each source.
    room
        (j,) people that each sink takes.
    """

    network: FlowNetwork
    end: int
    tail: Int64
    head: Int64
    transit_s: Floats
    opens_s: Floats
    closes_s: Floats
    lane: Int64
    lane_vph: Floats
    binds: Bools
    usable: Bools
    out_start: Int64
    out_edge: Int64
    rest_s: Floats
    load: Floats
    room: Floats


def prepared(network: FlowNetwork) -> Roads:
    """Turn sinks into edges, and leave out what nobody can ever use."""
    edges, sinks = network.n_edges, network.sinks
    end, room = network.n_nodes, sinks["people"].to_numpy(np.float64)
    tail = np.concatenate([network.tail, sinks["node"].to_numpy()]).astype(np.int64)
    head = np.concatenate([network.head, np.full(len(sinks), end)]).astype(np.int64)
    transit = np.concatenate([network.transit_s, np.zeros(len(sinks))])
    opens = np.concatenate([network.opens_s, sinks["opens_s"].to_numpy(np.float64)])
    closes = np.concatenate([network.closes_s, sinks["closes_s"].to_numpy(np.float64)])
    capacity = np.concatenate([network.capacity_vph, sinks["capacity_vph"].to_numpy(np.float64)])
    own = np.arange(len(tail), dtype=np.int64)
    shared = np.concatenate([network.group, np.full(len(sinks), -1)]).astype(np.int64)
    _, lane = np.unique(np.where(shared >= 0, shared + len(tail), own), return_inverse=True)
    lane_vph = np.full(int(lane.max(initial=-1)) + 1, np.inf)
    np.minimum.at(lane_vph, lane, capacity)
    usable = (capacity > 0) & (opens + transit <= closes)
    usable[edges:] &= room > 0
    order = np.flatnonzero(usable)
    order = order[np.argsort(tail[order], kind="stable")]
    out_start = np.searchsorted(tail[order], np.arange(end + 2)).astype(np.int64)
    back = np.flatnonzero(usable)
    back = back[np.argsort(head[back], kind="stable")]
    back_start = np.searchsorted(head[back], np.arange(end + 2)).astype(np.int64)
    rest, _ = fastest(np.array([end]), back_start, back.astype(np.int64), tail, transit)
    vehicles, people = network.sources["vehicles"].to_numpy(), network.sources["people"].to_numpy()
    load = np.divide(people, vehicles, out=np.zeros(len(vehicles)), where=vehicles > 0)
    return Roads(
        network, end, tail, head, transit, opens, closes, lane.astype(np.int64), lane_vph,
        _binding(network, tail, head, usable, lane, lane_vph), usable,
        out_start, order.astype(np.int64), rest, load, room,
    )  # fmt: skip


def _binding(
    network: FlowNetwork, tail: Int64, head: Int64, usable: Bools, lane: Int64, lane_vph: Floats
) -> Bools:
    """Mark one lane of each chain, the one that takes least.

    Who comes to a node that has two neighbours from one of them, and does not turn round, goes on to the other. So
    what enters both edges is the same, but for the time between them, unless somebody starts there or has arrived.
    """
    end = network.n_nodes
    edges = np.flatnonzero(usable & (tail != head))
    terminal = np.zeros(end + 1, bool)
    terminal[network.sources["node"].to_numpy()] = True
    terminal[head[network.n_edges :]] = terminal[tail[network.n_edges :]] = True
    alone = np.bincount(lane, minlength=len(lane_vph)) == 1
    both = np.unique(
        np.concatenate([tail[edges] * (end + 1) + head[edges], head[edges] * (end + 1) + tail[edges]])
    )
    neighbours = np.bincount(both // (end + 1), minlength=end + 1)
    pairs, count = np.unique(tail[edges] * (end + 1) + head[edges], return_counts=True)
    single = dict(zip(pairs.tolist(), (count == 1).tolist(), strict=True))
    into: dict[int, list[int]] = {}
    out: dict[int, list[int]] = {}
    inner = (neighbours == 2) & ~terminal
    for edge in edges[inner[head[edges]]]:
        into.setdefault(int(head[edge]), []).append(int(edge))
    for edge in edges[inner[tail[edges]]]:
        out.setdefault(int(tail[edge]), []).append(int(edge))
    chain = np.arange(len(tail))
    for node, comes in into.items():
        for one in comes:
            for other in out.get(node, []):
                fits = (
                    single[int(tail[one] * (end + 1) + node)] and single[int(node * (end + 1) + head[other])]
                )
                if head[other] != tail[one] and fits and alone[lane[one]] and alone[lane[other]]:
                    chain[_top(chain, one)] = _top(chain, other)
    top = np.array([_top(chain, one) for one in range(len(tail))])
    best = np.lexsort((np.arange(len(tail)), lane_vph[lane], top))
    first = np.ones(len(tail), bool)
    first[1:] = top[best][1:] != top[best][:-1]
    binds = np.zeros(len(lane_vph), bool)
    binds[lane[best[first]]] = True
    return binds


def _top(chain: NDArray[np.int_], one: int) -> int:
    while chain[one] != one:
        chain[one] = chain[chain[one]]
        one = int(chain[one])
    return one


@compiled
def fastest(
    origins: Int64, out_start: Int64, out_edge: Int64, to: Int64, weight: Floats
) -> tuple[Floats, Int64]:
    """Give the least weight from the origins to each node, and the edge by which it is reached, -1 for none."""
    nodes = len(out_start) - 1
    least, by = np.full(nodes, np.inf), np.full(nodes, -1)
    keys, items, size = np.empty(1024, np.float64), np.empty(1024, np.int64), 0
    for origin in origins:
        least[origin] = 0.0
        size = push(keys, items, size, 0.0, origin)
        if size == len(keys):
            keys, items = regrown(keys, items, size)
    while size:
        key, node = keys[0], items[0]
        size = pop(keys, items, size)
        if key > least[node]:
            continue
        for at in range(out_start[node], out_start[node + 1]):
            edge = out_edge[at]
            value = key + weight[edge]
            if value < least[to[edge]]:
                least[to[edge]] = value
                by[to[edge]] = edge
                if size == len(keys):
                    keys, items = regrown(keys, items, size)
                size = push(keys, items, size, value, to[edge])
    return least, by
