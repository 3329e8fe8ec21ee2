"""The schema that editors use is the one that regions are checked with."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import jsonschema
import pytest

from mutualaid.data import Parameters, region_schema
from mutualaid.data._schema import TABLES, ParametersEntry

ROOT = Path(__file__).resolve().parents[2]


def region_of(folder: Path) -> object:
    return tomllib.loads((folder / "region.toml").read_text(encoding="utf-8"))


def test_the_published_files_are_current() -> None:
    script = ROOT / "scripts" / "write_region_docs.py"

    result = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True)

    assert result.returncode == 0, result.stderr


def test_the_published_schema_is_a_json_schema_that_a_valid_region_meets(region_folder: Path) -> None:
    schema = json.loads((ROOT / "docs" / "region.schema.json").read_text(encoding="utf-8"))

    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(region_of(region_folder), schema)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("schema = 1", "schema = 2"),
        ("crossing_s = 30", "crossing_s = -1"),
        ("crossing_s = 30", "crosing_s = 30"),
        ('file = "stations.csv"', ""),
        ('files = ["roads.osm"]', "files = []"),
        ("EPSG:32632", "+proj=utm"),
    ],
)
def test_editors_find_with_it_what_the_check_finds(region_folder: Path, old: str, new: str) -> None:
    path = region_folder / "region.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(region_of(region_folder), region_schema())


def test_every_parameter_can_be_set_and_has_its_default() -> None:
    assert set(ParametersEntry.model_fields) == {field.name for field in fields(Parameters)}
    assert ParametersEntry().parameters() == Parameters()


def test_everything_in_the_schema_is_described() -> None:
    schema = region_schema()

    for definition in schema["$defs"].values():
        assert definition["description"]
        for name, node in definition["properties"].items():
            assert node.get("description"), name
    for table in TABLES.values():
        assert all(column.description for column in table.columns)
    assert "null" not in json.dumps(schema), "TOML has no null"
