"""All measures of cooperation of a run in one call, and their numbers ready for JSON."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from mutualaid.cooperation._coverage_game import CoverageGame, coverage_game
from mutualaid.cooperation._crossings import crossing_criticality, crossing_pairs
from mutualaid.cooperation._delays import break_even, delay_sweep
from mutualaid.cooperation._harmonisation import capabilities, harmonisation
from mutualaid.cooperation._indicators import (
    balance,
    dependence,
    indicators,
    reciprocity,
    simultaneity,
    station_dependence,
)
from mutualaid.cooperation._sensitivity import sensitivity
from mutualaid.cooperation._shares import SHARE_RULES, core_table, cost_shares
from mutualaid.cooperation._what_if import prepare
from mutualaid.coverage import Analysis, clock, json_ready
from mutualaid.data import Agreement

__all__ = ["Cooperation", "cooperation", "joint_game"]

#: Crossings each of which is closed together with every other: so many times their number are searched.
_PAIRED = 5
#: What an agreement says, with source and confidence of each.
_TOLD = (
    "parties", "helpers", "services", "valid_from", "valid_to", "mode", "dispatch_delay_s", "crossing_delay_s",
    "crossings", "strip_km", "transit", "priority_abroad", "excluded_pairs", "home_cover_min", "availability",
    "availability_hazard", "handover_at_border", "handover_s",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Cooperation:
    """What partners do for each other, and could.

    Attributes
    ----------
    indicators
        See `indicators`.
    reciprocity, balance
        See `reciprocity` and `balance`.
    dependence, stations
        See `dependence` and `station_dependence`.
    crossings, crossing_pairs
        See `crossing_criticality`, and `crossing_pairs` of the crossings that most hangs on.
    sweep, break_even
        See `delay_sweep` and `break_even`.
    simultaneity
        See `simultaneity`.
    shares, core
        See `cost_shares` and `core_table`.
    capabilities, harmonisation
        See `capabilities` and `harmonisation`.
    sensitivity
        See `sensitivity`.
    summary
        Every number of them, ready for JSON.
    """

    indicators: pd.DataFrame
    reciprocity: pd.DataFrame
    balance: pd.DataFrame
    dependence: pd.DataFrame
    stations: pd.DataFrame
    crossings: gpd.GeoDataFrame
    crossing_pairs: pd.DataFrame
    sweep: pd.DataFrame
    break_even: pd.DataFrame
    simultaneity: pd.DataFrame
    shares: pd.DataFrame
    core: pd.DataFrame
    capabilities: pd.DataFrame
    harmonisation: pd.DataFrame
    sensitivity: pd.DataFrame
    summary: dict[str, Any]


def cooperation(analysis: Analysis, *, progress: Callable[[str, float], None] | None = None) -> Cooperation:
    """Measure what partners do for each other and could, who depends on whom, and what would be a fair share.

    Parameters
    ----------
    analysis
        What `mutualaid.coverage.analyse` returned.
    progress
        Called with a step in words and the share of the work that is done before it, 0…1.

    Returns
    -------
    Cooperation

    Raises
    ------
    AgreementError
        Costs are stated for partners that are not there.

    Examples
    --------
    >>> from mutualaid.cooperation import cooperation
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> result = cooperation(analyse(read_region(demo_path())))
    >>> result.dependence.query("kind == 'partner' and level == 'joint'")["share"].round(1).tolist()
    [0.9, 0.0]
    """
    tell = progress or _silent
    region, covered = analysis.region, analysis.coverage
    tell("Counting who helps whom", 0.0)
    base = prepare(analysis)
    first = reciprocity(covered, analysis.demand.get("incidents"))
    tables = {"alone": _own(analysis, analysis.times)}
    if analysis.times_agreed is not None:
        tables = {"alone": _own(analysis, analysis.times_agreed), "agreed": analysis.times_agreed}
    tables["joint"] = analysis.times
    tell("Sweeping delays", 0.1)
    sweep, even = delay_sweep(analysis, what_if=base), break_even(analysis, what_if=base)
    tell("Closing crossings", 0.3)
    crossings = crossing_criticality(analysis, what_if=base)
    pairs = crossing_pairs(analysis, crossings, most=_PAIRED, what_if=base)
    tell("Sharing costs", 0.6)
    game = joint_game(analysis)
    takes = first[(first["level"] == "joint") & (first["helper"] != first["host"])]
    use = takes.groupby("host")["people"].sum().reindex(list(game.partners), fill_value=0.0)
    shares = cost_shares(game, region.costs, use)
    tell("Sweeping assumptions", 0.65)
    found: dict[str, Any] = {
        "indicators": indicators(covered, region.jurisdictions, analysis.scenarios),
        "reciprocity": first,
        "balance": balance(first),
        "dependence": dependence(covered, region.jurisdictions),
        "stations": station_dependence(tables, analysis.demand, analysis.stations, analysis.standard),
        "crossings": crossings,
        "crossing_pairs": pairs,
        "sweep": sweep,
        "break_even": even,
        "simultaneity": simultaneity(analysis),
        "shares": shares,
        "core": core_table(game, region.costs, shares),
        "capabilities": capabilities(analysis),
        "harmonisation": harmonisation(analysis),
        "sensitivity": sensitivity(analysis),
    }
    return Cooperation(**found, summary=_summary(analysis, found))


def _silent(step: str, share: float) -> None:
    """Tell nobody."""


def _own(analysis: Analysis, times: pd.DataFrame) -> pd.DataFrame:
    """Rows of response times whose station is of the place's own partner."""
    home = analysis.stations["partner"].to_numpy()[times["station"].cat.codes]
    kept: pd.DataFrame = times[home == analysis.demand["partner"].to_numpy()[times["demand"].cat.codes]]
    return kept


def joint_game(analysis: Analysis) -> CoverageGame:
    """Give the game whose value is the people in time when some partners pool, by the run's joint delays.

    Parameters
    ----------
    analysis
        A run.

    Returns
    -------
    CoverageGame
        Of all partners of the region, sorted.
    """
    times, demand = analysis.times, analysis.demand
    partners = pd.Index(sorted(map(str, analysis.region.jurisdictions["partner"].unique())))
    inside = times[(clock(times, analysis.standard) <= analysis.standard.limit_s).to_numpy()]
    reached = np.zeros((len(demand), len(partners)), dtype=np.bool_)
    home = partners.get_indexer(pd.Index(analysis.stations["partner"]))
    reached[inside["demand"].cat.codes, home[inside["station"].cat.codes]] = True
    host = partners.get_indexer(pd.Index(demand["partner"]))
    return coverage_game(host, reached, demand["population"].to_numpy(), list(partners))


# --- numbers ------------------------------------------------------------------------------------------------


def _summary(analysis: Analysis, found: dict[str, Any]) -> dict[str, Any]:
    records = {
        name: pd.DataFrame(frame.drop(columns="geometry", errors="ignore")).pipe(_with_id).to_dict("records")
        for name, frame in found.items()
        if name not in ("sweep", "shares")
    }
    shares = found["shares"].rename(columns={rule: f"{rule}_share" for rule in SHARE_RULES})
    told = {
        "agreements": [_told(one) for one in analysis.agreements],
        "notes": [*analysis.notes, *_notes(analysis, found["capabilities"])],
        "costs": asdict(analysis.region.costs),
        **records,
        "shares": shares.reset_index().to_dict("records"),
        "sweep": _curves(found["sweep"]),
    }
    ready: dict[str, Any] = json_ready(told)
    return ready


def _with_id(frame: pd.DataFrame) -> pd.DataFrame:
    """Put a named index into a column of its own."""
    return frame.reset_index() if frame.index.name else frame


def _told(one: Agreement) -> dict[str, Any]:
    """Give what an agreement says, each parameter with its source and confidence."""
    values = {
        name: {
            "value": getattr(one, name),
            "source": one.source_of(name),
            "confidence": one.confidence_of(name),
        }
        for name in _TOLD
    }
    values["dispatch_delay_s"]["value"] = one.dispatch_s
    crossing = [asdict(item) for item in one.crossing]
    return {"id": one.id, "name": one.name, "note": one.note, "parameters": values, "crossing": crossing}


def _notes(analysis: Analysis, capable: pd.DataFrame) -> list[str]:
    """Say what a reader of the measures must know."""
    notes = []
    if not analysis.agreements:
        notes.append("No agreement is in force: neighbours help each other in the joint team alone.")
    unknown = int(analysis.stations["units"].isna().sum())
    if analysis.agreements and unknown:
        notes.append(
            f"Nobody said how many units {unknown} of {len(analysis.stations)} stations have: they help, "
            "whatever must stay at home."
        )
    if now := analysis.fair.today:
        for number, one in enumerate(now.agreements):
            stays = (now.rule == number).any(axis=1) & ~now.leaving[:, number]
            if stays.any():
                names = ", ".join(analysis.stations["name"][stays])
                notes.append(
                    f"Agreement {one.id}: all units of {names} must stay at home, so they do not help."
                )
    own = _own(analysis, analysis.times)
    own = own[(clock(own, analysis.standard) <= analysis.standard.limit_s).to_numpy()]
    lost = analysis.demand.index.isin(own["demand"]) & ~analysis.coverage["alone_covered"].to_numpy()
    if (people := math.fsum(analysis.coverage["population"][lost])) > 0:
        notes.append(
            f"By clauses of agreements and delays at the border, own units come too late to {people:,.0f} people alone "
            "whom they would reach in time as a part of the joint team: these are in its gain, and depend on nobody."
        )
    if needed := analysis.region.parameters.capability:
        silent = int(capable.loc[capable["needed"], "unknown"].sum())
        notes.append(
            f"Only stations known to have a unit with the capability {needed} are counted; of {silent} nobody knows."
        )
    return notes + [
        f"Agreement {one.id}: a patient changes vehicle at the border, which takes {one.handover_s:g} s more on the "
        "way to hospital and is in no response time."
        for one in analysis.agreements
        if one.handover_at_border
    ]


def _curves(sweep: pd.DataFrame) -> list[dict[str, Any]]:
    """Give one entry a curve: what is covered and closed at each delay."""
    keys = ["parameter", "level", "jurisdiction"]
    return [
        dict(zip(keys, key, strict=True))
        | {name: rows[name].tolist() for name in ("seconds", "covered", "closed")}
        for key, rows in sweep.groupby(keys, sort=False)
    ]
