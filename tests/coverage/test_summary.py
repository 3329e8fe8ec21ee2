"""The numbers that are reported, on a case worked by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mutualaid.coverage import NULL_MEANS, analyse
from mutualaid.data import Region
from mutualaid.network import Network

# Seconds from the alert, by people: alone 60 (40 people), 80 (100), 300 (20), 320 (80), 560 (60); jointly the
# last 60 people have 300.


def summary(region: Region, network: Network, **standard: object) -> dict[str, Any]:
    """Summary with a common standard of 8 minutes from the alert, changed as given."""
    own = {"name": "Common", "limit_s": 480.0, **standard}
    parameters = replace(region.parameters, standard="own")
    return analyse(replace(region, standards={"own": own}, parameters=parameters), network=network).summary


def test_totals_by_hand(five_places: Region, straight_road: Network) -> None:
    total = summary(five_places, straight_road)["common"]["total"]
    alone, joint = total.pop("alone"), total.pop("joint")
    assert total == {
        "name": "",
        "population": 300.0,
        "share": None,
        "closed_by_joint": 60.0,
        "remaining": 0.0,
        "unreachable": 0.0,
        "other_partner_population": 60.0,
        "other_partner_share": 0.2,
        "sooner_population": 60.0,
        "newly_reached_population": 0.0,
        "saved_median_s": 260.0,
    }
    assert alone == {
        "covered": 240.0,
        "expected": 240.0,
        "covered_share": 0.8,
        "gap": 60.0,
        "beyond_cutoff": 0.0,
        "median_s": 300.0,
        "p90_s": 560.0,
        "mean_s": 252.0,
        "met": None,
        "depth_2": 0.0,
        "depth_3": 0.0,
    }
    assert (joint["covered"], joint["median_s"], joint["p90_s"], joint["mean_s"]) == (
        300.0,
        300.0,
        320.0,
        200.0,
    )


def test_a_share_met_exactly_is_met(five_places: Region, straight_road: Network) -> None:
    for share, met in ((0.8, True), (0.81, False)):
        total = summary(five_places, straight_road, share=share)["common"]["total"]
        assert (total["share"], total["alone"]["met"], total["joint"]["met"]) == (share, met, True)


def test_an_average_is_compared_with_the_limit(five_places: Region, straight_road: Network) -> None:
    for limit_s, met in ((252.0, True), (251.0, False)):
        found = summary(five_places, straight_road, statistic="mean", limit_s=limit_s)
        assert found["common"]["total"]["alone"]["met"] is met


def test_depth_counts_people_with_a_second_station_in_time(
    five_places: Region, straight_road: Network
) -> None:
    joint = summary(five_places, straight_road, limit_s=560.0)["common"]["total"]["joint"]
    assert (joint["depth_2"], joint["depth_3"]) == (80.0 + 60.0, 0.0)  # the places 1 (540 s) and 2 (560 s)


def test_each_jurisdiction_and_partner_has_its_block(five_places: Region, straight_road: Network) -> None:
    common = summary(five_places, straight_road)["common"]
    assert common["jurisdictions"]["A"]["name"] == "Aville"
    assert [block["population"] for block in common["jurisdictions"].values()] == [240.0, 60.0]
    assert [block["alone"]["covered"] for block in common["partners"].values()] == [180.0, 60.0]
    assert common["partners"]["A"]["other_partner_share"] == 0.25


def test_a_total_over_different_standards_has_no_share_to_meet(
    five_places: Region, straight_road: Network
) -> None:
    own = {
        "a": {"name": "A's", "limit_s": 480.0, "share": 0.7},
        "b": {"name": "B's", "limit_s": 480.0, "share": 0.9},
    }
    parameters = replace(five_places.parameters, local_standards={"A": "a", "B": "b"})
    region = replace(five_places, standards=own, parameters=parameters)
    local = analyse(region, network=straight_road).summary["local"]
    assert (local["total"]["share"], local["total"]["alone"]["met"]) == (None, None)
    assert local["jurisdictions"]["A"]["alone"]["met"] is True
    assert local["jurisdictions"]["B"]["share"] == 0.9


def test_a_place_without_people_has_no_share(five_places: Region, straight_road: Network) -> None:
    demand = five_places.demand.assign(population=[100.0, 80.0, 60.0, 0.0, 0.0])
    block = summary(replace(five_places, demand=demand), straight_road)["common"]["jurisdictions"]["B"]
    assert (block["population"], block["alone"]["covered_share"], block["alone"]["median_s"]) == (
        0.0,
        None,
        None,
    )


def keys_of_nulls(value: Any, key: str = "") -> set[str]:
    if isinstance(value, dict):
        return {found for name, item in value.items() for found in keys_of_nulls(item, name)}
    if isinstance(value, list):
        return {found for item in value for found in keys_of_nulls(item, key)}
    return {key} if value is None else set()


@pytest.mark.parametrize("cutoff_s", [1800.0, 480.0])
def test_every_null_is_explained(cutoff_s: float, five_places: Region, straight_road: Network) -> None:
    region = replace(five_places, parameters=replace(five_places.parameters, cutoff_s=cutoff_s))
    found = summary(region, straight_road)
    numbers = {key: found[key] for key in ("headline", "common", "local", "gaps", "standard")}
    nulls = keys_of_nulls(numbers)
    assert nulls
    assert nulls <= set(NULL_MEANS)
