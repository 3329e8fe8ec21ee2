"""The oracles agree with each other and with what can be worked out by hand; the checker sees every breach."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mutualaid.evacuation import FlowNetwork, RoutePlan, flow_network

MIN = 60.0


def lane(**changed: Any) -> FlowNetwork:
    """A village (20 vehicles, 40 people), a farm (5, 5) on its road, six minutes for four a minute, and a school."""
    given: dict[str, Any] = {
        "n_nodes": 3,
        "tail": [0, 1],
        "head": [1, 2],
        "transit_s": [2 * MIN, 4 * MIN],
        "capacity_vph": [300.0, 240.0],
        "sources": pd.DataFrame(
            {"node": [0, 1], "vehicles": [20.0, 5.0], "people": [40.0, 5.0]}, index=["village", "farm"]
        ),
        "sinks": pd.DataFrame({"node": [2]}, index=["school"]),
    }
    return flow_network(**{**given, **changed})


def test_both_oracles_find_what_is_worked_out_by_hand(oracles: ModuleType) -> None:
    def both(farm: float) -> tuple[float, float]:
        network = lane(sources=pd.DataFrame({"node": [0, 1], "vehicles": [20.0, farm]}))
        return oracles.by_subsets(network), oracles.Expanded(network, 15.0).clearance(20 + farm, 100)

    # Eight of the farm get through before the first of the village is there, which needs 20 / 4 + 6 minutes.
    assert both(5) == pytest.approx((11 * MIN, 11 * MIN))
    assert both(9) == pytest.approx((11.25 * MIN, 11.25 * MIN))


def test_closures_release_room_and_lanes_bind_in_the_expanded_oracle(oracles: ModuleType) -> None:
    def most(steps: int, **changed: Any) -> float:
        return float(oracles.Expanded(lane(**changed), MIN).most(steps))

    # Four minutes to get onto the second road, two of them with the farm alone.
    assert most(8) == pytest.approx(5 + 2 * 4)
    # Everybody must have left the second road at minute 7: who enters it at 3 or later does not.
    assert most(60, closes_s=[np.inf, 7 * MIN]) == pytest.approx(5 + 1 * 4)
    assert most(8, opens_s=[0.0, 3 * MIN]) == pytest.approx(1 * 4)
    late = {"release_s": [0.0, 10 * MIN], "released": [[10.0, 20.0], [0.0, 5.0]]}
    assert most(6, **late) == pytest.approx(2 * 0.5), "of the farm"
    assert most(15, **late) == pytest.approx(19 + 5), "the last of the village must leave in minute 9"
    assert most(16, **late) == pytest.approx(25)
    # The school takes 11 people: five of the farm, three pairs of the village.
    assert most(60, sinks=pd.DataFrame({"node": [2], "people": [11.0]})) == pytest.approx(5 + 3)
    # The same lane after two turns carries four a minute, not eight.
    twice = {
        "tail": [0, 1, 1],
        "head": [1, 2, 2],
        "transit_s": [0.0] * 3,
        "capacity_vph": [np.inf, 240.0, 240.0],
    }
    assert most(2, **twice) == pytest.approx(16)
    assert most(2, **twice, group=[-1, 0, 0]) == pytest.approx(8)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_subsets_and_steps_agree(oracles: ModuleType, drawn: ModuleType, data: st.DataObject) -> None:
    network = data.draw(drawn.networks(windows=False, release=False, groups=False, ratios=False))
    exact = oracles.by_subsets(network)
    steps = oracles.Expanded(network, drawn.STEP_S).clearance(network.vehicles, drawn.steps_enough(network))
    if np.isinf(exact):
        assert np.isinf(steps)
    else:
        assert steps - drawn.STEP_S - 1e-4 < exact <= steps + 1e-4


# The checker

GOOD = {
    "source": ["farm", "village"], "zone": ["farm", "village"], "sink": "school", "rate_vph": [150.0, 240.0],
    "from_s": [0.0, 0.0], "to_s": [120.0, 300.0], "vehicles": [5.0, 20.0], "people": [5.0, 40.0],
    "drive_s": [240.0, 360.0], "arrives_s": [360.0, 660.0], "latest_s": [np.inf] * 2, "margin_s": [np.inf] * 2,
}  # fmt: skip


def plan(network: FlowNetwork, paths: Any = ((1,), (0, 1)), **changed: Any) -> RoutePlan:
    routes = pd.DataFrame({**GOOD, **changed}, index=["R1", "R2"])
    left = pd.Series(0.0, index=network.sources.index)
    ways = tuple(np.array(path, dtype=np.int32) for path in paths)
    return RoutePlan(network, routes, ways, float(routes["arrives_s"].max()), left, one_route=True)


def test_a_plan_that_can_be_driven_breaks_nothing(checker: ModuleType) -> None:
    # The village's first arrive at the junction as the farm's last leave it.
    assert checker.plan_violations(plan(lane())) == []


def school(column: str, value: float) -> dict[str, Any]:
    return {"sinks": pd.DataFrame({"node": [2], column: [value]}, index=["school"])}


HASTE = {"to_s": [120.0, 299.0], "rate_vph": [150.0, 20 * 3600 / 299]}
ONE_LESS = {
    "to_s": [120.0, 285.0], "vehicles": [5.0, 19.0], "people": [5.0, 38.0], "arrives_s": [360.0, 645.0],
}  # fmt: skip
TWIN = {"tail": [0, 1, 1], "head": [1, 2, 2], "transit_s": [120.0, 240.0, 240.0], "capacity_vph": 240.0}


@pytest.mark.parametrize(
    ("what", "network", "changed"),
    [
        ("edge 1: 390.0 vehicles an hour", {}, {"from_s": [1.0, 0.0], "to_s": [121.0, 300.0]}),
        ("edge 0: 240.0 vehicles an hour", {"capacity_vph": [239.0, 240.0]}, {}),
        ("group 3: 480.0 vehicles an hour", {"group": [3, 3], "capacity_vph": 240.0}, {}),
        ("edge 0 begins at 0", {}, {"paths": ((0, 1), (0, 1))}),
        ("ends at 1", {}, {"paths": ((1,), (0,))}),
        ("leaves edge 1", {"closes_s": [np.inf, 659.0]}, {}),
        ("opens 1.0", {"opens_s": [1.0, 0.0]}, {}),
        ("too many", {"release_s": [0, 300], "released": [[19.0, 20.0], [5.0, 5.0]]}, HASTE),
        ("too many", {}, {"to_s": [119.0, 315.0], "rate_vph": [150.0, 240.0]}),
        ("44.0 allowed", school("people", 44.0), {}),
        ("open 0.0 to 659.0", school("closes_s", 659.0), {}),
        ("open 241.0 to inf", school("opens_s", 241.0), {}),
        ("sink school: 240.0 vehicles", school("capacity_vph", 239.0), {}),
        ("R2: vehicles is 20.0", {}, {"vehicles": [5.0, 21.0]}),
        ("R2: people is 40.0", {}, {"people": [5.0, 20.0]}),
        ("latest_s is 301.0", {"closes_s": [np.inf, 661.0]}, {}),
        ("R1: margin_s is inf", {}, {"margin_s": [0.0, np.inf]}),
        ("the last one arrives at 660.0", {}, {"arrives_s": [360.0, 659.0]}),
        ("left behind are", {}, ONE_LESS),
        ("at node 1 some go by", TWIN, {"paths": ((2,), (0, 1))}),
    ],
)  # fmt: skip
def test_every_breach_is_seen(
    checker: ModuleType, what: str, network: dict[str, Any], changed: dict[str, Any]
) -> None:
    found = checker.plan_violations(plan(lane(**network), **changed))
    assert found
    assert any(what in one for one in found), found
