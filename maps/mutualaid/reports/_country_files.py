"""Write a run in tiles: a map of the country, a page for each part of it, and data for a GIS."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
from numpy.typing import NDArray

from mutualaid.coverage import LEVELS, SEGMENTS, ScenarioResult, scenario_table
from mutualaid.errors import Defect, InputError
from mutualaid.hazards import mapping
from mutualaid.maps import PartPages, SquareCounts, country_map, part_file, save_offline, touched_roads
from mutualaid.reports._record import run_record
from mutualaid.reports._results import TILED_FILES, check_target, earlier_files, pattern_of
from mutualaid.reports._streamed import frame_piece, gis_columns, read_piece, write_geoparquet, write_streamed
from mutualaid.reports._summary import full_summary

if TYPE_CHECKING:
    from mutualaid.scale import TiledRun

__all__ = ["write_tiled"]

#: Columns that a GIS has no use for on its map: what a time is made of is in the GeoParquet.
_LEFT_OUT = [
    *(f"{level}_{segment}" for level in LEVELS for segment in SEGMENTS),
    *(f"{level}_{name}" for level in LEVELS for name in ("second_s", "third_s", "depth")),
]
#: Columns of a place in vector tiles, besides those of each level.
_ON_TILES = ("population", "jurisdiction", "status")
#: Zooms of vector tiles: of squares, and of places.
_WIDE, _CLOSE = (0, 9), (10, 11)
#: A driver that was built without it cannot be had by an option.
_PMTILES = "PMTiles"


def write_tiled(
    run: TiledRun,
    folder: str | Path,
    *,
    languages: Sequence[str] | None = None,
    record: Mapping[str, Any] | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> dict[str, Path]:
    """Write the map of a country with a page for each of its parts, data for a GIS, numbers and the record.

    Files are written beside the folder and moved in when all of them are complete, so a run that fails leaves the
    earlier results as they were. Files of an earlier run of which this one has none are removed; others in the folder
    stay. Results of scenarios are read one after the other, and tables are written a tile at a time: nothing is
    held twice.

    Parameters
    ----------
    run
        What `mutualaid.scale.tiled` returned.
    folder
        Where to write; made if it does not exist.
    languages
        Languages of the pages, the first one at the start; all that they have by default.
    record
        What `run_record` says of the run; made here if None.
    progress
        Called with a step in words and the share of the work that is done before it, 0…1.

    Returns
    -------
    dict
        Path of each file written, by its name inside the folder: of those in `TILED_FILES`. Vector tiles are left out
        where GDAL has no driver for them; ``not_written`` of ``run.json`` says so then.

    Raises
    ------
    InputError
        The folder cannot be written to, or a result would take the place of a file of the region.

    Examples
    --------
    >>> import tempfile
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.reports import write_tiled
    >>> from mutualaid.scale import tiled
    >>> with tempfile.TemporaryDirectory() as work, tempfile.TemporaryDirectory() as folder:
    ...     run = tiled(read_region(demo_path()), work, places=800)
    ...     files = write_tiled(run, folder, languages=["en"])
    >>> [name for name in files if name.endswith(".html")]
    ['map.html', 'map/tile-0.html', 'map/tile-1.html']
    """
    target = check_target(folder)
    _spare_inputs(run, target)
    tell = progress or _silent
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as name:
        beside = Path(name)
        # Equal runs give equal bytes: when it was is in run.json alone.
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2000-01-01T00:00:00.000Z"})
        try:
            missing = _write_all(run, beside, [] if languages is None else list(languages), tell)
        except (OSError, pyogrio.errors.DataSourceError) as error:
            remedy = "make room, or make it writable, and run again; finished tiles are kept for --resume"
            got = f"{type(error).__name__}: {error}"[:200]
            raise InputError([Defect(str(target), "", "room for the results", got, remedy)]) from error
        finally:
            pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
        told = run_record(run) if record is None else record
        _write_json({**told, "not_written": missing} if missing else told, beside / "run.json")
        written = sorted(path.relative_to(beside).as_posix() for path in beside.rglob("*") if path.is_file())
        written.sort(key=_position)
        target.mkdir(exist_ok=True)
        for file in sorted(earlier_files(target) - set(written)):
            (target / file).unlink()
        for file in written:
            (target / file).parent.mkdir(exist_ok=True)
            (beside / file).replace(target / file)
    return {file: target / file for file in written}


def _write_all(
    run: TiledRun, folder: Path, languages: list[str], tell: Callable[[str, float], None]
) -> dict[str, str]:
    """Write everything but the record. Returns what could not be written, and why."""
    chosen = {"languages": languages} if languages else {}
    pieces = _pieces(run)
    counts = SquareCounts(run, pieces)
    tell("Writing coverage", 0.0)
    write_geoparquet(run.coverage, pieces, folder / "coverage.parquet")
    write_streamed(
        run.coverage, pieces, folder / "coverage.fgb", driver="FlatGeobuf", columns=_without_segments
    )
    small, tables = {}, []
    for k, key in enumerate(run.scenarios):
        tell("Writing scenarios", 0.15 + 0.25 * k / len(run.scenarios))
        result = run.scenarios[key]
        small[key] = _write_scenario(result, pieces, folder / f"scenario-{_safe(key)}.parquet")
        counts.add(key, result.coverage, result.layers)
        tables.append(scenario_table(result).assign(scenario=key, name=result.scenario.name))
        del result
    _write_tables(run, tables, folder)
    _write_json(full_summary(run), folder / "summary.json")
    tell("Drawing the country", 0.4)
    save_offline(country_map(run, counts, small, **chosen), folder / "map.html")
    _write_layers(run, counts, folder)
    tell("Writing vector tiles", 0.5)
    missing = _write_vector_tiles(run, pieces, counts, folder)
    (folder / "map").mkdir()

    def places(key: str, tile: int) -> gpd.GeoDataFrame:
        at = int(run.tiles.index.get_indexer(pd.Index([tile]))[0])
        return frame_piece(
            run.coverage, read_piece(folder / f"scenario-{_safe(key)}.parquet", at), pieces[at]
        )

    parts = PartPages(run, small, places)
    for k, tile in enumerate(run.tiles.index):
        tell("Drawing the parts", 0.6 + 0.4 * k / len(run.tiles))
        save_offline(parts.page(int(tile), **chosen), folder / part_file(int(tile)))
    return missing


def _pieces(run: TiledRun) -> list[NDArray[np.int64]]:
    """Positions of the rows of each tile, in the order of the tiles."""
    order = np.argsort(run.tile, kind="stable").astype(np.int64)
    inside = run.tile[order]
    starts = np.searchsorted(inside, run.tiles.index.to_numpy())
    ends = np.searchsorted(inside, run.tiles.index.to_numpy(), side="right")
    return [order[a:b] for a, b in zip(starts, ends, strict=True)]


# --- data ----------------------------------------------------------------------------------------------------


def _without_segments(piece: pd.DataFrame) -> pd.DataFrame:
    return gis_columns(piece.drop(columns=_LEFT_OUT, errors="ignore"))


def _write_scenario(result: ScenarioResult, pieces: list[NDArray[np.int64]], path: Path) -> ScenarioResult:
    """Write the places of a result. Returns what is still needed of it."""
    write_geoparquet(result.coverage.drop(columns=_LEFT_OUT, errors="ignore"), pieces, path)
    return touched_roads(result)


def _write_layers(run: TiledRun, counts: SquareCounts, folder: Path) -> None:
    layers = (("gaps", run.gaps), ("stations", run.stations), ("tiles", counts.tiles()))
    for name, frame in layers:
        if len(frame):
            write_streamed(frame, [np.arange(len(frame))], folder / f"{name}.fgb", driver="FlatGeobuf")


def _write_vector_tiles(
    run: TiledRun, pieces: list[NDArray[np.int64]], counts: SquareCounts, folder: Path
) -> dict[str, str]:
    """Write vector tiles, if GDAL can. Returns the files that are missing, and why."""
    if "w" not in str(pyogrio.list_drivers().get(_PMTILES)):
        version = ".".join(map(str, pyogrio.__gdal_version__))
        why = f"GDAL {version} was built without its driver {_PMTILES}; install pyogrio from PyPI or conda-forge"
        return dict.fromkeys(("overview.pmtiles", "coverage.pmtiles"), why)
    squares = counts.squares()
    layers = (
        ("overview", squares, [np.arange(len(squares))], _WIDE, gis_columns),
        ("coverage", run.coverage, pieces, _CLOSE, _of_a_map),
    )
    for name, frame, rows, (low, high), columns in layers:
        write_streamed(
            frame,
            rows,
            folder / f"{name}.pmtiles",
            driver=_PMTILES,
            columns=columns,
            layer=name,
            MAX_SIZE=5_000_000,  # whoever zooms out loses nobody
            MINZOOM=low,
            MAXZOOM=high,
            NAME=f"{run.region.name}: {name}",
        )
    return {}


def _of_a_map(piece: pd.DataFrame) -> pd.DataFrame:
    """Give the columns that a web map colours and tells: people to a tenth, whole seconds."""
    found: dict[str, Any] = {name: piece[name] for name in _ON_TILES}
    found["population"] = piece["population"].round(1)
    for level in LEVELS:
        if f"{level}_s" in piece:
            seconds = piece[f"{level}_s"]
            found[f"{level}_s"] = np.ceil(seconds.where(np.isfinite(seconds)) - 1e-6).astype("Int32")
            found[f"{level}_covered"] = piece[f"{level}_covered"]
    return pd.DataFrame(found | {"geometry": piece["geometry"]})


def _write_tables(run: TiledRun, scenarios: list[pd.DataFrame], folder: Path) -> None:
    risks = [one.table.assign(risk=one.risk.id, name=one.risk.name) for one in run.risks]
    tables = {
        "scenarios.csv": _first(scenarios, "scenario", "name"),
        "seams.csv": pd.DataFrame(run.seams.drop(columns=run.seams.geometry.name)).reset_index(),
        "crosswalk.csv": mapping(run.layers.layers),
        "risk.csv": _first(risks, "risk", "name"),
    }
    for file, table in tables.items():
        if len(table):
            table.to_csv(folder / file, index=False, encoding="utf-8", lineterminator="\n")


def _first(tables: list[pd.DataFrame], *lead: str) -> pd.DataFrame:
    """Put tables below each other, with some columns first."""
    if not tables:
        return pd.DataFrame()
    table = pd.concat(tables)
    return table[[*lead, *(column for column in table.columns if column not in lead)]]


def _write_json(content: Mapping[str, Any], path: Path) -> None:
    text = json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


# --- names of files ------------------------------------------------------------------------------------------


def _safe(key: str) -> str:
    """Give an id as part of the name of a file: no character of it means a place, or another file.

    >>> _safe("coast_20/x")
    'coast_20~2fx'
    """
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else f"~{ord(c):x}" for c in key)


def _position(file: str) -> tuple[int, int, str]:
    """Place of a file in the order of `TILED_FILES`; tiles by their number."""
    at = next(k for k, name in enumerate(TILED_FILES) if Path(file).match(pattern_of(name)))
    number = Path(file).stem.rpartition("-")[2] if file.startswith("map/") else ""
    return at, int(number) if number.isdigit() else 0, file


def _spare_inputs(run: TiledRun, target: Path) -> None:
    read = {path.resolve() for path in (*run.region.files, *run.region.network_files)}
    lost = [name for name in (*TILED_FILES, *earlier_files(target)) if (target / name).resolve() in read]
    # A scenario's file may be there already, or come.
    lost += [
        path.name for path in read if path.parent == target.resolve() and path.match("scenario-*.parquet")
    ]
    if lost:
        expected, remedy = "a folder without files that the region reads", "name another one with --out"
        raise InputError([Defect(str(target), "", expected, ", ".join(dict.fromkeys(lost)), remedy)])


def _silent(_step: str, _share: float) -> None:
    pass
