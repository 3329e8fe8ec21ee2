"""Times of every station to every place as packed tables, from which the page works out what-ifs by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray

from mutualaid.maps._cells import cell_order
from mutualaid.maps._counts import partner_names
from mutualaid.maps._escape import shorten
from mutualaid.maps._pack import NONE, pack

if TYPE_CHECKING:
    from mutualaid.coverage import Analysis, WhatIfTables, WhatIfTimes

__all__ = ["room_for_sites", "what_if_data"]

#: Times that a page holds of one kind, in all weathers together: about 10 MB.
_MOST = 10_000_000
#: How a table tells that nobody comes where the one before it does.
_NEVER = 32_768


def room_for_sites(analysis: Analysis) -> int | None:
    """Say how many possible sites a page has room for beside the stations of a run.

    Parameters
    ----------
    analysis
        A run.

    Returns
    -------
    int or None
        None if it has no room for the times of its stations either.
    """
    rows = _MOST // max(1, len(analysis.demand) * (1 + len(analysis.scenarios)))
    return rows - len(analysis.stations) if rows >= len(analysis.stations) else None


def what_if_data(analysis: Analysis, tables: WhatIfTables) -> dict[str, Any]:
    """Pack the times of a run for the page.

    Parameters
    ----------
    analysis
        The run.
    tables
        What `mutualaid.coverage.what_if_tables` returns for it.

    Returns
    -------
    dict
        JSON-ready. By site, the stations first: ``ids``, ``home`` (position of its partner), ``where`` (municipality),
        ``at`` (latitude, longitude); ``candidates`` (positions of sites that are not there yet); ``weather``: by id of
        the scenario, "" for fair weather, sites that are ``out``, ``lead_s``, and ``table`` with whole seconds of every
        pair, rows of sites one after the other: ``joint``, ``agreed`` as the difference from it, and ``open0`` … by the
        number of borders passed, each as the difference from the one before; of a scenario, ``joint`` as the difference
        from fair weather.
    """
    sites = tables.sites
    names, partners = analysis.region.jurisdictions["name"], list(partner_names(analysis))
    order = cell_order(analysis.coverage)
    places = shapely.get_coordinates(sites.geometry.to_crs(4326))[:, ::-1].round(6).tolist()
    weather: dict[str, Any] = {}
    fair: NDArray[np.int64] | None = None
    for key, times in tables.weather.items():
        columns = _columns(times, order)
        joint = columns["joint"]
        if fair is not None:
            columns["joint"] = _differences(joint, fair)
        fair = joint if fair is None else fair
        weather[key] = {
            "out": np.flatnonzero(times.out).tolist(),
            "lead_s": (times.lead_ms / 1000).tolist(),
            "table": pack(columns),
        }
    new = sites["candidate"].to_numpy()
    return {
        "ids": [str(key) for key in sites.index],
        "home": [partners.index(partner) for partner in sites["partner"]],
        "where": [shorten(names.get(key, key)) for key in sites["jurisdiction"]],
        "at": places,
        "candidates": np.flatnonzero(new).tolist(),
        "turnout_s": float(sites["turnout_used_s"][new].max()) if new.any() else None,
        "calling": tables.calling,
        "dispatch_s": tables.dispatch_s,
        "crossing_s": analysis.region.parameters.crossing_s,
        "cutoff_s": tables.cutoff_s,
        "borders": len(tables.weather[""].open_ms) > 1,
        "subsidiary": _by_partner(tables, partners),
        "weather": weather,
    }


def _by_partner(tables: WhatIfTables, partners: list[str]) -> list[int] | None:
    """Whether each site comes to each partner only where no own one is in time; last, to places without a partner."""
    if tables.subsidiary is None or not tables.subsidiary.any():
        return None
    found = np.zeros((len(tables.sites), len(partners) + 1), dtype=np.int64)
    found[:, [partners.index(partner) for partner in tables.partners]] = tables.subsidiary
    flat: list[int] = found.ravel().tolist()
    return flat


def _columns(times: WhatIfTimes, order: NDArray[np.intp]) -> dict[str, NDArray[np.int64]]:
    """Whole seconds of one weather: the joint team's, and the others as differences."""

    def seconds(table: NDArray[np.int32]) -> NDArray[np.int64]:
        ms = table[:, order].astype(np.int64)
        return np.where(ms >= 1000 * NONE, NONE, -(-ms // 1000)).ravel()

    joint = seconds(times.joint_ms)
    columns = {"joint": joint}
    if times.agreed_ms is not None:
        columns["agreed"] = _differences(seconds(times.agreed_ms), joint)
    if len(times.open_ms) > 1:
        before = joint
        for passages, table in enumerate(times.open_ms):
            now = seconds(table)
            columns[f"open{passages}"] = _differences(now, before)
            before = now
    return columns


def _differences(table: NDArray[np.int64], before: NDArray[np.int64]) -> NDArray[np.int64]:
    """Say how a table differs from another one: 0 where it does not, which costs nothing."""
    found = np.where(before == NONE, table + 1, table - before)
    return np.where(table == before, 0, np.where(table == NONE, _NEVER, found))
