# ruff: noqa: E501 - one case a line reads as a table
"""[[agreement]] and [cost] of region.toml: read, written, refused with one clear message each; who helps on which day."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import date, timedelta
from itertools import permutations, product
from pathlib import Path
from typing import Any, NamedTuple, get_args

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mutualaid.data import (
    CONFIDENCES,
    HOUR_CLASSES,
    MODES,
    PRIORITIES,
    SERVICES,
    SHARING_LEVELS,
    Agreement,
    AgreementCrossing,
    CoalitionCost,
    Costs,
    Parameters,
    agreement_notes,
    agreements_in_force,
    check_region,
    contradictions,
    read_region,
    region_notes,
    region_schema,
    revise,
    write_region,
)
from mutualaid.data._schema import AgreementCrossingEntry, AgreementEntry, CoalitionEntry, CostEntry
from mutualaid.errors import AgreementError, RegionError

T = "region.toml"
AGREEMENT_TOML = """
[[agreement]]
id = "treaty"
name = "The treaty"
parties = ["Westfire", "Eastfire"]
services = ["fire"]
valid_to = "2025-06-30"
mode = "automatic"
crossings = ["x1", "x2"]
excluded_pairs = [["007", "E,1"], ["E,1", "*"]]
sharing = { "stations.turnout_s" = "partners", units = "own" }
source = "Treaty of 1999"
confidence = "stated"

[[agreement.crossing]]
id = "x1"
delay_s = 60
hours = ["night"]

[[agreement.crossing]]
id = "x1"
delay_s = 30
hours = ["day", "weekend"]

[agreement.sources]
dispatch_delay_s = "log of the control room"

[agreement.confidences]
dispatch_delay_s = "measured"

[agreement.ranges]
crossing_delay_s = [0, 900]

[[agreement]]
id = "one-way"
parties = ["Westfire", "Eastfire"]
helpers = ["Westfire"]
services = ["ems"]

[[agreement]]
id = "renewed"
parties = ["Westfire", "Eastfire"]
services = ["fire"]
valid_from = "2025-07-01"

[cost]
budget = 1000
currency = "EUR"
source = "the accounts"

[cost.alone]
Westfire = 700

[[cost.coalition]]
parties = ["Eastfire", "Westfire"]
cost = 950.5
"""


@pytest.fixture
def agreement_folder(region_folder: Path) -> Path:
    """Folder of a valid region with agreements between partners that are not called like their towns."""
    change(region_folder / "jurisdictions.geojson", '"id": "W"', '"id": "W", "partner": "Westfire"')
    change(region_folder / "jurisdictions.geojson", '"id": "E"', '"id": "E", "partner": "Eastfire"')
    with (region_folder / T).open("a", encoding="utf-8") as file:
        file.write(AGREEMENT_TOML)
    return region_folder


Break = Callable[[Path], object]


def change(path: Path, old: str, new: str, count: int = 1) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, count), encoding="utf-8")


def toml(old: str, new: str, count: int = 1) -> Break:
    """Replace the first such text in region.toml."""
    return lambda folder: change(folder / T, old, new, count)


def say(text: str) -> Break:
    """Add a line to the first agreement."""
    return toml('mode = "automatic"', f'mode = "automatic"\n{text}')


def add(text: str) -> Break:
    def append(folder: Path) -> None:
        with (folder / T).open("a", encoding="utf-8") as file:
            file.write("\n" + text + "\n")

    return append


# --- read as the model says -----------------------------------------------------------------------------------


def test_a_region_with_agreements_is_read(agreement_folder: Path) -> None:
    assert check_region(agreement_folder) == []
    region = read_region(agreement_folder)
    both = ("Westfire", "Eastfire")
    treaty, one_way, renewed = region.agreements
    assert treaty == Agreement(
        id="treaty", name="The treaty", parties=both, services=("fire",), valid_to="2025-06-30", mode="automatic",
        crossings=("x1", "x2"), excluded_pairs=(("007", "E,1"), ("E,1", "*")),
        sharing={"stations.turnout_s": "partners", "units": "own"}, source="Treaty of 1999", confidence="stated",
        crossing=(
            AgreementCrossing(id="x1", delay_s=60.0, hours=("night",)),
            AgreementCrossing(id="x1", delay_s=30.0, hours=("day", "weekend")),
        ),
        sources={"dispatch_delay_s": "log of the control room"}, confidences={"dispatch_delay_s": "measured"},
        ranges={"crossing_delay_s": (0.0, 900.0)},
    )  # fmt: skip
    assert one_way.pairs == {both}
    assert renewed == Agreement(id="renewed", parties=both, services=("fire",), valid_from="2025-07-01")
    assert region.costs == Costs(
        budget=1000.0, currency="EUR", source="the accounts", alone={"Westfire": 700.0},
        coalition=(CoalitionCost(parties=("Eastfire", "Westfire"), cost=950.5),),
    )  # fmt: skip


def test_a_region_without_agreements_has_none(region_folder: Path) -> None:
    region = read_region(region_folder)
    assert (region.agreements, region.costs) == ((), Costs())


def test_what_an_agreement_does_not_say_is_an_assumption(agreement_folder: Path) -> None:
    treaty, _, renewed = read_region(agreement_folder).agreements
    words = {
        name: treaty.confidence_of(name) for name in ("mode", "dispatch_delay_s", "availability", "ranges", "capability_map")
    }  # fmt: skip
    assert words == {
        "mode": "stated", "dispatch_delay_s": "measured", "availability": "assumption", "ranges": "stated",
        "capability_map": "assumption",
    }  # fmt: skip
    assert treaty.source_of("dispatch_delay_s") == "log of the control room"
    assert treaty.source_of("mode") == "Treaty of 1999"
    # Automatic aid needs no call; whoever is asked needs some time, how much nobody has published.
    assert (treaty.dispatch_s, renewed.dispatch_s) == (0.0, 180.0)


@pytest.mark.parametrize(
    ("entry", "value"),
    [(AgreementEntry, Agreement), (AgreementCrossingEntry, AgreementCrossing), (CostEntry, Costs), (CoalitionEntry, CoalitionCost)],
)  # fmt: skip
def test_the_schema_and_the_value_have_the_same_keys_and_defaults(entry: Any, value: Any) -> None:
    held = {one.name: one.default for one in fields(value)}
    assert set(entry.model_fields) == set(held)
    for name, field in entry.model_fields.items():
        # What is left out in a file is None or empty there.
        if not field.is_required() and field.default not in (None, [], {}):
            assert held[name] == field.default, name


def test_the_words_of_the_schema_are_those_of_the_values() -> None:
    def words(entry: Any, name: str) -> set[str]:
        found, kinds = set(), [entry.model_fields[name].annotation]
        while kinds:
            kind = kinds.pop()
            found |= {kind} if isinstance(kind, str) else set()
            kinds += get_args(kind)
        return found

    assert words(AgreementEntry, "mode") == set(MODES)
    assert words(AgreementEntry, "priority_abroad") == set(PRIORITIES)
    assert words(AgreementEntry, "sharing") == set(SHARING_LEVELS)
    assert words(AgreementCrossingEntry, "hours") == set(HOUR_CLASSES)
    assert words(AgreementEntry, "services") == words(AgreementCrossingEntry, "services") == set(SERVICES)
    for entry, name in (
        (AgreementEntry, "confidence"),
        (AgreementEntry, "confidences"),
        (CostEntry, "confidence"),
    ):
        assert words(entry, name) == set(CONFIDENCES)


def test_editors_accept_what_the_check_accepts(agreement_folder: Path) -> None:
    def document() -> dict[str, Any]:
        return tomllib.loads((agreement_folder / T).read_text(encoding="utf-8"))

    jsonschema.validate(document(), region_schema())
    toml('mode = "automatic"', 'mode = "automated"')(agreement_folder)
    with pytest.raises(jsonschema.ValidationError, match="automated"):
        jsonschema.validate(document(), region_schema())


# --- written and read again -----------------------------------------------------------------------------------


def test_what_is_written_is_read_again(agreement_folder: Path, tmp_path: Path) -> None:
    region = read_region(agreement_folder)
    path = write_region(region, tmp_path / "copy")
    again = read_region(path)
    assert (again.agreements, again.costs) == (region.agreements, region.costs)
    written = tomllib.loads(path.read_text(encoding="utf-8"))
    # Only what was stated.
    assert written["agreement"][2] == {
        "id": "renewed", "parties": ["Westfire", "Eastfire"], "services": ["fire"], "valid_from": "2025-07-01",
    }  # fmt: skip
    assert write_region(again, tmp_path / "third").read_bytes() == path.read_bytes()


def test_a_vehicle_that_is_not_the_usual_one_is_written(region_folder: Path, tmp_path: Path) -> None:
    """For an ambulance service a fire engine is a decision, though it is the default of all."""
    for parameters in (
        Parameters(service="ems"),
        Parameters(service="ems", profile="ambulance"),
        Parameters(profile="ambulance"),
    ):
        region = replace(read_region(region_folder), parameters=parameters)
        assert read_region(write_region(region, tmp_path / "copy")).parameters == parameters


PARTNERS = ("Westfire", "Eastfire")
STATIONS = {"Westfire": "007", "Eastfire": "E,1"}
_TEXTS = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=20)
_SECONDS = st.one_of(st.none(), st.floats(0, 3600))
_SHARES = st.floats(0, 1, exclude_min=True)
_DAYS = st.dates().map(date.isoformat)
_SOME_SERVICES = st.lists(st.sampled_from(SERVICES), unique=True, max_size=2).map(tuple)
_LIMITS = st.one_of(st.just(math.nan), st.floats(0.1, 100))
_NAMES = [one.name for one in fields(Agreement)]
_SHARED = [
    "stations",
    "units",
    "hospitals",
    "shelters",
    "demand",
    "stations.turnout_s",
    "units.kind",
    "demand.incidents",
    "stations.geometry",
    "hospitals.name",
    "shelters.capacity",
]


def ordered(values: st.SearchStrategy[float]) -> st.SearchStrategy[tuple[float, ...]]:
    return st.lists(values, min_size=2, max_size=2).map(sorted).map(tuple)


@st.composite
def any_agreement(draw: st.DrawFn) -> Agreement:
    helpers = tuple(draw(st.lists(st.sampled_from(PARTNERS), unique=True, max_size=2)))
    pairs = [
        pair
        for helper, host in permutations(PARTNERS)
        if helper in (helpers or PARTNERS)
        for pair in product((STATIONS[helper], "*"), (STATIONS[host], "*"))
    ]
    crossing = draw(
        st.lists(
            st.builds(
                AgreementCrossing, id=_TEXTS, delay_s=_SECONDS, services=_SOME_SERVICES,
                hours=st.lists(st.sampled_from(HOUR_CLASSES), unique=True, max_size=2).map(tuple),
                open=st.booleans(), max_height_m=_LIMITS, max_weight_t=_LIMITS,
            ),
            max_size=2, unique_by=lambda one: one.id,
        )
    )  # fmt: skip
    first, last = sorted(draw(st.tuples(_DAYS, _DAYS)))
    optional = {
        "valid_from": st.sampled_from(["", first]),
        "valid_to": st.sampled_from(["", last]),
        "crossings": st.one_of(st.just(()), st.just(tuple(one.id for one in crossing))),
        "availability_hazard": st.one_of(st.none(), _SHARES),
        "ranges": st.fixed_dictionaries(
            {}, optional={"availability": ordered(_SHARES), "strip_km": ordered(st.floats(0.1, 1e6))}
        ),
    }
    return draw(
        st.builds(
            Agreement, id=st.just("a"), parties=st.just(PARTNERS), name=st.one_of(st.just(""), _TEXTS), helpers=st.just(helpers),
            services=_SOME_SERVICES, mode=st.sampled_from(MODES), dispatch_delay_s=_SECONDS, crossing_delay_s=_SECONDS,
            crossing=st.just(tuple(crossing)), strip_km=st.one_of(st.just(math.inf), st.floats(0, 1e4, exclude_min=True)),
            transit=st.booleans(), priority_abroad=st.sampled_from(PRIORITIES),
            excluded_pairs=st.lists(st.sampled_from(pairs), unique=True, max_size=3).map(tuple),
            capability_map=st.dictionaries(_TEXTS, _TEXTS, max_size=2), home_cover_min=st.integers(0, 1000), availability=_SHARES,
            handover_at_border=st.booleans(), handover_s=st.floats(0, 3600),
            sharing=st.dictionaries(st.sampled_from(_SHARED), st.sampled_from(SHARING_LEVELS), max_size=3),
            source=_TEXTS, confidence=st.sampled_from(CONFIDENCES),
            sources=st.dictionaries(st.sampled_from(_NAMES), _TEXTS, max_size=2),
            confidences=st.dictionaries(st.sampled_from(_NAMES), st.sampled_from(CONFIDENCES), max_size=2),
            note=st.one_of(st.just(""), _TEXTS, st.just('Two "lines"\nand a \\')), **optional,
        )
    )  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    agreement=any_agreement(),
    budget=st.one_of(st.none(), st.floats(0, 1e12)),
    alone=st.dictionaries(st.sampled_from(PARTNERS), st.floats(0, 1e12)),
    together=st.lists(st.floats(0, 1e12), max_size=1),
)
def test_any_agreement_survives_writing_and_reading(
    agreement_folder: Path,
    agreement: Agreement,
    budget: float | None,
    alone: dict[str, float],
    together: list[float],
) -> None:
    coalition = tuple(CoalitionCost(parties=PARTNERS, cost=cost) for cost in together)
    costs = Costs(budget=budget, alone=alone, coalition=coalition, currency="EUR")
    region = replace(read_region(agreement_folder), agreements=(agreement,), costs=costs)
    again = read_region(write_region(region, agreement_folder.parent / "drawn"))
    assert again.agreements == (agreement,)
    assert again.costs == costs


# --- one thing wrong --------------------------------------------------------------------------------------------


class Case(NamedTuple):
    """How a region is broken, and words of its one defect: place, expected, got, remedy."""

    name: str
    change: Break
    where: str
    expected: str
    got: str
    remedy: str


SECOND = '[[agreement]]\nid = "{id}"\nparties = ["Westfire", "Eastfire"]\nservices = ["rescue"]\n'
CROSSING = 'id = "x1"\ndelay_s = 60'
PAIRS = '[["007", "E,1"], ["E,1", "*"]]'
ONE_WAY = 'helpers = ["Westfire"]'
PARTIES = 'parties = ["Westfire", "Eastfire"]'
PARTNER = "a partner, as the jurisdictions name it"
CASES = [
    # partners
    Case("party misspelt", toml('["Westfire", ', '["Westfir", '), "[[agreement]] 1, parties", PARTNER, "'Westfir'", "did you mean Westfire"),
    Case("other party misspelt", toml('"Eastfire"]', '"Eastfir"]'), "[[agreement]] 1, parties", PARTNER, "'Eastfir'", "did you mean Eastfire"),
    Case("party like no other", toml('["Westfire", ', '["Zoo", '), "[[agreement]] 1, parties", PARTNER, "'Zoo'", "use one of Eastfire, Westfire"),
    Case("a jurisdiction for its partner", toml('["Westfire", ', '["W", '), "[[agreement]] 1, parties", PARTNER, "'W'", "name its partner: Westfire"),
    Case("the name of a town for its partner", toml('["Westfire", ', '["West", '), "[[agreement]] 1, parties", PARTNER, "'West'", "name its partner: Westfire"),
    Case("a country for its partner", toml('["Westfire", ', '["FR", '), "[[agreement]] 1, parties", PARTNER, "'FR'", "name its partner: Westfire"),
    Case("one party", toml(PARTIES, 'parties = ["Westfire"]'), "[[agreement]] 1, parties", "at least 2 items", "['Westfire']", ""),
    Case("a party twice", toml(PARTIES, 'parties = ["Westfire", "Eastfire", "Westfire"]'), "[[agreement]] 1, parties", "at least two partners, each once", "Westfire twice", "name each partner once"),
    Case("no parties", toml(PARTIES + "\n", ""), "[[agreement]] 1", "a key parties", "nothing", "add it"),
    Case("helper misspelt", toml(ONE_WAY, 'helpers = ["Westfires"]'), "[[agreement]] 2, helpers", PARTNER, "'Westfires'", "did you mean Westfire"),
    # ids, words, numbers
    Case("id twice", add(SECOND.format(id="treaty")), "[[agreement]] id", "each id once", "treaty twice", "rename one of them"),
    Case("ids that differ in case alone", add(SECOND.format(id="Treaty")), "[[agreement]] id", "each id once", "Treaty and treaty, alike but for case", "rename one of them"),
    Case("id with a space", toml('"treaty"', '"the treaty"'), "[[agreement]] 1, id", "an id of letters, digits", "'the treaty'", "no other characters"),
    Case("unknown key", say("dispatch_s = 3"), "[[agreement]] 1", "one of the keys id, name, parties", "'dispatch_s'", "did you mean dispatch_delay_s"),
    Case("wrong mode", toml('mode = "automatic"', 'mode = "automatc"'), "[[agreement]] 1, mode", "'subsidiary'", "'automatc'", "did you mean automatic"),
    Case("wrong service", toml('services = ["ems"]', 'services = ["police"]'), "[[agreement]] 2, services 1", "'rescue'", "'police'", "use one of them"),
    Case("wrong priority", say('priority_abroad = "host"'), "[[agreement]] 1, priority_abroad", "'as_host', 'civilian'", "'host'", "did you mean as_host"),
    Case("wrong confidence", toml('"stated"', '"guessed"'), "[[agreement]] 1, confidence", "'assumption'", "'guessed'", ""),
    Case("wrong confidence of one", toml('"measured"', '"measurd"'), "[[agreement]] 1, confidences.dispatch_delay_s", "'measured'", "'measurd'", "did you mean measured"),
    Case("source of nothing", toml('dispatch_delay_s = "log', 'dispatch_s = "log'), "[[agreement]] 1, sources", "names of parameters", "dispatch_s", "correct the name"),
    Case("confidence of nothing", toml('dispatch_delay_s = "measured"', 'delay = "measured"'), "[[agreement]] 1, confidences", "names of parameters", "delay", "correct the name"),
    Case("negative delay", say("dispatch_delay_s = -1"), "[[agreement]] 1, dispatch_delay_s", "greater than or equal to 0", "-1", ""),
    Case("minutes in words", say('crossing_delay_s = "2 min"'), "[[agreement]] 1, crossing_delay_s", "number", "'2 min'", "without quotes"),
    Case("availability in per cent", say("availability = 90"), "[[agreement]] 1, availability", "less than or equal to 1", "90", ""),
    Case("never available", say("availability_hazard = 0"), "[[agreement]] 1, availability_hazard", "greater than 0", "0", ""),
    Case("a strip of nothing", say("strip_km = 0"), "[[agreement]] 1, strip_km", "greater than 0", "0", ""),
    Case("half a unit", say("home_cover_min = 0.5"), "[[agreement]] 1, home_cover_min", "integer", "0.5", ""),
    # days
    Case("a month", toml('"2025-06-30"', '"2025-06"'), "[[agreement]] 1, valid_to", "a day in ISO 8601", "'2025-06'", "write it like"),
    Case("no such day", toml('"2025-06-30"', '"2025-06-31"'), "[[agreement]] 1, valid_to", "a date that there is", "'2025-06-31'", ""),
    Case("a day without quotes", toml('"2025-06-30"', "2025-06-30"), "[[agreement]] 1, valid_to", "a text", "2025-06-30", "write it in double quotes"),
    Case("a day of Arabic digits", toml('"2025-06-30"', '"٢٠٢٥-٠٦-٣٠"'), "[[agreement]] 1, valid_to", "a day in ISO 8601", "'٢٠٢٥-٠٦-٣٠'", ""),
    Case("it ends before it begins", say('valid_from = "2025-07-01"'), "[[agreement]] 1, valid_to", "a day from valid_from (2025-07-01) on", "2025-06-30", "exchange them"),
    # crossings
    Case("a crossing that may not be used", toml('["x1", "x2"]', '["x2"]'), "[[agreement]] 1, crossing", "crossings that may be used", "x1", "add them to crossings"),
    Case("crossing twice", toml('hours = ["day", "weekend"]', 'hours = ["day", "night"]'), "[[agreement]] 1, crossing 2", "each crossing once for the same services and hours", "x1 as in crossing 1", "name different services or hours"),
    Case("crossing without id", toml(CROSSING, "delay_s = 60"), "[[agreement]] 1, crossing 1", "a key id", "nothing", "add it"),
    Case("crossing with an unknown key", toml(CROSSING, CROSSING + "\nservice = 1"), "[[agreement]] 1, crossing 1", "one of the keys id, delay_s", "'service'", "did you mean services"),
    Case("negative delay at a crossing", toml(CROSSING, 'id = "x1"\ndelay_s = -60'), "[[agreement]] 1, crossing 1, delay_s", "greater than or equal to 0", "-60", ""),
    Case("a crossing of no height", toml(CROSSING, CROSSING + "\nmax_height_m = 0"), "[[agreement]] 1, crossing 1, max_height_m", "greater than 0", "0", ""),
    Case("wrong hour", toml('["night"]', '["evening"]'), "[[agreement]] 1, crossing 1, hours 1", "'weekend'", "'evening'", ""),
    # pairs
    Case("no such station", toml(PAIRS, '[["07", "E,1"]]'), "[[agreement]] 1, excluded_pairs 1", "the id of a station, or *", "'07'", "did you mean 007"),
    Case("no such host station", toml(PAIRS, '[["*", "E,1"], ["*", "X"]]'), "[[agreement]] 1, excluded_pairs 2", "the id of a station, or *", "'X'", "use one of 007, E,1"),
    Case("three stations", toml(PAIRS, '[["007", "E,1", "*"]]'), "[[agreement]] 1, excluded_pairs 1", "at most 2 items", "['007', 'E,1', '*']", ""),
    Case("a pair the wrong way round", toml(ONE_WAY, ONE_WAY + '\nexcluded_pairs = [["E,1", "007"]]'), "[[agreement]] 2, excluded_pairs 1", "first a station of a party that helps", "'E,1', of Eastfire", "exchange them"),
    Case("a station that does not help", toml(ONE_WAY, ONE_WAY + '\nexcluded_pairs = [["E,1", "*"]]'), "[[agreement]] 2, excluded_pairs 1", "first a station of a party that helps", "'E,1', of Eastfire", "remove the pair"),
    Case("a pair of one partner", toml(PAIRS, '[["007", "007"]]'), "[[agreement]] 1, excluded_pairs 1", "then a station of another party", "'007', of Westfire", "remove the pair"),
    # sharing
    Case("sharing of no column", toml('"stations.turnout_s"', '"stations.turnout"'), "[[agreement]] 1, sharing", "a table that is shared, or a column of it", "'stations.turnout'", "did you mean stations.turnout_s"),
    Case("sharing of no table", toml("units = ", "roads = "), "[[agreement]] 1, sharing", "a table that is shared, or a column of it", "'roads'", "use one of stations, units, hospitals, shelters, demand"),
    Case("wrong level", toml('"own"', '"secret"'), "[[agreement]] 1, sharing.units", "'public', 'partners', 'own'", "'secret'", ""),
    Case("a full stop without quotes", toml('"stations.turnout_s" =', "stations.turnout_s ="), "[[agreement]] 1, sharing.stations", "'partners'", "{'turnout_s': 'partners'}", 'put the whole key in double quotes, like "stations.turnout_s"'),
    # ranges
    Case("a range of nothing", toml("crossing_delay_s = [0, 900]", "mode = [0, 900]"), "[[agreement]] 1, ranges", "names of parameters that are numbers: dispatch_delay_s", "mode", "correct the name"),
    Case("a range backwards", toml("[0, 900]", "[900, 0]"), "[[agreement]] 1, ranges.crossing_delay_s", "the lower one first", "900, 0", ""),
    Case("a range of what cannot be", toml("[0, 900]", "[-10, 900]"), "[[agreement]] 1, ranges.crossing_delay_s", "seconds, 0 or more", "-10, 900", ""),
    Case("half a range", toml("[0, 900]", "[900]"), "[[agreement]] 1, ranges.crossing_delay_s", "at least 2 items", "[900]", ""),
    # two agreements
    Case("two at a time", toml('valid_from = "2025-07-01"', 'valid_from = "2025-06-30"'), "[[agreement]] 1 and 3", "one agreement at a time for the same help", "Eastfire helps Westfire, Westfire helps Eastfire from 2025-06-30 until 2025-06-30", "let one end before the other begins"),
    Case("two for one direction", toml('services = ["ems"]', 'valid_to = "2025-01-01"'), "[[agreement]] 1 and 2", "one agreement at a time for the same help", "both say how Westfire helps Eastfire until 2025-01-01", "or name different services or helpers"),
    # costs
    Case("cost of nobody", toml("Westfire = 700", "Westfir = 700"), "[cost] alone", PARTNER, "'Westfir'", "did you mean Westfire"),
    Case("cost of a jurisdiction", toml("Westfire = 700", "W = 700"), "[cost] alone", PARTNER, "'W'", "name its partner: Westfire"),
    Case("negative cost", toml("Westfire = 700", "Westfire = -700"), "[cost] alone.Westfire", "greater than or equal to 0", "-700", ""),
    Case("negative budget", toml("budget = 1000", "budget = -1"), "[cost] budget", "greater than or equal to 0", "-1", ""),
    Case("coalition of one", toml('["Eastfire", "Westfire"]', '["Eastfire"]'), "[cost] coalition 1, parties", "at least 2 items", "['Eastfire']", ""),
    Case("coalition with itself", toml('["Eastfire", "Westfire"]', '["Eastfire", "Eastfire"]'), "[cost] coalition 1, parties", "at least two partners, each once", "Eastfire, Eastfire", "name the partners"),
    Case("coalition with nobody", toml('["Eastfire", "Westfire"]', '["Eastfire", "MC"]'), "[cost] coalition 1, parties", PARTNER, "'MC'", "name its partner: Eastfire"),
    Case("coalition twice", add('[[cost.coalition]]\nparties = ["Westfire", "Eastfire"]\ncost = 1'), "[cost] coalition 2, parties", "each coalition once", "as in coalition 1", "keep one of them"),
    Case("coalition at a loss", toml("cost = 950.5", "cost = -950.5"), "[cost] coalition 1, cost", "greater than or equal to 0", "-950.5", ""),
    Case("unknown cost key", toml("budget = 1000", "budgets = 1000"), "[cost]", "one of the keys budget, currency", "'budgets'", "did you mean budget"),
    # parameters
    Case("two capabilities", toml("crossing_s = 30", 'capability = "ladder;boat"'), "[parameters] capability", "one capability code, without ;", "'ladder;boat'", "choose one of them"),
    Case("never free", toml("crossing_s = 30", "availability = 0"), "[parameters] availability", "greater than 0", "0", ""),
    Case("more than always free", toml("crossing_s = 30", "availability = 1.01"), "[parameters] availability", "less than or equal to 1", "1.01", ""),
    Case("a year for a day", toml("crossing_s = 30", 'date = "2025"'), "[parameters] date", "a day in ISO 8601", "'2025'", "write it like 2016-03-05"),
    Case("no such date", toml("crossing_s = 30", 'date = "2025-02-29"'), "[parameters] date", "a date that there is", "'2025-02-29'", ""),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_one_thing_wrong_gives_one_clear_message(agreement_folder: Path, case: Case) -> None:
    case.change(agreement_folder)

    defects = check_region(agreement_folder)

    assert len(defects) == 1, "\n".join(map(str, defects))
    defect = defects[0]
    assert (defect.file, defect.where) == (T, case.where)
    assert case.expected in defect.expected
    assert case.got in defect.got
    assert case.remedy in defect.remedy
    assert all((defect.expected, defect.got, defect.remedy))
    assert str(defect).isprintable()
    assert len(str(defect)) < 600
    with pytest.raises(RegionError) as caught:
        read_region(agreement_folder)
    assert list(caught.value.defects) == defects


def test_a_country_of_several_partners_gets_all_of_them_as_remedy(agreement_folder: Path) -> None:
    change(agreement_folder / "jurisdictions.geojson", '"MC"', '"FR"')
    toml('["Westfire", ', '["FR", ')(agreement_folder)
    (defect,) = check_region(agreement_folder)
    assert defect.remedy == "name its partners: Eastfire, Westfire"


def test_a_helper_that_is_no_party_is_refused(agreement_folder: Path) -> None:
    """A partner of the region all the same, so that only the agreement itself can tell."""
    content = json.loads((agreement_folder / "jurisdictions.geojson").read_text(encoding="utf-8"))
    ring = [[7.44, 43.70], [7.46, 43.70], [7.46, 43.72], [7.44, 43.72], [7.44, 43.70]]
    third = {
        "type": "Feature",
        "properties": {"id": "N"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    (agreement_folder / "jurisdictions.geojson").write_text(
        json.dumps(content | {"features": [*content["features"], third]}), encoding="utf-8"
    )
    with (agreement_folder / "stations.csv").open("a", encoding="utf-8") as file:
        file.write("north,North,N,fire,career,80,7.45,43.71\n")
    toml(ONE_WAY, 'helpers = ["Westfire", "N"]')(agreement_folder)
    toml(PAIRS, '[["north", "*"], ["*", "north"]]')(agreement_folder)
    found = {(defect.where, defect.expected, defect.got) for defect in check_region(agreement_folder)}
    assert found == {
        ("[[agreement]] 2, helpers", "one of the parties", "N"),
        ("[[agreement]] 1, excluded_pairs 1", "first a station of a party that helps", "'north', of N"),
        ("[[agreement]] 1, excluded_pairs 2", "then a station of another party", "'north', of N"),
    }


def test_a_party_may_keep_its_stations_to_itself(agreement_folder: Path) -> None:
    """Whoever contributes has no table of the others' stations: the pair may name one of them."""
    stations = agreement_folder / "stations.csv"
    lines = stations.read_text(encoding="utf-8").splitlines(keepends=True)
    stations.write_text("".join(line for line in lines if "E,1" not in line), encoding="utf-8")
    assert not [one for one in check_region(agreement_folder) if "excluded_pairs" in one.where]


# --- everything at once -------------------------------------------------------------------------------------------


def places(folder: Path) -> set[str]:
    return {defect.where for defect in check_region(folder)}


def test_all_defects_of_agreements_and_costs_are_reported_at_once(agreement_folder: Path) -> None:
    toml('"007", ', '"07", ')(agreement_folder)
    toml('"stations.turnout_s"', '"stations.turn"')(agreement_folder)
    say('valid_from = "2026-01-01"')(agreement_folder)
    toml("[0, 900]", "[900, 0]")(agreement_folder)
    toml('["x1", "x2"]', '["x2"]')(agreement_folder)
    toml(ONE_WAY, 'helpers = ["E"]')(agreement_folder)
    toml('id = "renewed"', 'id = "TREATY"')(agreement_folder)
    toml("Westfire = 700", "Westfir = 700")(agreement_folder)
    toml('["Eastfire", "Westfire"]', '["Eastfire", "Eastfire"]')(agreement_folder)
    assert places(agreement_folder) == {
        "[[agreement]] id",
        "[[agreement]] 1, excluded_pairs 1",
        "[[agreement]] 1, sharing",
        "[[agreement]] 1, valid_to",
        "[[agreement]] 1, ranges.crossing_delay_s",
        "[[agreement]] 1, crossing",
        "[[agreement]] 2, helpers",
        "[cost] alone",
        "[cost] coalition 1, parties",
    }


def test_one_broken_agreement_hides_no_defect_of_the_others(agreement_folder: Path) -> None:
    toml('mode = "automatic"', 'mode = "auto"')(agreement_folder)
    assert places(agreement_folder) == {"[[agreement]] 1, mode"}
    toml(ONE_WAY, 'helpers = ["W"]')(agreement_folder)
    toml("budget = 1000", "budget = -1")(agreement_folder)
    assert places(agreement_folder) == {"[[agreement]] 1, mode", "[[agreement]] 2, helpers", "[cost] budget"}


def test_a_broken_section_elsewhere_hides_nothing(agreement_folder: Path) -> None:
    toml("crossing_s = 30", "crossing_s = -30")(agreement_folder)
    toml('crs = "EPSG:32632"', 'crs = "EPSG:999999"')(agreement_folder)
    toml('["Westfire", ', '["W", ')(agreement_folder)
    toml('"007", ', '"07", ')(agreement_folder)
    assert places(agreement_folder) == {
        "[parameters] crossing_s", "[region] crs", "[[agreement]] 1, parties", "[[agreement]] 1, excluded_pairs 1",
    }  # fmt: skip


def test_where_nobody_can_say_who_the_partners_are_no_agreement_is_blamed(agreement_folder: Path) -> None:
    change(agreement_folder / "jurisdictions.geojson", '"partner"', '"Partner"', 2)
    (defect,) = check_region(agreement_folder)
    assert (defect.file, defect.expected) == ("jurisdictions.geojson", "a column partner")
    (agreement_folder / "jurisdictions.geojson").write_text("{", encoding="utf-8")
    toml('"stations.turnout_s"', '"stations.turn"')(agreement_folder)
    found = {(defect.file, defect.where) for defect in check_region(agreement_folder)}
    assert {place for place in found if place[0] == T} == {(T, "[[agreement]] 1, sharing")}


def test_where_nobody_can_say_which_stations_there_are_no_pair_is_blamed(agreement_folder: Path) -> None:
    change(agreement_folder / "stations.csv", "\n007,", "\n,")
    assert {defect.file for defect in check_region(agreement_folder)} == {"stations.csv", "units.csv"}


# --- the values themselves ------------------------------------------------------------------------------------------


def test_an_agreement_made_by_hand_obeys_the_same_rules() -> None:
    with pytest.raises(AgreementError) as caught:
        Agreement(
            id="t", parties=("A",), helpers=("B",), valid_from="20250101", valid_to="2025-W01-1", mode="x",
            dispatch_delay_s=-1, crossing_delay_s=math.inf, strip_km=0, home_cover_min=-1, availability=math.nan,
            availability_hazard=0, handover_s=math.nan, priority_abroad="x", confidence="x", confidences={"mode": "x"},
            sharing={"units": "x"}, sources={"x": ""}, ranges={"availability": (0.5, 1.5), "strip_km": (1, math.inf), "x": (0, 1)},
            crossings=("d",),
            crossing=(AgreementCrossing(id="c", delay_s=-1), AgreementCrossing(id="c", max_height_m=0, max_weight_t=math.inf)),
        )  # fmt: skip
    assert sorted(defect.where.removeprefix("agreement t, ") for defect in caught.value.defects) == [
        "availability", "availability_hazard", "confidence", "confidences.mode", "crossing", "crossing 1, delay_s", "crossing 2",
        "crossing 2, max_height_m", "crossing 2, max_weight_t", "crossing_delay_s", "dispatch_delay_s", "handover_s", "helpers",
        "home_cover_min", "mode", "parties", "priority_abroad", "ranges", "ranges.availability", "ranges.strip_km",
        "sharing.units", "sources", "strip_km", "valid_from", "valid_to",
    ]  # fmt: skip
    assert all(str(defect).startswith("agreement t, ") for defect in caught.value.defects)


def test_one_crossing_may_be_named_for_different_services_or_hours() -> None:
    def crossing(**values: Any) -> AgreementCrossing:
        return AgreementCrossing(id="c", **values)

    def fine(*items: AgreementCrossing) -> bool:
        try:
            Agreement(id="t", parties=("A", "B"), crossing=items)
        except AgreementError:
            return False
        return True

    assert fine(crossing(hours=("day",)), crossing(hours=("night", "weekend")))
    assert fine(crossing(services=("fire",)), crossing(services=("ems",)))
    assert not fine(crossing(), crossing(hours=("night",)))
    assert not fine(
        crossing(services=("fire",), hours=("day",)), crossing(services=("fire", "ems"), hours=("day",))
    )
    assert fine(crossing(services=("fire",), hours=("day",)), crossing(services=("fire",), hours=("night",)))


def test_costs_made_by_hand_obey_the_same_rules() -> None:
    with pytest.raises(AgreementError) as caught:
        Costs(
            budget=math.nan, alone={"A": -1, "B": 1}, confidence="x",
            coalition=(
                CoalitionCost(parties=("A",), cost=1), CoalitionCost(parties=("A", "B"), cost=math.inf),
                CoalitionCost(parties=("B", "A"), cost=1),
            ),
        )  # fmt: skip
    assert [defect.where for defect in caught.value.defects] == [
        "costs, budget", "costs, alone.A", "costs, coalition 2, cost", "costs, confidence", "costs, coalition 1, parties",
        "costs, coalition 3, parties",
    ]  # fmt: skip


def test_parameters_are_changed_under_the_same_rules() -> None:
    changed = revise(Parameters(), capability="ladder", availability=0.5, date="2024-02-29")
    assert (changed.capability, changed.availability, changed.date) == ("ladder", 0.5, "2024-02-29")
    with pytest.raises(RegionError) as caught:
        revise(Parameters(), capability="a;b", availability=0.0, date="2025-02-29")
    assert [defect.where for defect in caught.value.defects] == [
        f"[parameters] {key}" for key in ("capability", "availability", "date")
    ]


# --- who helps on which day -----------------------------------------------------------------------------------------


def test_an_agreement_that_ends_today_holds_today_and_its_follower_from_tomorrow(
    agreement_folder: Path,
) -> None:
    agreements = read_region(agreement_folder).agreements

    def names(day: date, service: str = "fire") -> list[str]:
        return [one.id for one in agreements_in_force(agreements, service, day)]

    assert names(date(2025, 6, 30)) == ["treaty"]
    assert names(date(2025, 7, 1)) == ["renewed"]
    assert names(date(2025, 7, 1), "ems") == ["one-way"]
    assert names(date(2025, 7, 1), "rescue") == []
    assert agreement_notes(agreements, "fire", date(2025, 6, 30)) == [
        "Agreement one-way is not about the service fire and does not count.",
        "Agreement renewed begins on 2025-07-01 and does not count on 2025-06-30.",
    ]
    assert agreement_notes(agreements, "fire", date(2025, 7, 1)) == [
        "Agreement treaty ended on 2025-06-30 and does not count on 2025-07-01.",
        "Agreement one-way is not about the service fire and does not count.",
    ]


def test_agreements_that_contradict_each_other_are_refused_only_on_days_on_which_they_do() -> None:
    old = Agreement(id="old", parties=("A", "B"), valid_to="2025-06-30")
    new = Agreement(id="new", parties=("B", "A", "C"), valid_from="2025-06-30", helpers=("A", "C"))
    assert agreements_in_force([old, new], "fire", date(2025, 6, 29)) == (old,)
    with pytest.raises(AgreementError) as caught:
        agreements_in_force([old, new], "fire", date(2025, 6, 30))
    assert str(caught.value) == (
        "agreements old and new: expected one agreement at a time for the same help; "
        "got both say how A helps B from 2025-06-30 until 2025-06-30. "
        "Remedy: let one end before the other begins, or name different services or helpers."
    )


def test_help_in_one_direction_each_is_no_contradiction() -> None:
    there = Agreement(id="there", parties=("A", "B"), helpers=("A",))
    back = Agreement(id="back", parties=("A", "B"), helpers=("B",))
    assert (set(there.pairs), set(back.pairs)) == ({("A", "B")}, {("B", "A")})
    assert contradictions([there, back]) == []
    assert len(contradictions([there, back, Agreement(id="both", parties=("A", "B"))])) == 2


def test_many_pairs_are_counted_in_the_message() -> None:
    parties = tuple("ABCDEFGHIJ")
    (defect,) = contradictions([Agreement(id=name, parties=parties) for name in ("x", "y")])
    assert defect.got == "both say how A helps B, A helps C, A helps D, and 87 more such"


FIRST = date(2025, 1, 1)
#: Days of the brute force: one more on either side than agreements name, for those without begin or end.
ALL_DAYS = [FIRST + timedelta(days=number) for number in range(-1, 7)]


@st.composite
def small_agreement(draw: st.DrawFn) -> Agreement:
    parties = draw(st.lists(st.sampled_from("ABC"), unique=True, min_size=2))
    days = sorted(draw(st.lists(st.sampled_from(ALL_DAYS[1:-1]), min_size=2, max_size=2)))
    first, last = (draw(st.sampled_from(["", day.isoformat()])) for day in days)
    return Agreement(
        id="x", parties=tuple(parties), helpers=tuple(draw(st.lists(st.sampled_from(parties), unique=True, max_size=2))),
        services=draw(_SOME_SERVICES), valid_from=first, valid_to=last,
    )  # fmt: skip


def says(one: Agreement, day: date, service: str, helper: str, host: str) -> bool:
    """Whether an agreement is about this help, word by word."""
    return (
        helper != host
        and helper in one.parties
        and host in one.parties
        and (not one.helpers or helper in one.helpers)
        and (not one.services or service in one.services)
        and (not one.valid_from or one.valid_from <= day.isoformat())
        and (not one.valid_to or day.isoformat() <= one.valid_to)
    )


@given(agreements=st.lists(small_agreement(), min_size=2, max_size=4))
def test_two_agreements_contradict_each_other_where_both_are_about_one_help(
    agreements: list[Agreement],
) -> None:
    agreements = [replace(one, id=str(number)) for number, one in enumerate(agreements)]
    helps = list(product(ALL_DAYS, SERVICES, "ABC", "ABC"))
    about = {one.id: {help_ for help_ in helps if says(one, *help_)} for one in agreements}
    clash = {
        f"agreements {a.id} and {b.id}" for a, b in permutations(agreements, 2) if a.id < b.id and about[a.id] & about[b.id]
    }  # fmt: skip

    assert {defect.where for defect in contradictions(agreements)} == clash

    for day, service in product(ALL_DAYS, SERVICES):
        helped = [{key[2:] for key in about[one.id] if key[:2] == (day, service)} for one in agreements]
        held = [one for one, pairs in zip(agreements, helped, strict=True) if pairs]
        if sum(map(len, helped)) > len(set().union(*helped)):
            with pytest.raises(AgreementError):
                agreements_in_force(agreements, service, day)
        else:
            assert agreements_in_force(agreements, service, day) == tuple(held)


# --- what people should know ----------------------------------------------------------------------------------------


def noted(folder: Path, **changes: Any) -> list[tuple[str, str, str]]:
    region = read_region(folder)
    region = replace(region, parameters=replace(region.parameters, **changes))
    return [(note.where, note.expected, note.got) for note in region_notes(region) if note.file == T]


def test_agreements_that_are_not_in_force_are_noted(agreement_folder: Path) -> None:
    over = "Agreement treaty ended on 2025-06-30 and does not count on 2025-07-01"
    assert noted(agreement_folder, date="2025-07-01") == [("[[agreement]] 1", "an agreement in force", over)]
    to_come = "Agreement renewed begins on 2025-07-01 and does not count on 2025-06-30"
    assert noted(agreement_folder, date="2025-06-30") == [
        ("[[agreement]] 3", "an agreement in force", to_come)
    ]
    # Nothing is odd about an agreement on another service.
    assert noted(agreement_folder, date="2025-06-30", service="ems") == []


def test_without_a_day_that_of_the_run_counts(agreement_folder: Path) -> None:
    toml('"2025-06-30"', '"1999-12-31"')(agreement_folder)
    ((where, _, got),) = noted(agreement_folder)
    assert where == "[[agreement]] 1"
    assert got.startswith("Agreement treaty ended on 1999-12-31 and does not count on 2")


def test_a_value_outside_its_own_range_is_noted(agreement_folder: Path) -> None:
    toml("[0, 900]", "[60, 900]\ndispatch_delay_s = [10, 20]\nhandover_s = [700, 720]\nstrip_km = [5, 10]")(
        agreement_folder
    )
    # No delay at crossings is stated, a strip without limit has no number, and 720 is within 700…720.
    assert [note for note in noted(agreement_folder, date="2025-06-30") if "ranges" in note[0]] == [
        ("[[agreement]] 1, ranges.dispatch_delay_s", "0 within its range", "10…20")
    ]
