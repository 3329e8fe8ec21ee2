"""Picture of an evacuation: who is out when, and what decides how long it takes."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mutualaid.evacuation import EvacuationStudy
from mutualaid.reports._figure_style import (
    BLUE,
    GREEN,
    LINE,
    QUIET,
    VERMILION,
    headcount,
    small_print,
    style,
    write,
)

__all__ = ["evacuation_figure"]

#: Inches: the page's width; what stands above the panels, their height, and what stands below them but for the caption.
_WIDTH, _ABOVE, _TALL, _BELOW = 8.0, 0.9, 2.9, 0.7
_LEVELS = {"own": "own shelters and roads", "joint": "with the neighbour's"}
_FACTORS = {
    "planning": "roads as planned",
    "evacuation": "as at observed peaks",
    "sustained": "as observed over hours",
}


def evacuation_figure(study: EvacuationStudy) -> Figure:
    """Draw people out by time, by the plan and to the nearest, and beside it the bounds of the clearance time.

    Parameters
    ----------
    study
        What `mutualaid.evacuation.evacuation` found.

    Returns
    -------
    matplotlib.figure.Figure
        To the left the curves, with the two proven bounds as a band. To the right the bounds with own shelters and
        with the neighbours', and at each capacity of the roads: a bar from the lower to the upper bound.
    """
    text = (
        "Left: people who have reached a shelter or exit. Band: the clearance time lies in it, proven for the roads, "
        "people and release that are assumed. Right: each bar runs from the lower to the upper bound, for those who "
        "get out."
    )
    caption = small_print(text, [study.analysis.region.note, *study.notes], width=_WIDTH - 0.6)
    height = _ABOVE + _TALL + _BELOW + LINE * len(caption)
    with style():
        figure = Figure(figsize=(_WIDTH, height))
        bottom, tall = 1 - (_ABOVE + _TALL) / height, _TALL / height
        _curves(figure.add_axes((0.85 / _WIDTH, bottom, 3.3 / _WIDTH, tall)), study)
        _bars(figure.add_axes((6.0 / _WIDTH, bottom, 1.75 / _WIDTH, tall)), study)
        write(figure, study.case.name or "How long does clearing take?", 0.3, size=14, weight="bold")
        write(figure, _headline(study), 0.58)
        write(figure, "\n".join(caption), height - 0.14, size=7.5, color=QUIET, va="bottom")
    return figure


def _headline(study: EvacuationStudy) -> str:
    lower, upper = study.bracket.lower_s, study.bracket.upper_s
    out = headcount(float(study.zones["people_out"].sum()))
    everybody = headcount(float(study.zones["people"].sum()))
    until = f"and {_minutes(upper)} min" if math.isfinite(upper) else "min and an unknown time"
    return f"{out} of {everybody} people get out; the last arrives between {_minutes(lower)} {until} after the alarm"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:,.0f}"


def _curves(axes: Axes, study: EvacuationStudy) -> None:
    all_zones = study.curves[study.curves["zone"] == ""]
    looks = {"plan": ("plan", BLUE, "-", 2.0), "nearest": ("all to the nearest", VERMILION, (0, (4, 2)), 1.6)}
    last = 1.0
    for kind, (label, color, dashes, width) in looks.items():
        curve = all_zones[all_zones["kind"] == kind]
        if curve.empty:
            continue
        minutes = np.concatenate([[0.0], curve["time_s"].to_numpy() / 60])
        axes.plot(
            minutes, np.concatenate([[0.0], curve["people"]]), color=color, ls=dashes, lw=width, label=label
        )
        last = max(last, float(minutes[-1]))
    lower, upper = study.bracket.lower_s / 60, study.bracket.upper_s / 60
    if math.isfinite(upper):
        axes.axvspan(lower, max(upper, lower + last / 300), color=BLUE, alpha=0.15, lw=0)
        last = max(last, upper)
    arrives = study.zones["arrives_s"].min() / 60
    if math.isfinite(arrives) and arrives <= 1.3 * last:
        axes.axvline(arrives, color=VERMILION, lw=1)
        note = "hazard reaches\nthe first zone"
        axes.annotate(note, (arrives, 0.03), (3, 0), xycoords=("data", "axes fraction"),
                      textcoords="offset points", size=7.5, color=VERMILION)  # fmt: skip
        last = max(last, arrives)
    axes.set(xlim=(0, 1.04 * last), ylim=(0, 1.05 * float(study.zones["people"].sum())))
    axes.set_xlabel("minutes after the alarm")
    axes.set_ylabel("people out")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.legend(loc="lower right", frameon=False, fontsize=8)
    axes.grid(axis="y", color="#dfe3e7", lw=0.8)
    axes.set_axisbelow(True)


def _bars(axes: Axes, study: EvacuationStudy) -> None:
    rows = list(_ranges(study))
    known = [value for _, low, high, _ in rows for value in (low, high) if math.isfinite(value)]
    last = max([*known, 1.0])
    for at, (_, low, high, color) in enumerate(rows):
        end = high if math.isfinite(high) else 1.2 * last
        axes.barh(at, max(end - low, last / 150), left=low, height=0.5, color=color)
    axes.set_yticks(range(len(rows)), [row[0] for row in rows], fontsize=8)
    axes.set(xlim=(0, 1.25 * last), ylim=(len(rows) - 0.4, -0.6))
    axes.set_xlabel("minutes")
    axes.tick_params(axis="y", length=0)


def _ranges(study: EvacuationStudy) -> Iterator[tuple[str, float, float, str]]:
    for name, row in study.levels.iterrows():
        told = f"{_LEVELS[str(name)]}:\n{headcount(row['people_out'])} people out"
        yield told, row["lower_s"] / 60, row["upper_s"] / 60, GREEN if name == "joint" else VERMILION
    for name, row in study.sensitivity.iterrows():
        told = f"{_FACTORS[str(name)]}:\n{row['vehicles']:,.0f} vehicles out"
        yield told, row["lower_s"] / 60, row["upper_s"] / 60, BLUE
