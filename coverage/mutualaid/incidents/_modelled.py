"""Drives as they were recorded, against the same drives as the model has them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.coverage import Analysis
from mutualaid.incidents._first_units import UNKNOWN, all_units, first_units, seconds_between
from mutualaid.incidents._intervals import mean_interval, quantile, quantile_interval
from mutualaid.incidents._observed import in_order
from mutualaid.network import snap, travel_times

__all__ = ["drive_table", "left_out", "model_fit", "modelled", "snapped_stations"]


def modelled(analysis: Analysis, *, every_unit: bool = False) -> gpd.GeoDataFrame:
    """Put the drive of each first unit that came beside what the model says of the same drive.

    The model drives the fastest way from the unit's station to the place of the incident, as a joint team does; that
    the unit was on the road already when it was sent is not in most records.

    Parameters
    ----------
    analysis
        With a region that has incidents.
    every_unit
        Give every unit that was sent, not only the first of each incident. Of several the first to come is more often
        than not one that drove fast: what is learnt of speeds must rest on all of them.

    Returns
    -------
    GeoDataFrame
        One row an incident of the service, index: row of the record; what `Region.incidents` holds of it, and

        * ``jurisdiction``, ``partner`` (of the place), ``station_partner``, ``department``, ``neighbour`` (boolean),
          ``hour`` (class), ``units`` (rows of the incident);
        * ``observed_s``: t3 to t4; ``drive_s`` and ``crossing_s``: the model's drive and its delay at crossings;
          ``modelled_s``: both; ``residual_s``: observed less modelled; ``ratio``: observed by modelled; NaN where
          unknown;
        * ``road``, ``fraction``, ``road_status``: the place on the road (see `mutualaid.network.snap`);
        * ``usable`` (bool) and ``reason``: why not ("" if usable).

    Examples
    --------
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.incidents import modelled
    >>> runs = modelled(analyse(read_region(demo_path())))
    >>> bool((runs["usable"] == (runs["reason"] == "")).all())
    True
    """
    region = analysis.region
    rows = all_units(region) if every_unit else first_units(region)
    places = snap(analysis.network, rows.geometry, max_m=region.parameters.snap_m, graph=analysis.fair.graph)
    rows = rows.join(places[["road", "fraction", "status"]].rename(columns={"status": "road_status"}))
    drive = drive_table(analysis, rows)
    rows["observed_s"] = seconds_between(rows["t3"], rows["t4"])
    rows["drive_s"], rows["crossing_s"] = drive["drive_s"], drive["crossing_s"]
    rows["modelled_s"] = rows["drive_s"] + rows["crossing_s"]
    rows["residual_s"] = rows["observed_s"] - rows["modelled_s"]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = rows["observed_s"].to_numpy() / rows["modelled_s"].to_numpy()
    rows["ratio"] = np.where(np.isfinite(ratio), ratio, math.nan)
    known = rows["station"].isin(region.stations.index)
    stations = snapped_stations(analysis)
    on_road = rows["station"].map(stations["status"]) == "ok"
    reasons = {
        "no unit is known to have arrived": ~rows["came"],
        "it is not known when the unit left": rows["t3"].isna(),
        "no station is stated": rows["station"] == "",
        "the station is none of the region's": ~known,
        "the station is not on a road": ~on_road,
        "the place is too far from any road": rows["road_status"] == "too_far",
        "no road leads to the place": rows["road_status"] == "disconnected",
        "the place is further than the drive-time cutoff": rows["modelled_s"].isna(),
        "the unit was there already": rows["modelled_s"] <= 0,
    }
    rows["reason"] = np.select([one.to_numpy() for one in reasons.values()], list(reasons), "")
    rows["usable"] = rows["reason"] == ""
    return rows


def snapped_stations(analysis: Analysis) -> pd.DataFrame:
    """All stations of the region on the road, those too that are closed by now: they may have sent units then."""
    graph, limit = analysis.fair.graph, analysis.region.parameters.snap_m
    return snap(analysis.network, analysis.region.stations, max_m=limit, graph=graph)


def drive_table(analysis: Analysis, rows: pd.DataFrame) -> pd.DataFrame:
    """Drive of each row from its station to its place: ``drive_s`` and ``crossing_s`` on the index, NaN if none."""
    origins = snapped_stations(analysis)
    origins = origins[origins.index.isin(rows["station"])]
    places = rows[["road", "fraction"]].assign(status=rows["road_status"])
    limit_s = analysis.region.parameters.cutoff_s
    drives = travel_times(analysis.fair.graph, origins, places, limit_s=limit_s)
    pairs = drives.set_index(["origin", "destination"])
    wanted = pd.MultiIndex.from_arrays([rows["station"], rows.index])
    return pairs.reindex(wanted).set_axis(rows.index)


def left_out(runs: pd.DataFrame) -> dict[str, int]:
    """Incidents whose drive cannot be compared, by reason in words."""
    counts = runs.loc[~runs["usable"], "reason"].value_counts()
    return {str(reason): int(counts[reason]) for reason in sorted(counts.index)}


def model_fit(runs: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Bias and spread of the model's drives, in all and by group.

    Parameters
    ----------
    runs
        As `modelled` gives them; those that are usable count.
    seed
        Of the draws that the interval of the mean rests on.

    Returns
    -------
    DataFrame
        Index (``kind``, ``group``): ``all`` (""), ``neighbour`` (``own``, ``neighbour``, ``unknown``),
        ``jurisdiction``, ``hour`` and ``station``. Columns, residuals being observed less modelled, so that above 0
        the model is too fast:

        * ``count``; ``mean_s`` with ``mean_low_s``, ``mean_high_s`` (95 %, from 1,000 seeded draws);
        * ``median_s`` with ``median_low_s``, ``median_high_s`` (95 %, between order statistics, whatever the
          distribution; infinite where the runs are too few);
        * ``mad_s``: median of the distance from the median; ``p90_abs_s``: nine in ten residuals are no larger, either
          way; ``longer_share``: drives that took longer than modelled; ``ratio``: median of observed by modelled.

    Examples
    --------
    >>> import pandas as pd
    >>> from mutualaid.incidents import model_fit
    >>> runs = pd.DataFrame({"usable": True, "residual_s": [10.0, 30.0, 20.0], "ratio": [1.1, 1.3, 1.2],
    ...                      "jurisdiction": "A", "hour": "day", "station": "s", "neighbour": False})
    >>> model_fit(runs).loc[("all", ""), ["count", "median_s", "mad_s", "longer_share"]].tolist()
    [3.0, 20.0, 10.0, 1.0]
    """
    used = runs[runs["usable"].to_numpy(np.bool_)]
    residual_s = used["residual_s"].to_numpy(np.float64)
    ratio = used["ratio"].to_numpy(np.float64)
    records = [
        {"kind": kind, "group": group} | _fit(residual_s[chosen], ratio[chosen], seed)
        for kind, group, chosen in _groups(used)
    ]
    columns = [
        "kind", "group",
        "count", "mean_s", "mean_low_s", "mean_high_s", "median_s", "median_low_s", "median_high_s", "mad_s",
        "p90_abs_s", "longer_share", "ratio",
    ]  # fmt: skip
    return in_order(pd.DataFrame(records, columns=columns), ["kind", "group"])


def _groups(used: pd.DataFrame) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    yield "all", "", np.ones(len(used), dtype=np.bool_)
    foreign = used["neighbour"].astype("boolean")
    words = np.where(foreign.fillna(value=False), "neighbour", "own").astype(object)
    words[foreign.isna().to_numpy()] = UNKNOWN
    yield from (
        ("neighbour", word, words == word) for word in ("neighbour", "own", UNKNOWN) if (words == word).any()
    )
    for kind in ("jurisdiction", "hour", "station"):
        values = used[kind].astype(str).to_numpy()
        for group in sorted(set(values)):
            yield kind, str(group), values == group


def _fit(residual_s: NDArray[np.float64], ratio: NDArray[np.float64], seed: int) -> dict[str, Any]:
    n = len(residual_s)
    mean_low, mean_high = mean_interval(residual_s, seed=seed)
    low, high = quantile_interval(residual_s)
    median = float(np.median(residual_s)) if n else math.nan
    return {
        "count": n,
        "mean_s": float(residual_s.mean()) if n else math.nan,
        "mean_low_s": mean_low,
        "mean_high_s": mean_high,
        "median_s": median,
        "median_low_s": low,
        "median_high_s": high,
        "mad_s": float(np.median(np.abs(residual_s - median))) if n else math.nan,
        "p90_abs_s": quantile(np.abs(residual_s), 0.9),
        "longer_share": float((residual_s > 0).mean()) if n else math.nan,
        "ratio": float(np.median(ratio)) if n else math.nan,
    }
