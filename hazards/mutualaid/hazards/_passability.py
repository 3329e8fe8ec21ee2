"""What a hazard leaves of a road: speeds, closures, and which roads it reaches at all."""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from mutualaid.errors import Defect, HazardError
from mutualaid.hazards._model import HAZARDS, QUANTITIES, WATER_HAZARDS

__all__ = [
    "NOISE_M",
    "Passability",
    "affected",
    "closures",
    "passabilities",
    "passability",
    "sample_closures",
    "speed_factor",
    "speeds",
]

_RULES = ("speed", "share", "points", "threshold", "probability")
_VEHICLES = ("car", "emergency", "any")
_TEXTS = ("name", "quantity", "unit", "vehicle", "rule", "source")
_KEYS = {*_TEXTS, "note", "scheme", "hazards", "coefficients", "per", "points", "closed_at"}
_LISTED = 20
#: A closed stretch shorter than this closes nothing: roads are not drawn to the centimetre.
NOISE_M = 0.01
_FALLING = ("rockfall", "avalanche")


@dataclass(frozen=True)
class Passability:
    """What can still be driven where a hazard has a value.

    Attributes
    ----------
    id, name
        Key in the table, and what people call it.
    hazards
        The hazards it speaks of.
    quantity, unit
        What it is a function of: a quantity of a hazard layer in its unit, or ``severity``.
    scheme
        The only scheme whose severities it holds for; empty if it holds for any.
    vehicle
        ``car``, ``emergency`` or ``any``.
    rule
        ``speed`` (km/h is a polynomial of value / `per`, and never above the free flow), ``share`` (of the
        free-flow speed: the polynomial), ``points`` (share of the free flow, linear between points),
        ``threshold`` (free flow until closed) or ``probability`` (the value is that of being closed).
    closed_at
        Closed from this value on, itself included; infinite if the rule never closes a road.
    coefficients, per
        Of the polynomial, constant first, and what the value is divided by.
    points
        (value, share) in the order of the values; the share of the last one holds beyond it.
    source, note
        Where it stands, and what must be known to use it.
    """

    id: str
    name: str
    hazards: tuple[str, ...]
    quantity: str
    unit: str
    scheme: str
    vehicle: str
    rule: str
    closed_at: float
    coefficients: tuple[float, ...]
    per: float
    points: tuple[tuple[float, float], ...]
    source: str
    note: str


def passabilities() -> pd.DataFrame:
    """Table of the built-in rules.

    Returns
    -------
    DataFrame
        Index ``id``; columns ``name``, ``hazards`` (separated by ;), ``quantity``, ``unit``, ``scheme``,
        ``vehicle``, ``rule``, ``closed_at``, ``source``, ``note``.

    Examples
    --------
    >>> from mutualaid.hazards import passabilities
    >>> float(passabilities().loc["fording-emergency", "closed_at"])
    0.6
    """
    hidden = {"coefficients", "per", "points"}
    rows = [{**vars(one), "hazards": ";".join(one.hazards)} for one in _built_in().values()]
    return pd.DataFrame(rows).drop(columns=list(hidden)).set_index("id")


def passability(id_or_path: str | Path) -> Passability:
    """Give a built-in rule by its id, or read one from a TOML file.

    A file holds one table, named as the rule, with the keys of `Passability`; this is how a region brings a
    rule of its own, for smoke for example.

    Parameters
    ----------
    id_or_path
        Index of `passabilities`, or the path of a ``.toml`` file.

    Returns
    -------
    Passability

    Raises
    ------
    HazardError
        If there is none of this id, or the file is not a rule; every defect is named.

    Examples
    --------
    >>> from mutualaid.hazards import passability
    >>> passability("pregnolato-2017").closed_at
    0.3
    """
    path = Path(id_or_path)
    if path.suffix.lower() == ".toml":
        return _from_file(path)
    if str(id_or_path) in _built_in():
        return _built_in()[str(id_or_path)]
    close = difflib.get_close_matches(str(id_or_path), _built_in(), n=3, cutoff=0.5)
    remedy = f"did you mean {' or '.join(close)}" if close else f"choose from {', '.join(_built_in())}"
    got = repr(str(id_or_path))[:80]
    raise HazardError([Defect("", "passability", "the id of a known rule or a .toml file", got, remedy)])


def speeds(rule: Passability, free_flow_kph: ArrayLike, value: ArrayLike) -> NDArray[np.float64]:
    """Give the speed that can be driven where a hazard has a value.

    Parameters
    ----------
    rule
        See `passability`.
    free_flow_kph
        Speed without the hazard, km/h; one, or one per value.
    value
        The hazard, in the unit of the rule. Up to 0 it has no effect.

    Returns
    -------
    array
        km/h; 0 where closed, NaN where the value is NaN: an unknown hazard is neither dry nor closed. What to
        make of it is the caller's to say; `closures` lets people drive there, and counts how far.

    Raises
    ------
    HazardError
        If the rule gives probabilities, which have no speed; see `sample_closures`.

    Examples
    --------
    Pregnolato et al. 2017 at 0, 10 and 30 cm on a road of 50 km/h:

    >>> from mutualaid.hazards import passability, speeds
    >>> speeds(passability("pregnolato-2017"), 50.0, [0.0, 0.1, 0.3]).round(4).tolist()
    [50.0, 40.6548, 0.0]
    """
    if rule.rule == "probability":
        expected, remedy = "a rule with a speed", "draw closures with sample_closures"
        raise HazardError([Defect("", f"passability {rule.id}", expected, "a probability", remedy)])
    free, at = np.broadcast_arrays(np.asarray(free_flow_kph, np.float64), np.asarray(value, np.float64))
    if rule.rule == "points":
        kph = free * np.interp(at, *np.array(rule.points).T)
    elif rule.rule == "threshold":
        kph = free
    else:
        amount = np.polynomial.polynomial.polyval(at / rule.per, rule.coefficients)
        kph = free * np.clip(amount, 0, 1) if rule.rule == "share" else np.clip(amount, 0, free)
    kph = np.where(at > 0, kph, free)
    kph = np.where(at >= rule.closed_at, 0.0, kph)
    return np.where(np.isnan(at), np.nan, kph)


def speed_factor(rule: Passability, free_flow_kph: ArrayLike, value: ArrayLike) -> NDArray[np.float64]:
    """Give the share of the free-flow speed that is left: 1 no effect, 0 closed, NaN unknown; see `speeds`.

    Examples
    --------
    >>> from mutualaid.hazards import passability, speed_factor
    >>> speed_factor(passability("nismod-quadratic"), 80.0, [0.0, 0.15, 0.4]).tolist()
    [1.0, 0.25, 0.0]
    """
    free = np.asarray(free_flow_kph, np.float64)
    return np.asarray(speeds(rule, free, value) / free)


def affected(
    bridge: ArrayLike, tunnel: ArrayLike, *, hazard: str, covered: ArrayLike = False
) -> NDArray[np.bool_]:
    """Say which roads the hazard on the ground below or above them can reach.

    Water passes under a bridge and runs into a tunnel. Rock and snow pass over tunnels and galleries. Anything
    else reaches every road. What closes a bridge by its own attribute (overtopped, shaken) is not asked here.

    Parameters
    ----------
    bridge, tunnel, covered
        (m,) bool, as tagged; `covered` stands for galleries and avalanche sheds.
    hazard
        One of `HAZARDS`.

    Returns
    -------
    array
        (m,) bool; False where the layer's value must not be used for the road.

    Raises
    ------
    HazardError
        If the hazard is unknown.

    Examples
    --------
    >>> from mutualaid.hazards import affected
    >>> affected([True, False, False], [False, True, False], hazard="flood").tolist()
    [False, True, True]
    """
    if hazard not in HAZARDS:
        raise HazardError(
            [Defect("", "hazard", f"one of {', '.join(HAZARDS)}", repr(hazard)[:80], "correct it")]
        )
    on_bridge, in_tunnel, roofed = np.broadcast_arrays(
        *(np.asarray(mask, dtype=bool) for mask in (bridge, tunnel, covered))
    )
    spared = np.zeros(on_bridge.shape, bool)
    if hazard in WATER_HAZARDS:
        spared = on_bridge & ~in_tunnel
    elif hazard in _FALLING:
        spared = in_tunnel | roofed
    return np.logical_not(spared)


def closures(
    pieces: pd.DataFrame,
    rule: Passability,
    *,
    free_flow_kph: float | pd.Series[Any],
    roads: pd.Index[Any] | None = None,
    exempt: ArrayLike | None = None,
    unknown: Literal["passable", "closed"] = "passable",
) -> pd.DataFrame:
    """Say of each road whether the hazard closes it, and if not, how much slower it is.

    A road is closed if at least a centimetre of it is: roads are not drawn more precisely. Where the hazard is
    unknown (no value, or outside the layer), the free-flow speed is driven unless `unknown` says otherwise, and
    ``unknown_m`` says how far that goes. An unknown hazard is never counted as none.

    Parameters
    ----------
    pieces
        ``line``, ``length_m``, ``value``, as of `split_on_raster` or `split_on_layer`.
    rule
        See `passability`; the pieces' values are in its quantity and unit.
    free_flow_kph
        Speed without the hazard, of all roads or by their label.
    roads
        Labels of the rows wanted; those of the pieces if missing. A road without pieces has no length and is
        open.
    exempt
        (roads,) bool: the layer does not reach them (not `affected`).
    unknown
        ``passable`` or ``closed``.

    Returns
    -------
    DataFrame
        Index: the roads. ``closed`` (bool), ``worst`` (highest value along the road; NaN if none is known),
        ``factor`` (share of the free-flow speed left over the whole road: 1 none lost, 0 closed), ``unknown``
        (bool), ``unknown_m``, ``closed_m``. Dividing a drive time by the factor gives that under the hazard.

    Raises
    ------
    HazardError
        If the rule gives probabilities, or a speed is missing or not above 0.

    Examples
    --------
    >>> import pandas as pd
    >>> from mutualaid.hazards import closures, passability
    >>> pieces = pd.DataFrame({"line": ["a", "a", "b"], "length_m": [60.0, 40.0, 5.0],
    ...                        "value": [0.0, 0.15, 0.9]})
    >>> closures(pieces, passability("nismod-quadratic"), free_flow_kph=50.0)["factor"].round(3).to_dict()
    {'a': 0.455, 'b': 0.0}
    """
    if roads is None:
        roads = pd.Index(pieces["line"].unique(), name="line")
    free = _free_flow(free_flow_kph, roads)
    road = roads.get_indexer(pd.Index(pieces["line"]))
    wanted = road >= 0
    road = road[wanted]
    length_m, value = (pieces[name].to_numpy(np.float64)[wanted] for name in ("length_m", "value"))
    left = speed_factor(rule, free[road], value)
    missing = np.isnan(left)
    left = np.where(missing, 1.0 if unknown == "passable" else 0.0, left)
    if exempt is not None:
        spared = np.asarray(exempt, dtype=bool)[road]
        left, missing, value = np.where(spared, 1.0, left), missing & ~spared, np.where(spared, np.nan, value)

    def summed(amount: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(road, amount, minlength=len(roads)).astype(np.float64)

    closed_m = summed(np.where(left == 0, length_m, 0.0))
    closed = closed_m >= NOISE_M
    total_m = summed(length_m)
    slow_m = summed(length_m / np.where(left == 0, 1.0, left))
    factor = np.where(slow_m > 0, total_m / np.where(slow_m > 0, slow_m, 1.0), 1.0)
    unknown_m = summed(np.where(missing, length_m, 0.0))
    worst = np.full(len(roads), -np.inf)
    np.fmax.at(worst, road, value)
    return pd.DataFrame(
        {
            "closed": closed,
            "worst": np.where(np.isneginf(worst), np.nan, worst),
            "factor": np.where(closed, 0.0, factor),
            "unknown": unknown_m > 0,
            "unknown_m": unknown_m,
            "closed_m": closed_m,
        },
        index=roads,
    )


def _free_flow(free_flow_kph: float | pd.Series[Any], roads: pd.Index[Any]) -> NDArray[np.float64]:
    if isinstance(free_flow_kph, pd.Series):
        free = free_flow_kph.reindex(roads).to_numpy(np.float64)
    else:
        free = np.full(len(roads), float(free_flow_kph))
    bad = np.flatnonzero(~(free > 0))
    if bad.size:
        remedy = "give a speed above 0 for each road"
        raise HazardError(
            [
                Defect("", f"free_flow_kph of {roads[row]}", "km/h above 0", f"{free[row]:g}", remedy)
                for row in bad[:_LISTED]
            ]
        )
    return free


def sample_closures(
    probability: ArrayLike, n: int, seed: int, *, roads: ArrayLike | None = None
) -> NDArray[np.bool_]:
    """Draw which roads are closed, each road by itself, n times.

    The same seed and number of roads give the same draws, so that a road closed at one probability is closed
    at every higher one. Roads of unknown probability (NaN) stay open; the caller counts them.

    Parameters
    ----------
    probability
        (m,) probability of being closed, 0…1.
    n
        Number of draws.
    seed
        Seed of the random numbers.
    roads
        (q,) positions of the roads wanted; all by default. Each road's draws are the same whichever others are
        wanted, so that two scenarios on one network can be compared draw by draw.

    Returns
    -------
    array
        (n, q) bool, True where closed.

    Raises
    ------
    HazardError
        If a probability is not within 0…1.

    Examples
    --------
    >>> from mutualaid.hazards import sample_closures
    >>> sample_closures([0.0, 0.5, 1.0], 1000, seed=1).mean(axis=0).round(2).tolist()
    [0.0, 0.52, 1.0]
    """
    chance = np.asarray(probability, np.float64)
    bad = np.flatnonzero((chance < 0) | (chance > 1))
    if bad.size:
        raise HazardError(
            [
                Defect("", f"probability {row}", "0…1", f"{chance[row]:g}", "write 5 % as 0.05")
                for row in bad[:_LISTED]
            ]
        )
    draw = np.random.default_rng(seed)
    wanted = np.arange(len(chance)) if roads is None else np.asarray(roads, np.int64)
    closed = np.empty((n, len(wanted)), bool)
    for row in closed:  # one draw at a time: the random numbers take eight times the room of the answer
        row[:] = draw.random(len(chance))[wanted] < chance[wanted]
    return closed


# --- the table ----------------------------------------------------------------------------------------------


@cache
def _built_in() -> dict[str, Passability]:
    tables = tomllib.loads(files(__package__).joinpath("passability.toml").read_text(encoding="utf-8"))
    return {key: _build(key, table) for key, table in tables.items()}


def _from_file(path: Path) -> Passability:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        got, remedy = str(error).replace(str(path), path.name)[:200], "check the path and the syntax"
        raise HazardError([Defect(path.name, "", "a TOML file in UTF-8", got, remedy)]) from error
    if len(tables) != 1 or not isinstance(next(iter(tables.values())), dict):
        expected = "one table named as the rule, such as [smoke]"
        got, remedy = ", ".join(tables)[:80] or "nothing", "put all keys of one rule into one table"
        raise HazardError([Defect(path.name, "", expected, got, remedy)])
    key, table = next(iter(tables.items()))
    if defects := _defects(table, path.name, f"[{key}]"):
        raise HazardError(defects)
    return _build(key, table)


def _build(key: str, table: Mapping[str, Any]) -> Passability:
    return Passability(
        id=key,
        hazards=tuple(table["hazards"]),
        closed_at=float(table.get("closed_at", math.inf)),
        coefficients=tuple(map(float, table.get("coefficients", ()))),
        per=float(table.get("per", 1.0)),
        points=tuple((float(value), float(share)) for value, share in table.get("points", ())),
        scheme=table.get("scheme", ""),
        note=table.get("note", ""),
        **{name: table[name] for name in _TEXTS},
    )


def _defects(table: Mapping[str, Any], file: str, where: str) -> list[Defect]:
    """Find everything that is wrong with the table of a rule."""
    defects: list[Defect] = []

    def check(key: str, good: bool, expected: str, remedy: str) -> None:
        if not good:
            got = repr(table[key])[:80] if key in table else "nothing"
            defects.append(Defect(file, f"{where} {key}"[:120], expected, got, remedy))

    for key in sorted(set(table) - _KEYS):
        check(key, False, "a key of a rule", "correct or remove the key")
    for key in (*_TEXTS, "note", "scheme"):
        check(key, isinstance(table.get(key, None if key in _TEXTS else ""), str), "a text", "state it")
    quantity, rule = table.get("quantity"), table.get("rule")
    known = {**QUANTITIES, "severity": ""}
    check("quantity", quantity in known, f"one of {', '.join(known)}", "correct it")
    if quantity in known:
        check("unit", table.get("unit") == known[quantity], repr(known[quantity]), "convert the rule to it")
    check("vehicle", table.get("vehicle") in _VEHICLES, f"one of {', '.join(_VEHICLES)}", "correct it")
    check("rule", rule in _RULES, f"one of {', '.join(_RULES)}", "correct it")
    hazards = table.get("hazards")
    good = isinstance(hazards, list) and bool(hazards) and all(hazard in HAZARDS for hazard in hazards)
    check("hazards", good, f"a list out of {', '.join(HAZARDS)}", "correct it")
    needs_limit = rule in ("threshold", "speed")
    limit = table.get("closed_at", None if needs_limit else math.inf)
    check("closed_at", _is_number(limit) and limit > 0, "a number above 0", "state when the road is closed")
    check("per", _is_number(table.get("per", 1.0)) and table.get("per", 1.0) > 0, "above 0", "correct it")
    coefficients = table.get("coefficients", [] if rule not in ("speed", "share") else None)
    good = isinstance(coefficients, list) and all(map(_is_number, coefficients))
    good = good and (bool(coefficients) or rule not in ("speed", "share"))
    check("coefficients", good, "a list of numbers, constant first", "state them")
    points = table.get("points", [] if rule != "points" else None)
    check("points", _are_points(points, rule == "points"), "[value, share] in rising order", "state them")
    return defects


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)


def _are_points(points: object, needed: bool) -> bool:
    if not isinstance(points, Sequence) or isinstance(points, str) or (needed and not points):
        return False
    for point in points:
        pair = isinstance(point, list) and len(point) == 2 and all(map(_is_number, point))
        if not pair or not 0 <= point[1] <= 1:
            return False
    return all(one[0] < other[0] for one, other in pairwise(points))
