"""What is printed of an evacuation: how long it takes, by what ways, and what the neighbours are worth."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import typer

from mutualaid.cli._formats import people, print_table, share

__all__ = ["hours", "print_evacuation", "print_evacuation_in_short"]

_LEVEL_WORDS = {"own": "own shelters and roads only", "joint": "with the neighbours'"}
_FACTOR_WORDS = {
    "planning": "roads as planned",
    "evacuation": "as at observed peaks",
    "sustained": "as observed over hours",
}


def hours(seconds: float | None) -> str:
    """Write seconds after the alarm as hours and minutes, rounded up: nobody is called out before the time.

    >>> hours(3661.0), hours(60.0), hours(None)
    ('1:02', '0:01', '–')
    """
    if seconds is None or math.isnan(seconds):
        return "–"
    if math.isinf(seconds):
        return "never"
    minutes = math.ceil(seconds / 60 - 1e-9)
    return f"{minutes // 60}:{minutes % 60:02d}"


def print_evacuation(summary: Mapping[str, Any]) -> None:
    """Print a study; all numbers come from summary.json."""
    numbers = summary["evacuation"]
    typer.echo(summary["region"]["name"])
    typer.echo(f"\nEvacuation: {numbers['name'] or 'as asked'}, {_LEVEL_WORDS[numbers['level']]}")
    for line in _lines(numbers):
        typer.echo(line)
    _print_zones(numbers)
    _print_routes(numbers)
    _print_shelters(numbers)
    _print_crossings(numbers)
    _print_bottleneck(numbers)
    _print_levels(numbers)
    _print_values(numbers)
    typer.echo("")
    for row in numbers["left"]:
        typer.echo(
            f"Left behind: {people(row['people'])} people of {_zone(numbers, row['zone'])}: {row['reason']}."
        )
    for note in numbers["notes"]:
        typer.echo(f"note: {note}")
    typer.echo("Modelled, not measured.")


def print_evacuation_in_short(summary: Mapping[str, Any]) -> None:
    """Print what an evacuation comes to in a few lines, for a run that is about more."""
    numbers = summary["evacuation"]
    typer.echo(f"\nEvacuation: {numbers['name'] or 'as asked'}")
    for line in _lines(numbers):
        typer.echo(line)
    for line in numbers["bottleneck"]["why"][:1]:
        typer.echo(line)
    levels = {row["level"]: row for row in numbers["levels"]}
    typer.echo(f"{_level(levels['own'])}; {_level(levels['joint'])}.")


def _level(row: Mapping[str, Any]) -> str:
    words = _LEVEL_WORDS[row["level"]]
    told = f"{words[0].upper()}{words[1:]}" if row["level"] == "own" else words
    return (
        f"{told}: {people(row['people_out'])} out, {_between(row)}, {people(row['people_left'])} left behind"
    )


def _lines(numbers: Mapping[str, Any]) -> Iterator[str]:
    """Say in a few lines how long it takes, how surely, and how it would go without a plan."""
    bounds, ete = numbers["bracket"], numbers["ete"]
    gap = "" if bounds["gap"] is None else f", gap {share(bounds['gap'])}"
    yield (
        f"{people(numbers['people_out'])} of {people(numbers['people'])} people get out, in "
        f"{numbers['plan']['vehicles']:,.0f} vehicles. The last arrives {_between(bounds)} after the alarm (proven for "
        f"what is assumed{gap}); the plan needs "
        f"{hours(numbers['plan']['clearance_s'])}."
    )
    yield "Out by the plan: " + _percentiles(ete["plan"]) + "."
    yield (
        f"Everybody to the nearest instead: {people(numbers['nearest_people_out'])} people out; "
        + _percentiles(ete["nearest"])
        + "."
    )


def _between(row: Mapping[str, Any]) -> str:
    if row["upper_s"] is None:
        return f"after more than {hours(row['lower_s'])}"
    return f"between {hours(row['lower_s'])} and {hours(row['upper_s'])}"


def _percentiles(times: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name.split('_')[1]}% {'never' if value is None else hours(value)}" for name, value in times.items()
    )


def _zone(numbers: Mapping[str, Any], key: str) -> str:
    return next((str(row["name"]) for row in numbers["zones"] if row["zone"] == key), key)


def _print_zones(numbers: Mapping[str, Any]) -> None:
    rows = [
        [
            row["name"], people(row["people"]), people(row["people_left"]), hours(row["first_s"]),
            hours(row["last_s"]), _or(row["ete_90_s"], "never"), _or(row["ete_100_s"], "never"),
            _or(row["nearest_ete_90_s"], "never"), _or(row["arrives_s"], "–"), _margin(row["margin_s"]),
        ]
        for row in numbers["zones"]
    ]  # fmt: skip
    typer.echo("\nZones, in hours and minutes after the alarm")
    print_table(
        ["", "people", "left", "first leaves", "last leaves", "90% out", "all out", "90% out, nearest",
         "hazard arrives", "margin"],
        rows,
    )  # fmt: skip


def _or(seconds: float | None, word: str) -> str:
    return word if seconds is None else hours(seconds)


def _margin(seconds: float | None) -> str:
    """Write a margin, rounded down: none is called larger than it is."""
    if seconds is None:
        return "nothing closes"
    minutes = math.floor(seconds / 60 + 1e-9)
    return f"{'−' if minutes < 0 else ''}{abs(minutes) // 60}:{abs(minutes) % 60:02d}"


def _print_routes(numbers: Mapping[str, Any]) -> None:
    plan = numbers["plan"]
    typer.echo(
        f"\n{plan['ways']} ways in {plan['routes']} routes of constant rate: see evacuation_cards.html and "
        "evacuation_routes.csv"
    )


def _print_shelters(numbers: Mapping[str, Any]) -> None:
    rows = [
        [
            row["name"], row["partner"] or "–", people(row["people"]),
            "without limit" if row["room"] is None else people(row["room"]), people(row["overflow"]), row["status"],
        ]
        for row in numbers["shelters"]
        if row["people"] > 0 or row["overflow"] > 0 or row["status"] != "usable"
    ]  # fmt: skip
    typer.echo("\nShelters and exits")
    print_table(
        ["", "owner", "people", "room", "turned away if all drove to the nearest", ""], rows, left=(0, 1, 5)
    )


def _print_crossings(numbers: Mapping[str, Any]) -> None:
    between = [row for row in numbers["crossings"] if row["between_partners"]]
    if not between:
        return
    rows = [
        [row["name"] or row["crossing"], row["crossing"], people(row["people"]), f"{row['vehicles']:,.0f}",
         f"{row['peak_vph']:,.0f}"]
        for row in between
    ]  # fmt: skip
    typer.echo("\nCrossings between partners that the plan uses")
    print_table(["", "id", "people", "vehicles", "most an hour"], rows, left=(0, 1))


def _print_bottleneck(numbers: Mapping[str, Any]) -> None:
    typer.echo("")
    for line in numbers["bottleneck"]["why"]:
        typer.echo(line)


def _print_levels(numbers: Mapping[str, Any]) -> None:
    rows = [
        [
            _LEVEL_WORDS[row["level"]], _bounds(row), people(row["people_out"]), people(row["people_left"]),
            people(row["overflow"]), people(row["crossing_people"]),
        ]
        for row in numbers["levels"]
    ]  # fmt: skip
    typer.echo("\nAlone and together")
    print_table(
        ["", "all out", "people out", "left", "turned away if all drove to the nearest", "cross a border"],
        rows,
    )
    if numbers["sensitivity"]:
        rows = [
            [_FACTOR_WORDS[row["factor"]], _bounds(row), f"{row['vehicles']:,.0f}"]
            for row in numbers["sensitivity"]
        ]
        typer.echo("\nBy the capacity of the roads")
        print_table(["", "all out", "vehicles out"], rows)


def _bounds(row: Mapping[str, Any]) -> str:
    if row["upper_s"] is None:
        return f"more than {hours(row['lower_s'])}"
    if row["lower_s"] is None:
        return hours(row["upper_s"])
    return f"{hours(row['lower_s'])} to {hours(row['upper_s'])}"


def _print_values(numbers: Mapping[str, Any]) -> None:
    if not numbers["measures"]:
        return
    from mutualaid.evacuation import MEASURES

    rows = [
        [
            " ".join(part for part in (MEASURES[row["kind"]], row["name"] or row["id"]) if part),
            _bounds(row), _saved(row["saved_s"]),
            "" if row["vehicles_more"] is None else f"{row['vehicles_more']:+,.0f}".replace("-", "−"),
        ]
        for row in numbers["measures"]
    ]  # fmt: skip
    typer.echo("\nWhat single measures would change")
    print_table(["", "all out", "sooner by", "vehicles out"], rows)


def _saved(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    minutes = seconds / 60
    return "0 min" if abs(minutes) < 0.5 else f"{minutes:,.0f} min".replace("-", "−")
