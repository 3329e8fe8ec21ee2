"""``mutualaid site``: where the next stations go, and what that is worth to each partner."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mutualaid.cli._options import Json, Keep, KeepInputs, Languages, Note, Out, RegionPath, Service, home_of
from mutualaid.cli._plans import print_plan
from mutualaid.cli._runs import Memory, Wishes, run_region

__all__ = ["site"]

Ids = Annotated[list[str] | None, typer.Option(help="Id of a station; may be given several times.")]


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
    note: Note = "",
    record: Keep = True,
    keep_inputs: KeepInputs = True,
    lang: Languages = None,
    as_json: Json = False,
) -> None:
    """Find where new stations should stand, alone or shared, and what each partner gains.

    Stations that exist stay, unless --closable or --movable names them. The plan is proven best, or the gap to what
    is possible is told; plans that are nearly as good stand beside it. Everything is computed as `mutualaid run` does;
    map and files go to 'siting' in the region folder, or to --out.
    """
    wishes = Wishes(
        add=add, close=close, move=move, closable=tuple(closable or ()), movable=tuple(movable or ()),
        budget=budget, cost=cost, model=model, level=level, scenarios=tuple(scenario or ()), over=over, sites=sites,
        spacing_m=spacing_m, within=within, avoid_severity=avoid_severity, no_worse=no_worse, floor=floor,
        worst_first=worst_first, pays_most=pays_most, alternatives=alternatives, near=near, wide_s=wide_s,
        share=share_least, busy=busy, time_limit_s=time_limit_s, apart_m=apart_m, tail=tail, capacity=capacity,
        per_site=per_site,
    )  # fmt: skip
    given = {"service": service, "standard": standard}
    changed = {name: value for name, value in given.items() if value is not None}
    folder = home_of(region)
    run_region(
        region,
        out or folder / "siting",
        changed,
        print_plan,
        lang=lang,
        as_json=as_json,
        wishes=wishes,
        memory=Memory(note, record, keep_inputs),
    )
