"""Tables in and out: GeoPackage, GeoJSON, GeoParquet, and CSV with columns lon and lat."""

from __future__ import annotations

import csv
import json
import shutil
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely

from mutualaid.data._columns import conform
from mutualaid.data._formats import SUFFIXES, WGS84, RawTable, read_raw
from mutualaid.data._paths import beside, inside, listed
from mutualaid.data._schema import SITES, TABLES, ZONES
from mutualaid.errors import Defect, RegionError

__all__ = ["read_table", "write_table"]

#: Decimals of longitudes and latitudes written as text: a tenth of a millimetre.
_DECIMALS = 9


def read_table(
    path: Path | str,
    table: str | None = None,
    *,
    layer: str | None = None,
    crs: str | None = None,
    root: Path | str | None = None,
) -> pd.DataFrame:
    r"""Read a table from a GeoPackage, GeoJSON, GeoParquet or CSV file.

    Parameters
    ----------
    path
        The file; the suffix says the format: .gpkg, .geojson (.json), .parquet (.geoparquet), .csv. A CSV is
        UTF-8 and has points in its columns ``lon`` and ``lat`` (EPSG:4326, or the geographic `crs`) or ``x``
        and ``y`` (in `crs`).
    table
        Name of a table of a region, such as ``stations``, ``sites`` of new stations, or ``zones`` of an evacuation: its
        columns are checked and completed. Without it, all columns are given as they are; those of a CSV are text.
    layer
        Layer of a GeoPackage; needed where it has several.
    crs
        CRS of a file that states none itself, as authority and code.
    root
        Folder that `path` must lie in, links followed; `path` is then relative to it. None allows any file.

    Returns
    -------
    DataFrame or GeoDataFrame
        In the CRS and the order of the file. With `table`, indexed by the text ``id``; without, numbered
        from 0. A GeoDataFrame if there is geometry.

    Raises
    ------
    RegionError
        If the file cannot be read as this table: every defect with its row.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "stations.csv"
    ...     _ = file.write_text("id,lon,lat,service\n007,7.42,43.73,fire\n", encoding="utf-8")
    ...     read_table(file, "stations").loc["007", "status"]
    'active'
    """
    path = Path(path)
    if root is not None:
        file = path.as_posix()
        path = inside(Path(root), file, file="", where="path")
    else:
        file = path.name
        if not path.is_file():
            raise RegionError([Defect(file, "", "a file that exists", str(path), "correct the path")])
    raw = read_raw(path, file, layer=layer, crs=crs)
    specs = TABLES | {SITES.name: SITES, ZONES.name: ZONES}
    frame = conform(raw, specs[table]) if table is not None else _as_it_is(raw)
    if raw.defects:
        raise RegionError(raw.defects)
    return frame if table is None else indexed(frame)


def _as_it_is(raw: RawTable) -> pd.DataFrame:
    try:
        frame = raw.frame.infer_objects()
    except UnicodeEncodeError:  # half a character, which JSON can spell
        raise RegionError(
            [Defect(raw.file, "", "text of whole characters", "half a character", "export the table again")]
        ) from None
    return frame if raw.geometry is None else gpd.GeoDataFrame(frame, geometry=raw.geometry, crs=raw.crs)


def indexed(frame: Any) -> Any:
    """Move the column ``id`` into the index."""
    return frame.set_index("id")


def load(path: Path, table: str, *, file: str, layer: str | None, crs: str | None, weight: str = "") -> Any:
    """Read a table of a region: as it is in the file, with the defects of its rows, and as a frame."""
    raw = read_raw(path, file, layer=layer, crs=crs)
    if weight and weight != "population":
        _rename_weight(raw, weight)
    frame = conform(raw, TABLES[table])
    if weight == "incidents":
        frame = frame.assign(incidents=frame["population"])
    return raw, frame


def _rename_weight(raw: RawTable, weight: str) -> None:
    if weight not in raw.frame:
        raise RegionError(
            [
                Defect(
                    raw.file,
                    "row 1" if raw.unit == "row" else "",
                    f"a column {weight}, which [demand] weight names",
                    listed(raw.frame.columns),
                    "correct the key weight, or add the column",
                )
            ]
        )
    raw.frame = raw.frame.drop(columns="population", errors="ignore").rename(columns={weight: "population"})
    raw.called["population"] = weight


# --- writing ------------------------------------------------------------------------------------------------


def write_table(frame: pd.DataFrame, path: Path | str, *, layer: str | None = None) -> Path:
    """Write a table as GeoPackage, GeoJSON, GeoParquet or CSV.

    The file is written beside and then takes its name, so that no half file is ever seen. `read_table` gives
    the same ids, texts and numbers back; GeoJSON and CSV are in EPSG:4326 to a tenth of a millimetre.

    Parameters
    ----------
    frame
        The table; its index becomes the column ``id``, or what it is called, unless it is only a numbering.
    path
        The file; the suffix says the format: .gpkg, .geojson (.json), .parquet (.geoparquet), .csv. A CSV
        holds points only.
    layer
        Layer of a GeoPackage, by default named like the file; the other layers of an existing file stay.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    RegionError
        If the format cannot hold the table: another suffix, geometry without a CRS, polygons in a CSV,
        infinite numbers in GeoJSON.
    """
    path = Path(path)
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise _refused(path, "one of .gpkg, .geojson, .parquet, .csv", path.name, "choose another suffix")
    if isinstance(frame, gpd.GeoDataFrame) and frame.crs is None:
        raise _refused(path, "a CRS", "geometry without one", "set it with set_crs")
    if not (isinstance(frame.index, pd.RangeIndex) and frame.index.name is None):
        frame = frame.reset_index(names=frame.index.name or "id")
    with beside(path) as temporary:
        if kind == "CSV":
            _write_csv(frame, temporary, path)
        elif kind == "GeoJSON":
            _write_geojson(frame, temporary, path)
        elif kind == "GeoParquet":
            frame.to_parquet(temporary, index=False)
        else:
            if path.exists():
                shutil.copyfile(path, temporary)
            with warnings.catch_warnings():
                # GDAL warns of an .gpkg without geometry, which is meant.
                warnings.simplefilter("ignore")
                pyogrio.write_dataframe(frame, temporary, layer=layer or path.stem, driver="GPKG")
    return path


def _refused(path: Path, expected: str, got: str, remedy: str) -> RegionError:
    return RegionError([Defect(path.name, "", expected, got, remedy)])


def _cells(values: pd.Series[Any]) -> list[str]:
    """Texts of one column: shortest digits that read back the same, whole numbers without a point."""
    return [_cell(value) for value in values.to_list()]


def _cell(value: object) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)


def _write_csv(frame: pd.DataFrame, temporary: Path, path: Path) -> None:
    columns: dict[str, list[str]] = {}
    geometry = frame.geometry if isinstance(frame, gpd.GeoDataFrame) else None
    name = geometry.name if geometry is not None else None
    for column in frame.columns:
        if column != name:
            columns[str(column)] = _cells(frame[column])
    if geometry is not None:
        if not (geometry.geom_type.dropna() == "Point").all():
            raise _refused(path, "points", "other geometry", "write a GeoPackage, GeoJSON or GeoParquet")
        points = geometry.to_crs(WGS84)
        for axis, values in (("lon", points.x), ("lat", points.y)):
            columns[axis] = _cells(values.round(_DECIMALS))
    with temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def _write_geojson(frame: pd.DataFrame, temporary: Path, path: Path) -> None:
    geometry: Iterable[str | None] = [None] * len(frame)
    if isinstance(frame, gpd.GeoDataFrame):
        shapes = shapely.force_2d(frame.geometry.to_crs(WGS84).to_numpy().astype(object))
        shapes = shapely.transform(shapes, lambda points: points.round(_DECIMALS))
        shapes = shapely.orient_polygons(shapes)
        geometry = shapely.to_geojson(shapes)
        frame = pd.DataFrame(frame.drop(columns=frame.geometry.name))
    values = {str(column): _json_values(frame[column]) for column in frame.columns}
    rows = zip(*values.values(), strict=True) if values else iter([()] * len(frame))
    try:
        features = [
            '{"type":"Feature","properties":'
            + json.dumps(dict(zip(values, row, strict=True)), ensure_ascii=False, allow_nan=False)
            + f',"geometry":{shape or "null"}}}'
            for row, shape in zip(rows, geometry, strict=True)
        ]
    except ValueError:
        raise _refused(path, "finite numbers", "infinite ones", "write a GeoPackage or GeoParquet") from None
    # One feature a line, so that a change is seen where it is.
    text = '{"type":"FeatureCollection","features":[\n' + ",\n".join(features) + "\n]}\n"
    temporary.write_text(text, encoding="utf-8", newline="\n")


def _json_values(values: pd.Series[Any]) -> list[Any]:
    missing = values.isna().to_numpy()
    plain = values.to_list()
    result = [None if gone else value for value, gone in zip(plain, missing, strict=True)]
    return [
        int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else value
        for value in result
    ]
