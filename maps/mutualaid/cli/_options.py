"""Options and arguments that several commands have, and exit codes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "EXIT_DEFECTS",
    "EXIT_DOWNLOAD",
    "Day",
    "Json",
    "Keep",
    "KeepInputs",
    "Languages",
    "Note",
    "Out",
    "RegionPath",
    "Service",
    "home_of",
]

EXIT_DEFECTS = 3
EXIT_DOWNLOAD = 4

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines instead of text.")]
RegionPath = Annotated[Path, typer.Argument(help="region.toml, or the folder that holds it.")]
Service = Annotated[str | None, typer.Option(help="fire, ems or rescue.")]
Day = Annotated[
    str | None, typer.Option(help="Day for which agreements count, such as 2026-07-01; default: today.")
]
Languages = Annotated[
    str | None,
    typer.Option(
        "--lang",
        help="Languages of the map, the first one at the start: fr,de; of en, fr, de, it, es, ar (default: all).",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", help="Folder for the results; default: one in the region folder."),
]
Note = Annotated[
    str, typer.Option(help="What is decided on this run, or why it is made; kept with its record.")
]
Keep = Annotated[
    bool,
    typer.Option("--record/--no-record", help="Leave a record of the run in 'runs' of the region folder."),
]
KeepInputs = Annotated[
    bool,
    typer.Option(
        "--keep-inputs/--no-keep-inputs",
        help="Keep the files that were read with the record, once each, so that runs can be compared.",
    ),
]


def home_of(region: Path) -> Path:
    """Give the folder of a region that was named by it, or by the region.toml in it.

    >>> home_of(Path("riviera/region.toml")) == home_of(Path("riviera"))
    True
    """
    return region.parent if region.suffix == ".toml" else region
