"""Vehicle profiles, and driving times by hand."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutualaid.errors import NetworkError
from mutualaid.network import PROFILES, ROAD_CLASSES, Network, edge_times, profile

Draw = Callable[..., Network]
HERE, THERE = (0.0, 0.0), (650.0, 0.0)


def drive_ms(network: Network, name: str, **changes: object) -> list[int]:
    vehicle = replace(profile(name), **changes)  # type: ignore[arg-type]
    return [int(ms) for ms in edge_times(network, vehicle).drive_ms]


@pytest.mark.parametrize("name", PROFILES)
def test_every_default_has_a_source(name: str) -> None:
    vehicle = profile(name)
    values = set(vehicle.__dataclass_fields__) - {"name", "label", "source"}
    assert set(vehicle.source) == values
    assert all(vehicle.source.values())
    assert set(vehicle.speed_kph) <= set(ROAD_CLASSES)


def test_switches_of_the_built_in_profiles() -> None:
    car, engine = profile("civilian"), profile("fire_engine")
    assert (car.obeys_maxspeed, car.ignores_oneway, car.ignores_access, car.ignores_turns) == (True,) + (
        False,
    ) * 3
    assert (engine.obeys_maxspeed, engine.ignores_oneway, engine.ignores_access) == (False, True, True)
    assert (engine.ignores_turns, engine.ignores_u_turns) == (True, True)


def test_time_is_length_by_class_speed(draw: Draw) -> None:
    network = draw([HERE, THERE], [(0, 1, {"class": "primary"})])
    assert drive_ms(network, "fire_engine") == [36_000, 36_000]  # 650 m at 65 km/h


def test_times_are_rounded_half_up(draw: Draw) -> None:
    network = draw([HERE, (0.0125, 0.0)], [(0, 1, {"class": "motorway"})])
    assert drive_ms(network, "fire_engine") == [1, 1]  # 0.5 ms at 25 m/s
    network = draw([HERE, (0.012, 0.0)], [(0, 1, {"class": "motorway"})])
    assert drive_ms(network, "fire_engine") == [0, 0]


def test_only_a_profile_that_obeys_is_slowed_by_the_limit(draw: Draw) -> None:
    limits = {"class": "primary", "maxspeed_forward_kph": 30.0, "maxspeed_backward_kph": math.inf}
    network = draw([HERE, THERE], [(0, 1, limits)])
    assert drive_ms(network, "civilian") == [78_000, 36_000]  # 30 km/h one way, the class speed the other
    assert drive_ms(network, "fire_engine") == [36_000, 36_000]


@pytest.mark.parametrize(
    ("oneway", "legal", "slowly"),
    [
        (1, [36_000, -1], [36_000, 156_000]),
        (-1, [-1, 36_000], [156_000, 36_000]),
        (0, [36_000] * 2, [36_000] * 2),
    ],
)
def test_oneway_binds_or_slows_those_who_may_ignore_it(
    draw: Draw, oneway: int, legal: list[int], slowly: list[int]
) -> None:
    network = draw([HERE, THERE], [(0, 1, {"class": "primary", "oneway": oneway})])
    assert drive_ms(network, "civilian") == legal
    assert drive_ms(network, "fire_engine", ignores_oneway=False) == legal
    assert drive_ms(network, "fire_engine") == slowly, "650 m at 15 km/h"


def test_nobody_is_faster_against_the_traffic_than_with_it(draw: Draw) -> None:
    network = draw([HERE, (100.0, 0.0)], [(0, 1, {"class": "living_street", "oneway": 1})])
    assert drive_ms(network, "fire_engine") == [36_000, 36_000]


@pytest.mark.parametrize("name", ["motorway", "motorway_link", "trunk", "trunk_link"])
def test_nobody_drives_against_a_motorway_or_trunk_road(draw: Draw, name: str) -> None:
    network = draw([HERE, THERE], [(0, 1, {"class": name, "oneway": 1})])
    with_traffic, against = drive_ms(network, "fire_engine")
    assert with_traffic > 0
    assert against == -1


@pytest.mark.parametrize(
    ("access", "car", "engine", "obedient_engine"),
    [
        ("yes", True, True, True),
        ("destination", True, True, True),
        ("private", False, True, False),
        ("no", False, True, False),
        ("emergency", False, True, True),
        ("closed", False, False, False),
    ],
)
def test_who_may_use_a_road(draw: Draw, access: str, car: bool, engine: bool, obedient_engine: bool) -> None:
    network = draw([HERE, THERE], [(0, 1, {"access": access})])
    assert (drive_ms(network, "civilian")[0] >= 0) == car
    assert (drive_ms(network, "fire_engine")[0] >= 0) == engine
    assert (drive_ms(network, "fire_engine", ignores_access=False)[0] >= 0) == obedient_engine


@pytest.mark.parametrize(
    ("column", "limit", "passes"),
    [
        ("max_height_m", 3.3, True),
        ("max_height_m", 3.29, False),
        ("max_weight_t", 16.0, True),
        ("max_weight_t", 15.9, False),
    ],
)
def test_height_and_weight_always_bind(draw: Draw, column: str, limit: float, passes: bool) -> None:
    network = draw([HERE, THERE], [(0, 1, {column: limit})])
    assert (drive_ms(network, "fire_engine")[0] >= 0) == passes


def test_class_without_a_speed_is_not_driven(draw: Draw) -> None:
    network = draw([HERE, THERE], [(0, 1, {"class": "track"})])
    assert drive_ms(network, "civilian") == [-1, -1]


def test_crossing_costs_nothing_itself(draw: Draw) -> None:
    network = draw([HERE, HERE], [(0, 1, {"crossing": 0, "class": "track", "access": "no"})])
    assert drive_ms(network, "civilian") == [0, 0]


def test_junction_delay_where_three_streets_meet_crossings_and_driveways_not_counted(draw: Draw) -> None:
    star = draw([HERE, (1, 0), (0, 1), (-1, 0), (0, 0)], [(0, 1), (0, 2), (0, 3), (0, 4, {"crossing": 0})])
    pair = draw([HERE, (1, 0), (0, 1), (0, 0)], [(0, 1), (0, 2), (0, 3, {"crossing": 0})])
    drive = draw([HERE, (1, 0), (0, 1), (0, 0)], [(0, 1), (0, 2), (0, 3, {"class": "service"})])
    split = draw([HERE, (1, 0), (0, 1), HERE, (2, 0)], [(0, 1), (0, 2), (0, 3, {"crossing": 0}), (3, 4)])
    slow = replace(profile("fire_engine"), junction_s=1.5)
    assert edge_times(star, slow).junction_ms.tolist() == [1500, 0, 0, 0, 1500]
    assert edge_times(pair, slow).junction_ms.tolist() == [0, 0, 0, 0]
    assert edge_times(drive, slow).junction_ms.tolist() == [0, 0, 0, 0]
    assert edge_times(split, slow).junction_ms.tolist() == [1500, 0, 0, 1500, 0], "one junction"


@given(st.floats(1, 1e5), st.sampled_from(ROAD_CLASSES))
def test_ignoring_more_never_closes_a_road_or_slows_it(draw: Draw, length: float, name: str) -> None:
    network = draw([HERE, (length, 0.0)], [(0, 1, {"class": name, "oneway": 1, "access": "private"})])
    obedient = replace(profile("fire_engine"), ignores_access=False, ignores_oneway=False)
    strict = edge_times(network, obedient).drive_ms
    free = edge_times(network, profile("fire_engine")).drive_ms
    assert ((strict < 0) | (free == strict)).all()


def test_unknown_name_says_which_there_are() -> None:
    with pytest.raises(NetworkError, match="civilian, fire_engine, ambulance"):
        profile("bus")


def test_own_profile_takes_over_what_it_does_not_state(tmp_path: Path) -> None:
    file = tmp_path / "truck.toml"
    file.write_text(
        '[tanker]\nbased_on = "fire_engine"\nweight_t = 26\nspeed_kph.primary = 50\nspeed_kph.track = 0\n'
    )
    tanker = profile(file)
    assert (tanker.name, tanker.weight_t, tanker.height_m) == ("tanker", 26.0, 3.3)
    assert (tanker.speed_kph["primary"], tanker.speed_kph["secondary"]) == (50.0, 55.0)
    assert "track" not in tanker.speed_kph
    assert tanker.kinds == profile("fire_engine").kinds


def test_all_defects_of_an_own_profile_are_named_at_once(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(
        '[bad]\nobeys_maxspeed = "yes"\njunction_s = -1\nheight_m = nan\n'
        'colour = "red"\nkinds = "hgv"\nsource = 3\n'
        "[bad.speed_kph]\nmotorweg = 90\nprimary = 900\n"
    )
    with pytest.raises(NetworkError) as caught:
        profile(file)
    where = {defect.where for defect in caught.value.defects}
    keys = (
        "obeys_maxspeed",
        "junction_s",
        "height_m",
        "weight_t",
        "colour",
        "kinds",
        "source",
        "ignores_turns",
    )
    assert {f"[bad] {key}" for key in keys} <= where
    assert [d.got for d in caught.value.defects if d.where == "[bad] speed_kph"] == [
        "motorweg = 90",
        "primary = 900",
    ]
    assert all(defect.file == "bad.toml" and defect.remedy for defect in caught.value.defects)


@pytest.mark.parametrize(
    "text", ["", "not toml", "name = 1", "[a]\n[b]\n", '[a]\nbased_on = "tank"\n', "[a]\nbased_on = [1]\n"]
)
def test_file_that_is_no_profile_has_one_clear_message(tmp_path: Path, text: str) -> None:
    file = tmp_path / "odd.toml"
    file.write_text(text)
    with pytest.raises(NetworkError, match=r"odd\.toml") as caught:
        profile(file)
    assert len(caught.value.defects) == 1


def test_missing_profile_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match=r"gone\.toml"):
        profile(tmp_path / "gone.toml")


def test_edge_times_leave_the_network_as_it_was(draw: Draw) -> None:
    network = draw([HERE, THERE], [(0, 1, {"max_height_m": 1.9, "access": "private"})])
    before = network.roads.copy()
    edge_times(network, profile("civilian"))
    assert network.roads.equals(before)
    assert np.array_equal(network.road_offset, [0, 2])


def test_a_profile_travels_between_processes() -> None:
    engine = profile("fire_engine")
    there = pickle.loads(pickle.dumps(engine))
    assert there == engine
    with pytest.raises(TypeError):
        there.speed_kph["primary"] = 1.0


def test_many_roads_take_what_each_takes(draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    """Times are worked out for some roads at a time."""
    kinds = ["primary", "residential", "motorway", "service"]
    columns = [{"class": kind, "oneway": way} for kind in kinds for way in (0, 1, -1)]
    network = draw([HERE, THERE], [(0, 1, one) for one in columns])
    at_once = edge_times(network, profile("civilian"))
    monkeypatch.setattr("mutualaid.network._profiles._CHUNK", 5)
    in_parts = edge_times(network, profile("civilian"))
    assert len(set(at_once.drive_ms.tolist())) > 4
    assert in_parts.drive_ms.tolist() == at_once.drive_ms.tolist()
    assert in_parts.drive_ms.dtype == at_once.drive_ms.dtype
