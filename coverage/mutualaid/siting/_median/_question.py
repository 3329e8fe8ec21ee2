"""What is asked of a p-median, as sums over points: times by weather, and what fairness needs to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mutualaid.errors import Defect
from mutualaid.siting._choice import Choice, Fair, Over, site_limits
from mutualaid.siting._median._limits import Limits, scaled
from mutualaid.siting._median._points import Points, joined, points_of
from mutualaid.siting._median._program import Aim
from mutualaid.siting._table import SiteTable

__all__ = ["Promise", "Question", "question"]

Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Promise:
    """What one of the sums must not exceed, and how to say so.

    Attributes
    ----------
    name
        Of the wish.
    most
        Of the sum.
    people
        All those whom the sum is about.
    late
        Whether it counts people who are not reached in time; else it adds up their seconds.
    share
        Whether the wish is a share of the people; else it is a number.
    """

    name: str
    most: float
    people: float
    late: bool
    share: bool

    def _said(self, total: float) -> str:
        if not self.late:
            return f"{total / self.people:.1f} seconds on average"
        within = self.people - total
        return f"{within / self.people:.1%} of the people" if self.share else f"{within:,.1f} people in time"

    def broken(self, best: float) -> Defect:
        """Say that the best that is possible is not enough."""
        order = "at most" if not self.late else "at least"
        got = f"{self._said(best)}, the best that is possible"
        return Defect(
            "", self.name, f"{order} {self._said(self.most)}", got, "ask for less, or allow more new stations"
        )


@dataclass(frozen=True, eq=False)
class Question:
    """A p-median with all that it depends on.

    Attributes
    ----------
    points
        Sums: first the time in each weather that counts, then one for each of `promises`.
    aim, limits
        What is made small, and which sites may be open together.
    promises
        What the other sums stand for.
    weather
        Ids of those that count.
    new
        (s,) whether there is no station yet.
    """

    points: Points
    aim: Aim
    limits: Limits
    promises: tuple[Promise, ...]
    weather: tuple[str, ...]
    new: Bool


def question(
    table: SiteTable, choice: Choice, over: Over, fair: Fair, cover_at_least: float | None
) -> Question:
    """Put times and wishes together."""
    limits = scaled(site_limits(table, choice, fair))
    weights = {name: weight for name, weight in over.weather.items() if weight > 0}
    share = np.array(list(weights.values())) / sum(weights.values())
    promises: list[Promise] = []
    # Points by weather, and the weight of each in sums: those of the objective, and those of the promises.
    pieces: list[tuple[Float64, dict[int, Float64]]] = []
    if cover_at_least is not None:
        everybody = float(table.weight.sum())
        promises.append(
            Promise("cover_at_least", everybody - cover_at_least, everybody, late=True, share=False)
        )
    for k, name in enumerate(weights):
        seconds = table.seconds[name]
        count = np.isfinite(seconds).any(axis=0)
        late = np.where(table.reach(name), 0.0, 1.0)
        pieces.append((seconds, {k: np.where(count, table.weight, 0.0)}))
        if cover_at_least is not None:
            pieces.append((late, {len(weights): table.weight * share[k]}))
        for times, found in ((seconds, _no_worse(table, name, fair)), (late, _floors(table, name, fair))):
            first = len(weights) + len(promises)
            pieces.append((times, {first + row: weight for row, (_, weight) in enumerate(found)}))
            promises += [promise for promise, _ in found]
    parts = []
    for times, rows in pieces:
        weight = np.zeros((len(weights) + len(promises), len(table.weight)))
        for row, values in rows.items():
            weight[row] = values
        some = weight.any(axis=0)
        parts.append(points_of(times[:, some], weight[:, some], limits.low > 0, limits.high > 0))
    most = np.array([promise.most for promise in promises])
    aim = Aim(share, over.rule, np.zeros(len(weights)), over.tail, most)
    return Question(joined(parts), aim, limits, tuple(promises), tuple(weights), ~table.existing)


def _no_worse(table: SiteTable, weather: str, fair: Fair) -> list[tuple[Promise, Float64]]:
    """Promise each partner that its people wait no longer than today, with the weight of each point in it."""
    today = table.seconds[weather][table.existing].min(axis=0, initial=np.inf)
    served = np.where(np.isfinite(today), table.weight, 0.0)
    seconds = np.where(np.isfinite(today), today, 0.0)
    when = f" in {weather}" if weather else ""
    found = []
    for who, weight in _groups(table, "partner", served) if fair.no_worse else ():
        most, people = float(weight @ seconds), float(weight.sum())
        found.append(
            (Promise(f"no_worse of {who or 'nobody'}{when}", most, people, late=False, share=False), weight)
        )
    return found


def _floors(table: SiteTable, weather: str, fair: Fair) -> list[tuple[Promise, Float64]]:
    """Promise each jurisdiction its share of people in time, with the weight of each point in it."""
    when = f" in {weather}" if weather else ""
    found = []
    for who, weight in _groups(table, "jurisdiction", table.weight):
        least = fair.floor.get(who, 0.0) if isinstance(fair.floor, Mapping) else fair.floor
        if least > 0:
            people = float(weight.sum())
            promise = Promise(
                f"floor of {who or 'nobody'}{when}", (1 - least) * people, people, late=True, share=True
            )
            found.append((promise, weight))
    return found


def _groups(table: SiteTable, column: str, people: Float64) -> list[tuple[str, Float64]]:
    """Weights of the points of each partner or jurisdiction that has people, by its id."""
    ids = table.demand[column].to_numpy(str)
    found = [(str(name), np.where(ids == name, people, 0.0)) for name in sorted(set(ids))]
    return [(name, weight) for name, weight in found if weight.any()]
