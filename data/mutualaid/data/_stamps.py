"""Moments in and out: ISO 8601 with the offset from UTC, so that nobody has to guess a time zone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.data._model import STAMPS

__all__ = ["FORM", "STAMP_TYPE", "incident_table", "moments", "offset_of"]

STAMP_TYPE = "datetime64[ms, UTC]"
FORM = "a moment with its offset from UTC, such as 2014-03-05T14:03:22+01:00"
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))? ?(?:(Z|z)|([+-])(\d\d)(?::?(\d\d))?)"
)
#: Seconds of a day's clock, and nothing beyond: a leap second cannot be told from a slip.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
#: Longest offset from UTC that any place has had.
_MOST_MIN = 15 * 60


def moments(
    values: Sequence[object],
) -> tuple[pd.Series[Any], NDArray[np.float64], NDArray[np.bool_]]:
    """Read a column of moments.

    Returns
    -------
    stamps
        UTC, to the millisecond; NaT where there is none or it cannot be read.
    offset_min
        Local time in minutes ahead of UTC; NaN where nobody says: ``Z`` is UTC whatever the clocks showed there
        (RFC 9557).
    bad
        What is there but cannot be read, a moment without its offset included.
    """
    ms = np.full(len(values), np.iinfo(np.int64).min)  # NaT
    offset_min = np.full(len(values), np.nan)
    bad = np.zeros(len(values), bool)
    for at, value in enumerate(values):
        if value is None or value is pd.NA or value is pd.NaT or value != value:
            continue
        if isinstance(value, str) and not value.strip():
            continue
        found = _text(value.strip()) if isinstance(value, str) else _moment(value)
        if found is None:
            bad[at] = True
        else:
            ms[at], offset_min[at] = found
    stamps = pd.Series(ms.view("datetime64[ms]")).dt.tz_localize("UTC")
    return stamps, offset_min, bad


def _text(text: str) -> tuple[int, float] | None:
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    day, clock, part, zulu, sign, hours, minutes = match.groups()
    try:
        local = datetime.fromisoformat(f"{day}T{clock}+00:00")
    except ValueError:  # the 31st of February, 25 o'clock
        return None
    offset = 0 if zulu else (int(hours) * 60 + int(minutes or 0)) * (-1 if sign == "-" else 1)
    if abs(offset) > _MOST_MIN or int(minutes or 0) > 59:
        return None
    ms = (local - _EPOCH) // _MS + int(f"{part or '0':0<3.3}") - offset * 60_000
    # RFC 3339: an offset of -00:00 says that nobody knows it.
    return ms, np.nan if zulu or (sign == "-" and offset == 0) else float(offset)


def _moment(value: object) -> tuple[int, float] | None:
    """Read what a GeoPackage or Parquet file gives; in UTC nobody knows what the clocks showed there."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        return None
    offset = value.utcoffset() or timedelta()
    known = bool(offset) or str(value.tzinfo) not in ("UTC", "UTC+00:00")
    return (value - _EPOCH) // _MS, offset / timedelta(minutes=1) if known else np.nan


def offset_of(offsets: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Give the offset of each row: that of the first of its stamps that states one."""
    result = offsets[0].copy()
    for other in offsets[1:]:
        result = np.where(np.isnan(result), other, result)
    return result


def incident_table(incidents: Any) -> Any:
    """Give incidents as they are written: each moment as text, local with its offset, or UTC where that is unknown.

    Parameters
    ----------
    incidents
        As `mutualaid.data.Region.incidents`.

    Returns
    -------
    GeoDataFrame
        The same rows; `mutualaid.data.read_table` reads the same moments back.
    """
    offsets = incidents["offset_min"].to_list()
    texts = {
        name: pd.Series(
            [_shown(value, offset) for value, offset in zip(incidents[name].to_list(), offsets, strict=True)],
            index=incidents.index,
            dtype="str",
        )
        for name in STAMPS
    }
    return incidents.drop(columns="offset_min").assign(**texts)


def _shown(value: Any, offset_min: float) -> str:
    if value is pd.NaT:
        return ""
    known = not np.isnan(offset_min)
    place = timezone(timedelta(minutes=offset_min)) if known else UTC
    moment: datetime = value.to_pydatetime().astimezone(place)
    text = moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
    return text if known else text.removesuffix("+00:00") + "Z"
