"""From values to the common scale: which class of its scheme a value belongs to, and how severe that is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from mutualaid.errors import Defect, HazardError
from mutualaid.hazards._model import HazardLayer
from mutualaid.hazards._schemes import Scheme
from mutualaid.hazards._schemes import scheme as find_scheme
from mutualaid.hazards._vectors import class_codes

__all__ = ["crosswalk", "positions_in", "severities", "unmapped"]


def crosswalk(
    values: pd.Series | NDArray[Any] | Sequence[Any],
    scheme: Scheme | str,
    *,
    velocity: ArrayLike | None = None,
) -> pd.DataFrame:
    """Place values on the common scale.

    Parameters
    ----------
    values
        (n,) numbers in the scheme's unit, or texts, which are codes of its classes (upper or lower case).
    scheme
        The scheme, its id, or the path of its file.
    velocity
        (n,) velocity in m/s, for schemes that need it with the depth; NaN unknown.

    Returns
    -------
    DataFrame
        Index as `values`; ``severity`` Int8, ``class_code`` and ``class_label`` texts; all missing where the
        value is missing or belongs to no class, and ``severity`` alone missing where the class says nothing
        about it. `unmapped` lists what belongs to no class.

    Raises
    ------
    HazardError
        The scheme is unknown, needs a velocity, or knows its classes by codes only while numbers are given
        that are none.

    Examples
    --------
    >>> from mutualaid.hazards import crosswalk
    >>> crosswalk([0.0, 0.7, 0.71, float("nan")], "inasafe-flood-depth")["class_code"].tolist()
    ['dry', 'low', 'medium', nan]
    >>> crosswalk([0.4], "aidr-h1-h6", velocity=[1.6]).loc[0, "class_code"]
    'H4'
    """
    found = scheme if isinstance(scheme, Scheme) else find_scheme(scheme)
    series = values if isinstance(values, pd.Series) else pd.Series(values)
    position = positions_in(series, found, velocity)
    classes = found.classes
    columns = {
        "severity": classes["severity"].array,
        "class_code": classes.index.array,
        "class_label": classes["class_label"].array,
    }
    return pd.DataFrame(
        {name: array.take(position, allow_fill=True) for name, array in columns.items()}, index=series.index
    )


def unmapped(
    values: pd.Series | NDArray[Any] | Sequence[Any],
    scheme: Scheme | str,
    *,
    velocity: ArrayLike | None = None,
) -> pd.DataFrame:
    """List the values that belong to no class of a scheme, and count as unknown.

    Parameters
    ----------
    values, scheme, velocity
        As for `crosswalk`.

    Returns
    -------
    DataFrame
        ``value`` and ``count``, most frequent first. Missing values are not listed, nor are depths whose class
        is open because their velocity is missing.

    Examples
    --------
    >>> from mutualaid.hazards import unmapped
    >>> unmapped(["AE", "X", "X", None], "fema-zones").to_dict("list")
    {'value': ['X'], 'count': [2]}
    """
    found = scheme if isinstance(scheme, Scheme) else find_scheme(scheme)
    series = values if isinstance(values, pd.Series) else pd.Series(values)
    position = positions_in(series, found, velocity)
    left = series[(position < 0) & series.notna().to_numpy()]
    if found.needs_velocity and velocity is not None and not _are_codes(series, found):
        left = left[~np.isnan(np.asarray(velocity, np.float64)[series.index.get_indexer(left.index)])]
    counts = left.value_counts().rename_axis("value").reset_index(name="count")
    return counts.sort_values(["count", "value"], ascending=[False, True], ignore_index=True)


def severities(
    layer: HazardLayer, sampled: pd.DataFrame, *, velocity: ArrayLike | None = None
) -> pd.DataFrame:
    """Place what `sample` found on the common scale, by the scheme of the layer.

    Parameters
    ----------
    layer
        The layer; it must state a scheme.
    sampled
        Result of `sample` for this layer.
    velocity
        (n,) velocity in m/s, for schemes that need it with the depth.

    Returns
    -------
    DataFrame
        Index as `sampled`; ``severity``, ``class_code``, ``class_label`` as from `crosswalk`, but 0 where the
        layer has no data and states that this means no hazard; ``return_period_years``, that of the class if
        the scheme numbers it, else that of the layer.

    Raises
    ------
    HazardError
        The layer states no scheme, or as for `crosswalk`.

    Examples
    --------
    >>> from mutualaid.hazards import sample, severities
    >>> severities(layer, sample(layer, stations))  # doctest: +SKIP
    """
    if not layer.scheme:
        remedy = "state the scheme of its values"
        raise HazardError([Defect(layer.file.name, layer.id, "a scheme of classes", "none", remedy)])
    found = find_scheme(layer.scheme)
    given = sampled["class_code"] if layer.quantity == "class" else sampled["value"]
    result = crosswalk(given, found, velocity=velocity)
    nothing = (sampled["state"] == "nodata").to_numpy()
    if layer.nodata_means == "none":
        result.loc[nothing, "severity"] = 0
    years = result["class_code"].map(found.classes["return_period_years"]).astype("float64")
    result["return_period_years"] = years.fillna(layer.return_period_years)
    return result


def _are_codes(series: pd.Series, scheme: Scheme) -> bool:
    return scheme.quantity == "class" or not (
        pd.api.types.is_numeric_dtype(series.dtype) or series.isna().all()
    )


def positions_in(series: pd.Series, scheme: Scheme, velocity: ArrayLike | None) -> NDArray[np.intp]:
    """Position of each value's class in the scheme; -1 for none."""
    if _are_codes(series, scheme):
        place = {code: position for position, code in enumerate(scheme.classes.index)}
        known = {spelling: place[code] for spelling, code in scheme.codes.items()}
        codes = class_codes(series).str.upper()
        return np.asarray(codes.map(known).fillna(-1).to_numpy(), np.intp)
    numbers = series.to_numpy(np.float64, na_value=np.nan)
    if not scheme.needs_velocity:
        return _by_bounds(numbers, scheme)
    if velocity is None:
        expected = f"depth and velocity, which {scheme.name} needs together"
        remedy = "give the velocity too, or use a scheme of depths"
        raise HazardError([Defect("", f"scheme {scheme.id}", expected, "depth alone", remedy)])
    speed = np.asarray(velocity, np.float64)
    if speed.shape != numbers.shape:
        got = f"{speed.size} for {numbers.size} depths"
        raise HazardError(
            [Defect("", "velocity", "one velocity a depth", got, "give both for the same places")]
        )
    return _by_joint_limits(numbers, speed, scheme)


def _by_bounds(numbers: NDArray[np.float64], scheme: Scheme) -> NDArray[np.intp]:
    result = np.full(len(numbers), -1, np.intp)
    rows = scheme.classes[["lo", "hi", "closed"]].itertuples(index=False)
    for position, (low, high, closed) in enumerate(rows):
        above = numbers >= low if closed in ("left", "both") else numbers > low
        below = numbers <= high if closed in ("right", "both") else numbers < high
        result[above & below] = position
    return result


def _by_joint_limits(
    depth: NDArray[np.float64], velocity: NDArray[np.float64], scheme: Scheme
) -> NDArray[np.intp]:
    """First class whose limits on depth, velocity and their product all hold.

    An unknown velocity leaves the class open as soon as one could hold with it.
    """
    result = np.full(len(depth), -1, np.intp)
    open_ = depth >= 0
    columns = ["lo", "hi", "max_velocity", "max_depth_velocity", "closed"]
    for position, (low, high, *limits, closed) in enumerate(
        scheme.classes[columns].itertuples(index=False, name=None)
    ):
        inclusive = closed in ("right", "both")
        point = low == high
        possible = open_ & _within(depth, high, inclusive) & ((depth == low) if point else True)
        holds = possible.copy()
        for measure, limit in zip((np.abs(velocity), depth * np.abs(velocity)), limits, strict=True):
            if np.isfinite(limit):
                holds &= _within(measure, limit, inclusive)
                possible &= holds | np.isnan(measure)
        result[holds] = position
        open_ &= ~possible
    return result


def _within(measure: NDArray[np.float64], limit: float, inclusive: bool) -> NDArray[np.bool_]:
    if np.isinf(limit):
        return ~np.isnan(measure)
    return measure <= limit if inclusive else measure < limit
