"""The page in a real browser: what people see, and what hostile data cannot do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import folium
import numpy as np
import pytest

from mutualaid.maps import coverage_map, esc, save_offline

if TYPE_CHECKING:
    from playwright.sync_api import Page

MAP = "map_1"  # its variable in every page

HOSTILE = {
    "script": "<script>window.pwned = 1; alert(1)</script>",
    "script end": "</script><!-- <script> --></style></title><script>window.pwned = 1</script>",
    "quotes": "`'\"); window.pwned = 1; //`",
    "templates": "${window.pwned = 1}{{7*7}}{% raw %}{# x",
    "odd characters": "C:\\users\\new 🚒👩🏽‍🚒 \u202eمحطة \u200fالإطفاء\u2066 one\u2028two\u2029three\nfour",
    "image": "<img src=x onerror=window.pwned=1>",
    "handler": '" onmouseover="window.pwned=1',
    "long": "Llanfair " * 1_200,
}


def text_of(page: Page, selector: str) -> str:
    return re.sub(r"\n+", "\n", page.locator(selector).first.inner_text())


def layer(page: Page, name: str) -> None:
    page.locator(".leaflet-control-layers").hover()
    page.locator(".leaflet-control-layers label", has_text=name).click()
    page.mouse.move(500, 20)


@pytest.fixture
def made_up_page(analysis: Any, tmp_path: Path) -> Path:
    return save_offline(coverage_map(analysis), tmp_path / "map.html")


def test_nothing_is_requested_and_nothing_complains(made_up_page: Any, visit: Callable[..., Any]) -> None:
    seen = visit(made_up_page)
    for name in ("Crossings", "Driving time areas", "Names", "Gaps", "People", "People", "Roads"):
        layer(seen.page, name)
    seen.page.mouse.wheel(0, -300)
    seen.page.wait_for_timeout(400)
    assert seen.requests == []
    assert seen.complaints == []


def test_the_policy_stops_what_a_page_would_otherwise_do(
    made_up_page: Any, visit: Callable[..., Any]
) -> None:
    seen = visit(made_up_page)
    seen.page.evaluate(
        """() => {
            const script = document.createElement('script');
            script.textContent = 'window.pwned = 1';
            document.head.append(script);
            new Image().src = 'https://example.org/count.png';
            return fetch('https://example.org/').catch(() => 0);
        }"""
    )
    assert seen.page.evaluate("window.pwned") is None
    assert seen.requests == []
    assert len(seen.complaints) >= 3


def test_the_switch_changes_numbers_and_colours_at_once(
    made_up_page: Any, analysis: Any, visit: Callable[..., Any]
) -> None:
    page = visit(made_up_page).page
    people, status = analysis.coverage["population"], analysis.coverage["status"]
    alone, joint = people[status == "own"].sum(), people[status.isin(["own", "joint"])].sum()
    assert page.locator("button[aria-pressed=true]").all_inner_texts() == ["Joint team", "In time?"]
    assert f"{joint:,.0f} of {people.sum():,.0f} people" in text_of(page, ".ma-head")
    assert text_of(page, ".ma-big") == f"{joint / people.sum():.0%}".replace("%", " %")
    assert f"{joint - alone:,.0f} more people" in text_of(page, ".ma-gain")
    assert f"Still without timely help: {people.sum() - joint:,.0f}." in text_of(page, ".ma-gain")
    closed = cell_centre(analysis, analysis.coverage.index[status == "joint"][0])
    green = colours_near(page, closed)
    page.get_by_role("button", name="Each alone").click()
    assert f"{alone:,.0f} of" in text_of(page, ".ma-head")
    assert f"{joint - alone:,.0f} more people would" in text_of(page, ".ma-gain")
    orange = colours_near(page, closed)
    assert not green & orange
    assert len(green) == len(orange) == 2  # each with its hatching
    assert "a neighbour only" not in text_of(page, ".ma-panel")


def cell_centre(analysis: Any, key: str) -> list[float]:
    point = analysis.coverage.geometry.loc[[key]].to_crs(4326).iloc[0]
    return [point.y, point.x]


def colours_near(page: Page, at: list[float]) -> set[str]:
    """Colours of the cell canvas in 12 × 12 pixels around a place."""
    return set(
        page.evaluate(
            """([name, at]) => {
                const map = window[name], p = map.latLngToContainerPoint(at);
                const canvas = map.getPane('ma-cells').querySelector('canvas');
                const box = canvas.getBoundingClientRect();
                const frame = map.getContainer().getBoundingClientRect();
                const x = p.x + frame.x - box.x, y = p.y + frame.y - box.y;
                const d = canvas.getContext('2d').getImageData(x - 5, y - 5, 10, 10).data, out = [];
                for (let k = 0; k < d.length; k += 4) out.push([...d.slice(k, k + 4)].join());
                return out;
            }""",
            [MAP, at],
        )
    )


@pytest.mark.parametrize("cells", [True, False])
@pytest.mark.parametrize("zoom", [13, 15])
def test_every_place_on_the_map_tells_what_the_analysis_says_of_it(
    made_up: Callable[..., Any], tmp_path: Path, visit: Callable[..., Any], cells: bool, zoom: int
) -> None:
    analysis = made_up(cells=cells)
    page = visit(save_offline(coverage_map(analysis), tmp_path / "map.html")).page
    chosen = analysis.coverage.sample(60, random_state=zoom)
    points = chosen.geometry.to_crs(4326)
    found = page.evaluate(
        """([map, zoom, places]) => places.map(at => {
            window[map].setView(at, zoom, { animate: false });
            const layer = window[Object.keys(window).find(key => key.startsWith('cells_'))], c = layer.columns;
            const [i] = layer.at(window[map].latLngToContainerPoint(at));
            return { people: c.population[i] / layer.data.people_scale, status: c.status[i], alone: c.alone_s[i],
                joint: c.joint_s[i], second: c.joint_second[i], drive: c.joint_drive[i],
                station: layer.data.stations[c.joint_station[i] - 1] || '' };
        })""",
        [MAP, zoom, np.column_stack((points.y, points.x)).tolist()],
    )
    statuses = ["own", "joint", "gap", "unreachable"]
    names = analysis.stations["name"]
    for row, seen in zip(chosen.itertuples(), found, strict=True):
        assert seen["people"] == pytest.approx(row.population, abs=0.051)
        assert statuses[seen["status"]] == row.status
        for key, seconds in (("alone", row.alone_s), ("joint", row.joint_s), ("second", row.joint_second_s)):
            assert seen[key] == (np.ceil(seconds - 1e-6) if np.isfinite(seconds) else 65535)
        assert seen["drive"] == (65535 if np.isnan(row.joint_drive_s) else np.ceil(row.joint_drive_s - 1e-6))
        assert seen["station"] == names.get(row.joint_station, "")


def pixel(page: Page, at: list[float]) -> tuple[float, float]:
    x, y = page.evaluate(
        "([map, at]) => { const p = window[map].latLngToContainerPoint(at); return [p.x, p.y]; }",
        [MAP, at],
    )
    return x, y


def hover(page: Page, at: list[float]) -> None:
    x, y = pixel(page, at)
    page.mouse.move(x - 1, y - 1)
    page.mouse.move(x, y)


def inside(analysis: Any, level: str) -> list[float]:
    """Return a place in the largest gap of a level."""
    gap = analysis.gaps[analysis.gaps["level"] == level].iloc[[0]]
    point = gap.representative_point().to_crs(4326).iloc[0]
    return [point.y, point.x]


def test_hovering_tells_who_comes_when_and_why(
    made_up_page: Any, analysis: Any, visit: Callable[..., Any]
) -> None:
    page = visit(made_up_page).page
    status = analysis.coverage["status"]
    key = analysis.coverage.loc[status == "joint", "joint_s"].idxmin()
    hover(page, cell_centre(analysis, key))
    tip = text_of(page, ".ma-tip")
    row = analysis.coverage.loc[key]
    assert tip.startswith("Easton\n")
    assert "too late\nEaston\nturnout 4:00 · drive" in tip
    assert "in time\nWestport Mill\ncalling the neighbour 1:00 · turnout 1:20 · border 0:20 · drive" in tip
    minutes, seconds = divmod(int(np.ceil(row["joint_s"] - 1e-6)), 60)
    assert f"{minutes}:{seconds:02d} min in time" in tip
    assert tip.endswith("Before the clock starts: answering 0:15 · alerting 1:04")
    lost = analysis.coverage.index[status == "unreachable"][0]
    hover(page, cell_centre(analysis, lost))
    assert text_of(page, ".ma-tip").endswith("no road the vehicle may take")
    page.mouse.move(20, 300)
    assert page.locator(".ma-tip").is_hidden()


def test_the_legend_follows_the_visible_layers(made_up_page: Any, visit: Callable[..., Any]) -> None:
    page = visit(made_up_page).page
    legend = page.locator(".ma-more")
    assert "Driving time from" not in legend.inner_text()
    layer(page, "Driving time areas")
    assert "0 to 4 min" in legend.inner_text()
    layer(page, "People")
    assert "their own brigade" not in legend.inner_text()
    layer(page, "People")
    page.get_by_role("button", name="Minutes").click()
    assert "6 to 8 min" in legend.inner_text()
    assert re.search(
        r"nobody within 15 min of driving\s+[\d<]+\s+no road the vehicle may take\s+[1-9]",
        legend.inner_text(),
    )
    assert "later than the standard" in legend.inner_text()
    assert "their own brigade" not in legend.inner_text()


def test_a_gap_tells_its_facts(made_up_page: Any, analysis: Any, visit: Callable[..., Any]) -> None:
    page = visit(made_up_page).page
    page.get_by_role("button", name="Each alone").click()
    gap = analysis.gaps[analysis.gaps["level"] == "alone"].iloc[0]
    assert page.locator(".ma-chip").first.inner_text() == f"{gap['population']:,.0f}"
    page.mouse.click(*pixel(page, inside(analysis, "alone")))
    popup = text_of(page, ".leaflet-popup-content")
    assert popup.startswith(gap["name"])
    assert f"People\n{gap['population']:,.0f}" in popup
    assert f"A joint team reaches {gap['closed_population']:,.0f} of them in time: Westport." in popup
    assert f"{gap['remaining_population']:,.0f} people remain" in popup


@pytest.mark.parametrize("level", ["Each alone", "Joint team"])
def test_the_number_of_the_largest_gap_opens_facts_that_fit(
    demo: Any, visit: Callable[..., Any], level: str
) -> None:
    page = visit(demo.page, width=1400, height=900).page
    page.get_by_role("button", name=level, exact=True).click()
    page.locator(".ma-chip span:visible").first.click()
    page.wait_for_timeout(400)
    box = page.locator(".leaflet-popup").bounding_box()
    assert box is not None
    assert box["width"] < 380
    assert box["height"] < 400
    assert box["x"] >= 0
    assert box["y"] >= 0
    assert box["x"] + box["width"] <= 1400
    assert box["y"] + box["height"] <= 900
    values = [value.bounding_box() for value in page.locator(".ma-popup dd").all()]
    assert len(values) >= 4
    assert all(value is not None and value["width"] > 100 for value in values)


def test_jurisdictions_are_also_a_table(
    made_up_page: Any, analysis: Any, visit: Callable[..., Any], clock: Callable[[float], str]
) -> None:
    page = visit(made_up_page).page
    page.get_by_text("By municipality").click()
    rows = page.locator(".ma-panel tbody tr")
    east = analysis.coverage[analysis.coverage["jurisdiction"] == "east"]
    shares = [
        f"{east.loc[east[f'{level}_covered'], 'population'].sum() / east['population'].sum():.0%}".replace(
            "%", " %"
        )
        for level in ("alone", "joint")
    ]
    p90_s = analysis.summary["common"]["jurisdictions"]["east"]["joint"]["p90_s"]
    assert rows.nth(1).locator("th, td").all_inner_texts() == [
        "Easton",
        f"{east['population'].sum():,.0f}",
        *shares,
        clock(p90_s),
    ]


def test_numbers_and_headers_of_the_table_stay_on_one_line(demo: Any, visit: Callable[..., Any]) -> None:
    page = visit(demo.page).page
    page.get_by_text("By municipality").click()
    heights = page.locator(".ma-places thead th, .ma-places td").evaluate_all(
        """cells => cells.map(cell => {
            const text = document.createRange();
            text.selectNodeContents(cell);
            return text.getBoundingClientRect().height;
        })"""
    )
    assert len(heights) == 6 + 5 * 5
    assert max(heights) < 22
    table, around = (page.locator(part).first.bounding_box() for part in (".ma-places table", ".ma-bar"))
    assert table is not None
    assert around is not None
    assert table["width"] <= around["width"] + 0.5


def test_unknown_people_are_not_shown_as_nobody(
    made_up: Callable[..., Any], tmp_path: Path, visit: Callable[..., Any]
) -> None:
    analysis = made_up()
    analysis.summary["common"]["jurisdictions"]["east"]["population"] = None
    page = visit(save_offline(coverage_map(analysis), tmp_path / "map.html")).page
    note = page.get_by_text("Population of Easton is unknown: nobody is counted there.")
    assert note.is_visible()
    page.get_by_text("By municipality").click()
    cells = page.locator(".ma-panel tbody tr").nth(1).locator("th, td").all_inner_texts()
    assert cells[:4] == ["Easton", "unknown", "–", "–"]


def test_a_share_below_one_percent_is_never_rounded_up_to_it(
    made_up: Callable[..., Any], tmp_path: Path, visit: Callable[..., Any]
) -> None:
    analysis = made_up()
    block = analysis.summary["common"]["jurisdictions"]["east"]
    block["alone"]["covered"], block["joint"]["covered"] = 0.0, 0.007 * block["population"]
    page = visit(save_offline(coverage_map(analysis), tmp_path / "map.html")).page
    page.get_by_text("By municipality").click()
    cells = page.locator(".ma-panel tbody tr").nth(1).locator("td").all_inner_texts()
    assert cells[1:3] == ["0 %", "<1 %"]


def test_the_page_says_what_it_is(made_up_page: Any, visit: Callable[..., Any]) -> None:
    page = visit(made_up_page).page
    panel = text_of(page, ".ma-panel")
    assert "reached by the fire service within 8 min of the crew's alert?" in panel
    assert "A made-up region." in panel
    assert "not a dispatch tool" in panel
    page.get_by_text("About this map").click()
    assert "until the first unit arrives" in text_of(page, ".ma-panel")
    assert "invented" in text_of(page, ".leaflet-control-attribution")
    scale = text_of(page, ".leaflet-control-scale")
    assert scale.endswith(("km", " m"))


def test_a_phone_shows_switch_number_and_map(made_up_page: Any, visit: Callable[..., Any]) -> None:
    seen = visit(made_up_page, width=390, height=844, has_touch=True, is_mobile=True)
    page = seen.page
    panel = page.locator(".ma-panel").bounding_box()
    assert panel is not None
    assert panel["width"] == 390
    assert panel["height"] < 844 * 0.55
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.get_by_role("button", name="Minutes").is_hidden()
    page.get_by_role("button", name="Each alone").tap()
    assert "by their own brigade" in text_of(page, ".ma-head")
    page.get_by_text("Legend and details").tap()
    assert page.get_by_role("button", name="Minutes").is_visible()
    assert seen.complaints == []


def test_the_switch_works_from_the_keyboard(made_up_page: Any, visit: Callable[..., Any]) -> None:
    page = visit(made_up_page).page
    page.get_by_role("button", name="Each alone").focus()
    page.keyboard.press("Enter")
    assert "by their own brigade" in text_of(page, ".ma-head")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert "by the nearest brigade" in text_of(page, ".ma-head")
    page.locator(".ma-mark").first.focus()
    page.keyboard.press("Enter")
    assert text_of(page, ".leaflet-popup-content").startswith("Westport Central")


def test_who_chooses_a_language_by_keyboard_goes_on_from_there(
    made_up_page: Any, visit: Callable[..., Any]
) -> None:
    page = visit(made_up_page).page
    page.get_by_label("Language", exact=True).focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_selector("html[lang=fr]")
    assert page.evaluate("document.activeElement.dataset.key") == "language"
    page.keyboard.press("ArrowDown")
    page.wait_for_selector("html[lang=de]")


def test_two_languages_each_say_the_whole_sentence_in_their_own_way(
    made_up_page: Any, analysis: Any, visit: Callable[..., Any]
) -> None:
    page = visit(made_up_page).page
    page.get_by_label("Second language").select_option("de")
    second = page.locator(".ma-head .ma-second")
    second.wait_for()
    people, reached = analysis.coverage["population"], analysis.coverage["joint_covered"]
    inside, everybody = people[reached].sum(), people.sum()
    first = text_of(page, ".ma-head > p").removesuffix(second.inner_text())
    for said, comma in ((first, ","), (second.inner_text(), ".")):
        numbers = re.findall(r"\d[\d.,]*\d", said)
        assert numbers == [f"{n:,.0f}".replace(",", comma) for n in (inside, everybody)]
    page.get_by_role("button", name="Who comes?").click()
    row = page.locator(".ma-legend .ma-label").first.inner_text()
    assert row.count("Westport") == 2


def test_a_what_if_goes_on_while_the_people_are_not_drawn(
    analysis: Any, tables: Callable[..., Any], tmp_path: Path, visit: Callable[..., Any]
) -> None:
    seen = visit(save_offline(coverage_map(analysis, None, tables(analysis)), tmp_path / "map.html"))
    page = seen.page
    page.wait_for_selector("[data-whatif=ready]", state="attached")
    page.get_by_text("What if …").click()

    def gaps(presses: str) -> list[str]:
        page.get_by_label("Standard, in minutes").press(presses)
        return list(page.locator(".ma-chip").all_inner_texts())

    strict, lax = gaps("ArrowLeft"), gaps("ArrowRight")
    assert strict != lax
    layer(page, "People")
    assert gaps("ArrowLeft") == strict
    page.get_by_role("button", name="Pin as A").click()
    layer(page, "People")
    assert gaps("ArrowRight") == lax
    assert gaps("ArrowLeft") == strict
    assert "As many people in time as in A." in text_of(page, ".ma-pinned")
    assert seen.complaints == []


def test_a_station_is_switched_in_its_popup_which_stays(
    analysis: Any, tables: Callable[..., Any], tmp_path: Path, visit: Callable[..., Any]
) -> None:
    page = visit(save_offline(coverage_map(analysis, None, tables(analysis)), tmp_path / "map.html")).page
    page.wait_for_selector("[data-whatif=ready]", state="attached")
    before = text_of(page, ".ma-head")
    page.locator(".ma-mark[aria-label^='Westport Central']").click()
    popup = page.locator(".leaflet-popup-content")
    popup.get_by_role("button", name="Switch off").click()
    assert "Switched off" in popup.inner_text()
    assert page.locator(".ma-tip").is_hidden()
    assert text_of(page, ".ma-head") != before
    assert page.evaluate("document.activeElement.textContent") == "Switch on"
    page.keyboard.press("Enter")
    assert popup.get_by_role("button", name="Switch off").is_visible()
    assert text_of(page, ".ma-head") == before
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Back to what was computed").first.click()
    assert popup.get_by_role("button", name="Switch off").is_visible()
    assert page.evaluate("document.activeElement.dataset.choice") == "joint"


def test_what_a_station_reaches_is_shown_while_it_is_pointed_at_and_nothing_is_told_again(
    analysis: Any, tables: Callable[..., Any], tmp_path: Path, visit: Callable[..., Any]
) -> None:
    page = visit(save_offline(coverage_map(analysis, None, tables(analysis)), tmp_path / "map.html")).page
    page.wait_for_selector("[data-whatif=ready]", state="attached")
    page.evaluate(
        """() => {
            window.changes = 0;
            new MutationObserver(() => { window.changes++; })
                .observe(document.querySelector('[aria-live]'), { childList: true, subtree: true });
        }"""
    )
    far = cell_centre(analysis, analysis.coverage.index[analysis.coverage["joint_station"] == "s1"][0])
    before = colours_near(page, far)
    page.locator(".ma-mark[aria-label^='Westport Mill']").hover()
    page.get_by_text("Minutes until a unit of this station arrives").wait_for()
    assert text_of(page, ".ma-legend h2").endswith("Westport Mill")
    assert not colours_near(page, far) & before
    page.mouse.move(500, 20)
    page.get_by_text("People reached in time by").wait_for()
    assert colours_near(page, far) == before
    assert page.evaluate("window.changes") == 0
    page.get_by_role("button", name="Each alone").click()
    assert page.evaluate("window.changes") > 0


def test_a_hundred_thousand_cells_stay_small_and_quick(
    made_up: Callable[..., Any], tmp_path: Path, visit: Callable[..., Any]
) -> None:
    file = save_offline(coverage_map(made_up(cell_m=25, count=100_000)), tmp_path / "map.html")
    assert file.stat().st_size < 1_000_000
    page = visit(file).page
    assert (
        page.evaluate("performance.now()") < 4_000
    )  # from opening to painted; a second where nothing else runs
    assert (
        page.evaluate(
            """() => {
            const begin = performance.now();
            document.querySelector('[data-choice=alone]').click();
            return performance.now() - begin;
        }"""
        )
        < 500
    )


def test_two_jurisdictions_in_one_cell_are_both_told(
    made_up: Callable[..., Any], tmp_path: Path, visit: Callable[..., Any]
) -> None:
    analysis = made_up()
    west, east = (
        analysis.coverage.index[analysis.coverage["jurisdiction"] == key][0] for key in ("west", "east")
    )
    for column in ("cell_x", "cell_y"):
        analysis.coverage.loc[east, column] = analysis.coverage.loc[west, column]
    analysis.coverage.loc[east, "population"] = 1.0
    page = visit(save_offline(coverage_map(analysis), tmp_path / "map.html")).page
    hover(page, cell_centre(analysis, west))
    tip = text_of(page, ".ma-tip")
    assert tip.startswith("Westport\n")
    assert "\nEaston\nPeople living here: 1\n" in tip


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_texts_stay_texts(
    made_up: Callable[..., Any], tmp_path: Path, visit: Callable[..., Any], text: str
) -> None:
    keys = (
        "region",
        "west",
        "east",
        "partner",
        "station",
        "crossing",
        "note",
        "unit",
        "gap",
        "source",
        "standard",
    )
    analysis = made_up(**dict.fromkeys(keys, text))
    seen = visit(save_offline(coverage_map(analysis), tmp_path / "map.html"))
    page = seen.page
    shown = " ".join(text.split())
    shown = shown if len(shown) <= 80 else shown[:79].rstrip() + "…"
    assert page.title() == shown
    assert page.locator("h1").text_content() == shown
    layer(page, "Crossings")
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    assert (page.locator(".ma-panel > .ma-note").text_content() or "").startswith(shown[:79])
    provider = re.split("[,;(]", shown)[0].strip()
    assert provider in (page.locator(".leaflet-control-attribution").text_content() or "")
    for mark in (0, 3):
        page.locator(".ma-mark").nth(mark).dispatch_event("click")
        assert (page.locator(".leaflet-popup-content").last.text_content() or "").startswith(shown)
    page.evaluate("map => { window[map].closePopup(); }", MAP)
    page.mouse.click(*pixel(page, inside(analysis, "joint")))
    assert (page.locator(".leaflet-popup-content h3").last.text_content() or "").startswith(shown)
    page.evaluate("map => { window[map].closePopup(); }", MAP)
    hover(
        page,
        cell_centre(analysis, analysis.coverage.index[analysis.coverage["status"] == "joint"][0]),
    )
    assert shown in (page.locator(".ma-tip").text_content() or "")
    assert page.evaluate("window.pwned") is None
    assert seen.complaints == []
    assert seen.requests == []


def test_escaped_texts_stay_texts_in_layers_of_folium(tmp_path: Path, visit: Callable[..., Any]) -> None:
    page_map = folium.Map([47.2, 9.8], zoom_start=12, tiles=None)
    for k, text in enumerate(HOSTILE.values()):
        at, note = [47.16 + k / 100, 9.8], folium.GeoJsonTooltip(["name"], aliases=[esc(text)])
        group = folium.FeatureGroup(name=esc(text)).add_to(page_map)
        folium.CircleMarker(at, radius=9, fill=True, tooltip=esc(text), popup=esc(text)).add_to(group)
        folium.Marker(at, icon=folium.DivIcon(html=f"<b class=mine>{esc(text)}</b>")).add_to(page_map)
        point = {"type": "Point", "coordinates": [9.7, 47.2]}
        feature = {"type": "Feature", "properties": {"name": esc(text)}, "geometry": point}
        folium.GeoJson({"type": "FeatureCollection", "features": [feature]}, tooltip=note).add_to(page_map)
    folium.LayerControl(collapsed=False).add_to(page_map)
    seen = visit(save_offline(page_map, tmp_path / "map.html"), wait=False)
    page = seen.page

    def shown(selector: str) -> list[str]:
        return ["".join(text.split()) for text in page.locator(selector).all_text_contents()]

    wanted = ["".join(text.split()) for text in HOSTILE.values()]
    assert shown(".mine") == wanted
    assert set(wanted) <= set(shown(".leaflet-control-layers-overlays label"))
    for k, text in enumerate(wanted):
        page.locator("path.leaflet-interactive").nth(k).dispatch_event("click")
        assert shown(".leaflet-popup-content")[-1] == text
    assert page.evaluate("window.pwned") is None
    assert seen.complaints == []
    assert seen.requests == []


def test_a_plain_marker_of_folium_shows_its_own_icon(tmp_path: Path, visit: Callable[..., Any]) -> None:
    page_map = folium.Map([47.2, 9.8], zoom_start=12, tiles=None)
    folium.Marker([47.2, 9.8]).add_to(page_map)
    seen = visit(save_offline(page_map, tmp_path / "map.html"), wait=False)
    seen.page.wait_for_function("document.querySelector('img.leaflet-marker-icon').naturalWidth === 25")
    assert seen.requests == []
    assert seen.complaints == []


def test_layers_of_the_user_join_the_map(analysis: Any, tmp_path: Path, visit: Callable[..., Any]) -> None:
    page_map = coverage_map(analysis)
    folium.Circle(cell_centre(analysis, "c0"), radius=300, color="#CC79A7").add_to(
        folium.FeatureGroup(name=esc("Kindergärten <1 km")).add_to(page_map)
    )
    seen = visit(save_offline(page_map, tmp_path / "map.html"))
    assert "Kindergärten <1 km" in (seen.page.locator(".leaflet-control-layers").text_content() or "")
    assert seen.page.locator("path[stroke='#CC79A7']").count() == 1
    layer(seen.page, "Kindergärten")
    assert seen.page.locator("path[stroke='#CC79A7']").count() == 0
    assert seen.complaints == []


def test_an_old_browser_says_what_it_needs(made_up_page: Any, browser: Any) -> None:
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.add_init_script("delete window.DecompressionStream")
    page.goto(made_up_page.resolve().as_uri())
    assert "too old" in page.get_by_role("alert").inner_text()
    assert json.loads(page.evaluate("JSON.stringify(document.querySelectorAll('.ma-big').length)")) == 1
    context.close()


def test_the_demo_says_what_its_summary_says(demo: Any, visit: Callable[..., Any]) -> None:
    headline = demo.analysis.summary["headline"]
    assert demo.page.stat().st_size < 1_200_000
    seen = visit(demo.page)
    page = seen.page
    assert f"{headline['covered_joint']:,.0f} of {headline['population']:,.0f}" in text_of(page, ".ma-head")
    gain = text_of(page, ".ma-gain")
    today = headline["closed_by_joint"] - headline["closed_by_agreed"]
    assert gain.startswith(f"That is {headline['closed_by_joint']:,.0f} more people than alone and ")
    assert f"and {today:,.0f} more people than under today's agreements." in gain
    assert gain.endswith(f"Still without timely help: {headline['remaining']:,.0f}.")
    page.get_by_role("button", name="Each alone").click()
    assert f"{headline['covered_alone']:,.0f} of" in text_of(page, ".ma-head")
    assert "2016" in text_of(page, ".ma-panel > .ma-note")
    assert "© OpenStreetMap contributors" in text_of(page, ".leaflet-control-attribution")
    assert seen.complaints == []
    assert seen.requests == []
