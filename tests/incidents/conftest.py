"""Records of incidents whose truth is known: written by hand, and drawn on the roads of the demo."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from mutualaid.coverage import Analysis, analyse
from mutualaid.data import STAMPS, Region, demo_path, read_region
from mutualaid.network import route_graph, snap, travel_times

#: A Monday noon in local time, if that is an hour ahead of UTC.
NOON = pd.Timestamp("2024-01-08T11:00:00Z")


@pytest.fixture(scope="session")
def demo() -> Analysis:
    """The demo, analysed once for all tests, with the record that it comes with."""
    return analyse(read_region(demo_path()))


def _frame(columns: Mapping[str, Any], index: Sequence[str], points: Any, crs: Any) -> gpd.GeoDataFrame:
    frame = gpd.GeoDataFrame(dict(columns), index=pd.Index(index, name="id"), geometry=points, crs=crs)
    for name in STAMPS:
        stamps = pd.DatetimeIndex(frame[name]) if name in frame else pd.DatetimeIndex([pd.NaT] * len(frame))
        stamps = stamps.tz_localize("UTC") if stamps.tz is None else stamps
        frame[name] = pd.Series(stamps.astype("datetime64[ms, UTC]"), index=frame.index)
    return frame


@pytest.fixture(scope="session")
def with_record() -> Callable[..., Region]:
    """Give a region a record written by hand.

    Each row states ``at`` (metres along the road, or a point), seconds after the call as ``t0`` … ``free``, and what is
    not as usual: ``incident``, ``unit``, ``station``, ``type``, ``service``, ``call`` (moment), ``offset_min``.
    """

    def make(region: Region, *rows: Mapping[str, Any]) -> Region:
        columns: dict[str, list[Any]] = {
            name: [] for name in ("incident", "unit", "station", "service", "type", *STAMPS, "offset_min")
        }
        points = []
        for number, row in enumerate(rows):
            at = row.get("at", 0.0)
            points.append(at if isinstance(at, shapely.Point) else shapely.Point(at, -5.0))
            usual = {"incident": f"n{number}", "unit": "u1", "station": "", "service": "fire", "type": ""}
            for name, value in usual.items():
                columns[name].append(row.get(name, value))
            call = pd.Timestamp(row.get("call", NOON))
            for name in STAMPS:
                columns[name].append(call + pd.Timedelta(seconds=row[name]) if name in row else pd.NaT)
            columns["offset_min"].append(row.get("offset_min", 60.0))
        return replace(
            region, incidents=_frame(columns, [f"r{i}" for i in range(len(rows))], points, region.crs)
        )

    return make


@pytest.fixture(scope="session")
def drawn() -> Callable[..., Analysis]:
    """Give an analysis a record drawn with a seed: true speeds and delays are known, and how much drives vary.

    Calls come from where people live; most units come from the station that is soonest there. `wrong` is the share of
    arrivals that are off by far: most pressed late, some before they came.
    """

    def make(
        analysis: Analysis,
        count: int,
        seed: int,
        *,
        speeds: Mapping[str, float],
        junction_s: float,
        spread: float = 0.15,
        wrong: float = 0.0,
        dispatch_s: float = 240.0,
        turnout_s: Mapping[str, float] | None = None,
    ) -> Analysis:
        rng = np.random.default_rng(seed)
        network, vehicle = analysis.network, analysis.fair.graph.profile
        truth = replace(vehicle, speed_kph={**vehicle.speed_kph, **speeds}, junction_s=junction_s)
        graph = route_graph(network, truth)
        stations = analysis.stations
        origins = stations[["road", "fraction"]].assign(status=stations["road_status"])
        demand = analysis.demand[(analysis.demand["road_status"] == "ok").to_numpy()]
        weight = demand["population"].to_numpy()
        at = rng.choice(len(demand), count, p=weight / weight.sum())
        xy = shapely.get_coordinates(demand.geometry.to_numpy()[at]) + rng.normal(0.0, 30.0, (count, 2))
        index = [f"i{number}" for number in range(count)]
        points = gpd.GeoSeries(shapely.points(xy), index=index, crs=network.crs)
        pairs = travel_times(graph, origins, snap(network, points, graph=graph), limit_s=7200)
        soonest = pairs.sort_values("drive_s", kind="stable").groupby("destination")["origin"].first()
        some = rng.choice(stations.index.to_numpy(), count)
        sent = np.where(rng.random(count) < 0.7, soonest.reindex(index), some)
        by_pair = pairs.set_index(["origin", "destination"])["drive_s"]
        drive_s = by_pair.reindex(pd.MultiIndex.from_arrays([sent, index])).to_numpy(np.float64)
        drive_s = drive_s * np.exp(rng.normal(0.0, spread, count))
        late = rng.random(count) < 0.7
        off = np.where(late, drive_s + rng.uniform(300, 3000, count), drive_s * rng.uniform(0, 0.3, count))
        drive_s = np.where(rng.random(count) < wrong, off, drive_s)
        foreign = stations["partner"].reindex(sent).to_numpy() != demand["partner"].to_numpy()[at]
        usual_s = (
            stations["department"]
            .reindex(sent)
            .map({"career": 95.0, "unknown": 200.0} | dict(turnout_s or {}))
        )
        after = [
            np.zeros(count),
            np.round(rng.gamma(4.0, 4.0, count)),
            np.round(rng.gamma(6.0, 12.0, count) + foreign * dispatch_s * np.exp(rng.normal(0, 0.3, count))),
            np.round(usual_s.to_numpy(np.float64) * np.exp(rng.normal(0, 0.3, count))),
            np.round(drive_s),
            np.full(count, 3000.0),
        ]
        call = pd.Timestamp("2014-03-01T00:00:00Z") + pd.to_timedelta(
            np.sort(rng.integers(0, 730 * 86_400, count)), unit="s"
        )
        columns: dict[str, Any] = {
            "incident": index,
            "unit": [f"{one}/1" for one in sent],
            "station": sent,
            "service": "fire",
            "type": "",
            "offset_min": 60.0,
        }
        seconds = np.zeros(count)
        for name, more in zip(("t0", "t1", "t2", "t3", "t4", "free"), after, strict=True):
            seconds = seconds + more
            columns[name] = call + pd.to_timedelta(seconds, unit="s")
        kept = np.isfinite(drive_s)
        record = _frame(columns, index, points.to_numpy(), network.crs)[kept]
        return replace(analysis, region=replace(analysis.region, incidents=record))

    return make
