"""The report, the briefing and the slides by typst: opened again, read, measured and looked at."""

from __future__ import annotations

import io
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pypdf
import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

from mutualaid.errors import InputError
from mutualaid.maps import LANGUAGES
from mutualaid.reports._report import _say, _typst
from mutualaid.reports._report._document import (
    Big,
    Cell,
    Chart,
    Column,
    Document,
    Headline,
    Items,
    LegendEntry,
    Mark,
    Paragraph,
    Picture,
    Ref,
    Section,
    Series,
    Table,
    Text,
    Words,
)
from mutualaid.reports._report._slides import write_slides
from mutualaid.reports._report._typst import write_briefing, write_pdf

#: Texts of the tests, by key and language.
TEXTS: Mapping[str, Mapping[str, str]] = {
    "title": {
        "en": "Coverage and gaps",
        "fr": "Couverture et lacunes",
        "de": "Abdeckung und Lücken",
        "it": "Copertura e lacune",
        "es": "Cobertura y huecos",
        "ar": "التغطية والثغرات",
    },
    "more": {
        "en": "Together, {n} more people of {all} are reached in time by {who}.",
        "fr": "Ensemble, {n} personnes de plus sur {all} sont atteintes à temps par {who}.",
        "de": "Gemeinsam erreicht {who} {n} Menschen mehr von {all} rechtzeitig.",
        "it": "Insieme, {who} raggiunge in tempo {n} persone in più su {all}.",
        "es": "Juntos, {who} llega a tiempo a {n} personas más de {all}.",
        "ar": "معًا يصل {who} في الوقت المناسب إلى {n} شخصًا إضافيًا من أصل {all}.",
    },
    "people": {
        "en": "People",
        "fr": "Habitants",
        "de": "Einwohnerschaft",
        "it": "Abitanti",
        "es": "Habitantes",
        "ar": "السكان",
    },
    "name": {
        "en": "Municipality",
        "fr": "Commune",
        "de": "Gemeinde",
        "it": "Comune",
        "es": "Municipio",
        "ar": "البلدية",
    },
    "figure": {
        "en": "Reached in time",
        "fr": "Atteints à temps",
        "de": "Rechtzeitig erreicht",
        "it": "Raggiunti in tempo",
        "es": "Alcanzados a tiempo",
        "ar": "يُوصل إليهم في الوقت",
    },
    "contents": {
        "en": "Contents",
        "fr": "Sommaire",
        "de": "Inhalt",
        "it": "Indice",
        "es": "Índice",
        "ar": "المحتويات",
    },
    "none": dict.fromkeys(LANGUAGES, " "),
}
DATA: Mapping[str, Any] = {
    "summary": {
        "total": {"people": 66171.0, "more": 17308.634, "share": 0.8551, "drive_s": 424.1},
        "places": [{"people": 1234.5 + 911 * i, "reached": 1017.2 + 801 * i} for i in range(3)],
        "many": [{"people": 10001.0 + i} for i in range(90)],
    },
    "record": {},
    "comparison": {},
}
#: What may come with data, and must be shown as it is: no markup, no code, no steering of other texts.
HOSTILE = '#let x = 1; #panic("no") *b* _i_ $a^2$ @ref <label> \\ \\u{41} `raw` // c /* d */ [x] = h - l'
STEERED = "\u202eabc\u2066\x07"
MARGIN_MM = 17.0
POINTS_PER_MM = 72 / 25.4
#: Steering marks and places to break, that a reader does not see.
UNSEEN = re.compile("[\u200b\u2066-\u2069\u202a-\u202e\u00ad]")


@pytest.fixture(autouse=True)
def _texts(monkeypatch: pytest.MonkeyPatch) -> None:
    def texts(lang: str) -> dict[str, str]:
        return {key: text[lang] for key, text in TEXTS.items()}

    monkeypatch.setattr(_say, "texts", texts)
    monkeypatch.setattr(_say, "_shown", _shown)


def _shown(ref: Ref, lang: str, data: Mapping[str, object]) -> str:
    """Say a number in our own way, so that the tests do not hang on the report's texts."""
    found = _say.look_up(ref, data)
    return (
        str(found) if ref.form == "date" else f"{found:,.0f}".replace(",", "\u202f" if lang == "fr" else ",")
    )


def ref(*path: str | int) -> Ref:
    return Ref(path)


def png(width: int = 150, height: int = 107) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "#0072B2").save(file, "png")
    return file.getvalue()


def document(*blocks: Any, **changes: Any) -> Document:
    """Give a document with every kind of block, or with `blocks`."""
    more = Text(
        "more",
        {
            "n": ref("total", "more"),
            "all": ref("total", "people"),
            "who": Words("Sapeurs-Pompiers (SPM)", "fr"),
        },
    )
    places = [Words(name) for name in ("Nordtal", "Südberg", "Val-d'Ouest")]
    rows = [(name, ref("places", i, "people"), ref("places", i, "reached")) for i, name in enumerate(places)]
    columns = (
        Column("name", Text("name"), number=False),
        Column("people", Text("people")),
        Column("reached", Text("figure")),
    )
    series = tuple(
        Series(Text(key), tuple(ref("places", i, name) for i in range(3)), mark)
        for key, name, mark in (
            ("people", "people", Mark("#0072B2")),
            ("figure", "reached", Mark("#009E73", "dots")),
        )
    )
    every = (
        Paragraph(more, strong=True),
        Headline((Big(ref("total", "more"), Text("people"), more, Text("figure")),) * 3),
        Items((more, Text("figure"))),
        Table("places", Text("figure"), columns, tuple(rows), notes=(more,)),
        Picture(
            "joint",
            png(),
            150,
            107,
            Text("title"),
            Text("figure"),
            (LegendEntry(Mark("#0072B2", "slash"), Text("people"), ref("many", 0, "people")),),
        ),
        Chart("bars", "grouped", tuple(places), series, Text("people"), Text("title"), Text("figure")),
    )
    section = Section("coverage", Text("title"), blocks or every, slide=True)
    given: dict[str, Any] = {
        "title": Words("Nordtal and Südberg", "en"),
        "subtitle": Text("figure"),
        "warning": (Text("figure"), Words("Modelled, not measured.", "en")),
        "sections": (section,),
        "level": "own",
        "date": "2026-11-26",
        "data": DATA,
        **changes,
    }
    return Document(**given)


def refs(part: Any) -> Iterator[Ref]:
    """Find every number of a part of a document."""
    if isinstance(part, Ref):
        yield part
    elif isinstance(part, Mapping):
        for one in part.values():
            yield from refs(one)
    elif isinstance(part, tuple):
        for one in part:
            yield from refs(one)
    elif hasattr(part, "__dataclass_fields__") and not isinstance(part, Words):
        for name in part.__dataclass_fields__:
            yield from refs(getattr(part, name))


def root_of(pdf: bytes) -> Any:
    return read(pdf).trailer["/Root"]


def read(pdf: bytes) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(pdf))


def plain(text: str) -> str:
    """Give a text as a reader sees it: with single spaces, and without marks that are not seen."""
    return " ".join(UNSEEN.sub("", text).split())


def text_of(pdf: bytes) -> str:
    return plain(" ".join(page.extract_text() for page in read(pdf).pages))


def structure(pdf: bytes) -> list[dict[str, Any]]:
    """List the elements of the tree that a screen reader walks through, in its order."""
    found: list[dict[str, Any]] = []

    def walk(node: Any) -> None:
        node = node.get_object()
        if isinstance(node, list):
            for one in node:
                walk(one)
        elif isinstance(node, dict):
            if "/S" in node:
                found.append(node)
            if "/K" in node:
                walk(node["/K"])

    walk(root_of(pdf)["/StructTreeRoot"]["/K"])
    return found


def tags(pdf: bytes) -> list[str]:
    return [str(node["/S"]) for node in structure(pdf)]


def boxes(page: pypdfium2.PdfPage) -> Iterator[tuple[str, float, float, float, float]]:
    """Give each character that is seen, with its left, bottom, right and upper edge in points."""
    text = page.get_textpage()
    for i in range(text.count_chars()):
        character = text.get_text_range(i, 1)
        if character.strip() and not UNSEEN.match(character):
            yield character, *text.get_charbox(i)


def place(pdf: bytes, words: str, page: int = 0) -> tuple[float, float]:
    """Find where words begin on a page: from the left and from below, in points."""
    found: list[tuple[float, float]] = []

    def visit(text: str, matrix: list[float], line: list[float], *_: Any) -> None:
        if text.strip() == words:
            found.append((matrix[4] + line[4], matrix[5] + line[5]))

    read(pdf).pages[page].extract_text(visitor_text=visit)
    assert found, words
    return found[0]


def assert_within_margins(pdf: bytes, margin_mm: float = MARGIN_MM) -> None:
    margin = margin_mm * POINTS_PER_MM - 1
    for page in pypdfium2.PdfDocument(pdf):
        width, _ = page.get_size()
        outside = [c for c, left, _, right, _ in boxes(page) if left < margin or right > width - margin]
        assert not outside, "".join(outside)


class TestReport:
    """The whole report on A4."""

    @pytest.mark.parametrize("lang", LANGUAGES)
    def test_every_number_is_in_it_as_it_is_said(self, lang: str) -> None:
        asked = document()
        found = text_of(write_pdf(asked, [lang]))
        numbers = {plain(_say.say(one, lang, DATA)) for one in refs(asked.sections)}
        assert len(numbers) == 2 + 6 + 1
        assert numbers <= {word.strip("().,;") for word in re.split(r" (?!\d{3}\b)", found)} | set(
            re.findall(r"\d{1,3}(?:[, ]\d{3})*", found)
        )

    def test_its_texts_are_in_it_in_each_language(self) -> None:
        found = text_of(write_pdf(document(), list(LANGUAGES)))
        for lang in set(LANGUAGES) - {"ar"}:
            for key in ("title", "people", "figure", "contents", "name"):
                assert TEXTS[key][lang] in found, (lang, key)
        # Readers of PDF put words of Arabic in an order of their own: each of them is there.
        for word in ("البلدية", "السكان", "التغطية", "والثغرات", "المحتويات"):
            assert word in found

    def test_it_can_be_read_aloud(self) -> None:
        pdf = write_pdf(document(), ["fr", "de"])
        root = root_of(pdf)
        assert root["/MarkInfo"]["/Marked"]
        assert root["/Lang"] == "fr"
        assert root["/ViewerPreferences"]["/DisplayDocTitle"]
        assert read(pdf).metadata.title == "Nordtal and Südberg"  # type: ignore[union-attr]
        assert b"<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_object().get_data()
        found = structure(pdf)
        names = [str(node["/S"]) for node in found]
        assert names.count("/Table") == 2
        assert names.count("/TH") == 2 * 3
        assert names.count("/H1") == 2 * 2  # of the contents and the section
        figures = [node for node in found if node["/S"] == "/Figure"]
        assert [str(node["/Alt"]) for node in figures] == [
            TEXTS["title"]["fr"],
            TEXTS["title"]["fr"],
            TEXTS["title"]["de"],
        ]
        assert {"de", "en"} <= {str(node["/Lang"]) for node in found if "/Lang" in node}

    def test_headings_are_bookmarks_and_contents(self) -> None:
        pdf = write_pdf(document(), ["en", "es"])
        outline: Any = read(pdf).outline
        titles = ["Contents", "Índice", "Coverage and gaps", "Cobertura y huecos"]
        assert [one["/Title"] for one in outline] == titles
        assert read(pdf).pages[0].extract_text().count("Cobertura y huecos") == 1
        assert "/TOC" in tags(pdf)

    def test_equal_documents_give_equal_bytes(self) -> None:
        assert write_pdf(document(), ["it", "ar"]) == write_pdf(document(), ["it", "ar"])
        assert write_pdf(document(), ["it"]) != write_pdf(document(date="2026-11-27"), ["it"])

    def test_two_languages_stand_beside_each_other(self) -> None:
        texts = document(Paragraph(Text("figure")))
        pdf = write_pdf(texts, ["fr", "de"])
        (left, height), (right, same) = (place(pdf, TEXTS["title"][lang], 1) for lang in ("fr", "de"))
        assert left < 200 < 297 < right
        assert abs(height - same) < 1
        # One after the other if that is asked for: each with pages of its own.
        after = read(write_pdf(texts, ["fr", "de"], layout="sequence"))
        pages = [page.extract_text() for page in after.pages]
        assert [TEXTS["title"]["de"] in page for page in pages] == [False, False, True, True]

    def test_its_first_numbers_stand_beside_each_other(self) -> None:
        bigs = tuple(Big(ref("many", i, "people"), *[Text("none")] * 3) for i in range(3))
        # Two in a row, and the third as wide as both; with two languages a row each.
        alone = write_pdf(document(Headline(bigs)), ["de"])
        (x1, y1), (x2, y2), (x3, y3) = (place(alone, f"10,00{i}", 1) for i in (1, 2, 3))
        assert x1 == x3
        assert y1 == pytest.approx(y2)
        assert x2 > 297
        assert y3 < y1
        facing = write_pdf(document(Headline(bigs)), ["fr", "de"])
        (x1, y1), (x2, y2) = place(facing, "10\u202f001", 1), place(facing, "10,001", 1)
        assert x1 < 200 < 297 < x2
        assert y1 == pytest.approx(y2)

    def test_the_first_language_stands_where_its_readers_begin(self) -> None:
        pdf = write_pdf(document(Paragraph(Text("figure"))), ["ar", "fr"])
        assert place(pdf, TEXTS["title"]["fr"], 1)[0] < 200
        assert root_of(pdf)["/ViewerPreferences"]["/Direction"] == "/R2L"

    def test_arabic_letters_are_joined(self) -> None:
        # Seen, lam and meem have no dots: joined, they are one stroke.
        shown = document(title=Words("سلم"), subtitle=Text("none"), warning=(), date="", sections=())
        (slide,) = write_slides(shown, (), ["ar"]).values()
        bright = np.asarray(Image.open(io.BytesIO(slide)).convert("L")) > 150
        assert ndimage.label(bright, np.ones((3, 3)))[1] == 1
        assert bright[:, bright.shape[1] // 2 :].any()
        assert not bright[:, : bright.shape[1] // 2].any()

    @pytest.mark.parametrize("layout", ["columns", "sequence"])
    def test_words_from_data_stay_words(self, layout: Any) -> None:
        words = Words(HOSTILE)
        table = Table("t", Text("figure"), (Column("a", words, number=False),), ((words,),), notes=(words,))
        hostile = document(
            Paragraph(words), Items((words,)), table, title=words, warning=(words, Words(STEERED))
        )
        pdf = write_pdf(hostile, ["en", "ar"], layout=layout)
        found = text_of(pdf)
        assert found.replace(" ", "").count(HOSTILE.replace(" ", "")) >= 2 * 5
        assert "abc" in found
        assert_within_margins(pdf)

    def test_long_words_break_and_stay_within_the_page(self) -> None:
        words = Words("Donaudampfschifffahrtselektrizitätenhauptbetriebswerk" + "x" * 300 + "/a_b-c" * 40)
        head = tuple(Column(f"c{i}", words) for i in range(5))
        table = Table("t", Text("figure"), head, ((words,) * 5,))
        for languages in (["de", "fr"], ["ar"]):
            pdf = write_pdf(document(Paragraph(words), table, Items((words,))), languages)
            assert_within_margins(pdf)

    @pytest.mark.parametrize("count", [1, 6, 12, 20])
    def test_tables_of_any_width_stay_within_the_page(self, count: int) -> None:
        numbers = [Column(f"c{i}", Text("figure")) for i in range(count)]
        columns = (Column("name", Text("name"), number=False), *numbers)
        row: tuple[Cell, ...] = (Words("Val-d'Ouest"), *[ref("total", "people")] * count)
        pdf = write_pdf(document(Table("t", Text("figure"), columns, (row,) * 3, total=True)), ["de", "es"])
        assert_within_margins(pdf)
        assert text_of(pdf).count("66,171") == 2 * 3 * count
        sides = [page.get_size()[0] > page.get_size()[1] for page in pypdfium2.PdfDocument(pdf)]
        assert any(sides) == (count >= 12)

    def test_the_header_of_a_long_table_stands_on_each_page(self) -> None:
        columns = (Column("name", Text("name"), number=False), Column("people", Text("people")))
        rows = tuple((Words(f"Place {i}"), ref("many", i, "people")) for i in range(90))
        pdf = write_pdf(document(Table("t", Text("figure"), columns, rows)), ["en"])
        pages = [page.extract_text() for page in read(pdf).pages]
        with_rows = [page for page in pages if "Place" in page]
        assert len(with_rows) >= 2
        assert all(page.count("Municipality") == 1 for page in with_rows)
        # Who hears the table hears its header once.
        assert tags(pdf).count("/TH") == 2

    def test_what_is_empty_does_not_stop_it(self) -> None:
        assert "Nordtal" in text_of(write_pdf(document(date="", sections=(), warning=()), ["en"]))
        table = Table("t", Text("figure"), (Column("name", Text("name")),), ())
        picture = Picture("p", png(), 150, 107, Text("none"), Text("none"))
        blank = document(Headline(()), Items(()), table, picture, Paragraph(Words("")), title=Words(""))
        assert "Municipality" in text_of(write_pdf(blank, ["en", "ar"]))
        assert len(read(write_briefing(blank, ["en", "ar"])).pages) == 2


class TestBriefing:
    """One page a language."""

    @pytest.mark.parametrize("paragraphs", [1, 40, 150])
    def test_a_language_takes_one_page(self, paragraphs: int) -> None:
        blocks = document().sections[0].blocks
        words = Paragraph(Text("figure"))
        long = document(*blocks[:2], blocks[4], *[words] * paragraphs)
        pdf = write_briefing(long, list(LANGUAGES))
        found = [plain(page.extract_text()) for page in read(pdf).pages]
        assert len(found) == len(LANGUAGES)
        assert [TEXTS["title"][lang] in page for lang, page in zip(LANGUAGES, found, strict=True)][:5] == [
            True
        ] * 5
        # Nothing is cut off.
        assert found[0].count(TEXTS["figure"]["en"]) >= paragraphs
        assert_within_margins(pdf, 15)
        for page in pypdfium2.PdfDocument(pdf):
            assert min(bottom for _, _, bottom, _, _ in boxes(page)) > 30

    def test_it_can_be_read_aloud(self) -> None:
        pdf = write_briefing(document(), ["de", "it"])
        assert root_of(pdf)["/Lang"] == "de"
        assert tags(pdf).count("/H1") == 2
        assert write_briefing(document(), ["de", "it"]) == pdf


class TestSlides:
    """Pictures of 1920 × 1080 pixels."""

    def test_a_section_is_a_slide_in_each_language(self) -> None:
        blocks = document().sections[0].blocks
        sections = [
            Section("bars", Text("title"), (blocks[5], blocks[0])),
            Section("map", Text("title"), (blocks[4], blocks[2])),
            Section("numbers", Text("title"), (blocks[1],)),
            Section("table", Text("title"), (blocks[3],)),
            Section("words", Text("title"), (Paragraph(Words(HOSTILE * 12)),)),
        ]
        found = write_slides(document(), sections, ["fr", "ar"])
        assert list(found) == [
            f"{i:02d}-{name}-{lang}"
            for lang in ("fr", "ar")
            for i, name in enumerate(["title", "bars", "map", "numbers", "table", "words"])
        ]
        for name, file in found.items():
            picture = Image.open(io.BytesIO(file)).convert("RGB")
            assert picture.size == (1920, 1080)
            # Nothing reaches the edge.
            pixels = np.asarray(picture)
            edge = [pixels[:40], pixels[-30:], pixels[:, :60], pixels[:, -60:]]
            assert all((side == pixels[0, 0]).all() for side in edge), name
        assert write_slides(document(), sections, ["fr", "ar"]) == found


class TestWhatItNeeds:
    """The package typst, fonts and languages."""

    def test_without_the_package_it_says_how_to_get_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "typst", None)
        for write in (write_pdf, write_briefing):
            with pytest.raises(InputError, match=r"pip install 'mutualaid\[pdf\]'"):
                write(document(), ["en"])

    def test_a_language_that_it_has_not_is_refused(self) -> None:
        with pytest.raises(InputError, match="'xx'"):
            write_pdf(document(), ["en", "xx"])

    def test_letters_that_no_font_has_do_not_stop_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        words = document(Paragraph(Words("Kyō 京都 \u1d81 end")))
        assert "end" in text_of(write_pdf(words, ["en"]))
        # As matplotlib had its fonts before it brought one for everything else.
        folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
        few, more = tmp_path / "few", tmp_path / "more"
        few.mkdir()
        more.mkdir()
        for file in folder.glob("DejaVuSans*.ttf"):
            shutil.copy(file, few)
        shutil.copy(folder / "STIXGeneral.ttf", more)
        monkeypatch.setattr(_typst, "_fonts_at_hand", lambda: few)
        monkeypatch.setattr(_typst, "_last_resort", lambda: False)
        assert "Kyō \ufffd\ufffd \ufffd end" in text_of(write_pdf(words, ["en"]))
        assert "Kyō \ufffd\ufffd \u1d81 end" in text_of(write_pdf(words, ["en"], fonts=[more]))

    @settings(max_examples=15, deadline=None)
    @given(words=st.lists(st.text(min_size=1), min_size=1, max_size=4))
    def test_any_words_make_a_report(self, words: list[str]) -> None:
        blocks = [Paragraph(Words(word)) for word in words]
        pdf = write_pdf(document(*blocks, title=Words(words[0])), ["en", "ar"])
        assert len(read(pdf).pages) >= 2
