"""What was reached in time by the record: worked by hand, and intervals held against published ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from mutualaid.coverage import Analysis, Standard
from mutualaid.data import Region
from mutualaid.errors import StandardError
from mutualaid.incidents import observed
from mutualaid.incidents._first_units import first_units
from mutualaid.incidents._intervals import mean_interval, quantile, quantile_interval, wilson

Maker = Callable[..., Any]
STEP_M = 65_000 / 15
OWN = Standard("own", "Own", 480.0, share=0.9)


@pytest.fixture
def region(along_road: Maker) -> Region:
    made: Region = along_road("aabb", {"sa": 0, "sb": 3})[0]
    return made


# --- intervals --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_intervals_of_shares_are_the_published_ones(hits: int, of: int, low: float, high: float) -> None:
    assert wilson(hits, of) == pytest.approx((low, high), abs=6e-5)
    assert wilson(of - hits, of) == pytest.approx((1 - high, 1 - low), abs=6e-5)


def test_of_nothing_everything_is_possible() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert math.isnan(quantile([], 0.9))
    assert quantile_interval([]) == (-math.inf, math.inf)
    assert mean_interval([3.0], seed=0) == (-math.inf, math.inf)


@pytest.mark.parametrize(
    ("n", "low", "high"), [(10, 2, 9), (20, 6, 15), (25, 8, 18), (50, 18, 33), (100, 40, 61)]
)
def test_interval_of_a_median_lies_between_the_ranks_of_the_tables(n: int, low: int, high: int) -> None:
    """Ranks as in tables of the sign test (Dixon & Mood 1946)."""
    assert quantile_interval(np.arange(1.0, n + 1)) == (low, high)


@given(n=st.integers(1, 400), share=st.sampled_from([0.5, 0.9, 0.95]))
def test_interval_of_a_quantile_misses_it_no_more_often_than_it_says(n: int, share: float) -> None:
    low, high = quantile_interval(np.arange(1.0, n + 1), share)
    # So many of the values lie below the quantile.
    below = binom(n, share)
    assert math.isinf(low) or below.cdf(low - 1) <= 0.025
    assert math.isinf(high) or below.sf(high - 1) <= 0.025
    # No narrower one would do.
    assert below.cdf(0 if math.isinf(low) else low) > 0.025 - 1e-12 or math.isinf(low)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=40), st.sampled_from([0.1, 0.5, 0.9, 0.95]))
def test_quantile_is_the_smallest_that_so_many_do_not_exceed(values: list[int], share: float) -> None:
    found = quantile(values, share)
    assert found in values
    assert sum(one <= found for one in values) >= share * len(values) - 1e-9
    assert sum(one < found for one in values) < share * len(values)


def test_interval_of_a_mean_covers_it() -> None:
    rng = np.random.default_rng(1)
    inside = []
    for _ in range(60):
        low, high = mean_interval(rng.exponential(100.0, 80), seed=0)
        inside.append(low <= 100.0 <= high)
    assert np.mean(inside) > 0.85


# --- the record -------------------------------------------------------------------------------------------


def test_clock_starts_with_the_first_alert_and_stops_with_the_first_arrival(
    region: Region, with_record: Maker
) -> None:
    record = with_record(
        region,
        # The own crew is alerted first, the neighbour's comes first.
        {"incident": "A", "station": "sa", "at": STEP_M, "t0": 0, "t1": 10, "t2": 70, "t3": 130, "t4": 700},
        {
            "incident": "A",
            "station": "sb",
            "at": STEP_M,
            "t0": 0,
            "t2": 250,
            "t3": 300,
            "t4": 540,
            "unit": "u2",
        },
        # No arrival is known.
        {"incident": "B", "station": "sa", "at": STEP_M, "t0": 0, "t1": 20, "t2": 90, "t3": 150},
        # A row without an incident is one of its own; another service does not count.
        {
            "incident": "",
            "station": "sb",
            "at": 3 * STEP_M,
            "t0": 0,
            "t1": 12,
            "t2": 60,
            "t3": 120,
            "t4": 360,
        },
        {"incident": "C", "station": "sa", "at": STEP_M, "service": "ems", "t0": 0, "t4": 100},
    )
    found: Any = observed(record, standard=OWN).loc[("all", "")]
    assert found["count"].tolist() == [3] * 5
    assert found["known"].to_dict() == {
        "answering": 3, "processing": 3, "turnout": 3, "drive": 2, "standard": 2,
    }  # fmt: skip
    assert found["unknown"].to_dict()["standard"] == 1
    # 540 - 70 and 360 - 60: from the first alert, whoever came.
    assert found.loc["standard", ["p50_s", "p90_s", "mean_s"]].tolist() == [300.0, 470.0, 385.0]
    # The turnout is that of the unit that came: 300 - 250.
    assert found.loc["turnout", "p50_s"] == 60.0
    assert found.loc["drive", ["p50_s", "p95_s"]].tolist() == [240.0, 240.0]
    assert found.loc["answering", "p50_s"] == 12.0
    assert found.loc["standard", "within_share"] == 1.0
    assert found.loc["drive", ["limit_s", "share", "within_share"]].isna().all()


def test_exactly_the_limit_is_within_it(region: Region, with_record: Maker) -> None:
    record = with_record(
        region, {"station": "sa", "t2": 0, "t4": 480}, {"station": "sa", "t2": 0, "t4": 480.001}
    )
    assert observed(record, standard=OWN).loc[("all", "", "standard"), "within_share"] == 0.5


@pytest.mark.parametrize(("hits", "verdict"), [(60, True), (54, pd.NA), (40, False)])
def test_the_record_tells_only_what_it_has_enough_for(
    region: Region, with_record: Maker, hits: int, verdict: object
) -> None:
    rows = [{"station": "sa", "t2": 0, "t4": 400 if number < hits else 500} for number in range(60)]
    found = observed(with_record(region, *rows), standard=OWN).loc[("all", "", "standard"), "met"]
    assert found is verdict or found == verdict


@pytest.mark.parametrize(("limit_s", "verdict"), [(530.0, True), (500.0, pd.NA), (470.0, False)])
def test_an_average_is_held_against_its_interval(
    region: Region, with_record: Maker, limit_s: float, verdict: object
) -> None:
    rows = [{"station": "sa", "t0": 0, "t4": 500 + (-1) ** number * 50} for number in range(100)]
    mean = Standard("mean", "Mean", limit_s, start="t0", statistic="mean")
    found: Any = observed(with_record(region, *rows), standard=mean).xs(("all", "", "standard"))
    assert found["mean_s"] == 500.0
    assert found["met"] is verdict or found["met"] == verdict


def test_a_standard_without_a_share_asks_for_nothing(region: Region, with_record: Maker) -> None:
    rule = Standard("open", "Open", 480.0)
    found = observed(with_record(region, {"station": "sa", "t2": 0, "t4": 100}), standard=rule)
    assert found.loc[("all", "", "standard"), "met"] is pd.NA


def test_groups_are_places_hours_units_and_types(region: Region, with_record: Maker) -> None:
    stamps = {"t0": 0, "t2": 60, "t4": 300}
    record = with_record(
        region,
        {"at": 0, "unit": "P1", "type": "fire", **stamps},
        {"at": 3 * STEP_M, "unit": "", "call": "2024-01-08T21:30:00Z", **stamps},  # Monday night
        {"at": 0, "unit": "P1", "call": "2024-01-12T23:30:00Z", **stamps},  # Saturday in local time
        {"at": 0, "unit": "P1", "call": "2024-01-07T23:30:00Z", **stamps},  # Monday in local time
        {"at": -9e4, "unit": "P1", "offset_min": np.nan, **stamps},  # outside, and nobody knows when
    )
    count = observed(record, standard=OWN)["count"].xs("standard", level="segment")
    assert count["hour"].to_dict() == {"day": 1, "night": 2, "unknown": 1, "weekend": 1}
    assert count["jurisdiction"].to_dict() == {"a": 3, "b": 1, "outside": 1}
    assert count["partner"].to_dict() == {"A": 3, "B": 1, "outside": 1}
    assert count["unit"].to_dict() == {"P1": 4, "unknown": 1}
    assert count["type"].to_dict() == {"fire": 1, "unknown": 4}


def test_each_place_is_held_against_its_own_standard(region: Region, with_record: Maker) -> None:
    record = with_record(
        region,
        {"at": 0, "t0": 0, "t2": 60, "t4": 400},
        {"at": 3 * STEP_M, "t0": 0, "t2": 60, "t4": 400},
    )
    short = Standard("short", "Short", 300.0, start="t0", share=0.5)
    found = observed(record, standard=OWN, local_standards={"a": OWN, "b": short})
    local: Any = found.xs("local", level="segment")
    assert local.loc[("jurisdiction", "a"), ["start", "p50_s", "within_share"]].tolist() == ["t2", 340.0, 1.0]
    assert local.loc[("jurisdiction", "b"), ["start", "p50_s", "within_share"]].tolist() == ["t0", 400.0, 0.0]
    everywhere = local.loc[("all", "")]
    assert (everywhere["start"], everywhere["within_share"]) == ("", 0.5)
    assert math.isnan(everywhere["limit_s"])
    assert everywhere["met"] is pd.NA
    assert "local" not in observed(record, standard=OWN).index.get_level_values("segment")


def test_all_that_is_wrong_with_standards_is_said_at_once(region: Region) -> None:
    full = replace(OWN, id="full", end="t5")
    with pytest.raises(StandardError) as caught:
        observed(region, standard=full, local_standards={"a": OWN})
    assert [one.where for one in caught.value.defects] == ["standard full", "jurisdiction b"]


def test_an_empty_record_is_none(region: Region) -> None:
    found: Any = observed(region, standard=OWN)
    assert found.loc[("all", "", "standard"), "count"] == 0
    assert math.isnan(found.loc[("all", "", "standard"), "within_share"])
    assert len(found) == 5


def test_who_comes_first_is_the_first_to_arrive_whatever_the_order(
    region: Region, with_record: Maker
) -> None:
    rows = [
        {"incident": "A", "unit": "late", "station": "sa", "t2": 0, "t4": 400},
        {"incident": "A", "unit": "first", "station": "sb", "t2": 100, "t4": 300},
        {"incident": "A", "unit": "never", "station": "sa", "t2": 0},
    ]
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        found = first_units(with_record(region, *(rows[i] for i in order)))
        assert found["unit"].tolist() == ["first"]
        assert found["neighbour"].tolist() == [True]
        assert found["units"].tolist() == [3]
        assert (found["own_t4"] - found["t4"]).dt.total_seconds().tolist() == [100.0]


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False))
def test_order_of_rows_and_names_of_incidents_change_nothing(random: Any) -> None:
    rng = np.random.default_rng(random.randint(0, 10**6))
    rows = _demo_record()
    order = rng.permutation(len(rows))
    names = {name: f"x{i}" for i, name in enumerate(rng.permutation(rows["incident"].unique()))}
    other = rows.iloc[order]
    other = other.assign(incident=other["incident"].map(names))
    region = _DEMO[0].region
    base = observed(region, standard=OWN)
    pd.testing.assert_frame_equal(observed(replace(region, incidents=other), standard=OWN), base)


_DEMO: list[Analysis] = []


@pytest.fixture(autouse=True, scope="module")
def _keep_demo(demo: Analysis) -> None:
    """Hypothesis takes no fixtures of tests."""
    _DEMO.append(demo)


def _demo_record() -> Any:
    return _DEMO[0].region.incidents
