"""Numbers come out of the page as they went in, and every pixel finds its cell."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import CRS

from mutualaid.maps._pack import NONE, grid_polynomials, mercator, pack, path_columns, whole_seconds


def unpack(packed: dict[str, Any]) -> dict[str, list[int]]:
    """Read packed columns one number at a time, as the page does."""
    raw, at, columns = zlib.decompress(base64.b64decode(packed["z"])), 0, {}
    for name, n, width in packed["columns"]:
        values, total = [], 0
        for i in range(n):
            folded = sum(raw[at + k * n + i] << 8 * k for k in range(width))
            total += (folded >> 1) ^ -(folded & 1)
            values.append(total)
        at += n * width
        columns[name] = values
    assert at == len(raw)
    return columns


@given(st.lists(st.integers(-(2**30), 2**30)), st.lists(st.integers(0, 255)))
def test_packed_columns_read_the_same(a: list[int], b: list[int]) -> None:
    assert unpack(pack({"a": a, "b": b})) == {"a": a, "b": b}


def test_what_is_alike_costs_next_to_nothing() -> None:
    assert len(pack({"turnout": np.full(100_000, 80)})["z"]) < 200


def test_seconds_are_rounded_up_and_absence_is_kept() -> None:
    seconds = [480.0, 480.001, 0.1 + 0.2, np.inf, np.nan, 70_000.0]
    assert whole_seconds(seconds).tolist() == [480, 481, 1, NONE, NONE, NONE]


def test_seconds_that_a_sum_of_floats_misses_are_not_rounded_up() -> None:
    assert whole_seconds([240.1 + 239.9 + 1e-10]).tolist() == [480]


def test_paths_keep_their_parts_rings_and_places() -> None:
    ring = [(7.0, 43.0), (7.1, 43.0), (7.1, 43.1), (7.0, 43.0)]
    hole = [(7.02, 43.01), (7.08, 43.01), (7.08, 43.06), (7.02, 43.01)]
    island = [(8.0, 44.0), (8.1, 44.0), (8.1, 44.1), (8.0, 44.0)]
    line = [(6.9, 43.2), (7.0, 43.25)]
    shapes = [
        shapely.MultiPolygon([shapely.Polygon(ring, [hole]), shapely.Polygon(island)]),
        shapely.LineString(line),
        shapely.MultiLineString(),
    ]
    packed, parts = path_columns(shapes)
    assert parts == [[[4, 4], [4]], [[2]], []]
    columns = unpack(packed)
    lonlat = np.column_stack((columns["x"], columns["y"])) * packed["step"] + packed["origin"]
    assert lonlat == pytest.approx(np.array([*ring, *hole, *island, *line]), abs=6e-6)


@pytest.mark.parametrize(
    ("epsg", "corner", "cell_m", "shape"),
    [
        (32632, (372_000.0, 4_842_000.0), 100.0, (90, 60)),
        (32635, (380_000.0, 7_300_000.0), 100.0, (4_000, 6_000)),
        (25831, (100_000.0, 4_600_000.0), 250.0, (1, 1)),
        (32756, (250_000.0, 5_700_000.0), 50.0, (1_000, 12)),
    ],
)
def test_pixels_find_the_cell_they_lie_in(
    epsg: int, corner: tuple[float, float], cell_m: float, shape: tuple[int, int]
) -> None:
    crs = CRS.from_epsg(epsg)
    ways = grid_polynomials(corner, cell_m, shape, crs)
    assert ways["error_cells"] < 0.01
    rng = np.random.default_rng(3)
    cells = rng.uniform(0, 1, (500, 2)) * shape
    page = mercator(np.asarray(corner) + cell_m * cells, crs)
    assert evaluate(ways["to_grid"], page) == pytest.approx(cells, abs=0.02)
    assert evaluate(ways["to_page"], cells) == pytest.approx(page, abs=0.05 * cell_m / 2e7)


def evaluate(way: dict[str, Any], at: NDArray[np.float64]) -> NDArray[np.float64]:
    u, v = ((at - way["centre"]) / way["scale"]).T
    return np.column_stack(
        [
            sum(factor * u**i * v**j for i, row in enumerate(matrix) for j, factor in enumerate(row))
            for matrix in way["coefficients"]
        ]
    )
