"""Roads that close by chance: who is reached how often."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.coverage._coverage import within
from mutualaid.coverage._exact import Terms, rounded
from mutualaid.coverage._ready import Ready, lead_s
from mutualaid.coverage._today import level_times
from mutualaid.data import HazardScenario
from mutualaid.hazards import sample_closures
from mutualaid.network import RouteGraph, reweighted

__all__ = ["Closures", "closures", "counted", "drawn"]


@dataclass(frozen=True, eq=False)
class Closures:
    """Which roads close in each draw.

    Attributes
    ----------
    road
        Roads that close by chance, ascending.
    bits
        (draws, roads) bool, packed along the draws as `numpy.packbits` does.
    draws
        Number of draws.
    """

    road: NDArray[np.int64]
    bits: NDArray[np.uint8]
    draws: int

    def on(self, roads: NDArray[np.int64]) -> Closures:
        """Give the closures of some roads, ascending, which are numbered anew."""
        _, mine, at = np.intersect1d(self.road, roads, assume_unique=True, return_indices=True)
        return Closures(at, self.bits[:, mine], self.draws)

    def closed(self) -> NDArray[np.bool_]:
        """(draws, roads) bool."""
        return np.unpackbits(self.bits, axis=0, count=self.draws).astype(np.bool_)


def closures(probability: pd.Series, shut: NDArray[np.bool_], scenario: HazardScenario) -> Closures | None:
    """Draw which roads close, each by itself; None if no probability is above 0. `shut` are closed anyway."""
    if not probability.gt(0).any():
        return None
    chance = probability.fillna(0.0).to_numpy()
    # A road that is closed somewhere still serves the houses at its open ends, until all of it is closed.
    risky = np.flatnonzero((chance > 0) & ~shut)
    closed = sample_closures(chance, scenario.draws, scenario.seed, roads=risky)
    return Closures(risky, np.packbits(closed, axis=0), scenario.draws)


def drawn(
    ready: Ready,
    hazard: Callable[[RouteGraph], RouteGraph],
    origins: pd.DataFrame,
    places: pd.DataFrame,
    stations: pd.DataFrame,
    chance: Closures,
    *,
    threads: int | None = None,
) -> dict[str, NDArray[np.uint8]]:
    """Find by level whether each place is reached within the standard in each draw: bits as of `HazardComputed`.

    `hazard` gives what is left of roads without those that close by chance. Equal draws are computed once.
    """
    kinds, kind = np.unique(chance.closed(), axis=0, return_inverse=True)
    limit_s = _useful_drive_s(ready, stations)
    reached: dict[str, list[NDArray[np.uint8]]] = {}
    for closed in kinds:
        road = chance.road[closed]
        start, end = (_off_closed(table, road) for table in (origins, places))
        times, agreed = level_times(
            ready.graph, ready.today, start, end, ready.stations, ready.demand, ready.parameters, limit_s,
            change=partial(_closed, hazard, road), delay_s=stations["delay_s"].to_numpy(), threads=threads,
        )  # fmt: skip
        for level, now in within(times, ready.demand, ready.stations, ready.standard, agreed=agreed).items():
            reached.setdefault(level, []).append(np.packbits(now))
    return {level: _by_place(np.array(bits), kind.ravel(), len(places)) for level, bits in reached.items()}


def _by_place(bits: NDArray[np.uint8], kind: NDArray[np.intp], n: int) -> NDArray[np.uint8]:
    """Turn bits of places, a row for each kind of draw, into bits of draws, a row for each place."""
    found = np.zeros((n, -(-len(kind) // 8)), dtype=np.uint8)
    for column in range(found.shape[1]):  # eight draws at a time, so that bits stay bits
        eight = np.unpackbits(bits[kind[8 * column : 8 * column + 8]], axis=1, count=n)
        found[:, column] = np.packbits(eight, axis=0)[0]
    return found


def counted(
    drawn: Mapping[str, NDArray[np.uint8]], draws: int, people: NDArray[np.float64]
) -> tuple[dict[str, NDArray[np.float64]], pd.DataFrame]:
    """Give how often each place is reached and with what error, and how many people are in each draw, by level."""
    terms, everybody = Terms.of(people), np.zeros(len(people), dtype=np.int64)
    found: dict[str, NDArray[np.float64]] = {}
    table: dict[str, NDArray[np.float64]] = {}
    for level, bits in drawn.items():
        hits, sums = np.zeros(len(people)), []
        for column in range(bits.shape[1]):  # eight draws at a time, so that bits stay bits
            eight = np.unpackbits(bits[:, [column]], axis=1, count=min(8, draws - 8 * column))
            hits += eight.sum(axis=1)
            for reached in eight.T.astype(np.bool_):
                sums += rounded(terms.table(everybody, 1, reached), terms.lowest)
        share = hits / draws
        found[f"{level}_probability"] = share
        found[f"{level}_error"] = np.sqrt(share * (1 - share) / draws)
        table[level] = np.array(sums)
    frame = pd.DataFrame(table)
    frame.index.name = "draw"
    return found, frame


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


def _useful_drive_s(ready: Ready, stations: pd.DataFrame) -> float:
    """Longest drive that can still be within the standard: what is longer need not be searched."""
    turnout_s = ready.stations["turnout_used_s"].to_numpy() + stations["delay_s"].to_numpy()
    left_s = ready.standard.limit_s - lead_s(ready, float(turnout_s.min()))
    return float(min(max(left_s, 0.0) + 1.0, ready.parameters.cutoff_s))
