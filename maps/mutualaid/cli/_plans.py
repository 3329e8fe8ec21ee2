"""What is printed of a siting study: the plan, what it is worth to whom, and what else would be nearly as good."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import typer

from mutualaid.cli._formats import clock, people, print_table, share

__all__ = ["print_plan", "print_plan_in_short"]

#: Who comes at each level.
_LEVEL_WORDS: Mapping[str, str] = {
    "alone": "each partner alone",
    "agreed": "as agreed today",
    "joint": "one joint team",
}
_RULE_WORDS = {
    "expected": "on average over",
    "worst": "in the worst of",
    "regret": "with the least regret over",
    "cvar": "on average over the worst part of",
}
_FAIR = "fair weather"


def print_plan(summary: Mapping[str, Any]) -> None:
    """Print a study; all numbers come from summary.json."""
    from mutualaid.siting import MODELS

    numbers, rule = summary["siting"], summary["standard"]
    typer.echo(summary["region"]["name"])
    typer.echo(f"\nWhere to build: {MODELS[numbers['model']]}, {_LEVEL_WORDS[numbers['level']]}")
    typer.echo(
        f"Standard: {rule['name']}: {clock(rule['limit_s'])} {rule['interval']}; {_asked(numbers, summary)}"
    )
    _print_sites(numbers, summary)
    for line in _lines(summary):
        typer.echo(line)
    _print_gains(numbers, summary)
    _print_plans(numbers)
    _print_curve(numbers)
    _print_separate(numbers)
    typer.echo("")
    if nobody := numbers["unreached"]["jurisdictions"]:
        told = ", ".join(f"{row['name']} ({people(row['people'])})" for row in nobody)
        typer.echo(f"Reached by no site, even if all were open: {told}.")
    for note in numbers["notes"]:
        typer.echo(f"note: {note}")
    typer.echo("Modelled, not measured.")


def print_plan_in_short(summary: Mapping[str, Any]) -> None:
    """Print what a plan is worth in a few lines, for a run that is about more than siting."""
    typer.echo("")
    for line in _lines(summary):
        typer.echo(line)
    plan = summary["siting"]["plan"]
    for note in summary["siting"]["notes"]:
        if any(f"{name} " in note for name in plan["opened"]):
            typer.echo(f"note: {note}")


def _lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """Say in a few lines what the plan is worth, how surely it is the best, and what not cooperating would cost."""
    numbers = summary["siting"]
    everybody = next(row for row in numbers["gains"] if row["kind"] == "all" and row["weather"] == "")
    plan, names = numbers["plan"], {row["site"]: row["text"] for row in numbers["sites"]}
    changes = [f"{names[one]} ({one})" for one in plan["opened"]]
    yield (
        f"{_stations(len(plan['opened']))} would bring {people(everybody['gained'])} people more in time, "
        f"{people(everybody['after'])} of {people(everybody['population'])}: {'; '.join(changes) or 'none'}."
    )
    first = [row for row in numbers["curve"] if row["added"] == 1 < len(plan["opened"])]
    for row in first:
        yield f"One alone would bring {people(row['people'] - numbers['curve'][0]['people'])}."
    if plan["closed"]:
        yield f"Closed for it: {', '.join(names[one] for one in plan['closed'])}."
    if plan["status"] == "optimal":
        yield f"Proven: no other choice among the {numbers['candidates']:,} sites looked at is better."
    else:
        gap = "unknown" if plan["gap"] is None else share(plan["gap"])
        yield f"The best plan found in the time given; a better one is better by no more than {gap}."
    if (joint := numbers.get("separate")) and joint["price_people"] is not None:
        yield (
            f"As many, sited and served by each partner alone, leave {people(joint['price_people'])} people more "
            f"without timely help: {people(joint['price_siting'])} by siting apart, {people(joint['price_serving'])} "
            "by serving apart."
        )


def _stations(count: int) -> str:
    return f"{count} new station" + ("" if count == 1 else "s")


def _asked(numbers: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    """Say which weathers count, and how."""
    names = [_weather(key, summary) for key in numbers["weather"]]
    return names[0] if len(names) == 1 else f"{_RULE_WORDS[numbers['rule']]} {', '.join(names)}"


def _weather(key: str, summary: Mapping[str, Any]) -> str:
    return str(summary["hazards"]["scenarios"][key]["name"]) if key else _FAIR


def _print_sites(numbers: Mapping[str, Any], summary: Mapping[str, Any]) -> None:
    """Print each site of the plan, with what it adds for the people of each partner."""
    partners = [row["id"] for row in numbers["gains"] if row["kind"] == "partner" and row["weather"] == ""]
    priced = any(row["cost"] != 1 for row in numbers["sites"])
    rows = [
        [
            row["site"],
            row["change"],
            row["text"],
            row["partner"],
            people(row["people_added"]),
            *(people(row[f"people_added_{name}"]) for name in partners),
            people(row["people_first"]),
            *([f"{row['cost']:,.0f}"] if priced else []),
            f"{round(row['in_plans'] * len(numbers['plans']))} of {len(numbers['plans'])}",
            _hazard(row, summary),
        ]
        for row in numbers["sites"]
        if row["in_plan"]
    ]
    heads = [
        "site",
        "",
        "where",
        "owner",
        "adds",
        *(f"people of {name}" for name in partners),
        "comes first to",
    ]
    typer.echo("")
    print_table(
        [*heads, *(["cost"] if priced else []), "in plans", "hazard there"],
        rows,
        left=(0, 1, 2, 3, len(heads) + priced + 1),
    )
    typer.echo("adds: people in time who would not be without this site, the rest of the plan standing\n")


def _hazard(row: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    out = [_weather(key, summary) for key in row["out_in"].split(";") if key]
    told = (
        "unknown"
        if row["severity"] is None
        else "none"
        if row["severity"] == 0
        else f"severity {row['severity']}"
    )
    return told + (f"; out in {', '.join(out)}" if out else "")


def _print_gains(numbers: Mapping[str, Any], summary: Mapping[str, Any]) -> None:
    rows = []
    for key in dict.fromkeys(row["weather"] for row in numbers["gains"]):
        for kind in ("jurisdiction", "all"):
            rows += [
                [
                    _weather(key, summary),
                    row["name"],
                    people(row["population"]),
                    people(row["before"]),
                    people(row["after"]),
                    people(row["gained"]) if row["gained"] >= 0 else f"−{people(-row['gained'])}",
                    clock(row["mean_before_s"]),
                    clock(row["mean_after_s"]),
                ]
                for row in numbers["gains"]
                if row["kind"] == kind and row["weather"] == key
            ]
    typer.echo("\nPeople in time today and with the plan")
    print_table(
        ["", "", "people", "today", "with it", "gained", "mean today", "mean with it"], rows, left=(0, 1)
    )


def _print_plans(numbers: Mapping[str, Any]) -> None:
    if len(numbers["plans"]) < 2:
        return
    best = numbers["plans"][0]["value"]
    rows = [
        [
            str(number),
            f"{plan['value']:,.0f}",
            f"{plan['value'] - best:+,.0f}".replace("-", "−") if number > 1 else "",
            ", ".join(plan["opened"]) or "–",
            ", ".join(plan["closed"]) or "–",
        ]
        for number, plan in enumerate(numbers["plans"], start=1)
    ]
    typer.echo("\nPlans that are nearly as good")
    print_table(["", "value", "against the best", "opens", "closes"], rows, left=(0, 3, 4))
    texts = {row["site"]: row["text"] for row in numbers["sites"] if not row["in_plan"]}
    for name, text in texts.items():
        typer.echo(f"  {name}: {text}")


def _print_curve(numbers: Mapping[str, Any]) -> None:
    for key, title in (("curve", "By number of new stations"), ("cost_curve", "By money")):
        if len(numbers[key]) < 2:
            continue
        rows = [
            [
                str(row["added"]) if key == "curve" else f"{row['cost']:,.0f}",
                people(row["people"]),
                clock(row["mean_s"]),
                "proven" if row["status"] == "optimal" else f"at most {people(row['bound'])}",
            ]
            for row in numbers[key]
        ]
        typer.echo(f"\n{title}")
        print_table(
            ["stations" if key == "curve" else "cost", "people in time", "mean time", ""], rows, left=(3,)
        )


def _print_separate(numbers: Mapping[str, Any]) -> None:
    joint = numbers.get("separate")
    if joint is None:
        return
    rows = [
        [
            row["partner"],
            f"{row['budget']:,.0f}",
            *(people(row[name]) for name in ("today_alone", "separate", "separate_joint", "joint")),
        ]
        for row in joint["partners"]
    ]
    typer.echo("\nAs many new stations, or as much money, sited and served by each alone and together")
    print_table(
        [
            "",
            joint["unit"],
            "alone today",
            "sited and served alone",
            "sited alone, served together",
            "together",
        ],
        rows,
    )
    if joint["needed"] is not None:
        typer.echo(
            f"Sited and served together, {joint['needed']:,.0f} reach as many people as {joint['spent']:,.0f} apart."
        )
    for note in joint["notes"]:
        typer.echo(f"note: {note}")
