"""Which column of a record is what: as stated, else guessed from names that are common."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pyproj import CRS
from pyproj.exceptions import CRSError

from mutualaid.data import SERVICES, STAMPS
from mutualaid.errors import Defect, IncidentError

__all__ = ["FORMS", "PLACES", "Recorded", "guess", "read_mapping"]

FORMS: tuple[str, ...] = ("csv", "neris", "nfirs")
_TEXTS = ("incident", "unit", "station", "service", "type")
PLACES = ("lon", "lat", "x", "y", "point")
#: What can be said of a record: our name of each column.
COLUMNS: tuple[str, ...] = (*_TEXTS, *STAMPS, "date", *PLACES)
_SETTINGS = ("time_zone", "stamp", "day_first", "crs", "delimiter", "decimal", "service")
_TABLES = ("stations", "units", "services")

#: Names that are common, in small letters and digits only. Those of NERIS are of its dispatch and unit response
#: modules, those of NFIRS of its basic module; the others are seen in exports of control rooms.
_COMMON: Mapping[str, tuple[str, ...]] = {
    "incident": (
        "incident", "incidentnumber", "incidentid", "incidentno", "eventnumber", "eventid", "eventno", "callnumber",
        "casenumber", "inci", "cadincidentnumber", "einsatznummer", "numerointervention",
    ),
    "unit": (
        "unit", "unitid", "unitnerisid", "reportedunitid", "apparatus", "apparatusid", "callsign", "vehicle",
        "resource", "fahrzeug", "engin",
    ),
    "station": ("station", "stationid", "stationname", "homestation", "firestation", "wache", "centre"),
    "service": ("service", "agency", "agencytype", "discipline"),
    "type": ("type", "incidenttype", "inctype", "calltype", "nature", "natureofcall", "problem", "stichwort"),
    "t0": ("t0", "callarrival", "callreceived", "received", "timereceived", "calltime", "receiveddttm"),
    "t1": ("t1", "callanswered", "answered", "timeanswered", "psapanswered"),
    "t2": ("t2", "dispatch", "dispatched", "timedispatched", "dispatchtime", "alerted", "alarm", "dispatchdttm"),
    "t3": (
        "t3", "enroutetoscene", "enroute", "timeenroute", "responding", "rolling", "wheelsrolling", "responsedttm",
        "enroutetime",
    ),
    "t4": ("t4", "onscene", "arrival", "arrived", "timeonscene", "onscenetime", "arrivaltime", "onscenedttm"),
    "t5": ("t5", "fullforce", "effectiveresponseforce"),
    "free": (
        "free", "unitclear", "cleared", "available", "availabledttm", "timeclear", "lastunitcleared", "luclear",
        "inservice", "cleartime",
    ),
    "date": ("date", "incidentdate", "incdate", "calldate", "datum"),
    "lon": ("lon", "longitude", "long", "lng"),
    "lat": ("lat", "latitude"),
    "x": ("x", "xcoordinate", "xcoord", "easting"),
    "y": ("y", "ycoordinate", "ycoord", "northing"),
    "point": ("point", "geopoint", "caselocation", "wkt", "location"),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """How a record is to be read.

    Attributes
    ----------
    columns
        Headers of each of our names; several are joined with a space (a date and a time), of an incident with ``-``.
    time_zone
        Zone of moments that state no offset; None if not stated.
    stamp
        Formats of moments as of `datetime.strptime`; none: the usual ones.
    day_first
        Whether 03/04/2014 is the third of April; None if not stated.
    crs
        CRS of the positions.
    delimiter, decimal
        Between fields ("": found from the header), and in numbers.
    service
        Service of all rows; "" if the rows say it.
    stations, units, services
        Their code of a station, our id; their unit, our id of its station; their word, our service.
    guessed
        Our names of columns that were guessed.
    """

    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    time_zone: ZoneInfo | None = None
    stamp: tuple[str, ...] = ()
    day_first: bool | None = None
    crs: CRS | None = None
    delimiter: str = ""
    decimal: str = "."
    service: str = ""
    stations: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[str, str] = field(default_factory=dict)
    guessed: tuple[str, ...] = ()

    def told(self) -> dict[str, Any]:
        """Give all of it ready for JSON."""
        return {
            "columns": {name: list(headers) for name, headers in self.columns.items()},
            "guessed": list(self.guessed),
            "time_zone": self.time_zone.key if self.time_zone else "",
            "stamp": list(self.stamp),
            "day_first": self.day_first,
            "crs": self.crs.to_string() if self.crs else "",
            "decimal": self.decimal,
            "service": self.service,
            "stations": dict(self.stations),
            "units": dict(self.units),
            "services": dict(self.services),
        }


def read_mapping(
    given: Mapping[str, Any] | Path | str | None, time_zone: str | None, service: str | None
) -> Recorded:
    """Check what is stated of a record, or tell everything that is wrong with it.

    Raises
    ------
    IncidentError
        Not TOML, keys that there are not, values of another kind, zones and CRSs that nobody knows.
    """
    file, content = "", given
    if isinstance(given, Path | str):
        file, content = Path(given).name, _toml(Path(given))
    plain = dict(content or {}) if isinstance(content, Mapping | None) else {}
    settings = dict(plain.pop("format", {})) if isinstance(plain.get("format", {}), Mapping) else {}
    tables = {name: plain.pop(name, {}) for name in _TABLES}
    defects = [
        *_unknown(file, "", plain, (*COLUMNS, "format", *_TABLES)),
        *_unknown(file, "[format] ", settings, _SETTINGS),
    ]
    if time_zone is not None:
        settings["time_zone"] = time_zone
    if service is not None:
        settings["service"] = service
    columns: dict[str, tuple[str, ...]] = {}
    for name, value in plain.items():
        headers = (
            (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list | tuple) else ()
        )
        if not headers or not all(isinstance(one, str) and one for one in headers):
            remedy = 'write "Header", or ["Date", "Time"]'
            defects.append(Defect(file, name, "a header or a list of headers", repr(value), remedy))
        elif name in COLUMNS:
            columns[name] = headers
    for name, table in tables.items():
        if not isinstance(table, Mapping) or not all(
            isinstance(one, str) for pair in table.items() for one in pair
        ):
            defects.append(
                Defect(file, f"[{name}]", "texts by texts", repr(table)[:80], 'write "theirs" = "ours"')
            )
            tables[name] = {}
    for word in tables["services"].values():
        if word not in SERVICES:
            remedy = "choose one of them"
            defects.append(Defect(file, "[services]", f"one of {', '.join(SERVICES)}", repr(word), remedy))
    found = _settings(file, settings, defects)
    if defects:
        raise IncidentError(defects)
    return Recorded(columns=columns, **found, **tables)


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        got = f"nothing at {path.name}" if isinstance(error, OSError) else str(error).split("\n", 1)[0]
        raise IncidentError([Defect(path.name, "", "a TOML file", got, "correct it")]) from None


def _unknown(file: str, where: str, given: Mapping[str, Any], known: tuple[str, ...]) -> list[Defect]:
    defects = []
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            remedy = f"did you mean {near[0]}" if near else f"use one of {', '.join(known)}"
            defects.append(Defect(file, f"{where}{name}", "a name that there is", repr(name), remedy))
    return defects


def _settings(file: str, given: Mapping[str, Any], defects: list[Defect]) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def wrong(name: str, expected: str, remedy: str) -> None:
        defects.append(Defect(file, f"[format] {name}", expected, repr(given[name]), remedy))

    if "time_zone" in given:
        try:
            found["time_zone"] = ZoneInfo(str(given["time_zone"]))
        except (KeyError, ValueError, OSError):
            wrong("time_zone", "a time zone of the IANA database", "write it as Europe/Paris")
    if "crs" in given:
        try:
            found["crs"] = CRS.from_user_input(given["crs"])
        except CRSError:
            wrong("crs", "a CRS that PROJ knows", "write it as EPSG:2154")
    if "stamp" in given:
        value = given["stamp"]
        formats = (
            (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list | tuple) else ()
        )
        if not formats or not all(isinstance(one, str) and ("%H" in one or "%I" in one) for one in formats):
            wrong("stamp", "formats with hours", "write it as %d.%m.%Y %H:%M:%S")
        else:
            found["stamp"] = formats
    for name, kind, allowed in (
        ("day_first", bool, (True, False)),
        ("delimiter", str, tuple(",;\t^|")),
        ("decimal", str, (".", ",")),
        ("service", str, SERVICES),
    ):
        if name in given:
            if isinstance(given[name], kind) and given[name] in allowed:
                found[name] = given[name]
            else:
                wrong(name, f"one of {', '.join(map(repr, allowed))}", "choose one of them")
    return found


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def guess(header: tuple[str, ...], stated: Recorded, form: str | None, file: str) -> tuple[Recorded, str]:
    """Complete what is stated by columns with common names, and say which form the record has.

    Raises
    ------
    IncidentError
        Stated columns that the record does not have, or no column for the position or for any moment.
    """
    plain: dict[str, str] = {}
    for name in header:
        plain.setdefault(_plain(name), name)
    if form is None:
        nfirs = "alarm" in plain and bool({"luclear", "incno", "fdid"} & plain.keys())
        neris = bool({"enroutetoscene", "unitclear", "callarrival", "unitnerisid"} & plain.keys())
        form = "nfirs" if nfirs else "neris" if neris else "csv"
    found: dict[str, tuple[str, ...]] = {}
    if form == "nfirs" and "incno" in plain:
        parts = ("state", "fdid", "incdate", "incno")
        found["incident"] = tuple(plain[part] for part in parts if part in plain)
    for name, words in _COMMON.items():
        if name not in found and (hit := next((plain[word] for word in words if word in plain), None)):
            found[name] = (hit,)
    if not {"lon", "lat"} <= found.keys():
        found = {name: headers for name, headers in found.items() if name not in ("lon", "lat")}
    if {"lon", "x", "point"} & stated.columns.keys():  # positions are stated, so none is guessed
        found = {name: headers for name, headers in found.items() if name not in PLACES}
    elif "lon" in found:
        found = {name: headers for name, headers in found.items() if name not in ("x", "y", "point")}
    taken = {one for headers in stated.columns.values() for one in headers}
    guessed = {
        name: headers
        for name, headers in found.items()
        if name not in stated.columns
        and not taken & set(headers)
        and not (name == "service" and stated.service)
    }
    both = {**guessed, **stated.columns}
    columns = {name: both[name] for name in COLUMNS if name in both}
    _check_columns(header, columns, stated, file)
    stamp, day_first = stated.stamp, stated.day_first
    if form == "nfirs":
        stamp = stamp or ("%m%d%Y%H%M",)
    names = tuple(name for name in COLUMNS if name in guessed)
    settings = {name: getattr(stated, name) for name in Recorded.__dataclass_fields__}
    return Recorded(
        **settings | {"columns": columns, "stamp": stamp, "day_first": day_first, "guessed": names}
    ), form


def _check_columns(
    header: tuple[str, ...], columns: Mapping[str, tuple[str, ...]], stated: Recorded, file: str
) -> None:
    defects = []
    for name, headers in columns.items():
        for one in headers:
            if one not in header:
                near = difflib.get_close_matches(one, header, n=1)
                remedy = f"did you mean {near[0]}" if near else "correct the mapping"
                defects.append(
                    Defect(file, f"column for {name}", "a column of the record", repr(one), remedy)
                )
    listed = ", ".join(header)
    shown = listed if len(listed) < 200 else f"{listed[:199]}…"
    pairs = ({"lon", "lat"}, {"x", "y"}, {"point"})
    if not any(pair <= columns.keys() for pair in pairs):
        remedy = 'name them: lon = "…", lat = "…", or x, y with [format] crs; a record without positions cannot be used'
        defects.append(Defect(file, "row 1", "columns for the position", shown, remedy))
    elif not {"lon", "lat"} <= columns.keys() and "x" in columns and stated.crs is None:
        remedy = 'state it: [format] crs = "EPSG:…"'
        defects.append(Defect(file, "columns for x, y", "the CRS that they are in", "none", remedy))
    if not set(STAMPS) & columns.keys():
        remedy = 'name at least one: t0 = "…" (call received) to t4 = "…" (arrived)'
        defects.append(Defect(file, "row 1", "columns for points of the clock", shown, remedy))
    if defects:
        raise IncidentError(defects)
