"""Schemes of classes and the crosswalk to the common scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mutualaid.errors import HazardError
from mutualaid.hazards import crosswalk, scheme, schemes, unmapped

NUMERIC = sorted(schemes().query("quantity != 'class'")["scheme"].unique())
AIDR = [
    ("H1", 0.3, 0.3, 2.0),
    ("H2", 0.5, 0.6, 2.0),
    ("H3", 1.2, 0.6, 2.0),
    ("H4", 2.0, 1.0, 2.0),
    ("H5", 4.0, 4.0, 4.0),
]


def aidr(depth: float, velocity: float) -> str:
    return str(crosswalk([depth], "aidr-h1-h6", velocity=[velocity]).loc[0, "class_code"])


@pytest.mark.parametrize(("code", "depth", "product", "velocity"), AIDR)
def test_aidr_limits_hold_on_both_sides(code: str, depth: float, product: float, velocity: float) -> None:
    following = f"H{int(code[1]) + 1}"
    assert aidr(depth, 0.0) == code
    assert aidr(np.nextafter(depth, 9), 0.0) == following
    # Velocity alone, at a depth so small that the product does not matter.
    assert aidr(0.01, velocity) == ("H5" if code == "H5" else "H1")
    assert aidr(0.01, np.nextafter(velocity, 9)) == ("H6" if code == "H5" else "H5")
    # The product alone: the velocity that just reaches it at the greatest depth of the class.
    fast = product / depth
    if depth * fast <= product and fast <= velocity:
        assert aidr(depth, fast) == code
    beyond = fast * 1.000001
    assert aidr(depth, beyond) > code


@pytest.mark.parametrize(
    ("depth", "velocity", "code"),
    [
        (0.3, 1.0, "H1"),  # 0.3 m2/s exactly
        (0.3, 1.01, "H2"),
        (0.3, 2.0, "H2"),  # 0.6 m2/s exactly
        (0.5, 1.2, "H2"),
        (0.5, 1.21, "H4"),  # H3 has the same product as H2
        (0.6, 1.0, "H3"),
        (1.0, 1.0, "H4"),
        (1.0, 1.01, "H5"),
        (2.0, 0.5, "H4"),
        (1.0, 4.0, "H5"),
        (1.0, 4.01, "H6"),
        (0.0, 0.0, "dry"),
        (0.0, 5.0, "dry"),
        (0.3, -1.0, "H1"),  # a velocity component against the axis
    ],
)
def test_aidr_by_hand(depth: float, velocity: float, code: str) -> None:
    assert aidr(depth, velocity) == code


def test_unknown_velocity_leaves_the_class_open_unless_depth_decides() -> None:
    depth = [0.0, 0.2, 4.5, np.nan]
    got = crosswalk(depth, "aidr-h1-h6", velocity=[np.nan] * 4)
    assert got["class_code"].tolist()[0] == "dry"
    assert got["severity"].isna().tolist() == [False, True, False, True]
    assert got["class_code"].tolist()[2] == "H6"


def test_a_scheme_of_depth_and_velocity_refuses_depth_alone() -> None:
    with pytest.raises(HazardError, match=r"expected depth and velocity.*got depth alone"):
        crosswalk([0.2], "aidr-h1-h6")
    with pytest.raises(HazardError, match="1 for 2 depths"):
        crosswalk([0.2, 0.3], "aidr-h1-h6", velocity=[1.0])


def test_swiss_intensity_is_the_worse_of_depth_and_product() -> None:
    got = crosswalk(
        [0.49, 0.5, 0.4, 0.4, 2.0, 2.01, 0.5], "ch-flood-intensity", velocity=[0, 0, 1.2, 1.25, 1, 0, 4.1]
    )
    assert got["class_code"].tolist() == ["low", "medium", "low", "medium", "medium", "high", "high"]


@pytest.mark.parametrize("bound", [0.1, 0.7, 1.5])
def test_right_closed_bounds_belong_to_the_class_below(bound: float) -> None:
    below, at, above = crosswalk(
        [np.nextafter(bound, 0), bound, np.nextafter(bound, 9)], "inasafe-flood-depth"
    )["class_code"]
    assert below == at != above


@pytest.mark.parametrize("bound", [5.2, 11.2, 21.3, 38.0, 50.0])
def test_left_closed_bounds_belong_to_the_class_above(bound: float) -> None:
    below, at, above = crosswalk([np.nextafter(bound, 0), bound, np.nextafter(bound, 99)], "effis-fwi")[
        "class_code"
    ]
    assert below != at == above


def test_the_same_index_is_another_class_across_the_spanish_border() -> None:
    assert crosswalk([9.0], "effis-fwi").loc[0, "severity"] == 2
    assert crosswalk([9.0], "pt-fwi").loc[0, "severity"] == 3
    table = schemes()
    assert set(table.loc[table["closed_assumed"], "scheme"]) == {"ash-thickness", "pt-fwi"}


def test_intensity_half_steps_round_down() -> None:
    got = crosswalk([0.5, 1.5, 1.51, 6.5, 6.51, 12.5], "mmi")["class_code"].tolist()
    assert got == ["I", "I", "II", "VI", "VII", "XII"]


def test_ash_bounds_are_converted_from_cm() -> None:
    got = crosswalk([0.0, 0.0001, 0.001, 0.02, 0.05, 0.1], "ash-thickness")["class_code"].tolist()
    assert got == ["0", "1", "2", "3", "4", "5"]


def test_fema_codes_and_what_is_not_among_them() -> None:
    codes = pd.Series(
        ["AE", "ve", "A99", " B ", "C", "D", "X", "AREA NOT INCLUDED", None, "X shaded"],
        index=list("abcdefghij"),
    )
    got = crosswalk(codes, "fema-zones")
    assert got.index.tolist() == list("abcdefghij")
    assert got["class_code"].tolist()[:6] == ["A", "V", "A", "X shaded", "X unshaded", "D"]
    assert got["severity"].to_numpy(dtype=float, na_value=-1).tolist() == [3, 3, 3, 3, 0, -1, -1, -1, -1, 3]
    assert got["severity"].dtype == "Int8"
    left = unmapped(codes, "fema-zones")
    assert left.to_dict("list") == {"value": ["AREA NOT INCLUDED", "X"], "count": [1, 1]}


def test_values_outside_all_classes_are_unknown_and_listed() -> None:
    values = [-0.5, -0.5, 0.0, 0.2, np.nan]
    got = crosswalk(values, "inasafe-flood-depth")
    assert got["severity"].isna().tolist() == [True, True, False, False, True]
    assert unmapped(values, "inasafe-flood-depth").to_dict("list") == {"value": [-0.5], "count": [2]}
    assert unmapped([-1.0, 2.0, 0.5], "aidr-h1-h6", velocity=[1, np.nan, 1])["value"].tolist() == [-1.0]


def test_codes_of_a_scheme_with_bounds_and_numbers_as_codes() -> None:
    assert crosswalk(["H3", "h6", "H7"], "aidr-h1-h6")["severity"].to_numpy(
        dtype=float, na_value=-1
    ).tolist() == [3, 5, -1]
    assert crosswalk(pd.Series(["7"]), "mmi").loc[0, "class_code"] == "VII"


def test_every_class_states_where_it_comes_from() -> None:
    table = schemes()
    assert not table.duplicated(["scheme", "class_code"]).any()
    for column in ("source", "source_date", "class_label", "basis", "hazard", "quantity"):
        assert (table[column].str.len() > 0).all(), column
    assert table["severity"].dropna().between(0, 5).all()
    assert table.loc[table["severity"].isna(), "class_code"].tolist() == ["D"]
    assert "HQ300" not in set(table["class_code"])


def test_probability_is_not_severity() -> None:
    table = schemes()
    zones = table[(table["basis"] == "probability") & table["return_period_years"].notna()]
    assert set(zones["severity"]) == {3}
    assert zones["return_period_years"].nunique() > 4


@pytest.mark.parametrize("id_", NUMERIC)
@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(0, 60), min_size=2, max_size=30), st.floats(0, 6))
def test_severity_never_falls_when_the_quantity_rises(id_: str, values: list[float], velocity: float) -> None:
    found = scheme(id_)
    numbers = np.sort(np.array(values))
    top = 12.5 if id_ == "mmi" else np.inf
    numbers = numbers[numbers <= top]
    got = crosswalk(numbers, found, velocity=np.full(len(numbers), velocity))["severity"]
    assert got.notna().all(), "every value from 0 belongs to a class"
    assert (np.diff(got.to_numpy(int)) >= 0).all()


@settings(deadline=None, max_examples=30)
@given(st.floats(0, 5), st.lists(st.floats(0, 6), min_size=2, max_size=30))
def test_faster_water_is_never_less_severe(depth: float, velocities: list[float]) -> None:
    faster = np.sort(np.array(velocities))
    for id_ in ("aidr-h1-h6", "ch-flood-intensity"):
        got = crosswalk(np.full(len(faster), depth), id_, velocity=faster)["severity"]
        assert (np.diff(got.to_numpy(int)) >= 0).all()


GOOD = """
[scheme]
id = "ours"
name = "Our levels"
hazard = "flood"
quantity = "depth"
unit = "cm"
closed = "left"
source = "Forum, 2026"

[[class]]
code = "1"
lo = 0
hi = 30
severity = 1

[[class]]
code = "2"
lo = 30
severity = 4
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "ours.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_scheme_of_ones_own_in_cm(tmp_path: Path) -> None:
    got = crosswalk([0.2999, 0.3], str(write(tmp_path, GOOD)))
    assert got["severity"].tolist() == [1, 4]
    assert scheme(write(tmp_path, GOOD)).table()["unit"].tolist() == ["m", "m"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("lo = 30\n", "lo = 31\n", "no gap between two classes; got [0, 30) and [31, inf)"),
        ("lo = 30\n", "lo = 29\n", "classes that do not overlap; got [0, 30) and [29, inf)"),
        (
            "lo = 30\n",
            'lo = 30\nclosed = "neither"\n',
            "no gap between two classes; got [0, 30) and (30, inf)",
        ),
        ("hi = 30\n", 'hi = 30\nclosed = "both"\n', "classes that do not overlap; got [0, 30] and [30, inf)"),
        ('closed = "left"\n', "", "the side to which the bounds belong"),
        ('closed = "left"\n', 'closed = "top"\n', "expected one of left, right, both, neither; got 'top'"),
        ("severity = 4", "severity = 0", "expected a severity of at least 1"),
        ("severity = 4", "severity = 6", "a whole number from 0 to 5"),
        ("severity = 4", "severity = true", "a whole number from 0 to 5"),
        (
            "severity = 4\n",
            "",
            'class 2 severity: expected a whole number from 0 to 5, or "unknown"; got nothing',
        ),
        ('code = "2"', 'code = "1"', "a code of its own; got '1' as in class 1"),
        ('unit = "cm"', 'unit = "furlong"', "expected one of m, cm, mm, ft, in; got 'furlong'"),
        ('unit = "cm"', 'unit = "m/s"', "[scheme] unit"),
        ('quantity = "depth"', 'quantity = "deep"', "[scheme] quantity"),
        ("lo = 30\n", 'lo = "30"\n', "class 2 lo: expected a number"),
        ("lo = 30\n", "low = 30\n", "did you mean lo"),
        ("hi = 30\n", "hi = -1\n", "lo below hi"),
        ('source = "Forum, 2026"\n', "", "[scheme] source"),
        ("severity = 4", "severity = 4\nreturn_period_years = 0", "years above 0"),
    ],
)
def test_a_wrong_scheme_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(HazardError) as error:
        scheme(write(tmp_path, GOOD.replace(old, new)))
    assert message in str(error.value)


def test_all_defects_of_a_scheme_come_at_once(tmp_path: Path) -> None:
    text = (
        GOOD.replace('hazard = "flood"', 'hazard = "flod"')
        .replace("severity = 1", "severity = 9")
        .replace("lo = 30", "lo = true")
    )
    with pytest.raises(HazardError) as error:
        scheme(write(tmp_path, text))
    assert len(error.value.defects) == 3


def test_limits_of_depth_and_velocity_must_grow(tmp_path: Path) -> None:
    text = GOOD.replace("lo = 30\n", "max_velocity = 1\n").replace("hi = 30\n", "hi = 30\nmax_velocity = 2\n")
    with pytest.raises(
        HazardError,
        match="class 2 max_velocity: expected at least the limit of the class before; got 1 after 2",
    ):
        scheme(write(tmp_path, text))


def test_classes_by_code_have_no_bounds(tmp_path: Path) -> None:
    text = GOOD.replace('quantity = "depth"', 'quantity = "class"').replace('unit = "cm"\n', "")
    with pytest.raises(HazardError, match="no bounds, as the quantity is class; got hi, lo"):
        scheme(write(tmp_path, text))


@pytest.mark.parametrize("text", ["not toml", "", "[scheme]\nid = 1", "class = 3\n[scheme]"])
def test_what_is_no_scheme_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(HazardError, match=r"ours\.toml"):
        scheme(write(tmp_path, text))


def test_an_unknown_scheme_names_close_ones() -> None:
    with pytest.raises(HazardError, match="did you mean effis-fwi"):
        scheme("efis-fwi")
    with pytest.raises(HazardError, match="check the path"):
        scheme("absent.toml")
