"""What a reader takes along from the page, and how a place is found: picture, table, paper, link, search."""

from __future__ import annotations

import base64
import csv
import html
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.image
import numpy as np
import pytest
from numpy.typing import NDArray

from mutualaid.coverage import what_if_coverage
from mutualaid.maps import coverage_map, save_offline

if TYPE_CHECKING:
    from playwright.sync_api import Page

MAP = "map_1"  # its variable in every page
LIMIT_S, CROSSING_S = 600, 150  # of a what-if


@pytest.fixture
def opened(demo: Any, visit: Callable[..., Any]) -> Callable[..., Any]:
    """Open the page of the demo, also by a link."""

    def go(link: str = "", **options: Any) -> Any:
        seen = visit(demo.page, **options)
        if link:
            seen.page.goto("about:blank")
            seen.page.goto(demo.page.as_uri() + link)
        complete(seen.page)
        return seen

    return go


def until(page: Page, what: str) -> None:
    """Wait until something is true; the page's policy forbids what Playwright does for that."""
    for _ in range(100):
        if page.evaluate(f"Boolean({what})"):
            return
        page.wait_for_timeout(50)
    raise AssertionError(what)


def complete(page: Page) -> None:
    """Wait until the page shows what its address asks for."""
    page.wait_for_selector("[data-mutualaid=ready]")
    until(page, f"{MAP}.mutualaid.engine && !{MAP}.mutualaid.pending")
    page.wait_for_timeout(100)


def state(page: Page, what: str) -> Any:
    return page.evaluate(f"{MAP}.mutualaid.{what}")


def change(page: Page, **setting: Any) -> None:
    page.evaluate(f"setting => mutualaid.kit.change({MAP}, setting)", setting)
    until(page, f"!{MAP}.mutualaid.pending")


def taken(page: Page, button: str, folder: Path) -> Path:
    """Press a button of the part that takes the setting along, and keep the file that comes of it."""
    part = page.locator("details.ma-share")
    if part.get_attribute("open") is None:
        part.locator("> summary").click()
    with page.expect_download() as coming:
        part.get_by_role("button", name=button).click()
    return save(coming.value, folder)


def save(download: Any, folder: Path) -> Path:
    target = folder / str(download.suggested_filename)
    download.save_as(target)
    return target


def pixels(source: Path | bytes) -> NDArray[np.float64]:
    """Red, green and blue of a PNG, from 0 to 1."""
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    return np.asarray(matplotlib.image.imread(file, format="png"), dtype=np.float64)[..., :3]


def blocks(image: NDArray[np.float64], side: int = 16) -> NDArray[np.float64]:
    """Mean colours of squares: they forgive a hatching that begins elsewhere."""
    rows, columns = (n // side for n in image.shape[:2])
    cut = image[: rows * side, : columns * side]
    return np.asarray(cut.reshape(rows, side, columns, side, 3).mean(axis=(1, 3)))


# --- the picture ---------------------------------------------------------------------------------------------

SCENES = {
    "fair weather": {},
    "minutes alone": {"level": "alone", "view": "minutes"},
    "hazard with a veil": {"scenario": "wildfire", "level": "joint"},
}


@pytest.mark.parametrize("scene", SCENES)
def test_the_picture_shows_what_the_browser_shows(
    opened: Callable[..., Any], tmp_path: Path, scene: str
) -> None:
    """On a screen with two pixels for each, a picture of the screen is the measure."""
    seen = opened(device_scale_factor=2)
    page = seen.page
    change(page, **SCENES[scene])
    page.wait_for_timeout(300)
    picture = pixels(taken(page, "Picture", tmp_path))
    assert picture.shape == (max(1800, picture.shape[0]), 2800, 3)  # twice 1400 × 900
    page.add_style_tag(content=".leaflet-control { visibility: hidden !important }")
    page.mouse.move(700, 890)
    screen = pixels(page.screenshot())
    free = slice(720, 2800)  # beside the panel
    ours, theirs = blocks(picture[:1700, free]), blocks(screen[:1700, free])
    off = np.abs(ours - theirs).max(axis=2)
    assert np.unique(theirs.round(2).reshape(-1, 3), axis=0).shape[0] > 200  # there is much to be seen
    assert (off > 0.05).mean() < 0.018  # halos of names; a layer that is left out or shifted makes more
    assert seen.requests == []
    assert seen.complaints == []


def only_cells(page: Page) -> None:
    page.evaluate(
        f"""() => {{
            const panes = {MAP}.getPanes();
            for (const name in panes) if (!['mapPane', 'ma-cells'].includes(name)) panes[name].style.display = 'none';
        }}"""
    )


def test_cells_have_the_very_colours_of_the_map(
    opened: Callable[..., Any], demo: Any, tmp_path: Path
) -> None:
    """Without any other layer, a place without hatching is the map's own colour over the page's ground."""
    page = opened().page
    only_cells(page)
    picture = pixels(taken(page, "Picture", tmp_path))
    covered = demo.analysis.coverage
    own = covered[covered["alone_covered"]].to_crs(4326).iloc[::40].geometry
    ground, blue = np.array([0xDD, 0xE3, 0xE8]), np.array([0x00, 0x72, 0xB2])
    compared = 0
    for point in own:
        x, y, red, green, blue_, alpha = page.evaluate(
            """([name, at]) => {
                const map = window[name], p = map.latLngToContainerPoint(at).round();
                const canvas = map.getPane('ma-cells').querySelector('canvas'), box = canvas.getBoundingClientRect();
                return [p.x, p.y, ...canvas.getContext('2d').getImageData(p.x - box.x, p.y - box.y, 1, 1).data];
            }""",
            [MAP, [point.y, point.x]],
        )
        expected = (np.array([red, green, blue_]) * alpha + ground * (255 - alpha)) / 255
        found = 255 * picture[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].reshape(-1, 3)
        assert np.abs(found - expected).max() < 2
        compared += np.abs(expected - (blue * 0.8 + ground * 0.2)).max() < 3
    assert compared > 0.8 * len(own) > 5  # a boundary cuts some cells, and another part of them lies on top


def listen(page: Page) -> None:
    """Note what is written on any canvas, and which way."""
    page.evaluate(
        """() => {
            const write = CanvasRenderingContext2D.prototype.fillText;
            window.written = [];
            CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
                written.push([text, this.direction, this.textAlign]);
                write.call(this, text, x, y);
            };
        }"""
    )


def lines(page: Page) -> str:
    """All that was written, on one line, without marks of direction."""
    found = " ".join(text for text, *_ in page.evaluate("written"))
    return re.sub("[\u2066-\u2069]", "", found)


def test_the_picture_says_what_it_is(opened: Callable[..., Any], demo: Any, tmp_path: Path) -> None:
    page = opened(link="#l=joint&s=wildfire&t=600&off=n1866465411").page
    listen(page)
    file = taken(page, "Picture", tmp_path)
    assert file.name == "monaco-and-the-french-riviera-demo-map-of-2016-joint-wildfire-what-if.png"
    found = lines(page)
    shown = state(page, "now.totals")
    for expected in (
        demo.analysis.region.name,
        "Who is reached by the fire service within 10 min of the crew's alert?",
        "standard 10 min · off: Caserne de Fontvieille",
        "Derived, illustrative: not an official hazard map.",
        f"{shown['joint'] / shown['population']:.0%}".replace("%", " %"),
        f"{shown['joint']:,.0f} of 66,171 people are still reached in time",
        "SDIS 06",
        "unknown: no map says",
        "Modelled drive times, not a dispatch tool.",
        "© OpenStreetMap contributors",
        "Roquebrune-Cap-Martin",
    ):
        assert expected in found, expected
    for row in page.locator(".ma-legend li").all():
        label, n = row.locator(".ma-label"), row.locator(".ma-n")
        told = " ".join(one.inner_text() for one in (n, label) if one.count())
        assert re.sub(r"\s+", " ", told) in found


def test_a_picture_in_arabic_runs_from_right_to_left(opened: Callable[..., Any], tmp_path: Path) -> None:
    page = opened(link="#lang=ar&second=fr", width=1000).page
    listen(page)
    picture = pixels(taken(page, state(page, "texts.ar.share_png"), tmp_path))
    written = page.evaluate("written")
    assert any(
        "نموذج" in text or "النجدة" in text or re.search("[\u0600-\u06ff]{4}", text) for text, *_ in written
    )
    assert {way for text, way, align in written if align in ("left", "right")} == {"rtl"}
    assert "Habitants" in lines(page)  # the second language
    width = picture.shape[1]
    column = picture[200:1400, width - 640 : width - 60]
    assert (column.min(axis=2) > 0.98).mean() > 0.5  # white ground on the right, with letters
    assert (column.max(axis=2) < 0.3).mean() > 0.005


def test_a_phone_gets_the_text_below_the_map(opened: Callable[..., Any], tmp_path: Path) -> None:
    page = opened(width=390, height=760).page
    height = page.evaluate("document.querySelector('section.ma-panel').getBoundingClientRect().top")
    with page.expect_download() as coming:
        page.locator("details.ma-share button").first.dispatch_event("click")
    picture = pixels(save(coming.value, tmp_path))
    assert picture.shape[1] == 780
    assert picture.shape[0] > 2 * height + 600
    assert np.allclose(picture[-4:, :], 1)


# --- the table -----------------------------------------------------------------------------------------------


def table_of(file: Path) -> tuple[list[list[str]], list[dict[str, str]]]:
    """First lines, and the rows below the heading."""
    raw = file.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    assert raw.count(b"\n") == raw.count(b"\r\n")
    rows = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    blank = rows.index([])
    heading = rows[blank + 1]
    return rows[:blank], [dict(zip(heading, row, strict=True)) for row in rows[blank + 2 :]]


LEVELS = {"alone": "Each alone", "agreed": "Today's agreements", "joint": "Joint team"}


def agree(
    rows: list[dict[str, str]], covered: Any, names: Any, reached: dict[str, Any], lost: Any = None
) -> None:
    """Compare the rows with people who are counted place by place."""
    groups = {str(names[key]): covered["jurisdiction"] == key for key in names.index}
    groups["Total"] = covered["population"] >= 0
    assert [row["Municipality"] for row in rows] == list(groups)
    for row, inside in zip(rows, groups.values(), strict=True):
        people = covered["population"].where(inside, 0.0)
        assert float(row["People"]) == pytest.approx(people.sum(), abs=0.5)
        for level, title in LEVELS.items():
            here = people[reached[level]].sum()
            assert float(row[f"{title}: people reached in time"]) == pytest.approx(here, abs=0.5)
            assert float(row[f"{title}: people not reached in time"]) == pytest.approx(
                people.sum() - here, abs=0.5
            )
            if lost is not None:
                gone = people[lost[level]].sum()
                assert float(row[f"{title}: people no longer reached in time"]) == pytest.approx(
                    gone, abs=0.5
                )


def test_the_table_holds_the_numbers_of_the_run(
    opened: Callable[..., Any], demo: Any, tmp_path: Path
) -> None:
    covered, names = demo.analysis.coverage, demo.analysis.region.jurisdictions["name"]
    page = opened().page
    file = taken(page, "Table", tmp_path)
    first, rows = table_of(file)
    assert file.name == "monaco-and-the-french-riviera-demo-map-of-2016-joint.csv"
    assert first == [
        [demo.analysis.region.name],
        ["Setting", "Joint team · Fair weather · as computed"],
        ["Standard", "Who is reached by the fire service within 8 min of the crew's alert?"],
        ["Modelled drive times, not a dispatch tool."],
    ]
    assert not any("no longer" in title for title in rows[0])
    agree(rows, covered, names, {level: covered[f"{level}_covered"] for level in LEVELS})
    decimals = [value.partition(".")[2] for row in rows for value in list(row.values())[1:]]
    assert {len(part) for part in decimals} == {0, 1}  # a tenth of a person


def test_the_table_of_a_hazard_holds_who_is_lost(
    opened: Callable[..., Any], demo: Any, tmp_path: Path
) -> None:
    result = next(one for one in demo.analysis.scenarios if one.scenario.id == "wildfire")
    covered, names = result.coverage, demo.analysis.region.jurisdictions["name"]
    first, rows = table_of(taken(opened(link="#s=wildfire").page, "Table", tmp_path))
    assert first[-1] == ["Derived, illustrative: not an official hazard map."]
    reached = {level: covered[f"{level}_covered"] for level in LEVELS}
    lost = {level: covered[f"fair_{level}_covered"] & ~reached[level] for level in LEVELS}
    assert all(mask.any() for mask in lost.values())
    agree(rows, covered, names, reached, lost)


def test_the_table_of_a_what_if_holds_its_numbers(
    opened: Callable[..., Any], demo: Any, tmp_path: Path
) -> None:
    covered, tables = demo.analysis.coverage, demo.tables
    on = ~tables.sites["candidate"].to_numpy()
    on[list(tables.sites.index).index("n1866465411")] = False
    on[list(tables.sites.index).index("new2")] = True
    link = f"#t={LIMIT_S}&x={CROSSING_S}&off=n1866465411&new=new2"
    first, rows = table_of(taken(opened(link=link).page, "Table", tmp_path))
    assert "2:30 min at each border" in first[1][1]
    assert "1 new station" in first[1][1]
    found = what_if_coverage(tables, on=on, limit_s=LIMIT_S, crossing_s=CROSSING_S)
    agree(
        rows,
        covered,
        demo.analysis.region.jurisdictions["name"],
        {level: found[level].reached for level in LEVELS},
    )


def test_no_text_becomes_a_formula_and_unknown_people_no_number(
    made_up: Callable[..., Any], visit: Callable[..., Any], tmp_path: Path
) -> None:
    analysis = made_up(
        region='=HYPERLINK("http://x"),"x"', west='+1 "quoted", with comma', east="-2+3|cmd' /C calc'!A0"
    )
    analysis.summary["common"]["jurisdictions"]["east"]["population"] = None
    seen = visit(save_offline(coverage_map(analysis), tmp_path / "map.html"))
    first, rows = table_of(taken(seen.page, "Table", tmp_path))
    assert first[0] == ["'" + '=HYPERLINK("http://x"),"x"']
    assert [row["Municipality"] for row in rows[:2]] == [
        "'" + '+1 "quoted", with comma',
        "'-2+3|cmd' /C calc'!A0",
    ]
    assert list(rows[1].values())[1:] == ["unknown", "", "", "", ""]
    assert seen.complaints == []


# --- paper ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height"), [(718, 1047), (1047, 718)])
def test_paper_holds_the_map_and_its_numbers_and_nothing_to_press(
    opened: Callable[..., Any], demo: Any, width: int, height: int
) -> None:
    seen = opened(link="#l=alone&s=wildfire")
    page = seen.page
    look = page.evaluate(f"[{MAP}.getZoom(), {MAP}.getCenter()]")
    legend = page.locator(".ma-legend li .ma-label").all_inner_texts()
    page.emulate_media(media="print")
    page.set_viewport_size({"width": width, "height": height})  # an A4 page within its margins
    paper = page.locator(".ma-paper")
    told = paper.inner_text()
    for expected in (
        demo.analysis.region.name,
        "Each alone · Wildfire in the hills",
        "of 66,171 people are still reached",
        "Roquebrune-Cap-Martin",
        "Modelled drive times, not a dispatch tool.",
        "IMSEE, Résultats du recensement",
        "Derived, illustrative: not an official hazard map.",
        *legend,
    ):
        assert expected in told, expected
    assert page.locator("button:visible, input:visible, select:visible, summary:visible").count() == 0
    assert page.locator(".folium-map").is_hidden()
    image = paper.locator("img").bounding_box()
    assert image is not None
    inner, outer = paper.locator("img").evaluate(
        "one => [one.naturalWidth, document.documentElement.scrollWidth]"
    )
    assert inner == 3 * 1050  # three pixels for each beside the panel
    assert image["width"] / image["height"] == pytest.approx(1050 / 900, rel=0.01)
    assert outer == width
    beside = paper.locator(".ma-printed-legend").bounding_box()
    assert beside is not None
    assert (beside["x"] >= image["x"] + image["width"]) == (width > height)
    assert (beside["y"] >= image["y"] + image["height"]) == (width < height)
    page.emulate_media(media="screen")
    page.set_viewport_size({"width": 1400, "height": 900})
    paper.wait_for(state="detached")
    assert page.locator(".ma-panel").is_visible()
    assert page.evaluate(f"[{MAP}.getZoom(), {MAP}.getCenter()]")[0] == look[0]
    assert seen.complaints == []


def test_hatching_is_seen_in_grey(opened: Callable[..., Any], demo: Any) -> None:
    """In the printed picture, places that nobody reaches have dark and light in them even without colours."""
    page = opened().page
    only_cells(page)
    covered = demo.analysis.coverage
    gap = covered[(covered["joint_s"] < np.inf) & ~covered["joint_covered"]].to_crs(4326).iloc[::60].geometry
    own = covered[covered["alone_covered"]].to_crs(4326).iloc[::60].geometry
    at = [
        [page.evaluate(f"at => {MAP}.latLngToContainerPoint(at).round()", [p.y, p.x]) for p in group]
        for group in (gap, own)
    ]
    page.emulate_media(media="print")
    data = page.locator(".ma-paper img").get_attribute("src")
    assert data is not None
    grey = pixels(base64.b64decode(data.partition(",")[2])) @ np.array([0.2126, 0.7152, 0.0722])

    def contrast(points: list[Any]) -> float:
        spreads = []
        for p in points:
            x, y = 3 * (p["x"] - 350), 3 * p["y"]
            spreads.append(np.ptp(np.percentile(grey[y - 12 : y + 12, x - 12 : x + 12], [10, 90])))
        return float(np.median(spreads))

    assert contrast(at[0]) > 0.2 > contrast(at[1])


@pytest.mark.parametrize("sheet", [("A4", False), ("A4", True), ("A3", False), ("A3", True)])
def test_a_page_is_printed_on_few_sheets(opened: Callable[..., Any], sheet: tuple[str, bool]) -> None:
    page = opened(link="#s=wildfire").page
    pdf = page.pdf(format=sheet[0], landscape=sheet[1])
    sheets = len(re.findall(rb"/Type\s*/Page\b", pdf))
    assert 1 <= sheets <= 2
    width, height = (float(n) for n in re.findall(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", pdf)[0])
    assert (width > height) == sheet[1]
    assert page.locator(".ma-panel").is_visible()


# --- the link ------------------------------------------------------------------------------------------------

ROUND_TRIPS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "level and view": {"level": "alone", "view": "who"},
    "hazard": {"scenario": "wildfire", "level": "agreed", "view": "minutes"},
    "what if": {
        "setting": {"off": [0, 2], "added": [4, 6], "limit_s": 600, "dispatch_s": None, "crossing_s": 0},
        "level": "agreed",
    },
    "all at once": {
        "scenario": "wildfire",
        "view": "who",
        "setting": {"off": [1], "added": [3], "limit_s": 330, "dispatch_s": 120, "crossing_s": 300},
    },
}
SHOWN = f"""() => {{
    const {{ level, view, scenario, setting, lang, second }} = {MAP}.mutualaid, {{ lat, lng }} = {MAP}.getCenter();
    return {{ level, view, scenario, setting, lang, second, zoom: {MAP}.getZoom(),
        lat: lat.toFixed(4), lng: lng.toFixed(4),
        head: document.querySelector('.ma-head').innerText }};
}}"""


@pytest.mark.parametrize("name", ROUND_TRIPS)
def test_a_link_brings_the_setting_back(opened: Callable[..., Any], name: str) -> None:
    page = opened().page
    assert "#" not in page.url
    change(page, **ROUND_TRIPS[name])
    if name == "all at once":
        page.evaluate(f"{MAP}.mutualaid.speak('de', 'it')")
        until(page, f"{MAP}.mutualaid.lang === 'de'")
        page.evaluate(f"{MAP}.setView([43.75, 7.41], 14.5, {{ animate: false }})")
    page.wait_for_timeout(500)
    before, link = page.evaluate(SHOWN), page.evaluate("location.hash")
    assert (link == "") == (name == "nothing")
    other = opened(link=link)
    until(other.page, f"{MAP}.mutualaid.lang === {json.dumps(before['lang'])}")
    assert other.page.evaluate(SHOWN) == before
    other.page.wait_for_timeout(500)
    assert other.page.evaluate("location.hash") == link
    assert other.complaints == []


def test_a_link_holds_only_what_differs_and_names_stations_by_their_id(
    opened: Callable[..., Any], demo: Any
) -> None:
    page = opened().page
    ids = list(demo.tables.sites.index)
    change(page, setting={"off": [1], "added": [4], "limit_s": None, "dispatch_s": None, "crossing_s": None})
    page.wait_for_timeout(500)
    assert page.evaluate("location.hash") == f"#off={ids[1]}&new={ids[4]}"
    page.get_by_role("button", name="Back to what was computed").click()
    page.wait_for_timeout(500)
    assert page.evaluate("location.hash") == ""


def test_a_new_address_in_an_open_page_is_followed(opened: Callable[..., Any]) -> None:
    page = opened().page
    page.evaluate("location.hash = '#l=alone&t=600&z=15/43.74/7.42'")
    until(page, f"{MAP}.mutualaid.level === 'alone'")
    assert state(page, "limit_s") == LIMIT_S
    page.evaluate("location.hash = '#v=minutes'")
    until(page, f"{MAP}.mutualaid.view === 'minutes'")
    assert state(page, "level") == "joint"
    assert state(page, "now") is None
    assert page.evaluate(f"{MAP}.mutualaid.untouched()")  # the map is back where it was, too
    page.evaluate("location.hash = '#an-anchor'")
    page.wait_for_timeout(200)
    assert state(page, "view") == "minutes"


def test_what_a_link_asks_for_in_vain_is_told(opened: Callable[..., Any]) -> None:
    page = opened(link="#l=together&s=snow&off=n1866465411.gone&t=soon&utm_source=letter").page
    note = page.locator(".ma-tools .ma-note")
    assert note.inner_text() == "This map does not have what the link asks for: together, snow, soon, gone."
    assert state(page, "setting.off") == [0]
    page.get_by_role("button", name="Each alone").click()
    page.wait_for_timeout(500)
    assert note.is_hidden()
    assert page.evaluate("location.hash") == "#l=alone&off=n1866465411"


HASHES = [
    "#" + "&" * 2_000 + "=" * 2_000,
    "#l=__proto__&v=constructor&s=toString&lang=hasOwnProperty&second=__proto__",
    "#off=%E0%A4%A&new=..%2F..&z=NaN/NaN/NaN",
    "#z=1e9/91/1e9&t=1e400&d=-1&x=0x10",
    "#z=15//&t=&d=&x=&off=&new=&s=&lang=",
    "#s=<img src=x onerror=window.pwned=1>&off=<script>window.pwned=1</script>",
    "#l=alone&l=${window.pwned=1}&v='\"`);window.pwned=1;//",
    "#off=" + "a." * 20_000,
]


@pytest.mark.parametrize("link", HASHES)
def test_hostile_links_do_no_harm(opened: Callable[..., Any], link: str) -> None:
    seen = opened(link=link)
    page = seen.page
    assert "56,588 of 66,171" in page.locator(".ma-head").inner_text()
    assert page.evaluate("window.pwned") is None
    assert page.evaluate(f"{MAP}.mutualaid.untouched()")
    assert len(page.locator(".ma-tools .ma-note").inner_text()) < 500
    assert page.locator(".ma-tools img, .ma-tools script").count() == 0
    assert seen.complaints == []
    page.get_by_role("button", name="Each alone").click()
    page.wait_for_timeout(500)
    assert page.evaluate("location.hash") == "#l=alone"


def test_the_link_is_copied_or_shown(opened: Callable[..., Any]) -> None:
    page = opened(link="#l=alone").page
    page.evaluate(
        """() => Object.defineProperty(navigator, 'clipboard', { configurable: true, value: {
            writeText: text => { window.copied = text; return Promise.resolve(); } } })"""
    )
    page.locator("details.ma-share > summary").click()
    button = page.get_by_role("button", name="Link to this setting")
    button.click()
    assert page.get_by_text("The link is copied.").is_visible()
    assert page.evaluate("copied") == page.url
    assert page.url.endswith("#l=alone")
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    button.click()
    line = page.locator("details.ma-share input")
    assert line.input_value() == page.url
    assert page.evaluate("getSelection().toString()") == page.url
    assert line.get_attribute("readonly") is not None
    change(page, view="minutes")
    page.wait_for_timeout(500)
    assert line.input_value().endswith("#l=alone&v=minutes")  # it does not grow old


def test_a_page_inside_another_one_works_without_an_address(
    demo: Any, visit: Callable[..., Any], tmp_path: Path
) -> None:
    """A notebook shows the map so."""
    around = tmp_path / "around.html"
    inside = html.escape(demo.page.read_text("utf-8"))
    around.write_text(
        f'<iframe srcdoc="{inside}" style="width:1300px;height:800px"></iframe>', encoding="utf-8"
    )
    seen = visit(around, wait=False)
    frame = seen.page.frame_locator("iframe")
    frame.locator("[data-mutualaid=ready]").wait_for()
    frame.get_by_role("button", name="Each alone").click()
    frame.locator("details.ma-share > summary").click()
    seen.page.wait_for_timeout(500)
    assert frame.get_by_role("button", name="Table").is_visible()
    assert frame.get_by_role("button", name="Link to this setting").count() == 0
    assert seen.page.url == around.as_uri()
    assert seen.complaints == []


# --- finding a place -----------------------------------------------------------------------------------------


def offered(page: Page) -> list[str]:
    return page.locator("[role=option]").all_inner_texts()


def test_a_place_is_found_by_keyboard_alone(opened: Callable[..., Any]) -> None:
    page = opened().page
    field = page.get_by_role("combobox", name="Find a place or station")
    field.focus()
    assert field.get_attribute("aria-expanded") == "false"
    page.keyboard.type("TURB")
    assert field.get_attribute("aria-expanded") == "true"
    assert offered(page)[0] == "La Turbie"
    assert len(offered(page)) > 1  # and its station
    page.keyboard.press("ArrowDown")
    assert field.get_attribute("aria-activedescendant") == page.locator("[aria-selected=true]").get_attribute(
        "id"
    )
    page.keyboard.press("ArrowUp")
    assert page.locator("[role=option]").last.get_attribute("aria-selected") == "true"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_timeout(700)
    assert field.get_attribute("aria-expanded") == "false"
    assert field.input_value() == "La Turbie"
    assert page.evaluate("document.activeElement.id") == field.get_attribute("id")
    # The place is in the middle of what the panel leaves free.
    places = page.evaluate("mutualaid.kit.places.filter(one => one.name === 'La Turbie').map(one => one.at)")
    at = page.evaluate(f"at => {MAP}.latLngToContainerPoint(at)", places[0])
    assert at["x"] == pytest.approx((350 + 1400) / 2, abs=6)
    assert at["y"] == pytest.approx(450, abs=6)
    assert page.evaluate(f"{MAP}.getZoom()") == 15
    assert page.locator(".leaflet-popup, .ma-tip:visible").count() == 0


def test_accents_and_case_do_not_count_and_either_language_does(opened: Callable[..., Any]) -> None:
    page = opened(link="#lang=es").page
    until(page, f"{MAP}.mutualaid.lang === 'es'")
    field = page.locator("#ma-search")
    for asked in ("monaco", "MÓNACO", " Mona", "mónaco"):
        field.fill(asked)
        assert "Mónaco" in offered(page), asked
        assert "Monaco" not in offered(page)
    field.fill("cap martin")
    assert offered(page) == []
    field.fill("roquebrune-cap")
    assert offered(page)[0] == "Roquebrune-Cap-Martin"


def test_a_name_that_is_nowhere_is_told_and_escape_closes(opened: Callable[..., Any]) -> None:
    page = opened().page
    field = page.locator("#ma-search")
    field.fill("Atlantis")
    assert page.locator(".ma-search [role=status]").inner_text() == "Nothing of that name"
    assert field.get_attribute("aria-expanded") == "false"
    field.press("Enter")
    field.fill("mon")
    assert page.locator("[role=listbox]").is_visible()
    assert page.locator(".ma-search [role=status]").inner_text() == ""
    field.press("Escape")
    assert page.locator("[role=listbox]").is_hidden()
    assert field.input_value() == "mon"
    field.press("Escape")
    assert field.input_value() == ""
    assert page.evaluate(f"{MAP}.mutualaid.untouched()")


def test_a_name_is_chosen_with_the_mouse(opened: Callable[..., Any]) -> None:
    page = opened().page
    page.locator("#ma-search").fill("beau")
    page.get_by_role("option", name="Beausoleil").first.click()
    page.wait_for_timeout(700)
    assert not page.evaluate(f"{MAP}.mutualaid.untouched()")
    assert page.locator("#ma-search").input_value() == "Beausoleil"


def test_names_in_the_search_are_texts(
    made_up: Callable[..., Any], visit: Callable[..., Any], tmp_path: Path
) -> None:
    name = "<img src=x onerror=window.pwned=1> town"
    seen = visit(save_offline(coverage_map(made_up(west=name, station=name)), tmp_path / "map.html"))
    seen.page.locator("#ma-search").fill("town")
    assert name in offered(seen.page)
    seen.page.keyboard.press("Enter")
    seen.page.wait_for_timeout(300)
    assert seen.page.evaluate("window.pwned") is None
    assert seen.complaints == []


def test_the_map_takes_the_whole_screen(opened: Callable[..., Any]) -> None:
    page = opened().page
    page.get_by_role("button", name="Full screen").click()
    until(page, f"document.fullscreenElement === {MAP}.getContainer()")
    page.get_by_role("button", name="Leave full screen").click()
    until(page, "!document.fullscreenElement")
    page.get_by_role("button", name="Full screen", exact=True).wait_for()  # it is told a moment later
