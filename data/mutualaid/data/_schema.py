"""The schema of a region, in one place: region.toml as pydantic models, each table as a list of columns.

`docs/region.schema.json` and `docs/region.md` are written from here.
"""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from mutualaid.data._agreements import SHARING_LEVELS
from mutualaid.data._evacuation import EvacuationCase
from mutualaid.data._hazards import HAZARDS
from mutualaid.data._model import HOUR_CLASSES, SERVICES, Parameters
from mutualaid.data._targets import indicator_path

__all__ = [
    "DECISION_KINDS",
    "DECISION_STATES",
    "ENTRIES",
    "GROUND_KINDS",
    "SITES",
    "TABLES",
    "TRANSLATED",
    "ZONES",
    "AgreementCrossingEntry",
    "AgreementEntry",
    "ArrivalEntry",
    "CoalitionEntry",
    "Column",
    "CostEntry",
    "EvacuationEntry",
    "HazardEntry",
    "ParametersEntry",
    "RegionFile",
    "RiskEntry",
    "ScenarioEntry",
    "Shape",
    "TableSpec",
    "TargetEntry",
    "default_profile",
    "region_schema",
]

#: Longest text that a name, an id or a note of one line may have.
MAX_TEXT = 200
#: A CRS that region.toml may name: authority and code, never a definition that could point elsewhere.
CRS_PATTERN = r"^[A-Z][A-Za-z]*:[A-Za-z0-9_.]+$"
#: An id that is also the name of a layer or a file.
ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
#: A year, month or day; a day.
DATE_PATTERN, DAY_PATTERN = r"^(\d{4}(-\d{2}(-\d{2})?)?)?$", r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$"
#: A single code of a column in which ``;`` joins several.
CODE_PATTERN = r"^[^;]*$"
#: Built-in vehicles.
VEHICLES = ("fire_engine", "ambulance", "civilian")
#: What a path inside the folder is made of; links are followed where it is opened.
_PLAIN_PATH = re.compile(r"""[^\\:!?*"<>|\x00-\x1f~]+""")
#: Longest text of a cell in which people explain something.
MAX_LONG = 2000
#: A column with names in another language, by its BCP 47 base language.
TRANSLATED = re.compile(r"name_[a-z]{2,3}")
#: Characters that no name may hold: C0 and C1 controls, line and paragraph separators, lone surrogates.
CONTROL = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff]")


# --- tables -------------------------------------------------------------------------------------------------

Shape: TypeAlias = Literal["polygon", "line", "point"]

#: What the ground may hold, and the geometry of each kind.
GROUND_KINDS: dict[str, Shape] = {"water": "polygon", "river": "line", "coast": "line", "place": "point"}


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name, description
        The header, and what it means.
    kind
        ``text``, ``id`` (text without ``;``), ``number``, ``count`` (whole number), ``flag`` (true or
        false), ``day`` (ISO 8601), ``stamp`` (a moment, ISO 8601 with its offset from UTC) or ``indicator`` (a place
        in ``summary.json``).
    required
        Whether every row must have a value.
    default
        What an empty cell stands for; NaN means unknown.
    default_text
        The same in words, for the documentation.
    allowed
        The only values allowed, if there is a list.
    minimum, maximum
        Bounds of a number, inclusive.
    pattern, pattern_text
        What a text must match, as a regular expression and in words.
    always
        Whether the table has the column even if its file does not.
    longest
        Most characters that a text may have.
    """

    name: str
    kind: Literal["text", "id", "number", "count", "flag", "day", "stamp", "indicator"]
    description: str
    required: bool = False
    default: str | float | bool | None = None
    default_text: str = ""
    allowed: tuple[str, ...] = ()
    minimum: float = -math.inf
    maximum: float = math.inf
    pattern: str = ""
    pattern_text: str = ""
    always: bool = True
    longest: int = MAX_TEXT


@dataclass(frozen=True)
class TableSpec:
    """One table of a region: its columns, and the geometry of its rows.

    Attributes
    ----------
    name
        Name of the table, as in region.toml.
    description
        What a row is.
    geometry
        ``polygon``, ``point``, ``none``, or ``by kind``: as `GROUND_KINDS` says for the column ``kind``.
    columns
        All columns but the geometry; others in a file are ignored.
    translated
        Whether there may be names in other languages, in the columns that `TRANSLATED` matches.
    id_prefix
        Where a file has no column ``id``: the letter that, with the row's position, makes one. Empty if ids
        are required.
    may_be_empty
        Whether a table without rows is meaningful.
    one_of
        Columns of which every row must have at least one.
    """

    name: str
    description: str
    geometry: Literal["polygon", "point", "none", "by kind"]
    columns: tuple[Column, ...]
    translated: bool = False
    id_prefix: str = ""
    may_be_empty: bool = False
    one_of: tuple[str, ...] = ()
    by_name: dict[str, Column] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {column.name: column for column in self.columns})


def _id(what: str, *, required: bool = True) -> Column:
    return Column("id", "id", f"Id of the {what}, unique; always text: 007 stays 007", required=required)


def _name(what: str) -> Column:
    return Column("name", "text", f"Name of the {what}", default_text="the id")


def _turnout(name: str, when: str, otherwise: str) -> Column:
    return Column(
        name,
        "number",
        f"Seconds from alert to wheels rolling{when}",
        default=math.nan,
        default_text=otherwise,
        minimum=0,
        maximum=3600,
    )


def _stamp(name: str, what: str) -> Column:
    return Column(name, "stamp", what, default_text="unknown")


def _said(name: str, what: str, *, longest: int = MAX_TEXT, otherwise: str = "") -> Column:
    return Column(name, "text", what, default="", default_text=otherwise, longest=longest)


def _day(name: str, what: str, *, required: bool = False, otherwise: str = "") -> Column:
    return Column(name, "day", what, required=required, default="", default_text=otherwise)


#: What an entry in the log of decisions may be, and what may have become of it.
DECISION_KINDS: tuple[str, ...] = ("decision", "exercise", "finding")
DECISION_STATES: tuple[str, ...] = ("open", "done", "dropped")

_JURISDICTION = Column(
    "jurisdiction", "id", "Id of the jurisdiction it lies in", default_text="found from the location"
)

#: Every table of a region by its name in region.toml.
TABLES: dict[str, TableSpec] = {
    "jurisdictions": TableSpec(
        "jurisdictions",
        "Areas that a partner is responsible for, as polygons that do not overlap.",
        "polygon",
        (
            _id("jurisdiction"),
            _name("jurisdiction"),
            Column(
                "country",
                "text",
                "Country, ISO 3166-1 alpha-2",
                default="",
                default_text="unknown",
                pattern=r"[A-Z]{2}",
                pattern_text="two capital letters such as FR",
            ),
            Column(
                "languages",
                "text",
                "Languages, most used first: BCP 47 tags joined by `;`",
                default="",
                default_text="unknown",
                pattern=r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*(;[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*)*",
                pattern_text="language tags joined by ; such as fr;de-CH",
            ),
            Column(
                "population",
                "number",
                "People living there",
                default=math.nan,
                default_text="unknown, which is not 0",
                minimum=0,
                maximum=1e9,
            ),
            Column(
                "partner",
                "id",
                "Who runs the service there; jurisdictions of one partner need no agreement with each other",
                default_text="the id",
            ),
            Column(
                "completed",
                "flag",
                "Whether the boundary was closed along the edge of a map extract",
                default=False,
                default_text="false",
            ),
        ),
        translated=True,
    ),
    "stations": TableSpec(
        "stations",
        "Places that units leave from, as points at their exit.",
        "point",
        (
            _id("station"),
            _name("station"),
            _JURISDICTION,
            Column("service", "text", "Service it belongs to", required=True, allowed=SERVICES),
            Column(
                "department",
                "text",
                "Who staffs it",
                default="unknown",
                default_text="unknown",
                allowed=("career", "volunteer", "combination", "unknown"),
            ),
            _turnout("turnout_s", "", "by department, from [parameters]"),
            *(_turnout(f"turnout_{hour}_s", f", hour class {hour}", "as turnout_s") for hour in HOUR_CLASSES),
            Column(
                "status",
                "text",
                "Whether units leave from it today",
                default="active",
                default_text="active",
                allowed=("active", "planned", "closed"),
            ),
        ),
        translated=True,
    ),
    "units": TableSpec(
        "units",
        "Vehicles with crew at a station. Without this table, what units there are is unknown.",
        "none",
        (
            _id("unit", required=False),
            Column("station", "id", "Id of its station", required=True),
            Column("kind", "text", "Kind, in the partners' words", default="", default_text="unknown"),
            Column(
                "capabilities", "text", "Capability codes joined by `;`", default="", default_text="unknown"
            ),
            Column(
                "staffing",
                "number",
                "Crew on board",
                default=math.nan,
                default_text="unknown",
                minimum=0,
                maximum=1000,
            ),
            Column(
                "count",
                "count",
                "How many alike",
                default=1,
                default_text="1",
                minimum=1,
                maximum=1000,
            ),
        ),
        id_prefix="U",
        may_be_empty=True,
    ),
    "demand": TableSpec(
        "demand",
        "Where people are, as points with a weight.",
        "point",
        (
            _id("demand point", required=False),
            Column(
                "population",
                "number",
                "People, or another weight; `weight` in [demand] may name another column",
                required=True,
                minimum=0,
                maximum=1e9,
            ),
            _JURISDICTION,
            Column(
                "incidents",
                "number",
                "Incidents a year, on average",
                default_text="unknown, which is not 0",
                minimum=0,
                maximum=1e9,
                always=False,
            ),
            Column(
                "cell_x",
                "number",
                "West edge of the square cell it stands for, metres in the region's CRS",
                default_text="from the location and cell_m; without that, points without extent",
                minimum=-1e8,
                maximum=1e8,
                always=False,
            ),
            Column(
                "cell_y",
                "number",
                "South edge of the square cell it stands for, metres in the region's CRS",
                default_text="from the location and cell_m; without that, points without extent",
                minimum=-1e8,
                maximum=1e8,
                always=False,
            ),
        ),
        id_prefix="D",
    ),
    "hospitals": TableSpec(
        "hospitals",
        "Hospitals, as points.",
        "point",
        (_id("hospital", required=False), _name("hospital")),
        translated=True,
        id_prefix="H",
        may_be_empty=True,
    ),
    "shelters": TableSpec(
        "shelters",
        "Places that take people in an evacuation, as points at their entrance.",
        "point",
        (
            _id("shelter", required=False),
            _name("shelter"),
            _JURISDICTION,
            Column("owner", "text", "Partner that opens it", default_text="that of the jurisdiction"),
            Column(
                "capacity",
                "number",
                "People that it takes; this or area_m2 must be given",
                default=math.nan,
                default_text="from area_m2 and the floor that a person needs",
                minimum=0,
                maximum=1e7,
            ),
            Column(
                "area_m2",
                "number",
                "Floor that people can use, in m²",
                default=math.nan,
                default_text="unknown, which is not 0",
                minimum=0,
                maximum=1e7,
            ),
            Column(
                "opens_min",
                "number",
                "Minutes after the alarm from which it can take people",
                default=0.0,
                default_text="0",
                minimum=0,
                maximum=100_000,
            ),
            Column(
                "closes_min",
                "number",
                "Minutes after the alarm from which it takes nobody any more",
                default=math.nan,
                default_text="it stays open",
                minimum=0,
                maximum=100_000,
            ),
            Column(
                "services",
                "text",
                "What it offers, as codes joined by `;`: `medical`, `pets`, `meals`, `accessible`, `power` …",
                default="",
                default_text="unknown",
                pattern=r"[a-z0-9_]+(;[a-z0-9_]+)*",
                pattern_text="codes in small letters joined by ; such as medical;pets",
            ),
            Column(
                "stands",
                "text",
                "Hazards that it is built to stand, joined by `;`: people inside are safe from them",
                default="",
                default_text="none",
                pattern=rf"({'|'.join(HAZARDS)})(;({'|'.join(HAZARDS)}))*",
                pattern_text=f"hazards joined by ; of {', '.join(HAZARDS)}",
            ),
            Column(
                "capacity_source",
                "text",
                "Where capacity and area come from",
                default="",
                default_text="unknown",
            ),
        ),
        translated=True,
        id_prefix="SH",
        may_be_empty=True,
        one_of=("capacity", "area_m2"),
    ),
    "ground": TableSpec(
        "ground",
        "What the map shows for orientation: water, rivers, coast and places. Nothing is computed from it.",
        "by kind",
        (
            _id("feature", required=False),
            Column(
                "kind",
                "text",
                "What it is; water is a polygon, a river or coast a line, a place a point",
                required=True,
                allowed=tuple(GROUND_KINDS),
            ),
            Column("name", "text", "Name; places must have one", default="", default_text="without a name"),
            Column(
                "place",
                "text",
                "Kind of a place, as OpenStreetMap has them: city, town, village, suburb, hamlet, locality …",
                default="",
                default_text="the least important",
                pattern=r"[a-z_]+",
                pattern_text="small letters such as village",
            ),
            Column(
                "population",
                "number",
                "People living in a place",
                default=math.nan,
                default_text="unknown, which is not 0",
                minimum=0,
                maximum=1e9,
            ),
        ),
        translated=True,
        id_prefix="G",
        may_be_empty=True,
    ),
    "incidents": TableSpec(
        "incidents",
        "What happened, as points where it did: one row for each unit that was sent.",
        "point",
        (
            _id("row", required=False),
            Column(
                "incident",
                "text",
                "The same for all units that were sent to one incident",
                default_text="the id: no other unit was sent",
            ),
            _said("unit", "Unit that was sent, as the control room calls it", otherwise="unknown"),
            _said(
                "station",
                "Id of its station; one that is not in the table stations is counted apart",
                otherwise="unknown",
            ),
            Column("service", "text", "Service that was called", required=True, allowed=SERVICES),
            _said("type", "Type of incident, in the partners' words", otherwise="unknown"),
            _stamp("t0", "The call was received"),
            _stamp("t1", "The call was answered"),
            _stamp("t2", "The unit was alerted"),
            _stamp("t3", "Its wheels rolled"),
            _stamp("t4", "It arrived"),
            _stamp("t5", "The full force had arrived"),
            _stamp("free", "The unit could be sent again"),
        ),
        id_prefix="I",
        may_be_empty=True,
    ),
    "decisions": TableSpec(
        "decisions",
        "The partners' log: what was decided on which numbers, exercises held, findings.",
        "none",
        (
            _id("entry", required=False),
            _day("date", "Day of the decision, exercise or finding", required=True),
            Column("kind", "text", "What it is", required=True, allowed=DECISION_KINDS),
            Column("who", "text", "Who decided, exercised or found it", required=True),
            Column("what", "text", "What, in words", required=True, longest=MAX_LONG),
            Column(
                "run",
                "text",
                "Id of the run on whose numbers it rests, as its record is called",
                default="",
                default_text="none",
                pattern=r"[A-Za-z0-9][A-Za-z0-9._-]*",
                pattern_text="the id of a run, letters, digits, full stops, hyphens and underscores",
            ),
            Column(
                "indicator",
                "indicator",
                "Place in summary.json of the number that counted: keys joined by full stops",
                default="",
                default_text="none",
            ),
            Column(
                "value",
                "number",
                "What the number was then",
                default=math.nan,
                default_text="not noted",
                minimum=-1e15,
                maximum=1e15,
            ),
            Column(
                "status",
                "text",
                "What has become of it",
                default="",
                default_text="done where closed is given, else open",
                allowed=DECISION_STATES,
            ),
            _day("due", "Day by which it is to be done", otherwise="no day was agreed"),
            _day("closed", "Day on which it was done or dropped", otherwise="not yet, or nobody knows when"),
            _said("note", "What else must be known", longest=MAX_LONG),
            Column(
                "sharing",
                "text",
                "Who may read it",
                default="partners",
                default_text="partners",
                allowed=SHARING_LEVELS,
            ),
        ),
        id_prefix="D",
        may_be_empty=True,
    ),
}

#: Places where a station could be: a table that a region does not have, but that is read as its tables are.
SITES = TableSpec(
    "sites",
    "Places where a new station could be, as points at its exit.",
    "point",
    (
        _id("site", required=False),
        _name("site"),
        Column(
            "partner",
            "text",
            "Partner that would own and pay it",
            default="",
            default_text="that of the jurisdiction it lies in",
        ),
        Column(
            "opening_cost",
            "number",
            "Cost of opening it, in one unit of money for all",
            default=math.nan,
            default_text="as that of any other new station",
            minimum=0,
            maximum=1e15,
        ),
        Column(
            "capacity",
            "number",
            "People it can serve",
            default=math.nan,
            default_text="as that of any other station",
            minimum=0,
            maximum=1e9,
        ),
    ),
    id_prefix="site",
)

#: Areas that are evacuated: a file of them stands beside the tables of a region, and is read as they are.
ZONES = TableSpec(
    "zones",
    "Areas that people leave in an evacuation, as polygons.",
    "polygon",
    (_id("zone", required=False), _name("zone")),
    translated=True,
    id_prefix="Z",
)


# --- region.toml --------------------------------------------------------------------------------------------


def _one_line(text: str) -> str:
    if CONTROL.search(text):
        message = "text without control characters"
        raise ValueError(message)
    return text


def _lines(text: str) -> str:
    _one_line(re.sub(r"[\r\n\t]", " ", text))
    return text


def _real_date(text: str) -> str:
    year, month, day = [*(int(part) for part in text.split("-") if part), 1, 1, 1][:3]
    try:
        date(year, month, day)
    except ValueError:
        message = "a date that there is"
        raise ValueError(message) from None
    return text


def _profile(text: str) -> str:
    if text in VEHICLES:
        return text
    if not text.lower().endswith(".toml"):
        expected = ", ".join(f"'{name}'" for name in VEHICLES) + ", a .toml file in the region folder"
        raise PydanticCustomError("literal_error", "one of {expected}", {"expected": expected})
    if not _PLAIN_PATH.fullmatch(text) or {"", ".", ".."} & set(text.split("/")):
        message = "a plain path inside the region folder, parts joined by /"
        raise ValueError(message)
    return text


def _indicator(text: str) -> str:
    indicator_path(text)
    return text


Text = Annotated[str, Field(max_length=MAX_TEXT), AfterValidator(_one_line)]
Filled = Annotated[Text, Field(min_length=1)]
LongText = Annotated[str, Field(max_length=5000), AfterValidator(_lines)]
CrsCode = Annotated[str, Field(pattern=CRS_PATTERN, max_length=50, examples=["EPSG:32632"])]
Seconds = Annotated[float, Field(ge=0, le=3600)]
Share = Annotated[float, Field(gt=0, le=1)]
ShortId = Annotated[str, Field(pattern=ID_PATTERN, max_length=64)]
IsoDate = Annotated[str, Field(pattern=DATE_PATTERN)]
RealDate = Annotated[IsoDate, AfterValidator(_real_date)]
RealDay = Annotated[str, Field(pattern=DAY_PATTERN), AfterValidator(_real_date)]
Department = Literal["career", "volunteer", "combination", "unknown"]
Service = Literal["fire", "ems", "rescue"]
Hour = Literal["day", "night", "weekend"]
Confidence = Literal["measured", "stated", "assumption"]


VehicleProfile = Annotated[
    str,
    Field(max_length=MAX_TEXT),
    AfterValidator(_one_line),
    AfterValidator(_profile),
    WithJsonSchema(
        {
            "type": "string",
            "anyOf": [{"enum": list(VEHICLES)}, {"pattern": r"^[^/\\~:].*\.[Tt][Oo][Mm][Ll]$"}],
        }
    ),
]


class _Entry(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, allow_inf_nan=False, frozen=True, use_attribute_docstrings=True
    )


class RegionHead(_Entry):
    """What the region is called, and the CRS that distances are measured in."""

    name: Filled
    """Name of the region."""
    crs: CrsCode | None = None
    """Projected CRS in metres, as authority and code; else the UTM zone of the jurisdictions' centre."""
    note: LongText = ""
    """What must be said on the face of every result, such as the date of the map."""


class TableFile(_Entry):
    """The file of a table: GeoPackage, GeoJSON, GeoParquet, or CSV with columns lon and lat."""

    file: Filled
    """Path inside the region folder, with `/` between its parts."""
    layer: Filled | None = None
    """Layer of a GeoPackage; needed where it has several."""
    crs: CrsCode | None = None
    """CRS of a file that states none itself. A CSV is EPSG:4326 without it."""


class DemandFile(TableFile):
    """The file of the demand points."""

    cell_m: Annotated[float, Field(gt=0, le=10_000)] | None = None
    """Width in metres of the square cells that the points stand for, if they do."""
    weight: Filled = "population"
    """Column that holds the weight."""


class NetworkFiles(_Entry):
    """Where the roads come from."""

    files: Annotated[list[Filled], Field(min_length=1, max_length=100)]
    """Files inside the region folder: .osm.pbf, .osm or .graphml."""


_SET = asdict(Parameters())


def default_profile(service: str) -> str:
    """Vehicle that a service usually comes with."""
    return "ambulance" if service == "ems" else "fire_engine"


class ParametersEntry(_Entry):
    """Parameters of a run. Each is an assumption until a partner confirms it."""

    service: Service = _SET["service"]
    """Service analysed."""
    profile: VehicleProfile = _SET["profile"]
    """Vehicle profile, or a TOML file of one in the folder; by default an ambulance for ems, else a fire engine."""
    standard: Filled = _SET["standard"]
    """Id of the common response-time standard."""
    local_standards: dict[Filled, Filled] = {}
    """Id of the standard of each jurisdiction that has its own, by jurisdiction id."""
    hour: Hour = _SET["hour"]
    """Hour class."""
    answering_s: Seconds = _SET["answering_s"]
    """Seconds from call received to answered."""
    processing_s: Seconds = _SET["processing_s"]
    """Seconds from answered to units alerted."""
    turnout_s: dict[Department, Seconds] = _SET["turnout_s"]
    """Seconds from alert to wheels rolling by department type, for stations that state none."""
    dispatch_s: Seconds = _SET["dispatch_s"]
    """Extra seconds until a neighbour's unit is alerted, in a joint team."""
    crossing_s: Seconds = _SET["crossing_s"]
    """Extra seconds at each international crossing passed."""
    crossing_delay_s: dict[Filled, Seconds] = {}
    """Extra seconds at single crossings by crossing id, instead of crossing_s."""
    capability: Annotated[Text, Field(pattern=CODE_PATTERN)] = _SET["capability"]
    """Capability code that the first unit must have, such as ladder; any unit will do if left out."""
    availability: Share = _SET["availability"]
    """Share of the time that a unit is free."""
    date: RealDay = _SET["date"]
    """Day for which agreements are looked up, as ISO 8601; the day of the run if left out."""
    cutoff_s: Annotated[float, Field(ge=60, le=21_600)] = _SET["cutoff_s"]
    """Drive times are computed up to this many seconds; what lies beyond counts as not reached."""
    snap_m: Annotated[float, Field(ge=1, le=5000)] = _SET["snap_m"]
    """People or stations further than this from any road are reported as unreachable by road."""

    def parameters(self) -> Parameters:
        """Give the frozen value; departments that are not named keep their default turnout."""
        values = self.model_dump()
        if "profile" not in self.model_fields_set:
            values["profile"] = default_profile(self.service)
        values["turnout_s"] = {**_SET["turnout_s"], **values["turnout_s"]}
        return Parameters(**values)


class SourceEntry(_Entry):
    """Where data come from."""

    what: Filled
    """What it covers."""
    source: Annotated[str, Field(min_length=1, max_length=5000), AfterValidator(_lines)]
    """Provider with reference."""
    licence: LongText = ""
    """Licence."""
    date: IsoDate = ""
    """Date that the data describe: year, month or day as ISO 8601."""


class StandardEntry(_Entry):
    """A response-time standard of the region's own."""

    id: ShortId
    """Id that [parameters] may name."""
    name: Filled
    """Name."""
    service: Service
    """Service it holds for."""
    start: Literal["received", "answered", "alerted", "rolling"]
    """Where the clock starts."""
    end: Literal["arrived", "full_force"]
    """Where the clock stops: when the first unit arrives, or the full force."""
    limit_s: Annotated[float, Field(gt=0, le=21_600)]
    """Limit in seconds, inclusive."""
    share: Share | None = None
    """Share of incidents or people for which the limit must be met; unknown if absent."""
    area_class: Text = ""
    """Where it applies, in its own words."""
    source: LongText = ""
    """Where it is written."""
    note: LongText = ""
    """What must be known to use it."""


Severity = Annotated[int, Field(ge=1, le=5)]


class HazardEntry(_Entry):
    """A hazard layer that a partner shares, in its own scheme of classes."""

    id: ShortId
    """Id that [[scenario]] may name."""
    file: Filled
    """Raster (.tif, .asc, .img, .nc), USGS ShakeMap (grid.xml) or polygons, inside the region folder."""
    hazard: Literal[
        "flood", "flash_flood", "coastal_flood", "tsunami", "wildfire", "earthquake", "landslide", "rockfall",
        "avalanche", "wind", "ash", "other",
    ]  # fmt: skip
    """What threatens."""
    quantity: Literal[
        "depth", "velocity", "depth_velocity", "intensity", "acceleration", "wind_speed", "thickness",
        "pressure", "energy", "fwi", "probability", "class",
    ]  # fmt: skip
    """What the values measure; `class` for codes of zones."""
    unit: Text = ""
    """Unit of the values in the file, such as m, cm, ft or %g; none for classes and indices."""
    scheme: Text = ""
    """Scheme that puts the values on the common scale: id of a built-in one, or a .toml file in the folder."""
    name: Text = ""
    """What people call it; else the id."""
    return_period_years: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    """How rare the state shown is, in years; left out for an event."""
    event: Text = ""
    """Name of the event, if it shows one."""
    jurisdiction: Text = ""
    """Who provides it: id of a jurisdiction, a country or a partner; left out for one that all share."""
    source: LongText = ""
    """Where it comes from."""
    licence: LongText = ""
    """On what terms."""
    date: RealDate = ""
    """From when: year, month or day as ISO 8601."""
    nodata_means: Literal["unknown", "none"] = "unknown"
    """What a place without a value says: nobody looked, or there is no hazard."""
    nodata: Annotated[float, Field(allow_inf_nan=True)] | None = None
    """Value of a raster that means no data, if the file does not state it; nan if every cell has a value."""
    derived: bool = False
    """Derived from other data, illustrative, not official."""
    band: Annotated[int, Field(ge=1, le=10_000)] = 1
    """Band of a raster."""
    layer: Filled | None = None
    """Layer of a vector file that has several."""
    column: Filled | None = None
    """Column of a vector file with the values; field of a ShakeMap."""
    crs: CrsCode | None = None
    """CRS of a file that states none itself."""
    covers: Annotated[list[float], Field(min_length=4, max_length=4)] | None = None
    """West, south, east, north of what a vector layer covers, in its CRS, if that is more than its polygons."""


class ScenarioEntry(_Entry):
    """Hazards that strike at the same time, and what they do to roads and stations."""

    id: ShortId
    """Id, also the name of its layers in the results."""
    name: Text = ""
    """What people call it; else the id."""
    layers: Annotated[list[Filled], Field(max_length=1000)] = []
    """Ids of the hazard layers."""
    combine: Literal["worst"] = "worst"
    """A place is as severe as its worst hazard."""
    roads: Literal["multiply", "close"] = "multiply"
    """Several hazards on a road: their speed factors multiply, or any that slows it closes it."""
    rules: dict[Filled, Filled] = {}
    """What a hazard does to a road, by layer id or hazard: a rule's id, or a .toml file in the folder."""
    stations_out: Severity = 3
    """Severity from which a station is out of service."""
    stations_delayed: Severity | None = None
    """Severity from which a station's turnout is delayed."""
    stations_delay_s: Seconds = 0.0
    """By how many seconds."""
    unknown: Literal["passable", "closed"] = "passable"
    """Roads on which the hazard is unknown."""
    closed_stations: Annotated[list[Filled], Field(max_length=100_000)] = []
    """Ids of stations out of service wherever they stand: their crew is at the fire."""
    closed_ways: Annotated[list[Annotated[int, Field(ge=1)]], Field(max_length=100_000)] = []
    """OSM ways closed by an attribute of their own, such as a bridge that is overtopped or shaken."""
    closed_crossings: Annotated[list[Filled], Field(max_length=100_000)] = []
    """Ids of crossings that are closed."""
    return_period_years: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    """How rare it is that all this happens at once, in years; by default that of the layers of one hazard."""
    draws: Annotated[int, Field(ge=10, le=100_000)] = 200
    """Number of draws where closures are probabilities."""
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 1
    """Seed of the draws."""
    note: LongText = ""
    """What must be said with every result."""


class RiskEntry(_Entry):
    """Scenarios of one hazard at several return periods: what must be expected in a year."""

    id: ShortId
    """Id."""
    name: Text = ""
    """What people call it; else the id."""
    scenarios: Annotated[list[Filled], Field(min_length=1, max_length=100)]
    """Ids of the scenarios, each of one return period."""
    tail: Literal["constant", "zero"] = "constant"
    """Beyond the rarest: its value holds, or nothing is added."""
    frequent: Literal["zero", "constant", "triangle"] = "zero"
    """Below the most frequent: nothing, its value, or falling to 0 at triangle_year."""
    triangle_year: Annotated[float, Field(ge=1, le=1_000_000)] | None = None
    """Return period in years at which nothing happens yet, with frequent = "triangle"."""


Parties = Annotated[list[Filled], Field(min_length=2, max_length=1000)]
Cost = Annotated[float, Field(ge=0)]


class AgreementCrossingEntry(_Entry):
    """What an agreement says about one crossing of the border; several times for one if services or hours differ."""

    id: Filled
    """Id of the crossing, as in the layer crossings of the results."""
    delay_s: Seconds | None = None
    """Seconds that a vehicle of the parties loses each time it passes; else as the agreement says in general."""
    services: list[Service] = []
    """Services for which this holds; all if left out."""
    hours: list[Hour] = []
    """Hour classes for which this holds; all if left out."""
    open: bool = True
    """Whether vehicles of the parties may pass at all."""
    max_height_m: Annotated[float, Field(gt=0, le=100)] | None = None
    """Metres of height above which a vehicle may not pass; no limit if left out."""
    max_weight_t: Annotated[float, Field(gt=0, le=1000)] | None = None
    """Tonnes of weight above which a vehicle may not pass; no limit if left out."""


class AgreementEntry(_Entry):
    """An agreement on mutual aid: who helps whom, when, how fast, and what may be told of it."""

    id: ShortId
    """Id."""
    name: Text = ""
    """What people call it; else the id."""
    parties: Parties
    """Partners that it binds, as in the column partner of the jurisdictions."""
    helpers: Annotated[list[Filled], Field(max_length=1000)] = []
    """Those of them that send units; all if left out."""
    services: list[Service] = []
    """Services it holds for; all if left out."""
    valid_from: RealDay = ""
    """First day, as ISO 8601; open if left out."""
    valid_to: RealDay = ""
    """Last day, as ISO 8601; open if left out."""
    mode: Literal["automatic", "on_request", "subsidiary"] = "on_request"
    """A neighbour's unit comes by itself, on a call after the own one, or only where no own one meets the standard."""
    dispatch_delay_s: Seconds | None = None
    """Seconds from the alert of the own crew to that of the neighbour's; else 0 if automatic, 180 if not."""
    crossing_delay_s: Seconds | None = None
    """Seconds that a vehicle loses at each international crossing between the parties; else as in [parameters]."""
    crossings: Annotated[list[Filled], Field(max_length=100_000)] = []
    """Ids of the crossings that may be used; all public roads if left out."""
    crossing: Annotated[list[AgreementCrossingEntry], Field(max_length=100_000)] = []
    """What differs at single crossings."""
    strip_km: Annotated[float, Field(gt=0)] | None = None
    """Kilometres from the helper's own territory that help may go, in a straight line; anywhere if left out."""
    transit: bool = True
    """Whether a vehicle may pass through another party's territory to reach a third place, its own included."""
    priority_abroad: Literal["as_host", "civilian"] = "as_host"
    """Vehicles abroad may do what those of the host may, or what everybody may."""
    excluded_pairs: Annotated[
        list[Annotated[list[Filled], Field(min_length=2, max_length=2)]], Field(max_length=100_000)
    ] = []
    """Pairs [helping station, station in whose area the incident is] that are left out; "*" stands for any."""
    capability_map: dict[Filled, Filled] = {}
    """What a capability code of one party is called by the others."""
    home_cover_min: Annotated[int, Field(ge=0, le=1000)] = 1
    """Units that must stay at a station; one that has no more does not help."""
    availability: Share = 1.0
    """Share of the time that a unit is free to help."""
    availability_hazard: Share | None = None
    """The same while a hazard strikes all partners; else as availability."""
    handover_at_border: bool = False
    """Whether a patient changes vehicle at the border. That lengthens the transport, not the response."""
    handover_s: Seconds = 720.0
    """Seconds that it takes."""
    sharing: dict[Filled, Literal["public", "partners", "own"]] = {}
    """Who may see an attribute, such as "stations.turnout_s", or a table as a whole; what is not named is public."""
    source: LongText = ""
    """Where the agreement stands."""
    confidence: Confidence = "assumption"
    """How sure its figures are."""
    sources: dict[Filled, LongText] = {}
    """Where single parameters stand, by name."""
    confidences: dict[Filled, Confidence] = {}
    """How sure single parameters are, by name."""
    ranges: dict[Filled, Annotated[list[float], Field(min_length=2, max_length=2)]] = {}
    """Lowest and highest value that a parameter may have, by name, for its sweep."""
    note: LongText = ""
    """What must be said with every result."""


class CoalitionEntry(_Entry):
    """What some partners would pay a year if they ran their service together, without the others."""

    parties: Parties
    """The partners."""
    cost: Cost
    """Cost a year, in the currency of [cost]."""


class CostEntry(_Entry):
    """A budget to be shared, and what partners pay without the others."""

    budget: Cost | None = None
    """What the joint team costs a year; shares are of 1 if that is unknown."""
    currency: Text = ""
    """What costs are counted in, such as EUR."""
    alone: dict[Filled, Cost] = {}
    """What a partner would pay a year for itself, by partner; unknown for those that are left out."""
    coalition: Annotated[list[CoalitionEntry], Field(max_length=100_000)] = []
    """What several partners would pay together."""
    source: LongText = ""
    """Where the figures stand."""
    confidence: Confidence = "assumption"
    """How sure they are."""


_CASE = EvacuationCase()
Part = Annotated[float, Field(ge=0, le=1)]


class ArrivalEntry(_Entry):
    """When a hazard arrives, place by place: a raster of times, or polygons with a column of times."""

    file: Filled
    """Raster (.tif, .asc, .img, .nc) or polygons, inside the region folder."""
    hazard: Literal[
        "flood", "flash_flood", "coastal_flood", "tsunami", "wildfire", "earthquake", "landslide", "rockfall",
        "avalanche", "wind", "ash", "other",
    ]  # fmt: skip
    """What arrives: water passes under bridges, rocks over tunnels."""
    unit: Literal["s", "min", "h"] = "min"
    """Unit of the times, which count from the alarm on."""
    column: Filled | None = None
    """Column of a vector file with the times."""
    layer: Filled | None = None
    """Layer of a vector file that has several."""
    band: Annotated[int, Field(ge=1, le=10_000)] = 1
    """Band of a raster."""
    nodata: Annotated[float, Field(allow_inf_nan=True)] | None = None
    """Value of a raster that means no data, if the file does not state it; nan if every cell has a value."""
    nodata_means: Literal["never", "unknown"] = "never"
    """What a place without a time says: it never arrives there, or nobody knows."""
    crs: CrsCode | None = None
    """CRS of a file that states none itself."""
    covers: Annotated[list[float], Field(min_length=4, max_length=4)] | None = None
    """West, south, east, north of what a vector file covers, in its CRS, if that is more than its polygons."""
    name: Text = ""
    """What people call it."""
    source: LongText = ""
    """Where it comes from."""
    licence: LongText = ""
    """On what terms."""
    date: RealDate = ""
    """From when: year, month or day as ISO 8601."""
    derived: bool = False
    """Derived from other data, illustrative, not official."""


class EvacuationEntry(_Entry):
    """Who leaves, in what vehicles, when, and what is assumed about roads and shelters."""

    name: Text = _CASE.name
    """What people call it."""
    zones: Annotated[list[Filled], Field(max_length=10_000)] = []
    """Who leaves: ids of jurisdictions, files of polygons, or severity:wildfire>=3 by a layer or scenario."""
    scenario: Text = _CASE.scenario
    """Id of the scenario whose hazards hold from the alarm on; none if left out."""
    arrival: ArrivalEntry | None = None
    """When the hazard arrives where; unknown if left out."""
    persons_per_vehicle: Annotated[float, Field(ge=0.1, le=100)] = _CASE.persons_per_vehicle
    """People in a car; the default is an assumption."""
    without_car: Part = _CASE.without_car
    """Share of the people who have no car to leave in; the default is an assumption."""
    buses: Annotated[int, Field(ge=0, le=100_000)] = _CASE.buses
    """Buses for those without a car."""
    bus_seats: Annotated[int, Field(ge=1, le=1000)] = _CASE.bus_seats
    """Seats in each."""
    bus_turns: Annotated[int, Field(ge=1, le=100)] = _CASE.bus_turns
    """How often each drives."""
    bus_pce: Annotated[float, Field(ge=0.1, le=20)] = _CASE.bus_pce
    """How many cars a bus counts for on the road; the default is an assumption."""
    mobilisation: Annotated[
        list[Annotated[list[float], Field(min_length=2, max_length=2)]], Field(min_length=1, max_length=1000)
    ] = [list(pair) for pair in _CASE.mobilisation]
    """Pairs [minutes after the alarm, share of the people ready to leave by then]; the default is an assumption."""
    capacities: Literal["matsim", "aequilibrae"] = "matsim"
    """Capacities by class of road."""
    factor: Literal["planning", "evacuation", "sustained"] = "evacuation"
    """What is expected of the roads on the day."""
    background: Annotated[float, Field(ge=0, le=0.99)] = _CASE.background
    """Share of the capacity that other traffic takes."""
    contraflow: Annotated[list[Filled], Field(max_length=10_000)] = []
    """Names of roads, or numbers of OSM ways as texts, whose lanes of the other direction are driven too."""
    closed_crossings: Annotated[list[Filled], Field(max_length=100_000)] = []
    """Ids of crossings that are closed."""
    closed_ways: Annotated[list[Annotated[int, Field(ge=1)]], Field(max_length=100_000)] = []
    """OSM ways that are closed."""
    opened_ways: Annotated[list[Annotated[int, Field(ge=1)]], Field(max_length=100_000)] = []
    """OSM ways that are opened for everybody."""
    duration: Literal["short", "long"] = "short"
    """How long people stay in a shelter: 1.86 or 3.7 m² each where its capacity is not stated."""
    exits: bool = _CASE.exits
    """Whether people are safe where a road leaves the ground that the map covers."""
    gather_m: Annotated[float, Field(ge=0, le=10_000)] = _CASE.gather_m
    """People gather at a junction within so many metres; the default is an assumption."""
    source: LongText = ""
    """Where the figures come from."""
    confidence: Confidence = "assumption"
    """How sure they are."""
    sources: dict[Filled, LongText] = {}
    """Where single parameters come from, by name."""
    confidences: dict[Filled, Confidence] = {}
    """How sure single parameters are, by name."""
    note: LongText = ""
    """What must be said with every result."""


class TargetEntry(_Entry):
    """What the partners want to reach: an indicator, and the value that they agreed on."""

    id: ShortId
    """Id."""
    name: Filled
    """What people call it."""
    indicator: Annotated[Filled, AfterValidator(_indicator)]
    """Place in summary.json: keys joined by full stops, such as common.total.joint.covered_share."""
    at_least: float | None = None
    """The least value that is good; this or at_most must be given."""
    at_most: float | None = None
    """The greatest value that is good."""
    by: RealDay = ""
    """Day by which it is to be reached, as ISO 8601; left out if none was agreed."""
    agreed: LongText = ""
    """Where and when it was agreed."""


class RegionFile(_Entry):
    """A border region: one region.toml beside the files it names."""

    version: Annotated[Literal[1], Field(alias="schema")]
    """Version of this schema."""
    region: RegionHead
    jurisdictions: TableFile
    stations: TableFile
    units: TableFile | None = None
    demand: DemandFile
    hospitals: TableFile | None = None
    shelters: TableFile | None = None
    ground: TableFile | None = None
    incidents: TableFile | None = None
    decisions: TableFile | None = None
    network: NetworkFiles
    parameters: ParametersEntry = ParametersEntry()
    source: Annotated[list[SourceEntry], Field(max_length=1000)] = []
    standard: Annotated[list[StandardEntry], Field(max_length=1000)] = []
    hazard: Annotated[list[HazardEntry], Field(max_length=1000)] = []
    scenario: Annotated[list[ScenarioEntry], Field(max_length=1000)] = []
    risk: Annotated[list[RiskEntry], Field(max_length=100)] = []
    agreement: Annotated[list[AgreementEntry], Field(max_length=1000)] = []
    cost: CostEntry | None = None
    evacuation: EvacuationEntry | None = None
    target: Annotated[list[TargetEntry], Field(max_length=1000)] = []


#: Kinds of entries that are checked one by one, so that a broken one does not hide the defects of others.
ENTRIES: dict[str, type[BaseModel]] = {
    "hazard": HazardEntry, "scenario": ScenarioEntry, "risk": RiskEntry, "agreement": AgreementEntry,
    "target": TargetEntry,
}  # fmt: skip


def region_schema() -> dict[str, Any]:
    """Give the JSON Schema of region.toml.

    Returns
    -------
    dict
        JSON Schema, draft 2020-12. Editors that know TOML complete and check a region.toml with it.

    Examples
    --------
    >>> region_schema()["required"]
    ['schema', 'region', 'jurisdictions', 'stations', 'demand', 'network']
    """
    schema = _tidy(RegionFile.model_json_schema())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "mutualaid region.toml",
    }


def _tidy(node: Any) -> Any:
    # TOML has no null, and titles made from key names say nothing.
    if isinstance(node, list):
        return [_tidy(value) for value in node if value != {"type": "null"}]
    if not isinstance(node, dict):
        return node
    tidy = {
        key: _tidy(value)
        for key, value in node.items()
        if not (key == "title" and isinstance(value, str)) and not (key == "default" and value is None)
    }
    if len(tidy.get("anyOf", ())) == 1:
        tidy.update(tidy.pop("anyOf")[0])
    return tidy
