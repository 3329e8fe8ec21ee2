"""Write docs/region.schema.json and docs/region.md from the schema in the code; with --check compare them."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mutualaid.data import region_schema
from mutualaid.data._schema import GROUND_KINDS, TABLES, ZONES, Column, TableSpec

DOCS = Path(__file__).resolve().parents[1] / "docs"
INTRODUCTION = """\
# The region folder

A region is a folder with one `region.toml` beside ordinary files that people edit by hand. This page is
written from the schema in the code (`python scripts/write_region_docs.py`); editors that know TOML complete
and check the file with [region.schema.json](region.schema.json).

* `mutualaid check FOLDER` reports everything that is wrong at once, each with file, row and remedy.
* Paths are relative to the folder and stay inside it. Nothing is fetched or executed because a file says so.
* A table is a GeoPackage (`.gpkg`), GeoJSON (`.geojson`), GeoParquet (`.parquet`) or CSV (`.csv`, UTF-8,
  points in columns `lon` and `lat`, or `x` and `y` with a `crs`). Polygons do not fit in a CSV.
* A GeoJSON is in EPSG:4326 (RFC 7946) unless its own member `crs` names another; a GeoPackage or GeoParquet
  states its CRS, or `crs` in region.toml does.
* Ids and names are text: 007 stays 007. Spaces around them are removed. Names may hold anything printable,
  up to 200 characters.
* Columns that are not listed here are left out, unless they look like a misspelt one, which is reported.
* Areas may overlap by slivers up to 10 m wide. A station or demand point may lie up to 50 m outside its
  jurisdiction, the point of a demand cell up to half the cell's diagonal if that is more.
* An empty cell is unknown, which is not 0.
* Names in other languages stand in columns of their own: `name_` and the base language (BCP 47), such as `name_fr`.
  The map shows them to readers of that language; where there is none it shows `name`.
* `ground` is what the map shows for orientation, since it asks nobody for tiles. `mutualaid new` fills it from the
  same map as all else: water from 2,000 m² on, rivers and canals without streams, the coastline, and places, cut a
  little outside the jurisdictions and simplified to some metres.
* Agreements and costs are between partners: what the column `partner` of the jurisdictions says. For one kind of help
  at most one agreement holds on any day. Ids of crossings are checked where the roads are known, in the analysis.
* `profile` in `[parameters]` may name a TOML file of a vehicle profile inside the folder, such as one calibrated from a
  record of incidents (`profiles/engine-2026.toml`). What it may hold is checked where the roads are, in the analysis.
* `incidents` is what happened, one row a unit: moments are ISO 8601 with their offset from UTC
  (`2014-03-05T14:03:22+01:00`), because nobody can guess a time zone; `Z` says UTC and leaves open what the clocks
  showed there. An empty cell is unknown. The points of the clock come one after the other: t0 call received, t1
  answered, t2 unit alerted, t3 wheels rolling, t4 arrived, t5 full force; `free` is when the unit could be sent again,
  after t4 but often before t5. Records in other forms are brought into this one by `mutualaid incidents import`.
* Incidents never leave: copies for partners or the public (`mutualaid export`) have none. Of `decisions` they have the
  rows whose `sharing` allows it; a row that says nothing is for partners.
* `[[target]]` is what the partners want to reach: the place of a number in `summary.json`, such as
  `common.jurisdictions.FR-beausoleil.joint.covered_share`, and its least or greatest value. A key that itself holds a
  full stop or a space stands in double quotes: `'common.partners."SDIS 06".joint.covered_share'`.
* A key with a full stop stands in double quotes: `sharing = { "stations.turnout_s" = "partners" }`. What `sharing`
  may name are the tables `stations`, `units`, `hospitals`, `shelters` and `demand`, their columns, and `geometry` for
  positions.
* Of a shelter, `capacity` or `area_m2` must be given. Where only the floor is known, the people that it takes follow
  from `duration` in `[evacuation]`: 1.86 m² each for a short stay, 3.7 m² for a long one (American Red Cross, 4496).
* `[evacuation]` says who leaves and what is assumed about it. All its figures are assumptions until somebody states
  them with their source in `sources` and how sure they are in `confidences`. Times count from the alarm on. Crossings
  and roads that it names are checked where the roads are known, in the analysis.
* A zone is the id of a jurisdiction; a file of polygons inside the folder, read as the table `zones` below; or
  `severity:<id>>=<1…5>`: wherever a hazard layer or scenario of that id is at least so severe. Of a layer and a
  scenario of one id the layer counts.
* `[evacuation.arrival]` names a raster of times, or polygons with a column of times, in minutes unless `unit` says
  otherwise. Where polygons overlap the earliest counts. A place without a time inside what the file covers is never
  reached, unless `nodata_means` says that it is unknown; outside it is always unknown, which is not never. What arrives
  as water passes under bridges, rocks and avalanches pass over tunnels and galleries, all else reaches every road.
"""


def schema_text() -> str:
    """Give docs/region.schema.json."""
    return json.dumps(region_schema(), ensure_ascii=False, indent=2) + "\n"


def document_text() -> str:
    """Give docs/region.md."""
    schema = region_schema()
    parts = [INTRODUCTION, "## region.toml\n"]
    for key, node in schema["properties"].items():
        required = "" if key in schema["required"] else " (optional)"
        if key == "schema":
            parts.append("`schema = 1` stands at the top: the version of this schema.\n")
            continue
        parts += _section(key, node, required, schema["$defs"])
    parts.append("## Tables\n")
    parts += [_spec(spec) for spec in TABLES.values()]
    parts += ["## Other files\n", _spec(ZONES)]
    return "\n".join(parts)


def _section(key: str, node: dict[str, Any], required: str, entries: dict[str, Any]) -> list[str]:
    """Describe a section, then the tables inside it."""
    entry = entries[node.get("items", node)["$ref"].rsplit("/", 1)[1]]
    title = f"[[{key}]]" if "items" in node else f"[{key}]"
    rows = [
        (f"`{name}`", "yes" if name in entry.get("required", ()) else "", *_value(value, f"{key}.{name}"))
        for name, value in entry["properties"].items()
    ]
    parts = [f"### `{title}`{required}\n\n{entry['description']}\n"]
    parts.append(_table(("key", "required", "what", "values", "default"), rows))
    for name, value in entry["properties"].items():
        if "$ref" in value.get("items", value):
            parts += _section(f"{key}.{name}", value, " (optional)", entries)
    return parts


def _value(node: dict[str, Any], place: str) -> tuple[str, str, str]:
    kind = node.get("type", "")
    names = {"string": "text", "integer": "whole number", "object": "table", "boolean": "`true`, `false`"}
    items = {"string": "texts", "number": "numbers", "integer": "whole numbers"}
    values = f"table `[{place}]`" if "$ref" in node else names.get(kind, kind)
    if kind == "array":
        item = node["items"]
        inner = item.get("items", item).get("type", "")
        pairs = "pairs of " * (item.get("type") == "array")
        values = f"tables `[[{place}]]`" if "$ref" in item else f"list of {pairs}{items[inner]}"
        values += f": {_words(item)}" if "enum" in item else ""
    elif kind == "object":
        item = node["additionalProperties"]
        values += f" of {_words(item)}" if "enum" in item else ""
        values += " of pairs of numbers" if item["type"] == "array" else ""
    if "const" in node:
        values = f"`{node['const']}`"
    if "enum" in node:
        values = _words(node)
    if "anyOf" in node:
        values = f"{_words(node['anyOf'][0])}, or the path of a `.toml` file"
    low, high = node.get("minimum", node.get("exclusiveMinimum")), node.get("maximum")
    if low is not None:
        values += f", {'above ' if 'exclusiveMinimum' in node else ''}{_number(low)}"
        values += " or more" * ("minimum" in node) if high is None else f"…{_number(high)}"
    default = node.get("default")
    shown = "" if default in (None, "", {}, []) else f"`{json.dumps(default, ensure_ascii=False)}`"
    return node.get("description", "").replace("|", "\\|"), values, shown


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:g}"


def _words(node: dict[str, Any]) -> str:
    return ", ".join(f"`{value}`" for value in node["enum"])


def _spec(spec: TableSpec) -> str:
    kinds = ", ".join(f"`{kind}` {shape}s" for kind, shape in GROUND_KINDS.items())
    geometries = {"none": "no geometry", "point": "points", "polygon": "polygons", "by kind": kinds}
    rows = [
        (
            f"`{column.name}`",
            "yes" if column.required else "",
            column.description,
            _column(column),
            _default(column, spec),
        )
        for column in spec.columns
    ]
    if spec.translated:
        what = "Name in another language, such as `name_fr`; any number of such columns"
        rows.append(("`name_<language>`", "", what, "text", "as `name`"))
    head = f"### `{spec.name}`: {geometries[spec.geometry]}\n\n{spec.description}\n\n"
    return head + _table(("column", "required", "what", "values", "when empty"), rows)


def _column(column: Column) -> str:
    kinds = {
        "id": "text without `;`",
        "count": "whole number",
        "flag": "`true`, `false`",
        "day": "day in ISO 8601",
        "stamp": "moment in ISO 8601 with its offset from UTC",
        "indicator": "keys joined by `.`",
    }
    values = kinds.get(column.kind, column.kind)
    if column.allowed:
        values = ", ".join(f"`{value}`" for value in column.allowed)
    if column.pattern_text:
        values = column.pattern_text
    if math.isfinite(column.minimum):
        values += f", {column.minimum:,.0f}…{column.maximum:,.0f}"
    return values


def _default(column: Column, spec: TableSpec) -> str:
    if column.name == "id" and spec.id_prefix:
        return f"without the column: {spec.id_prefix}1, {spec.id_prefix}2 …"
    return column.default_text


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def main() -> int:
    """Write the files, or with --check say which are not current."""
    stale = []
    for name, text in (("region.schema.json", schema_text()), ("region.md", document_text())):
        path = DOCS / name
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8", newline="\n")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
    if stale:
        print(f"not current: {', '.join(stale)}; run python scripts/write_region_docs.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
