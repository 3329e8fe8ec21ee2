"""Numbers as they are written in OSM tags."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutualaid.network._speeds import (
    parse_count,
    parse_height_m,
    parse_layer,
    parse_maxspeed_kph,
    parse_weight_t,
)

NAN = math.nan


@pytest.mark.parametrize(
    ("value", "kph"),
    [
        ("50", 50.0),
        (" 50 ", 50.0),
        ("50 km/h", 50.0),
        ("30 mph", 48.28032),
        ("30mph", 48.28032),
        ("10 knots", 18.52),
        ("7,5", 7.5),
        ("none", math.inf),
        ("signals", NAN),
        ("variable", NAN),
        ("walk", 7.0),
        ("DE:walk", 7.0),
        ("50;30", 30.0),
        ("50; 40", 40.0),
        ("80|100", 80.0),
        ("none;120", 120.0),
        ("signals;80", 80.0),
        ("FR:urban", 50.0),
        ("fr:urban", 50.0),
        ("FR:rural", 80.0),
        ("DE:rural", 100.0),
        ("DE:motorway", math.inf),
        ("DE:living_street", 7.0),
        ("CH:motorway", 120.0),
        ("AT:motorway", 130.0),
        ("FL:rural", 80.0),
        ("GB:nsl_single", 96.56064),
        ("UK:nsl_dual", 112.65408),
        ("BE-VLG:rural", 70.0),
        ("DE:zone30", 30.0),
        ("DE:zone:30", 30.0),
        ("IT:30", 30.0),
        ("XX:rural", NAN),
        ("FR:moon", NAN),
    ],
)
def test_speed_limit_is_read(value: str, kph: float) -> None:
    assert parse_maxspeed_kph(value) == pytest.approx(kph, nan_ok=True)


@pytest.mark.parametrize("value", ["", "fast", "-50", "0", "500", "50 @ (22:00-06:00)", "50;fast", "5O", ";"])
def test_speed_limit_that_makes_no_sense_is_not_guessed(value: str) -> None:
    assert parse_maxspeed_kph(value) is None


@given(st.floats(1, 124), st.sampled_from(["mph", " mph", " MPH"]))
def test_a_mile_an_hour_is_exactly_1_609344_kph(number: float, unit: str) -> None:
    assert parse_maxspeed_kph(f"{number:.2f}{unit}") == pytest.approx(float(f"{number:.2f}") * 1.609344)


@pytest.mark.parametrize(
    ("value", "metres"),
    [
        ("3.5", 3.5),
        ("3.5 m", 3.5),
        ("3,5m", 3.5),
        ("350 cm", 3.5),
        ("11'6\"", 3.5052),
        ("11' 6\"", 3.5052),
        ("11ft 6in", 3.5052),
        ("11'", 3.3528),
        ("11 ft", 3.3528),
        ("3.5;3.2", 3.2),
        ("default", NAN),
        ("none", NAN),
        ("below_default", NAN),
        ("default;3.8", 3.8),
    ],
)
def test_height_limit_is_read(value: str, metres: float) -> None:
    assert parse_height_m(value) == pytest.approx(metres, nan_ok=True)


@pytest.mark.parametrize("value", ["low", "", "35 apples", "0", "350", "-3"])
def test_height_limit_that_makes_no_sense_is_not_guessed(value: str) -> None:
    assert parse_height_m(value) is None


@pytest.mark.parametrize(
    ("value", "tonnes"),
    [
        ("3.5", 3.5),
        ("3.5 t", 3.5),
        ("3500 kg", 3.5),
        ("8 st", 7.2574779),
        ("16000 lbs", 7.2574779),
        ("none", NAN),
    ],
)
def test_weight_limit_is_read(value: str, tonnes: float) -> None:
    assert parse_weight_t(value) == pytest.approx(tonnes, nan_ok=True)


def test_weight_lanes_and_layer_that_make_no_sense_are_not_guessed() -> None:
    assert parse_weight_t("heavy") is None
    assert parse_weight_t("3500") is None, "tonnes: nobody limits a road to 3,500 t"
    assert [parse_count(value) for value in ("many", "0", "-1", "99", "nan")] == [None] * 5
    assert [parse_layer(value) for value in ("top", "1.5", "300")] == [None] * 3
