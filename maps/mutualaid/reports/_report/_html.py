"""The report as one page of HTML that needs nothing else: one language, two that face each other, or several."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from mutualaid.maps import LANGUAGES, page_languages
from mutualaid.reports._report._charts import chart_svg, swatch_svg
from mutualaid.reports._report._document import (
    Block,
    Cell,
    Chart,
    Column,
    Document,
    Headline,
    Items,
    LegendEntry,
    Paragraph,
    Picture,
    Ref,
    Section,
    Table,
    Text,
    Value,
    Words,
)
from mutualaid.reports._report._say import Part, look_up, number_of, parts, say

__all__ = ["write_html"]

_TEMPLATE = "report.html"
#: Width in which charts are drawn, in pixels: that of the column of text.
_CHART = 760
#: Rows of a table that is not cut over pages.
_SMALL = 15


def write_html(document: Document, languages: Sequence[str], *, layout: str = "columns") -> str:
    """Write a report as a page that needs nothing else: no network, no script, no other file.

    Two languages face each other where there is room: headings and texts side by side, tables and charts once in each
    language. More languages stand one after the other, and two do if `layout` says so.

    Parameters
    ----------
    document
        What `mutualaid.reports.report_document` made of a run.
    languages
        Codes such as ``fr``, the first one first.
    layout
        ``columns`` or ``sequence``.

    Returns
    -------
    str
        HTML. Each number is a ``data`` element: its exact value, and in ``data-path`` the place where it stands.

    Raises
    ------
    InputError
        As `mutualaid.maps.page_languages` raises it.
    ValueError
        If there is no such layout.
    """
    if layout not in ("columns", "sequence"):
        raise ValueError(f"layout is 'columns' or 'sequence', not {layout!r}")
    chosen = page_languages(languages)
    page = _Page(document)
    facing = len(chosen) == 2 and layout == "columns"
    body = page.facing(chosen) if facing else Markup("").join(page.alone(lang) for lang in chosen)
    environment = Environment(
        loader=PackageLoader("mutualaid.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(_TEMPLATE).render(
        lang=chosen[0],
        dir=LANGUAGES[chosen[0]].direction,
        title=f"{say(document.title, chosen[0], document.data)} – {say(document.subtitle, chosen[0], document.data)}",
        skip=say(Text("skip"), chosen[0], document.data),
        kind=f"{'facing' if facing else 'alone'}{' brief' if len(document.sections) == 1 else ''}",
        body=body,
    )


def _tag(name: str, content: object = "", **attributes: object) -> Markup:
    """Write an element; ``class_`` is written as ``class``, ``data_path`` as ``data-path``, and None not at all."""
    told = [
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), value)
        for key, value in attributes.items()
        if value is not None
    ]
    return Markup("<{}{}>{}</{}>").format(name, Markup("").join(told), content, name)


def _drawing(svg: str) -> Markup:
    """Take over a drawing of this package, which escapes what it says itself."""
    return Markup(svg)  # noqa: S704


def _joined(pieces: Iterable[Markup]) -> Markup:
    return Markup("").join(pieces)


class _Page:
    """Writes one document; remembers which pictures the page holds already."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._drawn: set[str] = set()

    # --- the page as a whole ---------------------------------------------------------------------------------

    def facing(self, chosen: Sequence[str]) -> Markup:
        """Write the page in two languages that face each other."""
        head = self._head(chosen)
        contents = self._pair(chosen, self._contents) if len(self.document.sections) > 1 else Markup("")
        sections = _joined(
            _tag("section", self._facing_section(one, chosen), aria_labelledby=self._id(one, chosen[0]))
            for one in self.document.sections
        )
        return Markup("{}{}{}").format(head, contents, _tag("main", sections, id="main"))

    def alone(self, lang: str) -> Markup:
        """Write the page in one language, or its part of a page in several."""
        first = not self._started
        self._started = True
        head = self._head([lang], first=first)
        sections = _joined(
            _tag(
                "section",
                self._title(one, lang) + _joined(self._block(block, lang) for block in one.blocks),
                aria_labelledby=self._id(one, lang),
            )
            for one in self.document.sections
        )
        body = Markup("{}{}{}").format(
            head, self._contents(lang), _tag("div", sections, id="main" if first else None)
        )
        return _tag("main" if first else "div", body, class_="edition", **self._spoken(lang))

    _started = False

    def _head(self, chosen: Sequence[str], *, first: bool = True) -> Markup:
        """Write what stands on the face of the report."""
        title = _tag("h1", self._say(self.document.title, chosen[0]), **({} if first else {"class": "again"}))
        texts = [one for one in self.document.warning if isinstance(one, Text)]
        words = [one for one in self.document.warning if isinstance(one, Words)]

        def said(lang: str) -> Markup:
            day = Ref(("day",), "date", "record")
            run = Text("run_of", {"day": day}) if self._stands(day) else None
            lines = [_tag("p", self._say(self.document.subtitle, lang), class_="subtitle")]
            lines += [_tag("p", self._say(run, lang), class_="run")] if run else []
            lines += [_tag("p", self._say(one, lang), class_="warning") for one in texts]
            return _joined(lines)

        notes = _joined(_tag("p", self._say(one, chosen[0]), class_="region") for one in words)
        face = self._pair(chosen, said) if len(chosen) > 1 else said(chosen[0])
        return _tag("header", title + face + notes)

    def _stands(self, ref: Ref) -> bool:
        try:
            return look_up(ref, self.document.data) not in (None, "")
        except KeyError:
            return False

    def _contents(self, lang: str) -> Markup:
        if len(self.document.sections) < 2:
            return Markup("")
        links = _joined(
            _tag("li", _tag("a", self._say(one.title, lang), href=f"#{self._id(one, lang)}"))
            for one in self.document.sections
        )
        words = say(Text("contents"), lang, self.document.data)
        head = _tag("h2", words, id=f"contents-{lang}")
        return _tag("nav", head + _tag("ol", links), aria_labelledby=f"contents-{lang}")

    def _id(self, one: Section, lang: str) -> str:
        return f"{one.id}-{lang}"

    def _title(self, one: Section, lang: str) -> Markup:
        return _tag("h2", self._say(one.title, lang), id=self._id(one, lang))

    def _facing_section(self, one: Section, chosen: Sequence[str]) -> Markup:
        title = self._pair(chosen, partial(self._title, one))
        return title + _joined(self._facing_block(block, chosen) for block in one.blocks)

    # --- blocks ----------------------------------------------------------------------------------------------

    def _facing_block(self, block: Block, chosen: Sequence[str]) -> Markup:
        if isinstance(block, Picture):
            return self._picture(block, chosen)
        if isinstance(block, Table | Chart):
            return _joined(
                _tag("div", self._block(block, lang), class_="once", **self._spoken(lang)) for lang in chosen
            )
        if _of_data(block):
            return self._block(block, chosen[0])
        return self._pair(chosen, partial(self._block, block))

    def _pair(self, chosen: Sequence[str], write: Callable[[str], Markup]) -> Markup:
        sides = _joined(_tag("div", write(lang), **self._spoken(lang)) for lang in chosen)
        return _tag("div", sides, class_="pair")

    def _spoken(self, lang: str) -> dict[str, str]:
        return {"lang": lang, "dir": LANGUAGES[lang].direction}

    def _block(self, block: Block, lang: str) -> Markup:
        match block:
            case Paragraph():
                return _tag("p", self._say(block.text, lang), class_="strong" if block.strong else None)
            case Items():
                return _tag("ul", _joined(_tag("li", self._say(one, lang)) for one in block.texts))
            case Headline():
                return self._headline(block, lang)
            case Table():
                return self._table(block, lang)
            case Picture():
                return self._picture(block, [lang])
            case Chart():
                return self._chart(block, lang)

    def _headline(self, block: Headline, lang: str) -> Markup:
        return _tag(
            "dl",
            _joined(
                _tag(
                    "div",
                    _tag("dt", self._say(one.label, lang))
                    + _tag("dd", self._say(one.value, lang), class_="big")
                    + _tag("dd", self._say(one.meaning, lang))
                    + _tag("dd", self._say(one.uncertainty, lang), class_="doubt"),
                )
                for one in block.numbers
            ),
            class_="headline",
        )

    def _table(self, block: Table, lang: str) -> Markup:
        heads = _joined(
            _tag("th", self._say(one.header, lang), scope="col", class_="number" if one.number else None)
            for one in block.columns
        )
        last = len(block.rows) - 1
        rows = _joined(
            _tag(
                "tr",
                _joined(self._row(block.columns, row, lang)),
                class_="total" if block.total and i == last else None,
            )
            for i, row in enumerate(block.rows)
        )
        caption = self._say(block.caption, lang)
        inner = _tag("caption", caption) + _tag("thead", _tag("tr", heads)) + _tag("tbody", rows)
        label = say(block.caption, lang, self.document.data)
        kind = "scroll small" if len(block.rows) <= _SMALL else "scroll"
        scroll = _tag("div", _tag("table", inner), class_=kind, tabindex="0", role="group", aria_label=label)
        return scroll + _joined(_tag("p", self._say(note, lang), class_="note") for note in block.notes)

    def _row(self, columns: Sequence[Column], row: Sequence[Cell], lang: str) -> Iterator[Markup]:
        for i, (column, cell) in enumerate(zip(columns, row, strict=True)):
            said: str | Markup = "–" if cell is None else self._say(cell, lang)
            kind = "number" if column.number else None
            yield _tag("td", said, class_=kind) if i else _tag("th", said, scope="row")

    def _chart(self, block: Chart, lang: str) -> Markup:
        data = self.document.data
        drawn = chart_svg(
            block, lang, lambda value: say(value, lang, data), lambda ref: number_of(ref, data), width=_CHART
        )
        caption = _tag("figcaption", self._say(block.caption, lang))
        label = say(block.caption, lang, data)
        box = _tag("div", _drawing(drawn), class_="chart", tabindex="0", role="group", aria_label=label)
        return _tag("figure", caption + box)

    def _picture(self, block: Picture, chosen: Sequence[str]) -> Markup:
        """Draw a picture once, however often it is shown; with caption, legend and description in each language."""
        place = f"picture-{block.name}"
        if place in self._drawn:
            shown = _tag("use", href=f"#{place}")
        else:
            self._drawn.add(place)
            source = f"data:image/png;base64,{base64.b64encode(block.png).decode('ascii')}"
            shown = _tag("image", id=place, href=source, width=block.width, height=block.height)
        alts = [say(block.alt, lang, self.document.data) for lang in chosen]
        drawn = _tag(
            "svg",
            shown,
            class_="picture",
            role="img",
            viewBox=f"0 0 {block.width} {block.height}",
            aria_label=alts[0],
        )
        others = _joined(
            _tag("p", alt, class_="unseen", **self._spoken(lang))
            for alt, lang in zip(alts[1:], chosen[1:], strict=True)
        )

        def told(lang: str) -> Markup:
            caption = _tag("p", self._say(block.caption, lang), class_="caption")
            entries = _joined(self._entry(entry, lang) for entry in block.legend)
            return caption + (_tag("ul", entries, class_="legend") if block.legend else Markup(""))

        below = self._pair(chosen, told) if len(chosen) > 1 else told(chosen[0])
        return _tag("figure", drawn + others + _tag("figcaption", below))

    def _entry(self, entry: LegendEntry, lang: str) -> Markup:
        value = Markup("") if entry.value is None else Markup(" ") + _tag("b", self._say(entry.value, lang))
        return _tag(
            "li", _drawing(swatch_svg(entry.mark)) + _tag("span", self._say(entry.label, lang) + value)
        )

    # --- words and numbers -----------------------------------------------------------------------------------

    def _say(self, value: Value, lang: str) -> Markup:
        return _joined(self._part(part, lang) for part in parts(value, lang, self.document.data))

    def _part(self, part: Part, lang: str) -> Markup:
        if part.ref is not None:
            return self._number(part, part.ref)
        if part.words:
            other = part.lang if part.lang not in ("", lang) else None
            return _tag("bdi", part.text, lang=other, dir=part.dir)
        return escape(part.text)

    def _number(self, part: Part, ref: Ref) -> Markup:
        found = look_up(ref, self.document.data)
        exact = found if isinstance(found, str) else json.dumps(found)
        source = None if ref.source == "summary" else ref.source
        return _tag(
            "data",
            part.text,
            value=exact,
            data_path=json.dumps(list(ref.path), ensure_ascii=False),
            data_source=source,
        )


def _of_data(block: Block) -> bool:
    """Tell whether a block holds nothing but words that no language has another form of."""
    texts = block.texts if isinstance(block, Items) else (block.text,) if isinstance(block, Paragraph) else ()
    return bool(texts) and all(isinstance(one, Words) and not one.names for one in texts)
