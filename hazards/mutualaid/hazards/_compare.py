"""Whether the maps of several return periods fit together: each its own, and none with less when rarer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from mutualaid.hazards._model import HazardLayer
from mutualaid.hazards._rasters import read_cells, tiles

__all__ = ["compare_return_periods"]

_COLUMNS = ["frequent", "rare", "finding", "cells", "share", "message"]


def compare_return_periods(layers: Iterable[HazardLayer]) -> pd.DataFrame:
    """Compare the layers of one hazard and quantity, two return periods at a time.

    Parameters
    ----------
    layers
        Layers of any hazards. Those of the same hazard, quantity and jurisdiction with a return period are
        compared with each other; the others are left out.

    Returns
    -------
    DataFrame
        One row a finding; empty if all is well. ``frequent``, ``rare`` (ids of the two layers); ``finding``:
        ``same file`` (the content of the files is the same), ``same values`` (every cell is), ``less when rarer``
        (cells where the rarer map has a lower value, or none), ``not compared`` (not rasters on the same cells);
        ``cells`` and ``share`` (of the cells where the more frequent map has a value; missing where nothing was
        compared); ``message``.

    Examples
    --------
    >>> from mutualaid.hazards import compare_return_periods
    >>> compare_return_periods([])["finding"].tolist()
    []
    """
    groups: dict[tuple[str, str, str], list[HazardLayer]] = {}
    for layer in layers:
        if not np.isnan(layer.return_period_years):
            groups.setdefault((layer.hazard, layer.quantity, layer.jurisdiction), []).append(layer)
    rows = []
    for group in groups.values():
        ordered = sorted(group, key=lambda layer: layer.return_period_years)
        for frequent, rare in combinations(ordered, 2):
            if frequent.return_period_years < rare.return_period_years:
                rows += _compare(frequent, rare)
    return pd.DataFrame(rows, columns=_COLUMNS).astype({"cells": "Int64", "share": "float64"})


def _compare(frequent: HazardLayer, rare: HazardLayer) -> list[tuple[object, ...]]:
    pair = (frequent.id, rare.id)
    years = f"{frequent.return_period_years:g} and {rare.return_period_years:g} years"
    same_part = (frequent.band, frequent.layer, frequent.column) == (rare.band, rare.layer, rare.column)
    if same_part and _digest(frequent.file) == _digest(rare.file):
        message = (
            f"{frequent.file.name} and {rare.file.name} are the same file for {years}: get the missing map."
        )
        return [(*pair, "same file", None, np.nan, message)]
    comparable = (
        frequent.kind == rare.kind == "raster"
        and frequent.quantity != "class"
        and frequent.shape == rare.shape
        and frequent.crs == rare.crs
        and np.allclose(np.array(frequent.transform), np.array(rare.transform), rtol=1e-9, atol=1e-9)
    )
    if not comparable:
        message = (
            f"The maps of {years} are not rasters on the same cells; whether the rarer shows more is open."
        )
        return [(*pair, "not compared", None, np.nan, message)]
    known, less, different = _count(frequent, rare)
    share = less / known if known else np.nan
    if not different:
        files = f"{frequent.file.name} and {rare.file.name}"
        message = f"Every cell of {files} is the same for {years}: get the missing map."
        return [(*pair, "same values", 0, 0.0, message)]
    if not less:
        return []
    message = (
        f"{less} cells of {rare.file.name} have less than in the more frequent map ({years}): look again."
    )
    return [(*pair, "less when rarer", less, share, message)]


def _count(frequent: HazardLayer, rare: HazardLayer) -> tuple[int, int, bool]:
    """Cells with a value in the frequent map; of these with less in the rare one; whether any cell differs."""
    known = less = 0
    different = False
    assert frequent.shape is not None
    for tile in tiles(frequent.shape):
        one, two = read_cells(frequent, *tile), read_cells(rare, *tile)
        different = different or not np.array_equal(one, two, equal_nan=True)
        known += int((~np.isnan(one)).sum())
        # No data where there was water is less, unless it means that nobody looked.
        lost = np.isnan(two) & (one > 0) if rare.nodata_means == "none" else False
        less += int(((two < one) | lost).sum())
    return known, less, different


@cache
def _digest_of(path: Path, mtime_ns: int, size: int) -> str:  # noqa: ARG001 - what makes a file the same file
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _digest(path: Path) -> str:
    state = path.stat()
    return _digest_of(path, state.st_mtime_ns, state.st_size)
