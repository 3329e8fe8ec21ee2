"""Tables as they are in their files, before anything about their columns is checked."""

from __future__ import annotations

import csv
import io
import json
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyogrio
import shapely
from numpy.typing import NDArray
from pyarrow import parquet
from pyproj import CRS
from pyproj.exceptions import CRSError

from mutualaid.data._paths import read_text, shown
from mutualaid.data._schema import CONTROL
from mutualaid.errors import Defect, RegionError

__all__ = [
    "DECIMAL_POINT",
    "LISTED",
    "SUFFIXES",
    "RawTable",
    "numbers",
    "objects",
    "parse_crs",
    "read_raw",
    "said",
]

#: Format by file suffix.
SUFFIXES = {
    ".gpkg": "GeoPackage",
    ".geojson": "GeoJSON",
    ".json": "GeoJSON",
    ".parquet": "GeoParquet",
    ".geoparquet": "GeoParquet",
    ".csv": "CSV",
}
#: So many rows with the same defect are listed one by one; the rest is counted.
LISTED = 20
WGS84 = CRS.from_epsg(4326)
DECIMAL_POINT = "write plain digits with a decimal point, without separators or units"

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


@dataclass
class RawTable:
    """A table as it is in its file.

    Attributes
    ----------
    file
        Name of the file in messages.
    frame
        Attributes as they came, numbered from 0.
    geometry
        One geometry or None per row; None for a table without any.
    crs
        CRS of the geometry; None if the file states none.
    unit, row
        What a person calls a row (``row``, ``feature``), and its number there.
    called
        What a column is called in the file, if not as in the schema.
    reported
        Rows whose geometry is known to be broken.
    defects
        What is wrong with single rows.
    """

    file: str
    frame: pd.DataFrame
    geometry: NDArray[np.object_] | None
    crs: CRS | None
    unit: str
    row: NDArray[np.int64]
    called: dict[str, str] = field(default_factory=dict)
    reported: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, bool))
    defects: list[Defect] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.reported.size:
            self.reported = np.zeros(len(self.row), bool)

    def place(self, position: int) -> str:
        """Where a row is, with its id if it has one."""
        where = f"{self.unit} {self.row[position]}"
        if "id" in self.frame:
            value = self.frame["id"].iloc[position]
            if isinstance(value, str | int | np.integer) and str(value).strip():
                where += f" (id {shown(value) if not isinstance(value, str) else shown(value)[1:-1]})"
        return where

    def report(
        self, bad: NDArray[np.bool_], got: Sequence[object], *, column: str, expected: str, remedy: str
    ) -> None:
        """Add a defect for each bad row; `got` is what each row of the table has."""
        positions = np.flatnonzero(bad)
        suffix = f", column {self.called.get(column, column)}" if column else ""
        for position in positions[:LISTED]:
            value = got[position]
            text = value if isinstance(value, _Said) else shown(value)
            self.defects.append(Defect(self.file, self.place(position) + suffix, expected, text, remedy))
        if len(positions) > LISTED:
            rest = positions[LISTED:]
            where = f"{self.unit}s {self.row[rest[0]]} to {self.row[rest[-1]]}{suffix}"
            self.defects.append(Defect(self.file, where, expected, f"{len(rest)} more of the same", remedy))


class _Said(str):
    """A message text rather than a value: shown as it is."""

    __slots__ = ()


def said(texts: Sequence[str]) -> list[str]:
    """Mark texts as descriptions, to be shown without quotes."""
    return [_Said(text) for text in texts]


def numbers(values: pd.Series[Any]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Turn a column into floats, and say which of its values are not numbers. Nothing becomes NaN."""
    if pd.api.types.is_bool_dtype(values.dtype):
        return np.full(len(values), np.nan), np.asarray(values.notna(), dtype=bool)
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.to_numpy(dtype=np.float64, na_value=np.nan), np.zeros(len(values), bool)
    result = np.full(len(values), np.nan)
    bad = np.zeros(len(values), bool)
    for position, value in enumerate(values.to_list()):
        if value is None or value is pd.NA:
            continue
        if isinstance(value, str):
            text = value.strip()
            if _NUMBER.fullmatch(text):
                result[position] = float(text)
            else:
                bad[position] = bool(text)
        elif isinstance(value, int | float | np.number) and not isinstance(value, bool):
            result[position] = _as_float(value)
        else:
            bad[position] = True
    return result, bad


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer of hundreds of digits
        return float("inf") if value > 0 else float("-inf")


def read_raw(path: Path, file: str, *, layer: str | None, crs: str | None) -> RawTable:
    """Read a table by the suffix of its file.

    Raises
    ------
    RegionError
        If the file as a whole cannot be read as a table.
    """
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise _broken(
            file, "a table in .gpkg, .geojson, .parquet or .csv", path.name, "convert it, in QGIS for example"
        )
    if layer is not None and kind != "GeoPackage":
        remedy = "remove the key layer"
        raise _broken(file, "no layer, which only a GeoPackage has", f"layer {shown(layer)}", remedy)
    stated = parse_crs(crs, file, "crs") if crs is not None else None
    if kind == "CSV":
        return _read_csv(path, file, stated)
    if kind == "GeoJSON":
        raw = _read_geojson(path, file)
    elif kind == "GeoParquet":
        raw = _read_parquet(path, file)
    else:
        raw = _read_geopackage(path, file, layer)
    if stated is not None and raw.crs is not None and not raw.crs.equals(stated, ignore_axis_order=True):
        raise _broken(
            file,
            f"the CRS stated for it, {crs}",
            f"a file in {raw.crs.to_string()}",
            "remove the key crs, which is only for files that state none",
        )
    raw.crs = raw.crs or stated or (WGS84 if kind == "GeoJSON" else None)
    return raw


def parse_crs(text: str, file: str, where: str) -> CRS:
    """Look up a CRS by authority and code.

    Raises
    ------
    RegionError
        If PROJ does not know it.
    """
    try:
        return CRS.from_user_input(text)
    except CRSError:
        raise RegionError(
            [Defect(file, where, "a CRS that PROJ knows", shown(text), "look the code up at epsg.org")]
        ) from None


def _broken(file: str, expected: str, got: str, remedy: str, where: str = "") -> RegionError:
    return RegionError([Defect(file, where, expected, got, remedy)])


# --- CSV ----------------------------------------------------------------------------------------------------


def _read_csv(path: Path, file: str, crs: CRS | None) -> RawTable:
    text = read_text(path, file)
    header, rows, lines = _csv_rows(text, file)
    frame = pd.DataFrame(rows, columns=header, dtype=object)
    raw = RawTable(file, frame, None, crs or WGS84, "row", np.array(lines, np.int64))
    axes = next((pair for pair in (("lon", "lat"), ("x", "y")) if set(pair) <= set(header)), None)
    if axes is None:
        return raw
    if axes == ("x", "y") and crs is None:
        raise _broken(
            file, "a CRS for the columns x and y", "none", 'state it, such as crs = "EPSG:32632"', "row 1"
        )
    coordinates = []
    for axis in axes:
        values, bad = numbers(frame[axis])
        raw.report(
            bad, frame[axis].to_list(), column=axis, expected="a number such as 7.42", remedy=DECIMAL_POINT
        )
        raw.reported |= bad
        coordinates.append(values)
    missing = np.isnan(coordinates[0]) | np.isnan(coordinates[1])
    raw.geometry = np.asarray(shapely.points(*coordinates))
    raw.geometry[missing] = None
    raw.frame = frame.drop(columns=list(axes))
    return raw


def _csv_rows(text: str, file: str) -> tuple[list[str], list[list[str]], list[int]]:
    """Give the header, the rows that are not blank, and the line that each begins at."""
    first = text.split("\n", 1)[0]
    # Spreadsheets of many countries write semicolons.
    delimiter = ";" if ";" in first and "," not in first else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    ragged: list[Defect] = []
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(header, file)
        begin = reader.line_num + 1
        for row in reader:
            if any(row):
                if len(row) == len(header):
                    rows.append(row)
                    lines.append(begin)
                else:
                    ragged.append(
                        Defect(
                            file,
                            f"row {begin}",
                            f"{len(header)} fields as in the header",
                            f"{len(row)}",
                            "put text with commas in double quotes, and keep the commas of empty cells",
                        )
                    )
            begin = reader.line_num + 1
    except csv.Error as error:
        raise _broken(
            file, "comma-separated values", str(error), "close the quotes", f"line {reader.line_num}"
        ) from None
    if ragged:
        more = len(ragged) - LISTED
        if more > 0:
            last = ragged[-1]
            ragged = [*ragged[:LISTED], Defect(file, "", last.expected, f"{more} more rows", last.remedy)]
        raise RegionError(ragged)
    return header, rows, lines


def _check_names(names: Sequence[object], file: str) -> None:
    for name in names:
        if not isinstance(name, str) or CONTROL.search(name):
            expected = "names of columns without control characters"
            raise _broken(file, expected, shown(name), "rename the column")


def _check_header(header: list[str], file: str) -> None:
    _check_names(header, file)
    twice = sorted({name for name in header if header.count(name) > 1})
    if not header or "" in header or twice:
        got = f"{', '.join(map(shown, twice))} twice" if any(twice) else "a column without a name"
        got = got if header else "an empty file"
        raise _broken(file, "a header that names each column once", got, "correct the first row", "row 1")


# --- GeoJSON ------------------------------------------------------------------------------------------------


def _read_geojson(path: Path, file: str) -> RawTable:
    # Not through GDAL, which would turn some texts into dates, and open any other format hidden in the file.
    remedy = "export the layer again as GeoJSON"
    text = read_text(path, file)
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise _broken(file, "GeoJSON", error.msg, remedy, f"line {error.lineno}") from None
    except RecursionError:
        raise _broken(file, "GeoJSON", "nesting without end", remedy) from None
    except ValueError:
        raise _broken(file, "GeoJSON", "a number of thousands of digits", remedy) from None
    features = content.get("features") if isinstance(content, dict) else None
    if (
        not isinstance(content, dict)
        or content.get("type") != "FeatureCollection"
        or not isinstance(features, list)
    ):
        raise _broken(file, "a GeoJSON FeatureCollection", "another kind of JSON", remedy)
    for number, feature in enumerate(features, 1):
        if not isinstance(feature, dict) or not isinstance(feature.get("properties") or {}, dict):
            raise _broken(file, "a GeoJSON Feature", shown(feature), remedy, f"feature {number}")
    properties = [
        {**({"id": feature["id"]} if "id" in feature else {}), **(feature.get("properties") or {})}
        for feature in features
    ]
    names = list(dict.fromkeys(name for row in properties for name in row))
    _check_names(names, file)
    columns = {name: objects([row.get(name) for row in properties]) for name in names}
    frame = pd.DataFrame(columns, index=range(len(features)), dtype=object)
    given = [feature.get("geometry") for feature in features]
    geometry = objects([None] * len(given))
    for position, value in enumerate(given):
        if value is not None:
            geometry[position] = shapely.from_geojson(json.dumps(value), on_invalid="ignore")
    raw = RawTable(
        file, frame, geometry, _geojson_crs(content, file), "feature", np.arange(1, len(features) + 1)
    )
    bad = np.array([g is None and v is not None for g, v in zip(geometry, given, strict=True)], bool)
    raw.report(bad, given, column="geometry", expected="a GeoJSON geometry", remedy=remedy)
    raw.reported |= bad
    return raw


def objects(values: Sequence[Any]) -> NDArray[np.object_]:
    """Put values into an array as they are, lists and dicts too."""
    result = np.empty(len(values), dtype=object)
    result[:] = values
    return result


def _geojson_crs(content: dict[str, Any], file: str) -> CRS | None:
    """Honour the ``crs`` member of GeoJSON 2008, which QGIS writes too; never follow a link."""
    member = content.get("crs")
    if member is None:
        return None
    try:
        name = member["properties"]["name"]
        if member["type"] != "name" or not re.fullmatch(r"[A-Za-z0-9:._-]{1,80}", name):
            raise KeyError
        return CRS.from_user_input(name)
    except (KeyError, TypeError, CRSError):
        raise _broken(
            file,
            "a named CRS in the member crs, or none, which means EPSG:4326",
            shown(member),
            "export the layer again in EPSG:4326",
            "crs",
        ) from None


# --- GeoParquet and GeoPackage ------------------------------------------------------------------------------


def _read_parquet(path: Path, file: str) -> RawTable:
    try:
        metadata = parquet.read_schema(path).metadata or {}
        frame = gpd.read_parquet(path) if b"geo" in metadata else pd.read_parquet(path)
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise _broken(file, "GeoParquet", _first_line(error), "export the table again") from None
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index()
    return _from_frame(frame, file)


def _read_geopackage(path: Path, file: str, layer: str | None) -> RawTable:
    # By its first bytes, since GDAL goes by content too and would follow what other formats refer to.
    with path.open("rb") as stream:
        head = stream.read(100)
    if not head.startswith(b"SQLite format 3\0") or head[68:70] != b"GP":
        raise _broken(
            file, "a GeoPackage", "another kind of file, or a truncated one", "export the layer again"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            layers = [str(name) for name in pyogrio.list_layers(path)[:, 0]]
            chosen = _choose_layer(layers, layer, file)
            frame = pyogrio.read_dataframe(path, layer=chosen, force_2d=True, on_invalid="ignore")
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, shapely.GEOSException) as error:
        raise _broken(file, "a GeoPackage that opens", _first_line(error), "export the layer again") from None
    return _from_frame(frame, file)


def _choose_layer(layers: list[str], layer: str | None, file: str) -> str:
    listed = ", ".join(map(shown, layers)) or "no layers"
    if layer is not None and layer not in layers:
        raise _broken(file, f"a layer {shown(layer)}", listed, "correct the key layer", "layer")
    if layer is None and len(layers) != 1:
        remedy = 'say which: layer = "…"' if layers else "export the layer again"
        raise _broken(file, "a GeoPackage of one layer", listed, remedy, "layer")
    return layer if layer is not None else layers[0]


def _from_frame(frame: pd.DataFrame, file: str) -> RawTable:
    geometry, crs = None, None
    if isinstance(frame, gpd.GeoDataFrame):
        geometry = shapely.force_2d(frame.geometry.to_numpy().astype(object))
        crs = frame.crs
        if crs is not None and not (crs.is_geographic or crs.is_projected):
            crs = None  # GeoPackage's "undefined" systems
        elif crs is not None and crs.name.lower().startswith("undefined"):
            crs = None
        frame = pd.DataFrame(frame.drop(columns=frame.geometry.name))
    _check_names(frame.columns.to_list(), file)
    frame = frame.reset_index(drop=True)
    return RawTable(file, frame, geometry, crs, "feature", np.arange(1, len(frame) + 1))


def _first_line(error: BaseException) -> str:
    return shown(str(error).strip().split("\n", 1)[0])
