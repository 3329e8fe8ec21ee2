"""The columns of a table as the schema wants them, and everything that is wrong with them."""

from __future__ import annotations

import difflib
import re
from dataclasses import replace
from datetime import date
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from mutualaid.data._formats import DECIMAL_POINT, LISTED, RawTable, numbers, objects, said
from mutualaid.data._paths import listed, shown
from mutualaid.data._schema import CONTROL, GROUND_KINDS, TRANSLATED, Column, Shape, TableSpec
from mutualaid.data._stamps import FORM, STAMP_TYPE, moments, offset_of
from mutualaid.data._targets import indicator_path
from mutualaid.errors import Defect

__all__ = ["conform"]

#: What pandas holds texts in: object before pandas 3, str since.
TEXT = pd.Series(["text"]).dtype
#: What people may call a column with names in another language: name:fr, as OpenStreetMap does, or NAME_FR.
_MISSPELT = re.compile(r"name[:._ -]([a-z]{2})", re.IGNORECASE)
_GEOMETRIES: dict[Shape, tuple[str, ...]] = {
    "polygon": ("Polygon", "MultiPolygon"),
    "line": ("LineString", "MultiLineString"),
    "point": ("Point",),
}
_SHAPE_REMEDY: dict[Shape, str] = {
    "polygon": "use areas",
    "line": "use lines",
    "point": "use one point, such as the exit to the road",
}
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def conform(raw: RawTable, spec: TableSpec) -> pd.DataFrame:
    """Turn a table as read into one as documented; what is wrong is added to ``raw.defects``.

    Columns that the schema does not know are left out. Rows are never dropped: the frame has one row per row
    of the file, in its order, numbered from 0, with ``id`` as a column.
    """
    if len(raw.row):
        raw.defects += _missing_columns(raw, spec)
    elif not spec.may_be_empty:
        remedy = "add rows, or name another file"
        raw.defects.append(Defect(raw.file, "", "at least one row", "an empty table", remedy))
    columns = _values(raw, spec)
    for name in ("name", "incident"):
        if name in columns:
            columns[name] = columns[name].fillna(columns["id"])
    if spec.translated:
        for name in map(str, raw.frame):
            if TRANSLATED.fullmatch(name):
                columns[name] = _texts(raw, Column(name, "text", "", default=""), raw.frame[name])
    if "partner" in columns:
        columns["partner"] = columns["partner"].fillna(columns["id"])
    _check_ids(raw, columns["id"])
    frame = pd.DataFrame(columns)
    _check_one_of(raw, frame, spec.one_of)
    if spec.geometry == "none":
        return frame
    if spec.geometry != "by kind":
        return gpd.GeoDataFrame(frame, geometry=_geometry(raw, spec.geometry), crs=raw.crs)
    nameless = (frame["kind"] == "place").to_numpy() & (frame["name"] == "").to_numpy()
    nothing = said(["nothing"] * len(nameless))
    remedy = "fill it in, or remove the row"
    raw.report(nameless, nothing, column="name", expected="the name of a place", remedy=remedy)
    return gpd.GeoDataFrame(frame, geometry=_geometry(raw, frame["kind"].map(GROUND_KINDS)), crs=raw.crs)


def _values(raw: RawTable, spec: TableSpec) -> dict[str, pd.Series[Any]]:
    """Give the columns of the schema; what is missing in the file has its default."""
    columns: dict[str, pd.Series[Any]] = {}
    offsets: list[NDArray[np.float64]] = []
    for column in spec.columns:
        if column.kind == "stamp":
            columns[column.name], offset_min = _stamps(raw, column)
            offsets.append(offset_min)
        elif column.name in raw.frame:
            # An id may be left out for all rows, never for some.
            required = column.required or column.name == "id"
            columns[column.name] = _convert(raw, replace(column, required=required))
        elif column.name == "id":
            ids = [f"{spec.id_prefix}{number}" for number in range(1, len(raw.row) + 1)]
            columns["id"] = pd.Series(ids, dtype=TEXT)
        elif column.always:
            values = np.full(len(raw.row), column.default, dtype=object)
            columns[column.name] = _filled(values, column)
    if offsets:
        columns["offset_min"] = pd.Series(offset_of(offsets))
    return columns


def _check_one_of(raw: RawTable, frame: pd.DataFrame, columns: tuple[str, ...]) -> None:
    """Report rows that have none of some columns, of which one must be given."""
    if not columns:
        return
    wrong = [f"column {raw.called.get(name, name)}" for name in columns]
    broken = {defect.where.split(",")[0] for defect in raw.defects if defect.where.endswith(tuple(wrong))}
    # What cannot be read is there, and has been reported.
    at = [raw.place(position) not in broken for position in range(len(frame))]
    nothing = frame[list(columns)].isna().all(axis=1).to_numpy() & np.array(at, dtype=bool)
    text, expected = said(["nothing"] * len(frame)), f"a number in one of {', '.join(columns)}"
    raw.report(nothing, text, column=", ".join(columns), expected=expected, remedy="fill one of them in")


# --- headers ------------------------------------------------------------------------------------------------


def _missing_columns(raw: RawTable, spec: TableSpec) -> list[Defect]:
    """Columns that are missing, or probably there under a slightly different name."""
    present = [str(name) for name in raw.frame.columns]
    unknown = [name for name in present if name not in spec.by_name]
    defects = []
    for column in spec.columns:
        if column.name in present:
            continue
        close = _close(column.name, unknown)
        if not column.required and close is None:
            continue
        remedy = f"rename the column {shown(close)}" if close else "add the column"
        got = listed(present)
        where = "row 1" if raw.unit == "row" else ""
        defects.append(Defect(raw.file, where, f"a column {column.name}", got, remedy))
    for name in present if spec.translated else ():
        match = _MISSPELT.fullmatch(name)
        if match and not TRANSLATED.fullmatch(name):
            expected, remedy = f"a column name_{match[1].lower()}", f"rename the column {shown(name)}"
            where = "row 1" if raw.unit == "row" else ""
            defects.append(Defect(raw.file, where, expected, shown(name), remedy))
    return defects


def _close(name: str, unknown: list[str]) -> str | None:
    def plain(text: str) -> str:
        return re.sub(r"[^a-z0-9]", "", text.casefold())

    for candidate in unknown:
        if plain(candidate) == plain(name):
            return candidate
    # Short names are too easily close to something else: county is not a misspelt country.
    close = difflib.get_close_matches(name, unknown, n=1, cutoff=0.85) if len(name) >= 8 else []
    return close[0] if close else None


# --- values -------------------------------------------------------------------------------------------------


def _convert(raw: RawTable, column: Column) -> pd.Series[Any]:
    values = raw.frame[column.name]
    if column.kind in ("number", "count"):
        return _numbers(raw, column, values)
    if column.kind == "flag":
        return _flags(raw, column, values)
    return _texts(raw, column, values)


def _filled(values: NDArray[np.object_], column: Column) -> pd.Series[Any]:
    if column.kind == "number":
        return pd.Series(pd.to_numeric(values), dtype=np.float64)
    if column.kind == "count":
        return pd.Series(values, dtype=np.int64)
    if column.kind == "flag":
        return pd.Series(values, dtype=bool)
    return pd.Series(values, dtype=TEXT)


def _numbers(raw: RawTable, column: Column, values: pd.Series[Any]) -> pd.Series[Any]:
    result, bad = numbers(values)
    given = values.to_list()
    raw.report(bad, given, column=column.name, expected="a number such as 1.5", remedy=DECIMAL_POINT)
    missing = np.isnan(result) & ~bad
    if column.required:
        nothing = said(["nothing"] * len(given))
        raw.report(missing, nothing, column=column.name, expected="a number", remedy="fill it in")
    outside = ~missing & ~bad & ~((result >= column.minimum) & (result <= column.maximum))
    expected = f"a number within {column.minimum:g}…{column.maximum:g}"
    raw.report(outside, given, column=column.name, expected=expected, remedy="correct the number")
    default = np.nan if column.default is None else float(column.default)
    if column.kind == "number":
        return pd.Series(np.where(np.isnan(result), default, result))
    odd = ~missing & ~bad & ~outside & (result != np.floor(result))
    raw.report(odd, given, column=column.name, expected="a whole number", remedy="correct the number")
    return pd.Series(np.where(missing | bad | outside | odd, default, result).astype(np.int64))


def _flags(raw: RawTable, column: Column, values: pd.Series[Any]) -> pd.Series[Any]:
    default = bool(column.default)
    texts = ["" if _absent(value) else str(value).strip().casefold() for value in values.to_list()]
    texts = [text.removesuffix(".0") for text in texts]
    bad = np.array([bool(text) and text not in _FLAGS for text in texts], bool)
    given = values.to_list()
    raw.report(bad, given, column=column.name, expected="true or false", remedy="write one of them")
    return pd.Series([_FLAGS.get(text, default) for text in texts], dtype=bool)


def _stamps(raw: RawTable, column: Column) -> tuple[pd.Series[Any], NDArray[np.float64]]:
    if column.name not in raw.frame:
        return pd.Series([None] * len(raw.row), dtype=STAMP_TYPE), np.full(len(raw.row), np.nan)
    given = raw.frame[column.name].to_list()
    stamps, offset_min, bad = moments(given)
    remedy = "write it so, with the offset or Z for UTC; a record in another form: mutualaid incidents import"
    raw.report(bad, given, column=column.name, expected=FORM, remedy=remedy)
    return stamps, offset_min


def _absent(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)


def _texts(raw: RawTable, column: Column, values: pd.Series[Any]) -> pd.Series[Any]:
    given = values.to_list()
    texts = [_text(value) for value in given]
    bad = np.zeros(len(given), bool)

    def report(wrong: list[bool], expected: str, remedy: str) -> None:
        nonlocal bad
        found = np.array(wrong, bool) & ~bad
        raw.report(found, given, column=column.name, expected=expected, remedy=remedy)
        bad |= found

    report([text is None for text in texts], "a text", "give the column the type text")
    strings = [text or "" for text in texts]
    if column.required:
        report([not text for text in strings], "a text", "fill it in")
    report(
        [CONTROL.search(text) is not None for text in strings],
        "text of one line without control characters",
        "remove them",
    )
    longest = column.longest
    report([len(text) > longest for text in strings], f"at most {longest:,} characters", "shorten it")
    if column.allowed:
        report(
            [bool(text) and text not in column.allowed for text in strings],
            f"one of {', '.join(column.allowed)}",
            "write one of them, in small letters",
        )
    if column.kind == "id":
        report([";" in text for text in strings], "an id without ;, which joins ids", "use another character")
    if column.kind == "day":
        expected = "a day in ISO 8601, such as 2016-03-05"
        report([bool(text) and not _is_day(text) for text in strings], expected, "write it like that")
    if column.kind == "indicator":
        expected = "keys joined by full stops, those with a full stop or space in double quotes"
        report([bool(text) and not _is_path(text) for text in strings], expected, "correct it")
    if column.pattern:
        pattern = re.compile(column.pattern)
        report(
            [bool(text) and pattern.fullmatch(text) is None for text in strings],
            column.pattern_text,
            "correct it, or leave it empty if unknown",
        )
    default = column.default if isinstance(column.default, str) else None
    # What is wrong may not even be text that pandas can hold.
    kept = [text if text and not wrong else default for text, wrong in zip(strings, bad, strict=True)]
    return pd.Series(kept, dtype=TEXT)


def _is_day(text: str) -> bool:
    try:
        return re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) is not None and bool(
            date.fromisoformat(text)
        )
    except ValueError:
        return False


def _is_path(text: str) -> bool:
    try:
        return bool(indicator_path(text))
    except ValueError:
        return False


def _text(value: object) -> str | None:
    """Give the text without surrounding spaces, empty if there is none, None if it is something else."""
    if isinstance(value, str):
        return value.strip()
    if _absent(value):
        return ""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
        return None
    # Whole numbers are what GIS software makes of ids and names that look like numbers.
    return str(int(value)) if float(value).is_integer() else str(value)


def _check_ids(raw: RawTable, ids: pd.Series[Any]) -> None:
    again = (ids.duplicated(keep=False) & ids.notna()).to_numpy()
    if not again.any():
        return
    groups: dict[str, list[str]] = {}
    for position in np.flatnonzero(again):
        groups.setdefault(ids.iloc[position], []).append(f"{raw.unit} {raw.row[position]}")
    for key, places in list(groups.items())[:LISTED]:
        raw.defects.append(
            Defect(
                raw.file,
                ", ".join(places[:LISTED]) + ("…" if len(places) > LISTED else ""),
                "each id once",
                f"id {shown(key)} {len(places)} times",
                "give each row an id of its own",
            )
        )
    if len(groups) > LISTED:
        got = f"{len(groups) - LISTED} more ids twice"
        raw.defects.append(Defect(raw.file, "", "each id once", got, "make the ids unique"))


# --- geometry -----------------------------------------------------------------------------------------------


def _geometry(raw: RawTable, wanted: Shape | pd.Series[Any]) -> NDArray[np.object_]:
    """Geometry of all rows; `wanted` is what it must be, or that by row, missing where nobody can say."""
    kind = wanted if isinstance(wanted, str) else "geometry"
    if raw.geometry is None:
        if len(raw.row):
            raw.defects.append(_no_geometry(raw, kind))
        raw.reported[:] = True
        return objects([None] * len(raw.row))
    if raw.crs is None:
        raw.defects.append(
            Defect(
                raw.file,
                "",
                "a coordinate reference system (CRS)",
                "none",
                'set it in QGIS and export again, or state it beside the file in region.toml: crs = "EPSG:…"',
            )
        )
    geometry: NDArray[np.object_] = np.asarray(shapely.force_2d(raw.geometry))
    missing = (shapely.is_missing(geometry) | shapely.is_empty(geometry)) & ~raw.reported
    nothing = said(["nothing"] * len(geometry))
    remedy = "draw it, or give its coordinates" if raw.unit == "feature" else "fill in the coordinates"
    raw.report(missing, nothing, column="geometry", expected=f"a {kind}", remedy=remedy)
    raw.reported |= missing
    for shape, names in _GEOMETRIES.items():
        mine = (
            np.full(len(geometry), wanted == shape)
            if isinstance(wanted, str)
            else (wanted == shape).to_numpy()
        )
        if shape == "point":
            single = (shapely.get_type_id(geometry) == 4) & (shapely.get_num_geometries(geometry) == 1) & mine
            geometry[single] = shapely.get_geometry(geometry[single], 0)
        types = [value.geom_type if value is not None else "nothing" for value in geometry]
        wrong = np.array([name not in names for name in types], bool) & mine & ~raw.reported
        remedy = (
            _SHAPE_REMEDY[shape] if isinstance(wanted, str) else "correct the column kind, or the geometry"
        )
        raw.report(wrong, said(types), column="geometry", expected=f"a {shape}", remedy=remedy)
        raw.reported |= wrong
    _check_coordinates(raw, geometry)
    invalid = ~shapely.is_valid(geometry) & (shapely.get_dimensions(geometry) == 2) & ~raw.reported
    reasons = said([str(reason) for reason in shapely.is_valid_reason(geometry)])
    remedy = "repair it with Fix geometries in QGIS"
    raw.report(invalid, reasons, column="geometry", expected="a valid polygon", remedy=remedy)
    # The other checks go on with what was probably meant.
    geometry[invalid] = shapely.make_valid(geometry[invalid])
    geometry[raw.reported] = None
    return geometry


def _no_geometry(raw: RawTable, kind: str) -> Defect:
    if raw.unit != "row":
        return Defect(raw.file, "", f"a {kind} in each feature", "no geometry", "export it with geometry")
    if kind == "polygon":
        return Defect(
            raw.file, "", "polygons", "a CSV", "use GeoPackage, GeoJSON or GeoParquet for this table"
        )
    remedy = "name the columns lon and lat"
    return Defect(raw.file, "row 1", "columns lon and lat", listed(raw.frame.columns), remedy)


def _check_coordinates(raw: RawTable, geometry: NDArray[np.object_]) -> None:
    bounds = shapely.bounds(geometry)
    finite = np.isfinite(bounds).all(axis=1)
    texts = said([f"{row[0]:g}, {row[1]:g}" for row in bounds])
    infinite = ~finite & ~raw.reported
    raw.report(infinite, texts, column="geometry", expected="finite coordinates", remedy="correct them")
    raw.reported |= ~finite
    if raw.crs is None or not raw.crs.is_geographic:
        return
    with np.errstate(invalid="ignore"):
        limits = (bounds >= [-180, -90, -180, -90]) & (bounds <= [180, 90, 180, 90])
    outside = ~limits.all(axis=1) & ~raw.reported
    expected = "longitude within ±180 and latitude within ±90"
    if outside.sum() > 1 and outside.sum() == (~raw.reported).sum():
        place = "columns lon, lat" if raw.unit == "row" else "geometry"
        first = texts[int(np.flatnonzero(outside)[0])]
        remedy = "state the CRS that the coordinates are in, or exchange lon and lat if they are swapped"
        raw.defects.append(Defect(raw.file, place, expected, f"{first} and so on in every row", remedy))
    else:
        remedy = "check the decimal point, and whether lon and lat are swapped"
        raw.report(outside, texts, column="geometry", expected=expected, remedy=remedy)
    raw.reported |= outside
