"""Plans of constant-rate routes: by hand, on drawn networks, and what their check finds."""

from __future__ import annotations

import time
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mutualaid.errors import EvacuationError
from mutualaid.evacuation import (
    FlowNetwork,
    RoutePlan,
    check_plan,
    edge_flows,
    edge_loads,
    flow_network,
    plan_routes,
    simulate,
)
from mutualaid.evacuation._routes import _program, _search
from mutualaid.evacuation._routes._pricing import cheapest_ways
from mutualaid.evacuation._routes._roads import prepared

examples = partial(settings, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def roads(
    edges: list[tuple[int, int, float, float]],
    sources: dict[str, tuple[int, float]],
    sinks: dict[str, int],
    *,
    people: list[float] | None = None,
    **more: Any,
) -> FlowNetwork:
    """Edges are from, to, seconds and vehicles an hour."""
    tail, head, transit, capacity = zip(*edges, strict=True)
    ends = pd.DataFrame({"node": list(sinks.values())}, index=list(sinks))
    if people is not None:
        ends["people"] = people
    for name in ("opens_s", "closes_s", "capacity_vph"):
        if f"sink_{name}" in more:
            ends[name] = more.pop(f"sink_{name}")
    return flow_network(
        n_nodes=max(*tail, *head) + 1, tail=tail, head=head, transit_s=transit, capacity_vph=capacity,
        sources=pd.DataFrame(
            {"node": [node for node, _ in sources.values()], "vehicles": [v for _, v in sources.values()]},
            index=list(sources),
        ),
        sinks=ends, **more,
    )  # fmt: skip


def sound(plan: RoutePlan) -> None:
    wrong = check_plan(plan.network, plan.routes, plan.paths)
    assert wrong.empty, wrong.to_string()


ONE = roads([(0, 1, 300.0, 240.0)], {"village": (0, 20.0)}, {"school": 1})


def test_one_road_by_hand() -> None:
    # 4 vehicles a minute: the last of 20 leaves after 5 minutes, and is there after 10.
    plan = plan_routes(ONE)
    assert list(plan.routes.index) == ["R1"]
    row = plan.routes.loc["R1"]
    assert list(row[["source", "zone", "sink"]]) == ["village", "village", "school"]
    numbers = ["rate_vph", "from_s", "to_s", "vehicles", "people", "drive_s", "arrives_s"]
    assert list(row[numbers]) == pytest.approx([240, 0, 300, 20, 20, 300, 600])
    assert row["latest_s"] == np.inf == row["margin_s"]
    assert [path.tolist() for path in plan.paths] == [[0]]
    assert plan.clearance_s == pytest.approx(600)
    assert plan.unserved.to_dict() == {"village": 0.0}
    assert not plan.one_route


def test_two_roads_share_the_vehicles() -> None:
    # 3 a minute within 3 minutes, 2 within 5: 40 + 9 + 10 = 59 fifths of a minute.
    two = roads([(0, 1, 180.0, 180.0), (0, 1, 300.0, 120.0)], {"z": (0, 40.0)}, {"a": 1})
    plan = plan_routes(two, lower_s=708, gap=0)
    assert plan.clearance_s == pytest.approx(708, rel=1e-4)
    sound(plan)
    single = plan_routes(two, one_route=True)
    assert len(single.routes) == 1
    assert single.clearance_s == pytest.approx(180 + 800)
    assert single.one_route


def test_the_latest_departure_is_before_the_closure() -> None:
    closing = ONE.with_edges(closes_s=700.0)
    plan = plan_routes(closing)
    assert plan.routes["latest_s"].tolist() == [400.0]
    assert plan.routes["margin_s"].tolist() == pytest.approx([100])


def test_who_does_not_make_it_is_named() -> None:
    # The road must be left at 500 s: departures until 200 s, 13⅓ vehicles.
    plan = plan_routes(ONE.with_edges(closes_s=500.0))
    assert plan.unserved["village"] == pytest.approx(20 - 200 / 15, abs=1e-3)
    assert plan.clearance_s <= 500
    sound(plan)


def test_room_sends_the_others_on() -> None:
    two = roads(
        [(0, 1, 60.0, 600.0), (0, 2, 600.0, 600.0)], {"z": (0, 30.0)}, {"near": 1, "far": 2},
        people=[12.0, 10.0],
    )  # fmt: skip
    plan = plan_routes(two)
    by_sink = plan.routes.groupby("sink")["vehicles"].sum()
    assert by_sink.to_dict() == pytest.approx({"near": 12, "far": 10}, abs=1e-3)
    assert plan.unserved["z"] == pytest.approx(8, abs=1e-3)
    sound(plan)


def test_people_a_vehicle_count_for_room() -> None:
    bus = flow_network(
        n_nodes=2, tail=[0], head=[1], transit_s=[60.0], capacity_vph=[600.0],
        sources=pd.DataFrame({"node": [0, 0], "vehicles": [4.0, 4.0], "people": [100.0, 8.0]}, index=["bus", "car"]),
        sinks=pd.DataFrame({"node": [1], "people": [58.0]}),
    )  # fmt: skip
    plan = plan_routes(bus)
    # Most vehicles: all cars, and two buses.
    assert plan.unserved.to_dict() == pytest.approx({"bus": 2, "car": 0}, abs=1e-3)
    sound(plan)


def test_release_and_opening_are_waited_for() -> None:
    later = roads(
        [(0, 1, 60.0, 3600.0)], {"z": (0, 10.0)}, {"a": 1}, opens_s=120.0,
        release_s=[0.0, 100.0, 1000.0], released=[[0.0, 5.0, 10.0]],
    )  # fmt: skip
    plan = plan_routes(later, gap=0.01)
    assert plan.clearance_s == pytest.approx(1060, rel=0.01)
    assert (plan.routes["from_s"] >= 120).all()
    sound(plan)


def test_no_way_and_nobody() -> None:
    apart = roads(
        [(0, 1, 60.0, 600.0), (1, 2, 60.0, 600.0)],
        {"z": (0, 5.0), "island": (2, 3.0), "empty": (0, 0.0)}, {"a": 1},
    )  # fmt: skip
    plan = plan_routes(apart)
    assert plan.unserved.to_dict() == {"z": 0.0, "island": 3.0, "empty": 0.0}
    assert plan.routes["source"].tolist() == ["z"]
    nobody = plan_routes(ONE.with_edges(capacity_vph=0.0))
    assert len(nobody.routes) == 0
    assert nobody.clearance_s == 0
    assert nobody.unserved["village"] == 20
    assert len(edge_loads(nobody)) == 0
    assert len(edge_flows(nobody, [0, 60])) == 0
    sound(nobody)


def test_members_of_a_group_share_one_lane() -> None:
    # Both villages enter the same road, from two sides.
    def joined(group: int) -> FlowNetwork:
        return roads(
            [(0, 2, 60.0, 600.0), (1, 2, 60.0, 600.0)],
            {"a": (0, 50.0), "b": (1, 50.0)},
            {"s": 2},
            group=group,
        )

    apart, together = plan_routes(joined(-1), gap=0.005), plan_routes(joined(7), gap=0.005)
    assert apart.clearance_s == pytest.approx(360, rel=0.01)
    assert together.clearance_s == pytest.approx(660, rel=0.01)
    sound(together)
    assert "group 7" in check_plan(joined(7), apart.routes, apart.paths)["where"].tolist()


def test_fewer_routes_are_slower() -> None:
    four = roads(
        [(0, 1, 60.0 * way, 300.0) for way in (1, 2, 3, 4)], {"z": (0, 100.0)}, {"a": 1}
    )  # fmt: skip
    free = plan_routes(four, gap=0.005)
    assert len(free.routes) >= 4
    two = plan_routes(four, gap=0.005, most_routes=2)
    assert len(two.routes) == 2
    assert two.unserved.sum() == 0
    assert two.clearance_s > free.clearance_s
    assert two.clearance_s == pytest.approx((100 + 5 + 10) / 10 * 60, rel=0.02)
    sound(two)


def test_zones_come_in_order_and_progress_only_improves() -> None:
    seen: list[RoutePlan] = []
    two = roads(
        [(0, 2, 60.0, 120.0), (1, 2, 90.0, 120.0), (0, 1, 30.0, 60.0)],
        {"b": (0, 30.0), "a": (1, 10.0)},
        {"s": 2},
    )
    plan = plan_routes(two, progress=seen.append)
    assert plan.routes["zone"].tolist() == sorted(plan.routes["zone"])
    times = [one.clearance_s for one in seen]
    assert times == sorted(times, reverse=True)
    assert times[-1] <= plan.clearance_s <= times[-1] * 1.0051, "left out ways that few take"
    for one in seen:
        sound(one)


def test_the_user_may_stop_it() -> None:
    def stop(_: RoutePlan) -> None:
        raise KeyboardInterrupt

    two = roads([(0, 1, 180.0, 180.0), (0, 1, 300.0, 120.0)], {"z": (0, 40.0)}, {"a": 1})
    plan = plan_routes(two, progress=stop)
    assert plan.unserved.sum() == 0
    assert any("stopped" in note for note in plan.notes)
    sound(plan)


def test_rates_that_take_too_long_are_given_up(
    monkeypatch: pytest.MonkeyPatch, instances: ModuleType
) -> None:
    now, given = [0.0], []

    def slow(*_: Any, options: dict[str, float], **__: Any) -> SimpleNamespace:
        given.append(options["time_limit"])
        now[0] += options["time_limit"]
        return SimpleNamespace(status=1, x=None)

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(_program, "linprog", slow)
    plan = plan_routes(instances.grid(8, 9, vehicles=5000), lower_s=1.0, time_limit_s=60.0)
    assert given[0] == 60
    assert now[0] <= 60 * 1.1 + 2
    assert plan.routes["vehicles"].sum() > 4000, "what was known before it"
    assert ["time limit" in note for note in plan.notes] == [True]
    sound(plan)


def test_a_search_for_ways_that_takes_too_long_is_given_up(
    monkeypatch: pytest.MonkeyPatch, instances: ModuleType
) -> None:
    now, calls = [0.0], [0]

    def slow(*given: Any) -> Any:
        calls[0] += 1
        now[0] += 61.0
        return cheapest_ways(*given)

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(_search, "cheapest_ways", slow)
    monkeypatch.setattr(_search, "_LOOK", 1)
    plan = plan_routes(instances.grid(8, 9, vehicles=5000), lower_s=1.0, time_limit_s=60.0)
    assert calls == [1]
    sound(plan)


def test_a_plan_that_is_near_enough_has_no_note() -> None:
    assert plan_routes(ONE, lower_s=600).notes == ()


def test_what_is_asked_for_must_mean_something() -> None:
    with pytest.raises(EvacuationError) as error:
        plan_routes(ONE, lower_s=-1, vehicles=21, gap=-0.1, time_limit_s=-1, most_routes=0)
    where = [defect.where for defect in error.value.defects]
    assert where == ["lower_s", "vehicles", "gap", "time_limit_s", "most_routes"]


def test_equal_runs_are_equal() -> None:
    two = roads([(0, 1, 180.0, 180.0), (0, 1, 300.0, 120.0)], {"z": (0, 40.0)}, {"a": 1})
    pd.testing.assert_frame_equal(plan_routes(two).routes, plan_routes(two).routes)


def test_flows_and_loads_by_hand() -> None:
    line = roads([(0, 1, 100.0, 360.0), (1, 2, 50.0, 360.0)], {"z": (0, 30.0)}, {"a": 2})
    plan = plan_routes(line)
    loads = edge_loads(plan)
    assert loads.loc[1].to_dict() == pytest.approx(
        {"vehicles": 30, "people": 30, "peak_vph": 360, "from_s": 100, "to_s": 450}
    )
    flows = edge_flows(plan, [0, 99, 100, 299, 300, 400])
    assert [(edge, time) for edge, time in flows[["edge", "time_s"]].to_numpy()] == [
        (0, 0), (0, 99), (0, 100), (1, 100), (0, 299), (1, 299), (1, 300),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"rate_vph": 241.0}, "capacity"),
        ({"from_s": -1.0}, "route"),
        ({"vehicles": 19.0}, "route"),
        ({"to_s": 330.0, "vehicles": 22.0}, "supply"),
        ({"sink": "nowhere"}, "path"),
        ({"source": "nobody"}, "path"),
        ({"rate_vph": np.inf}, "route"),
    ],
)
def test_the_check_finds_what_is_wrong(changed: dict[str, Any], kind: str) -> None:
    plan = plan_routes(ONE)
    assert kind in check_plan(ONE, plan.routes.assign(**changed), plan.paths)["kind"].tolist()


def test_the_check_knows_windows_release_room_and_ways() -> None:
    plan = plan_routes(ONE)

    def found(network: FlowNetwork) -> list[str]:
        return check_plan(network, plan.routes, plan.paths)["kind"].tolist()

    assert found(ONE) == []
    assert found(ONE.with_edges(closes_s=599.9)) == ["closes"]
    assert found(ONE.with_edges(closes_s=600.0)) == []
    assert found(ONE.with_edges(opens_s=1.0)) == ["opens"]
    assert found(roads([(0, 1, 300.0, 240.0)], {"village": (0, 20.0)}, {"school": 1}, people=[19.9])) == [
        "room"
    ]
    assert found(
        roads([(0, 1, 300.0, 240.0)], {"village": (0, 20.0)}, {"school": 1}, sink_capacity_vph=[239.0])
    ) == ["capacity"]
    assert found(
        roads([(0, 1, 300.0, 240.0)], {"village": (0, 20.0)}, {"school": 1}, sink_closes_s=[500.0])
    ) == ["closes"]
    slow = roads(
        [(0, 1, 300.0, 240.0)],
        {"village": (0, 20.0)},
        {"school": 1},
        release_s=[0.0, 301.0],
        released=[[0.0, 20.0]],
    )
    assert found(slow) == ["released"]
    assert found(roads([(1, 0, 300.0, 240.0)], {"village": (0, 20.0)}, {"school": 1})) == ["path"]
    two = (np.array([0, 0], np.int32),)
    assert check_plan(ONE, plan.routes, two)["kind"].tolist() == ["path"]
    assert check_plan(ONE, plan.routes, ())["kind"].tolist() == ["path"]


def test_only_one_road_of_a_chain_can_limit() -> None:
    chain = roads(
        [(0, 1, 1.0, 500.0), (1, 2, 1.0, 300.0), (2, 3, 1.0, 400.0), (3, 2, 1.0, 100.0), (2, 1, 1.0, 200.0)],
        {"z": (0, 5.0)}, {"a": 3},
    )  # fmt: skip
    limits = prepared(chain)
    assert limits.binds[limits.lane[:5]].tolist() == [False, True, False, True, False]


@examples(max_examples=60)
@given(st.data())
def test_plans_of_drawn_networks_hold_and_run(
    drawn: ModuleType, checker: ModuleType, oracles: ModuleType, data: st.DataObject
) -> None:
    network: FlowNetwork = data.draw(drawn.networks())
    one_route = data.draw(st.booleans())
    plan = plan_routes(network, one_route=one_route, time_limit_s=3)
    sound(plan)
    assert checker.plan_violations(plan) == []
    out = network.vehicles - plan.unserved.sum()
    most = oracles.Expanded(network, drawn.STEP_S).most(drawn.steps_enough(network))
    assert out <= most + 1e-4
    if one_route:
        assert checker.forked(plan) == []
    elif not np.isfinite(network.closes_s).any() and not np.isfinite(network.sinks["closes_s"]).any():
        assert out == pytest.approx(most, rel=1e-3, abs=1e-3), "nothing closes: time is no limit"
    run = simulate(network, plan)
    assert run.arrivals["vehicles"].sum() + run.caught["vehicles"].sum() == pytest.approx(network.vehicles)


@examples(max_examples=40)
@given(st.data())
def test_plans_of_plain_networks_are_near_the_optimum(
    drawn: ModuleType, oracles: ModuleType, data: st.DataObject
) -> None:
    network: FlowNetwork = data.draw(drawn.plain())
    exact = oracles.by_subsets(network)
    plan = plan_routes(network, lower_s=exact if np.isfinite(exact) else None, time_limit_s=5)
    sound(plan)
    if np.isfinite(exact):
        assert plan.unserved.sum() <= 1e-3
        assert plan.clearance_s >= exact * (1 - 1e-5) - 1e-3
        assert plan.clearance_s <= 1.25 * exact + 1
