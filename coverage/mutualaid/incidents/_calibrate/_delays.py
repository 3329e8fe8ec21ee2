"""What a record says of the time before the wheels roll."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.data import HOUR_CLASSES, Parameters, Region
from mutualaid.incidents._first_units import first_units, hour_class, of_the_service, seconds_between
from mutualaid.incidents._intervals import quantile, quantile_interval
from mutualaid.incidents._results import Calibration

__all__ = ["calibrated_parameters", "delays"]

#: A delay is taken over from at least so many incidents.
_LEAST = 20
#: Nobody takes longer, and nobody is sooner: stamps that say so are wrong.
_LONGEST_S = 3600.0
_DEPARTMENTS = ("career", "combination", "volunteer", "unknown")


def delays(region: Region) -> pd.DataFrame:
    """Answering, processing, turnout by department, and what a neighbour's alert takes longer, by the record.

    Returns
    -------
    DataFrame
        As `Calibration.delays`. The turnout is that of the first unit that each station sent to an incident. The
        dispatch delay runs from the alert of the first own crew to that of the neighbour's, where own units were
        alerted too; else it is what the neighbour's alert took longer after the call was answered (or received) than
        own alerts usually take.
    """
    parameters = region.parameters
    before = {**Parameters().turnout_s, **parameters.turnout_s}
    rows = []
    incidents = first_units(region)
    for segment, start, end in (("answering_s", "t0", "t1"), ("processing_s", "t1", "alerted")):
        seconds = seconds_between(incidents[start], incidents[end])
        rows.append(_row(segment, "", "", float(getattr(parameters, segment)), seconds))
    sent = _sent(region)
    turnout_s = seconds_between(sent["t2"], sent["t3"])
    for department, hour, chosen in _crews(sent):
        rows.append(_row("turnout_s", department, hour, float(before[department]), turnout_s[chosen]))
    rows.append(_row("dispatch_s", "", "", float(parameters.dispatch_s), _dispatch(sent, incidents)))
    columns = ["segment", "group", "hour", "before_s", "s", "low_s", "high_s", "p90_s", "count", "fitted"]
    return pd.DataFrame(rows, columns=columns)


def _crews(sent: pd.DataFrame) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """Departments that were sent; by the class of the hour where there is enough of it."""
    department, hour = sent["department"].to_numpy(), sent["hour"].to_numpy()
    known = (sent["t2"].notna() & sent["t3"].notna()).to_numpy()
    for name in _DEPARTMENTS:
        mine = department == name
        if not mine.any():
            continue
        yield name, "", mine
        for word in HOUR_CLASSES:
            if (mine & known & (hour == word)).sum() >= _LEAST:
                yield name, word, mine & (hour == word)


def _sent(region: Region) -> pd.DataFrame:
    """One row for each station that sent units to an incident: when its first was alerted, and when it left."""
    rows = of_the_service(region)
    known = rows["station"].isin(region.stations.index).to_numpy()
    rows = rows[known]
    whose = region.stations["jurisdiction"].map(region.jurisdictions["partner"])
    table = rows.assign(
        incident=rows["incident"].where(rows["incident"] != "", rows.index.to_series().astype(str)),
        department=rows["station"].map(region.stations["department"]),
        station_partner=rows["station"].map(whose),
        hour=hour_class(rows),
    )
    # The unit of a station that left first, so that alert and leaving are those of one crew.
    table = table.sort_values(["t3", "t2"], kind="stable", na_position="last")
    kept = ["incident", "station", "department", "station_partner", "hour", "t2", "t3"]
    return pd.DataFrame(table[kept].drop_duplicates(["incident", "station"]).sort_index())


def _dispatch(sent: pd.DataFrame, incidents: pd.DataFrame) -> NDArray[np.float64]:
    """Seconds by which the alert of each neighbour came later."""
    of = incidents.set_index("incident")
    host = sent["incident"].map(of["partner"])
    place_known = sent["incident"].map(of["jurisdiction"]) != "outside"
    foreign = sent[((sent["station_partner"] != host) & place_known).to_numpy()]
    at = of.reindex(foreign["incident"])
    alert = foreign["t2"].set_axis(at.index)
    out = seconds_between(at["own_alerted"], alert)
    for start in ("t1", "t0"):
        usual = seconds_between(incidents[start], incidents["own_alerted"])
        usual = usual[~np.isnan(usual)]
        if len(usual):
            took = seconds_between(at[start], alert) - float(np.median(usual))
            out = np.where(np.isnan(out), took, out)
    return out


def _row(
    segment: str, group: str, hour: str, before_s: float, seconds: NDArray[np.float64]
) -> dict[str, Any]:
    # A neighbour may be alerted before the own crew; no other segment can be negative.
    least = -_LONGEST_S if segment == "dispatch_s" else 0.0
    known = seconds[(seconds >= least) & (seconds <= _LONGEST_S)]
    low, high = quantile_interval(known)
    fitted = len(known) >= _LEAST
    median = float(np.median(known)) if len(known) else math.nan
    return {
        "segment": segment,
        "group": group,
        "hour": hour,
        "before_s": before_s,
        "s": max(median, 0.0) if fitted else before_s,
        "low_s": max(low, 0.0) if fitted else math.nan,
        "high_s": max(high, 0.0) if fitted else math.nan,
        "p90_s": quantile(known, 0.9) if fitted else math.nan,
        "count": len(known),
        "fitted": fitted,
    }


def calibrated_parameters(parameters: Parameters, calibration: Calibration) -> Parameters:
    """Take over the delays that a record was enough for; speeds are in the profile file.

    Parameters
    ----------
    parameters
        Those of the run. Where the record tells apart the classes of the hour, that of ``parameters.hour`` counts.
    calibration
        As `calibrate` gives it.

    Returns
    -------
    mutualaid.data.Parameters
        With ``answering_s``, ``processing_s``, ``dispatch_s`` and ``turnout_s`` by department of the record, where
        fitted. Stations that state a turnout keep their own.

    Examples
    --------
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.incidents import calibrate, calibrated_parameters
    >>> analysis = analyse(read_region(demo_path()))
    >>> parameters = calibrated_parameters(analysis.region.parameters, calibrate(analysis))
    >>> parameters.dispatch_s > analysis.region.parameters.dispatch_s
    True
    """
    table = calibration.delays
    table = table[table["fitted"].to_numpy(np.bool_)]
    found: dict[str, Any] = {}
    turnout_s = dict(parameters.turnout_s)
    # Those of the hour class come last and overwrite those of all hours.
    chosen = table[table["hour"].isin(["", parameters.hour])].sort_values("hour", kind="stable")
    for row in chosen.to_dict("records"):
        if row["segment"] == "turnout_s":
            turnout_s[row["group"]] = round(float(row["s"]), 1)
        else:
            found[row["segment"]] = round(float(row["s"]), 1)
    return replace(parameters, turnout_s=turnout_s, **found)
