"""Pictures on a grid: neighbours' layers of one hazard side by side, and a whole scenario of several hazards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.features import shapes

from mutualaid.data import HazardScenario
from mutualaid.errors import Defect, HazardError
from mutualaid.hazards._grid import Areas, Block, Grid, Places, grid_over, on_grid
from mutualaid.hazards._model import SEVERITIES, HazardLayer
from mutualaid.hazards._providers import (
    OUTSIDE,
    UNKNOWN,
    named_layers,
    own_layers,
    put_before,
    severity_of_rank,
    unique_layers,
    what,
)

__all__ = ["Picture", "ScenarioPicture", "one_picture", "picture_polygons", "scenario_picture"]

#: Cells worked on at a time: what keeps the memory small however large the picture is.
_BLOCK_CELLS = 500_000


@dataclass(frozen=True, eq=False)
class Picture:
    """One hazard in one state, on one grid, whoever provided it.

    Attributes
    ----------
    severity
        (rows, columns) int8, 0…5; -1 where nobody knows.
    provider
        (rows, columns) int16: position in `layers` of the layer that decided; -1 where nobody knows.
    transform
        (column, row) to coordinates in `crs`, north up.
    crs
        Projected CRS in metres.
    layers
        The layers joined, in the order in which they were given.
    """

    severity: NDArray[np.int8]
    provider: NDArray[np.int16]
    transform: Affine
    crs: CRS
    layers: tuple[HazardLayer, ...]


@dataclass(frozen=True, eq=False)
class ScenarioPicture:
    """A whole scenario on one grid.

    Attributes
    ----------
    severity
        (rows, columns) int8, 0…5; -1 where it is unknown, -2 where nobody looked: outside the bounds of every layer.
    hazard
        (rows, columns) int8: position in `hazards` of the hazard that decides, the first of equals; -1 where the
        severity is unknown.
    hazards
        Hazards of the scenario, in the order of its layers.
    transform
        (column, row) to coordinates in `crs`, north up.
    crs
        Projected CRS with axes in metres.
    """

    severity: NDArray[np.int8]
    hazard: NDArray[np.int8]
    hazards: tuple[str, ...]
    transform: Affine
    crs: CRS


def one_picture(
    layers: Iterable[HazardLayer],
    *,
    bounds: tuple[float, float, float, float],
    crs: CRS | str,
    cell_m: float,
    jurisdictions: gpd.GeoDataFrame | None = None,
) -> Picture:
    """Join neighbours' layers of one hazard into one picture.

    The layers show the same event, or the same return period; others refuse to be joined. Each cell has what
    its centre has, by this rule:

    1. where a layer of the jurisdiction that the centre lies in knows, the worst of these;
    2. elsewhere the worst of all layers that know.

    Severities are never added up: overlapping layers, or a layer given twice, change nothing. A centre on the border
    of two jurisdictions belongs to the last of them.

    Parameters
    ----------
    layers
        Layers of one hazard and one event or return period, with ids that differ. A layer of velocity without
        a scheme goes with the depth of the same provider.
    bounds
        (left, bottom, right, top) in `crs`. The grid begins at the upper left corner; the last column and row
        reach beyond the bounds if these are no multiple of the cell.
    crs
        Projected CRS in metres.
    cell_m
        Width of the cells, in metres.
    jurisdictions
        Polygons in any CRS, indexed by id, with ``country`` and ``partner`` if layers are provided by these.
        Without them only the second rule holds.

    Returns
    -------
    Picture

    Raises
    ------
    HazardError
        Layers that do not belong together (all of them are listed), no layer, no metre grid.

    Examples
    --------
    >>> from mutualaid.hazards import one_picture, picture_polygons
    >>> picture = one_picture([french, italian], bounds=(400000, 4850000, 420000, 4865000),
    ...                       crs="EPSG:32632", cell_m=25, jurisdictions=lands)  # doctest: +SKIP
    >>> picture_polygons(picture).to_file("flood_100.gpkg")  # doctest: +SKIP
    """
    chosen, velocity = unique_layers(layers)
    grid = grid_over(bounds, crs, cell_m)
    _check_together(chosen)
    severity = np.empty(grid.shape, dtype=np.int8)
    provider = np.empty(grid.shape, dtype=np.int16)
    with ExitStack() as stack:
        asked = _Asked(chosen, velocity, jurisdictions, grid, stack)
        for block in grid.blocks(_BLOCK_CELLS):
            found, provider[block.window] = asked.among(block, range(len(chosen)))
            severity[block.window] = np.maximum(found, UNKNOWN)
    return Picture(severity, provider, grid.transform, grid.crs, chosen)


def scenario_picture(
    layers: Iterable[HazardLayer],
    scenario: HazardScenario,
    *,
    bounds: tuple[float, float, float, float],
    crs: CRS | str,
    cell_m: float,
    jurisdictions: gpd.GeoDataFrame | None = None,
) -> ScenarioPicture:
    """Show how severe a scenario is everywhere, and which hazard decides.

    Each cell has what `scenario_severity` says at its centre. Of several layers of one hazard those of the
    jurisdiction that the centre lies in count where they know, else the worst of all that know. Of several
    hazards the worst counts. A cell is in no hazard (0) only if every hazard of the scenario is known to be absent
    there; where one is unknown and the others are absent it is unknown.

    Parameters
    ----------
    layers
        Hazard layers; those that the scenario does not name are ignored, but for a layer of velocity without a
        scheme that the scheme of a depth needs.
    scenario
        The scenario.
    bounds
        (left, bottom, right, top) in `crs`. The grid begins at the upper left corner; the last column and row
        reach beyond the bounds if these are no multiple of the cell.
    crs
        Projected CRS with axes in metres. EPSG:3857 will do, for images in a web map.
    cell_m
        Width of the cells in metres of the CRS; in EPSG:3857 these are shorter on the ground, by the cosine of the
        latitude.
    jurisdictions
        Polygons in any CRS, indexed by id, with ``country`` and ``partner`` if layers are provided by these. A
        centre on a border belongs to the last of those that meet there. Without them no layer goes before another.

    Returns
    -------
    ScenarioPicture

    Raises
    ------
    HazardError
        The scenario names layers that are not there, or combines hazards otherwise than by the worst; no metre
        grid.

    Examples
    --------
    >>> from mutualaid.hazards import scenario_picture
    >>> picture = scenario_picture(
    ...     layers, storm, bounds=(801000, 5400000, 812000, 5408000), crs="EPSG:3857",
    ...     cell_m=20, jurisdictions=lands)  # doctest: +SKIP
    """
    where = f"scenario {scenario.id}"
    if scenario.combine != "worst":
        remedy = "write worst"
        raise HazardError([Defect("", f"{where}, combine", "worst", repr(scenario.combine), remedy)])
    chosen, velocity = named_layers(layers, scenario.layers, where)
    grid = grid_over(bounds, crs, cell_m)
    hazards = tuple(dict.fromkeys(layer.hazard for layer in chosen))
    groups = [[n for n, layer in enumerate(chosen) if layer.hazard == hazard] for hazard in hazards]
    severity = np.empty(grid.shape, dtype=np.int8)
    deciding = np.empty(grid.shape, dtype=np.int8)
    with ExitStack() as stack:
        asked = _Asked(chosen, velocity, jurisdictions, grid, stack)
        for block in grid.blocks(_BLOCK_CELLS):
            found = (asked.among(block, group)[0] for group in groups)
            severity[block.window], deciding[block.window] = _worst_hazard(found, block.shape)
    return ScenarioPicture(severity, deciding, hazards, grid.transform, grid.crs)


def _worst_hazard(
    by_hazard: Iterable[NDArray[np.int8]], shape: tuple[int, int]
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    severity, deciding = np.full(shape, np.int8(OUTSIDE)), np.full(shape, np.int8(UNKNOWN))
    unknown = np.zeros(shape, dtype=bool)
    for position, found in enumerate(by_hazard):
        put_before(severity, deciding, position, found)
        unknown |= found < 0
    open_ = unknown & (severity == 0)
    severity[open_] = UNKNOWN
    deciding[open_] = UNKNOWN
    return severity, deciding


class _Asked:
    """Layers on a grid that are asked block by block, each place's own providers first."""

    def __init__(
        self,
        layers: Sequence[HazardLayer],
        velocity: Mapping[str, HazardLayer],
        jurisdictions: gpd.GeoDataFrame | None,
        grid: Grid,
        stack: ExitStack,
    ) -> None:
        places = Places(grid)
        self.own = np.zeros((len(layers), 1), dtype=bool)
        self.lands: Areas | None = None
        if jurisdictions is not None:
            lands = jurisdictions.to_crs(grid.crs)
            self.own = _own_by_land(lands, layers)
            if self.own.any():
                # Where lands overlap, or a centre is on their border, the last one counts.
                rank = np.arange(len(lands), dtype=np.float64)
                self.lands = Areas(lands.geometry.to_numpy(), grid.crs, rank, places)
        self.layers = [on_grid(layer, velocity, places, stack) for layer in layers]
        self._kept: tuple[Block, NDArray[np.int16]] | None = None

    def among(self, block: Block, positions: Iterable[int]) -> tuple[NDArray[np.int8], NDArray[np.int16]]:
        """Severity, `UNKNOWN` or `OUTSIDE` of each cell, and which of these layers decides."""
        rank, layer = np.full(block.shape, np.int8(OUTSIDE)), np.full(block.shape, np.int16(UNKNOWN))
        for position in positions:
            mine = self.own[position]
            own = mine[self._land(block)] if mine.any() else None
            put_before(rank, layer, position, self.layers[position].codes(block), own)
        return severity_of_rank(rank), layer

    def _land(self, block: Block) -> NDArray[np.int16]:
        """Position of the jurisdiction that each centre lies in; that of the last column of `own` for none."""
        assert self.lands is not None
        if self._kept is None or self._kept[0] is not block:
            self._kept = block, self.lands.read(block, np.arange(self.own.shape[1], dtype=np.int16))
        return self._kept[1]


def picture_polygons(picture: Picture | ScenarioPicture) -> gpd.GeoDataFrame:
    """Turn a picture into polygons along its cells, for a GIS.

    Parameters
    ----------
    picture
        What `one_picture` or `scenario_picture` gave.

    Returns
    -------
    GeoDataFrame
        Worst first: ``severity`` (Int8), ``class`` (its name), then of a `Picture` ``layer``, ``jurisdiction`` and
        ``source``, one row for each severity and layer, and of a `ScenarioPicture` ``hazard``, one row for each
        severity and hazard; ``area_m2``, MultiPolygon. Unknown cells are in none; known absence is severity 0. The
        areas sum to that of the known cells.

    Examples
    --------
    >>> from mutualaid.hazards import picture_polygons
    >>> picture_polygons(picture).to_file("severity.gpkg")  # doctest: +SKIP
    """
    if isinstance(picture, Picture):
        by = {
            "layer": [layer.id for layer in picture.layers],
            "jurisdiction": [layer.jurisdiction for layer in picture.layers],
            "source": [layer.source for layer in picture.layers],
        }
        return _polygons(picture.severity, picture.provider, picture.transform, picture.crs, by)
    by = {"hazard": list(picture.hazards)}
    return _polygons(picture.severity, picture.hazard, picture.transform, picture.crs, by)


def _polygons(
    severity: NDArray[np.int8],
    decides: NDArray[np.int8] | NDArray[np.int16],
    transform: Affine,
    crs: CRS,
    by: Mapping[str, list[str]],
) -> gpd.GeoDataFrame:
    """Polygons of each severity and of what decides it, a position in the lists of `by`."""
    many = len(next(iter(by.values())))
    code = severity * np.int16(many) + decides
    parts: dict[int, list[shapely.Polygon]] = {}
    for shape, value in shapes(code, severity >= 0, connectivity=4, transform=transform):
        # Cells that touch in a corner only are parts of their own, so together they are a valid MultiPolygon.
        ring, *holes = shape["coordinates"]
        parts.setdefault(int(value), []).append(shapely.Polygon(ring, holes))
    found = sorted(parts, key=lambda one: (-(one // many), one))
    ranks = [one // many for one in found]
    geometry = [shapely.MultiPolygon(parts[one]) for one in found]
    columns = {name: [values[one % many] for one in found] for name, values in by.items()}
    table = pd.DataFrame(
        {
            "severity": pd.array(ranks, dtype="Int8"),
            "class": [SEVERITIES[one] for one in ranks],
            **columns,
            "area_m2": shapely.area(np.array(geometry, dtype=object)),
        }
    )
    return gpd.GeoDataFrame(table, geometry=geometry, crs=crs)


def _check_together(layers: Sequence[HazardLayer]) -> None:
    if not layers:
        raise HazardError([Defect("", "layers", "at least one hazard layer", "none", "name a layer")])
    states = {layer.id: what(layer) for layer in layers}
    if len(set(states.values())) > 1:
        expected = "layers of one hazard and one event or return period"
        remedy = "make one picture for each"
        raise HazardError(
            Defect(layer.file.name, f"hazard layer {layer.id}", expected, states[layer.id], remedy)
            for layer in layers
        )


def _own_by_land(lands: gpd.GeoDataFrame | None, layers: Sequence[HazardLayer]) -> NDArray[np.bool_]:
    """Whether each layer is each jurisdiction's own: (layers, jurisdictions + 1), the last for no jurisdiction."""
    own = np.zeros((len(layers), (0 if lands is None else len(lands)) + 1), dtype=bool)
    if lands is not None:
        for number, positions in enumerate(own_layers(lands, layers).values()):
            own[list(positions), number] = True
    return own
