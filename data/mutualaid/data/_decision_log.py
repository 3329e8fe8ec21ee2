"""Add an entry to the partners' log of decisions, without touching what people wrote there by hand."""

from __future__ import annotations

import csv
import io
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from mutualaid.data._columns import conform
from mutualaid.data._decisions import check_decisions
from mutualaid.data._formats import read_raw
from mutualaid.data._paths import beside, inside, read_text
from mutualaid.data._schema import TABLES
from mutualaid.data._sections import add_section
from mutualaid.data._tables import indexed
from mutualaid.data._toml import parse
from mutualaid.errors import Defect, RegionError

if TYPE_CHECKING:
    from mutualaid.data._model import Region

__all__ = ["append_decision"]

#: Where the log stands if region.toml does not say.
_FILE = "decisions.csv"
_SPEC = TABLES["decisions"]


def append_decision(
    region: Region,
    *,
    date: str,
    kind: str,
    who: str,
    what: str,
    run: str = "",
    indicator: str = "",
    value: float = math.nan,
    status: str = "",
    due: str = "",
    closed: str = "",
    note: str = "",
    sharing: str = "",
) -> str:
    """Add an entry to the log of decisions in the region's folder.

    The file is written beside and then takes its name; rows that are there stay as they were written. Where region.toml
    names no log yet, it gets the section ``[decisions]``, and nothing else of it changes; the log is then
    ``decisions.csv``, one that lies there already included.

    Parameters
    ----------
    region
        As `read_region` returns it; read it again to have the entry in it.
    date, kind, who, what, run, indicator, value, status, due, closed, note, sharing
        As in `Region.decisions`; what is left out stays empty in the file, and means there what `region_schema` says.

    Returns
    -------
    str
        Id of the entry: D and the next free number.

    Raises
    ------
    RegionError
        If the entry contradicts itself or is not allowed in the table, if the log has defects already, if it is no
        CSV, or if somebody else changed it at the same moment. Nothing is written then.

    Examples
    --------
    >>> from pathlib import Path
    >>> from shutil import copytree
    >>> from tempfile import TemporaryDirectory
    >>> from mutualaid.data import append_decision, demo_path, read_region
    >>> with TemporaryDirectory() as folder:
    ...     region = read_region(copytree(demo_path(), Path(folder) / "demo"))
    ...     said = "A common exercise at the border"
    ...     key = append_decision(region, date="2016-03-01", kind="exercise", who="both", what=said)
    ...     read_region(region.folder).decisions.loc[key, ["what", "status"]].to_list()
    ['A common exercise at the border', 'open']
    """
    toml = region.folder / "region.toml"
    section = parse(toml)[0].get("decisions") if toml.is_file() else None
    name = _FILE if section is None else section.file
    path = _place(region.folder, name, named=section is not None)
    before = path.read_bytes() if path.exists() else b""
    said = {"date": date, "kind": kind, "who": who, "what": what, "run": run, "indicator": indicator}
    said |= {"value": "" if math.isnan(value) else repr(float(value)), "status": status, "due": due}
    said |= {"closed": closed, "note": note, "sharing": sharing}
    after = _with_row(path, name, before, said)
    with beside(path) as temporary:
        temporary.write_bytes(after)
        log = _read(temporary, name)
        if (path.read_bytes() if path.exists() else b"") != before:
            got, remedy = "another one than a moment ago", "try again"
            raise RegionError([Defect(name, "", "a log that nobody else changes now", got, remedy)])
    add_section(toml, "decisions", {"file": name})
    return str(log.index[-1])


def _place(folder: Path, name: str, *, named: bool) -> Path:
    """Where the log is, or will be."""
    path = inside(folder, name, file="region.toml", where="[decisions] file") if named else folder / name
    if path.suffix.lower() != ".csv":
        remedy = "export it as CSV, and name that in region.toml"
        raise RegionError([Defect(name, "", "a CSV, to which a row can be added", path.suffix, remedy)])
    return path


def _with_row(path: Path, name: str, before: bytes, said: dict[str, str]) -> bytes:
    """Give the bytes of the log with one row more."""
    if not before.strip():
        return _rows([["id", *said], ["D1", *said.values()]], ",", "\n").encode()
    log = _read(path, name)
    text = read_text(path, name)
    first = text.split("\n", 1)[0]
    delimiter = ";" if ";" in first and "," not in first else ","  # as the reader has it
    end = "\r\n" if first.endswith("\r") else "\n"
    header = [one.strip() for one in next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))]
    said = {"id": _free_id(log), **said} if "id" in header else said
    if lacking := [one for one, value in said.items() if value and one not in header]:
        # The rows get one cell more each, so that they are written anew.
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
        filled = [[*row, *[""] * len(lacking)] for row in rows[1:] if any(row)]
        header += lacking
        return _rows([header, *filled, [said.get(one, "") for one in header]], delimiter, end).encode()
    gap = b"" if before.endswith(b"\n") else end.encode()
    return before + gap + _rows([[said.get(one, "") for one in header]], delimiter, end).encode()


def _rows(rows: list[list[str]], delimiter: str, end: str) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=end).writerows(rows)
    return text.getvalue()


def _free_id(log: pd.DataFrame) -> str:
    numbers = [int(match[1]) for key in log.index if (match := re.fullmatch(r"D0*(\d{1,9})", key))]
    return f"D{max(numbers, default=0) + 1}"


def _read(path: Path, name: str) -> pd.DataFrame:
    """Read a log, and raise what is wrong with it."""
    raw = read_raw(path, name, layer=None, crs=None)
    frame = check_decisions(raw, conform(raw, _SPEC))
    if raw.defects:
        raise RegionError(raw.defects)
    log: pd.DataFrame = indexed(frame)
    return log
