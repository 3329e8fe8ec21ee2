"""Who may answer calls at each level of cooperation, soonest first, as coverage without busy units has it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.coverage import Analysis, clock, levels
from mutualaid.incidents._busy._kernel import Ways

__all__ = ["LevelWays", "level_ways", "station_counts"]


@dataclass(frozen=True, eq=False)
class LevelWays:
    """Ways of one level.

    Attributes
    ----------
    ways
        Stations of each demand point.
    response_ms
        (rows,) milliseconds of each way on the standard's clock.
    """

    ways: Ways
    response_ms: NDArray[np.int64]


def station_counts(analysis: Analysis) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Units of each station, 1 where nobody said what it has, and whether that is known."""
    stated = analysis.stations["units"].to_numpy(np.float64)
    known = np.isfinite(stated)
    return np.where(known, np.nan_to_num(stated), 1.0).astype(np.int64), known


def level_ways(analysis: Analysis) -> dict[str, LevelWays]:
    """Work out who may answer calls at each place, by level.

    Eligible is who is so in `mutualaid.coverage.coverage`, in its order: by the standard's clock, own stations first,
    then as in the table. What an agreement lets come only where no own unit meets the standard looks at units that are
    free; units that must stay at home stay, where it is known how many there are.
    """
    asked = levels(analysis.coverage)
    joint = _rows(analysis, analysis.times)
    found = {"joint": _ways(analysis, joint, np.ones(len(joint), dtype=np.bool_))}
    today = joint if analysis.times_agreed is None else _rows(analysis, analysis.times_agreed)
    found["alone"] = _ways(analysis, today, today["own"].to_numpy())
    if "agreed" in asked:
        found["agreed"] = _ways(analysis, today, np.ones(len(today), dtype=np.bool_))
    return {level: found[level] for level in asked}


def _rows(analysis: Analysis, times: pd.DataFrame) -> pd.DataFrame:
    """Pairs in the order in which units are asked, with the rules for each."""
    stations, demand = analysis.stations, analysis.demand
    station, place = (
        times[name].cat.set_categories(table.index).cat.codes.to_numpy().astype(np.int64)
        for name, table in (("station", stations), ("demand", demand))
    )
    own = stations["partner"].to_numpy()[station] == demand["partner"].to_numpy()[place]
    response_ms = np.rint(clock(times, analysis.standard).to_numpy() * 1000).astype(np.int64)
    stay, subsidiary = np.zeros(len(times), dtype=np.int64), np.zeros(len(times), dtype=np.bool_)
    if "agreement" in times.columns:
        keeps = {one.id: one.home_cover_min for one in analysis.agreements}
        held = times["agreement"].astype(object).map(keeps).fillna(0).to_numpy(np.int64)
        stay = np.where(station_counts(analysis)[1][station], held, 0)
        subsidiary = times["subsidiary"].to_numpy(np.bool_)
    order = np.lexsort((station, ~own, response_ms, place))
    out_s = times[["dispatch_s", "turnout_s", "crossing_s", "drive_s"]].sum(axis=1).to_numpy()
    limit_ms = round(1000 * analysis.standard.limit_s)
    return pd.DataFrame(
        {
            "place": place,
            "station": station,
            "out_s": out_s,
            "response_ms": response_ms,
            "own": own,
            "stay": stay,
            "subsidiary": subsidiary,
            "own_in_time": own & (response_ms <= limit_ms),
        }
    ).iloc[order]


def _ways(analysis: Analysis, rows: pd.DataFrame, chosen: NDArray[np.bool_]) -> LevelWays:
    kept = rows[chosen]
    start = np.searchsorted(kept["place"].to_numpy(), np.arange(len(analysis.demand) + 1)).astype(np.int64)
    columns = ("station", "out_s", "stay", "subsidiary", "own_in_time")
    ways = Ways(start, *(np.ascontiguousarray(kept[name].to_numpy()) for name in columns))
    return LevelWays(ways, np.ascontiguousarray(kept["response_ms"].to_numpy()))
