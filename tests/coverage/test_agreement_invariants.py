"""Level `agreed` on any roads, borders and agreements: against a search of all ways, and what must always hold."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pyproj import CRS

from mutualaid.coverage import Standard, coverage, levels
from mutualaid.coverage._fleets import crossing_delays
from mutualaid.coverage._today import times_today, today
from mutualaid.data import Agreement, AgreementCrossing, Parameters, contradictions
from mutualaid.network import ROAD_CLASSES, Network, profile, route_graph

UTM = CRS.from_epsg(32632)
RULE = Standard(id="r", name="8 minutes from the alert", limit_s=480.0)
#: Partner and country of each jurisdiction: one partner has an exclave, and two partners share a country.
PARTNER = {"A": "A", "a": "A", "B": "B", "C": "C"}
COUNTRY = {"A": "AA", "a": "AX", "B": "BB", "C": "BB"}
PARTNERS = ("A", "B", "C")
#: A fire engine drives 15 km/h on a service road, which makes no junction.
KPH = 15.0
INF = math.inf


@dataclass(frozen=True)
class Case:
    """A tiny region with its roads; stations and places stand in the middle of roads."""

    network: Network
    jurisdictions: gpd.GeoDataFrame
    stations: gpd.GeoDataFrame
    demand: gpd.GeoDataFrame
    agreements: tuple[Agreement, ...]
    parameters: Parameters


@dataclass(frozen=True)
class Found:
    """What is computed for a case."""

    times: pd.DataFrame
    agreed: pd.DataFrame
    covered: gpd.GeoDataFrame


def solve(case: Case) -> Found:
    """Do what `analyse` does, without pictures and numbers."""
    parameters = case.parameters
    crossing_ms = np.rint(crossing_delays(case.network, parameters) * 1000).astype(np.int64)
    graph = route_graph(case.network, profile(parameters.profile), crossing_ms=crossing_ms)
    origins, places = (
        table[["road", "fraction", "road_status"]].rename(columns={"road_status": "status"})
        for table in (case.stations, case.demand)
    )
    now = today(
        case.network, graph, case.stations, case.demand, case.jurisdictions, parameters, case.agreements
    )
    times, agreed, _ = times_today(graph, now, origins, places, case.stations, case.demand, parameters)
    assert agreed is not None
    return Found(times, agreed, coverage(times, case.demand, case.stations, RULE, agreed=agreed))


# --- tiny regions -------------------------------------------------------------------------------------------------


def _network(
    lands: Sequence[str], roads: Sequence[tuple[int, int, int, str, int, bool]], random: Random
) -> Network:
    """Nodes with their jurisdictions; roads (a, b, seconds, access, oneway, slow for civilians); else crossings."""
    count = len(roads)
    border = np.array([lands[a] != lands[b] for a, b, *_ in roads], dtype=np.bool_)
    seconds = np.array([0 if out else road[2] for road, out in zip(roads, border, strict=True)], dtype=float)
    limit = np.array([KPH / 2 if road[5] else np.nan for road in roads], dtype=np.float32)
    ends = np.array([road[:2] for road in roads], dtype=np.int32).reshape(-1, 2)
    sides = [(lands[a], lands[b]) for (a, b, *_), out in zip(roads, border, strict=True) if out]
    x = np.arange(0.0, 1000.0 * len(lands), 1000.0)
    y = np.array([random.uniform(0, 5000) for _ in lands])
    table = pd.DataFrame(
        {
            "a": ends[:, 0], "b": ends[:, 1], "length_m": seconds * KPH / 3.6,
            "way": np.arange(1, count + 1), "class": pd.Categorical(["service"] * count, categories=ROAD_CLASSES),
            "name": "", "maxspeed_forward_kph": limit, "maxspeed_backward_kph": limit, "lanes": np.float32(np.nan),
            "oneway": np.array([road[4] for road in roads], dtype=np.int8), "bridge": False, "tunnel": False,
            "covered": False, "layer": np.int8(0), "access": pd.Categorical([road[3] for road in roads]),
            "max_height_m": np.float32(np.nan), "max_weight_t": np.float32(np.nan),
            "jurisdiction": pd.Categorical(
                [None if out else lands[road[0]] for road, out in zip(roads, border, strict=True)]
            ),
            "crossing": np.where(border, np.cumsum(border) - 1, -1).astype(np.int32),
        }
    )  # fmt: skip
    crossings = gpd.GeoDataFrame(
        {
            "name": "", "from_jurisdiction": [one for one, _ in sides], "to_jurisdiction": [one for _, one in sides],
            "international": np.array([COUNTRY[one] != COUNTRY[other] for one, other in sides], dtype=np.bool_),
        },
        geometry=[shapely.Point(0, 0)] * len(sides), crs=UTM,
        index=pd.Index([f"x{i}" for i in range(len(sides))], name="crossing", dtype="str"),
    )  # fmt: skip
    xy = np.column_stack([x, y])
    return Network(
        crs=UTM, node_id=np.arange(len(lands)), x=x, y=y, roads=table, road_xy=xy[ends.ravel()],
        road_offset=2 * np.arange(count + 1), crossings=crossings,
    )  # fmt: skip


def _region(random: Random) -> Case:
    lands = [random.choice("AaBC") for _ in range(random.randint(3, 6))]
    pairs = [(a, b) for a in range(len(lands)) for b in range(a + 1, len(lands))]
    picked = random.sample(pairs, min(len(pairs), random.randint(len(lands) - 1, len(lands) + 2)))
    # Each node has a short road to a node of its own, so that every jurisdiction has a road to stand on.
    picked += [(i, len(lands) + i) for i in range(len(lands))]
    roads = []
    for a, b in picked:
        one_way = random.choice([0, 0, 0, 1, -1])
        access = random.choice(["yes", "yes", "yes", "private"])
        # Even seconds: half a road is a whole number of milliseconds.
        pair = (a, b) if random.random() < 0.5 else (b, a)
        roads.append((*pair, 2 * random.randint(1, 60), access, one_way, random.random() < 0.5))
    network = _network(lands * 2, roads, random)
    standing = np.flatnonzero(network.roads["crossing"].to_numpy() < 0)
    side = network.roads["jurisdiction"].astype(object).to_numpy()

    def points(prefix: str, most: int, **columns: Any) -> gpd.GeoDataFrame:
        road = np.array([random.choice(standing) for _ in range(random.randint(1, most))])
        return gpd.GeoDataFrame(
            {
                "jurisdiction": side[road],
                "partner": [PARTNER[one] for one in side[road]],
                "road": road,
                "fraction": 0.5,
                "road_status": "ok",
                **{name: [draw() for _ in road] for name, draw in columns.items()},
            },
            geometry=[shapely.Point(random.randint(-3000, 13000), 0) for _ in road],
            index=pd.Index([f"{prefix}{i}" for i in range(len(road))], name="id"), crs=UTM,
        )  # fmt: skip

    turnouts = iter(random.sample(range(60), 60))  # no two alike, so that no two stations tie by chance
    stations = points(
        "s", 5, department=lambda: "career", turnout_s=lambda: 60.0 + next(turnouts) / 100,
        units=lambda: random.choice([math.nan, 1.0, 2.0, 3.0]),
    )  # fmt: skip
    jurisdictions = gpd.GeoDataFrame(
        {"partner": [*PARTNER.values()]},
        geometry=[shapely.box(3000 * i, -10, 3000 * i + 1000, 10) for i in range(len(PARTNER))],
        index=pd.Index([*PARTNER], name="id"), crs=UTM,
    )  # fmt: skip
    demand = points("d", 5, population=lambda: float(random.randint(0, 9)))
    crossings = list(network.crossings.index)
    parameters = Parameters(
        crossing_s=float(random.choice([0, 0, 30, 100])),
        dispatch_s=float(random.choice([0, 0, 60])),
        crossing_delay_s={name: float(random.choice([0, 50])) for name in crossings if random.random() < 0.2},
        availability=random.choice([1.0, 1.0, 0.7]),
    )
    agreements = [_agreement(random, "one", crossings, stations.index)]
    if random.random() < 0.5:
        other = _agreement(random, "two", crossings, stations.index)
        agreements += [other] * (not contradictions([*agreements, other]))
    return Case(network, jurisdictions, stations, demand, tuple(agreements), parameters)


def _agreement(random: Random, key: str, crossings: list[str], stations: Iterable[str]) -> Agreement:
    parties = tuple(random.sample(PARTNERS, random.choice([2, 2, 3])))
    helpers = tuple(random.sample(parties, random.randint(1, len(parties)))) if random.random() < 0.5 else ()
    allowed = tuple(name for name in crossings if random.random() < 0.8) if random.random() < 0.3 else ()
    entries = tuple(_entry(random, name) for name in allowed or crossings if random.random() < 0.3)
    there = [*stations, "*"]
    return Agreement(
        id=key,
        parties=parties,
        helpers=helpers,
        mode=random.choice(["automatic", "on_request", "subsidiary"]),
        dispatch_delay_s=random.choice([None, 0.0, 40.0, 120.0]),
        crossing_delay_s=random.choice([None, 0.0, 20.0, 150.0]),
        crossings=allowed,
        crossing=entries,
        strip_km=random.choice([INF, INF, 0.5, 2.0, 5.0]),
        transit=random.random() < 0.6,
        priority_abroad=random.choice(["as_host", "civilian"]),
        excluded_pairs=tuple(
            (random.choice(there), random.choice(there)) for _ in range(random.choice([0, 0, 1, 2]))
        ),
        home_cover_min=random.choice([0, 1, 2]),
        availability=random.choice([1.0, 0.8, 0.3]),
    )


def _entry(random: Random, name: str) -> AgreementCrossing:
    return AgreementCrossing(
        id=name,
        delay_s=random.choice([None, 0.0, 70.0]),
        open=random.random() < 0.8,
        services=random.choice([(), (), ("fire",), ("ems",)]),
        hours=random.choice([(), (), ("day", "night"), ("night",)]),
        max_height_m=random.choice([math.nan, math.nan, 3.3, 3.0]),
        max_weight_t=random.choice([math.nan, math.nan, 16.0, 12.0]),
    )


CASES = st.randoms(use_true_random=False).map(_region)


# --- the rules of decision 0013, word by word ---------------------------------------------------------------------

#: A step of a way: where it leads, the road, whether along it, and which part of the road it is.
_Step = tuple[int, int, bool, float]


def ways(steps: Mapping[int, list[_Step]], at: int, to: int, seen: frozenset[int]) -> Iterator[list[_Step]]:
    """Give every way that comes to no place twice."""
    if at == to:
        yield []
        return
    for step in steps.get(at, []):
        if step[0] not in seen:
            for rest in ways(steps, step[0], to, seen | {step[0]}):
                yield [step, *rest]


class ByTheBook:
    """The case, with everything that a vehicle and a station may do read off the decision."""

    def __init__(self, case: Case) -> None:
        self.case = case
        roads = case.network.roads
        self.roads = roads.to_dict("records")
        n = case.network.n_nodes
        self.steps: dict[int, list[_Step]] = {}
        for number, road in enumerate(self.roads):
            line = [road["a"], road["b"]] if road["crossing"] >= 0 else [road["a"], n + number, road["b"]]
            for along, nodes in ((True, line), (False, line[::-1])):
                for one, other in pairwise(nodes):
                    self.steps.setdefault(one, []).append((other, number, along, 1 / (len(line) - 1)))
        self.middle = n
        self.home = {str(name): str(one) for name, one in case.stations["partner"].items()}
        self.host = {str(name): str(one) for name, one in case.demand["partner"].items()}
        self.ways: dict[tuple[int, int], list[list[_Step]]] = {}

    def between(self, start: int, end: int) -> list[list[_Step]]:
        """All ways from the middle of a road to that of another."""
        if (start, end) not in self.ways:
            one, other = self.middle + start, self.middle + end
            self.ways[start, end] = list(ways(self.steps, one, other, frozenset([one])))
        return self.ways[start, end]

    def helping(self, helper: str, host: str) -> Agreement | None:
        """The agreement by which one helps the other."""
        return next((one for one in self.case.agreements if (helper, host) in one.pairs), None)

    def agreed_with(self, mine: str, other: str) -> list[Agreement]:
        """What binds my vehicles there: that by which I help, else by which I am helped, else what names us both."""
        for one in (self.helping(mine, other), self.helping(other, mine)):
            if one is not None:
                return [one]
        return [one for one in self.case.agreements if {mine, other} <= set(one.parties)]

    def joint_delay(self, crossing: int) -> float:
        table, parameters = self.case.network.crossings, self.case.parameters
        general = parameters.crossing_s if table["international"].iloc[crossing] else 0.0
        return float(parameters.crossing_delay_s.get(table.index[crossing], general))

    def passing(self, one: Agreement, crossing: int) -> float:
        """Seconds at a crossing by an agreement; inf if it may not be passed."""
        table, parameters = self.case.network.crossings, self.case.parameters
        name = table.index[crossing]
        if one.crossings and name not in one.crossings:
            return INF
        delay = self.joint_delay(crossing)
        if one.crossing_delay_s is not None and table["international"].iloc[crossing]:
            delay = one.crossing_delay_s
        for item in one.crossing:
            here = item.id == name and (not item.services or parameters.service in item.services)
            if here and (not item.hours or parameters.hour in item.hours):
                if not item.open or item.max_height_m < 3.3 or item.max_weight_t < 16:
                    return INF
                return delay if item.delay_s is None else item.delay_s
        return delay

    def step(self, home: str, host: str, step: _Step, *, joint: bool) -> tuple[float, float]:
        """Seconds of driving and at the border; inf where a vehicle of `home` on its way to `host` may not go."""
        _, number, along, share = step
        road = self.roads[number]
        if road["crossing"] >= 0:
            table = self.case.network.crossings.iloc[road["crossing"]]
            names = [PARTNER[table["from_jurisdiction"]], PARTNER[table["to_jurisdiction"]]]
            left, entered = names if along else names[::-1]
            if joint or left == entered:
                return 0.0, self.joint_delay(road["crossing"])
            other = left if entered == home else entered
            agreed = self.agreed_with(home, other)
            if entered not in (home, host) and not all(one.transit for one in agreed):
                return 0.0, INF
            costs = [self.passing(one, road["crossing"]) for one in agreed]
            return 0.0, max(costs, default=self.joint_delay(road["crossing"]))
        drive_s = share * road["length_m"] * 3.6 / KPH
        land = PARTNER[road["jurisdiction"]]
        if joint or land == home:
            return drive_s, 0.0
        agreed = self.agreed_with(home, land)
        if land != host and not all(one.transit for one in agreed):
            return INF, 0.0
        if any(one.priority_abroad == "civilian" for one in agreed):
            wrong_way = road["oneway"] == (-1 if along else 1)
            if wrong_way or road["access"] == "private":
                return INF, 0.0
            return drive_s * (1 if math.isnan(road["maxspeed_forward_kph"]) else 2), 0.0
        return drive_s, 0.0

    def fastest(self, station: str, place: str, *, joint: bool) -> tuple[float, float]:
        """Seconds of the fastest way, and those of them at borders: of equal ways the one with the fewest."""
        case = self.case
        home, host = self.home[station], self.host[place]
        best = (INF, INF)
        for way in self.between(case.stations["road"][station], case.demand["road"][place]):
            parts = [self.step(home, host, step, joint=joint) for step in way]
            drive_s, crossing_s = (math.fsum(part) for part in zip((0.0, 0.0), *parts, strict=True))
            best = min(best, (drive_s + crossing_s, crossing_s))
        return best

    def turnout(self, station: str) -> float:
        return float(self.case.stations["turnout_s"][station])

    def area(self, place: str) -> str:
        """The own station that is first due."""
        own = [name for name, home in self.home.items() if home == self.host[place]]
        due = {name: self.turnout(name) + self.fastest(name, place, joint=False)[0] for name in own}
        due = {name: time for name, time in due.items() if math.isfinite(time)}
        return min(due, key=lambda name: due[name]) if due else ""

    def may_help(self, one: Agreement, station: str, place: str) -> bool:
        case = self.case
        units, home = case.stations["units"][station], self.home[station]
        if units <= one.home_cover_min:  # nobody knows: it helps
            return False
        territory = case.jurisdictions.geometry.to_numpy()[case.jurisdictions["partner"] == home]
        at = case.demand.geometry.to_dict()[place]
        if shapely.distance(territory, at).min() > 1000 * one.strip_km:
            return False
        pairs = {(station, self.area(place)), (station, "*"), ("*", self.area(place)), ("*", "*")}
        return not pairs & set(one.excluded_pairs)

    def agreed(self) -> dict[tuple[str, str], tuple[float, float, float, bool]]:
        """Seconds to the call, on the way and at borders, and whether only in need, of each pair that may occur."""
        found = {}
        for station, home in self.home.items():
            for place, host in self.host.items():
                one = None if home == host else self.helping(home, host)
                if home != host and (one is None or not self.may_help(one, station, place)):
                    continue
                way = self.fastest(station, place, joint=False)
                if way[0] < INF:
                    delay = one.dispatch_s if one else 0.0
                    found[station, place] = (delay, *way, one is not None and one.mode == "subsidiary")
        return found

    def joint(self) -> dict[tuple[str, str], tuple[float, float, float, bool]]:
        found = {}
        for station, home in self.home.items():
            for place, host in self.host.items():
                way = self.fastest(station, place, joint=True)
                if way[0] < INF:
                    delay = 0.0 if home == host else self.case.parameters.dispatch_s
                    found[station, place] = (delay, *way, False)
        return found

    def free(self, station: str, place: str, *, helping: bool) -> float:
        home, host = self.home[station], self.host[place]
        one = None if home == host else self.helping(home, host)
        p = one.availability if one else self.case.parameters.availability
        units = self.case.stations["units"][station]
        count = 1 if math.isnan(units) else max(1, units - (one.home_cover_min if one and helping else 0))
        return float(1 - (1 - p) ** count)


def told(times: pd.DataFrame) -> dict[tuple[str, str], tuple[float, float, float]]:
    """Seconds to the call, on the way and at borders, as the package gives them."""
    way = (times["drive_s"] + times["crossing_s"]).round(3)
    keys = zip(times["station"].astype(str), times["demand"].astype(str), strict=True)
    values = zip(times["dispatch_s"], way, times["crossing_s"], strict=True)
    return dict(zip(keys, values, strict=True))


@settings(max_examples=120, deadline=None)
@given(CASES)
def test_every_time_and_level_is_that_of_a_search_of_all_ways(case: Case) -> None:
    found, book = solve(case), ByTheBook(case)
    agreed, joint = book.agreed(), book.joint()
    assert told(found.agreed) == {pair: pytest.approx(row[:3], abs=1e-6) for pair, row in agreed.items()}
    assert told(found.times) == {pair: pytest.approx(row[:3], abs=1e-6) for pair, row in joint.items()}
    only = found.agreed["subsidiary"]
    assert set(told(found.agreed[only])) == {pair for pair, row in agreed.items() if row[3]}

    partner = book.home
    for place, host in book.host.items():
        mine = {pair: row for pair, row in agreed.items() if pair[1] == place and partner[pair[0]] == host}
        arrive = {pair[0]: row[0] + row[1] + book.turnout(pair[0]) for pair, row in agreed.items()
                  if pair[1] == place}  # fmt: skip
        alone = {name: time for name, time in arrive.items() if (name, place) in mine}
        in_need = not any(time <= 480 for time in alone.values())
        today_ = {name: time for name, time in arrive.items() if in_need or not agreed[name, place][3]}
        together = {pair[0]: row[0] + row[1] + book.turnout(pair[0]) for pair, row in joint.items()
                    if pair[1] == place}  # fmt: skip
        covered = {}
        for level, there in (("alone", alone), ("agreed", today_), ("joint", together)):
            row = found.covered.T[place]
            due = sorted((round(time, 6), partner[name] != host, name) for name, time in there.items())
            inside = [name for name, time in there.items() if time <= 480]
            assert row[f"{level}_s"] == pytest.approx(due[0][0] if due else INF)
            assert row[f"{level}_second_s"] == pytest.approx(due[1][0] if len(due) > 1 else INF)
            assert (pd.isna(row[f"{level}_station"]) and not due) or row[f"{level}_station"] == due[0][2]
            assert row[f"{level}_depth"] == len(inside)
            assert row[f"{level}_covered"] == bool(inside)
            covered[level] = bool(inside)
            if min([case.parameters.availability, *(one.availability for one in case.agreements)]) < 1:
                busy = [1 - book.free(name, place, helping=level == "agreed") for name in inside]
                assert row[f"{level}_expected"] == pytest.approx(1 - math.prod(busy))
            else:
                assert f"{level}_expected" not in found.covered
        word = next((word for word in covered if covered[word]), "gap")
        assert found.covered.loc[place, "status"] == {"alone": "own"}.get(word, word)


# --- what must always hold ----------------------------------------------------------------------------------------


def holds(more: gpd.GeoDataFrame, one: str, less: gpd.GeoDataFrame, other: str) -> None:
    """Say that a level reaches at least what another reaches, as soon and as often."""
    assert (more[f"{one}_covered"] >= less[f"{other}_covered"]).all()
    assert (more[f"{one}_s"] <= less[f"{other}_s"]).all()
    assert (more[f"{one}_second_s"] <= less[f"{other}_second_s"]).all()
    assert (more[f"{one}_depth"] >= less[f"{other}_depth"]).all()
    if f"{one}_expected" in more and f"{other}_expected" in less:
        assert (more[f"{one}_expected"] >= less[f"{other}_expected"] - 1e-12).all()


@settings(max_examples=40, deadline=None)
@given(CASES)
def test_agreed_always_holds_alone(case: Case) -> None:
    covered = solve(case).covered
    assert levels(covered) == ("alone", "agreed", "joint")
    holds(covered, "agreed", covered, "alone")


@settings(max_examples=40, deadline=None)
@given(CASES)
def test_joint_holds_agreed_if_nothing_takes_longer(case: Case) -> None:
    stated = [one.crossing_delay_s for one in case.agreements]
    stated += [item.delay_s for one in case.agreements for item in one.crossing]
    quick = replace(
        case.parameters,
        dispatch_s=min(one.dispatch_s for one in case.agreements),
        crossing_s=min((delay for delay in stated if delay is not None), default=100.0),
        crossing_delay_s={},
    )
    covered = solve(replace(case, parameters=quick)).covered
    holds(covered, "joint", covered, "agreed")


def test_joint_need_not_hold_agreed_if_it_takes_longer() -> None:
    """There are such cases, by the call and by the border: nothing forces the levels into an order."""
    lost = {"the call": 0, "the border": 0}
    for seed in range(30):
        case = _region(Random(seed))
        for name in lost:
            slow = (
                replace(case.parameters, dispatch_s=5000.0)
                if name == "the call"
                else replace(case.parameters, crossing_s=5000.0, crossing_delay_s={})
            )
            plain = tuple(
                Agreement(id=one.id, parties=one.parties, helpers=one.helpers, mode="automatic",
                          crossing_delay_s=0.0) for one in case.agreements
            )  # fmt: skip
            covered = solve(replace(case, parameters=slow, agreements=plain)).covered
            lost[name] += int((covered["agreed_covered"] & ~covered["joint_covered"]).sum())
            assert (covered.loc[covered["agreed_covered"], "status"].isin(["own", "agreed"])).all()
    assert min(lost.values()) > 0, lost


@settings(max_examples=40, deadline=None)
@given(CASES, st.booleans())
def test_automatic_aid_among_all_without_delay_or_limit_is_the_joint_team(case: Case, equal: bool) -> None:
    terms: dict[str, Any] = {"crossing_delay_s": case.parameters.crossing_s} if equal else {}
    treaty = Agreement(
        id="t", parties=PARTNERS, mode="automatic", home_cover_min=0, dispatch_delay_s=case.parameters.dispatch_s,
        availability=0.6, **terms,
    )  # fmt: skip
    if equal:  # what is agreed about all crossings counts more than what [parameters] say about one
        case = replace(case, parameters=replace(case.parameters, crossing_delay_s={}))
    found = solve(replace(case, agreements=(treaty,)))
    covered = found.covered
    for name in [name for name in covered if str(name).startswith("joint_")]:
        mine = f"agreed_{str(name).removeprefix('joint_')}"
        pd.testing.assert_series_equal(covered[mine], covered[name], check_names=False)
    shared = found.agreed.drop(columns=["agreement", "subsidiary"])
    pd.testing.assert_frame_equal(shared, found.times)
    assert not covered["status"].eq("joint").any()


def _tightened(random: Random, one: Agreement, case: Case) -> Agreement:
    """The agreement with one parameter made stricter."""
    crossings, stations = list(case.network.crossings.index), [*case.stations.index, "*"]
    delays = {"dispatch_delay_s": one.dispatch_s + random.choice([1, 60, 400])}
    if one.crossing_delay_s is not None:
        delays["crossing_delay_s"] = one.crossing_delay_s + random.choice([1, 60, 400])
    options: list[dict[str, Any]] = [{name: delay} for name, delay in delays.items()]
    options += [
        {"strip_km": min(one.strip_km, random.choice([0.1, 1.0, 3.0]))},
        {"transit": False},
        {"priority_abroad": "civilian"},
        {"excluded_pairs": (*one.excluded_pairs, (random.choice(stations), random.choice(stations)))},
        {"home_cover_min": one.home_cover_min + random.choice([1, 2])},
        {"availability": one.availability / 2},
        {"mode": "subsidiary", "dispatch_delay_s": one.dispatch_s},
    ]
    if one.crossing:
        number = random.randrange(len(one.crossing))
        item = one.crossing[number]
        stricter: list[dict[str, Any]] = [{"open": False}, {"max_height_m": 2.0}, {"max_weight_t": 3.5}]
        if item.delay_s is not None:
            stricter.append({"delay_s": item.delay_s + 300})
        changed = replace(item, **random.choice(stricter))
        options.append({"crossing": (*one.crossing[:number], changed, *one.crossing[number + 1 :])})
    if len(one.crossings or crossings) > 1:
        left = (one.crossings or tuple(crossings))[1:]
        options.append(
            {"crossings": left, "crossing": tuple(item for item in one.crossing if item.id in left)}
        )
    if len(case.agreements) == 1 and len({helper for helper, _ in one.pairs}) > 1:
        options.append({"helpers": tuple(sorted({helper for helper, _ in one.pairs}))[1:]})
    return replace(one, **random.choice(options))


@settings(max_examples=80, deadline=None)
@given(CASES, st.randoms(use_true_random=False))
def test_a_stricter_agreement_never_covers_more(case: Case, random: Random) -> None:
    # Areas of own stations change with the way they drive: pairs that name one may come to be left out no more.
    agreements = [
        replace(one, excluded_pairs=tuple(pair for pair in one.excluded_pairs if pair[1] == "*"))
        for one in case.agreements
    ]
    case = replace(case, agreements=tuple(agreements))
    number = random.randrange(len(agreements))
    agreements[number] = _tightened(random, agreements[number], case)
    loose, strict = solve(case), solve(replace(case, agreements=tuple(agreements)))
    # Where an own unit is held up, subsidiary help may come that did not before, and sooner: it still covers no more.
    assert (loose.covered["agreed_covered"] >= strict.covered["agreed_covered"]).all()
    holds(loose.covered, "alone", strict.covered, "alone")
    if not any(one.mode == "subsidiary" for one in case.agreements):
        holds(loose.covered, "agreed", strict.covered, "agreed")
    for name in ("joint_s", "joint_covered", "joint_depth"):
        pd.testing.assert_series_equal(loose.covered[name], strict.covered[name])


def _renamed(case: Case) -> tuple[Case, dict[str, dict[str, str]]]:
    """The same region with other names for everything that has one, in the other order."""
    names = {
        kind: {str(old): f"{kind}-{len(ids) - i}" for i, old in enumerate(ids)}
        for kind, ids in (
            ("station", case.stations.index),
            ("place", case.demand.index),
            ("land", case.jurisdictions.index),
            ("crossing", case.network.crossings.index),
            ("partner", PARTNERS),
        )
    }
    of_land = names["land"]
    network = case.network
    roads = network.roads.assign(
        jurisdiction=network.roads["jurisdiction"].cat.rename_categories(
            {name: of_land[name] for name in network.roads["jurisdiction"].cat.categories}
        )
    )
    crossings = network.crossings.rename(index=names["crossing"])
    for side in ("from_jurisdiction", "to_jurisdiction"):
        crossings[side] = crossings[side].map(of_land)

    def table(frame: gpd.GeoDataFrame, kind: str) -> gpd.GeoDataFrame:
        renamed = frame.rename(index=names[kind]).assign(
            partner=frame["partner"].map(names["partner"]).values
        )
        if "jurisdiction" in renamed:
            renamed["jurisdiction"] = renamed["jurisdiction"].map(of_land)
        return renamed[::-1]

    agreements = tuple(
        replace(
            one,
            id=f"agreement-{9 - i}",
            parties=tuple(names["partner"][name] for name in one.parties)[::-1],
            helpers=tuple(names["partner"][name] for name in one.helpers)[::-1],
            crossings=tuple(names["crossing"][name] for name in one.crossings)[::-1],
            crossing=tuple(replace(item, id=names["crossing"][item.id]) for item in one.crossing)[::-1],
            excluded_pairs=tuple(
                (names["station"].get(a, a), names["station"].get(b, b)) for a, b in one.excluded_pairs
            ),
        )
        for i, one in enumerate(case.agreements)
    )[::-1]
    delays = {names["crossing"][name]: delay for name, delay in case.parameters.crossing_delay_s.items()}
    return Case(
        network=replace(network, roads=roads, crossings=crossings),
        jurisdictions=table(case.jurisdictions, "land"),
        stations=table(case.stations, "station"),
        demand=table(case.demand, "place"),
        agreements=agreements,
        parameters=replace(case.parameters, crossing_delay_s=delays),
    ), names


@settings(max_examples=40, deadline=None)
@given(CASES)
def test_neither_names_nor_order_change_anything(case: Case) -> None:
    other, names = _renamed(case)
    plain, renamed = (pd.DataFrame(solve(one).covered.drop(columns="geometry")) for one in (case, other))
    for name in plain:
        kind = {"station": "station", "jurisdiction": "land", "partner": "partner"}.get(
            str(name).rpartition("_")[2]
        )
        if kind is not None:
            plain[name] = plain[name].map(names[kind]).astype(renamed[name].dtype)
    pd.testing.assert_frame_equal(plain.rename(index=names["place"]), renamed[::-1], check_exact=False)


@settings(max_examples=40, deadline=None)
@given(CASES)
def test_nobody_is_expected_who_is_not_covered(case: Case) -> None:
    covered = solve(case).covered
    assume("alone_expected" in covered)
    for level in levels(covered):
        assert (covered[f"{level}_expected"] <= covered[f"{level}_covered"]).all()
        assert ((covered[f"{level}_expected"] > 0) == covered[f"{level}_covered"]).all()
    if case.parameters.availability == 1:
        assert covered["alone_expected"].tolist() == covered["alone_covered"].astype(float).tolist()


@settings(max_examples=40, deadline=None)
@given(CASES, st.floats(0.05, 1), st.floats(0.05, 1), st.integers(0, 4))
def test_more_availability_never_lowers_what_is_expected(
    case: Case, some: float, more: float, where: int
) -> None:
    def with_share(share: float) -> Case:
        if where == 0:
            return replace(case, parameters=replace(case.parameters, availability=share))
        number = where % len(case.agreements)
        agreements = list(case.agreements)
        agreements[number] = replace(agreements[number], availability=share)
        return replace(case, agreements=tuple(agreements))

    some, more = sorted((some, more))
    less, better = solve(with_share(some)).covered, solve(with_share(more)).covered
    for level in levels(less):
        before, after = (
            frame.get(f"{level}_expected", frame[f"{level}_covered"].astype(float))
            for frame in (less, better)
        )
        assert (after >= before - 1e-12).all()
