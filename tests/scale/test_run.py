"""In tiles or in one piece, at once or stopped and gone on with, by whoever: the same numbers to the bit."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from mutualaid.coverage import Analysis, analyse
from mutualaid.data import Agreement, Parameters, Region, demo_path, read_region, revise
from mutualaid.errors import ScaleError
from mutualaid.scale import TiledRun, analysis_of, in_turn, tiled
from mutualaid.threads import limited_to

FRAMES = ["stations", "demand", "coverage", "coverage_local", "gaps", "seams"]


@pytest.fixture(scope="module")
def region() -> Region:
    return read_region(demo_path())


@pytest.fixture(scope="module")
def whole(region: Region) -> Analysis:
    return analyse(region)


@pytest.fixture(scope="module")
def run(region: Region, tmp_path_factory: pytest.TempPathFactory) -> TiledRun:
    return tiled(region, tmp_path_factory.mktemp("tiles"), places=100, keep_pairs=True)


def same(run: TiledRun, whole: Analysis) -> None:
    """Hold every table and number against a run in one piece."""
    for name in FRAMES:
        assert_frame_equal(getattr(run, name), getattr(whole, name), check_exact=True)
    assert list(run.scenarios) == [one.scenario.id for one in whole.scenarios]
    for one in whole.scenarios:
        found = run.scenarios[one.scenario.id]
        for field in dataclasses.fields(one):
            theirs, ours = getattr(one, field.name), getattr(found, field.name)
            if isinstance(theirs, pd.DataFrame):
                assert_frame_equal(ours, theirs, check_exact=True)
            elif field.name != "layers":
                assert ours == theirs or (theirs != theirs and ours != ours), field.name
        assert [layer.id for layer in found.layers] == [layer.id for layer in one.layers]
    for ours, theirs in zip(run.risks, whole.risks, strict=True):
        assert_frame_equal(ours.table, theirs.table, check_exact=True)
        assert_frame_equal(ours.places, theirs.places, check_exact=True)
    assert run.not_computed == whole.not_computed
    assert json.dumps(run.summary) == json.dumps(whole.summary)


def test_tiles_join_to_the_numbers_of_one_piece(run: TiledRun, whole: Analysis) -> None:
    assert len(run.tiles) > 5
    same(run, whole)


def test_some_gaps_cross_tiles(run: TiledRun) -> None:
    """Otherwise the test above would say nothing about them."""
    crossing = 0
    for gap in run.gaps[run.gaps["level"] == "alone"].geometry:
        crossing += len(set(run.tile[run.coverage.within(gap).to_numpy()].tolist())) > 1
    assert crossing > 0


def test_what_scenarios_need_does_not_add_up_in_memory(run: TiledRun) -> None:
    """A slice of a table, however short, holds all of it; and a layer laid along roads is as large as these."""
    laid = run.fair_run.fair._laid
    assert {one.layer.quantity for one in laid.values()} <= {"velocity"}
    for result in run.scenarios._small.values():  # type: ignore[attr-defined]
        for frame in (result.coverage, result.roads):
            numbers = frame.select_dtypes([np.number, "bool"])
            assert numbers.shape[1] > 1
            for name in numbers:
                held = numbers[name].to_numpy()
                while isinstance(held.base, np.ndarray):
                    held = held.base
                assert held.size == 0, name


def test_an_analysis_made_of_tiles_has_every_pair(run: TiledRun, whole: Analysis) -> None:
    made = analysis_of(run)
    assert_frame_equal(made.times, whole.times, check_exact=True)
    assert made.times_agreed is not None
    assert whole.times_agreed is not None
    assert_frame_equal(made.times_agreed, whole.times_agreed, check_exact=True)
    assert_frame_equal(made.isochrones, whole.isochrones, check_exact=True)
    assert made.summary == whole.summary


def test_an_analysis_needs_the_pairs(region: Region, tmp_path: Path) -> None:
    with pytest.raises(ScaleError, match="keep_pairs=True"):
        analysis_of(tiled(replace(region, scenarios=(), risks=()), tmp_path, places=500))


def test_tiles_tell_what_is_in_them(run: TiledRun) -> None:
    assert run.tiles["places"].sum() == len(run.demand)
    assert run.tiles["population"].sum() == pytest.approx(run.demand["population"].sum())
    for tile, box in run.tiles.geometry.items():
        assert run.demand.geometry[run.tile == tile].covered_by(box).all()
    assert run.tiles["pairs"].sum() == len(analysis_of(run).times)


@pytest.mark.parametrize("places", [0, 1])
def test_next_to_no_demand_is_a_tile_too(region: Region, tmp_path: Path, places: int) -> None:
    small = replace(region, demand=region.demand.iloc[:places], scenarios=region.scenarios[:1], risks=())
    run = tiled(small, tmp_path)
    assert run.tiles["places"].tolist() == [places]
    same(run, analyse(small))


def test_local_standards_and_own_rules_of_partners_hold_in_tiles(region: Region, tmp_path: Path) -> None:
    """Subsidiary help, a strip, no transit and excluded pairs: vehicles drive by rules of their own."""
    names = sorted(region.jurisdictions["partner"].unique())
    station = str(region.stations.index[0])
    rules = (
        Agreement(
            id="x", parties=tuple(names), mode="subsidiary", dispatch_delay_s=20.0, home_cover_min=0,
            strip_km=1.5, transit=False, excluded_pairs=((station, "*"),),
        ),
    )  # fmt: skip
    first = str(region.jurisdictions.index[0])
    parameters = revise(region.parameters, local_standards={first: "us-nfpa-1710-engine"}, availability=0.8)
    other = replace(region, agreements=rules, parameters=parameters, scenarios=region.scenarios[:1], risks=())
    same(tiled(other, tmp_path, places=250), analyse(other))


@pytest.mark.parametrize("processors", [1, None])
def test_scenarios_that_cannot_be_computed_hinder_no_other(
    region: Region, tmp_path: Path, processors: int | None
) -> None:
    """With one processor one thing is done after the other, with several a scenario ends as the next one is driven."""
    one, two, three = region.scenarios[:3]
    broken = (replace(one, closed_stations=("nobody",)), two, replace(three, closed_ways=(-1,)))
    other = replace(region, scenarios=broken, risks=())
    with limited_to(processors):
        run = tiled(other, tmp_path, places=500)
    assert list(run.scenarios) == [two.id]
    assert [(one.id in str(defect), three.id in str(defect)) for defect in run.not_computed] == [
        (True, False), (False, True)
    ]  # fmt: skip
    same(run, analyse(other))


# --- stopped and gone on with --------------------------------------------------------------------------------


class StoppedError(Exception):
    """What a test stops a run with."""


def stopping(after: int, counts: list[int]) -> Callable[..., Iterator[tuple[int, bytes]]]:
    """Work through items until so many are done in all; `counts` gets the number of items of each call."""

    def spread(parts: tuple[Any, ...], task: Any, items: Sequence[Any]) -> Iterator[tuple[int, bytes]]:
        counts.append(len(items))
        for result in in_turn(parts, task, items):
            if sum(done) == after:
                raise StoppedError
            done.append(1)
            yield result

    done: list[int] = []
    return spread


@pytest.mark.parametrize("after", [0, 3, 40])
def test_a_resumed_run_computes_only_what_is_missing(
    region: Region, whole: Analysis, tmp_path: Path, after: int
) -> None:
    with pytest.raises(StoppedError):
        tiled(region, tmp_path, places=100, spread=stopping(after, []))
    counts: list[int] = []
    run = tiled(region, tmp_path, places=100, resume=True, spread=stopping(-1, counts))
    same(run, whole)
    assert sum(counts) == len(run.tiles) * (1 + len(region.scenarios)) - after


def test_a_run_does_not_go_on_from_other_inputs(
    region: Region, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = replace(region, scenarios=region.scenarios[:1], risks=())
    tiled(small, tmp_path, places=500)
    moved = region.stations.assign(turnout_s=99.0)
    people = region.demand.assign(population=region.demand["population"] * 2)
    for changed, named in (
        (replace(small, parameters=revise(region.parameters, dispatch_s=30)), "parameters and standards"),
        (replace(small, parameters=revise(region.parameters, profile="ambulance")), "roads and speeds"),
        (replace(small, stations=moved), "stations"),
        (replace(small, demand=people), "demand"),
        (replace(small, agreements=()), "agreements"),
    ):
        with pytest.raises(ScaleError, match=named):
            tiled(changed, tmp_path, places=500, resume=True)
    with pytest.raises(ScaleError, match="got other tiles"):
        tiled(small, tmp_path, places=300, resume=True)
    monkeypatch.setattr("mutualaid.scale._run.version", lambda _: "0.0.1")
    with pytest.raises(ScaleError, match="got other version of mutualaid"):
        tiled(small, tmp_path, places=500, resume=True)


def test_a_further_scenario_costs_only_itself(region: Region, tmp_path: Path) -> None:
    tiled(replace(region, scenarios=region.scenarios[:2], risks=()), tmp_path, places=500)
    changed = replace(region.scenarios[1], stations_delay_s=region.scenarios[1].stations_delay_s + 1)
    counts: list[int] = []
    scenarios = (region.scenarios[0], changed, region.scenarios[2])
    other = replace(region, scenarios=scenarios, risks=())
    run = tiled(other, tmp_path, places=500, resume=True, spread=stopping(-1, counts))
    assert counts == [0, 0, len(run.tiles), len(run.tiles)]
    same(run, analyse(other))


def test_parameters_take_the_place_of_the_regions(region: Region, tmp_path: Path) -> None:
    plain = replace(region, scenarios=(), risks=(), hazards=())
    night = revise(region.parameters, hour="night")
    assert isinstance(night, Parameters)
    run = tiled(plain, tmp_path, parameters=night)
    assert run.summary == analyse(plain, parameters=night).summary
