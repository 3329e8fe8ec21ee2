"""A hazard layer laid over roads: what it says along each of them, tile by tile, in the metres of the roads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike, NDArray
from pyproj import CRS, Transformer

from mutualaid.errors import Defect, HazardError
from mutualaid.hazards._crosswalk import severities
from mutualaid.hazards._edges import NEAR, Edges
from mutualaid.hazards._model import HazardLayer
from mutualaid.hazards._overlay import (
    Lines,
    Paths,
    Pieces,
    Segments,
    labels_of,
    pieces_on_cells,
    pieces_on_polygons,
    segments_of,
    to_cells,
)
from mutualaid.hazards._passability import Passability, affected, closures
from mutualaid.hazards._rasters import values_of
from mutualaid.hazards._sample import ranks
from mutualaid.hazards._schemes import scheme
from mutualaid.hazards._vectors import class_codes, polygons
from mutualaid.threads import in_threads

__all__ = ["Batch", "check_fit", "overlay_roads", "road_effects", "split_in_batches", "split_on_layer"]

Floats: TypeAlias = NDArray[np.float64]

#: Cells along a side of what is read at once: 4 million.
_TILE = 2048
#: A line straight in one CRS is bent in another: by 2 cm over this length, by a hundred times that over ten.
_STRAIGHT_M = 1000.0
#: Lines that are split at a time. Each batch reads the tiles of a raster anew: of these more at a time.
_LINES = {"vector": 200_000, "raster": 1_000_000}


@dataclass(frozen=True, eq=False)
class Batch:
    """Pieces of lines that follow one another, in order along each.

    Attributes
    ----------
    line
        (p,) position of the line among all.
    length_m
        (p,) length.
    of
        (p,) row of `said`.
    said
        What a layer says somewhere: ``value``, ``class_code`` and ``state``, as of `split_on_layer`.
    """

    line: NDArray[np.int64]
    length_m: Floats
    of: NDArray[np.int64]
    said: pd.DataFrame


def split_on_layer(
    layer: HazardLayer,
    lines: Lines,
    *,
    crs: CRS | str,
) -> pd.DataFrame:
    """Split lines exactly at the edges of a layer's cells or polygons.

    Of a raster only the tiles are read that lines pass, one at a time. Lines are taken to the layer, not the
    layer to the lines, so that no cell is moved; lengths stay those of the lines. Where polygons overlap, the one
    counts that counts for `sample`: the largest number, of classes the most severe.

    Parameters
    ----------
    layer
        The hazard layer.
    lines
        n LineStrings or MultiLineStrings; see `split_on_raster`, also for lines along an edge.
    crs
        CRS of the lines, in metres.

    Returns
    -------
    DataFrame
        One row per piece, in order along each line: ``line`` (label or position), ``length_m``, ``value``,
        ``class_code`` and ``state`` as of `sample`, so that `severities` can be asked about them too; but
        ``value`` is 0 where there is no data and the layer states that this means no hazard. The lengths of
        the pieces sum to the length of the line.

    Raises
    ------
    HazardError
        If the CRS is not in metres or not that of `lines`, or there is anything but finite lines.

    Examples
    --------
    >>> from mutualaid.hazards import split_on_layer
    >>> split_on_layer(layer, roads.geometry, crs="EPSG:32632")  # doctest: +SKIP
    """
    labels = labels_of(lines)
    (batch,) = split_in_batches(layer, lines, crs=crs, labels=labels, size=max(len(lines), 1))
    said = batch.said.take(batch.of).reset_index(drop=True)
    said.insert(0, "line", labels.take(batch.line))
    said.insert(1, "length_m", batch.length_m)
    return said


def split_in_batches(
    layer: HazardLayer,
    lines: Lines | Paths,
    *,
    crs: CRS | str,
    labels: pd.Index[Any] | None = None,
    size: int | None = None,
) -> Iterator[Batch]:
    """Split lines as `split_on_layer` does, so many at a time; at least one batch.

    `labels` name the lines in messages; their positions by default.
    """
    target = CRS.from_user_input(crs)
    _check_crs(lines, target)
    labels = pd.RangeIndex(len(lines)) if labels is None else labels
    plain = lines if isinstance(lines, Paths) else np.asarray(lines, dtype=object)
    split = _on_raster(layer) if layer.kind == "raster" else _on_vector(layer, plain, target)
    size = _LINES[layer.kind] if size is None else size
    for first in range(0, max(len(lines), 1), size):
        rows = slice(first, first + size)
        some = plain.part(rows) if isinstance(plain, Paths) else plain[rows]
        segments, local = _taken_to(layer, some, labels[rows], target)
        segment, share, of, said = split(local)
        yield Batch(first + segments.line[segment], share * segments.length[segment], of, said)


def overlay_roads(
    layer: HazardLayer,
    lines: Lines,
    *,
    crs: CRS | str,
    above: float = 0.0,
) -> pd.DataFrame:
    """Say how much of each line a hazard reaches, and how bad it is there.

    Parameters
    ----------
    layer, lines, crs
        As of `split_on_layer`.
    above
        Numbers above this one count as affected, all others as dry. Classes are affected if their severity is
        above 0, or, without a scheme, whatever their code.

    Returns
    -------
    DataFrame
        Index: the lines, all of them. ``length_m`` and what it is made of: ``affected_m``, ``dry_m``,
        ``unknown_m`` (inside the layer, but nobody knows) and ``outside_m``; ``worst`` and ``mean`` value (mean
        by length), over the known length alone, NaN if nothing is known, and for classes; ``severity`` (Int8),
        the worst by the layer's scheme, missing if nothing is known.

    Raises
    ------
    HazardError
        As of `split_on_layer`.

    Examples
    --------
    >>> from mutualaid.hazards import overlay_roads
    >>> overlay_roads(layer, roads.geometry, crs="EPSG:32632")["affected_m"].sum()  # doctest: +SKIP
    """
    labels = labels_of(lines)
    pieces = split_on_layer(layer, lines, crs=crs)
    line = labels.get_indexer(pd.Index(pieces["line"]))
    length_m, value = pieces["length_m"].to_numpy(), pieces["value"].to_numpy()
    outside = (pieces["state"] == "outside").to_numpy(bool)
    severity = _severity(layer, pieces)
    if layer.quantity != "class":
        known, hit = ~np.isnan(value), value > above
    elif layer.scheme:
        known, hit = ~np.isnan(severity), severity > 0
    else:
        hit = pieces["class_code"].notna().to_numpy(bool)
        known = hit | (value == 0)
    states = {
        "affected_m": hit,
        "dry_m": known & ~hit,
        "unknown_m": ~(known | outside),
        "outside_m": outside,
    }

    def summed(amount: Floats) -> Floats:
        return np.bincount(line, amount, minlength=len(labels)).astype(np.float64)

    def worst(amount: Floats) -> Floats:
        result = np.full(len(labels), -np.inf)
        np.fmax.at(result, line, amount)
        return np.where(np.isneginf(result), np.nan, result)

    if layer.quantity == "class":
        value = np.full(len(value), np.nan)
    measured_m = summed(np.where(np.isnan(value), 0.0, length_m))
    total = summed(np.where(np.isnan(value), 0.0, length_m * value))
    length = shapely.length(np.asarray(lines, dtype=object))
    return pd.DataFrame(
        {
            "length_m": np.where(np.isnan(length), 0.0, length),
            **{name: summed(np.where(state, length_m, 0.0)) for name, state in states.items()},
            "worst": worst(value),
            "mean": np.where(measured_m > 0, total / np.where(measured_m > 0, measured_m, 1.0), np.nan),
            "severity": pd.Series(worst(severity), index=labels).astype("Int8"),
        },
        index=labels,
    )


def road_effects(
    layer: HazardLayer,
    rule: Passability,
    lines: Lines,
    *,
    crs: CRS | str,
    free_flow_kph: float | pd.Series[Any],
    bridge: ArrayLike = False,
    tunnel: ArrayLike = False,
    covered: ArrayLike = False,
    unknown: Literal["passable", "closed"] = "passable",
) -> pd.DataFrame:
    """Say which roads a layer closes, and how much slower the others are: the layer, `affected`, `closures`.

    Parameters
    ----------
    layer, lines, crs
        As of `split_on_layer`.
    rule
        Of the layer's hazard and quantity, or of severities if the layer states a scheme; see `passability`.
    free_flow_kph, unknown
        As of `closures`.
    bridge, tunnel, covered
        One bool per line, or one for all; see `affected`.

    Returns
    -------
    DataFrame
        As of `closures`, one row per line.

    Raises
    ------
    HazardError
        If the rule does not speak of what the layer holds, or as of `split_on_layer` and `closures`.

    Examples
    --------
    >>> from mutualaid.hazards import passability, road_effects
    >>> effects = road_effects(
    ...     layer, passability("pregnolato-2017"), roads.geometry, crs=roads.crs, free_flow_kph=50.0,
    ...     bridge=roads["bridge"], tunnel=roads["tunnel"],
    ... )  # doctest: +SKIP
    """
    check_fit(layer, rule)
    labels = labels_of(lines)
    pieces = split_on_layer(layer, lines, crs=crs)
    if rule.quantity == "severity":
        pieces["value"] = _severity(layer, pieces)
    reached = np.broadcast_to(affected(bridge, tunnel, covered=covered, hazard=layer.hazard), len(labels))
    return closures(pieces, rule, free_flow_kph=free_flow_kph, roads=labels, exempt=~reached, unknown=unknown)


def _severity(layer: HazardLayer, pieces: pd.DataFrame) -> Floats:
    """(p,) severity by the layer's scheme, NaN where unknown."""
    if not layer.scheme or (layer.quantity != "class" and scheme(layer.scheme).needs_velocity):
        return np.full(len(pieces), np.nan)
    return severities(layer, pieces)["severity"].to_numpy(np.float64, na_value=np.nan)


def check_fit(layer: HazardLayer, rule: Passability) -> None:
    """Refuse a rule that speaks of something else than what the layer holds."""
    where, remedy = f"layer {layer.id}", "choose another rule; `passabilities` lists them"
    defects = []
    if layer.hazard not in rule.hazards:
        expected = f"one of {', '.join(rule.hazards)}, for {rule.id}"
        defects.append(Defect(layer.file.name, f"{where}, hazard", expected, layer.hazard, remedy))
    if rule.quantity != "severity" and (layer.quantity, layer.unit) != (rule.quantity, rule.unit):
        expected = f"{rule.quantity} in {rule.unit or 'no unit'}, for {rule.id}"
        got = f"{layer.quantity} in {layer.unit or 'no unit'}"
        defects.append(Defect(layer.file.name, f"{where}, quantity", expected, got, remedy))
    if rule.quantity == "severity" and (not layer.scheme or rule.scheme not in ("", layer.scheme)):
        expected = f"{rule.scheme or 'a scheme, for its severities'}, for {rule.id}"
        got = layer.scheme or "none"
        defects.append(Defect(layer.file.name, f"{where}, scheme", expected, got, remedy))
    if defects:
        raise HazardError(defects)


def _check_crs(lines: Lines | Paths, crs: CRS) -> None:
    defects = []
    if not crs.is_projected or any(axis.unit_name not in ("metre", "meter") for axis in crs.axis_info):
        remedy = "project the lines, to the region's CRS for example"
        defects.append(Defect("", "crs", "a projected CRS in metres", crs.to_string()[:80], remedy))
    stated = lines.crs if isinstance(lines, gpd.GeoSeries) else None
    if stated is not None and not stated.equals(crs, ignore_axis_order=True):
        got = stated.to_string()[:80]
        defects.append(Defect("", "crs", "the CRS of the lines", got, "give the CRS they are in"))
    if defects:
        raise HazardError(defects)


def _taken_to(
    layer: HazardLayer, lines: NDArray[np.object_] | Paths, labels: pd.Index[Any], crs: CRS
) -> tuple[Segments, Segments]:
    """Give the lines' segments twice: as they are, and with the coordinates of the layer."""
    segments = segments_of(lines, labels)
    if layer.crs.equals(crs, ignore_axis_order=True):
        return segments, segments
    segments = _straight(segments, lines)
    to_layer = Transformer.from_crs(crs, layer.crs, always_xy=True)

    def there(xy: Floats) -> Floats:
        return np.column_stack(to_layer.transform(*xy.T))

    # Most segments begin where the one before ends: no vertex is taken there twice.
    ends = np.append((segments.end[:-1] != segments.start[1:]).any(axis=1), True)[: len(segments.line)]
    start = in_threads(there, segments.start, least=20_000)
    end = np.empty_like(start)
    end[:-1] = start[1:]
    end[ends] = in_threads(there, segments.end[ends], least=20_000)
    # What has no place in the layer's CRS, such as a pole, is outside of the layer.
    lost = ~(np.isfinite(start) & np.isfinite(end)).all(axis=1)
    start[lost] = end[lost] = np.array(layer.bounds[:2]) - 1
    return segments, Segments(segments.line, start, end, segments.length)


def _straight(segments: Segments, lines: NDArray[np.object_] | Paths) -> Segments:
    """Cut long segments, so that each is as good as straight in any CRS."""
    long = np.unique(segments.line[segments.length > 0.999 * _STRAIGHT_M])
    if not len(long):
        return segments
    some = lines.lines(long) if isinstance(lines, Paths) else lines[long]
    cut = segments_of(shapely.segmentize(some, _STRAIGHT_M))
    parts = segments.take(~np.isin(segments.line, long)), replace(cut, line=long[cut.line])
    line, start, end, length = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("line", "start", "end", "length")
    )
    order = np.argsort(line, kind="stable")
    return Segments(line, start, end, length).take(order)


#: Of segments in a layer's CRS: segment, share of its length and row of what is said, of each piece in order.
_Split: TypeAlias = Callable[[Segments], tuple[NDArray[np.int64], Floats, NDArray[np.int64], pd.DataFrame]]


def _said(
    layer: HazardLayer, value: Floats, codes: pd.Series[Any], outside: NDArray[np.bool_]
) -> pd.DataFrame:
    known = ~np.isnan(value) | codes.notna().to_numpy(bool)
    state = np.select([known, ~outside], ["ok", "nodata"], "outside")
    if layer.nodata_means == "none":
        value = np.where(state == "nodata", 0.0, value)
    return pd.DataFrame({"value": value, "class_code": codes, "state": pd.Series(state, dtype="str")})


def _on_raster(layer: HazardLayer) -> _Split:
    assert layer.transform is not None
    assert layer.shape is not None
    transform, shape = layer.transform, layer.shape

    def split(
        segments: Segments,
    ) -> tuple[NDArray[np.int64], Floats, NDArray[np.int64], pd.DataFrame]:
        start, end = to_cells(segments, transform, shape)
        parts = list(_by_tile(layer, start, end, shape))
        found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        order = np.lexsort((found["t0"], found["segment"]))
        found = {name: values[order] for name, values in found.items()}
        # Few of the values differ, and each is put in words once. Bits are compared, as a code may be -0.
        number, bits = pd.factorize(found["value"].view(np.int64))
        value = np.repeat(bits.view(np.float64), 2)
        codes = pd.Series(np.full(len(value), None, dtype=object), dtype="str")
        if layer.quantity == "class":
            codes = class_codes(pd.Series(value))
        said = _said(layer, value, codes, np.tile([False, True], len(bits)))
        return found["segment"], found["t1"] - found["t0"], 2 * number + found["outside"], said

    return split


def _by_tile(
    layer: HazardLayer, start: Floats, end: Floats, shape: tuple[int, int]
) -> Iterator[dict[str, Any]]:
    """Give the pieces and their values tile by tile, first those outside all of them."""
    n_rows, n_columns = (-(-size // _TILE) for size in shape)
    coarse = pieces_on_cells(start / _TILE, end / _TILE, (n_rows, n_columns))
    outside = (coarse.row < 0) | (coarse.row >= n_rows) | (coarse.col < 0) | (coarse.col >= n_columns)
    yield {
        "segment": coarse.segment[outside],
        "t0": coarse.t0[outside],
        "t1": coarse.t1[outside],
        "value": np.full(outside.sum(), np.nan),
        "outside": np.ones(outside.sum(), np.bool_),
    }
    tile = coarse.row * n_columns + coarse.col
    order = np.flatnonzero(~outside)[np.argsort(tile[~outside], kind="stable")]
    for part in np.split(order, np.flatnonzero(np.diff(tile[order])) + 1) if len(order) else ():
        yield _in_tile(layer, start, end, shape, coarse, part)


def _in_tile(
    layer: HazardLayer,
    start: Floats,
    end: Floats,
    shape: tuple[int, int],
    coarse: Pieces,
    part: NDArray[np.int64],
) -> dict[str, Any]:
    """Cut parts of segments that lie on one tile at its cells, and read as much of it as they need."""
    of, t0, t1 = coarse.segment[part], coarse.t0[part], coarse.t1[part]
    fine = pieces_on_cells(_along(start[of], end[of], t0), _along(start[of], end[of], t1), shape)
    # Where a part begins at the edge of the tile, rounding may put it a hair before.
    top, left = int(coarse.row[part[0]]) * _TILE, int(coarse.col[part[0]]) * _TILE
    row, column = np.clip(fine.row, top, top + _TILE - 1), np.clip(fine.col, left, left + _TILE - 1)
    inside = (row < shape[0]) & (column < shape[1])
    value = np.full(len(row), np.nan)
    if inside.any():
        value[inside] = values_of(layer, row[inside], column[inside])
    share = (t1 - t0)[fine.segment]
    return {
        "segment": of[fine.segment],
        "t0": t0[fine.segment] + fine.t0 * share,
        "t1": t0[fine.segment] + fine.t1 * share,
        "value": value,
        "outside": ~inside,
    }


def _along(start: Floats, end: Floats, t: Floats) -> Floats:
    """Give points on segments, their ends exactly and what runs along an edge without leaving it."""
    return np.where((t == 1)[:, None], end, start + t[:, None] * (end - start))


def _on_vector(layer: HazardLayer, lines: NDArray[np.object_] | Paths, crs: CRS) -> _Split:
    reach = _reach(lines) if layer.crs.equals(crs, ignore_axis_order=True) else None
    frame = polygons(layer, reach, layer.crs)
    frame = frame.iloc[np.argsort(-ranks(layer, frame), kind="stable")]
    # The bounds come last, so that they hold what no polygon does; and then what is outside.
    areas = np.array([*frame.geometry, shapely.box(*layer.bounds)], object)
    value = np.append(frame["value"].to_numpy(np.float64), [np.nan, np.nan])
    codes = pd.Series([*frame["class_code"], None, None], dtype="str")
    said = _said(layer, value, codes, np.arange(len(value)) == len(areas))
    boxes = shapely.bounds(areas)
    edges = Edges(areas, reach, len(lines))

    def split(
        segments: Segments,
    ) -> tuple[NDArray[np.int64], Floats, NDArray[np.int64], pd.DataFrame]:
        holder = edges.of(segments.start, segments.end)
        near = holder == NEAR
        cut, t0, t1, polygon = _cut(segments, np.flatnonzero(near), areas, boxes)
        count = np.ones(len(holder), np.int64)
        count[near] = np.bincount(cut, minlength=len(holder))[near]
        segment, whole = np.repeat(np.arange(len(holder)), count), np.repeat(~near, count)
        share, of = np.ones(len(segment)), np.empty(len(segment), np.int64)
        share[~whole], of[~whole], of[whole] = t1 - t0, polygon, holder[~near]
        of[of < 0] = len(areas)
        return segment, share, of, said

    return split


def _reach(lines: NDArray[np.object_] | Paths) -> tuple[float, float, float, float] | None:
    """Bounds of all lines; None if there are none."""
    if not len(lines):
        return None
    if isinstance(lines, Paths):
        low = [axis.min(initial=np.inf) for axis in lines.xy.T]
        high = [axis.max(initial=-np.inf) for axis in lines.xy.T]
        bounds = np.array([*low, *high])
    else:
        bounds = shapely.total_bounds(lines)
    left, bottom, right, top = bounds.tolist()
    return (left, bottom, right, top) if np.isfinite(bounds).all() else None


def _cut(
    segments: Segments, which: NDArray[np.int64], areas: NDArray[np.object_], boxes: Floats
) -> tuple[NDArray[np.int64], Floats, Floats, NDArray[np.int64]]:
    """Cut some segments at the edges of polygons (with their boxes): as of `pieces_on_polygons`."""
    some = segments.take(which)
    low, high = np.minimum(some.start, some.end), np.maximum(some.start, some.end)
    low, high = low.min(axis=0, initial=np.inf), high.max(axis=0, initial=-np.inf)
    met = np.flatnonzero(((boxes[:, :2] <= high) & (boxes[:, 2:] >= low)).all(axis=1))
    segment, t0, t1, polygon = pieces_on_polygons(some, areas[met])
    return which[segment], t0, t1, np.append(met, -1)[polygon]
