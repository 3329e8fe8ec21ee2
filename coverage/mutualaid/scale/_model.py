"""What a run in tiles is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from mutualaid.coverage import FairRun, RiskResult, ScenarioResult, Standard
from mutualaid.data import Agreement, Region
from mutualaid.errors import Defect
from mutualaid.hazards import Layers
from mutualaid.network import Network

__all__ = ["TiledRun"]


@dataclass(frozen=True, eq=False)
class TiledRun:
    """Who reaches whom in a region that was computed in tiles: the numbers of `mutualaid.coverage.analyse`.

    Attributes
    ----------
    region, network, standard, local_standards, stations, demand, agreements, day, notes
        As of `mutualaid.coverage.Analysis`.
    coverage, coverage_local, gaps, layers, seams, risks, not_computed, summary
        The same: equal to those of a run in one piece.
    scenarios
        Result of each scenario, by id; read from `folder` whenever it is asked for, so that one at a time is held.
    tiles
        Index ``tile``: ``places``, ``population``, ``pairs`` (of station and place within the cutoff, in fair
        weather), ``seconds`` (of all its tasks), and the box round its places, in the CRS of the region.
    tile
        (places,) tile of each row of `demand`.
    fair_run
        What `analysis_of` goes on from.
    folder
        Where the results of tiles are; it belongs to the run as long as `scenarios` are read.
    """

    region: Region
    network: Network
    standard: Standard
    local_standards: Mapping[str, Standard]
    stations: gpd.GeoDataFrame
    demand: gpd.GeoDataFrame
    agreements: tuple[Agreement, ...]
    day: date
    notes: tuple[str, ...]
    coverage: gpd.GeoDataFrame
    coverage_local: gpd.GeoDataFrame
    gaps: gpd.GeoDataFrame
    layers: Layers
    seams: gpd.GeoDataFrame
    scenarios: Mapping[str, ScenarioResult]
    risks: tuple[RiskResult, ...]
    not_computed: tuple[Defect, ...]
    summary: dict[str, Any]
    tiles: gpd.GeoDataFrame
    tile: NDArray[np.int64]
    fair_run: FairRun
    folder: Path
