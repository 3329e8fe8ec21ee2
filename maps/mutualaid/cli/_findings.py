"""What a run prints below its table: who depends on whom, what each hazard leaves, and what must be said with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import typer

from mutualaid.cli._formats import clock, people, print_table, share

__all__ = ["cooperation_notes", "print_cooperation", "print_hazards"]

#: Most municipalities that are named.
_NAMED = 4


def print_cooperation(summary: Mapping[str, Any]) -> None:
    """Print in a few lines what agreements bring, who depends on whom, and which delay the gain bears."""
    lines = [
        *_gained(summary["headline"]),
        *_depends(summary["cooperation"]),
        *_bears(summary["cooperation"]),
    ]
    typer.echo("")
    for line in lines:
        typer.echo(line)
    for note in cooperation_notes(summary["cooperation"]):
        typer.echo(f"note: {note}")


def _gained(head: Mapping[str, Any]) -> Iterator[str]:
    if "closed_by_agreed" in head:
        agreed, joint = head["closed_by_agreed"], head["closed_by_joint"]
        beside = f"{share(agreed / joint)} of the" if 0 < agreed <= joint else "beside the"
        yield (
            f"Today's agreements reach {people(agreed)} people more in time than each alone: {beside} {people(joint)} "
            "of a joint team."
        )


def _depends(numbers: Mapping[str, Any]) -> Iterator[str]:
    rows = [row for row in numbers["dependence"] if row["level"] == "joint" and row["depends"] > 0]
    total = [row for row in rows if row["kind"] == "all"]
    places = sorted((row for row in rows if row["kind"] == "jurisdiction"), key=lambda row: -row["depends"])
    named: dict[str, list[str]] = {}
    for row in places[:_NAMED]:
        named.setdefault(row["on"].replace(";", ", "), []).append(f"{row['name']} ({share(row['share'])})")
    told = "; ".join(f"on {helpers} in {', '.join(where)}" for helpers, where in named.items())
    more = f"; and {len(places) - _NAMED} more places" if len(places) > _NAMED else ""
    for row in total:
        yield f"{share(row['share'])} of the people in time jointly depend on a neighbour: {told}{more}."


def _bears(numbers: Mapping[str, Any]) -> Iterator[str]:
    total = numbers["break_even"][0]
    if total["break_even_s"] is not None:
        yield (
            f"If a neighbour's unit loses {clock(total['half_s'])} min until it is alerted or at the border, half of "
            f"the gain is left; beyond {clock(total['break_even_s'])} min, nothing."
        )


def cooperation_notes(numbers: Mapping[str, Any]) -> list[str]:
    """Give what must be said with every number about agreements."""
    said = [f"Agreement {one['id']}: {one['note']}" for one in numbers["agreements"] if one["note"]]
    return [*said, *numbers["notes"]]


# --- hazards -------------------------------------------------------------------------------------------------


def print_hazards(hazards: Mapping[str, Any]) -> None:
    """Print what each scenario leaves, and how far neighbours contradict each other."""
    if hazards["scenarios"]:
        _print_scenarios(hazards["scenarios"].values())
    for risk in hazards["risks"].values():
        lost = {
            row["level"]: row["total"]
            for row in risk["table"]
            if not row["jurisdiction"] and row["measure"] == "people"
        }
        typer.echo(
            f"{risk['name']}, in an average year: {people(lost['alone'])} people lose timely help of their own "
            f"service, and {people(lost['joint'])} that of a joint team, which reaches more of them in fair weather "
            f"({risk['tail']}; more frequent: {risk['frequent']})."
        )
        for finding in risk["findings"]:
            typer.echo(f"  note: {finding}")
    if hazards["seams"]:
        total_km = sum(seam["length_m"] for seam in hazards["seams"]) / 1000
        count = len(hazards["seams"])
        typer.echo(
            f"Neighbours contradict each other along {total_km:,.1f} km of border, each hazard and return period by "
            f"itself, in {count} {'place' if count == 1 else 'places'}: seams.csv."
        )


def _print_scenarios(scenarios: Any) -> None:
    blocks = list(scenarios)
    levels = [level for level in ("alone", "agreed", "joint") if level in blocks[0]["total"]]
    typer.echo("")
    print_table(
        (
            "under a hazard", *levels, "joint only", "lost to all", "isolated", "unknown", "km closed", "stations out",
        ),
        [_scenario_row(block, levels) for block in blocks],
    )  # fmt: skip
    typer.echo(
        "unknown: people at whose place nobody knows the hazard; stations out: in the hazard, or cut off"
    )
    if any(block["derived"] for block in blocks):
        typer.echo("* from derived layers: illustrative, not official")
    for block in blocks:
        if chance := block.get("chance"):
            reached = ", ".join(
                f"{people(chance[level]['people'])} ± {people(chance[level]['error'])} {level}"
                for level in levels
            )
            typer.echo(
                f"{block['name']}: with closures by chance {reached} are reached in time ({chance['draws']} draws); "
                "the row above counts roads that are certainly closed alone."
            )


def _scenario_row(block: Mapping[str, Any], levels: list[str]) -> list[str]:
    total, by_class = block["total"], block["people_by_severity"]
    lived = total["population"]
    numbers = (
        total["joint"] - total["alone"],
        total["lost_joint"],
        total["isolated"],
        by_class.get("unknown", 0.0) + by_class.get("outside", 0.0),
        block["roads_km"]["closed"],
    )
    return [
        block["name"] + (" *" if block["derived"] else ""),
        *(share(total[level] / lived if lived else None) for level in levels),
        *(f"{number:,.0f}" for number in numbers),
        str(len(block["stations"]["out"]) + block["stations"]["cut_off"]),
    ]
