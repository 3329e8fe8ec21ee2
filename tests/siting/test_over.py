"""Rules over scenarios: worked by hand, ordered as they must be, and never better than each scenario's own optimum."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mutualaid.siting import RULES, Choice, Over, Plan, SiteTable, mclp, site_table
from mutualaid.siting._people._tail import Tail

IN, OUT = 300.0, 900.0


def three_scenarios() -> SiteTable:
    """One station: s0 reaches 100, 0, 50; s1 60, 60, 30; s2 40, 90, 20 in scenarios a, b, c."""
    people = np.array([100.0, 60.0, 50.0, 40.0, 90.0, 30.0, 20.0])
    reaches: dict[str, list[int | None]] = {"a": [0, 1, 3], "b": [None, 1, 4], "c": [2, 5, 6]}
    seconds = {
        name: [[IN if point == of else OUT for point in range(len(people))] for of in points]
        for name, points in reaches.items()
    }
    return site_table(seconds, ["s0", "s1", "s2"], pd.DataFrame({"population": people}), limit_s=480)


def in_time(plan: Plan, weather: str) -> float:
    return float(
        plan.table.weight[(plan.table.seconds[weather][plan.is_open] <= plan.table.limit_s).any(axis=0)].sum()
    )


def both(table: SiteTable, choice: Choice, over: Over) -> Plan:
    plan, plain = (mclp(table, choice, over=over, reduce=reduce) for reduce in (True, False))
    assert plan.value == pytest.approx(plain.value)
    assert plan.status == plain.status == "optimal"
    return plan


@pytest.mark.parametrize(
    ("over", "site", "value"),
    [
        # Means: 50, 50, 50 with equal weights.
        (Over({"a": 2, "b": 1, "c": 1}), "s0", 62.5),
        (Over({"a": 1, "b": 2, "c": 1}), "s2", 60.0),
        # The least: 0, 30, 20.
        (Over({"a": 1, "b": 1, "c": 1}, "worst"), "s1", 30.0),
        (Over({"a": 1, "b": 1}, "worst"), "s1", 60.0),
        # Lost against 100, 90, 50: s0 90, s1 40, s2 60.
        (Over({"a": 1, "b": 1, "c": 1}, "regret"), "s1", 40.0),
        (Over({"a": 1, "c": 1}, "regret"), "s0", 0.0),
        # The worst two thirds: s0 (0 + 50) / 2, s1 (30 + 60) / 2, s2 (20 + 40) / 2.
        (Over({"a": 1, "b": 1, "c": 1}, "cvar", 2 / 3), "s1", 45.0),
        # The worst half of a quarter, a half, a quarter: s0 0, s1 (30 + 60) / 2, s2 (20 + 40) / 2.
        (Over({"a": 1, "b": 2, "c": 1}, "cvar", 0.5), "s1", 45.0),
        (Over({"a": 1, "b": 1, "c": 1}, "cvar", 0.1), "s1", 30.0),
    ],
)  # fmt: skip
def test_worked_by_hand(over: Over, site: str, value: float) -> None:
    plan = both(three_scenarios(), Choice(add=1), over)
    assert plan.open == (site,)
    assert plan.value == pytest.approx(value)
    assert plan.bound == plan.value
    assert plan.maximise is (over.rule != "regret")


def test_a_tail_of_all_is_the_mean_and_of_nearly_nothing_the_worst() -> None:
    table, weights = three_scenarios(), {"a": 2.0, "b": 1.0, "c": 1.0}
    mean = both(table, Choice(add=1), Over(weights))
    assert both(table, Choice(add=1), Over(weights, "cvar", 1.0)).value == pytest.approx(mean.value)
    worst = both(table, Choice(add=1), Over(weights, "worst"))
    assert both(table, Choice(add=1), Over(weights, "cvar", 1e-3)).value == pytest.approx(worst.value)


def test_the_size_of_the_weights_does_not_matter() -> None:
    table = three_scenarios()
    for rule in RULES:
        one = mclp(table, Choice(add=1), over=Over({"a": 1, "b": 3}, rule))
        assert mclp(table, Choice(add=1), over=Over({"a": 10, "b": 30}, rule)).value == pytest.approx(
            one.value
        )


def test_a_site_that_is_lost_in_a_scenario_reaches_nobody_there() -> None:
    # s0 reaches 10 more, but it is lost in the flood, and of no use then.
    lost = {"": [[IN, IN], [IN, OUT]], "flood": [[np.inf, np.inf], [IN, OUT]]}
    table = site_table(lost, ["s0", "s1"], pd.DataFrame({"population": [100.0, 10.0]}), limit_s=480)
    assert both(table, Choice(add=1), Over()).open == ("s0",)
    assert both(table, Choice(add=1), Over({"": 1, "flood": 1})).open == ("s1",)
    assert both(table, Choice(add=1), Over({"": 20, "flood": 1})).open == ("s0",)
    plan = both(table, Choice(add=1), Over({"": 1, "flood": 1}))
    assert plan.notes == ("10 people at 1 point are reached by no site in flood, even if all were open.",)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_no_plan_beats_a_scenarios_own_and_rules_are_ordered(
    brute_force: ModuleType, data: st.DataObject
) -> None:
    table = data.draw(brute_force.tables())
    choice = data.draw(brute_force.choices(table))
    weather = {name: data.draw(st.sampled_from([0.5, 1.0, 3.0])) for name in table.seconds}
    own = {name: mclp(table, choice, over=Over({name: 1.0})).value for name in weather}
    share = {name: weight / sum(weather.values()) for name, weight in weather.items()}
    plans = {rule: mclp(table, choice, over=Over(weather, rule, 0.4)) for rule in RULES}
    for plan in plans.values():
        assert all(in_time(plan, name) <= own[name] + 1e-9 for name in weather)
    assert plans["expected"].value <= sum(share[name] * own[name] for name in weather) + 1e-9
    assert plans["worst"].value <= min(own.values()) + 1e-9
    assert plans["worst"].value <= plans["cvar"].value + 1e-9 <= plans["expected"].value + 2e-9
    lost = max(own[name] - in_time(plans["regret"], name) for name in weather)
    assert plans["regret"].value == pytest.approx(lost)
    assert all(
        lost <= max(own[name] - in_time(plan, name) for name in weather) + 1e-9 for plan in plans.values()
    )


@settings(max_examples=50)
@given(
    values=st.lists(st.integers(-50, 50), min_size=1, max_size=6),
    share=st.sampled_from([0.0, 0.2, 0.5, 0.7, 1.0]),
)
def test_a_tail_is_the_least_mean_of_its_weight(values: list[int], share: float) -> None:
    """Against its definition: the least mean under any weights that are no more than each has, over the share."""
    m = len(values)
    tail = Tail(np.eye(m), np.zeros(m), np.full(m, 1 / m), share)
    left, mean = 1.0, 0.0
    for value in sorted(values):
        part = min(left, 1 / m / share) if share else left
        mean, left = mean + part * value, left - part
    assert float(tail.value(np.array(values, dtype=float))) == pytest.approx(mean)
    many = tail.value(np.array([values, values[::-1]], dtype=float))
    assert many.tolist() == pytest.approx([mean, mean])


def plane(**more: Any) -> SiteTable:
    random = np.random.default_rng(11)
    x, y = random.random((30, 2)), random.random((300, 2))
    seconds = np.hypot(*(x[:, None, k] - y[None, :, k] for k in (0, 1))) * 480 / 0.2
    out = {f"s{k}": np.where(random.random(seconds.shape) < 0.3, np.inf, seconds) for k in range(4)}
    demand = pd.DataFrame({"population": random.integers(0, 100, 300), **more})
    return site_table({"": seconds, **out}, [f"s{k}" for k in range(30)], demand, limit_s=480)


@pytest.mark.parametrize("rule", RULES)
def test_reductions_change_nothing(rule: str) -> None:
    table = plane()
    both(table, Choice(add=4), Over(dict.fromkeys(table.seconds, 1.0), rule, 0.5))


@pytest.mark.parametrize("rule", ["regret", "worst"])
def test_when_time_is_up_the_bound_is_still_on_the_right_side(rule: str) -> None:
    table = plane()
    over = Over(dict.fromkeys(table.seconds, 1.0), rule)
    exact = mclp(table, Choice(add=5), over=over)
    short = mclp(table, Choice(add=5), over=over, time_limit_s=0.05)
    if short.maximise:
        assert short.value <= exact.value + 1e-9 <= short.bound + 2e-9
    else:
        assert short.value >= exact.value - 1e-9 >= short.bound - 2e-9
    with_more = replace(table, limit_s=table.limit_s * 1.2)
    if rule == "worst":
        assert mclp(with_more, Choice(add=5), over=over).value >= exact.value
