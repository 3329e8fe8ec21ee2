"""Comparisons worked by hand on one road, and copies of the demo with one thing changed."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import CRS, Transformer

from mutualaid.coverage import analyse, fair_weather, scenario_coverage
from mutualaid.data import Agreement, HazardScenario, HazardSource, Region, demo_path, new_region, read_region
from mutualaid.errors import RecordError
from mutualaid.hazards import read_layers
from mutualaid.network import Network
from mutualaid.reports import (
    COMPARISON_FILES,
    Comparison,
    compare,
    comparison_words,
    find_record,
    region_of,
    run_record,
    write_comparison,
    write_record,
)

PARTS = ("stations", "roads", "people", "hazards", "agreements", "parameters")
Maker = Callable[..., tuple[Region, Network]]


# --- one road, by hand --------------------------------------------------------------------------------------


@pytest.fixture
def road(along_road: Maker, tmp_path: Path) -> Callable[..., Region]:
    """A maker of regions along one road whose file is written too, without the steps in `closed`.

    Places are four minutes apart and the place i has 2 to the power of i people; each crew needs a minute and has
    eight: it reaches its own place and the next one.
    """
    count = 0

    def make(lands: str, stations: Mapping[str, int], *agreements: Agreement, **options: Any) -> Region:
        nonlocal count
        count += 1
        closed = options.pop("closed", ())
        region, network = along_road(lands, stations, *agreements, **options)
        path = tmp_path / f"roads{count}.osm"
        path.write_text(osm(network, closed), encoding="utf-8")
        return replace(region, network_files=(path,))

    return make


def osm(network: Network, closed: tuple[int, ...]) -> str:
    """Write a straight road as OSM XML: one way a step between two places, numbered from 1."""
    places = np.unique(np.rint(network.x / network.x.max() * round(network.x.max() / STEP_M)))
    degrees = Transformer.from_crs(network.crs, 4326, always_xy=True)
    lon, lat = degrees.transform(places * STEP_M, np.zeros(len(places)))
    nodes = [
        f"<node id={quoteattr(str(i + 1))} version='1' lon='{x:.9f}' lat='{y:.9f}'/>"
        for i, (x, y) in enumerate(zip(lon, lat, strict=True))
    ]
    ways = [
        f"<way id='{i + 1}' version='1'><nd ref='{i + 1}'/><nd ref='{i + 2}'/><tag k='highway' v='primary'/></way>"
        for i in range(len(places) - 1)
        if i not in closed
    ]
    return f"<osm version='0.6'>{''.join(nodes)}{''.join(ways)}</osm>"


#: What a fire engine drives in four minutes on a primary road, at 65 km/h.
STEP_M = 65_000 / 15


def parts_of(found: Comparison, indicator: str = "covered_joint", *at: str) -> dict[str, float]:
    block = found.summary["total"] if not at else found.summary[at[0]][at[1]]["indicators"]
    return {part: one["change"] for part, one in block[indicator]["parts"].items()}


def changed(found: Comparison) -> list[str]:
    return [one.part for one in found.changes if one.changed]


def test_a_station_and_a_road_share_what_they_do_together(road: Callable[..., Region]) -> None:
    # Before: the station at 0 reaches 0 and 1, and 5 hangs on no road. The new one at 4 reaches 3, 4 and, on the new
    # road, 5. Stations first: 8 + 16, then 32 by the road; the road first: nothing, then 8 + 16 + 32.
    before = road("AAAAAA", {"s": 0}, closed=(4,))
    after = road("AAAAAA", {"s": 0, "t": 4})
    found = compare(before, after)
    assert changed(found) == ["stations", "roads"]
    joint = found.summary["total"]["covered_joint"]
    assert (joint["before"], joint["after"], joint["change"]) == (3.0, 59.0, 56.0)
    assert joint["parts"] == {
        "stations": {"change": 40.0, "first": 24.0, "last": 56.0},
        "roads": {"change": 16.0, "first": 0.0, "last": 32.0},
    }
    assert parts_of(found, "unreachable") == {"stations": 0.0, "roads": -32.0}
    assert found.summary["computed"] == {"runs": 4, "exact": True}
    assert found.summary["largest"] == {"indicator": "covered_joint", "part": "stations", "change": 40.0}
    # The place 2 stays out of reach of both.
    assert found.difference["joint_change"].tolist() == [
        "still",
        "still",
        "still_not",
        "gained",
        "gained",
        "gained",
    ]
    assert found.summary["difference"]["joint"]["gained"] == {"people": 56.0, "places": 3}
    assert found.difference["joint_before_s"].iloc[5] == math.inf
    said = " ".join(comparison_words(found))
    assert "3 (4.8 %) before, 59 (93.7 %) after (+56)" in said
    assert "stations with their units +40 and roads +16" in said
    assert "+24 on the old state, and +56 as the last to change" in said


def test_a_treaty_changes_what_is_agreed_and_nothing_else(road: Callable[..., Region]) -> None:
    # A's station at 2 reaches B's place 3 in time if it may.
    treaty = Agreement(id="t", parties=("A", "B"), mode="automatic")
    before, after = (road("AAABB", {"s": 2, "b": 4}, *rules) for rules in ((), (treaty,)))
    # B's own station reaches the place 3 too: without it only the treaty does.
    before, after = (replace(one, stations=one.stations.iloc[:1]) for one in (before, after))
    found = compare(before, after)
    assert changed(found) == ["agreements"]
    total = found.summary["total"]
    assert total["covered_agreed"]["parts"] == {"agreements": {"change": 8.0, "first": 8.0, "last": 8.0}}
    assert total["covered_alone"]["change"] == total["covered_joint"]["change"] == 0.0
    assert found.summary["levels"] == ["alone", "agreed", "joint"]
    assert found.summary["partners"]["B"]["indicators"]["covered_agreed"]["change"] == 8.0
    assert "in force now, and was not before" in found.changes[4].what[0]


def test_a_treaty_that_ends_is_a_change_of_agreements_not_of_the_day(road: Callable[..., Region]) -> None:
    treaty = Agreement(id="t", parties=("A", "B"), mode="automatic", valid_to="2025-12-31")
    region = road("AAAB", {"s": 2}, treaty)
    days = [
        replace(region, parameters=replace(region.parameters, date=day))
        for day in ("2025-06-01", "2026-06-01")
    ]
    found = compare(*days)
    assert changed(found) == ["agreements"]
    assert parts_of(found, "covered_agreed") == {"agreements": -8.0}
    # Two days on which the same holds are no difference.
    assert (
        changed(compare(days[0], replace(region, parameters=replace(region.parameters, date="2025-06-02"))))
        == []
    )


def test_a_parameter_is_the_only_change(road: Callable[..., Region]) -> None:
    before = road("AAAA", {"s": 0})
    slow = replace(before, parameters=replace(before.parameters, answering_s=300.0))
    found = compare(before, slow)  # the clock of the standard begins at the alert: nothing changes
    assert changed(found) == ["parameters"]
    assert found.summary["largest"] is None
    limit = {"own": {"name": "Own", "limit_s": 750.0}}
    found = compare(before, replace(slow, standards=limit))
    assert changed(found) == ["parameters"]
    assert parts_of(found) == {"parameters": 4.0}, "the next place is reached too"
    assert any("480 s" in note and "750 s" in note for note in found.notes)
    assert found.summary["computed"]["runs"] == 2


def test_people_who_come_count_as_people(road: Callable[..., Region]) -> None:
    before = road("AAAA", {"s": 0})
    more = before.demand.assign(population=before.demand["population"] * [1, 10, 1, 100])
    found = compare(before, replace(before, demand=more))
    assert changed(found) == ["people"]
    assert parts_of(found) == {"people": 18.0}
    assert parts_of(found, "population") == {"people": 18.0 + 792.0}
    assert not any("better mapping" in note for note in found.notes)
    # The map has people as they are now, on both sides.
    assert found.summary["difference"]["joint"]["still"]["people"] == 21.0
    assert found.summary["difference"]["joint"]["gained"]["people"] == 0.0


def test_jurisdictions_of_one_side_alone_are_named(road: Callable[..., Region]) -> None:
    before, after = road("AAAB", {"s": 0}), road("AAAC", {"s": 0})
    found = compare(before, after)
    assert changed(found) == ["people"]
    lands = found.summary["jurisdictions"]
    assert {key: one["in"] for key, one in lands.items()} == {"A": "both", "C": "after", "B": "before"}
    assert lands["C"]["indicators"]["population"] == {
        "before": 0.0, "after": 8.0, "change": 8.0, "parts": {"people": {"change": 8.0, "first": 8.0, "last": 8.0}},
    }  # fmt: skip
    assert lands["B"]["indicators"]["population"]["change"] == -8.0
    assert lands["C"]["indicators"]["covered_joint_share"]["before"] is None
    assert found.changes[2].counts == {"added": 1, "removed": 1, "changed": 0}


def test_a_station_of_an_unknown_jurisdiction_belongs_to_where_it_lies(road: Callable[..., Region]) -> None:
    # With the old borders the new station of C at 3 is one of B.
    before, after = road("AAAB", {"s": 0}), road("AAAC", {"s": 0, "c": 3})
    found = compare(before, after)
    assert changed(found) == ["stations", "people"]
    alone = found.summary["total"]["covered_alone"]
    assert (alone["before"], alone["after"]) == (3.0, 11.0)
    assert alone["parts"]["stations"] == {"change": 8.0, "first": 8.0, "last": 8.0}


def test_what_one_side_names_and_the_other_has_not_is_left_out(road: Callable[..., Region]) -> None:
    # Crossings are of the roads: x1 of the hand-made network is another one in the file, and there only with B.
    before = road("AAAA", {"s": 0})
    after = road("AABB", {"s": 0})
    crossing = analyse(after).network.crossings.index[0]
    after = replace(after, parameters=replace(after.parameters, crossing_delay_s={crossing: 600.0}))
    found = compare(before, after)
    assert changed(found) == ["people", "parameters"]
    joint = found.summary["total"]["covered_joint"]
    assert joint["parts"]["parameters"]["first"] == 0.0, "there is no such crossing without B"
    assert joint["after"] == analyse(after).summary["headline"]["covered_joint"]
    assert any("left out of the mixes" in note for note in found.notes)


def test_units_without_a_station_that_can_send_them_reach_nobody_in_a_mix(
    road: Callable[..., Region],
) -> None:
    before = road("AAAA", {"s": 0}, units=[("s", "", 1)])
    after = road("AAAA", {"s": 0}, units=[("s", "ladder", 1)], capability="ladder")
    found = compare(before, after)
    assert changed(found) == ["stations", "parameters"]
    joint = found.summary["total"]["covered_joint"]
    assert (joint["before"], joint["after"]) == (3.0, 3.0)
    assert joint["parts"]["parameters"] == {"change": -1.5, "first": -3.0, "last": 0.0}
    assert joint["parts"]["stations"] == {"change": 1.5, "first": 0.0, "last": 3.0}
    assert any("no station can send a unit" in note for note in found.notes)


def test_roads_of_other_files_with_the_same_content_are_no_change(road: Callable[..., Region]) -> None:
    before, after = road("AAAA", {"s": 0}), road("AAAA", {"s": 0})
    assert before.network_files != after.network_files
    after.network_files[0].write_text(
        before.network_files[0].read_text(encoding="utf-8").replace("<osm ", "<osm generator='x' "),
        encoding="utf-8",
    )
    found = compare(before, after)
    assert changed(found) == []
    assert comparison_words(found) == ["Nothing that coverage depends on differs between the two."]
    assert found.summary["computed"]["runs"] == 1


def test_two_places_apart_are_no_two_states(road: Callable[..., Region]) -> None:
    one = road("AAAA", {"s": 0})
    away = one.jurisdictions.set_geometry(one.jurisdictions.geometry.translate(yoff=90_000))
    with pytest.raises(RecordError, match="which lie apart"):
        compare(one, replace(one, jurisdictions=away))


# --- copies of the demo -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo() -> Region:
    """Without scenarios, which have a test of their own."""
    return replace(read_region(demo_path()), hazards=(), scenarios=(), risks=(), evacuation=None)


def without_station(region: Region) -> Region:
    return replace(region, stations=region.stations.drop("n1866465411"))


def other_treaty(region: Region) -> Region:
    return replace(region, agreements=tuple(replace(one, dispatch_delay_s=0.0) for one in region.agreements))


@pytest.fixture(scope="module")
def as_run(demo: Region) -> Callable[[str], dict[str, Any]]:
    """Numbers of a run of the demo with one change, computed once each."""
    found: dict[str, dict[str, Any]] = {}

    def run(part: str) -> dict[str, Any]:
        if part not in found:
            found[part] = analyse(CHANGES[part](demo) if part else demo).summary["common"]
        return found[part]

    return run


def slower(region: Region) -> Region:
    return replace(region, parameters=replace(region.parameters, dispatch_s=120.0))


def fewer(region: Region) -> Region:
    return replace(region, demand=region.demand.iloc[::2])


CHANGES = {"stations": without_station, "agreements": other_treaty, "parameters": slower, "people": fewer}


@pytest.mark.parametrize("part", CHANGES)
def test_one_change_is_all_of_the_change(
    demo: Region, as_run: Callable[[str], dict[str, Any]], part: str
) -> None:
    found = compare(demo, CHANGES[part](demo))
    assert changed(found) == [part]
    assert found.summary["computed"]["runs"] == 2
    for key, block in found.summary["total"].items():
        assert block["parts"][part] == dict.fromkeys(("change", "first", "last"), block["change"]), key
    level = "covered_agreed" if part == "agreements" else "covered_joint"
    assert found.summary["total"][level]["change"] != 0
    # Both sides are what a run of each says.
    for side, one in (("before", ""), ("after", part)):
        run = as_run(one)
        for name, blocks in (("jurisdictions", run["jurisdictions"]), ("partners", run["partners"])):
            for key, block in blocks.items():
                told = found.summary[name][key]["indicators"]
                assert told["covered_joint"][side] == block["joint"]["covered"]
                assert told["covered_agreed_share"][side] == block["agreed"]["covered_share"]
                assert told["closed_by_agreed"][side] == block["closed_by_agreed"]
        told = found.summary["total"]
        assert told["remaining"][side] == run["total"]["remaining"]
        assert told["unreachable"][side] == run["total"]["unreachable"]


def test_changes_of_places_sum_to_the_whole(demo: Region) -> None:
    found = compare(demo, slower(without_station(fewer(demo))))
    assert changed(found) == ["stations", "people", "parameters"]
    total = found.summary["total"]
    for name in ("population", "remaining", "covered_joint", "covered_agreed"):
        places = [one["indicators"][name] for one in found.summary["jurisdictions"].values()]
        assert math.fsum(one["change"] for one in places) == pytest.approx(total[name]["change"], abs=0.01)
        for part, one in total[name]["parts"].items():
            mine = math.fsum(place["parts"][part]["change"] for place in places)
            assert mine == pytest.approx(one["change"], abs=0.01)
    rows = found.table
    sums = rows.groupby(["kind", "id", "indicator"])[["part_change"]].sum(min_count=3)["part_change"]
    whole = rows.groupby(["kind", "id", "indicator"])["change"].first()
    assert (sums - whole).abs().max() < 1e-6


def test_another_crs_is_no_change(demo: Region) -> None:
    moved = replace(
        demo,
        crs=CRS.from_epsg(2154),
        **{
            name: getattr(demo, name).to_crs(2154)
            for name in ("jurisdictions", "stations", "demand", "ground")
        },
        **{name: getattr(demo, name).to_crs(2154) for name in ("shelters", "incidents", "hospitals")},
    )
    found = compare(moved, slower(demo))
    assert changed(found) == ["parameters"]
    assert found.before.crs == demo.crs
    assert any("brought into the CRS" in note for note in found.notes)


def test_shares_are_those_of_runs_of_mixed_regions(
    demo: Region, as_run: Callable[[str], dict[str, Any]]
) -> None:
    # Each mix put together and run by the analysis itself; the shares by the mean over both orders.
    after = slower(without_station(demo))
    runs = (as_run(""), as_run("stations"), as_run("parameters"), analyse(after).summary["common"])
    none, stations, parameters, both = (run["partners"]["SDIS 06"]["joint"]["covered"] for run in runs)
    told = compare(demo, after).summary["partners"]["SDIS 06"]["indicators"]["covered_joint"]["parts"]
    assert told["stations"]["change"] == pytest.approx((stations - none + both - parameters) / 2, abs=0.002)
    assert told["parameters"]["change"] == pytest.approx((parameters - none + both - stations) / 2, abs=0.002)
    assert told["stations"]["first"] == pytest.approx(stations - none, abs=0.002)
    assert told["stations"]["last"] == pytest.approx(both - parameters, abs=0.002)


def named_by(region: Region, scenarios: Iterable[HazardScenario]) -> tuple[HazardSource, ...]:
    """Layers of some scenarios alone: the others take time."""
    names = {name for one in scenarios for name in one.layers}
    return tuple(one for one in region.hazards if one.id in names)


def test_scenarios_of_both_sides_are_compared() -> None:
    region = read_region(demo_path())
    kept = [one for one in region.scenarios if one.id in ("wildfire", "coast_100")]
    before = replace(region, hazards=named_by(region, kept), scenarios=tuple(kept), risks=())
    abroad = region.stations.index[region.stations["jurisdiction"] != "MC"]
    fire = replace(kept[0], closed_stations=tuple(abroad))
    after = replace(before, scenarios=(fire, replace(kept[1], id="coast_200")))
    found = compare(before, after)
    assert changed(found) == ["hazards"]
    assert found.summary["total"]["covered_joint"]["change"] == 0.0, "fair weather is as it was"
    told = found.summary["scenarios"]
    assert {key: one["in"] for key, one in told.items()} == {
        "wildfire": "both", "coast_200": "after", "coast_100": "before",
    }  # fmt: skip
    assert told["coast_100"]["indicators"] == {}
    for side, one in (("before", before), ("after", after)):
        run = scenario_coverage(fair_weather(one), one.scenarios[0], read_layers(one).layers).coverage
        people = run["population"][run["alone_covered"]].sum()
        assert told["wildfire"]["indicators"]["covered_alone"][side] == pytest.approx(people, abs=0.001)
    block = told["wildfire"]["indicators"]["covered_alone"]
    assert block["parts"]["hazards"]["change"] == block["change"] != 0.0
    assert found.notes == tuple(found.summary["notes"])
    without = compare(before, after, scenarios=False)
    assert without.summary["computed"]["runs"] == 1
    assert any("no scenario was compared" in note for note in without.notes)


def test_copies_in_folders_of_other_names_are_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ignored = shutil.ignore_patterns("__pycache__", "*.py")
    sides = [read_region(shutil.copytree(demo_path(), Path(name), ignore=ignored)) for name in ("one", "two")]
    assert not sides[0].folder.is_absolute()
    found = compare(*sides, scenarios=False)
    assert changed(found) == []
    assert found.summary["other"] == []
    assert (found.summary["before"]["id"], found.summary["after"]["id"]) == ("one", "two")


def test_a_scenario_that_cannot_be_computed_hides_no_others(tmp_path: Path) -> None:
    region = read_region(demo_path())
    kept = {one.id: one for one in region.scenarios if one.id in ("wildfire", "coast_100")}
    before = replace(
        region, hazards=named_by(region, kept.values()), scenarios=tuple(kept.values()), risks=()
    )
    (broken := tmp_path / "wildfire-fr.geojson").write_text("{}", encoding="utf-8")
    after = replace(
        before,
        hazards=tuple(
            replace(one, file=broken) if one.id == "wildfire-fr" else one for one in before.hazards
        ),
    )
    found = compare(before, after)
    assert changed(found) == ["hazards"]
    assert found.changes[3].what == ("Hazard layer wildfire-fr: its file has other content.",)
    told = found.summary["scenarios"]
    assert told["wildfire"]["indicators"] == {}
    assert told["coast_100"]["indicators"]["covered_joint"]["change"] == 0.0
    assert any(note.startswith("Scenario wildfire was left out") for note in found.notes)
    assert "wildfire" not in set(found.table["id"])


def test_a_profile_file_of_one_name_belongs_to_the_roads(tmp_path: Path) -> None:
    sides = []
    for name, kph in (("a", 30), ("b", 60)):
        ignored = shutil.ignore_patterns("__pycache__", "*.py")
        folder = shutil.copytree(demo_path(), tmp_path / name, ignore=ignored)
        speeds = "\n".join(f"{road} = {kph}" for road in ("primary", "secondary", "tertiary", "residential"))
        (folder / "ours.toml").write_text(
            f'[ours]\nbased_on = "fire_engine"\nlabel = "Ours"\n[ours.speed_kph]\n{speeds}\n',
            encoding="utf-8",
        )
        region = read_region(folder)
        region = replace(region, parameters=replace(region.parameters, profile="ours.toml"), scenarios=())
        sides.append(region)
    found = compare(*sides)
    assert changed(found) == ["roads"]
    assert found.changes[1].what == ("The vehicle profile ours.toml states other values.",)
    assert found.summary["total"]["covered_joint"]["parts"]["roads"]["change"] > 1000


def test_records_are_compared_too(tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "*.py", "hazards")
    folder = Path(shutil.copytree(demo_path(), tmp_path / "region", ignore=ignored))
    toml = folder / "region.toml"
    text = toml.read_text(encoding="utf-8")
    # Only what comes before the hazards: they have tests of their own.
    toml.write_text(without_tables(text, ("hazard", "scenario", "risk", "evacuation")), encoding="utf-8")
    region = read_region(folder)
    for moment, parameters in (
        ("2026-03-01T09:00:00+00:00", region.parameters),
        ("2026-04-01T09:00:00+00:00", replace(region.parameters, dispatch_s=120.0)),
    ):
        run = analyse(region, parameters=parameters)
        record = run_record(run) | {"created": moment}
        summary = run.summary | {"siting": {"plan": {"cost": parameters.dispatch_s}}}
        write_record(run.region, record, summary, note="after" if parameters.dispatch_s else "before")
    records = (find_record(folder, "previous"), find_record(folder, "latest"))
    sides = [region_of(one, into=tmp_path / one.id) for one in records]
    # The earlier one states another number, as an older program may have computed it.
    stated = {**records[0].indicators, "headline.covered_joint": 1.0}
    records = (replace(records[0], indicators=stated), records[1])
    found = compare(*sides, records=records)
    assert changed(found) == ["parameters"]
    assert found.changes[5].what == ("Dispatch_s 0 → 120.",)
    assert found.summary["before"]["id"] == records[0].id
    recorded = {one["indicator"]: one for one in found.summary["recorded"]}
    assert recorded["siting.plan.cost"]["change"] == 120.0
    total = found.summary["total"]["covered_joint"]
    assert recorded["headline.covered_joint"]["after"] == total["after"]
    again = [note for note in found.notes if "computed again" in note]
    assert len(again) == 1, "the later one states what is computed now"
    assert f"The record {records[0].id} states 1.0 people" in again[0]
    assert f"it is {total['before']:,.1f}" in again[0]
    assert f"{records[0].id} (2026-03-01, “before”)" in comparison_words(found)[0]


def without_tables(text: str, names: tuple[str, ...]) -> str:
    """A region file without some tables."""
    kept, keep = [], True
    for line in text.splitlines():
        if line.startswith("["):
            keep = line.strip("[]").split("]")[0].split(".")[0] not in names
        kept += [line] if keep else []
    return "\n".join(kept) + "\n"


# --- files --------------------------------------------------------------------------------------------------


def test_equal_comparisons_give_equal_files(road: Callable[..., Region], tmp_path: Path) -> None:
    before, after = road("AAAAAA", {"s": 0}), road("AAAAAA", {"s": 0, "t": 4})
    files = write_comparison(compare(before, after), tmp_path / "one")
    again = write_comparison(compare(before, after), tmp_path / "two")
    assert list(files) == list(again) == list(COMPARISON_FILES)
    for name in files:
        assert files[name].read_bytes() == again[name].read_bytes(), name
    summary = json.loads(files["comparison.json"].read_text(encoding="utf-8"))
    assert str(tmp_path) not in files["comparison.json"].read_text(encoding="utf-8")
    layer = gpd.read_file(files["difference.gpkg"], layer="difference").set_index("id")
    assert layer["joint_change"].tolist() == ["still", "still", "still_not", "gained", "gained", "gained"]
    assert (
        layer["population"][layer["joint_change"] == "gained"].sum()
        == summary["difference"]["joint"]["gained"]["people"]
    )
    table = pd.read_csv(files["comparison.csv"], keep_default_na=False)
    row = table.query("kind == 'total' and indicator == 'covered_joint' and part == 'stations'").iloc[0]
    assert float(row["part_change"]) == summary["total"]["covered_joint"]["change"] == 56.0


def test_null_is_explained(road: Callable[..., Region]) -> None:
    found = compare(road("AAAB", {"s": 0}), road("AAAC", {"s": 0}))
    missing = set()

    def walk(value: Any, key: str) -> None:
        if isinstance(value, dict):
            for name, one in value.items():
                walk(one, name)
        elif isinstance(value, list):
            for one in value:
                walk(one, key)
        elif value is None:
            missing.add(key)

    walk(found.summary, "")
    assert missing, "there is something to explain"
    assert missing <= set(found.summary["null_means"])


# --- the real case ------------------------------------------------------------------------------------------


#: People of the municipalities on the map of 2024: the one of 2013 has none.
LIECHTENSTEIN = {
    "Balzers": 4608, "Eschen": 4407, "Gamprin": 1654, "Mauren": 4138, "Planken": 445, "Ruggell": 2065, "Schaan": 6002,
    "Schellenberg": 1037, "Triesen": 5050, "Triesenberg": 2634, "Vaduz": 5229,
}  # fmt: skip


def test_liechtenstein_2013_against_2024(shared_data: Path, tmp_path: Path) -> None:
    before, after = (
        new_region(
            tmp_path / f"in-{day[:4]}",
            pbf=[shared_data / "liechtenstein" / f"liechtenstein-{day}.osm.pbf"],
            admin_level=8,
            populations=LIECHTENSTEIN,
        )
        for day in ("2013-08-03", "2024-03-04")
    )
    found = compare(before, after)
    assert changed(found) == ["stations", "roads", "people"]
    total = found.summary["total"]
    for side, region in (("before", before), ("after", after)):
        run = fair_weather(region).coverage
        for level in ("alone", "joint"):
            people = math.fsum(run["population"][run[f"{level}_covered"]])
            assert total[f"covered_{level}"][side] == pytest.approx(people, abs=0.001)
    for key, block in total.items():
        parts = math.fsum(one["change"] for one in block["parts"].values())
        assert parts == pytest.approx(block["change"], abs=0.003), key
    # The stations of 2024 on the map of 2013, by a run of its own.
    swapped = fair_weather(replace(before, stations=after.stations, units=after.units)).coverage
    people = math.fsum(swapped["population"][swapped["joint_covered"]])
    first = total["covered_joint"]["parts"]["stations"]["first"]
    assert first == pytest.approx(people - total["covered_joint"]["before"], abs=0.002)
    # Six fire stations then, one of them gone and two moved; eight now. Ids were given anew on the old map.
    stations = found.changes[0]
    assert stations.counts == {"added": 3, "removed": 1, "changed": 2}
    assert any("Feuerwehr Vaduz" in text for text in stations.what)
    assert found.summary["jurisdictions"]["LI-vaduz"]["indicators"]["covered_joint"]["change"] > 2000
    assert found.changes[1].counts == {"added": None, "removed": None, "changed": None}
    assert any("number their roads differently" in text for text in found.changes[1].what)
    assert any("better mapping, not better service" in note for note in found.notes)
    assert any("may be better mapping too" in note for note in found.notes), (
        "the same people at more buildings"
    )
    layer = found.difference
    sums = found.summary["difference"]["joint"]
    assert math.fsum(one["people"] for one in sums.values()) == pytest.approx(37_269)
    assert sum(one["places"] for one in sums.values()) == len(after.demand) == len(layer)
    inside = layer["joint_change"].isin(["gained", "still"])
    assert layer["population"][inside].sum() == pytest.approx(total["covered_joint"]["after"], abs=0.01)
    assert shapely.equals(layer.geometry.to_numpy(), after.demand.geometry.to_numpy()).all()
