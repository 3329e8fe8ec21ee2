"""The numbers of a run that its record keeps, by their place in ``summary.json``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["indicator_text", "run_indicators"]

_PEOPLE = (
    "population", "remaining", "unreachable", "closed_by_agreed", "closed_by_joint", "other_partner_population",
    "saved_median_s",
)  # fmt: skip
_LEVELS = ("alone", "agreed", "joint")
_OF_LEVEL = ("covered", "covered_share", "expected", "median_s", "p90_s")
_PLAIN = re.compile(r"[^\s.\"]+")
#: Parts of the summary of which every number counts that stands in no list.
_WHOLE: tuple[tuple[str, ...], ...] = (
    ("headline",),
    ("siting", "plan"),
    ("evacuation", "bracket"),
    ("evacuation", "plan"),
    ("evacuation", "ete"),
    ("incidents",),
)
_OF_EVACUATION = (
    "people", "vehicles", "people_out", "people_left", "simulated_s", "nearest_people_out",
)  # fmt: skip


def run_indicators(summary: Mapping[str, Any]) -> dict[str, float | None]:
    """Choose the numbers of a run that its record keeps.

    Parameters
    ----------
    summary
        What ``summary.json`` holds.

    Returns
    -------
    dict
        By place: keys joined by dots, one that itself holds a dot, a blank or a quote in double quotes. None where the
        summary has null. They are

        * all of ``headline``;
        * of ``common`` and ``local``, in ``total`` and, of ``common``, in ``jurisdictions`` and ``partners``:
          ``population``, ``remaining``, ``unreachable``, ``closed_by_…``, ``other_partner_population``,
          ``saved_median_s``, and by level ``covered``, ``covered_share``, ``expected``, ``median_s``, ``p90_s``;
        * of each of ``hazards.scenarios``, in ``total``: people reached in time at each level, ``lost_…``, ``held``,
          ``isolated``;
        * of ``siting`` the ``plan``; of ``evacuation`` people, ``bracket``, ``plan`` and ``ete``; all of
          ``incidents``: what stands there in no list.

    Examples
    --------
    >>> from mutualaid.reports import run_indicators
    >>> run_indicators({"headline": {"covered_joint": 9.0, "note": "text"}, "siting": {"plan": {"cost": None}}})
    {'headline.covered_joint': 9.0, 'siting.plan.cost': None}
    """
    return dict(_chosen(summary))


def indicator_text(keys: tuple[str, ...]) -> str:
    """Write the place of a number in the summary as people write it.

    Parameters
    ----------
    keys
        From the top.

    Returns
    -------
    str

    Examples
    --------
    >>> indicator_text(("common", "partners", "SDIS 06", "remaining"))
    'common.partners."SDIS 06".remaining'
    """
    return ".".join(
        key if _PLAIN.fullmatch(key) else json.dumps(key, ensure_ascii=False) for key in map(str, keys)
    )


def _chosen(summary: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    yield from _numbers(summary, ("headline",))
    for part, kinds in (("common", ("jurisdictions", "partners")), ("local", ())):
        yield from _block(summary, (part, "total"))
        for kind in kinds:
            for name in _at(summary, (part, kind)):
                yield from _block(summary, (part, kind, name))
    for name in _at(summary, ("hazards", "scenarios")):
        at = ("hazards", "scenarios", name, "total")
        for key, value in _at(summary, at).items():
            told = key in (*_LEVELS, "held", "isolated") or key.startswith("lost_")
            if told and _is_number(value):
                yield indicator_text((*at, key)), value
    for key in _OF_EVACUATION:
        value = _at(summary, ("evacuation",)).get(key, "")
        if _is_number(value):
            yield indicator_text(("evacuation", key)), value
    for whole in _WHOLE[1:]:
        yield from _numbers(summary, whole)


def _at(summary: Mapping[str, Any], at: tuple[str, ...]) -> Mapping[str, Any]:
    """Give what stands at a place, if it is something with keys."""
    found: Any = summary
    for key in at:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _block(summary: Mapping[str, Any], at: tuple[str, ...]) -> Iterator[tuple[str, float | None]]:
    for names, where in ((_PEOPLE, at), *((_OF_LEVEL, (*at, level)) for level in _LEVELS)):
        found = _at(summary, where)
        for name in names:
            if name in found and _is_number(found[name]):
                yield indicator_text((*where, name)), found[name]


def _numbers(summary: Mapping[str, Any], at: tuple[str, ...]) -> Iterator[tuple[str, float | None]]:
    """Every number below a place that stands in no list."""
    for key, value in _at(summary, at).items():
        if isinstance(value, Mapping):
            yield from _numbers(summary, (*at, str(key)))
        elif _is_number(value) and key != "null_means":
            yield indicator_text((*at, str(key))), value


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
