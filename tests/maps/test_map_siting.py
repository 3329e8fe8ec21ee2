"""Where to build, seen from Python: what the page is handed of a study."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mutualaid.coverage import WhatIfTables, what_if_coverage
from mutualaid.maps import coverage_map, save_offline
from mutualaid.maps._siting import siting_facts
from mutualaid.maps._texts import TEXTS
from mutualaid.siting import MODELS, RULES, Over, SitingStudy


@pytest.fixture(scope="module")
def times(agreed: Any, tables: Callable[..., WhatIfTables]) -> WhatIfTables:
    return tables(agreed)


@pytest.fixture(scope="module")
def found(agreed: Any, times: WhatIfTables, study: Callable[..., SitingStudy]) -> SitingStudy:
    return study(agreed, times)


def standing(times: WhatIfTables, plan: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Sites of the what-if that stand by a plan of the page."""
    on = ~times.sites["candidate"].to_numpy(np.bool_)
    on[plan["added"]], on[plan["off"]] = True, False
    return on


def spoken(facts: dict[str, Any], told: Callable[[Any], str]) -> list[list[str]]:
    """All that is told of each site, its title first."""
    return [[told(site["title"]), *map(told, site["lines"])] for site in facts["sites"]]


# --- numbers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["alone", "agreed", "joint"])
def test_each_plan_is_worth_what_the_tables_of_the_page_say(
    agreed: Any, times: WhatIfTables, study: Callable[..., SitingStudy], level: str
) -> None:
    facts = siting_facts(agreed, study(agreed, times, level=level), times)
    people = agreed.demand["population"].to_numpy()
    assert [one["id"] for one in facts["weathers"]] == list(times.weather)
    assert facts["population"] == pytest.approx(people.sum())
    for k, one in enumerate(facts["weathers"]):
        today = what_if_coverage(times, weather=one["id"])[level].reached
        assert one["before"] == pytest.approx(people[today].sum())
        everywhere = what_if_coverage(times, weather=one["id"], on=np.ones(len(times.sites)))[level].reached
        assert one["unreached"] == pytest.approx(people[~everywhere].sum())
        for plan in facts["plans"]:
            now = what_if_coverage(times, weather=one["id"], on=standing(times, plan))[level].reached
            assert plan["people"][k] == pytest.approx(people[now].sum())
        towns = agreed.demand["jurisdiction"].map(agreed.region.jurisdictions["name"]).to_numpy()
        now = what_if_coverage(times, weather=one["id"], on=standing(times, facts["plans"][0]))[level].reached
        gained = {town: people[(towns == town) & now].sum() - people[(towns == town) & today].sum()
                  for town in np.unique(towns)}  # fmt: skip
        listed = {row["name"]: row["after"] - row["before"] for row in one["gains"]}
        assert listed == pytest.approx({town: n for town, n in gained.items() if abs(n) > 1e-6}, abs=0.01)
        sizes = [abs(n) for n in listed.values()]
        assert sizes == sorted(sizes, reverse=True)


def test_plans_and_sites_fit_together(agreed: Any, found: SitingStudy, times: WhatIfTables) -> None:
    facts = siting_facts(agreed, found, times)
    ids = list(found.sites.index)
    for plan, one in zip(facts["plans"], found.alternatives, strict=True):
        assert [ids[k] for k in plan["sites"]] == [
            *sorted(one.opened, key=ids.index), *sorted(one.closed, key=ids.index)
        ]  # fmt: skip
        assert [times.sites.index[k] for k in plan["added"]] == list(one.opened)
        assert [times.sites.index[k] for k in plan["off"]] == list(one.closed)
    numbers = [site["number"] for site in facts["sites"]]
    opened = [n for n in numbers if n]
    assert opened == list(range(1, len(opened) + 1))
    assert [n > 0 for n in numbers] == (found.sites["change"] == "opened").tolist()
    assert [site["in_plan"] for site in facts["sites"]] == found.sites["in_plan"].tolist()
    assert [times.sites.index[site["site"]] for site in facts["sites"]] == ids


def test_a_plan_with_a_site_that_the_page_lacks_cannot_be_switched_on(
    agreed: Any, found: SitingStudy, times: WhatIfTables
) -> None:
    lost = found.alternatives[2].opened[0]
    assert lost not in found.plan.opened
    index = [f"{key} lost" if key == lost else key for key in times.sites.index]
    facts = siting_facts(agreed, found, replace(times, sites=times.sites.set_axis(index)))
    assert [plan["added"] is None for plan in facts["plans"]] == [
        lost in one.opened for one in found.alternatives
    ]
    assert [site["site"] for site in facts["sites"]].count(-1) == 1
    none = siting_facts(agreed, found, None)
    assert [plan["added"] for plan in none["plans"]] == [None] * 3
    assert none["plans"][0]["people"] == facts["plans"][0]["people"]


# --- words ---------------------------------------------------------------------------------------------------


def test_what_is_told_of_a_site(
    agreed: Any, found: SitingStudy, times: WhatIfTables, told: Callable[[Any], str]
) -> None:
    facts = siting_facts(agreed, found, times)
    first, *_, closed, last = spoken(facts, told)
    row, station = found.sites.iloc[0], found.sites.iloc[-2]
    assert 0 < row["people_added"] == row["people_added_west"]
    people = f"{row['people_added']:,.0f}"
    scenarios = ", ".join(one.scenario.name for one in agreed.scenarios)
    assert first == [
        "Mill Lane, Millbrook",
        "420 m from Millbrook",
        "Westport, run by Westport",
        f"Fair weather · {people} people are in time only because of it: Westport: {people}.",
        f"On average over the situations: {row['people_added_expected']:,.0f}",
        "Cost: 2.5 EUR",
        "In the plan, and in 1 of 2 alternatives",
        f"Out of service in: {scenarios}",
    ]
    lost, own, other = (-station[f"people_added{whose}"] for whose in ("", "_west", "_east"))
    assert other > own > 0
    whose = f"Easton: {other:,.0f} · Westport: {own:,.0f}"
    assert closed == [
        "Westport Mill",
        "Westport, run by Westport",
        f"Fair weather · If it closes, {lost:,.0f} people are no longer in time: {whose}.",
        f"On average over the situations: {-station['people_added_expected']:,.0f}",
        "Cost: 0.5 EUR",
        "In the plan, and in 1 of 2 alternatives",
    ]
    assert last[0] == "Westport Central"
    assert last[-1] == "Not in the plan, but in 1 of 2 alternatives"


def changed(found: SitingStudy, **columns: Any) -> SitingStudy:
    return replace(found, sites=found.sites.assign(**columns))


def test_what_nobody_knows_of_a_site_is_left_out(
    agreed: Any, found: SitingStudy, times: WhatIfTables, told: Callable[[Any], str]
) -> None:
    free = replace(found.table, sites=found.table.sites.assign(opening_cost=1.0, closing_cost=0.0))
    bare = replace(
        changed(found, road_name="", near="", near_m=np.nan, out_in="", partner="", people_added=0.0,
                people_added_west=0.0, people_added_east=0.0),
        table=free, alternatives=found.alternatives[:1], over=Over(),
    )  # fmt: skip
    facts = siting_facts(agreed, bare, times)
    assert facts["cost"] is None
    assert spoken(facts, told)[0] == [
        "Westport", "Westport, run by nobody yet", "Nobody is in time only because of it."
    ]  # fmt: skip
    more = changed(found, near="Millbrook", near_m=1_260.0, name="Yard", units=2)
    said = spoken(siting_facts(agreed, more, times), told)[0]
    assert said[:2] == ["Yard, Millbrook", "1.3 km from Millbrook"]
    assert said[3] == "Units: 2"


def test_people_of_a_site_are_those_of_the_weathers_that_count(
    agreed: Any, found: SitingStudy, times: WhatIfTables, told: Callable[[Any], str]
) -> None:
    def said(*weather: str) -> list[str]:
        of = replace(found, over=Over(dict.fromkeys(weather, 1.0)))
        return spoken(siting_facts(agreed, changed(of, people_added_expected=-70.0), times), told)[0][3:5]

    people = f"{found.sites['people_added'].iloc[0]:,.0f}"
    fair = f"{people} people are in time only because of it: Westport: {people}."
    assert said("") == [fair, "Cost: 2.5 EUR"]
    assert said("", "hq100") == [f"Fair weather · {fair}", "On average over the situations: 70"]
    of = replace(found, over=Over({"": 1.0, "hq100": 0.0}))  # a weather without weight does not count
    assert len(siting_facts(agreed, of, times)["weathers"]) == 1
    name = agreed.scenarios[0].scenario.name
    assert said("hq100") == [f"Fair weather · {fair}", f"{name}: 70"]


def test_what_is_not_proven_is_never_rounded_to_nothing(
    agreed: Any, found: SitingStudy, times: WhatIfTables, told: Callable[[Any], str]
) -> None:
    def proof(bound: float) -> str:
        plan = replace(found.plan, value=1_000.0, bound=bound)
        return told(siting_facts(agreed, replace(found, plan=plan), times)["proof"])

    assert proof(1_000.0) == TEXTS["siting_proven"]
    assert proof(1_000.001).endswith("within 0.1 % of the best possible.")
    assert proof(1_250.0).endswith("within 20 % of the best possible.")


def test_every_model_and_rule_has_its_words(
    agreed: Any, found: SitingStudy, times: WhatIfTables, told: Callable[[Any], str]
) -> None:
    assert {f"over_{rule}" for rule in RULES} <= set(TEXTS)
    said = set()
    for model in MODELS:
        asked = siting_facts(agreed, replace(found, model=model), times)["asked"]
        said.add(told(asked))
        assert told(asked).startswith("Joint team · ")
        each = model in ("lscp", "lscp_backup", "p_center")
        assert told(asked).endswith(" · in every situation" if each else " · on average over the situations")
    assert len(said) == len(MODELS)
    one = replace(found, over=Over({"hq100": 1.0}))
    assert told(siting_facts(agreed, one, times)["asked"]) == "Joint team · most people in time"


# --- the page ------------------------------------------------------------------------------------------------


def test_only_a_page_with_a_study_holds_what_is_needed_for_it(
    agreed: Any, found: SitingStudy, times: WhatIfTables, tmp_path: Any
) -> None:
    without = coverage_map(agreed, None, times, languages=["en"])
    with_it = coverage_map(agreed, None, times, siting=found, languages=["en"])
    names = [
        [one.layer_name for one in list[Any](page._children.values()) if getattr(one, "control", False)]
        for page in (without, with_it)
    ]
    assert names[1] == [*names[0][: names[1].index("Plan")], "Plan", *names[0][names[1].index("Plan") :]]
    plain, planned = (
        save_offline(page, tmp_path / f"{k}.html").read_text(encoding="utf-8")
        for k, page in enumerate((without, with_it))
    )
    assert "mutualaid.siting = section" not in plain
    assert "mutualaid.siting = section" in planned
    assert len(planned) - len(plain) < 25_000
