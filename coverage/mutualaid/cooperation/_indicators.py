"""What cooperation brings and to whom: coverage, time saved, reciprocity, dependence, and what one station holds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.coverage import Analysis, ScenarioResult, Standard, clock, levels, percentile_weighted

__all__ = ["balance", "dependence", "indicators", "reciprocity", "simultaneity", "station_dependence"]

#: Classes of area by residents per km² of the square kilometre around: the thresholds of Eurostat's degree of
#: urbanisation (urban centre 1,500, urban cluster 300), without its rule on contiguous cells.
_AREAS: tuple[tuple[str, float], ...] = (
    ("dense (1,500 residents per km² and more)", 1500.0),
    ("medium (300 to 1,500 residents per km²)", 300.0),
    ("sparse (below 300 residents per km²)", 0.0),
)
_KM = 1000.0


def indicators(
    coverage: gpd.GeoDataFrame,
    jurisdictions: gpd.GeoDataFrame,
    scenarios: Iterable[ScenarioResult] = (),
) -> pd.DataFrame:
    """Compare each level of cooperation with each partner alone: people in time, time saved, depth.

    Time saved is own first due minus first due at the level, over people who are reached sooner and whom the own
    service reaches at all; percentiles and mean are by people.

    Parameters
    ----------
    coverage
        As `mutualaid.coverage.coverage` returns it, in a projected CRS.
    jurisdictions
        Indexed by id, with ``name``.
    scenarios
        Results whose severities divide people into classes of hazard.

    Returns
    -------
    DataFrame
        One row for each level but ``alone`` and each group: ``kind`` (``all``, ``jurisdiction``, ``partner``, ``area``
        or ``hazard``), ``place`` (id; empty for all), ``name``, ``level``; people: ``population``, ``own`` (in time
        alone), ``reached`` (in time at the level), ``closed`` (reached, and not alone), ``nobody`` (not reached),
        ``expected`` (that must be expected to find a unit free in time), ``depth_2``, ``depth_3`` (with at least so
        many stations in time); ``saved_median_s``, ``saved_p90_s``, ``saved_mean_s``, ``saved_max_s``, seconds, NaN if
        nobody is reached sooner; ``foreign_first_share``: share of those reached whose first due is another partner's,
        NaN if nobody is reached.

    Notes
    -----
    With population p, first due seconds t and limit T: own = Σ p [t_alone ≤ T], reached = Σ p [t_level ≤ T], closed =
    Σ p [t_level ≤ T < t_alone], nobody = Σ p [T < t_level]; expected = Σ p (1 − Π (1 − a)) over stations in time, each
    free for a share a of the time.

    Examples
    --------
    >>> from mutualaid.cooperation import indicators
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> result = analyse(read_region(demo_path()))
    >>> table = indicators(result.coverage, result.region.jurisdictions)
    >>> total = table[(table["kind"] == "all") & (table["level"] == "joint")].iloc[0]
    >>> bool(abs(total["closed"] - result.summary["headline"]["closed_by_joint"]) < 0.001)
    True
    """
    rows = [
        {"kind": kind, "place": place, "name": name, "level": level} | _measures(coverage[chosen], level)
        for kind, place, name, chosen in _groups(coverage, jurisdictions, scenarios)
        for level in levels(coverage)[1:]
    ]
    return pd.DataFrame(rows)


def _groups(
    coverage: gpd.GeoDataFrame, jurisdictions: gpd.GeoDataFrame, scenarios: Iterable[ScenarioResult]
) -> Iterator[tuple[str, str, str, NDArray[np.bool_]]]:
    yield "all", "", "all", np.ones(len(coverage), dtype=np.bool_)
    for name in jurisdictions.index:
        yield (
            "jurisdiction",
            str(name),
            str(jurisdictions["name"][name]),
            (coverage["jurisdiction"] == name).to_numpy(),
        )
    for name in sorted(jurisdictions["partner"].unique()):
        yield "partner", str(name), str(name), (coverage["partner"] == name).to_numpy()
    density = _density(coverage)
    above = math.inf
    for name, least in _AREAS:
        yield "area", name.split()[0], name, (density >= least) & (density < above)
        above = least
    for result in scenarios:
        severity = result.coverage["severity"]
        known = severity.notna().to_numpy()
        rank = severity.to_numpy(np.int64, na_value=-1)
        for word, chosen in (("in the hazard", rank >= 1), ("outside", rank == 0), ("unknown", ~known)):
            if chosen.any():
                yield "hazard", f"{result.scenario.id}: {word}", f"{result.scenario.name}: {word}", chosen


def _density(coverage: gpd.GeoDataFrame) -> NDArray[np.float64]:
    """Residents in the square kilometre of a fixed grid that each place lies in."""
    square = np.floor(coverage.get_coordinates().to_numpy() / _KM).astype(np.int64)
    _, cell = np.unique(square, axis=0, return_inverse=True)
    total = np.bincount(cell.ravel(), weights=coverage["population"].to_numpy())
    return np.asarray(total[cell.ravel()], dtype=np.float64)


def _measures(part: gpd.GeoDataFrame, level: str) -> dict[str, float]:
    people = part["population"].to_numpy(np.float64)
    own, reached = part["alone_covered"].to_numpy(), part[f"{level}_covered"].to_numpy()
    before, now = part["alone_s"].to_numpy(), part[f"{level}_s"].to_numpy()
    sooner = np.isfinite(before) & (now < before) & (people > 0)
    saved, weight = before[sooner] - now[sooner], people[sooner]
    some, foreign = np.isfinite(now), _foreign(part, level)
    expected = part.get(f"{level}_expected", part[f"{level}_covered"]).to_numpy(np.float64)
    return {
        "population": math.fsum(people),
        "own": math.fsum(people[own]),
        "reached": math.fsum(people[reached]),
        "closed": math.fsum(people[reached & ~own]),
        "nobody": math.fsum(people[~reached]),
        "expected": math.fsum(people * expected),
        "saved_median_s": percentile_weighted(saved, weight, 0.5),
        "saved_p90_s": percentile_weighted(saved, weight, 0.9),
        "saved_mean_s": float(np.average(saved, weights=weight)) if len(saved) else math.nan,
        "saved_max_s": float(saved.max()) if len(saved) else math.nan,
        "foreign_first_share": _ratio(math.fsum(people[foreign]), math.fsum(people[some])),
        "depth_2": math.fsum(people[part[f"{level}_depth"] >= 2]),
        "depth_3": math.fsum(people[part[f"{level}_depth"] >= 3]),
    }


def _foreign(part: pd.DataFrame, level: str) -> NDArray[np.bool_]:
    """Whether the first due of each place is another partner's."""
    first = part[f"{level}_partner"]
    return np.asarray(first.notna() & (first != part["partner"]), dtype=np.bool_)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else math.nan


# --- who helps whom -----------------------------------------------------------------------------------------


def reciprocity(coverage: gpd.GeoDataFrame, incidents: pd.Series | None = None) -> pd.DataFrame:
    """Count whose people are first reached by whose units.

    Parameters
    ----------
    coverage
        As `mutualaid.coverage.coverage` returns it.
    incidents
        Incidents a year at each place, on the same index; None if they are not known.

    Returns
    -------
    DataFrame
        One row for each level but ``alone``, helper and host: ``people`` of the host who are first reached by the
        helper, ``in_time`` (of them, within the standard), ``incidents`` a year of them (NaN if not known; places
        where they are not known are left out of the sum, and the sum is NaN if that is so everywhere). The rows with
        helper = host are the partner's own.

    Notes
    -----
    R[i, j] = Σ p over places of j whose first due unit is of i.

    Examples
    --------
    >>> import pandas as pd
    >>> from mutualaid.cooperation import reciprocity
    >>> covered = pd.DataFrame({"population": [3.0, 4.0], "partner": ["A", "A"], "alone_covered": True,
    ...                         "joint_covered": [True, False], "joint_partner": ["A", "B"]})
    >>> reciprocity(covered)[["helper", "host", "people", "in_time"]].values.tolist()
    [['A', 'A', 3.0, 3.0], ['B', 'A', 4.0, 0.0]]
    """
    parts = []
    for level in levels(coverage)[1:]:
        people = coverage["population"].to_numpy(np.float64)
        table = pd.DataFrame(
            {
                "level": level,
                "helper": coverage[f"{level}_partner"].to_numpy(),
                "host": coverage["partner"].to_numpy(),
                "people": people,
                "in_time": np.where(coverage[f"{level}_covered"], people, 0.0),
                "incidents": math.nan if incidents is None else incidents.to_numpy(np.float64),
            }
        )
        keys = ["level", "helper", "host"]
        sums = table.dropna(subset=["helper"]).groupby(keys, sort=True)[["people", "in_time", "incidents"]]
        parts.append(sums.sum(min_count=1).reset_index())
    return pd.concat(parts, ignore_index=True)


def balance(table: pd.DataFrame) -> pd.DataFrame:
    """Say who gives more than it takes.

    Parameters
    ----------
    table
        As `reciprocity` returns it.

    Returns
    -------
    DataFrame
        One row for each level and partner: ``gives`` (people of others first reached by it), ``takes`` (its people
        first reached by others), ``balance`` and ``symmetry``; and the same of incidents a year, with ``incidents_``
        before the name.

    Notes
    -----
    balance_i = Σ_j R[i, j] − R[j, i]; symmetry_i = 1 − abs(balance_i) / (gives_i + takes_i): 1 where giving and taking
    are even, 0 where it goes one way only, NaN where there is neither.

    Examples
    --------
    >>> import pandas as pd
    >>> from mutualaid.cooperation import balance
    >>> table = pd.DataFrame({"level": "joint", "helper": ["A", "B"], "host": ["B", "A"], "people": [30.0, 10.0],
    ...                       "incidents": float("nan")})
    >>> balance(table)[["partner", "balance", "symmetry"]].values.tolist()
    [['A', 20.0, 0.5], ['B', -20.0, 0.5]]
    """
    abroad = table[table["helper"] != table["host"]]
    rows = []
    for level in table["level"].unique():
        here = abroad[abroad["level"] == level]
        at_level = table[table["level"] == level]
        for partner in sorted({*at_level["helper"], *at_level["host"]}):
            row: dict[str, Any] = {"level": level, "partner": partner}
            for measure, before in (("people", ""), ("incidents", "incidents_")):
                known = not at_level[measure].isna().all()
                gives = (
                    math.fsum(here.loc[here["helper"] == partner, measure].dropna()) if known else math.nan
                )
                takes = math.fsum(here.loc[here["host"] == partner, measure].dropna()) if known else math.nan
                row |= {f"{before}gives": gives, f"{before}takes": takes, f"{before}balance": gives - takes}
                row[f"{before}symmetry"] = 1 - _ratio(abs(gives - takes), gives + takes)
            rows.append(row)
    return pd.DataFrame(rows)


def dependence(coverage: gpd.GeoDataFrame, jurisdictions: gpd.GeoDataFrame) -> pd.DataFrame:
    """Say which share of the people who are reached in time depend on a neighbour.

    Parameters
    ----------
    coverage
        As `mutualaid.coverage.coverage` returns it.
    jurisdictions
        Indexed by id, with ``name``.

    Returns
    -------
    DataFrame
        One row for each level but ``alone`` and all, each jurisdiction and each partner: ``level``, ``kind``,
        ``place``, ``name``, people ``covered`` at the level, ``depends`` (of them, not covered alone and first reached
        by another partner), ``share`` (depends / covered, NaN if nobody is covered), ``on`` (partners whose units are
        first due for those, by ``;``, most people first).

    Examples
    --------
    >>> from mutualaid.cooperation import dependence
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> result = analyse(read_region(demo_path()))
    >>> table = dependence(result.coverage, result.region.jurisdictions)
    >>> town = table[(table["place"] == "FR-beausoleil") & (table["level"] == "joint")].iloc[0]
    >>> town["on"], bool(town["share"] > 0.9)
    ('Sapeurs-Pompiers de Monaco', True)
    """
    groups = [one for one in _groups(coverage, jurisdictions, ()) if one[0] != "area"]
    rows = []
    for level in levels(coverage)[1:]:
        reached = coverage[f"{level}_covered"].to_numpy()
        # Own units may be slower alone than jointly, by a clause of an agreement: that is no dependence.
        helped = reached & ~coverage["alone_covered"].to_numpy() & _foreign(coverage, level)
        people = coverage["population"]
        for kind, place, name, chosen in groups:
            covered, depends = math.fsum(people[chosen & reached]), math.fsum(people[chosen & helped])
            on = people[chosen & helped].groupby(coverage[f"{level}_partner"]).sum()
            rows.append(
                {
                    "level": level, "kind": kind, "place": place, "name": name, "covered": covered,
                    "depends": depends, "share": _ratio(depends, covered),
                    "on": ";".join(map(str, on[on > 0].sort_values(ascending=False, kind="stable").index)),
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def station_dependence(
    tables: Mapping[str, pd.DataFrame],
    demand: gpd.GeoDataFrame,
    stations: gpd.GeoDataFrame,
    standard: Standard,
) -> pd.DataFrame:
    """Count the people who are reached in time by one station only: who is lost if it closes or is out.

    Parameters
    ----------
    tables
        Response times of the pairs that count at each level, by level; at ``agreed`` also those of stations that come
        only where the own ones are late, because they come once the own one is lost.
    demand, stations
        Indexed by id; the demand with ``population``.
    standard
        The common standard.

    Returns
    -------
    DataFrame
        Index of the stations; ``name``, ``partner``, ``units`` (NaN if unknown) and for each level ``only_{level}`` and
        ``home_{level}``: people of its own partner who are still in time while its units are away.

    Notes
    -----
    only(s) = Σ p over places that s reaches within the standard and no other eligible station does; home(s) = Σ p over
    places of its partner that another eligible station reaches within the standard.
    """
    found = {name: stations[name] for name in ("name", "partner", "units")}
    people = demand["population"].to_numpy(np.float64)
    home, whose = stations["partner"].to_numpy(), demand["partner"].to_numpy()
    for level, times in tables.items():
        inside = times[(clock(times, standard) <= standard.limit_s).to_numpy()]
        station, place = inside["station"].cat.codes.to_numpy(), inside["demand"].cat.codes.to_numpy()
        count = np.bincount(place, minlength=len(demand))
        alone, own = count[place] == 1, whose[place] == home[station]
        covered = pd.Series(people * (count > 0)).groupby(whose).sum().reindex(home).fillna(0.0).to_numpy()
        only, mine = (
            np.bincount(station[rows], weights=people[place[rows]], minlength=len(stations))
            for rows in (alone, alone & own)
        )
        found[f"only_{level}"] = pd.Series(only, index=stations.index)
        found[f"home_{level}"] = pd.Series(covered - mine, index=stations.index)
    return pd.DataFrame(found)


def simultaneity(analysis: Analysis) -> pd.DataFrame:
    """Put what cooperation brings in fair weather beside what it brings when one hazard strikes all partners.

    Parameters
    ----------
    analysis
        With its scenarios.

    Returns
    -------
    DataFrame
        One row for each scenario and level but ``alone``: ``scenario``, ``name``, ``level``, people ``fair_benefit``
        and ``hazard_benefit`` (in time at the level and not alone), and ``fair_expected``, ``hazard_expected``: by how
        many more people must be expected to find a unit free in time than alone. Stations and roads inside the hazard
        are lost to all partners; under the hazard the agreement's ``availability_hazard`` holds.
    """
    rows = []
    for result in analysis.scenarios:
        for level in levels(analysis.coverage)[1:]:
            row: dict[str, Any] = {
                "scenario": result.scenario.id,
                "name": result.scenario.name,
                "level": level,
            }
            for word, covered in (("fair", analysis.coverage), ("hazard", result.coverage)):
                people = covered["population"]
                gained = covered[f"{level}_covered"] & ~covered["alone_covered"]
                share = {
                    one: covered.get(f"{one}_expected", covered[f"{one}_covered"]).astype(np.float64)
                    for one in ("alone", level)
                }
                row[f"{word}_benefit"] = math.fsum(people[gained])
                row[f"{word}_expected"] = math.fsum(people * (share[level] - share["alone"]))
            rows.append(row)
    return pd.DataFrame(rows)
