"""What partners state about an evacuation: who leaves, in what vehicles, when the hazard arrives, what roads carry."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from mutualaid.data._agreements import CONFIDENCES
from mutualaid.data._hazards import HAZARDS
from mutualaid.errors import Defect, EvacuationError

__all__ = [
    "CAPACITY_FACTORS",
    "CAPACITY_PRESETS",
    "SPACE_M2",
    "STAYS",
    "TIME_UNITS",
    "ArrivalSource",
    "EvacuationCase",
    "ZoneReference",
    "zone_reference",
]

#: Units in which times of arrival may come, in seconds.
TIME_UNITS: Mapping[str, float] = {"s": 1.0, "min": 60.0, "h": 3600.0}
#: How long people stay in a shelter.
STAYS: tuple[str, ...] = ("short", "long")
#: Floor that a person takes in a shelter, in m², by how long it stays: American Red Cross, form 4496.
SPACE_M2: Mapping[str, float] = {"short": 1.86, "long": 3.7}
#: Sets of road capacities by class.
CAPACITY_PRESETS: tuple[str, ...] = ("matsim", "aequilibrae")
#: What is expected of the roads on the day.
CAPACITY_FACTORS: tuple[str, ...] = ("planning", "evacuation", "sustained")

_ZONE_FILES = (".gpkg", ".geojson", ".json", ".parquet", ".geoparquet")
_SEVERITY = re.compile(r"severity:(?P<key>[A-Za-z0-9][A-Za-z0-9._-]*)>=(?P<severity>[1-5])")


@dataclass(frozen=True)
class ZoneReference:
    """What a text that names a zone means.

    Attributes
    ----------
    kind
        ``severity`` (where a hazard is at least so severe), ``file`` (polygons) or ``jurisdiction``.
    key
        Id of a hazard layer or a scenario (of both, if they share it, the layer counts), path inside the region
        folder, or id of a jurisdiction.
    severity
        Least severity, 1…5; 0 for the other kinds.
    """

    kind: Literal["severity", "file", "jurisdiction"]
    key: str
    severity: int = 0


def zone_reference(text: str) -> ZoneReference:
    """Read the text that names a zone.

    Parameters
    ----------
    text
        ``severity:<id of a layer or scenario>>=<1…5>``; the path of a file of polygons, by its suffix; else the id of
        a jurisdiction.

    Returns
    -------
    ZoneReference

    Raises
    ------
    EvacuationError
        It begins with ``severity:`` and does not go on as above.

    Examples
    --------
    >>> from mutualaid.data import zone_reference
    >>> zone_reference("severity:wildfire-fr>=3")
    ZoneReference(kind='severity', key='wildfire-fr', severity=3)
    >>> zone_reference("zones/hill.geojson").kind, zone_reference("FR-la-turbie").kind
    ('file', 'jurisdiction')
    """
    if text.startswith("severity:"):
        found = _SEVERITY.fullmatch(text)
        if found is None:
            expected = "severity:, the id of a hazard layer or scenario, >= and a severity of 1…5"
            remedy = "write it like severity:wildfire-fr>=3"
            raise EvacuationError([Defect("", "zones", expected, repr(text)[:80], remedy)])
        return ZoneReference("severity", found["key"], int(found["severity"]))
    if text.lower().endswith(_ZONE_FILES):
        return ZoneReference("file", text)
    return ZoneReference("jurisdiction", text)


@dataclass(frozen=True, kw_only=True)
class ArrivalSource:
    """When a hazard arrives, place by place, as region.toml states it; `mutualaid.hazards.read_arrival` opens it.

    Attributes
    ----------
    file
        Raster of times, or polygons with a column of times.
    hazard
        One of `HAZARDS`: decides whether it reaches bridges and tunnels.
    unit
        Unit of the times, from the alarm on: one of `TIME_UNITS`.
    column, layer
        Column of a vector file with the times; its layer, if it has several.
    band, nodata
        Band of a raster, and its value that means no data, if the file does not state it.
    nodata_means
        ``never`` (it does not arrive where there is no time) or ``unknown``. Outside of the file's bounds it is
        always unknown.
    crs
        CRS of a file that states none.
    covers
        (left, bottom, right, top) of what a vector file covers, in its CRS, if that is more than its polygons.
    name, source, licence, date, derived
        What people call it, where it comes from, on what terms and from when; whether it only illustrates.

    Raises
    ------
    EvacuationError
        A word that is not one of these; all of them are named.

    Examples
    --------
    >>> from pathlib import Path
    >>> from mutualaid.data import ArrivalSource
    >>> ArrivalSource(file=Path("fire.geojson"), hazard="wildfire", column="arrival_min").unit
    'min'
    """

    file: Path
    hazard: str
    unit: str = "min"
    column: str | None = None
    layer: str | None = None
    band: int = 1
    nodata: float | None = None
    nodata_means: str = "never"
    crs: str | None = None
    covers: tuple[float, float, float, float] | None = None
    name: str = ""
    source: str = ""
    licence: str = ""
    date: str = ""
    derived: bool = False

    def __post_init__(self) -> None:
        words = (("hazard", HAZARDS), ("unit", tuple(TIME_UNITS)), ("nodata_means", ("never", "unknown")))
        defects = [_word("arrival", key, getattr(self, key), options) for key, options in words]
        if self.covers is not None:
            left, bottom, right, top = self.covers
            if not (left < right and bottom < top and all(map(math.isfinite, self.covers))):
                expected = "left, bottom, right, top with left < right and bottom < top"
                got = ", ".join(f"{value:g}" for value in self.covers)
                defects.append(Defect("", "arrival, covers", expected, got, "correct the bounds"))
        if found := [one for one in defects if one is not None]:
            raise EvacuationError(found)


#: Numbers of an evacuation: lowest and highest value, the same in words, and the remedy.
_NUMBERS: Mapping[str, tuple[float, float, str, str]] = {
    "persons_per_vehicle": (0.1, 100.0, "people in a vehicle, 0.1…100", "correct it"),
    "without_car": (0.0, 1.0, "a share within 0…1", "10 % is 0.1"),
    "buses": (0, 100_000, "a number of buses, 0…100,000", "correct it"),
    "bus_seats": (1, 1000, "seats of a bus, 1…1,000", "correct it"),
    "bus_turns": (1, 100, "journeys of a bus, 1…100", "correct it"),
    "bus_pce": (0.1, 20.0, "cars that a bus counts for, 0.1…20", "correct it"),
    "background": (0.0, 0.99, "a share of the capacity within 0…0.99", "10 % is 0.1"),
    "gather_m": (0.0, 10_000.0, "metres within 0…10,000", "correct it"),
}


@dataclass(frozen=True, kw_only=True)
class EvacuationCase:
    """An evacuation as region.toml states it: who leaves from where, when, and what is assumed about it.

    Whatever is not stated is an assumption, and so are the defaults: state them with their source, and sweep them.

    Attributes
    ----------
    name
        What people call it.
    zones
        Who leaves: each the id of a jurisdiction, the path of a file of polygons inside the region folder, or
        ``severity:<id of a layer or scenario>>=<1…5>``; see `zone_reference`. None: they are named when it is asked.
    scenario
        Id of the scenario whose hazards hold from the alarm on; "" for none.
    arrival
        When the hazard arrives where; None if nobody knows.
    persons_per_vehicle
        People in a car. 2.5 is an assumption, between the one and a half who travel on an ordinary day and the
        whole household.
    without_car
        Share of the people who have no car to leave in, 0…1. 0.1 is an assumption: look it up in the census.
    buses, bus_seats, bus_turns, bus_pce
        Buses for those without a car; seats in each; how often each drives; how many cars one counts for on the road.
        50 seats are an assumption, those of a coach; 2 cars is what studies for US nuclear sites count a transit
        vehicle for (KLD TR-497, 2012, chapter 8, NRC ML12356A206).
    mobilisation
        (minutes after the alarm, share of the people who are ready to leave by then), linear between them. The
        default, half after 30 and all after 90 minutes, is an assumption: nobody has surveyed it here.
    capacities
        Capacities by class of road, one of `CAPACITY_PRESETS` (`mutualaid.evacuation.CAPACITIES` holds their source).
    factor
        What is expected of the roads, one of `CAPACITY_FACTORS` (`mutualaid.evacuation.FACTORS`).
    background
        Share of the capacity that other traffic takes.
    contraflow
        Roads, by name or number of their OSM way, whose lanes of the other direction are driven too.
    closed_crossings, closed_ways, opened_ways
        Ids of crossings, and numbers of OSM ways, that are closed; ways that are opened for everybody.
    duration
        How long people stay, one of `STAYS`: with `SPACE_M2` the capacity of a shelter of which only the floor
        area is known.
    exits
        Whether people are safe where a road leaves the ground that the map covers.
    gather_m
        People gather at a junction within that distance. 300 m is an assumption: a walk of five minutes.
    source, confidence
        Where the figures come from, and how sure they are, one of `CONFIDENCES`.
    sources, confidences
        The same for single parameters, by name.
    note
        What must be said with every result.

    Raises
    ------
    EvacuationError
        It contradicts itself; all contradictions are named.

    Examples
    --------
    >>> from mutualaid.data import EvacuationCase
    >>> case = EvacuationCase(zones=("FR-la-turbie",), persons_per_vehicle=2.2, confidence="stated")
    >>> case.confidence_of("persons_per_vehicle"), case.confidence_of("without_car"), case.space_m2
    ('stated', 'assumption', 1.86)
    """

    name: str = ""
    zones: tuple[str, ...] = ()
    scenario: str = ""
    arrival: ArrivalSource | None = None
    persons_per_vehicle: float = 2.5
    without_car: float = 0.1
    buses: int = 0
    bus_seats: int = 50
    bus_turns: int = 1
    bus_pce: float = 2.0
    mobilisation: tuple[tuple[float, float], ...] = ((0.0, 0.0), (30.0, 0.5), (60.0, 0.9), (90.0, 1.0))
    capacities: str = "matsim"
    factor: str = "evacuation"
    background: float = 0.0
    contraflow: tuple[str, ...] = ()
    closed_crossings: tuple[str, ...] = ()
    closed_ways: tuple[int, ...] = ()
    opened_ways: tuple[int, ...] = ()
    duration: str = "short"
    exits: bool = True
    gather_m: float = 300.0
    source: str = ""
    confidence: str = "assumption"
    sources: Mapping[str, str] = field(default_factory=dict)
    confidences: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    def __post_init__(self) -> None:
        defects = _contradictions_within(self)
        if defects:
            raise EvacuationError(defects)

    @property
    def space_m2(self) -> float:
        """Floor that a person takes in a shelter, in m²."""
        return SPACE_M2[self.duration]

    def confidence_of(self, parameter: str) -> str:
        """How sure a parameter is: its own word, else that of the evacuation; a default is an assumption."""
        if parameter in self.confidences:
            return self.confidences[parameter]
        one = next(one for one in fields(self) if one.name == parameter)
        usual = one.default if one.default_factory is MISSING else one.default_factory()
        return "assumption" if getattr(self, parameter) == usual else self.confidence

    def source_of(self, parameter: str) -> str:
        """Where a parameter comes from: its own source, else that of the evacuation."""
        return self.sources.get(parameter, self.source)


#: What describes an evacuation, and is no parameter of it.
_WORDS = ("name", "arrival", "source", "confidence", "sources", "confidences", "note")


def _word(place: str, key: str, value: object, options: tuple[str, ...]) -> Defect | None:
    if value in options:
        return None
    return Defect("", f"{place}, {key}", f"one of {', '.join(options)}", repr(value)[:80], "use one of them")


def _contradictions_within(case: EvacuationCase) -> list[Defect]:
    """List everything about one evacuation that cannot be."""
    defects: list[Defect] = []

    def add(key: str, expected: str, got: object, remedy: str) -> None:
        defects.append(Defect("", f"evacuation, {key}", expected, str(got)[:80], remedy))

    words: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("capacities", CAPACITY_PRESETS), ("factor", CAPACITY_FACTORS),
        ("duration", STAYS), ("confidence", CONFIDENCES),
    )  # fmt: skip
    found = (_word("evacuation", key, getattr(case, key), options) for key, options in words)
    defects += [one for one in found if one is not None]
    for key, (low, high, expected, remedy) in _NUMBERS.items():
        if not low <= getattr(case, key) <= high:
            add(key, expected, getattr(case, key), remedy)
    for key in ("zones", "contraflow", "closed_crossings", "closed_ways", "opened_ways"):
        values: tuple[Any, ...] = getattr(case, key)
        if twice := sorted({str(one) for one in values if values.count(one) > 1}):
            add(key, "each once", f"{', '.join(twice)} twice", "remove one of them")
    for text in case.zones:
        try:
            zone_reference(text)
        except EvacuationError as error:
            defects += (
                Defect("", f"evacuation, {one.where}", one.expected, one.got, one.remedy)
                for one in error.defects
            )
    if both := sorted(set(case.closed_ways) & set(case.opened_ways)):
        got = f"{', '.join(map(str, both))} in both"
        add("opened_ways", "ways that closed_ways does not name", got, "remove them from one of the lists")
    defects += _mobilisation_defects(case.mobilisation)
    known = {one.name for one in fields(case)} - set(_WORDS)
    for key in ("sources", "confidences"):
        for name in sorted(set(getattr(case, key)) - known):
            add(f"{key}.{name}", "the name of a parameter", repr(name), "correct the name, or remove it")
    for name, value in case.confidences.items():
        one = _word("evacuation", f"confidences.{name}", value, CONFIDENCES)
        defects += [] if one is None else [one]
    return defects


def _mobilisation_defects(curve: tuple[tuple[float, float], ...]) -> list[Defect]:
    """List what is wrong with a curve of (minutes, share)."""
    where, remedy = "evacuation, mobilisation", "write it like [[0, 0], [30, 0.5], [90, 1]]"
    times, shares = [one[0] for one in curve], [one[1] for one in curve]
    checks = (
        (bool(curve) and times[0] == 0, "a curve that begins at minute 0", times[:1] or "nothing"),
        (
            all(map(math.isfinite, times)) and all(a < b for a, b in pairwise(times)),
            "minutes that rise",
            times,
        ),
        (
            all(0 <= share <= 1 for share in shares) and all(a <= b for a, b in pairwise(shares)),
            "shares within 0…1 that never fall",
            shares,
        ),
        (bool(curve) and shares[-1] == 1, "a curve that ends with all people, 1", shares[-1:] or "nothing"),
    )
    return [
        Defect("", where, expected, str(got).strip("[]")[:80], remedy)
        for fine, expected, got in checks
        if not fine
    ]
