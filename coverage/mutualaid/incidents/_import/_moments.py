"""Moments as people and machines write them: dates, times and offsets, before anything is made of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

from mutualaid.errors import Defect, IncidentError
from mutualaid.incidents._import._mapping import Recorded

__all__ = ["Moment", "blank", "day_comes_first", "read_day", "read_moment"]

_YEAR_FIRST = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})")
_TIME = re.compile(
    r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*([ap])?\.?(?:m\.?)?\s*(?:(z|utc)|([+-])(\d{2}):?(\d{2})?)?",
    re.IGNORECASE,
)
_FIRST_DAY = date(1970, 1, 1).toordinal()
#: What stands where nothing is known.
_NOTHING = {"", "null", "none", "nan", "nat", "na", "n/a", "-", "--", "unknown"}


@dataclass(frozen=True)
class Moment:
    """What a text says: milliseconds of the clock on the wall since 1970.

    Attributes
    ----------
    wall_ms
        Of its own day; of the time alone if it states none.
    dated
        Whether it states a day.
    offset_min
        Minutes ahead of UTC that it states; None if it states none.
    utc
        Whether it is said to be UTC without an offset (``Z``), so that the clock on the wall is not known.
    """

    wall_ms: int
    dated: bool
    offset_min: int | None = None
    utc: bool = False


def blank(text: str) -> bool:
    """Whether a text stands for nothing."""
    return text.strip().casefold() in _NOTHING


def day_comes_first(columns: Iterable[Sequence[str]], recorded: Recorded, file: str) -> bool:
    """Find out whether 03/04/2014 is the third of April, from all moments of a record together.

    Raises
    ------
    IncidentError
        Both would do for all of them.
    """
    if recorded.day_first is not None or recorded.stamp:
        return bool(recorded.day_first)
    example, day, month = "", False, False
    for texts in columns:
        for text in texts:
            if (match := _YEAR_LAST.match(text.strip())) is None:
                continue
            first, second = int(match[1]), int(match[3])
            # Nobody writes dots and begins with the month.
            day |= first > 12 or match[2] == "."
            month |= second > 12
            example = example or text
    if day == month and example:
        expected = "dates of which the order of day and month can be told"
        got = (
            f"{example}, and both orders in other rows"
            if day
            else f"{example}, and every row reads both ways"
        )
        remedy = (
            "state [format] day_first = true or false"
            if not day
            else "state [format] stamp, one format for all"
        )
        raise IncidentError([Defect(file, "moments", expected, got, remedy)])
    return day


@lru_cache(maxsize=4096)  # a record has many moments of few days
def read_day(text: str, *, day_first: bool) -> date | None:
    """Read a date; None if it is none."""
    text = text.strip()
    try:
        if match := _YEAR_FIRST.match(text):
            return date(int(match[1]), int(match[3]), int(match[4]))
        if match := _YEAR_LAST.match(text):
            first, second = int(match[1]), int(match[3])
            return date(int(match[4]), second, first) if day_first else date(int(match[4]), first, second)
        if re.fullmatch(r"\d{8}", text):
            return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 a day has no zone
    except ValueError:  # the 31st of February
        return None
    return None


def read_moment(text: str, recorded: Recorded, *, day_first: bool) -> Moment | None:
    """Read a moment by the stated formats, else as ISO 8601 or a date and a time; None if it is none."""
    text = text.strip()
    if recorded.stamp:
        return _by_format(text, recorded.stamp)
    day: date | None = None
    rest = text
    for pattern in (_YEAR_FIRST, _YEAR_LAST):
        if match := pattern.match(text):
            if (day := read_day(match[0], day_first=day_first)) is None:
                return None
            rest = text[match.end() :].lstrip(" T,;")
            break
    if day is not None and not rest:
        return None  # a day alone says nothing of the clock
    match = _TIME.fullmatch(rest)
    if match is None:
        return None
    hour, minute, second = int(match[1]), int(match[2]), int(match[3] or 0)
    if match[5]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if match[5].casefold() == "p" else 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    ms = (hour * 3600 + minute * 60 + second) * 1000 + int(f"{match[4] or '':0<3.3}")
    if day is not None:
        ms += (day.toordinal() - _FIRST_DAY) * 86_400_000
    offset = None
    if match[7]:
        offset = (int(match[8]) * 60 + int(match[9] or 0)) * (-1 if match[7] == "-" else 1)
    return Moment(ms, day is not None, 0 if match[6] else offset, utc=bool(match[6]))


def _by_format(text: str, formats: Sequence[str]) -> Moment | None:
    for one in formats:
        # Spreadsheets take the first zero of 010120141830 away.
        padded = text.zfill(12) if one == "%m%d%Y%H%M" and text.isdigit() else text
        try:
            found = datetime.strptime(padded, one)  # noqa: DTZ007 the zone is that of the record
        except ValueError:
            continue
        dated = "%d" in one or "%j" in one or "%D" in one or "%x" in one or "%c" in one
        offset = (
            None if found.utcoffset() is None else (found.utcoffset() or timedelta()) // timedelta(minutes=1)
        )
        wall = found.replace(tzinfo=None)
        start = datetime(1970, 1, 1) if dated else datetime(wall.year, wall.month, wall.day)  # noqa: DTZ001
        return Moment((wall - start) // timedelta(milliseconds=1), dated, offset)
    return None
