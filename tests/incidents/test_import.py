"""Records as others keep them: each rule by hand, every row accounted for, and what comes can be read as a region."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mutualaid.data import STAMPS, Region, demo_path, incident_table, read_region, read_table, write_table
from mutualaid.errors import IncidentError
from mutualaid.incidents import RULES, Imported, import_incidents, write_incidents

HERE = "7.4246,43.7384"  # in Monaco
Importer = Callable[..., Imported]


@cache
def demo_region() -> Region:
    """The region of the demo: hypothesis takes no fixtures of tests."""
    return read_region(demo_path())


@pytest.fixture
def region() -> Region:
    return demo_region()


@pytest.fixture
def imported(region: Region, tmp_path: Path) -> Importer:
    """Import the lines of a record, in the zone of Paris if nothing else is said."""

    def run(*lines: str, name: str = "export.csv", **options: Any) -> Imported:
        file = tmp_path / name
        file.write_bytes("\n".join(lines).encode())
        return import_incidents(file, region=region, **{"time_zone": "Europe/Paris"} | options)

    return run


def utc(value: pd.Timestamp) -> str:
    return "" if pd.isna(value) else value.strftime("%Y-%m-%d %H:%M:%S")


def moments(found: Imported, *names: str) -> list[str]:
    """Moments of the first row in UTC."""
    return [utc(found.incidents[name].iloc[0]) for name in names]


def equal(a: pd.Series, b: pd.Series) -> bool:
    """Whether two columns hold the same moments, and the same are unknown."""
    left, right = a.reset_index(drop=True), b.reset_index(drop=True)
    return bool(((left == right) | (left.isna() & right.isna())).all())


def entries(found: Imported) -> list[tuple[str, str, str, str]]:
    return list(found.mended[["column", "rule", "before", "after"]].itertuples(index=False, name=None))


# --- forms --------------------------------------------------------------------------------------------------


def test_incidents_of_neris_become_a_row_for_each_unit(imported: Importer, region: Region) -> None:
    incident = {
        "base": {"incident_number": "26-000039", "location": {"street": "Rue Grimaldi"}},
        "incident_types": [{"type": "FIRE||OUTSIDE_FIRE||TRASH_RUBBISH_FIRE", "primary": True}],
        "dispatch": {
            "call_arrival": "2026-01-02T01:12:01+01:00",
            "call_answered": "2026-01-02T01:12:11+01:00",
            "point": {"type": "Point", "coordinates": [7.4246, 43.7384]},
            "unit_responses": [
                {
                    "unit_neris_id": "FD53055879S001U005",
                    "dispatch": "2026-01-02T01:12:41+01:00",
                    "enroute_to_scene": "2026-01-02T01:15:52+01:00",
                    "on_scene": "2026-01-02T01:20:49+01:00",
                    "unit_clear": "2026-01-02T02:16:31+01:00",
                    "point": {"type": "Point", "coordinates": [0.0, 10.0]},
                },
                {"reported_unit_id": "E2", "dispatch": "2026-01-02T01:12:41+01:00", "staffing": 4},
            ],
        },
    }
    codes = {"stations": {"FD53055879S001": str(region.stations.index[0])}}
    found = imported(json.dumps([incident]), time_zone=None, columns=codes)
    assert found.form == "neris"
    first = found.incidents.iloc[0]
    assert first["incident"] == found.incidents["incident"].iloc[1] == "26-000039"
    assert first["station"] == region.stations.index[0]
    assert first["type"].startswith("FIRE||OUTSIDE")
    assert moments(found, *STAMPS) == [
        "2026-01-02 00:12:01", "2026-01-02 00:12:11", "2026-01-02 00:12:41", "2026-01-02 00:15:52",
        "2026-01-02 00:20:49", "", "2026-01-02 01:16:31",
    ]  # fmt: skip
    assert first["offset_min"] == 60
    assert found.counts["missing_t4"] == 1


def test_nfirs_in_its_own_words(imported: Importer) -> None:
    """Carets between fields, month first without a separator, and a first zero that a spreadsheet took away."""
    head = "STATE^FDID^INC_DATE^INC_NO^EXP_NO^INC_TYPE^ALARM^ARRIVAL^LU_CLEAR^lon^lat"
    row = "XX^12345^01022014^0007^0^111^{}^010220141840^010220141930^7.4246^43.7384"
    found = imported(
        head,
        row.format("010220141830"),
        row.format("010220141830").replace("^0^111", "^1^111"),
        row.format("10220141831").replace("0007", "0008"),
    )
    assert found.form == "nfirs"
    assert found.incidents["incident"].tolist() == ["XX-12345-01022014-0007", "XX-12345-01022014-0008"]
    assert moments(found, "t2", "t4", "free") == [
        "2014-01-02 17:30:00", "2014-01-02 17:40:00", "2014-01-02 18:30:00",
    ]  # fmt: skip
    assert utc(found.incidents["t2"].iloc[1]) == "2014-01-02 17:31:00"
    assert found.left_out.to_numpy().tolist() == [[3, "exposure", "1"]]
    assert any("NFIRS states" in note for note in found.notes)


def test_common_names_are_guessed_and_told(imported: Importer) -> None:
    head = "Event No;Call Sign;Call Received;On Scene;X;Longitude;Latitude"
    found = imported(head, f"9;E1;2014-01-02 10:00;;;{HERE.replace(',', ';')}")
    told = (
        "incident: Event No; unit: Call Sign; t0: Call Received; t4: On Scene; lon: Longitude; lat: Latitude"
    )
    assert found.notes[0] == f"Columns guessed from their names, to be checked: {told}."
    assert found.mapping["columns"]["t0"] == ["Call Received"]
    assert found.incidents["service"].tolist() == ["fire"]


def test_a_mapping_says_all_of_it(imported: Importer, region: Region, tmp_path: Path) -> None:
    """Lambert 93 with decimal commas, formats, codes of stations and words of services, from a TOML file."""
    (tmp_path / "map.toml").write_text(
        """
        incident = "nr"
        unit = "engin"
        station = "centre"
        service = "org"
        t0 = ["jour", "appel"]
        t4 = ["jour", "lieux"]
        x = "E"
        y = "N"
        [format]
        stamp = "%d-%m-%y %H.%M.%S"
        crs = "EPSG:2154"
        decimal = ","
        [stations]
        LT = "n3781320822"
        [units]
        "VSAV 3" = "n1866465411"
        [services]
        SP = "fire"
        SMUR = "ems"
        """,
        encoding="utf-8",
    )
    point = gpd.GeoSeries.from_xy([7.4246], [43.7384], crs=4326).to_crs(2154)
    place = f"{point.x.iloc[0]:.2f};{point.y.iloc[0]:.2f}".replace(".", ",")
    lines = [
        f"1;FPT 1;LT;SP;03-04-14;10.00.00;10.09.30;{place}",
        f"2;VSAV 3;;SP;03-04-14;11.00.00;11.09.30;{place}",
        f"3;AR 1;SAMU;SMUR;03-04-14;12.00.00;12.09.30;{place}",
        f"4;AR 1;?;police;03-04-14;12.00.00;12.09.30;{place}",
    ]
    found = imported("nr;engin;centre;org;jour;appel;lieux;E;N", *lines, columns=tmp_path / "map.toml")
    assert found.incidents["station"].tolist() == ["n3781320822", "n1866465411", "SAMU"]
    assert found.incidents["service"].tolist() == ["fire", "fire", "ems"]
    assert moments(found, "t0", "t4") == ["2014-04-03 08:00:00", "2014-04-03 08:09:30"]
    home = gpd.GeoSeries.from_xy([7.4246], [43.7384], crs=4326).to_crs(region.crs).iloc[0]
    assert found.incidents.geometry.iloc[0].distance(home) < 0.1
    assert found.left_out.to_numpy().tolist() == [[5, "unknown_service", "police"]]
    assert found.counts["unknown_station"] == 1
    fire = imported(
        "nr;engin;centre;org;jour;appel;lieux;E;N", *lines, columns=tmp_path / "map.toml", service="fire"
    )
    assert fire.left_out["rule"].tolist() == ["other_service", "unknown_service"]


def test_a_column_that_only_sounds_like_the_service_is_not_it(imported: Importer) -> None:
    lines = [f"Ladder 5,2014-01-02 10:00,{HERE}", f"Engine 1,2014-01-02 11:00,{HERE}"]
    found = imported("agency,t0,lon,lat", *lines)
    assert found.incidents["service"].tolist() == ["fire", "fire"]
    stated = imported("agency,t0,lon,lat", *lines, columns={"service": "agency"})
    assert stated.left_out["rule"].tolist() == ["unknown_service"] * 2


def test_stations_are_known_by_name_too(imported: Importer, region: Region) -> None:
    name = str(region.stations["name"].iloc[0])
    found = imported("station,t0,lon,lat", f"{name.upper()},2014-01-02 10:00,{HERE}")
    assert found.incidents["station"].tolist() == [region.stations.index[0]]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2014-01-02T10:00:05+01:00", "2014-01-02 09:00:05"),
        ("2014-01-02 10:00:05", "2014-01-02 09:00:05"),
        ("2014-01-02T10:00:05Z", "2014-01-02 10:00:05"),
        ("2014/1/2 10:00", "2014-01-02 09:00:00"),
        ("02.01.2014 10:00:05", "2014-01-02 09:00:05"),
        ("13/01/2014 1:30:00 PM", "2014-01-13 12:30:00"),
        ("1/13/2014 12:05 a.m.", "2014-01-12 23:05:00"),
        ("2014-01-02T10:00:05.250-0500", "2014-01-02 15:00:05"),
    ],
)
def test_moments_as_people_write_them(imported: Importer, written: str, meant: str) -> None:
    found = imported("t0,lon,lat", f"{written},{HERE}")
    assert moments(found, "t0") == [meant]


@pytest.mark.parametrize(
    "written", ["2014-02-30 10:00", "25:00", "2014-01-02", "soon", "2014-01-02 13:00 PM", "2014-01-02 10:61"]
)
def test_what_is_no_moment_is_unknown_and_counted(imported: Importer, written: str) -> None:
    found = imported("t0,t4,lon,lat", f"{written},2014-01-02 10:00:00,{HERE}")
    assert moments(found, "t0", "t4") == ["", "2014-01-02 09:00:00"]
    assert entries(found) == [("t0", "unreadable", written, "")]
    assert found.counts["missing_t0"] == 1


# --- the clock ----------------------------------------------------------------------------------------------


def test_midnight_passes(imported: Importer) -> None:
    """Times without a date, and the date of the call reused: what runs back is on the next day, and stays there."""
    found = imported("date,t0,t2,t4,free,lon,lat", f"31/12/2014,23:57:00,23:58:30,00:04:10,01:10:00,{HERE}")
    days = ["2014-12-31 22:57:00", "2014-12-31 22:58:30", "2014-12-31 23:04:10", "2015-01-01 00:10:00"]
    assert moments(found, "t0", "t2", "t4", "free") == days
    assert found.counts["midnight"] == 2
    assert entries(found)[0] == ("free", "midnight", "2014-12-31T01:10:00", "2015-01-01T01:10:00")
    whole = imported("t0,t4,lon,lat", f"2014-12-31 23:57:00,2014-12-31 00:04:10,{HERE}")
    assert moments(whole, "t0", "t4") == ["2014-12-31 22:57:00", "2014-12-31 23:04:10"]


def test_a_time_without_a_day_takes_that_of_the_row(imported: Importer) -> None:
    found = imported("t0,t2,t4,lon,lat", f"2014-12-31 23:57:00,23:59,0:04,{HERE}")
    assert moments(found, "t0", "t2", "t4") == [
        "2014-12-31 22:57:00", "2014-12-31 22:59:00", "2014-12-31 23:04:00",
    ]  # fmt: skip
    with pytest.raises(IncidentError, match="a day for each time"):
        imported("t0,lon,lat", f"23:57:00,{HERE}")


def test_the_hour_that_comes_twice(imported: Importer) -> None:
    """On 25 October 2015 clocks in Paris went from 3:00 back to 2:00, at 1:00 UTC."""
    day = "2015-10-25"
    before = imported("t0,t4,lon,lat", f"{day} 01:58:00,{day} 02:04:00,{HERE}")
    assert moments(before, "t0", "t4") == ["2015-10-24 23:58:00", f"{day} 00:04:00"]
    after = imported("t0,t4,lon,lat", f"{day} 02:50:00,{day} 03:04:00,{HERE}")
    assert moments(after, "t0", "t4") == [f"{day} 01:50:00", f"{day} 02:04:00"]
    across = imported("t0,t2,t4,lon,lat", f"{day} 02:58:00,{day} 02:59:30,{day} 02:05:00,{HERE}")
    assert moments(across, "t0", "t2", "t4") == [f"{day} 00:58:00", f"{day} 00:59:30", f"{day} 01:05:00"]
    assert [rule for _, rule, _, _ in entries(across)] == ["ambiguous_hour"] * 3
    nobody = imported("t0,t4,lon,lat", f"{day} 02:10:00,{day} 02:15:00,{HERE}")
    assert moments(nobody, "t0", "t4") == [f"{day} 00:10:00", f"{day} 00:15:00"]
    assert nobody.counts["ambiguous_assumed"] == 2
    assert nobody.incidents["offset_min"].tolist() == [120]


def test_the_hour_that_does_not_come(imported: Importer) -> None:
    """On 29 March 2015 clocks in Paris went from 2:00 on to 3:00; one that stayed behind shows 2:30 at 1:30 UTC."""
    found = imported("t0,t4,lon,lat", f"2015-03-29 01:58:00,2015-03-29 02:04:00,{HERE}")
    assert moments(found, "t0", "t4") == ["2015-03-29 00:58:00", "2015-03-29 01:04:00"]
    assert found.counts["skipped_hour"] == 1


def test_local_time_is_known_where_it_was_said(imported: Importer) -> None:
    lines = ["t0,lon,lat", f"2014-07-02T10:00:00+02:00,{HERE}", f"2014-07-02T10:00:00Z,{HERE}"]
    assert imported(*lines).incidents["offset_min"].tolist() == [120, 120]
    alone = imported(*lines, time_zone=None).incidents["offset_min"]
    assert alone.iloc[0] == 120
    assert pd.isna(alone.iloc[1])


def test_moments_that_contradict_each_other(imported: Importer) -> None:
    day = "2014-05-05"
    # Only t3 stands against all the others.
    one = imported(
        "t0,t1,t2,t3,t4,lon,lat", f"{day} 10:00,{day} 10:01,{day} 10:02,{day} 09:03,{day} 10:10,{HERE}"
    )
    assert moments(one, "t0", "t1", "t2", "t3", "t4")[3] == ""
    assert entries(one) == [("t3", "negative", f"{day}T07:03:00Z", "")]
    # Either of t2 and t3 may be wrong, so both go.
    two = imported("t0,t2,t3,t4,lon,lat", f"{day} 10:00,{day} 10:05,{day} 10:03,{day} 10:10,{HERE}")
    assert moments(two, "t0", "t2", "t3", "t4") == [f"{day} 08:00:00", "", "", f"{day} 08:10:00"]
    assert two.counts["no_clock"] == 2
    # A unit is free before the full force has come: that is no contradiction.
    free = imported("t4,t5,free,lon,lat", f"{day} 10:00,{day} 10:30,{day} 10:20,{HERE}")
    assert not entries(free)
    assert imported("t4,free,lon,lat", f"{day} 10:00,{day} 09:50,{HERE}").counts["no_clock"] == 2


def test_a_slip_of_the_year_is_no_long_journey(imported: Importer) -> None:
    found = imported("t0,t2,t4,lon,lat", f"2014-05-05 10:00,2014-05-05 10:01,2015-05-05 10:08,{HERE}")
    assert moments(found, "t0", "t2", "t4") == ["2014-05-05 08:00:00", "2014-05-05 08:01:00", ""]
    assert found.counts["implausible"] == 1
    odd = imported("t0,t4,free,lon,lat", f"1900-01-01 00:00:00,2014-05-05 10:08,2914-05-05 10:20,{HERE}")
    assert moments(odd, "t0", "t4", "free") == ["", "2014-05-05 08:08:00", ""]
    assert odd.counts["out_of_time"] == 2


# --- rows that are left out ---------------------------------------------------------------------------------


def test_rows_are_left_out_by_name(imported: Importer) -> None:
    found = imported(
        "incident,unit,t0,t4,lon,lat",
        f"1,E1,2014-01-02 10:00,,{HERE}",
        f"1,E1,2014-01-02 10:00,,{HERE}",
        f"1,E1,2014-01-02 10:00,2014-01-02 10:09,{HERE}",
        f"1,E2,2014-01-02 10:00,2014-01-02 10:09,{HERE}",
        "2,E1,2014-01-03 10:00,,,",
        "3,E1,2014-01-03 10:00,,0,0",
        "4,E1,2014-01-03 10:00,,8.5,47.4",
        "5,E1,2014-01-03 10:00,,7.4",
        f",,2014-01-03 10:00,,{HERE}",
        f",,2014-01-03 11:00,,{HERE}",
        "",
    )
    assert found.left_out.to_numpy().tolist() == [
        [2, "same_unit", "as row 4"],
        [3, "equal_row", "as row 2"],
        [6, "no_position", ", "],
        [7, "no_position", "0, 0"],
        [8, "outside", "8.5, 47.4"],
        [9, "ragged", "5 fields instead of 6"],
    ]
    assert found.incidents.index.tolist() == ["I4", "I5", "I10", "I11"]
    assert found.incidents["incident"].tolist() == ["1", "1", "I10", "I11"]
    assert {name: found.counts[name] for name in ("rows", "kept", "left_out", "incidents")} == {
        "rows": 10, "kept": 4, "left_out": 6, "incidents": 3,
    }  # fmt: skip
    assert set(found.left_out["rule"]) < set(RULES)


def test_coordinates_in_the_wrong_order_are_recognised(imported: Importer) -> None:
    found = imported("t0,lon,lat", "2014-01-02 10:00,43.7384,7.4246", "2014-01-02 11:00,43.7385,7.4247")
    assert len(found.incidents) == 0
    assert any("exchanged" in note for note in found.notes)


def test_points_in_words(imported: Importer) -> None:
    found = imported("t0,point", "2014-01-02 10:00,POINT (7.4246 43.7384)", "2014-01-02 10:00,nowhere")
    assert found.counts["kept"] == found.counts["no_position"] == 1


# --- what cannot be used ------------------------------------------------------------------------------------


def test_what_can_only_be_guessed_is_refused(imported: Importer) -> None:
    with pytest.raises(IncidentError, match=r"every row reads both ways.*day_first"):
        imported("t0,lon,lat", f"03/04/2014 10:00,{HERE}")
    both = imported("t0,lon,lat", f"03/04/2014 10:00,{HERE}", columns={"format": {"day_first": True}})
    assert moments(both, "t0") == ["2014-04-03 08:00:00"]
    with pytest.raises(IncidentError, match="time zone of the control room"):
        imported("t0,lon,lat", f"2014-01-02 10:00,{HERE}", time_zone=None)
    with pytest.raises(IncidentError, match="the CRS that they are in"):
        imported("t0,x,y", "2014-01-02 10:00,1000,2000")
    with pytest.raises(IncidentError) as error:
        imported("when,where", "now,here")
    assert [one.expected for one in error.value.defects] == [
        "columns for the position",
        "columns for points of the clock",
    ]


def test_all_that_is_wrong_with_a_mapping_is_said_at_once(imported: Importer) -> None:
    mapping = {
        "unti": "E",
        "t0": 7,
        "format": {"crs": "EPSG:0", "stamp": "%d", "decimal": "'", "zone": "x"},
        "services": {"FW": "feuer"},
        "stations": ["A"],
    }
    with pytest.raises(IncidentError) as error:
        imported("t0,lon,lat", columns=mapping, time_zone="Middle/Earth", service="police")
    assert {one.where for one in error.value.defects} == {
        "unti", "t0", "[format] zone", "[format] crs", "[format] stamp", "[format] decimal", "[services]",
        "[stations]", "[format] time_zone", "[format] service",
    }  # fmt: skip
    assert "did you mean unit" in str(error.value)
    with pytest.raises(IncidentError, match="did you mean Alarm"):
        imported("Alarm,lon,lat", columns={"t0": "Alarn"})
    with pytest.raises(IncidentError, match="a TOML file"):
        imported("Alarm,lon,lat", columns="nowhere.toml")


def test_files_that_are_none(region: Region, tmp_path: Path) -> None:
    for content, words in (
        ("Straße".encode("latin-1"), "UTF-8"),
        (b"", "header"),
        (b"a,a\n1,2", "twice"),
        (b"t0,lon\0", "binary"),
        (b"[1, 2]", "list of incidents"),
        (b't0,lon,lat\n"10:00,7,43\n11:00,7,43', "close the quotes"),
        (b'{"t0": ', "JSON"),
    ):
        (tmp_path / "odd.csv").write_bytes(content)
        with pytest.raises(IncidentError, match=words):
            import_incidents(tmp_path / "odd.csv", region=region)
    with pytest.raises(IncidentError, match="a file that exists"):
        import_incidents(tmp_path / "none.csv", region=region)
    with pytest.raises(IncidentError, match="one of csv, neris, nfirs"):
        import_incidents(tmp_path / "odd.csv", region=region, form="pdf")


# --- every row is accounted for -----------------------------------------------------------------------------

CLOCKS = st.one_of(
    st.sampled_from(
        ["", "NULL", "x", "31.12.2014 23:59", "2014-10-26 02:30:00", "2014-03-30 02:30:00", "0:01"]
    ),
    st.datetimes(min_value=pd.Timestamp("2014-10-25"), max_value=pd.Timestamp("2014-10-27")).map(
        lambda one: one.isoformat(sep=" ", timespec="seconds")
    ),
)
FIELD = {
    "incident": st.sampled_from(["", "1", "2", "a;b"]),
    "unit": st.one_of(st.sampled_from(["", "E1", "E2"]), st.text(max_size=6)),
    "service": st.sampled_from(["fire", "Fire", "ems", "", "police"]),
    "date": st.sampled_from(["2014-10-26", "2014-12-31"]),
    **dict.fromkeys(("t0", "t2", "t3", "t4", "t5", "free"), CLOCKS),
    "lon": st.sampled_from(["7.4246", "7.41", "0", "", "east", "8", "1e400"]),
    "lat": st.sampled_from(["43.7384", "43.73", "0", "", "43,7", "91"]),
}


@given(st.lists(st.tuples(*FIELD.values()), max_size=12), st.integers(0, 12))
@settings(max_examples=40, deadline=None)
def test_rows_are_kept_or_left_out_and_never_lost(rows: list[tuple[str, ...]], cut: int) -> None:
    """Whatever comes: each row once, kept or left out; and what is kept can be read as the table of a region."""
    home = demo_region()
    with TemporaryDirectory() as folder:
        file = Path(folder) / "export.csv"
        frame = pd.DataFrame(rows, columns=list(FIELD))
        # Line breaks and nulls are not what is tested here; a row of another length is.
        frame["unit"] = frame["unit"].map(lambda text: "".join(c for c in text if c.isprintable()))
        lines = frame.to_csv(index=False).splitlines()
        if 0 < cut < len(lines):
            lines[cut] += ",more"
        file.write_text("\n".join(lines), encoding="utf-8")
        found = import_incidents(file, region=home, time_zone="Europe/Paris")
        kept = [int(one[1:]) for one in found.incidents.index]
        assert sorted([*kept, *found.left_out["row"]]) == list(range(2, len(rows) + 2))
        assert found.counts["rows"] == len(rows) == found.counts["kept"] + found.counts["left_out"]
        assert sum(found.counts[rule] for rule in RULES) == len(found.left_out) + len(found.mended)
        assert set(found.mended["row"]) <= set(kept)
        check_moments(found)
        write_table(incident_table(found.incidents), Path(folder) / "incidents.csv")
        again = read_table(Path(folder) / "incidents.csv", "incidents")
        assert again.index.tolist() == found.incidents.index.tolist()
        assert all(equal(again[name], found.incidents[name]) for name in STAMPS)


def check_moments(found: Imported) -> None:
    """What is left of each row is in order and within a day."""
    for _, row in found.incidents.iterrows():
        known = [(name, row[name]) for name in STAMPS if row[name] is not pd.NaT]
        for i, (before, sooner) in enumerate(known):
            for after, later in known[i + 1 :]:
                assert later - sooner <= pd.Timedelta(days=1)
                assert later >= sooner or (before, after) == ("t5", "free")


STARTS = st.datetimes(min_value=pd.Timestamp("2010-01-01"), max_value=pd.Timestamp("2020-01-01"))


@given(st.lists(st.integers(0, 600), min_size=6, max_size=6), STARTS)
@settings(max_examples=40, deadline=None)
def test_a_record_that_is_in_order_is_not_touched(gaps: Sequence[int], start: Any) -> None:
    """Moments with offsets in the order of the clock come out as they went in, over midnight and summer time too."""
    home = demo_region()
    begin = pd.Timestamp(start).floor("s").tz_localize("UTC")
    times = [begin + pd.Timedelta(seconds=sum(gaps[:k])) for k in range(7)]
    written = ",".join(one.tz_convert("Europe/Paris").isoformat() for one in times)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "export.csv"
        file.write_text(f"{','.join(STAMPS)},lon,lat\n{written},{HERE}\n", encoding="utf-8")
        found = import_incidents(file, region=home)
    assert [found.incidents[name].iloc[0] for name in STAMPS] == times
    assert found.mended.empty
    assert found.incidents["offset_min"].iloc[0] in (60, 120)


# --- into the region's folder -------------------------------------------------------------------------------


def test_written_record_is_the_regions(region: Region, tmp_path: Path) -> None:
    home = Path(shutil.copytree(demo_path(), tmp_path / "region"))
    toml = home / "region.toml"
    text = toml.read_text(encoding="utf-8")
    head, _, rest = text.partition("[incidents]\n")
    toml.write_text(head + rest.partition("\n\n")[2], encoding="utf-8")
    (home / "incidents.csv").rename(tmp_path / "export.csv")
    export = tmp_path / "export.csv"
    export.write_text(export.read_text(encoding="utf-8") + "odd,row\n", encoding="utf-8")
    found = import_incidents(export, region=region)
    files = write_incidents(found, home)
    assert sorted(one.name for one in files.values()) == [
        "incidents.csv", "incidents_import.json", "incidents_left_out.csv",
    ]  # fmt: skip
    again = read_region(home).incidents
    assert len(again) == found.counts["kept"] == len(region.incidents)
    assert all(equal(again[name], region.incidents[name]) for name in STAMPS)
    assert pd.read_csv(files["left_out"])["rule"].tolist() == ["ragged"]
    report = json.loads(files["report"].read_text(encoding="utf-8"))
    assert report["counts"]["rows"] == report["counts"]["kept"] + report["counts"]["left_out"]
    assert report["rules"] == dict(RULES)
    before = {name: path.read_bytes() for name, path in files.items()}
    with pytest.raises(IncidentError, match="no record yet"):
        write_incidents(found, home)
    write_incidents(found, home, replace=True)
    assert {name: path.read_bytes() for name, path in files.items()} == before
    assert toml.read_text(encoding="utf-8").count("[incidents]") == 1
    assert not [one.name for one in home.iterdir() if one.name.startswith(".")]


def test_nothing_is_written_where_nothing_was_kept(imported: Importer, tmp_path: Path) -> None:
    found = imported("t0,lon,lat", "2014-01-02 10:00,0,0")
    (tmp_path / "region.toml").write_text('[incidents]\nfile = "other.csv"\n', encoding="utf-8")
    with pytest.raises(IncidentError) as error:
        write_incidents(found, tmp_path)
    assert [one.expected for one in error.value.defects] == ["rows that can be used", "incidents.csv"]
    assert not (tmp_path / "incidents.csv").exists()
