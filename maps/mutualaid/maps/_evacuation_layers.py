"""Layers of an evacuation: hazard as it arrives, zones, traffic over time, the bottleneck, shelters, crossings."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from mutualaid.maps._escape import finite, shorten
from mutualaid.maps._evacuation import moments
from mutualaid.maps._ground import marks_at
from mutualaid.maps._layers import PageLayer
from mutualaid.maps._pack import pack, packed_paths

if TYPE_CHECKING:
    from mutualaid.evacuation import EvacuationStudy

__all__ = ["evacuation_layers"]

#: Most moments at which the hazard moves on: its areas are merged between them.
_BANDS = 16
#: Steps that people read off a clock, in seconds.
_STEPS = (60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400)
#: Lines and areas are simplified to so many metres.
_FINE_M, _COARSE_M = 3.0, 10.0
#: What the page knows of each road.
_OF_ROADS = ("people", "vehicles", "peak_vph", "capacity_vph", "closes_s")


def evacuation_layers(study: EvacuationStudy | None) -> list[PageLayer]:
    """Draw an evacuation; the words come from its facts."""
    if study is None:
        return []
    return [
        *_hazard(study),
        _layer("zones", {"paths": packed_paths(study.zones.geometry, _FINE_M)}),
        *_flows(study),
        *_cut(study),
        _layer("shelters", {}),
        *([_layer("crossings", {}, show=len(study.crossings) <= _BANDS)] if len(study.crossings) else []),
    ]


def _layer(part: str, data: dict[str, Any], *, show: bool = True) -> PageLayer:
    return PageLayer("evacuated", f"layer_evac_{part}", {"part": part, **data}, show=show)


# --- the hazard as it arrives --------------------------------------------------------------------------------


def _hazard(study: EvacuationStudy) -> list[PageLayer]:
    """Areas that the hazard has reached by some moments, and the roads that it closes by then."""
    areas, roads = study.hazard, study.closures
    end = _end(study)
    areas, roads = areas[areas["arrival_s"] <= end], roads[roads["closes_s"] <= end]
    if not len(areas) and not len(roads):
        return []
    step = _step([*areas["arrival_s"], *roads["closes_s"]])
    reached, closed = _by_step(areas, "arrival_s", step), _by_step(roads, "closes_s", step)
    data = {
        "step_s": step,
        "areas": {"paths": packed_paths(reached.geometry, _COARSE_M), "from_s": _list(reached["at_s"])},
        "roads": {"paths": packed_paths(closed.geometry, _FINE_M), "from_s": _list(closed["at_s"])},
    }
    return [_layer("hazard", data)]


def _end(study: EvacuationStudy) -> float:
    """Moment until which the hazard matters: a quarter beyond the clearance."""
    clearance = study.plan.clearance_s
    return 1.25 * clearance if math.isfinite(clearance) and clearance > 0 else math.inf


def _step(times: Iterable[float]) -> int:
    """Seconds between the moments at which the hazard moves on."""
    known = np.asarray(list(times), dtype=np.float64)
    span = float(np.ptp(known)) if len(known) else 0.0
    return next((step for step in _STEPS if span / step <= _BANDS), _STEPS[-1])


def _by_step(table: gpd.GeoDataFrame, column: str, step: int) -> gpd.GeoDataFrame:
    """Merge what is reached within one step; it shows from the first moment of that, never too late."""
    first = table[column].groupby(np.floor(table[column] / step)).transform("min")
    groups = [(at, shapely.union_all(part.geometry.to_numpy())) for at, part in table.groupby(first)]
    merged = [(at, shapely.line_merge(one) if "Line" in one.geom_type else one) for at, one in groups]
    geometry = gpd.GeoSeries([one for _, one in merged], crs=table.crs)
    return gpd.GeoDataFrame({"at_s": [at for at, _ in merged]}, geometry=geometry)


def _list(column: pd.Series) -> list[float | None]:
    return [finite(value, 1) for value in column]


# --- traffic -------------------------------------------------------------------------------------------------


def _flows(study: EvacuationStudy) -> list[PageLayer]:
    """Roads that are used, with what enters them at each moment, and the routes over them."""
    flows = study.flows
    if not len(flows):
        return []
    times = moments(study)
    number = pd.Series(np.arange(len(flows)), index=flows.index)
    named = [shorten(name or "") for name in flows["name"]]
    names = {name: k for k, name in enumerate(dict.fromkeys(named))}
    data = {
        "paths": packed_paths(flows.geometry, _FINE_M),
        "names": list(names),
        "named": [names[name] for name in named],
        "roads": pack({key: _whole(flows[key]) for key in _OF_ROADS}),
        "vph": pack({"vph": _matrix(study.steps, number, times).ravel()}),
        "chains": _chains(flows),
        "routes": _route_paths(study, number),
    }
    return [_layer("flows", data)]


def _whole(column: pd.Series) -> NDArray[np.int64]:
    """Whole numbers, -1 for what has no end."""
    values = column.to_numpy(np.float64)
    return np.where(np.isfinite(values), np.rint(np.where(np.isfinite(values), values, 0.0)), -1).astype(
        np.int64
    )


def _matrix(steps: pd.DataFrame, number: pd.Series, times: NDArray[np.float64]) -> NDArray[np.int64]:
    """Vehicles an hour on each road (rows) at each moment; little changes from one to the next."""
    found = np.zeros((len(number), len(times)), dtype=np.int64)
    known = steps[steps["edge"].isin(number.index)]
    at = np.searchsorted(times, known["time_s"].to_numpy(np.float64))
    found[number.loc[known["edge"]].to_numpy(), at] = np.ceil(known["vph"].to_numpy(np.float64) - 1e-6)
    return found


def _chains(flows: gpd.GeoDataFrame) -> list[list[int]]:
    """Roads that go on in one another, without a fork: arrows on them are spaced as on one road."""
    ends = [(line.coords[0], line.coords[-1]) for line in flows.geometry]
    leaving: dict[Any, list[int]] = {}
    entering: dict[Any, list[int]] = {}
    for k, (start, end) in enumerate(ends):
        leaving.setdefault(_place(start), []).append(k)
        entering.setdefault(_place(end), []).append(k)
    onward: dict[int, int] = {}
    for place, out in leaving.items():
        into = entering.get(place, [])
        if len(out) == len(into) == 1 and out != into:
            onward[into[0]] = out[0]
    chains, seen = [], set()
    heads = [k for k in range(len(ends)) if k not in set(onward.values())]
    for k in (*heads, *range(len(ends))):  # rings have no head
        chain = []
        at: int | None = k
        while at is not None and at not in seen:
            seen.add(at)
            chain.append(at)
            at = onward.get(at)
        if len(chain) > 1:
            chains.append(chain)
    return chains


def _place(point: tuple[float, ...]) -> tuple[float, float]:
    return round(point[0], 1), round(point[1], 1)


def _route_paths(study: EvacuationStudy, number: pd.Series) -> dict[str, Any]:
    """Lines of the routes, and which of the roads each one drives."""
    road = study.plan.network.road_edge
    driven = [number.reindex(road[path]).dropna().astype(np.int64).unique() for path in study.plan.paths]
    flat = np.concatenate([*driven, np.zeros(0, dtype=np.int64)])
    return {
        "paths": packed_paths(study.routes.geometry, _FINE_M),
        "roads": pack({"road": flat}),
        "counts": [len(one) for one in driven],
    }


# --- the bottleneck ------------------------------------------------------------------------------------------


def _cut(study: EvacuationStudy) -> list[PageLayer]:
    """Roads of the minimum cut, one line a road, and where its people are told."""
    found = study.cut
    if not len(found):
        return []
    widest = int(np.argmax(found["capacity_vph"].to_numpy()))
    middle = gpd.GeoSeries([found.geometry.iloc[widest].interpolate(0.5, normalized=True)], crs=found.crs)
    data = {
        "paths": packed_paths(found.geometry, _FINE_M),
        "roads": [
            {
                "name": shorten(row["name"] or ""),
                "capacity": finite(row["capacity_vph"], 0),
                "from_s": finite(row["from_s"], 0),
                "to_s": finite(row["to_s"], 0),
            }
            for row in found.drop(columns="geometry").to_dict("records")
        ],
        "at": marks_at(middle)[0],
    }
    return [_layer("cut", data)]
