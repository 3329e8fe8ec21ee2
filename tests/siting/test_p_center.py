"""The p-center: published optima, plans worked out by hand, bounds and conflicts."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mutualaid.errors import SitingError
from mutualaid.siting import Choice, SiteTable, p_center, site_table

INF = float("inf")
CENTERS = {1: 127, 2: 98, 3: 93, 4: 74, 5: 48}


def grid(s: int, n: int, seed: int, most: int = 1000) -> SiteTable:
    """Whole times, so that many are equal."""
    random = np.random.default_rng(seed)
    seconds = np.round(np.linalg.norm(random.random((s, 1, 2)) - random.random((1, n, 2)), axis=2) * most)
    demand = pd.DataFrame({"population": np.ones(n)}, index=[f"d{k}" for k in range(n)])
    return site_table(seconds, [f"s{k}" for k in range(s)], demand, limit_s=200)


# Published optima


@pytest.mark.parametrize("reduce", [True, False])
def test_san_francisco(san_francisco: Callable[..., SiteTable], reduce: bool) -> None:
    plan = p_center(san_francisco(), Choice(add=4), reduce=reduce)
    assert plan.value == pytest.approx(7403.0638, abs=1e-4)
    assert plan.bound == plan.value
    assert plan.status == "optimal"


@pytest.mark.parametrize(("number", "longest"), CENTERS.items())
def test_or_library(pmed: Callable[[int], Any], number: int, longest: int) -> None:
    question = pmed(number)
    plan = p_center(question.table, Choice(add=question.p))
    assert plan.value == plan.bound == longest
    assert plan.is_open.sum() <= question.p
    assert question.table.seconds[""][plan.is_open].min(axis=0).max() == longest


# Others


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_nothing_is_better(p: int, seed: int) -> None:
    table = grid(9, 15, seed, 30)
    best = min(table.seconds[""][list(sites)].min(axis=0).max() for sites in combinations(range(9), p))
    plan = p_center(table, Choice(add=p))
    assert plan.value == plan.bound == best


@pytest.mark.parametrize(("p", "seed"), [(3, 0), (8, 1), (25, 2)])
def test_reductions_change_nothing(p: int, seed: int) -> None:
    table = grid(80, 120, seed)
    plan, plain = (p_center(table, Choice(add=p), reduce=reduce) for reduce in (True, False))
    assert plan.value == plain.value == plan.bound == plain.bound


def test_the_worst_of_several_weathers() -> None:
    """Alone, either weather would choose another site."""
    demand = pd.DataFrame({"population": [1.0, 1.0]}, index=["a", "b"])
    times = {"": [[1, 2], [5, 5], [9, 9]], "flood": [[20, 20], [6, 7], [3, 3]]}
    table = site_table(times, ["x", "y", "z"], demand, limit_s=5)
    found = {
        names: p_center(table, Choice(add=1), weather=names) for names in [("",), ("flood",), ("", "flood")]
    }
    assert [plan.open for plan in found.values()] == [("x",), ("z",), ("y",)]
    assert [plan.value for plan in found.values()] == [2, 3, 7]


def test_stations_stay_and_close() -> None:
    demand = pd.DataFrame({"population": [1.0, 1.0]}, index=["a", "b"])
    sites = pd.DataFrame({"state": ["fixed", "closable", "candidate"]}, index=["x", "y", "z"])
    table = site_table([[4, 9], [8, 8], [9, 3]], sites, demand, limit_s=5)
    assert p_center(table, Choice(add=0)).value == 8
    plan = p_center(table, Choice(add=1))
    assert plan.value == 4
    assert plan.open == ("x", "y", "z")


def test_people_count_and_who_cannot_be_reached_is_named() -> None:
    demand = pd.DataFrame({"population": [1, 0, 7]}, index=["a", "empty", "far"])
    table = site_table([[4, 900, INF], [5, 1, INF]], ["x", "y"], demand, limit_s=5)
    plan = p_center(table, Choice(add=1))
    assert (plan.open, plan.value) == (("x",), 4)
    assert len(plan.notes) == 1
    assert "7 people" in plan.notes[0]


def test_nobody_lives_there() -> None:
    demand = pd.DataFrame({"population": [0]}, index=["a"])
    plan = p_center(site_table([[1]], ["x"], demand, limit_s=480), Choice(add=1))
    assert (plan.value, plan.bound, plan.status) == (0, 0, "optimal")


def test_too_few_to_reach_everybody() -> None:
    demand = pd.DataFrame({"population": [30, 20, 10]}, index=["a", "b", "c"])
    table = site_table(np.where(np.eye(3) > 0, 1, INF), ["x", "y", "z"], demand, limit_s=480)
    with pytest.raises(SitingError) as caught:
        p_center(table, Choice(add=1))
    assert "all 60 people" in str(caught.value)
    assert "at most 30" in str(caught.value)


def test_every_wrong_wish_is_named() -> None:
    with pytest.raises(SitingError) as caught:
        p_center(grid(3, 3, 0), Choice(add=4), weather=("flood",), time_limit_s=-1)
    assert {"add", "weather", "time_limit_s"} <= {defect.where for defect in caught.value.defects}


def test_out_of_time_there_is_a_plan_with_its_bound() -> None:
    table = grid(120, 200, 3)
    began = time.perf_counter()
    plan = p_center(table, Choice(add=10), time_limit_s=0.0)
    assert time.perf_counter() - began < 20
    best = p_center(table, Choice(add=10))
    assert plan.bound <= best.value <= plan.value
    assert plan.is_open.sum() <= 10
    assert plan.status == ("optimal" if plan.bound == plan.value else "time limit")


def test_a_gap_is_kept() -> None:
    table = grid(100, 150, 4)
    best, near = p_center(table, Choice(add=8)), p_center(table, Choice(add=8), gap=0.2)
    assert near.status == "optimal"
    assert near.bound <= best.value <= near.value <= best.value / 0.8


def test_the_next_best_plan() -> None:
    table = grid(8, 12, 5)
    every = sorted(table.seconds[""][list(sites)].min(axis=0).max() for sites in combinations(range(8), 3))
    plan = p_center(table, Choice(add=3))
    assert plan.again is not None
    more = plan.again([plan.units], 2, 2 * plan.value)
    assert more is not None
    assert more.value == every[1]
    assert (more.is_open != plan.is_open).sum() >= 2
    assert plan.again([plan.units], 1, plan.value * (1 - 1e-6)) is None
