"""Units that answer calls: by hand, against queueing theory, and against a simulation too simple to be wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mutualaid.errors import IncidentError
from mutualaid.incidents import Ways, simulate_calls


def ways_of(
    rows: Sequence[Sequence[int]],
    *,
    out_s: Sequence[Sequence[float]] | None = None,
    stay: dict[int, int] | None = None,
    subsidiary: Sequence[int] = (),
    own_in_time: Sequence[int] = (),
) -> Ways:
    """Ways whose rules are the same for a station at all places."""
    flat = [one for row in rows for one in row]
    return Ways(
        start=np.cumsum([0, *map(len, rows)]),
        station=np.array(flat, dtype=np.int64),
        out_s=np.array([one for row in out_s for one in row] if out_s else [0.0] * len(flat)),
        stay=np.array([(stay or {}).get(one, 0) for one in flat], dtype=np.int64),
        subsidiary=np.array([one in subsidiary for one in flat], dtype=bool),
        own_in_time=np.array([one in own_in_time for one in flat], dtype=bool),
    )


# --- by hand ------------------------------------------------------------------------------------------------


def test_soonest_free_unit_comes_and_is_out_for_the_way_and_the_work() -> None:
    """Station 0 is near, station 1 far; a unit is home again at 10 + 60 = 70 s, for the call of that moment too."""
    ways = Ways.of([[0, 1]], [[10.0, 50.0]])
    served = simulate_calls([0, 69, 70, 71], [0] * 4, [60, 60, 1000, 0], ways, [1, 1])
    assert served.unit.tolist() == [0, 1, 0, 1]
    assert served.way.tolist() == [0, 1, 0, 1]
    assert served.wait_s.tolist() == [0, 0, 0, 69 + 110 - 71]


def test_who_comes_home_goes_to_the_call_that_came_first_of_those_it_may_serve() -> None:
    """Place 0 is served by station 0 alone, place 1 by both; both are out until 100 and 50."""
    ways = Ways.of([[0], [0, 1]])
    at, place = [0, 1, 2, 3, 4], [0, 1, 0, 1, 1]
    served = simulate_calls(at, place, [100, 49, 10, 10, 10], ways, [1, 1])
    # At 50 unit 1 takes the call of 3 (the one of 2 is not for it), at 60 that of 4; at 100 unit 0 takes that of 2.
    assert served.unit.tolist() == [0, 1, 0, 1, 1]
    assert served.wait_s.tolist() == [0, 0, 98, 47, 56]


def test_a_unit_that_comes_home_in_the_moment_of_a_call_is_free_for_it() -> None:
    served = simulate_calls([0, 70], [0, 0], [60, 60], Ways.of([[0, 1]], [[10.0, 50.0]]), [1, 1])
    assert served.unit.tolist() == [0, 0]


def test_the_first_call_of_all_queues_goes_first() -> None:
    """Station 0 serves three places, two of them with others that are out for long: three queues, one order."""
    ways = Ways.of([[0], [0, 1], [0, 2]])
    at, place = [0, 1, 2, 3, 4, 5, 6], [1, 1, 2, 2, 0, 1, 0]
    served = simulate_calls(at, place, [10, 1000, 1000, 10, 10, 10, 10], ways, [1, 1, 1])
    assert served.unit.tolist() == [0, 1, 2, 0, 0, 0, 0]
    assert (np.array(at) + served.wait_s).tolist() == [0, 1, 2, 10, 20, 30, 40]


def test_calls_are_lost_where_nobody_waits_and_where_nobody_may_come() -> None:
    ways = Ways.of([[0], []])
    served = simulate_calls([0, 1, 2], [0, 0, 1], [100, 100, 100], ways, [1], wait=False)
    assert served.unit.tolist() == [0, -1, -1]
    assert served.wait_s.tolist() == [0, math.inf, math.inf]
    assert simulate_calls([0, 1, 2], [0, 0, 1], [100] * 3, ways, [1]).unit.tolist() == [0, 0, -1]


def test_units_that_must_stay_do_not_leave_for_a_neighbour() -> None:
    """Station 0 has two units and keeps one at home from place 1, which has no other help."""
    rows, stay = [[0], [0]], np.array([0, 1])
    base = ways_of(rows)
    ways = Ways(base.start, base.station, base.out_s, stay, base.subsidiary, base.own_in_time)
    served = simulate_calls([0, 1, 2], [0, 1, 0], [100, 100, 50], ways, [2])
    # The neighbour's call of 1 waits until both are home but for one: at 52 one is, at 100 the other is too.
    assert served.wait_s.tolist() == [0, 99, 0]


def test_subsidiary_help_comes_only_where_no_free_own_unit_is_in_time() -> None:
    """Station 1 is a neighbour's and nearest, 2 another's without that condition, 0 the own one in time."""
    ways = ways_of([[1, 2, 0]], subsidiary=[1], own_in_time=[0])
    served = simulate_calls([0, 1, 2, 3], [0] * 4, [100] * 4, ways, [1, 1, 1])
    # First 0 is in time, so 1 stays and of the others 2 is soonest; then 0 itself; then 1, since nobody else is free.
    assert served.unit.tolist() == [2, 0, 1, 2]
    assert served.wait_s.tolist() == [0, 0, 0, 97]


def test_time_out_counts_inside_the_window_only() -> None:
    served = simulate_calls([0, 200], [0, 0], [100, 100], Ways.of([[0]]), [1], window_s=(50.0, 250.0))
    assert served.busy_s.tolist() == [50 + 50]


def test_nothing_to_do() -> None:
    served = simulate_calls([], [], [], Ways.of([[0]]), [2])
    assert served.busy_s.tolist() == [0, 0]
    assert simulate_calls([0], [0], [1], Ways.of([[0]]), [0], wait=True).unit.tolist() == [-1]


def test_all_that_is_wrong_is_said_at_once() -> None:
    ways = Ways.of([[0], [5]])
    with pytest.raises(IncidentError) as error:
        simulate_calls([1, 0], [0, 7], [1, -1], ways, [1, -1])
    assert [one.where for one in error.value.defects] == ["at_s", "place", "work_s", "ways, station", "units"]


# --- against a simple simulation ----------------------------------------------------------------------------


def simply(
    at: Sequence[float],
    place: Sequence[int],
    work: Sequence[float],
    ways: Ways,
    units: Sequence[int],
    wait: bool,
) -> tuple[list[int], list[int], list[float]]:
    """The same rules with lists that are searched from end to end at each event."""
    station_of = [s for s, count in enumerate(units) for _ in range(count)]
    until: list[float | None] = [None] * len(station_of)
    rows = [range(a, b) for a, b in zip(ways.start[:-1], ways.start[1:], strict=True)]
    unit, way, wait_s = [-1] * len(at), [-1] * len(at), [math.inf] * len(at)
    queue: list[int] = []

    def free(s: int) -> int:
        return sum(1 for u, where in enumerate(station_of) if where == s and until[u] is None)

    def may(k: int) -> bool:
        return bool(free(int(ways.station[k])) > ways.stay[k])

    def send(call: int, k: int, u: int, now: float) -> None:
        unit[call], way[call], wait_s[call] = u, k, now - at[call]
        until[u] = now + float(ways.out_s[k]) + work[call]

    def home(now: float) -> None:
        while True:
            out = [(end, u) for u, end in enumerate(until) if end is not None and end <= now]
            if not out:
                return
            end, u = min(out)
            until[u] = None
            for call in queue:
                mine = [k for k in rows[place[call]] if ways.station[k] == station_of[u] and may(k)]
                if mine:
                    queue.remove(call)
                    send(call, mine[0], u, end)
                    break

    for call, now in enumerate(at):
        home(now)
        able = [k for k in rows[place[call]] if may(k)]
        if any(ways.own_in_time[k] for k in able):
            able = [k for k in able if not ways.subsidiary[k]]
        if able:
            k = able[0]
            u = next(u for u, s in enumerate(station_of) if s == ways.station[k] and until[u] is None)
            send(call, k, u, now)
        elif wait:
            queue.append(call)
    home(math.inf)
    return unit, way, wait_s


@st.composite
def systems(draw: st.DrawFn) -> tuple[list[float], list[int], list[float], Ways, list[int], bool]:
    stations, places = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    some = st.lists(st.integers(0, stations - 1), unique=True, max_size=stations)
    rows = [draw(some) for _ in range(places)]
    units = [draw(st.integers(0, 3)) for _ in range(stations)]
    number = sum(map(len, rows))
    kind = [draw(st.sampled_from(["own", "own late", "foreign", "subsidiary"])) for _ in range(number)]
    ways = Ways(
        start=np.cumsum([0, *map(len, rows)]),
        station=np.array([one for row in rows for one in row], dtype=np.int64),
        out_s=np.array([draw(st.integers(0, 5)) for _ in range(number)], dtype=float),
        stay=np.array(
            [draw(st.integers(0, 2)) if one in ("foreign", "subsidiary") else 0 for one in kind],
            dtype=np.int64,
        ),
        subsidiary=np.array([one == "subsidiary" for one in kind], dtype=bool),
        own_in_time=np.array([one == "own" for one in kind], dtype=bool),
    )
    calls = draw(st.sampled_from([0, 1, 5, 25]))
    at = np.cumsum([draw(st.integers(0, 4)) for _ in range(calls)]).astype(float)
    place = [draw(st.integers(0, places - 1)) for _ in range(calls)]
    work = [float(draw(st.integers(0, 30))) for _ in range(calls)]
    return at.tolist(), place, work, ways, units, draw(st.booleans())


@given(systems())
@settings(max_examples=150, deadline=None)
def test_is_what_a_simple_simulation_says(
    system: tuple[list[float], list[int], list[float], Ways, list[int], bool],
) -> None:
    at, place, work, ways, units, wait = system
    served = simulate_calls(at, place, work, ways, units, wait=wait)
    unit, way, wait_s = simply(at, place, work, ways, units, wait)
    assert served.unit.tolist() == unit
    assert served.way.tolist() == way
    assert served.wait_s.tolist() == wait_s
    out = np.zeros(sum(units))
    for u, k, seconds in zip(unit, way, work, strict=True):
        if u >= 0:
            out[u] += ways.out_s[k] + seconds
    assert served.busy_s == pytest.approx(out)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 40)), max_size=40), st.integers(1, 3), st.booleans()
)
@settings(max_examples=80, deadline=None)
def test_one_unit_more_makes_no_call_wait_longer(
    calls: list[tuple[int, int]], units: int, wait: bool
) -> None:
    """Where all units may go everywhere and the work is that of the call, this holds for each call."""
    at, work = np.cumsum([one for one, _ in calls]), [one for _, one in calls]
    fewer, more = (
        simulate_calls(at, [0] * len(calls), work, Ways.of([[0]]), [count], wait=wait).wait_s
        for count in (units, units + 1)
    )
    assert (more <= fewer).all()


def test_one_unit_more_may_make_a_call_wait_longer_where_ways_differ() -> None:
    """The call of 1 would have had the near unit at 10; the far one that is free is sent, and needs 1000 s."""
    near, both = Ways.of([[0]], [[0.0]]), Ways.of([[0, 1]], [[0.0, 1000.0]])
    at, place, work = [0, 1], [0, 0], [10, 10]
    before, after = (
        simulate_calls(at, place, work, near, [1, 1]),
        simulate_calls(at, place, work, both, [1, 1]),
    )
    assert before.wait_s[1] + near.out_s[before.way[1]] == 9
    assert after.wait_s[1] + both.out_s[after.way[1]] == 1000


# --- against queueing theory --------------------------------------------------------------------------------

MEAN = 100.0


def repeated(
    run: Callable[[np.random.Generator], Sequence[float]], *, repeats: int = 20, seed: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard error of what a run gives."""
    values = np.array([run(np.random.default_rng([seed, number])) for number in range(repeats)])
    return values.mean(axis=0), values.std(axis=0, ddof=1) / math.sqrt(repeats)


def poisson(random: np.random.Generator, rates: Sequence[float], count: int) -> tuple[np.ndarray, ...]:
    """Times, places and work of calls whose mean work is `MEAN`; rates are offered loads."""
    at = np.cumsum(random.exponential(MEAN / sum(rates), count))
    place = random.choice(len(rates), size=count, p=np.array(rates) / sum(rates))
    return at, place, random.exponential(MEAN, count)


def after_start(values: np.ndarray) -> float:
    """Mean over the calls but the first twentieth."""
    return float(values[len(values) // 20 :].mean())


def erlang_b(servers: int, load: float) -> float:
    """Share of calls that are lost, by its recursion."""
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked


@pytest.mark.parametrize(("servers", "load"), [(3, 1.5), (1, 0.7), (8, 6.0)])
def test_lost_calls_are_those_of_erlang(servers: int, load: float) -> None:
    """Erlang's loss formula of 1917; for 3 servers and a load of 1.5 tables say 0.134328."""
    exact = erlang_b(servers, load)
    if (servers, load) == (3, 1.5):
        assert exact == pytest.approx(0.134328, abs=5e-7)

    def run(random: np.random.Generator) -> list[float]:
        at, place, work = poisson(random, [load], 30_000)
        served = simulate_calls(at, place, work, Ways.of([[0]]), [servers], wait=False)
        return [after_start(served.unit < 0)]

    mean, error = repeated(run)
    assert error[0] < 0.01 * exact + 0.0015
    assert abs(mean[0] - exact) < 4 * error[0]


@pytest.mark.parametrize(("servers", "load"), [(3, 1.5), (2, 1.4)])
def test_waiting_is_that_of_erlang(servers: int, load: float) -> None:
    """Erlang's waiting formula: C = B / (1 - ρ (1 - B)), and a mean wait of C · MEAN / (servers - load)."""
    blocked = erlang_b(servers, load)
    waits = blocked / (1 - load / servers * (1 - blocked))

    def run(random: np.random.Generator) -> list[float]:
        at, place, work = poisson(random, [load], 40_000)
        served = simulate_calls(at, place, work, Ways.of([[0]]), [servers])
        return [after_start(served.wait_s > 0), after_start(served.wait_s)]

    mean, error = repeated(run)
    assert (abs(mean - [waits, waits * MEAN / (servers - load)]) < 4 * error).all()


def hypercube(
    rates: Sequence[float], order: Sequence[Sequence[int]], wait: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Larson's hypercube (1974), solved exactly: units' busy shares, and shares of calls by place and unit.

    States are sets of busy units; service takes a mean of 1 whoever comes and wherever. With waiting, all that
    happens while everybody is busy is a birth and death process behind the last state.
    """
    units = len(order[0])
    states = list(product([0, 1], repeat=units))
    number = {state: k for k, state in enumerate(states)}
    flow = np.zeros((len(states), len(states)))
    for state, k in number.items():
        for u in range(units):
            if state[u]:
                flow[k, number[(*state[:u], 0, *state[u + 1 :])]] += 1.0
        for rate, asked in zip(rates, order, strict=True):
            first = next((u for u in asked if not state[u]), None)
            if first is not None:
                flow[k, number[(*state[:first], 1, *state[first + 1 :])]] += rate
    balance = (flow - np.diag(flow.sum(axis=1))).T
    balance[-1] = 1.0
    share = np.linalg.solve(balance, np.append(np.zeros(len(states) - 1), 1.0))
    full, load = number[(1,) * units], sum(rates) / units
    behind = share[full] * load / (1 - load) if wait else 0.0
    share /= 1 + behind
    behind /= 1 + behind
    busy = np.array([sum(share[k] for state, k in number.items() if state[u]) for u in range(units)]) + behind
    sent = np.zeros((len(rates), units))
    for place, (rate, asked) in enumerate(zip(rates, order, strict=True)):
        for state, k in number.items():
            first = next((u for u in asked if not state[u]), None)
            if first is not None:
                sent[place, first] += share[k] * rate / sum(rates)
        if wait:  # who comes home first of all is anybody
            sent[place] += (share[full] + behind) * rate / sum(rates) / units
    return busy, sent


CITIES = {
    "three units": ([0.5, 0.3, 0.6], [[0, 1, 2], [1, 2, 0], [2, 0, 1]]),
    "five units": (
        [0.9, 0.4, 0.2, 0.7, 0.3, 0.5],
        [
            [0, 1, 2, 3, 4],
            [1, 0, 3, 2, 4],
            [2, 4, 0, 1, 3],
            [3, 1, 4, 2, 0],
            [4, 3, 2, 1, 0],
            [0, 3, 1, 4, 2],
        ],
    ),
}


@pytest.mark.parametrize("wait", [False, True])
@pytest.mark.parametrize("city", list(CITIES))
def test_busy_units_and_who_comes_are_those_of_the_hypercube(city: str, wait: bool) -> None:
    rates, order = CITIES[city]
    units, count = len(order[0]), 30_000
    busy, sent = hypercube(rates, order, wait)
    # Seconds of each unit to each place: the mean response of those that come at once, or after waiting.
    drive = 10.0 * (1 + np.arange(len(rates))[:, None]) + 7.0 * np.arange(units)
    ways = Ways.of(order)

    def run(random: np.random.Generator) -> list[float]:
        at, place, work = poisson(random, rates, count)
        window = (float(at[count // 20]), float(at[-1]))
        served = simulate_calls(at, place, work, ways, [1] * units, wait=wait, window_s=window)
        came = served.unit >= 0
        came[: count // 20] = False
        table = np.zeros(sent.shape)
        np.add.at(table, (place[came], served.unit[came]), 1.0)
        way_s = drive[place[came], served.unit[came]]
        return [
            *served.busy_s / (window[1] - window[0]),
            *(table / (count - count // 20)).ravel(),
            way_s.mean(),
        ]

    mean, error = repeated(run)
    exact = [*busy, *sent.ravel(), (sent * drive).sum() / sent.sum()]
    off = abs(mean - exact) / error
    # One in 16,000 figures is off by more than four errors, and a Student with 19 degrees of freedom has longer tails.
    assert off.max() < 5
    assert (off**2).mean() < 1.9
    assert error[:units].max() < 0.003
    assert sum(exact[:units]) == pytest.approx(sum(rates) * (1 if wait else sent.sum()))


def test_hypercube_of_one_pool_is_erlang() -> None:
    """The oracle itself: with three units that all are asked for everything, what is lost is Erlang's."""
    _, sent = hypercube([1.0, 0.5], [[0, 1, 2], [2, 1, 0]], wait=False)
    assert 1 - sent.sum() == pytest.approx(0.134328, abs=5e-7)
