"""Roads slowed down and closed: nothing is built again, and the times are those of a graph built from scratch."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mutualaid.errors import NetworkError
from mutualaid.network import (
    EdgeTimes,
    Network,
    Restriction,
    RouteGraph,
    nearest,
    path,
    profile,
    reach,
    reweighted,
    route_graph,
    travel_times,
)

ANY = profile("civilian")
DrawNetwork = Callable[..., Network]
Put = Callable[..., pd.DataFrame]
#: Whole milliseconds that no real road takes; the longest time that is told apart.
LONGEST_MS = (1 << 30) - 1


def graph_of(
    network: Network, drive_ms: list[int], junction_ms: list[int] | None = None, **options: Any
) -> RouteGraph:
    junction = [0] * network.n_nodes if junction_ms is None else junction_ms
    times = EdgeTimes(np.array(drive_ms, np.int32), np.array(junction, np.int32))
    return route_graph(network, ANY, times=times, **options)


def table(graph: RouteGraph, origins: pd.DataFrame, places: pd.DataFrame, **options: Any) -> dict[Any, float]:
    """Seconds by pair, crossing delay included."""
    found = travel_times(graph, origins, places, **({"limit_s": 1000.0} | options))
    pairs = zip(found["origin"], found["destination"], strict=True)
    return dict(zip(pairs, (found["drive_s"] + found["crossing_s"]).tolist(), strict=True))


def one(frame: pd.DataFrame, label: Any) -> pd.Series[Any]:
    """One row of a frame."""
    found = frame.loc[label]
    assert isinstance(found, pd.Series)
    return found


def shares(frame: pd.DataFrame, by_label: dict[str, tuple[float, float]]) -> pd.DataFrame:
    """Positions with the shares of some, and NaN, which is the plain fraction, for the others."""
    both = [by_label.get(label, (np.nan, np.nan)) for label in frame.index]
    return frame.assign(share_a=[a for a, _ in both], share_b=[b for _, b in both])


@pytest.fixture
def chain(draw: DrawNetwork) -> Network:
    """Three roads in a row, 0-1-2-3, each of 100 m."""
    return draw([(0, 0), (100, 0), (200, 0), (300, 0)], [(0, 1), (1, 2), (2, 3)])


@pytest.fixture
def ring(draw: DrawNetwork) -> Network:
    """A square: roads 0: 0-1, 1: 1-2, 2: 2-3, 3: 3-0."""
    return draw([(0, 0), (100, 0), (100, 100), (0, 100)], [(0, 1), (1, 2), (2, 3), (3, 0)])


# --- edges --------------------------------------------------------------------------------------------------


def test_a_closed_edge_is_driven_no_more_and_the_detour_is(ring: Network, put: Put) -> None:
    graph = graph_of(ring, [10_000] * 8)
    ends = put({"from": (3, 1.0), "to": (1, 0.0)})  # nodes 0 and 1
    assert table(graph, ends, ends)["from", "to"] == 10.0
    closed = reweighted(graph, [-1, 10_000, *[10_000] * 6])
    found = table(closed, ends, ends)
    assert found["from", "to"] == 30.0  # 0-3-2-1
    assert found["to", "from"] == 10.0  # the other direction stays open
    assert table(reweighted(graph, [-1, -1, -1, -1, *[10_000] * 4]), ends, ends) == {
        ("from", "from"): 0.0,
        ("to", "to"): 0.0,
    }


def test_a_slowed_edge_takes_as_long_as_it_says(ring: Network, put: Put) -> None:
    graph = graph_of(ring, [10_000] * 8)
    ends = put({"from": (3, 1.0), "to": (1, 0.0)})
    slower = [29_999, 10_000, *[10_000] * 6]
    assert table(reweighted(graph, slower), ends, ends)["from", "to"] == 29.999
    slower[0] = 30_001
    assert table(reweighted(graph, slower), ends, ends)["from", "to"] == 30.0
    assert graph.drive_ms.tolist() == [10_000] * 8


def test_junctions_cost_what_they_did(chain: Network, put: Put) -> None:
    graph = graph_of(chain, [10_000] * 6, [0, 3_000, 5_000, 0])
    ends = put({"from": (0, 0.0), "to": (2, 1.0)})
    assert table(graph, ends, ends)["from", "to"] == 38.0
    assert table(reweighted(graph, [10_000, 10_000, 20_000, 10_000, 10_000, 10_000]), ends, ends) == {
        ("from", "from"): 0.0,
        ("from", "to"): 48.0,
        ("to", "from"): 38.0,
        ("to", "to"): 0.0,
    }


def test_a_crossing_is_closed_or_delayed_by_its_time(draw: DrawNetwork, put: Put) -> None:
    network = draw([(0, 0), (100, 0), (100, 0), (200, 0)], [(0, 1), (1, 2, {"crossing": 0}), (2, 3)])
    graph = graph_of(network, [10_000] * 6, crossing_ms=[4_000])
    ends = put({"west": (0, 0.0), "east": (2, 1.0)})
    found = travel_times(
        reweighted(graph, [10_000, 10_000, 9_000, 4_000, 10_000, 10_000]), ends, ends, limit_s=99
    )
    both = found.set_index(["origin", "destination"])[["drive_s", "crossing_s"]]
    assert one(both, ("west", "east")).tolist() == [20.0, 9.0]
    assert one(both, ("east", "west")).tolist() == [20.0, 4.0]
    closed = reweighted(graph, [10_000, 10_000, -1, -1, 10_000, 10_000])
    assert set(table(closed, ends, ends)) == {("west", "west"), ("east", "east")}


def test_what_was_not_permitted_stays_closed(chain: Network, put: Put) -> None:
    graph = graph_of(chain, [10_000, -1, 10_000, 10_000, 10_000, 10_000])
    again = reweighted(graph, [10_000] * 6)
    assert again.drive_ms.tolist() == graph.drive_ms.tolist()
    ends = put({"from": (0, 0.0), "to": (2, 1.0)})
    assert table(again, ends, ends) == table(graph, ends, ends)
    assert ("to", "from") not in table(again, ends, ends)


def test_a_one_way_road_that_is_closed_takes_its_houses_along(chain: Network, put: Put) -> None:
    # Road 1 may be driven 1 -> 2 alone; two of its houses stand on either side of a closure in its middle.
    graph = graph_of(chain, [10_000, 10_000, 10_000, -1, 10_000, 10_000])
    closed = reweighted(graph, [10_000, 10_000, -1, -1, 10_000, 10_000])
    origins = put({"west": (0, 0.0), "east": (2, 1.0)})
    houses = shares(
        put({"before": (1, 0.25), "behind": (1, 0.75)}),
        {"before": (0.25, math.inf), "behind": (math.inf, 0.25)},
    )
    # Nobody may drive against the one-way road, so the house behind is lost.
    assert table(closed, origins, houses) == {("west", "before"): 12.5}
    # Who lives behind still gets out; who lives before does not.
    assert table(closed, houses, origins) == {("behind", "east"): 12.5}


def test_times_that_are_shorter_are_refused(chain: Network) -> None:
    graph = graph_of(chain, [10_000] * 6)
    with pytest.raises(NetworkError) as caught:
        reweighted(graph, [10_000, 9_999, *[10_000] * 4])
    (defect,) = caught.value.defects
    assert defect.where == "drive_ms, directed edge 1"
    assert "10000 ms" in defect.expected
    assert defect.got == "9999"
    assert "route_graph" in defect.remedy


@pytest.mark.parametrize(
    "wrong", [[10_000] * 5, [10_000.5] + [10_000] * 5, [-2] + [10_000] * 5, [math.nan] * 6]
)
def test_arrays_that_are_no_times_are_refused(chain: Network, wrong: list[float]) -> None:
    with pytest.raises(NetworkError, match="drive_ms"):
        reweighted(graph_of(chain, [10_000] * 6), wrong)


def test_a_reweighted_graph_starts_from_the_original(chain: Network, put: Put) -> None:
    graph = graph_of(chain, [10_000] * 6)
    closed = reweighted(graph, [-1] * 6)
    assert closed.before is graph
    slow = reweighted(closed, [20_000] * 6)
    assert slow.before is graph
    assert slow.drive_ms.tolist() == [20_000] * 6
    ends = put({"from": (0, 0.0), "to": (2, 1.0)})
    assert table(slow, ends, ends)["from", "to"] == 60.0
    assert table(reweighted(slow, graph.drive_ms), ends, ends) == table(graph, ends, ends)


def test_inputs_stay_as_they_are(chain: Network) -> None:
    graph = graph_of(chain, [10_000] * 6)
    weight, indptr = graph.out.weight.copy(), graph.out.indptr.copy()
    given = np.array([-1, 10_000, 20_000, 10_000, 10_000, 10_000])
    reweighted(graph, given)
    assert given.tolist() == [-1, 10_000, 20_000, 10_000, 10_000, 10_000]
    assert graph.out.weight.tolist() == weight.tolist()
    assert graph.out.indptr.tolist() == indptr.tolist()
    assert graph.before is None


# --- turn restrictions --------------------------------------------------------------------------------------


@pytest.fixture
def no_left(draw: DrawNetwork) -> Network:
    """From 0 to 1, then straight on to 2 or left to 3, which is forbidden from 0; 2 and 3 are joined."""
    return draw(
        [(0, 0), (100, 0), (200, 0), (100, 100)],
        [(0, 1), (1, 2), (1, 3), (2, 3)],
        [Restriction((0, 4), "no_left_turn")],
    )


def test_a_restriction_that_bound_before_binds_after(no_left: Network, put: Put) -> None:
    graph = graph_of(no_left, [10_000] * 8)
    ends = put({"from": (0, 0.5), "to": (2, 1.0)})
    assert table(graph, ends, ends)["from", "to"] == 25.0  # half of road 0, then 1-2-3
    slower = reweighted(graph, [10_000, 10_000, 40_000, 10_000, *[10_000] * 4])
    assert table(slower, ends, ends)["from", "to"] == 55.0  # the turn is still forbidden, so the long way
    # With 1-2 closed nothing is left but turning at the end of the road, and back.
    closed = reweighted(graph, [10_000, 10_000, -1, -1, *[10_000] * 4])
    scratch = graph_of(no_left, [10_000, 10_000, -1, -1, *[10_000] * 4])
    assert table(closed, ends, ends) == table(scratch, ends, ends)


def test_a_restriction_binds_whoever_leaves_a_closed_road(no_left: Network, put: Put) -> None:
    # Road 0 is closed at its west end; a vehicle on its east half still must not turn left into road 2.
    graph = graph_of(no_left, [10_000] * 8)
    closed = reweighted(graph, [-1, -1, *[10_000] * 6])
    start = shares(put({"on": (0, 0.5)}), {"on": (math.inf, 0.5)})
    ends = put({"left": (2, 1.0), "house": (2, 0.5)})
    # 5 s to node 1, 10 s to 2, 10 s to 3, and back 5 s to the house.
    assert table(closed, start, ends) == {("on", "left"): 25.0, ("on", "house"): 30.0}


def test_a_restriction_binds_whoever_arrives_on_a_closed_road(no_left: Network, put: Put) -> None:
    # Road 2 is closed at its far end; its house near 1 must not be reached by the left turn from road 0.
    graph = graph_of(no_left, [10_000] * 8)
    closed = reweighted(graph, [10_000, 10_000, 10_000, 10_000, -1, -1, 10_000, 10_000])
    house = shares(put({"house": (2, 0.5)}), {"house": (0.5, math.inf)})
    from_road, from_node = put({"road": (0, 0.5)}), put({"node": (1, 0.0)})
    assert table(closed, from_node, house) == {("node", "house"): 5.0}
    # Straight on to 2 and back, as roads may be turned on at their ends: 5 + 10 + 10 + 5.
    assert table(closed, from_road, house) == {("road", "house"): 30.0}


# --- positions on roads that a hazard reaches ------------------------------------------------------------------


def test_without_shares_a_place_on_a_closed_road_is_lost(chain: Network, put: Put) -> None:
    graph = graph_of(chain, [10_000] * 6)
    closed = reweighted(graph, [10_000, 10_000, -1, -1, 10_000, 10_000])
    places = put({"west": (0, 0.5), "middle": (1, 0.5), "east": (2, 0.5), "node": (1, 1.0)})
    assert table(closed, places, places) == {
        ("west", "west"): 0.0,
        ("east", "east"): 0.0,
        ("east", "node"): 5.0,
        ("node", "east"): 5.0,
        ("node", "node"): 0.0,
    }


def test_without_shares_a_place_on_a_slowed_road_costs_its_share_of_it(chain: Network, put: Put) -> None:
    slow = reweighted(graph_of(chain, [10_000] * 6), [10_000, 10_000, 40_000, 20_000, 10_000, 10_000])
    places = put({"west": (0, 0.5), "middle": (1, 0.25)})
    found = table(slow, places, places)
    assert found["west", "middle"] == 5.0 + 10.0
    assert found["middle", "west"] == 5.0 + 5.0


def test_a_house_on_the_open_end_of_a_closed_road_is_reached_to_the_millisecond(
    chain: Network, put: Put
) -> None:
    # Road 1 takes 9,999 ms; it is closed between 0.5 and 0.6, and the house stands at 0.3.
    graph = graph_of(chain, [10_000, 10_000, 9_999, 9_999, 10_000, 10_000], [0, 1_500, 0, 0])
    closed = reweighted(graph, [10_000, 10_000, -1, -1, 10_000, 10_000])
    origins = put({"west": (0, 0.5), "east": (2, 0.5)})
    houses = shares(
        put({"open": (1, 0.3), "beyond": (1, 0.8)}), {"open": (0.3, math.inf), "beyond": (math.inf, 0.2)}
    )
    # 5,000 to the junction, 1,500 there, 0.3 × 9,999 = 2,999.7, rounded half up.
    assert table(closed, origins, houses) == {("west", "open"): 9.5, ("east", "beyond"): 7.0}
    # From the house: the whole less what is behind it, 9,999 - 6,999 = 3,000, no junction on leaving.
    back = table(closed, houses, origins)
    assert set(back) == {("open", "west"), ("beyond", "east")}
    assert back["open", "west"] == 3.0 + 1.5 + 5.0


def test_who_stands_in_the_closure_is_reached_by_nobody(chain: Network, put: Put) -> None:
    graph = graph_of(chain, [10_000] * 6)
    closed = reweighted(graph, [10_000, 10_000, -1, -1, 10_000, 10_000])
    origins = put({"west": (0, 0.5), "east": (2, 0.5)})
    inside = shares(
        put({"in": (1, 0.5), "same": (1, 0.55)}), dict.fromkeys(["in", "same"], (math.inf, math.inf))
    )
    assert table(closed, origins, inside) == {}
    assert table(closed, inside, origins) == {}
    assert nearest(closed, origins, inside, limit_s=10_000).empty


def test_a_station_on_a_closed_road_leaves_by_the_open_end(chain: Network, put: Put) -> None:
    graph = graph_of(chain, [10_000] * 6)
    closed = reweighted(graph, [10_000, 10_000, -1, -1, 10_000, 10_000])
    station = shares(put({"s": (1, 0.75)}), {"s": (math.inf, 0.25)})
    places = put({"west": (0, 0.5), "node": (1, 1.0), "east": (2, 0.5)})
    assert table(closed, station, places) == {("s", "node"): 2.5, ("s", "east"): 7.5}
    near = nearest(closed, station, places, limit_s=1_000_000)
    assert near["destination"].tolist() == ["node", "east"]


def test_shares_that_are_slowed_count_and_never_shorten(chain: Network, put: Put) -> None:
    # From a 0.8 of the road's time, from b the plain 0.5: the mire lies between a and the house.
    graph = graph_of(chain, [10_000] * 6)
    slow = reweighted(graph, [10_000, 10_000, 13_000, 13_000, 10_000, 10_000])
    ends = put({"west": (0, 0.0), "east": (2, 1.0)})
    house = shares(put({"h": (1, 0.5)}), {"h": (0.8, 0.5)})
    assert table(slow, ends, house) == {("west", "h"): 18.0, ("east", "h"): 15.0}
    assert table(slow, house, ends) == {("h", "west"): 18.0, ("h", "east"): 15.0}
    shorter = shares(put({"h": (1, 0.5)}), {"h": (0.1, 0.2)})
    assert table(slow, ends, shorter) == {("west", "h"): 15.0, ("east", "h"): 15.0}


def test_two_places_on_one_closed_road_with_and_without_a_closure_between(chain: Network, put: Put) -> None:
    # Road 1 is closed between 0.4 and 0.6.
    graph = graph_of(chain, [10_000] * 6)
    closed = reweighted(graph, [10_000, 10_000, -1, -1, 10_000, 10_000])
    on = shares(
        put({"a": (1, 0.1), "b": (1, 0.3), "c": (1, 0.7), "d": (1, 0.9)}),
        {"a": (0.1, math.inf), "b": (0.3, math.inf), "c": (math.inf, 0.3), "d": (math.inf, 0.1)},
    )
    assert table(closed, on, on) == {
        ("a", "a"): 0.0, ("a", "b"): 2.0, ("b", "a"): 2.0, ("b", "b"): 0.0,
        ("c", "c"): 0.0, ("c", "d"): 2.0, ("d", "c"): 2.0, ("d", "d"): 0.0,
    }  # fmt: skip


def test_direct_pairs_on_a_slowed_road_pay_for_the_mire_between_them(chain: Network, put: Put) -> None:
    # The mire takes 4 times as long, from 0.4 to 0.6: 0.2 of the road become 0.8.
    graph = graph_of(chain, [10_000] * 6)
    slow = reweighted(graph, [10_000, 10_000, 16_000, 16_000, 10_000, 10_000])
    on = shares(
        put({"a": (1, 0.2), "b": (1, 0.5), "c": (1, 0.8)}),
        {"a": (0.2, 1.4), "b": (0.8, 0.8), "c": (1.4, 0.2)},
    )
    found = table(slow, on, on)
    assert found["a", "b"] == found["b", "a"] == found["b", "c"] == 6.0  # 0.2 dry and 0.1 × 4
    assert found["a", "c"] == found["c", "a"] == 12.0


def test_nearest_reach_and_path_agree_with_the_times(chain: Network, put: Put) -> None:
    graph = graph_of(chain, [10_000] * 6, [0, 1_500, 0, 0])
    closed = reweighted(graph, [10_000, 10_000, -1, -1, 10_000, 10_000])
    station, house = put({"s": (0, 0.5)}), shares(put({"h": (1, 0.3)}), {"h": (0.3, math.inf)})
    assert table(closed, station, house) == {("s", "h"): 9.5}
    assert nearest(closed, station, house, limit_s=100)["drive_s"].tolist() == [9.5]
    route = path(closed, one(station, "s"), one(house, "h"))
    assert route is not None
    assert route.drive_s == 9.5
    assert route.geometry.coords[-1] == pytest.approx((130.0, 0.0))
    assert set(reach(closed, station, limit_s=1000)["edge"]) == {0, 1}
    assert path(closed, one(station, "s"), one(put({"far": (2, 0.5)}), "far")) is None


def test_shares_of_nan_are_the_plain_fractions(chain: Network, put: Put) -> None:
    graph = graph_of(chain, [10_000] * 6)
    slow = reweighted(graph, [20_000] * 6)
    places = put({"a": (0, 0.25), "b": (1, 0.5)})
    plain = places.assign(share_a=places["fraction"], share_b=1 - places["fraction"])
    assert table(slow, shares(places, {}), places) == table(slow, plain, places)


# --- whatever the network -----------------------------------------------------------------------------------


SLOW = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_unchanged_times_change_nothing(random_cases: Callable[..., Any]) -> None:
    @SLOW
    @given(random_cases())
    def check(case: Any) -> None:
        graph = route_graph(case.network, ANY, times=case.times, crossing_ms=case.crossing_ms)
        again = reweighted(graph, graph.drive_ms)
        expected = travel_times(graph, case.positions, case.positions, limit_s=1.0)
        for on in (case.positions, shares(case.positions, {}), plain_shares(case.positions)):
            pd.testing.assert_frame_equal(travel_times(again, on, on, limit_s=1.0), expected)

    check()


def plain_shares(positions: pd.DataFrame) -> pd.DataFrame:
    return positions.assign(share_a=positions["fraction"], share_b=1 - positions["fraction"])


def test_plain_shares_change_no_millisecond(draw: DrawNetwork, put: Put) -> None:
    """A place that no hazard touches is exactly as far as in fair weather, also where half a millisecond is shared."""
    network = draw([(0, 0), (100, 0)], [(0, 1)])
    ends = put({"a": (0, 0.0), "b": (0, 1.0)})
    places = put({f"{tenth}": (0, tenth / 10) for tenth in range(1, 10)})
    for whole in (4, 5, 9, 15, 1001):
        graph = graph_of(network, [whole] * 2)
        again = reweighted(graph, graph.drive_ms)
        touched = plain_shares(places)
        assert table(again, ends, touched) == table(graph, ends, places), whole
        assert table(again, touched, ends) == table(graph, places, ends), whole


@st.composite
def hazards(draw: st.DrawFn, drive_ms: np.ndarray) -> np.ndarray:
    """Times as a hazard leaves them: as before, later or closed."""
    more = draw(st.lists(st.sampled_from([0, 0, 1, 5, -1]), min_size=len(drive_ms), max_size=len(drive_ms)))
    later = np.array(more)
    return np.where((later < 0) | (drive_ms < 0), -1, drive_ms + later)


@st.composite
def cases_with_hazards(draw: st.DrawFn, cases: st.SearchStrategy[Any]) -> tuple[Any, RouteGraph, np.ndarray]:
    case = draw(cases)
    graph = route_graph(case.network, ANY, times=case.times, crossing_ms=case.crossing_ms)
    return case, graph, draw(hazards(graph.drive_ms))


def test_the_times_are_those_of_a_graph_built_from_scratch(random_cases: Callable[..., Any]) -> None:
    """Without turn restrictions: with them, closing a road may undo a rule that speaks of it."""

    @SLOW
    @given(cases_with_hazards(random_cases(restrictions=False)))
    def check(drawn: tuple[Any, RouteGraph, np.ndarray]) -> None:
        case, graph, after = drawn
        roads = case.network.roads["crossing"].to_numpy() < 0
        crossing = after.reshape(-1, 2)[~roads]
        # A graph has one delay for both ways of a crossing.
        assume((crossing[:, 0] == crossing[:, 1]).all())
        order = case.network.roads["crossing"].to_numpy()[~roads]
        delays = np.full(len(case.crossing_ms), -1)
        delays[order] = crossing[:, 0]
        times = EdgeTimes(np.where(np.repeat(roads, 2), after, 0).astype(np.int32), case.times.junction_ms)
        scratch = route_graph(case.network, ANY, times=times, crossing_ms=delays)
        left = reweighted(graph, after)
        assert left.drive_ms.tolist() == scratch.drive_ms.tolist()
        got, expected = (
            travel_times(one, case.positions, case.positions, limit_s=1.0) for one in (left, scratch)
        )
        pd.testing.assert_frame_equal(got, expected)
        back, expected = (
            travel_times(one, case.positions, case.positions, limit_s=1.0, reverse=True)
            for one in (left, scratch)
        )
        pd.testing.assert_frame_equal(back, expected)

    check()


def test_slowed_roads_under_turn_restrictions_are_those_of_a_graph_built_from_scratch(
    random_cases: Callable[..., Any],
) -> None:
    @SLOW
    @given(random_cases(), st.data())
    def check(case: Any, data: st.DataObject) -> None:
        graph = route_graph(case.network, ANY, times=case.times, crossing_ms=case.crossing_ms)
        more = data.draw(
            st.lists(st.integers(0, 9), min_size=len(graph.drive_ms), max_size=len(graph.drive_ms))
        )
        after = np.where(graph.drive_ms < 0, -1, graph.drive_ms + np.array(more))
        after[graph.crossing_edge] = graph.drive_ms[graph.crossing_edge]
        times = EdgeTimes(np.where(graph.crossing_edge, 0, after).astype(np.int32), case.times.junction_ms)
        scratch = route_graph(case.network, ANY, times=times, crossing_ms=case.crossing_ms)
        got, expected = (
            travel_times(one, case.positions, case.positions, limit_s=1.0)
            for one in (reweighted(graph, after), scratch)
        )
        pd.testing.assert_frame_equal(got, expected)

    check()


def test_slower_or_more_closures_never_shorten_any_pair(random_cases: Callable[..., Any]) -> None:
    @SLOW
    @given(cases_with_hazards(random_cases()), st.data())
    def check(drawn: tuple[Any, RouteGraph, np.ndarray], data: st.DataObject) -> None:
        case, graph, some = drawn
        worse = data.draw(hazards(some))
        worse[some < 0] = -1
        found = [
            table(one, case.positions, case.positions, limit_s=1.0)
            for one in (graph, reweighted(graph, some), reweighted(graph, worse))
        ]
        road = case.positions["road"]
        for less, more in pairwise(found):
            assert set(more) <= set(less)
            for (start, end), seconds in more.items():
                # Between two places of one road the rounded parts are subtracted: a millisecond may be lost.
                lost_s = 0.001 if road[start] == road[end] else 0.0
                assert seconds >= less[start, end] - lost_s - 1e-9

    check()


def test_larger_shares_never_shorten_any_pair(random_cases: Callable[..., Any]) -> None:
    share = st.sampled_from([0.0, 0.0, 0.3, 2.0, math.inf])

    @SLOW
    @given(cases_with_hazards(random_cases()), st.data())
    def check(drawn: tuple[Any, RouteGraph, np.ndarray], data: st.DataObject) -> None:
        case, graph, after = drawn
        left = reweighted(graph, after)
        plain = plain_shares(case.positions)
        # What is between the ends and a place may only grow, and the same for all places behind it.
        extra = {road: data.draw(st.tuples(share, share)) for road in set(plain["road"].tolist())}
        more = plain.assign(
            share_a=plain["share_a"] + [extra[road][0] for road in plain["road"]],
            share_b=plain["share_b"] + [extra[road][1] for road in plain["road"]],
        )
        less_s, more_s = (table(left, one, one, limit_s=1.0) for one in (plain, more))
        # On one road the pieces between two places are not in these shares: they are compared elsewhere.
        road = plain["road"]
        apart = {pair: s for pair, s in more_s.items() if road[pair[0]] != road[pair[1]]}
        assert set(apart) <= set(less_s)
        assert all(less_s[pair] <= seconds for pair, seconds in apart.items())

    check()


PARTS = 4


@st.composite
def pieces(
    draw: st.DrawFn,
) -> tuple[int, list[tuple[int, int]], list[tuple[int, int]], list[int], list[list[int]]]:
    """Nodes, roads, quarter times (-1: one-way), junctions, and by how much each quarter is slowed; 0 is closed."""
    n = draw(st.integers(2, 5))
    end = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda pair: pair[0] != pair[1])
    roads = draw(st.lists(end, min_size=1, max_size=6))
    each = st.tuples(st.integers(1, 9).map(lambda t: 2 * t), st.sampled_from([2, 6, 20, -1]))
    times = draw(st.lists(each, min_size=len(roads), max_size=len(roads)))
    junction = draw(st.lists(st.sampled_from([0, 0, 3]), min_size=n, max_size=n))
    slow = st.lists(st.sampled_from([1, 1, 1, 2, 5, 0]), min_size=PARTS, max_size=PARTS)
    return n, roads, times, junction, draw(st.lists(slow, min_size=len(roads), max_size=len(roads)))


def in_quarters(
    n: int, roads: list[tuple[int, int]], times: list[tuple[int, int]], slow: list[list[int]]
) -> tuple[list[tuple[int, int]], list[int]]:
    """The same roads, each as four of their own, with the time that the hazard leaves of each."""
    short, drive = [], []
    for number, ((a, b), both) in enumerate(zip(roads, times, strict=True)):
        inner = [n + (PARTS - 1) * number + part for part in range(PARTS - 1)]
        short += list(pairwise([a, *inner, b]))
        for times_longer in slow[number]:
            drive += [t * times_longer if t > 0 and times_longer > 0 else -1 for t in both]
    return short, drive


def test_places_on_roads_hit_in_parts_are_as_far_as_if_each_part_were_a_road(
    draw: DrawNetwork, put: Put
) -> None:
    """The oracle: cut every road into its parts, close and slow these, and search without any shares."""

    @SLOW
    @given(pieces())
    def check(drawn: Any) -> None:
        n, roads, times, junction, slow = drawn
        xy = [(float(7 * i % 5), float(3 * i * i % 11)) for i in range(n + (PARTS - 1) * len(roads))]
        short, drive = in_quarters(n, roads, times, slow)
        oracle = graph_of(draw(xy, short), drive, junction + [0] * (len(xy) - n))
        network = draw(xy[:n], roads)
        whole = [PARTS * t if t > 0 else -1 for both in times for t in both]
        graph = graph_of(network, whole, junction)
        after = [
            t * sum(slow[number]) if t > 0 and 0 not in slow[number] else -1
            for number, both in enumerate(times)
            for t in both
        ]
        left = reweighted(graph, after)
        here, there, share = {}, {}, {}
        for number, longer in enumerate(slow):
            taken = [math.inf if one == 0 else one / PARTS for one in longer]
            for eighth in range(1, 2 * PARTS):
                label = f"{number}.{eighth}"
                part, inside = divmod(eighth, 2)
                there[label] = (PARTS * number + part, inside / 2)
                here[label] = (number, eighth / 8)
                to_b = [*([taken[part] / 2] if inside else []), *taken[part + inside :]]
                to_a = [*taken[:part], *([taken[part] / 2] if inside else [])]
                share[label] = (sum(to_a), sum(to_b))
        on, expected_at = shares(put(here), share), put(there)
        got, expected = table(left, on, on, limit_s=9.0), table(oracle, expected_at, expected_at, limit_s=9.0)
        for pair in list(expected):
            # Between two closures of one road: neither end of it leads there, which shares cannot tell from a closure.
            if all(math.isinf(part) for label in pair for part in share[label]):
                del expected[pair]
                got.pop(pair, None)
        assert got == pytest.approx(expected, abs=1e-9)

    check()


def test_the_longest_times_never_wrap_round(chain: Network, put: Put) -> None:
    """A road slowed to the longest time that is told apart, with a junction before it, is far away, not near."""
    graph = graph_of(chain, [10_000] * 6, [0, 5_000, 5_000, 0])
    slow = reweighted(graph, [LONGEST_MS] * 6)
    ends = put({"from": (0, 0.0), "to": (2, 1.0), "half": (1, 0.5)})
    found = table(slow, ends, ends, limit_s=LONGEST_MS / 1000)
    assert all(seconds >= 0 for seconds in found.values())
    assert ("from", "to") not in found
