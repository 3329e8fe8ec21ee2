"""How numbers are written on a terminal, and tables of them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["clock", "people", "print_table", "share"]

#: Wider than any table of numbers: what does not fit is wrapped by the terminal, and never cut off.
_WIDE = 10_000


def people(value: float | None) -> str:
    """Write people; what is not known is a dash.

    >>> people(17_308.6), people(0.2), people(0), people(None)
    ('17,309', '<1', '0', '–')
    """
    if value is None or math.isnan(value):
        return "–"
    return "<1" if 0 < value < 0.5 else f"{value:,.0f}"


def share(value: float | None) -> str:
    """Write a share in percent; some is never none, and nearly all is never all.

    >>> share(0.306), share(0.001), share(0.999), share(1.0), share(None)
    ('31%', '<1%', '>99%', '100%', '–')
    """
    if value is None or math.isnan(value):
        return "–"
    if 0 < value < 0.005:
        return "<1%"
    return ">99%" if 0.995 <= value < 1 - 1e-9 else f"{value:.0%}"


def clock(seconds: float | None) -> str:
    """Write seconds as minutes and seconds, rounded down: no delay is called bearable that is not.

    >>> clock(480.0), clock(315.6), clock(None)
    ('8:00', '5:15', '–')
    """
    if seconds is None or math.isnan(seconds):
        return "–"
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def print_table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    left: Collection[int] = (0,),
    bold_last: bool = False,
    width: int = _WIDE,
) -> None:
    """Print a table as it is: nothing in a cell or head is read as markup.

    Parameters
    ----------
    heads, rows
        Texts; each row has as many as there are heads.
    left
        Positions of columns of words; the others are numbers and stand to the right.
    bold_last
        Whether the last row is a total.
    width
        Longer lines are broken inside their cells.
    """
    table = Table(box=None, pad_edge=False)
    for number, head in enumerate(heads):
        table.add_column(Text(head), justify="left" if number in left else "right", vertical="top")
    cells = list(rows)
    for number, row in enumerate(cells):
        style = "bold" if bold_last and number == len(cells) - 1 else None
        table.add_row(*(Text(cell) for cell in row), style=style)
    Console(highlight=False, width=width).print(table)
