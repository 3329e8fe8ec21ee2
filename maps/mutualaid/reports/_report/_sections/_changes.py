"""What changed since an earlier run, and what it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from mutualaid.reports._report._document import (
    Block,
    Cell,
    Chart,
    Form,
    Items,
    Ref,
    Section,
    Series,
    Table,
    Text,
    Value,
)
from mutualaid.reports._report._sections._facts import (
    MARKS,
    Facts,
    columns,
    form_of,
    paragraph,
    section,
    table,
)

__all__ = ["changes"]

_FROM: Literal["comparison"] = "comparison"
#: Indicators that the texts know, in the order of the report.
_INDICATORS = (
    "population", "covered_alone", "covered_agreed", "covered_joint", "closed_by_agreed", "closed_by_joint",
    "remaining", "unreachable",
)  # fmt: skip
_PARTS = ("stations", "roads", "people", "hazards", "agreements", "parameters")
_HEADLINE = "covered_joint"
#: Most sentences on what changed; comparison.json holds all.
_SENTENCES = 12


def changes(facts: Facts) -> Section | None:
    """Compare two runs, and say which part of what changed comes from what; nothing if no comparison was asked for."""
    if not facts.inputs.comparison:
        return None
    return section(
        "changes",
        [
            _intro(facts),
            *_headline(facts),
            _chart(facts),
            _total(facts),
            _parts(facts),
            facts.pictures.get("difference"),
            _places(facts),
            paragraph("changes_parts"),
            *_what(facts),
            paragraph("changes_mapping"),
            *_notes(facts),
        ],
        slide=True,
    )


def _what(facts: Facts) -> Iterator[Block]:
    """Say what it is that changed, in the words of the comparison."""
    sentences = [
        facts.word(sentence, "en")
        for _, part in facts.rows("parts", source=_FROM)
        if part.get("changed")
        for sentence in part.get("what", ())
    ]
    if sentences:
        yield Items(tuple(sentences[:_SENTENCES]))


def _ref(facts: Facts, form: Form, *path: str | int) -> Ref | None:
    return facts.ref(form, *path, source=_FROM)


def _intro(facts: Facts) -> Block:
    return paragraph("changes_intro", before=_side(facts, "before"), after=_side(facts, "after"))


def _side(facts: Facts, side: str) -> Value:
    """Name a run by its day and its id: two may be of one day."""
    name = facts.word(facts.get(side, "id", source=_FROM) or facts.get(side, "region", source=_FROM) or "")
    day = facts.known("date", side, "created", source=_FROM)
    return name if day is None else Text("list", {"a": day, "b": name})


def _headline(facts: Facts) -> Iterator[Block]:
    change = facts.get("total", _HEADLINE, "change", source=_FROM)
    before, after = (_ref(facts, "people", "total", _HEADLINE, side) for side in ("before", "after"))
    if change is None or before is None or after is None:
        return
    key = "changes_same" if abs(change) < 0.5 else "changes_more" if change > 0 else "changes_fewer"
    n = Ref(("total", _HEADLINE, "change"), "people", _FROM)
    yield paragraph(key, n=n, before=before, after=after, strong=True)
    largest = facts.get("largest", source=_FROM)
    if isinstance(largest, Mapping) and largest.get("part") in _PARTS:
        share = facts.told("people", "largest", "change", source=_FROM)
        yield paragraph("changes_largest", part=Text(f"part_{largest['part']}"), n=share)


def _changed(facts: Facts, indicator: str) -> list[str]:
    found = facts.get("total", indicator, "parts", source=_FROM) or {}
    return [part for part in _PARTS if part in found]


def _chart(facts: Facts) -> Chart | None:
    parts = _changed(facts, _HEADLINE)
    if not parts:
        return None
    values = tuple(_ref(facts, "people", "total", _HEADLINE, "parts", part, "change") for part in parts)
    return Chart(
        name="changes",
        kind="diverging",
        categories=tuple(Text(f"part_{part}") for part in parts),
        series=(Series(Text("col_change"), values, MARKS["joint_only"]),),
        axis=Text("axis_change"),
        alt=Text("chart_changes_alt"),
        caption=Text("chart_changes"),
    )


def _total(facts: Facts) -> Table | None:
    heads = columns("indicator", "before", "after", "change_of")
    rows = [
        (
            Text(f"indicator_{key}"),
            *(_ref(facts, form_of(key), "total", key, side) for side in ("before", "after", "change")),
        )
        for key in _INDICATORS
        if facts.get("total", key, source=_FROM)
    ]
    return table("changes", heads, rows)


def _parts(facts: Facts) -> Table | None:
    """Say how much of the headline each part brings: as a share, and alone at first and at last."""
    heads = columns("part", "share_of_change", "alone_first", "alone_last")
    place = ("total", _HEADLINE, "parts")
    rows: list[tuple[Cell, ...]] = [
        (
            Text(f"part_{part}"),
            *(_ref(facts, "people", *place, part, key) for key in ("change", "first", "last")),
        )
        for part in _changed(facts, _HEADLINE)
    ]
    if rows:
        rows.append((Text("total"), _ref(facts, "people", "total", _HEADLINE, "change"), None, None))
    return table("changes-parts", heads, rows, total=True, notes=[Text("note_parts")])


def _places(facts: Facts) -> Table | None:
    heads = columns("jurisdiction", "before", "after", "change_of")
    found: dict[str, Any] = facts.get("jurisdictions", source=_FROM) or {}
    rows = [
        (
            facts.word(one.get("name") or key),
            *(
                _ref(facts, "people", "jurisdictions", key, "indicators", _HEADLINE, side)
                for side in ("before", "after", "change")
            ),
        )
        for key, one in found.items()
    ]
    return table("changes-places", heads, rows)


def _notes(facts: Facts) -> Iterator[Block]:
    """Pass on what must be known: what differs between two maps need not differ in the world."""
    notes = facts.get("notes", source=_FROM) or []
    if notes:
        yield Items(tuple(facts.word(note, "en") for note in notes))
