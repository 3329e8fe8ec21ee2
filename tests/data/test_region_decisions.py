# ruff: noqa: E501 - a log is as wide as it is
"""The partners' log of decisions: read from a file that people edit by hand, and added to without touching it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mutualaid.data import append_decision, check_region, read_region, write_region, write_table
from mutualaid.data._model import _no_decisions
from mutualaid.errors import Defect, RegionError

LOG = """\
id,date,kind,who,what,run,indicator,value,status,due,closed,note,sharing
D1,2024-05-06,decision,Forum,"Ask for both at once, always",20240505T080000Z-1a2b3c4d,headline.covered_joint,1234.5,,2025-01-31,,,public
x,2024-06-07,exercise,Both services,Exercise at the bridge,,,,,,2024-06-07,,
D12,2024-06-08,finding,Control room,The call took five minutes,,"common.partners.""A B"".joint",,dropped,,,"no, it did not",own
"""
ENTRY: dict[str, Any] = {"date": "2024-07-01", "kind": "decision", "who": "Forum", "what": "Train together"}


def with_log(folder: Path, text: str, *, file: str = "decisions.csv", encoding: str = "utf-8") -> Path:
    (folder / file).write_bytes(text.encode(encoding))
    toml = folder / "region.toml"
    toml.write_text(f'{toml.read_text(encoding="utf-8")}\n[decisions]\nfile = "{file}"\n', encoding="utf-8")
    return folder


def everything_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# --- reading ------------------------------------------------------------------------------------------------


def test_a_log_is_read_as_it_was_written(region_folder: Path) -> None:
    region = read_region(with_log(region_folder, LOG))
    log = region.decisions

    assert log.index.tolist() == ["D1", "x", "D12"]
    assert log["what"].tolist()[0] == "Ask for both at once, always"
    assert log["run"].tolist() == ["20240505T080000Z-1a2b3c4d", "", ""]
    assert log["indicator"].tolist() == ["headline.covered_joint", "", 'common.partners."A B".joint']
    assert log["value"].tolist()[0] == 1234.5
    assert log["value"].isna().tolist() == [False, True, True]
    # What is closed is done, unless somebody says otherwise; who may read it must be said to be public.
    assert log["status"].tolist() == ["open", "done", "dropped"]
    assert log["sharing"].tolist() == ["public", "partners", "own"]
    assert log["due"].tolist() == ["2025-01-31", "", ""]
    assert region_folder / "decisions.csv" in region.files


def test_a_region_without_a_log_has_an_empty_one_of_the_same_columns(region_folder: Path) -> None:
    empty = read_region(region_folder).decisions
    full = read_region(with_log(region_folder, LOG)).decisions
    made = _no_decisions()

    assert len(empty) == 0
    assert empty.columns.tolist() == full.columns.tolist()
    assert set(made.columns) == set(full.columns)
    for frame in (empty, made):
        assert frame.dtypes.astype(str).to_dict() == full.dtypes.astype(str).to_dict()


@pytest.mark.parametrize(
    ("row", "where", "expected", "got"),
    [
        ("2024-13-06,decision,F,w,,,,,,", "column date", "a day in ISO 8601", "'2024-13-06'"),
        ("06.05.2024,decision,F,w,,,,,,", "column date", "a day in ISO 8601", "'06.05.2024'"),
        (",decision,F,w,,,,,,", "column date", "a text", "''"),
        ("2024-05-06,idea,F,w,,,,,,", "column kind", "one of decision, exercise, finding", "'idea'"),
        ("2024-05-06,decision,,w,,,,,,", "column who", "a text", "''"),
        ("2024-05-06,decision,F,,,,,,,", "column what", "a text", "''"),
        ("2024-05-06,decision,F,w,a..b,1,,,,", "column indicator", "keys joined by full stops", "'a..b'"),
        ("2024-05-06,decision,F,w,a b,1,,,,", "column indicator", "keys joined by full stops", "'a b'"),
        (
            "2024-05-06,decision,F,w,,12,,,,",
            "column value",
            "the indicator whose value it is",
            "12 of nothing",
        ),
        ("2024-05-06,decision,F,w,a.b,much,,,,", "column value", "a number", "'much'"),
        ("2024-05-06,decision,F,w,,,closed,,,", "column status", "one of open, done, dropped", "'closed'"),
        (
            "2024-05-06,decision,F,w,,,open,,2024-05-07,",
            "column status",
            "done or dropped",
            "closed on 2024-05-07",
        ),
        ("2024-05-06,decision,F,w,,,,2024-05-05,,", "column due", "a day from that", "before 2024-05-06"),
        ("2024-05-06,decision,F,w,,,,,2024-05-05,", "column closed", "a day from that", "before 2024-05-06"),
        ("2024-05-06,decision,F,w,,,,,2999-05-05,", "column closed", "a day that has been", "2999-05-05"),
        ("2024-05-06,decision,F,w,,,,,,all", "column sharing", "one of public, partners, own", "'all'"),
    ],
)
def test_what_cannot_be_is_reported_with_its_row(
    region_folder: Path, row: str, where: str, expected: str, got: str
) -> None:
    header = "date,kind,who,what,indicator,value,status,due,closed,sharing"
    good = "2024-05-06,decision,F,w,,,,2024-05-06,2024-05-06,public"

    (defect,) = check_region(with_log(region_folder, f"{header}\n{good}\n{row}\n"))

    assert (defect.file, defect.where) == ("decisions.csv", f"row 3, {where}")
    assert expected in defect.expected
    assert got in defect.got


def test_people_may_explain_at_length_but_not_without_end(region_folder: Path) -> None:
    def row(length: int) -> str:
        return f"2024-05-06,decision,F,{'w' * length}"

    text = f"date,kind,who,what\n{row(2000)}\n{row(2001)}\n"
    (defect,) = check_region(with_log(region_folder, text))

    assert (defect.where, defect.expected) == ("row 3, column what", "at most 2,000 characters")


def test_writing_and_reading_again_gives_the_same_log(region_folder: Path, tmp_path: Path) -> None:
    region = read_region(with_log(region_folder, LOG))

    again = read_region(write_region(region, tmp_path / "copy"))

    pd.testing.assert_frame_equal(again.decisions, region.decisions)


# --- adding -------------------------------------------------------------------------------------------------


def test_the_first_entry_makes_the_log_and_names_it_in_region_toml(region_folder: Path) -> None:
    toml = region_folder / "region.toml"
    by_hand = toml.read_text(encoding="utf-8").rstrip("\n") + "  # no line end here"
    toml.write_text(by_hand, encoding="utf-8")
    before = everything_in(region_folder)

    key = append_decision(
        read_region(region_folder), **ENTRY, value=0.5, indicator="headline.covered_joint_share"
    )

    after = everything_in(region_folder)
    assert key == "D1"
    assert after.pop("decisions.csv").startswith(b"id,date,kind,who,what,run,")
    assert after.pop("region.toml").decode() == by_hand + '\n\n[decisions]\nfile = "decisions.csv"\n'
    assert after == {name: data for name, data in before.items() if name != "region.toml"}
    entry = read_region(region_folder).decisions.loc["D1"].to_dict()
    assert ENTRY.items() <= entry.items()
    assert (entry["value"], entry["status"], entry["sharing"]) == (0.5, "open", "partners")
    assert append_decision(read_region(region_folder), **ENTRY) == "D2"
    assert (region_folder / "region.toml").read_bytes().count(b"[decisions]") == 1


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["", "end"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_what_was_written_by_hand_stays_byte_for_byte(
    region_folder: Path, end: str, last: str, mark: str
) -> None:
    text = mark + LOG.replace("\n", end)
    text = text if last else text.removesuffix(end)
    folder = with_log(region_folder, text)
    toml = (folder / "region.toml").read_bytes()
    before = (folder / "decisions.csv").read_bytes()

    key = append_decision(read_region(folder), **(ENTRY | {"what": 'Say "yes", always'}))

    after = (folder / "decisions.csv").read_bytes()
    assert key == "D13", "the next free number"
    assert after.startswith(before)
    assert after.removeprefix(before).decode().removeprefix(end if not last else "") == (
        f'D13,2024-07-01,decision,Forum,"Say ""yes"", always",,,,,,,,{end}'
    )
    assert (folder / "region.toml").read_bytes() == toml
    assert read_region(folder).decisions.loc["D13", "what"] == 'Say "yes", always'


def test_a_spreadsheet_with_semicolons_without_ids_and_in_another_order_gets_its_own_row(
    region_folder: Path,
) -> None:
    folder = with_log(region_folder, "kind;date;what;who;mood\nfinding;2024-01-01;All is well;We;good\n")

    key = append_decision(read_region(folder), **ENTRY)

    text = (folder / "decisions.csv").read_text(encoding="utf-8")
    assert text.endswith("good\ndecision;2024-07-01;Train together;Forum;\n")
    assert key == "D2"
    assert read_region(folder).decisions.index.tolist() == ["D1", "D2"]


def test_columns_that_the_file_lacks_are_added_for_all_rows(region_folder: Path) -> None:
    folder = with_log(region_folder, 'id,date,kind,who,what,mood\n1,2024-01-01,finding,We,"a, b",good\n')

    key = append_decision(read_region(folder), **ENTRY, due="2025-01-01", note="why")

    text = (folder / "decisions.csv").read_text(encoding="utf-8")
    assert text == (
        "id,date,kind,who,what,mood,due,note\n"
        '1,2024-01-01,finding,We,"a, b",good,,\n'
        "D1,2024-07-01,decision,Forum,Train together,,2025-01-01,why\n"
    )
    assert key == "D1"


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"kind": "idea"}, "column kind"),
        ({"date": "1 July 2024"}, "column date"),
        ({"due": "2024-06-30"}, "column due"),
        ({"closed": "2024-07-02", "status": "open"}, "column status"),
        ({"value": 3.0}, "column value"),
        ({"value": math.inf, "indicator": "a"}, "column value"),
        ({"what": "two\nlines"}, "column what"),
        ({"who": " "}, "column who"),
        ({"sharing": "everybody"}, "column sharing"),
        ({"run": "../../etc"}, "column run"),
    ],
)
@pytest.mark.parametrize("named", [False, True])
def test_an_entry_that_cannot_be_is_refused_and_nothing_is_written(
    region_folder: Path, change: dict[str, Any], where: str, named: bool
) -> None:
    folder = with_log(region_folder, LOG) if named else region_folder
    before = everything_in(folder)

    with pytest.raises(RegionError) as caught:
        append_decision(read_region(folder), **(ENTRY | change))

    defects: tuple[Defect, ...] = caught.value.defects
    assert where in defects[0].where
    assert f"row {5 if named else 2} (id D{13 if named else 1})" in defects[0].where
    assert everything_in(folder) == before


def test_a_log_that_is_broken_already_is_left_alone(region_folder: Path) -> None:
    region = read_region(with_log(region_folder, LOG))
    broken = LOG.replace("exercise", "excercise")
    (region_folder / "decisions.csv").write_text(broken, encoding="utf-8")

    with pytest.raises(RegionError, match="one of decision, exercise, finding; got 'excercise'"):
        append_decision(region, **ENTRY)

    assert (region_folder / "decisions.csv").read_text(encoding="utf-8") == broken


def test_a_log_that_is_no_csv_is_not_added_to(region_folder: Path) -> None:
    region = read_region(with_log(region_folder, LOG))
    write_table(region.decisions, region_folder / "decisions.parquet")
    toml = region_folder / "region.toml"
    toml.write_text(
        toml.read_text(encoding="utf-8").replace("decisions.csv", "decisions.parquet"), encoding="utf-8"
    )
    region = read_region(region_folder)
    assert region.decisions.index.tolist() == ["D1", "x", "D12"]

    with pytest.raises(RegionError, match="a CSV, to which a row can be added"):
        append_decision(region, **ENTRY)


def test_a_log_that_lies_there_unnamed_is_taken_up(region_folder: Path) -> None:
    """As after a crash between the two files."""
    (region_folder / "decisions.csv").write_text(LOG, encoding="utf-8")

    assert append_decision(read_region(region_folder), **ENTRY) == "D13"
    assert read_region(region_folder).decisions.index.tolist() == ["D1", "x", "D12", "D13"]


def test_what_somebody_else_writes_at_the_same_moment_is_not_lost(
    region_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mutualaid.data import _decision_log

    region = read_region(with_log(region_folder, LOG))
    path = region_folder / "decisions.csv"
    theirs = LOG + "D77,2024-06-09,finding,They,Ours,,,,,,,,\n"
    read = _decision_log._read

    def slow(file: Path, name: str) -> pd.DataFrame:
        found = read(file, name)
        if file != path:  # the new log is checked: somebody saves theirs
            path.write_text(theirs, encoding="utf-8")
        return found

    monkeypatch.setattr(_decision_log, "_read", slow)
    with pytest.raises(RegionError, match="try again"):
        append_decision(region, **ENTRY)

    assert path.read_text(encoding="utf-8") == theirs
    assert [one.name for one in region_folder.iterdir() if one.name.startswith(".")] == []


def test_a_log_outside_the_folder_is_not_followed(region_folder: Path, tmp_path: Path) -> None:
    region = read_region(with_log(region_folder, LOG))
    outside = tmp_path / "outside.csv"
    outside.write_text(LOG, encoding="utf-8")
    (region_folder / "decisions.csv").unlink()
    (region_folder / "decisions.csv").symlink_to(outside)

    with pytest.raises(RegionError, match="link that leads out"):
        append_decision(region, **ENTRY)

    assert outside.read_text(encoding="utf-8") == LOG
