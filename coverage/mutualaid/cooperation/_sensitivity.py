"""Which findings hold over the whole range of what is only assumed, and which flip."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from mutualaid.coverage import Analysis, coverage_again, levels
from mutualaid.data import MODES, PRIORITIES, Agreement, Parameters

__all__ = ["RANGES", "findings", "sensitivity"]

#: Lowest and highest value of a parameter of an agreement that states no range of its own: two to six minutes have been
#: named for calls between control rooms, and up to a quarter of an hour for controls at a border.
RANGES: Mapping[str, tuple[float, float]] = {
    "dispatch_delay_s": (0.0, 360.0),
    "crossing_delay_s": (0.0, 900.0),
    "availability": (0.5, 1.0),
}
#: Parameters of the run that are swept alike, and the shares of a turnout that nobody stated.
_RUN_RANGES = {"dispatch_s": (0.0, 360.0), "crossing_s": (0.0, 900.0), "availability": (0.5, 1.0)}
_TURNOUT = (0.75, 1.25)
_STEPS = 7
#: Parameters of an agreement that change who comes in time.
_SWEPT = (
    "mode",
    "dispatch_delay_s",
    "crossing_delay_s",
    "strip_km",
    "transit",
    "priority_abroad",
    "home_cover_min",
    "availability",
)
_WORDS = {"agreed": "today's agreements", "joint": "a joint team"}


#: A value in words, and what the run is with it: parameters and agreements, None where they stay as they are.
_Setting = tuple[str, Parameters | None, tuple[Agreement, ...] | None]


def sensitivity(analysis: Analysis) -> pd.DataFrame:
    """Sweep every parameter that is an assumption over its range, one at a time, and list the findings that flip.

    Swept are the parameters of agreements in force whose confidence is ``assumption`` (over their ``ranges``, else
    `RANGES`; words over all words), and of the run the delays and the availability of a joint team and the turnouts
    that nobody stated (75 to 125 %). Places, speeds and populations are not.

    Parameters
    ----------
    analysis
        A run.

    Returns
    -------
    DataFrame
        One row for each ``parameter`` and finding that flips somewhere in its range, and one with an empty ``finding``
        for a parameter with which none does: ``base`` (bool: the finding as it is reported), ``flips_at`` (value
        nearest to the reported one at which it is the other way), ``low``, ``high`` (the range, in words).

    Examples
    --------
    >>> from mutualaid.cooperation import sensitivity
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> table = sensitivity(analyse(read_region(demo_path())))
    >>> "[parameters] dispatch_s" in set(table["parameter"])
    True
    """
    names = analysis.region.jurisdictions["name"]
    share = analysis.standard.share
    base = findings(analysis.coverage, names, share)
    rows: list[dict[str, Any]] = []
    for name, (low, high), settings in _sweeps(analysis):
        flips: dict[str, str] = {}
        for value, parameters, agreements in settings:
            covered = coverage_again(analysis, parameters=parameters, agreements=agreements)
            found = findings(covered, names, share)
            for sentence, holds in base.items():
                if found.get(sentence, holds) != holds:
                    flips.setdefault(sentence, value)
        swept = {"parameter": name, "low": low, "high": high}
        rows += [
            swept | {"finding": key, "base": base[key], "flips_at": value} for key, value in flips.items()
        ]
        if not flips:
            rows.append(swept | {"finding": "", "base": None, "flips_at": ""})
    return pd.DataFrame(rows, columns=["parameter", "finding", "base", "flips_at", "low", "high"])


def findings(coverage: gpd.GeoDataFrame, names: pd.Series, share: float) -> dict[str, bool]:
    """State what people would quote from a result, each as a sentence that is true or not.

    Parameters
    ----------
    coverage
        As `mutualaid.coverage.coverage` returns it.
    names
        Names of the jurisdictions, by id.
    share
        Share of the people that the common standard wants reached; NaN if it states none.

    Returns
    -------
    dict
        Sentence → whether it holds.
    """
    people, place = coverage["population"].to_numpy(np.float64), coverage["jurisdiction"].to_numpy()
    own = coverage["alone_covered"].to_numpy()
    found: dict[str, bool] = {}
    for level in levels(coverage)[1:]:
        who = _WORDS[level]
        reached = coverage[f"{level}_covered"].to_numpy()
        gained, left = people * (reached & ~own), people * ~own
        found[f"with {who}, somebody more is reached in time than by each alone"] = bool(gained.sum() >= 1)
        found[f"with {who}, at least half of what each alone leaves is closed"] = bool(
            2 * gained.sum() >= left.sum() > 0
        )
        shares = coverage.get(f"{level}_expected", coverage[f"{level}_covered"]).to_numpy(np.float64)
        expected = people @ shares
        found[f"with {who} and units busy at times, more are reached than by each alone with none busy"] = (
            bool(expected > people @ own)
        )
        for key, name in names.items():
            here = place == key
            if not people[here].sum() > 0:
                continue
            found[f"{name} gains with {who}"] = bool(gained[here].sum() >= 1)
            if not math.isnan(share):
                met = people[here & reached].sum() / people[here].sum()
                found[f"{name} meets its share of the standard with {who}"] = bool(met >= share - 1e-12)
    return found


# --- what is swept ------------------------------------------------------------------------------------------


def _sweeps(analysis: Analysis) -> Iterator[tuple[str, tuple[str, str], list[_Setting]]]:
    """Give each parameter, both ends of its range, and its other values, those near the present one first."""
    for one in analysis.agreements:
        for name in _SWEPT:
            values, ends = _values(one, name, analysis)
            if one.confidence_of(name) == "assumption" and values:
                changed = [_with(analysis.agreements, one, name, value) for value in values]
                settings: list[_Setting] = [
                    (_said(value), None, other) for value, other in zip(values, changed, strict=True)
                ]
                yield f"agreement {one.id}, {name}", (_said(ends[0]), _said(ends[1])), settings
    parameters = analysis.region.parameters
    for name, ends in _RUN_RANGES.items():
        changes: list[tuple[float, dict[str, Any]]] = [
            (value, {name: value}) for value in _near(getattr(parameters, name), *ends)
        ]
        settings = [(_said(value), replace(parameters, **change), None) for value, change in changes]
        yield f"[parameters] {name}", (_said(ends[0]), _said(ends[1])), settings
    if analysis.stations["turnout_assumed"].any():
        usual = {**Parameters().turnout_s, **parameters.turnout_s}
        settings = [
            (
                f"{share:.0%}",
                replace(parameters, turnout_s={key: seconds * share for key, seconds in usual.items()}),
                None,
            )
            for share in _near(1.0, *_TURNOUT)
        ]
        yield "[parameters] turnout_s", (f"{_TURNOUT[0]:.0%}", f"{_TURNOUT[1]:.0%}"), settings


def _values(one: Agreement, name: str, analysis: Analysis) -> tuple[list[Any], tuple[Any, Any]]:
    """Other values of a parameter, and both ends of its range; no values if it cannot matter here."""
    now = one.dispatch_s if name == "dispatch_delay_s" else getattr(one, name)
    words: dict[str, Sequence[Any]] = {"mode": MODES, "priority_abroad": PRIORITIES, "transit": (True, False)}
    if name == "home_cover_min" and analysis.stations["units"].notna().any():
        low, high = one.ranges.get(name, (0, 2))
        words["home_cover_min"] = range(math.ceil(low), math.floor(high) + 1)
    if name == "transit" and analysis.region.jurisdictions["partner"].nunique() < 3:
        return [], (now, now)  # between two partners there is nothing to pass through
    if name in words:
        return [word for word in words[name] if word != now], (words[name][0], words[name][-1])
    if name == "crossing_delay_s" and now is None:
        now = analysis.region.parameters.crossing_s
    ends = None if name == "home_cover_min" else one.ranges.get(name) or RANGES.get(name)
    if name == "strip_km" and math.isfinite(now):
        ends = ends or (now / 2, 2 * now)
    return ([], (now, now)) if ends is None else (_near(now, *ends), ends)


def _near(now: float, low: float, high: float) -> list[float]:
    """Values from `low` to `high` without the present one, the nearest to it first."""
    values = [float(value) for value in np.linspace(low, high, _STEPS) if not math.isclose(value, now)]
    return sorted(values, key=lambda value: abs(value - now) if math.isfinite(now) else -value)


def _with(agreements: Sequence[Agreement], one: Agreement, name: str, value: Any) -> tuple[Agreement, ...]:
    return tuple(replace(other, **{name: value}) if other is one else other for other in agreements)


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
