"""What an evacuation can do, found by slow and plain means; and whether a plan keeps to what roads allow.

Nothing here calls a solver of the package. The tests reach this file through the fixture `oracles`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, combinations, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import coo_array

from mutualaid.evacuation import FlowNetwork

Floats = NDArray[np.float64]

# The optimum by subsets of terminals: T is enough if every subset of sources and sinks can pass on what it must


def most_over_time(
    network: FlowNetwork, sources: Sequence[int], sinks: Sequence[int]
) -> list[tuple[float, float]]:
    """Ways in order of length, each in seconds with vehicles a second, of a cheapest static flow.

    The most that these sources can send to these sinks within T, if they never run dry, is the sum over the ways of
    (T - length) × rate, where that is positive (Ford and Fulkerson, Flows in Networks, 1962, chapter 3).
    """
    start, end = network.n_nodes, network.n_nodes + 1
    plenty = 1e6
    arcs: list[list[float]] = []  # head, rate that is left, seconds; the arc back is the next one
    out: list[list[int]] = [[] for _ in range(network.n_nodes + 2)]

    def add(tail: int, head: int, rate: float, seconds: float) -> None:
        out[tail].append(len(arcs))
        arcs.append([head, min(rate, plenty), seconds])
        out[head].append(len(arcs))
        arcs.append([tail, 0.0, -seconds])

    for tail, head, rate, seconds in zip(
        network.tail.tolist(), network.head.tolist(), network.capacity_vph / 3600, network.transit_s, strict=True
    ):  # fmt: skip
        add(tail, head, float(rate), float(seconds))
    for i in sources:
        add(start, int(network.sources["node"].iloc[i]), plenty, 0.0)
    for j in sinks:
        add(int(network.sinks["node"].iloc[j]), end, float(network.sinks["capacity_vph"].iloc[j]) / 3600, 0.0)
    ways: list[tuple[float, float]] = []
    while sum(rate for _, rate in ways) < plenty / 2:
        far, via = [np.inf] * (end + 1), [-1] * (end + 1)
        far[start] = 0.0
        changed = True
        while changed:
            changed = False
            for tail, ahead in enumerate(out):
                for arc in ahead:
                    head, rate, seconds = arcs[arc]
                    if rate > 1e-12 and far[tail] + seconds < far[int(head)] - 1e-9:
                        far[int(head)], via[int(head)], changed = far[tail] + seconds, arc, True
        if not np.isfinite(far[end]):
            break
        way, node = [], end
        while node != start:
            way.append(via[node])
            node = int(arcs[via[node] ^ 1][0])
        rate = min(arcs[arc][1] for arc in way)
        for arc in way:
            arcs[arc][1] -= rate
            arcs[arc ^ 1][1] += rate
        ways.append((far[end], rate))
    return ways


def quickest(ways: Sequence[tuple[float, float]], vehicles: float) -> float:
    """Seconds that the flow of these ways needs for so many vehicles; inf without a way."""
    rate = held = 0.0
    for at, (length, more) in enumerate(ways):
        rate, held = rate + more, held + length * more
        time = (vehicles + held) / rate
        if at + 1 == len(ways) or time <= ways[at + 1][0]:
            return time
    return np.inf


def by_subsets(network: FlowNetwork) -> float:
    """The exact clearance time in continuous time; inf if not all can get out (Hoppe and Tardos 2000, theorem 3.1).

    For networks without windows, groups and release curves, where all vehicles hold as many people.
    """
    some_leave = network.sources[network.sources["vehicles"] > 0]
    per_vehicle = (some_leave["people"] / some_leave["vehicles"]).to_numpy()
    if not len(some_leave):
        return 0.0
    plain = (
        np.isinf(network.closes_s).all()
        and not network.opens_s.any()
        and (network.group < 0).all()
        and (network.released[:, 0] == network.released[:, -1]).all()
        and np.allclose(per_vehicle, per_vehicle[0])
        and not network.sinks["opens_s"].any()
        and np.isinf(network.sinks["closes_s"]).all()
    )
    if not plain:
        raise ValueError("not for this network")
    vehicles = network.sources["vehicles"].to_numpy()
    room = network.sinks["people"].to_numpy() / per_vehicle[0]
    worst = 0.0
    for some in _subsets(range(len(vehicles))):
        for full in _subsets(range(len(room))):
            must = vehicles[list(some)].sum() - room[list(full)].sum()
            if must > 1e-9:
                rest = [j for j in range(len(room)) if j not in full]
                worst = max(worst, quickest(most_over_time(network, some, rest), must))
    return worst


def _subsets(of: range) -> list[tuple[int, ...]]:
    return list(chain.from_iterable(combinations(of, count) for count in range(len(of) + 1)))


# The optimum step by step: exact where transit times, windows and releases fall on whole steps


class Program:
    """A linear program of what must not exceed a limit, put together column by column."""

    def __init__(self) -> None:
        self.limits: list[float] = []
        self.worth: list[float] = []
        self.entries: list[tuple[int, int, float]] = []

    def row(self, limit: float) -> int:
        """Give a new row; -1 if there is no limit."""
        if np.isinf(limit):
            return -1
        self.limits.append(float(limit))
        return len(self.limits) - 1

    def column(self, worth: float, entries: Sequence[tuple[int, float]]) -> None:
        """Add an amount of 0 or more that uses up rows by these factors."""
        self.entries += [(row, len(self.worth), factor) for row, factor in entries if row >= 0]
        self.worth.append(worth)

    def best(self) -> float:
        """Give the greatest worth of all."""
        if not self.entries:
            return 0.0
        rows, columns, factors = zip(*self.entries, strict=True)
        matrix: Any = coo_array((factors, (rows, columns)), shape=(len(self.limits), len(self.worth)))
        found: Any = linprog(
            -np.array(self.worth), A_ub=matrix.tocsr(), b_ub=self.limits, bounds=(0, None), method="highs"
        )
        if found.status != 0:
            raise RuntimeError(found.message)
        return float(np.dot(self.worth, found.x))


class Expanded:
    """All that can be done within a horizon of whole steps, as a linear program.

    A flow in continuous time can be averaged over each step without breaking anything, and a flow by steps is one in
    continuous time, so with everything on whole steps the two do the same by the end of any step. Vehicles that hold
    different numbers of people are commodities of their own. `waiting` is where vehicles may stand: ``everywhere`` (at
    all nodes) or at the ``sources`` only, before they leave.
    """

    def __init__(self, network: FlowNetwork, step_s: float, *, waiting: str = "everywhere") -> None:
        self.network, self.step_s, self.waiting = network, step_s, waiting
        sinks, sources = network.sinks, network.sources
        self.transit = self._whole(network.transit_s)
        self.window = self._whole(network.opens_s), self._whole(network.closes_s)
        self.sink_window = self._whole(sinks["opens_s"].to_numpy()), self._whole(sinks["closes_s"].to_numpy())
        self._whole(network.release_s)
        vehicles, people = sources["vehicles"].to_numpy(), sources["people"].to_numpy()
        ratio = np.divide(people, vehicles, out=np.ones_like(people), where=vehicles > 0)
        self.ratio, self.commodity = np.unique(np.round(ratio, 9), return_inverse=True)

    def _whole(self, seconds: Floats) -> Floats:
        steps = np.asarray(seconds, dtype=float) / self.step_s
        if not np.allclose(steps[np.isfinite(steps)], np.round(steps[np.isfinite(steps)]), atol=1e-9):
            raise ValueError("not on whole steps")
        return np.where(np.isfinite(steps), np.round(steps), np.inf)

    def most(self, steps: int, *, people: bool = False) -> float:
        """Vehicles (or people) that can have arrived by the end of so many steps."""
        if steps <= 0:
            return 0.0
        program, network = Program(), self.network
        # What leaves a node in a step must not exceed what comes in it, and what waited.
        shape = network.n_nodes, len(self.ratio), steps
        nodes = np.array([program.row(0.0) for _ in range(np.prod(shape))]).reshape(shape)
        if self.waiting == "everywhere":
            self._wait(program, nodes)
        for source, node in enumerate(network.sources["node"]):
            ready = np.interp(
                np.arange(1, steps + 1) * self.step_s, network.release_s, network.released[source]
            )
            home = np.array([program.row(more) for more in np.diff(ready, prepend=0.0)])
            self._wait(program, home)
            for before, after in zip(home, nodes[node, self.commodity[source]], strict=True):
                program.column(0.0, [(before, 1.0), (after, -1.0)])
        self._drive(program, nodes)
        self._arrive(program, nodes, self.ratio if people else np.ones_like(self.ratio))
        return program.best()

    @staticmethod
    def _wait(program: Program, nodes: NDArray[np.int64]) -> None:
        for one in nodes.reshape(-1, nodes.shape[-1]):
            for before, after in pairwise(one):
                program.column(0.0, [(before, 1.0), (after, -1.0)])

    def _drive(self, program: Program, nodes: NDArray[np.int64]) -> None:
        network, steps = self.network, nodes.shape[-1]
        shared: dict[tuple[int, int], int] = {}
        for edge, (tail, head) in enumerate(zip(network.tail, network.head, strict=True)):
            limit, number = network.capacity_vph[edge] * self.step_s / 3600, int(network.group[edge])
            for step in range(steps):
                end = step + self.transit[edge] + 1  # when the last one of this step is through
                if end > steps or step < self.window[0][edge] or end > self.window[1][edge]:
                    continue
                if number < 0:
                    lane = program.row(limit)
                else:
                    if (number, step) not in shared:
                        shared[number, step] = program.row(limit)
                    lane = shared[number, step]
                for leaves, comes in zip(nodes[tail, :, step], nodes[head, :, int(end) - 1], strict=True):
                    program.column(0.0, [(leaves, 1.0), (comes, -1.0), (lane, 1.0)])

    def _arrive(self, program: Program, nodes: NDArray[np.int64], worth: Floats) -> None:
        sinks = self.network.sinks
        for sink, (node, room, vph) in enumerate(
            zip(sinks["node"], sinks["people"], sinks["capacity_vph"], strict=True)
        ):
            full = program.row(room)
            for step in range(nodes.shape[-1]):
                if step < self.sink_window[0][sink] or step + 1 > self.sink_window[1][sink]:
                    continue
                gate = program.row(vph * self.step_s / 3600)
                for kind, leaves in enumerate(nodes[node, :, step]):
                    program.column(worth[kind], [(leaves, 1.0), (full, self.ratio[kind]), (gate, 1.0)])

    def clearance(self, vehicles: float, most_steps: int) -> float:
        """End of the first step by which so many vehicles can be out, in seconds; inf if not within `most_steps`."""
        enough = vehicles - 1e-6 * max(1.0, vehicles)
        if enough <= 0:
            return 0.0
        if self.most(most_steps) < enough:
            return np.inf
        below, steps = 0, most_steps
        while steps - below > 1:
            middle = (below + steps) // 2
            below, steps = (below, middle) if self.most(middle) >= enough else (middle, steps)
        return steps * self.step_s
