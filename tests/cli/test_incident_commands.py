"""``mutualaid incidents``: import, review and calibrate on copies of the embedded region."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mutualaid.data import demo_path, read_region
from mutualaid.network import profile

RECORD = """Incident No,Call Date,Call Time,Dispatch Time,Enroute Time,Arrival Time,Clear Time,Unit,Latitude,Longitude
A1,2015-03-01,23:58:10,23:59:20,00:00:40,00:06:10,00:45:00,E1,43.7341,7.4164
A1,2015-03-01,23:58:10,23:59:20,00:00:40,00:06:10,00:45:00,E1,43.7341,7.4164
A2,2015-03-02,12:00:00,12:01:10,12:02:10,12:08:00,12:40:00,E1,43.7331,7.4174
A3,2015-03-03,12:00:00,12:01:10,12:02:10,12:08:00,12:40:00,E1,0,0
"""


def mutualaid(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error::FutureWarning", "-m", "mutualaid", *words]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, env=os.environ | {"NO_COLOR": "1"}
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(demo_path(), tmp_path / "region", ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    return tmp_path


def test_import_counts_every_row_and_spares_what_is_there(folder: Path) -> None:
    (folder / "cad.csv").write_text(RECORD, encoding="utf-8")
    words = ("incidents", "import", "cad.csv", "--region", "region", "--time-zone", "Europe/Monaco")
    before = (folder / "region" / "incidents.csv").read_bytes()
    refused = mutualaid(*words, cwd=folder)
    assert refused.returncode == 3
    assert (folder / "region" / "incidents.csv").read_bytes() == before
    done = mutualaid(*words, "--replace", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("4 rows: 2 kept, 2 left out, 1 mended.")
    assert "midnight" in done.stdout
    rows = read_region(folder / "region").incidents
    assert list(rows["incident"]) == ["A1", "A2"]
    assert (rows["t4"].iloc[0] - rows["t0"].iloc[0]).total_seconds() == 480, "over midnight"
    assert rows["t0"].iloc[0].isoformat() == "2015-03-01T22:58:10+00:00"
    left = (folder / "region" / "incidents_left_out.csv").read_text("utf-8").splitlines()
    assert [line.split(",")[:2] for line in left[1:]] == [["3", "equal_row"], ["5", "no_position"]]
    counts = json.loads((folder / "region" / "incidents_import.json").read_text("utf-8"))["counts"]
    assert (counts["rows"], counts["kept"], counts["left_out"]) == (4, 2, 2)


def test_import_tells_what_a_mapping_gets_wrong(folder: Path) -> None:
    (folder / "cad.csv").write_text(RECORD, encoding="utf-8")
    (folder / "map.toml").write_text(
        't9 = "Call Time"\n[format]\ntime_zone = "Mars/Olympus"\n', encoding="utf-8"
    )
    done = mutualaid(
        "incidents",
        "import",
        "cad.csv",
        "--region",
        "region",
        "--columns",
        "map.toml",
        "--replace",
        cwd=folder,
    )
    assert done.returncode == 3
    assert "t9" in done.stderr
    assert "Mars/Olympus" in done.stderr


def test_review_prints_what_the_record_says(folder: Path) -> None:
    told = json.loads(mutualaid("incidents", "review", "region", "--no-busy", "--json", cwd=folder).stdout)
    numbers = told["incidents"]
    assert sum(numbers["record"]["counts"].values()) == numbers["record"]["rows"] == 443
    done = mutualaid("incidents", "review", "region", "--no-busy", cwd=folder)
    assert done.returncode == 0, done.stderr
    whole = numbers["performance"]["all"]["segments"]["standard"]
    assert f"{whole['within_share']:.0%} (" in done.stdout
    assert "not confirmed by the record" in done.stdout
    assert "Beausoleil" in done.stdout


def test_calibrate_writes_a_profile_that_a_run_can_use(folder: Path) -> None:
    done = mutualaid("incidents", "calibrate", "region", "--name", "record", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    engine = profile(folder / "region" / "profiles" / "record.toml")
    assert engine.speed_kph["secondary"] == pytest.approx(told["speeds"]["secondary"]["kph"], abs=0.1)
    assert engine.speed_kph["secondary"] < profile("fire_engine").speed_kph["secondary"]
    toml = folder / "region" / "region.toml"
    text = toml.read_text("utf-8") + '\n[parameters]\nprofile = "profiles/record.toml"\n'
    toml.write_text(text, encoding="utf-8")
    region = read_region(folder / "region")
    assert region.parameters.profile == "profiles/record.toml"
    assert "profiles/record.toml" in {path.relative_to(region.folder).as_posix() for path in region.files}
