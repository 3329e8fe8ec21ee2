"""Texts of a record: who was sent from where, and which service it is of."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from mutualaid.data import SERVICES, Region
from mutualaid.incidents._import._mapping import Recorded
from mutualaid.incidents._import._moments import blank
from mutualaid.incidents._import._rules import Notebook

__all__ = ["services", "stations", "texts_of"]

_LONGEST = 200
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
#: Id of a unit in NERIS, which begins with that of its station.
_NERIS_UNIT = re.compile(r"(FD\d+S\d+)U\d+")
_SERVICE_WORDS: Mapping[str, str] = {
    "firedepartment": "fire",
    "fd": "fire",
    "ambulance": "ems",
    "medical": "ems",
}


def texts_of(
    name: str, parts: Sequence[Sequence[str]], numbers: Sequence[int], notebook: Notebook
) -> list[str]:
    """Join the columns of one of our names, and clean what comes of it."""
    mark = "-" if name == "incident" else " "
    found = []
    for number, row in zip(numbers, zip(*parts, strict=True), strict=True):
        text = mark.join(part for part in row if not blank(part))
        clean = _CONTROL.sub(" ", text).strip()[:_LONGEST]
        if clean != text:
            notebook.mend(number, name, "text", ascii(text)[1:-1][:_LONGEST], clean)
        found.append(clean)
    return found


def services(
    words: Sequence[str] | None, recorded: Recorded, region: Region, count: int
) -> list[tuple[str, str]]:
    """Service of each row, and the rule by which it is left out ("" if it stays)."""
    wanted = recorded.service
    if words is None:
        return [(wanted or region.parameters.service, "")] * count
    found = []
    for word in words:
        plain = re.sub(r"[^a-z]", "", word.casefold())
        service = recorded.services.get(word) or (
            plain if plain in SERVICES else _SERVICE_WORDS.get(plain, "")
        )
        if not service:
            found.append(("", "unknown_service"))
        else:
            found.append((service, "other_service" if wanted and service != wanted else ""))
    return found


def stations(codes: Sequence[str], units: Sequence[str], recorded: Recorded, region: Region) -> list[str]:
    """Id of the station of each row: as translated, else as it is, else by name, else that of its unit."""
    known = set(map(str, region.stations.index))
    names = Counter(str(name).casefold() for name in region.stations["name"])
    by_name = {
        str(name).casefold(): str(id_)
        for id_, name in region.stations["name"].items()
        if names[str(name).casefold()] == 1
    }
    found = []
    for code, unit in zip(codes, units, strict=True):
        neris = _NERIS_UNIT.fullmatch(unit)
        own = code or recorded.units.get(unit, "") or (neris[1] if neris else "")
        if own in recorded.stations:
            own = recorded.stations[own]
        elif own not in known:
            own = by_name.get(own.casefold(), own)
        found.append(own)
    return found
