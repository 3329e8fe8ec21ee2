"""What the command line prints: results on standard output, progress and errors on standard error."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from mutualaid.cli._findings import print_cooperation, print_hazards
from mutualaid.cli._formats import clock, people, print_table, share
from mutualaid.data import Region
from mutualaid.errors import Defect

__all__ = [
    "Steps",
    "print_defects",
    "print_files",
    "print_not_computed",
    "print_region",
    "print_standards",
    "print_summary",
    "say",
]


class Steps:
    """A progress bar on standard error; call it with a step in words and the share done.

    Without a terminal nothing is drawn, so that logs stay readable.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=quiet or not console.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bar.start()
        self._task = self._bar.add_task("", total=1.0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def __call__(self, step: str, share: float) -> None:
        """Show `step` at `share` (0…1) of the whole."""
        if self._task is not None:
            self._bar.update(self._task, description=step, completed=share)

    def part(self, start: float, end: float) -> Callable[[str, float], None]:
        """Give a call for work whose own shares 0…1 lie between two shares of the whole."""
        return lambda step, share: self(step, start + (end - start) * share)


def say(text: str) -> None:
    """Print to standard error, as it is: text from data is never read as markup."""
    typer.echo(text, err=True)


def print_defects(
    defects: Iterable[Defect], *, as_json: bool, consequence: str = "nothing was written"
) -> None:
    """Print each defect with its remedy; as JSON on standard output for machines."""
    defects = list(defects)
    if as_json:
        typer.echo(json.dumps({"defects": [asdict(defect) for defect in defects]}, ensure_ascii=False))
        return
    for defect in defects:
        say(str(defect))
    say(f"{len(defects)} {'defect' if len(defects) == 1 else 'defects'}; {consequence}.")


def print_not_computed(defects: Iterable[Defect]) -> None:
    """Print why layers or scenarios were left out of a run whose other results are written."""
    defects = list(defects)
    say("")
    for defect in defects:
        say(str(defect))
    count = f"{len(defects)} {'defect' if len(defects) == 1 else 'defects'}"
    say(f"{count} in hazard layers or scenarios: what does not need them is written.")


def print_files(files: Mapping[str, Path]) -> None:
    """Print where the results are, the map first."""
    typer.echo("")
    for path in files.values():
        typer.echo(str(path))


def print_region(region: Region, *, as_json: bool) -> None:
    """Print what a new region holds, and what its maker should look at before trusting it."""
    record = json.loads((region.folder / "import.json").read_text(encoding="utf-8"))
    people = float(region.demand["population"].sum())
    if as_json:
        content = {
            "region": region.name,
            "folder": str(region.folder),
            "jurisdictions": len(region.jurisdictions),
            "stations": len(region.stations),
            "population": round(people),
            "demand": len(region.demand),
            "notes": record["notes"],
        }
        typer.echo(json.dumps(content, ensure_ascii=False))
        return
    typer.echo(
        f"{region.name}: {len(region.jurisdictions)} jurisdictions, {len(region.stations)} stations, "
        f"{people:,.0f} people in {len(region.demand):,} demand points"
    )
    for note in record["notes"]:
        typer.echo(f"  note: {note}")
    typer.echo(f"Check the stations in {region.folder}, then: mutualaid run {region.folder}")


def print_standards(rows: pd.DataFrame) -> None:
    """Print the table of standards and the sources they are read from."""
    table = [
        (
            str(key), str(row["name"]), str(row["service"]), f"{row['start']}–{row['end']}", clock(row["limit_s"]),
            "" if pd.isna(row["share"]) else f"{row['share']:.0%}",
        )
        for key, row in rows.iterrows()
    ]  # fmt: skip
    print_table(("id", "name", "service", "interval", "limit", "share"), table, left=range(4))
    typer.echo(
        "\nt0 call received, t1 answered, t2 crew alerted, t3 wheels rolling, t4 first unit arrives, t5 full force."
        "\nSources:"
    )
    for source, group in rows.groupby("source", sort=True):
        typer.echo(f"  {source}: {', '.join(map(str, group.index))}")


def print_summary(summary: Mapping[str, Any]) -> None:
    """Print the numbers a planner reads first; all of them come from summary.json."""
    common, head = summary["common"], summary["headline"]
    levels = [level for level in ("alone", "agreed", "joint") if level in common["total"]]
    rows = [_row(block["name"], block, levels) for block in common["jurisdictions"].values()]
    typer.echo(summary["region"]["name"])
    if summary["region"]["note"]:
        typer.echo(" ".join(summary["region"]["note"].split()))
    rule = summary["standard"]
    typer.echo(f"\nStandard: {rule['name']}: {clock(rule['limit_s'])} {rule['interval']}\n")
    print_table(
        ("reached within the standard", "people", *levels, "closed by joint", "left"),
        [*rows, _row("all", common["total"], levels)],
        bold_last=True,
    )
    _print_caveats(summary)
    if "cooperation" in summary:
        print_cooperation(summary)
    if "hazards" in summary:
        print_hazards(summary["hazards"])
    typer.echo(
        f"\nA joint team reaches {people(head['closed_by_joint'])} people more in time; "
        f"{people(head['remaining'])} stay without timely help. Modelled, not measured."
    )


def _print_caveats(summary: Mapping[str, Any]) -> None:
    """Say what decides the numbers above and is easily overlooked."""
    stations, head, local = summary["stations"], summary["headline"], summary["local"]["total"]
    notes = []
    if stations["turnout_assumed"]:
        notes.append(
            f"The turnout of {stations['turnout_assumed']} of {stations['count']} stations is assumed."
        )
    if head["unreachable"]:
        notes.append(f"Of those left, {head['unreachable']:,.0f} live on no road that the vehicle may take.")
    if head["population_unknown"]:
        notes.append(f"Population unknown, nobody counted: {', '.join(head['population_unknown'])}.")
    if set(summary["local_standards"].values()) != {summary["standard"]["id"]}:
        notes.append(
            f"By the standard of each jurisdiction: alone {share(local['alone']['covered_share'])}, "
            f"joint {share(local['joint']['covered_share'])}."
        )
    if notes:
        typer.echo("\n" + "\n".join(notes))


def _row(name: str, block: Mapping[str, Any], levels: Iterable[str]) -> list[str]:
    return [
        name,
        "unknown" if block["population"] is None else people(block["population"]),
        *(share(block[level]["covered_share"]) for level in levels),
        people(block["closed_by_joint"]),
        people(block["remaining"]),
    ]
