"""Numbers, words and texts as a reader sees them: one function says them for the page, the print and the pictures."""

from __future__ import annotations

import datetime as dt
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import cache
from typing import Any

from babel.core import Locale
from babel.dates import format_date, format_skeleton
from babel.numbers import format_decimal

from mutualaid.maps import LANGUAGES
from mutualaid.maps._languages import Catalogues, Texts, catalogue
from mutualaid.reports._report._document import Ref, Text, Value, Words
from mutualaid.reports._report._texts import NULLS, TEXTS

__all__ = ["REPORT_CATALOGUE", "Part", "direction", "look_up", "number_of", "parts", "say", "texts"]

#: The texts of the report.
REPORT_CATALOGUE = Catalogues(TEXTS, "mutualaid.reports")

_PLACE = re.compile(r"\{(\w+)\}")
#: Before a sign that stands at a number: it would change sides among letters from right to left.
_SIGN = re.compile(r"(?=[−<>]\d)")
#: Forms that are a number with a unit, or with nothing, and how many digits follow the point at most.
_PLAIN = {"seconds": 0, "minutes": 1, "km": 1, "metres": 0, "money": 0, "count": 0, "years": 0}
#: The longest date, by how many of its parts are known.
_DATES = {1: "%Y", 2: "%Y-%m", 3: "%Y-%m-%d"}


@dataclass(frozen=True)
class Part:
    """A run of a sentence.

    Attributes
    ----------
    text
        As it is shown.
    lang
        BCP 47 language, "" where it is not known: a name from data.
    dir
        ``ltr`` or ``rtl``: of the language, or of the first letter of words from data.
    ref
        Where the number stands; None for words.
    words
        Whether the words come from data.
    """

    text: str
    lang: str
    dir: str
    ref: Ref | None = None
    words: bool = False


def say(value: Value, lang: str, data: Mapping[str, object]) -> str:
    """Say a value in a language, as plain text.

    Parameters
    ----------
    value
        A number, words or a text.
    lang
        Of `mutualaid.maps.LANGUAGES`.
    data
        `Document.data`, into which numbers point.

    Returns
    -------
    str
        The `parts`, one after the other, without marks of direction.

    Raises
    ------
    KeyError
        If a number is not where it is said to be, or there is no such text.

    Examples
    --------
    >>> say(Ref(("people",)), "en", {"summary": {"people": 12345.2}})
    '12,345'
    >>> say(Ref(("share",), "share"), "en", {"summary": {"share": 0.004}}).split()
    ['<1', '%']
    """
    return "".join(part.text for part in parts(value, lang, data))


def parts(value: Value, lang: str, data: Mapping[str, object]) -> tuple[Part, ...]:
    """Say a value in a language, run by run: whose language and direction each has, and where numbers stand.

    Parameters
    ----------
    value, lang, data
        As for `say`.

    Returns
    -------
    tuple of Part
        Runs without text are left out.

    Raises
    ------
    KeyError
        As `say` raises it.
    """
    return tuple(part for part in _parts(value, lang, data) if part.text)


def _parts(value: Value, lang: str, data: Mapping[str, object]) -> Iterator[Part]:
    if isinstance(value, Words):
        yield _words(value, lang)
    elif isinstance(value, Ref):
        writing = LANGUAGES[lang].direction
        shown = _shown(value, lang, data)
        yield Part(_SIGN.sub("\u200e", shown) if writing == "rtl" else shown, lang, writing, value)
    else:
        text = texts(lang)[value.key]
        if not isinstance(text, str):
            text = text.get(_category(value, lang, data), text["other"])
        for position, piece in enumerate(_PLACE.split(text)):
            if position % 2:
                yield from _parts(value.values[piece], lang, data)
            else:
                yield Part(piece, lang, LANGUAGES[lang].direction)


def texts(lang: str) -> Texts:
    """Give the texts of the report in a language by key; in English what is not translated yet."""
    return _texts(lang)


@cache
def _texts(lang: str) -> Texts:
    english = catalogue("en", REPORT_CATALOGUE)
    if lang == "en":
        return english
    found = catalogue(lang, REPORT_CATALOGUE)
    return {key: found[key] if key in found and _told(found[key]) else text for key, text in english.items()}


def _told(text: str | Mapping[str, str]) -> bool:
    return all([text] if isinstance(text, str) else text.values())


def _category(value: Text, lang: str, data: Mapping[str, object]) -> str:
    """Give the plural form of a text: that of the number which is shown; some is never none."""
    ref = value.values["n"]
    found = number_of(ref, data) if isinstance(ref, Ref) else None
    if found is None:
        return "other"
    return Locale.parse(lang).plural_form(1 if 0 < found < 0.5 else int(_rounded(abs(found), 0)))


def _words(words: Words, lang: str) -> Part:
    text, own = (words.names[lang], lang) if words.names.get(lang) else (words.text, words.lang)
    shown = " ".join(text.split())
    return Part(shown, own, direction(shown), words=True)


def direction(text: str) -> str:
    """Tell in which direction a text runs: that of its first letter.

    >>> direction("3 km"), direction("طريق")
    ('ltr', 'rtl')
    """
    for character in text:
        match unicodedata.bidirectional(character):
            case "L":
                return "ltr"
            case "R" | "AL":
                return "rtl"
    return "ltr"


def look_up(ref: Ref, data: Mapping[str, object]) -> Any:
    """Give what stands at the place of a number: it, a text, or None where it is missing.

    Raises
    ------
    KeyError
        If there is no such place.

    Examples
    --------
    >>> look_up(Ref(("gaps", 0, "population")), {"summary": {"gaps": [{"population": 7.5}]}})
    7.5
    """
    found: Any = data.get(ref.source)
    for key in ref.path:
        try:
            found = found[key]
        except (KeyError, IndexError, TypeError) as error:
            place = ".".join(map(str, (ref.source, *ref.path)))
            raise KeyError(f"nothing stands at {place}") from error
    return found


def number_of(ref: Ref, data: Mapping[str, object]) -> float | None:
    """Give a number itself, for a chart; None where it is missing or no number.

    Raises
    ------
    KeyError
        As `look_up` raises it.

    Examples
    --------
    >>> number_of(Ref(("share",)), {"summary": {"share": "92%"}})
    0.92
    """
    found = look_up(ref, data)
    if isinstance(found, str):
        try:
            return float(found[:-1]) / 100 if found.endswith("%") else float(found) + 0.0
        except ValueError:
            return None
    return None if found is None else float(found) + 0.0  # which is never minus nothing


def _shown(ref: Ref, lang: str, data: Mapping[str, object]) -> str:
    found = look_up(ref, data)
    if found is None or found == "":
        return _text(_missing(ref, data), lang)
    if ref.form == "date":
        return _date(str(found), lang)
    value = number_of(ref, data)
    if value is None or not math.isfinite(value):
        return str(found)
    match ref.form:
        case "people":
            return _people(value, lang)
        case "share":
            return _share(value, lang)
        case "time":
            return _with_unit("time", _minutes(value), lang)
        case "clock" | "clock_down":
            return _with_unit("clock", _hours(value, early=ref.form == "clock_down"), lang)
        case "number":
            return _decimal(value, lang, max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0)
        case form:
            return _with_unit(form, _decimal(value, lang, _PLAIN[form]), lang, round(abs(value)))


def _with_unit(form: str, shown: str, lang: str, count: int = 2) -> str:
    """Write a number with its unit, if it has one; a line never ends between them."""
    text = texts(lang).get(f"form_{form}", "{n}")
    if not isinstance(text, str):
        text = text.get(Locale.parse(lang).plural_form(count), text["other"])
    return text.replace(" ", "\u00a0").format(n=shown)


def _missing(ref: Ref, data: Mapping[str, object]) -> str:
    """Give the key of the text for a number that is not there: what is withheld is not unknown."""
    key = next((key for key in reversed(ref.path) if isinstance(key, str)), "")
    summary = data.get("summary")
    told_apart = key.endswith(("_s", "expected")) or (key.startswith("later_") and key != "later_population")
    if ref.source == "summary" and told_apart and isinstance(summary, Mapping) and summary.get("withheld"):
        return "withheld"
    return NULLS.get(key, "unknown")


def _text(key: str, lang: str) -> str:
    return str(texts(lang)[key])


def _decimal(value: float, lang: str, digits: int) -> str:
    """Write a number rounded half up, as browsers do, with the digits of the texts in every language."""
    pattern = "#,##0" + ("." + "#" * digits if digits else "")
    shown = format_decimal(_rounded(value, digits), pattern, locale=lang, numbering_system="latn")
    return shown.replace("-", "−")


def _rounded(value: float, digits: int) -> Decimal:
    with localcontext() as context:
        context.prec = 40
        return Decimal(repr(value)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def _people(value: float, lang: str) -> str:
    """Write people: some is never none."""
    if 0 < abs(value) < 0.5:
        return "<" + _decimal(1, lang, 0)
    return _decimal(value, lang, 0)


def _share(value: float, lang: str) -> str:
    """Write a share: all is never nearly all, and none never nearly none."""
    shown = 100 * value
    if 0 < abs(shown) < 1:
        sign, whole = "<", 1.0
    elif value < 1 and _rounded(shown, 0) >= 100:
        sign, whole = ">", 99.0
    else:
        sign, whole = "", shown
    return sign + _with_unit("share", _decimal(whole, lang, 0), lang)


def _minutes(seconds: float) -> str:
    """Write seconds as minutes and seconds, rounded up: late is never in time."""
    whole = math.ceil(abs(seconds) - 1e-9) if seconds >= 0 else math.floor(abs(seconds) + 1e-9)
    return f"{'−' if seconds < 0 and whole else ''}{whole // 60}:{whole % 60:02d}"


def _hours(seconds: float, *, early: bool) -> str:
    minutes = math.floor(seconds / 60 + 1e-9) if early else math.ceil(seconds / 60 - 1e-9)
    return f"{'−' if minutes < 0 else ''}{abs(minutes) // 60}:{abs(minutes) % 60:02d}"


def _date(text: str, lang: str) -> str:
    """Write a day, a month or a year; as it is if it is none of them."""
    locale = "en_GB" if lang == "en" else lang  # a day before its month, as everywhere in Europe
    day = text.partition("T")[0]
    form = _DATES.get(day.count("-") + 1, "%Y-%m-%d")
    try:
        date = dt.datetime.strptime(day, form).replace(tzinfo=dt.UTC).date()
    except ValueError:
        return text
    if form == "%Y":
        return str(date.year)
    if form == "%Y-%m":
        return format_skeleton("yMMMM", date, locale=locale)
    return format_date(date, "long", locale=locale)
