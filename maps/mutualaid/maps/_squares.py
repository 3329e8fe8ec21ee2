"""People of a country summed up to squares and to parts: so many numbers that a page can hold, whatever the country."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from mutualaid.hazards import SEVERITIES, HazardLayer, exposure_class
from mutualaid.maps._counts import bands, levels, place_status, statuses
from mutualaid.maps._pack import grid_polynomials, pack
from mutualaid.maps._palette import band_edges

if TYPE_CHECKING:
    from mutualaid.scale import TiledRun

__all__ = ["SquareCounts"]

#: Sides of squares in metres, finest first.
_SIDES = tuple(step * 10**power for power in (2, 3, 4, 5) for step in (1, 2, 2.5, 5))
#: A square is at least so many cells wide, or it would be a cell.
_CELLS = 4
#: Most squares, where nothing but fair weather is shown; and what a scenario takes from that, as a share of it.
_MOST, _PER_SCENARIO = 24_000, 0.3
#: Places that are counted at a time.
_AT_ONCE = 200_000
#: In the pages people are told to a tenth.
_SCALE = 10
#: Classes of severity in `exposure_class`: 0…5, unknown, and outside every map.
_SEVERITIES = len(SEVERITIES) + 2


class SquareCounts:
    """People of a run by square and by part, in fair weather and under each scenario that is added.

    Parameters
    ----------
    run
        What is counted.
    pieces
        Positions of the places of each part, in the order of ``run.tiles``.
    most
        Most squares; by default so many that the map stays small.
    """

    def __init__(
        self, run: TiledRun, pieces: Sequence[NDArray[np.int64]], *, most: int | None = None
    ) -> None:
        self.run = run
        self.pieces = list(pieces)
        self.levels = levels(run.coverage.columns)
        self.edges = np.asarray(band_edges(run.standard.limit_s))
        at = shapely.get_coordinates(shapely.centroid(run.coverage.geometry.to_numpy()))
        room = most or math.ceil(_MOST / (1 + _PER_SCENARIO * len(run.scenarios)))
        self.side, self.corner, self.shape, self.square, self.cells = _laid(at, run.region.cell_m, room)
        self.part = np.zeros(len(at), dtype=np.int32)
        for position, rows in enumerate(self.pieces):
            self.part[rows] = position
        population = run.coverage["population"].to_numpy()
        self.people = np.bincount(self.square, weights=population, minlength=len(self.cells))
        self.home = self._mostly(pd.factorize(run.coverage["jurisdiction"]), population)
        self.nearest = _most(self.square, self.part.astype(np.int64), population, len(self.cells))
        self.counts: dict[str, dict[str, NDArray[np.float64]]] = {}
        self.parts: dict[str, NDArray[np.float64]] = {}
        self.severity: dict[str, NDArray[np.float64]] = {}
        self.add("", run.coverage, ())

    def _mostly(
        self, coded: tuple[NDArray[np.int64], pd.Index], population: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        """Position of the jurisdiction in which most people of each square live."""
        codes, found = coded
        positions = self.run.region.jurisdictions.index.get_indexer(found)
        return positions[_most(self.square, codes.astype(np.int64), population, len(self.cells))].astype(
            np.int64
        )

    def add(self, key: str, covered: gpd.GeoDataFrame, layers: Iterable[HazardLayer]) -> None:
        """Count a state: fair weather, whose key is empty, or a scenario.

        Parameters
        ----------
        key
            Id of the scenario.
        covered
            Coverage under it, in the order of the run's demand.
        layers
            Its hazard layers; severity is only counted where there are any.
        """
        hazard = key != ""
        width = {"status": len(statuses(covered.columns, hazard=hazard))}
        width |= {f"{level}_band": len(self.edges) + 3 for level in self.levels}
        tables = {name: np.zeros((len(self.cells), n)) for name, n in width.items()}
        parts = np.zeros((len(self.pieces), len(self.levels)))
        inside = np.zeros((len(self.cells), len(self.levels)))
        severity = np.zeros((len(self.cells), _SEVERITIES))
        asked = any(layer.scheme for layer in layers)
        for start in range(0, len(covered), _AT_ONCE):
            rows = slice(start, start + _AT_ONCE)
            some, square, people = (
                covered.iloc[rows],
                self.square[rows],
                covered["population"].to_numpy()[rows],
            )
            codes = {"status": place_status(some, hazard=hazard)}
            codes |= {f"{level}_band": bands(some, level, self.edges) for level in self.levels}
            for name, code in codes.items():
                _count(tables[name], square, code, people)
            if asked:
                _count(severity, square, exposure_class(some["severity"], some["severity_status"]), people)
            for column, level in enumerate(self.levels):
                reached = np.where(some[f"{level}_covered"].to_numpy(np.bool_), people, 0.0)
                parts[:, column] += np.bincount(self.part[rows], weights=reached, minlength=len(parts))
                inside[:, column] += np.bincount(square, weights=reached, minlength=len(inside))
        self.counts[key] = tables
        self.parts[key] = parts
        if not hazard:
            self.inside = inside
        if asked:
            self.severity[key] = severity

    def totals(self, key: str) -> dict[str, Any]:
        """People by status and response band, as `mutualaid.maps._counts.counted` has them, but not by who comes."""
        tables = self.counts[key]
        return {
            "status": tables["status"].sum(axis=0).tolist(),
            "bands": {level: tables[f"{level}_band"].sum(axis=0).tolist() for level in self.levels},
            "who": {},
        }

    def packed(self) -> dict[str, Any]:
        """Give the squares as a page takes them."""
        columns: dict[str, NDArray[Any]] = {
            "col": self.cells[:, 0],
            "row": self.cells[:, 1],
            "population": _tenths(self.people),
            "jurisdiction": _positions(self.home)[1],
            "part": self.nearest,
        }
        ways = grid_polynomials(self.corner, self.side, self.shape, self.run.region.crs)
        width = 2 * ways["to_grid"]["scale"][0] / self.shape[0]
        return {
            "table": pack(columns | self._columns("")),
            "people_scale": _SCALE,
            "grid": {"shape": self.shape, "width": width, **ways},
            "side_m": self.side,
            "states": {key: pack(self._columns(key)) for key in self.counts if key},
            "classes": {name: table.shape[1] for name, table in self.counts[""].items()},
            "scenario_classes": next(
                ({name: t.shape[1] for name, t in self.counts[key].items()} for key in self.counts if key), {}
            ),
        }

    def _columns(self, key: str) -> dict[str, NDArray[np.int64]]:
        tables = self.counts[key]
        return {
            f"{name}_{k}": _tenths(table[:, k])
            for name, table in tables.items()
            for k in range(table.shape[1])
        }

    def homes(self) -> list[int]:
        """Positions of the jurisdictions that squares are named after, in the order of their codes in the page."""
        return _positions(self.home)[0]

    def squares(self) -> gpd.GeoDataFrame:
        """Give the squares for a GIS: people, those in time at each level, and those whom only a joint team reaches."""
        found: dict[str, Any] = {"population": self.people.round(1)}
        found |= {f"{level}_covered": self.inside[:, k].round(1) for k, level in enumerate(self.levels)}
        found |= {
            f"{level}_gap": (self.people - self.inside[:, k]).round(1) for k, level in enumerate(self.levels)
        }
        low = np.asarray(self.corner) + self.cells * self.side
        boxes = shapely.box(low[:, 0], low[:, 1], low[:, 0] + self.side, low[:, 1] + self.side)
        index = pd.RangeIndex(len(self.cells), name="square")
        return gpd.GeoDataFrame(found, geometry=boxes, index=index, crs=self.run.region.crs)

    def tiles(self) -> gpd.GeoDataFrame:
        """Give the parts for a GIS: those of the run, with the people in time and in gaps at each level."""
        tiles, reached = self.run.tiles, self.parts[""]
        population = tiles["population"].to_numpy()
        told = {f"{level}_covered": reached[:, k].round(3) for k, level in enumerate(self.levels)}
        told |= {f"{level}_gap": (population - reached[:, k]).round(3) for k, level in enumerate(self.levels)}
        return tiles.assign(**told)


def _laid(
    at: NDArray[np.float64], cell_m: float | None, most: int
) -> tuple[float, tuple[float, float], tuple[int, int], NDArray[np.int64], NDArray[np.int64]]:
    """Lay squares over points: the finest of which there are not too many.

    Returns their side, the corner and the shape of their grid, the square of each point, and column and row of each.
    """
    least = _CELLS * (cell_m or 0.0)
    sides = [side for side in _SIDES if side >= least] or [_SIDES[-1]]
    for side in sides:
        low = np.floor(at.min(axis=0, initial=np.inf) / side) if len(at) else np.zeros(2)
        steps = (np.floor(at / side) - low).astype(np.int64)
        wide = int(steps[:, 0].max(initial=0)) + 1
        keys, square = np.unique(steps[:, 1] * wide + steps[:, 0], return_inverse=True)
        if len(keys) <= most:
            break
    cells = np.column_stack([keys % wide, keys // wide])
    shape = (wide, int(steps[:, 1].max(initial=0)) + 1)
    return float(side), (float(low[0] * side), float(low[1] * side)), shape, square.astype(np.int64), cells


def _count(
    table: NDArray[np.float64], row: NDArray[np.int64], code: NDArray[np.int64], people: NDArray[np.float64]
) -> None:
    """Add people to a table by row and class."""
    key = row * table.shape[1] + code
    table += np.bincount(key, weights=people, minlength=table.size).reshape(table.shape)


def _most(
    row: NDArray[np.int64], code: NDArray[np.int64], people: NDArray[np.float64], count: int
) -> NDArray[np.int64]:
    """Code that most people of each row have; the lower one of two that are equal."""
    width = int(code.max(initial=0)) + 1
    keys, at = np.unique(row * width + code, return_inverse=True)
    sums = np.bincount(at, weights=people, minlength=len(keys))
    order = np.lexsort((keys, -sums, keys // width))
    rows, first = np.unique((keys // width)[order], return_index=True)
    found = np.zeros(count, dtype=np.int64)
    found[rows] = (keys % width)[order][first]
    return found


def _positions(values: NDArray[np.int64]) -> tuple[list[int], NDArray[np.int64]]:
    """Give the distinct values, and the position of each value among them."""
    found, at = np.unique(values, return_inverse=True)
    return found.tolist(), at.astype(np.int64)


def _tenths(people: NDArray[Any]) -> NDArray[np.int64]:
    return np.asarray(np.rint(people * _SCALE), dtype=np.int64)
