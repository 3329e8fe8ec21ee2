"""What partners keep beside the numbers of a run: sources of the data, targets and how far they are met, decisions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mutualaid.coverage import json_ready
from mutualaid.data import Region, Target, indicator_path
from mutualaid.errors import Defect, RegionError

__all__ = ["AGREED_NULL_MEANS", "agreed_as_told", "agreed_numbers", "number_at"]

#: What a missing value means in these parts of the summary, by key.
AGREED_NULL_MEANS: Mapping[str, str] = {
    "value": "not computed in this run, or unknown",
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
        negative where something is missing) and ``decisions`` (the rows of the log with their ``id``).

    Raises
    ------
    RegionError
        A target names an indicator that no run of the region can have; each is named.
    """
    _check(region.targets, summary)
    return {
        "sources": [
            {"what": one.what, "source": one.source, "licence": one.licence, "date": one.date}
            for one in region.sources
        ],
        "targets": [_held_against(one, summary) for one in region.targets],
        "decisions": _log(region),
    }


def agreed_as_told(region: Region, told: Mapping[str, Any]) -> dict[str, Any]:
    """Give the targets and decisions as readers may see them who are told only a part of the numbers.

    Parameters
    ----------
    region
        As `mutualaid.cooperation.shared_region` gives it for the readers.
    told
        What they are told of the summary: no value stands in a target or a decision that does not stand there.
    """
    decisions = [
        {**row, "value": row["value"] if not row["indicator"] or _is_told(row["indicator"], told) else None}
        for row in _log(region)
    ]
    return {"targets": [_held_against(one, told) for one in region.targets], "decisions": decisions}


def _log(region: Region) -> list[dict[str, Any]]:
    log = region.decisions.reset_index(names="id").drop(columns="sharing", errors="ignore")
    ready: list[dict[str, Any]] = json_ready(log.to_dict("records"))
    return ready


def _is_told(indicator: str, told: Mapping[str, Any]) -> bool:
    try:
        return number_at(told, indicator_path(indicator)) is not None
    except (KeyError, ValueError):
        return False


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


def _held_against(target: Target, summary: Mapping[str, Any]) -> dict[str, Any]:
    try:
        value = number_at(summary, indicator_path(target.indicator))
    except KeyError:
        value = None  # a part that this run does not have, such as that on siting
    known = isinstance(value, int | float) and not isinstance(value, bool)
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


def _check(targets: Sequence[Target], summary: Mapping[str, Any]) -> None:
    """Refuse indicators that do not exist: a target that can never be met or missed says nothing."""
    defects = []
    for one in targets:
        path = indicator_path(one.indicator)
        try:
            value = number_at(summary, path)
        except KeyError as error:
            if path[0] in _SOMETIMES and path[0] not in summary:
                continue
            got = f"{one.indicator}: there is no {error.args[0]!r}"
        else:
            if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
                continue
            got = f"{one.indicator}: {type(value).__name__}"
        expected, remedy = "the place of a number in summary.json", "correct the path, key by key"
        defects.append(Defect("region.toml", f"target {one.id}, indicator", expected, got, remedy))
    if defects:
        raise RegionError(defects)
