from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mutualaid.errors import HazardError
from mutualaid.hazards import (
    affected,
    closures,
    passabilities,
    passability,
    sample_closures,
    speed_factor,
    speeds,
)

WITH_SPEED = [name for name in passabilities().index if name != "closure-probability"]


@pytest.mark.parametrize(
    ("depth_mm", "kph"), [(50, 61.5498), (100, 40.6548), (150, 24.2598), (200, 12.3648), (250, 4.9698)]
)
def test_pregnolatos_curve_has_its_published_values(depth_mm: int, kph: float) -> None:
    found = speeds(passability("pregnolato-2017"), 130.0, depth_mm / 1000)
    assert float(found) == pytest.approx(kph, abs=1e-9)


def test_pregnolatos_curve_is_clamped() -> None:
    rule = passability("pregnolato-2017")
    found = speeds(rule, 50.0, [0.0, 1e-9, 0.05, 0.2999, 0.3, 0.307, 0.5, 9.0])
    assert found[:3].tolist() == [50, 50, 50]  # the curve itself is above the free flow
    assert 0 < found[3] < 3
    assert found[4:].tolist() == [0, 0, 0, 0]
    assert speeds(rule, 130.0, 0.0) == 130  # dry: the curve's 86.9 km/h at 0 mm slows nobody down
    assert speeds(rule, 130.0, -0.5) == 130


def test_the_quadratic_curve_keeps_each_roads_own_speed() -> None:
    rule = passability("nismod-quadratic")
    np.testing.assert_allclose(
        speeds(rule, [100.0, 40.0, 40.0, 40.0], [0.15, 0.15, 0.06, 0.31]), [25, 10, 25.6, 0]
    )
    assert speed_factor(rule, [100.0, 40.0], 0.15) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("name", "still_open", "closed"),
    [
        ("fording-car", 0.299, 0.3),
        ("fording-emergency", 0.599, 0.6),
        ("fording-open-gira", 0.499, 0.5),
        ("aidr-small-vehicle", 1, 2),
        ("aidr-any-vehicle", 2, 3),
        ("severity-car", 2, 3),
        ("severity-emergency", 3, 4),
    ],
)
def test_thresholds_close_at_their_value_and_not_before(name: str, still_open: float, closed: float) -> None:
    assert speeds(passability(name), 70.0, [0, still_open, closed, 99]).tolist() == [70, 70, 0, 0]


@pytest.mark.parametrize("name", WITH_SPEED)
def test_an_unknown_hazard_has_an_unknown_speed(name: str) -> None:
    assert np.isnan(speeds(passability(name), 50.0, [np.nan])).all()


@settings(deadline=None)
@given(
    st.sampled_from(WITH_SPEED),
    st.floats(1, 150),
    st.tuples(st.floats(0, 8), st.floats(0, 8)).map(sorted),
)
def test_a_worse_hazard_never_makes_faster(name: str, free_kph: float, values: list[float]) -> None:
    mild, worse = speeds(passability(name), free_kph, values)
    assert 0 <= worse <= mild <= free_kph


def test_every_rule_states_its_source() -> None:
    table = passabilities()
    assert table["source"].str.len().min() > 5
    assert table.loc[table["source"] == "assumption", "note"].str.contains("sweep").all()


def test_a_probability_has_no_speed() -> None:
    with pytest.raises(HazardError, match="sample_closures"):
        speeds(passability("closure-probability"), 50.0, 0.5)


# --- a user's own rule --------------------------------------------------------------------------------------

SMOKE = """
[smoke]
name = "Smoke, our own drills"
hazards = ["wildfire"]
quantity = "class"
unit = ""
vehicle = "any"
rule = "points"
points = [[0, 1.0], [2, 0.5], [4, 0.1]]
source = "drill of 2023"
"""


def test_a_users_table_is_interpolated(tmp_path: Path) -> None:
    file = tmp_path / "smoke.toml"
    file.write_text(SMOKE, encoding="utf-8")
    rule = passability(file)
    assert math.isinf(rule.closed_at)
    np.testing.assert_allclose(speeds(rule, 60.0, [0, 1, 2, 3, 4, 9]), [60, 45, 30, 18, 6, 6])


def test_everything_wrong_with_a_users_rule_is_named(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    text = SMOKE.replace('"wildfire"', '"fog"').replace("[2, 0.5]", "[2, 1.5]").replace('"any"', '"tank"')
    file.write_text(text + "closed_from = 3\n", encoding="utf-8")
    with pytest.raises(HazardError) as caught:
        passability(file)
    assert {one.where for one in caught.value.defects} == {
        "[smoke] closed_from",
        "[smoke] vehicle",
        "[smoke] hazards",
        "[smoke] points",
    }
    assert {one.file for one in caught.value.defects} == {"bad.toml"}


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (('rule = "points"', 'rule = "threshold"'), "closed_at"),
        (('rule = "points"', 'rule = "share"'), "coefficients"),
        (('quantity = "class"', 'quantity = "depth"'), "unit"),
        (("[4, 0.1]", "[2, 0.1]"), "points"),
        (("[4, 0.1]", "[4, nan]"), "points"),
        (('source = "drill of 2023"', ""), "source"),
    ],
)
def test_each_kind_of_defect_is_found(tmp_path: Path, change: tuple[str, str], where: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(SMOKE.replace(*change), encoding="utf-8")
    with pytest.raises(HazardError) as caught:
        passability(file)
    assert [one.where for one in caught.value.defects] == [f"[smoke] {where}"]


def test_an_unknown_id_names_what_is_close() -> None:
    with pytest.raises(HazardError, match="did you mean pregnolato-2017"):
        passability("pregnolato")
    with pytest.raises(HazardError, match=r"gone\.toml"):
        passability("gone.toml")


# --- bridges, tunnels, galleries ----------------------------------------------------------------------------

#: plain, bridge, tunnel, gallery
BRIDGE = [False, True, False, False]
TUNNEL = [False, False, True, False]
COVERED = [False, False, False, True]


@pytest.mark.parametrize(
    ("hazard", "expected"),
    [
        ("flood", [True, False, True, True]),
        ("flash_flood", [True, False, True, True]),
        ("coastal_flood", [True, False, True, True]),
        ("tsunami", [True, False, True, True]),
        ("rockfall", [True, True, False, False]),
        ("avalanche", [True, True, False, False]),
        ("landslide", [True, True, True, True]),
        ("wildfire", [True, True, True, True]),
        ("earthquake", [True, True, True, True]),
    ],
)
def test_what_is_above_or_below_the_ground(hazard: str, expected: list[bool]) -> None:
    assert affected(BRIDGE, TUNNEL, covered=COVERED, hazard=hazard).tolist() == expected


def test_a_hazard_nobody_knows_is_refused() -> None:
    with pytest.raises(HazardError, match="meteor"):
        affected(BRIDGE, TUNNEL, hazard="meteor")


def test_a_bridge_over_a_flooded_river_stays_open_and_the_same_road_without_the_tag_closes() -> None:
    pieces = pd.DataFrame(
        {"line": ["bridge", "bridge", "ford"], "length_m": [30.0, 20.0, 50.0], "value": [4.0, 0.0, 4.0]}
    )
    reached = affected([True, False], [False, False], hazard="flood")
    found = closures(
        pieces,
        passability("pregnolato-2017"),
        free_flow_kph=50.0,
        roads=pd.Index(["bridge", "ford"]),
        exempt=~reached,
    )
    assert found["closed"].to_dict() == {"bridge": False, "ford": True}
    assert found["factor"].to_dict() == {"bridge": 1.0, "ford": 0.0}
    assert found["worst"].isna().tolist() == [True, False]
    assert not found.loc["bridge", "unknown"]


# --- closures of whole roads --------------------------------------------------------------------------------


def test_the_factor_is_that_of_the_time_over_the_whole_road() -> None:
    # 600 m dry at 60 km/h: 36 s; 100 m at a quarter of it, 15 km/h: 24 s. Free: 42 s.
    pieces = pd.DataFrame({"line": [7, 7], "length_m": [600.0, 100.0], "value": [0.0, 0.15]})
    found = closures(pieces, passability("nismod-quadratic"), free_flow_kph=60.0)
    assert found.loc[7, "factor"] == pytest.approx(42 / 60)
    assert not found.loc[7, "closed"]


def test_each_road_has_its_own_free_flow() -> None:
    pieces = pd.DataFrame({"line": ["slow", "fast"], "length_m": 10.0, "value": 0.1})
    free = pd.Series({"fast": 81.3096, "slow": 30.0, "other": 1.0})
    found = closures(pieces, passability("pregnolato-2017"), free_flow_kph=free)
    assert found["factor"].to_dict() == pytest.approx({"slow": 1.0, "fast": 0.5})
    with pytest.raises(HazardError) as caught:
        closures(pieces, passability("pregnolato-2017"), free_flow_kph=free.replace(30.0, 0.0).drop("fast"))
    assert [one.where for one in caught.value.defects] == ["free_flow_kph of slow", "free_flow_kph of fast"]


def test_unknown_is_passable_but_counted_unless_it_closes() -> None:
    pieces = pd.DataFrame(
        {"line": ["a", "a", "b"], "length_m": [10.0, 5.0, 8.0], "value": [np.nan, 0.1, 0.0]}
    )
    rule = passability("fording-car")
    found = closures(pieces, rule, free_flow_kph=50.0)
    assert found["closed"].tolist() == [False, False]
    assert found["unknown"].tolist() == [True, False]
    assert found["unknown_m"].tolist() == [10, 0]
    assert found["worst"].tolist() == [0.1, 0.0]
    careful = closures(pieces, rule, free_flow_kph=50.0, unknown="closed")
    assert careful["closed"].tolist() == [True, False]
    assert careful["unknown_m"].tolist() == [10, 0]
    nothing = closures(pieces.assign(value=np.nan), rule, free_flow_kph=50.0)
    assert nothing["worst"].isna().all()


def test_roads_are_not_closed_by_less_than_a_centimetre() -> None:
    pieces = pd.DataFrame(
        {"line": [0, 0, 1, 1], "length_m": [9.0, 0.009, 9.0, 0.01], "value": [0, 2, 0, 2.0]}
    )
    found = closures(pieces, passability("fording-car"), free_flow_kph=50.0)
    assert found["closed"].tolist() == [False, True]
    assert found["factor"].tolist() == [1.0, 0.0]


def test_roads_without_pieces_are_open_and_other_roads_are_left_out() -> None:
    pieces = pd.DataFrame({"line": ["a", "z"], "length_m": [1.0, 1.0], "value": [9.0, 9.0]})
    found = closures(pieces, passability("fording-car"), free_flow_kph=50.0, roads=pd.Index(["b", "a"]))
    assert found.index.tolist() == ["b", "a"]
    assert found["closed"].tolist() == [False, True]
    assert found["factor"].tolist() == [1.0, 0.0]
    none = closures(pieces.iloc[:0], passability("fording-car"), free_flow_kph=50.0)
    assert len(none) == 0


@settings(deadline=None)
@given(
    st.sampled_from(WITH_SPEED),
    st.lists(
        st.tuples(st.integers(0, 3), st.floats(0.1, 500), st.floats(0, 5), st.floats(0, 2)),
        min_size=1,
        max_size=12,
    ),
)
def test_a_worse_hazard_never_opens_or_quickens_a_road(
    name: str, rows: list[tuple[int, float, float, float]]
) -> None:
    pieces = pd.DataFrame(rows, columns=["line", "length_m", "value", "more"])
    worse = pieces.assign(value=pieces["value"] + pieces["more"])
    one, other = (closures(each, passability(name), free_flow_kph=50.0) for each in (pieces, worse))
    assert (other["closed"] | ~one["closed"]).all()
    assert (other["factor"] <= one["factor"] + 1e-12).all()
    assert (one["closed"] == (one["factor"] == 0)).all()


# --- Monte Carlo --------------------------------------------------------------------------------------------


def test_draws_are_those_of_the_seed_and_of_the_probability() -> None:
    chance = [0.0, 0.25, 1.0, np.nan]
    found = sample_closures(chance, 4000, seed=3)
    assert found.shape == (4000, 4)
    assert found.dtype == bool
    assert not found[:, 0].any()
    assert found[:, 2].all()
    assert not found[:, 3].any()
    assert found[:, 1].mean() == pytest.approx(0.25, abs=4 * math.sqrt(0.25 * 0.75 / 4000))
    assert np.array_equal(found, sample_closures(chance, 4000, seed=3))
    assert not np.array_equal(found, sample_closures(chance, 4000, seed=4))


def test_more_draws_begin_with_the_fewer() -> None:
    chance = np.linspace(0, 1, 7)
    assert np.array_equal(sample_closures(chance, 5, seed=1), sample_closures(chance, 50, seed=1)[:5])


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=20), st.integers(0, 2**32))
def test_a_higher_probability_closes_at_least_as_often_in_each_draw(
    pairs: list[tuple[float, float]], seed: int
) -> None:
    low, high = (np.array([function(pair) for pair in pairs]) for function in (min, max))
    assert (sample_closures(low, 20, seed) <= sample_closures(high, 20, seed)).all()


def test_what_is_no_probability_is_named() -> None:
    with pytest.raises(HazardError) as caught:
        sample_closures([0.5, 5.0, -0.1], 10, seed=1)
    assert [one.where for one in caught.value.defects] == ["probability 1", "probability 2"]
