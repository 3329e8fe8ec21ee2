"""Levels that a frame of coverage holds, what its places count as at each, and how many people that are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.maps._palette import (
    AGREED_SCENARIO_STATUSES,
    AGREED_STATUSES,
    SCENARIO_STATUSES,
    STATUSES,
    Status,
)

if TYPE_CHECKING:
    from mutualaid.coverage import Analysis

__all__ = ["HIGH", "LEVELS", "bands", "counted", "levels", "partner_names", "place_status", "statuses"]

LEVELS = ("alone", "agreed", "joint")
#: Severity from which on a hazard is called high.
HIGH = 4


def levels(columns: Iterable[object]) -> tuple[str, ...]:
    """Levels of cooperation that a frame with these columns holds; ``agreed`` only where an agreement is in force."""
    found = set(columns)
    return tuple(level for level in LEVELS if f"{level}_covered" in found)


def partner_names(analysis: Analysis) -> dict[str, str]:
    """Name each partner as people do: the jurisdiction of that id, if there is one."""
    names = analysis.region.jurisdictions["name"].to_dict()
    partners = pd.unique(
        pd.concat([analysis.region.jurisdictions["partner"], analysis.stations["partner"]]).dropna()
    )
    return {partner: str(names.get(partner, partner)) for partner in partners}


# --- statuses ------------------------------------------------------------------------------------------------


def statuses(columns: Iterable[object], *, hazard: bool) -> tuple[Status, ...]:
    """Statuses that places of a frame with these columns may have, in fair weather or under a hazard."""
    if "agreed" in levels(columns):
        return AGREED_SCENARIO_STATUSES if hazard else AGREED_STATUSES
    return SCENARIO_STATUSES if hazard else STATUSES


def place_status(covered: gpd.GeoDataFrame, *, hazard: bool) -> NDArray[np.int64]:
    """Position of each place in `statuses`."""
    asked = levels(covered.columns)
    rows = [
        tuple(getattr(row, f"{level}_label") for level in asked)
        for row in statuses(covered.columns, hazard=hazard)
    ]
    labels = [_labels(covered, level, hazard=hazard) for level in asked]
    return pd.MultiIndex.from_tuples(rows).get_indexer(pd.MultiIndex.from_arrays(labels)).astype(np.int64)


def _labels(covered: gpd.GeoDataFrame, level: str, *, hazard: bool) -> NDArray[np.str_]:
    """Name what each place counts as at a level, as the legend does."""
    reached, own = covered[f"{level}_covered"], covered["alone_covered"]
    today = "agreed_covered" in covered.columns
    gap = "gap" if level == "joint" else f"gap_{level}"
    chosen = [(covered["status"] == "unreachable", "unreachable")]
    if hazard:
        high = covered["severity"].fillna(0) >= HIGH
        chosen += [
            (~reached & covered[f"fair_{level}_covered"], f"lost_{level}"),
            (~reached & high, gap.replace("gap", "gap_high")),
            (~reached, f"{gap}_hazard"),
        ]
    chosen += [(~reached, gap), (own, "own")]
    if hazard:
        chosen.append((covered["fair_alone_covered"], "held"))
    if today:
        chosen.append((covered["agreed_covered"], "agreed_only"))
    conditions = [np.asarray(mask, dtype=np.bool_) for mask, _ in chosen]
    return np.select(conditions, [label for _, label in chosen], "joint_more" if today else "joint_only")


# --- people --------------------------------------------------------------------------------------------------


def bands(covered: gpd.GeoDataFrame, level: str, edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """Response band of each place; last come reached by nobody, and no road."""
    seconds = covered[f"{level}_s"].to_numpy()
    late = len(edges) + np.where(covered["status"] == "unreachable", 2, 1)
    found = np.where(np.isfinite(seconds), np.searchsorted(edges, seconds, side="left"), late)
    return found.astype(np.int64)


def counted(
    covered: gpd.GeoDataFrame, edges: NDArray[np.float64], partners: Mapping[str, str], *, hazard: bool
) -> dict[str, Any]:
    """Count people for the legend.

    Parameters
    ----------
    covered
        Coverage, in fair weather or under a hazard.
    edges
        Upper edges of the response bands.
    partners
        Names of the partners, in their order on the map.
    hazard
        Whether it is under a hazard.

    Returns
    -------
    dict
        ``status``: people in each of `statuses`; and by level: ``bands``, people in each response band; ``who``: people
        to whom the first unit comes from each partner, at home and abroad in turn, then those to whom nobody comes,
        and those whom no road reaches.
    """
    population = covered["population"].to_numpy()
    asked = levels(covered.columns)

    def count(codes: NDArray[np.int64], length: int) -> list[float]:
        found: list[float] = np.bincount(codes, weights=population, minlength=length).tolist()
        return found

    return {
        "status": count(place_status(covered, hazard=hazard), len(statuses(covered.columns, hazard=hazard))),
        "bands": {level: count(bands(covered, level, edges), len(edges) + 3) for level in asked},
        "who": {
            level: count(_who(covered, level, pd.Index(list(partners))), 2 * len(partners) + 2)
            for level in asked
        },
    }


def _who(covered: gpd.GeoDataFrame, level: str, partners: pd.Index) -> NDArray[np.int64]:
    """Twice the position of the partner that is first due, and one more where it is abroad."""
    first = partners.get_indexer(pd.Index(covered[f"{level}_partner"]))
    abroad = first != partners.get_indexer(pd.Index(covered["partner"]))
    nobody = 2 * len(partners) + (covered["status"] == "unreachable")
    return np.where(first < 0, nobody, 2 * first + abroad).astype(np.int64)
