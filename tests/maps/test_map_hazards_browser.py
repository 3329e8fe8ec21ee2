"""Hazards on the page in a real browser: the switch, the numbers, the picture, and what hostile data cannot do."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from mutualaid.coverage import scenario_table
from mutualaid.hazards import SEVERITIES, scenario_severity
from mutualaid.maps import coverage_map, save_offline
from mutualaid.maps._palette import SCENARIO_STATUSES, SEVERITY_COLOURS

if TYPE_CHECKING:
    from playwright.sync_api import Page

MAP = "map_1"  # its variable in every page
LEVELS = ["alone", "joint"]
IDS = ["hq100", "slope", "both"]

HOSTILE = {
    "script end": "</script><!-- <script> --></style></title></select><script>window.pwned = 1</script>",
    "quotes": "`'\"); window.pwned = 1; //`",
    "templates": "${window.pwned = 1}{{7*7}}{% raw %}{# x {n}",
    "image": "<img src=x onerror=window.pwned=1>",
    "odd characters": "C:\\users\\new \u202eمحطة \u200fالإطفاء\u2066 one\u2028two\nthree",
    "long": "Llanfair " * 1_200,
}


def text_of(page: Page, selector: str) -> str:
    return re.sub(r"\n+", "\n", page.locator(selector).first.inner_text())


def layer(page: Page, name: str) -> None:
    page.locator(".leaflet-control-layers").hover()
    page.locator(".leaflet-control-layers label", has_text=name).click()
    page.mouse.move(500, 20)


def choose(page: Page, scenario: str) -> None:
    page.get_by_label("Hazard", exact=True).select_option(scenario)
    page.wait_for_selector("[data-mutualaid=ready]")


def result_of(analysis: Any, scenario: str) -> Any:
    return next(one for one in analysis.scenarios if one.scenario.id == scenario)


def total(analysis: Any, scenario: str) -> dict[str, float]:
    found: dict[str, float] = analysis.summary["hazards"]["scenarios"][scenario]["total"]
    return found


def rows(page: Page, selector: str) -> dict[str, str]:
    """Labels and numbers of the rows of a list."""
    found = {}
    for item in page.locator(f"{selector} li").all():
        label = item.locator(".ma-label")
        number = item.locator(".ma-n, .ma-names")
        if label.count() and number.count():
            found[label.inner_text()] = number.inner_text()
    return found


def number(text: str) -> float:
    return 0.25 if text == "<1" else float(text.replace(",", ""))


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


def place(analysis: Any, key: str) -> list[float]:
    point = analysis.coverage.geometry.loc[[key]].to_crs(4326).iloc[0]
    return [point.y, point.x]


@pytest.fixture(scope="module")
def page_file(threatened: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_offline(coverage_map(threatened), tmp_path_factory.mktemp("hazards") / "map.html")


# --- nothing leaves the page ---------------------------------------------------------------------------------


def test_nothing_is_requested_and_nothing_complains(page_file: Path, visit: Callable[..., Any]) -> None:
    seen = visit(page_file)
    page = seen.page
    for scenario in (*IDS, "", "both"):
        choose(page, scenario)
        page.get_by_role("button", name="Each alone").click()
        page.get_by_role("button", name="Minutes").click()
        page.get_by_role("button", name="Joint team").click()
        page.get_by_role("button", name="In time?").click()
    for name in (
        "Hazard severity",
        "Closed roads",
        "Seams at borders",
        "Hazard severity",
        "People",
        "People",
        "Stations",
    ):
        layer(page, name)
    page.mouse.move(700, 450)
    page.mouse.wheel(0, -300)
    page.wait_for_timeout(400)
    choose(page, "slope")
    assert seen.requests == []
    assert seen.complaints == []


def test_a_page_without_scenarios_has_no_switch(
    analysis: Any, tmp_path: Path, visit: Callable[..., Any]
) -> None:
    page = visit(save_offline(coverage_map(analysis), tmp_path / "map.html")).page
    assert page.get_by_label("Hazard", exact=True).count() == 0
    assert page.evaluate(f"{MAP}.mutualaid.scenario") == ""
    assert "Hazard" not in text_of(page, ".ma-panel")
    assert "Hazard" not in (page.locator(".leaflet-control-layers").text_content() or "")


# --- the switch and the numbers ------------------------------------------------------------------------------


def test_the_switch_names_fair_weather_first_and_each_scenario(
    page_file: Path, visit: Callable[..., Any]
) -> None:
    page = visit(page_file).page
    options = page.get_by_label("Hazard", exact=True).locator("option").all_inner_texts()
    assert options == [
        "Fair weather",
        "Flood · 1 in 100 years",
        "Slope · derived, illustrative",
        "All at once · derived, illustrative",
    ]


@pytest.mark.parametrize("scenario", IDS)
@pytest.mark.parametrize("level", LEVELS)
def test_the_numbers_are_those_of_the_summary(
    page_file: Path,
    threatened: Any,
    visit: Callable[..., Any],
    told: Callable[[Any], str],
    scenario: str,
    level: str,
) -> None:
    page = visit(page_file).page
    expected = total(threatened, scenario)
    choose(page, scenario)
    page.get_by_role("button", name={"alone": "Each alone", "joint": "Joint team"}[level]).click()
    assert page.evaluate(f"{MAP}.mutualaid.scenario") == scenario
    head = text_of(page, ".ma-head")
    assert f"{expected[level]:,.0f} of {expected['population']:,.0f} people are still reached" in head
    assert text_of(page, ".ma-big") == f"{expected[level] / expected['population']:.0%}".replace("%", " %")
    effects = rows(page, ".ma-effects")
    assert effects["Fewer than in fair weather"] == f"{expected[f'fair_{level}'] - expected[level]:,.0f}"
    held = {"Own brigade lost, neighbour in time": f"{expected['held']:,.0f}"} if expected["held"] else {}
    assert {key: text for key, text in effects.items() if key.startswith("Own brigade")} == held
    assert effects["Isolated, no open road to them"] == f"{expected['isolated']:,.0f}"
    km = threatened.summary["hazards"]["scenarios"][scenario]["roads_km"]["closed"]
    assert effects["Road closed"] == f"{told({'d': km, 'digits': 1})} km"
    out = threatened.stations["name"][result_of(threatened, scenario).stations["state"] == "out"]
    assert effects["Stations out of service"] == (", ".join(out) or "none")
    gain = text_of(page, ".ma-gain")
    more = expected["joint"] - expected["alone"]
    assert (f"{more:,.0f} more people" if more else "A joint team reaches nobody more in time") in gain
    if level == "joint" or not more:
        assert gain.endswith(f"Still without timely help: {expected['population'] - expected['joint']:,.0f}.")


@pytest.mark.parametrize("scenario", IDS)
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("view", ["In time?", "Minutes"])
def test_the_legend_sums_to_the_population(
    page_file: Path, threatened: Any, visit: Callable[..., Any], scenario: str, level: str, view: str
) -> None:
    page = visit(page_file).page
    choose(page, scenario)
    page.get_by_role("button", name={"alone": "Each alone", "joint": "Joint team"}[level]).click()
    page.get_by_role("button", name=view).click()
    expected = total(threatened, scenario)
    first = page.locator(".ma-more ul.ma-rows").first.locator(".ma-n").all_inner_texts()
    assert sum(map(number, first)) == pytest.approx(expected["population"], abs=0.5 * len(first))
    if view == "In time?":
        shown = rows(page, ".ma-more")
        key = {"alone": "no longer by their own brigade", "joint": "nobody any more"}[level]
        assert shown[key] == f"{expected[f'lost_{level}']:,.0f}"
        if level == "joint":
            held = f"{expected['held']:,.0f}" if expected["held"] else None
            assert shown.get("a neighbour, no longer their own brigade") == held
    labels = [*(f"{k} {word}" for k, word in SEVERITIES.items()), "unknown: no map says"]
    severity = [rows(page, ".ma-more")[label] for label in labels]
    assert sum(map(number, severity)) == pytest.approx(expected["population"], abs=3.5)


@pytest.mark.parametrize("level", LEVELS)
def test_municipalities_follow_the_hazard(
    page_file: Path, threatened: Any, visit: Callable[..., Any], level: str
) -> None:
    page = visit(page_file).page
    page.get_by_text("By municipality").click()
    choose(page, "slope")
    page.get_by_role("button", name={"alone": "Each alone", "joint": "Joint team"}[level]).click()
    table = scenario_table(result_of(threatened, "slope"))
    for at, key in enumerate(("west", "east")):
        row = table[(table["jurisdiction"] == key) & (table["class"] == "all")].iloc[0]
        shown = page.locator(".ma-panel tbody tr").nth(at).locator("td").all_inner_texts()
        shares = [f"{row[name] / row['population']:.0%}".replace("%", " %") for name in LEVELS]
        assert shown == [f"{row['population']:,.0f}", *shares, f"{row[f'lost_{level}']:,.0f}"]
    assert page.locator(".ma-panel thead th").last.inner_text() == "Lost"
    choose(page, "")
    assert page.locator(".ma-panel thead th").last.inner_text() == "90 % in"


def test_fair_weather_returns_as_it_was(page_file: Path, visit: Callable[..., Any]) -> None:
    page = visit(page_file).page
    before = text_of(page, ".ma-panel")
    for scenario in IDS:
        choose(page, scenario)
        assert text_of(page, ".ma-panel") != before
    choose(page, "")
    assert text_of(page, ".ma-panel") == before


# --- people --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", IDS)
def test_every_place_tells_what_the_scenario_says_of_it(
    page_file: Path, threatened: Any, visit: Callable[..., Any], scenario: str
) -> None:
    page = visit(page_file).page
    choose(page, scenario)
    covered = result_of(threatened, scenario).coverage
    chosen = covered.sample(150, random_state=3)
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
    stations = list(threatened.stations.index)
    for row, seen in zip(chosen.itertuples(), found, strict=True):
        status = SCENARIO_STATUSES[seen["status"]].status
        assert {"lost_own": "lost", "lost_neighbour": "lost", "held": "held"}.get(status, "none") == row.loss
        assert status in ("held", "lost_own", "lost_neighbour") or status == row.status
        assert (status == "lost_own") == (row.loss == "lost" and row.fair_alone_covered)
        for level in LEVELS:
            seconds, station = getattr(row, f"{level}_s"), getattr(row, f"{level}_station")
            assert seen[f"{level}_s"] == (np.ceil(seconds - 1e-6) if np.isfinite(seconds) else 65535)
            assert seen[f"{level}_station"] == (
                stations.index(station) + 1 if isinstance(station, str) else 0
            )
        code = (
            {"outside": 7, "unknown": 6}.get(row.severity_status) if pd.isna(row.severity) else row.severity
        )
        assert seen["severity"] == code
        assert seen["isolated"] == row.isolated
        assert (seen["hazard"] > 0) == (row.hazard != "")


def colours_near(page: Page, at: list[float]) -> set[str]:
    """Colours of the cell canvas around a place."""
    return set(
        page.evaluate(
            """([name, at]) => {
                const map = window[name], p = map.latLngToContainerPoint(at);
                const canvas = map.getPane('ma-cells').querySelector('canvas');
                const box = canvas.getBoundingClientRect(), frame = map.getContainer().getBoundingClientRect();
                const x = p.x + frame.x - box.x, y = p.y + frame.y - box.y;
                const d = canvas.getContext('2d').getImageData(x - 5, y - 5, 10, 10).data, out = [];
                for (let k = 0; k < d.length; k += 4) out.push([...d.slice(k, k + 3)].join());
                return out;
            }""",
            [MAP, at],
        )
    )


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[k : k + 2], 16) for k in (1, 3, 5))


@pytest.mark.parametrize("status", ["held", "lost_own", "lost_neighbour"])
def test_held_and_lost_are_painted_as_the_legend_says(
    page_file: Path, threatened: Any, visit: Callable[..., Any], status: str
) -> None:
    page = visit(page_file).page
    row = next(row for row in SCENARIO_STATUSES if row.status == status)
    scenario = "hq100" if status == "lost_neighbour" else "slope"
    covered = result_of(threatened, scenario).coverage
    chosen = {
        "held": covered["loss"] == "held",
        "lost_own": (covered["loss"] == "lost") & covered["fair_alone_covered"],
        "lost_neighbour": (covered["loss"] == "lost") & ~covered["fair_alone_covered"],
    }[status]
    at = place(threatened, covered.index[chosen][0])
    choose(page, scenario)
    page.evaluate("([map, at]) => window[map].setView(at, 16, { animate: false })", [MAP, at])
    for level, swatch in (("Each alone", row.alone), ("Joint team", row.joint)):
        page.get_by_role("button", name=level).click()
        painted = [tuple(map(int, colour.split(","))) for colour in colours_near(page, at)]
        assert len(painted) == 2  # each with its hatching
        # The canvas keeps colours multiplied by their opacity: a step may be lost.
        assert any(np.abs(np.subtract(colour, rgb(swatch.colour))).max() <= 2 for colour in painted)


def test_hovering_compares_with_fair_weather(
    page_file: Path, threatened: Any, visit: Callable[..., Any], clock: Callable[[float], str]
) -> None:
    page = visit(page_file).page
    choose(page, "slope")
    covered = result_of(threatened, "slope").coverage
    names = threatened.stations["name"]
    key = covered.index[covered["loss"] == "held"][0]
    row, fair = covered.loc[key], threatened.coverage.loc[key]
    hover(page, place(threatened, key))
    tip = text_of(page, ".ma-tip")
    assert tip.startswith("Westport\nPeople living here: ")
    now = f"{clock(row['joint_s'])} min in time\n{names[row['joint_station']]}\n"
    assert (
        f"Joint team\n{now}In fair weather {clock(fair['joint_s'])} min, {names[fair['joint_station']]}"
        in tip
    )
    assert "too late" in tip.partition("Joint team")[0]
    same = covered.index[(covered["alone_s"] == covered["fair_alone_s"]) & (covered["status"] == "own")][0]
    hover(page, place(threatened, same))
    assert text_of(page, ".ma-tip").endswith("As in fair weather")


def test_hovering_tells_the_hazard_of_the_place(
    page_file: Path, threatened: Any, visit: Callable[..., Any]
) -> None:
    page = visit(page_file).page
    choose(page, "both")
    covered = result_of(threatened, "both").coverage
    for severity in (1, 2, 3, 4):
        key = covered.index[(covered["severity"] == severity) & (covered["hazard"] == "flood")][0]
        hover(page, place(threatened, key))
        assert f"Flood: severity {severity} of 5, {SEVERITIES[severity]}" in text_of(page, ".ma-tip")
    key = covered.index[covered["hazard"] == "tsunami"][0]
    hover(page, place(threatened, key))
    assert "Tsunami: severity 3 of 5, moderate" in text_of(page, ".ma-tip")
    hover(page, place(threatened, covered.index[covered["isolated"]][0]))
    assert "Isolated: no open road leads here" in text_of(page, ".ma-tip")
    choose(page, "slope")
    covered = result_of(threatened, "slope").coverage
    hover(page, place(threatened, covered.index[covered["severity_status"] == "outside"][0]))
    assert "Outside every hazard map: unknown" in text_of(page, ".ma-tip")
    choose(page, "hq100")
    covered = result_of(threatened, "hq100").coverage
    hover(page, place(threatened, covered.index[covered["severity"] == 0][0]))
    assert "Not in the hazard" in text_of(page, ".ma-tip")


# --- layers --------------------------------------------------------------------------------------------------


def test_the_picture_lies_where_the_hazard_is(
    page_file: Path, threatened: Any, visit: Callable[..., Any]
) -> None:
    page = visit(page_file).page
    assert page.locator("img.ma-pixels").count() == 0
    choose(page, "hq100")
    image = page.locator("img.ma-pixels")
    image.wait_for(state="visible")
    bounds = page.evaluate(
        f"Object.values({MAP}._layers).find(one => one instanceof L.ImageOverlay).getBounds().toBBoxString()"
    )
    west, south, east, north = map(float, bounds.split(","))
    box = threatened.region.jurisdictions.to_crs(4326).total_bounds
    assert west <= box[0] + 1e-9
    assert south <= box[1] + 1e-9
    assert east >= box[2] - 1e-9
    assert north >= box[3] - 1e-9
    assert east - box[2] < 0.002
    shown = image.bounding_box()
    assert shown is not None
    assert (shown["x"], shown["y"]) == pytest.approx(pixel(page, [north, west]), abs=1.0)
    assert (shown["x"] + shown["width"], shown["y"] + shown["height"]) == pytest.approx(
        pixel(page, [south, east]), abs=1.0
    )
    drawn = page.evaluate(
        """() => {
            const image = document.querySelector('img.ma-pixels'), canvas = document.createElement('canvas');
            [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
            canvas.getContext('2d').drawImage(image, 0, 0);
            return { data: [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data],
                width: canvas.width };
        }"""
    )
    rgba = np.array(drawn["data"]).reshape(-1, drawn["width"], 4)
    chosen = np.random.default_rng(2).integers(0, rgba.shape[:2], (400, 2))
    severity = severity_at(threatened, chosen, rgba.shape[:2], (west, south, east, north))
    assert set(severity) >= {0, 1, 2, 3, 4}
    for (r, c), worst in zip(chosen, severity, strict=True):
        colour = rgba[r, c]
        if worst < 1:
            assert colour[3] == 0
        else:
            assert np.abs(colour[:3] - rgb(SEVERITY_COLOURS[worst - 1])).max() <= 2


def severity_at(
    analysis: Any, cells: Any, shape: tuple[int, ...], bounds: tuple[float, float, float, float]
) -> list[int]:
    """Severity of the flood at the centres of a picture's cells, as the scenario says it; -1 unknown."""
    corners = gpd.GeoSeries(gpd.points_from_xy(bounds[::2], bounds[1::2]), crs=4326).to_crs(3857)
    (left, bottom), (right, top) = shapely.get_coordinates(corners)
    x = left + (cells[:, 1] + 0.5) / shape[1] * (right - left)
    y = top - (cells[:, 0] + 0.5) / shape[0] * (top - bottom)
    lands = analysis.region.jurisdictions
    points = gpd.GeoDataFrame(geometry=gpd.points_from_xy(x, y), crs=3857).to_crs(lands.crs)
    points["jurisdiction"] = np.select(
        [points.within(lands.geometry[key]) for key in lands.index], list(lands.index), ""
    )
    scenario = result_of(analysis, "hq100").scenario
    found = scenario_severity(points, analysis.layers.layers, scenario, jurisdictions=lands)
    return [int(value) for value in found["severity"].fillna(-1)]


def test_where_nobody_knows_is_hatched(page_file: Path, visit: Callable[..., Any]) -> None:
    page = visit(page_file).page
    choose(page, "slope")
    veil = page.locator(".ma-unknown")
    assert veil.count() == 1
    assert "data:image/png" in veil.evaluate(
        "node => getComputedStyle(node).maskImage || getComputedStyle(node).webkitMaskImage"
    )
    before, after = page.locator("img.ma-pixels").bounding_box(), veil.bounding_box()
    assert before == after
    layer(page, "Hazard severity")
    assert page.locator(".ma-unknown, img.ma-pixels").count() == 0
    assert "People by severity" not in text_of(page, ".ma-more")


def test_the_layer_control_lists_what_can_be_seen(page_file: Path, visit: Callable[..., Any]) -> None:
    page = visit(page_file).page

    def listed() -> set[str]:
        page.locator(".leaflet-control-layers").hover()
        page.wait_for_timeout(100)
        names = page.locator(".leaflet-control-layers label:visible").all_inner_texts()
        page.mouse.move(500, 20)
        return {name.strip() for name in names}

    fair = listed()
    assert {"Gaps", "Driving time areas", "Seams at borders"} <= fair
    assert not {"Hazard severity", "Closed roads"} & fair
    choose(page, "hq100")
    assert listed() == (fair - {"Gaps", "Driving time areas"}) | {"Hazard severity", "Closed roads"}
    layer(page, "Closed roads")
    assert "Gaps" not in listed()
    choose(page, "")
    assert listed() == fair


def test_gaps_of_fair_weather_are_not_drawn_under_a_hazard(
    page_file: Path, visit: Callable[..., Any]
) -> None:
    page = visit(page_file).page
    outline = page.locator("path[stroke='#7a3300']")
    before = outline.count()
    assert before
    assert page.locator(".ma-chip").count()
    choose(page, "slope")
    assert outline.count() == 0
    assert page.locator(".ma-chip").count() == 0
    assert "Gap, with its people" not in text_of(page, ".ma-more")
    choose(page, "")
    assert outline.count() == before
    assert page.locator(".ma-chip").count()


def test_closed_roads_are_painted_and_listed(page_file: Path, visit: Callable[..., Any]) -> None:
    page = visit(page_file).page

    def painted() -> int:
        return int(
            page.evaluate(
                """map => [...window[map].getPane('ma-closed').querySelectorAll('canvas')].reduce((sum, canvas) =>
                    sum + canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data
                        .filter((v, k) => k % 4 === 3 && v > 0).length, 0)""",
                MAP,
            )
        )

    assert painted() == 0
    choose(page, "hq100")
    page.wait_for_timeout(200)
    assert painted() > 500
    legend = text_of(page, ".ma-more")
    assert "Road closed" in legend
    assert "Road slowed down" in legend
    choose(page, "")
    page.wait_for_timeout(200)
    assert painted() == 0
    assert "Road closed" not in text_of(page, ".ma-more")


def test_a_station_out_of_service_is_crossed_out_and_says_so(
    page_file: Path, visit: Callable[..., Any]
) -> None:
    page = visit(page_file).page
    assert page.locator(".ma-mark.ma-out").count() == 0
    choose(page, "slope")
    out = page.locator(".ma-mark.ma-out")
    assert out.count() == 1
    assert (out.get_attribute("aria-label") or "").endswith("Out of service: it stands in the hazard")
    assert out.locator(".ma-cross-out").first.is_visible()
    out.focus()
    page.keyboard.press("Enter")
    popup = text_of(page, ".leaflet-popup-content")
    assert popup.startswith("Westport Central")
    assert popup.endswith("Out of service: it stands in the hazard")
    assert "out of service" in text_of(page, ".ma-more")
    choose(page, "")
    assert page.locator(".ma-mark.ma-out").count() == 0
    assert "out of service" not in text_of(page, ".ma-more")


@pytest.mark.parametrize(
    ("state", "words"),
    [("delayed", "the hazard delays its crew"), ("cut_off", "reaches nobody within the time")],
)
def test_a_station_delayed_or_cut_off_says_so(
    made_up: Callable[..., Any], tmp_path: Path, visit: Callable[..., Any], state: str, words: str
) -> None:
    analysis = made_up(hazards=tmp_path)
    analysis.scenarios[0].stations["state"] = [state, "in_service", "in_service"]
    page = visit(save_offline(coverage_map(analysis), tmp_path / "map.html")).page
    choose(page, "hq100")
    mark = page.locator(".ma-mark").first
    assert words in (mark.get_attribute("aria-label") or "")
    assert "Westport Central" in text_of(page, ".ma-effects")


def test_seams_show_both_sides(page_file: Path, threatened: Any, visit: Callable[..., Any]) -> None:
    page = visit(page_file).page
    seam = page.locator("path[stroke='#FF2FA0']")
    assert seam.count() == 0
    layer(page, "Seams at borders")
    assert seam.count() == len(threatened.seams)
    assert "Partners' hazard maps contradict each other" in text_of(page, ".ma-more")
    middle = threatened.seams.geometry.iloc[[0]].interpolate(0.5, normalized=True).to_crs(4326).iloc[0]
    hover(page, [middle.y, middle.x])
    tip = text_of(page, ".ma-seam-tip")
    assert tip == "Westport – Easton\nThe two sides' maps show a different severity."
    assert page.locator(".ma-tip").is_hidden()
    page.mouse.click(*pixel(page, [middle.y, middle.x]))
    popup = text_of(page, ".leaflet-popup-content")
    assert "Westport\n4 high\n“high”\nDepths\n1 in 100 years\nIster survey" in popup
    assert "Easton\n3 moderate\n“medium probability”\nZones\n1 in 100 years\nIster survey" in popup
    assert page.locator(".ma-seam-tip:visible").count() == 0
    assert f"Flood, over {threatened.seams['length_m'].iloc[0]:,.0f} m of border" in popup
    choose(page, "slope")
    assert seam.count() == len(threatened.seams)


# --- the face of the page ------------------------------------------------------------------------------------


def test_notes_stand_on_the_face_where_they_apply(page_file: Path, visit: Callable[..., Any]) -> None:
    page = visit(page_file).page
    derived = page.get_by_text("Derived, illustrative: not an official hazard map.")
    note = page.get_by_text("Water as high as the embankments.")
    assert page.get_by_text("Not computed: ash.tif: expected a raster").is_visible()
    assert (derived.count(), note.count()) == (0, 0)
    choose(page, "hq100")
    assert note.is_visible()
    assert derived.count() == 0
    choose(page, "both")
    assert derived.is_visible()
    assert note.count() == 0
    assert page.get_by_text("Not computed: ash.tif: expected a raster").is_visible()


def test_the_switch_works_from_the_keyboard(page_file: Path, visit: Callable[..., Any]) -> None:
    page = visit(page_file).page
    page.keyboard.press("Tab")
    for _ in range(40):
        if page.evaluate("document.activeElement.id") == "ma-scenario":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    assert page.evaluate(f"{MAP}.mutualaid.scenario") == "hq100"
    page.keyboard.press("ArrowDown")
    page.wait_for_selector("[data-mutualaid=ready]")
    assert page.evaluate(f"{MAP}.mutualaid.scenario") == "slope"
    assert page.locator(".ma-effects").is_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.dataset.choice") == "alone"


def test_texts_of_the_panel_have_enough_contrast(page_file: Path, visit: Callable[..., Any]) -> None:
    page = visit(page_file).page
    choose(page, "both")
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
                const [a, b] = [light(parse(getComputedStyle(node).color)), light(colour)].sort((x, y) => y - x);
                const contrast = (a + 0.05) / (b + 0.05);
                if (contrast < worst[0]) worst = [contrast, walk.currentNode.data];
            }
            return worst;
        }"""
    )
    assert worst[0] >= 4.5, worst


def test_a_phone_shows_switch_numbers_and_map(page_file: Path, visit: Callable[..., Any]) -> None:
    seen = visit(page_file, width=390, height=844, has_touch=True, is_mobile=True)
    page = seen.page
    choose(page, "both")
    page.wait_for_timeout(200)
    panel = page.locator(".ma-panel").bounding_box()
    assert panel is not None
    assert panel["height"] <= 844 * 0.67
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.locator(".ma-effects").is_visible()
    bounds = page.evaluate(f"{MAP}.mutualaid.bounds")
    assert max(pixel(page, at)[1] for at in bounds) <= panel["y"] + 1  # nobody is hidden by the sheet
    assert seen.complaints == []


def test_a_hundred_thousand_cells_with_three_scenarios_stay_small_and_quick(
    made_up: Callable[..., Any], tmp_path: Path, visit: Callable[..., Any]
) -> None:
    analysis = made_up(cell_m=25, count=100_000, hazards=tmp_path)
    file = save_offline(coverage_map(analysis), tmp_path / "map.html")
    assert file.stat().st_size < 3_000_000
    page = visit(file).page
    assert page.evaluate("performance.now()") < 4_000  # a second where nothing else runs
    begin = page.evaluate("performance.now()")
    choose(page, "both")
    assert page.evaluate("performance.now()") - begin < 2_000


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_texts_stay_texts(
    made_up: Callable[..., Any], tmp_path: Path, visit: Callable[..., Any], text: str
) -> None:
    keys = ("scenario", "scenario_note", "layer", "hazard_source", "station", "west", "east")
    analysis = made_up(hazards=tmp_path, **dict.fromkeys(keys, text))
    analysis.seams["class_label_b"] = text
    seen = visit(save_offline(coverage_map(analysis), tmp_path / "map.html"))
    page = seen.page
    line = " ".join(text.split())
    shown = line if len(line) <= 60 else line[:59].rstrip() + "…"
    options = page.get_by_label("Hazard", exact=True).locator("option").all_text_contents()
    assert options[0] == "Fair weather"
    assert all(option.startswith(shown) for option in options[1:])
    choose(page, "hq100")
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    panel = page.locator(".ma-panel").text_content() or ""
    assert panel.count(shown[:50]) >= 6  # note, station out, defect, maps, rules, municipalities
    layer(page, "Seams at borders")
    middle = analysis.seams.geometry.iloc[[0]].interpolate(0.3, normalized=True).to_crs(4326).iloc[0]
    hover(page, [middle.y, middle.x])
    assert shown[:50] in (page.locator(".ma-seam-tip").text_content() or "")
    page.mouse.click(*pixel(page, [middle.y, middle.x]))
    popup = page.locator(".leaflet-popup-content").last.text_content() or ""
    assert popup.count(shown[:50]) >= 6  # names, layers and sources of both sides, and a label
    page.evaluate("map => { window[map].closePopup(); }", MAP)
    covered = result_of(analysis, "hq100").coverage
    hover(page, place(analysis, covered.index[(covered["loss"] == "lost")][0]))
    assert shown[:50] in (page.locator(".ma-tip").text_content() or "")
    page.locator(".ma-mark.ma-out").first.dispatch_event("click")
    assert shown[:50] in (page.locator(".leaflet-popup-content").last.text_content() or "")
    assert page.evaluate("window.pwned") is None
    assert seen.complaints == []
    assert seen.requests == []
