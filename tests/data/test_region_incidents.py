"""The record of incidents in a region: moments that nobody has to guess, in the order of the clock."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutualaid.data import STAMPS, check_region, read_region, read_table, write_region, write_table
from mutualaid.data._model import _no_incidents
from mutualaid.data._stamps import incident_table, moments
from mutualaid.errors import Defect, RegionError

HEADER = "id,incident,unit,station,service,type,t0,t1,t2,t3,t4,t5,free,lon,lat"


def with_incidents(folder: Path, text: str, *, file: str = "incidents.csv") -> Path:
    """Give the region a record of incidents."""
    (folder / file).write_text(text, encoding="utf-8")
    toml = folder / "region.toml"
    toml.write_text(f'{toml.read_text(encoding="utf-8")}\n[incidents]\nfile = "{file}"\n', encoding="utf-8")
    return folder


def row(*stamps: str, key: str = "i1", service: str = "fire", lon: str = "7.405", lat: str = "43.705") -> str:
    """One row of a record: t0 … t5, free."""
    filled = [*stamps, *[""] * (7 - len(stamps))]
    return ",".join([key, "", "E 1", "007", service, "", *filled, lon, lat])


def defects_of(folder: Path, *rows: str) -> list[Defect]:
    return check_region(with_incidents(folder, "\n".join([HEADER, *rows]) + "\n"))


def at(hour: int, minute: int = 0, second: int = 0) -> str:
    return f"2014-03-05T{hour:02}:{minute:02}:{second:02}+01:00"


def test_moments_are_read_with_the_offset_that_they_state(region_folder: Path) -> None:
    text = f"""\
{HEADER}
1,fire-9,E 1,007,fire,alarm,2014-03-05T14:03:22+01:00,2014-03-05 14:03:30.5+0100,2014-03-05T13:05Z,,,,,7.405,43.705
2,fire-9,L 1,"E,1",fire,alarm,,2014-03-05T13:03:30.2509Z,,2014-03-05T18:36:00+05:30,,,,7.435,43.715
3,,,elsewhere,ems,,2014-03-05T13:03:22Z,,,,,,,7.435,43.715
4,,,,rescue,,2014-03-05T08:03:22-05,2014-03-05T13:03:22-00:00,,,,,,7.435,43.715
"""
    region = read_region(with_incidents(region_folder, text))
    found = region.incidents

    assert found.index.tolist() == ["1", "2", "3", "4"]
    assert found["incident"].tolist() == ["fire-9", "fire-9", "3", "4"], "without a name nobody else was sent"
    assert found["station"].tolist() == ["007", "E,1", "elsewhere", ""], (
        "a station need not be one of the region"
    )
    assert found["unit"].tolist() == ["E 1", "L 1", "", ""]
    assert found["service"].tolist() == ["fire", "fire", "ems", "rescue"]
    utc = {name: found[name].dt.strftime("%H:%M:%S.%f").str[:-3].tolist() for name in STAMPS}
    assert utc["t0"][::2] == ["13:03:22.000"] * 2
    assert utc["t0"][3] == utc["t1"][3] == "13:03:22.000"
    assert utc["t1"][:2] == ["13:03:30.500", "13:03:30.250"], "to the millisecond"
    assert utc["t2"][0] == "13:05:00.000"
    assert utc["t3"][1] == "13:06:00.000"
    assert found["t0"].isna().tolist() == [False, True, False, False]
    assert found[["t4", "t5", "free"]].isna().all(axis=None)
    # UTC does not say what the clocks showed there; the first stamp that does counts.
    assert found["offset_min"].fillna(999).tolist() == [60, 330, 999, -300]
    assert found.crs == region.crs
    assert region_folder / "incidents.csv" in region.files


def test_a_region_without_a_record_has_an_empty_one_of_the_same_columns(region_folder: Path) -> None:
    empty = read_region(region_folder).incidents
    full = read_region(with_incidents(region_folder, f"{HEADER}\n{row(at(14))}\n")).incidents
    made = _no_incidents()

    assert len(empty) == 0
    assert len(full) == 1
    for frame in (empty, made):
        assert frame.columns.tolist() == full.columns.tolist()
        assert frame.dtypes.astype(str).tolist() == full.dtypes.astype(str).tolist()
        assert frame.index.name == full.index.name


def test_service_and_place_are_enough(region_folder: Path) -> None:
    folder = with_incidents(region_folder, "service,lon,lat\nfire,7.405,43.705\nfire,7.406,43.705\n")

    found = read_region(folder).incidents

    assert found.index.tolist() == ["I1", "I2"]
    assert found["incident"].tolist() == ["I1", "I2"]
    assert found[[*STAMPS, "offset_min"]].isna().all(axis=None)
    assert found[["unit", "station", "type"]].isin([""]).all(axis=None)


@pytest.mark.parametrize(
    "text",
    [
        "2014-03-05T14:03:22",  # whose clock?
        "2014-03-05",
        "14:03:22+01:00",
        "05.03.2014 14:03:22+01:00",
        "2014-02-30T14:03:22+01:00",
        "2014-03-05T25:03:22+01:00",
        "2014-03-05T14:03:60Z",
        "2014-03-05T14:03:22+26:00",
        "2014-03-05T14:03:22+01:75",
        "2014-03-05T14:03:22 CET",
        "yesterday",
        "1394024602",
        "0000-03-05T14:03:22Z",
    ],
)
def test_what_is_no_moment_is_reported_with_its_row_and_a_remedy(region_folder: Path, text: str) -> None:
    (defect,) = defects_of(region_folder, row(at(14)), row("", text, key="b"))

    assert (defect.file, defect.where) == ("incidents.csv", "row 3 (id b), column t1")
    assert defect.expected == "a moment with its offset from UTC, such as 2014-03-05T14:03:22+01:00"
    assert text in defect.got
    assert "mutualaid incidents import" in defect.remedy


@pytest.mark.parametrize(
    ("stamps", "wrong", "got"),
    [
        ((at(14), at(14), at(14), at(14), at(14), at(14), at(14)), None, ""),
        ((at(14), at(13, 59)), "t1", "60 s before t0"),
        ((at(14), "", "", at(14, 2), at(14, 1, 30)), "t4", "30 s before t3"),
        # Nothing is known in between.
        ((at(14), "", "", "", at(13)), "t4", "3,600 s before t0"),
        ((at(14), at(14, 5), at(14, 4), at(14, 3)), "t2", "60 s before t1"),
        # A unit may be free before the full force is there, never before it came.
        ((at(14), "", "", "", at(14, 9), at(14, 40), at(14, 20)), None, ""),
        ((at(14), "", "", "", at(14, 9), at(14, 40), at(14, 8)), "free", "60 s before t4"),
        (("", "", at(14, 2), "", "", at(14, 1)), "t5", "60 s before t2"),
        # Other clocks, the same moment: 14:00 at +01:00 is 13:00 UTC.
        ((at(14), "2014-03-05T13:00:01Z"), None, ""),
        ((at(14), "2014-03-05T12:59:59Z"), "t1", "1 s before t0"),
        # Over midnight.
        (("2014-03-05T23:59:50+01:00", "2014-03-06T00:00:10+01:00"), None, ""),
    ],
)
def test_stamps_come_in_the_order_of_the_clock(
    region_folder: Path, stamps: tuple[str, ...], wrong: str | None, got: str
) -> None:
    defects = defects_of(region_folder, row(*stamps))

    if wrong is None:
        assert defects == []
        return
    assert {one.expected for one in defects} == {"stamps in the order of the clock"}
    assert defects[0].where == f"row 2 (id i1), column {wrong}"
    assert got in defects[0].got


def test_nothing_has_happened_yet_that_is_to_come(region_folder: Path) -> None:
    now = dt.datetime.now(dt.UTC)
    soon, later = ((now + dt.timedelta(hours=hours)).isoformat(timespec="seconds") for hours in (20, 50))

    (defect,) = defects_of(region_folder, row(soon, key="soon"), row(later, key="later"))

    assert defect.where == "row 3 (id later), column t0"
    assert defect.expected == "a moment that has been"


def test_places_and_services_are_checked_as_everywhere(region_folder: Path) -> None:
    good = row(at(14), key="good")
    # A degree of longitude is 80 km here: 25 m and 400 m west of the region.
    near, far = row(at(14), key="near", lon="7.3997"), row(at(14), key="far", lon="7.395")
    defects = defects_of(
        region_folder,
        good,
        near,
        far,
        row(at(14), key="none", lon=""),
        row(at(14), key="swapped", lon="43.705", lat="7.405"),
        row(at(14), key="who", service="police"),
        row(at(14), at(13), key="who"),
    )

    told = {(one.where, one.expected) for one in defects}
    assert told == {
        ("row 4 (id far)", "a point inside a jurisdiction"),
        ("row 5 (id none), column geometry", "a point"),
        ("row 6 (id swapped)", "a point inside a jurisdiction"),
        ("row 7 (id who), column service", "one of fire, ems, rescue"),
        ("row 7, row 8", "each id once"),
        ("row 8 (id who), column t1", "stamps in the order of the clock"),
    }, "all at once"
    assert next(one.got for one in defects if "swapped" in one.where) == "lon and lat swapped"


def test_a_thousand_rows_without_an_offset_are_counted_not_listed(region_folder: Path) -> None:
    defects = defects_of(region_folder, *(row("2014-03-05T14:03:22", key=f"n{n}") for n in range(1000)))

    assert len(defects) == 21
    assert (defects[-1].where, defects[-1].got) == ("rows 22 to 1001, column t0", "980 more of the same")


def test_writing_and_reading_again_gives_the_same_record(region_folder: Path, tmp_path: Path) -> None:
    rows = [
        row(at(14), at(14, 0, 9), "", at(14, 2), key="a"),
        row("2014-07-05T14:03:22.125-09:30", key="b"),
        row("2014-07-05T14:03:22Z", "", "", "", "", "", "2014-07-05T15:03:22Z", key="c"),
    ]
    region = read_region(with_incidents(region_folder, "\n".join([HEADER, *rows]) + "\n"))

    written = write_region(region, tmp_path / "copy")
    again = read_region(written)

    pd.testing.assert_frame_equal(
        pd.DataFrame(again.incidents.drop(columns="geometry")),
        pd.DataFrame(region.incidents.drop(columns="geometry")),
    )
    assert again.incidents.geometry.distance(region.incidents.geometry).max() < 0.001
    text = (tmp_path / "copy" / "incidents.csv").read_text(encoding="utf-8")
    assert "2014-03-05T14:00:09+01:00" in text, "as people had it on their clocks"
    assert "2014-07-05T14:03:22.125-09:30" in text
    assert "2014-07-05T15:03:22Z" in text
    write_region(again, tmp_path / "third")
    assert (tmp_path / "third" / "incidents.csv").read_bytes() == text.encode()


def test_a_region_without_incidents_writes_none(region_folder: Path, tmp_path: Path) -> None:
    write_region(read_region(region_folder), tmp_path / "copy")

    assert "[incidents]" not in (tmp_path / "copy" / "region.toml").read_text(encoding="utf-8")
    assert not (tmp_path / "copy" / "incidents.csv").exists()


@given(
    moment=st.datetimes(dt.datetime.fromisoformat("1900-01-01"), dt.datetime.fromisoformat("2199-01-01")),
    offset=st.one_of(st.none(), st.integers(-14 * 60, 14 * 60)),
)
def test_any_moment_is_read_back_as_python_has_it(moment: dt.datetime, offset: int | None) -> None:
    zone = dt.UTC if offset is None else dt.timezone(dt.timedelta(minutes=offset))
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=zone)
    text = moment.isoformat() if offset is not None else moment.isoformat().replace("+00:00", "Z")

    stamps, offsets, bad = moments([text, "", None])

    assert bad.tolist() == [False] * 3
    assert stamps.isna().tolist() == [False, True, True]
    assert stamps[0].to_pydatetime() == moment
    assert np.isnan(offsets[1:]).all()
    assert np.isnan(offsets[0]) if offset is None else offsets[0] == offset
    frame = pd.DataFrame(dict.fromkeys(STAMPS, stamps) | {"offset_min": offsets})
    written = incident_table(frame)
    assert written["t4"].tolist() == [moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
                                      .replace("+00:00", "Z" if offset is None else "+00:00"), "", ""]  # fmt: skip
    pd.testing.assert_series_equal(moments(written["free"].to_list())[0], stamps)


def points(stamps: pd.Series) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"service": "fire", "t0": stamps.array},
        geometry=gpd.points_from_xy([7.405] * len(stamps), [43.705] * len(stamps)),
        crs=4326,
        index=pd.Index([f"i{n}" for n in range(len(stamps))], name="id"),
    )


@pytest.mark.parametrize("suffix", ["gpkg", "parquet"])
def test_moments_of_a_database_need_their_zone_too(tmp_path: Path, suffix: str) -> None:
    summer = pd.Series(pd.to_datetime(["2014-07-05 12:00:00.250", ""]))
    utc = write_table(points(summer.dt.tz_localize("UTC")), tmp_path / f"utc.{suffix}")
    naive = write_table(points(summer), tmp_path / f"naive.{suffix}")

    found = read_table(utc, "incidents")
    assert found["t0"].iloc[0] == pd.Timestamp("2014-07-05T12:00:00.250Z")
    assert found["t0"].isna().tolist() == [False, True]
    assert found["offset_min"].isna().all(), "in UTC nobody knows what the clocks showed"
    with pytest.raises(RegionError, match=r"id i0\), column t0: expected a moment with its offset"):
        read_table(naive, "incidents")


def test_a_zone_in_a_parquet_file_is_what_the_clocks_showed(tmp_path: Path) -> None:
    times = pd.Series(pd.to_datetime(["2014-07-05T12:00Z", "2014-01-05T12:00Z"], utc=True))
    paris = write_table(points(times.dt.tz_convert(ZoneInfo("Europe/Paris"))), tmp_path / "paris.parquet")
    london = write_table(points(times.dt.tz_convert(ZoneInfo("Europe/London"))), tmp_path / "london.parquet")

    assert read_table(paris, "incidents")["offset_min"].tolist() == [120, 60]
    assert read_table(london, "incidents")["offset_min"].tolist() == [60, 0]


def test_incidents_made_in_memory_are_in_the_crs_of_the_region(region_folder: Path) -> None:
    region = read_region(region_folder)

    bare = replace(region, incidents=_no_incidents())

    assert _no_incidents().crs is None
    assert bare.incidents.crs == region.crs
