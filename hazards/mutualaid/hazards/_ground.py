"""What is on the ground: vegetation, buildings, cliffs, streams and coast, out of OpenStreetMap extracts."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import osmium
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError
from shapely.geometry.base import BaseGeometry

from mutualaid.data._osm_roads import WAYS, Box, check_order, location_table, reading, stream
from mutualaid.errors import Defect, HazardError, OsmError

__all__ = ["VEGETATION_KINDS", "WATERWAY_KINDS", "Ground", "metre_crs", "read_ground"]

#: What the map calls vegetation, and the kind that it counts as.
VEGETATION_KINDS: dict[tuple[str, str], str] = {
    ("natural", "wood"): "forest",
    ("landuse", "forest"): "forest",
    ("landcover", "trees"): "forest",
    ("natural", "scrub"): "scrub",
    ("natural", "heath"): "scrub",
    ("natural", "grassland"): "grass",
    ("landuse", "meadow"): "grass",
    ("landuse", "grass"): "grass",
}
#: Lines along which water flows. Dams, weirs and docks are waterways on the map, but none of these.
WATERWAY_KINDS: tuple[str, ...] = ("river", "stream", "canal", "drain", "ditch", "wadi")

_KEYS = ("natural", "landuse", "landcover", "building", "waterway")
_LAYERS = ("vegetation", "buildings", "cliffs", "streams", "coast")
#: An open way whose ends come this close to the extract's edge, in degrees, was cut by it.
_REACH_DEG = 0.01
_WGS84 = CRS.from_epsg(4326)
_METRES = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:m|metres?|meters?)?\s*")


@dataclass(frozen=True, eq=False, kw_only=True)
class Ground:
    """What the map shows of the ground, in one projected CRS in metres.

    Attributes
    ----------
    vegetation
        Polygons, which may overlap; ``kind``: ``forest``, ``scrub`` (with heath) or ``grass`` (with meadow).
    buildings
        Polygons.
    cliffs
        Lines along the upper edge, as drawn: the lower side is on the right. ``height_m`` float64, NaN where
        the map does not say.
    streams
        Lines of running water in the open, not in tunnels or culverts; ``kind``, one of `WATERWAY_KINDS`;
        ``width_m`` float64, NaN where the map does not say.
    coast
        Lines as drawn: the sea is on the right.
    crs
        CRS of all of them.
    extent
        Polygon of the place that was read, beyond which nobody looked.
    source, date
        Who is to be named, and the date of the data (ISO 8601), the oldest of several; "" if nobody states it.
    notes
        What is missing or was completed, in words.

    The index of each frame is the OSM id, such as ``w408720722``, unique within the frame.

    Raises
    ------
    HazardError
        The CRS is not projected in metres, or a frame has another one.
    """

    vegetation: gpd.GeoDataFrame
    buildings: gpd.GeoDataFrame
    cliffs: gpd.GeoDataFrame
    streams: gpd.GeoDataFrame
    coast: gpd.GeoDataFrame
    crs: CRS
    extent: BaseGeometry
    source: str = ""
    date: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        crs = metre_crs(self.crs)
        defects = []
        for name in _LAYERS:
            own = getattr(self, name).crs
            if own is None or not crs.equals(own, ignore_axis_order=True):
                got = "none" if own is None else own.to_string()[:60]
                expected = f"the CRS of the ground, {crs.to_string()[:60]}"
                defects.append(Defect("", name, expected, got, "convert it with to_crs"))
        if defects:
            raise HazardError(defects)


def metre_crs(crs: CRS | str) -> CRS:
    """Give the CRS, which must be projected in metres.

    Raises
    ------
    HazardError
        It is unknown, or not projected in metres.
    """
    expected, remedy = "a projected CRS in metres", "use the region's UTM zone, such as EPSG:32632"
    try:
        found = CRS.from_user_input(crs)
    except CRSError:
        raise HazardError([Defect("", "crs", expected, repr(crs)[:80], remedy)]) from None
    if not found.is_projected or found.axis_info[0].unit_name != "metre":
        raise HazardError([Defect("", "crs", expected, found.to_string()[:60], remedy)])
    return found


def read_ground(
    files: str | Path | Sequence[str | Path],
    *,
    crs: CRS | str,
    within: gpd.GeoDataFrame | None = None,
    margin_m: float = 1_000.0,
) -> Ground:
    """Read vegetation, buildings, cliffs, streams and coast out of OpenStreetMap extracts.

    Parameters
    ----------
    files
        One or more extracts. Of an object that is in several, the newest version counts.
    crs
        Projected CRS in metres for the result, such as that of the region.
    within
        Keep what comes near these geometries, in any CRS, whole; all by default.
    margin_m
        How near: so far around the bounds of `within`, in metres. It must be at least as far as anything that is
        derived reaches.

    Returns
    -------
    Ground
        A frame without rows where the map has nothing, which `notes` say.

    Raises
    ------
    OsmError
        A file is missing, cannot be read to its end, or is not sorted; all such files are named.
    HazardError
        The CRS is not projected in metres, or `within` has none.

    Examples
    --------
    >>> from mutualaid.hazards import read_ground
    >>> ground = read_ground("region.osm.pbf", crs="EPSG:32632")  # doctest: +SKIP
    >>> ground.cliffs.length.sum(), ground.notes  # doctest: +SKIP
    """
    target = metre_crs(crs)
    if within is not None and within.crs is None:
        raise HazardError([Defect("", "within", "a CRS", "none", "set it with set_crs")])
    paths = [Path(files)] if isinstance(files, str | os.PathLike) else [Path(file) for file in files]
    if not paths:
        raise OsmError([Defect("", "files", "at least one extract", "none", "name an OpenStreetMap file")])
    scans: list[_Scan] = []
    defects: list[Defect] = []
    for path in paths:
        try:
            scans.append(_scan(path))
        except OsmError as error:
            defects += error.defects
    if defects:
        raise OsmError(defects)
    boxes = shapely.segmentize([shapely.box(*scan.box) for scan in scans], 0.01)
    extent = shapely.union_all(gpd.GeoSeries(boxes, crs=_WGS84).to_crs(target).to_numpy())
    if within is not None:
        left, bottom, right, top = within.to_crs(target).total_bounds
        around = (left - margin_m, bottom - margin_m, right + margin_m, top + margin_m)
        extent = shapely.intersection(extent, shapely.box(*around))
    frames = {layer: _frame(scans, layer, target, extent) for layer in _LAYERS}
    names = ", ".join(path.name for path in paths)
    notes = [note for scan in scans for note in scan.notes]
    notes += [f"no {layer} in {names}" for layer, frame in frames.items() if frame.empty]
    return Ground(
        **frames,
        crs=target,
        extent=extent,
        source=f"© OpenStreetMap contributors, https://www.openstreetmap.org/copyright; extract {names}",
        date=min((scan.date for scan in scans if scan.date), default=""),
        notes=tuple(notes),
    )


@dataclass(eq=False)
class _Scan:
    # One file. Rows: key, version, number of nodes, geometry or its WKB, kind, measure in metres.
    box: Box
    date: str
    rows: dict[str, list[tuple[str, int, int, Any, str, float]]] = field(
        default_factory=lambda: {layer: [] for layer in _LAYERS}
    )
    notes: list[str] = field(default_factory=list)

    def add_area(self, row: tuple[str, int, int], shape: Any, kind: str, *, building: bool) -> None:
        if kind:
            self.rows["vegetation"].append((*row, shape, kind, np.nan))
        if building:
            self.rows["buildings"].append((*row, shape, "", np.nan))


def _scan(path: Path) -> _Scan:
    if not path.is_file():
        raise OsmError([Defect(path.name, "", "a file that exists", "none", "check the path")])
    check_order(path)
    with reading(path):
        header = osmium.FileProcessor(str(path)).header
        scan = _Scan(_box(path, header), str(header.get("osmosis_replication_timestamp"))[:10])
        reader = (
            osmium.FileProcessor(str(path))
            .with_locations(location_table(path))
            .with_areas(osmium.filter.KeyFilter(*_KEYS))
            .with_filter(osmium.filter.EntityFilter(osmium.osm.WAY | osmium.osm.RELATION | osmium.osm.AREA))
            .with_filter(osmium.filter.KeyFilter(*_KEYS))
        )
        taker = _Taker(scan)
        entity: Any
        for entity in reader:
            if entity.is_way():
                taker.way(entity)
            elif entity.is_relation():
                taker.relation(entity)
            else:
                taker.area(entity)
    _repair(path, scan, taker.broken, taker.relations - taker.made)
    _close_cut(path, scan, taker.cut)
    return scan


def _box(path: Path, header: Any) -> Box:
    box = header.box()
    if box.valid():
        low, high = box.bottom_left, box.top_right
        return (low.lon, low.lat, high.lon, high.lat)
    xy = np.array([(node.lon, node.lat) for node in stream(path, osmium.osm.NODE)]).reshape(-1, 2)
    if not len(xy):
        raise OsmError([Defect(path.name, "", "an extract with nodes", "none", "download it again")])
    (west, south), (east, north) = xy.min(axis=0).tolist(), xy.max(axis=0).tolist()
    return (west, south, east, north)


class _Taker:
    """Sorts the objects of one file into the layers."""

    def __init__(self, scan: _Scan) -> None:
        self.scan = scan
        self.wkb = osmium.geom.WKBFactory()
        self.cut: dict[int, tuple[int, list[tuple[float, float]], str]] = {}
        self.broken: dict[str, tuple[str, bool]] = {}
        self.relations: set[str] = set()
        self.made: set[str] = set()  # areas may come before the relation that they are made of

    def relation(self, relation: Any) -> None:
        """Keep in mind a multipolygon, which has no area if a part of it is missing."""
        tags = relation.tags
        if tags.get("type") == "multipolygon" and (_vegetation(tags) or tags.get("building", "no") != "no"):
            self.relations.add(f"r{relation.id}")

    def area(self, area: Any) -> None:
        """Take a closed way or a multipolygon."""
        tags = area.tags
        kind = _vegetation(tags)
        building = tags.get("building", "no") != "no"
        if not kind and not building:
            return
        key = f"{'w' if area.from_way() else 'r'}{area.orig_id()}"
        try:
            shape = self.wkb.create_multipolygon(area)
        except RuntimeError:
            self.broken[key] = (kind, building)
            return
        self.made.add(key)
        self.scan.add_area((key, area.version, len(shape)), shape, kind, building=building)

    def way(self, way: Any) -> None:
        """Take a line; keep in mind an open way of vegetation, which the extract may have cut."""
        tags = way.tags
        natural, water = tags.get("natural"), tags.get("waterway")
        if natural == "cliff":
            self._line("cliffs", way, "", _metres(tags.get("height")))
        elif natural == "coastline":
            self._line("coast", way, "", np.nan)
        if water in WATERWAY_KINDS and not _covered(tags):
            self._line("streams", way, water, _metres(tags.get("width")))
        kind = _vegetation(tags)
        if kind and not way.is_closed():
            points = [(node.lon, node.lat) for node in way.nodes if node.location.valid()]
            if len(points) == len(way.nodes) > 1:
                self.cut[way.id] = (way.version, points, kind)

    def _line(self, layer: str, way: Any, kind: str, metres: float) -> None:
        runs: list[list[tuple[float, float]]] = [[]]
        for node in way.nodes:
            if node.location.valid():
                runs[-1].append((node.lon, node.lat))
            elif runs[-1]:
                runs.append([])
        lines = [shapely.LineString(run) for run in runs if len(run) > 1]
        if lines:
            shape = lines[0] if len(lines) == 1 else shapely.MultiLineString(lines)
            size = sum(map(len, runs))
            self.scan.rows[layer].append((f"w{way.id}", way.version, size, shape, kind, metres))


def _vegetation(tags: Any) -> str:
    for key in ("natural", "landuse", "landcover"):
        kind = VEGETATION_KINDS.get((key, tags.get(key, "")))
        if kind:
            return kind
    return ""


def _covered(tags: Any) -> bool:
    """Whether the water is below ground, or above it on an aqueduct."""
    stated = (tags.get(key, "no") for key in ("tunnel", "covered", "culvert", "bridge"))
    return any(value != "no" for value in stated) or tags.get("location") == "underground"


def _metres(text: str | None) -> float:
    found = _METRES.fullmatch(text or "")
    return float(found[1]) if found else np.nan


def _repair(path: Path, scan: _Scan, broken: dict[str, tuple[str, bool]], relations: set[str]) -> None:
    """Make surfaces of closed ways that cross themselves; say which others were left out."""
    left = {*broken, *relations}
    ids = {int(key[1:]) for key in broken if key[0] == "w"}
    if ids:
        chosen = osmium.filter.IdFilter(ids)
        for way in stream(path, osmium.osm.ALL, WAYS, chosen, storage=location_table(path)):
            points = [(node.lon, node.lat) for node in way.nodes if node.location.valid()]
            key = f"w{way.id}"
            if key in broken and way.is_closed() and 3 < len(points) == len(way.nodes):
                kind, building = broken[key]
                scan.add_area(
                    (key, way.version, len(points)), shapely.Polygon(points), kind, building=building
                )
                left.discard(key)
    if left:
        listed = ", ".join(sorted(left)[:5]) + (", …" if len(left) > 5 else "")
        scan.notes.append(
            f"{path.name}: {len(left)} surfaces without a whole outline were left out: {listed}"
        )


def _close_cut(path: Path, scan: _Scan, cut: dict[int, tuple[int, list[tuple[float, float]], str]]) -> None:
    """Close surfaces that end at the extract's edge along that edge, on its smaller side.

    Extracts that stop a way at its last node inside leave open what was closed. Ways that are part of a
    multipolygon are not surfaces of their own.
    """
    frame = shapely.box(*scan.box)
    edge = frame.exterior
    candidates = {}
    for way, (version, points, kind) in cut.items():
        ends = shapely.points([points[0], points[-1]])
        if (shapely.distance(ends, edge) <= _REACH_DEG).all():
            candidates[way] = (version, points, kind)
    if not candidates:
        return
    polygons = osmium.filter.TagFilter(("type", "multipolygon"), ("type", "boundary"))
    for relation in stream(path, osmium.osm.RELATION, polygons):
        for member in relation.members:
            if member.type == "w":
                candidates.pop(member.ref, None)
    closed = 0
    for way, (version, points, kind) in sorted(candidates.items()):
        first, last = (edge.interpolate(edge.project(shapely.Point(end))) for end in (points[0], points[-1]))
        line = shapely.LineString([first.coords[0], *points, last.coords[0]])
        faces = list(shapely.polygonize([shapely.union_all([line, edge])]).geoms)
        faces.sort(key=lambda face: float(face.area))
        if len(faces) > 1:
            shape = shapely.union_all(faces[:-1])
            scan.rows["vegetation"].append((f"w{way}", version, len(points), shape, kind, np.nan))
            closed += 1
    if closed:
        scan.notes.append(
            f"{path.name}: {closed} surfaces of vegetation cut by the extract were closed along its edge"
        )


def _frame(scans: Iterable[_Scan], layer: str, crs: CRS, extent: BaseGeometry) -> gpd.GeoDataFrame:
    """Join the files: of each object the newest version, of equals the one with the most nodes."""
    rows = [row for scan in scans for row in scan.rows[layer]]
    table = pd.DataFrame(rows, columns=["key", "version", "size", "shape", "kind", "metres"])
    table["number"] = table["key"].str[1:].astype(np.int64)
    table["letter"] = table["key"].str[:1]
    table = table.sort_values(
        ["letter", "number", "version", "size"], ascending=[False, True, False, False], kind="stable"
    ).drop_duplicates("key")
    geometry = _shapes(table["shape"].to_numpy(), polygons=layer in ("vegetation", "buildings"))
    metric = gpd.GeoSeries(geometry, crs=_WGS84).to_crs(crs)
    columns: dict[str, Any] = {}
    if layer in ("vegetation", "streams"):
        columns["kind"] = pd.array(table["kind"].to_list(), dtype="str")
    if layer in ("cliffs", "streams"):
        columns["height_m" if layer == "cliffs" else "width_m"] = table["metres"].to_numpy(np.float64)
    index = pd.Index(table["key"].to_list(), name="osm_id", dtype="str")
    frame = gpd.GeoDataFrame(columns, geometry=metric.to_numpy(), crs=crs, index=index)
    left, bottom, right, top = extent.bounds
    return frame[shapely.intersects(frame.geometry.to_numpy(), shapely.box(left, bottom, right, top))]


def _shapes(shapes: NDArray[Any], *, polygons: bool) -> NDArray[np.object_]:
    out = np.empty(len(shapes), dtype=object)
    text = np.array([isinstance(shape, str) for shape in shapes], dtype=bool)
    out[text] = shapely.from_wkb(shapes[text].astype(str)) if text.any() else []
    out[~text] = shapes[~text]
    if polygons:
        invalid = ~shapely.is_valid(out)
        out[invalid] = shapely.make_valid(out[invalid], method="structure", keep_collapsed=False)
    return out
