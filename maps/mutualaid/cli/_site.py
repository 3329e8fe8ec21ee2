"""``mutualaid site``: where the next stations go, and what that is worth to each partner."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mutualaid.cli._console import Steps, print_files, print_not_computed
from mutualaid.cli._cooperation import measured
from mutualaid.cli._options import EXIT_DEFECTS, Json, Languages, Out, RegionPath, Service
from mutualaid.cli._plans import print_plan

if TYPE_CHECKING:
    import geopandas as gpd

    from mutualaid.coverage import Analysis
    from mutualaid.siting import SitingStudy

__all__ = ["DEMO", "Wishes", "site", "studied"]

#: How the command line calls fair weather.
_FAIR = "fair"

Ids = Annotated[list[str] | None, typer.Option(help="Id of a station; may be given several times.")]


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


#: What the embedded example asks for.
DEMO = Wishes(add=2, avoid_severity=4)


def site(
    region: RegionPath,
    *,
    add: Annotated[
        int | None,
        typer.Option(
            min=0, help="New stations, at most. Default: 1; any number with --budget, and for lscp."
        ),
    ] = None,
    close: Annotated[int, typer.Option(min=0, help="Stations to close, at most.")] = 0,
    closable: Ids = None,
    move: Annotated[int, typer.Option(min=0, help="Stations to move elsewhere, at most.")] = 0,
    movable: Ids = None,
    budget: Annotated[
        float | None,
        typer.Option(min=0, help="Money for opening and closing; without --add any number of stations."),
    ] = None,
    cost: Annotated[
        float, typer.Option(min=0, help="Cost of a new station, where --sites states none.")
    ] = 1.0,
    model: Annotated[
        str, typer.Option(help="mclp, mexclp, p_median, p_center, lscp, lscp_backup, dsm or cmclp.")
    ] = "mclp",
    level: Annotated[str, typer.Option(help="Who comes: alone, agreed or joint.")] = "joint",
    scenario: Annotated[
        list[str] | None,
        typer.Option(
            help="Scenario that counts, by id, or 'fair' for fair weather; with a weight: flood=0.01; may be given "
            "several times. Default: fair weather."
        ),
    ] = None,
    over: Annotated[str, typer.Option(help="With several: expected, worst, regret or cvar.")] = "expected",
    sites: Annotated[
        Path | None,
        typer.Option(help="File with the only places where a station could be; default: junctions."),
    ] = None,
    spacing_m: Annotated[
        float,
        typer.Option(
            min=10, help="Metres between junctions that are looked at; more where they are over 300."
        ),
    ] = 250.0,
    within: Annotated[
        str | None,
        typer.Option(help="New stations lie in this area: west,south,east,north, or a file of polygons."),
    ] = None,
    avoid_severity: Annotated[
        int | None,
        typer.Option(min=1, max=5, help="No new station where any hazard is this severe or worse."),
    ] = None,
    no_worse: Annotated[
        bool, typer.Option("--no-worse", help="No partner may reach fewer of its people than today.")
    ] = False,
    floor: Annotated[
        float, typer.Option(min=0, max=1, help="Share of each jurisdiction's people to be reached at least.")
    ] = 0.0,
    worst_first: Annotated[
        bool,
        typer.Option("--worst-first", help="Raise the partner with the least share first, then the next."),
    ] = False,
    pays_most: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the cost that one partner pays at most.")
    ] = 1.0,
    alternatives: Annotated[int, typer.Option(min=1, help="Plans to show, the best one included.")] = 3,
    near: Annotated[float, typer.Option(min=0, max=1, help="Share of the best that others may lack.")] = 0.02,
    apart_m: Annotated[
        float,
        typer.Option(min=0, help="Metres by which a site of another plan is away from all of this one."),
    ] = 1000.0,
    tail: Annotated[
        float, typer.Option(help="cvar: share of the weight that the worst scenarios have.")
    ] = 0.1,
    capacity: Annotated[
        float | None, typer.Option(min=0, help="cmclp: people that a station serves, if --sites states none.")
    ] = None,
    wide_s: Annotated[
        float | None, typer.Option(min=0, help="dsm: seconds within which all are reached.")
    ] = None,
    share_least: Annotated[
        float | None, typer.Option("--share", min=0, max=1, help="dsm: share of people within the standard.")
    ] = None,
    busy: Annotated[
        float | None, typer.Option(min=0, help="mexclp: share of the time that a unit is out.")
    ] = None,
    per_site: Annotated[
        int | None, typer.Option(min=1, help="mexclp: units at one new station, at most.")
    ] = None,
    time_limit_s: Annotated[
        float, typer.Option(min=0, help="Seconds for each question to the solver.")
    ] = 60.0,
    out: Out = None,
    service: Service = None,
    standard: Annotated[str | None, typer.Option(help="Id of the common standard.")] = None,
    lang: Languages = None,
    as_json: Json = False,
) -> None:
    """Find where new stations should stand, alone or shared, and what each partner gains.

    Stations that exist stay, unless --closable or --movable names them. The plan is proven best, or the gap to what
    is possible is told; plans that are nearly as good stand beside it. Everything is computed as `mutualaid run` does;
    map and files go to 'siting' in the region folder, or to --out.
    """
    from mutualaid.maps import page_languages
    from mutualaid.reports import check_target, full_summary, tables_for_map, write_results

    started = time.perf_counter()
    wishes = Wishes(
        add=add, close=close, move=move, closable=tuple(closable or ()), movable=tuple(movable or ()),
        budget=budget, cost=cost, model=model, level=level, scenarios=tuple(scenario or ()), over=over, sites=sites,
        spacing_m=spacing_m, within=within, avoid_severity=avoid_severity, no_worse=no_worse, floor=floor,
        worst_first=worst_first, pays_most=pays_most, alternatives=alternatives, near=near, wide_s=wide_s,
        share=share_least, busy=busy, time_limit_s=time_limit_s, apart_m=apart_m, tail=tail, capacity=capacity,
        per_site=per_site,
    )  # fmt: skip
    languages = None if lang is None else page_languages(part.strip() for part in lang.split(","))
    folder = region.parent if region.suffix == ".toml" else region
    target = out or folder / "siting"
    check_target(target)
    with Steps(quiet=as_json) as steps:
        given = {"service": service, "standard": standard}
        changed = {name: value for name, value in given.items() if value is not None}
        analysis, cooperation = measured(region, changed, steps, until=0.5)
        study = studied(analysis, wishes, steps, start=0.5, end=0.9)
        steps("Writing map and files", 0.9)
        files = write_results(
            analysis,
            target,
            cooperation=cooperation,
            what_if=tables_for_map(analysis, study),
            siting=study,
            languages=languages,
            seconds=time.perf_counter() - started,
        )
    summary = full_summary(analysis, cooperation, study)
    if as_json:
        told = {"summary": summary, "files": {name: str(path) for name, path in files.items()}}
        typer.echo(json.dumps(told, ensure_ascii=False))
    else:
        typer.echo(summary["region"]["name"])
        print_plan(summary)
        print_files(files)
    if analysis.not_computed:
        print_not_computed(analysis.not_computed)
        raise typer.Exit(EXIT_DEFECTS)


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
