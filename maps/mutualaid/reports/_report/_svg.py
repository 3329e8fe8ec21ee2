"""A small writer of SVG that every reader draws alike: plain attributes, no identifiers, no styles, no scripts."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal
from xml.sax.saxutils import escape, quoteattr

import matplotlib as mpl
from matplotlib.ft2font import FT2Font, LoadFlags

from mutualaid.reports._report._document import Mark, Ref

__all__ = [
    "DOT_RADIUS", "DOT_STEP", "HATCH_INKS", "HATCH_LINES", "Anchor", "Canvas", "contrast", "fit", "has_glyphs",
    "hatch_lines", "rulings", "shape_corners", "shape_path", "text_width", "wrapped",
]  # fmt: skip

Anchor = Literal["start", "middle", "end"]
#: Points of each hatching: lines by angle, distance and width, or dots; ink and opacity. As on the interactive map.
HATCH_LINES: Mapping[str, tuple[tuple[float, float, float], ...]] = {
    "slash": ((45.0, 5.0, 1.5),),
    "cross": ((-45.0, 5.0, 1.2),),
    "bars": ((0.0, 4.0, 1.0),),
    "posts": ((90.0, 4.0, 1.2),),
    "sash": ((45.0, 5.6, 2.0),),
    "ticks": ((45.0, 2.8, 1.0),),
    "net": ((45.0, 6.0, 1.0), (-45.0, 6.0, 1.0)),
    "veil": ((-45.0, 8.0, 1.0),),
}
HATCH_INKS: Mapping[str, tuple[str, float]] = {
    "slash": ("#3c1900", 0.75),
    "cross": ("#ffffff", 0.7),
    "dots": ("#ffffff", 0.95),
    "bars": ("#004d38", 1.0),
    "posts": ("#ffffff", 0.85),
    "sash": ("#ffffff", 1.0),
    "ticks": ("#4a1500", 0.85),
    "net": ("#ffffff", 0.9),
    "veil": ("#8d959c", 1.0),
}
DOT_STEP, DOT_RADIUS = 5.0, 1.15
_DARK, _LIGHT = "#1f2933", "#ffffff"
#: A right-to-left isolate gives the text its direction wherever it stands; the page's own may be the other.
_ISOLATE, _END = "\u2067", "\u2069"


# --- how wide a text is ----------------------------------------------------------------------------------------


@cache
def _font(bold: bool) -> FT2Font:
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    font = FT2Font(Path(mpl.get_data_path()) / "fonts" / "ttf" / name)
    font.set_size(10.0, 720)
    return font


@cache
def _advance(letter: str, bold: bool) -> float:
    """Width of a letter in a font of size 1; of one that the font lacks, that of a wide one."""
    if unicodedata.category(letter) in {"Mn", "Me", "Cf"}:
        return 0.0
    font = _font(bold)
    found = font.get_char_index(ord(letter))
    if not found:
        return 1.0
    return float(font.load_glyph(found, LoadFlags.NO_HINTING).linearHoriAdvance) / 65536 / 100


def has_glyphs(text: str, *, shaped: bool) -> bool:
    """Tell whether DejaVu Sans can write a text; `shaped` where letters are joined and set from right to left."""
    known = all(_font(True).get_char_index(ord(letter)) for letter in text)
    return known and (shaped or all(unicodedata.bidirectional(letter) not in {"R", "AL"} for letter in text))


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Width of a text in DejaVu Sans, at most: letters that join are narrower.

    >>> round(text_width("Monaco", 10.0), 1)
    38.8
    """
    return size * sum(_advance(letter, bold) for letter in text)


def wrapped(text: str, width: float, size: float, *, lines: int = 3, bold: bool = False) -> list[str]:
    """Break a text between words into lines no wider than `width`; what does not fit into `lines` ends in "…".

    >>> wrapped("Roquebrune-Cap-Martin", 90.0, 12.0)
    ['Roquebrune-', 'Cap-Martin']
    """
    found: list[str] = []
    for piece in _pieces(text):
        line = found[-1] + piece if found else piece.lstrip()
        if found and text_width(line.rstrip(), size, bold=bold) <= width:
            found[-1] = line
        elif piece.strip():
            found += _broken(piece.strip() + (" " if piece.endswith(" ") else ""), width, size, bold=bold)
    told = [line.strip() for line in found] or [""]
    if len(told) > lines:
        return [*told[: lines - 1], _cut("".join(found[lines - 1 :]).strip(), width, size, bold=bold)]
    return told


def fit(text: str, width: float, size: float, *, bold: bool = False) -> str:
    """Give the text on one line, cut with "…" if it is wider than `width`."""
    whole = text_width(text, size, bold=bold) <= width
    return text if whole else _cut(text, width, size, bold=bold)


def _pieces(text: str) -> list[str]:
    """Words with what separates them behind; after a hyphen or slash a line may end too."""
    found, start = [], 0
    for k, letter in enumerate(text):
        if letter in " -/–—\u200b" and 0 < k < len(text) - 1:
            found.append(text[start : k + 1])
            start = k + 1
    return [*found, text[start:]]


def _broken(word: str, width: float, size: float, *, bold: bool) -> list[str]:
    """Break a word that is wider than a line."""
    lines = [""]
    for letter in word:
        if lines[-1] and text_width(lines[-1] + letter.strip(), size, bold=bold) > width:
            lines.append("")
        lines[-1] += letter
    return lines


def _cut(text: str, width: float, size: float, *, bold: bool) -> str:
    end = len(text)
    while end > 1 and text_width(text[:end].rstrip() + "…", size, bold=bold) > width:
        end -= 1
    return text[:end].rstrip() + "…"


# --- colours and shapes ----------------------------------------------------------------------------------------


def contrast(colour: str) -> str:
    """Give the colour of text that is read best on a colour: dark or white.

    >>> contrast("#0072B2"), contrast("#E69F00")
    ('#ffffff', '#1f2933')
    """
    ground = _luminance(colour)
    dark, light = ((ground + 0.05) / (_luminance(_DARK) + 0.05), 1.05 / (ground + 0.05))
    return _DARK if dark >= light else _LIGHT


def _luminance(colour: str) -> float:
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def shape_corners(shape: str) -> list[tuple[float, float]] | None:
    """Give the corners of a mark of radius 1 around the origin, y downwards; None for a circle and shapes not known."""
    found: Mapping[str, list[tuple[float, float]]] = {
        "square": [(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)],
        "diamond": [(0.0, -1.15), (1.15, 0.0), (0.0, 1.15), (-1.15, 0.0)],
        "triangle": [(0.0, -1.1), (1.05, 0.8), (-1.05, 0.8)],
        "triangle_down": [(0.0, 1.1), (1.05, -0.8), (-1.05, -0.8)],
        "hexagon": [_around(60 * k + 30, 1.0) for k in range(6)],
        "star": [_around(36 * k - 90, 1.3 if k % 2 == 0 else 0.56) for k in range(10)],
    }
    return found.get(shape)


def shape_path(shape: str, x: float, y: float, radius: float) -> str:
    """Give the outline of a mark around a point, as the data of a path; a circle for shapes that it does not know."""
    if (corners := shape_corners(shape)) is not None:
        points = [f"{_n(x + radius * a)} {_n(y + radius * b)}" for a, b in corners]
        return f"M{'L'.join(points)}Z"
    r = _n(radius)
    return f"M{_n(x - radius)} {_n(y)}a{r} {r} 0 1 0 {_n(2 * radius)} 0a{r} {r} 0 1 0 {_n(-2 * radius)} 0Z"


def _around(degrees: float, radius: float) -> tuple[float, float]:
    angle = math.radians(degrees)
    return radius * math.cos(angle), radius * math.sin(angle)


def hatch_lines(hatch: str, box: tuple[float, float, float, float]) -> tuple[str, dict[str, Any]] | None:
    """Give the lines of a hatching within a box, as the data of a path and how it is drawn; None for none.

    The lines are cut to the box by arithmetic: patterns and clips need identifiers, which clash where many pictures
    stand in one page. They go on from one box to the next.

    Parameters
    ----------
    hatch
        A name of `mutualaid.maps` such as ``slash``.
    box
        Left, top, width and height.
    """
    _, _, width, height = box
    if hatch not in HATCH_INKS or width <= 0 or height <= 0:
        return None
    ink, opacity = HATCH_INKS[hatch]
    if hatch == "dots":
        round_ones = {"stroke": ink, "stroke_width": 2 * DOT_RADIUS, "stroke_linecap": "round"}
        return _dots(box), {**round_ones, "stroke_opacity": opacity, "fill": "none"}
    parts = [f"M{_n(x1)} {_n(y1)}L{_n(x2)} {_n(y2)}" for x1, y1, x2, y2 in rulings(hatch, box)]
    thick = HATCH_LINES[hatch][0][2]
    look = {"stroke": ink, "stroke_width": thick, "stroke_opacity": opacity, "fill": "none"}
    return ("".join(parts), look) if parts else None


def rulings(
    hatch: str, box: tuple[float, float, float, float]
) -> Iterator[tuple[float, float, float, float]]:
    """Give the ends of the lines of a hatching within a box of left, top, width and height."""
    left, top, width, height = box
    for angle, step, thick in HATCH_LINES[hatch]:
        yield from _rulings(angle, step, thick, (left, top, left + width, top + height))


def _rulings(
    angle: float, step: float, thick: float, box: tuple[float, float, float, float]
) -> Iterable[tuple[float, float, float, float]]:
    """Parallel lines within a box: level, upright, rising (45°) or falling (-45°)."""
    left, top, right, bottom = box
    half = thick / 2
    if angle == 0.0:
        for k in range(math.ceil((top + half) / step), math.floor((bottom - half) / step) + 1):
            yield left, k * step, right, k * step
    elif angle == 90.0:
        for k in range(math.ceil((left + half) / step), math.floor((right - half) / step) + 1):
            yield k * step, top, k * step, bottom
    else:
        rising = angle > 0
        # A line holds x + y (rising) or x - y (falling) fixed; its ends stay half a width inside.
        inner = (left + half / 2, top + half / 2, right - half / 2, bottom - half / 2)
        along = step * math.sqrt(2)
        low = inner[0] + (inner[1] if rising else -inner[3])
        high = inner[2] + (inner[3] if rising else -inner[1])
        for k in range(math.ceil(low / along), math.floor(high / along) + 1):
            level = k * along
            a = max(inner[0], level - inner[3] if rising else level + inner[1])
            b = min(inner[2], level - inner[1] if rising else level + inner[3])
            if b - a > 0.3:
                yield a, (level - a if rising else a - level), b, (level - b if rising else b - level)


def _dots(box: tuple[float, float, float, float]) -> str:
    left, top, width, height = box
    r, step = DOT_RADIUS, DOT_STEP
    # Next to no line, with round ends: a circle of an outline takes six times as much text.
    return "".join(
        f"M{_n(i * step)} {_n(k * step)}h.01"
        for k in range(math.ceil((top + r) / step), math.floor((top + height - r) / step) + 1)
        for i in range(math.ceil((left + r) / step), math.floor((left + width - r) / step) + 1)
    )


def _n(value: float) -> str:
    """Write a length: two digits are finer than any printer."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


# --- the picture -----------------------------------------------------------------------------------------------


@dataclass
class Canvas:
    """Collects what is drawn. Places are given from the start side; from right to left the picture is mirrored.

    Attributes
    ----------
    width
        In pixels; the height is said when it is written.
    rtl
        Whether the language runs from right to left.
    """

    width: float
    rtl: bool = False
    _parts: list[str] = field(default_factory=list)

    def x(self, at: float) -> float:
        """Give the place on the page of a distance from the start side."""
        return self.width - at if self.rtl else at

    def rect(self, x: float, y: float, width: float, height: float, mark: Mark, **look: Any) -> None:
        """Fill a box, with its hatching."""
        if width <= 0 or height <= 0:
            return
        left = self.x(x + width) if self.rtl else x
        box = {"x": left, "y": y, "width": width, "height": height}
        self._add("rect", fill=mark.colour, **box, **look)
        if (lines := hatch_lines(mark.hatch, (left, y, width, height))) is not None:
            self._add("path", d=lines[0], **lines[1])

    def line(self, points: Sequence[tuple[float, float]], **look: Any) -> None:
        """Draw through points."""
        path = "L".join(f"{_n(self.x(x))} {_n(y)}" for x, y in points)
        self._add("path", d=f"M{path}", fill="none", **look)

    def mark(self, shape: str, x: float, y: float, radius: float, **look: Any) -> None:
        """Draw a shape around a point."""
        self._add("path", d=shape_path(shape, self.x(x), y, radius), **look)

    def path(self, data: str, **look: Any) -> None:
        """Draw an outline whose places are those of the page."""
        self._add("path", d=data, **look)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        anchor: Anchor = "start",
        size: float = 13.0,
        bold: bool = False,
        colour: str = _DARK,
        ref: Ref | None = None,
    ) -> None:
        """Write one line, its foot at `y`; `ref` tells where its number comes from."""
        shown = "".join(max(letter, " ") for letter in text)
        if not shown.strip():
            return
        side = {"start": "end", "end": "start"}.get(anchor, anchor) if self.rtl else anchor
        look: dict[str, Any] = {"x": self.x(x), "y": y, "font_size": size, "fill": colour}
        if side != "start":
            look["text_anchor"] = side
        if bold:
            look["font_weight"] = "bold"
        if ref is not None:
            look["data_path"] = ".".join(str(step) for step in ref.path)
            if ref.source != "summary":
                look["data_source"] = ref.source
        body = f"{_ISOLATE}{shown}{_END}" if self.rtl else shown
        self._parts.append(f"<text{_attributes(look)}>{escape(_legal(body))}</text>")

    def _add(self, name: str, **look: Any) -> None:
        self._parts.append(f"<{name}{_attributes(look)}/>")

    def svg(self, height: float, *, title: str = "", description: str = "") -> str:
        """Write the picture: with a title and a description it is announced by them, without them not at all."""
        size = f"{_n(self.width)} {_n(height)}"
        w, h = size.split()
        head = f'viewBox="0 0 {size}" width="{w}" height="{h}" direction="ltr"'
        told = f"<title>{escape(_legal(title))}</title>" if title else ""
        told += f"<desc>{escape(_legal(description))}</desc>" if description else ""
        label = f'role="img" aria-label={quoteattr(_legal(description or title))}'
        role = label if told else 'aria-hidden="true"'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {head} {role} font-family="DejaVu Sans, sans-serif">'
            f"{told}{''.join(self._parts)}</svg>"
        )


def _attributes(look: Mapping[str, Any]) -> str:
    shown = ((name.replace("_", "-"), value) for name, value in look.items() if value is not None)
    return "".join(
        f" {name}={quoteattr(_n(value) if isinstance(value, int | float) else _legal(str(value)))}"
        for name, value in shown
    )


def _legal(text: str) -> str:
    """Leave out what XML does not allow."""
    return "".join(
        letter
        for letter in text
        if letter in "\t\n\r"
        or (letter >= " " and not 0xD800 <= ord(letter) <= 0xDFFF and ord(letter) not in _BARRED)
    )


_BARRED = frozenset({0xFFFE, 0xFFFF})
