"""What a layer holds, class by class, and what is in no class of its scheme."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

from mutualaid.errors import HazardError
from mutualaid.hazards import HazardLayer, _rasters, layer_classes, mapping, read_hazard, schemes

UTM = "EPSG:32632"


def raster(file: Path, cells: list[list[float]], **stated: Any) -> HazardLayer:
    band = np.array(cells, dtype="float32")
    profile: dict[str, Any] = {"driver": "GTiff", "count": 1, "dtype": "float32", "crs": UTM, "nodata": -9}
    profile |= {"height": band.shape[0], "width": band.shape[1]}
    with rasterio.open(file, "w", transform=Affine(10, 0, 500_000, 0, -10, 5_300_000), **profile) as target:
        target.write(band, 1)
    return read_hazard(file, id="layer", hazard="flood", event="made up", **stated)


def polygons(file: Path, codes: list[str | None], **stated: Any) -> HazardLayer:
    """Squares side by side, each a kilometre wider than the one before, near the central meridian."""
    width = 1000 * np.arange(1, len(codes) + 1)
    right = 500_000 + np.cumsum(width)
    boxes = [shapely.box(x - w, 5_300_000, x, 5_301_000) for x, w in zip(right, width, strict=True)]
    gpd.GeoDataFrame({"zone": codes}, geometry=boxes, crs=UTM).to_file(file)
    return read_hazard(
        file, id="zones", hazard="flood", quantity="class", column="zone", event="made up", **stated
    )


def test_cells_are_counted_by_class_on_both_sides_of_its_limits(tmp_path: Path) -> None:
    layer = raster(
        tmp_path / "d.tif",
        [[0, 0.1, 0.7], [0.71, 1.5, -9]],
        quantity="depth",
        unit="m",
        scheme="inasafe-flood-depth",
    )
    table = layer_classes(layer).set_index("class_code")

    assert table["count"].to_dict() == {"dry": 1, "caution": 1, "low": 1, "medium": 2, "high": 0}
    assert table["share"].sum() == pytest.approx(1)
    assert table["severity"].tolist() == [0, 1, 2, 3, 4]
    assert table["mapped"].all()


def test_numbers_in_no_class_are_one_row_with_their_range(tmp_path: Path) -> None:
    layer = raster(
        tmp_path / "d.tif",
        [[-3, -1.5, 0.5], [0.5, 0.5, 0.5]],
        quantity="depth",
        unit="m",
        scheme="inasafe-flood-depth",
    )
    last = layer_classes(layer).iloc[-1]

    assert (last["class_code"], last["count"], bool(last["mapped"])) == ("-3 to -1.5", 2, False)
    assert last.isna()["severity"]
    assert last["share"] == pytest.approx(2 / 6)


def test_codes_of_a_raster_in_no_class_are_listed_one_by_one(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        '[scheme]\nid = "own"\nname = "Own"\nhazard = "flood"\nquantity = "class"\nsource = "made up"\n'
        '[[class]]\ncode = "1"\nseverity = 2\n[[class]]\ncode = "2"\nseverity = "unknown"\n'
    )
    layer = raster(tmp_path / "c.tif", [[1, 1, 2], [7, 7, 8]], quantity="class", scheme=own)
    table = layer_classes(layer)

    assert table["class_code"].tolist() == ["1", "2", "7", "8"]
    assert table["count"].tolist() == [2, 1, 2, 1]
    assert table["mapped"].tolist() == [True, True, False, False]
    assert table["severity"].isna().tolist() == [False, True, True, True]


def test_polygons_are_weighed_by_their_area(tmp_path: Path) -> None:
    layer = polygons(tmp_path / "z.gpkg", ["AE", "X", "AE", None], scheme="fema-zones")
    table = layer_classes(layer)
    known = table[table["count"] > 0].set_index("class_code")

    assert table["share"].sum() == pytest.approx(1)
    # 1 km and 3 km wide, of 10 km; X alone says neither shaded nor unshaded.
    shares = table.loc[table["mapped"] & (table["count"] > 0), "share"].tolist()
    assert shares == [pytest.approx(0.4, abs=1e-3)]
    assert known.loc["X", "share"] == pytest.approx(0.2, abs=1e-3)
    assert known.loc["no value", "share"] == pytest.approx(0.4, abs=1e-3)


def test_the_size_of_tiles_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = np.random.default_rng(1).choice([0, 0.05, 0.3, 1, 3, -9], size=(23, 17)).tolist()
    layer = raster(tmp_path / "d.tif", cells, quantity="depth", unit="m", scheme="inasafe-flood-depth")
    whole = layer_classes(layer)
    monkeypatch.setattr(_rasters, "_TILE", 5)

    assert layer_classes(layer).equals(whole)


def test_a_layer_without_a_scheme_is_refused(tmp_path: Path) -> None:
    layer = raster(tmp_path / "d.tif", [[0.5]], quantity="depth", unit="m")
    with pytest.raises(HazardError, match="a scheme of classes"):
        layer_classes(layer)


def test_the_mapping_used_names_each_scheme_once_with_its_layers(tmp_path: Path) -> None:
    one = raster(tmp_path / "a.tif", [[1]], quantity="depth", unit="m", scheme="inasafe-flood-depth")
    two = polygons(tmp_path / "z.gpkg", ["HQ100"], scheme="de-hq")
    three = raster(tmp_path / "b.tif", [[1]], quantity="depth", unit="m", scheme="inasafe-flood-depth")
    used = mapping([one, two, three])

    assert dict(used.groupby("scheme")["layers"].first()) == {
        "de-hq": "zones",
        "inasafe-flood-depth": "layer;layer",
    }
    everything = schemes()
    assert len(used) == everything["scheme"].isin(["de-hq", "inasafe-flood-depth"]).sum()
    assert mapping([]).empty
    assert "severity" in mapping([])
