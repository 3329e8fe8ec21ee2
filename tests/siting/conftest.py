"""Real data, and every plan of a small question weighed by the definition of its model."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import shortest_path

from mutualaid.siting import Choice, Fair, Over, SiteTable, site_table

# Real data


@dataclass(frozen=True)
class Pmed:
    """A p-median question of the OR-Library: all nodes are sites and demand, one person each."""

    table: SiteTable
    p: int
    median: float


def read_pmed(folder: Path, number: int) -> Pmed:
    """All shortest ways between the nodes; of a road that is given twice the last length counts."""
    numbers = np.array((folder / f"pmed{number}.txt").read_text(encoding="utf-8").split(), dtype=np.int64)
    n, p = int(numbers[0]), int(numbers[2])
    length = {
        (min(a, b), max(a, b)): metres for a, b, metres in (numbers[3:].reshape(-1, 3) - (1, 1, 0)).tolist()
    }
    ends = np.array(list(length)).T
    roads = coo_array((np.array(list(length.values()), dtype=np.float64), (ends[0], ends[1])), shape=(n, n))
    names = [str(k + 1) for k in range(n)]
    demand = pd.DataFrame({"population": np.ones(n)}, index=names)
    table = site_table(shortest_path(roads.tocsr(), directed=False), names, demand, limit_s=50)
    optima = (folder / "pmedopt.txt").read_text(encoding="utf-8").split()
    return Pmed(table, p, float(optima[optima.index(f"pmed{number}") + 1]))


def read_san_francisco(folder: Path, limit_m: float = 5000.0) -> SiteTable:
    """16 stores and 205 census tracts; network metres stand for seconds."""
    tracts = pd.read_csv(folder / "SF_demand_205_centroid_uniform_weight.csv", dtype={"ID": str, "NAME": str})
    ways = pd.read_csv(
        folder / "SF_network_distance_candidateStore_16_censusTract_205_new.csv",
        dtype={"DestinationName": str},
    )
    ways = ways.drop(columns="demand")  # people, which stand in the other table
    long = ways.rename(columns={"name": "site", "DestinationName": "demand", "distance": "seconds"})
    demand = tracts.set_index("NAME")[["POP2000"]].rename(columns={"POP2000": "population"})
    stores = pd.read_csv(folder / "SF_store_site_16_longlat.csv")["NAME"].tolist()
    return site_table(long, stores, demand, limit_s=limit_m)


@pytest.fixture(scope="session")
def san_francisco(shared_data: Path) -> Callable[..., SiteTable]:
    """Call it with the limit in metres; all sites are candidates."""
    folder = shared_data / "siting" / "spopt_sf"
    if not folder.is_dir():
        pytest.skip("real data not found: shared/data/siting/spopt_sf")
    return lambda limit_m=5000.0: read_san_francisco(folder, limit_m)


@pytest.fixture(scope="session")
def pmed(shared_data: Path) -> Callable[[int], Pmed]:
    """Call it with the number of the question: its table, p, and the published optimum of the p-median."""
    folder = shared_data / "siting" / "orlib_pmed"
    if not folder.is_dir():
        pytest.skip("real data not found: shared/data/siting/orlib_pmed")
    return lambda number: read_pmed(folder, number)


# Brute force: every plan that a choice allows, weighed by the definition of its model

#: Sums of people and costs are compared with this much room for rounding.
CLOSE = 1e-9
#: What one weather gives, one number a plan, of all demand or of some.
Result = Callable[["Oracle", str, NDArray[np.bool_] | None], NDArray[np.float64]]


class Oracle:
    """Every plan that is allowed, one a row; written from the definitions, with nothing of the solvers.

    Attributes
    ----------
    units
        (m, s) units at each site.
    cost
        (m,) opening and closing costs.
    now
        The same with one row: the stations as they are.
    """

    def __init__(
        self, table: SiteTable, choice: Choice, fair: Fair | None = None, *, per_site: int | None = None
    ) -> None:
        self.table, self.fair = table, fair or Fair()
        state = table.sites["state"].to_numpy(str)
        own = np.ones(len(state), dtype=np.int64) if per_site is None else table.sites["units"].to_numpy()
        options = [
            range((per_site or 1) + 1) if kind == "candidate" else (n,) if kind == "fixed" else (0, n)
            for kind, n in zip(state, own.tolist(), strict=True)
        ]
        units = np.array(list(product(*options)), dtype=np.int64)
        given_up = ((units == 0) & (state == "movable")).sum(axis=1)
        closed = ((units == 0) & (state == "closable")).sum(axis=1)
        added = np.where(state == "candidate", units, 0).sum(axis=1)
        opening, closing = (
            table.sites[f"{what}_cost"].to_numpy(np.float64) for what in ("opening", "closing")
        )
        paid = np.where(state == "candidate", (units > 0) * opening, (units == 0) * closing)
        cost = paid.sum(axis=1)
        allowed = (given_up <= choice.move) & (closed <= choice.close)
        if choice.add is not None:
            allowed &= added <= choice.add + given_up
        if choice.budget is not None:
            allowed &= cost <= choice.budget + CLOSE
        for partner in set(table.sites["partner"]):
            part = paid[:, (table.sites["partner"] == partner).to_numpy()].sum(axis=1)
            allowed &= part <= self.fair.pays_most * cost + CLOSE
        self.units, self.cost = units[allowed], cost[allowed]
        self.now = copy(self)
        self.now.units, self.now.cost = np.where(state == "candidate", 0, own)[None], np.zeros(1)

    def row(self, units: NDArray[np.int64]) -> int:
        """Which of the plans this is; it must be one of them."""
        found = np.flatnonzero((self.units == units).all(axis=1))
        assert len(found) == 1, f"{units} is not allowed"
        return int(found[0])

    def distance(self, units: NDArray[np.int64]) -> NDArray[np.int64]:
        """(m,) sites in which each plan differs from one; at candidates the units are counted."""
        differ = np.abs(self.units - units)
        return np.asarray(np.where(self.table.existing, differ > 0, differ).sum(axis=1))

    # One number a plan, in one weather

    def people(self, weather: str, where: NDArray[np.bool_] | None = None, least: int = 1) -> NDArray[Any]:
        """People whom so many stations reach in time."""
        stations = (self.units > 0).astype(np.int64) @ self.table.reach(weather)
        return np.asarray((stations >= least) @ self.weight(where))

    def people_in_each(self, weathers: Sequence[str], *, least: int) -> NDArray[Any]:
        """People whom so many stations reach in time in every weather."""
        reached = [(self.units > 0).astype(np.int64) @ self.table.reach(name) for name in weathers]
        return np.asarray((np.min(reached, axis=0) >= least) @ self.table.weight)

    def expected(
        self, weather: str, where: NDArray[np.bool_] | None = None, *, busy: float
    ) -> NDArray[np.float64]:
        """People times the chance that of the units in reach not all are busy."""
        return np.asarray((1.0 - busy ** (self.units @ self.table.reach(weather))) @ self.weight(where))

    def times(self, weather: str) -> NDArray[np.float64]:
        """(m, n) seconds of the nearest station."""
        seconds = np.where((self.units > 0)[:, :, None], self.table.seconds[weather], np.inf)
        return np.asarray(seconds.min(axis=1))

    def reachable(self, weather: str, limit_s: float = np.finfo(float).max) -> NDArray[np.bool_]:
        """(n,) points with people that some site reaches within a limit, were it open."""
        return np.asarray((self.table.seconds[weather] <= limit_s).any(axis=0)) & (self.table.weight > 0)

    def weighted_times(self, weather: str, where: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
        """People times seconds; inf where somebody is left out whom a site could reach."""
        count = self.reachable(weather) & (True if where is None else where)
        return np.asarray(self.times(weather)[:, count] @ self.table.weight[count])

    def longest(self, weather: str) -> NDArray[np.float64]:
        """Seconds to the last of those whom a site could reach."""
        return np.asarray(self.times(weather)[:, self.reachable(weather)].max(axis=1, initial=0.0))

    def reaches_all(self, weather: str, limit_s: float) -> NDArray[np.bool_]:
        """Whether all are reached within a limit whom a site could reach within it."""
        late = self.times(weather)[:, self.reachable(weather, limit_s)] > limit_s
        return np.asarray(~late.any(axis=1))

    def served(self, weather: str) -> NDArray[np.float64]:
        """People whom stations of limited capacity serve: the largest flow, which is the least cut.

        A cut takes the capacity of some open stations, and all the people that the others reach.
        """
        reach, capacity = self.table.reach(weather), self.table.sites["capacity"].to_numpy(np.float64)
        sides = np.array(list(product([False, True], repeat=len(capacity))))
        cuts = [
            np.where(sides & stations, capacity, 0.0).sum(axis=1)
            + ((~sides & stations) @ reach) @ self.table.weight
            for stations in self.units > 0
        ]
        return np.asarray(np.min(cuts, axis=1))

    def weight(self, where: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
        return self.table.weight if where is None else np.where(where, self.table.weight, 0.0)

    # Several weathers, and what is owed to each partner

    def over(
        self,
        over: Over,
        result: Result,
        *,
        maximise: bool = True,
        ok: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.float64]:
        """Objective of each plan; the regret is against the best of those that are ok, and less is better."""
        found = np.array([result(self, name, None) for name in counting(over)])
        share = np.array(list(counting(over).values())) / sum(counting(over).values())
        if over.rule == "expected":
            return np.asarray(share @ found)
        better = found if maximise else -found
        if over.rule == "worst":
            return np.asarray(better.min(axis=0) * (1 if maximise else -1))
        if over.rule == "regret":
            best = better[:, slice(None) if ok is None else ok].max(axis=1, initial=-np.inf)
            with np.errstate(invalid="ignore"):  # nobody reaches all in some weather: no number
                return np.asarray((best[:, None] - better).max(axis=0))
        tails = []
        for column in better.T:
            left, total = over.tail, 0.0
            for k in np.argsort(column):
                part = min(share[k], left)
                if part > 0:
                    total, left = total + part * column[k], left - part
            tails.append(total / over.tail)
        return np.array(tails) * (1 if maximise else -1)

    def is_fair(
        self, over: Over, result: Result, *, maximise: bool = True, reached: Result | None = None
    ) -> NDArray[np.bool_]:
        """Whether no partner is worse off than today and each jurisdiction has its floor, in each weather.

        `result` is what a partner has, `reached` the people that count for the floor.
        """
        reached, fair = reached or result, np.ones(len(self.units), dtype=bool)
        for weather in counting(over):
            served = np.isfinite(self.now.times(weather)[0])
            for where in self.groups("partner").values() if self.fair.no_worse else ():
                counts = where if maximise else where & served
                gain = result(self, weather, counts) - result(self.now, weather, counts)
                fair &= (gain if maximise else -gain) >= -CLOSE
            for name, where in self.groups("jurisdiction").items():
                floor = self.fair.floor
                share = floor.get(name, 0.0) if isinstance(floor, Mapping) else floor
                fair &= reached(self, weather, where) >= share * self.weight(where).sum() - CLOSE
        return fair

    def worst_first(self, over: Over, reached: Result) -> NDArray[np.float64]:
        """(m, partners) expected shares of the partners' people, the least first."""
        weights = counting(over)
        shares = [
            sum(weight * reached(self, name, where) for name, weight in weights.items())
            / (sum(weights.values()) * self.weight(where).sum())
            for where in self.groups("partner").values()
        ]
        return np.sort(np.array(shares).T.reshape(len(self.units), -1), axis=1)

    def groups(self, column: str) -> dict[str, NDArray[np.bool_]]:
        """Demand by partner or jurisdiction, of those that have people."""
        ids = self.table.demand[column].to_numpy(str)
        found = {name: ids == name for name in sorted(set(ids))}
        return {name: where for name, where in found.items() if self.weight(where).sum() > 0}

    @staticmethod
    def best(ok: NDArray[np.bool_], *stages: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of the rows that are ok have most in the first stage, of those most in the second, and so on."""
        best = ok & np.isfinite(np.column_stack(stages)).all(axis=1)
        for stage in stages:
            most = stage.max(initial=-np.inf, where=best)
            best &= stage >= most - CLOSE * max(1.0, abs(most))
        return np.asarray(best)


def counting(over: Over) -> dict[str, float]:
    """Weathers that count."""
    return {name: weight for name, weight in over.weather.items() if weight > 0}


# Random questions

TIMES = np.array([100, 200, 299.5, 300, 300.5, 400, 500, 700, np.inf, np.inf])
PEOPLE = np.array([1, 0, 2, 3, 3, 5, 10, 0.5, 0.1, 1000])
COSTS = np.array([1, 0, 2, 0.5, 3.25, 1, 7])
CAPACITIES = np.array([np.inf, 0, 1, 3, 5, 10, 12.5])
STATES = ("candidate", "candidate", "candidate", "fixed", "closable", "movable")


def picks(draw: st.DrawFn, values: Sequence[Any] | NDArray[Any], *shape: int) -> NDArray[Any]:
    """An array of any of the values."""
    size = int(np.prod(shape))
    drawn = np.frombuffer(draw(st.binary(min_size=size, max_size=size)), dtype=np.uint8)
    return np.asarray(values)[drawn % len(values)].reshape(shape)


@st.composite
def tables(
    draw: st.DrawFn, *, weathers: int = 3, most_sites: int = 7, states: Sequence[str] = STATES
) -> SiteTable:
    """Few sites and points with ties, equal rows and columns, times without end, points without people."""
    s, n = draw(st.integers(1, most_sites)), draw(st.integers(1, 12))
    names = ("", "flood", "quake")[: draw(st.integers(1, weathers))]
    row, column = picks(draw, range(s), s), picks(draw, range(n), n)
    seconds = {}
    for name in names:
        array = picks(draw, TIMES, s, n)
        # Some sites are like others, and some points.
        row, column = (np.where(at % 3 == 0, at, np.arange(len(at))) for at in (row, column))
        seconds[name] = array[row][:, column]
    sites = pd.DataFrame(
        {
            "state": picks(draw, states, s),
            "partner": picks(draw, ["A", "B", "C", ""], s),
            "opening_cost": picks(draw, COSTS, s),
            "closing_cost": picks(draw, COSTS, s),
            "capacity": picks(draw, CAPACITIES, s),
            "units": picks(draw, [1, 2], s),
        },
        index=[f"s{k}" for k in range(s)],
    )
    demand = pd.DataFrame(
        {
            "population": picks(draw, PEOPLE, n),
            "partner": picks(draw, ["A", "B", "C"], n),
            "jurisdiction": picks(draw, ["u", "v"], n),
        },
        index=[f"d{k}" for k in range(n)],
    )
    return site_table(seconds, sites, demand, limit_s=300.0)


@st.composite
def choices(draw: st.DrawFn, table: SiteTable, *, per_site: int = 1) -> Choice:
    """Any that does not ask for more than there is."""
    count = table.sites["state"].value_counts()
    add = draw(st.none() | st.integers(0, per_site * int(count.get("candidate", 0))))
    close, move = (draw(st.integers(0, int(count.get(kind, 0)))) for kind in ("closable", "movable"))
    return Choice(add, close, move, draw(st.none() | st.sampled_from([0.0, 1.0, 2.0, 3.5, 8.25])))


@st.composite
def overs(draw: st.DrawFn, table: SiteTable) -> Over:
    """Any rule over some of the weathers of a table."""
    names = draw(st.lists(st.sampled_from(list(table.seconds)), min_size=1, unique=True))
    weights = {name: draw(st.sampled_from([1.0, 0.5, 3.0, 0.01])) for name in names}
    rules = st.sampled_from(["expected", "worst", "regret", "cvar"])
    return Over(weights, draw(rules), draw(st.sampled_from([0.1, 0.25, 0.5, 0.9, 1.0])))


@st.composite
def fairs(draw: st.DrawFn, table: SiteTable, *, worst_first: bool = True) -> Fair:
    """Wishes that leave a plan, or do not."""
    ids = sorted(set(table.demand["jurisdiction"]))
    share = st.sampled_from([0.0, 0.0, 0.2, 0.5, 1.0])
    floor = draw(share | st.dictionaries(st.sampled_from(ids), share))
    pays_most = draw(st.sampled_from([1.0, 1.0, 0.6]))
    return Fair(draw(st.booleans()), floor, draw(st.booleans()) and worst_first, pays_most)


@pytest.fixture(scope="session")
def brute_force() -> ModuleType:
    """This file: `Oracle` and the random questions."""
    return sys.modules[__name__]
