"""Networks as OSMnx graphs and GraphML files, in and out."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from mutualaid.errors import Defect, NetworkError
from mutualaid.network._boundary import cut_at_boundaries
from mutualaid.network._crossings import no_crossings
from mutualaid.network._crs import projected_crs
from mutualaid.network._model import ROAD_CLASSES, Network
from mutualaid.network._profiles import Profile, edge_times
from mutualaid.network._tags import TAG_KEYS, meanings, tag_table

__all__ = ["from_osmnx", "read_graphml", "to_osmnx", "write_graphml"]

#: Two edges in opposite directions are one road if their lengths differ by no more than this.
_SAME_LENGTH_M = 0.1

_Edge = tuple[Any, Any, dict[str, Any]]


def from_osmnx(
    G: nx.MultiDiGraph[Any],  # noqa: N803 - the name that OSMnx gives it
    *,
    crs: CRS | str | int,
    jurisdictions: gpd.GeoDataFrame | None = None,
) -> Network:
    """Make a network of an OSMnx graph.

    Two edges of the same way in opposite directions become one road; an edge without its opposite is one-way.
    Where OSMnx has merged ways and an attribute is a list, the foremost class, the lowest limit and the
    first name count. Turn restrictions are not part of such a graph.

    Parameters
    ----------
    G
        Graph with ``crs``; nodes with ``x`` and ``y``; edges with ``highway``, and ``length`` in metres.
    crs
        Projected CRS in metres to work in.
    jurisdictions
        Polygons in `crs` at whose boundaries the roads are cut, see `cut_at_boundaries`. Not cut if None.

    Raises
    ------
    NetworkError
        The graph has no CRS, a node has no position, or no edge is a drivable road.

    Examples
    --------
    >>> import networkx as nx
    >>> from mutualaid.network import from_osmnx
    >>> G = nx.MultiDiGraph(crs="EPSG:32632")
    >>> G.add_nodes_from([(1, {"x": 0.0, "y": 0.0}), (2, {"x": 100.0, "y": 0.0})])
    >>> _ = G.add_edge(1, 2, osmid=7, highway="residential", length=100.0, maxspeed="30")
    >>> _ = G.add_edge(2, 1, osmid=7, highway="residential", length=100.0, maxspeed="30")
    >>> network = from_osmnx(G, crs="EPSG:32632")
    >>> network.n_nodes, network.n_roads, network.roads["oneway"].tolist()
    (2, 1, [0])
    """
    target = projected_crs(crs)
    source = _checked(G)
    edges = [edge for edge in G.edges(data=True) if _highway(edge[2]) in ROAD_CLASSES]
    if not edges:
        raise NetworkError(
            [Defect("", "graph", "an edge with a drivable highway", "none", "check the network type")]
        )
    forward, backward = _paired(edges)
    position = {node: i for i, node in enumerate(G.nodes)}
    notes = Counter({"edges of other classes, left out": G.number_of_edges() - len(edges)})
    roads, problems = _road_table(G, edges, forward, backward, position)
    notes.update(problems)
    lines = _lines(G, [edges[i] for i in forward])
    move = Transformer.from_crs(source, target, always_xy=True)
    road_xy, owner = shapely.get_coordinates(lines, return_index=True)
    road_xy = np.column_stack(move.transform(road_xy[:, 0], road_xy[:, 1]))
    xy = np.array([[data["x"], data["y"]] for _, data in G.nodes(data=True)], dtype=np.float64)
    xy = np.column_stack(move.transform(xy[:, 0], xy[:, 1]))
    offset = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(lines)))]).astype(np.int64)
    plane_m = np.asarray(shapely.length(shapely.linestrings(road_xy, indices=owner)))
    roads["length_m"] = roads["length_m"].fillna(pd.Series(plane_m))
    network = Network(
        crs=target,
        node_id=_node_ids(G),
        x=xy[:, 0],
        y=xy[:, 1],
        roads=roads,
        road_xy=road_xy,
        road_offset=offset,
        crossings=_crossings_in(G, roads, xy, target),
        notes={reason: count for reason, count in sorted(notes.items()) if count},
    )
    return network if jurisdictions is None else cut_at_boundaries(network, jurisdictions)


def _checked(graph: nx.MultiDiGraph[Any]) -> CRS:
    """CRS of a graph that has everything needed."""
    defects = []
    crs = None
    try:
        crs = CRS.from_user_input(graph.graph["crs"])
    except (KeyError, CRSError) as error:
        defects.append(Defect("", "graph", "a CRS", str(error)[:120], "set G.graph['crs']"))
    for node, data in graph.nodes(data=True):
        if not all(isinstance(data.get(key), (int, float)) and math.isfinite(data[key]) for key in "xy"):
            got = f"x {data.get('x')!r}, y {data.get('y')!r}"[:80]
            defects.append(
                Defect("", f"node {node}", "finite numbers x and y", got, "give the node a position")
            )
    if defects or crs is None:
        raise NetworkError(defects)
    return crs


def _node_ids(graph: nx.MultiDiGraph[Any]) -> NDArray[np.int64]:
    """Node ids if they are whole numbers, else numbers in order."""
    if all(isinstance(node, (int, np.integer)) for node in graph.nodes):
        return np.array(list(graph.nodes), dtype=np.int64)
    return np.arange(1, graph.number_of_nodes() + 1)


def _values(value: Any) -> list[Any]:
    """Give an attribute as a list: OSMnx makes lists where it has merged ways. Missing ones are left out."""
    values = value if isinstance(value, (list, tuple, set)) else [value]
    return [one for one in values if one is not None and one == one]  # NaN is not itself


def _highway(data: Mapping[str, Any]) -> str:
    """Give the foremost drivable class of an edge, "" if there is none."""
    drivable = [one for one in _values(data.get("highway")) if one in ROAD_CLASSES]
    return min(drivable, key=ROAD_CLASSES.index, default="")


def _tags(data: Mapping[str, Any]) -> tuple[str | None, ...]:
    """Tags of an edge as OSM has them; the direction is in the edges themselves."""
    tags = {key: ";".join(str(one) for one in _values(data.get(key))) for key in TAG_KEYS}
    for key in ("bridge", "tunnel", "covered", "access", "emergency", "junction", "layer"):
        tags[key] = str(next(iter(_values(data.get(key))), ""))
    return tuple({**tags, "highway": _highway(data), "oneway": "no"}[key] or None for key in TAG_KEYS)


def _paired(edges: Sequence[_Edge]) -> tuple[list[int], list[int | None]]:
    """Roads as pairs of edges: one, and the other in the opposite direction or None."""
    waiting: dict[tuple[Any, Any, str], list[int]] = {}
    forward: list[int] = []
    backward: list[int | None] = []
    place: dict[int, int] = {}
    for i, (u, v, data) in enumerate(edges):
        ways = ",".join(sorted(str(one) for one in _values(data.get("osmid"))))
        length = _length_m(data)
        opposite = waiting.get((v, u, ways), [])
        match = next((j for j in opposite if not abs(_length_m(edges[j][2]) - length) > _SAME_LENGTH_M), None)
        if match is None:
            waiting.setdefault((u, v, ways), []).append(i)
            place[i] = len(forward)
            forward.append(i)
            backward.append(None)
        else:
            opposite.remove(match)
            backward[place[match]] = i
    return forward, backward


def _road_table(
    graph: nx.MultiDiGraph[Any],
    edges: Sequence[_Edge],
    forward: Sequence[int],
    backward: Sequence[int | None],
    position: Mapping[Any, int],
) -> tuple[pd.DataFrame, Counter[str]]:
    """Lay the roads out with the columns of `Network.roads`."""
    sets: dict[tuple[str | None, ...], int] = {}
    kind = np.array([sets.setdefault(_tags(data), len(sets)) for _, _, data in edges], dtype=np.int64)
    table, notes = tag_table(meanings(list(sets)), np.bincount(kind, minlength=len(sets)).tolist())
    table = table.take(kind)
    of_road = table.iloc[list(forward)].reset_index(drop=True)
    other = np.array([i if j is None else j for i, j in zip(forward, backward, strict=True)])
    # An edge drives forward, so the limit of the opposite edge is the one for the way back.
    of_road["maxspeed_backward_kph"] = table["maxspeed_forward_kph"].to_numpy()[other]
    of_road["oneway"] = np.array([j is None for j in backward], dtype=np.int8)
    chosen = [edges[i] for i in forward]
    names = [next((str(n) for key in ("name", "ref") for n in _values(d.get(key))), "") for _, _, d in chosen]
    lands = [next(iter(_values(data.get("jurisdiction"))), None) for _, _, data in chosen]
    ids = [item["crossing"] for item in json.loads(graph.graph.get("crossings", "[]"))]
    columns = {
        "a": np.array([position[u] for u, _, _ in chosen], dtype=np.int32),
        "b": np.array([position[v] for _, v, _ in chosen], dtype=np.int32),
        "length_m": np.array([_length_m(data) for _, _, data in chosen]),
        "way": np.array([_way(data) for _, _, data in chosen], dtype=np.int64),
        "class": of_road["class"],
        "name": pd.Series(names, dtype="str"),
        **{name: of_road[name] for name in table.columns if name != "class"},
        "jurisdiction": pd.Categorical(pd.Series(lands, dtype="str")),
        "crossing": pd.Index(ids, dtype="str").get_indexer(
            [data.get("crossing", "") for _, _, data in chosen]
        ),
    }
    roads = pd.DataFrame(columns)
    return roads.astype({"crossing": np.int32}), notes


def _length_m(data: Mapping[str, Any]) -> float:
    return float(data.get("length", math.nan))


def _way(data: Mapping[str, Any]) -> int:
    first = next(iter(_values(data.get("osmid"))), 0)
    return int(first) if str(first).lstrip("-").isdigit() else 0


def _lines(graph: nx.MultiDiGraph[Any], edges: Sequence[_Edge]) -> list[shapely.LineString]:
    """Geometry of edges, from their first node to their second; straight where they have none."""
    lines = []
    for u, v, data in edges:
        start, stop = ((graph.nodes[node]["x"], graph.nodes[node]["y"]) for node in (u, v))
        line = data.get("geometry") or shapely.LineString([start, stop])
        # OSMnx keeps the drawing direction of the way for some edges in the opposite direction.
        lines.append(
            line if math.dist(line.coords[0], start) <= math.dist(line.coords[-1], start) else line.reverse()
        )
    return lines


def _crossings_in(
    graph: nx.MultiDiGraph[Any], roads: pd.DataFrame, xy: NDArray[np.float64], crs: CRS
) -> gpd.GeoDataFrame:
    """Crossings of a graph that `to_osmnx` has written."""
    table = pd.DataFrame(json.loads(graph.graph.get("crossings", "[]")))
    if table.empty:
        return no_crossings(crs)
    at = roads[roads["crossing"] >= 0].set_index("crossing")["a"].reindex(range(len(table))).to_numpy()
    points = gpd.points_from_xy(xy[at, 0], xy[at, 1])
    return gpd.GeoDataFrame(table.set_index("crossing"), geometry=points, crs=crs)


def to_osmnx(network: Network, profile: Profile | None = None) -> nx.MultiDiGraph[Any]:
    """Make an OSMnx graph of a network: one edge for each direction that may be driven.

    Turn restrictions and junction delays cannot be said in such a graph; they are left out.

    Parameters
    ----------
    network
        The road network.
    profile
        If given, edges are those that it may drive, with ``speed_kph`` and ``travel_time`` (seconds).
        Otherwise edges follow the one-way rules alone.

    Returns
    -------
    networkx.MultiDiGraph
        Nodes by id with ``x`` and ``y``; edges with the attributes of OSMnx (``osmid``, ``highway``,
        ``length``, ``geometry``, ``oneway``, ``maxspeed`` …), ``jurisdiction``, and ``crossing`` where they
        are one.

    Examples
    --------
    >>> import networkx as nx
    >>> from mutualaid.network import from_osmnx, profile, to_osmnx
    >>> G = nx.MultiDiGraph(crs="EPSG:32632")
    >>> G.add_nodes_from([(1, {"x": 0.0, "y": 0.0}), (2, {"x": 650.0, "y": 0.0})])
    >>> _ = G.add_edge(1, 2, osmid=7, highway="primary", length=650.0)
    >>> H = to_osmnx(from_osmnx(G, crs="EPSG:32632"), profile("fire_engine"))
    >>> [(u, v, data["travel_time"]) for u, v, data in H.edges(data=True)]
    [(1, 2, 36.0), (2, 1, 156.0)]
    """
    graph: nx.MultiDiGraph[Any] = nx.MultiDiGraph(crs=network.crs.to_string())
    if len(network.crossings):
        table = pd.DataFrame(network.crossings.drop(columns="geometry")).reset_index()
        graph.graph["crossings"] = table.to_json(orient="records")
    for node, x, y in zip(network.node_id.tolist(), network.x.tolist(), network.y.tolist(), strict=True):
        graph.add_node(node, x=x, y=y)
    oneway = network.roads["oneway"].to_numpy()
    drive_ms = None if profile is None else edge_times(network, profile).drive_ms
    open_forward = oneway != -1 if drive_ms is None else drive_ms[0::2] >= 0
    open_backward = oneway != 1 if drive_ms is None else drive_ms[1::2] >= 0
    ids = network.crossings.index
    rows = network.roads.drop(columns=["class", "a", "b"]).to_dict("records")
    classes = network.roads["class"].astype("str")
    ends = network.node_id[network.roads[["a", "b"]].to_numpy()].tolist()
    lines = network.lines()
    for i, (row, name, (a, b)) in enumerate(zip(rows, classes, ends, strict=True)):
        common = _attributes(row, name, ids)
        common["oneway"] = bool(open_forward[i]) != bool(open_backward[i])
        for backwards, (u, v) in enumerate([(a, b), (b, a)]):
            if not (open_backward if backwards else open_forward)[i]:
                continue
            data = {**common, "reversed": bool(backwards)}
            data["geometry"] = lines[i].reverse() if backwards else lines[i]
            kph = row["maxspeed_backward_kph" if backwards else "maxspeed_forward_kph"]
            if not math.isnan(kph):
                data["maxspeed"] = "none" if math.isinf(kph) else f"{kph:g}"
            if drive_ms is not None:
                seconds = int(drive_ms[2 * i + backwards]) / 1000.0
                data["travel_time"] = seconds
                data["speed_kph"] = row["length_m"] / seconds * 3.6 if seconds else 0.0
            graph.add_edge(u, v, **data)
    return graph


def _attributes(row: Mapping[Any, Any], road_class: str, crossing_ids: pd.Index) -> dict[str, Any]:
    """Attributes of an edge that do not depend on its direction."""
    data = {"osmid": row["way"], "highway": road_class, "length": row["length_m"], "access": row["access"]}
    if row["access"] == "closed":
        data |= {"access": "no", "emergency": "no"}
    data |= {key: "yes" for key in ("bridge", "tunnel", "covered") if row[key]}
    data |= {key: row[key] for key in ("name", "layer") if row[key]}
    limits = {"lanes": "lanes", "maxheight": "max_height_m", "maxweight": "max_weight_t"}
    data |= {key: f"{row[column]:g}" for key, column in limits.items() if not math.isnan(row[column])}
    if isinstance(row["jurisdiction"], str):
        data["jurisdiction"] = row["jurisdiction"]
    if row["crossing"] >= 0:
        data["crossing"] = crossing_ids[row["crossing"]]
    return data


def read_graphml(
    path: str | PathLike[str], *, crs: CRS | str | int, jurisdictions: gpd.GeoDataFrame | None = None
) -> Network:
    """Read a network from a GraphML file as OSMnx or `write_graphml` writes it.

    See `from_osmnx` for the parameters and for what such a file cannot say.

    Raises
    ------
    NetworkError
        The file is missing or not such a GraphML file.

    Examples
    --------
    >>> from mutualaid.network import read_graphml
    >>> network = read_graphml("roads.graphml", crs="EPSG:32632")  # doctest: +SKIP
    """
    import osmnx  # slow to import, and needed here alone

    file = Path(path)
    try:
        graph = osmnx.load_graphml(file, node_dtypes={"x": float, "y": float})
    except (OSError, ParseError, ValueError, KeyError, SyntaxError, nx.NetworkXError) as error:
        raise NetworkError(
            [
                Defect(
                    file.name,
                    "",
                    "a GraphML file as OSMnx writes it",
                    str(error)[:200] or type(error).__name__,
                    "check the path, or save the graph again with osmnx.save_graphml",
                )
            ]
        ) from error
    return from_osmnx(graph, crs=crs, jurisdictions=jurisdictions)


def write_graphml(network: Network, path: str | PathLike[str], *, profile: Profile | None = None) -> Path:
    """Write a network as a GraphML file that OSMnx, Gephi and QGIS can read.

    See `to_osmnx` for the parameters and for what such a file cannot say.

    Returns
    -------
    Path
        The file written.

    Examples
    --------
    >>> from mutualaid.network import write_graphml
    >>> write_graphml(network, "roads.graphml")  # doctest: +SKIP
    """
    import osmnx  # slow to import, and needed here alone

    file = Path(path)
    osmnx.save_graphml(to_osmnx(network, profile), file)
    return file
