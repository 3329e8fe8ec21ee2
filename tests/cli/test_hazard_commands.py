"""``mutualaid hazards`` and what a run says about hazards, on the embedded region."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from mutualaid.cli import app
from mutualaid.data import demo_path

ROOT = Path(__file__).resolve().parents[2]


def mutualaid(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error::FutureWarning", "-m", "mutualaid", *words]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, env=os.environ | {"NO_COLOR": "1"}
    )


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The demo region with its results."""
    folder = tmp_path_factory.mktemp("hazards")
    shutil.copytree(demo_path(), folder / "region")
    return folder, mutualaid("run", "region", cwd=folder)


def broken(folder: Path) -> Path:
    """Give a copy of the region in which the file of one layer is torn."""
    region = folder / "broken"
    shutil.copytree(demo_path(), region)
    layer = region / "hazards" / "wildfire-fr.geojson"
    layer.write_bytes(layer.read_bytes()[:2000])
    return region


def test_a_run_writes_its_tables_about_hazards(ran: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, done = ran
    assert done.returncode == 0, done.stderr
    results = folder / "region" / "results"
    scenarios = pd.read_csv(results / "scenarios.csv", keep_default_na=False)
    assert list(dict.fromkeys(scenarios["scenario"])) == ["wildfire", "coast_20", "coast_100", "storm"]
    whole = scenarios[(scenarios["jurisdiction"] == "") & (scenarios["class"] == "all")].set_index("scenario")
    told = json.loads((results / "summary.json").read_text("utf-8"))["hazards"]
    for key, block in told["scenarios"].items():
        for name in ("population", "fair_joint", "alone", "joint", "lost_joint", "held", "isolated"):
            assert float(whole.loc[key, name]) == pytest.approx(block["total"][name], abs=0.001), (key, name)
    seams = pd.read_csv(results / "seams.csv")
    assert len(seams) == len(told["seams"]) > 0
    crosswalk = pd.read_csv(results / "crosswalk.csv")
    used = {
        "eu-floods-directive",
        "mc-colours",
        "derived-wildfire",
        "derived-rockfall",
        "derived-flash-flood",
    }
    assert set(crosswalk["scheme"]) == used
    risk = pd.read_csv(results / "risk.csv", keep_default_na=False)
    assert set(risk["measure"]) == {"people", "person_minutes"}


def test_the_layers_of_each_scenario_open_and_agree_with_the_summary(
    ran: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, _ = ran
    file = folder / "region" / "results" / "coverage.gpkg"
    layers = set(pyogrio.list_layers(file)[:, 0])
    told = json.loads((folder / "region/results/summary.json").read_text("utf-8"))["hazards"]
    for key, block in told["scenarios"].items():
        assert {f"{kind}_{key}" for kind in ("scenario", "roads", "stations", "severity")} <= layers
        cells = gpd.read_file(file, layer=f"scenario_{key}")
        joint = cells.loc[cells["joint_covered"], "population"].sum()
        assert joint == pytest.approx(block["total"]["joint"], abs=0.01)
        assert cells.loc[cells["loss"] == "lost", "population"].sum() == pytest.approx(
            block["total"]["lost_joint"], abs=0.01
        )
        roads = gpd.read_file(file, layer=f"roads_{key}")
        assert int(roads["closed"].sum()) == block["roads_km"]["roads_closed"]
    assert {"seams", "risk_coast"} <= layers
    assert len(gpd.read_file(file, layer="seams")) == len(told["seams"])


def test_the_terminal_says_what_summary_json_holds(
    ran: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, done = ran
    told = json.loads((folder / "region/results/summary.json").read_text("utf-8"))["hazards"]
    for block in told["scenarios"].values():
        line = next(line for line in done.stdout.splitlines() if line.startswith(block["name"]))
        for key in ("lost_joint", "isolated"):
            assert f"{block['total'][key]:,.0f}" in line
    assert "derived layers: illustrative" in done.stdout
    assert f"in {len(told['seams'])} places" in done.stdout


def test_no_path_of_this_machine_is_in_any_result(
    ran: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, _ = ran
    for name in ("summary.json", "run.json", "crosswalk.csv", "seams.csv", "map.html"):
        assert str(folder) not in (folder / "region/results" / name).read_text("utf-8"), name


def test_every_hazard_file_is_an_input_of_the_record(
    ran: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, _ = ran
    record = json.loads((folder / "region/results/run.json").read_text("utf-8"))
    named = {row["file"] for row in record["inputs"]}
    assert {f"hazards/{path.name}" for path in (folder / "region" / "hazards").iterdir()} <= named


def test_a_region_without_hazards_leaves_no_tables_of_an_earlier_run(
    ran: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    region = tmp_path / "region"
    shutil.copytree(ran[0] / "region", region)
    toml = region / "region.toml"
    toml.write_text(toml.read_text("utf-8").split("\n# The hazard layers")[0], "utf-8")
    done = mutualaid("run", "region", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    left = {path.name for path in (region / "results").iterdir()}
    assert not left & {"scenarios.csv", "seams.csv", "crosswalk.csv", "risk.csv"}
    assert "under a hazard" not in done.stdout
    assert "hazards" not in json.loads((region / "results" / "summary.json").read_text("utf-8"))


def test_check_opens_every_layer(tmp_path: Path) -> None:
    shutil.copytree(demo_path(), tmp_path / "region")
    good = mutualaid("hazards", "check", "region", cwd=tmp_path)
    assert good.returncode == 0, good.stderr
    assert "7 layers; no defects found." in good.stdout
    assert "mc-colours" in good.stdout
    machine = json.loads(mutualaid("hazards", "check", "region", "--json", cwd=tmp_path).stdout)
    assert machine["defects"] == []
    assert len(machine["layers"]) == 7


def test_a_torn_layer_is_named_and_the_rest_is_computed(tmp_path: Path) -> None:
    region = broken(tmp_path)
    for command in (("check", "broken"), ("hazards", "check", "broken")):
        found = mutualaid(*command, cwd=tmp_path)
        assert found.returncode == 3, command
        assert "wildfire-fr.geojson" in found.stderr
        assert "Remedy:" in found.stderr
    done = mutualaid("run", "broken", cwd=tmp_path)
    assert done.returncode == 3
    assert "wildfire-fr.geojson" in done.stderr
    assert "what does not need them is written" in done.stderr
    assert "Traceback" not in done.stderr
    told = json.loads((region / "results" / "summary.json").read_text("utf-8"))["hazards"]
    assert list(told["scenarios"]) == ["coast_20", "coast_100", "storm"]
    assert any("wildfire-fr.geojson" in message for message in told["not_computed"])
    rest = mutualaid("hazards", "seams", "broken", cwd=tmp_path)
    assert rest.returncode == 3
    assert "coastal_flood" in rest.stdout
    assert "wildfire-fr.geojson" in rest.stderr


def test_crosswalk_shows_each_class_with_its_severity(tmp_path: Path) -> None:
    shutil.copytree(demo_path(), tmp_path / "region")
    shown = mutualaid("hazards", "crosswalk", "region", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    for words in ("medium probability", "orange, up to 1.2 m", "provided by MC", "never 0"):
        assert words in shown.stdout
    machine = json.loads(mutualaid("hazards", "crosswalk", "region", "--json", cwd=tmp_path).stdout)
    assert machine["defects"] == []
    for rows in machine["layers"].values():
        assert sum(row["share"] for row in rows) == pytest.approx(1, abs=1e-5)


def test_seams_are_listed_and_written(tmp_path: Path) -> None:
    shutil.copytree(demo_path(), tmp_path / "region")
    shown = mutualaid("hazards", "seams", "region", "--out", "seams.gpkg", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    written = gpd.read_file(tmp_path / "seams.gpkg")
    assert f"{len(written)} seams" in shown.stdout
    assert "Monaco – Cap-d'Ail" in shown.stdout
    mutualaid("hazards", "seams", "region", "--out", "seams.csv", cwd=tmp_path)
    with (tmp_path / "seams.csv").open(encoding="utf-8", newline="") as stream:
        assert len(list(csv.DictReader(stream))) == len(written)
    machine = json.loads(mutualaid("hazards", "seams", "region", "--json", cwd=tmp_path).stdout)
    assert sum(row["length_m"] for row in machine["seams"]) == pytest.approx(
        written["length_m"].sum(), abs=0.01
    )
    wrong = mutualaid("hazards", "seams", "region", "--out", "seams.pdf", cwd=tmp_path)
    assert wrong.returncode == 3
    assert ".geojson" in wrong.stderr


def test_derive_writes_layers_that_the_region_can_use(shared_data: Path, tmp_path: Path) -> None:
    shutil.copytree(demo_path(), tmp_path / "region")
    toml = tmp_path / "region" / "region.toml"
    toml.write_text(toml.read_text("utf-8").split("\n# The hazard layers")[0], "utf-8")
    extract = shared_data / "monaco" / "monaco.osm.pbf"
    done = mutualaid("hazards", "derive", "region", "--pbf", str(extract), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert str(shared_data) not in done.stdout
    toml.write_text(toml.read_text("utf-8") + "\n" + done.stdout, "utf-8")
    checked = mutualaid("hazards", "check", "region", cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert "4 layers; no defects found." in checked.stdout


def test_schemes_are_listed_with_their_sources() -> None:
    shown = CliRunner().invoke(app, ["hazards", "schemes"])
    assert shown.exit_code == 0
    assert "inasafe-flood-depth: flood, depth in m" in shown.output
    assert "low 2" in shown.output
    assert len(json.loads(CliRunner().invoke(app, ["hazards", "schemes", "--json"]).output)) > 80


def test_a_region_without_hazards_says_how_to_add_them(tmp_path: Path) -> None:
    shutil.copytree(demo_path(), tmp_path / "region")
    toml = tmp_path / "region" / "region.toml"
    toml.write_text(toml.read_text("utf-8").split("\n# The hazard layers")[0], "utf-8")
    none = mutualaid("hazards", "crosswalk", "region", cwd=tmp_path)
    assert none.returncode == 3
    assert "[[hazard]]" in none.stderr


HAZARDS = get_command(app).commands["hazards"].commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("command", sorted(HAZARDS))
def test_every_hazard_command_has_help_and_is_documented(command: str) -> None:
    shown = CliRunner().invoke(app, ["hazards", command, "--help"])
    assert shown.exit_code == 0
    assert len(shown.output.split()) > 12
    assert f"mutualaid hazards {command}" in (ROOT / "docs" / "hazards.md").read_text("utf-8")
