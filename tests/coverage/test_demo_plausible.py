"""The embedded demo gives what is known of the place."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import shapely

from mutualaid.coverage import Analysis, analyse
from mutualaid.data import demo_path, read_region
from mutualaid.network import profile, route_graph, travel_times


@pytest.fixture(scope="module")
def demo() -> Analysis:
    return analyse(read_region(demo_path()))


def test_share_of_nodes_within_eight_minutes_of_driving(demo: Analysis) -> None:
    """About half of the nodes from Monaco, about a quarter from France, about 70 % from either."""
    network = demo.network
    roads = np.flatnonzero((network.roads["crossing"] < 0).to_numpy())
    road, fraction = np.full(network.n_nodes, -1), np.zeros(network.n_nodes)
    for column, end in (("b", 1.0), ("a", 0.0)):
        node = network.roads[column].to_numpy()[roads]
        road[node], fraction[node] = roads, end
    nodes = pd.DataFrame({"road": road, "fraction": fraction, "status": "ok"})
    stations = demo.stations.drop(columns="status").rename(columns={"road_status": "status"})
    times = travel_times(route_graph(network, profile("civilian")), stations, nodes, limit_s=480)
    reached = times.groupby(times["origin"].map(demo.stations["partner"]))["destination"].agg(set)
    share = {name: len(places) / network.n_nodes for name, places in reached.items()}
    partner = demo.region.jurisdictions["partner"]
    assert 0.40 < share[partner["MC"]] < 0.70
    assert 0.12 < share[partner["FR-la-turbie"]] < 0.35
    assert 0.60 < len(set.union(*reached)) / network.n_nodes < 0.85


def test_monaco_covers_itself_and_its_neighbours_gain(demo: Analysis) -> None:
    places = demo.summary["common"]["jurisdictions"]
    assert places["MC"]["alone"]["covered_share"] > 0.95
    assert (
        places["FR-beausoleil"]["joint"]["covered_share"]
        > places["FR-beausoleil"]["alone"]["covered_share"] + 0.5
    )
    assert demo.summary["headline"]["closed_by_joint"] > 10_000


def test_everybody_is_counted_once(demo: Analysis) -> None:
    population = math.fsum(demo.region.demand["population"])
    assert population == pytest.approx(66_171, abs=1)
    by_status = demo.coverage.groupby("status")["population"].sum()
    assert math.fsum(by_status) == pytest.approx(population, rel=1e-12)
    for level in ("alone", "joint"):
        left = math.fsum(demo.coverage["population"][~demo.coverage[f"{level}_covered"]])
        gaps = demo.gaps[demo.gaps["level"] == level]
        assert math.fsum(gaps["population"]) == pytest.approx(left, rel=1e-12)


def test_no_polygon_leaves_the_land(demo: Analysis) -> None:
    land = shapely.union_all(demo.region.jurisdictions.geometry.to_numpy())
    for frame in (demo.gaps, demo.isochrones):
        assert shapely.is_valid(frame.geometry.to_numpy()).all()
        assert shapely.area(shapely.difference(frame.geometry.to_numpy(), land)).max() < 1.0


def test_gaps_keep_off_covered_people(demo: Analysis) -> None:
    for level in ("alone", "joint"):
        is_covered = (demo.coverage[f"{level}_covered"] & (demo.coverage["population"] > 0)).to_numpy()
        gaps = shapely.union_all(demo.gaps[demo.gaps["level"] == level].geometry.to_numpy())
        assert not shapely.intersects(gaps, demo.coverage.geometry.to_numpy()[is_covered]).any()


def test_people_beside_a_road_reached_in_time_lie_in_the_isochrone(demo: Analysis) -> None:
    beside = demo.demand[demo.demand["distance_m"] < 50]  # the strip is 60 m to each side
    seconds = demo.times["drive_s"] + demo.times["crossing_s"]
    for station in demo.stations.index:
        bands = demo.isochrones[(demo.isochrones["station"] == station) & (demo.isochrones["to_min"] <= 8)]
        reached = demo.times["demand"][(demo.times["station"] == station) & (seconds <= 480)]
        people = beside[beside.index.isin(reached)]
        assert len(people) > 30
        assert people.intersects(bands.union_all()).to_numpy().all()
