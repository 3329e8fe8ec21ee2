"""What partners keep beside the numbers of a run: sources of the data, targets and how far they are met, decisions."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from mutualaid.coverage import json_ready
from mutualaid.data import Region, Target, indicator_path
from mutualaid.errors import Defect, RegionError

__all__ = ["AGREED_NULL_MEANS", "agreed_as_told", "agreed_numbers", "check_targets", "number_at"]

#: What a missing value means in these parts of the summary, by key.
AGREED_NULL_MEANS: Mapping[str, str] = {
    "value": "not computed in this run, unknown, or not told to these readers",
    "met": "not known, because the value is not",
    "distance": "not known, because the value is not",
    "at_least": "no lower bound was agreed",
    "at_most": "no upper bound was agreed",
}


def agreed_numbers(region: Region, summary: Mapping[str, Any]) -> dict[str, Any]:
    """Give the sources, the targets with how far they are met, and the decisions, ready for JSON.

    Parameters
    ----------
    region
        What the partners share.
    summary
        Numbers of a run of it, into which the targets point.

    Returns
    -------
    dict
        ``sources`` (``what``, ``source``, ``licence``, ``date`` of each), ``targets`` (the attributes of
        `mutualaid.data.Target`, the ``value`` today, whether it is ``met``, and its ``distance`` from the bound,
        negative where something is missing; all three are None where the run has no such number) and ``decisions``
        (the rows of the log with their ``id``).
    """
    return {
        "sources": [
            {"what": one.what, "source": one.source, "licence": one.licence, "date": one.date}
            for one in region.sources
        ],
        "targets": [_held_against(one, _found(one.indicator, summary)) for one in region.targets],
        "decisions": _log(region),
    }


def agreed_as_told(region: Region, told: Mapping[str, Any]) -> dict[str, Any]:
    """Give the targets and decisions as readers may see them who are told only a part of the numbers.

    Parameters
    ----------
    region
        As `mutualaid.cooperation.shared_region` gives it for the readers.
    told
        What they are told of the summary: no value stands in a target or a decision that does not stand there. Lists
        may be shorter than those of all numbers, so that something else stands at a position: nothing that is in a
        list counts as told.
    """
    decisions = [
        {
            **row,
            "value": row["value"]
            if not row["indicator"] or _found(row["indicator"], told, in_lists=False) is not None
            else None,
        }
        for row in _log(region)
    ]
    targets = [_held_against(one, _found(one.indicator, told, in_lists=False)) for one in region.targets]
    return {"targets": targets, "decisions": decisions}


def _log(region: Region) -> list[dict[str, Any]]:
    log = region.decisions.reset_index(names="id").drop(columns="sharing", errors="ignore")
    ready: list[dict[str, Any]] = json_ready(log.to_dict("records"))
    return ready


def _found(indicator: str, summary: Mapping[str, Any], *, in_lists: bool = True) -> Any:
    """Give what stands at the place of an indicator; None if there is no such place, or none outside lists."""
    try:
        path = indicator_path(indicator)
        found = number_at(summary, path)
    except (KeyError, ValueError):
        return None  # a part that this run does not have, such as that on siting
    through = (number_at(summary, path[:n]) for n in range(len(path)))
    return found if in_lists or not any(isinstance(one, list) for one in through) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def number_at(summary: Mapping[str, Any], path: Sequence[str | int]) -> Any:
    """Give what stands at a place of the summary.

    Raises
    ------
    KeyError
        There is no such place; the argument is the part of the path that is missing.

    Examples
    --------
    >>> number_at({"gaps": [{"population": 12.0}]}, ("gaps", "0", "population"))
    12.0
    """
    found: Any = summary
    for key in path:
        try:
            found = found[int(key)] if isinstance(found, list) else found[key]
        except (KeyError, IndexError, ValueError, TypeError):
            raise KeyError(key) from None
    return found


def _held_against(target: Target, value: Any) -> dict[str, Any]:
    known = _is_number(value)
    distance = math.nan
    if known:
        least, most = target.at_least, target.at_most
        distance = min(
            math.inf if math.isnan(least) else value - least, math.inf if math.isnan(most) else most - value
        )
    return {
        "id": target.id,
        "name": target.name,
        "indicator": target.indicator,
        "at_least": None if math.isnan(target.at_least) else target.at_least,
        "at_most": None if math.isnan(target.at_most) else target.at_most,
        "by": target.by,
        "agreed": target.agreed,
        "value": value if known else None,
        "met": distance >= 0 if known else None,
        "distance": round(distance, 6) if known else None,
    }


#: Parts of the summary that only some runs have: a target may point into them all the same.
_SOMETIMES = ("cooperation", "siting", "evacuation", "incidents")
#: Parts that are none of a run, but kept beside it.
_KEPT = ("sources", "targets", "decisions")


def check_targets(region: Region, summary: Mapping[str, Any]) -> None:
    """Refuse targets that no run of a region can ever meet or miss, because there is no such number.

    What only this run does not have, or does not know, is not refused: a part such as ``siting``, a scenario that was
    not computed, a position beyond the end of a list, and whatever lies behind an unknown value.

    Parameters
    ----------
    region
        What the partners share.
    summary
        Numbers of a run of it, as `full_summary` gives them; parts that take long may be missing.

    Raises
    ------
    RegionError
        A target names a key that is nowhere, or a place that holds no number; each is named.

    Examples
    --------
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.reports import check_targets, full_summary
    >>> result = analyse(read_region(demo_path()))
    >>> check_targets(result.region, full_summary(result))
    """
    numbers = {key: value for key, value in summary.items() if key not in _KEPT}
    scenarios = {one.id for one in region.scenarios}
    expected, remedy = "the place of a number in summary.json", "correct the path, key by key"
    defects = [
        Defect("region.toml", f"target {one.id}, indicator", expected, f"{one.indicator}: {wrong}", remedy)
        for one in region.targets
        if (wrong := _wrong(one.indicator, numbers, scenarios))
    ]
    if defects:
        raise RegionError(defects)


def _wrong(indicator: str, numbers: Mapping[str, Any], scenarios: Collection[str]) -> str:
    """Say what is wrong with the place of an indicator; empty if nothing is."""
    try:
        path = indicator_path(indicator)
    except ValueError as error:
        return str(error)
    if path[0] in _SOMETIMES and path[0] not in numbers:
        return ""
    if path[:2] == ("hazards", "scenarios") and len(path) > 2 and path[2] in scenarios:
        computed = numbers.get("hazards", {}).get("scenarios", {})
        if path[2] not in computed:
            return ""
    found: Any = numbers
    for key in path:
        if found is None:
            return ""
        if isinstance(found, list) and key.isdecimal():
            if int(key) >= len(found):
                return ""
            found = found[int(key)]
        elif isinstance(found, Mapping) and key in found:
            found = found[key]
        else:
            return f"there is no {key!r}"
    return "" if found is None or _is_number(found) else type(found).__name__
