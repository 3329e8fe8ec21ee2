"""A record held against the model in one call, and the numbers that are reported of it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mutualaid.coverage import NULL_MEANS, Analysis, analyse
from mutualaid.errors import IncidentError
from mutualaid.incidents import (
    INCIDENT_NULL_MEANS,
    IncidentStudy,
    incident_layer,
    incident_numbers,
    incident_study,
)

Maker = Callable[..., Any]


@pytest.fixture(scope="module")
def study(demo: Analysis) -> IncidentStudy:
    return incident_study(demo)


@pytest.fixture(scope="module")
def numbers(study: IncidentStudy) -> dict[str, Any]:
    return incident_numbers(study)


def walk(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf, with the last key that led to it."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from walk(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from walk(item, key)
    else:
        yield key, value


def test_every_row_of_the_record_is_counted(
    study: IncidentStudy, numbers: dict[str, Any], demo: Analysis
) -> None:
    rows = demo.region.incidents
    assert sum(study.counts.values()) == len(rows) == numbers["record"]["rows"]
    assert study.counts["not the first unit to come"] == len(rows) - rows["incident"].nunique()
    drives = numbers["drives"]
    assert drives["used"] + sum(drives["left_out"].values()) == numbers["record"]["incidents"]
    calibration = numbers["calibration"]
    assert calibration["runs"] + sum(calibration["left_out"].values()) == len(rows)


def test_numbers_are_json_and_every_missing_one_has_a_meaning(numbers: dict[str, Any]) -> None:
    assert json.loads(json.dumps(numbers, allow_nan=False)) == numbers
    missing = {key for key, value in walk(numbers) if value is None}
    assert missing <= {*INCIDENT_NULL_MEANS, *NULL_MEANS}
    assert not {*INCIDENT_NULL_MEANS} & {*NULL_MEANS}


def test_numbers_are_those_of_the_frames(study: IncidentStudy, numbers: dict[str, Any]) -> None:
    whole = numbers["performance"]["all"]["segments"]["standard"]
    row: Any = study.performance.xs(("all", "", "standard"))
    assert whole["known"] == row["known"]
    assert whole["p90_s"] == row["p90_s"]
    assert whole["within_share"] == round(row["within_share"], 6)
    assert set(numbers["performance"]["hours"]) == {"day", "night", "weekend"}
    assert "limit_s" not in numbers["performance"]["all"]["segments"]["drive"]
    assert numbers["performance"]["jurisdictions"]["MC"]["name"] == "Monaco"
    assert numbers["fit"]["all"]["median_s"] == round(study.fit["median_s"]["all", ""], 3)
    assert (
        numbers["fit"]["own"]["count"] + numbers["fit"]["neighbours"]["count"]
        == numbers["fit"]["all"]["count"]
    )
    assert numbers["gain"]["total"]["judged"] == study.gain.loc["", "judged"]
    assert (
        sum(one["judged"] for one in numbers["gain"]["jurisdictions"].values())
        <= numbers["gain"]["total"]["judged"]
    )
    assert study.calibration is not None
    speeds = numbers["calibration"]["speeds"]
    assert speeds["residential"]["kph"] == round(study.calibration.speeds["kph"]["residential"], 3)
    assert speeds["motorway"]["low_kph"] is None
    joint = numbers["calls"]["joint"]
    assert joint["calls_year"] == pytest.approx(
        sum(one["calls_year"] for one in joint["jurisdictions"].values()), abs=0.01
    )
    assert numbers["rates"]["calls_year"] == pytest.approx(joint["calls_year"], abs=0.01)
    assert numbers["rates"]["low"] < numbers["rates"]["calls_year"] < numbers["rates"]["high"]
    assert set(numbers["busy"]["levels"]) == {"alone", "agreed", "joint"}


def test_what_is_not_confirmed_is_said(study: IncidentStudy, demo: Analysis) -> None:
    names = demo.region.jurisdictions["name"].to_dict()
    said = " ".join(study.notes)
    verdicts = study.gain["verdict"].drop("")
    assert "not_confirmed" in verdicts.unique()
    for place, verdict in verdicts.to_dict().items():
        in_note = any("does not confirm" in note and str(names[str(place)]) in note for note in study.notes)
        assert in_note == (verdict == "not_confirmed")
    assert "too fast" in said


def test_one_seed_gives_equal_bytes(demo: Analysis, numbers: dict[str, Any]) -> None:
    again = incident_numbers(incident_study(demo))
    assert json.dumps(again) == json.dumps(numbers)


def test_progress_is_told_and_the_busy_units_can_wait(demo: Analysis) -> None:
    steps: list[tuple[str, float]] = []
    found = incident_study(demo, busy=False, progress=lambda step, share: steps.append((step, share)))
    assert found.busy is None
    assert incident_numbers(found)["busy"] is None
    shares = [share for _, share in steps]
    assert shares == sorted(shares)
    assert 0 <= shares[0] <= shares[-1] < 1


def test_a_small_record_teaches_nothing_and_says_so(demo: Analysis) -> None:
    few = demo.region.incidents.iloc[:40]
    found = incident_study(replace(demo, region=replace(demo.region, incidents=few)), busy=False)
    assert found.calibration is None
    assert "at least 60 drives" in found.refused
    told = incident_numbers(found)
    assert told["calibration"] is None
    assert told["refused"] == found.refused
    assert told["gain"]["total"]["verdict"] == "too_few"
    json.dumps(told, allow_nan=False)


def test_incidents_where_nobody_lives_say_nothing_of_calls(along_road: Maker, with_record: Maker) -> None:
    region, network = along_road("aab", {"sa": 0, "sb": 2})
    region = with_record(region, {"station": "sa", "at": -30_000, "t2": 0, "t3": 60, "t4": 100})
    found = incident_study(analyse(region, network=network))
    assert found.rates.empty
    assert found.busy is None
    told = incident_numbers(found)
    assert told["rates"] is None
    assert told["calls"] is None
    assert any("Calls a year are not known" in note for note in found.notes)
    missing = {key for key, value in walk(told) if value is None}
    assert missing <= {*INCIDENT_NULL_MEANS, *NULL_MEANS}


def test_a_record_of_another_service_is_none(demo: Analysis) -> None:
    rows = demo.region.incidents.assign(service="ems")
    with pytest.raises(IncidentError, match="incidents of service fire"):
        incident_study(replace(demo, region=replace(demo.region, incidents=rows)))
    with pytest.raises(IncidentError, match="got none"):
        incident_study(replace(demo, region=replace(demo.region, incidents=rows.iloc[:0])))


def test_layer_for_maps_holds_every_incident(study: IncidentStudy) -> None:
    layer = incident_layer(study)
    assert len(layer) == len(study.runs)
    assert layer.crs == study.runs.crs
    assert layer["residual_s"].notna().tolist() == layer["usable"].tolist()
    assert set(layer["neighbour"]) <= {"own", "neighbour", "unknown"}
    used = layer[layer["usable"].to_numpy()]
    np.testing.assert_allclose(used["residual_s"], used["observed_s"] - used["modelled_s"])
    assert isinstance(layer["reason"].iloc[0], str)
    assert pd.api.types.is_bool_dtype(layer["usable"])
    assert not math.isnan(layer["residual_s"].median())
