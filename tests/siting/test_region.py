"""Times from sites of a region: with stations that exist they are the run, with a plan's they are a new run."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from mutualaid.coverage import Analysis, analyse, levels
from mutualaid.data import Agreement, HazardScenario, Region, demo_path, read_region
from mutualaid.errors import SitingError
from mutualaid.network import Network
from mutualaid.siting import Choice, Over, SiteTable, candidates, mclp, region_table

INF = math.inf
STEP_M = 65_000 / 15
AlongRoad = Callable[..., tuple[Region, Network]]


def run(made: tuple[Region, Network]) -> Analysis:
    region, network = made
    return analyse(region, network=network)


def places(analysis: Analysis, at: dict[str, float], **columns: Any) -> gpd.GeoDataFrame:
    """Given sites along the road, in steps from place 0."""
    points = gpd.GeoSeries.from_xy(
        [STEP_M * x for x in at.values()], 0.0, index=list(at), crs=analysis.network.crs
    )
    return gpd.GeoDataFrame(columns, index=points.index, geometry=points)


def with_stations(analysis: Analysis, sites: gpd.GeoDataFrame, **columns: Any) -> Analysis:
    """Make a whole new run with stations at candidate sites."""
    region = analysis.region
    new = sites[["jurisdiction", "geometry"]].assign(
        name="new", service=region.parameters.service, department="career", status="active", **columns
    )
    stations = pd.concat([region.stations, new])
    return analyse(replace(region, stations=stations), network=analysis.network)


def first(table: SiteTable, weather: str, is_open: np.ndarray[Any, np.dtype[np.bool_]]) -> Any:
    return table.seconds[weather][is_open].min(axis=0)


@pytest.fixture(scope="module")
def demo() -> Analysis:
    return analyse(read_region(demo_path()))


@pytest.fixture(scope="module")
def sites(demo: Analysis) -> gpd.GeoDataFrame:
    return candidates(demo, count=40)


@pytest.fixture(scope="module")
def every_weather(demo: Analysis) -> list[str]:
    return ["", *(result.scenario.id for result in demo.scenarios)]


@pytest.mark.parametrize("level", ["alone", "agreed", "joint"])
def test_with_the_stations_that_exist_it_is_the_run(
    demo: Analysis, sites: gpd.GeoDataFrame, every_weather: list[str], level: str
) -> None:
    table = region_table(demo, sites, level=level, weather=every_weather)
    assert list(table.seconds) == every_weather
    covered = {"": demo.coverage} | {result.scenario.id: result.coverage for result in demo.scenarios}
    for weather, expected in covered.items():
        reached = table.reach(weather)[table.existing].any(axis=0)
        np.testing.assert_array_equal(reached, expected[f"{level}_covered"])
        np.testing.assert_array_equal(first(table, weather, table.existing), expected[f"{level}_s"])
    assert list(table.demand.index) == list(demo.demand.index)
    assert table.unknown == 0


@pytest.mark.parametrize("level", ["alone", "agreed", "joint"])
def test_a_plan_is_a_whole_new_run_with_its_stations(
    demo: Analysis, sites: gpd.GeoDataFrame, every_weather: list[str], level: str
) -> None:
    table = region_table(demo, sites, level=level, weather=every_weather)
    plan = mclp(table, Choice(add=2), over=Over(dict.fromkeys(every_weather, 1.0)))
    assert len(plan.opened) == 2
    more = with_stations(demo, sites.loc[list(plan.opened)])
    people = []
    for weather in every_weather:
        results = {result.scenario.id: result.coverage for result in more.scenarios}
        expected = more.coverage if weather == "" else results[weather]
        np.testing.assert_array_equal(first(table, weather, plan.is_open), expected[f"{level}_s"])
        people.append(expected["population"][expected[f"{level}_covered"]].sum())
    assert plan.value == pytest.approx(np.mean(people), rel=1e-12)
    before = {"": demo.coverage} | {result.scenario.id: result.coverage for result in demo.scenarios}
    assert sum(people) > sum(one["population"][one[f"{level}_covered"]].sum() for one in before.values())


def test_a_site_in_a_hazard_is_lost_in_that_scenario(
    demo: Analysis, sites: gpd.GeoDataFrame, every_weather: list[str]
) -> None:
    table = region_table(demo, sites, weather=every_weather)
    lost = table.sites["out_in"].str.split(";")
    states = {result.scenario.id: result.stations["state"] for result in demo.scenarios}
    for weather in every_weather[1:]:
        out = lost.map(lambda ids, weather=weather: weather in ids).to_numpy()
        assert np.isinf(table.seconds[weather][out]).all()
        assert 0 < out.sum() < len(sites)
        assert out[table.existing].tolist() == (states[weather] == "out").tolist()
    assert not np.isinf(table.seconds[""]).all(axis=1).any()


def test_rows_are_those_of_the_sites_in_any_order(demo: Analysis, sites: gpd.GeoDataFrame) -> None:
    whole = region_table(demo, sites)
    some = sites.iloc[[7, 1, 30]]
    table = region_table(demo, some)
    assert list(table.sites.index) == list(some.index)
    np.testing.assert_array_equal(table.seconds[""], whole.seconds[""][[7, 1, 30]])


def test_times_by_hand_at_each_level(along_road: AlongRoad) -> None:
    """A crew of sa needs 60 s, a new one 80 s; B is called 20 s later under the treaty, 50 s later jointly."""
    treaty = Agreement(id="t", parties=("A", "B"), mode="automatic", dispatch_delay_s=20.0)
    analysis = run(along_road("AAABB", {"sa": 0}, treaty, dispatch_s=50.0))
    sites = candidates(analysis, sites=places(analysis, {"east": 3.0}))
    assert sites["partner"].tolist() == ["A", "B"]
    expected = {
        "alone": [[60, 300, 540, INF, INF], [INF, INF, INF, 80, 320]],
        "agreed": [[60, 300, 540, 800, 1040], [820, 580, 340, 80, 320]],
        "joint": [[60, 300, 540, 830, 1070], [850, 610, 370, 80, 320]],
    }
    for level, seconds in expected.items():
        table = region_table(analysis, sites, level=level)
        assert table.seconds[""].tolist() == seconds
        assert table.limit_s == 480
        assert table.sites["turnout_used_s"].tolist() == [60, 80]
        covered = with_stations(analysis, sites.loc[["east"]]).coverage
        np.testing.assert_array_equal(table.reach("").any(axis=0), covered[f"{level}_covered"])


def test_agreements_hold_for_a_new_station(along_road: AlongRoad) -> None:
    """Help reaches one step beyond the border, and never comes from sb: a new run says the same."""
    treaty = Agreement(
        id="t", parties=("A", "B"), mode="automatic", crossing_delay_s=30.0, strip_km=0.75 * STEP_M / 1000,
        excluded_pairs=(("sb", "*"),),
    )  # fmt: skip
    analysis = run(along_road("AAABBB", {"sa": 0, "sb": 5}, treaty))
    sites = candidates(analysis, sites=places(analysis, {"n": 2.0, "m": 3.0}))
    for name in ("n", "m"):
        more = with_stations(analysis, sites.loc[[name]])
        for level in levels(more.coverage):
            table = region_table(analysis, sites, level=level)
            is_open = table.existing | (sites.index == name)
            np.testing.assert_array_equal(first(table, "", is_open), more.coverage[f"{level}_s"])


def test_whom_sites_reach_is_right_where_help_is_subsidiary(along_road: AlongRoad) -> None:
    """B comes to place 2 only if no unit of A is in time; somebody is, either way."""
    treaty = Agreement(id="t", parties=("A", "B"), mode="subsidiary", dispatch_delay_s=20.0)
    analysis = run(along_road("AAABB", {"sa": 0, "sb": 3}, treaty))
    sites = candidates(analysis, sites=places(analysis, {"n": 1.0}))
    table = region_table(analysis, sites, level="agreed")
    today = table.reach("")[table.existing].any(axis=0)
    np.testing.assert_array_equal(today, analysis.coverage["agreed_covered"])
    more = with_stations(analysis, sites.loc[["n"]])
    np.testing.assert_array_equal(table.reach("").any(axis=0), more.coverage["agreed_covered"])


def test_a_site_may_state_its_crew(along_road: AlongRoad) -> None:
    analysis = run(along_road("AAA", {"sa": 0}))
    given = places(analysis, {"v": 2.0, "s": 2.0, "c": 2.0}, department=["volunteer", None, None],
                   turnout_s=[math.nan, 30.0, math.nan])  # fmt: skip
    table = region_table(analysis, candidates(analysis, sites=given))
    assert table.seconds[""][1:, 2].tolist() == [240, 30, 80]


def test_the_limit_is_read_in_milliseconds(along_road: AlongRoad) -> None:
    """540 s are within 539.9996 s, as a run counts: the clock has no finer hand."""
    analysis = run(along_road("AAA", {"sa": 0}, limit_s=539.9996))
    table = region_table(analysis, candidates(analysis, sites=places(analysis, {"n": 0.0})))
    assert analysis.coverage["joint_covered"].tolist() == [True, True, True]
    assert table.reach("")[0].tolist() == [True, True, True]


def test_what_cannot_be_asked(along_road: AlongRoad) -> None:
    region, network = along_road("AAB", {"sa": 0})
    region = replace(region, scenarios=(HazardScenario("s", "S", (), closed_stations=("sa",)),))
    analysis = run((region, network))
    sites = candidates(analysis, sites=places(analysis, {"n": 1.0}))
    with pytest.raises(SitingError) as error:
        region_table(analysis, sites, level="all", weather=("s", "t"))
    assert "one of alone, agreed, joint" in str(error.value)
    assert "'all'" in str(error.value)
    assert "scenarios of the run: s; got 't'" in str(error.value)
    with pytest.raises(SitingError, match="an agreement in force; got none"):
        region_table(analysis, sites, level="agreed")
    with pytest.raises(SitingError, match="at least one; got none"):
        region_table(analysis, sites, weather=())
    with pytest.raises(SitingError, match="site n: expected an active station of the run"):
        region_table(analysis, sites.assign(state="fixed"))
    assert np.isinf(region_table(analysis, sites, weather=("s",)).seconds["s"][0]).all()
