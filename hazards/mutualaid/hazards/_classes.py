"""What a layer holds, class by class: what its scheme makes of it, and what belongs to no class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.errors import Defect, HazardError
from mutualaid.hazards._crosswalk import positions_in
from mutualaid.hazards._model import HazardLayer
from mutualaid.hazards._rasters import read_cells, tiles
from mutualaid.hazards._schemes import Scheme, scheme
from mutualaid.hazards._vectors import class_codes, polygons

__all__ = ["layer_classes"]

#: Areas are compared on the whole earth: World Cylindrical Equal Area.
_EQUAL_AREA = "EPSG:6933"
_LISTED = 20
_COLUMNS = ["class_code", "class_label", "severity", "count", "share", "mapped"]


def layer_classes(layer: HazardLayer) -> pd.DataFrame:
    """Say how much of a layer is in each class of its scheme, and list what is in none.

    Parameters
    ----------
    layer
        A hazard layer with a scheme. A raster is read tile by tile.

    Returns
    -------
    DataFrame
        One row for each class of the scheme, in its order, then for each code or value that is in no class (of
        numbers, one row with their range; at most 20 rows): ``class_code``, ``class_label``, ``severity`` (Int8,
        missing if unknown), ``count`` (cells with a value, or polygons), ``share`` (of these cells, or of the
        polygons' area, which may overlap), ``mapped`` (bool; what is not mapped counts as unknown, never as 0).

    Raises
    ------
    HazardError
        The layer states no scheme.

    Examples
    --------
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.hazards import layer_classes, read_layers
    >>> table = layer_classes(read_layers(read_region(demo_path())).layers[0])
    >>> round(float(table["share"].sum()), 6)
    1.0
    """
    if not layer.scheme:
        remedy = "state the scheme of its values"
        raise HazardError([Defect(layer.file.name, layer.id, "a scheme of classes", "none", remedy)])
    found = scheme(layer.scheme)
    counted = _in_raster(layer, found) if layer.kind == "raster" else _in_polygons(layer, found)
    return _table(found, *counted)


Counted = tuple[NDArray[np.float64], NDArray[np.float64], Counter[str], Mapping[str, float]]


def _in_raster(layer: HazardLayer, found: Scheme) -> Counted:
    """Cells by class, the same as weight, and cells by what is in no class, twice."""
    assert layer.shape is not None
    by_class = np.zeros(len(found.classes))
    left: Counter[str] = Counter()
    low, high = np.inf, -np.inf
    for tile in tiles(layer.shape):
        values = read_cells(layer, *tile).ravel()
        values = values[~np.isnan(values)]
        if layer.quantity == "class":
            values, times = np.unique(values, return_counts=True)
            given = class_codes(pd.Series(values))
        else:
            given, times = pd.Series(values), np.ones(len(values), dtype=np.int64)
        velocity = np.full(len(values), np.nan) if found.needs_velocity else None
        position = positions_in(given, found, velocity)
        inside = position >= 0
        by_class += np.bincount(position[inside], times[inside], minlength=len(by_class))
        if layer.quantity == "class":
            left.update(dict(zip(given[~inside], times[~inside].tolist(), strict=True)))
        elif (~inside).any():
            low, high = min(low, values[~inside].min()), max(high, values[~inside].max())
            left["no class"] += int((~inside).sum())
    if layer.quantity != "class" and left:
        left = Counter({f"{low:g} to {high:g}": left["no class"]})
    return by_class, by_class, left, {name: float(n) for name, n in left.items()}


def _in_polygons(layer: HazardLayer, found: Scheme) -> Counted:
    """Polygons by class, their area, and the same of what is in no class."""
    areas = polygons(layer, None, _EQUAL_AREA)
    given = areas["class_code"] if layer.quantity == "class" else areas["value"]
    velocity = np.full(len(areas), np.nan) if found.needs_velocity else None
    position = positions_in(given, found, velocity)
    inside = position >= 0
    area = np.asarray(areas.geometry.area, dtype=np.float64)
    count = np.bincount(position[inside], minlength=len(found.classes)).astype(np.float64)
    weight = np.bincount(position[inside], area[inside], minlength=len(found.classes)).astype(np.float64)
    names = given.astype(object).where(given.notna(), "no value").astype(str)[~inside]
    return count, weight, Counter(names), _summed(names, area[~inside])


def _summed(names: pd.Series, amounts: NDArray[np.float64]) -> dict[str, float]:
    total: dict[str, float] = {}
    for name, amount in zip(names, amounts.tolist(), strict=True):
        total[name] = total.get(name, 0.0) + amount
    return total


def _table(
    found: Scheme,
    count: NDArray[np.float64],
    weight: NDArray[np.float64],
    left: Counter[str],
    left_weight: Mapping[str, float],
) -> pd.DataFrame:
    total = float(weight.sum() + sum(left_weight.values()))
    classes = found.classes
    rows = [
        (code, label, severity, int(n), amount / total if total else 0.0, True)
        for code, label, severity, n, amount in zip(
            classes.index, classes["class_label"], classes["severity"], count, weight, strict=True
        )
    ]
    ordered = left.most_common()
    rows += [
        (name, "in no class", pd.NA, n, left_weight[name] / total, False) for name, n in ordered[:_LISTED]
    ]
    if rest := ordered[_LISTED:]:
        share = sum(left_weight[name] for name, _ in rest) / total
        rows.append((f"{len(rest)} more", "in no class", pd.NA, sum(n for _, n in rest), share, False))
    return pd.DataFrame(rows, columns=_COLUMNS).astype({"severity": "Int8"})
