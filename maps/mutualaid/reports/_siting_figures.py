"""Picture of a siting study: what each further station adds, and what it costs in time."""

from __future__ import annotations

import textwrap
from itertools import pairwise
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mutualaid.reports._figure_style import (
    BLUE,
    INK,
    LINE,
    QUIET,
    VERMILION,
    headcount,
    small_print,
    style,
    write,
)
from mutualaid.siting import SitingStudy

__all__ = ["siting_figure"]

#: Inches: the page's width; what stands above the panels, their height, and what stands below them but for the caption.
_WIDTH, _ABOVE, _TALL, _BELOW = 8.0, 0.85, 2.9, 0.7
_LEVELS = {"alone": "each partner alone", "agreed": "under today's agreements", "joint": "one joint team"}


def siting_figure(study: SitingStudy) -> Figure:
    """Draw people in time by number of new stations, and beside it against money or the mean time.

    Parameters
    ----------
    study
        With a ``curve``.

    Returns
    -------
    matplotlib.figure.Figure
        To the left the curve by number, with what each further station adds and, where optimality was not proven, the
        bound. To the right people against cost if costs differ, else against the mean time: efficient plans are
        filled, the others hollow; the plan of the study has a ring.

    Examples
    --------
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.reports import siting_figure
    >>> from mutualaid.siting import siting
    >>> study = siting(analyse(read_region(demo_path())), add=1, curve_to=2, alternatives=1)
    >>> len(siting_figure(study).axes)
    2
    """
    curve, money = study.curve, len(study.cost_curve) > 1
    right = study.cost_curve if money else study.time_curve
    text = (
        "Left: the most people in time that any choice of so many new stations reaches. Right: each mark is a plan; "
        "filled: no other shown is better in both; ring: the plan proposed."
    )
    caption = small_print(text, study.notes, width=_WIDTH - 0.6)
    height = _ABOVE + _TALL + _BELOW + LINE * len(caption)
    with style():
        figure = Figure(figsize=(_WIDTH, height))
        panels = 2 if len(right) > 1 else 1
        wide = 3.15 / _WIDTH if panels == 2 else 6.75 / _WIDTH
        bottom, tall = 1 - (_ABOVE + _TALL) / height, _TALL / height
        axes = figure.add_axes((0.95 / _WIDTH, bottom, wide, tall))
        _by_number(axes, curve)
        if panels == 2:
            axes = figure.add_axes((4.75 / _WIDTH, bottom, 3.0 / _WIDTH, tall))
            _against(axes, right, "cost" if money else "mean_s", study)
        write(figure, "What would new stations bring?", 0.3, size=14, weight="bold")
        limit = study.analysis.standard
        told = f"People in time by {limit.name}, {_LEVELS[study.level]}"
        write(figure, told, 0.56)
        write(figure, "\n".join(caption), height - 0.14, size=7.5, color=QUIET, va="bottom")
    return figure


def _by_number(axes: Axes, curve: pd.DataFrame) -> None:
    number, people = curve["added"].to_numpy(), curve["people"].to_numpy()
    axes.plot(number, people, color=BLUE, marker="o", lw=2, ms=5.5, label="people", clip_on=False)
    if (curve["bound"] > curve["people"] * (1 + 1e-9)).any():
        look: dict[str, Any] = {"color": VERMILION, "ls": (0, (3, 2)), "lw": 1.2}
        axes.plot(number, curve["bound"], label="nobody can do better than this", **look)
        axes.legend(loc="lower right", frameon=False)
    for at, (before, now) in enumerate(pairwise(people), start=1):
        told = f"+{headcount(now - before)}" if now > before else "0"
        axes.annotate(told, (number[at], now), (5, -12), textcoords="offset points", size=8, color=BLUE)
    spread = max(float(people.max() - people.min()), 1.0)
    axes.set(
        xlim=(-0.3, number.max() + 0.45), ylim=(people.min() - 0.15 * spread, people.max() + 0.1 * spread)
    )
    axes.set_xticks(number)
    axes.set_xlabel("new stations")
    axes.set_ylabel("people in time")
    _finish(axes)


def _against(axes: Axes, table: pd.DataFrame, column: str, study: SitingStudy) -> None:
    x = table[column] / (60 if column == "mean_s" else 1)
    efficient = table["pareto"].to_numpy(bool)
    look: dict[str, Any] = {"ls": "", "marker": "o", "ms": 6, "color": BLUE, "clip_on": False}
    axes.plot(x[~efficient], table["people"][~efficient], mfc="white", label="other plans", **look)
    axes.plot(x[efficient], table["people"][efficient], label="efficient", **look)
    opened = ";".join(study.plan.opened)
    chosen = (table["opened"] == opened).to_numpy()
    if chosen.any():
        ring: dict[str, Any] = {
            "ls": "",
            "marker": "o",
            "ms": 13,
            "mfc": "none",
            "color": INK,
            "clip_on": False,
        }
        axes.plot(x[chosen], table["people"][chosen], label="proposed", **ring)
    for at, people, names in zip(x, table["people"], table["opened"], strict=True):
        told = textwrap.shorten(names.replace(";", ", "), 24, placeholder=" …")
        left = at > (x.min() + x.max()) / 2
        look = {"ha": "right" if left else "left", "size": 7.5, "color": QUIET}
        axes.annotate(told, (at, people), (-11 if left else 11, -3), textcoords="offset points", **look)
    axes.margins(0.12)
    axes.set_xlabel("mean time of those reached (minutes)" if column == "mean_s" else "cost")
    _finish(axes)


def _finish(axes: Axes) -> None:
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.grid(axis="y", color="#dfe3e7", lw=0.8)
    axes.set_axisbelow(True)
