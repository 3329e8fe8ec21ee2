"""Shares of a change: by the definition of the Shapley value, gone through order by order."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutualaid.reports._attribution import Attributed, Numbers, attribute

KEY = ("total", "", "covered_joint")
PARTS = ("stations", "roads", "people", "hazards", "agreements", "parameters")


def silent(number: int, count: int) -> None:
    assert number < count


def shared(parts: tuple[str, ...], value: Callable[[frozenset[str]], float]) -> Attributed:
    def numbers(new: frozenset[str]) -> Numbers:
        return {KEY: value(new)}

    return attribute(parts, numbers, told=silent)


def by_orders(parts: tuple[str, ...], value: Callable[[frozenset[str]], float]) -> dict[str, Fraction]:
    """What each part adds, on average over all orders: exact, with no formula for weights."""
    added = dict.fromkeys(parts, Fraction(0))
    orders = list(permutations(parts))
    for order in orders:
        for n, part in enumerate(order):
            before, after = frozenset(order[:n]), frozenset(order[: n + 1])
            added[part] += Fraction(value(after)) - Fraction(value(before))
    return {part: total / len(orders) for part, total in added.items()}


@given(data=st.data(), count=st.integers(1, 6))
def test_shares_are_means_over_all_orders(data: st.DataObject, count: int) -> None:
    parts = PARTS[:count]
    people = st.floats(0, 1e6, allow_nan=False, width=32)
    values = data.draw(st.lists(people, min_size=2**count, max_size=2**count))

    def value(new: frozenset[str]) -> float:
        return values[sum(1 << parts.index(part) for part in new)]

    found = shared(parts, value)
    shares = found.shares[KEY]
    expected = by_orders(parts, value)
    assert found.runs == 2**count
    for part in parts:
        assert shares.loc[part, "change"] == pytest.approx(float(expected[part]), abs=1e-6)
        assert shares.loc[part, "first"] == value(frozenset({part})) - value(frozenset())
        rest = frozenset(parts) - {part}
        assert shares.loc[part, "last"] == pytest.approx(value(frozenset(parts)) - value(rest), abs=1e-9)
    whole = found.after[KEY] - found.before[KEY]
    assert shares["change"].sum() == pytest.approx(whole, abs=1e-6)


def test_a_part_without_effect_has_no_share_and_others_share_what_they_do_together() -> None:
    # Roads alone bring nothing, stations alone 10, both 16: (10 + 16) / 2 and (0 + 6) / 2.
    value = {
        frozenset(): 0.0,
        frozenset({"stations"}): 10.0,
        frozenset({"roads"}): 0.0,
        frozenset({"stations", "roads"}): 16.0,
    }
    found = shared(("stations", "roads", "people"), lambda new: value[new - {"people"}])
    assert found.shares[KEY]["change"].tolist() == [13.0, 3.0, 0.0]
    assert found.shares[KEY]["first"].tolist() == [10.0, 0.0, 0.0]
    assert found.shares[KEY]["last"].tolist() == [16.0, 6.0, 0.0]


def test_each_mix_is_asked_for_once() -> None:
    asked: list[frozenset[str]] = []

    def value(new: frozenset[str]) -> float:
        asked.append(new)
        return 0.0

    shared(PARTS, value)
    assert len(asked) == len(set(asked)) == 64


def test_what_is_unknown_in_a_mix_stays_unknown() -> None:
    def numbers(new: frozenset[str]) -> Numbers:
        share = math.nan if new == {"people"} else 0.5
        place = {("jurisdictions", "N", "covered_joint"): 7.0} if "people" in new else {}
        return {("total", "", "covered_joint_share"): share, **place}

    found = attribute(("people", "roads"), numbers, told=silent)
    assert found.shares[("total", "", "covered_joint_share")]["change"].isna().all()
    # A place that is not there has nobody, and that is known.
    assert found.shares[("jurisdictions", "N", "covered_joint")]["change"].tolist() == [7.0, 0.0]


def test_nothing_to_swap_is_one_run() -> None:
    found = shared((), lambda new: 3.0 + len(new))
    assert (found.runs, found.before, found.after) == (1, {KEY: 3.0}, {KEY: 3.0})
    assert found.shares[KEY].empty
    assert not np.isnan(found.after[KEY])
