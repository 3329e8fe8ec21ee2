"""Tables of millions of places as files, a piece at a time: nothing is held twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import shapely
from numpy.typing import NDArray

from mutualaid.errors import Defect, InputError

__all__ = ["Columns", "frame_piece", "gis_columns", "read_piece", "write_geoparquet", "write_streamed"]

#: What becomes of the columns of a piece on their way into a file.
Columns: TypeAlias = Callable[[pd.DataFrame], pd.DataFrame]

_GEOMETRY, _BOX = "geometry", "bbox"
_SIDES = ("xmin", "ymin", "xmax", "ymax")
#: Whoever opens a file in a GIS filters by the boxes of row groups, so their format is named.
_VERSION = "1.1.0"


def write_geoparquet(frame: gpd.GeoDataFrame, pieces: Sequence[NDArray[np.int64]], path: Path) -> None:
    """Write a frame as GeoParquet, a row group for each piece of it.

    Parameters
    ----------
    frame
        What is written: index, all columns, and geometry of any kind.
    pieces
        Positions of the rows of each row group; they follow one another in the file.
    path
        File to write.

    Raises
    ------
    InputError
        A column is named ``bbox``, the name of the boxes by which a GIS finds its way in the file.
    """
    if _BOX in frame.columns:
        expected, remedy = "columns of coverage", "give this column another name in the demand"
        raise InputError([Defect("", f"column {_BOX}", expected, "a column of that name", remedy)])
    schema = _schema(_plain(frame, np.zeros(0, dtype=np.int64)))
    box = pa.field(_BOX, pa.struct([(side, pa.float64()) for side in _SIDES]))
    schema = schema.append(box).with_metadata({**(schema.metadata or {}), b"geo": _geo(frame)})
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for rows in pieces:
            piece = _plain(frame, rows)
            boxes = shapely.bounds(frame.geometry.to_numpy()[rows])
            sides = [pa.array(boxes[:, k], from_pandas=True) for k in range(len(_SIDES))]
            table = pa.Table.from_pandas(piece, schema=schema.remove(len(schema) - 1))
            table = table.append_column(box, pa.StructArray.from_arrays(sides, list(_SIDES)))
            writer.write_table(
                table.replace_schema_metadata(schema.metadata), row_group_size=max(len(rows), 1)
            )


def read_piece(path: Path, group: int) -> pd.DataFrame:
    """Give back one piece of what `write_geoparquet` wrote, without its geometry."""
    with pq.ParquetFile(path) as file:
        columns = [name for name in file.schema_arrow.names if name not in (_GEOMETRY, _BOX)]
        found: pd.DataFrame = file.read_row_group(group, columns=columns).to_pandas()
    return found


def write_streamed(
    frame: gpd.GeoDataFrame,
    pieces: Sequence[NDArray[np.int64]],
    path: Path,
    *,
    driver: str,
    columns: Columns | None = None,
    **options: Any,
) -> None:
    """Write a frame by a driver of GDAL, a piece at a time.

    Parameters
    ----------
    frame
        What is written; its index becomes a column.
    pieces
        Positions of rows, in the order of the file.
    path
        File to write.
    driver
        ``FlatGeobuf`` or any other that writes a layer in one go.
    columns
        What becomes of the columns; by default as `gis_columns` gives them.
    **options
        For `pyogrio.write_arrow`.
    """
    chosen = columns or gis_columns
    schema = _schema(chosen(_plain(frame, np.zeros(0, dtype=np.int64)).reset_index()), pandas=False)

    def batches() -> Iterator[pa.RecordBatch]:
        for rows in pieces:
            piece = chosen(_plain(frame, rows).reset_index())
            yield from pa.Table.from_pandas(piece, schema=schema, preserve_index=False).to_batches()

    # Equal runs give equal bytes: when it was is in run.json alone.
    kinds = set(np.unique(shapely.get_type_id(frame.geometry.to_numpy())).tolist())
    pyogrio.write_arrow(
        pa.RecordBatchReader.from_batches(schema, batches()),
        path,
        driver=driver,
        geometry_name=_GEOMETRY,
        geometry_type=_TYPES.get(frozenset(kinds), "Unknown"),
        crs=frame.crs.to_wkt() if frame.crs is not None else None,
        **options,
    )


_TYPES: Mapping[frozenset[int], str] = {
    frozenset({0}): "Point",
    frozenset({1}): "LineString",
    frozenset({3}): "Polygon",
    frozenset({5}): "MultiLineString",
    frozenset({6}): "MultiPolygon",
}


def gis_columns(piece: pd.DataFrame) -> pd.DataFrame:
    """Give columns as a GIS takes them: ``inf`` (nobody comes) as NULL, because classifiers break on it."""
    found = {}
    for name in piece.columns:
        values = piece[name]
        if pd.api.types.is_float_dtype(values.dtype):
            values = values.where(np.isfinite(values))
        elif isinstance(values.dtype, pd.CategoricalDtype):
            values = values.astype("str").where(values.notna(), None)
        found[str(name)] = values
    return pd.DataFrame(found)


def frame_piece(frame: gpd.GeoDataFrame, piece: pd.DataFrame, rows: NDArray[np.int64]) -> gpd.GeoDataFrame:
    """Give a piece that was read its geometry back, from a frame with the same rows."""
    return gpd.GeoDataFrame(piece, geometry=frame.geometry.to_numpy()[rows], crs=frame.crs)


def _plain(frame: gpd.GeoDataFrame, rows: NDArray[np.int64]) -> pd.DataFrame:
    """Give some rows with their geometry as well-known binary, which stands last."""
    name = frame.geometry.name
    piece = (
        pd.DataFrame(frame.drop(columns=name).iloc[rows])
        if len(rows)
        else pd.DataFrame(frame.drop(columns=name).iloc[:0])
    )
    binary = shapely.to_wkb(frame.geometry.to_numpy()[rows])
    out = piece.assign(**{_GEOMETRY: pd.Series(list(binary), index=piece.index, dtype=object)})
    out.index.name = frame.index.name or "id"
    return out


def _schema(empty: pd.DataFrame, *, pandas: bool = True) -> pa.Schema:
    """Types of columns, which a piece in which all values are missing would not tell."""
    found = pa.Schema.from_pandas(empty, preserve_index=pandas)
    fields = []
    for field in found:
        kind = (
            pa.binary()
            if field.name == _GEOMETRY
            else pa.string()
            if pa.types.is_null(field.type)
            else field.type
        )
        extension = {} if pandas or field.name != _GEOMETRY else {"ARROW:extension:name": "geoarrow.wkb"}
        fields.append(pa.field(field.name, kind, metadata=extension or None))
    return pa.schema(fields, metadata=found.metadata if pandas else None)


def _geo(frame: gpd.GeoDataFrame) -> bytes:
    """Describe the geometry as GeoParquet asks for."""
    kinds = frame.geometry.geom_type.dropna().unique().tolist()
    column: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": sorted(kinds),
        "crs": json.loads(frame.crs.to_json()) if frame.crs is not None else None,
        "covering": {_BOX: {side: [_BOX, side] for side in _SIDES}},
    }
    if len(frame):
        column["bbox"] = frame.total_bounds.tolist()
    told = {"version": _VERSION, "primary_column": _GEOMETRY, "columns": {_GEOMETRY: column}}
    return json.dumps(told).encode()
