"""What a run says about cooperation: numbers, tables, pictures, and columns for a GIS."""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import pandas as pd
from matplotlib.figure import Figure

from mutualaid.cooperation import SHARE_RULES, Cooperation
from mutualaid.coverage import Analysis
from mutualaid.data import Costs
from mutualaid.reports._figures import break_even_figure, reciprocity_figure

__all__ = ["COOPERATION_NULL_MEANS", "cooperation_figures", "cooperation_layers", "cooperation_tables"]

#: What a missing value means in the numbers on cooperation, by key.
COOPERATION_NULL_MEANS: Mapping[str, str] = {
    "value": "no limit, or as [parameters] or another parameter of the agreement says",
    "delay_s": "as the agreement says in general",
    "max_height_m": "no limit",
    "max_weight_t": "no limit",
    "budget": "not stated",
    "saved_median_s": "nobody who is reached alone is reached sooner together",
    "saved_p90_s": "nobody who is reached alone is reached sooner together",
    "saved_mean_s": "nobody who is reached alone is reached sooner together",
    "saved_max_s": "nobody who is reached alone is reached sooner together",
    "foreign_first_share": "nobody is reached",
    "incidents": "nobody said how many there are",
    "incidents_gives": "nobody said how many incidents there are",
    "incidents_takes": "nobody said how many incidents there are",
    "incidents_balance": "nobody said how many incidents there are",
    "incidents_symmetry": "nobody said how many incidents there are, or there are none abroad",
    "symmetry": "neither gives nor takes",
    "share": "nobody is reached in time, of whom some could depend on a neighbour",
    "units": "not stated",
    "later_s": "nobody comes later",
    "break_even_s": "it brings nobody in time, whatever the delay",
    "half_s": "it brings nobody in time, whatever the delay",
    **dict.fromkeys(SHARE_RULES, "nobody has any weight by this rule, or a cost alone is not stated"),
    **{f"{rule}_amount": "the share or the budget is not known" for rule in SHARE_RULES},
    **{
        f"{unit}_{name}": "the rule gives no shares, or costs are not stated"
        for unit in ("people", "money")
        for name in ("walks_out", "coalition", "excess")
    },
    "base": "no finding flips over the whole range",
}


def cooperation_tables(cooperation: Cooperation, costs: Costs) -> dict[str, pd.DataFrame]:
    """Give each table by the name of its file; empty where there is nothing to say."""
    return {
        "cooperation.csv": _by_place(cooperation),
        "reciprocity.csv": cooperation.reciprocity,
        "cost_shares.csv": _cost_shares(cooperation, costs),
        "delays.csv": cooperation.sweep,
        "break_even.csv": cooperation.break_even,
        "crossings.csv": pd.DataFrame(cooperation.crossings.drop(columns="geometry")).reset_index(),
        "crossing_pairs.csv": cooperation.crossing_pairs,
        "sensitivity.csv": cooperation.sensitivity,
        "harmonisation.csv": cooperation.harmonisation,
    }


def _by_place(cooperation: Cooperation) -> pd.DataFrame:
    """Give indicators with who depends on whom, and what each partner gives and takes."""
    keys = ["kind", "place", "level"]
    depends = cooperation.dependence.rename(columns={"share": "depends_share", "on": "depends_on"})
    depends = depends[[*keys, "depends", "depends_share", "depends_on"]]
    given = cooperation.balance.rename(columns={"partner": "place"}).assign(kind="partner")
    table = cooperation.indicators.merge(depends, how="left", on=keys, validate="1:1")
    return table.merge(given, how="left", on=keys, validate="1:1")


def _cost_shares(cooperation: Cooperation, costs: Costs) -> pd.DataFrame:
    """Give a row for each rule and partner: its share, what it would pay, and who would walk out of the rule."""
    shares = cooperation.shares
    parts = [
        pd.DataFrame({"share": shares[rule], "amount": shares.get(f"{rule}_amount")}).assign(
            rule=rule, goes_by=words, alone=pd.Series(costs.alone), currency=costs.currency
        )
        for rule, words in SHARE_RULES.items()
    ]
    table = pd.concat(parts).reset_index().join(cooperation.core, on="rule")
    first = ["rule", "goes_by", "partner", "share", "amount", "alone", "currency"]
    return table[[*first, *cooperation.core.columns]].assign(source=costs.source, confidence=costs.confidence)


def cooperation_figures(cooperation: Cooperation) -> dict[str, Figure]:
    """Give each picture by the name of its file, of those that show something."""
    figures = {}
    if len(cooperation.balance["partner"].unique()) > 1:
        figures["reciprocity.png"] = reciprocity_figure(cooperation)
    if cooperation.sweep["closed"].max() > 0:
        figures["break_even.png"] = break_even_figure(cooperation)
    return figures


def cooperation_layers(analysis: Analysis, cooperation: Cooperation | None) -> dict[str, gpd.GeoDataFrame]:
    """Give stations and crossings with what hangs on each, if that was measured; NULL where it was not."""
    stations, crossings = analysis.stations, analysis.network.crossings
    if cooperation is not None:
        stations = stations.join(cooperation.stations.filter(like="only_"))
        found = cooperation.crossings.drop(columns=["name", "international", "geometry"])
        crossings = crossings.join(found.astype({"reached": "boolean"}))
    return {"stations": stations, "crossings": crossings}
