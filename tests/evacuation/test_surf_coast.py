"""Surf Coast Shire, with the fire that takes road after road: real roads, people and hours."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from mutualaid.evacuation import FlowNetwork, bracket, cut, nearest, plan_routes, simulate

HOUR = 3600.0


@pytest.fixture(scope="session")
def coast(instances: ModuleType, surf_coast_data: Path) -> Any:
    """Call it with the set of zones, and options of `_instances.surf_coast`."""
    return partial(instances.surf_coast, surf_coast_data)


@pytest.fixture(scope="session")
def late(coast: Any) -> FlowNetwork:
    """Anglesea leaves four hours after the ignition."""
    network: FlowNetwork = coast("anglesea", alarm_h=4.0)
    return network


def test_the_roads_people_and_hours_are_those_of_the_files(coast: Any) -> None:
    network: FlowNetwork = coast("shire", every_link=True)
    assert network.n_edges == 10_145
    assert network.sources["people"].sum() == pytest.approx(58_427)
    assert network.vehicles == pytest.approx(58_427 / 2.5)
    assert np.isfinite(network.closes_s).sum() == 410
    assert network.closes_s[np.isfinite(network.closes_s)].min() == pytest.approx(0.73604 * HOUR)
    # Half of the people are ready half an hour after the alarm.
    assert network.released[:, 1].sum() == pytest.approx(network.vehicles / 2)
    later = coast("shire", alarm_h=4.0)
    assert later.closes_s.min() == 0
    assert later.n_edges < network.n_edges


@pytest.fixture(scope="session")
def bounds(late: FlowNetwork) -> Any:
    """Within the gap that is asked for, long before the five minutes allowed."""
    return bracket(late, gap=0.10, time_limit_s=150)


def test_a_town_before_the_fire_has_close_bounds(bounds: Any) -> None:
    assert bounds.gap <= 0.10
    assert bounds.vehicles_least <= bounds.vehicles_most
    assert bounds.vehicles_most <= bounds.network.vehicles * (1 + 1e-9)
    assert bounds.lower_s >= 90 * 60 - 1, "the last are ready after 90 minutes"


def test_its_plan_keeps_to_every_closure(checker: ModuleType, bounds: Any) -> None:
    plan = plan_routes(bounds.network, lower_s=bounds.lower_s, time_limit_s=60)
    assert checker.plan_violations(plan) == []
    served = bounds.network.vehicles - plan.unserved.sum()
    assert served <= bounds.vehicles_most * (1 + 1e-6)
    assert served >= bounds.vehicles_least * 0.99
    assert plan.clearance_s <= 1.25 * bounds.lower_s
    run = simulate(bounds.network, plan)
    ended = run.arrivals["vehicles"].sum() + run.caught["vehicles"].sum()
    assert ended == pytest.approx(bounds.network.vehicles, rel=1e-6)
    assert run.arrivals["vehicles"].sum() >= served * 0.999
    assert run.clearance_s <= plan.clearance_s + 60.0


def test_to_the_nearest_exit_nobody_is_lost_and_nobody_is_faster_than_the_bound(bounds: Any) -> None:
    run = nearest(bounds.network)
    out, caught = run.arrivals["vehicles"].sum(), run.caught["vehicles"].sum()
    assert out + caught == pytest.approx(bounds.network.vehicles, rel=1e-6)
    assert out <= bounds.vehicles_most * (1 + 1e-6)
    if out >= bounds.vehicles:
        assert run.clearance_s >= bounds.lower_s - 60.0


def test_the_fire_never_makes_it_faster(coast: Any, bounds: Any) -> None:
    without = bracket(coast("anglesea", fire=False), gap=0.10, time_limit_s=150)
    assert without.vehicles_most >= bounds.vehicles_least
    if bounds.vehicles >= without.vehicles - 1e-6:
        assert without.lower_s <= bounds.upper_s


def test_the_minimum_cut_proves_the_lower_bound(checker: ModuleType, bounds: Any) -> None:
    through = checker.let_through(bounds.network, bounds.threshold_s, bounds.full, bounds.lower_s - 0.001)
    assert through <= bounds.vehicles * (1 + 1e-9)
    found = cut(bounds.network, bounds)
    assert found.vehicles_before + found.vehicles_through <= bounds.vehicles * (1 + 1e-9) + 0.01
    assert found.vehicles_before + found.vehicles_through == pytest.approx(through, abs=0.01)
    assert 0 < found.vehicles_behind <= bounds.network.vehicles
    assert len(found.edges)
    assert (found.edges["to_s"] > found.edges["from_s"]).all()
