"""Seams: where the two sides of a border contradict each other about the same hazard."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from shapely.geometry.base import BaseGeometry

from mutualaid.errors import Defect, HazardError
from mutualaid.hazards._borders import check_jurisdictions, shared_borders
from mutualaid.hazards._model import HazardLayer
from mutualaid.hazards._providers import UNKNOWN, as_int8, ask, believed, own_layers, unique_layers

__all__ = ["KINDS", "compare_borders", "seams"]

#: What the two sides of a stretch are to each other; the first three are seams.
KINDS: tuple[str, ...] = ("severity", "return_period", "coverage", "agree", "unknown", "not_examined")
_SEAMS = KINDS[:3]
#: Points stand at least this far from the border, in metres: what is closer is the same place on both sides.
_LEAST_OFFSET_M = 10.0
#: … and so many cells: inside the first whole cell, and not on its edge.
_CELLS = 1.25
#: A point this many offsets from its place on the border no longer speaks for it.
_FAR = 4.0
#: Return periods differ if their ratio does by more than this.
_SAME_PERIOD = 1e-6
#: A doubling of the return period weighs like one step of severity, and no contradiction more than five.
_MOST = 5.0
_SIDE = ("severity", "class_label", "value", "return_period", "layer", "source")
_COLUMNS = [
    *("a", "b", "country_a", "country_b", "international", "hazard", "event", "kind"),
    *(f"{column}_{side}" for side in "ab" for column in _SIDE),
    *("jump", "length_m", "geometry"),
]


@dataclass(frozen=True)
class _Question:
    """What is asked of both sides of a border: one hazard, and the layers that answer, own ones first."""

    hazard: str
    event: str
    layers_a: tuple[int, ...]
    layers_b: tuple[int, ...]


def seams(
    jurisdictions: gpd.GeoDataFrame,
    layers: Iterable[HazardLayer],
    *,
    step_m: float = 25.0,
    offset_m: float | None = None,
    tolerance_m: float = 25.0,
    min_jump: int = 1,
    min_length_m: float = 0.0,
) -> gpd.GeoDataFrame:
    """List the stretches of shared borders where the two sides contradict each other: for the next joint meeting.

    What is compared, and how, says `compare_borders`. Three kinds of contradiction are seams:

    * ``coverage``: one side knows how severe it is, the other does not. Unknown is not absent.
    * ``return_period``: at least one side shows the hazard, and each states another return period, so that their
      severities cannot be compared.
    * ``severity``: both know, for the same state of the hazard, and differ by `min_jump` or more.

    Parameters
    ----------
    jurisdictions, layers, step_m, offset_m, tolerance_m, min_jump
        As for `compare_borders`.
    min_length_m
        Shorter stretches, in metres, are left out.

    Returns
    -------
    GeoDataFrame
        The seams among the rows of `compare_borders`, in order of length × jump, index ``S1``, ``S2``, …

    Raises
    ------
    HazardError
        As for `compare_borders`.

    Examples
    --------
    >>> from mutualaid.hazards import seams
    >>> found = seams(region.jurisdictions, [hq100_north, depth_south])  # doctest: +SKIP
    >>> found[["a", "b", "kind", "severity_a", "severity_b", "length_m"]].head()  # doctest: +SKIP
    """
    compared = compare_borders(
        jurisdictions, layers, step_m=step_m, offset_m=offset_m, tolerance_m=tolerance_m, min_jump=min_jump
    )
    found = compared[compared["kind"].isin(_SEAMS) & (compared["length_m"] >= min_length_m)]
    order = (found["length_m"] * found["jump"]).sort_values(ascending=False, kind="stable").index
    found = found.loc[order]
    found.index = pd.Index([f"S{number}" for number in range(1, len(found) + 1)], name="id", dtype="str")
    return found


def compare_borders(
    jurisdictions: gpd.GeoDataFrame,
    layers: Iterable[HazardLayer],
    *,
    step_m: float = 25.0,
    offset_m: float | None = None,
    tolerance_m: float = 25.0,
    min_jump: int = 1,
) -> gpd.GeoDataFrame:
    """Compare what the two sides of every shared border say about the same hazard.

    Each side answers with the layers that its jurisdiction provides, itself or through its country or partner;
    where none of these knows, with the layers of no provider, which all share. Layers are compared

    1. with those of the same event, of the same return period, or which state neither;
    2. what is left over, with the left-over return period next to it on the other side;
    3. what states neither event nor return period, with every left-over return period of the other side;
    4. what then is left has no counterpart: the other side does not know.

    A border whose sides answer with the same layers has nothing to contradict and is not listed for them.

    The border is walked in steps. Each step asks one point on each side: the place inside the jurisdiction
    nearest to the step's middle that is at least an offset away from the boundary, so that no cell on the
    boundary is read. Where a jurisdiction is too narrow for that the step is not examined. The edge of a hazard
    that truly runs between the two points looks like a contradiction.

    Parameters
    ----------
    jurisdictions
        Polygons in a projected CRS in metres, indexed by unique id; ``country`` and ``partner`` are used if
        they are there.
    layers
        Hazard layers with a scheme, of any hazards; a layer of velocity without a scheme goes with the depth of
        the same provider.
    step_m
        Longest step along the border, in metres.
    offset_m
        Distance of the points from the boundary, in metres. The least is 1¼ cells of the coarsest raster that
        is compared, and 10 m, which is the default.
    tolerance_m
        Distance that the two sides' boundaries may disagree by; see `shared_borders`.
    min_jump
        Smallest difference of severity that counts.

    Returns
    -------
    GeoDataFrame
        One row for each stretch on which nothing changes but the values: ``a``, ``b``, ``country_a``,
        ``country_b``, ``international``, ``hazard``, ``event`` ("" if none), ``kind`` (one of `KINDS`:
        ``agree``; ``unknown``: to both; ``not_examined``), for each side ``severity_a`` (Int8, missing if
        unknown), ``class_label_a`` (``no layer`` if the side has none, "" if unknown), ``value_a`` (the
        largest), ``return_period_a`` (years), ``layer_a``, ``source_a``, then ``jump``, ``length_m``,
        LineString with `a` on its left. The lengths of one border and comparison sum to the border's length.

        ``jump`` is the difference of severity; for ``coverage`` the severity on the side that knows, at least 1;
        for ``return_period`` the doublings from one to the other, at most 5; else 0.

    Raises
    ------
    HazardError
        The CRS is not in metres; a layer has no scheme, a provider that the region does not know, or the id of
        another; a step or a jump of 0.
    """
    _check(step_m, offset_m, min_jump)
    chosen, velocity = unique_layers(layers)
    own = own_layers(jurisdictions, chosen)
    check_jurisdictions(jurisdictions)
    if len(set(own.values())) < 2:  # all answer with the same layers, so no border need be found
        return _nothing(jurisdictions.crs)
    borders = shared_borders(jurisdictions, tolerance_m=tolerance_m)
    shared = tuple(n for n, layer in enumerate(chosen) if not layer.jurisdiction)
    asked: dict[_Question, list[int]] = {}
    for row, (a, b) in enumerate(zip(borders["a"], borders["b"], strict=True)):
        for question in _questions(chosen, own[a], own[b], shared):
            asked.setdefault(question, []).append(row)
    tables = [
        _compared(
            jurisdictions,
            borders.iloc[rows],
            chosen,
            velocity,
            question,
            step_m=step_m,
            offset_m=max(
                _LEAST_OFFSET_M, offset_m or 0.0, _CELLS * _cell_m(chosen, question, jurisdictions.crs)
            ),
            tolerance_m=tolerance_m,
            min_jump=min_jump,
        )
        for question, rows in asked.items()
    ]
    if not tables:
        return _nothing(jurisdictions.crs)
    table = pd.concat(tables, ignore_index=True)
    table = table.sort_values(["border", "hazard"], kind="stable", ignore_index=True)
    return gpd.GeoDataFrame(table[_COLUMNS], geometry="geometry", crs=jurisdictions.crs)


def _nothing(crs: CRS | None) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns=_COLUMNS, geometry="geometry", crs=crs)


def _check(step_m: float, offset_m: float | None, min_jump: int) -> None:
    wanted = {"step_m": step_m, "offset_m": 1.0 if offset_m is None else offset_m, "min_jump": min_jump}
    defects = [
        Defect("", name, "a number above 0", f"{value:g}", "correct it")
        for name, value in wanted.items()
        if not (value > 0 and math.isfinite(value))
    ]
    if defects:
        raise HazardError(defects)


# --- what is compared with what -----------------------------------------------------------------------------


def _questions(
    layers: Sequence[HazardLayer], own_a: Sequence[int], own_b: Sequence[int], shared: Sequence[int]
) -> list[_Question]:
    found = []
    for hazard in dict.fromkeys(layer.hazard for layer in layers):
        a, b = (
            _by_state(layers, [n for n in (*own, *shared) if layers[n].hazard == hazard])
            for own in (own_a, own_b)
        )
        for state_a, state_b in _pairs(list(a), list(b)):
            question = _Question(
                hazard,
                next((state for state in (state_a, state_b) if isinstance(state, str)), ""),
                () if state_a is None else tuple(a[state_a]),
                () if state_b is None else tuple(b[state_b]),
            )
            if question.layers_a != question.layers_b:
                found.append(question)
    return found


def _by_state(layers: Sequence[HazardLayer], positions: Iterable[int]) -> dict[str | float, list[int]]:
    """Layers by event (its name), return period (years) or neither (0.0)."""
    found: dict[str | float, list[int]] = {}
    for position in positions:
        layer = layers[position]
        years = layer.return_period_years
        state = layer.event or (0.0 if math.isnan(years) else round(years, 6))
        found.setdefault(state, []).append(position)
    return found


def _pairs(a: list[str | float], b: list[str | float]) -> list[tuple[str | float | None, str | float | None]]:
    """Pair the states that two sides know; None where one has no counterpart."""
    same = [state for state in a if state in b]
    pairs: list[tuple[str | float | None, str | float | None]] = [(state, state) for state in same]
    years_a, years_b = (
        [state for state in side if isinstance(state, float) and state and state not in same]
        for side in (a, b)
    )
    loose_a, loose_b = ([0.0] if 0.0 in side and 0.0 not in same else [] for side in (a, b))
    near = sorted(
        itertools.product(years_a, years_b), key=lambda pair: (abs(math.log(pair[0] / pair[1])), *pair)
    )
    for one, two in near:
        if one in years_a and two in years_b:
            pairs.append((one, two))
            years_a.remove(one)
            years_b.remove(two)
    pairs += itertools.product(loose_a, years_b)
    pairs += itertools.product(years_a, loose_b)
    met_a, met_b = {one for one, _ in pairs}, {two for _, two in pairs}
    pairs += [(state, None) for state in a if state not in met_a]
    pairs += [(None, state) for state in b if state not in met_b]
    return pairs


def _cell_m(layers: Sequence[HazardLayer], question: _Question, crs: CRS | None) -> float:
    """Width in metres of the coarsest cell that answers; 0 if all are polygons."""
    widest = 0.0
    for position in {*question.layers_a, *question.layers_b}:
        layer = layers[position]
        if layer.transform is None:
            continue
        left, bottom, right, top = layer.bounds
        x, y = (left + right) / 2, (bottom + top) / 2
        into = Transformer.from_crs(layer.crs, crs, always_xy=True)
        across, down = layer.transform.a, layer.transform.e
        (x0, x1, x2), (y0, y1, y2) = into.transform([x, x + across, x], [y, y, y + down])
        widest = max(widest, math.hypot(x1 - x0, y1 - y0), math.hypot(x2 - x0, y2 - y0))
    return widest


# --- what each side says ------------------------------------------------------------------------------------


def _compared(
    jurisdictions: gpd.GeoDataFrame,
    borders: gpd.GeoDataFrame,
    layers: Sequence[HazardLayer],
    velocity: Mapping[str, HazardLayer],
    question: _Question,
    *,
    step_m: float,
    offset_m: float,
    tolerance_m: float,
    min_jump: int,
) -> pd.DataFrame:
    """Compare the two sides of all borders that ask the same question."""
    lines, row = shapely.get_parts(borders.geometry.to_numpy(), return_index=True)
    steps = _walk(lines, step_m)
    line = steps["line"].to_numpy()
    middle = shapely.line_interpolate_point(lines[line], (steps["start"] + steps["stop"]).to_numpy() / 2)
    for side, asked in (("a", question.layers_a), ("b", question.layers_b)):
        names = borders[side].to_numpy()[row[line]]
        points = np.full(len(steps), None, dtype=object)
        for name in pd.unique(names):
            here = np.flatnonzero(names == name)
            land = jurisdictions.geometry[name]
            points[here] = _inside(land, lines[np.unique(line[here])], middle[here], offset_m, tolerance_m)
        steps = steps.join(_side(points, layers, asked, velocity, jurisdictions.crs).add_suffix(f"_{side}"))
    steps = steps.join(_contradictions(steps, min_jump))
    table, where = _stretches(steps, lines)
    for side in "ab":
        position = table[f"layer_{side}"].to_numpy()
        table[f"severity_{side}"] = as_int8(table[f"severity_{side}"].to_numpy(), table.index)
        # The last entry stands for UNKNOWN, which is -1.
        table[f"layer_{side}"] = np.array([*(layer.id for layer in layers), ""], dtype=object)[position]
        table[f"source_{side}"] = np.array([*(layer.source for layer in layers), ""], dtype=object)[position]
    of = borders.drop(columns=["geometry", "length_m"]).iloc[row[where]]
    table[of.columns] = of.to_numpy(dtype=object)
    table["international"] = of["international"].to_numpy(dtype=bool)
    return table.assign(border=of.index, hazard=question.hazard, event=question.event)


def _walk(lines: NDArray[np.object_], step_m: float) -> pd.DataFrame:
    """Cut each line into equal steps of at most `step_m`: line, start and stop in metres along it."""
    length = shapely.length(lines)
    count = np.maximum(np.ceil(length / step_m - 1e-9), 1).astype(np.int64)
    line = np.repeat(np.arange(len(lines)), count)
    number = np.arange(len(line)) - np.repeat(np.cumsum(count) - count, count)
    width = (length / count)[line]
    return pd.DataFrame({"line": line, "start": number * width, "stop": (number + 1) * width})


def _inside(
    land: BaseGeometry,
    lines: NDArray[np.object_],
    middle: NDArray[np.object_],
    offset_m: float,
    tolerance_m: float,
) -> NDArray[np.object_]:
    """Place nearest to each point that is in the land and an offset from its boundary; None if far away."""
    far = _FAR * offset_m + tolerance_m
    left, bottom, right, top = shapely.total_bounds(lines)
    # Only the land around the border matters; the cut makes no edge within reach.
    margin = far + 2 * offset_m
    around = shapely.box(left - margin, bottom - margin, right + margin, top + margin)
    core = shapely.buffer(shapely.intersection(land, around), -offset_m)
    found = np.full(len(middle), None, dtype=object)
    rings = shapely.get_rings(shapely.get_parts(core))
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    inner = np.flatnonzero(ring[1:] == ring[:-1])
    edges = np.asarray(shapely.linestrings(np.stack([xy[inner], xy[inner + 1]], axis=1)))
    if len(edges):
        which, edge = shapely.STRtree(edges).query_nearest(middle, max_distance=far, all_matches=False)
        along = shapely.line_locate_point(edges[edge], middle[which])
        found[which] = shapely.line_interpolate_point(edges[edge], along)
    return found


def _side(
    points: NDArray[np.object_],
    layers: Sequence[HazardLayer],
    asked: Sequence[int],
    velocity: Mapping[str, HazardLayer],
    crs: CRS | None,
) -> pd.DataFrame:
    """Ask one side at each point; ``there`` if there is a point."""
    there = ~shapely.is_missing(points)
    count = int(there.sum())
    said: dict[str, NDArray[Any]] = {
        "severity": np.full(count, UNKNOWN, dtype=np.int8),
        "class_label": np.full(count, "" if asked else "no layer", dtype=object),
        "value": np.full(count, np.nan),
        "return_period": np.full(count, np.nan),
        "layer": np.full(count, UNKNOWN, dtype=np.int64),
    }
    if asked and count:
        answers = [
            ask(layers[position], gpd.GeoSeries(points[there], crs=crs), velocity) for position in asked
        ]
        own = np.array([[bool(layers[position].jurisdiction)] for position in asked])
        said["severity"], chosen = believed(np.stack([answer.severity for answer in answers]), own)
        said["layer"] = np.where(chosen >= 0, np.array(asked)[chosen], UNKNOWN)
        for number, answer in enumerate(answers):
            # A class may say that nobody knows; it is shown where no other layer does.
            here = (chosen == number) | ((chosen < 0) & (said["class_label"] == ""))
            said["class_label"][here] = answer.class_label[here]
            said["value"][here] = answer.value[here]
            said["return_period"][here] = answer.return_period_years[here]
    table = pd.DataFrame(said, index=np.flatnonzero(there)).reindex(range(len(points)))
    table[["severity", "layer"]] = table[["severity", "layer"]].fillna(UNKNOWN).astype(np.int64)
    table["class_label"] = table["class_label"].fillna("")
    return table.assign(there=there)


def _contradictions(steps: pd.DataFrame, min_jump: int) -> pd.DataFrame:
    """Say what the two sides of each step are to each other, and how far they are apart."""
    a, b = steps["severity_a"].to_numpy(), steps["severity_b"].to_numpy()
    jump, worst = np.abs(a - b), np.maximum(a, b)
    doublings = np.abs(np.log2((steps["return_period_a"] / steps["return_period_b"]).to_numpy()))
    conditions = {
        "not_examined": ~(steps["there_a"] & steps["there_b"]).to_numpy(),
        "unknown": worst < 0,
        "coverage": np.minimum(a, b) < 0,
        "return_period": (doublings > _SAME_PERIOD) & (worst > 0),
        "severity": jump >= min_jump,
    }
    kind = np.select(list(conditions.values()), list(conditions), "agree")
    by_kind = {
        "coverage": np.maximum(worst, 1),
        "return_period": np.minimum(doublings, _MOST),
        "severity": jump,
    }
    apart = np.select([kind == one for one in by_kind], list(by_kind.values()), 0.0)
    return pd.DataFrame({"kind": kind.astype(object), "jump": apart})


def _stretches(steps: pd.DataFrame, lines: NDArray[np.object_]) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Join steps on which nothing changes but the values, and give the line that each stretch is on."""
    same = [name for name in steps if name not in ("start", "stop", "value_a", "value_b")]
    state = np.asarray(steps.groupby(same, dropna=False, sort=False).ngroup(), dtype=np.int64)
    line = steps["line"].to_numpy()
    first = _begins(state)
    run = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(steps))))
    last = np.append(first[1:], len(steps)) - 1
    start, stop = steps["start"].to_numpy()[first], steps["stop"].to_numpy()[last]
    parts = _cut_out(lines, line[first], start, stop)
    begin = _begins(line)
    for one, two in zip(run[begin], run[np.append(begin[1:], len(steps)) - 1], strict=True):
        # Around an enclave the last stretch goes on in the first one.
        if (
            one != two
            and state[first[one]] == state[first[two]]
            and shapely.is_closed(lines[line[first[one]]])
        ):
            parts[one] = shapely.line_merge(shapely.MultiLineString([parts[two], parts[one]]), directed=True)
            run[run == two] = one
    grouped = steps.groupby(run)
    table = grouped[[name for name in same if name not in ("line", "there_a", "there_b")]].first()
    table[["value_a", "value_b"]] = grouped[["value_a", "value_b"]].max()
    table["length_m"] = grouped["stop"].sum() - grouped["start"].sum()
    where = grouped["line"].first().to_numpy()
    return table.assign(geometry=np.array(parts, dtype=object)[table.index]).reset_index(drop=True), where


def _begins(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions where a value differs from the one before, the first one included."""
    return np.flatnonzero(np.append(True, values[1:] != values[:-1]))


def _cut_out(
    lines: NDArray[np.object_],
    which: NDArray[np.int64],
    start_m: NDArray[np.float64],
    stop_m: NDArray[np.float64],
) -> list[BaseGeometry]:
    """Parts of lines between two distances along them; `which` is sorted."""
    parts: list[BaseGeometry] = []
    for one, group in itertools.groupby(
        zip(which.tolist(), start_m, stop_m, strict=True), lambda part: part[0]
    ):
        xy = shapely.get_coordinates(lines[one])
        along = np.append(0.0, np.cumsum(np.hypot(*np.diff(xy, axis=0).T)))
        for _, start, stop in group:
            between = slice(*np.searchsorted(along, [start + 1e-9, stop - 1e-9]))
            at = np.concatenate([[start], along[between], [stop]])
            parts.append(shapely.LineString(np.stack([np.interp(at, along, axis) for axis in xy.T], axis=1)))
    return parts
