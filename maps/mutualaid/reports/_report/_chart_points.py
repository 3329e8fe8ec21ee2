"""Charts of points: before and after on one line a row, and lines over an ordered range."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

from mutualaid.reports._report._chart_parts import (
    GRID,
    INK,
    LINE_H,
    QUIET,
    SHAPES,
    SMALL,
    Label,
    Shown,
    draw_names,
    names_beside,
    positive_scale,
    reference_head,
    reference_line,
    spread,
    write_lines,
)
from mutualaid.reports._report._document import Mark
from mutualaid.reports._report._svg import Anchor, Canvas, fit, text_width, wrapped

__all__ = ["dots", "line"]

_RADIUS, _BESIDE = 6.0, 11.0
#: Height of a chart of lines, and the share of its width for the names at their ends.
_TALL, _ENDS = 210.0, 0.3
#: Widest name of a step.
_STEP = 110.0
_DASHES = (None, "8 4", "2 3.5", "10 3 2 3")
#: Up to so many points, each has a mark of its own.
_MARKED = 30


def dots(canvas: Canvas, shown: Shown, y: float) -> float:
    """Draw the series as marks on one line a category; the outer ones have their numbers beside, others above."""
    column, names = names_beside(shown, canvas.width)
    before = max((_ends(shown, row)[0] for row in range(len(names))), default=0.0)
    low, high = column + 12, canvas.width - 1
    zero = low + before
    ends = [
        (value, _BESIDE + label.width())
        for values, labels in zip(shown.values, shown.labels, strict=True)
        for value, label in zip(values, labels, strict=True)
        if value is not None
    ]
    if shown.reference:
        ends.append((shown.reference[0], 1.0))
    scale = positive_scale(ends, high - zero)
    y = reference_head(canvas, shown, y, lambda value: zero + scale * value, (low, high))
    if shown.names and shown.values:
        targets = [None if value is None else zero + scale * value for value in shown.values[0]]
        y = draw_names(canvas, shown, y, targets, (low, high), points=True)
    rows = [
        sorted((value, k) for k, value in enumerate(values) if value is not None) for values in shown.values
    ]
    inner = [bool(known) and bool(_inner(shown, row, known)) for row, known in enumerate(rows)]
    tops = [y]
    for above, lines in zip(inner, names, strict=True):
        tops.append(tops[-1] + max(42.0 if above else 30.0, LINE_H * len(lines) + 4))
    if shown.reference:
        reference_line(canvas, zero + scale * shown.reference[0], y, tops[-1])
    for row, lines in enumerate(names):
        middle = (tops[row] + tops[row + 1]) / 2 + (6 if inner[row] else 0)
        write_lines(canvas, 0.0, middle, lines, ref=shown.categories[row].ref)
        canvas.line([(zero, middle), (high, middle)], stroke=GRID, stroke_width=1)
        _marks(canvas, shown, row, rows[row], (zero, scale, high), middle)
    canvas.line([(zero, y), (zero, tops[-1])], stroke=INK, stroke_width=1)
    return tops[-1] + 4


def _ends(shown: Shown, row: int) -> tuple[float, float]:
    """Room before the first mark of a row and behind its last."""
    known = sorted((value, k) for k, value in enumerate(shown.values[row]) if value is not None)
    if len(known) < 2:
        return 0.0, 0.0
    labels = shown.labels[row]
    return _BESIDE + labels[known[0][1]].width(), _BESIDE + labels[known[-1][1]].width()


def _marks(
    canvas: Canvas,
    shown: Shown,
    row: int,
    known: list[tuple[float, int]],
    place: tuple[float, float, float],
    middle: float,
) -> None:
    zero, scale, high = place
    at = {k: zero + scale * value for value, k in known}
    labels = shown.labels[row]
    missing = [label for k, label in enumerate(labels) if k not in at and label.text]
    if known:
        first, last = known[0][1], known[-1][1]
        canvas.line([(at[first], middle), (at[last], middle)], stroke=QUIET, stroke_width=2)
        _value(canvas, at[last] + _BESIDE, middle + 4.7, labels[last], "start")
        if labels[first].text != labels[last].text:
            _value(canvas, at[first] - _BESIDE, middle + 4.7, labels[first], "end")
        inner = _inner(shown, row, known)
        widths = [labels[k].width() for k in inner]
        for k, moved in zip(inner, spread([at[k] for k in inner], widths, zero, high) or [], strict=True):
            _value(canvas, moved, middle - 10, labels[k], "middle")
        for _, k in known:
            look = {"fill": shown.marks[k].colour, "stroke": "#ffffff", "stroke_width": 1.2}
            canvas.mark(SHAPES[k % len(SHAPES)], at[k], middle, _RADIUS, **look)
    elif missing:
        canvas.text(zero + 6, middle + 4.7, missing[0].text, colour=QUIET, ref=missing[0].ref)


def _inner(shown: Shown, row: int, known: list[tuple[float, int]]) -> list[int]:
    """Series whose number stands above its mark: none that reads as an outer one does."""
    labels = shown.labels[row]
    said = {labels[known[0][1]].text, labels[known[-1][1]].text}
    found = []
    for _, k in known[1:-1]:
        if labels[k].text not in said:
            found.append(k)
            said.add(labels[k].text)
    return found


def _value(canvas: Canvas, x: float, y: float, label: Label, anchor: Anchor) -> None:
    """Write a number on white: lines may run behind it."""
    wide = label.width() + 4
    left = {"start": x - 2, "end": x - wide + 2, "middle": x - wide / 2}[anchor]
    canvas.rect(left, y - 11.5, wide, 15, Mark("#ffffff"))
    canvas.text(x, y, label.text, anchor=anchor, ref=label.ref)


# --- lines over an ordered range -------------------------------------------------------------------------------


def line(canvas: Canvas, shown: Shown, y: float, places: list[float] | None) -> float:
    """Draw series as lines, named at their ends; first, last, least and most values are written.

    Parameters
    ----------
    canvas, shown, y
        Where to draw what.
    places
        Numbers of the categories where they are in proportion; None for equal steps.
    """
    short = (replace(label, text=fit(label.text, _STEP, SMALL)) for label in shown.categories)
    shown = replace(shown, categories=tuple(short))
    count = len(shown.categories)
    ends = canvas.width * _ENDS
    low = max(28.0, max((label.width(SMALL) / 2 for label in shown.categories[:1]), default=0.0))
    beyond = max(14.0, max((label.width(SMALL) / 2 for label in shown.categories[-1:]), default=0.0))
    high = canvas.width - ends - beyond
    spots = places if places is not None else [float(k) for k in range(count)]
    span = (spots[-1] - spots[0]) if count > 1 else 0.0
    xs = [low + (high - low) * ((spot - spots[0]) / span if span else 0.5) for spot in spots]
    flat = [value for row in shown.values for value in row if value is not None]
    levels = [*flat, 0.0, *([shown.reference[0]] if shown.reference else [])]
    bottom, top = min(levels), max(levels)
    head, foot = y + 18, y + 18 + _TALL
    scale = _TALL / ((top - bottom) or 1.0)

    def height(value: float) -> float:
        return foot - scale * (value - bottom)

    for share in (0.25, 0.5, 0.75, 1.0):
        at = foot - share * _TALL
        canvas.line([(low, at), (high, at)], stroke=GRID, stroke_width=1)
    canvas.line([(low, height(0.0)), (high, height(0.0))], stroke=INK, stroke_width=1)
    taken: list[tuple[float, float, float, float]] = []
    if shown.reference:
        _level(canvas, shown, (low, high), height(shown.reference[0]), taken)
    for k in range(len(shown.names)):
        _path(canvas, shown, k, xs, height)
    deepest = _end_names(canvas, shown, xs, height, (high + beyond, head, foot))
    for k in range(len(shown.names)):
        _some_values(canvas, shown, k, (xs, height, (high + beyond, foot)), taken)
    return max(_below(canvas, shown, xs, foot), deepest)


def _level(
    canvas: Canvas,
    shown: Shown,
    room: tuple[float, float],
    at: float,
    taken: list[tuple[float, float, float, float]],
) -> None:
    if shown.reference is None:
        return
    _, value, name = shown.reference
    canvas.line([(room[0], at), (room[1], at)], stroke=INK, stroke_width=1.4, stroke_dasharray="5 3")
    wide = text_width(name, SMALL)
    canvas.text(room[0] + 4, at - 5, name, size=SMALL)
    canvas.text(room[0] + 10 + wide, at - 5, value.text, size=SMALL, bold=True, ref=value.ref)
    taken.append((room[0], at - 18, room[0] + 14 + wide + value.width(SMALL, bold=True), at + 2))


def _path(canvas: Canvas, shown: Shown, k: int, xs: list[float], height: Callable[[float], float]) -> None:
    colour = shown.marks[k].colour
    dash = _DASHES[1] if shown.marks[k].hatch == "dashed" else _DASHES[k % len(_DASHES)]
    run: list[tuple[float, float]] = []
    points = []
    for x, row in zip(xs, shown.values, strict=True):
        value = row[k]
        if value is None:
            _stretch(canvas, run, colour, dash)
            run = []
            continue
        run.append((x, height(value)))
        points.append(run[-1])
    _stretch(canvas, run, colour, dash)
    if len(xs) <= _MARKED:
        for at, level in points:
            look = {"fill": colour, "stroke": "#ffffff", "stroke_width": 1}
            canvas.mark(SHAPES[k % len(SHAPES)], at, level, 4.2, **look)


def _stretch(canvas: Canvas, run: list[tuple[float, float]], colour: str, dash: str | None) -> None:
    if len(run) > 1:
        look = {"stroke": colour, "stroke_width": 2.4, "stroke_linejoin": "round", "stroke_dasharray": dash}
        canvas.line(run, **look)


def _end_names(
    canvas: Canvas,
    shown: Shown,
    xs: list[float],
    height: Callable[[float], float],
    place: tuple[float, float, float],
) -> float:
    """Write names and last values behind the ends of the lines; returns how deep they reach."""
    start, head, foot = place
    room = canvas.width - start - 8
    lasts = []
    for k in range(len(shown.names)):
        known = [row for row in range(len(xs)) if shown.values[row][k] is not None]
        if known:
            lasts.append((k, known[-1]))
    blocks = [wrapped(shown.names[k], room, SMALL) for k, _ in lasts]
    heights = [height(shown.values[row][k] or 0.0) for k, row in lasts]
    sizes = [LINE_H * (len(lines) + 1) for lines in blocks]
    low, deep = head - 16, foot + 16
    placed = spread(heights, sizes, low, max(deep, low + sum(sizes) + 4 * len(sizes)), gap=4.0) or heights
    for (k, row), lines, level, at in zip(lasts, blocks, heights, placed, strict=True):
        label = shown.labels[row][k]
        canvas.line([(xs[row] + 6, level), (start + 2, at)], stroke=GRID, stroke_width=1)
        top = at - LINE_H * (len(lines) + 1) / 2
        for number, text in enumerate(lines):
            canvas.text(start + 6, top + LINE_H * number + 11.5, text, size=SMALL)
        canvas.text(start + 6, top + LINE_H * len(lines) + 11.5, label.text, bold=True, ref=label.ref)
    return max((at + size / 2 for at, size in zip(placed, sizes, strict=True)), default=foot) + 4


def _some_values(
    canvas: Canvas,
    shown: Shown,
    k: int,
    place: tuple[list[float], Callable[[float], float], tuple[float, float]],
    taken: list[tuple[float, float, float, float]],
) -> None:
    """Write the first value, the least and the most, and more while there is room."""
    xs, height, ends = place
    known = [(row, value) for row, values in enumerate(shown.values) if (value := values[k]) is not None]
    if len(known) < 2:
        return
    by_value = sorted(known[:-1], key=lambda one: (one[1], one[0]))
    wanted = [known[0][0], by_value[-1][0], by_value[0][0]]
    if len(known) * len(shown.names) <= 12:
        wanted += [row for row, _ in known[:-1]]
    said = {shown.labels[known[-1][0]][k].text}
    for row in dict.fromkeys(wanted):
        value, label = shown.values[row][k], shown.labels[row][k]
        if value is None or label.text in said:
            continue
        said.add(label.text)
        wide, level = label.width(SMALL), height(value)
        at = xs[row]
        for left, top in (
            (at - wide / 2, level - 21),
            (at - wide / 2, level + 7),
            (at + 8, level - 17),
            (at - wide - 8, level + 3),
            (at + 8, level + 3),
            (at - wide - 8, level - 17),
        ):
            box = (left, top, left + wide, top + 14)
            outside = left < 0 or box[2] > ends[0] or box[3] > ends[1]
            if outside or any(_meet(box, other) for other in taken) or _crosses(shown, xs, height, box):
                continue
            taken.append(box)
            canvas.text(left, top + 11.5, label.text, size=SMALL, ref=label.ref)
            break


def _meet(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] + 3 and b[0] < a[2] + 3 and a[1] < b[3] and b[1] < a[3]


def _crosses(
    shown: Shown, xs: list[float], height: Callable[[float], float], box: tuple[float, float, float, float]
) -> bool:
    """Tell whether any line runs through a box."""
    for k in range(len(shown.names)):
        for (x1, a), (x2, b) in pairwise(zip(xs, (row[k] for row in shown.values), strict=True)):
            if a is None or b is None or x2 < box[0] or x1 > box[2] or x1 == x2:
                continue
            for x in (max(x1, box[0]), (max(x1, box[0]) + min(x2, box[2])) / 2, min(x2, box[2])):
                level = height(a + (b - a) * (x - x1) / (x2 - x1))
                if box[1] - 1 < level < box[3] + 1:
                    return True
    return False


def _below(canvas: Canvas, shown: Shown, xs: list[float], foot: float) -> float:
    """Write the categories below the axis: all, or as many as do not touch, the first and the last always."""
    last = len(xs) - 1
    free_from = -1e9
    for k, label in enumerate(shown.categories):
        wide = label.width(SMALL)
        end = xs[last] - shown.categories[last].width(SMALL) / 2 - 8
        if k not in {0, last} and (xs[k] - wide / 2 < free_from or xs[k] + wide / 2 > end):
            continue
        canvas.line([(xs[k], foot), (xs[k], foot + 4)], stroke=QUIET, stroke_width=1)
        canvas.text(xs[k], foot + 17, label.text, anchor="middle", size=SMALL, ref=label.ref)
        free_from = xs[k] + wide / 2 + 8
    told = wrapped(shown.axis, xs[last], SMALL)
    for k, text in enumerate(told):
        canvas.text(xs[last], foot + 35 + LINE_H * k, text, anchor="end", size=SMALL, colour=QUIET)
    return foot + 24 + LINE_H * len(told)
