"""Bring the catalogues of translations up to date with the texts in the code.

    python scripts/catalogues.py [--import FOLDER]

A text that is new is left empty for the translator, one whose English has changed keeps its translation and is marked
fuzzy, one that is gone is taken out. FOLDER holds translations to be filled in, in files such as ``fr.json``: text by
key, or where it differs with a number, text by plural category of Unicode CLDR.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po, write_po

from mutualaid.maps._languages import LANGUAGES, plural_categories
from mutualaid.maps._texts import TEXTS, Plural

FOLDER = Path(__file__).resolve().parents[1] / "maps" / "mutualaid" / "maps" / "locale"
TRANSLATED = tuple(lang for lang in LANGUAGES if lang != "en")


def template() -> Catalog:
    """Give the texts without translations, in the order of the code."""
    return _filled(Catalog(), {}, {})


def updated(lang: str, folder: Path = FOLDER, given: Mapping[str, Any] | None = None) -> Catalog:
    """Give the catalogue of a language as it should be, with the translations that it has and those that are given."""
    catalog = Catalog(locale=lang)
    known: dict[str, Message] = {}
    if (path := folder / f"{lang}.po").exists():
        before = read_po(io.BytesIO(path.read_bytes()), locale=lang)
        known = {str(message.context): message for message in before if message.id}
        catalog.mime_headers = [("Plural-Forms", before.plural_forms)]  # whatever Babel thinks of it today
    return _filled(catalog, known, given or {})


def _filled(catalog: Catalog, known: Mapping[str, Message], given: Mapping[str, Any]) -> Catalog:
    """Add each text to an empty catalogue."""
    if strange := sorted(set(given) - set(TEXTS)):
        raise ValueError(f"{catalog.locale}: no such text: {', '.join(strange)}")
    for key, text in TEXTS.items():
        english = tuple(text) if isinstance(text, Plural) else text
        old = known.get(key)
        string, fuzzy = (old.string, old.fuzzy or old.id != english) if old else ("", False)
        if isinstance(string, str) == isinstance(text, Plural):  # it has become a plural, or is none any more
            string, fuzzy = "", False
        if key in given:
            string, fuzzy = _forms(catalog, key, given[key]), False
        message = catalog.add(english, string or _empty(catalog, text), context=key)
        # Babel would take "90 % in" for a placeholder of another kind.
        message.flags = {"python-brace-format"} if "{" in str(text) else set()
        if fuzzy and any(message.string or ()):
            message.flags.add("fuzzy")
    return catalog


def _empty(catalog: Catalog, text: str | Plural) -> str | tuple[str, ...]:
    return ("",) * catalog.num_plurals if isinstance(text, Plural) else ""


def _forms(catalog: Catalog, key: str, given: str | Mapping[str, str]) -> str | tuple[str, ...]:
    """Bring a translation into the order of the catalogue's plural forms."""
    if isinstance(given, str) != isinstance(TEXTS[key], str):
        raise ValueError(
            f"{catalog.locale}, {key}: one text, or one by plural category, as the English has it"
        )
    if isinstance(given, str):
        return given
    return tuple(given.get(category) or given["other"] for category in plural_categories(catalog))


def catalogue_text(catalog: Catalog) -> str:
    """Write a catalogue, the same on every day and with every release of Babel."""
    head = ["Content-Type: text/plain; charset=UTF-8", "Content-Transfer-Encoding: 8bit"]
    if catalog.locale:
        head += [f"Language: {catalog.locale}", f"Plural-Forms: {catalog.plural_forms}"]
    body = io.BytesIO()
    write_po(body, catalog, width=0, omit_header=True, sort_output=False)
    return "\n".join(
        ['msgid ""', 'msgstr ""', *(f'"{line}\\n"' for line in head), "", body.getvalue().decode()]
    )


def texts(given: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Give the text of each file of the folder, as it should be, with translations that are given by language."""
    catalogues = {"mutualaid.pot": template()} | {
        f"{lang}.po": updated(lang, given=given.get(lang)) for lang in TRANSLATED
    }
    return {name: catalogue_text(catalog) for name, catalog in catalogues.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    match sys.argv[1:] if arguments is None else list(arguments):
        case []:
            paths: list[Path] = []
        case ["--import", folder]:
            paths = sorted(Path(folder).glob("*.json"))
        case _:
            print(__doc__)
            return 2
    given = {path.stem: json.loads(path.read_text("utf-8")) for path in paths}
    for name, text in texts(given).items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
