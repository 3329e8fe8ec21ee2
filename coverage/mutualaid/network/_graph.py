"""A network with the times of one profile, ready for searching."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from mutualaid.errors import Defect, NetworkError
from mutualaid.network._kernel import heaviest_and_mean
from mutualaid.network._model import Network
from mutualaid.network._order import by_key, locality_rank
from mutualaid.network._profiles import EdgeTimes, Profile, edge_times
from mutualaid.network._turns import TurnStates, binding_restrictions, turn_states

__all__ = ["MAX_MS", "Arcs", "RouteGraph", "main_part", "pack", "reweighted", "route_graph", "unpack_s"]

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]

#: Longest time that is told apart, about 12 days: two of them still add up within the high half of a label.
MAX_MS = (1 << 30) - 1
_LOW = 0xFFFFFFFF


def pack(time_ms: NDArray[np.integer], crossing_ms: NDArray[np.integer] | int = 0) -> Int64:
    """Pack times, and the part of them that is crossing delay, into labels as `_kernel` describes them."""
    label: Int64 = np.minimum(time_ms, MAX_MS + 1, dtype=np.int64)
    label <<= 32
    label |= np.minimum(crossing_ms, MAX_MS + 1)
    return label


def unpack_s(label: Int64) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Driving time without crossing delay, and crossing delay, both in seconds."""
    crossing_ms = label & _LOW
    return ((label >> 32) - crossing_ms) / 1000.0, crossing_ms / 1000.0


@dataclass(frozen=True, eq=False)
class Arcs:
    """Arcs sorted by the state they leave.

    Attributes
    ----------
    indptr
        (s + 1,) arcs of state ``i`` are ``indptr[i]…indptr[i + 1] - 1``.
    head, edge
        (r,) state that the arc leads to, and the directed edge it drives over.
    weight
        (r,) label: junction delay where the edge begins, and the drive along it.
    """

    indptr: Int32
    head: Int32
    edge: Int32
    weight: Int64

    @cached_property
    def tail(self) -> Int32:
        """(r,) state that each arc leaves."""
        return np.repeat(np.arange(len(self.indptr) - 1, dtype=np.int32), np.diff(self.indptr))

    @property
    def heaviest(self) -> int:
        """Largest weight, 0 without arcs."""
        return self._heaviest_and_mean[0]

    @property
    def mean(self) -> int:
        """Mean weight of a sample, 0 without arcs."""
        return self._heaviest_and_mean[1]

    @cached_property
    def _heaviest_and_mean(self) -> tuple[int, int]:
        return heaviest_and_mean(self.weight)


@dataclass(frozen=True, eq=False)
class RouteGraph:
    """A network with the times of one profile; make it with `route_graph`.

    The search runs over **states**: one a node, numbered along a Hilbert curve so that neighbours in space
    are neighbours in memory, and a few more where turn restrictions bind.

    Attributes
    ----------
    network, profile
        What it was made from.
    drive_ms, junction_ms
        (2m,) time along each directed edge, -1 where it may not be driven; (n,) delay on leaving each node.
        The time of a crossing is its delay.
    crossing_edge
        (2m,) whether the edge is a crossing, so that its time counts as crossing delay.
    out
        Arcs by the state they leave.
    node
        (s,) node at which each state stands.
    state_of_node
        (n,) state in which nothing is known of how the vehicle came.
    state_after
        (2m,) state after driving an edge, with nothing known of what came before; -1 where not permitted.
    routable
        (m,) whether each road belongs to the largest strongly connected part: from every road in it every
        other can be reached, and back.
    before
        The graph before roads were slowed down or closed, see `reweighted`; None if it is that itself. Positions
        lie on its roads: a house on a closed road may still be reached from the open end.
    """

    network: Network
    profile: Profile
    drive_ms: Int32
    junction_ms: Int32
    crossing_edge: NDArray[np.bool_]
    out: Arcs
    node: Int32
    state_of_node: Int32
    state_after: Int32
    routable: NDArray[np.bool_]
    before: RouteGraph | None = None

    @property
    def n_states(self) -> int:
        """Number of states: the nodes, and what turn restrictions add."""
        return len(self.node)

    @cached_property
    def into(self) -> Arcs:
        """The same arcs turned round, by the state they lead to: for searching backwards."""
        # Those that lead to one state by their edge, as those that leave one are.
        order = self.arcs_of_edge[1]
        indptr, second = by_key(self.out.head[order], self.n_states)
        order = order[second]
        return Arcs(indptr, self.out.tail[order], self.out.edge[order], self.out.weight[order])

    @cached_property
    def arcs_of_edge(self) -> tuple[Int32, Int32]:
        """Positions in `out` of the arcs that drive each directed edge, CSR: (2m + 1,) and (r,)."""
        return by_key(self.out.edge, len(self.drive_ms))

    @cached_property
    def states_at_node(self) -> tuple[Int32, Int32]:
        """States that stand at each node, CSR: (n + 1,) and (s,)."""
        return by_key(self.node, self.network.n_nodes) if self.before is None else self.before.states_at_node


def route_graph(
    network: Network,
    profile: Profile,
    *,
    crossing_ms: ArrayLike | None = None,
    times: EdgeTimes | None = None,
) -> RouteGraph:
    """Give a network the times of one profile, ready for searching.

    Parameters
    ----------
    network
        The road network, n nodes and m roads.
    profile
        The vehicle: its speeds, and which turn restrictions bind it.
    crossing_ms
        Delay at each row of ``network.crossings`` in whole milliseconds, the same both ways; -1 where the
        crossing is closed. No delay by default.
    times
        Driving times to use in place of ``edge_times(network, profile)``, such as those that a hazard leaves.

    Raises
    ------
    NetworkError
        Arrays that do not fit the network, or restrictions that contradict it.

    Examples
    --------
    >>> import networkx as nx
    >>> from mutualaid.network import from_osmnx, profile, route_graph
    >>> G = nx.MultiDiGraph(crs="EPSG:32632")
    >>> for node in range(3):
    ...     G.add_node(node, x=650.0 * node, y=0.0)
    >>> _ = G.add_edges_from([(0, 1), (1, 0)], highway="primary", length=650.0, oneway=False)
    >>> _ = G.add_edge(1, 2, highway="primary", length=650.0, oneway=True)
    >>> graph = route_graph(from_osmnx(G, crs="EPSG:32632"), profile("civilian"))
    >>> graph.routable.tolist()  # nothing returns from the end of the one-way road
    [True, False]
    """
    times = edge_times(network, profile) if times is None else times
    drive_ms = _checked(times.drive_ms, 2 * network.n_roads, "drive_ms", "directed edge")
    junction_ms = _checked(times.junction_ms, network.n_nodes, "junction_ms", "node", low=0)
    crossing = network.roads["crossing"].to_numpy()
    delay = np.zeros(len(network.crossings)) if crossing_ms is None else np.asarray(crossing_ms)
    delay_ms = _checked(delay, len(network.crossings), "crossing_ms", "crossing")
    at_crossing = np.repeat(crossing >= 0, 2)
    drive_ms[at_crossing] = np.repeat(delay_ms[crossing[crossing >= 0]], 2)

    permitted = drive_ms >= 0
    binding = binding_restrictions(network.restrictions, profile)
    turns = turn_states(network, permitted, binding, u_turns=profile.ignores_u_turns)
    node = np.concatenate([np.arange(network.n_nodes, dtype=np.int32), turns.node])
    rank = locality_rank(network.x, network.y, node)
    in_order = np.empty_like(node)
    in_order[rank] = node
    out = _arcs(network, permitted, turns, rank, _weight_of(drive_ms, junction_ms[in_order], at_crossing))
    return RouteGraph(
        network=network,
        profile=profile,
        drive_ms=drive_ms,
        junction_ms=junction_ms,
        crossing_edge=at_crossing,
        out=out,
        node=in_order,
        state_of_node=rank[: network.n_nodes],
        state_after=np.where(permitted, rank[turns.after], np.int32(-1)),
        routable=_routable(out, network.n_roads),
    )


def reweighted(graph: RouteGraph, drive_ms: ArrayLike) -> RouteGraph:
    """Give a graph other driving times, with nothing built again: what a hazard leaves of the roads.

    Parameters
    ----------
    graph
        As `route_graph` made it.
    drive_ms
        (2m,) time along each directed edge in whole milliseconds, -1 where it is closed. What the graph does not
        permit stays closed, and no time may be shorter than the graph's own; the time of a crossing is its delay.

    Returns
    -------
    RouteGraph
        Junction delays, turn restrictions, states and ``routable`` are those of `graph`, which is its ``before``.

    Raises
    ------
    NetworkError
        An array of another length, or a time that is shorter than before.

    Examples
    --------
    >>> import networkx as nx
    >>> from mutualaid.network import from_osmnx, profile, reweighted, route_graph
    >>> G = nx.MultiDiGraph(crs="EPSG:32632")
    >>> for node in range(2):
    ...     G.add_node(node, x=650.0 * node, y=0.0)
    >>> _ = G.add_edges_from([(0, 1), (1, 0)], highway="primary", length=650.0, oneway=False)
    >>> graph = route_graph(from_osmnx(G, crs="EPSG:32632"), profile("fire_engine"))
    >>> flooded = reweighted(graph, [72_000, -1])
    >>> graph.drive_ms.tolist(), flooded.drive_ms.tolist()
    ([36000, 36000], [72000, -1])
    """
    if graph.before is not None:
        graph = graph.before
    times = _checked(drive_ms, len(graph.drive_ms), "drive_ms", "directed edge")
    times[graph.drive_ms < 0] = -1
    shorter = np.flatnonzero((times >= 0) & (times < graph.drive_ms))
    if len(shorter):
        expected = f"at least the {graph.drive_ms[shorter[0]]} ms of before"
        where = f"drive_ms, directed edge {shorter[0]}"
        remedy = "make a new graph with route_graph(times=…) instead"
        raise NetworkError([Defect("", where, expected, str(times[shorter[0]]), remedy)])
    out = graph.out
    open_ = times[out.edge] >= 0
    edge, before = out.edge[open_], out.weight[open_]
    longer = (times - graph.drive_ms)[edge]
    delay = (before & _LOW) + np.where(graph.crossing_edge[edge], longer, 0)
    weight = pack((before >> 32) + longer, delay)
    left = np.append(np.int32(0), np.cumsum(open_, dtype=np.int32))[out.indptr]
    arcs = Arcs(left, out.head[open_], edge, weight)
    return replace(graph, drive_ms=times, out=arcs, before=graph)


def _checked(values: ArrayLike, size: int, name: str, of: str, *, low: int = -1) -> Int32:
    """Copy of an array of whole milliseconds, one a row of something."""
    array = np.asarray(values)
    where = ""
    if array.shape != (size,):
        expected, got = f"one value for each {of}: shape ({size},)", f"shape {array.shape}"
    elif len(bad := np.flatnonzero(~_whole(array, low))):
        expected, got = (
            f"whole milliseconds within {low}…{MAX_MS}",
            f"{array[bad[0]]} ({len(bad)} such values)",
        )
        where = f", {of} {bad[0]}"
    else:
        return array.astype(np.int32)
    raise NetworkError([Defect("", name + where, expected, got, f"correct {name}")])


def _whole(array: NDArray[Any], low: int) -> NDArray[np.bool_]:
    """Whether each value is a whole number of at least `low` that is told apart."""
    fits = (array >= low) & (array <= MAX_MS)
    return fits if array.dtype.kind in "iu" else fits & (array == np.floor(array))


def _arcs(
    network: Network,
    permitted: NDArray[np.bool_],
    turns: TurnStates,
    rank: Int32,
    weight_of: Callable[[Int32, Int32], Int64],
) -> Arcs:
    """Arcs that leave nodes, then those that leave extra states, sorted by state and edge."""
    edge = np.flatnonzero(permitted).astype(np.int32)
    a, b = (network.roads[end].to_numpy() for end in ("a", "b"))
    tail = np.where(edge & 1, b[edge >> 1], a[edge >> 1]).astype(np.int32, copy=False)
    # Of each state they come by ascending edge already: out of a node all of them, out of an extra state as well.
    indptr, order = by_key(rank[np.concatenate([tail, turns.arc_tail])], len(rank))
    head = rank[np.concatenate([turns.after[edge], turns.arc_head])[order]]
    edge = np.concatenate([edge, turns.arc_edge])[order]
    return Arcs(indptr, head, edge, weight_of(indptr, edge))


def _weight_of(
    drive_ms: Int32, junction_ms: Int32, at_crossing: NDArray[np.bool_]
) -> Callable[[Int32, Int32], Int64]:
    """Labels of arcs by their edge and state, from the times of edges, and the delay on leaving each state."""

    def weight(indptr: Int32, edge: Int32) -> Int64:
        crossing = np.flatnonzero(at_crossing[edge])
        time_ms = np.repeat(junction_ms, np.diff(indptr))
        # Who passes a boundary in a junction pays for the junction once, on the road beyond.
        time_ms[crossing] = 0
        time_ms += drive_ms[edge]  # two of the longest times still add up
        label = pack(time_ms)
        label[crossing] |= drive_ms[edge[crossing]]
        return label

    return weight


def main_part(graph: RouteGraph) -> pd.DataFrame:
    """Give a place in the largest part of the roads in which every place can be reached from every other, and back.

    Whatever cannot be reached from there is cut off from the rest of the network.

    Parameters
    ----------
    graph
        Roads with their times, perhaps of a hazard (`reweighted`).

    Returns
    -------
    DataFrame
        One row with ``road``, ``fraction`` and ``status``, as `snap` gives them; none if no road can be driven and
        come back on.

    Examples
    --------
    >>> import networkx as nx
    >>> from mutualaid.network import from_osmnx, main_part, profile, route_graph
    >>> G = nx.MultiDiGraph(crs="EPSG:32632")
    >>> for node in range(2):
    ...     G.add_node(node, x=650.0 * node, y=0.0)
    >>> _ = G.add_edges_from([(0, 1), (1, 0)], highway="primary", length=650.0, oneway=False)
    >>> main_part(route_graph(from_osmnx(G, crs="EPSG:32632"), profile("fire_engine")))["road"].tolist()
    [0]
    """
    out = graph.out
    within = np.empty(0, dtype=np.int64)
    if len(out.head):
        inside = _in_main(out)
        within = np.flatnonzero(inside[out.tail] & inside[out.head] & ~graph.crossing_edge[out.edge])
    # Of an edge from a to b the first end, of one from b to a the last: the node that it leaves.
    edge = out.edge[within[:1]]
    return pd.DataFrame({"road": edge >> 1, "fraction": (edge & 1).astype(np.float64), "status": "ok"})


def _in_main(out: Arcs) -> NDArray[np.bool_]:
    """Whether each state is in the largest strongly connected part."""
    n_states = len(out.indptr) - 1
    ones = np.ones(len(out.head), dtype=np.int8)
    matrix = csr_array((ones, out.head, out.indptr), shape=(n_states, n_states))
    part = connected_components(matrix, directed=True, connection="strong")[1]
    return np.asarray(part == np.bincount(part).argmax(), dtype=np.bool_)


def _routable(out: Arcs, n_roads: int) -> NDArray[np.bool_]:
    """Whether either direction of each road lies in the largest strongly connected part."""
    routable = np.zeros(n_roads, dtype=bool)
    if len(out.head):
        inside = _in_main(out)
        routable[out.edge[inside[out.tail] & inside[out.head]] >> 1] = True
    return routable
