"""The map of a country: its numbers are those of the run, and it stays small."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from mutualaid.maps import PartPages, SquareCounts, country_map, part_file, save_offline, touched_roads
from mutualaid.maps._country_parts import part_names
from mutualaid.maps._layers import PageLayer, Stage
from mutualaid.maps._squares import _laid, _most
from mutualaid.scale._tiles import tile_rows


def _pieces(run: Any) -> list[Any]:
    return [np.flatnonzero(run.tile == k) for k in run.tiles.index]


@pytest.fixture(scope="module")
def counts(tiled_demo: Any) -> SquareCounts:
    found = SquareCounts(tiled_demo, _pieces(tiled_demo))
    for key, result in tiled_demo.scenarios.items():
        found.add(key, result.coverage, result.layers)
    return found


@pytest.fixture(scope="module")
def page(tiled_demo: Any, counts: SquareCounts) -> Any:
    small = {key: touched_roads(result) for key, result in tiled_demo.scenarios.items()}
    return country_map(tiled_demo, counts, small, languages=["en", "fr"])


def _stage(page: Any) -> dict[str, Any]:
    return next(child.options for child in page._children.values() if isinstance(child, Stage))


def _unpacked(table: dict[str, Any]) -> dict[str, np.ndarray[Any, Any]]:
    raw, at, found = zlib.decompress(base64.b64decode(table["z"])), 0, {}
    for name, count, width in table["columns"]:
        planes = np.frombuffer(raw[at : at + count * width], np.uint8).reshape(width, count).astype(np.int64)
        folded = sum(plane << (8 * k) for k, plane in enumerate(planes))
        found[name] = np.cumsum((folded >> 1) ^ -(folded & 1))
        at += count * width
    return found


def test_squares_hold_everybody_once(tiled_demo: Any, page: Any) -> None:
    data = next(
        c.data for c in page._children.values() if isinstance(c, PageLayer) and c.factory == "squares"
    )
    for table, people in ((data["table"], True), *((one, False) for one in data["states"].values())):
        columns = _unpacked(table)
        status = np.sum([v for k, v in columns.items() if k.startswith("status_")], axis=0)
        bands = np.sum([v for k, v in columns.items() if k.startswith("joint_band_")], axis=0)
        assert status.sum() / 10 == pytest.approx(tiled_demo.coverage["population"].sum(), rel=1e-3)
        assert np.abs(status - bands).max() <= 8  # both rounded to a tenth, class by class
        if people:
            assert np.abs(columns["population"] - status).max() <= 8


def test_a_square_says_what_its_places_do(tiled_demo: Any, counts: SquareCounts) -> None:
    covered = tiled_demo.coverage
    squares = counts.squares()
    for row in squares.itertuples():
        own = covered[covered.within(row.geometry)]
        assert row.population == pytest.approx(own["population"].sum(), abs=0.06)
        late = own["population"][~own["joint_covered"]].sum()
        assert row.joint_gap == pytest.approx(late, abs=0.06)


def test_numbers_of_the_page_are_those_of_the_summary(tiled_demo: Any, page: Any) -> None:
    stage, headline = _stage(page), tiled_demo.summary["headline"]
    assert stage["totals"]["joint"] == pytest.approx(headline["covered_joint"], abs=0.001)
    parts = stage["country"]["parts"]
    assert [part["page"] for part in parts] == [part_file(k) for k in range(3)]
    for at, level in enumerate(("alone", "agreed", "joint")):
        reached = sum(part["reached"][""][at] for part in parts)
        assert reached == pytest.approx(headline[f"covered_{level}"], abs=0.2)
        for key, numbers in tiled_demo.summary["hazards"]["scenarios"].items():
            assert sum(part["reached"][key][at] for part in parts) == pytest.approx(
                numbers["total"][level], abs=0.2
            )


def test_parts_are_named_after_where_most_people_live(tiled_demo: Any) -> None:
    names = tiled_demo.region.jurisdictions["name"]
    people = tiled_demo.coverage.groupby([tiled_demo.tile, "jurisdiction"])["population"].sum()
    for tile, found in part_names(tiled_demo).items():
        assert found[0] == names[people.loc[tile].idxmax()]
        assert len(found) <= 2


def test_page_of_a_part_has_its_places_and_knows_the_way_back(tiled_demo: Any) -> None:
    small = {key: touched_roads(result) for key, result in tiled_demo.scenarios.items()}
    pieces = _pieces(tiled_demo)
    pages = PartPages(
        tiled_demo, small, lambda key, tile: tiled_demo.scenarios[key].coverage.iloc[pieces[tile]]
    )
    total = 0.0
    for tile in tiled_demo.tiles.index:
        stage = _stage(pages.page(tile, ["en"]))
        own = tiled_demo.coverage.iloc[pieces[tile]]
        assert stage["part"]["overview"] == "../map.html"
        assert stage["totals"]["population"] == pytest.approx(own["population"].sum())
        assert stage["totals"]["joint"] == pytest.approx(own["population"][own["joint_covered"]].sum())
        for facts in stage["scenarios"]:
            under = tiled_demo.scenarios[facts["id"]].coverage.iloc[pieces[tile]]
            held = under["population"][under["joint_covered"]].sum()
            assert facts["totals"]["joint"] == pytest.approx(held, abs=0.01)
        total += stage["totals"]["joint"]
    assert total == pytest.approx(tiled_demo.summary["headline"]["covered_joint"], abs=0.01)


def test_a_part_without_the_land_of_a_hazard_maps_owner_is_drawn(demo_in_tiles: Callable[[int], Any]) -> None:
    run, tile = demo_in_tiles(1), np.zeros(len(demo_in_tiles(1).tile), dtype=np.int64)
    rows = tile_rows(run.demand, places=150)
    for k, own in enumerate(rows):
        tile[own] = k
    boxes = [shapely.box(*run.coverage.geometry.iloc[own].total_bounds) for own in rows]
    people = np.bincount(tile, weights=run.coverage["population"])
    tiles = gpd.GeoDataFrame(
        {"places": np.bincount(tile), "population": people},
        geometry=boxes,
        index=pd.RangeIndex(len(rows), name="tile"),
        crs=run.region.crs,
    )
    run = replace(run, tile=tile, tiles=tiles)
    small = {key: touched_roads(result) for key, result in run.scenarios.items()}
    pieces = _pieces(run)
    pages = PartPages(run, small, lambda key, tile: run.scenarios[key].coverage.iloc[pieces[tile]])
    owners = {layer.jurisdiction for layer in run.layers.layers if layer.jurisdiction}
    lands = {k: pages._part(k).region.jurisdictions for k in run.tiles.index}
    without = [k for k, own in lands.items() if not owners <= {*own.index, *own["country"], *own["partner"]}]
    assert without
    for k in without[:2]:
        pages.page(k, ["en"])


def test_equal_runs_give_equal_pages(tiled_demo: Any, tmp_path: Path) -> None:
    texts = []
    for name in ("a", "b"):
        one = SquareCounts(tiled_demo, _pieces(tiled_demo))
        save_offline(country_map(tiled_demo, one, {}), tmp_path / name)
        texts.append((tmp_path / name).read_bytes())
    assert texts[0] == texts[1]
    assert len(texts[0]) < 1_000_000


@pytest.mark.parametrize("most", [4, 7, 40, 1_000])
def test_squares_are_the_finest_that_are_few_enough(most: int) -> None:
    at = np.random.default_rng(3).uniform(-70_000, 90_000, (500, 2))
    side, corner, shape, square, cells = _laid(at, 100.0, most)
    assert len(cells) <= most
    low = np.asarray(corner) + cells[square] * side
    assert ((at >= low) & (at < low + side)).all()
    assert (cells < shape).all()
    finer = {7: 50_000.0, 40: 20_000.0}.get(most)
    if finer and finer < side:
        assert len(np.unique(np.floor(at / finer), axis=0)) > most


def test_most_is_by_people_and_the_lower_of_equals() -> None:
    row, code = np.array([0, 0, 0, 1, 1]), np.array([2, 1, 1, 3, 0])
    assert _most(row, code, np.array([3.0, 2.0, 2.0, 1.0, 1.0]), 2).tolist() == [1, 0]


def test_a_table_of_thousands_of_municipalities_is_cut(
    tiled_demo: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mutualaid.maps._country._ROWS", 2)
    counts = SquareCounts(tiled_demo, _pieces(tiled_demo))
    stage = _stage(country_map(tiled_demo, counts, {}, languages=["en"]))
    late = pd.Series(
        {one["name"]: one["alone"]["gap"] for one in tiled_demo.summary["common"]["jurisdictions"].values()}
    )
    assert {one["name"] for one in stage["jurisdictions"]} == set(late.nlargest(2).index)
    assert stage["country"]["left_out"] == len(late) - 2
