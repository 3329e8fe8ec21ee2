"""Whether the record confirms what the model says of neighbours' help."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.coverage import Analysis, clock, levels, percentile_weighted, response_times
from mutualaid.incidents._first_units import seconds_between
from mutualaid.incidents._intervals import quantile, wilson
from mutualaid.incidents._observed import clock_seconds
from mutualaid.network import travel_times

__all__ = ["LEAST_JUDGED", "VERDICTS", "gain_in_record"]

#: Fewer incidents than this, to which a neighbour came first, decide nothing.
LEAST_JUDGED = 10
#: What the record can say of a modelled gain.
VERDICTS: tuple[str, ...] = ("confirmed", "not_confirmed", "too_few", "none_modelled")
#: Share of the modelled minutes that must surely have been saved.
_CONFIRMED = 0.5
_DRAWS = 1000
_TOTAL = ""


def gain_in_record(analysis: Analysis, runs: gpd.GeoDataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Hold the minutes that neighbours save by the model against those that they saved where they came.

    An incident to which a neighbour's unit came first is judged on the clock of the common standard: how much later
    would the own unit have come? Where an own unit came too, the record says so. Where none did, it is the modelled
    time of the own station first due there, and what own units were later than modelled elsewhere: the median of the
    own runs in the same jurisdiction if it has at least `LEAST_JUDGED`, else of all. Own units that were out on
    another call would have come later still, so that the record may show less than was really saved.

    Parameters
    ----------
    analysis
        The run; what it says of agreements in force counts, else of a joint team.
    runs
        As `modelled` gives them.
    seed
        Of the draws that the interval rests on.

    Returns
    -------
    DataFrame
        Index: jurisdictions of the region, and "" for all of them.

        * ``level``: ``agreed``, or ``joint`` where no agreement is in force;
        * ``closed_people``: people whom only that level brings into the standard; ``neighbour_people``: whose first due
          is a neighbour's; ``saved_s``: by how much sooner half of these are reached, by the model;
        * ``incidents``; ``first_neighbour``: to which a neighbour came first; ``judged``: of these, where it is sooner
          by the model too (elsewhere the own units were out, and nothing was promised), with a known time;
        * ``modelled_saved_s``, ``recorded_saved_s``: medians over the judged incidents; ``recorded_low_s``,
          ``recorded_high_s``: 95 % interval of the latter, from 1,000 draws of these incidents and of the own runs;
          inf where no own unit would have come within the drive-time cutoff;
        * ``realised_share``: recorded by modelled;
        * ``in_time_share`` with ``in_time_low_share``, ``in_time_high_share`` (Wilson), ``in_time_modelled_share``:
          judged incidents that the neighbour reached within the standard;
        * ``time_verdict``: ``confirmed`` if at least half of the modelled minutes were surely saved and the interval
          does not lie below all of them; ``in_time_verdict``: ``confirmed`` if the interval of the incidents in time
          does not lie below the modelled share; else ``not_confirmed``. ``verdict``: ``confirmed`` only if both are.
          All three are ``none_modelled`` where no neighbour is first due, ``too_few`` below `LEAST_JUDGED` judged ones.

    Notes
    -----
    In Sweden modelled times were further from the record where municipalities have formal agreements (Hassler,
    Granberg, Ceccato 2023, Fire Technology): a modelled gain is not a measured one.

    Examples
    --------
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.incidents import gain_in_record, modelled
    >>> analysis = analyse(read_region(demo_path()))
    >>> gain = gain_in_record(analysis, modelled(analysis))
    >>> "MC" in gain.index, bool((gain["judged"] <= gain["first_neighbour"]).all())
    (True, True)
    """
    level = "agreed" if "agreed" in levels(analysis.coverage) else "joint"
    limit_s = analysis.standard.limit_s
    table = _judged(analysis, runs)
    records = {}
    for name in [_TOTAL, *map(str, analysis.region.jurisdictions.index)]:
        covered = analysis.coverage
        here = table
        if name != _TOTAL:
            covered = covered[(covered["jurisdiction"] == name).to_numpy()]
            here = table[(table["jurisdiction"] == name).to_numpy()]
        own = here[here["own_residual_s"].notna().to_numpy()]
        if len(own) < LEAST_JUDGED:
            own = table[table["own_residual_s"].notna().to_numpy()]
        recorded = _recorded(here, own["own_residual_s"].to_numpy(np.float64), limit_s, seed)
        found: dict[str, Any] = {"level": level} | _modelled_gain(covered, level) | recorded
        records[name] = found | _verdicts(found)
    return pd.DataFrame.from_dict(records, orient="index").rename_axis("jurisdiction")


def _judged(analysis: Analysis, runs: gpd.GeoDataFrame) -> pd.DataFrame:
    """Observed and modelled seconds on the standard's clock, of the unit that came and of the own one first due."""
    rule = analysis.standard
    model = _responses(analysis, runs)
    rules = np.full(len(runs), rule, dtype=object)
    table = pd.DataFrame(
        {
            "jurisdiction": runs["jurisdiction"],
            "neighbour": runs["neighbour"],
            "observed_s": clock_seconds(runs, rules),
            "came_s": model["came_s"],
            "own_s": model["own_s"],
        },
        index=runs.index,
    )
    start = runs["alerted" if rule.start == "t2" else rule.start]
    # In an interval of travel alone the own unit's clock is its own, and the record of the first unit has none.
    own_seen = seconds_between(start, runs["own_t4"]) if rule.start != "t3" else math.nan
    table["own_seen_s"] = own_seen
    own = ~runs["neighbour"].fillna(value=True).to_numpy(np.bool_)
    table["own_residual_s"] = np.where(own, table["observed_s"] - table["came_s"], math.nan)
    return table


def _responses(analysis: Analysis, runs: gpd.GeoDataFrame) -> pd.DataFrame:
    """Modelled seconds on the standard's clock: of the station that came, and of the first own one; inf if none."""
    region, rule = analysis.region, analysis.standard
    stations = analysis.stations
    origins = stations[["road", "fraction"]].assign(status=stations["road_status"])
    places = runs[["road", "fraction"]].assign(status=runs["road_status"])
    drive = travel_times(analysis.fair.graph, origins, places, limit_s=region.parameters.cutoff_s)
    times = response_times(drive, stations, runs, region.parameters)
    station, place = (times[name].astype(object) for name in ("station", "demand"))
    helper = station.map(stations["partner"])
    host = place.map(runs["partner"])
    times["dispatch_s"] = _dispatch_s(analysis, helper, host, times["dispatch_s"])
    times["response_s"] = clock(times, rule)
    own = (helper == host).to_numpy()
    first = times[own].groupby(place[own])["response_s"].min()
    came = (station == place.map(runs["station"])).to_numpy()
    mine = pd.Series(times["response_s"].to_numpy()[came], index=pd.Index(place[came]))
    return pd.DataFrame(
        {"came_s": mine.reindex(runs.index), "own_s": first.reindex(runs.index).fillna(math.inf)}
    )


def _dispatch_s(analysis: Analysis, helper: pd.Series, host: pd.Series, general: pd.Series) -> pd.Series:
    """Seconds until a neighbour is alerted: those of the agreement by which it comes, else the general ones."""
    out = general.copy()
    for one in analysis.agreements:
        for giver, taker in one.pairs:
            out[((helper == giver) & (host == taker)).to_numpy()] = one.dispatch_s
    return out


def _modelled_gain(covered: pd.DataFrame, level: str) -> dict[str, float]:
    people = covered["population"].to_numpy(np.float64)
    closed = (covered[f"{level}_covered"] & ~covered["alone_covered"]).to_numpy(np.bool_)
    other = covered[f"{level}_partner"].notna() & (covered[f"{level}_partner"] != covered["partner"])
    there = other.to_numpy(np.bool_) & (people > 0)
    saved = (covered["alone_s"] - covered[f"{level}_s"])[there]
    median = percentile_weighted(saved, people[there], 0.5) if there.any() else math.nan
    return {
        "closed_people": math.fsum(people[closed]),
        "neighbour_people": math.fsum(people[there]),
        "saved_s": math.nan if median is None else median,
    }


def _recorded(
    here: pd.DataFrame, own_residual_s: NDArray[np.float64], limit_s: float, seed: int
) -> dict[str, Any]:
    first = here[here["neighbour"].fillna(value=False).to_numpy(np.bool_)]
    judged = first[(first["observed_s"].notna() & (first["came_s"] < first["own_s"])).to_numpy()]
    seen = judged["own_seen_s"].notna().to_numpy()
    n = len(judged)
    found: dict[str, Any] = {"incidents": len(here), "first_neighbour": len(first), "judged": n}
    modelled_s = (judged["own_s"] - judged["came_s"]).to_numpy(np.float64)
    own_s = np.where(seen, judged["own_seen_s"], judged["own_s"]).astype(np.float64)
    without = own_s - judged["observed_s"].to_numpy(np.float64)
    later = float(np.median(own_residual_s)) if len(own_residual_s) else 0.0
    recorded_s = np.where(seen, without, without + later)
    low, high = _interval(without, seen, own_residual_s, seed)
    saved, promised = quantile(recorded_s, 0.5), quantile(modelled_s, 0.5)
    return found | {
        "modelled_saved_s": promised,
        "recorded_saved_s": saved,
        "recorded_low_s": low,
        "recorded_high_s": high,
        "realised_share": saved / promised if math.isfinite(promised) and promised > 0 else math.nan,
        **_in_time(judged, limit_s),
    }


def _in_time(judged: pd.DataFrame, limit_s: float) -> dict[str, float]:
    """Judged incidents that the neighbour reached within the limit, by the record and by the model."""
    n = len(judged)
    observed, modelled = (
        int((np.rint(1000 * judged[name].to_numpy(np.float64)) <= round(1000 * limit_s)).sum())
        for name in ("observed_s", "came_s")
    )
    low, high = wilson(observed, n) if n else (math.nan, math.nan)
    return {
        "in_time_share": observed / n if n else math.nan,
        "in_time_low_share": low,
        "in_time_high_share": high,
        "in_time_modelled_share": modelled / n if n else math.nan,
    }


def _interval(
    without: NDArray[np.float64], seen: NDArray[np.bool_], own_residual_s: NDArray[np.float64], seed: int
) -> tuple[float, float]:
    """Interval of the median saving: of draws of the incidents, and of the own runs that what is unseen rests on."""
    n, m = len(without), len(own_residual_s)
    if n < 2:
        return -math.inf, math.inf
    rng = np.random.default_rng(seed)
    medians = np.empty(_DRAWS)
    for draw in range(_DRAWS):
        at = rng.integers(0, n, n)
        later = float(np.median(own_residual_s[rng.integers(0, m, m)])) if m else 0.0
        medians[draw] = np.sort(np.where(seen[at], without[at], without[at] + later))[(n - 1) // 2]
    low, high = np.sort(medians)[[int(0.025 * _DRAWS) - 1, int(0.975 * _DRAWS)]]
    return float(low), float(high)


def _verdicts(found: Mapping[str, Any]) -> dict[str, str]:
    """Say what the record makes of the minutes, of the incidents in time, and of both."""
    if found["neighbour_people"] <= 0 and found["closed_people"] <= 0:
        return dict.fromkeys(("time_verdict", "in_time_verdict", "verdict"), "none_modelled")
    if found["judged"] < LEAST_JUDGED:
        return dict.fromkeys(("time_verdict", "in_time_verdict", "verdict"), "too_few")
    promised = found["modelled_saved_s"]
    minutes = found["recorded_low_s"] > 0
    if math.isfinite(promised):
        minutes = found["recorded_low_s"] > _CONFIRMED * promised and found["recorded_high_s"] >= promised
    in_time = found["in_time_high_share"] >= found["in_time_modelled_share"]
    words = {True: "confirmed", False: "not_confirmed"}
    return {
        "time_verdict": words[bool(minutes)],
        "in_time_verdict": words[bool(in_time)],
        "verdict": words[bool(minutes and in_time)],
    }
