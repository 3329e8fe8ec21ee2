"""Columns of numbers as short text inside a page, and the way from its pixels to the cells of a grid."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from pyproj import CRS, Transformer

__all__ = ["NONE", "grid_polynomials", "mercator", "pack", "packed_paths", "path_columns", "whole_seconds"]

#: Stands for a missing or infinite number in a packed column.
NONE = 65535

_DEGREE_STEPS = 1e5  # 1.1 m: finer than any screen shows at the closest zoom


def pack(columns: Mapping[str, ArrayLike]) -> dict[str, Any]:
    """Pack columns of whole numbers, each of any length, into one compressed text.

    Every column is delta coded (neighbours in the order of the rows are alike), folded to be non-negative,
    and cut into byte planes, of which the high ones are nearly all zero and cost nothing.

    Parameters
    ----------
    columns
        Whole numbers from -2³⁰ to 2³⁰ by name.

    Returns
    -------
    dict
        ``columns``: ``[name, length, bytes per value]`` in order; ``z``: base64 of the deflated planes.
    """
    header, planes = [], []
    for name, values in columns.items():
        numbers = np.asarray(values, dtype=np.int64)
        delta = np.diff(numbers, prepend=np.int64(0))
        folded = ((delta << 1) ^ (delta >> 63)).astype(np.uint64)
        width = max(1, (int(folded.max(initial=0)).bit_length() + 7) // 8)
        header.append([name, len(numbers), width])
        planes += [((folded >> np.uint64(8 * k)) & np.uint64(255)).astype(np.uint8) for k in range(width)]
    raw = b"".join(plane.tobytes() for plane in planes)
    return {"columns": header, "z": base64.b64encode(zlib.compress(raw, 9)).decode("ascii")}


def whole_seconds(values: ArrayLike) -> NDArray[np.int64]:
    """Return seconds rounded up to whole ones, `NONE` where missing, infinite or beyond 18 hours."""
    seconds = np.asarray(values, dtype=np.float64)
    known = np.isfinite(seconds) & (seconds < NONE)
    # Times are whole milliseconds, so a microsecond is only the noise of their sum as floats.
    return np.where(known, np.ceil(np.where(known, seconds, 0) - 1e-6), NONE).astype(np.int64)


def path_columns(geometries: Iterable[shapely.Geometry]) -> tuple[dict[str, Any], list[list[list[int]]]]:
    """Pack lines or polygons given in longitude and latitude.

    Returns
    -------
    dict
        Columns ``x`` and ``y`` of all vertices as `pack` makes them, with ``origin`` and ``step`` in degrees.
    list
        For each geometry a list of its parts, each a list of vertex counts: one for a line, and for a polygon
        its outer ring and its holes.
    """
    coordinates: list[NDArray[np.float64]] = []
    shapes = []
    for geometry in geometries:
        parts = []
        for part in shapely.get_parts(geometry):
            rings = [part.exterior, *part.interiors] if part.geom_type == "Polygon" else [part]
            coordinates += [shapely.get_coordinates(ring) for ring in rings]
            parts.append([len(ring.coords) for ring in rings])
        shapes.append(parts)
    lonlat = np.concatenate(coordinates) if coordinates else np.zeros((0, 2))
    origin = lonlat.min(axis=0) if len(lonlat) else np.zeros(2)
    steps = np.rint((lonlat - origin) * _DEGREE_STEPS).astype(np.int64)
    packed = pack({"x": steps[:, 0], "y": steps[:, 1]})
    return {**packed, "origin": origin.tolist(), "step": 1 / _DEGREE_STEPS}, shapes


def packed_paths(geometries: gpd.GeoSeries, tolerance_m: float) -> dict[str, Any]:
    """Simplify geometries in their projected CRS and pack them in longitude and latitude."""
    # Lines cannot get invalid by it, and without that care it is many times faster.
    areas = bool(geometries.geom_type.str.contains("Polygon").any())
    packed, shapes = path_columns(geometries.simplify(tolerance_m, preserve_topology=areas).to_crs(4326))
    return {"packed": packed, "shapes": shapes}


def mercator(xy: NDArray[np.float64], crs: CRS) -> NDArray[np.float64]:
    """Return points (n, 2) of `crs` on the Web Mercator unit square, x to the east and y to the south."""
    lon, lat = Transformer.from_crs(crs, 4326, always_xy=True).transform(xy[:, 0], xy[:, 1])
    phi = np.radians(np.clip(lat, -85.05, 85.05))
    return np.column_stack(
        ((np.asarray(lon) + 180) / 360, 0.5 - np.log(np.tan(np.pi / 4 + phi / 2)) / (2 * np.pi))
    )


def grid_polynomials(
    origin: tuple[float, float], cell_m: float, shape: tuple[int, int], crs: CRS
) -> dict[str, Any]:
    """Fit the way between a grid's columns and rows and the Web Mercator unit square.

    A polynomial instead of corner coordinates: cells meet exactly, cost nothing in the page, and each pixel
    finds its cell without any search.

    Parameters
    ----------
    origin
        Lower left corner of the grid, metres in `crs`.
    cell_m
        Width of the cells in metres.
    shape
        Number of columns and rows.
    crs
        Projected CRS in metres.

    Returns
    -------
    dict
        ``to_page`` and ``to_grid``, each with ``centre``, ``scale`` (both of the argument) and
        ``coefficients``: for each of the two results the factors of ``u**i * v**j`` as a matrix ``[i][j]``;
        ``error_cells``, the largest miss at points that were not fitted.
    """
    fit, check = _lattice(shape, 24), _lattice(shape, 17)
    page, page_check = (mercator(np.asarray(origin) + cell_m * at, crs) for at in (fit, check))
    for degree in range(1, 7):
        to_grid, to_page = _polynomial(page, fit, degree), _polynomial(fit, page, degree)
        misses = (
            _evaluate(to_grid, page_check) - check,
            (_evaluate(to_page, check) - page_check) / np.ptp(page, axis=0) * shape,
        )
        error = max(float(np.abs(miss).max()) for miss in misses)
        if error < 0.01:
            break
    return {"to_page": to_page, "to_grid": to_grid, "error_cells": error}


def _lattice(shape: tuple[int, int], count: int) -> NDArray[np.float64]:
    across, up = (np.linspace(0, size, count) for size in shape)
    return np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)


def _polynomial(given: NDArray[np.float64], wanted: NDArray[np.float64], degree: int) -> dict[str, Any]:
    low, high = given.min(axis=0), given.max(axis=0)
    centre, scale = (low + high) / 2, (high - low) / 2
    powers = [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]
    unit = (given - centre) / scale
    terms = np.column_stack([unit[:, 0] ** i * unit[:, 1] ** j for i, j in powers])
    factors = np.linalg.lstsq(terms, wanted, rcond=None)[0]
    matrices = np.zeros((2, degree + 1, degree + 1))
    for (i, j), factor in zip(powers, factors, strict=True):
        matrices[:, i, j] = factor
    return {"centre": centre.tolist(), "scale": scale.tolist(), "coefficients": matrices.tolist()}


def _evaluate(polynomial: dict[str, Any], at: NDArray[np.float64]) -> NDArray[np.float64]:
    u, v = ((at - polynomial["centre"]) / polynomial["scale"]).T
    return np.column_stack(
        [np.polynomial.polynomial.polyval2d(u, v, np.asarray(c)) for c in polynomial["coefficients"]]
    )
