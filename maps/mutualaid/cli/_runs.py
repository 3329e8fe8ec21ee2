"""From a region to its files, as several commands do it: computed, a plan sought if one is asked for, written."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from mutualaid.cli._console import Steps, print_files, print_not_computed, say
from mutualaid.cli._cooperation import measured, region_read
from mutualaid.cli._evacuations import hours
from mutualaid.cli._options import EXIT_DEFECTS, home_of
from mutualaid.cli._scale import Scale, in_tiles, tiled_run

if TYPE_CHECKING:
    import geopandas as gpd

    from mutualaid.coverage import Analysis
    from mutualaid.data import EvacuationCase, Region
    from mutualaid.errors import Defect
    from mutualaid.evacuation import Bracket, EvacuationStudy
    from mutualaid.scale import TiledRun
    from mutualaid.siting import SitingStudy

__all__ = [
    "DEMO",
    "DEMO_EVACUATION",
    "Evacuate",
    "Memory",
    "Wishes",
    "evacuated",
    "quick_bracket",
    "run_region",
    "studied",
]

#: How the command line calls fair weather.
_FAIR = "fair"


@dataclass(frozen=True)
class Wishes:
    """What is asked for on the command line; see the options of `site`."""

    add: int | None = None
    close: int = 0
    move: int = 0
    closable: tuple[str, ...] = ()
    movable: tuple[str, ...] = ()
    budget: float | None = None
    cost: float = 1.0
    model: str = "mclp"
    level: str = "joint"
    scenarios: tuple[str, ...] = ()
    over: str = "expected"
    sites: Path | None = None
    spacing_m: float = 250.0
    within: str | None = None
    avoid_severity: int | None = None
    no_worse: bool = False
    floor: float = 0.0
    worst_first: bool = False
    pays_most: float = 1.0
    alternatives: int = 3
    near: float = 0.02
    apart_m: float = 1000.0
    tail: float = 0.1
    capacity: float | None = None
    wide_s: float | None = None
    share: float | None = None
    busy: float | None = None
    per_site: int | None = None
    time_limit_s: float = 60.0


@dataclass(frozen=True)
class Evacuate:
    """What is asked about an evacuation on the command line; see the options of `evacuate`."""

    zones: tuple[str, ...] | None = None
    level: str = "joint"
    factor: str | None = None
    persons_per_vehicle: float | None = None
    exits: bool | None = None
    compliance: float = 1.0
    one_route: bool = False
    measures: int = 3
    gap: float = 0.05
    time_limit_s: float = 60.0


@dataclass(frozen=True)
class Memory:
    """What is remembered of a run; see the options of `run`.

    Attributes
    ----------
    note
        What was decided on it, or why it was made.
    keep
        Whether a record is left in the folder of the region at all.
    inputs
        Whether the files that were read are kept with it, so that the run can be repeated and compared.
    """

    note: str = ""
    keep: bool = True
    inputs: bool = True


#: What the embedded example asks for.
DEMO = Wishes(add=2, avoid_severity=4)
DEMO_EVACUATION = Evacuate(measures=1)


def run_region(
    region: Path,
    out: Path,
    changed: Mapping[str, Any],
    tell: Callable[[Mapping[str, Any]], None],
    *,
    lang: str | None,
    as_json: bool,
    wishes: Wishes | None = None,
    evacuate: Evacuate | None = None,
    memory: Memory = Memory(),
    then: Callable[[Region, Steps], Mapping[str, Path]] | None = None,
    silent: bool = False,
    scale: Scale | None = None,
) -> None:
    """Compute a region, write everything about it, and print what was found.

    Parameters
    ----------
    region
        region.toml, or the folder that holds it.
    out
        Folder for the results.
    changed
        Parameters that differ from those of region.toml.
    tell
        Prints what ``summary.json`` holds, for people.
    lang
        Languages of the map, joined by commas; all that it has if None.
    as_json
        Whether machines read what is printed.
    wishes
        What is asked about new stations, if anything is.
    evacuate
        What is asked about an evacuation, if anything is.
    memory
        What is remembered of it.
    then
        Makes further files of the results, such as a report.
    silent
        Whether nothing is printed when it is done.
    scale
        How it is worked through, if not in one piece; where an overview is due, nothing else is written.
    """
    from mutualaid.maps import page_languages
    from mutualaid.reports import check_runs, check_target, input_files, run_record, write_record

    started = time.perf_counter()
    languages = None if lang is None else page_languages(part.strip() for part in lang.split(","))
    check_target(out)
    if memory.keep:
        check_runs(home_of(region))
    kept = None
    with ExitStack() as kept_tiles, Steps(quiet=as_json) as steps:
        read = region_read(region, changed, steps)
        # Hashed before anything is computed: whoever edits a file meanwhile changes nothing of this run.
        inputs = input_files(read)
        asked = _asked(home_of(region), changed, wishes, evacuate)

        def recorded(run: Analysis | TiledRun) -> dict[str, Any]:
            return run_record(run, seconds=time.perf_counter() - started, asked=asked, inputs=inputs)

        if scale is not None and scale.is_overview(read):
            progress = steps.part(0.0, 0.85)
            run = kept_tiles.enter_context(tiled_run(read, out, scale, progress, keep_pairs=False))
            done = _overview(run, out, steps, recorded, languages)
        else:
            tiles = None if scale is None or not scale.is_tiled(read) else in_tiles(out, scale, kept_tiles)
            done = _detailed(read, out, steps, recorded, languages, wishes, evacuate, tiles)
        if memory.keep:
            kept = write_record(
                read,
                done.record,
                done.summary,
                note=memory.note,
                asked=json.dumps({name: value for name, value in asked.items() if value}, ensure_ascii=False),
                keep_inputs=memory.inputs,
            )
        files = done.files if then is None else {**done.files, **then(read, steps)}
    if silent:
        pass
    elif as_json:
        told = {
            "summary": done.summary,
            "files": {name: str(path) for name, path in files.items()},
            "record": None if kept is None else str(kept),
        }
        typer.echo(json.dumps(told, ensure_ascii=False))
    else:
        tell(done.summary)
        print_files(files)
        if kept is not None:
            typer.echo(f"Remembered in {kept.parent}: see mutualaid history and mutualaid compare.")
    if done.not_computed:
        print_not_computed(done.not_computed)
        raise typer.Exit(EXIT_DEFECTS)


@dataclass(frozen=True)
class _Done:
    """A run that is computed and written: its numbers, its record, its files, and what could not be computed."""

    summary: dict[str, Any]
    record: dict[str, Any]
    files: Mapping[str, Path]
    not_computed: tuple[Defect, ...]


def _overview(
    run: TiledRun,
    out: Path,
    steps: Steps,
    recorded: Callable[[TiledRun], dict[str, Any]],
    languages: Sequence[str] | None,
) -> _Done:
    """Write what a country needs."""
    from mutualaid.reports import check_targets, full_summary, write_tiled

    summary = full_summary(run)
    check_targets(run.region, summary)
    steps("Writing map and files", 0.85)
    record = recorded(run)
    files = write_tiled(run, out, languages=languages, record=record)
    return _Done(summary, record, files, run.not_computed)


def _detailed(
    region: Region,
    out: Path,
    steps: Steps,
    recorded: Callable[[Analysis], dict[str, Any]],
    languages: Sequence[str] | None,
    wishes: Wishes | None,
    evacuate: Evacuate | None,
    analysed: Callable[[Region, Callable[[str, float], None]], Analysis] | None,
) -> _Done:
    """Compute everything that is asked about a region, and write it."""
    from mutualaid.incidents import incident_study
    from mutualaid.reports import check_targets, full_summary, tables_for_map, write_results

    done = 0.7 if evacuate is None else 0.45
    analysis, cooperation = measured(region, steps, until=done, analysed=analysed)
    check_targets(region, full_summary(analysis, cooperation))  # told before the long work
    study = flight = happened = None
    if wishes is not None:
        study = studied(analysis, wishes, steps, start=done, end=(done := done + 0.13))
    if evacuate is not None:
        flight = evacuated(analysis, evacuate, steps, start=done, end=0.83)
    if (region.incidents["service"] == region.parameters.service).any():
        happened = incident_study(analysis, progress=steps.part(0.83, 0.88))
    steps("Preparing what-ifs", 0.88)
    what_if = tables_for_map(analysis, study)
    steps("Writing map and files", 0.92)
    record = recorded(analysis)
    files = write_results(
        analysis,
        out,
        cooperation=cooperation,
        what_if=what_if,
        siting=study,
        evacuation=flight,
        incidents=happened,
        languages=languages,
        record=record,
    )
    summary = full_summary(analysis, cooperation, study, flight, happened)
    return _Done(summary, record, files, analysis.not_computed)


def _asked(
    folder: Path, changed: Mapping[str, Any], wishes: Wishes | None, evacuate: Evacuate | None
) -> dict[str, Any]:
    """Say what was asked, so that it can be asked again; no path of this machine is in it."""
    siting = None if wishes is None else asdict(wishes)
    if siting is not None:
        siting |= {name: _inside(siting[name], folder) for name in ("sites", "within") if siting[name]}
    return {
        "parameters": dict(changed),
        "siting": siting,
        "evacuation": None if evacuate is None else asdict(evacuate),
    }


def _inside(given: Path | str, folder: Path) -> str:
    """Say where a file is: in the folder of the region by its path there, elsewhere by its name alone."""
    path, home = Path(given), folder.resolve()
    if not path.exists():
        return str(given)  # an area in numbers
    return path.resolve().relative_to(home).as_posix() if path.resolve().is_relative_to(home) else path.name


def studied(analysis: Analysis, wishes: Wishes, steps: Steps, *, start: float, end: float) -> SitingStudy:
    """Look for the plan that is asked for.

    Parameters
    ----------
    analysis
        A run.
    wishes
        What is asked for.
    steps
        Is told how far it is, from the share `start` of the whole work to `end`.
    """
    from mutualaid.siting import Fair, candidates, siting

    steps("Choosing sites to look at", start)
    sites = candidates(
        analysis,
        spacing_m=wishes.spacing_m,
        within=_land(wishes.within),
        avoid_severity=wishes.avoid_severity,
        sites=None if wishes.sites is None else _given(wishes.sites),
        movable=wishes.movable,
        closable=wishes.closable,
        opening_cost=wishes.cost,
        capacity=math.inf if wishes.capacity is None else wishes.capacity,
    )
    options = {name: getattr(wishes, name) for name in ("wide_s", "share", "busy", "per_site")}
    fair = Fair(wishes.no_worse, wishes.floor, wishes.worst_first, wishes.pays_most)
    return siting(
        analysis,
        add=wishes.add,
        close=wishes.close,
        move=wishes.move,
        budget=wishes.budget,
        model=wishes.model,
        level=wishes.level,
        scenarios=_weights(wishes.scenarios),
        rule=wishes.over,
        tail=wishes.tail,
        sites=sites,
        fair=None if fair == Fair() else fair,
        alternatives=wishes.alternatives,
        within=wishes.near,
        apart_m=wishes.apart_m,
        time_limit_s=wishes.time_limit_s,
        progress=steps.part(start, end),
        options={name: value for name, value in options.items() if value is not None},
    )


def evacuated(
    analysis: Analysis, wishes: Evacuate, steps: Steps, *, start: float, end: float
) -> EvacuationStudy:
    """Find how long clearing takes, and by what ways.

    Parameters
    ----------
    analysis
        A run.
    wishes
        What is asked for.
    steps
        Is told how far it is, from the share `start` of the whole work to `end`.
    """
    from mutualaid.evacuation import evacuation

    with _told_if_stopped(steps, start + 0.1 * (end - start)) as better:
        return evacuation(
            analysis,
            case=_case(analysis, wishes),
            level=wishes.level,
            compliance=wishes.compliance,
            one_route=wishes.one_route,
            measures=wishes.measures,
            gap=wishes.gap,
            time_limit_s=wishes.time_limit_s,
            progress=steps.part(start, end),
            quick=better,
        )


@contextmanager
def _told_if_stopped(steps: Steps, share: float) -> Iterator[Callable[[Bracket], None]]:
    """Give a call for brackets as they get better: it shows them, and the last is said if the user stops the search."""
    known: list[Bracket] = []

    def better(found: Bracket) -> None:
        known.append(found)
        steps(_so_far(found), share)

    try:
        yield better
    except SystemExit:
        if known:
            say(
                f"{_so_far(known[-1])} after the alarm, {known[-1].vehicles:,.0f} vehicles: so much was proven."
            )
        raise


def quick_bracket(region: Path, wishes: Evacuate, *, as_json: bool) -> None:
    """Print two bounds of the clearance time, as they get better, and write nothing."""
    from mutualaid.coverage import analyse
    from mutualaid.data import read_region
    from mutualaid.evacuation import bracket, network_of_case

    with Steps(quiet=as_json) as steps:
        steps("Reading the region", 0.0)
        analysis = analyse(read_region(region), progress=steps.part(0.0, 0.6))
        built = network_of_case(analysis, _case(analysis, wishes), level=wishes.level)
        with _told_if_stopped(steps, 0.7) as better:
            found = bracket(
                built.flow, gap=max(wishes.gap, _QUICK_GAP), time_limit_s=wishes.time_limit_s, progress=better
            )
    if as_json:
        told = {name: getattr(found, name) for name in ("lower_s", "upper_s", "vehicles", "status")}
        told["upper_s"] = told["upper_s"] if math.isfinite(found.upper_s) else None
        typer.echo(json.dumps({"bracket": told}, ensure_ascii=False))
    else:
        typer.echo(f"{_so_far(found)} after the alarm, {found.vehicles:,.0f} vehicles.")
        for note in (*built.notes, *found.notes):
            typer.echo(f"note: {note}")


#: Gap at which a quick answer is good enough.
_QUICK_GAP = 0.2


def _so_far(found: Bracket) -> str:
    """Say between what bounds the clearance time is known to lie."""
    if not math.isfinite(found.upper_s):
        return f"All out after more than {hours(found.lower_s)}"
    return f"All out between {hours(found.lower_s)} and {hours(found.upper_s)}"


def _case(analysis: Analysis, wishes: Evacuate) -> EvacuationCase:
    """Give what the region assumes, with what the command line says in its place."""
    from mutualaid.data import EvacuationCase

    given: dict[str, Any] = {
        "zones": wishes.zones,
        "factor": wishes.factor,
        "exits": wishes.exits,
        "persons_per_vehicle": wishes.persons_per_vehicle,
    }
    case = analysis.region.evacuation or EvacuationCase()
    return replace(case, **{name: value for name, value in given.items() if value is not None})


def _given(path: Path) -> gpd.GeoDataFrame:
    import geopandas as gpd

    from mutualaid.data import read_table

    table = read_table(path, "sites")
    assert isinstance(table, gpd.GeoDataFrame)  # the schema says: points
    return table


def _land(text: str | None) -> gpd.GeoSeries | None:
    import geopandas as gpd
    from shapely import box

    from mutualaid.data import read_area

    if text is None:
        return None
    area = read_area(text)
    return gpd.GeoSeries([box(*area) if isinstance(area, tuple) else area], crs=4326)


def _weights(scenarios: Iterable[str]) -> dict[str, float]:
    """Weights of scenarios by id, of texts like ``flood=0.01``."""
    weights = {}
    for text in scenarios:
        name, _, weight = text.partition("=")
        try:
            weights["" if name == _FAIR else name] = float(weight or 1.0)
        except ValueError:
            raise typer.BadParameter(f"{text!r} has no number after =", param_hint="--scenario") from None
    return weights or {"": 1.0}
