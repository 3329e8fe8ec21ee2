"""What was reached in time, by the record: each segment of the clock, and the standard."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.coverage import Standard
from mutualaid.data import Region
from mutualaid.errors import Defect, StandardError
from mutualaid.incidents._first_units import UNKNOWN, first_units, seconds_between
from mutualaid.incidents._intervals import mean_interval, quantile, wilson

__all__ = ["SEGMENT_POINTS", "clock_seconds", "in_order", "observed"]

#: Segments of the clock that a record can show, and the points between which they lie.
SEGMENT_POINTS: Mapping[str, tuple[str, str]] = {
    "answering": ("t0", "t1"),
    "processing": ("t1", "t2"),
    "turnout": ("t2", "t3"),
    "drive": ("t3", "t4"),
}
#: Draws of the interval of a mean, where a standard limits the average.
_SEED = 0


def observed(
    region: Region, *, standard: Standard, local_standards: Mapping[str, Standard] | None = None
) -> pd.DataFrame:
    """Hold the first units that came against a standard, by place, hour, unit and type.

    One incident counts once, by the unit that came first. The clock of a standard that starts with the alert starts
    with that of the first crew, whoever came first: people wait from then on. The segments are those of the unit that
    came; what a stamp that is missing leaves unknown is counted and left out of shares and percentiles.

    Parameters
    ----------
    region
        With its incidents; those of the service of its parameters count.
    standard
        The common standard.
    local_standards
        The standard of each jurisdiction, by id: what the segment ``local`` is held against. Without it there is none.

    Returns
    -------
    DataFrame
        Index (``kind``, ``group``, ``segment``). Kinds are ``all`` (group ""), ``jurisdiction`` and ``partner`` (of the
        place; ``outside`` where it lies in none), ``hour`` (``day``, ``night``, ``weekend``: Saturdays and Sundays; a
        day is from 7 to 19 o'clock), ``unit`` and ``type`` (``unknown`` where not stated). Segments are ``answering``
        (t0–t1), ``processing`` (t1–t2), ``turnout`` (t2–t3), ``drive`` (t3–t4), ``standard`` and ``local``. Columns:

        * ``start``, ``end``: points of the clock ("" where standards with different intervals are mixed);
        * ``count``, ``known``, ``unknown``: incidents, and whether the record holds both stamps;
        * ``mean_s``, ``p50_s``, ``p90_s``, ``p95_s``: seconds; a percentile is the smallest of the times that so many
          do not exceed; NaN where nothing is known;
        * ``limit_s``, ``share``: what the standard asks for; NaN in other segments, where it asks for none, and where
          standards are mixed;
        * ``within_share`` with ``within_low_share`` and ``within_high_share``: incidents within the limit (inclusive)
          of those known, and the 95 % interval by Wilson;
        * ``met`` (boolean): whether the share, or the average, is met; missing where the interval holds it, so that
          the record cannot tell, and where nothing is asked for.

    Raises
    ------
    StandardError
        If a standard ends with the full force, or a jurisdiction has none.

    Examples
    --------
    >>> from mutualaid.coverage import standard
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.incidents import observed
    >>> region = read_region(demo_path())
    >>> found = observed(region, standard=standard("de-agbf-first"))
    >>> found["start"]["all", "", "standard"], float(found["limit_s"]["all", "", "standard"])
    ('t2', 480.0)
    """
    _check(region, standard, local_standards)
    rows = first_units(region)
    times = {
        name: (np.full(len(rows), None, dtype=object), seconds_between(rows[start], rows[end]))
        for name, (start, end) in SEGMENT_POINTS.items()
    }
    everywhere = np.full(len(rows), standard, dtype=object)
    times["standard"] = (everywhere, clock_seconds(rows, everywhere))
    if local_standards is not None:
        # Outside all jurisdictions nobody's standard holds but the common one.
        here = np.array([local_standards.get(one, standard) for one in rows["jurisdiction"]], dtype=object)
        times["local"] = (here, clock_seconds(rows, here))
    records = []
    for kind, group, chosen in _groups(rows):
        for name, (rules, seconds) in times.items():
            what = _of_segment(name, rules[chosen], seconds[chosen])
            records.append({"kind": kind, "group": group, "segment": name} | what)
    columns = [
        "kind", "group", "segment", "start", "end", "count", "known", "unknown", "mean_s", "p50_s", "p90_s", "p95_s",
        "limit_s", "share", "within_share", "within_low_share", "within_high_share", "met",
    ]  # fmt: skip
    frame = pd.DataFrame(records, columns=columns).astype({"met": "boolean"})
    return in_order(frame, ["kind", "group", "segment"])


def in_order(frame: pd.DataFrame, labels: list[str]) -> pd.DataFrame:
    """Index a frame by some columns whose labels keep the order in which they come first, so that parts are found fast.

    Within `group` they are in alphabetical order.
    """
    levels = [
        sorted(frame[name].unique()) if name == "group" else list(dict.fromkeys(frame[name]))
        for name in labels
    ]
    codes = [
        pd.Index(level).get_indexer(pd.Index(frame[name])) for level, name in zip(levels, labels, strict=True)
    ]
    return frame.drop(columns=labels).set_axis(pd.MultiIndex(levels=levels, codes=codes, names=labels))


def _check(region: Region, common: Standard, local: Mapping[str, Standard] | None) -> None:
    defects = [
        Defect(
            "",
            f"standard {rule.id}",
            "an interval that ends when the first unit arrives (t4)",
            rule.end,
            "choose a standard of the first unit",
        )
        for rule in {rule.id: rule for rule in (common, *(local or {}).values())}.values()
        if rule.end != "t4"
    ]
    if local is not None:
        defects += [
            Defect("", f"jurisdiction {name}", "a standard", "none", "name one, or pass no local standards")
            for name in map(str, region.jurisdictions.index)
            if name not in local
        ]
    if defects:
        raise StandardError(defects)


def clock_seconds(rows: gpd.GeoDataFrame, rules: NDArray[np.object_]) -> NDArray[np.float64]:
    """Seconds on the clock of the standard of each row of `first_units`; NaN where a stamp is unknown."""
    seconds = np.full(len(rows), np.nan)
    starts = np.array([rule.start for rule in rules], dtype=object)
    for start in ("t0", "t1", "t2", "t3"):
        here = starts == start
        column = rows["alerted" if start == "t2" else start]
        seconds[here] = seconds_between(column[here], rows["t4"][here])
    return seconds


def _groups(rows: gpd.GeoDataFrame) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """Kind and name of each group, and which rows belong to it."""
    yield "all", "", np.ones(len(rows), dtype=np.bool_)
    for kind in ("jurisdiction", "partner", "hour", "unit", "type"):
        values = rows[kind].astype(object).replace("", UNKNOWN).to_numpy()
        for group in sorted(set(values)):
            yield kind, str(group), values == group


def _of_segment(name: str, rules: NDArray[np.object_], seconds: NDArray[np.float64]) -> dict[str, Any]:
    known = seconds[~np.isnan(seconds)]
    found: dict[str, Any] = {
        "count": len(seconds),
        "known": len(known),
        "unknown": len(seconds) - len(known),
        "mean_s": float(known.mean()) if len(known) else math.nan,
        "p50_s": quantile(known, 0.5),
        "p90_s": quantile(known, 0.9),
        "p95_s": quantile(known, 0.95),
    }
    if name in SEGMENT_POINTS:
        start, end = SEGMENT_POINTS[name]
        return (
            {"start": start, "end": end, "limit_s": math.nan, "share": math.nan, "met": pd.NA}
            | found
            | _NOTHING
        )
    distinct = list(dict.fromkeys(rules))
    starts = {rule.start for rule in distinct}
    found |= {"start": starts.pop() if len(starts) == 1 else "", "end": "t4"}
    limits = np.array([rule.limit_s for rule in rules], dtype=np.float64)
    # Whole milliseconds: exactly the limit is within it.
    hits = int((np.rint(1000 * seconds) <= np.rint(1000 * limits)).sum())
    low, high = wilson(hits, len(known))
    found |= {
        "within_share": hits / len(known) if len(known) else math.nan,
        "within_low_share": low if len(known) else math.nan,
        "within_high_share": high if len(known) else math.nan,
    }
    if len(distinct) != 1:
        return found | {"limit_s": math.nan, "share": math.nan, "met": pd.NA}
    rule = distinct[0]
    return found | {"limit_s": rule.limit_s, "share": rule.share, "met": _met(rule, known, low, high)}


_NOTHING = dict.fromkeys(("within_share", "within_low_share", "within_high_share"), math.nan)


def _met(rule: Standard, known: NDArray[np.float64], low: float, high: float) -> Any:
    """Whether the standard is met for sure, or missed for sure; missing where the record cannot tell."""
    if not len(known):
        return pd.NA
    if rule.statistic == "mean":
        least, most = mean_interval(known, seed=_SEED)
        return True if most <= rule.limit_s else False if least > rule.limit_s else pd.NA
    if math.isnan(rule.share):
        return pd.NA
    return True if low >= rule.share else False if high < rule.share else pd.NA
