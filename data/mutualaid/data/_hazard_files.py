"""The hazard sections of region.toml: files inside the folder, and ids that exist."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from mutualaid.data._hazards import HAZARDS, HazardScenario, HazardSource, RiskCurve
from mutualaid.data._paths import inside
from mutualaid.data._schema import HazardEntry, RiskEntry, ScenarioEntry
from mutualaid.data._toml import dump
from mutualaid.errors import Defect, RegionError

__all__ = ["HazardSections", "hazard_document", "hazard_sections", "with_sidecars"]

#: Files that belong to a shapefile.
_SIDECARS = (".dbf", ".shx", ".prj", ".cpg")


class HazardSections:
    """One reading of ``[[hazard]]``, ``[[scenario]]`` and ``[[risk]]``.

    Attributes
    ----------
    hazards, scenarios, risks
        What could be read.
    files
        Files that they name.
    defects
        What is wrong.
    """

    def __init__(self, folder: Path, toml: str, sections: Mapping[str, Any]) -> None:
        self._folder = folder
        self._toml = toml
        self.files: list[Path] = []
        self.defects: list[Defect] = []
        #: None where a section itself is broken: then nobody can say which ids there are.
        self._entries: dict[str, list[Any] | None] = {
            name: sections.get(name) for name in ("hazard", "scenario", "risk")
        }
        for name, entries in self._entries.items():
            self._check_unique(name, [entry.id for entry in entries or ()])
        self.hazards = tuple(filter(None, map(self._hazard, self._numbered("hazard"))))
        self.scenarios = tuple(filter(None, map(self._scenario, self._numbered("scenario"))))
        self.risks = tuple(map(self._risk, self._numbered("risk")))

    def check_providers(self, known: Collection[str]) -> None:
        """Report layers whose provider is no jurisdiction, country or partner of the region."""
        for number, entry in self._numbered("hazard"):
            if entry.jurisdiction and entry.jurisdiction not in known:
                what = "the id of a jurisdiction, a country or a partner of the region"
                self._unknown(f"[[hazard]] {number}, jurisdiction", what, entry.jurisdiction, known)

    def _numbered(self, section: str) -> list[tuple[int, Any]]:
        return list(enumerate(self._entries[section] or (), 1))

    def _check_unique(self, section: str, ids: list[str]) -> None:
        for name in sorted({name for name in ids if ids.count(name) > 1}):
            self.defects.append(
                Defect(self._toml, f"[[{section}]] id", "each id once", f"{name} twice", "rename one of them")
            )

    def _unknown(self, where: str, expected: str, got: str, known: Iterable[str]) -> None:
        known = sorted(map(str, known))
        close = difflib.get_close_matches(got, known, n=1)
        remedy = f"did you mean {close[0]}" if close else f"use one of {', '.join(known[:10]) or 'none'}"
        self.defects.append(Defect(self._toml, where, expected, repr(got)[:80], remedy))

    def _file(self, name: str, where: str) -> Path | None:
        try:
            path = inside(self._folder, name, file=self._toml, where=where)
        except RegionError as error:
            self.defects += error.defects
            return None
        self.files += with_sidecars(path)
        return path

    def _own_file(self, value: str, where: str) -> str | Path | None:
        """Give the path of a scheme or rule of the region's own; the id of a built-in one as it is."""
        return self._file(value, where) if value.lower().endswith(".toml") else value

    def _hazard(self, numbered: tuple[int, HazardEntry]) -> HazardSource | None:
        number, entry = numbered
        where = f"[[hazard]] {number}"
        path = self._file(entry.file, f"{where}, file")
        scheme = self._own_file(entry.scheme, f"{where}, scheme")
        if entry.return_period_years is not None and entry.event:
            got = f"{entry.return_period_years:g} years and {entry.event!r}"
            remedy = "remove one of them: a zone of a return period is not an event"
            self.defects.append(Defect(self._toml, where, "a return period or an event", got[:80], remedy))
        if path is None or scheme is None:
            return None
        values = entry.model_dump(exclude={"file", "scheme", "return_period_years", "covers"})
        west_to_north = entry.covers
        return HazardSource(
            file=path,
            scheme=scheme,
            return_period_years=entry.return_period_years or math.nan,
            covers=None if west_to_north is None else tuple(west_to_north),  # type: ignore[arg-type]
            **(values | {"name": entry.name or entry.id}),
        )

    def _scenario(self, numbered: tuple[int, ScenarioEntry]) -> HazardScenario | None:
        number, entry = numbered
        where = f"[[scenario]] {number}"
        entries: list[HazardEntry] | None = self._entries["hazard"]
        if entries is not None:
            ids = [one.id for one in entries]
            for name in entry.layers:
                if name not in ids:
                    self._unknown(f"{where}, layers", "the id of a [[hazard]]", name, ids)
            for key in entry.rules:
                if key not in ids and key not in HAZARDS:
                    self._unknown(f"{where}, rules", "a layer of it, or a hazard", key, [*ids, *HAZARDS])
        rules = {key: self._own_file(rule, f"{where}, rules.{key}") for key, rule in entry.rules.items()}
        twice = sorted({name for name in entry.layers if entry.layers.count(name) > 1})
        if twice:
            got = f"{', '.join(twice)} twice"
            self.defects.append(Defect(self._toml, f"{where}, layers", "each layer once", got, "remove one"))
        if not (entry.layers or entry.closed_ways or entry.closed_crossings):
            expected = "a layer, a closed way or a closed crossing"
            remedy = "name the layers that belong to it"
            self.defects.append(Defect(self._toml, f"{where}, layers", expected, "nothing", remedy))
        elif not twice:
            values = entry.model_dump()
            values |= {key: tuple(values[key]) for key in ("layers", "closed_ways", "closed_crossings")}
            known = {key: rule for key, rule in rules.items() if rule is not None}
            return HazardScenario(**(values | {"name": entry.name or entry.id, "rules": known}))
        return None

    def _risk(self, numbered: tuple[int, RiskEntry]) -> RiskCurve:
        number, entry = numbered
        where = f"[[risk]] {number}"
        scenarios: list[ScenarioEntry] | None = self._entries["scenario"]
        known = {one.id: one for one in scenarios or ()}
        years: dict[float, str] = {}
        for name in entry.scenarios:
            if name not in known:
                if scenarios is not None:
                    self._unknown(f"{where}, scenarios", "the id of a [[scenario]]", name, known)
                continue
            found = self._return_periods(known[name])
            if found is None:
                continue
            if len(found) != 1 or math.isnan(*found):
                expected = f"layers of one return period in scenario {name}"
                got = ", ".join("none" if math.isnan(one) else f"{one:g} years" for one in sorted(found))
                remedy = "state return_period_years in its [[hazard]] layers"
                self.defects.append(Defect(self._toml, f"{where}, scenarios", expected, got, remedy))
                continue
            (period,) = found
            if period in years:
                got = f"{period:g} years in {years[period]} and {name}"
                remedy = "remove one of them"
                self.defects.append(
                    Defect(self._toml, f"{where}, scenarios", "each return period once", got, remedy)
                )
            years[period] = name
        if (entry.triangle_year is not None) != (entry.frequent == "triangle"):
            got = f"{entry.triangle_year} with frequent = {entry.frequent!r}"
            expected = "a year with frequent = 'triangle', and only then"
            self.defects.append(Defect(self._toml, f"{where}, triangle_year", expected, got, "correct it"))
        elif entry.triangle_year is not None and years and entry.triangle_year >= min(years):
            expected = f"a year below {min(years):g}, the most frequent return period"
            got = f"{entry.triangle_year:g}"
            self.defects.append(Defect(self._toml, f"{where}, triangle_year", expected, got, "correct it"))
        values = entry.model_dump() | {"name": entry.name or entry.id}
        return RiskCurve(**(values | {"scenarios": tuple(entry.scenarios)}))

    def _return_periods(self, scenario: ScenarioEntry) -> set[float] | None:
        """Return periods of a scenario's layers, NaN for none; None if a layer is not known."""
        entries: list[HazardEntry] | None = self._entries["hazard"]
        known = {one.id: one.return_period_years or math.nan for one in entries or ()}
        if not scenario.layers:
            return {math.nan}
        periods = [known[name] for name in scenario.layers if name in known]
        return set(periods) if len(periods) == len(scenario.layers) else None


def with_sidecars(path: Path) -> list[Path]:
    """Give a file and what belongs to it: a shapefile is several files of one name."""
    parts = map(path.with_suffix, _SIDECARS) if path.suffix.lower() == ".shp" else ()
    return [path, *(part for part in parts if part.is_file())]


def hazard_document(
    hazards: Iterable[HazardSource],
    scenarios: Iterable[HazardScenario],
    risks: Iterable[RiskCurve],
    copied: Callable[[Path], str],
) -> dict[str, list[dict[str, Any]]]:
    """Give the hazard sections of region.toml; `copied` puts a file into the new folder and names it there."""

    def entry(decision: HazardSource | HazardScenario | RiskCurve) -> dict[str, Any]:
        said = {}
        for one in fields(decision):
            value = getattr(decision, one.name)
            usual = () if one.default_factory is MISSING else one.default_factory()
            usual = usual if one.default is MISSING else one.default
            missing = isinstance(value, float) and math.isnan(value) and one.name != "nodata"
            if value != usual and not missing and value is not None:
                said[one.name] = plain(value)
        return said

    def plain(value: Any) -> Any:
        if isinstance(value, Path):
            return copied(value)
        if isinstance(value, Mapping):
            return {key: plain(item) for key, item in value.items()}
        return list(value) if isinstance(value, tuple) else value

    return {
        "hazard": [entry(source) for source in hazards],
        "scenario": [entry(scenario) for scenario in scenarios],
        "risk": [entry(curve) for curve in risks],
    }


def hazard_sections(sources: Iterable[HazardSource], folder: Path | str) -> str:
    """Give the ``[[hazard]]`` sections for layers in a region folder, to be put into its region.toml.

    Parameters
    ----------
    sources
        The layers; their files lie in `folder`.
    folder
        The region folder.

    Returns
    -------
    str
        TOML.

    Raises
    ------
    RegionError
        A file lies outside the folder.

    Examples
    --------
    >>> from pathlib import Path
    >>> from mutualaid.data import HazardSource, hazard_sections
    >>> layer = HazardSource(id="zones", file=Path("r/hazards/z.gpkg"), hazard="flood", quantity="class",
    ...                      column="zone", scheme="de-hq")
    >>> print(hazard_sections([layer], "r"))
    [[hazard]]
    id = "zones"
    file = "hazards/z.gpkg"
    hazard = "flood"
    quantity = "class"
    scheme = "de-hq"
    column = "zone"
    <BLANKLINE>
    """

    def named(path: Path) -> str:
        if not path.is_relative_to(folder):
            remedy = "put it into the folder"
            raise RegionError([Defect(path.name, "", "a file in the region folder", "one elsewhere", remedy)])
        return path.relative_to(folder).as_posix()

    return dump({"hazard": hazard_document(sources, (), (), named)["hazard"]})
