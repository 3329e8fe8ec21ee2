"""Standards: the built-in table, a region's own, and what is refused."""

from __future__ import annotations

import math
from dataclasses import fields

import pytest

from mutualaid.coverage import CLOCK, Standard, standard, standards
from mutualaid.errors import StandardError


def test_the_table_has_one_row_a_standard_with_its_source() -> None:
    table = standards()
    assert table.index.is_unique
    assert list(table.columns) == [field.name for field in fields(Standard) if field.name != "id"]
    assert (table["source"] != "").all()
    assert (table["interval"] != "").all()
    assert set(table["start"]) <= set(CLOCK)


@pytest.mark.parametrize(
    ("key", "start", "end", "limit_s", "share"),
    [
        ("us-nfpa-1710-engine", "t3", "t4", 240, 0.9),
        ("us-nfpa-1710-full", "t3", "t5", 480, 0.9),
        ("us-nfpa-1720-suburban", "t2", "t4", 600, 0.8),
        ("de-agbf-first", "t2", "t4", 480, math.nan),
        ("de-agbf-full", "t2", "t5", 780, math.nan),
        ("ch-fks-dense", "t2", "t4", 600, 0.8),
        ("ch-fks-sparse", "t2", "t4", 900, 0.8),
        ("nl-fire-5", "t0", "t4", 300, 0.8),
        ("nl-ems", "t0", "t4", 900, 0.95),
        ("fi-risk-1", "t2", "t4", 360, math.nan),
        ("fi-risk-2", "t2", "t4", 600, math.nan),
        ("uk-england-ems-cat1-mean", "t0", "t4", 420, math.nan),
        ("us-ems-practice", "t1", "t4", 539, 0.9),
        ("pl-ems-rural", "t0", "t4", 1200, math.nan),
    ],
)
def test_built_in_figures(key: str, start: str, end: str, limit_s: float, share: float) -> None:
    rule = standard(key)
    assert (rule.start, rule.end, rule.limit_s) == (start, end, limit_s)
    assert rule.share == pytest.approx(share, nan_ok=True)


def test_an_interval_that_no_source_states_is_said_to_be_assumed() -> None:
    assert "assumed" in standard("pl-ems-urban").interval


def test_averages_are_compared_as_averages() -> None:
    assert standards().query("statistic == 'mean'").index.tolist() == ["uk-england-ems-cat1-mean"]


def test_an_unknown_id_names_the_close_ones() -> None:
    with pytest.raises(StandardError, match="de-agbf-first") as caught:
        standard("de-agbf-frist")
    assert len(caught.value.defects) == 1


def test_an_own_standard_goes_first_and_takes_words_and_minutes() -> None:
    own = {"de-agbf-first": {"id": "de-agbf-first", "name": "Ours", "start": "received", "limit_min": 9.5}}
    rule = standard("de-agbf-first", own=own)
    assert (rule.name, rule.start, rule.end, rule.limit_s) == ("Ours", "t0", "t4", 570.0)


def test_none_in_an_own_standard_is_not_stated() -> None:
    assert math.isnan(standard("x", own={"x": {"limit_s": 60, "share": None}}).share)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"limit_s": 0}, "above 0"),
        ({"limit_s": math.nan}, "above 0"),
        ({"limit_s": 600, "share": 90}, "0.9"),
        ({"limit_s": 600, "share": 0}, "above 0"),
        ({"limit_s": 600, "limit_min": 10}, "both"),
        ({}, "neither"),
        ({"limit_s": "8 min"}, "a number"),
        ({"limit_s": True}, "a number"),
        ({"limit_s": 600, "start": 2}, "a text"),
        ({"limit_s": 600, "start": "t4"}, "t0, t1, t2 or t3"),
        ({"limit_s": 600, "end": "t3"}, "t4"),
        ({"limit_s": 600, "limits": 3}, "did you mean limit_s"),
        ({"limit_s": 600, "statistic": "median"}, "share or mean"),
        ({"limit_s": 600, "statistic": "mean", "share": 0.9}, "average"),
        ({"limit_s": 600, "service": "police"}, "fire, ems, rescue"),
        ({"limit_s": 600, "density_min_per_km2": 9, "density_max_per_km2": 5}, "less than"),
    ],
)
def test_a_contradiction_is_refused_with_a_remedy(values: dict[str, object], words: str) -> None:
    with pytest.raises(StandardError, match=words):
        standard("x", own={"x": values})


def test_all_defects_of_a_standard_are_told_at_once() -> None:
    with pytest.raises(StandardError) as caught:
        standard("x", own={"x": {"limit_s": 600, "share": 90, "start": "t9", "service": "police"}})
    assert [defect.where for defect in caught.value.defects] == [
        "standard x, start",
        "standard x, share",
        "standard x, service",
    ]
