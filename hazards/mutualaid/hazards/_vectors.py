"""Values of vector layers: polygons, each with a number or the code of a class."""

from __future__ import annotations

import warnings
from functools import lru_cache
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from mutualaid.errors import Defect, HazardError
from mutualaid.hazards._model import HazardLayer
from mutualaid.hazards._units import scaled

__all__ = ["class_codes", "open_vector", "polygon_defects", "polygons"]

#: Files that only say where the data is, which may be on any server.
_POINTERS = (b"<OGRVRTDataSource", b"<OGRWFSDataSource", b"<VRTDataset", b"<GDAL_WM")
#: So many features with a defect are listed one by one; the rest is counted.
_LISTED = 20
_REMEDY = "check the path, or export the layer again as GeoPackage"


def open_vector(path: Path, layer: str | None) -> tuple[gpd.GeoDataFrame, str]:
    """Read a whole layer of a vector file; give it and the name of the layer. Do not change the frame.

    Raises
    ------
    HazardError
        If the file does not open, or holds several layers and none is named.
    """
    try:
        state = path.stat()
        return _read(path, layer, state.st_mtime_ns, state.st_size)
    except HazardError:
        raise
    except (OSError, ValueError, pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        got = str(error).split("\n")[0].replace(str(path), path.name)[:200]
        raise _wrong(path, "a vector file that opens", got, _REMEDY) from None


@lru_cache(maxsize=16)
def _read(
    path: Path,
    layer: str | None,
    mtime_ns: int,  # noqa: ARG001 - with the size, what makes a file the same file
    size: int,  # noqa: ARG001
) -> tuple[gpd.GeoDataFrame, str]:
    with path.open("rb") as stream:
        head = stream.read(4096)
    if any(pointer in head for pointer in _POINTERS):
        raise _wrong(path, "a file that holds its own data", "one that points to others", _REMEDY)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        layers = [str(name) for name in pyogrio.list_layers(path)[:, 0]]
        if (layer is None and len(layers) != 1) or (layer is not None and layer not in layers):
            expected = "the name of one layer" if layer is None else f"a layer {layer!r}"
            got = ", ".join(layers)[:200] or "no layers"
            raise _wrong(path, expected, got, "name one of them as layer")
        chosen = layer or layers[0]
        frame = pyogrio.read_dataframe(path, layer=chosen, force_2d=True, on_invalid="ignore")
    if not isinstance(frame, gpd.GeoDataFrame):
        raise _wrong(path, "polygons", "a table without geometry", "export the layer with its geometry")
    return frame, chosen


def polygon_defects(frame: gpd.GeoDataFrame, *, file: str, column: str | None, quantity: str) -> list[Defect]:
    """List what is wrong with the polygons and their values."""
    defects: list[Defect] = []
    geometry = frame.geometry.to_numpy()
    missing = shapely.is_missing(geometry) | shapely.is_empty(geometry)
    areal = np.isin(shapely.get_type_id(geometry), (3, 6))
    broken = areal & ~shapely.is_valid(geometry)
    kinds = frame.geom_type.fillna("nothing").to_numpy()
    defects += _by_feature(file, missing, "a polygon", np.full(len(frame), "nothing"), "delete the feature")
    defects += _by_feature(
        file, ~missing & ~areal, "a polygon", kinds, "turn it into a polygon, or name another layer"
    )
    if broken.any():
        reasons = np.full(len(frame), "", object)
        reasons[broken] = shapely.is_valid_reason(geometry[broken])
        remedy = "repair it, in QGIS with “Fix geometries”"
        defects += _by_feature(file, broken, "a valid polygon", reasons, remedy)
    if not len(frame):
        defects.append(Defect(file, "", "at least one polygon", "an empty layer", "export it again"))
    names = [name for name in frame.columns if name != frame.geometry.name]
    listed = ", ".join(map(str, names))[:200] or "none"
    if column is None:
        remedy = "name the column with the values as column"
        defects.append(Defect(file, "column", "the column with the values", f"none of {listed}", remedy))
    elif column not in names:
        remedy = "correct the name of the column"
        defects.append(Defect(file, "column", f"a column {column!r}", listed, remedy))
    elif quantity != "class":
        numbers = pd.to_numeric(frame[column], errors="coerce")
        odd = frame[column].notna().to_numpy() & ~np.isfinite(numbers.to_numpy(np.float64, na_value=np.nan))
        texts = np.array([repr(value)[:80] for value in frame[column]], object)
        remedy = 'write a plain number, or state quantity="class" if these are codes'
        defects += _by_feature(file, odd, f"a number in column {column}", texts, remedy)
    return defects


def _by_feature(
    file: str, bad: NDArray[np.bool_], expected: str, got: NDArray[np.object_], remedy: str
) -> list[Defect]:
    positions = np.flatnonzero(bad)
    defects = [
        Defect(file, f"feature {position + 1}", expected, str(got[position])[:120], remedy)
        for position in positions[:_LISTED]
    ]
    if len(positions) > _LISTED:
        more = f"{len(positions) - _LISTED} more of the same"
        defects.append(Defect(file, f"from feature {positions[_LISTED] + 1}", expected, more, remedy))
    return defects


def polygons(
    layer: HazardLayer, bounds: tuple[float, float, float, float] | None, crs: CRS | str
) -> gpd.GeoDataFrame:
    """Read the polygons of a vector layer that meet bounds.

    Parameters
    ----------
    layer
        A vector layer.
    bounds
        (left, bottom, right, top) in `crs`; None for all polygons.
    crs
        CRS of the bounds and of the result.

    Returns
    -------
    GeoDataFrame
        Whole polygons, not cut at the bounds, in the order of the file. ``value`` float64 in the layer's unit,
        NaN for classes and where there is none; ``class_code`` text, missing for numbers and where there is
        none; ``geometry`` in `crs`. The index counts the features of the file from 0.

    Raises
    ------
    HazardError
        If the layer is not a vector layer, or its file has changed since it was opened.

    Examples
    --------
    >>> from mutualaid.hazards import polygons
    >>> zones = polygons(layer, None, "EPSG:32632")  # doctest: +SKIP
    """
    if layer.kind != "vector":
        raise _wrong(layer.file, "a vector layer", layer.kind, "read a window of it")
    frame, _ = open_vector(layer.file, layer.layer)
    if defects := polygon_defects(frame, file=layer.file.name, column=layer.column, quantity=layer.quantity):
        raise HazardError(defects)
    target = CRS.from_user_input(crs)
    frame = frame.set_crs(layer.crs, allow_override=True).to_crs(target)
    if bounds is not None:
        frame = frame[shapely.intersects(frame.geometry.to_numpy(), shapely.box(*bounds))]
    column = frame[layer.column]
    if layer.quantity == "class":
        values, codes = np.full(len(frame), np.nan), class_codes(column)
    else:
        numbers = pd.to_numeric(column).to_numpy(np.float64, na_value=np.nan)
        values, codes = scaled(numbers, layer.factor), pd.Series(pd.NA, index=frame.index, dtype="str")
    return gpd.GeoDataFrame(
        {"value": values, "class_code": codes},
        geometry=frame.geometry.to_numpy(),
        crs=target,
        index=frame.index,
    )


def class_codes(values: pd.Series) -> pd.Series:
    """Turn codes of classes into texts: trimmed, and whole numbers without a decimal point."""
    if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
        plain = values.to_numpy(np.float64, na_value=np.nan).tolist()
        texts = [f"{value:.17g}" if value == value else None for value in plain]
    else:
        texts = [str(value).strip() or None if pd.notna(value) else None for value in values]
    return pd.Series(texts, index=values.index, dtype="str")


def _wrong(path: Path, expected: str, got: str, remedy: str) -> HazardError:
    return HazardError([Defect(path.name, "", expected, got, remedy)])
