"""From states and arcs of a route graph to edges of a flow network: one capacity for each road, whatever the turn."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from mutualaid.network import RouteGraph

__all__ = ["Assembled", "Spots", "assemble", "linked", "pruned", "reaches"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

#: Nearer to each other than this share of a road is at the same place.
_SAME = 1e-9


@dataclass(frozen=True, eq=False)
class Spots:
    """Places on the network: junctions, or places along a road.

    ``node`` (p,) is the node of the network, -1 for a place along a road; ``road`` and ``fraction`` (p,) say where that
    is (-1 and NaN for a junction).
    """

    node: Ints
    road: Ints
    fraction: Floats

    @staticmethod
    def of(graph: RouteGraph, road: ArrayLike, fraction: ArrayLike) -> Spots:
        """Spots from positions as `mutualaid.network.snap` gives them: at the end of a road they are its node."""
        on, at = np.asarray(road, np.int64), np.asarray(fraction, np.float64)
        ends = graph.network.roads[["a", "b"]].to_numpy(np.int64)
        end = (at <= _SAME) | (at >= 1 - _SAME)
        node = np.where(end, ends[on, (at > 0.5).astype(np.int64)], -1)
        return Spots(node, np.where(end, -1, on), np.where(end, np.nan, at))

    @staticmethod
    def at_nodes(node: ArrayLike) -> Spots:
        """Spots at junctions."""
        at = np.asarray(node, np.int64)
        return Spots(at, np.full(len(at), -1), np.full(len(at), np.nan))

    def __len__(self) -> int:
        return len(self.node)

    def take(self, which: NDArray[np.generic]) -> Spots:
        """Give some of them, by mask or position."""
        return Spots(self.node[which], self.road[which], self.fraction[which])


@dataclass(frozen=True, eq=False)
class Assembled:
    """Nodes and edges of a flow network: fields as of `mutualaid.evacuation.FlowNetwork`, and some more.

    ``from_fraction``, ``to_fraction`` (e,): which part of ``road_edge`` each edge is, along the edge (0 and 1 where it
    stands for none); ``source_node``, ``sink_node``: nodes of the spots that were given, -1 where one was left out.
    """

    n_nodes: int
    tail: Ints
    head: Ints
    transit_s: Floats
    road_edge: Ints
    group: Ints
    from_fraction: Floats
    to_fraction: Floats
    source_node: Ints
    sink_node: Ints


def assemble(graph: RouteGraph, drive_s: Floats, sources: Spots, sinks: Spots) -> Assembled:
    """Lay out a flow network over the states of a route graph.

    A directed edge takes in so many vehicles an hour, from wherever they come. So where a turn restriction makes
    several arcs of one edge, they pass a gate of no length first, if they lead to the same state; if they lead to
    different ones, each is an edge of its own, all of one group. Roads are cut where somebody starts or ends along
    them, in both directions.

    Parameters
    ----------
    graph
        The roads, 2m directed edges.
    drive_s
        (2m,) seconds along each directed edge, without the delay of the junction where it begins.
    sources, sinks
        Where people start, and where they may go. Who starts along a road may leave in both directions; whoever is at
        a junction, in all.

    Returns
    -------
    Assembled
        All edges that may be driven, closed ones too: what is closed has no capacity, and the same edges stand in every
        variant of a question.
    """
    out = graph.out
    edge, tail, head = (np.asarray(one, np.int64) for one in (out.edge, out.tail, out.head))
    order = np.lexsort((tail, head, edge))
    edge, tail, head = edge[order], tail[order], head[order]

    # A lane is a directed edge that ends in one state.
    first = np.append(True, (edge[1:] != edge[:-1]) | (head[1:] != head[:-1]))[: len(edge)]
    lane = np.cumsum(first) - 1
    lane_edge, lane_head = edge[first], head[first]
    n_lanes = len(lane_edge)
    arcs = np.bincount(lane, minlength=n_lanes)
    next_node = graph.n_states
    gated = arcs > 1
    entry = tail[first].copy()
    entry[gated] = next_node + np.arange(gated.sum())
    next_node += int(gated.sum())
    into_gate = gated[lane]
    connectors = [(tail[into_gate], entry[lane[into_gate]])]

    cut = _cuts(sources, sinks)
    pieces = _pieces(lane_edge, cut)
    # Nodes within a lane, at its cuts: the first piece begins at the entry, the last ends in the state of the lane.
    inner = ~pieces.last
    middle = np.full(len(pieces.lane), -1)
    middle[inner] = next_node + np.arange(inner.sum())
    next_node += int(inner.sum())
    begin = np.where(pieces.first, entry[pieces.lane], np.append(-1, middle[:-1])[: len(middle)])
    end = np.where(pieces.last, lane_head[pieces.lane], middle)
    on = lane_edge[pieces.lane]
    junction_s = np.where(graph.crossing_edge[on], 0.0, graph.junction_ms[_tail_node(graph, on)] / 1000.0)
    transit_s = drive_s[on] * (pieces.stop - pieces.start) + np.where(pieces.first, junction_s, 0.0)
    several = np.bincount(lane_edge, minlength=len(drive_s))[on] > 1
    key = on[several] * (len(cut) + 1) + pieces.number[several]
    group = np.full(len(on), -1)
    group[several] = np.unique(key, return_inverse=True)[1]

    meets = pd.DataFrame(
        {
            "edge": on[inner],
            "at": pieces.stop[inner],
            "node": middle[inner],
            "after": lane_head[pieces.lane[inner]],
        }
    )
    source_node, sink_node = sources.node.copy(), next_node + np.arange(len(sinks))
    next_node += len(sinks)
    at_junction = source_node >= 0
    source_node[at_junction] = graph.state_of_node[source_node[at_junction]]
    along = np.flatnonzero(~at_junction)
    source_node[along] = next_node + np.arange(len(along))
    next_node += len(along)
    connectors += [
        _starts(graph, sources, along, source_node, meets),
        _ends_along(sinks, sink_node, meets),
        _ends_at_nodes(graph, sinks, sink_node),
    ]
    extra_tail, extra_head = (np.concatenate(part) for part in zip(*connectors, strict=True))
    extra = len(extra_tail)
    return Assembled(
        n_nodes=next_node,
        tail=np.concatenate([begin, extra_tail]).astype(np.int64),
        head=np.concatenate([end, extra_head]).astype(np.int64),
        transit_s=np.concatenate([transit_s, np.zeros(extra)]),
        road_edge=np.concatenate([on, np.full(extra, -1)]),
        group=np.concatenate([group, np.full(extra, -1)]),
        from_fraction=np.concatenate([pieces.start, np.zeros(extra)]),
        to_fraction=np.concatenate([pieces.stop, np.ones(extra)]),
        source_node=source_node,
        sink_node=sink_node,
    )


def _tail_node(graph: RouteGraph, edge: Ints) -> Ints:
    ends = graph.network.roads[["a", "b"]].to_numpy(np.int64)
    return np.asarray(ends.ravel()[edge])


# --- cuts along roads ----------------------------------------------------------------------------------------


def _cuts(sources: Spots, sinks: Spots) -> pd.DataFrame:
    """Places along directed edges at which they are cut: ``edge``, ``at``, each once, in order."""
    road = np.concatenate([sources.road, sinks.road])
    fraction = np.concatenate([sources.fraction, sinks.fraction])
    along = road >= 0
    road, fraction = road[along], fraction[along]
    edge = np.concatenate([2 * road, 2 * road + 1])
    at = _rounded(np.concatenate([fraction, 1 - fraction]))
    return (
        pd.DataFrame({"edge": edge, "at": at})
        .drop_duplicates()
        .sort_values(["edge", "at"], ignore_index=True)
    )


def _rounded(fraction: Floats) -> Floats:
    """To a billionth, so that the two directions of a road meet at the same places."""
    return np.asarray(np.round(fraction, 9))


@dataclass(frozen=True, eq=False)
class _Pieces:
    """Parts of lanes between cuts, in order: the lane, which part it is, whether first and last, from and to (0…1)."""

    lane: Ints
    number: Ints
    first: Bools
    last: Bools
    start: Floats
    stop: Floats


def _pieces(lane_edge: Ints, cut: pd.DataFrame) -> _Pieces:
    cut_edge, at = cut["edge"].to_numpy(np.int64), cut["at"].to_numpy(np.float64)
    low = np.searchsorted(cut_edge, lane_edge, side="left")
    count = np.searchsorted(cut_edge, lane_edge, side="right") - low
    lane = np.repeat(np.arange(len(lane_edge)), count + 1)
    number = np.arange(len(lane)) - np.repeat(np.cumsum(count + 1) - (count + 1), count + 1)
    first, last = number == 0, number == count[lane]
    position = low[lane] + number
    padded = np.append(at, 1.0)
    stop = np.where(last, 1.0, padded[np.minimum(position, len(at))])
    start = np.where(first, 0.0, padded[np.clip(position - 1, 0, len(at))])
    return _Pieces(lane, number, first, last, start, stop)


def _matched(spots: Spots, which: Ints, meets: pd.DataFrame) -> tuple[Ints, Ints]:
    """Pairs of a spot along a road and a row of `meets`, in both directions of the road."""
    edge = np.concatenate([2 * spots.road[which], 2 * spots.road[which] + 1])
    at = _rounded(np.concatenate([spots.fraction[which], 1 - spots.fraction[which]]))
    spot = np.concatenate([which, which])
    pairs = pd.DataFrame({"edge": edge, "at": at, "spot": spot}).merge(
        meets.assign(row=np.arange(len(meets))), on=["edge", "at"]
    )
    return pairs["spot"].to_numpy(np.int64), pairs["row"].to_numpy(np.int64)


def _starts(
    graph: RouteGraph, sources: Spots, along: Ints, source_node: Ints, meets: pd.DataFrame
) -> tuple[Ints, Ints]:
    spot, row = _matched(sources, along, meets)
    # Who starts along a road has come from nowhere: it is in the state that knows of this road alone.
    own = meets["after"].to_numpy()[row] == graph.state_after[meets["edge"].to_numpy()[row]]
    return source_node[spot[own]], meets["node"].to_numpy(np.int64)[row[own]]


def _ends_along(sinks: Spots, sink_node: Ints, meets: pd.DataFrame) -> tuple[Ints, Ints]:
    spot, row = _matched(sinks, np.flatnonzero(sinks.road >= 0), meets)
    return meets["node"].to_numpy(np.int64)[row], sink_node[spot]


def _ends_at_nodes(graph: RouteGraph, sinks: Spots, sink_node: Ints) -> tuple[Ints, Ints]:
    """All states that stand at the node of a sink."""
    at = np.flatnonzero(sinks.node >= 0)
    ptr, state = graph.states_at_node
    count = np.diff(ptr)[sinks.node[at]]
    of = np.repeat(at, count)
    within = np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count)
    return np.asarray(state[ptr[sinks.node[of]] + within], np.int64), sink_node[of]


# --- what can be reached -------------------------------------------------------------------------------------


def linked(n_nodes: int, tail: Ints, head: Ints, seeds: Ints) -> Bools:
    """(n_nodes,) nodes that can be reached from seeds along edges, the seeds themselves among them."""
    reached = np.zeros(n_nodes, dtype=bool)
    reached[seeds] = True
    order = np.argsort(tail, kind="stable")
    sorted_head = head[order]
    ptr = np.concatenate([[0], np.cumsum(np.bincount(tail, minlength=n_nodes))])
    front = np.unique(seeds)
    while len(front):
        count = ptr[front + 1] - ptr[front]
        at = np.repeat(ptr[front] - np.cumsum(count) + count, count) + np.arange(count.sum())
        found = np.unique(sorted_head[at])
        front = found[~reached[found]]
        reached[front] = True
    return reached


def reaches(made: Assembled, usable: Bools, sinks: Bools) -> tuple[Bools, Bools]:
    """Say which sources have a way to a sink that may be used, and which of these sinks anybody reaches.

    Parameters
    ----------
    made
        The network.
    usable
        (e,) edges that may be driven.
    sinks
        Which sinks may be used.
    """
    tail, head = made.tail[usable], made.head[usable]
    back = linked(made.n_nodes, head, tail, made.sink_node[sinks])
    forth = linked(made.n_nodes, tail, head, made.source_node)
    return back[made.source_node], sinks & forth[made.sink_node]


def pruned(made: Assembled, sources: Bools, sinks: Bools) -> tuple[Assembled, Ints]:
    """Leave out what no way from a source to a sink needs: sources and sinks not named, and dead ends.

    A dead end is a node with one neighbour: whoever drives in comes back to where they were, so it changes no
    clearance time.

    Returns
    -------
    Assembled, edges
        The rest, and which edges it is.
    """
    tail, head = made.tail, made.head
    starts, ends = made.source_node[sources], made.sink_node[sinks]
    forth = linked(made.n_nodes, tail, head, starts)
    back = linked(made.n_nodes, head, tail, ends)
    keep = (forth & back)[tail] & (forth & back)[head]
    fixed = np.zeros(made.n_nodes, dtype=bool)
    fixed[starts], fixed[ends] = True, True
    while True:
        at = np.flatnonzero(keep)
        low, high = np.minimum(tail[at], head[at]), np.maximum(tail[at], head[at])
        pair = np.unique(low * made.n_nodes + high)
        neighbours = np.bincount(pair // made.n_nodes, minlength=made.n_nodes)
        neighbours += np.bincount(pair % made.n_nodes, minlength=made.n_nodes)
        dead = (neighbours == 1) & ~fixed
        lost = dead[tail[at]] | dead[head[at]]
        if not lost.any():
            break
        keep[at[lost]] = False
    edges = np.flatnonzero(keep)
    used = np.unique(np.concatenate([tail[edges], head[edges], starts, ends]))
    number = np.full(made.n_nodes, -1)
    number[used] = np.arange(len(used))
    group = np.full(len(edges), -1)
    old = made.group[edges]
    several = old >= 0
    # Of a group of which one edge is left, that edge is on its own.
    again = np.zeros(int(old.max(initial=-1)) + 2, dtype=np.int64)
    np.add.at(again, old[several], 1)
    several &= again[old] > 1
    group[several] = np.unique(old[several], return_inverse=True)[1]
    values = {one.name: getattr(made, one.name) for one in fields(made)}
    for name in ("transit_s", "road_edge", "from_fraction", "to_fraction"):
        values[name] = values[name][edges]
    values |= {
        "n_nodes": len(used),
        "tail": number[tail[edges]],
        "head": number[head[edges]],
        "group": group,
        "source_node": np.where(sources, number[made.source_node], -1),
        "sink_node": np.where(sinks, number[made.sink_node], -1),
    }
    return Assembled(**values), edges
