"""``[[target]]`` in region.toml: one bound at least, and no id twice."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from mutualaid.data._schema import TargetEntry
from mutualaid.data._targets import Target
from mutualaid.data._toml import changed
from mutualaid.errors import Defect

__all__ = ["target_document", "target_list"]


def target_list(toml: str, sections: Mapping[str, Any]) -> tuple[tuple[Target, ...], list[Defect]]:
    """Give the targets that could be read, and what is wrong with them."""
    targets: list[Target] = []
    defects: list[Defect] = []
    first: dict[str, int] = {}
    entries: list[TargetEntry | None] = sections.get("target") or []
    for number, entry in enumerate(entries, 1):
        if entry is None:  # which has been reported
            continue
        where = f"[[target]] {number}"
        if entry.id in first:
            got = f"{entry.id} in [[target]] {first[entry.id]} as well"
            defects.append(Defect(toml, f"{where}, id", "each id once", got, "rename one of them"))
        first.setdefault(entry.id, number)
        low, high = entry.at_least, entry.at_most
        if low is None and high is None:
            expected, remedy = "at_least or at_most", "state what is to be reached"
            defects.append(Defect(toml, where, expected, "neither", remedy))
        elif low is not None and high is not None and low > high:
            expected, got = "at_least up to at_most", f"{low:g} and {high:g}"
            defects.append(Defect(toml, where, expected, got, "correct one of them"))
        targets.append(
            Target(
                id=entry.id,
                name=entry.name,
                indicator=entry.indicator,
                at_least=math.nan if low is None else low,
                at_most=math.nan if high is None else high,
                by=entry.by,
                agreed=entry.agreed,
            )
        )
    return tuple(targets), defects


def target_document(targets: tuple[Target, ...]) -> dict[str, Any]:
    """Give the sections of region.toml."""
    required = ("id", "name", "indicator")
    return {"target": [{name: getattr(one, name) for name in required} | changed(one) for one in targets]}
