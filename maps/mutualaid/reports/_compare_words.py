"""A comparison in words: what changed, why, and what must be known to believe it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mutualaid.reports._changes import Change
from mutualaid.reports._mixing import Pair
from mutualaid.reports._runs import RunRecord

__all__ = ["comparison_notes", "words_of"]

_LEVELS = {
    "alone": "if each partner serves itself",
    "agreed": "under the agreements in force",
    "joint": "with one joint team",
}
_PARTS = {
    "stations": "stations with their units",
    "roads": "roads",
    "people": "people with their boundaries",
    "hazards": "hazards",
    "agreements": "agreements",
    "parameters": "parameters with the standard",
}
#: Jurisdictions that are named of those that gain and lose most.
_NAMED = 3
#: Sentences that are said of each part that changed.
_SAID = 4
#: Parts act together where first and last differ by more than this share of the change, and by so many people.
_TOGETHER_SHARE, _TOGETHER = 0.1, 10.0


def words_of(summary: Mapping[str, Any]) -> list[str]:
    """Say what changed, and why: a paragraph each."""
    changed = [one for one in summary["parts"] if one["changed"]]
    if not changed:
        said = "Nothing that coverage depends on differs between the two."
        other = summary["other"]
        return (
            [said, f"What differs without changing these numbers: {', '.join(other)}."] if other else [said]
        )
    total = summary["total"]
    what = _listed([_PARTS[one["part"]] for one in changed])
    found = [
        f"{_between(summary)}: {what} changed.",
        *(_level(total, level) for level in reversed(summary["levels"])),
    ]
    for one in changed:
        name = _PARTS[one["part"]]
        found.append(f"{name[0].upper()}{name[1:]}: {_first(one['what'])}")
    several = len(changed) > 1
    because = (
        _because(total[f"covered_{level}"], level, several=several) for level in reversed(summary["levels"])
    )
    found += filter(None, because)
    found += _places(summary)
    found += _map(summary)
    found += _weather(summary)
    return found


def _first(what: Sequence[str]) -> str:
    """Give the first sentences of a part, and how many more there are."""
    told = [text for text in what if not text.startswith("…")]
    more = (
        f" And {_count(len(told) - _SAID, 'more change')}: see comparison.json." if len(told) > _SAID else ""
    )
    return " ".join(told[:_SAID]) + more


def _between(summary: Mapping[str, Any]) -> str:
    before, after = (_called(summary[side]) for side in ("before", "after"))
    return f"Between the two states of {after}" if before == after else f"From {before} to {after}"


def _called(head: Mapping[str, Any]) -> str:
    if not head["created"]:
        return str(head["id"])
    note = f", “{head['note']}”" if head["note"] else ""
    return f"{head['id']} ({head['created'][:10]}{note})"


def _level(total: Mapping[str, Any], level: str) -> str:
    people, share = total[f"covered_{level}"], total[f"covered_{level}_share"]
    before, after = (f"{_people(people[side])} ({_share(share[side])})" for side in ("before", "after"))
    if abs(people["change"]) < 0.5:
        return f"People in time {_LEVELS[level]}: {after}, as before."
    return f"People in time {_LEVELS[level]}: {before} before, {after} after ({_signed(people['change'])})."


def _because(block: Mapping[str, Any], level: str, *, several: bool) -> str:
    """Say which part did how much, where there is something to share out."""
    parts = {name: one for name, one in block["parts"].items() if one["change"] is not None}
    did = sorted(parts, key=lambda name: -abs(parts[name]["change"]))
    told = [name for name in did if abs(parts[name]["change"]) >= 0.5]
    if not told:
        return ""
    if not several:
        return f"All of the change {_LEVELS[level]} comes from {_PARTS[did[0]]}."
    shares = _listed([f"{_PARTS[name]} {_signed(parts[name]['change'])}" for name in told])
    text = f"Of the change {_LEVELS[level]} ({_signed(block['change'])}): {shares}"
    rest = [name for name in parts if name not in told]
    text += f"; nothing from {_listed([_PARTS[name] for name in rest])}." if rest else "."
    together = [name for name in told if _together(parts[name], block["change"])]
    if together:
        name = together[0]
        text += (
            f" Parts act together: {_PARTS[name]} would have brought {_signed(parts[name]['first'])} on the old state, "
            f"and {_signed(parts[name]['last'])} as the last to change."
        )
    return text


def _together(part: Mapping[str, Any], change: float) -> bool:
    if part["first"] is None or part["last"] is None:
        return False
    apart = abs(part["first"] - part["last"])
    return bool(apart >= _TOGETHER and apart > _TOGETHER_SHARE * abs(change))


def _places(summary: Mapping[str, Any]) -> list[str]:
    """Name the jurisdictions that gain and lose most, and those that are new or gone."""
    both = {key: one for key, one in summary["jurisdictions"].items() if one["in"] == "both"}
    change = {key: one["indicators"]["covered_joint"]["change"] for key, one in both.items()}
    order = sorted(both, key=lambda key: -change[key])
    best = [key for key in order if change[key] >= 0.5][:_NAMED]
    worst = [key for key in reversed(order) if change[key] <= -0.5][:_NAMED]
    found = []
    for text, keys in (("More", best), ("Fewer", worst)):
        if keys:
            told = _listed([f"{both[key]['name']} ({_signed(change[key])})" for key in keys])
            found.append(f"{text} people in time with one joint team: {told}.")
    for side, text in (("after", "New in the comparison"), ("before", "No longer part of it")):
        if keys := [one["name"] for one in summary["jurisdictions"].values() if one["in"] == side]:
            found.append(f"{text}: {_listed(keys)}; what they gain or lose counts as a change of people.")
    return found


def _map(summary: Mapping[str, Any]) -> list[str]:
    sums = summary["difference"]["joint"]
    gained, lost = sums["gained"], sums["lost"]
    if not gained["places"] and not lost["places"]:
        return []
    more, fewer = (f"{_people(one['people'])} at {_count(one['places'], 'place')}" for one in (gained, lost))
    told = []
    if gained["places"]:
        told.append(f"{more} are in time with one joint team and would not have been before")
    if lost["places"]:
        told.append(f"{fewer} would have been in time with one joint team before and no longer are")
    return [f"Where people live now: {'; '.join(told)}."]


def _weather(summary: Mapping[str, Any]) -> list[str]:
    found = []
    for one in summary["scenarios"].values():
        block = one["indicators"].get("covered_joint")
        if block and block["change"] is not None and abs(block["change"]) >= 0.5:
            found.append(
                f"{one['name']}: {_people(block['before'])} people in time with one joint team before, "
                f"{_people(block['after'])} after ({_signed(block['change'])})."
            )
    return found


# --- notes --------------------------------------------------------------------------------------------------


def comparison_notes(
    pair: Pair,
    found: Sequence[Change],
    summary: Mapping[str, Any],
    records: tuple[RunRecord | None, RunRecord | None],
    of_mixes: Sequence[str],
    lost: Mapping[str, str],
) -> list[str]:
    """Say what must be known to read a comparison."""
    changed = {one.part for one in found if one.changed}
    notes = ["Both sides were computed with this version of the program, so no difference comes from it."]
    notes += _versions(summary, records)
    if len(changed) > 1:
        notes.append(
            "Each part's share is what it adds on average over all orders in which the parts could have changed "
            "(Shapley value): the shares sum to the whole change."
        )
    other_map = "roads" in changed or "sources" in summary["other"]
    if changed & {"roads", "stations"} and other_map and _mapped(pair):
        what = _listed([name for name in ("roads", "stations") if name in changed])
        notes.append(
            f"The {what} come from OpenStreetMap, which grows: what is on the later map and not on the earlier one may "
            "have been there all the time. Part of the change may be better mapping, not better service; only those "
            "who know the place can tell."
        )
    if "people" in changed and _only_placed(pair, summary):
        notes.append(
            "No jurisdiction has more or fewer people than before, but they stand at other places, as where a map has "
            "got more buildings: what people did to the numbers may be better mapping too."
        )
    if "people" in changed:
        notes.append(
            "The map of differences shows both states where people live now; what moved people did is in the numbers, "
            "not in the map."
        )
    if pair.moved:
        notes.append("Positions of the earlier state were brought into the CRS of the later one.")
    before, after = (summary[side] for side in ("before", "after"))
    if before["limit_s"] != after["limit_s"] or before["standard"] != after["standard"]:
        notes.append(
            f"“In time” means {before['standard_name']} ({before['limit_s']:g} s) before and {after['standard_name']} "
            f"({after['limit_s']:g} s) after."
        )
    if before["service"] != after["service"]:
        notes.append(f"Before, the service is {before['service']}; after, {after['service']}.")
    one_side = [one["name"] for one in summary["scenarios"].values() if one["in"] != "both"]
    if one_side:
        notes.append(f"Scenarios that only one side has are not compared: {_listed(one_side)}.")
    notes += [
        f"Scenario {key} was left out, because it cannot be computed everywhere: {why}"
        for key, why in lost.items()
    ]
    if "hazards" in changed and not any(one["indicators"] for one in summary["scenarios"].values()):
        notes.append("The hazards changed, but no scenario was compared: they have no part in these numbers.")
    return [*notes, *of_mixes]


def _versions(summary: Mapping[str, Any], records: tuple[RunRecord | None, RunRecord | None]) -> list[str]:
    """Say where a record states other numbers than what is computed from its inputs now."""
    notes = []
    for side, record in zip(("before", "after"), records, strict=True):
        key = "headline.covered_joint"
        stated = None if record is None else record.indicators.get(key)
        now = summary["total"]["covered_joint"][side]
        if record is not None and stated is not None and now is not None and abs(stated - now) > 0.002:
            notes.append(
                f"The record {record.id} states {stated:,.1f} people in time with one joint team, computed by version "
                f"{record.versions.get('mutualaid', 'unknown')} of the program; computed again from its inputs it is "
                f"{now:,.1f}."
            )
    return notes


def _only_placed(pair: Pair, summary: Mapping[str, Any]) -> bool:
    """Whether each jurisdiction has as many people as before, at other places."""
    counts = [one["indicators"]["population"]["change"] for one in summary["jurisdictions"].values()]
    places = [side.demand.geometry.to_wkb() for side in (pair.before, pair.after)]
    moved = len(places[0]) != len(places[1]) or bool((places[0].to_numpy() != places[1].to_numpy()).any())
    return moved and all(change is not None and abs(change) < 0.5 for change in counts)


def _mapped(pair: Pair) -> bool:
    """Whether the map is OpenStreetMap, by its files or its sources."""
    for side in (pair.before, pair.after):
        if any(path.name.lower().endswith((".osm", ".osm.pbf")) for path in side.network_files):
            return True
        if any(
            "openstreetmap" in one.source.lower() or "osm" in one.source.lower().split()
            for one in side.sources
        ):
            return True
    return False


# --- numbers in words ---------------------------------------------------------------------------------------


def _people(value: float | None) -> str:
    if value is None:
        return "unknown"
    return "<1" if 0 < value < 0.5 else f"{value:,.0f}"


def _signed(value: float | None) -> str:
    if value is None:
        return "unknown"
    if value != 0 and abs(value) < 0.5:
        return "less than 1"
    return f"{value:+,.0f}".replace("-", "−") if round(value) else "0"


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{100 * value:.1f} %"


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
