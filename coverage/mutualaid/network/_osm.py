"""Reading roads from OpenStreetMap files in one streaming pass, with little Python work for each object."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import osmium
from numpy.typing import NDArray

from mutualaid.errors import Defect, OsmError
from mutualaid.network._model import ROAD_CLASSES
from mutualaid.network._restrictions import RawRestriction, read_restriction
from mutualaid.network._tags import TAG_KEYS

__all__ = ["OSM_SUFFIXES", "OsmRoads", "scan"]

#: Names of OpenStreetMap files end with one of these.
OSM_SUFFIXES: tuple[str, ...] = (".osm.pbf", ".pbf", ".osm", ".osm.xml", ".osm.gz", ".osm.bz2")

#: Barriers that no engine drives through; gates, chains and lift gates are opened for one.
_BLOCKING = frozenset({"bollard", "block", "jersey_barrier", "concrete_block", "debris", "log"})
_LETS_PASS = frozenset({"yes", "permissive", "designated", "destination", "private", "official"})
_WKB_HEADER = 18  # hexadecimal digits: byte order, type, number of points


@dataclass
class OsmRoads:
    """Drivable ways as they are in the files, w ways with r node references.

    Attributes
    ----------
    way, offset, ref, lonlat
        Way ids (w,); the references of way ``i`` are ``ref[offset[i]:offset[i + 1]]``; their positions (r, 2)
        in degrees, NaN where the node is not in any file.
    kind, tag_sets
        Number (w,) of each way's set of tags, and the sets, each in the order of `TAG_KEYS`.
    name
        Name of each way, else its ref, else "".
    blocked
        Ids of nodes with a barrier that no engine passes.
    restrictions
        Turn restrictions in terms of ways and nodes.
    notes
        Counts of what was left out or not understood.
    """

    way: NDArray[np.int64]
    offset: NDArray[np.int64]
    ref: NDArray[np.int64]
    lonlat: NDArray[np.float64]
    kind: NDArray[np.int64]
    tag_sets: list[tuple[str | None, ...]]
    name: list[str]
    blocked: NDArray[np.int64]
    restrictions: list[RawRestriction]
    notes: Counter[str] = field(default_factory=Counter)


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
    parts, defects = [], []
    for path in files:
        try:
            parts.append(_scan_file(path, sets))
        except (RuntimeError, OSError) as error:
            remedy = "check the path, or download the extract again"
            defects.append(Defect(path.name, "", "a complete OpenStreetMap file", str(error)[:200], remedy))
    if defects:
        raise OsmError(defects)
    roads = parts[0] if len(parts) == 1 else _join(parts)
    roads.tag_sets = list(sets)
    return roads


def _filtered(path: Path) -> Iterable[Any]:
    """Give barrier nodes, drivable ways with the positions of their nodes, and turn restrictions."""
    barriers = osmium.filter.KeyFilter("barrier")
    barriers.enable_for(osmium.osm.NODE)
    ways = osmium.filter.TagFilter(*(("highway", name) for name in ROAD_CLASSES))
    ways.enable_for(osmium.osm.WAY)
    relations = osmium.filter.TagFilter(("type", "restriction"))
    relations.enable_for(osmium.osm.RELATION)
    return (
        osmium.FileProcessor(str(path))
        .with_locations("flex_mem")
        .with_filter(barriers)
        .with_filter(ways)
        .with_filter(relations)
    )


def _scan_file(path: Path, sets: dict[tuple[str | None, ...], int]) -> OsmRoads:
    if not path.is_file():
        msg = "no such file"
        raise OSError(msg)
    way: list[int] = []
    kind: list[int] = []
    name: list[str] = []
    ref: list[int] = []
    size: list[int] = []
    points: list[str] = []
    blocked: list[int] = []
    restrictions: list[RawRestriction] = []
    notes: Counter[str] = Counter()
    line = osmium.geom.WKBFactory().create_linestring
    every_node = osmium.geom.ALL
    area = TAG_KEYS.index("area")
    for item in _filtered(path):
        if item.is_way():
            tag = item.tags.get
            values = tuple(map(tag, TAG_KEYS))
            if values[area] == "yes":
                notes["areas left out"] += 1
                continue
            nodes = [node.ref for node in item.nodes]
            try:
                points.append(line(item, every_node)[_WKB_HEADER:])
            except (RuntimeError, osmium.InvalidLocationError):  # a node not in the file, or fewer than two
                points.append(_points(item))
            way.append(item.id)
            size.append(len(nodes))
            ref += nodes
            kind.append(sets.setdefault(values, len(sets)))
            name.append(tag("name") or tag("ref") or "")
        elif item.is_node():
            if _blocks(item.tags):
                blocked.append(item.id)
        else:
            restrictions += read_restriction(item, notes)
    lonlat = np.frombuffer(bytes.fromhex("".join(points)), dtype="<f8").reshape(-1, 2)
    roads = OsmRoads(
        way=np.array(way, dtype=np.int64),
        offset=np.concatenate([[0], np.cumsum(size, dtype=np.int64)]).astype(np.int64),
        ref=np.array(ref, dtype=np.int64),
        lonlat=lonlat,
        kind=np.array(kind, dtype=np.int64),
        tag_sets=[],
        name=name,
        blocked=np.array(blocked, dtype=np.int64),
        restrictions=restrictions,
        notes=notes,
    )
    if not path.name.lower().endswith(".pbf"):
        _find_later_nodes(path, roads)
    return roads


def _points(way: Any) -> str:
    """Positions of a way's nodes as hexadecimal digits, NaN for those that are missing."""
    nan = float("nan")
    numbers: list[float] = []
    for node in way.nodes:
        numbers += (node.lon, node.lat) if node.location.valid() else (nan, nan)
    return struct.pack(f"<{len(numbers)}d", *numbers).hex()


def _find_later_nodes(path: Path, roads: OsmRoads) -> None:
    """Place nodes that stand behind their ways, as some tools write XML, or that have a negative id."""
    missing = set(roads.ref[np.isnan(roads.lonlat[:, 0])].tolist())
    if not missing:
        return
    nodes: Iterable[Any] = osmium.FileProcessor(str(path), osmium.osm.NODE)
    found = {node.id: (node.lon, node.lat) for node in nodes if node.id in missing and node.location.valid()}
    if found:
        _fill(roads, np.array(list(found), dtype=np.int64), np.array(list(found.values())))


def _fill(roads: OsmRoads, ids: NDArray[np.int64], lonlat: NDArray[np.float64]) -> None:
    """Give positions to those references that have none."""
    order = np.argsort(ids)
    ids, lonlat = ids[order], lonlat[order]
    gap = np.flatnonzero(np.isnan(roads.lonlat[:, 0]))
    at = np.minimum(np.searchsorted(ids, roads.ref[gap]), len(ids) - 1)
    hit = ids[at] == roads.ref[gap]
    filled = roads.lonlat.copy()
    filled[gap[hit]] = lonlat[at[hit]]
    roads.lonlat = filled


def _blocks(tags: Any) -> bool:
    """Whether a barrier divides the road for an engine, unless its own tags say otherwise."""
    if tags.get("barrier") not in _BLOCKING:
        return False
    return not any(
        tags.get(key) in _LETS_PASS for key in ("emergency", "motor_vehicle", "motorcar", "vehicle")
    )


def _join(parts: Sequence[OsmRoads]) -> OsmRoads:
    """Join files: of a way that is in several, the copy with most nodes stays; positions are shared."""
    way = np.concatenate([part.way for part in parts])
    size = np.concatenate([np.diff(part.offset) for part in parts])
    ref = np.concatenate([part.ref for part in parts])
    lonlat = np.concatenate([part.lonlat for part in parts])
    best = np.lexsort((np.arange(len(way)), -size, way))
    first = np.concatenate([[True], way[best][1:] != way[best][:-1]]) if len(way) else np.zeros(0, dtype=bool)
    keep = np.zeros(len(way), dtype=bool)
    keep[best[first]] = True
    keep_ref = np.repeat(keep, size)
    names = [name for part in parts for name in part.name]
    notes: Counter[str] = sum((part.notes for part in parts), Counter())
    if doubles := int((~keep).sum()):
        notes["ways in more than one file, taken once"] = doubles
    restrictions = {item: None for part in parts for item in part.restrictions}
    roads = OsmRoads(
        way=way[keep],
        offset=np.concatenate([[0], np.cumsum(size[keep])]).astype(np.int64),
        ref=ref[keep_ref],
        lonlat=lonlat[keep_ref],
        kind=np.concatenate([part.kind for part in parts])[keep],
        tag_sets=[],
        name=[name for name, kept in zip(names, keep, strict=True) if kept],
        blocked=np.unique(np.concatenate([part.blocked for part in parts])),
        restrictions=list(restrictions),
        notes=notes,
    )
    known = ~np.isnan(lonlat[:, 0])
    if known.any() and np.isnan(roads.lonlat[:, 0]).any():
        ids, at = np.unique(ref[known], return_index=True)
        _fill(roads, ids, lonlat[known][at])
    return roads
