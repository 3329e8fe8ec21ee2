"""What a scenario leaves of the roads: several hazards, each shown by several providers, along every road."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike, NDArray
from pyproj import CRS

from mutualaid.data import HazardScenario
from mutualaid.errors import Defect, HazardError
from mutualaid.hazards._crosswalk import severities
from mutualaid.hazards._model import HazardLayer
from mutualaid.hazards._overlay import Lines, Paths
from mutualaid.hazards._passability import NOISE_M, Passability, affected, passability, speed_factor
from mutualaid.hazards._providers import provided, unique_layers
from mutualaid.hazards._roads import Batch, check_fit, split_in_batches
from mutualaid.hazards._schemes import scheme as find_scheme
from mutualaid.threads import in_threads

__all__ = [
    "RoadHazard",
    "RoadPieces",
    "default_rule",
    "lay_on_roads",
    "open_stretch",
    "scenario_roads",
    "scenario_rules",
    "shares_along",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_WATER_DEPTH = {"emergency": "fording-emergency", "car": "pregnolato-2017"}
_AIDR = {"emergency": "aidr-any-vehicle", "car": "aidr-small-vehicle"}
_SEVERITY = {"emergency": "severity-emergency", "car": "severity-car"}
#: Sums of shares this small are rounding.
_NOTHING = 1e-7
#: Cuts of two layers that are nearer to each other than this are one.
_SAME_M = 1e-6
#: Roads that are told about at a time.
_ROADS = 200_000


@dataclass(frozen=True, eq=False)
class RoadPieces:
    """One layer laid along lines.

    Attributes
    ----------
    layer
        The layer.
    line
        (p,) position of the line; rising.
    stop_m
        (p,) where on the line the piece ends; rising within a line. It begins where the one before ends.
    value
        (p,) canonical value; 0 where no data means no hazard, NaN where unknown and for classes.
    severity
        (p,) 0…5 by the layer's scheme; NaN where unknown, and for a scheme that needs a velocity as well.
    sampled
        What `severities` needs to be asked again, with a velocity.
    """

    layer: HazardLayer
    line: Ints
    stop_m: Floats
    value: Floats
    severity: Floats
    sampled: pd.DataFrame


@dataclass(frozen=True, eq=False)
class RoadHazard:
    """What a scenario leaves of n roads.

    Attributes
    ----------
    roads
        Index 0…n - 1. ``closed`` (bool); ``factor`` (share of the free-flow speed that is left, 1 none lost, 0
        closed); ``severity`` (Int8, the worst along the road, missing if nothing is known); ``layer`` (id of
        the layer that slows it most, "" if none does); ``affected_m``, ``closed_m``, ``unknown_m`` (some hazard of
        the scenario is unknown there); ``probability`` (of being closed; NaN if no layer of probabilities
        speaks of it).
    line, start, stop, factor
        Pieces of the roads that are slowed down or closed, in order: position of the road, begin and end as
        shares of its length, share of the free-flow speed that is left.
    rules
        Id of the rule that each layer was read with, by id of the layer.
    """

    roads: pd.DataFrame
    line: Ints
    start: Floats
    stop: Floats
    factor: Floats
    rules: Mapping[str, str]


def default_rule(layer: HazardLayer, vehicle: str) -> Passability:
    """Give the rule by which a layer is read for a vehicle where a scenario names none.

    A probability is one of closure; depths of water close by fording depth (emergency vehicles) or slow down by
    Pregnolato et al. 2017 (cars); water without a depth closes from severity 3 on, unsafe for all vehicles; anything
    else closes from a severity on that is an assumption.

    Parameters
    ----------
    layer
        The hazard layer.
    vehicle
        ``car`` or ``emergency``.

    Examples
    --------
    >>> from mutualaid.hazards import default_rule
    >>> default_rule(depth_layer, "emergency").id  # doctest: +SKIP
    'fording-emergency'
    """
    if layer.quantity == "probability":
        return passability("closure-probability")
    by_water = passability("severity-water")
    if layer.hazard not in by_water.hazards:
        return passability(_SEVERITY[vehicle])
    if layer.quantity != "depth":
        return by_water
    if layer.scheme == "aidr-h1-h6":
        return passability(_AIDR[vehicle])
    by_depth = passability(_WATER_DEPTH[vehicle])
    return by_depth if layer.hazard in by_depth.hazards else passability("fording-car")


def lay_on_roads(layer: HazardLayer, lines: Lines | Paths, *, crs: CRS | str) -> RoadPieces:
    """Lay a layer along lines once, to be used in several scenarios.

    Many lines are split in batches, so that little more than the result is in memory.

    Parameters
    ----------
    layer, crs
        As of `split_on_layer`.
    lines
        As of `split_on_layer`, or as `Paths`, which saves making LineStrings of them.

    Returns
    -------
    RoadPieces

    Raises
    ------
    HazardError
        As of `split_on_layer`.

    Examples
    --------
    >>> from mutualaid.hazards import Paths, lay_on_roads
    >>> paths = Paths(network.road_xy, network.road_offset)  # doctest: +SKIP
    >>> lay_on_roads(layer, paths, crs=network.crs)  # doctest: +SKIP
    """
    return _laid(layer, split_in_batches(layer, lines, crs=crs))


def _laid(layer: HazardLayer, batches: Iterable[Batch]) -> RoadPieces:
    needs_velocity = (
        bool(layer.scheme) and layer.quantity == "depth" and find_scheme(layer.scheme).needs_velocity
    )
    passed_m, parts = 0.0, []
    for batch in batches:
        # Lengths are added up along all lines, whatever the batches.
        total_m = np.cumsum(np.append(passed_m, batch.length_m))[1:]
        passed_m = float(total_m[-1]) if len(total_m) else passed_m
        ends = np.flatnonzero(_changes(batch))
        line, of = batch.line[ends], batch.of[ends]
        begins = np.flatnonzero(np.append(True, batch.line[1:] != batch.line[:-1])[: len(batch.line)])
        before_m = total_m[begins] - batch.length_m[begins]
        nth = np.cumsum(np.append(True, line[1:] != line[:-1])[: len(line)]) - 1
        severity = np.full(len(batch.said), np.nan)
        if layer.scheme and not needs_velocity:
            said = severities(layer, batch.said)["severity"]
            severity = said.to_numpy(np.float64, na_value=np.nan)
        value = batch.said["value"].to_numpy(np.float64)
        sampled = batch.said.take(of) if needs_velocity else batch.said.iloc[:0]
        parts.append((line, total_m[ends] - before_m[nth], value[of], severity[of], sampled))
    *arrays, frames = zip(*parts, strict=True)
    line, stop_m, value, severity = (np.concatenate(part) for part in arrays)
    asked = pd.concat(frames, ignore_index=True) if needs_velocity else frames[0]
    return RoadPieces(layer, line, stop_m, value, severity, asked)


def _changes(batch: Batch) -> NDArray[np.bool_]:
    """Whether the next piece is on another line, or says something else: vertices of a line change nothing."""
    same = np.ones(len(batch.line), dtype=bool)
    same[:-1] = batch.line[1:] == batch.line[:-1]
    for name in batch.said:
        code = pd.factorize(batch.said[name])[0][batch.of]
        same[:-1] &= code[1:] == code[:-1]
    same[-1:] = False
    return ~same


def scenario_roads(
    scenario: HazardScenario,
    laid: Iterable[RoadPieces],
    lines: Lines | Paths,
    *,
    free_flow_kph: ArrayLike,
    vehicle: str,
    bridge: ArrayLike = False,
    tunnel: ArrayLike = False,
    covered: ArrayLike = False,
    jurisdiction: Sequence[object] | pd.Series | None = None,
    jurisdictions: pd.DataFrame | None = None,
) -> RoadHazard:
    """Say what a scenario leaves of each road.

    Along a road, of several layers of one hazard those of the road's own jurisdiction count where they know,
    else all that know; of these the one that leaves least. Several hazards multiply, or close a road that any of
    them slows down, as the scenario says. What a hazard cannot reach (water a bridge, rocks a tunnel or a
    gallery: see `affected`) it leaves alone. Where all layers of a hazard are unknown the road is passable or
    closed as the scenario says, and ``unknown_m`` says how far that goes.

    Parameters
    ----------
    scenario
        The scenario.
    laid
        Its layers, laid along the lines by `lay_on_roads`; others are ignored, but for a velocity without a
        scheme that a depth of the scenario needs.
    lines
        n LineStrings, or `Paths`: those that the layers were laid on.
    free_flow_kph
        Speed without the hazard, of all roads or (n,).
    vehicle
        ``car`` or ``emergency``: decides the rules that the scenario does not name.
    bridge, tunnel, covered
        (n,) bool, or one for all; see `affected`.
    jurisdiction
        (n,) id of the jurisdiction of each road, missing outside all of them; best as categories.
    jurisdictions
        Indexed by id, with ``country`` and ``partner`` if layers are provided by these. Without it no layer
        goes before another.

    Returns
    -------
    RoadHazard

    Raises
    ------
    HazardError
        A layer of the scenario is missing, a rule is unknown or does not fit its layer, or a speed is not above 0.

    Examples
    --------
    >>> from mutualaid.hazards import lay_on_roads, scenario_roads
    >>> laid = [lay_on_roads(layer, network.lines(), crs=network.crs) for layer in layers]  # doctest: +SKIP
    >>> left = scenario_roads(
    ...     scenario, laid, network.lines(), free_flow_kph=50.0, vehicle="emergency")  # doctest: +SKIP
    >>> left.roads["closed"].sum()  # doctest: +SKIP
    """
    by_id = {one.layer.id: one for one in laid}
    chosen, velocity = _chosen(scenario, by_id)
    rules = scenario_rules(scenario, [one.layer for one in chosen], vehicle)
    line_m = _lengths(lines)
    free = np.broadcast_to(np.asarray(free_flow_kph, np.float64), line_m.shape)
    _check_free_flow(free)
    masks = [
        np.broadcast_to(np.asarray(mask, dtype=bool), line_m.shape) for mask in (bridge, tunnel, covered)
    ]
    spared = {
        hazard: ~affected(masks[0], masks[1], covered=masks[2], hazard=hazard)
        for hazard in {one.layer.hazard for one in chosen}
    }
    own = _own(jurisdiction, jurisdictions, [one.layer for one in chosen], len(line_m))
    before_m = np.append(0.0, np.cumsum(line_m))[:-1]

    def left(first: int) -> RoadHazard:
        rows = slice(first, first + _ROADS)
        some = [_part(one, rows) for one in chosen]
        speed = {depth: _part(one, rows) for depth, one in velocity.items()}
        cuts = _Cuts.of([*some, *speed.values()], line_m[rows], before_m[rows])
        said = [
            _said(
                one, rules[one.layer.id], cuts, free[rows], spared[one.layer.hazard][rows],
                speed.get(one.layer.id),
            )
            for one in some
        ]  # fmt: skip
        return _combined(scenario, some, said, own[:, rows], cuts, rules)

    firsts = np.arange(0, max(len(line_m), 1), _ROADS)
    parts = in_threads(lambda some: _objects([left(first) for first in some.tolist()]), firsts, least=1)
    return _joined(parts.tolist(), rules)


def _objects(found: Sequence[object]) -> NDArray[np.object_]:
    array = np.empty(len(found), dtype=object)
    array[:] = found
    return array


def _part(laid: RoadPieces, rows: slice) -> RoadPieces:
    """Give what is laid along lines that follow one another, which are numbered anew."""
    pieces = slice(*np.searchsorted(laid.line, [rows.start, rows.stop]).tolist())
    return RoadPieces(
        laid.layer,
        laid.line[pieces] - rows.start,
        laid.stop_m[pieces],
        laid.value[pieces],
        laid.severity[pieces],
        laid.sampled.iloc[pieces],
    )


def _joined(parts: Sequence[RoadHazard], rules: Mapping[str, Passability]) -> RoadHazard:
    def all_of(name: str) -> Floats:
        return np.concatenate([getattr(one, name) for one in parts])

    return RoadHazard(
        pd.concat([one.roads for one in parts], ignore_index=True) if len(parts) > 1 else parts[0].roads,
        np.concatenate([one.line + number * _ROADS for number, one in enumerate(parts)]),
        all_of("start"),
        all_of("stop"),
        all_of("factor"),
        {key: rule.id for key, rule in rules.items()},
    )


def _lengths(lines: Lines | Paths) -> Floats:
    if isinstance(lines, Paths):
        return lines.length_m
    return np.nan_to_num(shapely.length(np.asarray(lines, dtype=object)))


def _check_free_flow(kph: Floats) -> None:
    bad = np.flatnonzero(~(kph > 0))
    if len(bad):
        got = f"{kph[bad[0]]:g} for road {bad[0]}" + (f" and {len(bad) - 1} others" if len(bad) > 1 else "")
        raise HazardError(
            [Defect("", "free_flow_kph", "km/h above 0", got, "give a speed above 0 for each road")]
        )


# --- which layers, and by which rule -------------------------------------------------------------------------


def _chosen(
    scenario: HazardScenario, by_id: Mapping[str, RoadPieces]
) -> tuple[list[RoadPieces], dict[str, RoadPieces]]:
    missing = [key for key in scenario.layers if key not in by_id]
    if missing:
        raise HazardError(
            Defect(
                "",
                f"scenario {scenario.id}, layers",
                "layers laid along the roads",
                repr(key),
                "lay it there",
            )
            for key in missing
        )
    named = [by_id[key] for key in scenario.layers]
    plain = [one for one in named if one.layer.quantity == "velocity" and not one.layer.scheme]
    others = [
        one
        for one in by_id.values()
        if one.layer.quantity == "velocity" and not one.layer.scheme and one not in named
    ]
    answering = [one for one in named if one not in plain]
    _, velocity = unique_layers(one.layer for one in (*named, *others))
    return answering, {depth: by_id[layer.id] for depth, layer in velocity.items()}


def scenario_rules(
    scenario: HazardScenario, chosen: Sequence[HazardLayer], vehicle: str
) -> dict[str, Passability]:
    """Give the rule by which each layer is read for roads, by id of the layer.

    Raises
    ------
    HazardError
        A rule is unknown or does not fit its layer.
    """
    rules: dict[str, Passability] = {}
    defects: list[Defect] = []
    for layer in chosen:
        try:
            rules[layer.id] = _rule(scenario, layer, vehicle)
        except HazardError as error:
            defects += [replace(one, where=f"scenario {scenario.id}, {one.where}") for one in error.defects]
    if defects:
        raise HazardError(defects)
    return rules


def _rule(scenario: HazardScenario, layer: HazardLayer, vehicle: str) -> Passability:
    if layer.id in scenario.rules:
        found = passability(scenario.rules[layer.id])
    else:
        found = default_rule(layer, vehicle)
        named = scenario.rules.get(layer.hazard)
        # A rule named for a hazard says nothing about a probability of closure, unless it is one itself.
        if named is not None and (found.rule != "probability" or passability(named).rule == "probability"):
            found = passability(named)
    check_fit(layer, found)
    return found


def _own(
    jurisdiction: Sequence[object] | pd.Series | None,
    jurisdictions: pd.DataFrame | None,
    layers: Sequence[HazardLayer],
    n: int,
) -> NDArray[np.bool_]:
    """Whether each layer is provided by each road's own jurisdiction: (layers, roads)."""
    if jurisdictions is None or jurisdiction is None:
        return np.zeros((len(layers), n), dtype=bool)
    return provided(jurisdiction, jurisdictions, layers)


# --- pieces on which no layer changes ------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Cuts:
    """Pieces of lines on which no layer changes, in order."""

    line: Ints
    start_m: Floats
    stop_m: Floats
    line_m: Floats
    before_m: Floats  # lengths of all lines before each

    @property
    def length_m(self) -> Floats:
        return self.stop_m - self.start_m

    @staticmethod
    def of(laid: Sequence[RoadPieces], line_m: Floats, before_m: Floats) -> _Cuts:
        """Cut lines wherever one of the layers does."""
        whole = np.flatnonzero(line_m > 0)
        line = np.concatenate([whole[:0], *(one.line for one in laid)]).astype(np.int64)
        stop_m = np.concatenate([line_m[:0], *(one.stop_m for one in laid)])
        # The end of a line is its length, however the pieces of a layer were added up.
        inner = np.flatnonzero(stop_m < line_m[line] - _SAME_M)
        line, stop_m = line[inner], stop_m[inner]
        order = np.lexsort((stop_m, line))
        line, stop_m = line[order], stop_m[order]
        apart = np.append(True, (line[1:] != line[:-1]) | (stop_m[1:] - stop_m[:-1] > _SAME_M))[: len(line)]
        line, stop_m = line[apart], stop_m[apart]
        # Most lines are not cut: those that are go among the others before their ends.
        at = np.searchsorted(whole, line)
        line, stop_m = np.insert(whole, at, line), np.insert(line_m[whole], at, stop_m)
        first = np.append(True, line[1:] != line[:-1])[: len(line)]
        start_m = np.where(first, 0.0, np.append(0.0, stop_m[:-1])[: len(line)])
        return _Cuts(line, start_m, stop_m, line_m, before_m)

    def piece_of(self, one: RoadPieces) -> Ints:
        """Position of the piece of a layer that each piece lies on."""
        middle = self.before_m[self.line] + (self.start_m + self.stop_m) / 2
        found = np.searchsorted(self.before_m[one.line] + one.stop_m, middle)
        return np.minimum(found, len(one.line) - 1).astype(np.int64)


@dataclass(frozen=True, eq=False)
class _Said:
    """What one layer says on each piece: factor (NaN unknown), severity (NaN unknown), probability (NaN none)."""

    factor: Floats
    severity: Floats
    probability: Floats


def _said(
    one: RoadPieces,
    rule: Passability,
    cuts: _Cuts,
    free: Floats,
    spared: NDArray[np.bool_],
    velocity: RoadPieces | None,
) -> _Said:
    at = cuts.piece_of(one)
    severity = one.severity[at]
    if velocity is not None:
        speed = velocity.value[cuts.piece_of(velocity)]
        both = severities(one.layer, one.sampled.iloc[at].reset_index(drop=True), velocity=speed)
        severity = both["severity"].to_numpy(np.float64, na_value=np.nan)
    value = severity if rule.quantity == "severity" else one.value[at]
    exempt = spared[cuts.line]
    none = np.full(len(at), np.nan)
    if rule.rule == "probability":
        chance = np.where(exempt, 0.0, value)
        _check_probability(one.layer, chance)
        return _Said(none, severity, chance)
    factor = speed_factor(rule, free[cuts.line], value)
    return _Said(np.where(exempt, 1.0, factor), np.where(exempt, 0.0, severity), none)


def _check_probability(layer: HazardLayer, chance: Floats) -> None:
    wrong = chance[(chance < 0) | (chance > 1)]
    if len(wrong):
        expected, remedy = "probabilities within 0…1", "write 5 % as 0.05, or state unit = '%'"
        got = f"{wrong[0]:g}"
        raise HazardError([Defect(layer.file.name, f"hazard layer {layer.id}", expected, got, remedy)])


# --- several layers, several hazards -------------------------------------------------------------------------


def _combined(
    scenario: HazardScenario,
    chosen: Sequence[RoadPieces],
    said: Sequence[_Said],
    own: NDArray[np.bool_],
    cuts: _Cuts,
    rules: Mapping[str, Passability],
) -> RoadHazard:
    n = len(cuts.line)
    factor, unknown = np.ones(n), np.zeros(n, dtype=bool)
    severity, certain = np.full(n, np.nan), np.ones(len(cuts.line_m))
    slowest, deciding = np.ones(n), np.full(n, len(chosen), dtype=np.int64)
    has_chance = np.zeros(len(cuts.line_m), dtype=bool)
    for hazard in dict.fromkeys(one.layer.hazard for one in chosen):
        which = [k for k, one in enumerate(chosen) if one.layer.hazard == hazard]
        mine = own[which][:, cuts.line]
        left, layer = _least(np.stack([said[k].factor for k in which]), mine)
        chance, _ = _least(-np.stack([said[k].probability for k in which]), mine)
        if all(rules[chosen[k].layer.id].rule == "probability" for k in which):
            # Nothing but probabilities speaks of this hazard: a road is as it was, where they are known.
            left = np.where(np.isnan(chance), np.nan, 1.0)
        worst, _ = _least(-np.stack([said[k].severity for k in which]), mine)
        lost = np.isnan(left)
        unknown |= lost
        left = np.where(lost, 1.0 if scenario.unknown == "passable" else 0.0, left)
        factor *= np.where(left < 1, 0.0, 1.0) if scenario.roads == "close" else left
        deciding = np.where((left < slowest) & ~lost, np.array(which)[layer], deciding)
        slowest = np.minimum(slowest, left)
        severity = np.fmax(severity, -worst)
        road_chance = np.zeros(len(cuts.line_m))
        np.fmax.at(road_chance, cuts.line, np.nan_to_num(-chance))
        np.logical_or.at(has_chance, cuts.line, ~np.isnan(chance))
        certain *= 1 - road_chance
    probability = np.where(has_chance, 1 - certain, np.nan)
    roads = _by_road(cuts, factor, severity, unknown, probability)
    # What is too short to close a road does not cut it in two either.
    factor = np.where((factor == 0) & ~roads["closed"].to_numpy()[cuts.line], 1.0, factor)
    names = pd.array([*(one.layer.id for one in chosen), ""], dtype="str")
    roads["layer"] = names.take(_slowest_layer(cuts, slowest, deciding, len(chosen)))
    touched = (roads["factor"].to_numpy() < 1)[cuts.line]
    length = cuts.line_m[cuts.line[touched]]
    return RoadHazard(
        roads,
        cuts.line[touched],
        cuts.start_m[touched] / length,
        cuts.stop_m[touched] / length,
        factor[touched],
        {key: rule.id for key, rule in rules.items()},
    )


def _least(values: Floats, own: NDArray[np.bool_]) -> tuple[Floats, Ints]:
    """Least value of the own layers that know, else of all that know, and which layer says it; NaN if none."""
    known = ~np.isnan(values)
    first = known & own
    counted = np.where(first.any(axis=0), first, known)
    ranked = np.where(counted, values, np.inf)
    layer = ranked.argmin(axis=0)
    least = np.take_along_axis(ranked, layer[None, :], axis=0)[0]
    return np.where(counted.any(axis=0), least, np.nan), layer.astype(np.int64)


def _by_road(
    cuts: _Cuts, factor: Floats, severity: Floats, unknown: NDArray[np.bool_], probability: Floats
) -> pd.DataFrame:
    n = len(cuts.line_m)

    def summed(amount: Floats) -> Floats:
        return np.bincount(cuts.line, amount, minlength=n).astype(np.float64)

    length_m = cuts.length_m
    closed_m = summed(np.where(factor == 0, length_m, 0.0))
    closed = closed_m >= NOISE_M
    slow_m = summed(length_m / np.where(factor == 0, 1.0, factor))
    ratio = np.divide(summed(length_m), slow_m, out=np.ones(n), where=slow_m > 0)
    worst = np.full(n, -np.inf)
    np.fmax.at(worst, cuts.line, severity)
    return pd.DataFrame(
        {
            "closed": closed,
            "factor": np.where(closed, 0.0, np.where(ratio > 1 - 1e-12, 1.0, ratio)),
            "severity": pd.Series(np.where(np.isneginf(worst), np.nan, worst)).astype("Int8"),
            "affected_m": summed(np.where(factor < 1, length_m, 0.0)),
            "closed_m": closed_m,
            "unknown_m": summed(np.where(unknown, length_m, 0.0)),
            "probability": probability,
        }
    )


def _slowest_layer(cuts: _Cuts, slowest: Floats, deciding: Ints, none: int) -> Ints:
    """Layer that leaves least on the worst piece of each road; `none` where nothing is lost."""
    result = np.full(len(cuts.line_m), none, dtype=np.int64)
    lost = np.flatnonzero(slowest < 1)
    lost = lost[np.lexsort((deciding[lost], slowest[lost], cuts.line[lost]))]
    line, first = np.unique(cuts.line[lost], return_index=True)
    result[line] = deciding[lost[first]]
    return result


# --- positions on roads --------------------------------------------------------------------------------------


def shares_along(left: RoadHazard, line: ArrayLike, fraction: ArrayLike) -> tuple[Floats, Floats]:
    """Say how long the way from both ends of its road to a position takes under a scenario.

    Parameters
    ----------
    left
        What `scenario_roads` gave.
    line
        (q,) position of the road.
    fraction
        (q,) where on the road, 0…1 by length.

    Returns
    -------
    from_start, from_end
        (q,) time from the start, and from the end of the road, as shares of the time that the whole road takes
        without the hazard: at least the fraction and its complement, and inf where the stretch between is closed.

    Examples
    --------
    >>> from mutualaid.hazards import shares_along
    >>> shares_along(left, [0], [0.5])  # doctest: +SKIP
    """
    road, at = np.asarray(line, np.int64), np.asarray(fraction, np.float64)
    from_start, from_end = at.copy(), 1 - at
    some, closed, slow = _along(left, road, at)
    from_start[some] = np.where(closed[0] > _NOTHING, np.inf, np.maximum(at[some], slow[0]))
    from_end[some] = np.where(closed[1] > _NOTHING, np.inf, np.maximum(1 - at[some], slow[1]))
    return from_start, from_end


def open_stretch(left: RoadHazard, line: ArrayLike, fraction: ArrayLike) -> tuple[Ints, Floats]:
    """Say on which open stretch of its road a position lies: two on the same one reach each other along it.

    Parameters
    ----------
    left, line, fraction
        As of `shares_along`.

    Returns
    -------
    stretch
        (q,) number of the stretch on its road, from 0; -1 where the position is on a closed one.
    passed
        (q, 2) time from the start, and from the end of the road, as shares of the time that the whole road takes
        without the hazard, what is closed left out.

    Examples
    --------
    >>> from mutualaid.hazards import open_stretch
    >>> open_stretch(left, [0, 0], [0.4, 0.6])[0]  # doctest: +SKIP
    """
    road, at = np.asarray(line, np.int64), np.asarray(fraction, np.float64)
    stretch, passed = np.zeros(len(road), dtype=np.int64), np.column_stack([at, 1 - at])
    some, _, slow = _along(left, road, at)
    passed[some] = slow.T
    shut = left.factor == 0
    number = np.append(0, np.cumsum(shut))
    piece, first, inside = _piece(left, road[some], at[some])
    behind = shut[piece] & (inside >= 1 - _NOTHING)
    within = shut[piece] & ~behind & (inside > _NOTHING)
    stretch[some] = np.where(within, -1, number[piece] - number[first] + behind)
    return stretch, passed


def _along(left: RoadHazard, road: Ints, at: Floats) -> tuple[Ints, Floats, Floats]:
    """Positions on roads that lose something, and lengths closed, and time passed, before and behind: (2, q)."""
    length = left.stop - left.start
    shut = left.factor == 0
    amounts = np.where(shut, length, 0.0), np.where(shut, 0.0, length / np.where(shut, 1.0, left.factor))
    first = np.searchsorted(left.line, road, side="left")
    last = np.searchsorted(left.line, road, side="right")
    some = np.flatnonzero(last > first)
    if not len(some):
        return some, np.empty((2, 0)), np.empty((2, 0))
    piece, _, inside = _piece(left, road[some], at[some])
    found = []
    for amount in amounts:
        total = np.append(0.0, np.cumsum(amount))
        before = total[piece] - total[first[some]] + inside * amount[piece]
        found.append(np.stack([before, total[last[some]] - total[first[some]] - before]))
    return some, found[0], found[1]


def _piece(left: RoadHazard, road: Ints, at: Floats) -> tuple[Ints, Ints, Floats]:
    """Piece that each position lies on, first piece of its road, and how far along the piece it is, 0…1."""
    first = np.searchsorted(left.line, road, side="left")
    last = np.searchsorted(left.line, road, side="right")
    # Pieces of a road begin at 0 and end at 1, so that road + position rises over all pieces.
    piece = np.searchsorted(left.line + left.stop, road + at, side="left")
    piece = np.clip(piece, first, last - 1)
    inside = (at - left.start[piece]) / (left.stop - left.start)[piece]
    return piece.astype(np.int64), first.astype(np.int64), np.clip(inside, 0.0, 1.0)
