"""What the parts of a report are made of: numbers by their places, names from data, and the marks of the map."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Literal

from mutualaid.maps._palette import AGREED_STATUSES, SCENARIO_STATUSES
from mutualaid.reports._report._document import (
    Block,
    Cell,
    Column,
    Form,
    Mark,
    Paragraph,
    Picture,
    Ref,
    Section,
    Table,
    Text,
    Value,
    Words,
)
from mutualaid.reports._report._inputs import ReportInputs

__all__ = ["MARKS", "Facts", "columns", "form_of", "listed", "paragraph", "section", "table"]

Source = Literal["summary", "comparison", "record"]


def _marks() -> Mapping[str, Mark]:
    """Give the fills of the map by what its legend calls them."""
    rows = (*AGREED_STATUSES, *SCENARIO_STATUSES)
    found = {row.alone_label: Mark(*row.alone) for row in rows} | {
        row.joint_label: Mark(*row.joint) for row in rows
    }
    return found | {row.agreed_label: Mark(*row.agreed) for row in rows if row.agreed is not None}


#: Marks of what a report compares: as on the map.
MARKS: Mapping[str, Mark] = _marks()

#: Words in the names of numbers, and how such a number is written; the first that fits counts.
_FORMS: tuple[tuple[str, Form], ...] = (
    ("share", "share"), ("_s", "time"), ("_km", "km"), ("_m", "metres"), ("_kph", "number"), ("_year", "number"),
    ("count", "count"), ("cost", "money"), ("amount", "money"), ("budget", "money"), ("gaps_", "count"),
)  # fmt: skip


def form_of(place: str) -> Form:
    """Tell how a number is written from the last key of its place.

    >>> form_of("common.total.joint.covered_share"), form_of("headline.remaining")
    ('share', 'people')
    """
    key = place.rpartition(".")[2]
    return next((form for word, form in _FORMS if word in key), "people")


def listed(values: Sequence[Value]) -> Value:
    """Name several things one after the other."""
    return reduce(lambda before, value: Text("list", {"a": before, "b": value}), values)


def paragraph(key: str, *, strong: bool = False, **values: Value) -> Paragraph:
    """Say a text as a paragraph."""
    return Paragraph(Text(key, values), strong=strong)


def columns(first: str, *others: str, words: Iterable[str] = ()) -> tuple[Column, ...]:
    """Give the columns of a table: the name in the file, and after a colon the text above it if it is another one.

    Those of `words` hold no numbers, nor does the first one.
    """
    plain = {first, *words}
    return tuple(
        Column(one.partition(":")[0], Text(f"col_{one.partition(':')[2] or one}"), number=one not in plain)
        for one in (first, *others)
    )


def table(
    name: str,
    heads: tuple[Column, ...],
    rows: Iterable[Sequence[Cell]],
    *,
    total: bool = False,
    notes: Sequence[Text | Words] = (),
    **values: Value,
) -> Table | None:
    """Make a table with the caption ``table_<name>``; None if it has no rows."""
    found = tuple(tuple(row) for row in rows)
    caption = Text(f"table_{name.replace('-', '_')}", values)
    return Table(name, caption, heads, found, total=total, notes=tuple(notes)) if found else None


def section(
    key: str, blocks: Iterable[Block | None], *, brief: Iterable[Block | None] = (), slide: bool = False
) -> Section | None:
    """Make a section with the title ``title_<key>`` of the blocks that there are; None if there are none."""
    found = tuple(block for block in blocks if block is not None)
    short = {id(block) for block in brief if block is not None}
    positions = tuple(position for position, block in enumerate(found) if id(block) in short)
    return Section(key, Text(f"title_{key}"), found, briefing=positions, slide=slide) if found else None


@dataclass(frozen=True, eq=False)
class Facts:
    """Where the parts find their numbers.

    Attributes
    ----------
    inputs
        What the report is written from.
    pictures
        Maps by name.
    """

    inputs: ReportInputs
    pictures: Mapping[str, Picture] = field(default_factory=dict)

    @property
    def levels(self) -> tuple[str, ...]:
        """Cooperation levels that the run compares."""
        total = self.get("common", "total") or {}
        return tuple(level for level in ("alone", "agreed", "joint") if total.get(level))

    def get(self, *path: str | int, source: Source = "summary") -> Any:
        """Give what stands at a place; None if there is nothing."""
        return self._at(path, source)[1]

    def ref(self, form: Form, *path: str | int, source: Source = "summary") -> Ref | None:
        """Give the number at a place, which may be missing; None if there is no such place."""
        return Ref(path, form, source) if self._at(path, source)[0] else None

    def told(self, form: Form, *path: str | int, source: Source = "summary") -> Ref | Text:
        """Give the number at a place for a text; that it is unknown if there is no such place."""
        return self.ref(form, *path, source=source) or Text("unknown")

    def known(self, form: Form, *path: str | int, source: Source = "summary") -> Ref | None:
        """Give the number at a place; None if it is missing."""
        return Ref(path, form, source) if self.get(*path, source=source) is not None else None

    def _at(self, path: Iterable[str | int], source: Source) -> tuple[bool, Any]:
        where = {"comparison": self.inputs.comparison, "record": self.inputs.record}
        found: Any = where.get(source, self.inputs.summary)
        for key in path:
            if not isinstance(found, Mapping | list):
                return False, None
            try:
                found = found[key]  # type: ignore[index]
            except (KeyError, IndexError, TypeError):
                return False, None
        return True, found

    def rows(self, *path: str | int, source: Source = "summary") -> list[tuple[int, Mapping[str, Any]]]:
        """Give the rows of a list with their positions; none if there is no such list."""
        found = self.get(*path, source=source)
        return list(enumerate(found)) if isinstance(found, list) else []

    def word(self, text: object, lang: str = "") -> Words:
        """Give words from data, in every language that the data has them in."""
        said = str(text)
        return Words(said, lang, self.inputs.names.get(said, {}))

    def words(self, text: object, lang: str = "") -> Cell:
        """Give words from data for a cell; None where there are none."""
        return self.word(text, lang) if text not in (None, "") else None

    def place(self, jurisdiction: str) -> Words:
        """Give the name of a jurisdiction."""
        found = self.get("common", "jurisdictions", jurisdiction, "name")
        return self.word(found or jurisdiction)

    def yes(self, *path: str | int, source: Source = "summary") -> Text:
        """Say yes or no, or that it is not known."""
        found = self.get(*path, source=source)
        return Text("unknown") if found is None else Text("yes" if found else "no")

    def choice(self, stem: str, key: object, known: Iterable[str]) -> Value:
        """Give the text for one of some words that data may hold; the word itself if it is none of them."""
        return Text(f"{stem}_{key}") if str(key) in known else self.word(key)
