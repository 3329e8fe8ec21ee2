"""Numbers of a joint team without pooling data: each partner hands over the times of its own stations, and no more."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely
from pyarrow import parquet

from mutualaid.coverage import SEGMENTS, Standard, analyse, clock, coverage, gaps, levels, standard, summarise
from mutualaid.data import Agreement, Parameters, Region, agreement_notes, agreements_in_force
from mutualaid.errors import AgreementError, Defect
from mutualaid.network import Network, profile, read_network, route_graph, snap

__all__ = ["Combined", "Contribution", "combine", "contribute", "read_contribution", "write_contribution"]

#: Version of the format of the file.
_FORMAT = 1
_KEY = b"mutualaid"
_ANY = "*"
_ASK = "ask the partner for it again"
#: Columns of a contribution; `free` only where units are not always free.
_COLUMNS: Mapping[str, pa.DataType] = {
    "level": pa.string(),
    "station": pa.string(),
    "demand": pa.string(),
    "response_ms": pa.int64(),
    "agreement": pa.string(),
    "subsidiary": pa.bool_(),
    "first_due": pa.bool_(),
    "free": pa.float64(),
}
#: What must be the same for all, in words.
_INPUTS: Mapping[str, str] = {
    "demand": "the demand table",
    "jurisdictions": "the jurisdictions",
    "roads": "the road files",
    "parameters": "[parameters] of region.toml",
    "standards": "the standards",
    "agreements": "the agreements in force",
}


@dataclass(frozen=True, eq=False)
class Contribution:
    """Response times of one partner's stations, without the stations.

    Attributes
    ----------
    partner
        Whose stations they are.
    table
        One row for each level, station and demand point that it reaches within the cutoff: ``level`` (``joint``, and
        ``agreed`` where agreements are in force: own places, and those that it may help), ``station`` (``MC:1``: a
        number that follows from the times alone; its own id where an agreement in force excludes it together with a
        station of another partner), ``demand`` (id), ``response_ms`` (whole milliseconds from the alert to the arrival:
        turnout, crossings, drive and what an agreement adds in one number; without the turnout where the standard
        starts with the wheels), ``agreement`` (id; missing for own places and jointly), ``subsidiary`` (comes only
        where no own station meets the standard), ``first_due`` (of stations whose area an agreement excludes: it is the
        own station that is first due there) and, where units are not always free, ``free`` (share of the time that it
        has one).
    inputs
        sha256 of what must be the same for all: ``demand``, ``jurisdictions``, ``roads``, ``parameters``,
        ``standards``, ``agreements``.
    version
        Of mutualaid, with which it was made.
    file
        Where it was read from, for messages.
    """

    partner: str
    table: pd.DataFrame
    inputs: Mapping[str, str]
    version: str
    file: str = ""


@dataclass(frozen=True, eq=False)
class Combined:
    """What contributions say together; the numbers are those of a pooled run.

    Attributes
    ----------
    region
        The region, with the jurisdictions and the demand of partners whose stations are known.
    coverage, gaps
        By the common standard: see `mutualaid.coverage.coverage` and `mutualaid.coverage.gaps`. Stations go by what
        contributions call them; the segments of a time, and where a station stands, are not known.
    summary
        Every number: see `mutualaid.coverage.summarise`; and ``contributions`` (partners), ``no_station`` (partners
        that are said to have none), ``unknown`` (partners whose stations nobody told) and ``notes``.
    notes
        What must be said with every number.
    """

    region: Region
    coverage: gpd.GeoDataFrame
    gaps: gpd.GeoDataFrame
    summary: dict[str, Any]
    notes: tuple[str, ...]


# --- one partner ----------------------------------------------------------------------------------------------


def contribute(region: Region, partner: str, *, network: Network | None = None) -> Contribution:
    """Compute what one partner hands over: response times of its own stations, by `mutualaid.coverage.analyse`.

    Fair weather only. A contribution holds no position, name, department, turnout or unit. It holds times, though:
    who has the roads can estimate from many of them where a station is and how soon it leaves, and from ``free`` how
    many units it has. That is what times say, whoever computes them.

    Parameters
    ----------
    region
        With the files that all partners share (jurisdictions, demand, roads, region.toml), and the stations of the
        partner. Those of others may be missing; they are not looked at.
    partner
        As the jurisdictions name it.
    network
        The roads of the region; read from ``region.network_files`` if not given.

    Returns
    -------
    Contribution

    Raises
    ------
    AgreementError
        Nobody has this name, or it has no active station of the service.
    RegionError, StandardError, NetworkError
        As `mutualaid.coverage.analyse`.

    Examples
    --------
    >>> from mutualaid.cooperation import contribute
    >>> from mutualaid.data import demo_path, read_region
    >>> monaco = contribute(read_region(demo_path()), "Sapeurs-Pompiers de Monaco")
    >>> sorted(monaco.table["station"].unique())
    ['Sapeurs-Pompiers de Monaco:1', 'Sapeurs-Pompiers de Monaco:2']
    """
    result = analyse(_own_stations(region, partner), network=network)
    start = "t3" if result.standard.start == "t3" else "t2"
    interval = replace(result.standard, start=start)
    tables = {"joint": result.times} | (
        {} if result.times_agreed is None else {"agreed": result.times_agreed}
    )
    parts = []
    for level, times in tables.items():
        rows = pd.DataFrame(
            {
                "level": level,
                "station": times["station"].astype("str"),
                "demand": times["demand"].astype("str"),
                "response_ms": (clock(times, interval) * 1000).round().astype(np.int64),
                "agreement": times["agreement"].astype("str") if level == "agreed" else np.nan,
                "subsidiary": times["subsidiary"] if level == "agreed" else False,
                "first_due": False,
            }
        ).astype({"agreement": "str"})
        if "free" in times:
            rows["free"] = times["free"]
        parts.append(rows)
    table = pd.concat(parts, ignore_index=True)
    helping, hosting = _excluded(result.agreements)
    if result.fair.today is not None:
        area = np.append(result.stations.index.astype(str), "")[result.fair.today.area]
        first = table["demand"].map(pd.Series(area, index=result.demand.index)) == table["station"]
        own = (table["level"] == "agreed") & table["agreement"].isna()
        table["first_due"] = first & own & table["station"].isin(hosting)
    table["station"] = table["station"].map(_codes(table, partner, helping | hosting))
    table = table.sort_values(["level", "station", "demand"], ignore_index=True)
    inputs = _inputs(region, result.standard, result.local_standards, result.agreements)
    return Contribution(partner, table, inputs, version("mutualaid"))


def _own_stations(region: Region, partner: str) -> Region:
    """Leave the stations of one partner, and no hazards."""
    whose = region.jurisdictions["partner"]
    if partner not in set(whose):
        remedy = f"use one of {', '.join(sorted(whose.unique()))}"
        raise AgreementError(
            [Defect("", "partner", "a partner, as the jurisdictions name it", repr(partner), remedy)]
        )
    own = region.stations[region.stations["jurisdiction"].map(whose) == partner]
    service = region.parameters.service
    if not ((own["service"] == service) & (own["status"] == "active")).any():
        kinds = (own["status"] + " " + own["service"]).value_counts()
        got = ", ".join(f"{n} {kind}" for kind, n in kinds.items()) or "no stations"
        expected = f"an active station of service {service} of {partner}"
        remedy = "add it; if there is none, whoever combines says so (--no-station)"
        raise AgreementError([Defect("", "stations", expected, got, remedy)])
    return replace(region, stations=own, hazards=(), scenarios=(), risks=())


def _excluded(agreements: Iterable[Agreement]) -> tuple[set[str], set[str]]:
    """Stations that agreements exclude as helpers in the area of a named station, and those whose area that is.

    Whether a place lies in such an area only the host knows, so both go by their ids. Where any area is meant, the
    helper leaves the rows out by itself.
    """
    pairs = [pair for one in agreements for pair in one.excluded_pairs if pair[1] != _ANY]
    return {helper for helper, _ in pairs} - {_ANY}, {host for _, host in pairs}


def _codes(table: pd.DataFrame, partner: str, named: Collection[str]) -> dict[str, str]:
    """Give what the contribution calls each station: a number in the order of its times, which tells nothing else."""
    total = table[~table["station"].isin(named)].groupby("station")["response_ms"].sum()
    free = (code for n in range(1, len(total) + len(named) + 1) if (code := f"{partner}:{n}") not in named)
    order = total.sort_values(kind="stable").index
    return {name: name for name in named} | dict(zip(order, free, strict=False))


def _inputs(
    region: Region, common: Standard, local: Mapping[str, Standard], agreements: Iterable[Agreement]
) -> dict[str, str]:
    """Digests of what must be the same for all: of what tables say, and not of how a file says it."""
    areas, demand = region.jurisdictions, region.demand
    return {
        "demand": _digest(
            sorted(
                zip(
                    demand.index, demand["jurisdiction"], demand["population"].tolist(), _centimetres(demand),
                    strict=True,
                )
            ),
            region.cell_m,
        ),
        "jurisdictions": _digest(
            sorted(zip(areas.index, areas["partner"], areas["country"], _centimetres(areas), strict=True))
        ),
        "roads": _digest([hashlib.sha256(path.read_bytes()).hexdigest() for path in region.network_files]),
        "parameters": _digest(asdict(region.parameters), *_own_profile(region)),
        "standards": _digest(asdict(common), {name: asdict(rule) for name, rule in local.items()}),
        "agreements": _digest([asdict(one) for one in agreements]),
    }  # fmt: skip


def _own_profile(region: Region) -> list[str]:
    """Digest of the region's own vehicle profile: two partners may have files of one name."""
    file = region.profile
    if not isinstance(file, Path):
        return []
    profile(file)  # which says what is wrong with it
    return [hashlib.sha256(file.read_bytes()).hexdigest()]


def _digest(*parts: object) -> str:
    text = json.dumps(parts, ensure_ascii=False, sort_keys=True, default=dict)
    return hashlib.sha256(text.encode()).hexdigest()


def _centimetres(frame: gpd.GeoDataFrame) -> list[str]:
    """Geometries to a centimetre: what two versions of PROJ differ by is far less."""
    return [str(text) for text in shapely.to_wkt(frame.geometry.to_numpy(), rounding_precision=2)]


# --- the file -------------------------------------------------------------------------------------------------


def write_contribution(contribution: Contribution, path: str | Path) -> Path:
    """Write a contribution as Parquet; it takes its name when it is complete.

    Parameters
    ----------
    contribution
        As `contribute` returns it.
    path
        The file, ``.parquet``.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    AgreementError
        It has another suffix, or nothing can be written there.
    """
    path = Path(path)
    if path.suffix.lower() != ".parquet":
        expected, remedy = "a .parquet file", "choose another name"
        raise AgreementError([Defect(str(path), "", expected, path.suffix or "none", remedy)])
    fields = [pa.field(name, kind) for name, kind in _COLUMNS.items() if name in contribution.table]
    about = {
        "format": _FORMAT,
        "partner": contribution.partner,
        "inputs": dict(contribution.inputs),
        "table": _table_digest(contribution.table),
        "mutualaid": contribution.version,
    }
    schema = pa.schema(fields, metadata={_KEY: json.dumps(about, ensure_ascii=False).encode()})
    # Column by column: pandas would write its own index and the categories of its columns along.
    columns = [pa.Array.from_pandas(contribution.table[one.name], type=one.type) for one in fields]
    beside = path.with_name(f".{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(pa.Table.from_arrays(columns, schema=schema), beside, compression="zstd")
        beside.replace(path)
    except OSError as error:
        expected, remedy = "a place that can be written to", "name another file"
        raise AgreementError([Defect(str(path), "", expected, str(error), remedy)]) from error
    finally:
        beside.unlink(missing_ok=True)
    return path


def read_contribution(path: str | Path) -> Contribution:
    """Read a contribution, and make sure that it is one and was not changed since it was written.

    Parameters
    ----------
    path
        As `write_contribution` wrote it.

    Returns
    -------
    Contribution

    Raises
    ------
    AgreementError
        It is no contribution, one of another format, or was changed.
    """
    path = Path(path)
    try:
        found = parquet.read_table(path)
    except (OSError, pa.ArrowException) as error:
        reason = "nothing" if not path.exists() else str(error).splitlines()[0]
        raise AgreementError([Defect(path.name, "", "a contribution", reason, _ASK)]) from error
    kinds = dict(zip(found.schema.names, found.schema.types, strict=True))
    wanted = {name: kind for name, kind in _COLUMNS.items() if name != "free" or name in kinds}
    try:
        about = json.loads((found.schema.metadata or {})[_KEY])
        partner, written, inputs = str(about["partner"]), str(about["mutualaid"]), dict(about["inputs"])
        checksum, form = about["table"], about["format"]
    except (KeyError, TypeError, ValueError):
        got = f"a table with columns {', '.join(kinds)}"
        raise AgreementError([Defect(path.name, "", "a contribution", got[:200], _ASK)]) from None
    if form != _FORMAT:
        expected, remedy = f"format {_FORMAT}", "make it with the same version of mutualaid"
        raise AgreementError([Defect(path.name, "", expected, str(form), remedy)])
    if kinds != wanted:
        expected = f"the columns {', '.join(wanted)}, and no other"
        raise AgreementError([Defect(path.name, "", expected, ", ".join(kinds), _ASK)])
    table = pd.DataFrame({name: found[name].to_pandas() for name in kinds}).astype(
        dict.fromkeys(("level", "station", "demand", "agreement"), "str")
    )
    if table.drop(columns="agreement").isna().any(axis=None) or checksum != _table_digest(table):
        got = "another one: the table was changed or is damaged"
        raise AgreementError([Defect(path.name, "", "the checksum that was written with it", got, _ASK)])
    return Contribution(partner, table, inputs, written, path.name)


def _table_digest(table: pd.DataFrame) -> str:
    digest = hashlib.sha256()
    for name in _COLUMNS:
        if name in table:
            values = table[name]
            text = values.dtype == "str"
            digest.update(
                "\n".join(values.fillna("\0")).encode() if text else np.ascontiguousarray(values).tobytes()
            )
    return digest.hexdigest()


# --- all together ---------------------------------------------------------------------------------------------


def combine(
    region: Region,
    contributions: Iterable[Contribution],
    *,
    no_station: Collection[str] = (),
    network: Network | None = None,
) -> Combined:
    """Join contributions to the numbers that a pooled run would give, in fair weather.

    Times, who is covered at which level, whose unit comes first, depth, gaps and all sums are those of
    `mutualaid.coverage.analyse` with everybody's stations, to the millisecond. Where units of two foreign partners
    arrive in the same millisecond, the partner that stands first in the jurisdictions goes first, as in a pooled run
    whose stations are in that order.

    A partner without a contribution may have stations that nobody told of: unknown is not zero. Its people are left out
    of every number, and `Combined.notes` says so and that its stations may reach others too. Name it in `no_station`
    if it has none.

    Parameters
    ----------
    region
        With the shared files; its stations are not looked at.
    contributions
        One for each partner that has stations.
    no_station
        Partners that have no station of the service.
    network
        The roads of the region; read from ``region.network_files`` if not given.

    Returns
    -------
    Combined

    Raises
    ------
    AgreementError
        Contributions that were made from other inputs, a partner twice or unknown, rows that cannot be: all of it at
        once.
    StandardError, NetworkError
        As `mutualaid.coverage.analyse`.

    Examples
    --------
    >>> from mutualaid.cooperation import combine, contribute
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> region = read_region(demo_path())
    >>> parts = [contribute(region, name) for name in region.jurisdictions["partner"].unique()]
    >>> combine(region, parts).summary["common"] == analyse(region).summary["common"]
    True
    """
    parts = sorted(contributions, key=lambda one: _rank(region, one.partner))
    parameters = region.parameters
    common, local = _standards(region)
    day = parameters.day
    agreements = agreements_in_force(region.agreements, parameters.service, day)
    _check(region, parts, no_station, _inputs(region, common, local, agreements), agreements)
    told = {*no_station, *(one.partner for one in parts)}
    notes = [*_notes(region, parts, told), *agreement_notes(region.agreements, parameters.service, day)]
    if len({rule.start == "t3" for rule in (common, *local.values())}) > 1:
        local = dict.fromkeys(local, common)
        notes.append(
            "Not all standards of single jurisdictions count the turnout: only the common standard is applied."
        )
    known = _known(region, told)
    if network is None:
        network = read_network(region.network_files, crs=region.crs, jurisdictions=region.jurisdictions)
    graph = route_graph(network, profile(region.profile))
    places = snap(network, known.demand, max_m=parameters.snap_m, graph=graph)
    partner = known.demand["jurisdiction"].map(known.jurisdictions["partner"])
    demand = known.demand.assign(partner=partner, road_status=places["status"])

    stations = _stations(parts)
    rows = pd.concat([one.table for one in parts], ignore_index=True)
    rows = rows[rows["demand"].isin(demand.index)]
    times = _times(rows[rows["level"] == "joint"], stations, demand, parameters, common)
    agreed = None
    if agreements:
        today = _not_excluded(rows[rows["level"] == "agreed"], agreements)
        agreed = _times(today, stations, demand, parameters, common)
    covered, covered_local = (
        coverage(times, demand, stations, rule, agreed=agreed) for rule in (common, local)
    )
    found = gaps(covered, known.jurisdictions, cell_m=region.cell_m, network=network)
    summary = summarise(
        known, common, local, stations.assign(road_status="", turnout_assumed=False), covered, covered_local, found
    )  # fmt: skip
    summary["stations"] = dict.fromkeys(summary["stations"])
    summary["null_means"] |= dict.fromkeys(summary["stations"], "contributions do not tell it")
    summary |= {
        "contributions": [one.partner for one in parts],
        "no_station": sorted(no_station),
        "unknown": _untold(region, told),
        "notes": notes,
    }
    unknown = [f"{level}_{name}" for level in levels(covered) for name in ("jurisdiction", *SEGMENTS)]
    return Combined(known, covered.drop(columns=unknown), found, summary, tuple(notes))


def _rank(region: Region, partner: str) -> int:
    """Place of a partner in the jurisdictions; strangers last."""
    known = [str(name) for name in region.jurisdictions["partner"].unique()]
    return known.index(partner) if partner in known else len(known)


def _standards(region: Region) -> tuple[Standard, dict[str, Standard]]:
    """Give the common standard, and the one of each jurisdiction."""
    parameters = region.parameters
    common = standard(parameters.standard, own=region.standards)
    own = {key: standard(name, own=region.standards) for key, name in parameters.local_standards.items()}
    return common, {str(key): own.get(str(key), common) for key in region.jurisdictions.index}


def _untold(region: Region, told: Collection[str]) -> list[str]:
    """Partners of whose stations nothing is known."""
    return sorted(set(region.jurisdictions["partner"]) - set(told))


def _known(region: Region, told: Collection[str]) -> Region:
    """Leave jurisdictions and demand of partners whose stations are known."""
    areas = region.jurisdictions[region.jurisdictions["partner"].isin(list(told))]
    demand = region.demand[region.demand["jurisdiction"].isin(areas.index)]
    return replace(region, jurisdictions=areas, demand=demand)


def _stations(parts: Sequence[Contribution]) -> gpd.GeoDataFrame:
    """Stations as the contributions call them, in the order of the partners."""
    whose = {name: one.partner for one in parts for name in one.table["station"].unique()}
    index = pd.Index(list(whose), dtype="str", name="id")
    return gpd.GeoDataFrame({"partner": list(whose.values()), "jurisdiction": None}, index=index)


def _times(
    rows: pd.DataFrame,
    stations: gpd.GeoDataFrame,
    demand: gpd.GeoDataFrame,
    parameters: Parameters,
    common: Standard,
) -> pd.DataFrame:
    """Response times as `coverage` takes them; which part of them is a drive is not known and does not matter."""
    times = pd.DataFrame(
        {
            "station": pd.Categorical(rows["station"], categories=stations.index),
            "demand": pd.Categorical(rows["demand"], categories=demand.index),
            **dict.fromkeys(SEGMENTS, 0.0),
            "answering_s": parameters.answering_s,
            "processing_s": parameters.processing_s,
            "subsidiary": rows["subsidiary"].to_numpy(),
        }
    )
    times["drive_s" if common.start == "t3" else "turnout_s"] = rows["response_ms"].to_numpy() / 1000
    return times.assign(free=rows["free"].to_numpy()) if "free" in rows else times


def _not_excluded(rows: pd.DataFrame, agreements: Iterable[Agreement]) -> pd.DataFrame:
    """Leave out whom an agreement excludes in the area of a named station; `contribute` has left out the others."""
    first = rows[rows["first_due"]]
    area = rows["demand"].map(first.set_index("demand")["station"])
    allowed = np.ones(len(rows), dtype=np.bool_)
    for one in agreements:
        for helper, host in one.excluded_pairs:
            hit = (rows["agreement"] == one.id) & (area == host)
            allowed &= ~(hit if helper == _ANY else hit & (rows["station"] == helper)).to_numpy(np.bool_)
    return rows[allowed]


def _notes(region: Region, parts: Sequence[Contribution], told: Collection[str]) -> Iterator[str]:
    demand = region.demand
    partner = demand["jurisdiction"].map(region.jurisdictions["partner"])
    for name in _untold(region, told):
        people = math.fsum(demand["population"][partner == name])
        yield (
            f"Stations of {name} are unknown, which is not none: its {people:,.0f} people are in no number here, and "
            "its stations may reach more of the others than is told. Name it as a partner without stations if it has "
            "none."
        )
    here = version("mutualaid")
    for one in parts:
        if one.version != here:
            yield f"The contribution of {one.partner} was made with mutualaid {one.version}, the rest with {here}."


# --- what cannot be -------------------------------------------------------------------------------------------


def _check(
    region: Region,
    parts: Sequence[Contribution],
    no_station: Collection[str],
    inputs: Mapping[str, str],
    agreements: Sequence[Agreement],
) -> None:
    defects = [*_wrong_partners(region, parts, no_station)]
    whose: dict[str, str] = {}
    for one in parts:
        defects += _wrong_inputs(one, inputs)
        defects += _wrong_rows(one, region, agreements)
        for name in one.table["station"].unique():
            if whose.setdefault(name, one.partner) != one.partner:
                got, remedy = f"of {whose[name]} too", "ask both partners whose it is"
                where = f"contribution of {one.partner}, station {name}"
                defects.append(Defect(one.file, where, "a station of one partner", got, remedy))
    if defects:
        raise AgreementError(defects)


def _wrong_partners(
    region: Region, parts: Sequence[Contribution], no_station: Collection[str]
) -> Iterator[Defect]:
    known = set(region.jurisdictions["partner"])
    names = [one.partner for one in parts]
    if not names:
        yield Defect("", "contributions", "at least one", "none", "name the files that partners handed over")
    use = f"use one of {', '.join(sorted(known))}"
    for file, name in (*((one.file, one.partner) for one in parts), *(("", name) for name in no_station)):
        if name not in known:
            yield Defect(file, "partner", "a partner, as the jurisdictions name it", repr(name), use)
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            files = ", ".join(filter(None, (one.file for one in parts if one.partner == name)))
            got = f"{names.count(name)}{': ' if files else ''}{files}"
            remedy = "keep the one that holds"
            yield Defect("", f"partner {name}", "one contribution of each partner", got, remedy)
        if name in no_station:
            yield Defect("", f"partner {name}", "a contribution, or no station", "both", "drop one of them")


def _wrong_inputs(one: Contribution, inputs: Mapping[str, str]) -> Iterator[Defect]:
    for name, digest in inputs.items():
        if one.inputs.get(name) != digest:
            remedy = "let all use the same, and contribute again"
            if name == "agreements":
                remedy += "; with a date in [parameters], the day of a run does not matter"
            expected, got = f"{_INPUTS[name]} as in the region", "another sha256"
            yield Defect(one.file, f"contribution of {one.partner}", expected, got, remedy)


def _wrong_rows(one: Contribution, region: Region, agreements: Sequence[Agreement]) -> Iterator[Defect]:
    """Rows that a partner cannot have computed for its own stations."""
    table = one.table
    host = table["demand"].map(region.demand["jurisdiction"]).map(region.jurisdictions["partner"])
    asked = ("joint", "agreed") if agreements else ("joint",)
    today = table["level"] == "agreed"
    own, first = today & (host == one.partner), table["first_due"]
    pairs = [(rule.id, there) for rule in agreements for here, there in rule.pairs if here == one.partner]
    by_pair = pd.MultiIndex.from_arrays([table["agreement"].fillna(""), host.fillna("")])
    helps = pd.Series(by_pair.isin(pairs) if pairs else False, index=table.index)
    number = table["station"].str.removeprefix(f"{one.partner}:")
    numbered = (number != table["station"]) & number.str.isdecimal()
    named = table["station"].isin(set().union(*_excluded(agreements)))
    twice = table[first].duplicated("demand").reindex(table.index, fill_value=False)
    rules: list[tuple[str, pd.Series, str]] = [
        ("level", table["level"].isin(asked), f"one of {', '.join(asked)}"),
        ("demand", host.notna(), "ids of the demand table"),
        ("station", numbered | named, f"numbers like {one.partner}:1, or ids that an agreement in force names"),
        ("response_ms", table["response_ms"] >= 0, "milliseconds, 0 or more"),
        (
            "agreement", table["agreement"].isna().where(~today | own, helps),
            "one by which it helps there, and none at own places and jointly",
        ),
        ("first_due", ~first | (own & ~twice), "one station at most, at own places, today"),
        ("station", ~table.duplicated(["level", "station", "demand"]), "each pair with a place once"),
    ]  # fmt: skip
    availability = [region.parameters.availability, *(rule.availability for rule in agreements)]
    if (min(availability) < 1) != ("free" in table):
        expected = "a column free where units are not always free, and only there"
        yield Defect(one.file, f"contribution of {one.partner}", expected, "otherwise", _ASK)
    elif "free" in table:
        rules.append(("free", (table["free"] > 0) & (table["free"] <= 1), "shares above 0 and up to 1"))
    for column, fine, expected in rules:
        wrong = table[column][~fine.astype(bool)]
        if len(wrong):
            got = f"{wrong.iloc[0]} and so on, in {len(wrong):,} of {len(table):,} rows"
            yield Defect(one.file, f"contribution of {one.partner}, {column}", expected, got, _ASK)
