"""What holds an evacuation up, in words: the minimum cut that proves the lower bound."""

from __future__ import annotations

import math
from collections.abc import Iterator

import geopandas as gpd
import numpy as np

from mutualaid.evacuation._build import EvacuationNetwork
from mutualaid.evacuation._cut import Cut

__all__ = ["why"]

#: Roads that are named; the others are counted.
_NAMED = 6
#: The share of what passes the cut that named roads carry together.
_MOST = 0.9
#: Share of the time until the bound after which the last are ready: then readiness decides, not roads.
_LATE = 0.5


def why(built: EvacuationNetwork, found: Cut, cut_roads: gpd.GeoDataFrame) -> tuple[str, ...]:
    """Say what holds the evacuation up.

    Parameters
    ----------
    built
        The network.
    found
        Its minimum cut.
    cut_roads
        The roads of it, with ``name`` and ``vehicles``: see `EvacuationStudy.cut`.

    Returns
    -------
    tuple
        Sentences, the most important one first.
    """
    if found.by_s <= 0 or found.vehicles <= 0:
        return ()
    return tuple(_sentences(built, found, cut_roads))


def _sentences(built: EvacuationNetwork, found: Cut, roads: gpd.GeoDataFrame) -> Iterator[str]:
    flow, by = built.flow, _clock(found.by_s)
    ready = _ready_s(built)
    behind = found.sources.groupby("zone")["people_behind"].sum().sort_values(ascending=False, kind="stable")
    zones = ", ".join(str(built.zones["name"].get(key, key)) for key in behind.index)
    if ready > _LATE * found.by_s:
        yield (
            f"The last are ready {_clock(ready)} after the alarm, of {by} that it takes at least: an earlier start is "
            "worth more than a wider road."
        )
    if len(roads) and found.vehicles_behind > 0:
        yield (
            f"Until {by}, {_roads(roads)} let through at most {found.vehicles_through:,.0f} of the "
            f"{found.vehicles_behind:,.0f} vehicles that must pass there ({found.people_behind:,.0f} people of "
            f"{zones}); {max(found.vehicles_behind - (flow.vehicles - found.vehicles), 0):,.0f} of them are to get out."
        )
    full = found.sinks.index[found.sinks["full"]]
    if len(full):
        named = ", ".join(str(built.sinks["name"].get(key, key)) for key in full)
        yield f"Full by then, and counted with all their room: {named}."


def _ready_s(built: EvacuationNetwork) -> float:
    """When the last are ready to leave."""
    flow = built.flow
    total = flow.released.sum(axis=0)
    return float(flow.release_s[np.flatnonzero(total >= total[-1] * (1 - 1e-9))[0]]) if len(total) else 0.0


def _roads(roads: gpd.GeoDataFrame) -> str:
    by_name = roads.groupby("name")["vehicles"].sum().sort_values(ascending=False, kind="stable")
    share = by_name.cumsum() / max(by_name.sum(), 1e-9)
    shown = min(int((share < _MOST).sum()) + 1, _NAMED)
    named = [name or "roads without a name" for name in by_name.index[:shown]]
    rest = len(by_name) - shown
    if rest:
        named.append(f"{rest} more road" + ("" if rest == 1 else "s"))
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"


def _clock(seconds: float) -> str:
    minutes = math.ceil(seconds / 60 - 1e-9)
    return f"{minutes // 60}:{minutes % 60:02d}"
