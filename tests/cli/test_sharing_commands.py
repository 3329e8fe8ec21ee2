"""``mutualaid export``, ``contribute`` and ``combine``: no export holds what it withholds, wherever one looks."""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from pyarrow import parquet

from mutualaid.cooperation import Cooperation, cooperation, shared_region
from mutualaid.coverage import Analysis, analyse
from mutualaid.data import Target, demo_path, read_region
from mutualaid.errors import AgreementError, InputError
from mutualaid.incidents import incident_numbers, incident_study
from mutualaid.reports import RESULT_FILES, export_region, report_inputs, write_report, write_results
from mutualaid.reports._export import _untold_delays, _without_single

MC, FR = "Sapeurs-Pompiers de Monaco", "SDIS 06"
#: What a run without a study of sites, of an evacuation or of a record of incidents writes.
RUN_FILES = {name for name in RESULT_FILES if not name.startswith(("siting", "evacuation", "incidents_"))}
#: Stations of the demo with values that stand nowhere else.
STATIONS = """\
id,lon,lat,name,name_fr,jurisdiction,service,department,turnout_s,status
zqxstation1,7.4177772,43.7279297,Zqxname Eins,Zqxname Un,MC,fire,career,98.7654321,active
zqxstation2,7.4216832,43.7323914,Zqxname Zwei,Zqxname Deux,MC,fire,career,87.6543219,active
zqxstation3,7.4024400,43.7458424,Zqxname Drei,,FR-la-turbie,fire,volunteer,176.5432198,active
"""
UNITS = """\
id,station,kind,capabilities,staffing,count
zqxunit1,zqxstation1,zqxkind,zqxcode,7.6543217,3
zqxunit2,zqxstation2,zqxkind,,6.5432176,2
zqxunit3,zqxstation3,zqxkind,zqxcode,5.4321765,4
"""
CREW = """
[[scenario]]
id = "crew"
name = "A crew at the fire"
closed_stations = ["zqxstation2"]
"""
#: What must not be found, by what is withheld: texts and numbers.
IDS = [f"zqxstation{n}" for n in (1, 2, 3)]
NAMES = ["Zqxname"]
PLACES = [(7.4177772, 43.7279297), (7.4216832, 43.7323914), (7.40244, 43.7458424)]
TURNOUTS = [98.7654321, 87.6543219, 176.5432198]
UNIT_TEXTS, UNIT_NUMBERS = ["zqxunit", "zqxkind", "zqxcode"], [7.6543217, 6.5432176, 5.4321765]


def mutualaid(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error::FutureWarning", "-m", "mutualaid", *words]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, env=os.environ | {"NO_COLOR": "1"}
    )


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    """The demo with marked stations and units, and without what is kept beside them, analysed."""
    folder = tmp_path_factory.mktemp("marked") / "region"
    shutil.copytree(demo_path(), folder, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    (folder / "stations.csv").write_text(STATIONS, encoding="utf-8")
    (folder / "units.csv").write_text(UNITS, encoding="utf-8")
    demand = pd.read_csv(folder / "demand.csv", dtype="str")
    people = demand["population"].astype(float) * 1.00000737  # digits that no seconds have
    demand.assign(population=people.map(repr)).to_csv(folder / "demand.csv", index=False)
    toml = folder / "region.toml"
    text = toml.read_text("utf-8").replace("[network]", '[units]\nfile = "units.csv"\n\n[network]')
    text = text.replace(
        'mode = "on_request"', 'mode = "on_request"\nexcluded_pairs = [["zqxstation2", "zqxstation3"]]'
    )
    toml.write_text(text + CREW, encoding="utf-8")
    region = read_region(folder)
    none = replace(
        region, incidents=region.incidents.iloc[:0], decisions=region.decisions.iloc[:0], targets=()
    )
    return analyse(none)


@pytest.fixture(scope="module")
def measured(marked: Analysis) -> Cooperation:
    return cooperation(marked)


@pytest.fixture(scope="module")
def complete(marked: Analysis, measured: Cooperation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All results of the marked region."""
    folder = tmp_path_factory.mktemp("complete") / "results"
    write_results(marked, folder, cooperation=measured)
    return folder


@pytest.fixture
def quick(complete: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the results that are there: they do not depend on who may see what."""

    def copied(_analysis: Analysis, folder: Path, *, cooperation: Cooperation | None) -> None:
        assert cooperation is None
        shutil.copytree(complete, folder)

    monkeypatch.setattr("mutualaid.reports._export.write_results", copied)


def sharing(analysis: Analysis, words: Mapping[str, str]) -> Analysis:
    """Say who may see what; numbers do not depend on it."""
    treaties = tuple(replace(one, sharing=words) for one in analysis.region.agreements)
    return replace(analysis, region=replace(analysis.region, agreements=treaties))


def in_json(value: Any) -> Iterator[object]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from in_json(one)
    elif isinstance(value, list):
        for one in value:
            yield from in_json(one)
    else:
        yield value


def in_gpkg(file: Path) -> Iterator[object]:
    """Every cell of every table, those of GeoPackage itself included, and every vertex in degrees."""
    with sqlite3.connect(file) as base:
        for (table,) in base.execute("select name from sqlite_master where type = 'table'").fetchall():
            yield table
            for row in base.execute(f'select * from "{table}"'):
                yield from row
    for layer in pyogrio.list_layers(file)[:, 0]:
        frame = gpd.read_file(file, layer=layer, columns=[])
        yield shapely.get_coordinates(frame.geometry.to_crs(4326).to_numpy())


def everything(folder: Path) -> tuple[str, np.ndarray, np.ndarray]:
    """All texts, numbers and vertices in all files of a folder; roads, hazards and boundaries pass as they are."""
    texts: list[str] = []
    numbers: list[float] = []
    vertices = [np.empty((0, 2))]
    for file in sorted(folder.rglob("*")):
        if (
            file.is_dir()
            or "hazards" in file.parts
            or file.name in ("roads.osm.pbf", "jurisdictions.geojson")
        ):
            continue
        texts.append(file.relative_to(folder).as_posix())
        values: list[object] = []
        if file.suffix == ".gpkg":
            values += in_gpkg(file)
            texts.append(file.read_bytes().decode("latin-1"))  # free pages too
        elif file.suffix == ".parquet":
            table = parquet.read_table(file)
            values += [one for column in table.columns for one in column.to_pylist()]
            texts.append(str(table.schema))
        elif file.suffix in (".json", ".geojson"):
            values += in_json(json.loads(file.read_text("utf-8")))
        elif file.suffix == ".csv":
            with file.open(encoding="utf-8", newline="") as stream:
                values += [cell for row in csv.reader(stream) for cell in row]
        if file.suffix in (".json", ".geojson", ".csv", ".toml", ".html", ".svg"):
            texts.append(file.read_text("utf-8"))
        for value in values:
            if isinstance(value, np.ndarray):
                vertices.append(value)
                continue
            texts.append(value if isinstance(value, str) else "")
            try:
                numbers.append(float(value))  # type: ignore[arg-type]
            except (TypeError, ValueError):
                continue
    return "\n".join(texts), np.array(numbers), np.concatenate(vertices)


def leaks(folder: Path, texts: Sequence[str], numbers: Sequence[float | tuple[float, float]]) -> list[object]:
    """Which of some texts, numbers (seconds also as minutes and milliseconds) and positions (to 3 m) are found."""
    told, figures, vertices = everything(folder)
    lower = told.lower()
    found: list[object] = [one for one in texts if one.lower() in lower]
    for number in numbers:
        if isinstance(number, tuple):
            near = (np.abs(vertices - number) < 3e-5).all(axis=1).any()
            seen = near or any(repr(axis) in told for axis in number)
        else:
            forms = np.array([number, number / 60, number * 1000])
            near = np.isclose(figures[:, None], forms[None, :], rtol=0, atol=1e-6).any()
            seen = near or repr(number) in told
        if seen:
            found.append(number)
    return found


def results(folder: Path) -> set[str]:
    return {path.name for path in (folder / "results").iterdir()}


def layers(folder: Path) -> dict[str, set[str]]:
    file = folder / "results" / "coverage.gpkg"
    return {
        str(name): set(gpd.read_file(file, layer=name, rows=1).columns)
        for name in pyogrio.list_layers(file)[:, 0]
    }


def test_where_nothing_is_withheld_the_results_are_those_of_a_run(
    marked: Analysis, measured: Cooperation, complete: Path, tmp_path: Path
) -> None:
    manifest = export_region(sharing(marked, {}), tmp_path / "e", "public", cooperation=measured)
    assert manifest["withheld"] == manifest["left_out"] == manifest["notes"] == []
    assert {path.name for path in complete.iterdir()} == RUN_FILES
    for path in complete.iterdir():
        if path.name != "run.json":  # the time of a run
            assert (tmp_path / "e" / "results" / path.name).read_bytes() == path.read_bytes()
    # This is what the search below would find, so a search that finds nothing proves something.
    for texts, numbers in ((IDS, TURNOUTS), (NAMES, PLACES), (UNIT_TEXTS, UNIT_NUMBERS)):
        assert leaks(tmp_path / "e", texts, numbers) == [*texts, *numbers]
    assert leaks(tmp_path / "e" / "results", IDS, TURNOUTS) == [*IDS, *TURNOUTS], "results tell it too"


CASES: dict[str, tuple[dict[str, str], list[str], Sequence[float | tuple[float, float]]]] = {
    "turnout": ({"stations.turnout_s": "partners"}, [], TURNOUTS),
    "position": ({"stations.geometry": "partners"}, IDS, PLACES),
    "name": ({"stations.name": "partners"}, NAMES, []),
    "id": ({"stations.id": "partners"}, IDS, []),
    "units": ({"units": "partners"}, UNIT_TEXTS, UNIT_NUMBERS),
    "crews": ({"units.kind": "own", "units.staffing": "own", "units.capabilities": "partners"},
              UNIT_TEXTS[1:], UNIT_NUMBERS),
    "all but units": ({"stations.turnout_s": "partners", "stations.geometry": "own", "stations.name": "partners"},
                      [*IDS, *NAMES, *UNIT_TEXTS], [*PLACES, *TURNOUTS, *UNIT_NUMBERS]),
    "stations": ({"stations": "partners"}, [*IDS, *NAMES, *UNIT_TEXTS], [*PLACES, *TURNOUTS, *UNIT_NUMBERS]),
    "hospitals": ({"hospitals.name": "partners"}, ["Centre Hospitalier", "Institut Mon"], []),
}  # fmt: skip


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("case", CASES)
def test_no_file_of_an_export_holds_what_is_withheld(
    marked: Analysis, complete: Path, tmp_path: Path, case: str
) -> None:
    words, texts, numbers = CASES[case]
    analysis = sharing(marked, words)
    manifest = export_region(analysis, tmp_path / "e", "public")
    assert leaks(tmp_path / "e", texts, numbers) == []
    assert json.loads((tmp_path / "e" / "manifest.json").read_text("utf-8")) == json.loads(
        json.dumps(manifest)
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["e"], "nothing of all data stays beside"

    # Everything that is not there is said.
    asked = {f"{one['table']}.{one['attribute']}".rstrip(".") for one in manifest["withheld"]}
    assert asked >= set(words)
    for one in manifest["withheld"]:
        assert one["because"]
        assert all(reason["agreement"] == "mc-fr" and reason["source"] for reason in one["because"])
    assert any(one["rows"] for one in manifest["withheld"])
    told = [one["file"] for one in manifest["left_out"] if not one["what"]]
    missing = {f"results/{path.name}" for path in complete.iterdir()} - {
        f"results/{name}" for name in results(tmp_path / "e")
    }
    assert missing == {name for name in told if name.startswith("results/")}

    # The headline and the scenarios are those of all data.
    summary = json.loads((tmp_path / "e" / "results" / "summary.json").read_text("utf-8"))
    assert summary["headline"] == marked.summary["headline"]
    total = marked.summary["hazards"]["scenarios"]["storm"]["total"]
    now = summary["hazards"]["scenarios"]["storm"]["total"]
    assert {key: value for key, value in total.items() if not key.startswith("later")} == {
        key: value for key, value in now.items() if not key.startswith("later")
    }

    # What is left is a region.
    if case in ("stations", "all but units"):
        assert not (tmp_path / "e" / "region").exists()
        assert told[0] == "region"
        return
    copy = read_region(tmp_path / "e" / "region")
    assert len(copy.stations) == 3
    shared = shared_region(analysis.region, "public").region
    assert list(copy.stations.index) == list(shared.stations.index)
    assert copy.stations.geometry.geom_equals_exact(shared.stations.geometry, 0.001).all()
    if case in ("position", "id"):
        assert copy.agreements[0].excluded_pairs == (("S2", "S3"),)
        assert copy.scenarios[-1].closed_stations == ("S2",)
    if case == "position":
        assert analyse(copy).summary["headline"]["population"] == marked.summary["headline"]["population"]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("case", ["turnout", "position", "id", "units", "stations"])
def test_results_say_neither_seconds_nor_stations_where_those_tell_what_is_withheld(
    marked: Analysis, tmp_path: Path, case: str
) -> None:
    export_region(sharing(marked, CASES[case][0]), tmp_path / "e", "public")
    here = results(tmp_path / "e")
    assert here == RUN_FILES - {"map.html", "response_times.parquet", "delays.csv", "break_even.csv",
                                        "break_even.png", "sensitivity.csv"}  # fmt: skip
    found = layers(tmp_path / "e")
    assert "isochrones" not in found
    assert [name for name in found if name.startswith("stations_")] == []
    assert {"coverage", "coverage_local_standard", "gaps", "jurisdictions", "crossings", "seams", "scenario_crew",
            "roads_storm", "severity_storm", "risk_coast"} <= set(found)  # fmt: skip
    for name, columns in found.items():
        if name != "stations":
            tells = [one for one in columns if one.endswith(("_s", "_station", "_depth", "_expected"))]
            assert tells == [], name
    assert {"id", "status", "alone_covered", "agreed_covered", "joint_covered", "joint_partner"} <= found[
        "coverage"
    ]
    assert ("stations" in found) == (case != "stations")
    if "stations" in found:
        assert {"road", "fraction", "distance_m", "turnout_used_s", "units"}.isdisjoint(found["stations"])
    gaps = json.loads((tmp_path / "e" / "results" / "gaps.geojson").read_text("utf-8"))["features"]
    assert all("population" in one["properties"] and "worst_s" not in one["properties"] for one in gaps)
    summary = json.loads((tmp_path / "e" / "results" / "summary.json").read_text("utf-8"))
    assert set(summary["stations"].values()) == {None}
    block = summary["common"]["total"]
    assert block["alone"]["median_s"] is None
    assert block["alone"]["covered"] == marked.summary["common"]["total"]["alone"]["covered"]
    assert summary["hazards"]["scenarios"]["crew"]["stations"] is None
    assert summary["standard"]["limit_s"] == marked.standard.limit_s, (
        "what everybody agreed on is not withheld"
    )
    assert {"stations", "sensitivity", "sweep", "break_even", "agreements"}.isdisjoint(summary["cooperation"])
    for path in (tmp_path / "e" / "results").glob("*.csv"):
        table = pd.read_csv(path)
        times = {"later_alone", "later_joint", "saved_median_s", "saved_max_s", "later_s", "break_even_s"}
        assert times.isdisjoint(table.columns), path.name
        assert "person_minutes" not in table.get("measure", pd.Series(dtype="str")).tolist()
        assert len(table), path.name
    inputs = {
        one["file"]
        for one in json.loads((tmp_path / "e" / "results" / "run.json").read_text("utf-8"))["inputs"]
    }
    assert "roads.osm.pbf" in inputs
    assert {"stations.csv", "units.csv", "region.toml", "demand.csv"}.isdisjoint(inputs), (
        "their sha256 would confirm a guess"
    )


@pytest.mark.usefixtures("quick")
def test_names_alone_cost_no_results(marked: Analysis, tmp_path: Path) -> None:
    manifest = export_region(sharing(marked, {"stations.name": "own"}), tmp_path / "e", "partners")
    assert leaks(tmp_path / "e", NAMES, []) == []
    assert results(tmp_path / "e") >= {"response_times.parquet", "coverage.gpkg"}
    assert "results/map.html" in {one["file"] for one in manifest["left_out"]}
    stations = gpd.read_file(tmp_path / "e" / "results" / "coverage.gpkg", layer="stations")
    assert stations["name"].tolist() == stations["id"].tolist() == IDS
    assert "alone_s" in layers(tmp_path / "e")["coverage"]


@pytest.mark.usefixtures("quick")
def test_what_partners_may_see_the_public_may_not_and_own_nobody(marked: Analysis, tmp_path: Path) -> None:
    words = {"stations.turnout_s": "partners", "units.kind": "own"}
    analysis = sharing(marked, words)
    export_region(analysis, tmp_path / "partners", "partners")
    export_region(analysis, tmp_path / "public", "public")
    assert leaks(tmp_path / "partners" / "region", ["zqxkind"], TURNOUTS) == TURNOUTS
    assert leaks(tmp_path / "partners", ["zqxkind"], []) == []
    assert leaks(tmp_path / "public", ["zqxkind"], TURNOUTS) == []


@pytest.mark.usefixtures("quick")
def test_people_and_places_that_are_withheld_stand_in_no_result(marked: Analysis, tmp_path: Path) -> None:
    people = marked.region.demand["population"]
    exact = people[people > 20].to_numpy()
    kept = sharing(marked, {"demand.population": "partners"})
    export_region(kept, tmp_path / "people", "public")
    for file in ("scenarios.csv", "cooperation.csv"):  # sums by municipality, of few places if it is small
        shutil.move(tmp_path / "people" / "results" / file, tmp_path / file)
    assert set(pd.read_csv(tmp_path / "scenarios.csv")["class"]) == {"all"}
    _, figures, _ = everything(tmp_path / "people")
    nearest = np.searchsorted(ordered := np.sort(figures[np.isfinite(figures)]), exact)
    assert np.abs(ordered[nearest.clip(0, len(ordered) - 1)] - exact).min() > 1e-7
    assert np.abs(ordered[nearest - 1] - exact).min() > 1e-7
    covered = gpd.read_file(tmp_path / "people" / "results" / "coverage.gpkg", layer="coverage")
    assert set(covered["population"]) <= {
        0.0,
        0.5,
        1.5,
        3.5,
        7.5,
        15.0,
        35.0,
        75.0,
        150.0,
        350.0,
        750.0,
        1500.0,
    }
    assert covered["id"].tolist() == people.index.tolist()
    assert covered["alone_s"].notna().any(), "seconds tell nothing of people"
    assert "response_times.parquet" in results(tmp_path / "people")
    found = layers(tmp_path / "people")
    assert "risk_coast" not in found
    assert {"population", "closed_population"}.isdisjoint(found["gaps"])
    copy = read_region(tmp_path / "people" / "region")
    assert set(copy.demand["population"]) <= set(covered["population"])

    place = sharing(marked, {"demand.geometry": "partners"})
    export_region(place, tmp_path / "place", "public")
    some = marked.region.demand.geometry.to_crs(4326)
    assert (
        leaks(
            tmp_path / "place",
            [str(some.index[0]), str(some.index[-1])],
            [(some.x.iloc[0], some.y.iloc[0]), (some.x.iloc[-1], some.y.iloc[-1])],
        )
        == []
    )
    copy = read_region(tmp_path / "place" / "region")
    assert copy.cell_m is None
    covered = gpd.read_file(tmp_path / "place" / "results" / "coverage.gpkg", layer="coverage")
    assert covered["id"].tolist() == copy.demand.index.tolist()
    assert shapely.distance(covered.geometry.to_numpy(), copy.demand.geometry.to_numpy()).max() < 0.001
    assert covered["status"].tolist() == marked.coverage["status"].tolist()
    assert "gaps" not in layers(tmp_path / "place")
    assert "gaps.geojson" not in results(tmp_path / "place")


def test_a_file_that_nobody_has_looked_at_is_left_out(
    marked: Analysis, complete: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def more(_analysis: Analysis, folder: Path, **_options: object) -> None:
        shutil.copytree(complete, folder)
        (folder / "new.csv").write_text("station\nzqxstation1\n", encoding="utf-8")
        gpd.GeoDataFrame({"who": ["zqxstation1"]}, geometry=[shapely.Point(0, 0)], crs=32632).to_file(
            folder / "coverage.gpkg", layer="newer", driver="GPKG", engine="pyogrio"
        )
        summary = json.loads((folder / "summary.json").read_text("utf-8")) | {"newest": ["zqxstation1"]}
        (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")

    monkeypatch.setattr("mutualaid.reports._export.write_results", more)
    manifest = export_region(sharing(marked, {"stations.id": "own"}), tmp_path / "e", "public")
    assert leaks(tmp_path / "e", IDS, []) == []
    told = {(one["file"], one["what"]) for one in manifest["left_out"]}
    assert {
        ("results/new.csv", ""),
        ("results/coverage.gpkg", "layer newer"),
        ("results/summary.json", "newest"),
    } <= told


def test_an_export_takes_the_place_of_nothing_but_an_export(marked: Analysis, tmp_path: Path) -> None:
    home = marked.region.folder
    before = sorted(home.rglob("*"))
    for folder in (home, home / "public", home.parent):
        with pytest.raises(InputError, match="a folder apart from that of the region"):
            export_region(marked, folder, "public")
    assert sorted(home.rglob("*")) == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match=r"an earlier export; got notes\.txt"):
        export_region(marked, tmp_path / "mine", "public")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]
    # What partners could see in an earlier one is gone from that for the public.
    secret = sharing(marked, {"stations.turnout_s": "partners"})
    (tmp_path / "e").mkdir()
    export_region(secret, tmp_path / "e", "partners")
    assert "response_times.parquet" in results(tmp_path / "e")
    export_region(secret, tmp_path / "e", "public")
    assert "response_times.parquet" not in results(tmp_path / "e")
    with pytest.raises(AgreementError, match="expected one of public, partners"):
        export_region(secret, tmp_path / "e", "own")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["e", "mine"]


@pytest.mark.usefixtures("quick")
def test_an_export_that_fails_leaves_the_earlier_one(
    marked: Analysis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_region(marked, tmp_path / "e", "public")
    before = {path: path.read_bytes() for path in (tmp_path / "e").rglob("*") if path.is_file()}

    def stopped(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mutualaid.reports._export.write_region", stopped)
    with pytest.raises(KeyboardInterrupt):
        export_region(marked, tmp_path / "e", "public")
    assert {path: path.read_bytes() for path in (tmp_path / "e").rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["e"]


# --- the record of incidents, decisions and targets -------------------------------------------------------------

#: A number of the record by the type of the incident, which nobody else may be told.
OF_FEW = "incidents.performance.types.alarm.segments.standard.p50_s"
#: What only single incidents, their units and an entry for partners say: EX-0… are ids, 2014-03-01T07:22:20 a call.
SINGLE = ["EX-0", "EX-1", "MEN 1", "TUR 1", "2014-03-01T07:22:20", "07:22:20", "station in Menton"]
STATED = 271.828


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    """The demo with its record, few incidents in Cap-d'Ail, and a number that was agreed on but is not told."""
    folder = tmp_path_factory.mktemp("recorded") / "region"
    shutil.copytree(demo_path(), folder, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    with (folder / "decisions.csv").open("a", encoding="utf-8") as stream:
        row = ["D6", "2016-02-01", "finding", "both", "of few", OF_FEW, STATED, "open", "", "", "", "public"]
        csv.writer(stream, lineterminator="\n").writerow(row)
    analysis = analyse(read_region(folder))
    runs = incident_study(analysis, busy=False).runs
    many = runs.loc[(runs["jurisdiction"] == "FR-cap-d-ail").to_numpy(), "incident"].iloc[9:]
    record = analysis.region.incidents
    targets = (*analysis.region.targets, Target("few", "Of few", OF_FEW, at_most=480.0))
    region = replace(
        analysis.region, incidents=record[~record["incident"].isin(many).to_numpy()], targets=targets
    )
    return replace(analysis, region=region)


@pytest.fixture(scope="module")
def full(recorded: Analysis, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All results of it, and what they were computed from."""
    folder = tmp_path_factory.mktemp("full")
    study = incident_study(recorded, busy=False)
    write_results(recorded, folder / "results", incidents=study)
    # What single units do is in this table where units that are out are simulated.
    (folder / "results" / "incidents_units.csv").write_text("unit,busy\nTUR 1,0.1\n", encoding="utf-8")
    shutil.copytree(recorded.region.folder, folder / "region")
    return folder


@pytest.fixture(scope="module")
def public(recorded: Analysis, full: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What everybody may be told of them, and the report that is written from it."""
    folder = tmp_path_factory.mktemp("public")
    with report_inputs(recorded.region, full / "results", level="public") as inputs:
        shutil.copytree(inputs.folder, folder / "results")
        (folder / "manifest.json").write_text(json.dumps(inputs.manifest), encoding="utf-8")
        write_report(inputs, folder / "report", languages=("en", "fr"))
    return folder


def summary_in(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "results" / "summary.json").read_text("utf-8"))
    return found


def small(value: Any, where: str = "") -> list[str]:
    """Where one to nine incidents or drives are told as a group of their own."""
    if isinstance(value, list):
        value = dict(enumerate(value))
    if not isinstance(value, dict):
        return []
    counts = [
        value.get(key) for key in ("count", "incidents", "first_neighbour", "judged", "drives", "known")
    ]
    here = [where for one in counts if isinstance(one, int) and 0 < one < 10]
    return here + [found for key, one in value.items() for found in small(one, f"{where}.{key}")]


def at_one_of(vertices: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Which points lie within a centimetre of a vertex, all in degrees."""
    tree = shapely.STRtree([shapely.Point(one) for one in np.unique(vertices.round(8), axis=0)])
    found: np.ndarray = np.isin(
        np.arange(len(points)), tree.query([shapely.Point(one) for one in points], "dwithin", 1e-7)[0]
    )
    return found


def test_nothing_of_single_incidents_is_public(recorded: Analysis, full: Path, public: Path) -> None:
    ids = recorded.region.incidents["incident"].unique().tolist()
    assert leaks(full, [*SINGLE, *ids], []) == [*SINGLE, *ids], "so the search finds what is there"
    assert leaks(full / "results", ["EX-0", "MEN 1"], []) == ["EX-0", "MEN 1"]
    assert leaks(public, [*SINGLE, *ids], []) == []
    home, calls = (
        shapely.get_coordinates(table.geometry.to_crs(4326).to_numpy())
        for table in (recorded.region.demand, recorded.region.incidents)
    )
    apart = calls[~at_one_of(home, calls)]  # some were at the very place of a demand point
    for folder, most in ((full, len(apart)), (public, 0)):
        seen = int(at_one_of(everything(folder / "results")[2], apart).sum())
        assert most / 2 <= seen <= most

    gone = {"incidents_units.csv", "incidents_rates.csv", "incidents_performance.csv", "incidents_fit.csv"}
    assert results(full) - results(public) == gone | {"map.html"}
    assert set(pyogrio.list_layers(full / "results" / "coverage.gpkg")[:, 0]) - set(layers(public)) == {
        "incident_runs"
    }
    manifest = json.loads((public / "manifest.json").read_text("utf-8"))
    told = {(one["file"], one["what"]) for one in manifest["left_out"]}
    assert {(f"results/{name}", "") for name in gone} | {
        ("results/coverage.gpkg", "layer incident_runs")
    } <= told
    assert {one["table"]: one["rows"] for one in manifest["withheld"] if one["rows"]} == {
        "incidents": len(recorded.region.incidents),
        "decisions": 1,
    }


def test_no_group_of_fewer_than_ten_is_public(full: Path, public: Path) -> None:
    before, after = (summary_in(folder)["incidents"] for folder in (full, public))
    found = small(before)
    for place in (".performance.jurisdictions.FR-cap-d-ail", ".fit.jurisdictions.FR-cap-d-ail",
                  ".gain.jurisdictions.FR-cap-d-ail", ".calibration.speeds.living_street"):  # fmt: skip
        assert place in found
    assert small(after) == []
    for part in ("performance", "fit"):
        assert {"units", "types", "stations"}.isdisjoint(after[part])
        assert {"MC", "FR-beausoleil"} <= set(after[part]["jurisdictions"])
    tables = {
        name: [pd.read_csv(folder / "results" / f"incidents_{name}.csv") for folder in (full, public)]
        for name in ("gain", "speeds", "delays")
    }
    for name, count in (("speeds", "drives"), ("delays", "count")):
        all_rows, rows = tables[name]
        pd.testing.assert_frame_equal(rows, all_rows[~all_rows[count].between(1, 9)].reset_index(drop=True))
        assert len(rows) > 3
    told = tables["gain"][1]["jurisdiction"].fillna("").tolist()
    assert told == ["", *after["gain"]["jurisdictions"]]


def test_no_subtraction_gives_a_group_of_fewer_than_ten(full: Path, public: Path) -> None:
    before, after = (summary_in(folder)["incidents"] for folder in (full, public))
    partners = read_region(full / "region").jurisdictions["partner"]
    for part in ("performance", "fit", "gain"):
        all_places, places = before[part]["jurisdictions"], after[part]["jurisdictions"]
        # Neighbours came first to none in La Turbie, so that it hides nothing of the few in Cap-d'Ail.
        more = {"FR-roquebrune-cap-martin"} if part == "gain" else set()
        assert set(all_places) - set(places) == {"FR-cap-d-ail", "FR-la-turbie"} | more
        for key in ("incidents", "first_neighbour", "judged") if part == "gain" else ("count",):
            whole = after[part]["total" if part == "gain" else "all"][key]
            assert whole - sum(one[key] for one in places.values()) >= 10
    of_one = [one for name, one in after["performance"]["jurisdictions"].items() if partners[name] == FR]
    assert after["performance"]["partners"][FR]["count"] - sum(one["count"] for one in of_one) >= 10


def record_of(places: Mapping[str, tuple[int, int, int]], sides: tuple[int, int]) -> dict[str, Any]:
    """A record with municipalities by incidents, those to which a neighbour came first, and those judged."""
    total = [sum(one[n] for one in places.values()) for n in range(3)]
    keys = ("incidents", "first_neighbour", "judged")
    counts = {name: {"count": one[0]} for name, one in places.items()}
    return {
        "performance": {"all": {"count": total[0]}, "jurisdictions": counts},
        "fit": {
            "all": {"count": sum(sides)},
            "own": {"count": sides[0]},
            "neighbours": {"count": sides[1]},
            "jurisdictions": {},
        },
        "gain": {
            "total": dict(zip(keys, total, strict=True)),
            "jurisdictions": {name: dict(zip(keys, one, strict=True)) for name, one in places.items()},
        },
        "calibration": None,
        "busy": None,
    }


@pytest.mark.parametrize(
    ("places", "gain"),
    [
        ({"a": (50, 20, 20), "b": (40, 0, 0), "c": (30, 12, 11)}, "abc"),
        ({"a": (50, 20, 20), "b": (40, 30, 30), "c": (30, 2, 0)}, "b"),  # a neighbour came first to few
        ({"a": (50, 20, 20), "b": (3, 2, 0), "c": (30, 12, 11)}, "a"),  # nobody can judge one of three
        ({"a": (50, 0, 0), "b": (4, 0, 0), "c": (6, 0, 0)}, "a"),  # ten together
        ({"a": (50, 0, 0), "b": (4, 0, 0), "c": (5, 0, 0), "d": (0, 0, 0)}, "d"),
        ({"a": (50, 20, 20), "b": (40, 0, 0), "c": (30, 15, 5)}, "b"),  # the next smallest has none judged
    ],
)
def test_what_is_left_out_hides_what_it_is_left_out_for(
    places: dict[str, tuple[int, int, int]], gain: str
) -> None:
    told = _without_single(record_of(places, (30, 20)), {})
    assert "".join(told["gain"]["jurisdictions"]) == gain
    assert set(told["gain"]["jurisdictions"]) <= set(told["performance"]["jurisdictions"])
    for block, whole, keys in (
        (told["gain"], "total", ("incidents", "first_neighbour", "judged")),
        (told["performance"], "all", ("count",)),
    ):
        for key in keys:
            rest = block[whole][key] - sum(one[key] for one in block["jurisdictions"].values())
            assert rest == 0 or rest >= 10


@pytest.mark.parametrize(
    ("sides", "told"), [((30, 20), {"all", "own", "neighbours"}), ((30, 4), {"all"}), ((4, 3), set())]
)
def test_one_side_tells_of_the_other(sides: tuple[int, int], told: set[str]) -> None:
    found = _without_single(record_of({"a": (50, 0, 0)}, sides), {})["fit"]
    assert set(found) - {"jurisdictions"} == told


def test_what_a_partner_has_in_all_tells_no_municipality_of_few() -> None:
    record = record_of(dict.fromkeys("abcde", (0, 0, 0)) | {"f": (0, 0, 0)}, (30, 20))
    counts = {"a": 4, "b": 40, "c": 50, "d": 12, "e": 60}
    record["performance"] = {
        "all": {"count": 166},
        "jurisdictions": {name: {"count": count} for name, count in counts.items()},
        "partners": {"one": {"count": 94}, "two": {"count": 72}},
    }
    told = _without_single(record, dict.fromkeys("abc", "one") | dict.fromkeys("de", "two"))["performance"]
    assert set(told["partners"]) == {"one", "two"}
    assert set(told["jurisdictions"]) == {"c", "d", "e"}, (
        "d is smaller, but tells nothing of the first partner"
    )

    record["performance"]["partners"] = {"one": {"count": 157}, "two": {"count": 5}, "three": {"count": 4}}
    told = _without_single(record, dict.fromkeys("bcd", "one") | {"a": "three", "e": "two"})["performance"]
    assert told["partners"] == {}, "nine together"


def test_the_hours_of_a_delay_tell_no_hour_of_few() -> None:
    rows = [("turnout_s", "career", "", 100), ("turnout_s", "career", "day", 50),
            ("turnout_s", "career", "night", 44), ("turnout_s", "unknown", "", 70),
            ("turnout_s", "unknown", "day", 40), ("answering_s", "", "", 9)]  # fmt: skip
    delays = pd.DataFrame(rows, columns=["segment", "group", "hour", "count"])
    assert _untold_delays(delays).tolist() == [False, False, True, False, False, True]


def test_what_the_record_says_in_all_is_public(recorded: Analysis, public: Path) -> None:
    told = summary_in(public)
    assert told["headline"] == recorded.summary["headline"]
    numbers = incident_numbers(incident_study(recorded, busy=False))
    for part in ("record", "drives", "calls", "rates", "refused", "notes"):
        assert told["incidents"][part] == numbers[part]
    for part in ("performance", "fit"):
        assert told["incidents"][part]["all"] == numbers[part]["all"]
    assert told["incidents"]["fit"]["neighbours"] == numbers["fit"]["neighbours"]
    assert told["incidents"]["gain"]["total"] == numbers["gain"]["total"]
    assert {key: one["verdict"] for key, one in told["incidents"]["gain"]["jurisdictions"].items()} == {
        "MC": "none_modelled",
        "FR-beausoleil": "not_confirmed",
    }
    assert [one["id"] for one in told["decisions"]] == ["D1", "D2", "D3", "D4", "D6"]
    page = (public / "report" / "report.html").read_text("utf-8")
    assert "an alert of both sides at the same moment is prepared" in page


def test_targets_and_decisions_tell_no_number_of_few(recorded: Analysis, full: Path, public: Path) -> None:
    targets, log = ({one["id"]: one for one in summary_in(full)[part]} for part in ("targets", "decisions"))
    hidden = targets["few"]["value"]
    assert hidden > 0
    assert log["D6"]["value"] == STATED
    targets, log = ({one["id"]: one for one in summary_in(public)[part]} for part in ("targets", "decisions"))
    assert {targets["few"][key] for key in ("value", "met", "distance")} == {None}
    joint = recorded.summary["headline"]["covered_joint_share"]
    assert targets["example-joint"]["value"] == pytest.approx(joint, abs=1e-3)
    assert [log[key]["value"] for key in ("D3", "D4", "D6")] == [0.67, 17309, None]
    assert leaks(full, [], [STATED]) == [STATED]
    assert leaks(public, [], [STATED]) == []


def test_an_export_has_the_log_without_what_is_withheld(
    recorded: Analysis, full: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copied(_analysis: Analysis, folder: Path, **_options: object) -> None:
        shutil.copytree(full / "results", folder)

    monkeypatch.setattr("mutualaid.reports._export.write_results", copied)
    manifest = export_region(recorded, tmp_path / "e", "public")
    assert leaks(tmp_path / "e", SINGLE, [STATED]) == []
    assert not (tmp_path / "e" / "region" / "incidents.csv").exists()
    copy = read_region(tmp_path / "e" / "region")
    assert copy.incidents.empty
    assert copy.decisions.index.tolist() == ["D1", "D2", "D3", "D4", "D6"]
    assert copy.decisions["value"].dropna().to_dict() == {"D3": 0.67, "D4": 17309}
    assert ("region/decisions.csv", "value of D6") in {
        (one["file"], one["what"]) for one in manifest["left_out"]
    }
    assert [one.id for one in copy.targets] == [one.id for one in recorded.region.targets]

    export_region(recorded, tmp_path / "p", "partners")
    assert leaks(tmp_path / "p", SINGLE[:2], [STATED]) == [], "single incidents are for nobody else"
    assert "D5" in read_region(tmp_path / "p" / "region").decisions.index


def test_no_value_of_a_time_stands_in_a_log_where_times_are_withheld(
    marked: Analysis, tmp_path: Path
) -> None:
    median = marked.summary["common"]["total"]["joint"]["median_s"]
    stated = 314.159
    log = read_region(marked.region.folder).decisions.iloc[:1].assign(
        indicator="common.total.joint.median_s", value=stated
    )  # fmt: skip
    target = Target("median", "Median", "common.total.joint.median_s", at_most=480.0)
    region = replace(marked.region, decisions=log, targets=(target,))
    for n, (words, there) in enumerate((({}, True), ({"stations.turnout_s": "partners"}, False))):
        export_region(sharing(replace(marked, region=region), words), tmp_path / f"{n}", "public")
        summary = summary_in(tmp_path / f"{n}")
        assert [one["value"] for one in summary["decisions"]] == [stated if there else None]
        assert [one["value"] for one in summary["targets"]] == [median if there else None]
        assert [one["distance"] is not None for one in summary["targets"]] == [there]
        assert leaks(tmp_path / f"{n}", [], [stated]) == [stated] * there
        copy = read_region(tmp_path / f"{n}" / "region")
        assert copy.decisions["value"].notna().tolist() == [there]


# --- commands ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(marked: Analysis, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the marked region, in which each partner has its own."""
    here = tmp_path_factory.mktemp("commands")
    shutil.copytree(marked.region.folder, here / "region")
    return here


def test_export_on_the_command_line(folder: Path) -> None:
    done = mutualaid("export", "region", "--level", "public", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert f"stations.turnout_s of {MC}: removed, 2 rows (mc-fr: partners)" in done.stdout
    assert f"units of {FR}: removed with its row, 1 row (mc-fr: own)" in done.stdout
    assert "left out, because it shows what is kept back: results/map.html" in done.stdout
    assert "results/coverage.gpkg (in part), " in done.stdout
    assert leaks(folder / "region-public", UNIT_TEXTS, TURNOUTS) == []
    machine = mutualaid("export", "region", "--level", "partners", "--out", "p", "--json", cwd=folder)
    answer = json.loads(machine.stdout)
    assert answer["folder"] == "p"
    assert {one["table"] for one in answer["manifest"]["withheld"]} == {"units", "incidents"}
    for words, told in (
        (["--level", "own"], "level: expected one of"),
        (["--level", "public", "--out", "region/x"], "--out"),
    ):
        wrong = mutualaid("export", "region", *words, cwd=folder)
        assert (wrong.returncode, told in wrong.stderr) == (3, True), wrong.stderr


def test_partners_contribute_from_folders_of_their_own_and_one_combines(
    marked: Analysis, folder: Path
) -> None:
    for n, (partner, others) in enumerate(((MC, "zqxstation3"), (FR, "zqxstation1")), 1):
        own = folder / f"own{n}"
        shutil.copytree(folder / "region", own)
        toml = own / "region.toml"
        toml.write_text(
            toml.read_text("utf-8").replace('closed_stations = ["zqxstation2"]', "closed_ways = [4230085]")
        )
        if n == 1:  # a station that an agreement names must be in the table, if only as closed
            lines = [
                one.replace(",active", ",closed") if others in one else one for one in STATIONS.splitlines()
            ]
            units = [one for one in UNITS.splitlines() if others not in one]
        else:
            lines = [one for one in STATIONS.splitlines() if others not in one]
            lines = [one.replace(",active", ",closed") if "zqxstation2" in one else one for one in lines]
            units = [one for one in UNITS.splitlines() if "unit1" not in one and "unit2" not in one]
        (own / "stations.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (own / "units.csv").write_text("\n".join(units) + "\n", encoding="utf-8")
        done = mutualaid("contribute", f"own{n}", "--partner", partner, "--out", f"{n}.parquet", cwd=folder)
        assert done.returncode == 0, done.stderr
        assert (
            "Columns: level, station, demand, response_ms, agreement, subsidiary, first_due, free"
            in done.stdout
        )
    assert "By their own ids, because an agreement in force excludes them: zqxstation3" in done.stdout
    assert set(pd.read_parquet(folder / "1.parquet")["station"]) == {"zqxstation2", f"{MC}:1"}

    done = mutualaid("combine", "own1", "1.parquet", "2.parquet", "--out", "joint", cwd=folder)
    assert done.returncode == 0, done.stderr
    total = marked.summary["common"]["total"]
    for number in (total["population"], total["closed_by_joint"], total["remaining"]):
        assert f"{number:,.0f}" in done.stdout
    summary = json.loads((folder / "joint" / "summary.json").read_text("utf-8"))
    for part in ("headline", "common", "local", "gaps"):
        assert summary[part] == marked.summary[part]
    covered = gpd.read_file(folder / "joint" / "coverage.gpkg", layer="coverage")
    for level in ("alone", "agreed", "joint"):
        assert covered[f"{level}_covered"].tolist() == marked.coverage[f"{level}_covered"].tolist()
        seconds = marked.coverage[f"{level}_s"]
        pd.testing.assert_series_equal(
            covered[f"{level}_s"].fillna(math.inf), seconds.reset_index(drop=True), check_exact=True
        )
    assert sorted(path.name for path in (folder / "joint").iterdir()) == ["coverage.gpkg", "summary.json"]

    told = mutualaid("combine", "own2", "1.parquet", cwd=folder).stdout
    assert f"note: Stations of {FR} are unknown, which is not none" in told
    none = mutualaid("combine", "own2", "1.parquet", "--no-station", FR, "--json", cwd=folder)
    answer = json.loads(none.stdout)
    assert (answer["summary"]["no_station"], answer["summary"]["notes"], answer["files"]) == ([FR], [], {})


def test_defects_of_all_contributions_are_told_at_once(folder: Path) -> None:
    for name in ("a.parquet", "b.parquet"):
        (folder / name).write_text("none", encoding="utf-8")
    wrong = mutualaid("combine", "region", "a.parquet", "b.parquet", "--json", cwd=folder)
    assert wrong.returncode == 3
    assert [one["file"] for one in json.loads(wrong.stdout)["defects"]] == ["a.parquet", "b.parquet"]
    for words in (
        ["--partner", "Monaco", "--out", "x.parquet"],
        ["--partner", MC, "--out", "region/stations.csv"],
    ):
        refused = mutualaid("contribute", "region", *words, cwd=folder)
        assert refused.returncode == 3
        assert "Remedy:" in refused.stderr
    assert (folder / "region" / "stations.csv").read_text("utf-8") == STATIONS
    assert not (folder / "x.parquet").exists()
