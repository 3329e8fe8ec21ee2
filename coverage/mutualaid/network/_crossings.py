"""A network from pieces of roads: nodes at the cuts, crossings between jurisdictions, turn restrictions."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import combinations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import shapely.ops
from numpy.typing import NDArray
from pyproj import CRS

from mutualaid.network._model import Network, Restriction

__all__ = ["Pieces", "no_crossings", "rebuild"]

_Index = NDArray[np.int64]
_Metres = NDArray[np.float64]


@dataclass
class Pieces:
    """Roads as pieces one after the other, in the order of the roads, from a to b; arrays (p,) unless noted.

    `start_m` and `stop_m` are metres along the road in the plane, `land` is the position of the jurisdiction,
    -1 outside all; `total_m` (m,) is the length in the plane of each road.
    """

    road: _Index
    start_m: _Metres
    stop_m: _Metres
    land: _Index
    total_m: _Metres

    @property
    def first(self) -> NDArray[np.bool_]:
        """Whether a road begins with this piece."""
        return np.append(True, self.road[1:] != self.road[:-1])

    @property
    def last(self) -> NDArray[np.bool_]:
        """Whether a road ends with this piece."""
        return np.append(self.road[1:] != self.road[:-1], True)

    def middles(self, lines: NDArray[np.object_]) -> NDArray[np.object_]:
        """Points in the middle of the pieces, on the lines of all roads."""
        return np.asarray(shapely.line_interpolate_point(lines[self.road], (self.start_m + self.stop_m) / 2))

    def lines(self, network: Network, which: _Index) -> NDArray[np.object_]:
        """LineStrings of some pieces."""
        lines = network.lines(self.road[which])
        start, stop, total = self.start_m[which], self.stop_m[which], self.total_m[self.road[which]]
        for i in np.flatnonzero((start > 0) | (stop < total)):
            lines[i] = shapely.ops.substring(lines[i], start[i], stop[i])
        return lines


@dataclass(frozen=True)
class _Passage:
    """A crossing in the making: its nodes, sides, and the road whose attributes it takes."""

    id: str
    a: int
    b: int
    from_land: int
    to_land: int
    road: int
    in_node: bool


class _Nodes:
    """Nodes of the network and those that cutting adds."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._count = network.n_nodes
        self._xy: list[tuple[float, float]] = []
        self.copies: dict[int, dict[int, int]] = {}  # split node -> jurisdiction -> node

    def add(self, x: float, y: float) -> int:
        self._xy.append((x, y))
        self._count += 1
        return self._count - 1

    def split(self, node: _Index, land: _Index) -> None:
        """Give nodes with roads of several jurisdictions a copy for each; the first keeps the node itself."""
        ends = pd.DataFrame({"node": node, "land": land})[land >= 0].drop_duplicates()
        ends = ends.sort_values(["node", "land"])
        shared = ends[ends.duplicated("node", keep=False)]
        for one, of in shared.to_numpy().tolist():
            x, y = float(self._network.x[one]), float(self._network.y[one])
            sides = self.copies.setdefault(one, {})
            sides[of] = self.add(x, y) if sides else one

    def side(self, node: _Index, land: _Index) -> _Index:
        """Give the copy of each node that belongs to the given jurisdiction."""
        sides = node.astype(np.int64)
        for i in np.flatnonzero(np.isin(node, list(self.copies))):
            sides[i] = self.copies[int(node[i])].get(int(land[i]), int(node[i]))
        return sides

    def arrays(self) -> tuple[NDArray[np.int64], _Metres, _Metres]:
        """Ids (negative for added nodes) and coordinates of all nodes."""
        added = np.array(self._xy, dtype=np.float64).reshape(-1, 2)
        below = min(0, int(self._network.node_id.min(initial=0)))
        ids = below - 1 - np.arange(len(added))
        return (
            np.concatenate([self._network.node_id, ids]),
            np.concatenate([self._network.x, added[:, 0]]),
            np.concatenate([self._network.y, added[:, 1]]),
        )


def rebuild(network: Network, jurisdictions: gpd.GeoDataFrame, pieces: Pieces) -> Network:
    """Make a network of the pieces of its roads; neighbouring pieces lie in different jurisdictions."""
    nodes = _Nodes(network)
    a, b, passages = _join(network, jurisdictions, pieces, nodes)
    node_id, x, y = nodes.arrays()
    roads = _roads(network, jurisdictions, pieces, a, b, passages)
    road_xy, offset = _vertices(network, pieces, x, y, passages)
    return replace(
        network,
        node_id=node_id,
        x=x,
        y=y,
        roads=roads,
        road_xy=road_xy,
        road_offset=offset,
        crossings=_crossing_table(network, jurisdictions, passages, x, y),
        restrictions=_restrictions(network, pieces, roads, passages),
    )


def _join(
    network: Network, jurisdictions: gpd.GeoDataFrame, pieces: Pieces, nodes: _Nodes
) -> tuple[_Index, _Index, list[_Passage]]:
    """Nodes at both ends of each piece, and the passages between jurisdictions."""
    first, last = pieces.first, pieces.last
    a = network.roads["a"].to_numpy().astype(np.int64)[pieces.road]
    b = network.roads["b"].to_numpy().astype(np.int64)[pieces.road]
    end = np.concatenate([a[first], b[last]])
    land = np.concatenate([pieces.land[first], pieces.land[last]])
    nodes.split(end, land)
    a[first] = nodes.side(a[first], pieces.land[first])
    b[last] = nodes.side(b[last], pieces.land[last])
    passages = []
    seen: dict[int, int] = defaultdict(int)
    cuts = np.flatnonzero(~last)
    points = shapely.line_interpolate_point(network.lines(pieces.road[cuts]), pieces.stop_m[cuts])
    way = network.roads["way"].to_numpy()
    for i, x, y in zip(cuts.tolist(), shapely.get_x(points), shapely.get_y(points), strict=True):
        b[i] = nodes.add(float(x), float(y))
        if pieces.land[i] < 0 or pieces.land[i + 1] < 0:
            a[i + 1] = b[i]
            continue
        a[i + 1] = nodes.add(float(x), float(y))
        road = int(pieces.road[i])
        seen[int(way[road])] += 1
        name = f"w{way[road]}-{seen[int(way[road])]}"
        sides = int(pieces.land[i]), int(pieces.land[i + 1])
        passages.append(_Passage(name, int(b[i]), int(a[i + 1]), *sides, road, in_node=False))
    road_of_end = np.concatenate([pieces.road[first], pieces.road[last]])
    return a, b, passages + _passages_in_nodes(network, jurisdictions, nodes, end, road_of_end)


def _passages_in_nodes(
    network: Network, jurisdictions: gpd.GeoDataFrame, nodes: _Nodes, end: _Index, road_of_end: _Index
) -> list[_Passage]:
    """Join the copies of each split node; a crossing takes the name of the foremost road there."""
    rank = network.roads["class"].cat.codes.to_numpy()
    unnamed = (network.roads["name"] == "").to_numpy()
    split = np.isin(end, list(nodes.copies))
    at = pd.DataFrame({"node": end[split], "road": road_of_end[split]})
    at["rank"], at["unnamed"] = rank[at["road"]], unnamed[at["road"]]
    at = at.sort_values(["unnamed", "rank", "road"]).drop_duplicates("node")
    foremost = dict(zip(at["node"].tolist(), at["road"].tolist(), strict=True))
    ids = jurisdictions.index.astype(str)
    return [
        _Passage(f"n{osm_id}-{ids[p]}-{ids[q]}", copies[p], copies[q], p, q, foremost[node], in_node=True)
        for node, copies in nodes.copies.items()
        for osm_id in [network.node_id[node]]
        for p, q in combinations(copies, 2)
    ]


def _roads(
    network: Network,
    jurisdictions: gpd.GeoDataFrame,
    pieces: Pieces,
    a: _Index,
    b: _Index,
    passages: list[_Passage],
) -> pd.DataFrame:
    """Lay out the pieces, then the crossings."""
    share = np.ones(len(pieces.road))
    cut = ~(pieces.first & pieces.last)
    share[cut] = (pieces.stop_m - pieces.start_m)[cut] / pieces.total_m[pieces.road[cut]]
    source = np.concatenate([pieces.road, [item.road for item in passages]]).astype(np.int64)
    roads = network.roads.take(source).reset_index(drop=True)
    none = np.zeros(len(passages))
    roads["a"] = np.concatenate([a, [item.a for item in passages]]).astype(np.int32)
    roads["b"] = np.concatenate([b, [item.b for item in passages]]).astype(np.int32)
    roads["length_m"] = np.concatenate([roads["length_m"].to_numpy()[: len(share)] * share, none])
    land = np.concatenate([pieces.land, np.full(len(passages), -1)])
    ids = pd.Index(jurisdictions.index.astype(str))
    roads["jurisdiction"] = pd.Categorical.from_codes(land, categories=ids)
    roads["crossing"] = np.concatenate([np.full(len(share), -1), np.arange(len(passages))]).astype(np.int32)
    # A crossing in a node belongs to no way and binds nobody but by its own delay.
    in_node = len(share) + np.flatnonzero([item.in_node for item in passages])
    roads.loc[in_node, ["way", "oneway"]] = 0
    roads.loc[in_node, "access"] = "yes"
    roads.loc[in_node, ["max_height_m", "max_weight_t"]] = np.nan
    return roads


def _vertices(
    network: Network, pieces: Pieces, x: _Metres, y: _Metres, passages: list[_Passage]
) -> tuple[_Metres, NDArray[np.int64]]:
    """Vertices of the pieces, then of the crossings (the same point twice)."""
    cut = np.flatnonzero(~(pieces.first & pieces.last))
    xy, owner = shapely.get_coordinates(pieces.lines(network, cut), return_index=True)
    counts = np.diff(network.road_offset)[pieces.road]
    start = network.road_offset[:-1][pieces.road]
    counts[cut] = np.bincount(owner, minlength=len(cut))
    start[cut] = len(network.road_xy) + np.cumsum(counts[cut]) - counts[cut]
    offset = np.concatenate([[0], np.cumsum(counts)])
    vertex = np.arange(offset[-1]) + np.repeat(start - offset[:-1], counts)
    ends = np.array([end for item in passages for end in (item.a, item.b)], dtype=np.int64)
    pool = np.concatenate([network.road_xy, xy])
    road_xy = np.concatenate([pool[vertex], np.column_stack([x[ends], y[ends]])])
    return road_xy, np.concatenate([offset, offset[-1] + 2 + 2 * np.arange(len(passages))]).astype(np.int64)


def no_crossings(crs: CRS) -> gpd.GeoDataFrame:
    """Give an empty table of crossings."""
    text = ("name", "from_jurisdiction", "to_jurisdiction", "from_country", "to_country")
    columns: dict[str, pd.Series] = {name: pd.Series(dtype="str") for name in text}
    columns["international"] = pd.Series(dtype=bool)
    columns["class"] = pd.Series(dtype="str")
    columns["bridge"] = pd.Series(dtype=bool)
    columns["tunnel"] = pd.Series(dtype=bool)
    index = pd.Index([], dtype="str", name="crossing")
    return gpd.GeoDataFrame(columns, geometry=gpd.GeoSeries([], crs=crs), crs=crs).set_index(index)


def _crossing_table(
    network: Network, jurisdictions: gpd.GeoDataFrame, passages: list[_Passage], x: _Metres, y: _Metres
) -> gpd.GeoDataFrame:
    """Lay out the crossings."""
    roads = network.roads.take(np.array([item.road for item in passages], dtype=np.int64))
    start = jurisdictions.take([item.from_land for item in passages])
    stop = jurisdictions.take([item.to_land for item in passages])
    at = np.array([item.a for item in passages], dtype=np.int64)
    names, countries = [(start[column], stop[column]) for column in ("name", "country")]
    labels = [
        name or f"unnamed {kind} road" for name, kind in zip(roads["name"], roads["class"], strict=True)
    ]
    table = pd.DataFrame(
        {
            "name": [f"{label} ({p} – {q})" for label, p, q in zip(labels, *names, strict=True)],
            "from_jurisdiction": start.index.astype(str),
            "to_jurisdiction": stop.index.astype(str),
            "from_country": start["country"].to_numpy(),
            "to_country": stop["country"].to_numpy(),
            "international": [bool(p and q and p != q) for p, q in zip(*countries, strict=True)],
            "class": roads["class"].astype("str").to_numpy(),
            "bridge": roads["bridge"].to_numpy(),
            "tunnel": roads["tunnel"].to_numpy(),
        },
        index=pd.Index([item.id for item in passages], dtype="str", name="crossing"),
    )
    return gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(x[at], y[at]), crs=network.crs)


def _restrictions(
    network: Network, pieces: Pieces, roads: pd.DataFrame, passages: list[_Passage]
) -> tuple[Restriction, ...]:
    """Carry restrictions over to the pieces, through crossings where they lead over a boundary."""
    ends = np.column_stack([roads["a"], roads["b"]])
    links: dict[tuple[int, int], int] = {}
    in_nodes: dict[tuple[int, int], int] = {}
    for k, item in enumerate(passages):
        edge = 2 * (len(pieces.road) + k)
        both = {(item.a, item.b): edge, (item.b, item.a): edge + 1}
        links |= both
        if item.in_node:
            in_nodes |= both
    begin = np.flatnonzero(pieces.first)
    stop = np.append(begin[1:], len(pieces.road))

    def tail(edge: int) -> int:
        return int(ends[edge >> 1, edge & 1])

    def head(edge: int) -> int:
        return int(ends[edge >> 1, 1 - (edge & 1)])

    def chain(edge: int) -> list[int]:
        """Pieces of an edge in driving order."""
        forward = range(begin[edge >> 1], stop[edge >> 1])
        return [2 * one for one in forward] if not edge & 1 else [2 * one + 1 for one in reversed(forward)]

    carried: dict[Restriction, None] = {}
    split: set[int] = set()
    for old in network.restrictions:
        first, *between, last = (chain(edge) for edge in old.path)
        wanted = [first[-1], *(edge for one in between for edge in one), last[0]]
        path = [wanted[0]]
        for place, edge in enumerate(wanted[1:], start=2):
            here, there = head(path[-1]), tail(edge)
            if here != there:
                path.append(links[here, there])
                if old.only and place == len(wanted) and (here, there) in in_nodes:
                    # Who must drive on behind the boundary must first cross it; until then nobody is bound.
                    carried[replace(old, path=tuple(path))] = None
            path.append(edge)
        carried[replace(old, path=tuple(path))] = None
        split |= {tail(edge) for edge in path[1:]} | {head(edge) for edge in path[:-1]}
    for detour in _detours(in_nodes, split):
        carried[Restriction(detour, "no_straight_on")] = None
    return tuple(carried)


def _detours(links: dict[tuple[int, int], int], nodes: set[int]) -> list[tuple[int, int]]:
    """Two crossings in a row at one place: no road leads there, and a restriction could be evaded by it."""
    from_node: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for (start, stop), edge in links.items():
        from_node[start].append((stop, edge))
    return [
        (edge, onward)
        for start in sorted(nodes & from_node.keys())
        for middle, edge in from_node[start]
        for _, onward in from_node[middle]
    ]
