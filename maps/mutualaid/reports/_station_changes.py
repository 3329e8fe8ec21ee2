"""Which stations are new, gone or changed: by their id, else by where they stand."""

from __future__ import annotations

from collections.abc import Iterable

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from mutualaid.reports._mixing import Pair

__all__ = ["station_changes"]

#: A station of the same service that has another id and stands this near is the same one; one of the same name in the
#: same jurisdiction may stand further.
_SAME_M, _SAME_NAME_M = 250.0, 3000.0
#: One that stands further from where it stood has moved.
_MOVED_M = 25.0
_POSITION_M = 0.01
_STATED = (
    "jurisdiction",
    "department",
    "turnout_s",
    "turnout_day_s",
    "turnout_night_s",
    "turnout_weekend_s",
    "status",
)
_WORDS = {"department": "crew", "status": "status", "jurisdiction": "jurisdiction"}


def station_changes(pair: Pair) -> tuple[list[str], dict[str, int | None]]:
    """Say how the stations of the service and their units changed.

    Parameters
    ----------
    pair
        Two regions.

    Returns
    -------
    what
        Sentences; none if nothing differs that coverage can depend on.
    counts
        ``added``, ``removed``, ``changed``.
    """
    services = {side.parameters.service for side in (pair.before, pair.after)}
    a, b = (side.stations[side.stations["service"].isin(services)] for side in (pair.before, pair.after))
    units = [_units(side.units) for side in (pair.before, pair.after)]
    twins = _twins(a, b)
    new = [key for key in b.index if key not in twins.values()]
    gone = [key for key in a.index if key not in twins]
    what = [f"New: {_called(b, key)}, {_of(b, key)}." for key in new]
    what += [f"No longer there: {_called(a, key)}, {_of(a, key)}." for key in gone]
    changed = 0
    renamed = []
    for old, key in twins.items():
        texts = [*_stated(a, b, old, key), *_moved(a, b, old, key)]
        if units[0].get(old, ()) != units[1].get(key, ()):
            before, after = (
                ", ".join(some) or "unknown" for some in (units[0].get(old, ()), units[1].get(key, ()))
            )
            texts.append(f"units: {before} → {after}")
        if texts:
            changed += 1
            what.append(f"{_called(b, key)}: {'; '.join(texts)}.")
        if old != key:
            renamed.append(old)
    if renamed:
        what.append(
            f"{len(renamed)} stations have another id and were taken as the same, because one of the service stands "
            f"within {_SAME_M:.0f} m, or one of the same name in the same jurisdiction: "
            f"{', '.join(renamed[:6])}{' …' if len(renamed) > 6 else ''}."
        )
    return what, {"added": len(new), "removed": len(gone), "changed": changed}


def _twins(a: gpd.GeoDataFrame, b: gpd.GeoDataFrame) -> dict[str, str]:
    """Id after by id before: the same id, else the same name or place of those left, nearest pairs first."""
    twins = {str(key): str(key) for key in a.index if key in b.index}
    left, right = a.drop(list(twins)), b.drop(list(twins))
    if left.empty or right.empty:
        return twins
    apart = shapely.distance(left.geometry.to_numpy()[:, None], right.geometry.to_numpy()[None, :])
    apart[left["service"].to_numpy()[:, None] != right["service"].to_numpy()[None, :]] = np.inf
    names = [frame["name"].to_numpy()[:, None] for frame in (left, right)]
    lands = [frame["jurisdiction"].to_numpy()[:, None] for frame in (left, right)]
    alike = (names[0] == names[1].T) & (lands[0] == lands[1].T)
    apart[apart > np.where(alike, _SAME_NAME_M, _SAME_M)] = np.inf
    for flat in np.argsort(apart, axis=None, kind="stable"):
        i, j = divmod(int(flat), len(right))
        old, new = str(left.index[i]), str(right.index[j])
        if not np.isfinite(apart[i, j]):
            break
        if old not in twins and new not in twins.values():
            twins[old] = new
    return twins


def _units(units: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """Give the units of a station in words that can be compared."""
    found: dict[str, list[str]] = {}
    for row in units.to_dict("records"):
        able = f" with {row['capabilities']}" if row["capabilities"] else ""
        crew = "" if np.isnan(row["staffing"]) else f" of {row['staffing']:g}"
        found.setdefault(str(row["station"]), []).append(
            f"{row['count']} {row['kind'] or 'unit'}{able}{crew}"
        )
    return {key: tuple(sorted(some)) for key, some in found.items()}


def _stated(a: gpd.GeoDataFrame, b: gpd.GeoDataFrame, old: str, new: str) -> Iterable[str]:
    for column in _STATED:
        if column not in a.columns or column not in b.columns:
            continue
        before, after = a[column][old], b[column][new]
        if before == after or (pd.isna(before) and pd.isna(after)):
            continue
        word = _WORDS.get(column, column)
        yield f"{word} {_value(before)} → {_value(after)}"


def _value(value: object) -> str:
    if isinstance(value, float):
        return "not stated" if np.isnan(value) else f"{value:g}"
    return str(value) or "not stated"


def _moved(a: gpd.GeoDataFrame, b: gpd.GeoDataFrame, old: str, new: str) -> Iterable[str]:
    apart = float(a.geometry[old].distance(b.geometry[new]))
    if apart > (_POSITION_M if old == new else _MOVED_M):
        yield f"moved by {apart:,.0f} m" if apart >= 1 else "moved by less than a metre"


def _called(stations: gpd.GeoDataFrame, key: str) -> str:
    name = str(stations["name"][key])
    return f"{name} ({key})" if name and name != key else key


def _of(stations: gpd.GeoDataFrame, key: str) -> str:
    return f"{stations['service'][key]}, {stations['status'][key]}, {stations['jurisdiction'][key]}"
