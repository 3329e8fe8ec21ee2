"""What the map is drawn with can be told apart without seeing colours."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, pairwise
from typing import Any

import pytest

from mutualaid.maps._palette import (
    BAND_COLOURS,
    STATUSES,
    band_edges,
    band_labels,
    partner_mark,
)


def luminance(colour: str) -> float:
    """Relative luminance as the Web Content Accessibility Guidelines define it."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("level", ["alone", "joint"])
def test_no_two_statuses_differ_by_colour_alone(level: str) -> None:
    swatches = {getattr(status, level) for status in STATUSES}
    for a, b in combinations(swatches, 2):
        assert a.hatch != b.hatch


def test_what_only_the_joint_team_reaches_is_drawn_as_a_gap_alone() -> None:
    by_name = {status.status: status for status in STATUSES}
    assert by_name["joint"].alone == by_name["gap"].alone
    assert by_name["joint"].joint != by_name["gap"].joint


def test_bands_rise_in_luminance_within_and_beyond_the_standard() -> None:
    steps = [luminance(band.colour) for band in BAND_COLOURS[:-1]]
    assert steps == sorted(steps)
    assert {band.hatch for band in BAND_COLOURS[:3]} == {""}
    assert {band.hatch for band in BAND_COLOURS[3:-1]} == {"slash"}


def test_white_glyphs_stand_out_on_every_partner() -> None:
    assert min(contrast(partner_mark(k)[0], "#FFFFFF") for k in range(30)) >= 4.5


def test_thirty_partners_have_thirty_marks_and_neighbours_differ_in_shape() -> None:
    marks = [partner_mark(k) for k in range(30)]
    assert len(set(marks)) == 30
    assert all(a[1] != b[1] and a[0] != b[0] for a, b in pairwise(marks))


@pytest.mark.parametrize("limit", [60, 90, 240, 300, 480, 570, 900, 3600])
def test_the_limit_is_an_edge_of_the_bands(limit: float) -> None:
    edges = band_edges(limit)
    assert edges[2] == limit
    assert list(edges) == sorted(set(edges))
    assert len(band_labels(limit)) == len(edges) + 1 == len(BAND_COLOURS) - 2


def test_labels_of_the_bands_leave_no_gap(told: Callable[[Any], str]) -> None:
    assert [told(label) for label in band_labels(570)] == [
        "up to 5 min",
        "5 to 7 min",
        "7 to 9:30 min",
        "9:30 to 14 min",
        "14 to 19 min",
        "over 19 min",
    ]
