"""What a report is made of: blocks whose numbers name the place in ``summary.json`` from which they come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

__all__ = [
    "Big",
    "Block",
    "Cell",
    "Chart",
    "Column",
    "Document",
    "Form",
    "Headline",
    "Items",
    "LegendEntry",
    "Mark",
    "Paragraph",
    "Picture",
    "Ref",
    "Section",
    "Series",
    "Table",
    "Text",
    "Value",
    "Words",
]

#: How a number is written. ``people``: whole, some is never none (``<1``); ``share``: per cent of a share 0…1;
#: ``time``: minutes and seconds (5:24 min) of seconds; ``clock``: hours and minutes (1:27) of seconds, rounded up;
#: ``clock_down`` the same rounded down; ``seconds``, ``minutes`` (of minutes), ``km`` (of km), ``metres``, ``money``
#: (whole, its currency beside it as text), ``count`` (whole), ``number`` (up to three digits that count), ``date``
#: (ISO 8601 text), ``years``.
Form: TypeAlias = Literal[
    "people", "share", "time", "clock", "clock_down", "seconds", "minutes", "km", "metres", "money", "count", "number",
    "date", "years",
]  # fmt: skip


@dataclass(frozen=True)
class Ref:
    """A number, by the place where it stands.

    Attributes
    ----------
    path
        Keys and positions from the top: ``("common", "total", "joint", "covered")``.
    form
        How it is written.
    source
        ``summary`` (summary.json), ``comparison`` (comparison.json) or ``record`` (run.json).
    """

    path: tuple[str | int, ...]
    form: Form = "people"
    source: Literal["summary", "comparison", "record"] = "summary"


@dataclass(frozen=True)
class Words:
    """Words that come from data and are not translated, such as a name or a licence; shown in their own direction.

    Attributes
    ----------
    text
        As the data have it.
    lang
        BCP 47 language of the words where that is known: what the program wrote itself is ``en``.
    names
        The same by language, where the data have it (``name_fr`` …); `text` for the others.
    """

    text: str
    lang: str = ""
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Text:
    """A text of the catalogue, with what is filled into its ``{name}`` places.

    Attributes
    ----------
    key
        Of the report's texts.
    values
        By name. A text that differs with a number takes the plural of ``n``.
    """

    key: str
    values: Mapping[str, Value] = field(default_factory=dict)


#: What may stand in a text or a cell.
Value: TypeAlias = Ref | Words | Text
#: A cell of a table; None is empty (which the caption or a note must explain).
Cell: TypeAlias = Ref | Words | Text | None


@dataclass(frozen=True)
class Mark:
    """How something is drawn in a map or chart: a colour, and a hatching that says the same without colour.

    Attributes
    ----------
    colour
        ``#rrggbb``.
    hatch
        A hatching of `mutualaid.maps` (``dots``, ``slash``, ``bars`` …), "" for none; ``line`` and ``dashed`` for
        lines; or a shape: ``circle``, ``square``, ``diamond``, ``hexagon``, ``triangle``, ``triangle_down``, ``star``,
        ``ring``, ``cross_out``.
    """

    colour: str
    hatch: str = ""


@dataclass(frozen=True)
class Paragraph:
    """A paragraph, or one that must not be missed."""

    text: Text | Words
    strong: bool = False


@dataclass(frozen=True)
class Items:
    """A list of short texts."""

    texts: tuple[Text | Words, ...]


@dataclass(frozen=True)
class Big:
    """One of the few numbers that are read first.

    Attributes
    ----------
    value
        The number.
    label, meaning, uncertainty
        What it counts, what it means in one sentence, and how sure it is.
    """

    value: Ref
    label: Text
    meaning: Text
    uncertainty: Text


@dataclass(frozen=True)
class Headline:
    """The numbers that a mayor reads in one minute."""

    numbers: tuple[Big, ...]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    name
        Name in the CSV file: the field's term, with its unit.
    header
        What stands above it.
    number
        Whether it holds numbers, and is set to the right.
    """

    name: str
    header: Text | Words
    number: bool = True


@dataclass(frozen=True)
class Table:
    """A table; it is also written as ``tables/<name>.csv``, there with full precision.

    Attributes
    ----------
    name
        Of the file, without ending.
    caption
        What it shows.
    columns, rows
        Each row has one cell a column; the first column names the row.
    total
        Whether the last row is the sum.
    notes
        What must be known to read it.
    """

    name: str
    caption: Text
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: bool = False
    notes: tuple[Text | Words, ...] = ()


@dataclass(frozen=True)
class LegendEntry:
    """What one mark of a picture means; with the number that it stands for, if there is one."""

    mark: Mark
    label: Text | Words
    value: Ref | None = None


@dataclass(frozen=True)
class Picture:
    """A map without words or numbers in it (but names of the data and its scale); the legend stands beside it.

    Attributes
    ----------
    name
        Of the file ``figures/<name>.png``.
    png
        The picture.
    width, height
        In pixels.
    alt
        What a reader who does not see it must know.
    caption, legend
        What it shows.
    """

    name: str
    png: bytes
    width: int
    height: int
    alt: Text
    caption: Text
    legend: tuple[LegendEntry, ...] = ()


@dataclass(frozen=True)
class Series:
    """One series of a chart: a number for each category.

    Attributes
    ----------
    label
        What it is, written beside the marks, not in a legend apart.
    values
        One a category; None where it is not known.
    mark
        How it is drawn.
    """

    label: Text | Words
    values: tuple[Ref | None, ...]
    mark: Mark


@dataclass(frozen=True)
class Chart:
    """A chart that is drawn once a language; every number written in it is one of its refs.

    Attributes
    ----------
    name
        Of the file ``figures/<name>-<lang>.svg``.
    kind
        ``stacked`` (bars whose series add up, one bar a category), ``grouped`` (series beside each other), ``dots``
        (series as marks on one line a category, joined: before and after), ``diverging`` (bars left and right of zero),
        ``line`` (categories are ordered along x).
    categories
        What each bar, line or position along x is.
    series
        What is drawn.
    axis
        What the lengths are; of a ``line``, what the steps along it are.
    alt, caption
        As for a picture.
    reference
        A number to compare with, such as a standard or target, drawn as a line with its label.
    """

    name: str
    kind: Literal["stacked", "grouped", "dots", "diverging", "line"]
    categories: tuple[Value, ...]
    series: tuple[Series, ...]
    axis: Text
    alt: Text
    caption: Text
    reference: tuple[Ref, Text] | None = None


Block: TypeAlias = Paragraph | Items | Headline | Table | Picture | Chart


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Attributes
    ----------
    id
        Its anchor.
    title
        Its heading.
    blocks
        What it says.
    briefing
        Positions of the blocks that the one-page briefing takes.
    slide
        Whether it makes a slide of its own: of its first chart, picture or headline, and its first paragraph.
    """

    id: str
    title: Text
    blocks: tuple[Block, ...]
    briefing: tuple[int, ...] = ()
    slide: bool = False


@dataclass(frozen=True)
class Document:
    """A report before it is written in some languages.

    Attributes
    ----------
    title, subtitle
        The region, and what was asked.
    warning
        What must stand on the face of it: the note of the region, and that it is modelled.
    sections
        In their order.
    level
        ``own``, ``partners`` or ``public``: who may read it.
    date
        Day of the run, ISO 8601.
    data
        ``summary``, ``comparison`` and ``record`` by name, as JSON has them: what the refs point into.
    """

    title: Words
    subtitle: Text
    warning: tuple[Text | Words, ...]
    sections: tuple[Section, ...]
    level: str
    date: str
    data: Mapping[str, object]
