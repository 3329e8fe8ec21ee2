"""The part of a graph from which some places can be reached in time, as a small graph of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.errors import Defect, NetworkError
from mutualaid.network._graph import Arcs, RouteGraph, reweighted
from mutualaid.network._model import Network
from mutualaid.network._positions import Links, arrivals, departures, direct, members, positions
from mutualaid.network._times import lent, limit_label, search_back

__all__ = ["Cut", "cut", "lean", "lean_all"]

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: What a search asks of the roads.
_COLUMNS = ["a", "b", "crossing"]


@dataclass(frozen=True, eq=False)
class Cut:
    """What is left of a graph when only some places count; made by `cut`.

    Attributes
    ----------
    graph
        States, nodes and roads have numbers of their own. Its network has no coordinates and no geometry, and its
        last node and state are **nowhere**: ways that lead to no place in time end there.
    roads
        (m',) road of the whole network for each road of the cut, ascending.
    origins
        (q,) whether each row of the origins may reach some place within the limit.
    """

    graph: RouteGraph
    roads: Int64
    origins: Bools

    @property
    def edges(self) -> Int64:
        """(2m',) directed edge of the whole network for each of the cut."""
        return _both_ways(self.roads)

    def placed(self, frame: pd.DataFrame, *, origins: bool = False) -> pd.DataFrame:
        """Give positions on the whole network as positions on the cut.

        Parameters
        ----------
        frame
            Positions as `snap` gives them, perhaps with what a hazard leaves of their roads: the origins or the places
            of which the cut was made, or some of them.
        origins
            Whether these are all the origins, in their order. The status of those that may not reach any place becomes
            ``far``, so that they take no part.

        Returns
        -------
        DataFrame
            With another ``road``, -1 where the cut does not have it, and perhaps another ``status``.

        Raises
        ------
        NetworkError
            The frame does not have one row for each origin.
        """
        road = frame["road"].to_numpy(np.int64)
        at = np.minimum(np.searchsorted(self.roads, road), max(len(self.roads) - 1, 0))
        known = self.roads[at] == road if len(self.roads) else np.zeros(len(road), dtype=np.bool_)
        placed = frame.assign(road=np.where(known, at, -1).astype(np.int32))
        if not origins:
            return placed
        if len(frame) != len(self.origins):
            expected, got = f"one row for each of the {len(self.origins)} origins", f"{len(frame)} rows"
            raise NetworkError([Defect("", "origins", expected, got, "give all of them, in their order")])
        far = ~self.origins & (frame["status"] == "ok").to_numpy(dtype=np.bool_)
        return placed.assign(status=frame["status"].mask(far, "far"))


def cut(graph: RouteGraph, origins: pd.DataFrame, places: pd.DataFrame, *, limit_s: float) -> Cut:
    """Cut out of a graph what leads to some places in time.

    Travel times from the origins to the places within the limit are the same on the cut as on the whole, to the
    millisecond, whether roads are as they are or a hazard slows them down and closes some. The cut holds exactly the
    states from which some place can be reached within the limit: one search backwards from all places at once finds
    them, with no assumption about speeds or distances. The work grows with what is found, not with the network.

    Parameters
    ----------
    graph
        Roads with their times.
    origins, places
        Frames that `snap` gives; rows whose status is not ``ok`` take no part.
    limit_s
        Longest time, crossing delay included, in seconds.

    Returns
    -------
    Cut
        A graph, to which roads its roads belong, and which origins count.

    Raises
    ------
    NetworkError
        The limit is no time, or the positions do not belong to the network.

    Examples
    --------
    >>> import geopandas as gpd
    >>> import networkx as nx
    >>> from mutualaid.network import cut, from_osmnx, profile, route_graph, snap, travel_times
    >>> G = nx.MultiDiGraph(crs="EPSG:32632")
    >>> for node in range(4):
    ...     G.add_node(node, x=650.0 * node, y=0.0)
    >>> ends = [(0, 1), (1, 2), (2, 3), (1, 0), (2, 1), (3, 2)]
    >>> _ = G.add_edges_from(ends, highway="primary", length=650.0, oneway=False)
    >>> network = from_osmnx(G, crs="EPSG:32632")
    >>> graph = route_graph(network, profile("fire_engine"))  # 65 km/h: 36 s for each road
    >>> stations = gpd.GeoSeries.from_xy([65, 1885], [5, 5], index=["west", "east"], crs=network.crs)
    >>> house = gpd.GeoSeries.from_xy([325], [9], index=["h"], crs=network.crs)
    >>> stations, house = snap(network, stations), snap(network, house)
    >>> part = cut(graph, stations, house, limit_s=60)
    >>> part.roads.tolist(), part.origins.tolist()
    ([0, 1], [True, False])
    >>> travel_times(part.graph, part.placed(stations, origins=True), part.placed(house), limit_s=60)
      origin destination  drive_s  crossing_s
    0   west           h     14.4         0.0
    """
    limit = limit_label(limit_s)
    if graph.before is not None:
        # A hazard only makes ways longer, so what leads to the places under it leads there without it.
        found = cut(graph.before, origins, places, limit_s=limit_s)
        return replace(found, graph=reweighted(found.graph, graph.drive_ms[found.edges]))
    start, end = positions(graph, origins, "origins"), positions(graph, places, "places")
    reach = np.zeros(len(origins), dtype=np.bool_)
    # Along one road a hazard may take a millisecond off what is rounded, so these are not compared with the limit.
    reach[direct(graph, start, end).start] = True
    with _zeros(graph) as numbers:
        state, label = search_back(graph, arrivals(graph, end), limit)
        order = np.argsort(state)
        state, label = state[order], label[order]
        reach[_in_time(departures(graph, start), state, label, limit, numbers)] = True
        small, roads = _small(graph, state, end.road, start.road[reach[start.row]], numbers)
    return Cut(small, roads, reach)


def _in_time(ways: Links, state: Int32, label: Int64, limit: int, numbers: Int32) -> Int32:
    """Rows of the links by which some place is reached in time, from the labels of the states that lead to one."""
    with _numbered(numbers, state) as number:
        at = number(ways.state)
    row, at, first = ways.row[at >= 0], at[at >= 0], ways.label[at >= 0]
    return np.asarray(row[first + label[at] <= limit])


def _small(
    graph: RouteGraph, state: Int32, of_places: Int64, of_origins: Int64, numbers: Int32
) -> tuple[RouteGraph, Int64]:
    """Graph of some states, and its roads: those between the states, and those on which positions lie."""
    nowhere = len(state)
    with _numbered(numbers, state) as number:
        tail, head, edge, weight = _arcs_within(graph, state, number, of_places)
        roads = _distinct(edge >> 1, of_places, of_origins)
        a, b = (graph.network.roads[end].to_numpy()[roads] for end in ("a", "b"))
        nodes = _distinct(graph.node[state], a, b)
        edges = _both_ways(roads)
        after = graph.state_after[edges]
        state_after = np.where(after < 0, -1, _or(number(after), nowhere))
        state_of_node = _or(number(graph.state_of_node[nodes]), nowhere)
    with _numbered(numbers, roads) as number:
        edge = 2 * number(edge >> 1) + (edge & 1)
    with _numbered(numbers, nodes) as number:
        a, b, node = number(a), number(b), number(graph.node[state])
    indptr = np.zeros(nowhere + 2, dtype=np.int32)
    np.cumsum(np.bincount(tail, minlength=nowhere + 1), out=indptr[1:])
    crossing = graph.network.roads["crossing"].to_numpy()[roads]
    return (
        RouteGraph(
            network=_bare(
                graph.network,
                np.append(graph.network.node_id[nodes], 0),
                pd.DataFrame({"a": a, "b": b, "crossing": crossing}),
            ),
            profile=graph.profile,
            drive_ms=graph.drive_ms[edges],
            junction_ms=np.append(graph.junction_ms[nodes], np.int32(0)),
            crossing_edge=graph.crossing_edge[edges],
            out=Arcs(indptr, head, edge, weight),
            node=np.append(node, np.int32(len(nodes))),
            state_of_node=np.append(state_of_node, np.int32(nowhere)),
            state_after=state_after.astype(np.int32),
            routable=graph.routable[roads],
        ),
        roads,
    )


def _arcs_within(
    graph: RouteGraph, state: Int32, number: Callable[[Int32], Int32], of_places: Int64
) -> tuple[Int64, Int32, Int32, Int64]:
    """Tail, head, edge and weight of the arcs between some states, tail and head by their new numbers.

    Those that drive the road of a place are there even if they lead to nowhere: a vehicle arrives along them.
    """
    out = graph.out
    tail, arc = members(out.indptr, None, state)
    head, edge = number(out.head[arc]), out.edge[arc]
    kept = head >= 0
    outward = np.flatnonzero(~kept)
    kept[outward] = np.isin(edge[outward] >> 1, of_places)
    return tail[kept], _or(head[kept], len(state)), edge[kept], out.weight[arc[kept]]


def _distinct(*values: NDArray[np.integer]) -> Int64:
    """All values, ascending: by sorting, which for a hundred thousand is faster than `numpy.unique`."""
    found = np.sort(np.concatenate([one.astype(np.int32) for one in values]))
    first = np.append(True, found[1:] != found[:-1])[: len(found)]
    return np.asarray(found[first], dtype=np.int64)


def _both_ways(roads: Int64) -> Int64:
    """Give the two directed edges of each road."""
    return np.asarray(2 * roads[:, None] + np.array([0, 1])).ravel()


def _or(number: Int32, nowhere: int) -> Int32:
    """Numbers, with that of nowhere for those that are not there."""
    return np.where(number < 0, np.int32(nowhere), number)


# --- memory that goes from cut to cut ------------------------------------------------------------------------


#: What a renumbering writes into, of each graph, where it is not in use: several threads may cut one graph.
_SPARE: WeakKeyDictionary[RouteGraph, list[Int32]] = WeakKeyDictionary()


def _zeros(graph: RouteGraph) -> AbstractContextManager[Int32]:
    """Lend a zero for each state, node or road of a graph, whatever there is most of."""
    size = max(graph.n_states, graph.network.n_nodes, graph.network.n_roads)
    return lent(_SPARE.setdefault(graph, []), lambda: np.zeros(size, np.int32))


@contextmanager
def _numbered(numbers: Int32, items: NDArray[np.integer]) -> Iterator[Callable[[NDArray[np.integer]], Int32]]:
    """Give some items numbers from 0 in their order: a function that looks them up, -1 for all others."""
    numbers[items] = np.arange(1, len(items) + 1, dtype=np.int32)
    yield lambda wanted: numbers[wanted] - np.int32(1)
    numbers[items] = 0


# --- lean ----------------------------------------------------------------------------------------------------


def lean(graph: RouteGraph) -> RouteGraph:
    """Give a graph without what only drawing and naming need, ready to be searched and cut in other processes.

    Parameters
    ----------
    graph
        Roads with their times.

    Returns
    -------
    RouteGraph
        Its network has neither coordinates, geometry nor turn restrictions, and of the table of roads the columns
        ``a``, ``b`` and ``crossing``; it can be searched and cut, not drawn. What a search works out once for a graph
        is there, so that it is neither worked out nor kept by each process again.

    Examples
    --------
    >>> import networkx as nx
    >>> from mutualaid.network import from_osmnx, lean, profile, route_graph
    >>> G = nx.MultiDiGraph(crs="EPSG:32632")
    >>> for node in range(2):
    ...     G.add_node(node, x=650.0 * node, y=0.0)
    >>> _ = G.add_edges_from([(0, 1), (1, 0)], highway="primary", length=650.0, oneway=False)
    >>> lean(route_graph(from_osmnx(G, crs="EPSG:32632"), profile("civilian"))).network.roads.columns.tolist()
    ['a', 'b', 'crossing']
    """
    return lean_all([graph])[0]


def lean_all(graphs: Sequence[RouteGraph]) -> tuple[RouteGraph, ...]:
    """Give graphs as `lean` does; whatever several of them share, they still share.

    Parameters
    ----------
    graphs
        Roads with their times, such as those of several fleets over one network.

    Examples
    --------
    >>> import networkx as nx
    >>> from mutualaid.network import from_osmnx, lean_all, profile, reweighted, route_graph
    >>> G = nx.MultiDiGraph(crs="EPSG:32632")
    >>> for node in range(2):
    ...     G.add_node(node, x=650.0 * node, y=0.0)
    >>> _ = G.add_edges_from([(0, 1), (1, 0)], highway="primary", length=650.0, oneway=False)
    >>> graph = route_graph(from_osmnx(G, crs="EPSG:32632"), profile("civilian"))
    >>> fleet, slower = lean_all([graph, reweighted(graph, 2 * graph.drive_ms)])
    >>> fleet.network is slower.network, fleet is slower.before
    (True, True)
    """
    networks: dict[int, Network] = {}
    done: dict[int, RouteGraph] = {}
    at_node: dict[int, tuple[Int32, Int32]] = {}

    def leaned(graph: RouteGraph) -> RouteGraph:
        if id(graph) in done:
            return done[id(graph)]
        network = graph.network
        if id(network) not in networks:
            roads = pd.DataFrame({name: network.roads[name].to_numpy(np.int32) for name in _COLUMNS})
            networks[id(network)] = _bare(network, network.node_id, roads)
        before = None if graph.before is None else leaned(graph.before)
        found = replace(graph, network=networks[id(network)], before=before)
        if before is None:
            # Kept by the graph as it works them out, these travel with it.
            vars(found)["into"], vars(found)["arcs_of_edge"] = graph.into, graph.arcs_of_edge
            vars(found)["states_at_node"] = at_node.setdefault(id(graph.node), graph.states_at_node)
        done[id(graph)] = found
        return found

    return tuple(leaned(graph) for graph in graphs)


def _bare(network: Network, node_id: Int64, roads: pd.DataFrame) -> Network:
    """Give a network with other nodes and roads, and without all that a search does not ask for."""
    return replace(
        network,
        node_id=node_id,
        x=np.empty(0),
        y=np.empty(0),
        roads=roads,
        road_xy=np.empty((0, 2)),
        road_offset=np.zeros(1, dtype=np.int64),
        restrictions=(),
        notes={},
    )
