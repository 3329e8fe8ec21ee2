"""Results of tasks as files: written whole or not at all, and known by what they were computed from."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from mutualaid.errors import Defect, ScaleError

__all__ = ["Work", "fingerprint", "open_work", "packed", "unpacked"]

_STATE = "state.json"
_FAST = pa.ipc.IpcWriteOptions(compression="lz4")


def packed(
    tables: Mapping[str, pd.DataFrame],
    arrays: Mapping[str, NDArray[Any]] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> bytes:
    """Put tables, arrays and a few facts into bytes that anybody can open: a ZIP of Arrow, NumPy and JSON."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, frame in tables.items():
            table = pa.Table.from_pandas(pd.DataFrame(frame))
            columns = [column.combine_chunks() for column in table.columns]
            with (
                archive.open(f"{name}.arrow", "w") as entry,
                pa.ipc.new_stream(entry, table.schema, options=_FAST) as stream_to,
            ):
                # As one batch, even if it is empty: a table of no batches would lose its categories.
                stream_to.write_batch(pa.record_batch(columns, schema=table.schema))
        for name, array in (arrays or {}).items():
            with archive.open(f"{name}.npy", "w") as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)
        archive.writestr("facts.json", json.dumps(dict(facts or {})))
    return stream.getvalue()


def unpacked(
    data: bytes | Path, *, only: Sequence[str] | None = None
) -> tuple[dict[str, pd.DataFrame], dict[str, NDArray[Any]], dict[str, Any]]:
    """Give back what `packed` was given: all tables and arrays, or only those that are named, and the facts."""
    tables: dict[str, pd.DataFrame] = {}
    arrays: dict[str, NDArray[Any]] = {}
    with zipfile.ZipFile(io.BytesIO(data) if isinstance(data, bytes) else data) as archive:
        for entry in archive.namelist():
            name, _, kind = entry.rpartition(".")
            if kind == "json" or (only is not None and name not in only):
                continue
            with archive.open(entry) as stream:
                if kind == "npy":
                    arrays[name] = np.lib.format.read_array(stream, allow_pickle=False)
                else:
                    with pa.ipc.open_stream(stream.read()) as reader:
                        tables[name] = reader.read_pandas()
        facts = json.loads(archive.read("facts.json"))
    return tables, arrays, facts


def fingerprint(*parts: Any) -> str:
    """Sum up arrays, tables, dataclasses and plain values in a text that differs as soon as one of them does."""
    return _sum(parts, {}).hex()


def _sum(part: Any, seen: dict[int, tuple[bytes, Any]]) -> bytes:
    """Sum up a value; a large one that several share is gone through once."""
    if id(part) in seen:
        return seen[id(part)][0]
    known = hashlib.sha256(type(part).__name__.encode())
    if isinstance(part, np.ndarray):
        known.update(f"{part.dtype}{part.shape}".encode())
        known.update(
            repr(part.tolist()).encode() if part.dtype == object else np.ascontiguousarray(part).data
        )
    elif isinstance(part, pd.DataFrame):
        plain = pd.DataFrame(part.to_wkb()) if isinstance(part, gpd.GeoDataFrame) else part
        known.update(repr(plain.dtypes.to_dict()).encode())
        known.update(pd.util.hash_pandas_object(plain).to_numpy().data)
    elif isinstance(part, pd.Series | pd.Index):
        known.update(pd.util.hash_pandas_object(part).to_numpy().data)
    elif is_dataclass(part):
        for field in fields(part):
            if not field.name.startswith("_"):
                known.update(field.name.encode())
                known.update(_sum(getattr(part, field.name), seen))
    elif isinstance(part, Mapping):
        known.update(_sum(list(part.items()), seen))
    elif isinstance(part, set | frozenset):  # whose order is another one in each process
        known.update(repr(sorted(map(repr, part))).encode())
    elif isinstance(part, tuple | list):
        for value in part:
            known.update(_sum(value, seen))
    else:
        known.update(repr(part).encode())
    seen[id(part)] = known.digest(), part  # held, so that no other takes its place in memory
    return known.digest()


@dataclass(frozen=True)
class Work:
    """Results of tasks: a folder for each state (fair weather, or a scenario), in it a file for each tile."""

    folder: Path

    def home(self, state: str) -> Path:
        """Give the folder of a state: the id of a scenario, or nothing for fair weather."""
        # Ids of scenarios are the user's: no character of them may mean a place of its own.
        name = "".join(letter if letter.isalnum() else f"~{ord(letter):x}" for letter in state)
        return self.folder / (f"scenario-{name}" if state else "fair")

    def file(self, state: str, tile: int) -> Path:
        """Give the file of a task, whether it is there or not."""
        return self.home(state) / f"tile-{tile}.zip"

    def begin(self, state: str, known_by: str) -> None:
        """Make the folder of a state ready: what is in it stays if it was computed from the same."""
        note = self.home(state) / _STATE
        if note.exists() and note.read_text(encoding="utf-8") == known_by:
            return
        shutil.rmtree(self.home(state), ignore_errors=True)
        self.keep(note, known_by.encode())

    def keep(self, file: Path, data: bytes) -> None:
        """Write a file beside, and give it its name when it is complete.

        Raises
        ------
        ScaleError
            The disk is full, or the folder cannot be written to.
        """
        beside = file.with_name(f".{file.name}")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(data)
            beside.replace(file)
        except OSError as error:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            done = sum(1 for _ in self.folder.glob("*/tile-*.zip"))
            got = f"{error.strerror or error}, after {done} finished tasks, which are kept"
            remedy = "make room, or name another disk, and go on with --resume"
            expected = f"room for {len(data) / 1e6:.1f} MB more"
            raise ScaleError([Defect(str(self.folder), "", expected, got, remedy)]) from error

    def read(
        self, file: Path, *, only: Sequence[str] | None = None
    ) -> tuple[dict[str, pd.DataFrame], dict[str, NDArray[Any]], dict[str, Any]]:
        """Read a file that was kept, as `unpacked` does.

        Raises
        ------
        ScaleError
            It is damaged.
        """
        try:
            return unpacked(file, only=only)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            where = str(file.relative_to(self.folder))
            remedy = "delete this file and go on with --resume"
            defect = Defect(str(self.folder), where, "a complete result of a task", str(error)[:200], remedy)
            raise ScaleError([defect]) from error


def open_work(folder: Path, sums: Mapping[str, str], *, resume: bool) -> Work:
    """Open the folder of a run's finished tasks: anew, or with those in it that were computed from the same.

    Parameters
    ----------
    folder
        Where it is.
    sums
        What every task is computed from, in words, with the fingerprint of each.
    resume
        Whether to go on from finished tasks.

    Raises
    ------
    ScaleError
        There is nothing to go on from, or it was computed from something else; or the folder holds other things.
    """
    note = folder / _STATE
    if resume:
        before = _sums(note)
        changed = sorted(name for name in {*sums, *before} if sums.get(name) != before.get(name))
        if changed:
            got = f"other {', '.join(changed)}"
            expected = "finished tasks that were computed from the same"
            remedy = "run without --resume to begin anew, or put back what was changed"
            raise ScaleError([Defect(str(folder), "", expected, got, remedy)])
        return Work(folder)
    if folder.exists() and not (folder.is_dir() and (note.exists() or not any(folder.iterdir()))):
        expected = "a folder that is new, empty, or of an unfinished run"
        remedy = "name another folder, or move away what is in it"
        raise ScaleError([Defect(str(folder), "", expected, "other files", remedy)])
    shutil.rmtree(folder, ignore_errors=True)
    work = Work(folder)
    work.keep(note, json.dumps({"schema": 1, "sums": dict(sums)}, indent=1, ensure_ascii=False).encode())
    return work


def _sums(note: Path) -> dict[str, str]:
    """Read what the finished tasks of a folder were computed from."""
    try:
        state = json.loads(note.read_text(encoding="utf-8"))
        if state["schema"] == 1:
            return dict(state["sums"])
        got = f"one of schema {state['schema']}"
    except FileNotFoundError:
        got = "nothing there"
    except (OSError, ValueError, KeyError, TypeError) as error:
        got = f"a damaged {note.name}: {error}"
    remedy = "run without --resume"
    raise ScaleError([Defect(str(note.parent), "", "an unfinished run to go on from", got, remedy)])
