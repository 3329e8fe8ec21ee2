"""Coverage alone and jointly: a case worked by hand, and what must always hold."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from mutualaid.coverage import Standard, coverage, gaps, response_times, standard
from mutualaid.data import Parameters
from mutualaid.errors import StandardError

EIGHT = Standard(id="eight", name="8 minutes of travel", start="t3", limit_s=480)
LEVELS = ("alone", "joint")


def places(partners: list[str], population: list[float] | None = None) -> gpd.GeoDataFrame:
    """Demand points in a row, 100 m apart, each in a cell of 100 m."""
    n = len(partners)
    x = 100.0 * np.arange(n)
    return gpd.GeoDataFrame(
        {
            "population": population or [10.0] * n,
            "jurisdiction": partners,
            "partner": partners,
            "cell_x": x,
            "cell_y": 0.0,
        },
        geometry=gpd.points_from_xy(x + 50, np.full(n, 50.0)),
        index=pd.Index([f"d{i}" for i in range(n)], name="id"),
        crs=32632,
    )


def houses(partners: list[str]) -> gpd.GeoDataFrame:
    """Stations, all staffed by careers."""
    return gpd.GeoDataFrame(
        {"jurisdiction": partners, "partner": partners, "department": "career"},
        index=pd.Index([f"s{i}" for i in range(len(partners))], name="id"),
    )


def drives(seconds: dict[tuple[str, str], float]) -> pd.DataFrame:
    rows = [(origin, destination, drive, 0.0) for (origin, destination), drive in seconds.items()]
    return pd.DataFrame(rows, columns=["origin", "destination", "drive_s", "crossing_s"])


# Five places on one road, A A A | B B, the border behind the third; 4 minutes between neighbours. Partner
# A's station stands at d0, partner B's at d3. From d0: 0, 4, 8, 12, 16 min; from d3: 12, 8, 4, 0, 4 min.
DEMAND = places(["A", "A", "A", "B", "B"], [100.0, 80.0, 60.0, 40.0, 20.0])
STATIONS = houses(["A", "B"])
ROAD = drives({(f"s{j}", f"d{i}"): 240.0 * abs(i - 3 * j) for j in range(2) for i in range(5)})


def road_coverage(limit_s: float = 480) -> gpd.GeoDataFrame:
    times = response_times(ROAD, STATIONS, DEMAND, Parameters())
    return coverage(times, DEMAND, STATIONS, replace(EIGHT, limit_s=limit_s))


def test_five_places_by_hand() -> None:
    covered = road_coverage()
    assert (covered["alone_s"] / 60).tolist() == [0, 4, 8, 0, 4]
    assert (covered["joint_s"] / 60).tolist() == [0, 4, 4, 0, 4]
    assert covered["alone_station"].tolist() == ["s0", "s0", "s0", "s1", "s1"]
    assert covered["joint_station"].tolist() == ["s0", "s0", "s1", "s1", "s1"]
    assert covered["joint_partner"].tolist() == ["A", "A", "B", "B", "B"]
    assert covered["alone_covered"].all(), "8:00 is within 8 minutes"
    assert covered["status"].eq("own").all()
    assert covered["alone_depth"].tolist() == [1, 1, 1, 1, 1]
    assert covered["joint_depth"].tolist() == [1, 2, 2, 1, 1]
    assert (covered["joint_second_s"] / 60).tolist() == [12, 8, 8, 12, 16]
    assert np.isinf(covered["alone_second_s"]).all()
    assert np.isinf(covered["joint_third_s"]).all()


def test_one_millisecond_less_loses_whoever_is_exactly_at_the_limit() -> None:
    covered = road_coverage(limit_s=479.999)
    assert covered["status"].tolist() == ["own", "own", "joint", "own", "own"]


def test_the_neighbours_dispatch_counts_where_the_clock_starts_with_the_alert() -> None:
    times = response_times(ROAD, STATIONS, DEMAND, Parameters(dispatch_s=300.0, turnout_s={"career": 60.0}))
    from_alert = coverage(times, DEMAND, STATIONS, replace(EIGHT, start="t2", limit_s=541))
    # d2: own 8 min + turnout 1 = 9:00; neighbour 4 + 1 + 5 of dispatch = 10:00.
    columns = ["joint_station", "joint_s", "joint_second_s"]
    assert list(from_alert.loc["d2", columns]) == [
        "s0",
        540.0,
        600.0,
    ]
    travel = coverage(times, DEMAND, STATIONS, EIGHT)
    assert list(travel.loc["d2", ["joint_station", "joint_s"]]) == ["s1", 240.0]
    segments = ["joint_dispatch_s", "joint_turnout_s", "joint_drive_s"]
    assert list(travel.loc["d2", segments]) == [
        300,
        60,
        240,
    ]


def test_a_tie_goes_to_the_own_station_then_to_the_first_of_the_table() -> None:
    demand, stations = places(["B"]), houses(["A", "B", "B"])
    times = response_times(drives({(f"s{i}", "d0"): 100.0 for i in range(3)}), stations, demand, Parameters())
    assert coverage(times, demand, stations, EIGHT)["joint_station"].tolist() == ["s1"]


def test_nobody_within_the_cutoff_is_inf_and_not_zero() -> None:
    demand = places(["A", "B"])
    demand["road_status"] = ["ok", "too_far"]
    times = response_times(drives({}).astype({"drive_s": float}), STATIONS, demand, Parameters())
    covered = coverage(times, demand, STATIONS, EIGHT)
    assert covered["status"].tolist() == ["gap", "unreachable"]
    assert np.isinf(covered["joint_s"]).all()
    assert covered["joint_station"].isna().all()
    assert covered["joint_drive_s"].isna().all()
    assert covered["joint_depth"].tolist() == [0, 0]


def test_the_standard_of_the_place_of_the_incident_decides() -> None:
    rules = {"A": replace(EIGHT, limit_s=240), "B": replace(EIGHT, start="t2", limit_s=319)}
    times = response_times(ROAD, STATIONS, DEMAND, Parameters())
    covered = coverage(times, DEMAND, STATIONS, rules)
    assert covered["alone_s"].tolist() == [0, 240, 480, 80, 320]  # in B with 80 s of turnout
    assert covered["alone_covered"].tolist() == [True, True, False, True, False]


def test_a_jurisdiction_without_a_standard_is_an_error() -> None:
    times = response_times(ROAD, STATIONS, DEMAND, Parameters())
    with pytest.raises(StandardError, match="jurisdiction B"):
        coverage(times, DEMAND, STATIONS, {"A": EIGHT})
    with pytest.raises(StandardError, match="t4"):
        coverage(times, DEMAND, STATIONS, {"A": EIGHT, "B": standard("de-agbf-full")})


def test_index_geometry_and_crs_are_those_of_the_demand() -> None:
    covered = road_coverage()
    pd.testing.assert_index_equal(covered.index, DEMAND.index)
    assert covered.crs == DEMAND.crs
    assert covered.geometry.geom_equals(DEMAND.geometry).all()
    assert "status" not in DEMAND


# --- what must always hold ----------------------------------------------------------------------------------

WORLD = shapely.box(-1e6, -1e6, 1e6, 1e6)
Case = tuple[gpd.GeoDataFrame, gpd.GeoDataFrame, pd.DataFrame]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    partners = st.sampled_from(["A", "B", "C"])
    demand = places(draw(st.lists(partners, min_size=1, max_size=8)))
    stations = houses(draw(st.lists(partners, min_size=1, max_size=5)))
    pairs = st.tuples(st.sampled_from(list(stations.index)), st.sampled_from(list(demand.index)))
    seconds = st.integers(0, 900).map(float)
    return demand, stations, drives(draw(st.dictionaries(pairs, seconds, min_size=1)))


def covered_at(
    case: Case,
    rule: Standard = EIGHT,
    dispatch_s: float = 0,
) -> gpd.GeoDataFrame:
    demand, stations, drive = case
    times = response_times(drive, stations, demand, Parameters(dispatch_s=dispatch_s))
    return coverage(times, demand, stations, rule)


@settings(max_examples=60, deadline=None)
@given(cases(), st.floats(0, 1e5), st.sampled_from(["t0", "t2", "t3"]))
def test_together_is_never_worse_than_alone_whatever_the_neighbours_delay(
    case: Case, delay: float, start: str
) -> None:
    covered = covered_at(case, replace(EIGHT, start=start), delay)
    assert (covered["joint_s"] <= covered["alone_s"]).all()
    assert (covered["joint_covered"] >= covered["alone_covered"]).all()
    assert (covered["joint_depth"] >= covered["alone_depth"]).all()


@settings(max_examples=60, deadline=None)
@given(cases())
def test_one_more_station_never_lowers_coverage(
    case: Case,
) -> None:
    demand, stations, drive = case
    more = covered_at(case)
    fewer = covered_at((demand, stations.iloc[1:], drive[drive["origin"] != stations.index[0]]))
    for level in LEVELS:
        assert (more[f"{level}_s"] <= fewer[f"{level}_s"]).all()
        assert (more[f"{level}_depth"] >= fewer[f"{level}_depth"]).all()
        assert (more[f"{level}_covered"] >= fewer[f"{level}_covered"]).all()


@settings(max_examples=60, deadline=None)
@given(cases(), st.integers(1, 900), st.integers(0, 900))
def test_a_longer_limit_covers_whoever_a_shorter_one_covers(case: Case, limit: int, more: int) -> None:
    short = covered_at(case, replace(EIGHT, limit_s=limit))
    long = covered_at(case, replace(EIGHT, limit_s=limit + more))
    for level in LEVELS:
        assert (long[f"{level}_covered"] >= short[f"{level}_covered"]).all()


@settings(max_examples=60, deadline=None)
@given(cases())
def test_renaming_ids_changes_nothing(case: Case) -> None:
    demand, stations, drive = case
    station_names = {name: f"z{9 - i}" for i, name in enumerate(stations.index)}
    demand_names = {name: f"y{9 - i}" for i, name in enumerate(demand.index)}
    renamed = covered_at(
        (
            demand.rename(index=demand_names),
            stations.rename(index=station_names),
            drive.assign(
                origin=drive["origin"].map(station_names), destination=drive["destination"].map(demand_names)
            ),
        )
    )
    plain = covered_at(case)
    for level in LEVELS:
        plain[f"{level}_station"] = plain[f"{level}_station"].map(station_names).astype("str")
    pd.testing.assert_frame_equal(
        pd.DataFrame(plain.drop(columns="geometry")).reset_index(drop=True),
        pd.DataFrame(renamed.drop(columns="geometry")).reset_index(drop=True),
    )


@settings(max_examples=40, deadline=None)
@given(cases(), st.randoms())
def test_the_order_of_pairs_does_not_matter(case: Case, random: Random) -> None:
    demand, stations, drive = case
    order = list(range(len(drive)))
    random.shuffle(order)
    pd.testing.assert_frame_equal(
        pd.DataFrame(covered_at(case)), pd.DataFrame(covered_at((demand, stations, drive.iloc[order])))
    )


@settings(max_examples=40, deadline=None)
@given(cases(), st.lists(st.sampled_from(["ok", "ok", "too_far"]), min_size=8, max_size=8))
def test_everybody_is_covered_or_in_a_gap_once(case: Case, status: list[str]) -> None:
    demand, stations, drive = case
    demand["road_status"] = status[: len(demand)]
    reachable = demand.index[demand["road_status"] == "ok"]
    covered = covered_at((demand, stations, drive[drive["destination"].isin(reachable)]))
    people = covered.groupby("status")["population"].sum()
    assert math.fsum(people) == math.fsum(demand["population"])
    assert set(covered.index[covered["status"] == "unreachable"]) == set(demand.index) - set(reachable)
    areas = gpd.GeoDataFrame(
        {"name": ["A", "B", "C"]}, index=["A", "B", "C"], geometry=[WORLD] * 3, crs=32632
    )
    found = gaps(covered, areas, cell_m=100)
    for level in LEVELS:
        left = math.fsum(covered["population"][~covered[f"{level}_covered"]])
        assert math.fsum(found["population"][found["level"] == level]) == left


@pytest.mark.parametrize("late_s", [0.0, 3_000_000.0], ids=["32 bits", "64 bits"])
@pytest.mark.parametrize("n_stations", [3, 12, 150])
def test_first_three_depth_and_expected_equal_those_of_sorted_lists(n_stations: int, late_s: float) -> None:
    random = np.random.default_rng(n_stations)
    demand = places(["A", "B", "C"] * 8)
    stations = houses([str(one) for one in random.choice(["A", "B", "C"], n_stations)])
    drive = drives(
        {
            (o, d): float(random.integers(0, 20)) + late_s * float(random.integers(0, 2))
            for o in stations.index
            for d in demand.index
            if random.random() < 0.7
        }
    ).sample(frac=1, random_state=1)
    times = response_times(drive, stations, demand, Parameters())
    times["free"] = random.choice([0.3, 0.5, 0.9], len(times))
    covered = coverage(times, demand, stations, replace(EIGHT, limit_s=9))
    rank = {name: number for number, name in enumerate(stations.index)}
    for place, row in zip(demand.index, covered.to_dict("records"), strict=True):
        pairs = times[times["demand"] == place]
        team = [
            (s, stations["partner"][name] != demand["partner"][place], rank[name], name, free)
            for name, s, free in zip(pairs["station"], pairs["drive_s"], pairs["free"], strict=True)
        ]
        for level, coming in (("alone", [one for one in team if not one[1]]), ("joint", team)):
            coming.sort()
            seconds = [one[0] for one in coming] + [math.inf] * 3
            found = [row[f"{level}_{name}"] for name in ("s", "second_s", "third_s")]
            assert found == seconds[:3]
            assert row[f"{level}_station"] == coming[0][3] if coming else pd.isna(row[f"{level}_station"])
            inside = [one for one in coming if one[0] <= 9]
            assert row[f"{level}_depth"] == len(inside)
            assert row[f"{level}_covered"] == (len(inside) > 0)
            nobody = math.prod(1 - one[4] for one in inside)
            assert row[f"{level}_expected"] == pytest.approx(1 - nobody, abs=1e-12)


def test_the_order_of_the_pairs_changes_no_bit() -> None:
    random = np.random.default_rng(3)
    demand, stations = places(["A", "B", "C"] * 8), houses(["A", "B", "C"] * 30)
    pairs = {(o, d): float(random.integers(0, 5)) for o in stations.index for d in demand.index}
    times = response_times(drives(pairs), stations, demand, Parameters())
    times["free"] = (
        random.random(len(times)) / 100
    )  # small, so that the last bit of the sum shows in the result
    one, other = (
        coverage(table, demand, stations, EIGHT) for table in (times, times.sample(frac=1, random_state=2))
    )
    pd.testing.assert_frame_equal(pd.DataFrame(one), pd.DataFrame(other), check_exact=True)


def test_places_without_geometry_give_the_same_table_without_it() -> None:
    times = response_times(ROAD, STATIONS, DEMAND, Parameters())
    bare = pd.DataFrame(DEMAND.drop(columns="geometry"))
    found = coverage(times, bare, pd.DataFrame(STATIONS), EIGHT)
    assert type(found) is pd.DataFrame
    pd.testing.assert_frame_equal(found, pd.DataFrame(road_coverage().drop(columns="geometry")))


def test_response_times_share_no_memory_with_the_drive_times() -> None:
    times = response_times(ROAD, STATIONS, DEMAND, Parameters())
    before = ROAD.copy(deep=True)
    times["drive_s"] += 1.0
    times.loc[times.index[0], "crossing_s"] = 99.0
    pd.testing.assert_frame_equal(ROAD, before)
