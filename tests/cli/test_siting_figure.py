"""The picture of a siting study holds the numbers of its curves, and is the same bytes each time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mutualaid.coverage import Analysis
from mutualaid.reports import save_figure, siting_figure
from mutualaid.siting import SitingStudy, candidates, siting


@pytest.fixture(scope="module")
def study(analysis: Analysis) -> SitingStudy:
    """One new station at one of few sites."""
    sites = candidates(analysis, spacing_m=1000)
    return siting(analysis, add=1, sites=sites, alternatives=1, curve_to=2, separate=False)


def test_the_curve_is_that_of_the_study(study: SitingStudy) -> None:
    left = siting_figure(study).axes[0]
    (line,) = left.lines
    np.testing.assert_allclose(np.asarray(line.get_xdata(), float), study.curve["added"])
    np.testing.assert_allclose(np.asarray(line.get_ydata(), float), study.curve["people"])
    added = study.curve["people"].diff().iloc[1:]
    assert [text.get_text() for text in left.texts] == [f"+{people:,.0f}" for people in added]


def test_a_bound_is_drawn_where_nothing_was_proven(study: SitingStudy) -> None:
    open_end = replace(study, curve=study.curve.assign(bound=study.curve["people"] + 100.0))
    labels = [line.get_label() for line in siting_figure(open_end).axes[0].lines]
    assert labels == ["people", "nobody can do better than this"]


def test_efficient_plans_are_filled_and_the_plan_has_a_ring(study: SitingStudy) -> None:
    (opened,) = study.plan.opened
    table = pd.DataFrame(
        {
            "people": [100.0, 200.0, 150.0],
            "mean_s": [120.0, 240.0, 240.0],
            "opened": ["x", opened, "y"],
            "pareto": [True, True, False],
        }
    )
    right = siting_figure(replace(study, time_curve=table)).axes[1]
    marks = {
        str(line.get_label()): list(map(tuple, np.asarray(line.get_xydata()).tolist()))
        for line in right.lines
    }
    assert marks == {
        "other plans": [(4.0, 150.0)],
        "efficient": [(2.0, 100.0), (4.0, 200.0)],
        "proposed": [(4.0, 200.0)],
    }
    hollow, filled, _ = right.lines
    assert hollow.get_markerfacecolor() == "white"
    assert filled.get_markerfacecolor() != "white"


def test_money_takes_the_place_of_time_where_costs_differ(study: SitingStudy) -> None:
    costs = pd.DataFrame(
        {"people": [1.0, 2.0], "cost": [10.0, 20.0], "opened": ["a", "b"], "pareto": [True, True]}
    )
    assert siting_figure(replace(study, cost_curve=costs)).axes[1].get_xlabel() == "cost"


def test_notes_stand_below_and_bytes_are_the_same_each_time(study: SitingStudy, tmp_path: Path) -> None:
    figure = siting_figure(replace(study, notes=("One thing to be said.",)))
    assert any("One thing to be said." in text.get_text().replace("\n", " ") for text in figure.texts)
    for name in ("a", "b"):
        save_figure(siting_figure(study), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
