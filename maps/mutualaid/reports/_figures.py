"""Pictures of cooperation: whose unit comes first to whom, and how much delay the gain of a joint team bears."""

from __future__ import annotations

import math
import textwrap
from typing import Any, cast

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mutualaid.cooperation import LEFT_AFTER_S, Cooperation
from mutualaid.reports._figure_style import (
    BLUE,
    INK,
    LINE,
    MARGIN,
    PALE,
    QUIET,
    VERMILION,
    headcount,
    small_print,
    style,
    write,
)

__all__ = ["break_even_figure", "reciprocity_figure"]

#: Most partners with a row of their own.
_MOST = 12
#: Up to so many partners, cells are large; and the levels stand side by side.
_FEW, _BESIDE = 6, 3
_TITLES = {"agreed": "Under today's agreements", "joint": "As one joint team"}
#: Inches: what stands above and below the matrices, and between two.
_ABOVE, _BELOW, _BETWEEN = 1.0, 0.3, 0.35


# --- who comes first to whom ---------------------------------------------------------------------------------


def reciprocity_figure(cooperation: Cooperation) -> Figure:
    """Draw the matrix of reciprocity: people by where they live, and by whose unit is there first.

    Parameters
    ----------
    cooperation
        With ``reciprocity`` and ``balance``.

    Returns
    -------
    matplotlib.figure.Figure
        One matrix for each level, helpers in rows and hosts in columns, with the balance of each partner. Of more
        than twelve partners those that give and take most have rows of their own, the others share one.

    Examples
    --------
    >>> from mutualaid.cooperation import cooperation
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.reports import reciprocity_figure
    >>> figure = reciprocity_figure(cooperation(analyse(read_region(demo_path()))))
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ["Under today's agreements", 'As one joint team']
    """
    shown = _shown(cooperation.balance)
    people, balance = _numbers(cooperation, shown)
    names, asked = list(dict.fromkeys(shown.values())), list(people)
    few = len(names) <= _FEW
    cell = (1.3, 0.66) if few else (0.8, 0.42)
    panel = (1.7 + (len(names) + 1) * cell[0] + 0.1, 0.7 + len(names) * cell[1])
    columns, rows = (len(asked), 1) if len(names) <= _BESIDE else (1, len(asked))
    inner = (columns * panel[0] + (columns - 1) * _BETWEEN, rows * panel[1] + (rows - 1) * _BETWEEN)
    thousands = max(row["people"] for table in people.values() for row in table.values()) >= 1e7
    caption = _caption(
        "Grey: people whom their own service reaches first. Balance: people of others whom this partner's units reach "
        "first, minus its own people whom units of others reach first.",
        cooperation,
        width=inner[0],
    )
    width, height = inner[0] + 2 * MARGIN, inner[1] + _ABOVE + _BELOW + LINE * len(caption)
    with style():
        figure = Figure(figsize=(width, height))
        grid = figure.subplots(rows, columns, squeeze=False)
        figure.subplots_adjust(
            left=MARGIN / width,
            right=1 - MARGIN / width,
            top=1 - _ABOVE / height,
            bottom=1 - (_ABOVE + inner[1]) / height,
            wspace=_BETWEEN / panel[0],
            hspace=_BETWEEN / panel[1],
        )
        unit = "Thousands of people" if thousands else "People"
        write(figure, "Whose unit comes first?", 0.3, size=14, weight="bold")
        write(figure, f"{unit} by whose unit is there first (rows) and by where they live (columns)", 0.56)
        write(figure, "\n".join(caption), height - 0.14, size=7.5, color=QUIET, va="bottom")
        abroad = [row["people"] for table in people.values() for (a, b), row in table.items() if a != b]
        for axes, level in zip(grid.flat, asked, strict=True):
            axes.set(xlim=(-1.7 / cell[0], len(names) + 1 + 0.1 / cell[0]), ylim=(len(names), -0.7 / cell[1]))
            axes.set_axis_off()
            axes.set_title(_TITLES[level], loc="left", size=10.5, weight="bold", pad=4)
            _draw_matrix(
                axes,
                people[level],
                balance[level],
                names,
                largest=max(abroad, default=0.0),
                thousands=thousands,
            )
    return figure


def _shown(balance: pd.DataFrame) -> dict[str, str]:
    """Name of the row of each partner: its own, or that of the others."""
    busy = (balance["gives"] + balance["takes"]).groupby(balance["partner"]).max()
    names = list(busy.index)
    if len(names) > _MOST:
        kept = set(busy.sort_values(ascending=False, kind="stable").index[: _MOST - 1])
        others = f"{len(names) - len(kept)} others"
        return {name: name for name in names if name in kept} | {
            name: others for name in names if name not in kept
        }
    return {name: name for name in names}


#: ``people`` and ``in_time`` by helper and host.
_Matrix = dict[tuple[str, str], dict[str, float]]


def _numbers(
    cooperation: Cooperation, shown: dict[str, str]
) -> tuple[dict[str, _Matrix], dict[str, dict[str, float]]]:
    """Matrix of each level, and the balance by partner."""
    table, rows = cooperation.reciprocity, cooperation.balance
    table = table.assign(helper=table["helper"].map(shown), host=table["host"].map(shown))
    rows = rows.assign(partner=rows["partner"].map(shown))
    asked = [level for level in _TITLES if level in set(table["level"])]
    people, balance = {}, {}
    for level in asked:
        sums = table[table["level"] == level].groupby(["helper", "host"])[["people", "in_time"]].sum()
        people[level] = cast("_Matrix", sums.to_dict("index"))
        net = rows[rows["level"] == level].groupby("partner")["balance"].sum()
        balance[level] = cast("dict[str, float]", net.to_dict())
    return people, balance


def _draw_matrix(
    axes: Axes,
    people: _Matrix,
    balance: dict[str, float],
    names: list[str],
    *,
    largest: float,
    thousands: bool,
) -> None:
    """Draw a matrix whose cells are one wide and one high; each number has an id that says what it counts."""
    few = len(names) <= _FEW
    head: dict[str, Any] = {"ha": "center", "va": "bottom", "size": 8.5 if few else 7.0}
    for i, name in enumerate(names):
        label = textwrap.fill(name, 18, max_lines=3 if few else 2, placeholder="…")
        axes.text(-0.1, i + 0.5, label, ha="right", va="center", size=8.5)
        label = textwrap.fill(name, 15 if few else 11, max_lines=3, placeholder="…")
        axes.text(i + 0.5, -0.12, label, **head)
        for j, host in enumerate(names):
            found = people.get((name, host), {})
            total, in_time = found.get("people", 0.0), found.get("in_time", 0.0)
            # Who is served at home is no aid: grey, whatever the number.
            share = 0.12 + 0.88 * total / largest if total and i != j else 0.0
            fill = PALE if i == j else _shade(share)
            axes.add_patch(Rectangle((j, i), 1, 1, fc=fill, ec="#c3cad1", lw=0.8, clip_on=False))
            texts = [
                headcount(total, thousands),
                f"{headcount(in_time, thousands)} in time" if few and total else "",
            ]
            look: dict[str, Any] = {
                "color": "white" if share > 0.68 else INK if share else QUIET,
                "gid": f"{name} helps {host}",
            }
            _tell(axes, j + 0.5, i, texts, few=few, weight="bold" if share else "normal", **look)
        more = balance.get(name, 0.0)
        sign, word = ("+", "gives more") if more > 0 else ("−", "takes more") if more < 0 else ("", "even")
        texts = [sign + headcount(abs(more), thousands), word if few else ""]
        _tell(axes, len(names) + 0.55, i, texts, few=few, weight="bold", color=INK, gid=f"balance of {name}")
    axes.text(len(names) + 0.55, -0.12, "balance", style="italic", **head)


def _tell(
    axes: Axes, x: float, row: int, texts: list[str], *, few: bool, gid: str, color: str, weight: str
) -> None:
    """Write a number into a row, and below it in small what there is to say of it."""
    look: dict[str, Any] = {"ha": "center", "va": "center", "color": color}
    axes.text(
        x,
        row + (0.4 if texts[1] else 0.5),
        texts[0],
        size=10.5 if few else 8.0,
        weight=weight,
        gid=gid,
        **look,
    )
    axes.text(x, row + 0.73, texts[1], size=7.5, **look)


def _shade(share: float) -> str:
    """Blue on white by share: dark on paper without colour too."""
    red, green, blue = (1 - share * (1 - part) for part in to_rgb("#00507d"))
    return str(to_hex((red, green, blue)))


# --- how much delay the gain bears ---------------------------------------------------------------------------


def break_even_figure(cooperation: Cooperation) -> Figure:
    """Draw how many people a joint team gains at each delay of a neighbour's unit.

    Parameters
    ----------
    cooperation
        With ``sweep``, ``break_even``, ``indicators`` and ``crossings``.

    Returns
    -------
    matplotlib.figure.Figure
        One line over the delay until a neighbour is alerted, one over that at each international crossing if there
        is any, marks after 2, 3, 5, 8 and 15 minutes, and what is gained under the agreements in force, if any.

    Examples
    --------
    >>> from mutualaid.cooperation import cooperation
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.reports import break_even_figure
    >>> figure = break_even_figure(cooperation(analyse(read_region(demo_path()))))
    >>> [line.get_label() for line in figure.axes[0].lines][:2]
    ['delay until the neighbour is alerted', 'delay at each international border crossing']
    """
    total = cooperation.break_even.iloc[0]
    sweep = cooperation.sweep[
        (cooperation.sweep["jurisdiction"] == "") & (cooperation.sweep["level"] == "joint")
    ]
    curves: list[tuple[str, str, dict[str, Any]]] = [
        ("dispatch_s", "delay until the neighbour is alerted", {"color": BLUE, "marker": "o"})
    ]
    told = "People gained: reached in time by the joint team, and not by their own service."
    if cooperation.crossings["international"].any():
        dashed = {"color": VERMILION, "marker": "s", "linestyle": (0, (5, 2))}
        curves.append(("crossing_s", "delay at each international border crossing", dashed))
        told += (
            " Each line changes one delay, the other stays as in this run. A delay at the border slows own units too "
            "where their way passes it, so people whom they no longer reach in time may be gained at any delay."
        )
    caption = _caption(told, cooperation, width=7.4)
    height = 5.0 + LINE * len(caption)
    with style():
        figure = Figure(figsize=(8.0, height))
        axes = figure.add_axes((0.95 / 8, (height - 4.25) / height, 6.75 / 8, 3.3 / height))
        for parameter, label, look in curves:
            curve = sweep[sweep["parameter"] == parameter].sort_values("seconds")
            seconds = curve["seconds"].to_numpy()
            marks = np.flatnonzero(np.isin(seconds, LEFT_AFTER_S)).tolist()
            axes.plot(
                seconds / 60,
                curve["closed"],
                label=label,
                markevery=marks,
                lw=2,
                ms=5.5,
                clip_on=False,
                **look,
            )
        agreed = _mark_agreed(axes, cooperation)
        _number_marks(axes, sweep[sweep["parameter"] == "dispatch_s"], agreed)
        axes.set(xlim=(0, max(15.3, 1.02 * axes.dataLim.x1)), ylim=(0, 1.08 * sweep["closed"].max()))
        axes.set_xticks([0, *(after / 60 for after in LEFT_AFTER_S)])
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.grid(axis="x", color="#dfe3e7", lw=0.8)
        axes.set_axisbelow(True)
        axes.set_xlabel("delay of a neighbour's unit (minutes)")
        axes.set_ylabel("people gained by a joint team")
        axes.legend(
            handles=axes.lines[: len(curves)],
            loc="lower left",
            bbox_to_anchor=(-0.02, 1.0),
            ncols=2,
            frameon=False,
        )
        write(figure, "How long may a neighbour's unit be delayed?", 0.3, size=14, weight="bold")
        write(figure, _bears(total), 0.56)
        write(figure, "\n".join(caption), height - 0.14, size=7.5, color=QUIET, va="bottom")
    return figure


def _mark_agreed(axes: Axes, cooperation: Cooperation) -> float | None:
    """Mark what is gained under the agreements in force, at the delays that they state, and give it."""
    told = cooperation.summary["agreements"]
    if not told:
        return None
    rows = cooperation.indicators
    gained = float(rows.loc[(rows["kind"] == "all") & (rows["level"] == "agreed"), "closed"].iloc[0])
    at = sorted({one["parameters"]["dispatch_delay_s"]["value"] / 60 for one in told})
    mark: dict[str, Any] = {"marker": "D", "ms": 8, "mfc": "white", "mew": 1.8, "ls": ":", "lw": 1.2}
    axes.plot(at, [gained] * len(at), color=INK, label="agreed", clip_on=False, zorder=5, **mark)
    axes.annotate(
        f"agreed today: {headcount(gained)} people",
        (at[-1], gained),
        (30, 26) if at[-1] < 8 else (-30, 26),
        textcoords="offset points",
        ha="left" if at[-1] < 8 else "right",
        weight="bold",
        arrowprops={"arrowstyle": "-", "color": INK, "lw": 0.8, "shrinkB": 6},
    )
    return gained


def _number_marks(axes: Axes, curve: pd.DataFrame, agreed: float | None) -> None:
    """Write what is left at the marks of a curve, but where what is agreed says the same."""
    marks = curve[curve["seconds"].isin(LEFT_AFTER_S)]
    for seconds, closed in zip(marks["seconds"].tolist(), marks["closed"].tolist(), strict=True):
        if agreed is None or not math.isclose(closed, agreed):
            at = (seconds / 60, closed)
            axes.annotate(headcount(closed), at, (6, 4), textcoords="offset points", size=8, color=BLUE)


def _bears(total: pd.Series) -> str:
    if math.isnan(total["break_even_s"]):
        return "A joint team gains nobody here."
    return (
        f"{headcount(total['gain'])} gained without any delay; half of them if a unit loses up to "
        f"{_clock(total['half_s'])} min, nobody beyond {_clock(total['break_even_s'])} min"
    )


def _clock(seconds: float) -> str:
    """Minutes and seconds, rounded down: no delay is called bearable that is not."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


# --- texts ---------------------------------------------------------------------------------------------------


def _caption(text: str, cooperation: Cooperation, *, width: float) -> list[str]:
    """Lines of small print, with what must be said with every result."""
    return small_print(text, (one["note"] for one in cooperation.summary["agreements"]), width=width)
