"""What each drive is made of: metres by road class, junctions passed, and time that no class speed decides."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.incidents._compiled import compiled
from mutualaid.network import ROAD_CLASSES, RouteGraph

__all__ = ["Made", "made_of"]

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

_FAR = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class Made:
    """What drives are made of, one row a drive, each along its fastest way.

    Attributes
    ----------
    class_m
        (r, classes) metres driven at the speed of each of `ROAD_CLASSES`.
    junctions
        (r,) junctions that cost a delay.
    fixed_s
        (r,) seconds on roads where something else decides the speed: against a one-way street, a legal limit.
    crossing_s
        (r,) delay at crossings.
    total_s
        (r,) the whole drive, as `mutualaid.network.travel_times` gives it; inf where there is no way.
    """

    class_m: Float
    junctions: Int64
    fixed_s: Float
    crossing_s: Float
    total_s: Float


def made_of(
    graph: RouteGraph, arms: Bool, origins: pd.DataFrame, places: pd.DataFrame, origin_of: Int64
) -> Made:
    """Find what the fastest drives are made of.

    Parameters
    ----------
    graph
        Roads with their times.
    arms
        (n,) whether entering a road at a node costs the delay of a junction, however long that is.
    origins, places
        Where drives begin and end, as `mutualaid.network.snap` gives them; all of them on roads.
    origin_of
        (r,) row of `origins` from which the drive to each row of `places` begins.
    """
    roads = graph.network.roads
    code, governed = _by_class(graph)
    order = np.argsort(origin_of, kind="stable")
    ptr = np.concatenate([[0], np.cumsum(np.bincount(origin_of, minlength=len(origins)))])
    into_ptr, into_arc = graph.arcs_of_edge
    at_ptr, at_state = graph.states_at_node
    class_m, parts, total_ms = _walk(
        graph.out.indptr, graph.out.head, graph.out.edge, graph.out.weight, graph.out.tail,
        graph.node, graph.state_of_node, graph.state_after, into_ptr, into_arc, at_ptr, at_state,
        graph.drive_ms, graph.junction_ms, arms, graph.crossing_edge, code, governed,
        roads["length_m"].to_numpy(np.float64), roads[["a", "b"]].to_numpy(np.int64),
        origins["road"].to_numpy(np.int64), origins["fraction"].to_numpy(np.float64),
        places["road"].to_numpy(np.int64), places["fraction"].to_numpy(np.float64),
        ptr.astype(np.int64), order.astype(np.int64), len(ROAD_CLASSES),
    )  # fmt: skip
    return Made(
        class_m=class_m,
        junctions=parts[:, 0].astype(np.int64),
        fixed_s=parts[:, 1] / 1000,
        crossing_s=parts[:, 2] / 1000,
        total_s=np.where(total_ms == _FAR, np.inf, total_ms / 1000),
    )


def _by_class(graph: RouteGraph) -> tuple[Int64, Bool]:
    """(2m,) class of each directed edge, and whether it is driven at the speed of its class."""
    roads = graph.network.roads
    names = roads["class"].cat.categories
    to_code = np.array([ROAD_CLASSES.index(name) for name in names] + [-1], dtype=np.int64)
    code = np.repeat(to_code[roads["class"].cat.codes.to_numpy()], 2)
    kph = np.array([graph.profile.speed_kph.get(name, np.nan) for name in ROAD_CLASSES] + [np.nan])[code]
    with np.errstate(invalid="ignore"):
        own_ms = np.floor(np.repeat(roads["length_m"].to_numpy(), 2) * 3600.0 / kph + 0.5)
    # Rounding to whole milliseconds may differ by one.
    governed = (graph.drive_ms >= 0) & ~graph.crossing_edge & (np.abs(own_ms - graph.drive_ms) <= 1)
    return code, governed


@compiled
def _search(
    indptr: Int32, head: Int32, weight: Int64, seed_state: Int64, seed_label: Int64, wanted: Bool,
    best: Int64, by_arc: Int64, done: Bool,
) -> None:  # fmt: skip
    """Label states from the seeds until all that are wanted are done; ``by_arc`` is -1 at seeds."""
    best[:] = _FAR
    by_arc[:] = -1
    done[:] = False
    left = wanted.sum()
    heap = [(np.int64(0), np.int64(-1))]
    heapq.heappop(heap)
    for i in range(len(seed_state)):
        if seed_label[i] < best[seed_state[i]]:
            best[seed_state[i]] = seed_label[i]
            heapq.heappush(heap, (seed_label[i], seed_state[i]))
    while len(heap) > 0 and left > 0:
        label, state = heapq.heappop(heap)
        if done[state]:
            continue
        done[state] = True
        left -= wanted[state]
        for arc in range(indptr[state], indptr[state + 1]):
            target = np.int64(head[arc])
            new = label + weight[arc]
            if new < best[target]:
                best[target] = new
                by_arc[target] = arc
                heapq.heappush(heap, (new, target))


@compiled
def _begun(drive_ms: Int32, edge: int, fraction: float) -> int:
    """Milliseconds to a place along an edge, rounded as everywhere."""
    return int(np.floor(fraction * drive_ms[edge] + 0.5))


@compiled
def _seeds(
    road: int, fraction: float, ends: Int64, state_of_node: Int32, state_after: Int32, drive_ms: Int32
) -> tuple[Int64, Int64, Int64]:
    """States in which a vehicle leaves a position, their labels, and the edges driven until then (-1: none)."""
    state = np.empty(2, np.int64)
    label = np.zeros(2, np.int64)
    edge = np.full(2, -1, np.int64)
    if fraction == 0 or fraction == 1:
        state[0] = state_of_node[ends[road, int(fraction)]]
        return state[:1], label[:1], edge[:1]
    size = 0
    for side in range(2):
        here = 2 * road + side
        along = fraction if side == 0 else 1 - fraction
        if drive_ms[here] >= 0:
            state[size] = state_after[here]
            label[size] = (np.int64(drive_ms[here]) - _begun(drive_ms, here, along)) << 32
            edge[size] = here
            size += 1
    return state[:size], label[:size], edge[:size]


@compiled
def _ends_at(
    road: int, fraction: float, ends: Int64, drive_ms: Int32, junction_ms: Int32, node: Int32, tail: Int32,
    into_ptr: Int32, into_arc: Int32, at_ptr: Int32, at_state: Int32,
) -> tuple[Int64, Int64, Int64]:  # fmt: skip
    """States from which a position is reached, what that adds to their labels, and the edge driven (-1: none)."""
    if fraction == 0 or fraction == 1:
        where = ends[road, int(fraction)]
        found = at_state[at_ptr[where] : at_ptr[where + 1]].astype(np.int64)
        return found, np.zeros(len(found), np.int64), np.full(len(found), -1, np.int64)
    room = into_ptr[2 * road + 2] - into_ptr[2 * road]
    state = np.empty(room, np.int64)
    label = np.empty(room, np.int64)
    edge = np.empty(room, np.int64)
    size = 0
    for side in range(2):
        here = 2 * road + side
        if drive_ms[here] < 0:
            continue
        along = fraction if side == 0 else 1 - fraction
        for i in range(into_ptr[here], into_ptr[here + 1]):
            before = tail[into_arc[i]]
            state[size] = before
            label[size] = (junction_ms[node[before]] + _begun(drive_ms, here, along)) << 32
            edge[size] = here
            size += 1
    return state[:size], label[:size], edge[:size]


@compiled
def _add(
    edge: int, share: float, junction: bool, code: Int64, governed: Bool, crossing_edge: Bool, drive_ms: Int32,
    length_m: Float, class_m: Float, parts: Float,
) -> None:  # fmt: skip
    """Add a share of an edge, and the junction at which it is entered."""
    if crossing_edge[edge]:
        parts[2] += drive_ms[edge]
        return
    if junction:
        parts[0] += 1
    if governed[edge]:
        class_m[code[edge]] += share * length_m[edge >> 1]
    else:
        parts[1] += share * drive_ms[edge]


@compiled
def _straight(drive_ms: Int32, road: int, begin: float, stop: float) -> tuple[int, int]:
    """Label of the drive between two places on one road, the end ahead of the start, and which way; -1: none."""
    fastest, way = _FAR, -1
    if not (0 < begin < 1 and 0 < stop < 1):  # at a node it is reached through its states
        return fastest, way
    for side in range(2):
        here = 2 * road + side
        first = begin if side == 0 else 1 - begin
        last = stop if side == 0 else 1 - stop
        if last >= first and drive_ms[here] >= 0:
            label = (_begun(drive_ms, here, last) - _begun(drive_ms, here, first)) << 32
            if label < fastest:
                fastest, way = label, side
    return fastest, way


@compiled
def _arrival(state: Int64, label: Int64, best: Int64, done: Bool) -> tuple[int, int]:
    """Label of the fastest way over states, and which of the last ones it takes; -1: none."""
    fastest, last = _FAR, -1
    for i in range(len(state)):
        if done[state[i]] and best[state[i]] + label[i] < fastest:
            fastest, last = best[state[i]] + label[i], i
    return fastest, last


@compiled
def _walk(
    indptr: Int32, head: Int32, arc_edge: Int32, weight: Int64, tail: Int32,
    node: Int32, state_of_node: Int32, state_after: Int32,
    into_ptr: Int32, into_arc: Int32, at_ptr: Int32, at_state: Int32,
    drive_ms: Int32, junction_ms: Int32, arms: Bool, crossing_edge: Bool, code: Int64, governed: Bool,
    length_m: Float, ends: Int64,
    from_road: Int64, from_fraction: Float, to_road: Int64, to_fraction: Float,
    ptr: Int64, order: Int64, n_classes: int,
) -> tuple[Float, Float, Int64]:  # fmt: skip
    """Search from each origin, and walk back from each of its places: metres by class, other parts, milliseconds."""
    n_runs = len(order)
    class_m = np.zeros((n_runs, n_classes))
    parts = np.zeros((n_runs, 3))
    total_ms = np.full(n_runs, _FAR)
    best = np.empty(len(node), np.int64)
    by_arc = np.empty(len(node), np.int64)
    done = np.empty(len(node), np.bool_)
    wanted = np.empty(len(node), np.bool_)
    for origin in range(len(from_road)):
        mine = order[ptr[origin] : ptr[origin + 1]]
        road, fraction = from_road[origin], from_fraction[origin]
        seed_state, seed_label, seed_edge = _seeds(road, fraction, ends, state_of_node, state_after, drive_ms)
        wanted[:] = False
        for run in mine:
            state, label, edge = _ends_at(
                to_road[run], to_fraction[run], ends, drive_ms, junction_ms, node, tail,
                into_ptr, into_arc, at_ptr, at_state,
            )  # fmt: skip
            wanted[state] = True
        _search(indptr, head, weight, seed_state, seed_label, wanted, best, by_arc, done)
        for run in mine:
            state, label, edge = _ends_at(
                to_road[run], to_fraction[run], ends, drive_ms, junction_ms, node, tail,
                into_ptr, into_arc, at_ptr, at_state,
            )  # fmt: skip
            fastest, last = _arrival(state, label, best, done)
            direct, way = _FAR, -1
            if to_road[run] == road:
                direct, way = _straight(drive_ms, road, fraction, to_fraction[run])
            if min(fastest, direct) == _FAR:
                continue
            total_ms[run] = min(fastest, direct) >> 32
            if direct <= fastest:
                share = abs(to_fraction[run] - fraction)
                _add(
                    2 * road + way, share, False, code, governed, crossing_edge, drive_ms, length_m,
                    class_m[run], parts[run],
                )  # fmt: skip
                continue
            at = state[last]
            if edge[last] >= 0:
                share = to_fraction[run] if edge[last] % 2 == 0 else 1 - to_fraction[run]
                _add(
                    edge[last], share, arms[node[at]], code, governed, crossing_edge, drive_ms, length_m,
                    class_m[run], parts[run],
                )  # fmt: skip
            while by_arc[at] >= 0:
                arc = by_arc[at]
                at = tail[arc]
                _add(
                    arc_edge[arc], 1.0, arms[node[at]], code, governed, crossing_edge, drive_ms, length_m,
                    class_m[run], parts[run],
                )  # fmt: skip
            for i in range(len(seed_state)):
                if seed_state[i] == at and seed_label[i] == best[at] and seed_edge[i] >= 0:
                    share = 1 - fraction if seed_edge[i] % 2 == 0 else fraction
                    _add(
                        seed_edge[i], share, False, code, governed, crossing_edge, drive_ms, length_m,
                        class_m[run], parts[run],
                    )  # fmt: skip
                    break
    return class_m, parts, total_ms
