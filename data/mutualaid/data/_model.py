"""What a region is once it has been read: tables in one projected CRS, and decisions as frozen values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from pyproj import CRS

from mutualaid.data._agreements import Agreement, Costs
from mutualaid.data._evacuation import EvacuationCase
from mutualaid.data._hazards import HazardScenario, HazardSource, RiskCurve
from mutualaid.data._targets import Target

__all__ = ["HOUR_CLASSES", "ROAD_CLASSES", "SERVICES", "STAMPS", "Parameters", "Region", "Source"]

#: Drivable OSM highway classes, most important first. Only these are kept in the road file of a region; the position
#: is the code of the categorical column ``class`` of a network.
ROAD_CLASSES: tuple[str, ...] = (
    "motorway",
    "motorway_link",
    "trunk",
    "trunk_link",
    "primary",
    "primary_link",
    "secondary",
    "secondary_link",
    "tertiary",
    "tertiary_link",
    "unclassified",
    "residential",
    "living_street",
    "service",
    "track",
    "road",
    "busway",
)

#: Services a station can belong to.
SERVICES: tuple[str, ...] = ("fire", "ems", "rescue")

#: Hour classes for which a turnout may be stated.
HOUR_CLASSES: tuple[str, ...] = ("day", "night", "weekend")


@dataclass(frozen=True)
class Source:
    """Where data come from.

    Attributes
    ----------
    what
        What it covers, in words a reader knows: ``roads and buildings``.
    source, licence, date
        Provider with reference, licence, and the date the data describe (ISO 8601, may be a year only).
    """

    what: str
    source: str
    licence: str = ""
    date: str = ""


@dataclass(frozen=True)
class Parameters:
    """Parameters of a run that are not data. Each is an assumption until a partner confirms it.

    Attributes
    ----------
    service
        The service analysed: ``fire``, ``ems`` or ``rescue``.
    profile
        Vehicle profile: ``fire_engine``, ``ambulance`` or ``civilian``, or the path of a TOML file inside the region's
        folder; see `Region.profile`.
    standard
        Id of the common standard that the partners agree on (`mutualaid.coverage.standards`).
    local_standards
        Id of the standard of each jurisdiction that has its own; those not named use the common one.
    hour
        Hour class: ``day``, ``night`` or ``weekend``.
    answering_s, processing_s
        Seconds from call received to answered, and from answered to units alerted.
    turnout_s
        Seconds from alert to wheels rolling, by department type, for stations that state none.
    dispatch_s
        Extra seconds until a neighbour's unit is alerted, in a joint team.
    crossing_s
        Extra seconds at each international crossing passed.
    crossing_delay_s
        Delay of single crossings by id, in seconds, instead of `crossing_s`.
    capability
        Capability code that the first unit must have, such as ``ladder``; empty: any unit will do.
    availability
        Share of the time that a unit is free, above 0 and up to 1.
    date
        Day for which agreements are looked up, ISO 8601; the day of the run if empty.
    cutoff_s
        Drive times are computed up to this many seconds; what lies beyond counts as not reached.
    snap_m
        People or stations further than this from any road are reported as unreachable by road.
    """

    service: str = "fire"
    profile: str = "fire_engine"
    standard: str = "de-agbf-first"
    local_standards: Mapping[str, str] = field(default_factory=dict)
    hour: str = "day"
    answering_s: float = 15.0
    processing_s: float = 64.0
    turnout_s: Mapping[str, float] = field(
        default_factory=lambda: {"career": 80.0, "combination": 150.0, "volunteer": 240.0, "unknown": 240.0}
    )
    dispatch_s: float = 0.0
    crossing_s: float = 0.0
    crossing_delay_s: Mapping[str, float] = field(default_factory=dict)
    capability: str = ""
    availability: float = 1.0
    date: str = ""
    cutoff_s: float = 1800.0
    snap_m: float = 200.0

    @property
    def day(self) -> dt.date:
        """Day for which agreements are looked up."""
        return dt.date.fromisoformat(self.date) if self.date else dt.datetime.now(dt.UTC).astimezone().date()


def _no_ground() -> gpd.GeoDataFrame:
    columns = {name: pd.Series([], dtype=str) for name in ("kind", "name", "place")}
    columns["population"] = pd.Series([], dtype=np.float64)
    return gpd.GeoDataFrame(columns, geometry=[], index=pd.Index([], name="id", dtype=str))


def _no_shelters() -> gpd.GeoDataFrame:
    texts, numbers = ("name", "jurisdiction", "owner"), ("capacity", "area_m2", "opens_min", "closes_min")
    columns = {name: pd.Series([], dtype=str) for name in texts}
    columns |= {name: pd.Series([], dtype=np.float64) for name in numbers}
    columns |= {name: pd.Series([], dtype=str) for name in ("services", "stands", "capacity_source")}
    return gpd.GeoDataFrame(columns, geometry=[], index=pd.Index([], name="id", dtype=str))


#: Points of the clock that a record of an incident can state; ``free``: the unit can be sent again.
STAMPS: tuple[str, ...] = ("t0", "t1", "t2", "t3", "t4", "t5", "free")


def _no_incidents() -> gpd.GeoDataFrame:
    columns = {name: pd.Series([], dtype=str) for name in ("incident", "unit", "station", "service", "type")}
    columns |= {name: pd.Series([], dtype="datetime64[ms, UTC]") for name in STAMPS}
    columns["offset_min"] = pd.Series([], dtype=np.float64)
    return gpd.GeoDataFrame(columns, geometry=[], index=pd.Index([], name="id", dtype=str))


def _no_decisions() -> pd.DataFrame:
    texts = ("date", "kind", "who", "what", "run", "indicator", "status", "due", "closed", "note", "sharing")
    columns = {name: pd.Series([], dtype=str) for name in texts}
    columns["value"] = pd.Series([], dtype=np.float64)
    return pd.DataFrame(columns, index=pd.Index([], name="id", dtype=str))


@dataclass(frozen=True, eq=False)
class Region:
    """A border region: what its partners share.

    All tables are in `crs`, a projected CRS in metres, and indexed by their unique text ``id``. Jurisdictions,
    stations, hospitals, shelters and ground may also have columns ``name_<language>`` (BCP 47 base language, such as
    ``name_fr``): text, "" where a row has none.

    Attributes
    ----------
    name
        Name of the region.
    folder
        Folder that holds region.toml and every file it names.
    crs
        Projected CRS in metres.
    jurisdictions
        Polygons: ``name``, ``country`` (ISO 3166-1 alpha-2, "" if unknown), ``languages`` (BCP 47 tags joined by
        ``;``), ``population`` (float, NaN if unknown), ``partner`` (who runs the service there; jurisdictions
        that name the same partner are served by the same brigades without any agreement; default the id),
        ``completed`` (bool: the boundary was closed along the edge of an extract).
    stations
        Points: ``name``, ``jurisdiction`` (id), ``service``, ``department`` (``career``, ``volunteer``,
        ``combination``, ``unknown``), ``turnout_s`` and ``turnout_day_s``, ``turnout_night_s``,
        ``turnout_weekend_s`` (float, NaN if not stated), ``status`` (``active``, ``planned``, ``closed``).
    units
        ``station`` (id), ``kind``, ``capabilities`` (codes joined by ``;``), ``staffing`` (float, NaN if unknown),
        ``count`` (int ≥ 1); may be empty: then what units there are is unknown.
    demand
        Points with a weight: ``population`` (float ≥ 0), ``jurisdiction`` (id), ``incidents`` (a year, float, NaN if
        unknown; only if the file has them); where the demand stands for
        square cells also ``cell_x``, ``cell_y`` (lower left corner, metres in `crs`).
    cell_m
        Width of the demand cells in metres; None where demand is points of no stated extent.
    hospitals
        Points with ``name``; may be empty.
    network_files
        Road network sources inside `folder`: .osm.pbf, .osm or .graphml.
    parameters, sources, standards
        `Parameters`, the sources of the data, and the region's own standards as plain mappings by id.
    note
        What must be said on the face of every result, such as the date of the map.
    hazards, scenarios, risks
        Hazard layers, the scenarios that are made of them, and the scenarios that are one hazard at several
        return periods. Layers are named here and opened by `mutualaid.hazards.read_layers`.
    agreements, costs
        What the partners have agreed, and what their services cost.
    files
        Every file that was read: region.toml and those that it names; empty for a region made in memory.
    ground
        What the map shows for orientation: ``kind`` (``water``: polygons, ``river`` and ``coast``: lines, ``place``:
        points), ``name`` ("" if it has none), ``place`` (kind of a place as in OpenStreetMap, such as ``village``),
        ``population`` of a place (float, NaN if unknown); may be empty. Nothing is computed from it.
    shelters
        Points: ``name``, ``jurisdiction`` (id), ``owner`` (the partner that opens it), ``capacity`` (people, float) and
        ``area_m2`` (floor that they can use, float): NaN if unknown, but never both; ``opens_min`` and ``closes_min``
        (minutes after the alarm, float; NaN: it stays open), ``services`` (codes joined by ``;``), ``stands`` (hazards
        joined by ``;`` that people inside are safe from), ``capacity_source``; may be empty.
    evacuation
        What is stated about an evacuation; None if nothing is.
    incidents
        What happened: points, one row for each unit that was sent: ``incident`` (text, of all units that were sent to
        the same), ``unit``, ``station`` (id; it need not be one of `stations`), ``service``, ``type`` ("" where
        unknown), the points of the clock ``t0`` … ``t5`` and ``free``, when the unit could be sent again (UTC, NaT if
        unknown), and ``offset_min`` (local time in minutes ahead of UTC, NaN if unknown). May be empty.
    decisions
        The partners' log: ``date`` (ISO 8601), ``kind`` (``decision``, ``exercise`` or ``finding``), ``who``, ``what``,
        ``run`` (id of the run on whose numbers it rests), ``indicator`` (place in its summary) and ``value`` (float,
        NaN if none), ``status`` (``open``, ``done`` or ``dropped``), ``due`` and ``closed`` (ISO 8601), ``note``,
        ``sharing`` (``public``, ``partners`` or ``own``); texts are "" where nothing is stated. May be empty.
    targets
        What the partners want to reach.
    """

    name: str
    folder: Path
    crs: CRS
    jurisdictions: gpd.GeoDataFrame
    stations: gpd.GeoDataFrame
    units: pd.DataFrame
    demand: gpd.GeoDataFrame
    cell_m: float | None
    hospitals: gpd.GeoDataFrame
    network_files: tuple[Path, ...]
    parameters: Parameters = field(default_factory=Parameters)
    sources: tuple[Source, ...] = ()
    standards: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    note: str = ""
    hazards: tuple[HazardSource, ...] = ()
    scenarios: tuple[HazardScenario, ...] = ()
    risks: tuple[RiskCurve, ...] = ()
    agreements: tuple[Agreement, ...] = ()
    costs: Costs = field(default_factory=Costs)
    files: tuple[Path, ...] = ()
    ground: gpd.GeoDataFrame = field(default_factory=_no_ground)
    shelters: gpd.GeoDataFrame = field(default_factory=_no_shelters)
    evacuation: EvacuationCase | None = None
    incidents: gpd.GeoDataFrame = field(default_factory=_no_incidents)
    decisions: pd.DataFrame = field(default_factory=_no_decisions)
    targets: tuple[Target, ...] = ()

    def __post_init__(self) -> None:
        for name in ("ground", "shelters", "incidents"):
            frame = getattr(self, name)
            if frame.crs is None:  # the default does not know the region's
                object.__setattr__(self, name, frame.set_crs(self.crs))

    @property
    def profile(self) -> str | Path:
        """Vehicle of the parameters, as `mutualaid.network.profile` takes it: a name, or the file in `folder`."""
        name = self.parameters.profile
        return self.folder / name if name.lower().endswith(".toml") else name
