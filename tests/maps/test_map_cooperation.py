"""Measures of cooperation on the map, seen from Python."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mutualaid.data import Agreement
from mutualaid.maps import coverage_map
from mutualaid.maps._cooperation import (
    _agreement,
    _curves,
    _matrix,
    cooperation_facts,
    crossing_facts,
    crossing_steps,
    station_facts,
)
from mutualaid.maps._facts import about

PARTNERS = {"west": "Westport", "east": "Easton"}


@pytest.fixture(scope="module")
def facts(agreed: Any, together: Callable[[Any], Any]) -> dict[str, Any]:
    found = cooperation_facts(agreed, together(agreed))
    assert found is not None
    return found


def layers_of(page: Any) -> dict[str, Any]:
    return {child.layer_name: child for child in page._children.values() if hasattr(child, "data")}


# --- what is told at all -------------------------------------------------------------------------------------


def test_without_agreements_notes_and_measures_there_is_nothing_to_tell(analysis: Any) -> None:
    assert cooperation_facts(analysis, None) is None


def test_agreements_and_notes_are_told_without_measures(agreed: Any, analysis: Any) -> None:
    found = cooperation_facts(agreed, None)
    assert found is not None
    assert set(found) == {"agreements", "notes"}
    assert found["notes"] == ["Agreement old ended on 2020-12-31 and does not count."]
    expired = SimpleNamespace(**{**vars(analysis), "notes": ("Agreement old ended.",)})
    assert cooperation_facts(expired, None) == {"agreements": [], "notes": ["Agreement old ended."]}  # type: ignore[arg-type]


def test_facts_are_ready_for_json(facts: dict[str, Any]) -> None:
    json.dumps(facts, allow_nan=False)


def test_measures_of_two_levels_are_told_too(analysis: Any, together: Callable[[Any], Any]) -> None:
    found = cooperation_facts(analysis, together(analysis))
    assert found is not None
    assert list(found["reciprocity"]) == list(found["balance"]) == list(found["dependence"]) == ["joint"]
    assert found["agreements"] == []


def test_one_partner_has_nobody_to_depend_on(
    made_up: Callable[..., Any], together: Callable[[Any], Any]
) -> None:
    alone = made_up(partner="west")
    found = cooperation_facts(alone, together(alone))
    assert found == {"agreements": [], "notes": ["Nobody counted the units."]}


# --- who helps whom ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["agreed", "joint"])
def test_the_matrix_holds_the_rows_of_reciprocity(
    agreed: Any, together: Callable[[Any], Any], facts: dict[str, Any], level: str
) -> None:
    frame = together(agreed).reciprocity
    rows = frame[frame["level"] == level].set_index(["host", "helper"])["people"]
    found = facts["reciprocity"][level]
    assert found["partners"] == ["Westport", "Easton"]
    assert found["left_out"] == 0
    keys = list(PARTNERS)
    for i, host in enumerate(keys):
        for j, helper in enumerate(keys):
            assert found["people"][i][j] == pytest.approx(rows.get((host, helper), 0.0), abs=1e-3)


def test_of_many_partners_the_matrix_shows_those_that_exchange_most() -> None:
    names = {f"p{k}": f"Partner {k}" for k in range(12)}
    rows = [{"level": "joint", "helper": key, "host": key, "people": 1e6} for key in names]
    flows = {(1, 2): 10.0, (3, 2): 20.0, (4, 5): 30.0, (6, 7): 40.0, (10, 11): 5.0}
    rows += [
        {"level": "joint", "helper": f"p{a}", "host": f"p{b}", "people": n} for (a, b), n in flows.items()
    ]
    found = _matrix(pd.DataFrame(rows), "joint", names)
    # The ninth and tenth exchange least of those that exchange anything: 5 people.
    assert found["partners"] == [f"Partner {k}" for k in (1, 2, 3, 4, 5, 6, 7, 10)]
    assert found["left_out"] == 4
    assert found["people"][1][:3] == [10.0, 1e6, 20.0]


def test_sentences_name_who_depends_on_whom_the_largest_part_first(facts: dict[str, Any]) -> None:
    joint = facts["dependence"]["joint"]
    assert [(row["name"], row["share"], row["on"]) for row in joint["partners"]] == [
        ("Easton", 0.34, {"list": [{"t": "Westport"}]}),
        ("Westport", 0.0, {"list": []}),
    ]
    assert joint["all"]["share"] == 0.17
    assert facts["dependence"]["agreed"]["partners"][0]["share"] == 0.17


def test_balance_is_told_in_incidents_only_where_they_are_known(
    agreed: Any, together: Callable[[Any], Any], facts: dict[str, Any]
) -> None:
    here = facts["balance"]["joint"]
    assert [row["name"] for row in here["people"]] == ["Westport", "Easton"]
    assert here["incidents"][0]["gives"] == pytest.approx(here["people"][0]["gives"] / 1_000, abs=1e-3)
    unknown = together(agreed)
    unknown.balance = unknown.balance.assign(incidents_gives=np.nan)
    found = cooperation_facts(agreed, unknown)
    assert found is not None
    assert "incidents" not in found["balance"]["joint"]


# --- costs and delays ----------------------------------------------------------------------------------------


def test_unknown_shares_and_unknown_answers_stay_unknown(facts: dict[str, Any]) -> None:
    shapley, alone = facts["shares"]["rules"]
    assert facts["shares"]["currency"] == "EUR"
    assert (shapley["shares"], shapley["amounts"]) == ([0.75, 0.25], [75_000.0, 25_000.0])
    assert (shapley["money"], shapley["people"]) == ({"list": [{"t": "Westport"}]}, {"list": []})
    assert (alone["shares"], alone["money"], alone["people"]) == ([None, None], None, None)


def test_the_curve_is_that_of_everybody_and_marked_at_five_delays(facts: dict[str, Any]) -> None:
    curves = facts["curves"]["curves"]
    assert list(curves) == ["dispatch_s", "crossing_s"]
    assert facts["curves"]["marks_s"] == (120.0, 180.0, 300.0, 480.0, 900.0)
    assert curves["dispatch_s"]["points"][:2] == [[0.0, 2_000.0], [60.0, 1_500.0]]
    # None is left where the sweep ends, so none is left beyond.
    assert curves["dispatch_s"]["marks"] == [900.0, 420.0, 66.0, 0.0, 0.0]


def test_what_the_sweep_does_not_say_is_not_told() -> None:
    sweep = pd.DataFrame({"seconds": [0.0, 120.0, 360.0], "closed": [9, 5, 2]})
    sweep = sweep.assign(parameter="dispatch_s", level="joint", jurisdiction="")
    assert _curves(sweep)["curves"]["dispatch_s"]["marks"] == [5.0, None, None, None, None]


# --- agreements ----------------------------------------------------------------------------------------------


def test_an_agreement_says_what_it_lets_do_and_what_is_assumed(
    facts: dict[str, Any], told: Callable[[Any], str]
) -> None:
    (one,) = facts["agreements"]
    assert one["name"] == "Treaty of the Ister"
    assert {told(line["text"]): line["assumed"] for line in one["lines"]} == {
        "Between Westport, Easton": False,
        "A neighbour's unit comes on request": True,  # the default
        "It is alerted 2:30 min after the own crew": True,
        "Crossings with a delay of their own or closed: 1": False,
        "Units that stay at each station: 1": True,  # the default
        "Under a hazard it is free 50 % of the time": False,
    }


def test_every_term_that_limits_help_is_told(told: Callable[[Any], str]) -> None:
    one = Agreement(
        id="t",
        parties=("west", "east"),
        helpers=("west",),
        valid_from="2025-01-01",
        valid_to="2025-12-31",
        mode="automatic",
        crossing_delay_s=90,
        crossings=("x1", "x2"),
        strip_km=10,
        transit=False,
        priority_abroad="civilian",
        excluded_pairs=(("s1", "*"),),
        home_cover_min=2,
        availability=0.9,
    )
    found = _agreement(one, PARTNERS)
    assert found["name"] == "t"
    assert [told(line["text"]) for line in found["lines"]] == [
        "Between Westport, Easton",
        "Units come from Westport only",
        "From 2025-01-01",
        "Until 2025-12-31",
        "The nearest unit is alerted, whosever it is",
        "It is alerted together with the own crew",
        "Delay at an international border: 1:30 min",
        "Crossings that may be used: 2",
        "Help goes up to 10 km beyond the own territory",
        "No way leads through a third territory",
        "Abroad vehicles have no priority",
        "Pairs of stations left out: 1",
        "Units that stay at each station: 2",
        "A unit is free 90 % of the time",
    ]


# --- marks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lost", "steps"),
    [([811.2, 30.0], [200.0, 20.0]), ([3.0, 1.0], [1.0]), ([0.4], [1.0]), ([], [1.0]), ([15_000.0], [5_000.0, 500.0])],
)  # fmt: skip
def test_steps_are_round_numbers_of_people(lost: list[float], steps: list[float]) -> None:
    assert crossing_steps(pd.Series(lost, dtype=np.float64)) == steps


def test_crossings_that_help_hangs_on_are_a_layer_of_their_own(
    agreed: Any, together: Callable[[Any], Any]
) -> None:
    layers = layers_of(coverage_map(agreed, together(agreed)))
    ranked, others = layers["Crossings that help hangs on"], layers["Other crossings"]
    assert [mark["facts"]["lost_joint"] for mark in ranked.data["marks"]] == [321.4]
    assert ranked.show
    assert not others.show
    (mark,) = others.data["marks"]
    assert mark["facts"]["lost_joint"] == 0.0
    assert mark["facts"]["break_even_s"] is None
    without = layers_of(coverage_map(agreed))
    assert {"Crossings that help hangs on", "Other crossings"}.isdisjoint(without)
    assert len(without["Crossings"].data["marks"]) == 2


def test_crossings_are_ranked_by_the_people_who_lose_help(
    agreed: Any, together: Callable[[Any], Any], told: Callable[[Any], str]
) -> None:
    measures, analysis = together(agreed), SimpleNamespace(**vars(agreed))
    lost = [900.0, 290.0, 40.0, 20.0, 19.0, 0.5, 0.0]
    agreed_lost = [10.0, 0.0, 0.0, 0.0, 0.0, 0.0, 250.0]
    ids = [f"x{k}" for k in range(len(lost))]
    rows = [0] * len(lost)
    crossings = agreed.network.crossings.iloc[rows].set_axis(pd.Index(ids, name="crossing"))
    analysis.network = replace(agreed.network, crossings=crossings)
    frame = (
        measures.crossings.iloc[rows]
        .set_axis(crossings.index)
        .assign(lost_joint=lost, lost_agreed=agreed_lost)
    )
    measures.crossings = frame
    data = layers_of(coverage_map(analysis, measures))["Crossings that help hangs on"].data  # type: ignore[arg-type]
    labels = [told(kind["label"]) for kind in data["kinds"]]
    sizes = [kind["size"] for kind in data["kinds"]]
    assert labels == ["200 people or more", "20 people or more", "fewer than 20 people"]
    assert sizes == sorted(sizes, reverse=True)
    assert [mark["kind"] for mark in data["marks"]] == [0, 0, 1, 1, 2, 2, 0], "by the level that loses more"


def test_many_crossings_are_off_at_the_start(agreed: Any, together: Callable[[Any], Any]) -> None:
    measures, analysis = together(agreed), SimpleNamespace(**vars(agreed))
    ids = pd.Index([f"x{k}" for k in range(40)], name="crossing")
    analysis.network = replace(
        agreed.network, crossings=agreed.network.crossings.iloc[[0] * 40].set_axis(ids)
    )
    measures.crossings = measures.crossings.iloc[[0] * 40].set_axis(ids)
    layers = layers_of(coverage_map(analysis, measures))  # type: ignore[arg-type]
    assert not layers["Crossings that help hangs on"].show


def test_stations_tell_whom_they_alone_reach_at_each_level(
    agreed: Any, together: Callable[[Any], Any]
) -> None:
    measures = together(agreed)
    assert station_facts(measures)["s1"] == {"alone": 1_000.4, "agreed": 1_001.4, "joint": 1_002.4}
    assert crossing_facts(measures)["x1"]["lost_agreed"] == 54.2
    marks = layers_of(coverage_map(agreed, measures))["Stations"].data["marks"]
    assert [mark["facts"]["joint"] for mark in marks] == [1_002.4, 0.0, 22.2]
    assert all("facts" not in mark for mark in layers_of(coverage_map(agreed))["Stations"].data["marks"])


def test_the_script_of_cooperation_is_only_there_where_it_is_needed(agreed: Any, analysis: Any) -> None:
    for one, needed in ((agreed, True), (analysis, False)):
        page: Any = coverage_map(one).get_root()
        page.render()
        assert ("mutualaid_cooperation_js" in page.header._children) == needed


def test_inputs_are_not_changed(agreed: Any, together: Callable[[Any], Any]) -> None:
    measures = together(agreed)
    frames = {
        name: one.copy(deep=True) for name, one in vars(measures).items() if isinstance(one, pd.DataFrame)
    }
    coverage_map(agreed, measures)
    for name, before in frames.items():
        pd.testing.assert_frame_equal(before, getattr(measures, name))


def test_the_delays_of_the_joint_team_are_told_apart_from_those_of_today(
    agreed: Any, analysis: Any, told: Callable[[Any], str]
) -> None:
    lines, without = (
        [
            told(item)
            for part in about(one)
            if part["title"] == ["about_assumptions"]
            for item in part["items"]
        ]
        for one in (agreed, analysis)
    )
    at = lines.index("A neighbour is alerted with a delay of 1:00 min")
    assert lines[at + 1 : at + 3] == [
        "International borders are crossed with a delay of 0:20 min",
        "These delays hold for a joint team: agreements in force have their own",
    ]
    assert [line for line in lines if line not in without] == [lines[at + 2]]
