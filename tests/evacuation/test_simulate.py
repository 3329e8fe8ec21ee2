"""Vehicles in queues: minutes worked out by hand, and what must always hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mutualaid.errors import EvacuationError
from mutualaid.evacuation import FlowNetwork, curves, ete, flow_network, nearest, plan_routes, simulate


def road(**more: object) -> FlowNetwork:
    """Twenty vehicles, five minutes of road that takes one every 15 seconds."""
    given: dict[str, object] = {
        "n_nodes": 2, "tail": [0], "head": [1], "transit_s": [300.0], "capacity_vph": [240.0],
        "sources": pd.DataFrame({"node": [0], "vehicles": [20.0], "people": [50.0]}, index=["village"]),
        "sinks": pd.DataFrame({"node": [1]}, index=["school"]),
    }  # fmt: skip
    return flow_network(**{**given, **more})  # type: ignore[arg-type]


def test_a_queue_by_hand() -> None:
    run = nearest(road())
    assert run.arrivals["time_s"].tolist() == [300.0 + 15 * k for k in range(20)]
    assert run.arrivals["waited_s"].tolist() == [15.0 * k for k in range(20)]
    assert run.clearance_s == 585
    queue = run.queues.loc[0]
    assert queue.to_dict() == {
        "longest_vehicles": 20.0, "longest_s": 285.0, "from_s": 0.0, "to_s": 285.0, "vehicles": 20.0,
    }  # fmt: skip
    assert run.caught.empty


def test_the_closure_catches_to_the_second() -> None:
    # At 450 s the road must be left: who enters by 150 s gets through, that is eleven.
    run = nearest(road(closes_s=450.0))
    assert len(run.arrivals) == 11
    assert run.arrivals["time_s"].max() == 450
    assert set(run.caught["reason"]) == {"closed road"}
    assert run.caught["vehicles"].sum() == 9
    assert run.caught["people"].sum() == pytest.approx(22.5)
    assert (run.caught["edge"] == 0).all()
    assert run.caught["time_s"].tolist() == [150.0] * 9
    assert len(nearest(road(closes_s=449.9)).arrivals) == 10


def test_shelters_fill_close_and_open() -> None:
    full = nearest(road(sinks=pd.DataFrame({"node": [1], "people": [30.0]}, index=["school"])))
    assert full.arrivals["people"].sum() == 30
    assert set(full.caught["reason"]) == {"full shelter"}
    assert set(full.caught["sink"]) == {"school"}
    assert (full.caught["edge"] == -1).all()
    closed = nearest(road(sinks=pd.DataFrame({"node": [1], "closes_s": [330.0]})))
    assert len(closed.arrivals) == 3
    assert set(closed.caught["reason"]) == {"closed shelter"}
    opening = nearest(road(sinks=pd.DataFrame({"node": [1], "opens_s": [900.0], "capacity_vph": [360.0]})))
    assert opening.arrivals["time_s"].tolist() == [900.0 + 10 * k for k in range(20)]


def test_a_group_is_one_lane_first_come_first_served() -> None:
    both = flow_network(
        n_nodes=3, tail=[0, 1], head=[2, 2], transit_s=[60.0, 60.0], capacity_vph=[360.0, 360.0], group=[0, 0],
        sources=pd.DataFrame({"node": [0, 1], "vehicles": [3.0, 3.0]}), sinks=pd.DataFrame({"node": [2]}),
    )  # fmt: skip
    assert nearest(both).arrivals["time_s"].tolist() == [60.0 + 10 * k for k in range(6)]
    apart = nearest(both.with_edges(group=-1))
    assert apart.clearance_s == 80


def test_who_is_ready_leaves() -> None:
    slow = road(release_s=[0.0, 1000.0, 2000.0], released=[[10.0, 10.0, 20.0]])
    departs = nearest(slow).arrivals["departed_s"]
    assert departs.tolist() == [0.0] * 10 + [1000.0 + 100 * (k + 1) for k in range(10)]


def test_everybody_goes_to_the_nearest_by_open_roads() -> None:
    three = flow_network(
        n_nodes=4, tail=[0, 0, 0], head=[1, 2, 3], transit_s=[60.0, 120.0, 180.0], capacity_vph=[0.0, 600.0, 600.0],
        sources=pd.DataFrame({"node": [0], "vehicles": [4.0]}),
        sinks=pd.DataFrame({"node": [1, 2, 3]}, index=["cut off", "near", "far"]),
    )  # fmt: skip
    assert set(nearest(three).arrivals["sink"]) == {"near"}
    assert set(nearest(three.with_edges(opens_s=[0.0, 10.0, 0.0])).arrivals["sink"]) == {"far"}
    # What will close is not known: they are caught.
    late = nearest(three.with_edges(closes_s=[np.inf, 120.0, np.inf]))
    assert late.caught["vehicles"].sum() == 3


def test_no_way_is_said() -> None:
    run = nearest(road(capacity_vph=[0.0]))
    assert run.arrivals.empty
    assert run.caught[["source", "sink", "vehicles", "people", "reason"]].to_numpy().tolist() == [
        ["village", "", 20.0, 50.0, "no way"]
    ]
    assert run.clearance_s == 0
    table = ete(run)
    assert list(table.loc["village", ["people", "people_out", "people_left"]]) == [50, 0, 50]
    assert table.loc["village", "ete_50_s"] == np.inf
    assert curves(run)["people"].tolist() == [0.0, 0.0]


def test_the_plan_runs_as_planned() -> None:
    network = road()
    plan = plan_routes(network)
    run = simulate(network, plan)
    assert run.clearance_s == pytest.approx(plan.clearance_s - 15)
    fine = simulate(network, plan, packet=0.1)
    assert fine.clearance_s == pytest.approx(plan.clearance_s - 1.5)
    assert len(fine.arrivals) == 200
    assert run.queues.empty


def test_two_streams_merge_within_headways() -> None:
    merge = flow_network(
        n_nodes=4, tail=[0, 1, 2], head=[2, 2, 3], transit_s=[60.0, 77.0, 100.0], capacity_vph=[900.0, 900.0, 600.0],
        sources=pd.DataFrame({"node": [0, 1], "vehicles": [100.0, 40.0]}), sinks=pd.DataFrame({"node": [3]}),
    )  # fmt: skip
    plan = plan_routes(merge, gap=0.005)
    run = simulate(merge, plan)
    assert plan.clearance_s - 30 < run.clearance_s <= plan.clearance_s + 6
    assert run.arrivals["vehicles"].sum() == pytest.approx(140)


def test_who_does_not_comply() -> None:
    two = flow_network(
        n_nodes=3, tail=[0, 0], head=[1, 2], transit_s=[300.0, 360.0], capacity_vph=[240.0, 240.0],
        sources=pd.DataFrame({"node": [0], "vehicles": [40.0]}, index=["village"]),
        sinks=pd.DataFrame({"node": [1, 2], "people": [20.0, 100.0]}, index=["school", "hall"]),
    )  # fmt: skip
    plan = plan_routes(two)
    assert simulate(two, plan).caught.empty
    half = simulate(two, plan, compliance=0.5)
    assert half.caught["people"].sum() > 5
    assert half.arrivals["vehicles"].sum() + half.caught["vehicles"].sum() == pytest.approx(40)
    none = simulate(two, plan, compliance=0.0)
    assert none.arrivals["people"].sum() == nearest(two).arrivals["people"].sum() == 20
    hasty = simulate(two, plan, compliance=0.0, detour="planned")
    assert hasty.arrivals["departed_s"].max() == 0
    assert hasty.arrivals["sink"].nunique() == 2


def test_a_road_that_closes_after_all() -> None:
    plan = plan_routes(road())
    run = simulate(road(closes_s=450.0), plan)
    assert run.caught["vehicles"].sum() == 9
    assert run.clearance_s <= 450


def test_whom_the_plan_leaves_is_caught() -> None:
    network = road(sinks=pd.DataFrame({"node": [1], "people": [30.0]}, index=["school"]))
    plan = plan_routes(network)
    run = simulate(network, plan)
    assert run.caught[["reason", "sink"]].to_numpy().tolist() == [["no way", ""]]
    assert run.caught["vehicles"].sum() == pytest.approx(8, abs=1e-3)


def test_shares_and_curves_by_hand() -> None:
    run = nearest(road(sources=pd.DataFrame({"node": [0, 0], "vehicles": [10.0, 0.0]}, index=["v", "w"])))
    table = ete(run, shares=[0.5, 0.95, 0.975, 1.0])
    assert table.index.tolist() == ["", "v", "w"]
    assert table.columns.tolist()[4:] == ["ete_50_s", "ete_95_s", "ete_97.5_s", "ete_100_s"]
    assert list(table.loc["v"]) == [10, 10, 0, 10, 360, 435, 435, 435]
    assert list(table.loc["w"]) == [0, 0, 0, 0, 0, 0, 0, 0]
    more = ete(run, people=pd.Series({"v": 20.0, "x": 5.0}))
    assert more.index.tolist() == ["", "v", "w", "x"]
    assert more.loc["", "people"] == 25
    assert list(more.loc["v", ["people_left", "ete_50_s", "ete_90_s"]]) == [10, 435, np.inf]
    curve = curves(run, step_s=100)
    mine = curve[curve["zone"] == "v"]
    assert mine["time_s"].tolist() == [0, 100, 200, 300, 400, 435]
    assert mine["people"].tolist() == [0, 0, 0, 1, 7, 10]
    assert mine["share"].iloc[-1] == 1
    assert curve[curve["zone"] == "w"]["share"].isna().all()


def test_what_is_asked_for_must_mean_something() -> None:
    network = road()
    plan = plan_routes(network)
    other = replace(network, sources=network.sources.rename(index={"village": "town"}))
    with pytest.raises(EvacuationError) as error:
        simulate(other, plan, compliance=2, detour="home", packet=0)
    assert [one.where for one in error.value.defects] == ["compliance", "detour", "packet", "network"]
    with pytest.raises(EvacuationError, match="shares"):
        ete(nearest(network), shares=[0])
    with pytest.raises(EvacuationError, match="step_s"):
        curves(nearest(network), step_s=0)
    with pytest.raises(EvacuationError, match="packet"):
        nearest(network, packet=-1)
