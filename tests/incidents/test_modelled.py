"""Recorded drives against modelled ones, and whether the record confirms what neighbours save: worked by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mutualaid.coverage import Analysis, analyse
from mutualaid.data import Agreement
from mutualaid.incidents import gain_in_record, model_fit, modelled
from mutualaid.network import path

Maker = Callable[..., Any]
STEP_M = 65_000 / 15


@pytest.fixture
def with_drives(along_road: Maker, with_record: Maker) -> Maker:
    """Analyse a region along one road (see `along_road`) with a record."""

    def make(
        rows: Sequence[dict[str, Any]], lands: str = "aaab", *agreements: Agreement, **parameters: Any
    ) -> Analysis:
        stations = {"sa": 0, "sb": len(lands) - 1}
        region, network = along_road(lands, stations, *agreements, cutoff_s=900, **parameters)
        return analyse(with_record(region, *rows), network=network)

    return make


def test_drive_of_each_first_unit_beside_the_models(with_drives: Maker) -> None:
    runs = modelled(
        with_drives(
            [
                # Four minutes from place 0 to place 1: the crew took 20 s longer.
                {"station": "sa", "at": STEP_M, "t2": 0, "t3": 60, "t4": 320},
                # From place 3 over the border to place 2, where 30 s are lost.
                {"station": "sb", "at": 2 * STEP_M, "t2": 0, "t3": 60, "t4": 330},
            ],
            crossing_s=30,
        )
    )
    assert runs["usable"].all()
    assert runs["observed_s"].tolist() == [260.0, 270.0]
    assert runs["drive_s"].tolist() == [240.0, 240.0]
    assert runs["crossing_s"].tolist() == [0.0, 30.0]
    assert runs["residual_s"].tolist() == [20.0, 0.0]
    assert runs["ratio"].tolist() == pytest.approx([260 / 240, 1.0])
    assert runs["neighbour"].tolist() == [False, True]


def test_every_drive_that_cannot_be_compared_says_why(with_drives: Maker) -> None:
    good = {"station": "sa", "at": STEP_M, "t2": 0, "t3": 60, "t4": 320}
    why = {
        "no unit is known to have arrived": {key: good[key] for key in ("station", "at", "t2", "t3")},
        "it is not known when the unit left": {key: good[key] for key in ("station", "at", "t2", "t4")},
        "no station is stated": good | {"station": ""},
        "the station is none of the region's": good | {"station": "elsewhere"},
        "the place is too far from any road": good | {"at": -20 * STEP_M},
        "the place is further than the drive-time cutoff": good | {"at": 4 * STEP_M},
        "the unit was there already": good | {"at": 0.0},
    }
    runs = modelled(with_drives([good, *why.values()], lands="aaaab"))
    assert runs["reason"].tolist() == ["", *why]
    assert runs["usable"].tolist() == [True] + [False] * len(why)
    assert model_fit(runs).loc[("all", ""), "count"] == 1


def test_a_station_that_is_closed_by_now_has_sent_units(with_drives: Maker) -> None:
    rows = [{"station": "sb", "at": 2 * STEP_M, "t2": 0, "t3": 60, "t4": 330}]
    analysis = with_drives(rows)
    stations = analysis.region.stations.assign(status=["active", "closed"])
    changed = replace(analysis, region=replace(analysis.region, stations=stations))
    assert modelled(changed)["usable"].tolist() == [True]


def test_modelled_drives_are_those_of_single_paths(demo: Analysis) -> None:
    runs = modelled(demo, every_unit=True)
    graph = demo.fair.graph
    runs = runs[runs["usable"].to_numpy()].sample(12, random_state=1)
    at = demo.stations[["road", "fraction"]].assign(status=demo.stations["road_status"])
    for _, run in runs.iterrows():
        place = pd.Series({"road": run["road"], "fraction": run["fraction"], "status": "ok"}, name="there")
        found = path(graph, at.loc[run["station"]], place)
        assert found is not None
        assert run["modelled_s"] == pytest.approx(found.drive_s + found.crossing_s, abs=1e-9)


def test_first_units_are_one_an_incident_and_every_unit_is_every_row(demo: Analysis) -> None:
    rows = demo.region.incidents
    assert len(modelled(demo)) == rows["incident"].nunique()
    every = modelled(demo, every_unit=True)
    assert every.index.tolist() == rows.index.tolist()


# --- bias and spread --------------------------------------------------------------------------------------


def test_bias_and_spread_by_hand() -> None:
    residual = [0.0, 10.0, 20.0, 30.0, 100.0]
    runs = pd.DataFrame(
        {
            "usable": [True] * 5 + [False],
            "residual_s": [*residual, 1e9],
            "ratio": [1.0, 1.1, 1.2, 1.3, 2.0, 9.0],
            "jurisdiction": ["a", "a", "b", "b", "b", "b"],
            "hour": "day",
            "station": "s",
            "neighbour": pd.array([False, False, True, True, None, True], dtype="boolean"),
        }
    )
    fit = model_fit(runs)
    whole: Any = fit.loc[("all", "")]
    assert whole[["count", "mean_s", "median_s", "mad_s", "p90_abs_s", "longer_share", "ratio"]].tolist() == [
        5.0, 32.0, 20.0, 10.0, 100.0, 0.8, 1.2,
    ]  # fmt: skip
    assert whole["mean_low_s"] < 32 < whole["mean_high_s"]
    assert math.isinf(whole["median_low_s"])  # of five nothing is sure
    assert fit["median_s"].xs("jurisdiction").to_dict() == {"a": 5.0, "b": 30.0}
    assert fit["median_s"].xs("neighbour").to_dict() == {"neighbour": 25.0, "own": 5.0, "unknown": 100.0}


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=30), st.floats(-500, 500))
def test_bias_moves_with_the_drives_and_spread_does_not(residual: list[float], more: float) -> None:
    def fit(values: np.ndarray[Any, Any]) -> Any:
        frame = pd.DataFrame({"usable": True, "residual_s": values, "ratio": 1.0, "neighbour": False})
        return model_fit(frame.assign(jurisdiction="a", hour="day", station="s")).loc[("all", "")]

    base, moved = fit(np.array(residual)), fit(np.array(residual) + more)
    for name in ("mean_s", "median_s", "mean_low_s", "median_high_s"):
        assert moved[name] == pytest.approx(base[name] + more, abs=1e-6)
    assert moved["mad_s"] == pytest.approx(base["mad_s"], abs=1e-6)


# --- what neighbours save ---------------------------------------------------------------------------------

#: Place 2 of "aaab" is eight minutes from its own station and four from the neighbour's: 540 s against 300 s.
NEIGHBOUR_FIRST = {"station": "sb", "at": 2 * STEP_M, "unit": "B1"}


def calls(count: int, **neighbour: float) -> list[dict[str, Any]]:
    """Calls at place 2 to which the own crew came after 600 s, and a neighbour's, alerted half a minute later."""
    rows: list[dict[str, Any]] = []
    for number in range(count):
        stamps = {"t2": 30, "t3": 90, "t4": 330} | neighbour
        rows.append({"incident": f"c{number}", **NEIGHBOUR_FIRST, **stamps})
        rows.append(
            {
                "incident": f"c{number}",
                "unit": "A1",
                "station": "sa",
                "at": 2 * STEP_M,
                "t2": 0,
                "t3": 60,
                "t4": 600,
            }
        )
    return rows


def gain_of(analysis: Analysis) -> Any:
    return gain_in_record(analysis, modelled(analysis))


def test_minutes_that_the_own_unit_was_later(with_drives: Maker) -> None:
    gain = gain_of(with_drives(calls(12)))
    assert gain["level"].unique().tolist() == ["joint"]
    here = gain.loc["a"]
    # Place 2 has four people; only a neighbour is there within 480 s.
    assert here[["closed_people", "neighbour_people", "saved_s"]].tolist() == [4.0, 4.0, 240.0]
    assert here[["incidents", "first_neighbour", "judged"]].tolist() == [12, 12, 12]
    assert here["modelled_saved_s"] == 240.0
    assert here[["recorded_saved_s", "recorded_low_s", "recorded_high_s"]].tolist() == [270.0] * 3
    assert here["realised_share"] == pytest.approx(270 / 240)
    assert here[["in_time_share", "in_time_modelled_share"]].tolist() == [1.0, 1.0]
    assert here[["time_verdict", "in_time_verdict", "verdict"]].tolist() == ["confirmed"] * 3
    assert gain.loc["b", "verdict"] == "none_modelled"
    assert gain.loc["", "verdict"] == "confirmed"


@pytest.mark.parametrize(
    ("count", "neighbour", "verdicts"),
    [
        (9, {}, ["too_few"] * 3),
        # Half a minute of the four promised, and seven minutes and a half after the alert: in time.
        (12, {"t4": 470}, ["not_confirmed", "confirmed", "not_confirmed"]),
        # Sooner than the own unit by far, which came late, but after eight minutes.
        (12, {"t4": 485, "own": 900}, ["confirmed", "not_confirmed", "not_confirmed"]),
        (12, {"t4": 595}, ["not_confirmed"] * 3),
    ],
)
def test_minutes_and_time_are_judged_apart(
    with_drives: Maker, count: int, neighbour: dict[str, float], verdicts: list[str]
) -> None:
    own = neighbour.get("own", 600)
    rows = calls(count, **{key: value for key, value in neighbour.items() if key != "own"})
    rows = [row | {"t4": own} if row["unit"] == "A1" else row for row in rows]
    here = gain_of(with_drives(rows)).loc["a"]
    assert here[["time_verdict", "in_time_verdict", "verdict"]].tolist() == verdicts


def test_where_no_own_unit_came_its_usual_delay_is_added_to_the_model(with_drives: Maker) -> None:
    neighbours = [{**NEIGHBOUR_FIRST, "t2": 0, "t3": 60, "t4": 300} for _ in range(12)]
    # Own units came to place 1 a minute later than modelled: 300 s.
    own = [{"station": "sa", "at": STEP_M, "t2": 0, "t3": 60, "t4": 360} for _ in range(12)]
    here = gain_of(with_drives(neighbours + own)).loc["a"]
    assert here["incidents"] == 24
    assert here["recorded_saved_s"] == 540 + 60 - 300
    assert here["modelled_saved_s"] == 240


def test_a_neighbour_that_came_where_the_own_is_sooner_is_no_evidence(with_drives: Maker) -> None:
    there = [{**NEIGHBOUR_FIRST, "at": STEP_M, "t2": 0, "t3": 60, "t4": 560} for _ in range(12)]
    here = gain_of(with_drives(there)).loc["a"]
    assert here[["first_neighbour", "judged"]].tolist() == [12, 0]
    assert here["verdict"] == "too_few"


def test_where_no_own_unit_can_come_everything_is_saved(with_drives: Maker) -> None:
    rows = [{**NEIGHBOUR_FIRST, "at": 4 * STEP_M, "t2": 0, "t3": 60, "t4": 310} for _ in range(12)]
    here = gain_of(with_drives(rows, lands="aaaaab")).loc["a"]
    assert math.isinf(here["modelled_saved_s"])
    assert math.isinf(here["recorded_saved_s"])
    assert here["verdict"] == "confirmed"


def test_the_agreement_says_how_much_later_a_neighbour_is_alerted(with_drives: Maker) -> None:
    rule = Agreement(id="ab", parties=("A", "B"), dispatch_delay_s=100)
    gain = gain_of(with_drives(calls(12), "aaab", rule))
    assert gain.loc["a", "level"] == "agreed"
    assert gain.loc["a", "modelled_saved_s"] == 140.0


def test_what_a_neighbour_saves_in_an_interval_of_travel_is_not_seen_on_the_own_clock(
    with_drives: Maker,
) -> None:
    standards = {"own": {"name": "Travel", "limit_s": 300, "start": "t3"}}
    analysis = with_drives(calls(12))
    region = replace(analysis.region, standards=standards)
    here = gain_of(analyse(region, network=analysis.network)).loc["a"]
    assert here["modelled_saved_s"] == 240.0
    assert here["recorded_saved_s"] == 240.0  # 480 s modelled, no own drive to learn from, 240 s recorded
