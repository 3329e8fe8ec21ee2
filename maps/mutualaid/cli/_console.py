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
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

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
    table = Table(box=None, pad_edge=False)
    for column in ("id", "name", "service", "interval", "limit", "share"):
        table.add_column(column, justify="right" if column in ("limit", "share") else "left", no_wrap=True)
    for key, row in rows.iterrows():
        share = "" if pd.isna(row["share"]) else f"{row['share']:.0%}"
        interval = f"{row['start']}–{row['end']}"
        table.add_row(
            str(key), str(row["name"]), str(row["service"]), interval, _clock(row["limit_s"]), share
        )
    # narrower than this, rich cuts ids short, and an id is there to be copied
    Console(highlight=False, width=max(110, Console().width)).print(table)
    typer.echo(
        "\nt0 call received, t1 answered, t2 crew alerted, t3 wheels rolling, t4 first unit arrives, t5 full force."
        "\nSources:"
    )
    for source, group in rows.groupby("source", sort=True):
        typer.echo(f"  {source}: {', '.join(map(str, group.index))}")


def print_summary(summary: Mapping[str, Any]) -> None:
    """Print the numbers a planner reads first; all of them come from summary.json."""
    common, head = summary["common"], summary["headline"]
    table = Table(box=None, pad_edge=False)
    table.add_column("reached within the standard")
    for column in ("people", "alone", "joint", "closed by joint", "left"):
        table.add_column(column, justify="right")
    for block in common["jurisdictions"].values():
        table.add_row(*_row(block["name"], block))
    table.add_row(*_row("all", common["total"]), style="bold")
    echo = Console(markup=False, highlight=False, soft_wrap=True).print
    echo(summary["region"]["name"])
    if summary["region"]["note"]:
        echo(" ".join(summary["region"]["note"].split()))
    rule = summary["standard"]
    echo(f"\nStandard: {rule['name']}: {_clock(rule['limit_s'])} {rule['interval']}\n")
    Console(highlight=False).print(table)
    _print_caveats(summary, echo)
    if "hazards" in summary:
        _print_hazards(summary["hazards"], echo)
    echo(
        f"\nA joint team reaches {head['closed_by_joint']:,.0f} people more in time; "
        f"{head['remaining']:,.0f} stay without timely help. Modelled, not measured."
    )


def _print_caveats(summary: Mapping[str, Any], echo: Callable[[str], None]) -> None:
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
            f"By the standard of each jurisdiction: alone {_share(local['alone']['covered_share'])}, "
            f"joint {_share(local['joint']['covered_share'])}."
        )
    if notes:
        echo("\n" + "\n".join(notes))


def _print_hazards(hazards: Mapping[str, Any], echo: Callable[[str], None]) -> None:
    """Print what each scenario leaves, and how far neighbours contradict each other."""
    scenarios = hazards["scenarios"].values()
    by_chance: list[str] = []
    if scenarios:
        table = Table(box=None, pad_edge=False)
        table.add_column("under a hazard", no_wrap=True)
        heads = (
            "alone",
            "joint",
            "joint only",
            "lost to all",
            "isolated",
            "unknown",
            "km closed",
            "stations out",
        )
        for column in heads:
            table.add_column(column, justify="right")
        for block in scenarios:
            total = block["total"]
            people, only = total["population"], total["joint"] - total["alone"]
            if chance := block.get("chance"):
                reached = ", ".join(
                    f"{chance[level]['people']:,.0f} ± {chance[level]['error']:,.0f} {level}"
                    for level in ("alone", "joint")
                )
                by_chance.append(
                    f"{block['name']}: with closures by chance {reached} are reached in time ({chance['draws']} "
                    "draws); the row above counts roads that are certainly closed alone."
                )
            shares = (_share(total[level] / people if people else None) for level in ("alone", "joint"))
            by_class = block["people_by_severity"]
            unknown = by_class.get("unknown", 0.0) + by_class.get("outside", 0.0)
            numbers = (only, total["lost_joint"], total["isolated"], unknown, block["roads_km"]["closed"])
            counts = (f"{number:,.0f}" for number in numbers)
            out = len(block["stations"]["out"]) + block["stations"]["cut_off"]
            name = block["name"] + (" *" if block["derived"] else "")
            table.add_row(escape(name), *shares, *counts, str(out))
        echo("")
        Console(highlight=False, width=max(140, Console().width)).print(table)
    if scenarios:
        echo(
            "unknown: people at whose place nobody knows the hazard; stations out: in the hazard, or cut off"
        )
    if any(block["derived"] for block in scenarios):
        echo("* from derived layers: illustrative, not official")
    for line in by_chance:
        echo(line)
    for risk in hazards["risks"].values():
        people = {
            row["level"]: row["total"]
            for row in risk["table"]
            if not row["jurisdiction"] and row["measure"] == "people"
        }
        echo(
            f"{risk['name']}, in an average year: {people['alone']:,.0f} people lose timely help of their own "
            f"service, and {people['joint']:,.0f} that of a joint team, which reaches more of them in fair weather "
            f"({risk['tail']}; more frequent: {risk['frequent']})."
        )
        for finding in risk["findings"]:
            echo(f"  note: {finding}")
    if hazards["seams"]:
        total_km = sum(seam["length_m"] for seam in hazards["seams"]) / 1000
        count = len(hazards["seams"])
        echo(
            f"Neighbours contradict each other along {total_km:,.1f} km of border, each hazard and return period by "
            f"itself, in {count} {'place' if count == 1 else 'places'}: seams.csv."
        )


def _row(name: str, block: Mapping[str, Any]) -> list[str]:
    return [
        # markup is off only where plain text is printed: a table cell would read "[bold]" in a name as markup
        escape(name),
        "unknown" if block["population"] is None else f"{block['population']:,.0f}",
        _share(block["alone"]["covered_share"]),
        _share(block["joint"]["covered_share"]),
        f"{block['closed_by_joint']:,.0f}",
        f"{block['remaining']:,.0f}",
    ]


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _share(value: float | None) -> str:
    if value is None:
        return "–"
    return "<1%" if 0 < value < 0.005 else f"{value:.0%}"
