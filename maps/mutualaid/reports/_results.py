"""Write the results of an analysis as files that planners open elsewhere."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio

from mutualaid.coverage import LEVELS, SEGMENTS, Analysis, ScenarioResult, scenario_table
from mutualaid.data import Region
from mutualaid.errors import Defect, InputError
from mutualaid.hazards import mapping, picture_polygons, scenario_picture
from mutualaid.maps import coverage_map, save_offline
from mutualaid.reports._record import run_record

__all__ = ["RESULT_FILES", "check_target", "write_results"]

#: Most cells along the longer side of a picture of severity.
_PICTURE_CELLS = 2_000
#: Columns of coverage under a scenario that a GIS has no use for: what a time is made of is in that of fair weather.
_LEFT_OUT = [
    *(f"{level}_{segment}" for level in LEVELS for segment in SEGMENTS),
    *(f"{level}_{name}" for level in LEVELS for name in ("second_s", "third_s", "depth")),
]

#: What a run writes, and what each file is for; those about hazards only where there is something to say.
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
    "run.json": "inputs with sha256, parameters and versions",
}


def write_results(analysis: Analysis, folder: str | Path, *, seconds: float | None = None) -> dict[str, Path]:
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
    seconds
        How long the analysis took, for the record.

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
        save_offline(coverage_map(analysis), beside / "map.html")
        _write_layers(analysis, beside / "coverage.gpkg")
        gaps = _for_files(analysis.gaps).to_crs(4326)
        gaps.to_file(beside / "gaps.geojson", driver="GeoJSON", engine="pyogrio", RFC7946="YES")
        analysis.times.to_parquet(beside / "response_times.parquet", index=False)
        _write_json(analysis.summary, beside / "summary.json")
        _write_json(run_record(analysis, seconds=seconds), beside / "run.json")
        _write_hazards(analysis, beside)
        written = [file for file in RESULT_FILES if (beside / file).exists()]
        target.mkdir(exist_ok=True)
        for file in RESULT_FILES:
            if file in written:
                (beside / file).replace(target / file)
            else:
                (target / file).unlink(missing_ok=True)
    return {file: target / file for file in written}


def _spare_inputs(region: Region, target: Path) -> None:
    read = {path.resolve() for path in (*region.files, *region.network_files)}
    lost = [name for name in RESULT_FILES if (target / name).resolve() in read]
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


def _write_hazards(analysis: Analysis, folder: Path) -> None:
    """Write the tables about hazards that hold something."""
    scenarios = [
        scenario_table(one).assign(scenario=one.scenario.id, name=one.scenario.name)
        for one in analysis.scenarios
    ]
    risks = [one.table.assign(risk=one.risk.id, name=one.risk.name) for one in analysis.risks]
    tables = {
        "scenarios.csv": pd.concat(scenarios) if scenarios else pd.DataFrame(),
        "seams.csv": pd.DataFrame(analysis.seams.drop(columns=analysis.seams.geometry.name)).reset_index(),
        "crosswalk.csv": mapping(analysis.layers.layers),
        "risk.csv": pd.concat(risks) if risks else pd.DataFrame(),
    }
    first = {"scenarios.csv": ["scenario", "name"], "risk.csv": ["risk", "name"]}
    for file, table in tables.items():
        if len(table):
            lead = first.get(file, [])
            ordered = table[[*lead, *(column for column in table.columns if column not in lead)]]
            ordered.to_csv(folder / file, index=False, encoding="utf-8", lineterminator="\n")


def _hazard_layers(analysis: Analysis) -> Iterator[tuple[str, gpd.GeoDataFrame]]:
    """Give the layers about hazards: seams, and of each scenario people, roads and stations."""
    yield "seams", analysis.seams
    network = analysis.network
    for one in analysis.scenarios:
        key = one.scenario.id
        yield f"scenario_{key}", one.coverage.drop(columns=_LEFT_OUT)
        touched = one.roads[(one.roads["factor"] < 1) | one.roads["closed"] | (one.roads["probability"] > 0)]
        rows = touched.index.to_numpy()
        named = network.roads.loc[rows, ["name", "class", "way", "jurisdiction", "length_m"]]
        yield (
            f"roads_{key}",
            gpd.GeoDataFrame(touched.join(named), geometry=network.lines(rows), crs=network.crs),
        )
        if (severity := _severity_polygons(analysis, one)) is not None:
            yield f"severity_{key}", severity
        states = analysis.stations[["name", "jurisdiction", "partner", "geometry"]].join(one.stations)
        yield f"stations_{key}", gpd.GeoDataFrame(states, crs=analysis.stations.crs)
    for risk in analysis.risks:
        places = analysis.coverage[["population", "jurisdiction", "geometry"]].join(risk.places)
        yield f"risk_{risk.risk.id}", gpd.GeoDataFrame(places, crs=analysis.coverage.crs)


def _severity_polygons(analysis: Analysis, result: ScenarioResult) -> gpd.GeoDataFrame | None:
    """Severity over the whole region as polygons along cells; None for a scenario that only closes roads."""
    if not any(layer.scheme for layer in result.layers):
        return None
    region = analysis.region
    left, bottom, right, top = region.jurisdictions.total_bounds.tolist()
    side_m = max(right - left, top - bottom)
    picture = scenario_picture(
        analysis.layers.layers,
        result.scenario,
        bounds=(left, bottom, right, top),
        crs=region.crs,
        cell_m=max((region.cell_m or 100.0) / 2, side_m / _PICTURE_CELLS),
        jurisdictions=region.jurisdictions,
    )
    return picture_polygons(picture)


def _write_layers(analysis: Analysis, path: Path) -> None:
    layers: Iterable[tuple[str, gpd.GeoDataFrame]] = (
        ("coverage", analysis.coverage),
        ("coverage_local_standard", analysis.coverage_local),
        ("gaps", analysis.gaps),
        ("isochrones", analysis.isochrones),
        ("stations", analysis.stations),
        ("jurisdictions", analysis.region.jurisdictions),
        ("crossings", analysis.network.crossings),
        *_hazard_layers(analysis),
    )
    # Equal runs give equal bytes: when it was is in run.json alone.
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2000-01-01T00:00:00.000Z"})
    try:
        for name, frame in layers:
            if len(frame):
                _for_files(frame).to_file(path, layer=name, driver="GPKG", engine="pyogrio")
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


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


def _write_json(content: dict[str, Any], path: Path) -> None:
    text = json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
