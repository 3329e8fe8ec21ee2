"""Fixtures of the hazard tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine


@pytest.fixture
def hundred_million_cells(tmp_path: Path) -> Path:
    """Raster of 100 km by 100 km in columns of 10 m, by turns dry and 1 deep; written in strips."""
    file = tmp_path / "big.tif"
    with rasterio.open(
        file,
        "w",
        driver="GTiff",
        height=10_000,
        width=10_000,
        count=1,
        dtype="float32",
        crs="EPSG:32632",
        nodata=-9,
        transform=Affine(10, 0, 500_000, 0, -10, 5_300_000),
        tiled=True,
        compress="zstd",
    ) as raster:
        band = np.tile(np.array([0, 1], np.float32), (500, 5000))
        for top in range(0, 10_000, 500):
            raster.write(band, 1, window=((top, top + 500), (0, 10_000)))
    return file
