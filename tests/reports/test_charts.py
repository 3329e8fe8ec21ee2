"""Charts of a report: what is written in them, where it stands, and that all readers draw them alike."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Sequence
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFont

from mutualaid.reports._report._chart_parts import spread
from mutualaid.reports._report._charts import chart_svg, swatch_svg
from mutualaid.reports._report._document import Chart, Mark, Ref, Series, Text, Value, Words
from mutualaid.reports._report._svg import contrast, fit, hatch_lines, rulings, text_width, wrapped

SVG = "{http://www.w3.org/2000/svg}"
FONTS = Path(mpl.get_data_path()) / "fonts" / "ttf"
KINDS: tuple[Literal["stacked", "grouped", "dots", "diverging", "line"], ...] = (
    "stacked", "grouped", "dots", "diverging", "line",
)  # fmt: skip
LANGUAGES = ("en", "fr", "de", "es", "it", "ar")
MARKS = (Mark("#0072B2"), Mark("#009E73", "dots"), Mark("#E69F00", "slash"), Mark("#7A7A7A", "cross"))
ARABIC = {"people": "عدد السكان", "own": "فرقتهم الخاصة", "more": "جار فقط", "gap": "لا أحد"}
WORDS = {"people": "People", "own": "their own brigade", "more": "a neighbour only", "gap": "nobody in time"}


def say_in(lang: str, numbers: Sequence[Sequence[float | None]]) -> Callable[[Value], str]:
    """Words of a language, and numbers as English and Arabic readers read them."""

    def say(value: Value) -> str:
        if isinstance(value, Words):
            return value.text
        if isinstance(value, Text):
            return (ARABIC if lang == "ar" else WORDS).get(value.key, value.key)
        found = number_of(numbers)(value)
        return "unknown" if found is None else f"{found:,.0f}"

    return say


def number_of(numbers: Sequence[Sequence[float | None]]) -> Callable[[Ref], float | None]:
    def number(ref: Ref) -> float | None:
        row, series = ref.path[-2:]
        return numbers[int(row)][int(series)]

    return number


def chart_of(
    kind: Literal["stacked", "grouped", "dots", "diverging", "line"],
    numbers: Sequence[Sequence[float | None]],
    *,
    categories: Sequence[str] = ("Monaco", "Beausoleil", "Roquebrune-Cap-Martin", "La Turbie"),
    names: Sequence[str] = ("own", "more", "gap", "rest"),
    reference: bool = False,
) -> Chart:
    """Chart whose number of row r and series s is at ``values.r.s``."""
    series = tuple(
        Series(Text(names[s]), tuple(Ref(("values", r, s)) for r in range(len(numbers))), MARKS[s])
        for s in range(len(numbers[0]))
    )
    line = (Ref(("values", 0, 0)), Words("Standard")) if reference else None
    rows = tuple(Words(categories[r]) for r in range(len(numbers)))
    return Chart(
        "chart",
        kind,
        rows,
        series,
        Text("people"),
        Text("alt"),
        Text("caption"),
        reference=None if line is None else (line[0], Text("Standard")),
    )


def drawn(
    kind: Literal["stacked", "grouped", "dots", "diverging", "line"],
    numbers: Sequence[Sequence[float | None]],
    lang: str = "en",
    **options: Any,
) -> ET.Element:
    chart = chart_of(kind, numbers, **options)
    return ET.fromstring(chart_svg(chart, lang, say_in(lang, numbers), number_of(numbers)))


PEOPLE: list[list[float | None]] = [
    [37308.0, 0.0, 0.0],
    [30.0, 11507.0, 399.0],
    [0.0, 1468.0, 7932.0],
    [1941.0, 216.0, None],
]


def texts_of(svg: ET.Element) -> list[tuple[str, tuple[float, float, float, float]]]:
    """Each text and its box, by the widths of another reader of the font."""
    found = []
    for node in svg.iter(f"{SVG}text"):
        text, size = (node.text or "").strip("\u2067\u2069"), float(node.get("font-size", "0"))
        wide = _measured(text, size, bold=node.get("font-weight") == "bold")
        x, y = float(node.get("x", "0")), float(node.get("y", "0"))
        left = x - wide * {"start": 0.0, "middle": 0.5, "end": 1.0}[node.get("text-anchor", "start")]
        found.append((text, (left, y - 0.76 * size, left + wide, y + 0.1 * size)))
    return found


def _measured(text: str, size: float, *, bold: bool = False) -> float:
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    font = ImageFont.truetype(str(FONTS / name), 200, layout_engine=ImageFont.Layout.BASIC)
    return font.getlength(text) * size / 200


def _apart(svg: ET.Element) -> None:
    """No text lies on another or leaves the picture."""
    wide, tall = float(svg.get("width", "0")), float(svg.get("height", "0"))
    boxes = texts_of(svg)
    for text, (left, top, right, bottom) in boxes:
        assert left >= -1.5, text
        assert right <= wide + 1.5, text
        assert top >= -0.5, text
        assert bottom <= tall + 0.5, text
    for (one, a), (other, b) in combinations(boxes, 2):
        over = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
        assert min(over) < 1.0, (one, other)


# --- words and where they stand --------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_chart_writes_its_numbers_where_nothing_else_is(
    kind: Literal["stacked", "grouped", "dots", "diverging", "line"], lang: str
) -> None:
    numbers = [row[:2] for row in PEOPLE] if kind == "diverging" else PEOPLE
    svg = drawn(kind, numbers, lang)
    _apart(svg)
    told = [text for text, _ in texts_of(svg)]
    for name in (ARABIC if lang == "ar" else WORDS) if kind != "diverging" else ("own", "more"):
        assert any((ARABIC if lang == "ar" else WORDS)[name].startswith(text) for text in told), name
    if kind in {"grouped", "diverging"}:
        for row in numbers:
            for value in row:
                assert ("unknown" if value is None else f"{value:,.0f}") in told
    if kind == "stacked":
        shown = {f"{value:,.0f}" for row in numbers for value in row if value}
        assert shown <= set(told), "all that has a length"
    assert "Beausoleil" in told


@pytest.mark.parametrize("kind", KINDS)
def test_a_number_says_where_it_comes_from(
    kind: Literal["stacked", "grouped", "dots", "diverging", "line"],
) -> None:
    numbers = [row[:2] for row in PEOPLE] if kind == "diverging" else PEOPLE
    chart = chart_of(kind, numbers, reference=kind != "diverging")
    say = say_in("en", numbers)
    svg = ET.fromstring(chart_svg(chart, "en", say, number_of(numbers)))
    with_digits = [node for node in svg.iter(f"{SVG}text") if re.search(r"\d", node.text or "")]
    assert len(with_digits) >= 4
    for node in with_digits:
        path = node.get("data-path", "").split(".")
        assert node.text == say(Ref(("values", int(path[1]), int(path[2]))))


def test_a_number_of_a_comparison_says_so() -> None:
    ref = Ref(("total", "n"), source="comparison")
    chart = Chart(
        "c",
        "grouped",
        (Words("a"),),
        (Series(Words("s"), (ref,), MARKS[0]),),
        Text("x"),
        Text("a"),
        Text("c"),
    )
    svg = chart_svg(chart, "en", lambda value: value.text if isinstance(value, Words) else "7", lambda _: 7.0)
    assert 'data-path="total.n" data-source="comparison"' in svg


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    kind=st.sampled_from(KINDS),
    lang=st.sampled_from(["en", "ar"]),
    series=st.integers(1, 4),
    rows=st.integers(1, 6),
    data=st.data(),
)
def test_no_text_lies_on_another(
    kind: Literal["stacked", "grouped", "dots", "diverging", "line"],
    lang: str,
    series: int,
    rows: int,
    data: st.DataObject,
) -> None:
    value = st.one_of(st.none(), st.just(0.0), st.floats(0.0, 10.0), st.floats(0.0, 9e6))
    if kind == "diverging":
        series, value = min(series, 2), st.one_of(st.none(), st.floats(-9e6, 9e6))
    numbers = data.draw(
        st.lists(st.lists(value, min_size=series, max_size=series), min_size=rows, max_size=rows)
    )
    word = st.sampled_from(
        ["Monaco", "Saint-Martin-de-Crau-sur-la-Mer", "Ny", "a b c", "Llanfairpwllgwyngyllgogery"]
    )
    categories = data.draw(st.lists(word, min_size=rows, max_size=rows))
    names = data.draw(st.lists(word, min_size=4, max_size=4))
    _apart(drawn(kind, numbers, lang, categories=categories, names=names))


def test_a_hostile_name_is_a_name() -> None:
    name = "</text><script>alert('1')</script>&amp;\"\x00\x08\ufffe\u202e#let *x* $y$"
    numbers: list[list[float | None]] = [[12.0]]
    svg = chart_svg(
        chart_of("grouped", numbers, categories=[name]), "en", say_in("en", numbers), number_of(numbers)
    )
    root = ET.fromstring(svg)
    assert not list(root.iter(f"{SVG}script"))
    told = "".join(text for text, _ in texts_of(root))
    for word in ("<script>", "alert('1')", "&amp;", "#let", "*x*"):
        assert word in told.replace(" ", "") or word in told


def test_a_title_and_a_description_for_who_does_not_see_it() -> None:
    root = drawn("stacked", PEOPLE)
    assert root.get("role") == "img"
    assert root.get("aria-label") == "alt"
    assert root.findtext(f"{SVG}title") == "caption"
    assert root.findtext(f"{SVG}desc") == "alt"


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_in_it_clashes_with_another_or_asks_for_a_network(
    kind: Literal["stacked", "grouped", "dots", "diverging", "line"],
) -> None:
    numbers = [row[:2] for row in PEOPLE]
    svg = chart_svg(chart_of(kind, numbers), "en", say_in("en", numbers), number_of(numbers))
    root = ET.fromstring(svg)
    assert {node.tag.removeprefix(SVG) for node in root.iter()} <= {
        "svg",
        "title",
        "desc",
        "rect",
        "path",
        "text",
    }
    known = {name for node in root.iter() for name in node.attrib}
    assert not known & {"id", "class", "style", "href", "onload"}
    again = chart_svg(chart_of(kind, numbers), "en", say_in("en", numbers), number_of(numbers))
    assert svg == again


# --- lengths ---------------------------------------------------------------------------------------------------


def rects_of(svg: ET.Element, mark: Mark) -> list[tuple[float, float]]:
    """Left edge and width of the bars in a colour; plates behind numbers have round corners."""
    return [
        (float(node.get("x", "0")), float(node.get("width", "0")))
        for node in svg.iter(f"{SVG}rect")
        if node.get("fill") == mark.colour and node.get("rx") is None
    ]


@pytest.mark.parametrize("kind", ["stacked", "grouped"])
def test_bars_are_as_long_as_their_numbers(kind: Literal["stacked", "grouped"]) -> None:
    svg = drawn(kind, PEOPLE)
    key = 1 if kind == "stacked" else 0
    unit = 0.0
    for s, mark in enumerate(MARKS[:3]):
        lengths = [wide for _, wide in rects_of(svg, mark)][key:]
        known = [row[s] for row in PEOPLE if row[s]]
        assert len(lengths) == len(known)
        for wide, value in zip(lengths, known, strict=True):
            assert value is not None
            unit = unit or wide / value
            assert wide / value == pytest.approx(unit, rel=0.02, abs=0.02 / value)


def test_stacked_bars_begin_where_the_last_ends() -> None:
    numbers: list[list[float | None]] = [[300.0, 200.0, 100.0]]
    svg = drawn("stacked", numbers)
    bars = [rects_of(svg, mark)[-1] for mark in MARKS[:3]]
    for (a, wide), (b, _) in pairwise(bars):
        assert a + wide == pytest.approx(b, abs=0.02)


def test_a_negative_bar_goes_to_the_other_side() -> None:
    svg = drawn("diverging", [[-200.0], [100.0]])
    (a, wide_a), (b, wide_b) = rects_of(svg, MARKS[0])[-2:]
    assert a + wide_a == pytest.approx(b, abs=0.02)
    assert wide_a == pytest.approx(2 * wide_b, abs=0.05)


def test_giving_and_taking_stand_back_to_back() -> None:
    svg = drawn("diverging", [[200.0, 50.0], [100.0, 400.0]])
    gives, takes = rects_of(svg, MARKS[0]), rects_of(svg, MARKS[1])
    zero = takes[0][0]
    assert [x + wide for x, wide in gives] == pytest.approx([zero, zero], abs=0.02)
    assert takes[1][1] == pytest.approx(8 * takes[0][1], abs=0.1)
    assert gives[0][1] == pytest.approx(4 * takes[0][1], abs=0.1)


def test_from_right_to_left_it_is_mirrored() -> None:
    numbers = PEOPLE
    wide = 720.0
    left, right = drawn("grouped", numbers), drawn("grouped", numbers, "ar")
    for mark in MARKS[:3]:
        ours = sorted(round(x + width, 1) for x, width in rects_of(left, mark) if width > 0)
        theirs = sorted(round(wide - x, 1) for x, _ in rects_of(right, mark))
        assert len(ours) == len(theirs)
    zero = {round(x, 1) for x, _ in rects_of(left, MARKS[0])}
    mirrored = {round(x + width, 1) for x, width in rects_of(right, MARKS[0])}
    assert len(zero) == len(mirrored) == 1
    assert min(mirrored) > wide / 2 > max(zero)
    for node in right.iter(f"{SVG}text"):
        assert (node.text or "")[0] == "\u2067"
        assert (node.text or "")[-1] == "\u2069"


def test_steps_of_a_line_are_in_proportion_to_their_numbers() -> None:
    numbers: list[list[float | None]] = [[10.0], [8.0], [4.0]]
    at = [0.0, 60.0, 240.0]
    chart = Chart(
        "c",
        "line",
        tuple(Ref(("at", k)) for k in range(3)),
        (Series(Words("people"), tuple(Ref(("values", k, 0)) for k in range(3)), MARKS[0]),),
        Text("x"),
        Text("a"),
        Text("c"),
    )
    svg = ET.fromstring(
        chart_svg(
            chart,
            "en",
            lambda value: value.text if isinstance(value, Words) else "7",
            lambda ref: at[int(ref.path[-1])] if ref.path[0] == "at" else number_of(numbers)(ref),
        )
    )
    (line,) = [node for node in svg.iter(f"{SVG}path") if node.get("stroke-width") == "2.4"]
    points = np.array(re.findall(r"[\d.]+", line.get("d", "")), dtype=float).reshape(-1, 2)
    steps, falls = np.diff(points[:, 0]), np.diff(points[:, 1])
    assert steps[1] / steps[0] == pytest.approx(3.0, rel=0.01)
    assert falls[1] / falls[0] == pytest.approx(2.0, rel=0.01)


def test_an_unknown_number_breaks_a_line() -> None:
    numbers: list[list[float | None]] = [[10.0], [8.0], [None], [4.0], [3.0]]
    svg = drawn("line", numbers, categories=["a", "b", "c", "d", "e"])
    assert sum(node.get("stroke-width") == "2.4" for node in svg.iter(f"{SVG}path")) == 2


def test_a_chart_of_nothing_is_still_a_chart() -> None:
    for kind in KINDS:
        for numbers in ([[None, None]], [[0.0, 0.0]]):
            _apart(drawn(kind, numbers))
        chart = Chart("c", kind, (), (), Text("people"), Text("a"), Text("c"))
        assert chart_svg(chart, "en", say_in("en", []), number_of([])).endswith("</svg>")


# --- parts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["Monaco", "Roquebrune-Cap-Martin", "37 308", "Ελλάδα", "Москва", "WWW iii", "…"]
)
@pytest.mark.parametrize("bold", [False, True])
def test_widths_are_those_of_the_font(text: str, bold: bool) -> None:
    assert text_width(text, 13.0, bold=bold) == pytest.approx(_measured(text, 13.0, bold=bold), rel=0.02)


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.sampled_from("abcWi -/éß"), max_size=60), st.floats(30, 200))
def test_broken_lines_fit_and_lose_nothing(text: str, width: float) -> None:
    lines = wrapped(text, width, 12.0, lines=99)
    assert all(text_width(line, 12.0) <= width + 1e-6 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert text_width(fit(text, width, 12.0), 12.0) <= width + 1e-6


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 500), st.floats(5, 90)), min_size=1, max_size=7), st.floats(0, 12))
def test_labels_are_moved_apart_and_no_further(labels: list[tuple[float, float]], gap: float) -> None:
    centres, widths = [one[0] for one in labels], [one[1] for one in labels]
    placed = spread(centres, widths, 0.0, 500.0, gap=gap)
    if sum(widths) + gap * (len(widths) - 1) > 500.0 + 1e-6:
        assert placed is None
        return
    assert placed is not None
    boxes = sorted((at - wide / 2, at + wide / 2) for at, wide in zip(placed, widths, strict=True))
    assert boxes[0][0] >= -1e-6
    assert boxes[-1][1] <= 500.0 + 1e-6
    assert all(b[0] - a[1] >= gap - 1e-6 for a, b in pairwise(boxes))
    # No single label can move nearer to its place: it is there, or it touches what stops it.
    for k, (at, wide) in enumerate(zip(placed, widths, strict=True)):
        if abs(at - centres[k]) < 1e-6:
            continue
        step = 1e-3 * np.sign(centres[k] - at)
        box = (at + step - wide / 2, at + step + wide / 2)
        others = [
            (c - w / 2, c + w / 2) for j, (c, w) in enumerate(zip(placed, widths, strict=True)) if j != k
        ]
        free = all(box[1] + gap <= a + 1e-6 or b + gap <= box[0] + 1e-6 for a, b in others)
        assert not (free and box[0] >= 0.0 and box[1] <= 500.0)


@pytest.mark.parametrize("hatch", ["slash", "cross", "bars", "posts", "sash", "ticks", "net", "veil"])
def test_hatchings_cover_what_lines_at_their_distance_cover(hatch: str) -> None:
    box = (13.0, 7.0, 300.0, 200.0)
    lines = list(rulings(hatch, box))
    for x1, y1, x2, y2 in lines:
        for x, y in ((x1, y1), (x2, y2)):
            assert 13.0 - 1e-6 <= x <= 313.0 + 1e-6
            assert 7.0 - 1e-6 <= y <= 207.0 + 1e-6
    length = sum(np.hypot(x2 - x1, y2 - y1) for x1, y1, x2, y2 in lines)
    distance = {
        "slash": 5.0,
        "cross": 5.0,
        "bars": 4.0,
        "posts": 4.0,
        "sash": 5.6,
        "ticks": 2.8,
        "net": 3.0,
        "veil": 8.0,
    }
    # In an area there are as many pixels of lines as it has pixels, by the distance from line to line.
    assert length == pytest.approx(300.0 * 200.0 / distance[hatch], rel=0.05)


def test_what_is_no_hatching_has_no_lines() -> None:
    assert hatch_lines("", (0, 0, 10, 10)) is None
    assert hatch_lines("slash", (0, 0, 0, 10)) is None
    assert hatch_lines("line", (0, 0, 10, 10)) is None


@pytest.mark.parametrize(
    "colour", [mark.colour for mark in MARKS] + ["#56B4E9", "#D55E00", "#241623", "#8FE3C4"]
)
def test_a_number_on_a_bar_can_be_read(colour: str) -> None:
    def luminance(text: str) -> float:
        parts = np.array([int(text[k : k + 2], 16) / 255 for k in (1, 3, 5)])
        linear = np.where(parts <= 0.03928, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    a, b = sorted([luminance(colour), luminance(contrast(colour))])
    assert (b + 0.05) / (a + 0.05) >= 3.8


def test_samples_of_a_legend_are_drawn_and_not_read_out() -> None:
    shapes = (
        "circle",
        "square",
        "diamond",
        "hexagon",
        "triangle",
        "triangle_down",
        "star",
        "ring",
        "cross_out",
    )
    fills = ("", "dots", "slash", "cross", "bars", "net", "posts", "sash", "ticks", "veil")
    seen = set()
    for hatch in (*shapes, *fills, "line", "dashed"):
        svg = swatch_svg(Mark("#7A1FA2", hatch))
        root = ET.fromstring(svg)
        assert root.get("aria-hidden") == "true"
        assert "#7A1FA2" in svg
        assert "<text" not in svg
        seen.add(svg)
    assert len(seen) == len(shapes) + len(fills) + 2


# --- readers ---------------------------------------------------------------------------------------------------


def _by_typst(svg: str, folder: Path) -> Image.Image:
    typst = pytest.importorskip("typst")
    (folder / "chart.svg").write_text(svg, encoding="utf-8")
    source = '#set page(width: auto, height: auto, margin: 0pt)\n#image("chart.svg")'
    (folder / "page.typ").write_text(source, encoding="utf-8")
    options = {"font_paths": [str(FONTS)], "ignore_system_fonts": True}
    png = typst.compile(str(folder / "page.typ"), format="png", ppi=96.0, **options)
    return Image.open(io.BytesIO(png)).convert("RGB")


def _by_chromium(browser: Any, pictures: Sequence[str]) -> list[Image.Image]:
    """Pictures of Chromium, with the fonts that the other has, in a page that runs from right to left."""
    faces = "".join(
        f"@font-face{{font-family:'DejaVu Sans';font-weight:{weight};src:url(data:font/ttf;base64,{_font(name)})}}"
        for weight, name in ((400, "DejaVuSans.ttf"), (700, "DejaVuSans-Bold.ttf"))
    )
    page = browser.new_page(viewport={"width": 800, "height": 900})
    found = []
    for svg in pictures:
        style = f"<style>{faces} body{{margin:0}} svg{{display:block}}</style>"
        page.set_content(f"{style}<body dir=rtl>{svg}</body>")
        page.evaluate("document.fonts.ready")
        found.append(Image.open(io.BytesIO(page.locator("svg").screenshot())).convert("RGB"))
    page.close()
    return found


def _font(name: str) -> str:
    return base64.b64encode((FONTS / name).read_bytes()).decode("ascii")


def test_typst_and_chromium_draw_the_same(browser: Any, tmp_path: Path) -> None:
    pictures = []
    for kind in KINDS:
        numbers = [row[:2] for row in PEOPLE] if kind == "diverging" else PEOPLE
        for lang in ("en", "ar"):
            chart = chart_of(kind, numbers, reference=kind != "diverging")
            pictures.append(chart_svg(chart, lang, say_in(lang, numbers), number_of(numbers)))
    for ours, theirs in zip(
        (_by_typst(svg, tmp_path) for svg in pictures), _by_chromium(browser, pictures), strict=True
    ):
        size = (min(ours.width, theirs.width), min(ours.height, theirs.height))
        assert abs(ours.width - theirs.width) <= 1
        assert abs(ours.height - theirs.height) <= 1
        # Blurred, so that edges of letters do not count; a text in another place would.
        a, b = (
            np.asarray(
                one.crop((0, 0, *size)).resize((size[0] // 4, size[1] // 4), Image.Resampling.BOX),
                dtype=float,
            )
            for one in (ours, theirs)
        )
        assert np.abs(a - b).mean() < 2.0
        assert np.quantile(np.abs(a - b), 0.995) < 60


@pytest.mark.parametrize("kind", ["stacked", "grouped"])
def test_series_are_told_apart_in_grey(kind: Literal["stacked", "grouped"], tmp_path: Path) -> None:
    numbers: list[list[float | None]] = [[400.0, 410.0, 420.0, 430.0]]
    svg = chart_svg(chart_of(kind, numbers), "en", say_in("en", numbers), number_of(numbers))
    grey = np.asarray(_by_typst(svg, tmp_path).convert("L"), dtype=float)
    root = ET.fromstring(svg)
    looks = []
    for mark in MARKS:
        bars = [node for node in root.iter(f"{SVG}rect") if node.get("fill") == mark.colour]
        bar = max(bars, key=lambda node: float(node.get("width", "0")))
        x, y, wide, tall = (float(bar.get(name, "0")) for name in ("x", "y", "width", "height"))
        part = grey[int(y + 1) : int(y + tall - 1), int(x + 2) : int(x + min(wide, 40.0))]
        # How light it is, how mixed, and how much it changes along the rows, the columns and the two diagonals.
        steps = [
            np.diff(part, axis=1),
            np.diff(part, axis=0),
            part[1:, 1:] - part[:-1, :-1],
            part[1:, :-1] - part[:-1, 1:],
        ]
        looks.append((part.mean(), part.std(), *(np.abs(step).mean() for step in steps)))
    for a, b in combinations(looks, 2):
        assert max(abs(one - other) for one, other in zip(a, b, strict=True)) > 12
