"""What people give as sites, demand and times between them: checked, completed, and put in one order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from mutualaid.errors import Defect

__all__ = ["STATES", "demand_frame", "site_frame", "some", "times_by_weather"]

#: What may become of a site.
STATES: Mapping[str, str] = {
    "fixed": "a station that stays",
    "closable": "a station that may be closed",
    "movable": "a station that may be given up for a new one elsewhere",
    "candidate": "a place where there is no station yet",
}

#: What a site or a point has where nothing is stated.
_SITE_DEFAULTS: Mapping[str, str | float] = {
    "state": "candidate",
    "partner": "",
    "opening_cost": 1.0,
    "closing_cost": 0.0,
    "capacity": np.inf,
    "units": 1,
}
_DEMAND_DEFAULTS: Mapping[str, str] = {"partner": "", "jurisdiction": ""}

#: Least value of each column that holds numbers.
_LEAST = {"population": 0.0, "opening_cost": 0.0, "closing_cost": 0.0, "capacity": 0.0, "units": 1.0}

#: So many defects of one kind are named one by one.
_NAMED = 10


def site_frame(sites: pd.DataFrame | Sequence[str]) -> tuple[pd.DataFrame, list[Defect]]:
    """Sites with all columns, and everything that is wrong with them."""
    given = sites if isinstance(sites, pd.DataFrame) else pd.DataFrame(index=pd.Index(list(sites)))
    frame, defects = _completed(given, "site", _SITE_DEFAULTS)
    if "state" in frame.columns:
        strange = frame.loc[~frame["state"].isin(STATES), "state"]
        defects += [
            Defect("", f"site {name}", f"state one of {', '.join(STATES)}", repr(state), "correct it")
            for name, state in strange.items()
        ]
    return frame, defects


def demand_frame(demand: pd.DataFrame) -> tuple[pd.DataFrame, list[Defect]]:
    """Demand with all columns, and everything that is wrong with it."""
    frame, defects = _completed(demand, "demand", _DEMAND_DEFAULTS)
    if "population" not in demand.columns:
        got, remedy = some(demand.columns) or "none", "name the weight of each point so"
        defects.append(Defect("", "demand", "a column population", got, remedy))
    return frame, defects


def _completed(
    given: pd.DataFrame, what: str, defaults: Mapping[str, str | float]
) -> tuple[pd.DataFrame, list[Defect]]:
    """Copy it with what is not stated, and name everything that is wrong with its ids and numbers."""
    if len(given) == 0:
        return given, [Defect("", what, "at least one", "none", "give some, with ids")]
    defects = [*_ids(given.index, what), *_twice(given.columns, what, "each column once")]
    if defects:
        return given, defects
    frame = given.copy()
    for name, value in defaults.items():
        if name not in frame.columns:
            frame[name] = value
        elif isinstance(value, str):
            frame[name] = frame[name].astype(object).where(frame[name].notna(), value).astype(str)
        else:
            frame[name] = frame[name].fillna(value)
    for name in frame.columns.intersection(list(_LEAST)):
        number = pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64, na_value=np.nan)
        if wrong := _numbers(frame[name], number, what):
            defects += wrong
        else:
            frame[name] = number.astype(np.int64) if name == "units" else number
    return frame, defects


def _ids(index: pd.Index, what: str) -> list[Defect]:
    if index.hasnans:
        got = f"{np.count_nonzero(index.isna())} without one"
        return [Defect("", what, "an id for each", got, "give each an id of its own")]
    return _twice(index, what, "each id once")


def _twice(index: pd.Index, where: str, expected: str) -> list[Defect]:
    twice = index[index.duplicated()].unique()
    return [Defect("", where, expected, f"{some(twice)} again", "keep one, or rename")] if len(twice) else []


def _numbers(column: pd.Series, number: NDArray[np.float64], what: str) -> list[Defect]:
    """Values that are missing, too small, not whole where they must be, or without end."""
    name = str(column.name)
    wrong = ~(number >= _LEAST[name])
    if name != "capacity":
        wrong |= np.isinf(number)
    if name == "units":
        wrong |= number != np.floor(number)
    expected = f"{name} a {'whole ' if name == 'units' else ''}number from {_LEAST[name]:g} on"
    remedy = "leave the point out if nobody knows how many live there" if what == "demand" else "correct it"
    rows = np.flatnonzero(wrong)
    defects = [
        Defect("", f"{what} {column.index[row]}", expected, f"{column.iloc[row]}" or "nothing", remedy)
        for row in rows[:_NAMED]
    ]
    if len(rows) > _NAMED:
        defects.append(Defect("", what, expected, f"{len(rows) - _NAMED} more like it", "correct them all"))
    return defects


def times_by_weather(
    times: pd.DataFrame | ArrayLike | Mapping[str, ArrayLike], sites: pd.Index, demand: pd.Index
) -> tuple[dict[str, NDArray[np.float64]], list[Defect]]:
    """(s, n) seconds by weather, missing ones NaN, and everything that is wrong with them."""
    if isinstance(times, pd.DataFrame) and {"site", "demand", "seconds"} <= set(times.columns):
        return _long(times, sites, demand)
    given = times if isinstance(times, Mapping) else {"": times}
    if not given:
        return {}, [Defect("", "times", "at least one table", "none", "give times in fair weather as ''")]
    defects, found = [], {}
    for name, table in given.items():
        where = f"times {name}".strip()
        array, more = _wide(table, where, sites, demand)
        more = more or _seconds(array, where, sites, demand)
        defects += more
        found[str(name)] = array
    return found, defects


def _wide(
    table: ArrayLike | pd.DataFrame, where: str, sites: pd.Index, demand: pd.Index
) -> tuple[NDArray[np.float64], list[Defect]]:
    """Put a table in the order of sites and demand, and name what is wrong with its form."""
    nothing = np.empty((0, 0))
    if isinstance(table, pd.DataFrame):
        defects = [*_ids(table.index, f"{where}, sites"), *_ids(table.columns, f"{where}, demand")]
        for given, known, what in ((table.index, sites, "site"), (table.columns, demand, "demand")):
            if strange := [one for one in given if one not in known]:
                remedy = f"correct the id, or leave it out; ids are {some(known)}"
                defects.append(Defect("", where, f"ids of {what}", some(strange), remedy))
            if lacking := [one for one in known if one not in given]:
                remedy = "add it, inf where nobody comes"
                defects.append(Defect("", where, f"each {what}", f"none for {some(lacking)}", remedy))
        if defects:
            return nothing, defects
        table = table.reindex(index=sites, columns=demand)
    try:
        array = np.asarray(table, dtype=np.float64)
    except (TypeError, ValueError) as error:
        return nothing, [Defect("", where, "numbers", str(error), "give seconds, inf where nobody comes")]
    if array.shape != (len(sites), len(demand)):
        expected = f"shape ({len(sites)}, {len(demand)}): sites, demand"
        return nothing, [Defect("", where, expected, str(array.shape), "transpose it, or complete it")]
    return array, []


def _long(
    times: pd.DataFrame, sites: pd.Index, demand: pd.Index
) -> tuple[dict[str, NDArray[np.float64]], list[Defect]]:
    """Arrays by weather from one row a pair, and what is wrong with them."""
    if defects := _twice(times.columns, "times", "each column once"):
        return {}, defects
    scenario = times["scenario"].fillna("") if "scenario" in times.columns else pd.Series("", times.index)
    row, column = sites.get_indexer(pd.Index(times["site"])), demand.get_indexer(pd.Index(times["demand"]))
    for at, what, known in ((row, "site", sites), (column, "demand", demand)):
        if (at < 0).any():
            remedy = f"correct the id, or leave it out; ids are {some(known)}"
            strange = times.loc[at < 0, what].unique()
            defects.append(Defect("", "times", f"ids of {what}", some(strange), remedy))
    pairs = pd.DataFrame({"row": row, "column": column, "scenario": scenario.to_numpy()})
    twice = (pairs.duplicated() & (row >= 0) & (column >= 0)).to_numpy()
    if twice.any():
        first = times[twice].iloc[0]
        got = f"{twice.sum()} again, such as {first['site']} to {first['demand']}"
        defects.append(Defect("", "times", "each pair once", got, "keep one of them"))
    seconds = pd.to_numeric(times["seconds"], errors="coerce").to_numpy(np.float64, na_value=np.nan)
    words = times.loc[np.isnan(seconds) & times["seconds"].notna().to_numpy(), "seconds"]
    if len(words):
        defects.append(Defect("", "times", "numbers", some(words), "give seconds, inf where nobody comes"))
    if defects:
        return {}, defects
    found = {}
    for name in scenario.unique():
        here = (scenario == name).to_numpy()
        array = np.full((len(sites), len(demand)), np.inf)
        array[row[here], column[here]] = seconds[here]
        found[str(name)] = array
        defects += _seconds(array, f"times {name}".strip(), sites, demand)
    return found, defects


def _seconds(array: NDArray[np.float64], where: str, sites: pd.Index, demand: pd.Index) -> list[Defect]:
    """Name times that are less than 0."""
    less = np.argwhere(array < 0)
    if len(less) == 0:
        return []
    pairs = [f"{array[row, column]:g} from {sites[row]} to {demand[column]}" for row, column in less[:2]]
    more = f" and {len(less) - 2} more" if len(less) > 2 else ""
    got = ", ".join(pairs) + more
    return [Defect("", where, "no negative time", got, "give inf where nobody comes")]


def some(ids: Iterable[object]) -> str:
    """Name the first ids, and count the others."""
    names = [str(name) for name in ids]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
