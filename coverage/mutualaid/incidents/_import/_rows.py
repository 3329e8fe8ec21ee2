"""Files that records come in: text with a header, or NERIS incidents as JSON; one row for each unit."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mutualaid.errors import Defect, IncidentError
from mutualaid.incidents._import._rules import Notebook

__all__ = ["RawRows", "read_rows"]

_DELIMITERS = ",;\t^|"


@dataclass(frozen=True, eq=False)
class RawRows:
    """A record as it is in its file.

    Attributes
    ----------
    header
        Names of the columns.
    rows
        Number of each row in the file (of a text: the line at which it begins), and its fields as text.
    total
        Rows of the file, those with too many or too few fields among them.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    total: int


def read_rows(path: Path, delimiter: str, notebook: Notebook) -> RawRows:
    """Read a record; rows that do not fit the header are left out.

    Raises
    ------
    IncidentError
        The file is none that can be read.
    """
    if not path.is_file():
        raise _refused(path, "", "a file that exists", f"nothing at {path.name}", "correct the path")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        got = f"byte 0x{error.object[error.start]:02x}, as in Windows-1252 or Latin-1"
        raise _refused(path, "", "UTF-8 text", got, "save the file again with encoding UTF-8") from None
    if "\0" in text:
        raise _refused(path, "", "text", "a binary file", "export the record as CSV or JSON")
    if text.lstrip()[:1] in ("{", "["):
        return _json_rows(path, text)
    return _text_rows(path, text, delimiter, notebook)


def _refused(path: Path, where: str, expected: str, got: str, remedy: str) -> IncidentError:
    return IncidentError([Defect(path.name, where, expected, got, remedy)])


def _text_rows(path: Path, text: str, delimiter: str, notebook: Notebook) -> RawRows:
    first = text.split("\n", 1)[0]
    mark = delimiter or max(_DELIMITERS, key=first.count)
    # Strictly, or a quote that is not closed would swallow the rest of the file as one field.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    rows, total = [], 0
    try:
        header = tuple(name.strip() for name in next(reader, []))
        twice = sorted({name for name in header if header.count(name) > 1 and name})
        if not any(header) or twice:
            got = f"{', '.join(twice)} twice" if twice else "an empty first line"
            raise _refused(
                path, "row 1", "a header that names each column once", got, "correct the first row"
            )
        line = reader.line_num + 1
        for row in reader:
            if any(field.strip() for field in row):
                total += 1
                if len(row) == len(header):
                    rows.append((line, tuple(field.strip() for field in row)))
                else:
                    notebook.leave_out(line, "ragged", f"{len(row)} fields instead of {len(header)}")
            line = reader.line_num + 1
    except csv.Error as error:
        where = f"line {reader.line_num}"
        raise _refused(
            path, where, "fields with a delimiter between them", str(error), "close the quotes"
        ) from None
    return RawRows(header, tuple(rows), total)


def _json_rows(path: Path, text: str) -> RawRows:
    """Flatten incidents of NERIS: a row for each response of a unit, with what is said of the incident."""
    try:
        content = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise _refused(path, "", "JSON", str(error).split("\n", 1)[0], "export the record again") from None
    if isinstance(content, dict):
        lists = [value for value in content.values() if isinstance(value, list)]
        content = (
            [content] if "dispatch" in content or "unit_responses" in content or len(lists) != 1 else lists[0]
        )
    if not all(isinstance(one, dict) for one in content):
        raise _refused(path, "", "a list of incidents", "another kind of JSON", "export the record again")
    found: list[dict[str, str]] = []
    for one in content:
        common: dict[str, str] = {}
        units = _flatten(one, common)
        found += [common | unit for unit in units] or [common]
    header = tuple(dict.fromkeys(name for row in found for name in row))
    rows = [(number, tuple(row.get(name, "") for name in header)) for number, row in enumerate(found, 1)]
    return RawRows(header, tuple(rows), len(rows))


def _flatten(value: dict[str, Any], common: dict[str, str]) -> list[dict[str, str]]:
    """Put plain values into `common` by their own name, the first of each; give the units' responses."""
    units: list[dict[str, str]] = []
    for name, part in value.items():
        if name == "unit_responses" and isinstance(part, list):
            for one in part:
                unit: dict[str, str] = {}
                if isinstance(one, dict):
                    # Where the unit was told of the call is not where the incident is.
                    _flatten({key: item for key, item in one.items() if key != "point"}, unit)
                units.append(unit)
        elif isinstance(part, dict):
            if name == "point" and isinstance(part.get("coordinates"), list) and len(part["coordinates"]) > 1:
                lon, lat = part["coordinates"][:2]
                common.setdefault("lon", str(lon))
                common.setdefault("lat", str(lat))
            else:
                units += _flatten(part, common)
        elif isinstance(part, list):
            if name == "incident_types" and part and isinstance(part[0], dict):
                common.setdefault("incident_type", str(part[0].get("type", "")))
        elif part is not None:
            common.setdefault(name, str(part).strip())
    return units
