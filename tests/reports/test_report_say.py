"""Numbers as readers see them: worked by hand, and what must always hold."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutualaid.maps import LANGUAGES
from mutualaid.reports._report._document import Form, Ref, Text, Words
from mutualaid.reports._report._say import direction, look_up, number_of, parts, say

NBSP, NARROW = "\u00a0", "\u202f"


def told(value: Any, form: Form, lang: str = "en", key: str = "x") -> str:
    return say(Ref((key,), form), lang, {"summary": {key: value}})


@pytest.mark.parametrize(
    ("value", "form", "lang", "expected"),
    [
        (12345.4, "people", "en", "12,345"),
        (12345.5, "people", "de", "12.346"),  # half up, as browsers do
        (2.5, "people", "en", "3"),
        (12345.5, "people", "fr", f"12{NARROW}346"),
        (0.0, "people", "en", "0"),
        (0.3, "people", "en", "<1"),  # some is never none
        (-7.6, "people", "en", "−8"),
        (0.5936, "share", "en", f"59{NBSP}%"),
        (0.0, "share", "en", f"0{NBSP}%"),
        (1.0, "share", "en", f"100{NBSP}%"),
        (0.9996, "share", "en", f">99{NBSP}%"),  # nearly all is not all
        (0.0004, "share", "en", f"<1{NBSP}%"),
        (480.0, "time", "en", f"8:00{NBSP}min"),
        (480.001, "time", "en", f"8:01{NBSP}min"),  # late is never in time
        (59.2, "time", "en", f"1:00{NBSP}min"),
        (-90.0, "time", "en", f"−1:30{NBSP}min"),
        (4946.53, "clock", "en", f"1:23{NBSP}h"),
        (4946.53, "clock_down", "en", f"1:22{NBSP}h"),
        (-285.7, "clock", "en", f"−0:04{NBSP}h"),
        (49.162, "km", "de", f"49,2{NBSP}km"),
        (322.77, "metres", "en", f"323{NBSP}m"),
        (1_000_000.0, "money", "en", "1,000,000"),
        (17.14, "number", "en", "17.1"),
        (1234.5, "number", "en", "1,235"),
        (0.0333333, "number", "en", "0.0333"),
        (0, "number", "en", "0"),
        (100.0, "years", "en", f"100{NBSP}years"),
        (1.0, "years", "en", f"1{NBSP}year"),
        ("2016-03-05", "date", "en", "5 March 2016"),
        ("2016-03-05T23:59:00+00:00", "date", "de", "5. März 2016"),
        ("2016-03", "date", "en", "March 2016"),
        ("2016", "date", "fr", "2016"),
        ("summer of 2016", "date", "fr", "summer of 2016"),
        ("92%", "share", "en", f"92{NBSP}%"),  # a sweep words its values
        ("120", "time", "en", f"2:00{NBSP}min"),
    ],
)
def test_numbers_are_said_as_people_say_them(value: Any, form: Form, lang: str, expected: str) -> None:
    assert told(value, form, lang) == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [("x", "unknown"), ("median_s", "not reached"), ("half_s", "no gain"), ("room", "no limit"), ("ete_90_s", "never")],
)  # fmt: skip
def test_what_is_missing_is_said_in_words(key: str, expected: str) -> None:
    assert told(None, "time", key=key) == expected


def test_signs_stay_before_their_numbers_where_letters_run_from_right_to_left() -> None:
    assert told(-1411.0, "people", "ar") == "\u200e−1,411"
    assert told(0.2, "people", "ar") == "\u200e<1"
    assert told(-90.0, "time", "ar").startswith("\u200e−1:30")
    assert told(1411.0, "people", "ar") == "1,411"


def test_what_is_withheld_is_not_called_out_of_reach() -> None:
    data = {"summary": {"withheld": "seconds: null", "common": {"median_s": None, "covered_share": None}}}
    assert say(Ref(("common", "median_s"), "time"), "en", data) == "withheld"
    assert say(Ref(("common", "covered_share"), "share"), "en", data) == "nobody counted"


def test_a_number_that_is_nowhere_is_an_error_that_names_the_place() -> None:
    for path in (("a", "b"), ("list", 3), ("n", "deeper")):
        with pytest.raises(KeyError, match="summary." + ".".join(map(str, path))):
            look_up(Ref(path), {"summary": {"list": [1], "n": 4.0}})
    assert look_up(Ref(("list", 0)), {"summary": {"list": [7]}}) == 7
    assert number_of(Ref(("list",)), {"summary": {"list": "words"}}) is None


def test_a_sentence_tells_where_its_numbers_stand_and_whose_its_words_are() -> None:
    data = {"summary": {"closed": 17.2}, "comparison": {}, "record": {}}
    place = Words("Genève", "fr", {"de": "Genf"})
    value = Text("say_rest_in", {"n": Ref(("closed",)), "place": place, "k": Ref(("closed",))})
    english = parts(value, "en", data)
    assert [(part.text, part.lang) for part in english if part.words] == [("Genève", "fr")]
    assert [part.ref for part in english if part.ref] == [Ref(("closed",)), Ref(("closed",))]
    assert [(one.text, one.lang) for one in parts(place, "de", data)] == [("Genf", "de")]
    assert say(value, "en", data) == (
        "Even together, 17 people stay without timely help: most of them in Genève (17)."
    )


@pytest.mark.parametrize(
    ("n", "words"),
    [(1.2, "1 person stays"), (0.2, "<1 person stays"), (0.0, "0 people stay"), (2, "2 people")],
)
def test_the_plural_is_that_of_the_number_that_is_shown(n: float, words: str) -> None:
    assert words in say(Text("say_rest", {"n": Ref(("n",))}), "en", {"summary": {"n": n}})


def test_names_run_in_their_own_direction() -> None:
    assert [direction(text) for text in ("Bern", "12 شارع", "(–)", "שדה A")] == ["ltr", "rtl", "ltr", "rtl"]
    (part,) = parts(Words("شارع"), "fr", {})
    assert (part.dir, part.lang, part.words) == ("rtl", "", True)


NUMBERS = st.floats(-1e9, 1e9, allow_nan=False)


@given(NUMBERS, st.sampled_from(list(LANGUAGES)))
def test_people_are_said_to_the_nearest_one_in_every_language(value: float, lang: str) -> None:
    shown = told(value, "people", lang).lstrip("\u200e")
    digits = re.sub(r"\D", "", shown)
    if 0 < abs(value) < 0.5:
        assert shown == "<1"
    else:
        assert abs(int(digits) - abs(value)) <= 0.5
        assert ("−" in shown) == (value < 0)


@given(st.floats(0, 1), st.sampled_from(list(LANGUAGES)))
def test_a_share_is_never_rounded_to_all_or_none(value: float, lang: str) -> None:
    shown = told(value, "share", lang).lstrip("\u200e")
    number = int(re.sub(r"\D", "", shown))
    assert (number == 100) == (value == 1)
    assert (number == 0) == (value == 0)
    if shown[0] not in "<>":
        assert abs(number - 100 * value) <= 0.5 + 1e-9


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_later_time_is_never_said_to_be_sooner(one: float, other: float) -> None:
    def seconds(text: str) -> int:
        minutes, _, rest = text.split(NBSP)[0].partition(":")
        return 60 * int(minutes) + int(rest)

    first, second = sorted((one, other))
    said = seconds(told(first, "time")), seconds(told(second, "time"))
    assert said[0] <= said[1]
    assert first - 1e-6 <= said[0] <= first + 1
