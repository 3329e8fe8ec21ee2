"""``mutualaid cooperation``: what partners do for each other and could, as tables to read."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import typer
from rich.console import Console

from mutualaid.cli._console import Steps, print_not_computed
from mutualaid.cli._findings import cooperation_notes
from mutualaid.cli._formats import clock, people, print_table, share
from mutualaid.cli._options import EXIT_DEFECTS, Day, Json, RegionPath, Service

if TYPE_CHECKING:
    from mutualaid.cooperation import Cooperation
    from mutualaid.coverage import Analysis
    from mutualaid.data import Agreement, Costs, Region

__all__ = ["cooperation", "measured", "region_read"]

#: Most crossings, and pairs of them, that are listed.
_CROSSINGS, _PAIRS = 10, 3
#: Tables with sentences are no wider than the terminal, and no narrower than this.
_READABLE = 120


def cooperation(
    region: RegionPath, *, service: Service = None, date: Day = None, as_json: Json = False
) -> None:
    """Print who helps whom, who depends on whom, what a fair share would be, and which delay the gain bears.

    Three levels stand side by side: each partner alone, as agreed today if an agreement is in force, and one joint
    team. Everything is computed as `mutualaid run` does; nothing is written.
    """
    from mutualaid.reports import full_summary

    changed = {name: value for name, value in (("service", service), ("date", date)) if value is not None}
    with Steps(quiet=as_json) as steps:
        analysis, found = measured(region_read(region, changed, steps), steps)
    if as_json:
        typer.echo(json.dumps({"summary": full_summary(analysis, found)}, ensure_ascii=False))
    else:
        _print_all(analysis, found)
    if analysis.not_computed:
        print_not_computed(analysis.not_computed)
        raise typer.Exit(EXIT_DEFECTS)


def region_read(region: Path, changed: Mapping[str, Any], steps: Steps) -> Region:
    """Read a region, with some parameters changed.

    Parameters
    ----------
    region
        region.toml, or the folder that holds it.
    changed
        Parameters that differ from those of region.toml.
    steps
        Is told.
    """
    from mutualaid.data import read_region, revise

    steps("Reading the region", 0.0)
    read = read_region(region)
    return replace(read, parameters=revise(read.parameters, **changed)) if changed else read


def measured(
    region: Region,
    steps: Steps,
    *,
    until: float = 1.0,
    analysed: Callable[[Region, Callable[[str, float], None]], Analysis] | None = None,
) -> tuple[Analysis, Cooperation]:
    """Compute a region, and measure the cooperation in it.

    Parameters
    ----------
    region
        What is computed.
    steps
        Is told how far it is.
    until
        Share of the whole work that this is.
    analysed
        Computes it, given the region and a call for its own progress; `mutualaid.coverage.analyse` if None.
    """
    from mutualaid.cooperation import cooperation as measure
    from mutualaid.coverage import analyse

    progress = steps.part(0.0, 0.7 * until)
    analysis = analyse(region, progress=progress) if analysed is None else analysed(region, progress)
    return analysis, measure(analysis, progress=steps.part(0.7 * until, until))


# --- all tables ----------------------------------------------------------------------------------------------


def _print_all(analysis: Analysis, found: Cooperation) -> None:
    summary = analysis.summary
    typer.echo(summary["region"]["name"])
    if summary["region"]["note"]:
        typer.echo(" ".join(summary["region"]["note"].split()))
    rule = summary["standard"]
    typer.echo(f"\nStandard: {rule['name']}: {clock(rule['limit_s'])} {rule['interval']}")
    _print_levels(found.indicators)
    _print_saved(found.indicators)
    _print_dependence(found.dependence)
    _print_reciprocity(found)
    _print_costs(analysis.region.costs, found)
    _print_break_even(found.break_even)
    _print_crossings(found)
    _print_stations(found.stations)
    _print_simultaneity(found.simultaneity)
    _print_agreements(analysis.agreements, found.summary["agreements"])
    _print_harmonisation(found.harmonisation)
    _print_sensitivity(found.sensitivity)
    _title("To be said with every number")
    for note in [*cooperation_notes(found.summary), "Modelled, not measured."]:
        typer.echo(note)


def _title(text: str) -> None:
    typer.echo(f"\n{text}")


def _levels(table: pd.DataFrame) -> list[str]:
    return [str(level) for level in table["level"].unique()]


def _by_municipality(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Rows of each jurisdiction and at last of all, by name."""
    for kind in ("jurisdiction", "all"):
        part = table[table["kind"] == kind]
        for _, rows in part.groupby("place", sort=False):
            yield str(rows["name"].iloc[0]), rows


def _print_levels(table: pd.DataFrame) -> None:
    _title("People reached in time")
    levels = _levels(table)
    busy = bool((table["expected"] != table["reached"]).any())
    rows = []
    for name, block in _by_municipality(table):
        at = block.set_index("level")
        rows.append(
            [
                name,
                people(at["population"].iloc[0]),
                people(at["own"].iloc[0]),
                *(people(at["reached"][level]) for level in levels),
                people(at["nobody"]["joint"]),
                *(people(at["expected"][level]) for level in levels if busy),
            ]
        )
    heads = ["", "people", "alone", *levels, "nobody", *(f"expected {level}" for level in levels if busy)]
    print_table(heads, rows, bold_last=True)
    typer.echo("nobody: not even the joint team comes in time")
    if busy:
        typer.echo("expected: people who find a unit free, because units are out for part of the time")


def _print_saved(table: pd.DataFrame) -> None:
    _title("Minutes saved against each alone, by those who are reached sooner")
    rows = [
        [
            name,
            str(row["level"]),
            *(clock(row[f"saved_{measure}_s"]) for measure in ("median", "p90", "mean", "max")),
            share(row["foreign_first_share"]),
        ]
        for name, block in _by_municipality(table)
        for row in block.to_dict("records")
    ]
    heads = ["", "level", "median", "nine in ten save up to", "mean", "most", "neighbour comes first to"]
    print_table(heads, rows, left=(0, 1))


def _print_dependence(table: pd.DataFrame) -> None:
    _title("Who depends on a neighbour, of the people in time")
    rows = [
        [
            name,
            str(row["level"]),
            people(row["covered"]),
            people(row["depends"]),
            share(row["share"]),
            str(row["on"]).replace(";", ", "),
        ]
        for name, block in _by_municipality(table)
        for row in block.to_dict("records")
    ]
    print_table(["", "level", "in time", "depend", "share", "on"], rows, left=(0, 1, 5))


def _print_reciprocity(found: Cooperation) -> None:
    """Print a matrix for each level, in people and, where they are known, in incidents a year."""
    for level in _levels(found.reciprocity):
        rows = found.reciprocity[found.reciprocity["level"] == level]
        balance = found.balance[found.balance["level"] == level].set_index("partner")
        for measure, before, what in (
            ("people", "", "People"),
            ("incidents", "incidents_", "Incidents a year"),
        ):
            if rows[measure].isna().all():
                continue
            matrix = rows.pivot_table(index="helper", columns="host", values=measure, aggfunc="sum")
            matrix = matrix.reindex(index=balance.index, columns=balance.index)
            _title(f"{what} by whose unit comes first (rows) and where they live (columns), {level}")
            print_table(
                ["", *map(str, matrix.columns), "gives", "takes", "balance", "symmetry"],
                [
                    [
                        str(name),
                        *(people(0.0 if math.isnan(value) else value) for value in matrix.loc[name]),
                        people(balance[f"{before}gives"][name]),
                        people(balance[f"{before}takes"][name]),
                        _signed(balance[f"{before}balance"][name]),
                        _number(balance[f"{before}symmetry"][name], "{:.2f}"),
                    ]
                    for name in matrix.index
                ],
            )
    typer.echo("symmetry: 1 gives as much as it takes, 0 goes one way only")


def _print_costs(costs: Costs, found: Cooperation) -> None:
    from mutualaid.cooperation import SHARE_RULES

    _title("Shares of a joint budget, by rule")
    if costs.budget is None:
        typer.echo("no budget is stated: [cost] in region.toml")
    else:
        of = f", {costs.source}" if costs.source else ""
        typer.echo(
            f"budget {f'{costs.budget:,.0f} {costs.currency}'.strip()} a year ({costs.confidence}{of})"
        )
    shares, budget = found.shares, math.nan if costs.budget is None else costs.budget
    digits = len(_number(budget, "{:,.0f}"))
    rows = [
        [
            rule.replace("_", " "),
            *(f"{share(part):>4}  {_number(part * budget, '{:,.0f}'):>{digits}}" for part in shares[rule]),
        ]
        for rule in SHARE_RULES
    ]
    alone = [f"{costs.alone[str(name)]:,.0f}" if name in costs.alone else "–" for name in shares.index]
    print_table(["", *map(str, shares.index)], [*rows, ["would pay alone", *alone]])
    for rule, words in SHARE_RULES.items():
        typer.echo(f"{rule.replace('_', ' ')}: {words}")
        typer.echo(f"  {'; '.join(_walks_out(found.core.loc[rule].to_dict(), costs.currency))}")
    typer.echo("in people: a share read as a claim on the people reached jointly, not as a bill")


def _walks_out(row: Mapping[Any, Any], currency: str) -> Iterator[str]:
    """Say who would be better off without the others, in money and in people."""
    for unit in ("money", "people"):
        out, excess = row[f"{unit}_walks_out"], row[f"{unit}_excess"]
        who = str(row[f"{unit}_coalition"]).replace(";", ", ")
        if pd.isna(out):
            yield f"in {unit}, who would walk out is not known"
        elif not out:
            yield f"in {unit}, nobody would walk out"
        elif unit == "money":
            amount = f"{excess:,.0f} {currency}".strip()
            yield f"in money, {who} would walk out: {amount} more to pay than alone"
        else:
            yield f"in people, {who} would walk out: credited with {people(excess)} fewer than are reached alone"


def _print_break_even(table: pd.DataFrame) -> None:
    _title("What a joint team gains if a neighbour's unit loses time until it is alerted or at the border")
    left = [str(name) for name in table.columns if str(name).startswith("left_")]
    rows = [
        [
            name,
            people(block["gain"].iloc[0]),
            clock(block["half_s"].iloc[0]),
            clock(block["break_even_s"].iloc[0]),
            *(people(block[column].iloc[0]) for column in left),
        ]
        for name, block in _by_municipality(table)
    ]
    after = [f"after {int(column.removeprefix('left_')) // 60} min" for column in left]
    print_table(["", "without delay", "half until", "some until", *after], rows, bold_last=True)


def _print_crossings(found: Cooperation) -> None:
    _title("What hangs on each crossing: people no longer in time if it closes")
    table = found.crossings
    lost = [str(name) for name in ("lost_agreed", "lost_joint") if name in table]
    most = table[lost].max(axis=1)
    chosen = table.loc[most[most > 0].sort_values(ascending=False, kind="stable").index]
    rows = [
        [
            str(row["name"]),
            *(people(row[name]) for name in lost),
            people(row["later_population"]),
            clock(row["later_s"]),
            clock(row["break_even_s"]),
        ]
        for row in chosen.iloc[:_CROSSINGS].to_dict("records")
    ]
    if rows:
        heads = ["", *(name.removeprefix("lost_") for name in lost), "later", "by", "bears a delay of"]
        print_table(heads, rows)
        typer.echo("later: people still in time jointly, but later; delays are of the joint team")
    typer.echo(_others(len(chosen), len(table)))
    for pair in found.crossing_pairs[found.crossing_pairs["beyond"] >= 1].iloc[:_PAIRS].to_dict("records"):
        a, b = (table["name"][pair[side]] for side in ("a", "b"))
        typer.echo(
            f"If {a} and {b} close together, {people(pair['lost_joint'])} people lose timely help of the joint team, "
            f"{people(pair['beyond'])} of them only because both are closed."
        )


def _others(listed: int, total: int) -> str:
    if not total:
        return "There is no crossing between two partners."
    more = f"{listed - _CROSSINGS} more cost somebody timely help. " if listed > _CROSSINGS else ""
    return f"{more}{total - listed} of {total} crossings between partners can close one by one without that."


def _print_stations(table: pd.DataFrame) -> None:
    _title("If a station is out: people in time by it only")
    only = [str(name) for name in table.columns if str(name).startswith("only_")]
    rows = [
        [
            str(row["name"]),
            str(row["partner"]),
            _number(row["units"], "{:.0f}"),
            *(people(row[name]) for name in only),
        ]
        for row in table.sort_values("only_joint", ascending=False, kind="stable").to_dict("records")
    ]
    heads = ["", "partner", "units", *(name.removeprefix("only_") for name in only)]
    print_table(heads, rows, left=(0, 1))


def _print_simultaneity(table: pd.DataFrame) -> None:
    if not len(table):
        return
    _title("What help brings when one hazard strikes all partners at once: people in time, and not alone")
    rows = [
        [
            str(row["name"]),
            str(row["level"]),
            *(
                people(row[name])
                for name in ("fair_benefit", "hazard_benefit", "fair_expected", "hazard_expected")
            ),
        ]
        for row in table.to_dict("records")
    ]
    heads = [
        "",
        "level",
        "fair weather",
        "under the hazard",
        "expected, fair weather",
        "expected, under the hazard",
    ]
    print_table(heads, rows, left=(0, 1))
    typer.echo("expected: with units busy for part of the time, as agreements and [parameters] say")


def _print_agreements(agreements: Sequence[Agreement], told: Sequence[Mapping[str, Any]]) -> None:
    _title("Agreements in force")
    for one, said in zip(agreements, told, strict=True):
        typer.echo(f"{one.id}: {one.name}" if one.name else one.id)
        if one.source:
            typer.echo(f"source, where no other is named: {one.source}")
        rows = [
            [
                _words(name),
                _told(name, parameter["value"]),
                parameter["confidence"],
                one.sources.get(name, ""),
            ]
            for name, parameter in said["parameters"].items()
        ]
        print_table(["", "", "confidence", "source"], rows, left=range(4), width=_width())
        for item in said["crossing"]:
            words = [
                f"{_words(key)} {_told(key, value)}" for key, value in item.items() if value not in (None, [])
            ]
            typer.echo(f"at a crossing: {', '.join(words)}")
    if not agreements:
        typer.echo("none")


def _words(name: str) -> str:
    return name.removesuffix("_s").replace("_", " ")


#: What a parameter of an agreement means that is empty.
_EMPTY: Mapping[str, str] = {
    "helpers": "all parties",
    "services": "all",
    "valid_from": "open",
    "valid_to": "open",
    "crossing_delay_s": "as in [parameters]",
    "crossings": "all public roads",
    "strip_km": "no limit",
    "excluded_pairs": "none",
    "availability_hazard": "as availability",
}


def _told(name: str, value: Any) -> str:
    """Write the value of a parameter of an agreement as people say it."""
    if value in (None, "", []):
        return _EMPTY.get(name, "–")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(" to ".join(one) if isinstance(one, list) else str(one) for one in value)
    if name.endswith("_s"):
        return f"{clock(value)} min"
    return f"{value:g}" if isinstance(value, float) else str(value).replace("_", " ")


def _print_harmonisation(table: pd.DataFrame) -> None:
    _title("Which attributes can be compared: share of each partner's rows that state it")
    partners = [str(name) for name in table.columns.drop(["table", "attribute", "comparable", "note"])]
    rows = [
        [
            f"{row['table']} {row['attribute']}",
            *(share(row[name]) for name in partners),
            "yes" if row["comparable"] else "no",
            row["note"],
        ]
        for row in table.to_dict("records")
    ]
    heads = ["", *partners, "comparable", ""]
    print_table(heads, rows, left=(0, len(heads) - 2, len(heads) - 1))


def _print_sensitivity(table: pd.DataFrame) -> None:
    _title("Findings that flip within the range of what is assumed")
    flips = table[table["finding"] != ""]
    rows = [
        [
            str(row["parameter"]),
            f"{_value(row, 'low')} to {_value(row, 'high')}",
            str(row["finding"]),
            "true" if row["base"] else "false",
            _value(row, "flips_at"),
        ]
        for row in flips.to_dict("records")
    ]
    if rows:
        print_table(["assumption", "range", "finding", "is", "flips at"], rows, left=range(5), width=_width())
    if still := list(table.loc[table["finding"] == "", "parameter"]):
        typer.echo(f"Nothing flips with: {'; '.join(still)}.")


def _value(row: Mapping[Any, Any], name: str) -> str:
    """Write a value of what is swept: seconds as minutes, all else as it is."""
    text = str(row[name])
    seconds = str(row["parameter"]).endswith("_s") and re.fullmatch(r"[\d.]+", text)
    return clock(float(text)) if seconds else text.replace("_", " ")


# --- helpers -------------------------------------------------------------------------------------------------


def _width() -> int:
    return max(_READABLE, Console().width)


def _number(value: float, shape: str) -> str:
    return "–" if math.isnan(value) else shape.format(value)


def _signed(value: float) -> str:
    return ("+" if value > 0 else "−" if value < 0 else "") + people(abs(value))
