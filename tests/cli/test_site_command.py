"""``mutualaid site``: what it prints and writes is the study, to the number."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest

from mutualaid.cli._console import Steps
from mutualaid.cli._runs import Wishes, studied
from mutualaid.coverage import Analysis
from mutualaid.data import demo_path
from mutualaid.errors import SitingError


def mutualaid(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error::FutureWarning", "-m", "mutualaid", *words]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, env=os.environ | {"NO_COLOR": "1"}
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(demo_path(), folder / "region", ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    return folder


@pytest.fixture(scope="module")
def printed(folder: Path) -> tuple[list[str], dict[str, Any]]:
    """Lines that are printed for two new stations, and the numbers that are written."""
    done = mutualaid(
        "site", "region", "--add", "2", "--spacing-m", "500", "--scenario", "fair", "--scenario", "coast_20=0.5",
        "--lang", "en", cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    summary = json.loads((folder / "region/siting/summary.json").read_text("utf-8"))
    return done.stdout.splitlines(), summary


def test_the_headline_is_what_was_found(printed: tuple[list[str], dict[str, Any]]) -> None:
    lines, summary = printed
    numbers = summary["siting"]
    total = next(row for row in numbers["gains"] if row["kind"] == "all" and row["weather"] == "")
    told = f"2 new stations would bring {total['gained']:,.0f} people more in time, {total['after']:,.0f} of "
    assert any(line.startswith(told) for line in lines)
    assert any(line.startswith("Proven: no other choice among the ") for line in lines)
    assert numbers["plan"]["status"] == "optimal"
    assert numbers["weather"] == {"": 1.0, "coast_20": 0.5}
    for name in numbers["plan"]["opened"]:
        (site,) = [row for row in numbers["sites"] if row["site"] == name]
        row = next(line for line in lines if re.match(rf"{name}\s+opened", line))
        assert site["text"] in row
        assert f"{site['people_added']:,.0f}" in row


def test_gains_of_each_municipality_are_printed_for_each_weather(
    printed: tuple[list[str], dict[str, Any]],
) -> None:
    lines, summary = printed
    named = summary["hazards"]["scenarios"]["coast_20"]["name"]
    for row in summary["siting"]["gains"]:
        if row["kind"] == "jurisdiction":
            weather = named if row["weather"] else "fair weather"
            line = next(
                line for line in lines if re.match(rf"{re.escape(weather)}\s+{re.escape(row['name'])}", line)
            )
            for key in ("population", "before", "after"):
                assert f"{row[key]:,.0f}" in line


def test_files_hold_the_plan(folder: Path, printed: tuple[list[str], dict[str, Any]]) -> None:
    lines, summary = printed
    written = [Path(line).name for line in lines if line.startswith("region/siting/")]
    assert {"map.html", "siting_sites.csv", "siting_plans.csv", "siting_gains.csv", "siting.png"} <= set(
        written
    )
    opened = summary["siting"]["plan"]["opened"]
    sites = pd.read_csv(folder / "region/siting/siting_sites.csv", dtype={"site": str}).set_index("site")
    assert set(sites.index[sites["in_plan"]]) == set(opened)
    layer = gpd.read_file(folder / "region/siting/coverage.gpkg", layer="siting").set_index("id")
    assert set(layer.index) == set(sites.index)
    there = layer.geometry.to_crs(4326)
    assert there.x.loc[opened].tolist() == pytest.approx(sites["lon"].loc[opened].tolist())
    every = gpd.read_file(folder / "region/siting/coverage.gpkg", layer="siting_candidates")
    assert (every["state"] == "candidate").sum() == summary["siting"]["candidates"]
    assert set(every.loc[every["in_plan"], "id"]) >= set(opened)


def test_what_is_missing_is_explained(printed: tuple[list[str], dict[str, Any]]) -> None:
    def missing(value: Any, key: str = "") -> set[str]:
        if isinstance(value, dict):
            return {name for inner, part in value.items() for name in missing(part, inner)}
        if isinstance(value, list):
            return {name for part in value for name in missing(part, key)}
        return {key} if value is None else set()

    summary = printed[1]
    assert missing(summary["siting"]) - set(summary["null_means"]) == set()


def test_only_given_sites_are_looked_at(folder: Path) -> None:
    file = folder / "parcels.csv"
    file.write_text(
        "id,name,lon,lat,opening_cost\nP1,Depot,7.4708,43.7622,300\nP2,School,7.4010,43.7464,200\n", "utf-8"
    )
    done = mutualaid(
        "site",
        "region",
        "--sites",
        str(file),
        "--budget",
        "250",
        "--out",
        "given",
        "--lang",
        "en",
        "--json",
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    numbers = json.loads(done.stdout)["summary"]["siting"]
    assert numbers["candidates"] == 2
    assert numbers["plan"]["opened"] == ["P2"]
    assert numbers["plan"]["cost"] == 200
    (site,) = numbers["sites"]
    assert site["name"] == "School"


@pytest.mark.parametrize(
    ("wishes", "told"),
    [
        (Wishes(scenarios=("flood",)), "flood"),
        (Wishes(add=9999), "9999"),
        (Wishes(model="best"), "'best'"),
        (Wishes(level="both"), "'both'"),
        (Wishes(close=1, closable=("nobody",)), "nobody"),
        (Wishes(floor=1.0), "floor"),
        (Wishes(model="dsm"), "wide_s"),
    ],
)
def test_what_cannot_be_meant_is_named(analysis: Analysis, wishes: Wishes, told: str) -> None:
    with pytest.raises(SitingError) as error:
        studied(analysis, replace(wishes, spacing_m=1000.0), Steps(quiet=True), start=0.0, end=1.0)
    assert told in str(error.value)


def test_a_defect_ends_with_its_code_and_writes_nothing(folder: Path) -> None:
    done = mutualaid("site", "region", "--add", "9999", "--out", "wrong", cwd=folder)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "Remedy" in done.stderr
    assert not (folder / "wrong").exists()


def test_a_weight_that_is_no_number_is_wrong_use(folder: Path) -> None:
    done = mutualaid("site", "region", "--scenario", "coast_20=often", cwd=folder)
    assert done.returncode == 2
    assert "coast_20=often" in done.stderr
