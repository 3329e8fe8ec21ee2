"""Who is in time now and was not before, place by place."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from mutualaid.coverage import LEVELS, levels

__all__ = ["CHANGES", "difference_layer", "difference_sums", "difference_table"]

#: What can become of a place: in time only now, only before, both times, neither time.
CHANGES: tuple[str, ...] = ("gained", "lost", "still", "still_not")


def difference_layer(
    before: gpd.GeoDataFrame | None, after: gpd.GeoDataFrame | None, places: gpd.GeoDataFrame
) -> gpd.GeoDataFrame:
    """Compare two coverages of the same places.

    Parameters
    ----------
    before, after
        As `mutualaid.coverage.coverage` gives them, on the index of `places`; None where nobody can come.
    places
        With ``population``, ``jurisdiction``, ``partner``.

    Returns
    -------
    GeoDataFrame
        On the index and geometry of `places`: those columns, ``cell_x`` and ``cell_y`` if they have them,
        ``status_before`` and ``status_after`` (see `mutualaid.coverage.coverage`), and for each level
        ``{level}_change`` (one of `CHANGES`), ``{level}_before_s`` and ``{level}_after_s`` (inf: nobody within
        the cutoff). Without an agreement in force, ``agreed`` is as ``alone``.
    """
    kept = [
        name
        for name in ("population", "jurisdiction", "partner", "cell_x", "cell_y")
        if name in places.columns
    ]
    out = gpd.GeoDataFrame(places[kept], geometry=places.geometry, crs=places.crs)
    for when, covered in (("before", before), ("after", after)):
        out[f"status_{when}"] = "gap" if covered is None else covered["status"].to_numpy()
    asked = sorted(
        {level for one in (before, after) if one is not None for level in levels(one)} or {"alone", "joint"},
        key=LEVELS.index,
    )
    for level in asked:
        inside, seconds = zip(*(_at(covered, level, len(places)) for covered in (before, after)), strict=True)
        was, now = inside
        out[f"{level}_change"] = np.select([now & ~was, was & ~now, was & now], CHANGES[:3], CHANGES[3])
        out[f"{level}_before_s"], out[f"{level}_after_s"] = seconds
    return out


def _at(covered: gpd.GeoDataFrame | None, level: str, n: int) -> tuple[Any, Any]:
    if covered is None:
        return np.zeros(n, dtype=np.bool_), np.full(n, np.inf)
    known = level if level in levels(covered) else "alone"
    return covered[f"{known}_covered"].to_numpy(), covered[f"{known}_s"].to_numpy()


def difference_sums(layer: gpd.GeoDataFrame) -> dict[str, dict[str, dict[str, float | int]]]:
    """Count the people and places of each change at each level."""
    people = layer["population"].to_numpy()
    found: dict[str, dict[str, dict[str, float | int]]] = {}
    for level in layer_levels(layer):
        change = layer[f"{level}_change"].to_numpy()
        found[level] = {
            word: {"people": math.fsum(people[change == word]), "places": int((change == word).sum())}
            for word in CHANGES
        }
    return found


def difference_table(layer: gpd.GeoDataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Sum the people of each change by jurisdiction and level.

    Parameters
    ----------
    layer
        As `difference_layer` gives it.
    names
        Name of each jurisdiction by id, in the order of the table.

    Returns
    -------
    DataFrame
        ``id``, ``name``, ``level`` and the people that are ``gained``, ``lost``, ``still``, ``still_not``.
    """
    rows = []
    for key, name in names.items():
        here = layer[layer["jurisdiction"] == key]
        for level, sums in difference_sums(here).items():
            rows.append(
                {"id": key, "name": name, "level": level} | {word: sums[word]["people"] for word in CHANGES}
            )
    return pd.DataFrame(rows, columns=["id", "name", "level", *CHANGES])


def layer_levels(layer: pd.DataFrame) -> Sequence[str]:
    """Levels that a layer compares."""
    return [level for level in LEVELS if f"{level}_change" in layer.columns]
