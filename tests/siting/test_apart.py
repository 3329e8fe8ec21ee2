"""Questions that fall apart: their parts, shared out, give what the weighing of all plans gives."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from mutualaid.errors import SitingError
from mutualaid.siting import Choice, SiteTable, lscp, mclp, mexclp, site_table
from mutualaid.siting._choice import Fair, Over, site_limits
from mutualaid.siting._components import components
from mutualaid.siting._people import _apart as apart_module
from mutualaid.siting._people._apart import apart
from mutualaid.siting._people._branch import _of_part
from mutualaid.siting._people._columns import Columns, columns
from mutualaid.siting._people._compact import by_program
from mutualaid.siting._people._effort import Effort
from mutualaid.siting._people._merged import Merged, merged
from mutualaid.siting._people._wish import blocks, rule
from mutualaid.siting._sets import _cover as cover_module
from mutualaid.siting._sets._program import minimise

examples = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    max_examples=60,
)


@pytest.fixture
def any_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a part be as large as it is: small questions are in few parts."""
    monkeypatch.setattr(apart_module, "_LARGEST", 1.0)


@st.composite
def valleys(draw: st.DrawFn, *, most: int = 9, stay: bool = True, cost: bool = False) -> SiteTable:
    """Two to four valleys: sites of one reach nobody of another; ties, equal columns, points without people."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=2, max_size=4).filter(lambda found: sum(found) <= most))
    points = [draw(st.integers(1, 5)) for _ in sizes]
    seconds = np.full((sum(sizes), sum(points)), np.inf)
    row = column = 0
    for size, number in zip(sizes, points, strict=True):
        times = draw(
            st.lists(st.sampled_from([100.0, 300.0, 301.0]), min_size=size * number, max_size=size * number)
        )
        seconds[row : row + size, column : column + number] = np.reshape(times, (size, number))
        row, column = row + size, column + number
    people = draw(st.lists(st.sampled_from([0, 1, 2, 3, 5, 10, 0.5]), min_size=column, max_size=column))
    states = ["candidate", "candidate", "candidate", "fixed"] if stay else ["candidate"]
    state = draw(st.lists(st.sampled_from(states), min_size=row, max_size=row))
    price = draw(st.lists(st.sampled_from([1.0, 2.0, 0.5]), min_size=row, max_size=row)) if cost else 1.0
    sites = pd.DataFrame({"state": state, "opening_cost": price}, index=[f"s{k}" for k in range(row)])
    mixed = draw(st.permutations(range(row)))
    return site_table(
        seconds[mixed],
        sites.iloc[mixed],
        pd.DataFrame({"population": people}, index=range(column)),
        limit_s=300,
    )


def asked(table: SiteTable, choice: Choice, busy: float, per_site: int = 1) -> tuple[Merged, Columns, Any]:
    parts = blocks(table, Over(), Fair())
    free = columns(
        table, site_limits(table, choice, per_site=per_site), np.ones(len(table.sites), np.int64), per_site
    )
    people = merged([(table.seconds[""], table.limit_s)], parts.weight, parts.block, free, busy)
    return people, free, rule(parts, Over())


def every_plan(limits: Columns, on: NDArray[np.float64], off: NDArray[np.float64]) -> NDArray[np.float64]:
    number = len(limits.site)
    plans = (np.arange(2**number)[:, None] >> np.arange(number) & 1).astype(np.float64)
    allowed = limits.allow(plans) & (plans >= on).all(axis=1) & (plans <= 1 - off).all(axis=1)
    return np.asarray(plans[allowed])


@examples
@given(data=st.data())
@pytest.mark.usefixtures("any_part")
def test_parts_shared_out_are_the_best_of_all_plans(data: st.DataObject) -> None:
    table = data.draw(valleys())
    candidates = int((~table.existing).sum())
    busy, per_site = data.draw(st.sampled_from([(0.0, 1), (0.3, 1), (0.3, 2)]))
    if candidates * per_site > 9:
        per_site = 1
    choice = Choice(add=data.draw(st.integers(0, candidates * per_site)))
    people, limits, goal = asked(table, choice, busy, per_site)
    number = len(limits.site)
    if number > 2 and data.draw(
        st.booleans()
    ):  # two that may not both be on hang together, whomever they reach
        pair = np.zeros((1, number))
        pair[0, data.draw(st.permutations(range(number)))[:2]] = 1
        limits = replace(
            limits,
            rows=csr_array(vstack([limits.rows, csr_array(pair)])),
            least=np.append(limits.least, -np.inf),
            most=np.append(limits.most, 1),
        )
    draw = data.draw(st.lists(st.sampled_from([0, 0, 0, 1, 2]), min_size=number, max_size=number))
    on, off = ((np.array(draw) == what).astype(np.float64) for what in (1, 2))
    found = apart(people, limits, goal, (), on, off)
    plans = every_plan(limits, on, off)
    if found is None:
        return
    worth = np.array([float(goal.value(people.people(x))) for x in plans])
    most = worth.max()
    cutoff = data.draw(st.sampled_from([-math.inf, most - 1, most, most + 1]))
    points = [np.array(data.draw(st.lists(st.floats(0, 1), min_size=number, max_size=number)))]
    start = plans[data.draw(st.integers(0, len(plans) - 1))]

    def beaten(value: float) -> float:
        return value + 1e-9 if value >= cutoff - 1e-9 else cutoff - 1e-9

    solved = found.solve(_of_part, Effort.of(None, 0.0, True), start, points, beaten)
    assert solved.x is not None
    assert (plans == solved.x).all(axis=1).any(), "it is not allowed"
    if cutoff <= most:
        assert float(goal.value(people.people(solved.x))) == pytest.approx(most, abs=1e-8)
    assert solved.bound == -math.inf or solved.bound >= most - 1e-8


@examples
@given(data=st.data())
@pytest.mark.usefixtures("any_part")
def test_bounds_hold_when_time_is_up(data: st.DataObject) -> None:
    table = data.draw(valleys(stay=False))
    people, limits, goal = asked(table, Choice(add=data.draw(st.integers(1, len(table.sites)))), 0.0)
    none = np.zeros(len(limits.site))
    found = apart(people, limits, goal, (), none, none)
    if found is None:
        return
    solved = found.solve(_of_part, Effort.of(0.0, 0.0, True), none, [none], lambda value: value + 1e-9)
    most = max(float(goal.value(people.people(x))) for x in every_plan(limits, none, none))
    assert solved.x is not None
    value = float(goal.value(people.people(solved.x)))
    assert value <= most + 1e-9
    assert (solved.bound == -math.inf and value == pytest.approx(most)) or solved.bound >= most - 1e-9


@examples
@given(data=st.data())
def test_the_cheapest_of_all_valleys(brute_force: Any, data: st.DataObject) -> None:
    table = data.draw(valleys(cost=True))
    add = data.draw(st.none() | st.integers(0, int((~table.existing).sum())))
    choice = Choice(add=add, budget=data.draw(st.none() | st.sampled_from([0.0, 1.0, 2.5, 4.0])))
    oracle = brute_force.Oracle(table, choice)
    ok = oracle.reaches_all("", table.limit_s)
    if not ok.any():
        with pytest.raises(SitingError):
            lscp(table, choice)
        return
    plan = lscp(table, choice)
    assert ok[oracle.row(plan.units)]
    assert plan.value == pytest.approx(oracle.cost[ok].min())
    assert plan.status == "optimal"
    assert plan.bound == pytest.approx(plan.value)


def drawn(valleys: int, seed: int) -> SiteTable:
    """Sites and people in valleys, 14 sites in each, that are not solved by their relaxation."""
    random = np.random.default_rng(seed)
    sites, points = 14, 60
    seconds = np.full((valleys * sites, valleys * points), np.inf)
    for k in range(valleys):
        site, point = random.uniform(0, 1, (sites, 2)), random.uniform(0, 1, (points, 2))
        apart_by = np.hypot(*(site[:, None] - point[None]).transpose(2, 0, 1))
        seconds[k * sites : (k + 1) * sites, k * points : (k + 1) * points] = 1000 * apart_by
    people = random.integers(1, 20, seconds.shape[1])
    return site_table(
        seconds, [f"s{k}" for k in range(len(seconds))], pd.DataFrame({"population": people}), limit_s=280
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("busy", [0.0, 0.3])
def test_entries_are_solved_until_a_program_of_the_whole_finds_no_more(
    seed: int, busy: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # From nothing but an empty plan: all that planes leave open has to be settled.
    monkeypatch.setattr(apart_module, "_greedy", lambda part, _: [np.zeros(len(part.at))])
    table = drawn(5, seed)
    for number in (4, 9, 14):
        people, limits, goal = asked(table, Choice(add=number), busy)
        none = np.zeros(len(limits.site))
        solved: list[float] = []

        def of_part(*given: Any, solved: list[float] = solved) -> Any:
            found = _of_part(*given)
            solved.append(given[-1])
            return found

        found = apart(people, limits, goal, (), none, none)
        assert found is not None
        assert len(found.parts) >= 5
        answer = found.solve(of_part, Effort.of(None, 0.0, True), none, [none], lambda value: value + 1e-9)
        whole = by_program(people, limits, goal, (), Effort.of(None, 0.0, True))
        assert whole.x is not None
        assert answer.x is not None
        most = float(goal.value(people.people(whole.x)))
        assert float(goal.value(people.people(answer.x))) == pytest.approx(most, abs=1e-6)
        assert answer.bound == -math.inf
        assert len(solved) >= 5
        # What could not matter was not looked for.
        assert max(solved) > 0


@pytest.mark.parametrize("seed", range(2))
def test_a_tree_that_falls_apart_finds_as_much(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # It is parted after one program.
    monkeypatch.setattr("mutualaid.siting._people._branch._PATIENCE_AT_ROOT", -1)
    table, found = drawn(5, seed), []

    def noted(*given: Any) -> Any:
        found.append(apart(*given))
        return found[-1]

    monkeypatch.setattr("mutualaid.siting._people._branch.apart", noted)
    for number in (7, 9, 13):
        plan = mclp(table, Choice(add=number))
        assert (plan.value, plan.status) == (mclp(table, Choice(add=number), reduce=False).value, "optimal")
        busy = mexclp(table, Choice(add=number), busy=0.3)
        assert busy.value == pytest.approx(mexclp(table, Choice(add=number), busy=0.3, reduce=False).value)
    assert any(one is not None for one in found), "all are solved as a whole, and this test says nothing"


def test_sets_that_share_no_site_are_separate_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    # In each of two valleys three points are reached by two of three sites each: two sites are needed, half of each
    # would do for a program with fractions.
    ring = np.where(np.eye(3) > 0, 900.0, 100.0)
    seconds = np.block([[ring, np.full((3, 3), np.inf)], [np.full((3, 3), np.inf), ring]])
    table = site_table(seconds, list("abcdef"), pd.DataFrame({"population": [1] * 6}), limit_s=300)
    sizes = []

    def noted(cost: NDArray[np.float64], *given: Any, **more: Any) -> Any:
        sizes.append(len(cost))
        return minimise(cost, *given, **more)

    monkeypatch.setattr(cover_module, "minimise", noted)
    plan = lscp(table)
    assert (plan.value, plan.bound, plan.status, sizes) == (4.0, 4.0, "optimal", [3, 3])
    with pytest.raises(SitingError, match="4 or more"):
        lscp(table, Choice(add=3))


def test_out_of_time_parts_that_are_not_proven_give_a_bound() -> None:
    table = drawn(4, 9)
    best = lscp(table)
    hurried = lscp(table, time_limit_s=1e-6)
    assert best.status == "optimal"
    assert hurried.bound <= best.value <= hurried.value


def test_components_are_linked_by_rows() -> None:
    count, label = components(csr_array(np.array([[1.0, 0, 1, 0], [0, 1, 0, 0]])))
    assert count == 3
    assert label[0] == label[2]
    assert len(set(label[[0, 1, 3]])) == 3
