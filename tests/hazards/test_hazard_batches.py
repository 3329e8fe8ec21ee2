"""Roads laid on layers in batches, and left uncut far from edges: the same as all at once, each cut exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from affine import Affine
from pandas.testing import assert_frame_equal
from pyproj import Transformer

from mutualaid.data import HazardScenario
from mutualaid.errors import HazardError
from mutualaid.hazards import (
    HazardLayer,
    Paths,
    RoadHazard,
    RoadPieces,
    _edges,
    _roads,
    _sample,
    _scenario_roads,
    lay_on_roads,
    read_hazard,
    sample,
    scenario_roads,
    split_on_layer,
)
from mutualaid.hazards._overlay import Segments, pieces_on_polygons
from mutualaid.threads import limited_to

UTM = "EPSG:32632"
WEST, SOUTH = 500_000.0, 5_300_000.0
SCHEME = "inasafe-flood-depth"


CORNER = np.array([WEST, SOUTH])
#: A vector and a raster layer, each in the CRS of the roads and in another.
KINDS = [("zones", UTM), ("zones", "EPSG:4326"), ("cells", UTM), ("cells", "EPSG:32633")]


def polygon(*parts: Any) -> Any:
    return shapely.transform(shapely.union_all(parts), lambda xy: xy + CORNER)


RING = shapely.Point(1200, 900).buffer(300) - shapely.Point(1200, 900).buffer(150)
ZONES = gpd.GeoDataFrame(
    {"depth_m": [0.2, 1.5, 0.6, 0.6]},
    geometry=[
        polygon(shapely.box(100, 100, 700, 500)),
        polygon(shapely.box(400, 300, 900, 800)),
        polygon(RING),
        # A box that is far wider than what is in it.
        polygon(shapely.box(1500, 100, 1510, 1900), shapely.box(100, 1890, 1500, 1900)),
    ],
    crs=UTM,
)


def make(folder: Path, kind: str, crs: str) -> HazardLayer:
    if kind == "zones":
        ZONES.to_crs(crs).to_file(folder / "zones.gpkg")
        return read_hazard(
            folder / "zones.gpkg", id="zones", hazard="flood", quantity="depth", unit="m", column="depth_m",
            scheme=SCHEME, nodata_means="none",
        )  # fmt: skip
    band = np.random.default_rng(7).choice([-9.0, 0.0, 0.3, 1.2], (90, 80)).astype(np.float32)
    x, y = Transformer.from_crs(UTM, crs, always_xy=True).transform(WEST + 200, SOUTH + 1700)
    with rasterio.open(
        folder / "cells.tif", "w", driver="GTiff", height=90, width=80, count=1, dtype="float32",
        crs=crs, nodata=-9, transform=Affine(20, 0, x, 0, -20, y),
    ) as raster:  # fmt: skip
        raster.write(band, 1)
    return read_hazard(
        folder / "cells.tif", id="cells", hazard="flood", quantity="depth", unit="m", scheme=SCHEME,
    )  # fmt: skip


@pytest.fixture(params=KINDS, ids=str)
def layer(tmp_path: Path, request: pytest.FixtureRequest) -> HazardLayer:
    return make(tmp_path, *request.param)


@pytest.fixture(params=[UTM, "EPSG:4326"])
def zones(tmp_path: Path, request: pytest.FixtureRequest) -> HazardLayer:
    return make(tmp_path, "zones", request.param)


def paths() -> Paths:
    """Short roads everywhere, one longer than any is straight, and what is special about edges."""
    rng = np.random.default_rng(11)
    count = rng.integers(2, 6, 600)
    roads = [
        rng.uniform(-400, 2400, 2) + rng.normal(0, 25, (vertices, 2)).cumsum(axis=0)
        for vertices in count.tolist()
    ]
    special: list[list[tuple[float, float]]] = [
        [(700, 0), (700, 600)],  # along an edge
        [(100, 100), (100, 500)],  # all of an edge
        [(50, 50), (100, 100)],  # up to a corner
        [(0, 500), (100, 500), (101, 501)],  # touches the box of a polygon
        [(300, 300), (300, 300)],  # no length
        [(300, 300), (300, 300), (310, 300)],  # a stretch without length
        [(-300, 1000), (2300, 1000)],  # long
        [(100, 100), (-50, 100)],  # along the bounds of all, and out of them
        [(1200, 900), (1210, 900)],  # in a hole
    ]
    roads[100:100] = [np.array(road, dtype=np.float64) for road in special]
    xy = np.concatenate(roads) + CORNER
    return Paths(xy, np.append(0, np.cumsum([len(road) for road in roads])))


def lines_of(roads: Paths) -> np.ndarray:
    return roads.lines(np.arange(len(roads)))


def exactly(layer: HazardLayer, monkeypatch: pytest.MonkeyPatch) -> RoadPieces:
    """Lay all at once, every segment cut at what is near it."""
    with monkeypatch.context() as now:
        now.setattr(_edges.Edges, "of", lambda _, start, end: np.full(len(start), _edges.NEAR) + 0 * len(end))
        now.setattr(_roads, "_LINES", dict.fromkeys(_roads._LINES, 10**9))
        with limited_to(1):
            return lay_on_roads(layer, lines_of(paths()), crs=UTM)


def assert_same(one: RoadPieces, other: RoadPieces) -> None:
    for name in ("line", "stop_m", "value", "severity"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.mark.parametrize("size", [23, 110, 10_000])
def test_batches_and_what_is_left_uncut_change_nothing(
    layer: HazardLayer, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = exactly(layer, monkeypatch)
    assert len(np.unique(expected.value[~np.isnan(expected.value)])) > 2  # something to get wrong
    monkeypatch.setattr(_roads, "_LINES", dict.fromkeys(_roads._LINES, size))
    for lines in (paths(), lines_of(paths())):
        assert_same(lay_on_roads(layer, lines, crs=UTM), expected)


def test_far_from_all_edges_nothing_is_cut(zones: HazardLayer, monkeypatch: pytest.MonkeyPatch) -> None:
    cut: list[int] = []

    def counting(segments: Segments, areas: np.ndarray) -> tuple[np.ndarray, ...]:
        cut.append(len(segments.line))
        return pieces_on_polygons(segments, areas)

    monkeypatch.setattr(_roads, "pieces_on_polygons", counting)
    roads = paths()
    lay_on_roads(zones, roads, crs=UTM)
    assert 0 < sum(cut) < (len(roads.xy) - len(roads)) / 2


def test_splitting_tells_the_same_as_the_pieces_that_are_laid(zones: HazardLayer) -> None:
    roads = gpd.GeoSeries(lines_of(paths()), index=[f"r{row}" for row in range(len(paths()))], crs=UTM)
    found = split_on_layer(zones, roads, crs=UTM)
    length_m = found.groupby("line", sort=False)["length_m"].sum()
    drawn = roads.length[roads.length > 0]
    assert length_m.index.tolist() == drawn.index.tolist()
    # In another CRS a long road is cut into straight stretches, and added up from these.
    np.testing.assert_allclose(length_m, drawn, rtol=1e-12)
    laid = lay_on_roads(zones, paths(), crs=UTM)
    last = np.flatnonzero(np.append(laid.line[1:] != laid.line[:-1], True))
    np.testing.assert_allclose(laid.stop_m[last], drawn, rtol=1e-9)


def test_no_roads_have_no_pieces(layer: HazardLayer) -> None:
    none = Paths(np.empty((0, 2)), np.zeros(1, np.int64))
    point = Paths(np.full((2, 2), WEST), np.array([0, 2]))
    for roads in (none, point, np.empty(0, dtype=object), np.array([None, shapely.LineString()])):
        laid = lay_on_roads(layer, roads, crs=UTM)
        assert (len(laid.line), len(laid.stop_m), len(laid.value), len(laid.severity)) == (0, 0, 0, 0)
        left = scenario_roads(
            HazardScenario("s", "S", (layer.id,)), [laid], roads, free_flow_kph=50.0, vehicle="car"
        )
        assert left.roads["closed"].tolist() == [False] * len(roads)


def test_roads_without_an_end_are_named_by_their_number(
    zones: HazardLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_roads, "_LINES", dict.fromkeys(_roads._LINES, 40))
    roads = paths()
    roads.xy[roads.offset[77] + 1, 0] = np.nan
    for lines in (roads, lines_of(roads)):
        with pytest.raises(HazardError, match="line 77"):
            lay_on_roads(zones, lines, crs=UTM)


def test_lengths_of_paths_are_those_of_their_lines() -> None:
    roads = paths()
    np.testing.assert_array_equal(roads.length_m, shapely.length(lines_of(roads)))
    some = roads.part(slice(95, 108))
    np.testing.assert_array_equal(some.length_m, roads.length_m[95:108])
    assert shapely.equals(lines_of(some), lines_of(roads)[95:108]).all()


@pytest.mark.parametrize("size", [7, 101])
def test_a_scenario_tells_the_same_of_roads_in_batches(
    size: int, zones: HazardLayer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = make(tmp_path, "cells", UTM)
    roads = paths()
    laid = [lay_on_roads(layer, roads, crs=UTM) for layer in (zones, cells)]
    ids = np.array(["north", "south", None], dtype=object)[np.arange(len(roads)) % 3]

    def left(lines: Paths | np.ndarray, jurisdiction: pd.Series | list[object]) -> RoadHazard:
        lands = pd.DataFrame({"country": ["", ""], "partner": ["", ""]}, index=["north", "south"])
        return scenario_roads(
            HazardScenario("s", "S", ("zones", "cells"), unknown="closed"), laid, lines,
            free_flow_kph=np.linspace(20, 90, len(roads)), vehicle="car", bridge=np.arange(len(roads)) % 7 == 0,
            jurisdiction=jurisdiction, jurisdictions=lands,
        )  # fmt: skip

    at_once = left(lines_of(roads), ids.tolist())
    assert at_once.roads["closed"].nunique() == 2
    assert at_once.roads["layer"].nunique() == 3
    monkeypatch.setattr(_scenario_roads, "_ROADS", size)
    for lines, places in ((roads, pd.Series(pd.Categorical(ids))), (lines_of(roads), ids.tolist())):
        found = left(lines, places)
        assert_frame_equal(found.roads, at_once.roads, check_exact=True)
        for name in ("line", "start", "stop", "factor"):
            np.testing.assert_array_equal(getattr(found, name), getattr(at_once, name), err_msg=name)


def test_many_points_are_told_the_same_as_few(zones: HazardLayer, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    corners = shapely.get_coordinates(ZONES.geometry.to_numpy())
    edges = (corners[1:] + corners[:-1]) / 2
    xy = np.concatenate([rng.uniform(-400, 2400, (3000, 2)) + CORNER, corners, edges, [[np.nan, np.nan]]])
    points = gpd.GeoDataFrame(geometry=gpd.points_from_xy(*xy.T), crs=UTM)
    many = sample(zones, points)
    assert set(many["value"].dropna()) == {0.2, 0.6, 1.5}
    monkeypatch.setattr(_sample, "_MANY", 10**9)
    assert_frame_equal(many, sample(zones, points), check_exact=True)
