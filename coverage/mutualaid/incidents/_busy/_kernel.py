"""Units that answer calls: the simulation on plain arrays."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mutualaid.errors import Defect, IncidentError
from mutualaid.incidents._busy._events import run_events

__all__ = ["Served", "Ways", "simulate_calls"]

_FINITE = sys.float_info.max


@dataclass(frozen=True, eq=False)
class Ways:
    """Which stations may serve each place, soonest first: rows ``start[i]`` … ``start[i + 1]`` belong to place i.

    Attributes
    ----------
    start
        (places + 1,) first row of each place.
    station
        (rows,) position of the station.
    out_s
        (rows,) seconds from the call until the unit is on scene.
    stay
        (rows,) units that must stay: a station with no more than these at home sends none.
    subsidiary
        (rows,) bool: it comes only where none of the `own_in_time` is free.
    own_in_time
        (rows,) bool: it keeps those that are subsidiary at home.
    """

    start: NDArray[np.int64]
    station: NDArray[np.int64]
    out_s: NDArray[np.float64]
    stay: NDArray[np.int64]
    subsidiary: NDArray[np.bool_]
    own_in_time: NDArray[np.bool_]

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]], out_s: Sequence[Sequence[float]] | float = 0.0) -> Ways:
        """Make ways from the stations of each place in their order; nobody must stay and nobody is subsidiary."""
        start = np.cumsum([0, *map(len, rows)], dtype=np.int64)
        station = np.array([one for row in rows for one in row], dtype=np.int64)
        seconds = (
            np.full(len(station), float(out_s))
            if isinstance(out_s, int | float)
            else np.array([one for row in out_s for one in row], dtype=np.float64)
        )
        none = np.zeros(len(station), dtype=np.bool_)
        return cls(start, station, seconds, np.zeros(len(station), dtype=np.int64), none, none)

    @cached_property
    def queues(self) -> tuple[NDArray[np.int64], ...]:
        """Queue of each place; and the rows of all queues: station, queue, and units that must stay.

        Calls at places that the same stations may serve under the same conditions wait in one queue: whoever comes home
        looks at the first call of each of its queues, however many wait.
        """
        owner = np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))
        order = np.lexsort((self.station, owner))
        pairs = np.column_stack([self.station, self.stay])[order]
        found: dict[bytes, int] = {}
        alike = np.empty(len(self.start) - 1, dtype=np.int64)
        members: list[NDArray[np.int64]] = []
        for number, (first, last) in enumerate(zip(self.start[:-1], self.start[1:], strict=True)):
            mine = pairs[first:last]
            alike[number] = found.setdefault(mine.tobytes(), len(found))
            if len(found) > len(members):
                members.append(mine)
        rows = np.concatenate(members) if members else np.empty((0, 2), dtype=np.int64)
        queue = np.repeat(np.arange(len(members)), [len(one) for one in members])
        by_station = np.lexsort((queue, rows[:, 0]))
        return alike, *(np.ascontiguousarray(one[by_station]) for one in (rows[:, 0], queue, rows[:, 1]))


@dataclass(frozen=True, eq=False)
class Served:
    """What became of calls.

    Attributes
    ----------
    unit
        (calls,) unit that came; -1 if none did.
    way
        (calls,) row of the ways by which it came; -1 if none did.
    wait_s
        (calls,) seconds from the call until a unit was sent: 0 if one was free; inf if none was sent.
    busy_s
        (units,) seconds that each was out between the two ends of the window.
    """

    unit: NDArray[np.int64]
    way: NDArray[np.int64]
    wait_s: NDArray[np.float64]
    busy_s: NDArray[np.float64]


def simulate_calls(
    at_s: ArrayLike,
    place: ArrayLike,
    work_s: ArrayLike,
    ways: Ways,
    units: ArrayLike,
    *,
    wait: bool = True,
    window_s: tuple[float, float] = (0.0, np.inf),
) -> Served:
    """Send units to calls, one event after the other.

    A call goes to the first station of its place that has a unit at home, and of its units to the first one. The unit
    is out until it has come, has worked, and can be sent again. Where no unit is free, the call waits; a unit that
    comes home goes to the call that came first of those that it may serve. Without waiting the call is lost. A unit
    that comes home in the moment of a call is free for it.

    Parameters
    ----------
    at_s
        (calls,) seconds, ascending.
    place
        (calls,) position of the place in `ways`.
    work_s
        (calls,) seconds that the unit is out after it came.
    ways
        Who may come to each place.
    units
        (stations,) number of units.
    wait
        Whether calls wait.
    window_s
        From when to when it is counted how long units are out.

    Returns
    -------
    Served

    Raises
    ------
    IncidentError
        Arrays that do not fit together, times that are not in order, or numbers that are none; all of it is named.

    Examples
    --------
    Two units at one station, three calls of 100 s in 20 s: the third waits for the first to come home.

    >>> from mutualaid.incidents import Ways, simulate_calls
    >>> served = simulate_calls([0, 10, 20], [0, 0, 0], [100, 100, 100], Ways.of([[0]]), [2])
    >>> served.unit.tolist(), served.wait_s.tolist(), served.busy_s.tolist()
    ([0, 1, 0], [0.0, 0.0, 80.0], [200.0, 100.0])
    """
    at, work = (np.asarray(one, dtype=np.float64) for one in (at_s, work_s))
    spot, count = np.asarray(place, dtype=np.int64), np.asarray(units, dtype=np.int64)
    _check(at, spot, work, ways, count)
    first_unit = np.concatenate(([0], np.cumsum(count)))
    unit, way = (np.full(len(at), -1, dtype=np.int64) for _ in range(2))
    begin, busy_s = np.full(len(at), np.inf), np.zeros(first_unit[-1])
    if len(at):
        alike, of_station, group, group_stay = ways.queues
        group_start = np.searchsorted(of_station, np.arange(len(count) + 1)).astype(np.int64)
        run_events(
            at, spot, work, ways.start, ways.station, ways.out_s, ways.stay, ways.subsidiary, ways.own_in_time,
            first_unit, alike, group_start, group, group_stay, bool(wait), float(window_s[0]), float(window_s[1]),
            unit, way, begin, busy_s,
        )  # fmt: skip
    return Served(unit, way, begin - at, busy_s)


def _check(
    at: NDArray[np.float64],
    place: NDArray[np.int64],
    work: NDArray[np.float64],
    ways: Ways,
    units: NDArray[np.int64],
) -> None:
    """Refuse what the compiled loop would read beyond its arrays, or never end with."""
    rows, places = len(ways.station), len(ways.start) - 1
    sizes = {len(one) for one in (ways.out_s, ways.stay, ways.subsidiary, ways.own_in_time)}
    ends = ways.start.tolist()
    calls, lengths = "calls", f"{len(at)}, {len(place)}, {len(work)}"
    seconds, positions = "finite seconds from 0 on", "positions from 0 to {}"
    count = "numbers of units from 0 on"
    rises = bool(np.isfinite(at).all() and (np.diff(at) >= 0).all())
    ordered = ends[:1] == [0] and ends[-1:] == [rows] and ends == sorted(ends)
    checks: list[tuple[bool, str, str, str]] = [
        (len(at) == len(place) == len(work), calls, "arrays of one length", lengths),
        (rises, "at_s", "finite seconds, ascending", "others"),
        (_within(place, 0, places - 1), "place", positions.format(places - 1), "others"),
        (_within(work, 0, _FINITE), "work_s", seconds, "others"),
        (sizes == {rows}, "ways", f"{rows} rows in each array", ", ".join(map(str, sorted(sizes)))),
        (ordered, "ways, start", f"numbers that rise from 0 to {rows}", "others"),
        (_within(ways.out_s, 0, _FINITE), "ways, out_s", seconds, "others"),
        (
            _within(ways.station, 0, len(units) - 1),
            "ways, station",
            positions.format(len(units) - 1),
            "others",
        ),
        (_within(ways.stay, 0, _FINITE), "ways, stay", count, "others"),
        (_within(units, 0, _FINITE), "units", count, "others"),
    ]
    if defects := [
        Defect("", where, want, got, "correct it") for fine, where, want, got in checks if not fine
    ]:
        raise IncidentError(defects)


def _within(values: NDArray[np.float64] | NDArray[np.int64], low: float, high: float) -> bool:
    return bool(((values >= low) & (values <= high)).all())
