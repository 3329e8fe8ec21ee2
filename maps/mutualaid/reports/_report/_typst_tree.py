"""A report as the templates of typst take it: strings of every language, and pictures as files beside them."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from mutualaid.maps import LANGUAGES
from mutualaid.reports._report._charts import chart_svg, swatch_svg
from mutualaid.reports._report._document import (
    Block,
    Chart,
    Document,
    Headline,
    Items,
    Paragraph,
    Picture,
    Ref,
    Section,
    Table,
    Text,
    Value,
    Words,
)
from mutualaid.reports._report._say import Part, number_of, parts, say

__all__ = ["Tree", "document_tree"]

#: What is said, by language: a string, or (words, language) where not all of it is of that language.
Told: TypeAlias = dict[str, Any]

# Not to be shown, and not to steer the direction of what stands around them.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
_STEERING = re.compile("[\u202a-\u202e\u2066-\u2069]")
#: Words from data that run by their own direction.
_ISOLATES = {"ltr": "\u2066", "rtl": "\u2067"}
_FIRST_STRONG, _END = "\u2068", "\u2069"
_SPACE = "\u200b"
#: A longer word may break; the pieces have up to so many characters.
_LONG_WORD, _PIECE = 28, 14
_WORD_ENDS = re.compile(f"[ {_SPACE}\u2010\u2013-]")
#: A longer word of a header is hyphenated.
_HEADER_WORD = 11
#: A paragraph with more characters may be parted between pages.
_LONG_TEXT = 600
#: A cell with fewer characters is not broken: a number with its unit, a date, a short name.
_SHORT_CELL = 14
#: How many of the longest texts of a column are measured.
_MEASURED = 5


@dataclass(frozen=True)
class Tree:
    """What a template takes.

    Attributes
    ----------
    data
        JSON ready.
    files
        Pictures by the name that `data` gives them.
    """

    data: Mapping[str, Any]
    files: Mapping[str, bytes]

    def json(self) -> str:
        """Give the data as JSON; equal data give equal text."""
        return json.dumps(self.data, ensure_ascii=False, separators=(",", ":"))


def document_tree(
    document: Document, languages: Sequence[str], *, columns: bool = False, chart_width: int = 720
) -> Tree:
    """Say a document in some languages.

    Parameters
    ----------
    document
        What is said.
    languages
        Codes of `mutualaid.maps.LANGUAGES`, the first one first.
    columns
        Whether all of them stand beside each other.
    chart_width
        In units of which the letters of a chart are about twelve high: they are larger where it is drawn narrow.

    Returns
    -------
    Tree
        Its data and pictures.
    """
    writer = _Writer(document.data, tuple(languages), chart_width)
    sections = [writer.section(section) for section in document.sections]
    title = document.title if clean(document.title.text).strip() else Words("–")
    return Tree(
        {
            "langs": [
                {"id": lang, "name": LANGUAGES[lang].name, "dir": LANGUAGES[lang].direction}
                for lang in languages
            ],
            "columns": columns,
            "title": {"said": writer.told(title), "plain": clean(title.text)},
            "subtitle": writer.told(document.subtitle),
            "day": {lang: _day(document.date, lang) for lang in languages},
            "date": _date(document.date),
            "contents": writer.told(Text("contents")),
            "warning": [writer.told(text) for text in document.warning],
            "sections": sections,
        },
        writer.files,
    )


class _Writer:
    """Says blocks in some languages, and keeps their pictures."""

    def __init__(self, data: Mapping[str, object], languages: tuple[str, ...], chart_width: int) -> None:
        self.data, self.languages, self.chart_width = data, languages, chart_width
        self.files: dict[str, bytes] = {}

    def told(self, value: Value) -> Told:
        return {lang: _runs(parts(value, lang, self.data), lang) for lang in self.languages}

    def plain(self, value: Value) -> dict[str, str]:
        return {lang: clean(say(value, lang, self.data)) or " " for lang in self.languages}

    def section(self, section: Section) -> dict[str, Any]:
        return {
            "id": section.id,
            "title": self.told(section.title),
            "blocks": [self.block(block) for block in section.blocks],
        }

    def block(self, block: Block) -> dict[str, Any]:
        match block:
            case Paragraph():
                text = self.told(block.text)
                long = any(len(_joined(told)) > _LONG_TEXT for told in text.values())
                return {"kind": "paragraph", "text": text, "strong": block.strong, "long": long}
            case Items():
                return {"kind": "items", "texts": [self.told(text) for text in block.texts]}
            case Headline():
                return {"kind": "headline", "numbers": [self._big(big) for big in block.numbers]}
            case Table():
                return self._table(block)
            case Picture():
                return self._picture(block)
            case Chart():
                return self._chart(block)

    def _big(self, big: Any) -> dict[str, Told]:
        return {name: self.told(getattr(big, name)) for name in ("value", "label", "meaning", "uncertainty")}

    def _table(self, table: Table) -> dict[str, Any]:
        header = [self.told(column.header) for column in table.columns]
        rows = [[None if cell is None else self.told(cell) for cell in row] for row in table.rows]
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(table.columns)
        return {
            "kind": "table",
            "caption": self.told(table.caption),
            "number": [column.number for column in table.columns],
            "header": header,
            "rows": rows,
            "total": table.total,
            "notes": [self.told(note) for note in table.notes],
            "words": self._measured(header, columns, whole=False),
            "lines": self._measured(header, columns, whole=True),
        }

    def _measured(
        self, header: Sequence[Told], columns: Sequence[Sequence[Told | None]], *, whole: bool
    ) -> dict[str, list[list[str]]]:
        """Give the longest words, or cells, of each column: they say how wide it must, or would like to, be."""
        found: dict[str, list[list[str]]] = {}
        for lang in self.languages:
            found[lang] = []
            for head, cells in zip(header, columns, strict=True):
                texts = {_joined(cell[lang]) for cell in cells if cell is not None}
                above = _joined(head[lang])
                if whole:
                    # A header may take two or three lines.
                    words = texts | {above[: max(_HEADER_WORD, len(above) // 2)]}
                else:
                    words = {
                        word
                        for text in texts
                        for word in ([text] if len(text) <= _SHORT_CELL else _WORD_ENDS.split(text))
                    }
                    words |= {_hyphenated(word) for word in _WORD_ENDS.split(above)}
                found[lang].append(sorted(words, key=lambda word: (-len(word), word))[:_MEASURED])
        return found

    def _picture(self, picture: Picture) -> dict[str, Any]:
        name = f"figures/{len(self.files)}.png"
        self.files[name] = picture.png
        return {
            "kind": "picture",
            "file": name,
            "ratio": picture.height / picture.width,
            "alt": self.plain(picture.alt),
            "caption": self.told(picture.caption),
            "legend": [
                {
                    "swatch": swatch_svg(entry.mark),
                    "label": self.told(entry.label),
                    "value": None if entry.value is None else self.told(entry.value),
                }
                for entry in picture.legend
            ],
        }

    def _chart(self, chart: Chart) -> dict[str, Any]:
        names = {}
        for lang in self.languages:
            name = names[lang] = f"figures/{len(self.files)}.svg"
            svg = chart_svg(
                chart,
                lang,
                lambda value, lang=lang: say(value, lang, self.data),  # type: ignore[misc]
                lambda ref: number_of(ref, self.data),
                width=self.chart_width,
            )
            self.files[name] = svg.encode()
        return {
            "kind": "chart",
            "file": names,
            "alt": self.plain(chart.alt),
            "caption": self.told(chart.caption),
        }


def _runs(found: Iterable[Part], lang: str) -> Any:
    """Put the runs of a sentence together; those of another language apart."""
    direction = LANGUAGES[lang].direction
    runs: list[tuple[str, str]] = []
    for part in found:
        text = clean(part.text)
        # Words and numbers keep their own direction, and do not change that of what follows them.
        if part.words and (direction == "rtl" or part.dir != direction):
            text = _ISOLATES[part.dir] + text + _END
        elif part.ref is not None and direction == "rtl":
            text = _FIRST_STRONG + text + _END
        own = _primary(part.lang) if part.words else ""
        own = "" if own == lang else own
        if runs and runs[-1][1] == own:
            runs[-1] = (runs[-1][0] + text, own)
        else:
            runs.append((text, own))
    if all(own == "" for _, own in runs):
        return "".join(text for text, _ in runs)
    return runs


def _joined(told: Any) -> str:
    text = told if isinstance(told, str) else "".join(words for words, _ in told)
    return _STEERING.sub("", text)


def _primary(tag: str) -> str:
    """Give the language of a tag as typst knows it; "" for none."""
    code = re.split("[-_]", tag)[0].lower()
    return code if code.isascii() and code.isalpha() and len(code) in (2, 3) else ""


def clean(text: str) -> str:
    r"""Take out what is no character to be shown, and let very long words break.

    >>> clean("one\ttwo\u202e")
    'one two'
    """
    text = _STEERING.sub("", _CONTROLS.sub(" ", text))
    return re.sub(rf"\S{{{_LONG_WORD},}}", lambda found: _breakable(found[0]), text)


def _breakable(word: str) -> str:
    """Let a long word break behind its punctuation, or else where it must."""
    pieces = re.findall(rf"[^/_.,;:=&?+-]{{1,{_PIECE}}}[/_.,;:=&?+-]?|[/_.,;:=&?+-]", word)
    return _SPACE.join(pieces)


def _hyphenated(word: str) -> str:
    return word if len(word) <= _HEADER_WORD else word[: _HEADER_WORD - 1] + "-"


def _date(date: str) -> dict[str, int] | None:
    try:
        day = dt.date.fromisoformat(date[:10])
    except ValueError:
        return None
    return {"year": day.year, "month": day.month, "day": day.day}


def _day(date: str, lang: str) -> str:
    return say(Ref(("date",), "date", "record"), lang, {"record": {"date": date}}) if date else ""
