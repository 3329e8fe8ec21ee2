"""``mutualaid history``, ``compare``, ``decide``, ``report`` on copies of the embedded region; what a run leaves."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mutualaid.data import demo_path, read_region
from mutualaid.reports import changed_inputs, find_record, read_records, region_of


def mutualaid(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error::FutureWarning", "-m", "mutualaid", *words]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, env=os.environ | {"NO_COLOR": "1"}
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A region that was run, then lost a station and was run again; hazards and incidents are left out, for speed."""
    folder = tmp_path_factory.mktemp("memory")
    shutil.copytree(demo_path(), folder / "region", ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    toml = folder / "region" / "region.toml"
    text = re.sub(r"\[\[(hazard|scenario|risk)\]\].*?(?=\n\[)", "", toml.read_text("utf-8"), flags=re.DOTALL)
    text = re.sub(r"\n\[evacuation.*?(?=\n# Incidents)", "\n", text, flags=re.DOTALL)
    toml.write_text(text.replace('[incidents]\nfile = "incidents.csv"\n', ""), encoding="utf-8")
    first = mutualaid("run", "region", "--note", "with three stations", "--lang", "en", cwd=folder)
    assert first.returncode == 0, first.stderr
    stations = pd.read_csv(folder / "region" / "stations.csv")
    gone = stations["name"] != "Caserne de Fontvieille"
    assert (~gone).sum() == 1
    stations[gone].to_csv(folder / "region" / "stations.csv", index=False)
    second = mutualaid("run", "region", "--note", "two left", "--lang", "en", cwd=folder)
    assert second.returncode == 0, second.stderr
    assert "Remembered in region/runs" in second.stdout
    return folder


def test_each_run_leaves_a_record_that_names_its_numbers_and_no_place(folder: Path) -> None:
    records = read_records(folder / "region")
    assert [one.note for one in records] == ["with three stations", "two left"]
    summary = json.loads((folder / "region/results/summary.json").read_text("utf-8"))
    assert records[1].value("headline.covered_joint") == summary["headline"]["covered_joint"]
    for one in records:
        assert str(folder) not in one.path.read_text("utf-8")
    stations = {one["sha256"] for record in records for one in record.inputs if one["file"] == "stations.csv"}
    kept = {path.name for path in (folder / "region/runs/inputs").iterdir()}
    assert len(stations) == 2
    assert stations <= kept


def test_history_shows_both_runs(folder: Path) -> None:
    done = mutualaid("history", "region", "--json", "--indicator", "headline.covered_alone", cwd=folder)
    rows = json.loads(done.stdout)["runs"]
    assert [row["note"] for row in rows] == ["with three stations", "two left"]
    before, after = (find_record(folder / "region", name) for name in ("previous", "latest"))
    assert [row["headline.covered_alone"] for row in rows] == [
        before.value("headline.covered_alone"), after.value("headline.covered_alone")
    ]  # fmt: skip
    shown = mutualaid("history", "region", "--out", "told", cwd=folder)
    assert "two left" in shown.stdout
    assert {path.name for path in (folder / "told").iterdir()} == {"history.csv", "history.png"}
    wrong = mutualaid("history", "region", "--indicator", "headline.joy", cwd=folder)
    assert wrong.returncode == 3
    assert "headline.joy" in wrong.stderr


def test_compare_gives_the_change_to_the_stations(folder: Path) -> None:
    done = mutualaid(
        "compare", "previous", "latest", "--region", "region", "--out", "changes", "--json", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["comparison"]
    assert [one["part"] for one in found["parts"] if one["changed"]] == ["stations"]
    before, after = (find_record(folder / "region", name) for name in ("previous", "latest"))
    joint = found["total"]["covered_joint"]
    change = after.value("headline.covered_joint") - before.value("headline.covered_joint")
    assert joint["change"] == pytest.approx(change, abs=0.01)
    assert joint["parts"]["stations"]["change"] == pytest.approx(change, abs=0.01)
    assert change < 0
    assert (folder / "changes" / "difference.gpkg").exists()
    plain = mutualaid("compare", "previous", "--region", "region", cwd=folder)
    assert plain.stdout.splitlines()[: len(found["words"])] == found["words"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["compare", "yesterday", "--region", "region"], "yesterday"),
        (["compare", "latest", "--region", "nowhere"], "nowhere"),
        (["report", "region", "--level", "friends"], "own, partners, public"),
        (["report", "region", "--lang", "tlh"], "tlh"),
        (["report", "region", "--layout", "rows"], "columns"),
        (["report", "region", "--since", "previous", "--level", "public"], "own"),
        (["report", "region", "--out", "."], "folder"),
        (["incidents", "review", "region"], "incidents import"),
    ],
)
def test_what_cannot_be_done_is_told_with_the_remedy(folder: Path, words: list[str], said: str) -> None:
    done = mutualaid(*words, cwd=folder)
    assert done.returncode == 3, (done.stdout, done.stderr)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_report_of_changed_files_is_computed_again(folder: Path, tmp_path: Path) -> None:
    region = tmp_path / "region"
    shutil.copytree(folder / "region", region)
    fresh = mutualaid("report", "region", "--lang", "de,en", "--json", "--since", "previous", cwd=tmp_path)
    assert fresh.returncode == 0, fresh.stderr
    assert "Computing" not in fresh.stderr
    files: dict[str, Any] = json.loads(fresh.stdout)["files"]
    page = (tmp_path / files["report.html"]).read_text("utf-8")
    assert {"report.html", "briefing.html", "report.json", "tables/coverage.csv"} <= set(files)
    assert 'lang="de"' in page
    assert "Caserne de Fontvieille" in page, "what changed since names the station that went"
    demand = pd.read_csv(region / "demand.csv", dtype={"cell_x": "str", "cell_y": "str"})
    demand.assign(population=2 * demand["population"]).to_csv(region / "demand.csv", index=False)
    again = mutualaid("report", "region", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "demand.csv" in again.stderr
    summary = json.loads((region / "results" / "summary.json").read_text("utf-8"))
    assert summary["headline"]["population"] == pytest.approx(2 * 66171, abs=1)
    raw = f'value="{summary["headline"]["population"]}"'
    assert raw in Path(region / "report" / "report.html").read_text("utf-8")


def test_results_that_are_named_are_reported_or_refused_and_never_computed_again(
    folder: Path, tmp_path: Path
) -> None:
    region = tmp_path / "region"
    shutil.copytree(folder / "region", region, ignore=shutil.ignore_patterns("runs"))
    before = (region / "results" / "summary.json").read_bytes()
    demand = pd.read_csv(region / "demand.csv", dtype="str")
    demand.iloc[1:].to_csv(region / "demand.csv", index=False)
    done = mutualaid("report", "region", "--results", "region/results", cwd=tmp_path)
    assert done.returncode == 3
    assert "demand.csv" in done.stderr
    assert (region / "results" / "summary.json").read_bytes() == before
    assert not (region / "report").exists()


def test_a_profile_that_was_asked_for_is_an_input_of_the_run(folder: Path, tmp_path: Path) -> None:
    region = tmp_path / "region"
    shutil.copytree(folder / "region", region, ignore=shutil.ignore_patterns("runs", "results", "report"))
    (region / "profiles").mkdir()
    slow = '[slow]\nbased_on = "fire_engine"\njunction_s = 20.0\n'
    (region / "profiles" / "slow.toml").write_text(slow, encoding="utf-8")
    words = ("run", "region", "--profile", "profiles/slow.toml", "--lang", "en")
    assert mutualaid(*words, cwd=tmp_path).returncode == 0
    record = find_record(region, "latest")
    assert "profiles/slow.toml" in {one["file"] for one in record.inputs}
    results = region / "results"
    assert changed_inputs(read_region(region), results) == []
    (region / "profiles" / "slow.toml").write_text(slow.replace("20.0", "1.0"), encoding="utf-8")
    assert changed_inputs(read_region(region), results) == ["profiles/slow.toml"]
    with_profile = region_of(record, into=tmp_path / "then")
    assert isinstance(with_profile.profile, Path)
    assert "20.0" in with_profile.profile.read_text("utf-8")


def test_a_run_of_a_service_without_incidents_says_nothing_of_them(tmp_path: Path) -> None:
    shutil.copytree(demo_path(), tmp_path / "region", ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    stations = pd.read_csv(tmp_path / "region" / "stations.csv").assign(service="ems")
    stations.to_csv(tmp_path / "region" / "stations.csv", index=False)
    toml = tmp_path / "region" / "region.toml"
    text = re.sub(r"\[\[(hazard|scenario|risk)\]\].*?(?=\n\[)", "", toml.read_text("utf-8"), flags=re.DOTALL)
    toml.write_text(
        re.sub(r"\n\[evacuation.*?(?=\n# Incidents)", "\n", text, flags=re.DOTALL), encoding="utf-8"
    )
    words = (
        "run",
        "region",
        "--service",
        "ems",
        "--standard",
        "nl-ems",
        "--lang",
        "en",
        "--no-record",
    )
    done = mutualaid(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "incidents" not in json.loads((tmp_path / "region/results/summary.json").read_text("utf-8"))


def test_a_report_spares_what_is_none_of_it(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("keep me", encoding="utf-8")
    done = mutualaid("report", str(folder / "region"), "--out", "mine", cwd=tmp_path)
    assert done.returncode == 3
    assert "thesis.txt" in done.stderr
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
    (tmp_path / "paper" / "figures").mkdir(parents=True)
    (tmp_path / "paper" / "figures" / "mine.png").write_bytes(b"a picture")
    assert mutualaid("report", str(folder / "region"), "--out", "paper", cwd=tmp_path).returncode == 3
    assert (tmp_path / "paper" / "figures" / "mine.png").read_bytes() == b"a picture"


def test_a_public_report_holds_no_entry_for_partners_alone(folder: Path) -> None:
    texts = {}
    for level in ("own", "public"):
        done = mutualaid("report", "region", "--level", level, "--out", level, cwd=folder)
        assert done.returncode == 0, done.stderr
        texts[level] = "".join(
            path.read_text("utf-8")
            for path in (folder / level).rglob("*")
            if path.suffix in (".html", ".csv", ".json")
        )
    log = read_region(folder / "region").decisions
    secret = log.loc[log["sharing"] == "partners", "what"].iloc[0]
    assert secret[:40] in texts["own"]
    assert secret[:40] not in texts["public"]


def test_decide_keeps_the_number_that_it_rests_on(folder: Path, tmp_path: Path) -> None:
    region = tmp_path / "region"
    shutil.copytree(folder / "region", region)
    done = mutualaid(
        "decide", "region", "Alert both sides at once", "--who", "steering group", "--run", "latest", "--indicator",
        "headline.closed_by_joint", "--due", "2030-01-31", "--date", "2026-03-03", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    row = read_region(region).decisions.iloc[-1]
    record = find_record(region, "latest")
    assert (row["what"], row["run"], row["status"]) == ("Alert both sides at once", record.id, "open")
    assert row["value"] == pytest.approx(record.value("headline.closed_by_joint"))
    before = (region / "decisions.csv").read_bytes()
    wrong = mutualaid("decide", "region", "x", "--who", "y", "--indicator", "headline.joy", cwd=tmp_path)
    assert wrong.returncode == 3
    assert (region / "decisions.csv").read_bytes() == before


def test_no_record_and_no_inputs_are_options(folder: Path, tmp_path: Path) -> None:
    region = tmp_path / "region"
    shutil.copytree(folder / "region", region, ignore=shutil.ignore_patterns("runs", "results"))
    assert mutualaid("run", "region", "--no-record", "--lang", "en", cwd=tmp_path).returncode == 0
    assert not (region / "runs").exists()
    assert mutualaid("run", "region", "--no-keep-inputs", "--lang", "en", cwd=tmp_path).returncode == 0
    assert len(read_records(region)) == 1
    assert not (region / "runs" / "inputs").exists()


def test_a_target_that_points_nowhere_is_refused(folder: Path, tmp_path: Path) -> None:
    region = tmp_path / "region"
    shutil.copytree(folder / "region", region, ignore=shutil.ignore_patterns("runs", "results"))
    toml = region / "region.toml"
    text = toml.read_text("utf-8").replace("headline.covered_joint_share", "headline.covered_by_joy")
    toml.write_text(text, encoding="utf-8")
    done = mutualaid("run", "region", cwd=tmp_path)
    assert done.returncode == 3
    assert "covered_by_joy" in done.stderr
    assert not (region / "results").exists()
