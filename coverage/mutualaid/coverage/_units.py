"""What a station can send: units of the kind that is needed, and how many."""

from __future__ import annotations

from collections.abc import Iterable

import geopandas as gpd
import numpy as np
import pandas as pd

from mutualaid.data import Agreement

__all__ = ["station_units"]


def station_units(
    stations: gpd.GeoDataFrame,
    units: pd.DataFrame,
    capability: str = "",
    agreements: Iterable[Agreement] = (),
) -> pd.DataFrame:
    """Count the units of each station that have a capability.

    Parameters
    ----------
    stations
        Indexed by id, with ``partner``.
    units
        With ``station``, ``capabilities`` (codes joined by ``;``, empty if unknown) and ``count``.
    capability
        The code that is needed; empty: any unit will do.
    agreements
        Agreements in force: what their `capability_map` calls a code of a party is the same capability.

    Returns
    -------
    DataFrame
        On the index of `stations`: ``units`` (float: those known to have it; NaN where nobody said what the station
        has) and ``able``: ``yes``, ``no``, or ``unknown`` (no unit is known to have it, and of some nobody knows).

    Examples
    --------
    >>> import geopandas as gpd, pandas as pd
    >>> from mutualaid.coverage import station_units
    >>> stations = gpd.GeoDataFrame({"partner": ["A", "B", "B"]}, index=["s", "t", "u"])
    >>> units = pd.DataFrame({"station": ["s", "s", "t"], "capabilities": ["pump", "pump;ladder", ""], "count": 1})
    >>> station_units(stations, units, "ladder").values.tolist()
    [[1.0, 'yes'], [nan, 'unknown'], [nan, 'unknown']]
    """
    rows = units[units["station"].isin(stations.index)]
    count = rows["count"].astype(np.float64)
    unsaid = pd.Series(data=False, index=rows.index)
    if capability:
        partner = rows["station"].map(stations["partner"])
        wanted = _names(capability, agreements)
        codes = rows["capabilities"].fillna("").astype(str)
        has = np.array(
            [
                bool(wanted.get(str(who), {capability}) & {one.strip() for one in text.split(";")})
                for who, text in zip(partner, codes, strict=True)
            ],
            dtype=np.bool_,
        )
        unsaid = codes.str.strip() == ""
        count = count.where(has, 0.0)
    total = count.groupby(rows["station"]).sum().reindex(stations.index)
    some_unsaid = unsaid.groupby(rows["station"]).any().reindex(stations.index, fill_value=False).astype(bool)
    unknown = (
        (total.isna() | ((total == 0) & some_unsaid)) if capability else pd.Series(False, stations.index)
    )
    able = np.select([unknown, total == 0], ["unknown", "no"], "yes")
    return pd.DataFrame({"units": total.mask(unknown), "able": able}, index=stations.index)


def _names(capability: str, agreements: Iterable[Agreement]) -> dict[str, set[str]]:
    """Give what each partner may call a capability: the code itself, or what an agreement says is the same."""
    found: dict[str, set[str]] = {}
    for one in agreements:
        alike = (set(pair) for pair in one.capability_map.items())
        codes = set().union(*(pair for pair in alike if capability in pair))
        for party in one.parties:
            found.setdefault(party, {capability}).update(codes)
    return found
