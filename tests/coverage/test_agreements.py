"""Coverage under today's agreements, worked by hand on places along one road, four minutes apart.

A crew needs 60 s to turn out, so a station reaches a place n steps away 60 + 240 n seconds after its alert, and later
by the delays at the crossings in between and by that until it is alerted. Place i has 2 to the power of i people.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from affine import Affine

from mutualaid.coverage import Analysis, analyse, levels, scenario_table
from mutualaid.data import Agreement, AgreementCrossing, HazardScenario, HazardSource, Region, RiskCurve
from mutualaid.errors import AgreementError, RegionError
from mutualaid.network import Network, cut_at_boundaries, from_osmnx

INF = math.inf
STEP_M = 65_000 / 15
AlongRoad = Callable[..., tuple[Region, Network]]


def run(made: tuple[Region, Network]) -> Analysis:
    region, network = made
    return analyse(region, network=network)


def auto(*parties: str, **terms: Any) -> Agreement:
    """An agreement on automatic aid: nobody has to be called."""
    return Agreement(**{"id": "".join(parties).lower(), "parties": parties, "mode": "automatic"} | terms)


def seconds(found: Analysis, level: str) -> list[float]:
    return list(found.coverage[f"{level}_s"])


def stations(found: Analysis, level: str) -> list[str | None]:
    return [None if pd.isna(name) else str(name) for name in found.coverage[f"{level}_station"]]


def helped(found: Analysis) -> set[tuple[str, str]]:
    """Pairs of station and place that an agreement lets happen."""
    assert found.times_agreed is not None
    foreign = found.times_agreed[found.times_agreed["agreement"].notna()]
    return set(zip(foreign["station"].astype(str), foreign["demand"].astype(str), strict=True))


def lasts(found: Analysis, station: str, place: str) -> float:
    """Seconds from the alert of the own crew until a station's crew arrives; inf if it does not come."""
    assert found.times_agreed is not None
    rows = found.times_agreed
    rows = rows[(rows["station"] == station) & (rows["demand"] == place)]
    return float(rows[["dispatch_s", "turnout_s", "crossing_s", "drive_s"]].sum(axis=1).sum()) or INF


# --- a vehicle that crosses two borders ---------------------------------------------------------------------------


def test_each_border_is_paid_by_the_agreement_with_whom_the_vehicle_goes_to(along_road: AlongRoad) -> None:
    found = run(
        along_road(
            "AABCC", {"sa": 1}, auto("A", "B", crossing_delay_s=30.0), auto("A", "C", crossing_delay_s=50.0),
            crossing_s=100.0,
        )
    )  # fmt: skip
    assert seconds(found, "alone") == [300, 60, INF, INF, INF]
    assert seconds(found, "agreed") == [300, 60, 330, 620, 860]
    assert found.coverage["agreed_crossing_s"].tolist() == [0, 0, 30, 80, 80]
    assert found.coverage["agreed_drive_s"].tolist() == [240, 0, 240, 480, 720]
    assert seconds(found, "joint") == [300, 60, 400, 740, 980]


def test_where_nothing_is_agreed_a_border_costs_what_the_parameters_say(along_road: AlongRoad) -> None:
    """C helps A through B, with whom it has agreed nothing: there it pays as ever, and at A's border as agreed."""
    found = run(
        along_road(
            "AABCC", {"sc": 4}, auto("A", "B", crossing_delay_s=30.0), auto("A", "C", crossing_delay_s=50.0),
            crossing_s=100.0,
        )
    )  # fmt: skip
    assert seconds(found, "agreed") == [60 + 960 + 150, 60 + 720 + 150, INF, 300, 60]
    assert seconds(found, "joint") == [60 + 960 + 200, 60 + 720 + 200, 60 + 480 + 100, 300, 60]


@pytest.mark.parametrize(
    ("with_b", "with_c", "reached"),
    [
        (True, True, [300, 60, 330, 620, 860]),
        (False, True, [300, 60, 330, INF, INF]),  # to B itself it may go
        (True, False, [300, 60, 330, 620, 860]),  # C is not passed, but served
    ],
)
def test_without_transit_a_partner_is_entered_only_to_be_served(
    with_b: bool, with_c: bool, reached: list[float], along_road: AlongRoad
) -> None:
    found = run(
        along_road(
            "AABCC", {"sa": 1},
            auto("A", "B", crossing_delay_s=30.0, transit=with_b),
            auto("A", "C", crossing_delay_s=50.0, transit=with_c),
        )
    )  # fmt: skip
    assert seconds(found, "agreed") == reached
    assert seconds(found, "joint") == [300, 60, 300, 540, 780]


def test_without_transit_among_three_parties_each_is_barred_but_the_one_that_is_served(
    along_road: AlongRoad,
) -> None:
    found = run(along_road("AABCC", {"sa": 1, "sc": 3}, auto("A", "B", "C", transit=False)))
    assert helped(found) == {("sa", "d2"), ("sc", "d2")}


@pytest.mark.parametrize(
    ("with_b", "with_c", "reached"),
    [
        # Half the speed: half a step in A, half a step in B or one through it, half a step in C.
        ("as_host", "as_host", [330, 620, 860]),
        ("civilian", "as_host", [60 + 120 + 30 + 240, 60 + 120 + 30 + 480 + 50 + 120, 1100]),
        ("as_host", "civilian", [330, 60 + 120 + 30 + 240 + 50 + 240, 1220]),
        ("civilian", "civilian", [450, 60 + 120 + 30 + 480 + 50 + 240, 1460]),
    ],
)
def test_priority_abroad_is_a_matter_of_each_agreement(
    with_b: str, with_c: str, reached: list[float], along_road: AlongRoad
) -> None:
    found = run(
        along_road(
            "AABCC", {"sa": 1},
            auto("A", "B", crossing_delay_s=30.0, priority_abroad=with_b),
            auto("A", "C", crossing_delay_s=50.0, priority_abroad=with_c),
            legal_kph={"A": 32.5, "B": 32.5, "C": 32.5},
        )
    )  # fmt: skip
    assert seconds(found, "agreed") == [300, 60, *reached]
    assert seconds(found, "alone") == [300, 60, INF, INF, INF]
    assert seconds(found, "joint") == [300, 60, 300, 540, 780]


def test_whoever_has_no_priority_may_not_drive_where_civilians_may_not(along_road: AlongRoad) -> None:
    region, network = along_road("AABB", {"sa": 1}, auto("A", "B", priority_abroad="civilian"))
    private = network.roads["jurisdiction"].eq("B") & (network.roads["b"] == network.n_nodes - 1)
    roads = network.roads.assign(access=pd.Categorical(np.where(private, "private", "yes")))
    found = run((region, replace(network, roads=roads)))
    assert seconds(found, "agreed") == [300, 60, 300, INF]
    assert seconds(found, "joint") == [300, 60, 300, 540]


# --- own vehicles on their way through a neighbour ----------------------------------------------------------------


def test_own_vehicles_pay_at_the_border_on_their_way_to_an_exclave(along_road: AlongRoad) -> None:
    without = run(along_road("AABa", {"sa": 1}, crossing_s=100.0))
    assert seconds(without, "alone") == [300, 60, INF, 60 + 480 + 200]
    found = run(along_road("AABa", {"sa": 1}, auto("A", "B", crossing_delay_s=30.0), crossing_s=100.0))
    # On the way home by the agreement with whom the vehicle comes from.
    assert seconds(found, "alone") == [300, 60, INF, 60 + 480 + 60]
    assert seconds(found, "agreed") == [300, 60, 330, 600]
    assert seconds(found, "joint") == [300, 60, 400, 740]


@pytest.mark.parametrize(
    ("terms", "exclave"),
    [
        ({}, 540),
        ({"transit": False}, INF),
        ({"priority_abroad": "civilian"}, 60 + 120 + 480 + 120),
        ({"crossings": ("x1",)}, INF),
        ({"crossing": (AgreementCrossing(id="x2", open=False),)}, INF),
        ({"crossing": (AgreementCrossing(id="x2", delay_s=45.0),)}, 585),
        ({"crossing": (AgreementCrossing(id="x2", max_weight_t=7.5),)}, INF),
        ({"helpers": ("B",)}, 540),
        ({"helpers": ("B",), "transit": False}, INF),
        ({"strip_km": 0.001, "home_cover_min": 9, "excluded_pairs": (("*", "*"),)}, 540),
        ({"mode": "subsidiary", "dispatch_delay_s": 600.0}, 540),
    ],
)
def test_what_binds_own_vehicles_in_a_neighbours_territory(
    terms: dict[str, Any], exclave: float, along_road: AlongRoad
) -> None:
    """Rules of the road do, at level alone too; rules of help do not."""
    found = run(along_road("AABa", {"sa": 1}, auto("A", "B", **terms), legal_kph=dict.fromkeys("ABa", 32.5)))
    assert seconds(found, "alone") == [300, 60, INF, exclave]
    assert seconds(found, "agreed")[3] == exclave
    assert seconds(found, "joint") == [300, 60, 300, 540]


def test_the_joint_team_holds_the_others_only_while_its_delays_are_no_longer(along_road: AlongRoad) -> None:
    """Nothing forces it: [parameters] cost more at the border than what is agreed."""
    treaty = auto("A", "B", crossing_delay_s=0.0)
    found = run(along_road("AABa", {"sa": 1}, treaty, crossing_s=300.0, limit_s=540.0))
    assert found.coverage["alone_covered"].tolist() == [True, True, False, True]
    assert found.coverage["agreed_covered"].tolist() == [True, True, True, True]
    assert found.coverage["joint_covered"].tolist() == [True, True, False, False]
    assert found.coverage["status"].tolist() == ["own", "own", "agreed", "own"]
    again = run(along_road("AAB", {"sa": 1}, auto("A", "B"), dispatch_s=500.0, limit_s=540.0))
    assert again.coverage["status"].tolist() == ["own", "own", "agreed"]
    assert again.coverage["joint_covered"].tolist() == [True, True, False]


# --- which agreement binds ----------------------------------------------------------------------------------------


def test_of_two_one_way_agreements_the_one_by_which_a_vehicle_helps_binds_it(along_road: AlongRoad) -> None:
    forth = auto("A", "B", id="forth", helpers=("A",))
    back = auto(
        "A", "B", id="back", helpers=("B",), priority_abroad="civilian", transit=False, crossing_delay_s=200.0
    )
    for order in ((forth, back), (back, forth)):
        found = run(
            along_road("AABa", {"sa": 1, "sb": 2}, *order, legal_kph=dict.fromkeys("ABa", 32.5), limit_s=600)
        )
        assert lasts(found, "sa", "d2") == 300
        assert lasts(found, "sa", "d3") == 540
        assert lasts(found, "sb", "d1") == 60 + 120 + 200 + 240
        assert lasts(found, "sb", "d0") == 60 + 120 + 200 + 240 + 480
        assert lasts(found, "sb", "d3") == 60 + 120 + 200 + 240
    # In A, and only there, B's vehicles are barred from passing: C lies behind it.
    far = auto("B", "C", id="far")
    found = run(along_road("BAAC", {"sb": 0, "sa": 1}, forth, back, far))
    assert lasts(found, "sb", "d3") == INF
    assert lasts(found, "sb", "d1") == 60 + 240 + 200 + 0
    found = run(along_road("BAAC", {"sb": 0, "sa": 1}, forth, replace(back, transit=True), far))
    assert lasts(found, "sb", "d3") == 60 + 720 + 200


def test_parties_of_which_neither_helps_the_other_are_bound_by_the_strictest(along_road: AlongRoad) -> None:
    c = auto("A", "B", "C", helpers=("C",), crossing_delay_s=30.0)
    d = auto("A", "B", "D", helpers=("D",), crossing_delay_s=70.0)
    for agreements, exclave in (((c,), 600), ((c, d), 680), ((d, c), 680)):
        assert seconds(run(along_road("AABaCD", {"sa": 1}, *agreements)), "alone")[3] == exclave
    barred = run(along_road("AABaCD", {"sa": 1}, c, replace(d, transit=False)))
    assert seconds(barred, "alone")[3] == INF


def test_an_agreement_changes_nothing_for_those_who_are_no_party_to_it(along_road: AlongRoad) -> None:
    terms: dict[str, Any] = {"transit": False, "crossing_delay_s": 900.0, "priority_abroad": "civilian"}
    stations = {"sa": 1, "sb": 2, "sc": 3}
    legal = dict.fromkeys("ABCa", 32.5)
    plain = run(along_road("AABCa", stations, crossing_s=10.0, legal_kph=legal))
    found = run(along_road("AABCa", stations, auto("B", "C", **terms), crossing_s=10.0, legal_kph=legal))
    mine = found.coverage["partner"] == "A"
    assert plain.coverage.loc[mine, "alone_s"].tolist() == [300, 60, 60 + 720 + 30]
    for level in ("alone", "agreed"):
        pd.testing.assert_series_equal(
            found.coverage.loc[mine, f"{level}_s"], plain.coverage.loc[mine, "alone_s"], check_names=False
        )
    pd.testing.assert_series_equal(found.coverage["joint_s"], plain.coverage["joint_s"])


def triple_point() -> tuple[gpd.GeoDataFrame, Network]:
    """Three roads of one step from a junction in which the territories of A, B and C meet."""
    far = 10 * STEP_M
    lands = {
        "A": shapely.box(-far, -far, 0, far),
        "B": shapely.box(0, 0, far, far),
        "C": shapely.box(0, -far, far, 0),
    }
    jurisdictions = gpd.GeoDataFrame(
        {"name": list(lands), "country": ["AA", "BB", "CC"]},
        geometry=list(lands.values()), index=pd.Index(list(lands), name="id"), crs="EPSG:32632",
    )  # fmt: skip
    side = STEP_M / math.sqrt(2)
    graph: nx.MultiDiGraph[int] = nx.MultiDiGraph(crs="EPSG:32632")
    for node, (x, y) in enumerate([(0.0, 0.0), (-STEP_M, 0.0), (side, side), (side, -side)]):
        graph.add_node(node, x=x, y=y)
    for node in (1, 2, 3):
        graph.add_edges_from(
            [(0, node), (node, 0)], osmid=node, highway="primary", length=STEP_M, oneway=False
        )
    return jurisdictions, cut_at_boundaries(from_osmnx(graph, crs="EPSG:32632"), jurisdictions)


@pytest.mark.parametrize(("transit", "comes"), [(True, 60 + 482), (False, INF)])
def test_nobody_slips_through_barred_territory_in_a_junction(
    transit: bool, comes: float, along_road: AlongRoad
) -> None:
    """The crossing from A to C is shut; from A to B and on to C there is no road, but two crossings in one place."""
    jurisdictions, network = triple_point()
    assert sorted(network.crossings.index) == ["n0-A-B", "n0-A-C", "n0-B-C"]
    shut = (AgreementCrossing(id="n0-A-C", open=False),)
    region, _ = along_road("ABC", {"sa": 0}, auto("A", "B", "C", transit=transit, crossing=shut))
    at = gpd.points_from_xy(network.x[1:4], network.y[1:4], crs=network.crs)
    region = replace(
        region,
        jurisdictions=region.jurisdictions.set_geometry(jurisdictions.geometry),
        demand=region.demand.set_geometry(at),
        stations=region.stations.set_geometry(at[:1]),
    )
    found = run((region, network))
    assert seconds(found, "agreed") == [60, 542, comes]  # 2 s are lost at the junction
    assert seconds(found, "joint") == [60, 542, 542]


# --- modes --------------------------------------------------------------------------------------------------------

#: A at the places 0…2 with a station at 0, B at 3 and 4 with one at 3: own crews need 60, 300, 540 | 60, 300 s, B's
#: crew 780, 540, 300 s in A, and A's 780, 1020 s in B.
TWO = {"sa": 0, "sb": 3}


@pytest.mark.parametrize(
    ("terms", "at_2", "status"),
    [
        ({"mode": "automatic"}, 300, "agreed"),
        ({}, 480, "agreed"),  # on request, 180 s later
        ({"mode": "on_request", "dispatch_delay_s": 0.0}, 300, "agreed"),
        ({"mode": "on_request", "dispatch_delay_s": 180.001}, 480.001, "joint"),
        ({"mode": "automatic", "dispatch_delay_s": 100.0}, 400, "agreed"),
        ({"mode": "subsidiary"}, 480, "agreed"),
        ({"mode": "subsidiary", "dispatch_delay_s": 20.0}, 320, "agreed"),
    ],
)
def test_modes_where_the_own_station_comes_too_late(
    terms: dict[str, Any], at_2: float, status: str, along_road: AlongRoad
) -> None:
    found = run(along_road("AAABB", TWO, Agreement(id="t", parties=("A", "B"), **terms)))
    assert seconds(found, "alone") == [60, 300, 540, 60, 300]
    assert seconds(found, "agreed") == [60, 300, at_2, 60, 300]
    assert stations(found, "agreed") == ["sa", "sa", "sb", "sb", "sb"]
    assert found.coverage["agreed_dispatch_s"].tolist() == pytest.approx([0, 0, at_2 - 300, 0, 0])
    assert found.coverage["status"].tolist() == ["own", "own", status, "own", "own"]


def test_subsidiary_help_comes_only_where_no_own_unit_meets_the_standard(along_road: AlongRoad) -> None:
    by_mode = {
        mode: run(
            along_road("AAABB", TWO, Agreement(id="t", parties=("A", "B"), mode=mode, dispatch_delay_s=20.0),
                       limit_s=540.0)
        ).coverage
        for mode in ("on_request", "subsidiary")
    }  # fmt: skip
    assert by_mode["on_request"]["agreed_s"].tolist() == [60, 300, 320, 60, 300]
    assert by_mode["on_request"]["agreed_depth"].tolist() == [1, 1, 2, 1, 1]
    # 540 s meets a limit of 540 s: B is not called, however much sooner it would come.
    assert by_mode["subsidiary"]["agreed_s"].tolist() == [60, 300, 540, 60, 300]
    assert by_mode["subsidiary"]["agreed_depth"].tolist() == [1, 1, 1, 1, 1]
    assert by_mode["subsidiary"]["agreed_second_s"].tolist() == [INF] * 5
    for covered in by_mode.values():
        assert covered["agreed_covered"].all()
        assert covered["status"].eq("own").all()


@pytest.mark.parametrize(("common", "local"), [(480.0, 540.0), (540.0, 480.0)])
def test_subsidiary_help_goes_by_the_standard_that_holds_there(
    common: float, local: float, along_road: AlongRoad
) -> None:
    treaty = Agreement(id="t", parties=("A", "B"), mode="subsidiary", dispatch_delay_s=20.0)
    region, network = along_road("AAABB", TWO, treaty, local_standards={"A": "a"}, limit_s=common)
    own = {"a": {"name": "A's", "limit_s": local}}
    found = run((replace(region, standards={**region.standards, **own}), network))
    for covered, limit_s in ((found.coverage, common), (found.coverage_local, local)):
        came = ("sa", 540.0, "own") if limit_s == 540 else ("sb", 320.0, "agreed")
        assert tuple(covered.loc["d2", ["agreed_station", "agreed_s", "status"]]) == came


def test_a_tie_goes_to_the_own_station(along_road: AlongRoad) -> None:
    found = run(along_road("AAABB", {"sb": 3, "sa": 0}, auto("A", "B", dispatch_delay_s=240.0), limit_s=540))
    covered = found.coverage.loc["d2"]
    assert tuple(covered[["agreed_station", "agreed_s", "agreed_second_s", "agreed_depth"]]) == (
        "sa",
        540,
        540,
        2,
    )
    assert covered["joint_station"] == "sb"


# --- crossings ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "parameters", "reached"),
    [
        ({"crossings": ("x1", "x2")}, {}, [300, 540, 780]),
        ({"crossings": ("x1",)}, {}, [300, INF, INF]),
        ({"crossings": ("x2",)}, {}, [INF, INF, INF]),
        ({"crossing": (AgreementCrossing(id="x2", open=False),)}, {}, [300, INF, INF]),
        ({"crossing": (AgreementCrossing(id="x2", open=False, services=("ems",)),)}, {}, [300, 540, 780]),
        (
            {"crossing": (AgreementCrossing(id="x2", open=False, services=("ems", "fire")),)},
            {},
            [300, INF, INF],
        ),
        ({"crossing": (AgreementCrossing(id="x2", open=False, hours=("night",)),)}, {}, [300, 540, 780]),
        (
            {"crossing": (AgreementCrossing(id="x2", open=False, hours=("night",)),)},
            {"hour": "night"},
            [300, INF, INF],
        ),
        # A fire engine is 3.3 m high and weighs 16 t.
        ({"crossing": (AgreementCrossing(id="x2", max_height_m=3.3, max_weight_t=16.0),)}, {}, [300, 540, 780]),
        ({"crossing": (AgreementCrossing(id="x2", max_height_m=3.29),)}, {}, [300, INF, INF]),
        ({"crossing": (AgreementCrossing(id="x2", max_weight_t=15.9),)}, {}, [300, INF, INF]),
        (
            {"crossing": (AgreementCrossing(id="x2", max_weight_t=15.9, hours=("night",)),)},
            {},
            [300, 540, 780],
        ),
        ({"crossing_delay_s": 1e300}, {}, [INF, INF, INF]),
    ],
)  # fmt: skip
def test_crossings_that_may_be_passed(
    terms: dict[str, Any], parameters: dict[str, Any], reached: list[float], along_road: AlongRoad
) -> None:
    found = run(along_road("AABCC", {"sa": 1}, auto("A", "B", "C", **terms), **parameters))
    assert seconds(found, "agreed") == [300, 60, *reached]
    assert seconds(found, "joint") == [300, 60, 300, 540, 780]


@pytest.mark.parametrize(
    ("terms", "parameters", "delay_s", "at_home"),
    [
        ({}, {}, 0, 0),
        ({}, {"crossing_s": 100.0}, 100, 0),
        ({}, {"crossing_s": 100.0, "crossing_delay_s": {"x1": 200.0}}, 200, 200),
        # What is agreed counts more than [parameters]; within one country a general delay does not count.
        ({"crossing_delay_s": 50.0}, {"crossing_s": 100.0, "crossing_delay_s": {"x1": 200.0}}, 50, 200),
        ({"crossing_delay_s": 0.0}, {"crossing_s": 100.0}, 0, 0),
        # What is agreed about the one crossing counts most.
        (
            {"crossing_delay_s": 50.0, "crossing": (AgreementCrossing(id="x1", delay_s=10.0),)},
            {"crossing_s": 100.0, "crossing_delay_s": {"x1": 200.0}},
            10,
            10,
        ),
        ({"crossing": (AgreementCrossing(id="x1", delay_s=0.0),)}, {"crossing_s": 100.0}, 0, 0),
        # An entry without a delay changes none.
        (
            {"crossing_delay_s": 50.0, "crossing": (AgreementCrossing(id="x1", max_weight_t=20.0),)},
            {"crossing_delay_s": {"x1": 200.0}},
            50,
            200,
        ),
        (
            {"crossing": (AgreementCrossing(id="x1", max_weight_t=20.0),)},
            {"crossing_s": 100.0},
            100,
            0,
        ),
        # One for the night, another for the ambulance, a third for all by day.
        (
            {
                "crossing_delay_s": 50.0,
                "crossing": (
                    AgreementCrossing(id="x1", delay_s=10.0, hours=("night",)),
                    AgreementCrossing(id="x1", delay_s=20.0, services=("ems",), hours=("day", "weekend")),
                    AgreementCrossing(id="x1", delay_s=30.0, services=("fire",), hours=("day",)),
                ),
            },
            {},
            30,
            30,
        ),
        (
            {"crossing_delay_s": 50.0, "crossing": (AgreementCrossing(id="x1", delay_s=10.0, hours=("night",)),)},
            {},
            50,
            0,
        ),
    ],
)  # fmt: skip
def test_which_delay_counts_at_a_crossing(
    terms: dict[str, Any],
    parameters: dict[str, Any],
    delay_s: float,
    at_home: float,
    along_road: AlongRoad,
) -> None:
    for country, expected in (("", delay_s), ("XX", at_home)):
        found = run(along_road("AAB", {"sa": 1}, auto("A", "B", **terms), country=country, **parameters))
        assert found.coverage.loc["d2", "agreed_crossing_s"] == expected
        assert found.coverage.loc["d2", "agreed_s"] == 300 + expected


def test_a_crossing_that_is_not_there_is_an_error_that_names_those_alike(along_road: AlongRoad) -> None:
    treaty = auto("A", "B", crossings=("x1", "x9", "bridge"), crossing=(AgreementCrossing(id="x9"),))
    with pytest.raises(AgreementError) as caught:
        run(along_road("AAB", {"sa": 1}, treaty))
    assert [(defect.where, defect.got) for defect in caught.value.defects] == [
        ("agreement ab, crossings", "'x9'"),
        ("agreement ab, crossings", "'bridge'"),
        ("agreement ab, crossing", "'x9'"),
    ]
    assert "such as x1" in str(caught.value)


# --- whom a station may help --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strip_km", "places"),
    [
        (2.166, set()),
        (2.167, {"d2"}),
        (6.499, {"d2"}),
        (6.501, {"d1", "d2"}),
        (10.9, {"d0", "d1", "d2"}),
    ],
)
def test_help_goes_no_further_than_the_strip(
    strip_km: float, places: set[str], along_road: AlongRoad
) -> None:
    """The border is half a step of 4.33 km from the place 2, and one and a half from the place 1."""
    found = run(along_road("AAABB", {"sb": 4}, auto("A", "B", strip_km=strip_km)))
    assert helped(found) == {("sb", place) for place in places}


def test_the_strip_lies_along_all_of_the_helpers_territory(along_road: AlongRoad) -> None:
    found = run(along_road("bAAAB", {"sb": 4, "sa": 2}, auto("A", "B", strip_km=2.2)))
    assert helped(found) == {("sb", "d1"), ("sb", "d3"), ("sa", "d0"), ("sa", "d4")}
    assert seconds(found, "joint") == [540, 300, 60, 300, 60]


ALL_PAIRS = {(station, f"d{i}") for station, places in (("sb", (0, 1, 2)), ("sa", (3, 4)), ("sm", (3, 4)))
             for i in places}  # fmt: skip


@pytest.mark.parametrize(
    ("excluded", "missing"),
    [
        ((), set()),
        ((("sb", "sm"),), {("sb", "d2")}),
        (
            (("sb", "sa"),),
            {("sb", "d0"), ("sb", "d1")},
        ),  # at the place 1 both come at once: the first of the table
        ((("sb", "sb"),), set()),
        ((("sm", "sb"),), {("sm", "d3"), ("sm", "d4")}),
        ((("sb", "*"),), {("sb", "d0"), ("sb", "d1"), ("sb", "d2")}),
        ((("*", "sb"),), {("sa", "d3"), ("sa", "d4"), ("sm", "d3"), ("sm", "d4")}),
        ((("*", "sm"), ("sa", "*")), {("sb", "d2"), ("sa", "d3"), ("sa", "d4")}),
        ((("*", "*"),), ALL_PAIRS),
    ],
)
def test_excluded_pairs(
    excluded: tuple[tuple[str, str], ...], missing: set[tuple[str, str]], along_road: AlongRoad
) -> None:
    treaty = auto("A", "B", excluded_pairs=excluded)
    found = run(along_road("AAABB", {"sa": 0, "sm": 2, "sb": 3}, treaty))
    assert helped(found) == ALL_PAIRS - missing
    assert seconds(found, "alone") == [60, 300, 60, 60, 300]


def test_the_area_of_a_station_is_where_it_is_first_due_after_its_turnout(along_road: AlongRoad) -> None:
    treaty = auto("A", "B", excluded_pairs=(("sb", "sm"),))
    region, network = along_road("AAABB", {"sa": 0, "sm": 2, "sb": 3}, treaty)
    for turnout_s, area in ((539.0, {"d2"}), (541.0, set())):  # sa is there after 60 + 480 s
        slow = region.stations.assign(turnout_s=[60.0, turnout_s, 60.0])
        found = run((replace(region, stations=slow), network))
        assert helped(found) == ALL_PAIRS - {("sb", place) for place in area}


def test_the_area_of_a_station_is_where_it_is_first_due_as_its_vehicles_drive_today(
    along_road: AlongRoad,
) -> None:
    """At the place 3, sa is due after 540 s through B, if it may pass it, and sm after 700 s."""
    for transit, excluded in ((True, "sa"), (False, "sm")):
        treaty = auto("A", "B", transit=transit, excluded_pairs=(("sb", excluded),))
        region, network = along_road("AABaa", {"sa": 1, "sm": 4, "sb": 2}, treaty)
        slow = region.stations.assign(turnout_s=[60.0, 460.0, 60.0])
        pairs = helped(run((replace(region, stations=slow), network)))
        assert ("sb", "d3") not in pairs
        assert (("sb", "d0") in pairs) == (excluded == "sm")


def test_places_without_an_own_station_are_in_nobodys_area(along_road: AlongRoad) -> None:
    for there, pairs in (("sb", {("sb", "d0"), ("sb", "d1")}), ("*", set())):
        found = run(along_road("AAB", {"sb": 2}, auto("A", "B", excluded_pairs=(("sb", there),))))
        assert helped(found) == pairs


@pytest.mark.parametrize(
    ("terms", "units", "helps"),
    [
        ({}, [], True),  # nobody knows its units: it helps
        ({}, [("sa", "", 9)], True),
        ({}, [("sb", "", 1)], False),
        ({}, [("sb", "pump", 1), ("sb", "", 1)], True),
        ({"home_cover_min": 0}, [("sb", "", 1)], True),
        ({"home_cover_min": 3}, [("sb", "", 3)], False),
        ({"home_cover_min": 3}, [("sb", "", 4)], True),
        ({"home_cover_min": 3}, [], True),
    ],
)
def test_a_unit_that_must_stay_does_not_help(
    terms: dict[str, Any], units: list[tuple[str, str, int]], helps: bool, along_road: AlongRoad
) -> None:
    found = run(along_road("AAABB", TWO, auto("A", "B", **terms), units=units))
    assert (("sb", "d2") in helped(found)) == helps
    assert seconds(found, "agreed") == [60, 300, 300 if helps else 540, 60, 300]
    assert seconds(found, "alone") == [60, 300, 540, 60, 300]
    assert seconds(found, "joint") == [60, 300, 300, 60, 300]
    assert ("sa", "d3") in helped(found)


def test_help_one_way(along_road: AlongRoad) -> None:
    found = run(along_road("AAABB", TWO, auto("A", "B", helpers=("B",))))
    assert helped(found) == {("sb", "d0"), ("sb", "d1"), ("sb", "d2")}


# --- what a unit can do -------------------------------------------------------------------------------------------

LADDER = auto("A", "B", capability_map={"DLK": "ladder"})


@pytest.mark.parametrize(
    ("needed", "treaties", "units", "able"),
    [
        ("", (LADDER,), [], ["sa", "sb"]),
        ("", (LADDER,), [("sa", "pump", 1)], ["sa", "sb"]),
        ("ladder", (LADDER,), [("sa", "pump;ladder", 1), ("sb", "pump", 1)], ["sa"]),
        ("ladder", (LADDER,), [("sa", "pump; ladder", 1), ("sb", "", 1)], ["sa"]),  # unknown
        ("ladder", (LADDER,), [("sa", "pump", 1), ("sa", "ladder", 1)], ["sa"]),
        ("ladder", (LADDER,), [("sa", "", 1), ("sa", "ladder", 1), ("sb", "bladder", 1)], ["sa"]),
        ("ladder", (LADDER,), [("sa", "DLK", 1), ("sb", "ladder", 1)], ["sa", "sb"]),
        ("DLK", (LADDER,), [("sa", "DLK", 1), ("sb", "ladder", 1)], ["sa", "sb"]),
        ("ladder", (), [("sa", "DLK", 1), ("sb", "ladder", 1)], ["sb"]),
        ("ladder", (replace(LADDER, valid_to="1999-12-31"),), [("sa", "DLK", 1), ("sb", "ladder", 1)], ["sb"]),
        ("ladder", (auto("A", "B", capability_map={"boat": "RTB"}),), [("sa", "DLK", 1), ("sb", "ladder", 1)], ["sb"]),
    ],
)  # fmt: skip
def test_stations_that_have_the_capability(
    needed: str,
    treaties: tuple[Agreement, ...],
    units: list[tuple[str, str, int]],
    able: list[str],
    along_road: AlongRoad,
) -> None:
    found = run(along_road("AAABB", TWO, *treaties, units=units, capability=needed))
    assert found.stations.index.tolist() == able
    assert set(found.times["station"].astype(str)) == set(able)


def test_a_map_of_capabilities_holds_among_the_parties_only(along_road: AlongRoad) -> None:
    units = [("sa", "DLK", 1), ("sb", "ladder", 1), ("sc", "DLK", 1)]
    found = run(along_road("ABC", {"sa": 0, "sb": 1, "sc": 2}, LADDER, units=units, capability="ladder"))
    assert found.stations.index.tolist() == ["sa", "sb"]


@pytest.mark.parametrize(
    ("units", "got"),
    [
        ([], "2 unknown"),
        ([("sa", "", 1), ("sb", "pump", 1)], "1 unknown, 1 no"),
        ([("sa", "pump", 1), ("sb", "pump", 1)], "2 no"),
    ],
)
def test_if_no_station_is_known_to_be_able_that_is_an_error(
    units: list[tuple[str, str, int]], got: str, along_road: AlongRoad
) -> None:
    with pytest.raises(RegionError) as caught:
        run(along_road("AAABB", TWO, LADDER, units=units, capability="ladder"))
    (defect,) = caught.value.defects
    assert defect.got == got
    assert "the capability ladder" in defect.expected


# --- how often a unit is free -------------------------------------------------------------------------------------


def test_expected_coverage_by_hand(along_road: AlongRoad) -> None:
    """The place 2 has sa with two units, sb with three of which one must stay, and sc, of which nobody knows."""
    treaties = (
        auto("A", "B", availability=0.5),
        auto("A", "C", availability=0.6, home_cover_min=0, dispatch_delay_s=1.0),
    )
    found = run(
        along_road(
            "AAABC", {"sa": 0, "sb": 3, "sc": 4}, *treaties, units=[("sa", "", 2), ("sb", "", 3)],
            availability=0.8, limit_s=541.0,
        )
    )  # fmt: skip
    covered = found.coverage
    sa, sb, sb_home, sc_home = 1 - 0.2**2, 1 - 0.5**2, 1 - 0.2**3, 0.8
    assert covered["alone_expected"].tolist() == pytest.approx([sa, sa, sa, sb_home, sc_home])
    # The place 1 has sb at 540 s and sc no more. B and C have agreed nothing.
    assert covered["agreed_expected"].tolist() == pytest.approx(
        [sa, 1 - (1 - sa) * (1 - sb), 1 - (1 - sa) * (1 - sb) * (1 - 0.6), sb_home, sc_home]
    )
    # As one team nothing must stay at home.
    sb, own_b, own_c = 1 - 0.5**3, 1 - (1 - sb_home) * (1 - 0.8), 1 - (1 - sc_home) * (1 - sb_home)
    assert covered["joint_expected"].tolist() == pytest.approx(
        [sa, 1 - (1 - sa) * (1 - sb), 1 - (1 - sa) * (1 - sb) * (1 - 0.6), own_b, own_c]
    )
    total = found.summary["common"]["total"]
    people = covered["population"]
    for level in levels(covered):
        expected = (people * covered[f"{level}_expected"]).sum()
        assert total[level]["expected"] == pytest.approx(expected, abs=1e-3)
        assert total[level]["expected"] < total[level]["covered"]


def test_who_is_not_reached_must_expect_nothing(along_road: AlongRoad) -> None:
    found = run(along_road("AAABB", {"sa": 0}, auto("A", "B", availability=0.5)))
    assert found.coverage["alone_expected"].tolist() == [1, 1, 0, 0, 0]
    assert not np.signbit(found.coverage["alone_expected"]).any()


def test_without_a_share_below_1_certain_is_what_is_expected(along_road: AlongRoad) -> None:
    found = run(along_road("AAABB", TWO, auto("A", "B"), units=[("sb", "", 5)]))
    assert not [name for name in found.coverage if str(name).endswith("_expected")]
    total = found.summary["common"]["total"]
    for level in levels(found.coverage):
        assert total[level]["expected"] == total[level]["covered"]


def test_subsidiary_help_that_does_not_come_is_not_expected(along_road: AlongRoad) -> None:
    treaty = auto("A", "B", mode="subsidiary", dispatch_delay_s=0.0, availability=0.5)
    for limit_s, expected in ((540.0, 0.8), (539.0, 0.5)):
        found = run(along_road("AAABB", TWO, treaty, availability=0.8, limit_s=limit_s))
        assert found.coverage.loc["d2", "agreed_expected"] == pytest.approx(expected)


# --- in force -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "at_2", "notes"),
    [
        ("2025-12-31", None, ["old begins on 2026-01-01", "new begins on 2026-04-01"]),
        ("2026-01-01", 300, ["new begins on 2026-04-01"]),
        ("2026-03-31", 300, ["new begins on 2026-04-01"]),
        ("2026-04-01", 400, ["old ended on 2026-03-31"]),
        ("2026-12-31", 400, ["old ended on 2026-03-31"]),
        ("2027-01-01", None, ["old ended on 2026-03-31", "new ended on 2026-12-31"]),
    ],
)
def test_one_agreement_ends_today_and_another_begins_tomorrow(
    day: str, at_2: float | None, notes: list[str], along_road: AlongRoad
) -> None:
    old = auto("A", "B", id="old", valid_from="2026-01-01", valid_to="2026-03-31")
    new = auto("A", "B", id="new", valid_from="2026-04-01", valid_to="2026-12-31", dispatch_delay_s=100.0)
    found = run(along_road("AAABB", TWO, old, new, date=day))
    if at_2 is None:
        assert levels(found.coverage) == ("alone", "joint")
        assert (found.agreements, found.times_agreed, found.fair.today) == ((), None, None)
    else:
        assert seconds(found, "agreed") == [60, 300, at_2, 60, 300]
        assert found.times_agreed is not None
        assert [one.id for one in found.agreements] == ["old" if at_2 == 300 else "new"]
        assert set(found.times_agreed["agreement"].dropna()) == {one.id for one in found.agreements}
    assert len(found.notes) == len(notes)
    for said, expected in zip(found.notes, notes, strict=True):
        assert said == f"Agreement {expected} and does not count on {day}."


def test_an_agreement_about_another_service_does_not_count(along_road: AlongRoad) -> None:
    found = run(along_road("AAABB", TWO, auto("A", "B", services=("ems",), crossings=("nowhere",))))
    assert levels(found.coverage) == ("alone", "joint")
    assert found.notes == ("Agreement ab is not about the service fire and does not count.",)
    assert "agreed" not in json.dumps(found.summary["common"])


def test_without_a_date_the_day_of_the_run_counts(along_road: AlongRoad) -> None:
    found = run(along_road("AAABB", TWO, auto("A", "B", valid_to="2000-01-01")))
    assert levels(found.coverage) == ("alone", "joint")
    found = run(along_road("AAABB", TWO, auto("A", "B", valid_from="2000-01-01")))
    assert levels(found.coverage) == ("alone", "agreed", "joint")


def test_two_that_say_something_about_the_same_help_are_an_error(along_road: AlongRoad) -> None:
    one, two = auto("A", "B", id="one"), auto("A", "B", "C", id="two", helpers=("B",))
    with pytest.raises(AgreementError, match=r"agreements one and two.*B helps A"):
        run(along_road("AAABBC", TWO, one, two))
    assert run(along_road("AAABBC", TWO, replace(one, helpers=("A",)), two)).notes == ()


# --- the frames ---------------------------------------------------------------------------------------------------


@pytest.fixture
def seven(along_road: AlongRoad) -> Analysis:
    """Own 0…2 and 7, 8; agreed 6; joint 5; nobody comes in time to 3; and there is no road to 4."""
    region, network = along_road(
        "AAAAAAABB", {"sa": 0, "sb": 7}, Agreement(id="t", parties=("A", "B")), limit_s=540.0
    )
    off = region.demand.geometry.copy()
    off["d4"] = shapely.Point(4 * STEP_M, 5000)
    return run((replace(region, demand=region.demand.set_geometry(off)), network))


def test_the_words_of_a_place(seven: Analysis) -> None:
    assert seven.coverage["status"].tolist() == [
        "own", "own", "own", "gap", "unreachable", "joint", "agreed", "own", "own",
    ]  # fmt: skip
    assert seconds(seven, "agreed")[6] == 480
    assert seconds(seven, "agreed")[5] == 720


def test_at_each_level_everybody_is_covered_or_in_a_gap(seven: Analysis) -> None:
    people, gaps = seven.coverage["population"], seven.gaps
    total = seven.summary["common"]["total"]
    covered = {"alone": {0, 1, 2, 7, 8}, "agreed": {0, 1, 2, 6, 7, 8}, "joint": {0, 1, 2, 5, 6, 7, 8}}
    assert levels(seven.coverage) == tuple(covered)
    assert set(gaps["level"]) == set(covered)
    for level, places in covered.items():
        inside = sum(2.0**i for i in places)
        assert total[level]["covered"] == inside
        assert total[level]["covered"] + total[level]["gap"] == people.sum() == 511
        assert gaps["population"][gaps["level"] == level].sum() == 511 - inside
        assert seven.summary["headline"][f"covered_{level}"] == inside
        assert seven.summary["headline"][f"gaps_{level}"] == (gaps["level"] == level).sum()
        blocks = seven.summary["common"]["partners"].values()
        assert sum(block[level]["covered"] for block in blocks) == inside
    assert seven.summary["headline"]["closed_by_agreed"] == total["closed_by_agreed"] == 64
    assert total["closed_by_joint"] == 32 + 64


def frames(found: Analysis) -> dict[str, set[str]]:
    """Levels that each frame of a run speaks of."""
    (result,) = found.scenarios
    table = scenario_table(result)
    words = {"alone", "agreed", "joint"}

    def named(columns: Any, *around: str) -> set[str]:
        return {word for word in words if any(around[0] + word + around[1] == name for name in columns)}

    return {
        "coverage": named(found.coverage, "", "_s"),
        "coverage_local": named(found.coverage_local, "", "_covered"),
        "gaps": set(found.gaps["level"]),
        "isochrones": set(found.isochrones["level"]) - {""},
        "headline": named(found.summary["headline"], "covered_", "_share"),
        "common": named(found.summary["common"]["total"], "", ""),
        "local": named(found.summary["local"]["jurisdictions"]["A"], "", ""),
        "scenario": named(result.coverage, "", "_depth"),
        "scenario, fair": named(result.coverage, "fair_", "_covered"),
        "draws": named(result.draws, "", ""),
        "table": named(table, "lost_", ""),
        "table, later": named(table, "later_", ""),
        "risk": set(found.risks[0].table["level"]),
    }


def test_every_frame_has_the_level_where_an_agreement_is_in_force_and_none_where_not(
    along_road: AlongRoad,
) -> None:
    scenario = HazardScenario("s", "S", (), closed_stations=("sb",), return_period_years=50.0)
    curve = RiskCurve("r", "R", ("s",))
    for agreements, expected in (((auto("A", "B"),), {"alone", "agreed", "joint"}), ((), {"alone", "joint"})):
        region, network = along_road("AAAABB", TWO, *agreements)
        region = replace(region, scenarios=(scenario,), risks=(curve,))
        found = run((region, network))
        assert found.not_computed == ()
        for name, spoken in frames(found).items():
            assert spoken == expected, name
        json.dumps(found.summary, allow_nan=False)


def test_an_agreement_without_delays_changes_neither_alone_nor_joint(along_road: AlongRoad) -> None:
    plain = run(along_road("AAABB", TWO))
    agreed = run(along_road("AAABB", TWO, auto("A", "B")))
    assert (plain.times_agreed, plain.agreements, plain.notes) == (None, (), ())
    shared = [name for name in plain.coverage if name != "status"]
    assert set(agreed.coverage) - set(plain.coverage) == {
        name for name in agreed.coverage if str(name).startswith("agreed_")
    }
    pd.testing.assert_frame_equal(pd.DataFrame(agreed.coverage[shared]), pd.DataFrame(plain.coverage[shared]))


# --- under a hazard -----------------------------------------------------------------------------------------------


def under(made: tuple[Region, Network], scenario: HazardScenario, *layers: HazardSource) -> Analysis:
    region, network = made
    found = run((replace(region, scenarios=(scenario,), hazards=layers), network))
    assert found.not_computed == ()
    return found


def test_a_crossing_that_a_scenario_closes_leaves_each_alone(along_road: AlongRoad) -> None:
    shut = HazardScenario("s", "S", (), closed_crossings=("x1",))
    found = under(along_road("AABaB", {"sa": 1, "sb": 2}, auto("A", "B", crossing_delay_s=30.0)), shut)
    assert seconds(found, "alone") == [300, 60, 60, 600, 540 + 60]
    covered = found.scenarios[0].coverage
    assert covered["alone_s"].tolist() == [300, 60, 60, INF, 600]
    assert covered["agreed_s"].tolist() == [300, 60, 60, 330, 600]
    assert covered["joint_s"].tolist() == [300, 60, 60, 300, 540]
    assert covered["fair_agreed_s"].tolist() == [300, 60, 60, 330, 600]
    assert covered["fair_alone_s"].tolist() == seconds(found, "alone")


@pytest.mark.parametrize("mode", ["automatic", "on_request", "subsidiary"])
def test_a_station_that_is_out_is_replaced_as_agreed(mode: str, along_road: AlongRoad) -> None:
    treaty = Agreement(id="t", parties=("A", "B"), mode=mode, dispatch_delay_s=150.0, crossing_delay_s=30.0)
    out = HazardScenario("s", "S", (), closed_stations=("sa",))
    found = under(along_road("AAABB", TWO, treaty, limit_s=540.0), out)
    fair_2 = 540 if mode == "subsidiary" else 480
    assert seconds(found, "agreed") == [60, 300, fair_2, 60, 300]
    covered = found.scenarios[0].coverage
    assert covered["alone_s"].tolist() == [INF, INF, INF, 60, 300]
    assert covered["agreed_s"].tolist() == [960, 720, 480, 60, 300]
    assert covered["joint_s"].tolist() == [780, 540, 300, 60, 300]
    assert covered["status"].tolist() == ["gap", "joint", "agreed", "own", "own"]
    assert covered["loss"].tolist() == ["lost", "held", "held", "none", "none"]
    total = scenario_table(found.scenarios[0]).iloc[0]
    assert (total["fair_agreed"], total["agreed"], total["lost_agreed"]) == (31, 28, 3)


def test_the_area_of_a_station_that_is_out_stays_excluded(along_road: AlongRoad) -> None:
    treaty = auto("A", "B", excluded_pairs=(("sb", "sm"),))
    out = HazardScenario("s", "S", (), closed_stations=("sm",))
    found = under(along_road("AAABB", {"sa": 0, "sm": 2, "sb": 3}, treaty), out)
    assert found.scenarios[0].coverage["agreed_s"].tolist() == [60, 300, 540, 60, 300]


def test_a_closed_road_and_the_rules_of_driving_hold_together(along_road: AlongRoad) -> None:
    """Way 0 leads from place 0 to 1; sa's crew drives through B as a civilian, and pays at both borders."""
    treaty = auto("A", "B", crossing_delay_s=30.0, priority_abroad="civilian")
    shut = HazardScenario("s", "S", (), closed_ways=(0,))
    found = under(along_road("AABa", {"sa": 1}, treaty, legal_kph={"B": 32.5}), shut)
    assert seconds(found, "agreed") == [300, 60, 60 + 120 + 30 + 240, 60 + 240 + 60 + 480]
    covered = found.scenarios[0].coverage
    assert covered["agreed_s"].tolist() == [INF, 60, 450, 840]
    assert covered["alone_s"].tolist() == [INF, 60, INF, 840]
    assert covered["joint_s"].tolist() == [INF, 60, 300, 540]


def raster(file: Path, start: float, stop: float, value: float) -> Path:
    """One row along the road, 100 cells a step, with a value between two positions in steps."""
    cells = np.zeros((1, 500), np.float32)
    cells[:, round(50 + 100 * start) : round(50 + 100 * stop)] = value
    size = STEP_M / 100
    with rasterio.open(
        file, "w", driver="GTiff", height=1, width=500, count=1, dtype="float32", crs="EPSG:32632",
        nodata=math.nan, transform=Affine(size, 0, -50 * size, 0, -1000, 500),
    ) as target:  # fmt: skip
        target.write(cells, 1)
    return file


@pytest.mark.parametrize(("delay_s", "reached"), [(0.0, True), (180.0, True), (180.001, False)])
def test_closures_by_chance_count_at_agreed(
    delay_s: float, reached: bool, along_road: AlongRoad, tmp_path: Path
) -> None:
    """The road from b's station to the border holds every other time: then its crew is at the place 2 in 300 s."""
    layer = HazardSource(
        id="p", file=raster(tmp_path / "p.tif", 2.6, 2.9, 0.5), hazard="landslide", quantity="probability"
    )
    treaty = auto("A", "B", dispatch_delay_s=delay_s)
    found = under(along_road("AAABB", TWO, treaty), HazardScenario("s", "S", ("p",), draws=200), layer)
    (result,) = found.scenarios
    covered = result.coverage
    share = covered["joint_probability"]
    assert 0.35 < share["d2"] < 0.65
    assert covered["alone_probability"].tolist() == [1, 1, 0, 1, 1]
    assert covered["agreed_probability"].tolist() == [1, 1, share["d2"] if reached else 0, 1, 1]
    assert covered["agreed_error"].tolist() == (covered["joint_error"] * (1.0 if reached else 0.0)).tolist()
    assert list(result.draws) == ["alone", "agreed", "joint"]
    assert (result.draws["agreed"] == (result.draws["joint"] if reached else 27)).all()
    chance = found.summary["hazards"]["scenarios"]["s"]
    assert scenario_table(result).iloc[0]["chance_agreed"] == pytest.approx(27 + 4 * share["d2"] * reached)
    assert "agreed" in json.dumps(chance)


def test_a_slower_road_slows_the_civilian_down_too(along_road: AlongRoad, tmp_path: Path) -> None:
    """Water on all of b's road leaves a quarter of whatever speed is driven there."""
    rule = tmp_path / "quarter.toml"
    rule.write_text(
        '[quarter]\nname = "A quarter"\nhazards = ["flood"]\nquantity = "depth"\nunit = "m"\nvehicle = "any"\n'
        'rule = "points"\npoints = [[0, 1], [0.1, 0.25]]\nsource = "here"\n',
        encoding="utf-8",
    )
    layer = HazardSource(
        id="w", file=raster(tmp_path / "w.tif", 1.5, 2.5, 0.2), hazard="flood", quantity="depth", unit="m",
        scheme="inasafe-flood-depth",
    )  # fmt: skip
    treaty = auto("A", "B", crossing_delay_s=30.0, priority_abroad="civilian")
    found = under(
        along_road("AABa", {"sa": 1}, treaty, legal_kph={"B": 32.5}),
        HazardScenario("s", "S", ("w",), rules={"flood": rule}), layer,
    )  # fmt: skip
    covered = found.scenarios[0].coverage
    assert covered["agreed_s"].tolist() == pytest.approx([300, 60, 60 + 120 + 30 + 960, INF])
    assert covered["joint_s"].tolist() == pytest.approx([300, 60, 60 + 120 + 480, 60 + 240 + 960])


@pytest.mark.parametrize(("fair", "hazard"), [(0.5, 0.25), (0.5, None), (1.0, 0.25)])
def test_under_a_hazard_neighbours_are_busier(
    fair: float, hazard: float | None, along_road: AlongRoad
) -> None:
    treaty = auto("A", "B", availability=fair, availability_hazard=hazard)
    out = HazardScenario("s", "S", (), closed_stations=("sa",))
    found = under(along_road("AAABB", TWO, treaty, units=[("sb", "", 3)], availability=1.0), out)
    p = fair if hazard is None else hazard
    (result,) = found.scenarios
    assert result.coverage["alone_expected"].tolist() == [0, 0, 0, 1, 1]
    assert result.coverage["agreed_expected"].tolist() == pytest.approx([0, 0, 1 - (1 - p) ** 2, 1, 1])
    assert result.coverage["joint_expected"].tolist() == pytest.approx([0, 0, 1 - (1 - p) ** 3, 1, 1])
    if fair < 1:
        assert found.coverage["agreed_expected"].tolist() == pytest.approx([1, 1, 0.75, 1, 1])
    else:
        assert "agreed_expected" not in found.coverage
