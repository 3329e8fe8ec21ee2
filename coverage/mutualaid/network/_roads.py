"""From the ways of OpenStreetMap to a road network: split at junctions, measured, projected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from mutualaid.errors import Defect, NetworkError, OsmError
from mutualaid.network._boundary import cut_at_boundaries
from mutualaid.network._crossings import no_crossings
from mutualaid.network._crs import projected_crs
from mutualaid.network._graph_io import read_graphml
from mutualaid.network._model import Network
from mutualaid.network._osm import BATCH, OSM_SUFFIXES, OsmRoads, batches, scan
from mutualaid.network._restrictions import RoadIndex, resolve
from mutualaid.network._tags import meanings, tag_table

__all__ = ["ground_length_m", "read_network"]

_EQUATOR_M, _FLATTENING = 6378137.0, 1 / 298.257223563  # WGS 84


def read_network(
    files: str | PathLike[str] | Sequence[str | PathLike[str]],
    *,
    crs: CRS | str | int,
    jurisdictions: gpd.GeoDataFrame | None = None,
) -> Network:
    """Read a road network from OpenStreetMap or GraphML files.

    Roads are the drivable ways of OpenStreetMap (`ROAD_CLASSES`), split wherever ways meet. Areas are left
    out. A way with nodes outside the extract is split there. A bollard, block or jersey barrier divides its
    road for every motor vehicle, unless its own tags let emergency or motor vehicles pass; gates and lift
    gates do not. What was left out or not understood is counted in `Network.notes`.

    Parameters
    ----------
    files
        One or several ``.osm.pbf`` or ``.osm`` files (also ``.osm.gz``, ``.osm.bz2``); a way that is in
        several of them enters once. Or one ``.graphml`` file as OSMnx writes it.
    crs
        Projected CRS in metres to work in.
    jurisdictions
        Polygons in `crs` at whose boundaries the roads are cut, see `cut_at_boundaries`. Not cut if None.

    Returns
    -------
    Network
        Lengths are on the WGS 84 ellipsoid, in metres.

    Raises
    ------
    OsmError
        A file is missing, damaged, or without any drivable road.
    NetworkError
        The CRS is not projected, or the kind of a file is not known.

    Examples
    --------
    >>> from mutualaid.network import read_network
    >>> network = read_network("region.osm.pbf", crs="EPSG:32632")  # doctest: +SKIP
    >>> network.roads.groupby("class", observed=True)["length_m"].sum()  # doctest: +SKIP
    """
    paths = [Path(files)] if isinstance(files, (str, PathLike)) else [Path(file) for file in files]
    target = projected_crs(crs)
    graphs = [path for path in paths if path.suffix.lower() == ".graphml"]
    others = [path for path in paths if path not in graphs and not path.name.lower().endswith(OSM_SUFFIXES)]
    if not paths or others or (graphs and len(paths) > 1):
        got = ", ".join(path.name for path in paths) or "no file"
        expected = "OpenStreetMap files (.osm.pbf, .osm), or one .graphml file"
        remedy = "name the files by their kind, and give a GraphML file alone"
        raise NetworkError([Defect("", "road network", expected, got[:200], remedy)])
    if graphs:
        return read_graphml(graphs[0], crs=target, jurisdictions=jurisdictions)
    network = _assemble(scan(paths), target, files=", ".join(path.name for path in paths))
    return network if jurisdictions is None else cut_at_boundaries(network, jurisdictions)


def ground_length_m(from_lonlat: NDArray[np.float64], to_lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Length of short straight stretches on the WGS 84 ellipsoid, in metres.

    Uses the radii of curvature at the middle latitude: exact to a millionth for stretches of some kilometres.

    Parameters
    ----------
    from_lonlat, to_lonlat
        (n, 2) degrees.

    Examples
    --------
    >>> import numpy as np
    >>> ground_length_m(np.array([[7.0, 43.0]]), np.array([[7.0, 43.01]])).round(1)
    array([1110.9])
    """
    squared = _FLATTENING * (2 - _FLATTENING)
    latitude = np.radians((from_lonlat[:, 1] + to_lonlat[:, 1]) / 2)
    root = np.sqrt(1 - squared * np.sin(latitude) ** 2)
    degrees = to_lonlat[:, 0] - from_lonlat[:, 0]
    degrees = np.where(np.abs(degrees) > 180, degrees - np.copysign(360, degrees), degrees)  # over 180°
    east = np.radians(degrees) * np.cos(latitude) * (_EQUATOR_M / root)
    north = np.radians(to_lonlat[:, 1] - from_lonlat[:, 1]) * (_EQUATOR_M * (1 - squared) / root**3)
    return np.asarray(np.hypot(east, north))


@dataclass
class _Runs:
    """Stretches of ways, each a run of neighbouring references; all arrays (r,)."""

    owner: NDArray[np.int32]  # position of the way
    place: NDArray[np.int32]
    first: NDArray[np.bool_]  # whether a run begins here

    @property
    def last(self) -> NDArray[np.bool_]:
        """Whether a run ends here."""
        return np.append(self.first[1:], True)

    def take(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> _Runs:
        """Give some of the references, chosen by mask or by position."""
        return _Runs(self.owner[which], self.place[which], self.first[which])


def _assemble(ways: OsmRoads, crs: CRS, *, files: str) -> Network:
    notes = Counter(ways.notes)
    runs = _runs(ways, notes)
    runs, apart = _divide_at_barriers(ways, runs, notes)
    if not len(runs.place):
        raise OsmError(
            [
                Defect(
                    files,
                    "",
                    "at least one drivable road",
                    "none",
                    "check that the extract covers the region",
                )
            ]
        )
    at, starts, stops = _roads(ways, runs)
    node_id, a, b = _nodes(ways, runs, apart, at, starts, stops)
    roads = _road_table(ways, runs, starts, stops, a, b, notes)
    counts = stops - starts + 1
    offset = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    _share_places(ways, runs, apart)
    road_xy = _vertices(ways, runs, starts, stops, offset, crs)
    x, y = _at_ends(road_xy, offset, a, b, len(node_id))
    index = RoadIndex(node_id, a, b, roads["way"].to_numpy(), roads["oneway"].to_numpy())
    restrictions = resolve(ways.restrictions, index, notes)
    return Network(
        crs=crs,
        node_id=node_id,
        x=x,
        y=y,
        roads=roads,
        road_xy=road_xy,
        road_offset=offset,
        crossings=no_crossings(crs),
        restrictions=restrictions,
        notes={reason: count for reason, count in sorted(notes.items()) if count},
    )


def _runs(ways: OsmRoads, notes: Counter[str]) -> _Runs:
    """Break ways where a node is missing; a node repeated in a row counts once."""
    owner = np.repeat(np.arange(len(ways.way), dtype=np.int32), np.diff(ways.offset))
    first = np.zeros(len(owner), dtype=bool)
    first[ways.offset[:-1][np.diff(ways.offset) > 0]] = True
    runs = _Runs(owner, ways.place, first)
    repeated = np.append(False, ~first[1:] & (ways.place[1:] == ways.place[:-1]))[: len(owner)]
    located = ways.located
    if not located.all():
        located = located[ways.place]
        first[1:] |= ~located[:-1]
        notes["ways cut where nodes are missing"] = len(np.unique(owner[~located]))
        runs = runs.take(located & ~repeated)
    elif repeated.any():
        runs = runs.take(~repeated)
    alone = runs.first & runs.last
    return runs.take(~alone) if alone.any() else runs


def _divide_at_barriers(ways: OsmRoads, runs: _Runs, notes: Counter[str]) -> tuple[_Runs, NDArray[np.bool_]]:
    """End runs at blocking barriers; the mask says which references must not share a node with others.

    A barrier mapped on a junction of three or more arms stands in one of them, and nobody knows in which:
    such a barrier is left out.
    """
    apart = _of_nodes(ways, ways.blocked)[runs.place]
    if not apart.any():
        return runs, apart
    inside = apart & ~runs.first & ~runs.last
    _, which = np.unique(ways.node[runs.place[apart]], return_inverse=True)
    arms = np.bincount(which, weights=1.0 + inside[apart])
    notes["barriers on junctions, left out"] = int((arms > 2).sum())
    notes["roads divided by a barrier"] = int((arms == 2).sum())
    apart[apart] = arms[which] <= 2
    inside &= apart
    if not inside.any():
        return runs, apart
    twice = np.flatnonzero(inside)
    divided = _Runs(
        np.insert(runs.owner, twice, runs.owner[twice]),
        np.insert(runs.place, twice, runs.place[twice]),
        np.insert(runs.first, twice, runs.first[twice]),
    )
    divided.first[twice + 1 + np.arange(len(twice))] = True
    return divided, np.insert(apart, twice, True)


def _of_nodes(ways: OsmRoads, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each place is at one of some nodes."""
    chosen = np.zeros(len(ways.node_id), dtype=bool)
    if len(ids) and len(chosen):
        at = np.minimum(np.searchsorted(ways.node_id, ids), len(chosen) - 1)
        chosen[at[ways.node_id[at] == ids]] = True
    return chosen[ways.node]


def _roads(ways: OsmRoads, runs: _Runs) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Positions of junctions, and where each road begins and stops there.

    Roads end where runs do, at nodes used twice, and at via nodes of restrictions.
    """
    via = [item.via_node for item in ways.restrictions if item.via_node is not None]
    ends = _of_nodes(ways, np.array(via, dtype=np.int64))
    node = ways.node[runs.place]
    latest = np.empty(len(ways.node_id), dtype=np.int32)
    latest[node] = np.arange(len(node), dtype=np.int32)
    shared = np.zeros(len(ways.node_id), dtype=bool)
    for some in batches(len(node)):
        shared[node[some][latest[node[some]] != np.arange(some.start, some.stop)]] = True
    ends |= shared[ways.node]
    at = np.flatnonzero(runs.first | runs.last | ends[runs.place])
    pair = ~runs.first[at[1:]]
    return at, at[:-1][pair], at[1:][pair]


def _nodes(
    ways: OsmRoads,
    runs: _Runs,
    apart: NDArray[np.bool_],
    at: NDArray[np.int64],
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    """Give the ids of the nodes, and the positions of those where roads begin and stop.

    Nodes stand in the order in which the ways name them. Of references that stand apart, the first has the
    node itself; each other one has a node of its own, behind all others and with a negative id.
    """
    key = ways.node[runs.place[at]].astype(np.int64)
    repeat = np.flatnonzero(apart[at])
    repeat = repeat[pd.Series(key[repeat]).duplicated().to_numpy()]
    key[repeat] = len(ways.node_id) + np.arange(len(repeat))
    codes, keys = pd.factorize(key)
    own = keys < len(ways.node_id)
    rank = np.empty(len(keys), dtype=np.int32)
    rank[np.concatenate([np.flatnonzero(own), np.flatnonzero(~own)])] = np.arange(len(keys))
    number = rank[codes]
    ids = np.concatenate([ways.node_id[keys[own]], -1 - np.arange(len(repeat))])
    return ids, number[np.searchsorted(at, starts)], number[np.searchsorted(at, stops)]


def _share_places(ways: OsmRoads, runs: _Runs, apart: NDArray[np.bool_]) -> None:
    """Draw a node at one place, the last named, where files do not agree on it."""
    if len(ways.xy) == len(ways.node_id):
        return
    latest = np.empty(len(ways.node_id), dtype=np.int32)
    latest[ways.node[runs.place]] = runs.place
    runs.place = np.where(apart, runs.place, latest[ways.node[runs.place]])


def _vertices(
    ways: OsmRoads,
    runs: _Runs,
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    offset: NDArray[np.int64],
    crs: CRS,
) -> NDArray[np.float64]:
    """Project the vertices of all roads, some roads at a time."""
    project = Transformer.from_crs(4326, crs, always_xy=True).transform
    xy = np.empty((offset[-1], 2))
    for some in _road_batches(starts, stops):
        low, high = offset[some.start], offset[some.stop]
        counts = np.diff(offset[some.start : some.stop + 1])
        vertex = np.arange(low, high) + np.repeat(starts[some] - offset[some], counts)
        lonlat = ways.lonlat(runs.place[vertex])
        xy[low:high, 0], xy[low:high, 1] = project(lonlat[:, 0], lonlat[:, 1])
    return xy


def _road_batches(starts: NDArray[np.int64], stops: NDArray[np.int64]) -> Iterator[slice]:
    """Give roads that have together about as many references as a batch."""
    begin = 0
    while begin < len(starts):
        end = int(np.searchsorted(stops, starts[begin] + BATCH, side="right"))
        end = max(end, begin + 1)
        yield slice(begin, end)
        begin = end


def _at_ends(
    road_xy: NDArray[np.float64],
    offset: NDArray[np.int64],
    a: NDArray[np.int32],
    b: NDArray[np.int32],
    count: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the coordinates of nodes, at which roads begin and stop."""
    xy = np.empty((2, count))
    for node, vertex in ((a, offset[:-1]), (b, offset[1:] - 1)):
        for axis in (0, 1):
            xy[axis][node] = road_xy[vertex, axis]
    return xy[0], xy[1]


def _lengths_m(
    ways: OsmRoads, runs: _Runs, starts: NDArray[np.int64], stops: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Length of each road on the ground; summed road by road, so that it does not depend on what stands before it."""
    lengths = np.empty(len(starts))
    for some in _road_batches(starts, stops):
        low, high = starts[some.start], stops[some.stop - 1] + 1
        lonlat = ways.lonlat(runs.place[low:high])
        step = np.append(ground_length_m(lonlat[:-1], lonlat[1:]), 0.0)
        ends = np.column_stack([starts[some], stops[some]]) - low
        lengths[some] = np.add.reduceat(step, ends.ravel())[::2]
    return lengths


def _road_table(
    ways: OsmRoads,
    runs: _Runs,
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    a: NDArray[np.int32],
    b: NDArray[np.int32],
    notes: Counter[str],
) -> pd.DataFrame:
    """Lay the roads out with the columns of `Network.roads`."""
    owner = runs.owner[starts]
    table, problems = tag_table(
        meanings(ways.tag_sets), np.bincount(ways.kind, minlength=len(ways.tag_sets)).tolist()
    )
    notes.update(problems)
    kind = ways.kind[owner]
    columns: dict[str, object] = {
        "a": a,
        "b": b,
        "length_m": _lengths_m(ways, runs, starts, stops),
        "way": ways.way[owner],
    }
    columns["class"] = table["class"].array.take(kind)
    columns["name"] = pd.Series(ways.names, dtype="str").array.take(ways.name[owner])
    columns |= {name: table[name].array.take(kind) for name in table.columns if name != "class"}
    columns["jurisdiction"] = pd.Categorical.from_codes(
        np.full(len(a), -1), categories=pd.Index([], dtype="str")
    )
    columns["crossing"] = np.full(len(a), -1, dtype=np.int32)
    return pd.DataFrame(columns, copy=False)
