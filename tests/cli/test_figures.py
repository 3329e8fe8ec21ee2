"""Pictures hold the numbers of their frames, are the same bytes each time, and read no name as a formula."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mutualaid.cooperation import LEFT_AFTER_S, Cooperation, balance
from mutualaid.reports import break_even_figure, reciprocity_figure, save_figure

PNG = b"\x89PNG\r\n\x1a\n"


def numbers(axes: Axes) -> dict[str, str]:
    """Texts of a matrix by what they count."""
    told = {str(text.get_gid()): text.get_text() for text in axes.texts if text.get_gid()}
    assert len(told) == sum(bool(text.get_gid()) for text in axes.texts), "no two numbers count the same"
    return told


def between(found: Cooperation, rows: Iterable[tuple[str, str, str, float]]) -> Cooperation:
    """The same with other people first reached by others."""
    table = pd.DataFrame(rows, columns=["level", "helper", "host", "people"]).assign(
        in_time=1.0, incidents=np.nan
    )
    return replace(found, reciprocity=table, balance=balance(table))


def written(figure: Figure, path: Path) -> bytes:
    save_figure(figure, path)
    return path.read_bytes()


def test_the_matrix_of_each_level_holds_the_numbers_of_reciprocity_and_balance(found: Cooperation) -> None:
    figure = reciprocity_figure(found)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "Under today's agreements",
        "As one joint team",
    ]
    partners = sorted(found.balance["partner"].unique())
    for axes, level in zip(figure.axes, ("agreed", "joint"), strict=True):
        told = numbers(axes)
        rows = found.reciprocity[found.reciprocity["level"] == level].set_index(["helper", "host"])
        for helper in partners:
            for host in partners:
                people = rows["people"].get((helper, host), 0.0)
                assert told.pop(f"{helper} helps {host}") == f"{people:,.0f}"
        net = found.balance[found.balance["level"] == level].set_index("partner")["balance"]
        for partner in partners:
            sign = "+" if net[partner] > 0 else "−"
            assert told.pop(f"balance of {partner}") == f"{sign}{abs(net[partner]):,.0f}"
        assert told == {}
        small = [text.get_text() for text in axes.texts]
        for in_time in rows["in_time"]:
            assert f"{in_time:,.0f} in time" in small


def test_a_region_without_agreement_has_one_matrix(found: Cooperation) -> None:
    figure = reciprocity_figure(between(found, [("joint", "A", "B", 7.0), ("joint", "B", "B", 5.0)]))
    (axes,) = figure.axes
    assert numbers(axes) == {
        "A helps A": "0", "A helps B": "7", "B helps A": "0", "B helps B": "5",
        "balance of A": "+7", "balance of B": "−7",
    }  # fmt: skip


def test_of_many_partners_those_with_least_share_a_row(found: Cooperation) -> None:
    names = [f"P{i:02}" for i in range(15)]
    rows = [("joint", a, b, 10.0 * (i + 1)) for i, a in enumerate(names) for b in names if a != b]
    (axes,) = reciprocity_figure(between(found, rows)).axes
    told = numbers(axes)
    heads = [key.removeprefix("balance of ") for key in told if key.startswith("balance of ")]
    # Gives and takes: 14 · 10 (i + 1), and Σ over the others; so it rises with i, and the first four are the others.
    assert heads == [*names[4:], "4 others"]
    assert told["4 others helps P14"] == "100"  # 10 + 20 + 30 + 40
    assert told["P14 helps 4 others"] == "600"  # 4 · 150
    whole = sum(float(told[f"{a} helps {b}"].replace(",", "")) for a in heads for b in heads)
    assert whole == sum(people for *_, people in rows), "nobody is lost"


def test_many_people_are_told_in_thousands(found: Cooperation) -> None:
    figure = reciprocity_figure(
        between(found, [("joint", "A", "B", 12_345_678.0), ("joint", "B", "A", 400.0)])
    )
    assert numbers(figure.axes[0])["A helps B"] == "12,346"
    assert numbers(figure.axes[0])["B helps A"] == "<1"
    assert any("Thousands of people" in text.get_text() for text in figure.texts)


def test_no_name_is_read_as_a_formula(found: Cooperation, tmp_path: Path) -> None:
    name = "$x^{2$ & <b>"
    figure = reciprocity_figure(between(found, [("joint", name, "B", 7.0)]))
    assert written(figure, tmp_path / "a.png").startswith(PNG)
    assert name in [text.get_text() for text in figure.axes[0].texts]


def test_the_curves_are_those_of_the_sweep(found: Cooperation) -> None:
    (axes,) = break_even_figure(found).axes
    total = found.sweep[found.sweep["jurisdiction"] == ""]
    lines = {line.get_label(): line for line in axes.lines}
    for parameter, label in (
        ("dispatch_s", "delay until the neighbour is alerted"),
        ("crossing_s", "delay at each international border crossing"),
    ):
        curve = total[total["parameter"] == parameter]
        np.testing.assert_allclose(np.asarray(lines[label].get_xdata()) * 60, curve["seconds"])
        np.testing.assert_allclose(np.asarray(lines[label].get_ydata()), curve["closed"])
        marks = lines[label].get_markevery()
        assert isinstance(marks, list)
        assert set(curve["seconds"].iloc[marks]) == set(LEFT_AFTER_S) & set(curve["seconds"])
    styles = {(line.get_linestyle(), line.get_marker()) for line in lines.values()}
    assert len(styles) == len(lines), "told apart without colour"
    assert "minutes" in axes.get_xlabel()
    assert "people" in axes.get_ylabel()


def test_what_is_agreed_is_a_point_at_its_delay(found: Cooperation) -> None:
    (axes,) = break_even_figure(found).axes
    agreed = found.indicators.query("kind == 'all' and level == 'agreed'")["closed"].iloc[0]
    point = next(line for line in axes.lines if line.get_label() == "agreed")
    assert (list(np.asarray(point.get_xdata())), list(np.asarray(point.get_ydata()))) == ([3.0], [agreed])
    assert f"agreed today: {agreed:,.0f} people" in [text.get_text() for text in axes.texts]
    left = found.break_even.iloc[0]
    told = [text.get_text() for text in axes.texts]
    assert f"{left['left_120']:,.0f}" in told, "what is left after two minutes"


def test_the_headline_of_the_curve_never_flatters(found: Cooperation) -> None:
    total = found.break_even.copy()
    total.loc[0, ["gain", "half_s", "break_even_s"]] = [1234.0, 59.9, 179.999]
    figure = break_even_figure(replace(found, break_even=total))
    words = (
        "1,234 gained without any delay; half of them if a unit loses up to 0:59 min, nobody beyond 2:59 min"
    )
    assert words in [text.get_text() for text in figure.texts]


def test_without_agreement_and_border_there_is_one_line(found: Cooperation) -> None:
    alike = replace(
        found,
        summary=found.summary | {"agreements": []},
        indicators=found.indicators[found.indicators["level"] == "joint"],
        crossings=found.crossings.assign(international=False),
    )
    (axes,) = break_even_figure(alike).axes
    assert [line.get_label() for line in axes.lines] == ["delay until the neighbour is alerted"]
    assert not any("agreed" in text.get_text() for text in axes.texts)


@pytest.mark.parametrize("draw", [reciprocity_figure, break_even_figure])
def test_a_picture_is_modelled_says_so_and_is_the_same_each_time(
    draw: Any, found: Cooperation, tmp_path: Path
) -> None:
    figure = draw(found)
    small = " ".join(" ".join(text.get_text().split()) for text in figure.texts)
    assert "Modelled, not measured." in small
    assert found.summary["agreements"][0]["note"] in small
    one = written(figure, tmp_path / "one.png")
    with mpl.rc_context(
        {"font.size": 20, "lines.linewidth": 9, "savefig.facecolor": "red", "font.family": "serif"}
    ):
        two = written(draw(found), tmp_path / "two.png")
    same = one == two  # a comparison that pytest does not explain: it would take hours with two pictures
    assert same, "whatever the reader's own settings are"
    assert one.startswith(PNG)
    assert b"Software" not in one
    assert b"tIME" not in one
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    assert len(stream.getvalue()) > 10_000


def test_the_command_line_starts_without_the_pictures() -> None:
    code = "import sys, mutualaid.cli; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
