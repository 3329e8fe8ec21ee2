"""The report and the one-page briefing as PDF that is tagged, so that everyone can read it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.ft2font import FT2Font

from mutualaid.errors import Defect, InputError
from mutualaid.maps import page_languages
from mutualaid.reports._report._document import Document
from mutualaid.reports._report._typst_tree import Tree, document_tree

__all__ = ["pdf", "pictures", "write_briefing", "write_pdf"]

_MAIN, _BLOCKS = "main.typ", "blocks.typ"
_FONT_FILES = (".ttf", ".otf", ".ttc")
#: Spaces and marks that no font needs to have.
_NOT_DRAWN = re.compile(r"[\s\u2000-\u200f\u2028-\u202f\u205f-\u206f]")


def write_pdf(
    document: Document,
    languages: Sequence[str],
    *,
    layout: Literal["columns", "sequence"] = "columns",
    fonts: Sequence[str | Path] = (),
) -> bytes:
    """Write a report as PDF/UA-1: tagged, with bookmarks, and equal bytes for equal documents.

    Parameters
    ----------
    document
        What it says.
    languages
        Codes such as ``fr``, the first one first.
    layout
        ``columns``: two languages stand beside each other; more than two come one after the other in any case.
    fonts
        Folders with further fonts, for scripts that those at hand have not (Latin, Greek, Cyrillic and Arabic).

    Returns
    -------
    bytes
        The file.

    Raises
    ------
    InputError
        As `mutualaid.maps.page_languages` raises it, or if the package ``typst`` is not installed.
    """
    chosen = page_languages(languages)
    tree = document_tree(document, chosen, columns=layout == "columns" and len(chosen) == 2)
    return pdf("report.typ", tree, document, fonts=fonts)


def write_briefing(
    document: Document, languages: Sequence[str], *, fonts: Sequence[str | Path] = ()
) -> bytes:
    """Write a briefing as PDF/UA-1: one page a language.

    Parameters
    ----------
    document
        A short one, that a page holds: what does not fit is made smaller until it does.
    languages, fonts
        As for `write_pdf`.

    Returns
    -------
    bytes
        The file.

    Raises
    ------
    InputError
        As `write_pdf` raises it.
    """
    return pdf("briefing.typ", document_tree(document, page_languages(languages)), document, fonts=fonts)


def pdf(template: str, tree: Tree, document: Document, *, fonts: Sequence[str | Path] = ()) -> bytes:
    """Fill a template, as tagged PDF.

    Parameters
    ----------
    template
        Its file.
    tree
        What is filled in.
    document
        Whose day the file bears.
    fonts
        As for `write_pdf`.

    Returns
    -------
    bytes
        The file.

    Raises
    ------
    InputError
        If the package ``typst`` is not installed.
    """
    return _compiled(template, tree, document, fonts, pdf_standards=["ua-1"])[0]


def pictures(
    template: str, tree: Tree, document: Document, *, ppi: float, fonts: Sequence[str | Path] = ()
) -> list[bytes]:
    """Fill a template, as one picture a page.

    Parameters
    ----------
    template, tree, document, fonts
        As for `pdf`.
    ppi
        Pixels an inch.

    Returns
    -------
    list of bytes
        PNG of each page.

    Raises
    ------
    InputError
        As `pdf` raises it.
    """
    return _compiled(template, tree, document, fonts, format="png", ppi=ppi)


def _compiled(
    template: str, tree: Tree, document: Document, fonts: Sequence[str | Path], **options: Any
) -> list[bytes]:
    typst = _typst()
    texts = {
        _MAIN: _template(template),
        _BLOCKS: _template(_BLOCKS),
        "data.json": _showable(tree.json(), fonts).encode(),
        **{
            name: _showable(file.decode(), fonts).encode() if name.endswith(".svg") else file
            for name, file in tree.files.items()
        },
    }
    with TemporaryDirectory(prefix="mutualaid-") as name:
        folder = Path(name)
        for place, content in texts.items():
            (folder / place).parent.mkdir(exist_ok=True)
            (folder / place).write_bytes(content)
        found = typst.compile(
            folder / _MAIN,
            root=folder,
            font_paths=[str(_fonts_at_hand()), *map(str, fonts)],
            ignore_system_fonts=True,
            timestamp=_moment(document.date),
            **options,
        )
    return [bytes(one) for one in found] if isinstance(found, list) else [bytes(found)]


def _typst() -> ModuleType:
    try:
        import typst
    except ImportError as error:
        remedy = "install it with: pip install 'mutualaid[pdf]'"
        raise InputError([Defect("", "pdf", "the package typst", "none is installed", remedy)]) from error
    return typst


@cache
def _template(name: str) -> bytes:
    return files("mutualaid.reports").joinpath("templates", name).read_bytes()


@cache
def _fonts_at_hand() -> Path:
    """Give the folder of the fonts that come with matplotlib: equal ones on every machine."""
    return Path(mpl.get_data_path()) / "fonts" / "ttf"


@cache
def _last_resort() -> bool:
    """Tell whether there is a font that shows a box for what no font has, as newer versions of matplotlib bring it."""
    return any(_fonts_at_hand().glob("LastResort*"))


@cache
def _characters(folder: Path) -> frozenset[int]:
    """Give the characters that the fonts of a folder can show."""
    fonts = [file for file in sorted(folder.rglob("*")) if file.suffix.lower() in _FONT_FILES]
    return frozenset().union(*(FT2Font(str(file)).get_charmap() for file in fonts))


def _showable(text: str, fonts: Sequence[str | Path]) -> str:
    """Put a mark in the place of characters that no font has: with one of them there would be no PDF/UA."""
    if _last_resort():
        return text
    known = frozenset().union(*map(_characters, [_fonts_at_hand(), *map(Path, fonts)]))
    missing = {c for c in set(text) if ord(c) not in known and not _NOT_DRAWN.match(c)}
    return text.translate(dict.fromkeys(map(ord, missing), "\ufffd")) if missing else text


def _moment(date: str) -> int:
    """Give the day of a document in seconds of Unix time; the file bears no other moment."""
    try:
        return int(dt.datetime.fromisoformat(date[:10]).replace(tzinfo=dt.UTC).timestamp())
    except ValueError:
        return 0
