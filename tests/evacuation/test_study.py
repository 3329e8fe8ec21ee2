"""A whole evacuation along one road, worked out by hand, and the tables that are made of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mutualaid.coverage import Analysis
from mutualaid.data import EvacuationCase
from mutualaid.errors import EvacuationError
from mutualaid.evacuation import EvacuationStudy, check_plan, evacuation, network_of_case

#: A place to the next takes a car four minutes; a street of a town takes in 1,275 vehicles an hour.
STEP_S, VPH = 240.0, 1275.0
#: One person a vehicle, all have one and are ready at once, at their door.
PLAIN = EvacuationCase(
    persons_per_vehicle=1.0, without_car=0.0, mobilisation=((0.0, 1.0),), gather_m=0.0, exits=False
)
#: Seconds between two vehicles that enter a road one after the other.
HEADWAY_S = 3600 / VPH


@pytest.fixture
def study(row: Callable[..., Analysis]) -> EvacuationStudy:
    """Places 1…4 of A with 2, 4, 8 and 16 people leave; A's shelter at 0 takes six, B's at 5 a thousand."""
    analysis = row("aAAAAB", {"ours": 0, "theirs": 5}, capacity=[6.0, 1000.0])
    return evacuation(analysis, case=PLAIN, zones=["A"], gap=0.001)


def test_together_all_get_out_and_alone_only_as_many_as_there_is_room(study: EvacuationStudy) -> None:
    own, joint = study.levels.loc["own"], study.levels.loc["joint"]
    assert (own["people_out"], own["people_left"]) == pytest.approx((6, 24))
    assert (joint["people_out"], joint["people_left"]) == pytest.approx((30, 0))
    assert own["crossing_people"] == 0
    # Those who find no room at home go to the neighbour.
    assert joint["crossing_people"] == pytest.approx(24, abs=1e-3)
    assert list(study.left["people"]) == []


def test_the_time_is_that_of_those_in_the_middle(study: EvacuationStudy) -> None:
    # The two and four of places 1 and 2 fill the room at home. The eight of place 3 drive two steps, one by one.
    best_s = 2 * STEP_S + 8 * HEADWAY_S
    assert study.bracket.lower_s <= best_s <= study.bracket.upper_s
    assert study.bracket.gap <= 0.001 + 1e-9
    assert study.plan.clearance_s <= 1.02 * study.bracket.lower_s
    zone = study.zones.loc["A"]
    assert zone["ete_100_s"] == pytest.approx(study.simulation.clearance_s)
    assert zone["ete_50_s"] <= zone["ete_90_s"] <= zone["ete_100_s"]
    assert (zone["people"], zone["people_out"], zone["people_left"]) == pytest.approx((30, 30, 0))
    assert (zone["arrives_s"], zone["margin_s"]) == (math.inf, math.inf)


def test_tables_agree_with_the_plan(study: EvacuationStudy) -> None:
    assert len(check_plan(study.plan.network, study.plan.routes, study.plan.paths)) == 0
    assert study.routes["people"].sum() == pytest.approx(30)
    assert set(study.routes["sink_name"]) <= {"School ours", "School theirs"}
    assert study.shelters["people"].sum() == pytest.approx(30)
    assert study.shelters["people"].to_dict()["ours"] <= 6 + 1e-6
    assert study.shelters["own"].to_dict() == {"ours": True, "theirs": False}
    (crossing,) = study.crossings[study.crossings["between_partners"]].to_dict("records")
    assert crossing["people"] == pytest.approx(study.shelters.loc["theirs", "people"])
    assert crossing["capacity_vph"] == pytest.approx(VPH)
    over = study.routes[study.routes["crossings"] != ""]
    assert set(over["crossings"]) == {"x2"}
    assert set(over["sink"]) == {"theirs"}
    assert (study.flows["peak_vph"] <= study.flows["capacity_vph"] * (1 + 1e-6)).all()
    assert (study.steps["vph"] > 0).all()
    for kind in ("plan", "nearest"):
        curve = study.curves[(study.curves["zone"] == "") & (study.curves["kind"] == kind)]
        assert curve["people"].is_monotonic_increasing
    assert study.curves[(study.curves["zone"] == "") & (study.curves["kind"] == "plan")]["people"].max() == (
        pytest.approx(30)
    )


def test_everybody_to_the_nearest_finds_the_door_shut(row: Callable[..., Analysis]) -> None:
    analysis = row("aAAAAB", {"ours": 0, "theirs": 5}, capacity=[4.0, 1000.0])
    study = evacuation(analysis, case=PLAIN, zones=["A"], measures=0)
    # The two and four of places 1 and 2 are nearest to ours, which takes four of them.
    assert study.shelters["overflow"].to_dict() == pytest.approx({"ours": 2, "theirs": 0})
    assert study.zones.loc["A", "nearest_people_out"] == pytest.approx(28)
    assert study.levels.loc["own", "overflow"] == pytest.approx(26)


def test_the_bottleneck_is_the_road_to_the_only_shelter(row: Callable[..., Analysis]) -> None:
    slow = replace(PLAIN, background=0.99)  # 12.75 vehicles an hour are left
    analysis = row("AAB", {"theirs": 2})
    study = evacuation(analysis, case=slow, zones=["A"], gap=0.01)
    rate = VPH * 0.01 / 3600
    assert study.bracket.lower_s == pytest.approx(STEP_S + 3 / rate, rel=0.03)
    assert study.people_behind == pytest.approx(3, abs=0.1)
    assert "High Road" in study.why[0]
    assert set(study.cut["name"]) == {"High Road"}
    lane = study.measures[study.measures["kind"] == "lane"].iloc[0]
    assert lane["name"] == "High Road"
    assert lane["lower_s"] == pytest.approx(STEP_S + 3 / rate / 2, rel=0.03)  # two lanes in place of one
    without = study.measures[study.measures["kind"] == "without_crossing"].iloc[0]
    assert (without["vehicles"], without["vehicles_more"]) == (0, pytest.approx(-3))
    slowest = study.sensitivity["lower_s"].to_dict()
    assert slowest["planning"] < slowest["sustained"]


def test_an_earlier_start_is_worth_what_it_is_earlier(row: Callable[..., Analysis]) -> None:
    late = replace(PLAIN, mobilisation=((0.0, 0.0), (60.0, 1.0)))
    study = evacuation(row("AAB", {"theirs": 2}), case=late, zones=["A"], gap=0.005)
    earlier = study.measures[study.measures["kind"] == "earlier"].iloc[0]
    assert earlier["saved_s"] == pytest.approx(3600, rel=0.02)
    assert "earlier start" in study.why[0]


def test_who_does_not_do_as_told_is_a_simulation(row: Callable[..., Analysis]) -> None:
    analysis = row("aAAAAB", {"ours": 0, "theirs": 5}, capacity=[6.0, 1000.0])
    kept, broken = (
        evacuation(analysis, case=PLAIN, zones=["A"], measures=0, compliance=share) for share in (1.0, 0.0)
    )
    assert kept.zones.loc["A", "people_out"] == pytest.approx(30)
    assert broken.zones.loc["A", "people_out"] == pytest.approx(broken.zones.loc["A", "nearest_people_out"])
    assert broken.bracket.lower_s == kept.bracket.lower_s


def test_steps_are_told_and_the_first_answer_comes_early(row: Callable[..., Analysis]) -> None:
    told: list[tuple[str, float]] = []
    first: list[Any] = []
    evacuation(
        row("AAB", {"theirs": 2}), case=PLAIN, zones=["A"], measures=0,
        progress=lambda step, share: told.append((step, share)), quick=first.append,
    )  # fmt: skip
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert told[-1] == ("Done", 1.0)
    assert first
    assert all(one.lower_s <= one.upper_s for one in first)


def test_what_is_asked_must_make_sense(row: Callable[..., Analysis]) -> None:
    analysis = row("AAB", {"theirs": 2})
    with pytest.raises(EvacuationError) as error:
        evacuation(analysis, case=PLAIN, zones=["A"], level="theirs", compliance=2.0)
    assert [one.where for one in error.value.defects] == ["level", "compliance"]
    with pytest.raises(EvacuationError, match="nowhere"):
        network_of_case(analysis, replace(PLAIN, zones=("nowhere",)))


def test_nothing_given_is_changed(row: Callable[..., Analysis]) -> None:
    analysis = row("AAB", {"theirs": 2})
    before = analysis.region.shelters.copy(), analysis.network.roads.copy()
    evacuation(analysis, case=PLAIN, zones=["A"], measures=1)
    assert analysis.region.shelters.equals(before[0])
    assert analysis.network.roads.equals(before[1])
    assert np.isfinite(analysis.network.x).all()
