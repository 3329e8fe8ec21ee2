"""Texts from data lose every power on their way into a page."""

from __future__ import annotations

import html
import json
import math

import pytest
from branca.element import Element
from hypothesis import given
from hypothesis import strategies as st

from mutualaid.maps import esc
from mutualaid.maps._escape import js_json, shorten

ACTIVE = set("<>\"'`\\${}\n\r\u2028\u2029\0")


@given(st.text())
def test_escaped_text_holds_no_active_character_and_reads_the_same(text: str) -> None:
    escaped = esc(text)
    assert not ACTIVE & set(escaped)
    if "\0" not in text and "\r" not in text:
        assert html.unescape(escaped) == text.encode("utf-8", "replace").decode("utf-8")


@pytest.mark.parametrize("text", ["{{7*7}}", "{% raw %}", "{# note #}", "{{''.__class__}}"])
def test_escaped_text_survives_being_parsed_as_a_template(text: str) -> None:
    assert html.unescape(Element(esc(text)).render()) == text


def test_escape_takes_any_object() -> None:
    assert esc(None) == "None"
    assert esc(8.5) == "8.5"


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_json_for_scripts_is_inert_and_means_the_same(value: object) -> None:
    text = js_json(value)
    assert not {"<", ">", "&", "\u2028", "\u2029", "\n"} & set(text)
    assert text.isascii()
    assert json.loads(text) == value


def test_json_for_scripts_refuses_what_is_not_json() -> None:
    with pytest.raises(ValueError, match="JSON"):
        js_json(math.inf)


def test_long_texts_are_cut_to_one_line_of_the_face() -> None:
    assert shorten("a" * 10_000) == "a" * 79 + "…"
    assert shorten("La\nTurbie  ") == "La Turbie"
    assert shorten("x" * 80) == "x" * 80
