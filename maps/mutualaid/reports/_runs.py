"""Records of runs: what was computed from what, kept for good in the region's folder ``runs``."""

from __future__ import annotations

import difflib
import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mutualaid.data import Region
from mutualaid.errors import Defect, RecordError
from mutualaid.reports._indicators import run_indicators
from mutualaid.reports._record_file import RUNS, moment_of, read_content, summary_bytes, write_content
from mutualaid.reports._store import keep_inputs as _keep

__all__ = [
    "RUNS",
    "RunRecord",
    "check_runs",
    "damaged_records",
    "find_record",
    "read_records",
    "summary_bytes",
    "write_record",
]


_WORDS = {"latest": -1, "previous": -2}


@dataclass(frozen=True, eq=False)
class RunRecord:
    """What is known about one run.

    Attributes
    ----------
    id
        Its moment in UTC and the start of its content's sha256: ``20260301T090000Z-1f0c2b7a``.
    created
        The same moment, ISO 8601.
    region
        Name of the region.
    note
        What people wanted to remember of it.
    asked
        Who or what asked for it, such as the command line; "" if unknown.
    day
        Day for which agreements were looked up.
    standard
        Id of the common standard.
    agreements
        Ids of the agreements in force.
    parameters
        Those of the run: fields of `mutualaid.data.Parameters`.
    inputs
        ``file`` (inside the region folder), ``bytes`` and ``sha256`` of each file that was read.
    versions
        Of the programs that computed it.
    indicators
        Numbers of its ``summary.json`` by their place in it: see `run_indicators`. None where the summary has null.
    summary_sha256
        Of the whole ``summary.json``.
    seconds
        How long it took; None if unknown.
    path
        File of the record; its inputs are kept in the folder ``inputs`` beside it.
    """

    id: str
    created: str
    region: str
    note: str
    asked: str
    day: str
    standard: str
    agreements: tuple[str, ...]
    parameters: Mapping[str, Any]
    inputs: tuple[Mapping[str, Any], ...]
    versions: Mapping[str, str]
    indicators: Mapping[str, float | None]
    summary_sha256: str
    seconds: float | None
    path: Path = field(repr=False)

    def value(self, indicator: str) -> float:
        """Give one number.

        Parameters
        ----------
        indicator
            Its place in ``summary.json``, such as ``headline.covered_joint_share``.

        Returns
        -------
        float

        Raises
        ------
        RecordError
            The record does not state it, or states that it is unknown.
        """
        found = self.indicators.get(indicator)
        if found is not None:
            return found
        if indicator in self.indicators:
            expected, got, remedy = (
                "a number",
                f"{indicator}, which is unknown in this run",
                "choose another one",
            )
        else:
            near = difflib.get_close_matches(indicator, self.indicators, n=3, cutoff=0.4)
            expected, got = "an indicator that the record of the run states", repr(indicator)
            remedy = f"use one such as {', '.join(near or list(self.indicators)[:3])}"
        raise RecordError([Defect(f"{RUNS}/{self.path.name}", "indicators", expected, got, remedy)])


def write_record(
    region: Region,
    record: Mapping[str, Any],
    summary: Mapping[str, Any],
    *,
    note: str = "",
    asked: str = "",
    keep_inputs: bool = True,
) -> Path:
    """Keep the record of a run: a file that appears whole or not at all, and is never replaced.

    The record is one JSON file ``runs/<id>.json`` in the region's folder: UTF-8, keys in the order of this list.

    * ``schema``: 1. A reader that does not know the number should not guess.
    * ``id``: the moment in UTC, and the first eight hex digits of the sha256 of all other keys, as JSON without
      blanks, keys sorted, ASCII only. So anyone can check that nothing was changed or lost; a number behind it tells
      apart equal runs of the same second.
    * ``created``, ``region``, ``note``, ``asked``, ``seconds``, ``day``, ``standard``, ``agreements``, ``parameters``,
      ``inputs``, ``versions``, ``indicators``, ``summary_sha256``: see `RunRecord`.

    The inputs are copied to ``runs/inputs/<sha256>``, each content once, so that any two runs can be compared when the
    files of the region have changed long since. They hold all that the region folder holds, what partners keep to
    themselves included, so ``runs`` leaves the house no more than the folder itself.

    Parameters
    ----------
    region
        What was analysed.
    record
        What `run_record` gave, as ``run.json`` holds it.
    summary
        What ``summary.json`` holds.
    note
        What people should remember of the run.
    asked
        Who or what asked for it.
    keep_inputs
        Whether to keep the inputs too.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    RecordError
        An input changed since it was read, or nothing can be written there.

    Examples
    --------
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import read_region
    >>> from mutualaid.reports import read_records, run_record, write_record
    >>> result = analyse(read_region("riviera"))  # doctest: +SKIP
    >>> path = write_record(
    ...     result.region, run_record(result), result.summary, note="before the forum")  # doctest: +SKIP
    >>> read_records("riviera")[-1].note  # doctest: +SKIP
    'before the forum'
    """
    moment = moment_of(str(record["created"]))
    content: dict[str, Any] = {
        "created": moment.isoformat(timespec="seconds"),
        "region": record["region"],
        "note": note.strip(),
        "asked": asked.strip(),
        **{
            key: record[key]
            for key in ("seconds", "day", "standard", "agreements", "parameters", "inputs", "versions")
        },
        "indicators": run_indicators(summary),
        "summary_sha256": hashlib.sha256(summary_bytes(summary)).hexdigest(),
    }
    runs = region.folder / RUNS
    try:
        runs.mkdir(exist_ok=True)
        if keep_inputs:
            _keep(region.folder, record["inputs"], runs)
        return write_content(content, moment, runs)
    except OSError as error:
        got = f"{type(error).__name__}: {error.strerror or error}"
        remedy = "make the region folder writable, or copy it to where you may write"
        raise RecordError([Defect(RUNS, "", "a folder that can be written to", got, remedy)]) from error


def check_runs(folder: str | Path) -> None:
    """Make sure that a record can be left in a region folder, before hours are spent on a run.

    Parameters
    ----------
    folder
        Region folder.

    Raises
    ------
    RecordError
        Nothing can be written there.
    """
    runs = Path(folder) / RUNS
    try:
        with tempfile.TemporaryFile(dir=runs if runs.exists() else Path(folder)):
            pass
    except OSError as error:
        got = f"{type(error).__name__}: {error.strerror or error}"
        remedy = "make the region folder writable, or leave no record: --no-record"
        raise RecordError([Defect(RUNS, "", "a folder that can be written to", got, remedy)]) from error


def read_records(folder: str | Path) -> tuple[RunRecord, ...]:
    """Read the records of a region's runs, the oldest first.

    Parameters
    ----------
    folder
        Region folder.

    Returns
    -------
    tuple of RunRecord
        Those that are whole; `damaged_records` tells what is wrong with others. Empty if there are none.

    Examples
    --------
    >>> from mutualaid.data import demo_path
    >>> from mutualaid.reports import read_records
    >>> read_records(demo_path())
    ()
    """
    return _all(Path(folder))[0]


def damaged_records(folder: str | Path) -> tuple[Defect, ...]:
    """Say what is wrong with records that cannot be read; they hide none of the others.

    Parameters
    ----------
    folder
        Region folder.

    Returns
    -------
    tuple of Defect
        By file name; empty if all is well.

    Examples
    --------
    >>> from mutualaid.data import demo_path
    >>> from mutualaid.reports import damaged_records
    >>> damaged_records(demo_path())
    ()
    """
    return _all(Path(folder))[1]


def find_record(folder: str | Path, which: str | Path = "latest") -> RunRecord:
    """Find one record.

    Parameters
    ----------
    folder
        Region folder.
    which
        ``latest``, ``previous``, an id or its beginning or end, or the path of a record that lies elsewhere.

    Returns
    -------
    RunRecord

    Raises
    ------
    RecordError
        There is none, there are several, or it is damaged.

    Examples
    --------
    >>> from mutualaid.data import demo_path
    >>> from mutualaid.errors import RecordError
    >>> from mutualaid.reports import find_record
    >>> try:
    ...     find_record(demo_path(), "latest")
    ... except RecordError as error:
    ...     print(error.defects[0].got)
    no record
    """
    path = Path(which)
    if path.suffix == ".json" and path.is_file():
        return _one(path)
    records, damaged = _all(Path(folder))
    text = str(which)
    if text in _WORDS:
        if len(records) >= -_WORDS[text]:
            return records[_WORDS[text]]
        expected = "a record of a run" if text == "latest" else "records of two runs"
        got = ("no record", "one record")[len(records)]
        raise RecordError(
            [Defect(RUNS, text, expected, got, "run `mutualaid run` on the region first"), *damaged]
        )
    found = [one for one in records if one.id.startswith(text) or one.id.endswith(text)] if text else []
    exact = [one for one in found if one.id == text]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if broken := [one for one in damaged if text and one.file.removeprefix(f"{RUNS}/").startswith(text)]:
        raise RecordError(broken)
    known = ", ".join(one.id for one in (found or records)[-5:]) or "no record"
    expected = "the id of one run, or as much of it as tells it apart"
    got = f"{text!r}, which is the start of {len(found)}" if found else repr(text)
    raise RecordError([Defect(RUNS, "", expected, got, f"choose one of these: {known}")])


# --- reading ------------------------------------------------------------------------------------------------


def _all(folder: Path) -> tuple[tuple[RunRecord, ...], tuple[Defect, ...]]:
    records: list[RunRecord] = []
    defects: list[Defect] = []
    runs = folder / RUNS
    # What is being written begins with a dot, and belongs to nobody yet.
    for path in sorted(runs.glob("*.json")) if runs.is_dir() else ():
        if path.name.startswith("."):
            continue
        try:
            records.append(_one(path))
        except RecordError as error:
            defects += error.defects
    return tuple(sorted(records, key=_by_moment)), tuple(defects)


def _by_moment(record: RunRecord) -> tuple[str, str, int]:
    """Equal runs of the same second in the order in which they were written."""
    moment, digest, *number = record.id.split("-")
    return moment, digest, int(number[0]) if number else 1


def _one(path: Path) -> RunRecord:
    content = read_content(path)
    seconds = content.get("seconds")
    return RunRecord(
        id=str(content["id"]),
        created=content["created"],
        region=content["region"],
        note=content["note"],
        asked=str(content.get("asked", "")),
        day=content["day"],
        standard=content["standard"],
        agreements=tuple(map(str, content.get("agreements", ()))),
        parameters=content["parameters"],
        inputs=tuple(content["inputs"]),
        versions=content["versions"],
        indicators=content["indicators"],
        summary_sha256=content["summary_sha256"],
        seconds=seconds if isinstance(seconds, int | float) else None,
        path=path,
    )
