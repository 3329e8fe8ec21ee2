"""Where calls came from: the demand point that each incident lies nearest to."""

from __future__ import annotations

import math

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from mutualaid.data import Region
from mutualaid.errors import Defect, IncidentError

__all__ = ["call_keys", "calls", "incident_places"]

#: An incident further than this from every place where people are belongs to none, unless cells are larger.
_NEAR_M = 500.0
#: Points of the clock at which a call can be placed in time, the best one first.
_CALLED = ("t0", "t1", "t2", "t3", "t4", "t5", "free")


def call_keys(rows: pd.DataFrame) -> pd.Series:
    """Text that is the same for all units that were sent to the same incident; a row that names none is one itself."""
    named = rows["incident"].fillna("").astype(str)
    return ("i" + named).where(named != "", "r" + pd.Series(rows.index.astype(str), index=rows.index))


def calls(region: Region, service: str = "") -> gpd.GeoDataFrame:
    """One row for each call: of all units that were sent to an incident, the first row; with the moment it came in.

    Parameters
    ----------
    region
        Its `incidents`.
    service
        Only calls of it; that of the region's parameters if empty.

    Returns
    -------
    GeoDataFrame
        Rows of ``region.incidents``, in its order, with ``called`` (UTC): when the call was received, else the first
        later point of the clock that is known of any unit; NaT if none is.
    """
    rows = region.incidents
    rows = rows[rows["service"] == (service or region.parameters.service)]
    key = call_keys(rows)
    called = pd.Series(pd.NaT, index=rows.index, dtype=rows["t0"].dtype)
    for stamp in _CALLED:
        called = called.fillna(rows[stamp].groupby(key).transform("min"))
    return rows.assign(called=called)[~key.duplicated()]


def incident_places(region: Region, *, service: str = "", near_m: float | None = None) -> pd.DataFrame:
    """Find the demand point that each call lies nearest to.

    Parameters
    ----------
    region
        Its `incidents`, `jurisdictions` and `demand`.
    service
        Only calls of it; that of the region's parameters if empty.
    near_m
        What is further away, in metres, belongs to no place; 500 m or the width of a cell, whichever is more, if None.

    Returns
    -------
    DataFrame
        Index: the first row of each incident. ``called`` (UTC, NaT if unknown), ``demand`` (id; missing if none is
        near), ``distance_m`` (NaN if none) and ``reason`` (``far``: no place is near; "" for the others). Places of the
        jurisdiction that an incident lies in go first.

    Raises
    ------
    IncidentError
        If `near_m` is not above 0.

    Examples
    --------
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.incidents import incident_places
    >>> found = incident_places(read_region(demo_path()))
    >>> found.columns.tolist()
    ['called', 'demand', 'distance_m', 'reason']
    """
    if near_m is not None and not near_m > 0:
        remedy = "leave it out, or state how far a call may lie from where people are counted"
        raise IncidentError([Defect("", "near_m", "metres above 0", f"{near_m}", remedy)])
    limit_m = max(_NEAR_M, region.cell_m or 0.0) if near_m is None else float(near_m)
    rows = calls(region, service)
    points = rows.geometry.to_numpy()
    land = _land(points, region)
    at = region.demand["jurisdiction"].to_numpy()
    place = np.full(len(rows), -1, dtype=np.int64)
    for name in region.jurisdictions.index:
        _nearest(place, points, region, np.flatnonzero(land == name), np.flatnonzero(at == name), limit_m)
    _nearest(place, points, region, np.flatnonzero(place < 0), np.arange(len(at)), limit_m)
    ids = np.array([*region.demand.index, None], dtype=object)[place]
    gone = place < 0
    distance = np.full(len(rows), math.nan)
    distance[~gone] = shapely.distance(points[~gone], region.demand.geometry.to_numpy()[place[~gone]])
    return pd.DataFrame(
        {
            "called": rows["called"],
            "demand": pd.array(ids, dtype="str"),
            "distance_m": distance,
            "reason": pd.array(np.where(gone, "far", ""), dtype="str"),
        },
        index=rows.index,
    )


def _land(points: NDArray[np.object_], region: Region) -> NDArray[np.object_]:
    """Id of the jurisdiction in which each point lies; None if in none."""
    found = np.full(len(points), None, dtype=object)
    row, land = shapely.STRtree(region.jurisdictions.geometry.to_numpy()).query(
        points, predicate="intersects"
    )
    # Of several the first: a point on the border belongs to both.
    found[row[::-1]] = np.asarray(region.jurisdictions.index, dtype=object)[land[::-1]]
    return found


def _nearest(
    place: NDArray[np.int64],
    points: NDArray[np.object_],
    region: Region,
    rows: NDArray[np.int64],
    among: NDArray[np.int64],
    limit_m: float,
) -> None:
    """Set the nearest of some places for some rows, if it is near enough; of several the first."""
    if not len(rows) or not len(among):
        return
    tree = shapely.STRtree(region.demand.geometry.to_numpy()[among])
    row, found = tree.query_nearest(points[rows], max_distance=limit_m)
    order = np.lexsort((found, row))[::-1]
    place[rows[row[order]]] = among[found[order]]
