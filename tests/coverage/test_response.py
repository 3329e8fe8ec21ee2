"""Segments of a response, and the clock of a standard."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from mutualaid.coverage import clock, response_times, standard
from mutualaid.data import Parameters
from mutualaid.errors import NetworkError, StandardError

STATIONS = gpd.GeoDataFrame(
    {
        "partner": ["A", "A", "B", "B"],
        "department": ["career", "volunteer", "combination", "unknown"],
        "turnout_s": [np.nan, 200.0, np.nan, np.nan],
        "turnout_night_s": [np.nan, 330.0, 99.0, np.nan],
    },
    index=["s1", "s2", "s3", "s4"],
)
DEMAND = gpd.GeoDataFrame({"partner": ["A", "B"]}, index=["d1", "d2"])
DRIVE = pd.DataFrame(
    {
        "origin": ["s1", "s2", "s3", "s4", "s3"],
        "destination": ["d1", "d1", "d1", "d2", "d2"],
        "drive_s": [100.0, 200.0, 300.0, 400.0, 500.0],
        "crossing_s": [0.0, 0.0, 60.0, 0.0, 0.0],
    },
    index=[10, 11, 12, 13, 14],
)


def test_turnout_is_the_stations_for_the_hour_then_its_own_then_assumed_by_department() -> None:
    day = response_times(DRIVE, STATIONS, DEMAND, Parameters(hour="day"))
    night = response_times(DRIVE, STATIONS, DEMAND, Parameters(hour="night"))
    assert day["turnout_s"].tolist() == [80, 200, 150, 240, 150]
    assert day["turnout_assumed"].tolist() == [True, False, True, True, True]
    assert night["turnout_s"].tolist() == [80, 330, 99, 240, 99]
    assert night["turnout_assumed"].tolist() == [True, False, False, True, False]


def test_a_department_without_a_stated_turnout_uses_the_one_for_unknown() -> None:
    assumed = Parameters(turnout_s={"unknown": 7.0})
    assert response_times(DRIVE, STATIONS, DEMAND, assumed)["turnout_s"].tolist()[3] == 7.0


def test_only_a_neighbours_unit_waits_for_the_dispatch() -> None:
    times = response_times(DRIVE, STATIONS, DEMAND, Parameters(dispatch_s=45))
    assert times["dispatch_s"].tolist() == [0, 0, 45, 0, 0]
    assert times.index.tolist() == DRIVE.index.tolist()
    assert times["station"].cat.categories.tolist() == STATIONS.index.tolist()


@pytest.mark.parametrize(
    ("key", "seconds"),
    [
        ("nl-fire-8", 15 + 64 + 45 + 150 + 60 + 300),  # t0–t4
        ("us-ems-practice", 64 + 45 + 150 + 60 + 300),  # t1–t4
        ("de-agbf-first", 45 + 150 + 60 + 300),  # t2–t4: the dispatch counts from the own crew's alert
        ("us-nfpa-1710-engine", 60 + 300),  # t3–t4: travel alone, without the dispatch
    ],
)
def test_the_clock_holds_the_segments_of_its_interval(key: str, seconds: float) -> None:
    times = response_times(DRIVE, STATIONS, DEMAND, Parameters(dispatch_s=45))
    assert clock(times, standard(key)).loc[12] == seconds


def test_the_full_force_has_no_clock() -> None:
    times = response_times(DRIVE, STATIONS, DEMAND, Parameters())
    with pytest.raises(StandardError, match="first unit"):
        clock(times, standard("de-agbf-full"))


def test_the_sum_is_one_of_whole_milliseconds() -> None:
    parts = [274.6, 77.8, 124.3, 3.3]
    assert sum(parts) > 480  # in floats it is above the limit
    segments = ["answering_s", "processing_s", "turnout_s", "drive_s"]
    times = pd.DataFrame([dict(zip(segments, parts, strict=True)) | {"crossing_s": 0.0, "dispatch_s": 0.0}])
    assert clock(times, standard("nl-fire-8")).tolist() == [480.0]


def test_wrong_drive_times_are_told_all_at_once() -> None:
    drive = pd.DataFrame(
        {
            "origin": ["s1", "sX"],
            "destination": ["dX", "d1"],
            "drive_s": [np.inf, 1.0],
            "crossing_s": [0.0, -1.0],
        }
    )
    with pytest.raises(NetworkError) as caught:
        response_times(drive, STATIONS, DEMAND, Parameters())
    assert [defect.where for defect in caught.value.defects] == [
        "drive times, origin",
        "drive times, destination",
        "drive times, drive_s",
        "drive times, crossing_s",
    ]


def test_ids_may_be_categories_in_another_order() -> None:
    drive = DRIVE.assign(origin=pd.Categorical(DRIVE["origin"], categories=["s4", "s3", "s2", "s1"]))
    pd.testing.assert_frame_equal(
        response_times(drive, STATIONS, DEMAND, Parameters()),
        response_times(DRIVE, STATIONS, DEMAND, Parameters()),
    )


def test_inputs_stay_as_they_are() -> None:
    before = DRIVE.copy(), STATIONS.copy(), DEMAND.copy()
    response_times(DRIVE, STATIONS, DEMAND, Parameters())
    for old, new in zip(before, (DRIVE, STATIONS, DEMAND), strict=True):
        pd.testing.assert_frame_equal(pd.DataFrame(old), pd.DataFrame(new))
