"""Printed maps of a report: places in the colour of what they are, and legends whose numbers are those of the map."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from string import Formatter
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from PIL import Image

from mutualaid.coverage import Analysis
from mutualaid.maps._palette import Swatch
from mutualaid.reports._report._document import Picture, Ref, Text
from mutualaid.reports._report._inputs import ReportInputs
from mutualaid.reports._report._map_drawing import Drawing, drawing
from mutualaid.reports._report._map_raster import Frame, frame_around, paint
from mutualaid.reports._report._map_source import MapSource
from mutualaid.reports._report._maps import _hazard_map, report_maps
from mutualaid.reports._report._plan_maps import evacuation_map
from mutualaid.reports._report._texts import TEXTS
from mutualaid.reports._results import _for_files, _write_layers

UTM = "EPSG:32632"


@pytest.fixture(scope="module")
def inputs(
    report_inputs: ReportInputs, analysis: Analysis, tmp_path_factory: pytest.TempPathFactory
) -> ReportInputs:
    """The demo with its layers, and layers of an evacuation, a record and a comparison that are made by hand."""
    folder = tmp_path_factory.mktemp("results")
    path = folder / "coverage.gpkg"
    _write_layers(analysis, None, None, None, None, path)
    places = analysis.coverage.geometry.to_numpy()[[10, 300, 700, 1000]]
    x, y = shapely.get_coordinates(places).T
    ends = [np.stack([x[:-1], y[:-1]], axis=1), np.stack([x[1:], y[1:]], axis=1)]
    line: Any = shapely.linestrings(np.stack(ends, axis=1))
    layers = {
        "evacuation_zones": {"people": [10.0, 20.0, 30.0, 40.0], "geometry": shapely.buffer(places, 300)},
        "evacuation_flows": {"vehicles": [5.0, 50.0, 500.0], "geometry": line},
        "evacuation_shelters": {
            "kind": ["shelter", "shelter", "exit", "shelter"],
            "people": [5.0, 80.0, 15.0, 0.0],
            "own": [True, False, False, True],
            "geometry": shapely.points(x + 600, y),
        },
        "evacuation_bottleneck": {"name": ["a"], "geometry": line[:1]},
        "incident_runs": {"residual_s": [0.0, 300.0, -300.0, np.nan], "geometry": places},
        "siting": {
            "change": ["opened", "opened", "closed"],
            "in_plan": [True, False, True],
            "geometry": shapely.points(x[:3], y[:3]),
        },
        "siting_candidates": {
            "state": ["candidate", "fixed"],
            "geometry": shapely.points(x[:2] + 900, y[:2]),
        },
    }
    for name, columns in layers.items():
        _for_files(gpd.GeoDataFrame(columns, crs=UTM)).to_file(
            path, layer=name, driver="GPKG", engine="pyogrio"
        )
    change = analysis.coverage[["population", "cell_x", "cell_y", "geometry"]].copy()
    change["joint_change"] = np.where(analysis.coverage["joint_covered"], "gained", "still_not")
    people = {name: {"people": 12.0} for name in ("gained", "lost", "still", "still_not")}
    return replace(
        report_inputs,
        folder=folder,
        difference=change,
        comparison={"difference": {"joint": people}},
        summary={**report_inputs.summary, "siting": {"level": "joint", "plan": {"value": 60_000.0}}},
    )


@pytest.fixture(scope="module")
def written(inputs: ReportInputs) -> tuple[dict[str, Picture], list[str]]:
    """The maps, and what is written into them."""
    texts: list[str] = []
    write = Axes.text

    def noted(self: Axes, x: float, y: float, text: str, **look: Any) -> Any:
        texts.append(text)
        return write(self, x, y, text, **look)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Axes, "text", noted)
        return report_maps(inputs), texts


@pytest.fixture(scope="module")
def maps(written: tuple[dict[str, Picture], list[str]]) -> dict[str, Picture]:
    return written[0]


def pixels_of(picture: Picture) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(picture.png)).convert("RGB"))


def look_up(inputs: ReportInputs, ref: Ref) -> float:
    at: Any = {"summary": inputs.summary, "comparison": inputs.comparison}[ref.source]
    for step in ref.path:
        at = at[step]
    return float(at)


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[k : k + 2], 16) for k in (1, 3, 5))


# --- what is drawn ---------------------------------------------------------------------------------------------


def test_there_is_a_map_of_all_that_has_layers(maps: dict[str, Picture], inputs: ReportInputs) -> None:
    scenarios = [f"hazard_{key}" for key in inputs.summary["hazards"]["scenarios"]]
    others = ["siting", "evacuation", "residuals", "difference"]
    assert list(maps) == ["alone", "agreed", "joint", "gaps", *scenarios, *others]
    for name, picture in maps.items():
        assert picture.name == name
        assert Image.open(io.BytesIO(picture.png)).size == (picture.width, picture.height)
        assert picture.width == 1_500
        assert 0.55 < picture.height / picture.width < 1.0
        assert len(picture.png) < 300_000


@pytest.mark.parametrize("level", ["alone", "agreed", "joint"])
def test_each_place_has_the_colour_of_what_it_is(
    level: str, maps: dict[str, Picture], analysis: Analysis
) -> None:
    picture = maps[level]
    seen, places = pixels_of(picture), analysis.coverage
    colours = {
        text.label.key: rgb(text.mark.colour) for text in picture.legend if isinstance(text.label, Text)
    }
    own, late = places["alone_covered"], ~places[f"{level}_covered"]
    wanted = np.where(
        places["status"] == "unreachable",
        "map_no_road",
        np.where(
            late,
            {"alone": "map_not_own", "agreed": "map_not_agreed", "joint": "map_nobody"}[level],
            np.where(own, "map_own", "map_agreed_neighbour" if level == "agreed" else "map_neighbour"),
        ),
    )
    frame = frame_of(analysis, picture)
    # Of places in one cell the one with the most people is seen.
    top = places.sort_values("population").drop_duplicates(["cell_x", "cell_y"], keep="last").index
    chosen = np.flatnonzero(places.index.isin(top))
    columns = ((places["cell_x"].to_numpy() + 50.0 - frame.left) * frame.metre_px).astype(int)
    rows = ((frame.top - places["cell_y"].to_numpy() - 50.0) * frame.metre_px).astype(int)
    right = judged = 0
    for k in chosen:
        part = seen[rows[k] - 4 : rows[k] + 5, columns[k] - 4 : columns[k] + 5].reshape(-1, 3)
        shares = {name: (part == colour).all(axis=1).mean() for name, colour in colours.items()}
        # Names, boundaries, roads and stations hide some.
        if max(shares.values()) > 0.15:
            judged += 1
            right += max(shares, key=lambda name: shares[name]) == wanted[k]
    assert judged > 0.85 * len(chosen)
    assert right > 0.99 * judged


def frame_of(analysis: Analysis, picture: Picture) -> Frame:
    """Frame of a map around all places, worked out anew."""
    points = np.stack([analysis.coverage.geometry.x, analysis.coverage.geometry.y], axis=1)
    low, high = points.min(axis=0) - 50.0, points.max(axis=0) + 50.0
    more = 0.04 * (high - low).max()
    wide = high[0] - low[0] + 2 * more
    tall = wide * picture.height / picture.width
    centre = (low + high) / 2
    return Frame(
        centre[0] - wide / 2,
        centre[1] - tall / 2,
        centre[0] + wide / 2,
        centre[1] + tall / 2,
        picture.width,
        picture.height,
    )


def test_numbers_of_a_legend_are_those_of_the_places_that_look_so(
    maps: dict[str, Picture], inputs: ReportInputs, analysis: Analysis
) -> None:
    places = analysis.coverage
    people, own = places["population"], places["alone_covered"]
    expected = {
        ("alone", "map_own"): people[own].sum(),
        ("alone", "map_not_own"): people[~own].sum(),
        ("agreed", "map_agreed_neighbour"): people[places["agreed_covered"] & ~own].sum(),
        ("agreed", "map_not_agreed"): people[~places["agreed_covered"]].sum(),
        ("joint", "map_neighbour"): people[places["joint_covered"] & ~own].sum(),
        ("joint", "map_nobody"): people[~places["joint_covered"]].sum(),
        ("joint", "map_no_road"): people[places["status"] == "unreachable"].sum(),
        ("gaps", "map_nobody_closes"): people[~places["joint_covered"]].sum(),
    }
    for result in analysis.scenarios:
        here, name = result.coverage, f"hazard_{result.scenario.id}"
        expected[name, "map_own"] = people[here["alone_covered"]].sum()
        lost = ~here["joint_covered"] & here["fair_joint_covered"]
        expected[name, "map_lost"] = people[lost].sum()
    for (name, key), number in expected.items():
        (entry,) = [one for one in maps[name].legend if isinstance(one.label, Text) and one.label.key == key]
        assert entry.value is not None
        assert look_up(inputs, entry.value) == pytest.approx(number, abs=0.01), (name, key)


def test_all_that_a_legend_names_is_in_the_picture_in_just_this_colour(maps: dict[str, Picture]) -> None:
    for name, picture in maps.items():
        seen = pixels_of(picture).astype(np.int64) @ [65536, 256, 1]
        for entry in picture.legend:
            assert (seen == int(entry.mark.colour[1:], 16)).any(), (name, entry)


def test_entries_of_a_legend_differ_without_colour(maps: dict[str, Picture]) -> None:
    for name, picture in maps.items():
        for a, b in combinations([entry.mark for entry in picture.legend], 2):
            light = [np.dot(rgb(one.colour), [0.299, 0.587, 0.114]) for one in (a, b)]
            assert a.hatch != b.hatch or abs(light[0] - light[1]) > 25, (name, a, b)


def test_all_texts_are_in_the_catalogue_with_their_places(maps: dict[str, Picture]) -> None:
    def check(text: Text) -> None:
        english = TEXTS[text.key]
        sentence = english if isinstance(english, str) else english.other
        places = {name for _, name, _, _ in Formatter().parse(sentence) if name}
        assert places == set(text.values), text.key
        for value in text.values.values():
            if isinstance(value, Text):
                check(value)

    plain = report_texts(maps)
    assert len(plain) > 40
    for text in plain:
        check(text)


def report_texts(maps: dict[str, Picture]) -> list[Text]:
    found = [text for picture in maps.values() for text in (picture.alt, picture.caption)]
    found += [
        entry.label for picture in maps.values() for entry in picture.legend if isinstance(entry.label, Text)
    ]
    return found


def test_there_is_no_word_in_a_picture_but_names_and_the_scale(
    written: tuple[dict[str, Picture], list[str]], inputs: ReportInputs
) -> None:
    maps, texts = written
    names = set(inputs.region.jurisdictions["name"])
    read = [text.replace("-\n", "-").replace("\n", " ") for text in texts]
    others = [text for text in read if text not in names]
    assert len(others) == len(maps), "one scale each"
    assert all(re.fullmatch(r"[125]0* (m|km)", text) for text in others)
    assert len(set(read) & names) == len(names)


def test_equal_inputs_give_equal_bytes(inputs: ReportInputs, maps: dict[str, Picture]) -> None:
    one = {
        **inputs.summary,
        "hazards": {"scenarios": {"storm": inputs.summary["hazards"]["scenarios"]["storm"]}},
    }
    source = MapSource.of(replace(inputs, summary=one))
    storm, out = _hazard_map(source, "storm"), evacuation_map(source)
    assert storm is not None
    assert out is not None
    assert storm.png == maps["hazard_storm"].png
    assert out.png == maps["evacuation"].png


# --- what is withheld ------------------------------------------------------------------------------------------


def test_without_layers_there_are_no_maps(inputs: ReportInputs, tmp_path: Path) -> None:
    assert report_maps(replace(inputs, folder=tmp_path, difference=None)) == {}


def test_a_public_edition_shows_no_stations_and_says_no_number_that_is_withheld(
    inputs: ReportInputs, tmp_path: Path, analysis: Analysis
) -> None:
    shown = ["population", "jurisdiction", "partner", "cell_x", "cell_y", "status"]
    levels = [f"{level}_covered" for level in ("alone", "joint")]
    frame = _for_files(analysis.coverage[[*shown, *levels, "geometry"]])
    frame.to_file(tmp_path / "coverage.gpkg", layer="coverage", driver="GPKG", engine="pyogrio")
    summary = {"headline": {"population": None}, "hazards": {"scenarios": {"storm": {"name": "Storm"}}}}
    found = report_maps(replace(inputs, folder=tmp_path, difference=None, summary=summary))
    assert list(found) == ["alone", "joint"]
    for picture in found.values():
        assert picture.alt.key == "map_alt_plain"
        assert all(entry.value is None for entry in picture.legend)
        assert not any(
            entry.label.key == "map_station" for entry in picture.legend if isinstance(entry.label, Text)
        )


# --- parts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hazards", [None, {"scenarios": None}, {"scenarios": {"storm": None}}])
def test_parts_that_are_not_known_are_no_error(
    inputs: ReportInputs, hazards: Any, tmp_path: Path, analysis: Analysis
) -> None:
    (storm,) = [one.coverage for one in analysis.scenarios if one.scenario.id == "storm"]
    _for_files(storm).to_file(
        tmp_path / "coverage.gpkg", layer="scenario_storm", driver="GPKG", engine="pyogrio"
    )
    known = {"hazards": hazards, "siting": None, "headline": None, "common": None}
    found = report_maps(replace(inputs, folder=tmp_path, difference=None, comparison=None, summary=known))
    assert list(found) == (["hazard_storm"] if hazards and hazards["scenarios"] else [])
    for picture in found.values():
        assert all(entry.value is None for entry in picture.legend)


@settings(max_examples=60, deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(0, 2e5), st.floats(0, 2e5))
def test_a_frame_holds_what_it_is_around_with_square_pixels(
    x: float, y: float, wide: float, tall: float
) -> None:
    frame = frame_around((x, y, x + wide, y + tall))
    assert frame.left <= x
    assert frame.right >= x + wide
    assert frame.bottom <= y
    assert frame.top >= y + tall
    assert frame.height / (frame.top - frame.bottom) == pytest.approx(frame.metre_px, rel=1e-6)
    assert 0.59 <= frame.height / frame.width <= 0.96


def cells_of(
    columns: np.ndarray[Any, Any], rows: np.ndarray[Any, Any], people: np.ndarray[Any, Any]
) -> gpd.GeoDataFrame:
    frame = {"population": people, "cell_x": columns * 100.0 + 500_000, "cell_y": rows * 100.0 + 4_800_000}
    points = gpd.points_from_xy(frame["cell_x"] + 50, frame["cell_y"] + 50)
    return gpd.GeoDataFrame(frame, geometry=points, crs=UTM)


def test_cells_are_painted_as_one_by_one() -> None:
    draw = np.random.default_rng(3)
    columns, rows = draw.integers(0, 12, 60), draw.integers(0, 8, 60)
    people, codes = draw.random(60), draw.integers(-1, 3, 60)
    places = cells_of(columns, rows, people)
    looks = [Swatch("#112233"), Swatch("#445566"), Swatch("#778899")]
    frame = frame_around((500_000, 4_800_000, 501_200, 4_800_800))
    painted = paint(places, codes, looks, frame, 100.0)
    for column in range(12):
        for row in range(8):
            here = [k for k in range(60) if (columns[k], rows[k]) == (column, row) and codes[k] >= 0]
            x = int((500_050 + 100 * column - frame.left) * frame.metre_px)
            y = int((frame.top - (4_800_050 + 100 * row)) * frame.metre_px)
            pixel = painted[y, x].tolist()
            if not here:
                assert pixel[3] == 0
            else:
                assert tuple(pixel[:3]) == rgb(looks[codes[max(here, key=lambda k: people[k])]].colour)


@pytest.mark.parametrize(
    ("hatch", "share"),
    [("slash", 1.5 / 5), ("cross", 1.2 / 5), ("bars", 1 / 4), ("posts", 1.2 / 4), ("sash", 2 / 5.6),
     ("ticks", 1 / 2.8), ("net", 1 - (1 - 1 / 6) ** 2), ("dots", np.pi * 1.15**2 / 25)],
)  # fmt: skip
def test_a_hatching_inks_its_share_of_a_place(hatch: str, share: float) -> None:
    places = cells_of(np.array([0]), np.array([0]), np.array([1.0]))
    frame = frame_around((500_000, 4_800_000, 500_100, 4_800_100))
    plain = paint(places, np.zeros(1, dtype=np.int64), [Swatch("#808080")], frame, 100.0)
    lined = paint(places, np.zeros(1, dtype=np.int64), [Swatch("#808080", hatch)], frame, 100.0)
    inside = plain[..., 3] > 0
    assert inside.sum() == pytest.approx((100 * frame.metre_px) ** 2, rel=0.02)
    away = np.abs(lined[inside].astype(float) - plain[inside])[:, 0]
    assert away.mean() / away.max() == pytest.approx(share, rel=0.12)


def test_places_that_are_no_cells_are_dots() -> None:
    places = cells_of(np.array([0, 10]), np.array([0, 5]), np.array([1.0, 2.0]))
    frame = frame_around((500_000, 4_800_000, 501_100, 4_800_600))
    painted = paint(places, np.array([0, 1]), [Swatch("#112233"), Swatch("#445566")], frame, None)
    for k, colour in enumerate(("#112233", "#445566")):
        found = np.argwhere((painted[..., :3] == rgb(colour)).all(axis=2) & (painted[..., 3] > 0))
        assert 50 < len(found) < 600
        y, x = found.mean(axis=0)
        at = shapely.get_coordinates(places.geometry.to_numpy())[k]
        assert x == pytest.approx((at[0] - frame.left) * frame.metre_px, abs=1.5)
        assert y == pytest.approx((frame.top - at[1]) * frame.metre_px, abs=1.5)


@pytest.fixture
def named() -> Callable[[list[str]], Drawing]:
    """A drawing with the names of squares side by side."""

    def draw(names: list[str]) -> Drawing:
        side = int(np.ceil(np.sqrt(len(names))))
        boxes = [shapely.box(k % side, k // side, k % side + 1, k // side + 1) for k in range(len(names))]
        areas = gpd.GeoDataFrame(
            {"name": names}, geometry=shapely.transform(boxes, lambda p: p * 900.0), crs=UTM
        )
        with drawing(frame_around(areas.total_bounds)) as one:
            one.furniture()
            one.marks(areas.geometry.iloc[:3], "circle", "#1f1f1f")
            one.names(areas)
            return one

    return draw


def test_names_lie_on_nothing_else(named: Callable[[list[str]], Drawing]) -> None:
    one = named([f"Saint-Martin-le-Vieux {chr(65 + k % 26)}" for k in range(120)])
    assert len(one.taken) > 10
    for a, b in combinations(one.taken, 2):
        over = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
        # A name keeps a few pixels of its own around it, which may touch.
        assert min(over) <= 6.0


def test_names_that_cannot_be_written_are_left_out(named: Callable[[list[str]], Drawing]) -> None:
    written = len(named(["Monaco", "Menton"]).taken)
    assert len(named(["Monaco", "摩納哥"]).taken) == written - 1
    assert len(named(["$x^2$ $", "a\nb {c} \\d"]).taken) == written, "no name is a formula"


def test_a_name_from_right_to_left_is_drawn(named: Callable[[list[str]], Drawing]) -> None:
    named(["موناكو", "Ελλάδα", "Москва"]).png()


def test_a_hundred_thousand_cells_are_drawn_in_time(inputs: ReportInputs, tmp_path: Path) -> None:
    side = 317
    columns, rows = np.meshgrid(np.arange(side), np.arange(side))
    draw = np.random.default_rng(1)
    places = cells_of(columns.ravel() - 1_200, rows.ravel() + 300, draw.random(side * side))
    places["status"] = "own"
    places["alone_covered"] = draw.random(len(places)) < 0.5
    places["joint_covered"] = places["alone_covered"] | (draw.random(len(places)) < 0.5)
    places.to_file(tmp_path / "coverage.gpkg", layer="coverage", driver="GPKG", engine="pyogrio")
    before = time.process_time()
    found = report_maps(replace(inputs, folder=tmp_path, difference=None))
    assert {"alone", "joint"} <= set(found)
    assert (time.process_time() - before) / len(found) < 10
