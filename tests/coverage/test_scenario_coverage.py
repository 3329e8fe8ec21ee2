"""Coverage under hazards, worked out by hand on five places along one road, four minutes apart.

In fair weather, from the alert, with 80 s of turnout at station a (place 0) and 60 s at station b (place 3):

=====  ======  =====  =====  ==========================
place  people  alone  joint
=====  ======  =====  =====  ==========================
d0        100     80     80  A, covered by a
d1         80    320    320  A, covered by a
d2         60    560    300  A, covered by b alone
d3         40     60     60  B, covered by b
d4         20    300    300  B, covered by b
=====  ======  =====  =====  ==========================

The limit is 480 s. A position of 2.5 is in the middle between the places 2 and 3, where the border and its crossing x1
are. Roads and ways are 0: 0-1, 1: 1-2, 2: 2-2.5, 3: the crossing, 4: 2.5-3, 5: 3-4.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import CRS

from mutualaid.coverage import (
    FairWeather,
    ScenarioResult,
    analyse,
    coverage,
    later_minutes,
    levels,
    response_times,
    scenario_coverage,
    scenario_risk,
    scenario_table,
    standard,
)
from mutualaid.coverage._fair import reached_by_road
from mutualaid.coverage._fleets import drive_times
from mutualaid.data import HazardScenario, HazardSource, Region, RiskCurve, demo_path, read_region
from mutualaid.errors import HazardError
from mutualaid.hazards import HazardLayer, check_hazards, read_hazard
from mutualaid.network import ROAD_CLASSES, Network, profile, route_graph, snap

UTM = CRS.from_epsg(32632)
SCHEME = "inasafe-flood-depth"
STEP_M = 65_000 / 15
INF, NAN = math.inf, math.nan
#: From, to (in steps from place 0) and value.
Bands = Iterable[tuple[float, float, float]]


def band_file(file: Path, bands: Bands, base: float = 0.0, rows: int = 1) -> Path:
    """Write a raster of equal rows along the road: 100 cells a step, a tenth of a step more at both ends."""
    cells = np.full((rows, 420), base, np.float32)
    for start, stop, value in bands:
        cells[:, round(10 + 100 * start) : round(10 + 100 * stop)] = value
    size = STEP_M / 100
    profile_: dict[str, Any] = {
        "driver": "GTiff", "height": rows, "width": 420, "count": 1, "dtype": "float32", "crs": UTM, "nodata": NAN,
        "transform": Affine(size, 0, -10 * size, 0, -1000 / rows, 500),
    }  # fmt: skip
    with rasterio.open(file, "w", **profile_) as raster:
        raster.write(cells, 1)
    return file


MakeLayer = Callable[..., HazardLayer]


@pytest.fixture
def layer(tmp_path: Path) -> MakeLayer:
    """A layer of flood depths, or of another quantity, along the road."""

    def make(key: str, *bands: tuple[float, float, float], base: float = 0.0, **stated: Any) -> HazardLayer:
        usual: dict[str, Any] = {"hazard": "flood", "quantity": "depth", "unit": "m", "scheme": SCHEME}
        if stated.get("quantity", "depth") != "depth":
            usual |= {"unit": "", "scheme": ""}
        return read_hazard(band_file(tmp_path / f"{key}.tif", bands, base), id=key, **(usual | stated))

    return make


def fair_weather(region: Region, network: Network) -> FairWeather:
    """What `analyse` makes, from the same public parts."""
    partner = region.jurisdictions["partner"]
    chosen = region.stations[(region.stations["service"] == "fire") & (region.stations["status"] == "active")]
    parameters, rule = region.parameters, standard(region.parameters.standard, own=region.standards)
    graph = route_graph(network, profile(parameters.profile), crossing_ms=[0] * len(network.crossings))
    origins, places = (
        snap(network, table, max_m=parameters.snap_m, graph=graph) for table in (chosen, region.demand)
    )
    stations = chosen.assign(
        partner=chosen["jurisdiction"].map(partner),
        turnout_used_s=chosen["turnout_s"].fillna(parameters.turnout_s["career"]),
    ).join(origins.rename(columns={"status": "road_status"}))
    demand = region.demand.assign(partner=region.demand["jurisdiction"].map(partner))
    demand = demand.join(places.rename(columns={"status": "road_status"}))
    drive = drive_times(graph, origins, places, parameters.cutoff_s)
    return FairWeather(
        graph=graph,
        stations=stations,
        demand=demand,
        jurisdictions=region.jurisdictions,
        parameters=parameters,
        standard=rule,
        coverage=coverage(response_times(drive, stations, demand, parameters), demand, stations, rule),
        connected=reached_by_road(graph, origins, places),
        leaving=stations.index.isin(drive["origin"].unique()),
    )


@pytest.fixture
def fair(five_places: Region, straight_road: Network) -> FairWeather:
    return fair_weather(five_places, straight_road)


def row(table: pd.DataFrame, *labels: Any) -> pd.Series[Any]:
    """One row of a table, by its labels."""
    found = table.loc[labels if len(labels) > 1 else labels[0]]
    assert isinstance(found, pd.Series)
    return found


def flood(*layers: HazardLayer, **options: Any) -> HazardScenario:
    return HazardScenario("flood", "A flood", tuple(one.id for one in layers), **options)


@pytest.fixture
def half(tmp_path: Path) -> Path:
    """A rule by which water of 10 cm or more leaves a quarter of the speed."""
    file = tmp_path / "quarter.toml"
    file.write_text(
        '[quarter]\nname = "A quarter"\nhazards = ["flood"]\nquantity = "depth"\nunit = "m"\nvehicle = "any"\n'
        'rule = "points"\npoints = [[0, 1], [0.1, 0.25]]\nsource = "here"\n',
        encoding="utf-8",
    )
    return file


# --- stations ------------------------------------------------------------------------------------------------


def test_a_station_in_the_flood_is_out(fair: FairWeather, layer: MakeLayer) -> None:
    # 1 m of water, moderate, from before place 0 to a tenth of the way: station a is out, and its road closed.
    water = layer("w", (-0.1, 0.1, 1.0))
    found = scenario_coverage(fair, flood(water), [water])
    assert found.stations["state"].tolist() == ["out", "in_service"]
    assert found.stations["severity"].tolist() == [3, 0]
    assert found.stations["layer"].tolist() == ["w", "w"]
    covered = found.coverage
    # b drives 8 minutes to place 1 and 4 to place 2; nobody gets to place 0.
    assert covered["alone_s"].tolist() == [INF, INF, INF, 60, 300]
    assert covered["joint_s"].tolist() == [INF, 540, 300, 60, 300]
    assert covered["status"].tolist() == ["gap", "gap", "joint", "own", "own"]
    assert covered["loss"].tolist() == ["lost", "lost", "none", "none", "none"]
    assert covered["isolated"].tolist() == [True, False, False, False, False]
    assert covered["flooded"].tolist() == [True, False, False, False, False]
    assert covered["fair_status"].tolist() == ["own", "own", "joint", "own", "own"]
    assert covered["fair_alone_s"].tolist() == [80, 320, 560, 60, 300]
    assert found.roads["closed"].tolist() == [True, False, False, False, False, False]
    assert found.rules == {"w": "fording-emergency"}
    # Of whom nobody reaches any more the minutes end 1800 s after the faster crew's 60 s: a lower bound.
    assert found.end_s == 1860
    assert later_minutes(found, "alone").tolist() == pytest.approx(
        [100 * 1780 / 60, 80 * 1540 / 60, 60 * 1300 / 60, 0, 0]
    )
    assert later_minutes(found, "joint").tolist() == pytest.approx([100 * 1780 / 60, 80 * 220 / 60, 0, 0, 0])


def test_a_station_beside_shallow_water_is_delayed(fair: FairWeather, layer: MakeLayer) -> None:
    # 0.2 m is low: the road is open, and the crew of a needs 200 s more.
    water = layer("w", (-0.1, 0.1, 0.2))
    found = scenario_coverage(fair, flood(water, stations_delayed=2, stations_delay_s=200.0), [water])
    assert found.stations["state"].tolist() == ["delayed", "in_service"]
    assert found.coverage["alone_s"].tolist() == [280, 520, 760, 60, 300]
    assert found.coverage["joint_s"].tolist() == [280, 520, 300, 60, 300]
    assert found.coverage["loss"].tolist() == ["none", "lost", "none", "none", "none"]
    assert not found.coverage["isolated"].any()
    assert found.end_s == 1860  # cutoff and the fastest turnout, whatever the delay here
    plain = scenario_coverage(fair, flood(water), [water])
    assert plain.stations["state"].tolist() == ["in_service", "in_service"]
    assert plain.coverage["joint_s"].tolist() == [80, 320, 300, 60, 300]
    strict = scenario_coverage(fair, flood(water, stations_out=2), [water])
    assert strict.stations["state"].tolist() == ["out", "in_service"]


def test_a_station_without_an_open_road_is_cut_off(
    five_places: Region, straight_road: Network, layer: MakeLayer
) -> None:
    # Nobody lives at place 0 here; station a is dry, but its road is closed from a tenth of the way on.
    fair = fair_weather(replace(five_places, demand=five_places.demand.drop("d0")), straight_road)
    water = layer("w", (0.1, 0.2, 1.0))
    found = scenario_coverage(fair, flood(water), [water])
    assert found.stations["state"].tolist() == ["cut_off", "in_service"]
    assert found.coverage["joint_s"].tolist() == [540, 300, 60, 300]


def test_a_station_of_unknown_severity_stays_in_service_and_is_counted(
    fair: FairWeather, layer: MakeLayer
) -> None:
    water = layer("w", (-0.1, 0.1, NAN), (3.4, 3.6, 2.0))
    found = scenario_coverage(fair, flood(water), [water])
    assert found.stations["severity"].isna().tolist() == [True, False]
    assert found.stations["severity_status"].tolist() == ["unknown", "known"]
    assert found.stations["state"].tolist() == ["in_service", "in_service"]
    assert found.coverage["joint_s"].tolist() == [80, 320, 300, 60, INF]
    assert found.coverage["exposed"].isna().tolist() == [True, False, False, False, False]
    assert found.coverage["flooded"].isna().tolist() == [True, False, False, False, False]
    # A tenth of the way of an unknown road; before place 0 there is none.
    assert found.roads["unknown_m"].tolist() == pytest.approx([0.1 * STEP_M, 0, 0, 0, 0, 0], abs=1e-6)
    table = scenario_table(found)
    assert table[table["class"] == "unknown"][["jurisdiction", "population"]].to_numpy().tolist() == [
        ["", 100],
        ["A", 100],
    ]
    shut = scenario_coverage(fair, flood(water, unknown="closed"), [water])
    assert shut.coverage["isolated"].tolist() == [False, False, False, False, True]  # a stands at place 0
    assert shut.coverage["joint_s"].tolist() == [80, 540, 300, 60, INF]


def test_unknown_stations_stand_in_the_summary(
    five_places: Region, straight_road: Network, tmp_path: Path
) -> None:
    file = band_file(tmp_path / "w.tif", [(-0.1, 0.1, NAN)])
    region = replace(five_places, hazards=(source("w", file),), scenarios=(HazardScenario("s", "S", ("w",)),))
    block = analyse(region, network=straight_road).summary["hazards"]["scenarios"]["s"]
    assert block["stations"] == {
        "in_service": 2, "delayed": 0, "cut_off": 0, "out": [], "unknown": 1,
        "by_severity": {"none": 1, "unknown": 1},
    }  # fmt: skip
    assert block["roads_km"]["unknown"] == pytest.approx(0.1 * STEP_M / 1000, abs=0.001)


def test_with_every_station_out_nobody_is_reached(fair: FairWeather, layer: MakeLayer) -> None:
    water = layer("w", base=2.0)
    found = scenario_coverage(fair, flood(water), [water])
    assert found.stations["state"].tolist() == ["out", "out"]
    assert (found.coverage["status"] == "gap").all()
    assert np.isinf(found.coverage["joint_s"]).all()
    assert found.coverage["isolated"].all()
    assert found.coverage["joint_station"].isna().all()
    total = scenario_table(found).iloc[0]
    assert (total["joint"], total["lost_joint"], total["isolated"]) == (0, 300, 300)
    maybe = layer("p", (0.4, 0.6, 0.5), quantity="probability", hazard="landslide")
    drawn = scenario_coverage(fair, flood(water, maybe, draws=10), [water, maybe])
    assert drawn.coverage["joint_probability"].tolist() == [0] * 5


def test_who_lives_off_the_roads_is_neither_isolated_nor_lost(
    five_places: Region, straight_road: Network, layer: MakeLayer
) -> None:
    demand = five_places.demand.copy()
    demand.geometry = gpd.points_from_xy(np.arange(5) * STEP_M, [-5.0, -5.0, -450.0, -5.0, -5.0])
    fair = fair_weather(replace(five_places, demand=demand), straight_road)
    assert fair.coverage["status"].tolist() == ["own", "own", "unreachable", "own", "own"]
    water = layer("w", (2.2, 2.8, 1.0))
    covered = scenario_coverage(fair, flood(water), [water]).coverage
    assert covered["status"].tolist() == ["own", "own", "unreachable", "own", "own"]
    assert not covered["isolated"].any()
    assert (covered["loss"] == "none").all()


# --- roads and places ----------------------------------------------------------------------------------------


def test_closed_is_isolated_and_slowed_is_late(fair: FairWeather, layer: MakeLayer, half: Path) -> None:
    # The middle half of the road from place 3 to 4.
    deep, shallow = layer("deep", (3.25, 3.75, 1.0)), layer("shallow", (3.25, 3.75, 0.2))
    closed = scenario_coverage(fair, flood(deep), [deep]).coverage.loc["d4"]
    assert (closed["joint_s"], closed["isolated"], closed["loss"], closed["flooded"]) == (
        INF,
        True,
        "lost",
        False,
    )
    slowed = scenario_coverage(fair, flood(shallow, rules={"flood": half}), [shallow])
    # Half a step as before, 120 s, and half of it four times as long, 480 s.
    late = slowed.coverage.loc["d4"]
    assert (late["joint_s"], late["isolated"], late["loss"], late["status"]) == (660, False, "lost", "gap")
    assert slowed.roads["factor"].tolist() == pytest.approx([1, 1, 1, 1, 1, 0.4])
    assert later_minutes(slowed, "joint").tolist() == pytest.approx([0, 0, 0, 0, 20 * 360 / 60])


def test_flooded_and_isolated_are_different_things(fair: FairWeather, layer: MakeLayer) -> None:
    # Place 3 stands in 5 cm and is reached; place 4 is dry, and the road to it is closed.
    water = layer("w", (2.95, 3.05, 0.05), (3.4, 3.6, 1.0))
    covered = scenario_coverage(fair, flood(water), [water]).coverage
    assert covered["flooded"].tolist() == [False, False, False, True, False]
    assert covered["exposed"].tolist() == [False, False, False, True, False]
    assert covered["isolated"].tolist() == [False, False, False, False, True]
    assert covered["severity"].tolist() == [0, 0, 0, 1, 0]
    assert covered["severity_flood"].tolist() == [0, 0, 0, 1, 0]
    assert covered["joint_s"].tolist() == [80, 320, 300, 60, INF]


def test_exposed_to_fire_is_not_flooded(fair: FairWeather, layer: MakeLayer) -> None:
    fire = layer("f", (3.9, 4.1, 60.0), hazard="wildfire", quantity="fwi", unit="", scheme="effis-fwi")
    covered = scenario_coverage(fair, flood(fire), [fire]).coverage
    assert covered.loc["d4", "exposed"]
    assert covered["flooded"].isna().all()  # nobody asked about water
    assert covered.loc["d4", "severity_wildfire"] == 5


def test_a_house_on_the_open_end_of_a_closed_road_is_reached(
    five_places: Region, straight_road: Network, layer: MakeLayer
) -> None:
    # d1 stands at 0.25, d2 at 0.75 of the road 0, which is closed from 0.4 to 0.6; a is at 0.
    demand = five_places.demand.copy()
    demand.geometry = gpd.points_from_xy(np.array([0, 0.25, 0.75, 3, 4]) * STEP_M, [-5.0] * 5)
    fair = fair_weather(replace(five_places, demand=demand), straight_road)
    water = layer("w", (0.4, 0.6, 1.0))
    covered = scenario_coverage(fair, flood(water), [water]).coverage
    # a: 80 + a quarter of 240; b: 60 + 2.25 steps of 240.
    assert covered["joint_s"].tolist() == pytest.approx([80, 140, 600, 60, 300], abs=0.0015)
    assert covered["alone_s"].tolist() == pytest.approx([80, 140, INF, 60, 300], abs=0.0015)
    assert not covered["isolated"].any()
    assert covered["loss"].tolist() == ["none", "none", "lost", "none", "none"]


def test_a_house_in_the_closure_is_isolated(
    five_places: Region, straight_road: Network, layer: MakeLayer
) -> None:
    demand = five_places.demand.copy()
    demand.geometry = gpd.points_from_xy(np.array([0, 0.5, 2, 3, 4]) * STEP_M, [-5.0] * 5)
    fair = fair_weather(replace(five_places, demand=demand), straight_road)
    water = layer("w", (0.4, 0.6, 1.0))
    covered = scenario_coverage(fair, flood(water), [water]).coverage
    assert covered["isolated"].tolist() == [False, True, False, False, False]
    assert covered["flooded"].tolist() == [False, True, False, False, False]


def test_neighbours_between_two_closures_of_one_road_still_reach_each_other(
    five_places: Region, straight_road: Network, layer: MakeLayer
) -> None:
    """Station and house stand on the dry middle of a road that is closed on both sides: 0.2 steps of open road."""
    stations, demand = five_places.stations.copy(), five_places.demand.copy()
    stations.geometry = gpd.points_from_xy(np.array([1.4, 3, 2, 2]) * STEP_M, [5.0] * 4)
    demand.geometry = gpd.points_from_xy(np.array([0, 1.6, 2, 3, 4]) * STEP_M, [-5.0] * 5)
    fair = fair_weather(replace(five_places, stations=stations, demand=demand), straight_road)
    assert fair.coverage.loc["d1", "joint_s"] == pytest.approx(80 + 48, abs=0.0015)
    water = layer("w", (1.1, 1.2, 1.0), (1.8, 1.9, 1.0))
    house = scenario_coverage(fair, flood(water), [water]).coverage.loc["d1"]
    assert not house["isolated"]
    assert house["joint_s"] == pytest.approx(80 + 48, abs=0.0015)


def test_bridges_stay_open_above_the_water(
    five_places: Region, straight_road: Network, layer: MakeLayer
) -> None:
    network = replace(straight_road, roads=straight_road.roads.assign(bridge=[False] * 5 + [True]))
    water = layer("w", (0.4, 0.6, 1.0), (3.4, 3.6, 1.0))
    found = scenario_coverage(fair_weather(five_places, network), flood(water), [water])
    assert found.roads["closed"].tolist() == [True, False, False, False, False, False]
    assert found.coverage["joint_s"].tolist() == [80, 540, 300, 60, 300]


def test_each_side_of_the_border_believes_its_own_map(fair: FairWeather, layer: MakeLayer) -> None:
    # A's map floods everything deeply but says nothing beyond the border; B's says all is dry.
    of_a = layer("a", (-0.1, 4.1, 1.0), jurisdiction="AA")
    of_b = layer("b", jurisdiction="BB")
    found = scenario_coverage(fair, flood(of_a, of_b), [of_a, of_b])
    assert found.roads["closed"].tolist() == [True, True, True, False, False, False]
    assert found.coverage["severity"].tolist() == [3, 3, 3, 0, 0]
    assert found.stations["state"].tolist() == ["out", "in_service"]


def test_held_is_what_the_neighbour_takes_over(
    five_places: Region, straight_road: Network, layer: MakeLayer
) -> None:
    # With a turnout of 0 at b, place 1 is 8:00 away from it: within the standard.
    stations = five_places.stations.assign(turnout_s=[NAN, 0.0, NAN, NAN])
    fair = fair_weather(replace(five_places, stations=stations), straight_road)
    water = layer("w", (0.4, 0.6, 1.0))
    found = scenario_coverage(fair, flood(water), [water])
    assert found.coverage["loss"].tolist() == ["none", "held", "none", "none", "none"]
    assert found.coverage.loc["d1", "joint_s"] == 480
    total = scenario_table(found).iloc[0]
    assert (total["lost_alone"], total["lost_joint"], total["held"]) == (80, 0, 80)


# --- closed by name -------------------------------------------------------------------------------------------


def test_a_way_is_closed_by_its_name(fair: FairWeather) -> None:
    found = scenario_coverage(fair, HazardScenario("s", "S", (), closed_ways=(5,)), [])
    assert found.roads["closed"].tolist() == found.roads["closed_by_name"].tolist() == [False] * 5 + [True]
    assert found.coverage["isolated"].tolist() == [False] * 4 + [True]
    assert found.coverage["joint_s"].tolist() == [80, 320, 300, 60, INF]
    # Nobody said how severe anything is.
    assert found.coverage["severity"].isna().all()
    assert found.coverage["exposed"].isna().all()
    assert found.stations["state"].tolist() == ["in_service", "in_service"]
    assert math.isnan(found.return_period_years)


def test_a_crossing_is_closed_by_its_name(fair: FairWeather) -> None:
    found = scenario_coverage(fair, HazardScenario("s", "S", (), closed_crossings=("x1",)), [])
    assert found.roads["closed"].tolist() == [False, False, False, True, False, False]
    assert found.coverage["joint_s"].tolist() == [80, 320, 560, 60, 300]
    assert found.coverage["loss"].tolist() == ["none", "none", "lost", "none", "none"]
    assert not found.coverage["isolated"].any()


def test_a_house_on_a_way_that_is_closed_by_name_is_not_reached(
    five_places: Region, straight_road: Network
) -> None:
    demand = five_places.demand.copy()
    demand.geometry = gpd.points_from_xy(np.array([0, 1, 2, 3, 3.5]) * STEP_M, [-5.0] * 5)
    fair = fair_weather(replace(five_places, demand=demand), straight_road)
    found = scenario_coverage(fair, HazardScenario("s", "S", (), closed_ways=(5,)), [])
    assert found.coverage["isolated"].tolist() == [False] * 4 + [True]


def test_all_names_that_the_network_does_not_know_are_reported(fair: FairWeather) -> None:
    wrong = HazardScenario("s", "S", (), closed_ways=(5, 77, 78), closed_crossings=("x1", "x9"))
    with pytest.raises(HazardError) as caught:
        scenario_coverage(fair, wrong, [])
    assert [(defect.where, defect.got) for defect in caught.value.defects] == [
        ("scenario s, closed_crossings", "x9"),
        ("scenario s, closed_ways", "77"),
        ("scenario s, closed_ways", "78"),
    ]


def test_the_length_that_is_closed_by_name_is_reported(five_places: Region, straight_road: Network) -> None:
    """A way of 4.3 km that is shut is 4.3 km of closed road, as much as one under water is."""
    region = replace(five_places, scenarios=(HazardScenario("s", "S", (), closed_ways=(5,)),))
    block = analyse(region, network=straight_road).summary["hazards"]["scenarios"]["s"]["roads_km"]
    assert block["roads_closed"] == 1
    assert block["closed"] == pytest.approx(STEP_M / 1000, abs=0.001)


def test_a_layer_that_is_not_there_is_an_error(fair: FairWeather, layer: MakeLayer) -> None:
    water = layer("w")
    with pytest.raises(HazardError, match="deep"):
        scenario_coverage(fair, HazardScenario("s", "S", ("w", "deep")), [water])


# --- tables ----------------------------------------------------------------------------------------------------


@pytest.fixture
def mixed(fair: FairWeather, layer: MakeLayer) -> ScenarioResult:
    """Place 0 in 1 m, place 1 unknown, place 3 in 5 cm, place 4 cut off."""
    water = layer("w", (-0.1, 0.1, 1.0), (0.95, 1.05, NAN), (2.95, 3.05, 0.05), (3.4, 3.6, 1.0))
    return scenario_coverage(fair, flood(water), [water])


def test_the_table_by_hand(mixed: ScenarioResult) -> None:
    table = scenario_table(mixed).set_index(["jurisdiction", "class"])
    chance = ["chance_alone", "chance_joint"]
    assert row(table, "", "all").drop(["severity", *chance]).to_dict() == pytest.approx(
        {
            "population": 300, "fair_alone": 240, "fair_joint": 300, "alone": 40, "joint": 100,
            "lost_alone": 200, "lost_joint": 200, "held": 0, "isolated": 120,
            "later_alone": 100 * 1780 / 60 + 80 * 1540 / 60 + 60 * 1300 / 60 + 20 * 1560 / 60,
            "later_joint": 100 * 1780 / 60 + 80 * 220 / 60 + 20 * 1560 / 60,
        }
    )  # fmt: skip
    assert table[chance].isna().all(axis=None), "nothing is left to chance"
    assert list(table.loc["A"].index) == ["all", "none", "moderate", "unknown"]
    assert list(table.loc["B"].index) == ["all", "none", "very low"]
    assert row(table, "A", "moderate")[["population", "joint", "lost_joint", "isolated"]].tolist() == [
        100,
        0,
        100,
        100,
    ]
    assert table["severity"].loc["A"].fillna(-1).tolist() == [-1, 0, 3, -1]


def check_sums(result: ScenarioResult) -> None:
    table = scenario_table(result)
    numbers = table.columns.drop(["jurisdiction", "class", "severity"])
    if result.draws.empty:
        chances = [f"chance_{level}" for level in levels(result.coverage)]
        assert table[chances].isna().all(axis=None)
        numbers = numbers.drop(chances)
    for name, rows in table.groupby("jurisdiction"):
        whole = rows[rows["class"] == "all"][numbers].iloc[0]
        parts = rows[rows["class"] != "all"][numbers].sum()
        np.testing.assert_allclose(parts, whole, atol=1e-6, err_msg=str(name))
    whole = table[(table["jurisdiction"] == "") & (table["class"] == "all")][numbers].iloc[0]
    parts = table[(table["jurisdiction"] != "") & (table["class"] == "all")][numbers].sum()
    np.testing.assert_allclose(parts, whole, atol=1e-6)
    covered, people = result.coverage, result.coverage["population"]
    for level in levels(covered):
        assert whole[f"fair_{level}"] == pytest.approx(people[covered[f"fair_{level}_covered"]].sum())
        assert whole[level] == pytest.approx(people[covered[f"{level}_covered"]].sum())
        assert whole[f"fair_{level}"] - whole[f"lost_{level}"] == pytest.approx(whole[level])


def test_the_table_sums(mixed: ScenarioResult) -> None:
    check_sums(mixed)


def test_the_fair_columns_are_those_of_the_run_without_hazards(
    mixed: ScenarioResult, fair: FairWeather
) -> None:
    for level in ("alone", "joint"):
        for name in ("s", "covered"):
            assert (
                mixed.coverage[f"fair_{level}_{name}"].tolist() == fair.coverage[f"{level}_{name}"].tolist()
            )
    assert mixed.coverage["fair_status"].tolist() == fair.coverage["status"].tolist()


def test_a_dry_scenario_is_fair_weather(fair: FairWeather, layer: MakeLayer) -> None:
    dry = layer("w")
    found = scenario_coverage(fair, flood(dry), [dry])
    pd.testing.assert_frame_equal(found.coverage[list(fair.coverage.columns)], fair.coverage)
    assert (found.coverage["loss"] == "none").all()
    assert not found.coverage["isolated"].any()
    assert found.draws.empty


def test_inputs_stay_as_they_are_and_layers_laid_are_used_again(fair: FairWeather, layer: MakeLayer) -> None:
    water = layer("w", (3.4, 3.6, 1.0))
    before = (
        fair.graph.drive_ms.copy(),
        fair.coverage.copy(),
        fair.stations.copy(),
        fair.graph.network.roads.copy(),
    )
    first = scenario_coverage(fair, flood(water), [water])
    assert fair.laid(water) is fair.laid(water)
    second = scenario_coverage(fair, flood(water), [water])
    pd.testing.assert_frame_equal(first.coverage, second.coverage)
    np.testing.assert_array_equal(fair.graph.drive_ms, before[0])
    pd.testing.assert_frame_equal(fair.coverage, before[1])
    pd.testing.assert_frame_equal(fair.stations, before[2])
    pd.testing.assert_frame_equal(fair.graph.network.roads, before[3])


# --- closures by chance ---------------------------------------------------------------------------------------


def chance(layer: MakeLayer, *bands: tuple[float, float, float], key: str = "p") -> HazardLayer:
    return layer(key, *bands, quantity="probability", hazard="landslide")


def test_probability_0_is_fair_weather(fair: FairWeather, layer: MakeLayer) -> None:
    never = chance(layer)
    found = scenario_coverage(fair, flood(never), [never])
    assert found.coverage["joint_s"].tolist() == fair.coverage["joint_s"].tolist()
    assert found.draws.empty
    assert "joint_probability" not in found.coverage


def test_probability_1_is_closing_the_way_by_name(fair: FairWeather, layer: MakeLayer) -> None:
    always = chance(layer, (0.4, 0.6, 1.0), (3.4, 3.6, 1.0))
    found = scenario_coverage(fair, flood(always, draws=50), [always])
    named = scenario_coverage(fair, HazardScenario("s", "S", (), closed_ways=(5,)), []).coverage
    # Way 0 has no number to be named by; without its road place 1 is lost as well.
    by_name = named["joint_covered"].to_numpy() & np.array([True, False, True, True, True])
    assert found.coverage["joint_probability"].tolist() == by_name.astype(float).tolist()
    assert found.coverage["alone_probability"].tolist() == [1, 0, 0, 1, 0]
    assert found.coverage["joint_error"].tolist() == [0] * 5
    assert found.draws["joint"].tolist() == [200.0] * 50


def test_what_is_certainly_closed_counts_in_every_column(fair: FairWeather, layer: MakeLayer) -> None:
    """A probability of 1 is certain: place 4 is lost and isolated, as it is if its way is closed by name."""
    always = chance(layer, (3.4, 3.6, 1.0))
    found = scenario_coverage(fair, flood(always, draws=10), [always])
    assert found.coverage.loc["d4", "joint_probability"] == 0
    assert not found.coverage.loc["d4", "joint_covered"]
    assert found.coverage.loc["d4", "isolated"]
    assert scenario_table(found).iloc[0]["lost_joint"] == 20


def test_probability_one_half_is_within_four_errors_of_the_truth(fair: FairWeather, layer: MakeLayer) -> None:
    # Roads 0 and 5 are closed with one half each. Place 1 hangs on road 0, place 4 on road 5.
    maybe = chance(layer, (0.4, 0.6, 0.5), (3.4, 3.6, 0.5))
    found = scenario_coverage(fair, flood(maybe, draws=2000, seed=3), [maybe])
    covered = found.coverage
    for name, truth in {"d0": 1.0, "d1": 0.5, "d2": 1.0, "d3": 1.0, "d4": 0.5}.items():
        share, error = map(float, row(covered, name)[["joint_probability", "joint_error"]])
        assert error == pytest.approx(math.sqrt(share * (1 - share) / 2000))
        assert abs(share - truth) <= 4 * math.sqrt(truth * (1 - truth) / 2000)
    assert covered["alone_probability"].tolist() == [
        *covered["joint_probability"][:2],
        0.0,
        *covered["joint_probability"][3:],
    ]
    # 100 + 80 / 2 + 60 + 40 + 20 / 2, with a variance of (80² + 20²) / 4.
    assert abs(found.draws["joint"].mean() - 250) <= 4 * math.sqrt((80**2 + 20**2) / 4 / 2000)
    assert set(found.draws["joint"]) == {200.0, 220.0, 280.0, 300.0}
    expected = (covered["population"] * covered["joint_probability"]).sum()
    assert found.draws["joint"].mean() == pytest.approx(expected)


def test_of_two_roads_in_a_row_both_must_be_open(fair: FairWeather, layer: MakeLayer) -> None:
    # Place 2 is reached by b alone, over the roads 4 and 2: 0.5 × 0.8.
    maybe = chance(layer, (2.2, 2.3, 0.2), (2.7, 2.8, 0.5))
    covered = scenario_coverage(fair, flood(maybe, draws=2000), [maybe]).coverage
    assert abs(row(covered, "d2")["joint_probability"] - 0.4) <= 4 * math.sqrt(0.24 / 2000)


def test_the_same_seed_gives_the_same_numbers(fair: FairWeather, layer: MakeLayer) -> None:
    maybe = chance(layer, (0.4, 0.6, 0.5), (3.4, 3.6, 0.5))
    one, two, other = (
        scenario_coverage(fair, flood(maybe, draws=60, seed=seed), [maybe]) for seed in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(one.coverage, two.coverage)
    pd.testing.assert_frame_equal(one.draws, two.draws)
    assert one.draws["joint"].tolist() != other.draws["joint"].tolist()
    assert len(one.draws) == 60


def test_a_road_that_is_closed_anyway_is_not_drawn(fair: FairWeather, layer: MakeLayer) -> None:
    maybe = chance(layer, (3.4, 3.6, 0.5))
    found = scenario_coverage(fair, flood(maybe, closed_ways=(5,), draws=20), [maybe])
    assert found.coverage["joint_s"].tolist() == [80, 320, 300, 60, INF]
    assert found.coverage["joint_probability"].tolist() == [1, 1, 1, 1, 0]


def test_chance_beside_a_flood_that_is_certain(fair: FairWeather, layer: MakeLayer) -> None:
    water, maybe = layer("w", (3.4, 3.6, 1.0)), chance(layer, (0.4, 0.6, 0.5))
    found = scenario_coverage(fair, flood(water, maybe, draws=400), [water, maybe])
    assert found.coverage["joint_s"].tolist() == [80, 320, 300, 60, INF]
    share = found.coverage["joint_probability"]
    assert share.drop("d1").tolist() == [1, 1, 1, 0]
    assert abs(share["d1"] - 0.5) <= 4 * math.sqrt(0.25 / 400)
    assert (share <= found.coverage["joint_covered"]).all()


def test_draws_are_common_so_that_more_chance_is_never_better(fair: FairWeather, layer: MakeLayer) -> None:
    """The rarer state holds all of the more frequent one: draw by draw nobody is reached who was not before."""
    often = chance(layer, (3.4, 3.6, 0.3), key="often")
    rare = chance(layer, (0.4, 0.6, 0.3), (3.4, 3.6, 0.3), key="rare")
    less, more = (scenario_coverage(fair, flood(one, draws=150), [one]) for one in (often, rare))
    for level in ("alone", "joint"):
        column = f"{level}_probability"
        assert (more.coverage[column] <= less.coverage[column]).all()
    before, after = (one.coverage["joint_probability"].to_dict() for one in (less, more))
    assert after["d4"] == before["d4"]
    assert after["d1"] < 1


def test_chance_counts_on_a_road_that_is_closed_somewhere_else(fair: FairWeather, layer: MakeLayer) -> None:
    """d4 stands at the open end of its road for b's crew only if the road holds: the water lies beyond b's side."""
    water, maybe = layer("w", (4.05, 4.1, 1.0)), chance(layer, (3.4, 3.6, 0.5))
    both = scenario_coverage(fair, flood(water, maybe, draws=300), [water, maybe])
    alone = scenario_coverage(fair, flood(maybe, draws=300), [maybe])
    joint = "joint_probability"
    assert (both.coverage[joint] <= alone.coverage[joint]).all()


def test_the_table_holds_what_must_be_expected_with_chance(fair: FairWeather, layer: MakeLayer) -> None:
    maybe = chance(layer, (3.4, 3.6, 0.5))
    found = scenario_coverage(fair, flood(maybe, draws=100), [maybe])
    whole = scenario_table(found).iloc[0]
    expected = (found.coverage["population"] * found.coverage["joint_probability"]).sum()
    assert whole["chance_joint"] == pytest.approx(expected)
    assert whole["chance_joint"] == pytest.approx(found.draws["joint"].mean())
    assert whole["chance_joint"] < whole["joint"]


# --- what a scenario says itself ------------------------------------------------------------------------------


def test_a_crew_that_is_at_the_fire_is_out_wherever_its_station_stands(fair: FairWeather) -> None:
    found = scenario_coverage(fair, HazardScenario("s", "S", (), closed_stations=("sa",)), [])
    assert found.stations["state"].tolist() == ["out", "in_service"]
    assert found.coverage["joint_s"].tolist() == [780, 540, 300, 60, 300]
    # Its roads are open: nobody is isolated, but d1, whom only a reached in time, is lost.
    assert not found.coverage["isolated"].any()
    assert found.coverage["loss"].tolist() == ["lost", "lost", "none", "none", "none"]
    with pytest.raises(HazardError, match="closed_stations"):
        scenario_coverage(fair, HazardScenario("s", "S", (), closed_stations=("nobody",)), [])


def test_a_scenario_of_roads_alone_asks_nobody_how_severe_it_is(fair: FairWeather) -> None:
    found = scenario_coverage(fair, HazardScenario("s", "S", (), closed_ways=(5,)), [])
    assert (found.coverage["severity_status"] == "not_asked").all()
    table = scenario_table(found)
    assert (table["class"] == "all").all()


def test_a_flood_zone_without_a_depth_closes_its_roads(fair: FairWeather, tmp_path: Path) -> None:
    file = tmp_path / "zones.gpkg"
    at = (3.4 * STEP_M, 3.6 * STEP_M)
    zone = gpd.GeoDataFrame({"zone": ["HQ100"]}, geometry=[shapely.box(at[0], -50, at[1], 50)], crs=UTM)
    zone.to_file(file)
    stated: dict[str, Any] = {"hazard": "flood", "quantity": "class", "column": "zone", "scheme": "de-hq"}
    layer = read_hazard(file, id="z", return_period_years=100, nodata_means="none", **stated)
    found = scenario_coverage(fair, flood(layer), [layer])
    assert found.rules == {"z": "severity-water"}
    assert found.coverage["isolated"].tolist() == [False, False, False, False, True]


# --- risk -------------------------------------------------------------------------------------------------------


#: The check of the risk formula: value at 100 and 1000 years, in hundred thousands.
D100, D1000 = 43.9294456, 55.6751458


def test_risk_is_that_of_the_worked_check(
    five_places: Region, straight_road: Network, layer: MakeLayer
) -> None:
    # At 100 years place 4 is lost, with 43.9 people; at 1000 years place 2 too, with the 11.7 that are missing.
    people = [100.0, 80.0, D1000 - D100, 40.0, D100]
    fair = fair_weather(
        replace(five_places, demand=five_places.demand.assign(population=people)), straight_road
    )
    often = layer("often", (3.4, 3.6, 1.0), return_period_years=100.0)
    rare = layer("rare", (3.4, 3.6, 1.0), (2.7, 2.8, 1.0), return_period_years=1000.0)
    results = {
        one.id: scenario_coverage(fair, replace(flood(one), id=one.id), [one]) for one in (often, rare)
    }
    assert [one.return_period_years for one in results.values()] == [100, 1000]
    curve = RiskCurve("r", "R", ("rare", "often"), frequent="triangle", triangle_year=5.0)
    found = scenario_risk(curve, results)
    table = found.table.set_index(["jurisdiction", "level", "measure"])
    joint = row(table, "", "joint", "people")
    assert joint[["years_100", "years_1000"]].tolist() == pytest.approx([D100, D1000])
    assert joint["between"] == pytest.approx(0.4482207, abs=1e-7)
    assert joint["tail"] == pytest.approx(0.0556751, abs=1e-7)
    assert joint["frequent"] == pytest.approx(4.1732973, abs=1e-7)
    assert joint["total"] == pytest.approx(0.4482207 + 0.0556751 + 4.1732973, abs=3e-7)
    # Alone A never reached place 2 in time, so at 1000 years nothing more is lost.
    assert row(table, "", "alone", "people")[["years_100", "years_1000"]].tolist() == pytest.approx(
        [D100, D100]
    )
    sides = [row(table, side, "joint", "people")["total"] for side in ("A", "B")]
    assert sum(sides) == pytest.approx(joint["total"])
    assert found.places["joint"].sum() == pytest.approx(joint["total"])
    assert found.places["joint"][["d0", "d1", "d3"]].tolist() == [0, 0, 0]
    assert any("alone" in text and "exactly the same people" in text for text in found.findings)
    assert not any("joint" in text for text in found.findings)
    assert "5" in found.frequent_rule


def test_the_same_map_twice_is_found(fair: FairWeather, layer: MakeLayer) -> None:
    maps = [layer(f"m{years}", (3.4, 3.6, 1.0), return_period_years=float(years)) for years in (30, 100)]
    results = {one.id: scenario_coverage(fair, replace(flood(one), id=one.id), [one]) for one in maps}
    found = scenario_risk(RiskCurve("r", "R", ("m30", "m100")), results)
    assert len(found.findings) == 4
    assert all("exactly the same" in text and "30 and 100 years" in text for text in found.findings)


def test_a_rarer_flood_that_takes_less_is_found(fair: FairWeather, layer: MakeLayer) -> None:
    maps = [
        layer("m30", (3.4, 3.6, 1.0), return_period_years=30.0),
        layer("m100", return_period_years=100.0),
    ]
    results = {one.id: scenario_coverage(fair, replace(flood(one), id=one.id), [one]) for one in maps}
    found = scenario_risk(RiskCurve("r", "R", ("m30", "m100")), results)
    assert len(found.findings) == 4
    assert all("fewer" in text and "at 100 years than at 30" in text for text in found.findings)


def test_a_risk_of_scenarios_without_return_period_names_each(fair: FairWeather, layer: MakeLayer) -> None:
    water, other = layer("w", event="breach"), layer("v", return_period_years=10.0)
    results = {
        one.id: scenario_coverage(fair, replace(flood(one), id=one.id), [one]) for one in (water, other)
    }
    with pytest.raises(HazardError) as caught:
        scenario_risk(RiskCurve("r", "R", ("v", "w", "gone")), results)
    assert [defect.where for defect in caught.value.defects] == [
        "risk r, scenario w",
        "risk r, scenario gone",
    ]


def test_chances_count_in_the_risk(fair: FairWeather, layer: MakeLayer) -> None:
    maybe = layer("p", (3.4, 3.6, 0.5), quantity="probability", return_period_years=100.0)
    result = scenario_coverage(fair, replace(flood(maybe, draws=400), id="p"), [maybe])
    table = scenario_risk(RiskCurve("r", "R", ("p",)), {"p": result}).table
    joint = row(table.set_index(["jurisdiction", "level", "measure"]), "", "joint", "people")
    lost = 20 * (1 - row(result.coverage, "d4")["joint_probability"])
    assert joint["years_100"] == pytest.approx(lost)
    assert joint["total"] == pytest.approx(lost / 100)


def test_minutes_of_those_cut_off_do_not_depend_on_other_stations(
    fair: FairWeather, layer: MakeLayer
) -> None:
    """Place 4 is cut off in both; that a is delayed at 30 years, and out at 100, must not make 30 the worse one."""
    often = layer("m30", (-0.1, 0.05, 0.2), (3.4, 3.6, 1.0), return_period_years=30.0)
    rare = layer("m100", (-0.1, 0.05, 1.0), (3.4, 3.6, 1.0), return_period_years=100.0)
    options: dict[str, Any] = {"stations_delayed": 2, "stations_delay_s": 600.0}
    less, more = (scenario_coverage(fair, flood(one, **options), [one]) for one in (often, rare))
    assert [list(one.stations["state"]) for one in (less, more)] == [
        ["delayed", "in_service"],
        ["out", "in_service"],
    ]
    assert (later_minutes(more, "joint") >= later_minutes(less, "joint")).all()


# --- whole runs -----------------------------------------------------------------------------------------------


def source(key: str, file: Path, **stated: Any) -> HazardSource:
    usual: dict[str, Any] = {"hazard": "flood", "quantity": "depth", "unit": "m", "scheme": SCHEME}
    return HazardSource(id=key, file=file, **(usual | stated))


def test_a_broken_layer_stops_its_scenarios_and_nothing_else(
    five_places: Region, straight_road: Network, tmp_path: Path
) -> None:
    good = band_file(tmp_path / "good.tif", [(3.4, 3.6, 1.0)])
    bad = tmp_path / "bad.tif"
    bad.write_bytes(b"II*\0 no raster")
    region = replace(
        five_places,
        hazards=(
            source("good", good, return_period_years=100.0),
            source("bad", bad, return_period_years=1000.0),
        ),
        scenarios=(
            HazardScenario("often", "Often", ("good",)),
            HazardScenario("rare", "Rare", ("good", "bad")),
            HazardScenario("ways", "Ways", ("good",), closed_ways=(99,)),
            HazardScenario("rule", "Rule", ("good",), rules={"good": "no-such-rule"}),
        ),
        risks=(RiskCurve("both", "Both", ("often", "rare")), RiskCurve("one", "One", ("often",))),
    )
    found = analyse(region, network=straight_road)
    assert [one.scenario.id for one in found.scenarios] == ["often"]
    assert found.scenarios[0].coverage["joint_s"].tolist() == [80, 320, 300, 60, INF]
    assert [one.risk.id for one in found.risks] == ["one"]
    assert list(found.layers.defects) == ["bad"]
    told = "\n".join(map(str, found.not_computed))
    for words in (
        "bad.tif",
        "scenario rare",
        "defects in bad",
        "scenario ways",
        "99",
        "no-such-rule",
        "risk both, scenario rare",
    ):
        assert words in told
    assert all(defect.remedy for defect in found.not_computed)
    numbers = found.summary["hazards"]
    assert list(numbers["scenarios"]) == ["often"]
    assert len(numbers["not_computed"]) == len(found.not_computed)
    json.dumps(found.summary, allow_nan=False)
    plain = analyse(replace(region, hazards=(), scenarios=(), risks=()), network=straight_road)
    pd.testing.assert_frame_equal(found.coverage, plain.coverage)
    assert found.summary["headline"] == plain.summary["headline"]


def test_every_message_about_a_scenario_says_which_one(
    five_places: Region, straight_road: Network, tmp_path: Path
) -> None:
    good = band_file(tmp_path / "good.tif", [(3.4, 3.6, 1.0)])
    region = replace(
        five_places,
        hazards=(source("good", good),),
        scenarios=tuple(
            HazardScenario(key, key, ("good",), rules={"good": rule})
            for key, rule in (
                ("one", "no-such-rule"),
                ("two", "severity-cra"),
                ("three", "closure-probability"),
            )
        ),
    )
    found = analyse(region, network=straight_road)
    assert found.scenarios == ()
    told = "\n".join(map(str, found.not_computed))
    assert all(f"scenario {key}" in told for key in ("one", "two", "three"))


def test_the_run_and_the_parts_give_the_same(
    five_places: Region, straight_road: Network, tmp_path: Path
) -> None:
    file = band_file(tmp_path / "w.tif", [(0.4, 0.6, 1.0), (2.9, 3.1, 0.3)])
    chosen = HazardScenario("s", "S", ("w",), stations_delayed=2, stations_delay_s=60.0)
    found = analyse(
        replace(five_places, hazards=(source("w", file),), scenarios=(chosen,)), network=straight_road
    )
    (water,) = found.layers.layers
    parts = scenario_coverage(fair_weather(five_places, straight_road), chosen, [water])
    pd.testing.assert_frame_equal(found.scenarios[0].coverage, parts.coverage)
    pd.testing.assert_frame_equal(found.scenarios[0].stations, parts.stations)
    assert found.not_computed == ()
    block = found.summary["hazards"]["scenarios"]["s"]
    assert block["total"]["population"] == 300
    assert block["stations"]["delayed"] == 1
    assert sum(block["people_by_severity"].values()) == pytest.approx(300)


def test_a_region_without_hazards_says_nothing_about_them(
    five_places: Region, straight_road: Network
) -> None:
    found = analyse(five_places, network=straight_road)
    assert (found.scenarios, found.risks, found.not_computed) == ((), (), ())
    assert not found.summary.get("hazards")


def test_depth_and_velocity_decide_together(fair: FairWeather, layer: MakeLayer) -> None:
    # 0.4 m everywhere; in still water H2, which an engine passes; where it runs at 1.6 m/s H4.
    depth = layer("d", base=0.4, scheme="aidr-h1-h6", event="e")
    speed = layer("v", (3.4, 3.6, 1.6), quantity="velocity", unit="m/s", event="e")
    found = scenario_coverage(fair, flood(depth), [depth, speed])
    assert found.rules == {"d": "aidr-any-vehicle"}
    assert found.coverage["joint_s"].tolist() == [80, 320, 300, 60, INF]
    assert found.coverage["severity"].tolist() == [2] * 5
    assert [one.id for one in found.layers] == ["d"]
    named = scenario_coverage(fair, flood(depth, speed), [depth, speed])
    pd.testing.assert_frame_equal(found.coverage, named.coverage)


def test_a_layer_without_a_scheme_is_an_error(fair: FairWeather, layer: MakeLayer) -> None:
    """As the docstring says: nobody could say how severe it is, so a station in 2 m of it would stay in service."""
    deep = layer("deep", (-0.1, 0.1, 2.0), scheme="")
    with pytest.raises(HazardError, match="deep"):
        scenario_coverage(fair, flood(deep), [deep])


def test_a_rule_that_is_wrong_is_found_before_the_run(five_places: Region, tmp_path: Path) -> None:
    """What `check_hazards` lets pass must not be what leaves the scenario out after the roads were read."""
    file = band_file(tmp_path / "w.tif", [(3.4, 3.6, 1.0)])
    for rule in ("no-such-rule", "closure-probability"):
        scenarios = (HazardScenario("s", "S", ("w",), rules={"flood": rule}),)
        region = replace(five_places, hazards=(source("w", file),), scenarios=scenarios)
        told = "\n".join(map(str, check_hazards(region)))
        assert rule in told


def test_a_map_that_breaks_in_its_middle_is_named_and_the_rest_computed(
    five_places: Region, straight_road: Network, tmp_path: Path
) -> None:
    good = band_file(tmp_path / "good.tif", [(3.4, 3.6, 1.0)])
    torn = band_file(tmp_path / "torn.tif", [(3.4, 3.6, 1.0)])
    torn.write_bytes(torn.read_bytes()[:-800])
    region = replace(
        five_places,
        hazards=(source("torn", torn), source("good", good)),
        scenarios=(HazardScenario("a", "A", ("torn",)), HazardScenario("b", "B", ("good",))),
    )
    found = analyse(region, network=straight_road)
    assert [one.scenario.id for one in found.scenarios] == ["b"]
    assert "torn.tif" in "\n".join(map(str, found.not_computed))


def test_a_depth_without_its_velocity_hides_no_seam_of_the_other_layers(
    five_places: Region, straight_road: Network, tmp_path: Path
) -> None:
    """Only the depth that lacks its velocity cannot be compared; the floods that contradict each other still can."""
    wet = band_file(tmp_path / "wet.tif", [], base=1.0, rows=20)
    dry = band_file(tmp_path / "dry.tif", [], rows=20)
    floods = (source("a", wet, jurisdiction="AA"), source("b", dry, jurisdiction="BB"))
    alone = analyse(replace(five_places, hazards=floods), network=straight_road)
    assert len(alone.seams) == 1
    torrent = source("c", dry, hazard="flash_flood", scheme="aidr-h1-h6")
    found = analyse(replace(five_places, hazards=(*floods, torrent)), network=straight_road)
    assert "velocity" in "\n".join(map(str, found.not_computed))
    assert len(found.seams) == 1


def test_a_layer_that_cannot_be_read_makes_no_seam(tmp_path: Path) -> None:
    """Torn is not absent: what is left of the seams must be true."""
    shutil.copytree(demo_path(), tmp_path / "region")
    whole = analyse(read_region(tmp_path / "region"))
    torn = tmp_path / "region" / "hazards" / "coast-20-mc.geojson"
    torn.write_bytes(torn.read_bytes()[:2000])
    left = analyse(read_region(tmp_path / "region"))
    columns = ["a", "b", "hazard", "kind", "layer_a", "layer_b"]
    before = set(whole.seams[columns].itertuples(index=False, name=None))
    assert set(left.seams[columns].itertuples(index=False, name=None)) <= before
    assert before


def test_a_map_torn_behind_its_first_blocks_stops_only_its_scenarios(
    five_places: Region, straight_road: Network, tmp_path: Path
) -> None:
    """Its head and first tile are fine, so that it opens; what the region needs lies further down."""
    file = tmp_path / "large.tif"
    side, cell = 4_200, 10.0
    profile_: dict[str, Any] = {
        "driver": "GTiff",
        "height": side,
        "width": side,
        "count": 1,
        "dtype": "uint8",
    }
    profile_ |= {"crs": UTM, "nodata": 255, "compress": "deflate", "tiled": True}
    noise = np.random.default_rng(3).integers(0, 2, (side, side), dtype=np.uint8)
    with rasterio.open(file, "w", transform=Affine(cell, 0, -20_000, 0, -cell, 21_000), **profile_) as raster:
        raster.write(noise, 1)
    data = bytearray(file.read_bytes())
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    file.write_bytes(bytes(data))
    good = band_file(tmp_path / "good.tif", [(3.4, 3.6, 1.0)])
    region = replace(
        five_places,
        hazards=(source("torn", file), source("good", good)),
        scenarios=(HazardScenario("a", "A", ("torn",)), HazardScenario("b", "B", ("good",))),
    )
    found = analyse(region, network=straight_road)
    assert [one.scenario.id for one in found.scenarios] == ["b"]
    assert "large.tif" in "\n".join(map(str, found.not_computed))


def test_a_layer_of_another_place_is_a_defect(five_places: Region, tmp_path: Path) -> None:
    """It would leave everything unknown, and the numbers those of fair weather."""
    file = tmp_path / "away.tif"
    profile_: dict[str, Any] = {"driver": "GTiff", "height": 2, "width": 2, "count": 1, "dtype": "float32"}
    with rasterio.open(
        file, "w", crs=UTM, nodata=-9, transform=Affine(10, 0, 900_000, 0, -10, 5_000_000), **profile_
    ) as raster:
        raster.write(np.ones((2, 2), np.float32), 1)
    region = replace(five_places, hazards=(source("away", file),))
    (defect,) = check_hazards(region)
    assert "hazard layer away" in defect.where
    assert "a part of the region" in defect.expected


def test_a_layer_of_which_nothing_is_in_a_class_is_a_defect(five_places: Region, tmp_path: Path) -> None:
    file = band_file(tmp_path / "odd.tif", [], base=-3.0)
    (defect,) = check_hazards(replace(five_places, hazards=(source("odd", file),)))
    assert "values in the classes" in defect.expected
    assert "-3" in defect.got


def test_one_map_for_two_return_periods_gives_no_risk(
    five_places: Region, straight_road: Network, tmp_path: Path
) -> None:
    file = band_file(tmp_path / "w.tif", [(3.4, 3.6, 1.0)])
    layers = tuple(source(f"w{years}", file, return_period_years=float(years)) for years in (20, 100))
    region = replace(
        five_places,
        hazards=layers,
        scenarios=tuple(HazardScenario(one.id, one.id, (one.id,)) for one in layers),
        risks=(RiskCurve("r", "R", ("w20", "w100")),),
    )
    found = analyse(region, network=straight_road)
    assert found.risks == ()
    assert "a map of its own" in "\n".join(map(str, found.not_computed))


# --- whatever the flood ------------------------------------------------------------------------------------------


SIDE = 6
BLOCK_M = 400.0


def lattice() -> Network:
    """Six by six junctions, 400 m apart, all joined to their neighbours; the border runs through nothing."""
    at = [(BLOCK_M * column, BLOCK_M * row) for row in range(SIDE) for column in range(SIDE)]
    pairs = [(n, n + 1) for n in range(SIDE**2) if n % SIDE < SIDE - 1]
    pairs += [(n, n + SIDE) for n in range(SIDE**2 - SIDE)]
    ends = np.array(pairs, np.int32)
    xy = np.array(at)
    count = len(pairs)
    nothing = np.full(count, np.nan, np.float32)
    roads = pd.DataFrame(
        {
            "a": ends[:, 0], "b": ends[:, 1], "length_m": BLOCK_M, "way": np.arange(1, count + 1),
            "class": pd.Categorical(["residential"] * count, categories=ROAD_CLASSES), "name": "",
            "maxspeed_forward_kph": nothing, "maxspeed_backward_kph": nothing, "lanes": nothing,
            "oneway": np.int8(0), "bridge": False, "tunnel": False, "covered": False, "layer": np.int8(0),
            "access": pd.Categorical(["yes"] * count), "max_height_m": nothing, "max_weight_t": nothing,
            "jurisdiction": pd.Categorical(["A"] * count), "crossing": np.full(count, -1, np.int32),
        }
    )  # fmt: skip
    crossings = gpd.GeoDataFrame(
        {"name": [], "international": []}, geometry=[], index=pd.Index([], name="crossing"), crs=UTM
    )
    return Network(
        crs=UTM, node_id=np.arange(len(at)), x=xy[:, 0], y=xy[:, 1], roads=roads, road_xy=xy[ends.ravel()],
        road_offset=np.arange(count + 1) * 2, crossings=crossings,
    )  # fmt: skip


@pytest.fixture(scope="module")
def town() -> Callable[[Region], FairWeather]:
    """Two partners in the lattice, 60 people at places anywhere on its roads, three stations."""
    network = lattice()
    random = np.random.default_rng(11)
    wide = BLOCK_M * (SIDE - 1)
    along, street = random.uniform(0, wide, 60), BLOCK_M * random.integers(0, SIDE, 60)
    turned = random.random(60) < 0.5
    x, y = np.where(turned, street, along), np.where(turned, along, street)

    def make(five: Region) -> FairWeather:
        side = np.where(x < wide / 2, "A", "B")
        jurisdictions = five.jurisdictions.set_geometry(
            [
                shapely.box(-500, -500, wide / 2, wide + 500),
                shapely.box(wide / 2, -500, wide + 500, wide + 500),
            ]
        )
        demand = gpd.GeoDataFrame(
            {"population": 1.0 + np.arange(60) % 7, "jurisdiction": side}, geometry=gpd.points_from_xy(x, y),
            index=pd.Index([f"p{n}" for n in range(60)], name="id"), crs=UTM,
        )  # fmt: skip
        stations = five.stations.iloc[[0, 1, 0]].set_axis(["s0", "s1", "s2"]).rename_axis("id")
        stations = stations.assign(jurisdiction=["A", "B", "B"])
        stations = stations.set_geometry(
            gpd.points_from_xy([150.0, 1600.0, 1300.0], [0.0, 1130.0, 400.0], crs=UTM)
        )
        return fair_weather(
            replace(five, jurisdictions=jurisdictions, demand=demand, stations=stations), network
        )

    return make


def grid_layer(file: Path, cells: Any) -> HazardLayer:
    band = np.asarray(cells, np.float32)
    profile_: dict[str, Any] = {
        "driver": "GTiff", "height": 8, "width": 8, "count": 1, "dtype": "float32", "crs": UTM, "nodata": NAN,
        "transform": Affine(301, 0, -193.7, 0, -301, 2210.3),
    }  # fmt: skip
    with rasterio.open(file, "w", **profile_) as raster:
        raster.write(band, 1)
    return read_hazard(file, id="w", hazard="flood", quantity="depth", unit="m", scheme=SCHEME)


DEPTHS = st.lists(st.sampled_from([0.0] * 5 + [0.05, 0.2, 0.5, 0.8, 2.0]), min_size=64, max_size=64)


def test_a_worse_hazard_never_improves_coverage(
    five_places: Region, town: Callable[[Region], FairWeather], tmp_path: Path, half: Path
) -> None:
    fair = town(five_places)
    plain: dict[str, Any] = {"stations_out": 3, "stations_delayed": 2, "stations_delay_s": 45.0}

    @settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(DEPTHS, DEPTHS, st.sampled_from(["fording-emergency", "pregnolato-2017", half, "severity-car"]))
    def check(field: list[float], more: list[float], rule: str | Path) -> None:
        depth = np.array(field).reshape(8, 8)
        layers = [
            grid_layer(tmp_path / f"{name}.tif", cells)
            for name, cells in (("less", depth), ("more", np.maximum(depth, np.array(more).reshape(8, 8))))
        ]
        less, worse = (
            scenario_coverage(fair, flood(one, rules={"flood": rule}, **plain), [one]) for one in layers
        )
        for level in ("alone", "joint"):
            fair_s, less_s, worse_s = (
                table[f"{level}_s"].to_numpy() for table in (fair.coverage, less.coverage, worse.coverage)
            )
            # Parts of roads are rounded to a millisecond each.
            assert (less_s >= fair_s - 0.0011).all()
            assert (worse_s >= less_s - 0.0011).all()
            assert (worse.coverage[f"{level}_covered"] <= less.coverage[f"{level}_covered"]).all()
            assert (less.coverage[f"{level}_covered"] <= fair.coverage[f"{level}_covered"]).all()
            assert (worse.coverage[f"{level}_depth"] <= less.coverage[f"{level}_depth"]).all()
        assert (worse.coverage["isolated"] >= less.coverage["isolated"]).all()
        assert (worse.coverage["severity"] >= less.coverage["severity"]).all()
        assert ((worse.stations["state"] == "out") >= (less.stations["state"] == "out")).all()
        assert (worse.roads["closed"] >= less.roads["closed"]).all()
        # Who is reached has a way, and who is isolated has none.
        for one in (less, worse):
            assert np.isinf(one.coverage.loc[one.coverage["isolated"], "joint_s"]).all()
            check_sums(one)

    check()


# --- real data ------------------------------------------------------------------------------------------------


def test_a_band_of_water_through_the_demo(tmp_path: Path) -> None:
    """A made-up flood from west to east through the demo region: the numbers fit together, and it does harm."""
    region = read_region(demo_path())
    west, south, east, north = region.jurisdictions.total_bounds
    rows, columns = int((north - south) // 20) + 1, int((east - west) // 20) + 1
    cells = np.zeros((rows, columns), np.float32)
    cells[rows // 2 : rows // 2 + 15] = 1.0
    file = tmp_path / "band.tif"
    profile_: dict[str, Any] = {
        "driver": "GTiff", "height": rows, "width": columns, "count": 1, "dtype": "float32", "crs": region.crs,
        "nodata": NAN, "transform": Affine(20, 0, west, 0, -20, north),
    }  # fmt: skip
    with rasterio.open(file, "w", **profile_) as raster:
        raster.write(cells, 1)
    region = replace(
        region,
        hazards=(source("band", file, event="made up"),),
        scenarios=(HazardScenario("band", "Band", ("band",)),),
        risks=(),
    )
    found = analyse(region)
    assert found.not_computed == ()
    (result,) = found.scenarios
    covered = result.coverage
    check_sums(result)
    total = scenario_table(result).iloc[0]
    assert total["population"] == pytest.approx(found.summary["headline"]["population"])
    assert total["fair_joint"] == pytest.approx(found.summary["headline"]["covered_joint"])
    assert total["fair_alone"] == pytest.approx(found.summary["headline"]["covered_alone"])
    assert 0 < total["lost_joint"] < total["fair_joint"]
    assert (covered["joint_covered"] <= covered["fair_joint_covered"]).all()
    assert (covered["joint_s"] >= covered["fair_joint_s"] - 0.0011).all()
    # The band is 300 m high: that much of the places in its rows, and nobody else, is flooded.
    top = north - 20 * (rows // 2)
    y = covered.geometry.y
    clearly = (y - top).abs().gt(1) & (y - top + 300).abs().gt(1)
    inside = y.between(top - 300, top)
    assert (covered["flooded"].fillna(False)[clearly] == inside[clearly]).all()
    # Bridges stay open, whatever lies below them.
    bridges = found.network.roads["bridge"].to_numpy() & ~found.network.roads["tunnel"].to_numpy()
    assert not result.roads["closed"][bridges].any()
    assert result.roads["closed"].any()
    assert (covered["isolated"] & covered["joint_covered"]).sum() == 0
