"""Exposure: people and stations by severity and jurisdiction."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.errors import Defect, HazardError
from mutualaid.hazards._model import SEVERITIES

__all__ = ["EXPOSURE_CLASSES", "exposure", "exposure_class"]

#: Every point is in one of these: the severities by name, then what nobody knows.
EXPOSURE_CLASSES: tuple[str, ...] = (*SEVERITIES.values(), "unknown", "outside")


def exposure(
    points: pd.DataFrame,
    severity: pd.DataFrame,
    *,
    weights: str | None = "population",
    jurisdiction: str = "jurisdiction",
) -> pd.DataFrame:
    """Count people, or stations, by jurisdiction and severity.

    Nothing is lost: the counts sum to the points, and the weights to their sum, because what is unknown and
    what lies outside all layers are classes of their own.

    Parameters
    ----------
    points
        Demand or stations.
    severity
        What `scenario_severity` says about each of them, in any order: ``severity`` (Int8), ``status``.
    weights
        Column of `points` with the weight of each, such as ``population``; None counts the points alone.
    jurisdiction
        Column of `points` with the jurisdiction; missing counts as "".

    Returns
    -------
    DataFrame
        One row for each jurisdiction, in order of first appearance, and each of `EXPOSURE_CLASSES`, zeros
        included: ``jurisdiction``, ``severity`` (Int8, missing for the last two classes), ``class``, ``points``
        and, if `weights` is a column, a column of its name.

    Raises
    ------
    HazardError
        A point without severity, a severity not within 0…5, or weights that are negative or missing.

    Examples
    --------
    >>> import pandas as pd
    >>> from mutualaid.hazards import exposure
    >>> people = pd.DataFrame({"population": [70.0, 20.0, 10.0], "jurisdiction": ["A", "A", "B"]})
    >>> said = pd.DataFrame({"severity": pd.array([3, None, 3], dtype="Int8"),
    ...                      "status": ["known", "outside", "known"]})
    >>> table = exposure(people, said)
    >>> table.loc[table["points"] > 0, ["jurisdiction", "class", "population"]].values.tolist()
    [['A', 'moderate', 70.0], ['A', 'outside', 20.0], ['B', 'moderate', 10.0]]
    """
    _check(points, severity, weights)
    said = severity.loc[points.index]
    code = exposure_class(said["severity"], said["status"])
    where, names = pd.factorize(points[jurisdiction].astype(object).where(points[jurisdiction].notna(), ""))
    cell = where * len(EXPOSURE_CLASSES) + code
    size = len(names) * len(EXPOSURE_CLASSES)
    ranks = pd.array([*SEVERITIES, None, None], dtype="Int8")
    table = pd.DataFrame(
        {
            "jurisdiction": np.repeat(np.asarray(names, dtype=object), len(EXPOSURE_CLASSES)),
            "severity": pd.array(list(ranks) * len(names), dtype="Int8"),
            "class": list(EXPOSURE_CLASSES) * len(names),
            "points": np.bincount(cell, minlength=size),
        }
    )
    if weights is not None:
        table[weights] = np.bincount(cell, weights=_floats(points[weights]), minlength=size)
    return table


def exposure_class(severity: pd.Series, status: pd.Series) -> NDArray[np.int64]:
    """Say in which of `EXPOSURE_CLASSES` places are.

    Parameters
    ----------
    severity, status
        What `scenario_severity` says about them: Int8, missing if unknown, and text.

    Returns
    -------
    array
        (n,) int64, positions in `EXPOSURE_CLASSES`.

    Examples
    --------
    >>> import pandas as pd
    >>> from mutualaid.hazards import EXPOSURE_CLASSES, exposure_class
    >>> code = exposure_class(pd.Series([3, None], dtype="Int8"), pd.Series(["known", "outside"]))
    >>> [EXPOSURE_CLASSES[one] for one in code]
    ['moderate', 'outside']
    """
    rank = severity.to_numpy(dtype=np.int64, na_value=-1)
    outside = (status == "outside").to_numpy()
    return np.where(rank >= 0, rank, len(SEVERITIES) + outside).astype(np.int64)


def _floats(values: pd.Series) -> NDArray[np.float64]:
    return values.to_numpy(dtype=np.float64, na_value=np.nan)


def _check(points: pd.DataFrame, severity: pd.DataFrame, weights: str | None) -> None:
    defects = []
    lost = points.index.difference(severity.index)
    if len(lost) or not (points.index.is_unique and severity.index.is_unique):
        got = f"none for {', '.join(map(str, lost[:5]))}" if len(lost) else "ids that repeat"
        remedy = "compute it for the same points"
        defects.append(Defect("", "severity", "one severity for each point", got, remedy))
    if not severity["severity"].dropna().between(0, max(SEVERITIES)).all():
        got = repr(severity["severity"].dropna().tolist()[:5])
        defects.append(Defect("", "severity", "0…5, missing if unknown", got, "use the common scale"))
    if weights is not None:
        values = _floats(points[weights])
        bad = points.index[~(np.isfinite(values) & (values >= 0))]
        if len(bad):
            got = f"something else for {', '.join(map(str, bad[:5]))}"
            remedy = "correct these rows, or leave them out and say so"
            defects.append(Defect("", weights, "a number, 0 or more", got, remedy))
    if defects:
        raise HazardError(defects)
