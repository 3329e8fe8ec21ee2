"""What became of the calls of all repetitions at one level, and shares of them with their errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mutualaid.coverage import Standard, percentile_weighted
from mutualaid.incidents._busy._calls import Calls
from mutualaid.incidents._busy._kernel import Served
from mutualaid.incidents._busy._levels import LevelWays

__all__ = ["Tally", "numbers", "tally"]

Bool = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Tally:
    """Calls after the warm-up, one row each, and what units did.

    Attributes
    ----------
    repetition, place
        (calls,) of which repetition, and position of the demand point.
    response_s
        (calls,) on the standard's clock, waiting included where that runs from the alert or before; inf: nobody came.
    in_time, waited, lost, unreached, static
        (calls,) bool: see `BusyStudy`.
    busy_share, sent
        (repetitions, units) share of the time that each was out, and calls after the warm-up that it went to.
    """

    repetition: NDArray[np.int64]
    place: NDArray[np.int64]
    response_s: NDArray[np.float64]
    in_time: Bool
    waited: Bool
    lost: Bool
    unreached: Bool
    static: Bool
    busy_share: NDArray[np.float64]
    sent: NDArray[np.int64]


def tally(level: LevelWays, standard: Standard, repeats: Sequence[Calls], served: Sequence[Served]) -> Tally:
    """Put the repetitions of one level together."""
    limit_ms = round(1000 * standard.limit_s)
    first, last = level.ways.start[:-1], level.ways.start[1:]
    anyone = last > first
    soonest = np.full(len(anyone), np.iinfo(np.int64).max)
    soonest[anyone] = level.response_ms[first[anyone]]
    parts: list[tuple[NDArray[Any], ...]] = []
    busy_share, sent = [], []
    for number, (calls, one) in enumerate(zip(repeats, served, strict=True)):
        counted = calls.counted
        place, way, wait_s = calls.place[counted], one.way[counted], one.wait_s[counted]
        came = way >= 0
        response_ms = np.full(len(place), np.inf)
        # A limit on the travel alone does not run while people wait for the alert.
        waited_ms = np.rint(1000 * wait_s[came]) if standard.start <= "t2" else 0.0
        response_ms[came] = level.response_ms[way[came]] + waited_ms
        parts.append(
            (
                np.full(len(place), number),
                place,
                response_ms / 1000,
                response_ms <= limit_ms,
                anyone[place] & (wait_s > 0) & came,
                anyone[place] & ~came,
                ~anyone[place],
                soonest[place] <= limit_ms,
            )
        )
        length = calls.window_s[1] - calls.window_s[0]
        busy_share.append(one.busy_s / length if length > 0 else np.full(len(one.busy_s), np.nan))
        sent.append(np.bincount(one.unit[counted][came], minlength=len(one.busy_s)))
    pooled = [np.concatenate(column) for column in zip(*parts, strict=True)]
    columns = (*pooled, np.array(busy_share), np.array(sent))
    return Tally(*columns)


def numbers(of: Tally, alone: Tally | None, rows: Bool, repetitions: int) -> dict[str, float]:
    """Shares and percentiles of some calls; NaN where there is no call, or only one repetition and so no error."""
    count = int(rows.sum())
    response = of.response_s[rows]
    ones = np.ones(count)
    found: dict[str, float] = {"calls": count}
    found["in_time_share"], found["in_time_error"] = _share(
        of.in_time[rows], of.repetition[rows], repetitions
    )
    for share, name in ((0.5, "p50_s"), (0.9, "p90_s")):
        found[name] = percentile_weighted(response, ones, share)
    for name in ("waited", "lost", "unreached", "static"):
        found[f"{name}_share"] = float(getattr(of, name)[rows].mean()) if count else math.nan
    found["gain_share"], found["gain_error"] = math.nan, math.nan
    if alone is not None:
        more = of.in_time[rows].astype(np.float64) - alone.in_time[rows]
        found["gain_share"], found["gain_error"] = _share(more, of.repetition[rows], repetitions)
    return found


def _share(hits: NDArray[np.generic], repetition: NDArray[np.int64], repetitions: int) -> tuple[float, float]:
    """Hits for each call, and the standard error of that ratio of two sums over repetitions (Cochran 1977, 6.4)."""
    if not len(hits):
        return math.nan, math.nan
    calls = np.bincount(repetition, minlength=repetitions).astype(np.float64)
    sums = np.bincount(repetition, weights=hits.astype(np.float64), minlength=repetitions)
    share = float(sums.sum() / calls.sum())
    if repetitions < 2:
        return share, math.nan
    spread = float(((sums - share * calls) ** 2).sum()) * repetitions / (repetitions - 1)
    return share, math.sqrt(spread) / float(calls.sum())
