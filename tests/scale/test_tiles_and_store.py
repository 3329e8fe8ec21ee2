"""Tiles hold every place once; results of tasks come back as they went in, and are known by what they are made of."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutualaid.errors import ScaleError
from mutualaid.scale import tile_rows
from mutualaid.scale._store import Work, fingerprint, open_work, packed, unpacked

coordinates = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=60)


def points(xy: list[tuple[int, int]]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(geometry=gpd.points_from_xy([x for x, _ in xy], [y for _, y in xy]), crs=32632)


@given(coordinates, st.integers(1, 20))
def test_every_place_is_in_one_tile_and_no_tile_is_too_large(xy: list[tuple[int, int]], places: int) -> None:
    tiles = tile_rows(points(xy), places=places)
    assert sorted(np.concatenate([[], *tiles]).astype(int).tolist()) == list(range(len(xy)))
    for rows in tiles:
        assert min(1, len(xy)) <= len(rows) <= places
        assert (np.diff(rows) > 0).all()
    if len(xy) > places:  # halves of halves: none is less than half full
        assert min(map(len, tiles)) >= places // 2


def test_tiles_are_cut_across_the_longer_side() -> None:
    tiles = tile_rows(points([(x, y) for x in range(6) for y in range(2)]), places=6)
    assert [rows.tolist() for rows in tiles] == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]


def test_a_tile_of_no_places_is_refused() -> None:
    with pytest.raises(ScaleError, match="a count of at least 1; got 0"):
        tile_rows(points([(0, 0)]), places=0)


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "station": pd.Categorical.from_codes([1, -1, 0], categories=pd.Index(["s/1", "ß"])),
            "seconds": [1.5, np.inf, np.nan],
            "covered": [True, False, True],
            "depth": np.array([3, 0, 2], dtype=np.int64),
            "severity": pd.array([1, pd.NA, 6], dtype="Int8"),
            "exposed": pd.array([True, pd.NA, False], dtype="boolean"),
            "name": pd.array(["a", None, ""], dtype="str"),
        },
        index=pd.Index(["x", "y", "z"], name="id"),
    )


def test_tables_arrays_and_facts_come_back_as_they_went_in(tmp_path: Path) -> None:
    bits = np.array([[True, False, True], [False, False, True]])
    data = packed({"one": table(), "empty": table().iloc[:0]}, {"bits": bits}, {"seconds": 0.25})
    (tmp_path / "some.zip").write_bytes(data)
    for given_as in (data, tmp_path / "some.zip"):
        tables, arrays, facts = unpacked(given_as)
        pd.testing.assert_frame_equal(tables["one"], table(), check_exact=True)
        pd.testing.assert_frame_equal(tables["empty"], table().iloc[:0])
        assert np.array_equal(arrays["bits"], bits)
        assert facts == {"seconds": 0.25}
    tables, arrays, _ = unpacked(data, only=["empty"])
    assert (list(tables), list(arrays)) == (["empty"], [])


@dataclass(frozen=True)
class Thing:
    """A dataclass with a large part."""

    numbers: np.ndarray
    name: str = "a"


def test_a_fingerprint_differs_as_soon_as_a_value_does() -> None:
    thing, frame = Thing(np.arange(3)), table()
    known = fingerprint(thing, frame, (thing, {"k": 1.0}))
    assert known == fingerprint(Thing(np.arange(3)), table(), (Thing(np.arange(3)), {"k": 1.0}))
    assert fingerprint(thing, frame) == fingerprint(Thing(np.arange(3)), table())
    others = [
        fingerprint(Thing(np.array([0, 1, 3])), frame),
        fingerprint(Thing(np.arange(3, dtype=np.int32)), frame),
        fingerprint(Thing(np.arange(3), "b"), frame),
        fingerprint(thing, frame.assign(seconds=[1.5, np.inf, 2.0])),
        fingerprint(thing, frame.rename(columns={"depth": "deep"})),
        fingerprint(thing, frame.set_axis(["x", "y", "w"])),
        fingerprint(thing, frame[::-1]),
        fingerprint(thing),
    ]
    assert len({fingerprint(thing, frame), *others}) == 1 + len(others)


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    code = "from mutualaid.scale._store import fingerprint; print(fingerprint(set('abcdefgh'), {'k': {'x', 'y'}}))"
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(found) == 1


SUMS = {"roads": "1", "stations": "2"}


FAIR = "0" * 64


def test_work_goes_on_only_from_what_was_computed_from_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "results.unfinished"
    with pytest.raises(ScaleError, match="an unfinished run to go on from; got nothing there"):
        open_work(folder, SUMS, resume=True)
    work = open_work(folder, SUMS, resume=False)
    work.keep(work.file(FAIR, 3), b"some")
    assert open_work(folder, SUMS, resume=True).file(FAIR, 3).read_bytes() == b"some"
    with pytest.raises(ScaleError, match="got other people, roads, stations") as caught:
        open_work(folder, {"roads": "9", "people": "2"}, resume=True)
    assert "run without --resume" in str(caught.value)
    assert work.file(FAIR, 3).exists(), "a refused run keeps what is finished"
    assert not open_work(folder, SUMS, resume=False).file(FAIR, 3).exists()


def test_results_that_are_computed_from_other_things_are_never_mixed(tmp_path: Path) -> None:
    """Not even if another run writes into the same folder at the same time."""
    work = Work(tmp_path)
    sums = [
        fingerprint(SUMS),
        fingerprint({"roads": "1", "stations": "3"}),
        fingerprint(fingerprint(SUMS), "flood"),
    ]
    assert len({work.file(one, 0) for one in sums}) == 3


def test_a_folder_that_is_a_link_is_cleared_behind_the_link(tmp_path: Path) -> None:
    (tmp_path / "large").mkdir()
    folder = tmp_path / "results.unfinished"
    folder.symlink_to(tmp_path / "large", target_is_directory=True)
    work = open_work(folder, SUMS, resume=False)
    work.keep(work.file(FAIR, 3), b"some")
    assert not open_work(folder, SUMS, resume=False).file(FAIR, 3).exists()
    assert folder.is_symlink()


@pytest.mark.parametrize("also", ["", "state.json"])
def test_a_folder_with_other_files_is_left_alone(tmp_path: Path, also: str) -> None:
    (tmp_path / "thesis.odt").write_text("years of work")
    if also:
        (tmp_path / also).write_text("{}")
    with pytest.raises(ScaleError, match="a folder that is new, empty, or of an unfinished run"):
        open_work(tmp_path, SUMS, resume=False)
    assert (tmp_path / "thesis.odt").exists()


def test_a_full_disk_is_told_and_finished_tasks_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = open_work(tmp_path / "work", SUMS, resume=False)
    work.keep(work.file(FAIR, 0), b"finished")

    def full(path: Path, data: bytes) -> int:
        with path.open("wb") as stream:
            stream.write(data[:2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ScaleError) as caught:
        work.keep(work.file(FAIR, 1), b"x" * 2_000_000)
    assert "room for 2.0 MB more; got No space left on device, after 1 finished tasks" in str(caught.value)
    assert [path.name for path in sorted(work.file(FAIR, 0).parent.iterdir())] == ["tile-0.zip"]


def test_a_damaged_result_is_named(tmp_path: Path) -> None:
    work = Work(tmp_path)
    good = packed({"one": table()})
    for bad in (good[:-30], b"", good[:60] + bytes([good[60] ^ 255]) + good[61:]):
        work.keep(work.file(FAIR, 7), bad)
        with pytest.raises(ScaleError, match=r"0/tile-7\.zip: expected a complete result of a task"):
            work.read(work.file(FAIR, 7))
