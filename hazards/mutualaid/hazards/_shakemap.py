"""USGS ShakeMap ``grid.xml``: a regular grid of ground motion, its fields known by name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.parsers import expat

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from mutualaid.errors import Defect, HazardError

__all__ = ["ShakeMap", "read_shakemap"]

_REMEDY = "download grid.xml again from the event's page at USGS"


@dataclass(frozen=True, eq=False)
class ShakeMap:
    """A ShakeMap grid in degrees (EPSG:4326), north up, one cell around each of its points.

    Attributes
    ----------
    event, name
        Id of the event, and its description.
    date
        Time of the event, as stated.
    units
        Unit of each field as the file writes it, by the field's name.
    values
        (rows, columns) float64 of each field, in the unit of the file.
    transform, shape
        Column and row to longitude and latitude; (rows, columns).
    """

    event: str
    name: str
    date: str
    units: dict[str, str]
    values: dict[str, NDArray[np.float64]]
    transform: Affine
    shape: tuple[int, int]


def read_shakemap(path: Path) -> ShakeMap:
    """Read a ``grid.xml``.

    Positions are taken from the columns LON and LAT, in whatever order the rows come. A document type or an
    entity is refused, and nothing is ever fetched.

    Raises
    ------
    HazardError
        If the file is not a ShakeMap grid.
    """
    try:
        state = path.stat()
    except OSError as error:
        raise _wrong(path.name, "a file that can be read", str(error)[:200], "check the path") from None
    return _read(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=4)
def _read(path: Path, mtime_ns: int, size: int) -> ShakeMap:  # noqa: ARG001 - what makes a file the same file
    document = _parse(path)
    names = [name for name, _ in document.fields]
    if not {"LON", "LAT"} <= set(names) or len(set(names)) != len(names):
        raise _wrong(path.name, "grid_field elements with LON, LAT and others, each once", _listed(names))
    try:
        numbers = np.array("".join(document.text).split(), dtype=np.float64)
    except ValueError as error:
        raise _wrong(path.name, "numbers in grid_data", str(error)[:120]) from None
    if numbers.size == 0 or numbers.size % len(names):
        expected = f"grid_data with rows of {len(names)} numbers"
        raise _wrong(path.name, expected, f"{numbers.size} numbers")
    columns = dict(zip(names, numbers.reshape(-1, len(names)).T, strict=True))
    column, west, step_x, n_columns = _axis(columns.pop("LON"), path.name, "LON", limit=540.0)
    row, south, step_y, n_rows = _axis(columns.pop("LAT"), path.name, "LAT", limit=90.0)
    row = n_rows - 1 - row
    if len(np.unique(row * n_columns + column)) != n_rows * n_columns or len(row) != n_rows * n_columns:
        expected = f"each of {n_columns} × {n_rows} points once"
        raise _wrong(path.name, expected, f"{len(row)} rows of grid_data")
    values = {}
    for name, series in columns.items():
        values[name] = np.full((n_rows, n_columns), np.nan)
        values[name][row, column] = series
        values[name].flags.writeable = False
    north = south + (n_rows - 0.5) * step_y
    return ShakeMap(
        event=document.attributes.get("event_id", ""),
        name=document.attributes.get("event_description", ""),
        date=document.attributes.get("event_timestamp", ""),
        units={name: unit for name, unit in document.fields if name in values},
        values=values,
        transform=Affine(step_x, 0.0, west - 0.5 * step_x, 0.0, -step_y, north),
        shape=(n_rows, n_columns),
    )


class _Document:
    """Collects what is needed while expat reads."""

    def __init__(self) -> None:
        self.root = ""
        self.attributes: dict[str, str] = {}
        self.fields: list[tuple[str, str]] = []
        self.text: list[str] = []
        self._inside = False
        self._order: list[tuple[float, str, str]] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rpartition(":")[2]
        self.root = self.root or tag
        if tag in ("shakemap_grid", "event"):
            self.attributes |= attributes
        elif tag == "grid_field":
            index, name = attributes.get("index", ""), attributes.get("name", "").upper()
            position = float(index) if index.isdigit() else np.inf
            self._order.append((position, name, attributes.get("units", "")))
            self.fields = [(name, unit) for _, name, unit in sorted(self._order, key=lambda item: item[0])]
        self._inside = tag == "grid_data"

    def end(self, tag: str) -> None:  # noqa: ARG002 - expat's signature
        self._inside = False

    def characters(self, text: str) -> None:
        if self._inside:
            self.text.append(text)


class _RefusedError(Exception):
    """The document brings a document type or an entity."""


def _refuse(*args: Any) -> int:
    raise _RefusedError(str(args[0]))


def _parse(path: Path) -> _Document:
    document = _Document()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = document.start
    parser.EndElementHandler = document.end
    parser.CharacterDataHandler = document.characters
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.ExternalEntityRefHandler = _refuse
    try:
        with path.open("rb") as stream:
            parser.ParseFile(stream)
    except _RefusedError:
        remedy = f"{_REMEDY}; do not open this file elsewhere"
        raise _wrong(
            path.name, "plain XML", "a document type or an entity, which can hide another file", remedy
        ) from None
    except expat.ExpatError as error:
        raise _wrong(path.name, "XML", str(error)) from None
    if document.root != "shakemap_grid":
        raise _wrong(path.name, "a shakemap_grid", f"<{document.root[:60]}>")
    return document


def _axis(
    values: NDArray[np.float64], file: str, name: str, *, limit: float
) -> tuple[NDArray[np.int64], float, float, int]:
    """Give the position of each value on a regular axis, and the axis: first value, step, and count."""
    if not np.isfinite(values).all() or np.abs(values).max() > limit:
        raise _wrong(file, f"degrees within ±{limit:g} in {name}", "a value that is none")
    distinct = np.unique(values)
    count = len(distinct)
    if count < 2:
        raise _wrong(file, f"at least two different values of {name}", f"{count}")
    step = (distinct[-1] - distinct[0]) / (count - 1)
    # The file rounds its degrees, so that steps differ a little.
    if np.abs(np.diff(distinct) - step).max() > 0.25 * step:
        raise _wrong(file, f"equal steps of {name}", f"steps from {np.diff(distinct).min():g} degrees")
    position = np.rint((values - distinct[0]) / step).astype(np.int64)
    return position, float(distinct[0]), float(step), count


def _listed(names: list[str]) -> str:
    return ", ".join(names)[:120] or "none"


def _wrong(file: str, expected: str, got: str, remedy: str = _REMEDY) -> HazardError:
    return HazardError([Defect(file, "", expected, got, remedy)])
