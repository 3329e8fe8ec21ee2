"""What roads carry: presets, lanes, factors and contraflow, worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutualaid.coverage import analyse
from mutualaid.data import CAPACITY_FACTORS, CAPACITY_PRESETS, Region, demo_path, read_region
from mutualaid.errors import EvacuationError
from mutualaid.evacuation import CAPACITIES, FACTORS, road_capacities
from mutualaid.network import ROAD_CLASSES, Network

AlongRoad = Callable[..., tuple[Region, Network]]


def road(network: Network, **columns: Any) -> Network:
    """The same roads with other attributes."""
    return replace(network, roads=network.roads.assign(**columns))


def of_class(network: Network, name: str) -> Any:
    return pd.Categorical([name] * network.n_roads, categories=ROAD_CLASSES)


def vph(network: Network, **options: Any) -> list[float]:
    """Capacity of the first road in both directions."""
    return road_capacities(network, **options)["capacity_vph"].tolist()[:2]


def test_the_names_that_a_region_may_use_are_those_of_the_tables() -> None:
    assert set(CAPACITIES) == set(CAPACITY_PRESETS)
    assert set(FACTORS) == set(CAPACITY_FACTORS)
    for one in CAPACITIES.values():
        assert set(one.vph) == set(ROAD_CLASSES)
        assert one.source
    assert CAPACITIES["matsim"].vph["motorway_link"] == 1500
    assert CAPACITIES["aequilibrae"].vph["primary_link"] == CAPACITIES["aequilibrae"].vph["primary"] == 700


def test_a_two_way_road_has_one_lane_each_way_unless_it_states_more(straight_road: Network) -> None:
    assert vph(straight_road, factor="planning") == [1500, 1500]
    assert vph(road(straight_road, lanes=np.float32(3)), factor="planning") == [2250, 2250]
    assert vph(road(straight_road, lanes=np.float32(1)), factor="planning") == [750, 750]
    stated = road_capacities(road(straight_road, lanes=np.float32(3)))["lanes_assumed"]
    assert not stated.any()
    assert road_capacities(straight_road)["lanes_assumed"].all()


def test_a_one_way_road_has_all_its_lanes_one_way(straight_road: Network) -> None:
    forward = road(straight_road, oneway=np.int8(1), lanes=np.float32(2))
    backward = road(straight_road, oneway=np.int8(-1))
    assert vph(forward, factor="planning") == [3000, 0]
    assert vph(backward, factor="planning") == [0, 1500]


def test_a_motorway_has_two_lanes_each_way_by_default(straight_road: Network) -> None:
    motorway = road(straight_road, **{"class": of_class(straight_road, "motorway"), "oneway": np.int8(1)})
    assert vph(motorway, factor="planning") == [4000, 0]
    assert vph(motorway) == [3600, 0]  # rural: 10 % less


def test_factors_by_town_and_country(straight_road: Network) -> None:
    fast = road(straight_road, maxspeed_forward_kph=np.float32(80))
    assert vph(straight_road) == [1275, 1275]  # nothing known: a street of a town, 15 % less
    assert vph(fast) == [1350, 1350]
    assert vph(straight_road, urban=False) == [1350, 1350]
    assert vph(straight_road, factor="sustained") == [600, 600]
    assert vph(straight_road, factor="planning", background=0.2) == [1200, 1200]


def test_sustained_never_raises_a_small_road(straight_road: Network) -> None:
    lane = road(straight_road, **{"class": of_class(straight_road, "service")})
    assert vph(lane, factor="sustained") == vph(lane, factor="evacuation") == [255, 255]


def test_contraflow_adds_the_other_lanes_at_seventy_percent_and_closes_the_way_in(
    straight_road: Network,
) -> None:
    out = np.tile([False, True], straight_road.n_roads)
    found = road_capacities(straight_road, factor="planning", contraflow=["High Road"], outbound=out)
    assert found["capacity_vph"].tolist()[:2] == [0, 1500 + 0.7 * 1500]
    assert found["turned"].tolist()[:2] == [0, 1]
    one_way = road(straight_road, oneway=np.int8(1), lanes=np.float32(2))
    turned = road_capacities(one_way, factor="planning", contraflow=["High Road"], outbound=out)
    assert turned["capacity_vph"].tolist()[:2] == [0, 2 * 0.7 * 1500]
    along = road_capacities(one_way, factor="planning", contraflow=["High Road"], outbound=~np.asarray(out))
    assert along["capacity_vph"].tolist()[:2] == [3000, 0]


def test_contraflow_by_way_leaves_other_roads_alone(straight_road: Network) -> None:
    out = np.tile([True, False], straight_road.n_roads)
    found = road_capacities(straight_road, factor="planning", contraflow=["1"], outbound=out)
    assert found["capacity_vph"].tolist()[:4] == [1500, 1500, 2550, 0]


def test_a_crossing_is_a_point(straight_road: Network) -> None:
    crossing = np.repeat(straight_road.roads["crossing"].to_numpy() >= 0, 2)
    found = road_capacities(straight_road)["capacity_vph"].to_numpy()
    assert np.isinf(found[crossing]).all()
    assert np.isfinite(found[~crossing]).all()


def test_what_is_wrong_is_said_at_once(straight_road: Network) -> None:
    with pytest.raises(EvacuationError) as error:
        road_capacities(straight_road, preset="hcm", factor="best", background=1.0, contraflow=["High Road"])
    assert [one.where for one in error.value.defects] == ["preset", "factor", "background", "outbound"]
    with pytest.raises(EvacuationError, match="Low Road") as error:
        road_capacities(straight_road, contraflow=["Low Road", "99"], outbound=[True] * 12)
    assert len(error.value.defects) == 2


@pytest.fixture(scope="module")
def demo_roads() -> Network:
    return analyse(read_region(demo_path())).network


@given(background=st.floats(0, 0.99), preset=st.sampled_from(CAPACITY_PRESETS))
def test_sustained_is_never_above_evacuation_nor_that_above_planning(
    demo_roads: Network, background: float, preset: str
) -> None:
    planning, evacuation, sustained = (
        road_capacities(demo_roads, preset=preset, factor=one, background=background)[
            "capacity_vph"
        ].to_numpy()
        for one in ("planning", "evacuation", "sustained")
    )
    assert (sustained <= evacuation).all()
    assert (evacuation <= planning).all()
    assert (sustained >= 0).all()
