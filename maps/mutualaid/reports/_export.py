"""What may be handed on: a region and its results without what partners keep back, and the list of what that is."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyogrio
import shapely
from numpy.typing import NDArray

from mutualaid.cooperation import Cooperation, SharedRegion, shared_region
from mutualaid.coverage import LEVELS, Analysis
from mutualaid.data import Region, write_region
from mutualaid.errors import Defect, InputError
from mutualaid.reports._agreed import agreed_as_told
from mutualaid.reports._results import _for_files, _write_json, check_target, write_results

__all__ = ["check_export", "export_region", "told_results"]

#: Everything that an export consists of.
_PARTS = ("manifest.json", "region", "results")
#: Columns of places that tell neither seconds nor stations; others go where those are kept back.
_LEVEL = f"({'|'.join(LEVELS)})"
_PLACE = re.compile(
    rf"id|population|jurisdiction|partner|cell_x|cell_y|road_status|(fair_)?status|(fair_)?{_LEVEL}_covered"
    rf"|{_LEVEL}_(partner|probability|error)|severity.*|hazard|layer|exposed|flooded|isolated|loss|{_LEVEL}"
)
#: Layers of places, and layers that say nothing about stations or single places.
_PLACES = re.compile("coverage.*|scenario_.*|risk_.*")
_GENERAL = re.compile("jurisdictions|main_roads|seams|roads_.*|severity_.*")
#: Tables of sums; what tells seconds, or people of few places, is taken out of them.
_TABLES = ("scenarios.csv", "risk.csv", "cooperation.csv", "crossings.csv")
#: Files that say nothing about stations or single places.
_SUMS = (
    "seams.csv",
    "crosswalk.csv",
    "reciprocity.csv",
    "reciprocity.png",
    "cost_shares.csv",
    "harmonisation.csv",
)
#: Files that tell times: how many people are left at each delay is how long they wait.
_OF_TIMES = ("response_times.parquet", "delays.csv", "break_even.csv", "break_even.png", "sensitivity.csv")
#: Files that tell people of few places.
_OF_PEOPLE = ("crossings.csv", "crossing_pairs.csv", "delays.csv", "break_even.csv", "break_even.png")
#: Parts of summary.json, of what it says about cooperation, and of run.json that are kept where something is withheld.
_SUMMARY = (
    "schema", "region", "standard", "local_standards", "parameters", "stations", "demand_points", "headline", "common",
    "local", "gaps", "null_means", "hazards", "cooperation", "sources", "targets", "decisions",
)  # fmt: skip
#: Groups of places that may be a single one.
_SMALL = ("hazard", "area")
_COOPERATION = (
    "costs", "indicators", "reciprocity", "balance", "dependence", "crossings", "crossing_pairs", "simultaneity",
    "shares", "core", "harmonisation",
)  # fmt: skip
_RECORD = (
    "schema", "region", "created", "seconds", "inputs", "parameters", "standard", "agreements", "day", "versions",
)  # fmt: skip
#: Layers and files from which single incidents, or what single units do, could be told.
_RUNS = ("incident_runs",)
_OF_RUNS = ("incidents_rates.csv", "incidents_units.csv", "incidents_performance.csv", "incidents_fit.csv")
#: Tables of groups of the record.
_OF_GROUPS = ("incidents_gain.csv", "incidents_speeds.csv", "incidents_delays.csv")
#: Groups of the record that are told apart, and the fewest incidents of which a group is told.
_GROUPS = ("jurisdictions", "partners", "hours")
_SIDES = ("own", "neighbours")
_FEWEST = 10
#: What is counted of a group that the gain is told of.
_IN_GAIN = ("incidents", "first_neighbour", "judged")
#: Names of numbers of people in gaps, at crossings and at stations.
_PEOPLE = re.compile(".*population|(lost|only|home)_.*")

_TIMES = "seconds, and which station comes, give away what is kept back of stations or places"
_NAMES = "it shows what is kept back"
_SINGLE = "single incidents, or what single units do, could be told from it"
_OF_FEW = f"groups of fewer than {_FEWEST}, and those from which these would follow"
_UNKNOWN = "nobody has made sure that it tells nothing of what is kept back"
_TRUE = (
    "The numbers in results/ are true: they were computed from all data before anything was withheld. Numbers that are "
    "computed from region/ differ."
)
_ESTIMATES = (
    "Who is covered, and how many people are, follows from everything. So whoever computes long enough can estimate "
    "what is withheld; it stands nowhere here, and no subtraction gives it."
)
_TEXTS = "Texts (names, notes, sources) pass as they are unless an agreement names them."


def export_region(
    analysis: Analysis, folder: str | Path, level: str, *, cooperation: Cooperation | None = None
) -> dict[str, Any]:
    """Write a region and its results for readers of some level, without what its partners keep from them.

    The folder holds ``region`` (to be read by `mutualaid.data.read_region`), ``results`` and ``manifest.json``, which
    lists what was withheld and why. Results would tell what the region does not: a turnout stands in every response
    time, a position in every isochrone. So where anything but the name of a station or unit is withheld, or where a
    demand point is, the results hold no seconds and no single stations. Where people of demand points are, they hold
    no people of gaps, crossings, stations or classes of severity. Files and layers that these rules do not know are
    left out. The headline and all sums by municipality and scenario are those of all data. Where nothing is withheld,
    the results are those of `write_results`.

    The folder is written beside and renamed when it is complete. An earlier export is replaced as a whole, so that
    nothing of it stays.

    Parameters
    ----------
    analysis
        Of all data.
    folder
        Where to write; new, empty or an earlier export, and not in the folder of the region.
    level
        Who will read it: ``public`` or ``partners``.
    cooperation
        What was measured of the analysis; as for `write_results`.

    Returns
    -------
    dict
        The manifest: ``schema`` (1), ``region``, ``level``, ``mutualaid`` (version), ``withheld`` (see
        `mutualaid.cooperation.Withheld`), ``left_out`` (``file``, ``what`` of it, empty for all, and ``reason``) and
        ``notes``.

    Raises
    ------
    AgreementError
        As `mutualaid.cooperation.shared_region`.
    InputError
        The folder cannot be written to, holds something else, or is that of the region.
    """
    region = analysis.region
    target = check_export(region, folder)
    shared = shared_region(region, level)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as name:
        beside = Path(name) / "export"
        (beside / "results").mkdir(parents=True)
        write_results(analysis, Path(name) / "all", cooperation=cooperation)
        left_out = list(told_results(shared, region, Path(name) / "all", beside / "results"))
        if len(shared.region.stations) and len(shared.region.demand):
            log = _log_as_told(shared.region.decisions, beside / "results" / "summary.json")
            left_out += _untold(shared.region.decisions, log)
            write_region(replace(shared.region, decisions=log), beside / "region")
        else:
            reason = "no station, or no demand, may leave, and a region without them cannot be read"
            left_out.insert(0, _left_out("region", "", reason))
        manifest = {
            "schema": 1,
            "region": region.name,
            "level": level,
            "mutualaid": version("mutualaid"),
            "withheld": [asdict(one) for one in shared.withheld],
            "left_out": left_out,
            "notes": [_TRUE, _ESTIMATES, _TEXTS] if any(one.rows for one in shared.withheld) else [],
        }
        _write_json(manifest, beside / "manifest.json")
        if target.exists():
            target.replace(Path(name) / "before")
        beside.replace(target)
    return manifest


def check_export(region: Region, folder: str | Path) -> Path:
    """Make sure that an export can be written to a folder, and that nothing is lost by it.

    Parameters
    ----------
    region
        What is to be exported.
    folder
        Where `export_region` is to write; what is missing above it is made.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        The folder cannot be written to, holds something else than an earlier export, or is that of the region.
    """
    target = check_target(folder)
    here, home = target.resolve(), region.folder.resolve()
    if here.is_relative_to(home) or home.is_relative_to(here):
        expected, remedy = "a folder apart from that of the region", "name another one with --out"
        raise InputError([Defect(str(target), "", expected, str(home), remedy)])
    found = sorted(path.name for path in target.iterdir()) if target.exists() else []
    strange = [name for name in found if name not in _PARTS]
    if strange or (found and "manifest.json" not in found):
        got = ", ".join((strange or found)[:5])
        expected, remedy = "a new or empty folder, or an earlier export", "name another one with --out"
        raise InputError([Defect(str(target), "", expected, got, remedy)])
    return target


def _log_as_told(log: pd.DataFrame, summary: Path) -> pd.DataFrame:
    """Give the log without the values that the results do not tell."""
    told = json.loads(summary.read_text(encoding="utf-8")).get("decisions", ())
    known = [one["id"] for one in told if one["value"] is not None]
    return log.assign(value=log["value"].where(log.index.isin(known)))


def _untold(before: pd.DataFrame, after: pd.DataFrame) -> list[dict[str, str]]:
    gone = before.index[before["value"].notna() & after["value"].isna()]
    return [_left_out("region/decisions.csv", f"value of {', '.join(gone)}", _NAMES)] if len(gone) else []


def _left_out(file: str, what: str, reason: str) -> dict[str, str]:
    return {"file": file, "what": what, "reason": reason}


@dataclass(frozen=True, eq=False)
class _Rules:
    """What results must not tell: `names` of stations, `times`, `places` of demand, its `people`, single `runs`."""

    shared: SharedRegion
    names: bool
    times: bool
    places: bool
    people: bool
    units: bool
    runs: bool

    @property
    def shown(self) -> bool:
        """Whether anything that results could show is withheld."""
        return self.names or self.times or self.people


def told_results(shared: SharedRegion, region: Region, full: Path, out: Path) -> Iterator[dict[str, str]]:
    """Move what may be told of results from `full` to `out`; give what was left out."""
    stations, units, demand = (shared.hidden(table) for table in ("stations", "units", "demand"))
    places = bool(demand - {"population", "incidents"})
    rules = _Rules(
        shared=shared,
        names=bool(stations),
        times=bool(stations - {"name"} or units or places),
        places=places,
        people=bool(demand - {"incidents"}),
        units=bool(units),
        # The region may have lost its record since the results were written.
        runs=bool(shared.hidden("incidents")) or any(full.glob("incidents_*.csv")),
    )
    if not rules.runs and not any(one.rows for one in shared.withheld):
        for path in full.iterdir():
            path.replace(out / path.name)
        return
    for path in sorted(full.iterdir()):
        file = path.name
        if file == "coverage.gpkg":
            yield from _layers(rules, path, out / file)
        elif file == "gaps.geojson":
            yield from _gaps(rules, path, out / file)
        elif file == "summary.json":
            yield from _summary(rules, path, out / file)
        elif file == "run.json":
            yield from _record(region, path, out / file)
        elif reason := _not_told(rules, file):
            yield _left_out(f"results/{file}", "", reason)
        elif file in _TABLES:
            yield from _table(rules, path, out / file)
        elif rules.runs and file in _OF_GROUPS:
            yield from _groups(rules, path, out / file)
        else:
            path.replace(out / file)


def _not_told(rules: _Rules, file: str) -> str:
    """Why a file is left out as a whole; empty if it is not."""
    if rules.runs and file in _OF_RUNS:
        return _SINGLE
    if not rules.shown:
        return ""
    if file == "map.html":
        return _NAMES
    if file in _OF_TIMES and rules.times:
        return _TIMES
    if file in _OF_PEOPLE and rules.people:
        return _NAMES
    return "" if file in (*_TABLES, *_SUMS, *_OF_TIMES, *_OF_PEOPLE) else _UNKNOWN


# --- layers -----------------------------------------------------------------------------------------------------


def _layers(rules: _Rules, path: Path, out: Path) -> Iterator[dict[str, str]]:
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2000-01-01T00:00:00.000Z"})  # as in write_results
    try:
        for name in map(str, pyogrio.list_layers(path)[:, 0]):
            meta, table = pyogrio.read_arrow(path, layer=name)
            geometry = meta["geometry_name"] or "wkb_geometry"
            found = _layer(rules, name, table, geometry)
            gone = list(table.column_names) if found is None else _without(table, found)
            if gone:
                if found is not None:
                    what = f"layer {name}: {', '.join(gone)}"
                else:
                    what = f"layer {name}{', but for what region/ tells' if name == 'stations' else ''}"
                yield _left_out(f"results/{out.name}", what, _why(rules, name, gone))
            if found is not None:
                pyogrio.write_arrow(
                    found, out, layer=name, driver="GPKG", geometry_name=geometry,
                    geometry_type=meta["geometry_type"], crs=meta["crs"],
                )  # fmt: skip
        stations = rules.shared.region.stations
        if rules.times and len(stations):
            partner = stations["jurisdiction"].map(rules.shared.region.jurisdictions["partner"])
            _for_files(stations.assign(partner=partner)).to_file(
                out, layer="stations", driver="GPKG", engine="pyogrio"
            )
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def _without(before: pa.Table, after: pa.Table) -> list[str]:
    return [name for name in before.column_names if name not in after.column_names]


def _why(rules: _Rules, layer: str, gone: list[str]) -> str:
    if rules.runs and layer in _RUNS:
        return _SINGLE
    if not (
        _PLACES.fullmatch(layer)
        or layer in ("gaps", "isochrones", "crossings")
        or layer.startswith("stations")
    ):
        return _UNKNOWN
    return _TIMES if rules.times and not all(_PEOPLE.fullmatch(name) for name in gone) else _NAMES


def _layer(rules: _Rules, name: str, table: pa.Table, geometry: str) -> pa.Table | None:
    """Give what may be told of a layer; None if that is nothing."""
    if rules.runs and name in _RUNS:
        return None
    if _GENERAL.fullmatch(name) or not rules.shown:
        return table
    if _PLACES.fullmatch(name):
        if rules.people and name.startswith("risk_"):
            return None  # people out of reach, from which those of a place follow
        return _places(rules, table, geometry)
    if name == "crossings" or (name == "gaps" and not rules.places):
        return table.drop_columns(_telling(rules, table.column_names))
    if (name == "isochrones" or name.startswith("stations")) and not rules.times:
        return table if name == "isochrones" else _renamed(rules, table)
    return None


def _telling(rules: _Rules, columns: list[str]) -> list[str]:
    """Columns of gaps, crossings or stations that tell what is kept back."""
    return [
        name
        for name in columns
        if (rules.times and _tells_time(name)) or (rules.people and _PEOPLE.fullmatch(name))
    ]


def _places(rules: _Rules, table: pa.Table, geometry: str) -> pa.Table:
    """Give places as the copy of the demand has them, without what tells seconds or stations."""
    if rules.times:
        table = table.select(
            [name for name in table.column_names if name == geometry or _PLACE.fullmatch(name)]
        )
    if not rules.people:
        return table
    ids, demand = rules.shared.demand, rules.shared.region.demand
    table = table.filter(pa.array(pd.Index(table["id"].to_pylist()).isin(ids.index)))
    told = demand.loc[ids.loc[table["id"].to_pylist()]]
    new = {"id": told.index.tolist(), geometry: shapely.to_wkb(told.geometry.to_numpy()).tolist()}
    new |= {name: told[name].tolist() for name in ("population", "cell_x", "cell_y") if name in told}
    for name in [name for name in ("cell_x", "cell_y") if name not in new and name in table.column_names]:
        table = table.drop_columns(name)
    for name, values in new.items():
        if name in table.column_names:
            at = table.column_names.index(name)
            table = table.set_column(at, table.field(at), pa.array(values, type=table.field(at).type))
    return table


def _renamed(rules: _Rules, table: pa.Table) -> pa.Table:
    """Give stations with the names that may be told, in every language."""
    table = table.drop_columns(_telling(rules, table.column_names))
    stations = rules.shared.region.stations
    for column in [one for one in table.column_names if one == "name" or one.startswith("name_")]:
        at, names = table.column_names.index(column), stations[column]
        told = [names.get(key, key if column == "name" else "") for key in table["id"].to_pylist()]
        table = table.set_column(at, table.field(at), pa.array(told, type=table.field(at).type))
    return table


# --- other files ------------------------------------------------------------------------------------------------


def _gaps(rules: _Rules, path: Path, out: Path) -> Iterator[dict[str, str]]:
    if rules.places:
        yield _left_out(f"results/{out.name}", "", _NAMES)
        return
    content = json.loads(path.read_text(encoding="utf-8"))
    gone: dict[str, None] = {}
    for feature in content["features"]:
        for name in _telling(rules, list(feature["properties"])):
            del feature["properties"][name]
            gone[name] = None
    if gone:
        yield _left_out(f"results/{out.name}", ", ".join(gone), _why(rules, "gaps", list(gone)))
    out.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def _table(rules: _Rules, path: Path, out: Path) -> Iterator[dict[str, str]]:
    """Leave times out of sums where those are kept back, and expected people where units are."""
    table = pd.read_csv(path, dtype="str", keep_default_na=False)
    if rules.people and "class" in table:
        table = table[table["class"] == "all"]
        yield _left_out(f"results/{out.name}", "people by severity", _NAMES)
    if rules.people and "kind" in table and table["kind"].isin(_SMALL).any():
        table = table[~table["kind"].isin(_SMALL)]
        yield _left_out(f"results/{out.name}", "people by hazard and by area", _NAMES)
    if rules.times:
        gone = [name for name in table.columns if _tells_time(name, units=rules.units)]
        if "measure" in table:
            table = table[table["measure"] != "person_minutes"]
            gone.append("rows person_minutes")
        if gone:
            yield _left_out(f"results/{out.name}", ", ".join(gone), _TIMES)
        table = table.drop(columns=gone, errors="ignore")
    table.to_csv(out, index=False, encoding="utf-8", lineterminator="\n")


def _groups(rules: _Rules, path: Path, out: Path) -> Iterator[dict[str, str]]:
    """Leave groups out of a table of the record that are too small to hide who is in them."""
    table = pd.read_csv(path, dtype="str", keep_default_na=False)
    if path.name == "incidents_gain.csv":
        summary = json.loads((path.parent / "summary.json").read_text(encoding="utf-8"))
        if "incidents" not in summary:  # so nothing says which groups that belong to these are left out
            yield _left_out(f"results/{out.name}", "", _SINGLE)
            return
        untold = _untold_groups(summary["incidents"], _partners(rules))
        gone = table["jurisdiction"].isin(untold["gain"]).to_numpy()
    elif path.name == "incidents_delays.csv":
        gone = _untold_delays(table)
    else:
        gone = _are_few(pd.to_numeric(table["drives"])).to_numpy()
    if gone.any():
        yield _left_out(f"results/{out.name}", _OF_FEW, _SINGLE)
    table[~gone].to_csv(out, index=False, encoding="utf-8", lineterminator="\n")


def _summary(rules: _Rules, path: Path, out: Path) -> Iterator[dict[str, str]]:
    summary = json.loads(path.read_text(encoding="utf-8"))
    file = f"results/{out.name}"
    for key in [key for key in summary if key not in _SUMMARY and rules.shown]:
        del summary[key]
        yield _left_out(file, key, _UNKNOWN)
    yield from _record_of_incidents(rules, summary, file)
    together = summary.get("cooperation", {})
    if rules.times or rules.people:
        for key in [key for key in together if key not in _COOPERATION]:
            del together[key]
            yield _left_out(file, f"cooperation.{key}", _TIMES if rules.times else _NAMES)
    names = rules.shared.region.stations["name"]
    for row in together.get("stations", ()):
        row["name"] = names[row["id"]]
    if rules.people:
        for block, key in ((summary, "gaps"), (together, "crossings"), (together, "crossing_pairs")):
            if block.pop(key, None):
                yield _left_out(file, key if block is summary else f"cooperation.{key}", _NAMES)
        for scenario in summary.get("hazards", {}).get("scenarios", {}).values():
            del scenario["by_severity"], scenario["people_by_severity"]
            yield _left_out(file, f"people by severity of {scenario['name']}", _NAMES)
        if "indicators" in together:
            together["indicators"] = [one for one in together["indicators"] if one["kind"] not in _SMALL]
            yield _left_out(file, "cooperation.indicators by hazard and by area", _NAMES)
    if rules.times:
        summary["stations"] = dict.fromkeys(summary["stations"])
        for key in ("common", "local", "gaps", "hazards", "cooperation"):
            if key in summary:
                summary[key] = _timeless(summary[key], units=rules.units)
        what = "seconds, person-minutes, stations" + ", expected people" * rules.units
        yield _left_out(file, what, _TIMES)
        summary["withheld"] = f"{what}: null, or not there; manifest.json says why"
    if "targets" in summary:
        summary |= agreed_as_told(rules.shared.region, summary)
    _write_json(summary, out)


def _record_of_incidents(rules: _Rules, summary: dict[str, Any], file: str) -> Iterator[dict[str, str]]:
    """Leave out what tells of single incidents or units."""
    if rules.runs and "incidents" in summary:
        summary["incidents"] = _without_single(summary["incidents"], _partners(rules))
        yield _left_out(file, f"incidents by unit, station and type, and of {_OF_FEW}", _SINGLE)


def _partners(rules: _Rules) -> dict[str, str]:
    """Give the partner of each municipality."""
    partners = rules.shared.region.jurisdictions["partner"]
    return dict(zip(map(str, partners.index), map(str, partners), strict=True))


def _without_single(record: dict[str, Any], partner: Mapping[str, str]) -> dict[str, Any]:
    """Give what a record says of groups that are large enough to hide who is in them."""
    untold = _untold_groups(record, partner)
    told = {key: value for key, value in record.items() if key not in ("performance", "fit", "gain", "busy")}
    for part in ("performance", "fit"):
        whole = {key: record[part][key] for key in ("all", *_SIDES) if key in record[part]}
        told[part] = _told_of(whole, untold[part])
        told[part] |= {
            key: _told_of(record[part][key], untold[f"{part}.{key}"])
            for key in _GROUPS
            if key in record[part]
        }
    gain = {key: value for key, value in record["gain"].items() if key != "total" or "" not in untold["gain"]}
    told["gain"] = {**gain, "jurisdictions": _told_of(gain["jurisdictions"], untold["gain"])}
    learnt = record["calibration"]
    if learnt is not None:
        gone = _untold_delays(pd.DataFrame(learnt["delays"], columns=["segment", "group", "hour", "count"]))
        told["calibration"] = {
            **learnt,
            "speeds": {key: one for key, one in learnt["speeds"].items() if not _is_few(one["drives"])},
            "delays": [one for one, left in zip(learnt["delays"], gone, strict=True) if not left],
        }
    busy = record["busy"]
    told["busy"] = None if busy is None else {key: value for key, value in busy.items() if key != "units"}
    return told


def _told_of(groups: Mapping[str, Any], untold: Collection[str]) -> dict[str, Any]:
    """Give the groups that may be told, each with the parts of the clock of which enough is known."""
    told = {name: block for name, block in groups.items() if name not in untold}
    for name, block in told.items():
        if "segments" in block:
            known = {key: one for key, one in block["segments"].items() if not _is_few(one["known"])}
            told[name] = {**block, "segments": known}
    return told


def _untold_groups(record: Mapping[str, Any], partner: Mapping[str, str]) -> dict[str, set[str]]:
    """Say which groups of a record are not told, by its part and what they are groups of.

    Municipalities are parts of all and, where their partner is told, of what is told of it.
    """
    untold: dict[str, set[str]] = {}
    for part in ("performance", "fit"):
        blocks = record[part]
        places = _counts(blocks["jurisdictions"])
        # A record in which nothing could be compared says nothing of all.
        whole = _counts({"all": blocks["all"]} if "all" in blocks else {}).sum()
        sides = _counts({key: blocks[key] for key in _SIDES if key in blocks})
        # Those of one side are all that the other's are not.
        gone = set(sides.index) if len(sides) and _hidden(sides, whole) else set()
        untold[part] = gone | ({"all"} if _are_few(whole).any() else set())
        for kind in [kind for kind in _GROUPS if kind in blocks]:
            untold[f"{part}.{kind}"] = _hidden(_counts(blocks[kind]), whole)
        partners = _counts(blocks.get("partners", {}))
        seen = partners[~partners.index.isin(list(untold.get(f"{part}.partners", ())))]
        whose = np.array([partner.get(name, name) for name in places.index], dtype=object)
        untold[f"{part}.jurisdictions"] = _hidden(places[~np.isin(whose, seen.index)], whole - seen.sum())
        for name in seen.index:
            untold[f"{part}.jurisdictions"] |= _hidden(places[whose == name], seen[seen.index == name].sum())
    gain = record["gain"]
    total = _counts({"": gain["total"]}, _IN_GAIN).sum()
    # What is not told of the incidents of a place must not stand here.
    untold["gain"] = _hidden(
        _counts(gain["jurisdictions"], _IN_GAIN), total, untold["performance.jurisdictions"]
    )
    untold["gain"] |= {""} if _are_few(total).any() else set()
    return untold


def _untold_delays(table: pd.DataFrame) -> NDArray[np.bool_]:
    """(rows,) of delays that are not told: of few, or what is left of all hours without the others is of few."""
    counts = pd.to_numeric(table["count"])
    gone: NDArray[np.bool_] = _are_few(counts).to_numpy(copy=True)
    for rows in table.groupby(["segment", "group"]).groups.values():
        here = counts[rows].set_axis(table.loc[rows, "hour"])
        if "" in here.index and len(here) > 1:
            hours = here.drop("")
            hours[""] = max(here[""] - hours.sum(), 0)  # those of which too little is known
            hidden = _hidden(hours.to_frame()) - {""}
            gone |= table.index.isin(rows) & table["hour"].isin(hidden).to_numpy()
    return gone


def _counts(groups: Mapping[str, Any], keys: Sequence[str] = ("count",)) -> pd.DataFrame:
    """Give how many there are of each group, by name."""
    return pd.DataFrame(
        [[block[key] for key in keys] for block in groups.values()],
        index=pd.Index(list(groups), dtype=object), columns=list(keys), dtype="int64",
    )  # fmt: skip


def _hidden(
    counts: pd.DataFrame, whole: pd.Series[Any] | None = None, gone: Collection[str] = ()
) -> set[str]:
    """Say which groups are not told: those of few, and others until no subtraction from all gives a group of few.

    Parameters
    ----------
    counts
        How many there are of each group, by name; no one is in two of them.
    whole
        How many there are in all, if some may be in no group.
    gone
        Groups that are not told anyway.
    """
    counts = counts.sort_index()
    apart = _are_few(counts).any(axis=1).to_numpy() | counts.index.isin(list(gone))
    rest = (counts.sum() if whole is None else whole) - counts.sum()
    while True:
        left = counts[~apart]
        few = _are_few(counts[apart].sum() + rest)
        keys = [key for key in counts if few[key] and (left[key] > 0).any()]
        if not keys and (counts[apart] > 0).any(axis=1).sum() == 1:
            keys = [key for key in counts.columns[:1] if (left[key] > 0).any()]
        if not keys:
            return set(counts.index[apart])
        apart |= counts.index == left.loc[left[keys[0]] > 0, keys[0]].idxmin()


def _are_few(counts: Any) -> Any:
    return (counts > 0) & (counts < _FEWEST)


def _is_few(count: int) -> bool:
    return 0 < count < _FEWEST


def _timeless(value: Any, *, units: bool) -> Any:
    """Numbers without those that tell seconds or stations: they become None, and rows of them go."""
    if isinstance(value, list):
        rows = [
            one for one in value if not (isinstance(one, dict) and one.get("measure") == "person_minutes")
        ]
        return [_timeless(one, units=units) for one in rows]
    if not isinstance(value, dict):
        return value
    return {
        key: None
        if key in ("stations", "not_computed") or _tells_time(key, units=units)
        else _timeless(one, units=units)
        for key, one in value.items()
    }


def _tells_time(name: str, *, units: bool = False) -> bool:
    """Whether a number is of seconds or person-minutes, or expected from units of which nobody may know."""
    if units and name.endswith("expected"):
        return True
    return name.endswith("_s") or (name.startswith("later_") and name != "later_population")


def _record(region: Region, path: Path, out: Path) -> Iterator[dict[str, str]]:
    """Leave the inputs that are in the copy as they are: a checksum of others would confirm any guess about them."""
    record = json.loads(path.read_text(encoding="utf-8"))
    same = [*region.network_files, *(one.file for one in region.hazards)]
    same += [one.scheme for one in region.hazards if isinstance(one.scheme, Path)]
    names = {
        file.relative_to(region.folder).as_posix() for file in same if file.is_relative_to(region.folder)
    }
    record = {key: value for key, value in record.items() if key in _RECORD}
    gone = [one["file"] for one in record["inputs"] if one["file"] not in names]
    record["inputs"] = [one for one in record["inputs"] if one["file"] in names]
    if gone:
        reason = "a checksum of a file would confirm any guess about what is kept back of it"
        yield _left_out(f"results/{out.name}", f"inputs {', '.join(gone)}", reason)
    _write_json(record, out)
