"""Ways through the road network in words and lines: what somebody who drives them must know."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import shapely.ops
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from mutualaid.evacuation._build import EvacuationNetwork

__all__ = ["edge_lines", "ways"]

#: A stretch without a name that is shorter than this, between two of one name, is part of it: a roundabout.
_SWALLOWED_M = 100.0
#: A road driven this far, or of one of these classes, is one that people know.
_MAIN_M = 300.0
_MAIN = ("motorway", "trunk", "primary", "secondary", "tertiary")


def edge_lines(built: EvacuationNetwork, edges: ArrayLike) -> NDArray[np.object_]:
    """Give LineStrings of directed road edges in driving direction, in the CRS of the network.

    Parameters
    ----------
    built
        The evacuation network.
    edges
        (p,) directed edges of ``built.network``.

    Examples
    --------
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.evacuation import edge_lines, evacuation_network
    >>> built = evacuation_network(analyse(read_region(demo_path())), ["FR-cap-d-ail"])
    >>> there, back = edge_lines(built, [6, 7])
    >>> there.coords[0] == back.coords[-1]
    True
    """
    edge = np.asarray(edges, dtype=np.int64)
    lines = built.network.lines(edge >> 1)
    back = (edge & 1) == 1
    lines[back] = shapely.reverse(lines[back])
    return lines


def ways(built: EvacuationNetwork, paths: Sequence[NDArray[np.integer]]) -> gpd.GeoDataFrame:
    """Describe ways from where people set out to where they go.

    Parameters
    ----------
    built
        The evacuation network.
    paths
        Edges of ``built.flow`` of each way in driving order, as of `RoutePlan.paths`.

    Returns
    -------
    GeoDataFrame
        One row a path: ``roads`` (tuple of names in driving order, equal neighbours once, "" for roads without a name;
        short pieces without one between two stretches of one name belong to it), ``main`` (tuple: those of them with
        a name that are driven 300 m or more, or are tertiary or more important roads), ``length_m``, ``crossings``
        (tuple of ids between different partners, in order), and the line in the CRS of the network; a point, drawn as
        a line of no length, where nothing is driven.

    Examples
    --------
    >>> import numpy as np
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.evacuation import evacuation_network, ways
    >>> built = evacuation_network(analyse(read_region(demo_path())), ["FR-cap-d-ail"])
    >>> corniche = built.network.roads.index[built.network.roads["name"] == "Moyenne Corniche"]
    >>> some = np.flatnonzero(np.isin(built.flow.road_edge, 2 * corniche.to_numpy()))[:1]
    >>> ways(built, [some])["roads"].tolist()
    [('Moyenne Corniche',)]
    """
    rows = [_described(built, np.asarray(path, dtype=np.int64)) for path in paths]
    columns = ["roads", "main", "length_m", "crossings"]
    frame = pd.DataFrame([row[:4] for row in rows], columns=columns)
    frame["length_m"] = frame["length_m"].astype(np.float64)
    return gpd.GeoDataFrame(frame, geometry=[row[4] for row in rows], crs=built.network.crs)


def _described(
    built: EvacuationNetwork, path: NDArray[np.int64]
) -> tuple[tuple[str, ...], tuple[str, ...], float, tuple[str, ...], shapely.LineString]:
    roads = built.network.roads
    road_edge = built.flow.road_edge[path]
    on = np.flatnonzero(road_edge >= 0)
    edge = road_edge[on].astype(np.int64)
    begin, stop = built.from_fraction[path[on]], built.to_fraction[path[on]]
    crossing = roads["crossing"].to_numpy()[edge >> 1]
    passed = crossing[(crossing >= 0)]
    ids = tuple(str(built.network.crossings.index[one]) for one in passed if built.borders[one])
    real = crossing < 0
    edge, begin, stop = edge[real], begin[real], stop[real]
    length_m = roads["length_m"].to_numpy()[edge >> 1] * (stop - begin)
    names = roads["name"].to_numpy(object)[edge >> 1]
    important = roads["class"].isin(_MAIN).to_numpy()[edge >> 1]
    stretches = _stretches([str(one) for one in names], length_m.tolist(), important.tolist())
    main = tuple(name for name, metres, known in stretches if name and (known or metres >= _MAIN_M))
    main = main[:1] + tuple(name for before, name in pairwise(main) if name != before)
    line = _line(built, path, edge, begin, stop)
    return tuple(name for name, _, _ in stretches), main, float(length_m.sum()), ids, line


def _stretches(
    names: Sequence[str], length_m: Sequence[float], important: Sequence[bool]
) -> list[tuple[str, float, bool]]:
    """Name, metres, and whether any of it is important, of each stretch of one name in a row."""
    found: list[tuple[str, float, bool]] = []
    for one in zip(names, length_m, important, strict=True):
        found.append(one)
        _joined(found)
        # Between two stretches of one name: what is in the middle is part of them.
        if (
            len(found) >= 3
            and not found[-2][0]
            and found[-2][1] < _SWALLOWED_M
            and found[-3][0] == found[-1][0]
        ):
            before, middle, last = found[-3:]
            found[-3:] = [(last[0], before[1] + middle[1] + last[1], before[2] or middle[2] or last[2])]
    return found


def _joined(found: list[tuple[str, float, bool]]) -> None:
    if len(found) >= 2 and found[-1][0] == found[-2][0]:
        before, last = found[-2:]
        found[-2:] = [(last[0], before[1] + last[1], before[2] or last[2])]


def _line(
    built: EvacuationNetwork,
    path: NDArray[np.int64],
    edge: NDArray[np.int64],
    begin: NDArray[np.float64],
    stop: NDArray[np.float64],
) -> shapely.LineString:
    if not len(edge):
        x, y = _where(built, path)
        return shapely.LineString([(x, y), (x, y)])
    parts = []
    for line, first, last in zip(edge_lines(built, edge), begin.tolist(), stop.tolist(), strict=True):
        whole = first <= 0 and last >= 1
        part = line if whole else shapely.ops.substring(line, first, last, normalized=True)
        parts.append(shapely.get_coordinates(part))
    xy = np.concatenate(parts)
    xy = xy[np.append(True, (np.diff(xy, axis=0) != 0).any(axis=1))]
    return shapely.LineString(np.repeat(xy, 2, axis=0) if len(xy) == 1 else xy)


def _where(built: EvacuationNetwork, path: NDArray[np.int64]) -> tuple[float, float]:
    """Place of a path on which nothing is driven: where its source is, else its sink."""
    sources = built.flow.sources
    tail = built.flow.tail[path[:1]]
    at = sources[sources["node"].isin(tail)]
    if len(at):
        return float(at["x"].iloc[0]), float(at["y"].iloc[0])
    return 0.0, 0.0
