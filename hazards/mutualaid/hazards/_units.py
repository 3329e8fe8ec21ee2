"""Units of hazard values, and how they become the one unit of each quantity."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["UNITS", "decimal_float64", "find_unit", "scaled"]

#: Unit in which values may come → (canonical unit, factor).
UNITS: dict[str, tuple[str, float]] = {
    "m": ("m", 1.0),
    "cm": ("m", 1 / 100),
    "mm": ("m", 1 / 1000),
    "ft": ("m", 0.3048),
    "in": ("m", 0.0254),
    "m/s": ("m/s", 1.0),
    "cm/s": ("m/s", 1 / 100),
    "km/h": ("m/s", 1 / 3.6),
    "ft/s": ("m/s", 0.3048),
    "kt": ("m/s", 1852 / 3600),
    "mph": ("m/s", 0.44704),
    "m2/s": ("m2/s", 1.0),
    "ft2/s": ("m2/s", 0.3048**2),
    "mmi": ("mmi", 1.0),
    "g": ("g", 1.0),
    "%g": ("g", 1 / 100),
    "m/s2": ("g", 1 / 9.80665),
    "cm/s2": ("g", 1 / 980.665),
    "kPa": ("kPa", 1.0),
    "kJ": ("kJ", 1.0),
    "": ("", 1.0),
    "%": ("", 1 / 100),
}
_SPELLINGS = {
    "metre": "m", "metres": "m", "meter": "m", "meters": "m",
    "centimetre": "cm", "centimetres": "cm", "centimeter": "cm", "centimeters": "cm",
    "millimetre": "mm", "millimetres": "mm", "millimeter": "mm", "millimeters": "mm",
    "foot": "ft", "feet": "ft", "inch": "in", "inches": "in",
    "m s-1": "m/s", "ms-1": "m/s", "cms": "cm/s", "kph": "km/h", "kmh": "km/h", "knot": "kt", "knots": "kt", "kn": "kt",
    "m²/s": "m2/s", "ft²/s": "ft2/s", "m/s²": "m/s2", "gal": "cm/s2", "cm/s²": "cm/s2",
    "pctg": "%g", "intensity": "mmi", "kpa": "kPa", "kn/m2": "kPa", "kn/m²": "kPa", "kj": "kJ",
    "1": "", "none": "", "unitless": "", "percent": "%",
}  # fmt: skip


def find_unit(text: str) -> str | None:
    """Give the key of `UNITS` for a unit as people write it; None if it is unknown."""
    plain = text.strip()
    if plain in UNITS:
        return plain
    lower = plain.lower()
    return lower if lower in UNITS else _SPELLINGS.get(lower)


def scaled(values: ArrayLike, factor: float) -> NDArray[np.float64]:
    """Multiply by a factor; where its inverse is a plain number, divide by that.

    Dividing by 100 is exact where multiplying by 0.01 is not: 70 cm are 0.7 m, and not a hair above it, which
    would be the next class.
    """
    inverse = round(1.0 / factor, 9)
    if abs(inverse * factor - 1.0) < 1e-15:
        return np.asarray(values, np.float64) / inverse
    return np.asarray(values, np.float64) * factor


def decimal_float64(values: NDArray[Any]) -> NDArray[np.float64]:
    """Widen to float64; what was stored as float32 becomes the decimal number that it stands for.

    The float32 nearest to 0.3 is above 0.3, and would fall into the class beyond a limit of 0.3. The seven
    digits that a float32 carries are kept, the rest is noise.
    """
    wide = values.astype(np.float64)
    if values.dtype != np.float32:
        return wide
    usable = np.isfinite(wide) & (np.abs(wide) > 1e-6) & (np.abs(wide) < 1e6)
    number = wide[usable]
    # 10**digits is exact up to 22, and a division of two exact numbers is correctly rounded.
    scale = 10.0 ** (6.0 - np.floor(np.log10(np.abs(number))))
    wide[usable] = np.rint(number * scale) / scale
    return wide
