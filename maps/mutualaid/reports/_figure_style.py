"""How pictures look, and how they are written: equal ones give equal bytes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

__all__ = [
    "BLUE", "GREEN", "INK", "LINE", "MARGIN", "PALE", "QUIET", "VERMILION",
    "headcount", "save_figure", "small_print", "style", "write",
]  # fmt: skip

_DPI = 150
#: Nothing of the reader's own settings, and no name from data read as a formula.
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "text.parse_math": False,
    "text.color": "#1f2933",
    "axes.labelcolor": "#1f2933",
    "axes.edgecolor": "#7b8794",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.dpi": _DPI,
    "savefig.dpi": _DPI,
}
INK, QUIET, PALE = "#1f2933", "#52606d", "#eef0f2"
# Okabe-Ito: apart for every type of colour blindness. The lines differ in style and mark too.
BLUE, VERMILION, GREEN = "#0072B2", "#D55E00", "#009E73"
_MODELLED = "Modelled, not measured."
#: Inches: margin of the page, and a line of the caption.
MARGIN, LINE = 0.25, 0.16


@contextmanager
def style() -> Iterator[None]:
    """Draw in the style of the project, whatever the reader has set."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG; equal figures give equal bytes.

    Parameters
    ----------
    figure
        As the functions of this package return it.
    path
        Where to write; an earlier file is replaced.
    """
    with style():
        figure.savefig(path, format="png", metadata={"Software": None})


def small_print(text: str, notes: Iterable[str], *, width: float) -> list[str]:
    """Lines of small print that are `width` inches long; notes that are said twice are written once."""
    said = " ".join([text, _MODELLED, *dict.fromkeys(note for note in notes if note)])
    return textwrap.wrap(said, int(width / 0.0575))


def headcount(value: float, thousands: bool = False) -> str:
    """Write people, or thousands of them; some is never none."""
    shown = value / 1000 if thousands else value
    return "<1" if 0 < shown < 0.5 else f"{shown:,.0f}"


def write(figure: Figure, text: str, down: float, **look: Any) -> None:
    """Write at the left margin, so many inches below the upper edge of the page."""
    width, height = figure.get_size_inches()
    figure.text(MARGIN / width, 1 - down / height, text, **{"color": INK, "va": "baseline", **look})
