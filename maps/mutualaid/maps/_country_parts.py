"""The parts of a country, each a page of its own: every place of a tile, as the map of a region shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import folium
import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from mutualaid.coverage import ScenarioResult, hazard_numbers, scenario_numbers, summarise
from mutualaid.maps._counts import LEVELS
from mutualaid.maps._escape import esc, shorten
from mutualaid.maps._ground import DRAWN_ROADS
from mutualaid.maps._languages import LANGUAGES
from mutualaid.maps._layers import Stage
from mutualaid.maps._map import coverage_map
from mutualaid.maps._messages import listed, message

if TYPE_CHECKING:
    from mutualaid.coverage import Analysis
    from mutualaid.network import Network
    from mutualaid.scale import TiledRun

__all__ = ["PartPages", "Shown", "no_isochrones", "part_file", "part_names", "touched_roads"]

#: Municipalities that a part is named after.
_TOWNS = 2
#: A page shows roads so far beyond its places, as a share of its part's longer side.
_MARGIN = 0.12
#: Columns in which a gap tells of jurisdictions and partners.
_TOLD = ("jurisdictions", "closed_by")
#: Columns in which stations of a place stand.
_STATIONS = tuple(f"{level}_station" for level in LEVELS)


def part_file(tile: int) -> str:
    """Address of the page of a part, seen from the overview.

    >>> part_file(3)
    'map/tile-3.html'
    """
    return f"map/tile-{tile}.html"


def part_names(run: TiledRun) -> dict[int, list[str]]:
    """Name each part after the municipalities in which most of its people live.

    Parameters
    ----------
    run
        What is drawn.

    Returns
    -------
    dict
        One or two names by tile.
    """
    people = run.coverage["population"].to_numpy()
    codes, found = pd.factorize(run.coverage["jurisdiction"])
    names = run.region.jurisdictions["name"].to_dict()
    pairs = pd.DataFrame({"tile": run.tile, "place": codes, "people": people})
    most = pairs.groupby(["tile", "place"])["people"].sum().reset_index()
    most = most.sort_values(["tile", "people", "place"], ascending=[True, False, True], kind="stable")
    most = most.groupby("tile").head(_TOWNS)
    told: dict[int, list[str]] = {}
    for tile, code in zip(most["tile"], most["place"], strict=True):
        key = found[code]
        told.setdefault(int(tile), []).append(str(names.get(key, key)))
    return told


def touched_roads(result: ScenarioResult) -> ScenarioResult:
    """Keep of a result what pages of parts need besides its places: those roads that the hazard does something to."""
    roads = result.roads
    touched = roads["closed"] | (roads["factor"] < 1) | (roads["affected_m"] > 0) | (roads["unknown_m"] > 0)
    return replace(
        result, roads=roads[touched], coverage=result.coverage.iloc[:0], draws=result.draws.iloc[:0]
    )


@dataclass(frozen=True, eq=False)
class _Roads:
    """Roads of a part, as its page draws them."""

    whole: Network
    rows: NDArray[np.int64]
    roads: pd.DataFrame
    crossings: gpd.GeoDataFrame
    crs: Any

    def lines(self, roads: NDArray[np.integer]) -> NDArray[np.object_]:
        """LineStrings of roads of the part."""
        return self.whole.lines(self.rows[np.asarray(roads)])


@dataclass(frozen=True, eq=False)
class Shown:
    """What a page reads of an analysis."""

    region: Any
    network: Any
    standard: Any
    local_standards: Any
    stations: gpd.GeoDataFrame
    agreements: Any
    day: Any
    notes: Any
    coverage: gpd.GeoDataFrame
    gaps: gpd.GeoDataFrame
    isochrones: gpd.GeoDataFrame
    layers: Any
    seams: gpd.GeoDataFrame
    scenarios: tuple[ScenarioResult, ...]
    not_computed: Any
    summary: dict[str, Any]
    lands: gpd.GeoDataFrame


class PartPages:
    """Draws the parts of a run one by one; what all of them need is put in order once.

    Parameters
    ----------
    run
        What is drawn.
    scenarios
        Its results as `touched_roads` leaves them.
    places
        Gives the coverage of some rows under a scenario: ``places(id, tile)``, in the order of the rows of the tile,
        with the geometry.
    """

    def __init__(
        self,
        run: TiledRun,
        scenarios: Mapping[str, ScenarioResult],
        places: Callable[[str, int], gpd.GeoDataFrame],
    ) -> None:
        self.run = run
        self.scenarios = scenarios
        self.places = places
        self.names = part_names(run)
        self._order = np.argsort(run.tile, kind="stable")
        self._starts = np.searchsorted(run.tile[self._order], [*run.tiles.index, np.iinfo(np.int64).max])
        self._drawn = _Buckets(run, scenarios.values())

    def rows(self, tile: int) -> NDArray[np.int64]:
        """Positions of the places of a part, ascending."""
        at = int(self.run.tiles.index.get_indexer(pd.Index([tile]))[0])
        return self._order[self._starts[at] : self._starts[at + 1]].astype(np.int64)

    def page(self, tile: int, languages: Sequence[str] = tuple(LANGUAGES)) -> folium.Map:
        """Draw one part.

        Parameters
        ----------
        tile
            One of ``run.tiles``.
        languages
            As of `mutualaid.maps.coverage_map`.
        """
        part = self._part(tile)
        page = coverage_map(cast("Analysis", part), languages=languages)
        figure: Any = page.get_root()
        figure.title = esc(shorten(f"{self.run.region.name}: {', '.join(self.names[tile])}"))
        for child in page._children.values():  # noqa: SLF001
            if isinstance(child, Stage):
                child.options["part"] = {
                    "name": message("as_is", what=listed(self.names[tile])),
                    "overview": "../map.html",
                }
        return page

    def _part(self, tile: int) -> Shown:
        run, region = self.run, self.run.region
        rows = self.rows(tile)
        covered = run.coverage.iloc[rows]
        under = {key: self.places(key, tile) for key in self.scenarios}
        box = _widened(run.tiles.geometry.loc[tile])
        roads = self._drawn.within(box)
        stations = run.stations[_in_sight(run, [covered, *under.values()], box)]
        gaps = run.gaps[_touching(run.gaps, box)]
        here = region.jurisdictions.index.isin(covered["jurisdiction"].unique())
        told = [
            stations["jurisdiction"],
            stations["partner"],
            *(gaps[key].str.split(";").explode() for key in _TOLD),
        ]
        shown = here | region.jurisdictions.index.isin(pd.concat(told).unique())
        region = replace(
            region,
            jurisdictions=region.jurisdictions[shown],
            ground=region.ground[_touching(region.ground, box)],
            hospitals=region.hospitals.iloc[:0],
        )
        scenarios = tuple(self._scenario(key, under[key], stations, roads) for key in self.scenarios)
        seams = run.seams[_touching(run.seams, box)]
        hazards = None
        if "hazards" in run.summary:
            numbers = {one.scenario.id: scenario_numbers(one) for one in scenarios}
            found = hazard_numbers(run.layers.layers, seams, numbers, (), run.not_computed)
            hazards = found | {"crosswalk": run.summary["hazards"]["crosswalk"]}
        own = replace(region, jurisdictions=run.region.jurisdictions[here])
        summary = summarise(
            own, run.standard, run.local_standards, run.stations, covered, covered, gaps, hazards=hazards
        )
        return Shown(
            region=region,
            network=roads,
            standard=run.standard,
            local_standards={key: run.local_standards[key] for key in own.jurisdictions.index},
            stations=stations,
            agreements=run.agreements,
            day=run.day,
            notes=run.notes,
            coverage=covered,
            gaps=gaps,
            isochrones=no_isochrones(run),
            layers=run.layers,
            seams=seams,
            scenarios=scenarios,
            not_computed=run.not_computed,
            summary=summary,
            lands=run.region.jurisdictions,
        )

    def _scenario(
        self, key: str, covered: gpd.GeoDataFrame, stations: gpd.GeoDataFrame, roads: _Roads
    ) -> ScenarioResult:
        """Give a result of the places, stations and roads of a part."""
        kept = self.scenarios[key]
        untouched = pd.DataFrame(
            {
                column: np.zeros(len(roads.rows), dtype=kept.roads[column].to_numpy().dtype)
                for column in ("closed", "factor", "affected_m", "closed_m", "unknown_m", "closed_by_name")
            }
        )
        untouched["factor"] = 1.0
        at = kept.roads.index.get_indexer(pd.Index(roads.rows))
        for column in untouched.columns:
            values = untouched[column].to_numpy().copy()
            values[at >= 0] = kept.roads[column].to_numpy()[at[at >= 0]]
            untouched[column] = values
        # What is closed by chance was drawn for the whole run: no part of it has numbers of its own.
        certain = covered.drop(
            columns=[name for name in covered if str(name).endswith(("_probability", "_error"))]
        )
        return replace(kept, coverage=certain, stations=kept.stations.loc[stations.index], roads=untouched)


def no_isochrones(run: TiledRun) -> gpd.GeoDataFrame:
    columns: dict[str, list[Any]] = {"station": [], "level": [], "from_min": [], "to_min": []}
    return gpd.GeoDataFrame(columns, geometry=[], crs=run.region.crs)


def _widened(box: shapely.Geometry) -> tuple[float, float, float, float]:
    """Bounds of what a page shows around its places."""
    left, bottom, right, top = shapely.bounds(box).tolist()
    by = _MARGIN * max(right - left, top - bottom, 1_000.0)
    return left - by, bottom - by, right + by, top + by


def _touching(frame: gpd.GeoDataFrame, box: tuple[float, float, float, float]) -> NDArray[np.bool_]:
    found = np.zeros(len(frame), dtype=np.bool_)
    found[frame.sindex.query(shapely.box(*box), predicate="intersects")] = True
    return found


def _in_sight(
    run: TiledRun, tables: Sequence[pd.DataFrame], box: tuple[float, float, float, float]
) -> NDArray[np.bool_]:
    """Which stations a page shows: those in its box, and those that are first due somewhere in it."""
    due = [table[column].dropna().unique() for table in tables for column in _STATIONS if column in table]
    at = shapely.get_coordinates(run.stations.geometry.to_numpy())
    left, bottom, right, top = box
    inside = (at[:, 0] >= left) & (at[:, 0] <= right) & (at[:, 1] >= bottom) & (at[:, 1] <= top)
    known = run.stations.index.isin(np.concatenate(due)) if due else np.zeros(len(at), dtype=np.bool_)
    return np.asarray(inside | known, dtype=np.bool_)


class _Buckets:
    """Roads that are drawn, by squares of the ground: a part finds its own without a look at all others."""

    def __init__(self, run: TiledRun, scenarios: Iterable[ScenarioResult]) -> None:
        network = run.network
        roads = network.roads
        classes = roads["class"].astype("category")
        wanted = np.isin(
            classes.cat.codes.to_numpy(), np.flatnonzero(classes.cat.categories.isin(DRAWN_ROADS))
        )
        for result in scenarios:  # of any class
            wanted[result.roads.index.to_numpy()] = True
        self.network = network
        self.rows = np.flatnonzero(wanted)
        start = roads["a"].to_numpy()[self.rows]
        self.x, self.y = network.x[start], network.y[start]
        sides = np.sqrt(np.maximum(run.tiles.geometry.area.to_numpy(), 1e6))
        self.side = float(np.median(sides)) / 4
        self.low = (float(self.x.min(initial=0.0)), float(self.y.min(initial=0.0)))
        self.across = 1 + int((self.x.max(initial=self.low[0]) - self.low[0]) // self.side)
        key = ((self.y - self.low[1]) // self.side).astype(np.int64) * self.across
        key += ((self.x - self.low[0]) // self.side).astype(np.int64)
        order = np.argsort(key, kind="stable")
        self.rows, self.key = self.rows[order], key[order]
        self.x, self.y = self.x[order], self.y[order]

    def within(self, box: tuple[float, float, float, float]) -> _Roads:
        """Roads that begin in a box."""
        left, bottom, right, top = box
        first = max(int((left - self.low[0]) // self.side), 0)
        last = min(int((right - self.low[0]) // self.side), self.across - 1)
        lines = np.arange(
            max(int((bottom - self.low[1]) // self.side), 0), int((top - self.low[1]) // self.side) + 1
        )
        from_, to = (np.searchsorted(self.key, lines * self.across + at) for at in (first, last + 1))
        found = [np.arange(a, b) for a, b in zip(from_, to, strict=True) if b > a and last >= first]
        near = np.concatenate(found) if found else np.zeros(0, dtype=np.int64)
        x, y = self.x[near], self.y[near]
        near = near[(x >= left) & (x <= right) & (y >= bottom) & (y <= top)]
        rows = np.sort(self.rows[near]).astype(np.int64)
        network = self.network
        crossings = network.crossings
        return _Roads(
            whole=network,
            rows=rows,
            roads=network.roads.iloc[rows].reset_index(drop=True),
            crossings=crossings[_touching(crossings, box)],
            crs=network.crs,
        )
