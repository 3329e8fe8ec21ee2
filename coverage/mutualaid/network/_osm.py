"""Reading roads from OpenStreetMap files: the ways first, then where their nodes are, and no other nodes.

A country has ten times more nodes than its roads have, and more than a memory holds. So a file is read twice:
for its drivable ways, as flat arrays of numbers, and then for the nodes that these name. What stays in memory
grows with the roads, not with the file.
"""

from __future__ import annotations

import tempfile
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import osmium
from numpy.typing import NDArray

from mutualaid.errors import Defect, OsmError
from mutualaid.network._model import ROAD_CLASSES
from mutualaid.network._restrictions import RawRestriction, read_restriction
from mutualaid.network._tags import TAG_KEYS

__all__ = ["BATCH", "OSM_SUFFIXES", "OsmRoads", "batches", "scan"]

#: Names of OpenStreetMap files end with one of these.
OSM_SUFFIXES: tuple[str, ...] = (".osm.pbf", ".pbf", ".osm", ".osm.xml", ".osm.gz", ".osm.bz2")

_Number = TypeVar("_Number", np.int32, np.int64)

#: Barriers that no engine drives through; gates, chains and lift gates are opened for one.
_BLOCKING = frozenset({"bollard", "block", "jersey_barrier", "concrete_block", "debris", "log"})
_LETS_PASS = frozenset({"yes", "permissive", "designated", "destination", "private", "official"})
#: Coordinate of a node without a place, in units of 1e-7 degrees, as libosmium has it.
_NOWHERE = 2**31 - 1
#: How libosmium lays out a table of locations in a file.
_ENTRY = np.dtype([("id", np.int64), ("xy", np.int32, 2)])
#: So many nodes are held at a time while those of roads are looked for among them.
BATCH = 1 << 20


@dataclass
class OsmRoads:
    """Drivable ways as they are in the files: w ways with r references to q places of p nodes.

    Attributes
    ----------
    way, offset
        Way ids (w,); the references of way ``i`` are ``place[offset[i]:offset[i + 1]]``.
    place
        Place (r,) of each reference.
    xy, node
        Where each place is (q, 2), in units of 1e-7 degrees; and the position in `node_id` of its node (q,).
        A node that several files put at different spots has a place for each.
    node_id
        Ids of the nodes (p,), ascending.
    kind, tag_sets
        Number (w,) of each way's set of tags, and the sets, each in the order of `TAG_KEYS`.
    name, names
        Number (w,) of each way's name, else its ref, else ""; and the distinct names.
    blocked
        Ids of nodes with a barrier that no engine passes.
    restrictions
        Turn restrictions in terms of ways and nodes.
    notes
        Counts of what was left out or not understood.
    """

    way: NDArray[np.int64]
    offset: NDArray[np.int64]
    place: NDArray[np.int32]
    xy: NDArray[np.int32]
    node: NDArray[np.int32]
    node_id: NDArray[np.int64]
    kind: NDArray[np.int32]
    tag_sets: list[tuple[str | None, ...]]
    name: NDArray[np.int32]
    names: list[str]
    blocked: NDArray[np.int64]
    restrictions: list[RawRestriction]
    notes: Counter[str] = field(default_factory=Counter)

    @property
    def located(self) -> NDArray[np.bool_]:
        """Whether each place (q,) is known: its node is in a file."""
        return np.asarray(self.xy[:, 0] != _NOWHERE)

    def lonlat(self, place: NDArray[np.int32]) -> NDArray[np.float64]:
        """Degrees (…, 2) of some places, which are all known."""
        return self.xy[place] / 1e7


def scan(files: Sequence[Path]) -> OsmRoads:
    """Read all drivable ways and turn restrictions; a way that is in several files enters once.

    Parameters
    ----------
    files
        OpenStreetMap files in any format that osmium reads.

    Raises
    ------
    OsmError
        A file is missing, damaged or not an OpenStreetMap file.
    """
    sets: dict[tuple[str | None, ...], int] = {}
    names: dict[str, int] = {}
    parts, defects = [], []
    for path in files:
        try:
            parts.append(_scan_file(path, sets, names))
        except (RuntimeError, OSError) as error:
            remedy = "check the path, or download the extract again"
            defects.append(Defect(path.name, "", "a complete OpenStreetMap file", str(error)[:200], remedy))
    if defects:
        raise OsmError(defects)
    roads = parts[0] if len(parts) == 1 else _join(parts)
    roads.tag_sets, roads.names = list(sets), list(names)
    return roads


def _scan_file(path: Path, sets: dict[tuple[str | None, ...], int], names: dict[str, int]) -> OsmRoads:
    if not path.is_file():
        msg = "no such file"
        raise OSError(msg)
    way, kind, name, size, ref = array("q"), array("i"), array("i"), array("q", [0]), array("q")
    restrictions: list[RawRestriction] = []
    notes: Counter[str] = Counter()
    area = TAG_KEYS.index("area")
    for item in _ways_and_relations(path):
        if not item.is_way():
            restrictions += read_restriction(item, notes)
            continue
        tag = item.tags.get
        values = tuple(map(tag, TAG_KEYS))
        if values[area] == "yes":
            notes["areas left out"] += 1
            continue
        ref.extend([node.ref for node in item.nodes])
        size.append(len(ref))
        way.append(item.id)
        kind.append(sets.setdefault(values, len(sets)))
        name.append(names.setdefault(tag("name") or tag("ref") or "", len(names)))
    node_id, place = _numbered(_flat(ref, np.int64))
    del ref
    xy, blocked = _places(path, node_id)
    return OsmRoads(
        way=_flat(way, np.int64),
        offset=_flat(size, np.int64),
        place=place,
        xy=xy,
        node=np.arange(len(node_id), dtype=np.int32),
        node_id=node_id,
        kind=_flat(kind, np.int32),
        tag_sets=[],
        name=_flat(name, np.int32),
        names=[],
        blocked=blocked,
        restrictions=restrictions,
        notes=notes,
    )


def _flat(numbers: array[int], kind: type[_Number]) -> NDArray[_Number]:
    """Give the numbers of an array without a copy, of which numpy wants none that is empty."""
    return np.frombuffer(numbers, dtype=kind) if numbers else np.empty(0, dtype=kind)


def _ways_and_relations(path: Path) -> Iterable[Any]:
    """Give drivable ways and turn restrictions."""
    ways = osmium.filter.TagFilter(*(("highway", name) for name in ROAD_CLASSES))
    ways.enable_for(osmium.osm.WAY)
    relations = osmium.filter.TagFilter(("type", "restriction"))
    relations.enable_for(osmium.osm.RELATION)
    entities = osmium.osm.WAY | osmium.osm.RELATION
    return osmium.FileProcessor(str(path), entities).with_filter(ways).with_filter(relations)


def _numbered(ref: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Give the distinct ids, ascending, and the position of each reference's id among them."""
    ids = np.sort(ref)
    ids = ids[np.append(True, ids[1:] != ids[:-1])[: len(ids)]]
    at = np.empty(len(ref), dtype=np.int32)
    for some in batches(len(ref)):  # all at once would take a number of 64 bits for each
        at[some] = np.searchsorted(ids, ref[some])
    return ids, at


def batches(count: int) -> Iterator[slice]:
    """Give stretches of so many rows, one after the other."""
    for start in range(0, count, BATCH):
        yield slice(start, min(start + BATCH, count))


def _places(path: Path, ids: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Look up where nodes are, (p, 2) in units of 1e-7 degrees; and give the nodes with a blocking barrier.

    libosmium writes the locations of all nodes, as they come, into a table that lies in a file. Whenever a
    barrier comes by and the table is long enough, what the roads need is taken from it, and it is emptied.
    """
    xy = np.full((len(ids), 2), _NOWHERE, dtype=np.int32)
    blocked: list[int] = []
    if not len(ids):
        return xy, np.empty(0, dtype=np.int64)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "places"
        table = osmium.index.create_map(f"sparse_file_array,{file}")
        full = BATCH * _ENTRY.itemsize
        nodes = osmium.FileProcessor(str(path), osmium.osm.NODE).with_locations(table)  # type: ignore[arg-type]
        node: Any
        for node in nodes.with_filter(osmium.filter.KeyFilter("barrier")):
            if _blocks(node.tags):
                blocked.append(node.id)
            if table.used_memory() >= full:
                _take_places(file, table.used_memory(), ids, xy)
                table.clear()
        _take_places(file, table.used_memory(), ids, xy)
        del nodes, table  # closes the file, which some systems want before they remove it
    _find_new_nodes(path, ids, xy)
    return xy, np.array(blocked, dtype=np.int64)


def _take_places(file: Path, size: int, ids: NDArray[np.int64], xy: NDArray[np.int32]) -> None:
    """Take from a table in a file, of so many bytes, where some of the nodes are."""
    count = size // _ENTRY.itemsize
    for some in batches(count):
        table = np.fromfile(file, _ENTRY, some.stop - some.start, offset=some.start * _ENTRY.itemsize)
        if (table["id"][1:] < table["id"][:-1]).any():
            table = table[np.argsort(table["id"], kind="stable")]
        among = slice(*np.searchsorted(ids, [table["id"][0], table["id"][-1] + 1]))
        key = np.ascontiguousarray(table["id"])
        at = np.minimum(np.searchsorted(key, ids[among]), len(key) - 1)
        found = np.flatnonzero(key[at] == ids[among])
        xy[among.start + found] = table["xy"][at[found]]


def _find_new_nodes(path: Path, ids: NDArray[np.int64], xy: NDArray[np.int32]) -> None:
    """Place nodes with a negative id, which editors give to what is not uploaded; the table holds none."""
    wanted = {int(node): at for at, node in enumerate(ids[: np.searchsorted(ids, 0)])}
    if wanted:
        nodes: Iterable[Any] = osmium.FileProcessor(str(path), osmium.osm.NODE)
        for node in nodes:
            if node.id in wanted and node.location.valid():
                xy[wanted[node.id]] = node.location.x, node.location.y


def _blocks(tags: Any) -> bool:
    """Whether a barrier divides the road for an engine, unless its own tags say otherwise."""
    if tags.get("barrier") not in _BLOCKING:
        return False
    return not any(
        tags.get(key) in _LETS_PASS for key in ("emergency", "motor_vehicle", "motorcar", "vehicle")
    )


def _join(parts: Sequence[OsmRoads]) -> OsmRoads:
    """Join files: of a way that is in several, the copy with most nodes stays; places are shared."""
    way = np.concatenate([part.way for part in parts])
    size = np.concatenate([np.diff(part.offset) for part in parts])
    best = np.lexsort((np.arange(len(way)), -size, way))
    first = np.concatenate([[True], way[best][1:] != way[best][:-1]]) if len(way) else np.zeros(0, dtype=bool)
    keep = np.zeros(len(way), dtype=bool)
    keep[best[first]] = True
    notes: Counter[str] = sum((part.notes for part in parts), Counter())
    if doubles := int((~keep).sum()):
        notes["ways in more than one file, taken once"] = doubles
    restrictions = {item: None for part in parts for item in part.restrictions}
    node_id, node, xy, numbers = _joined_places(parts)
    place = np.concatenate([number[part.place] for number, part in zip(numbers, parts, strict=True)])
    return OsmRoads(
        way=way[keep],
        offset=np.concatenate([[0], np.cumsum(size[keep])]).astype(np.int64),
        place=place[np.repeat(keep, size)],
        xy=xy,
        node=node,
        node_id=node_id,
        kind=np.concatenate([part.kind for part in parts])[keep],
        tag_sets=[],
        name=np.concatenate([part.name for part in parts])[keep],
        names=[],
        blocked=np.unique(np.concatenate([part.blocked for part in parts])),
        restrictions=list(restrictions),
        notes=notes,
    )


def _joined_places(
    parts: Sequence[OsmRoads],
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32], list[NDArray[np.int32]]]:
    """Give node ids, the node and position of each place of all files, and each file's places among them.

    A place is a file's own where the file knows it, else that of the first file that does.
    """
    node_id, node = np.unique(np.concatenate([part.node_id for part in parts]), return_inverse=True)
    xy = np.concatenate([part.xy for part in parts])
    located = xy[:, 0] != _NOWHERE
    order = np.lexsort((~located, node))  # stable: of the known ones the first file's comes first
    chosen = order[np.append(True, node[order][1:] != node[order][:-1])[: len(order)]][node]
    number = np.where(located & (xy != xy[chosen]).any(axis=1), np.arange(len(node)), chosen)
    used, place = np.unique(number, return_inverse=True)
    ends = np.cumsum([len(part.node_id) for part in parts])
    return node_id, node[used].astype(np.int32), xy[used], np.split(place.astype(np.int32), ends[:-1])
