"""Fastest times to the nearest of some nodes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from mutualaid.network import Network

__all__ = ["seconds_to", "seconds_to_by_node"]

Floats = NDArray[np.float64]
Ints = NDArray[np.integer]

#: The search takes no edge of no time for one: each takes a nanosecond more.
_LEAST_S = 1e-9


def seconds_to(
    n_nodes: int, tail: Ints, head: Ints, time_s: Floats, targets: Ints, usable: NDArray[np.bool_]
) -> Floats:
    """(n_nodes,) seconds from each node to the nearest target over usable edges; inf without a way."""
    if not len(targets):
        return np.full(n_nodes, np.inf)
    tail, head, time = tail[usable], head[usable], time_s[usable] + _LEAST_S
    # Of parallel edges the fastest.
    order = np.lexsort((time, tail, head))
    tail, head, time = tail[order], head[order], time[order]
    first = np.append(True, (tail[1:] != tail[:-1]) | (head[1:] != head[:-1]))[: len(tail)]
    graph = csr_array((time[first], (head[first], tail[first])), shape=(n_nodes, n_nodes))
    return np.asarray(dijkstra(graph, indices=np.unique(targets), min_only=True), dtype=np.float64)


def seconds_to_by_node(network: Network, time_s: Floats, targets: Ints) -> Floats:
    """(n,) seconds from each node of a road network to the nearest target; inf where `time_s` (2m,) is."""
    ends = network.roads[["a", "b"]].to_numpy(np.int64)
    tail, head = ends.ravel(), ends[:, ::-1].ravel()
    return seconds_to(network.n_nodes, tail, head, time_s, targets, np.isfinite(time_s))
