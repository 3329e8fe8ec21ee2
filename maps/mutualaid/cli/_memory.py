"""``mutualaid history``, ``compare`` and ``decide``: what partners remember, and what changed since."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mutualaid.cli._console import Steps, print_files, say
from mutualaid.cli._formats import print_table
from mutualaid.cli._options import Json, RegionPath, home_of
from mutualaid.errors import Defect, RecordError

if TYPE_CHECKING:
    from mutualaid.data import Region
    from mutualaid.reports import Comparison, RunRecord

__all__ = ["compare", "compared", "decide", "history"]


def history(
    region: RegionPath,
    *,
    indicator: Annotated[
        list[str] | None,
        typer.Option(
            help="Place in summary.json, such as common.total.joint.covered; may be given several times. "
            "Default: people in time at each level, and those whom nobody reaches."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for history.csv and history.png; default: none is written."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Print what earlier runs of a region found, run by run."""
    from mutualaid.reports import damaged_records, read_records, write_history
    from mutualaid.reports import history as table

    home = home_of(region)
    damaged = damaged_records(home)
    frame = table(read_records(home), indicator)
    files = {} if out is None else write_history(frame, out)
    if as_json:
        rows = json.loads(frame.reset_index().to_json(orient="records"))
        told = {name: str(path) for name, path in files.items()}
        typer.echo(
            json.dumps(
                {"runs": rows, "damaged": [str(one) for one in damaged], "files": told}, ensure_ascii=False
            )
        )
        return
    for one in damaged:
        say(f"left out: {one}")
    if not len(frame):
        typer.echo("No run has left a record yet: mutualaid run leaves one.")
        return
    names = [str(name) for name in frame.columns.drop(["created", "note", "standard", "day"])]
    rows = [
        [
            str(run),
            str(row["created"]).replace("T", " ")[:16],
            *(_number(row[name]) for name in names),
            row["note"],
        ]
        for run, row in frame.iterrows()
    ]
    print_table(["run", "created (UTC)", *names, "note"], rows)
    print_files(files)


def _number(value: float) -> str:
    if value != value:
        return ""
    return f"{value:,.3f}".rstrip("0").rstrip(".") if abs(value) < 10 else f"{value:,.0f}"


def compare(
    before: Annotated[
        str, typer.Argument(help="Run, by its id or how it begins, 'previous', or a region folder.")
    ],
    after: Annotated[str, typer.Argument(help="The same; 'latest' is the last run.")] = "latest",
    *,
    region: Annotated[
        Path | None,
        typer.Option(help="Region folder whose runs are meant; default: here, or the folder given."),
    ] = None,
    scenarios: Annotated[
        bool,
        typer.Option(
            "--scenarios/--no-scenarios", help="Compare under hazards too: most of the time goes there."
        ),
    ] = True,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for the comparison and its map; default: none is written."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what changed between two runs, and what of it is due to stations, roads, people, hazards or agreements.

    Each part that differs is swapped in turn, in every order; what is due to each adds up to the whole change.
    """
    from mutualaid.reports import write_comparison

    home = Path() if region is None else home_of(region)
    with Steps(quiet=as_json) as steps, TemporaryDirectory(prefix="mutualaid-compare-") as place:
        found = compared(before, after, home, Path(place), steps.part(0.0, 0.95), scenarios=scenarios)
        steps("Writing", 0.95)
        files = {} if out is None else write_comparison(found, out)
    if as_json:
        told = {name: str(path) for name, path in files.items()}
        typer.echo(json.dumps({"comparison": found.summary, "files": told}, ensure_ascii=False))
        return
    for line in found.summary["words"]:
        typer.echo(line)
    for note in found.summary["notes"]:
        typer.echo(f"note: {note}")
    print_files(files)


def compared(
    before: str,
    after: str | Region,
    home: Path,
    place: Path,
    progress: Callable[[str, float], None],
    *,
    scenarios: bool = True,
) -> Comparison:
    """Compare two runs, or two regions, as they are named on the command line.

    Parameters
    ----------
    before, after
        Run or region folder, or a region that is read already.
    home
        Region folder whose runs are meant.
    place
        Folder for the files of runs, which must stay as long as the comparison is used.
    progress
        Is told how far it is.
    scenarios
        Whether hazard scenarios are compared too.
    """
    from mutualaid.reports import compare as held_against

    (old, first), (new, last) = (
        _side(text, home, place / name) for name, text in (("before", before), ("after", after))
    )
    return held_against(old, new, records=(first, last), scenarios=scenarios, progress=progress)


def _side(text: str | Region, home: Path, place: Path) -> tuple[Region, RunRecord | None]:
    from mutualaid.data import read_region
    from mutualaid.reports import find_record, region_of

    if not isinstance(text, str):
        return text, None
    path = Path(text)
    if path.is_dir() or path.suffix == ".toml":
        return read_region(path), None
    if not (home / "region.toml").exists() and path.suffix != ".json":
        expected, remedy = "a region folder, whose runs are meant", "name it with --region"
        raise RecordError([Defect(str(home), "", expected, "no region.toml", remedy)])
    record = find_record(home, text)
    return region_of(record, home if record.path.parent.parent == home else None, into=place), record


def decide(
    region: RegionPath,
    what: Annotated[str, typer.Argument(help="What was decided, exercised or found.")],
    *,
    who: Annotated[str, typer.Option(help="Who decided it.")],
    kind: Annotated[str, typer.Option(help="decision, exercise or finding.")] = "decision",
    date: Annotated[str | None, typer.Option(help="Day, such as 2026-07-01; default: today.")] = None,
    run: Annotated[
        str | None, typer.Option(help="Run on whose numbers it rests: its id, or how it begins, or 'latest'.")
    ] = None,
    indicator: Annotated[
        str | None,
        typer.Option(help="Number that it rests on: its place in summary.json; its value is kept."),
    ] = None,
    status: Annotated[str, typer.Option(help="open, done or dropped; default: open.")] = "",
    due: Annotated[str, typer.Option(help="Day by which it is to be done.")] = "",
    note: Annotated[str, typer.Option(help="What else must be known.")] = "",
    sharing: Annotated[str, typer.Option(help="Who may read it: public, partners or own.")] = "partners",
    as_json: Json = False,
) -> None:
    """Add a row to the partners' log of decisions, exercises and findings, with the number it rests on."""
    import datetime as dt

    from mutualaid.data import append_decision, read_region
    from mutualaid.reports import find_record

    read = read_region(region)
    values: dict[str, Any] = {
        "date": date or dt.datetime.now(dt.UTC).astimezone().date().isoformat(),
        "kind": kind, "who": who, "what": what, "status": status, "due": due, "note": note, "sharing": sharing,
    }  # fmt: skip
    if run is not None or indicator is not None:
        record = find_record(read.folder, run or "latest")
        values["run"] = record.id
        if indicator is not None:
            values |= {"indicator": indicator, "value": record.value(indicator)}
    key = append_decision(read, **values)
    if as_json:
        typer.echo(json.dumps({"id": key, **values}, ensure_ascii=False))
    else:
        typer.echo(f"{key} added to the log of {read.name}.")
