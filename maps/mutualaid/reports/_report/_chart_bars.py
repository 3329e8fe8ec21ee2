"""Charts of bars: stacked, grouped and diverging; every number stands at its bar."""

from __future__ import annotations

from mutualaid.reports._report._chart_parts import (
    GRID,
    INK,
    LINE_H,
    QUIET,
    SIZE,
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
from mutualaid.reports._report._svg import Anchor, Canvas, contrast, text_width, wrapped

__all__ = ["bars", "give_and_take", "stacked"]

#: Height of a bar, of one of several, and between categories.
_BAR, _THIN, _BETWEEN = 24.0, 15.0, 12.0
#: Between a bar and its value.
_BESIDE = 6.0
#: Room around a value that is written on a bar.
_PLATE = 4.0


def stacked(canvas: Canvas, shown: Shown, y: float) -> float:
    """Draw bars whose series add up; what is too narrow for its number has it below, with a line to it."""
    column, names = names_beside(shown, canvas.width)
    low, high = column + 12, canvas.width - 1
    whole = [sum(max(value or 0.0, 0.0) for value in row) for row in shown.values]
    reach = max([*whole, shown.reference[0] if shown.reference else 0.0], default=0.0) or 1.0
    scale = (high - low) / reach
    y = reference_head(canvas, shown, y, lambda value: low + scale * value, (low, high))
    if shown.names and shown.values:
        y = draw_names(canvas, shown, y, _centres(shown.values[0], low, scale), (low, high))
    top = y
    for row, lines in enumerate(names):
        tall = max(_BAR, LINE_H * len(lines))
        write_lines(canvas, 0.0, y + tall / 2, lines, ref=shown.categories[row].ref)
        below = _stack(canvas, shown, row, (low, high, scale), y + (tall - _BAR) / 2)
        y += max(tall, below) + _BETWEEN
    y -= _BETWEEN if names else 0
    canvas.line([(low, top - 3), (low, y + 3)], stroke=INK, stroke_width=1)
    if shown.reference:
        reference_line(canvas, low + scale * shown.reference[0], top - 3, y + 3)
    return y + 4


def _centres(values: tuple[float | None, ...], low: float, scale: float) -> list[float | None]:
    found: list[float | None] = []
    at = low
    for value in values:
        wide = scale * max(value or 0.0, 0.0)
        found.append(at + wide / 2 if wide > 0 else None)
        at += wide
    return found


def _stack(canvas: Canvas, shown: Shown, row: int, place: tuple[float, float, float], y: float) -> float:
    """Draw one bar; returns how far it reaches below `y`, with the numbers under it."""
    low, high, scale = place
    at, outside = low, []
    for value, label, mark in zip(shown.values[row], shown.labels[row], shown.marks, strict=True):
        wide = scale * max(value or 0.0, 0.0)
        canvas.rect(at, y, wide, _BAR, mark)
        if at > low and wide > 0:
            canvas.line([(at, y), (at, y + _BAR)], stroke="#ffffff", stroke_width=1)
        long = label.width()
        if wide >= long + 2 * _PLATE + 2:
            _on_bar(canvas, at + wide / 2, y + _BAR / 2, label, mark)
        elif label.text and (value is None or value > 0):
            outside.append((at + wide / 2, label, value is not None))
        at += wide
    if not outside:
        return _BAR
    # Numbers that do not fit into one line below a bar go into two.
    foot = _BAR
    while outside:
        line, outside = _first_line(outside, high - low - 4)
        widths = [one[1].width() for one in line]
        centres = spread([one[0] for one in line], widths, low + 4, high)
        for (centre, label, drawn), moved in zip(line, centres or [], strict=True):
            if drawn:
                canvas.line([(centre, y + _BAR), (moved, y + foot + 5)], stroke=QUIET, stroke_width=0.8)
            canvas.text(moved, y + foot + 16, label.text, anchor="middle", ref=label.ref)
        foot += 19
    return foot


_Outside = list[tuple[float, Label, bool]]


def _first_line(labels: _Outside, room: float) -> tuple[_Outside, _Outside]:
    """Take as many labels as fit beside each other; at least one."""
    wide = 0.0
    for k, (_, label, _drawn) in enumerate(labels):
        wide += label.width() + 8.0
        if k and wide - 8.0 > room:
            return labels[:k], labels[k:]
    return labels, []


def _on_bar(canvas: Canvas, centre: float, middle: float, label: Label, mark: Mark) -> None:
    if mark.hatch:
        long = label.width() + 2 * _PLATE
        canvas.rect(centre - long / 2, middle - 8.5, long, 17, Mark(mark.colour), rx=2)
    colour = contrast(mark.colour)
    canvas.text(centre, middle + 4.7, label.text, anchor="middle", colour=colour, ref=label.ref)


# --- side by side ----------------------------------------------------------------------------------------------


def bars(canvas: Canvas, shown: Shown, y: float) -> float:
    """Draw a bar for each number from zero, to the side of its sign; several series below each other, each named."""
    single = len(shown.names) < 2
    if single:
        column, names = names_beside(shown, canvas.width)
    else:
        column = min(max(text_width(name, SMALL) for name in shown.names) + 1 + 8, canvas.width * 0.34)
        names = [wrapped(name, column - 8, SMALL, lines=2) for name in shown.names]
    low, high = column + 12, canvas.width - 1
    zero, scale = _zero(shown, low, high)
    if single and shown.names and shown.names[0] and shown.names[0] != shown.axis:
        y = draw_names(canvas, shown, y, [None], (low, high))
    y = reference_head(canvas, shown, y, lambda value: zero + scale * value, (low, high))
    top = y
    for row, category in enumerate(shown.categories):
        if single:
            lines, tall = names[row], max(_BAR - 4, LINE_H * len(names[row]))
            write_lines(canvas, 0.0, y + tall / 2, lines, ref=category.ref)
            if shown.names:
                _bar(canvas, shown, (row, 0), (zero, scale), (y + tall / 2 - 9, 18.0))
            y += tall + 8
            continue
        for line in wrapped(category.text, canvas.width, SIZE, bold=True):
            canvas.text(0.0, y + 12, line, bold=True, ref=category.ref)
            y += LINE_H + 3
        head = y
        for k, lines in enumerate(names):
            tall = max(_THIN + 4, 14.0 * len(lines))
            for number, line in enumerate(lines):
                foot = y + tall / 2 - 7.0 * len(lines) + 14.0 * number + 11
                canvas.text(8.0, foot, line, size=SMALL)
            _bar(canvas, shown, (row, k), (zero, scale), (y + tall / 2 - _THIN / 2, _THIN))
            y += tall
        _axis(canvas, zero, head, y)
        y += _BETWEEN
    y -= 8 if single else _BETWEEN
    if single:
        _axis(canvas, zero, top, y)
    if shown.reference:
        reference_line(canvas, zero + scale * shown.reference[0], top - 2, y + 2)
    return y + 4


def _axis(canvas: Canvas, zero: float, top: float, bottom: float) -> None:
    canvas.line([(zero, top - 2), (zero, bottom + 2)], stroke=INK, stroke_width=1)


def _zero(shown: Shown, low: float, high: float) -> tuple[float, float]:
    """Place of zero and pixels of a unit, so that bars and their numbers fit between `low` and `high`."""
    ends = [
        (value or 0.0, label.width() + _BESIDE)
        for values, labels in zip(shown.values, shown.labels, strict=True)
        for value, label in zip(values, labels, strict=True)
    ]
    if shown.reference:
        ends.append((shown.reference[0], 1.0))
    right = [(value, beside) for value, beside in ends if value >= 0]
    left = [(-value, beside) for value, beside in ends if value < 0]
    if not left:
        return low, positive_scale(right, high - low)
    pairs = [(a + b, c + d) for a, c in left for b, d in (right or [(0.0, 0.0)])]
    scale = positive_scale(pairs, high - low)
    return low + max(scale * value + beside for value, beside in left), scale


def _bar(
    canvas: Canvas,
    shown: Shown,
    which: tuple[int, int],
    place: tuple[float, float],
    box: tuple[float, float],
) -> None:
    (row, k), (zero, scale), (y, tall) = which, place, box
    value, label = shown.values[row][k], shown.labels[row][k]
    end = scale * (value or 0.0)
    canvas.rect(min(zero, zero + end), y, abs(end), tall, shown.marks[k])
    foot = y + tall / 2 + 4.7
    if end < 0:
        canvas.text(zero + end - _BESIDE, foot, label.text, anchor="end", ref=label.ref)
    else:
        colour = QUIET if value is None else INK
        canvas.text(zero + end + _BESIDE, foot, label.text, colour=colour, ref=label.ref)


# --- give and take ---------------------------------------------------------------------------------------------


def give_and_take(canvas: Canvas, shown: Shown, y: float) -> float:
    """Draw two series back to back: the first towards the start side, the second towards the end side."""
    column, names = names_beside(shown, canvas.width)
    low, high = column + 12, canvas.width - 1
    sides = [
        [
            (abs(row[k] or 0.0), label[k].width() + _BESIDE)
            for row, label in zip(shown.values, shown.labels, strict=True)
        ]
        for k in (0, 1)
    ]
    pairs = [(a + b, c + d) for a, c in sides[0] for b, d in sides[1]]
    scale = positive_scale(pairs, high - low)
    zero = low + max((scale * value + beside for value, beside in sides[0]), default=0.0)
    # Each name needs some room on its side, whatever the numbers are.
    zero = min(max(zero, low + (high - low) * 0.2), low + (high - low) * 0.8)
    scale = min(positive_scale(sides[0], zero - low), positive_scale(sides[1], high - zero))
    y = _side_names(canvas, shown, y, (low, zero, high))
    top = y
    for row, lines in enumerate(names):
        tall = max(_BAR - 4, LINE_H * len(lines))
        middle = y + tall / 2
        write_lines(canvas, 0.0, middle, lines, ref=shown.categories[row].ref)
        for k, side in ((0, -1), (1, 1)):
            value, label = shown.values[row][k], shown.labels[row][k]
            long = scale * abs(value or 0.0)
            canvas.rect(zero - long if side < 0 else zero, middle - 9, long, 18, shown.marks[k])
            at = zero + side * (long + _BESIDE)
            anchor: Anchor = "end" if side < 0 else "start"
            canvas.text(at, middle + 4.7, label.text, anchor=anchor, ref=label.ref)
        y += tall + 8
        if row + 1 < len(names):
            canvas.line([(0, y - 4), (canvas.width, y - 4)], stroke=GRID, stroke_width=1)
    y -= 8
    canvas.line([(zero, top - 2), (zero, y + 2)], stroke=INK, stroke_width=1)
    return y + 4


def _side_names(canvas: Canvas, shown: Shown, y: float, place: tuple[float, float, float]) -> float:
    low, zero, high = place
    told = [wrapped(shown.names[0], zero - low - 10, SMALL), wrapped(shown.names[1], high - zero - 10, SMALL)]
    tall = max(len(lines) for lines in told)
    sides: tuple[tuple[list[str], float, Anchor], ...] = (
        (told[0], zero - 8, "end"),
        (told[1], zero + 8, "start"),
    )
    for lines, at, anchor in sides:
        for k, line in enumerate(lines):
            foot = y + LINE_H * (tall - len(lines) + k) + 11.5
            canvas.text(at, foot, line, anchor=anchor, size=SMALL, colour=INK)
    return y + LINE_H * tall + 8
