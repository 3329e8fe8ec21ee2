# ruff: noqa: E501 - one case a line reads as a table
"""[[hazard]], [[scenario]] and [[risk]] of region.toml: read, written, and refused with one clear message each."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest

from mutualaid.data import (
    HazardScenario,
    HazardSource,
    Region,
    RiskCurve,
    check_region,
    read_region,
    write_region,
)
from mutualaid.data._hazards import HAZARDS, NODATA_MEANINGS, QUANTITIES, ROAD_RULES
from mutualaid.data._schema import HazardEntry, RiskEntry, ScenarioEntry
from mutualaid.errors import HazardError, RegionError

T = "region.toml"
HAZARD_TOML = """
[[hazard]]
id = "depth_west"
file = "hazards/west.tif"
hazard = "flood"
quantity = "depth"
unit = "cm"
scheme = "inasafe-flood-depth"
return_period_years = 100
jurisdiction = "W"

[[hazard]]
id = "zones_east"
file = "hazards/zones.shp"
hazard = "flood"
quantity = "class"
scheme = "hazards/zones.toml"
return_period_years = 100
jurisdiction = "MC"
column = "zone"

[[hazard]]
id = "depth_rare"
file = "hazards/rare.asc"
hazard = "flood"
quantity = "depth"
unit = "m"
scheme = "inasafe-flood-depth"
return_period_years = 1000

[[scenario]]
id = "hq100"
layers = ["depth_west", "zones_east"]
rules = { depth_west = "fording-car", flood = "hazards/rule.toml" }

[[scenario]]
id = "hq1000"
name = "A thousand years"
layers = ["depth_rare"]
closed_ways = [12, 7]

[[scenario]]
id = "shut"
closed_crossings = ["x1"]

[[risk]]
id = "floods"
scenarios = ["hq100", "hq1000"]
"""
FILES = {
    "west.tif": b"II*\0 a raster", "rare.asc": b"ncols 1", "zones.shp": b"shp", "zones.dbf": b"dbf",
    "zones.shx": b"shx", "zones.prj": b"prj", "zones.cpg": b"UTF-8", "zones.toml": b"[scheme]", "rule.toml": b"[rule]",
}  # fmt: skip


@pytest.fixture
def hazard_folder(region_folder: Path) -> Path:
    """Folder of a valid region with hazards; of its files the data room reads nothing."""
    (region_folder / "hazards").mkdir()
    for name, content in FILES.items():
        (region_folder / "hazards" / name).write_bytes(content)
    with (region_folder / T).open("a", encoding="utf-8") as file:
        file.write(HAZARD_TOML)
    return region_folder


Break = Callable[[Path], object]


def toml(old: str, new: str, count: int = 1) -> Break:
    """Replace the first such text in region.toml."""

    def change(folder: Path) -> None:
        text = (folder / T).read_text(encoding="utf-8")
        assert old in text
        (folder / T).write_text(text.replace(old, new, count), encoding="utf-8")

    return change


def add(text: str) -> Break:
    def change(folder: Path) -> None:
        with (folder / T).open("a", encoding="utf-8") as file:
            file.write("\n" + text + "\n")

    return change


def remove(name: str) -> Break:
    return lambda folder: (folder / name).unlink()


# --- read as the model says -----------------------------------------------------------------------------------


def test_a_region_with_hazards_is_read(hazard_folder: Path) -> None:
    assert check_region(hazard_folder) == []
    region = read_region(hazard_folder)
    west, zones, rare = region.hazards
    assert west == HazardSource(
        id="depth_west", file=hazard_folder / "hazards/west.tif", hazard="flood", quantity="depth", unit="cm",
        scheme="inasafe-flood-depth", name="depth_west", return_period_years=100.0, jurisdiction="W",
    )  # fmt: skip
    assert zones.scheme == hazard_folder / "hazards/zones.toml"
    assert (zones.column, zones.layer, zones.crs, zones.covers, zones.nodata) == (
        "zone",
        None,
        None,
        None,
        None,
    )
    assert rare.jurisdiction == ""
    hq100, hq1000, shut = region.scenarios
    assert hq100 == HazardScenario(
        "hq100", "hq100", ("depth_west", "zones_east"),
        rules={"depth_west": "fording-car", "flood": hazard_folder / "hazards/rule.toml"},
    )  # fmt: skip
    assert hq1000 == HazardScenario("hq1000", "A thousand years", ("depth_rare",), closed_ways=(12, 7))
    assert shut == HazardScenario("shut", "shut", (), closed_crossings=("x1",))
    assert region.risks == (RiskCurve("floods", "floods", ("hq100", "hq1000")),)


def test_every_file_that_is_named_is_a_file_of_the_region(hazard_folder: Path) -> None:
    files = read_region(hazard_folder).files
    assert {path.name for path in files if path.parent.name == "hazards"} == set(FILES)
    assert len(files) == len(set(files))


def test_a_region_without_hazards_has_none(region_folder: Path) -> None:
    region = read_region(region_folder)
    assert (region.hazards, region.scenarios, region.risks) == ((), (), ())


def test_everything_that_can_be_stated_is_read(hazard_folder: Path) -> None:
    add("""
[[hazard]]
id = "all.of-it_1"
file = "hazards/west.tif"
hazard = "wildfire"
quantity = "fwi"
scheme = "effis-fwi"
name = "Fire weather"
event = "The hot week"
jurisdiction = "FR"
source = "EFFIS"
licence = "CC-BY"
date = "2026-07"
nodata_means = "none"
nodata = nan
derived = true
band = 3
layer = "one"
column = "two"
crs = "EPSG:2154"
covers = [1, 2.5, 3, 4]

[[scenario]]
id = "all"
name = "All of it"
layers = ["all.of-it_1"]
combine = "worst"
roads = "close"
rules = { wildfire = "severity-car" }
stations_out = 5
stations_delayed = 2
stations_delay_s = 600
unknown = "closed"
closed_ways = [1]
closed_crossings = ["c"]
draws = 10
seed = 0
note = "Two\\nlines"

[[risk]]
id = "r"
name = "R"
scenarios = ["hq100"]
tail = "zero"
frequent = "triangle"
triangle_year = 5
""")(hazard_folder)
    region = read_region(hazard_folder)
    source, scenario, risk = region.hazards[-1], region.scenarios[-1], region.risks[-1]
    assert source.nodata is not None
    assert math.isnan(source.nodata)
    assert math.isnan(source.return_period_years)
    assert replace(source, nodata=None) == HazardSource(
        id="all.of-it_1", file=hazard_folder / "hazards/west.tif", hazard="wildfire", quantity="fwi", scheme="effis-fwi",
        name="Fire weather", event="The hot week", jurisdiction="FR", source="EFFIS", licence="CC-BY", date="2026-07",
        nodata_means="none", derived=True, band=3, layer="one", column="two", crs="EPSG:2154", covers=(1, 2.5, 3, 4),
        return_period_years=source.return_period_years,
    )  # fmt: skip
    assert scenario == HazardScenario(
        "all", "All of it", ("all.of-it_1",), roads="close", note="Two\nlines", rules={"wildfire": "severity-car"},
        stations_out=5, stations_delayed=2, stations_delay_s=600.0, unknown="closed", closed_ways=(1,),
        closed_crossings=("c",), draws=10, seed=0,
    )  # fmt: skip
    assert risk == RiskCurve("r", "R", ("hq100",), "zero", "triangle", 5.0)


@pytest.mark.parametrize(("entry", "value"), [(HazardEntry, HazardSource), (ScenarioEntry, HazardScenario), (RiskEntry, RiskCurve)])  # fmt: skip
def test_the_schema_and_the_value_have_the_same_keys_and_defaults(entry: Any, value: Any) -> None:
    stated = {name: field.default for name, field in entry.model_fields.items() if not field.is_required()}
    held = {one.name: one.default for one in fields(value)}
    assert set(entry.model_fields) == set(held)
    for name, default in stated.items():
        if name in (
            "name",
            "return_period_years",
            "layers",
            "rules",
            "closed_stations",
            "closed_ways",
            "closed_crossings",
        ):
            continue
        assert held[name] == default, name


def test_the_words_of_the_schema_are_those_of_the_values() -> None:
    words: dict[tuple[str, tuple[str, ...]], Any] = {
        ("hazard", HAZARDS): HazardEntry, ("quantity", tuple(QUANTITIES)): HazardEntry,
        ("nodata_means", NODATA_MEANINGS): HazardEntry, ("roads", ROAD_RULES): ScenarioEntry,
    }  # fmt: skip
    for (name, expected), entry in words.items():
        assert get_args(entry.model_fields[name].annotation) == expected


# --- written and read again -----------------------------------------------------------------------------------


def hazards_of(region: Region) -> tuple[Any, ...]:
    """What a region says about hazards, with files by their names, and NaN so that it equals itself."""

    def plain(value: Any) -> Any:
        if isinstance(value, Path):
            return value.relative_to(region.folder).as_posix()
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        return "NaN" if isinstance(value, float) and math.isnan(value) else value

    values: list[Any] = [*region.hazards, *region.scenarios, *region.risks]
    return tuple({one.name: plain(getattr(value, one.name)) for one in fields(value)} for value in values)


def test_what_is_written_is_read_again(hazard_folder: Path, tmp_path: Path) -> None:
    add("""
[[hazard]]
id = "more"
file = "hazards/west.tif"
hazard = "flood"
quantity = "depth"
unit = "m"
scheme = "inasafe-flood-depth"
event = "of \\"2002\\""
nodata = nan
covers = [1, 2.5, 3, 4]
derived = true

[[hazard]]
id = "numbers"
file = "hazards/west.tif"
hazard = "flood"
quantity = "depth"
unit = "m"
scheme = "inasafe-flood-depth"
return_period_years = 0.5
nodata = -3.4028234663852886e38

[[scenario]]
id = "all"
layers = ["more"]
roads = "close"
rules = { "flood" = "hazards/rule.toml", "more" = "fording-car" }
stations_delayed = 2
stations_delay_s = 90.5
unknown = "closed"
closed_ways = [9007199254740993]
closed_crossings = ["a b", "ü"]
draws = 1000
seed = 12345678901
note = "Two\\nlines"

[[risk]]
id = "r"
scenarios = ["hq100"]
tail = "zero"
frequent = "triangle"
triangle_year = 5.5
""")(hazard_folder)
    region = read_region(hazard_folder)
    again = read_region(write_region(region, tmp_path / "copy"))
    assert hazards_of(again) == hazards_of(region)
    for name, content in FILES.items():
        assert (tmp_path / "copy" / "hazards" / name).read_bytes() == content
    third = read_region(write_region(again, tmp_path / "copy"))  # onto itself
    assert hazards_of(third) == hazards_of(region)
    assert (tmp_path / "copy" / T).read_text(encoding="utf-8") == write_region(again, tmp_path / "third").read_text(encoding="utf-8")  # fmt: skip


def source_at(path: Path, key: str) -> HazardSource:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(key, encoding="utf-8")
    return HazardSource(
        id=key, file=path, hazard="flood", quantity="depth", unit="m", scheme="inasafe-flood-depth"
    )


def test_files_from_elsewhere_come_along(region_folder: Path, tmp_path: Path) -> None:
    region = read_region(region_folder)
    region = replace(region, hazards=(source_at(tmp_path / "north" / "a.tif", "north"),))
    (again,) = read_region(write_region(region, tmp_path / "copy")).hazards
    assert again.file.read_text(encoding="utf-8") == "north"


def test_two_files_of_one_name_from_elsewhere_stay_two(region_folder: Path, tmp_path: Path) -> None:
    """Both partners call their map depth.tif: one must not silently take the place of the other."""
    layers = tuple(source_at(tmp_path / side / "depth.tif", side) for side in ("north", "south"))
    region = replace(read_region(region_folder), hazards=layers)
    again = read_region(write_region(region, tmp_path / "copy"))
    assert [layer.file.read_text(encoding="utf-8") for layer in again.hazards] == ["north", "south"]


@pytest.mark.parametrize(
    ("main", "sidecar"),
    [("Z.SHP", "Z.DBF"), ("grid.asc", "grid.prj"), ("depth.tif", "depth.tif.aux.xml"), ("depth.tif", "depth.tif.msk"), ("depth.tif", "depth.tfw")],
)  # fmt: skip
def test_what_belongs_to_a_file_is_written_with_it(
    region_folder: Path, tmp_path: Path, main: str, sidecar: str
) -> None:
    """The CRS of an ASCII grid and the mask of a GeoTIFF stand beside them; shapefiles come in capitals too."""
    layer = source_at(region_folder / main, "one")
    (region_folder / sidecar).write_text("beside", encoding="utf-8")
    region = replace(read_region(region_folder), hazards=(layer,))
    write_region(region, tmp_path / "copy")
    assert (tmp_path / "copy" / main).is_file()
    assert (tmp_path / "copy" / sidecar).is_file()


@pytest.mark.parametrize("values", [{"draws": 9}, {"stations_delay_s": 3601.0}, {"draws": 100_001}])
def test_what_region_toml_may_not_hold_is_no_scenario_either(values: dict[str, Any]) -> None:
    with pytest.raises(HazardError, match=next(iter(values))):
        HazardScenario("s", "S", (), closed_ways=(1,), **values)


@pytest.mark.parametrize(
    "values", [{"draws": 10, "seed": 0}, {"stations_delayed": 2, "stations_delay_s": 3600.0}]
)
def test_whatever_a_scenario_may_hold_can_be_written_and_read(
    region_folder: Path, tmp_path: Path, values: dict[str, Any]
) -> None:
    scenario = HazardScenario("s", "S", (), closed_ways=(1,), **values)
    region = replace(read_region(region_folder), scenarios=(scenario,))
    assert read_region(write_region(region, tmp_path / "copy")).scenarios == (scenario,)


# --- one thing wrong --------------------------------------------------------------------------------------------


class Case(NamedTuple):
    """How a region is broken, and words of its one defect: place, expected, got, remedy."""

    name: str
    change: Break
    where: str
    expected: str
    got: str
    remedy: str


SECOND = """
[[hazard]]
id = "depth_west"
file = "hazards/west.tif"
hazard = "flood"
quantity = "depth"
unit = "m"
return_period_years = 100
"""
ID = "an id of letters, digits"
CASES = [
    # layers
    Case("id twice", add(SECOND), "[[hazard]] id", "each id once", "depth_west twice", "rename one of them"),
    Case("id with a space", toml('"depth_rare"', '"depth rare"', 2), "[[hazard]] 3, id", ID, "'depth rare'", "no other characters"),
    Case("no id", toml('id = "zones_east"\n', ""), "[[hazard]] 2", "a key id", "nothing", "add it"),
    Case("no file key", toml('file = "hazards/rare.asc"\n', ""), "[[hazard]] 3", "a key file", "nothing", "add it"),
    Case("no hazard key", toml('hazard = "flood"\n', ""), "[[hazard]] 1", "a key hazard", "nothing", "add it"),
    Case("missing file", remove("hazards/west.tif"), "[[hazard]] 1, file", "a file that exists", "'hazards/west.tif'", "add the file"),
    Case("path outside", toml("hazards/west.tif", "../west.tif"), "[[hazard]] 1, file", "a plain path inside", "'../west.tif'", "copy the file"),
    Case("a GDAL source", toml("hazards/west.tif", "/vsicurl/http://x/w.tif"), "[[hazard]] 1, file", "a plain path inside", "vsicurl", "copy the file"),
    Case("a folder", toml("hazards/west.tif", "hazards"), "[[hazard]] 1, file", "a folder or a device", "'hazards'", "name a file"),
    Case("scheme file missing", remove("hazards/zones.toml"), "[[hazard]] 2, scheme", "a file that exists", "'hazards/zones.toml'", "add the file"),
    Case("scheme outside", toml("hazards/zones.toml", "../zones.toml"), "[[hazard]] 2, scheme", "a plain path inside", "'../zones.toml'", "copy the file"),
    Case("unknown provider", toml('jurisdiction = "MC"', 'jurisdiction = "MCO"'), "[[hazard]] 2, jurisdiction", "the id of a jurisdiction, a country or a partner", "'MCO'", "did you mean MC"),
    Case("provider like no other", toml('jurisdiction = "MC"', 'jurisdiction = "Z"'), "[[hazard]] 2, jurisdiction", "the id of a jurisdiction", "'Z'", "use one of E, FR, MC, W"),
    Case("return period and event", toml("return_period_years = 1000", 'return_period_years = 1000\nevent = "2002"'), "[[hazard]] 3", "a return period or an event", "1000 years and '2002'", "remove one of them"),
    Case("return period 0", toml("return_period_years = 1000", "return_period_years = 0"), "[[hazard]] 3, return_period_years", "greater than 0", "0", "correct"),
    Case("return period in words", toml("return_period_years = 1000", 'return_period_years = "1000"'), "[[hazard]] 3, return_period_years", "number", "'1000'", "without quotes"),
    Case("wrong hazard", toml('hazard = "flood"', 'hazard = "floods"'), "[[hazard]] 1, hazard", "'flash_flood'", "'floods'", "did you mean flood"),
    Case("wrong quantity", toml('quantity = "class"', 'quantity = "clas"'), "[[hazard]] 2, quantity", "'class'", "'clas'", "did you mean class"),
    Case("wrong nodata_means", toml('unit = "m"', 'unit = "m"\nnodata_means = "dry"'), "[[hazard]] 3, nodata_means", "one of 'unknown', 'none'", "'dry'", "use one of them"),
    Case("unknown key", toml('unit = "cm"', 'units = "cm"'), "[[hazard]] 1", "one of the keys id, file", "'units'", "did you mean unit"),
    Case("band 0", toml('unit = "cm"', 'unit = "cm"\nband = 0'), "[[hazard]] 1, band", "greater than or equal to 1", "0", "correct"),
    Case("half a band", toml('unit = "cm"', 'unit = "cm"\nband = 1.5'), "[[hazard]] 1, band", "integer", "1.5", ""),
    Case("derived in words", toml('unit = "cm"', 'unit = "cm"\nderived = "yes"'), "[[hazard]] 1, derived", "boolean", "'yes'", "correct"),
    Case("date in words", toml('unit = "cm"', 'unit = "cm"\ndate = "May 2024"'), "[[hazard]] 1, date", "ISO 8601", "'May 2024'", "write it like"),
    Case("no such date", toml('unit = "cm"', 'unit = "cm"\ndate = "2024-13-45"'), "[[hazard]] 1, date", "date", "'2024-13-45'", ""),
    Case("crs in words", toml('unit = "cm"', 'unit = "cm"\ncrs = "UTM 32"'), "[[hazard]] 1, crs", "authority and code", "'UTM 32'", "EPSG:32632"),
    Case("three bounds", toml('unit = "cm"', 'unit = "cm"\ncovers = [1, 2, 3]'), "[[hazard]] 1, covers", "4 items", "[1, 2, 3]", "correct"),
    Case("bounds without end", toml('unit = "cm"', 'unit = "cm"\ncovers = [1, 2, inf, 3]'), "[[hazard]] 1, covers 3", "finite", "inf", "correct"),
    Case("a table for a list", lambda folder: (folder / T).write_text((folder / T).read_text(encoding="utf-8").split("\n[[hazard]]")[0] + '\n[hazard]\nid = "a"\n', encoding="utf-8"), "[hazard]", "list", "{'id': 'a'}", ""),
    # scenarios
    Case("unknown layer", toml('["depth_rare"]', '["depth_rar"]'), "[[scenario]] 2, layers", "the id of a [[hazard]]", "'depth_rar'", "did you mean depth_rare"),
    Case("a layer like no other", toml('["depth_rare"]', '["x"]'), "[[scenario]] 2, layers", "the id of a [[hazard]]", "'x'", "use one of depth_rare, depth_west, zones_east"),
    Case("layer twice", toml('["depth_rare"]', '["depth_rare", "depth_rare"]'), "[[scenario]] 2, layers", "each layer once", "depth_rare twice", "remove one"),
    Case("scenario twice", add('[[scenario]]\nid = "shut"\nclosed_ways = [1]'), "[[scenario]] id", "each id once", "shut twice", "rename one of them"),
    Case("empty scenario", toml('closed_crossings = ["x1"]', ""), "[[scenario]] 3, layers", "a layer, or a closed way, crossing or station", "nothing", "name the layers"),
    Case("rule for nothing", toml("flood = ", "floods = "), "[[scenario]] 1, rules", "a layer of it, or a hazard", "'floods'", "did you mean flood"),
    Case("rule for the layer of another scenario", toml("depth_west = ", "depth_rare = "), "[[scenario]] 1, rules", "a layer of it, or a hazard", "'depth_rare'", ""),
    Case("rule for a hazard that it has not", toml("flood = ", "wildfire = "), "[[scenario]] 1, rules", "a layer of it, or a hazard", "'wildfire'", ""),
    Case("rule file missing", remove("hazards/rule.toml"), "[[scenario]] 1, rules.flood", "a file that exists", "'hazards/rule.toml'", "add the file"),
    Case("rule file outside", toml("hazards/rule.toml", "/etc/rule.toml"), "[[scenario]] 1, rules.flood", "a plain path inside", "'/etc/rule.toml'", "copy the file"),
    Case("wrong roads", toml('id = "shut"', 'id = "shut"\nroads = "closed"'), "[[scenario]] 3, roads", "one of 'multiply', 'close'", "'closed'", "did you mean close"),
    Case("wrong unknown", toml('id = "shut"', 'id = "shut"\nunknown = "open"'), "[[scenario]] 3, unknown", "one of 'passable', 'closed'", "'open'", "use one of them"),
    Case("wrong combine", toml('id = "shut"', 'id = "shut"\ncombine = "sum"'), "[[scenario]] 3, combine", "'worst'", "'sum'", ""),
    Case("severity 6", toml('id = "shut"', 'id = "shut"\nstations_out = 6'), "[[scenario]] 3, stations_out", "less than or equal to 5", "6", "correct"),
    Case("severity 0", toml('id = "shut"', 'id = "shut"\nstations_delayed = 0'), "[[scenario]] 3, stations_delayed", "greater than or equal to 1", "0", "correct"),
    Case("delay without a severity", toml('id = "shut"', 'id = "shut"\nstations_delay_s = 300'), "[[scenario]] 3, stations_delay_s", "stations_delayed", "300", ""),
    Case("delay from where stations are out", toml('id = "shut"', 'id = "shut"\nstations_delayed = 3\nstations_delay_s = 300'), "[[scenario]] 3, stations_delayed", "stations_out", "3", ""),
    Case("unknown scenario key", toml('id = "shut"', 'id = "shut"\nstation_out = 2'), "[[scenario]] 3", "one of the keys id, name, layers", "'station_out'", "did you mean stations_out"),
    Case("way in words", toml("[12, 7]", '["way/12"]'), "[[scenario]] 2, closed_ways 1", "integer", "'way/12'", "plain digits"),
    Case("way 0", toml("[12, 7]", "[0]"), "[[scenario]] 2, closed_ways 1", "greater than or equal to 1", "0", "correct"),
    Case("few draws", toml('id = "shut"', 'id = "shut"\ndraws = 9'), "[[scenario]] 3, draws", "greater than or equal to 10", "9", "correct"),
    # risks
    Case("unknown scenario", toml('["hq100", "hq1000"]', '["hq100", "hq10000"]'), "[[risk]] 1, scenarios", "the id of a [[scenario]]", "'hq10000'", "did you mean hq1000"),
    Case("risk without scenarios", toml('["hq100", "hq1000"]', "[]"), "[[risk]] 1, scenarios", "at least 1 item", "[]", "correct"),
    Case("risk twice", add('[[risk]]\nid = "floods"\nscenarios = ["hq100"]'), "[[risk]] id", "each id once", "floods twice", "rename one of them"),
    Case("scenario without return period", toml("return_period_years = 1000", 'event = "breach"'), "[[risk]] 1, scenarios", "layers of one return period in scenario hq1000", "none", "state return_period_years"),
    Case("scenario without layers", toml('["hq100", "hq1000"]', '["hq100", "shut"]'), "[[risk]] 1, scenarios", "layers of one return period in scenario shut", "none", "state return_period_years"),
    Case("scenario of several return periods", toml("return_period_years = 100\n", "return_period_years = 30\n"), "[[risk]] 1, scenarios", "layers of one return period in scenario hq100", "30 years, 100 years", "state return_period_years"),
    Case("equal return periods", toml("return_period_years = 1000", "return_period_years = 100"), "[[risk]] 1, scenarios", "each return period once", "100 years in hq100 and hq1000", "remove one of them"),
    Case("scenario twice in a risk", toml('["hq100", "hq1000"]', '["hq100", "hq100"]'), "[[risk]] 1, scenarios", "each return period once", "100 years in hq100 and hq100", "remove one of them"),
    Case("more often than every year", toml("return_period_years = 1000", "return_period_years = 0.5"), "[[risk]] 1, scenarios", "1", "0.5", ""),
    Case("triangle without a year", toml('["hq100", "hq1000"]', '["hq100", "hq1000"]\nfrequent = "triangle"'), "[[risk]] 1, triangle_year", "a year with frequent = 'triangle'", "frequent = 'triangle'", "correct it"),
    Case("a year without triangle", toml('["hq100", "hq1000"]', '["hq100", "hq1000"]\ntriangle_year = 5'), "[[risk]] 1, triangle_year", "and only then", "5.0 with frequent = 'zero'", "correct it"),
    Case("a triangle from the first map", toml('["hq100", "hq1000"]', '["hq100", "hq1000"]\nfrequent = "triangle"\ntriangle_year = 100'), "[[risk]] 1, triangle_year", "a year below 100", "100", "correct it"),
    Case("wrong tail", toml('["hq100", "hq1000"]', '["hq100", "hq1000"]\ntail = "const"'), "[[risk]] 1, tail", "one of 'constant', 'zero'", "'const'", "did you mean constant"),
    Case("unknown risk key", toml('["hq100", "hq1000"]', '["hq100", "hq1000"]\ntriangel_year = 5'), "[[risk]] 1", "one of the keys id, name, scenarios", "'triangel_year'", "did you mean triangle_year"),
    Case("scenarios that differ in case alone", toml('id = "shut"', 'id = "HQ1000"'), "[[scenario]] id", "each id once", "alike but for case", "rename one of them"),
    Case("risk of layers", toml('["hq100", "hq1000"]', '["depth_west"]'), "[[risk]] 1, scenarios", "the id of a [[scenario]]", "'depth_west'", "use one of hq100, hq1000, shut"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_one_thing_wrong_gives_one_clear_message(hazard_folder: Path, case: Case) -> None:
    assert check_region(hazard_folder) == []
    case.change(hazard_folder)

    defects = check_region(hazard_folder)

    assert len(defects) == 1, "\n".join(map(str, defects))
    defect = defects[0]
    assert (defect.file, defect.where) == (T, case.where)
    assert case.expected in defect.expected
    assert case.got in defect.got
    assert case.remedy in defect.remedy
    assert all((defect.expected, defect.got, defect.remedy))
    assert str(defect).isprintable()
    assert len(str(defect)) < 600
    with pytest.raises(RegionError) as caught:
        read_region(hazard_folder)
    assert list(caught.value.defects) == defects


# --- everything at once -------------------------------------------------------------------------------------------


def places(folder: Path) -> set[str]:
    return {defect.where for defect in check_region(folder)}


def test_all_defects_of_the_hazard_sections_are_reported_at_once(hazard_folder: Path) -> None:
    toml("hazards/west.tif", "../west.tif")(hazard_folder)
    toml('jurisdiction = "MC"', 'jurisdiction = "XX"')(hazard_folder)
    remove("hazards/zones.toml")(hazard_folder)
    toml("return_period_years = 1000", 'return_period_years = 1000\nevent = "2002"')(hazard_folder)
    toml('layers = ["depth_west", "zones_east"]', 'layers = ["depth_west", "zones_west"]')(hazard_folder)
    toml('flood = "hazards/rule.toml"', 'flod = "hazards/rules.toml"')(hazard_folder)
    toml('["depth_rare"]', '["depth_rare", "depth_rare"]')(hazard_folder)
    toml('closed_crossings = ["x1"]', "")(hazard_folder)
    toml('["hq100", "hq1000"]', '["hq1000", "hq10"]\ntriangle_year = 3')(hazard_folder)
    assert places(hazard_folder) == {
        "[[hazard]] 1, file",
        "[[hazard]] 2, jurisdiction",
        "[[hazard]] 2, scheme",
        "[[hazard]] 3",
        "[[scenario]] 1, layers",
        "[[scenario]] 1, rules",
        "[[scenario]] 1, rules.flod",
        "[[scenario]] 2, layers",
        "[[scenario]] 3, layers",
        "[[risk]] 1, scenarios",
        "[[risk]] 1, triangle_year",
    }


def test_a_broken_section_elsewhere_hides_nothing(hazard_folder: Path) -> None:
    toml("crossing_s = 30", "crossing_s = -30")(hazard_folder)
    toml('file = "units.csv"', 'file = "../units.csv"')(hazard_folder)
    toml('crs = "EPSG:32632"', 'crs = "EPSG:999999"')(hazard_folder)
    (hazard_folder / "jurisdictions.geojson").write_text("{", encoding="utf-8")
    remove("hazards/west.tif")(hazard_folder)
    toml('["depth_rare"]', '["depth_rar"]')(hazard_folder)
    toml('["hq100", "hq1000"]', '["hq"]')(hazard_folder)
    found = places(hazard_folder)
    assert {"[[hazard]] 1, file", "[[scenario]] 2, layers", "[[risk]] 1, scenarios"} <= found
    assert {"[parameters] crossing_s", "[units] file", "[region] crs"} <= found


def test_a_broken_section_of_hazards_makes_no_defects_of_others(hazard_folder: Path) -> None:
    """Which layers there are is not known then, so no scenario may be blamed; but its other defects are named."""
    toml('hazard = "flood"', 'hazard = "floods"')(hazard_folder)
    assert places(hazard_folder) == {"[[hazard]] 1, hazard"}
    remove("hazards/rule.toml")(hazard_folder)
    toml('["hq100", "hq1000"]', '["hq"]')(hazard_folder)
    assert places(hazard_folder) == {
        "[[hazard]] 1, hazard",
        "[[scenario]] 1, rules.flood",
        "[[risk]] 1, scenarios",
    }


def test_a_broken_section_of_scenarios_makes_no_defects_of_others(hazard_folder: Path) -> None:
    toml('id = "shut"', 'id = "shut"\nroads = "x"')(hazard_folder)
    assert places(hazard_folder) == {"[[scenario]] 3, roads"}
    remove("hazards/west.tif")(hazard_folder)
    toml('["hq100", "hq1000"]', '["hq100", "hq1000"]\ntriangle_year = 3')(hazard_folder)
    assert places(hazard_folder) == {
        "[[scenario]] 3, roads",
        "[[hazard]] 1, file",
        "[[risk]] 1, triangle_year",
    }


def test_one_broken_layer_hides_no_defect_of_the_other_layers(hazard_folder: Path) -> None:
    """All at once: who corrects the word should not be told of the missing file only afterwards."""
    toml('hazard = "flood"', 'hazard = "floods"')(hazard_folder)
    remove("hazards/rare.asc")(hazard_folder)
    assert places(hazard_folder) == {"[[hazard]] 1, hazard", "[[hazard]] 3, file"}


def test_a_sidecar_that_leads_out_of_the_folder_is_refused(hazard_folder: Path, tmp_path: Path) -> None:
    """A shapefile is several files: none of them may be a link to somewhere else."""
    outside = tmp_path / "outside.dbf"
    outside.write_bytes(b"secret")
    (hazard_folder / "hazards/zones.dbf").unlink()
    (hazard_folder / "hazards/zones.dbf").symlink_to(outside)
    assert places(hazard_folder) == {"[[hazard]] 2, file"}


# --- the values themselves ------------------------------------------------------------------------------------------


def test_a_scenario_made_by_hand_obeys_the_same_rules() -> None:
    with pytest.raises(HazardError) as caught:
        HazardScenario(
            "s", "S", ("a", "a"), combine="sum", roads="x", unknown="y", stations_out=0, stations_delayed=6,
            stations_delay_s=-1, draws=0,
        )  # fmt: skip
    assert [defect.where for defect in caught.value.defects] == [
        "scenario s, combine",
        "scenario s, roads",
        "scenario s, unknown",
        "scenario s, layers",
        "scenario s, stations_out",
        "scenario s, stations_delayed",
        "scenario s, stations_delay_s",
        "scenario s, draws",
    ]
    with pytest.raises(HazardError, match="layers"):
        HazardScenario("s", "S", ())


def test_a_seed_that_is_none_is_refused_when_it_is_stated() -> None:
    with pytest.raises(HazardError, match="seed"):
        HazardScenario("s", "S", ("a",), seed=-1)
