"""From people to vehicles, and when they are ready to leave."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from mutualaid.data import EvacuationCase
from mutualaid.errors import Defect, EvacuationError

__all__ = ["bus_waves", "cars", "mobilised", "release", "vehicles"]

Floats = NDArray[np.float64]

#: Nobody is ready before the moment at which the curve jumps, and all that it names are one second later.
_JUMP_S = 1.0
#: Fewer people than this are rounding.
_NOBODY = 1e-9


def vehicles(people: pd.Series, *, case: EvacuationCase) -> pd.DataFrame:
    """Say who leaves in what.

    Whoever has a car leaves in one with others; buses take those who have none as far as there are seats. Buses are
    shared out whole, by need; one more goes wherever the rest of a fair share is largest.

    Parameters
    ----------
    people
        People of each zone or place.
    case
        What is assumed: `mutualaid.data.EvacuationCase`.

    Returns
    -------
    DataFrame
        Index of `people`; ``people``, ``by_car`` and ``cars`` (float), ``by_bus``, ``buses`` (those assigned, whole),
        ``journeys`` (bus journeys needed), ``left_behind`` (people without a car for whom there is no seat).

    Raises
    ------
    EvacuationError
        People that are no number of 0 or more.

    Examples
    --------
    >>> import pandas as pd
    >>> from mutualaid.data import EvacuationCase
    >>> from mutualaid.evacuation import vehicles
    >>> case = EvacuationCase(persons_per_vehicle=2.0, without_car=0.1, buses=1, bus_seats=50)
    >>> vehicles(pd.Series({"hill": 1000.0}), case=case).loc["hill", ["cars", "by_bus", "left_behind"]].tolist()
    [450.0, 50.0, 50.0]
    """
    count = people.to_numpy(np.float64)
    if not (np.isfinite(count) & (count >= 0)).all():
        bad = people.index[~(np.isfinite(count) & (count >= 0))][0]
        got = f"{people[bad]} for {bad}"
        raise EvacuationError([Defect("", "people", "a number of 0 or more", got, "correct the people")])
    need = case.without_car * count
    by_car = count - need
    buses = _shared_out(need, case.buses)
    seats = buses * float(case.bus_seats * case.bus_turns)
    by_bus = np.minimum(need, seats)
    return pd.DataFrame(
        {
            "people": count,
            "by_car": by_car,
            "cars": by_car / case.persons_per_vehicle,
            "by_bus": by_bus,
            "buses": buses,
            "journeys": np.ceil(by_bus / case.bus_seats - _NOBODY),
            "left_behind": need - by_bus,
        },
        index=people.index,
    )


def _shared_out(need: Floats, buses: int) -> Floats:
    """Whole buses by need (largest remainder)."""
    if buses <= 0 or need.sum() <= 0:
        return np.zeros(len(need))
    fair = buses * need / need.sum()
    whole = np.floor(fair + _NOBODY)
    rest = round(buses - whole.sum())
    whole[np.argsort(whole - fair, kind="stable")[:rest]] += 1
    return np.asarray(whole)


def mobilised(curve: Sequence[tuple[float, float]], time_s: ArrayLike, *, later_s: ArrayLike = 0.0) -> Floats:
    """Give the share of people who are ready to leave by some moments.

    Parameters
    ----------
    curve
        (minutes after the alarm, share), linear in between; the first may be above 0: these are ready at once.
    time_s
        Seconds after the alarm.
    later_s
        Seconds by which everybody is later than the curve; broadcast against `time_s`.

    Returns
    -------
    array

    Examples
    --------
    >>> from mutualaid.evacuation import mobilised
    >>> mobilised([(0, 0), (30, 0.5), (60, 1)], [900.0, 1800.0, 7200.0]).tolist()
    [0.25, 0.5, 1.0]
    """
    minutes, share = np.asarray(curve, dtype=np.float64).T
    time = np.asarray(time_s, dtype=np.float64) - np.asarray(later_s, dtype=np.float64)
    # What is ready at once, but later than the alarm, becomes ready within a second after that moment.
    at_once = np.where(np.asarray(later_s) > 0, np.clip(time / _JUMP_S, 0.0, 1.0), 1.0 * (time >= 0))
    rising = np.interp(time, 60.0 * minutes, share - share[0])
    return np.asarray(share[0] * at_once + np.where(time > 0, rising, 0.0))


def cars(count: ArrayLike, later_s: ArrayLike) -> tuple[Floats, Floats]:
    """Give what `release` needs of cars: (s, 1) cars and (s, 1) seconds that they are later than the curve."""
    return np.asarray(count, np.float64)[:, None], np.asarray(later_s, np.float64)[:, None]


def bus_waves(
    by_bus: ArrayLike, buses: ArrayLike, round_s: ArrayLike, later_s: ArrayLike, *, case: EvacuationCase
) -> tuple[Floats, Floats]:
    """Give what `release` needs of buses: passenger-car equivalents of each turn, and when it begins.

    The buses of the first turn leave as those without a car get ready, those of each further turn one round trip
    later.

    Parameters
    ----------
    by_bus, buses
        (s,) people by bus and buses of each place.
    round_s
        (s,) seconds for the way to the shelter and back.
    later_s
        (s,) seconds by which everybody is later than the mobilisation.
    case
        Seats, turns, and how many cars a bus counts for.

    Returns
    -------
    pce, later_s
        (s, turns) each.
    """
    people, count = np.asarray(by_bus, np.float64), np.asarray(buses, np.float64)
    turn = np.arange(case.bus_turns)
    seats = count * case.bus_seats
    aboard = np.clip(people[:, None] - turn * seats[:, None], 0.0, seats[:, None])
    journeys = np.ceil(aboard / case.bus_seats - _NOBODY)
    later = np.asarray(later_s, np.float64)[:, None] + turn * np.asarray(round_s, np.float64)[:, None]
    return journeys * case.bus_pce, later


def release(
    groups: Sequence[tuple[Floats, Floats]], curve: Sequence[tuple[float, float]]
) -> tuple[Floats, Floats]:
    """Give release curves on common times, as `mutualaid.evacuation.flow_network` takes them.

    Parameters
    ----------
    groups
        Of each group of sources, (s, turns) vehicles and (s, turns) seconds by which these are later than the curve.
    curve
        (minutes, share); see `mobilised`.

    Returns
    -------
    release_s, released
        (k,) rising times from 0; (sources, k), the sources of all groups one after the other.
    """
    minutes = 60.0 * np.asarray(curve, dtype=np.float64)[:, 0]
    starts = curve[0][1] > 0
    times = [np.zeros(1)]
    for count, later in groups:
        for one in np.unique(later[count > 0]):
            times.append(one + minutes)
            if starts and one > 0:
                times.append(np.array([one + _JUMP_S]))
    release_s = np.unique(np.concatenate(times))
    rows = []
    for count, later in groups:
        for amount, begin in zip(count, later, strict=True):
            share = mobilised(curve, release_s[None, :], later_s=begin[:, None])
            rows.append(amount @ share)
    released = np.array(rows).reshape(-1, len(release_s))
    # Sums of shares are rounded: the last is all, and no curve falls.
    total = np.concatenate([count.sum(axis=1) for count, _ in groups]) if groups else np.empty(0)
    released[:, -1] = total
    return release_s, np.minimum(np.maximum.accumulate(released, axis=1), total[:, None])
