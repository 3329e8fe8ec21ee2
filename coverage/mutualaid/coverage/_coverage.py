"""Who is reached within the standard: alone, each partner by its own stations, and jointly."""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.coverage._response import SEGMENTS, _clock_ms, _codes
from mutualaid.coverage._standards import Standard
from mutualaid.errors import Defect, StandardError

__all__ = ["LEVELS", "coverage", "within"]

#: Levels of cooperation: each partner by itself; one team in which the closest unit comes.
LEVELS: tuple[str, str] = ("alone", "joint")

#: Pairs are sorted by one int64 if it can hold them, else by several columns.
_LARGEST_KEY = 2**62


def coverage(
    times: pd.DataFrame,
    demand: gpd.GeoDataFrame,
    stations: gpd.GeoDataFrame,
    standard: Standard | Mapping[str, Standard],
) -> gpd.GeoDataFrame:
    """Find who is first due at each demand point and whether that is within the standard, alone and jointly.

    At level ``alone``, a station serves the demand of its own partner. At level ``joint``, each station
    serves all demand; the own stations stay eligible, so nobody loses by it, whatever the extra seconds of a
    neighbour. Where two stations arrive in the same millisecond, the own one goes first, then the one that
    stands first in `stations`.

    Parameters
    ----------
    times
        As `response_times` returns them; pairs that are not in it are not reached.
    demand
        Indexed by id, with ``population``, ``jurisdiction``, ``partner``; may have ``road_status`` (without
        it, all demand is reachable by road), ``cell_x`` and ``cell_y``.
    stations
        Indexed by id, with ``jurisdiction`` and ``partner``.
    standard
        One for all, or one for each jurisdiction of the demand: then the place of the incident decides.

    Returns
    -------
    GeoDataFrame
        On the index, geometry and CRS of `demand`, with ``population``, ``jurisdiction``, ``partner``,
        ``cell_x``, ``cell_y`` if `demand` has them, ``road_status``, and

        * ``status``: ``own`` (covered alone), ``joint`` (covered only together), ``gap`` (everybody comes too
          late) or ``unreachable`` (not by road);

        and for each level in ``alone``, ``joint``

        * ``{level}_station``, ``{level}_jurisdiction``, ``{level}_partner``: the first due station, where it
          stands and whose it is; missing if none;
        * ``{level}_s``, ``{level}_second_s``, ``{level}_third_s``: seconds of the first three on the
          standard's clock; inf if there is none;
        * ``{level}_covered``: whether the first is within the limit (inclusive);
        * ``{level}_depth``: number of stations within the limit;
        * ``{level}_{segment}`` for ``answering_s``, ``processing_s``, ``dispatch_s``, ``turnout_s``,
          ``crossing_s``, ``drive_s``: segments of the first; NaN if there is none.

    Raises
    ------
    StandardError
        If a jurisdiction has no standard, or one that ends with the full force.

    Examples
    --------
    >>> import geopandas as gpd, pandas as pd
    >>> from mutualaid.coverage import coverage, response_times, standard
    >>> from mutualaid.data import Parameters
    >>> stations = gpd.GeoDataFrame(
    ...     {"partner": ["A", "B"], "jurisdiction": ["A", "B"], "department": "career"}, index=["sa", "sb"])
    >>> demand = gpd.GeoDataFrame(
    ...     {"population": [70.0], "partner": ["A"], "jurisdiction": ["A"]}, index=["d"])
    >>> drive = pd.DataFrame({"origin": ["sa", "sb"], "destination": ["d", "d"], "drive_s": [500.0, 400.0],
    ...                       "crossing_s": 0.0})
    >>> times = response_times(drive, stations, demand, Parameters())
    >>> covered = coverage(times, demand, stations, standard("de-agbf-first"))
    >>> covered[["status", "alone_s", "joint_s"]].values.tolist()
    [['joint', 580.0, 480.0]]
    """
    station, place, own = _pairs(times, demand, stations)
    pair_ms, limit_ms = _on_the_clock(times, demand, place, standard)
    within = pair_ms <= limit_ms[place]
    order = _order(place, pair_ms, own, station)

    kept = [
        name
        for name in ("population", "jurisdiction", "partner", "cell_x", "cell_y")
        if name in demand.columns
    ]
    columns: dict[str, object] = {name: demand[name] for name in kept}
    reachable = np.ones(len(demand), dtype=np.bool_)
    if "road_status" in demand.columns:
        reachable = (demand["road_status"] == "ok").to_numpy()
    columns["road_status"] = demand["road_status"] if "road_status" in demand.columns else "ok"
    columns["status"] = ""
    for level, chosen in zip(LEVELS, (order[own[order]], order), strict=True):
        columns |= _level(level, chosen, times, stations, station, place, pair_ms, within, len(demand))
    out = gpd.GeoDataFrame(columns, index=demand.index)
    out["status"] = np.select(
        [out["alone_covered"], out["joint_covered"], ~reachable], ["own", "joint", "unreachable"], "gap"
    )
    if demand.active_geometry_name is not None:
        out = out.set_geometry(demand.geometry.to_numpy(), crs=demand.crs)
    return out


def within(
    times: pd.DataFrame, demand: gpd.GeoDataFrame, stations: gpd.GeoDataFrame, standard: Standard
) -> dict[str, NDArray[np.bool_]]:
    """Whether each demand point is reached within one standard, by level: `coverage` without who comes.

    Parameters
    ----------
    times, demand, stations, standard
        As for `coverage`.

    Returns
    -------
    dict
        (n,) bool for each of `LEVELS`.
    """
    _, place, own = _pairs(times, demand, stations)
    in_time = _clock_ms(times, standard) <= round(standard.limit_s * 1000)
    found = {level: np.zeros(len(demand), dtype=np.bool_) for level in LEVELS}
    found["alone"][place[in_time & own]] = True
    found["joint"][place[in_time]] = True
    return found


def _pairs(
    times: pd.DataFrame, demand: gpd.GeoDataFrame, stations: gpd.GeoDataFrame
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Positions of station and demand point of each pair, and whether both are of one partner."""
    station, place = _codes(times["station"], stations.index), _codes(times["demand"], demand.index)
    partners = pd.Index(pd.unique(pd.concat([stations["partner"], demand["partner"]])))
    own = partners.get_indexer(stations["partner"])[station] == partners.get_indexer(demand["partner"])[place]
    return station, place, own


def _on_the_clock(
    times: pd.DataFrame,
    demand: gpd.GeoDataFrame,
    place: NDArray[np.int64],
    standard: Standard | Mapping[str, Standard],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Milliseconds of each pair and limit of each demand point, by the standard that holds there."""
    if isinstance(standard, Standard):
        limit = round(standard.limit_s * 1000)
        return _clock_ms(times, standard), np.full(len(demand), limit, dtype=np.int64)
    jurisdictions = pd.Index(demand["jurisdiction"].unique())
    missing = [str(name) for name in jurisdictions if name not in standard]
    if missing:
        raise StandardError(
            [
                Defect(
                    "", f"jurisdiction {name}", "a standard", "none", "name one, or pass one standard for all"
                )
                for name in missing
            ]
        )
    where = jurisdictions.get_indexer(demand["jurisdiction"])
    rules = [standard[name] for name in jurisdictions]
    limit_ms = np.array([round(rule.limit_s * 1000) for rule in rules], dtype=np.int64)[where]
    intervals = {(rule.start, rule.end): rule for rule in rules}
    kinds = np.array([list(intervals).index((rule.start, rule.end)) for rule in rules], dtype=np.int64)
    pair_kind = kinds[where][place]
    pair_ms = np.zeros(len(times), dtype=np.int64)
    for kind, rule in enumerate(intervals.values()):
        rows = pair_kind == kind
        pair_ms[rows] = _clock_ms(times[rows], rule)
    return pair_ms, limit_ms


def _order(
    place: NDArray[np.int64], pair_ms: NDArray[np.int64], own: NDArray[np.bool_], station: NDArray[np.int64]
) -> NDArray[np.intp]:
    """Pairs by demand point, then time, own stations first, then the order of the table."""
    parts = (place, pair_ms, (~own).astype(np.int64), station)
    spans = [int(part.max(initial=0)) + 1 for part in parts]
    if np.prod([float(span) for span in spans]) >= _LARGEST_KEY:
        return np.lexsort(parts[::-1])
    key = parts[0]
    for part, span in zip(parts[1:], spans[1:], strict=True):
        key = key * span + part  # one number a pair: sorting it is several times faster than four keys
    return np.argsort(key)


def _level(
    level: str,
    chosen: NDArray[np.intp],
    times: pd.DataFrame,
    stations: gpd.GeoDataFrame,
    station: NDArray[np.int64],
    place: NDArray[np.int64],
    pair_ms: NDArray[np.int64],
    within: NDArray[np.bool_],
    n: int,
) -> dict[str, object]:
    """Columns of one level; `chosen` holds the eligible pairs in order."""
    at = place[chosen]
    first = np.flatnonzero(np.diff(at, prepend=-1))
    served = at[first]

    def spread(values: NDArray[np.float64], where: NDArray[np.int64], fill: float) -> NDArray[np.float64]:
        out = np.full(n, fill)
        out[where] = values
        return out

    columns: dict[str, object] = {}
    lead = chosen[first]
    for name in ("station", "jurisdiction", "partner"):
        values = stations.index if name == "station" else stations[name]
        found = np.full(n, None, dtype=object)
        found[served] = np.asarray(values, dtype=object)[station[lead]]
        columns[f"{level}_{name}"] = pd.array(found, dtype="str")
    columns[f"{level}_s"] = spread(pair_ms[lead] / 1000, served, np.inf)
    columns[f"{level}_covered"] = spread(within[lead].astype(np.float64), served, 0.0).astype(np.bool_)
    columns[f"{level}_depth"] = np.bincount(at[within[chosen]], minlength=n)
    for rank, name in ((1, "second"), (2, "third")):
        later = first + rank
        later = later[later < len(at)]
        later = later[at[later] == served[: len(later)]]
        columns[f"{level}_{name}_s"] = spread(pair_ms[chosen[later]] / 1000, at[later], np.inf)
    for segment in SEGMENTS:
        columns[f"{level}_{segment}"] = spread(times[segment].to_numpy()[lead], served, np.nan)
    return columns
