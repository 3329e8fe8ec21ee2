"""What the page works out by itself, in a real browser, against the same questions asked of NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from mutualaid.coverage import (
    Analysis,
    WhatIfLevel,
    WhatIfTables,
    what_if_coverage,
)
from mutualaid.maps import coverage_map, save_offline
from mutualaid.maps._palette import band_edges
from mutualaid.maps._texts import TEXTS

if TYPE_CHECKING:
    from playwright.sync_api import Page

LEVELS = ("alone", "agreed", "joint")
NONE = 65_535  # seconds in the page where nobody comes
HIGH = 4  # severity from which a gap is called one in high hazard


@dataclass(frozen=True)
class Case:
    """An analysis, its tables, and its page."""

    analysis: Analysis
    tables: WhatIfTables
    page: Path

    @property
    def people(self) -> NDArray[np.float64]:
        return self.analysis.demand["population"].to_numpy()

    @property
    def stations(self) -> int:
        return len(self.analysis.stations)


@dataclass(frozen=True)
class Setting:
    """What is asked of the page; sites by their position."""

    off: tuple[int, ...] = ()
    added: tuple[int, ...] = ()
    limit_s: int | None = None
    dispatch_s: int | None = None
    crossing_s: int | None = None
    weather: str = ""
    level: str = "joint"


@pytest.fixture(scope="module")
def case(demo: Any) -> Case:
    return Case(demo.analysis, demo.tables, demo.page)


def settle(page: Page) -> None:
    """Wait until everything is unpacked; the page's policy forbids `wait_for_function`, which evaluates a text."""
    page.evaluate(
        """() => new Promise(done => {
            const look = () => map_1.mutualaid.engine && !map_1.mutualaid.pending ? done() : setTimeout(look, 10);
            look();
        })"""
    )


@pytest.fixture
def opened(visit: Callable[..., Any]) -> Iterator[Callable[..., Page]]:
    """Open a page with what it needs for a what-if unpacked; it must ask for nothing and complain of nothing."""
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


# --- what NumPy says -----------------------------------------------------------------------------------------


def taking(case: Case, setting: Setting) -> NDArray[np.bool_]:
    """Sites that take part."""
    on = np.arange(len(case.tables.sites)) < case.stations
    on[list(setting.off)] = False
    on[list(setting.added)] = True
    return on


def asked(case: Case, setting: Setting, on: NDArray[np.bool_] | None = None) -> dict[str, WhatIfLevel]:
    return what_if_coverage(
        case.tables,
        weather=setting.weather,
        on=taking(case, setting) if on is None else on,
        limit_s=setting.limit_s,
        dispatch_s=setting.dispatch_s,
        crossing_s=setting.crossing_s,
    )


def whole(seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    """Whole seconds as the page holds them: begun ones count."""
    ms: NDArray[np.int64] = np.rint(1000 * np.where(np.isfinite(seconds), seconds, NONE)).astype(np.int64)
    return -(-ms // 1000)


def covered(case: Case, weather: str) -> pd.DataFrame:
    found = [one.coverage for one in case.analysis.scenarios if one.scenario.id == weather]
    return found[0] if weather else case.analysis.coverage


def called(case: Case, setting: Setting) -> NDArray[np.object_]:
    """What the legend calls each place at the level of a setting."""
    now, fair = asked(case, setting), asked(case, replace(setting, weather=""))
    level = setting.level
    names = np.full(len(case.people), "joint_more" if "agreed" in now else "joint_only", dtype=object)
    if "agreed" in now:
        names[now["agreed"].reached] = "agreed_only"
    gap = np.full(len(names), "gap" if level == "joint" else f"gap_{level}", dtype=object)
    if setting.weather:
        names[fair["alone"].reached] = "held"
        severity = covered(case, setting.weather)["severity"].fillna(0).to_numpy(dtype=np.int64)
        gap = np.where(severity >= HIGH, [one.replace("gap", "gap_high") for one in gap], gap + "_hazard")
        gap[fair[level].reached] = f"lost_{level}"
    names[now["alone"].reached] = "own"
    names = np.where(now[level].reached, names, gap)
    names[(case.analysis.coverage["status"] == "unreachable").to_numpy()] = "unreachable"
    return names


def hanging(case: Case, setting: Setting) -> dict[int, dict[str, float]]:
    """People whom each site that takes part leaves without timely help if it closes: by asking again without it."""
    on = taking(case, setting)
    before = asked(case, setting, on)
    found = {}
    for site in np.flatnonzero(on):
        without = on.copy()
        without[site] = False
        after = asked(case, setting, without)
        found[int(site)] = {
            level: float(case.people[one.reached & ~after[level].reached].sum())
            for level, one in before.items()
        }
    return found


def arrivals(case: Case, setting: Setting) -> dict[str, NDArray[np.int64]]:
    """Whole seconds of each site that takes part to each place, by asking with that site alone; last, of nobody."""
    on = np.flatnonzero(taking(case, setting))
    found = [asked(case, setting, np.arange(len(case.tables.sites)) == site) for site in on]
    none = np.full((1, len(case.people)), NONE)
    return {
        level: np.vstack([*(whole(one[level].seconds)[None] for one in found), none])
        for level in asked(case, setting)
    }


# --- what the page says --------------------------------------------------------------------------------------

CELLS = """() => {
    const layer = map_1.mutualaid.cells, c = layer.shown(), out = {};
    for (const level of layer.levels) {
        for (const key of ['s', 'second', 'station', 'band']) out[`${level}_${key}`] = Array.from(c[`${level}_${key}`]);
    }
    return out;
}"""


def in_page_order(case: Case, page: Page) -> NDArray[np.intp]:
    """Row in the page of each place of the analysis: by cell and municipality."""
    found = page.evaluate(
        "['col', 'row', 'jurisdiction'].map(key => Array.from(map_1.mutualaid.cells.columns[key]))"
    )
    table, region = case.analysis.coverage, case.analysis.region
    corner = table[["cell_x", "cell_y"]].to_numpy()
    steps = np.rint((corner - corner.min(axis=0)) / region.cell_m).astype(np.int64)
    place = region.jurisdictions.index.get_indexer(pd.Index(table["jurisdiction"]))
    keys = pd.MultiIndex.from_arrays(found)
    assert keys.is_unique
    at = keys.get_indexer(pd.MultiIndex.from_arrays([steps[:, 0], steps[:, 1], place]))
    assert (at >= 0).all()
    return at


def cells(case: Case, page: Page) -> dict[str, NDArray[np.int64]]:
    """Columns of what is shown, in the order of the analysis."""
    at = in_page_order(case, page)
    return {key: np.array(values)[at] for key, values in page.evaluate(CELLS).items()}


def number(text: str) -> float:
    """Read a number of people: "<1" is somebody, but less than half a one."""
    return 0.25 if text.strip() == "<1" else float(text.replace(",", ""))


def unfold(page: Page, part: str) -> None:
    if not page.locator(f"details[data-part={part}][open]").count():
        page.locator(f"details[data-part={part}] > summary").click()


#: The first list of the legend: labels and people.
READ_LIST = """() => [...document.querySelector('.ma-legend .ma-rows').children]
    .filter(one => one.querySelector('.ma-n'))
    .map(one => [one.querySelector('.ma-label').textContent, one.querySelector('.ma-n').textContent])"""
READ = (
    """() => {
    const list = """
    + READ_LIST
    + """, texts = (selector, node = document) => [...node.querySelectorAll(selector)].map(one => one.textContent);
    const legend = view => {
        document.querySelector(`button[data-choice=${view}]`).click();
        return list();
    };
    const [reached, all] = texts('.ma-head p b');
    return {
        reached, all, share: texts('.ma-big')[0],
        who: legend('who'), minutes: legend('minutes'), status: legend('status'),
        stations: Object.fromEntries([...document.querySelectorAll('[id^=ma-site-]')].map(one =>
            [one.id.slice(8), texts('.ma-n', one.closest('li'))[0]])),
        places: [...document.querySelectorAll('.ma-places tbody tr')].map(row => texts('th, td', row)),
    };
}"""
)


def read(page: Page) -> dict[str, Any]:
    """Read the numbers of the panel, with the legend of each view by its labels."""
    found: dict[str, Any] = page.evaluate(READ)
    for name in ("who", "minutes", "status"):
        rows = found[name]
        found[name] = {label: number(n) for label, n in rows}
        assert len(found[name]) == len(rows)
    return found


def share(part: float, everybody: float) -> str:
    """Say a share as the page does: nearly all is not all, and few are not nobody."""
    if not everybody:
        return "–"
    percent = 100 * part / everybody
    if round(percent) == 100 and part < everybody:
        return ">99 %"
    return "<1 %" if 0 < percent < 1 else f"{np.floor(percent + 0.5):.0f} %"


def drive(page: Page, case: Case, setting: Setting) -> None:
    """Bring the page to a setting by its own controls, from whatever it shows."""
    now = page.evaluate(
        "(s => ({ ...s.setting, level: s.level, weather: s.scenario, stated: s.computed_limit_s }))(map_1.mutualaid)"
    )
    if now["weather"] != setting.weather:
        page.locator("#ma-scenario").select_option(setting.weather)
    if now["level"] != setting.level:
        page.locator(f"button[data-choice={setting.level}]").click()
    for field in ("limit_s", "dispatch_s", "crossing_s"):
        value = getattr(setting, field)
        if value is not None:
            page.locator(f"#ma-{field}").fill(str(value))
        elif now[field] is not None:
            page.locator(f".ma-slider:has(#ma-{field}) button").click()
    for site in set(now["off"]) ^ set(setting.off):
        page.locator(f"#ma-site-{site}").set_checked(site not in setting.off)
    for k in [k for k, site in enumerate(now["added"]) if site not in setting.added][::-1]:
        page.get_by_role("button", name="Remove this station").nth(k).click()
    there = [site for site in now["added"] if site in setting.added]
    free = [site for site in range(case.stations, len(case.tables.sites)) if site not in there]
    if len(there) < len(setting.added):
        page.get_by_role("button", name="Place a new station").click()
        for site in [site for site in setting.added if site not in there]:
            # Sites that are not there yet stand in the page in their order; some lie below the panel.
            page.locator(".ma-site").nth(free.index(site)).dispatch_event("click")
            free.remove(site)
        page.get_by_role("button", name="Done").click()
    settle(page)


def draw(case: Case, count: int, seed: int) -> list[Setting]:
    """Settings at random: each level in each weather, and about a third of the delays as they are."""
    rng = np.random.default_rng(seed)
    levels, weathers = list(asked(case, Setting())), list(case.tables.weather)

    def some(step: int, least: int, most: int) -> int | None:
        return None if rng.random() < 0.35 else int(rng.integers(least // step, most // step + 1)) * step

    def one(k: int) -> Setting:
        new = np.arange(case.stations, len(case.tables.sites))
        setting = Setting(
            off=tuple(np.flatnonzero(rng.random(case.stations) < 0.4).tolist()),
            added=tuple(sorted(rng.choice(new, rng.integers(0, 4), replace=False).tolist())),
            limit_s=some(30, 60, 1_800),
            dispatch_s=some(15, 0, 900),
            crossing_s=some(30, 0, 900),
            weather=weathers[k % len(weathers)],
            level=levels[k // len(weathers) % len(levels)],
        )
        if setting.limit_s == case.tables.limit_s:
            setting = replace(setting, limit_s=None)
        plain = (
            not setting.off and not setting.added and (setting.limit_s, setting.crossing_s) == (None, None)
        )
        return replace(setting, crossing_s=60) if plain else setting

    return [one(k) for k in range(count)]


def check(page: Page, case: Case, setting: Setting) -> None:
    """Compare all that the page says of a setting with NumPy."""
    people, now = case.people, asked(case, setting)
    fair = asked(case, replace(setting, weather=""))
    limit = case.tables.limit_s if setting.limit_s is None else setting.limit_s
    shown = page.evaluate(
        """(() => { const s = map_1.mutualaid, n = s.now;
            return { totals: n.totals, only: Object.fromEntries(Object.entries(n.only).map(([k, v]) => [k, [...v]])),
                bands: n.bands, who: n.who, places: n.jurisdictions, edges: n.edges, setting: s.setting,
                partners: s.partners.map(one => one.label) }; })()"""
    )
    assert shown["setting"] == {
        "off": list(setting.off),
        "added": list(setting.added),
        "limit_s": setting.limit_s,
        "dispatch_s": None if setting.dispatch_s == case.tables.dispatch_s else setting.dispatch_s,
        "crossing_s": setting.crossing_s,
    }
    found, comes, only = cells(case, page), arrivals(case, setting), hanging(case, setting)
    on = np.append(np.flatnonzero(taking(case, setting)), -1)
    noroad = (case.analysis.coverage["status"] == "unreachable").to_numpy()
    own = case.tables.home[:, None] == case.tables.place
    place, every = case.analysis.demand["jurisdiction"].to_numpy(), np.arange(len(people))
    edges = np.asarray(band_edges(limit))
    np.testing.assert_allclose(shown["edges"], edges)
    bands = {}
    for level, one in now.items():
        reached, seconds = one.reached, whole(one.seconds)
        assert shown["totals"][level] == pytest.approx(people[reached].sum(), abs=0.5)
        np.testing.assert_array_equal(found[f"{level}_s"], seconds)
        # Who is first is said where no other comes within the same second; else it is one of those.
        first = found[f"{level}_station"] - 1
        clear = (comes[level] == seconds).sum(axis=0) == 1
        assert clear.any() or not reached.any()
        np.testing.assert_array_equal(first[clear], one.site[clear])
        rows = pd.Index(on).get_indexer(pd.Index(first))
        np.testing.assert_array_equal(comes[level][rows, every], seconds)
        if level != "agreed" or not np.any(case.tables.subsidiary):
            second = np.sort(np.vstack([comes[level], comes[level][-1:]]), axis=0)[1]
            np.testing.assert_array_equal(found[f"{level}_second"], second)
        late = len(edges) + 1 + noroad
        band = np.where(one.site >= 0, np.searchsorted(edges, one.seconds), late)
        bands[level] = np.bincount(band, weights=people, minlength=len(edges) + 3)
        np.testing.assert_allclose(shown["bands"][level], bands[level], atol=0.5)
        who = np.where(
            first >= 0,
            2 * case.tables.home[first] + ~own[first, every],
            2 * len(case.tables.partners) + noroad,
        )
        told = np.bincount(who, weights=people, minlength=2 * len(case.tables.partners) + 2)
        np.testing.assert_allclose(shown["who"][level], told, atol=0.5)
        for site, lost in only.items():
            assert shown["only"][level][site] == pytest.approx(lost[level], abs=0.5)
        assert sum(shown["only"][level]) == pytest.approx(
            sum(lost[level] for lost in only.values()), abs=0.5 * len(only)
        )
    # What is to be read in the panel, at the level that is shown.
    level = setting.level
    reached, panel = now[level].reached, read(page)
    assert abs(number(panel["reached"]) - people[reached].sum()) < 0.51
    assert abs(number(panel["all"]) - people.sum()) < 0.51
    assert panel["share"] == share(people[reached].sum(), people.sum())
    names = called(case, setting)
    counted = {str(TEXTS[key]): people[names == key].sum() for key in np.unique(names)}
    for label, n in counted.items():
        assert abs(panel["status"].get(label, 0.0) - n) < 0.51
    assert all(n == 0 for label, n in panel["status"].items() if label not in counted)
    for n, seen in zip(bands[level], panel["minutes"].values(), strict=True):
        assert abs(n - seen) < 0.51
    assert sum(panel["who"].values()) == pytest.approx(people.sum(), abs=4)
    for site, seen in panel["stations"].items():
        assert seen == "–" if int(site) in setting.off else abs(number(seen) - only[int(site)][level]) < 0.51
    for (key, town), row, place_shown in zip(
        case.analysis.region.jurisdictions.iterrows(), panel["places"], shown["places"], strict=True
    ):
        here = place == key
        in_time = [people[here & one.reached].sum() for one in now.values()]
        for name, n in zip(now, in_time, strict=True):
            assert place_shown[name] == pytest.approx(n, abs=0.5)
            lost = people[here & fair[name].reached & ~now[name].reached].sum()
            assert place_shown[f"lost_{name}"] == pytest.approx(lost, abs=0.5)
        assert row[0] == town["name"]
        assert row[2:-1] == [share(n, people[here].sum()) for n in in_time]
        assert abs(number(row[1]) - people[here].sum()) < 0.51
        assert abs(number(row[-1]) - people[here & ~reached].sum()) < 0.51


# --- any setting ---------------------------------------------------------------------------------------------


def test_fifty_settings_made_in_the_panel_say_what_numpy_says(
    case: Case, opened: Callable[..., Page]
) -> None:
    page = opened(case.page, width=900, height=600)
    unfold(page, "places")
    unfold(page, "whatif")
    for setting in draw(case, 50, seed=11):
        drive(page, case, setting)
        check(page, case, setting)


@pytest.mark.parametrize(
    ("region", "subsidiary"), [("threatened", False), ("agreed", False), ("agreed", True)]
)
def test_so_do_those_of_other_regions_and_agreements(
    region: str,
    subsidiary: bool,
    tables: Callable[..., WhatIfTables],
    tmp_path: Path,
    opened: Callable[..., Page],
    request: pytest.FixtureRequest,
) -> None:
    analysis = request.getfixturevalue(region)
    times = tables(analysis, subsidiary=subsidiary)
    case = Case(analysis, times, save_offline(coverage_map(analysis, None, times), tmp_path / "map.html"))
    page = opened(case.page, width=900, height=600)
    unfold(page, "places")
    unfold(page, "whatif")
    settings = draw(case, 12, seed=7)
    for setting in settings:
        drive(page, case, setting)
        check(page, case, setting)
    if subsidiary:  # it matters: without it neighbours come to others too
        free = replace(case, tables=replace(times, subsidiary=np.zeros_like(times.subsidiary)))
        assert any(
            (asked(free, one)["agreed"].site != asked(case, one)["agreed"].site).any() for one in settings
        )


def test_the_made_up_times_are_those_of_the_made_up_run(
    tables: Callable[..., WhatIfTables], agreed: Any
) -> None:
    case = Case(agreed, tables(agreed), Path())
    for weather in case.tables.weather:
        run = covered(case, weather)
        for level, one in asked(case, Setting(weather=weather)).items():
            np.testing.assert_array_equal(one.seconds, run[f"{level}_s"])
            np.testing.assert_array_equal(one.reached, run[f"{level}_covered"])


# --- as computed, and back -----------------------------------------------------------------------------------

PIXELS = "map_1.getPane('ma-cells').querySelector('canvas').toDataURL()"


def test_it_opens_with_the_numbers_of_the_summary_and_comes_back_to_them(
    case: Case, opened: Callable[..., Page]
) -> None:
    page, summary = opened(case.page), case.analysis.summary
    for part in ("places", "whatif"):
        unfold(page, part)
    before = {}
    for level in LEVELS:
        page.locator(f"button[data-choice={level}]").click()
        panel = read(page)
        assert abs(number(panel["reached"]) - summary["headline"][f"covered_{level}"]) < 0.51
        assert abs(number(panel["all"]) - summary["headline"]["population"]) < 0.51
        gap = [n for label, n in panel["status"].items() if label.startswith(("nobody", "not by"))]
        noroad = summary["headline"]["unreachable"]
        assert abs(gap[0] + noroad - summary["common"]["total"][level]["gap"]) < 1.1
        rows = summary["common"]["jurisdictions"].values()
        for row, told in zip(rows, panel["places"], strict=True):
            shares = [share(row[key]["covered"], row["population"]) for key in LEVELS]
            assert told[:5] == [row["name"], f"{row['population']:,.0f}", *shares]
        only = hanging(case, Setting(level=level))
        for site, n in panel["stations"].items():
            assert abs(number(n) - only[int(site)][level]) < 0.51
        before[level] = panel, page.locator(".ma-panel").inner_text(), page.evaluate(PIXELS)
    drive(page, case, Setting(off=(2,), added=(10, 30), limit_s=600, dispatch_s=120, crossing_s=90))
    assert page.evaluate(PIXELS) != before["joint"][2]
    page.locator(".ma-changed button").click()
    for level in LEVELS:
        page.locator(f"button[data-choice={level}]").click()
        assert (read(page), page.locator(".ma-panel").inner_text(), page.evaluate(PIXELS)) == before[level]
    assert page.evaluate("map_1.mutualaid.now") is None


def test_a_page_without_times_says_so(analysis: Any, tmp_path: Path, visit: Callable[..., Any]) -> None:
    seen = visit(save_offline(coverage_map(analysis), tmp_path / "map.html"))
    page = seen.page
    unfold(page, "whatif")
    part = page.locator("details[data-part=whatif]")
    assert str(TEXTS["whatif_none"]) in part.inner_text()
    assert part.locator("input, button").count() == 0
    page.locator(".ma-mark").first.click(force=True)
    assert page.locator(".leaflet-popup").count() == 1
    assert page.locator(".leaflet-popup").get_by_role("button", name="Switch off").count() == 0
    assert seen.complaints == []


def test_where_people_are_points_there_is_a_what_if_without_outlines(
    made_up: Callable[..., Any],
    tables: Callable[..., WhatIfTables],
    tmp_path: Path,
    opened: Callable[..., Page],
) -> None:
    analysis = made_up(cells=False)
    case = Case(analysis, tables(analysis), tmp_path / "map.html")
    save_offline(coverage_map(analysis, None, case.tables), case.page)
    page = opened(case.page)
    unfold(page, "whatif")
    for setting in (Setting(off=(0,)), Setting(off=(0, 1), added=(5,), limit_s=600, level="alone")):
        drive(page, case, setting)
        want = case.people[asked(case, setting)[setting.level].reached].sum()
        assert abs(reached_now(page) - want) < 0.51
        assert page.evaluate("map_1.mutualaid.cells.gaps") == []
        assert page.locator(".ma-chip").count() == 0


# --- the map -------------------------------------------------------------------------------------------------


def clock(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes}:{rest:02d}"


TIP = """() => [...document.querySelectorAll('.ma-tip:not([hidden]) h4')].map(h => [
    h.firstChild.textContent, (h.querySelector('.ma-time') || { textContent: '' }).textContent,
    h.nextElementSibling.textContent,
])"""


@pytest.mark.parametrize(
    "setting",
    [
        Setting(off=(1,), added=(9, 33), limit_s=540, dispatch_s=75, crossing_s=60),
        Setting(off=(0, 2), added=(15, 41), crossing_s=120, weather="coast_20", level="agreed"),
    ],
)
def test_the_tip_names_who_comes_first_and_when(
    case: Case, opened: Callable[..., Page], setting: Setting
) -> None:
    page = opened(case.page)
    unfold(page, "whatif")
    drive(page, case, setting)
    table, now, comes = case.analysis.coverage, asked(case, setting), arrivals(case, setting)
    sites, towns = case.tables.sites, case.analysis.region.jurisdictions["name"]
    names = sites["name"].where(~sites["candidate"], "New station in " + sites["jurisdiction"].map(towns))
    # Places of a cell of their own, at each level with one who is clearly first, or nobody.
    clear = [
        ((comes[level] == whole(one.seconds)).sum(axis=0) == 1) | (one.site < 0) for level, one in now.items()
    ]
    told = ~table[["cell_x", "cell_y"]].duplicated(keep=False) & (table["status"] != "unreachable")
    points = table[told & np.all(clear, axis=0)].sample(40, random_state=3).geometry.to_crs(4326)
    titles = {str(TEXTS[f"tip_{level}"]): level for level in LEVELS}
    seen = 0
    for key, point in points.items():
        free = page.evaluate(
            """at => {
                map_1.setView(at, 17, { animate: false });
                const { x, y } = map_1.latLngToContainerPoint(at), top = document.elementFromPoint(x, y);
                return top.closest('.leaflet-marker-icon, .leaflet-interactive') ? null : [x, y];
            }""",
            [point.y, point.x],
        )
        if free is None:
            continue
        page.mouse.move(free[0] - 1, free[1])
        page.mouse.move(*free)
        at, seen = table.index.get_loc(key), seen + 1
        found: dict[str, tuple[str, str]] = {}
        for title, when, who in page.evaluate(TIP):
            levels = LEVELS if title == TEXTS["tip_all_3"] else [titles[one] for one in title.split(" · ")]
            found |= dict.fromkeys(levels, (when, who))
        for level, one in now.items():
            late = "in time" if one.reached[at] else "too late"
            first = f"{clock(int(whole(one.seconds)[at]))} min {late}", names.iloc[one.site[at]]
            assert found[level] == (("", "Nobody within 30 min of driving") if one.site[at] < 0 else first)
    assert seen > 20


def components(case: Case, reached: NDArray[np.bool_]) -> list[float]:
    """People of each gap by SciPy: cells that touch, corners included, the most people first."""
    table = case.analysis.coverage
    left = ~reached & (case.people > 0)
    corner = table[["cell_x", "cell_y"]].to_numpy()
    at = np.rint((corner - corner.min(axis=0)) / case.analysis.region.cell_m).astype(np.int64)
    grid = np.zeros(at.max(axis=0) + 1, dtype=bool)
    grid[tuple(at[left].T)] = True
    label, count = ndimage.label(grid, structure=np.ones((3, 3)))
    sums = np.bincount(label[tuple(at[left].T)], weights=case.people[left], minlength=count + 1)
    return sorted(sums[1:].tolist(), reverse=True)


GAPS = "map_1.mutualaid.cells.gaps.map(gap => gap.people)"
#: Pixels of the people's canvas that have the colour of the outlines.
OUTLINE = """() => {
    const canvas = map_1.getPane('ma-cells').querySelector('canvas'), copy = canvas.cloneNode();
    const context = copy.getContext('2d', { willReadFrequently: true });
    context.drawImage(canvas, 0, 0);
    const d = new Uint32Array(context.getImageData(0, 0, copy.width, copy.height).data.buffer);
    return d.reduce((n, one) => n + (one === 0xff00337a), 0);
}"""


def test_gaps_of_a_what_if_are_those_that_were_computed_where_nothing_changes(
    case: Case, opened: Callable[..., Page]
) -> None:
    assert case.analysis.region.parameters.crossing_s == 0  # asking for it changes nothing
    page, gaps = opened(case.page), case.analysis.gaps
    unfold(page, "whatif")
    assert page.evaluate(OUTLINE) == 0  # those that were computed are paths
    least = max(10, case.people.sum() / 500)
    for level in LEVELS:
        drive(page, case, Setting(crossing_s=0, level=level))
        assert page.evaluate("Boolean(map_1.mutualaid.now)")
        want = gaps.loc[gaps["level"] == level, "population"]
        np.testing.assert_allclose(page.evaluate(GAPS), want, atol=0.05)
        chips = sorted((number(one) for one in page.locator(".ma-chip").all_inner_texts()), reverse=True)
        np.testing.assert_allclose(chips, want[want >= least], atol=0.51)
        assert page.evaluate(OUTLINE) > 500


def test_gaps_of_a_what_if_are_outlined_and_told(case: Case, opened: Callable[..., Page]) -> None:
    page = opened(case.page)
    unfold(page, "whatif")
    for setting in (
        Setting(off=(1,), limit_s=420),
        Setting(added=(20, 47), weather="wildfire", level="agreed"),
        Setting(off=(0, 1, 2)),
    ):
        drive(page, case, setting)
        want = components(case, asked(case, setting)[setting.level].reached)
        np.testing.assert_allclose(page.evaluate(GAPS), want, atol=0.05)
    page.locator(".ma-chip").first.dispatch_event("click")
    assert f"{want[0]:,.0f}" in page.locator(".leaflet-popup-content").inner_text()
    page.keyboard.press("Escape")
    # Without the layer of gaps there is neither outline nor chip.
    page.locator(".leaflet-control-layers").hover()
    gaps = page.locator(".leaflet-control-layers label", has_text="Gaps").locator("input")
    gaps.set_checked(False)
    assert page.locator(".ma-chip").count() == 0
    assert page.evaluate(OUTLINE) == 0
    gaps.set_checked(True)
    assert page.locator(".ma-chip").count() > 0
    assert page.evaluate(OUTLINE) > 500


def where(page: Page, case: Case, site: int) -> tuple[float, float]:
    """Pixel at which a site stands."""
    points = case.tables.sites.geometry.to_crs(4326)
    at = [points.y.iloc[site], points.x.iloc[site]]
    x, y = page.evaluate("at => { const p = map_1.latLngToContainerPoint(at); return [p.x, p.y]; }", at)
    return x, y


def reached_now(page: Page) -> float:
    return number(page.locator(".ma-head b").first.inner_text())


def test_new_stations_are_placed_and_removed_by_mouse(case: Case, opened: Callable[..., Page]) -> None:
    page, sites = opened(case.page), case.tables.sites
    part = page.locator("details[data-part=whatif]")
    unfold(page, "whatif")
    assert page.locator(".ma-site").count() == 0
    page.get_by_role("button", name="Place a new station").click()
    assert page.locator(".ma-site").count() == len(sites) - case.stations
    assert "belongs to the partner of its municipality" in part.inner_text()
    towns = sites["jurisdiction"].map(case.analysis.region.jurisdictions["name"])
    added: tuple[int, ...] = ()
    for site in (30, 45):  # far from the panel and from any mark
        page.mouse.click(*where(page, case, site))
        added += (site,)
        assert page.evaluate("map_1.mutualaid.setting.added") == list(added)
        people = case.people[asked(case, Setting(added=added))["joint"].reached].sum()
        assert abs(reached_now(page) - people) < 0.51
        label = f"New station in {towns.iloc[site]}"
        assert page.locator(".ma-new").last.get_attribute("aria-label") == label
        assert label in part.inner_text()
    page.mouse.click(*where(page, case, 30))  # on the map as well it goes again
    assert page.evaluate("map_1.mutualaid.setting.added") == [45]
    page.get_by_role("button", name="Done").click()
    assert page.locator(".ma-site").count() == 0
    assert page.locator(".ma-new").count() == 1
    page.get_by_role("button", name="Remove this station").click()
    assert page.locator(".ma-new").count() == 0
    assert page.evaluate("map_1.mutualaid.now") is None
    people = case.people[case.analysis.coverage["joint_covered"]].sum()
    assert abs(reached_now(page) - people) < 0.51


@pytest.mark.parametrize("key", ["Enter", " "])
def test_new_stations_are_placed_and_removed_by_keyboard(
    case: Case, opened: Callable[..., Page], key: str
) -> None:
    page = opened(case.page)
    unfold(page, "whatif")
    page.get_by_role("button", name="Place a new station").focus()
    page.keyboard.press(key)
    page.locator(".ma-site").nth(20).focus()
    for pressed, added in (("true", [case.stations + 20]), ("false", [])):
        page.keyboard.press(key)
        assert page.evaluate("map_1.mutualaid.setting.added") == added
        # Who pressed a key is still there to press it again.
        assert page.evaluate("document.activeElement.getAttribute('aria-pressed')") == pressed
        people = case.people[asked(case, Setting(added=tuple(added)))["joint"].reached].sum()
        assert abs(reached_now(page) - people) < 0.51


def test_a_station_is_switched_off_and_on_where_it_stands(case: Case, opened: Callable[..., Page]) -> None:
    page = opened(case.page)
    unfold(page, "whatif")
    before = page.evaluate(PIXELS)
    page.mouse.click(*where(page, case, 1))
    popup = page.locator(".leaflet-popup-content")
    assert "Caserne de la Condamine" in popup.inner_text()
    popup.get_by_role("button", name="Switch off").click()
    assert page.evaluate("map_1.mutualaid.setting.off") == [1]
    people = case.people[asked(case, Setting(off=(1,)))["joint"].reached].sum()
    assert abs(reached_now(page) - people) < 0.51
    assert "Switched off" in popup.inner_text()
    assert not page.locator("#ma-site-1").is_checked()
    assert "Switched off" in str(page.locator(".ma-mark.ma-off").get_attribute("aria-label"))
    popup.get_by_role("button", name="Switch on").click()
    assert page.locator("#ma-site-1").is_checked()
    assert page.locator(".ma-off").count() == 0
    page.keyboard.press("Escape")
    page.mouse.move(600, 30)
    assert page.evaluate("map_1.mutualaid.now") is None
    assert page.evaluate(PIXELS) == before


def classes_shown(case: Case, page: Page) -> NDArray[np.int64]:
    """Class by which each place of the analysis is painted."""
    found = page.evaluate("(cells => Array.from(cells._classes(cells.shown())[0]))(map_1.mutualaid.cells)")
    return np.array(found)[in_page_order(case, page)]


@pytest.mark.parametrize("level", LEVELS)
def test_pointing_at_a_station_shows_its_own_times(
    case: Case, opened: Callable[..., Page], level: str
) -> None:
    page = opened(case.page)
    unfold(page, "whatif")
    setting = Setting(crossing_s=240, limit_s=600, level=level, weather="coast_20")
    drive(page, case, setting)
    page.mouse.move(600, 30)
    before = page.evaluate(PIXELS)
    edges = np.asarray(band_edges(600))
    noroad = (case.analysis.coverage["status"] == "unreachable").to_numpy()
    for site in (0, 2):
        page.mouse.move(*where(page, case, site))
        page.evaluate(
            """() => new Promise(done => {
                const look = () => map_1.mutualaid.reach ? done() : setTimeout(look, 20);
                look();
            })"""
        )
        one = asked(case, setting, np.arange(len(case.tables.sites)) == site)[level]
        want = np.where(one.site >= 0, np.searchsorted(edges, one.seconds), len(edges) + 1 + noroad)
        np.testing.assert_array_equal(classes_shown(case, page), want)
        assert page.evaluate(PIXELS) != before
        head = page.locator(".ma-legend h2").first.inner_text()
        assert head.startswith("Minutes until a unit of this station arrives")
        assert head.endswith(case.tables.sites["name"].iloc[site])
        page.mouse.move(600, 30)
        assert page.evaluate("map_1.mutualaid.reach") is None
        assert page.evaluate(PIXELS) == before


# --- two settings side by side -------------------------------------------------------------------------------


def test_a_pinned_setting_is_told_apart_from_the_present_one(case: Case, opened: Callable[..., Page]) -> None:
    page = opened(case.page)
    unfold(page, "whatif")
    first = Setting(off=(1,), limit_s=540, crossing_s=60)
    drive(page, case, first)
    page.get_by_role("button", name="Pin as A").click()
    assert page.locator(".ma-buttons p.ma-quiet").first.inner_text() == (
        "A is pinned: Joint team · Fair weather · standard 9 min · 1:00 min at each border · "
        "off: Caserne de la Condamine"
    )
    a = asked(case, first)["joint"].reached
    noroad = (case.analysis.coverage["status"] == "unreachable").to_numpy()
    for second in (
        first,
        replace(first, off=(), added=(12, 40)),
        replace(first, level="alone", limit_s=None),
        replace(first, off=(0,), weather="storm", level="agreed", limit_s=900),
    ):
        drive(page, case, second)
        b = asked(case, second)[second.level].reached
        became = np.select([noroad, a & b, ~a & b, a & ~b], [4, 0, 1, 2], 3)
        np.testing.assert_array_equal(classes_shown(case, page), became)
        rows = page.evaluate(READ_LIST)
        want = np.bincount(became, weights=case.people)
        np.testing.assert_allclose([number(n) for _, n in rows], want, atol=0.51)
        assert [label for label, _ in rows[:4]] == [
            str(TEXTS[f"diff_{key}"]) for key in ("both", "gained", "lost", "neither")
        ]
        more = round(case.people[b].sum()) - round(case.people[a].sum())
        told = f"{abs(more):,} {'more' if more > 0 else 'fewer'} people in time than in A."
        shown = page.locator(".ma-pinned").inner_text()
        assert shown == (told if more else "As many people in time as in A.")
    page.get_by_role("button", name="Remove A").click()
    assert page.locator(".ma-pinned").count() == 0
    assert page.locator("button[data-choice=difference]").is_hidden()
    assert page.locator("button[data-choice=status]").get_attribute("aria-pressed") == "true"


# --- how soon ------------------------------------------------------------------------------------------------


def test_how_long_a_change_takes_is_on_record(
    case: Case, opened: Callable[..., Page], record_property: Callable[[str, object], None]
) -> None:
    page = opened(case.page)
    took = page.evaluate(
        """async () => {
            const took = [];
            for (const off of [[0], [1], [0, 1], [2], []]) for (const crossing_s of [null, 60]) {
                const start = performance.now();
                mutualaid.kit.ask(map_1, { off, crossing_s });
                await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
                took.push(performance.now() - start);
            }
            return took;
        }"""
    )
    record_property("milliseconds_from_a_change_to_its_picture", sorted(took)[len(took) // 2])
    assert min(took) > 0
