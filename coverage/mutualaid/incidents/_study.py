"""A record of incidents held against the model in one call."""

from __future__ import annotations

from collections.abc import Callable

import geopandas as gpd
import numpy as np
import pandas as pd

from mutualaid.coverage import Analysis
from mutualaid.errors import Defect, IncidentError
from mutualaid.incidents._busy._study import busy_units
from mutualaid.incidents._calibrate._calibration import calibrate
from mutualaid.incidents._first_units import of_the_service
from mutualaid.incidents._gain import gain_in_record
from mutualaid.incidents._modelled import model_fit, modelled
from mutualaid.incidents._observed import observed
from mutualaid.incidents._rates import call_rates, expected_calls
from mutualaid.incidents._results import BusyStudy, Calibration, IncidentStudy

__all__ = ["incident_layer", "incident_study"]

#: A group of so few drives says nothing of its own.
_FEW = 20


def incident_study(
    analysis: Analysis,
    *,
    busy: bool = True,
    seed: int = 0,
    progress: Callable[[str, float], None] | None = None,
) -> IncidentStudy:
    """Hold the record of a region against its model, and learn from it what it has enough for.

    Parameters
    ----------
    analysis
        As `mutualaid.coverage.analyse` gives it, of a region with incidents.
    busy
        Whether to simulate units that are out.
    seed
        Of all draws.
    progress
        Called with a step in words and the share of the work that is done before it, 0…1.

    Returns
    -------
    IncidentStudy
        What the record is too small for is left out, and `refused` and `notes` say so.

    Raises
    ------
    IncidentError
        If the record holds no incident of the service.

    Examples
    --------
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.incidents import incident_study
    >>> study = incident_study(analyse(read_region(demo_path())), busy=False)
    >>> study.calibration is not None, study.refused
    (True, '')
    """
    tell = progress or _silent
    region = analysis.region
    if of_the_service(region).empty:
        expected = f"incidents of service {region.parameters.service}"
        got = f"{len(region.incidents)} rows of other services" if len(region.incidents) else "none"
        remedy = "add [incidents] to region.toml, or choose another service"
        raise IncidentError([Defect("", "incidents", expected, got, remedy)])
    tell("Holding the record against the standards", 0.0)
    local = analysis.local_standards if region.parameters.local_standards else None
    performance = observed(region, standard=analysis.standard, local_standards=local)
    tell("Driving as the units did", 0.15)
    runs = modelled(analysis)
    fit = model_fit(runs, seed=seed)
    gain = gain_in_record(analysis, runs, seed=seed)
    tell("Learning speeds and delays", 0.35)
    calibration: Calibration | None = None
    refused = ""
    try:
        calibration = calibrate(analysis, seed=seed)
    except IncidentError as error:
        refused = str(error)
    tell("Counting calls", 0.7)
    rates, calls, uncounted = _rates(analysis)
    study: BusyStudy | None = None
    if busy and not rates.empty:
        tell("Simulating units that are out", 0.75)
        study = busy_units(analysis, rates=rates, seed=seed)
    return IncidentStudy(
        analysis=analysis,
        performance=performance,
        runs=runs,
        fit=fit,
        gain=gain,
        calibration=calibration,
        refused=refused,
        rates=rates,
        calls=calls,
        busy=study,
        counts=_counts(analysis, runs),
        notes=_notes(analysis, runs, fit, gain, uncounted),
    )


def _silent(step: str, share: float) -> None:
    """Tell nobody."""


def _rates(analysis: Analysis) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Give expected calls and those in time; empty, with the reason, where the record says nothing of them."""
    try:
        rates = call_rates(analysis.region)
    except IncidentError as error:
        none = pd.DataFrame(columns=["calls", "years", "calls_year", "low", "high"], dtype=np.float64)
        index = pd.MultiIndex.from_arrays([[], []], names=["level", "jurisdiction"])
        return (
            none,
            pd.DataFrame(columns=["calls_year", "in_time", "share"], index=index, dtype=np.float64),
            str(error),
        )
    return rates, expected_calls(analysis, rates), ""


def _counts(analysis: Analysis, runs: pd.DataFrame) -> dict[str, int]:
    """Every row of the record, by what became of it."""
    rows = analysis.region.incidents
    of_service = of_the_service(analysis.region)
    found = {
        "compared with the model": int(runs["usable"].sum()),
        "not the first unit to come": len(of_service) - len(runs),
        "of another service": len(rows) - len(of_service),
    }
    lost = runs.loc[~runs["usable"], "reason"].value_counts()
    return found | {str(reason): int(lost[reason]) for reason in sorted(lost.index)}


def _notes(
    analysis: Analysis, runs: gpd.GeoDataFrame, fit: pd.DataFrame, gain: pd.DataFrame, uncounted: str
) -> tuple[str, ...]:
    notes = []
    whole = {
        name: float(fit[name]["all", ""]) for name in ("count", "median_s", "median_low_s", "median_high_s")
    }
    if whole["count"] >= _FEW and (whole["median_low_s"] > 0 or whole["median_high_s"] < 0):
        word = "too fast" if whole["median_s"] > 0 else "too slow"
        notes.append(
            f"The model is {word}: half of the drives took at least {abs(whole['median_s']):.0f} s "
            f"{'longer' if whole['median_s'] > 0 else 'less'} than modelled."
        )
    names = analysis.region.jurisdictions["name"]
    for verdict, words in (
        ("not_confirmed", "The record does not confirm the minutes that neighbours save by the model: "),
        ("too_few", "Neighbours came first too seldom to confirm what the model says of them: "),
    ):
        here = [str(names[one]) for one in gain.index if one and gain["verdict"][one] == verdict]
        if here:
            notes.append(words + ", ".join(here) + ".")
    if outside := int((runs["jurisdiction"] == "outside").sum()):
        notes.append(f"{outside} incidents lie outside all jurisdictions and count in none.")
    notes.append(
        "Where own units were out on other calls, neighbours saved more than this comparison can show: most records do "
        "not say who was out."
    )
    if uncounted:
        notes.append(f"Calls a year are not known: {uncounted}")
    return tuple(notes)


def incident_layer(study: IncidentStudy) -> gpd.GeoDataFrame:
    """Points for a map: each first unit with its observed and modelled drive.

    Parameters
    ----------
    study
        As `incident_study` gives it.

    Returns
    -------
    GeoDataFrame
        Index ``id``: ``incident``, ``unit``, ``station``, ``jurisdiction``, ``hour``, ``neighbour`` (text: ``own``,
        ``neighbour`` or ``unknown``), ``observed_s``, ``modelled_s``, ``residual_s`` (NaN where unknown), ``usable``
        and ``reason``.

    Examples
    --------
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.incidents import incident_layer, incident_study
    >>> layer = incident_layer(incident_study(analyse(read_region(demo_path())), busy=False))
    >>> bool(layer["residual_s"].median() > 0)
    True
    """
    runs = study.runs
    kept = [
        "incident", "unit", "station", "jurisdiction", "hour", "neighbour", "observed_s", "modelled_s", "residual_s",
        "usable", "reason", "geometry",
    ]  # fmt: skip
    layer: gpd.GeoDataFrame = runs[kept].copy()
    foreign = runs["neighbour"].astype("boolean")
    words = np.where(foreign.fillna(value=False), "neighbour", "own").astype(object)
    words[foreign.isna().to_numpy()] = "unknown"
    layer["neighbour"] = pd.array(words, dtype="str")
    layer.loc[~layer["usable"].to_numpy(np.bool_), ["modelled_s", "residual_s"]] = np.nan
    return layer
