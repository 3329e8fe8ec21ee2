"""Records of runs: kept whole or not at all, never replaced, and enough to put the region together again."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mutualaid.coverage import Analysis, analyse
from mutualaid.data import Region, demo_path, read_region
from mutualaid.errors import RecordError
from mutualaid.reports import (
    RunRecord,
    damaged_records,
    find_record,
    history,
    history_figure,
    read_records,
    region_of,
    run_indicators,
    run_record,
    save_figure,
    write_history,
    write_record,
)

MARCH, APRIL = "2026-03-01T09:00:00+00:00", "2026-04-01T09:00:00+00:00"


@pytest.fixture(scope="module")
def done() -> Analysis:
    """A run of the demo, for its numbers; without hazards, because records do not read them."""
    return analyse(replace(read_region(demo_path()), hazards=(), scenarios=(), risks=(), evacuation=None))


def at(folder: Path, region: Region) -> Region:
    """Give the demo as if it had been read from a folder: reading it each time would take most of the time."""

    def there(paths: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(folder / path.relative_to(region.folder) for path in paths)

    return replace(
        region, folder=folder, files=there(region.files), network_files=there(region.network_files)
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The demo in a folder of its own."""
    ignored = shutil.ignore_patterns("__pycache__", "*.py")
    return Path(shutil.copytree(demo_path(), tmp_path / "region", ignore=ignored))


@pytest.fixture
def keep(folder: Path, done: Analysis) -> Callable[..., Path]:
    """Write a record of a run of the folder as it is now, at a moment, with another number in its headline if asked."""

    def write(created: str = MARCH, *, joint: float | None = None, **options: Any) -> Path:
        region = at(folder, done.region)
        record = run_record(replace(done, region=region)) | {"created": created}
        summary = json.loads(json.dumps(done.summary))
        if joint is not None:
            summary["headline"]["covered_joint"] = joint
        return write_record(region, record, summary, **options)

    return write


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# --- what a record says -------------------------------------------------------------------------------------


def test_a_record_says_what_was_run(folder: Path, keep: Callable[..., Path], done: Analysis) -> None:
    path = keep(note=" before the forum ", asked="mutualaid run region.toml")
    content = json.loads(path.read_text(encoding="utf-8"))
    # By the rule in the documentation, not by our own reader.
    rest = {key: value for key, value in content.items() if key not in ("schema", "id")}
    plain = json.dumps(rest, sort_keys=True, separators=(",", ":")).encode("ascii")
    assert content["id"] == f"20260301T090000Z-{hashlib.sha256(plain).hexdigest()[:8]}" == path.stem
    assert content["schema"] == 1
    [record] = read_records(folder)
    assert (record.id, record.note, record.asked) == (
        path.stem,
        "before the forum",
        "mutualaid run region.toml",
    )
    assert (record.created, record.region, record.standard) == (MARCH, done.region.name, "de-agbf-first")
    assert record.parameters["dispatch_s"] == 0.0
    assert {one["file"]: one["sha256"] for one in record.inputs} == {
        one.relative_to(folder).as_posix(): sha256(one) for one in at(folder, done.region).files
    }
    assert str(folder) not in path.read_text(encoding="utf-8")
    # That of the file which the results hold.
    text = json.dumps(done.summary, ensure_ascii=False, indent=2) + "\n"
    assert record.summary_sha256 == hashlib.sha256(text.encode()).hexdigest()


def test_indicators_are_the_summary_s_numbers_at_their_place(done: Analysis) -> None:
    summary = done.summary | {
        "siting": {"plan": {"cost": 2.0, "status": "optimal", "opened": ["a"]}},
        "evacuation": {"people": 5.0, "bracket": {"lower_s": None}, "zones": [{"people": 1.0}]},
        "incidents": {"fit": {"all": {"bias_s": 4.5, "sure": True}}},
        "hazards": {
            "scenarios": {"wild.fire": {"total": {"alone": 1.0, "lost_joint": 2.0, "later_alone": 3.0}}}
        },
    }
    found = run_indicators(summary)
    assert found["headline.covered_joint"] == done.summary["headline"]["covered_joint"]
    partner = done.summary["common"]["partners"]["SDIS 06"]
    assert found['common.partners."SDIS 06".joint.covered'] == partner["joint"]["covered"]
    place = done.summary["common"]["jurisdictions"]["MC"]
    assert found["common.jurisdictions.MC.saved_median_s"] is place["saved_median_s"] is None
    assert found['hazards.scenarios."wild.fire".total.lost_joint'] == 2.0
    assert found["incidents.fit.all.bias_s"] == 4.5
    assert (found["siting.plan.cost"], found["evacuation.people"]) == (2.0, 5.0)
    assert found["evacuation.bracket.lower_s"] is None
    told = {key for key in found if key.startswith(("siting", "evacuation", "incidents", "hazards"))}
    assert len(told) == 6, "texts, flags, lists and numbers that were not chosen stay out"
    assert all(value is None or isinstance(value, int | float) for value in found.values())


# --- append-only --------------------------------------------------------------------------------------------


def test_equal_runs_of_one_second_both_stay(folder: Path, keep: Callable[..., Path]) -> None:
    first, second, third = keep(), keep(), keep(note="another")
    before = first.read_bytes()
    keep()
    assert second.stem == f"{first.stem}-2"
    assert third.stem not in (first.stem, second.stem)
    assert first.read_bytes() == before
    assert len(read_records(folder)) == 4
    assert damaged_records(folder) == ()


def test_runs_that_end_together_all_leave_a_record(folder: Path, keep: Callable[..., Path]) -> None:
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda _: keep(), range(8)))
    assert len(set(paths)) == 8
    assert {one.path for one in read_records(folder)} == set(paths)
    assert damaged_records(folder) == ()


def test_a_record_replaces_nothing_where_the_system_has_no_links(
    folder: Path, keep: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    first = keep()
    before = first.read_bytes()
    second = keep()
    assert second.stem == f"{first.stem}-2"
    assert first.read_bytes() == before
    assert len(read_records(folder)) == 2


def test_a_number_of_a_record_is_found_by_its_place(folder: Path, keep: Callable[..., Path]) -> None:
    keep(joint=4.0)
    record = find_record(folder)
    assert record.value("headline.covered_joint") == 4.0
    with pytest.raises(RecordError, match=r"use one such as .*headline\.covered_joint"):
        record.value("headline.covered_jiont")
    with pytest.raises(RecordError, match="which is unknown in this run"):
        record.value("common.jurisdictions.MC.saved_median_s")


def test_records_come_in_the_order_of_their_moments(folder: Path, keep: Callable[..., Path]) -> None:
    keep(APRIL, note="later")
    keep("2026-03-01T10:30:00+01:00", note="earlier")  # half past nine in UTC
    keep(MARCH, note="first")
    assert [one.note for one in read_records(folder)] == ["first", "earlier", "later"]
    assert [one.created[11:16] for one in read_records(folder)] == ["09:00", "09:30", "09:00"]


def test_inputs_are_kept_once_by_their_content(
    folder: Path, keep: Callable[..., Path], done: Analysis
) -> None:
    keep()
    store = folder / "runs" / "inputs"
    first = {path.name for path in store.iterdir()}
    assert first == {sha256(path) for path in at(folder, done.region).files}
    assert all(sha256(path) == path.name for path in store.iterdir())
    with (folder / "stations.csv").open("a", encoding="utf-8") as file:
        file.write("\n")
    keep(APRIL)
    assert {path.name for path in store.iterdir()} - first == {sha256(folder / "stations.csv")}


def test_an_input_that_changed_since_is_refused(folder: Path, done: Analysis) -> None:
    region = at(folder, done.region)
    record = run_record(replace(done, region=region))
    (folder / "demand.csv").write_text("other", encoding="utf-8")
    (folder / "stations.csv").unlink()
    with pytest.raises(RecordError) as caught:
        write_record(region, record, done.summary)
    assert [one.file for one in caught.value.defects] == ["demand.csv", "stations.csv"]
    assert read_records(folder) == ()
    assert not [path for path in (folder / "runs").rglob("*") if path.name.startswith(".")], "no scraps"


def test_a_place_that_cannot_be_written_to_is_told(folder: Path, keep: Callable[..., Path]) -> None:
    (folder / "runs").write_text("a file of this name", encoding="utf-8")
    with pytest.raises(RecordError, match="a folder that can be written to"):
        keep()


# --- damage -------------------------------------------------------------------------------------------------


def test_damaged_records_hide_no_others(folder: Path, keep: Callable[..., Path]) -> None:
    good, cut, changed = keep(), keep(APRIL, note="cut"), keep(APRIL, note="changed")
    cut.write_bytes(cut.read_bytes()[:-40])
    text = changed.read_text(encoding="utf-8")
    changed.write_text(text.replace('"covered_joint": 5', '"covered_joint": 6').replace("changed", "better"))
    runs = folder / "runs"
    (runs / "newer.json").write_text('{"schema": 2}', encoding="utf-8")
    (runs / "other.json").write_text("[1, 2]", encoding="utf-8")
    (runs / "bytes.json").write_bytes(b"\x80\x81")
    (runs / "empty.json").touch()
    (runs / "notes.txt").write_text("ours", encoding="utf-8")
    assert [one.path for one in read_records(folder)] == [good]
    told = {defect.file: defect.got for defect in damaged_records(folder)}
    assert sorted(told) == sorted(
        f"runs/{name}"
        for name in ("newer.json", "other.json", "bytes.json", "empty.json", cut.name, changed.name)
    )
    assert told["runs/newer.json"] == "2"
    assert "changed after it was written" in told[f"runs/{changed.name}"]
    with pytest.raises(RecordError) as caught:
        find_record(folder, changed.stem)
    assert [one.file for one in caught.value.defects] == [f"runs/{changed.name}"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("note", "x"),
        ("day", "2020-01-01"),
        ("inputs", []),
        ("indicators", {}),
        ("standard", "own"),
        ("seconds", 1.0),
    ],
)
def test_any_change_of_a_record_is_found(
    folder: Path, keep: Callable[..., Path], key: str, value: object
) -> None:
    path = keep(keep_inputs=False)
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | {key: value}), encoding="utf-8")
    assert read_records(folder) == ()
    assert len(damaged_records(folder)) == 1


_WRITER = """
import json, os, sys
from pathlib import Path
from mutualaid.data import read_region
from mutualaid.reports import write_record

folder = Path(sys.argv[1])
region = read_region(folder)
record = json.loads((folder.parent / "record.json").read_text())
big = folder / "roads.osm.pbf"
for n in range(10_000):
    # Every run has an input of its own, so that it is in the middle of writing nearly all of the time.
    big.write_bytes(os.urandom(2_000_000))
    import hashlib
    sha = hashlib.sha256(big.read_bytes()).hexdigest()
    for one in record["inputs"]:
        if one["file"] == big.name:
            one |= {"sha256": sha, "bytes": 2_000_000}
    path = write_record(region, record, {"headline": {"n": n}}, note=str(n))
    print(path.name, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("wait", [1, 6])
def test_a_killed_run_leaves_the_former_records_readable(
    folder: Path, keep: Callable[..., Path], done: Analysis, wait: int
) -> None:
    former = keep(note="former")
    record = run_record(replace(done, region=at(folder, done.region)))
    (folder.parent / "record.json").write_text(json.dumps(record), encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(folder)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        written = [child.stdout.readline().strip() for _ in range(wait)]
        os.kill(child.pid, signal.SIGKILL)
        written += child.stdout.read().split()
    assert child.returncode == -signal.SIGKILL
    assert damaged_records(folder) == ()
    names = {one.path.name for one in read_records(folder)}
    assert {former.name, *written} <= names, "what was told to be written is there"
    assert len(names) <= len(written) + 2, "at most the one that was not told yet"
    kept = {
        path.name: path for path in (folder / "runs" / "inputs").iterdir() if not path.name.startswith(".")
    }
    assert all(sha256(path) == name for name, path in kept.items())
    assert all(one["sha256"] in kept for run in read_records(folder) for one in run.inputs)


# --- finding ------------------------------------------------------------------------------------------------


def test_a_record_is_found_by_words_and_parts_of_its_id(folder: Path, keep: Callable[..., Path]) -> None:
    first, second = keep(MARCH, note="first"), keep(APRIL, note="second")
    assert find_record(folder).note == find_record(folder, "latest").note == "second"
    assert find_record(folder, "previous").note == "first"
    assert find_record(folder, first.stem).note == "first"
    assert find_record(folder, "202603").note == "first"
    assert find_record(folder, second.stem[-8:]).note == "second"
    moved = folder.parent / "kept-elsewhere.json"
    shutil.copyfile(first, moved)
    assert find_record(folder, moved).note == "first"
    with pytest.raises(RecordError, match=f"start of 2.*{second.stem}"):
        find_record(folder, "2026")
    with pytest.raises(RecordError, match="choose one of these"):
        find_record(folder, "1999")
    with pytest.raises(RecordError):
        find_record(folder, "")


def test_no_records_are_told_as_such(tmp_path: Path) -> None:
    assert read_records(tmp_path) == ()
    assert damaged_records(tmp_path) == ()
    for which in ("latest", "previous", "20"):
        with pytest.raises(RecordError, match="no record"):
            find_record(tmp_path, which)


# --- the region as it was -----------------------------------------------------------------------------------


def same_region(one: Any, two: Any) -> None:
    """All that is read is the same; only the folder differs."""
    for name in ("jurisdictions", "stations", "demand", "units", "hospitals", "ground", "shelters"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(two, name))
    for name in ("name", "crs", "standards", "agreements", "costs", "sources", "risks"):
        assert getattr(one, name) == getattr(two, name), name
    assert [path.read_bytes() for path in one.network_files] == [
        path.read_bytes() for path in two.network_files
    ]


def test_a_region_is_put_together_as_it_was(folder: Path, keep: Callable[..., Path], tmp_path: Path) -> None:
    before = read_region(folder)
    untouched = read_region(shutil.copytree(folder, tmp_path / "untouched"))
    path = keep()
    stations = pd.read_csv(folder / "stations.csv", dtype=str)
    stations.iloc[1:].to_csv(folder / "stations.csv", index=False)
    shutil.rmtree(folder / "hazards")
    (folder / "roads.osm.pbf").write_bytes(b"gone")
    then = region_of(find_record(folder, path.stem), into=tmp_path / "then")
    same_region(then, untouched)
    assert then.folder == tmp_path / "then"
    assert len(then.stations) == len(before.stations)


def test_parameters_asked_for_and_the_day_come_back(folder: Path, done: Analysis, tmp_path: Path) -> None:
    region = at(folder, done.region)
    asked = replace(region, parameters=replace(region.parameters, dispatch_s=90.0, hour="night"))
    record = run_record(replace(done, region=asked)) | {"day": "2020-02-29", "created": MARCH}
    write_record(asked, record, done.summary)
    then = region_of(find_record(folder), into=tmp_path / "then")
    assert then.parameters == replace(asked.parameters, date="2020-02-29")


def test_inputs_that_are_nowhere_are_all_named(
    folder: Path, keep: Callable[..., Path], tmp_path: Path
) -> None:
    keep(keep_inputs=False)
    record = find_record(folder)
    assert not (folder / "runs" / "inputs").exists()
    same_region(region_of(record, into=tmp_path / "a"), read_region(folder))
    (folder / "demand.csv").unlink()
    (folder / "stations.csv").write_text("id\n", encoding="utf-8")
    with pytest.raises(RecordError) as caught:
        region_of(record, into=tmp_path / "b")
    told = {one.file: one.got for one in caught.value.defects}
    assert sorted(told) == ["demand.csv", "stations.csv"]
    assert told["stations.csv"] == "only a file with other content"


@pytest.mark.parametrize("name", ["../out.csv", "/etc/out.csv", "a/../../out.csv", "C:out.csv", "a\\out.csv"])
def test_a_record_writes_nowhere_else(
    folder: Path, keep: Callable[..., Path], tmp_path: Path, name: str
) -> None:
    keep()
    record = find_record(folder)
    stray = ({"file": name, "sha256": record.inputs[0]["sha256"], "bytes": 1},)
    with pytest.raises(RecordError, match="a path inside the region folder"):
        region_of(replace(record, inputs=record.inputs + stray), into=tmp_path / "then")
    assert not list(tmp_path.rglob("out.csv"))


def test_a_region_made_in_memory_cannot_come_back(folder: Path, done: Analysis, tmp_path: Path) -> None:
    region = replace(at(folder, done.region), files=())
    write_record(region, run_record(replace(done, region=region)), done.summary)
    with pytest.raises(RecordError, match="made in memory"):
        region_of(find_record(folder), into=tmp_path / "then")


# --- history ------------------------------------------------------------------------------------------------


def test_history_has_a_row_for_each_run(folder: Path, keep: Callable[..., Path]) -> None:
    keep(APRIL, joint=60_000.0, note="treaty")
    keep(MARCH, joint=50_000.0)
    table = history(read_records(folder), ["headline.covered_joint"])
    assert table["headline.covered_joint"].tolist() == [50_000.0, 60_000.0]
    assert table["note"].tolist() == ["", "treaty"]
    assert table.index.tolist() == [one.id for one in read_records(folder)]
    asked = history(read_records(folder), ["common.jurisdictions.MC.saved_median_s", "headline.remaining"])
    assert asked.columns.tolist()[-2:] == ["common.jurisdictions.MC.saved_median_s", "headline.remaining"]
    assert asked["common.jurisdictions.MC.saved_median_s"].isna().all(), "null is unknown, not nothing"
    with pytest.raises(RecordError) as caught:
        history(read_records(folder), ["headline.joint", "headline.remaining", "x"])
    assert len(caught.value.defects) == 2


def test_history_is_written(folder: Path, keep: Callable[..., Path], tmp_path: Path) -> None:
    keep(MARCH)
    keep(APRIL)
    table = history(read_records(folder))
    files = write_history(table, tmp_path / "history")
    read = pd.read_csv(files["history.csv"], index_col="run", keep_default_na=False, dtype={"note": str})
    pd.testing.assert_frame_equal(read, table, check_dtype=False)
    write_history(table, tmp_path / "again")
    assert (tmp_path / "again" / "history.png").read_bytes() == files["history.png"].read_bytes()
    # A picture that nothing can be said in any more goes.
    assert sorted(write_history(table.iloc[:0], tmp_path / "history")) == ["history.csv"]
    assert not files["history.png"].exists()


def drawn(records: tuple[RunRecord, ...], shares: list[float], tmp_path: Path) -> Figure:
    table = history(records)
    for level in ("alone", "agreed", "joint"):
        table[f"headline.covered_{level}_share"] = shares
    figure = history_figure(table)
    save_figure(figure, tmp_path / "history.png")
    return figure


@pytest.mark.parametrize("shares", [[0.9, 0.9], [1.0, 1.0], [0.0, 0.0], [0.5, float("nan")]])
def test_a_history_is_drawn_within_its_frame(
    folder: Path, keep: Callable[..., Path], tmp_path: Path, shares: list[float]
) -> None:
    keep(MARCH)
    keep(APRIL)
    figure = drawn(read_records(folder), shares, tmp_path)
    axes = figure.axes[0]
    low, high = axes.get_ylim()
    line = axes.lines[0].get_ydata()
    assert np.nanmin(line) >= low
    assert np.nanmax(line) <= high
    # All lines end at one place; what is written there does not overlap.
    renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
    boxes = [text.get_window_extent(renderer) for text in axes.texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_nothing_to_draw_is_told() -> None:
    with pytest.raises(RecordError, match="runs that state shares"):
        history_figure(history([]))
