"""What may leave: contributions that say as much as the pooled data, copies that say no more than was agreed."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from pyproj import CRS

from mutualaid.cooperation import (
    Combined,
    Contribution,
    combine,
    contribute,
    read_contribution,
    shared_region,
    write_contribution,
)
from mutualaid.coverage import Analysis, analyse, levels
from mutualaid.data import Agreement, HazardScenario, Parameters, Region, RiskCurve, demo_path, read_region
from mutualaid.errors import AgreementError
from mutualaid.network import Network, cut_at_boundaries, from_osmnx

MC, FR = "Sapeurs-Pompiers de Monaco", "SDIS 06"
#: Columns that say who comes when; stations go by other names in contributions.
TOLD = ("s", "second_s", "third_s", "covered", "depth", "partner")
UTM = CRS.from_epsg(32632)


def assert_same(combined: Combined, pooled: Analysis) -> None:
    """Everything that a contribution can tell is what the pooled run says, to the millisecond."""
    assert levels(combined.coverage) == levels(pooled.coverage)
    columns = ["status", "road_status", "population", "partner"]
    columns += [f"{level}_{name}" for level in levels(pooled.coverage) for name in TOLD]
    pd.testing.assert_frame_equal(combined.coverage[columns], pooled.coverage[columns], check_exact=True)
    for level in levels(pooled.coverage):
        name = f"{level}_expected"
        assert (name in combined.coverage) == (name in pooled.coverage)
        if name in pooled.coverage:
            np.testing.assert_allclose(combined.coverage[name], pooled.coverage[name], atol=1e-12)
    pd.testing.assert_frame_equal(pd.DataFrame(combined.gaps), pd.DataFrame(pooled.gaps), check_exact=True)
    for part in ("headline", "common", "local", "gaps", "standard", "parameters"):
        assert combined.summary[part] == pooled.summary[part], part


# --- combined = pooled ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo() -> Region:
    return read_region(demo_path())


@pytest.fixture(scope="module")
def monaco(demo: Region) -> Contribution:
    return contribute(demo, MC)


@pytest.fixture(scope="module")
def france(demo: Region) -> Contribution:
    return contribute(demo, FR)


def test_the_demo_combined_is_the_demo_pooled(
    demo: Region, monaco: Contribution, france: Contribution
) -> None:
    pooled = analyse(demo)
    assert levels(pooled.coverage) == ("alone", "agreed", "joint"), "the demo has an agreement in force"
    assert 0 < pooled.summary["headline"]["covered_alone"] < pooled.summary["headline"]["covered_joint"]
    combined = combine(demo, [france, monaco])
    assert_same(combined, pooled)
    assert combined.summary["unknown"] == []
    assert combined.summary["contributions"] == [MC, FR], "in the order of the jurisdictions"


def test_files_hand_over_the_same(
    demo: Region, monaco: Contribution, france: Contribution, tmp_path: Path
) -> None:
    files = [write_contribution(one, tmp_path / f"{n}.parquet") for n, one in enumerate((monaco, france))]
    again = [read_contribution(file) for file in files]
    pd.testing.assert_frame_equal(again[0].table, monaco.table)
    assert combine(demo, again).summary == combine(demo, [monaco, france]).summary
    write_contribution(monaco, tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == files[0].read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.parquet", "1.parquet", "again.parquet"]


def test_stations_of_others_are_not_looked_at(demo: Region, monaco: Contribution) -> None:
    own = demo.stations[demo.stations["jurisdiction"] == "MC"]
    alone = contribute(replace(demo, stations=own), MC)
    pd.testing.assert_frame_equal(alone.table, monaco.table)
    assert alone.inputs == monaco.inputs


#: A has the jurisdictions a1 and a2, B and C one each, side by side along one road.
LANDS = {"a1": ("A", "AA", 0, 4000), "a2": ("A", "AA", 4000, 8000), "b": ("B", "BB", 8000, 14000),
         "c": ("C", "CC", 14000, 20000)}  # fmt: skip


def lands() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {
            "name": [name.upper() for name in LANDS],
            "country": [one[1] for one in LANDS.values()],
            "languages": "",
            "population": np.nan,
            "partner": [one[0] for one in LANDS.values()],
            "completed": False,
        },
        geometry=[shapely.box(west, -2000, east, 2000) for _, _, west, east in LANDS.values()],
        index=pd.Index(list(LANDS), name="id"),
        crs=UTM,
    )


def line_network() -> Network:
    """A primary road along y = 0, and a slower one that leaves it and comes back."""
    graph: Any = nx.MultiDiGraph(crs="EPSG:32632")
    for n in range(11):
        graph.add_node(n, x=2000.0 * n, y=0.0)
    graph.add_node(11, x=9000.0, y=1500.0)
    ways = [(n, n + 1, n + 1, "primary", 2000.0) for n in range(10)]
    for start, end, way, kind, length in (
        *ways,
        (3, 11, 20, "residential", 3400.0),
        (11, 6, 21, "residential", 3400.0),
    ):
        graph.add_edge(start, end, osmid=way, highway=kind, length=length, oneway=False)
        graph.add_edge(end, start, osmid=way, highway=kind, length=length, oneway=False)
    return cut_at_boundaries(from_osmnx(graph, crs="EPSG:32632"), lands())


NETWORK = line_network()
CROSSINGS = tuple(map(str, NETWORK.crossings.index))


def line_region(stations: list[tuple[Any, ...]], agreements: tuple[Agreement, ...], **given: Any) -> Region:
    """A region on the line: stations are (id, x, jurisdiction, turnout, units or None), by partner."""
    x = np.arange(700.0, 20000.0, 1300.0)
    side = [next(name for name, one in LANDS.items() if one[2] <= at < one[3]) for at in x]
    demand = gpd.GeoDataFrame(
        {"population": 10.0 + np.arange(len(x)), "jurisdiction": side},
        geometry=gpd.points_from_xy(x, np.full(len(x), 20.0)),
        index=pd.Index([f"d{n}" for n in range(len(x))], name="id"),
        crs=UTM,
    )
    ids = [one[0] for one in stations]
    table = gpd.GeoDataFrame(
        {
            "name": ids,
            "jurisdiction": [one[2] for one in stations],
            "service": "fire",
            "department": "volunteer",
            "turnout_s": np.array([one[3] for one in stations], dtype=np.float64),
            "turnout_day_s": np.nan,
            "turnout_night_s": np.nan,
            "turnout_weekend_s": np.nan,
            "status": "active",
        },
        geometry=gpd.points_from_xy([one[1] for one in stations], [-30.0] * len(ids)),
        index=pd.Index(ids, name="id", dtype="str"),
        crs=UTM,
    )
    units = pd.DataFrame(
        [(f"u{n}", one[0], "", "", np.nan, one[4]) for n, one in enumerate(stations) if one[4]],
        columns=["id", "station", "kind", "capabilities", "staffing", "count"],
    ).astype({"count": np.int64})
    return Region(
        name="Line",
        folder=Path("nowhere"),
        crs=UTM,
        jurisdictions=lands(),
        stations=table,
        units=units.set_index("id"),
        demand=demand,
        cell_m=None,
        hospitals=gpd.GeoDataFrame({"name": []}, geometry=[], crs=UTM),
        network_files=(),
        parameters=Parameters(**({"standard": "own", "date": "2026-05-01"} | given.pop("parameters", {}))),
        standards={
            "own": {"limit_s": 480.0, "start": "t2", "service": "fire"},
            "travel": {"limit_s": 300.0, "start": "t3", "service": "fire"},
            "call": {"limit_s": 600.0, "start": "t0", "service": "fire"},
        },
        agreements=agreements,
        **given,
    )


def joined(region: Region) -> Combined:
    """All partners contribute, and those without a station say so."""
    has = dict.fromkeys(region.stations["jurisdiction"].map(region.jurisdictions["partner"]))
    parts = [contribute(region, str(name), network=NETWORK) for name in has]
    return combine(region, parts, no_station=sorted({"A", "B", "C"} - set(has)), network=NETWORK)


def drawn_agreement(draw: st.DrawFn, key: str, parties: tuple[str, str], stations: list[str]) -> Agreement:
    anybody = st.sampled_from(["*", *stations])
    pairs = draw(st.lists(st.tuples(anybody, anybody), max_size=2))
    return Agreement(
        id=key,
        parties=parties,
        helpers=draw(st.sampled_from([(), parties[:1]])),
        mode=draw(st.sampled_from(["automatic", "on_request", "subsidiary"])),
        dispatch_delay_s=draw(st.sampled_from([None, 0.0, 61.5])),
        crossing_delay_s=draw(st.sampled_from([None, 0.0, 33.3])),
        strip_km=draw(st.sampled_from([math.inf, 1.7, 4.0])),
        transit=draw(st.booleans()),
        priority_abroad=draw(st.sampled_from(["as_host", "civilian"])),
        excluded_pairs=tuple(pairs),
        home_cover_min=draw(st.integers(0, 2)),
        availability=draw(st.sampled_from([1.0, 0.7])),
        valid_to=draw(st.sampled_from(["", "", "2026-04-30"])),
    )


@st.composite
def drawn_regions(draw: st.DrawFn) -> Region:
    stations = []
    for name, (_, _, west, east) in LANDS.items():
        for n in range(draw(st.integers(0, 2))):
            turnout = draw(st.sampled_from([math.nan, 60.0, 90.25, 200.0]))
            at = draw(st.integers(west + 1, east - 1))
            stations.append((f"{name}-{n}", float(at), name, turnout, draw(st.sampled_from([None, 1, 2]))))
    if not stations:
        stations.append(("b-0", 9000.0, "b", 60.0, None))
    ids = [one[0] for one in stations]
    agreements = tuple(
        drawn_agreement(draw, f"t{n}", parties, ids)
        for n, parties in enumerate([("A", "B"), ("B", "C"), ("A", "C")])
        if draw(st.booleans())
    )
    local = draw(st.sampled_from([{}, {"b": "call"}, {"c": "own", "a2": "call"}]))
    parameters = {
        "standard": draw(st.sampled_from(["own", "travel", "call"])),
        "dispatch_s": draw(st.sampled_from([0.0, 45.0])),
        "crossing_s": draw(st.sampled_from([0.0, 20.0])),
        "crossing_delay_s": draw(st.sampled_from([{}, {CROSSINGS[1]: 77.7}])),
        "availability": draw(st.sampled_from([1.0, 0.9])),
        "cutoff_s": draw(st.sampled_from([600.0, 1800.0])),
    }
    if parameters["standard"] != "travel":
        parameters["local_standards"] = local
    return line_region(stations, agreements, parameters=parameters)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn_regions())
def test_combined_is_pooled_whatever_was_agreed(region: Region) -> None:
    assert_same(joined(region), analyse(region, network=NETWORK))


def test_a_station_is_excluded_only_in_the_area_that_its_host_knows() -> None:
    """B's b-2 has its area in the east of B; a-1 may not help there, and who is first due there only B can say."""
    stations = [
        ("a-1", 7500.0, "a2", 60.0, None),
        ("b-1", 8100.0, "b", 200.0, None),
        ("b-2", 13000.0, "b", 200.0, None),
    ]
    treaty = Agreement(id="t", parties=("A", "B"), mode="automatic", excluded_pairs=(("a-1", "b-2"),))
    for start in ("own", "travel"):
        region = line_region(stations, (treaty,), parameters={"standard": start})
        pooled, combined = analyse(region, network=NETWORK), joined(region)
        assert_same(combined, pooled)
        free = analyse(replace(region, agreements=(replace(treaty, excluded_pairs=()),)), network=NETWORK)
        assert (pooled.coverage["agreed_depth"] < free.coverage["agreed_depth"]).any(), "it changes something"
    # Its host is asked for its area, whoever may not help there, and all that have no say go by numbers.
    found = {name: contribute(region, name, network=NETWORK).table for name in ("A", "B")}
    assert set(found["A"]["station"]) == {"a-1"}
    assert set(found["B"]["station"]) == {"b-2", "B:1"}
    assert set(found["B"].loc[found["B"]["first_due"], "station"]) == {"b-2"}


def test_where_any_area_is_excluded_no_id_is_told() -> None:
    stations = [("a-1", 7500.0, "a2", 60.0, None), ("b-1", 9000.0, "b", 200.0, None)]
    treaty = Agreement(id="t", parties=("A", "B"), excluded_pairs=(("a-1", "*"),))
    region = line_region(stations, (treaty,))
    table = contribute(region, "A", network=NETWORK).table
    assert set(table["station"]) == {"A:1"}
    assert not table["first_due"].any()
    assert not (table["agreement"] == "t").any(), "it may help nowhere"
    assert_same(joined(region), analyse(region, network=NETWORK))


def test_local_standards_without_the_turnout_are_left_out_and_said_so() -> None:
    stations = [("a-1", 1000.0, "a1", 60.0, None), ("b-1", 9000.0, "b", 200.0, None)]
    region = line_region(stations, (), parameters={"local_standards": {"b": "travel"}})
    combined = joined(region)
    pooled = analyse(region, network=NETWORK)
    assert combined.summary["common"] == pooled.summary["common"]
    assert combined.summary["local"] == combined.summary["common"]
    assert any("only the common standard" in note for note in combined.notes)


# --- what a contribution holds ----------------------------------------------------------------------------------


def line_times() -> Region:
    stations = [("geheim-1", 7512.0, "a2", 123.457, 3), ("geheim-2", 1313.0, "a1", 98.765, None)]
    treaty = Agreement(id="t", parties=("A", "B"), availability=0.5)
    region = line_region([*stations, ("b-1", 9000.0, "b", 200.0, None)], (treaty,))
    names = ["Marker Name One", "Marker Name Two", "B"]
    return replace(region, stations=region.stations.assign(name=names, department="combination"))


def test_a_time_is_turnout_and_drive_in_one_number() -> None:
    table = contribute(line_times(), "A", network=NETWORK).table
    rows = table[(table["level"] == "joint") & (table["demand"] == "d0")]
    # From x = 1313 to x = 700 at 65 km/h, after a turnout of 98.765 s.
    assert rows["response_ms"].min() == 98_765 + round(613 / 65_000 * 3_600_000)


def test_without_the_turnout_where_the_standard_starts_with_the_wheels() -> None:
    region = line_times()
    travel = replace(region, parameters=replace(region.parameters, standard="travel"))
    table = contribute(travel, "A", network=NETWORK).table
    slower = replace(travel, stations=travel.stations.assign(turnout_s=[10.0, 20.0, 30.0]))
    pd.testing.assert_frame_equal(table, contribute(slower, "A", network=NETWORK).table)


def bytes_of(file: Path) -> bytes:
    """Everything in a Parquet file: as it is, and once more without compression and dictionaries."""
    plain = file.with_name(f"plain-{file.name}")
    parquet.write_table(parquet.read_table(file), plain, compression="none", use_dictionary=False)
    return file.read_bytes() + plain.read_bytes()


def test_a_contribution_holds_no_attribute_of_a_station(tmp_path: Path) -> None:
    region = line_times()
    contribution = contribute(region, "A", network=NETWORK)
    told = bytes_of(write_contribution(contribution, tmp_path / "a.parquet"))
    assert list(contribution.table) == [
        "level", "station", "demand", "response_ms", "agreement", "subsidiary", "first_due", "free",
    ]  # fmt: skip
    assert set(contribution.table["station"]) == {"A:1", "A:2"}

    def holds(value: float) -> bool:
        whole = [round(1000 * value), round(value)]
        forms = [struct.pack("<d", value), struct.pack("<f", value), repr(value).encode()]
        forms += [
            struct.pack(kind, number) for kind in ("<q", "<i") for number in whole if abs(number) > 10_000
        ]
        return any(form in told for form in forms)

    own = region.stations[region.stations["jurisdiction"].isin(["a1", "a2"])]
    for name in (*own.index, *own["name"], "combination", "career", "geheim", "Marker", "pandas"):
        assert str(name).encode() not in told, name
    degrees = own.geometry.to_crs(4326)
    for values in (degrees.x, degrees.y, own["turnout_s"], own.geometry.x):
        for value in values:
            assert not holds(value), value
    # The search would find what is there.
    first = contribution.table.iloc[0]
    assert holds(first["response_ms"] / 1000)
    assert first["demand"].encode() in told
    assert b"A:1" in told
    metadata = json.loads(parquet.read_schema(tmp_path / "a.parquet").metadata[b"mutualaid"])
    assert set(metadata) == {"format", "partner", "inputs", "table", "mutualaid"}
    assert parquet.read_schema(tmp_path / "a.parquet").metadata.keys() == {b"mutualaid"}


def test_numbers_of_stations_follow_from_the_times_alone() -> None:
    region = line_times()
    table = contribute(region, "A", network=NETWORK).table
    ids = {"geheim-1": "x", "geheim-2": "a", "b-1": "b-1"}
    other = region.stations.rename(index=ids).iloc[[1, 0, 2]]
    units = region.units.assign(station=region.units["station"].map(ids))
    renamed = replace(region, stations=other, units=units)
    pd.testing.assert_frame_equal(table, contribute(renamed, "A", network=NETWORK).table)


# --- what cannot be combined ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def line() -> Region:
    return line_times()


@pytest.fixture(scope="module")
def parts(line: Region) -> list[Contribution]:
    return [contribute(line, name, network=NETWORK) for name in ("A", "B")]


def refused(region: Region, contributions: list[Contribution], **options: Any) -> list[str]:
    with pytest.raises(AgreementError) as caught:
        combine(region, contributions, network=NETWORK, **options)
    return [str(defect) for defect in caught.value.defects]


def test_a_partner_of_whom_nobody_told_is_unknown_and_not_zero(
    line: Region, parts: list[Contribution]
) -> None:
    combined = combine(line, parts, network=NETWORK)
    people = line.demand.loc[line.demand["jurisdiction"] == "c", "population"].sum()
    assert combined.summary["unknown"] == ["C"]
    (note,) = combined.notes
    assert note.startswith(
        f"Stations of C are unknown, which is not none: its {people:,.0f} people are in no number"
    )
    assert set(combined.coverage["partner"]) == {"A", "B"}
    assert "c" not in combined.summary["common"]["jurisdictions"]
    total = combined.summary["common"]["total"]["population"]
    assert total == pytest.approx(line.demand["population"].sum() - people)
    said = combine(line, parts, no_station=["C"], network=NETWORK)
    assert (said.summary["unknown"], said.summary["no_station"], said.notes) == ([], ["C"], ())
    assert_same(said, analyse(line, network=NETWORK))


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        (
            lambda one: {"demand": one.demand.assign(population=one.demand["population"] + 1)},
            "the demand table",
        ),
        (lambda one: {"demand": one.demand.set_geometry(one.demand.translate(1))}, "the demand table"),
        (lambda one: {"jurisdictions": one.jurisdictions.assign(country="ZZ")}, "the jurisdictions"),
        (lambda one: {"parameters": replace(one.parameters, dispatch_s=1.0)}, "[parameters] of region.toml"),
        (
            lambda one: {"standards": one.standards | {"own": {"limit_s": 1.0, "service": "fire"}}},
            "the standards",
        ),
        (lambda _: {"agreements": ()}, "the agreements in force"),
        (lambda _: {"network_files": (Path(__file__),)}, "the road files"),
    ],
)
def test_it_says_which_input_differs(
    line: Region, parts: list[Contribution], changed: Callable[[Region], dict[str, Any]], word: str
) -> None:
    # The rows may be wrong as well then, but that follows from it.
    told = refused(replace(line, **changed(line)), parts)
    assert [text for text in told if "sha256" in text] == [
        text for text in told if f"expected {word} as in the region; got another sha256" in text
    ]
    assert sum("sha256" in text for text in told) == 2, "of both partners"


def test_everything_that_is_wrong_is_named_at_once(line: Region, parts: list[Contribution]) -> None:
    a, b = parts
    table = a.table.copy()
    table.loc[0, "response_ms"] = -5
    table.loc[1, "demand"] = "nowhere"
    table.loc[2, "station"] = "geheim-1"
    table.loc[3, "free"] = 1.5
    table.loc[4, "first_due"] = True
    table.loc[5, "level"] = "alone"
    table = pd.concat([table, table.tail(1)], ignore_index=True)
    told = refused(
        line, [replace(a, table=table, file="a.parquet"), b, b, replace(b, partner="Z")], no_station=["B"]
    )
    for text in (
        "a.parquet, contribution of A, response_ms: expected milliseconds, 0 or more; got -5 and so on, in 1 of",
        "a.parquet, contribution of A, demand: expected ids of the demand table; got nowhere",
        "contribution of A, station: expected numbers like A:1, or ids that an agreement in force names; got geheim-1",
        "contribution of A, free: expected shares above 0 and up to 1; got 1.5",
        "contribution of A, level: expected one of joint, agreed; got alone",
        "contribution of A, station: expected each pair with a place once",
        "partner B: expected one contribution of each partner; got 2.",
        "partner B: expected a contribution, or no station; got both",
        "partner: expected a partner, as the jurisdictions name it; got 'Z'",
    ):
        assert any(text in one for one in told), text


def test_help_that_nobody_agreed_to_is_refused(line: Region, parts: list[Contribution]) -> None:
    a, b = parts
    help_ = a.table["agreement"] == "t"
    assert help_.any()
    far = line.demand.index[line.demand["jurisdiction"] == "c"][0]
    table = a.table.copy()
    table.loc[help_.idxmax(), "demand"] = far
    assert (
        "contribution of A, agreement: expected one by which it helps there"
        in refused(line, [replace(a, table=table), b])[0]
    )
    assert "a column free" in refused(line, [replace(a, table=a.table.drop(columns="free")), b])[0]
    assert "at least one" in refused(line, [])[0]


def test_one_station_of_two_partners_is_refused(line: Region) -> None:
    treaty = Agreement(id="t", parties=("A", "B"), excluded_pairs=(("geheim-1", "b-1"),))
    region = replace(line, agreements=(treaty,))
    a, b = (contribute(region, name, network=NETWORK) for name in ("A", "B"))
    table = b.table.assign(station=b.table["station"].replace("b-1", "geheim-1"))
    told = refused(region, [a, replace(b, table=table)])
    assert "contribution of B, station geheim-1: expected a station of one partner; got of A too" in told[0]


def test_who_has_no_station_cannot_contribute(line: Region) -> None:
    with pytest.raises(AgreementError, match="an active station of service fire of C; got no stations"):
        contribute(line, "C", network=NETWORK)
    closed = replace(line, stations=line.stations.assign(status="closed"))
    with pytest.raises(AgreementError, match="got 2 closed fire"):
        contribute(closed, "A", network=NETWORK)
    with pytest.raises(AgreementError, match=r"got 'a1'\. Remedy: use one of A, B, C"):
        contribute(line, "a1", network=NETWORK)


def rewritten(file: Path, change: Callable[[pa.Table], pa.Table]) -> Path:
    parquet.write_table(change(parquet.read_table(file)), file)
    return file


def test_a_file_that_was_changed_is_refused(parts: list[Contribution], tmp_path: Path) -> None:
    def faster(table: pa.Table) -> pa.Table:
        at = table.column_names.index("response_ms")
        times = [max(one - 1000, 0) for one in table["response_ms"].to_pylist()]
        return table.set_column(at, table.field(at), pa.array(times, pa.int64()))

    changes: list[tuple[str, Callable[[pa.Table], pa.Table]]] = [
        ("the table was changed", faster),
        ("the table was changed", lambda table: table.slice(1)),
        ("no other; got", lambda table: table.append_column("lon", pa.array([7.4] * len(table)))),
        ("a table with columns", lambda table: table.replace_schema_metadata({})),
        ("expected format 1", lambda table: table.replace_schema_metadata(
            {b"mutualaid": table.schema.metadata[b"mutualaid"].replace(b'"format": 1', b'"format": 2')})),
    ]  # fmt: skip
    for n, (word, change) in enumerate(changes):
        file = write_contribution(parts[0], tmp_path / f"{n}.parquet")
        assert len(read_contribution(file).table) == len(parts[0].table)
        with pytest.raises(AgreementError, match=word):
            read_contribution(rewritten(file, change))
    (tmp_path / "text.parquet").write_text("no table", encoding="utf-8")
    for name in ("text.parquet", "none.parquet"):
        with pytest.raises(AgreementError, match="expected a contribution; got"):
            read_contribution(tmp_path / name)
    with pytest.raises(AgreementError, match=r"expected a \.parquet file"):
        write_contribution(parts[0], tmp_path / "a.csv")


# --- copies -----------------------------------------------------------------------------------------------------


def sharing(
    region: Region, *words: dict[str, str], parties: tuple[str, ...] = ("A", "B"), **given: Any
) -> Region:
    """Say in agreements who may see what."""
    treaties = tuple(
        Agreement(
            id=f"t{n}",
            parties=parties,
            services=("ems",) if n else (),
            sharing=one,
            source=f"paper {n}",
            **given,
        )
        for n, one in enumerate(words)
    )
    return replace(region, agreements=treaties)


def test_the_strictest_word_of_all_agreements_that_bind_the_partner_holds() -> None:
    region = sharing(line_times(), {"stations.turnout_s": "partners"}, {"stations.turnout_s": "own"})
    three = replace(region.agreements[0], id="old", parties=("B", "C"), valid_to="2001-01-01")
    region = replace(
        region, agreements=(*region.agreements[:1], three, replace(region.agreements[1], parties=("A", "C")))
    )
    for level, hidden in (("public", {"A", "B"}), ("partners", {"A"})):
        found = shared_region(region, level)
        assert {one.partner for one in found.withheld if one.rows} == hidden
        unknown = found.region.stations["turnout_s"].isna()
        partner = found.region.stations["jurisdiction"].map(region.jurisdictions["partner"])
        assert set(partner[unknown]) == hidden
    public = {one.partner: one for one in shared_region(region, "public").withheld}
    assert public["A"].because == (
        {"agreement": "t0", "word": "partners", "source": "paper 0"},
        {"agreement": "t1", "word": "own", "source": "paper 1"},
    )
    assert [one["agreement"] for one in public["B"].because] == ["t0", "old"], (
        "secrecy does not end by expiry"
    )
    assert public["C"].rows == 0, "nothing to keep back"


def test_what_is_not_named_is_public_and_the_original_stays_as_it_is() -> None:
    region = sharing(line_times(), {})
    before = region.stations.copy()
    found = shared_region(region, "public")
    assert found.withheld == ()
    assert found.region.note == region.note
    for table in ("stations", "units", "demand", "hospitals", "shelters"):
        pd.testing.assert_frame_equal(getattr(found.region, table), getattr(region, table))
    shared_region(sharing(region, {"stations": "own", "demand": "own"}), "public")
    pd.testing.assert_frame_equal(region.stations, before)


def test_positions_are_told_as_the_middle_of_a_kilometre_inside_the_jurisdiction() -> None:
    region = sharing(line_times(), {"stations.geometry": "partners"})
    found = shared_region(region, "public")
    points = found.region.stations.get_coordinates().to_numpy().tolist()
    assert points[:2] == [[7500.0, -500.0], [1500.0, -500.0]]
    # The id may be that of a public map.
    assert found.region.stations.index.tolist() == ["S1", "S2", "S3"]
    assert found.region.stations["name"].tolist()[:2] == ["Marker Name One", "Marker Name Two"]
    assert found.region.units["station"].tolist() == ["S1"]
    narrow = region.jurisdictions.copy()
    shapes = [shapely.box(0, -2000, 1400, 2000), *narrow.geometry.iloc[1:]]
    narrow = narrow.set_geometry(shapes, crs=UTM)
    moved = shared_region(replace(region, jurisdictions=narrow), "public").region.stations
    assert moved.get_coordinates().iloc[1].tolist() == [1400.0, -500.0], (
        "the nearest place of its jurisdiction"
    )
    near = region.stations.set_geometry(region.stations.translate(300.0, 0.0))
    other = shared_region(replace(region, stations=near), "public").region.stations
    assert other.get_coordinates().iloc[0].tolist() == points[0], "wherever in the cell it stands"


def test_an_own_position_takes_its_station_and_units_along() -> None:
    region = line_times()
    pairs = (("geheim-1", "b-1"), ("b-1", "*"), ("*", "geheim-2"))
    region = sharing(region, {"stations.geometry": "own"}, parties=("A", "C"))
    other = Agreement(id="o", parties=("A", "B"), excluded_pairs=pairs)
    closing = HazardScenario("fire", "Fire", (), closed_stations=("geheim-1", "b-1"))
    gone = HazardScenario("gone", "Gone", (), closed_stations=("geheim-2",))
    risk = RiskCurve("r", "Risk", ("fire", "gone"))
    region = replace(region, agreements=(*region.agreements, other), scenarios=(closing, gone), risks=(risk,))
    for level in ("public", "partners"):
        found = shared_region(region, level)
        assert found.region.stations.index.tolist() == ["b-1"]
        assert found.region.units.empty
        assert found.region.agreements[1].excluded_pairs == (("b-1", "*"),)
        assert [one.closed_stations for one in found.region.scenarios] == [("b-1",)]
        assert found.region.risks == ()
        told = {(one.table, one.attribute): one for one in found.withheld if one.rows}
        assert told["units", "station"].rows == 1
        assert told["agreement", "excluded_pairs of o"].rows == 2
        assert told["scenario", "closed_stations of gone"].because == (
            {"agreement": "t0", "word": "own", "source": "paper 0"},
        )
        assert "geheim" not in json.dumps([asdict(one) for one in found.withheld])


def test_counts_are_told_as_classes_and_what_is_own_not_at_all() -> None:
    region = line_times()
    people = [0.0, 0.4, 1.0, 1.9, 2.0, 4.99, 5.0, 9.0, 10.0, 19.0, 20.0, 49.0, 50.0, 99.0, 1234.5]
    middles = [0.0, 0.5, 1.5, 1.5, 3.5, 3.5, 7.5, 7.5, 15.0, 15.0, 35.0, 35.0, 75.0, 75.0, 1500.0]
    region = replace(region, demand=region.demand.assign(population=people, incidents=np.nan))
    region = replace(
        region,
        demand=region.demand.assign(
            incidents=region.demand["population"].where(region.demand["population"] > 1)
        ),
    )
    region = sharing(
        region, {"demand.population": "partners", "demand.incidents": "partners", "units.count": "partners"},
        parties=("A", "B", "C"),
    )  # fmt: skip
    found = shared_region(region, "public").region
    assert found.demand["population"].tolist() == middles
    assert found.demand["incidents"].isna().sum() == 3, "unknown stays unknown"
    assert found.units["count"].tolist() == [3], "2 to 4"
    own = sharing(region, {"demand.population": "own", "units.count": "own", "demand.incidents": "own"})
    left = shared_region(own, "partners")
    assert set(left.region.demand["jurisdiction"]) == {"c"}
    assert left.region.units.empty
    assert left.hidden("demand") == {"population", "incidents"} - {"incidents"}, "its rows are gone already"


@pytest.mark.parametrize("key", ["demand.geometry", "demand.cell_x"])
def test_places_that_are_told_roughly_stand_for_no_cells_any_more(key: str) -> None:
    region = line_times()
    x = region.demand.geometry.x.to_numpy()
    region = replace(region, demand=region.demand.assign(cell_x=x - 50, cell_y=-30.0), cell_m=100.0)
    found = shared_region(sharing(region, {key: "partners"}), "public")
    assert found.region.cell_m is None
    assert {"cell_x", "cell_y"}.isdisjoint(found.region.demand.columns)
    if key == "demand.geometry":
        partner = region.demand["jurisdiction"].map(region.jurisdictions["partner"]).to_numpy()
        new = found.demand.to_numpy()
        assert all(name.startswith("D") for name, who in zip(new, partner, strict=True) if who != "C")
        assert (new[partner == "C"] == region.demand.index[partner == "C"]).all()
        assert (found.region.demand.geometry.x.to_numpy()[partner != "C"] % 1000 == 500).all()


def test_a_table_as_a_whole_is_removed_and_its_rows_counted() -> None:
    found = shared_region(sharing(line_times(), {"stations": "partners", "units": "partners"}), "public")
    assert found.region.stations.empty
    assert found.stations.empty
    assert {
        (one.table, one.partner): (one.attribute, one.rows, one.action) for one in found.withheld if one.rows
    } == {
        ("stations", "A"): ("", 2, "removed with its row"),
        ("stations", "B"): ("", 1, "removed with its row"),
        ("units", "A"): ("", 1, "removed with its row"),
    }
    assert found.hidden("stations") == {""}


def test_a_hospital_in_no_jurisdiction_is_bound_by_every_agreement() -> None:
    region = line_times()
    hospitals = gpd.GeoDataFrame(
        {"name": ["East", "Far", "Away", "H4"]},
        geometry=gpd.points_from_xy([15000, 1000, 90000, 1000], [0, 0, 0, 1]),
        index=pd.Index(["H1", "H2", "H3", "H4"], name="id"),
        crs=UTM,
    )
    found = shared_region(
        sharing(replace(region, hospitals=hospitals), {"hospitals.name": "partners"}), "public"
    )
    assert found.region.hospitals["name"].tolist() == ["East", "H2", "H3", "H4"]
    assert {one.partner: one.rows for one in found.withheld} == {"A": 1, "B": 0, "": 1}, (
        "what has no name keeps none"
    )


def shelters_of(region: Region) -> gpd.GeoDataFrame:
    """Two shelters of A, one of them in the place of B, and one of C, which agrees to nothing."""
    return gpd.GeoDataFrame(
        {
            "name": ["School", "Hall", "Barn"],
            "jurisdiction": region.jurisdictions.index[[0, 2, 3]],
            "owner": ["A", "A", "C"],
            "capacity": [333.0, 0.0, np.nan],
            "area_m2": [np.nan, 70.0, 1500.0],
            "opens_min": 0.0,
            "closes_min": [60.0, np.nan, np.nan],
            "services": ["medical", "", "pets"],
            "stands": ["wildfire", "", ""],
            "capacity_source": "counted",
        },
        geometry=gpd.points_from_xy([1020, 12_010, 12_020], [10, 10, 10]),
        index=pd.Index(["s1", "s2", "s3"], name="id"),
        crs=UTM,
    )


def test_how_many_a_shelter_takes_is_told_as_a_class_and_its_floor_with_it() -> None:
    region = line_times()
    region = replace(region, shelters=shelters_of(region))

    found = shared_region(sharing(region, {"shelters.capacity": "partners"}), "public").region.shelters

    # In the middle of 200…500; none is none; the floor would give away the people, whoever owns it.
    assert found["capacity"].fillna(-1).tolist() == [350, 0, -1]
    assert found["area_m2"].fillna(-1).tolist() == [-1, 75, 1500]
    assert found["name"].tolist() == ["School", "Hall", "Barn"]
    back = shared_region(sharing(region, {"shelters.area_m2": "own"}), "partners").region.shelters
    assert back.index.tolist() == ["s3"], "without its floor nobody knows what the others take"


@pytest.mark.parametrize("column", ["owner", "jurisdiction", "opens_min", "closes_min", "stands"])
def test_a_shelter_goes_where_an_empty_cell_would_say_something_false(column: str) -> None:
    region = line_times()
    region = sharing(replace(region, shelters=shelters_of(region)), {f"shelters.{column}": "partners"})

    found = shared_region(region, "public")

    assert found.region.shelters.index.tolist() == ["s3"]
    assert {one.partner: one.rows for one in found.withheld} == {"A": 2, "B": 0}
    assert shared_region(region, "partners").region.shelters.index.tolist() == ["s1", "s2", "s3"]


def test_where_a_shelter_is_goes_with_its_id() -> None:
    region = line_times()
    region = replace(region, shelters=shelters_of(region))

    found = shared_region(
        sharing(region, {"shelters.geometry": "partners", "shelters.services": "own"}), "public"
    )

    assert found.region.shelters.index.tolist() == ["SH1", "SH2", "s3"]
    assert found.region.shelters["services"].tolist() == ["", "", "pets"]
    assert found.region.shelters.geometry.x.iloc[0] == 1500


def test_a_turnout_is_kept_back_at_every_hour() -> None:
    region = line_times()
    stations = region.stations.assign(turnout_night_s=321.0)
    found = shared_region(
        sharing(replace(region, stations=stations), {"stations.turnout_s": "partners"}), "public"
    )
    assert found.region.stations["turnout_night_s"].isna().all()
    assert found.region.stations["department"].eq("combination").all()
    assert "numbers that are computed from it are not those of all data" in found.region.note


def test_a_name_is_kept_back_in_every_language() -> None:
    region = line_times()
    stations = region.stations.assign(name_fr="Caserne secrète", name_ar="")
    found = shared_region(
        sharing(replace(region, stations=stations), {"stations.name": "partners"}), "public"
    )
    shared, mine = found.region.stations, found.region.stations["jurisdiction"].str.startswith(("a", "b"))
    assert mine.any()
    assert shared.loc[mine, "name_fr"].eq("").all()
    assert shared.loc[~mine, "name_fr"].eq("Caserne secrète").all()


def with_memory(region: Region) -> Region:
    """Two incidents, and a log with an entry for each kind of reader and one that says nothing."""
    incidents = gpd.GeoDataFrame(
        {"incident": "secret", "unit": "Marker Unit", "service": "fire"},
        geometry=gpd.points_from_xy([1000, 2000], [0, 0]),
        index=pd.Index(["i1", "i2"], name="id"),
        crs=UTM,
    )
    decisions = pd.DataFrame(
        {"what": ["All", "Us", "Me", "Silent"], "sharing": ["public", "partners", "own", ""]},
        index=pd.Index(["D1", "D2", "D3", "D4"], name="id"),
    )
    return replace(region, incidents=incidents, decisions=decisions)


@pytest.mark.parametrize(("level", "kept"), [("public", ["D1"]), ("partners", ["D1", "D2", "D4"])])
def test_incidents_never_leave_and_decisions_as_they_say(level: str, kept: list[str]) -> None:
    region = with_memory(sharing(line_times(), {}))
    note = region.note

    found = shared_region(region, level)

    assert found.region.incidents.empty
    assert found.region.incidents.columns.tolist() == region.incidents.columns.tolist()
    assert found.region.incidents.crs == UTM
    assert found.region.decisions.index.tolist() == kept
    told = [
        (one.table, one.attribute, one.rows, one.action, one.because[0]["word"]) for one in found.withheld
    ]
    incidents = ("incidents", "", 2, "removed with its row", "own")
    own = ("decisions", "", 1, "removed with its row", "own")
    partners = [("decisions", "", 2, "removed with its row", "partners")] if level == "public" else []
    assert told == [incidents, *partners, own]
    assert found.hidden("incidents") == found.hidden("decisions") == {""}
    assert found.region.note == note, "no number of the copy is another for it"
    assert region.incidents.index.tolist() == ["i1", "i2"], "the region itself stays"
    pd.testing.assert_frame_equal(found.region.stations, region.stations)


def test_nobody_is_told_of_incidents_that_there_are_not() -> None:
    region = sharing(line_times(), {})
    assert shared_region(region, "public").withheld == ()
    everything = with_memory(region)
    everything = replace(everything, decisions=everything.decisions.iloc[:1])
    assert [one.table for one in shared_region(everything, "public").withheld] == ["incidents"]


def test_no_agreement_lets_incidents_out() -> None:
    region = with_memory(sharing(line_times(), {"incidents": "public"}))
    with pytest.raises(AgreementError, match="a table that is shared, or a column of it; got incidents"):
        shared_region(region, "public")


def test_what_cannot_be_kept_back_is_refused() -> None:
    region = sharing(line_times(), {"stations.position": "own"})
    for level in ("own", "everybody"):
        with pytest.raises(AgreementError) as caught:
            shared_region(region, level)
        told = [str(defect) for defect in caught.value.defects]
        assert f"level: expected one of public, partners; got {level!r}" in told[0]
        assert (
            "agreement t0, sharing: expected a table that is shared, or a column of it; got stations.position"
            in told[1]
        )
