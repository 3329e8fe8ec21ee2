"""What a mayor reads in one minute: five numbers, and the sentences that matter."""

from __future__ import annotations

from collections.abc import Iterator

from mutualaid.reports._report._document import Big, Headline, Items, Paragraph, Ref, Section, Text
from mutualaid.reports._report._sections._facts import Facts, section
from mutualaid.reports._report._sections._verdict import verdict

__all__ = ["short", "worst_scenario"]

_NUMBERS = 5


def short(facts: Facts) -> Section | None:
    """Say what was asked, what was found, and how sure it is."""
    question = Paragraph(asked(facts))
    headline = Headline(tuple(_numbers(facts))[:_NUMBERS])
    sentences = Items(tuple(_sentences(facts)))
    blocks = [question, headline if headline.numbers else None, sentences if sentences.texts else None]
    return section("short", blocks, brief=blocks, slide=True)


def asked(facts: Facts) -> Text:
    """Say the question that the coverage answers."""
    service = facts.get("standard", "service") or "fire"
    limit = facts.ref("time", "standard", "limit_s")
    start = facts.get("standard", "start") or "t0"
    return Text(f"question_{service}", {"limit": limit or Text("unknown"), "start": Text(f"start_{start}")})


def _numbers(facts: Facts) -> Iterator[Big]:
    head = ("headline",)
    everybody = facts.ref("people", *head, "population")
    for level in facts.levels:
        share = facts.known("share", *head, f"covered_{level}_share")
        covered = facts.ref("people", *head, f"covered_{level}")
        if share is None or covered is None or everybody is None:
            continue
        more = facts.told("people", *head, f"closed_by_{level}")
        values = {"n": covered, "all": everybody, "more": more}
        label, meaning = Text(f"big_{level}"), Text(f"big_{level}_means", values)
        yield Big(share, label, meaning, _doubt(facts, level))
    if (rest := facts.ref("people", *head, "remaining")) is not None:
        no_road = facts.told("people", *head, "unreachable")
        yield Big(rest, Text("big_rest"), Text("big_rest_means", {"n": no_road}), Text("big_rest_doubt"))
    if (worst := worst_scenario(facts)) is not None:
        yield _hazard(facts, worst)
    if (share := facts.known("share", "common", "total", "other_partner_share")) is not None:
        yield Big(share, Text("big_foreign"), Text("big_foreign_means"), Text("big_foreign_doubt"))


def _doubt(facts: Facts, level: str) -> Text:
    """Say what the number of a level hangs on: what the record shows if there is one, else what is assumed."""
    if level == "alone":
        runs = facts.known("count", "incidents", "fit", "all", "count")
        late = facts.known("time", "incidents", "fit", "all", "mean_s")
        if runs is not None and late is not None and facts.get("incidents", "fit", "all", "mean_s") > 0:
            return Text("doubt_record", {"n": runs, "late": late})
        assumed = facts.told("count", "stations", "turnout_assumed")
        return Text("doubt_turnout", {"n": assumed, "all": facts.told("count", "stations", "count")})
    gain = facts.get("incidents", "gain") or {}
    if gain.get("level") == level and verdict(facts, "total") == "not_confirmed":
        return Text("doubt_not_confirmed")
    if level == "agreed":
        rows = facts.get("cooperation", "agreements") or []
        told = [one for row in rows for one in row.get("parameters", {}).values()]
        return Text(
            "doubt_agreed" if any(one.get("confidence") == "assumption" for one in told) else "doubt_stated"
        )
    row = next((i for i, one in facts.rows("cooperation", "break_even") if one["kind"] == "all"), None)
    half = None if row is None else facts.known("time", "cooperation", "break_even", row, "half_s")
    return Text("doubt_delay") if half is None else Text("doubt_half", {"half": half})


def worst_scenario(facts: Facts) -> str | None:
    """Give the id of the scenario that takes timely help from most people of a joint team; None if there is none."""
    found = facts.get("hazards", "scenarios") or {}
    lost = {key: (one.get("total") or {}).get("lost_joint") for key, one in found.items()}
    known = {key: value for key, value in lost.items() if value}
    return max(known, key=lambda key: known[key]) if known else None


def _hazard(facts: Facts, scenario: str) -> Big:
    place = ("hazards", "scenarios", scenario)
    name = facts.word(facts.get(*place, "name") or scenario)
    left = facts.told("people", *place, "total", "joint")
    doubt = Text("doubt_derived" if facts.get(*place, "derived") else "doubt_hazard")
    value = Ref((*place, "total", "lost_joint"), "people")
    return Big(value, Text("big_hazard"), Text("big_hazard_means", {"scenario": name, "n": left}), doubt)


def _sentences(facts: Facts) -> Iterator[Text]:
    closed, rest = (facts.ref("people", "headline", key) for key in ("closed_by_joint", "remaining"))
    if closed is not None:
        yield Text("say_gain" if facts.get("headline", "closed_by_joint") else "say_no_gain", {"n": closed})
    worst = worst_scenario(facts)
    if worst is not None:
        place = ("hazards", "scenarios", worst)
        values = {
            "scenario": facts.word(facts.get(*place, "name") or worst),
            "fair": facts.told("people", *place, "total", "fair_joint"),
            "n": facts.told("people", *place, "total", "joint"),
        }
        yield Text("say_hazard", values)
    if rest is not None:
        yield from _rest(facts, rest)


def _rest(facts: Facts, rest: Ref) -> Iterator[Text]:
    """Say how many nobody reaches, and where most of them live."""
    places = facts.get("common", "jurisdictions") or {}
    left = {key: one.get("remaining") or 0.0 for key, one in places.items()}
    most = max(left, key=lambda key: left[key], default="")
    if not left.get(most):
        yield Text("say_rest", {"n": rest})
        return
    k = Ref(("common", "jurisdictions", most, "remaining"), "people")
    yield Text("say_rest_in", {"n": rest, "place": facts.place(most), "k": k})
