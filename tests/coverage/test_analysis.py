"""From a region to all results, on a case worked by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import geopandas as gpd
import pandas as pd
import pytest

from mutualaid.coverage import analyse
from mutualaid.data import Region
from mutualaid.errors import RegionError, StandardError
from mutualaid.network import Network


def with_parameters(region: Region, **changes: object) -> Region:
    return replace(region, parameters=replace(region.parameters, **changes))  # type: ignore[arg-type]


def test_five_places_by_hand(five_places: Region, straight_road: Network) -> None:
    found = analyse(five_places, network=straight_road)
    covered = found.coverage
    # The clock runs from the alert: 80 s of turnout at sa (assumed), 60 s at sb (stated), 8 minutes in all.
    assert covered["alone_s"].tolist() == [80, 320, 560, 60, 300]
    assert covered["joint_s"].tolist() == [80, 320, 300, 60, 300]
    assert covered["status"].tolist() == ["own", "own", "joint", "own", "own"]
    assert covered["joint_station"].tolist() == ["sa", "sa", "sb", "sb", "sb"]
    assert found.stations.index.tolist() == ["sa", "sb"]
    assert found.stations["turnout_assumed"].tolist() == [True, False]
    assert len(found.times) == 10
    assert found.summary["headline"] == {
        "population": 300.0,
        "covered_alone": 240.0,
        "covered_joint": 300.0,
        "covered_alone_share": 0.8,
        "covered_joint_share": 1.0,
        "closed_by_joint": 60.0,
        "remaining": 0.0,
        "unreachable": 0.0,
        "gaps_alone": 1,
        "gaps_joint": 0,
        "limit_s": 480.0,
        "population_unknown": [],
    }
    gap = found.gaps.iloc[0]
    assert (gap["name"], gap["closed_by"], gap["saved_median_s"]) == ("Aville, east: High Road", "B", 260.0)


def test_delays_of_neighbour_and_border_add_up(five_places: Region, straight_road: Network) -> None:
    region = with_parameters(five_places, dispatch_s=90.0, crossing_s=60.0)
    covered = analyse(region, network=straight_road).coverage
    assert covered.loc["d2", "joint_s"] == 60 + 90 + 60 + 240
    segments = ["joint_dispatch_s", "joint_turnout_s", "joint_crossing_s", "joint_drive_s"]
    assert list(covered.loc["d2", segments]) == [90, 60, 60, 240]
    assert covered["alone_s"].tolist() == [80, 320, 560, 60, 300]  # nobody crosses


def test_a_crossing_may_have_a_delay_of_its_own(five_places: Region, straight_road: Network) -> None:
    region = with_parameters(five_places, crossing_s=60.0, crossing_delay_s={"x1": 200.0})
    covered = analyse(region, network=straight_road).coverage
    assert covered.loc["d2", "joint_s"] == 60 + 200 + 240
    assert covered.loc["d2", "status"] == "gap"
    with pytest.raises(RegionError, match="x1"):
        analyse(with_parameters(five_places, crossing_delay_s={"x2": 5.0}), network=straight_road)


def test_local_standards_hold_where_the_incident_is(five_places: Region, straight_road: Network) -> None:
    region = replace(
        with_parameters(five_places, local_standards={"B": "own"}),
        standards={
            "own": {"id": "own", "name": "Ours", "start": "received", "end": "arrived", "limit_s": 300.0}
        },
    )
    found = analyse(region, network=straight_road)
    assert {name: rule.id for name, rule in found.local_standards.items()} == {
        "A": "de-agbf-first",
        "B": "own",
    }
    assert found.coverage_local["alone_s"].tolist() == [80, 320, 560, 139, 379]
    assert found.coverage_local["status"].tolist() == ["own", "own", "joint", "own", "gap"]
    assert found.coverage["status"].tolist() == ["own", "own", "joint", "own", "own"]
    assert found.summary["local"]["partners"]["B"]["remaining"] == 20.0


def test_nobody_reached_by_road_is_in_the_gaps_of_both_levels(
    five_places: Region, straight_road: Network
) -> None:
    demand = five_places.demand.copy()
    x = demand.geometry.x
    demand.geometry = gpd.points_from_xy(x, [0, 0, 0, 0, 400], crs=demand.crs)
    found = analyse(replace(five_places, demand=demand), network=straight_road)
    assert found.coverage.loc["d4", "status"] == "unreachable"
    assert found.demand.loc["d4", "road_status"] == "too_far"
    assert found.gaps["unreachable_population"].tolist() == [0.0, 20.0, 20.0]
    total = found.summary["common"]["total"]
    assert (total["unreachable"], total["remaining"], total["alone"]["beyond_cutoff"]) == (20.0, 20.0, 0.0)
    assert found.summary["gaps"][1]["worst_s"] is None


def test_unknown_population_is_not_zero(five_places: Region, straight_road: Network) -> None:
    towns = five_places.jurisdictions.copy()
    empty = str(towns.index[0])
    towns["population"] = towns.get("population", pd.Series(1.0, index=towns.index)).astype("float64")
    towns.loc[empty, "population"] = math.nan
    kept = five_places.demand[five_places.demand["jurisdiction"] != empty]
    found = analyse(replace(five_places, jurisdictions=towns, demand=kept), network=straight_road)
    assert found.summary["headline"]["population_unknown"] == [empty]
    assert found.summary["common"]["jurisdictions"][empty]["population"] is None


def test_no_station_on_a_road_reaches_nobody(five_places: Region, straight_road: Network) -> None:
    stations = five_places.stations.copy()
    stations.geometry = stations.geometry.translate(0, 400)
    found = analyse(replace(five_places, stations=stations), network=straight_road)
    assert found.summary["stations"]["on_road"] == 0
    assert found.coverage["status"].eq("gap").all()
    assert found.gaps.groupby("level")["remaining_population"].sum().tolist() == [300.0, 300.0]
    assert found.isochrones.empty


def test_beyond_the_cutoff_is_not_reached_and_not_off_the_road(
    five_places: Region, straight_road: Network
) -> None:
    region = with_parameters(five_places, cutoff_s=479.0, standard="us-nfpa-1710-engine")
    found = analyse(region, network=straight_road)
    assert found.coverage.loc["d2", "alone_s"] == math.inf
    assert found.coverage.loc["d2", "joint_s"] == 240.0
    total = found.summary["common"]["total"]
    assert (total["alone"]["beyond_cutoff"], total["joint"]["beyond_cutoff"]) == (60.0, 0.0)
    assert (total["newly_reached_population"], total["saved_median_s"]) == (60.0, None)


def test_the_file_of_numbers_has_no_nan_and_no_inf(five_places: Region, straight_road: Network) -> None:
    text = json.dumps(analyse(five_places, network=straight_road).summary, allow_nan=False)
    assert json.loads(text)["region"]["note"] == "Worked by hand."


def test_parameters_given_replace_those_of_the_region(five_places: Region, straight_road: Network) -> None:
    other = replace(five_places.parameters, turnout_s={"career": 10.0})
    found = analyse(five_places, network=straight_road, parameters=other)
    assert found.region.parameters == other
    assert found.coverage.loc["d0", "alone_s"] == 10.0


def test_progress_names_each_step_and_never_goes_back(five_places: Region, straight_road: Network) -> None:
    told: list[tuple[str, float]] = []
    analyse(five_places, network=straight_road, progress=lambda step, share: told.append((step, share)))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert len({step for step, _ in told}) == len(told) >= 5
    assert all(0 <= share <= 1 for share in shares)


def test_inputs_stay_as_they_are(five_places: Region, straight_road: Network) -> None:
    before = five_places.demand.copy(), five_places.stations.copy(), straight_road.roads.copy()
    analyse(five_places, network=straight_road)
    after = five_places.demand, five_places.stations, straight_road.roads
    for old, new in zip(before, after, strict=True):
        pd.testing.assert_frame_equal(pd.DataFrame(old), pd.DataFrame(new))


def test_a_service_without_an_active_station_is_an_error(five_places: Region, straight_road: Network) -> None:
    region = with_parameters(five_places, service="rescue", standard="ch-fks-road-rescue")
    with pytest.raises(RegionError, match="2 active fire"):
        analyse(region, network=straight_road)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"standard": "de-agbf-frist"}, "de-agbf-first"),
        ({"standard": "nl-ems"}, "standard for fire"),
        ({"standard": "de-agbf-full"}, "t4"),
        ({"local_standards": {"C": "nl-fire-8"}}, "'C'"),
        ({"cutoff_s": 300.0}, "set cutoff_s = 420 or more"),  # 8 minutes less 60 s of turnout
    ],
)
def test_a_standard_that_does_not_fit_is_an_error(
    changes: dict[str, object], words: str, five_places: Region, straight_road: Network
) -> None:
    with pytest.raises(StandardError, match=words):
        analyse(with_parameters(five_places, **changes), network=straight_road)
