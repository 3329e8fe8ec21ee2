"""Severity of a raster's cells straight from the numbers in its file, without a text or a table row for each cell."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.hazards._crosswalk import severities
from mutualaid.hazards._model import HazardLayer
from mutualaid.hazards._providers import UNKNOWN
from mutualaid.hazards._rasters import RasterCells, Turn
from mutualaid.hazards._schemes import scheme
from mutualaid.hazards._units import decimal_float64
from mutualaid.hazards._vectors import class_codes

__all__ = ["coder"]

#: Types of cells whose numbers can be gone through in order, with the integer that holds the same bits.
_KEYS = {"float32": "int32", "float64": "int64", "int32": "int32", "uint32": "uint32"}


def coder(cells: RasterCells) -> Turn:
    """Give what turns cells as they are in the file, and their mask, into severities; `UNKNOWN` where unknown.

    Each number has the severity that `sample` and `severities` would give it. Where a type has few numbers each is
    looked up once; along measured numbers the steps are found once; other codes are looked up once a part.
    """
    layer, kind = cells.layer, cells.dtype
    nothing = _codes_of(layer, np.array([np.nan]))[0]
    code: Callable[[NDArray[Any]], NDArray[np.int8]]
    if kind.itemsize <= 2 and kind.kind in "iu":
        plain = np.dtype(f"u{kind.itemsize}")
        every = np.arange(2 ** (8 * kind.itemsize)).astype(plain).view(kind)
        table = _codes_of(layer, cells.canonical(every))
        code = lambda stored: table[stored.view(plain)]  # noqa: E731
    elif layer.quantity != "class" and cells.scale > 0 and kind.name in _KEYS:
        code = _Steps(cells, nothing)
    else:
        code = partial(_code_distinct, cells)

    def turn(stored: NDArray[Any], mask: NDArray[np.bool_] | None) -> NDArray[np.int8]:
        found = code(np.ascontiguousarray(stored))
        return found if mask is None else np.where(mask, found, nothing)

    return turn


def _code_distinct(cells: RasterCells, stored: NDArray[Any]) -> NDArray[np.int8]:
    distinct, position = np.unique(stored, return_inverse=True)
    return _codes_of(cells.layer, cells.canonical(distinct))[position].reshape(stored.shape)


def _codes_of(layer: HazardLayer, values: NDArray[np.float64]) -> NDArray[np.int8]:
    """Severity of values inside a layer, as `sample` and `severities` find it; `UNKNOWN` where unknown."""
    codes = pd.Series(pd.NA, index=range(len(values)), dtype="str")
    if layer.quantity == "class":
        codes = class_codes(pd.Series(values))
    state = np.where(np.isnan(values), "nodata", "ok")
    sampled = pd.DataFrame({"value": values, "class_code": codes, "state": pd.array(state, dtype="str")})
    return severities(layer, sampled)["severity"].to_numpy(dtype=np.int8, na_value=UNKNOWN)


class _Steps:
    """Severity as steps along the numbers that a file can hold.

    The unit, the rounding of float32 and the nodata value are worked into the numbers at which the severity
    changes, once and exactly, so that no cell needs more than a few comparisons.
    """

    def __init__(self, cells: RasterCells, nothing: np.int8) -> None:
        self.cells = cells
        self.nothing = nothing
        self.kind = cells.dtype
        layer = cells.layer
        with np.errstate(over="ignore"):
            starts = np.unique(np.concatenate([[self._ends()[0]], self._limits(), self._nodata_limits()]))
            numbers = self._numbers(starts)
            codes = _codes_of(layer, cells.canonical(numbers))
        changes = np.flatnonzero(np.diff(codes)) + 1
        self.limits, self.codes = numbers[changes], codes[np.append(0, changes)]

    def __call__(self, stored: NDArray[Any]) -> NDArray[np.int8]:
        step = np.zeros(stored.shape, np.uint8)
        for limit in self.limits:
            step += (stored >= limit).view(np.uint8)
        found: NDArray[np.int8] = self.codes[step]
        if self.kind.kind == "f" and self.codes[0] != self.nothing:
            found[np.isnan(stored)] = self.nothing
        return found

    def _limits(self) -> NDArray[np.int64]:
        """First number at or above, and above, each bound of a class."""
        plain = replace(self.cells, layer=replace(self.cells.layer, nodata=None))
        classes = scheme(self.cells.layer.scheme).classes
        bounds = np.unique(classes[["lo", "hi"]].to_numpy(np.float64))
        return self._first(plain.canonical, np.repeat(bounds, 2), np.tile([False, True], len(bounds)))

    def _nodata_limits(self) -> NDArray[np.int64]:
        """First number that means nodata, and first number beyond."""
        nodata = self.cells.layer.nodata
        if nodata is None or math.isnan(nodata):
            return np.empty(0, np.int64)
        width = 1e-6 * abs(nodata)
        return self._first(
            lambda stored: decimal_float64(stored) - nodata,
            np.array([-width, width]),
            np.array([False, True]),
        )

    def _first(
        self, measure: Any, bounds: NDArray[np.float64], beyond: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        """Find the first number whose measure, which rises with it, is at least (or above) each bound."""

        def reached(keys: NDArray[np.int64]) -> NDArray[np.bool_]:
            found: NDArray[np.float64] = measure(self._numbers(keys))
            return np.where(beyond, found > bounds, found >= bounds)

        first, last = self._ends()
        low, high = np.full(len(bounds), first), np.full(len(bounds), last)
        with np.errstate(invalid="ignore"):
            ever = reached(high)
            while (low < high).any():
                # The middle, rounded down, without a sum that would be too large.
                middle = (low & high) + ((low ^ high) >> 1)
                there = reached(middle)
                high, low = np.where(there, middle, high), np.where(there, low, np.minimum(middle + 1, high))
        return high[ever]

    def _ends(self) -> tuple[np.int64, np.int64]:
        if self.kind.kind != "f":
            return np.int64(np.iinfo(self.kind).min), np.int64(np.iinfo(self.kind).max)
        ends = self._keys(np.array([-np.inf, np.inf], self.kind))
        return ends[0], ends[1]

    def _keys(self, numbers: NDArray[Any]) -> NDArray[np.int64]:
        bits = numbers.view(_KEYS[self.kind.name])
        return np.where(bits < 0, bits ^ np.iinfo(bits.dtype).max, bits).astype(np.int64)

    def _numbers(self, keys: NDArray[np.int64]) -> NDArray[Any]:
        """Numbers by their place in the order of all numbers of the type: the inverse of `_keys`."""
        bits = keys.astype(_KEYS[self.kind.name])
        if self.kind.kind != "f":
            return bits
        return np.where(bits < 0, bits ^ np.iinfo(bits.dtype).max, bits).view(self.kind)
