"""Reads what a region needs out of OpenStreetMap extracts: one streaming pass for each kind of object.

Only the objects asked for and their nodes stay in memory. Several extracts are joined by id; where they hold
different versions of an object the newer one counts.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import osmium
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from mutualaid.data._osm_roads import WAYS, Box, check_order, location_table, reading, stream
from mutualaid.errors import Defect, OsmError

__all__ = ["Element", "Extract", "Rings", "read_extract"]

_SITES = (
    ("amenity", "fire_station"),
    ("emergency", "ambulance_station"),
    ("amenity", "hospital"),
    ("healthcare", "hospital"),
)
_RING_TYPES = ("boundary", "multipolygon")
_COAST = ("natural", "coastline")
_WATER = (("natural", "water"), ("waterway", "riverbank"), ("landuse", "reservoir"))
#: Streams stay out: too many.
_RIVERS = (("waterway", "river"), ("waterway", "canal"))


@dataclass(frozen=True)
class Element:
    """One tagged OSM object.

    Attributes
    ----------
    kind, osm_id, version
        ``n``, ``w`` or ``r``, and the id and version there.
    tags
        All of its tags.
    refs
        Node ids of a way.
    members
        Of a relation: kind, id and role of each.
    xy
        Longitude and latitude of a node.
    """

    kind: str
    osm_id: int
    version: int
    tags: Mapping[str, str]
    refs: tuple[int, ...] = ()
    members: tuple[tuple[str, int, str], ...] = ()
    xy: tuple[float, float] | None = None

    @property
    def key(self) -> str:
        """Short id, such as ``w408720722``."""
        return f"{self.kind}{self.osm_id}"


@dataclass(frozen=True, eq=False)
class Rings:
    """Many closed ways as flat arrays: building outlines, too many for one Python object each.

    Attributes
    ----------
    osm_id
        (n,) int64 way ids.
    refs, offset
        Node ids of ring ``i``: ``refs[offset[i]:offset[i + 1]]``.
    value
        (n,) float64; what the caller's function made of the tags of each.
    """

    osm_id: NDArray[np.int64]
    refs: NDArray[np.int64]
    offset: NDArray[np.int64]
    value: NDArray[np.float64]


@dataclass(eq=False)
class Extract:
    """What one or more extracts hold.

    Attributes
    ----------
    boxes
        The rectangle that each extract claims to cover; where a header states none, the box of its nodes.
    date
        Date of the data (ISO 8601), the oldest if there are several; "" if no header says.
    sites
        Fire and ambulance stations and hospitals: nodes, ways and relations.
    boundaries
        Relations ``boundary=administrative`` with a level, by relation id.
    places
        Named settlement nodes, and nodes that a boundary names as its centre or label, by node id.
    water
        Surfaces of water: closed ways, and relations.
    rivers
        Ways along rivers and canals; `waterways` are the relations that name whole ones.
    ways
        Node ids of every way that a relation here has as a member, that is coastline, a river or canal, where present.
    coastline
        Ids of the coastline ways among `ways`.
    buildings
        Closed building ways; `building_relations` are those with holes or several parts.
    """

    boxes: list[Box] = field(default_factory=list)
    date: str = ""
    sites: list[Element] = field(default_factory=list)
    boundaries: dict[int, Element] = field(default_factory=dict)
    places: dict[int, Element] = field(default_factory=dict)
    water: list[Element] = field(default_factory=list)
    rivers: list[Element] = field(default_factory=list)
    waterways: list[Element] = field(default_factory=list)
    ways: dict[int, tuple[int, ...]] = field(default_factory=dict)
    coastline: set[int] = field(default_factory=set)
    buildings: Rings | None = None
    building_relations: list[Element] = field(default_factory=list)
    _node_id: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    _node_xy: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 2)))

    def set_locations(self, node_id: NDArray[np.int64], xy: NDArray[np.float64]) -> None:
        """Take the nodes' locations: ids ascending, longitude and latitude, NaN for those that are absent."""
        self._node_id, self._node_xy = node_id, xy

    def locate(self, refs: NDArray[np.int64] | Sequence[int]) -> NDArray[np.float64]:
        """Longitude and latitude of nodes, (n, 2); NaN for those that the extracts do not hold."""
        ids = np.asarray(refs, dtype=np.int64)
        if not len(self._node_id):
            return np.full((len(ids), 2), np.nan)
        at = np.minimum(np.searchsorted(self._node_id, ids), len(self._node_id) - 1)
        return np.where((self._node_id[at] == ids)[:, None], self._node_xy[at], np.nan)

    def lines(self, way: int) -> list[BaseGeometry]:
        """Give the parts of a way whose nodes are present, in its direction; empty if it is absent."""
        xy = self.locate(self.ways.get(way, ()))
        missing = np.flatnonzero(np.isnan(xy[:, 0]))
        runs = np.split(xy, missing)
        return [
            shapely.LineString(run) for run in (part[~np.isnan(part[:, 0])] for part in runs) if len(run) > 1
        ]

    def area(self, element: Element) -> BaseGeometry:
        """Give the surface of a closed way or a multipolygon relation in degrees; empty if there is none."""
        if element.kind == "w":
            xy = self.locate(element.refs)
            closed = len(xy) > 3 and element.refs[0] == element.refs[-1] and not np.isnan(xy).any()
            return shapely.make_valid(shapely.Polygon(xy)) if closed else shapely.Polygon()
        lines = [line for kind, ref, _ in element.members if kind == "w" for line in self.lines(ref)]
        return shapely.build_area(shapely.GeometryCollection(lines))

    def whole_area(self, element: Element) -> BaseGeometry:
        """Give the surface of a closed way or a multipolygon relation; empty if the extracts lack a part of it."""
        for kind, ref, role in element.members:
            whole = kind != "w" or role == "label" or ref in self.ways
            if not whole or (kind == "w" and np.isnan(self.locate(self.ways.get(ref, ()))).any()):
                return shapely.Polygon()
        return self.area(element)

    def node_refs(self, element: Element) -> list[int]:
        """Ids of the nodes of a way, or of all nodes and ways of a relation that are present."""
        refs = [*element.refs, *(ref for kind, ref, _ in element.members if kind == "n")]
        for kind, ref, _ in element.members:
            refs += self.ways.get(ref, ()) if kind == "w" else ()
        return refs

    def building_areas(self) -> tuple[list[str], NDArray[np.object_], NDArray[np.float64]]:
        """Give keys, polygons in degrees, and values of all complete building ways."""
        rings = self.buildings
        if rings is None or not len(rings.osm_id):
            return [], np.empty(0, dtype=object), np.empty(0)
        xy = self.locate(rings.refs)
        counts = np.diff(rings.offset)
        bad = np.add.reduceat(np.isnan(xy[:, 0]), rings.offset[:-1]) > 0
        good = np.flatnonzero(~bad)
        keep = np.repeat(~bad, counts)
        owner = np.repeat(np.arange(len(good)), counts[good])
        polygons = shapely.polygons(shapely.linearrings(xy[keep], indices=owner))
        return [f"w{way}" for way in rings.osm_id[good]], np.asarray(polygons), rings.value[good]


def _all_versions(
    files: Sequence[Path],
    entities: osmium.osm.osm_entity_bits,
    filters: Callable[[], Iterable[Any]],
    take: Callable[[Any], None],
) -> None:
    for file in files:
        for entity in stream(file, entities, *filters()):
            take(entity)


def _newer(known: Element | None, entity: Any) -> bool:
    return known is None or entity.version > known.version


def _relation(entity: Any) -> Element:
    members = tuple((member.type, member.ref, member.role) for member in entity.members)
    return Element("r", entity.id, entity.version, dict(entity.tags), members=members)


def _way(entity: Any) -> Element:
    return Element(
        "w", entity.id, entity.version, dict(entity.tags), refs=tuple(node.ref for node in entity.nodes)
    )


def _node(entity: Any) -> Element:
    return Element("n", entity.id, entity.version, dict(entity.tags), xy=(entity.lon, entity.lat))


def _level(tags: Mapping[str, str]) -> bool:
    return tags.get("boundary") == "administrative" and tags.get("admin_level", "").isdigit()


def _any(tags: Mapping[str, str], wanted: Iterable[tuple[str, str]]) -> bool:
    return any(tags.get(key) == value for key, value in wanted)


class _Elements(dict[str, Element]):
    # Newest version of each, by key.
    def take(self, make: Callable[[Any], Element], entity: Any) -> None:
        key = f"{entity.type_str()}{entity.id}"
        if _newer(self.get(key), entity):
            self[key] = make(entity)


def read_extract(
    files: Sequence[Path],
    *,
    building: Callable[[Mapping[str, str]], float | None],
) -> Extract:
    """Read boundaries, stations, hospitals, settlements, water and buildings.

    Parameters
    ----------
    files
        Extracts, joined by id.
    building
        Given the tags of a building, the number to keep with it, or None to leave it out.

    Returns
    -------
    Extract
        All geometry in degrees (EPSG:4326).

    Raises
    ------
    OsmError
        A file cannot be read to its end, or is not sorted.
    """
    extract = Extract()
    sites, water = _Elements(), _Elements()
    dates = [_read_header(file, extract) for file in files]
    extract.date = min((date for date in dates if date), default="")
    _read_relations(files, extract, sites, water, building)
    _read_ways(files, extract, sites, water, building)
    extract.water = [water[key] for key in sorted(water)]
    _read_nodes(files, extract, sites)
    extract.sites = [sites[key] for key in sorted(sites)]
    return extract


def _read_header(file: Path, extract: Extract) -> str:
    check_order(file)
    with reading(file):
        header = osmium.FileProcessor(file).header
    box = header.box()
    if box.valid():
        low, high = box.bottom_left, box.top_right
        extract.boxes.append((low.lon, low.lat, high.lon, high.lat))
    else:
        extract.boxes.append(_box_of_nodes(file))
    return str(header.get("osmosis_replication_timestamp"))[:10]


def _box_of_nodes(file: Path) -> Box:
    xy = np.array([(node.lon, node.lat) for node in stream(file, osmium.osm.NODE)]).reshape(-1, 2)
    if not len(xy):
        defect = Defect(file.name, "", "an extract with nodes", "none", "download it again")
        raise OsmError([defect])
    (west, south), (east, north) = xy.min(axis=0).tolist(), xy.max(axis=0).tolist()
    return (west, south, east, north)


def _read_relations(
    files: Sequence[Path],
    extract: Extract,
    sites: _Elements,
    water: _Elements,
    building: Callable[[Mapping[str, str]], float | None],
) -> None:
    houses, waterways = _Elements(), _Elements()

    def take(entity: Any) -> None:
        tags = dict(entity.tags)
        if tags.get("type") == "site" and _any(tags, _SITES):
            sites.take(_relation, entity)
        if tags.get("type") == "waterway":
            waterways.take(_relation, entity)
        if tags.get("type") not in _RING_TYPES:
            return
        if _level(tags) and _newer(extract.boundaries.get(entity.id), entity):
            extract.boundaries[entity.id] = _relation(entity)
        if _any(tags, _WATER):
            water.take(_relation, entity)
        if _any(tags, _SITES):
            sites.take(_relation, entity)
        elif "building" in tags and building(tags) is not None:
            houses.take(_relation, entity)

    kinds = ("boundary", "amenity", "emergency", "healthcare", "building", *(key for key, _ in _WATER))
    _all_versions(files, osmium.osm.RELATION, lambda: [osmium.filter.KeyFilter(*kinds)], take)
    extract.building_relations = list(houses.values())
    extract.waterways = list(waterways.values())


def _read_ways(
    files: Sequence[Path],
    extract: Extract,
    sites: _Elements,
    water: _Elements,
    building: Callable[[Mapping[str, str]], float | None],
) -> None:
    relations = [*extract.boundaries.values(), *extract.building_relations, *sites.values(), *water.values()]
    wanted = {ref for element in relations for kind, ref, _ in element.members if kind == "w"}
    versions: dict[int, tuple[int, int]] = {}

    def member(way: Any) -> None:
        version = (way.version, len(way.nodes))  # an extract may hold a part of the way only
        if version > versions.get(way.id, (-1, 0)):
            versions[way.id] = version
            extract.ways[way.id] = tuple(node.ref for node in way.nodes)

    rivers = _Elements()

    def wet(way: Any) -> None:
        if _any(way.tags, (*_RIVERS, _COAST)):
            member(way)
        if _any(way.tags, (_COAST,)):
            extract.coastline.add(way.id)
        if _any(way.tags, _RIVERS):
            rivers.take(_way, way)
        if _any(way.tags, _WATER) and way.is_closed():
            water.take(_way, way)

    tags = osmium.filter.TagFilter
    _all_versions(files, osmium.osm.WAY, lambda: [osmium.filter.IdFilter(wanted)], member)
    _all_versions(files, osmium.osm.WAY, lambda: [tags(_COAST, *_RIVERS, *_WATER)], wet)
    extract.rivers = [rivers[key] for key in sorted(rivers)]
    _all_versions(files, osmium.osm.WAY, lambda: [tags(*_SITES)], lambda way: sites.take(_way, way))
    extract.buildings = _read_buildings(files, building)


def _read_buildings(files: Sequence[Path], building: Callable[[Mapping[str, str]], float | None]) -> Rings:
    ids, versions, counts, refs, values = array("q"), array("q"), array("q"), array("q"), array("d")

    def take(way: Any) -> None:
        nodes = way.nodes
        if len(nodes) < 4 or not way.is_closed():
            return
        value = building(dict(way.tags))
        if value is not None:
            ids.append(way.id)
            versions.append(way.version)
            counts.append(len(nodes))
            values.append(value)
            refs.extend([node.ref for node in nodes])

    _all_versions(files, osmium.osm.WAY, lambda: [osmium.filter.KeyFilter("building")], take)
    way_id, version = np.array(ids, dtype=np.int64), np.array(versions, dtype=np.int64)
    count = np.array(counts, dtype=np.int64)
    flat = np.array(refs, dtype=np.int64)
    start = np.cumsum(count) - count
    order = np.lexsort((-version, way_id))
    first = order[np.unique(way_id[order], return_index=True)[1]]  # newest of each id, ids ascending
    taken = count[first]
    offset = np.concatenate(([0], np.cumsum(taken)))
    at = np.repeat(start[first] - offset[:-1], taken) + np.arange(offset[-1])
    return Rings(way_id[first], flat[at], offset, np.array(values, dtype=np.float64)[first])


def _read_nodes(files: Sequence[Path], extract: Extract, sites: _Elements) -> None:
    _all_versions(
        files,
        osmium.osm.NODE,
        lambda: [osmium.filter.TagFilter(*_SITES)],
        lambda node: sites.take(_node, node),
    )
    places = _Elements()
    _all_versions(
        files,
        osmium.osm.NODE,
        lambda: [osmium.filter.KeyFilter("place"), osmium.filter.KeyFilter("name")],
        lambda node: places.take(_node, node),
    )
    extract.places = {place.osm_id: place for place in places.values()}
    _read_locations(files, extract, sites)


def _read_locations(files: Sequence[Path], extract: Extract, sites: _Elements) -> None:
    lists: list[Iterable[int]] = [
        *extract.ways.values(),
        *(extract.node_refs(site) for site in sites.values()),
        *(surface.refs for surface in extract.water),
    ]
    rings = extract.buildings.refs if extract.buildings is not None else np.empty(0, dtype=np.int64)
    wanted = np.unique(
        np.concatenate([rings, np.fromiter((ref for refs in lists for ref in refs), dtype=np.int64)])
    )
    xy = np.full((len(wanted), 2), np.nan)
    for file in files:
        table = location_table(file)
        # The first way ends it: by then all nodes are in the table, in order.
        next(stream(file, osmium.osm.NODE | osmium.osm.WAY, WAYS, storage=table), None)
        for at, ref in enumerate(wanted.tolist()):
            location = _found(table, ref)
            if location is not None:
                xy[at] = location
    extract.set_locations(wanted, xy)


def _found(table: Any, ref: int) -> tuple[float, float] | None:
    try:
        location = table.get(ref)
    except KeyError:
        return None
    return (location.lon, location.lat) if location.valid() else None
