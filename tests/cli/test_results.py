"""What a run leaves behind: only what was read is an input, equal runs are equal, nothing is lost."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest

from mutualaid.cooperation import SHARE_RULES, Cooperation
from mutualaid.coverage import Analysis
from mutualaid.data import demo_path, read_region
from mutualaid.errors import InputError
from mutualaid.reports import RESULT_FILES, full_summary, run_record, write_results

HAZARDS = [f"hazards/{path.name}" for path in sorted((demo_path() / "hazards").iterdir())]
READ = [
    "decisions.csv",
    "demand.csv",
    "ground.geojson",
    *HAZARDS,
    "hospitals.csv",
    "incidents.csv",
    "jurisdictions.geojson",
    "region.toml",
    "roads.osm.pbf",
    "shelters.csv",
    "stations.csv",
]


ABOUT_COOPERATION = {
    "cooperation.csv", "reciprocity.csv", "reciprocity.png", "cost_shares.csv", "delays.csv", "break_even.csv",
    "break_even.png", "crossings.csv", "crossing_pairs.csv", "harmonisation.csv", "sensitivity.csv",
}  # fmt: skip


#: What a run without a study of sites, of an evacuation or of a record of incidents writes.
RUN_FILES = {name for name in RESULT_FILES if not name.startswith(("siting", "evacuation", "incidents_"))}


@pytest.fixture(scope="module")
def files(
    analysis: Analysis, found: Cooperation, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """All results of the demo."""
    return write_results(analysis, tmp_path_factory.mktemp("written") / "results", cooperation=found)


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
        "decisions.csv",
        "ground.geojson",
        *HAZARDS,
        "hospitals.csv",
        "incidents.csv",
        "jurisdictions.geojson",
        "results/demand.csv",
        "roads.osm.pbf",
        "shelters.csv",
        "tonight.toml",
    ]


def test_two_runs_differ_in_their_time_alone(tmp_path: Path) -> None:
    code = (
        "import sys; from mutualaid.cooperation import cooperation; from mutualaid.coverage import analyse;"
        "from mutualaid.data import demo_path, read_region; from mutualaid.reports import write_results;"
        "result = analyse(read_region(demo_path()));"
        "write_results(result, sys.argv[1], cooperation=cooperation(result))"
    )
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", code, str(tmp_path / seed)], check=True, env=environment)

    for name in RUN_FILES:
        one, two = ((tmp_path / seed / name).read_bytes() for seed in ("1", "2"))
        if name == "run.json":
            records: list[dict[str, Any]] = [json.loads(text) for text in (one, two)]
            assert all(record.pop("created") and record.pop("day") for record in records)
            assert records[0] == records[1]
        else:
            same = one == two  # pytest would explain for hours how two pictures differ
            assert same, name


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


# --- cooperation ---------------------------------------------------------------------------------------------


def missing(value: Any) -> set[str]:
    """Keys of what is missing anywhere."""
    if isinstance(value, list):
        return set().union(*map(missing, value))
    if not isinstance(value, dict):
        return set()
    return {key for key, one in value.items() if one is None}.union(*map(missing, value.values()))


def test_without_cooperation_nothing_about_it_is_written(
    analysis: Analysis, files: dict[str, Path], tmp_path: Path
) -> None:
    assert set(files) == RUN_FILES
    target = tmp_path / "results"
    shutil.copytree(files["map.html"].parent, target)
    left = write_results(analysis, target)
    assert {path.name for path in target.iterdir()} == set(left) == RUN_FILES - ABOUT_COOPERATION
    told = json.loads(left["summary.json"].read_text("utf-8"))
    assert all(told.pop(key) for key in ("sources", "targets", "decisions"))
    means = told.pop("null_means")
    assert all(meaning in means[key] for key, meaning in analysis.summary["null_means"].items())
    assert told == {key: one for key, one in analysis.summary.items() if key != "null_means"}
    assert not any(
        name.startswith(("only_", "lost_"))
        for layer in ("stations", "crossings")
        for name in gpd.read_file(left["coverage.gpkg"], layer=layer).columns
    )


def test_the_summary_holds_cooperation_and_says_what_is_missing_in_it(
    analysis: Analysis, found: Cooperation, files: dict[str, Path]
) -> None:
    told = json.loads(files["summary.json"].read_text("utf-8"))
    assert told["cooperation"] == found.summary
    assert told == full_summary(analysis, found)
    assert "cooperation" not in analysis.summary, "the analysis stays as it is"
    assert missing(told["cooperation"]) - set(told["null_means"]) == set()
    assert "SDIS 06" in missing(told["cooperation"]), "a partner without units states nothing about them"
    for key, meaning in analysis.summary["null_means"].items():
        assert meaning in told["null_means"][key], "what it means elsewhere stays"
    assert "depend on a neighbour" in told["null_means"]["share"]


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("reciprocity.csv", "reciprocity"),
        ("delays.csv", "sweep"),
        ("break_even.csv", "break_even"),
        ("crossings.csv", "crossings"),
        ("crossing_pairs.csv", "crossing_pairs"),
        ("sensitivity.csv", "sensitivity"),
        ("harmonisation.csv", "harmonisation"),
    ],
)
def test_a_table_is_its_frame(file: str, name: str, found: Cooperation, files: dict[str, Path]) -> None:
    frame = pd.DataFrame(getattr(found, name)).drop(columns="geometry", errors="ignore")
    if frame.index.name:
        frame = frame.reset_index()
    pd.testing.assert_frame_equal(
        pd.read_csv(files[file], dtype=str, keep_default_na=False),
        pd.read_csv(io.StringIO(frame.to_csv(index=False)), dtype=str, keep_default_na=False),
    )


def test_a_row_of_cooperation_says_everything_of_a_place(found: Cooperation, files: dict[str, Path]) -> None:
    table = pd.read_csv(files["cooperation.csv"], keep_default_na=False, na_values=[""])
    assert len(table) == len(found.indicators)
    pd.testing.assert_series_equal(table["closed"], found.indicators["closed"])
    town = table[(table["place"] == "FR-beausoleil") & (table["level"] == "joint")].iloc[0]
    assert town["depends"] == town["closed"] == pytest.approx(11_507.033)
    assert town["depends_on"] == "Sapeurs-Pompiers de Monaco"
    assert pd.isna(town["balance"]), "a town is no partner here"
    helper = table[(table["place"] == "Sapeurs-Pompiers de Monaco") & (table["level"] == "joint")].iloc[0]
    taker = table[(table["place"] == "SDIS 06") & (table["level"] == "joint")].iloc[0]
    assert helper["balance"] == -taker["balance"] == helper["gives"] > 0
    hazard = table[table["kind"] == "hazard"]
    assert hazard["depends"].isna().all()


def test_cost_shares_are_one_row_for_each_rule_and_partner(
    found: Cooperation, files: dict[str, Path]
) -> None:
    table = pd.read_csv(files["cost_shares.csv"], keep_default_na=False, na_values=[""])
    assert list(zip(table["rule"], table["partner"], strict=True)) == [
        (rule, partner) for rule in SHARE_RULES for partner in found.shares.index
    ]
    assert table.groupby("rule")["share"].sum().round(9).eq(1).all()
    assert table["amount"].sub(table["share"] * 1_000_000).abs().max() < 1e-6
    by_rule = table.set_index(["rule", "partner"])
    assert by_rule["share"]["benefit", "SDIS 06"] == 1
    for rule, row in found.core.iterrows():
        block = by_rule.loc[str(rule)]
        assert set(block["money_walks_out"]) == {row["money_walks_out"]}
        assert set(block["money_coalition"].fillna("")) == {row["money_coalition"]}
        assert set(block["people_excess"]) == {row["people_excess"]}
    assert by_rule["alone"]["people", "SDIS 06"] == 450_000
    assert set(table["confidence"]) == {"assumption"}


def test_crossings_and_stations_tell_a_gis_what_hangs_on_them(
    analysis: Analysis, found: Cooperation, files: dict[str, Path]
) -> None:
    crossings = gpd.read_file(files["coverage.gpkg"], layer="crossings").set_index("crossing")
    assert list(crossings.index) == list(analysis.network.crossings.index), "all of them stay"
    told = crossings.loc[found.crossings.index]
    for name in ("lost_joint", "lost_agreed", "later_s", "break_even_s"):
        pd.testing.assert_series_equal(told[name], found.crossings[name])
    assert list(told["from_partner"]) == list(found.crossings["from_partner"])
    others = crossings.drop(index=found.crossings.index)
    assert len(others) > 0
    assert others[["lost_joint", "lost_agreed", "reached", "from_partner"]].isna().all(axis=None)
    stations = gpd.read_file(files["coverage.gpkg"], layer="stations").set_index("id")
    for level in ("alone", "agreed", "joint"):
        pd.testing.assert_series_equal(stations[f"only_{level}"], found.stations[f"only_{level}"])


def test_the_map_is_drawn_with_cooperation(
    analysis: Analysis, found: Cooperation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[object] = []

    def drawn(*arguments: object, **_options: object) -> None:
        given.extend(arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr("mutualaid.reports._results.coverage_map", drawn)
    with pytest.raises(KeyboardInterrupt):
        write_results(analysis, tmp_path / "results", cooperation=found)
    assert given == [analysis, found, None]


def test_the_record_names_the_agreements_and_their_day(analysis: Analysis) -> None:
    assert run_record(analysis)["agreements"] == ["mc-fr"]
    assert date.fromisoformat(run_record(analysis)["day"]) <= date.today()  # noqa: DTZ011
    other = replace(analysis, agreements=(), day=date(2020, 6, 1))
    assert (run_record(other)["agreements"], run_record(other)["day"]) == ([], "2020-06-01")
