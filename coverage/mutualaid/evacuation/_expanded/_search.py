"""The search for the two bounds: networks expanded in time suggest cuts and clocks, and are refined by them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.evacuation._expanded._cuts import Threshold, clamped, phases, raised, reach, reduced, value
from mutualaid.evacuation._expanded._grid import MOST_ARCS, Expanded, Stopped, expanded
from mutualaid.evacuation._expanded._nodes import thresholds_of_nodes
from mutualaid.evacuation._expanded._roads import FOREVER, Roads
from mutualaid.evacuation._expanded._scale import endless, first_step, guess_time, last_event
from mutualaid.evacuation._network import FlowNetwork
from mutualaid.evacuation._results import Bracket

__all__ = ["FINEST", "SHARES", "Search"]

Int64 = NDArray[np.int64]
#: Shares of the vehicles whose earliest time is bounded.
SHARES = (0.5, 0.9, 0.95, 1.0)
#: Bounds this close are one, in milliseconds.
_SAME_MS = 20
#: Steps that the bounds are apart if all that keeps them so is that of the upper one.
_FAR = 12
#: Steps of a network that are enough to begin with.
_MANY_STEPS = 1_000
#: How often the room of shelters is shared out anew.
_ATTEMPTS = 6
#: Share by which the lower bound must rise for finer steps to be worth while, where it is all that is sought.
_LITTLE = 2e-3
#: The finest step, in milliseconds, and as a part of the lower bound.
FINEST, _FINEST_PART = 20, 20_000


@dataclass
class Search:
    """What is known so far; times in milliseconds."""

    network: FlowNetwork
    roads: Roads
    gap: float
    deadline: float
    progress: Callable[[Bracket], None] | None
    known_upper: float | None = None
    #: Vehicles that are known to get out: then only the lower bound is sought.
    known: float | None = None
    #: Whether it is asked when shares of the vehicles are out at the earliest.
    ask_shares: bool = True
    least: float = 0.0
    most: float = np.inf
    #: Vehicles whose clearance is bounded.
    target: float = 0.0
    lower: int = 0
    upper: float = np.inf
    cut: Threshold | None = None
    shares: dict[float, int] = field(default_factory=dict)
    room: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    #: (e,) what each edge carried in the last relaxed network.
    carried: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    #: Whether the upper bound may let vehicles queue on the way.
    wait: bool = False
    #: Step and clocks of the network that brought out as many as `least` says.
    reached: tuple[int, Int64] | None = None
    saved: tuple[float, int, float, Threshold | None, dict[float, int]] | None = None
    solves: list[tuple[str, float, int, float, int]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    # The course of it

    def run(self, first_step_s: float | None) -> Bracket:
        status = "gap"
        try:
            self._search(first_step_s)
            if self.known is not None and not self._closed():
                status = "settled"
        except Stopped:
            status = "time limit"
        except KeyboardInterrupt:
            status = "stopped"
        return self.result(status)

    def _search(self, first_step_s: float | None) -> None:
        roads = self.roads
        if roads.vehicles <= 0 or not (roads.sink_node >= 0).any():
            self.most = self.upper = 0.0
            return
        if self.known is not None:
            self._only_lower(self.known, first_step_s)
            return
        guess = guess_time(roads)
        step = first_step(roads, guess) if first_step_s is None else max(round(first_step_s * 1000), 1)
        self.room = roads.room_mean.copy()
        begun, finer = time.monotonic(), max(step, last_event(roads) // 500)
        self.amount(finer, None)
        self.target = self.least
        self._times(step, guess)
        step = max(step, self.lower // _MANY_STEPS)
        self._earliest(step)
        close = max(self.gap / 4, 1e-3)
        while self.least < self.most * (1 - close) and finer > 1000:
            late = time.monotonic() - begun > 0.3 * (self.deadline - begun)
            if late or len(roads.tail) * (last_event(roads) / finer) > MOST_ARCS / 4:
                break
            finer //= 2
            self.amount(finer, None)
        if self.least > self.target * (1 + close):
            self._begin_again()
            self._times(step, guess, finer)
            self._earliest(step)
        while not self._closed():
            self.check()
            far = min(self.upper, 2.0 * self.lower)
            finest = max(FINEST, self.lower // _FINEST_PART)
            if step // 2 < finest or len(roads.tail) * (far / step) > MOST_ARCS:
                self.notes.append("Steps in time are as fine as they get; the bounds come no closer.")
                raise Stopped
            step = max(step // 2, 1)
            self._times(step, guess)

    def _only_lower(self, vehicles: float, first_step_s: float | None) -> None:
        """Raise the lower bound for so many vehicles, until it is near the known upper one or rises no more."""
        roads = self.roads
        self.target = self.least = min(vehicles, roads.vehicles)
        self.most = max(min(roads.vehicles, float(roads.room_most.sum())), self.target)
        self.upper = np.inf if self.known_upper is None else self.known_upper * 1000
        if self.target <= 0:
            return
        guess = guess_time(roads) if self.known_upper is None else round(self.upper)
        step = first_step(roads, guess) if first_step_s is None else max(round(first_step_s * 1000), 1)
        before = -1
        while not self._closed() and self.lower > before * (1 + _LITTLE):
            self.check()
            before = self.lower
            self._lower(step, guess)
            if not self.shares:
                self._earliest(max(step, self.lower // _MANY_STEPS))
            finest = max(FINEST, self.lower // _FINEST_PART)
            if step // 2 < finest or len(roads.tail) * (self.lower / step) > MOST_ARCS / 4:
                break
            if self.known_upper is None:  # cuts in continuous time settle it at once, as a rule
                break
            step //= 2

    def _begin_again(self) -> None:
        """More vehicles can be brought out than was known: what was found for fewer is kept for if time is over."""
        self.saved = (self.target, self.lower, self.upper, self.cut, dict(self.shares))
        self.target, self.lower, self.upper, self.cut = self.least, 0, np.inf, None

    def _times(self, step: int, guess: int, finer: int | None = None) -> None:
        if self.target <= 0:
            self.upper = 0.0
            return
        # Cuts in continuous time settle the lower bound at once, as a rule; a finer network is asked for one only if
        # the upper bound stays further away than its own rounding explains.
        if self.cut is None or self.upper - self.lower > _FAR * step:
            self._lower(step, guess)
        if not self._closed():
            step = max(step if finer is None else finer, self.lower // (4 * _FINEST_PART))
            if np.isinf(self.upper):
                step = max(step, self.lower // _MANY_STEPS)
            self._upper(step)
            if (
                not self._closed()
                and not self.wait
                and self._windows
                and self.upper - self.lower > _FAR * step
            ):
                self.wait = True
                self._upper(step)

    def _closed(self) -> bool:
        return self.upper <= max(self.lower * (1.0 + self.gap), self.lower + _SAME_MS)

    def late(self) -> bool:
        return time.monotonic() > self.deadline

    def check(self) -> None:
        if self.late():
            raise Stopped

    # How many can be brought out

    def horizon(self, end: int | None) -> int:
        """Up to when steps are needed."""
        return last_event(self.roads) if end is None else end

    def amount(self, step: int, end: int | None) -> None:
        """Bound how many can be out by a moment (None: at any time) by networks of this step."""
        roads = self.roads
        horizon = self.horizon(end)
        phase, _ = reach(roads, windows=False)
        grid = expanded(roads, step=step, phase=phase, horizon=horizon, end=end, restricted=False)
        grid.solve(self.check)
        self._carry(grid)
        self.most = min(self.most, grid.out / grid.unit * (1 + 1e-9), roads.vehicles)
        at, full = grid.thresholds()
        last = endless(roads) if end is None else end
        cut = Threshold(np.minimum(at, last + 1), full)
        if self.most < roads.vehicles * (1 - 1e-9):
            cut, out = reduced(roads, cut, last, step=step, late=self.late, least=64)
            self.most = min(self.most, out)
        phase, late = phases(roads, cut, last, step)
        phase = phase if end is None else (phase - (late - end)) % step
        self._amount_restricted(step, phase, end)
        if self._windows and not self.wait and self.least < self.most * (1 - 1e-3):
            self.wait = True
            before = self.least
            self._amount_restricted(step, phase, end)
            self.wait = self.least > before * (1 + 1e-4)

    @property
    def _windows(self) -> bool:
        """Whether anything opens or closes, so that a queue on the way can be worth while."""
        roads = self.roads
        return bool((roads.latest[0] < FOREVER).any() or (roads.opens[0] > 0).any())

    def _amount_restricted(self, step: int, phase: Int64, end: int | None) -> None:
        roads = self.roads
        for attempt in range(_ATTEMPTS):
            room = self.room if attempt + 1 < _ATTEMPTS else roads.room_least
            grid = expanded(
                roads, step=step, phase=phase, horizon=self.horizon(end), end=end, restricted=True, wait=self.wait,
                share=self._share(), room=room,
            )  # fmt: skip
            supply = int(grid.state.excess.sum())
            grid.solve(self.check)
            if self._fits(grid):
                least = roads.vehicles if grid.out >= supply else grid.out / grid.unit
                if min(least, self.most) > self.least:
                    self.least, self.reached = min(least, self.most), (step, phase)
                break

    def _fits(self, grid: Expanded) -> bool:
        """Whether there is room for the people who come, and not just for the vehicles; if not, let fewer come."""
        roads = self.roads
        if len(roads.people_each) == 0 or roads.people_each.min() == roads.people_each.max():
            return True
        people = grid.people()
        over = people > roads.room * (1 + 1e-9)
        self.room[over] *= (roads.room[over] / people[over]) * 0.9995
        return not over.any()

    def _share(self) -> NDArray[np.float64]:
        """(e,) what edges that share a capacity get of it: by what they carried when each had all of it."""
        group = self.roads.group
        share = np.ones(len(group))
        shared = np.flatnonzero(group >= 0)
        if not len(shared):
            return share
        _, row = np.unique(group[shared], return_inverse=True)
        count = np.bincount(row)[row]
        carried = self.carried[shared] if len(self.carried) else np.zeros(len(shared))
        total = np.bincount(row, carried)[row]
        share[shared] = np.where(total > 0, carried / np.where(total > 0, total, 1.0), 1.0 / count)
        return share

    # The two bounds

    def _wanted(self, grid: Expanded, share: float = 1.0) -> int:
        if self.target >= self.roads.vehicles and share >= 1:
            return int(grid.state.excess.sum()) + grid.out
        return int(np.floor(self.target * share * grid.unit))

    def _lower(self, step: int, guess: int) -> None:
        found = self._relaxed(step, max(guess, 2 * self.lower), self.target, self.lower, self.cut)
        if found is None:  # all may be out at once
            none = np.zeros(len(self.roads.sink_node), dtype=bool)
            self.cut = Threshold(clamped(np.zeros(self.roads.n_nodes, np.int64), 0, *reach(self.roads)), none)
        else:
            self.cut, end, edges, steps = found
            if end > self.lower:
                self.lower = end
            self.solves.append(("lower", step / 1000, steps, end / 1000, edges))
            self._tell()

    def _relaxed(
        self, step: int, guess: int, target: float, start: int, cut: Threshold | None
    ) -> tuple[Threshold, int, int, int] | None:
        """Raise the end, by a network of this step, from one by which too few are out."""
        roads = self.roads
        phase, _ = reach(roads, windows=False)
        horizon = max(guess, start + 4 * step)
        while True:
            grid = expanded(roads, step=step, phase=phase, horizon=horizon, end=start, restricted=False)
            wanted = int(np.floor(target * grid.unit * (1 - 1e-9)))
            grid.solve(self.check)
            trial = None
            if grid.out >= wanted:
                self._carry(grid)
                if cut is None:
                    return None
                break
            base, trial = self._gallop(grid, wanted, horizon)
            at, full = base.thresholds()
            assert base.end is not None
            new = Threshold(np.minimum(at, base.end + 1), full)
            grid, start, cut = base, base.end, new
            if trial is not None:
                break
            horizon *= 2
            if horizon // step > _MANY_STEPS:  # it takes far longer than was thought
                step *= 2
        assert cut is not None
        self._carry(grid if trial is None else trial)
        end = start
        if value(roads, cut, end) < target:
            cut, end = raised(
                roads, cut, end, target, step=2 * step, most=int(min(self.upper, 2.0**50)), late=self.late
            )
        return cut, end, grid.edges, grid.arcs.steps

    def _carry(self, grid: Expanded) -> None:
        self.carried = (
            grid.state.flow.reshape(-1, grid.arcs.steps)[: len(self.roads.tail)].sum(axis=1) / grid.unit
        )

    def _gallop(self, grid: Expanded, wanted: int, horizon: int) -> tuple[Expanded, Expanded | None]:
        """Find the last end, by whole steps, by which not all are out, and the next, by which they are."""
        assert grid.end is not None
        jump, base, trial = max((horizon - grid.end) // grid.step // 8, 1), grid, None
        while trial is None:
            assert base.end is not None
            if base.end + grid.step > horizon:
                return base, None
            jump = min(jump, (horizon - base.end) // grid.step)
            new = base.extended(base.end + jump * grid.step, keep=True)
            new.solve(self.check)
            if new.out >= wanted:
                trial = new
            else:
                base = new
                jump *= 2
        while jump > 1:
            half = jump // 2
            assert base.end is not None
            new = base.extended(base.end + half * grid.step, keep=True)
            new.solve(self.check)
            if new.out >= wanted:
                trial, jump = new, half
            else:
                base, jump = new, jump - half
        return base, trial

    def _upper(self, step: int) -> None:
        roads = self.roads
        assert self.cut is not None
        phase, start = phases(roads, self.cut, self.lower, step)
        horizon = start + max(40 * step, self.lower // 8)
        if np.isfinite(self.upper):
            horizon = max(min(horizon, int(self.upper)), start + step)
        base, trial = self._fitting(step, phase, start, horizon)
        if trial is None and not np.isfinite(self.upper) and self.reached is not None:
            # As many were brought out with other clocks, so with these they will be here.
            step, phase = self.reached
            _, trial = self._fitting(step, phase, self.lower, 2 * horizon)
        if trial is not None and trial.end is not None and trial.end < self.upper:
            self.upper = float(trial.end)
            self.solves.append(("upper", step / 1000, trial.arcs.steps, trial.end / 1000, trial.edges))
            self._tell()
        if not self._closed() and base is not None:
            self._raise_by(base, step)

    def _fitting(
        self, step: int, phase: Int64, start: int, horizon: int
    ) -> tuple[Expanded | None, Expanded | None]:
        base, trial = None, None
        for attempt in range(_ATTEMPTS):
            room = self.room if attempt + 1 < _ATTEMPTS else self.roads.room_least
            base, trial, horizon = self._restricted(step, phase, start, horizon, room)
            if trial is None or self._fits(trial):
                break
            trial = None
        return base, trial

    def _restricted(
        self, step: int, phase: Int64, start: int, horizon: int, room: NDArray[np.float64]
    ) -> tuple[Expanded | None, Expanded | None, int]:
        """Find the last end by which not all are out and the first by which they are, and how far was looked."""
        while True:
            grid = expanded(
                self.roads, step=step, phase=phase, horizon=horizon, end=start, restricted=True, wait=self.wait,
                share=self._share(), room=room,
            )  # fmt: skip
            wanted = self._wanted(grid)
            grid.solve(self.check)
            if grid.out >= wanted:
                return None, grid, horizon
            if self.target < self.roads.vehicles:  # roads close, so waiting longer may be of no use
                last = grid.extended(horizon, keep=True)
                last.solve(self.check)
                if last.out < wanted and horizon > 2 * max(self.lower, 1000):
                    return grid, None, horizon
            base, trial = self._gallop(grid, wanted, horizon)
            far = 2 * horizon / step * len(self.roads.tail) > MOST_ARCS / 4
            if trial is not None or horizon >= self.upper or far:
                return base, trial, horizon
            horizon *= 2

    def _raise_by(self, base: Expanded, step: int) -> None:
        """See whether the cut of a restricted network that was too small proves more."""
        at, full = base.thresholds()
        first, to_sink = reach(self.roads)
        cut = Threshold(clamped(np.minimum(at, self.lower + 1), self.lower, first, to_sink), full)
        cut, out = reduced(
            self.roads, cut, self.lower, step=step, late=self.late, least=64, until=self.target * (1 - 1e-9)
        )
        if out >= self.target * (1 - 1e-9):
            return
        most = int(min(self.upper, 2.0**50))
        cut, end = raised(self.roads, cut, self.lower, self.target, step=step, most=most, late=self.late)
        if end > self.lower:
            self.cut, self.lower = cut, end
            self.solves.append(("lower", step / 1000, base.arcs.steps, end / 1000, base.edges))
            self._tell()

    def _earliest(self, step: int) -> None:
        """Bound when shares of the vehicles can be out at the earliest, by one coarse network."""
        if not self.ask_shares:
            return
        roads = self.roads
        step = max(step, self.lower // 40, 1)
        phase, _ = reach(roads, windows=False)
        grid = expanded(roads, step=step, phase=phase, horizon=self.lower + 2 * step, end=0, restricted=False)
        left = list(SHARES[:-1])
        at, full = np.zeros(roads.n_nodes, dtype=np.int64), np.zeros(len(roads.sink_node), dtype=bool)
        end = 0
        for moment in range(0, self.lower + 2 * step, step):
            grid = grid.extended(moment, keep=False)
            grid.solve(self.check)
            while left and grid.out >= np.floor(left[0] * self.target * grid.unit * (1 - 1e-9)):
                share = left.pop(0)
                if moment > 0:
                    self._share_from(share, Threshold(np.minimum(at, end + 1), full), end, step)
            if not left:
                break
            (at, full), end = grid.thresholds(), moment
        self._tell()

    def _share_from(self, share: float, cut: Threshold, end: int, step: int) -> None:
        wanted = share * self.target
        if value(self.roads, cut, end) < wanted:
            _, end = raised(
                self.roads,
                cut,
                end,
                wanted,
                step=2 * step,
                most=max(self.lower, end + 1),
                late=self.late,
                least=256,
            )
            self.shares[share] = min(end, self.lower)

    # What is told

    def _tell(self) -> None:
        if self.progress is not None:
            self.progress(self.result("gap" if self._closed() else "time limit"))

    def result(self, status: str) -> Bracket:
        if self.saved is not None and not np.isfinite(self.upper):
            self.target, self.lower, self.upper, self.cut, self.shares = self.saved
        network, roads = self.network, self.roads
        everybody = roads.cut_off <= 0 and self.target >= roads.vehicles
        vehicles = network.vehicles if everybody else self.target
        shares = {**self.shares, 1.0: self.lower}
        earliest = pd.DataFrame(
            {"share": list(SHARES), "lower_s": [shares.get(share, 0) / 1000 for share in SHARES]}
        )
        upper = self.upper / 1000
        if self.known_upper is not None:
            upper = min(upper, self.known_upper)
        most = network.vehicles if everybody else min(self.most, roads.vehicles)
        threshold, full = thresholds_of_nodes(network, roads, self.cut, self.lower)
        return Bracket(
            network=network,
            vehicles=vehicles,
            lower_s=self.lower / 1000,
            upper_s=upper,
            vehicles_least=vehicles,
            vehicles_most=max(most, vehicles),
            status=status,
            solves=pd.DataFrame(self.solves, columns=["side", "step_s", "steps", "bound_s", "edges"]),
            earliest=earliest,
            notes=tuple(self.notes),
            threshold_s=threshold,
            full=full,
        )
