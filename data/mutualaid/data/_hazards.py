"""What partners share about hazards: the layers, which of them strike together, and how rare that is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mutualaid.errors import Defect, HazardError

__all__ = [
    "COMBINE",
    "HAZARDS",
    "NODATA_MEANINGS",
    "QUANTITIES",
    "ROAD_RULES",
    "HazardScenario",
    "HazardSource",
    "RiskCurve",
]

#: What can threaten, in the words of region.toml.
HAZARDS: tuple[str, ...] = (
    "flood",
    "flash_flood",
    "coastal_flood",
    "tsunami",
    "wildfire",
    "earthquake",
    "landslide",
    "rockfall",
    "avalanche",
    "wind",
    "ash",
    "other",
)

#: What can be measured, and the unit of its values once they are read; empty for codes and indices.
QUANTITIES: dict[str, str] = {
    "depth": "m",
    "velocity": "m/s",
    "depth_velocity": "m2/s",
    "intensity": "mmi",
    "acceleration": "g",
    "wind_speed": "m/s",
    "thickness": "m",
    "pressure": "kPa",
    "energy": "kJ",
    "fwi": "",
    "probability": "",
    "class": "",
}

#: What a cell without a value says: nobody looked, or somebody looked and there is no hazard.
NODATA_MEANINGS: tuple[str, ...] = ("unknown", "none")

#: How the severities of several hazards become one.
COMBINE: tuple[str, ...] = ("worst",)
#: What several hazards do to a road: their speed factors multiply, or any that slows it closes it.
ROAD_RULES: tuple[str, ...] = ("multiply", "close")


@dataclass(frozen=True, kw_only=True)
class HazardSource:
    """One hazard layer as region.toml states it; `mutualaid.hazards.read_hazard` opens it.

    Attributes
    ----------
    id, file, hazard, quantity, unit, name, return_period_years, event, jurisdiction, source, licence, date
        As for `mutualaid.hazards.read_hazard`.
    scheme
        Id of a built-in scheme, or the path of a scheme of the region's own.
    nodata_means, nodata, derived, band, layer, column, crs, covers
        As for `mutualaid.hazards.read_hazard`.
    """

    id: str
    file: Path
    hazard: str
    quantity: str
    unit: str = ""
    scheme: str | Path = ""
    name: str = ""
    return_period_years: float = math.nan
    event: str = ""
    jurisdiction: str = ""
    source: str = ""
    licence: str = ""
    date: str = ""
    nodata_means: str = "unknown"
    nodata: float | None = None
    derived: bool = False
    band: int = 1
    layer: str | None = None
    column: str | None = None
    crs: str | None = None
    covers: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class HazardScenario:
    """Hazards that happen at the same time, and what they do to roads and stations.

    Attributes
    ----------
    id, name
        Key of the scenario, and what people call it.
    layers
        Ids of the hazard layers that belong to it; may be empty if roads are closed by name.
    combine
        ``worst``: a place is as severe as its worst hazard.
    roads
        ``multiply``: speed factors of several hazards on a road multiply; ``close``: a road that any of them
        slows down is closed.
    rules
        What a hazard does to a road, by id of the layer or by hazard: id of a rule of
        `mutualaid.hazards.passabilities`, or the path of a file with one. By default the rule that fits the
        layer and the vehicle.
    stations_out
        Severity from which a station is out of service.
    stations_delayed, stations_delay_s
        Severity from which a station's turnout takes so many seconds more; never if None.
    unknown
        Whether roads on which the hazard is unknown are ``passable`` or ``closed``.
    closed_stations
        Ids of stations that are out of service whatever the hazard is at their place: their crew is at the fire.
    closed_ways, closed_crossings
        OSM ways, and ids of crossings, that are closed by an attribute of their own: a bridge that is overtopped or
        shaken, a pass that is shut.
    return_period_years
        How rare it is that all this happens at once; by default that of the layers, if they show one hazard.
    draws, seed
        Number of draws and seed where closures are probabilities.
    note
        What must be said with every result.

    Raises
    ------
    HazardError
        Neither layer nor closure, a layer twice, a word that is not one of these, or a number out of range.

    Examples
    --------
    >>> from mutualaid.data import HazardScenario
    >>> HazardScenario("hq100", "Flood of 100 years", ("depth_north", "depth_south"), stations_out=2).combine
    'worst'
    """

    id: str
    name: str
    layers: tuple[str, ...]
    combine: str = "worst"
    roads: str = "multiply"
    note: str = ""
    rules: Mapping[str, str | Path] = field(default_factory=dict)
    stations_out: int = 3
    stations_delayed: int | None = None
    stations_delay_s: float = 0.0
    unknown: str = "passable"
    closed_stations: tuple[str, ...] = ()
    closed_ways: tuple[int, ...] = ()
    closed_crossings: tuple[str, ...] = ()
    return_period_years: float | None = None
    draws: int = 200
    seed: int = 1

    def __post_init__(self) -> None:
        where = f"scenario {self.id}"
        words = (("combine", COMBINE), ("roads", ROAD_RULES), ("unknown", ("passable", "closed")))
        defects = [
            Defect("", f"{where}, {key}", " or ".join(options), repr(getattr(self, key)), "use one of them")
            for key, options in words
            if getattr(self, key) not in options
        ]
        twice = sorted({key for key in self.layers if self.layers.count(key) > 1})
        nothing = not (self.layers or self.closed_ways or self.closed_crossings or self.closed_stations)
        if nothing or twice:
            got = f"{', '.join(twice)} twice" if twice else "none"
            expected = "at least one hazard layer, each once, or a closed way, crossing or station"
            defects.append(Defect("", f"{where}, layers", expected, got, "correct the list of layer ids"))
        ranges = (
            ("stations_out", self.stations_out, 1, 5),
            ("stations_delayed", 1 if self.stations_delayed is None else self.stations_delayed, 1, 5),
            ("stations_delay_s", self.stations_delay_s, 0, 3600),
            ("return_period_years", self.return_period_years or 1.0, 1e-6, 1e6),
            ("draws", self.draws, 10, 100_000),
            ("seed", self.seed, 0, 2**63 - 1),
        )
        defects += [
            Defect("", f"{where}, {key}", f"a number within {low}…{high:,}", repr(value), "correct it")
            for key, value, low, high in ranges
            if not low <= value <= high
        ]
        if defects:
            raise HazardError(defects)


@dataclass(frozen=True)
class RiskCurve:
    """Scenarios of one hazard at several return periods, from which follows what to expect in a year.

    Attributes
    ----------
    id, name
        Key, and what people call it.
    scenarios
        Ids of the scenarios: the same hazards in each, and each with a return period that no other has.
    tail, frequent, triangle_year
        The rules beyond the rarest and below the most frequent: see `mutualaid.hazards.expected_annual`.
    """

    id: str
    name: str
    scenarios: tuple[str, ...]
    tail: str = "constant"
    frequent: str = "zero"
    triangle_year: float | None = None
