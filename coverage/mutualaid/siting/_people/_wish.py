"""What a plan of coverage is to achieve and what it owes, written as tails over blocks of people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mutualaid.siting._choice import Fair, Over
from mutualaid.siting._people._tail import Tail
from mutualaid.siting._table import SiteTable

__all__ = ["Blocks", "blocks", "owed", "rule", "stages"]


@dataclass(frozen=True, eq=False)
class Blocks:
    """Into which blocks the people of a question fall.

    Attributes
    ----------
    weather
        Those that count, with weights that sum to 1.
    weight
        (w, n) people; times the weight of the weather if blocks go over all weathers.
    block
        (w, n) block of each.
    total
        (w, blocks) part of each block in the people of each weather; one row, the mean, if blocks go over all.
    partner, jurisdiction
        Blocks of each weather (``(w, blocks)``, as `total`) by id, as far as fairness asks for them.
    people
        Of each partner and each jurisdiction, (in a tuple of these two), by id.
    """

    weather: Mapping[str, float]
    weight: NDArray[np.float64]
    block: NDArray[np.int64]
    total: NDArray[np.float64]
    partner: Mapping[str, NDArray[np.float64]]
    jurisdiction: Mapping[str, NDArray[np.float64]]
    people: tuple[Mapping[str, float], Mapping[str, float]]


def blocks(table: SiteTable, over: Over, fair: Fair) -> Blocks:
    """Part the people as coarsely as the rule and fairness allow."""
    counting = {name: weight for name, weight in over.weather.items() if weight > 0}
    weather = {name: weight / sum(counting.values()) for name, weight in counting.items()}
    floors = _floors(table, fair)
    columns = {
        "partner": fair.no_worse or fair.worst_first,
        "jurisdiction": any(share > 0 for share in floors.values()),
    }
    demand = table.demand
    used = [name for name, is_used in columns.items() if is_used]
    part = (
        demand.groupby(used, sort=True, observed=True).ngroup().to_numpy() if used else np.zeros(len(demand))
    )
    parts = int(part.max()) + 1
    separate = over.rule != "expected" or (len(weather) > 1 and (fair.no_worse or columns["jurisdiction"]))
    probability = np.array(list(weather.values()))
    number = np.arange(len(weather)) * parts if separate else np.zeros(len(weather))
    block = (number[:, None] + part).astype(np.int64)
    weight = np.outer(np.ones(len(weather)) if separate else probability, table.weight)
    total = np.repeat(np.eye(len(weather)), parts, axis=1) if separate else np.ones((1, parts))
    of: dict[str, dict[str, NDArray[np.float64]]] = {"partner": {}, "jurisdiction": {}}
    people: dict[str, dict[str, float]] = {"partner": {}, "jurisdiction": {}}
    for name in used:
        for key, rows in demand.groupby(name, sort=True, observed=True).indices.items():
            here = np.isin(np.arange(parts), part[rows])
            of[name][str(key)] = total * np.tile(here, total.shape[1] // parts)
            people[name][str(key)] = float(table.weight[rows].sum())
    return Blocks(
        weather,
        weight,
        block,
        total,
        of["partner"],
        of["jurisdiction"],
        (people["partner"], people["jurisdiction"]),
    )


def rule(parts: Blocks, over: Over, best: NDArray[np.float64] | None = None) -> Tail:
    """Write the rule over scenarios; for ``regret`` with the best of each weather, which makes it a negative number."""
    probability = _probability(parts)
    share = {"expected": 1.0, "worst": 0.0, "regret": 0.0, "cvar": over.tail}[over.rule]
    return Tail(parts.total, np.zeros(len(probability)) if best is None else -best, probability, share)


def owed(
    table: SiteTable, fair: Fair, parts: Blocks, today: NDArray[np.float64]
) -> tuple[Tail | None, tuple[str, ...]]:
    """Write what is owed to partners and jurisdictions as the least of what they have beyond it, in people.

    Also returns to whom each value belongs. `today` is (blocks,) people reached today.
    """
    of, shift, name = [], [], []
    weathers = list(parts.weather) if len(parts.total) == len(parts.weather) else [""]
    if fair.no_worse:
        for partner, rows in parts.partner.items():
            for weather, row in zip(weathers, rows, strict=True):
                of.append(row)
                shift.append(-float(row @ today))
                name.append(f"partner {partner}{_in(weather)}")
    for jurisdiction, share in _floors(table, fair).items():
        if share > 0:
            for weather, row in zip(weathers, parts.jurisdiction[jurisdiction], strict=True):
                of.append(row)
                shift.append(-share * parts.people[1][jurisdiction])
                name.append(f"jurisdiction {jurisdiction}{_in(weather)}")
    if not of:
        return None, ()
    return Tail(np.array(of), np.array(shift), np.full(len(of), 1 / len(of)), 0.0), tuple(name)


def stages(parts: Blocks) -> list[Tail]:
    """Write lexicographic maximin of the partners' expected shares: the mean of the k least, for each k."""
    people = parts.people[0]
    probability = _probability(parts)
    names = [name for name in parts.partner if people[name] > 0]
    of = np.array([probability @ parts.partner[name] / people[name] for name in names])
    even = np.full(len(names), 1 / max(len(names), 1))
    return [
        Tail(of, np.zeros(len(names)), even, k / len(names) if k > 1 else 0.0)
        for k in range(1, len(names) + 1)
    ]


def _probability(parts: Blocks) -> NDArray[np.float64]:
    """Weight of each row of the totals."""
    is_each = len(parts.total) == len(parts.weather)
    return np.array(list(parts.weather.values())) if is_each else np.ones(1)


def _floors(table: SiteTable, fair: Fair) -> dict[str, float]:
    """Floor of each jurisdiction where somebody lives."""
    lives = table.demand.groupby("jurisdiction", sort=True, observed=True)["population"].sum()
    if isinstance(fair.floor, Mapping):
        return {str(name): share for name, share in fair.floor.items() if lives[name] > 0}
    return {str(name): fair.floor for name, people in lives.items() if people > 0}


def _in(weather: str) -> str:
    return f" in {weather}" if weather else ""
