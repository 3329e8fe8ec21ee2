"""Targets, sections that are added to region.toml, and a vehicle profile of the region's own."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutualaid.data import (
    Parameters,
    Target,
    add_section,
    check_region,
    indicator_path,
    read_region,
    revise,
    write_region,
)
from mutualaid.errors import RegionError

TARGETS = """
[[target]]
id = "both"
name = "Reached in time as one team"
indicator = "common.total.joint.covered_share"
at_least = 0.9
by = "2030-12-31"
agreed = "forum of 3 May 2024"

[[target]]
id = "few"
name = "Reached by nobody"
indicator = 'common.partners."SDIS 06".remaining'
at_least = 0
at_most = 500
"""


def with_toml(folder: Path, text: str) -> Path:
    toml = folder / "region.toml"
    toml.write_text(toml.read_text(encoding="utf-8") + text, encoding="utf-8")
    return folder


# --- targets ------------------------------------------------------------------------------------------------


def test_targets_are_read_and_written(region_folder: Path, tmp_path: Path) -> None:
    both, few = read_region(with_toml(region_folder, TARGETS)).targets

    assert (both.at_least, str(both.at_most)) == (0.9, "nan")
    assert both.by == "2030-12-31"
    assert both.agreed == "forum of 3 May 2024"
    assert (few.at_least, few.at_most, few.by, few.agreed) == (0, 500, "", "")
    assert isinstance(few, Target)
    again = read_region(write_region(read_region(region_folder), tmp_path / "copy")).targets
    assert str(again) == str((both, few)), "NaN is not equal to itself"


def test_a_region_without_targets_has_none(region_folder: Path, tmp_path: Path) -> None:
    assert read_region(region_folder).targets == ()
    write_region(read_region(region_folder), tmp_path / "copy")
    assert "target" not in (tmp_path / "copy" / "region.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "where", "expected", "got"),
    [
        ("at_least = 0.9\n", "", "[[target]] 1", "at_least or at_most", "neither"),
        ("at_least = 0\n", "at_least = 501\n", "[[target]] 2", "at_least up to at_most", "501 and 500"),
        ('id = "few"', 'id = "both"', "[[target]] 2, id", "each id once", "both in [[target]] 1 as well"),
        ("0.9", "nan", "[[target]] 1, at_least", "a finite number", "nan"),
        ("0.9", '"0.9"', "[[target]] 1, at_least", "a valid number", "'0.9'"),
        ("2030-12-31", "2030-12", "[[target]] 1, by", "a day in ISO 8601", "'2030-12'"),
        ("2030-12-31", "2030-02-30", "[[target]] 1, by", "a date that there is", "'2030-02-30'"),
        (
            "total.joint",
            "total..joint",
            "[[target]] 1, indicator",
            "keys joined by full stops",
            "total..joint",
        ),
        (
            '"SDIS 06"',
            "SDIS 06",
            "[[target]] 2, indicator",
            "with a full stop or space in double quotes",
            "SDIS 06",
        ),
        ('name = "Reached by nobody"\n', "", "[[target]] 2", "a key name", "nothing"),
        ("at_most", "atmost", "[[target]] 2", "one of the keys", "'atmost'"),
    ],
)
def test_what_is_wrong_with_a_target_is_said(
    region_folder: Path, old: str, new: str, where: str, expected: str, got: str
) -> None:
    assert old in TARGETS

    defects = check_region(with_toml(region_folder, TARGETS.replace(old, new)))

    (defect,) = defects
    assert (defect.file, defect.where) == ("region.toml", where)
    assert expected in defect.expected
    assert got in defect.got


def test_a_broken_target_does_not_hide_another(region_folder: Path) -> None:
    text = TARGETS.replace("0.9", '"much"').replace("at_least = 0\n", "at_least = 501\n")

    defects = check_region(with_toml(region_folder, text))

    assert [one.where for one in defects] == ["[[target]] 1, at_least", "[[target]] 2"]


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("headline", ("headline",)),
        ("headline.covered_joint", ("headline", "covered_joint")),
        ("gaps.0.people", ("gaps", "0", "people")),
        ("a.FR-la-turbie.b", ("a", "FR-la-turbie", "b")),
        ('a."b.c d".e', ("a", "b.c d", "e")),
        ('"a"', ("a",)),
        ("zürich.α", ("zürich", "α")),
    ],
)
def test_an_indicator_is_a_list_of_keys(text: str, keys: tuple[str, ...]) -> None:
    assert indicator_path(text) == keys


@pytest.mark.parametrize(
    "text", ["", ".", "a.", ".a", "a..b", "a b", '"a', 'a"', 'a"b"', '"a"b', '""', "a.\n"]
)
def test_what_is_no_list_of_keys_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="keys joined by full stops"):
        indicator_path(text)


@given(
    st.lists(
        st.text(st.characters(exclude_characters='"', exclude_categories=["Cs"]), min_size=1), min_size=1
    )
)
def test_any_keys_can_be_named(keys: list[str]) -> None:
    assert indicator_path(".".join(f'"{key}"' for key in keys)) == tuple(keys)


# --- a section that is added --------------------------------------------------------------------------------


def test_a_section_is_added_once_and_every_byte_stays(region_folder: Path) -> None:
    toml = region_folder / "region.toml"
    before = toml.read_bytes() + b"# the last word, by hand\r\n"
    toml.write_bytes(before)

    assert add_section(region_folder, "shelters", {"file": 'a "b".csv', "crs": "EPSG:4326"})

    after = toml.read_bytes()
    assert after == before + b'\r\n[shelters]\r\nfile = "a \\"b\\".csv"\r\ncrs = "EPSG:4326"\r\n'
    assert tomllib.loads(after.decode())["shelters"] == {"file": 'a "b".csv', "crs": "EPSG:4326"}
    assert not add_section(toml, "shelters", {"file": "another.csv"})
    assert toml.read_bytes() == after


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("incidents", {"fiel": "a.csv"}, "one of the keys"),
        ("incidents", {"file": 3}, "a valid string"),
    ],
)
def test_what_may_not_stand_there_is_not_added(
    region_folder: Path, name: str, values: dict[str, object], expected: str
) -> None:
    toml = region_folder / "region.toml"
    before = toml.read_bytes()

    with pytest.raises(RegionError, match=expected):
        add_section(toml, name, values)

    assert toml.read_bytes() == before
    assert [path.name for path in region_folder.iterdir() if path.name.startswith(".")] == []


def test_a_file_that_is_no_toml_is_not_added_to(region_folder: Path, tmp_path: Path) -> None:
    toml = region_folder / "region.toml"
    toml.write_text("schema = \n", encoding="utf-8")

    with pytest.raises(RegionError, match="expected TOML"):
        add_section(toml, "incidents", {"file": "incidents.csv"})
    assert toml.read_text(encoding="utf-8") == "schema = \n"
    with pytest.raises(RegionError, match="a region folder with"):
        add_section(tmp_path / "nothing", "incidents", {})


# --- a profile of its own -----------------------------------------------------------------------------------


def with_profile(folder: Path, name: str) -> Path:
    toml = folder / "region.toml"
    text = toml.read_text(encoding="utf-8")
    toml.write_text(text.replace("crossing_s = 30", f"profile = {json.dumps(name)}"), encoding="utf-8")
    return folder


def test_a_profile_may_be_a_file_of_the_region(region_folder: Path, tmp_path: Path) -> None:
    (region_folder / "profiles").mkdir()
    file = region_folder / "profiles" / "engine-2026.toml"
    file.write_text('[engine]\nbased_on = "fire_engine"\n', encoding="utf-8")

    region = read_region(with_profile(region_folder, "profiles/engine-2026.toml"))

    assert region.parameters.profile == "profiles/engine-2026.toml", "no place on this computer"
    assert region.profile == file
    assert file in region.files
    copy = read_region(write_region(region, tmp_path / "copy"))
    assert copy.parameters == region.parameters
    assert copy.profile == tmp_path / "copy" / "profiles" / "engine-2026.toml"
    assert (tmp_path / "copy" / "profiles" / "engine-2026.toml").read_bytes() == file.read_bytes()


def test_a_built_in_profile_is_known_by_its_name(region_folder: Path) -> None:
    region = read_region(with_profile(region_folder, "civilian"))

    assert region.profile == "civilian"
    assert region.files == read_region(region_folder).files


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("engine.toml", "a file that exists"),
        ("../engine.toml", "a plain path inside the region folder"),
        ("/etc/engine.toml", "a plain path inside the region folder"),
        ("C:\\engine.toml", "a plain path inside the region folder"),
        ("a//engine.toml", "a plain path inside the region folder"),
        ("~/engine.toml", "a plain path inside the region folder"),
        ("engine", "one of 'fire_engine', 'ambulance', 'civilian', a .toml file in the region folder"),
        ("", "one of 'fire_engine', 'ambulance', 'civilian', a .toml file in the region folder"),
        ("engine\u2028.toml", "text without control characters"),
    ],
)
def test_a_profile_elsewhere_is_refused(region_folder: Path, name: str, expected: str) -> None:
    (defect,) = check_region(with_profile(region_folder, name))

    assert (defect.file, defect.where) == ("region.toml", "[parameters] profile")
    assert expected in defect.expected


def test_a_link_out_of_the_folder_is_no_profile(region_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.toml").write_text("[x]\n", encoding="utf-8")
    (region_folder / "engine.toml").symlink_to(tmp_path / "outside.toml")

    (defect,) = check_region(with_profile(region_folder, "engine.toml"))

    assert "link that leads out" in defect.expected


def test_a_run_may_be_asked_for_a_profile_file_too() -> None:
    assert revise(Parameters(), profile="profiles/new.toml").profile == "profiles/new.toml"
    # With another service comes its usual vehicle, unless an unusual one was set.
    assert revise(Parameters(profile="profiles/new.toml"), service="ems").profile == "profiles/new.toml"
    for name in ("../new.toml", "/new.toml", "new"):
        with pytest.raises(RegionError, match="profile"):
            revise(Parameters(), profile=name)
