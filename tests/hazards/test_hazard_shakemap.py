"""USGS ShakeMap grids."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import geopandas as gpd
import pytest

from mutualaid.errors import HazardError
from mutualaid.hazards import read_hazard, read_window, sample

ROWS = [
    # LAT, MMI, LON, PGA: not the usual order, and rows from the south-east.
    (10.0, 4.0, 20.5, 5.0),
    (10.0, 3.0, 20.0, 4.0),
    (10.5, 6.0, 20.5, 20.0),
    (10.5, 5.0, 20.0, 10.0),
    (11.0, 7.6, 20.0, 33.0),
    (11.0, 8.0, 20.5, 40.0),
]
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def grid(
    tmp_path: Path,
    *,
    head: str = HEAD,
    rows: Sequence[tuple[float, ...]] = ROWS,
    unit: str = "%g",
    extra: str = "",
) -> Path:
    body = "\n".join(" ".join(f"{value:g}" for value in row) for row in rows)
    path = tmp_path / "grid.xml"
    path.write_text(
        f"""{head}<shakemap_grid xmlns="http://earthquake.usgs.gov/eqcenter/shakemap" event_id="us1">
<event event_id="us1" magnitude="6.1" event_timestamp="2024-05-31T10:00:00UTC" event_description="Somewhere"/>
<grid_field index="2" name="MMI" units="intensity"/><grid_field index="1" name="LAT" units="dd"/>
<grid_field index="4" name="PGA" units="{unit}"/><grid_field index="3" name="LON" units="dd"/>
<grid_data>
{body}
</grid_data>{extra}</shakemap_grid>""",
        encoding="utf-8",
    )
    return path


def points(*pairs: tuple[float, float]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(geometry=gpd.points_from_xy(*zip(*pairs, strict=True)), crs=4326)


def test_fields_are_found_by_name_and_rows_by_position(tmp_path: Path) -> None:
    layer = read_hazard(grid(tmp_path), id="q", hazard="earthquake", quantity="intensity", scheme="mmi")
    assert (layer.event, layer.name, layer.date, layer.unit, layer.column) == (
        "us1",
        "Somewhere",
        "2024-05-31",
        "mmi",
        "MMI",
    )
    assert layer.bounds == pytest.approx((19.75, 9.75, 20.75, 11.25))
    got = sample(layer, points((20.0, 10.0), (20.5, 11.0), (20.2, 10.6), (20.8, 10.0)))
    assert got["value"].tolist()[:3] == [3.0, 8.0, 5.0]
    assert got["state"].tolist() == ["ok", "ok", "ok", "outside"]
    cells, transform = read_window(layer, layer.bounds, "EPSG:4326")
    assert cells.tolist() == [[7.6, 8.0], [5.0, 6.0], [3.0, 4.0]]
    assert (transform.c, transform.f) == pytest.approx((19.75, 11.25))


@pytest.mark.parametrize("unit", ["%g", "pctg"])
def test_percent_of_gravity_becomes_g(tmp_path: Path, unit: str) -> None:
    layer = read_hazard(grid(tmp_path, unit=unit), id="q", hazard="earthquake", quantity="acceleration")
    assert sample(layer, points((20.0, 11.0)))["value"].tolist() == [0.33]


def test_a_unit_that_contradicts_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HazardError, match="the unit that the file states, %g; got 'g'"):
        read_hazard(grid(tmp_path), id="q", hazard="earthquake", quantity="acceleration", unit="g")


def test_a_field_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(HazardError, match=r"a field 'PGV'; got MMI, PGA"):
        read_hazard(grid(tmp_path), id="q", hazard="earthquake", quantity="velocity", unit="m/s")


BOMB = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
FILE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
OUTER = '<!DOCTYPE x SYSTEM "http://example.org/x.dtd">'


@pytest.mark.parametrize("doctype", [BOMB, FILE, OUTER, "<!DOCTYPE shakemap_grid>"])
def test_document_types_and_entities_are_refused(tmp_path: Path, doctype: str) -> None:
    path = grid(tmp_path, head=HEAD + doctype, extra="&a;" if "ENTITY" in doctype else "")
    with pytest.raises(HazardError, match="plain XML; got a document type or an entity"):
        read_hazard(path, id="q", hazard="earthquake", quantity="intensity")


def test_entities_are_refused_in_another_encoding_too(tmp_path: Path) -> None:
    path = grid(tmp_path, head='<?xml version="1.0" encoding="UTF-16"?>\n' + BOMB)
    path.write_text(path.read_text(encoding="utf-8"), encoding="utf-16")
    with pytest.raises(HazardError, match="a document type or an entity"):
        read_hazard(path, id="q", hazard="earthquake", quantity="intensity")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (ROWS[:-1], "each of 2 × 3 points once"),
        ([*ROWS[:-1], ROWS[0]], "each of 2 × 3 points once"),
        ([(1.0, 2.0, 3.0)], "rows of 4 numbers"),
        ([], "rows of 4 numbers; got 0 numbers"),
        ([(95.0, *row[1:]) if row[0] == 11.0 else row for row in ROWS], "degrees within ±90 in LAT"),
        ([(12.0, *row[1:]) if row[0] == 11.0 else row for row in ROWS], "equal steps of LAT"),
    ],
)
def test_a_grid_that_is_none_is_refused(
    tmp_path: Path, rows: Sequence[tuple[float, ...]], message: str
) -> None:
    with pytest.raises(HazardError, match=message):
        read_hazard(grid(tmp_path, rows=rows), id="q", hazard="earthquake", quantity="intensity")


@pytest.mark.parametrize(
    "text", ["", "no xml", "<a/>", "<shakemap_grid></shakemap_grid>", "<shakemap_grid>&x;</shakemap_grid>"]
)
def test_what_is_no_shakemap_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "grid.xml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(HazardError, match=r"grid\.xml"):
        read_hazard(path, id="q", hazard="earthquake", quantity="intensity")
