"""Sites, demand and times from anywhere: what is taken, what is completed, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mutualaid.errors import SitingError
from mutualaid.siting import SiteTable, site_table

SITES = ["north", "south"]
DEMAND = pd.DataFrame({"population": [500, 200, 0]}, index=["a", "b", "c"])
TIMES = np.array([[300.0, 900.0, 480.0], [700.0, 400.0, math.inf]])
LONG = pd.DataFrame(
    {
        "site": ["south", "south", "north", "north", "north"],
        "demand": ["b", "a", "c", "a", "b"],
        "seconds": [400, 700, 480, 300, 900],
    }
)


def table(**change: Any) -> SiteTable:
    given: dict[str, Any] = {"times": TIMES, "sites": SITES, "demand": DEMAND, "limit_s": 480} | change
    return site_table(**given)


def wrong(**change: Any) -> list[str]:
    """Place, expected and got of every defect; each has a remedy."""
    with pytest.raises(SitingError) as caught:
        table(**change)
    assert all(one.remedy for one in caught.value.defects)
    return [f"{one.where}: expected {one.expected}; got {one.got}" for one in caught.value.defects]


WIDE = pd.DataFrame(TIMES, index=SITES, columns=DEMAND.index)


@pytest.mark.parametrize(
    "times",
    [
        TIMES,
        TIMES.tolist(),
        WIDE,
        WIDE.loc[["south", "north"], ["c", "a", "b"]],
        LONG,
        LONG.assign(scenario=""),
        LONG.assign(scenario=None),
        {"": TIMES},
    ],
)
def test_every_form_of_times_gives_the_same_table(times: Any) -> None:
    found = table(times=times)
    assert list(found.seconds) == [""]
    np.testing.assert_array_equal(found.seconds[""], TIMES)
    assert found.unknown == 0


def test_scenarios_in_a_long_table_and_in_several_tables() -> None:
    flood = LONG.assign(scenario="flood", seconds=LONG["seconds"] + 100).iloc[1:]
    by_row = table(times=pd.concat([LONG.assign(scenario=""), flood]))
    slow = np.where(np.isinf(TIMES), np.inf, TIMES + 100)
    slow[1, 1] = math.inf
    by_name = table(times={"": WIDE, "flood": slow})
    for found in (by_row, by_name):
        assert list(found.seconds) == ["", "flood"]
        np.testing.assert_array_equal(found.seconds["flood"], slow)


def test_what_is_not_stated() -> None:
    found = table()
    assert found.sites.to_dict("list") == {
        "state": ["candidate"] * 2, "partner": [""] * 2, "opening_cost": [1.0] * 2, "closing_cost": [0.0] * 2,
        "capacity": [math.inf] * 2, "units": [1, 1],
    }  # fmt: skip
    assert found.demand.to_dict("list") == {
        "population": [500.0, 200.0, 0.0], "partner": [""] * 3, "jurisdiction": [""] * 3,
    }  # fmt: skip
    given = pd.DataFrame(
        {
            "state": ["fixed", None],
            "opening_cost": [math.nan, 7],
            "partner": pd.Categorical(["X", None]),
            "road": [3, 4],
        },
        index=SITES,
    )
    found = table(sites=given)
    assert found.sites["state"].tolist() == ["fixed", "candidate"]
    assert found.sites["opening_cost"].tolist() == [1.0, 7.0]
    assert found.sites["partner"].tolist() == ["X", ""]
    assert found.sites["road"].tolist() == [3, 4]
    assert found.existing.tolist() == [True, False]
    assert given["state"].isna().tolist() == [False, True], "inputs are never changed"


def test_inputs_are_not_changed() -> None:
    times, demand = TIMES.copy(), DEMAND.copy()
    times[0, 0] = math.nan
    found = table(times=times, demand=demand)
    assert math.isnan(times[0, 0])
    assert found.seconds[""][0, 0] == math.inf
    pd.testing.assert_frame_equal(demand, DEMAND)


def test_in_time_is_inclusive_and_inf_is_never_in_time() -> None:
    found = table()
    assert found.reach("").tolist() == [[True, False, True], [False, True, False]]
    assert found.reach("", 479.9).tolist() == [[True, False, False], [False, True, False]]
    assert found.reach("", math.inf).tolist() == [[True, True, True], [True, True, False]]
    assert table(limit_s=math.inf).reach("").tolist() == [[True, True, True], [True, True, False]]


def test_unknown_times_count_as_nobody_and_are_counted() -> None:
    times = TIMES.copy()
    times[1, 1] = math.nan
    found = table(times={"": times, "flood": np.full((2, 3), math.nan)})
    assert found.unknown == 7
    assert found.seconds[""][1, 1] == math.inf
    assert not found.reach("flood", math.inf).any()
    long = LONG.astype({"seconds": float})
    long.loc[0, "seconds"] = math.nan
    assert table(times=long).unknown == 1, "a pair that is not in the table is no unknown one"


def test_all_defects_at_once() -> None:
    sites = pd.DataFrame(
        {"state": ["open", "fixed"], "opening_cost": [-1, 1], "closing_cost": [0, "much"], "units": [1.5, 1]},
        index=SITES,
    )
    demand = DEMAND.assign(population=[500, math.nan, -3])
    found = wrong(sites=sites, demand=demand, limit_s=math.nan, times=-TIMES)
    assert found == [
        "site north: expected opening_cost a number from 0 on; got -1",
        "site south: expected closing_cost a number from 0 on; got much",
        "site north: expected units a whole number from 1 on; got 1.5",
        "site north: expected state one of fixed, closable, movable, candidate; got 'open'",
        "demand b: expected population a number from 0 on; got nan",
        "demand c: expected population a number from 0 on; got -3.0",
        "limit_s: expected seconds from 0 on; got nan",
        "times: expected no negative time; got -300 from north to a, -900 from north to b and 4 more",
    ]


def test_many_defects_of_one_kind_are_counted() -> None:
    demand = pd.DataFrame({"population": [-1.0] * 25}, index=[f"d{k}" for k in range(25)])
    found = wrong(demand=demand, times=np.zeros((2, 25)))
    assert len(found) == 11
    assert found[-1] == "demand: expected population a number from 0 on; got 15 more like it"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"sites": []}, "site: expected at least one; got none"),
        ({"demand": DEMAND.iloc[:0]}, "demand: expected at least one; got none"),
        ({"sites": ["north", "north"]}, "site: expected each id once; got north again"),
        ({"demand": DEMAND.set_axis(["a", "a", "c"])}, "demand: expected each id once; got a again"),
        ({"demand": DEMAND.set_axis(["a", None, "c"])}, "demand: expected an id for each; got 1 without one"),
        ({"demand": DEMAND[[]]}, "demand: expected a column population; got none"),
        (
            {"demand": pd.concat([DEMAND, DEMAND], axis=1)},
            "demand: expected each column once; got population again",
        ),
        (
            {"demand": DEMAND.assign(population=math.inf)},
            "demand a: expected population a number from 0 on; got",
        ),
        ({"limit_s": -1}, "limit_s: expected seconds from 0 on; got -1"),
        ({"times": {}}, "times: expected at least one table; got none"),
        ({"times": TIMES.T}, "times: expected shape (2, 3): sites, demand; got (3, 2)"),
        ({"times": {"flood": TIMES.T}}, "times flood: expected shape (2, 3): sites, demand; got (3, 2)"),
        ({"times": [[1, 2, "far"], [1, 2, 3]]}, "times: expected numbers; got could not convert"),
        ({"times": WIDE.rename({"south": "sud"})}, "times: expected ids of site; got sud"),
        ({"times": WIDE.rename({"south": "sud"})}, "times: expected each site; got none for south"),
        ({"times": WIDE.drop(columns="c")}, "times: expected each demand; got none for c"),
        ({"times": WIDE.iloc[[0, 0, 1]]}, "times, sites: expected each id once; got north again"),
        ({"times": LONG.replace({"demand": {"c": "d"}})}, "times: expected ids of demand; got d"),
        ({"times": LONG.replace({"site": {"north": "n"}})}, "times: expected ids of site; got n"),
        (
            {"times": pd.concat([LONG, LONG.iloc[:2]])},
            "times: expected each pair once; got 2 again, such as south to b",
        ),
        ({"times": LONG.assign(seconds="soon")}, "times: expected numbers; got soon"),
        (
            {"times": pd.concat([LONG, LONG[["demand"]]], axis=1)},
            "times: expected each column once; got demand again",
        ),
        (
            {"times": LONG.assign(seconds=-LONG["seconds"], scenario="flood")},
            "times flood: expected no negative time; got -300 from north to a",
        ),
    ],
)
def test_what_is_refused(change: dict[str, Any], expected: str) -> None:
    assert any(one.startswith(expected) for one in wrong(**change)), wrong(**change)


def test_the_message_names_known_ids_and_a_remedy() -> None:
    with pytest.raises(SitingError, match=r"Remedy: correct the id, or leave it out; ids are north, south\."):
        table(times=WIDE.rename({"south": "sud"}))
