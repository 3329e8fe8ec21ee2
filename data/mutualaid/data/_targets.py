"""What the partners want to reach: indicators with the value that they agreed on."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

__all__ = ["Target", "indicator_path"]

#: One key of an indicator: in double quotes, or plain up to the next full stop.
_KEY = re.compile(r'"([^"]+)"|([^."\s]+)')


def indicator_path(text: str) -> tuple[str, ...]:
    """Split the place of an indicator in ``summary.json`` into its keys.

    Parameters
    ----------
    text
        Keys joined by full stops; one that itself holds a full stop or a space stands in double quotes. A place in a
        list is a whole number, from 0.

    Returns
    -------
    tuple of str
        The keys, without quotes.

    Raises
    ------
    ValueError
        If it cannot be split.

    Examples
    --------
    >>> from mutualaid.data import indicator_path
    >>> indicator_path('common.partners."SDIS 06".joint.covered_share')
    ('common', 'partners', 'SDIS 06', 'joint', 'covered_share')
    """
    keys, at = [], 0
    while match := _KEY.match(text, at):
        keys.append(match[1] or match[2])
        at = match.end()
        if at == len(text):
            return tuple(keys)
        if text[at] != ".":
            break
        at += 1
    message = "keys joined by full stops, those with a full stop or space in double quotes"
    raise ValueError(message)


@dataclass(frozen=True)
class Target:
    """A value that the partners agreed to reach.

    Attributes
    ----------
    id, name
        Identifier, and what people call it.
    indicator
        Place in ``summary.json``: keys joined by dots, such as ``common.total.joint.covered_share``; a key that
        itself holds a dot or a space is put in double quotes. See `indicator_path`.
    at_least, at_most
        The value, NaN where there is no such bound; one of them is stated.
    by
        Day by which it is to be reached, ISO 8601; empty if none was agreed.
    agreed
        Where and when it was agreed.
    """

    id: str
    name: str
    indicator: str
    at_least: float = math.nan
    at_most: float = math.nan
    by: str = ""
    agreed: str = ""
