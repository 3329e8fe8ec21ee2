"""Siting separately and jointly: prices worked out along one road.

Place i has 2 to the power of i people, so a sum of people says who they are. A new crew needs 80 s, and 240 s to the
next place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from mutualaid.coverage import Analysis, analyse
from mutualaid.data import Agreement, Region, demo_path, read_region
from mutualaid.errors import SitingError
from mutualaid.network import Network
from mutualaid.siting import SeparateJoint, candidates, separate_and_joint

STEP_M = 65_000 / 15
AlongRoad = Callable[..., tuple[Region, Network]]


def run(made: tuple[Region, Network]) -> Analysis:
    region, network = made
    return analyse(region, network=network)


def at(analysis: Analysis, steps: dict[str, float], cost: Sequence[float] | None = None) -> gpd.GeoDataFrame:
    points = gpd.GeoSeries.from_xy(
        [STEP_M * x for x in steps.values()], 0.0, index=list(steps), crs=analysis.network.crs
    )
    sites = gpd.GeoDataFrame(
        {"opening_cost": cost or [1.0] * len(steps)}, index=points.index, geometry=points
    )
    return candidates(analysis, sites=sites)


def told(both: SeparateJoint, column: str) -> dict[str, Any]:
    return {str(name): value for name, value in both.partners[column].items()}


def test_prices_by_hand(along_road: AlongRoad) -> None:
    """A has a station at 0 and places 0, 1, 2; B has 3, 4, 5. A may build at 2, B at 4, and each reaches one step."""
    analysis = run(along_road("AAABBB", {"sa": 0}))
    both = separate_and_joint(analysis, at(analysis, {"two": 2, "four": 4}), {"A": 1})
    assert both.unit == "stations"
    assert list(both.partners.index) == ["A", "B"]
    assert told(both, "budget") == {"A": 1, "B": 0}
    assert told(both, "population") == {"A": 1 + 2 + 4, "B": 8 + 16 + 32}
    assert told(both, "today_alone") == told(both, "today_joint") == {"A": 1 + 2, "B": 0}
    # A builds at 2 for its own place 2; jointly that station serves place 3 too; best for all is place 4.
    assert told(both, "separate") == {"A": 1 + 2 + 4, "B": 0}
    assert told(both, "separate_joint") == {"A": 1 + 2 + 4, "B": 8}
    assert told(both, "joint") == {"A": 1 + 2, "B": 8 + 16 + 32}
    assert told(both, "sites_separate") == {"A": "two", "B": ""}
    assert told(both, "sites_joint") == {"A": "", "B": "four"}
    assert both.separate["A"].opened == ("two",)
    assert both.separate["B"].opened == ()
    assert both.joint.opened == ("four",)
    assert both.price_people == 59 - 7
    assert both.price_siting == 59 - 15
    assert both.price_serving == 15 - 7
    assert (both.spent, both.needed, both.price) == (1, 1, 0)
    assert both.notes == ()


def test_one_joint_station_in_place_of_two(along_road: AlongRoad) -> None:
    """Within three steps, one station next to the border reaches all whom two would reach separately."""
    analysis = run(along_road("AAAAAABBB", {"sa": 0}, limit_s=800.0))
    both = separate_and_joint(analysis, at(analysis, {"five": 5, "six": 6}), {"A": 1, "B": 1})
    assert told(both, "separate") == {"A": 63, "B": 64 + 128 + 256}
    assert both.price_people == 0
    assert (both.spent, both.needed, both.price) == (2, 1, 1)
    assert told(both, "cost_separate") == {"A": 1, "B": 1}


def test_money_by_hand(along_road: AlongRoad) -> None:
    """The station at 4 is cheaper and reaches more: a joint team needs 3, not 5."""
    analysis = run(along_road("AAABBB", {"sa": 0}))
    sites = at(analysis, {"two": 2, "four": 4}, cost=[5.0, 3.0])
    both = separate_and_joint(analysis, sites, {"A": 5.5, "B": 2.5}, unit="money")
    assert told(both, "separate") == {"A": 7, "B": 0}
    assert told(both, "joint") == {"A": 7, "B": 56}
    assert told(both, "cost_joint") == {"A": 5, "B": 3}
    assert both.spent == 5
    assert both.needed == 3
    assert both.price == 2
    less = separate_and_joint(analysis, sites, {"A": 4.9, "B": 2.9}, unit="money")
    assert less.spent == less.needed == 0
    assert less.price_people == 56 - 0 if less.joint.opened == ("four",) else 0


def test_what_is_reached_today_needs_no_station(along_road: AlongRoad) -> None:
    """B's station reaches place 2 anyway; A builds there only because it is alone."""
    analysis = run(along_road("AAABBB", {"sa": 0, "sb": 3}))
    both = separate_and_joint(analysis, at(analysis, {"two": 2, "four": 4}), {"A": 1})
    assert told(both, "separate") == {"A": 7, "B": 8 + 16}
    assert told(both, "today_joint") == {"A": 7, "B": 8 + 16}
    assert (both.spent, both.needed, both.price) == (1, 0, 1)


def test_cost_shares_by_hand(along_road: AlongRoad) -> None:
    """A's new station adds place 2 of A and place 3 of B: credit for the latter is split between the two."""
    analysis = run(along_road("AAABBB", {"sa": 0}))
    both = separate_and_joint(analysis, at(analysis, {"two": 2}, cost=[12.0]), {"A": 1})
    shares = both.shares
    assert shares["shapley"].to_dict() == {"A": pytest.approx((4 + 4) / 12), "B": pytest.approx(4 / 12)}
    assert shares["people"].to_dict() == {"A": pytest.approx(4 / 12), "B": pytest.approx(8 / 12)}
    assert shares["use"].to_dict() == {"A": 0, "B": 1}
    assert shares["benefit"].to_dict() == {"A": 0, "B": 1}
    assert shares["stand_alone"].to_dict() == {"A": 1, "B": 0}
    assert shares["people_amount"].to_dict() == {"A": pytest.approx(4), "B": pytest.approx(8)}
    # Alone A pays 12 and B nothing: whoever lets B pay at all loses B.
    assert both.core["money_coalition"].to_dict() == {
        "shapley": "B", "people": "B", "use": "B", "benefit": "B", "stand_alone": "",
    }  # fmt: skip


def test_delays_and_agreements_count_at_their_levels(along_road: AlongRoad) -> None:
    """Alone an agreement changes nothing; jointly help that is called too late is none."""
    treaty = Agreement(id="t", parties=("A", "B"), mode="automatic", dispatch_delay_s=0.0)
    analysis = run(along_road("AAABBB", {"sa": 0}, treaty, dispatch_s=161.0))
    both = separate_and_joint(analysis, at(analysis, {"two": 2, "four": 4}), {"A": 1})
    assert told(both, "separate") == {"A": 7, "B": 0}
    # 80 + 240 + 161 s is a second too late.
    assert told(both, "separate_joint") == {"A": 7, "B": 0}
    assert told(both, "joint") == {"A": 3, "B": 56}


def test_a_partner_without_people_or_sites_has_no_plan(along_road: AlongRoad) -> None:
    region, network = along_road("AAB", {"sa": 0})
    analysis = analyse(region, network=network)
    both = separate_and_joint(analysis, at(analysis, {"two": 1}), {"A": 1})
    assert set(both.separate) == {"A"}
    assert told(both, "separate") == {"A": 3, "B": 0}
    assert told(both, "cost_separate") == {"A": 1 if both.separate["A"].opened else 0, "B": 0}


@pytest.fixture(scope="module")
def demo() -> Analysis:
    return analyse(read_region(demo_path()))


def test_the_demonstration(demo: Analysis) -> None:
    sites = candidates(demo, count=40)
    both = separate_and_joint(demo, sites, {"SDIS 06": 1, "Sapeurs-Pompiers de Monaco": 1})
    table = both.partners
    today = demo.coverage.groupby("partner")
    assert told(both, "population") == pytest.approx(today["population"].sum().to_dict())
    people = demo.coverage["population"].where(demo.coverage["alone_covered"], 0.0)
    assert told(both, "today_alone") == pytest.approx(
        people.groupby(demo.coverage["partner"]).sum().to_dict()
    )
    for less, more in (
        ("today_alone", "separate"), ("separate", "separate_joint"), ("today_joint", "separate_joint"),
    ):  # fmt: skip
        assert (table[less] <= table[more] + 1e-6).all()
    total = table.sum(numeric_only=True)
    assert total["joint"] >= total["separate_joint"] >= total["separate"]
    assert both.price_people == pytest.approx(both.price_siting + both.price_serving)
    for name, plan in both.separate.items():
        assert plan.status == "optimal"
        assert set(plan.table.sites["partner"]) <= {name}
        assert plan.value == pytest.approx(table.loc[name, "separate"])
    assert both.joint.value == pytest.approx(total["joint"])
    assert 0 <= both.needed <= both.spent <= 2
    known = both.shares[["shapley", "people", "stand_alone"]].sum()
    assert known.tolist() == pytest.approx([1, 1, 1])
    assert both.shares["people_amount"].sum() == pytest.approx(both.joint.cost)


def test_less_than_needed_is_not_enough(along_road: AlongRoad) -> None:
    """With a station less, or a little less money, the joint team reaches fewer than the separate plans."""
    chance = np.random.default_rng(5)
    analysis = run(along_road("AABBAABB", {"sa": 0}))
    steps = {f"n{i}": float(i) for i in range(8)}
    sites = at(analysis, steps, cost=chance.integers(3, 9, 8).astype(float).tolist())
    for budgets, unit in (({"A": 2, "B": 2}, "stations"), ({"A": 9.0, "B": 12.0}, "money")):
        both = separate_and_joint(analysis, sites, budgets, unit=unit)
        assert both.needed <= both.spent
        target = both.partners["separate"].sum()
        for more, enough in ((0.0, True), (-1.0, False)):
            most = both.needed + more
            again = separate_and_joint(analysis, sites, {"A": most}, unit=unit)
            assert (again.joint.value >= target) == enough


def test_what_cannot_be_asked(along_road: AlongRoad) -> None:
    analysis = run(along_road("AAB", {"sa": 0}))
    sites = at(analysis, {"n": 1})
    with pytest.raises(SitingError) as error:
        separate_and_joint(analysis, sites, {"A": 2, "B": -1, "C": 1})
    assert [one.where for one in error.value.defects] == ["budget of A", "budget of B", "budgets"]
    assert "a whole number up to 1, the partner's candidates; got 2" in str(error.value)
    with pytest.raises(SitingError, match="stations or money; got 'people'"):
        separate_and_joint(analysis, sites, {"A": 1}, unit="people")
    with pytest.raises(SitingError, match="money from 0 on; got nan"):
        separate_and_joint(analysis, sites, {"A": math.nan}, unit="money")
    assert isinstance(separate_and_joint(analysis, sites, {}).shares, pd.DataFrame)
