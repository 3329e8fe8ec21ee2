"""One row an incident: the unit that came first, and where and when that was."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from mutualaid.data import Region

__all__ = [
    "OUTSIDE",
    "UNKNOWN",
    "all_units",
    "first_stamp",
    "first_units",
    "hour_class",
    "of_the_service",
    "period",
    "seconds_between",
]

#: Group of whatever is not stated, and of incidents outside all jurisdictions.
UNKNOWN, OUTSIDE = "unknown", "outside"
#: Local hours from which and before which a working day counts as ``day``.
_DAY = (7, 19)
_SATURDAY = 5


def of_the_service(region: Region) -> gpd.GeoDataFrame:
    """Rows of the record that belong to the service of the run."""
    rows = region.incidents
    return rows[rows["service"] == region.parameters.service]


def first_units(region: Region) -> gpd.GeoDataFrame:
    """Give the unit that came first to each incident of the region's service: rows of `all_units`.

    Where no arrival is known it is the unit that was alerted first.
    """
    table = all_units(region)
    first = table.sort_values(["t4", "t2"], kind="stable", na_position="last").drop_duplicates("incident")
    return gpd.GeoDataFrame(table[table.index.isin(first.index)], crs=table.crs)


def all_units(region: Region) -> gpd.GeoDataFrame:
    """Give every unit that was sent to an incident of the region's service, with what its incident is known by.

    Rows that name no incident are an incident each.

    Parameters
    ----------
    region
        With its incidents.

    Returns
    -------
    GeoDataFrame
        Index: id of the row of the record; ``incident``, ``unit``, ``station``, ``type``, ``t0`` and ``t1`` (the
        earliest that any row of the incident states), ``alerted`` (when the first crew was alerted, whoever came
        first), ``t2``, ``t3``, ``t4`` (of the unit), ``own_alerted`` and ``own_t4`` (the earliest of units of the
        place's own partner), ``came`` (bool: its arrival is known), ``units`` (rows of the incident), ``jurisdiction``
        and ``partner`` (of the place, ``outside`` where it lies in none), ``station_partner`` and ``department`` (""
        where the station is none of the region's), ``neighbour`` (boolean, missing where nobody knows whose the unit or
        the place is) and ``hour`` (class, ``unknown`` where local time is).
    """
    rows = of_the_service(region)
    incident = rows["incident"].where(rows["incident"] != "", rows.index.to_series().astype(str))
    place, partner = _places(region, rows)
    known = region.stations.index.get_indexer(pd.Index(rows["station"]))
    whose = region.stations["jurisdiction"].map(region.jurisdictions["partner"])

    def of_station(values: pd.Series) -> NDArray[np.object_]:
        return np.append(values.to_numpy(dtype=object), "")[known]

    table = rows.assign(
        incident=incident,
        jurisdiction=place,
        partner=partner,
        station_partner=of_station(whose),
        department=of_station(region.stations["department"]),
    )
    own = (table["station_partner"] == table["partner"]).to_numpy()
    foreign = pd.array(~own, dtype="boolean")
    foreign[(table["station_partner"] == "").to_numpy() | (partner == OUTSIDE)] = pd.NA
    groups = table.groupby("incident", sort=False)
    table = table.assign(
        neighbour=foreign,
        hour=hour_class(table),
        came=table["t4"].notna(),
        t0=groups["t0"].transform("min"),
        t1=groups["t1"].transform("min"),
        alerted=groups["t2"].transform("min"),
        units=groups["t2"].transform("size"),
    )
    mine = table[own].groupby("incident")[["t2", "t4"]].min()
    for name, stamp in (("own_alerted", "t2"), ("own_t4", "t4")):
        table[name] = mine[stamp].reindex(table["incident"]).set_axis(table.index)
    kept = [
        "incident", "unit", "station", "type", "t0", "t1", "alerted", "t2", "t3", "t4", "own_alerted", "own_t4",
        "came", "units", "jurisdiction", "partner", "station_partner", "department", "neighbour", "hour", "geometry",
    ]  # fmt: skip
    return gpd.GeoDataFrame(table[kept], crs=rows.crs)


def _places(region: Region, rows: gpd.GeoDataFrame) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Jurisdiction in which each row lies, and who serves it there; the first of two at a common border."""
    lands = region.jurisdictions
    found = np.full(len(rows), -1, dtype=np.int64)
    row, land = shapely.STRtree(lands.geometry.to_numpy()).query(
        rows.geometry.to_numpy(), predicate="intersects"
    )
    order = np.lexsort((land, row))[::-1]  # backwards, so that the first is written last
    found[row[order]] = land[order]
    ids, partners = (
        np.append(np.asarray(one, dtype=object), OUTSIDE) for one in (lands.index, lands["partner"])
    )
    return ids[found], partners[found]


def hour_class(rows: pd.DataFrame) -> NDArray[np.object_]:
    """Class of the hour of each row in local time: weekends are Saturdays and Sundays, days are from 7 to 19 o'clock.

    The hour is that of the first stamp that is known.
    """
    local = first_stamp(rows) + pd.to_timedelta(rows["offset_min"].astype(np.float64), unit="min")
    hour, day = local.dt.hour, local.dt.day_of_week
    classes = np.where(hour.between(_DAY[0], _DAY[1] - 1), "day", "night").astype(object)
    classes[(day >= _SATURDAY).to_numpy()] = "weekend"
    classes[local.isna().to_numpy()] = UNKNOWN
    return classes


def first_stamp(rows: pd.DataFrame) -> pd.Series:
    """First stamp of each row that is known, NaT if none is."""
    stamps: pd.Series = rows["t0"]
    for name in ("t1", "t2", "t3", "t4"):
        stamps = stamps.fillna(rows[name])
    return stamps


def period(rows: pd.DataFrame) -> tuple[str, str]:
    """First and last day of a record in UTC, ISO 8601; empty where no stamp is known."""
    known = first_stamp(rows).dropna()
    if known.empty:
        return "", ""
    return known.min().date().isoformat(), known.max().date().isoformat()


def seconds_between(start: pd.Series, end: pd.Series) -> NDArray[np.float64]:
    """Seconds from one stamp to another, NaN where either is unknown."""
    return np.asarray((end - start).dt.total_seconds(), dtype=np.float64)
