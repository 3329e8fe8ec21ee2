"""Makes a region folder out of OpenStreetMap extracts."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from mutualaid.data._demand import demand_from_totals
from mutualaid.data._model import Region, Source
from mutualaid.data._osm_buildings import buildings_frame, floor_levels
from mutualaid.data._osm_ground import ground_frame
from mutualaid.data._osm_read import Extract, read_extract
from mutualaid.data._osm_region import (
    clean,
    hospitals_frame,
    jurisdictions_frame,
    name_columns,
    selected_units,
    stations_frame,
    told_languages,
)
from mutualaid.data._osm_roads import Box, write_roads
from mutualaid.data._region import read_region, write_region
from mutualaid.errors import Defect, OsmError, RegionError

__all__ = ["MARGIN_M", "Progress", "new_region"]

#: How far roads reach beyond the area: the default cutoff (1800 s) at 40 km/h as the crow flies.
MARGIN_M = 20_000.0

#: Told what is being done, and the share of the whole that is done (0…1).
Progress = Callable[[str, float], None]

#: An area: west, south, east, north in degrees, or a polygon in degrees.
Area = Box | BaseGeometry

_CUT_GIVEN = "only partly in the extract, closed along its edge"
_CUT_UNKNOWN = "only partly in the extract and nobody said how many people live in that part: left out"


def new_region(
    folder: Path | str,
    *,
    pbf: Sequence[Path | str],
    admin_level: int,
    within: Area | None = None,
    name: str | None = None,
    populations: Mapping[str, float] | Path | str | None = None,
    partners: Mapping[str, str] | None = None,
    cell_m: float = 100.0,
    margin_m: float = MARGIN_M,
    progress: Progress | None = None,
) -> Region:
    """Make a region folder out of one or more OpenStreetMap extracts.

    Jurisdictions are the administrative boundaries of one level. Their people, from `populations` or else
    from the map, are spread over their own residential buildings by floor area. A country that lies wholly in
    the extracts but has no unit of the level enters as itself. Names in other languages come along where the map
    has them, and so do water, rivers, coast and places for orientation. What was dropped, guessed or not known is in
    ``import.json``.

    Parameters
    ----------
    folder
        Folder to make; it must not exist, or be empty. It appears only when all went well.
    pbf
        Extracts (.osm.pbf or .osm), joined by OSM id: a road in two of them comes once, in its newer version.
    admin_level
        OSM ``admin_level`` of the jurisdictions, 2…11.
    within
        Bounding box or polygon in degrees, longitude first. Demand is clipped to it, stations are not: those
        of every jurisdiction that reaches into it count. Roads are kept whole up to `margin_m` beyond it. By
        default all that the extracts hold.
    name
        Name of the region; by default that of the folder.
    populations
        People by jurisdiction id or name, or a CSV file with the columns ``id`` or ``name``, and
        ``population``. They count before the map's figures. For a unit that the extract cuts, give those of
        the part inside; without, it is left out.
    partners
        Who runs the service, by jurisdiction id or name; by default every jurisdiction for itself.
    cell_m
        Width of the demand cells in metres.
    margin_m
        How far roads are kept beyond `within`, in metres.
    progress
        Called with what is being done and the share done.

    Returns
    -------
    Region
        As read back from the folder.

    Raises
    ------
    OsmError
        An extract cannot be read, or holds no road, boundary or station there.
    RegionError
        The folder is not empty, a parameter makes no sense, or the area lies outside the extracts.

    Examples
    --------
    >>> region = new_region("riviera", pbf=["monaco.osm.pbf"], admin_level=8)  # doctest: +SKIP
    >>> region.jurisdictions["population"]  # doctest: +SKIP
    """
    folder, files = Path(folder), [Path(file) for file in pbf]
    _check(folder, files, admin_level=admin_level, cell_m=cell_m, margin_m=margin_m)
    area = _polygon(within)
    figures, wrong = _figures(populations)

    def choose(extract: Extract) -> tuple[gpd.GeoDataFrame, list[str]]:
        _check_area(area, extract)
        units, countries, notes = selected_units(extract, admin_level, area)
        jurisdictions, more = jurisdictions_frame(
            extract, units, countries, populations=figures, partners=partners or {}
        )
        kept = ~jurisdictions["completed"] | jurisdictions["given"]
        for key in jurisdictions.index[jurisdictions["completed"]]:
            notes.append(
                f"{jurisdictions['name'].loc[key]} ({key}): {_CUT_GIVEN if kept[key] else _CUT_UNKNOWN}"
            )
        unused = sorted(set(figures) - set(jurisdictions.index) - set(jurisdictions["name"]))
        if wrong:  # told only now, together with names that the map does not know
            raise RegionError(wrong + _unknown(unused, list(jurisdictions["name"]), populations))
        more += [f"population given for {clean(key)!r}, which is no jurisdiction here" for key in unused]
        return jurisdictions[kept], notes + more

    with staged(folder) as stage:
        make(
            stage,
            files,
            choose,
            name=name or folder.resolve().name,
            given_in=figures_source(populations),
            area=area,
            cell_m=cell_m,
            road_box=None if area is None else beyond(area.bounds, margin_m),
            progress=progress,
        )
        region = read_region(stage)  # whatever is wrong with it comes out before the folder is there
    return moved(region, folder)


def make(
    stage: Path,
    files: Sequence[Path],
    choose: Callable[[Extract], tuple[gpd.GeoDataFrame, list[str]]],
    *,
    name: str,
    given_in: str,
    area: BaseGeometry | None,
    cell_m: float,
    road_box: Box | None,
    progress: Progress | None,
) -> None:
    """Write the region into `stage`; `choose` gives its jurisdictions in degrees and notes on them.

    `given_in` says where populations that were given come from, as `figures_source` does.
    """
    tell = progress or (lambda _what, _share: None)
    tell("reading boundaries, stations and buildings", 0.0)
    extract = read_extract(files, building=floor_levels)
    jurisdictions, notes = choose(extract)
    if jurisdictions.empty:
        rest = f"; and {len(notes) - 4} notes more" if len(notes) > 4 else ""
        raise OsmError(
            [
                Defect(
                    "",
                    "boundaries",
                    "at least one jurisdiction",
                    "; ".join(notes[:4]) + rest,
                    "use a larger extract, or give the populations of the parts inside",
                )
            ]
        )
    tell("writing roads", 0.4)
    roads = stage / "roads.osm.pbf"
    write_roads(roads, files, box=road_box, extent=road_box or _extent(extract), date=extract.date)
    tell("placing stations", 0.7)
    crs = jurisdictions.estimate_utm_crs()
    projected = name_columns(jurisdictions).to_crs(crs)
    stations, more = stations_frame(extract, roads, projected)
    notes += more
    unstated = int(stations["turnout_s"].isna().sum())
    if unstated:
        notes.append(
            f"turnout of {unstated} of {len(stations)} stations is not on the map: assumed by department"
        )
    tell("placing people", 0.8)
    demand, unplaced = demand_from_totals(projected, buildings_frame(extract, crs), cell_m=cell_m)
    lost = unplaced[unplaced["population"].notna()]  # of unknown ones the jurisdictions have told
    notes += [
        f"{row.jurisdiction}: {row.population:,.0f} people not placed: {row.reason}"
        for row in lost.itertuples()
    ]
    hospitals = hospitals_frame(extract, projected)
    ground = ground_frame(extract, projected, told_languages(projected["languages"])).to_crs(crs)
    note = _note(extract, jurisdictions)
    if area is not None:  # people only: a station outside may be the first at a house inside
        there = demand.intersects(gpd.GeoSeries([area], crs=4326).to_crs(crs).iloc[0])
        outside, total = (float(part["population"].sum()) for part in (demand[~there], demand))
        clipped = (
            f"Only people inside the study area are counted ({outside:,.0f} of {total:,.0f} live outside)."
        )
        notes.append(clipped)
        note, demand = f"{clipped} {note}"[:5000], demand[there]
    _check_demand(demand)
    region = Region(
        name=clean(name),
        folder=stage,
        crs=crs,
        jurisdictions=projected.drop(columns="given", errors="ignore"),
        stations=stations,
        units=pd.DataFrame(
            {
                "station": pd.Series(dtype=str),
                "kind": pd.Series(dtype=str),
                "capabilities": pd.Series(dtype=str),
                "staffing": pd.Series(dtype=float),
                "count": pd.Series(dtype=int),
            },
            index=pd.Index([], name="id", dtype=str),
        ),
        demand=demand,
        cell_m=cell_m,
        hospitals=hospitals,
        network_files=(roads,),
        sources=_sources(files, extract, jurisdictions, given_in),
        note=note,
        ground=ground,
    )
    tell("writing tables", 0.9)
    write_region(region, stage)
    _write_record(stage, files, extract, notes)
    tell("done", 1.0)


def beyond(box: Sequence[float], margin_m: float) -> Box:
    """Widen a box in degrees by metres on every side."""
    west, south, east, north = box
    up = margin_m / 111_195.0
    across = up / max(math.cos(math.radians(max(abs(south), abs(north)))), 0.01)
    return (
        max(west - across, -180.0),
        max(south - up, -90.0),
        min(east + across, 180.0),
        min(north + up, 90.0),
    )


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Give a folder beside `folder` that takes its place at the end, or vanishes if anything goes wrong."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    stage = folder.parent.resolve() / f".{folder.name}-{secrets.token_hex(4)}"
    try:
        stage.mkdir(mode=0o700)  # named before it is made: whoever stops us here leaves nothing behind either
        yield stage
        stage.chmod(0o755)
        if folder.exists():
            folder.rmdir()  # empty, else this raises
        stage.rename(folder)
    except BaseException:
        shutil.rmtree(stage, ignore_errors=True)
        raise


def moved(region: Region, folder: Path) -> Region:
    """Give a region whose folder has been renamed."""

    def there(files: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(folder / file.relative_to(region.folder) for file in files)

    return replace(
        region, folder=folder, network_files=there(region.network_files), files=there(region.files)
    )


def _extent(extract: Extract) -> Box:
    west, south, east, north = np.array(extract.boxes).T
    return (float(west.min()), float(south.min()), float(east.max()), float(north.max()))


# --- what is asked for ---


def check_folder(folder: Path) -> list[Defect]:
    """Say why a region cannot be made at this place."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return []
    got = "a folder with files in it" if folder.is_dir() else "a file"
    return [
        Defect(
            str(folder), "", "a new or empty folder", got, "choose another name, or move what is there away"
        )
    ]


def _check(folder: Path, files: Sequence[Path], *, admin_level: int, cell_m: float, margin_m: float) -> None:
    defects = check_folder(folder)
    if not files:
        defects.append(Defect("", "pbf", "at least one extract", "none", "name a .osm.pbf file"))
    defects += [
        Defect(str(file), "", "an OpenStreetMap extract", "no such file", "check the path")
        for file in files
        if not file.is_file()
    ]
    if not 2 <= admin_level <= 11:
        defects.append(
            Defect(
                "",
                "admin_level",
                "a whole number from 2 to 11",
                str(admin_level),
                "8 are municipalities in many countries",
            )
        )
    defects += check_numbers(cell_m=cell_m, margin_m=margin_m)
    if defects:
        raise RegionError(defects)


def check_numbers(*, cell_m: float, margin_m: float) -> list[Defect]:
    """Say which of these lengths make no sense."""
    defects = []
    if not 1 <= cell_m <= 10_000:
        defects.append(Defect("", "cell_m", "1 to 10,000 metres", str(cell_m), "100 suits most regions"))
    if not 0 <= margin_m <= 500_000:
        defects.append(Defect("", "margin_m", "0 to 500,000 metres", str(margin_m), "give metres"))
    return defects


def _polygon(within: Area | None) -> BaseGeometry | None:
    if within is None:
        return None
    got = ""
    if isinstance(within, BaseGeometry):
        area = within
        if area.geom_type not in ("Polygon", "MultiPolygon") or area.is_empty or not area.is_valid:
            got = f"a {area.geom_type} that is empty, invalid or has no surface"
    else:
        west, south, east, north = within
        area = shapely.box(west, south, east, north)
        if not (west < east and south < north):
            got = f"{within}, which has no surface"
    x0, y0, x1, y1 = area.bounds if not got else (0, 0, 0, 0)
    if not got and not (x0 >= -180 and x1 <= 180 and y0 >= -90 and y1 <= 90):
        got = f"coordinates from {x0:g}, {y0:g} to {x1:g}, {y1:g}"
    if got:
        remedy = "give west,south,east,north: longitude comes first, and degrees, not metres"
        raise RegionError([Defect("", "within", "a box or polygon in degrees", got, remedy)])
    return area


def _check_area(area: BaseGeometry | None, extract: Extract) -> None:
    boxes = shapely.union_all([shapely.box(*box) for box in extract.boxes])
    if area is None or area.intersects(boxes):
        return
    west, south, east, north = area.bounds
    swapped = shapely.box(south, west, north, east).intersects(boxes)
    shown = "; ".join(",".join(f"{side:g}" for side in box) for box in extract.boxes)[:300]
    raise RegionError(
        [
            Defect(
                "",
                "within",
                f"an area that reaches into the extract (box {shown})",
                f"{west:g},{south:g},{east:g},{north:g}: the area lies outside the extract"
                + (" (lon and lat swapped?)" if swapped else ""),
                "give west,south,east,north, longitude first, or an extract that holds the area",
            )
        ]
    )


def figures_source(populations: Mapping[str, float] | Path | str | None) -> str:
    """Say in an attribution where the populations given come from."""
    if populations is None or isinstance(populations, Mapping):
        return "figures given by the user"
    return f"file {clean(Path(populations).name)} given by the user"


def read_figures(populations: Mapping[str, float] | Path | str | None) -> dict[str, float]:
    """Read populations by jurisdiction id or name, from a mapping or a CSV file."""
    figures, defects = _figures(populations)
    if defects:
        raise RegionError(defects)
    return figures


def _figures(
    populations: Mapping[str, float] | Path | str | None,
) -> tuple[dict[str, float], list[Defect]]:
    # Figures by id or name, NaN where they are wrong, and what is wrong with them.
    if populations is None:
        return {}, []
    if isinstance(populations, Mapping):
        file, rows = "", [(repr(key), str(key), str(value)) for key, value in populations.items()]
    else:
        file, rows = Path(populations).name, _figure_rows(Path(populations))
    figures: dict[str, float] = {}
    defects = []
    commas = [f"{value.strip()!r} ({where})" for where, _, value in rows if "," in value]
    if commas:
        defects.append(
            Defect(
                file,
                "population",
                "numbers with points and without separators of thousands",
                f"{', '.join(commas[:3])}{f' and {len(commas) - 3} more' if len(commas) > 3 else ''}",
                "decimal commas: use points; thousands: leave separators out",
            )
        )
    for where, key, value in rows:
        try:
            figure = float(value)
        except ValueError:
            figure = math.nan
        if "," not in value and not (math.isfinite(figure) and figure >= 0):
            defects.append(
                Defect(
                    file,
                    where,
                    "a population of 0 or more",
                    repr(value)[:60],
                    "write plain digits, or remove it",
                )
            )
        figures[key] = figure
    return figures, defects


def _unknown(
    unused: Sequence[str], names: Sequence[str], populations: Mapping[str, float] | Path | str | None
) -> list[Defect]:
    # One defect for all names, because a table of a whole country may name thousands.
    if not unused:
        return []
    file = "" if populations is None or isinstance(populations, Mapping) else Path(populations).name
    got = ", ".join(repr(clean(key)) for key in unused)[:300]
    known = ", ".join(names)[:300]
    return [
        Defect(
            file,
            "names",
            "ids or names of jurisdictions here",
            got,
            f"correct or remove them; here are {known}",
        )
    ]


def _figure_rows(path: Path) -> list[tuple[str, str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            names = reader.fieldnames or []
            key = "id" if "id" in names else "name"
            if key not in names or "population" not in names:
                got, remedy = f"the columns {', '.join(names)[:200]}", "add a header"
                if len(names) == 1 and ";" in names[0]:
                    remedy = "separate columns by commas, not semicolons; decimal commas: use points"
                raise RegionError(
                    [Defect(path.name, "row 1", "the columns id (or name) and population", got, remedy)]
                )
            return [
                # a number with a bare comma has spilled into a column too many
                (
                    f"row {number}",
                    row[key] or "",
                    ",".join([row["population"] or "", *filter(None, row.get(None) or ())]),
                )
                for number, row in enumerate(reader, 2)
            ]
    except (OSError, UnicodeDecodeError) as error:
        raise RegionError(
            [
                Defect(
                    path.name, "", "a CSV file in UTF-8", str(error)[:200], "check the path and the encoding"
                )
            ]
        ) from error


# --- what is written ---


def _check_demand(demand: gpd.GeoDataFrame) -> None:
    if demand.empty:
        raise OsmError(
            [
                Defect(
                    "",
                    "demand",
                    "people and residential buildings of a jurisdiction inside the area",
                    "none",
                    "give populations by jurisdiction, widen the area, or use an extract with the buildings",
                )
            ]
        )


def _sources(
    files: Sequence[Path], extract: Extract, jurisdictions: gpd.GeoDataFrame, given_in: str
) -> tuple[Source, ...]:
    names = ", ".join(file.name for file in files)
    mapped = Source(
        "boundaries, roads, stations, hospitals, buildings, water and places",
        f"© OpenStreetMap contributors, {clean(names)}",
        "ODbL 1.0",
        extract.date,
    )
    given = jurisdictions["given"]
    mapped_too = bool((~given & jurisdictions["population"].notna()).any())
    told = [given_in] * bool(given.any()) + ["OpenStreetMap, tag population"] * mapped_too
    people = Source("populations", "; others: ".join(told) or "unknown")
    return (mapped, people)


def _note(extract: Extract, jurisdictions: gpd.GeoDataFrame) -> str:
    parts = [f"Map: OpenStreetMap{f' of {extract.date}' if extract.date else ''}, stations as mapped there."]
    cut = jurisdictions["name"][jurisdictions["completed"]]
    if len(cut):
        parts.append(f"Only partly inside the map extract: {', '.join(cut)}.")
    unknown = jurisdictions["name"][jurisdictions["population"].isna()]
    if len(unknown):
        parts.append(f"Population unknown, so nobody is placed there: {', '.join(unknown)}.")
    return " ".join(parts)[:5000]


def _write_record(stage: Path, files: Sequence[Path], extract: Extract, notes: Sequence[str]) -> None:
    record = {
        "extracts": [
            {"file": file.name, "sha256": _sha256(file), "box": list(box)}
            for file, box in zip(files, extract.boxes, strict=True)
        ],
        "date": extract.date,
        "notes": [clean(note, 1000) for note in notes],
    }
    text = json.dumps(record, indent=2, ensure_ascii=False)
    (stage / "import.json").write_text(text + "\n", encoding="utf-8")


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
