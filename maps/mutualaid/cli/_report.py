"""``mutualaid report``: what partners sign, in their languages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mutualaid.cli._console import Steps, print_files, say
from mutualaid.cli._memory import compared
from mutualaid.cli._options import Json, Keep, RegionPath, home_of
from mutualaid.cli._runs import Evacuate, Memory, Wishes, run_region
from mutualaid.errors import Defect, InputError, RecordError

if TYPE_CHECKING:
    from mutualaid.data import Region

__all__ = ["report", "written"]


def report(
    region: RegionPath,
    *,
    lang: Annotated[
        str, typer.Option(help="Languages, the first one first: fr,de; of en, fr, de, it, es, ar.")
    ] = "en",
    pdf: Annotated[
        bool, typer.Option("--pdf", help="Also as PDF, with slides: needs pip install 'mutualaid[pdf]'.")
    ] = False,
    level: Annotated[
        str,
        typer.Option(help="Who will read it: own, partners or public; what they may not see is left out."),
    ] = "own",
    layout: Annotated[
        str, typer.Option(help="columns: two languages side by side; sequence: one after the other.")
    ] = "columns",
    since: Annotated[
        str | None,
        typer.Option(
            help="Say what changed since this run: its id or how it begins, 'previous', or a region folder."
        ),
    ] = None,
    results: Annotated[
        Path | None, typer.Option(help="Results to report; default: 'results' in the region folder.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for the report; default: 'report' in the region folder."),
    ] = None,
    record: Keep = True,
    as_json: Json = False,
) -> None:
    """Write the report for the forum: one page in short, maps, tables, assumptions, sources, in one or more languages.

    It says what the last results of the region say. Where there are none, or a file of the region has changed since,
    the region is computed first, as it was then. Results of `site` and `evacuate` that are as new are part of it.
    Every table is also written as CSV, every figure as a file of its own.
    """
    from mutualaid.data import read_region
    from mutualaid.maps import page_languages
    from mutualaid.reports import changed_inputs, check_edition, check_report

    home = home_of(region)
    base, target = results or home / "results", out or home / "report"
    languages = page_languages(part.strip() for part in lang.split(","))
    check_report(target)
    check_edition(level, layout=layout, pdf=pdf)
    if since is not None and level != "own":
        expected, remedy = "the level own", "leave --since out: what changed names single stations"
        raise InputError([Defect("", "--since", expected, level, remedy)])
    read = read_region(region)
    if results is None and not (base / "summary.json").exists():
        # Whoever only ever ran `site` or `evacuate` has everything there too.
        base = next((one for one in _studies(home) if not changed_inputs(read, one)), base)
    if changed := changed_inputs(read, base):
        if results is not None:
            expected, remedy = "results of the region as it is now", "run it again, or leave --results out"
            raise InputError([Defect(str(results), "", expected, f"other {', '.join(changed)}", remedy)])
        _compute_again(region, base, changed, Memory(keep=record), as_json=as_json)
    also = _of_the_same_question(base, [one for one in _studies(home) if not changed_inputs(read, one)])
    with Steps(quiet=as_json) as steps:
        files = written(
            read,
            base,
            target,
            steps,
            languages=languages,
            also=also,
            level=level,
            layout=layout,
            pdf=pdf,
            since=since,
        )
    if as_json:
        told = {name: str(path) for name, path in files.items()}
        typer.echo(json.dumps({"level": level, "languages": languages, "files": told}, ensure_ascii=False))
        return
    content = json.loads(files["report.json"].read_text(encoding="utf-8"))
    rows = sum(one["rows"] > 0 for one in content["withheld"])
    if level != "own":
        held = (
            f"{rows} {'attribute' if rows == 1 else 'attributes'} withheld"
            if rows
            else "nothing had to be withheld"
        )
        typer.echo(f"Edition for {'everybody' if level == 'public' else 'partners'}: {held}.")
    shown = [name for name in files if "/" not in name]
    print_files({name: files[name] for name in shown})
    parts = ", ".join(
        f"{sum(name.startswith(f'{part}/') for name in files)} {part}"
        for part in ("tables", "figures", "slides")
    )
    typer.echo(f"and {parts} in {target}")


def written(
    region: Region,
    results: Path,
    target: Path,
    steps: Steps,
    *,
    languages: Sequence[str],
    also: Sequence[Path] = (),
    level: str = "own",
    layout: str = "columns",
    pdf: bool = False,
    since: str | None = None,
) -> dict[str, Path]:
    """Write a report of results; see the options of `report`."""
    from mutualaid.reports import as_it_ran, report_inputs, write_report

    with TemporaryDirectory(prefix="mutualaid-since-") as place:
        comparison = None
        if since is not None:
            told = _told(results)
            before = _before(region.folder, told) if since == "previous" else since
            after = as_it_ran(region, told["parameters"], told["day"])
            comparison = compared(before, after, region.folder, Path(place), steps.part(0.0, 0.8))
        steps("Writing the report", 0.8)
        with report_inputs(region, results, also=also, level=level, comparison=comparison) as inputs:
            return write_report(inputs, target, languages=languages, layout=layout, pdf=pdf)


def _told(results: Path) -> dict[str, Any]:
    """Give the record of results."""
    content: dict[str, Any] = json.loads((results / "run.json").read_text(encoding="utf-8"))
    return content


def _before(home: Path, told: Mapping[str, Any]) -> str:
    """Find the last run before some results that was one of other files or parameters."""
    from mutualaid.reports import read_records

    for one in reversed(read_records(home)):
        same = list(one.inputs) == told["inputs"] and dict(one.parameters) == told["parameters"]
        if one.created <= told["created"] and not same:
            return one.id
    expected, remedy = "an earlier run of other files or parameters", "leave --since out, or name a run"
    raise RecordError([Defect("runs", "previous", expected, "none", remedy)])


#: What two runs must share so that one report can tell of both.
_QUESTION = ("parameters", "standard", "agreements")


def _of_the_same_question(base: Path, others: Sequence[Path]) -> list[Path]:
    """Leave out, and tell, studies that were made with other parameters than the results."""
    ours, fitting = _told(base), []
    for other in others:
        if other == base:
            continue
        theirs = _told(other)
        if wrong := [name for name in _QUESTION if ours.get(name) != theirs.get(name)]:
            say(
                f"Left out: {other.name}, which was computed with other {' and '.join(wrong)} than the results."
            )
        else:
            fitting.append(other)
    return fitting


def _studies(home: Path) -> list[Path]:
    return [path for path in (home / "siting", home / "evacuation") if (path / "summary.json").exists()]


def _compute_again(
    region: Path, results: Path, changed: Sequence[str], memory: Memory, *, as_json: bool
) -> None:
    """Compute a region as it was computed before, or for the first time."""
    asked: Mapping[str, Any] = {}
    if changed == ["run.json"]:
        say("There are no results yet: computing them first.")
    else:
        say(f"Changed since the last run: {', '.join(changed)}. Computing again.")
        asked = _told(results).get("asked") or {}
    siting, flight = asked.get("siting"), asked.get("evacuation")
    home = home_of(region)
    if siting:
        siting = dict(siting)
        for name in ("sites", "within"):
            siting[name] = _found(siting.get(name), home)
        if siting["sites"]:
            siting["sites"] = Path(siting["sites"])
    with suppress(typer.Exit):  # what could not be computed was told; the rest is reported
        run_region(
            region,
            results,
            asked.get("parameters") or {},
            lambda _summary: None,
            lang=None,
            as_json=as_json,
            wishes=_again(Wishes, siting),
            evacuate=_again(Evacuate, flight),
            memory=memory,
            silent=True,
        )


def _found(name: str | None, home: Path) -> str | None:
    """Find a file that was asked with; an area in numbers stays."""
    if name is None or name.count(",") == 3:
        return name
    if not (home / name).exists():
        expected, remedy = (
            f"the file {name} in the region folder",
            "put it there, or run `mutualaid site` again",
        )
        raise InputError([Defect(name, "", expected, "nothing there", remedy)])
    return str(home / name)


def _again(kind: Any, asked: Mapping[str, Any] | None) -> Any:
    """Give wishes as they were recorded; what they did not know then has its default."""
    if asked is None:
        return None
    known = {one.name for one in fields(kind)}
    return kind(
        **{
            name: tuple(value) if isinstance(value, list) else value
            for name, value in asked.items()
            if name in known
        }
    )
