"""A region folder, read and checked as a whole, and written."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from pyproj import CRS

from mutualaid.data import _checks as checks
from mutualaid.data._agreement_files import AgreementSections, certain
from mutualaid.data._agreements import agreement_notes
from mutualaid.data._decisions import check_decisions
from mutualaid.data._evacuation import EvacuationCase
from mutualaid.data._evacuation_files import EvacuationSection, evacuation_document
from mutualaid.data._formats import WGS84, RawTable, parse_crs
from mutualaid.data._hazard_files import HazardSections, hazard_document, with_sidecars
from mutualaid.data._incidents import check_incidents, incident_table
from mutualaid.data._model import Region, Source
from mutualaid.data._paths import beside, inside
from mutualaid.data._road_files import road_file_defect
from mutualaid.data._schema import (
    TABLES,
    NetworkFiles,
    RegionHead,
    StandardEntry,
    TableFile,
    default_profile,
)
from mutualaid.data._stamps import STAMP_TYPE
from mutualaid.data._tables import indexed, load, write_table
from mutualaid.data._target_files import target_document, target_list
from mutualaid.data._targets import Target
from mutualaid.data._toml import changed, dump, parse
from mutualaid.errors import Defect, RegionError

__all__ = ["check_region", "read_region", "region_notes", "write_region"]

#: Files that writing a region makes itself, in small letters.
_WRITTEN = {"region.toml", *(f"{name}.{suffix}" for name in TABLES for suffix in ("csv", "geojson"))}
#: A region's demand may differ by this share from the population of a jurisdiction without a note.
_NOTED_SHARE = 0.01


def read_region(path: Path | str) -> Region:
    """Read a region folder.

    Nothing is fetched or executed because a file says so, and no file outside the folder is opened.

    Parameters
    ----------
    path
        region.toml, or the folder that holds it.

    Returns
    -------
    Region
        All tables in the region's CRS, indexed by id, in the order of their files. Columns that
        `region_schema` does not describe are left out; a station or demand point without a jurisdiction has
        got that of its location.

    Raises
    ------
    RegionError
        If anything is wrong: all defects of all files at once.

    Examples
    --------
    >>> from mutualaid.data import demo_path
    >>> region = read_region(demo_path())  # doctest: +SKIP
    >>> region.jurisdictions["country"].unique().tolist()  # doctest: +SKIP
    ['MC', 'FR']
    """
    region, defects = _read(Path(path))
    if region is None:
        raise RegionError(defects)
    return region


def check_region(path: Path | str) -> list[Defect]:
    """Find everything that is wrong with a region folder.

    Parameters
    ----------
    path
        region.toml, or the folder that holds it.

    Returns
    -------
    list of Defect
        In the order of reading; empty if `read_region` will read it. More than 20 rows of one file with the
        same defect are counted in one.

    Examples
    --------
    >>> [defect.got for defect in check_region("no-such-folder")]
    ['nothing at no-such-folder']
    """
    return _read(Path(path))[1]


def _read(path: Path) -> tuple[Region | None, list[Defect]]:
    toml = path / "region.toml" if path.is_dir() or path.suffix != ".toml" else path
    if not toml.is_file():
        got = f"nothing at {path}"
        return None, [Defect("region.toml", "", "a region folder with region.toml", got, "correct the path")]
    try:
        sections, defects = parse(toml)
    except RegionError as error:
        return None, list(error.defects)
    return _Reading(toml, sections, defects).region(), defects


class _Reading:
    """One reading of a region: every step adds to `defects` and goes on with what could be read."""

    def __init__(self, toml: Path, sections: dict[str, Any], defects: list[Defect]) -> None:
        self.toml = toml
        self.folder = toml.parent
        self.sections = sections
        self.defects = defects
        self.files = [toml]
        self.raw: dict[str, RawTable] = {}
        self.frames: dict[str, Any] = {}

    def region(self) -> Region | None:
        head = self.sections.get("region")
        stated_crs = self._stated_crs(head)
        for name in TABLES:
            entry = self.sections.get(name)
            if entry is not None:
                self._load(name, entry)
        files = self._network_files()
        self._profile_file()
        crs = self._region_crs(head, stated_crs)
        if crs is not None:
            self._check_tables(crs)
        self._check_ids(located=crs is not None)
        hazards = self._hazards()
        agreements = AgreementSections(self.toml.name, self.sections, self.raw, self.frames)
        self.defects += agreements.defects
        # Where ids could not be read, nobody can say which jurisdictions there are.
        areas = self.frames.get("jurisdictions") if certain(self.raw, "jurisdictions", "id") else None
        evacuation = EvacuationSection(self.folder, self.toml.name, self.sections, areas)
        self.defects += evacuation.defects
        self.files += evacuation.files
        targets, wrong = target_list(self.toml.name, self.sections)
        self.defects += wrong
        for raw in self.raw.values():
            self.defects += raw.defects
        if self.defects or head is None or crs is None:
            return None
        return self._build(head, crs, files, hazards, agreements, evacuation.case, targets)

    def _hazards(self) -> HazardSections:
        found = HazardSections(self.folder, self.toml.name, self.sections)
        areas = self.frames.get("jurisdictions")
        if areas is not None:
            texts = (areas[name].dropna() for name in ("id", "country", "partner"))
            found.check_providers({str(text) for column in texts for text in column if text})
        self.defects += found.defects
        self.files += found.files
        return found

    def _stated_crs(self, head: RegionHead | None) -> CRS | None:
        if head is None or head.crs is None:
            return None
        try:
            return parse_crs(head.crs, self.toml.name, "[region] crs")
        except RegionError as error:
            self.defects += error.defects
            return None

    def _load(self, name: str, entry: TableFile) -> None:
        weight = getattr(entry, "weight", "")
        try:
            path = inside(self.folder, entry.file, file=self.toml.name, where=f"[{name}] file")
            raw, frame = load(path, name, file=entry.file, layer=entry.layer, crs=entry.crs, weight=weight)
        except RegionError as error:
            self.defects += error.defects
            return
        self.files.append(path)
        self.raw[name] = raw
        self.frames[name] = frame

    def _network_files(self) -> tuple[Path, ...]:
        entry: NetworkFiles | None = self.sections.get("network")
        paths = []
        for name in entry.files if entry else ():
            try:
                path = inside(self.folder, name, file=self.toml.name, where="[network] files")
            except RegionError as error:
                self.defects += error.defects
                continue
            defect = road_file_defect(path, name)
            if path in paths:
                defect = Defect(
                    self.toml.name, "[network] files", "each file once", f"{name} twice", "remove one of them"
                )
            if defect:
                self.defects.append(defect)
            paths.append(path)
        return tuple(paths)

    def _profile_file(self) -> None:
        parameters = self.sections.get("parameters")
        if parameters is None or not parameters.profile.lower().endswith(".toml"):
            return
        try:
            where = "[parameters] profile"
            self.files.append(inside(self.folder, parameters.profile, file=self.toml.name, where=where))
        except RegionError as error:
            self.defects += error.defects

    def _region_crs(self, head: RegionHead | None, stated: CRS | None) -> CRS | None:
        """Give the region's CRS; the UTM zone where none is stated or the stated one cannot be used."""
        frame = self.frames.get("jurisdictions")
        if frame is None or frame.crs is None:
            return None
        good = frame.geometry[~self.raw["jurisdictions"].reported]
        if good.empty:
            return None
        west, south, east, north = good.to_crs(WGS84).total_bounds
        lon, lat = (west + east) / 2, (south + north) / 2
        if stated is not None and head is not None:
            defect = checks.check_crs(stated, str(head.crs), self.toml.name, lon, lat)
            if defect is None:
                return stated
            self.defects.append(defect)
        # The zone by its number, so that it depends on the place alone.
        zone = int((lon + 180) // 6) % 60 + 1
        return CRS.from_epsg((32600 if lat >= 0 else 32700) + zone)

    def _check_tables(self, crs: CRS) -> None:
        for name, frame in self.frames.items():
            if isinstance(frame, gpd.GeoDataFrame) and frame.crs is not None:
                self.frames[name] = frame.to_crs(crs)
        shapes = self.frames["jurisdictions"]
        raw = self.raw["jurisdictions"]
        checks.check_overlaps(raw, shapes)
        areas = checks.Areas(shapes, complete=not raw.reported.any() and len(shapes) > 0)
        cell_m = getattr(self.sections.get("demand"), "cell_m", None)
        for name, tolerance_m in (
            ("stations", checks.point_tolerance_m()),
            ("demand", checks.point_tolerance_m(cell_m)),
            ("shelters", checks.point_tolerance_m()),
        ):
            frame = self.frames.get(name)
            if frame is not None and frame.crs is not None:
                places = checks.locate(self.raw[name], frame, areas, tolerance_m)
                self.frames[name] = frame.assign(jurisdiction=places)
        ground = self.frames.get("ground")
        if ground is not None and ground.crs is not None:
            checks.check_ground(self.raw["ground"], ground, areas)
        incidents = self.frames.get("incidents")
        if incidents is not None and incidents.crs is not None:
            anywhere = incidents.assign(jurisdiction=pd.Series(index=incidents.index, dtype=str))
            checks.locate(self.raw["incidents"], anywhere, areas, checks.point_tolerance_m())
        demand = self.frames.get("demand")
        if demand is not None and demand.crs is not None:
            self.frames["demand"] = checks.check_cells(self.raw["demand"], demand, cell_m, self.toml.name)

    def _check_ids(self, *, located: bool) -> None:
        """Ids that other tables and region.toml refer to."""
        if not located and "jurisdictions" in self.frames:
            known = pd.Index(self.frames["jurisdictions"]["id"].dropna().unique())
            for name in ("stations", "demand", "shelters"):
                if name in self.frames:
                    values = self.frames[name]["jurisdiction"]
                    checks.check_ids(
                        self.raw[name], values, known, column="jurisdiction", what="jurisdiction"
                    )
        if "units" in self.frames and "stations" in self.frames:
            units, stations = self.frames["units"], pd.Index(self.frames["stations"]["id"].dropna().unique())
            checks.check_ids(self.raw["units"], units["station"], stations, column="station", what="station")
        if "shelters" in self.frames and "jurisdictions" in self.frames:
            self.frames["shelters"] = checks.check_shelters(
                self.raw["shelters"], self.frames["shelters"], self.frames["jurisdictions"]
            )
        if "incidents" in self.frames:
            check_incidents(self.raw["incidents"], self.frames["incidents"])
        if "decisions" in self.frames:
            self.frames["decisions"] = check_decisions(self.raw["decisions"], self.frames["decisions"])
        parameters = self.sections.get("parameters")
        if parameters is not None and "jurisdictions" in self.frames:
            known = set(self.frames["jurisdictions"]["id"])
            for name in parameters.local_standards:
                if name not in known:
                    where = "[parameters] local_standards"
                    remedy = "correct the id, or remove the line"
                    self.defects.append(
                        Defect(self.toml.name, where, "the id of a jurisdiction", repr(name), remedy)
                    )
        own = [entry.id for entry in self.sections.get("standard", ())]
        for name in sorted({name for name in own if own.count(name) > 1}):
            self.defects.append(
                Defect(
                    self.toml.name, "[[standard]] id", "each id once", f"{name} twice", "rename one of them"
                )
            )

    def _build(
        self,
        head: RegionHead,
        crs: CRS,
        files: tuple[Path, ...],
        hazards: HazardSections,
        agreements: AgreementSections,
        evacuation: EvacuationCase | None,
        targets: tuple[Target, ...],
    ) -> Region:
        hospitals = self.frames.get("hospitals", _empty("hospitals", crs))
        return Region(
            name=head.name,
            folder=self.folder,
            crs=crs,
            jurisdictions=indexed(self.frames["jurisdictions"]),
            stations=indexed(self.frames["stations"]),
            units=indexed(self.frames.get("units", _empty("units", crs))),
            demand=indexed(self.frames["demand"]),
            cell_m=self.sections["demand"].cell_m,
            hospitals=indexed(hospitals),
            network_files=files,
            parameters=self.sections["parameters"].parameters(),
            sources=tuple(Source(**entry.model_dump()) for entry in self.sections["source"]),
            standards={entry.id: _standard(entry) for entry in self.sections["standard"]},
            note=head.note,
            hazards=hazards.hazards,
            scenarios=hazards.scenarios,
            risks=hazards.risks,
            agreements=agreements.agreements,
            costs=agreements.costs,
            files=tuple(dict.fromkeys([*self.files, *files])),
            ground=indexed(self.frames.get("ground", _empty("ground", crs))),
            shelters=indexed(self.frames.get("shelters", _empty("shelters", crs))),
            evacuation=evacuation,
            incidents=indexed(self.frames.get("incidents", _empty("incidents", crs))),
            decisions=indexed(self.frames.get("decisions", _empty("decisions", crs))),
            targets=targets,
        )


def _standard(entry: StandardEntry) -> dict[str, object]:
    return {
        key: value
        for key, value in entry.model_dump(exclude={"id"}).items()
        if value is not None and value != ""
    }


def _empty(name: str, crs: CRS) -> Any:
    """Give a table without rows, with the columns and types of one that has some."""
    spec = TABLES[name]
    kinds: dict[str, Any] = {"number": np.float64, "count": np.int64, "flag": bool, "stamp": STAMP_TYPE}
    text = pd.Series(["text"]).dtype
    frame = pd.DataFrame(
        {column.name: pd.Series([], dtype=kinds.get(column.kind, text)) for column in spec.columns}
    )
    if "stamp" in {column.kind for column in spec.columns}:
        frame["offset_min"] = pd.Series([], dtype=np.float64)
    return frame if spec.geometry == "none" else gpd.GeoDataFrame(frame, geometry=[], crs=crs)


def region_notes(region: Region) -> list[Defect]:
    """Find what is odd about a valid region: it can be used, but its people should know.

    Parameters
    ----------
    region
        A region as read.

    Returns
    -------
    list of Defect
        Jurisdictions whose demand differs by more than 1 % from their population, or that have no demand or
        no active station; populations that are unknown; agreements on the service analysed that are not in force on the
        day of the parameters, or today; values outside the range that an agreement states for them.
    """
    notes = []
    people = region.demand.groupby("jurisdiction")["population"].sum()
    active = set(region.stations.loc[region.stations["status"] == "active", "jurisdiction"])
    for key, population in region.jurisdictions["population"].items():
        where = f"id {key}"
        placed = float(people.get(key, 0.0))
        if np.isnan(population):
            notes.append(Defect("jurisdictions", where, "a population", "nothing", "add it from the census"))
        elif abs(placed - population) > _NOTED_SHARE * population:
            notes.append(
                Defect(
                    "demand",
                    where,
                    f"{population:,.0f} people as in the jurisdictions",
                    f"{placed:,.0f}",
                    "check whether the demand has another date or extent, or another weight",
                )
            )
        if key not in active:
            remedy = "add its stations, or read its times as those of others"
            notes.append(Defect("stations", where, "an active station", "none", remedy))
    return notes + _notes_on_agreements(region)


def _notes_on_agreements(region: Region) -> list[Defect]:
    parameters = region.parameters
    notes = []
    for number, one in enumerate(region.agreements, 1):
        where = f"[[agreement]] {number}"
        if one.holds_for(parameters.service):
            for note in agreement_notes([one], parameters.service, parameters.day):
                remedy = "renew it, or read the results as those without it"
                notes.append(Defect("region.toml", where, "an agreement in force", note.rstrip("."), remedy))
        for name, (low, high) in one.ranges.items():
            value = one.dispatch_s if name == "dispatch_delay_s" else getattr(one, name)
            if value is not None and np.isfinite(value) and not low <= value <= high:
                expected, got = f"{value:g} within its range", f"{low:g}…{high:g}"
                remedy = "correct the range, or the value"
                notes.append(Defect("region.toml", f"{where}, ranges.{name}", expected, got, remedy))
    return notes


# --- writing ------------------------------------------------------------------------------------------------


def write_region(region: Region, folder: Path | str) -> Path:
    """Write a region folder: region.toml, jurisdictions and ground as GeoJSON, other tables as CSV, roads and hazards.

    Parameters
    ----------
    region
        The region; tables that are empty and may be are left out.
    folder
        Where to write; made if needed. Files of the same names are replaced, others stay.

    Returns
    -------
    Path
        The region.toml written; `read_region` gives the same region back, positions to a tenth of a
        millimetre.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    document: dict[str, Any] = {
        "schema": 1,
        "region": {"name": region.name, "crs": _code(region.crs), "note": region.note or None},
    }
    for name, spec in TABLES.items():
        frame = getattr(region, name)
        if len(frame) or not spec.may_be_empty:
            file = f"{name}.{'csv' if spec.geometry in ('none', 'point') else 'geojson'}"
            write_table(incident_table(frame) if name == "incidents" else frame, folder / file)
            document[name] = {"file": file}
    document["demand"]["cell_m"] = region.cell_m
    copies = _Copies(region.folder, folder)
    document["network"] = {"files": [copies(path) for path in region.network_files]}
    parameters = region.parameters
    document["parameters"] = changed(parameters)
    if parameters.profile != default_profile(parameters.service):
        own = region.profile
        document["parameters"]["profile"] = copies(own) if isinstance(own, Path) else own
    document["source"] = [
        {key: value for key, value in asdict(source).items() if value} for source in region.sources
    ]
    document["standard"] = [{"id": key, **values} for key, values in region.standards.items()]
    document |= hazard_document(region.hazards, region.scenarios, region.risks, copies)
    document |= {"agreement": [changed(one) for one in region.agreements], "cost": changed(region.costs)}
    document |= evacuation_document(region, copies) | target_document(region.targets)
    path = folder / "region.toml"
    with beside(path) as temporary:
        temporary.write_text(dump(document), encoding="utf-8", newline="\n")
    return path


def _code(crs: CRS) -> str:
    authority = crs.to_authority()
    if authority is None:
        raise RegionError(
            [Defect("", "crs", "a CRS with an authority and code", crs.name, "choose one listed at epsg.org")]
        )
    return ":".join(authority)


class _Copies:
    """Copies files that a region names into a new folder: to the same place there, those from elsewhere beside."""

    def __init__(self, source: Path, folder: Path) -> None:
        self._source = source
        self._folder = folder
        self._names: dict[Path, str] = {}

    def __call__(self, path: Path) -> str:
        """Copy a file, and what belongs to it; give its name in the new folder."""
        key = path.resolve()
        if key not in self._names:
            self._names[key] = self._free_name(path)
            for part in with_sidecars(path):
                target = (self._folder / self._names[key]).with_name(part.name)
                if not (target.exists() and target.samefile(part)):
                    with beside(target) as temporary:
                        shutil.copyfile(part, temporary)
        return self._names[key]

    def _free_name(self, path: Path) -> str:
        if path.is_relative_to(self._source):
            return path.relative_to(self._source).as_posix()
        taken = {name.lower() for name in self._names.values()}
        plain = path.name.lower()
        if plain not in taken and plain not in _WRITTEN and not (self._folder / path.name).exists():
            return path.name
        # A file of another one's name goes into a folder of its own.
        return next(name for n in range(1, 1_000_000) if (name := f"{n}/{path.name}").lower() not in taken)
