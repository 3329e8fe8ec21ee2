"""Bring the catalogues of translations up to date with the texts in the code.

    python scripts/catalogues.py [--import FOLDER [report]]

There are two: of the map, and of the report. A text that is new is left empty for the translator, one whose English
has changed keeps its translation and is marked fuzzy, one that is gone is taken out. FOLDER holds translations to be
filled in, in files such as ``fr.json``: text by key, or where it differs with a number, text by plural category of
Unicode CLDR. They are those of the map, or of the report where that is said.
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

from mutualaid.maps._languages import LANGUAGES, MAP_CATALOGUE, Catalogues, plural_categories
from mutualaid.maps._texts import Plural
from mutualaid.reports._report._say import REPORT_CATALOGUE

_ROOMS = Path(__file__).resolve().parents[1] / "maps" / "mutualaid"
FOLDER = _ROOMS / "maps" / "locale"
#: Where the translations of each are kept.
FOLDERS: Mapping[Catalogues, Path] = {
    MAP_CATALOGUE: FOLDER,
    REPORT_CATALOGUE: _ROOMS / "reports" / "locale",
}
TRANSLATED = tuple(lang for lang in LANGUAGES if lang != "en")


def template(of: Catalogues = MAP_CATALOGUE) -> Catalog:
    """Give the texts without translations, in the order of the code."""
    return _filled(Catalog(), {}, {}, of)


def updated(
    lang: str,
    folder: Path | None = None,
    given: Mapping[str, Any] | None = None,
    of: Catalogues = MAP_CATALOGUE,
) -> Catalog:
    """Give the catalogue of a language as it should be, with the translations that it has and those that are given."""
    folder = FOLDERS[of] if folder is None else folder
    catalog = Catalog(locale=lang)
    known: dict[str, Message] = {}
    if (path := folder / f"{lang}.po").exists():
        before = read_po(io.BytesIO(path.read_bytes()), locale=lang)
        known = {str(message.context): message for message in before if message.id}
        catalog.mime_headers = [("Plural-Forms", before.plural_forms)]  # whatever Babel thinks of it today
    return _filled(catalog, known, given or {}, of)


def _filled(
    catalog: Catalog, known: Mapping[str, Message], given: Mapping[str, Any], of: Catalogues
) -> Catalog:
    """Add each text to an empty catalogue."""
    if strange := sorted(set(given) - set(of.texts)):
        raise ValueError(f"{catalog.locale}: no such text: {', '.join(strange)}")
    for key, text in of.texts.items():
        english = tuple(text) if isinstance(text, Plural) else text
        old = known.get(key)
        string, fuzzy = (old.string, old.fuzzy or old.id != english) if old else ("", False)
        if isinstance(string, str) == isinstance(text, Plural):  # it has become a plural, or is none any more
            string, fuzzy = "", False
        if key in given:
            string, fuzzy = _forms(catalog, key, text, given[key]), False
        message = catalog.add(english, string or _empty(catalog, text), context=key)
        # Babel would take "90 % in" for a placeholder of another kind.
        message.flags = {"python-brace-format"} if "{" in str(text) else set()
        if fuzzy and any(message.string or ()):
            message.flags.add("fuzzy")
    return catalog


def _empty(catalog: Catalog, text: str | Plural) -> str | tuple[str, ...]:
    return ("",) * catalog.num_plurals if isinstance(text, Plural) else ""


def _forms(
    catalog: Catalog, key: str, text: str | Plural, given: str | Mapping[str, str]
) -> str | tuple[str, ...]:
    """Bring a translation into the order of the catalogue's plural forms."""
    if isinstance(given, str) != isinstance(text, str):
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


def texts(given: Mapping[str, Mapping[str, Any]], of: Catalogues = MAP_CATALOGUE) -> dict[str, str]:
    """Give the text of each file of a folder, as it should be, with translations that are given by language."""
    catalogues = {"mutualaid.pot": template(of)} | {
        f"{lang}.po": updated(lang, given=given.get(lang), of=of) for lang in TRANSLATED
    }
    return {name: catalogue_text(catalog) for name, catalog in catalogues.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    paths: list[Path] = []
    meant = MAP_CATALOGUE
    match sys.argv[1:] if arguments is None else list(arguments):
        case []:
            pass
        case ["--import", folder]:
            paths = sorted(Path(folder).glob("*.json"))
        case ["--import", folder, "report"]:
            paths, meant = sorted(Path(folder).glob("*.json")), REPORT_CATALOGUE
        case _:
            print(__doc__)
            return 2
    given = {path.stem: json.loads(path.read_text("utf-8")) for path in paths}
    for of, place in FOLDERS.items():
        for name, text in texts(given if of is meant else {}, of).items():
            (place / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
