"""Picture of a comparison: who is in time now and was not before, and what each part of the data did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from mutualaid.reports._compare import Comparison
from mutualaid.reports._figure_style import (
    BLUE,
    INK,
    LINE,
    PALE,
    QUIET,
    VERMILION,
    headcount,
    small_print,
    style,
    write,
)

__all__ = ["difference_figure"]

#: Inches: the page's width; what stands above the panels, their height, and what stands below them but for the caption.
_WIDTH, _ABOVE, _TALL, _BELOW = 8.0, 0.85, 4.4, 0.95
#: How each change is drawn, the last on top: colour, edge, hatching, and what it is called.
_LOOK: Mapping[str, tuple[str, str, str]] = {
    "still_not": ("#c9ced3", "", "not in time, as before"),
    "still": (PALE, "", "in time, as before"),
    "lost": (VERMILION, "xxxx", "no longer in time"),
    "gained": (BLUE, "", "in time now"),
}
_PARTS = {"people": "people, boundaries", "parameters": "parameters, standard", "stations": "stations, units"}
#: Metres: side of the square that a place without a cell is drawn as, if it is all of the region's places.
_POINT_M = 60.0


def difference_figure(comparison: Comparison) -> Figure:
    """Draw the map of differences for one joint team, and beside it what each part did.

    Parameters
    ----------
    comparison
        As `mutualaid.reports.compare` gives it.

    Returns
    -------
    matplotlib.figure.Figure
        To the left the places of the later state with the outlines of jurisdictions; what is lost is hatched too, so
        that it is told apart in grey. To the right people in time before and after, and the share of each part.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.reports import compare, difference_figure
    >>> old = read_region(demo_path())
    >>> new = replace(old, parameters=replace(old.parameters, dispatch_s=120.0))
    >>> len(difference_figure(compare(old, new, scenarios=False)).axes)
    2
    """
    heads = [comparison.summary[side]["id"] for side in ("before", "after")]
    text = (
        "Left: places where people live now. Right: people in time before and after, and what each part of the data "
        "did: its mean over all orders in which the parts could have changed."
    )
    mapped = [note for note in comparison.notes if "OpenStreetMap" in note]
    caption = small_print(text, mapped, width=_WIDTH - 0.6)
    height = _ABOVE + _TALL + _BELOW + LINE * len(caption)
    with style():
        figure = Figure(figsize=(_WIDTH, height))
        bottom, tall = 1 - (_ABOVE + _TALL) / height, _TALL / height
        axes = figure.add_axes((0.25 / _WIDTH, bottom, 4.4 / _WIDTH, tall))
        _map(axes, comparison)
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(
            handles[::-1], labels[::-1], loc="upper left", bbox_to_anchor=(0.02, bottom - 0.05 / height),
            frameon=False, ncols=2, fontsize=8.5, title="People where they live now", title_fontsize=8.5,
            alignment="left",
        )  # fmt: skip
        bars = min(0.55 * (1 + len(comparison.summary["total"]["covered_joint"]["parts"])), _TALL) / height
        _bars(figure.add_axes((6.2 / _WIDTH, bottom + tall - bars, 1.45 / _WIDTH, bars)), comparison)
        write(figure, "Who is in time now and was not before?", 0.3, size=14, weight="bold")
        write(figure, f"One joint team, {heads[0]} against {heads[1]}", 0.56)
        write(figure, "\n".join(caption), height - 0.14, size=7.5, color=QUIET, va="bottom")
    return figure


def _map(axes: Axes, comparison: Comparison) -> None:
    layer, sums = comparison.difference, comparison.summary["difference"]["joint"]
    cells = "cell_x" in layer.columns and comparison.after.cell_m is not None
    side = float(comparison.after.cell_m or _POINT_M) if cells else _POINT_M
    x, y = (
        (layer["cell_x"], layer["cell_y"])
        if cells
        else (layer.geometry.x - side / 2, layer.geometry.y - side / 2)
    )
    lower = np.column_stack([x, y]).astype(np.float64)
    square = side * np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    for word, (colour, hatch, called) in _LOOK.items():
        rows = (layer["joint_change"] == word).to_numpy()
        look: dict[str, Any] = {
            "facecolor": colour,
            "edgecolor": "white" if hatch else colour,
            "linewidth": 0.2,
        }
        if hatch:
            look |= {"hatch": hatch, "linewidth": 0.0}
        people = sums[word]["people"]
        squares = lower[rows][:, None, :] + square
        axes.add_collection(PolyCollection(list(squares), label=f"{called}: {headcount(people)}", **look))
    comparison.after.jurisdictions.boundary.plot(ax=axes, color=INK, linewidth=0.6)
    axes.set_aspect("equal")
    axes.autoscale_view()
    axes.set_axis_off()


def _bars(axes: Axes, comparison: Comparison) -> None:
    block = comparison.summary["total"]["covered_joint"]
    parts = {name: one["change"] or 0.0 for name, one in block["parts"].items()}
    names = [*parts, "whole change"]
    values = np.array([*parts.values(), block["change"] or 0.0])
    at = np.arange(len(names))
    colours = [BLUE if value >= 0 else VERMILION for value in values]
    bars = axes.barh(at, values, color=colours, height=0.62)
    for bar, value in zip(bars, values, strict=True):
        if value < 0:
            bar.set_hatch("xxxx")
            bar.set_edgecolor("white")
    bars[-1].set_linewidth(1.4)
    axes.axvline(0, color=INK, lw=0.8)
    reach = max(float(np.abs(values).max(initial=0.0)), 1.0)
    for y, value in zip(at, values, strict=True):
        shown = f"{value:+,.0f}".replace("-", "−") if round(value) else "0"
        left = value < 0
        axes.annotate(
            shown, (0.0 if left else value, y), (4, 0), textcoords="offset points", va="center", size=8.5,
            weight="bold" if y == at[-1] else "normal",
        )  # fmt: skip
    axes.set_yticks(at, [_PARTS.get(name, name) for name in names])
    axes.get_yticklabels()[-1].set_fontweight("bold")
    axes.set_xlim(
        min(float(values.min(initial=0.0)), -0.02 * reach),
        max(float(values.max(initial=0.0)), 0.3 * reach) * 1.5,
    )
    axes.invert_yaxis()
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    told = f"{headcount(block['before'] or 0)} → {headcount(block['after'] or 0)}"
    axes.set_title(f"People in time: {told}", fontsize=9, loc="left", x=-0.9)
