"""What partners have and state alike: capabilities, attributes that all give, and what cannot be compared."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from mutualaid.coverage import Analysis, station_units
from mutualaid.data import HOUR_CLASSES, Region

__all__ = ["capabilities", "harmonisation"]


def capabilities(analysis: Analysis) -> pd.DataFrame:
    """Count the stations of each partner that have a unit with each capability, have none, or of which nobody knows.

    Parameters
    ----------
    analysis
        A run; active stations of its service count, and the capability maps of the agreements in force.

    Returns
    -------
    DataFrame
        One row for each ``capability`` (those that the units table or an agreement names, and the one that the run
        needs) and ``partner``: stations ``yes``, ``no`` and ``unknown``; and ``needed`` (bool), whether the run asks
        for it. Stations of which nobody knows are not in a run that needs it.
    """
    region, needed = analysis.region, analysis.region.parameters.capability
    named = {one.strip() for text in region.units["capabilities"].dropna() for one in str(text).split(";")}
    named |= {code for one in analysis.agreements for code in one.capability_map.values()}
    stations = region.stations[
        (region.stations["service"] == region.parameters.service) & (region.stations["status"] == "active")
    ]
    stations = stations.assign(partner=stations["jurisdiction"].map(region.jurisdictions["partner"]))
    rows = []
    for code in sorted((named | {needed}) - {""}):
        able = station_units(stations, region.units, code, analysis.agreements)["able"]
        for partner in sorted(map(str, region.jurisdictions["partner"].unique())):
            counts = able[stations["partner"] == partner].value_counts()
            words = {word: int(counts.get(word, 0)) for word in ("yes", "no", "unknown")}
            rows.append({"capability": code, "partner": partner, "needed": code == needed} | words)
    return pd.DataFrame(rows, columns=["capability", "partner", "needed", "yes", "no", "unknown"])


def harmonisation(analysis: Analysis) -> pd.DataFrame:
    """Say for each attribute which share of each partner's rows states it, and whether partners can be compared.

    Parameters
    ----------
    analysis
        A run; all services count.

    Returns
    -------
    DataFrame
        One row an attribute: ``table``, ``attribute``, ``comparable`` (every partner that has rows states it in all of
        them), ``note``, and one column for each partner: share of its rows that state it, 0…1, NaN if it has no rows.
        Of hazards a row is a kind of hazard: 1 where the partner shares a layer of it, or all share one. Seams are
        told by how many stretches of border they hold.
    """
    region = analysis.region
    partner = region.jurisdictions["partner"]
    names = sorted(map(str, partner.unique()))
    rows = []
    for table, attribute, whose, stated in _attributes(region):
        given = (
            pd.Series(np.asarray(stated, dtype=np.float64)).groupby(np.asarray(whose, dtype=object)).mean()
        )
        rows.append(_row(table, attribute, {name: float(given.get(name, math.nan)) for name in names}, ""))
    layers = analysis.layers.layers
    for hazard in dict.fromkeys(layer.hazard for layer in layers):
        providers = {layer.jurisdiction for layer in layers if layer.hazard == hazard}
        shares = {}
        for name in names:
            mine = region.jurisdictions[partner == name]
            called = {"", name, *map(str, mine.index), *mine["country"]}
            shares[name] = float(bool(providers & called))
        stretches = int((analysis.seams["hazard"] == hazard).sum()) if len(analysis.seams) else 0
        count = f"{stretches} {'seam' if stretches == 1 else 'seams'} at borders" if stretches else ""
        rows.append(_row("hazards", hazard, shares, count))
    order = ["table", "attribute", "comparable", "note", *names]
    return pd.DataFrame(rows, columns=order)


def _row(table: str, attribute: str, shares: dict[str, float], note: str) -> dict[str, Any]:
    known = [share for share in shares.values() if not math.isnan(share)]
    comparable = bool(known) and min(known) >= 1
    if not note and known and not comparable:
        silent = [name for name, share in shares.items() if share == 0]
        note = "nobody states it" if len(silent) == len(known) else ""
    return {"table": table, "attribute": attribute, "comparable": comparable, "note": note, **shares}


def _attributes(region: Region) -> list[tuple[str, str, Any, Any]]:
    """Table, attribute, partner of each row, and whether each row states it."""
    partner = region.jurisdictions["partner"]
    areas, stations = region.jurisdictions, region.stations
    home = stations["jurisdiction"].map(partner)
    units = region.units
    turnout = [
        name for name in ("turnout_s", *(f"turnout_{hour}_s" for hour in HOUR_CLASSES)) if name in stations
    ]
    found = [
        ("jurisdictions", "population", partner, areas["population"].notna()),
        ("jurisdictions", "languages", partner, areas["languages"].fillna("") != ""),
        ("stations", "department", home, stations["department"] != "unknown"),
        ("stations", "turnout_s", home, stations[turnout].notna().any(axis=1)),
        ("stations", "units", home, stations.index.isin(units["station"])),
    ]
    crew = units["station"].map(home)
    found += [
        ("units", "kind", crew, units["kind"].fillna("").astype(str) != ""),
        ("units", "capabilities", crew, units["capabilities"].fillna("").astype(str) != ""),
        ("units", "staffing", crew, units["staffing"].notna()),
    ]
    return found
