"""The points of the clock of each row: midnight, time zones, and moments that contradict each other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import combinations, pairwise
from zoneinfo import ZoneInfo

from mutualaid.data import STAMPS
from mutualaid.errors import Defect, IncidentError
from mutualaid.incidents._import._mapping import Recorded
from mutualaid.incidents._import._moments import Moment, blank, day_comes_first, read_day, read_moment
from mutualaid.incidents._import._rules import Notebook

__all__ = ["Clock", "read_clocks"]

_HOUR_MS, _DAY_MS = 3_600_000, 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
#: Places of the clock; `free` may come before t5, since a unit is often free before the full force is there.
_LAST, _FREE = STAMPS.index("t5"), STAMPS.index("free")

#: Points of the clock of a row in milliseconds UTC, None where unknown, and the offset of its local time in minutes.
Clock = tuple[tuple[int | None, ...], int | None]


def read_clocks(
    numbers: Sequence[int],
    stamps: dict[str, Sequence[str]],
    days: Sequence[str] | None,
    recorded: Recorded,
    notebook: Notebook,
    file: str,
) -> list[Clock]:
    """Read the points of the clock of each row.

    Parameters
    ----------
    numbers
        Number of each row in the file.
    stamps
        Texts of each point of the clock that the record has.
    days
        Texts of the day of each incident, for times without one.
    recorded, notebook
        How to read them, and where to note what was changed.
    file
        Its name in messages.

    Raises
    ------
    IncidentError
        Days that could be read in two ways, times without a day, moments without a zone.
    """
    day_first = day_comes_first([*stamps.values(), *([days] if days is not None else [])], recorded, file)
    latest_ms = (datetime.now(UTC) + timedelta(days=1) - _EPOCH) // _MS
    rows = [
        _row(numbers[at], at, stamps, days, recorded, day_first=day_first, notebook=notebook)
        for at in range(len(numbers))
    ]
    _check_known(rows, recorded, file)
    return [
        _clock(number, row, recorded.time_zone, latest_ms, notebook)
        for number, row in zip(numbers, rows, strict=True)
    ]


def _row(
    number: int,
    at: int,
    stamps: dict[str, Sequence[str]],
    days: Sequence[str] | None,
    recorded: Recorded,
    *,
    day_first: bool,
    notebook: Notebook,
) -> list[Moment | None]:
    """Read one row; a time without a day gets that of the incident, else that of the first moment that has one."""
    found: list[Moment | None] = []
    for name in STAMPS:
        text = stamps[name][at] if name in stamps else ""
        one = None if blank(text) else read_moment(text, recorded, day_first=day_first)
        if one is None and not blank(text):
            notebook.mend(number, name, "unreadable", text)
        found.append(one)
    day = read_day(days[at], day_first=day_first) if days is not None else None
    start_ms = None if day is None else (day - date(1970, 1, 1)) // _MS
    if start_ms is None:
        start_ms = next(
            (one.wall_ms // _DAY_MS * _DAY_MS for one in found if one is not None and one.dated), None
        )
    return [
        one
        if one is None or one.dated or start_ms is None
        else Moment(one.wall_ms + start_ms, True, one.offset_min, one.utc)
        for one in found
    ]


def _check_known(rows: Sequence[Sequence[Moment | None]], recorded: Recorded, file: str) -> None:
    """Refuse what can only be guessed."""
    moments = [one for row in rows for one in row if one is not None]
    undated = sum(not one.dated for one in moments)
    naive = sum(one.offset_min is None for one in moments)
    defects = []
    if undated:
        remedy = 'name the column of the day: date = "…", or join it: t0 = ["Date", "Time"]'
        defects.append(Defect(file, "moments", "a day for each time", f"{undated} times without one", remedy))
    if naive and recorded.time_zone is None:
        remedy = 'state it: time_zone="Europe/Paris", or [format] time_zone'
        got = f"{naive} moments without an offset"
        defects.append(Defect(file, "moments", "the time zone of the control room's clock", got, remedy))
    if defects:
        raise IncidentError(defects)


def _clock(
    number: int, row: list[Moment | None], zone: ZoneInfo | None, latest_ms: int, notebook: Notebook
) -> Clock:
    row = _past_midnight(number, row, notebook)
    choices = [_in_utc(one, zone) for one in row]
    picked = _in_order(number, row, choices, notebook)
    for place, ms in enumerate(picked):
        if ms is not None and not 0 <= ms <= latest_ms:
            notebook.mend(number, STAMPS[place], "out_of_time", _shown(ms))
            picked[place] = None
    picked = _agreeing(number, picked, notebook)
    return tuple(picked), _offset(picked, row, zone)


def _past_midnight(number: int, row: list[Moment | None], notebook: Notebook) -> list[Moment | None]:
    """Add a day to what runs back by more than half a day while the date stays: the day of the call was reused."""
    result, last = list(row), None
    for place, one in enumerate(row):
        if one is None:
            continue
        if last is not None:
            moved = one.wall_ms + _days_between(last.wall_ms, one.wall_ms) * _DAY_MS
            if moved != one.wall_ms:
                notebook.mend(number, STAMPS[place], "midnight", _wall(one.wall_ms), _wall(moved))
                result[place] = Moment(moved, True, one.offset_min, one.utc)
        if place != _LAST:
            last = result[place]
    return result


def _days_between(before_ms: int, ms: int) -> int:
    """Days that are missing: 1 if the clock runs back by 12 to 24 hours, else 0."""
    return 1 if _DAY_MS // 2 < before_ms - ms < _DAY_MS else 0


# --- time zones ---------------------------------------------------------------------------------------------


@cache
def _offsets(zone: ZoneInfo, hour: int) -> tuple[int, int]:
    """Minutes ahead of UTC of an hour's local time, for the first and the second time that it comes."""
    wall = datetime(1970, 1, 1) + timedelta(hours=hour)  # noqa: DTZ001 local time
    both = (wall.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta() for fold in (0, 1))
    first, second = (int(one / timedelta(minutes=1)) for one in both)
    return first, second


def _in_utc(one: Moment | None, zone: ZoneInfo | None) -> tuple[int, ...]:
    """Milliseconds UTC that a moment may mean: none, one, or two where the hour came twice.

    A negative second one says that the hour did not come at all.
    """
    if one is None:
        return ()
    if one.offset_min is not None:
        return (one.wall_ms - one.offset_min * 60_000,)
    if zone is None:  # refused before
        return ()
    wall = datetime(1970, 1, 1) + one.wall_ms * _MS  # noqa: DTZ001 local time
    first, second = _offsets(zone, one.wall_ms // _HOUR_MS)
    if one.wall_ms % _HOUR_MS and first != second:  # zones that change at half past
        both = (wall.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta() for fold in (0, 1))
        first, second = (int(part / timedelta(minutes=1)) for part in both)
    return tuple(dict.fromkeys((one.wall_ms - first * 60_000, one.wall_ms - second * 60_000)))


def _in_order(
    number: int, row: Sequence[Moment | None], choices: Sequence[tuple[int, ...]], notebook: Notebook
) -> list[int | None]:
    """Choose among the two meanings of moments in the hour that comes twice."""
    picked: list[int | None] = [one[0] if one else None for one in choices]
    twice = [place for place, one in enumerate(choices) if len(one) > 1 and one[0] < one[1]]
    for place, one in enumerate(choices):
        if len(one) > 1 and one[0] > one[1]:  # the hour did not come: as if the clock had stayed
            notebook.mend(number, STAMPS[place], "skipped_hour", _wall_of(row[place]), _shown(one[0]))
    if not twice:
        return picked
    found: list[tuple[tuple[int, int], int]] = []
    for early in range(len(twice), -1, -1):  # the first so many in the first hour, the others in the second
        trial = list(picked)
        for place in twice[early:]:
            trial[place] = choices[place][1]
        known = [ms for place, ms in enumerate(trial) if ms is not None and place != _LAST]
        wrong = sum(later < sooner for sooner, later in pairwise(known))
        found.append(((wrong, max(known, default=0) - min(known, default=0)), early))
    best = min(score for score, _ in found)
    equal = [early for score, early in found if score == best]
    rule = "ambiguous_hour" if len(equal) == 1 else "ambiguous_assumed"
    for index, place in enumerate(twice):
        picked[place] = choices[place][0 if index < equal[0] else 1]
        notebook.mend(number, STAMPS[place], rule, _wall_of(row[place]), _shown(picked[place] or 0))
    return picked


def _offset(picked: Sequence[int | None], row: Sequence[Moment | None], zone: ZoneInfo | None) -> int | None:
    """Minutes ahead of UTC of the first known moment of a row; None where only UTC is known."""
    for ms, one in zip(picked, row, strict=True):
        if ms is None or one is None:
            continue
        if one.offset_min is not None and not one.utc:
            return one.offset_min
        if zone is not None:
            return int(
                ((_EPOCH + ms * _MS).astimezone(zone).utcoffset() or timedelta()) / timedelta(minutes=1)
            )
    return None


# --- contradictions -----------------------------------------------------------------------------------------


def _apart(i: int, a: int, j: int, b: int) -> str:
    """Name the rule that two moments of a row break, the first of them sooner on the clock; "" if none."""
    if abs(b - a) > _DAY_MS:
        return "implausible"
    return "negative" if b < a and (i, j) != (_LAST, _FREE) else ""


def _agreeing(number: int, picked: list[int | None], notebook: Notebook) -> list[int | None]:
    """Keep what is part of every largest set of moments that agree; the rest becomes unknown."""
    known = [(place, ms) for place, ms in enumerate(picked) if ms is not None]
    broken = {(i, j): rule for (i, a), (j, b) in combinations(known, 2) if (rule := _apart(i, a, j, b))}
    if not broken:
        return picked
    places = [place for place, _ in known]
    for size in range(len(places), 0, -1):
        sets = [
            set(one)
            for one in combinations(places, size)
            if not any(pair in broken for pair in combinations(one, 2))
        ]
        if sets:
            break
    kept = set.intersection(*sets)
    result = list(picked)
    for place in places:
        if place in kept:
            continue
        rules = {rule for pair, rule in broken.items() if place in pair and (set(pair) - {place}) <= kept}
        rule = "no_clock" if not rules else "negative" if "negative" in rules else "implausible"
        notebook.mend(number, STAMPS[place], rule, _shown(picked[place] or 0))
        result[place] = None
    return result


def _shown(ms: int) -> str:
    try:
        return (
            (_EPOCH + ms * _MS)
            .isoformat(timespec="milliseconds" if ms % 1000 else "seconds")
            .replace("+00:00", "Z")
        )
    except OverflowError:
        return f"{ms} ms"


def _wall(ms: int) -> str:
    return _shown(ms).removesuffix("Z")


def _wall_of(one: Moment | None) -> str:
    return "" if one is None else _wall(one.wall_ms)
