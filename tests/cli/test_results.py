"""What a run leaves behind: only what was read is an input, equal runs are equal, nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mutualaid.coverage import Analysis, analyse
from mutualaid.data import demo_path, read_region
from mutualaid.errors import InputError
from mutualaid.reports import RESULT_FILES, run_record, write_results

HAZARDS = [f"hazards/{path.name}" for path in sorted((demo_path() / "hazards").iterdir())]
READ = [
    "demand.csv",
    *HAZARDS,
    "hospitals.csv",
    "jurisdictions.geojson",
    "region.toml",
    "roads.osm.pbf",
    "stations.csv",
]


@pytest.fixture(scope="module")
def analysis(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    """The demo in a folder of its own."""
    folder = tmp_path_factory.mktemp("runs") / "region"
    shutil.copytree(demo_path(), folder, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    return analyse(read_region(folder))


def inputs(analysis: Analysis) -> list[str]:
    """Files that the record names."""
    return [row["file"] for row in run_record(analysis)["inputs"]]


def test_only_what_was_read_is_an_input(analysis: Analysis) -> None:
    folder = analysis.region.folder
    for name in ("big.tif", "out-night/coverage.gpkg", "results/map.html", ".hidden", "other.toml"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("not read", encoding="utf-8")

    assert inputs(analysis) == READ


def test_an_input_counts_wherever_it_lies(analysis: Analysis, tmp_path: Path) -> None:
    shutil.copytree(analysis.region.folder, tmp_path / "r")
    for place, name in (("results", "demand.csv"), (".kept", "stations.csv")):
        (tmp_path / "r" / place).mkdir(exist_ok=True)
        (tmp_path / "r" / name).rename(tmp_path / "r" / place / name)
        toml = tmp_path / "r" / "region.toml"
        toml.write_text(toml.read_text("utf-8").replace(f'"{name}"', f'"{place}/{name}"'), encoding="utf-8")
    toml.rename(toml.with_name("tonight.toml"))

    moved = replace(analysis, region=read_region(toml.with_name("tonight.toml")))

    assert inputs(moved) == [
        ".kept/stations.csv",
        *HAZARDS,
        "hospitals.csv",
        "jurisdictions.geojson",
        "results/demand.csv",
        "roads.osm.pbf",
        "tonight.toml",
    ]


def test_two_runs_differ_in_their_time_alone(tmp_path: Path) -> None:
    code = (
        "import sys; from mutualaid.coverage import analyse; from mutualaid.data import demo_path, read_region;"
        "from mutualaid.reports import write_results; write_results(analyse(read_region(demo_path())), sys.argv[1])"
    )
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", code, str(tmp_path / seed)], check=True, env=environment)

    for name in RESULT_FILES:
        one, two = ((tmp_path / seed / name).read_bytes() for seed in ("1", "2"))
        if name == "run.json":
            records: list[dict[str, Any]] = [json.loads(text) for text in (one, two)]
            assert all(record.pop("created") for record in records)
            assert records[0] == records[1]
        else:
            assert one == two, name


def test_a_run_that_fails_leaves_earlier_results_whole(
    analysis: Analysis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "results"
    write_results(analysis, out)
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def stopped(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mutualaid.reports._results.run_record", stopped)
    with pytest.raises(KeyboardInterrupt):
        write_results(analysis, out)

    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


def test_results_never_take_the_place_of_an_input(analysis: Analysis, tmp_path: Path) -> None:
    folder = tmp_path / "r"
    shutil.copytree(analysis.region.folder, folder)
    (folder / "jurisdictions.geojson").rename(folder / "gaps.geojson")
    toml = folder / "region.toml"
    text = toml.read_text("utf-8").replace("jurisdictions.geojson", "gaps.geojson")
    toml.write_text(text, encoding="utf-8")
    kept = (folder / "gaps.geojson").read_bytes()

    with pytest.raises(InputError, match=r"without files that the region reads; got gaps\.geojson"):
        write_results(replace(analysis, region=read_region(folder)), folder)

    assert (folder / "gaps.geojson").read_bytes() == kept
    assert not (folder / "map.html").exists()
