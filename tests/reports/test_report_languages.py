"""Translations of the report: complete, up to date with the texts in the code, and of one shape."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest

from mutualaid.maps import LANGUAGES
from mutualaid.maps._languages import catalogue, read_catalogue
from mutualaid.maps._texts import Plural
from mutualaid.reports._report._say import REPORT_CATALOGUE, texts
from mutualaid.reports._report._texts import NULLS, TEXTS

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


def test_the_catalogues_are_up_to_date_with_the_texts_in_the_code(script: ModuleType) -> None:
    folder = script.FOLDERS[REPORT_CATALOGUE]
    found = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.iterdir())}
    expected = script.texts({}, REPORT_CATALOGUE)
    stale = [name for name in expected if found.get(name) != expected[name]]
    assert not stale, "run python scripts/catalogues.py and translate what is new"
    assert set(found) == set(expected)


@pytest.mark.parametrize("lang", TRANSLATED)
def test_every_text_is_translated(lang: str) -> None:
    found = read_catalogue(lang, REPORT_CATALOGUE)
    told = [one for one in found if one.id]
    assert {one.context for one in told} == set(TEXTS)
    assert [one.context for one in told if one.fuzzy] == []
    assert [one.context for one in told if not all(forms(one.string))] == []  # type: ignore[arg-type]
    assert not found.obsolete


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_form_fills_in_the_same_as_the_english_and_holds_no_digit(lang: str) -> None:
    for key, text in catalogue(lang, REPORT_CATALOGUE).items():
        english = {tuple(placeholders(form)) for form in forms(TEXTS[key])}
        assert len(english) == 1
        assert {tuple(placeholders(form)) for form in forms(text)} == english, key
        assert all(form == form.strip() for form in forms(text)), key
        assert not [form for form in forms(text) if re.search(r"[{}<>\d]", PLACEHOLDER.sub("", form))], key


@pytest.mark.parametrize("lang", LANGUAGES)
def test_texts_with_plural_forms_have_a_number(lang: str) -> None:
    plural = {key for key, text in TEXTS.items() if isinstance(text, Plural)}
    assert {
        key for key, text in catalogue(lang, REPORT_CATALOGUE).items() if not isinstance(text, str)
    } == plural
    assert all("{n}" in form for key in plural for form in forms(TEXTS[key]))


def test_arabic_is_written_in_arabic() -> None:
    letters = {
        key: [form for form in forms(text) if not re.search("[\u0600-\u06ff]", form)]
        for key, text in catalogue("ar", REPORT_CATALOGUE).items()
    }
    signs = {key for key, found in letters.items() if found}
    assert {key for key in signs if re.search("[A-Za-z]{3}", PLACEHOLDER.sub("", str(TEXTS[key])))} == set()


def test_a_sign_by_itself_would_change_sides_in_arabic() -> None:
    assert texts("ar")["form_share"] == "{n}%"


def test_every_word_for_what_is_missing_has_a_text() -> None:
    assert {*NULLS.values(), "unknown", "withheld"} <= set(TEXTS)


def test_translations_are_filled_into_the_catalogue_that_is_meant(script: ModuleType, tmp_path: Path) -> None:
    found = script.updated(
        "fr", tmp_path, {"form_years": {"one": "{n} an", "other": "{n} ans"}}, REPORT_CATALOGUE
    )
    entry = next(one for one in found if one.context == "form_years")
    # Newer catalogues tell millions apart in French, which here are said like the others.
    assert entry.string[0] == "{n} an"
    assert set(entry.string[1:]) == {"{n} ans"}
    with pytest.raises(ValueError, match="no such text: whatif"):
        script.updated("fr", tmp_path, {"whatif": "x"}, REPORT_CATALOGUE)
    assert script.main(["--nonsense"]) == 2
