"""On small random networks every plan can be driven, none beats the optimum, and nobody is lost on the way."""

from __future__ import annotations

from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mutualaid.evacuation import FlowNetwork, check_plan, flow_network, nearest, plan_routes, simulate

examples = partial(settings, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@examples(max_examples=60)
@given(st.data())
def test_a_plan_can_be_driven_and_is_no_better_than_the_optimum(
    oracles: ModuleType, checker: ModuleType, drawn: ModuleType, data: st.DataObject
) -> None:
    network: FlowNetwork = data.draw(drawn.networks())
    one_route = data.draw(st.booleans())
    plan = plan_routes(network, one_route=one_route, time_limit_s=10)
    assert checker.plan_violations(plan) == []
    assert check_plan(network, plan.routes, plan.paths).empty
    served = network.vehicles - plan.unserved.sum()
    expanded = oracles.Expanded(network, drawn.STEP_S)
    some = 1e-6 * max(1.0, network.vehicles)
    assert expanded.most(int(np.ceil((plan.clearance_s - 1e-6) / drawn.STEP_S))) >= served - some


@examples(max_examples=50)
@given(st.data())
def test_a_plan_for_a_plain_network_leaves_nobody_behind(
    oracles: ModuleType, checker: ModuleType, drawn: ModuleType, data: st.DataObject
) -> None:
    network: FlowNetwork = data.draw(drawn.plain())
    exact = oracles.by_subsets(network)
    plan = plan_routes(network, time_limit_s=10)
    assert checker.plan_violations(plan) == []
    if np.isinf(exact):
        assert plan.unserved.sum() > 1e-6
        return
    assert plan.unserved.sum() == pytest.approx(0, abs=1e-6 * max(1.0, network.vehicles))
    assert plan.clearance_s >= exact * (1 - 1e-6) - 1e-6


@examples(max_examples=60)
@given(st.data())
def test_both_checks_see_the_same_plans_as_broken(
    checker: ModuleType, drawn: ModuleType, data: st.DataObject
) -> None:
    network: FlowNetwork = data.draw(drawn.networks())
    plan = plan_routes(network, time_limit_s=10)
    assume(len(plan.routes))
    routes, paths = plan.routes.copy(), list(plan.paths)
    at = data.draw(st.integers(0, len(routes) - 1))
    name = routes.index[at]
    change = data.draw(st.sampled_from(["rate", "earlier", "later", "longer", "sink", "path", "cut"]))
    if change == "rate":
        routes.loc[name, "rate_vph"] *= data.draw(st.sampled_from([0.5, 1.01, 1.5]))
    elif change in {"earlier", "later"}:
        by = data.draw(st.sampled_from([1.0, 60.0, 600.0])) * (1 if change == "later" else -1)
        routes.loc[name, ["from_s", "to_s"]] += by
    elif change == "longer":
        routes.loc[name, "to_s"] += data.draw(st.sampled_from([1.0, 60.0, 600.0]))
    elif change == "sink":
        routes.loc[name, "sink"] = data.draw(st.sampled_from(list(network.sinks.index)))
    elif change == "path":
        paths[at] = paths[data.draw(st.integers(0, len(paths) - 1))]
    else:
        paths[at] = paths[at][:-1]
    rate = routes["rate_vph"] / 3600
    routes["vehicles"] = rate * (routes["to_s"] - routes["from_s"])
    per_vehicle = (network.sources["people"] / network.sources["vehicles"]).loc[routes["source"]].to_numpy()
    routes["people"] = routes["vehicles"] * per_vehicle
    broken = checker.violations(network, routes, paths)
    assert check_plan(network, routes, tuple(paths)).empty is (not broken), broken


# Simulation


def headway_s(network: FlowNetwork) -> float:
    """The longest time between two vehicles that follow each other through something."""
    vph = np.concatenate([network.capacity_vph, network.sinks["capacity_vph"]])
    return float(3600 / vph[vph > 0].min()) if (vph > 0).any() else 0.0


def conserved(network: FlowNetwork, run: Any, *, ways: int = 0) -> None:
    """Everybody arrives or is caught, nobody twice, nobody sooner than roads allow, and no shelter takes too many."""
    ended = run.arrivals.groupby("source")["vehicles"].sum().add(
        run.caught.groupby("source")["vehicles"].sum(), fill_value=0.0
    )  # fmt: skip
    for source, vehicles in network.sources["vehicles"].items():
        assert ended.get(source, 0.0) == pytest.approx(vehicles, abs=1e-6 * max(1.0, vehicles))
    per_vehicle = network.sources["people"] / network.sources["vehicles"].where(
        network.sources["vehicles"] > 0, 1.0
    )
    for frame in (run.arrivals, run.caught):
        people = frame["vehicles"] * frame["source"].map(per_vehicle).astype(float)
        np.testing.assert_allclose(frame["people"], people, rtol=1e-6, atol=1e-6)
    for sink, row in network.sinks.iterrows():
        own = run.arrivals[run.arrivals["sink"] == sink]
        assert own["people"].sum() <= row["people"] * (1 + 1e-6) + 1e-6
        assert (own["time_s"] >= row["opens_s"] - 1e-6).all()
        assert (own["time_s"] <= row["closes_s"] + 1e-6).all()
    for source, ready in zip(network.sources.index, network.released, strict=True):
        own = run.arrivals[run.arrivals["source"] == source].sort_values("departed_s")
        gone = own["vehicles"].cumsum() - own["vehicles"]  # those before each group
        allowed = np.interp(own["departed_s"], network.release_s, ready)
        # A group leaves when the first of it is ready; of each way there may be one of which the rest is not.
        under_way = ways * own["vehicles"].max() if len(own) else 0.0
        assert (gone <= allowed + under_way + 1e-6).all(), f"{source} leaves before it is ready"
    assert (run.arrivals["waited_s"] >= -1e-6).all()
    assert (run.arrivals["time_s"] - run.arrivals["departed_s"] >= run.arrivals["waited_s"] - 1e-6).all()
    assert run.clearance_s == pytest.approx(run.arrivals["time_s"].max() if len(run.arrivals) else 0.0)


@examples(max_examples=60)
@given(st.data())
def test_the_baseline_loses_nobody_and_is_never_faster_than_the_optimum(
    oracles: ModuleType, drawn: ModuleType, data: st.DataObject
) -> None:
    network: FlowNetwork = data.draw(drawn.networks())
    run = nearest(network)
    conserved(network, run)
    if np.isfinite(network.closes_s).any() or np.isfinite(network.sinks["closes_s"]).any():
        return  # a group that is spread over a headway would meet a closure that it does not meet in one piece
    # Spread over the longest headway, groups of one vehicle are a flow that keeps to every capacity.
    expanded = oracles.Expanded(network, drawn.STEP_S)
    later = headway_s(network)
    for time in np.unique(run.arrivals["time_s"])[::3]:
        steps = int(np.ceil((time + later - 1e-6) / drawn.STEP_S))
        arrived = run.arrivals.loc[run.arrivals["time_s"] <= time, "vehicles"].sum()
        assert arrived <= expanded.most(steps) + 1e-6


@examples(max_examples=60)
@given(st.data())
def test_a_plan_that_is_followed_clears_in_its_time(drawn: ModuleType, data: st.DataObject) -> None:
    network: FlowNetwork = data.draw(drawn.networks(windows=False))
    plan = plan_routes(network, time_limit_s=10, one_route=data.draw(st.booleans()))
    run = simulate(network, plan)
    served = network.vehicles - plan.unserved.sum()
    assert run.arrivals["vehicles"].sum() == pytest.approx(served, abs=1e-6 * max(1.0, network.vehicles))
    # Groups of one vehicle that meet wait for each other, at worst one of each route.
    assert run.clearance_s <= plan.clearance_s + len(plan.routes) * headway_s(network) + 1e-6


def test_nobody_leaves_while_a_release_curve_is_flat() -> None:
    network = flow_network(
        n_nodes=1, tail=[], head=[], transit_s=[], capacity_vph=[],
        sources=pd.DataFrame({"node": [0], "vehicles": [8.0]}), sinks=pd.DataFrame({"node": [0]}),
        release_s=[0.0, 300.0, 420.0, 600.0], released=[[0.0, 2.0, 2.0, 8.0]],
    )  # fmt: skip
    for run in (nearest(network), simulate(network, plan_routes(network))):
        assert run.arrivals["vehicles"].sum() == pytest.approx(8)
        by_300 = run.arrivals.loc[run.arrivals["departed_s"] <= 300 + 1e-6, "vehicles"].sum()
        by_420 = run.arrivals.loc[run.arrivals["departed_s"] < 420 - 1e-6, "vehicles"].sum()
        assert by_420 == by_300
        assert by_300 <= 3
