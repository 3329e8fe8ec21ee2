"""Response times in segments, and what a standard's clock makes of them."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.coverage._first_due import same_partner
from mutualaid.coverage._standards import Standard
from mutualaid.data import Parameters
from mutualaid.errors import Defect, NetworkError, StandardError

__all__ = ["SEGMENTS", "clock", "own_pairs", "response_times", "turnout"]

#: Segments of a response time in their order, and the point of the clock at which each starts.
SEGMENTS: dict[str, str] = {
    "answering_s": "t0",
    "processing_s": "t1",
    "dispatch_s": "t2",
    "turnout_s": "t2",
    "crossing_s": "t3",
    "drive_s": "t3",
}


def response_times(
    drive: pd.DataFrame, stations: gpd.GeoDataFrame, demand: gpd.GeoDataFrame, parameters: Parameters
) -> pd.DataFrame:
    """Put the segments of the response time together for every pair that the drive times hold.

    The turnout is the station's own for the hour class, else the station's own, else the one that
    `parameters` assume for its department type (for ``unknown`` where that type has none).

    Parameters
    ----------
    drive
        One row a pair: ``origin`` (station id), ``destination`` (demand id), ``drive_s``, ``crossing_s``;
        sparse, as `mutualaid.network.travel_times` returns it. ``drive_s`` does not include ``crossing_s``.
    stations
        Indexed by id, with ``partner``, ``department``, ``turnout_s`` and ``turnout_{hour}_s``.
    demand
        Indexed by id, with ``partner``.
    parameters
        The hour class, the seconds before the wheels roll, and the extra seconds until a neighbour is
        alerted.

    Returns
    -------
    DataFrame
        One row a pair, in the order of `drive`: ``station``, ``demand`` (categories are all ids, in the order
        of the tables), seconds in ``answering_s``, ``processing_s``, ``dispatch_s`` (0 unless the station
        belongs to another partner than the demand), ``turnout_s``, ``crossing_s``, ``drive_s``, and
        ``turnout_assumed``: whether the turnout comes from `parameters`.

    Raises
    ------
    NetworkError
        If `drive` names ids that the tables do not have, or holds seconds that are negative, missing or
        infinite.

    Examples
    --------
    >>> import geopandas as gpd, pandas as pd
    >>> from mutualaid.data import Parameters
    >>> stations = gpd.GeoDataFrame(
    ...     {"partner": ["A"], "department": ["volunteer"], "turnout_night_s": [300.0]}, index=["s"])
    >>> demand = gpd.GeoDataFrame({"partner": ["B"]}, index=["d"])
    >>> drive = pd.DataFrame({"origin": ["s"], "destination": ["d"], "drive_s": [120.0], "crossing_s": [0.0]})
    >>> times = response_times(drive, stations, demand, Parameters(hour="night", dispatch_s=90))
    >>> times[["dispatch_s", "turnout_s", "turnout_assumed"]].values.tolist()
    [[90.0, 300.0, False]]
    """
    station, place = _codes(drive["origin"], stations.index), _codes(drive["destination"], demand.index)
    _check(drive, station, place)
    turnout_s, assumed = turnout(stations, parameters)
    dispatch_s = np.where(own_pairs(station, place, stations, demand), 0.0, float(parameters.dispatch_s))
    columns = {
        "station": pd.Categorical.from_codes(station, categories=stations.index),
        "demand": pd.Categorical.from_codes(place, categories=demand.index),
        "answering_s": np.full(len(drive), float(parameters.answering_s)),
        "processing_s": np.full(len(drive), float(parameters.processing_s)),
        "dispatch_s": dispatch_s,
        "turnout_s": turnout_s[station],
        "crossing_s": drive["crossing_s"].to_numpy(dtype=np.float64, copy=True),
        "drive_s": drive["drive_s"].to_numpy(dtype=np.float64, copy=True),
        "turnout_assumed": assumed[station],
    }
    # All arrays are its own already: a copy would double what millions of pairs take.
    return pd.DataFrame(columns, index=drive.index, copy=False)


def clock(times: pd.DataFrame, standard: Standard) -> pd.Series:
    """Seconds that each response takes on the clock of a standard.

    Only the segments inside the standard's interval count. The extra seconds until a neighbour's unit is
    alerted count in every interval that starts with the alert or before it: people wait from the moment at
    which their own crew would have been alerted. They do not count in an interval of travel alone.

    Every segment is rounded to a millisecond and the sum is one of whole milliseconds, so it does not depend
    on the order of addition, and 8:00 is within 8 minutes.

    Parameters
    ----------
    times
        As `response_times` returns them.
    standard
        Its interval decides; its limit does not matter here.

    Returns
    -------
    Series
        ``response_s``, seconds, on the index of `times`.

    Raises
    ------
    StandardError
        If the interval ends with the full force: one unit's time does not say when that is complete.

    Examples
    --------
    >>> import pandas as pd
    >>> from mutualaid.coverage import clock, standard
    >>> times = pd.DataFrame({"answering_s": [15.0], "processing_s": [64.0], "dispatch_s": [0.0],
    ...                       "turnout_s": [80.0], "crossing_s": [0.0], "drive_s": [400.0]})
    >>> clock(times, standard("de-agbf-first")).tolist()
    [480.0]
    """
    return pd.Series(_clock_ms(times, standard) / 1000, index=times.index, name="response_s")


def _clock_ms(times: pd.DataFrame, standard: Standard) -> NDArray[np.int64]:
    if standard.end != "t4":
        raise StandardError(
            [
                Defect(
                    "",
                    f"standard {standard.id}",
                    "an interval that ends when the first unit arrives (t4)",
                    standard.end,
                    "choose a standard of the first unit; when the full force is complete is not computed",
                )
            ]
        )
    total = np.zeros(len(times), dtype=np.int64)
    for segment, begins in SEGMENTS.items():
        if begins >= standard.start:
            total += _milliseconds(times[segment].to_numpy(dtype=np.float64))
    return total


def _milliseconds(seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.rint(seconds * 1000).astype(np.int64)


def _codes(ids: pd.Series, index: pd.Index) -> NDArray[np.int32]:
    """Positions of ids in an index, -1 for unknown ones; quick where the ids are categories."""
    if isinstance(ids.dtype, pd.CategoricalDtype):
        codes = ids.cat.codes.to_numpy().astype(np.int32)
        if ids.cat.categories.equals(index):
            return codes
        lookup = np.append(index.get_indexer(ids.cat.categories), -1).astype(np.int32)
        return np.asarray(lookup[codes], dtype=np.int32)
    return np.asarray(index.get_indexer(pd.Index(ids)), dtype=np.int32)


def own_pairs(
    station: NDArray[np.int32], place: NDArray[np.int32], stations: pd.DataFrame, demand: pd.DataFrame
) -> NDArray[np.bool_]:
    """Whether station and place of each pair, given by position, are of one partner."""
    partners = pd.Index(stations["partner"].unique())
    of_station, of_place = partners.get_indexer(stations["partner"]), partners.get_indexer(demand["partner"])
    return same_partner(station, place, of_station.astype(np.int64), of_place.astype(np.int64))


def _check(drive: pd.DataFrame, station: NDArray[np.int32], place: NDArray[np.int32]) -> None:
    defects = []
    for column, codes, table in (("origin", station, "stations"), ("destination", place, "demand")):
        if (codes < 0).any():
            unknown = ", ".join(map(repr, pd.unique(drive[column][codes < 0])[:3]))
            defects.append(
                Defect(
                    "",
                    f"drive times, {column}",
                    f"ids of {table}",
                    unknown,
                    "pass the tables they were made with",
                )
            )
    for column in ("drive_s", "crossing_s"):
        seconds = drive[column].to_numpy(dtype=np.float64)
        wrong = seconds[~((seconds >= 0) & (seconds < np.inf))]
        if len(wrong):
            defects.append(
                Defect(
                    "",
                    f"drive times, {column}",
                    "finite seconds from 0 on",
                    f"{wrong[0]} in {len(wrong)} rows",
                    "leave pairs that are not reached out",
                )
            )
    if defects:
        raise NetworkError(defects)


def turnout(
    stations: gpd.GeoDataFrame, parameters: Parameters
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Seconds of each station, and whether they are assumed."""
    stated = pd.Series(np.nan, index=stations.index)
    for column in (f"turnout_{parameters.hour}_s", "turnout_s"):
        if column in stations:
            stated = stated.fillna(stations[column].astype("float64"))
    assumed = {**Parameters().turnout_s, **parameters.turnout_s}
    usual = stations["department"].map(assumed).astype("float64").fillna(assumed["unknown"])
    return np.asarray(stated.fillna(usual), dtype=np.float64), stated.isna().to_numpy()
