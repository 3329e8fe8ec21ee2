"""From people to vehicles and release curves, worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutualaid.data import EvacuationCase
from mutualaid.errors import EvacuationError
from mutualaid.evacuation import mobilised, vehicles
from mutualaid.evacuation._vehicles import bus_waves, release

CURVE = ((0.0, 0.0), (30.0, 0.5), (60.0, 1.0))


def test_cars_buses_and_who_is_left() -> None:
    case = EvacuationCase(persons_per_vehicle=2.5, without_car=0.2, buses=3, bus_seats=40, bus_turns=2)
    found = vehicles(pd.Series({"hill": 1000.0, "quay": 500.0}), case=case)
    assert found["by_car"].tolist() == [800, 400]
    assert found["cars"].tolist() == [320, 160]
    # 200 and 100 people need seats: two buses and one; each takes 40 people twice.
    assert found["buses"].tolist() == [2, 1]
    assert found["by_bus"].tolist() == [160, 80]
    assert found["journeys"].tolist() == [4, 2]
    assert found["left_behind"].tolist() == [40, 20]


def test_a_bus_more_goes_where_the_rest_of_a_fair_share_is_largest() -> None:
    case = EvacuationCase(without_car=1.0, buses=5)
    found = vehicles(pd.Series({"a": 46.0, "b": 34.0, "c": 20.0}), case=case)
    assert found["buses"].tolist() == [2, 2, 1]  # fair: 2.3, 1.7, 1.0


def test_without_people_there_are_no_buses() -> None:
    found = vehicles(pd.Series({"a": 0.0}), case=EvacuationCase(buses=5))
    assert list(found.loc["a"]) == [0.0] * 7


def test_people_that_are_no_number_are_refused() -> None:
    with pytest.raises(EvacuationError, match="nan for b"):
        vehicles(pd.Series({"a": 1.0, "b": np.nan}), case=EvacuationCase())


@given(
    people=st.lists(st.floats(0, 5000), min_size=1, max_size=6),
    buses=st.integers(0, 40),
    turns=st.integers(1, 4),
    without=st.floats(0, 1),
)
def test_nobody_is_lost_and_no_bus_is_in_two_places(
    people: list[float], buses: int, turns: int, without: float
) -> None:
    case = EvacuationCase(without_car=without, buses=buses, bus_turns=turns)
    found = vehicles(pd.Series(people), case=case)
    total = found["by_car"] + found["by_bus"] + found["left_behind"]
    assert np.allclose(total, people)
    assert (found["left_behind"] >= -1e-9).all()
    assert found["buses"].sum() <= buses
    assert (found["by_bus"] <= found["buses"] * case.bus_seats * turns).all()
    assert (found["buses"] == np.floor(found["buses"])).all()


def test_mobilisation_is_linear_and_ends_with_all() -> None:
    assert mobilised(CURVE, [0, 900, 1800, 2700, 3600, 9999]).tolist() == [0, 0.25, 0.5, 0.75, 1, 1]
    assert mobilised(CURVE, [0, 60, 960], later_s=60.0).tolist() == [0, 0, 0.25]


def test_who_is_ready_at_once_is_so_after_the_way_to_the_junction() -> None:
    at_once = ((0.0, 1.0),)
    assert mobilised(at_once, [0.0]).tolist() == [1.0]
    assert mobilised(at_once, [0.0, 60.0, 61.0], later_s=60.0).tolist() == [0.0, 0.0, 1.0]


def test_release_curves_stand_on_common_times() -> None:
    cars = (np.array([[10.0], [4.0]]), np.array([[0.0], [60.0]]))
    release_s, released = release([cars], CURVE)
    assert release_s.tolist() == [0, 60, 1800, 1860, 3600, 3660]
    assert released[0].tolist() == pytest.approx([0, 10 / 60, 5, 5 + 5 / 30, 10, 10])
    assert released[1].tolist() == pytest.approx([0, 0, 2 - 2 / 30, 2, 4 - 2 / 30, 4])


def test_each_turn_of_a_bus_leaves_a_round_trip_later() -> None:
    case = EvacuationCase(buses=2, bus_seats=50, bus_turns=3, bus_pce=2.0)
    pce, later_s = bus_waves([230.0], [2.0], [1200.0], [60.0], case=case)
    assert pce.tolist() == [[4, 4, 2]]  # 100, 100 and 30 people: two, two and one bus
    assert later_s.tolist() == [[60, 1260, 2460]]
    release_s, released = release([(pce, later_s)], ((0.0, 0.0), (10.0, 1.0)))
    at = dict(zip(release_s.tolist(), released[0].tolist(), strict=True))
    assert [at[one] for one in (0, 60, 660, 1260, 1860, 2460, 3060)] == pytest.approx([0, 0, 4, 4, 8, 8, 10])


@given(
    counts=st.lists(st.floats(0, 300), min_size=1, max_size=4),
    later=st.integers(0, 5),
    shares=st.lists(st.floats(0, 1), min_size=1, max_size=3),
)
def test_nobody_is_ready_before_the_curve_says_so(
    counts: list[float], later: int, shares: list[float]
) -> None:
    curve = [(10.0 * k, one) for k, one in enumerate([*sorted(shares), 1.0])]
    late_s = np.full((len(counts), 1), 60.0 * later)
    release_s, released = release([(np.array(counts)[:, None], late_s)], curve)
    assert (np.diff(released, axis=1) >= 0).all()
    assert np.array_equal(released[:, -1], counts)
    # Between the corners too: the time at which the flow network lets the last of them go is never early.
    dense = np.linspace(0, release_s[-1], 200)
    for row, count in zip(released, counts, strict=True):
        between = np.interp(dense, release_s, row)
        true = count * mobilised(curve, dense, later_s=60.0 * later)
        assert (between <= true + 1e-9 + count * ((dense % 60) < 1.0)).all()
