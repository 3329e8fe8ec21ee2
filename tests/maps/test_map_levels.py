"""Levels of cooperation on the map, seen from Python: what places count as, how many people that is, and who comes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mutualaid.maps import coverage_map
from mutualaid.maps._cells import cell_data
from mutualaid.maps._counts import counted, levels, place_status, statuses
from mutualaid.maps._facts import totals
from mutualaid.maps._palette import (
    AGREED_SCENARIO_STATUSES,
    AGREED_STATUSES,
    BAND_COLOURS,
    NOBODY_COMES,
    SCENARIO_STATUSES,
    SEVERITY_COLOURS,
    STATUSES,
    Status,
    partner_fills,
)
from mutualaid.maps._scenarios import scenario_cells, scenario_facts
from mutualaid.maps._texts import TEXTS

LEVELS = ("alone", "agreed", "joint")
IDS = ["hq100", "slope", "both"]
SKY_BLUE = "#56B4E9"
TABLES = {
    "two levels": (STATUSES, ("alone", "joint")),
    "two levels, hazard": (SCENARIO_STATUSES, ("alone", "joint")),
    "three levels": (AGREED_STATUSES, LEVELS),
    "three levels, hazard": (AGREED_SCENARIO_STATUSES, LEVELS),
}
#: Whom the own brigade reaches, it reaches under every agreement too; nothing else follows.
REACHED = [one for one in product([True, False], repeat=3) if one[1] or not one[0]]


def by_label(rows: tuple[Status, ...], people: list[float], level: str) -> dict[str, float]:
    """People by what the legend calls them at a level."""
    found: dict[str, float] = {}
    for row, n in zip(rows, people, strict=True):
        label = getattr(row, f"{level}_label")
        found[label] = found.get(label, 0.0) + n
    return found


# --- what a place counts as ----------------------------------------------------------------------------------


def test_levels_follow_from_the_columns() -> None:
    assert levels(["joint_covered", "alone_covered", "fair_agreed_covered"]) == ("alone", "joint")
    assert levels(["agreed_covered", "joint_covered", "alone_covered"]) == LEVELS


def said(reached: tuple[bool, ...], level: str) -> str:
    """Say what the legend calls a place in fair weather, from whether each level reaches it."""
    alone, agreed, _ = reached
    if not reached[LEVELS.index(level)]:
        return {"alone": "gap_alone", "agreed": "gap_agreed", "joint": "gap"}[level]
    return "own" if alone else "agreed_only" if agreed else "joint_more"


def said_under_hazard(now: tuple[bool, ...], fair: tuple[bool, ...], level: str, severity: int | None) -> str:
    number = LEVELS.index(level)
    if now[number]:
        return "held" if fair[0] and not now[0] else said(now, level)
    if fair[number]:
        return f"lost_{level}"
    high = {"alone": "gap_high_alone", "agreed": "gap_high_agreed", "joint": "gap_high"}
    return high[level] if severity in (4, 5) else f"{said(now, level)}_hazard"


@pytest.mark.parametrize("reached", REACHED)
def test_every_place_is_called_what_it_is(reached: tuple[bool, ...]) -> None:
    frame: Any = pd.DataFrame(
        {"status": ["gap"], **{f"{level}_covered": [one] for level, one in zip(LEVELS, reached, strict=True)}}
    )
    row = AGREED_STATUSES[place_status(frame, hazard=False)[0]]
    assert [getattr(row, f"{level}_label") for level in LEVELS] == [said(reached, level) for level in LEVELS]


@pytest.mark.parametrize("severity", [None, 0, 3, 4, 5])
@pytest.mark.parametrize("fair", REACHED)
@pytest.mark.parametrize("now", REACHED)
def test_every_place_under_a_hazard_is_called_what_it_is(
    now: tuple[bool, ...], fair: tuple[bool, ...], severity: int | None
) -> None:
    frame: Any = pd.DataFrame(
        {
            "status": ["gap"],
            **{f"{level}_covered": [one] for level, one in zip(LEVELS, now, strict=True)},
            **{f"fair_{level}_covered": [one] for level, one in zip(LEVELS, fair, strict=True)},
            "severity": pd.array([severity], dtype="Int8"),
        }
    )
    row = AGREED_SCENARIO_STATUSES[place_status(frame, hazard=True)[0]]
    expected = [said_under_hazard(now, fair, level, severity) for level in LEVELS]
    assert [getattr(row, f"{level}_label") for level in LEVELS] == expected


@pytest.mark.parametrize("hazard", [False, True])
def test_no_road_stays_no_road_at_every_level(hazard: bool) -> None:
    covered = {f"{when}{level}_covered": [False] for level in LEVELS for when in ("", "fair_")}
    frame: Any = pd.DataFrame({"status": ["unreachable"], "severity": pd.array([5], dtype="Int8"), **covered})
    row = statuses(frame.columns, hazard=hazard)[place_status(frame, hazard=hazard)[0]]
    assert {getattr(row, f"{level}_label") for level in LEVELS} == {"unreachable"}


def test_the_made_up_region_holds_what_a_level_holds_and_another_does_not(agreed: Any) -> None:
    covered = agreed.coverage
    assert (covered["agreed_covered"] & ~covered["joint_covered"]).any()
    assert (covered["joint_covered"] & ~covered["agreed_covered"]).any()
    under = next(one.coverage for one in agreed.scenarios if one.scenario.id == "slope")
    held = under["fair_alone_covered"] & ~under["alone_covered"] & under["agreed_covered"]
    assert held.any()
    assert (held & ~under["joint_covered"]).any()


# --- how it is drawn -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "asked"), TABLES.values(), ids=TABLES.keys())
def test_classes_of_a_level_have_words_and_differ_without_colour(
    rows: tuple[Status, ...], asked: tuple[str, ...]
) -> None:
    for level in asked:
        classes = {getattr(row, f"{level}_label"): getattr(row, level) for row in rows}
        assert set(classes) <= set(TEXTS)
        assert len({swatch.hatch for swatch in classes.values()}) == len(classes)
        assert all(getattr(row, level) == classes[getattr(row, f"{level}_label")] for row in rows)


@pytest.mark.parametrize(("rows", "asked"), TABLES.values(), ids=TABLES.keys())
def test_sky_blue_is_what_todays_agreements_reach(rows: tuple[Status, ...], asked: tuple[str, ...]) -> None:
    for row, level in product(rows, asked):
        assert (getattr(row, level).colour == SKY_BLUE) == (getattr(row, f"{level}_label") == "agreed_only")
    others = [*BAND_COLOURS, NOBODY_COMES, *(fill for k in range(20) for fill in partner_fills(k))]
    assert SKY_BLUE not in {swatch.colour for swatch in others}


def test_what_only_the_joint_team_reaches_is_a_gap_today() -> None:
    by_name = {row.status: row for row in AGREED_STATUSES}
    assert by_name["joint"].agreed == by_name["gap"].agreed == by_name["gap"].joint
    assert by_name["agreed"].agreed == by_name["agreed"].joint != by_name["joint"].joint


# Machado, Oliveira, Fernandes 2009, severity 1.0 (doi:10.1109/TVCG.2009.113), on linear RGB.
SEEN_BY = {
    "everybody": np.eye(3),
    "protanopes": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopes": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopes": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def lab(colour: str, eye: str) -> Any:
    """CIE L*a*b* (D65) of a colour as somebody sees it."""
    part = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.asarray(SEEN_BY[eye]) @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ seen
    f = np.cbrt(xyz / [0.9505, 1.0, 1.089])  # none is so dark that the cube root does not hold
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("eye", SEEN_BY)
def test_six_partners_are_far_apart_for_every_eye(eye: str) -> None:
    fills = [partner_fills(k)[0].colour for k in range(6)]
    for a, b in combinations([*fills, NOBODY_COMES.colour], 2):
        assert np.linalg.norm(lab(a, eye) - lab(b, eye)) > 12
    for a, b in product(fills, SEVERITY_COLOURS):  # the hazard is drawn below
        assert np.linalg.norm(lab(a, eye) - lab(b, eye)) > 10


def test_eighteen_partners_have_fills_of_their_own_and_abroad_is_always_hatched() -> None:
    fills = [partner_fills(k) for k in range(18)]
    assert len({fill for pair in fills for fill in pair}) == 36
    assert all(home.colour == abroad.colour and abroad.hatch for home, abroad in fills)
    assert {home.hatch for home, _ in fills[:6]} == {""}
    assert partner_fills(18) == fills[0]


# --- people --------------------------------------------------------------------------------------------------


def test_totals_are_those_of_each_level(agreed: Any) -> None:
    found, block = totals(agreed), agreed.summary["common"]["total"]
    assert list(found["totals"]) == ["population", *LEVELS, "unreachable"]
    for level in LEVELS:
        assert found["totals"][level] == pytest.approx(block[level]["covered"])
        assert sum(row[level] for row in found["jurisdictions"]) == pytest.approx(block[level]["covered"])


@pytest.mark.parametrize("level", LEVELS)
def test_classes_of_the_legend_are_the_people_of_the_level(agreed: Any, level: str) -> None:
    covered, people = agreed.coverage, agreed.coverage["population"]
    found = by_label(AGREED_STATUSES, cell_data(agreed)[1]["status"], level)
    inside, own = covered[f"{level}_covered"], covered["alone_covered"]
    gap = {"alone": "gap_alone", "agreed": "gap_agreed", "joint": "gap"}[level]
    no_road = covered["status"] == "unreachable"
    assert found["own"] == pytest.approx(people[own & inside].sum())
    assert found[gap] == pytest.approx(people[~inside & ~no_road].sum())
    assert found["unreachable"] == pytest.approx(people[no_road].sum())
    assert found.get("agreed_only", 0.0) == pytest.approx(
        people[inside & ~own & covered["agreed_covered"]].sum()
    )
    assert found.get("joint_more", 0.0) == pytest.approx(people[inside & ~covered["agreed_covered"]].sum())


@pytest.mark.parametrize("scenario", IDS)
@pytest.mark.parametrize("level", LEVELS)
def test_classes_under_a_hazard_are_the_people_of_the_level(agreed: Any, level: str, scenario: str) -> None:
    facts = {row["id"]: row for row in scenario_facts(agreed, scenario_cells(agreed)[1])}[scenario]
    block = agreed.summary["hazards"]["scenarios"][scenario]["total"]
    found = by_label(AGREED_SCENARIO_STATUSES, facts["status"], level)
    inside = [found.get(label, 0.0) for label in ("own", "held", "agreed_only", "joint_more")]
    assert sum(found.values()) == pytest.approx(block["population"], abs=1e-3)
    assert sum(inside) == pytest.approx(block[level], abs=1e-3) == facts["totals"][level]
    assert found.get(f"lost_{level}", 0.0) == pytest.approx(block[f"lost_{level}"], abs=1e-3)
    assert sum(facts["bands"][level][:3]) == pytest.approx(block[level], abs=1e-3)


@pytest.mark.parametrize("level", LEVELS)
def test_who_comes_first_is_counted_at_home_and_abroad(agreed: Any, level: str) -> None:
    covered, people = agreed.coverage, agreed.coverage["population"]
    who = cell_data(agreed)[1]["who"][level]
    first = covered[f"{level}_partner"]
    expected = [
        people[(first == name) & (covered["partner"] == host)].sum()
        for name in ("west", "east")
        for host in (name, "east" if name == "west" else "west")
    ]
    no_road = covered["status"] == "unreachable"
    assert who == pytest.approx([*expected, people[first.isna() & ~no_road].sum(), people[no_road].sum()])
    assert sum(who) == pytest.approx(people.sum())
    if level == "joint":
        block = agreed.summary["common"]["total"]
        assert who[1] + who[3] == pytest.approx(block["other_partner_population"], abs=1e-3)
    if level == "alone":
        assert who[1] == who[3] == 0


def test_who_comes_among_twenty_partners() -> None:
    names = {f"p{k}": f"Partner {k}" for k in range(20)}
    frame: Any = pd.DataFrame(
        {
            "population": [1.0, 2.0, 4.0, 8.0, 16.0],
            "partner": ["p0", "p19", "p3", "p3", "p3"],
            "joint_partner": pd.array(["p0", "p19", "p19", None, None], dtype="str"),
            "alone_partner": pd.array(["p0", "p19", None, None, None], dtype="str"),
            "status": ["own", "own", "joint", "gap", "unreachable"],
            "alone_covered": [True, True, False, False, False],
            "joint_covered": [True, True, True, False, False],
            "alone_s": [1.0, 1.0, np.inf, np.inf, np.inf],
            "joint_s": [1.0, 1.0, 1.0, np.inf, np.inf],
        }
    )
    who = counted(frame, np.array([1.0, 2.0, 3.0]), names, hazard=False)["who"]["joint"]
    assert len(who) == 42
    assert {k: n for k, n in enumerate(who) if n} == {0: 1.0, 38: 2.0, 39: 4.0, 40: 8.0, 41: 16.0}


# --- the page ------------------------------------------------------------------------------------------------


def stage_of(analysis: Any) -> dict[str, Any]:
    page = coverage_map(analysis)
    child: Any = next(child for key, child in page._children.items() if key.startswith("stage_"))
    options: dict[str, Any] = child.options
    return options


def test_a_region_without_agreements_has_two_levels_and_nothing_of_a_third(threatened: Any) -> None:
    stage = stage_of(threatened)
    assert list(stage["totals"]) == ["population", "alone", "joint", "unreachable"]
    assert [row["status"] for row in stage["statuses"]] == ["own", "joint", "gap", "unreachable"]
    assert len(stage["scenario_statuses"]) == len(SCENARIO_STATUSES)
    assert stage["cooperation"] is None
    packed = [name for name, _, _ in cell_data(threatened)[0]["table"]["columns"]]
    assert not [name for name in packed if name.startswith("agreed")]


def test_a_level_at_which_nobody_foreign_comes_costs_next_to_nothing(made_up: Callable[..., Any]) -> None:
    with_level = made_up()
    columns = {name for name in with_level.coverage.columns if name.startswith("alone_")}
    for name in columns:
        with_level.coverage[name.replace("alone", "agreed")] = with_level.coverage[name]
    two, three = (len(cell_data(one)[0]["table"]["z"]) for one in (made_up(), with_level))
    assert three < 1.03 * two
    assert [name for name, _, _ in cell_data(with_level)[0]["table"]["columns"] if name.startswith("agreed")]


def test_gaps_and_driving_times_are_drawn_for_each_level(agreed: Any) -> None:
    layers = {
        child.layer_name: child.data
        for child in coverage_map(agreed)._children.values()
        if hasattr(child, "layer_name") and hasattr(child, "data")
    }
    for name in ("Gaps", "Driving time areas"):
        assert {feature["level"] for feature in layers[name]["features"]} == set(LEVELS)
