"""The maximum flow of networks expanded in time, and the network made small, against other ways to the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import maximum_flow

from mutualaid.evacuation import FlowNetwork, flow_network
from mutualaid.evacuation._expanded._cuts import Threshold, best_of, raised, reach, released_before, value
from mutualaid.evacuation._expanded._grid import Expanded, expanded, solve_static
from mutualaid.evacuation._expanded._roads import road_parts


def drawn(seed: int, **more: Any) -> FlowNetwork:
    rng = np.random.default_rng(seed)
    nodes, edges = 9, 30
    tail, head = rng.integers(0, nodes, edges), rng.integers(0, nodes, edges)
    vehicles = rng.integers(5, 40, 3).astype(float)
    return flow_network(
        n_nodes=nodes,
        tail=tail,
        head=head,
        transit_s=60.0 * rng.integers(0, 5, edges),
        capacity_vph=60.0 * rng.integers(1, 8, edges),
        closes_s=np.where(rng.random(edges) < 0.3, 60.0 * rng.integers(5, 20, edges), np.inf),
        sources={"node": rng.choice(nodes, 3, replace=False), "vehicles": vehicles},
        sinks={"node": rng.choice(nodes, 2, replace=False), "people": [30.0, np.inf]},
        release_s=[0.0, 600.0],
        released=np.column_stack([vehicles * [0.0, 1.0, 0.5], vehicles]),
        **more,
    )


def by_scipy(grid: Expanded) -> int:
    """The same maximum flow, every arc written down."""
    arcs, steps = grid.arcs, grid.arcs.steps
    scale = 2 ** int(np.log2(grid.unit) - 8)
    count = len(arcs.static) * steps
    tails, heads, most = [], [], []
    for e in range(len(arcs.tail)):
        for k in range(arcs.first[e], arcs.last[e] + 1):
            limit = arcs.capacity[e]
            limit = arcs.last_capacity[e] if k == arcs.last[e] else limit
            limit = arcs.first_capacity[e] if k == arcs.first[e] else limit
            tails.append(arcs.tail[e] * steps + (0 if arcs.static[arcs.tail[e]] else k))
            heads.append(arcs.head[e] * steps + (0 if arcs.static[arcs.head[e]] else k + arcs.shift[e]))
            most.append(limit)
    for v in np.flatnonzero(arcs.hold):
        for k in range(steps - 1):
            tails.append(v * steps + k)
            heads.append(v * steps + k + 1)
            most.append(1 << 60)
    for v in np.flatnonzero(arcs.room):
        tails.append(v * steps)
        heads.append(count)
        most.append(arcs.room[v])
    for x in np.flatnonzero(grid.state.excess):
        tails.append(count + 1)
        heads.append(x)
        most.append(grid.state.excess[x])
    whole = np.minimum(np.array(most) // scale, 1 << 30).astype(np.int32)
    graph = coo_array((whole, (tails, heads)), shape=(count + 2, count + 2)).tocsr()
    found = int(maximum_flow(graph, count + 1, count).flow_value)
    return found * int(scale)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("restricted", [False, True])
def test_the_maximum_flow_is_that_of_scipy(seed: int, restricted: bool) -> None:
    roads = road_parts(drawn(seed))
    if not len(roads.tail):
        pytest.skip("nobody has a way")
    phase = np.zeros(roads.n_nodes, dtype=np.int64)
    grid = expanded(
        roads, step=60_000, phase=phase, horizon=1_500_000, end=1_200_000, restricted=restricted, wait=False
    )
    assert (grid.arcs.capacity[: len(roads.tail)] % 2**20 == 0).any() or len(roads.tail)
    expected = by_scipy(grid)
    assert grid.solve(lambda: None) == pytest.approx(expected, abs=0.5 * grid.unit)


@pytest.mark.parametrize("seed", range(6))
def test_a_flow_that_is_extended_is_as_large_as_one_begun_anew(seed: int) -> None:
    roads = road_parts(drawn(seed))
    phase, _ = reach(roads, windows=False)
    made = [
        expanded(roads, step=60_000, phase=phase, horizon=1_500_000, end=end, restricted=False)
        for end in (300_000, 1_300_000)
    ]
    for grid in made:
        grid.solve(lambda: None)
    later = made[0].extended(1_300_000, keep=True)
    assert later.solve(lambda: None) == made[1].out
    assert made[0].out <= made[1].out


@pytest.mark.parametrize("seed", range(12))
def test_the_cut_in_continuous_time_lets_out_no_more_than_the_relaxed_network(seed: int) -> None:
    roads = road_parts(drawn(seed))
    phase, _ = reach(roads, windows=False)
    for end in (200_000, 500_000, 900_000):
        grid = expanded(roads, step=45_000, phase=phase, horizon=1_200_000, end=end, restricted=False)
        grid.solve(lambda: None)
        at, full = grid.thresholds()
        assert value(roads, Threshold(np.minimum(at, end + 1), full), end) <= grid.out / grid.unit + 1e-6


@pytest.mark.parametrize("seed", range(6))
def test_of_two_thresholds_a_node_the_best_are_chosen(seed: int) -> None:
    roads = road_parts(drawn(seed))
    rng = np.random.default_rng(seed)
    low = rng.integers(0, 500_000, roads.n_nodes)
    high = low + rng.integers(0, 300_000, roads.n_nodes)
    _, found = best_of(roads, low, high, 700_000)
    for _ in range(300):
        at = np.where(rng.random(roads.n_nodes) < 0.5, low, high)
        full = rng.random(len(roads.sink_node)) < 0.5
        assert found <= value(roads, Threshold(at, full), 700_000) + 1e-6


def test_a_static_cut_by_hand() -> None:
    # Node 0 pays 3 to be far, node 1 gains 2; the arc from 0 to 1 costs 1 if 0 is near and 1 far.
    far = solve_static(2, np.array([0]), np.array([1]), np.array([1.0]), np.array([3.0, -2.0]))
    assert far.tolist() == [False, True]


def chain(rates: list[float], opens: list[float], closes: list[float]) -> FlowNetwork:
    count = len(rates)
    return flow_network(
        n_nodes=count + 1, tail=range(count), head=range(1, count + 1), transit_s=[60.0] * count,
        capacity_vph=rates, opens_s=opens, closes_s=closes, sources={"node": [0], "vehicles": [10.0]},
        sinks={"node": [count]},
    )  # fmt: skip


def test_a_chain_becomes_one_edge() -> None:
    roads = road_parts(chain([600.0, 300.0, 900.0], [0.0] * 3, [np.inf] * 3))
    assert (roads.n_nodes, roads.parts) == (2, ((0, 1, 2),))
    assert (roads.transit[0][0], roads.rate[0]) == (180_000, 300 / 3600)


def test_a_chain_closes_when_its_first_part_does_that_is_met_late() -> None:
    roads = road_parts(chain([300.0, 600.0], [0.0, 0.0], [500.0, 400.0]))
    assert roads.parts == ((0, 1),)
    assert roads.latest[0][0] == 280_000  # enters the second by 340 s


def test_a_queue_between_keeps_the_node() -> None:
    """Who passes the wide road before it closes may wait before the narrow one: that is no single edge."""
    roads = road_parts(chain([600.0, 300.0], [0.0, 0.0], [200.0, np.inf]))
    assert len(roads.tail) == 2


def test_waiting_for_a_wide_road_to_open_keeps_the_node() -> None:
    roads = road_parts(chain([300.0, 600.0], [0.0, 900.0], [np.inf] * 2))
    assert len(roads.tail) == 2


def test_dead_ends_and_what_nobody_reaches_are_dropped() -> None:
    network = flow_network(
        n_nodes=5, tail=[0, 0, 2, 3], head=[1, 2, 0, 1], transit_s=60.0, capacity_vph=600.0,
        sources={"node": [0], "vehicles": [1.0]}, sinks={"node": [1]},
    )  # fmt: skip
    roads = road_parts(network)
    assert (roads.n_nodes, roads.parts) == (2, ((0,),))


def test_people_of_vehicles_that_mix() -> None:
    """Ten buses of thirty and ninety cars of two over one road into two shelters: each gets its share of both."""
    network = flow_network(
        n_nodes=3, tail=[0, 0], head=[1, 2], transit_s=60.0, capacity_vph=600.0,
        sources={"node": [0, 0], "vehicles": [10.0, 90.0], "people": [300.0, 180.0]},
        sinks={"node": [1, 2]},
    )  # fmt: skip
    roads = road_parts(network)
    grid = expanded(
        roads, step=30_000, phase=np.zeros(3, dtype=np.int64), horizon=900_000, end=900_000, restricted=True,
        wait=False,
    )  # fmt: skip
    grid.solve(lambda: None)
    assert grid.people().sum() == pytest.approx(480.0)


@pytest.mark.parametrize("seed", range(20))
def test_who_is_ready_before_a_moment_is_found_for_all_places_at_once(seed: int) -> None:
    roads = road_parts(drawn(seed))
    random = np.random.default_rng(seed)
    at = random.choice([-1, 0, 1, 299_999, 600_000, 600_001, 10**7], roads.n_nodes)
    pairs = zip(at[roads.demand_node], roads.released, strict=True)
    each = [0.0 if when <= 0 else np.interp(when, roads.release, ready) for when, ready in pairs]
    assert released_before(roads, at).tolist() == each


def test_a_cut_is_not_moved_any_further_when_it_is_late() -> None:
    roads = road_parts(drawn(1))
    cut = Threshold(np.zeros(roads.n_nodes, np.int64), np.zeros(len(roads.sink_node), bool))
    looks = iter([False, True])
    ends = [
        raised(roads, cut, 0, roads.vehicles, step=20_000, most=10**9, late=late)[1]
        for late in (lambda: True, lambda: next(looks), lambda: False)
    ]
    assert ends[0] < ends[2]
    assert ends[0] <= ends[1] <= ends[2]
    assert next(looks, None) is None
