"""From a region to its flow network: people, shelters, exits, windows, own and joint, worked out by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from mutualaid.coverage import Analysis, analyse
from mutualaid.data import (
    ArrivalSource,
    EvacuationCase,
    HazardScenario,
    demo_path,
    new_region,
    read_region,
)
from mutualaid.errors import EvacuationError
from mutualaid.evacuation import (
    EvacuationNetwork,
    FlowNetwork,
    edge_lines,
    evacuation_network,
    nearest,
    road_capacities,
    ways,
)
from mutualaid.evacuation._paths import seconds_to
from mutualaid.hazards import Arrival, read_arrival, scenario_severity
from mutualaid.network import Network, travel_times

INF = math.inf
STEP_M = 65_000 / 15
#: A place to the next takes a car four minutes; a street of a town takes in 1,275 vehicles an hour.
STEP_S, VPH = 240.0, 1275.0
#: An evacuation of the demo with its own figures, without the fire.
CASE = EvacuationCase(exits=False, buses=6, bus_turns=2)
#: One person a vehicle, all have one and are ready at once, at their door.
PLAIN = EvacuationCase(
    persons_per_vehicle=1.0, without_car=0.0, mobilisation=((0.0, 1.0),), gather_m=0.0, exits=False
)


def with_roads(**columns: Any) -> Callable[[Network], Network]:
    return lambda network: replace(network, roads=network.roads.assign(**columns))


def drive_s(flow: FlowNetwork, source: str, sink: str) -> float:
    """Free-flow seconds from a source to a sink over what is open."""
    target = np.array([flow.sinks.loc[sink, "node"]])
    found = seconds_to(flow.n_nodes, flow.tail, flow.head, flow.transit_s, target, flow.capacity_vph > 0)
    return float(found[flow.sources["node"].to_numpy()[flow.sources.index.get_loc(source)]])


def left(built: EvacuationNetwork) -> dict[tuple[str, str], float]:
    table = built.left_behind
    return dict(zip(zip(table["zone"], table["reason"], strict=True), table["people"], strict=True))


def moving(
    folder: Path, parts: Sequence[tuple[float, float, float]], hazard: str = "wildfire", unit: str = "min"
) -> Arrival:
    """A hazard over the road from place to place, which arrives so many minutes after the alarm."""
    features = [
        {
            "type": "Feature",
            "properties": {"at": at},
            "geometry": shapely.geometry.mapping(shapely.box(first * STEP_M, -100, last * STEP_M, 100)),
        }
        for first, last, at in parts
    ]
    content = {"type": "FeatureCollection", "features": features}
    (folder / "fire.geojson").write_text(json.dumps(content), encoding="utf-8")
    covers = (-5 * STEP_M, -1e4, 20 * STEP_M, 1e4)
    source = ArrivalSource(
        file=folder / "fire.geojson", hazard=hazard, unit=unit, column="at", crs="EPSG:32632", covers=covers
    )
    return read_arrival(source, folder, "EPSG:32632")


# --- people, cars, shelters ----------------------------------------------------------------------------------


def test_one_place_one_shelter(row: Callable[..., Analysis]) -> None:
    built = evacuation_network(row("AB", {"s": 1}), ["A"], case=PLAIN)
    flow = built.flow
    assert flow.sources["people"].tolist() == flow.sources["vehicles"].tolist() == [1]
    assert flow.sources["zone"].tolist() == ["A"]
    assert flow.sinks["people"].tolist() == [1000]
    assert drive_s(flow, flow.sources.index[0], "s") == pytest.approx(STEP_S)
    roads = flow.road_edge >= 0
    crossing = built.network.roads["crossing"].to_numpy()[np.maximum(flow.road_edge, 0) >> 1] >= 0
    assert set(flow.capacity_vph[roads & ~crossing]) == {VPH}
    assert np.isinf(flow.capacity_vph[~roads | crossing]).all()
    assert left(built) == {}
    assert built.sinks["status"].tolist() == ["usable"]


def test_people_become_cars_and_are_ready_as_the_curve_says(row: Callable[..., Analysis]) -> None:
    case = replace(
        PLAIN, persons_per_vehicle=2.0, without_car=0.25, mobilisation=((0.0, 0.0), (30.0, 0.5), (60.0, 1.0))
    )
    built = evacuation_network(row("AAAB", {"s": 3}), ["A"], case=case)
    flow = built.flow
    assert flow.sources["people"].sum() == pytest.approx(0.75 * 7)
    assert flow.vehicles == pytest.approx(0.75 * 7 / 2)
    assert left(built) == {("A", "no car and no bus"): pytest.approx(0.25 * 7)}
    assert flow.release_s.tolist() == [0, 1800, 3600]
    assert flow.released.sum(axis=0) == pytest.approx([0, 0.75 * 7 / 4, 0.75 * 7 / 2])


def test_buses_take_whoever_has_no_car_and_come_again(row: Callable[..., Analysis]) -> None:
    case = replace(PLAIN, without_car=1.0, buses=1, bus_seats=3, bus_turns=2, bus_pce=2.0)
    built = evacuation_network(row("AAAB", {"s": 3}), ["A"], case=case)
    flow = built.flow
    assert flow.sources["kind"].tolist() == ["buses"]
    assert flow.sources["people"].tolist() == [6]
    assert flow.sources["vehicles"].tolist() == [4]  # two journeys of one bus
    assert left(built) == {("A", "no car and no bus"): 1}
    # Most people live at place 2, a step from the shelter: there, back, and ten minutes to get on and off.
    again = 2 * STEP_S + 600
    at = dict(zip(flow.release_s.tolist(), flow.released[0].tolist(), strict=True))
    assert (at[0], at[1080.0], at[1081.0]) == (2, 2, 4)
    assert again == 1080


def test_room_by_floor_area_and_hours(row: Callable[..., Analysis]) -> None:
    where = {"s": 1, "t": 1}
    room = {"capacity": np.nan, "area_m2": 100.0, "opens_min": [0.0, 20.0], "closes_min": [np.nan, 60.0]}
    region = row("AB", where, **room)
    short = evacuation_network(region, ["A"], case=PLAIN).flow.sinks
    assert short["people"].tolist() == [53, 53]  # 100 / 1.86
    assert short["opens_s"].tolist() == [0, 1200]
    assert short["closes_s"].tolist() == [INF, 3600]
    long = evacuation_network(region, ["A"], case=replace(PLAIN, duration="long")).flow.sinks
    assert long["people"].tolist() == [27, 27]


def test_a_shelter_on_the_way_splits_the_road(row: Callable[..., Analysis]) -> None:
    built = evacuation_network(row("ABB", {"near": 1.25, "far": 2}), ["A"], case=PLAIN)
    flow = built.flow
    at = flow.sources.index[0]
    assert drive_s(flow, at, "near") == pytest.approx(1.25 * STEP_S)
    assert drive_s(flow, at, "far") == pytest.approx(2 * STEP_S)
    assert ((built.from_fraction > 0) | (built.to_fraction < 1)).sum() == 4  # two parts, both directions


def test_people_gather_where_most_can_leave_and_are_later(row: Callable[..., Analysis]) -> None:
    """A hundred metres from the border node, on a road of its own, people gather there."""
    analysis = row("AB", {"s": 1})
    moved = analysis.demand.geometry.translate(0.5 * STEP_M - 100, 0)
    demand = analysis.demand.set_geometry(
        moved.where(analysis.demand["jurisdiction"] == "A", analysis.demand.geometry)
    )
    analysis = replace(analysis, demand=demand)
    flow = evacuation_network(analysis, ["A"], case=replace(PLAIN, gather_m=300.0)).flow
    assert flow.sources["junction"].tolist() == [1]
    # 100 m at 65 km/h are 5.5 s: the whole minute after that, nobody before.
    assert flow.sources["access_s"].tolist() == [60]
    assert flow.release_s.tolist() == [0, 60, 61]
    assert flow.released.tolist() == [[0, 0, 1]]
    assert drive_s(flow, flow.sources.index[0], "s") == pytest.approx(STEP_S / 2)
    at_door = evacuation_network(analysis, ["A"], case=PLAIN).flow
    assert at_door.sources["junction"].tolist() == [0]
    assert drive_s(at_door, at_door.sources.index[0], "s") == pytest.approx(STEP_S * (0.5 + 100 / STEP_M))


def test_of_equal_junctions_the_one_that_most_people_can_go_to(row: Callable[..., Analysis]) -> None:
    """Places 0…3 of 1, 2, 4 and 8 people; 2,550 vehicles an hour can leave 1, 2 and 3, half as many leave 0."""
    analysis = row("AAAAB", {"s": 4})
    flow = evacuation_network(analysis, ["A"], case=replace(PLAIN, gather_m=5000.0)).flow
    people = dict(zip(flow.sources["junction"], flow.sources["people"], strict=True))
    assert people == {1: 1, 2: 14}  # place 0 can go no further than to 1
    assert flow.sources["access_s"].tolist() == [240, 240]


def test_a_small_gathering_joins_another_that_all_of_it_can_reach(row: Callable[..., Analysis]) -> None:
    """All can go to 1 and to 2, and each would go to the nearer one: three people are too few for a gathering."""
    analysis = row("AAAAB", {"s": 4})
    flow = evacuation_network(analysis, ["A"], case=replace(PLAIN, gather_m=9000.0)).flow
    assert flow.sources["junction"].tolist() == [2]
    assert flow.sources["people"].tolist() == [15]
    assert flow.sources["access_s"].tolist() == [480]  # from place 0


def test_nobody_gathers_on_the_ground_of_another_partner(row: Callable[..., Analysis]) -> None:
    """Twice as many can leave place 1 in B, and it is near enough: from there people could not leave at level own."""
    analysis = row("ABB", {"s": 2})
    moved = analysis.demand.geometry.translate(0.4 * STEP_M, 0)
    demand = analysis.demand.set_geometry(
        moved.where(analysis.demand["jurisdiction"] == "A", analysis.demand.geometry)
    )
    flow = evacuation_network(
        replace(analysis, demand=demand), ["A"], case=replace(PLAIN, gather_m=3000.0)
    ).flow
    assert flow.sources["junction"].tolist() == [1]  # A's junction at the border


# --- one-way streets and closures ----------------------------------------------------------------------------


def test_against_a_one_way_road_there_is_no_way(row: Callable[..., Analysis]) -> None:
    one_way = with_roads(oneway=np.int8(1))
    places = {"west": 0, "east": 2}
    with pytest.raises(EvacuationError):
        evacuation_network(row("AAB", {}, change=one_way), ["A"], case=PLAIN)
    # Nothing returns on a one-way road, so nobody lives on a road that cars may use: they walk to a junction.
    case = replace(PLAIN, gather_m=50.0)
    analysis = row("AAB", places, change=one_way)
    built = evacuation_network(analysis, ["B"], case=case)
    assert left(built) == {("B", "no way"): 4}
    assert len(built.flow.sources) == 0


def test_contraflow_leads_towards_the_shelters(row: Callable[..., Analysis]) -> None:
    analysis = row("AAB", {"s": 2})
    plain = evacuation_network(analysis, ["A"], case=PLAIN)
    turned = evacuation_network(analysis, ["A"], case=replace(PLAIN, contraflow=("High Road",)))
    vph = turned.capacities["capacity_vph"].to_numpy().reshape(-1, 2)
    real = turned.network.roads["crossing"].to_numpy() < 0
    assert vph[real, 0].tolist() == pytest.approx([1.7 * VPH] * real.sum())
    assert (vph[real, 1] == 0).all()
    assert (
        turned.capacities["status"].to_numpy().reshape(-1, 2)[real, 1].tolist()
        == ["not for cars"] * real.sum()
    )
    at = turned.flow.sources.index[0]
    assert drive_s(turned.flow, at, "s") == drive_s(plain.flow, at, "s")
    with pytest.raises(EvacuationError, match="Low Road"):
        evacuation_network(analysis, ["A"], case=replace(PLAIN, contraflow=("Low Road",)))


def test_a_closed_crossing_and_a_closed_way(row: Callable[..., Analysis]) -> None:
    analysis = row("AAB", {"s": 2})
    for closed in ({"closed_crossings": ("x1",)}, {"closed_ways": (0,)}):
        built = evacuation_network(analysis, ["A"], case=replace(PLAIN, **closed))
        shut = built.capacities["status"] == "closed"
        assert shut.sum() == 2
        assert (built.capacities["capacity_vph"][shut] == 0).all()
    assert left(evacuation_network(analysis, ["A"], case=replace(PLAIN, closed_crossings=("x1",)))) == {
        ("A", "no way"): 3
    }
    # Way 0 is the road from place 0 to place 1: whoever lives at place 1 leaves the other way.
    assert left(evacuation_network(analysis, ["A"], case=replace(PLAIN, closed_ways=(0,)))) == {
        ("A", "no way"): 1
    }


def test_a_private_road_is_opened_by_its_way(row: Callable[..., Analysis]) -> None:
    def private(network: Network) -> Network:
        access = np.where(network.roads["way"] == 0, "private", "yes")
        return replace(network, roads=network.roads.assign(access=pd.Categorical(access)))

    analysis = row("AAB", {"s": 2}, change=private)
    shut = evacuation_network(analysis, ["A"], case=PLAIN)
    assert shut.flow.sources["people"].tolist() == [2]
    assert sum(left(shut).values()) == 1
    opened = evacuation_network(analysis, ["A"], case=replace(PLAIN, opened_ways=(0,)))
    assert opened.flow.sources["people"].sum() == 3
    assert left(opened) == {}


def test_a_track_that_is_opened_is_driven_slowly(row: Callable[..., Analysis]) -> None:
    def track(network: Network) -> Network:
        names = np.where(network.roads["way"] == 1, "track", "primary")
        kind = pd.Categorical(names, categories=network.roads["class"].cat.categories)
        return replace(network, roads=network.roads.assign(**{"class": kind}))

    analysis = row("AAB", {"s": 2}, change=track)
    assert left(evacuation_network(analysis, ["A"], case=replace(PLAIN, gather_m=50.0))) == {
        ("A", "no way"): 3
    }
    built = evacuation_network(analysis, ["A"], case=replace(PLAIN, opened_ways=(1,)))
    at = built.flow.sources.index[built.flow.sources["people"] == 2][0]
    # Half a step at 15 km/h in place of 65, the other half on the primary road.
    assert drive_s(built.flow, at, "s") == pytest.approx(STEP_S / 2 * (65 / 15 + 1), abs=0.01)
    assert built.capacities["capacity_vph"][2] == 0.85 * 300


# --- own and joint -------------------------------------------------------------------------------------------


def test_own_shelters_only(row: Callable[..., Analysis]) -> None:
    analysis = row("AABB", {"a": 0, "b": 2})
    zone = gpd.GeoDataFrame(
        geometry=[shapely.box(0.9 * STEP_M, -400, 1.1 * STEP_M, 400)], index=["z"], crs=analysis.region.crs
    )
    joint = evacuation_network(analysis, zone, case=PLAIN)
    own = evacuation_network(analysis, zone, case=PLAIN, level="own")
    assert joint.sinks["status"].to_dict() == {"a": "usable", "b": "usable"}
    assert own.sinks["status"].to_dict() == {"a": "usable", "b": "not own"}
    assert own.flow.sinks.index.tolist() == ["a"]
    assert own.capacities["status"].value_counts()["border"] == 2
    assert (own.capacities["capacity_vph"] <= joint.capacities["capacity_vph"]).all()
    assert own.borders.tolist() == [True]


def test_without_own_shelters_everybody_is_left_and_named(row: Callable[..., Analysis]) -> None:
    analysis = row("AB", {"b": 1})
    own = evacuation_network(analysis, ["A"], case=PLAIN, level="own")
    assert left(own) == {("A", "no way"): 1}
    assert (len(own.flow.sources), len(own.flow.sinks), own.flow.n_edges) == (0, 0, 0)
    assert own.flow.released.shape == (0, 1)


def test_partners_people_never_meet_at_level_own(row: Callable[..., Analysis]) -> None:
    """The exclave of A behind B is out of reach for A's people, and not for B's, who have no shelter of their own."""
    analysis = row("ABa", {"a": 2})
    joint = evacuation_network(analysis, ["A", "B"], case=PLAIN)
    assert joint.flow.sources["people"].sum() == 3
    own = evacuation_network(analysis, ["A", "B"], case=PLAIN, level="own")
    assert left(own) == {("A", "no way"): 1, ("B", "no way"): 2}
    assert own.sinks["status"].to_dict() == {"a": "no way"}


def test_whose_street_is_across_the_border_does_not_start_there_at_level_own(
    row: Callable[..., Analysis],
) -> None:
    analysis = row("AB", {"b": 1})
    moved = analysis.demand.geometry.translate(0.6 * STEP_M, 0)
    demand = analysis.demand.set_geometry(
        moved.where(analysis.demand["jurisdiction"] == "A", analysis.demand.geometry)
    )
    analysis = replace(analysis, demand=demand)
    zone = gpd.GeoDataFrame(
        geometry=[shapely.box(0, -400, 0.9 * STEP_M, 400)], index=["z"], crs=analysis.region.crs
    )
    assert left(evacuation_network(analysis, zone, case=PLAIN)) == {}
    assert left(evacuation_network(analysis, zone, case=PLAIN, level="own")) == {("z", "no way"): 1}


def neutral(network: Network, name: str) -> Network:
    """The network with a jurisdiction's roads outside all, and no crossings there."""
    lands = network.roads["jurisdiction"].astype(object)
    lands = lands.where(lands != name)
    crossing = network.roads["crossing"].to_numpy()
    ends = network.crossings[["from_jurisdiction", "to_jurisdiction"]].to_numpy()
    gone = (ends == name).any(axis=1)
    roads = network.roads.assign(
        jurisdiction=pd.Categorical(lands), crossing=np.where((crossing >= 0) & gone[crossing], -1, crossing)
    )
    # What was a crossing is a road of no length.
    return replace(network, roads=roads.assign(crossing=roads["crossing"].astype(np.int32)))


def test_ground_of_nobody_may_be_entered_and_not_left_into_anothers(row: Callable[..., Analysis]) -> None:
    analysis = row("ACB", {"b": 2}, change=lambda network: neutral(network, "C"))
    case = replace(PLAIN, zones=("A",))
    joint = evacuation_network(analysis, case=case)
    assert joint.flow.sources["people"].sum() == 1
    own = evacuation_network(analysis, case=case, level="own")
    assert left(own) == {("A", "no way"): 1}
    border = own.capacities.index[own.capacities["status"] == "border"]
    ends = own.network.roads[["a", "b"]].to_numpy()
    heads = ends[:, ::-1].ravel()[border]
    # Into B's ground only: with A's people alone on the roads, they may come home.
    assert set(own.network.x[heads]) == {1.5 * STEP_M}


# --- exits ---------------------------------------------------------------------------------------------------


def test_roads_that_end_where_the_map_does_are_exits(row: Callable[..., Analysis]) -> None:
    """The jurisdictions end half a step beyond the last places; the road ends at these places, so nothing is cut."""
    analysis = row("AAB", {"s": 2})
    none = evacuation_network(analysis, ["A"], case=replace(PLAIN, exits=True))
    assert none.sinks["kind"].tolist() == ["shelter"]
    lands = analysis.region.jurisdictions
    land = lands.assign(geometry=lands.geometry.intersection(shapely.box(0, -500, 2 * STEP_M, 500)))
    clipped = replace(analysis, region=replace(analysis.region, jurisdictions=land))
    built = evacuation_network(clipped, ["B"], case=replace(PLAIN, exits=True))
    exits = built.sinks[built.sinks["kind"] == "exit"]
    assert exits["status"].to_dict() == {"exit 0": "usable", "exit 4": "in a zone"}
    assert np.isinf(exits["people"]).all()
    assert exits["name"].tolist() == ["High Road", "High Road"]
    assert built.flow.sinks["kind"].tolist() == ["exit"]  # the school is in the zone, too
    assert built.sinks.loc["s", "status"] == "in a zone"
    own = evacuation_network(clipped, ["B"], case=replace(PLAIN, exits=True), level="own")
    assert own.sinks["status"].to_dict() == {"s": "in a zone", "exit 0": "no way", "exit 4": "in a zone"}


def test_an_exit_needs_a_road_that_leads_out(row: Callable[..., Analysis]) -> None:
    analysis = row("AAB", {"s": 1}, change=with_roads(oneway=np.int8(-1)))
    lands = analysis.region.jurisdictions
    land = lands.assign(geometry=lands.geometry.intersection(shapely.box(0, -500, 2 * STEP_M, 500)))
    clipped = replace(analysis, region=replace(analysis.region, jurisdictions=land))
    case = replace(PLAIN, exits=True, gather_m=50.0)
    built = evacuation_network(clipped, ["B"], case=case)
    assert built.sinks.index[built.sinks["kind"] == "exit"].tolist() == ["exit 0"]


# --- hazards -------------------------------------------------------------------------------------------------


def test_roads_close_when_the_fire_first_touches_them(row: Callable[..., Analysis], tmp_path: Path) -> None:
    analysis = row("AAAB", {"s": 3})
    fire = moving(tmp_path, [(0.9, 1.2, 30), (0.95, 1.0, 20)])
    built = evacuation_network(analysis, ["A"], case=PLAIN, arrival=fire)
    closes = pd.Series(built.closes_s).groupby(np.arange(len(built.closes_s)) // 2).first()
    x = built.network.x[built.network.roads[["a", "b"]].to_numpy()] / STEP_M
    assert dict(zip(map(tuple, x.tolist()), closes, strict=True)) == {
        (0.0, 1.0): 1200, (1.0, 2.0): 1800, (2.0, 2.5): INF, (2.5, 2.5): INF, (2.5, 3.0): INF,
    }  # fmt: skip
    real = built.flow.road_edge >= 0
    assert np.array_equal(built.flow.closes_s[real], built.closes_s[built.flow.road_edge[real]])
    assert np.isinf(built.flow.closes_s[~real]).all()


def test_a_part_of_a_road_closes_when_the_fire_is_there(row: Callable[..., Analysis], tmp_path: Path) -> None:
    """The school halfway cuts the road: the part before it closes later than the one beyond."""
    analysis = row("ABB", {"s": 1.5, "t": 2})
    fire = moving(tmp_path, [(1.1, 1.2, 40), (1.7, 1.8, 10)])
    built = evacuation_network(analysis, ["A"], case=PLAIN, arrival=fire)
    flow = built.flow
    parts = {
        (int(edge), round(start, 6)): closes
        for edge, start, closes in zip(flow.road_edge, built.from_fraction, flow.closes_s, strict=True)
        if edge in (6, 7)
    }
    assert parts == {(6, 0.0): 2400, (6, 0.5): 600, (7, 0.0): 600, (7, 0.5): 2400}
    assert built.closes_s[6:8].tolist() == [600, 600]


def test_water_does_not_reach_a_bridge_and_fire_does(row: Callable[..., Analysis], tmp_path: Path) -> None:
    analysis = row("AAB", {"s": 2}, change=with_roads(bridge=True))
    water = evacuation_network(
        analysis, ["A"], case=PLAIN, arrival=moving(tmp_path, [(0.2, 0.4, 10)], "flood")
    )
    assert np.isinf(water.closes_s).all()
    fire = evacuation_network(analysis, ["A"], case=PLAIN, arrival=moving(tmp_path, [(0.2, 0.4, 10)]))
    assert np.isfinite(fire.closes_s).sum() == 2


def test_shelters_close_when_the_fire_is_there_unless_they_stand_it(
    row: Callable[..., Analysis], tmp_path: Path
) -> None:
    where = {"late": 2, "stands": 2, "at once": 0, "closed": 2}
    analysis = row(
        "AAB",
        where,
        stands=["", "wildfire;landslide", "", ""],
        opens_min=[0.0, 0, 0, 70],
        closes_min=[np.nan] * 4,
    )
    fire = moving(tmp_path, [(1.9, 2.1, 60), (-0.1, 0.1, 0)])
    built = evacuation_network(analysis, ["B"], case=PLAIN, arrival=fire)
    # B itself is the zone: its shelters are in it.
    assert set(built.sinks["status"]) == {"in a zone", "in the hazard"}
    built = evacuation_network(analysis, ["A"], case=PLAIN, arrival=fire)
    assert built.sinks["closes_s"].to_dict() == {"late": 3600, "stands": INF, "at once": 0, "closed": 3600}
    assert built.sinks["status"].to_dict() == {
        "late": "usable", "stands": "usable", "at once": "in the hazard", "closed": "in the hazard",
    }  # fmt: skip
    assert built.sinks["arrives_s"].tolist() == [3600, 3600, 0, 3600]


def test_nobody_starts_where_it_burns_from_the_alarm_on(row: Callable[..., Analysis], tmp_path: Path) -> None:
    analysis = row("AAB", {"s": 2})
    fire = moving(tmp_path, [(0.2, 0.3, 0)])
    built = evacuation_network(analysis, ["A"], case=PLAIN, arrival=fire)
    assert left(built) == {("A", "no way"): 1}
    too_late = moving(tmp_path, [(0.2, 0.3, 3.9)])  # the road takes four minutes
    assert left(evacuation_network(analysis, ["A"], case=PLAIN, arrival=too_late)) == {("A", "no way"): 1}
    just = moving(tmp_path, [(0.2, 0.3, 4)])
    assert left(evacuation_network(analysis, ["A"], case=PLAIN, arrival=just)) == {}


def test_the_arrival_of_the_case_counts_where_none_is_given(
    row: Callable[..., Analysis], tmp_path: Path
) -> None:
    analysis = row("AAB", {"s": 2})
    fire = moving(tmp_path, [(0.2, 0.3, 30)])
    stated = ArrivalSource(
        file=tmp_path / "fire.geojson", hazard="wildfire", column="at", crs="EPSG:32632",
        covers=(-5 * STEP_M, -1e4, 20 * STEP_M, 1e4),
    )  # fmt: skip
    by_case = evacuation_network(analysis, ["A"], case=replace(PLAIN, arrival=stated))
    given = evacuation_network(analysis, ["A"], case=PLAIN, arrival=fire)
    assert by_case.closes_s.tolist() == given.closes_s.tolist()
    gone = replace(stated, file=tmp_path / "none.geojson")
    with pytest.raises(EvacuationError, match=r"none\.geojson"):
        evacuation_network(analysis, ["A"], case=replace(PLAIN, arrival=gone))


def test_a_scenario_closes_roads_from_the_alarm_on(row: Callable[..., Analysis]) -> None:
    analysis = row("AAB", {"s": 2})
    shut = HazardScenario("shut", "Pass shut", (), closed_ways=(0,))
    analysis = replace(analysis, region=replace(analysis.region, scenarios=(shut,)))
    built = evacuation_network(analysis, ["A"], case=replace(PLAIN, scenario="shut"))
    assert (built.capacities["status"] == "hazard").sum() == 2
    assert left(built) == {("A", "no way"): 1}
    with pytest.raises(EvacuationError, match="flood"):
        evacuation_network(analysis, ["A"], case=replace(PLAIN, scenario="flood"))


# --- bad input -----------------------------------------------------------------------------------------------


def away(places: gpd.GeoDataFrame, key: str) -> gpd.GeoDataFrame:
    """The same places, one of them 450 m from the road."""
    further = places.geometry.translate(0, 450)
    return places.set_geometry(places.geometry.where(places.index != key, further))


def test_what_cannot_be_used_is_named_and_the_rest_is_planned(row: Callable[..., Analysis]) -> None:
    where = {"good": 2, "no room": 2, "no road": 2}
    analysis = row("AAB", where, capacity=[50.0, 0.0, 50.0])
    shelters = away(analysis.region.shelters, "no road")
    demand = away(analysis.demand, "d0")
    analysis = replace(analysis, region=replace(analysis.region, shelters=shelters), demand=demand)
    built = evacuation_network(analysis, ["A"], case=PLAIN)
    assert built.sinks["status"].to_dict() == {
        "good": "usable", "no room": "no room", "no road": "no road"
    }  # fmt: skip
    assert left(built) == {("A", "no road"): 1}
    assert built.flow.sources["people"].tolist() == [2]
    assert any("no road: School no road" in note for note in built.notes)


def test_a_region_with_nowhere_to_go_is_refused(row: Callable[..., Analysis]) -> None:
    with pytest.raises(EvacuationError, match="shelters"):
        evacuation_network(row("AB", {}), ["A"], case=PLAIN)


def test_names_that_are_not_there(row: Callable[..., Analysis]) -> None:
    analysis = row("AB", {"s": 1})
    for wrong in ({"closed_crossings": ("x9",)}, {"closed_ways": (99,)}, {"opened_ways": (99,)}):
        with pytest.raises(EvacuationError, match="9"):
            evacuation_network(analysis, ["A"], case=replace(PLAIN, **wrong))
    with pytest.raises(EvacuationError, match="level"):
        evacuation_network(analysis, ["A"], case=PLAIN, level="alone")
    with pytest.raises(EvacuationError, match="at least one zone"):
        evacuation_network(analysis, case=PLAIN)


# --- ways ----------------------------------------------------------------------------------------------------


def on_road(built: EvacuationNetwork, road_edges: Sequence[int]) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Edges of the flow network that stand for these road edges, whole ones, in order."""
    return np.array([np.flatnonzero(built.flow.road_edge == one)[0] for one in road_edges], dtype=np.int32)


def test_a_way_in_words_and_as_a_line(row: Callable[..., Analysis]) -> None:
    def named(network: Network) -> Network:
        return replace(
            network, roads=network.roads.assign(name=["Quay", "Hill", "Hill", "Hill", ""][: network.n_roads])
        )

    built = evacuation_network(row("AAAB", {"s": 3}, change=named), ["A"], case=PLAIN)
    path = on_road(built, [0, 2, 4, 6, 8])
    found = ways(built, [path, path[:0]])
    assert found["roads"].tolist() == [("Quay", "Hill", ""), ()]
    assert found["main"].tolist() == [("Quay", "Hill"), ()]
    assert found["length_m"].tolist() == pytest.approx([3 * STEP_M, 0])
    assert found["crossings"].tolist() == [("x1",), ()]
    assert found.geometry.iloc[0].length == pytest.approx(3 * STEP_M)
    assert found.geometry.iloc[0].coords[0] == (0, 0)
    assert found.crs == built.network.crs
    back = edge_lines(built, [1])
    assert [one.coords[0] for one in back] == [(STEP_M, 0)]


def test_crossings_within_one_partners_ground_are_not_named(row: Callable[..., Analysis]) -> None:
    built = evacuation_network(row("AaB", {"s": 2}), ["A"], case=PLAIN)
    path = on_road(built, [0, 2, 4, 6, 8, 10])
    assert built.borders.tolist() == [False, True]
    assert ways(built, [path])["crossings"].tolist() == [("x2",)]


def test_short_pieces_without_a_name_belong_to_the_road_round_them(row: Callable[..., Analysis]) -> None:
    def short(network: Network) -> Network:
        names = ["Hill", "", "Hill", "", "Quay"]
        lengths = [500.0, 60.0, 500.0, 0.0, 500.0]
        kind = pd.Categorical(["residential"] * 5, categories=network.roads["class"].cat.categories)
        return replace(
            network, roads=network.roads.assign(name=names, length_m=lengths, **{"class": kind}, crossing=-1)
        )

    built = evacuation_network(row("AAAB", {"s": 3}, change=short), ["A"], case=PLAIN)
    found = ways(built, [on_road(built, [0, 2, 4]), on_road(built, [2, 4])])
    assert found["roads"].tolist() == [("Hill",), ("", "Hill")]
    assert found["length_m"].tolist() == pytest.approx([1060, 560])
    assert found["main"].tolist() == [("Hill",), ("Hill",)]


# --- the demo ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo() -> Analysis:
    return analyse(read_region(demo_path()))


@pytest.fixture(scope="module")
def levels(demo: Analysis) -> dict[str, EvacuationNetwork]:
    return {level: evacuation_network(demo, level=level) for level in ("own", "joint")}


@pytest.mark.parametrize("level", ["own", "joint"])
def test_everybody_is_somewhere(levels: dict[str, EvacuationNetwork], level: str) -> None:
    built = levels[level]
    going = built.flow.sources.groupby("zone")["people"].sum()
    behind = built.left_behind.groupby("zone")["people"].sum()
    total = going.add(behind, fill_value=0.0).reindex(built.zones.index)
    assert total.to_numpy() == pytest.approx(built.zones["people"].to_numpy())
    assert np.allclose(built.flow.released[:, -1], built.flow.sources["vehicles"])
    assert set(built.left_behind["reason"]) <= {"no road", "no way", "no car and no bus"}


def test_own_has_no_more_of_anything(levels: dict[str, EvacuationNetwork]) -> None:
    own, joint = levels["own"], levels["joint"]
    assert (own.capacities["capacity_vph"] <= joint.capacities["capacity_vph"]).all()
    assert set(own.flow.sinks.index) < set(joint.flow.sinks.index)
    cars = own.flow.sources[own.flow.sources["kind"] == "cars"]
    assert set(cars.index) <= set(joint.flow.sources.index)
    same = joint.flow.sources.loc[cars.index]
    assert same[["people", "vehicles", "access_s"]].equals(cars[["people", "vehicles", "access_s"]])
    assert own.flow.sinks["partner"].unique().tolist() == ["SDIS 06"]
    # Nobody gets onto the ground of Monaco.
    ground = own.network.roads["jurisdiction"].astype(str).to_numpy()
    flow = own.flow
    free = flow.capacity_vph > 0
    there = np.isin(np.maximum(flow.road_edge, 0) >> 1, np.flatnonzero(ground == "MC")) & (
        flow.road_edge >= 0
    )
    into = np.unique(flow.tail[there & free])
    reached = seconds_to(
        flow.n_nodes, flow.head, flow.tail, flow.transit_s, flow.sources["node"].to_numpy(), free
    )
    assert np.isinf(reached[into]).all()
    assert there.any()


def test_drives_are_those_of_the_route_graph(levels: dict[str, EvacuationNetwork]) -> None:
    check_drives(levels["joint"])


def check_drives(built: EvacuationNetwork) -> None:
    """Free-flow times from all junctions to all sinks are those that the search of travel times finds."""
    flow, graph = built.flow, built.graph
    sinks = built.sinks.loc[flow.sinks.index, ["road", "fraction"]].assign(status="ok")
    sources = flow.sources[(flow.sources["junction"] != 0) & (flow.sources["kind"] == "cars")]
    node = pd.Series(np.arange(built.network.n_nodes), index=built.network.node_id)[sources["junction"]]
    ends = built.network.roads[["a", "b"]].to_numpy()
    plain = np.flatnonzero(built.network.roads["crossing"].to_numpy() < 0)
    first = {int(ends[road, side]): (road, float(side)) for road in plain for side in (0, 1)}
    road, fraction = zip(*(first[int(one)] for one in node), strict=True)
    origins = pd.DataFrame({"road": road, "fraction": fraction, "status": "ok"}, index=sources.index)
    table = travel_times(graph, origins, sinks, limit_s=100_000)
    seconds = pd.Series(
        (table["drive_s"] + table["crossing_s"]).to_numpy(),
        index=pd.MultiIndex.from_frame(table[["origin", "destination"]]),
    )
    every = np.ones(flow.n_edges, dtype=bool)
    for sink, target in flow.sinks["node"].items():
        found = seconds_to(flow.n_nodes, flow.tail, flow.head, flow.transit_s, np.array([target]), every)
        pairs = pd.MultiIndex.from_arrays([sources.index, [sink] * len(sources)])
        expected = seconds.reindex(pairs).fillna(INF).to_numpy()
        assert found[sources["node"]] == pytest.approx(expected, abs=0.01)
    assert len(sources)
    assert len(flow.sinks)


def test_equal_runs_are_equal(demo: Analysis, levels: dict[str, EvacuationNetwork]) -> None:
    again, first = evacuation_network(demo, level="own").flow, levels["own"].flow
    for one in fields(first):
        before, after = getattr(first, one.name), getattr(again, one.name)
        if isinstance(before, pd.DataFrame):
            pd.testing.assert_frame_equal(before, after)
        else:
            assert np.array_equal(before, after)


def test_factors_and_closures_leave_people_where_they_are(demo: Analysis) -> None:
    zone = ["FR-la-turbie"]
    case = demo.region.evacuation
    assert case is not None
    usual = evacuation_network(demo, zone, case=case).flow
    crossing = demo.network.crossings.index[:3]
    for other in (
        replace(case, factor="sustained"),
        replace(case, background=0.3),
        replace(case, closed_crossings=tuple(crossing)),
    ):
        flow = evacuation_network(demo, zone, case=other).flow
        cars = flow.sources[flow.sources["kind"] == "cars"].index
        assert set(cars) <= set(usual.sources.index)
        both = usual.sources.loc[cars]
        assert (both["vehicles"] == flow.sources.loc[cars, "vehicles"]).all()


def test_the_capacities_are_those_of_the_roads(levels: dict[str, EvacuationNetwork]) -> None:
    built = levels["joint"]
    flow = built.flow
    plain = road_capacities(built.network)["capacity_vph"].to_numpy()
    real = flow.road_edge >= 0
    assert np.array_equal(flow.capacity_vph[real], plain[flow.road_edge[real]])
    assert not (built.graph.drive_ms[flow.road_edge[real]] < 0).any()


def test_what_a_scenario_closes_to_engines_it_closes_to_cars(demo: Analysis) -> None:
    case = replace(CASE, scenario="storm", zones=("FR-cap-d-ail",))
    built = evacuation_network(demo, case=case)
    fair = evacuation_network(demo, case=replace(case, scenario=""))
    storm = next(one for one in demo.scenarios if one.scenario.id == "storm")
    engines = np.repeat(storm.roads["closed"].to_numpy(), 2)
    cars = (built.capacities["status"] == "hazard").to_numpy()
    driven = built.graph.drive_ms >= 0
    assert engines.any()
    assert cars[engines & driven].all()
    assert (built.capacities["capacity_vph"].to_numpy()[cars] == 0).all()
    # What is only slowed down takes longer.
    slower = pd.Series(built.flow.transit_s).groupby(built.flow.road_edge).sum()
    before = pd.Series(fair.flow.transit_s).groupby(fair.flow.road_edge).sum().reindex(slower.index)
    both = before.notna() & (slower.index >= 0)
    assert (slower[both] >= before[both] - 1e-9).all()
    said = scenario_severity(
        built.sinks, demo.layers.layers, storm.scenario, jurisdictions=demo.region.jurisdictions
    )
    wet = (said["severity"] >= 1).fillna(False).astype(bool)
    assert wet.any()
    assert (built.sinks["status"] == "in the hazard").tolist() == wet.tolist()


def test_the_baseline_runs_on_it(levels: dict[str, EvacuationNetwork]) -> None:
    for built in levels.values():
        run = nearest(built.flow)
        assert run.arrivals["people"].sum() + run.caught["people"].sum() == pytest.approx(
            built.flow.sources["people"].sum()
        )


# --- a real country ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def country(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    """Liechtenstein with a shelter beside the most populous cell of each of its 11 municipalities."""
    extract = shared_data / "liechtenstein" / "liechtenstein-2024-03-04.osm.pbf"
    region = new_region(tmp_path_factory.mktemp("li") / "region", pbf=[extract], admin_level=8)
    most = region.demand.sort_values("population", ascending=False).drop_duplicates("jurisdiction")
    lands = most["jurisdiction"].tolist()
    values = {
        "name": lands, "jurisdiction": lands, "owner": lands, "capacity": 5000.0, "area_m2": np.nan,
        "opens_min": 0.0, "closes_min": np.nan, "services": "", "stands": "", "capacity_source": "",
    }  # fmt: skip
    shelters = gpd.GeoDataFrame(
        values, geometry=most.geometry.to_numpy(), index=pd.Index(lands, name="id"), crs=region.crs
    )
    return analyse(replace(region, shelters=shelters))


def test_a_country_with_many_turn_restrictions(country: Analysis) -> None:
    zones = country.region.jurisdictions.index[:3].tolist()
    built = evacuation_network(country, zones, case=EvacuationCase())
    assert len(country.network.restrictions) > 50
    assert built.graph.n_states > built.network.n_nodes
    assert (built.flow.group >= 0).any()
    check_drives(built)
    own = evacuation_network(country, zones, case=EvacuationCase(), level="own")
    for one in (built, own):
        going = one.flow.sources["people"].sum() + one.left_behind["people"].sum()
        assert going == pytest.approx(one.zones["people"].sum())
    assert own.flow.vehicles < built.flow.vehicles
    # The map ends across the Rhine and in Feldkirch, on roads that lead on.
    exits = built.sinks[built.sinks["kind"] == "exit"]
    assert 5 <= len(exits) <= 15
    assert {"Rheinbrücke Haag-Bendern", "Neue Churerstrasse"} <= set(exits["name"])
    inside = exits.geometry.within(
        shapely.union_all(country.region.jurisdictions.geometry.to_numpy()).buffer(-60)
    )
    assert not inside.any()
