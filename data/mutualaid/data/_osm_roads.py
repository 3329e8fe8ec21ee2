"""Trims OpenStreetMap extracts to the roads that a region needs, and joins them without double roads."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import osmium
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from mutualaid.data._model import ROAD_CLASSES
from mutualaid.errors import Defect, OsmError

__all__ = [
    "WAYS",
    "Box",
    "check_order",
    "location_table",
    "read_lines",
    "reading",
    "stream",
    "write_roads",
]

#: West, south, east, north in degrees.
Box = tuple[float, float, float, float]

#: Node locations of a larger extract than this (about 2 GB of them) are kept on disk.
_MEMORY_BYTES = 1_000_000_000

_KINDS = "nwr"

_WAY_WORDS = """
access bridge covered emergency highway junction layer maxheight maxweight motor_vehicle motorcar motorroad name oneway
ref service source:maxspeed surface tunnel vehicle zone:maxspeed zone:traffic
"""
_WAY_TAGS = frozenset(_WAY_WORDS.split())
_WAY_PREFIXES = ("maxspeed", "lanes", "oneway:", "maxheight:", "maxweight:")
_NODE_TAGS = frozenset(
    ("access", "barrier", "crossing", "emergency", "highway", "motor_vehicle", "motorcar", "vehicle")
)
#: Lets only ways pass.
WAYS = osmium.filter.EntityFilter(osmium.osm.WAY)
_RESTRICTION_PREFIXES = ("restriction", "except", "type", "day_on", "day_off", "hour_on", "hour_off")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what libosmium raises on a broken file into an `OsmError` that names the file."""
    try:
        yield
    except (RuntimeError, OSError) as error:
        defect = Defect(
            path.name,
            "",
            "a complete OpenStreetMap file (.osm.pbf, .osm or .osm.bz2)",
            str(error)[:200],
            "download the extract again and compare its size with the server's",
        )
        raise OsmError([defect]) from error


def stream(
    file: Path, entities: osmium.osm.osm_entity_bits, *filters: object, storage: object = None
) -> Iterator[Any]:
    """Give the objects of a file that pass all filters. Each lives only until the next one is asked for.

    With `storage`, a table made by `location_table`, the nodes of ways have their locations. A file that is
    not in the order that joining and locating rely on is refused.
    """
    processor = osmium.FileProcessor(file, entities)
    if storage is not None:
        processor.with_locations(storage)  # type: ignore[arg-type]
    for filtering in filters:
        processor.with_filter(filtering)
    last = (-1, 0)
    with reading(file):
        entity: Any
        for entity in processor:
            place = (_KINDS.index(entity.type_str()), entity.id)
            if entity.id < 0:
                raise _not_uploaded(file, f"{entity.type_str()}{entity.id}")
            if place <= last:
                raise _unsorted(file, f"{entity.type_str()}{entity.id} after {_KINDS[last[0]]}{last[1]}")
            last = place
            yield entity


def check_order(file: Path) -> None:
    """Refuse a file that does not begin with its nodes: the ways before them would have no place."""
    with reading(file):
        first: Any
        for first in osmium.FileProcessor(file):
            if not first.is_node():
                raise _unsorted(file, f"{first.type_str()}{first.id} first")
            break


def _not_uploaded(file: Path, got: str) -> OsmError:
    remedy = "upload the changes and download again, or give new ids with osmium renumber"
    return OsmError([Defect(file.name, "", "objects that have an id above 0", got, remedy)])


def _unsorted(file: Path, got: str) -> OsmError:
    expected = "nodes, ways, relations, each once and in the order of their ids"
    remedy = "sort it with osmium sort, and join files with osmium merge"
    return OsmError([Defect(file.name, "", expected, got, remedy)])


def location_table(file: Path) -> Any:
    """Make an empty table for the locations of a file's nodes: in memory, or on disk if that is too much."""
    large = file.stat().st_size > _MEMORY_BYTES
    return osmium.index.create_map("sparse_file_array" if large else "flex_mem")


def _together(files: Sequence[Path], entities: osmium.osm.osm_entity_bits, *filters: object) -> Iterator[Any]:
    # The newest version of each object, in the order of ids; of ways that an extract shortened, the longer.
    if len(files) == 1:
        yield from stream(files[0], entities, *filters)
        return
    streams: list[Any] = [stream(file, entities, *filters) for file in files]
    for versions in osmium.zip_processors(*streams):
        present: list[Any] = [entity for entity in versions if entity is not None]
        best = max(present, key=lambda entity: (entity.version, len(getattr(entity, "nodes", ()))))
        if len(present) > 1 and best.is_way():
            _check_parts(best, present, files)
        yield best


def _check_parts(way: Any, versions: Sequence[Any], files: Sequence[Path]) -> None:
    # Extracts that drop nodes leave two parts of a road, and nothing says how they went on.
    known = {node.ref for node in way.nodes}
    for other in versions:
        more = {node.ref for node in other.nodes} - known
        # Without versions, a road that has another node may have been edited meanwhile.
        if more and other.version == way.version and (way.version or len(more) == len(other.nodes)):
            names = ", ".join(file.name for file in files)
            remedy = "cut the extracts with whole ways, as osmium extract does, or take those of a provider"
            got = "parts of it, cut where the extracts end"
            raise OsmError([Defect(names, f"way {way.id}", "all nodes of a road", got, remedy)])


def _drivable_filter() -> osmium.filter.TagFilter:
    return osmium.filter.TagFilter(*(("highway", value) for value in ROAD_CLASSES))


@dataclass(frozen=True, eq=False)
class _Roads:
    # Ids of the ways to keep; ids of their nodes, ascending, with where they are in units of 1e-7 degrees.
    ways: set[int]
    nodes: NDArray[np.int64]
    xy: NDArray[np.int32]


def _choose(files: Sequence[Path], box: Box | None) -> _Roads:
    # With a box, the ways that have a node inside it, as a whole.
    ways, ids, xs, ys = set(), array("q"), array("i"), array("i")
    reaching: set[int] = set()
    parts: dict[int, dict[int, tuple[int, int]]] = {}
    for file in files:
        found = stream(
            file, osmium.osm.NODE | osmium.osm.WAY, WAYS, _drivable_filter(), storage=location_table(file)
        )
        for way in found:
            if way.tags.get("area") == "yes":
                continue
            points = [node for node in way.nodes if node.location.valid()]
            reaches = bool(points) if box is None else _reaches(points, box)
            if reaches:
                reaching.add(way.id)
            if len(points) < len(way.nodes):  # another extract may hold the rest
                if min(node.ref for node in way.nodes) < 0:
                    raise _not_uploaded(file, f"a new node in w{way.id}")
                parts.setdefault(way.id, {}).update({node.ref: (node.x, node.y) for node in points})
            elif reaches and len(points) > 1:
                ways.add(way.id)
                ids.extend([node.ref for node in points])
                xs.extend([node.x for node in points])
                ys.extend([node.y for node in points])
    for way_id in parts.keys() & reaching:
        if len(parts[way_id]) > 1:
            ways.add(way_id)
            ids.extend(parts[way_id])
            xs.extend([x for x, _ in parts[way_id].values()])
            ys.extend([y for _, y in parts[way_id].values()])
    # The last of several positions of one node wins: a move between two extracts is centimetres.
    nodes, first = np.unique(np.frombuffer(ids, np.int64)[::-1], return_index=True)
    xy = np.column_stack([np.frombuffer(xs, np.int32), np.frombuffer(ys, np.int32)])[::-1][first]
    return _Roads(ways, nodes, xy)


def _reaches(nodes: Sequence[Any], box: Box) -> bool:
    west, south, east, north = box
    return any(west <= node.lon <= east and south <= node.lat <= north for node in nodes)


def write_roads(
    out: Path,
    files: Sequence[Path],
    *,
    box: Box | None = None,
    extent: Box | None = None,
    date: str = "",
    compression: str = "zlib",
) -> int:
    """Write the drivable roads of one or more extracts, their nodes and turn restrictions into one file.

    Ways are never cut: with `box`, every way with a node inside it is kept whole. Where several extracts hold
    the same object, its newest version is kept, once. Only tags that matter to driving are kept, and neither
    timestamps nor user names, so equal inputs give equal bytes.

    Parameters
    ----------
    out
        File to write, ``.osm.pbf``.
    files
        Extracts, each sorted by type and id as is usual. A road that each of them holds in part is joined.
    box
        Keep roads that come into this box; all by default.
    extent, date
        Bounding box and date (ISO 8601) for the header.
    compression
        ``zlib``, or ``none`` where the bytes must not depend on the compression library.

    Returns
    -------
    int
        Number of ways written.

    Raises
    ------
    OsmError
        An extract cannot be read to its end or is not sorted; two shortened one road; no drivable road.
    """
    kept = _choose(files, box)
    if not kept.ways:
        where = "" if box is None else f" in {', '.join(f'{value:.4f}' for value in box)}"
        raise OsmError(
            [
                Defect(
                    ", ".join(file.name for file in files),
                    "",
                    f"drivable roads{where}",
                    "none",
                    "give an extract that covers the region (longitude comes first in a bounding box)",
                )
            ]
        )
    header = osmium.io.Header()
    header.set("generator", "mutualaid")
    if date:
        header.set("osmosis_replication_timestamp", f"{date}T00:00:00Z")
    if extent is not None:
        header.add_box(osmium.osm.Box(osmium.osm.Location(*extent[:2]), osmium.osm.Location(*extent[2:])))
    target = osmium.io.File(os.fspath(out), f"pbf,add_metadata=false,pbf_compression={compression}")
    writer = osmium.SimpleWriter(target, header=header)
    try:
        written = _write_objects(writer, files, kept)
    finally:
        writer.close()
    return written


def _write_objects(writer: osmium.SimpleWriter, files: Sequence[Path], kept: _Roads) -> int:
    tagged = _node_tags(files, kept.nodes)
    for node, (x, y) in zip(kept.nodes.tolist(), (kept.xy / 1e7).tolist(), strict=True):
        writer.add_node(osmium.osm.mutable.Node(id=node, location=(x, y), tags=tagged.get(node)))
    written = 0
    for way in _together(files, osmium.osm.WAY, _drivable_filter()):
        if way.id in kept.ways:
            tags = [tag for tag in way.tags if tag.k in _WAY_TAGS or tag.k.startswith(_WAY_PREFIXES)]
            writer.add_way(way.replace(tags=tags))
            written += 1
    for relation in _together(files, osmium.osm.RELATION, osmium.filter.TagFilter(("type", "restriction"))):
        if all(member.type != "w" or member.ref in kept.ways for member in relation.members):
            tags = [tag for tag in relation.tags if tag.k.startswith(_RESTRICTION_PREFIXES)]
            writer.add_relation(relation.replace(tags=tags))
    return written


def _node_tags(files: Sequence[Path], nodes: NDArray[np.int64]) -> dict[int, dict[str, str]]:
    # Barriers, signals and the like on the roads.
    tags: dict[int, dict[str, str]] = {}
    for node in _together(files, osmium.osm.NODE, osmium.filter.KeyFilter(*sorted(_NODE_TAGS))):
        at = int(np.searchsorted(nodes, node.id))
        if at < len(nodes) and nodes[at] == node.id:
            tags[node.id] = {tag.k: tag.v for tag in node.tags if tag.k in _NODE_TAGS}
    return tags


def read_lines(roads: Path, near: Sequence[BaseGeometry]) -> list[BaseGeometry]:
    """Give the roads on the surface that come near any of some places, as lines in degrees.

    Motorways and tunnels are left out, because nobody turns into a yard from them.
    """
    tree = shapely.STRtree(list(near))
    lines: list[BaseGeometry] = []
    for way in stream(roads, osmium.osm.ALL, WAYS, _drivable_filter(), storage=location_table(roads)):
        if way.tags["highway"].startswith("motorway") or way.tags.get("tunnel", "no") != "no":
            continue
        points = [(node.lon, node.lat) for node in way.nodes if node.location.valid()]
        if len(points) > 1:
            line = shapely.LineString(points)
            if len(tree.query(line, predicate="intersects")):
                lines.append(line)
    return lines
