"""The command line on the embedded region: what it writes, prints and answers."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from mutualaid.cli import app
from mutualaid.reports import RESULT_FILES

ROOT = Path(__file__).resolve().parents[2]


def mutualaid(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does, in a process of its own."""
    command = [sys.executable, "-W", "error::FutureWarning", "-m", "mutualaid", *words]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, env=os.environ | {"NO_COLOR": "1"}
    )


Demo = tuple[Path, subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo")
    return folder / "mutualaid-demo", mutualaid("demo", cwd=folder)


def test_demo_writes_every_result(demo: Demo) -> None:
    folder, done = demo
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (folder / "results").iterdir()) == sorted(RESULT_FILES)
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == [], "leftovers"
    for file in RESULT_FILES:
        assert file in done.stdout


def test_demo_prints_what_summary_json_holds(demo: Demo) -> None:
    folder, done = demo
    total = json.loads((folder / "results" / "summary.json").read_text("utf-8"))["common"]["total"]
    for number in (total["population"], total["closed_by_joint"], total["remaining"]):
        assert f"{number:,.0f}" in done.stdout


def test_demo_prints_what_agreements_bring_and_who_depends_on_whom(demo: Demo) -> None:
    folder, done = demo
    told = json.loads((folder / "results" / "summary.json").read_text("utf-8"))
    head, numbers, lines = told["headline"], told["cooperation"], done.stdout.splitlines()
    heads = next(line for line in lines if line.startswith("reached within the standard"))
    assert heads.split()[4:8] == ["people", "alone", "agreed", "joint"]
    town = told["common"]["jurisdictions"]["FR-beausoleil"]
    row = next(line for line in lines if line.startswith("Beausoleil")).split()
    assert row[2:5] == [
        "<1%",
        f"{town['agreed']['covered_share']:.0%}",
        f"{town['joint']['covered_share']:.0%}",
    ]
    flood = told["hazards"]["scenarios"]["coast_20"]["total"]
    row = next(line for line in lines if line.startswith("Coastal flood, 20 years *")).split("*")[1].split()
    assert row[1] == f"{flood['agreed'] / flood['population']:.0%}"
    part = head["closed_by_agreed"] / head["closed_by_joint"]
    assert f"{part:.0%} of the {head['closed_by_joint']:,.0f} of a joint team" in done.stdout
    depends = next(
        one for one in numbers["dependence"] if one["level"] == "joint" and one["place"] == "FR-la-turbie"
    )
    assert f"La Turbie ({depends['share']:.0%})" in done.stdout
    even = numbers["break_even"][0]["break_even_s"]
    assert f"beyond {int(even // 60)}:{int(even % 60):02} min, nothing" in done.stdout
    for note in (numbers["agreements"][0]["note"], *numbers["notes"]):
        assert note in done.stdout


def test_demo_sites_two_stations_and_proves_it(demo: Demo) -> None:
    folder, done = demo
    numbers = json.loads((folder / "results" / "summary.json").read_text("utf-8"))["siting"]
    total = next(row for row in numbers["gains"] if row["kind"] == "all" and row["weather"] == "")
    assert f"2 new stations would bring {total['gained']:,.0f} people more in time" in done.stdout
    # What is cut off by a time limit would hang on how fast the machine is.
    solved = [numbers["plan"], *numbers["plans"], *numbers["curve"], *numbers["time_curve"]]
    assert {one["status"] for one in solved} == {"optimal"}
    assert all(one["gap"] == 0 for one in solved)
    assert numbers["separate"]["price_people"] == pytest.approx(
        sum(row["joint"] - row["separate"] for row in numbers["separate"]["partners"]), abs=0.01
    )


def test_readme_shows_what_the_demo_prints(demo: Demo) -> None:
    printed = demo[1].stdout.split("Standard:")[1].splitlines()
    readme = (ROOT / "README.md").read_text("utf-8")
    assert [line for line in printed if line.strip() and line.rstrip() not in readme] == []
    closed = json.loads((demo[0] / "results" / "summary.json").read_text("utf-8"))["headline"][
        "closed_by_joint"
    ]
    assert f"# {closed} people" in readme


def test_layers_and_times_open_and_agree_with_the_summary(
    demo: Demo,
) -> None:
    results = demo[0] / "results"
    layers = set(pyogrio.list_layers(results / "coverage.gpkg")[:, 0])
    assert {"coverage", "gaps", "isochrones", "stations", "jurisdictions", "crossings"} <= layers
    total = json.loads((results / "summary.json").read_text("utf-8"))["common"]["total"]
    cells = gpd.read_file(results / "coverage.gpkg", layer="coverage")
    own = cells.loc[cells["status"] == "own", "population"].sum()
    assert own == pytest.approx(total["alone"]["covered"], abs=1)
    gaps = gpd.read_file(results / "gaps.geojson")
    assert gaps.crs == 4326
    left = gaps.loc[gaps["level"] == "joint", "population"].sum()
    assert left == pytest.approx(total["population"] - total["joint"]["covered"], abs=1)
    times = pd.read_parquet(results / "response_times.parquet")
    assert (times["drive_s"] >= 0).all()


def test_run_record_names_inputs_by_hash_and_no_place_on_this_machine(
    demo: Demo,
) -> None:
    folder, _ = demo
    text = (folder / "results" / "run.json").read_text("utf-8")
    record = json.loads(text)
    stations = next(row for row in record["inputs"] if row["file"].startswith("stations"))
    digest = hashlib.sha256((folder / "region" / stations["file"]).read_bytes()).hexdigest()
    assert stations["sha256"] == digest
    assert str(folder) not in text
    assert record["versions"]["mutualaid"]


def test_run_takes_what_the_user_changed(demo: Demo, tmp_path: Path) -> None:
    region = tmp_path / "region"
    shutil.copytree(demo[0] / "region", region)
    slow = mutualaid("run", "region", "--dispatch-s", "600", "--json", cwd=tmp_path)
    assert slow.returncode == 0, slow.stderr
    answer = json.loads(slow.stdout)
    assert answer["summary"]["parameters"]["dispatch_s"] == 600
    total = answer["summary"]["common"]["total"]
    assert total["joint"]["covered"] == total["alone"]["covered"]
    assert Path(tmp_path / answer["files"]["map.html"]).is_file()


def test_check_prints_defects_with_remedies_and_code_3(demo: Demo, tmp_path: Path) -> None:
    region = tmp_path / "region"
    shutil.copytree(demo[0] / "region", region)
    good = mutualaid("check", "region", cwd=tmp_path)
    assert (good.returncode, good.stdout.strip()) == (0, "No defects found.")
    settings = region / "region.toml"
    settings.write_text(settings.read_text("utf-8") + '\n[surprise]\nkey = "[bold]x"\n', "utf-8")
    bad = mutualaid("check", "region", cwd=tmp_path)
    assert bad.returncode == 3
    assert "surprise" in bad.stderr
    assert "Remedy:" in bad.stderr
    machine = mutualaid("run", "region", "--json", cwd=tmp_path)
    assert machine.returncode == 3
    assert json.loads(machine.stdout)["defects"][0]["file"] == "region.toml"
    assert not (region / "results").exists()


def test_values_that_the_file_may_not_hold_are_refused_on_the_command_line_too(
    demo: Demo, tmp_path: Path
) -> None:
    region = str(demo[0] / "region")
    wrong = mutualaid(
        "run", region, "--out", "out", "--hour", "Night", "--crossing-s", "99999999", cwd=tmp_path
    )
    assert wrong.returncode == 3
    assert "[parameters] hour" in wrong.stderr
    assert "did you mean night" in wrong.stderr
    assert "[parameters] crossing_s" in wrong.stderr
    assert list(tmp_path.iterdir()) == []


def test_results_that_cannot_be_written_are_refused_before_the_work(demo: Demo, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    done = mutualaid("run", str(demo[0] / "region"), "--out", "taken", cwd=tmp_path)
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert "--out" in done.stderr
    assert (tmp_path / "taken").read_text() == "a file"


@pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_leaves_nothing_behind(number: int, code: int, shared_data: Path, tmp_path: Path) -> None:
    extract = shared_data / "liechtenstein" / "liechtenstein-2024-03-04.osm.pbf"
    words = ["new", "region", "--pbf", str(extract), "--admin-level", "8"]
    command = [sys.executable, "-m", "mutualaid", *words]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + 30
        while not list(tmp_path.glob(".region-*")) and process.poll() is None and time.monotonic() < until:
            time.sleep(0.001)
        assert list(tmp_path.glob(".region-*")), "it is at work"
        process.send_signal(number)
        _, told = process.communicate(timeout=30)
    assert process.returncode == code
    assert told == "Stopped; nothing was written.\n"
    assert list(tmp_path.iterdir()) == []


def test_wrong_use_is_code_2(tmp_path: Path) -> None:
    assert mutualaid("run", cwd=tmp_path).returncode == 2
    assert mutualaid("new", "region", cwd=tmp_path).returncode == 2


@pytest.mark.parametrize("command", sorted(get_command(app).commands))  # type: ignore[attr-defined]
def test_every_command_has_help_and_is_documented(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"])
    assert shown.exit_code == 0
    assert len(shown.output.split()) > 12
    assert f"mutualaid {command}" in (ROOT / "README.md").read_text("utf-8")
