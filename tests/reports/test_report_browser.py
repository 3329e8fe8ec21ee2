"""The page in a real browser: for everybody, on wide and narrow screens, and on paper."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from pypdf import PdfReader

from mutualaid.reports._report._briefing import briefing
from mutualaid.reports._report._document import Document, Table
from mutualaid.reports._report._html import write_html

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

A4 = (595, 842)


@pytest.fixture
def visit(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Open a page without a network; it must neither ask for anything nor complain."""
    contexts, complaints, asked = [], [], []

    def go(text: str, *, width: int = 1280) -> Page:
        path = tmp_path / "report.html"
        path.write_text(text, encoding="utf-8")
        context = browser.new_context(offline=True, viewport={"width": width, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda one: complaints.append(one.text))
        page.on("request", lambda one: asked.append(one.url))
        page.goto(path.as_uri())
        return page

    yield go
    for context in contexts:
        context.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def shortened(report: Document) -> Document:
    """The report with two rows a table: a checker looks at each cell."""
    sections = [
        replace(
            part,
            blocks=tuple(
                replace(one, rows=one.rows[-2:]) if isinstance(one, Table) else one for one in part.blocks
            ),
        )
        for part in report.sections
    ]
    return replace(report, sections=tuple(sections))


@pytest.mark.parametrize("languages", [["ar", "fr"], ["de"]])
def test_a_checker_finds_nothing(report: Document, visit: Callable[..., Page], languages: list[str]) -> None:
    page = visit(write_html(shortened(report), languages))
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]] == []


@pytest.mark.parametrize("width", [360, 820, 1280])
def test_nothing_sticks_out_of_the_page(report: Document, visit: Callable[..., Page], width: int) -> None:
    page = visit(write_html(report, ["de", "ar"]), width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    sides = page.evaluate(
        """() => [...document.querySelectorAll('.pair')].map(pair => {
            const [a, b] = [...pair.children].map(one => one.getBoundingClientRect());
            return b.top < a.bottom && Math.abs(a.left - b.left) > 100;
        })"""
    )
    assert all(sides) if width == 1280 else not any(sides)  # two columns only where there is room


def test_headings_come_in_order_and_tables_have_heads(report: Document, visit: Callable[..., Page]) -> None:
    page = visit(write_html(report, ["fr", "de"]))
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(one => +one.tagName[1])")
    assert levels[0] == 1
    assert set(levels[1:]) == {2}
    bare = (
        "table:not(:has(caption)), table:not(:has(thead th[scope=col])), tbody tr:not(:has(> th[scope=row]))"
    )
    assert page.evaluate("where => document.querySelectorAll(where).length", bare) == 0
    pictures = "svg[role=img]:not([aria-label]):not(:has(title)), img:not([alt])"
    assert page.evaluate("where => document.querySelectorAll(where).length", pictures) == 0


def test_it_prints_on_a4_with_every_number(
    report: Document, visit: Callable[..., Page], read_page: Any
) -> None:
    text = write_html(report, ["en"])
    paper = PdfReader(io.BytesIO(visit(text).pdf(prefer_css_page_size=True)))
    assert {(round(float(one.mediabox.width)), round(float(one.mediabox.height))) for one in paper.pages} == {
        A4
    }
    assert len(paper.pages) < 40
    told = re.sub(r"\s", "", "".join(one.extract_text() for one in paper.pages))
    missing = {one.text for one in read_page(text).numbers if re.sub(r"\s", "", one.text) not in told}
    assert missing == set()


def test_a_briefing_is_one_page(report: Document, visit: Callable[..., Page]) -> None:
    short = briefing(report)
    kinds = [type(one).__name__ for one in short.sections[0].blocks]
    assert kinds == ["Paragraph", "Headline", "Items", "Picture", "Paragraph"]
    page = visit(write_html(short, ["fr"]))
    assert len(PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True))).pages) == 1
