"""The shorter editions: one page to take along, and slides."""

from __future__ import annotations

from dataclasses import replace

from mutualaid.reports._report._document import (
    Block,
    Chart,
    Document,
    Headline,
    Items,
    Paragraph,
    Picture,
    Section,
    Text,
)

__all__ = ["briefing", "slides"]


def briefing(document: Document) -> Document:
    """Make the one-page edition: the question, its numbers, one map or chart, what matters, and what stays open.

    Parameters
    ----------
    document
        The whole report.

    Returns
    -------
    Document
        With one section.

    Examples
    --------
    >>> from mutualaid.reports._report._document import Words
    >>> empty = Document(Words("Land"), Text("subtitle_briefing"), (), (), "own", "2026-01-01", {})
    >>> briefing(empty).sections
    ()
    """
    chosen: list[Block] = [one.blocks[position] for one in document.sections for position in one.briefing]
    picture = next((block for block in chosen if isinstance(block, Picture | Chart)), None)
    if picture is None:  # without maps the first chart of the report says most
        picture = next(
            (block for one in document.sections for block in one.blocks if isinstance(block, Chart)), None
        )
    question = [block for block in chosen if isinstance(block, Paragraph) and not block.strong][:1]
    strong = [block for block in chosen if isinstance(block, Paragraph) and block.strong][:1]
    headline = [block for block in chosen if isinstance(block, Headline)][:1]
    sentences = [block for block in chosen if isinstance(block, Items)][:1]
    blocks = (*question, *headline, *sentences, *([] if picture is None else [picture]), *strong)
    sections = (Section("briefing", Text("title_short"), blocks),) if blocks else ()
    return replace(
        document, subtitle=Text("subtitle_briefing"), sections=sections, warning=document.warning[:1]
    )


def slides(document: Document) -> tuple[Section, ...]:
    """Choose what makes a slide: each section that has a headline, map or chart to show, with its first sentence.

    Parameters
    ----------
    document
        The whole report.

    Returns
    -------
    tuple of Section
        Each has one thing to look at, and one sentence or list before it.
    """
    return tuple(found for one in document.sections if one.slide and (found := _slide(one)) is not None)


def _slide(one: Section) -> Section | None:
    shown = next((block for block in one.blocks if isinstance(block, Headline | Picture | Chart)), None)
    if shown is None:
        return None
    strong = next((block for block in one.blocks if isinstance(block, Paragraph) and block.strong), None)
    said = strong or next((block for block in one.blocks if isinstance(block, Paragraph | Items)), None)
    blocks = (shown,) if said is None else (said, shown)
    return replace(one, blocks=blocks, briefing=())
