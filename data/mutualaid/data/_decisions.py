"""What must hold in the partners' log of decisions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.data._formats import RawTable, said

__all__ = ["check_decisions"]


def check_decisions(raw: RawTable, frame: pd.DataFrame) -> pd.DataFrame:
    """Report entries that contradict themselves; complete the status of those that state none."""
    closed = (frame["closed"] != "").to_numpy()
    stated = frame["status"]
    remedy = "correct one of them"

    def report(wrong: NDArray[np.bool_], column: str, got: pd.Series[Any], expected: str) -> None:
        raw.report(wrong, said(got.to_list()), column=column, expected=expected, remedy=remedy)

    # Days in ISO 8601 sort as texts do.
    for name, what in (
        ("due", "a day from that of the entry on"),
        ("closed", "a day from that of the entry on"),
    ):
        early = ((frame[name] != "") & (frame[name] < frame["date"])).to_numpy()
        report(early, name, frame[name] + ", before " + frame["date"], what)
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    report(closed & (frame["closed"] > tomorrow).to_numpy(), "closed", frame["closed"], "a day that has been")
    still = closed & (stated == "open").to_numpy()
    report(still, "status", "open, but closed on " + frame["closed"], "done or dropped, or no day in closed")
    # One that cannot be read has been reported.
    given = raw.frame["indicator"] if "indicator" in raw.frame else pd.Series([""] * len(frame))
    nothing = given.fillna("").astype(str).str.strip() == ""
    alone = frame["value"].notna().to_numpy() & nothing.to_numpy()
    values = frame["value"].map("{:g} of nothing".format)
    report(alone, "value", values, "the indicator whose value it is")
    return frame.assign(status=stated.where(stated != "", np.where(closed, "done", "open")))
