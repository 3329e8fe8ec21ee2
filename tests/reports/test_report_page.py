"""The page: every number stands where it says, none stands elsewhere, and no text from data acts as markup."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mutualaid.errors import InputError
from mutualaid.maps import LANGUAGES
from mutualaid.reports._report._content import report_document
from mutualaid.reports._report._document import (
    Chart,
    Document,
    Paragraph,
    Picture,
    Ref,
    Section,
    Text,
    Words,
)
from mutualaid.reports._report._html import write_html
from mutualaid.reports._report._inputs import ReportInputs
from mutualaid.reports._report._say import parts, say
from mutualaid.reports._report._tables import report_tables, table_csv
from mutualaid.reports._report._texts import TEXTS

DECIMAL = {"en": ".", "ar": "."}  # a comma elsewhere


def within(value: Any) -> Iterator[Any]:
    """Every text, number and word in blocks, however deep."""
    if isinstance(value, Ref | Words):
        yield value
    elif isinstance(value, tuple | list):
        for one in value:
            yield from within(one)
    elif is_dataclass(value):
        if isinstance(value, Text):
            yield value
            yield from within(list(value.values.values()))
        else:
            for one in fields(value):
                yield from within(getattr(value, one.name))


def stands_at(data: Mapping[str, Any], source: str, path: list[str | int]) -> Any:
    found = data[source]
    for key in path:
        found = found[key]
    return found


def agrees(shown: str, found: Any, lang: str) -> bool:
    """Whether what is shown is what stands there, read back without knowing how it was written."""
    text = re.sub(r"[\u200e\u200f\u00a0\u202f]", " ", shown).strip()
    if not re.search(r"\d", text):
        return found is None or found == ""  # in words that it is missing
    if isinstance(found, str) and re.match(r"\d{4}(-\d\d)?", found):
        numbers = [int(one) for one in re.findall(r"\d+", text)]
        day = [int(one) for one in found[:10].split("-")]
        return sorted(numbers) == sorted([day[0], *day[2:]])  # the month is a word
    value = (
        float(found.rstrip("%")) / (100 if found.endswith("%") else 1)
        if isinstance(found, str)
        else float(found)
    )
    sign = -1 if "−" in text else 1
    if clock := re.search(r"(\d+):(\d\d)", text):
        first, second = int(clock[1]), int(clock[2])
        seconds, minutes = sign * (60 * first + second), sign * (3600 * first + 60 * second)
        return value - 1e-6 <= seconds < value + 1 or abs(minutes - value) <= 60
    number = re.sub(r"[^\d" + re.escape(DECIMAL.get(lang, ",")) + "]", "", text)
    decimals = number.replace(",", ".").partition(".")[2]
    told = sign * float(number.replace(",", "."))
    exact = 100 * value if "%" in text or "٪" in text else value
    if "<" in text:
        return 0 < exact < told
    if ">" in text:
        return told < exact < told + 1
    if "%" in text and told in (0, 100):
        return exact == told  # all is not nearly all
    return abs(told - exact) <= 0.5 * 0.1 ** len(decimals) + 1e-9


@pytest.fixture(scope="module")
def pages(report: Document) -> dict[str, str]:
    """The page in two languages that face each other, in one, and in all."""
    return {
        "facing": write_html(report, ["fr", "de"]),
        "alone": write_html(report, ["en"]),
        "all": write_html(report, list(LANGUAGES), layout="sequence"),
    }


# --- numbers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["facing", "alone", "all"])
def test_every_number_of_the_page_is_the_one_that_stands_where_it_says(
    report: Document, pages: dict[str, str], read_page: Callable[[str], Any], layout: str
) -> None:
    found = read_page(pages[layout]).numbers
    assert len(found) > 700
    assert {one.source for one in found} == {"summary", "comparison", "record"}
    wrong = []
    for one in found:
        exact = stands_at(report.data, one.source, one.path)
        same = (
            one.exact == exact
            if isinstance(exact, str)
            else one.exact == ("null" if exact is None else repr(exact))
        )
        if not same or not agrees(one.text, exact, one.lang):
            wrong.append((one, exact))
    assert wrong == []


@pytest.mark.parametrize("layout", ["facing", "alone", "all"])
def test_no_digit_stands_on_the_page_but_in_a_number_or_in_words_of_the_data(
    pages: dict[str, str], read_page: Callable[[str], Any], layout: str
) -> None:
    reader = read_page(pages[layout])
    assert len(reader.texts) > 500
    assert [text for text in reader.texts if re.search(r"\d", text)] == []


def test_digits_in_charts_are_numbers_and_names_of_the_chart(
    report: Document, pages: dict[str, str], read_page: Callable[[str], Any]
) -> None:
    charts = [block for part in report.sections for block in part.blocks if isinstance(block, Chart)]
    assert {one.kind for one in charts} == {"stacked", "dots", "diverging", "line"}
    figure = re.compile(r"\d[\d,.:]*\d|\d")
    said = [say(one, "en", report.data) for one in within(charts) if isinstance(one, Ref | Words)]
    known = {one for text in said for one in figure.findall(text)}
    drawn = [text for text in read_page(pages["alone"]).drawn if re.search(r"\d", text)]
    assert len(drawn) > 40
    strange = [text for text in drawn if not set(figure.findall(text)) <= known]
    assert strange == []


def test_a_number_that_was_tampered_with_is_found(report: Document, read_page: Callable[[str], Any]) -> None:
    page = write_html(report, ["en"])
    first = next(one for one in read_page(page).numbers if one.text == "66,171")
    assert agrees(first.text, 66171.0, "en")
    assert not agrees("66,172", 66171.0, "en")
    assert not agrees("5:24 min", 325.0, "en")
    assert not agrees("100 %", 0.996, "en")
    assert not agrees("unknown", 3.0, "en")
    assert not agrees("5 March 2017", "2016-03-05", "en")


def test_no_text_of_the_report_holds_a_digit() -> None:
    forms = {key: [text] if isinstance(text, str) else list(text) for key, text in TEXTS.items()}
    assert [key for key, texts in forms.items() if any(re.search(r"\d", text) for text in texts)] == []


def test_a_changed_number_changes_the_page_there_and_nowhere_else(
    changed_inputs: Callable[..., ReportInputs],
    tiny_pictures: dict[str, Picture],
    read_page: Callable[[str], Any],
) -> None:
    inputs = changed_inputs()
    before = read_page(write_html(report_document(inputs, pictures=tiny_pictures), ["en"])).numbers
    inputs.summary["headline"]["remaining"] += 1000.0
    after = read_page(write_html(report_document(inputs, pictures=tiny_pictures), ["en"])).numbers
    other = [(one, two) for one, two in zip(before, after, strict=True) if one != two]
    assert len(other) >= 4
    assert {tuple(one.path) for one, _ in other} == {("headline", "remaining")}


# --- what it says --------------------------------------------------------------------------------------------


def test_the_sections_are_those_that_a_forum_asks_for_in_their_order(report: Document) -> None:
    assert [one.id for one in report.sections] == [
        "short", "maps", "coverage", "gaps", "nobody", "hazards", "cooperation", "siting", "evacuation", "incidents",
        "changes", "targets", "decisions", "assumptions", "data", "method", "withheld",
    ]  # fmt: skip


def test_five_numbers_come_first_each_with_meaning_and_doubt(report: Document) -> None:
    headline: Any = report.sections[0].blocks[1]
    paths = [one.value.path[-1] for one in headline.numbers]
    assert paths == [
        "covered_alone_share",
        "covered_agreed_share",
        "covered_joint_share",
        "remaining",
        "lost_joint",
    ]
    assert all(one.meaning.key and one.uncertainty.key for one in headline.numbers)


def test_a_gain_that_the_record_does_not_confirm_is_said_where_it_stands(
    report: Document, changed_inputs: Callable[..., ReportInputs]
) -> None:
    def told(document: Document, section: str) -> str:
        (part,) = [one for one in document.sections if one.id == section]
        return " ".join(say(one, "en", document.data) for one in within(part) if isinstance(one, Text))

    assert "does not confirm" in told(report, "short")
    assert "Do not rely on the modelled gain" in told(report, "incidents")
    (part,) = [one for one in report.sections if one.id == "incidents"]
    strong = [one.text for one in part.blocks if isinstance(one, Paragraph) and one.strong]
    assert [one.key for one in strong if isinstance(one, Text)] == ["verdict_not_confirmed", "fit_late"]
    inputs = changed_inputs()
    total = inputs.summary["incidents"]["gain"]["total"]
    total["verdict"] = "confirmed"  # minutes are saved, but too few were in time
    assert "does not confirm" in told(report_document(inputs, pictures={}), "incidents")
    total["in_time_high_share"] = 0.31
    other = report_document(inputs, pictures={})
    assert "does not confirm" not in told(other, "short") + told(other, "incidents")


def test_every_text_that_is_used_is_there_and_filled_in(report: Document) -> None:
    found = [one for one in within(report.sections) if isinstance(one, Text)]
    assert len({one.key for one in found}) > 350
    for one in found:
        text = TEXTS[one.key]
        places = set(re.findall(r"\{(\w+)\}", text if isinstance(text, str) else text.other))
        assert places <= set(one.values), one.key


def test_names_come_in_the_language_of_the_reader(pages: dict[str, str]) -> None:
    assert 'dir="rtl">موناكو</bdi>' in pages["all"]
    assert "Principato di Monaco" in pages["all"]
    assert "موناكو" not in pages["facing"]


def test_tables_are_rectangular_named_once_and_start_with_words(report: Document) -> None:
    tables = report_tables(report)
    assert len(tables) > 30
    assert len({one.name for one in tables}) == len(tables)
    for one in tables:
        assert {len(row) for row in one.rows} == {len(one.columns)}
        assert len({column.name for column in one.columns}) == len(one.columns), one.name
        assert not one.columns[0].number
        for column, cells in zip(one.columns, zip(*one.rows, strict=True), strict=True):
            if column.number:
                assert all(cell is None or isinstance(cell, Ref | Text) for cell in cells), (
                    one.name,
                    column.name,
                )


def test_csv_holds_exact_numbers(report: Document) -> None:
    by_name = {one.name: one for one in report_tables(report)}
    lines = table_csv(by_name["coverage"], report).splitlines()
    total = report.data["summary"]["common"]["total"]  # type: ignore[index]
    assert lines[0] == "jurisdiction,population,alone_share,agreed_share,joint_share,joint_p90_s,remaining"
    assert lines[-1].split(",") == ["All"] + [
        str(one)
        for one in (
            total["population"],
            *(total[level]["covered_share"] for level in ("alone", "agreed", "joint")),
            total["joint"]["p90_s"],
            total["remaining"],
        )
    ]
    assert all(table_csv(one, report).count("\n") == len(one.rows) + 1 for one in by_name.values())


# --- editions that lack parts --------------------------------------------------------------------------------


def thinned(value: Any, random: Random, rate: float, *, removed: bool) -> Any:
    """A copy without some of its numbers: they are null, or not there, as are whole parts then."""
    if isinstance(value, list):
        kept = [one for one in value if not removed or random.random() >= rate]
        return [thinned(one, random, rate, removed=removed) for one in kept]
    if not isinstance(value, dict):
        return value
    found = {}
    for key, one in value.items():
        words = isinstance(one, str | bool)
        if not words and random.random() < rate:
            if not removed:
                found[key] = (
                    thinned(one, random, rate, removed=False) if isinstance(one, dict | list) else None
                )
            continue
        found[key] = thinned(one, random, rate, removed=removed)
    return found


@given(
    seed=st.integers(0, 2**32),
    rate=st.sampled_from([0.02, 0.2, 0.7, 1.0]),
    removed=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_whatever_an_edition_lacks_the_rest_is_told(
    report_inputs: ReportInputs, seed: int, rate: float, removed: bool
) -> None:
    random = Random(seed)
    summary = thinned(report_inputs.summary, random, rate, removed=removed)
    comparison = thinned(report_inputs.comparison, random, rate, removed=removed)
    document = report_document(replace(report_inputs, summary=summary, comparison=comparison), pictures={})
    for one in within(document.sections):
        say(one, "en", document.data)
    assert len(document.sections) >= 3
    if not removed:
        assert len(document.sections) == 16  # all but the maps


@pytest.mark.parametrize(
    "part", ["headline", "common", "local", "gaps", "stations", "parameters", "standard", "cooperation"]
)
def test_a_part_that_is_missing_takes_nothing_else_along(
    changed_inputs: Callable[..., ReportInputs], part: str
) -> None:
    summary = {key: one for key, one in changed_inputs().summary.items() if key != part}
    document = report_document(changed_inputs(summary=summary), pictures={})
    assert len(document.sections) >= 14
    assert len(write_html(document, ["en"])) > 50_000


def test_a_run_of_coverage_alone_makes_a_report(changed_inputs: Callable[..., ReportInputs]) -> None:
    lost = {
        "cooperation",
        "hazards",
        "siting",
        "evacuation",
        "incidents",
        "targets",
        "decisions",
        "sources",
    }
    summary = {key: one for key, one in changed_inputs().summary.items() if key not in lost}
    inputs = changed_inputs(summary=summary, manifest=None, comparison=None, level="own")
    document = report_document(inputs, pictures={})
    assert [one.id for one in document.sections] == [
        "short", "coverage", "gaps", "nobody", "assumptions", "data", "method",
    ]  # fmt: skip
    assert "<h2" in write_html(document, ["en"])


def test_the_public_edition_says_withheld_and_not_out_of_reach(
    changed_inputs: Callable[..., ReportInputs], read_page: Callable[[str], Any]
) -> None:
    from mutualaid.reports._export import _timeless

    summary = dict(changed_inputs().summary)
    for key in ("common", "gaps", "hazards"):
        summary[key] = _timeless(summary[key], units=True)
    summary |= {"withheld": "seconds: null", "stations": dict.fromkeys(summary["stations"])}
    inputs = changed_inputs(level="public", summary=summary)
    page = read_page(write_html(report_document(inputs, pictures={}), ["en"]))
    told = {
        one.text
        for one in page.numbers
        if one.path[0] in ("common", "gaps") and str(one.path[-1]).endswith("_s")
    }
    assert told == {"withheld"}
    assert "Public edition: what partners keep to themselves is not in it." in page.texts


# --- as a page -----------------------------------------------------------------------------------------------


def test_equal_runs_give_equal_pages(
    pages: dict[str, str], report_inputs: ReportInputs, tiny_pictures: dict[str, Picture]
) -> None:
    again = report_document(report_inputs, pictures=tiny_pictures)
    assert write_html(again, ["fr", "de"]) == pages["facing"]


def test_a_page_needs_nothing_else(pages: dict[str, str]) -> None:
    for page in pages.values():
        assert "<script" not in page
        assert set(re.findall(r'(?:href|src)="([^#"]{4})', page)) <= {"data"}
        assert "default-src 'none'" in page
        assert page.count("data:image/png;base64,") == 12  # each map once, however many languages


def test_each_language_is_marked_and_written_in_its_direction(pages: dict[str, str]) -> None:
    for lang, language in LANGUAGES.items():
        assert f'class="edition" lang="{lang}" dir="{language.direction}"' in pages["all"]
    assert re.search(r'<html lang="fr" dir="ltr">', pages["facing"])
    assert len(re.findall(r"<h1", pages["facing"])) == 1
    ids = re.findall(r' id="([^"]+)"', pages["all"])
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', pages["all"])) <= set(ids)


def test_regional_tags_count_and_strange_ones_are_refused(report: Document) -> None:
    assert '<html lang="fr"' in write_html(report, ["fr-CH"])
    with pytest.raises(InputError, match="some of en, fr"):
        write_html(report, ["tlh"])
    with pytest.raises(ValueError, match="columns"):
        write_html(report, ["en"], layout="rows")


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> {{ 7 * 7 }} & &lt; \\ \u202e"


def test_text_from_data_is_shown_as_it_is_and_never_acts(read_page: Callable[[str], Any]) -> None:
    words = Words(HOSTILE, names={"fr": HOSTILE})
    number = Ref(("a.b", HOSTILE, 0), "date")
    part = Section(
        "short",
        Text("title_short"),
        (
            Paragraph(words),
            Paragraph(Text("method_version", {"version": words})),
        ),
    )
    data = {"summary": {"a.b": {HOSTILE: [HOSTILE]}}, "comparison": {}, "record": {}}
    page = Document(
        words, Text("changes_intro", {"before": number, "after": words}), (words,), (part,), "own", "", data
    )
    written = write_html(page, ["fr", "en"])
    reader = read_page(written)
    assert "<script" not in written
    assert "<img" not in written
    shown = " ".join(HOSTILE.split())
    assert reader.words.count(shown) >= 5
    assert {one.text for one in reader.numbers} == {HOSTILE}
    assert [one.path for one in reader.numbers] == [["a.b", HOSTILE, 0]] * 2


def test_what_a_part_says_is_the_text_said_in_one(report: Document) -> None:
    for one in list(within(report.sections))[::5]:
        assert "".join(part.text for part in parts(one, "fr", report.data)) == say(one, "fr", report.data)
