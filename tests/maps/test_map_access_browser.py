"""The page for everybody: by keyboard, aloud, enlarged, on a phone, and with whatever stands in the data."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe

from mutualaid.coverage import WhatIfTables
from mutualaid.maps import coverage_map, save_offline

if TYPE_CHECKING:
    from playwright.sync_api import Page

SETTING = {"off": [1], "added": [20], "limit_s": 600, "dispatch_s": 60, "crossing_s": 120}


@pytest.fixture
def opened(demo: Any, visit: Callable[..., Any]) -> Callable[..., Page]:
    def go(**options: Any) -> Page:
        page: Page = visit(demo.page, **options).page
        settle(page)
        return page

    return go


def settle(page: Page) -> None:
    """Wait until everything is unpacked; the page's policy forbids `wait_for_function`, which evaluates a text."""
    page.evaluate(
        """() => new Promise(done => {
            const look = () => map_1.mutualaid.engine && !map_1.mutualaid.pending ? done() : setTimeout(look, 10);
            look();
        })"""
    )


def unfold(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")


def change(page: Page, setting: dict[str, Any]) -> None:
    page.evaluate("setting => mutualaid.kit.change(map_1, setting)", setting)
    settle(page)


# --- what a checker finds ------------------------------------------------------------------------------------


def findings(page: Page) -> list[str]:
    """Violations that weigh, by axe."""
    page.wait_for_timeout(300)  # what fades in has no contrast yet
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{one['impact']} {one['id']}: {node['html'][:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        or one["id"] in ("landmark-one-main", "meta-viewport", "heading-order", "region")
        for node in one["nodes"]
    ]


@pytest.mark.parametrize(("width", "height"), [(1400, 900), (390, 780)])
def test_axe_finds_nothing(opened: Callable[..., Page], width: int, height: int) -> None:
    page = opened(width=width, height=height)
    assert findings(page) == []
    unfold(page)
    assert findings(page) == []
    change(page, {"setting": SETTING, "placing": True})
    page.get_by_role("button", name="Pin as A").click()
    change(page, {"setting": SETTING | {"off": [0], "added": []}})
    assert findings(page) == []
    page.locator(".ma-mark").first.dispatch_event("click")
    assert page.locator(".leaflet-popup").count() == 1
    assert findings(page) == []
    page.locator("#ma-search").fill("mon")
    assert page.locator("#ma-found li").count() > 1
    for scenario, level, view in (
        ("storm", "agreed", "who"),
        ("wildfire", "alone", "status"),
        ("", "joint", "minutes"),
    ):
        change(page, {"scenario": scenario, "level": level, "view": view, "placing": False})
        unfold(page)
        assert findings(page) == []
    page.evaluate("() => map_1.mutualaid.speak('ar', 'fr')")
    settle(page)
    unfold(page)
    assert findings(page) == []


def test_axe_would_find_something(opened: Callable[..., Page]) -> None:
    page = opened()
    page.evaluate(
        """() => {
            document.querySelector('.ma-head p').style.color = '#bbb';
            document.querySelector('#ma-scenario').id = 'other';
        }"""
    )
    assert {one.split(":")[0] for one in findings(page)} == {"serious color-contrast", "critical select-name"}


# --- by keyboard ---------------------------------------------------------------------------------------------

FOCUSABLE = """() => [...document.querySelectorAll('a[href], button, input, select, summary, [tabindex="0"]')]
    .filter(node => !node.disabled && node.getClientRects().length && getComputedStyle(node).visibility !== 'hidden')
    .filter(node => node !== map_1.getContainer())"""
#: Where the focus is, and whether it is to be seen there.
FOCUS = """() => {
    const node = document.activeElement, label = node.getAttribute('aria-label') || node.textContent;
    const ring = [node, ...node.children].map(one => getComputedStyle(one)).some(({ outlineStyle, outlineWidth }) =>
        outlineStyle === 'solid' && parseFloat(outlineWidth) >= 2);
    const box = (node.firstElementChild && !node.offsetWidth ? node.firstElementChild : node).getBoundingClientRect();
    const frame = document.querySelector('.ma-panel').getBoundingClientRect(), inside = node.closest('.ma-panel');
    const seen = box.width > 0 && box.right > 0 && box.left < innerWidth && box.bottom > 0 && box.top < innerHeight
        && (!inside || box.bottom > frame.top && box.top < frame.bottom);
    const before = window.before || document.head, own = node === map_1.getContainer();
    const next = Boolean(before.compareDocumentPosition(node) & Node.DOCUMENT_POSITION_FOLLOWING);
    window.before = node;
    node.dataset.visited = '';
    return { tag: node.tagName, label, ring, seen, next, own, panel: Boolean(inside) };
}"""


@pytest.mark.parametrize("width", [1400, 390])
def test_every_control_can_be_reached_by_keyboard(opened: Callable[..., Page], width: int) -> None:
    page = opened(width=width)
    unfold(page)
    change(page, {"setting": SETTING, "placing": True, "pin": None})
    page.locator(".ma-panel").evaluate("node => node.scrollTo(0, 0)")
    walked: list[dict[str, Any]] = []
    for _ in range(250):
        page.keyboard.press("Tab")
        here = page.evaluate(FOCUS)
        if here["tag"] == "BODY":
            break
        walked.append(here)
    assert here["tag"] == "BODY"  # there is a way out
    assert len(walked) > 60
    assert [one["label"] for one in walked if not one["ring"] and not one["own"]] == []
    assert [one["label"] for one in walked if not one["seen"]] == []
    assert [one["label"] for one in walked if not one["next"]] == []  # in the order of the page
    # The panel comes as one, before the marks of the map.
    panel = [one["panel"] for one in walked if not one["own"]]
    assert panel == sorted(panel, reverse=True)
    missed = page.evaluate(
        f"({FOCUSABLE})().filter(node => !('visited' in node.dataset)).map(node => node.outerHTML.slice(0, 120))"
    )
    assert missed == []
    page.keyboard.press("Shift+Tab")  # and back in
    assert page.evaluate(FOCUS)["label"] == walked[-1]["label"]


def test_the_page_is_worked_by_keyboard_alone(opened: Callable[..., Page]) -> None:
    page = opened()
    page.locator("button[data-choice=alone]").focus()
    page.keyboard.press("Enter")
    assert page.locator("button[data-choice=alone]").get_attribute("aria-pressed") == "true"
    page.locator("button[data-choice=minutes]").focus()
    page.keyboard.press(" ")
    assert "arrival of the first unit" in page.locator(".ma-legend").inner_text()
    page.locator("details[data-part=whatif] > summary").focus()
    page.keyboard.press("Enter")
    limit = page.locator("#ma-limit_s")
    limit.focus()
    for key, text in (("ArrowRight", "8:30 min"), ("ArrowLeft", "8:00 min"), ("ArrowLeft", "7:30 min")):
        page.keyboard.press(key)
        assert limit.get_attribute("aria-valuetext") == text
        assert page.evaluate("document.activeElement.id") == "ma-limit_s"
    assert page.locator(".ma-changed").count() == 1
    page.locator("#ma-site-1").focus()
    page.keyboard.press(" ")
    assert page.evaluate("map_1.mutualaid.setting.off") == [1]
    assert page.evaluate("document.activeElement.id") == "ma-site-1"
    page.locator(".ma-changed button").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("map_1.mutualaid.now") is None
    assert page.evaluate("document.activeElement !== document.body")
    page.locator("#ma-scenario").focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("map_1.mutualaid.scenario") == "wildfire"
    # The search: choose with the arrows.
    page.locator("#ma-search").focus()
    page.keyboard.type("mona")
    page.keyboard.press("ArrowDown")
    assert page.locator("#ma-found li[aria-selected=true]").count() == 1
    chosen = page.locator("#ma-search").get_attribute("aria-activedescendant")
    assert page.locator(f"#{chosen}").get_attribute("aria-selected") == "true"
    page.keyboard.press("Enter")
    assert page.locator("#ma-search").get_attribute("aria-expanded") == "false"
    # Layers are listed and switched.
    page.locator(".leaflet-control-layers-toggle").focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(200)  # the press that opens it presses nothing in it
    box = page.locator(".leaflet-control-layers label", has_text="People").locator("input")
    box.focus()
    page.keyboard.press(" ")
    assert not box.is_checked()


@pytest.mark.parametrize("kind", [".ma-mark", ".ma-chip"])
def test_popups_open_and_close_by_keyboard(opened: Callable[..., Page], kind: str) -> None:
    page = opened()
    page.locator(kind).first.focus()
    page.keyboard.press("Enter")
    popup = page.locator(".leaflet-popup-content")
    assert popup.is_visible()
    page.keyboard.press("Escape")
    page.wait_for_timeout(300)
    assert page.locator(".leaflet-popup").count() == 0
    # Whoever closed it is where they were.
    assert page.evaluate("kind => document.activeElement.matches(kind)", kind)


# --- aloud ---------------------------------------------------------------------------------------------------


def test_what_changes_is_told(opened: Callable[..., Page]) -> None:
    page = opened()
    live = page.locator(".ma-panel [aria-live=polite]")
    assert live.count() == 1
    page.evaluate(
        """() => {
            window.told = 0;
            const live = document.querySelector('.ma-panel [aria-live=polite]');
            new MutationObserver(() => { window.told++; })
                .observe(live, { childList: true, characterData: true, subtree: true });
        }"""
    )
    before = live.inner_text()
    for setting in (
        {"level": "alone"},
        {"scenario": "storm"},
        {"setting": SETTING},
        {"level": "joint"},
    ):
        change(page, setting)
        now = live.inner_text()
        assert now != before
        assert page.evaluate("window.told") > 0
        page.evaluate("window.told = 0")
        before = now
    # What leaves the result as it is says nothing again.
    change(page, {"view": "minutes"})
    change(page, {"placing": True})
    assert page.evaluate("window.told") == 0


@pytest.mark.parametrize("width", [1400, 390])
def test_headings_are_an_outline(opened: Callable[..., Page], width: int) -> None:
    page = opened(width=width)
    unfold(page)
    change(page, {"setting": SETTING, "scenario": "storm"})
    unfold(page)
    heads = page.evaluate(
        """[...document.querySelectorAll('h1, h2, h3, h4')].filter(node => node.getClientRects().length)
            .map(node => [Number(node.tagName[1]), node.textContent])"""
    )
    levels = [level for level, _ in heads]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    parts = {"What if …", "By municipality", "Cooperation", "Take it along", "About this map"}
    assert parts <= {text for level, text in heads if level == 2}
    assert all(text.strip() for _, text in heads)


# --- large enough, and at any width --------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1400, 390])
def test_what_is_pressed_is_large_enough(opened: Callable[..., Page], width: int) -> None:
    """A target is 24 pixels wide and high; the label of a field is part of it. Marks stand where they are."""
    page = opened(width=width)
    unfold(page)
    change(page, {"setting": SETTING, "placing": True, "pin": None})
    page.get_by_role("button", name="Pin as A").click()
    page.locator(".leaflet-control-layers-toggle").focus()
    page.keyboard.press("Enter")
    small = page.evaluate(
        f"""({FOCUSABLE})().filter(node => !node.closest('.ma-scroll, .leaflet-pane')).map(node => {{
            const boxes = [node, ...(node.labels || [])]
                .map(one => (one.closest('li, label') || one).getBoundingClientRect());
            const width = Math.max(...boxes.map(one => one.width)), height = Math.max(...boxes.map(one => one.height));
            return [node.outerHTML.slice(0, 90), width, height];
        }}).filter(([, width, height]) => width < 23.5 || height < 23.5)"""
    )
    assert small == []


@pytest.mark.parametrize("width", [320, 640, 641, 1920, 2560])
def test_nothing_runs_over_the_side(opened: Callable[..., Page], width: int) -> None:
    page = opened(width=width, height=1200 if width > 1000 else 640)
    for lang in ("en", "de", "ar"):
        page.evaluate("lang => map_1.mutualaid.speak(lang, lang === 'en' ? '' : 'en')", lang)
        settle(page)
        unfold(page)
        change(page, {"setting": SETTING, "scenario": "storm", "view": "who"})
        unfold(page)
        wide = page.evaluate(
            """() => [document.scrollingElement.scrollWidth, document.scrollingElement.scrollHeight,
                document.querySelector('.ma-panel').scrollWidth - document.querySelector('.ma-panel').clientWidth]"""
        )
        assert wide[0] <= width
        assert wide[1] <= page.viewport_size["height"] if page.viewport_size else False
        assert wide[2] <= 0
        over = page.evaluate(
            """() => {
                const { left, right } = document.querySelector('.ma-panel').getBoundingClientRect();
                return [...document.querySelectorAll('.ma-panel *')]
                    .filter(node => !node.closest('.ma-scroll, svg, option') && node.offsetWidth > 2)
                    .filter(node => {
                        const box = node.getBoundingClientRect();
                        return box.left < left - 1 || box.right > right + 1;
                    }).map(node => node.outerHTML.slice(0, 120));
            }"""
        )
        assert over == []


def test_text_can_be_enlarged(opened: Callable[..., Page]) -> None:
    page = opened(width=700, height=450)  # as 1400 × 900 at 200 %
    unfold(page)
    viewports = page.evaluate("[...document.querySelectorAll('meta[name=viewport]')].map(one => one.content)")
    assert set(viewports) == {"width=device-width, initial-scale=1"}
    page.locator(".ma-foot").scroll_into_view_if_needed()
    assert page.locator(".ma-foot").is_visible()
    panel = page.locator(".ma-panel").bounding_box()
    assert panel is not None
    assert panel["height"] <= 450


# --- hostile data --------------------------------------------------------------------------------------------

HOSTILE = {
    "script": "<script>window.pwned = 1; alert(1)</script>",
    "script end": "</script><!-- <script> --></style></title><script>window.pwned = 1</script>",
    "quotes": "`'\"); window.pwned = 1; //`",
    "templates": "${window.pwned = 1}{{7*7}}{% raw %}{# x {n} {place}",
    "backslash": "C:\\users\\new\\u0041\\",
    "odd characters": "🚒👩🏽‍🚒 \u202eمحطة \u200fالإطفاء\u2066 one\u2028two\u2029three\nfour\tfive",
    "image": "<img src=x onerror=window.pwned=1>",
    "handler": '" onmouseover="window.pwned=1" autofocus onfocus="window.pwned=1',
    "formula": '=HYPERLINK(1);+1@x, "and" more',
    "prototype": "__proto__",
    "constructor": "constructor",
    "long": "Llanfair " * 1_200,
}


def face(text: str) -> str:
    """Text as the page shows it: on one line, and not too long."""
    line = " ".join(text.split())
    return line if len(line) <= 80 else line[:79].rstrip() + "…"


def squeezed(text: str) -> str:
    return "".join(text.split())


def hostile_page(
    text: str, made_up: Callable[..., Any], tables: Callable[..., WhatIfTables], folder: Path
) -> Path:
    """A page with a text for every name: of places, stations, scenarios, their translations, and the ground."""
    keys = (
        "west",
        "east",
        "station",
        "crossing",
        "scenario",
        "layer",
        "hazard_source",
        "agreement",
        "partner",
    )
    analysis = made_up(hazards=folder, agreed=True, **dict.fromkeys(keys, text))
    region = analysis.region
    names = {f"name_{lang}": f"{lang} {text}" for lang in ("fr", "ar")}
    corner = region.jurisdictions.total_bounds[:2]
    ground = gpd.GeoDataFrame(
        {"kind": ["place", "water"], "name": text, "place": ["town", ""], "population": np.nan, **names},
        index=pd.Index(["G1", "G2"], name="id"),
        geometry=gpd.points_from_xy(
            corner[0] + [4_000, 2_000], corner[1] + [5_500, 5_000], crs=region.crs
        ).buffer([1, 1_500]),
        crs=region.crs,
    )
    ground.geometry = ground.geometry.where(ground["kind"] == "water", ground.geometry.centroid)
    changed: Any = SimpleNamespace(**vars(analysis))
    changed.stations = analysis.stations.assign(**names)
    lands = region.jurisdictions.assign(**names)
    changed.region = replace(region, ground=ground, jurisdictions=lands, stations=changed.stations)
    times = tables(changed)
    ids = pd.Index([f"{k} {text[:300]}" for k in range(len(times.sites))], name="id")
    times = replace(times, sites=times.sites.set_axis(ids))
    return save_offline(coverage_map(changed, None, times), folder / "map.html")


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_names_stay_names(
    kind: str,
    made_up: Callable[..., Any],
    tables: Callable[..., WhatIfTables],
    visit: Callable[..., Any],
    tmp_path: Path,
) -> None:
    text = HOSTILE[kind]
    shown = squeezed(face(text))
    path = hostile_page(text, made_up, tables, tmp_path)
    seen = visit(path, accept_downloads=True)
    page = seen.page
    settle(page)

    def texts(selector: str) -> set[str]:
        return {squeezed(one) for one in page.locator(selector).all_text_contents()}

    unfold(page)
    # Stations in the list, by municipality; a new one; a pinned setting.
    assert texts(".ma-whatif fieldset legend") == {shown}
    assert texts(".ma-whatif fieldset .ma-label") == {shown}
    page.get_by_role("button", name="Place a new station").click()
    assert squeezed(page.locator(".ma-site").first.get_attribute("aria-label") or "").endswith(shown)
    page.locator(".ma-site").last.dispatch_event("click")
    assert squeezed(page.locator(".ma-new").get_attribute("aria-label") or "") == "Newstationin" + shown
    assert f"Newstationin{shown}Remove" in squeezed(page.locator(".ma-whatif").text_content() or "")
    page.locator("#ma-site-0").set_checked(False)
    page.locator("#ma-scenario").select_option("hq100")
    settle(page)
    page.get_by_role("button", name="Pin as A").click()
    pinned = squeezed(page.locator(".ma-buttons p.ma-quiet").first.text_content() or "")
    assert f"off:{shown}" in pinned
    assert shown[:40] in pinned.split("off:")[0]  # the scenario
    # Every scenario in the select, the ground, popups and tips.
    options = texts("#ma-scenario option")
    assert all(shown[:40] in one for one in options if one != "Fairweather")
    assert len(options) > 1
    assert shown in texts(".ma-place")
    assert shown in texts(".ma-places tbody th")
    page.evaluate(
        """() => {
            map_1.eachLayer(layer => {
                if (layer.getTooltip && layer.getTooltip()) { layer.openTooltip(); layer.closeTooltip(); }
            });
            const { cells } = map_1.mutualaid;
            for (let i = 0; i < 2000; i += 100) {
                cells._shown = -1;
                const latlng = cells.latLng(i);
                map_1.fire('mousemove', { latlng, containerPoint: map_1.latLngToContainerPoint(latlng) });
            }
        }"""
    )
    page.locator(".ma-mark.ma-off").dispatch_event("click")
    assert shown in texts(".leaflet-popup-content h3")
    # What is suggested where a place is sought.
    page.locator("#ma-search").fill(face(text)[:12])
    assert shown in texts("#ma-found li")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    # The table to take along holds the name, and no formula.
    with page.expect_download() as download:
        page.get_by_role("button", name="Table (CSV)").click()
    rows = list(csv.reader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8-sig"))))
    place = [row[0] for row in rows if row and squeezed(row[0]).lstrip("'") == shown]
    assert len(place) == 2
    assert not any(one.startswith(("=", "+", "-", "@")) for row in rows for one in row)
    # The link comes back to the same setting.
    page.wait_for_timeout(500)
    link, setting = page.url, page.evaluate("map_1.mutualaid.setting")
    assert "off=" in link
    assert setting["off"] == [0]
    assert setting["added"] == [6]
    # In other languages the names are those that it has.
    page.evaluate("() => map_1.mutualaid.speak('ar', 'fr')")
    settle(page)
    unfold(page)
    there = shown if text == "__proto__" else squeezed(face(f"ar {text}"))  # which no table has as a key
    assert texts(".ma-whatif fieldset legend") == {there}
    assert there in texts(".ma-place")
    assert there in texts(".ma-places tbody th")
    assert page.evaluate("window.pwned") is None
    assert page.locator("[onmouseover], [onfocus], [onerror], .ma-panel img, .ma-panel script").count() == 0
    assert page.locator(".ma-panel h1").count() == 1
    page.evaluate("scrollTo(0, 0)")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 1400
    assert not re.search(r"undefined|NaN|\[object", page.locator(".ma-panel").inner_text())
    page.goto(link)
    page.reload()
    page.wait_for_selector("[data-mutualaid=ready]")
    settle(page)
    page.wait_for_timeout(300)
    assert page.evaluate("map_1.mutualaid.setting") == setting
    assert page.evaluate("window.pwned") is None
    assert seen.complaints == []
    assert [one for one in seen.requests if not one.startswith(("blob:", path.as_uri()))] == []
