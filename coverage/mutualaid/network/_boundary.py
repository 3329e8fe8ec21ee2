"""Cutting roads at jurisdiction boundaries, so that every passage is a named crossing."""

from __future__ import annotations

from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mutualaid.errors import Defect, NetworkError
from mutualaid.network._crossings import Pieces, rebuild
from mutualaid.network._model import Network

__all__ = ["cut_at_boundaries"]

#: A cut closer than this to a node is made in the node itself.
_AT_NODE_M = 0.5
#: Cuts closer together than this are one.
_SAME_M = 1e-3
_OUTSIDE = -1

_Index = NDArray[np.int64]
_Metres = NDArray[np.float64]


def cut_at_boundaries(
    network: Network, jurisdictions: gpd.GeoDataFrame, *, tolerance_m: float = 10.0, gap_m: float = 500.0
) -> Network:
    """Cut each road where it passes from one jurisdiction into another.

    At each passage there are two nodes at the same place, one for each side, joined by a road of length 0:
    the crossing. A node right on a boundary, with roads on both sides, becomes one node for each
    jurisdiction, joined pairwise. No crossing is made between a jurisdiction and land that belongs to none.

    Boundaries and roads are mapped with errors of some metres, so two things are not taken literally:

    * A part of the network that lies within `tolerance_m` of a boundary altogether, and that touches no
      jurisdiction but one other, belongs to that other: a road along a boundary that wobbles over it, or a
      stub that ends just behind it, makes no crossing.
    * A stretch in no jurisdiction, as over a river between two shores or through a sliver between two
      polygons, makes one crossing in its middle if it is at most `gap_m` long.

    Parameters
    ----------
    network
        A network that has not been cut.
    jurisdictions
        Polygons in the CRS of the network, indexed by id, with the columns ``name`` and ``country``.
    tolerance_m
        Width, in metres, of what counts as being on the boundary.
    gap_m
        Longest stretch in no jurisdiction, in metres, that still makes one crossing.

    Returns
    -------
    Network
        With ``jurisdiction`` set for each road, and with crossings. The lengths of the pieces of a road sum
        to its length. Ids of crossings: ``w<way>-<number along the way>`` on a road,
        ``n<node>-<jurisdiction>-<jurisdiction>`` in a node.

    Raises
    ------
    NetworkError
        The jurisdictions are in another CRS, lack a column or repeat an id; the network has been cut.

    Examples
    --------
    >>> import geopandas as gpd, networkx as nx
    >>> from shapely.geometry import box
    >>> from mutualaid.network import cut_at_boundaries, from_osmnx
    >>> G = nx.MultiDiGraph(crs="EPSG:32632")
    >>> G.add_nodes_from([(1, {"x": -60.0, "y": 0.0}), (2, {"x": 40.0, "y": 0.0})])
    >>> _ = G.add_edge(1, 2, osmid=7, highway="primary", name="Pont Neuf", length=100.0)
    >>> lands = gpd.GeoDataFrame(
    ...     {"name": ["Haparanda", "Tornio"], "country": ["SE", "FI"]},
    ...     geometry=[box(-99, -99, 0, 99), box(0, -99, 99, 99)], index=["se", "fi"], crs="EPSG:32632",
    ... )
    >>> network = cut_at_boundaries(from_osmnx(G, crs="EPSG:32632"), lands)
    >>> network.crossings["name"].to_dict()
    {'w7-1': 'Pont Neuf (Haparanda – Tornio)'}
    >>> network.roads["length_m"].tolist()
    [60.0, 40.0, 0.0]
    """
    _check(network, jurisdictions)
    land = _Land.of(jurisdictions)
    pieces = _absorb(network, land, _pieces(network, land), tolerance_m=tolerance_m, gap_m=gap_m)
    return rebuild(network, jurisdictions, _merged(pieces))


def _check(network: Network, jurisdictions: gpd.GeoDataFrame) -> None:
    defects = []
    if len(network.crossings):
        got = f"{len(network.crossings)} crossings"
        defects.append(Defect("", "network", "a network that has not been cut", got, "cut it as it was read"))
    if jurisdictions.crs != network.crs:
        got = "none" if jurisdictions.crs is None else jurisdictions.crs.name
        defects.append(Defect("", "jurisdictions", f"CRS {network.crs.name}", got, "use to_crs on them"))
    defects += [
        Defect("", "jurisdictions", f"a column {name}", "none", "add the column")
        for name in ("name", "country")
        if name not in jurisdictions
    ]
    if not jurisdictions.index.is_unique:
        double = str(jurisdictions.index[jurisdictions.index.duplicated()][0])
        defects.append(Defect("", "jurisdictions", "unique ids", f"{double} twice", "give each its own id"))
    if defects:
        raise NetworkError(defects)


@dataclass(frozen=True)
class _Land:
    """Jurisdictions prepared for questions: where is a point, and how far is the nearest boundary."""

    polygons: NDArray[np.object_]
    segments: NDArray[np.object_]  # boundary lines of two points each
    tree: shapely.STRtree  # of the segments

    @classmethod
    def of(cls, jurisdictions: gpd.GeoDataFrame) -> _Land:
        polygons = np.asarray(jurisdictions.geometry.array, dtype=object)
        rings = shapely.get_parts(shapely.boundary(polygons))
        xy, ring = shapely.get_coordinates(rings, return_index=True)
        joined = np.flatnonzero(ring[1:] == ring[:-1])
        segments = np.asarray(shapely.linestrings(np.stack([xy[joined], xy[joined + 1]], axis=1)))
        return cls(polygons, segments, shapely.STRtree(segments))

    def where(self, points: NDArray[np.object_]) -> _Index:
        """Give the position of the jurisdiction that holds each point, -1 for none, the first of several."""
        which, point = shapely.STRtree(points).query(self.polygons, predicate="contains")
        found = np.full(len(points), _OUTSIDE, dtype=np.int64)
        order = np.argsort(-which, kind="stable")
        found[point[order]] = which[order]
        return found

    def near_points(self, points: NDArray[np.object_], distance_m: float) -> NDArray[np.bool_]:
        """Whether each point lies within a distance of a boundary."""
        near = np.zeros(len(points), dtype=bool)
        near[self.tree.query(points, predicate="dwithin", distance=distance_m)[0]] = True
        return near


def _pieces(network: Network, land: _Land) -> Pieces:
    """Cut roads wherever they meet a boundary, and say in which jurisdiction each piece lies."""
    lines = network.lines()
    total = shapely.length(lines)
    road, at = _meetings(lines, land)
    inner = (at > _AT_NODE_M) & (at < total[road] - _AT_NODE_M)
    everyone = np.arange(len(lines))
    road = np.concatenate([everyone, road[inner], everyone])
    at = np.concatenate([np.zeros(len(lines)), at[inner], total])
    order = np.lexsort((at, road))
    road, at = road[order], at[order]
    # Neighbours share their boundary, so the same cut comes twice: pieces without length are left out.
    begin = np.flatnonzero(
        (road[1:] == road[:-1]) & ((np.diff(at) > _SAME_M) | (total[road[:-1]] <= _SAME_M))
    )
    pieces = Pieces(road[begin], at[begin], at[begin + 1], np.empty(0, dtype=np.int64), total)
    again = np.flatnonzero(~pieces.first)
    pieces.start_m[again] = pieces.stop_m[again - 1]
    pieces.land = land.where(pieces.middles(lines))
    return pieces


def _meetings(lines: NDArray[np.object_], land: _Land) -> tuple[_Index, _Metres]:
    """Where roads meet boundaries: the road, and the metres along it."""
    road, segment = land.tree.query(lines, predicate="intersects")
    xy, which = shapely.get_coordinates(
        shapely.intersection(lines[road], land.segments[segment]), return_index=True
    )
    road = road[which]
    return road, shapely.line_locate_point(lines[road], shapely.points(xy))


def _bridge_gaps(pieces: Pieces, gap_m: float) -> Pieces:
    """Share a stretch of a road in no jurisdiction between the jurisdictions before and behind it."""
    land, length = pieces.land, pieces.stop_m - pieces.start_m
    gap = (land == _OUTSIDE) & (length <= gap_m) & ~pieces.first & ~pieces.last
    at = np.flatnonzero(gap)
    at = at[(land[at - 1] >= 0) & (land[at + 1] >= 0) & (land[at - 1] != land[at + 1])]
    middle = (pieces.start_m[at] + pieces.stop_m[at]) / 2
    start, stop = pieces.start_m.copy(), pieces.stop_m.copy()
    stop[at - 1] = middle
    start[at + 1] = middle
    keep = np.ones(len(land), dtype=bool)
    keep[at] = False
    return Pieces(pieces.road[keep], start[keep], stop[keep], land[keep], pieces.total_m)


def _absorb(network: Network, land: _Land, pieces: Pieces, *, tolerance_m: float, gap_m: float) -> Pieces:
    """Give parts that only wobble over a boundary, or lie between jurisdictions, to a neighbour.

    A part is what hangs together inside one jurisdiction.
    """
    pieces = _bridge_gaps(pieces, gap_m)
    place, piece = _contacts(network, pieces)
    part = _parts(place, piece, pieces.land)
    size = np.bincount(part, weights=pieces.stop_m - pieces.start_m)
    belongs = np.empty(len(size), dtype=np.int64)
    belongs[part] = pieces.land
    around = _neighbours(place, part[piece])
    near = _near_parts(network, land, pieces, part, tolerance_m)
    # From small to large, so that of two parts that could absorb each other the larger one stays.
    for one in sorted(around, key=lambda one: (size[one], one)):
        lands = {int(belongs[other]) for other in around[one]}
        if belongs[one] == _OUTSIDE:
            lands.discard(_OUTSIDE)
            if (near[one] and lands) or (size[one] <= gap_m and len(lands) > 1):
                belongs[one] = min(lands)
        elif near[one] and len(lands) == 1:
            belongs[one] = lands.pop()
    return replace(pieces, land=belongs[part])


def _contacts(network: Network, pieces: Pieces) -> tuple[_Index, _Index]:
    """Where pieces meet: a number for each node and for each inner cut, with the pieces that end there."""
    count = len(pieces.road)
    cut = network.n_nodes + np.arange(count)  # the place between piece i and piece i + 1
    start = np.where(pieces.first, network.roads["a"].to_numpy()[pieces.road], cut - 1)
    stop = np.where(pieces.last, network.roads["b"].to_numpy()[pieces.road], cut)
    return np.concatenate([start, stop]), np.tile(np.arange(count), 2)


def _parts(place: _Index, piece: _Index, land: _Index) -> _Index:
    """Give the number of the part that each piece belongs to."""
    meeting, _ = pd.factorize(place * (int(land.max()) + 2) + land[piece] + 1)
    count = len(land)
    links = coo_array((np.ones(len(piece)), (piece, count + meeting)), shape=(count + meeting.max() + 1,) * 2)
    labels = connected_components(links, directed=False)[1][:count]
    return np.asarray(pd.factorize(labels)[0], dtype=np.int64)


def _neighbours(place: _Index, part: _Index) -> dict[int, list[int]]:
    """Parts that meet another part, with those that they meet."""
    ends = pd.DataFrame({"place": place, "part": part}).drop_duplicates()
    ends = ends[ends.duplicated("place", keep=False)]
    pairs = ends.merge(ends, on="place")
    pairs = pairs[pairs["part_x"] != pairs["part_y"]]
    around: dict[int, list[int]] = {}
    for one, other in pairs[["part_x", "part_y"]].to_numpy().tolist():
        around.setdefault(one, []).append(other)
    return around


def _near_parts(
    network: Network, land: _Land, pieces: Pieces, part: _Index, tolerance_m: float
) -> NDArray[np.bool_]:
    """Whether each part lies within the tolerance of the boundaries altogether."""
    near = np.ones(int(part.max()) + 1, dtype=bool)
    middle = pieces.middles(network.lines())
    near[part[~land.near_points(middle, tolerance_m)]] = False
    rest = np.flatnonzero(near[part])  # few: only these are looked at all along
    dense = shapely.segmentize(pieces.lines(network, rest), max(tolerance_m / 2, 1.0))
    xy, owner = shapely.get_coordinates(dense, return_index=True)
    near[part[rest[owner[~land.near_points(np.asarray(shapely.points(xy)), tolerance_m)]]]] = False
    return near


def _merged(pieces: Pieces) -> Pieces:
    """Join neighbouring pieces of a road that lie in the same jurisdiction."""
    begin = pieces.first | np.append(True, pieces.land[1:] != pieces.land[:-1])
    end = np.append(begin[1:], True)
    return Pieces(
        pieces.road[begin], pieces.start_m[begin], pieces.stop_m[end], pieces.land[begin], pieces.total_m
    )
