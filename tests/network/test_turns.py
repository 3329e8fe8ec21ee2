from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mutualaid.errors import NetworkError
from mutualaid.network import EdgeTimes, Network, Profile, Restriction, profile, route_graph, travel_times

Draw = Callable[..., Network]
Put = Callable[..., pd.DataFrame]

OBEYS = replace(profile("civilian"), ignores_turns=False, ignores_u_turns=False)
TURNS_ROUND = replace(OBEYS, ignores_u_turns=True)

#          2
#          |          roads 0: 0-1, 1: 1-2, 2: 1-3, 3: 1-4, 4: 3-4
#   0 ---- 1 ---- 3   edges 2 * road as written here, 2 * road + 1 the other way
#          |    /
#          4 --
PLACES = [(0, 0), (100, 0), (100, 100), (200, 0), (100, -100)]
CROSS = PLACES, [(0, 1), (1, 2), (1, 3), (1, 4), (3, 4)]
STAR = PLACES, [(0, 1), (1, 2), (1, 3), (1, 4)]


def seconds(
    network: Network,
    put: Put,
    vehicle: Profile,
    start: int,
    end: int,
    drive_s: dict[int, int] | None = None,
) -> float:
    """Drive time between two nodes where roads take 10 s each, but for the edges named."""
    drive_ms = np.full(2 * network.n_roads, 10_000, np.int32)
    for edge, value in (drive_s or {}).items():
        drive_ms[edge] = value * 1000 if value >= 0 else -1
    times = EdgeTimes(drive_ms, np.zeros(network.n_nodes, np.int32))
    ends = network.roads[["a", "b"]].to_numpy()

    def at(node: int) -> pd.DataFrame:
        road, side = np.argwhere(ends == node)[0]
        return put({"p": (int(road), float(side))})

    table = travel_times(route_graph(network, vehicle, times=times), at(start), at(end), limit_s=1000)
    return float(table["drive_s"].iloc[0]) if len(table) else np.inf


def test_a_forbidden_turn_is_driven_around(draw: Draw, put: Put) -> None:
    network = draw(*CROSS, [Restriction((0, 2), "no_left_turn")])
    assert seconds(network, put, replace(OBEYS, ignores_turns=True), 0, 2) == 20
    assert seconds(network, put, OBEYS, 0, 2) == 40  # on to 3, turn round there, 1, 2
    assert seconds(network, put, OBEYS, 0, 4) == 20
    assert seconds(network, put, OBEYS, 3, 2) == 20
    no_return = {5: -1}
    assert seconds(network, put, OBEYS, 0, 2, no_return) == 40  # by 4, turn round, 1, 2
    assert seconds(network, put, OBEYS, 0, 2, no_return | {6: -1}) == 50  # 1, 3, 4, 1, 2


def test_a_mandatory_turn_forbids_every_other(draw: Draw, put: Put) -> None:
    network = draw(*CROSS, [Restriction((0, 4), "only_straight_on")])
    assert seconds(network, put, OBEYS, 0, 3) == 20
    assert seconds(network, put, OBEYS, 0, 4) == 30  # 1, 3, 4
    assert seconds(network, put, OBEYS, 0, 2) == 40  # on to 3, turn round there, 1, 2
    assert seconds(network, put, OBEYS, 2, 4) == 20


def test_two_mandatory_turns_from_one_way_leave_the_choice(draw: Draw, put: Put) -> None:
    network = draw(*CROSS, [Restriction((0, 4), "only_straight_on"), Restriction((0, 6), "only_right_turn")])
    assert [seconds(network, put, OBEYS, 0, end) for end in (3, 4, 2)] == [20, 20, 40]


def test_a_mandatory_turn_onto_a_road_not_permitted_binds_nobody(draw: Draw, put: Put) -> None:
    network = draw(*CROSS, [Restriction((0, 4), "only_straight_on")])
    assert seconds(network, put, OBEYS, 0, 4, {4: -1}) == 20


def test_a_restriction_over_a_way_binds_only_who_came_that_way(draw: Draw, put: Put) -> None:
    #   0 - 1 - 2 - 3 with 4 below 1 and 5 below 2; 1-2 takes 5 s; who comes from 0 may not go on to 3
    xy = [(0, 0), (100, 0), (150, 0), (250, 0), (100, -100), (150, -100)]
    network = draw(xy, [(0, 1), (1, 2), (2, 3), (1, 4), (2, 5)], [Restriction((0, 2, 4), "no_left_turn")])
    short = {2: 5, 3: 5}
    assert seconds(network, put, OBEYS, 4, 3, short) == 25
    assert seconds(network, put, OBEYS, 0, 5, short) == 25
    assert seconds(network, put, OBEYS, 0, 3, short) == 45  # into 4 or 5 and back
    assert seconds(network, put, TURNS_ROUND, 0, 3, short) == 35  # turns round at 2 and again at 1
    assert seconds(network, put, replace(OBEYS, ignores_turns=True), 0, 3, short) == 25


def test_a_longer_restriction_does_not_hide_one_that_begins_inside_it(draw: Draw, put: Put) -> None:
    inner, outer = Restriction((4, 8), "no_right_turn"), Restriction((0, 4, 5), "no_u_turn")
    network = draw(*CROSS, [inner, outer])
    free = {6: -1}  # so that 4 is reached through 3 only
    assert seconds(draw(*CROSS, [outer]), put, OBEYS, 0, 4, free) == 30
    assert seconds(draw(*CROSS, [outer]), put, OBEYS, 2, 4, free) == 30
    assert seconds(network, put, OBEYS, 0, 4, free) == np.inf
    assert seconds(network, put, OBEYS, 2, 4, free) == np.inf
    assert seconds(network, put, OBEYS, 3, 4, free) == 10


def test_a_restriction_holds_in_the_middle_of_a_longer_one(draw: Draw, put: Put) -> None:
    inner, outer = Restriction((4, 8), "no_right_turn"), Restriction((0, 4, 8, 7), "no_left_turn")
    free = {6: -1}  # so that 4 is reached through 3 only
    assert seconds(draw(*CROSS, [outer]), put, OBEYS, 0, 4, free) == 30
    assert seconds(draw(*CROSS, [inner, outer]), put, OBEYS, 0, 4, free) == np.inf


def test_turning_round_is_forbidden_apart(draw: Draw, put: Put) -> None:
    left = Restriction((3, 6), "no_left_turn")  # from 2 to 4, so that one goes to 0 or 3 and turns round
    dead_ends = [Restriction((4, 5), "no_u_turn"), Restriction((1, 0), "no_u_turn")]
    assert seconds(draw(*STAR, [left]), put, OBEYS, 2, 4) == 40
    assert seconds(draw(*STAR, [left, *dead_ends]), put, OBEYS, 2, 4) == np.inf
    assert seconds(draw(*STAR, [left, *dead_ends]), put, TURNS_ROUND, 2, 4) == 40


def test_a_vehicle_that_is_exempt_turns(draw: Draw, put: Put) -> None:
    network = draw(*CROSS, [Restriction((0, 2), "no_left_turn", frozenset({"emergency"}))])
    engine = replace(profile("fire_engine"), ignores_turns=False, ignores_u_turns=False)
    assert "emergency" in engine.kinds
    assert seconds(network, put, engine, 0, 2) == 20
    assert seconds(network, put, OBEYS, 0, 2) == 40


def test_a_position_on_a_road_counts_as_having_driven_it(draw: Draw, put: Put) -> None:
    network = draw(*CROSS, [Restriction((0, 2), "no_left_turn")])
    times = EdgeTimes(np.full(10, 10_000, np.int32), np.zeros(5, np.int32))
    graph = route_graph(network, OBEYS, times=times)
    start, end = put({"o": (0, 0.5)}), put({"d": (1, 0.5)})
    assert travel_times(graph, start, end, limit_s=100)["drive_s"].tolist() == [30]  # 5 + 10 + 10 + 5
    assert travel_times(graph, start, end, limit_s=100, reverse=True)["drive_s"].tolist() == [10]
    assert travel_times(graph, end, start, limit_s=100, reverse=True)["drive_s"].tolist() == [30]


@pytest.mark.parametrize("path", [(0,), (0, 99), (-1, 2), (0, 3)])
def test_a_restriction_that_is_no_path_is_refused(draw: Draw, path: tuple[int, ...]) -> None:
    network = draw(
        *CROSS, [Restriction((0, 2), "no_left_turn"), Restriction(path, "no_left_turn", osm_id=77)]
    )
    with pytest.raises(NetworkError, match="restriction 77"):
        route_graph(network, OBEYS)


class Driver:
    """The rules of the road spelled out: remembers every edge driven, looks each rule up from scratch."""

    def __init__(self, case: Any, *, u_turns: bool) -> None:
        self.drive = case.times.drive_ms.astype(int).tolist()
        self.cross = [0] * len(self.drive)
        self.is_crossing = np.repeat(case.network.roads["crossing"].to_numpy() >= 0, 2).tolist()
        for road, crossing in enumerate(case.network.roads["crossing"]):
            if crossing >= 0:
                for edge in (2 * road, 2 * road + 1):
                    self.drive[edge] = self.cross[edge] = int(case.crossing_ms[crossing])
        self.junction = case.times.junction_ms.astype(int).tolist()
        self.tail = case.network.roads[["a", "b"]].to_numpy().ravel().tolist()
        self.head = case.network.roads[["b", "a"]].to_numpy().ravel().tolist()
        self.u_turns = u_turns
        drivable = {edge for edge, ms in enumerate(self.drive) if ms >= 0}
        rules = [r for r in case.network.restrictions if not (u_turns and r.kind == "no_u_turn")]
        rules = [r for r in rules if set(r.path) <= drivable]
        self.bans: set[tuple[int, ...]] = set()
        must = {
            r.path[:-1]: {o.path for o in rules if o.only and o.path[:-1] == r.path[:-1]}
            for r in rules
            if r.only
        }
        for begin, choice in must.items():
            self.bans |= {(*begin, e) for e in drivable if self.head[begin[-1]] == self.tail[e]} - choice
        self.bans |= {r.path for r in rules if not r.only}
        self.memory = max((len(r.path) for r in rules), default=1)

    def legal(self, history: tuple[int, ...], edge: int) -> bool:
        driven = (*history, edge)
        return self.drive[edge] >= 0 and not any(driven[-len(ban) :] == ban for ban in self.bans)

    def moves(self, node: int, history: tuple[int, ...]) -> Iterator[int]:
        legal = [e for e, tail in enumerate(self.tail) if tail == node and self.legal(history, e)]
        back = history[-1] ^ 1 if history else -1
        onward = [e for e in legal if e != back]
        watched = any(history[-i:] == ban[:i] for ban in self.bans for i in range(1, len(ban)))
        yield from legal if self.u_turns or not watched or not onward else onward

    def times(self, start: tuple[int, float], end: tuple[int, float]) -> tuple[int, int] | None:
        """Least (milliseconds, of which crossing delay)."""

        def sides(road: int, fraction: float) -> list[tuple[int, float, int]]:
            both = [(2 * road, fraction), (2 * road + 1, 1 - fraction)]
            return [(e, f, int(f * self.drive[e] + 0.5)) for e, f in both if self.drive[e] >= 0]

        on_end = [] if end[1] in (0, 1) else sides(*end)
        best: list[tuple[int, int]] = []
        queue: list[tuple[int, int, int, tuple[int, ...]]] = []
        if start[1] in (0, 1):
            queue.append((0, 0, (self.tail if start[1] == 0 else self.head)[2 * start[0]], ()))
        else:
            for edge, fraction, done in sides(*start):
                queue.append((self.drive[edge] - done, 0, self.head[edge], (edge,)))
                best += [(d - done, 0) for e, f, d in on_end if e == edge and f >= fraction]
        goal = (self.tail if end[1] == 0 else self.head)[2 * end[0]] if end[1] in (0, 1) else -1
        heapq.heapify(queue)
        seen = set()
        while queue:
            ms, cross, node, history = heapq.heappop(queue)
            if (node, history) in seen:
                continue
            seen.add((node, history))
            if node == goal:
                best.append((ms, cross))
            for edge in self.moves(node, history):
                entered = ms + (0 if self.is_crossing[edge] else self.junction[node])
                best += [(entered + d, cross) for e, _, d in on_end if e == edge]
                driven = (*history, edge)[-self.memory :]
                after = (entered + self.drive[edge], cross + self.cross[edge], self.head[edge], driven)
                heapq.heappush(queue, after)
        return min(best, default=None)


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_times_equal_a_driver_who_looks_up_every_rule(
    random_cases: Callable[..., Any], data: st.DataObject
) -> None:
    case = data.draw(random_cases())
    vehicle = data.draw(st.sampled_from([OBEYS, TURNS_ROUND]))
    limit_ms = data.draw(st.integers(0, 60))
    driver = Driver(case, u_turns=vehicle.ignores_u_turns)
    places = list(zip(case.positions["road"], case.positions["fraction"], strict=True))
    expected = []
    for i, start in enumerate(places):
        for j, end in enumerate(places):
            found = driver.times(start, end)
            if found is not None and found[0] <= limit_ms:
                ms, cross = found
                expected.append((f"p{i}", f"p{j}", (ms - cross) / 1000, cross / 1000))
    graph = route_graph(case.network, vehicle, times=case.times, crossing_ms=case.crossing_ms)
    table = travel_times(graph, case.positions, case.positions, limit_s=limit_ms / 1000, threads=1)
    assert list(table.itertuples(index=False, name=None)) == expected
    back = travel_times(
        graph, case.positions, case.positions, limit_s=limit_ms / 1000, threads=1, reverse=True
    )
    turned = back[["destination", "origin", "drive_s", "crossing_s"]].itertuples(index=False, name=None)
    assert sorted(turned) == sorted(expected)
