"""The report of the demo as PDF in every language, its text compared with the numbers that it was made from."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pypdf
import pypdfium2
import pytest

from mutualaid.maps import LANGUAGES
from mutualaid.reports._report._briefing import briefing, slides
from mutualaid.reports._report._document import Chart, Document, Ref, Table, Text, Words
from mutualaid.reports._report._say import say
from mutualaid.reports._report._slides import write_slides
from mutualaid.reports._report._typst import write_briefing, write_pdf

#: Marks of direction and places to break, that a reader does not see.
UNSEEN = re.compile("[\u200b\u200e\u200f\u2066-\u2069\u202a-\u202e\u00ad]")
DIGITS = re.compile(r"\d+")


def values(part: Any) -> Iterator[Ref | Words | Text]:
    """Find all that is said in a part of a document."""
    if isinstance(part, Ref | Words):
        yield part
    elif isinstance(part, Mapping):
        for one in part.values():
            yield from values(one)
    elif isinstance(part, tuple):
        for one in part:
            yield from values(one)
    elif hasattr(part, "__dataclass_fields__"):
        if isinstance(part, Text):
            yield part
        for name in part.__dataclass_fields__:
            yield from values(getattr(part, name))


def plain(text: str) -> str:
    return " ".join(UNSEEN.sub("", text).split())


def pages(pdf: bytes) -> list[str]:
    """Give the text of each page, without its number."""
    found = [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf)]
    return [plain(re.sub(r"\d+ / \d+\s*$", "", text)) for text in found]


def assert_says(text: str, document: Document, lang: str) -> None:
    """Assert that a text holds every number of a document, and no other one."""
    said = [plain(say(value, lang, document.data)) for value in values(document) if value != Words("")]
    # A line that has many points bears the numbers of some.
    blocks = [block for section in document.sections for block in section.blocks]
    told = values(tuple(block for block in blocks if not (isinstance(block, Chart) and block.kind == "line")))
    numbers = {plain(say(value, lang, document.data)) for value in told if isinstance(value, Ref)}
    if lang == "ar":  # readers put a number and its unit in an order of their own
        numbers = {figures for number in numbers for figures in re.findall(r"\d[\d.,:]*\d|\d", number)}
    squeezed = text.replace(" ", "")
    assert len(numbers) >= 10
    missing = {number for number in numbers if number.replace(" ", "") not in squeezed}
    assert missing == set()
    allowed = {digits for one in said for digits in DIGITS.findall(one)}
    allowed |= set(
        DIGITS.findall(say(Ref(("date",), "date", "record"), lang, {"record": {"date": document.date}}))
    )
    assert set(DIGITS.findall(text)) - allowed == set()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_number_of_the_report_is_said_as_it_stands_in_its_source(report: Document, lang: str) -> None:
    found = pages(write_pdf(report, [lang]))
    first, rest = found[0], " ".join(found[1:])
    assert_says(rest, report, lang)
    if lang != "ar":
        assert plain(say(report.subtitle, lang, report.data)) in first
        for section in report.sections:
            title = plain(say(section.title, lang, report.data))
            assert title in first, "the contents name it"
            assert title in rest
        squeezed = rest.replace(" ", "")
        for table in (
            block for section in report.sections for block in section.blocks if isinstance(block, Table)
        ):
            assert plain(say(table.caption, lang, report.data)).replace(" ", "") in squeezed


def test_numbers_are_those_of_the_summary(report: Document) -> None:
    summary: Any = report.data["summary"]
    places = summary["common"]["jurisdictions"].values()
    people = [summary["headline"]["closed_by_joint"], *(place["population"] for place in places)]
    found = " ".join(pages(write_pdf(report, ["en", "de"])))
    for number in people:
        written = f"{round(number):,}"
        assert written in found
        assert written.replace(",", ".") in found


def test_six_languages_make_one_report(report: Document) -> None:
    pdf = write_pdf(report, list(LANGUAGES))
    outline: Any = pypdf.PdfReader(io.BytesIO(pdf)).outline
    assert [one["/Title"] for one in outline if not isinstance(one, list)] == [
        language.name for language in LANGUAGES.values()
    ]
    sections = [[one["/Title"] for one in below] for below in outline if isinstance(below, list)]
    assert [len(one) for one in sections] == [1 + len(report.sections)] * len(LANGUAGES)
    assert pdf == write_pdf(report, list(LANGUAGES))


@pytest.mark.parametrize("languages", [["fr", "de"], ["ar", "en"]])
def test_nothing_leaves_the_page(report: Document, languages: list[str]) -> None:
    margin = 18.5 / 25.4 * 72
    pdf = pypdfium2.PdfDocument(write_pdf(report, languages))
    for page in pdf:
        width, height = page.get_size()
        text = page.get_textpage()
        for i in range(text.count_chars()):
            if not text.get_text_range(i, 1).strip():
                continue
            left, bottom, right, top = text.get_charbox(i)
            assert margin < left <= right < width - margin
            assert 20 < bottom <= top < height - 20


def test_the_briefing_is_one_page_in_each_language(report: Document) -> None:
    short = briefing(report)
    found = pages(write_briefing(short, list(LANGUAGES)))
    assert len(found) == len(LANGUAGES)
    for lang, text in zip(LANGUAGES, found, strict=True):
        assert_says(text, short, lang)


def test_slides_show_what_the_report_chose(report: Document) -> None:
    chosen = slides(report)
    found = write_slides(report, chosen, ["fr"])
    assert len(found) == 1 + len(chosen) >= 5
    assert [name.split("-")[1] for name in found][1:] == [section.id.split("-")[0] for section in chosen]
