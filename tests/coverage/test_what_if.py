"""The tables behind "what if": against whole runs with the same change made, and by hand along one road.

A crew needs 60 s to turn out, so a station reaches a place n steps away 60 + 240 n seconds after its alert, and later
by the delays at the crossings in between and by that until it is alerted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
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
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mutualaid.cooperation import delay_sweep
from mutualaid.coverage import (
    NEVER,
    Analysis,
    WhatIfLevel,
    WhatIfTables,
    analyse,
    candidate_sites,
    coverage,
    coverage_again,
    levels,
    on_road,
    what_if_coverage,
    what_if_tables,
)
from mutualaid.data import Agreement, HazardScenario, HazardSource, Region, demo_path, new_region, read_region
from mutualaid.errors import RegionError
from mutualaid.network import Network, route_graph, snap, travel_times

INF = math.inf
STEP_M = 65_000 / 15
AlongRoad = Callable[..., tuple[Region, Network]]


def run(made: tuple[Region, Network]) -> Analysis:
    region, network = made
    return analyse(region, network=network)


def with_station(analysis: Analysis, site: pd.Series[Any], name: str) -> Region:
    """A run's region with a career station at a candidate site."""
    region = analysis.region
    new = gpd.GeoDataFrame(
        {
            "name": ["new"],
            "jurisdiction": [site["jurisdiction"]],
            "service": ["fire"],
            "department": ["career"],
            "status": ["active"],
        },
        geometry=[site["geometry"]],
        index=pd.Index([name], name="id"),
        crs=region.crs,
    )
    return replace(region, stations=pd.concat([region.stations, new]))


def same(found: dict[str, WhatIfLevel], tables: WhatIfTables, covered: pd.DataFrame, *only: str) -> None:
    """Who comes, when, and whether in time, is to the millisecond what a coverage frame says."""
    assert tuple(found) == levels(covered)
    for level in only or found:
        one = found[level]
        np.testing.assert_array_equal(one.seconds, covered[f"{level}_s"])
        np.testing.assert_array_equal(one.reached, covered[f"{level}_covered"])
        names = [*tables.sites.index, None]
        expected = covered[f"{level}_station"].astype(object)
        assert [names[at] for at in one.site] == expected.where(expected.notna(), None).tolist()


def no_sites(analysis: Analysis) -> gpd.GeoDataFrame:
    return candidate_sites(analysis, count=0)


def candidates(
    analysis: Analysis, region: Region, network: Network, at: Sequence[tuple[float, str]]
) -> gpd.GeoDataFrame:
    """Candidate sites along the road, in steps from place 0, each in a jurisdiction."""
    index = pd.Index([f"new{i + 1}" for i in range(len(at))], name="id")
    points = gpd.GeoSeries.from_xy([STEP_M * x for x, _ in at], 0.0, index=index, crs=region.crs)
    placed = snap(network, points, graph=analysis.fair.graph).rename(columns={"status": "road_status"})
    lands = [land for _, land in at]
    partner = region.jurisdictions["partner"].reindex(lands).to_numpy()
    columns = {"jurisdiction": lands, "partner": partner}
    return gpd.GeoDataFrame(columns, geometry=points, index=index).join(placed)


@pytest.fixture(scope="module")
def demo() -> Analysis:
    return analyse(read_region(demo_path()))


@pytest.fixture(scope="module")
def tables(demo: Analysis) -> WhatIfTables:
    return what_if_tables(demo)


# --- candidate sites ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 5, 48, 200])
def test_candidate_sites_are_spread_over_where_people_live(demo: Analysis, count: int) -> None:
    sites = candidate_sites(demo, count=count)
    assert 0.7 * count <= len(sites) <= count
    assert list(sites.index) == [f"new{i + 1}" for i in range(len(sites))]
    assert sites.geometry.x.is_monotonic_increasing
    pd.testing.assert_frame_equal(pd.DataFrame(candidate_sites(demo, count=count)), pd.DataFrame(sites))
    assert not sites.geometry.duplicated().any()
    lands = demo.region.jurisdictions
    for (_, site), land in zip(sites.iterrows(), lands.geometry.reindex(sites["jurisdiction"]), strict=True):
        assert land.distance(site.geometry) < 0.01
        assert site["partner"] == lands["partner"][site["jurisdiction"]]
    people = demo.demand[demo.demand["population"] > 0]
    assert sites.distance(people.union_all()).max() < 500


def test_candidate_sites_stand_on_roads_where_a_station_can_be(demo: Analysis) -> None:
    """At each there is a road of a kind that serves a station, and the junction is on no border."""
    network, graph = demo.network, demo.fair.graph
    sites = candidate_sites(demo)
    assert set(sites["road_status"]) == {"ok"}
    assert sites["distance_m"].max() < 0.01
    nodes = shapely.STRtree(gpd.points_from_xy(network.x, network.y)).query(
        sites.geometry.to_numpy(), predicate="dwithin", distance=0.01
    )
    roads = network.roads
    kinds = {"primary", "secondary", "tertiary", "unclassified", "residential", "living_street", "road"}
    for row in range(len(sites)):
        at = nodes[1][nodes[0] == row]
        here = roads["a"].isin(at) | roads["b"].isin(at)
        usable = here & roads["class"].isin(kinds) & ~roads["bridge"] & ~roads["tunnel"] & graph.routable
        assert usable.any()
        assert (roads["crossing"][here] < 0).all()
        assert set(roads["jurisdiction"][usable]) == {sites["jurisdiction"].iloc[row]}


def test_candidate_sites_by_hand(along_road: AlongRoad) -> None:
    """Places 0 and 1 have 1 and 2 people: in one square their mean is two thirds of the way, next to place 1."""
    region, network = along_road("AA", {"sa": 0})
    found = candidate_sites(run((region, network)), count=1)
    assert found.geometry.x.tolist() == [STEP_M]
    assert found["jurisdiction"].tolist() == ["A"]
    both = candidate_sites(run((region, network)), count=5)
    assert both.geometry.x.tolist() == [0, STEP_M]


def test_no_candidate_sites(demo: Analysis) -> None:
    none = candidate_sites(demo, count=0)
    assert len(none) == 0
    assert {"jurisdiction", "partner", "road", "fraction", "road_status", "geometry"} <= set(none.columns)
    assert len(what_if_tables(demo, sites=none).sites) == len(demo.stations)


def test_candidate_sites_take_no_id_of_a_station(along_road: AlongRoad) -> None:
    found = candidate_sites(run(along_road("AA", {"new1": 0})), count=2)
    assert list(found.index) == ["new2", "new3"]


def test_a_site_with_the_id_of_a_station_is_an_error(along_road: AlongRoad) -> None:
    analysis = run(along_road("AA", {"sa": 0}))
    sites = candidate_sites(analysis, count=1).rename(index={"new1": "sa"})
    with pytest.raises(RegionError, match="'sa'"):
        what_if_tables(analysis, sites=sites)


# --- as a run ----------------------------------------------------------------------------------------------------


def test_with_nothing_changed_it_is_the_run(demo: Analysis, tables: WhatIfTables) -> None:
    assert list(tables.weather) == ["", *(one.scenario.id for one in demo.scenarios)]
    assert len(tables.weather) == 5
    same(what_if_coverage(tables), tables, demo.coverage)
    for result in demo.scenarios:
        same(what_if_coverage(tables, weather=result.scenario.id), tables, result.coverage)
    stations = tables.sites[~tables.sites["candidate"]]
    assert list(stations.index) == list(demo.stations.index)
    assert stations["turnout_used_s"].tolist() == demo.stations["turnout_used_s"].tolist()
    storm = tables.weather["storm"].out
    assert storm[:3].tolist() == [True, True, False]
    assert 0 < storm[3:].sum() < len(storm) - 3


def test_a_station_switched_off_is_a_run_without_it(demo: Analysis, tables: WhatIfTables) -> None:
    for gone in (0, 2):
        name = demo.stations.index[gone]
        less = analyse(
            replace(demo.region, stations=demo.region.stations.drop(index=name)), network=demo.network
        )
        on = ~tables.sites["candidate"].to_numpy()
        on[gone] = False
        same(what_if_coverage(tables, on=on), tables, less.coverage)
        for result in less.scenarios:
            found = what_if_coverage(tables, weather=result.scenario.id, on=on)
            same(found, tables, result.coverage)


@pytest.mark.parametrize("out", [False, True])
def test_a_site_switched_on_is_a_run_with_a_station_there(
    demo: Analysis, tables: WhatIfTables, out: bool
) -> None:
    """One that stays in service in the storm, in the middle of the region, and one that the sea takes."""
    chosen = np.flatnonzero(tables.sites["candidate"].to_numpy() & (tables.weather["storm"].out == out))
    at = int(chosen[len(chosen) // 2])
    name = str(tables.sites.index[at])
    more = analyse(with_station(demo, tables.sites.iloc[at], name), network=demo.network)
    on = ~tables.sites["candidate"].to_numpy()
    on[at] = True
    assert more.stations["turnout_used_s"].iloc[-1] == tables.sites["turnout_used_s"].iloc[at] == 80
    assert more.coverage["joint_s"].lt(demo.coverage["joint_s"]).any()
    same(what_if_coverage(tables, on=on), tables, more.coverage)
    for result in more.scenarios:
        same(what_if_coverage(tables, weather=result.scenario.id, on=on), tables, result.coverage)
    assert (more.scenarios[-1].stations["state"].iloc[-1] == "out") == out


def test_without_any_site_nobody_comes(tables: WhatIfTables) -> None:
    for one in what_if_coverage(tables, on=np.zeros(len(tables.sites), dtype=bool), crossing_s=30).values():
        assert not one.reached.any()
        assert (one.site == -1).all()
        assert np.isinf(one.seconds).all()


@pytest.mark.parametrize("limit_s", [180.0, 333.333, 900.0])
def test_another_limit(demo: Analysis, tables: WhatIfTables, limit_s: float) -> None:
    expected = coverage(
        demo.times,
        demo.demand,
        demo.stations,
        replace(demo.standard, limit_s=limit_s),
        agreed=demo.times_agreed,
    )
    same(what_if_coverage(tables, limit_s=limit_s), tables, expected)


# --- delays ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0.0, 12.345, 180.0, 600.0])
def test_a_dispatch_delay_is_a_run_with_it(demo: Analysis, tables: WhatIfTables, seconds: float) -> None:
    parameters = replace(demo.region.parameters, dispatch_s=seconds)
    same(what_if_coverage(tables, dispatch_s=seconds), tables, coverage_again(demo, parameters=parameters))
    found = what_if_coverage(tables, dispatch_s=seconds, crossing_s=0)
    same(found, tables, coverage_again(demo, parameters=parameters))


@pytest.mark.parametrize("seconds", [0.0, 0.001, 1.0, 17.077, 45.0, 90.0, 240.0, 900.0])
def test_a_crossing_delay_is_a_run_with_it(demo: Analysis, tables: WhatIfTables, seconds: float) -> None:
    """In the demo ways pass up to five international crossings, and their agreement says what a border costs."""
    assert len(tables.weather[""].open_ms) == 6
    for dispatch_s in (0.0, 100.0):
        parameters = replace(demo.region.parameters, crossing_s=seconds, dispatch_s=dispatch_s)
        found = what_if_coverage(tables, crossing_s=seconds, dispatch_s=dispatch_s)
        same(found, tables, coverage_again(demo, parameters=parameters))


def test_sweeps_of_delays_come_out_to_the_person(demo: Analysis, tables: WhatIfTables) -> None:
    people = demo.demand["population"].to_numpy()
    sweep = delay_sweep(demo)
    sweep = sweep[sweep["jurisdiction"] == ""]
    assert len(sweep) == 25 + 31
    for row in sweep.to_dict("records"):
        joint = what_if_coverage(tables, **{row["parameter"]: row["seconds"]})["joint"]
        assert people[joint.reached].sum() == pytest.approx(row["covered"], abs=1e-6)


def test_a_crossing_delay_in_a_scenario_is_a_run_with_it(demo: Analysis, tables: WhatIfTables) -> None:
    for seconds in (20.0, 300.0):
        parameters = replace(demo.region.parameters, crossing_s=seconds)
        slower = analyse(demo.region, network=demo.network, parameters=parameters)
        for result in slower.scenarios:
            found = what_if_coverage(tables, weather=result.scenario.id, crossing_s=seconds)
            same(found, tables, result.coverage)


def assert_least(analysis: Analysis, tables: WhatIfTables, delays: Sequence[int]) -> None:
    """Every pair, at each delay: the fastest way is that which a search with the delay finds, or neither comes."""
    ways, lead_ms = tables.weather[""].open_ms, tables.weather[""].lead_ms
    network, graph = analysis.network, analysis.fair.graph
    border = network.crossings["international"].to_numpy()
    starts = on_road(tables.sites.join(on_site(analysis, tables))).reset_index(drop=True)
    ends = on_road(analysis.demand).reset_index(drop=True)
    for delay_ms in delays:
        drive = travel_times(
            route_graph(network, graph.profile, crossing_ms=np.where(border, delay_ms, 0)), starts, ends,
            limit_s=tables.cutoff_s,
        )  # fmt: skip
        expected = np.full((len(starts), len(ends)), NEVER, dtype=np.int64)
        total = np.rint(1000 * (drive["drive_s"] + drive["crossing_s"])).astype(np.int64)
        expected[drive["origin"], drive["destination"]] = total
        found = np.full(expected.shape, NEVER, dtype=np.int64)
        for passages, way in enumerate(ways):
            ms = way.astype(np.int64) - lead_ms[:, None] + passages * delay_ms
            found = np.minimum(found, np.where((way < NEVER) & (ms <= 1000 * tables.cutoff_s), ms, NEVER))
        np.testing.assert_array_equal(found, expected)


def on_site(analysis: Analysis, tables: WhatIfTables) -> pd.DataFrame:
    """Where all sites stand on the roads, found anew."""
    snapped = snap(
        analysis.network, tables.sites, max_m=analysis.region.parameters.snap_m, graph=analysis.fair.graph
    )
    return snapped.rename(columns={"status": "road_status"})


def test_the_fastest_way_at_every_delay_of_every_pair(demo: Analysis, tables: WhatIfTables) -> None:
    assert_least(demo, tables, [0, 1, 2, 777, 5_000, 33_333, 120_000, 450_000, 900_000])
    for times in tables.weather.values():
        least = times.open_ms[0]
        for way in times.open_ms[1:]:
            assert ((way < least) | (way == NEVER)).all(), (
                "a way over more crossings is listed if it is faster"
            )
            least = np.minimum(least, way)
        assert (times.open_ms[-1] < NEVER).any()


def test_the_fastest_way_with_a_border_around_each_parish(shared_data: Path, tmp_path: Path) -> None:
    """Seven countries in one valley: ways pass several borders, and detours compete with them."""
    extract = shared_data / "andorra" / "andorra-2025-01-19.osm.pbf"
    region = new_region(tmp_path / "region", pbf=[extract], admin_level=7)
    lands = region.jurisdictions
    codes = [f"A{chr(ord('A') + i)}" for i in range(len(lands))]
    analysis = analyse(replace(region, jurisdictions=lands.assign(country=codes)))
    assert analysis.network.crossings["international"].all()
    tables = what_if_tables(analysis)
    listed = [(way < NEVER).sum() for way in tables.weather[""].open_ms]
    assert len(listed) >= 5
    assert min(listed[:4]) > 1000
    assert_least(analysis, tables, [0, 1, 10_000, 61_000, 180_000, 900_000])
    people = analysis.demand["population"].to_numpy()
    sweep = delay_sweep(analysis, dispatch_s=[], crossing_s=[0, 30, 90, 240]).query("jurisdiction == ''")
    for row in sweep.to_dict("records"):
        for level, expected in (("joint", row["covered"]), ("alone", row["covered"] - row["closed"])):
            reached = what_if_coverage(tables, crossing_s=row["seconds"])[level].reached
            assert people[reached].sum() == pytest.approx(expected, abs=1e-6)


# --- by hand -----------------------------------------------------------------------------------------------------


def test_ways_by_the_number_of_crossings_by_hand(along_road: AlongRoad) -> None:
    """From A through B into an exclave of A: no, one and two borders; 20 minutes of driving is the cutoff."""
    analysis = run(along_road("ABaAAAA", {"sa": 0}, crossing_s=100.0, dispatch_s=50.0, cutoff_s=1200.0))
    tables = what_if_tables(analysis, sites=no_sites(analysis))
    assert tables.partners == ("A", "B")
    assert tables.home.tolist() == [0]
    assert tables.place.tolist() == [0, 1, 0, 0, 0, 0, 0]
    assert (tables.limit_s, tables.cutoff_s, tables.dispatch_s, tables.calling) == (480, 1200, 50, True)
    fair = tables.weather[""]
    never = NEVER
    assert fair.lead_ms.tolist() == [60_000]
    # The exclave lies in A's country: going on from it is no further border. Place 6 is beyond the cutoff.
    assert [way.tolist() for way in fair.open_ms] == [
        [[60_000, never, never, never, never, never, never]],
        [[never, 300_000, never, never, never, never, never]],
        [[never, never, 540_000, 780_000, 1_020_000, 1_260_000, never]],
    ]
    assert fair.agreed_ms is None
    assert tables.subsidiary is None
    # Two borders cost 200 s: place 5 is 1200 s + 200 s away.
    assert fair.joint_ms.tolist() == [[60_000, 450_000, 740_000, 980_000, 1_220_000, never, never]]
    found = what_if_coverage(tables, crossing_s=60.0, dispatch_s=0.0)
    assert found["joint"].seconds.tolist() == [60, 360, 660, 900, 1140, INF, INF]
    assert found["alone"].seconds.tolist() == [60, INF, 660, 900, 1140, INF, INF]
    assert found["joint"].reached.tolist() == [True, True, False, False, False, False, False]
    # With the drive at exactly the cutoff it still counts: 240 s and 960 s at the border.
    at_cutoff = what_if_coverage(tables, crossing_s=960.0)["joint"]
    assert at_cutoff.seconds.tolist() == [60, 60 + 1200 + 50, INF, INF, INF, INF, INF]
    assert what_if_coverage(tables, crossing_s=960.001)["joint"].seconds.tolist()[1] == INF


def test_delays_of_single_crossings_hold_until_one_for_all_is_asked_for(along_road: AlongRoad) -> None:
    region, network = along_road("ABB", {"sa": 0}, crossing_s=10.0, crossing_delay_s={"x1": 70.0})
    analysis = run((region, network))
    tables = what_if_tables(analysis, sites=no_sites(analysis))
    assert what_if_coverage(tables)["joint"].seconds.tolist() == [60, 370, 610]
    assert what_if_coverage(tables, crossing_s=10.0)["joint"].seconds.tolist() == [60, 310, 550]
    domestic = run(along_road("ABB", {"sa": 0}, country="XX", crossing_delay_s={"x1": 70.0}))
    tables = what_if_tables(domestic, sites=no_sites(domestic))
    assert len(tables.weather[""].open_ms) == 1
    assert what_if_coverage(tables)["joint"].seconds.tolist() == [60, 370, 610]
    assert what_if_coverage(tables, crossing_s=600.0)["joint"].seconds.tolist() == [60, 300, 540]


def test_a_standard_of_the_drive_alone_counts_no_call(along_road: AlongRoad) -> None:
    region, network = along_road("AAB", {"sa": 0, "sb": 2}, dispatch_s=100.0)
    drive = {"own": {"name": "Drive", "limit_s": 240.0, "start": "t3"}}
    analysis = run((replace(region, standards=drive), network))
    tables = what_if_tables(analysis, sites=no_sites(analysis))
    assert not tables.calling
    assert tables.weather[""].lead_ms.tolist() == [0, 0]
    for dispatch_s in (None, 0.0, 500.0):
        found = what_if_coverage(tables, dispatch_s=dispatch_s)["joint"]
        assert found.seconds.tolist() == [0, 240, 0]
        # Both need as long to place 1: the own one goes first.
        assert found.site.tolist() == [0, 0, 1]
    same(what_if_coverage(tables), tables, analysis.coverage)


def test_at_equal_times_the_own_site_goes_first_then_the_first_site(along_road: AlongRoad) -> None:
    analysis = run(along_road("ABBBA", {"a2": 4, "b1": 3, "b2": 1, "b3": 3}))
    tables = what_if_tables(analysis, sites=no_sites(analysis))
    found = what_if_coverage(tables)["joint"]
    assert found.site.tolist() == [2, 2, 1, 1, 0]
    same({"alone": what_if_coverage(tables)["alone"], "joint": found}, tables, analysis.coverage)
    assert what_if_coverage(tables, on=[True, False, True, True])["joint"].site.tolist() == [2, 2, 2, 3, 0]


def test_subsidiary_help_asks_whether_an_own_site_is_in_time(along_road: AlongRoad) -> None:
    """B is 320 s from the place 2, A's station 540 s, a new one of A 300 s."""
    treaty = Agreement(id="t", parties=("A", "B"), mode="subsidiary", dispatch_delay_s=20.0)
    region, network = along_road("AAABB", {"sa": 0, "sb": 3}, treaty)
    analysis = run((region, network))
    tables = what_if_tables(analysis, sites=candidates(analysis, region, network, [(1.0, "A")]))
    assert tables.subsidiary is not None
    assert tables.subsidiary.tolist() == [[False, True], [True, False], [False, True]]

    def first(**setting: Any) -> tuple[int, float]:
        found = what_if_coverage(tables, **setting)["agreed"]
        return int(found.site[2]), float(found.seconds[2])

    assert first() == (1, 320)
    assert first(limit_s=540) == (0, 540)
    assert first(limit_s=539.999) == (1, 320)
    # A new station of A drives 4 minutes after its 80 s: 320 s too, and the own one is in time.
    assert first(on=[True, True, True]) == (2, 320)
    assert first(on=[True, True, True], limit_s=319.999) == (2, 320)
    assert first(on=[False, True, True], limit_s=300) == (2, 320)
    assert first(on=[False, True, False]) == (1, 320)
    # No delay of the joint team is one of the agreement.
    assert first(dispatch_s=300.0, crossing_s=300.0) == (1, 320)
    assert what_if_coverage(tables, dispatch_s=300.0)["joint"].seconds.tolist() == [60, 300, 540, 60, 300]


def test_agreements_hold_for_a_site_as_for_a_station(along_road: AlongRoad) -> None:
    """Help reaches one step beyond A's border, and never comes from b's only station into sa's area."""
    treaty = Agreement(
        id="t", parties=("A", "B"), mode="automatic", crossing_delay_s=30.0, strip_km=0.75 * STEP_M / 1000,
        excluded_pairs=(("sb", "*"),),
    )  # fmt: skip
    region, network = along_road("AAABBB", {"sa": 0, "sb": 5}, treaty, turnout_s={"career": 60.0})
    analysis = run((region, network))
    sites = candidates(analysis, region, network, [(2.0, "A"), (3.0, "B")])
    tables = what_if_tables(analysis, sites=sites)
    agreed = tables.weather[""].agreed_ms
    assert agreed is not None
    never = NEVER
    assert agreed[2].tolist() == [540_000, 300_000, 60_000, 330_000, never, never]
    assert agreed[3].tolist() == [never, never, 330_000, 60_000, 300_000, 540_000]
    for number in (0, 1):
        new = sites.iloc[number]
        more = analyse(with_station(analysis, new, str(new.name)), network=network)
        on = [True, True, number == 0, number == 1]
        same(what_if_coverage(tables, on=on), tables, more.coverage)


def test_a_site_leaves_areas_as_they_are(along_road: AlongRoad) -> None:
    """B's station never comes to where sm is first due in the run, the place 2, though a new station is nearer now."""
    treaty = Agreement(id="t", parties=("A", "B"), mode="automatic", excluded_pairs=(("sb", "sm"),))
    region, network = along_road("AAABB", {"sa": 0, "sm": 2, "sb": 3}, treaty)
    analysis = run((region, network))
    tables = what_if_tables(analysis, sites=candidates(analysis, region, network, [(2.0, "A")]))
    never = NEVER
    agreed = tables.weather[""].agreed_ms
    assert agreed is not None
    assert agreed[2].tolist() == [780_000, 540_000, never, 60_000, 300_000]
    same(what_if_coverage(tables), tables, analysis.coverage)
    assert what_if_coverage(tables, on=[False, False, True, True])["agreed"].site.tolist() == [3, 3, 3, 2, 2]


def test_the_dispatch_delay_takes_the_place_of_that_of_the_run(along_road: AlongRoad) -> None:
    analysis = run(along_road("AAABB", {"sa": 0, "sb": 3}, dispatch_s=50.0, crossing_s=10.0))
    tables = what_if_tables(analysis, sites=no_sites(analysis))
    for dispatch_s, at_2 in ((None, 360.0), (50.0, 360.0), (0.0, 310.0), (200.0, 510.0), (300.0, 540.0)):
        for crossing_s in (None, 10.0):
            found = what_if_coverage(tables, dispatch_s=dispatch_s, crossing_s=crossing_s)["joint"]
            assert found.seconds.tolist() == [60, 300, at_2, 60, 300]
            assert found.site[2] == (0 if at_2 == 540 else 1)


def test_what_a_hazard_adds_to_the_turnout_is_no_part_of_the_drive(
    along_road: AlongRoad, tmp_path: Path
) -> None:
    """Shallow water around place 0 keeps crews there for 200 s; the cutoff is on the drive."""
    cells = np.zeros((1, 400), np.float32)
    cells[:, 40:60] = 0.2
    size = STEP_M / 100
    with rasterio.open(
        tmp_path / "w.tif", "w", driver="GTiff", height=1, width=400, count=1, dtype="float32",
        crs="EPSG:32632", nodata=math.nan, transform=Affine(size, 0, -50 * size, 0, -1000, 500),
    ) as target:  # fmt: skip
        target.write(cells, 1)
    layer = HazardSource(
        id="w",
        file=tmp_path / "w.tif",
        hazard="flood",
        quantity="depth",
        unit="m",
        scheme="inasafe-flood-depth",
    )
    wet = HazardScenario("s", "S", ("w",), stations_delayed=2, stations_delay_s=200.0)
    shut = HazardScenario("c", "C", (), closed_crossings=("x1",), closed_stations=("sb",))
    region, network = along_road("ABB", {"sa": 0, "sb": 2}, cutoff_s=420.0, turnout_s={"career": 60.0})
    region = replace(region, hazards=(layer,), scenarios=(wet, shut))
    analysis = run((region, network))
    assert analysis.not_computed == ()
    tables = what_if_tables(analysis, sites=candidates(analysis, region, network, [(0.0, "A"), (1.0, "B")]))
    assert tables.weather["s"].lead_ms.tolist() == [260_000, 60_000, 260_000, 60_000]
    assert not tables.weather["s"].out.any()
    assert tables.weather["c"].out.tolist() == [False, True, False, False]
    for result in analysis.scenarios:
        same(what_if_coverage(tables, weather=result.scenario.id), tables, result.coverage)
    slow = tables.weather["s"].joint_ms[0].tolist()
    assert slow[0] == 260_000
    assert 500_000 <= slow[1] < 560_000
    assert slow[2] == NEVER
    # Up to 420 s of driving: what water leaves of the way, and the border.
    spare_s = 420 - (slow[1] - 260_000) / 1000
    only = [True, False, False, False]
    at_most = what_if_coverage(tables, weather="s", on=only, crossing_s=spare_s)["joint"]
    assert at_most.seconds.tolist() == [260, 680, INF]
    beyond = what_if_coverage(tables, weather="s", on=only, crossing_s=spare_s + 0.001)["joint"]
    assert beyond.seconds.tolist() == [260, INF, INF]
    alone = what_if_coverage(tables, weather="c", on=[True] * 4)["joint"]
    assert alone.site.tolist() == [0, 3, 3]


# --- whatever is asked ---------------------------------------------------------------------------------------------


DELAY = st.none() | st.integers(0, 900_000).map(lambda ms: ms / 1000)
SETTINGS = st.fixed_dictionaries(
    {
        "weather": st.sampled_from(["", "wildfire", "coast_20", "coast_100", "storm"]),
        "limit_s": st.none() | st.integers(60_000, 1_800_000).map(lambda ms: ms / 1000),
        "dispatch_s": DELAY,
        "crossing_s": DELAY,
    }
)
SEEDS = st.integers(0, 2**32 - 1)


def some_sites(tables: WhatIfTables, seed: int) -> NDArray[np.bool_]:
    """Few or many sites, by chance."""
    chance = np.random.default_rng(seed)
    return chance.random(len(tables.sites)) < chance.random()


@settings(max_examples=60, deadline=None)
@given(first=SEEDS, second=SEEDS, setting=SETTINGS)
def test_more_sites_never_make_anybody_wait_longer(
    tables: WhatIfTables, first: int, second: int, setting: dict[str, Any]
) -> None:
    some = some_sites(tables, first)
    more = some | some_sites(tables, second)
    before, after = (what_if_coverage(tables, on=on, **setting) for on in (some, more))
    for level, found in before.items():
        assert (after[level].seconds <= found.seconds).all()
        assert (after[level].reached | ~found.reached).all()
        comes = found.site >= 0
        assert some[found.site[comes]].all()
        assert (comes == np.isfinite(found.seconds)).all()


@settings(max_examples=60, deadline=None)
@given(
    seed=SEEDS,
    setting=SETTINGS,
    delays=st.tuples(*[st.integers(0, 450_000)] * 4).map(lambda ms: [one / 1000 for one in ms]),
)
def test_longer_delays_never_bring_anybody_sooner(
    tables: WhatIfTables, seed: int, setting: dict[str, Any], delays: list[float]
) -> None:
    dispatch_s, crossing_s, later_s, slower_s = delays
    setting |= {"on": some_sites(tables, seed), "dispatch_s": dispatch_s, "crossing_s": crossing_s}
    before = what_if_coverage(tables, **setting)
    setting |= {"dispatch_s": dispatch_s + later_s, "crossing_s": crossing_s + slower_s}
    after = what_if_coverage(tables, **setting)
    for level, found in before.items():
        assert (after[level].seconds >= found.seconds).all()
        assert (found.reached | ~after[level].reached).all()
        if level != "joint":  # an agreement is in force: its delays are its own
            np.testing.assert_array_equal(after[level].seconds, found.seconds)
