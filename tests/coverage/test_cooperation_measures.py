"""Measures of cooperation against numbers worked out by hand, against other ways to them, and their invariants."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mutualaid.cooperation import (
    Cooperation,
    balance,
    break_even,
    cooperation,
    crossing_criticality,
    crossing_pairs,
    delay_sweep,
    dependence,
    findings,
    harmonisation,
    indicators,
    joint_game,
    reciprocity,
    sensitivity,
)
from mutualaid.coverage import (
    Analysis,
    analyse,
    coverage_again,
    covered_without,
    scenario_coverage,
    scenario_table,
)
from mutualaid.data import (
    Agreement,
    AgreementCrossing,
    HazardScenario,
    Parameters,
    Region,
    demo_path,
    read_region,
)
from mutualaid.errors import AgreementError
from mutualaid.network import Network

AB = Agreement(id="ab", parties=("A", "B"), dispatch_delay_s=120)


def _with(region: Region, *agreements: Agreement, **parameters: Any) -> Region:
    changed = replace(region.parameters, **parameters) if parameters else region.parameters
    return replace(region, agreements=agreements, parameters=changed)


@pytest.fixture
def places(five_places: Region, straight_road: Network) -> Analysis:
    """Alone: A reaches the places 0 and 1 (180 people), B 3 and 4 (60). B is at place 2 (60 people) after 300 s."""
    return analyse(_with(five_places, AB), network=straight_road)


@pytest.fixture(scope="module")
def demo() -> Analysis:
    return analyse(read_region(demo_path()))


@pytest.fixture(scope="module")
def demo_measures(demo: Analysis) -> Cooperation:
    return cooperation(demo)


# --- by hand ------------------------------------------------------------------------------------------------


def test_levels_side_by_side(places: Analysis) -> None:
    table = indicators(places.coverage, places.region.jurisdictions)
    for level, seconds in (("agreed", 560 - 420), ("joint", 560 - 300)):
        row = table[(table["kind"] == "all") & (table["level"] == level)].iloc[0]
        assert row[["population", "own", "reached", "closed", "nobody"]].tolist() == [300, 240, 300, 60, 0]
        assert row[["saved_median_s", "saved_p90_s", "saved_mean_s", "saved_max_s"]].tolist() == [seconds] * 4
        assert row["foreign_first_share"] == pytest.approx(60 / 300)
        assert row[["depth_2", "depth_3"]].tolist() == [0, 0]
    town = table[(table["kind"] == "jurisdiction") & (table["level"] == "joint")].set_index("place")
    assert town["closed"].to_dict() == {"A": 60, "B": 0}
    assert math.isnan(town["saved_max_s"]["B"]), "nobody in B is reached sooner: unknown is not 0"


def test_classes_of_area_hold_everybody(places: Analysis) -> None:
    table = indicators(places.coverage, places.region.jurisdictions)
    area = table[(table["kind"] == "area") & (table["level"] == "joint")]
    assert area["population"].sum() == 300
    # The places are over 4 km apart: each is alone in its square kilometre.
    assert area.set_index("place")["population"].to_dict() == {"dense": 0, "medium": 0, "sparse": 300}


def test_reciprocity_by_hand(places: Analysis) -> None:
    incidents = pd.Series([1.0, 2.0, 4.0, 8.0, np.nan], index=places.demand.index)
    table = reciprocity(places.coverage, incidents)
    joint = table[table["level"] == "joint"].set_index(["helper", "host"])
    assert joint["people"].to_dict() == {("A", "A"): 180, ("B", "A"): 60, ("B", "B"): 60}
    assert joint["in_time"].to_dict() == {("A", "A"): 180, ("B", "A"): 60, ("B", "B"): 60}
    assert joint["incidents"].to_dict() == {("A", "A"): 3, ("B", "A"): 4, ("B", "B"): 8}
    even = balance(table).set_index(["level", "partner"])
    assert even["balance"].to_dict() == {
        ("agreed", "A"): -60, ("agreed", "B"): 60, ("joint", "A"): -60, ("joint", "B"): 60,
    }  # fmt: skip
    assert even["symmetry"]["joint", "A"] == 0
    assert even["incidents_balance"]["joint", "B"] == 4
    assert reciprocity(places.coverage)["incidents"].isna().all()


def test_nobody_helps_nobody_has_no_symmetry() -> None:
    table = pd.DataFrame(
        {
            "level": "joint",
            "helper": ["A", "B"],
            "host": ["A", "B"],
            "people": [1.0, 2.0],
            "incidents": np.nan,
        }
    )
    even = balance(table)
    assert even["balance"].tolist() == [0, 0]
    assert even["symmetry"].isna().all()
    assert even["incidents_balance"].isna().all()


def test_dependence_by_hand(places: Analysis) -> None:
    table = dependence(places.coverage, places.region.jurisdictions)
    row: Any = table[(table["level"] == "agreed") & (table["kind"] == "partner")].set_index("place")
    assert row.loc["A", ["covered", "depends", "share", "on"]].tolist() == [240, 60, 0.25, "B"]
    assert row.loc["B", ["covered", "depends", "share", "on"]].tolist() == [60, 0, 0, ""]


def test_who_is_lost_with_a_station(places: Analysis) -> None:
    stations: Any = cooperation(places).stations
    assert stations.loc["sa", ["only_alone", "only_agreed", "only_joint"]].tolist() == [180, 180, 180]
    assert stations.loc["sb", ["only_alone", "only_agreed", "only_joint"]].tolist() == [60, 120, 120]
    # Of A's people 180 hang on its own station, and B reaches the 60 at place 2 without it.
    assert stations.loc["sa", ["home_alone", "home_agreed", "home_joint"]].tolist() == [0, 60, 60]
    assert stations.loc["sb", ["home_alone", "home_agreed", "home_joint"]].tolist() == [0, 0, 0]


def test_help_that_waits_for_the_own_unit_is_a_substitute(
    five_places: Region, straight_road: Network
) -> None:
    """Subsidiary: B does not come to place 1 while A is in time there, and comes once A's station is lost."""
    near = replace(five_places, standards={"long": {"limit_min": 12, "start": "alerted", "service": "fire"}})
    region = _with(near, replace(AB, mode="subsidiary"), standard="long")
    result = analyse(region, network=straight_road)
    assert result.coverage["agreed_depth"].tolist() == [1, 1, 1, 1, 1], "where A is in time, B is not called"
    # A has 100 people at place 0, which B reaches after 780 + 120 s; the places 1 and 2 it reaches in time.
    assert cooperation(result).stations["only_agreed"].to_dict() == {"sa": 100, "sb": 60}


def test_break_even_by_hand(places: Analysis) -> None:
    table: Any = break_even(places).set_index("place")
    assert table["gain"].to_dict() == {"": 60, "A": 60, "B": 0}
    assert table["break_even_s"]["A"] == table["half_s"]["A"] == 180, "300 s of 480 s: 180 s are left"
    assert math.isnan(table["break_even_s"]["B"])
    assert table.loc["A", ["left_120", "left_180", "left_300"]].tolist() == [60, 60, 0]


def test_sweep_by_hand(places: Analysis) -> None:
    sweep = delay_sweep(places, dispatch_s=[0, 180, 180.001], crossing_s=[0, 180, 181])
    total = sweep[sweep["jurisdiction"] == ""]
    assert total["closed"].tolist() == [60, 60, 0, 60, 60, 0]
    assert total["covered"].tolist() == [300, 300, 240, 300, 300, 240]


def test_delays_add_up(five_places: Region, straight_road: Network) -> None:
    region = _with(five_places, dispatch_s=100.0)
    sweep = delay_sweep(analyse(region, network=straight_road), dispatch_s=[], crossing_s=[80, 81])
    assert sweep[sweep["jurisdiction"] == ""]["closed"].tolist() == [60, 0]


def test_the_drive_alone_knows_no_call(five_places: Region, straight_road: Network) -> None:
    """A limit of the drive alone: calling the neighbour is not in it, the border is."""
    region = replace(
        five_places, standards={"drive": {"limit_s": 300, "start": "rolling", "service": "fire"}}
    )
    result = analyse(_with(region, standard="drive"), network=straight_road)
    sweep = delay_sweep(result, dispatch_s=[0, 360], crossing_s=[60, 61])
    assert sweep[sweep["jurisdiction"] == ""]["closed"].tolist() == [60, 60, 60, 0]
    assert break_even(result)["break_even_s"].iloc[0] == 60


@pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf])
def test_a_delay_is_a_time(places: Analysis, seconds: float) -> None:
    with pytest.raises(AgreementError, match="seconds from 0 on"):
        delay_sweep(places, dispatch_s=[seconds])


def test_a_crossing_by_hand(places: Analysis) -> None:
    found = crossing_criticality(places)
    assert found.index.tolist() == ["x1"]
    row = found.iloc[0]
    assert row[["from_partner", "to_partner", "lost_joint", "lost_agreed"]].tolist() == ["A", "B", 60, 60]
    assert row["break_even_s"] == 180
    assert row["later_population"] == 0
    assert math.isnan(row["later_s"])


def test_cost_game_by_hand(places: Analysis) -> None:
    game = joint_game(places)
    assert game.partners == ("A", "B")
    assert [game.value(one) for one in (["A"], ["B"], ["A", "B"])] == [180, 60, 300]
    # 60 people of A whom only B reaches: half of the credit to each.
    np.testing.assert_allclose(game.shapley_value(), [210, 90])


def test_harmonisation_by_hand(places: Analysis) -> None:
    table: Any = harmonisation(places).set_index(["table", "attribute"])
    assert table.loc[("stations", "turnout_s"), ["A", "B", "comparable"]].tolist() == [0.0, 1.0, False]
    assert table.loc[("stations", "department"), ["A", "B", "comparable"]].tolist() == [1.0, 1.0, True]
    assert math.isnan(table.loc[("units", "kind"), "A"])
    assert not table.loc[("units", "kind"), "comparable"]


def test_capabilities_by_hand(five_places: Region, straight_road: Network) -> None:
    units = pd.DataFrame(
        {
            "station": ["sa", "sb"],
            "kind": "",
            "capabilities": ["pump;DLK", ""],
            "staffing": np.nan,
            "count": 1,
        }
    )
    mapped = replace(AB, capability_map={"DLK": "ladder"})
    result = analyse(_with(replace(five_places, units=units), mapped), network=straight_road)
    table: Any = cooperation(result).capabilities.set_index(["capability", "partner"])
    assert table.loc[("ladder", "A"), ["yes", "no", "unknown"]].tolist() == [1, 0, 0]
    assert table.loc[("ladder", "B"), ["yes", "no", "unknown"]].tolist() == [0, 0, 1]
    assert table.index.get_level_values(0).unique().tolist() == ["DLK", "ladder", "pump"]
    assert not table["needed"].any()
    asked = analyse(
        _with(replace(five_places, units=units), mapped, capability="ladder"), network=straight_road
    )
    assert asked.stations.index.tolist() == ["sa"], "of B's unit nobody knows: it does not count"
    assert any("of 1 nobody knows" in note for note in cooperation(asked).summary["notes"])


def test_what_flips_by_hand(places: Analysis) -> None:
    """Place 2 bears 180 s. Of 0, 60 … 360 s around the 120 s agreed, 240 is the nearest that takes it away."""
    table = sensitivity(places)
    rows = table[table["parameter"] == "agreement ab, dispatch_delay_s"].set_index("finding")
    assert set(rows["flips_at"]) == {"240"}
    assert rows["base"].all()
    assert "Aville gains with today's agreements" in rows.index
    assert "Aville gains with a joint team" not in rows.index, "the agreement does not bind the joint team"
    joint = table[table["parameter"] == "[parameters] dispatch_s"].set_index("finding")
    assert joint["flips_at"]["Aville gains with a joint team"] == "240"
    assert rows[["low", "high"]].iloc[0].tolist() == ["0", "360"]


def test_what_is_measured_is_not_swept(five_places: Region, straight_road: Network) -> None:
    sure = replace(AB, confidences={"dispatch_delay_s": "measured"})
    table = sensitivity(analyse(_with(five_places, sure), network=straight_road))
    assert "agreement ab, dispatch_delay_s" not in set(table["parameter"])
    assert "agreement ab, crossing_delay_s" in set(table["parameter"])


def test_a_range_of_its_own_is_swept(five_places: Region, straight_road: Network) -> None:
    narrow = replace(AB, ranges={"dispatch_delay_s": (110.0, 130.0)})
    table = sensitivity(analyse(_with(five_places, narrow), network=straight_road))
    row = table[table["parameter"] == "agreement ab, dispatch_delay_s"]
    assert row[["finding", "flips_at", "low", "high"]].to_numpy().tolist() == [["", "", "110", "130"]]


def test_a_clause_that_slows_own_units_is_no_dependence(places: Analysis) -> None:
    """Where the own unit comes first jointly and, by a clause, too late alone, nobody depends on a neighbour."""
    covered = places.coverage.assign(alone_covered=False)
    table = dependence(covered, places.region.jurisdictions).set_index(["level", "kind", "place"])
    assert table["depends"]["joint", "partner", "A"] == 60, (
        "place 2 alone: at the others A's own unit is first"
    )
    assert table["depends"]["joint", "partner", "B"] == 0


def test_what_clauses_take_is_told(five_places: Region, straight_road: Network) -> None:
    units = pd.DataFrame(
        {"station": ["sa", "sb"], "kind": "", "capabilities": "", "staffing": np.nan, "count": 1}
    )
    result = analyse(_with(replace(five_places, units=units), AB), network=straight_road)
    notes = cooperation(result).summary["notes"]
    assert any("Station A, Station B" in note and "must stay" in note for note in notes), notes
    assert result.coverage["agreed_covered"].tolist() == result.coverage["alone_covered"].tolist()
    assert not any("clauses" in note for note in notes), "nobody's own unit is slower by a clause"
    slower = replace(result, coverage=result.coverage.assign(alone_covered=False))
    assert any("240 people" in note and "clauses" in note for note in cooperation(slower).summary["notes"])


def test_another_agreement_is_a_run_with_it(five_places: Region, straight_road: Network) -> None:
    """Also if none was in force before, if helpers change, and at another hour."""
    plain = analyse(five_places, network=straight_road)
    night = replace(AB, crossing=(AgreementCrossing(id="x1", delay_s=400, hours=("night",)),))
    excluded = replace(AB, excluded_pairs=(("sb", "sa"),))
    cases: Any = ((excluded, {}), (replace(AB, helpers=("A",)), {}), (night, {"hour": "night"}))
    for agreement, changes in cases:
        full = analyse(_with(five_places, agreement, **changes), network=straight_road)
        for base in (plain, analyse(_with(five_places, AB), network=straight_road)):
            again = coverage_again(
                base, parameters=replace(base.region.parameters, **changes), agreements=[agreement]
            )
            assert again["agreed_s"].tolist() == full.coverage["agreed_s"].tolist()
            assert again["alone_s"].tolist() == full.coverage["alone_s"].tolist()


def test_findings_are_statements(places: Analysis) -> None:
    names = places.region.jurisdictions["name"]
    said = findings(places.coverage, names, 1.0)
    assert said["with today's agreements, somebody more is reached in time than by each alone"]
    assert said["with a joint team, at least half of what each alone leaves is closed"]
    assert said["Aville meets its share of the standard with a joint team"]
    assert not said["Bstadt gains with a joint team"]


def test_the_whole_without_an_agreement(five_places: Region, straight_road: Network) -> None:
    result = cooperation(analyse(five_places, network=straight_road))
    assert set(result.indicators["level"]) == {"joint"}
    assert "lost_agreed" not in result.crossings
    assert result.summary["agreements"] == []
    assert any("No agreement is in force" in note for note in result.summary["notes"])
    json.dumps(result.summary, allow_nan=False)


# --- against other ways to the same number ------------------------------------------------------------------


def test_totals_agree_with_the_summary(demo: Analysis, demo_measures: Cooperation) -> None:
    head = demo.summary["headline"]
    table = demo_measures.indicators
    for level in ("agreed", "joint"):
        row = table[(table["kind"] == "all") & (table["level"] == level)].iloc[0]
        assert row["closed"] == pytest.approx(head[f"closed_by_{level}"], abs=0.001)
        assert row["reached"] == pytest.approx(head[f"covered_{level}"], abs=0.001)
        for kind in ("jurisdiction", "partner", "area"):
            rows = table[(table["kind"] == kind) & (table["level"] == level)]
            for column in ("population", "own", "reached", "closed", "nobody", "expected"):
                assert rows[column].sum() == pytest.approx(row[column]), (kind, column)
    assert demo_measures.shares[["shapley", "people", "stand_alone"]].sum().tolist() == pytest.approx([1] * 3)
    assert joint_game(demo).value(joint_game(demo).partners) == pytest.approx(row["reached"])


def test_reciprocity_is_foreign_first(demo: Analysis, demo_measures: Cooperation) -> None:
    table = demo_measures.reciprocity
    for level in ("agreed", "joint"):
        here = table[table["level"] == level]
        first = demo.coverage[f"{level}_partner"]
        foreign = first.notna() & (first != demo.coverage["partner"])
        abroad = here.loc[here["helper"] != here["host"], "people"].sum()
        assert abroad == pytest.approx(demo.coverage["population"][foreign].sum())
        assert here["in_time"].sum() == pytest.approx(demo.summary["headline"][f"covered_{level}"], abs=0.001)
    assert demo_measures.balance.groupby("level")["balance"].sum().abs().max() < 1e-6


def test_the_sweep_runs_through_the_run_itself(demo: Analysis) -> None:
    sweep = delay_sweep(demo, dispatch_s=[0], crossing_s=[0])
    head = demo.summary["headline"]
    assert sweep[sweep["jurisdiction"] == ""]["covered"].tolist() == pytest.approx(
        [head["covered_joint"]] * 2
    )
    towns = sweep[(sweep["parameter"] == "dispatch_s") & (sweep["jurisdiction"] != "")]
    assert towns["closed"].sum() == pytest.approx(head["closed_by_joint"], abs=0.001)


@pytest.mark.parametrize("change", [{"dispatch_s": 95.0}, {"crossing_s": 75.0}])
def test_the_sweep_is_a_run_with_that_delay(demo: Analysis, change: dict[str, Any]) -> None:
    plain = replace(demo.region, hazards=(), scenarios=(), risks=())
    again = analyse(_with(plain, *demo.region.agreements, **change), network=demo.network)
    swept: Any = {"dispatch_s": [], "crossing_s": []} | {key: [value] for key, value in change.items()}
    sweep = delay_sweep(demo, **swept)
    assert sweep["covered"].iloc[0] == pytest.approx(again.summary["headline"]["covered_joint"], abs=0.001)
    frame = coverage_again(demo, parameters=replace(demo.region.parameters, **change))
    pd.testing.assert_frame_equal(
        pd.DataFrame(frame.drop(columns="geometry")), pd.DataFrame(again.coverage.drop(columns="geometry"))
    )


def test_break_even_found_and_computed_agree(demo: Analysis) -> None:
    rows: Any = break_even(demo).itertuples()
    for row in rows:
        if math.isnan(row.break_even_s):
            assert row.gain == 0
            continue
        delays = [0.0, row.half_s, row.half_s + 0.001, row.break_even_s, row.break_even_s + 0.001, 120, 300]
        sweep = delay_sweep(demo, dispatch_s=delays, crossing_s=[])
        closed = sweep[sweep["jurisdiction"] == row.place]["closed"].tolist()
        assert closed[0] == pytest.approx(row.gain)
        assert closed[1] >= row.gain / 2 - 1e-6 > closed[2] - 1e-6
        assert closed[3] > 0
        assert closed[4] == 0
        assert closed[5:] == pytest.approx([row.left_120, row.left_300])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    people=st.lists(st.integers(0, 50), min_size=5, max_size=5),
    limit_s=st.integers(120, 900),
    turnout_s=st.integers(0, 200),
)
def test_break_even_of_any_region(
    five_places: Region, straight_road: Network, people: list[int], limit_s: int, turnout_s: int
) -> None:
    region = replace(
        five_places,
        demand=five_places.demand.assign(population=np.array(people, dtype=np.float64)),
        standards={"any": {"limit_s": limit_s, "start": "alerted", "service": "fire"}},
    )
    result = analyse(
        _with(region, standard="any", turnout_s={"career": float(turnout_s)}), network=straight_road
    )
    rows: Any = break_even(result).itertuples()
    for row in rows:
        sweep = delay_sweep(result, dispatch_s=[30.0 * k for k in range(31)], crossing_s=[])
        curve = sweep[sweep["jurisdiction"] == row.place].set_index("seconds")["closed"]
        assert curve.is_monotonic_decreasing
        assert curve[0] == row.gain
        found = curve.index[curve > 0].max()
        if math.isnan(row.break_even_s):
            assert math.isnan(found)
        else:
            assert found <= row.break_even_s < found + 30 or found == 900


def test_crossings_agree_with_a_scenario_that_closes_them(demo: Analysis, demo_measures: Cooperation) -> None:
    table = demo_measures.crossings
    assert table["lost_joint"].is_monotonic_decreasing
    for ids in (table.index[:1], table.index[1:2], table.index[-1:], table.index[:2]):
        scenario = HazardScenario("closed", "closed", (), closed_crossings=tuple(ids))
        lost = scenario_table(scenario_coverage(demo.fair, scenario, ())).iloc[0]
        if len(ids) == 1:
            assert table["lost_joint"][ids[0]] == pytest.approx(lost["lost_joint"])
            assert table["lost_agreed"][ids[0]] == pytest.approx(lost["lost_agreed"])
        else:
            pairs = demo_measures.crossing_pairs.set_index(["a", "b"])
            assert pairs["lost_joint"][ids[0], ids[1]] == pytest.approx(lost["lost_joint"])


def test_all_crossings_closed_leave_each_alone(places: Analysis, demo: Analysis) -> None:
    left = covered_without(places, [0])
    assert left["joint"].tolist() == left["agreed"].tolist() == left["alone"].tolist()
    # Where a road runs along the border, houses of both sides stand on it: there nobody needs a crossing.
    left = covered_without(demo, range(len(demo.network.crossings)))
    helped = left["joint"] & ~left["alone"]
    side = demo.network.roads["jurisdiction"].astype(object).to_numpy()[demo.demand["road"][helped]]
    assert (
        demo.region.jurisdictions["partner"].reindex(side).to_numpy() != demo.demand["partner"][helped]
    ).all()
    assert 0 < helped.sum() < 20


def test_a_closed_pair_takes_at_least_what_each_takes(demo_measures: Cooperation) -> None:
    alone, pairs = demo_measures.crossings["lost_joint"], demo_measures.crossing_pairs
    assert len(pairs) > 3
    assert (
        pairs["lost_joint"] >= np.maximum(alone[pairs["a"]].to_numpy(), alone[pairs["b"]].to_numpy()) - 1e-6
    ).all()
    assert (pairs["beyond"] >= 0).all()
    assert pairs["beyond"].max() > 100, "somewhere one crossing is the other's substitute"


def test_the_last_crossings_hold_nothing(demo: Analysis, demo_measures: Cooperation) -> None:
    """Those that nobody can reach in time are not searched; what hangs on the others is no more than the gain."""
    table = demo_measures.crossings
    assert table["lost_joint"].max() <= table.attrs["gain"]
    few = crossing_pairs(demo, table, most=1)
    assert len(few) == table["reached"].sum() - 1
    assert set(few["a"]) == {table.index[0]}


def test_fair_and_hazard_benefit(demo: Analysis, demo_measures: Cooperation) -> None:
    table = demo_measures.simultaneity.set_index(["scenario", "level"])
    for result in demo.scenarios:
        whole = scenario_table(result).iloc[0]
        for level in ("agreed", "joint"):
            row = table.xs((result.scenario.id, level))
            assert row["hazard_benefit"] == pytest.approx(whole[level] - whole["alone"])
            assert row["fair_benefit"] == pytest.approx(
                demo.summary["headline"][f"closed_by_{level}"], abs=0.001
            )
            assert row["hazard_expected"] <= row["hazard_benefit"] + 1e-6


def test_units_that_are_busy_under_a_hazard_lower_what_is_expected(demo: Analysis) -> None:
    (one,) = demo.agreements
    idle = replace(one, availability_hazard=1.0, availability=1.0)
    region = replace(demo.region, agreements=(idle,), scenarios=demo.region.scenarios[:1], risks=())
    always = cooperation(analyse(region, network=demo.network)).simultaneity
    assert always["hazard_expected"].tolist() == pytest.approx(always["hazard_benefit"].tolist())
    busy = cooperation(demo).simultaneity.iloc[: len(always)]
    assert (busy["hazard_expected"] < always["hazard_expected"]).all()


def test_numbers_are_ready_for_json(demo_measures: Cooperation) -> None:
    told = json.loads(json.dumps(demo_measures.summary, allow_nan=False))
    agreement = told["agreements"][0]
    assert agreement["parameters"]["dispatch_delay_s"] == {
        "value": 180.0,
        "source": agreement["parameters"]["dispatch_delay_s"]["source"],
        "confidence": "assumption",
    }
    assert agreement["parameters"]["dispatch_delay_s"]["source"]
    assert len(told["sweep"]) == 2 * 6
    assert {row["crossing"] for row in told["crossings"]} == set(demo_measures.crossings.index)


def test_inputs_are_not_changed(demo: Analysis) -> None:
    before = demo.coverage.copy(), demo.times.copy(), demo.stations.copy()
    cooperation(demo)
    for old, new in zip(before, (demo.coverage, demo.times, demo.stations), strict=True):
        pd.testing.assert_frame_equal(pd.DataFrame(old), pd.DataFrame(new))


def test_parameters_are_those_of_the_run(places: Analysis) -> None:
    assert isinstance(places.fair.parameters, Parameters)
    assert isinstance(places.coverage, gpd.GeoDataFrame)
