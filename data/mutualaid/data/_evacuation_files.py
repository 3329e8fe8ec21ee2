"""The section of region.toml on an evacuation: files inside the folder, and ids that exist."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from mutualaid.data._columns import conform
from mutualaid.data._evacuation import ArrivalSource, EvacuationCase, zone_reference
from mutualaid.data._formats import read_raw
from mutualaid.data._hazard_files import with_sidecars
from mutualaid.data._paths import inside, shown
from mutualaid.data._schema import ZONES, ArrivalEntry, EvacuationEntry
from mutualaid.data._toml import changed
from mutualaid.errors import Defect, EvacuationError, RegionError

if TYPE_CHECKING:
    from mutualaid.data._model import Region

__all__ = ["EvacuationSection", "evacuation_document"]


class EvacuationSection:
    """One reading of ``[evacuation]``.

    Ids of crossings and names of roads are checked where the roads are known, in the analysis; times of arrival where
    hazards are read.

    Attributes
    ----------
    case
        What could be read; None if there is no such section.
    files
        Files that it names.
    defects
        What is wrong.
    """

    def __init__(
        self, folder: Path, toml: str, sections: Mapping[str, Any], areas: pd.DataFrame | None
    ) -> None:
        self._folder = folder
        self._toml = toml
        self.files: list[Path] = []
        self.defects: list[Defect] = []
        self.case: EvacuationCase | None = None
        entry: EvacuationEntry | None = sections.get("evacuation")
        if entry is None:
            return
        self._check_scenario(entry, sections)
        for number, zone in enumerate(entry.zones, 1):
            self._check_zone(f"[evacuation] zones {number}", zone, sections, areas)
        arrival = None if entry.arrival is None else self._arrival(entry.arrival)
        values = entry.model_dump(exclude={"arrival"})
        values |= {key: _tuples(value) for key, value in values.items() if isinstance(value, list)}
        try:
            self.case = EvacuationCase(**values, arrival=arrival)
        except EvacuationError as error:
            for defect in error.defects:
                # A zone that cannot be read has been reported, with its number.
                if defect.where != "evacuation, zones" or " twice" in defect.got:
                    self._report(defect, "evacuation, ", "[evacuation] ")

    def _report(self, defect: Defect, own: str, place: str) -> None:
        self.defects.append(replace(defect, file=self._toml, where=place + defect.where.removeprefix(own)))

    def _unknown(self, where: str, expected: str, got: str, known: Iterable[str]) -> None:
        names = sorted(map(str, known))
        close = difflib.get_close_matches(got, names, n=1)
        remedy = f"did you mean {close[0]}" if close else f"use one of {', '.join(names[:10]) or 'none'}"
        self.defects.append(Defect(self._toml, where, expected, shown(got), remedy))

    def _check_scenario(self, entry: EvacuationEntry, sections: Mapping[str, Any]) -> None:
        known, complete = _ids(sections, "scenario")
        if entry.scenario and complete and entry.scenario not in known:
            self._unknown("[evacuation] scenario", "the id of a [[scenario]]", entry.scenario, known)

    def _check_zone(
        self, where: str, text: str, sections: Mapping[str, Any], areas: pd.DataFrame | None
    ) -> None:
        try:
            zone = zone_reference(text)
        except EvacuationError as error:
            self.defects += (replace(one, file=self._toml, where=where) for one in error.defects)
            return
        if zone.kind == "file":
            self._check_polygons(where, text)
        elif zone.kind == "severity":
            layers, all_layers = _ids(sections, "hazard")
            scenarios, all_scenarios = _ids(sections, "scenario")
            if all_layers and all_scenarios and zone.key not in {*layers, *scenarios}:
                expected = "the id of a [[hazard]] or [[scenario]]"
                self._unknown(where, expected, zone.key, {*layers, *scenarios})
        elif areas is not None and zone.key not in set(areas["id"].dropna()):
            expected = "the id of a jurisdiction, a file of polygons, or severity:<id>>=<1…5>"
            self._unknown(where, expected, zone.key, areas["id"].dropna())

    def _check_polygons(self, where: str, name: str) -> None:
        try:
            path = inside(self._folder, name, file=self._toml, where=where)
            raw = read_raw(path, name, layer=None, crs=None)
        except RegionError as error:
            self.defects += error.defects
            return
        conform(raw, ZONES)
        self.defects += raw.defects
        self.files.append(path)

    def _arrival(self, entry: ArrivalEntry) -> ArrivalSource | None:
        where = "[evacuation] arrival.file"
        try:
            path = inside(self._folder, entry.file, file=self._toml, where=where)
        except RegionError as error:
            self.defects += error.defects
            return None
        whole = with_sidecars(path)
        if any(not part.resolve().is_relative_to(self._folder.resolve()) for part in whole):
            expected = "a file that is inside the region folder with all that belongs to it"
            remedy = "replace the links that lead out of it by copies"
            self.defects.append(Defect(self._toml, where, expected, shown(entry.file), remedy))
            return None
        self.files += whole
        values = entry.model_dump(exclude={"file", "covers"})
        covers = None if entry.covers is None else tuple(entry.covers)
        try:
            return ArrivalSource(file=path, covers=covers, **values)  # type: ignore[arg-type]
        except EvacuationError as error:
            for defect in error.defects:
                self._report(defect, "arrival, ", "[evacuation] arrival.")
        return None


def evacuation_document(region: Region, copied: Callable[[Path], str]) -> dict[str, Any]:
    """Give the section of region.toml; `copied` puts a file into the new folder and names it there."""
    case = region.evacuation
    if case is None:
        return {}
    document = changed(case)
    if case.arrival is not None:
        document["arrival"] = changed_arrival(case.arrival, copied)
    if case.zones:
        document["zones"] = [
            copied(region.folder / text) if zone_reference(text).kind == "file" else text
            for text in case.zones
        ]
    # A section that says nothing is still one.
    return {"evacuation": document or {"name": ""}}


def changed_arrival(arrival: ArrivalSource, copied: Callable[[Path], str]) -> dict[str, Any]:
    """Give what a source of times states beyond the defaults; NaN is a value that stands for no data."""
    usual = {one.name: one.default for one in fields(arrival)}
    said = {key: value for key, value in asdict(arrival).items() if value is not None and value != usual[key]}
    if "covers" in said:
        said["covers"] = list(said["covers"])
    return said | {"file": copied(arrival.file)}


def _ids(sections: Mapping[str, Any], name: str) -> tuple[set[str], bool]:
    """Ids of the entries of a section, and whether all of them could be read."""
    entries = sections.get(name)
    return {one.id for one in entries or () if one is not None}, entries is not None and None not in entries


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
