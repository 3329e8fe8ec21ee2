"""Isochrones: reached road, made as wide as stated, in bands that do not overlap."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import geopandas as gpd
import numpy as np
import pytest
import shapely

from mutualaid.coverage import isochrones
from mutualaid.data import Region
from mutualaid.errors import NetworkError
from mutualaid.network import Network, profile, reach, route_graph, snap

STEP_M = 65_000 / 15


def bands(
    region: Region,
    network: Network,
    minutes: tuple[float, ...] = (4, 6, 8),
    *,
    crossing_s: float = 0,
    land: shapely.Geometry | None = None,
) -> gpd.GeoDataFrame:
    graph = route_graph(network, profile("fire_engine"), crossing_ms=np.array([1000 * crossing_s]))
    stations = region.stations.loc[["sa", "sb"]].assign(partner=["A", "B"])
    reached = reach(graph, snap(network, stations), limit_s=60 * minutes[-1])
    return isochrones(
        network, reached, stations, region.jurisdictions, minutes=minutes, buffer_m=50.0, land=land
    )


def along_m(frame: gpd.GeoDataFrame) -> list[tuple[float, float]]:
    """From where to where each band lies on the road."""
    bounds = frame.intersection(shapely.LineString([(-1e5, 0), (1e5, 0)])).bounds
    return [(round(west), round(east)) for west, east in zip(bounds["minx"], bounds["maxx"], strict=True)]


def test_a_band_ends_where_the_minutes_end_on_the_road(five_places: Region, straight_road: Network) -> None:
    found = bands(five_places, straight_road)
    a = found[found["station"] == "sa"]
    assert a[["from_min", "to_min"]].to_numpy().tolist() == [[0, 4], [4, 6], [6, 8]]
    assert along_m(a) == [(-50, 4383), (4383, 6550), (6550, 8717)]  # 4333, 6500 and 8667 m, and the buffer
    assert a["level"].eq("").all()


def test_merged_bands_alone_stay_at_home_and_joint_ones_cross(
    five_places: Region, straight_road: Network
) -> None:
    found = bands(five_places, straight_road, (8,))
    whole = {level: frame.geometry.iloc[0] for level, frame in found[found["station"] == ""].groupby("level")}
    border = 2.5 * STEP_M
    b_alone = whole["alone"].intersection(shapely.box(border, -99, 1e6, 99))
    assert b_alone.bounds[0] == pytest.approx(border)
    assert whole["alone"].bounds[2] == pytest.approx(4 * STEP_M + 50)
    assert not whole["alone"].intersects(shapely.Point(border - 500, 0))  # B's engine, 3 minutes from there
    assert whole["joint"].contains(shapely.Point(border - 500, 0))
    assert whole["joint"].covers(whole["alone"])


def test_a_delay_at_the_crossing_shortens_the_reach_beyond_it(
    five_places: Region, straight_road: Network
) -> None:
    found = bands(five_places, straight_road, (8,), crossing_s=120)
    b = found[found["station"] == "sb"]
    assert along_m(b) == [(round((3 - 8 / 4 + 120 / 240) * STEP_M) - 50, round(4 * STEP_M) + 50)]


def test_bands_of_a_station_or_level_do_not_overlap(five_places: Region, straight_road: Network) -> None:
    found = bands(five_places, straight_road, (1, 3, 4, 7, 12))
    for _, group in found.groupby(["station", "level"]):
        for one, other in combinations(group.geometry, 2):
            assert one.intersection(other).area < 1e-6
    assert shapely.is_valid(found.geometry.to_numpy()).all()


def test_a_longer_time_reaches_all_that_a_shorter_one_reaches(
    five_places: Region, straight_road: Network
) -> None:
    few, more = bands(five_places, straight_road, (5,)), bands(five_places, straight_road, (5, 9))
    for (station, level), group in more.groupby(["station", "level"]):
        short = few[(few["station"] == station) & (few["level"] == level)].geometry.iloc[0]
        assert group.geometry.union_all().buffer(1e-6).covers(short)


def test_the_strip_stops_at_the_shore(five_places: Region, straight_road: Network) -> None:
    land = shapely.box(-1e5, -10, 1e5, 1e5)
    found = bands(five_places, straight_road, land=land)
    assert found.bounds["miny"].min() == -10
    assert found.bounds["maxy"].max() == pytest.approx(50)


def ring_road(network: Network, width_m: float) -> Network:
    """The first road of a network led around a square of the width given, which nobody drives into."""
    xy = np.array([[0, 0], [width_m, 0], [width_m, width_m], [0, width_m], [0, 1.0]])
    return replace(
        network,
        roads=network.roads.iloc[:1].assign(length_m=4 * width_m),
        road_xy=xy,
        road_offset=np.array([0, 5]),
        node_id=network.node_id[:2],
        x=np.array([0, 0.0]),
        y=np.array([0, 1.0]),
        crossings=network.crossings.iloc[:0],
    )


@pytest.mark.parametrize(("width_m", "holes"), [(220.0, 0), (400.0, 1)])
def test_a_lake_stays_open_and_a_backyard_does_not(
    width_m: float, holes: int, five_places: Region, straight_road: Network
) -> None:
    network = ring_road(straight_road, width_m)
    graph = route_graph(network, profile("fire_engine"))
    stations = five_places.stations.loc[["sa"]].assign(partner="A")
    reached = reach(graph, snap(network, stations), limit_s=600)
    found = isochrones(network, reached, stations, five_places.jurisdictions, minutes=(10,))
    # The middle is 100 m wide, 10,000 m², in the one case and 280 m wide, 78,400 m², in the other.
    merged = found[found["level"] == "joint"].geometry
    assert merged.count_interior_rings().tolist() == [holes]


@pytest.mark.parametrize("minutes", [(), (0, 4), (4, 4), (8, 4)])
def test_minutes_must_ascend(minutes: tuple[float, ...], five_places: Region, straight_road: Network) -> None:
    reached = reach(
        route_graph(straight_road, profile("fire_engine")),
        snap(straight_road, five_places.stations),
        limit_s=60,
    )
    with pytest.raises(NetworkError, match="ascend"):
        isochrones(straight_road, reached, five_places.stations, five_places.jurisdictions, minutes=minutes)
