"""Administrative boundaries out of OpenStreetMap extracts, completed where the extract cuts them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from mutualaid.data._osm_read import Element, Extract

__all__ = ["Unit", "assemble_units", "country_units"]

#: A boundary that stops this close to the extract's edge, in degrees, is taken to go on to it.
REACH_DEG = 0.01
#: Two points this far from a line, in degrees (about 1 cm), say what lies on its left and right.
_SIDE_DEG = 1e-7
#: Faces smaller than this, in square degrees (about 100 m²), come from rounding.
_SLIVER = 1e-8


@dataclass(frozen=True, eq=False)
class Unit:
    """One administrative unit.

    Attributes
    ----------
    element
        Its boundary relation.
    level
        Its ``admin_level``.
    polygon
        Its surface in degrees; inner rings are kept.
    completed
        Whether it is only the part inside the extract, closed along the extract's edge or coast.
    """

    element: Element
    level: int
    polygon: BaseGeometry
    completed: bool

    @property
    def name(self) -> str:
        """Name as mapped, "" if it has none."""
        return self.element.tags.get("name", "")


@dataclass
class _Cut:
    # A relation that does not close, with the lines that are there.
    element: Element
    lines: list[tuple[int, BaseGeometry]]
    ways: set[int] = field(init=False)

    def __post_init__(self) -> None:
        self.ways = {way for way, _ in self.lines}


def _member_lines(element: Element, extract: Extract) -> tuple[list[tuple[int, BaseGeometry]], bool]:
    # Lines of the member ways, and whether every way with all its nodes is there.
    lines: list[tuple[int, BaseGeometry]] = []
    whole = True
    for kind, ref, role in element.members:
        if kind != "w" or role not in ("outer", "inner", "", "exclave", "enclave"):
            continue
        parts = extract.lines(ref)
        whole &= len(parts) == 1 and len(parts[0].coords) == len(extract.ways[ref])
        lines.extend((ref, part) for part in parts)
    return lines, whole


def _loose_ends(lines: Iterable[BaseGeometry]) -> NDArray[np.float64]:
    # Ends that an odd number of lines share.
    ends = Counter(point for line in lines for point in (line.coords[0], line.coords[-1]))
    return np.array([point for point, count in ends.items() if count % 2], dtype=np.float64).reshape(-1, 2)


def assemble_units(extract: Extract, level: int) -> tuple[list[Unit], list[str]]:
    """Assemble all boundaries of one level.

    A boundary whose ways all are there and close becomes a polygon as it is. One that the extract cuts is
    completed: its loose ends go on to the extract's edge (never further than `REACH_DEG`), the edge and the
    coastline close it, and of the faces so made it gets those that only its own ways bound. A face that
    nothing ties to one unit is left to nobody, and a unit that gets no face is dropped.

    Parameters
    ----------
    extract
        What was read.
    level
        The ``admin_level``.

    Returns
    -------
    units
        In the order of their relation ids.
    notes
        What was dropped, in words.
    """
    units: list[Unit] = []
    cut: list[_Cut] = []
    lines_of_level: dict[int, list[BaseGeometry]] = {}
    for element in sorted(extract.boundaries.values(), key=lambda unit: unit.osm_id):
        if int(element.tags["admin_level"]) != level:
            continue
        lines, whole = _member_lines(element, extract)
        for way, _ in lines:
            lines_of_level[way] = extract.lines(way)
        closed = bool(lines) and not len(_loose_ends(line for _, line in lines))
        polygon = shapely.build_area(shapely.GeometryCollection([line for _, line in lines]))
        if whole and closed and not polygon.is_empty:
            units.append(Unit(element, level, polygon, completed=False))
        elif lines:
            cut.append(_Cut(element, lines))
    completed, notes = _complete(extract, units, cut, lines_of_level)
    return sorted(units + completed, key=lambda unit: unit.element.osm_id), notes


def _complete(
    extract: Extract,
    whole: Sequence[Unit],
    cut: Sequence[_Cut],
    lines_of_level: Mapping[int, list[BaseGeometry]],
) -> tuple[list[Unit], list[str]]:
    if not cut:
        return [], []
    frame = shapely.union_all(shapely.box(*np.array(extract.boxes, dtype=np.float64).T))
    lines = _inside(lines_of_level, frame)
    for way in extract.coastline - lines.keys():
        lines.update(_inside({way: extract.lines(way)}, frame))
    every = [part for parts in lines.values() for part in parts]
    fill = [frame.boundary, *_extensions(every, frame)]
    faces = np.array(list(shapely.polygonize([shapely.union_all([*every, *fill])]).geoms), dtype=object)
    faces = faces[shapely.area(faces) > _SLIVER]
    taken = shapely.union_all([unit.polygon for unit in whole])
    free = ~shapely.intersects(taken, shapely.point_on_surface(faces))
    faces = faces[free & (shapely.area(shapely.intersection(faces, taken)) < 0.5 * shapely.area(faces))]
    owner = _owners(faces, lines, cut, extract)
    units, notes = [], []
    for position, relation in enumerate(cut):
        parts = faces[owner == position]
        name = relation.element.tags.get("name", relation.element.key)
        if len(parts):
            unit = Unit(
                relation.element,
                int(relation.element.tags["admin_level"]),
                shapely.union_all(parts),
                completed=True,
            )
            units.append(unit)
        else:
            notes.append(
                f"{name} ({relation.element.key}): cut by the extract and cannot be completed, dropped"
            )
    return units, notes


def _inside(
    lines: Mapping[int, Sequence[BaseGeometry]], frame: BaseGeometry
) -> dict[int, list[BaseGeometry]]:
    kept = {}
    for way, parts in lines.items():
        pieces = shapely.get_parts(shapely.intersection(np.array(list(parts), dtype=object), frame))
        straight = [piece for piece in pieces if piece.geom_type == "LineString" and not piece.is_empty]
        if straight:
            kept[way] = straight
    return kept


def _extensions(lines: Sequence[BaseGeometry], frame: BaseGeometry) -> list[BaseGeometry]:
    # From every loose end close to the frame, the shortest way to it.
    edge = frame.boundary
    loose = np.asarray(shapely.points(_loose_ends(lines)))
    gaps = shapely.distance(loose, edge)
    return [shapely.shortest_line(end, edge) for end in loose[(gaps > 0) & (gaps <= REACH_DEG)]]


def _owners(
    faces: NDArray[np.object_],
    lines: Mapping[int, Sequence[BaseGeometry]],
    cut: Sequence[_Cut],
    extract: Extract,
) -> NDArray[np.int64]:
    # Position in `cut` of the relation that each face belongs to, -1 for none.
    left, right = _sides(faces, lines)
    borders: list[set[int]] = [set() for _ in faces]
    across: list[set[int]] = [set() for _ in faces]
    doubtful = np.zeros(len(faces), dtype=bool)
    sea = np.zeros(len(faces), dtype=np.int64)
    named = set().union(*(relation.ways for relation in cut))
    for way in lines:
        here, there = left[way], right[way]
        if way in extract.coastline:  # land lies to the left of a coastline
            for face in here.keys() | there.keys():
                sea[face] += there[face] - here[face]
        else:
            doubtful[list(here.keys() & there.keys())] = True  # a boundary that ends in the middle of a face
        if way in named or way not in extract.coastline:
            for face in here.keys() | there.keys():
                borders[face].add(way)
                across[face] |= here.keys() if face in there else there.keys()
    labels = [_label(relation.element, extract) for relation in cut]
    fits: dict[int, set[int]] = {}
    for face in np.flatnonzero(~doubtful & (sea <= 0)).tolist():
        choices = {p for p, relation in enumerate(cut) if borders[face] <= relation.ways | extract.coastline}
        labelled = {
            p for p in choices if labels[p] is not None and shapely.intersects(faces[face], labels[p])
        }
        if borders[face] and choices:
            fits[face] = labelled or choices
    return _settle(len(faces), fits, across)


def _settle(n: int, fits: Mapping[int, set[int]], across: Sequence[set[int]]) -> NDArray[np.int64]:
    # A boundary has a unit on one side only: whoever owns the face across it does not own this one.
    owner = np.full(n, -1, dtype=np.int64)
    progress = True
    while progress:
        progress = False
        for face, choices in fits.items():
            left = choices - {int(owner[other]) for other in across[face] if other != face}
            if owner[face] < 0 and len(left) == 1:
                owner[face] = left.pop()
                progress = True
    return owner


def _sides(
    faces: NDArray[np.object_], lines: Mapping[int, Sequence[BaseGeometry]]
) -> tuple[dict[int, Counter[int]], dict[int, Counter[int]]]:
    # For each way, how many of its segments have which face on their left and on their right.
    ways, starts, ends = [], [], []
    for way, parts in lines.items():
        for part in parts:
            xy = shapely.get_coordinates(part)
            ways.append(np.full(len(xy) - 1, way, dtype=np.int64))
            starts.append(xy[:-1])
            ends.append(xy[1:])
    number, start, end = np.concatenate(ways), np.concatenate(starts), np.concatenate(ends)
    along = end - start
    length = np.hypot(along[:, 0], along[:, 1])
    normal = np.column_stack([-along[:, 1], along[:, 0]]) / np.maximum(length, 1e-15)[:, None]
    tree = shapely.STRtree(faces)
    found = []
    for sign in (1, -1):
        points = shapely.points((start + end) / 2 + sign * _SIDE_DEG * normal)
        segment, face = tree.query(points, predicate="within")
        counts: dict[int, Counter[int]] = {way: Counter() for way in lines}
        for way, hit in zip(number[segment].tolist(), face.tolist(), strict=True):
            counts[way][hit] += 1
        found.append(counts)
    return found[0], found[1]


def _label(element: Element, extract: Extract) -> BaseGeometry | None:
    # Where the map writes the unit's name: its label or centre, else a settlement of the same name.
    nodes = {role: ref for kind, ref, role in element.members if kind == "n"}
    for role in ("label", "admin_centre"):
        place = extract.places.get(nodes.get(role, 0))
        if place is not None and place.xy is not None:
            return shapely.Point(place.xy)
    for place in extract.places.values():
        if place.xy is not None and place.tags.get("name") == element.tags.get("name", "?"):
            return shapely.Point(place.xy)
    return None


def country_units(extract: Extract, units: Sequence[Unit], countries: Sequence[Unit]) -> list[Unit]:
    """Units that fill countries without any unit of the level asked for.

    A country that lies in the extract as a whole, and in which no unit lies, enters with its units of the
    next coarser level that it has, and at last as itself: so a city state joins its neighbour's
    municipalities.

    Parameters
    ----------
    extract
        What was read.
    units
        Units of the level asked for.
    countries
        Units of level 2.

    Returns
    -------
    list of Unit
        Only the additional ones.
    """
    added: list[Unit] = []
    if not units or min(unit.level for unit in units) <= 2:
        return added
    level = units[0].level
    have = shapely.union_all([unit.polygon for unit in units])
    for country in countries:
        if (
            country.completed
            or shapely.intersection(country.polygon, have).area > 0.01 * country.polygon.area
        ):
            continue
        for coarser in range(level - 1, 1, -1):
            inside = [
                unit
                for unit in (countries if coarser == 2 else assemble_units(extract, coarser)[0])
                if not unit.completed
                and country.polygon.covers(unit.polygon.representative_point())
                and unit.polygon.area <= 1.001 * country.polygon.area
            ]
            if inside:
                added.extend(inside)
                break
    return added
