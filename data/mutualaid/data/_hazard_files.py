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

#: What belongs to a file, by its suffix: suffixes that stand in its place, or behind it if they begin with ``+``.
_SIDECARS = {
    ".shp": (".dbf", ".shx", ".prj", ".cpg"),
    ".asc": (".prj", "+.aux.xml"),
    ".tif": (".tfw", "+.aux.xml", "+.msk"),
    ".tiff": (".tfw", ".tifw", "+.aux.xml", "+.msk"),
    ".img": (".ige", "+.aux.xml"),
    ".nc": ("+.aux.xml",),
}


#: Keys of a scenario that hold several values.
_LISTS = ("layers", "closed_stations", "closed_ways", "closed_crossings")


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
        #: An entry that is broken is None; where there is one, nobody can say which ids there are.
        self._entries: dict[str, list[Any]] = {
            name: sections.get(name) or [] for name in ("hazard", "scenario", "risk")
        }
        self._complete = {
            name: sections.get(name) is not None and None not in entries
            for name, entries in self._entries.items()
        }
        for name, entries in self._entries.items():
            self._check_unique(name, [entry.id for entry in entries if entry is not None])
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
        return [(n, entry) for n, entry in enumerate(self._entries[section], 1) if entry is not None]

    def _known(self, section: str) -> dict[str, Any]:
        return {entry.id: entry for entry in self._entries[section] if entry is not None}

    def _check_unique(self, section: str, ids: list[str]) -> None:
        # The results are named after ids, and names of layers and files do not tell case apart.
        groups: dict[str, list[str]] = {}
        for name in ids:
            groups.setdefault(name.casefold(), []).append(name)
        for names in groups.values():
            if len(names) > 1:
                distinct = sorted(set(names))
                got = (
                    f"{names[0]} twice"
                    if len(distinct) == 1
                    else f"{' and '.join(distinct)}, alike but for case"
                )
                self.defects.append(
                    Defect(self._toml, f"[[{section}]] id", "each id once", got, "rename one of them")
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
        whole = with_sidecars(path)
        if any(not part.resolve().is_relative_to(self._folder.resolve()) for part in whole):
            expected = "a file that is inside the region folder with all that belongs to it"
            remedy = "replace the links that lead out of it by copies"
            self.defects.append(Defect(self._toml, where, expected, repr(name)[:80], remedy))
            return None
        self.files += whole
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
        known = self._known("hazard")
        if self._complete["hazard"]:
            self._check_layers(entry, where, known)
        self._check_delay(entry, where)
        rules = {key: self._own_file(rule, f"{where}, rules.{key}") for key, rule in entry.rules.items()}
        twice = sorted({name for name in entry.layers if entry.layers.count(name) > 1})
        if twice:
            got = f"{', '.join(twice)} twice"
            self.defects.append(Defect(self._toml, f"{where}, layers", "each layer once", got, "remove one"))
        if not (entry.layers or entry.closed_ways or entry.closed_crossings or entry.closed_stations):
            expected = "a layer, or a closed way, crossing or station"
            remedy = "name the layers that belong to it"
            self.defects.append(Defect(self._toml, f"{where}, layers", expected, "nothing", remedy))
        elif not twice:
            values = entry.model_dump()
            values |= {key: tuple(values[key]) for key in _LISTS}
            there = {key: rule for key, rule in rules.items() if rule is not None}
            return HazardScenario(**(values | {"name": entry.name or entry.id, "rules": there}))
        return None

    def _check_layers(self, entry: ScenarioEntry, where: str, known: Mapping[str, HazardEntry]) -> None:
        for name in entry.layers:
            if name not in known:
                self._unknown(f"{where}, layers", "the id of a [[hazard]]", name, known)
        named = [known[name] for name in entry.layers if name in known]
        own = [*(one.id for one in named), *dict.fromkeys(one.hazard for one in named)]
        # Where a layer is misspelt, a rule may be for that one.
        allowed = own if len(named) == len(entry.layers) else [*known, *HAZARDS]
        for key in entry.rules:
            if key not in allowed:
                self._unknown(f"{where}, rules", "a layer of it, or a hazard of one", key, allowed)

    def _check_delay(self, entry: ScenarioEntry, where: str) -> None:
        severity = entry.stations_delayed
        if severity is None and entry.stations_delay_s:
            expected, remedy = (
                "stations_delayed, the severity from which it holds",
                "state it, or remove the delay",
            )
            self.defects.append(
                Defect(
                    self._toml,
                    f"{where}, stations_delay_s",
                    expected,
                    f"{entry.stations_delay_s:g} alone",
                    remedy,
                )
            )
        if severity is not None and severity >= entry.stations_out:
            expected = f"a severity below stations_out, which is {entry.stations_out}"
            remedy = "lower it, or raise stations_out"
            self.defects.append(
                Defect(self._toml, f"{where}, stations_delayed", expected, str(severity), remedy)
            )

    def _risk(self, numbered: tuple[int, RiskEntry]) -> RiskCurve:
        number, entry = numbered
        where = f"[[risk]] {number}"
        known = self._known("scenario")
        years: dict[float, str] = {}
        hazards: set[frozenset[str]] = set()
        for name in entry.scenarios:
            if name not in known:
                if self._complete["scenario"]:
                    self._unknown(f"{where}, scenarios", "the id of a [[scenario]]", name, known)
                continue
            hazards |= {self._hazards_of(known[name])}
            found = self._return_periods(known[name])
            if found is None:
                continue
            if len(found) != 1 or not min(found) >= 1:
                expected = f"layers of one return period in scenario {name}, of 1 year or more"
                got = ", ".join("none" if math.isnan(one) else f"{one:g} years" for one in sorted(found))
                remedy = "state return_period_years in its [[hazard]] layers, or in the scenario"
                if len(self._hazards_of(known[name])) > 1 and known[name].return_period_years is None:
                    expected = (
                        f"return_period_years in scenario {name}, in which several hazards strike at once"
                    )
                    remedy = "state how rare that is: the layers do not say it"
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
        if len(hazards - {frozenset()}) > 1:
            got = "; ".join(", ".join(sorted(one)) for one in sorted(hazards, key=sorted))
            remedy = "make one [[risk]] for each"
            self.defects.append(
                Defect(self._toml, f"{where}, scenarios", "the same hazards in all of them", got, remedy)
            )
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

    def _hazards_of(self, scenario: ScenarioEntry) -> frozenset[str]:
        known = self._known("hazard")
        return frozenset(known[name].hazard for name in scenario.layers if name in known)

    def _return_periods(self, scenario: ScenarioEntry) -> set[float] | None:
        """Return periods of a scenario, NaN for none; None if a layer is not known."""
        if scenario.return_period_years is not None:
            return {scenario.return_period_years}
        known = {key: one.return_period_years or math.nan for key, one in self._known("hazard").items()}
        if not scenario.layers or len(self._hazards_of(scenario)) > 1:
            return {math.nan}
        periods = [known[name] for name in scenario.layers if name in known]
        return set(periods) if len(periods) == len(scenario.layers) else None


def with_sidecars(path: Path) -> list[Path]:
    """Give a file and what belongs to it, in small or capital letters: a shapefile is several files of one name."""
    wanted = {
        (path.name + one[1:] if one.startswith("+") else path.stem + one).lower()
        for one in _SIDECARS.get(path.suffix.lower(), ())
    }
    if not wanted:
        return [path]
    return [path, *sorted(one for one in path.parent.iterdir() if one.name.lower() in wanted and one != path)]


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
