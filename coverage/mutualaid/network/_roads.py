"""From the ways of OpenStreetMap to a road network: split at junctions, measured, projected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
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
from mutualaid.network._osm import OSM_SUFFIXES, OsmRoads, scan
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
    """Stretches of ways, each a run of neighbouring node references; all arrays (r,) unless noted."""

    owner: NDArray[np.int64]  # position of the way
    ref: NDArray[np.int64]
    lonlat: NDArray[np.float64]  # (r, 2)
    first: NDArray[np.bool_]  # whether a run begins here

    @property
    def last(self) -> NDArray[np.bool_]:
        """Whether a run ends here."""
        return np.append(self.first[1:], True)

    def take(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> _Runs:
        """Give some of the references, chosen by mask or by position."""
        return _Runs(self.owner[which], self.ref[which], self.lonlat[which], self.first[which])


def _assemble(ways: OsmRoads, crs: CRS, *, files: str) -> Network:
    notes = Counter(ways.notes)
    runs = _runs(ways, notes)
    runs, apart = _divide_at_barriers(runs, ways.blocked, notes)
    if not len(runs.ref):
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
    node, node_id = _nodes(runs.ref, apart)
    starts, stops = _roads(
        runs, node, [item.via_node for item in ways.restrictions if item.via_node is not None]
    )
    position = np.empty((len(node_id), 2))
    position[node] = runs.lonlat
    xy = np.column_stack(
        Transformer.from_crs(4326, crs, always_xy=True).transform(position[:, 0], position[:, 1])
    )
    counts = stops - starts + 1
    offset = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    vertex = np.arange(offset[-1]) + np.repeat(starts - offset[:-1], counts)
    used, ends = np.unique(np.concatenate([node[starts], node[stops]]), return_inverse=True)
    a, b = ends.astype(np.int32).reshape(2, -1)
    roads = _road_table(ways, runs, starts, stops, a, b, notes)
    index = RoadIndex(node_id[used], a, b, roads["way"].to_numpy(), roads["oneway"].to_numpy())
    restrictions = resolve(ways.restrictions, index, notes)
    return Network(
        crs=crs,
        node_id=node_id[used],
        x=xy[used, 0],
        y=xy[used, 1],
        roads=roads,
        road_xy=xy[node[vertex]],
        road_offset=offset,
        crossings=no_crossings(crs),
        restrictions=restrictions,
        notes={reason: count for reason, count in sorted(notes.items()) if count},
    )


def _runs(ways: OsmRoads, notes: Counter[str]) -> _Runs:
    """Break ways where a node is missing; a node repeated in a row counts once."""
    owner = np.repeat(np.arange(len(ways.way)), np.diff(ways.offset))
    located = ~np.isnan(ways.lonlat[:, 0])
    if cut := len(np.unique(owner[~located])):
        notes["ways cut where nodes are missing"] = cut
    same_way = owner[1:] == owner[:-1]
    first = np.append(True, ~same_way | ~located[:-1])[: len(owner)]
    repeated = np.append(False, same_way & (ways.ref[1:] == ways.ref[:-1]))[: len(owner)]
    runs = _Runs(owner, ways.ref, ways.lonlat, first).take(located & ~repeated)
    return runs.take(~(runs.first & runs.last)) if len(runs.ref) else runs


def _divide_at_barriers(
    runs: _Runs, blocked: NDArray[np.int64], notes: Counter[str]
) -> tuple[_Runs, NDArray[np.bool_]]:
    """End runs at blocking barriers; the mask says which references must not share a node with others.

    A barrier mapped on a junction of three or more arms stands in one of them, and nobody knows in which:
    such a barrier is left out.
    """
    apart = np.isin(runs.ref, blocked)
    if not apart.any():
        return runs, apart
    inside = apart & ~runs.first & ~runs.last
    _, which = np.unique(runs.ref[apart], return_inverse=True)
    arms = np.bincount(which, weights=1.0 + inside[apart])
    notes["barriers on junctions, left out"] = int((arms > 2).sum())
    notes["roads divided by a barrier"] = int((arms == 2).sum())
    apart[apart] = arms[which] <= 2
    inside &= apart
    times = 1 + inside
    again = np.zeros(int(times.sum()), dtype=bool)
    again[(np.cumsum(times) - 1)[inside]] = True
    divided = runs.take(np.repeat(np.arange(len(times)), times))
    divided.first[again] = True
    return divided, np.repeat(apart, times)


def _nodes(ref: NDArray[np.int64], apart: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give each OSM node, and each reference that stands apart, a number; and the ids by number."""
    codes, ids = pd.factorize(ref)
    node = codes.astype(np.int64)
    repeat = np.flatnonzero(apart)
    repeat = repeat[pd.Series(ref[repeat]).duplicated().to_numpy()]
    node[repeat] = len(ids) + np.arange(len(repeat))
    return node, np.concatenate([ids, -1 - np.arange(len(repeat))])


def _roads(
    runs: _Runs, node: NDArray[np.int64], via: Sequence[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions where each road begins and stops: at run ends, at nodes used twice, and at via nodes."""
    shared = np.bincount(node) > 1
    junction = runs.first | runs.last | shared[node] | np.isin(runs.ref, np.array(via, dtype=np.int64))
    at = np.flatnonzero(junction)
    pair = ~runs.first[at[1:]]
    return at[:-1][pair], at[1:][pair]


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
    step = np.append(ground_length_m(runs.lonlat[:-1], runs.lonlat[1:]), 0.0)
    # Summed road by road, so that a length does not depend on what stands before it in the file.
    length_m = np.add.reduceat(step, np.column_stack([starts, stops]).ravel())[::2]
    owner = runs.owner[starts]
    table, problems = tag_table(
        meanings(ways.tag_sets), np.bincount(ways.kind, minlength=len(ways.tag_sets)).tolist()
    )
    notes.update(problems)
    of_road = table.take(ways.kind[owner])
    columns: dict[str, object] = {
        "a": a,
        "b": b,
        "length_m": length_m,
        "way": ways.way[owner],
    }
    columns["class"] = of_road["class"].array
    columns["name"] = pd.Series(ways.name, dtype="str").take(owner).array
    columns |= {name: of_road[name].array for name in table.columns if name != "class"}
    columns["jurisdiction"] = pd.Categorical.from_codes(
        np.full(len(a), -1), categories=pd.Index([], dtype="str")
    )
    columns["crossing"] = np.full(len(a), -1, dtype=np.int32)
    return pd.DataFrame(columns)
