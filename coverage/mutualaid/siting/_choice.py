"""What may be opened and closed, and what is fair: the wishes that every model takes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from mutualaid.errors import Defect, SitingError
from mutualaid.siting._given import some
from mutualaid.siting._table import SiteTable

__all__ = ["RULES", "Choice", "Fair", "Over", "SiteLimits", "check_asked", "site_costs", "site_limits"]

#: How the results in several scenarios are made one number.
RULES: Mapping[str, str] = {
    "expected": "the mean over the scenarios, by their weights",
    "worst": "the scenario in which it is worst",
    "regret": "the most that is lost, in any scenario, against the best plan for that scenario alone",
    "cvar": "the mean over the worst scenarios that together have the weight `tail`",
}


@dataclass(frozen=True)
class Choice:
    """What a plan may do to the stations.

    Attributes
    ----------
    add
        At most so many new stations; any number if None.
    close
        At most so many closable stations are closed.
    move
        At most so many movable stations are given up; for each there may be one new station beyond `add`.
    budget
        Opening and closing costs together are at most this; any if None.
    """

    add: int | None = None
    close: int = 0
    move: int = 0
    budget: float | None = None


@dataclass(frozen=True)
class Fair:
    """What a plan owes to each partner.

    Attributes
    ----------
    no_worse
        In no weather that counts, a partner's people are reached less than today (by models of coverage: fewer of
        them in time; by the p-median: later on average).
    floor
        Least share of the people of each jurisdiction reached in time, 0 to 1, in each weather that counts: one for
        all, or by id.
    worst_first
        First the share of the partner with the least is made as large as possible, then of the one with the second
        least, and so on; the sum of all comes last (lexicographic maximin).
    pays_most
        Largest share of a plan's cost that one partner pays, 0 to 1; a site is paid by the partner that owns it.
    """

    no_worse: bool = False
    floor: float | Mapping[str, float] = 0.0
    worst_first: bool = False
    pays_most: float = 1.0


@dataclass(frozen=True)
class Over:
    """Weathers that count, and how they are made one number.

    Attributes
    ----------
    weather
        Weight of each, by id ("" is fair weather); weights need not sum to 1.
    rule
        One of `RULES`.
    tail
        Share of the weight that the worst scenarios have, for ``cvar``; above 0 up to 1.
    """

    weather: Mapping[str, float] = field(default_factory=lambda: {"": 1.0})
    rule: str = "expected"
    tail: float = 0.1


@dataclass(frozen=True, eq=False)
class SiteLimits:
    """Which sets of open sites a choice allows: ``low <= x <= high`` and ``least <= rows @ x <= most``.

    Attributes
    ----------
    low, high
        (s,) bounds of x, 0 or 1.
    rows
        (rows, s) coefficients.
    least, most
        (rows,) bounds; infinite where there is none.
    name
        What each row stands for, in words.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    rows: csr_array[np.float64]
    least: NDArray[np.float64]
    most: NDArray[np.float64]
    name: tuple[str, ...]


def site_limits(
    table: SiteTable, choice: Choice, fair: Fair | None = None, *, per_site: int = 1
) -> SiteLimits:
    """Write a choice, and who may pay how much of it, as linear limits on which sites are open.

    Parameters
    ----------
    table
        Sites with their states and costs.
    choice
        What may be opened and closed.
    fair
        Of it, `Fair.pays_most` counts here.
    per_site
        So many new units may stand at one candidate.

    Returns
    -------
    SiteLimits

    Raises
    ------
    SitingError
        More is to be added or closed than there is, or a number is negative.
    """
    sites = table.sites
    state = sites["state"].to_numpy(str)
    candidate, closable, movable = (state == name for name in ("candidate", "closable", "movable"))
    check_asked(table, choice, fair=fair, per_site=per_site)
    low = (state == "fixed").astype(np.float64)
    high = np.ones(len(sites))
    # Closing is 1 - x, so limits on it turn round and shift by the number of stations.
    rows: list[tuple[str, NDArray[np.float64], float, float]] = []
    for name, may, number in (("close", closable, choice.close), ("move", movable, choice.move)):
        if number == 0:
            low[may] = 1.0
        else:
            rows.append((name, may.astype(np.float64), may.sum() - number, np.inf))
    if choice.add is not None:
        rows.append(("add", candidate + movable.astype(np.float64), -np.inf, choice.add + movable.sum()))
    cost, all_closed = site_costs(table)
    if choice.budget is not None:
        rows.append(("budget", cost, -np.inf, choice.budget - all_closed))
    if fair is not None and fair.pays_most < 1:
        partner = sites["partner"].to_numpy(str)
        for name in sorted(set(partner)):
            own = partner == name
            closing = float(sites["closing_cost"].to_numpy()[~candidate & own].sum())
            most = fair.pays_most * all_closed - closing
            rows.append((f"cost share of {name or 'nobody'}", cost * (own - fair.pays_most), -np.inf, most))
    matrix = (
        vstack([csr_array(row[1][None]) for row in rows], format="csr")
        if rows
        else csr_array((0, len(sites)))
    )
    least, most_ = (np.array([row[k] for row in rows], dtype=np.float64) for k in (2, 3))
    return SiteLimits(low, high, csr_array(matrix), least, most_, tuple(row[0] for row in rows))


def site_costs(table: SiteTable) -> tuple[NDArray[np.float64], float]:
    """Write the money that a plan takes as ``cost @ x + base``, for x, (s,), 1 where a site is open.

    Parameters
    ----------
    table
        Sites with their states and costs.

    Returns
    -------
    cost, base
        (s,) the opening cost of a candidate, less the closing cost of a station; and what it takes to close all.
    """
    sites = table.sites
    closing = np.where(table.existing, sites["closing_cost"].to_numpy(np.float64), 0.0)
    opening = np.where(table.existing, 0.0, sites["opening_cost"].to_numpy(np.float64))
    return opening - closing, float(closing.sum())


def check_asked(
    table: SiteTable,
    choice: Choice,
    *,
    fair: Fair | None = None,
    over: Over | None = None,
    weather: Iterable[str] = (),
    time_limit_s: float | None = None,
    gap: float = 0.0,
    per_site: int = 1,
    more: Iterable[Defect] = (),
) -> None:
    """Raise one error that names everything that cannot be meant by what is asked of a plan.

    Parameters
    ----------
    table, choice, fair, over
        What is asked.
    weather
        Ids of the weathers that count, if they do not come with `over`.
    time_limit_s, gap
        How long to look, and how near to the optimum to stop.
    per_site
        So many new units may stand at one candidate.
    more
        What is wrong with options of one model alone.

    Raises
    ------
    SitingError
        With all of it.
    """
    defects = [*_wrong_choice(table, choice, per_site), *more]
    if fair is not None:
        defects += _wrong_fair(table, fair)
    if over is not None:
        defects += _wrong_over(over)
        weather = [*over.weather, *weather]
    known = ", ".join(map(repr, table.seconds))
    defects += [
        Defect("", "weather", f"one of {known}", repr(name), "name one of the table, or add its times")
        for name in weather
        if name not in table.seconds
    ]
    if time_limit_s is not None and not time_limit_s >= 0:
        defects.append(Defect("", "time_limit_s", "seconds from 0 on", f"{time_limit_s}", "correct it"))
    if not 0 <= gap <= 1:
        remedy = "0.01 stands for 1 %; 0 for a proven optimum"
        defects.append(Defect("", "gap", "a share from 0 to 1", f"{gap}", remedy))
    if defects:
        raise SitingError(defects)


def _wrong_choice(table: SiteTable, choice: Choice, per_site: int) -> list[Defect]:
    count = table.sites["state"].value_counts()
    defects = []
    for name, number, kind, each in (
        ("add", choice.add, "candidate", per_site),
        ("close", choice.close, "closable", 1),
        ("move", choice.move, "movable", 1),
    ):
        there = int(count.get(kind, 0))
        if number is not None and not (0 <= number <= there * each and number == int(number)):
            units = f", {each} units each" if each > 1 else ""
            expected = f"a whole number from 0 to {there * each}: {there} {kind} sites{units}"
            remedy = f"ask for fewer, or give more {kind} sites"
            defects.append(Defect("", name, expected, f"{number}", remedy))
    if choice.budget is not None and not (choice.budget >= 0 and math.isfinite(choice.budget)):
        remedy = "leave it out if money does not matter"
        defects.append(Defect("", "budget", "money from 0 on", f"{choice.budget}", remedy))
    return defects


def _wrong_fair(table: SiteTable, fair: Fair) -> list[Defect]:
    floors = fair.floor if isinstance(fair.floor, Mapping) else {"": fair.floor}
    shares = {"pays_most": fair.pays_most} | {f"floor {name}".strip(): one for name, one in floors.items()}
    defects = [
        Defect("", name, "a share from 0 to 1", f"{share}", "0.8 stands for 80 %")
        for name, share in shares.items()
        if not 0 <= share <= 1
    ]
    if isinstance(fair.floor, Mapping):
        known = sorted(set(table.demand["jurisdiction"].astype(str)))
        if strange := [name for name in floors if name not in known]:
            expected = f"jurisdictions of the demand: {some(known)}"
            defects.append(Defect("", "floor", expected, some(strange), "correct the id, or leave it out"))
    return defects


def _wrong_over(over: Over) -> list[Defect]:
    defects = []
    if not over.weather:
        remedy = "name '' for fair weather, or scenarios"
        defects.append(Defect("", "weather", "at least one", "none", remedy))
    elif not sum(over.weather.values()) > 0:
        defects.append(Defect("", "weather", "one weight above 0", "none", "give the others weight 0"))
    defects += [
        Defect("", f"weight of {name!r}", "a number from 0 on", f"{weight}", "leave it out if unknown")
        for name, weight in over.weather.items()
        if not (weight >= 0 and math.isfinite(weight))
    ]
    if over.rule not in RULES:
        defects.append(Defect("", "rule", f"one of {', '.join(RULES)}", repr(over.rule), "correct it"))
    if not 0 < over.tail <= 1:
        remedy = "0.1 stands for the worst tenth"
        defects.append(Defect("", "tail", "a share above 0 up to 1", f"{over.tail}", remedy))
    return defects
