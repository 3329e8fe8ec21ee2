from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from mutualaid.errors import NetworkError
from mutualaid.network import (
    EdgeTimes,
    Network,
    RouteGraph,
    nearest,
    path,
    profile,
    reach,
    route_graph,
    travel_times,
)
from mutualaid.network._positions import departures, group, positions
from mutualaid.network._times import limit_label, search_states

Draw = Callable[..., Network]
Put = Callable[..., pd.DataFrame]
Cases = Callable[..., st.SearchStrategy[Any]]

CIVILIAN = profile("civilian")
LIMIT_S = 0.04  # random networks have drives of a few milliseconds


def graph_of(
    network: Network,
    drive_s: Sequence[float | tuple[float, float]],
    *,
    junction_s: float = 0,
    crossing_ms: Any = None,
) -> RouteGraph:
    """Route graph from seconds along each road, for both directions or each; -1 is not permitted."""
    both = np.array([value if isinstance(value, tuple) else (value, value) for value in drive_s])
    drive_ms = np.where(both < 0, -1, both * 1000).astype(np.int32).ravel()
    arms = np.bincount(network.roads[["a", "b"]].to_numpy().ravel(), minlength=network.n_nodes)
    times = EdgeTimes(drive_ms, np.where(arms >= 3, junction_s * 1000, 0).astype(np.int32))
    return route_graph(network, CIVILIAN, times=times, crossing_ms=crossing_ms)


def rows(table: pd.DataFrame) -> list[tuple[Any, ...]]:
    return list(table.itertuples(index=False, name=None))


def row(frame: pd.DataFrame, label: Any) -> pd.Series:
    found = frame.loc[label]
    assert isinstance(found, pd.Series)
    return found


def drive(graph: RouteGraph, start: pd.DataFrame, end: pd.DataFrame, **options: Any) -> list[float]:
    return travel_times(graph, start, end, **({"limit_s": 1000} | options))["drive_s"].tolist()


@pytest.fixture
def ring(draw: Draw) -> Network:
    """Five nodes: 0-1-2-3 a square, 4 off by itself; roads 0: 0-1, 1: 1-2, 2: 2-3, 3: 3-0, 4: 4-4."""
    xy = [(0, 0), (100, 0), (100, 100), (0, 100), (500, 500)]
    return draw(xy, [(0, 1), (1, 2), (2, 3), (3, 0), (4, 4)])


def test_a_one_way_road_is_driven_one_way(ring: Network, put: Put) -> None:
    graph = graph_of(ring, [(10, -1), 10, 10, 10, 10])
    west, east = put({"w": (0, 0.0)}), put({"e": (0, 1.0)})
    assert drive(graph, west, east) == [10]
    assert drive(graph, east, west) == [30]
    assert drive(graph, west, east, reverse=True) == [30]


def test_two_positions_on_one_road_are_reached_directly_or_round_the_block(ring: Network, put: Put) -> None:
    both_ways, one_way = graph_of(ring, [10] * 5), graph_of(ring, [(10, -1), 10, 10, 10, 10])
    first, second = put({"f": (0, 0.2)}), put({"s": (0, 0.7)})
    assert drive(both_ways, first, second) == drive(both_ways, second, first) == [5]
    assert drive(one_way, first, second) == [5]
    assert drive(one_way, second, first) == [3 + 30 + 2]
    assert drive(one_way, first, first) == [0]
    slow = graph_of(ring, [100, 10, 10, 10, 10])
    assert drive(slow, put({"f": (0, 0.1)}), put({"s": (0, 0.9)})) == [10 + 30 + 10]


def test_a_position_at_the_end_of_a_road_is_the_node(ring: Network, put: Put) -> None:
    graph = graph_of(ring, [(10, -1), 10, 10, (-1, -1), 10])
    for place in ((0, 1.0), (1, 0.0)):
        assert drive(graph, put({"o": place}), put({"d": (1, 0.3)})) == [3]
        assert drive(graph, put({"o": (0, 0.4)}), put({"d": place})) == [6]
    assert drive(graph, put({"o": (0, 1.0)}), put({"d": (1, 0.0)})) == [0]


def test_an_island_is_not_reached(ring: Network, put: Put) -> None:
    graph = graph_of(ring, [10] * 5)
    everywhere = put({"ring": (0, 0.5), "island": (4, 0.5)})
    table = travel_times(graph, everywhere, everywhere, limit_s=100_000)
    assert rows(table) == [("ring", "ring", 0, 0), ("island", "island", 0, 0)]
    assert graph.routable.tolist() == [True] * 4 + [False]
    assert path(graph, row(everywhere, "ring"), row(everywhere, "island")) is None


def test_the_limit_is_inclusive_to_the_millisecond(ring: Network, put: Put) -> None:
    graph = graph_of(ring, [240, 480, 10, -1, 10])
    start, end = put({"o": (0, 0.0)}), put({"d": (1, 0.5), "late": (1, 0.50001)})
    assert drive(graph, start, end, limit_s=480) == [480]
    assert drive(graph, start, end, limit_s=479.999) == []
    assert drive(graph, start, end, limit_s=480.005) == [480, 480.005]


def test_a_position_on_a_road_whose_end_lies_beyond_the_limit_is_found(ring: Network, put: Put) -> None:
    graph = graph_of(ring, [10, 1000, 1000, -1, 10])
    start, end = put({"o": (0, 0.5)}), put({"d": (1, 0.01)})
    assert drive(graph, start, end, limit_s=15) == [15]
    assert drive(graph, end, start, limit_s=15, reverse=True) == [15]
    assert drive(graph, end, start, limit_s=15) == [15]
    assert drive(graph, start, end, limit_s=14.999) == []


def test_a_junction_delays_who_leaves_it(draw: Draw, put: Put) -> None:
    star = draw([(0, 0), (100, 0), (100, 100), (200, 0), (300, 0)], [(0, 1), (1, 2), (1, 3), (3, 4)])
    graph = graph_of(star, [10, 10, 10, 10], junction_s=4)
    start = put({"o": (0, 0.5)})
    assert drive(graph, start, put({"before": (0, 1.0), "after": (2, 0.1), "end": (3, 1.0)})) == [5, 10, 29]
    assert drive(graph, put({"at": (0, 1.0)}), put({"d": (2, 0.5)})) == [9]
    assert drive(graph, put({"d": (2, 0.5)}), start, reverse=True) == [5 + 4 + 5]


@pytest.fixture
def border(draw: Draw) -> Network:
    """Two roads of 10 s and 20 s over two crossings, between the same ends: 0-1|2-5 and 0-3|4-5."""
    xy = [(0, 0), (100, 0), (100, 0), (100, 100), (100, 100), (200, 0)]
    roads = [(0, 1), (1, 2, {"crossing": 0}), (2, 5), (0, 3), (3, 4, {"crossing": 1}), (4, 5)]
    return draw(xy, roads)


@pytest.mark.parametrize(
    ("crossing_ms", "expected"),
    [
        (None, [(20, 0)]),
        ([0, 0], [(20, 0)]),
        ([15_000, 0], [(20, 15)]),
        ([25_000, 0], [(40, 0)]),
        ([25_000, 1_000], [(40, 1)]),
        ([20_000, 0], [(40, 0)]),  # equal in total: the one with the lesser crossing delay
        ([-1, 30_000], [(40, 30)]),
        ([-1, -1], []),
    ],
)
def test_crossings_are_paid_by_who_passes(
    border: Network, put: Put, crossing_ms: list[int] | None, expected: list[tuple[float, float]]
) -> None:
    graph = graph_of(border, [10, 0, 10, 20, 0, 20], crossing_ms=crossing_ms)
    west, east = put({"w": (0, 0.0)}), put({"e": (2, 1.0)})
    for reverse in (False, True):
        table = travel_times(graph, west, east, limit_s=100, reverse=reverse)
        assert rows(table[["drive_s", "crossing_s"]]) == expected
    home = put({"h": (0, 0.5)})
    assert rows(travel_times(graph, west, home, limit_s=100)) == [("w", "h", 5, 0)]
    total = sum(expected[0]) if expected else 0
    assert len(travel_times(graph, west, east, limit_s=total)) == len(expected)
    assert travel_times(graph, west, east, limit_s=max(total - 0.001, 0)).empty


def test_only_positions_that_are_ok_take_part_and_labels_are_kept(ring: Network, put: Put) -> None:
    graph = graph_of(ring, [10] * 5)
    places = put({7: (0, 0.5), 3: (-1, np.nan), 5: (1, 0.5), 9: (2, 0.0)})
    places["status"] = ["ok", "too_far", "disconnected", "ok"]
    before = places.copy()
    table = travel_times(graph, places, places, limit_s=100)
    assert rows(table) == [(7, 7, 0, 0), (7, 9, 15, 0), (9, 7, 15, 0), (9, 9, 0, 0)]
    assert rows(nearest(graph, places, places, k=1, limit_s=100)) == [(7, 1, 7, 0, 0), (9, 1, 9, 0, 0)]
    assert path(graph, row(places, 7), row(places, 3)) is None
    pd.testing.assert_frame_equal(places, before)
    nobody = places.iloc[:0]
    for table in (
        travel_times(graph, nobody, places, limit_s=9),
        travel_times(graph, places, nobody, limit_s=9, reverse=True),
        nearest(graph, nobody, places, k=2, limit_s=9),
        reach(graph, nobody, limit_s=9),
        reach(graph, nobody, limit_s=9, merged=True),
    ):
        assert table.empty


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"limit_s": -1}, "limit_s"),
        ({"limit_s": np.nan}, "limit_s"),
        ({"limit_s": 1e9}, "limit_s"),
        ({"origins": pd.DataFrame({"road": [0]})}, "origins"),
        ({"road": 99}, "row x"),
        ({"road": 1}, "no crossing"),
        ({"fraction": 1.5}, "fraction 1.5"),
        ({"index": ["x", "x"]}, "twice"),
    ],
)
def test_what_is_wrong_with_the_input_is_named(
    border: Network, put: Put, change: dict[str, Any], named: str
) -> None:
    graph = graph_of(border, [10, 0, 10, 20, 0, 20])
    places = put({"y": (0, 0.5), "x": (2, 0.5)})
    arguments: dict[str, Any] = {"origins": places, "limit_s": 10.0}
    for key in ("road", "fraction"):
        if key in change:
            arguments["origins"] = places.assign(**{key: [places[key].iloc[0], change[key]]})
    if "index" in change:
        arguments["origins"] = places.set_axis(change["index"])
    arguments |= {key: value for key, value in change.items() if key in arguments}
    with pytest.raises(NetworkError, match=named):
        travel_times(graph, arguments["origins"], places, limit_s=arguments["limit_s"])
    with pytest.raises(NetworkError, match=named):
        reach(graph, arguments["origins"], limit_s=arguments["limit_s"])


@pytest.mark.parametrize("k", [0, -1, 1.5])
def test_k_is_a_count(ring: Network, put: Put, k: Any) -> None:
    places = put({"p": (0, 0.5)})
    with pytest.raises(NetworkError, match="k:"):
        nearest(graph_of(ring, [10] * 5), places, places, k=k, limit_s=1)


@pytest.mark.parametrize(
    ("name", "value"),
    [("crossing_ms", [1]), ("crossing_ms", [1, -2]), ("crossing_ms", [0.5, 1]), ("crossing_ms", [np.nan, 1])],
)
def test_crossing_delays_that_do_not_fit_are_refused(border: Network, name: str, value: list[float]) -> None:
    with pytest.raises(NetworkError, match=name):
        route_graph(border, CIVILIAN, crossing_ms=value)


def test_times_that_do_not_fit_are_refused(border: Network) -> None:
    short = EdgeTimes(np.zeros(3, np.int32), np.zeros(6, np.int32))
    with pytest.raises(NetworkError, match="drive_ms"):
        route_graph(border, CIVILIAN, times=short)


def case_graph(case: Any) -> RouteGraph:
    return route_graph(case.network, CIVILIAN, times=case.times, crossing_ms=case.crossing_ms)


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_nearest_is_the_beginning_of_the_full_table(random_cases: Cases, data: st.DataObject) -> None:
    case = data.draw(random_cases())
    graph, places = case_graph(case), case.positions
    k = data.draw(st.integers(1, 4))
    for reverse in (False, True):
        table = travel_times(graph, places, places, limit_s=LIMIT_S, reverse=reverse, threads=1)
        table["total"] = ((table["drive_s"] + table["crossing_s"]) * 1000).round()
        table["order"] = places.index.get_indexer(table["destination"])
        table = table.sort_values(["order", "total", "crossing_s"], kind="stable")
        table["rank"] = table.groupby("order").cumcount() + 1
        first = table.loc[table["rank"] <= k, ["destination", "rank", "origin", "drive_s", "crossing_s"]]
        assert rows(nearest(graph, places, places, k=k, limit_s=LIMIT_S, reverse=reverse)) == rows(first)


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_a_path_takes_the_time_of_the_table(random_cases: Cases, data: st.DataObject) -> None:
    case = data.draw(random_cases())
    graph, places = case_graph(case), case.positions
    table = travel_times(graph, places, places, limit_s=1000, threads=1).set_index(["origin", "destination"])
    tail = case.network.roads[["a", "b"]].to_numpy().ravel()
    head = case.network.roads[["b", "a"]].to_numpy().ravel()
    for start in places.index:
        for end in places.index:
            route = path(graph, row(places, start), row(places, end))
            assert (route is not None) == ((start, end) in table.index)
            if route is None:
                continue
            assert (route.drive_s, route.crossing_s) == tuple(table.loc[(start, end)])
            assert (head[route.edges[:-1]] == tail[route.edges[1:]]).all()
            entered = (route.from_fraction == 0) & ~graph.crossing_edge[route.edges]
            whole = np.floor(route.to_fraction * graph.drive_ms[route.edges] + 0.5)
            before = np.floor(route.from_fraction * graph.drive_ms[route.edges] + 0.5)
            driven = (whole - before).sum() + graph.junction_ms[tail[route.edges]][entered].sum()
            assert driven == round((route.drive_s + route.crossing_s) * 1000)
            for place, at in ((start, 0), (end, -1)):
                line = case.network.lines(places.loc[[place], "road"].to_numpy())[0]
                expected = line.interpolate(places.loc[place, "fraction"], normalized=True)
                assert shapely.Point(route.geometry.coords[at]).distance(expected) < 1e-9


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_the_numbering_of_nodes_and_roads_changes_nothing(random_cases: Cases, data: st.DataObject) -> None:
    case = data.draw(random_cases(restrictions=False))
    network, places = case.network, case.positions
    node = np.array(data.draw(st.permutations(range(network.n_nodes))), dtype=np.int32)  # old to new
    order = np.array(data.draw(st.permutations(range(network.n_roads))))  # new to old
    rank = np.argsort(order)
    roads = network.roads.iloc[order].reset_index(drop=True)
    roads = roads.assign(a=node[roads["a"]], b=node[roads["b"]])
    back = np.argsort(node)
    x, y = network.x[back], network.y[back]
    ends = roads[["a", "b"]].to_numpy().ravel()
    renamed = replace(network, x=x, y=y, roads=roads, road_xy=np.column_stack([x[ends], y[ends]]))
    times = EdgeTimes(case.times.drive_ms.reshape(-1, 2)[order].ravel(), case.times.junction_ms[back])
    graph = route_graph(renamed, CIVILIAN, times=times, crossing_ms=case.crossing_ms)
    moved = places.assign(road=rank[places["road"]])
    old = travel_times(case_graph(case), places, places, limit_s=LIMIT_S, threads=1)
    pd.testing.assert_frame_equal(travel_times(graph, moved, moved, limit_s=LIMIT_S, threads=1), old)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_more_origins_and_longer_limits_never_make_it_worse(random_cases: Cases, data: st.DataObject) -> None:
    case = data.draw(random_cases())
    graph, places = case_graph(case), case.positions
    some = places.iloc[: data.draw(st.integers(1, len(places)))]

    def best(origins: pd.DataFrame) -> pd.Series:
        table = nearest(graph, origins, places, k=1, limit_s=LIMIT_S).set_index("destination")
        return (table["drive_s"] + table["crossing_s"]).reindex(places.index).fillna(np.inf)

    assert (best(places) <= best(some)).all()
    short = data.draw(st.integers(0, 40)) / 1000
    longer = travel_times(graph, places, places, limit_s=LIMIT_S, threads=1)
    total = longer["drive_s"] + longer["crossing_s"]
    within = longer[(total * 1000).round() <= round(short * 1000)].reset_index(drop=True)
    pd.testing.assert_frame_equal(travel_times(graph, places, places, limit_s=short, threads=1), within)


def test_reach_gives_the_stretches_with_their_times(ring: Network, put: Put) -> None:
    graph = graph_of(ring, [(10, -1), 10, 20, (10, -1), 10])  # 0→1, 1-2, 2-3, 3→0
    found = reach(graph, put({"s": (0, 0.4)}), limit_s=24)
    assert rows(found) == [
        ("s", 0, 0.4, 1.0, 0.0, 6.0),
        ("s", 2, 0.0, 1.0, 6.0, 16.0),
        ("s", 3, 0.0, 0.8, 16.0, 26.0),
        ("s", 4, 0.0, 0.4, 16.0, 36.0),
    ]
    merged = reach(graph, put({"s": (0, 0.4), "t": (1, 0.5)}), limit_s=7, merged=True)
    assert rows(merged) == [
        (0, 0.4, 1.0, 0.0, 6.0),
        (2, 0.0, 0.2, 5.0, 15.0),
        (2, 0.5, 1.0, 0.0, 5.0),
        (3, 0.0, 0.2, 5.0, 15.0),
        (3, 0.5, 1.0, 0.0, 5.0),
        (4, 0.0, 0.1, 5.0, 25.0),
    ]


def test_reach_pays_for_crossings_and_leaves_them_out(border: Network, put: Put) -> None:
    graph = graph_of(border, [10, 0, 10, 20, 0, 20], crossing_ms=[5_000, -1])
    found = reach(graph, put({"w": (0, 0.0)}), limit_s=20)
    assert rows(found[found["edge"] == 4]) == [("w", 4, 0.0, 0.5, 15.0, 25.0)]
    assert set(found["edge"]) == {0, 1, 4, 6, 7}


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_reach_agrees_with_the_times_of_positions(random_cases: Cases, data: st.DataObject) -> None:
    case = data.draw(random_cases())
    graph, places = case_graph(case), case.positions
    inner = places[places["fraction"].between(0.01, 0.99)]
    table = travel_times(graph, places, inner, limit_s=LIMIT_S, threads=1)
    total = (table["drive_s"] + table["crossing_s"]).groupby([table["origin"], table["destination"]]).min()
    each, together = (
        reach(graph, places, limit_s=LIMIT_S, merged=merged, threads=1) for merged in (False, True)
    )

    def earliest(stretches: pd.DataFrame, road: int, fraction: float) -> float:
        found = [np.inf]
        for edge, at in ((2 * road, fraction), (2 * road + 1, 1 - fraction)):
            done = np.floor(at * graph.drive_ms[edge] + 0.5) / 1000
            for row in stretches[
                (stretches["edge"] == edge) & (stretches["from_fraction"] <= at)
            ].itertuples():
                begun = np.floor(row.from_fraction * graph.drive_ms[edge] + 0.5) / 1000
                found.append(row.entry_s + done - begun)
        ms = round(min(found) * 1000) if min(found) < np.inf else np.inf
        return ms / 1000 if ms <= LIMIT_S * 1000 else np.inf

    for end, road, fraction in zip(inner.index, inner["road"], inner["fraction"], strict=True):
        times = [round(total.get((start, end), np.inf), 3) for start in places.index]
        stretches = [each[each["origin"] == start] for start in places.index]
        assert [earliest(of, road, fraction) for of in stretches] == times
        assert earliest(together, road, fraction) == min(times)
    assert ((each["from_fraction"] <= each["to_fraction"]) & (each["to_fraction"] <= 1)).all()
    assert (each["entry_s"] <= each["exit_s"]).all()


def test_batches_and_threads_change_nothing(draw: Draw) -> None:
    rng = np.random.default_rng(5)
    side = 30
    xy = [(float(i % side), float(i // side)) for i in range(side * side)]
    east = [(i, i + 1) for i in range(side * side) if (i + 1) % side]
    north = [(i, i + side) for i in range(side * (side - 1))]
    network = draw(xy, east + north)
    graph = graph_of(network, rng.integers(1, 60, network.n_roads).tolist(), junction_s=2)
    places = pd.DataFrame(
        {"road": rng.integers(0, network.n_roads, 300), "fraction": rng.random(300), "status": "ok"}
    )
    one, four = (travel_times(graph, places[:90], places, limit_s=300, threads=threads) for threads in (1, 4))
    assert len(one) > 5000
    pd.testing.assert_frame_equal(one, four)
    assert one[["origin", "destination"]].equals(
        one[["origin", "destination"]].sort_values(["origin", "destination"])
    )
    back = travel_times(graph, places, places[:90], limit_s=300, reverse=True)
    back = back.rename(columns={"origin": "destination", "destination": "origin"})
    back = back.sort_values(["origin", "destination"], ignore_index=True)[one.columns]
    pd.testing.assert_frame_equal(one, back)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_the_order_of_origins_and_what_was_searched_before_change_nothing(
    random_cases: Cases, data: st.DataObject
) -> None:
    case = data.draw(random_cases())
    graph, places = case_graph(case), case.positions
    shuffled = places.loc[data.draw(st.permutations(places.index.tolist()))]
    threads = data.draw(st.sampled_from([1, 2]))
    for limit_s in (LIMIT_S, LIMIT_S / 4, 2 * LIMIT_S):  # one after the other, on the same memory
        fresh = case_graph(case)
        alone = [
            travel_times(fresh, shuffled.loc[[label]], places, limit_s=limit_s, threads=1)
            for label in shuffled.index
        ]
        found = travel_times(graph, shuffled, places, limit_s=limit_s, threads=threads)
        pd.testing.assert_frame_equal(found, pd.concat(alone, ignore_index=True), check_exact=True)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_milliseconds_are_the_labels_without_crossing_delay(random_cases: Cases, data: st.DataObject) -> None:
    case = data.draw(random_cases())
    graph, places = case_graph(case), case.positions
    links = departures(graph, positions(graph, places, "places"))
    ptr, order = group(links.row, len(places))
    seeds, limit = links.take(order), limit_label(LIMIT_S)
    whole, in_ms = (search_states(graph, seeds, ptr, limit, in_ms=only) for only in (False, True))
    np.testing.assert_array_equal(whole[0], in_ms[0])
    np.testing.assert_array_equal(whole[1], in_ms[1])
    np.testing.assert_array_equal(whole[2] >> 32, in_ms[2])
    assert (whole[2].dtype, in_ms[2].dtype) == (np.int64, np.int32)
