"""Commands of ``mutualaid``; what each does is one call into the library."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from mutualaid.cli import _cooperation, _evacuate, _hazards, _incidents, _memory, _report, _sharing, _site
from mutualaid.cli._console import (
    Steps,
    print_defects,
    print_region,
    print_summary,
    say,
)
from mutualaid.cli._evacuations import print_evacuation_in_short
from mutualaid.cli._options import (
    EXIT_DEFECTS,
    EXIT_DOWNLOAD,
    Day,
    Json,
    Keep,
    KeepInputs,
    Languages,
    Note,
    Out,
    RegionPath,
    Service,
    home_of,
)
from mutualaid.cli._plans import print_plan_in_short
from mutualaid.cli._runs import DEMO, DEMO_EVACUATION, Memory, run_region
from mutualaid.cli._scale import Cluster, Overview, Resume, Scale, TilePlaces, Workers
from mutualaid.errors import DownloadError, InputError

if TYPE_CHECKING:
    from mutualaid.data import Region

__all__ = ["app", "main"]

app = typer.Typer(
    name="mutualaid",
    help="What neighbours across a border can do for each other: who is reached in time by their own brigade, "
    "who by a joint team, and which gaps nobody closes.",
    epilog="Exit codes: 0 done, 2 wrong use, 3 defects in the input, 4 download failed, 130 stopped.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.add_typer(_hazards.app)
app.add_typer(_sharing.app)
app.add_typer(_incidents.app)

#: Languages of the example's report.
_DEMO_REPORT = "en,fr"
#: Seconds after which a stop that was not heard is asked for again; cleaning up takes less.
_ASK_AGAIN_S = 0.5


class _Stopped(SystemExit):
    """The user or the system asked to stop; unlike the default of SIGTERM, it lets cleanup run."""


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    if hasattr(signal, "setitimer"):
        # What is raised inside a callback of a library may be lost there: ask again until it is heard.
        signal.signal(signal.SIGALRM, lambda *_: _stop(number, None))
        signal.setitimer(signal.ITIMER_REAL, _ASK_AGAIN_S)
    raise _Stopped(128 + number)


def main() -> None:
    """Run the command line and exit with its code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup, which wants it ignored
            signal.signal(number, _stop)
    try:
        app()
    except _Stopped as stop:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
        say("Stopped; nothing was written.")
        sys.exit(stop.code)
    except InputError as error:
        print_defects(error.defects, as_json="--json" in sys.argv)
        sys.exit(EXIT_DEFECTS)
    except DownloadError as error:
        say(f"Download failed: {error}")
        sys.exit(EXIT_DOWNLOAD)


@app.callback(invoke_without_command=True)
def _options(
    *, show_version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False
) -> None:
    if show_version:
        typer.echo(f"mutualaid {version('mutualaid')}")
        raise typer.Exit


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Folder for the demo region and its results.")] = Path(
        "mutualaid-demo"
    ),
    *,
    lang: Languages = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Run the embedded example: Monaco and the French Riviera, on an OpenStreetMap of 2016.

    The region's files are put into FOLDER/region, where they can be read and changed; a second run uses them as
    they are then. The results go to FOLDER/results, and a report in English and French (or in --lang) to FOLDER/report.
    """
    from mutualaid.data import demo_path
    from mutualaid.maps import page_languages

    region = folder / "region"
    if not region.exists():
        beside = folder / ".region"
        shutil.rmtree(beside, ignore_errors=True)
        shutil.copytree(demo_path(), beside, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
        beside.replace(region)

    def report(read: Region, steps: Steps) -> dict[str, Path]:
        languages = page_languages(part.strip() for part in (lang or _DEMO_REPORT).split(","))
        files = _report.written(read, folder / "results", folder / "report", steps, languages=languages)
        return {name: path for name, path in files.items() if name in ("report.html", "briefing.html")}

    run_region(
        region,
        folder / "results",
        {},
        _tell,
        lang=lang,
        as_json=as_json,
        wishes=DEMO,
        evacuate=DEMO_EVACUATION,
        then=report,
        scale=Scale(workers),
    )


@app.command()
def run(
    region: RegionPath,
    *,
    out: Out = None,
    service: Service = None,
    profile: Annotated[
        str | None,
        typer.Option(help="Vehicle: fire_engine, ambulance, civilian, or a .toml file in REGION."),
    ] = None,
    standard: Annotated[str | None, typer.Option(help="Id of the common standard.")] = None,
    hour: Annotated[str | None, typer.Option(help="day, night or weekend.")] = None,
    dispatch_s: Annotated[
        float | None, typer.Option(min=0, help="Seconds until a neighbour's unit is alerted.")
    ] = None,
    crossing_s: Annotated[
        float | None, typer.Option(min=0, help="Seconds at each international crossing.")
    ] = None,
    date: Day = None,
    capability: Annotated[
        str | None, typer.Option(help="What the first unit must have, such as ladder; others do not count.")
    ] = None,
    availability: Annotated[
        float | None, typer.Option(help="Share of the time that a unit is free, above 0 and up to 1.")
    ] = None,
    note: Note = "",
    record: Keep = True,
    keep_inputs: KeepInputs = True,
    lang: Languages = None,
    workers: Workers = None,
    cluster: Cluster = None,
    resume: Resume = False,
    tile_places: TilePlaces = None,
    overview: Overview = None,
    as_json: Json = False,
) -> None:
    """Compute who reaches whom in time, alone, as agreed and together, and write the map and all files.

    Every [[scenario]] of region.toml is computed too. A hazard layer that cannot be read is told, with exit code 3,
    and everything that does not need it is computed and written all the same. Options replace the [parameters]
    of region.toml for this run; run.json records what was used. In tiles, on however many workers, the numbers are
    the same to the bit.
    """
    scale = Scale(workers, cluster, resume, tile_places, overview)
    folder = home_of(region)
    given = {
        "service": service,
        "profile": profile,
        "standard": standard,
        "hour": hour,
        "dispatch_s": dispatch_s,
        "crossing_s": crossing_s,
        "date": date,
        "capability": capability,
        "availability": availability,
    }
    changed = {name: value for name, value in given.items() if value is not None}
    run_region(
        region,
        out or folder / "results",
        changed,
        _tell,
        lang=lang,
        as_json=as_json,
        memory=Memory(note, record, keep_inputs),
        scale=scale,
    )


app.command()(_cooperation.cooperation)
app.command()(_site.site)
app.command()(_evacuate.evacuate)
app.command()(_report.report)
app.command()(_memory.history)
app.command()(_memory.compare)
app.command()(_memory.decide)


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(help="Folder to make; must be new or empty.")],
    *,
    pbf: Annotated[
        list[Path] | None, typer.Option(help="OpenStreetMap extract; may be given several times.")
    ] = None,
    place: Annotated[
        list[str] | None,
        typer.Option(help="Place to download, such as 'Haparanda, Sweden'; may be given several times."),
    ] = None,
    admin_level: Annotated[
        int | None, typer.Option(help="OSM admin_level of the jurisdictions (with --pbf), often 8.")
    ] = None,
    within: Annotated[
        str | None,
        typer.Option(help="Keep to this area: west,south,east,north in degrees, or a file with polygons."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the region; default: that of the folder.")] = None,
    populations: Annotated[
        Path | None, typer.Option(help="CSV with id or name, and population, of the jurisdictions.")
    ] = None,
    cell_m: Annotated[float, typer.Option(help="Width of the demand cells in metres.")] = 100.0,
    as_json: Json = False,
) -> None:
    """Make a region folder from OpenStreetMap extracts or from place names."""
    from mutualaid.data import new_region, new_region_from_places, read_area

    if bool(pbf) == bool(place):
        raise typer.BadParameter("give --pbf FILE or --place NAME, one of them", param_hint="--pbf / --place")
    common: dict[str, Any] = {"name": name, "populations": populations, "cell_m": cell_m}
    with Steps(quiet=as_json) as steps:
        if pbf:
            if admin_level is None:
                raise typer.BadParameter("is needed with --pbf", param_hint="--admin-level")
            area = None if within is None else read_area(within)
            region = new_region(
                folder, pbf=pbf, admin_level=admin_level, within=area, progress=steps, **common
            )
        else:
            if admin_level is not None or within is not None:
                raise typer.BadParameter("are for --pbf", param_hint="--admin-level, --within")
            region = new_region_from_places(folder, place or [], progress=steps, **common)
    print_region(region, as_json=as_json)


@app.command()
def check(
    region: RegionPath,
    *,
    as_json: Json = False,
) -> None:
    """Check a region folder, its hazard layers included, and print every defect with its remedy."""
    from mutualaid.data import agreement_notes, check_region, read_region

    defects, notes = check_region(region), []
    if not defects:
        read = read_region(region)
        notes = agreement_notes(read.agreements, read.parameters.service, read.parameters.day)
        if read.hazards or read.evacuation is not None:
            from mutualaid.hazards import check_hazards

            defects = check_hazards(read)
    if defects:
        print_defects(defects, as_json=as_json)
        raise typer.Exit(EXIT_DEFECTS)
    if as_json:
        typer.echo(json.dumps({"defects": [], "notes": notes}, ensure_ascii=False))
        return
    for note in notes:
        typer.echo(f"note: {note}")
    typer.echo("No defects found.")


@app.command()
def schema() -> None:
    """Print the JSON Schema of region.toml, for editors."""
    from mutualaid.data import region_schema

    typer.echo(json.dumps(region_schema(), ensure_ascii=False, indent=2))


@app.command()
def standards(*, as_json: Json = False) -> None:
    """List the built-in response-time standards with their sources."""
    from mutualaid.cli._console import print_standards
    from mutualaid.coverage import standards as table

    rows = table()
    if as_json:
        typer.echo(rows.reset_index().to_json(orient="records", force_ascii=False, indent=2))
    else:
        print_standards(rows)


def _tell(summary: Mapping[str, Any]) -> None:
    print_summary(summary)
    if "siting" in summary:
        print_plan_in_short(summary)
    if "evacuation" in summary:
        print_evacuation_in_short(summary)
    if "incidents" in summary:
        _incidents.print_incidents_in_short(summary)
