"""The command line in tiles: the same files whoever works on them, stopped and gone on with, and clear refusals."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest

from mutualaid.data import demo_path
from mutualaid.reports import TILED_FILES

COMMAND = [sys.executable, "-W", "error::FutureWarning", "-m", "mutualaid"]
ENVIRONMENT = os.environ | {"NO_COLOR": "1", "COLUMNS": "200"}


def mutualaid(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example without its record of incidents, which is not what is tried here."""
    folder = tmp_path_factory.mktemp("scale") / "region"
    shutil.copytree(demo_path(), folder, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    text = (folder / "region.toml").read_text("utf-8")
    before, _, after = text.partition("[incidents]")
    _, bracket, rest = after.partition("\n[")
    (folder / "region.toml").write_text(before + bracket.lstrip("\n") + rest, "utf-8")
    return folder


def run(home: Path, out: str, *words: str) -> Path:
    done = mutualaid("run", home, "--out", home.parent / out, "--lang", "en", "--no-record", *words)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in home.parent.iterdir() if "unfinished" in path.name] == []
    return home.parent / out


@pytest.fixture(scope="module")
def whole(home: Path) -> Path:
    return run(home, "whole")


def numbers(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "summary.json").read_text("utf-8"))
    return found


def same_files(one: Path, other: Path) -> None:
    """Hold two folders of results against each other, file by file; only the moment and the seconds may differ."""
    names = sorted(path.name for path in one.iterdir())
    assert sorted(path.name for path in other.iterdir()) == names
    for name in names:
        if name == "run.json":
            ours, theirs = (json.loads((folder / name).read_text("utf-8")) for folder in (one, other))
            for changing in ("created", "seconds"):
                del ours[changing], theirs[changing]
            assert ours == theirs
        elif name.endswith(".gpkg"):
            layers = [pyogrio.list_layers(folder / name).tolist() for folder in (one, other)]
            assert layers[0] == layers[1]
            for layer, _ in layers[0]:
                ours, theirs = (gpd.read_file(folder / name, layer=layer) for folder in (one, other))
                pd.testing.assert_frame_equal(pd.DataFrame(ours), pd.DataFrame(theirs), check_exact=True)
        else:
            assert (one / name).read_bytes() == (other / name).read_bytes(), name


def test_two_workers_write_the_files_of_one_process(home: Path, whole: Path) -> None:
    same_files(run(home, "workers", "--workers", "2", "--tile-places", "500"), whole)


def test_an_overview_has_the_same_numbers(home: Path, whole: Path) -> None:
    folder = run(home, "overview", "--overview", "--tile-places", "700")
    known = {Path(re.sub("-(N|ID)", "-*", name)).parts[0] for name in TILED_FILES}
    names = {path.name for path in folder.iterdir()}
    assert all(any(fnmatch(name, pattern) for pattern in known) for name in names), names
    assert {"map.html", "map", "coverage.parquet", "gaps.fgb", "summary.json", "run.json"} <= names
    found = numbers(folder)
    theirs = numbers(whole)
    for part in ("headline", "common", "local", "gaps", "hazards", "stations", "parameters", "targets"):
        assert found[part] == theirs[part], part
    people = gpd.read_parquet(folder / "coverage.parquet")
    assert people["population"].sum() == pytest.approx(theirs["headline"]["population"])


def test_a_stopped_run_goes_on_from_its_finished_tiles(home: Path, whole: Path) -> None:
    out = home.parent / "stopped"
    words = ["run", str(home), "--out", str(out), "--lang", "en", "--no-record", "--tile-places", "50"]
    process = subprocess.Popen([*COMMAND, *words], stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    unfinished = out.with_name("stopped.unfinished")
    until = time.monotonic() + 120
    while len(list(unfinished.glob("*/tile-*.zip"))) < 3:
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Stopped" in told
    assert f"Finished tiles are kept in {unfinished}; go on from them with --resume." in told
    assert not out.exists()
    kept = {path: path.stat().st_mtime_ns for path in unfinished.glob("*/tile-*.zip")}
    other = mutualaid(*words, "--resume", "--dispatch-s", "45")
    assert other.returncode == 3
    assert "got other parameters and standards. Remedy: run without --resume" in other.stderr
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    done = mutualaid(*words, "--resume")
    assert done.returncode == 0, done.stderr
    assert not unfinished.exists()
    assert numbers(out) == numbers(whole)


def test_there_must_be_something_to_resume(home: Path) -> None:
    done = mutualaid("run", home, "--out", home.parent / "none", "--resume")
    assert done.returncode == 3
    assert "expected an unfinished run to go on from; got nothing there" in done.stderr


def test_workers_and_a_cluster_are_two_ways(home: Path) -> None:
    done = mutualaid("run", home, "--workers", "2", "--cluster", "tcp://127.0.0.1:1")
    assert done.returncode == 2
    assert "the cluster has its own workers" in " ".join(done.stderr.replace("│", " ").split())


def test_a_scheduler_that_is_not_there_is_told_at_once(home: Path) -> None:
    done = mutualaid("run", home, "--cluster", "tcp://127.0.0.1:1")
    assert done.returncode == 3
    assert "tcp://127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr
