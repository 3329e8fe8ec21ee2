"""Bounds of the clearance time against answers worked out by hand."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mutualaid.errors import EvacuationError
from mutualaid.evacuation import Bracket, FlowNetwork, bracket, cut, flow_network, most_out


def line(*, vehicles: float = 20.0, transit_s: float = 360.0, vph: float = 240.0, **more: Any) -> FlowNetwork:
    """A village, a road and a school."""
    sinks = {"node": [1], **more.pop("sinks", {})}
    return flow_network(
        n_nodes=2,
        tail=[0],
        head=[1],
        transit_s=[transit_s],
        capacity_vph=[vph],
        sources=pd.DataFrame({"node": [0], "vehicles": [vehicles]}, index=["village"]),
        sinks=pd.DataFrame(sinks, index=["school"]),
        **more,
    )


def assert_holds(found: Bracket, seconds: float, gap: float) -> None:
    assert found.lower_s <= seconds + 1e-6
    assert found.upper_s >= seconds - 1e-6
    assert found.gap <= gap


def test_one_road_takes_its_transit_and_the_time_to_set_out() -> None:
    assert_holds(bracket(line(), gap=0.002), 360 + 20 / 4 * 60, 0.002)


def test_the_lower_bound_is_exact_where_one_road_decides() -> None:
    assert bracket(line(), gap=0.01).lower_s == pytest.approx(660, abs=0.1)


def test_a_slow_release_holds_up_more_than_the_road() -> None:
    network = line(release_s=[0.0, 3600.0], released=[[0.0, 20.0]])
    assert_holds(bracket(network, gap=0.002), 3600 + 360, 0.002)


def test_a_release_in_two_waves() -> None:
    # Ten at once, ten from 1,200 s on, all ready at 1,260 s: these queue 150 s from 1,200 s on.
    network = line(release_s=[0.0, 1200.0, 1260.0], released=[[10.0, 10.0, 20.0]])
    assert_holds(bracket(network, gap=0.002), 1200 + 150 + 360, 0.002)


def test_a_road_that_closes_lets_only_some_out() -> None:
    # All must have left it at 600 s, so the last enters at 240 s: 16 of 20.
    found = bracket(line(closes_s=[600.0]), gap=0.002)
    assert found.vehicles_least <= 16 <= found.vehicles_most + 1e-6
    assert found.vehicles_least == pytest.approx(16, rel=0.01)
    assert found.vehicles_most == pytest.approx(16, rel=0.001)
    assert found.lower_s <= 600.001
    assert found.upper_s <= 603


def test_a_road_that_opens_late() -> None:
    assert_holds(bracket(line(opens_s=[500.0]), gap=0.002), 500 + 300 + 360, 0.002)


def test_a_shelter_that_opens_late_fills_at_once() -> None:
    found = bracket(line(sinks={"opens_s": [1000.0]}), gap=0.01)
    assert found.lower_s == pytest.approx(1000.0, abs=0.1)
    assert found.lower_s <= found.upper_s


def test_a_gate_of_a_shelter_counts_like_a_road() -> None:
    found = bracket(line(sinks={"capacity_vph": [120.0]}), gap=0.002)
    assert_holds(found, 360 + 20 / 2 * 60, 0.002)


def test_a_full_shelter_leaves_the_rest_behind() -> None:
    found = bracket(line(sinks={"people": [12.0]}), gap=0.002)
    assert found.vehicles_least == pytest.approx(12, rel=1e-3)
    assert_holds(found, 360 + 12 / 4 * 60, 0.01)


def test_room_is_for_people_and_not_for_vehicles() -> None:
    """A bus of thirty and thirty cars of one, room for 45: all the cars and half the bus, or the bus and 15 cars."""
    network = flow_network(
        n_nodes=2,
        tail=[0],
        head=[1],
        transit_s=[60.0],
        capacity_vph=[600.0],
        sources={"node": [0, 0], "vehicles": [1.0, 30.0], "people": [30.0, 30.0]},
        sinks={"node": [1], "people": [45.0]},
    )
    found = bracket(network, gap=0.01, time_limit_s=10)
    assert found.vehicles_least * 1 <= 30.5 + 1e-6
    assert 15 <= found.vehicles_least <= found.vehicles_most


def test_edges_of_a_group_share_one_lane() -> None:
    network = flow_network(
        n_nodes=4,
        tail=[0, 1],
        head=[2, 3],
        transit_s=[60.0, 60.0],
        capacity_vph=[600.0, 600.0],
        group=[7, 7],
        sources={"node": [0, 1], "vehicles": [50.0, 50.0]},
        sinks={"node": [2, 3]},
    )
    # 100 vehicles over one lane of ten a minute.
    assert_holds(bracket(network, gap=0.01), 60 + 600, 0.01)


def test_who_is_at_the_shelter_is_out_at_once() -> None:
    network = flow_network(
        n_nodes=1, tail=[], head=[], transit_s=[], capacity_vph=[], sources={"node": [0], "vehicles": [3.0]},
        sinks={"node": [0]},
    )  # fmt: skip
    found = bracket(network)
    assert found.lower_s == 0
    assert found.upper_s <= 0.1


@pytest.mark.parametrize("vph", [0.0, 240.0])
def test_who_has_no_way_is_not_counted_as_out(vph: float) -> None:
    network = flow_network(
        n_nodes=3, tail=[0, 2], head=[1, 1], transit_s=[60.0, 60.0], capacity_vph=[240.0, vph],
        sources={"node": [0, 2], "vehicles": [10.0, 5.0]}, sinks={"node": [1]},
    )  # fmt: skip
    found = bracket(network, gap=0.01)
    assert found.vehicles_most == pytest.approx(10.0 if vph == 0 else 15.0)
    assert found.vehicles == pytest.approx(found.vehicles_most, rel=1e-3)


def test_nobody_can_get_out() -> None:
    found = bracket(line(vph=0.0))
    assert (found.vehicles, found.lower_s, found.upper_s) == (0.0, 0.0, 0.0)


def test_earliest_shares() -> None:
    earliest = bracket(line(vehicles=200.0), gap=0.01).earliest
    assert earliest["share"].tolist() == [0.5, 0.9, 0.95, 1.0]
    exact = 360 + earliest["share"] * 200 / 4 * 60
    assert (earliest["lower_s"] <= exact + 1e-6).all()
    assert earliest["lower_s"].to_numpy() == pytest.approx(exact.to_numpy(), rel=0.01)


def test_out_by_a_moment() -> None:
    least, most = most_out(line(), 480.0)
    assert least <= 8 <= most + 1e-6
    assert most - least <= 0.1
    assert most_out(line(), 100.0) == (0.0, 0.0)
    assert most_out(line(), np.inf) == (20.0, 20.0)


def test_the_cut_is_the_narrow_road_of_a_chain() -> None:
    network = flow_network(
        n_nodes=4, tail=[0, 1, 2], head=[1, 2, 3], transit_s=[60.0, 90.0, 30.0], capacity_vph=[600.0, 240.0, 900.0],
        sources=pd.DataFrame({"node": [0], "vehicles": [40.0], "people": [100.0]}, index=["a"]),
        sinks={"node": [3]},
    )  # fmt: skip
    why = cut(network, bracket(network, gap=0.01))
    assert list(why.edges.index) == [1]
    assert why.edges.loc[1, "from_s"] == pytest.approx(60, abs=0.01)
    assert why.edges.loc[1, "to_s"] == pytest.approx(60 + 600, abs=0.1)
    assert (why.vehicles_behind, why.people_behind) == (40.0, 100.0)
    assert why.vehicles - why.vehicles_before - why.vehicles_through > 0


def test_a_full_shelter_is_in_the_cut() -> None:
    """Sixteen into the near shelter, the rest by the long road."""
    network = flow_network(
        n_nodes=3, tail=[0, 0], head=[1, 2], transit_s=[120.0, 480.0], capacity_vph=[240.0, 240.0],
        sources={"node": [0], "vehicles": [40.0]},
        sinks=pd.DataFrame({"node": [1, 2], "people": [16.0, 100.0]}, index=["near", "far"]),
    )  # fmt: skip
    found = bracket(network, gap=0.002)
    assert_holds(found, 480 + 24 / 4 * 60, 0.002)
    why = cut(network, found)
    assert why.sinks["full"].to_dict() == {"near": True, "far": False}
    assert list(why.edges.index) == [1]


def test_a_cut_of_another_network_is_refused() -> None:
    other = flow_network(
        n_nodes=1, tail=[], head=[], transit_s=[], capacity_vph=[], sources={"node": [], "vehicles": []},
        sinks={"node": [0]},
    )  # fmt: skip
    with pytest.raises(EvacuationError, match="give the network of the bracket"):
        cut(other, bracket(line()))


def test_equal_runs_are_equal() -> None:
    first, second = bracket(line(), gap=0.01), bracket(line(), gap=0.01)
    pd.testing.assert_frame_equal(first.solves, second.solves)
    assert first.threshold_s.tobytes() == second.threshold_s.tobytes()


def test_progress_never_goes_back() -> None:
    seen: list[Bracket] = []
    found = bracket(line(), gap=0.001, progress=seen.append)
    assert len(seen) >= 2
    assert all(a.lower_s <= b.lower_s and a.upper_s >= b.upper_s for a, b in pairwise(seen))
    assert (seen[-1].lower_s, seen[-1].upper_s) == (found.lower_s, found.upper_s)


def test_an_interrupt_gives_the_best_so_far() -> None:
    def stop(_: Bracket) -> None:
        raise KeyboardInterrupt

    found = bracket(line(), gap=0.0001, progress=stop)
    assert found.status == "stopped"
    assert 0 < found.lower_s <= 660


def test_time_is_over() -> None:
    found = bracket(line(), gap=0.0, time_limit_s=1e-6)
    assert found.status == "time limit"
    assert found.lower_s <= 660 <= found.upper_s


def test_a_plan_known_from_elsewhere_is_an_upper_bound() -> None:
    assert bracket(line(), gap=0.05, upper=660.0).upper_s == 660.0


def test_what_has_no_meaning_is_refused_at_once() -> None:
    with pytest.raises(EvacuationError) as caught:
        bracket(line(), gap=-1, time_limit_s=0, first_step_s=0)
    assert len(caught.value.defects) == 3
    with pytest.raises(EvacuationError, match="by_s"):
        most_out(line(), -1)
