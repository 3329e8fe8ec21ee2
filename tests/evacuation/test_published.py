"""The published quickest transshipments: bounds hold their optima and close on them, plans come near."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mutualaid.evacuation import bracket, plan_routes, simulate

NUMBER_OF = range(13)


@pytest.fixture(scope="session")
def published(instances: ModuleType, shared_data: Path) -> list[Any]:
    """All of them."""
    if not (shared_data / "evacuation" / "quickest_transshipment_oracle.json").is_file():
        pytest.skip("not found: shared/data/evacuation/quickest_transshipment_oracle.json")
    found: list[Any] = instances.published(shared_data)
    assert len(found) == len(NUMBER_OF)
    return found


@pytest.mark.parametrize("number", NUMBER_OF)
def test_both_oracles_find_the_published_optimum(
    oracles: ModuleType, published: list[Any], number: int
) -> None:
    one = published[number]
    # The file gives four digits of a step.
    assert oracles.by_subsets(one.network) == pytest.approx(one.continuous_s, abs=0.005)
    assert oracles.Expanded(one.network, 60.0).clearance(one.network.vehicles, 40) == one.discrete_s


@pytest.mark.parametrize("number", NUMBER_OF)
def test_the_bracket_holds_the_optimum_and_closes_on_it(
    oracles: ModuleType, published: list[Any], number: int
) -> None:
    network = published[number].network
    exact = oracles.by_subsets(network)
    found = bracket(network, gap=0.005, time_limit_s=30)
    assert found.vehicles == pytest.approx(network.vehicles, rel=1e-9)
    assert found.lower_s <= exact * (1 + 1e-9)
    assert found.upper_s >= exact * (1 - 1e-9)
    assert found.gap <= 0.005
    assert found.status == "gap"


@pytest.mark.parametrize("number", NUMBER_OF)
def test_the_plan_comes_near_and_is_followed_in_its_time(
    oracles: ModuleType, checker: ModuleType, published: list[Any], number: int
) -> None:
    network = published[number].network
    exact = oracles.by_subsets(network)
    plan = plan_routes(network, lower_s=exact, time_limit_s=20)
    assert checker.plan_violations(plan) == []
    assert plan.unserved.sum() == pytest.approx(0, abs=1e-6)
    assert exact * (1 - 1e-6) <= plan.clearance_s <= 1.25 * exact
    run = simulate(network, plan)
    assert run.arrivals["vehicles"].sum() == pytest.approx(network.vehicles)
    assert run.clearance_s <= plan.clearance_s + 3600 / network.capacity_vph.min()


@pytest.mark.parametrize("number", NUMBER_OF)
def test_one_way_for_each_source_never_forks(
    oracles: ModuleType, checker: ModuleType, published: list[Any], number: int
) -> None:
    network = published[number].network
    exact = oracles.by_subsets(network)
    plan = plan_routes(network, lower_s=exact, one_route=True, time_limit_s=20)
    assert plan.one_route
    assert checker.plan_violations(plan) == []
    if not plan.unserved.sum() > 1e-6:  # a shelter may be too small for one source, and that one for no other
        assert plan.clearance_s >= exact * (1 - 1e-6)
