"""Cooperation on the page in a real browser: three levels, who comes first, and what hangs on a crossing."""

from __future__ import annotations

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
import shapely

from mutualaid.maps import coverage_map, save_offline
from mutualaid.maps._palette import AGREED_STATUSES, partner_fills

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

MAP = "map_1"  # its variable in every page
LEVELS = {"alone": "Each alone", "agreed": "Today's agreements", "joint": "Joint team"}
IDS = ["hq100", "slope", "both"]

HOSTILE = {
    "script end": "</script><!-- <script> --></style></title><script>window.pwned = 1</script>",
    "quotes": "`'\"); window.pwned = 1; //`",
    "templates": "${window.pwned = 1}{{7*7}}{% raw %}{# x {n}{who}",
    "image": "<img src=x onerror=window.pwned=1>",
    "odd characters": "C:\\users\\new \u202eمحطة \u200fالإطفاء\u2066 one\u2028two\nthree",
    "long": "Llanfair " * 1_200,
}


def text_of(page: Page, selector: str) -> str:
    return re.sub(r"\n+", "\n", page.locator(selector).first.inner_text())


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def choose(page: Page, scenario: str) -> None:
    page.get_by_label("Hazard", exact=True).select_option(scenario)
    page.wait_for_selector("[data-mutualaid=ready]")


def layer(page: Page, name: str) -> None:
    page.locator(".leaflet-control-layers").hover()
    page.locator(".leaflet-control-layers label", has_text=name).click()
    page.mouse.move(500, 20)


def number(text: str) -> float:
    plain = text.replace(",", "").removesuffix(" km")
    return {"<1": 0.25, "none": 0.0}[plain] if plain in ("<1", "none") else float(plain)


def whole(people: float) -> Any:
    """People as the page rounds them, half a person either way."""
    return pytest.approx(people, abs=0.501)


def percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")


def rows(page: Page, selector: str) -> dict[str, float]:
    """Labels and people of the first list of rows."""
    items = page.locator(selector).first.locator("li:has(.ma-n)").all()
    return {
        item.locator(".ma-label").inner_text(): number(item.locator(".ma-n").inner_text()) for item in items
    }


def cells_of(table: Locator) -> list[list[str]]:
    return [row.locator("th, td").all_inner_texts() for row in table.locator("tbody tr").all()]


def at(analysis: Any, key: str) -> list[float]:
    point = analysis.coverage.geometry.loc[[key]].to_crs(4326).iloc[0]
    return [point.y, point.x]


def pixel(page: Page, place: list[float]) -> tuple[float, float]:
    x, y = page.evaluate(
        "([map, at]) => { const p = window[map].latLngToContainerPoint(at); return [p.x, p.y]; }",
        [MAP, place],
    )
    return x, y


def hover(page: Page, place: list[float]) -> None:
    x, y = pixel(page, place)
    page.mouse.move(x - 1, y - 1)
    page.mouse.move(x, y)


def painted(page: Page, place: list[float]) -> set[tuple[int, ...]]:
    """Colours of the cell canvas in 10 × 10 pixels around a place, at a close zoom."""
    found = page.evaluate(
        """([name, at]) => {
            const map = window[name];
            map.setView(at, 16, { animate: false });
            const p = map.latLngToContainerPoint(at), canvas = map.getPane('ma-cells').querySelector('canvas');
            const box = canvas.getBoundingClientRect(), frame = map.getContainer().getBoundingClientRect();
            const x = p.x + frame.x - box.x, y = p.y + frame.y - box.y;
            const d = canvas.getContext('2d').getImageData(x - 5, y - 5, 10, 10).data, out = [];
            for (let k = 0; k < d.length; k += 4) out.push([...d.slice(k, k + 3)]);
            return out;
        }""",
        [MAP, place],
    )
    return {tuple(colour) for colour in found}


def near(colours: set[tuple[int, ...]], colour: str) -> bool:
    """Whether a colour is there; the canvas keeps colours multiplied by their opacity: a step may be lost."""
    wanted = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
    return any(np.abs(np.subtract(one, wanted)).max() <= 2 for one in colours)


@pytest.fixture(scope="module")
def page_file(agreed: Any, together: Callable[[Any], Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    page = coverage_map(agreed, together(agreed))
    return save_offline(page, tmp_path_factory.mktemp("together") / "map.html")


# --- three levels --------------------------------------------------------------------------------------------


def test_nothing_is_requested_and_nothing_complains(page_file: Path, visit: Callable[..., Any]) -> None:
    seen = visit(page_file)
    page = seen.page
    page.get_by_text("Cooperation", exact=True).click()
    for scenario in ("", *IDS):
        choose(page, scenario)
        for name in (*LEVELS.values(), "Minutes", "Who comes?", "Each alone", "In time?", "Joint team"):
            press(page, name)
    choose(page, "")
    for name in ("Crossings that help hangs on", "Other crossings", "Driving time areas", "People", "People"):
        layer(page, name)
    page.mouse.move(700, 450)
    page.mouse.wheel(0, -300)
    page.wait_for_timeout(400)
    assert seen.requests == []
    assert seen.complaints == []


def test_levels_and_views_are_buttons(
    page_file: Path, threatened: Any, tmp_path: Path, visit: Callable[..., Any]
) -> None:
    page = visit(page_file).page
    assert page.locator(".ma-switch").nth(0).locator("button").all_inner_texts() == list(LEVELS.values())
    assert page.locator(".ma-switch").nth(1).locator("button:visible").all_inner_texts() == [
        "In time?", "Minutes", "Who comes?",
    ]  # fmt: skip
    two = visit(save_offline(coverage_map(threatened), tmp_path / "map.html")).page
    assert two.locator(".ma-switch").nth(0).locator("button").all_inner_texts() == [
        "Each alone",
        "Joint team",
    ]
    assert "agree" not in text_of(two, ".ma-panel")
    assert two.get_by_text("Cooperation", exact=True).count() == 0


@pytest.mark.parametrize("level", LEVELS)
def test_numbers_are_those_of_the_analysis(
    page_file: Path, agreed: Any, visit: Callable[..., Any], level: str
) -> None:
    page = visit(page_file).page
    press(page, LEVELS[level])
    covered, people = agreed.coverage, agreed.coverage["population"]
    alone, today, joint = (people[covered[f"{name}_covered"]].sum() for name in LEVELS)
    reached, everybody = people[covered[f"{level}_covered"]].sum(), people.sum()
    assert f"{reached:,.0f} of {everybody:,.0f} people are reached in time" in text_of(page, ".ma-head")
    assert text_of(page, ".ma-big") == percent(reached / everybody)
    sentence = {
        "alone": f"Today's agreements reach {today - alone:,.0f} more people in time, "
        f"a joint team {joint - alone:,.0f} more people.",
        "agreed": f"That is {today - alone:,.0f} more people than alone; a joint team would reach "
        f"{joint - today:,.0f} more people. Still without timely help: {everybody - today:,.0f}.",
        "joint": f"That is {joint - alone:,.0f} more people than alone and {joint - today:,.0f} more people than "
        f"under today's agreements. Still without timely help: {everybody - joint:,.0f}.",
    }
    assert text_of(page, ".ma-gain") == sentence[level]
    legend = rows(page, ".ma-more ul.ma-rows")
    assert sum(legend.values()) == pytest.approx(everybody, abs=0.5 * len(legend))
    inside = covered[f"{level}_covered"]
    expected = {"their own brigade": covered["alone_covered"] & inside}
    if level != "alone":
        expected["a neighbour, as agreed today"] = (
            covered["agreed_covered"] & ~covered["alone_covered"] & inside
        )
    if level == "joint":
        expected["a neighbour, joint team only"] = inside & ~covered["agreed_covered"]
    gap = {"alone": "not by their own brigade", "agreed": "nobody as agreed today", "joint": "nobody"}[level]
    expected[gap] = ~inside & (covered["status"] != "unreachable")
    for label, mask in expected.items():
        assert legend.pop(label) == whole(people[mask].sum())
    assert list(legend) == ["no road the vehicle may take"]


def test_a_joint_team_that_reaches_fewer_than_the_agreements_is_told_so(
    made_up: Callable[..., Any], tmp_path: Path, visit: Callable[..., Any]
) -> None:
    analysis = made_up(agreed=True)
    covered, people = analysis.coverage, analysis.coverage["population"]
    covered["joint_covered"] &= covered["alone_covered"]
    page = visit(save_offline(coverage_map(analysis), tmp_path / "map.html")).page
    fewer = people[covered["agreed_covered"]].sum() - people[covered["alone_covered"]].sum()
    assert f"than alone and {fewer:,.0f} fewer people than under today's agreements" in text_of(
        page, ".ma-gain"
    )
    assert text_of(page, ".ma-gain").startswith("That is nobody more than alone")


@pytest.mark.parametrize("scenario", IDS)
@pytest.mark.parametrize("level", LEVELS)
def test_numbers_under_a_hazard_are_those_of_the_summary(
    page_file: Path, agreed: Any, visit: Callable[..., Any], scenario: str, level: str
) -> None:
    page = visit(page_file).page
    choose(page, scenario)
    press(page, LEVELS[level])
    block = agreed.summary["hazards"]["scenarios"][scenario]["total"]
    assert f"{block[level]:,.0f} of {block['population']:,.0f} people are still" in text_of(page, ".ma-head")
    effects = rows(page, ".ma-effects")
    assert effects["Fewer than in fair weather"] == whole(block[f"fair_{level}"] - block[level])
    covered = next(one.coverage for one in agreed.scenarios if one.scenario.id == scenario)
    reached = covered["agreed_covered" if level == "agreed" else "joint_covered"]
    held = covered.loc[
        covered["fair_alone_covered"] & ~covered["alone_covered"] & reached, "population"
    ].sum()
    assert effects.get("Own brigade lost, neighbour in time", 0.0) == whole(held)
    legend = rows(page, ".ma-more ul.ma-rows")
    nobody = "nobody any more"
    lost = {"alone": "no longer by their own brigade", "agreed": f"{nobody} as agreed today", "joint": nobody}
    assert legend[lost[level]] == whole(block[f"lost_{level}"])
    assert sum(legend.values()) == pytest.approx(block["population"], abs=0.5 * len(legend))


@pytest.mark.parametrize("scenario", ["", "slope"])
def test_every_place_tells_what_the_analysis_says_of_it(
    page_file: Path, agreed: Any, visit: Callable[..., Any], scenario: str
) -> None:
    page = visit(page_file).page
    if scenario:
        choose(page, scenario)
    covered = next((one.coverage for one in agreed.scenarios if one.scenario.id == scenario), agreed.coverage)
    chosen = covered.sample(200, random_state=5)
    points = chosen.geometry.to_crs(4326)
    found = page.evaluate(
        """([map, places]) => places.map(at => {
            window[map].setView(at, 15, { animate: false });
            const layer = window[Object.keys(window).find(key => key.startsWith('cells_'))], c = layer.shown();
            const [i] = layer.at(window[map].latLngToContainerPoint(at)), out = {};
            for (const key of Object.keys(c)) out[key] = c[key][i];
            return out;
        })""",
        [MAP, np.column_stack((points.y, points.x)).tolist()],
    )
    stations = list(agreed.stations.index)
    for row, seen in zip(chosen.itertuples(), found, strict=True):
        for level in LEVELS:
            seconds, station = getattr(row, f"{level}_s"), getattr(row, f"{level}_station")
            assert seen[f"{level}_s"] == (np.ceil(seconds - 1e-6) if np.isfinite(seconds) else 65535)
            assert seen[f"{level}_station"] == (
                stations.index(station) + 1 if isinstance(station, str) else 0
            )
            assert (seen[f"{level}_band"] <= 2) == getattr(row, f"{level}_covered")
        if not scenario:
            dispatch_s = row.agreed_dispatch_s
            assert seen["agreed_dispatch"] == (65535 if np.isnan(dispatch_s) else dispatch_s)


@pytest.mark.parametrize("status", ["own", "agreed", "agreed_not_joint", "joint", "gap"])
def test_places_are_painted_as_the_legend_says(
    page_file: Path, agreed: Any, visit: Callable[..., Any], status: str
) -> None:
    page = visit(page_file).page
    covered = agreed.coverage
    reached = {
        "own": (True, True, True),
        "agreed": (False, True, True),
        "agreed_not_joint": (False, True, False),
        "joint": (False, False, True),
        "gap": (False, False, False),
    }[status]
    masks = [covered[f"{level}_covered"] == one for level, one in zip(LEVELS, reached, strict=True)]
    key = covered.index[masks[0] & masks[1] & masks[2] & (covered["status"] != "unreachable")][0]
    row = next(row for row in AGREED_STATUSES if row.status == status)
    for level, name in LEVELS.items():
        press(page, name)
        swatch = getattr(row, level)
        colours = painted(page, at(agreed, key))
        assert near(colours, swatch.colour)
        assert len(colours) == (2 if swatch.hatch else 1)


def test_tips_tell_the_levels_apart_and_join_those_that_are_alike(
    page_file: Path, agreed: Any, visit: Callable[..., Any], clock: Callable[[float], str]
) -> None:
    page = visit(page_file).page
    covered = agreed.coverage
    late = covered.index[covered["status"] == "joint"][0]
    hover(page, at(agreed, late))
    tip = text_of(page, ".ma-tip")
    for title, level in (("Alone", "alone"), ("As agreed today", "agreed"), ("Joint team", "joint")):
        word = "in time" if level == "joint" else "too late"
        assert f"{title}\n{clock(covered.loc[late, f'{level}_s'])} min {word}" in tip
    same = covered.index[(covered["status"] == "own") & (covered["joint_s"] == covered["alone_s"])][0]
    hover(page, at(agreed, same))
    assert "Alone, as agreed and joint\n" in text_of(page, ".ma-tip")
    alike = covered.index[
        (covered["agreed_s"] == covered["joint_s"]) & (covered["joint_s"] < covered["alone_s"])
    ][0]
    hover(page, at(agreed, alike))
    tip = text_of(page, ".ma-tip")
    assert f"As agreed today · Joint team\n{clock(covered.loc[alike, 'joint_s'])} min" in tip
    assert tip.index("Alone\n") < tip.index("As agreed today")
    choose(page, "slope")
    hover(page, at(agreed, late))
    assert "As in fair weather" in text_of(page, ".ma-tip")


def test_gaps_follow_the_level(page_file: Path, agreed: Any, visit: Callable[..., Any]) -> None:
    page = visit(page_file).page
    press(page, "Today's agreements")
    gaps = agreed.gaps[agreed.gaps["level"] == "agreed"]
    assert page.locator(".ma-chip").first.inner_text() == f"{gaps['population'].iloc[0]:,.0f}"
    closed = gaps[gaps["closed_population"] > 0].iloc[[0]]
    gap, point = closed.iloc[0], closed.representative_point().to_crs(4326).iloc[0]
    page.mouse.click(*pixel(page, [point.y, point.x]))
    popup = text_of(page, ".leaflet-popup-content")
    assert popup.startswith(gap["name"])
    assert f"A joint team reaches {gap['closed_population']:,.0f} of them in time" in popup
    assert f"{gap['remaining_population']:,.0f} people remain" in popup


def test_municipalities_have_a_column_for_each_level(
    page_file: Path, agreed: Any, visit: Callable[..., Any]
) -> None:
    page = visit(page_file).page
    page.get_by_text("By municipality").click()
    table = page.locator(".ma-places table")
    assert table.locator("thead th").all_inner_texts() == [
        "Municipality", "People", "Alone", "Agreed", "Joint", "90 % in",
    ]  # fmt: skip
    east = agreed.coverage[agreed.coverage["jurisdiction"] == "east"]
    shares = [
        percent(east.loc[east[f"{level}_covered"], "population"].sum() / east["population"].sum())
        for level in LEVELS
    ]
    assert cells_of(table)[1][2:5] == shares


def test_the_note_of_an_agreement_stands_where_it_counts(page_file: Path, visit: Callable[..., Any]) -> None:
    page = visit(page_file).page
    note = page.get_by_text("Nobody signed it.")

    def visible() -> int:
        return sum(one.is_visible() for one in note.all())

    assert visible() == 0
    switch = page.locator(".ma-switch").first.bounding_box()
    press(page, "Today's agreements")
    assert visible() == 1
    assert page.locator(".ma-switch").first.bounding_box() == switch  # nothing moves below the pointer


# --- who comes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", ["", *IDS])
@pytest.mark.parametrize("level", LEVELS)
def test_who_comes_is_everybody_by_partner(
    page_file: Path, agreed: Any, visit: Callable[..., Any], scenario: str, level: str
) -> None:
    page = visit(page_file).page
    if scenario:
        choose(page, scenario)
    press(page, LEVELS[level])
    press(page, "Who comes?")
    covered = next((one.coverage for one in agreed.scenarios if one.scenario.id == scenario), agreed.coverage)
    people, first = covered["population"], covered[f"{level}_partner"]
    legend = rows(page, ".ma-more ul.ma-rows")
    assert sum(legend.values()) == pytest.approx(people.sum(), abs=0.5 * len(legend))
    for key, name in (("west", "Westport"), ("east", "Easton")):
        home, abroad = (
            people[(first == key) & (same == (covered["partner"] == key))].sum() for same in (True, False)
        )
        assert legend.get(f"{name}, at home", 0.0) == whole(home)
        assert legend.get(f"{name}, to a neighbour", 0.0) == whole(abroad)
    no_road = covered["status"] == "unreachable"
    nobody = legend["nobody within 15 min of driving"]
    assert nobody == whole(people[first.isna() & ~no_road].sum())
    foreign = people[first.notna() & (first != covered["partner"])].sum()
    told = page.locator(".ma-more > div p").first.inner_text()
    words = re.fullmatch(
        r"A neighbour's unit comes first to (\S+) people: (.+) of all whom anybody reaches.", told
    )
    assert (words is None) == (told == "A neighbour's unit comes first to nobody.") == (foreign == 0)
    if words:
        assert number(words[1]) == whole(foreign)
        assert words[2] == percent(foreign / people[first.notna()].sum())


@pytest.mark.parametrize("scenario", ["", "slope"])
def test_who_comes_is_painted_plain_at_home_and_hatched_abroad(
    page_file: Path, agreed: Any, visit: Callable[..., Any], scenario: str
) -> None:
    page = visit(page_file).page
    if scenario:
        choose(page, scenario)
    press(page, "Who comes?")
    covered = next((one.coverage for one in agreed.scenarios if one.scenario.id == scenario), agreed.coverage)
    seen = set()
    for number_, key in enumerate(("west", "east")):
        for host in ("west", "east"):
            there = covered.index[(covered["joint_partner"] == key) & (covered["partner"] == host)]
            if len(there):
                seen.add((key, host))
                colours = painted(page, at(agreed, there[0]))
                assert near(colours, partner_fills(number_)[0].colour)
                assert len(colours) == (1 if key == host else 2)
    assert ("west", "east") in seen
    nobody = covered.index[covered["joint_partner"].isna() & (covered["status"] != "unreachable")]
    if len(nobody):
        assert near(painted(page, at(agreed, nobody[0])), "#F7F2E6")


def test_with_one_partner_nobody_asks_who_comes(
    made_up: Callable[..., Any], tmp_path: Path, visit: Callable[..., Any]
) -> None:
    page = visit(save_offline(coverage_map(made_up(partner="west")), tmp_path / "map.html")).page
    assert page.locator(".ma-switch").nth(1).locator("button:visible").all_inner_texts() == [
        "In time?",
        "Minutes",
    ]


def with_partners(analysis: Any, n: int) -> Any:
    """Give the made-up region `n` partners in strips from west to east, each helped by the one before it."""
    found = SimpleNamespace(**vars(analysis))
    left, bottom, right, top = analysis.region.jurisdictions.total_bounds
    edges = np.linspace(left, right, n + 1)
    keys = [f"p{k}" for k in range(n)]
    names = [f"Partner {k}" for k in range(n)]
    strips = [shapely.box(a, bottom, b, top) for a, b in pairwise(edges)]
    lands = gpd.GeoDataFrame(
        {
            "name": names,
            "country": "AA",
            "languages": "en",
            "population": np.nan,
            "partner": keys,
            "completed": False,
        },
        index=pd.Index(keys, name="id"),
        geometry=strips,
        crs=analysis.region.crs,
    )
    some = analysis.stations.iloc[[0] * n]
    stations = some.set_axis(pd.Index([f"s{k}" for k in range(n)], name="id")).assign(
        partner=keys, jurisdiction=keys, name=names
    )
    covered = analysis.coverage.copy()
    strip = np.clip(np.searchsorted(edges, covered.geometry.x) - 1, 0, n - 1)
    first = np.where(np.arange(len(covered)) % 2 == 0, strip, np.maximum(strip - 1, 0))
    covered["jurisdiction"] = covered["partner"] = np.array(keys)[strip]
    reached = covered["joint_station"].notna()
    covered["joint_station"] = pd.Series(np.array(stations.index)[first], covered.index).where(reached)
    covered["joint_partner"] = pd.Series(np.array(keys)[first], covered.index).where(reached)
    found.region = replace(analysis.region, jurisdictions=lands, stations=stations)
    found.stations, found.coverage, found.gaps = stations, covered, analysis.gaps.iloc[:0]
    found.summary = {**analysis.summary, "common": {**analysis.summary["common"], "jurisdictions": {}}}
    return found


def test_twenty_partners_are_told_apart_and_the_smallest_summed(
    analysis: Any, tmp_path: Path, visit: Callable[..., Any]
) -> None:
    many = with_partners(analysis, 20)
    page = visit(save_offline(coverage_map(many), tmp_path / "map.html")).page
    press(page, "Who comes?")
    covered, people = many.coverage, many.coverage["population"]
    by_partner = people.groupby(covered["joint_partner"]).sum().sort_values(ascending=False)
    legend = rows(page, ".ma-more ul.ma-rows")
    assert sum(legend.values()) == pytest.approx(people.sum(), abs=0.5 * len(legend))
    assert legend[f"{len(by_partner) - 12} other partners"] == whole(by_partner.iloc[12:].sum())
    largest = str(by_partner.index[0])
    assert next(iter(legend)).startswith(f"Partner {largest.removeprefix('p')}, ")
    for key in ("p3", "p9"):  # the second six have their colours again, with hatches
        home = covered.index[(covered["joint_partner"] == key) & (covered["partner"] == key)][0]
        swatch = partner_fills(int(key[1:]))[0]
        colours = painted(page, at(many, home))
        assert near(colours, swatch.colour)
        assert len(colours) == (2 if swatch.hatch else 1)


# --- crossings and stations ----------------------------------------------------------------------------------


def test_a_crossing_tells_what_hangs_on_it(page_file: Path, visit: Callable[..., Any]) -> None:
    page = visit(page_file).page
    mark = page.locator(".ma-mark[aria-label^='Old Bridge']")
    assert mark.count() == 1
    mark.focus()
    page.keyboard.press("Enter")
    popup = text_of(page, ".leaflet-popup-content")
    assert popup == (
        "Old Bridge\nWestport – Easton\n"
        "If this crossing closes, 321 people lose timely help (joint team); 54 under today's agreements.\n"
        "Help would come later for 100 people, by 1:00 min on average.\n"
        "With a delay of up to 2:43 min here, it still helps somebody in time."
    )
    assert "321 people lose timely help" in (mark.get_attribute("aria-label") or "")
    legend = text_of(page, ".ma-more")
    assert "Crossings by people who lose timely help if one closes" in legend
    assert "100 people or more\n10 people or more\nfewer than 10 people" in legend
    page.evaluate(f"{MAP}.closePopup()")
    layer(page, "Other crossings")
    other = page.locator(".ma-mark[aria-label^='New Bridge']")
    assert (other.get_attribute("aria-label") or "").endswith(
        "If this crossing closes, nobody loses timely help: other ways are as good."
    )


def test_what_hangs_on_a_crossing_holds_for_fair_weather_and_is_not_shown_under_a_hazard(
    page_file: Path, visit: Callable[..., Any]
) -> None:
    page = visit(page_file).page
    mark = page.locator(".ma-mark[aria-label^='Old Bridge']")
    assert mark.is_visible()
    choose(page, "slope")
    assert mark.is_hidden()
    assert "people or more" not in text_of(page, ".ma-more")
    page.locator(".leaflet-control-layers").hover()
    page.wait_for_timeout(100)
    names = page.locator(".leaflet-control-layers label:visible").all_inner_texts()
    assert "Crossings that help hangs on" not in {name.strip() for name in names}
    page.mouse.move(500, 20)
    choose(page, "")
    assert mark.is_visible()


def test_two_levels_speak_of_the_joint_team_alone(
    threatened: Any, together: Callable[[Any], Any], tmp_path: Path, visit: Callable[..., Any]
) -> None:
    page = visit(save_offline(coverage_map(threatened, together(threatened)), tmp_path / "map.html")).page
    label = page.locator(".ma-mark[aria-label^='Old Bridge']").get_attribute("aria-label") or ""
    assert "If this crossing closes, 321 people lose timely help (joint team)., Help" in label
    page.get_by_text("Cooperation", exact=True).click()
    panel = text_of(page, ".ma-together")
    assert "As a joint team, in fair weather." in panel
    assert "Agreements in force" not in panel
    assert "today" not in panel.lower()


def test_a_station_tells_who_hangs_on_it_at_the_level_shown(
    page_file: Path, visit: Callable[..., Any]
) -> None:
    page = visit(page_file).page
    first, second = (
        page.locator(f".ma-mark[aria-label^='{name}']") for name in ("Westport Central", "Easton")
    )
    first.focus()
    page.keyboard.press("Enter")
    for level, n in (("joint", "1,002"), ("agreed", "1,001"), ("alone", "1,000")):
        press(page, LEVELS[level])
        assert text_of(page, ".leaflet-popup-content").endswith(
            f"If this station closes or is out, {n} people lose timely help."
        )
    press(page, "Joint team")
    press(page, "Each alone")
    assert "nobody loses timely help" in (second.get_attribute("aria-label") or "")
    choose(page, "hq100")
    assert "lose timely help" not in (first.get_attribute("aria-label") or "")


# --- the panel -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["agreed", "joint"])
def test_the_matrix_is_that_of_reciprocity(
    page_file: Path, agreed: Any, together: Callable[[Any], Any], visit: Callable[..., Any], level: str
) -> None:
    page = visit(page_file).page
    page.get_by_text("Cooperation", exact=True).click()
    press(page, LEVELS[level])
    frame = together(agreed).reciprocity
    people = frame[frame["level"] == level].set_index(["host", "helper"])["people"]
    table = page.get_by_role("region", name="Whose unit comes first").locator("table")
    assert table.locator("thead th").all_inner_texts() == ["People of", "Westport", "Easton"]
    hosts = [("west", "Westport"), ("east", "Easton")]
    assert cells_of(table) == [
        [name, *(f"{people.get((host, helper), 0.0):,.0f}" for helper, _ in hosts)] for host, name in hosts
    ]
    balance = page.get_by_role("region", name="Give and take").locator("table")
    gives = people.get(("east", "west"), 0.0)
    takes = people.get(("west", "east"), 0.0)
    assert cells_of(balance)[0] == [
        "Westport",
        f"{gives:,.0f}",
        f"{takes:,.0f}",
        f"{gives - takes:+,.0f}",
        {"agreed": "25 %", "joint": "75 %"}[level],
    ]


def test_sentences_say_who_depends_on_whom(page_file: Path, visit: Callable[..., Any]) -> None:
    page = visit(page_file).page
    page.get_by_text("Cooperation", exact=True).click()
    panel = page.locator(".ma-together")
    for level, shares, words in (
        ("joint", ("17 %", "34 %"), "As a joint team, in fair weather."),
        ("agreed", ("9 %", "17 %"), "Under today's agreements, in fair weather."),
        ("alone", ("17 %", "34 %"), "As a joint team, in fair weather."),
    ):
        press(page, LEVELS[level])
        text = panel.inner_text()
        assert words in text
        assert f"{shares[0]} of all people who are reached in time depend on a neighbour." in text
        assert (
            f"Easton: {shares[1]} of the people who are reached in time depend on a neighbour (Westport)."
            in text
        )
        assert "Westport: nobody depends on a neighbour." in text
        assert panel.get_attribute("open") is not None


def test_shares_and_who_would_walk_out_are_tables(page_file: Path, visit: Callable[..., Any]) -> None:
    page = visit(page_file).page
    page.get_by_text("Cooperation", exact=True).click()
    shares = page.get_by_role("region", name="Shares of a joint budget").locator("table")
    assert shares.locator("thead th").all_inner_texts() == ["Rule", "Westport", "Easton"]
    assert cells_of(shares) == [
        ["What each adds (Shapley)", "75 %\n75,000 EUR", "25 %\n25,000 EUR"],
        ["Cost alone", "–", "–"],
    ]
    leaves = page.get_by_role("region", name="Who would walk out").locator("table")
    assert cells_of(leaves) == [
        ["What each adds (Shapley)", "Westport", "nobody"],
        ["Cost alone", "unknown", "unknown"],
    ]


def test_the_curve_is_drawn_to_scale_and_told(page_file: Path, visit: Callable[..., Any]) -> None:
    page = visit(page_file).page
    page.get_by_text("Cooperation", exact=True).click()
    curve = page.get_by_role("img", name=re.compile("people gained against the delay"))
    assert curve.is_visible()
    words = curve.locator("text").all_text_contents()
    assert words[words.index("0", 1) :][:6] == ["0", "2", "3", "5", "8", "15"]
    assert {"Delay in minutes", "People gained", "2,000"} <= set(words)
    line = curve.locator("polyline[data-curve=dispatch_s]").get_attribute("points") or ""
    points = [tuple(map(float, one.split(","))) for one in line.split()]
    # 0, 60, 120, 180, 300, 360 s with 2000, 1500, 900, 420, 66, 0 people
    (x0, y0), (x1, y1), *_, (x5, y5) = points
    assert (x5 - x0) / (x1 - x0) == pytest.approx(6, rel=0.01)
    assert (y1 - y0) / (y5 - y0) == pytest.approx(0.25, rel=0.01)
    table = page.get_by_role("region", name="What delays leave of the gain").locator("table")
    assert table.locator("thead th").all_inner_texts() == ["Delay (min)", "2", "3", "5", "8", "15"]
    assert cells_of(table) == [
        ["Call to the neighbour", "900", "420", "66", "0", "0"],
        ["Each passage of a border", "810", "378", "59", "0", "0"],
    ]
    panel = page.locator(".ma-together").inner_text()
    assert "Of the people gained (2,000), half are left if a neighbour's unit comes 1:51 min later" in panel
    assert "the last ones at 5:33 min." in panel


def test_without_a_gain_there_is_no_curve_and_with_one_partner_no_table(
    made_up: Callable[..., Any], together: Callable[[Any], Any], tmp_path: Path, visit: Callable[..., Any]
) -> None:
    two = made_up()
    measures = together(two)
    measures.break_even = measures.break_even.assign(gain=0.0, half_s=np.nan, break_even_s=np.nan)
    alone = made_up(partner="west")
    for analysis, found in ((two, measures), (alone, together(alone))):
        seen = visit(save_offline(coverage_map(analysis, found), tmp_path / "map.html"))
        seen.page.get_by_text("Cooperation", exact=True).click()
        assert "Nobody counted the units." in text_of(seen.page, ".ma-together")
        assert seen.page.locator(".ma-curve").count() == 0
        assert seen.page.locator(".ma-together table").count() == (5 if analysis is two else 0)
        mark = seen.page.locator(".ma-mark[aria-label^='Westport Central']")
        assert "1,001 people lose timely help" in (mark.get_attribute("aria-label") or "")
        assert seen.complaints == []


def test_agreements_and_notes_say_what_is_assumed(page_file: Path, visit: Callable[..., Any]) -> None:
    page = visit(page_file).page
    page.get_by_text("Cooperation", exact=True).click()
    panel = page.locator(".ma-together")
    assert "Treaty of the Ister" in panel.inner_text()
    lines = panel.locator("li").all_inner_texts()
    assert "It is alerted 2:30 min after the own crew assumption" in lines
    assert "Crossings with a delay of their own or closed: 1" in lines
    assert "Nobody counted the units." in lines
    assert "Agreement old ended on 2020-12-31 and does not count." in lines


def test_the_panel_is_used_from_the_keyboard(page_file: Path, visit: Callable[..., Any]) -> None:
    page = visit(page_file).page
    page.get_by_role("button", name="Each alone", exact=True).focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert "under today's agreements" in text_of(page, ".ma-head")
    for _ in range(8):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Cooperation":
            break
    page.keyboard.press("Enter")
    assert page.locator(".ma-together").get_attribute("open") is not None
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Whose unit comes first"


@pytest.mark.parametrize("width", [360, 390])
def test_a_phone_shows_all_of_it(page_file: Path, visit: Callable[..., Any], width: int) -> None:
    seen = visit(page_file, width=width, height=800, has_touch=True, is_mobile=True)
    page = seen.page
    assert page.evaluate("document.documentElement.scrollWidth") == width
    for name in LEVELS.values():
        box = page.get_by_role("button", name=name, exact=True).bounding_box()
        assert box is not None
        assert box["width"] > 70
        assert box["height"] >= 40
    page.get_by_text("Legend and details").tap()
    page.get_by_role("button", name="Who comes?", exact=True).tap()
    page.get_by_text("Cooperation", exact=True).tap()
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    panel = page.locator(".ma-panel")
    assert panel.evaluate("node => node.scrollWidth <= node.clientWidth")
    inside = page.locator(".ma-together").evaluate(
        """part => [...part.querySelectorAll('p, li, h3, svg, .ma-scroll')].every(node => {
            const a = node.getBoundingClientRect(), b = part.getBoundingClientRect();
            return a.left >= b.left - 1 && a.right <= b.right + 1;
        })"""
    )
    assert inside
    assert seen.complaints == []


def test_texts_have_enough_contrast(page_file: Path, visit: Callable[..., Any]) -> None:
    page = visit(page_file).page
    press(page, "Today's agreements")
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    worst = page.evaluate(
        """() => {
            const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
            const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
                .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
                .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
            let worst = [99, ''];
            const walk = document.createTreeWalker(document.querySelector('.ma-panel'), NodeFilter.SHOW_TEXT);
            while (walk.nextNode()) {
                const node = walk.currentNode.parentElement;
                if (!walk.currentNode.data.trim() || node.closest('option')) continue;
                let ground = node, colour = [0, 0, 0, 0];
                while (colour.length === 4 && colour[3] === 0) {
                    colour = parse(getComputedStyle(ground).backgroundColor);
                    ground = ground.parentElement;
                }
                const style = getComputedStyle(node), ink = node.closest('svg') ? style.fill : style.color;
                const [a, b] = [light(parse(ink)), light(colour)].sort((x, y) => y - x);
                if ((a + 0.05) / (b + 0.05) < worst[0]) worst = [(a + 0.05) / (b + 0.05), walk.currentNode.data];
            }
            return worst;
        }"""
    )
    assert worst[0] >= 4.5, worst


def test_a_hundred_thousand_cells_at_three_levels_stay_small_and_quick(
    made_up: Callable[..., Any], tmp_path: Path, visit: Callable[..., Any]
) -> None:
    file = save_offline(coverage_map(made_up(cell_m=25, count=100_000, agreed=True)), tmp_path / "map.html")
    assert file.stat().st_size < 1_300_000
    page = visit(file).page
    assert page.evaluate("performance.now()") < 4_000  # a second where nothing else runs
    took = page.evaluate(
        """() => ['[data-choice=agreed]', '[data-choice=who]', '[data-choice=joint]'].map(choice => {
            const begin = performance.now();
            document.querySelector(choice).click();
            return performance.now() - begin;
        })"""
    )
    assert max(took) < 500


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_texts_stay_texts(
    made_up: Callable[..., Any],
    together: Callable[[Any], Any],
    tmp_path: Path,
    visit: Callable[..., Any],
    text: str,
) -> None:
    keys = (
        "west", "east", "station", "crossing", "agreement", "agreement_note", "analysis_note", "source", "currency",
    )  # fmt: skip
    analysis = made_up(agreed=True, **dict.fromkeys(keys, text))
    seen = visit(save_offline(coverage_map(analysis, together(analysis)), tmp_path / "map.html"))
    page = seen.page
    line = " ".join(text.split())
    shown = line[:19] if len(line) > 20 else line
    press(page, "Today's agreements")
    press(page, "Who comes?")
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    panel = page.locator(".ma-together").text_content() or ""
    assert panel.count(shown) >= 12
    assert shown in (page.locator(".ma-more ul.ma-rows").first.text_content() or "")
    for mark in page.locator(".ma-mark").all():
        mark.dispatch_event("click")
        assert shown in (page.locator(".leaflet-popup-content").last.text_content() or "")
    page.evaluate(f"{MAP}.closePopup()")
    covered = analysis.coverage
    hover(page, at(analysis, covered.index[covered["status"] == "agreed"][0]))
    assert (page.locator(".ma-tip").text_content() or "").count(shown) >= 2
    assert page.evaluate("window.pwned") is None
    assert seen.complaints == []
    assert seen.requests == []


# --- the real thing ------------------------------------------------------------------------------------------


def test_the_demo_tells_what_its_measures_say(demo: Any, visit: Callable[..., Any]) -> None:
    analysis, measures = demo.analysis, demo.cooperation
    seen = visit(demo.page)
    page = seen.page
    page.get_by_text("Cooperation", exact=True).click()
    names = {"Sapeurs-Pompiers de Monaco", "SDIS 06"}
    for level in ("agreed", "joint"):
        press(page, LEVELS[level])
        rows_ = measures.reciprocity[measures.reciprocity["level"] == level]
        people = rows_.set_index(["host", "helper"])["people"]
        table = page.get_by_role("region", name="Whose unit comes first").locator("table")
        head = table.locator("thead th").all_inner_texts()[1:]
        assert set(head) == names
        for host, *cells in cells_of(table):
            assert [number(cell) for cell in cells] == [
                whole(people.get((host, helper), 0.0)) for helper in head
            ]
        depends = measures.dependence.query("kind == 'partner' and level == @level and place == 'SDIS 06'")
        share = percent(float(depends["share"].iloc[0]))
        assert f"SDIS 06: {share} of the people who are reached in time" in text_of(page, ".ma-together")
    first = measures.crossings.iloc[0]
    label = page.locator(f'.ma-mark[aria-label^="{first["name"]}"]').first.get_attribute("aria-label") or ""
    assert (
        f"{first['lost_joint']:,.0f} people lose timely help (joint team); {first['lost_agreed']:,.0f} under"
        in label
    )
    station = measures.stations.iloc[-1]
    mark = page.locator(f'.ma-mark[aria-label^="{station["name"]}"]').first.get_attribute("aria-label") or ""
    assert f"{station['only_joint']:,.0f} people lose timely help" in mark
    everybody = measures.break_even.query("kind == 'all'").iloc[0]
    assert f"Of the people gained ({everybody['gain']:,.0f}), half are left" in text_of(page, ".ma-together")
    assert page.locator(".ma-tag").first.inner_text() == "assumption"
    press(page, "Who comes?")
    block = analysis.summary["common"]["total"]
    assert f"{percent(block['other_partner_share'])} of all whom anybody reaches" in text_of(page, ".ma-more")
    assert seen.complaints == []
    assert seen.requests == []
