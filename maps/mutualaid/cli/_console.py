"""What the command line prints: results on standard output, progress and errors on standard error."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from mutualaid.errors import Defect

__all__ = ["Steps", "print_defects", "print_files", "print_standards", "print_summary", "say"]


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


def print_defects(defects: Iterable[Defect], *, as_json: bool) -> None:
    """Print each defect with its remedy; as JSON on standard output for machines."""
    defects = list(defects)
    if as_json:
        typer.echo(json.dumps({"defects": [asdict(defect) for defect in defects]}, ensure_ascii=False))
        return
    for defect in defects:
        say(str(defect))
    say(f"{len(defects)} {'defect' if len(defects) == 1 else 'defects'}; nothing was written.")


def print_files(files: Mapping[str, Path]) -> None:
    """Print where the results are, the map first."""
    typer.echo("")
    for path in files.values():
        typer.echo(str(path))


def print_standards(rows: pd.DataFrame) -> None:
    """Print the table of standards."""
    table = Table(box=None, pad_edge=False)
    for column in ("id", "name", "interval", "limit", "share"):
        table.add_column(column, justify="right" if column in ("limit", "share") else "left")
    for key, row in rows.iterrows():
        share = "" if pd.isna(row["share"]) else f"{row['share']:.0%}"
        limit = f"{int(row['limit_s']) // 60}:{int(row['limit_s']) % 60:02d}"
        table.add_row(str(key), str(row["name"]), f"{row['start']}–{row['end']}", limit, share)
    Console(markup=False, highlight=False).print(table)


def print_summary(summary: Mapping[str, Any]) -> None:
    """Print the numbers a planner reads first; all of them come from summary.json."""
    raise NotImplementedError
