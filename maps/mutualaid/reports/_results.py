"""Write the results of an analysis as files that planners open elsewhere."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio

from mutualaid.cooperation import Cooperation
from mutualaid.coverage import Analysis, WhatIfTables, candidate_sites, what_if_tables
from mutualaid.data import Region
from mutualaid.errors import Defect, InputError
from mutualaid.evacuation import EvacuationStudy
from mutualaid.incidents import IncidentStudy
from mutualaid.maps import coverage_map, room_for_sites, save_offline
from mutualaid.network import Network
from mutualaid.reports._cooperation_files import (
    cooperation_figures,
    cooperation_layers,
    cooperation_tables,
)
from mutualaid.reports._evacuation_figures import evacuation_figure
from mutualaid.reports._evacuation_files import evacuation_layers, evacuation_plan, evacuation_tables
from mutualaid.reports._figure_style import save_figure
from mutualaid.reports._gpx import routes_gpx
from mutualaid.reports._hazard_files import hazard_layers, hazard_tables
from mutualaid.reports._incident_files import incident_layers, incident_tables
from mutualaid.reports._record import run_record
from mutualaid.reports._route_cards import route_cards
from mutualaid.reports._siting_files import siting_figures, siting_layers, siting_tables
from mutualaid.reports._summary import full_summary
from mutualaid.siting import SitingStudy

__all__ = [
    "RESULT_FILES",
    "TILED_FILES",
    "check_target",
    "earlier_files",
    "pattern_of",
    "tables_for_map",
    "write_results",
]

#: Possible sites of new stations that a map offers.
_SITES = 48

#: What a run writes, and what each file is for; about hazards, cooperation, siting and evacuation only where there is
#: something to say.
RESULT_FILES: dict[str, str] = {
    "map.html": "interactive map; opens without a network",
    "coverage.gpkg": "layers for QGIS: coverage, gaps, isochrones, stations, hazards and more",
    "gaps.geojson": "gaps, for web maps",
    "response_times.parquet": "seconds by segment for each station and demand point",
    "summary.json": "every number that is reported",
    "scenarios.csv": "who is reached in fair weather and under each hazard, by jurisdiction and severity",
    "seams.csv": "where the two sides of a border contradict each other about a hazard",
    "crosswalk.csv": "how the classes of each hazard layer were put on one scale",
    "risk.csv": "people and person-minutes out of reach to be expected in a year",
    "cooperation.csv": "what cooperation brings, by municipality, partner, area and hazard; who depends on whom",
    "reciprocity.csv": "whose people are first reached by whose units",
    "reciprocity.png": "the same as a picture, with the balance of each partner",
    "cost_shares.csv": "shares of a joint budget by several rules, and who would walk out of each",
    "delays.csv": "people in time at each delay until a neighbour is alerted, and at borders",
    "break_even.csv": "delay at which a joint team is worth nothing more, by municipality",
    "break_even.png": "how much of the gain is left at each delay",
    "crossings.csv": "what hangs on each crossing between two partners",
    "crossing_pairs.csv": "what is lost if two crossings close together",
    "harmonisation.csv": "which attributes all partners state, so that they can be compared",
    "sensitivity.csv": "findings that flip within the range of an assumption",
    "siting_sites.csv": "sites that the plan and its alternatives open or close, and what each adds",
    "siting_plans.csv": "the plan and its alternatives",
    "siting_gains.csv": "what the plan is worth to each municipality and partner, in each weather",
    "siting_curves.csv": "people in time by number of new stations, money and mean time",
    "siting.png": "the same as a picture",
    "siting_separate.csv": "the same stations sited by each partner alone and by all together",
    "siting_shares.csv": "shares of the joint plan's cost by several rules",
    "evacuation_cards.html": "route cards of each zone, to print and to read aloud",
    "evacuation_zones.csv": "who leaves each zone when, how long it takes, and what is left before the hazard",
    "evacuation_routes.csv": "the plan: routes with their roads, rates, departures and shelters",
    "evacuation_routes.gpx": "the ways, for navigation devices",
    "evacuation_plan.json": "the plan with every road that it uses, so that anybody can check it",
    "evacuation_curves.csv": "people out by time, by the plan and if all drove to the nearest",
    "evacuation_shelters.csv": "shelters and exits with their room and who comes",
    "evacuation_crossings.csv": "what the plan takes over each crossing",
    "evacuation_measures.csv": "own shelters against joint, capacities, and what single measures would change",
    "evacuation_left.csv": "who is left behind, and why",
    "evacuation.png": "people out by time, and the bounds, as a picture",
    "incidents_performance.csv": "response times of the record against the standard, by place, hour and unit",
    "incidents_fit.csv": "drives of the record against those of the model: bias and spread",
    "incidents_gain.csv": "whether the record confirms what the model says of a joint team",
    "incidents_rates.csv": "calls a year to be expected at each demand point",
    "incidents_calls.csv": "expected calls within the standard at each level",
    "incidents_speeds.csv": "speeds by class of road, as assumed and as the record has them",
    "incidents_delays.csv": "turnout and dispatch, as assumed and as the record has them",
    "incidents_busy.csv": "coverage when units are out on other calls",
    "incidents_units.csv": "how busy each unit is",
    "run.json": "inputs with sha256, parameters and versions",
}

#: What a run in tiles writes, and what each file is for. ``N`` stands for the number of a tile, ``ID`` for the id of a
#: scenario.
TILED_FILES: dict[str, str] = {
    "map.html": "map of the country: where gaps are, what a joint team closes, which part to open; no network needed",
    "map/tile-N.html": "one part of the country with every place in it",
    "coverage.parquet": "coverage of every place (GeoParquet, a row group a tile), exactly as computed",
    "coverage.fgb": "the same for QGIS (FlatGeobuf with a spatial index), without the segments of times",
    "coverage.pmtiles": "the same as vector tiles for web maps, closer zooms, with the few columns that a map draws",
    "overview.pmtiles": "people summed up to squares as vector tiles, wider zooms",
    "gaps.fgb": "gaps with all that is known of them",
    "stations.fgb": "stations with the roads that they stand on",
    "tiles.fgb": "the parts: places, people, and those in gaps at each level",
    "scenario-ID.parquet": "coverage of every place under a hazard (GeoParquet, a row group a tile)",
    "summary.json": "every number that is reported",
    "scenarios.csv": "who is reached in fair weather and under each hazard, by jurisdiction and severity",
    "seams.csv": "where the two sides of a border contradict each other about a hazard",
    "crosswalk.csv": "how the classes of each hazard layer were put on one scale",
    "risk.csv": "people and person-minutes out of reach to be expected in a year",
    "run.json": "inputs with sha256, parameters and versions; files that could not be written, and why",
}


def write_results(
    analysis: Analysis,
    folder: str | Path,
    *,
    cooperation: Cooperation | None = None,
    what_if: WhatIfTables | None = None,
    siting: SitingStudy | None = None,
    evacuation: EvacuationStudy | None = None,
    incidents: IncidentStudy | None = None,
    languages: Sequence[str] | None = None,
    record: Mapping[str, Any] | None = None,
) -> dict[str, Path]:
    """Write map, GIS layers, times, numbers and the record of the run.

    Files are written beside the folder and moved in when all of them are complete, so a run that fails leaves the
    earlier results as they were. Files of an earlier run that this one has nothing to say in are removed; others in
    the folder stay.

    Parameters
    ----------
    analysis
        What `mutualaid.coverage.analyse` returned.
    folder
        Where to write; made if it does not exist.
    cooperation
        What `mutualaid.cooperation.cooperation` measured of the analysis; nothing about it is written if None.
    what_if
        What `tables_for_map` returned: with it the map answers "what if".
    siting
        What `mutualaid.siting.siting` found for the analysis: its plan is drawn and written too.
    evacuation
        What `mutualaid.evacuation.evacuation` found for it: drawn and written too.
    incidents
        What `mutualaid.incidents.incident_study` found for it: written too.
    languages
        Languages of the map, the first one at the start; all that it has by default.
    record
        What `run_record` says of the run; made here if None.

    Returns
    -------
    dict
        Path of each file written, of those in `RESULT_FILES`.

    Raises
    ------
    InputError
        The folder cannot be written to, or a result would take the place of a file of the region.
    """
    target = check_target(folder)
    _spare_inputs(analysis.region, target)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as name:
        beside = Path(name)
        chosen = {} if languages is None else {"languages": languages}
        page = coverage_map(analysis, cooperation, what_if, siting=siting, evacuation=evacuation, **chosen)
        save_offline(page, beside / "map.html")
        _write_layers(analysis, cooperation, siting, evacuation, incidents, beside / "coverage.gpkg")
        gaps = _for_files(analysis.gaps).to_crs(4326)
        gaps.to_file(beside / "gaps.geojson", driver="GeoJSON", engine="pyogrio", RFC7946="YES")
        analysis.times.to_parquet(beside / "response_times.parquet", index=False)
        _write_json(
            full_summary(analysis, cooperation, siting, evacuation, incidents), beside / "summary.json"
        )
        _write_json(run_record(analysis) if record is None else record, beside / "run.json")
        _write_tables(hazard_tables(analysis), beside)
        if cooperation is not None:
            _write_tables(cooperation_tables(cooperation, analysis.region.costs), beside)
            for file, figure in cooperation_figures(cooperation).items():
                save_figure(figure, beside / file)
        if siting is not None:
            _write_tables(siting_tables(siting), beside)
            for file, figure in siting_figures(siting).items():
                save_figure(figure, beside / file)
        if evacuation is not None:
            _write_evacuation(evacuation, beside, chosen)
        if incidents is not None:
            _write_tables(incident_tables(incidents), beside)
        written = [file for file in RESULT_FILES if (beside / file).exists()]
        target.mkdir(exist_ok=True)
        for file in earlier_files(target) - set(written):
            (target / file).unlink()
        for file in written:
            (beside / file).replace(target / file)
    return {file: target / file for file in written}


def tables_for_map(analysis: Analysis, siting: SitingStudy | None = None) -> WhatIfTables | None:
    """Give the times from which a map answers "what if", with as many sites of new stations as it has room for.

    Parameters
    ----------
    analysis
        A run.
    siting
        A study of it: the new stations of its plans come first.

    Returns
    -------
    WhatIfTables or None
        None if the region is too large for a page to hold the times of its stations.
    """
    room = room_for_sites(analysis)
    if room is None:
        return None
    sites = candidate_sites(analysis, count=min(room, _SITES))
    if siting is not None:
        planned = siting.sites[siting.sites["change"] == "opened"]
        taken = sites.geometry.isin(planned.geometry) | sites.index.isin(planned.index)
        others = sites[~taken].head(max(room - len(planned), 0))
        # What a site states about its crew counts here as it does in the study.
        crew = [name for name in planned.columns if name == "department" or name.startswith("turnout_")]
        planned = planned[["name", *crew, *sites.columns]]
        sites = gpd.GeoDataFrame(pd.concat([planned, others]), crs=sites.crs)
    return what_if_tables(analysis, sites=sites)


def _spare_inputs(region: Region, target: Path) -> None:
    read = {path.resolve() for path in (*region.files, *region.network_files)}
    names = dict.fromkeys((*RESULT_FILES, *sorted(earlier_files(target))))
    lost = [name for name in names if (target / name).resolve() in read]
    if lost:
        expected, remedy = "a folder without files that the region reads", "name another one with --out"
        raise InputError([Defect(str(target), "", expected, ", ".join(lost), remedy)])


def check_target(folder: str | Path) -> Path:
    """Make sure that results can be written to a folder, before hours are spent on them.

    Parameters
    ----------
    folder
        Where `write_results` is to write; what is missing above it is made.

    Raises
    ------
    InputError
        It is a file, or nothing can be written there.
    """
    target = Path(folder)
    try:
        if target.exists() and not target.is_dir():
            raise NotADirectoryError(f"a file named {target.name}")
        target.parent.mkdir(parents=True, exist_ok=True)
        for place in (target.parent, target) if target.exists() else (target.parent,):
            with tempfile.TemporaryFile(dir=place):
                pass
    except OSError as error:
        expected, remedy = "a folder that can be written to", "name another one with --out"
        raise InputError([Defect(str(folder), "", expected, str(error), remedy)]) from error
    return target


def pattern_of(name: str) -> str:
    """Give the pattern that names of files follow which stand for many in `TILED_FILES`."""
    return name.replace("tile-N", "tile-*").replace("-ID", "-*")


def earlier_files(folder: Path) -> set[str]:
    """Files that an earlier run wrote into a folder, in one piece or in tiles; none if there is no record of one."""
    if not (folder / "run.json").exists():
        return set()
    patterns = [*RESULT_FILES, *map(pattern_of, TILED_FILES)]
    return {path.relative_to(folder).as_posix() for one in patterns for path in folder.glob(one)}


def _write_tables(tables: Mapping[str, pd.DataFrame], folder: Path) -> None:
    """Write the tables that hold something."""
    for file, table in tables.items():
        if len(table):
            table.to_csv(folder / file, index=False, encoding="utf-8", lineterminator="\n")


def _write_evacuation(study: EvacuationStudy, folder: Path, chosen: Mapping[str, Sequence[str]]) -> None:
    _write_tables(evacuation_tables(study), folder)
    _write_json(evacuation_plan(study), folder / "evacuation_plan.json")
    (folder / "evacuation_cards.html").write_text(
        route_cards(study, **chosen), encoding="utf-8", newline="\n"
    )
    title = study.case.name or study.analysis.region.name
    (folder / "evacuation_routes.gpx").write_bytes(routes_gpx(study.routes, name=title))
    save_figure(evacuation_figure(study), folder / "evacuation.png")


def _write_layers(
    analysis: Analysis,
    cooperation: Cooperation | None,
    siting: SitingStudy | None,
    evacuation: EvacuationStudy | None,
    incidents: IncidentStudy | None,
    path: Path,
) -> None:
    points = cooperation_layers(analysis, cooperation)
    layers: Iterable[tuple[str, gpd.GeoDataFrame]] = (
        ("coverage", analysis.coverage),
        ("coverage_local_standard", analysis.coverage_local),
        ("gaps", analysis.gaps),
        ("isochrones", analysis.isochrones),
        ("stations", points["stations"]),
        ("jurisdictions", analysis.region.jurisdictions),
        ("main_roads", _main_roads(analysis.network)),
        ("crossings", points["crossings"]),
        *hazard_layers(analysis),
        *([] if siting is None else siting_layers(siting)),
        *([] if evacuation is None else evacuation_layers(evacuation)),
        *([] if incidents is None else incident_layers(incidents)),
    )
    # Equal runs give equal bytes: when it was is in run.json alone.
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2000-01-01T00:00:00.000Z"})
    try:
        for name, frame in layers:
            if len(frame):
                _for_files(frame).to_file(path, layer=name, driver="GPKG", engine="pyogrio")
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


#: Classes of roads that give a map its bearings.
_MAIN = ("motorway", "trunk", "primary", "secondary", "tertiary")


def _main_roads(network: Network) -> gpd.GeoDataFrame:
    """Give the roads that printed maps show for orientation."""
    roads = network.roads
    main = roads["class"].astype("str").str.removesuffix("_link").isin(_MAIN) & (roads["crossing"] < 0)
    lines = network.lines(np.flatnonzero(main.to_numpy()))
    return gpd.GeoDataFrame(
        roads.loc[main, ["class", "name"]].rename_axis("road"), geometry=lines, crs=network.crs
    )


def _for_files(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Index as a column; ``inf`` (nobody comes) as NULL, because GIS classifiers break on it: status says why."""
    out = frame.reset_index(names=str(frame.index.name or "id"))
    for column in out.columns.drop([out.geometry.name]):
        values = out[column]
        if pd.api.types.is_float_dtype(values.dtype):
            out[column] = values.where(np.isfinite(values))
        elif isinstance(values.dtype, pd.CategoricalDtype):
            out[column] = values.astype("str").where(values.notna(), None)
    return out


def _write_json(content: Mapping[str, Any], path: Path) -> None:
    text = json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
