"""Who is reached within the standard: alone, under today's agreements, and jointly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.coverage._first_due import busy_sums, first_three
from mutualaid.coverage._response import SEGMENTS, _clock_ms, _codes, own_pairs
from mutualaid.coverage._standards import Standard
from mutualaid.errors import Defect, StandardError

__all__ = ["LEVELS", "coverage", "levels", "within"]

#: Levels of cooperation: each partner by itself; under the agreements in force; one team in which the closest unit
#: comes.
LEVELS: tuple[str, ...] = ("alone", "agreed", "joint")

#: Pairs whose times are added up at once.
_PIECE = 1 << 17
#: Longest time that fits into 32 bits, in milliseconds: 24 days.
_LONGEST_MS = 2**31 - 1


@overload
def coverage(
    times: pd.DataFrame,
    demand: gpd.GeoDataFrame,
    stations: pd.DataFrame,
    standard: Standard | Mapping[str, Standard],
    *,
    agreed: pd.DataFrame | None = None,
) -> gpd.GeoDataFrame: ...


@overload
def coverage(
    times: pd.DataFrame,
    demand: pd.DataFrame,
    stations: pd.DataFrame,
    standard: Standard | Mapping[str, Standard],
    *,
    agreed: pd.DataFrame | None = None,
) -> pd.DataFrame: ...


def coverage(
    times: pd.DataFrame,
    demand: pd.DataFrame,
    stations: pd.DataFrame,
    standard: Standard | Mapping[str, Standard],
    *,
    agreed: pd.DataFrame | None = None,
) -> pd.DataFrame:
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
        it, all demand is reachable by road), ``cell_x`` and ``cell_y``. A DataFrame without geometry will do.
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
        A DataFrame if `demand` has no geometry. On the index, geometry and CRS of `demand`, with ``population``,
        ``jurisdiction``, ``partner``, ``cell_x``, ``cell_y`` if `demand` has them, ``road_status``, and

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
    for level, pairs, chosen in _by_level(times, agreed, demand, stations, standard):
        columns |= _level(level, pairs, chosen, stations)
    names = [level for level in LEVELS if f"{level}_covered" in columns]
    covered = [np.asarray(columns[f"{level}_covered"]) for level in names]
    word = np.select([*covered, ~reachable], range(len(covered) + 1), len(covered) + 1)
    columns["status"] = _texts(["own", *names[1:], "unreachable", "gap"], word)
    if not isinstance(demand, gpd.GeoDataFrame):
        return pd.DataFrame(columns, index=demand.index)
    out = gpd.GeoDataFrame(columns, index=demand.index)
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
    demand: pd.DataFrame,
    stations: pd.DataFrame,
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
    tables = {"joint": times} if agreed is None else {"agreed": agreed, "joint": times}
    for level, table in tables.items():
        pairs = _pairs(table, demand, stations, standard)
        in_time = pairs.ms <= pairs.limit_ms[pairs.place]
        if "alone" not in found:  # own stations are in both; under agreements they drive as they do today
            found["alone"] = np.zeros(len(demand), dtype=np.bool_)
            found["alone"][pairs.place[in_time & pairs.own]] = True
        # Who comes only where no own station is in time changes nothing about who is reached.
        found[level] = np.zeros(len(demand), dtype=np.bool_)
        found[level][pairs.place[in_time]] = True
    return found


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Pairs of station and demand point: positions, whether both are of one partner, and time on the clock.

    Narrow numbers, because there may be hundreds of millions; `limit_ms` is by demand point.
    """

    times: pd.DataFrame
    station: NDArray[np.int32]
    place: NDArray[np.int32]
    own: NDArray[np.bool_]
    ms: NDArray[np.int32] | NDArray[np.int64]
    limit_ms: NDArray[np.int64]


def _by_level(
    times: pd.DataFrame,
    agreed: pd.DataFrame | None,
    demand: pd.DataFrame,
    stations: pd.DataFrame,
    standard: Standard | Mapping[str, Standard],
) -> Iterator[tuple[str, _Pairs, NDArray[np.bool_]]]:
    """Pairs of each level, and which of them are eligible; only those of one table are kept at a time."""
    if agreed is not None:
        today = _pairs(agreed, demand, stations, standard)
        yield "alone", today, today.own
        served = np.zeros(len(demand), dtype=np.bool_)
        served[today.place[(today.ms <= today.limit_ms[today.place]) & today.own]] = True
        yield "agreed", today, today.own | ~(agreed["subsidiary"].to_numpy() & served[today.place])
        del today
    joint = _pairs(times, demand, stations, standard)
    if agreed is None:
        yield "alone", joint, joint.own
    yield "joint", joint, np.ones(len(times), dtype=np.bool_)


def _pairs(
    times: pd.DataFrame,
    demand: pd.DataFrame,
    stations: pd.DataFrame,
    standard: Standard | Mapping[str, Standard],
) -> _Pairs:
    station, place = _codes(times["station"], stations.index), _codes(times["demand"], demand.index)
    own = own_pairs(station, place, stations, demand)
    rules, kind, limit_ms = _rules(demand, standard)
    ms: NDArray[np.int32] | NDArray[np.int64] = np.empty(len(times), dtype=np.int32)
    # A piece at a time: what is worked out in between stays in the processor's cache.
    for first in range(0, len(times), _PIECE):
        rows = slice(first, first + _PIECE)
        some = _on_the_clock(times.iloc[rows], place[rows], rules, kind)
        if some.max(initial=0) > _LONGEST_MS:
            ms = ms.astype(np.int64)
        ms[rows] = some
    return _Pairs(times, station, place, own, ms, limit_ms)


def _rules(
    demand: pd.DataFrame, standard: Standard | Mapping[str, Standard]
) -> tuple[list[Standard], NDArray[np.int64], NDArray[np.int64]]:
    """One standard for each interval, and for each demand point which of them holds there, and its limit."""
    if isinstance(standard, Standard):
        limit = round(standard.limit_s * 1000)
        return (
            [standard],
            np.zeros(len(demand), dtype=np.int64),
            np.full(len(demand), limit, dtype=np.int64),
        )
    where, jurisdictions = pd.factorize(demand["jurisdiction"], use_na_sentinel=False)
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
    rules = [standard[name] for name in jurisdictions]
    limit_ms = np.array([round(rule.limit_s * 1000) for rule in rules], dtype=np.int64)[where]
    intervals = {(rule.start, rule.end): rule for rule in rules}
    number = {interval: kind for kind, interval in enumerate(intervals)}
    kinds = np.array([number[rule.start, rule.end] for rule in rules], dtype=np.int64)
    return list(intervals.values()), kinds[where], limit_ms


def _on_the_clock(
    times: pd.DataFrame, place: NDArray[np.int32], rules: Sequence[Standard], kind: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Milliseconds of each pair, by the standard that holds at the demand point."""
    if len(rules) == 1:
        return _clock_ms(times, rules[0])
    pair_kind = kind[place]
    pair_ms = np.zeros(len(times), dtype=np.int64)
    for number, rule in enumerate(rules):
        rows = pair_kind == number
        pair_ms[rows] = _clock_ms(times[rows], rule)
    return pair_ms


def _level(level: str, pairs: _Pairs, chosen: NDArray[np.bool_], stations: pd.DataFrame) -> dict[str, object]:
    """Columns of one level; `chosen` says which pairs are eligible."""
    given = (pairs.station, pairs.place, pairs.ms, pairs.own, chosen, pairs.limit_ms, len(stations))
    lead, ms, depth = first_three(*given)
    served = lead >= 0
    rows = lead[served]

    def spread(values: NDArray[np.float64], where: NDArray[np.bool_], fill: float) -> NDArray[np.float64]:
        out = np.full(len(where), fill)
        out[where] = values
        return out

    columns: dict[str, object] = {}
    first = np.full(len(lead), -1, dtype=np.int64)
    first[served] = pairs.station[rows]
    for name in ("station", "jurisdiction", "partner"):
        columns[f"{level}_{name}"] = _texts(stations.index if name == "station" else stations[name], first)
    columns[f"{level}_s"] = spread(ms[served, 0] / 1000, served, np.inf)
    columns[f"{level}_covered"] = served & (ms[:, 0] <= pairs.limit_ms)
    columns[f"{level}_depth"] = depth
    if "free" in pairs.times.columns:
        with np.errstate(divide="ignore"):  # a unit that is always free: the logarithm of 0
            busy = np.log1p(-pairs.times["free"].to_numpy())
        # Taken from 0, not negated: nobody is -0 covered.
        columns[f"{level}_expected"] = 0.0 - np.expm1(busy_sums(*given, depth, busy))
    for rank, name in ((1, "second"), (2, "third")):
        there = ms[:, rank] >= 0
        columns[f"{level}_{name}_s"] = spread(ms[there, rank] / 1000, there, np.inf)
    for segment in SEGMENTS:
        columns[f"{level}_{segment}"] = spread(pairs.times[segment].to_numpy()[rows], served, np.nan)
    return columns


def _texts(values: Iterable[object], which: NDArray[np.int64]) -> Any:
    """Take texts by position, missing at -1; each text is made once, not once for each of millions of places."""
    known = pd.array(np.asarray(list(values), dtype=object), dtype="str")
    return known.take(which, allow_fill=True)
