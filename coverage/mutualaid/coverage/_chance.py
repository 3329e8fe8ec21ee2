"""Roads that close by chance: who is reached how often."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.coverage._coverage import levels, within
from mutualaid.coverage._fair import FairWeather, lead_s
from mutualaid.coverage._today import level_times
from mutualaid.data import HazardScenario
from mutualaid.hazards import sample_closures
from mutualaid.network import RouteGraph, reweighted

__all__ = ["drawn"]


def drawn(
    fair: FairWeather,
    hazard: Callable[[RouteGraph], RouteGraph],
    origins: pd.DataFrame,
    places: pd.DataFrame,
    stations: pd.DataFrame,
    roads: pd.DataFrame,
    shut: NDArray[np.bool_],
    scenario: HazardScenario,
) -> tuple[dict[str, NDArray[np.float64]], pd.DataFrame]:
    """Draw closures, and give how often each place is reached within the standard, by level.

    `hazard` gives what is left of roads without those that close by chance. Each road is drawn by itself. Equal draws
    are computed once.
    """
    chance = roads["probability"].fillna(0.0).to_numpy()
    # A road that is closed somewhere still serves the houses at its open ends, until all of it is closed.
    risky = np.flatnonzero((chance > 0) & ~shut)
    closed = sample_closures(chance, scenario.draws, scenario.seed, roads=risky)
    kinds, kind, count = np.unique(closed, axis=0, return_inverse=True, return_counts=True)
    limit_s = _useful_drive_s(fair, stations)
    asked = levels(fair.coverage)
    hits = {level: np.zeros(len(places)) for level in asked}
    people = {level: np.zeros(len(kinds)) for level in asked}
    weight = fair.demand["population"].to_numpy()
    for number, (shut, repeats) in enumerate(zip(kinds, count, strict=True)):
        change = partial(_closed, hazard, risky[shut])
        start, end = (_off_closed(table, risky[shut]) for table in (origins, places))
        times, agreed = level_times(
            fair.graph, fair.today, start, end, fair.stations, fair.demand, fair.parameters, limit_s,
            change=change, delay_s=stations["delay_s"].to_numpy(),
        )  # fmt: skip
        covered = within(times, fair.demand, fair.stations, fair.standard, agreed=agreed)
        for level in asked:
            hits[level] += repeats * covered[level]
            people[level][number] = math.fsum(weight[covered[level]])
    table = pd.DataFrame({level: people[level][kind.ravel()] for level in asked})
    table.index.name = "draw"
    found: dict[str, NDArray[np.float64]] = {}
    for level in asked:
        share = hits[level] / scenario.draws
        found[f"{level}_probability"] = share
        found[f"{level}_error"] = np.sqrt(share * (1 - share) / scenario.draws)
    return found, table


def _closed(
    hazard: Callable[[RouteGraph], RouteGraph], roads: NDArray[np.int64], base: RouteGraph
) -> RouteGraph:
    """Give what is left of the roads if some more are closed."""
    left = hazard(base)
    drive_ms = left.drive_ms.astype(np.int64)
    drive_ms[(2 * roads[:, None] + np.array([0, 1])).ravel()] = -1
    return reweighted(left, drive_ms)


def _off_closed(places: pd.DataFrame, closed: NDArray[np.int64]) -> pd.DataFrame:
    """Places from which nobody can leave along a closed road: where on it the closure is, nobody knows."""
    on = places["road"].isin(closed)
    shares = {name: places[name].mask(on, np.inf) for name in ("share_a", "share_b")}
    return places.assign(stretch=places["stretch"].mask(on, -1), **shares)


def _useful_drive_s(fair: FairWeather, stations: pd.DataFrame) -> float:
    """Longest drive that can still be within the standard: what is longer need not be searched."""
    turnout_s = fair.stations["turnout_used_s"].to_numpy() + stations["delay_s"].to_numpy()
    left_s = fair.standard.limit_s - lead_s(fair, float(turnout_s.min()))
    return float(min(max(left_s, 0.0) + 1.0, fair.parameters.cutoff_s))
