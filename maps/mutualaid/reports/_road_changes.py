"""How two networks of roads differ: by ways, lengths and what may be driven."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mutualaid.network import Network

__all__ = ["road_changes"]

_LIMITS = ("maxspeed_forward_kph", "maxspeed_backward_kph")
#: Share of ways in common below which ids mean different things in the two files.
_FEW = 0.05
#: Kilometres below which a class is not told.
_KM = 0.05


def road_changes(before: Network, after: Network) -> tuple[list[str], dict[str, int | None]]:
    """Say how the roads changed.

    Parameters
    ----------
    before, after
        Networks, cut at the same borders.

    Returns
    -------
    what
        Sentences; none if the roads are the same.
    counts
        Ways ``added``, ``removed`` and ``changed``; None where their ids cannot be compared.
    """
    if _same(before, after):
        return [], {"added": 0, "removed": 0, "changed": 0}
    a, b = before.roads, after.roads
    km = [frame["length_m"].sum() / 1000 for frame in (a, b)]
    what = [f"Roads on the map: {km[0]:,.1f} km before, {km[1]:,.1f} km after ({km[1] - km[0]:+,.1f} km)."]
    by_class = [frame.groupby("class", observed=False)["length_m"].sum() / 1000 for frame in (a, b)]
    grown = (by_class[1] - by_class[0])[lambda values: values.abs() >= _KM]
    if len(grown):
        told = ", ".join(f"{name} {value:+,.1f} km" for name, value in grown.items())
        what.append(f"By class: {told}.")
    ways = [pd.Index(frame["way"].unique()) for frame in (a, b)]
    both = ways[0].intersection(ways[1])
    if len(both) < _FEW * min(len(one) for one in ways):
        what.append("The two files number their roads differently, so single roads cannot be told apart.")
        return what, {"added": None, "removed": None, "changed": None}
    new, gone = ways[1].difference(ways[0]), ways[0].difference(ways[1])
    changed = _changed(a, b, both)
    for word, frame, some in (("New", b, new), ("No longer there", a, gone)):
        if len(some):
            length = frame.loc[frame["way"].isin(some), "length_m"].sum() / 1000
            what.append(f"{word}: {len(some):,} ways, {length:,.1f} km.")
    for word, some in changed.items():
        if len(some):
            what.append(f"{word}: {len(some):,} ways.")
    either = set().union(*(set(some.tolist()) for some in changed.values()))
    return what, {"added": len(new), "removed": len(gone), "changed": len(either)}


def _same(a: Network, b: Network) -> bool:
    return (
        a.roads.equals(b.roads)
        and np.array_equal(a.road_xy, b.road_xy)
        and np.array_equal(a.road_offset, b.road_offset)
        and a.crossings.index.equals(b.crossings.index)
    )


def _changed(a: pd.DataFrame, b: pd.DataFrame, both: pd.Index) -> dict[str, pd.Index]:
    """Ways of the same id that may be driven otherwise."""
    one, two = (frame[frame["way"].isin(both)].groupby("way") for frame in (a, b))

    def first(column: str) -> tuple[pd.Series, pd.Series]:
        pair = (one[column].first(), two[column].first())
        return pair if column not in ("class", "access") else tuple(side.astype("str") for side in pair)  # type: ignore[return-value]

    def apart(*columns: str) -> pd.Index:
        found = pd.Series(False, index=both)
        for column in columns:
            x, y = (side.reindex(both) for side in first(column))
            found |= (x != y) & ~(x.isna() & y.isna())
        return both[found]

    length = pd.DataFrame({"a": one["length_m"].sum(), "b": two["length_m"].sum()})
    longer = (length["a"] - length["b"]).abs() > np.maximum(1.0, 0.01 * length["b"])
    return {
        "Other class": apart("class"),
        "Other speed limit": apart(*_LIMITS),
        "Other direction": apart("oneway"),
        "Other access": apart("access"),
        "Other length (by more than 1 %)": pd.Index(length.index[longer]),
    }
