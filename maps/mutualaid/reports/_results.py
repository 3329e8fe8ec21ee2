"""Write the results of an analysis as files that planners open elsewhere."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio

from mutualaid.coverage import Analysis
from mutualaid.data import Region
from mutualaid.errors import Defect, InputError
from mutualaid.maps import coverage_map, save_offline
from mutualaid.reports._record import run_record

__all__ = ["RESULT_FILES", "check_target", "write_results"]

#: What a run writes, and what each file is for.
RESULT_FILES: dict[str, str] = {
    "map.html": "interactive map; opens without a network",
    "coverage.gpkg": "layers for QGIS: coverage, gaps, isochrones, stations, jurisdictions, crossings",
    "gaps.geojson": "gaps, for web maps",
    "response_times.parquet": "seconds by segment for each station and demand point",
    "summary.json": "every number that is reported",
    "run.json": "inputs with sha256, parameters and versions",
}


def write_results(analysis: Analysis, folder: str | Path, *, seconds: float | None = None) -> dict[str, Path]:
    """Write map, GIS layers, times, numbers and the record of the run.

    Files are written beside the folder and moved in when all of them are complete, so a run that fails leaves the
    earlier results as they were. Other files in the folder stay.

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
        Path of each file in `RESULT_FILES`.

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
        target.mkdir(exist_ok=True)
        for file in RESULT_FILES:
            (beside / file).replace(target / file)
    return {file: target / file for file in RESULT_FILES}


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


def _write_layers(analysis: Analysis, path: Path) -> None:
    layers: Iterable[tuple[str, gpd.GeoDataFrame]] = (
        ("coverage", analysis.coverage),
        ("coverage_local_standard", analysis.coverage_local),
        ("gaps", analysis.gaps),
        ("isochrones", analysis.isochrones),
        ("stations", analysis.stations),
        ("jurisdictions", analysis.region.jurisdictions),
        ("crossings", analysis.network.crossings),
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
