"""Charts as small SVG pictures: marks are labelled where they stand, and every number comes from its place."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from mutualaid.reports._report._chart_bars import bars, give_and_take, stacked
from mutualaid.reports._report._chart_parts import LINE_H, QUIET, SMALL, Shown, read, sample
from mutualaid.reports._report._chart_points import dots, line
from mutualaid.reports._report._document import Chart, Mark, Ref, Value
from mutualaid.reports._report._svg import Canvas, wrapped

__all__ = ["chart_svg", "swatch_svg"]

#: Languages that are written from right to left.
_RTL = frozenset({"ar", "dv", "fa", "he", "ps", "ur", "yi"})


def chart_svg(
    chart: Chart,
    lang: str,
    say: Callable[[Value], str],
    number: Callable[[Ref], float | None],
    *,
    width: float = 720.0,
) -> str:
    """Draw a chart in one language.

    Series are named at their marks, and numbers stand at them, so that there is neither a legend to look up nor an
    axis to read off. Series differ in colour, and in hatching, shape or dashes as well. In languages from right to
    left the chart is mirrored. A text that is nothing but a number tells its place as ``data-path``. There are no
    identifiers and no styles in it, so that any number of charts can stand in one page.

    Parameters
    ----------
    chart
        What to draw.
    lang
        BCP 47 language, such as ``fr``.
    say
        Gives the words for a value in that language.
    number
        Gives the number of a ref; None if it is not known.
    width
        In pixels; the height follows from what is drawn.

    Returns
    -------
    str
        An SVG element; equal charts give equal text.

    Examples
    --------
    >>> from mutualaid.reports._report._document import Series, Text, Words
    >>> people = Series(Words("reached"), (Ref(("a",)), Ref(("b",))), Mark("#0072B2"))
    >>> places = (Words("Monaco"), Words("Beausoleil"))
    >>> chart = Chart("c", "grouped", places, (people,), Text("people"), Text("alt"), Text("caption"))
    >>> told = lambda value: value.text if isinstance(value, Words) else "12"
    >>> chart_svg(chart, "en", told, lambda ref: 12.0)[:37]
    '<svg xmlns="http://www.w3.org/2000/sv'
    """
    shown = read(chart, say, number)
    canvas = Canvas(width, _runs_left(lang))
    y = 2.0
    # What the lengths are stands above them; for lines, what the steps are, below those.
    for text in wrapped(shown.axis, width, SMALL) if chart.kind != "line" else ():
        canvas.text(0.0, y + 11, text, size=SMALL, colour=QUIET)
        y += LINE_H
    height = _draw(chart, canvas, shown, y + 6, number)
    return canvas.svg(height + 2, title=say(chart.caption), description=say(chart.alt))


def _draw(
    chart: Chart, canvas: Canvas, shown: Shown, y: float, number: Callable[[Ref], float | None]
) -> float:
    if chart.kind == "stacked":
        return stacked(canvas, shown, y)
    if chart.kind == "dots":
        return dots(canvas, shown, y)
    if chart.kind == "line":
        return line(canvas, shown, y, _places(chart, number)) if chart.categories else y
    if chart.kind == "diverging" and len(chart.series) == 2:
        return give_and_take(canvas, shown, y)
    return bars(canvas, shown, y)


def _places(chart: Chart, number: Callable[[Ref], float | None]) -> list[float] | None:
    """Numbers of the categories, if all are known and rise."""
    found = [number(one) if isinstance(one, Ref) else None for one in chart.categories]
    known = [value for value in found if value is not None]
    rising = len(known) == len(found) and all(a < b for a, b in pairwise(known))
    return [float(value) for value in known] if rising else None


def _runs_left(lang: str) -> bool:
    return lang.replace("_", "-").split("-")[0].lower() in _RTL


def swatch_svg(mark: Mark, *, width: float = 28.0, height: float = 16.0) -> str:
    """Draw the sample of a mark for a legend; readers of screens pass over it.

    Parameters
    ----------
    mark
        A fill with a hatching, a line (``line``, ``dashed``), a shape (``circle``, ``square``, ``diamond``,
        ``hexagon``, ``triangle``, ``triangle_down``, ``star``), a ``ring`` or a ``cross_out``.
    width, height
        In pixels.

    Examples
    --------
    >>> swatch_svg(Mark("#0072B2"), width=20, height=10)[-6:]
    '</svg>'
    """
    canvas = Canvas(width)
    sample(canvas, 0.0, height / 2, mark, width, height)
    return canvas.svg(height)
