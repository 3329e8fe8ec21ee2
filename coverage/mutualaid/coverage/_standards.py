"""Response-time standards: which interval of the clock, what limit, for which share of the incidents."""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from importlib.resources import files

import pandas as pd

from mutualaid.data import SERVICES
from mutualaid.errors import Defect, StandardError

__all__ = ["CLOCK", "Standard", "standard", "standards"]

#: Points of the clock, in the order in which an incident passes them, and the word for each in region.toml.
CLOCK: Mapping[str, str] = {
    "t0": "received",
    "t1": "answered",
    "t2": "alerted",
    "t3": "rolling",
    "t4": "arrived",
    "t5": "full_force",
}
_POINTS = {word: point for point, word in CLOCK.items()}


@dataclass(frozen=True)
class Standard:
    """A limit on one interval of the response-time clock.

    Attributes
    ----------
    id, name
        Key in the table of standards, and what people call it.
    service
        ``fire``, ``ems`` or ``rescue``; empty if it holds for each of them.
    start, end
        First and last point of the interval: ``t0`` call received, ``t1`` answered, ``t2`` crew alerted,
        ``t3`` wheels rolling, ``t4`` first unit arrives, ``t5`` full force on scene.
    limit_s
        Limit in seconds. It is inclusive: exactly the limit is within the standard.
    share
        Share of incidents that must be within the limit, 0…1; NaN if the standard states none.
    statistic
        What is compared with the limit: ``share`` (the share of incidents within it) or ``mean`` (the
        average).
    staff
        People that must have arrived; NaN if not stated. It is shown and not checked.
    area_class
        Where it applies, in the words of the standard; empty if everywhere.
    density_min_per_km2, density_max_per_km2
        Residents per km² from which and below which it applies; NaN if not stated.
    interval
        The interval in the words of the source; it says so where the source states none.
    source, note
        Where it stands, and what must be known to use it.
    """

    id: str
    name: str
    limit_s: float
    start: str = "t2"
    end: str = "t4"
    service: str = ""
    share: float = math.nan
    statistic: str = "share"
    staff: float = math.nan
    area_class: str = ""
    density_min_per_km2: float = math.nan
    density_max_per_km2: float = math.nan
    interval: str = ""
    source: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        defects = _contradictions(self)
        if defects:
            raise StandardError(defects)


def standards() -> pd.DataFrame:
    """Table of the built-in standards.

    Only figures that were read in a public source; what is known by hearsay is left to the user's own table.

    Returns
    -------
    DataFrame
        Index ``id``; one column for each other attribute of `Standard`.

    Examples
    --------
    >>> from mutualaid.coverage import standards
    >>> standards().loc["de-agbf-first", ["start", "end"]].tolist()
    ['t2', 't4']
    """
    return pd.DataFrame([asdict(row) for row in _builtin().values()]).set_index("id")


def standard(id: str, *, own: Mapping[str, Mapping[str, object]] | None = None) -> Standard:  # noqa: A002
    """Find a standard by its id.

    Parameters
    ----------
    id
        Id in `own`, else in the built-in table.
    own
        A region's own standards: attributes of `Standard` by id. ``limit_min`` may be given instead of
        ``limit_s``, and the points of the clock as the words of `CLOCK`. A standard of the region goes before
        a built-in one of the same id.

    Returns
    -------
    Standard

    Raises
    ------
    StandardError
        If there is none of this id, or if it contradicts itself; close ids are named.

    Examples
    --------
    >>> from mutualaid.coverage import standard
    >>> standard("town", own={"town": {"limit_min": 9, "start": "received", "share": 0.9}}).limit_s
    540.0
    """
    if own and id in own:
        return _from_mapping(id, own[id])
    if id in _builtin():
        return _builtin()[id]
    known = [*(own or {}), *_builtin()]
    close = difflib.get_close_matches(id, known, n=3, cutoff=0.5)
    remedy = f"did you mean {' or '.join(close)}" if close else "choose one from `mutualaid standards`"
    raise StandardError([Defect("", "standard", "the id of a known standard", repr(id), remedy)])


@cache
def _builtin() -> dict[str, Standard]:
    text = files("mutualaid.coverage").joinpath("standards.toml").read_text(encoding="utf-8")
    return {key: _from_mapping(key, values) for key, values in tomllib.loads(text).items()}


def _from_mapping(key: str, values: Mapping[str, object]) -> Standard:
    given = {name: value for name, value in values.items() if value is not None and name != "id"}
    types = {field.name: field.type for field in fields(Standard) if field.name != "id"}
    defects = []
    for name in given.keys() - types.keys() - {"limit_min"}:
        close = difflib.get_close_matches(name, types, n=1)
        remedy = f"did you mean {close[0]}" if close else f"use one of {', '.join(types)}"
        defects.append(Defect("", f"standard {key}", "a property of a standard", name, remedy))
    if ("limit_s" in given) == ("limit_min" in given):
        got = "both" if "limit_s" in given else "neither"
        remedy = "keep one of them" if "limit_s" in given else "state the limit in seconds"
        defects.append(Defect("", f"standard {key}", "either limit_s or limit_min", got, remedy))
    wanted: dict[str, object] = {"name": key}
    for name, value in given.items():
        number = types.get(name, "float") == "float"
        if isinstance(value, bool) or not isinstance(value, int | float if number else str):
            kind = "a number" if number else "a text"
            defects.append(Defect("", f"standard {key}, {name}", kind, repr(value), f"write {kind}"))
        else:
            wanted[name] = float(value) if isinstance(value, int | float) else str(value)
    if defects:
        raise StandardError(defects)
    if "limit_min" in wanted:
        wanted["limit_s"] = 60.0 * float(str(wanted.pop("limit_min")))
    for name in ("start", "end"):
        if name in wanted:
            wanted[name] = _POINTS.get(str(wanted[name]), wanted[name])
    build: Callable[..., Standard] = Standard
    return build(id=key, **wanted)


def _contradictions(rule: Standard) -> list[Defect]:
    """Return everything about one standard that cannot be."""
    low, high = rule.density_min_per_km2, rule.density_max_per_km2
    checks: list[tuple[bool, str, str, object, str]] = [
        (bool(rule.id), "id", "a text", repr(rule.id), "give it an id"),
        (
            rule.start in ("t0", "t1", "t2", "t3"),
            "start",
            "t0, t1, t2 or t3",
            repr(rule.start),
            "name the point at which the clock starts",
        ),
        (
            rule.end in ("t4", "t5"),
            "end",
            "t4 (first unit arrives) or t5 (full force)",
            repr(rule.end),
            "name the point at which the clock stops",
        ),
        (
            0 < rule.limit_s <= 86_400,
            "limit_s",
            "seconds above 0 and up to 86400",
            rule.limit_s,
            "state the limit in seconds",
        ),
        (
            math.isnan(rule.share) or 0 < rule.share <= 1,
            "share",
            "a share above 0 and up to 1",
            rule.share,
            "write 90 % as 0.9",
        ),
        (
            rule.statistic in ("share", "mean"),
            "statistic",
            "share or mean",
            repr(rule.statistic),
            "choose one of them",
        ),
        (
            rule.statistic != "mean" or math.isnan(rule.share),
            "share",
            "none, because the average is limited",
            rule.share,
            "leave it out, or limit the share",
        ),
        (
            rule.service in ("", *SERVICES),
            "service",
            f"one of {', '.join(SERVICES)}, or empty",
            repr(rule.service),
            "choose one of them",
        ),
        (
            not low >= high,
            "density_min_per_km2",
            f"less than density_max_per_km2 ({high:g})",
            low,
            "exchange or correct them",
        ),
    ]
    return [
        Defect("", f"standard {rule.id}, {where}", expected, str(got), remedy)
        for fine, where, expected, got, remedy in checks
        if not fine
    ]
