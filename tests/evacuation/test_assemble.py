"""From states of a route graph to a flow network: turns, one-way streets, shared capacity, places along roads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import CRS

from mutualaid.evacuation._assemble import Assembled, Spots, assemble, pruned, reaches
from mutualaid.evacuation._paths import seconds_to
from mutualaid.network import (
    ROAD_CLASSES,
    EdgeTimes,
    Network,
    Restriction,
    RouteGraph,
    profile,
    route_graph,
    travel_times,
)
from mutualaid.network._crossings import no_crossings

INF = math.inf
UTM = CRS.from_epsg(32632)
NONE = Spots.at_nodes([])


def streets(
    n: int,
    ends: Sequence[tuple[int, int]],
    restrictions: Sequence[Restriction] = (),
    *,
    oneway: Sequence[int] = (),
) -> Network:
    """Residential streets between nodes on a curve; those in `oneway` lead from their first node to the second."""
    a, b = (np.array([pair[k] for pair in ends], dtype=np.int32) for k in (0, 1))
    x = 100.0 * np.arange(n, dtype=np.float64)
    y = (x / 50.0) ** 2
    m = len(ends)
    roads = pd.DataFrame(
        {
            "a": a, "b": b, "length_m": 100.0, "way": np.arange(m), "name": "", "lanes": np.float32(np.nan),
            "class": pd.Categorical(["residential"] * m, categories=ROAD_CLASSES),
            "maxspeed_forward_kph": np.float32(np.nan), "maxspeed_backward_kph": np.float32(np.nan),
            "oneway": np.isin(np.arange(m), oneway).astype(np.int8), "bridge": False, "tunnel": False,
            "covered": False, "layer": np.int8(0), "access": pd.Categorical(["yes"] * m),
            "max_height_m": np.float32(np.nan), "max_weight_t": np.float32(np.nan),
            "jurisdiction": pd.Categorical([None] * m), "crossing": np.full(m, -1, dtype=np.int32),
        }
    )  # fmt: skip
    xy = np.stack([np.column_stack([x[a], y[a]]), np.column_stack([x[b], y[b]])], axis=1).reshape(-1, 2)
    return Network(
        UTM, np.arange(n), x, y, roads, xy, 2 * np.arange(m + 1), no_crossings(UTM), tuple(restrictions)
    )


def drive(network: Network, seconds: Sequence[float] | float = 10.0, junction_s: float = 0.0) -> RouteGraph:
    """Cars that need so long for each road, in both directions unless it is one-way."""
    ms = np.repeat(np.broadcast_to(np.asarray(seconds, np.float64) * 1000, (network.n_roads,)), 2).astype(
        np.int64
    )
    against = np.repeat(network.roads["oneway"].to_numpy() == 1, 2) & (np.arange(len(ms)) % 2 == 1)
    times = EdgeTimes(
        drive_ms=np.where(against, -1, ms).astype(np.int32),
        junction_ms=np.full(network.n_nodes, int(1000 * junction_s), dtype=np.int32),
    )
    return route_graph(network, profile("civilian"), times=times)


def laid(graph: RouteGraph, sources: Spots, sinks: Spots) -> Assembled:
    return assemble(graph, np.maximum(graph.drive_ms, 0) / 1000.0, sources, sinks)


def seconds(made: Assembled) -> NDArray[np.float64]:
    """Free-flow seconds from each source to each sink."""
    free = np.ones(len(made.tail), dtype=bool)
    return np.array(
        [
            seconds_to(made.n_nodes, made.tail, made.head, made.transit_s, np.array([sink]), free)[
                made.source_node
            ]
            for sink in made.sink_node
        ]
    ).T


# A crossroads: from the west (0) to the middle (1); north is 2, south 3, and south ends in a loop through 4 and back.
CROSS = [(0, 1), (1, 2), (1, 3)]


def test_a_forbidden_turn_is_not_driven_but_round_the_dead_end_it_is() -> None:
    no_left = Restriction((0, 2), "no_left_turn")  # 0→1, then 1→2
    free = laid(drive(streets(4, CROSS)), Spots.at_nodes([0]), Spots.at_nodes([2]))
    assert seconds(free).item() == pytest.approx(20)
    bound = laid(drive(streets(4, CROSS, [no_left])), Spots.at_nodes([0]), Spots.at_nodes([2]))
    # To the south end and back, then straight on to the north: 10 + 10 + 10 + 10.
    assert seconds(bound).item() == pytest.approx(40)


def test_a_forbidden_turn_without_a_way_round_leaves_nobody_through() -> None:
    no_left = Restriction((0, 2), "no_left_turn")
    graph = drive(streets(3, CROSS[:2], [no_left], oneway=[0, 1]))
    made = laid(graph, Spots.at_nodes([0, 1]), Spots.at_nodes([2]))
    assert seconds(made)[:, 0].tolist() == [INF, pytest.approx(10)]
    usable = np.ones(len(made.tail), dtype=bool)
    has_way, used = reaches(made, usable, np.array([True]))
    assert has_way.tolist() == [False, True]
    assert used.tolist() == [True]


def test_a_mandatory_turn_binds_whoever_comes_that_way_alone() -> None:
    only_south = Restriction((0, 4), "only_right_turn")
    made = laid(
        drive(streets(5, [*CROSS, (4, 1)], [only_south], oneway=[0, 1, 2, 3])),
        Spots.at_nodes([0, 4]),
        Spots.at_nodes([2, 3]),
    )
    assert seconds(made).tolist() == [[INF, pytest.approx(20)], [pytest.approx(20), pytest.approx(20)]]


def test_a_one_way_street_leads_one_way() -> None:
    graph = drive(streets(3, [(0, 1), (1, 2)], oneway=[0]))
    made = laid(graph, Spots.at_nodes([0, 1, 2]), Spots.at_nodes([0, 2]))
    assert seconds(made).round(6).tolist() == [[0, 20], [INF, 10], [INF, 0]]
    assert 1 not in made.road_edge


def test_arcs_of_one_road_that_lead_to_one_state_pass_one_gate() -> None:
    """Who comes from 0 may not turn into 1→2; the others share the road 1→3 with them: one capacity."""
    no_left = Restriction((0, 2), "no_left_turn")
    graph = drive(streets(5, [*CROSS, (4, 1)], [no_left]))
    made = laid(graph, Spots.at_nodes([0, 4]), Spots.at_nodes([3]))
    south = np.flatnonzero(made.road_edge == 4)
    assert len(south) == 1  # one edge of the flow network, with its one capacity
    assert made.group[south].tolist() == [-1]
    gate = made.tail[south[0]]
    into = np.flatnonzero(made.head == gate)
    assert len(into) == 2  # from the plain state of 1, and from "came from 0"
    assert (made.transit_s[into] == 0).all()
    assert (made.road_edge[into] == -1).all()
    assert made.transit_s[south[0]] == 10


def test_arcs_of_one_road_that_lead_to_different_states_share_its_capacity() -> None:
    """Along 0→1→2 one may not go on to 3; who enters 1→2 from 4 may: 1→2 is driven in two states."""
    no_u = Restriction((0, 2, 4), "no_straight_on")
    graph = drive(streets(5, [(0, 1), (1, 2), (2, 3), (4, 1)], [no_u], oneway=[0, 1, 2, 3]))
    made = laid(graph, Spots.at_nodes([0, 4]), Spots.at_nodes([2, 3]))
    assert seconds(made).tolist() == [
        [pytest.approx(20), INF],
        [pytest.approx(20), pytest.approx(30)],
    ]
    middle = np.flatnonzero(made.road_edge == 2)
    assert len(middle) == 2
    assert len(set(made.group[middle])) == 1
    assert made.group[middle[0]] >= 0
    assert len(set(made.tail[middle])) == len(set(made.head[middle])) == 2
    kept, _ = pruned(made, np.array([True, True]), np.array([True, False]))
    assert (kept.group >= 0).sum() == 2  # both still lead to the sink at 2
    alone, _ = pruned(made, np.array([False, True]), np.array([False, True]))
    assert (alone.group == -1).all()  # only one of them is left, on its own


def test_a_shelter_along_a_road_is_reached_from_both_ends_at_its_share() -> None:
    graph = drive(streets(3, [(0, 1), (1, 2)]), [10, 40], junction_s=2.0)
    made = laid(graph, Spots.at_nodes([0, 2]), Spots.of(graph, [1], [0.25]))
    # 2 s on leaving each junction: 2 + 10 + 2 + 10 from the west, 2 + 30 from the east.
    assert seconds(made)[:, 0].tolist() == pytest.approx([24, 32])
    parts = made.road_edge == 2
    assert sorted(made.from_fraction[parts]) == [0, 0.25]
    assert sorted(made.to_fraction[parts]) == [0.25, 1]


def test_people_along_a_road_leave_in_both_directions_that_are_open() -> None:
    two_way = drive(streets(3, [(0, 1), (1, 2)]))
    made = laid(two_way, Spots.of(two_way, [0], [0.3]), Spots.at_nodes([0, 2]))
    assert seconds(made)[0].tolist() == pytest.approx([3, 17])
    one_way = drive(streets(3, [(0, 1), (1, 2)], oneway=[0]))
    made = laid(one_way, Spots.of(one_way, [0], [0.3]), Spots.at_nodes([0, 2]))
    assert seconds(made)[0].tolist() == [INF, pytest.approx(17)]


def test_people_and_shelters_on_one_road() -> None:
    graph = drive(streets(2, [(0, 1)]))
    made = laid(graph, Spots.of(graph, [0, 0, 0], [0.2, 0.5, 1.0]), Spots.of(graph, [0, 0], [0.5, 0.9]))
    assert seconds(made).round(6).tolist() == [[3, 7], [0, 4], [5, 1]]


def test_a_turn_that_is_forbidden_behind_a_shelter_binds_who_drives_past_not_who_starts_there() -> None:
    no_left = Restriction((0, 2), "no_left_turn")
    graph = drive(streets(4, CROSS, [no_left]))
    made = laid(graph, Spots.of(graph, [0], [0.5]), Spots.at_nodes([2]))
    # Whoever starts halfway along 0→1 arrives in the middle by that road too: bound. 5 + 10 + 10 + 10.
    assert seconds(made).item() == pytest.approx(35)


def test_dead_ends_and_what_nobody_needs_are_left_out() -> None:
    # 0–1–2 with a spur 1–3–4; nobody starts or ends in the spur.
    graph = drive(streets(5, [(0, 1), (1, 2), (1, 3), (3, 4)]))
    made = laid(graph, Spots.at_nodes([0]), Spots.at_nodes([2]))
    kept, edges = pruned(made, np.array([True]), np.array([True]))
    assert set(kept.road_edge[kept.road_edge >= 0].tolist()) == {0, 1, 2, 3}
    assert np.array_equal(made.road_edge[edges], kept.road_edge)
    assert seconds(kept).item() == pytest.approx(20)
    with_people = laid(graph, Spots.at_nodes([0, 4]), Spots.at_nodes([2]))
    kept, _ = pruned(with_people, np.array([True, True]), np.array([True]))
    assert {4, 5, 6, 7} <= set(kept.road_edge.tolist())


def test_with_nobody_and_nowhere_to_go_nothing_is_left() -> None:
    graph = drive(streets(3, [(0, 1), (1, 2)]))
    made = laid(graph, NONE, NONE)
    kept, edges = pruned(made, np.zeros(0, bool), np.zeros(0, bool))
    assert kept.n_nodes == len(edges) == 0
    alone = laid(graph, Spots.at_nodes([0]), Spots.at_nodes([2]))
    kept, edges = pruned(alone, np.array([False]), np.array([False]))
    assert (kept.source_node.tolist(), kept.sink_node.tolist()) == ([-1], [-1])


# --- against the search of travel times, on random streets ---------------------------------------------------


@st.composite
def questions(draw: st.DrawFn) -> tuple[RouteGraph, list[tuple[int, float]], list[tuple[int, float]]]:
    n = draw(st.integers(2, 6))
    pair = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda one: one[0] != one[1])
    ends = draw(st.lists(pair, min_size=1, max_size=9))
    m = len(ends)
    network = streets(n, ends)
    tail = network.roads[["a", "b"]].to_numpy().ravel()
    head = network.roads[["b", "a"]].to_numpy().ravel()

    def walk() -> Restriction:
        path = [draw(st.integers(0, 2 * m - 1))]
        for _ in range(draw(st.integers(1, 3))):
            path.append(draw(st.sampled_from(np.flatnonzero(tail == head[path[-1]]).tolist())))
        kind = draw(st.sampled_from(["no_left_turn", "no_u_turn", "only_straight_on"]))
        return Restriction(tuple(path), kind)

    network = streets(n, ends, [walk() for _ in range(draw(st.integers(0, 4)))])
    ms = np.array(draw(st.lists(st.sampled_from([-1, 0, 1, 2, 5, 9]), min_size=2 * m, max_size=2 * m)))
    ms = np.where(ms > 0, 1000 * ms, ms)
    junction = np.array(draw(st.lists(st.sampled_from([0, 0, 2000]), min_size=n, max_size=n)))
    times = EdgeTimes(drive_ms=ms.astype(np.int32), junction_ms=junction.astype(np.int32))
    graph = route_graph(network, profile("civilian"), times=times)
    at = st.tuples(st.integers(0, m - 1), st.sampled_from([0.0, 0.25, 0.5, 1.0]))
    return graph, draw(st.lists(at, min_size=1, max_size=4)), draw(st.lists(at, min_size=1, max_size=4))


def positions(at: Sequence[tuple[int, float]]) -> pd.DataFrame:
    road, fraction = zip(*at, strict=True)
    return pd.DataFrame({"road": road, "fraction": fraction, "status": "ok"})


def spots(graph: RouteGraph, at: Sequence[tuple[int, float]]) -> Spots:
    road, fraction = zip(*at, strict=True)
    return Spots.of(graph, road, fraction)


@settings(max_examples=200, deadline=None)
@given(asked=questions())
def test_ways_take_as_long_as_the_search_of_travel_times_says(asked: Any) -> None:
    graph, start, end = asked
    made = laid(graph, spots(graph, start), spots(graph, end))
    expected = np.full((len(start), len(end)), INF)
    table = travel_times(graph, positions(start), positions(end), limit_s=10_000)
    expected[table["origin"], table["destination"]] = table["drive_s"] + table["crossing_s"]
    # Shares of a road are whole milliseconds there.
    assert np.allclose(seconds(made), expected, atol=0.004)

    every = np.ones(len(start), dtype=bool), np.ones(len(end), dtype=bool)
    kept, _ = pruned(made, *every)
    assert np.allclose(seconds(kept), seconds(made), atol=1e-6)


@settings(max_examples=200, deadline=None)
@given(asked=questions())
def test_each_part_of_a_road_has_one_capacity(asked: Any) -> None:
    graph, start, end = asked
    made = laid(graph, spots(graph, start), spots(graph, end))
    real = made.road_edge >= 0
    parts = pd.DataFrame(
        {"edge": made.road_edge, "at": made.from_fraction, "to": made.to_fraction, "group": made.group}
    )[real]
    for _, one in parts.groupby(["edge", "at"]):
        assert len(set(one["to"])) == 1
        if len(one) > 1:
            assert len(set(one["group"])) == 1
            assert one["group"].iloc[0] >= 0
        else:
            assert one["group"].item() == -1
    for number, one in parts[parts["group"] >= 0].groupby("group"):
        assert one[["edge", "at"]].drop_duplicates().shape[0] == 1, number
    # The parts of an edge follow one another from 0 to 1, for each state in which it ends.
    for _, one in parts.groupby("edge"):
        assert one["at"].min() == 0
        assert one["to"].max() == 1
    assert (made.transit_s >= 0).all()
    assert (made.group[~real] == -1).all()
    assert {field.name for field in fields(made)} >= {"tail", "head"}
