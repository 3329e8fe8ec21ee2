"""What all kinds of charts share: their words and numbers, keys, references, and labels that make room."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

from mutualaid.reports._report._document import Chart, Mark, Ref, Value
from mutualaid.reports._report._svg import Canvas, text_width, wrapped

__all__ = [
    "GRID", "INK", "LINE_H", "QUIET", "SHAPES", "SIZE", "SMALL", "Label", "Shown", "draw_names", "is_line",
    "names_beside", "positive_scale", "read", "reference_head", "reference_line", "sample", "spread", "write_lines",
]  # fmt: skip

INK, QUIET, GRID = "#1f2933", "#52606d", "#dfe4e8"
#: Size of values and categories, and of names and notes, in pixels; and the height of a line.
SIZE, SMALL, LINE_H = 13.0, 12.0, 15.0
#: Marks of series in their order, where points are drawn.
SHAPES = ("circle", "square", "diamond", "triangle", "hexagon", "triangle_down")
_SWATCH = (16.0, 11.0)

#: What is less has no length in any chart, and would overflow as the largest of one.
_NOTHING = 1e-9


@dataclass(frozen=True)
class Label:
    """A text, and where its number comes from if it is nothing but a number."""

    text: str
    ref: Ref | None = None

    def width(self, size: float = SIZE, *, bold: bool = False) -> float:
        """Give its width in pixels."""
        return text_width(self.text, size, bold=bold)


@dataclass(frozen=True)
class Shown:
    """A chart in one language.

    Attributes
    ----------
    categories, names
        What each row or position is, and each series.
    values, labels
        By category and series; None where there is no number, which the label tells, if there is one.
    marks
        Of the series.
    axis
        What the lengths are.
    reference
        A value to compare with, its number in words, and what it is.
    """

    categories: tuple[Label, ...]
    names: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    labels: tuple[tuple[Label, ...], ...]
    marks: tuple[Mark, ...]
    axis: str
    reference: tuple[float, Label, str] | None


def read(chart: Chart, say: Callable[[Value], str], number: Callable[[Ref], float | None]) -> Shown:
    """Put a chart into words and numbers."""

    def value(ref: Ref | None) -> float | None:
        found = None if ref is None else number(ref)
        if found is None or not math.isfinite(found):
            return None
        return float(found) if abs(found) >= _NOTHING else 0.0

    def label(ref: Value | None) -> Label:
        return Label("") if ref is None else Label(say(ref), ref if isinstance(ref, Ref) else None)

    rows = range(len(chart.categories))
    reference = None
    if chart.reference is not None and (level := value(chart.reference[0])) is not None:
        reference = (level, label(chart.reference[0]), say(chart.reference[1]))
    return Shown(
        categories=tuple(label(one) for one in chart.categories),
        names=tuple(say(one.label) for one in chart.series),
        values=tuple(tuple(value(one.values[row]) for one in chart.series) for row in rows),
        labels=tuple(tuple(label(one.values[row]) for one in chart.series) for row in rows),
        marks=tuple(one.mark for one in chart.series),
        axis=say(chart.axis),
        reference=reference,
    )


# --- room ------------------------------------------------------------------------------------------------------


def spread(
    centres: Sequence[float], widths: Sequence[float], low: float, high: float, *, gap: float = 8.0
) -> list[float] | None:
    """Move labels along a line so that none lies on another, each as near to its centre as may be.

    Returns
    -------
    list of float or None
        Centres, in the order of the given ones; None if they do not fit between `low` and `high`.
    """
    count = len(widths)
    room = high - low - sum(widths) - gap * (count - 1)
    if room < -1e-6:
        return None
    if not count:
        return []
    order = np.argsort(np.asarray(centres), kind="stable")
    wide = np.asarray(widths, dtype=np.float64)[order]
    # Less what stands before each, they only have to rise: labels that would overlap share the mean of their places.
    before = np.concatenate([[0.0], np.cumsum(wide + gap)[:-1]])
    wanted = np.asarray(centres, dtype=np.float64)[order] - wide / 2 - before
    starts = np.clip(isotonic_regression(wanted).x, low, low + max(room, 0.0)) + before
    found = np.empty(count)
    found[order] = starts + wide / 2
    placed: list[float] = found.tolist()
    return placed


def positive_scale(ends: Sequence[tuple[float, float]], room: float) -> float:
    """Pixels of a unit, so that each length and the label behind it fit.

    Parameters
    ----------
    ends
        Length in units, and pixels behind it.
    room
        Pixels in all.
    """
    fits = [(room - behind) / length for length, behind in ends if length > 0]
    return max(min(fits, default=1.0), 1e-9)


def names_beside(shown: Shown, width: float) -> tuple[float, list[list[str]]]:
    """Width of the column of categories, and their lines."""
    most = max((label.width() for label in shown.categories), default=0.0)
    column = min(most + 1.0, width * 0.28)
    return column, [wrapped(label.text, column, SIZE) for label in shown.categories]


def write_lines(
    canvas: Canvas,
    x: float,
    middle: float,
    lines: Sequence[str],
    *,
    ref: Ref | None = None,
    bold: bool = False,
) -> None:
    """Write lines from `x` on, centred at a height."""
    top = middle - LINE_H * len(lines) / 2
    for k, line in enumerate(lines):
        canvas.text(x, top + LINE_H * k + 11.5, line, ref=ref if len(lines) == 1 else None, bold=bold)


# --- samples and names -----------------------------------------------------------------------------------------


def is_line(mark: Mark) -> bool:
    """Tell whether a mark stands for a line."""
    return mark.hatch in {"line", "dashed"}


def sample(canvas: Canvas, x: float, middle: float, mark: Mark, width: float, height: float) -> None:
    """Draw what a mark looks like, in a box from `x` on."""
    colour, top = mark.colour, middle - height / 2
    if is_line(mark):
        dash = "5 3.5" if mark.hatch == "dashed" else None
        look = {"stroke": colour, "stroke_width": min(3.0, height / 3), "stroke_dasharray": dash}
        canvas.line([(x, middle), (x + width, middle)], **look)
    elif mark.hatch == "ring":
        canvas.mark("circle", x + width / 2, middle, height * 0.4, fill="none", stroke=colour, stroke_width=2)
    elif mark.hatch == "cross_out":
        a, b, r = x + width / 2, middle, height * 0.36
        for one in ([(a - r, b - r), (a + r, b + r)], [(a - r, b + r), (a + r, b - r)]):
            canvas.line(one, stroke=colour, stroke_width=2.4)
    elif mark.hatch in SHAPES or mark.hatch == "star":
        canvas.mark(mark.hatch, x + width / 2, middle, height * 0.42, fill=colour)
    else:
        canvas.rect(x, top, width, height, mark)
        left = canvas.x(x + width) if canvas.rtl else x
        frame = shape_frame(left + 0.5, top + 0.5, width - 1, height - 1)
        canvas.path(frame, fill="none", stroke=INK, stroke_opacity=0.35, stroke_width=1)


def shape_frame(left: float, top: float, width: float, height: float) -> str:
    """Outline of a box, as the data of a path."""
    return f"M{left:g} {top:g}h{width:g}v{height:g}h{-width:g}Z"


def draw_names(
    canvas: Canvas,
    shown: Shown,
    y: float,
    targets: Sequence[float | None],
    room: tuple[float, float],
    *,
    points: bool = False,
) -> float:
    """Write the name of each series above the marks of the first row, with lines down to them.

    Parameters
    ----------
    canvas
        Where to draw.
    shown
        The chart.
    y
        Upper edge of the names.
    targets
        Where the mark of each series is in the first row; None where it has none.
    room
        Where the row starts and ends.
    points
        Whether series are drawn as points.

    Returns
    -------
    float
        Upper edge of the first row.
    """
    looks = [
        Mark(mark.colour, SHAPES[k % len(SHAPES)]) if points else mark for k, mark in enumerate(shown.marks)
    ]
    beside = _SWATCH[0] + 5
    widths = [beside + text_width(name, SMALL) for name in shown.names]
    wanted = [room[0] if at is None else at for at in targets]
    placed = spread(wanted, widths, room[0], room[1], gap=14.0) if None not in targets else None
    if placed is not None and [k for _, k in sorted(zip(placed, range(len(placed)), strict=True))] == list(
        range(len(placed))
    ):
        for k, at in enumerate(placed):
            start = at - widths[k] / 2
            sample(canvas, start, y + 7, looks[k], *_SWATCH)
            canvas.text(start + beside, y + 11.5, shown.names[k], size=SMALL)
            foot = [(start + _SWATCH[0] / 2, y + 15), (wanted[k], y + 25)]
            if widths[k] / 2 > abs(at - wanted[k]):
                foot = [(wanted[k], y + 16), (wanted[k], y + 25)]
            canvas.line(foot, stroke=QUIET, stroke_width=0.8)
        return y + 26
    at, low = 0.0, y
    for k, name in enumerate(shown.names):
        lines = wrapped(name, canvas.width - beside, SMALL)
        long = beside + max(text_width(line, SMALL) for line in lines)
        if at and at + long > canvas.width:
            at, low = 0.0, low + 19
        sample(canvas, at, low + 7, looks[k], *_SWATCH)
        for row, line in enumerate(lines):
            canvas.text(at + beside, low + 11.5 + LINE_H * row, line, size=SMALL)
        at += long + 18
        low += LINE_H * (len(lines) - 1)
    return low + 24


# --- reference -------------------------------------------------------------------------------------------------


def reference_head(
    canvas: Canvas, shown: Shown, y: float, place: Callable[[float], float], room: tuple[float, float]
) -> float:
    """Write above the rows what the line of reference is; returns the edge below it."""
    if shown.reference is None:
        return y
    level, value, name = shown.reference
    name_w, value_w = text_width(name, SMALL), value.width(SMALL, bold=True)
    wide = name_w + 6 + value_w
    start = min(max(place(level) - wide / 2, room[0]), max(room[1] - wide, 0.0))
    canvas.text(start, y + 11.5, name, size=SMALL)
    canvas.text(start + name_w + 6, y + 11.5, value.text, size=SMALL, bold=True, ref=value.ref)
    return y + 18


def reference_line(canvas: Canvas, at: float, top: float, bottom: float) -> None:
    """Draw an upright line of reference."""
    look = {"stroke": INK, "stroke_width": 1.4, "stroke_dasharray": "5 3"}
    canvas.line([(at, top), (at, bottom)], **look)
