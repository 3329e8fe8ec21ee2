"""Shelters of a region: read and completed, everything wrong with them, written and read back."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from mutualaid.data import check_region, read_region, read_table, write_region
from mutualaid.errors import Defect, RegionError

HEAD = "id,name,name_fr,owner,capacity,area_m2,opens_min,closes_min,services,stands,capacity_source,lon,lat\n"
SCHOOL = "s1,School,École,,300,,30,240,medical;pets,wildfire;flood,counted,7.405,43.705\n"
HALL = "s2,Hall,,W,,1860,,,,,,7.435,43.715\n"


def with_shelters(folder: Path, text: str) -> Path:
    (folder / "shelters.csv").write_text(text, encoding="utf-8")
    toml = (folder / "region.toml").read_text(encoding="utf-8")
    (folder / "region.toml").write_text(toml + '\n[shelters]\nfile = "shelters.csv"\n', encoding="utf-8")
    return folder


def wrong(folder: Path, text: str) -> Defect:
    (defect,) = check_region(with_shelters(folder, text))
    return defect


def test_a_region_without_shelters_has_an_empty_table(region_folder: Path) -> None:
    region = read_region(region_folder)

    assert region.shelters.empty
    assert region.shelters.crs == region.crs
    assert {"name", "jurisdiction", "owner", "capacity", "area_m2"} <= set(region.shelters)
    assert region.evacuation is None


def test_shelters_are_read_and_completed(region_folder: Path) -> None:
    region = read_region(with_shelters(region_folder, HEAD + SCHOOL + HALL))

    school: Any = region.shelters.loc["s1"]
    hall: Any = region.shelters.loc["s2"]
    assert region.shelters.crs == region.crs
    assert school[["name", "name_fr", "jurisdiction", "owner"]].tolist() == ["School", "École", "W", "W"]
    assert school[["capacity", "opens_min", "closes_min"]].tolist() == [300, 30, 240]
    assert school[["services", "stands", "capacity_source"]].tolist() == [
        "medical;pets",
        "wildfire;flood",
        "counted",
    ]
    assert math.isnan(school["area_m2"])
    # It lies in the east, and the west opens it.
    assert hall[["jurisdiction", "owner", "area_m2", "opens_min"]].tolist() == ["E", "W", 1860, 0]
    assert math.isnan(hall["capacity"])
    assert math.isnan(hall["closes_min"])
    assert hall[["services", "stands"]].tolist() == ["", ""]
    assert region_folder / "shelters.csv" in region.files


def test_the_fewest_columns_that_make_a_shelter(region_folder: Path) -> None:
    region = read_region(with_shelters(region_folder, "capacity,lon,lat\n12,7.405,43.705\n0,7.406,43.705\n"))

    assert region.shelters.index.tolist() == ["SH1", "SH2"]
    # No room is a statement, and not the same as unknown.
    assert region.shelters["capacity"].tolist() == [12, 0]


def test_a_shelter_without_capacity_and_area_is_named_with_its_row(region_folder: Path) -> None:
    nothing = "s3,Barn,,,,,,,,,,7.406,43.705\n"

    defect = wrong(region_folder, HEAD + SCHOOL + nothing)

    assert (defect.file, defect.where) == ("shelters.csv", "row 3 (id s3), column capacity, area_m2")
    assert defect.expected == "a number in one of capacity, area_m2"


def test_a_capacity_that_is_no_number_is_one_defect_and_not_two(region_folder: Path) -> None:
    defect = wrong(region_folder, HEAD + SCHOOL.replace(",300,", ",many,"))

    assert defect.where == "row 2 (id s1), column capacity"
    assert defect.expected == "a number such as 1.5"


@pytest.mark.parametrize(
    ("old", "new", "column", "expected", "remedy"),
    [
        (",240,", ",30,", "closes_min", "minutes after opens_min", "leave closes_min empty"),
        ("École,,", "École,Wset,", "owner", "the id of a partner", "use one of W, E"),
        ("wildfire;flood", "wildfire;fire", "stands", "hazards joined by ; of flood", "correct it"),
        ("medical;pets", "Medical pets", "services", "codes in small letters joined by ;", "correct it"),
        (",300,", ",-1,", "capacity", "a number within 0…1e+07", "correct the number"),
        ("7.405", "7.505", "", "a point inside a jurisdiction", "correct the coordinates"),
    ],
)
def test_what_is_wrong_with_a_shelter(
    region_folder: Path, old: str, new: str, column: str, expected: str, remedy: str
) -> None:
    row = SCHOOL.replace(old, new)
    assert row != SCHOOL

    defect = wrong(region_folder, HEAD + row + HALL)

    assert defect.file == "shelters.csv"
    assert defect.where.startswith("row 2 (id s1)")
    assert defect.where.endswith(f"column {column}" if column else ")")
    assert expected in defect.expected
    assert remedy in defect.remedy


def test_a_shelter_in_another_jurisdiction_than_stated_is_reported(region_folder: Path) -> None:
    text = "id,jurisdiction,capacity,lon,lat\ns1,E,10,7.405,43.705\n"

    defect = wrong(region_folder, text)

    assert (defect.where, defect.got) == ("row 2 (id s1), column jurisdiction", "'E', but it lies in 'W'")


def test_the_table_is_read_alone_too(tmp_path: Path) -> None:
    (tmp_path / "shelters.csv").write_text(HEAD + SCHOOL, encoding="utf-8")

    assert read_table(tmp_path / "shelters.csv", "shelters").loc["s1", "capacity"] == 300
    (tmp_path / "shelters.csv").write_text("id,lon,lat\ns1,7.4,43.7\n", encoding="utf-8")
    with pytest.raises(RegionError, match="a number in one of capacity, area_m2"):
        read_table(tmp_path / "shelters.csv", "shelters")


def test_shelters_are_written_and_read_back(region_folder: Path, tmp_path: Path) -> None:
    region = read_region(with_shelters(region_folder, HEAD + SCHOOL + HALL))

    again = read_region(write_region(region, tmp_path / "copy"))

    columns = [name for name in region.shelters if name != "geometry"]
    assert again.shelters[columns].equals(region.shelters[columns])
    assert again.shelters.geometry.geom_equals_exact(region.shelters.geometry, 1e-3).all()
