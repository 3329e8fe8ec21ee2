"""One picture: each place from one provider, nothing twice, nothing lost at the border."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry import Polygon, box

from mutualaid.errors import HazardError
from mutualaid.hazards import HazardLayer, one_picture, picture_polygons, read_hazard

CRS = "EPSG:32632"
BOUNDS = (0.0, 0.0, 1000.0, 600.0)
CELL = 10.0
SHAPE = (60, 100)
#: A border that follows no row or column of cells.
WEST = Polygon([(0, 0), (431, 0), (617, 287), (488, 600), (0, 600)])
LANDS = gpd.GeoDataFrame(
    {"country": ["AA", "BB"], "partner": ["a", "b"]},
    geometry=[WEST, box(*BOUNDS) - WEST],
    index=["west", "east"],
    crs=CRS,
)
OWN_SCHEME = """
[scheme]
id = "own"
name = "Own classes"
hazard = "flood"
quantity = "class"
source = "the eastern office"
[[class]]
code = "1"
label = "wet"
severity = 2
[[class]]
code = "2"
label = "deep"
severity = 5
"""


def raster(folder: Path, name: str, values: NDArray[np.float64], **stated: Any) -> HazardLayer:
    file = folder / f"{name}.tif"
    profile = {"driver": "GTiff", "count": 1, "dtype": "float64", "crs": CRS, "nodata": -9999.0}
    profile |= {"height": values.shape[0], "width": values.shape[1]}
    with rasterio.open(file, "w", transform=Affine(CELL, 0, 0, 0, -CELL, 600), **profile) as target:
        target.write(np.where(np.isnan(values), -9999.0, values), 1)
    defaults: dict[str, Any] = {
        "id": name,
        "hazard": "flood",
        "quantity": "depth",
        "unit": "m",
        "scheme": "inasafe-flood-depth",
        "return_period_years": 100,
    }
    return read_hazard(file, **(defaults | stated))


def depths() -> NDArray[np.float64]:
    generator = np.random.default_rng(5)
    values = generator.choice([0.0, 0.05, 0.5, 1.0, 2.0], size=SHAPE)
    values[generator.random(SHAPE) < 0.1] = np.nan
    return values


def in_west() -> NDArray[np.bool_]:
    x, y = np.meshgrid(CELL * (np.arange(100) + 0.5), 600 - CELL * (np.arange(60) + 0.5))
    points = gpd.GeoSeries(gpd.points_from_xy(x.ravel(), y.ravel()), crs=CRS)
    return points.within(WEST).to_numpy().reshape(SHAPE)


def joined(*layers: HazardLayer, lands: gpd.GeoDataFrame | None = LANDS, cell_m: float = CELL) -> Any:
    return one_picture(layers, bounds=BOUNDS, crs=CRS, cell_m=cell_m, jurisdictions=lands)


def test_the_union_of_two_halves_is_the_whole(tmp_path: Path) -> None:
    values = depths()
    whole = joined(raster(tmp_path, "whole", values))
    west = raster(tmp_path, "w", np.where(in_west(), values, np.nan), jurisdiction="AA")
    east = raster(tmp_path, "e", np.where(in_west(), np.nan, values), jurisdiction="east")
    for lands in (LANDS, None):
        for order in ((west, east), (east, west)):
            picture = joined(*order, lands=lands)
            assert np.array_equal(picture.severity, whole.severity)
            known = picture.severity >= 0
            provided_by = np.array([layer.id for layer in order], dtype=object)[picture.provider]
            assert np.array_equal(provided_by[known] == "w", in_west()[known])
    assert np.array_equal(whole.severity < 0, np.isnan(values))
    assert np.array_equal(whole.severity[values == 0.0], np.zeros((values == 0.0).sum()))
    assert np.array_equal(whole.severity[values == 2.0], np.full((values == 2.0).sum(), 4))


def test_two_schemes_make_one_scale_and_a_layer_given_twice_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(OWN_SCHEME, encoding="utf-8")
    west = raster(tmp_path, "w", np.where(in_west(), 1.0, np.nan), jurisdiction="west")
    classes = np.where(in_west(), np.nan, 2.0)
    east = raster(
        tmp_path,
        "e",
        classes,
        jurisdiction="BB",
        quantity="class",
        unit="",
        scheme=tmp_path / "own.toml",
    )
    once = joined(west, east)
    assert np.array_equal(once.severity, np.where(in_west(), 3, 5))
    twice = joined(west, east, raster(tmp_path, "w2", np.where(in_west(), 1.0, np.nan), jurisdiction="west"))
    assert np.array_equal(twice.severity, once.severity)
    assert np.array_equal(twice.provider, once.provider)


def test_own_layer_counts_even_where_a_neighbour_sees_worse(tmp_path: Path) -> None:
    west = raster(tmp_path, "w", np.full(SHAPE, 2.0), jurisdiction="a")
    gap = np.full(SHAPE, 0.5)
    gap[:, 80:] = np.nan
    east = raster(tmp_path, "e", gap, jurisdiction="east")
    silent = (~in_west()) & (np.arange(100) >= 80)
    picture = joined(west, east)
    assert np.array_equal(picture.severity, np.where(in_west() | silent, 4, 2))
    assert np.array_equal(picture.provider, np.where(in_west() | silent, 0, 1))
    assert (joined(west, east, lands=None).severity == 4).all()


def test_places_in_no_jurisdiction_take_the_worst(tmp_path: Path) -> None:
    layers = [
        raster(tmp_path, "w", np.full(SHAPE, 1.0), jurisdiction="west"),
        raster(tmp_path, "s", np.full(SHAPE, 2.0)),
    ]
    picture = joined(*layers, lands=LANDS.loc[["west"]])
    assert np.array_equal(picture.severity, np.where(in_west(), 3, 4))


def test_blocks_make_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layers = [
        raster(tmp_path, "w", np.where(in_west(), depths(), np.nan), jurisdiction="west"),
        raster(tmp_path, "e", depths()[::-1], jurisdiction="east"),
    ]
    whole = joined(*layers)
    monkeypatch.setattr("mutualaid.hazards._picture._BLOCK_CELLS", 730)
    blocks = joined(*layers)
    assert np.array_equal(blocks.severity, whole.severity)
    assert np.array_equal(blocks.provider, whole.provider)


def test_the_grid_begins_at_the_corner_and_reaches_beyond_the_bounds(tmp_path: Path) -> None:
    layer = raster(tmp_path, "w", np.full(SHAPE, 1.0))
    picture = one_picture([layer], bounds=(-50.0, 0.0, 1000.0, 605.0), crs=CRS, cell_m=100.0)
    assert picture.severity.shape == (7, 11)
    assert (picture.transform.c, picture.transform.f) == (-50.0, 605.0)
    # The centres of the first column are outside the layer's left edge plus half a cell: at x = 0.
    assert (picture.severity[:6, :10] == 3).all()
    assert (picture.severity[6, :] == -1).all()


def test_layers_that_do_not_belong_together_are_all_named(tmp_path: Path) -> None:
    values = np.full(SHAPE, 1.0)
    layers = [
        raster(tmp_path, "hq100", values),
        raster(tmp_path, "hq200", values, return_period_years=200),
        raster(tmp_path, "storm", values, return_period_years=math.nan, event="storm of 2021"),
        raster(tmp_path, "sea", values, hazard="tsunami", scheme="inasafe-tsunami"),
    ]
    with pytest.raises(HazardError) as caught:
        joined(*layers)
    assert [(defect.where, defect.got) for defect in caught.value.defects] == [
        ("hazard layer hq100", "flood, 100 years"),
        ("hazard layer hq200", "flood, 200 years"),
        ("hazard layer storm", "flood, event storm of 2021"),
        ("hazard layer sea", "tsunami, 100 years"),
    ]
    with pytest.raises(HazardError, match="at least one hazard layer"):
        joined()
    with pytest.raises(HazardError, match="a projected CRS in metres; got EPSG:4326"):
        one_picture(layers[:1], bounds=(6.0, 43.0, 7.0, 44.0), crs="EPSG:4326", cell_m=10.0)
    with pytest.raises(HazardError, match="a width above 0"):
        joined(layers[0], cell_m=0.0)


def test_the_same_hazard_in_two_crs_agrees_within_a_cell(tmp_path: Path) -> None:
    values = np.zeros(SHAPE)
    values[20:40, 30:70] = 2.0
    metric = raster(tmp_path, "metric", values)
    step = Affine(CELL, 0, 500_000, 0, -CELL, 4_850_000)
    with rasterio.open(metric.file, "r+") as target:
        target.transform = step
    metric = read_hazard(
        metric.file, id="m", hazard="flood", quantity="depth", unit="m", scheme="inasafe-flood-depth"
    )
    zone = gpd.GeoDataFrame(
        {"depth": [2.0]}, geometry=[box(500_300, 4_849_600, 500_700, 4_849_800)], crs=CRS
    ).to_crs(4326)
    zone.to_file(tmp_path / "zone.geojson")
    into = Transformer.from_crs(CRS, 4326, always_xy=True)
    bounds = (500_000.0, 4_849_400.0, 501_000.0, 4_850_000.0)
    degrees = read_hazard(
        tmp_path / "zone.geojson",
        id="d",
        hazard="flood",
        quantity="depth",
        unit="m",
        column="depth",
        scheme="inasafe-flood-depth",
        nodata_means="none",
        covers=into.transform_bounds(*bounds),
    )
    one, two = (
        one_picture([layer], bounds=bounds, crs=CRS, cell_m=CELL).severity for layer in (metric, degrees)
    )
    assert (one == 4).sum() == 800
    assert (one != two).sum() <= 2 * (20 + 40)  # the edge of the zone


def test_polygons_keep_the_area_and_the_provider(tmp_path: Path) -> None:
    values = depths()
    layers = [
        raster(tmp_path, "w", np.where(in_west(), values, np.nan), jurisdiction="west", source="office W"),
        raster(tmp_path, "e", np.where(in_west(), np.nan, values), jurisdiction="east", source="office E"),
    ]
    picture = joined(*layers)
    found = picture_polygons(picture)
    assert found.is_valid.all()
    assert set(found.geom_type) == {"MultiPolygon"}
    assert found["area_m2"].sum() == pytest.approx((picture.severity >= 0).sum() * CELL**2)
    assert found["severity"].is_monotonic_decreasing
    for row in found.itertuples():
        cells = (picture.severity == row.severity) & (picture.provider == ["w", "e"].index(str(row.layer)))
        assert row.area_m2 == pytest.approx(cells.sum() * CELL**2)
    assert set(zip(found["layer"], found["source"], strict=True)) == {("w", "office W"), ("e", "office E")}
    assert found.loc[found["severity"] == 0, "class"].unique().tolist() == ["none"]


def test_a_picture_of_nothing_has_no_polygons(tmp_path: Path) -> None:
    layer = raster(tmp_path, "w", np.full(SHAPE, 1.0))
    empty = one_picture([layer], bounds=(5000.0, 0.0, 6000.0, 500.0), crs=CRS, cell_m=CELL)
    assert (empty.severity == -1).all()
    assert picture_polygons(empty).empty
