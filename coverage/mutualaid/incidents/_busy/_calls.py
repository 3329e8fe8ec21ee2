"""Calls of a simulation: drawn by their rates, or replayed from the record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.data import Region
from mutualaid.incidents._places import call_keys, calls, incident_places

__all__ = ["Calls", "Work", "drawn_calls", "replayed_calls", "work_times"]

#: Seconds from arrival until a unit can be sent again, where neither the record nor the user says: an assumption.
ASSUMED_WORK_S = 3600.0
#: From so many known times on, times are drawn from the record itself.
ENOUGH = 30
_LONGEST_S = 86_400.0
_HOUR = 3600.0


@dataclass(frozen=True, eq=False)
class Calls:
    """Calls of one repetition, in their order: seconds since it began, place, and work after the arrival."""

    at_s: NDArray[np.float64]
    place: NDArray[np.int64]
    work_s: NDArray[np.float64]
    window_s: tuple[float, float]

    @property
    def counted(self) -> NDArray[np.bool_]:
        """(calls,) bool: those after the warm-up."""
        return np.asarray(self.at_s >= self.window_s[0])


@dataclass(frozen=True, eq=False)
class Work:
    """How long units work: times of the record to draw from, or a mean of exponential times."""

    known_s: NDArray[np.float64]
    mean_s: float
    source: str

    def draw(self, number: int, random: np.random.Generator) -> NDArray[np.float64]:
        """Draw so many times."""
        if len(self.known_s):
            return self.known_s[random.integers(len(self.known_s), size=number)]
        return random.exponential(self.mean_s, number) if self.mean_s > 0 else np.zeros(number)


def _worked(rows: pd.DataFrame) -> pd.Series:
    """Seconds from arrival until the unit could be sent again; NaN where that is unknown or cannot be."""
    seconds = (rows["free"] - rows["t4"]).dt.total_seconds()
    return seconds.where((seconds >= 0) & (seconds <= _LONGEST_S))


def work_times(region: Region, service_s: float | None) -> Work:
    """Give the times from arrival until a unit can be sent again: as stated, else as recorded, else assumed."""
    if service_s is not None:
        return Work(np.empty(0), float(service_s), "stated; single calls vary around it exponentially")
    rows = region.incidents
    known = _worked(rows[rows["service"] == region.parameters.service]).dropna().to_numpy(np.float64)
    if len(known) >= ENOUGH:
        text = (
            f"drawn from the {len(known)} times in the record from arrival until the unit could be sent again"
        )
        return Work(known, float(known.mean()), text)
    text = (
        f"assumed: the record holds {len(known)} such times, and {ENOUGH} are needed; "
        "single calls vary around it exponentially"
    )
    return Work(np.empty(0), ASSUMED_WORK_S, text)


def drawn_calls(
    rates: NDArray[np.float64], work: Work, *, hours: float, warm_up_s: float, seed: int, number: int
) -> Calls:
    """Draw calls at random times (a Poisson process), for one repetition.

    The same seed and number give the same calls at each level and for each number of units.
    """
    random = np.random.default_rng([seed, number])
    end = warm_up_s + _HOUR * hours
    total = float(rates.sum())
    count = int(random.poisson(total * end))
    at_s = np.sort(random.uniform(0.0, end, count))
    heights = np.cumsum(rates)
    # The largest float below 1 times the sum could round up to it: nobody calls beyond the last place with a rate.
    place = np.searchsorted(heights, random.random(count) * heights[-1], side="right")
    last = int(np.flatnonzero(rates)[-1])
    place = np.minimum(place, last).astype(np.int64)
    return Calls(at_s, place, work.draw(count, random), (warm_up_s, end))


def replayed_calls(region: Region, work: Work, *, seed: int) -> tuple[Calls, Mapping[str, Any]]:
    """Give the calls of the record at their times and places, and how many could not be used.

    A call is worked on as long as the first unit was that came; where that is unknown, a time is drawn.
    """
    found = incident_places(region)
    usable = found["called"].notna() & found["demand"].notna()
    counts = {
        "replayed": int(usable.sum()),
        "without_time": int(found["called"].isna().sum()),
        "without_place": int((found["called"].notna() & found["demand"].isna()).sum()),
    }
    rows = calls(region)[usable.to_numpy()].assign(demand=found.loc[usable, "demand"])
    rows = rows.iloc[np.argsort(rows["called"].to_numpy(), kind="stable")]
    at_s = (rows["called"] - rows["called"].min()).dt.total_seconds().to_numpy(np.float64)
    place = region.demand.index.get_indexer(pd.Index(rows["demand"])).astype(np.int64)
    seconds = _first_worked(region).reindex(rows.index).to_numpy(np.float64)
    drawn = work.draw(len(rows), np.random.default_rng([seed, 0]))
    work_s = np.where(np.isnan(seconds), drawn, seconds)
    return Calls(at_s, place, work_s, (0.0, float(at_s[-1]) if len(at_s) else 0.0)), counts


def _first_worked(region: Region) -> pd.Series:
    """Work of the first unit that came to each incident, on the index of `calls`."""
    rows = region.incidents[region.incidents["service"] == region.parameters.service]
    key = call_keys(rows)
    order = rows.assign(key=key, worked=_worked(rows)).sort_values("t4", kind="stable", na_position="last")
    first = order[~order["key"].duplicated()].set_index("key")["worked"]
    once = key[~key.duplicated()]
    return pd.Series(first.reindex(once.to_numpy()).to_numpy(), index=once.index)
