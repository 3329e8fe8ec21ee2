"""One way for each source, without forks: every node has one way on, so ways that meet stay together."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from mutualaid.evacuation._routes._roads import Roads
from mutualaid.evacuation._routes._search import Pieces
from mutualaid.evacuation._routes._simple import inward, proportional, ways_by

__all__ = ["forests"]

Floats = NDArray[np.float64]
Int64 = NDArray[np.int64]

_ROUNDS, _KEPT = 60, 3
_POWER = 6


def forests(roads: Roads, supply: Floats, until: float) -> list[tuple[list[Int64], Pieces]]:
    """Find forests in which roads shared in proportion clear soon; the best first.

    Roads that are full grow dear, and cheapest ways are sought again: each answer is a forest. Then the best one is
    improved: at nodes before the road that takes longest, the way on is bent to another neighbour.
    """
    found: dict[bytes, tuple[tuple[float, float], Int64]] = {}
    price = np.zeros(len(roads.tail))
    for turn in range(_ROUNDS):
        by = inward(roads, roads.transit_s + price)
        key = _key(roads, supply, by)
        found.setdefault(by.tobytes(), (key, by))
        if time.monotonic() > until:
            break
        price += _dearer(roads, supply, by) / (1 + 0.2 * turn)
    best = sorted(found.values(), key=lambda one: one[0])[:_KEPT]
    bent = _bent(roads, supply, best[0][1], best[0][0], until)
    trees = [bent, *(by for _, by in best)]
    unique = {by.tobytes(): by for by in trees}
    answers = []
    for by in unique.values():
        ways = ways_by(roads, by)
        answers.append((ways, _pieces(roads, supply, ways)))
    return answers


def _pieces(roads: Roads, supply: Floats, ways: list[Int64]) -> Pieces:
    some = np.array([one for one in range(len(ways)) if supply[one] > 0 and len(ways[one])], dtype=np.int64)
    return proportional(roads, [ways[one] for one in some], some, supply[some])


def _key(roads: Roads, supply: Floats, by: Int64) -> tuple[float, float]:
    """Value a forest: vehicles left, then when it clears. Less is better."""
    pieces = _pieces(roads, supply, ways_by(roads, by))
    left = float(supply.sum() - pieces.vehicles.sum())
    return (round(left, 6), pieces.clearance_s)


def _loads(roads: Roads, supply: Floats, ways: list[Int64]) -> tuple[Floats, Floats]:
    """Give the hours that each edge's lane needs, and the share of room of each sink that is asked for."""
    flow = np.zeros(len(roads.lane_vph))
    people = np.zeros(len(roads.room))
    for source, way in enumerate(ways):
        if len(way) and supply[source] > 0:
            np.add.at(flow, roads.lane[way], supply[source])
            people[way[-1] - roads.network.n_edges] += supply[source] * roads.load[source]
    hours = np.divide(flow, roads.lane_vph, out=np.zeros(len(flow)), where=roads.lane_vph > 0)
    full = np.divide(people, roads.room, out=np.zeros(len(people)), where=roads.room > 0)
    return hours[roads.lane], full


def _dearer(roads: Roads, supply: Floats, by: Int64) -> Floats:
    """Say by how many seconds each edge grows dearer for what it carries."""
    hours, full = _loads(roads, supply, ways_by(roads, by))
    longest = float(hours.max(initial=0.0))
    if longest <= 0:
        return np.zeros(len(hours))
    more = 900.0 * longest * (hours / longest) ** _POWER
    more[roads.network.n_edges :] += 3600.0 * longest * np.maximum(full - 1, 0.0)
    return more


def _bent(roads: Roads, supply: Floats, by: Int64, key: tuple[float, float], until: float) -> Int64:
    """Bend the way on at one node after the other, as long as that makes the forest better."""
    by = by.copy()
    improved = True
    while improved and time.monotonic() < until:
        improved = False
        ways = ways_by(roads, by)
        for node in _before_the_longest(roads, supply, ways):
            old = by[node]
            for edge in roads.out_edge[roads.out_start[node] : roads.out_start[node + 1]]:
                if edge == old or not np.isfinite(roads.rest_s[roads.head[edge]]):
                    continue
                if _passes(roads, by, int(roads.head[edge]), int(node)):
                    continue
                by[node] = edge
                other = _key(roads, supply, by)
                if other < key:
                    key, improved = other, True
                    break
                by[node] = old
            if improved or time.monotonic() > until:
                break
    return by


def _before_the_longest(roads: Roads, supply: Floats, ways: list[Int64]) -> list[int]:
    """List the nodes where ways can leave what takes longest: those before it, the nearest first."""
    hours, full = _loads(roads, supply, ways)
    clears = [
        hours[way].max() * 3600 + roads.transit_s[way].sum() if len(way) and supply[one] > 0 else 0.0
        for one, way in enumerate(ways)
    ]
    over = np.flatnonzero(full > 1 + 1e-9)
    if len(over):
        worst = roads.network.n_edges + int(over[np.argmax(full[over])])
    else:
        way = ways[int(np.argmax(clears))]
        if not len(way):
            return []
        worst = int(way[np.argmax(hours[way])])
    nodes: dict[int, int] = {}
    for one, way in enumerate(ways):
        at = np.flatnonzero(way == worst)
        if len(at) and supply[one] > 0:
            for back, edge in enumerate(way[: at[0] + 1][::-1]):
                nodes[int(roads.tail[edge])] = min(back, nodes.get(int(roads.tail[edge]), back))
    return sorted(nodes, key=lambda node: (nodes[node], node))


def _passes(roads: Roads, by: Int64, node: int, goal: int) -> bool:
    """Whether the way on from a node comes to another, or to no end."""
    while node not in (goal, roads.end):
        if by[node] < 0:
            return True
        node = int(roads.head[by[node]])
    return node == goal
