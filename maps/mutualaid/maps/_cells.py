"""People as packed columns: where they are, who comes first, and how long that takes at each level."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from mutualaid.maps._counts import bands, counted, levels, partner_names, place_status
from mutualaid.maps._escape import shorten
from mutualaid.maps._pack import NONE, grid_polynomials, mercator, pack, whole_seconds
from mutualaid.maps._palette import band_edges

if TYPE_CHECKING:
    from mutualaid.coverage import Analysis

__all__ = ["cell_data", "cell_order", "first_due"]

_SEGMENTS = ("answering", "processing", "dispatch", "turnout", "crossing", "drive")


def cell_data(analysis: Analysis, *, exact: bool = False) -> tuple[dict[str, Any], dict[str, Any]]:
    """Pack the people of an analysis for the cell layer.

    Parameters
    ----------
    analysis
        The analysis.
    exact
        Whether the page adds people up by itself: then they are told to a thousandth, else to a tenth.

    Returns
    -------
    dict
        JSON-ready data of the layer: the packed columns, names of jurisdictions and stations, the positions of their
        partners, and either ``grid`` (square cells) or ``points``.
    dict
        People by status, band and who comes first: see `counted`.
    """
    people = analysis.coverage
    place, where = _place(people, analysis.region.cell_m, analysis.region.crs)
    order = cell_order(people)
    people = people.iloc[order]
    jurisdictions, stations = analysis.region.jurisdictions, analysis.stations
    columns: dict[str, NDArray[Any]] = {key: values[order] for key, values in place.items()}
    scale = 1000 if exact else 10
    columns["population"] = np.rint(people["population"].to_numpy() * scale).astype(np.int64)
    columns["jurisdiction"] = _position(people["jurisdiction"], jurisdictions.index)
    columns["status"] = place_status(people, hazard=False)
    edges = np.asarray(band_edges(analysis.standard.limit_s))
    alone, *others = levels(people.columns)
    columns |= {f"{level}_band": bands(people, level, edges) for level in (alone, *others)}
    own = _times(people, alone, stations.index)
    columns |= {f"{alone}_{key}": values for key, values in own.items()}
    for level in others:  # mostly zero: where the own brigade is first, all levels agree
        times = _times(people, level, stations.index)
        columns |= {f"{level}_{key}": values - own[key] for key, values in times.items()}
    names = partner_names(analysis)
    partners = pd.Index(list(names))
    data = {
        "table": pack(columns),
        "people_scale": scale,
        "jurisdictions": [*(shorten(name) for name in jurisdictions["name"]), ""],
        "jurisdiction_partners": [*partners.get_indexer(pd.Index(jurisdictions["partner"])).tolist(), -1],
        "stations": [shorten(name) for name in stations["name"]],
        "station_partners": partners.get_indexer(pd.Index(stations["partner"])).tolist(),
        **where,
    }
    return data, counted(people, edges, names, hazard=False)


def cell_order(people: gpd.GeoDataFrame) -> NDArray[np.intp]:
    """Order in which people are packed: along a curve, because neighbours are alike."""
    return np.argsort(people.geometry.hilbert_distance().to_numpy(), kind="stable")


def first_due(
    people: gpd.GeoDataFrame, level: str, stations: pd.Index, edges: NDArray[np.float64]
) -> dict[str, NDArray[np.int64]]:
    """Give the first due station (its position from 1, 0 if none), whole seconds and the response band."""
    return {
        "station": (stations.get_indexer(pd.Index(people[f"{level}_station"])) + 1).astype(np.int64),
        "s": whole_seconds(people[f"{level}_s"]),
        "band": bands(people, level, edges),
    }


def _position(values: pd.Series, index: pd.Index) -> NDArray[np.int64]:
    """Position of each value in `index`; its length for what is not in it."""
    at = index.get_indexer(pd.Index(values))
    return np.where(at < 0, len(index), at).astype(np.int64)


def _times(people: gpd.GeoDataFrame, level: str, stations: pd.Index) -> dict[str, NDArray[np.int64]]:
    """Whole seconds of one level; ``lead`` is what the clock shows beyond the drive: alike in many cells."""
    times = {key: whole_seconds(people[f"{level}_{key}_s"]) for key in _SEGMENTS}
    return {
        "station": (stations.get_indexer(pd.Index(people[f"{level}_station"])) + 1).astype(np.int64),
        "lead": whole_seconds(people[f"{level}_s"]) - times["drive"],
        "second": whole_seconds(people[f"{level}_second_s"]),
        **times,
    }


def _place(
    people: gpd.GeoDataFrame, cell_m: float | None, crs: CRS
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Where the people are: columns and rows of a grid, else points."""
    if cell_m is not None and "cell_x" in people.columns:
        corner = people[["cell_x", "cell_y"]].to_numpy(dtype=np.float64)
        origin = corner.min(axis=0)
        steps = (corner - origin) / cell_m
        cells = np.rint(steps).astype(np.int64)
        if np.abs(steps - cells).max(initial=0) < 0.01:
            shape = cells.max(axis=0) + 1
            size = (int(shape[0]), int(shape[1]))
            ways = grid_polynomials((float(origin[0]), float(origin[1])), cell_m, size, crs)
            width = 2 * ways["to_grid"]["scale"][0] / size[0]
            return {"col": cells[:, 0], "row": cells[:, 1]}, {"grid": {"shape": size, "width": width, **ways}}
    centres = people.geometry.representative_point()
    page = mercator(shapely.get_coordinates(centres), crs)
    low = page.min(axis=0)
    step = max(float((page.max(axis=0) - low).max()), 1e-9) / NONE
    at = np.rint((page - low) / step).astype(np.int64)
    return {"x": at[:, 0], "y": at[:, 1]}, {"points": {"origin": low.tolist(), "step": step}}
