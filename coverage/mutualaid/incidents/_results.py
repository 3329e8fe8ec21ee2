"""What comes out of a record of incidents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import pandas as pd

from mutualaid.coverage import Analysis
from mutualaid.network import Profile

__all__ = ["BusyStudy", "Calibration", "IncidentStudy"]


@dataclass(frozen=True, eq=False)
class Calibration:
    """What a record says about how fast units drive and how soon they leave.

    Attributes
    ----------
    profile
        The vehicle that was calibrated, by its name.
    speeds
        Index road class: ``before_kph``, ``kph``, ``low_kph``, ``high_kph`` (95 % interval), ``drives`` (runs that used
        it), ``km`` driven, and ``fitted`` (bool: the record was enough; else the speed stays as it was).
    junction
        Seconds at each junction: ``before_s``, ``s``, ``low_s``, ``high_s``, ``fitted``.
    delays
        One row a group: ``segment`` (``turnout_s``, ``dispatch_s``, ``answering_s``, ``processing_s``), ``group``
        (department type, or ""), ``hour`` (class, or "" for all), ``before_s``, ``s`` (median), ``low_s``, ``high_s``,
        ``p90_s``, ``count``, ``fitted``.
    runs, left_out
        Runs that were used; runs that were not, by reason.
    holdout
        Errors on runs that the fit did not see, before and after: ``mean_s`` (bias: observed less modelled),
        ``median_s``, ``mae_s``, ``p90_abs_s``, ``count``; index ``before``, ``after``.
    seed
        Of the draws.
    notes
        What must be known to use it.
    vehicle
        The vehicle as it was before.
    record
        What it was learnt from: ``region``, ``service``, ``from``, ``to``, ``incidents``.
    """

    profile: str
    speeds: pd.DataFrame
    junction: Mapping[str, Any]
    delays: pd.DataFrame
    runs: int
    left_out: Mapping[str, int]
    holdout: pd.DataFrame
    seed: int
    notes: tuple[str, ...]
    vehicle: Profile
    record: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class BusyStudy:
    """What is left of coverage when units are out on other calls.

    Attributes
    ----------
    levels
        Index cooperation level: ``calls`` (simulated), ``in_time_share`` with ``in_time_error`` (standard error),
        ``p50_s``, ``p90_s`` (response on the standard's clock), ``waited_share`` (no unit was free at the call),
        ``lost_share`` (no unit came: only where calls do not wait), ``unreached_share`` (no unit can come at all),
        ``static_share`` (in time if a unit were always at home, of the same calls), ``busy_share`` (of all units).
    places
        Index (level, jurisdiction): the same.
    units
        Index (level, unit): ``station``, ``partner``, ``busy_share``, ``busy_error``, ``calls_year``.
    calls_year
        Calls a year that were drawn or replayed.
    replications, hours, seed
        Of the simulation: repetitions, simulated hours of each, seed.
    assumed
        What was assumed, by name: service time, units of stations that state none …
    notes
        What must be known to read it.
    """

    levels: pd.DataFrame
    places: pd.DataFrame
    units: pd.DataFrame
    calls_year: float
    replications: int
    hours: float
    seed: int
    assumed: Mapping[str, Any]
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class IncidentStudy:
    """A record of incidents held against the model.

    Attributes
    ----------
    analysis
        The run that it is held against.
    performance
        Observed times against the standard; see `observed`.
    runs
        First units that came, one row an incident, with what the model says of the same drive; see `modelled`.
    fit
        Bias and spread of the model by jurisdiction, hour class and whether the unit is a neighbour's; see `model_fit`.
    gain
        Whether the record confirms what the model says of a joint team, by jurisdiction; see `gain_in_record`.
    calibration
        What can be learnt about speeds and delays; None where the record is too small, and `refused` says why.
    refused
        Why there is no calibration; empty if there is one.
    rates
        Calls a year to be expected at each demand point; see `call_rates`.
    calls
        Expected calls a year within the standard at each level; see `expected_calls`.
    busy
        Coverage when units are out; None if it was not asked for.
    counts
        Rows of the record by what became of them: every one is counted.
    notes
        What must be known to read it.
    """

    analysis: Analysis
    performance: pd.DataFrame
    runs: gpd.GeoDataFrame
    fit: pd.DataFrame
    gain: pd.DataFrame
    calibration: Calibration | None
    refused: str
    rates: pd.DataFrame
    calls: pd.DataFrame
    busy: BusyStudy | None
    counts: Mapping[str, int]
    notes: tuple[str, ...]
