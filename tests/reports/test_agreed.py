"""Targets and decisions: what is held against which number, what is told of it, and which targets are refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from mutualaid.coverage import Analysis
from mutualaid.data import Region, Target
from mutualaid.errors import RegionError
from mutualaid.reports import check_targets, full_summary
from mutualaid.reports._agreed import agreed_as_told, agreed_numbers

NUMBERS: dict[str, Any] = {
    "headline": {"share": 0.7, "met": True, "unknown": None, "name": "x"},
    "gaps": [{"population": 12.0}, {"population": 8.0}],
    "hazards": {"scenarios": {"flood": {"covered": 100.0}}},
    "targets": [{"value": 1.0}],
}


def with_targets(region: Region, *indicators: str) -> Region:
    targets = (Target(f"t{n}", f"T{n}", one, at_least=0.5) for n, one in enumerate(indicators))
    return replace(region, targets=tuple(targets))


@pytest.fixture
def region(analysis: Analysis) -> Region:
    """The demo, where a scenario is defined that no run has computed."""
    one = analysis.region.scenarios[0]
    return replace(analysis.region, scenarios=(replace(one, id="flood"), replace(one, id="storm")))


@pytest.mark.parametrize(
    "indicator",
    [
        "headline.share",
        "headline.unknown",
        "headline.unknown.more",  # nobody knows what would be there
        "gaps.0.population",
        "gaps.2.population",  # another day there are more
        "hazards.scenarios.storm.covered",
        "hazards.scenarios.flood.covered",
        "siting.plan.covered",
        "evacuation.people",
        "incidents.gain.total.judged",
        "cooperation.dependence",
    ],
)
def test_what_only_this_run_does_not_have_is_not_refused(region: Region, indicator: str) -> None:
    check_targets(with_targets(region, indicator), NUMBERS)


@pytest.mark.parametrize(
    ("indicator", "said"),
    [
        ("headline.joy", "there is no 'joy'"),
        ("joy", "there is no 'joy'"),
        ("headline.share.more", "there is no 'more'"),
        ("headline", "dict"),
        ("gaps", "list"),
        ("gaps.0", "dict"),
        ("gaps.-1.population", "there is no '-1'"),
        ("gaps.first.population", "there is no 'first'"),
        ("gaps.0.joy", "there is no 'joy'"),
        ("headline.met", "bool"),
        ("headline.name", "str"),
        ("hazards.scenarios.snow.covered", "there is no 'snow'"),
        ("hazards.scenarios.flood.joy", "there is no 'joy'"),
        ("targets.0.value", "there is no 'targets'"),
    ],
)
def test_what_no_run_can_have_is_refused(region: Region, indicator: str, said: str) -> None:
    with pytest.raises(RegionError, match=said):
        check_targets(with_targets(region, indicator), NUMBERS)


def test_an_existing_part_is_looked_at_and_all_defects_are_told_at_once(region: Region) -> None:
    wrong = with_targets(region, "siting.joy", "headline.share", "headline.joy")
    with pytest.raises(RegionError) as raised:
        check_targets(wrong, {**NUMBERS, "siting": {"covered": 1.0}})
    assert [one.where for one in raised.value.defects] == ["target t0, indicator", "target t2, indicator"]


def test_a_region_without_hazards_may_have_scenarios_in_its_targets(region: Region) -> None:
    none = {key: value for key, value in NUMBERS.items() if key != "hazards"}
    check_targets(with_targets(region, "hazards.scenarios.storm.covered"), none)


def test_the_demo_passes(analysis: Analysis) -> None:
    assert analysis.region.targets
    check_targets(analysis.region, full_summary(analysis))


def test_what_is_not_found_is_not_known(analysis: Analysis, region: Region) -> None:
    places = ("headline.joy", "gaps.7.population", "headline.met", "headline.share", "gaps.1.population")
    targets = agreed_numbers(with_targets(region, *places), NUMBERS)["targets"]
    assert [(one["value"], one["met"]) for one in targets] == [
        *[(None, None)] * 3,
        (0.7, True),
        (8.0, True),
    ]
    assert [one["distance"] for one in targets] == [None, None, None, pytest.approx(0.2), 7.5]
    nowhere = replace(analysis, region=with_targets(analysis.region, "headline.joy"))
    assert full_summary(nowhere)["targets"][0]["value"] is None


def test_nothing_in_a_list_counts_as_told(region: Region) -> None:
    """What is left of a filtered list stands at the positions of others."""
    log = pd.concat([region.decisions.iloc[:1]] * 4).set_axis(["a", "b", "c", "d"])
    log = log.assign(indicator=["gaps.0.population", "headline.share", "", "headline.joy"], value=3.0)
    agreed = replace(with_targets(region, "gaps.0.population", "headline.share"), decisions=log)
    told = agreed_as_told(agreed, {**NUMBERS, "gaps": NUMBERS["gaps"][1:]})
    hidden, share = told["targets"]
    assert (hidden["value"], hidden["met"], hidden["distance"]) == (None, None, None)
    assert share["value"] == 0.7
    assert [one["value"] for one in told["decisions"]] == [None, 3.0, 3.0, None]
    assert agreed_numbers(agreed, NUMBERS)["targets"][0]["value"] == 12.0
