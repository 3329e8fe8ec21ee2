"""Sentences with values, as the page is handed them: it says them in the language of its reader.

A message is ``[key, {placeholder: value}]``: a text of `TEXTS` and what is filled in. Numbers travel as they are, so
that the page writes them as its language does. A plain string in the place of a message is text from data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from mutualaid.maps._escape import FACE_CHARACTERS, shorten
from mutualaid.maps._texts import TEXTS

__all__ = ["Message", "clock", "decimal", "dotted", "listed", "message", "minutes", "named", "shown"]

Message: TypeAlias = str | list[Any]

#: Names that a list holds; of the rest it says how many they are.
_LISTED = 20


def message(key: str, **values: Any) -> list[Any]:
    """Return a message.

    Parameters
    ----------
    key
        Key of a text in `TEXTS`.
    **values
        What is filled in: a whole number, a message, or what a function of this module returns.

    Raises
    ------
    KeyError
        If there is no such text.

    Examples
    --------
    >>> message("and_more", n=3)
    ['and_more', {'n': 3}]
    """
    if key not in TEXTS:
        raise KeyError(key)
    return [key, values] if values else [key]


def shown(part: object, limit: int = FACE_CHARACTERS) -> Any:
    """Return what stands for `part` inside a message: text from data on one line, or a message as it is."""
    return part if isinstance(part, list) else {"t": shorten(part, limit)}


def minutes(seconds: float) -> dict[str, float]:
    """Return a time that is shown in minutes, with the seconds only where there are any."""
    return {"min": seconds}


def clock(seconds: float) -> dict[str, float]:
    """Return a time that is shown as ``minutes:seconds``."""
    return {"s": seconds}


def decimal(number: float, digits: int = 1) -> dict[str, float]:
    """Return a number that is shown with up to `digits` decimals."""
    return {"d": number, "digits": digits}


def listed(parts: Iterable[object], most: int = _LISTED) -> dict[str, list[Any]]:
    """Return what is shown as a list, the first `most` of many.

    >>> listed(["A", "B", "C", "D"], 2)
    {'list': [{'t': 'A'}, {'t': 'B'}, ['and_more', {'n': 2}]]}
    """
    found = list(parts)
    more = [message("and_more", n=len(found) - most)] if len(found) > most else []
    return {"list": [*map(shown, found[:most]), *more]}


def named(keys: str, names: Mapping[Any, Any]) -> dict[str, list[Any]]:
    """Name what a ``;``-joined text of ids stands for, as a list.

    >>> named("a;b", {"a": "Aville"})
    {'list': [{'t': 'Aville'}, {'t': 'b'}]}
    """
    return listed(names.get(key, key) for key in keys.split(";") if key)


def dotted(parts: Iterable[Message]) -> Message:
    """Return those of `parts` that say something, with dots between them.

    >>> dotted(["Flood", "", message("derived")])
    ['as_is', {'what': {'dots': [{'t': 'Flood'}, ['derived']]}}]
    """
    return message("as_is", what={"dots": [shown(part, 300) for part in parts if part]})
