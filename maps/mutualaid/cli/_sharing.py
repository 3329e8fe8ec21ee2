"""``mutualaid export``, ``contribute`` and ``combine``: what partners hand on, and a joint team without pooled data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from mutualaid.cli._console import Steps, print_files, print_summary
from mutualaid.cli._options import Json, RegionPath, home_of
from mutualaid.errors import AgreementError, Defect

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None)


@app.command()
def export(
    region: RegionPath,
    *,
    level: Annotated[str, typer.Option(help="Who will read it: public or partners.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Folder to make; default: beside the region folder, named after the level."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a copy of the region and its results without what its agreements keep from the readers of a level.

    The region is computed from all data first. manifest.json lists what was withheld or made coarser, and why. An
    earlier export in the same place is replaced.
    """
    from mutualaid.cooperation import cooperation, shared_region
    from mutualaid.coverage import analyse
    from mutualaid.data import read_region
    from mutualaid.reports import check_export, export_region

    home = home_of(region).resolve()
    target = out or home.with_name(f"{home.name}-{level}")
    with Steps(quiet=as_json) as steps:
        steps("Reading the region", 0.0)
        read = read_region(region)
        check_export(read, target)
        shared_region(read, level)  # what it refuses is refused before the work
        analysis = analyse(read, progress=steps.part(0.0, 0.6))
        found = cooperation(analysis, progress=steps.part(0.6, 0.9))
        steps("Writing what may be told", 0.9)
        manifest = export_region(analysis, target, level, cooperation=found)
    if as_json:
        _print_json({"folder": str(target), "manifest": manifest})
        return
    for one in manifest["withheld"]:
        attribute = f"{one['table']}.{one['attribute']}" if one["attribute"] else one["table"]
        whose = f" of {one['partner']}" if one["partner"] else ""
        rows = f"{one['rows']} {'row' if one['rows'] == 1 else 'rows'}" if one["rows"] else "nothing stated"
        why = ", ".join(
            f"{reason['agreement'] or reason['source']}: {reason['word']}" for reason in one["because"]
        )
        typer.echo(f"{attribute}{whose}: {one['action']}, {rows} ({why})")
    by_reason: dict[str, dict[str, None]] = {}
    for one in manifest["left_out"]:
        by_reason.setdefault(one["reason"], {})[f"{one['file']}{' (in part)' if one['what'] else ''}"] = None
    for reason, files in by_reason.items():
        typer.echo(f"left out, because {reason}: {', '.join(files)}")
    if not any(one["rows"] for one in manifest["withheld"]):
        typer.echo(f"Nothing had to be withheld at the level {level}.")
    print_files({"manifest.json": target / "manifest.json"})


@app.command()
def contribute(
    region: RegionPath,
    *,
    partner: Annotated[str, typer.Option(help="Whose stations: a partner, as the jurisdictions name it.")],
    out: Annotated[Path, typer.Option("--out", help="File to hand over, .parquet.")],
    as_json: Json = False,
) -> None:
    """Compute the response times of one partner's stations, to hand over those alone.

    REGION holds the files that all partners share and the partner's own stations; those of others may be missing. The
    file holds one number of milliseconds for each station and place, and no position, name, turnout or unit.
    """
    from mutualaid.cooperation import contribute as compute
    from mutualaid.cooperation import write_contribution
    from mutualaid.data import read_region

    with Steps(quiet=as_json) as steps:
        steps("Reading the region", 0.0)
        read = read_region(region)
        _spare_inputs(out, read.files)
        steps("Computing the times", 0.1)
        found = compute(read, partner)
        write_contribution(found, out)
    stations = sorted(found.table["station"].unique())
    if as_json:
        content = {"file": str(out), "partner": partner, "stations": stations, "rows": len(found.table)}
        _print_json(content | {"columns": list(found.table.columns), "inputs": dict(found.inputs)})
        return
    count = f"{len(stations)} {'station' if len(stations) == 1 else 'stations'}"
    typer.echo(f"{len(found.table):,} times of {count}: {', '.join(stations)}")
    typer.echo(f"Columns: {', '.join(found.table.columns)}")
    own = [name for name in stations if not name.startswith(f"{partner}:")]
    if own:
        typer.echo(f"By their own ids, because an agreement in force excludes them: {', '.join(own)}")
    print_files({out.name: out})


@app.command()
def combine(
    region: RegionPath,
    contributions: Annotated[list[Path], typer.Argument(help="What partners handed over, .parquet.")],
    *,
    no_station: Annotated[
        list[str] | None,
        typer.Option(help="Partner that has no station of the service; may be given several times."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for coverage.gpkg and summary.json.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Join what partners handed over to the numbers that a run with everybody's stations would give.

    REGION holds the files that all share; stations in it are not looked at. A partner that handed over nothing may have
    stations: its people are left out of every number, unless --no-station says that it has none.
    """
    from mutualaid.cooperation import combine as join
    from mutualaid.cooperation import read_contribution
    from mutualaid.data import read_region
    from mutualaid.reports import check_target, write_combined

    if out is not None:
        check_target(out)
    with Steps(quiet=as_json) as steps:
        steps("Reading the region", 0.0)
        read = read_region(region)
        parts = []
        defects: list[Defect] = []
        for path in contributions:
            try:
                parts.append(read_contribution(path))
            except AgreementError as error:
                defects += error.defects
        if defects:
            raise AgreementError(defects)
        steps("Joining the times", 0.2)
        combined = join(read, parts, no_station=no_station or ())
        files = {} if out is None else write_combined(combined, out)
    if as_json:
        _print_json({"summary": combined.summary, "files": {name: str(path) for name, path in files.items()}})
        return
    print_summary(combined.summary)
    for note in combined.notes:
        typer.echo(f"note: {note}")
    if files:
        print_files(files)


def _spare_inputs(out: Path, files: tuple[Path, ...]) -> None:
    if out.resolve() in {path.resolve() for path in files}:
        expected, remedy = "a file that the region does not read", "name another one with --out"
        raise AgreementError([Defect(str(out), "", expected, out.name, remedy)])


def _print_json(content: dict[str, Any]) -> None:
    typer.echo(json.dumps(content, ensure_ascii=False))
