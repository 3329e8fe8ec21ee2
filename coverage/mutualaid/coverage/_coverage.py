"""Who is reached within the standard: alone, under today's agreements, and jointly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.coverage._response import SEGMENTS, _clock_ms, _codes
from mutualaid.coverage._standards import Standard
from mutualaid.errors import Defect, StandardError

__all__ = ["LEVELS", "coverage", "levels", "within"]

#: Levels of cooperation: each partner by itself; under the agreements in force; one team in which the closest unit
#: comes.
LEVELS: tuple[str, ...] = ("alone", "agreed", "joint")

#: Pairs are sorted by one int64 if it can hold them, else by several columns.
_LARGEST_KEY = 2**62


def coverage(
    times: pd.DataFrame,
    demand: gpd.GeoDataFrame,
    stations: gpd.GeoDataFrame,
    standard: Standard | Mapping[str, Standard],
    *,
    agreed: pd.DataFrame | None = None,
) -> gpd.GeoDataFrame:
    """Find who is first due at each demand point and whether that is within the standard, at each level.

    At level ``alone``, a station serves the demand of its own partner. At level ``agreed``, those neighbours come too
    whom an agreement in force lets come. At level ``joint``, each station serves all demand. The own stations stay
    eligible at all of them, so nobody loses by help, whatever the extra seconds of a neighbour. Where two stations
    arrive in the same millisecond, the own one goes first, then the one that stands first in `stations`.

    Parameters
    ----------
    times
        As `response_times` returns them; pairs that are not in it are not reached. With a column ``free`` (share of
        the time that the station has a unit free) the expected coverage is given too.
    demand
        Indexed by id, with ``population``, ``jurisdiction``, ``partner``; may have ``road_status`` (without
        it, all demand is reachable by road), ``cell_x`` and ``cell_y``.
    stations
        Indexed by id, with ``jurisdiction`` and ``partner``.
    standard
        One for all, or one for each jurisdiction of the demand: then the place of the incident decides.
    agreed
        Response times of the pairs that may occur under the agreements in force, the own ones among them, with
        ``subsidiary`` (bool): such a station comes only where no own one meets the standard. None if no agreement is
        in force: then there is no level ``agreed``.

    Returns
    -------
    GeoDataFrame
        On the index, geometry and CRS of `demand`, with ``population``, ``jurisdiction``, ``partner``,
        ``cell_x``, ``cell_y`` if `demand` has them, ``road_status``, and

        * ``status``: ``own`` (covered alone), ``agreed`` (else covered under the agreements in force), ``joint`` (else
          covered together), ``gap`` (everybody comes too late) or ``unreachable`` (not by road);

        and for each of its `levels`

        * ``{level}_station``, ``{level}_jurisdiction``, ``{level}_partner``: the first due station, where it
          stands and whose it is; missing if none;
        * ``{level}_s``, ``{level}_second_s``, ``{level}_third_s``: seconds of the first three on the
          standard's clock; inf if there is none;
        * ``{level}_covered``: whether the first is within the limit (inclusive);
        * ``{level}_depth``: number of stations within the limit;
        * ``{level}_expected``, if `times` tell shares of free units: share of the time that a station within the limit
          has one, 1 − Π(1 − free), units being busy independently of each other;
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
    for level, (pairs, chosen) in _by_level(times, agreed, demand, stations, standard).items():
        order = pairs.order()
        columns |= _level(level, pairs, order[chosen[order]], stations, len(demand))
    out = gpd.GeoDataFrame(columns, index=demand.index)
    covered = {level: out[f"{level}_covered"] for level in levels(out)}
    words = ["own", *list(covered)[1:], "unreachable"]
    out["status"] = np.select([*covered.values(), ~reachable], words, "gap")
    if demand.active_geometry_name is not None:
        out = out.set_geometry(demand.geometry.to_numpy(), crs=demand.crs)
    return out


def levels(frame: pd.DataFrame) -> tuple[str, ...]:
    """Levels of cooperation that a coverage frame holds, in the order of `LEVELS`.

    Parameters
    ----------
    frame
        As `coverage` or `scenario_coverage` gives it.

    Returns
    -------
    tuple of str
        ``agreed`` is there only where an agreement is in force.

    Examples
    --------
    >>> import pandas as pd
    >>> from mutualaid.coverage import levels
    >>> levels(pd.DataFrame(columns=["alone_covered", "joint_covered"]))
    ('alone', 'joint')
    """
    return tuple(level for level in LEVELS if f"{level}_covered" in frame.columns)


def within(
    times: pd.DataFrame,
    demand: gpd.GeoDataFrame,
    stations: gpd.GeoDataFrame,
    standard: Standard | Mapping[str, Standard],
    *,
    agreed: pd.DataFrame | None = None,
) -> dict[str, NDArray[np.bool_]]:
    """Whether each demand point is reached within the standard, by level: `coverage` without who comes.

    Parameters
    ----------
    times, demand, stations, standard, agreed
        As for `coverage`.

    Returns
    -------
    dict
        (n,) bool for each level.
    """
    found = {}
    for level, (pairs, chosen) in _by_level(times, agreed, demand, stations, standard).items():
        found[level] = np.zeros(len(demand), dtype=np.bool_)
        found[level][pairs.place[pairs.in_time & chosen]] = True
    return found


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Pairs of station and demand point: positions, whether both are of one partner, and time on the clock."""

    times: pd.DataFrame
    station: NDArray[np.int64]
    place: NDArray[np.int64]
    own: NDArray[np.bool_]
    ms: NDArray[np.int64]
    in_time: NDArray[np.bool_]

    def order(self) -> NDArray[np.intp]:
        """Pairs by demand point, then time, own stations first, then the order of the stations."""
        return _order(self.place, self.ms, self.own, self.station)


def _by_level(
    times: pd.DataFrame,
    agreed: pd.DataFrame | None,
    demand: gpd.GeoDataFrame,
    stations: gpd.GeoDataFrame,
    standard: Standard | Mapping[str, Standard],
) -> dict[str, tuple[_Pairs, NDArray[np.bool_]]]:
    """Pairs of each level, and which of them are eligible."""
    joint = _pairs(times, demand, stations, standard)
    everyone = np.ones(len(times), dtype=np.bool_)
    if agreed is None:
        return {"alone": (joint, joint.own), "joint": (joint, everyone)}
    today = _pairs(agreed, demand, stations, standard)
    served = np.zeros(len(demand), dtype=np.bool_)
    served[today.place[today.in_time & today.own]] = True
    comes = today.own | ~(agreed["subsidiary"].to_numpy() & served[today.place])
    return {"alone": (today, today.own), "agreed": (today, comes), "joint": (joint, everyone)}


def _pairs(
    times: pd.DataFrame,
    demand: gpd.GeoDataFrame,
    stations: gpd.GeoDataFrame,
    standard: Standard | Mapping[str, Standard],
) -> _Pairs:
    station, place = _codes(times["station"], stations.index), _codes(times["demand"], demand.index)
    partners = pd.Index(pd.unique(pd.concat([stations["partner"], demand["partner"]])))
    own = partners.get_indexer(stations["partner"])[station] == partners.get_indexer(demand["partner"])[place]
    ms, limit_ms = _on_the_clock(times, demand, place, standard)
    return _Pairs(times, station, place, own, ms, ms <= limit_ms[place])


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
    level: str, pairs: _Pairs, chosen: NDArray[np.intp], stations: gpd.GeoDataFrame, n: int
) -> dict[str, object]:
    """Columns of one level; `chosen` holds the eligible pairs in order."""
    at, pair_ms = pairs.place[chosen], pairs.ms
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
        found[served] = np.asarray(values, dtype=object)[pairs.station[lead]]
        columns[f"{level}_{name}"] = pd.array(found, dtype="str")
    columns[f"{level}_s"] = spread(pair_ms[lead] / 1000, served, np.inf)
    columns[f"{level}_covered"] = spread(pairs.in_time[lead].astype(np.float64), served, 0.0).astype(np.bool_)
    inside = pairs.in_time[chosen]
    columns[f"{level}_depth"] = np.bincount(at[inside], minlength=n)
    if "free" in pairs.times.columns:
        with np.errstate(divide="ignore"):  # a unit that is always free: the logarithm of 0
            busy = np.log1p(-pairs.times["free"].to_numpy()[chosen[inside]])
        # Taken from 0, not negated: nobody is -0 covered.
        columns[f"{level}_expected"] = 0.0 - np.expm1(np.bincount(at[inside], weights=busy, minlength=n))
    for rank, name in ((1, "second"), (2, "third")):
        later = first + rank
        later = later[later < len(at)]
        later = later[at[later] == served[: len(later)]]
        columns[f"{level}_{name}_s"] = spread(pair_ms[chosen[later]] / 1000, at[later], np.inf)
    for segment in SEGMENTS:
        columns[f"{level}_{segment}"] = spread(pairs.times[segment].to_numpy()[lead], served, np.nan)
    return columns
