"""Calls a year to be expected: what is kept, what is drawn towards the usual, and whether that is nearer the truth."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import integrate, stats

from mutualaid.coverage import analyse
from mutualaid.data import STAMPS, Region
from mutualaid.errors import IncidentError
from mutualaid.incidents import call_rates, expected_calls, incident_places
from mutualaid.network import Network

Maker = Callable[..., tuple[Region, Network]]
DAY_S = 86_400.0


def with_calls(
    region: Region, points: Sequence[shapely.Point], days: Sequence[float] | None = None
) -> Region:
    """Add a record: one call at each point, by default one a day; nothing of it but t2 is known."""
    start = pd.Timestamp("2024-01-01", tz="UTC")
    after = range(len(points)) if days is None else days
    frame = pd.DataFrame({"incident": [f"{k}" for k in range(len(points))]})
    for name in ("unit", "station", "type"):
        frame[name] = ""
    frame["service"] = "fire"
    for name in STAMPS:
        known = name == "t2"
        values = [start + pd.Timedelta(seconds=DAY_S * day) if known else pd.NaT for day in after]
        frame[name] = pd.Series(values, dtype="datetime64[ms, UTC]")
    frame["offset_min"] = 60.0
    index = pd.Index([f"I{k}" for k in range(len(points))], name="id", dtype="str")
    return replace(
        region, incidents=gpd.GeoDataFrame(frame.set_axis(index), geometry=list(points), crs=region.crs)
    )


def grid(people: NDArray[np.float64], lands: Sequence[str]) -> Region:
    """A region of places 1 km apart on a line, each land a strip of it; without roads."""
    n = len(people)
    x = 1000.0 * np.arange(n)
    names = list(dict.fromkeys(lands))
    spans = {name: [x[k] for k in range(n) if lands[k] == name] for name in names}
    polygons = [shapely.box(min(at) - 500, -500, max(at) + 500, 500) for at in spans.values()]
    jurisdictions = gpd.GeoDataFrame(
        {"name": names, "partner": names}, geometry=polygons, index=pd.Index(names, name="id"), crs=32632
    )
    demand = gpd.GeoDataFrame(
        {"population": people, "jurisdiction": list(lands)},
        geometry=gpd.points_from_xy(x, np.zeros(n)),
        index=pd.Index([f"d{k}" for k in range(n)], name="id"),
        crs=32632,
    )
    nothing = gpd.GeoDataFrame(geometry=[], crs=32632)
    return Region(
        name="Grid", folder=None, crs=demand.crs, jurisdictions=jurisdictions, stations=nothing,  # type: ignore[arg-type]
        units=pd.DataFrame(), demand=demand, cell_m=None, hospitals=nothing, network_files=(),
    )  # fmt: skip


def at_places(region: Region, calls: Sequence[int]) -> Region:
    points = region.demand.geometry.to_numpy()
    return with_calls(region, [points[k] for k, number in enumerate(calls) for _ in range(number)])


# --- where calls belong -------------------------------------------------------------------------------------


def test_calls_belong_to_the_nearest_place_of_their_own_land() -> None:
    """The border lies at 1500 m: 10 m beyond it the call is of the other land, though both places are as near."""
    region = grid(np.array([10.0, 20.0, 30.0, 40.0]), "AABB")
    region = with_calls(
        region, [shapely.Point(x, y) for x, y in ((1490, 0), (1510, 0), (100, 300), (3000, 700))]
    )
    found = incident_places(region)
    assert found["demand"].tolist()[:3] == ["d1", "d2", "d0"]
    assert pd.isna(found["demand"].iloc[3])
    assert found["reason"].tolist() == ["", "", "", "far"]
    assert found["distance_m"].tolist()[:3] == pytest.approx([490, 490, math.hypot(100, 300)])
    assert incident_places(region, near_m=701)["reason"].tolist() == [""] * 4
    assert call_rates(region, years=1).attrs["left_out"] == 1


def test_of_two_places_that_are_as_near_the_first_is_taken() -> None:
    region = grid(np.array([10.0, 20.0, 30.0]), "AAA")
    region = with_calls(region, [shapely.Point(500, 0), shapely.Point(1500, 0)])
    assert incident_places(region)["demand"].tolist() == ["d0", "d1"]


def test_a_place_of_another_land_is_better_than_none() -> None:
    region = grid(np.array([10.0, 20.0]), "AB")
    moved = region.demand.set_geometry([shapely.Point(0, 0), shapely.Point(700, 0)], crs=region.crs)
    region = with_calls(replace(region, demand=moved), [shapely.Point(450, 0), shapely.Point(490, -490)])
    # Both lie in A, whose place is 450 m and 693 m away; the second is near the place of B only with a larger limit.
    assert incident_places(region)["demand"].tolist()[0] == "d0"
    assert incident_places(region, near_m=600)["demand"].tolist() == ["d0", "d1"]


def test_all_units_of_an_incident_are_one_call() -> None:
    region = grid(np.array([10.0, 20.0]), "AB")
    region = at_places(region, [2, 1])
    rows = region.incidents.assign(incident=["x", "x", ""])
    rows.loc["I0", "t2"] = pd.NaT
    rows.loc["I1", "t4"] = pd.Timestamp("2024-02-01", tz="UTC")
    found = incident_places(replace(region, incidents=rows))
    assert found.index.tolist() == ["I0", "I2"]
    # The call of x is known from its other unit, at the first point of the clock that anybody stated.
    assert found["called"].iloc[0] == pd.Timestamp("2024-01-02", tz="UTC")


# --- rates --------------------------------------------------------------------------------------------------


def oracle(calls: NDArray[np.float64], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """Posterior means with scipy's negative binomial, integrated over the shape; their sum is that of the calls."""

    def likelihood(log_shape: float) -> float:
        a = math.exp(log_shape)
        return float(np.exp(np.sum(stats.nbinom.logpmf(calls, a, a / (a + expected))) + 25))

    ends = math.log(0.05), math.log(1000)
    total = integrate.quad(likelihood, *ends, limit=200)[0]
    mean = np.empty(len(calls))
    for k, (y, e) in enumerate(zip(calls, expected, strict=True)):

        def part(log_shape: float, y: float = y, e: float = e) -> float:
            a = math.exp(log_shape)
            return likelihood(log_shape) * e * (a + y) / (a + e)

        mean[k] = integrate.quad(part, *ends, limit=200)[0] / total
    return np.asarray(mean * calls.sum() / mean.sum())


def test_rates_are_those_of_an_independent_fit() -> None:
    people = np.array([100.0, 200, 300, 400, 500, 600, 700, 800])
    calls = np.array([9.0, 0, 1, 12, 2, 0, 20, 3])
    region = at_places(grid(people, "A" * 8), calls.astype(int).tolist())
    rates = call_rates(region, years=2, prior="region")
    expected = people * calls.sum() / people.sum()
    assert rates["calls_year"].to_numpy() == pytest.approx(oracle(calls, expected) / 2, rel=1e-3)
    assert rates["calls"].tolist() == calls.tolist()
    # What happened lies on the other side of what is expected than what is usual: between, never beyond.
    usual, seen, said = expected / 2, calls / 2, rates["calls_year"].to_numpy()
    inside = (said >= np.minimum(usual, seen) * 0.99) & (said <= np.maximum(usual, seen) * 1.01)
    assert inside.all()


@given(
    st.lists(
        st.tuples(st.integers(0, 500), st.integers(0, 9), st.sampled_from("ABC")), min_size=1, max_size=9
    ),
    st.sampled_from(["jurisdiction", "region"]),
)
@settings(max_examples=40, deadline=None)
def test_as_many_calls_are_expected_as_there_were(rows: list[tuple[int, int, str]], prior: str) -> None:
    rows = sorted(rows, key=lambda one: one[2])
    people, calls, lands = zip(*rows, strict=True)
    region = grid(np.array(people, dtype=float), "".join(lands))
    if not sum(calls):
        with pytest.raises(IncidentError, match="none of them near"):
            call_rates(at_places(region, calls), years=1)
        return
    rates = call_rates(at_places(region, calls), years=4, prior=prior)
    assert rates["calls_year"].sum() == pytest.approx(sum(calls) / 4)
    assert (rates["low"] <= rates["calls_year"] * (1 + 1e-9)).all()
    assert (rates["high"] >= rates["calls_year"] * (1 - 1e-9)).all()
    empty = np.array(people) == 0
    # Nothing is usual where nobody lives: what happened there stays, and elsewhere nobody is beyond any call.
    assert rates["calls_year"][empty].to_numpy() == pytest.approx(np.array(calls)[empty] / 4)
    if np.array(calls)[~empty].sum():
        assert (rates["calls_year"][~empty] > 0).all()


def test_a_land_without_a_call_is_not_without_risk() -> None:
    region = at_places(grid(np.full(40, 100.0), "A" * 36 + "BBBB"), [1] * 36 + [0] * 4)
    rates = call_rates(region, years=1)
    assert 0 < rates["calls_year"].iloc[-1] < rates["calls_year"].iloc[0]


def test_shrunk_rates_are_nearer_to_the_truth_and_their_intervals_hold_it() -> None:
    """Two hundred places, two years, rates that vary as a gamma distribution: the record and people alone err more."""
    random = np.random.default_rng(11)
    errors = np.zeros((20, 3))
    held = []
    for number in range(20):
        people = random.lognormal(4, 1, 200)
        truth = people * 0.01 * random.gamma(2.0, 0.5, 200)
        calls = random.poisson(2 * truth)
        rates = call_rates(at_places(grid(people, "A" * 200), calls.tolist()), years=2)
        alike = people * calls.sum() / people.sum() / 2
        for column, guess in enumerate((rates["calls_year"].to_numpy(), calls / 2, alike)):
            errors[number, column] = ((guess - truth) ** 2).sum()
        held.append(((rates["low"] <= truth) & (truth <= rates["high"])).mean())
    mean = errors.mean(axis=0)
    assert mean[0] < 0.8 * mean[1]
    assert mean[0] < 0.8 * mean[2]
    # Somewhat less than 95 %, because the usual rate is itself estimated.
    assert 0.9 < np.mean(held) < 0.97


def test_where_all_are_alike_people_decide() -> None:
    """As many calls as people say, exactly: the rates differ no more than people do."""
    people = np.array([100.0, 200, 400, 800])
    rates = call_rates(at_places(grid(people, "AAAA"), [1, 2, 4, 8]), years=1)
    assert rates["calls_year"].to_numpy() == pytest.approx(people / 100, rel=1e-3)


def test_length_of_the_record() -> None:
    """A call each day for a year: the last interval counts too. A short record says nothing of a year."""
    region = grid(np.array([100.0]), "A")
    assert call_rates(at_places(region, [366]))["years"].iloc[0] == pytest.approx(366 / 365.25)
    with pytest.raises(IncidentError, match="at least 30 days"):
        call_rates(at_places(region, [20]))
    assert call_rates(at_places(region, [20]), years=0.5)["calls_year"].tolist() == pytest.approx([40])


def test_what_cannot_be_is_refused() -> None:
    region = at_places(grid(np.array([100.0]), "A"), [3])
    with pytest.raises(IncidentError) as error:
        call_rates(region, years=0, prior="land")
    assert [one.where for one in error.value.defects] == ["years", "prior"]
    with pytest.raises(IncidentError, match="metres above 0"):
        incident_places(region, near_m=0)
    with pytest.raises(IncidentError, match="0 calls, none of them near"):
        call_rates(grid(np.array([100.0]), "A"))


def test_calls_in_time_by_hand(along_road: Maker) -> None:
    """A station at place 0 reaches places 0 and 1 in time, one of B at 3 reaches 2 and 3; people are 1, 2, 4, 8.

    Alone, the place 2 of A is late: of calls at 10, 20, 30 and 40 a year that leaves 70; together all are in time.
    """
    region, network = along_road("AAAB", {"sa": 0, "sb": 3})
    run = analyse(region, network=network)
    rates = pd.DataFrame({"calls_year": [10.0, 20.0, 30.0, 40.0]}, index=region.demand.index)
    found = expected_calls(run, rates)
    assert found.index.tolist() == [(a, b) for a in ("alone", "joint") for b in ("", "A", "B")]
    assert found["calls_year"].tolist() == [100, 60, 40, 100, 60, 40]
    assert found["in_time"].tolist() == [70, 30, 40, 100, 60, 40]
    assert found["share"].tolist() == pytest.approx([0.7, 0.5, 1, 1, 1, 1])
    nobody = expected_calls(run, rates.assign(calls_year=[1.0, 0, 0, 0]))
    assert nobody["share"].isna().to_dict()["alone", "B"]
