"""Slides as pictures, to be put into any presentation: one each, in each language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mutualaid.maps import page_languages
from mutualaid.reports._report._document import Document, Section
from mutualaid.reports._report._typst import pictures
from mutualaid.reports._report._typst_tree import document_tree

__all__ = ["write_slides"]

#: A slide is 960 × 540 points; so many pixels an inch make it 1920 wide.
_PPI = 144.0
#: Charts are drawn narrow, so that their letters are large beside the picture.
_CHART_WIDTH = 480


def write_slides(
    document: Document,
    sections: Sequence[Section],
    languages: Sequence[str],
    *,
    fonts: Sequence[str | Path] = (),
) -> dict[str, bytes]:
    """Draw slides of 1920 × 1080 pixels, behind one with the title.

    Parameters
    ----------
    document
        The report: its title, warning and day stand on each slide.
    sections
        A slide each: its title, its first picture, chart, table or row of numbers, and its texts.
    languages, fonts
        As for `write_pdf`.

    Returns
    -------
    dict
        PNG by name without ending: ``00-title-fr``, ``01-coverage-fr`` …

    Raises
    ------
    InputError
        As `write_pdf` raises it.
    """
    ids = ["title", *(section.id for section in sections)]
    found: dict[str, bytes] = {}
    for lang in page_languages(languages):
        tree = document_tree(replace(document, sections=tuple(sections)), [lang], chart_width=_CHART_WIDTH)
        drawn = pictures("slides.typ", tree, document, ppi=_PPI, fonts=fonts)
        found |= {
            f"{position:02d}-{name}-{lang}": png
            for position, (name, png) in enumerate(zip(ids, drawn, strict=True))
        }
    return found
