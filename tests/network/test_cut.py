"""What is cut out of a graph gives the times of the whole, to the last bit, and holds nothing that it need not."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mutualaid.errors import NetworkError
from mutualaid.network import (
    Cut,
    EdgeTimes,
    Network,
    Restriction,
    RouteGraph,
    cut,
    lean,
    lean_all,
    profile,
    reweighted,
    route_graph,
    travel_times,
)

ANY = profile("civilian")
DrawNetwork = Callable[..., Network]
Put = Callable[..., pd.DataFrame]
SLOW = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def graph_of(network: Network, drive_ms: list[int], junction_ms: list[int] | None = None) -> RouteGraph:
    junction = [0] * network.n_nodes if junction_ms is None else junction_ms
    return route_graph(
        network, ANY, times=EdgeTimes(np.array(drive_ms, np.int32), np.array(junction, np.int32))
    )


def on_cut(
    part: Cut, graph: RouteGraph, origins: pd.DataFrame, places: pd.DataFrame, **options: Any
) -> pd.DataFrame:
    """Travel times on a cut, or on what a hazard leaves of it."""
    return travel_times(graph, part.placed(origins, origins=True), part.placed(places), **options)


def same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


# --- worked by hand -----------------------------------------------------------------------------------------


@pytest.fixture
def chain(draw: DrawNetwork) -> Network:
    """Five roads in a row, 0-1-2-3-4-5."""
    return draw([(100 * i, 0) for i in range(6)], [(i, i + 1) for i in range(5)])


@pytest.mark.parametrize(
    ("limit_s", "roads", "states", "origins"),
    [
        # The house is in the middle of road 2. From its ends, nodes 2 and 3, it takes 5 s.
        (4.999, [2], 0, [False, False, True]),
        (5.0, [2], 2, [False, False, True]),
        (14.999, [2], 2, [False, False, True]),
        (15.0, [1, 2, 3], 4, [False, False, True]),  # to nodes 1 and 4, on which no origin is
        (17.499, [1, 2, 3], 4, [False, False, True]),
        (17.5, [0, 1, 2, 3], 4, [True, False, True]),  # on road 0, a quarter from node 1
        (19.999, [0, 1, 2, 3], 4, [True, False, True]),
        (20.0, [0, 1, 2, 3, 4], 4, [True, True, True]),  # in the middle of road 4
    ],
)
def test_a_cut_holds_what_leads_there_in_time(
    chain: Network, put: Put, limit_s: float, roads: list[int], states: int, origins: list[bool]
) -> None:
    graph = graph_of(chain, [10_000] * 10)
    starts = put({"west": (0, 0.75), "east": (4, 0.5), "beside": (2, 0.25)})
    part = cut(graph, starts, put({"house": (2, 0.5)}), limit_s=limit_s)
    assert part.roads.tolist() == roads
    assert part.graph.n_states == states + 1  # and nowhere
    assert part.origins.tolist() == origins
    assert part.edges.tolist() == [edge for road in roads for edge in (2 * road, 2 * road + 1)]


def test_a_one_way_road_leads_there_in_one_direction_alone(chain: Network, put: Put) -> None:
    graph = graph_of(chain, [10_000, -1] * 5)  # eastwards only
    house = put({"house": (2, 0.5)})
    part = cut(graph, put({"west": (0, 0.5), "east": (4, 0.5)}), house, limit_s=1000)
    assert part.roads.tolist() == [0, 1, 2]
    assert part.origins.tolist() == [True, False]
    assert part.graph.drive_ms.tolist() == [10_000, -1] * 3


def test_positions_get_the_roads_of_the_cut(chain: Network, put: Put) -> None:
    graph = graph_of(chain, [10_000] * 10)
    starts = put({"west": (0, 0.5), "near": (3, 0.5), "lost": (1, 0.5), "away": (-1, math.nan)})
    starts.loc[["lost", "away"], "status"] = ["disconnected", "too_far"]
    given = starts.copy()
    part = cut(graph, starts, put({"house": (2, 0.5)}), limit_s=15)
    assert part.roads.tolist() == [1, 2, 3]
    placed = part.placed(starts.assign(share_a=0.5), origins=True)
    assert placed["road"].tolist() == [-1, 2, 0, -1]
    assert placed["road"].dtype == np.int32
    assert placed["status"].tolist() == ["far", "ok", "disconnected", "too_far"]
    assert placed["share_a"].tolist() == [0.5] * 4
    assert part.placed(starts)["status"].tolist() == given["status"].tolist()
    same(starts, given)


def test_too_few_origins_are_refused(chain: Network, put: Put) -> None:
    starts = put({"west": (0, 0.5), "near": (3, 0.5)})
    part = cut(graph_of(chain, [10_000] * 10), starts, put({"house": (2, 0.5)}), limit_s=15)
    with pytest.raises(NetworkError) as caught:
        part.placed(starts.iloc[:1], origins=True)
    (defect,) = caught.value.defects
    assert (defect.where, defect.got) == ("origins", "1 rows")
    assert "2 origins" in defect.expected


@pytest.mark.parametrize("nobody", ["origins", "places", "both"])
def test_without_origins_or_places_nothing_is_found(chain: Network, put: Put, nobody: str) -> None:
    graph = graph_of(chain, [10_000] * 10)
    starts, house = put({"west": (0, 0.5)}), put({"house": (2, 0.5)})
    if nobody in ("origins", "both"):
        starts["status"] = "too_far"
    if nobody in ("places", "both"):
        house = house.iloc[:0]
    part = cut(graph, starts, house, limit_s=100)
    assert part.origins.tolist() == [False]
    assert len(part.roads) == (5 if nobody == "origins" else 0)
    same(
        on_cut(part, part.graph, starts, house, limit_s=100), travel_times(graph, starts, house, limit_s=100)
    )


def test_a_limit_and_positions_are_checked(chain: Network, put: Put) -> None:
    graph, house = graph_of(chain, [10_000] * 10), put({"house": (2, 0.5)})
    with pytest.raises(NetworkError, match="limit_s"):
        cut(graph, house, house, limit_s=-1)
    with pytest.raises(NetworkError, match="places, row house"):
        cut(graph, house, put({"house": (7, 0.5)}), limit_s=10)


def test_a_turn_restriction_binds_on_the_cut(draw: DrawNetwork, put: Put) -> None:
    # From 0 to 1, then straight on to 2 or left to 3, which is forbidden from 0; 2 and 3 are joined.
    roads = [(0, 1), (1, 2), (1, 3), (2, 3), (3, 4)]
    network = draw(
        [(0, 0), (100, 0), (200, 0), (100, 100), (0, 200)], roads, [Restriction((0, 4), "no_left_turn")]
    )
    graph = graph_of(network, [10_000] * 10)
    start, house = put({"from": (0, 0.5)}), put({"house": (2, 0.5)})
    # 5 s to node 1, 10 s to 2, 10 s to 3, and back 5 s to the house.
    for limit_s, expected in ((29.999, []), (30.0, [30.0])):
        part = cut(graph, start, house, limit_s=limit_s)
        assert part.origins.tolist() == [bool(expected)]
        assert on_cut(part, part.graph, start, house, limit_s=limit_s)["drive_s"].tolist() == expected


def test_where_a_vehicle_arrives_before_the_road_leads_to_nowhere(draw: DrawNetwork, put: Put) -> None:
    """Nothing leads back from the end of a one-way road; the houses on it are reached all the same."""
    network = draw([(0, 0), (100, 0), (200, 0)], [(0, 1), (1, 2)])
    graph = graph_of(network, [10_000, 10_000, 40_000, -1])
    start = put({"from": (0, 0.5), "on": (1, 0.1), "beyond": (1, 0.9), "end": (1, 1.0)})
    houses = put({"half": (1, 0.5), "first": (1, 0.25)})
    part = cut(graph, start, houses, limit_s=30)
    assert part.origins.tolist() == [True, True, False, False]
    assert part.graph.n_states == 3  # nodes 0 and 1, and nowhere
    # Who is not told that nothing can be reached finds nothing all the same.
    everybody = travel_times(part.graph, part.placed(start), part.placed(houses), limit_s=30)
    same(everybody, travel_times(graph, start, houses, limit_s=30))
    found = on_cut(part, part.graph, start, houses, limit_s=30)
    assert found.to_numpy().tolist() == [
        ["from", "half", 25.0, 0.0], ["from", "first", 15.0, 0.0],
        ["on", "half", 16.0, 0.0], ["on", "first", 6.0, 0.0],
    ]  # fmt: skip


# --- whatever the network -----------------------------------------------------------------------------------


@st.composite
def positions_of(draw: st.DrawFn, positions: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Origins and places out of some positions: the same ones among both, some that take no part."""
    origin = np.array(draw(st.lists(st.booleans(), min_size=len(positions), max_size=len(positions))))
    place = np.array(draw(st.lists(st.booleans(), min_size=len(positions), max_size=len(positions))))
    status = st.sampled_from(["ok", "ok", "ok", "too_far"])
    positions = positions.assign(status=[draw(status) for _ in range(len(positions))])
    return positions[origin], positions[place | ~origin]


@st.composite
def hit(draw: st.DrawFn, positions: pd.DataFrame) -> pd.DataFrame:
    """What a hazard leaves of the roads of positions, in all the ways in which a frame may say it."""
    size = len(positions)
    form = draw(st.sampled_from(["nothing", "shares", "stretches"]))
    share = st.lists(st.sampled_from([math.nan, 0.0, 0.6, 2.0, math.inf]), min_size=size, max_size=size)
    names = {"nothing": (), "shares": ("share_a", "share_b")}.get(
        form, ("share_a", "share_b", "passed_a", "passed_b")
    )
    columns: dict[str, list[float]] = {name: draw(share) for name in names}
    if form == "stretches":
        columns["stretch"] = draw(
            st.lists(st.sampled_from([-1, 0, 0, 1, math.nan]), min_size=size, max_size=size)
        )
        for name in ("passed_a", "passed_b"):
            columns[name] = [1.0 if math.isinf(one) else one for one in columns[name]]
    return positions.assign(**columns)


@st.composite
def later(draw: st.DrawFn, drive_ms: np.ndarray) -> np.ndarray:
    """Times as a hazard leaves them: as before, later or closed."""
    more = draw(st.lists(st.sampled_from([0, 0, 1, 5, -1]), min_size=len(drive_ms), max_size=len(drive_ms)))
    return np.where((np.array(more) < 0) | (drive_ms < 0), -1, drive_ms + np.array(more))


@st.composite
def searches(draw: st.DrawFn, cases: st.SearchStrategy[Any]) -> tuple[RouteGraph, Any, Any, float]:
    """A graph, origins, places, and a limit: mostly just the time of some pair, or a millisecond less."""
    case = draw(cases)
    graph = route_graph(case.network, ANY, times=case.times, crossing_ms=case.crossing_ms)
    origins, places = draw(positions_of(case.positions))
    far = travel_times(graph, origins, places, limit_s=1.0)
    times = np.unique(np.rint(1000 * (far["drive_s"] + far["crossing_s"]))).tolist() or [0.0]
    limit_ms = draw(st.sampled_from(times)) - draw(st.sampled_from([0, 0, 0, 1]))
    return graph, origins, places, max(limit_ms, 0.0) / 1000


def test_the_times_are_those_of_the_whole(random_cases: Callable[..., Any]) -> None:
    @SLOW
    @given(searches(random_cases()))
    def check(drawn: Any) -> None:
        graph, origins, places, limit_s = drawn
        part = cut(graph, origins, places, limit_s=limit_s)
        expected = travel_times(graph, origins, places, limit_s=limit_s)
        same(on_cut(part, part.graph, origins, places, limit_s=limit_s), expected)
        to, at = part.placed(places), part.placed(origins, origins=True)
        same(
            travel_times(part.graph, to, at, limit_s=limit_s, reverse=True),
            travel_times(graph, places, origins, limit_s=limit_s, reverse=True),
        )

    check()


def test_the_times_under_a_hazard_are_those_of_the_whole(random_cases: Callable[..., Any]) -> None:
    @SLOW
    @given(searches(random_cases()), st.data())
    def check(drawn: Any, data: st.DataObject) -> None:
        graph, origins, places, limit_s = drawn
        part = cut(graph, origins, places, limit_s=limit_s)
        drive_ms = data.draw(later(graph.drive_ms))
        start, end = data.draw(hit(origins)), data.draw(hit(places))
        left = reweighted(graph, drive_ms)
        expected = travel_times(left, start, end, limit_s=limit_s)
        same(
            on_cut(part, reweighted(part.graph, drive_ms[part.edges]), start, end, limit_s=limit_s), expected
        )
        # A second hazard on top of the first, and a cut of what the first left.
        again = np.where(data.draw(later(drive_ms)) < 0, -1, drive_ms)
        worse = travel_times(reweighted(left, again), start, end, limit_s=limit_s)
        after = cut(left, start, end, limit_s=limit_s)
        same(on_cut(after, after.graph, start, end, limit_s=limit_s), expected)
        same(on_cut(after, reweighted(after.graph, again[after.edges]), start, end, limit_s=limit_s), worse)

    check()


def states_in_time(graph: RouteGraph, places: pd.DataFrame, limit_s: float) -> set[int]:
    """States from which a place is reached: a walk backwards, arc by arc, until nothing gets shorter."""
    roads, best = graph.network.roads, dict[int, float]()
    tails = np.repeat(np.arange(graph.n_states), np.diff(graph.out.indptr)).tolist()
    time_ms = (graph.out.weight >> 32).tolist()
    arcs = list(zip(tails, graph.out.head.tolist(), graph.out.edge.tolist(), time_ms, strict=True))
    for road, fraction, status in places[["road", "fraction", "status"]].itertuples(index=False):
        if status != "ok":
            continue
        for tail, _, edge, whole_ms in arcs:
            if 0 < fraction < 1 and edge >> 1 == road:
                drive_ms = int(graph.drive_ms[edge])
                along = math.floor((fraction if edge == 2 * road else 1 - fraction) * drive_ms + 0.5)
                best[tail] = min(best.get(tail, math.inf), whole_ms - drive_ms + along)
        if fraction in (0, 1):
            node = roads["a" if fraction == 0 else "b"].iloc[road]
            best |= dict.fromkeys(np.flatnonzero(graph.node == node).tolist(), 0)
    for _ in range(graph.n_states):
        for tail, head, _, whole_ms in arcs:
            if head in best:
                best[tail] = min(best.get(tail, math.inf), whole_ms + best[head])
    return {state for state, ms in best.items() if ms <= round(1000 * limit_s)}


def test_a_cut_holds_those_states_from_which_a_place_is_reached_and_no_other(
    random_cases: Callable[..., Any],
) -> None:
    @SLOW
    @given(searches(random_cases()))
    def check(drawn: Any) -> None:
        graph, origins, places, limit_s = drawn
        part = cut(graph, origins, places, limit_s=limit_s)
        inside = sorted(states_in_time(graph, places, limit_s))
        assert part.graph.n_states == len(inside) + 1
        # Each stands at the node at which it stood, and the same roads lead from it to others within.
        nodes = np.unique([*graph.node[inside], *graph.network.roads[["a", "b"]].to_numpy()[part.roads].flat])
        assert nodes[part.graph.node[:-1]].tolist() == graph.node[inside].tolist()
        on = set(places.loc[places["status"] == "ok", "road"])
        number = {state: i for i, state in enumerate(inside)}
        kept = [
            (number[tail], number.get(head, len(inside)), edge, weight)
            for tail, head, edge, weight in zip(
                graph.out.tail, graph.out.head, graph.out.edge, graph.out.weight, strict=True
            )
            if tail in number and (head in number or edge >> 1 in on)
        ]
        out = part.graph.out
        assert list(zip(out.tail, out.head, part.edges[out.edge], out.weight, strict=True)) == kept

    check()


def test_origins_that_are_left_out_reach_nothing_and_the_others_do(random_cases: Callable[..., Any]) -> None:
    @SLOW
    @given(searches(random_cases()))
    def check(drawn: Any) -> None:
        graph, origins, places, limit_s = drawn
        part = cut(graph, origins, places, limit_s=limit_s)
        found = set(travel_times(graph, origins, places, limit_s=limit_s)["origin"])
        counting = set(origins.index[part.origins])
        assert found <= counting
        # A place on the very road of an origin may be too far off.
        on = set(places["road"])
        assert all(origins.loc[label, "road"] in on for label in counting - found)

    check()


def town(draw: DrawNetwork, put: Put, seed: int) -> tuple[RouteGraph, pd.DataFrame, pd.DataFrame]:
    """A grid of 20 × 20 streets with one-way streets, restricted turns, slow junctions and ferries of no time."""
    rng, side = np.random.default_rng(seed), 20
    roads: list[Any] = [
        (side * i + j, side * (i + down) + j + (1 - down))
        for i in range(side)
        for j in range(side)
        for down in (0, 1)
        if i + down < side and j + 1 - down < side
    ]
    drive_ms = rng.integers(1, 30, 2 * len(roads)) * 250
    drive_ms[rng.random(2 * len(roads)) < 0.15] = -1
    ferries = [(a, b) for a, b in rng.integers(0, side * side, (12, 2)).tolist() if a != b]
    roads += [(a, b, {"crossing": i}) for i, (a, b) in enumerate(ferries)]
    ends = np.array([one[:2] for one in roads])
    tail, head = ends.ravel(), ends[:, ::-1].ravel()
    turns = []
    for first in rng.choice(len(drive_ms), 150, replace=False).tolist():
        second = int(rng.choice(np.flatnonzero(tail == head[first])))
        turns.append(Restriction((first, second), str(rng.choice(["no_left_turn", "only_straight_on"]))))
    network = draw([(100 * (i % side), 100 * (i // side)) for i in range(side * side)], roads, turns)
    times = EdgeTimes(
        np.append(drive_ms, [0] * (2 * len(ferries))).astype(np.int32),
        rng.integers(0, 3, side * side).astype(np.int32) * 500,
    )
    delays = rng.choice([0, 0, 2_000, -1], len(network.crossings))
    graph = route_graph(network, ANY, times=times, crossing_ms=delays)
    at = [(int(rng.integers(len(drive_ms) // 2)), float(rng.integers(0, 9) / 8)) for _ in range(200)]
    everyone = put({f"p{i}": where for i, where in enumerate(at)})
    return graph, everyone.iloc[:60], everyone.iloc[50:]


@pytest.mark.parametrize("seed", range(4))
def test_a_town_cut_into_tiles_gives_the_times_of_the_town(draw: DrawNetwork, put: Put, seed: int) -> None:
    graph, origins, places = town(draw, put, seed)
    rng, limit_s = np.random.default_rng(seed), 17.25
    closed = np.where(rng.random(len(graph.drive_ms)) < 0.1, -1, graph.drive_ms)
    slower = np.where(closed < 0, -1, closed + rng.choice([0, 0, 1, 3_000], len(closed)))
    tile = places["road"].to_numpy() // 100
    for left, whole in ((None, graph), (slower, reweighted(graph, slower))):
        parts, sizes = [], []
        for number in np.unique(tile):
            mine = places[tile == number]
            part = cut(graph, origins, mine, limit_s=limit_s)
            small = part.graph if left is None else reweighted(part.graph, left[part.edges])
            parts.append(on_cut(part, small, origins, mine, limit_s=limit_s))
            sizes.append(part.graph.n_states)
        found = pd.concat(parts)
        to, at = (
            table.index.get_indexer(pd.Index(found[name]))
            for table, name in ((places, "destination"), (origins, "origin"))
        )
        expected = travel_times(whole, origins, places, limit_s=limit_s)
        same(found.iloc[np.lexsort([to, at])].reset_index(drop=True), expected)
        assert len(expected) > 200
        assert max(sizes) < graph.n_states  # or the test would show nothing


def test_cuts_of_one_graph_do_not_disturb_each_other(draw: DrawNetwork, put: Put) -> None:
    """They lend each other memory: with other limits, after one that failed, and from several threads."""
    graph, origins, places = town(draw, put, 7)

    def searched(number: int) -> pd.DataFrame:
        mine, limit_s = places.iloc[10 * (number % 10) :][:20], (5.0, 12.5, 40.0)[number % 3]
        part = cut(graph, origins, mine, limit_s=limit_s)
        return on_cut(part, part.graph, origins, mine, limit_s=limit_s)

    def whole(number: int) -> pd.DataFrame:
        mine, limit_s = places.iloc[10 * (number % 10) :][:20], (5.0, 12.5, 40.0)[number % 3]
        return travel_times(graph, origins, mine, limit_s=limit_s)

    for number in range(6):
        same(searched(number), whole(number))
        with pytest.raises(NetworkError):
            cut(graph, origins.assign(road=10**6), places, limit_s=5)
    with ThreadPoolExecutor(4) as pool:
        for number, found in enumerate(pool.map(searched, range(60))):
            same(found, whole(number))


def test_inputs_stay_as_they_are(draw: DrawNetwork, put: Put) -> None:
    graph, origins, places = town(draw, put, 3)
    before = pickle.dumps((graph.out.indptr, graph.out.head, graph.out.edge, graph.out.weight, graph.node))
    frames = origins.copy(), places.copy()
    part = cut(graph, origins, places, limit_s=20)
    part.placed(origins, origins=True)
    assert before == pickle.dumps(
        (graph.out.indptr, graph.out.head, graph.out.edge, graph.out.weight, graph.node)
    )
    same(origins, frames[0])
    same(places, frames[1])


# --- lean ---------------------------------------------------------------------------------------------------


def test_a_lean_graph_is_searched_and_cut_as_the_whole_one_is(draw: DrawNetwork, put: Put) -> None:
    graph, origins, places = town(draw, put, 5)
    slower = reweighted(graph, np.where(graph.drive_ms < 0, -1, 2 * graph.drive_ms))
    for one in (graph, slower):
        there = pickle.loads(pickle.dumps(lean(one)))
        expected = travel_times(one, origins, places, limit_s=20)
        same(travel_times(there, origins, places, limit_s=20), expected)
        part = cut(there, origins, places, limit_s=20)
        same(on_cut(part, part.graph, origins, places, limit_s=20), expected)


def test_a_lean_graph_has_neither_geometry_nor_names_and_what_a_search_works_out(
    draw: DrawNetwork, put: Put
) -> None:
    graph = town(draw, put, 5)[0]
    found = lean(graph)
    network = found.network
    assert network.roads.columns.tolist() == ["a", "b", "crossing"]
    assert (network.n_nodes, network.n_roads) == (graph.network.n_nodes, graph.network.n_roads)
    assert [len(one) for one in (network.x, network.y, network.road_xy)] == [0, 0, 0]
    assert (network.restrictions, network.notes) == ((), {})
    assert network.crossings is graph.network.crossings
    assert {"into", "arcs_of_edge", "states_at_node"} <= set(vars(found))
    assert "tail" in vars(found.out)
    assert len(graph.network.road_xy) > 0  # the graph itself keeps all


def test_lean_graphs_share_what_they_shared(draw: DrawNetwork, put: Put) -> None:
    graph = town(draw, put, 5)[0]
    slower = reweighted(graph, np.where(graph.drive_ms < 0, -1, 2 * graph.drive_ms))
    other = reweighted(graph, np.where(graph.drive_ms < 0, -1, 3 * graph.drive_ms))
    first, second, third, again = lean_all([graph, slower, other, graph])
    assert first is again
    assert second.before is third.before is first
    assert first.network is second.network is third.network
    assert first.node is second.node is graph.node
    assert first.out is graph.out
