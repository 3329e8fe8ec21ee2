"""Languages of the page: catalogues of translations, and its texts in those that are asked for."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from gettext import c2py
from importlib.resources import files
from typing import Any, NamedTuple, TypeAlias

from babel.core import Locale
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from mutualaid.errors import Defect, InputError
from mutualaid.maps._texts import TEXTS, Plural

__all__ = [
    "LANGUAGES",
    "MAP_CATALOGUE",
    "Catalogues",
    "Language",
    "card_texts",
    "catalogue",
    "page_languages",
    "page_texts",
    "plural_categories",
    "read_catalogue",
]

#: Texts by key; one that differs with its number ``n`` by the plural categories of Unicode CLDR.
Texts: TypeAlias = Mapping[str, str | Mapping[str, str]]


class Language(NamedTuple):
    """A language by its own name, and the direction of its writing."""

    name: str
    direction: str = "ltr"


#: Languages of the page by their code; English is that of the source.
LANGUAGES: Mapping[str, Language] = {
    "en": Language("English"),
    "fr": Language("Français"),
    "de": Language("Deutsch"),
    "it": Language("Italiano"),
    "es": Language("Español"),
    "ar": Language("العربية", "rtl"),
}


@dataclass(frozen=True, eq=False)
class Catalogues:
    """Texts in English, and where their translations are kept.

    Attributes
    ----------
    texts
        English by key.
    package
        Whose folder ``locale`` holds a catalogue ``<language>.po`` for each other language.
    """

    texts: Mapping[str, str | Plural]
    package: str


#: The texts of the map, and of the route cards.
MAP_CATALOGUE = Catalogues(TEXTS, "mutualaid.maps")

#: How the keys of texts begin that only route cards need.
_CARDS = "card_"
#: The same of those that only a page with an evacuation needs.
_EVACUATION = ("evac_", "layer_evac_", "subject")
#: Numbers among which every plural form of every language occurs.
_NUMBERS = (*range(1_000), 1_000_000)


def page_texts(languages: Iterable[str], *, evacuation: bool = True) -> dict[str, Any]:
    """Give the texts of a page in some languages, as the page takes them.

    Parameters
    ----------
    languages
        Codes such as ``fr`` or ``fr-CH``, which counts as ``fr``. The first one is shown at first.
    evacuation
        Whether the page shows an evacuation, and needs the texts about that.

    Returns
    -------
    dict
        ``languages``: ``id``, ``name`` and ``dir`` of each; ``lang``: the first one; ``texts``: its texts by key;
        ``other_texts``: base64 of the deflated JSON of the others' texts by language and key, empty if there are none.

    Raises
    ------
    InputError
        As `page_languages` raises it.

    Examples
    --------
    >>> found = page_texts(["de-AT", "en"])
    >>> found["lang"], found["languages"][1]
    ('de', {'id': 'en', 'name': 'English', 'dir': 'ltr'})
    """
    first, *others = page_languages(languages)
    rest = json.dumps(
        {lang: _of_page(lang, evacuation) for lang in others}, ensure_ascii=False, separators=(",", ":")
    )
    packed = base64.b64encode(zlib.compress(rest.encode(), 9)).decode("ascii")
    return {
        "languages": [
            {"id": lang, "name": LANGUAGES[lang].name, "dir": LANGUAGES[lang].direction}
            for lang in (first, *others)
        ],
        "lang": first,
        "texts": _of_page(first, evacuation),
        "other_texts": packed if others else "",
    }


def page_languages(languages: Iterable[str]) -> list[str]:
    """Give the languages of a page that are asked for, each once.

    Parameters
    ----------
    languages
        Codes such as ``fr`` or ``fr-CH``, which counts as ``fr``.

    Raises
    ------
    InputError
        If a language is not among those of the page, or none is asked for.

    Examples
    --------
    >>> page_languages(["fr-CH", "de", "fr"])
    ['fr', 'de']
    """
    asked = [languages] if isinstance(languages, str) else list(languages)
    codes = {tag: re.split("[-_]", str(tag))[0].lower() for tag in asked}
    expected, remedy = f"some of {', '.join(LANGUAGES)}", "ask for languages that the page has"
    defects = [
        Defect("", "languages", expected, repr(tag), remedy)
        for tag, code in codes.items()
        if code not in LANGUAGES
    ]
    if not asked:
        defects = [Defect("", "languages", expected, "none", remedy)]
    if defects:
        raise InputError(defects)
    return list(dict.fromkeys(codes.values()))


def _of_page(lang: str, evacuation: bool) -> Texts:
    """Give the texts that a map needs."""
    left_out = _CARDS if evacuation else (_CARDS, *_EVACUATION)
    return {key: text for key, text in catalogue(lang).items() if not key.startswith(left_out)}


def card_texts(lang: str) -> dict[str, str]:
    """Give the texts of route cards in a language of `LANGUAGES` by key.

    >>> card_texts("en")["card_title"]
    'Route cards'
    """
    return {key: str(text) for key, text in catalogue(lang).items() if key.startswith(_CARDS)}


@cache
def catalogue(lang: str, of: Catalogues = MAP_CATALOGUE) -> Texts:
    """Give the texts of a language of `LANGUAGES` by key.

    >>> catalogue("en")["more_people"]
    {'one': '{n} more person', 'other': '{n} more people'}
    """
    if lang == "en":
        return {key: text._asdict() if isinstance(text, Plural) else text for key, text in of.texts.items()}
    found = read_catalogue(lang, of)
    categories = plural_categories(found)
    return {
        str(message.context): message.string
        if isinstance(message.string, str)
        else dict(zip(categories, message.string or (), strict=True))
        for message in found
        if message.id
    }


def read_catalogue(lang: str, of: Catalogues = MAP_CATALOGUE) -> Catalog:
    """Read the catalogue of translations into a language."""
    with files(of.package).joinpath("locale", f"{lang}.po").open("rb") as file:
        return read_po(file, locale=lang, abort_invalid=True)


def plural_categories(found: Catalog) -> list[str]:
    """Name the plural forms of a catalogue, in their order, by the categories that the page knows them by.

    A form may serve several categories: then it is named after the first number that takes it, and the page falls back
    to ``other`` for the rest.
    """
    form = c2py(found.plural_expr)
    category = Locale.parse(found.locale).plural_form
    first = {form(n): n for n in reversed(_NUMBERS)}
    return [category(first[k]) for k in range(found.num_plurals)]
