"""The page in each of its languages: no English is left, and numbers, names and sides are those of the language."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from babel.dates import format_date
from babel.numbers import format_decimal

from mutualaid.coverage import WhatIfTables
from mutualaid.maps import coverage_map, save_offline
from mutualaid.maps._languages import LANGUAGES, catalogue
from mutualaid.siting import SitingStudy

if TYPE_CHECKING:
    from playwright.sync_api import Page

OTHERS = [lang for lang in LANGUAGES if lang != "en"]
NAMES = {
    "fr": ["Port-du-Couchant", "Ville-du-Levant"],
    "de": ["Westhafen", "Oststadt"],
    "ar": ["ميناء الغرب", "مدينة الشرق"],
}
STATION_FR = "Caserne du Couchant"
START = dt.date(2026, 3, 1)


@pytest.fixture(scope="module")
def region(agreed: Any) -> Any:
    """The made-up region with three scenarios, an agreement that has a date, and names in other languages."""
    told = {f"name_{lang}": names for lang, names in NAMES.items()}
    changed = SimpleNamespace(**vars(agreed))
    stations = agreed.stations.assign(name_fr=[STATION_FR, "", ""])
    lands = agreed.region.jurisdictions.assign(**told)
    changed.region = replace(agreed.region, jurisdictions=lands, stations=stations)
    changed.stations = stations
    changed.agreements = tuple(replace(one, valid_from=str(START)) for one in agreed.agreements)
    return changed


@pytest.fixture(scope="module")
def file(
    region: Any,
    tables: Callable[..., WhatIfTables],
    together: Callable[[Any], Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    page = coverage_map(region, together(region), tables(region))
    return save_offline(page, tmp_path_factory.mktemp("languages") / "map.html")


@pytest.fixture(scope="module")
def everything(
    region: Any,
    tables: Callable[..., WhatIfTables],
    together: Callable[[Any], Any],
    study: Callable[..., SitingStudy],
    evacuated: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The page with all that there is to be said: with a plan and an evacuation, too."""
    times = tables(region)
    page = coverage_map(
        region, together(region), times, siting=study(region, times), evacuation=evacuated(region)
    )
    return save_offline(page, tmp_path_factory.mktemp("everything") / "map.html")


@pytest.fixture
def opened(file: Path, visit: Callable[..., Any]) -> Callable[..., Page]:
    def go(lang: str = "en", **options: Any) -> Page:
        page: Page = visit(file, locale=lang, **options).page
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


def speak(page: Page, lang: str, second: str = "") -> None:
    """Choose the languages as the reader does."""
    page.locator("select[data-key=second_language]").select_option("")
    settle(page)
    page.locator("select[data-key=language]").select_option(lang)
    settle(page)
    page.locator("select[data-key=second_language]").select_option(second)
    settle(page)


def text(lang: str, key: str) -> str:
    found = catalogue(lang)[key]
    assert isinstance(found, str)
    return found


def pieces(lang: str) -> set[str]:
    """Parts of all texts of a language between what is filled in."""
    texts = [
        text for one in catalogue(lang).values() for text in ([one] if isinstance(one, str) else one.values())
    ]
    return {part.strip(" .,:;()·") for one in texts for part in re.split(r"\{\w+\}", one)}


#: All texts below a node, hidden ones too, apart from those that say to be in English.
TEXTS_BELOW = """root => {
    const out = new Set(), mine = node => !node.closest('script, style, [lang=en]');
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) if (mine(walker.currentNode.parentElement)) out.add(walker.currentNode.data);
    for (const node of root.querySelectorAll('*')) {
        if (!mine(node)) continue;
        for (const key of ['aria-label', 'aria-valuetext', 'aria-description', 'title', 'alt', 'placeholder']) {
            if (node.hasAttribute(key)) out.add(node.getAttribute(key));
        }
    }
    return out;
}"""

#: Those of the page in all views, levels, weathers and settings, with whatever can be opened or pointed at.
ALL_TEXTS = (
    """async () => {
    const below = """
    + TEXTS_BELOW
    + """, found = new Set(), map = map_1, state = map.mutualaid, { change, reset } = mutualaid.kit, { cells } = state;
    const settled = () => new Promise(done => {
        const look = () => state.pending ? setTimeout(look, 5) : done();
        look();
    });
    const note = root => {
        for (const one of root.querySelectorAll('details')) one.open = true;
        for (const one of below(root)) found.add(one);
    };
    const page = () => note(document.body), pane = name => note(map.getPane(name));
    const layers = /^(paths|marks|severity|evacuated)_/;
    for (const key in window) if (layers.test(key) && window[key].addTo) map.addLayer(window[key]);
    const point = () => {
        map.eachLayer(layer => {
            if (layer.getTooltip && layer.getTooltip()) {
                layer.openTooltip();
                pane('tooltipPane');
                layer.closeTooltip();
            }
            if (layer.getPopup && layer.getPopup() && layer.getElement && layer.getElement()) {
                layer.openPopup();
                pane('popupPane');
                map.closePopup();
            }
        });
        for (let i = 0; i < cells.columns.status.length; i += 60) {
            const latlng = cells.latLng(i);
            map.fire('mousemove', { latlng, containerPoint: map.latLngToContainerPoint(latlng) });
            note(document.querySelector('.ma-tip'));
        }
    };
    await new Promise(requestAnimationFrame);
    for (const moment of [null, 0, 9]) {
        change(map, { moment, route: 0 });
        await settled();
        page();
        point();
    }
    for (let k = 0; k < 5; k++) note(state.evacuated.flows.told(map, k));
    mutualaid.kit.turnTo(map, 'coverage');
    await settled();
    const settings = [
        { off: [], added: [], limit_s: null, dispatch_s: null, crossing_s: null },
        { off: [1], added: [4], limit_s: 600, dispatch_s: 90, crossing_s: 120 },
    ];
    for (const scenario of ['', ...state.scenarios.map(one => one.id)]) {
        change(map, { scenario });
        await settled();
        for (const setting of settings) {
            for (const level of state.levels) {
                for (const view of ['status', 'minutes', 'who']) {
                    change(map, { setting, level, view });
                    page();
                }
            }
            point();
        }
    }
    const pin = { level: 'joint', scenario: 'hq100', setting: settings[1], reached: cells.reached(), people: 4000 };
    for (const one of [{ pin, view: 'difference' }, { placing: true }, { reach: state.engine.reach(0), reach_of: 0 }]) {
        change(map, one);
        page();
    }
    change(map, { pin: null, placing: false, reach: null, view: 'status' });
    reset(map);
    return [...found];
}"""
)


@pytest.mark.parametrize("lang", OTHERS)
def test_no_english_is_left(lang: str, everything: Path, visit: Callable[..., Any]) -> None:
    page: Page = visit(everything, locale=lang).page
    settle(page)
    assert page.locator("html").get_attribute("lang") == lang
    left = {one for one in pieces("en") if len(one) > 12} - pieces(lang)
    assert len(left) > 200
    shown = page.evaluate(ALL_TEXTS)
    found = {(one, seen) for seen in shown for one in left if one in seen}
    assert not found
    # The walk meets most of what there is to be said.
    own = {one for one in pieces(lang) if len(one) > 12}
    met = "\n".join(shown)
    assert sum(one in met for one in own) > 0.6 * len(own)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_says_which_language_it_speaks_and_writes_its_numbers(
    lang: str, opened: Callable[..., Page], region: Any
) -> None:
    page = opened(lang)
    html = page.locator("html")
    assert html.get_attribute("lang") == lang
    assert html.get_attribute("dir") == LANGUAGES[lang].direction
    assert page.title() == "Both banks of the Ister"
    panel = page.locator(".ma-panel")
    assert panel.get_attribute("lang") == lang
    people = region.coverage["population"]
    everybody = format_decimal(round(people.sum()), locale=lang, decimal_quantization=True)
    assert len(everybody) == 6
    assert everybody in panel.inner_text().replace("\xa0", "\u202f")
    page.locator("details[data-part=together] > summary").click()
    day = format_date(START, "long", locale=lang)
    assert text(lang, "term_valid_from").replace("{day}", day) in panel.inner_text()
    # Digits are the same everywhere; what separates them is not.
    page.locator("#ma-scenario").select_option("hq100")
    settle(page)
    closed = region.scenarios[0].roads["closed_m"].sum() / 1_000
    km = format_decimal(round(closed, 1), locale=lang)
    assert text(lang, "length_km").replace("{km}", km) in panel.inner_text()
    assert not re.search("[\u0660-\u0669\u06f0-\u06f9]", panel.inner_text())


def test_english_is_english(opened: Callable[..., Page]) -> None:
    page = opened("en-GB")
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.get_by_role("button", name="Joint team", exact=True).is_visible()


def test_the_maps_own_buttons_speak_it_too(opened: Callable[..., Page]) -> None:
    page = opened("en")
    page.locator(".leaflet-control-layers").hover()
    for lang in (*OTHERS, "en"):
        speak(page, lang)
        for key in ("zoom_in", "zoom_out"):
            button = page.locator(f".leaflet-control-{key.replace('_', '-')}")
            assert button.get_attribute("title") == button.get_attribute("aria-label") == text(lang, key)
        toggle = page.locator(".leaflet-control-layers-toggle")
        assert toggle.get_attribute("aria-label") == toggle.get_attribute("title") == text(lang, "layers")
        names = [one.strip() for one in page.locator(".leaflet-control-layers label").all_text_contents()]
        assert set(names) >= {text(lang, f"layer_{key}") for key in ("people", "gaps", "stations", "roads")}
        assert set(names) <= {value for key, value in catalogue(lang).items() if key.startswith("layer_")}
        page.locator(".ma-mark").first.dispatch_event("click")
        assert page.locator(".leaflet-popup-close-button").get_attribute("aria-label") == text(lang, "close")
        page.evaluate("void map_1.closePopup()")


@pytest.mark.parametrize(
    ("asked", "lang"),
    [("fr-FR", "fr"), ("de-AT", "de"), ("it-CH", "it"), ("es-MX", "es"), ("ar-MA", "ar"), ("ja-JP", "en")],
)
def test_the_readers_browser_chooses_the_language(asked: str, lang: str, opened: Callable[..., Page]) -> None:
    page = opened(asked)
    assert page.locator("html").get_attribute("lang") == lang
    assert page.locator("select[data-key=language]").input_value() == lang
    assert page.locator("button[data-choice=joint]").inner_text() == text(lang, "joint")


def test_a_page_speaks_the_languages_that_were_asked_for(
    region: Any, tmp_path: Path, visit: Callable[..., Any]
) -> None:
    several = save_offline(coverage_map(region, languages=("de", "fr")), tmp_path / "two.html")
    seen = visit(several, locale="es-ES")
    options = seen.page.locator("select[data-key=language] option").all_inner_texts()
    assert options == ["Deutsch", "Français"]
    assert seen.page.locator("html").get_attribute("lang") == "de"
    one = save_offline(coverage_map(region, languages=("it",)), tmp_path / "one.html")
    seen = visit(one, locale="fr-FR")
    assert seen.page.locator("html").get_attribute("lang") == "it"
    assert seen.page.locator("select[data-key=language]").count() == 0
    assert seen.complaints == []


BOXES = """() => Object.fromEntries([...document.querySelectorAll(
    '.ma-panel, .leaflet-control-zoom, .leaflet-control-layers, .leaflet-control-scale, .leaflet-control-attribution'
)].map(node => { const { left, right, top, bottom } = node.getBoundingClientRect();
    return [node.className.split(' ')[0], { left, right, top, bottom }]; }))"""


#: What is cut or runs over its edge in the panel.
TOO_WIDE = """() => [...document.querySelectorAll(
    'button, p, li, label, h1, h2, h3, summary, legend, output'.split(', ').map(tag => '.ma-panel ' + tag)
)].filter(node => node.offsetWidth && getComputedStyle(node).display !== 'inline')
    .filter(node => node.scrollWidth > node.clientWidth + 1).map(node => node.textContent)"""


@pytest.mark.parametrize("width", [1400, 700, 390])
def test_panel_and_buttons_stand_across_from_each_other(width: int, opened: Callable[..., Page]) -> None:
    page = opened("en", width=width)
    if width < 640:
        page.locator("details[data-part=more] > summary").click()
    for lang in ("ar", *OTHERS, "en"):  # to the right, back to the left, and once more
        speak(page, lang)
        boxes = page.evaluate(BOXES)
        assert len(boxes) == 5
        for (a, one), (b, other) in combinations(boxes.items(), 2):
            apart = (
                one["right"] <= other["left"]
                or other["right"] <= one["left"]
                or one["bottom"] <= other["top"]
                or other["bottom"] <= one["top"]
            )
            assert apart, (lang, a, b)
        panel, zoom = boxes["ma-panel"], boxes["leaflet-control-zoom"]
        if width > 640:
            arabic = LANGUAGES[lang].direction == "rtl"
            assert (panel["left"] == 10) != arabic
            assert (width - panel["right"] == 10) == arabic
            assert (zoom["right"] < 100) == arabic
            left, right = page.evaluate(
                """() => { const [a, b] = map_1.mutualaid.bounds.map(at => map_1.latLngToContainerPoint(at));
                    return [Math.min(a.x, b.x), Math.max(a.x, b.x)]; }"""
            )
            assert right < panel["left"] if arabic else left > panel["right"]
        assert page.evaluate(TOO_WIDE) == [], lang
        assert page.evaluate("document.querySelector('.ma-panel').scrollWidth") <= width


def plain(words: str) -> str:
    """Text without what lines and spaces make of it."""
    return re.sub(r"\s+", " ", words).strip()


SECOND = """() => [...document.querySelectorAll('.ma-panel .ma-second')]
    .map(node => [node.lang, node.dir, node.textContent])"""


@pytest.mark.parametrize(("lang", "second"), [("de", "fr"), ("fr", "ar"), ("ar", "en"), ("en", "it")])
@pytest.mark.parametrize("scenario", ["", "hq100"])
def test_a_second_language_stands_beside_the_first(
    lang: str, second: str, scenario: str, opened: Callable[..., Page]
) -> None:
    page = opened(second)
    page.evaluate(
        "setting => mutualaid.kit.change(map_1, setting)",
        {"scenario": scenario, "view": "minutes"},
    )
    settle(page)
    page.evaluate("mutualaid.kit.ask(map_1, { off: [1], limit_s: 600 })")
    alone = plain(page.locator(".ma-panel").evaluate("node => node.textContent"))
    assert page.locator(".ma-second").count() == 0
    speak(page, lang, second)
    beside = page.evaluate(SECOND)
    assert len(beside) > 25
    assert {(one, way) for one, way, _ in beside} == {(second, LANGUAGES[second].direction)}
    # It says in its language exactly what it says by itself there.
    strange = [words for _, _, words in beside if plain(words) not in alone]
    assert strange == []
    assert page.locator("html").get_attribute("lang") == lang
    speak(page, lang)
    assert page.locator(".ma-second").count() == 0


def test_places_are_named_in_the_language_that_has_a_name(opened: Callable[..., Page]) -> None:
    page = opened("en")
    page.locator("details[data-part=places] > summary").click()
    page.locator("details[data-part=whatif] > summary").click()
    for lang, (west, east) in [
        ("en", ["Westport", "Easton"]),
        *NAMES.items(),
        ("es", ["Westport", "Easton"]),
    ]:
        speak(page, lang)
        assert page.locator(".ma-places tbody th").all_inner_texts() == [west, east]
        places = page.locator(".ma-place.ma-jurisdiction").all_text_contents()
        assert places == [west, east]
        assert page.locator("details[data-part=whatif] legend").all_inner_texts()[0].startswith(west)
        first = STATION_FR if lang == "fr" else "Westport Central"
        assert page.locator("label[for=ma-site-0]").inner_text() == first
        assert str(page.locator(".ma-mark").first.get_attribute("aria-label")).startswith(first)
        page.locator("button[data-choice=who]").click()
        assert west in page.locator(".ma-legend").inner_text()
        page.evaluate("mutualaid.kit.ask(map_1, { added: [5] })")
        assert east in str(page.locator(".ma-new").get_attribute("aria-label"))
        tip = page.evaluate(
            """() => { const { cells } = map_1.mutualaid, at = cells.latLng(0);
                map_1.fire('mousemove', { latlng: at, containerPoint: map_1.latLngToContainerPoint(at) });
                return document.querySelector('.ma-tip h3').textContent; }"""
        )
        assert tip in (west, east)
        page.evaluate("mutualaid.kit.reset(map_1)")
        # It is found by the name that is shown, and by that of the data.
        for sought in (west, "Westport"):
            page.locator("#ma-search").fill(sought[:6])
            assert west in page.locator("#ma-found li").all_inner_texts()
