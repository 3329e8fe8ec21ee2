"""Results of tasks as files: written whole or not at all, and known by what they were computed from."""

from __future__ import annotations

import hashlib
import io
import json
import re
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

__all__ = ["Unpacked", "Work", "fingerprint", "open_work", "packed", "unpacked"]

_STATE = "state.json"
#: Digits of a fingerprint that folders are called by.
_DIGITS = 32
#: What is called so in a folder of finished tasks was put there by a run.
_OURS = re.compile(rf"\.?{re.escape(_STATE)}|[0-9a-f]{{{_DIGITS}}}")
#: Tables, arrays and facts, by name.
Unpacked = tuple[dict[str, pd.DataFrame], dict[str, NDArray[Any]], dict[str, Any]]
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


def unpacked(data: bytes | Path, *, only: Sequence[str] | None = None) -> Unpacked:
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
    """Results of tasks: a folder for all that are computed from the same, in it a file for each tile.

    A folder is called by the fingerprint of what its results are computed from, so that none is ever taken for a
    result of something else, whoever writes into it.
    """

    folder: Path

    def file(self, known_by: str, tile: int) -> Path:
        """Give the file of a task, whether it is there or not."""
        return self.folder / known_by[:_DIGITS] / f"tile-{tile}.zip"

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
            remedy = "make room, and go on with --resume"
            expected = f"room for {len(data) / 1e6:.1f} MB more"
            raise ScaleError([Defect(str(self.folder), "", expected, got, remedy)]) from error

    def read(self, file: Path, *, only: Sequence[str] | None = None) -> Unpacked:
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
    _clear(folder)
    work = Work(folder)
    work.keep(note, json.dumps({"schema": 1, "sums": dict(sums)}, indent=1, ensure_ascii=False).encode())
    return work


def _clear(folder: Path) -> None:
    """Remove the tasks of an earlier run; refuse a folder that holds anything else."""
    if not folder.exists():
        return
    strange = [] if folder.is_dir() else [folder]
    if folder.is_dir():
        strange = [path for path in folder.iterdir() if not _OURS.fullmatch(path.name)]
    if strange:
        expected = "a folder that is new, empty, or of an unfinished run"
        remedy = "name another folder, or move away what is in it"
        raise ScaleError([Defect(str(folder), "", expected, strange[0].name, remedy)])
    try:
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    except OSError as error:
        expected, got = "an unfinished run that can be removed", str(error.strerror or error)
        remedy = "remove it yourself, or make it writable"
        raise ScaleError([Defect(str(error.filename or folder), "", expected, got, remedy)]) from error


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
