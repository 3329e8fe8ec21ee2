"""The road network expanded in time, for the lower and for the upper bound, and its maximum flow.

Each node has a clock of its own: its step k is from ``k * step + phase`` on, for `step` milliseconds. The phases decide
how much rounding costs: an edge whose transit fits the difference of the phases of its ends is not rounded at all.

*Relaxed* (for the lower bound): who enters an edge in a step is, at its head, in the step in which the first of them
arrives; in each step as many may enter as fit into its moments that are allowed; everybody may wait at every node.
Every true flow is one of these, so what cannot be brought out here cannot at all.

*Restricted* (for the upper bound): who enters an edge evenly over a step leaves its head evenly over the first
step that begins after the first of them has arrived. As all steps are equally long, nobody leaves before he has
arrived. An edge is used in steps only all of whose moments are allowed. Waiting is allowed where people set out (and,
with `wait`, anywhere: in a queue). Every flow found here is a true one.

Vertices that no source reaches in time or that reach no sink in time carry no flow that arrives, so they change no
maximum: the search has no label for them, and never looks at them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mutualaid.evacuation._expanded._maxflow import Arcs, Preflow, new_preflow, run
from mutualaid.evacuation._expanded._mixing import mixed
from mutualaid.evacuation._expanded._roads import FOREVER, Roads

__all__ = ["MOST_ARCS", "Expanded", "Stopped", "expanded", "solve_static", "unit"]

Floats = NDArray[np.float64]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: Work between two looks at the clock, in arcs looked at: some tenths of a second.
_BUDGET = 20_000_000


#: Arcs and vertices of the largest network that memory is spent on: about a gigabyte.
MOST_ARCS = 20_000_000


class Stopped(Exception):  # noqa: N818 - no error: the time is over
    """The time allowed is over, or the memory."""


@dataclass(frozen=True, eq=False)
class Expanded:
    """A network expanded in time with what flows through it.

    Attributes
    ----------
    roads
        The network.
    restricted
        Whether it is for the upper bound.
    step
        Milliseconds of a step.
    phase
        (n,) begin of step 0 of each node.
    arcs, state
        For `_maxflow`. Nodes beyond those of `roads` are the sinks, then the places of departure, then, if `endless`,
        a copy of all nodes for the time after everything has closed or opened.
    unit
        Flow units that are one vehicle.
    end
        By when arrivals count; None after `endless`.
    """

    roads: Roads
    restricted: bool
    step: int
    phase: Int64
    arcs: Arcs
    state: Preflow
    unit: float
    end: int | None

    @property
    def out(self) -> int:
        """Units that have arrived."""
        return int(self.state.taken.sum())

    @property
    def edges(self) -> int:
        """Number of arcs that can carry flow, those of waiting included."""
        moving = np.maximum(self.arcs.last - self.arcs.first + 1, 0).sum()
        return int(moving + self.arcs.hold.sum() * (self.arcs.steps - 1))

    def extended(self, end: int, *, keep: bool) -> Expanded:
        """Let arrivals count until a later moment; with `keep`, this one is not changed."""
        arcs = _with_end(self, end)
        copies: Any = (one.copy() for one in self.state)
        state = Preflow(*copies) if keep else self.state
        return Expanded(self.roads, self.restricted, self.step, self.phase, arcs, state, self.unit, end)

    def solve(self, check: Callable[[], None]) -> int:
        """Bring as many units to sinks as possible; `check` is called now and then and may raise."""
        _run(self.arcs, self.state, check)
        return self.out

    def people(self) -> Floats:
        """(t,) people that have arrived at each sink, if all that meet on the way mix: a way in which they can."""
        arcs, roads, steps = self.arcs, self.roads, self.arcs.steps
        nodes, sinks, places = roads.n_nodes, len(roads.sink_node), len(roads.demand_node)
        vertices = len(self.state.excess)
        used = np.flatnonzero(self.state.flow > 0)
        edge, step = used // steps, used % steps
        static = arcs.static
        leaves, enters = arcs.tail[edge].astype(np.int64), arcs.head[edge].astype(np.int64)
        tail = leaves * steps + np.where(static[leaves], 0, step)
        head = enters * steps + np.where(static[enters], 0, step + arcs.shift[edge])
        waits = np.flatnonzero(self.state.held > 0)
        tail, head = np.concatenate([tail, waits]), np.concatenate([head, waits + 1])
        flow = np.concatenate([self.state.flow[used], self.state.held[waits]]).astype(np.float64)
        place = nodes + sinks + np.arange(places)
        each = np.full(vertices, np.nan)
        for at in (place,) if self.end is not None else (place, len(static) // 2 + place):
            each[(at[:, None] * steps + np.arange(steps)).ravel()] = np.repeat(roads.people_each, steps)
        return mixed(tail, head, flow, each)[(nodes + np.arange(sinks)) * steps] * (
            self.state.taken[nodes : nodes + sinks] / self.unit
        )

    def thresholds(self) -> tuple[Int64, Bools]:
        """Give the minimum cut after `solve`, as moments of nodes, and the sinks that are full."""
        steps, nodes = self.arcs.steps, self.roads.n_nodes
        none = len(self.state.label) + 1
        near = (self.state.label[: nodes * steps] < none).reshape(nodes, steps)
        # The last step from which a sink can still be reached, then one more.
        after = np.where(near.any(axis=1), steps - near[:, ::-1].argmax(axis=1), 0)
        sinks = np.arange(nodes, nodes + len(self.roads.sink_node)) * steps
        # Before the first step of the relaxed network nobody is there.
        at = after * self.step + self.phase
        if self.restricted:
            at = np.where(after > 0, at, 0)
        if self.end is None:
            endless = (len(self.arcs.static) // 2 + np.arange(nodes)) * steps
            at = np.where(self.state.label[endless] < none, FOREVER, at)
        return at, (self.state.label[sinks] >= none) & (self.roads.sink_node >= 0)


def unit(vehicles: float) -> float:
    """Flow units that one vehicle is: as many as leave room in 64 bits."""
    return float(2.0 ** np.floor(40 - np.log2(max(vehicles, 1.0))))


def expanded(
    roads: Roads,
    *,
    step: int,
    phase: Int64,
    horizon: int,
    end: int | None,
    restricted: bool,
    wait: bool = True,
    share: Floats | None = None,
    room: Floats | None = None,
) -> Expanded:
    """Expand a network in time.

    Parameters
    ----------
    roads
        The network.
    step
        Milliseconds.
    phase
        (n,) begin of step 0 of each node; if not `restricted`, no later than anybody can come there.
    horizon
        Last moment that the steps reach.
    end
        By when arrivals count; None: any time, by an endless step after `horizon`, when everything has happened.
    restricted, wait
        See above.
    room
        (t,) vehicles that each sink takes; by default as many as have the fewest people.
    share
        (e,) what edges that share a capacity may use of it, if `restricted`.
    """
    nodes, sinks, places = roads.n_nodes, len(roads.sink_node), len(roads.demand_node)
    rounding = 1 if restricted else 0
    steps = int(max(horizon // step + 2, 2))
    if steps * (2 * nodes + len(roads.tail)) > MOST_ARCS:
        raise Stopped
    per_vehicle = unit(roads.vehicles)
    total = int(np.ceil(roads.released[:, -1] * per_vehicle).sum()) + 1
    down = restricted
    transit, opens = roads.transit[rounding], roads.opens[rounding]
    latest = roads.latest[1 - rounding]
    rate = roads.rate if share is None or not restricted else roads.rate * share
    phase = np.where(phase >= FOREVER, 0, phase)  # nobody ever comes there
    begin = phase[roads.tail]
    shift = -((-(transit + begin - phase[roads.head])) // step) if down else (
        (transit + begin - phase[roads.head]) // step
    )  # fmt: skip
    main = _windows(begin, step, steps, opens, latest, rate * per_vehicle / 1000.0, down=down, total=total)
    shift = np.clip(shift, -steps, steps)
    last_index = steps - 1 - shift
    tail, head = [roads.tail], [roads.head]
    shifts = [shift]
    windows = [_clipped(main, last_index, -shift)]
    # Sinks: from their node, without transit; static, so that all arrivals meet in one vertex.
    known = np.flatnonzero(roads.sink_node >= 0)
    sink_begin = phase[roads.sink_node[known]]
    sink_opens = roads.sink_opens[rounding][known]
    sink_closes = roads.sink_closes[1 - rounding][known]
    sink_rate = roads.sink_rate[known] * per_vehicle / 1000.0
    close = sink_closes if end is None else np.minimum(sink_closes, end)
    tail.append(roads.sink_node[known])
    head.append((nodes + known).astype(np.int32))
    shifts.append(np.zeros(len(known), dtype=np.int64))
    windows.append(_windows(sink_begin, step, steps, sink_opens, close, sink_rate, down=down, total=total))
    # Places of departure: one vertex where all are ready at the alarm.
    place = nodes + sinks + np.arange(places)
    at_once = roads.released[:, 0] >= roads.released[:, -1]
    tail.append(place.astype(np.int32))
    head.append(roads.demand_node)
    shifts.append(np.zeros(places, dtype=np.int64))
    windows.append(
        _windows(phase[roads.demand_node], step, steps, np.zeros(places, dtype=np.int64),
                 np.full(places, FOREVER), np.full(places, np.inf), down=down, total=total)
    )  # fmt: skip
    count = nodes + sinks + places
    static = np.zeros(count, dtype=bool)
    static[nodes : nodes + sinks] = True
    static[place[at_once]] = True
    hold = np.zeros(count, dtype=bool)
    hold[place[~at_once]] = True
    if wait or not restricted:
        hold[:nodes] = True
    rooms = np.zeros(count, dtype=np.int64)
    most = roads.room_most if room is None else room
    rooms[nodes + known] = np.minimum(_whole(most[known] * per_vehicle, down=down), total)
    if end is None:
        endless = count + np.arange(count)
        never = latest >= FOREVER
        edges = np.flatnonzero(never & (rate > 0))
        later = np.flatnonzero((rate > 0) & (main[0] <= main[1]) & (shift > 0))
        sink_never = np.flatnonzero(sink_closes >= FOREVER)
        waits = np.flatnonzero(hold & ~static)
        one = _always(len(edges) + len(sink_never) + places, total)
        tail.append(endless[np.concatenate([roads.tail[edges], tail[1][sink_never], place])].astype(np.int32))
        head.append(np.concatenate([endless[roads.head[edges]], head[1][sink_never],
                                    endless[roads.demand_node]]).astype(np.int32))  # fmt: skip
        shifts.append(np.zeros(len(one[0]), dtype=np.int64))
        windows.append(one)
        # Into the endless time: by an edge whose end lies there, or by waiting in the last step.
        first = np.maximum(main[0][later], np.maximum(last_index[later] + 1, 0))
        into = (first, np.minimum(main[1][later], steps - 1), *(main[i][later] for i in (2, 3, 4)))
        into = (into[0], into[1], np.where(into[0] == main[0][later], into[2], into[3]), into[3], into[3])
        tail.append(roads.tail[later])
        head.append(endless[roads.head[later]].astype(np.int32))
        shifts.append(np.zeros(len(later), dtype=np.int64))
        windows.append(into)
        ends = _always(len(waits) + int(at_once.sum()), total)
        at = np.concatenate([np.full(len(waits), steps - 1), np.zeros(int(at_once.sum()), dtype=np.int64)])
        tail.append(np.concatenate([waits, place[at_once]]).astype(np.int32))
        head.append(endless[tail[-1]].astype(np.int32))
        shifts.append(np.zeros(len(at), dtype=np.int64))
        windows.append((at, at, *ends[2:]))
        static = np.concatenate([static, np.ones(count, dtype=bool)])
        hold = np.concatenate([hold, np.zeros(count, dtype=bool)])
        rooms = np.concatenate([rooms, np.zeros(count, dtype=np.int64)])
        count *= 2
    arcs = _arcs(count, steps, tail, head, shifts, windows, static, hold, rooms)
    state = new_preflow(arcs)
    supply = _supply(roads, phase, step, steps, per_vehicle, restricted=restricted)
    for s in range(places):
        vertex = int(place[s]) * steps
        if at_once[s]:
            state.excess[vertex] = supply[s].sum()
        else:
            state.excess[vertex : vertex + steps] = supply[s]
    return Expanded(roads, restricted, step, phase, arcs, state, per_vehicle, end)


Windows = tuple[Int64, Int64, Int64, Int64, Int64]


def _windows(
    begin: Int64, step: int, steps: int, opens: Int64, latest: Int64, rate: Floats, *, down: bool, total: int
) -> Windows:
    """First and last step in which an edge can be entered, and how much then: in the first, between, in the last."""
    opens = np.maximum(opens, 0)
    # Steps that lie wholly within the allowed moments, or that touch them.
    if down:
        first = -((begin - opens) // step)
        last = np.where(latest >= FOREVER, steps - 1, (latest - begin) // step - 1)
        first = np.maximum(first, 0)
    else:
        first = np.maximum((opens - begin) // step, 0)
        last = np.where(latest >= FOREVER, steps - 1, (latest - begin) // step)
    first, last = np.minimum(first, steps), np.clip(last, -1, steps - 1)
    endless = np.isinf(rate)
    per_ms = np.where(endless, 0.0, rate)

    def most(k: Int64) -> Int64:
        low = np.maximum(k * step + begin, opens)
        high = np.minimum((k + 1) * step + begin, latest)
        units = np.minimum(_whole(per_ms * np.maximum(high - low, 0), down=down), total)
        return np.where(endless, total, units)

    full = np.where(endless, total, np.minimum(_whole(per_ms * step, down=down), total))
    return first, last, most(first), full, most(last)


def _clipped(windows: Windows, last_index: Int64, first_index: Int64) -> Windows:
    """Without the steps whose end lies before the first one or after the last one."""
    first, last, low, full, high = windows
    low = np.where(first >= first_index, low, full)
    high = np.where(last <= last_index, high, full)
    return np.maximum(first, first_index), np.minimum(last, last_index), low, full, high


def _always(count: int, total: int) -> Windows:
    zero, much = np.zeros(count, dtype=np.int64), np.full(count, total, dtype=np.int64)
    return zero, zero, much, much, much


def _whole(amount: Floats, *, down: bool) -> Int64:
    amount = np.minimum(amount, 2.0**52)
    # An amount that is whole but for the rounding of its own computation stays.
    near = np.round(amount)
    exact = np.abs(amount - near) <= 1e-12 * np.maximum(near, 1.0)
    return np.where(exact, near, np.floor(amount) if down else np.ceil(amount)).astype(np.int64)


def _supply(
    roads: Roads, phase: Int64, step: int, steps: int, per_vehicle: float, *, restricted: bool
) -> list[Int64]:
    """Units that get ready in each step, by place."""
    found = []
    for s, v in enumerate(roads.demand_node):
        moments = (np.arange(steps + 1) * step + phase[v]).astype(np.float64)
        ready = np.interp(moments, roads.release, roads.released[s])
        ready[moments >= roads.release[-1]] = roads.released[s, -1]
        sums = _evenly(ready, moments, roads.release, roads.released[s]) if restricted else ready[1:]
        units = np.round(sums * per_vehicle).astype(np.int64)
        if len(roads.release) == 1:
            units[:] = round(float(roads.released[s, -1]) * per_vehicle)
        found.append(np.diff(units, prepend=0))
    return found


def _evenly(ready: Floats, moments: Floats, times: Floats, released: Floats) -> Floats:
    """Vehicles that may have left by the end of each step, if evenly within it and none before it is ready."""
    sums = ready[1:].copy()
    before = 0.0
    inside = np.searchsorted(moments, times, side="right") - 1
    bends: dict[int, list[int]] = {}
    for i, k in enumerate(inside):
        if 0 <= k < len(sums) and moments[k] < times[i]:
            bends.setdefault(int(k), []).append(i)
    for k in range(len(sums)):
        for i in bends.get(k, ()):
            part = (times[i] - moments[k]) / (moments[k + 1] - moments[k])
            sums[k] = min(sums[k], before + (released[i] - before) / part)
        sums[k] = max(sums[k], before)
        before = sums[k]
    return sums


def _arcs(
    count: int,
    steps: int,
    tail: list[Int32],
    head: list[Int32],
    shifts: list[Int64],
    windows: list[Windows],
    static: Bools,
    hold: Bools,
    room: Int64,
) -> Arcs:
    tails, heads = (np.concatenate(one).astype(np.int32) for one in (tail, head))
    first, last, low, full, high = (np.concatenate([one[i] for one in windows]) for i in range(5))
    edges = np.arange(len(tails))
    codes = np.concatenate([2 * edges, 2 * edges + 1]).astype(np.int32)
    ends = np.concatenate([tails, heads])
    order = np.argsort(ends, kind="stable")
    begin = np.searchsorted(ends[order], np.arange(count + 1)).astype(np.int32)
    return Arcs(
        steps, tails, heads, np.concatenate(shifts).astype(np.int32), first.astype(np.int32),
        last.astype(np.int32), low.astype(np.int64), full.astype(np.int64), high.astype(np.int64),
        begin, codes[order], static, hold, room,
    )  # fmt: skip


def _with_end(grid: Expanded, end: int) -> Arcs:
    roads, arcs, down = grid.roads, grid.arcs, grid.restricted
    known = np.flatnonzero(roads.sink_node >= 0)
    rounding = 1 if down else 0
    total = int(np.ceil(roads.released[:, -1] * grid.unit).sum()) + 1
    windows = _windows(
        grid.phase[roads.sink_node[known]], grid.step, arcs.steps, roads.sink_opens[rounding][known],
        np.minimum(roads.sink_closes[1 - rounding][known], end),
        roads.sink_rate[known] * grid.unit / 1000.0, down=down, total=total,
    )  # fmt: skip
    at = slice(len(roads.tail), len(roads.tail) + len(known))
    new = {}
    for name, values in zip(
        ("first", "last", "first_capacity", "capacity", "last_capacity"), windows, strict=True
    ):
        column = getattr(arcs, name).copy()
        column[at] = values
        new[name] = column
    return arcs._replace(**new)


def _run(arcs: Arcs, state: Preflow, check: Callable[[], None]) -> None:
    vertices = len(state.excess)
    queue, following = np.empty(vertices, dtype=np.int32), np.empty(vertices, dtype=np.int32)
    count, bucket = np.empty(vertices + 3, dtype=np.int32), np.empty(vertices + 3, dtype=np.int32)
    while not run(arcs, state, queue, count, bucket, following, _BUDGET):
        check()


def solve_static(nodes: int, tail: Int64, head: Int64, weight: Floats, unary: Floats) -> Bools:
    """Which nodes to put on the far side so that it costs least: arcs that enter it, and `unary` for nodes in it."""
    most = float(np.abs(unary).sum() + 1e-9)
    scale = 2.0**45 / most
    used = weight > 0
    full = np.minimum(np.round(np.minimum(weight[used], most) * scale), 2.0**46).astype(np.int64)
    zero = np.zeros(len(full), dtype=np.int64)
    amount = np.round(unary * scale).astype(np.int64)
    arcs = _arcs(
        nodes, 1, [tail[used].astype(np.int32)], [head[used].astype(np.int32)], [zero],
        [(zero, zero, full, full, full)], np.zeros(nodes, dtype=bool), np.zeros(nodes, dtype=bool),
        np.maximum(-amount, 0),
    )  # fmt: skip
    state = new_preflow(arcs)
    state.excess[:] = np.maximum(amount, 0)
    _run(arcs, state, lambda: None)
    return state.label < len(state.label) + 1
