"""The cut of a network made small, said of the network as it was given."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mutualaid.evacuation._expanded._cuts import Threshold
from mutualaid.evacuation._expanded._roads import Roads, open_sinks, reached
from mutualaid.evacuation._network import FlowNetwork

__all__ = ["thresholds_of_nodes"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
#: Seconds below which a difference comes from rounding.
_TINY = 1e-6


def thresholds_of_nodes(
    network: FlowNetwork, roads: Roads, cut: Threshold | None, end: int
) -> tuple[Floats, Bools]:
    """Give the threshold of every node in seconds (inf: never behind the cut), and the sinks that count as full.

    Inside a chain that is cut, the cut goes through the edge that lets fewest pass: nodes before it are behind the cut
    as soon as traffic from the tail can be there, nodes after it only when the head can no longer be reached in time.
    Other nodes are behind as soon as the nodes that lead to them are; so nothing more is cut.
    """
    threshold = np.full(network.n_nodes, np.inf)
    if cut is None:
        threshold[:] = 0.0
        return threshold, np.ones(len(network.sinks), dtype=bool)
    usable = (network.capacity_vph > 0) & (
        network.closes_s - network.transit_s >= np.maximum(network.opens_s, 0)
    )
    useful = reached(
        network.n_nodes,
        network.head[usable],
        network.tail[usable],
        network.sinks["node"].to_numpy()[open_sinks(network)],
    )
    threshold[~useful] = 0.0  # who is there is behind the cut: no way leads out
    known = roads.node_of >= 0
    at = cut.at[roads.node_of[known]].astype(np.float64)
    threshold[known] = at / 1000.0
    latest = network.closes_s - network.transit_s
    opens = network.opens_s
    for e in np.flatnonzero([len(parts) > 1 for parts in roads.parts]):
        parts = np.array(roads.parts[e])
        tail, head = threshold[network.tail[parts[0]]], threshold[network.head[parts[-1]]]
        late = min(head, end / 1000.0 + 0.001)
        begin = max(tail, roads.opens[0][e] / 1000.0)
        if begin >= min(late - roads.transit[0][e] / 1000.0, roads.latest[1][e] / 1000.0):
            continue
        narrow = int(np.argmin(network.capacity_vph[parts]))
        moment = tail
        for part in parts[:narrow]:
            moment = max(moment, opens[part]) + network.transit_s[part]
            threshold[network.head[part]] = moment
        moment = head
        for part in parts[:narrow:-1]:
            moment = min(moment - network.transit_s[part], latest[part])
            threshold[network.tail[part]] = moment
        known[network.head[parts[:-1]]] = True
    return _unrounded(network, _onward(network, threshold, known | ~useful)), cut.full | (
        network.sinks["people"].to_numpy() <= 0
    )


def _onward(network: FlowNetwork, threshold: Floats, known: Bools) -> Floats:
    """Put nodes that are not known behind the cut as soon as anybody behind it can be there."""
    latest = network.closes_s - network.transit_s
    edges = np.flatnonzero((network.capacity_vph > 0) & ~known[network.head])
    tail, head = network.tail[edges], network.head[edges]
    for _ in range(network.n_nodes):
        enter = np.maximum(threshold[tail], network.opens_s[edges])
        arrive = np.where(enter <= latest[edges], enter + network.transit_s[edges], np.inf)
        new = threshold.copy()
        np.minimum.at(new, head, arrive)
        if (new == threshold).all():
            break
        threshold = new
    return threshold


def _unrounded(network: FlowNetwork, threshold: Floats) -> Floats:
    """Move thresholds by some millionths of a second so that no edge is cut by the rounding of sums alone."""
    used = np.flatnonzero(network.capacity_vph > 0)
    used = used[np.isfinite(threshold[network.tail[used]])]
    tail, head, transit = network.tail[used], network.head[used], network.transit_s[used]
    opens, latest = network.opens_s[used], (network.closes_s - network.transit_s)[used]
    early = np.minimum(_TINY / 10, transit)
    for _ in range(network.n_nodes):
        enter = np.maximum(threshold[tail], opens)
        over = threshold[head] - transit - enter
        near = (over > -early / 2) & (over < _TINY) & (early > 0) & (enter <= latest)
        near |= (over > 0) & (over < _TINY) & (enter <= latest)
        if not near.any():
            break
        np.minimum.at(threshold, head[near], (enter + transit - early)[near])
    return threshold
