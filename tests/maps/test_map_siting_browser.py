"""Where to build on the page, in a real browser: the plan, its marks, and what it switches on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from mutualaid.coverage import Analysis, WhatIfTables, candidate_sites, what_if_coverage, what_if_tables
from mutualaid.maps import coverage_map, save_offline
from mutualaid.maps._languages import catalogue
from mutualaid.siting import Plan, SitingStudy, candidates, plan_gains, siting

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


@dataclass(frozen=True)
class Case:
    """A study, the tables of its what-ifs, and its page."""

    analysis: Analysis
    study: SitingStudy
    tables: WhatIfTables
    page: Path

    def standing(self, plan: Plan) -> NDArray[np.bool_]:
        """Sites of the what-if that stand by a plan."""
        sites = self.tables.sites
        on: NDArray[np.bool_] = ~sites["candidate"].to_numpy(np.bool_) | sites.index.isin(plan.opened)
        return on & ~sites.index.isin(plan.closed)


def drawn(analysis: Any, study: SitingStudy, tables: WhatIfTables, folder: Path, **options: Any) -> Case:
    page = coverage_map(analysis, None, tables, siting=study, **options)
    return Case(analysis, study, tables, save_offline(page, folder / "map.html"))


@pytest.fixture(scope="module")
def real(demo: Any, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """The embedded region: two new stations and one closed, in fair weather and under two hazards."""
    analysis = demo.analysis
    sites = candidates(analysis, count=40, closable=tuple(analysis.stations.index))
    study = siting(
        analysis, add=2, close=1, sites=sites, scenarios={"": 2.0, "wildfire": 1.0, "storm": 1.0},
        alternatives=3, within=0.2, curve_to=0, separate=False,
    )  # fmt: skip
    assert len(study.alternatives) == 3
    opened = study.sites[study.sites["change"] == "opened"]
    others = candidate_sites(analysis, count=10)
    offered = gpd.GeoDataFrame(pd.concat([opened[others.columns], others]), crs=others.crs)
    tables = what_if_tables(analysis, sites=offered)
    return drawn(analysis, study, tables, tmp_path_factory.mktemp("real"))


@pytest.fixture(scope="module")
def invented(
    agreed: Any,
    tables: Callable[..., WhatIfTables],
    study: Callable[..., SitingStudy],
    tmp_path_factory: pytest.TempPathFactory,
) -> Case:
    """A made-up region whose plan closes a station as well."""
    times = tables(agreed)
    return drawn(agreed, study(agreed, times), times, tmp_path_factory.mktemp("invented"))


def settle(page: Page) -> None:
    """Wait until everything is unpacked."""
    page.evaluate(
        """() => new Promise(done => {
            const look = () => !map_1.mutualaid.pending && (!map_1.mutualaid.whatif || map_1.mutualaid.engine)
                ? done() : setTimeout(look, 10);
            look();
        })"""
    )


@pytest.fixture
def opened(visit: Callable[..., Any]) -> Iterator[Callable[..., Page]]:
    """Open a page; it must ask for nothing and complain of nothing."""
    seen = []

    def go(path: Path, **options: Any) -> Page:
        one = visit(path, **options)
        seen.append(one)
        settle(one.page)
        page: Page = one.page
        return page

    yield go
    for one in seen:
        assert one.requests == []
        assert one.complaints == []


def by_place(gains: pd.DataFrame) -> dict[tuple[str, str], dict[str, dict[Any, Any]]]:
    """Rows of gains by weather and kind, then by id."""
    found: dict[tuple[str, str], dict[str, dict[Any, Any]]] = {}
    for row in gains.to_dict("records"):
        found.setdefault((row["weather"], row["kind"]), {})[row["id"]] = row
    return found


def number(text: str) -> float:
    """Read a number of people; "<1" is somebody, but less than half a one."""
    return 0.25 if text.strip() == "<1" else float(text.replace(",", ""))


def buttons(page: Page) -> Locator:
    return page.locator(".ma-plan > button")


def texts(page: Page, selector: str) -> list[str]:
    return page.locator(selector).all_text_contents()


def rows(page: Page, part: str, label: str) -> dict[str, list[str]]:
    """Rows of a table of the panel by their title."""
    found = page.locator(f".ma-{part} [role=region][aria-label='{label}'] tbody tr")
    return {
        cells[0]: cells[1:] for cells in (row.locator("th, td").all_text_contents() for row in found.all())
    }


def close(found: str, wanted: float) -> bool:
    return abs(number(found) - wanted) < 0.51


# --- numbers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["real", "invented"])
def test_switching_to_a_plan_shows_its_numbers(
    kind: str, opened: Callable[..., Page], request: pytest.FixtureRequest
) -> None:
    case: Case = request.getfixturevalue(kind)
    page, people = opened(case.page), case.analysis.demand["population"].to_numpy()
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    before = page.locator(".ma-head").inner_text()
    towns = case.analysis.region.jurisdictions["name"]
    for k, plan in enumerate(case.study.alternatives):
        page.locator("button[data-choice=alone]").click()
        buttons(page).nth(k).click()
        assert [one.get_attribute("aria-pressed") for one in buttons(page).all()] == [
            str(k == other).lower() for other in range(len(case.study.alternatives))
        ]
        assert page.evaluate("map_1.mutualaid.level") == case.study.level
        gains = by_place(plan_gains(plan))
        for weather in case.study.over.weather:
            page.locator("#ma-scenario").select_option(weather)
            settle(page)
            now = what_if_coverage(case.tables, weather=weather, on=case.standing(plan))["joint"].reached
            total = gains[weather, "all"][""]
            reached, everybody = texts(page, ".ma-head p b")
            assert close(reached, people[now].sum())
            assert close(reached, total["after"])
            assert close(everybody, total["population"])
            shown = rows(page, "places", "By municipality")
            for key, row in gains[weather, "jurisdiction"].items():
                assert close(shown[towns[key]][-1], row["population"] - row["after"])
            gaps = page.evaluate("map_1.mutualaid.cells.gaps.reduce((sum, gap) => sum + gap.people, 0)")
            assert gaps == pytest.approx(people[~now].sum(), abs=1)
        if k == 0:
            check_section(page, case)
        page.locator("#ma-scenario").select_option("")
        settle(page)
    buttons(page).nth(len(case.study.alternatives) - 1).click()  # once more: back to what was computed
    assert page.evaluate("map_1.mutualaid.now") is None
    assert page.locator(".ma-head").inner_text() == before


def check_section(page: Page, case: Case) -> None:
    """Compare what the section says of the plan with its gains; the last weather is shown."""
    gains = by_place(case.study.gains)
    weathers = list(case.study.over.weather)
    head = page.locator(".ma-siting .ma-gain").text_content() or ""
    total = gains[weathers[-1], "all"][""]
    said = [number(n) for n in re.findall(r"[\d,]+(?= of|\speople|\smore|\sfewer)", head)]
    assert said[:2] == [round(total["after"]), round(total["population"])]
    if len(said) > 2:
        assert abs(said[-1] - abs(total["gained"])) < 0.51
    names = {one.scenario.id: one.scenario.name for one in case.analysis.scenarios} | {"": "Fair weather"}
    table = rows(page, "siting", "In time, by hazard")
    assert list(table) == [names[weather] for weather in weathers]
    for weather in weathers:
        row, shown = gains[weather, "all"][""], table[names[weather]]
        assert close(shown[0], row["before"])
        assert close(shown[1], row["after"])
        assert abs(number(shown[2].replace("+", "")) - row["gained"]) < 0.51
    towns = case.analysis.region.jurisdictions["name"]
    changed = {key: row for key, row in gains[weathers[-1], "jurisdiction"].items() if row["gained"] != 0}
    shown_towns = rows(page, "siting", "In time, by municipality")
    assert set(shown_towns) == {towns[key] for key in changed}
    for key, row in changed.items():
        assert close(shown_towns[towns[key]][0], row["before"])
        assert close(shown_towns[towns[key]][1], row["after"])


# --- marks ---------------------------------------------------------------------------------------------------

PINS = ".leaflet-marker-icon.ma-pin"
RINGS = ".leaflet-marker-icon.ma-struck"


def test_marks_tell_of_their_sites_and_follow_the_setting(
    invented: Case, opened: Callable[..., Page]
) -> None:
    page, sites = opened(invented.page), invented.study.sites
    new = sites[sites["change"] == "opened"]
    assert texts(page, f"{PINS} text") == [str(k + 1) for k in range(len(new))]
    assert page.locator(f"{PINS}:not(.ma-other)").count() == new["in_plan"].sum() == 2
    assert page.locator(RINGS).count() == 2
    assert page.locator(f"{RINGS}.ma-other").count() == 1
    first = page.locator(PINS).first
    assert str(first.get_attribute("aria-label")).startswith(
        "1 · Mill Lane, Millbrook, 420 m from Millbrook, "
    )
    first.focus()
    page.keyboard.press("Enter")
    popup = page.locator(".leaflet-popup-content")
    for told in ("1 · Mill Lane, Millbrook", "Cost: 2.5 EUR", "In the plan, and in 1 of 2 alternatives"):
        assert told in popup.inner_text()
    popup.get_by_role("button", name="Switch on").click()
    site = list(invented.tables.sites.index).index(str(new.index[0]))
    assert page.evaluate("map_1.mutualaid.setting.added") == [site]
    assert page.locator(f"{PINS}.ma-on text").all_text_contents() == ["1"]
    assert page.locator(".ma-new").count() == 0  # one mark at each place
    popup.get_by_role("button", name="Switch off").click()
    assert page.locator(f"{PINS}.ma-on").count() == 0
    page.keyboard.press("Escape")
    # A station that the plan closes has its own popup still: only the ring around it is the plan's.
    centre = page.locator(f"{RINGS}:not(.ma-other)").bounding_box()
    assert centre is not None
    x, y = centre["x"] + centre["width"] / 2, centre["y"] + centre["height"] / 2
    page.mouse.click(x + 5, y - 2)
    assert page.locator(".leaflet-popup-content").get_by_text("Career crew").count() == 1
    page.keyboard.press("Escape")
    page.locator(f"{RINGS}:not(.ma-other)").dispatch_event("click")
    assert "no longer in time" in page.locator(".leaflet-popup-content").last.inner_text()
    page.keyboard.press("Escape")
    # Under a hazard, a site that it takes out is crossed out.
    page.locator("#ma-scenario").select_option("hq100")
    settle(page)
    assert page.locator(f"{PINS}.ma-out text").all_text_contents() == ["1"]


def test_the_plan_has_its_names_in_the_what_if_the_legend_and_the_link(
    invented: Case, opened: Callable[..., Page]
) -> None:
    page = opened(invented.page)
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    buttons(page).first.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"
    listed = page.locator(".ma-whatif").inner_text()
    assert "New station 1: Mill Lane, Millbrook" in listed
    legend = page.locator(".ma-legend").inner_text()
    for told in ("Mill Lane, Millbrook", "closes: Westport Mill", "Switched on", "Site of an alternative"):
        assert told in legend
    assert page.locator(".ma-changed").inner_text().startswith("The plan")
    assert page.evaluate(
        "mutualaid.kit.words(mutualaid.kit.described(map_1.mutualaid, map_1.mutualaid))"
    ).endswith(" · The plan")
    page.wait_for_timeout(400)  # until the address is written
    hash_ = page.evaluate("location.hash")
    page.evaluate("location.hash = ''")
    page.wait_for_timeout(100)
    assert buttons(page).first.get_attribute("aria-pressed") == "false"
    page.evaluate("hash => { location.hash = hash; }", hash_)
    page.wait_for_timeout(200)
    assert buttons(page).first.get_attribute("aria-pressed") == "true"
    # Without the layer of the plan, its new stations are drawn as any other.
    page.locator(".leaflet-control-layers").hover()
    page.locator(".leaflet-control-layers label", has_text="Plan").locator("input").set_checked(False)
    assert page.locator(PINS).count() == 0
    assert page.locator(".ma-new").count() == 2
    assert page.locator(".ma-new").first.get_attribute("aria-label") == "New station 1: Mill Lane, Millbrook"
    page.locator(".leaflet-control-layers label", has_text="Plan").locator("input").set_checked(True)
    assert page.locator(f"{PINS}.ma-on").count() == 2
    assert page.locator(".ma-new").count() == 0


# --- every page ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["en", "fr", "de", "it", "es", "ar"])
def test_on_a_phone_and_in_every_language(invented: Case, opened: Callable[..., Page], lang: str) -> None:
    page = opened(invented.page, width=360, height=740, locale=lang)
    said = {key: str(text) for key, text in catalogue(lang).items()}
    part = page.locator("details[data-part=siting]")
    assert part.locator("summary").inner_text() == said["siting"]
    assert part.get_attribute("open") is None  # a phone shows the result first
    part.locator("summary").click()
    assert page.locator(".ma-plan h4 > span:first-child").all_text_contents() == [
        said["siting_plan"], *(said["siting_alternative"].format(k=k) for k in (1, 2))
    ]  # fmt: skip
    buttons(page).last.click()
    assert buttons(page).last.get_attribute("aria-pressed") == "true"
    panel = page.locator("section.ma-panel")
    assert panel.evaluate("node => node.scrollWidth <= node.clientWidth")
    assert panel.get_attribute("dir") == ("rtl" if lang == "ar" else "ltr")
    page.locator(PINS).first.dispatch_event("click")
    page.wait_for_timeout(300)
    switch = page.locator(".leaflet-popup-content .ma-button")
    switch.scroll_into_view_if_needed()
    box, sheet = switch.bounding_box(), panel.bounding_box()
    assert box is not None
    assert sheet is not None
    assert box["y"] + box["height"] <= sheet["y"]


def test_without_times_there_is_nothing_to_press(
    agreed: Any, invented: Case, tmp_path: Path, opened: Callable[..., Page]
) -> None:
    page = opened(save_offline(coverage_map(agreed, siting=invented.study), tmp_path / "map.html"))
    assert page.locator(".ma-plan").count() == 3
    assert buttons(page).count() == 0
    page.locator(PINS).first.dispatch_event("click")
    popup = page.locator(".leaflet-popup-content")
    assert "Mill Lane" in popup.inner_text()
    assert popup.locator("button").count() == 0


@pytest.mark.parametrize(
    "text",
    [
        "</script><!-- <script> --></style></title><script>window.pwned = 1</script>",
        "`'\"); window.pwned = 1; //${window.pwned = 1}{{7*7}}{% raw %}{n} {place}",
        '<img src=x onerror=window.pwned=1 " onmouseover="window.pwned=1">',
        "__proto__",
        "Llanfair " * 300,
    ],
)
def test_hostile_texts_stay_texts(
    text: str,
    made_up: Callable[..., Any],
    tables: Callable[..., WhatIfTables],
    study: Callable[..., SitingStudy],
    tmp_path: Path,
    opened: Callable[..., Page],
) -> None:
    keys = ("west", "east", "station", "scenario", "currency", "partner")
    analysis = made_up(hazards=tmp_path, agreed=True, **dict.fromkeys(keys, text))
    times = tables(analysis)
    found = replace(study(analysis, times, road=text, near=text, site=text), notes=(text,))
    case = drawn(analysis, found, times, tmp_path, languages=["en"])
    page = opened(case.page)
    line = " ".join(text.split())
    shown = "".join((line if len(line) <= 80 else line[:79].rstrip() + "…").split())
    buttons(page).first.click()
    for selector in (".ma-plan li", ".ma-siting tbody th", ".ma-siting [lang=en]", ".ma-legend li"):
        assert any(shown[:60] in "".join(one.split()) for one in texts(page, selector)), selector
    page.locator(PINS).first.dispatch_event("click")
    assert shown in "".join((page.locator(".leaflet-popup-content").text_content() or "").split())
    assert page.evaluate("window.pwned") is None
