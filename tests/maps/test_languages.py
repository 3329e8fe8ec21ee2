"""Translations: complete, up to date with the texts in the code, and the right plural form for every number."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from gettext import GNUTranslations
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from babel.core import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from mutualaid.data import HOUR_CLASSES, SERVICES
from mutualaid.errors import InputError
from mutualaid.maps import coverage_map
from mutualaid.maps._languages import LANGUAGES, catalogue, page_texts, read_catalogue
from mutualaid.maps._messages import dotted, listed, message
from mutualaid.maps._texts import TEXTS, Plural
from mutualaid.network import PROFILES

ROOT = Path(__file__).resolve().parents[2]
TRANSLATED = [lang for lang in LANGUAGES if lang != "en"]
PLACEHOLDER = re.compile(r"\{(\w*)\}")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """Load the script that keeps the catalogues."""
    spec = importlib.util.spec_from_file_location("catalogues", ROOT / "scripts" / "catalogues.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def forms(text: str | Plural | Mapping[str, str]) -> list[str]:
    """Every form of a text."""
    return [text] if isinstance(text, str) else list(text if isinstance(text, tuple) else text.values())


def placeholders(text: str) -> list[str]:
    return sorted(PLACEHOLDER.findall(text))


# --- catalogues ----------------------------------------------------------------------------------------------


def test_the_catalogues_are_up_to_date_with_the_texts_in_the_code(script: ModuleType) -> None:
    found = {path.name: path.read_text(encoding="utf-8") for path in sorted(script.FOLDER.iterdir())}
    expected = script.texts({})
    stale = [name for name in expected if found.get(name) != expected[name]]
    assert not stale, "run python scripts/catalogues.py and translate what is new"
    assert set(found) == set(expected)


@pytest.mark.parametrize("lang", TRANSLATED)
def test_every_text_is_translated(lang: str) -> None:
    found = read_catalogue(lang)
    told = [one for one in found if one.id]
    assert {one.context for one in told} == set(TEXTS)
    assert [one.context for one in told if one.fuzzy] == []
    assert [one.context for one in told if not all(forms(one.string))] == []  # type: ignore[arg-type]
    assert not found.obsolete


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_form_fills_in_the_same_as_the_english(lang: str) -> None:
    for key, text in catalogue(lang).items():
        english = {tuple(placeholders(form)) for form in forms(TEXTS[key])}
        assert len(english) == 1
        assert {tuple(placeholders(form)) for form in forms(text)} == english, key
        assert all(form == form.strip() for form in forms(text)), key
        assert not [form for form in forms(text) if re.search(r"[{}<>]", PLACEHOLDER.sub("", form))], key


@pytest.mark.parametrize("lang", LANGUAGES)
def test_texts_with_plural_forms_have_a_number(lang: str) -> None:
    assert {key for key, text in catalogue(lang).items() if not isinstance(text, str)} == {
        key for key, text in TEXTS.items() if isinstance(text, Plural)
    }
    assert all("{n}" in form for text in TEXTS.values() if isinstance(text, Plural) for form in text)


def test_arabic_is_written_in_arabic() -> None:
    letters = {
        key: [form for form in forms(text) if not re.search("[\u0600-\u06ff]", form)]
        for key, text in catalogue("ar").items()
    }
    signs = {key for key, found in letters.items() if found}
    assert {key for key in signs if re.search("[A-Za-z]{3}", PLACEHOLDER.sub("", str(TEXTS[key])))} == set()


# --- plural forms --------------------------------------------------------------------------------------------


def test_arabic_has_six_forms() -> None:
    text = catalogue("ar")["more_people"]
    assert set(text) == {"zero", "one", "two", "few", "many", "other"}
    category = Locale("ar").plural_form
    by_hand = {
        0: "zero", 1: "one", 2: "two", 3: "few", 10: "few", 11: "many", 99: "many", 100: "other", 102: "other",
        103: "few", 111: "many", 1000: "other",
    }  # fmt: skip
    assert {n: category(n) for n in by_hand} == by_hand


def test_french_counts_nobody_as_one_and_english_does_not() -> None:
    text = catalogue("fr")["more_people"]
    assert set(text) == {"one", "other"}
    assert [Locale("fr").plural_form(n) for n in (0, 1, 2)] == ["one", "one", "other"]
    assert [Locale("en").plural_form(n) for n in (0, 1, 2)] == ["other", "one", "other"]


@pytest.mark.parametrize("lang", TRANSLATED)
def test_the_page_says_what_gettext_says_of_every_number(lang: str) -> None:
    binary = io.BytesIO()
    write_mo(binary, read_catalogue(lang))
    binary.seek(0)
    gettext, category = GNUTranslations(binary), Locale(lang).plural_form
    for key, english in TEXTS.items():
        text = catalogue(lang)[key]
        if isinstance(english, Plural):
            assert not isinstance(text, str)
            for n in (*range(220), 1_000, 1_001, 10_003, 1_000_000, 2_000_000):
                said = gettext.npgettext(key, english.one, english.other, n)
                assert text.get(category(n), text["other"]) == said, (key, n)
        else:
            assert text == gettext.pgettext(key, english)


# --- the script ----------------------------------------------------------------------------------------------


def entry(catalog: Any, key: str) -> Any:
    return next(one for one in catalog if one.context == key)


def test_changed_new_and_lost_texts_are_kept_apart(script: ModuleType, tmp_path: Path) -> None:
    head = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n"Language: fr\\n"\n'
    body = [
        'msgctxt "alone"\nmsgid "Each alone"\nmsgstr "Chacun seul"\n',
        'msgctxt "joint"\nmsgid "Joint crew"\nmsgstr "Commun"\n',  # its English has changed since
        'msgctxt "gone"\nmsgid "Gone"\nmsgstr "Parti"\n',
        'msgctxt "more_people"\nmsgid "{n} more people"\nmsgstr "{n} de plus"\n',  # a plural by now
    ]
    (tmp_path / "fr.po").write_text("\n".join([head, *body]), encoding="utf-8")
    text = script.catalogue_text(script.updated("fr", tmp_path, {"status": "À temps ?"}))
    found = read_po(io.BytesIO(text.encode()), locale="fr")
    assert [one.context for one in found if one.id] == list(TEXTS)
    assert (entry(found, "alone").string, entry(found, "alone").fuzzy) == ("Chacun seul", False)
    assert (entry(found, "joint").string, entry(found, "joint").fuzzy) == ("Commun", True)
    assert (entry(found, "status").string, entry(found, "status").fuzzy) == ("À temps ?", False)
    assert (entry(found, "agreed").string, entry(found, "agreed").fuzzy) == ("", False)
    assert set(entry(found, "more_people").string) == {""}  # as many forms as the language has
    (tmp_path / "fr.po").write_text(text, encoding="utf-8")
    assert script.catalogue_text(script.updated("fr", tmp_path)) == text


def test_translations_by_category_take_their_place(script: ModuleType, tmp_path: Path) -> None:
    given = {"zero": "0", "one": "1", "two": "2", "few": "3", "many": "11", "other": "100"}
    found = script.updated("ar", tmp_path, {"more_people": given})
    binary = io.BytesIO()
    write_mo(binary, found)
    binary.seek(0)
    text, gettext = TEXTS["more_people"], GNUTranslations(binary)
    assert isinstance(text, Plural)
    said = [gettext.npgettext("more_people", text.one, text.other, n) for n in (0, 1, 2, 3, 11, 100)]
    assert said == ["0", "1", "2", "3", "11", "100"]
    only = entry(script.updated("ar", tmp_path, {"more_people": {"one": "a", "other": "b"}}), "more_people")
    assert sorted(only.string) == ["a", "b", "b", "b", "b", "b"]


@pytest.mark.parametrize(
    ("given", "words"), [({"nonsense": "x"}, "nonsense"), ({"more_people": "x"}, "category"), ({"alone": {}}, "alone")]
)  # fmt: skip
def test_translations_of_the_wrong_shape_are_refused(
    script: ModuleType, tmp_path: Path, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        script.updated("fr", tmp_path, given)


# --- the page's texts ----------------------------------------------------------------------------------------


def unpacked(texts: str) -> Any:
    return json.loads(zlib.decompress(base64.b64decode(texts)))


def test_a_page_holds_every_language_that_is_asked_for() -> None:
    found = page_texts(["fr", "ar", "en"])
    assert found["lang"] == "fr"
    assert found["languages"] == [
        {"id": "fr", "name": "Français", "dir": "ltr"},
        {"id": "ar", "name": "العربية", "dir": "rtl"},
        {"id": "en", "name": "English", "dir": "ltr"},
    ]
    # What only route cards say, which are files of their own, no page needs.
    own = {
        lang: {key: text for key, text in catalogue(lang).items() if not key.startswith("card_")}
        for lang in ("fr", "ar", "en")
    }
    assert len(own["en"]) < len(TEXTS)
    assert found["texts"] == own["fr"]
    assert unpacked(found["other_texts"]) == {"ar": own["ar"], "en": own["en"]}
    assert found["texts"]["alone"] != TEXTS["alone"] == unpacked(found["other_texts"])["en"]["alone"]


def test_one_language_needs_no_others() -> None:
    assert page_texts(["en"])["other_texts"] == ""


def test_a_page_without_an_evacuation_does_not_carry_its_texts() -> None:
    plain = page_texts(["fr", "ar"], evacuation=False)
    for texts in (plain["texts"], unpacked(plain["other_texts"])["ar"]):
        assert [key for key in texts if key.startswith(("evac_", "subject", "layer_evac_", "card_"))] == []
        assert {"joint", "layer_gaps"} <= set(texts)


@pytest.mark.parametrize(
    ("asked", "ids"),
    [(["fr-CH"], ["fr"]), (["DE_at", "de", "en-GB"], ["de", "en"]), ("it", ["it"]), (["zh"], None),
     (["en", "f"], None), ([], None), ([""], None)],
)  # fmt: skip
def test_regional_tags_count_as_their_language_and_others_are_refused(
    asked: Any, ids: list[str] | None
) -> None:
    if ids is not None:
        assert [one["id"] for one in page_texts(asked)["languages"]] == ids
        return
    with pytest.raises(InputError) as error:
        page_texts(asked)
    (defect,) = error.value.defects
    assert defect.expected == "some of en, fr, de, it, es, ar"
    assert defect.got == (repr(asked[-1]) if asked else "none")


def test_the_map_speaks_the_languages_that_are_asked_for(analysis: Any) -> None:
    page = coverage_map(analysis, languages=["de", "en"])
    stage: Any = next(child for key, child in page._children.items() if key.startswith("stage_"))
    assert [one["id"] for one in stage.options["languages"]] == ["de", "en"]
    assert stage.options["texts"]["alone"] == catalogue("de")["alone"]
    with pytest.raises(InputError, match="ask for languages that the page has"):
        coverage_map(analysis, languages=["tlh"])


# --- messages ------------------------------------------------------------------------------------------------


def messages(data: Any) -> Iterator[list[Any]]:
    """Every message in data for the page: the key of a text, and what is filled in."""
    if isinstance(data, list | tuple):
        if [type(one) for one in data] in ([str], [str, dict]) and data[0] in TEXTS:
            yield list(data)
        for one in data:
            yield from messages(one)
    elif isinstance(data, Mapping):
        for one in data.values():
            yield from messages(one)


def pages(
    analyses: list[Any], together: Callable[[Any], Any], planned: Callable[[Any], Any]
) -> Iterator[Any]:
    """What is handed to the page."""
    for one in analyses:
        for measures, study in ((None, None), (together(one), planned(one))):
            for child in coverage_map(one, measures, siting=study, languages=["en"])._children.values():
                yield from (getattr(child, name) for name in ("options", "data") if hasattr(child, name))


@pytest.fixture
def planned(tables: Callable[..., Any], study: Callable[..., Any]) -> Callable[[Any], Any]:
    """Invent a siting study of a region that has no words of its own."""
    return lambda one: study(one, tables(one), road="19", near="20")


#: Fields of the page's data that hold messages or texts from data.
TOLD = {"label", "title", "text", "hazard", "years", "start", "items", "lines", "band_labels", "hazards", "t"}


def told_in(data: Any, field: str = "") -> Iterator[str]:
    """Texts from data: plain strings where a message may stand, and those inside messages."""
    if isinstance(data, str):
        if field in TOLD:
            yield data
    elif isinstance(data, Mapping):
        for key, one in data.items():
            yield from told_in(one, key) if key != "texts" else ()
    elif isinstance(data, list | tuple):
        for one in list(data)[1 if list(messages([data]))[:1] == [list(data)] else 0 :]:
            yield from told_in(one, field)


def test_every_message_of_a_page_has_its_text_and_all_that_is_filled_in(
    analysis: Any,
    threatened: Any,
    agreed: Any,
    together: Callable[[Any], Any],
    planned: Callable[[Any], Any],
    told: Callable[[Any], str],
) -> None:
    found = [
        one for data in pages([analysis, threatened, agreed], together, planned) for one in messages(data)
    ]
    assert len({one[0] for one in found}) > 90
    for key, *values in found:
        text = TEXTS[key]
        assert sorted(*values) if values else sorted(set(placeholders(forms(text)[0]))) == [], key
        assert "{" not in told([key, *values])


def test_no_english_is_handed_to_the_page_but_as_a_message(
    made_up: Callable[..., Any],
    together: Callable[[Any], Any],
    planned: Callable[[Any], Any],
    tmp_path: Path,
) -> None:
    """Where a region has no words, no letters remain but in what is called by its name: standards and schemes."""
    blank = made_up(
        agreed=True, hazards=tmp_path, region="0", west="1", east="2", station="4", crossing="5", note="6", unit="7",
        gap="8", source="9", standard="10", scenario="11", scenario_note="12", layer="13", hazard_source="14",
        agreement="15", agreement_note="16", analysis_note="17", currency="18",
    )  # fmt: skip
    names = {row[key] for row in blank.summary["hazards"]["crosswalk"] for key in ("scheme", "class_label")}
    names |= {text for one in blank.local_standards.values() for text in (one.name, one.source)}
    names |= {"storm", "everything"}  # the event of a layer, and what a source covers
    said = {one for data in pages([blank], together, planned) for one in told_in(data)}
    assert len(said) > 20
    assert {one for one in said - names if re.search("[A-Za-z]", one)} == set()


def test_every_word_that_data_may_choose_has_a_text() -> None:
    for stem, choices in {
        "hour": HOUR_CLASSES,
        "service": SERVICES,
        "vehicle": PROFILES,
        "department": ("career", "volunteer", "combination", "unknown"),
        "turnout": ("career", "volunteer", "combination", "unknown"),
        "mode": ("automatic", "on_request", "subsidiary"),
    }.items():
        assert {f"{stem}_{choice}" for choice in choices} <= set(TEXTS)


def test_a_message_of_a_text_that_is_not_there_is_refused() -> None:
    with pytest.raises(KeyError):
        message("nonsense")


def test_lists_and_dots_hold_texts_and_messages(told: Callable[[Any], str]) -> None:
    assert told(listed(["A", message("none")])) == "A, none"
    assert told(dotted(["A", "", message("none")])) == "A · none"
    assert told(dotted([])) == ""
    assert dotted(["x" * 400])[1]["what"]["dots"][0]["t"].endswith("…")  # type: ignore[index]
