"""What is left of coverage when units are out on other calls."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.coverage import LEVELS, Analysis
from mutualaid.errors import Defect, IncidentError
from mutualaid.incidents._busy._calls import Calls, drawn_calls, replayed_calls, work_times
from mutualaid.incidents._busy._kernel import simulate_calls
from mutualaid.incidents._busy._levels import LevelWays, level_ways, station_counts
from mutualaid.incidents._busy._tally import Tally, numbers, tally
from mutualaid.incidents._rates import demand_rates
from mutualaid.incidents._results import BusyStudy

__all__ = ["busy_units"]

_HOUR, _YEAR = 3600.0, 365.25 * 86_400.0
#: Simulated before anything is counted: a day, and several times what a call takes.
_WARM_UP_S, _WARM_UP_CALLS = 86_400.0, 20.0
#: Calls that a computer simulates in some minutes.
_MOST_CALLS = 100_000_000.0
#: Units that are out this share of the time do not keep up with their calls.
_OVERLOADED = 0.98


def busy_units(
    analysis: Analysis,
    *,
    rates: pd.DataFrame | pd.Series | None = None,
    calls_year: float | None = None,
    levels: Sequence[str] = LEVELS,
    replay: bool = False,
    service_s: float | None = None,
    hours: float = 8760.0,
    replications: int = 20,
    seed: int = 0,
    wait: bool = True,
) -> BusyStudy:
    """Simulate the calls of a region with units that are out, at each level of cooperation.

    A call goes to the free unit that comes soonest of those that may come at the level: the own ones; those that the
    agreements let come; or all. It is out from then until it can be sent again. Where none is free, the call waits for
    the first that comes home. All levels get the same calls at the same moments with the same work, so that what they
    differ in is not chance (Larson 1974 has the question, doi:10.1016/0305-0548(74)90076-8; this is the simulation of
    it, with service times that depend on the way).

    Parameters
    ----------
    analysis
        As `mutualaid.coverage.analyse` gives it.
    rates
        Calls a year of each demand point: a Series by id, or a frame with ``calls_year`` as `call_rates` gives it. If
        None: from the region's record, else from ``incidents`` of its demand, else by people, which needs `calls_year`.
    calls_year
        Calls a year in all, instead of the sum of the rates.
    levels
        Levels to simulate; ``agreed`` is left out where no agreement is in force.
    replay
        Replay the calls of the record at their own times, once, instead of drawing any: `rates`, `calls_year`, `hours`
        and `replications` are not used, and there are no errors.
    service_s
        Mean seconds from the arrival at a call until the unit can be sent again; if None, drawn from the record where
        it holds 30 such times, else 3600 s are assumed.
    hours
        Simulated hours of each repetition, after a warm-up that is not counted.
    replications
        Repetitions; standard errors are over them.
    seed
        Equal seeds give equal results, to the last bit.
    wait
        Whether calls for which no unit is free wait; else they are lost.

    Returns
    -------
    BusyStudy
        Its ``levels`` and ``places`` also have ``gain_share`` and ``gain_error``: calls in time more than ``alone`` on
        the same calls, and the standard error of that.

    Raises
    ------
    IncidentError
        Wishes that cannot be, rates that are none, or nothing that says how many calls there are; all of it is named.

    Notes
    -----
    Where all units may go everywhere and work as long, one unit more makes no call wait longer and loses none more.
    Elsewhere it may: a call goes to who is free, though he be far and the near one home in a minute.

    Examples
    --------
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.incidents import busy_units
    >>> study = busy_units(analyse(read_region(demo_path())), calls_year=4000, replications=4)
    >>> share = study.levels["in_time_share"]
    >>> bool(share["joint"] > share["alone"]), bool((share < study.levels["static_share"]).all())
    (True, True)
    """
    _check(calls_year, levels, service_s, hours, replications, seed)
    region = analysis.region
    asked = {name: ways for name, ways in level_ways(analysis).items() if name in levels}
    work = work_times(region, service_s)
    count, known = station_counts(analysis)
    assumed: dict[str, Any] = {
        "work_s": work.mean_s,
        "work": work.source,
        "stations_without_units": int((~known).sum()),
        "units_of_those": 1,
    }
    repeats: list[Calls]
    if replay:
        once, counts = replayed_calls(region, work, seed=seed)
        _check_replay(once)
        repeats, total = [once], len(once.at_s) * _YEAR / max(once.window_s[1], 1.0)
        assumed |= {"calls": "replayed from the record", **counts}
    else:
        per_year, words = demand_rates(region, rates, calls_year)
        total = math.fsum(per_year)
        warm_up_s = max(_WARM_UP_S, _WARM_UP_CALLS * work.mean_s)
        _check_size(total, hours, replications)
        repeats = [
            drawn_calls(per_year / _YEAR, work, hours=hours, warm_up_s=warm_up_s, seed=seed, number=number)
            for number in range(replications)
        ]
        assumed |= {"calls": words, "warm_up_hours": warm_up_s / _HOUR}
    found = {level: _simulate(analysis, ways, repeats, count, wait) for level, ways in asked.items()}
    window_s = repeats[0].window_s
    return BusyStudy(
        levels=_level_table(found, len(repeats)),
        places=_place_table(found, analysis, len(repeats)),
        units=_unit_table(found, analysis, count, window_s),
        calls_year=total,
        replications=len(repeats),
        hours=(window_s[1] - window_s[0]) / _HOUR,
        seed=seed,
        assumed=assumed,
        notes=_notes(found, analysis, count, replay=replay, known=bool(known.all())),
    )


def _simulate(
    analysis: Analysis, level: LevelWays, repeats: Sequence[Calls], count: NDArray[np.int64], wait: bool
) -> Tally:
    served = [
        simulate_calls(one.at_s, one.place, one.work_s, level.ways, count, wait=wait, window_s=one.window_s)
        for one in repeats
    ]
    return tally(level, analysis.standard, repeats, served)


# --- tables -------------------------------------------------------------------------------------------------


def _level_table(found: Mapping[str, Tally], repetitions: int) -> pd.DataFrame:
    rows = []
    for one in found.values():
        everywhere = np.ones(len(one.place), dtype=np.bool_)
        row = numbers(one, found.get("alone"), everywhere, repetitions)
        rows.append(row | {"busy_share": float(one.busy_share.mean())})
    return pd.DataFrame(rows, index=pd.Index(list(found), name="level"))


def _place_table(found: Mapping[str, Tally], analysis: Analysis, repetitions: int) -> pd.DataFrame:
    names = analysis.region.jurisdictions.index
    at = names.get_indexer(pd.Index(analysis.demand["jurisdiction"]))
    rows, keys = [], []
    for level, one in found.items():
        land = at[one.place]
        for number, name in enumerate(names):
            rows.append(numbers(one, found.get("alone"), land == number, repetitions))
            keys.append((level, str(name)))
    return pd.DataFrame(rows, index=pd.MultiIndex.from_tuples(keys, names=["level", "jurisdiction"]))


def _unit_table(
    found: Mapping[str, Tally], analysis: Analysis, count: NDArray[np.int64], window_s: tuple[float, float]
) -> pd.DataFrame:
    stations = analysis.stations.index.repeat(count)
    number = np.concatenate([np.arange(1, one + 1) for one in count])
    names = [f"{station}/{one}" for station, one in zip(stations, number, strict=True)]
    years = (window_s[1] - window_s[0]) / _YEAR
    tables = []
    for one in found.values():
        repetitions = len(one.busy_share)
        spread = one.busy_share.std(axis=0, ddof=1) if repetitions > 1 else np.full(len(names), math.nan)
        table = {
            "station": pd.array(list(map(str, stations)), dtype="str"),
            "partner": pd.array(list(map(str, analysis.stations["partner"].loc[stations])), dtype="str"),
            "busy_share": one.busy_share.mean(axis=0),
            "busy_error": spread / math.sqrt(repetitions),
            "calls_year": one.sent.mean(axis=0) / years if years > 0 else math.nan,
        }
        tables.append(pd.DataFrame(table, index=pd.Index(names, name="unit")))
    return pd.concat(tables, keys=list(found), names=["level"])


def _notes(
    found: Mapping[str, Tally], analysis: Analysis, count: NDArray[np.int64], *, replay: bool, known: bool
) -> tuple[str, ...]:
    """Say what must be known to read the figures."""
    notes = [
        "One unit answers each call; what more it needs is not simulated.",
        "Units are out for calls of this region only: calls beyond it keep them busier than is said here.",
    ]
    if not replay:
        notes.append(
            "Calls are equally frequent at all hours; in the busy ones more units are out than is said here."
        )
    if not known:
        notes.append("Of some stations nobody said what units they have: each of them is taken to have one.")
    availability = min(
        [analysis.region.parameters.availability, *(one.availability for one in analysis.agreements)]
    )
    if availability < 1:
        notes.append(
            "The shares of time for which units are stated to be free are not used: calls say it here."
        )
    owner = analysis.stations["partner"].to_numpy().astype(str).repeat(count)
    for level, one in found.items():
        busy = one.busy_share.mean(axis=0)
        if over := [name for name in dict.fromkeys(owner) if busy[owner == name].mean() > _OVERLOADED]:
            who = ", ".join(over)
            notes.append(f"At level {level}, units of {who} do not keep up: what waits grows with the hours.")
    return tuple(notes)


# --- checks -------------------------------------------------------------------------------------------------


def _check(
    calls_year: float | None,
    levels: Sequence[str],
    service_s: float | None,
    hours: float,
    replications: int,
    seed: int,
) -> None:
    unknown = [str(one) for one in levels if one not in LEVELS]
    whole = isinstance(replications, int | np.integer) and not isinstance(replications, bool)
    checks = [
        (
            calls_year is None or 0 < calls_year < math.inf,
            "calls_year",
            "calls a year above 0",
            calls_year,
        ),
        (
            bool(levels) and not unknown,
            "levels",
            f"one or more of {', '.join(LEVELS)}",
            ", ".join(unknown) or "none",
        ),
        (service_s is None or 0 <= service_s < math.inf, "service_s", "seconds from 0 on", service_s),
        (0 < hours < math.inf, "hours", "hours above 0", hours),
        (whole and replications >= 1, "replications", "a whole number from 1 on", replications),
        (
            isinstance(seed, int | np.integer) and not isinstance(seed, bool) and seed >= 0,
            "seed",
            "a whole number from 0 on",
            seed,
        ),
    ]
    defects = [
        Defect("", where, expected, f"{got}", "correct it")
        for fine, where, expected, got in checks
        if not fine
    ]
    if defects:
        raise IncidentError(defects)


def _check_size(total: float, hours: float, replications: int) -> None:
    number = total * hours * _HOUR / _YEAR * replications
    if number > _MOST_CALLS:
        expected, got = f"at most {_MOST_CALLS:.0f} calls in all repetitions", f"about {number:.0f}"
        raise IncidentError(
            [Defect("", "hours, replications", expected, got, "simulate fewer hours or repetitions")]
        )


def _check_replay(calls: Calls) -> None:
    if len(calls.at_s) < 2:
        expected = "a record with calls of the service whose time and place are known"
        remedy = "add [incidents] to region.toml, or draw calls: replay=False with calls_year"
        raise IncidentError([Defect("", "replay", expected, f"{len(calls.at_s)} calls", remedy)])
