"""Maximum flow through a road network expanded in time, whose arcs are never written down.

A vertex is a node at a time step, ``node * steps + step``; an arc is an edge entered in a step,
``edge * steps + step``. Where it leads follows from the edge's shift, so only flows are stored. A *static* node is
one vertex for all steps: somebody who waits there may leave in any step, and who arrives is there.

The algorithm is push-relabel (Goldberg & Tarjan 1988, doi:10.1145/48014.61051): highest label first, with distances
recomputed from the sinks now and then and vertices above a gap given up (Cherkassky & Goldberg 1997,
doi:10.1007/PL00009180). Only its first phase is run: it finds the value and the minimum cut. What is left over stays
where it is, as a preflow. So when capacity is added, by a later horizon, the search goes on from there: it is never
begun anew.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mutualaid.evacuation._compiled import compiled

__all__ = ["Arcs", "Preflow", "new_preflow", "run"]

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Arcs(NamedTuple):
    """A network expanded in time.

    ``first`` and ``last`` are the steps in which an edge can be entered; ``first_capacity``, ``capacity`` and
    ``last_capacity`` hold in the first, those between, and the last (the first wins where both are one). ``incident``
    lists for each node ``2 * edge`` for those that leave, ``2 * edge + 1`` for those that come, from ``begin`` on.
    """

    steps: int
    tail: Int32
    head: Int32
    shift: Int32
    first: Int32
    last: Int32
    first_capacity: Int64
    capacity: Int64
    last_capacity: Int64
    begin: Int32
    incident: Int32
    static: Bools
    hold: Bools
    room: Int64


class Preflow(NamedTuple):
    """What flows, what waits, and what has arrived; ``label`` is the distance to a sink, the largest for none."""

    flow: Int64
    held: Int64
    excess: Int64
    taken: Int64
    label: Int32


def new_preflow(arcs: Arcs) -> Preflow:
    """Nothing flows yet; add what must leave to `excess`."""
    nodes, edges = len(arcs.static), len(arcs.tail)
    vertices = nodes * arcs.steps
    return Preflow(
        np.zeros(edges * arcs.steps, dtype=np.int64),
        np.zeros(vertices if arcs.hold.any() else 0, dtype=np.int64),
        np.zeros(vertices, dtype=np.int64),
        np.zeros(nodes, dtype=np.int64),
        np.full(vertices, vertices + 1, dtype=np.int32),
    )


@compiled
def _limit(arcs: Arcs, edge: int, step: int) -> int:
    if step == arcs.first[edge]:
        return int(arcs.first_capacity[edge])
    if step == arcs.last[edge]:
        return int(arcs.last_capacity[edge])
    return int(arcs.capacity[edge])


@compiled
def _distances(  # noqa: C901 - one loop, kept whole for the compiler
    arcs: Arcs, state: Preflow, queue: Int32, count: Int32, bucket: Int32, following: Int32
) -> int:
    """Label every vertex with its distance to a sink, and list the active ones; the highest label of these."""
    steps, label = arcs.steps, state.label
    none = len(label) + 1
    label[:] = none
    count[:] = 0
    bucket[:] = -1
    size = 0
    for v in range(len(arcs.static)):
        if arcs.room[v] > state.taken[v]:
            label[v * steps] = 1
            queue[size] = v * steps
            size += 1
    done = 0
    top = 0
    while done < size:
        y = queue[done]
        done += 1
        here = label[y]
        count[here] += 1
        v = y // steps
        k = y - v * steps
        if state.excess[y] > 0:
            following[y] = bucket[here]
            bucket[here] = y
            top = max(top, here)
        for slot in range(arcs.begin[v], arcs.begin[v + 1]):
            code = arcs.incident[slot]
            e = code >> 1
            if code & 1:  # from the tail along the edge
                low, high = k - arcs.shift[e], k - arcs.shift[e]
                if arcs.static[v]:
                    low, high = arcs.first[e], arcs.last[e]
                low, high = max(low, arcs.first[e]), min(high, arcs.last[e])
                for j in range(low, high + 1):
                    x = arcs.tail[e] * steps
                    if not arcs.static[arcs.tail[e]]:
                        x += j
                    if label[x] == none and state.flow[e * steps + j] < _limit(arcs, e, j):
                        label[x] = here + 1
                        queue[size] = x
                        size += 1
            else:  # from the head, by giving back
                low, high = k, k
                if arcs.static[v]:
                    low, high = arcs.first[e], arcs.last[e]
                low, high = max(low, arcs.first[e]), min(high, arcs.last[e])
                for j in range(low, high + 1):
                    if state.flow[e * steps + j] <= 0:
                        continue
                    x = arcs.head[e] * steps
                    if not arcs.static[arcs.head[e]]:
                        x += j + arcs.shift[e]
                    if label[x] == none:
                        label[x] = here + 1
                        queue[size] = x
                        size += 1
        if arcs.hold[v]:
            if k > 0 and label[y - 1] == none:
                label[y - 1] = here + 1
                queue[size] = y - 1
                size += 1
            if k + 1 < steps and state.held[y] > 0 and label[y + 1] == none:
                label[y + 1] = here + 1
                queue[size] = y + 1
                size += 1
    return top


@compiled
def run(  # noqa: C901 - one loop, kept whole for the compiler
    arcs: Arcs,
    state: Preflow,
    queue: Int32,
    count: Int32,
    bucket: Int32,
    following: Int32,
    budget: int,
) -> bool:
    """Push what can be pushed to the sinks; whether all of it was, before the work allowed was used up.

    `queue` and `following` have room for each vertex, `count` and `bucket` for each label.
    """
    steps, label, excess = arcs.steps, state.label, state.excess
    none = len(label) + 1
    spent = 0
    nodes = len(arcs.static)
    current_label, current_slot = np.full(nodes, -1, np.int32), np.zeros(nodes, np.int32)
    current_step = np.zeros(nodes, np.int32)
    while True:
        top = _distances(arcs, state, queue, count, bucket, following)
        if top == 0:
            return True
        current_label[:] = -1
        ceiling = none  # a label that nobody has: from above it no sink can be reached
        work = 0
        allowed = 2 * len(label) + 4 * len(arcs.tail)
        while top > 0 and work < allowed:
            x = bucket[top]
            if x < 0:
                top -= 1
                continue
            bucket[top] = following[x]
            v = x // steps
            k = x - v * steps
            if label[x] != top:
                continue
            left = excess[x]
            if arcs.room[v] > state.taken[v]:
                taken = min(left, arcs.room[v] - state.taken[v])
                state.taken[v] += taken
                left -= taken
            fresh = not arcs.static[v]
            while left > 0:
                here = label[x]
                nearest = none
                if arcs.room[v] > state.taken[v]:
                    nearest = 1
                # A static node has many arcs: go on where its last push was, as long as its label is the same.
                from_slot, from_step = arcs.begin[v], 0
                if not fresh and current_label[v] == here:
                    from_slot, from_step = current_slot[v], current_step[v]
                started = from_slot > arcs.begin[v] or from_step > 0
                for slot in range(from_slot, arcs.begin[v + 1]):
                    code = arcs.incident[slot]
                    e = code >> 1
                    forth = (code & 1) == 0
                    low = k if forth else k - arcs.shift[e]
                    high = low
                    if arcs.static[v]:
                        low, high = arcs.first[e], arcs.last[e]
                    low, high = max(low, arcs.first[e]), min(high, arcs.last[e])
                    if arcs.static[v] and slot == from_slot:
                        low = max(low, from_step)
                    other = arcs.head[e] if forth else arcs.tail[e]
                    for j in range(low, high + 1):
                        work += 1
                        y = other * steps
                        if not arcs.static[other]:
                            y += j + arcs.shift[e] if forth else j
                        if label[y] > ceiling:
                            continue
                        at = e * steps + j
                        rest = _limit(arcs, e, j) - state.flow[at] if forth else state.flow[at]
                        if rest <= 0:
                            continue
                        if label[y] == here - 1:
                            moved = min(left, rest)
                            state.flow[at] += moved if forth else -moved
                            left -= moved
                            if excess[y] == 0:
                                following[y] = bucket[here - 1]
                                bucket[here - 1] = y
                            excess[y] += moved
                            if left == 0:
                                if arcs.static[v]:
                                    current_slot[v], current_step[v], current_label[v] = slot, j, here
                                break
                        elif label[y] + 1 < nearest:
                            nearest = label[y] + 1
                    if left == 0:
                        break
                if left > 0 and started:  # once more from the first arc, to see how far it is
                    current_label[v] = -1
                    continue
                if left > 0 and arcs.hold[v]:
                    if k + 1 < steps and label[x + 1] <= ceiling:
                        y = x + 1
                        if label[y] == here - 1:
                            state.held[x] += left
                            if excess[y] == 0:
                                following[y] = bucket[here - 1]
                                bucket[here - 1] = y
                            excess[y] += left
                            left = 0
                        elif label[y] + 1 < nearest:
                            nearest = label[y] + 1
                    if left > 0 and k > 0 and state.held[x - 1] > 0 and label[x - 1] <= ceiling:
                        y = x - 1
                        if label[y] == here - 1:
                            moved = min(left, state.held[y])
                            state.held[y] -= moved
                            left -= moved
                            if excess[y] == 0:
                                following[y] = bucket[here - 1]
                                bucket[here - 1] = y
                            excess[y] += moved
                        elif label[y] + 1 < nearest:
                            nearest = label[y] + 1
                if left > 0:
                    work += 12
                    count[here] -= 1
                    if count[here] == 0:
                        ceiling = min(ceiling, here)
                    if nearest > ceiling or nearest >= none:
                        label[x] = none
                        break
                    label[x] = nearest
                    count[nearest] += 1
                    top = max(top, nearest)
            excess[x] = left
        spent += work + 4 * len(label)
        if spent > budget:
            return False
