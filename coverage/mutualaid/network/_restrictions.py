"""Turn restrictions: from OSM relations to sequences of directed edges."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mutualaid.network._model import Restriction

__all__ = ["RawRestriction", "RoadIndex", "read_restriction", "resolve"]

#: Keys that bind every motor vehicle, the widest first.
_FOR_ALL = ("restriction", "restriction:motor_vehicle", "restriction:vehicle")
#: Keys that bind some: whoever is of the kind after them is exempt.
_FOR_SOME = {"restriction:hgv": "motorcar", "restriction:motorcar": "hgv"}


@dataclass(frozen=True)
class RawRestriction:
    """A turn restriction in terms of OSM ids: one from-way, one to-way, and either a via node or via ways."""

    osm_id: int
    kind: str
    exempt: frozenset[str]
    from_way: int
    to_way: int
    via_node: int | None
    via_ways: tuple[int, ...]


def read_restriction(relation: Any, notes: Counter[str]) -> list[RawRestriction]:
    """Read one ``type=restriction`` relation; several from-ways or to-ways give several restrictions."""
    tags = relation.tags
    exempt = {kind.strip() for kind in (tags.get("except") or "").split(";") if kind.strip()}
    kind = next((tags.get(key) for key in _FOR_ALL if key in tags), None)
    if kind is None:
        key = next((key for key in _FOR_SOME if key in tags), None)
        if key is None:
            conditional = any(tag.k.endswith(":conditional") for tag in tags)
            reason = "conditional, not applied" if conditional else "not for motor vehicles"
            notes[f"turn restrictions {reason}"] += 1
            return []
        kind = tags.get(key)
        exempt.add(_FOR_SOME[key])
    if any(key in tags for key in ("day_on", "hour_on")) or "@" in kind:
        notes["turn restrictions conditional, not applied"] += 1
        return []
    if not kind.startswith(("no_", "only_")):
        notes["turn restrictions not understood"] += 1
        return []
    members = [(member.role, member.type, member.ref) for member in relation.members]
    from_ways = [ref for role, type_, ref in members if role == "from" and type_ == "w"]
    to_ways = [ref for role, type_, ref in members if role == "to" and type_ == "w"]
    via_nodes = [ref for role, type_, ref in members if role == "via" and type_ == "n"]
    via_ways = tuple(ref for role, type_, ref in members if role == "via" and type_ == "w")
    if not from_ways or not to_ways or (len(via_nodes) == 1) == bool(via_ways):
        notes["turn restrictions with a member missing"] += 1
        return []
    return [
        RawRestriction(
            relation.id, kind, frozenset(exempt), start, end, via_nodes[0] if via_nodes else None, via_ways
        )
        for start, end in product(from_ways, to_ways)
    ]


class RoadIndex:
    """Finds the directed edges of a way at a node."""

    def __init__(
        self,
        node_id: NDArray[np.int64],
        a: NDArray[np.int32],
        b: NDArray[np.int32],
        way: NDArray[np.int64],
        oneway: NDArray[np.int8],
    ) -> None:
        self._a, self._b, self._oneway = a, b, oneway
        self._node_order = np.argsort(node_id, kind="stable")
        self._node_id = node_id[self._node_order]
        self._way_order = np.argsort(way, kind="stable")
        self._way = way[self._way_order]

    def node(self, osm_id: int) -> int | None:
        """Position of a node, None if it is not a node of the network."""
        at = int(np.searchsorted(self._node_id, osm_id))
        found = at < len(self._node_id) and self._node_id[at] == osm_id
        return int(self._node_order[at]) if found else None

    def edges(self, way: int) -> list[int]:
        """Directed edges of a way that may be driven by everybody, in the order of its roads."""
        low, high = np.searchsorted(self._way, [way, way + 1])
        edges = []
        for road in self._way_order[low:high].tolist():
            if self._oneway[road] != -1:
                edges.append(2 * road)
            if self._oneway[road] != 1:
                edges.append(2 * road + 1)
        return edges

    def tail(self, edge: int) -> int:
        """Node that a directed edge leaves."""
        return int((self._b if edge & 1 else self._a)[edge >> 1])

    def head(self, edge: int) -> int:
        """Node that a directed edge reaches."""
        return int((self._a if edge & 1 else self._b)[edge >> 1])


def resolve(raw: Sequence[RawRestriction], index: RoadIndex, notes: Counter[str]) -> tuple[Restriction, ...]:
    """Turn restrictions on ways into restrictions on directed edges; what cannot be resolved is counted."""
    restrictions = []
    for item in raw:
        paths, reason = _paths(item, index)
        if reason:
            notes[f"turn restrictions {reason}"] += 1
        restrictions += [Restriction(path, item.kind, item.exempt, item.osm_id) for path in paths]
    return tuple(restrictions)


def _paths(item: RawRestriction, index: RoadIndex) -> tuple[list[tuple[int, ...]], str]:
    """Edge sequences of one restriction, or the reason why there are none."""
    arriving, leaving = index.edges(item.from_way), index.edges(item.to_way)
    if not arriving or not leaving or not all(index.edges(way) for way in item.via_ways):
        return [], "on ways that are not in the network"
    if item.via_node is None:
        return _over_ways(item, index, arriving, leaving)
    via = index.node(item.via_node)
    ins = [edge for edge in arriving if index.head(edge) == via]
    outs = [edge for edge in leaving if index.tail(edge) == via]
    if not ins or not outs:
        return [], "whose ways do not meet in the right direction"
    if item.from_way == item.to_way and item.kind.endswith("_u_turn"):
        paths: list[tuple[int, ...]] = [(edge, edge ^ 1) for edge in ins if edge ^ 1 in outs]
        return paths, "" if paths else "whose ways do not meet in the right direction"
    if len(ins) > 1 or len(outs) > 1:
        return [], "that can be read in two ways"
    return [(ins[0], outs[0])], ""


def _over_ways(
    item: RawRestriction, index: RoadIndex, arriving: list[int], leaving: list[int]
) -> tuple[list[tuple[int, ...]], str]:
    """Sequences along via ways: from the from-way to the nearest node of the to-way."""
    via = [edge for way in item.via_ways for edge in index.edges(way)]
    from_node: dict[int, list[int]] = {}
    for edge in via:
        from_node.setdefault(index.tail(edge), []).append(edge)
    starts = [edge for edge in arriving if index.head(edge) in from_node]
    ends: dict[int, list[int]] = {}
    for edge in leaving:
        ends.setdefault(index.tail(edge), []).append(edge)
    found = [
        (start, chain) for start in starts if (chain := _chain(index, index.head(start), from_node, ends))
    ]
    if not found:
        return [], "whose ways do not meet in the right direction"
    shortest = min(len(chain) for _, chain in found)
    found = [(start, chain) for start, chain in found if len(chain) == shortest]
    exits = ends[index.head(found[0][1][-1])]
    # Going back over the via way is not the turn that is meant, where the to-way offers another edge.
    exits = [edge for edge in exits if edge >> 1 != found[0][1][-1] >> 1] or exits
    if len(found) > 1 or len(exits) > 1:
        return [], "that can be read in two ways"
    start, chain = found[0]
    return [(start, *chain, exits[0])], ""


def _chain(
    index: RoadIndex, node: int, from_node: dict[int, list[int]], ends: dict[int, list[int]]
) -> tuple[int, ...] | None:
    """Fewest via edges, at least one, from a node to a node where the to-way begins."""
    queue: deque[tuple[int, tuple[int, ...]]] = deque([(node, ())])
    seen = {node}
    while queue:
        here, path = queue.popleft()
        for edge in from_node.get(here, []):
            there = index.head(edge)
            if there in ends and there != node:
                return (*path, edge)
            if there not in seen:
                seen.add(there)
                queue.append((there, (*path, edge)))
    return None
