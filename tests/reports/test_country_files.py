"""A run in tiles as files: exactly what was computed, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyarrow.parquet as pq
import pyogrio
import pytest
from geopandas.testing import assert_geodataframe_equal

from mutualaid.coverage import Analysis
from mutualaid.errors import InputError
from mutualaid.reports import TILED_FILES, write_tiled


@pytest.fixture(scope="module")
def written(tiled_demo: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_tiled(tiled_demo, tmp_path_factory.mktemp("country") / "out", languages=["en"])


def test_geoparquet_holds_exactly_what_was_computed(written: dict[str, Path], tiled_demo: Any) -> None:
    found = gpd.read_parquet(written["coverage.parquet"])
    assert_geodataframe_equal(found.loc[tiled_demo.coverage.index], tiled_demo.coverage)
    with pq.ParquetFile(written["coverage.parquet"]) as file:
        groups = [file.metadata.row_group(k).num_rows for k in range(file.metadata.num_row_groups)]
    assert groups == np.bincount(tiled_demo.tile).tolist()


def test_a_box_of_the_file_finds_the_places_in_it(written: dict[str, Path], tiled_demo: Any) -> None:
    box = tuple(tiled_demo.tiles.geometry.iloc[0].bounds)
    found = gpd.read_parquet(written["coverage.parquet"], bbox=box)
    inside = tiled_demo.coverage.cx[box[0] : box[2], box[1] : box[3]]
    assert 0 < len(inside) < len(tiled_demo.coverage)
    assert set(found.index) == set(inside.index)


@pytest.mark.parametrize("which", ["wildfire", "coast_20", "coast_100", "storm"])
def test_scenarios_are_written_as_they_are(written: dict[str, Path], tiled_demo: Any, which: str) -> None:
    found = gpd.read_parquet(written[f"scenario-{which}.parquet"])
    expected = tiled_demo.scenarios[which].coverage
    assert_geodataframe_equal(found.loc[expected.index], expected[found.columns])
    assert {"loss", "severity", "isolated", "joint_s", "fair_joint_s"} <= set(found.columns)


def test_flatgeobuf_is_for_a_gis(written: dict[str, Path], tiled_demo: Any) -> None:
    found = gpd.read_file(written["coverage.fgb"]).set_index("id").loc[tiled_demo.coverage.index]
    assert found.crs == tiled_demo.region.crs
    never = ~np.isfinite(tiled_demo.coverage["alone_s"])
    assert never.any()
    assert found["alone_s"].isna().eq(never).all()  # a classifier breaks on inf
    assert np.array_equal(found["alone_s"][~never], tiled_demo.coverage["alone_s"][~never])
    assert len(gpd.read_file(written["gaps.fgb"])) == len(tiled_demo.gaps)
    assert len(gpd.read_file(written["stations.fgb"])) == len(tiled_demo.stations)


def test_tiles_say_who_is_in_gaps(written: dict[str, Path], tiled_demo: Any) -> None:
    tiles = gpd.read_file(written["tiles.fgb"]).set_index("tile").sort_index()
    left = tiled_demo.coverage["population"].where(~tiled_demo.coverage["joint_covered"], 0)
    assert tiles["joint_gap"].to_numpy() == pytest.approx(
        left.groupby(tiled_demo.tile).sum().to_numpy(), abs=0.002
    )
    headline = tiled_demo.summary["headline"]
    assert tiles["joint_covered"].sum() == pytest.approx(headline["covered_joint"], abs=0.01)


def test_vector_tiles_hold_everybody_at_close_zooms_and_few_columns(
    written: dict[str, Path], tiled_demo: Any
) -> None:
    found = gpd.read_file(written["coverage.pmtiles"])
    assert len(found) >= len(tiled_demo.coverage)  # those at the edge of a tile are in two
    assert set(found["jurisdiction"]) == set(tiled_demo.coverage["jurisdiction"])
    assert not any("turnout" in name for name in found.columns)
    squares = gpd.read_file(written["overview.pmtiles"])
    assert {"population", "joint_gap"} <= set(squares.columns)
    zooms = {
        name: (about["minzoom"], about["maxzoom"])
        for name in ("overview", "coverage")
        for about in [pyogrio.read_info(written[f"{name}.pmtiles"])["dataset_metadata"]]
    }
    assert zooms == {"overview": ("0", "9"), "coverage": ("10", "11")}


def test_without_the_driver_the_rest_is_written_and_the_record_says_so(
    tiled_demo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pyogrio, "list_drivers", lambda: {"FlatGeobuf": "rw", "PMTiles": "r"})
    small = replace(tiled_demo, scenarios={})
    found = write_tiled(small, tmp_path / "out", languages=["en"])
    assert "coverage.fgb" in found
    assert not any(name.endswith(".pmtiles") for name in found)
    record = json.loads(found["run.json"].read_text("utf-8"))
    assert set(record["not_written"]) == {"overview.pmtiles", "coverage.pmtiles"}
    assert "PMTiles" in record["not_written"]["coverage.pmtiles"]


def test_every_file_has_a_purpose_and_numbers_are_those_of_the_run(
    written: dict[str, Path], tiled_demo: Any
) -> None:
    patterns = [name.replace("-N", "-*").replace("-ID", "-*") for name in TILED_FILES]
    assert all(any(Path(name).match(one) for one in patterns) for name in written)
    assert next(iter(written)) == "map.html"
    assert [name for name in written if name.startswith("map/")] == [f"map/tile-{k}.html" for k in range(3)]
    summary = json.loads(written["summary.json"].read_text("utf-8"))
    assert summary["headline"] == tiled_demo.summary["headline"]


def test_files_of_an_earlier_run_go_and_others_stay(tiled_demo: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "map").mkdir(parents=True)
    # Of a run in tiles, of one in one piece, and of nobody.
    for name in (
        "run.json",
        "map/tile-77.html",
        "scenario-gone.parquet",
        "coverage.gpkg",
        "siting.png",
        "notes.txt",
    ):
        (out / name).write_text("earlier", "utf-8")
    write_tiled(replace(tiled_demo, scenarios={}), out, languages=["en"])
    assert not (out / "map/tile-77.html").exists()
    assert not (out / "scenario-gone.parquet").exists()
    assert not (out / "coverage.gpkg").exists()
    assert not (out / "siting.png").exists()
    assert (out / "notes.txt").read_text("utf-8") == "earlier"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]  # nothing is left beside it


def test_a_run_that_fails_leaves_earlier_results(
    tiled_demo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "map.html").write_text("earlier", "utf-8")

    def fails(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("mutualaid.reports._country_files.country_map", fails)
    with pytest.raises(InputError, match="expected room for the results; got OSError: disk full"):
        write_tiled(replace(tiled_demo, scenarios={}), out)
    assert (out / "map.html").read_text("utf-8") == "earlier"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_inputs_are_spared(tiled_demo: Any, tmp_path: Path) -> None:
    region = replace(tiled_demo.region, files=(tmp_path / "coverage.parquet",))
    with pytest.raises(InputError, match=r"coverage\.parquet"):
        write_tiled(replace(tiled_demo, region=region), tmp_path)


def test_a_column_of_the_name_of_the_boxes_is_refused(tiled_demo: Any, tmp_path: Path) -> None:
    strange = replace(tiled_demo, coverage=tiled_demo.coverage.assign(bbox=1.0), scenarios={})
    with pytest.raises(InputError, match="bbox"):
        write_tiled(strange, tmp_path / "out")


def test_tiled_runs_of_any_cut_have_the_same_map_numbers(
    demo_in_tiles: Callable[[int], Any], demo_analysis: Analysis
) -> None:
    from mutualaid.maps import SquareCounts
    from mutualaid.reports._country_files import _pieces

    for count in (1, 4):
        run = demo_in_tiles(count)
        counts = SquareCounts(run, _pieces(run))
        covered = demo_analysis.summary["common"]["total"]["joint"]["covered"]
        assert counts.parts[""][:, -1].sum() == pytest.approx(covered, abs=0.01)
        assert counts.people.sum() == pytest.approx(demo_analysis.coverage["population"].sum())
