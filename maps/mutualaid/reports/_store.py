"""Inputs of runs, kept once by their content, and regions put together from them again."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from mutualaid.data import Parameters, Region, read_region
from mutualaid.errors import Defect, RecordError
from mutualaid.reports._record_file import sync_folder

if TYPE_CHECKING:
    from mutualaid.reports._runs import RunRecord

__all__ = ["INPUTS", "as_it_ran", "keep_inputs", "region_of"]

#: Folder of the inputs beside the records.
INPUTS = "inputs"


def keep_inputs(folder: Path, inputs: Iterable[Mapping[str, Any]], runs: Path) -> None:
    """Copy the inputs of a run to where they stay; what is there already is not copied again.

    Parameters
    ----------
    folder
        Region folder.
    inputs
        ``file`` and ``sha256`` of each.
    runs
        Folder of the records.

    Raises
    ------
    RecordError
        A file is no longer what the run read.
    """
    store = runs / INPUTS
    store.mkdir(parents=True, exist_ok=True)
    defects = []
    for one in inputs:
        target = store / one["sha256"]
        if target.is_file() and target.stat().st_size == one.get("bytes", target.stat().st_size):
            continue
        temporary = store / f".{secrets.token_hex(8)}.part"
        try:
            if _copied(folder / one["file"], temporary) == one["sha256"]:
                temporary.replace(target)
            else:
                remedy = "run again, so that record and results tell of the same data"
                defects.append(
                    Defect(one["file"], "", "the file that the run read", "a file changed since", remedy)
                )
        except FileNotFoundError:
            remedy = "put it back, and run again"
            defects.append(Defect(one["file"], "", "the file that the run read", "nothing there", remedy))
        finally:
            temporary.unlink(missing_ok=True)
    sync_folder(store)
    if defects:
        raise RecordError(defects)


def region_of(record: RunRecord, folder: str | Path | None = None, *, into: str | Path) -> Region:
    """Put together the region that a run was computed from, as it was then.

    Parameters
    ----------
    record
        Of the run.
    folder
        Region folder: a file in it that is still the same stands in for one that was not kept. By default the folder
        in which the record lies.
    into
        Empty folder to lay out the files in; made if needed. It must stay as long as the region is used.

    Returns
    -------
    Region
        With the parameters of the run, those asked for on the command line included, and the day for which agreements
        were looked up then.

    Raises
    ------
    RecordError
        Inputs are neither kept nor in the folder (all of them are named), or the region had no region.toml.
    RegionError
        The files are not those of a region that this version of the program can read.

    Examples
    --------
    >>> import tempfile
    >>> from mutualaid.reports import find_record, region_of
    >>> with tempfile.TemporaryDirectory() as into:  # doctest: +SKIP
    ...     then = region_of(find_record("riviera", "previous"), into=into)
    """
    runs = record.path.parent
    folder, into = runs.parent if folder is None else Path(folder), Path(into)
    into.mkdir(parents=True, exist_ok=True)
    defects = []
    if "region.toml" not in {one["file"] for one in record.inputs}:
        expected, got = "a run of a region folder", "a run of a region made in memory"
        remedy = "write the region with write_region, and run it from there"
        defects.append(Defect(record.path.name, "inputs", expected, got, remedy))
    for one in record.inputs:
        defects += _laid_out(record, one, (runs / INPUTS / one["sha256"], folder / one["file"]), into)
    if defects:
        raise RecordError(defects)
    region = read_region(into)
    return as_it_ran(region, record.parameters, record.day)


def _laid_out(
    record: RunRecord, one: Mapping[str, Any], places: Iterable[Path], into: Path
) -> tuple[Defect, ...]:
    """Copy one input to its place, from the first of some places that holds it unchanged."""
    name = PurePosixPath(one["file"])
    if name.is_absolute() or ".." in name.parts or "\\" in one["file"] or ":" in one["file"]:
        expected, remedy = "a path inside the region folder", "do not use this record: it was made by hand"
        return (Defect(record.path.name, "inputs", expected, repr(one["file"]), remedy),)
    target = into / name
    target.parent.mkdir(parents=True, exist_ok=True)
    got = "it is not in the store of the runs, nor in the folder"
    for place in places:
        if place.is_file():
            if _copied(place, target) == one["sha256"]:
                return ()
            target.unlink()
            got = "only a file with other content"
    remedy = f"put the file with sha256 {one['sha256'][:12]}… back to its place in the region folder"
    return (Defect(one["file"], f"run {record.id}", "the file that the run read", got, remedy),)


def _copied(source: Path, target: Path) -> str:
    """Copy a file, and give the sha256 of what was written."""
    digest = hashlib.sha256()
    with source.open("rb") as stream, target.open("wb") as copy:
        while block := stream.read(1 << 20):
            digest.update(block)
            copy.write(block)
        copy.flush()
        os.fsync(copy.fileno())
    shutil.copymode(source, target)
    target.chmod(target.stat().st_mode | 0o200)
    return digest.hexdigest()


def as_it_ran(region: Region, parameters: Mapping[str, Any], day: str) -> Region:
    """Give a region the parameters and the day of a run.

    Parameters
    ----------
    region
        As its files have it.
    parameters, day
        Of a run, as ``run.json`` and its record hold them; parameters that did not exist then stay.

    Returns
    -------
    Region
    """
    known = {one.name for one in fields(Parameters)}
    stated = {key: value for key, value in parameters.items() if key in known}
    if day:
        stated["date"] = day
    return replace(region, parameters=replace(region.parameters, **stated))
