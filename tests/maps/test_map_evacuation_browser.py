"""An evacuation on the page, in a real browser: its numbers, its time, its routes, and the way back to coverage."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mutualaid.coverage import WhatIfTables
from mutualaid.maps import coverage_map, save_offline
from mutualaid.maps._evacuation import evacuation_facts, moments
from mutualaid.maps._languages import catalogue

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture(scope="module")
def study(agreed: Any, evacuated: Callable[..., Any]) -> Any:
    return evacuated(agreed)


@pytest.fixture(scope="module")
def file(
    agreed: Any, study: Any, tables: Callable[..., WhatIfTables], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    page = coverage_map(agreed, None, tables(agreed), evacuation=study)
    return save_offline(page, tmp_path_factory.mktemp("evacuation") / "map.html")


@pytest.fixture
def opened(visit: Callable[..., Any]) -> Iterator[Callable[..., Page]]:
    """Open a page; it must ask for nothing and complain of nothing."""
    seen = []

    def go(path: Path, **options: Any) -> Page:
        one = visit(path, **options)
        seen.append(one)
        page: Page = one.page
        page.evaluate(
            """() => new Promise(done => {
                const { mutualaid: state } = map_1, look = () =>
                    state.pending || (state.whatif && !state.engine)
                        ? setTimeout(look, 10) : requestAnimationFrame(done);
                look();
            })"""
        )
        return page

    yield go
    for one in seen:
        assert one.requests == []
        assert one.complaints == []


def plain(text: str | None) -> str:
    return re.sub(r"\s+", " ", (text or "").replace("\xa0", " ")).strip()


def number(text: str) -> float:
    return float(text.replace(",", ""))


# --- what is told --------------------------------------------------------------------------------------------


def test_the_page_opens_with_the_clearance_time_and_who_gets_out(
    file: Path, study: Any, opened: Callable[..., Page]
) -> None:
    page = opened(file)
    head = page.locator(".ma-evac-head")
    assert head.locator(".ma-evac-big").inner_text() == "99–102 min"
    told = plain(head.inner_text())
    assert "takes at least 99 min and at most 102 min: both are proven." in told
    out, everybody = study.zones["people_out"].sum(), study.zones["people"].sum()
    assert f"{out:,.0f} of {everybody:,.0f} people get out by this plan." in told
    left = {
        plain(row.locator(".ma-label").inner_text()): number(row.locator(".ma-n").inner_text())
        for row in head.locator(".ma-evac-left li").all()
    }
    assert left == {"no car and no seat on a bus": 100, "not in time, or no room": 60, "no road nearby": 20}
    assert "Mill Lane" in plain(head.locator(".ma-evac-why").inner_text())
    assert "2,000 people have to pass it. It lets 1,400 vehicles an hour through." in told
    assert not page.locator(".ma-head").is_visible()
    assert not page.locator("#ma-scenario").is_visible()


def test_times_are_rounded_so_that_nothing_is_promised(file: Path, opened: Callable[..., Page]) -> None:
    """What is at least so long is rounded down, what is at most so long up; 5:00 hours are said as hours."""
    page = opened(file)
    cases = [
        (119.9, "floor", "1 min"), (119.9, "ceil", "2 min"), (120.0, "floor", "2 min"), (120.0, "ceil", "2 min"),
        (0.0, "ceil", "0 min"), (17_940.0, "ceil", "299 min"), (18_000.0, "ceil", "5 h 0 min"),
        (-90.0, "floor", "\N{MINUS SIGN}1 min"),
        (-1, "ceil", "never"), (None, "ceil", "unknown"),
    ]  # fmt: skip
    for seconds, rounding, said in cases:
        found = page.evaluate(
            "([s, round]) => mutualaid.kit.evacuationSpan(map_1.mutualaid, s, round)", [seconds, rounding]
        )
        assert plain(found) == said
    spans = [((5_970, 6_120), "99–102 min"), ((6_000, 6_000), "100 min"), ((6_000, None), "≥ 100 min"),
             ((6_000, -1), "≥ 100 min"), ((17_000, 19_000), "4:43–5:17 h")]  # fmt: skip
    for (lower, upper), said in spans:
        found = page.evaluate(
            """([lower_s, upper_s]) =>
                mutualaid.kit.words(mutualaid.kit.between(map_1.mutualaid, { lower_s, upper_s }))""",
            [lower, upper],
        )
        assert plain(found) == said


def test_alone_and_together_only_what_is_proven_is_called_a_gain(
    agreed: Any, study: Any, tmp_path: Path, file: Path, opened: Callable[..., Page]
) -> None:
    page = opened(file)
    rows = page.locator(".ma-evac-levels tbody tr")
    found = {
        plain(r.locator("th").inner_text()): [plain(c) for c in r.locator("td").all_inner_texts()]
        for r in rows.all()
    }
    assert found == {
        "Clearance time": ["150–165 min", "99–102 min"],
        "People who get out": ["1,500", "3,900"],
        "People left behind": ["2,600", "200"],
        "People before full shelters": ["900", "0"],
        "People across a border": ["0", "2,000"],
    }
    assert "Together, 2,400 more people get out." in plain(page.locator(".ma-evac > .ma-gain").inner_text())
    for lower, said in [(9_000.0, "at least 48 min sooner"), (6_119.0, "not proven")]:
        levels = study.levels.assign(people_out=3_900.0, lower_s=[lower, 5_970.0])
        changed = type(study)(**{**vars(study), "levels": levels})
        other = opened(
            save_offline(coverage_map(agreed, evacuation=changed, languages=["en"]), tmp_path / "map.html")
        )
        assert said in plain(other.locator(".ma-evac > .ma-gain").inner_text())


# --- time ----------------------------------------------------------------------------------------------------

#: Roads, areas and closures that are to be seen, people that are said to be safe, and those still to come by zone.
SEEN = """() => {
    const { evacuated: { flows, hazard, zones } } = map_1.mutualaid;
    return {
        roads: flows.roads.map(one => one.options.stroke ? one.options.weight : 0),
        areas: hazard.fills.filter(one => one.options.fillOpacity > 0).length,
        closed: hazard.lines.filter(one => one.options.stroke).length,
        here: zones.chips.map(one => one.getElement().textContent),
        full: flows.roads.filter(one => one.options.stroke && one.options.color === '#0B1F5B').length,
    };
}"""


def test_the_map_follows_the_bar_of_time(
    file: Path, agreed: Any, study: Any, opened: Callable[..., Page]
) -> None:
    page, times, facts = opened(file), moments(study), evacuation_facts(agreed, study)
    order = list(study.flows.index)
    peak = study.flows["peak_vph"].to_numpy()
    seen = page.evaluate(SEEN)
    assert sorted(range(len(order)), key=lambda k: seen["roads"][k]) == sorted(
        range(len(order)), key=lambda k: peak[k]
    )
    assert seen["closed"] == 3
    slider = page.locator("#ma-moment")
    assert [slider.get_attribute(key) for key in ("min", "max")] == ["0", str(len(times) - 1)]
    for k in (0, 4, 9, len(times) - 1):
        slider.fill(str(k))
        at = times[k]
        now = study.steps[study.steps["time_s"] == at].set_index("edge")["vph"].reindex(order, fill_value=0.0)
        seen = page.evaluate(SEEN)
        assert [weight > 0 for weight in seen["roads"]] == (now > 0).tolist()
        assert [weight - 2 for weight in seen["roads"] if weight] == pytest.approx(
            (11 * now[now > 0] / peak.max()).tolist()
        )
        assert seen["full"] == (now >= 0.95 * study.flows["capacity_vph"]).sum()
        assert seen["areas"] == (study.hazard["arrival_s"] <= at).sum()
        assert seen["closed"] == (study.closures["closes_s"] <= at).sum()
        for zone, told in zip(facts["zones"], seen["here"], strict=True):
            assert abs(number(told) - (zone["people"] - zone["shares"][k])) < 0.6
        said = plain(page.locator(".ma-timeline output").inner_text())
        safe = f"{facts['shares'][k]:,.0f} of {facts['people']:,.0f} people are safe"
        assert said == f"{at // 60:.0f} min after the alarm · {safe}"
        assert plain(slider.get_attribute("aria-valuetext")) == f"{at // 60:.0f} min after the alarm"
    page.get_by_role("button", name="All times").click()
    assert page.evaluate("map_1.mutualaid.moment") is None
    assert page.locator(".ma-curve line[visibility=hidden]").count() == 1


def test_time_plays_and_stops(file: Path, opened: Callable[..., Page]) -> None:
    page = opened(file)
    page.evaluate("void (window.setInterval = (act => (beat, ms) => act(beat, ms / 20))(window.setInterval))")
    play = page.locator(".ma-play")
    play.focus()
    page.keyboard.press("Enter")
    assert play.inner_text() == "Pause"
    page.wait_for_selector(".ma-play[aria-pressed=false]")  # it comes to its end by itself
    last = page.evaluate("map_1.mutualaid.evacuation.times.length - 1")
    assert page.evaluate("map_1.mutualaid.moment") == last
    assert play.inner_text() == "Play"
    page.evaluate(
        "void (window.setInterval = (act => (beat, ms) => act(beat, ms * 1000))(window.setInterval))"
    )
    play.click()
    assert page.evaluate("map_1.mutualaid.moment") == 0
    page.locator("[data-subject=coverage]").click()
    page.locator("[data-subject=evacuation]").click()
    assert page.evaluate("map_1.mutualaid.moment") is None


# --- places and routes ---------------------------------------------------------------------------------------


def popup(page: Page) -> str:
    return plain(page.locator(".leaflet-popup-content").last.inner_text())


def test_zones_shelters_and_crossings_tell_of_themselves(file: Path, opened: Callable[..., Page]) -> None:
    page = opened(file)
    page.locator(".ma-evac-zone").first.focus()
    page.keyboard.press("Enter")
    told = popup(page)
    for said in ("Z1 hill", "Hazard arrives 30 min", "Departures 0 min to 80 min", "Last safe departure 52 min",
                 "Margin 7 min", "90 % safe 90 min",
                 "100 % safe never", "no car and no seat on a bus 100", "R1 · Z1 hill to beyond",
                 "600 vehicles an hour, departures 0 min to 80 min", "Mill Lane, Station Road"):  # fmt: skip
        assert said in told
    page.keyboard.press("Escape")
    marks = page.locator(".ma-shelter")
    spoken = [plain(one.get_attribute("aria-label")) for one in marks.all()]
    assert spoken[0].startswith("own place, Expected, 588, Room, 800, Turned away")
    assert "Opens, 20 min" in spoken[0]
    assert "Closes, 120 min" in spoken[1]
    assert spoken[2].startswith("exit place, Expected, 625, ")
    assert "It stands in the hazard" in spoken[3]
    assert "Room, unknown" in spoken[4]
    assert page.locator(".ma-shelter.ma-out").count() == 2
    assert page.locator(".ma-evac-load").all_inner_texts() == ["588 of 800", "2,417 of 2,600", "625"]
    page.locator(".ma-mark[aria-label^='Old Bridge']").dispatch_event("click")
    assert "Most vehicles an hour 600" in popup(page)
    page.keyboard.press("Escape")
    page.locator(".ma-evac-cut").dispatch_event("click")
    assert "2,000 people have to pass it." in popup(page)


def test_a_road_tells_of_its_routes_which_are_shown_on_the_map(
    file: Path, opened: Callable[..., Page]
) -> None:
    page = opened(file)
    at = page.evaluate(
        """() => { const line = map_1.mutualaid.evacuated.flows.lines[3], at = map_1.latLngToContainerPoint(
            [(line[0][0] + line[1][0]) / 2, (line[0][1] + line[1][1]) / 2]); return [at.x, at.y]; }"""
    )
    page.mouse.move(*at)
    page.mouse.move(at[0] + 1, at[1])
    assert "Most vehicles an hour: 800" in plain(page.locator(".ma-mark-tip").inner_text())
    assert page.locator(".ma-tip").is_hidden()
    page.mouse.click(*at)
    told = popup(page)
    assert "Routes over this road" in told
    assert [name in told for name in ("R1 ·", "R2 ·", "R3 ·", "R4 ·", "R5 ·")] == [
        True,
        False,
        False,
        False,
        True,
    ]
    buttons = page.locator(".leaflet-popup-content .ma-route")
    buttons.last.click()
    assert buttons.last.get_attribute("aria-pressed") == "true"
    assert page.evaluate("map_1.mutualaid.route") == 4
    assert page.evaluate("map_1.mutualaid.evacuated.flows.route[1].getLatLngs().flat().length") >= 4
    assert "route that is shown R5" in plain(page.locator(".ma-legend").inner_text())
    page.keyboard.press("Escape")
    page.locator("details[data-part=evac-routes] > summary").click()
    listed = page.locator("details[data-part=evac-routes] .ma-route")
    assert [one.get_attribute("aria-pressed") for one in listed.all()] == ["false"] * 4 + ["true"]
    listed.last.click()
    assert page.evaluate("map_1.mutualaid.evacuated.flows.route[1].getLatLngs().flat().length") == 0
    # Beside every road, a zone tells of itself.
    zone = page.evaluate(
        """() => { const one = map_1.mutualaid.evacuation.zones[1], at = map_1.latLngToContainerPoint(one.at);
            return [at.x + 20, at.y + 60]; }"""
    )
    page.mouse.click(*zone)
    assert popup(page).startswith("Z2 hill")


# --- the two subjects ----------------------------------------------------------------------------------------


def overlays(page: Page) -> dict[str, bool]:
    page.locator(".leaflet-control-layers").hover()
    labels = page.locator(".leaflet-control-layers label:not([hidden])")
    return {plain(one.inner_text()): one.locator("input").is_checked() for one in labels.all()}


EVACUATION = ["Hazard as it arrives", "Zones to clear", "Evacuation traffic", "Bottleneck", "Shelters and exits",
              "Crossings that people use"]  # fmt: skip


def test_each_subject_has_its_own_layers_and_numbers(
    file: Path, agreed: Any, tables: Callable[..., WhatIfTables], tmp_path: Path, opened: Callable[..., Page]
) -> None:
    bare = opened(save_offline(coverage_map(agreed, None, tables(agreed)), tmp_path / "map.html"))
    bare.wait_for_timeout(50)
    wanted, head, legend = (
        overlays(bare),
        bare.locator(".ma-head").inner_text(),
        bare.locator(".ma-legend").inner_text(),
    )
    page = opened(file)
    found = overlays(page)
    assert [name for name in found if name in EVACUATION] == EVACUATION
    assert not {"Gaps", "Stations"} & set(found)
    page.locator(".leaflet-control-layers label", has_text="Bottleneck").locator("input").uncheck()
    assert page.locator(".ma-evac-cut").count() == 0
    page.locator("[data-subject=coverage]").click()
    page.wait_for_timeout(50)
    assert overlays(page) == wanted
    assert page.locator(".ma-head").inner_text() == head
    assert page.locator(".ma-legend").inner_text() == legend
    assert not page.locator(".ma-evac").is_visible()
    assert not page.locator(".ma-timeline").is_visible()
    assert page.locator(".ma-evac-zone").count() == 0
    page.locator("[data-subject=evacuation]").click()
    page.wait_for_timeout(50)
    assert overlays(page) == found | {"Bottleneck": False}
    assert page.locator(".ma-evac-zone").count() == 3


def test_the_link_brings_subject_and_moment_back(file: Path, opened: Callable[..., Page]) -> None:
    page = opened(file)
    page.locator("#ma-moment").fill("4")
    page.wait_for_timeout(400)
    assert page.evaluate("location.hash") == "#at=1200"
    page.locator("[data-subject=coverage]").click()
    page.wait_for_timeout(400)
    assert page.evaluate("location.hash") == "#m=coverage"
    page.evaluate("location.hash = '#at=1200'")
    page.wait_for_timeout(200)
    assert page.evaluate("[map_1.mutualaid.subject, map_1.mutualaid.moment]") == ["evacuation", 4]
    page.evaluate("location.hash = '#m=coverage'")
    page.wait_for_timeout(200)
    assert page.evaluate("map_1.mutualaid.subject") == "coverage"
    page.evaluate("location.hash = '#at=1201&m=fire'")
    page.wait_for_timeout(200)
    note = plain(page.locator(".ma-tools .ma-note").inner_text())
    assert "fire" in note
    assert "1201" in note


def test_the_table_holds_the_zones(file: Path, study: Any, opened: Callable[..., Page]) -> None:
    page = opened(file)
    page.locator("details[data-part=share] > summary").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Table (CSV)").click()
    assert waiting.value.suggested_filename == "both-banks-of-the-ister-evacuation.csv"
    text = Path(waiting.value.path()).read_text(encoding="utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))
    head = next(k for k, row in enumerate(rows) if row and row[0] == "Zone")
    assert len(rows) - head - 1 == len(study.zones)
    for row, zone in zip(rows[head + 1 :], study.zones.itertuples(), strict=True):
        told = dict(zip(rows[head], row, strict=True))
        assert told["Zone"] == zone.name
        assert float(told["People who get out"]) == pytest.approx(zone.people_out, abs=0.06)
        assert float(told["Left behind"]) == pytest.approx(zone.people_left, abs=0.06)
        assert [told[next(key for key in told if key.startswith(share))] for share in ("90", "100")] == [
            "90",
            "",
        ]


def test_the_picture_and_the_sheet_tell_of_the_evacuation(file: Path, opened: Callable[..., Page]) -> None:
    page = opened(file)
    page.evaluate(
        """() => { window.written = []; const fill = CanvasRenderingContext2D.prototype.fillText;
            CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
                window.written.push(text); fill.call(this, text, ...rest); };
            mutualaid.kit.change(map_1, { moment: 2 }); mutualaid.kit.picture(map_1, 1); }"""
    )
    written = plain(re.sub("[\u2066-\u2069]", "", " ".join(page.evaluate("window.written"))))
    for said in (
        "99–102 min",
        "10 min after the alarm",
        "How long does it take",
        "Bottleneck: 2,000 people",
        "no road nearby",
    ):
        assert said in written
    assert "reached in time" not in written
    page.evaluate("void window.dispatchEvent(new Event('beforeprint'))")
    paper = plain(page.locator(".ma-paper").evaluate("node => node.textContent"))
    for said in ("99–102 min", "10 min after the alarm", "Z1 hill", "Margin"):
        assert said in paper
    assert "reached in time" not in paper
    page.locator("[data-subject=coverage]").evaluate("node => node.click()")
    page.evaluate("void window.dispatchEvent(new Event('beforeprint'))")
    paper = plain(page.locator(".ma-paper").evaluate("node => node.textContent"))
    assert "people are reached in time" in paper
    assert "99–102 min" not in paper
    assert "get out by this plan" not in paper


# --- every page ----------------------------------------------------------------------------------------------

#: What is cut or runs over its edge in the panel and the bar of time.
TOO_WIDE = """() => [...document.querySelectorAll(
    'button, p, li, label, h1, h2, h3, h4, summary, output'.split(', ')
        .flatMap(tag => ['.ma-panel ' + tag, '.ma-timeline ' + tag]).join(', ')
)].filter(node => node.offsetWidth && getComputedStyle(node).display !== 'inline' && !node.closest('.ma-hidden'))
    .filter(node => node.scrollWidth > node.clientWidth + 1).map(node => node.textContent)"""


@pytest.mark.parametrize("lang", ["en", "fr", "de", "it", "es", "ar"])
@pytest.mark.parametrize("width", [1400, 700, 360])
def test_in_every_language_and_on_a_phone(
    file: Path, lang: str, width: int, opened: Callable[..., Page]
) -> None:
    page = opened(file, width=width, height=740, locale=lang)
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    page.evaluate("mutualaid.kit.change(map_1, { moment: 3 })")
    assert page.evaluate(TOO_WIDE) == []
    panel, bar = page.locator("section.ma-panel"), page.locator(".ma-timeline")
    assert panel.evaluate("node => node.scrollWidth <= node.clientWidth")
    assert str(catalogue(lang)["evac_play"]) == page.locator(".ma-play").inner_text()
    assert page.locator(".ma-timeline").count() == 1
    assert bar.get_attribute("dir") == ("rtl" if lang == "ar" else "ltr")
    assert bar.evaluate("node => Boolean(node.closest('.ma-panel'))") == (width < 640)
    if width > 640:
        boxes = [
            page.locator(one).bounding_box()
            for one in (
                "section.ma-panel",
                ".ma-timeline",
                ".leaflet-control-scale",
                ".leaflet-control-attribution",
            )
        ]
        (a, b, *others) = [one for one in boxes if one is not None]
        assert b["x"] >= a["x"] + a["width"] or b["x"] + b["width"] <= a["x"]
        assert b["width"] > 200
        for one in others:
            assert (
                b["y"] + b["height"] <= one["y"] + 1
                or b["x"] + b["width"] <= one["x"]
                or b["x"] >= one["x"] + one["width"]
            )


def test_a_second_language_stands_beside_the_first(file: Path, opened: Callable[..., Page]) -> None:
    page = opened(file)
    page.locator("select[data-key=second_language]").select_option("fr")
    page.wait_for_selector(".ma-evac .ma-second")
    told = plain(page.locator(".ma-evac-head").inner_text())
    assert "both are proven" in told
    assert "les deux sont démontrés" in told
    assert page.locator(".ma-timeline").count() == 1


def test_an_evacuation_of_which_nobody_gets_out(
    agreed: Any, evacuated: Callable[..., Any], tmp_path: Path, opened: Callable[..., Page]
) -> None:
    page = opened(
        save_offline(coverage_map(agreed, evacuation=evacuated(agreed, finite=False)), tmp_path / "map.html")
    )
    told = plain(page.locator(".ma-evac-head").inner_text())
    assert "≥ 99 min" in told
    assert "did not suffice for an upper bound" in told
    assert "0 of 3,000 people get out by this plan." in told
    assert page.locator(".ma-timeline").count() == 0
    assert page.locator(".ma-evac-zone").count() == 3


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
    evacuated: Callable[..., Any],
    tmp_path: Path,
    opened: Callable[..., Page],
) -> None:
    analysis = made_up(hazards=tmp_path, agreed=True, west=text, east=text)
    keys = ("case", "road", "zone", "sink", "crossing", "note")
    found = evacuated(analysis, **dict.fromkeys(keys, text))
    found.why = found.notes = (text,)
    page = opened(
        save_offline(coverage_map(analysis, evacuation=found, languages=["en"]), tmp_path / "map.html")
    )
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    shown = "".join(" ".join(text.split()).split())[:60]
    for selector in (".ma-evac-head", ".ma-evac-why", "table.ma-evac-zones th", "table.ma-evac-shelters th",
                     "table.ma-evac-crossings th",
                     "table.ma-evac-values", ".ma-cards h4", "[data-part=evac-why] li", "[data-part=evac-notes] li",
                     "[data-part=evac-assumed]"):  # fmt: skip
        assert any(shown in "".join(one.split()) for one in page.locator(selector).all_text_contents()), (
            selector
        )
    for selector in (".ma-evac-zone", ".ma-shelter", ".ma-evac-cut"):
        page.locator(selector).first.dispatch_event("click")
        assert shown in "".join((page.locator(".leaflet-popup-content").last.text_content() or "").split())
        page.keyboard.press("Escape")
    page.evaluate(
        "for (let k = 0; k < 3; k++) map_1.getContainer().append(map_1.mutualaid.evacuated.flows.told(map_1, k))"
    )
    assert page.evaluate("window.pwned") is None
