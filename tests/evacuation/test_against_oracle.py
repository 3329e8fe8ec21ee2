"""On small random networks no bound is ever wrong."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mutualaid.evacuation import (
    Bracket,
    FlowNetwork,
    bracket,
    cut,
    flow_network,
    most_out,
    plan_routes,
    simulate,
)

examples = partial(settings, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def before(seconds: float, step_s: float) -> int:
    """The last whole step that ends sooner."""
    return int(np.ceil((seconds - 1e-6) / step_s)) - 1


def proven(checker: ModuleType, found: Bracket) -> None:
    """Its cut alone shows that not all can be out sooner."""
    if found.lower_s > 0 and found.vehicles > 0:
        assert len(found.threshold_s) == found.network.n_nodes
        through = checker.let_through(found.network, found.threshold_s, found.full, found.lower_s - 0.0005)
        assert through <= found.vehicles * (1 + 1e-9) + 1e-9
        why = cut(found.network, found)
        assert why.vehicles_before + why.vehicles_through <= found.vehicles * (1 + 1e-6) + 0.01


def holds(found: Bracket, expanded: Any, steps: int) -> None:
    """No bound of it is contradicted by what can be done in whole steps."""
    most, step_s = expanded.most(steps), expanded.step_s
    some = 1e-6 * max(1.0, found.network.vehicles)
    assert found.vehicles_least <= most + some
    assert most <= found.vehicles_most + some
    assert found.vehicles <= most + some
    assert found.lower_s <= found.upper_s
    if found.vehicles > some:
        assert expanded.most(before(found.lower_s, step_s)) < found.vehicles - some, (
            "sooner than the lower bound"
        )
    if np.isfinite(found.upper_s):
        assert expanded.most(int(np.ceil((found.upper_s - 1e-6) / step_s))) >= found.vehicles - some
    for share, lower in found.earliest[["share", "lower_s"]].itertuples(index=False):
        if share * found.vehicles > some and np.isfinite(lower):
            assert expanded.most(before(lower, step_s)) < share * found.vehicles - some, f"{share} sooner"


@examples(max_examples=60)
@given(st.data())
def test_the_bracket_holds_the_optimum_of_any_plain_network(
    oracles: ModuleType, checker: ModuleType, drawn: ModuleType, data: st.DataObject
) -> None:
    network: FlowNetwork = data.draw(drawn.plain())
    exact = oracles.by_subsets(network)
    found = bracket(network, gap=0.01, time_limit_s=20)
    proven(checker, found)
    if np.isinf(exact):
        assert found.vehicles < network.vehicles
        return
    assert found.vehicles == pytest.approx(network.vehicles, rel=1e-6)
    assert found.lower_s <= exact * (1 + 1e-9) + 1e-6
    assert found.upper_s >= exact * (1 - 1e-6) - 1e-6
    assert found.gap <= 0.01 or found.upper_s - found.lower_s <= 0.1, (
        "nothing stands in the way of closing on it"
    )


@examples(max_examples=80)
@given(st.data())
def test_the_bracket_holds_the_optimum_with_windows_releases_lanes_and_room(
    oracles: ModuleType, checker: ModuleType, drawn: ModuleType, data: st.DataObject
) -> None:
    network: FlowNetwork = data.draw(drawn.networks())
    found = bracket(network, gap=0.02, time_limit_s=5)
    holds(found, oracles.Expanded(network, drawn.STEP_S), drawn.steps_enough(network))
    proven(checker, found)


@examples(max_examples=25)
@given(st.data())
def test_what_can_be_out_by_a_moment_is_between_its_bounds(
    oracles: ModuleType, drawn: ModuleType, data: st.DataObject
) -> None:
    network: FlowNetwork = data.draw(drawn.networks())
    by = data.draw(st.integers(0, 20))
    least, most = most_out(network, by * drawn.STEP_S)
    best = oracles.Expanded(network, drawn.STEP_S).most(by)
    assert least <= best + 1e-6
    assert best <= most + 1e-6


@examples(max_examples=30)
@given(st.data())
def test_more_capacity_is_never_slower_and_a_closure_never_faster(
    drawn: ModuleType, data: st.DataObject
) -> None:
    network: FlowNetwork = data.draw(drawn.networks(groups=False))
    less = data.draw(
        st.lists(st.sampled_from([1.0, 1.0, 0.5, 0.0]), min_size=network.n_edges, max_size=network.n_edges)
    )
    closes = data.draw(
        st.lists(
            st.sampled_from([np.inf, np.inf, 600.0, 240.0]),
            min_size=network.n_edges,
            max_size=network.n_edges,
        )
    )
    capacity = np.where(np.array(less) > 0, network.capacity_vph * np.maximum(less, 1e-9), 0.0)
    worse = network.with_edges(capacity_vph=capacity, closes_s=np.minimum(network.closes_s, closes))
    with_all, with_less = (bracket(one, gap=0.01, time_limit_s=3) for one in (network, worse))
    assert with_less.vehicles_least <= with_all.vehicles_most + 1e-6
    if with_less.vehicles >= with_all.vehicles - 1e-9 and np.isfinite(with_less.upper_s):
        assert with_all.lower_s <= with_less.upper_s * (1 + 1e-9)


@examples(max_examples=30)
@given(st.data())
def test_the_neighbours_shelters_and_roads_never_make_it_slower(
    drawn: ModuleType, data: st.DataObject
) -> None:
    joint: FlowNetwork = data.draw(drawn.networks())
    ours = np.array(data.draw(st.lists(st.booleans(), min_size=len(joint.sinks), max_size=len(joint.sinks))))
    roads = np.array(data.draw(st.lists(st.integers(0, 3), min_size=joint.n_edges, max_size=joint.n_edges)))
    own = replace(
        joint.with_edges(capacity_vph=np.where(roads > 0, joint.capacity_vph, 0.0), group=-1),
        sinks=joint.sinks.assign(people=joint.sinks["people"].where(ours, 0.0)),
    )
    joint = joint.with_edges(group=-1)
    together, alone = (bracket(one, gap=0.01, time_limit_s=3) for one in (joint, own))
    assert alone.vehicles_least <= together.vehicles_most + 1e-6
    if alone.vehicles >= together.vehicles - 1e-9 and np.isfinite(alone.upper_s):
        assert together.lower_s <= alone.upper_s * (1 + 1e-9) + 1e-6


@pytest.mark.parametrize(
    ("closes_s", "out"), [(600.0, 16.0), (601.0, 16 + 1 / 15), (361.0, 1 / 15), (360.0, 0.0)]
)
def test_a_closure_holds_to_the_second(closes_s: float, out: float) -> None:
    # Four vehicles a minute, six minutes of road: who enters at the last moment allowed leaves it as it closes.
    road = flow_network(
        n_nodes=2, tail=[0], head=[1], transit_s=[360.0], capacity_vph=[240.0], closes_s=[closes_s],
        sources=pd.DataFrame({"node": [0], "vehicles": [20.0]}), sinks=pd.DataFrame({"node": [1]}),
    )  # fmt: skip
    found = bracket(road, gap=0.001)
    assert found.vehicles_least <= out + 1e-9
    assert found.vehicles_most >= out - 1e-9
    assert found.vehicles_most == pytest.approx(out, abs=0.02)
    assert found.vehicles_least == pytest.approx(out, abs=0.1)
    if found.vehicles > 0:
        assert found.lower_s == pytest.approx(closes_s, rel=0.01)
        assert found.upper_s == pytest.approx(closes_s, rel=0.01)
    plan = plan_routes(road)
    assert 20 - plan.unserved.sum() == pytest.approx(out, abs=1e-4)
    run = simulate(road, plan)
    assert len(run.arrivals) == 0 or run.arrivals["time_s"].max() <= closes_s + 1e-9
