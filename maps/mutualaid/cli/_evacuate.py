"""``mutualaid evacuate``: how long clearing takes, by what ways, and what the neighbour's shelters are worth."""

from __future__ import annotations

from typing import Annotated

import typer

from mutualaid.cli._evacuations import print_evacuation
from mutualaid.cli._options import Json, Keep, KeepInputs, Languages, Note, Out, RegionPath, home_of
from mutualaid.cli._runs import Evacuate, Memory, quick_bracket, run_region

__all__ = ["evacuate"]


def evacuate(
    region: RegionPath,
    *,
    zone: Annotated[
        list[str] | None,
        typer.Option(
            help="Who must leave: a jurisdiction by id, a file of polygons in the region folder, or people in a "
            "hazard: 'severity:LAYER>=3'; may be given several times. Default: as [evacuation] says."
        ),
    ] = None,
    shelters: Annotated[
        str, typer.Option(help="own: each partner's own shelters and roads; joint: the neighbours' too.")
    ] = "joint",
    factor: Annotated[
        str | None, typer.Option(help="Capacity of roads: planning, evacuation or sustained.")
    ] = None,
    persons_per_vehicle: Annotated[float | None, typer.Option(min=0.1, help="People in a car.")] = None,
    exits: Annotated[
        bool | None, typer.Option("--exits/--no-exits", help="Whether leaving the region counts as safe.")
    ] = None,
    compliance: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Share of the people who do as told; the others drive to the nearest."
        ),
    ] = 1.0,
    one_route: Annotated[
        bool,
        typer.Option(
            "--one-route", help="One way for each place, and no forks: slower, but easier to follow."
        ),
    ] = False,
    measures: Annotated[
        int, typer.Option(min=0, help="Roads and crossings whose worth is looked at, of each kind; 0: none.")
    ] = 3,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only the two bounds, coarsely, in seconds; nothing is written.")
    ] = False,
    gap: Annotated[
        float, typer.Option(min=0, help="Relative gap between the bounds at which to stop.")
    ] = 0.05,
    time_limit_s: Annotated[
        float, typer.Option(min=0, help="Seconds for each question to the solver.")
    ] = 60.0,
    out: Out = None,
    note: Note = "",
    record: Keep = True,
    keep_inputs: KeepInputs = True,
    lang: Languages = None,
    as_json: Json = False,
) -> None:
    """Find how long clearing takes, between two proven bounds, and routes that people can follow.

    People, cars, release, shelters and what closes when are read from [shelters] and [evacuation] of region.toml; what
    is not stated there is assumed, and told. Everything is computed as `mutualaid run` does; map, route cards and files
    go to 'evacuation' in the region folder, or to --out.
    """
    wishes = Evacuate(
        zones=None if zone is None else tuple(zone), level=shelters, factor=factor, exits=exits,
        persons_per_vehicle=persons_per_vehicle, compliance=compliance, one_route=one_route, measures=measures,
        gap=gap, time_limit_s=time_limit_s,
    )  # fmt: skip
    if quick:
        quick_bracket(region, wishes, as_json=as_json)
        return
    folder = home_of(region)
    run_region(
        region,
        out or folder / "evacuation",
        {},
        print_evacuation,
        lang=lang,
        as_json=as_json,
        evacuate=wishes,
        memory=Memory(note, record, keep_inputs),
    )
