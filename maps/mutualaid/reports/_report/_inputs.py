"""What a report is written from: files of a run, and what partners keep beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd

from mutualaid.data import Region

__all__ = ["ReportInputs"]


@dataclass(frozen=True, eq=False)
class ReportInputs:
    """Everything that a report says, before it is put into words.

    Attributes
    ----------
    summary
        ``summary.json``.
    record
        ``run.json``.
    folder
        The results: ``coverage.gpkg`` holds the layers for maps (some may be missing at a level that withholds).
    region
        What readers of the level may see of the region: ground, boundaries and stations for the maps.
    level
        ``own``, ``partners`` or ``public``.
    manifest
        What was withheld and left out, as `export_region` describes it; None at the level ``own``.
    comparison
        ``comparison.json``: what changed since an earlier run; None if that was not asked for.
    names
        Names of jurisdictions, partners and stations by language, where the data have them: text → language → name.
    difference
        The places of a comparison, for its map: see `Comparison.difference`; None without one.
    """

    summary: Mapping[str, Any]
    record: Mapping[str, Any]
    folder: Path
    region: Region
    level: str
    manifest: Mapping[str, Any] | None
    comparison: Mapping[str, Any] | None
    names: Mapping[str, Mapping[str, str]]
    difference: gpd.GeoDataFrame | None = None
