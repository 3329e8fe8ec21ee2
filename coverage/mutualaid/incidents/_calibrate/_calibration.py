"""From a record to speeds and delays, with how sure they are and how they do on drives they have not seen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.coverage import Analysis
from mutualaid.errors import Defect, IncidentError
from mutualaid.incidents._calibrate._delays import delays
from mutualaid.incidents._calibrate._fit import Prior
from mutualaid.incidents._calibrate._speeds import (
    Drives,
    Settled,
    drives_of,
    enough,
    folds_of,
    prior_of,
    settle,
)
from mutualaid.incidents._first_units import of_the_service, period
from mutualaid.incidents._intervals import quantile
from mutualaid.incidents._modelled import left_out, modelled
from mutualaid.incidents._results import Calibration
from mutualaid.network import ROAD_CLASSES

__all__ = ["LEAST_RUNS", "calibrate"]

#: Usable drives that a calibration needs.
LEAST_RUNS = 60
#: Shorter drives are mostly starting, stopping and the clock on the dashboard.
_SHORTEST_S = 20.0
_TOO_SHORT = "the drive is too short to learn from"
#: Half of the width of an interval in standard errors: more than 1.96, because the ways come from the same drives.
_Z = 2.1


def calibrate(
    analysis: Analysis, *, runs: pd.DataFrame | None = None, folds: int = 5, seed: int = 0
) -> Calibration:
    """Learn speeds by road class, the delay at junctions, and the delays before the wheels roll from a record.

    The drive from t3 to t4 is taken as the metres of each class by its speed, a delay at each junction of at least
    three streets, and what the crossings on the way cost. The way is the fastest at the speeds that come out: both are
    found in turn until neither changes. Stamps that are wrong do not matter as long as most are right: a drive far out
    of line counts nothing. What the record tells too little of stays as it was, and says so.

    Parameters
    ----------
    analysis
        The run; its profile is what was believed before.
    runs
        As `modelled` gives them, to use instead of every unit of the region's record.
    folds
        The drives are split at random into so many parts; each is predicted from the others, to see what the
        calibration is worth on drives that it has not seen. At least 2.
    seed
        Of that split.

    Returns
    -------
    Calibration
        Speeds are those of typical (median) drives; intervals (95 %) are those of a robust fit, for drives that miss
        independently of each other.

    Raises
    ------
    IncidentError
        If fewer than 60 drives are usable, if no class of road is driven often enough, or if `folds` is no number of
        parts.

    Notes
    -----
    The median of drives is fitted on a scale of factors, as the travel times of ambulances are spread (Budge,
    Ingolfsson, Zerom 2010, Management Science 56(4)), by Tukey's biweight from a start of least absolute errors.

    Examples
    --------
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.incidents import calibrate
    >>> learnt = calibrate(analyse(read_region(demo_path())))
    >>> bool(learnt.holdout["mae_s"]["after"] < learnt.holdout["mae_s"]["before"])
    True
    """
    runs = modelled(analysis, every_unit=True) if runs is None else runs
    short = runs["usable"] & ~((runs["modelled_s"] >= _SHORTEST_S) & (runs["observed_s"] >= _SHORTEST_S / 4))
    used = runs[(runs["usable"] & ~short).to_numpy(np.bool_)]
    lost = left_out(runs) | ({_TOO_SHORT: int(short.sum())} if short.any() else {})
    _check(used, lost, folds)
    drives = drives_of(analysis, used)
    prior = prior_of(analysis.fair.graph.profile)
    everything = np.arange(len(used), dtype=np.int64)
    before = drives.made(None, everything)
    if not enough(before, prior)[:-1].any():
        expected = "at least 20 drives and 3 km on one class of road"
        km = ", ".join(
            f"{name} {m / 1000:.1f} km"
            for name, m in zip(ROAD_CLASSES, before.class_m.sum(axis=0), strict=True)
            if m
        )
        raise IncidentError([Defect("", "incidents", expected, km or "none", "collect a longer record")])
    settled = settle(drives, everything, prior)
    vehicle = analysis.fair.graph.profile
    return Calibration(
        profile=vehicle.name,
        speeds=_speeds(settled, prior),
        junction=_junction(settled, prior),
        delays=delays(analysis.region),
        runs=len(used),
        left_out=lost,
        holdout=_holdout(drives, prior, before.total_s, folds, seed),
        seed=seed,
        notes=_notes(settled, prior, len(used)),
        vehicle=vehicle,
        record=_record(analysis),
    )


def _check(used: pd.DataFrame, lost: Mapping[str, int], folds: int) -> None:
    defects = []
    if len(used) < LEAST_RUNS:
        why = ", ".join(f"{count} × {reason}" for reason, count in lost.items())
        expected = f"at least {LEAST_RUNS} drives with station, place, t3 and t4"
        got = f"{len(used)}" + (f" (left out: {why})" if why else "")
        defects.append(
            Defect("", "incidents", expected, got, "collect a longer record, or complete its stamps")
        )
    if not isinstance(folds, int) or not 2 <= folds <= max(len(used), 2):
        defects.append(Defect("", "folds", "a number of parts of at least 2", repr(folds), "correct folds"))
    if defects:
        raise IncidentError(defects)


def _speeds(settled: Settled, prior: Prior) -> pd.DataFrame:
    made, fit = settled.made, settled.fit
    driven = ~np.isnan(prior.log_pace)
    free = settled.free[:-1]
    pace, error = fit.theta[:-1], fit.error[:-1]
    frame = pd.DataFrame(
        {
            "before_kph": 3.6 / np.exp(prior.log_pace),
            "kph": 3.6 / np.exp(np.where(free, pace, prior.log_pace)),
            "low_kph": np.where(free, 3.6 / np.exp(pace + _Z * error), math.nan),
            "high_kph": np.where(free, 3.6 / np.exp(pace - _Z * error), math.nan),
            "drives": (made.class_m > 0).sum(axis=0),
            "km": made.class_m.sum(axis=0) / 1000,
            "fitted": free,
        },
        index=pd.Index(ROAD_CLASSES, name="class"),
    )
    return frame[driven]


def _junction(settled: Settled, prior: Prior) -> dict[str, Any]:
    fit, free = settled.fit, bool(settled.free[-1])
    delay, error = float(fit.theta[-1]), float(fit.error[-1])
    return {
        "before_s": prior.delay_s,
        "s": delay if free else prior.delay_s,
        "low_s": max(delay - _Z * error, 0.0) if free else math.nan,
        "high_s": delay + _Z * error if free else math.nan,
        "fitted": free,
    }


def _holdout(
    drives: Drives, prior: Prior, before_s: NDArray[np.float64], folds: int, seed: int
) -> pd.DataFrame:
    """Errors on drives that a fit has not seen."""
    count = len(before_s)
    after_s = np.full(count, math.nan)
    for part in folds_of(count, folds, seed):
        others = np.setdiff1d(np.arange(count), part)
        after_s[part] = drives.made(settle(drives, others, prior).fit.theta, part).total_s
    rows = {}
    for name, model_s in (("before", before_s), ("after", after_s)):
        residual = drives.observed_s - model_s
        rows[name] = {
            "mean_s": float(residual.mean()),
            "median_s": float(np.median(residual)),
            "mae_s": float(np.abs(residual).mean()),
            "p90_abs_s": quantile(np.abs(residual), 0.9),
            "count": count,
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _notes(settled: Settled, prior: Prior, count: int) -> tuple[str, ...]:
    fit = settled.fit
    notes = [
        f"A typical drive misses its modelled time by {fit.sigma:.0%}; speeds are those of the median drive."
    ]
    if ignored := int((fit.weight == 0).sum()):
        notes.append(f"{ignored} of {count} drives are so far out of line that they count nothing.")
    kept = ~settled.free[:-1] & (settled.made.class_m.sum(axis=0) > 0)
    if kept.any():
        names = ", ".join(name for name, one in zip(ROAD_CLASSES, kept, strict=True) if one)
        notes.append(
            "These stay as they were, because few drives took them, or nearly all took the same stretch of them "
            f"together with others: {names}."
        )
    at_end = settled.free[:-1] & (np.abs(fit.theta[:-1] - prior.log_pace) >= prior.log_pace_reach - 1e-9)
    if at_end.any():
        names = ", ".join(name for name, one in zip(ROAD_CLASSES, at_end, strict=True) if one)
        notes.append(
            f"A third and three times the speed of before are the ends of what is believed: {names}."
        )
    if not settled.settled:
        notes.append("Speeds and fastest ways still took turns when the search was ended.")
    return tuple(notes)


def _record(analysis: Analysis) -> dict[str, Any]:
    """Where the calibration comes from."""
    rows = of_the_service(analysis.region)
    first, last = period(rows)
    return {
        "region": analysis.region.name,
        "service": analysis.region.parameters.service,
        "from": first,
        "to": last,
        "incidents": int(
            rows["incident"].where(rows["incident"] != "", rows.index.to_series().astype(str)).nunique()
        ),
    }
