"""What must hold in a record of incidents: stamps in the order of the clock, none of them yet to come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.data._formats import RawTable, said
from mutualaid.data._model import STAMPS
from mutualaid.data._stamps import incident_table

__all__ = ["check_incidents", "incident_table"]

#: Clocks are wrong and time zones mixed up, but by less than this.
_AHEAD = timedelta(days=1)
_CLOCK = STAMPS[:-1]
_IMPORT = (
    "correct the row, or import the record (mutualaid incidents import), which counts what cannot be used"
)


def check_incidents(raw: RawTable, frame: pd.DataFrame) -> None:
    """Report stamps that contradict each other or lie in the future."""
    limit = pd.Timestamp(datetime.now(UTC) + _AHEAD)
    for name in STAMPS:
        late = (frame[name] > limit).to_numpy()
        got = [""] * len(frame)
        for at in np.flatnonzero(late).tolist():
            got[at] = _text(frame[name].iloc[at])
        remedy = "correct the year, or the offset"
        _report(raw, late, got, column=name, expected="a moment that has been", remedy=remedy)
    latest, whose = frame[_CLOCK[0]], pd.Series(_CLOCK[0], index=frame.index)
    for name in _CLOCK[1:]:
        latest, whose = _later(raw, frame, name, latest, whose)
    # A unit is often free before the full force is there, if that comes at all.
    latest, whose = frame[_CLOCK[0]], pd.Series(_CLOCK[0], index=frame.index)
    for name in _CLOCK[1:-1]:
        latest, whose = _latest(frame, name, latest, whose)
    _later(raw, frame, "free", latest, whose)


def _later(
    raw: RawTable, frame: pd.DataFrame, name: str, latest: pd.Series[Any], whose: pd.Series[Any]
) -> tuple[pd.Series[Any], pd.Series[Any]]:
    """Report rows whose stamp is before an earlier point of the clock; give the latest so far, and which it is."""
    early = (frame[name] < latest).to_numpy()
    got = [""] * len(frame)
    for at in np.flatnonzero(early).tolist():
        stamp, before = frame[name].iloc[at], latest.iloc[at]
        got[at] = f"{_text(stamp)}, {(before - stamp).total_seconds():,.0f} s before {whose.iloc[at]}"
    _report(raw, early, got, column=name, expected="stamps in the order of the clock", remedy=_IMPORT)
    return _latest(frame, name, latest, whose)


def _report(raw: RawTable, wrong: NDArray[np.bool_], got: list[str], **words: str) -> None:
    if wrong.any():  # records are long, and nearly always right
        raw.report(wrong, said(got), **words)


def _latest(
    frame: pd.DataFrame, name: str, latest: pd.Series[Any], whose: pd.Series[Any]
) -> tuple[pd.Series[Any], pd.Series[Any]]:
    later = frame[name].notna() & ~(frame[name] < latest)
    return frame[name].where(later, latest), whose.mask(later, name)


def _text(moment: Any) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
