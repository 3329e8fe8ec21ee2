"""Every number that is reported, as ``summary.json`` holds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mutualaid.cooperation import Cooperation
from mutualaid.coverage import Analysis
from mutualaid.evacuation import EvacuationStudy
from mutualaid.incidents import INCIDENT_NULL_MEANS, IncidentStudy, incident_numbers
from mutualaid.reports._agreed import AGREED_NULL_MEANS, agreed_numbers
from mutualaid.reports._cooperation_files import COOPERATION_NULL_MEANS
from mutualaid.reports._evacuation_files import EVACUATION_NULL_MEANS, evacuation_summary
from mutualaid.reports._siting_files import SITING_NULL_MEANS, siting_summary
from mutualaid.scale import TiledRun
from mutualaid.siting import SitingStudy

__all__ = ["full_summary"]


def full_summary(
    analysis: Analysis | TiledRun,
    cooperation: Cooperation | None = None,
    siting: SitingStudy | None = None,
    evacuation: EvacuationStudy | None = None,
    incidents: IncidentStudy | None = None,
) -> dict[str, Any]:
    """Give every number that is reported, as ``summary.json`` holds it.

    Parameters
    ----------
    analysis
        A run, in one piece or in tiles; its own ``summary`` is not changed.
    cooperation
        What was measured of it, if anything was.
    siting
        What was found about new stations, if anything was.
    evacuation
        What was found about an evacuation, if anything was.
    incidents
        What a record of incidents says of it, if there is one.

    Returns
    -------
    dict
        ``analysis.summary``, with ``cooperation``, ``siting``, ``evacuation`` and ``incidents`` where there is one,
        what the partners keep beside them (``sources``, ``targets``, ``decisions``), and what missing values mean in
        ``null_means``: of a key that is missing elsewhere too, all.

    Examples
    --------
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.reports import full_summary
    >>> result = analyse(read_region(demo_path()))
    >>> set(full_summary(result)) - set(result.summary) == {"sources", "targets", "decisions"}
    True
    """
    summary = analysis.summary
    if cooperation is not None:
        partners = cooperation.harmonisation.columns.drop(["table", "attribute", "comparable", "note"])
        ours = dict(COOPERATION_NULL_MEANS) | dict.fromkeys(
            map(str, partners), "the partner has no rows in this table"
        )
        summary = _joined(summary, "cooperation", cooperation.summary, ours)
    if siting is not None:
        summary = _joined(summary, "siting", siting_summary(siting), SITING_NULL_MEANS)
    if evacuation is not None:
        summary = _joined(summary, "evacuation", evacuation_summary(evacuation), EVACUATION_NULL_MEANS)
    if incidents is not None:
        summary = _joined(summary, "incidents", incident_numbers(incidents), INCIDENT_NULL_MEANS)
    agreed = agreed_numbers(analysis.region, summary)
    for part, numbers in agreed.items():
        means = AGREED_NULL_MEANS if part == "targets" else {"value": "none was stated"}
        summary = _joined(summary, part, numbers, means if numbers and part != "sources" else {})
    return summary


def _joined(
    summary: Mapping[str, Any], part: str, numbers: Any, null_means: Mapping[str, str]
) -> dict[str, Any]:
    """Give a summary with one part more, and with what its missing values mean."""
    meanings = dict(summary["null_means"])
    for key, meaning in null_means.items():
        before = meanings.get(key, meaning)
        meanings[key] = meaning if before == meaning else f"{before}; in {part}: {meaning}"
    return {**summary, part: numbers, "null_means": meanings}
