"""The report as a whole: its sections in their order, and what stands on its face."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mutualaid.reports._report._document import Document, Picture, Section, Text, Words
from mutualaid.reports._report._inputs import ReportInputs
from mutualaid.reports._report._sections._agreed import decisions, targets
from mutualaid.reports._report._sections._basis import assumptions, data, method, withheld
from mutualaid.reports._report._sections._changes import changes
from mutualaid.reports._report._sections._cooperation import cooperation
from mutualaid.reports._report._sections._coverage import coverage, gaps, maps, nobody
from mutualaid.reports._report._sections._evacuation import evacuation
from mutualaid.reports._report._sections._facts import Facts
from mutualaid.reports._report._sections._hazards import hazards
from mutualaid.reports._report._sections._incidents import incidents
from mutualaid.reports._report._sections._short import short
from mutualaid.reports._report._sections._siting import siting

__all__ = ["report_document"]

#: What a report says, in this order.
_SECTIONS: tuple[Callable[[Facts], Section | None], ...] = (
    short, maps, coverage, gaps, nobody, hazards, cooperation, siting, evacuation, incidents, changes, targets,
    decisions, assumptions, data, method, withheld,
)  # fmt: skip


def report_document(inputs: ReportInputs, *, pictures: Mapping[str, Picture] | None = None) -> Document:
    """Put a run into sections: what was found, how sure it is, and what it rests on.

    Every number is the place where it stands in ``summary.json``, ``comparison.json`` or ``run.json``; none is computed
    here. A section whose numbers are not there is left out: an edition for others may lack some, and the last section
    says which.

    Parameters
    ----------
    inputs
        What the report is written from.
    pictures
        Maps by name; drawn from the layers of the run if None.

    Returns
    -------
    Document
    """
    if pictures is None:
        from mutualaid.reports._report._maps import report_maps

        pictures = report_maps(inputs)
    facts = Facts(inputs, pictures)
    sections = [found for part in _SECTIONS if (found := part(facts)) is not None]
    return Document(
        title=facts.word(facts.get("region", "name") or ""),
        subtitle=Text("subtitle", {"service": Text(f"service_{facts.get('standard', 'service') or 'fire'}")}),
        warning=_warning(facts),
        sections=tuple(sections),
        level=inputs.level,
        date=str(facts.get("day", source="record") or "")[:10],
        data={"summary": inputs.summary, "comparison": inputs.comparison or {}, "record": inputs.record},
    )


def _warning(facts: Facts) -> tuple[Text | Words, ...]:
    """Say first that it is a model, and what the region says of itself."""
    note = facts.get("region", "note")
    said: list[Text | Words] = [Text("modelled")]
    if note:
        said.append(facts.word(note))
    if facts.inputs.level != "own":
        said.append(Text(f"edition_{facts.inputs.level}"))
    return tuple(said)
