"""Numbers written in OSM tags: speed limits, heights, weights, lanes, layers."""

from __future__ import annotations

import math
import re
import tomllib
from functools import cache
from importlib.resources import files

__all__ = ["parse_count", "parse_height_m", "parse_layer", "parse_maxspeed_kph", "parse_weight_t"]

_NUMBER = r"(\d+(?:[.,]\d+)?)"
_SPEED = re.compile(rf"{_NUMBER}\s*(km/h|kmh|kph|kmph|mph|knots|kn)?", re.IGNORECASE)
_KPH = {"mph": 1.609344, "knots": 1.852, "kn": 1.852}
_ZONE = re.compile(r"[A-Z]{2}(?:-[A-Z]{3})?:(?:zone)?:?(\d{1,3})", re.IGNORECASE)
_IMPLIED = re.compile(r"([A-Z]{2}(?:-[A-Z]{3})?):([a-z_]+)", re.IGNORECASE)
_SAME_AS = {"FL": "LI", "UK": "GB"}
#: Walking pace where the law gives no number: between the 4 and 15 km/h of courts and national rules.
_WALK_KPH = 7.0
_MAX_KPH = 200.0

_LENGTH = re.compile(rf"{_NUMBER}\s*(m|cm|ft)?", re.IGNORECASE)
_FEET = re.compile(rf"(\d+)\s*(?:'|ft)\s*(?:{_NUMBER}\s*(?:\"|''|in)?)?", re.IGNORECASE)
_WEIGHT = re.compile(rf"{_NUMBER}\s*(t|tons?|tonnes?|kg|st|lbs?)?", re.IGNORECASE)
_TONNES = {"kg": 0.001, "st": 0.90718474, "lb": 0.00045359237, "lbs": 0.00045359237}
#: Values that say that there is no limit below the ordinary one.
_NO_LIMIT = frozenset(
    {"default", "none", "no", "unsigned", "no_sign", "no_indications", "below_default", "unlimited"}
)


@cache
def _legal_limits() -> dict[str, dict[str, float]]:
    text = files(__package__).joinpath("speed_limits.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def parse_maxspeed_kph(value: str) -> float | None:
    """Read a speed limit as it is written in OSM.

    Parameters
    ----------
    value
        ``50``, ``30 mph``, ``10 knots``, ``none``, ``walk``, ``signals``, ``FR:urban``, ``DE:zone30``, or
        several separated by ``;`` or ``|``: then the lowest counts.

    Returns
    -------
    float or None
        Kilometres an hour; ``inf`` if there is no limit; NaN if the limit varies or is not known for the
        country; None if the value cannot be understood.

    Examples
    --------
    >>> [parse_maxspeed_kph(value) for value in ("50", "20 mph", "50; 30", "DE:motorway", "DE:zone30")]
    [50.0, 32.18688, 30.0, inf, 30.0]
    """
    parts = [_one_speed(part.strip()) for part in re.split(r"[;|]", value) if part.strip()]
    if not parts or None in parts:
        return None
    known = [part for part in parts if part is not None and not math.isnan(part)]
    return min(known, default=math.nan)


def _one_speed(text: str) -> float | None:
    if match := _SPEED.fullmatch(text):
        kph = float(match[1].replace(",", ".")) * _KPH.get((match[2] or "").lower(), 1.0)
        return kph if 0 < kph <= _MAX_KPH else None
    word = text.lower()
    if word in {"none", "unlimited"}:
        return math.inf
    if word in {"signals", "variable", "unposted", "implicit", "sign"}:
        return math.nan
    if word == "walk" or word.endswith(":walk"):
        return _WALK_KPH
    if match := _ZONE.fullmatch(text):
        kph = float(match[1])
        return kph if 0 < kph <= _MAX_KPH else None
    if match := _IMPLIED.fullmatch(text):
        country, context = match[1].upper(), match[2].lower()
        if (country, context) in {("DE", "living_street"), ("AT", "living_street")}:
            return _WALK_KPH
        return _legal_limits().get(_SAME_AS.get(country, country), {}).get(context, math.nan)
    return None


def _lowest(value: str, one: object, low: float, high: float) -> float | None:
    """Give the lowest of several values, NaN if none of them is a limit, None if one is not understood."""
    limits = []
    for part in value.split(";"):
        text = part.strip().lower()
        if text in _NO_LIMIT:
            continue
        number = one(text)  # type: ignore[operator]
        if number is None or not low <= number <= high:
            return None
        limits.append(number)
    return min(limits, default=math.nan)


def parse_height_m(value: str) -> float | None:
    r"""Read a height limit in metres: ``3.5``, ``3.5 m``, ``350 cm``, ``11'6"``; the lowest of several.

    NaN where the value says that there is no particular limit, None where it cannot be understood.

    >>> [parse_height_m(value) for value in ("3.5", "3,5 m", "350 cm", "default", "low")]
    [3.5, 3.5, 3.5, nan, None]
    >>> round(parse_height_m("11'6\""), 4)
    3.5052
    """
    return _lowest(value, _one_height, 0.5, 20.0)


def _one_height(text: str) -> float | None:
    if match := _LENGTH.fullmatch(text):
        number = float(match[1].replace(",", "."))
        return number * {"cm": 0.01, "ft": 0.3048}.get(match[2] or "m", 1.0)
    if match := _FEET.fullmatch(text):
        return float(match[1]) * 0.3048 + float((match[2] or "0").replace(",", ".")) * 0.0254
    return None


def parse_weight_t(value: str) -> float | None:
    """Read a weight limit in metric tonnes: ``3.5``, ``7.5 t``, ``3500 kg``, ``8 st``, ``10000 lbs``.

    NaN where the value says that there is no limit, None where it cannot be understood.

    >>> [parse_weight_t(value) for value in ("3.5", "7.5 t", "3500 kg", "none", "heavy")]
    [3.5, 7.5, 3.5, nan, None]
    """
    return _lowest(value, _one_weight, 0.1, 200.0)


def _one_weight(text: str) -> float | None:
    match = _WEIGHT.fullmatch(text)
    return float(match[1].replace(",", ".")) * _TONNES.get(match[2] or "t", 1.0) if match else None


def parse_count(value: str) -> float | None:
    """Read a number of lanes, the lowest of several; None where it cannot be understood.

    >>> [parse_count(value) for value in ("2", "2;1", "1.5", "many")]
    [2.0, 1.0, 1.5, None]
    """
    try:
        lowest = min(float(part) for part in value.split(";"))
    except ValueError:
        return None
    return lowest if 0 < lowest <= 30 else None


def parse_layer(value: str) -> int | None:
    """Read a layer, -20…20; None where it cannot be understood.

    >>> [parse_layer(value) for value in ("1", "-2", "upper")]
    [1, -2, None]
    """
    try:
        layer = int(value)
    except ValueError:
        return None
    return layer if -20 <= layer <= 20 else None
