"""A region computed in tiles: on one machine or many, stopped and gone on with, always the same numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from mutualaid.coverage import (
    Analysis,
    FairRun,
    HazardComputed,
    Hazards,
    Ready,
    ReadyHazard,
    ScenarioResult,
    analysis_from,
    finish,
    hazards_of,
    join_computed,
    join_hazard_computed,
    lean_hazard,
    lean_ready,
    prepare,
    ready_hazard,
    run_gaps,
    run_isochrones,
    run_numbers,
    scenario_result,
)
from mutualaid.data import HazardScenario, Parameters, Region, agreement_notes
from mutualaid.errors import Defect, ScaleError
from mutualaid.hazards import Layers, read_layers
from mutualaid.network import Network
from mutualaid.scale._kept import KeptResults
from mutualaid.scale._model import TiledRun
from mutualaid.scale._spread import Spread, in_turn
from mutualaid.scale._store import Work, fingerprint, open_work
from mutualaid.scale._task import Base, fair_tile, hazard_tile, work
from mutualaid.scale._tiles import tile_rows
from mutualaid.threads import Later, beside, processors

__all__ = ["analysis_of", "tiled"]


def tiled(
    region: Region,
    folder: str | Path,
    *,
    network: Network | None = None,
    parameters: Parameters | None = None,
    places: int = 20_000,
    keep_pairs: bool = False,
    resume: bool = False,
    spread: Spread = in_turn,
    threads: int | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> TiledRun:
    """Compute who reaches whom as `mutualaid.coverage.analyse` does, tile by tile, in bounded memory.

    Demand is cut into tiles. Of each the same is computed as of a whole region, on those roads alone from which some
    place of the tile can be reached within the cutoff: so the joined numbers are those of a run in one piece, to the
    bit, whatever the tiles and whoever computes them. The result of each tile is kept in `folder` as soon as it is
    there; a run that was stopped goes on from them.

    Parameters
    ----------
    region
        As `mutualaid.data.read_region` returns it.
    folder
        Where the results of tiles are kept: new, empty, or of an unfinished run. It belongs to the run that is
        returned; remove it when that is no longer used.
    network
        Its roads, cut at its jurisdictions; read from ``region.network_files`` if not given.
    parameters
        To use instead of those of the region.
    places
        Most places in a tile. Small tiles need less memory and compute more roads twice.
    keep_pairs
        Keep the response times of all pairs too, for `analysis_of`.
    resume
        Go on from the tiles in `folder`, if they were computed from the same.
    spread
        Who works through the tiles: `in_turn`, or what `dask_workers` gives.
    threads
        Threads of each task; all processors by default, which is for `in_turn`.
    progress
        Called with a step in words and the share of the work that is done before it, 0…1.

    Returns
    -------
    TiledRun

    Raises
    ------
    RegionError, StandardError, NetworkError, AgreementError
        As of `mutualaid.coverage.analyse`.
    ScaleError
        There is nothing to go on from, or it was computed from something else; the disk is full; workers fail.

    Examples
    --------
    >>> import tempfile
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.scale import tiled
    >>> region = read_region(demo_path())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = tiled(region, folder, places=500)
    >>> run.summary == analyse(region).summary
    True
    """
    if parameters is not None:
        region = replace(region, parameters=parameters)
    tell = progress or _silent
    ready = prepare(region, network=network, tell=lambda step, share: tell(step, 0.4 * share))
    rows = tile_rows(ready.demand, places=places)
    base = Base(lean_ready(ready), rows, keep_pairs, threads)
    sums = _sums(base)
    store = open_work(Path(folder), sums, resume=resume)
    fair = fingerprint(sums)
    steps = _Steps(tell, len(rows), 1 + len(region.scenarios))
    layers, results = read_layers(region), KeptResults(store, ready.demand)

    # While tiles are computed, what concerns the whole region is done beside: the tables of fair weather, then its
    # gaps; what asks the polygons of hazards, one thing after the other, for they serve one thread at a time; results.
    with beside() as of_fair, beside() as of_hazards, beside() as of_results:
        ahead = _Ahead(ready, fair, region.scenarios, layers, of_hazards)
        facts = steps.through(spread, store, fair, (base,))
        fair_run = of_fair(_joined, ready, store, fair, rows)
        lands = _copied(region.jurisdictions)
        outlines = of_fair(lambda: run_gaps(replace(region, jurisdictions=lands), fair_run()))
        ahead.fair_run = fair_run

        def result_of(scenario: HazardScenario, _: Layers) -> Callable[[], ScenarioResult]:
            one, told = ahead.take(scenario)
            facts.extend(steps.through(spread, store, one.known_by, (base, one.slim), what=scenario.name))
            ahead.begin_after_next(scenario)

            def result() -> ScenarioResult:
                told()
                return scenario_result(fair_run().fair, one.hazard, _joined_hazard(store, one.known_by, rows))

            return result

        hazards = hazards_of(
            region, result_of, layers=layers, results=results,
            later=of_results if processors() > 1 else None,
        )  # fmt: skip
        tell("Outlining the gaps", 0.92)
        run, found = fair_run(), outlines()
    summary = run_numbers(region, run, hazards, found)
    return TiledRun(
        region=region,
        network=run.fair.graph.network,
        standard=run.fair.standard,
        local_standards=run.fair.local_standards,
        stations=run.fair.stations,
        demand=run.fair.demand,
        agreements=run.fair.agreements,
        day=region.parameters.day,
        notes=tuple(agreement_notes(region.agreements, region.parameters.service, region.parameters.day)),
        coverage=run.fair.coverage,
        coverage_local=run.coverage_local,
        gaps=found,
        layers=hazards.layers,
        seams=hazards.seams,
        scenarios=results,
        risks=hazards.risks,
        not_computed=hazards.not_computed,
        summary=summary,
        tiles=_tile_table(run.fair.demand, rows, facts),
        tile=_numbers(rows, len(run.fair.demand)),
        fair_run=run,
        folder=store.folder,
    )


def analysis_of(run: TiledRun, *, progress: Callable[[str, float], None] | None = None) -> Analysis:
    """Make an analysis of a run in tiles that kept the times of all pairs: for maps, measures and plans that need them.

    Parameters
    ----------
    run
        As `tiled` returns it, with ``keep_pairs=True``.
    progress
        Called with a step in words and the share of the work that is done before it, 0…1.

    Returns
    -------
    Analysis
        All that `mutualaid.coverage.analyse` gives, in memory.

    Raises
    ------
    ScaleError
        The times of pairs were not kept.

    Examples
    --------
    >>> from mutualaid.scale import analysis_of, tiled
    >>> result = analysis_of(tiled(region, "work", keep_pairs=True))  # doctest: +SKIP
    """
    if run.fair_run.times is None:
        remedy = "call tiled with keep_pairs=True"
        raise ScaleError([Defect("", "run in tiles", "the times of all pairs", "a run without them", remedy)])
    (progress or _silent)("Drawing isochrones", 0.0)
    numbers = run.summary.get("hazards", {}).get("scenarios", {})
    hazards = Hazards(run.layers, run.seams, run.scenarios, numbers, run.risks, run.not_computed)
    return analysis_from(
        run.region,
        run.fair_run,
        hazards,
        gaps=run.gaps,
        summary=run.summary,
        isochrones=run_isochrones(run.region, run.fair_run),
    )


def _silent(step: str, share: float) -> None:
    """Tell nobody."""


# --- tasks ---------------------------------------------------------------------------------------------------


@dataclass
class _Steps:
    """Works through the tiles of one state after the other, and tells how far it is."""

    tell: Callable[[str, float], None]
    tiles: int
    states: int
    done: int = 0

    def through(
        self, spread: Spread, store: Work, known_by: str, parts: tuple[Any, ...], what: str = "Driving"
    ) -> list[tuple[int, dict[str, Any]]]:
        """Compute the tiles of a state that are not there yet, and keep each; give the facts about all."""
        missing = [tile for tile in range(self.tiles) if not store.file(known_by, tile).exists()]
        there = self.tiles - len(missing)
        self._say(what, there)
        for position, data in spread(parts, work, missing):
            store.keep(store.file(known_by, missing[position]), data)
            there += 1
            self._say(what, there)
        self.done += 1
        return [(tile, store.read(store.file(known_by, tile), only=())[2]) for tile in range(self.tiles)]

    def _say(self, what: str, there: int) -> None:
        share = (self.done + there / max(self.tiles, 1)) / self.states
        self.tell(f"{what}: tile {there} of {self.tiles}", 0.4 + 0.5 * share)


@dataclass(frozen=True, eq=False)
class _Next:
    """A scenario made ready, what of it travels to workers, and what its results are known by."""

    hazard: ReadyHazard
    slim: ReadyHazard
    known_by: str


@dataclass(eq=False)
class _Ahead:
    """Makes scenarios ready while the tiles of the states before are computed."""

    ready: Ready
    known_by: str  # fair weather
    scenarios: Sequence[HazardScenario]
    layers: Layers
    later: Later
    fair_run: Callable[[], FairRun] | None = None  # as soon as it is on its way
    begun: dict[int, Callable[[], _Next]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        now = self.ready.today
        self.asks_fair = now is not None and now.asks_area
        self.place = {one.id: number for number, one in enumerate(self.scenarios)}
        if not self.asks_fair:
            self._begin(0)

    def take(self, scenario: HazardScenario) -> tuple[_Next, Callable[[], object]]:
        """Give a scenario, and what waits for all that is told of it; have the next one made ready."""
        number = self.place[scenario.id]
        self._begin(number)
        found = self.begun.pop(number)()
        self._begin(number + 1)
        return found, self.later(found.hazard.told, self.ready)

    def begin_after_next(self, scenario: HazardScenario) -> None:
        """Have the one after the next made ready before anything else, so that workers need not wait for it."""
        self._begin(self.place[scenario.id] + 2)

    def _begin(self, number: int) -> None:
        if number < len(self.scenarios) and number not in self.begun:
            self.begun[number] = self.later(self._found, number)

    def _found(self, number: int) -> _Next:
        ready = self.ready
        if self.asks_fair:
            assert self.fair_run is not None, "driving in fair weather comes first"
            ready = self.fair_run().fair
        hazard = ready_hazard(ready, self.scenarios[number], self.layers.layers)
        slim = lean_hazard(hazard)
        still = {name for one in self.scenarios[number + 1 :] for name in one.layers}
        ready.let_go(but=still | {one.id for one in self.layers.layers if one.quantity == "velocity"})
        return _Next(hazard, slim, fingerprint(self.known_by, slim))


def _joined(ready: Ready, store: Work, known_by: str, rows: Sequence[NDArray[np.int64]]) -> FairRun:
    """Put the tiles of fair weather together."""
    stations = ready.stations.index
    read = [fair_tile(store.read(store.file(known_by, tile)), stations) for tile in range(len(rows))]
    return finish(ready, join_computed(list(zip(rows, read, strict=True))))


def _joined_hazard(store: Work, known_by: str, rows: Sequence[NDArray[np.int64]]) -> HazardComputed:
    """Put the tiles of a scenario together."""
    read = [hazard_tile(store.read(store.file(known_by, tile))) for tile in range(len(rows))]
    return join_hazard_computed(list(zip(rows, read, strict=True)))


def _copied(lands: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Give polygons of their own to a thread: GEOS prepares them where they are, for one thread at a time."""
    return lands.set_geometry(shapely.from_wkb(shapely.to_wkb(lands.geometry.to_numpy())), crs=lands.crs)


# --- what tasks are computed from ----------------------------------------------------------------------------

#: What every task is computed from, in the user's words, and the fields of `Ready` that hold it.
_FROM = {
    "roads and speeds": ("graph",),
    "stations": ("stations",),
    "demand": ("demand",),
    "parameters and standards": ("parameters", "standard", "local_standards"),
    "agreements": ("today",),
}


def _sums(base: Base) -> dict[str, str]:
    """Fingerprints of what every task is computed from, by what it is called."""
    sums = {
        words: fingerprint(*(getattr(base.ready, name) for name in fields)) for words, fields in _FROM.items()
    }
    return sums | {
        "tiles": fingerprint(*base.tiles),
        "version of mutualaid": version("mutualaid"),
        "wish for the times of all pairs": str(base.keep_pairs),
    }


# --- tiles ---------------------------------------------------------------------------------------------------


def _numbers(rows: Sequence[NDArray[np.int64]], places: int) -> NDArray[np.int64]:
    """(places,) tile of each place."""
    number = np.empty(places, dtype=np.int64)
    for tile, own in enumerate(rows):
        number[own] = tile
    return number


def _tile_table(
    demand: gpd.GeoDataFrame,
    rows: Sequence[NDArray[np.int64]],
    facts: Sequence[tuple[int, Mapping[str, Any]]],
) -> gpd.GeoDataFrame:
    xy, people = demand.get_coordinates().to_numpy(), demand["population"].to_numpy()
    seconds, pairs = np.zeros(len(rows)), np.zeros(len(rows), dtype=np.int64)
    for number, (tile, told) in enumerate(facts):
        seconds[tile] += told["seconds"]
        if number < len(rows):  # fair weather comes first
            pairs[tile] = told["pairs"]
    boxes = [
        shapely.box(*xy[own].min(axis=0), *xy[own].max(axis=0)) if len(own) else shapely.Polygon()
        for own in rows
    ]
    table = {
        "places": [len(own) for own in rows],
        "population": [math.fsum(people[own]) for own in rows],
        "pairs": pairs,
        "seconds": seconds,
    }
    index = pd.RangeIndex(len(rows), name="tile")
    return gpd.GeoDataFrame(table, geometry=boxes, index=index, crs=demand.crs)
