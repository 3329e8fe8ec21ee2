"""Where people set out from: a junction near them, or the road before their door."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from mutualaid.network import RouteGraph, snap, travel_times

__all__ = ["gather", "junction_capacity"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Whoever drives to the junction may drive twice the distance, at the speed of the slowest streets.
_DETOUR, _SLOW_MPS = 2.0, 15 / 3.6
#: Fewer people than this do not gather on their own where there are others in reach: some forty cars.
_FEW = 100.0
#: Whoever has no road walks there, in a straight line at a slow pace to make up for it.
_WALK_MPS = 1.0


def junction_capacity(graph: RouteGraph, capacity_vph: Floats) -> Floats:
    """Vehicles an hour that can leave each node: (n,); crossings, which are points, do not count."""
    edges = np.flatnonzero((graph.drive_ms >= 0) & ~graph.crossing_edge)
    tail = graph.network.roads[["a", "b"]].to_numpy(np.int64).ravel()[edges]
    total = np.bincount(tail, capacity_vph[edges], minlength=graph.network.n_nodes)
    return np.asarray(total, dtype=np.float64)


def gather(
    graph: RouteGraph,
    people: gpd.GeoDataFrame,
    *,
    capacity_vph: Floats,
    open_node: Bools,
    ground: NDArray[np.object_],
    gather_m: float,
    snap_m: float,
) -> pd.DataFrame:
    """Say where each place's people set out from.

    Of the junctions on the ground of their own partner that are no further than `gather_m`, and not much further to
    drive, they go to the one from which most vehicles an hour can leave; of equal ones to the one that most people
    could go to, then to the nearest. Fewer than a hundred join another gathering of their zone that all of them can
    reach. Where there is no junction they set out on the road before their door. Whoever has no road that cars may use
    walks to a junction. On the way there neither other vehicles nor hazards count.

    Parameters
    ----------
    graph
        The roads as cars use them.
    people
        Points with ``zone``, ``partner`` and ``population``, in the CRS of the network.
    capacity_vph
        (n,) see `junction_capacity`.
    open_node
        (n,) junctions from which there is a way out.
    ground
        (n,) partner on whose ground each junction lies.
    gather_m, snap_m
        Metres; further than `snap_m` from any road is not on it.

    Returns
    -------
    DataFrame
        Index of `people`; ``node`` (-1 if none), ``road`` and ``fraction`` (-1 and NaN at a junction), ``access_s``
        (seconds to there) and ``kind``: ``junction``, ``road``, ``cut off`` (their road leads nowhere, and no junction
        that leads further is near), or ``none``, for whoever has no road.
    """
    places = snap(graph.network, people, max_m=snap_m, graph=graph)
    on_road = (places["status"] == "ok").to_numpy()
    n = len(people)
    node, access_s = np.full(n, -1), np.zeros(n)
    candidates = np.flatnonzero(open_node & (capacity_vph > 0))
    row, junction = _near(graph, people, candidates, gather_m)
    own = people["partner"].to_numpy(object)[row] == ground[junction]
    row, junction = row[own], junction[own]
    reached = _seconds(graph, places, row, junction, on_road, people, gather_m)
    within = np.isfinite(reached)
    row, junction, reached = row[within], junction[within], reached[within]
    within_reach = np.bincount(
        junction, people["population"].to_numpy(np.float64)[row], minlength=len(capacity_vph)
    )
    # To a millionth, so that sums in another order choose no other junction.
    order = np.lexsort(
        (junction, reached, -within_reach[junction].round(6), -capacity_vph[junction].round(6), row)
    )
    row, junction, reached = row[order], junction[order], reached[order]
    first = _without_few(row, junction, people)
    node[row[first]] = junction[first]
    access_s[row[first]] = reached[first]
    along = (node < 0) & on_road
    cut_off = (places["status"] == "disconnected").to_numpy()
    return pd.DataFrame(
        {
            "node": node,
            "road": np.where(along, places["road"], -1).astype(np.int64),
            "fraction": np.where(along, places["fraction"], np.nan),
            "access_s": access_s,
            "kind": np.select([node >= 0, along, cut_off], ["junction", "road", "cut off"], "none"),
        },
        index=people.index,
    )


def _without_few(
    row: NDArray[np.int64], junction: NDArray[np.int64], people: gpd.GeoDataFrame
) -> NDArray[np.int64]:
    """Choose a junction for each place: positions in the pairs, which come in the order of what each place prefers.

    A gathering of few people, the smallest first, joins others that each of its places can reach as well.
    """
    chosen = np.unique(row, return_index=True)[1]
    place = row[chosen].tolist()
    begin = dict(zip(place, chosen.tolist(), strict=True))
    stop = dict(zip(place, [*chosen[1:].tolist(), len(row)][: len(place)], strict=True))
    zone, count = people["zone"].to_numpy(object), people["population"].to_numpy(np.float64)
    found = dict(begin)
    gathered: dict[tuple[str, int], list[int]] = {}
    for one in place:
        gathered.setdefault((zone[one], int(junction[begin[one]])), []).append(one)
    size = {key: float(count[mine].sum()) for key, mine in gathered.items()}
    for key in sorted(gathered, key=lambda one: (size[one], one)):
        if size[key] >= _FEW:
            continue
        others = [
            next(
                (
                    k
                    for k in range(begin[one], stop[one])
                    if junction[k] != key[1] and (key[0], int(junction[k])) in gathered
                ),
                -1,
            )
            for one in gathered[key]
        ]
        if min(others) < 0:
            continue
        for one, k in zip(gathered.pop(key), others, strict=True):
            there = (key[0], int(junction[k]))
            found[one] = k
            gathered[there].append(one)
            size[there] += float(count[one])
    return np.array([found[one] for one in place], dtype=np.int64)


def _near(
    graph: RouteGraph, people: gpd.GeoDataFrame, candidates: NDArray[np.int64], gather_m: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of a place and a junction no further than that, as the crow flies."""
    network = graph.network
    if not len(candidates) or not len(people):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    points = gpd.GeoSeries.from_xy(network.x[candidates], network.y[candidates])
    tree = shapely.STRtree(points.to_numpy())
    row, hit = tree.query(people.geometry.to_numpy(), predicate="dwithin", distance=gather_m)
    return np.asarray(row, np.int64), candidates[hit]


def _seconds(
    graph: RouteGraph,
    places: pd.DataFrame,
    row: NDArray[np.int64],
    junction: NDArray[np.int64],
    on_road: Bools,
    people: gpd.GeoDataFrame,
    gather_m: float,
) -> Floats:
    """Seconds of each pair: to drive, or to walk where there is no road; inf if that takes too long."""
    network = graph.network
    seconds = np.full(len(row), np.inf)
    x, y = people.geometry.x.to_numpy(), people.geometry.y.to_numpy()
    walking = ~on_road[row]
    at = junction[walking]
    seconds[walking] = np.hypot(x[row[walking]] - network.x[at], y[row[walking]] - network.y[at]) / _WALK_MPS
    targets = np.unique(junction[~walking])
    if not len(targets):
        return seconds
    origins = places.reset_index(drop=True).loc[np.unique(row[~walking])]
    limit_s = _DETOUR * gather_m / _SLOW_MPS
    found = travel_times(graph, origins, _at_nodes(graph, targets), limit_s=limit_s)
    taken = pd.Series(
        (found["drive_s"] + found["crossing_s"]).to_numpy(),
        index=pd.MultiIndex.from_arrays([found["origin"], found["destination"]]),
    )
    pairs = pd.MultiIndex.from_arrays([row[~walking], junction[~walking]])
    seconds[~walking] = taken.reindex(pairs).fillna(np.inf).to_numpy()
    return seconds


def _at_nodes(graph: RouteGraph, nodes: NDArray[np.int64]) -> pd.DataFrame:
    """Positions at nodes, as `snap` gives them, by node."""
    roads = graph.network.roads
    plain = np.flatnonzero(roads["crossing"].to_numpy() < 0)
    ends = np.concatenate([roads["a"].to_numpy()[plain], roads["b"].to_numpy()[plain]])
    road = np.concatenate([plain, plain])
    fraction = np.repeat([0.0, 1.0], len(plain))
    first = pd.DataFrame({"node": ends, "road": road, "fraction": fraction}).drop_duplicates("node")
    found = first.set_index("node").loc[nodes]
    return found.assign(status="ok")
