"""Every model finds, on small random questions, what the weighing of all plans finds."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mutualaid.errors import SitingError
from mutualaid.siting import (
    Over,
    Plan,
    alternatives,
    cmclp,
    dsm,
    lscp,
    mclp,
    mexclp,
    p_center,
    p_median,
)

Draw = Callable[[st.SearchStrategy[Any]], Any]
Bool = NDArray[np.bool_]
SHARES = st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.0])
examples = partial(settings, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Checked(NamedTuple):
    """A plan that was found to be best, every plan that it could have been, and what each is worth."""

    plan: Plan
    oracle: Any
    ok: Bool
    value: NDArray[np.float64]


def close(one: float, other: float) -> bool:
    return one == pytest.approx(other, rel=1e-7, abs=1e-7)


def agree(
    ask: Callable[[], Plan], oracle: Any, ok: Bool, *stages: NDArray[np.float64], maximise: bool,
    options: dict[str, Any], weathers: list[str], limit_s: float | None = None,
) -> Checked | None:  # fmt: skip
    """The plan is allowed, and best in all stages; its value is that of the last one. No plan: one clear error.

    In a hurry it need not be the best, or even the best in a stage before the last, but must say how good it may be.
    """
    *first, value = stages
    best, hurry = oracle.best(ok, *first, value if maximise else -value), "time_limit_s" in options
    try:
        plan = ask()
    except SitingError as error:
        wrong = {defect.where for defect in error.defects}
        if best.any() and not (hurry and wrong == {"time_limit_s"}):
            raise
        return None
    assert best.any(), f"{plan.units} is not what was asked for, as nothing is"
    row, most = oracle.row(plan.units), value[best][0]
    assert ok[row], f"{plan.units} is not fair, or does not do what it must"
    # In a hurry, a regret may be against more than is possible in a weather.
    is_regret = not maximise and (plan.model != "p_median" or any("regret" in note for note in plan.notes))
    unsure = hurry and is_regret and plan.value > value[row]
    assert unsure or close(plan.value, value[row]), f"{plan.units} is worth {value[row]}, not {plan.value}"
    assert plan.maximise is maximise
    assert plan.bound >= plan.value if maximise else plan.bound <= plan.value
    assert plan.cost == pytest.approx(oracle.cost[row])
    if not hurry or plan.status == "optimal":
        assert best[row], f"{oracle.units[best][0]} is worth {most}, {plan.units} only {plan.value}"
        assert plan.status == "optimal"
        assert close(plan.bound, most)
    elif not first:
        assert plan.status == "time limit"
        ahead = plan.bound - most if maximise else most - plan.bound
        assert ahead >= -1e-7 * max(1.0, abs(most)), f"{most} is beyond {plan.bound}"
    limit_s = oracle.table.limit_s if limit_s is None else limit_s
    left_out = [(~oracle.reachable(name, limit_s) & (oracle.table.weight > 0)).any() for name in weathers]
    assert len(plan.notes) >= sum(left_out), "nobody says that some are never reached"
    return Checked(plan, oracle, oracle.best(ok, *first) if first else ok, value)


def check_mclp(brute: Any, draw: Draw, **options: Any) -> Checked | None:
    table = draw(brute.tables())
    choice, over, fair = draw(brute.choices(table)), draw(brute.overs(table)), draw(brute.fairs(table))
    oracle, people, reduce = brute.Oracle(table, choice, fair), brute.Oracle.people, draw(st.booleans())
    ok = oracle.is_fair(over, people)
    first = oracle.worst_first(over, people).T if fair.worst_first else ()
    return agree(
        lambda: mclp(table, choice, over=over, fair=fair, reduce=reduce, **options), oracle, ok, *first,
        oracle.over(over, people, ok=ok), maximise=over.rule != "regret", options=options, weathers=list(over.weather),
    )  # fmt: skip


def check_mexclp(brute: Any, draw: Draw, **options: Any) -> Checked | None:
    table = draw(brute.tables(most_sites=5))
    per_site, busy = draw(st.integers(1, 3)), draw(st.sampled_from([0.3, 0.0, 0.5, 0.9, 0.99]))
    choice, over = draw(brute.choices(table, per_site=per_site)), draw(brute.overs(table))
    fair = draw(brute.fairs(table))
    oracle, reduce = brute.Oracle(table, choice, fair, per_site=per_site), draw(st.booleans())

    def expected(of: Any, weather: str, where: Bool | None) -> Any:
        return of.expected(weather, where, busy=busy)

    ok = oracle.is_fair(over, expected)
    first = oracle.worst_first(over, expected).T if fair.worst_first else ()
    return agree(
        lambda: mexclp(table, choice, busy=busy, per_site=per_site, over=over, fair=fair, reduce=reduce, **options),
        oracle, ok, *first, oracle.over(over, expected, ok=ok), maximise=over.rule != "regret",
        options=options, weathers=list(over.weather),
    )  # fmt: skip


def check_p_median(brute: Any, draw: Draw, **options: Any) -> Checked | None:
    table = draw(brute.tables())
    choice, over = draw(brute.choices(table)), draw(brute.overs(table))
    fair, share = draw(brute.fairs(table, worst_first=False)), draw(st.none() | SHARES)
    oracle, people, times = (
        brute.Oracle(table, choice, fair),
        brute.Oracle.people,
        brute.Oracle.weighted_times,
    )
    ok, least, reduce = oracle.is_fair(over, times, maximise=False, reached=people), None, draw(st.booleans())
    if share is not None:
        least = share * float(table.weight.sum())
        ok &= oracle.over(Over(over.weather), people) >= least - 1e-9
    ok &= np.all([np.isfinite(times(oracle, name)) for name in over.weather], axis=0)
    return agree(
        lambda: p_median(table, choice, over=over, fair=fair, cover_at_least=least, reduce=reduce, **options),
        oracle, ok, oracle.over(over, times, maximise=False, ok=ok), maximise=False,
        options=options, weathers=list(over.weather), limit_s=np.finfo(float).max,
    )  # fmt: skip


def some_weathers(draw: Draw, table: Any) -> list[str]:
    return list(draw(st.lists(st.sampled_from(list(table.seconds)), min_size=1, unique=True)))


def check_p_center(brute: Any, draw: Draw, **options: Any) -> Checked | None:
    table = draw(brute.tables())
    choice, weather, reduce = draw(brute.choices(table)), some_weathers(draw, table), draw(st.booleans())
    oracle = brute.Oracle(table, choice)
    value = np.max([oracle.longest(name) for name in weather], axis=0)
    return agree(
        lambda: p_center(table, choice, weather=weather, reduce=reduce, **options), oracle, value < np.inf, value,
        maximise=False, options=options, weathers=weather, limit_s=np.finfo(float).max,
    )  # fmt: skip


def check_lscp(brute: Any, draw: Draw, **options: Any) -> Checked | None:
    table = draw(brute.tables())
    choice, weather, reduce = draw(brute.choices(table)), some_weathers(draw, table), draw(st.booleans())
    oracle, backup = brute.Oracle(table, choice), draw(st.booleans())
    ok = np.all([oracle.reaches_all(name, table.limit_s) for name in weather], axis=0)
    stages = [-oracle.cost, oracle.people_in_each(weather, least=2)] if backup else [oracle.cost]
    return agree(
        lambda: lscp(table, choice, backup=backup, weather=weather, reduce=reduce, **options), oracle, ok, *stages,
        maximise=backup, options=options, weathers=weather,
    )  # fmt: skip


def check_dsm(brute: Any, draw: Draw, **options: Any) -> Checked | None:
    table = draw(brute.tables())
    choice, weather = draw(brute.choices(table)), draw(st.sampled_from(list(table.seconds)))
    wide_s, share, reduce = (
        draw(st.sampled_from([300.0, 400.0, 450.0, 700.0])),
        draw(SHARES),
        draw(st.booleans()),
    )
    oracle = brute.Oracle(table, choice)
    ok = oracle.reaches_all(weather, wide_s)
    ok &= oracle.people(weather) >= share * table.weight.sum() - 1e-9
    return agree(
        lambda: dsm(table, choice, wide_s=wide_s, share=share, weather=weather, reduce=reduce, **options), oracle, ok,
        oracle.people(weather, least=2), maximise=True, options=options, weathers=[weather], limit_s=wide_s,
    )  # fmt: skip


def check_cmclp(brute: Any, draw: Draw, **options: Any) -> Checked | None:
    table = draw(brute.tables())
    choice, weather = draw(brute.choices(table)), draw(st.sampled_from(list(table.seconds)))
    oracle, reduce = brute.Oracle(table, choice), draw(st.booleans())
    return agree(
        lambda: cmclp(table, choice, weather=weather, reduce=reduce, **options), oracle, oracle.cost >= 0,
        oracle.served(weather), maximise=True, options=options, weathers=[weather],
    )  # fmt: skip


MODELS = {
    "mclp": check_mclp,
    "mexclp": check_mexclp,
    "p_median": check_p_median,
    "p_center": check_p_center,
    "lscp": check_lscp,
    "dsm": check_dsm,
    "cmclp": check_cmclp,
}


def check_alternatives(checked: Checked | None, draw: Draw) -> None:
    """The plan first, then each the best of those that are far enough from all before, down to the share."""
    count, within = draw(st.integers(1, 6)), draw(st.sampled_from([0.0, 0.02, 0.2, 0.7]))
    differ, steps = draw(st.sampled_from([1, 1, 2, 3])), draw(st.sampled_from([0, 0, 1, 2]))
    if checked is None:
        return
    plan, oracle, ok, value = checked
    # Sites stand in a row, and far is what lies so many steps away.
    at = np.arange(oracle.units.shape[1])
    far = np.abs(at[:, None] - at) >= steps
    found = alternatives(plan, count=count, within=within, differ=differ, apart=far if steps else None)
    assert found[0] is plan
    best = value[oracle.row(plan.units)]
    room = within * abs(best) + 1e-9 * max(1.0, abs(best))
    left = ok & (value >= best - room if plan.maximise else value <= best + room)
    for one in found:
        row = oracle.row(one.units)
        assert left[row], f"{one.units} was given before, or is too near to one before, or not good enough"
        top = value[left].max() if plan.maximise else value[left].min()
        assert close(one.value, value[row]), f"{one.units} is worth {value[row]}, not {one.value}"
        assert close(value[row], top), f"{one.units} is worth {value[row]}, another {top}"
        assert close(one.bound, one.value)
        assert one.status == "optimal"
        left &= oracle.distance(one.units) >= differ
        if steps:
            opened = ~oracle.table.existing & (one.units > 0)
            left &= (oracle.units[:, ~oracle.table.existing & far[:, opened].all(axis=1)] > 0).any(axis=1)
    assert len(found) == count or not left.any(), f"there are more: {oracle.units[left][0]}"


@pytest.mark.parametrize("model", MODELS)
@examples(max_examples=80)
@given(data=st.data())
def test_nothing_is_better(model: str, brute_force: Any, data: st.DataObject) -> None:
    MODELS[model](brute_force, data.draw)


@pytest.mark.parametrize("model", MODELS)
@examples(max_examples=15)
@given(data=st.data())
def test_out_of_time_a_plan_says_how_good_it_may_be(
    model: str, brute_force: Any, data: st.DataObject
) -> None:
    MODELS[model](brute_force, data.draw, time_limit_s=data.draw(st.sampled_from([1e-9, 1e-4, 1e-3, 1e-2])))


@pytest.mark.parametrize("model", MODELS)
@examples(max_examples=20)
@given(data=st.data())
def test_the_next_best_plans_are_the_next_best(model: str, brute_force: Any, data: st.DataObject) -> None:
    check_alternatives(MODELS[model](brute_force, data.draw), data.draw)
