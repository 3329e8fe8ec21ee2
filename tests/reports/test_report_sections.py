"""Parts of a report that only some runs have: what they say, and when they are silent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mutualaid.reports._report._briefing import briefing, slides
from mutualaid.reports._report._content import report_document
from mutualaid.reports._report._document import Chart, Document, Headline, Picture, Ref, Table, Text, Words
from mutualaid.reports._report._inputs import ReportInputs
from mutualaid.reports._report._say import say
from mutualaid.reports._report._sections._facts import MARKS, Facts, form_of, listed


def part(document: Document, key: str) -> Any:
    (found,) = [one for one in document.sections if one.id == key]
    return found


def table(document: Document, name: str) -> list[list[str]]:
    """A table as its reader sees it."""
    (found,) = [b for s in document.sections for b in s.blocks if isinstance(b, Table) and b.name == name]
    return [["" if one is None else say(one, "en", document.data) for one in row] for row in found.rows]


def sentences(document: Document, key: str) -> str:
    texts = [b.text for b in part(document, key).blocks if hasattr(b, "text")]
    return " ".join(say(one, "en", document.data) for one in texts)


# --- comparison ----------------------------------------------------------------------------------------------


def test_a_change_says_its_sign_and_where_it_comes_from(report: Document) -> None:
    told = sentences(report, "changes")
    assert "1 January 2025, 20250101T000000Z-1234abcd and region." in told
    assert "change by −1,203: 55,385 instead of 56,588" in told
    assert "The largest part comes from: stations (−1,500 people)." in told
    assert table(report, "changes-parts") == [
        ["stations", "−1,500", "−1,500", "−1,500"], ["roads", "297", "297", "297"], ["All", "−1,203", "", ""],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "words"), [(0.2, "as many people in time as before"), (31.0, "31 more people")]
)
def test_more_and_the_same_are_said_as_such(
    changed_inputs: Callable[..., ReportInputs], change: float, words: str
) -> None:
    inputs = changed_inputs()
    assert inputs.comparison is not None
    inputs.comparison["total"]["covered_joint"]["change"] = change
    assert words in sentences(report_document(inputs, pictures={}), "changes")


# --- incidents -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (
            "confirmed",
            "The record bears out what the model says of neighbours' help: 57 incidents could be judged.",
        ),
        ("too_few", "cannot be told: only 57 incidents"),
        ("none_modelled", "promises no gain from neighbours"),
    ],
)
def test_each_verdict_is_said_in_words(
    changed_inputs: Callable[..., ReportInputs], verdict: str, words: str
) -> None:
    inputs = changed_inputs()
    total = inputs.summary["incidents"]["gain"]["total"]
    total |= {"verdict": verdict, "in_time_high_share": 0.5}
    assert words in sentences(report_document(inputs, pictures={}), "incidents")


def test_drives_that_are_shorter_than_modelled_are_not_called_longer(
    changed_inputs: Callable[..., ReportInputs],
) -> None:
    inputs = changed_inputs()
    inputs.summary["incidents"]["fit"]["all"] |= {"mean_s": -20.0, "mean_low_s": -30.0, "mean_high_s": -10.0}
    document = report_document(inputs, pictures={})
    assert "they are shorter" in sentences(document, "incidents")
    headline = next(b for b in part(document, "short").blocks if isinstance(b, Headline))
    assert headline.numbers[0].uncertainty.key == "doubt_turnout"


def test_a_record_that_is_too_small_says_why_nothing_was_fitted(
    changed_inputs: Callable[..., ReportInputs],
) -> None:
    inputs = changed_inputs()
    record: dict[str, Any] = inputs.summary["incidents"]
    record |= {"calibration": None, "refused": "12 drives, and it takes 60"}
    document = report_document(inputs, pictures={})
    assert "Speeds and delays were not fitted to the record: 12 drives, and it takes 60" in sentences(
        document, "incidents"
    )
    assert not [
        b
        for b in part(document, "incidents").blocks
        if isinstance(b, Table) and b.name.startswith("calibration")
    ]


def test_whether_a_share_was_met_is_only_told_where_one_is_asked_for(
    changed_inputs: Callable[..., ReportInputs],
) -> None:
    inputs = changed_inputs()
    assert len(table(report_document(inputs, pictures={}), "incidents-observed")[0]) == 7
    inputs.summary["standard"]["share"] = 0.8
    assert [row[-1] for row in table(report_document(inputs, pictures={}), "incidents-observed")] == [
        "unknown"
    ] * 3


# --- assumptions ---------------------------------------------------------------------------------------------


def test_every_finding_of_the_sweep_is_said_in_the_readers_words(report: Document) -> None:
    rows = part(report, "assumptions").blocks[3].rows
    assert len(rows) > 20
    english = [one for row in rows for one in (row[0], row[2]) if isinstance(one, Words)]
    assert english == []
    assert ["Monaco gains with a joint team", "no"] in [row[:2] for row in table(report, "sensitivity")]


def test_a_finding_of_tomorrow_is_passed_on_as_it_is(changed_inputs: Callable[..., ReportInputs]) -> None:
    inputs = changed_inputs()
    new = {
        "parameter": "weather",
        "finding": "rain helps",
        "base": True,
        "flips_at": "wet",
        "low": "dry",
        "high": "wet",
    }
    inputs.summary["cooperation"]["sensitivity"] = [new]
    assert table(report_document(inputs, pictures={}), "sensitivity") == [
        ["rain helps", "yes", "weather", "wet", "dry to wet"]
    ]


# --- targets -------------------------------------------------------------------------------------------------


def test_targets_stand_with_their_value_and_whether_they_are_met(
    changed_inputs: Callable[..., ReportInputs],
) -> None:
    inputs = changed_inputs()
    one = {"id": "t", "name": "Nobody left", "indicator": "headline.remaining", "at_least": None, "at_most": 2000.0,
           "by": "2030-12-31", "agreed": "Forum 2026", "value": 9583.0, "met": False}  # fmt: skip
    other = one | {"indicator": 'common.jurisdictions."FR-x y".joint.covered_share', "at_least": 0.8, "at_most": None,
                   "by": "", "value": None, "met": None}  # fmt: skip
    parts: Any = inputs.summary
    parts["targets"] = [one, other]
    assert table(report_document(inputs, pictures={}), "targets") == [
        ["Nobody left", "Forum 2026", "31 December 2030", "", "2,000", "9,583", "no"],
        ["Nobody left", "Forum 2026", "", "80\u00a0%", "", "unknown", "unknown"],
    ]


# --- shorter editions ----------------------------------------------------------------------------------------


def test_a_briefing_without_maps_shows_a_chart(report_inputs: ReportInputs) -> None:
    short = briefing(report_document(report_inputs, pictures={}))
    (section,) = short.sections
    assert [type(one).__name__ for one in section.blocks] == [
        "Paragraph",
        "Headline",
        "Items",
        "Chart",
        "Paragraph",
    ]
    assert section.blocks[-1].strong  # type: ignore[union-attr]
    assert say(section.blocks[-1].text, "en", short.data) == "9,583 people are reached in time by no partner."  # type: ignore[union-attr]


def test_each_slide_has_one_thing_to_look_at_and_a_sentence(report: Document) -> None:
    found = slides(report)
    assert [one.id for one in found] == [
        "short", "maps", "coverage", "gaps", "hazards", "cooperation", "siting", "evacuation", "incidents", "changes",
    ]  # fmt: skip
    for one in found:
        assert [isinstance(block, Headline | Picture | Chart) for block in one.blocks] == [False, True]


# --- small things --------------------------------------------------------------------------------------------


def test_facts_tell_missing_from_not_there(report_inputs: ReportInputs) -> None:
    facts = Facts(report_inputs)
    assert facts.ref("time", "common", "jurisdictions", "MC", "saved_median_s") is not None  # null
    assert facts.known("time", "common", "jurisdictions", "MC", "saved_median_s") is None
    assert facts.ref("time", "common", "nowhere") is None
    assert facts.told("time", "common", "nowhere") == Text("unknown")
    assert facts.told("people", "total", "covered_joint", "change", source="comparison") == Ref(
        ("total", "covered_joint", "change"), "people", "comparison"
    )
    assert facts.rows("headline") == []


def test_marks_are_those_of_the_map_and_differ_without_colour() -> None:
    shown = [MARKS[key] for key in ("own", "joint_only", "gap", "agreed_only", "lost_joint", "held")]
    assert len({one.colour for one in shown}) == len({one.hatch for one in shown}) == len(shown)


def test_forms_follow_from_the_name_of_a_number() -> None:
    names = {"a.covered_share": "share", "x.p90_s": "time", "headline.remaining": "people", "stations.count": "count",
             "costs.budget": "money", "roads_km.closed_km": "km"}  # fmt: skip
    assert {name: form_of(name) for name in names} == names
    assert say(listed([Words("a"), Words("b"), Words("c")]), "en", {}) == "a, b, c"
