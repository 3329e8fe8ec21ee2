"""The map of a country in a real browser: without a network, by keyboard, in other languages, and back again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mutualaid.reports import write_tiled

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

READY = '[data-mutualaid="ready"]'


@pytest.fixture(scope="module")
def country(tiled_demo: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("country") / "out"
    write_tiled(tiled_demo, folder)
    return folder


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1300, "height": 850}, locale="en")
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None if request.url.startswith(("file:", "data:", "blob:")) else said.append(request.url)
        ),
    )
    yield page
    page.close()
    assert said == []


def _open(page: Page, country: Path, rest: str = "") -> None:
    page.goto(f"{(country / 'map.html').as_uri()}{rest}")
    page.wait_for_selector(READY)


def _rows(page: Page) -> list[list[str]]:
    script = "rows => rows.map(row => [...row.children].map(cell => cell.textContent))"
    rows: list[list[str]] = page.locator(".ma-parts tbody tr").evaluate_all(script)
    return rows


def test_table_leads_with_the_part_that_has_most_people_in_gaps(
    page: Page, country: Path, tiled_demo: Any
) -> None:
    _open(page, country)
    covered = tiled_demo.coverage
    for level in ("joint", "alone"):
        page.locator(f"[data-choice={level}]").click()
        gaps = covered["population"].where(~covered[f"{level}_covered"], 0).groupby(tiled_demo.tile).sum()
        told = [int(row[3].replace(",", "")) for row in _rows(page)]
        assert told == sorted((round(float(n)) for n in gaps), reverse=True)


def test_a_part_opens_by_keyboard_and_comes_back_as_it_was(page: Page, country: Path) -> None:
    _open(page, country, "#l=alone&s=wildfire")
    link = page.locator(".ma-parts a").first
    name = link.text_content()
    link.focus()
    assert page.locator("path[stroke='#d55e00']").count() == 1  # where it lies
    page.keyboard.press("Enter")
    page.wait_for_url("**/map/tile-*.html*")
    page.wait_for_selector(READY)
    assert name is not None
    assert name in (page.locator(".ma-part").text_content() or "")
    page.wait_for_selector("[data-choice=alone][aria-pressed=true]")
    assert page.locator("#ma-scenario").input_value() == "wildfire"
    page.locator(".ma-part a").click()
    page.wait_for_url("**/map.html*")
    page.wait_for_selector("[data-choice=alone][aria-pressed=true]")
    assert page.locator("#ma-scenario").input_value() == "wildfire"


def test_a_square_tells_its_people_and_opens_its_part_there(page: Page, country: Path) -> None:
    _open(page, country)
    at = page.evaluate(
        """() => {
          const map = Object.values(window).find(one => one instanceof L.Map);
          const { cells } = map.mutualaid, columns = cells.columns;
          const most = columns.population.indexOf(Math.max(...columns.population));
          map.setView(cells.latLng(most), map.getMaxZoom() - 1, { animate: false });
          const { x, y } = map.latLngToContainerPoint(cells.latLng(most));
          return [x, y + 3, columns.population[most] / 10];
        }"""
    )
    page.wait_for_timeout(300)
    page.mouse.click(at[0], at[1])
    popup = page.locator(".leaflet-popup-content")
    assert f"{round(at[2]):,}" in (popup.text_content() or "")
    popup.locator("a.ma-open").click()
    page.wait_for_url(re.compile(r"/map/tile-\d\.html#(.*&)?z=13/43\.\d+/7\.\d+$"))
    page.wait_for_selector(READY)
    assert page.evaluate("Object.values(window).find(one => one instanceof L.Map).getZoom()") == 13


@pytest.mark.parametrize("view", ["status", "minutes"])
def test_a_square_is_filled_in_the_shares_of_its_people(page: Page, country: Path, view: str) -> None:
    _open(page, country)
    page.locator(f"[data-choice={view}]").click()
    found = page.evaluate(
        """() => {
          const map = Object.values(window).find(one => one instanceof L.Map);
          const { cells } = map.mutualaid, c = cells.columns, groups = cells._groups(map.mutualaid);
          const people = i => cells._people(c, groups, i);
          const many = i => people(i).filter(n => n > 0.2 * c.population[i]).length;
          let best = 0; // a square of several classes, none of them tiny
          for (let i = 0; i < cells.n; i++) if (many(i) > many(best)) best = i;
          map.setView(cells.latLng(best), map.getMaxZoom(), { animate: false });
          const { width, height } = cells._canvas;
          const { data } = cells._canvas.getContext("2d").getImageData(0, 0, width, height);
          const fills = groups.map(({ swatch }) => [1, 3, 5].map(k => parseInt(swatch[0].slice(k, k + 2), 16)));
          const counts = groups.map(() => 0);
          for (let p = 0; p < width * height; p++) {
            if (cells._owner[p] !== best || !data[4 * p + 3]) continue;
            const k = fills.findIndex(fill => fill.every((v, j) => Math.abs(v - data[4 * p + j]) < 4));
            if (k >= 0) counts[k]++;
          }
          return [people(best), counts];
        }"""
    )
    people, pixels = found
    assert sum(one > 0 for one in people) >= 2
    shares = [one / sum(people) for one in people]
    for share, one in zip(shares, (n / sum(pixels) for n in pixels), strict=True):
        assert one == pytest.approx(share, abs=0.12)  # the ink of hatchings is not counted


@pytest.mark.parametrize("lang", ["fr", "de", "it", "es", "ar"])
def test_it_speaks_all_languages(page: Page, country: Path, lang: str) -> None:
    _open(page, country)
    english = page.locator(".ma-parts").text_content()
    page.locator("[data-key=language]").select_option(lang)
    page.wait_for_selector(f"html[lang={lang}]")
    page.wait_for_selector(READY)
    said = page.locator(".ma-parts").text_content() or ""
    assert said != english
    assert "Which part" not in said
    assert page.locator("html").get_attribute("dir") == ("rtl" if lang == "ar" else "ltr")


def test_paper_has_the_parts_and_the_picture(page: Page, country: Path) -> None:
    _open(page, country)
    page.emulate_media(media="print")
    page.wait_for_selector(".ma-paper .ma-printed-map")
    assert page.locator(".ma-printed-table tbody tr").count() == 3
    box = page.locator(".ma-printed-map").bounding_box()
    assert box is not None
    assert box["width"] > 100


def test_a_phone_shows_it_without_scrolling_sideways(browser: Browser, country: Path) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 780}, locale="en")
    _open(page, country)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()
