"""Fair shares: published games, axioms, closed form against enumeration against all orders, cores, costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from itertools import combinations, permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mutualaid.cooperation import (
    SHARE_RULES,
    CoreCheck,
    CoverageGame,
    coalition_costs,
    core_check,
    core_table,
    cost_shares,
    coverage_game,
    shapley,
    shapley_sampled,
)
from mutualaid.cooperation._core import _by_program
from mutualaid.cooperation._costs import overpaying
from mutualaid.data import CoalitionCost, Costs
from mutualaid.errors import AgreementError

NAMES = "ABCDEFGHIJKLMNOP"
#: Host, partners that reach it in time, people.
Point = tuple[int, frozenset[int], int]


def by_mask(n: int, value: Callable[[frozenset[int]], float]) -> np.ndarray:
    """Values of all coalitions."""
    return np.array(
        [value(frozenset(i for i in range(n) if mask >> i & 1)) for mask in range(1 << n)], dtype=float
    )


def over_orders(n: int, value: Callable[[frozenset[int]], float]) -> list[float]:
    """The Shapley value from its definition: the mean over all orders in which partners may join."""
    found = [0.0] * n
    for order in permutations(range(n)):
        for k, partner in enumerate(order):
            found[partner] += value(frozenset(order[: k + 1])) - value(frozenset(order[:k]))
    return [one / math.factorial(n) for one in found]


def won(points: Collection[Point], coalition: Collection[int]) -> float:
    return sum(people for host, helpers, people in points if host in coalition and helpers & set(coalition))


def game_of(points: list[Point], n: int, names: str | list[str] = NAMES) -> CoverageGame:
    reached = [[j in helpers for j in range(n)] for _, helpers, _ in points]
    host, people = [point[0] for point in points], [point[2] for point in points]
    return coverage_game(host, np.reshape(reached, (len(points), n)), people, list(names[:n]))


def point_of(n: int) -> st.SearchStrategy[Point]:
    return st.tuples(st.integers(0, n - 1), st.frozensets(st.integers(0, n - 1)), st.integers(0, 50))


@st.composite
def drawn_points(draw: st.DrawFn, most: int = 5) -> tuple[int, list[Point]]:
    n = draw(st.integers(1, most))
    return n, draw(st.lists(point_of(n), max_size=12))


@st.composite
def drawn_games(draw: st.DrawFn, most: int = 5) -> tuple[int, np.ndarray]:
    """Any game: whole numbers, that of nobody 0."""
    n = draw(st.integers(1, most))
    rest = draw(st.lists(st.integers(-100, 100), min_size=(1 << n) - 1, max_size=(1 << n) - 1))
    return n, np.array([0, *rest], dtype=float)


# Published games


def test_gloves() -> None:
    values = by_mask(3, lambda s: float(0 in s and len(s) > 1))
    assert shapley(values) == pytest.approx([2 / 3, 1 / 6, 1 / 6], abs=1e-15)


def test_security_council() -> None:
    """Five permanent members with a veto, ten others; nine votes are needed: 421/2145 and 4/2145 each."""
    power = shapley(by_mask(15, lambda s: float(len(s) >= 9 and s >= set(range(5)))))
    assert power == pytest.approx([421 / 2145] * 5 + [4 / 2145] * 10, abs=1e-14)


def test_airport_of_three() -> None:
    assert shapley(by_mask(3, lambda s: max(s, default=-1) + 1)) == pytest.approx([1 / 3, 5 / 6, 11 / 6])


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=7))
def test_airport_by_the_rule_of_littlechild_and_owen(lengths: list[float]) -> None:
    """Each further stretch of the runway is paid in equal parts by those that need it."""
    costs, n = sorted(lengths), len(lengths)
    stretches = np.diff([0, *costs]) / np.arange(n, 0, -1)
    values = by_mask(n, lambda s: max((costs[i] for i in s), default=0))
    assert shapley(values) == pytest.approx(np.cumsum(stretches), abs=1e-9)


# Axioms


@given(drawn_games())
def test_all_is_given_out(game: tuple[int, np.ndarray]) -> None:
    n, values = game
    found = shapley(values)
    assert found.shape == (n,)
    assert found.sum() == pytest.approx(values[-1], abs=1e-9)


@given(drawn_games(), st.data())
def test_equals_get_the_same(game: tuple[int, np.ndarray], data: st.DataObject) -> None:
    n, values = game
    order = data.draw(st.permutations(range(n)))
    renamed = by_mask(n, lambda s: values[sum(1 << order[i] for i in s)])
    found = shapley(values)
    assert shapley(renamed) == pytest.approx([found[order[i]] for i in range(n)], abs=1e-9), (
        "names count for nothing"
    )
    swapped = {0: n - 1, n - 1: 0}
    mirrored = by_mask(n, lambda s: values[sum(1 << swapped.get(i, i) for i in s)])
    alike = shapley(values + mirrored)
    assert alike[0] == pytest.approx(alike[-1], abs=1e-9)


@given(drawn_games(most=4), st.integers(-50, 50), st.integers(0, 4))
def test_who_adds_the_same_to_everybody_gets_that(game: tuple[int, np.ndarray], adds: int, at: int) -> None:
    n, values = game
    at = min(at, n)
    others = [i for i in range(n + 1) if i != at]
    larger = by_mask(
        n + 1, lambda s: values[sum(1 << k for k, i in enumerate(others) if i in s)] + adds * (at in s)
    )
    expected = np.insert(shapley(values), at, adds)
    assert shapley(larger) == pytest.approx(expected, abs=1e-9), "with 0 it is a dummy"


@given(drawn_games(), st.data())
def test_shares_of_sums_are_sums_of_shares(game: tuple[int, np.ndarray], data: st.DataObject) -> None:
    _, values = game
    size = len(values) - 1
    rest = data.draw(st.lists(st.integers(-100, 100), min_size=size, max_size=size))
    other = np.array([0, *rest], dtype=float)
    assert shapley(values + 2 * other) == pytest.approx(shapley(values) + 2 * shapley(other), abs=1e-9)


@given(drawn_games(most=4))
def test_enumeration_is_the_mean_over_all_orders(game: tuple[int, np.ndarray]) -> None:
    n, values = game
    assert shapley(values) == pytest.approx(
        over_orders(n, lambda s: values[sum(1 << i for i in s)]), abs=1e-9
    )


def test_unknown_values_make_shares_unknown() -> None:
    assert np.isnan(shapley([0, 1, math.nan, 3])).all()


def test_games_without_partners_and_of_one() -> None:
    assert shapley([0.0]).tolist() == []
    assert shapley([0.0, 7.0]).tolist() == [7.0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], r"expected 2ⁿ values.*got shape \(0,\)"),
        ([0, 1, 2], r"got shape \(3,\)"),
        ([[0, 1], [2, 3]], r"got shape \(2, 2\)"),
        ([1, 2], "expected 0 for the empty coalition; got 1"),
        ([math.nan, 2], "expected 0 for the empty coalition; got nan"),
        ([0, math.inf], "expected finite values; got 1 infinite"),
    ],
)
def test_values_that_are_no_game(values: list[float], message: str) -> None:
    with pytest.raises(AgreementError, match=message):
        shapley(values)
    with pytest.raises(AgreementError, match=message):
        core_check(values, pd.Series([1.0], index=["A"]))


def test_all_that_is_wrong_with_values_is_said_at_once() -> None:
    with pytest.raises(AgreementError) as caught:
        shapley([1, math.inf])
    assert len(caught.value.defects) == 2


# The game of coverage

#: A reaches its 100 people and 60 of B, C its own 20 and 30 of those; B and C reach 9 of A; nobody reaches 7 of B.
POINTS: list[Point] = [
    (0, frozenset({0}), 100),
    (1, frozenset({0}), 30),
    (1, frozenset({0, 2}), 30),
    (2, frozenset({2}), 20),
    (1, frozenset(), 7),
    (0, frozenset({1, 2}), 9),
]


def test_coverage_by_hand() -> None:
    game = game_of(POINTS, 3)
    #                               A    B  AB   C   AC   BC  ABC
    assert game.values().tolist() == [0, 100, 0, 169, 20, 129, 50, 189]
    # 30 by halves; 30 as 2/3 and twice 1/6; 9 likewise, with A as host.
    assert game.shapley_value() == pytest.approx([100 + 15 + 5 + 6, 15 + 20 + 1.5, 20 + 5 + 1.5])
    assert game.people().tolist() == [109, 67, 20]
    assert game.gained().tolist() == [9, 60, 0]


@settings(deadline=None)
@given(drawn_points())
def test_closed_form_is_enumeration_is_the_mean_over_all_orders(drawn: tuple[int, list[Point]]) -> None:
    n, points = drawn
    game = game_of(points, n)
    exact = over_orders(n, lambda s: won(points, s))
    assert game.shapley_value() == pytest.approx(exact, abs=1e-9)
    assert shapley(game.values()) == pytest.approx(exact, abs=1e-9)


@given(drawn_points())
def test_values_are_those_of_single_coalitions(drawn: tuple[int, list[Point]]) -> None:
    n, points = drawn
    game = game_of(points, n)
    expected = by_mask(n, lambda s: won(points, s))
    assert game.values().tolist() == expected.tolist()
    assert by_mask(n, lambda s: game.value([NAMES[i] for i in s])).tolist() == expected.tolist()


@given(drawn_points(), st.integers(0, 4))
def test_more_stations_never_cover_fewer(drawn: tuple[int, list[Point]], partner: int) -> None:
    n, points = drawn
    more = [(host, helpers | {min(partner, n - 1)}, people) for host, helpers, people in points[::2]]
    assert (game_of(more + points[1::2], n).values() >= game_of(points, n).values()).all()


@given(st.lists(st.tuples(st.integers(0, 3), st.frozensets(st.integers(0, 3)), st.floats(0, 1e9))))
def test_more_partners_never_cover_fewer(points: list[tuple[int, frozenset[int], float]]) -> None:
    """Exactly, whatever the rounding of sums."""
    reached = np.reshape([[j in helpers for j in range(4)] for _, helpers, _ in points], (len(points), 4))
    values = coverage_game([p[0] for p in points], reached, [p[2] for p in points], list("ABCD")).values()
    for mask in range(16):
        assert all(values[mask | 1 << i] >= values[mask] for i in range(4))


@given(drawn_points(), st.data())
def test_order_and_division_of_points_count_for_nothing(
    drawn: tuple[int, list[Point]], data: st.DataObject
) -> None:
    n, points = drawn
    game = game_of(points, n)
    halves = data.draw(st.permutations([point for point in points for _ in range(2)]))
    again = game_of(halves, n)
    assert again.host.tolist() == game.host.tolist()
    assert (again.reached == game.reached).all()
    assert (again.population == 2 * game.population).all()
    assert len(game.host) == len({(host, helpers) for host, helpers, _ in points})


@pytest.mark.parametrize("n", [8, 9, 16, 17, 63, 64, 65, 130])
def test_any_number_of_partners(n: int) -> None:
    """Place by place from the formula, with partners at both ends of every machine word."""
    random = np.random.default_rng(n)
    points: list[Point] = []
    for k in range(300):
        helpers = random.choice(n, random.integers(0, 4), replace=False).tolist()
        points.append(
            (int(random.integers(n)), frozenset([*helpers, *[n - 1] * (k % 2)]), int(random.integers(50)))
        )
    names = [f"P{i}" for i in range(n)]
    game = game_of(points, n, names)
    expected = np.zeros(n)
    for host, helpers, people in points:
        if host in helpers:
            expected[host] += people
        elif m := len(helpers):
            expected[host] += people * m / (m + 1)
            expected[list(helpers)] += people / (m * (m + 1))
    assert game.shapley_value() == pytest.approx(expected, abs=1e-9)
    assert game.value(names) == won(points, range(n))
    assert game.value(names[n // 2 :]) == won(points, range(n // 2, n))


def test_no_points_at_all() -> None:
    game = game_of([], 3)
    assert game.values().tolist() == [0] * 8
    assert game.shapley_value().tolist() == game.people().tolist() == game.gained().tolist() == [0] * 3


@pytest.mark.parametrize(
    ("host", "reached", "population", "partners", "message"),
    [
        (
            [0],
            [[True, True]],
            [1, 2],
            ["A", "B"],
            r"the shapes \(2,\), \(2, 2\), \(2,\); got \(1,\), \(1, 2\), \(2,\)",
        ),
        ([0], [[True]], [1], ["A", "B"], r"the shapes \(1,\), \(1, 2\), \(1,\); got"),
        ([2], [[True, True]], [1], ["A", "B"], "host: expected positions 0 to 1; got others at 1 points"),
        ([-1], [[True, True]], [1], ["A", "B"], "host: expected positions 0 to 1"),
        (
            [0],
            [[True, True]],
            [math.nan],
            ["A", "B"],
            "population: expected a number from 0 on; got another at 1",
        ),
        ([0], [[True, True]], [-1], ["A", "B"], "population: expected a number from 0 on"),
        ([0], [[True, True]], [math.inf], ["A", "B"], "population: expected a number from 0 on"),
        ([0], [[True, True]], [1], ["A", "A"], "partners: expected each once; got A, A"),
    ],
)
def test_points_that_are_no_game(
    host: list[int], reached: list[list[bool]], population: list[float], partners: list[str], message: str
) -> None:
    with pytest.raises(AgreementError, match=message):
        coverage_game(host, reached, population, partners)


def test_all_that_is_wrong_with_points_is_said_at_once() -> None:
    with pytest.raises(AgreementError) as caught:
        coverage_game([5], [[True, True]], [-1], ["A", "A"])
    assert len(caught.value.defects) == 3


def test_strangers_and_too_many_partners() -> None:
    with pytest.raises(AgreementError, match="expected some of A, B, C; got X, Y"):
        game_of(POINTS, 3).value(["Y", "A", "X"])
    with pytest.raises(
        AgreementError, match=r"16 partners or fewer.*got 17.*use shapley_value and core_check"
    ):
        game_of([], 17, [f"P{i}" for i in range(17)]).values()


# Sampling


def test_samples_come_near_and_add_up() -> None:
    game = game_of(POINTS, 3)
    found = shapley_sampled(game.value, game.partners, draws=4000, seed=3)
    assert found.index.tolist() == ["A", "B", "C"]
    assert found.index.name == "partner"
    assert found["estimate"].to_numpy() == pytest.approx(game.shapley_value(), abs=0.6)
    assert found["estimate"].sum() == pytest.approx(189)
    assert found["half_width"].between(0.01, 0.6).all()
    again = shapley_sampled(game.value, game.partners, draws=4000, seed=3)
    pd.testing.assert_frame_equal(found, again)
    assert not found.equals(shapley_sampled(game.value, game.partners, draws=4000, seed=4))


def test_four_times_the_draws_halve_the_interval() -> None:
    game = game_of(POINTS, 3)
    few, many = (
        shapley_sampled(game.value, game.partners, draws=n, seed=1)["half_width"] for n in (500, 2000)
    )
    assert (few / many).between(1.8, 2.2).all()


def test_who_always_adds_the_same_is_known_at_once() -> None:
    found = shapley_sampled(
        lambda s: sum({"A": 5.0, "B": 7.0}[name] for name in s), ["A", "B"], draws=2, seed=0
    )
    assert found.to_numpy().tolist() == [[5, 0], [7, 0]]


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Of 400 intervals for each partner 95 % hold it, within three standard errors."""
    random = np.random.default_rng(8)
    points: list[Point] = []
    for _ in range(40):
        helpers = frozenset(random.choice(5, random.integers(1, 4), replace=False).tolist())
        points.append((int(random.integers(5)), helpers, int(random.integers(1, 50))))
    game = game_of(points, 5)
    values = game.values()
    bit = {name: 1 << k for k, name in enumerate(game.partners)}
    truth = game.shapley_value()
    held = np.zeros(5)
    for seed in range(400):
        found = shapley_sampled(lambda s: values[sum(map(bit.get, s))], game.partners, draws=60, seed=seed)  # type: ignore[arg-type]
        held += (found["estimate"] - truth).abs() <= found["half_width"]
    assert (held >= 400 * (0.95 - 3 * 0.011)).all(), held
    assert held.mean() <= 400 * 0.985, held


def test_sampling_errors_are_said_at_once() -> None:
    with pytest.raises(AgreementError) as caught:
        shapley_sampled(lambda s: 1.0 + len(s), ["A", "A"], draws=1, seed=0)
    assert [one.where for one in caught.value.defects] == ["draws", "partners", "value"]


# The core


def series(amounts: Collection[float]) -> pd.Series:
    return pd.Series(list(amounts), index=list(NAMES[: len(amounts)]), dtype=float)


@given(st.lists(st.floats(0, 1), min_size=3, max_size=3).filter(lambda x: sum(x) > 0.1))
def test_majority_has_an_empty_core(weights: list[float]) -> None:
    """Any two of three win all: whatever the third gets, the two others are better off without it."""
    values = by_mask(3, lambda s: float(len(s) >= 2))
    given_out = np.array(weights) / sum(weights)
    check = core_check(values, series(given_out))
    assert not check.stable
    assert len(check.coalition) == 2
    assert check.excess == pytest.approx(given_out.max())


@given(st.floats(0, 1), st.floats(0, 1))
def test_gloves_have_one_point_in_the_core(left: float, part: float) -> None:
    values = by_mask(3, lambda s: float(0 in s and len(s) > 1))
    assert core_check(values, series([1, 0, 0])) == CoreCheck((), 0.0)
    right = (1 - left) * part
    check = core_check(values, series([left, right, 1 - left - right]))
    most = max(right, 1 - left - right)
    assume(abs(most - 1e-9) > 1e-12)
    assert check.stable == (most < 1e-9)
    if not check.stable:
        assert check.excess == pytest.approx(most), "the left one goes with the right one that asks for less"
        assert "A" in check.coalition


@given(st.integers(2, 5), st.data())
def test_shapley_is_in_the_core_where_partners_add_more_the_more_there_are(
    n: int, data: st.DataObject
) -> None:
    """Shapley 1971: sums of games that need certain partners are convex."""
    needed = st.tuples(st.frozensets(st.integers(0, n - 1), min_size=1), st.integers(0, 20))
    parts = data.draw(st.lists(needed, max_size=6))
    values = by_mask(n, lambda s: sum(worth for group, worth in parts if group <= s))
    assert core_check(values, series(shapley(values))).stable


@given(drawn_games(most=4), st.data())
def test_the_worst_off_by_brute_force(game: tuple[int, np.ndarray], data: st.DataObject) -> None:
    n, values = game
    first = data.draw(st.lists(st.integers(-100, 100), min_size=n - 1, max_size=n - 1))
    x = [*first, int(values[-1]) - sum(first)]
    excess = {s: values[sum(1 << i for i in s)] - sum(x[i] for i in s)
              for k in range(n + 1) for s in combinations(range(n), k)}  # fmt: skip
    check = core_check(values, series(x))
    most = max(excess.values())
    assert check.excess == most
    fewest = min(len(s) for s, by in excess.items() if by == most)
    assert len(check.coalition) == fewest
    assert not check.coalition or excess[tuple(NAMES.index(name) for name in check.coalition)] == most


def test_all_walk_out_of_what_gives_out_less_than_there_is() -> None:
    assert core_check([0, 1, 1, 5], series([2, 2])) == CoreCheck(("A", "B"), 1.0)


def test_costs_with_a_minus() -> None:
    """The airport of three: what Littlechild and Owen let pay is in the core; equal parts are not."""
    costs = by_mask(3, lambda s: max(s, default=-1) + 1)
    assert core_check(-costs, -series(shapley(costs))).stable
    assert core_check(-costs, -series([1, 1, 1])).stable
    assert core_check(-costs, -series([1.5, 1, 0.5])) == CoreCheck(("A",), 0.5)


def test_rounding_makes_nobody_walk_out() -> None:
    values = by_mask(3, lambda s: 1e6 * len(s) / 3)
    assert core_check(values, series([1e6 / 3 - 1e-5, 1e6 / 3, 1e6 / 3])).stable
    assert not core_check(values, series([1e6 / 3 - 1e-2, 1e6 / 3, 1e6 / 3])).stable
    assert core_check([0, 1, 0, 1 + 1e-12], series([0, 0])).coalition == ("A",), (
        "nor go along with those who do"
    )


def test_rounding_makes_nobody_walk_out_of_many() -> None:
    names = [f"P{i:02}" for i in range(20)]
    game = game_of([(i, frozenset({i}), 50_000) for i in range(20)], 20, names)
    credit = pd.Series(50_000.0, index=names)
    assert core_check(game, credit - 1e-6 * (credit.index == "P07")).stable
    assert core_check(game, credit - 1e-2 * (credit.index == "P07")).coalition == ("P07",)


@settings(max_examples=60, deadline=None)
@given(drawn_points(), st.data())
def test_program_finds_what_enumeration_finds(drawn: tuple[int, list[Point]], data: st.DataObject) -> None:
    n, points = drawn
    game = game_of(points, n)
    weights = np.array(data.draw(st.lists(st.integers(0, 9), min_size=n, max_size=n)), dtype=float)
    everybody = won(points, range(n))
    x = series(weights * everybody / weights.sum() if weights.any() else weights)
    check = core_check(game, x)
    inside, excess = _by_program(game, x.to_numpy())
    assert excess == pytest.approx(max(check.excess, 0), abs=1e-9 + 1e-6 * everybody)
    members = [NAMES[i] for i in np.flatnonzero(inside)]
    assert excess == pytest.approx(game.value(members) - x[members].sum(), abs=1e-9)
    for name in members:
        fewer = [one for one in members if one != name]
        assert game.value(fewer) - x[fewer].sum() < excess, f"{name} makes no difference"


def test_core_of_more_partners_than_can_be_enumerated() -> None:
    """The three partners by hand among 40; the others reach nobody and have nobody."""
    names = [f"P{i:02}" for i in range(40)]
    at = [39, 7, 20]
    points = [(at[host], frozenset(at[j] for j in helpers), people) for host, helpers, people in POINTS]
    game = game_of(points, 40, names)
    fine = pd.Series({"P39": 120.0, "P07": 49.0, "P20": 20.0}).reindex(names, fill_value=0.0)
    assert core_check(game, fine) == CoreCheck((), 0.0)
    few = pd.Series({"P39": 100.0, "P07": 40.0, "P20": 49.0}).reindex(names, fill_value=0.0)
    check = core_check(game, few)
    assert check.coalition == ("P07", "P39")
    assert check.excess == pytest.approx(29)
    assert core_check(game_of(POINTS, 3), series([120, 49, 20])).stable
    assert core_check(game_of(POINTS, 3), series([100, 40, 49])) == CoreCheck(("A", "B"), 29)


def test_core_errors() -> None:
    game = game_of(POINTS, 3)
    with pytest.raises(AgreementError, match="allocation: expected A, B, C; got B, A, C"):
        core_check(game, pd.Series([1.0, 1, 1], index=["B", "A", "C"]))
    with pytest.raises(AgreementError, match="expected 2 partners, each once; got A, A"):
        core_check([0, 1, 1, 2], pd.Series([1.0, 1], index=["A", "A"]))
    with pytest.raises(AgreementError, match="expected 2 partners, each once; got A, B, C"):
        core_check([0, 1, 1, 2], series([1, 1, 0]))
    with pytest.raises(AgreementError, match="expected known numbers; got 2 missing"):
        core_check([0, 1, math.nan, 2], series([1, math.nan]))
    with pytest.raises(AgreementError, match="expected at most 189 in all; got 190"):
        core_check(game, series([100, 50, 40]))


# Costs of coalitions


def splits(parts: list[int]) -> Iterator[list[list[int]]]:
    """All ways to split a list into groups."""
    if not parts:
        yield []
        return
    first, *rest = parts
    for k in range(len(rest) + 1):
        for others in combinations(rest, k):
            for further in splits([one for one in rest if one not in others]):
                yield [[first, *others], *further]


@st.composite
def drawn_costs(draw: st.DrawFn, *, all_alone: bool = False) -> tuple[int, Costs]:
    n = draw(st.integers(1, 5))
    names, amount = NAMES[:n], st.integers(0, 30)
    known = list(names) if all_alone else draw(st.lists(st.sampled_from(names), unique=True))
    group = st.frozensets(st.sampled_from(names), min_size=2)
    groups = draw(st.dictionaries(group, amount, max_size=6)) if n > 1 else {}
    coalition = tuple(CoalitionCost(parties=tuple(sorted(one)), cost=cost) for one, cost in groups.items())
    return n, Costs(budget=draw(amount), alone={name: draw(amount) for name in known}, coalition=coalition)


def test_coalition_costs_by_hand() -> None:
    pair = CoalitionCost(parties=("C", "A"), cost=7)
    stated = Costs(
        alone={"A": 5, "B": 4, "C": 3}, coalition=(pair, CoalitionCost(parties=("A", "B", "C"), cost=12))
    )
    #                                                             A  B  AB C  AC BC ABC
    assert coalition_costs(stated, ["A", "B", "C"]).tolist() == [0, 5, 4, 9, 3, 7, 7, 11]


@settings(deadline=None)
@given(drawn_costs())
def test_coalition_costs_are_those_of_the_cheapest_split(drawn: tuple[int, Costs]) -> None:
    n, costs = drawn
    stated = {frozenset([name]): cost for name, cost in costs.alone.items()}
    stated |= {frozenset(one.parties): one.cost for one in costs.coalition}

    def cheapest(coalition: frozenset[int]) -> float:
        ways = [[frozenset(NAMES[i] for i in part) for part in way] for way in splits(sorted(coalition))]
        return min(
            (sum(stated[one] for one in way) for way in ways if set(way) <= set(stated)), default=math.nan
        )

    np.testing.assert_array_equal(coalition_costs(costs, NAMES[:n]), by_mask(n, cheapest))


def test_unknown_costs_stay_unknown() -> None:
    assert np.isnan(coalition_costs(Costs(), ["A", "B"])).tolist() == [False, True, True, True]


@pytest.mark.parametrize(
    "costs", [Costs(alone={"X": 1}), Costs(coalition=(CoalitionCost(parties=("A", "X"), cost=1),))]
)
def test_costs_of_strangers(costs: Costs) -> None:
    game, use = game_of([], 2), series([0, 0])
    shares = cost_shares(game, Costs(), use)
    for call in (
        lambda: coalition_costs(costs, ["A", "B"]),
        lambda: cost_shares(game, costs, use),
        lambda: core_table(game, costs, shares),
    ):
        with pytest.raises(AgreementError, match="costs: expected some of A, B; got X"):
            call()


def test_costs_of_too_many_partners_and_of_one_twice() -> None:
    with pytest.raises(AgreementError, match=r"16 partners or fewer; got 17\. Remedy: use core_table"):
        coalition_costs(Costs(), [f"P{i}" for i in range(17)])
    with pytest.raises(AgreementError) as caught:
        coalition_costs(Costs(alone={"X": 1, "Y": 1}), ["A", "A"])
    assert [one.got for one in caught.value.defects] == ["X", "Y", "A, A"]


@settings(max_examples=60, deadline=None)
@given(drawn_costs(all_alone=True), st.data())
def test_who_overpays_by_enumeration(drawn: tuple[int, Costs], data: st.DataObject) -> None:
    n, costs = drawn
    amounts = series(data.draw(st.lists(st.integers(0, 30), min_size=n, max_size=n)))
    values = coalition_costs(costs, NAMES[:n])
    # What all pay together is what there is to share; more than that is no fault of the shares.
    values[-1] = min(values[-1], amounts.sum())
    check, found = core_check(-values, -amounts), overpaying(costs, amounts)
    assert found.excess == pytest.approx(check.excess)
    assert found.stable == check.stable
    mask = sum(1 << NAMES.index(name) for name in found.coalition)
    assert found.excess == pytest.approx(amounts[list(found.coalition)].sum() - values[mask])


# Shares and who walks out

COSTS = Costs(budget=1890, currency="EUR", alone={"A": 1000, "B": 900, "C": 300})
USE = series([9, 60, 0])


def test_shares_by_hand() -> None:
    shares = cost_shares(game_of(POINTS, 3), COSTS, USE)
    assert shares.index.name == "partner"
    assert shares.columns.tolist() == [*SHARE_RULES, *(f"{rule}_amount" for rule in SHARE_RULES)]
    by_rule: dict[str, list[float]] = {
        "shapley": [126, 36.5, 26.5],
        "people": [109, 67, 20],
        "use": [9, 60, 0],
        "benefit": [9, 60, 0],
        "stand_alone": [1000, 900, 300],
    }
    for rule, weights in by_rule.items():
        expected = np.array(weights) / sum(weights)
        assert shares[rule].tolist() == pytest.approx(expected), rule
        assert shares[f"{rule}_amount"].tolist() == pytest.approx(1890 * expected), rule


def test_no_budget_no_amounts_and_unknown_costs_no_shares() -> None:
    shares = cost_shares(game_of(POINTS, 3), Costs(alone={"A": 1000, "B": 900}), USE)
    assert shares.columns.tolist() == list(SHARE_RULES)
    assert shares["stand_alone"].isna().all()
    assert shares.drop(columns="stand_alone").sum().tolist() == pytest.approx([1] * 4)


def test_rules_without_any_weight_give_no_shares() -> None:
    """Nobody is reached at all: there is nothing to share by, but people live there."""
    shares = cost_shares(game_of([(0, frozenset(), 30), (1, frozenset(), 10)], 2), Costs(), series([0, 0]))
    assert shares[["shapley", "use", "benefit", "stand_alone"]].isna().all(axis=None)
    assert shares["people"].tolist() == [0.75, 0.25]


@settings(deadline=None)
@given(drawn_points(), st.data())
def test_shares_sum_to_one_or_are_unknown(drawn: tuple[int, list[Point]], data: st.DataObject) -> None:
    n, points = drawn
    use = series(data.draw(st.lists(st.integers(0, 9), min_size=n, max_size=n)))
    shares = cost_shares(game_of(points, n), Costs(), use)
    for rule in SHARE_RULES:
        if shares[rule].isna().any():
            assert shares[rule].isna().all()
        else:
            assert shares[rule].sum() == pytest.approx(1)
            assert (shares[rule] >= 0).all()


@pytest.mark.parametrize(
    ("use", "who"),
    [
        (pd.Series({"A": 1.0, "C": 1.0}), "B"),
        (pd.Series({"A": 1.0, "B": math.nan, "C": 1.0}), "B"),
        (pd.Series({"A": 1.0, "B": -1.0, "C": 1.0}), "B"),
        (pd.Series({"A": 1.0, "B": 1.0, "C": 1.0, "X": 1.0}), "X"),
    ],
)
def test_use_that_is_not_known(use: pd.Series, who: str) -> None:
    with pytest.raises(
        AgreementError, match=f"use: expected people from 0 on for each partner.*got else for {who}"
    ):
        cost_shares(game_of(POINTS, 3), Costs(), use)


def test_use_may_come_in_any_order() -> None:
    shares = cost_shares(game_of(POINTS, 3), Costs(), USE[["C", "A", "B"]])
    assert shares["use"].tolist() == pytest.approx([9 / 69, 60 / 69, 0])


def test_who_walks_out_by_hand() -> None:
    game = game_of(POINTS, 3)
    table = core_table(game, COSTS, cost_shares(game, COSTS, USE))
    assert table.index.tolist() == list(SHARE_RULES)
    assert table.index.name == "rule"
    # Money: each pays 1,890 times its share; alone 1,000, 900 and 300.
    assert table["money_walks_out"].tolist() == [True, True, True, True, False]
    assert table["money_coalition"].tolist() == ["A", "A", "B", "B", ""]
    over = [1260 - 1000, 1890 * 109 / 196 - 1000, 1890 * 60 / 69 - 900, 1890 * 60 / 69 - 900, 0]
    assert table["money_excess"].tolist() == pytest.approx(over)
    # People: A and B reach 169 without C, A alone 100, C alone 20, A and C 129, B and C 50.
    credit = {"people": np.array([109, 67, 20]) * 189 / 196, "use": np.array([9, 60, 0]) * 189 / 69}
    assert table["people_walks_out"].all()
    assert table["people_coalition"].tolist() == ["A;B", "A;C", "A;C", "A;C", "A;C"]
    assert table.loc["shapley", "people_excess"] == pytest.approx(169 - 162.5), "not always in the core"
    assert table.loc["people", "people_excess"] == pytest.approx(129 - credit["people"][[0, 2]].sum())
    assert table.loc["use", "people_excess"] == pytest.approx(129 - credit["use"][[0, 2]].sum())


def test_all_pay_more_than_alone() -> None:
    game = game_of(POINTS, 3)
    dear = replace(COSTS, budget=4400)
    table = core_table(game, dear, cost_shares(game, dear, USE))
    assert table.loc["stand_alone", "money_coalition"] == "A;B;C"
    assert table.loc["stand_alone", "money_excess"] == pytest.approx(2200)


@settings(deadline=None)
@given(st.lists(st.floats(0.01, 1e6), min_size=3, max_size=3))
def test_nobody_walks_out_of_paying_what_it_pays_alone(alone: list[float]) -> None:
    game = game_of(POINTS, 3)
    costs = Costs(budget=sum(alone), alone=dict(zip(NAMES, alone, strict=False)))
    table = core_table(game, costs, cost_shares(game, costs, USE))
    assert not table.loc["stand_alone", "money_walks_out"]


def test_a_group_that_is_cheaper_walks_out() -> None:
    game = game_of(POINTS, 3)
    costs = replace(COSTS, coalition=(CoalitionCost(parties=("C", "B"), cost=500),))
    table = core_table(game, costs, cost_shares(game, costs, USE))
    assert table.loc["stand_alone", "money_coalition"] == "B;C"
    assert table.loc["stand_alone", "money_excess"] == pytest.approx(1890 * 1200 / 2200 - 500)


@pytest.mark.parametrize("costs", [replace(COSTS, budget=None), replace(COSTS, alone={"A": 1000, "B": 900})])
def test_what_is_not_known_is_missing(costs: Costs) -> None:
    game = game_of(POINTS, 3)
    table = core_table(game, costs, cost_shares(game, costs, USE))
    assert table[["money_walks_out", "money_coalition", "money_excess"]].isna().all(axis=None)
    known = "C" in costs.alone
    assert table["people_walks_out"].notna().tolist() == [True] * 4 + [known]
    assert table["people_coalition"].notna().tolist() == [True] * 4 + [known]
    assert table["people_excess"].notna().tolist() == [True] * 4 + [known]


def test_nobody_reached_nobody_walks_out() -> None:
    game = game_of([(0, frozenset(), 30), (1, frozenset(), 10)], 2)
    table = core_table(game, Costs(), cost_shares(game, Costs(), series([0, 0])))
    assert table.loc["people", "people_excess"] == 0
    assert table["people_walks_out"].notna().tolist() == [False, True, False, False, False]


def test_table_of_many_partners() -> None:
    names = [f"P{i:02}" for i in range(20)]
    points: list[Point] = [(i, frozenset({i, (i + 1) % 20}), 10) for i in range(20)]
    points += [(i, frozenset({(i + 1) % 20}), 10) for i in range(20)]
    game = game_of(points, 20, names)
    costs = Costs(budget=2000, alone=dict.fromkeys(names, 150.0) | {"P03": 90.0})
    table = core_table(game, costs, cost_shares(game, costs, pd.Series(10.0, index=names)))
    assert not table["people_walks_out"].any(), "all are alike, and more partners add more"
    assert table.loc["people", "money_coalition"] == "P03"
    assert table.loc["people", "money_excess"] == pytest.approx(10)


def test_a_partner_on_its_own() -> None:
    game = game_of([(0, frozenset({0}), 5)], 1)
    costs = Costs(budget=10, alone={"A": 10})
    shares = cost_shares(game, costs, series([0]))
    assert shares["shapley"].tolist() == [1.0]
    table = core_table(game, costs, shares)
    assert not table.loc["shapley", "people_walks_out"]
    assert not table.loc["shapley", "money_walks_out"]
