"""``mutualaid incidents``: what happened, held against the model, and what the model learns from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from mutualaid.cli._console import Steps, print_files
from mutualaid.cli._formats import clock, people, print_table, share
from mutualaid.cli._options import Json, RegionPath, Service
from mutualaid.errors import Defect, IncidentError

__all__ = ["app", "print_incidents", "print_incidents_in_short"]

app = typer.Typer(
    name="incidents",
    help="What happened: records of incidents, held against the model, and what the model learns from them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_VERDICTS: Mapping[str, str] = {
    "confirmed": "confirmed",
    "not_confirmed": "not confirmed",
    "too_few": "too few incidents to say",
    "none_modelled": "no gain modelled",
}
_LEVELS: Mapping[str, str] = {"alone": "each alone", "agreed": "as agreed", "joint": "joint team"}


@app.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(help="Record of incidents: CSV, from a dispatch system or a registry.")
    ],
    *,
    region: Annotated[Path, typer.Option(help="region.toml, or the folder that holds it.")],
    columns: Annotated[
        Path | None,
        typer.Option(help="TOML file: which of its columns is what; what is not there is guessed and told."),
    ] = None,
    form: Annotated[
        str | None, typer.Option(help="csv, neris or nfirs; default: as the headers look.")
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option(help="Of times that state none, such as Europe/Vienna.")
    ] = None,
    service: Service = None,
    replace_: Annotated[
        bool, typer.Option("--replace", help="Take the place of a record that the region has already.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Clean a record of incidents by stated rules and add it to a region.

    Nothing is dropped silently: incidents.csv holds what is kept, incidents_left_out.csv every row that is not, with
    the rule, and incidents_import.json the counts and what each column was taken for.
    """
    from mutualaid.data import read_region
    from mutualaid.incidents import RULES, import_incidents, write_incidents

    read = read_region(region)
    found = import_incidents(
        file, region=read, form=form, columns=columns, time_zone=time_zone, service=service
    )
    files = write_incidents(found, read.folder, replace=replace_)
    counts = {str(rule): int(number) for rule, number in found.counts.items()}
    if as_json:
        told = {name: str(path) for name, path in files.items()}
        typer.echo(
            json.dumps(
                {
                    "kept": len(found.incidents),
                    "counts": counts,
                    "mapping": dict(found.mapping),
                    "files": told,
                },
                ensure_ascii=False,
                default=str,
            )
        )
        return
    typer.echo(
        f"{counts['rows']:,} rows: {counts['kept']:,} kept, {counts['left_out']:,} left out, "
        f"{found.mended['row'].nunique():,} mended."
    )
    if guessed := found.mapping.get("guessed"):
        typer.echo(f"Guessed, check it: {', '.join(map(str, guessed))}")
    used = [[f"{counts[rule]:,}", rule, sentence] for rule, sentence in RULES.items() if counts.get(rule)]
    print_table(["rows", "rule", "what it says"], used, left=(1, 2))
    for note in found.notes:
        typer.echo(f"note: {note}")
    print_files(files)


@app.command()
def review(
    region: RegionPath,
    *,
    busy: Annotated[
        bool,
        typer.Option("--busy/--no-busy", help="Simulate what is left when units are out on other calls."),
    ] = True,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws: the same seed gives the same numbers.")] = 0,
    service: Service = None,
    as_json: Json = False,
) -> None:
    """Hold the record against the standard and against the model, and print what it says. Nothing is written.

    Response times by place, hour and unit; how far drives were from those modelled; whether the record confirms the
    gain of a joint team; expected calls in time, and what is left of it when units are busy. `mutualaid run` writes the
    same as tables.
    """
    from mutualaid.coverage import analyse
    from mutualaid.data import revise
    from mutualaid.incidents import incident_numbers, incident_study

    read = _with_record(region)
    if service is not None:
        read = replace(read, parameters=revise(read.parameters, service=service))
    with Steps(quiet=as_json) as steps:
        analysis = analyse(read, progress=steps.part(0.0, 0.5))
        study = incident_study(analysis, busy=busy, seed=seed, progress=steps.part(0.5, 1.0))
    numbers = incident_numbers(study)
    if as_json:
        typer.echo(json.dumps({"incidents": numbers}, ensure_ascii=False))
    else:
        print_incidents(numbers)


@app.command()
def calibrate(
    region: RegionPath,
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Profile file to write; default: profiles/calibrated.toml in the region folder."
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the profile.")] = "calibrated",
    note: Annotated[str, typer.Option(help="What must be known of it; stands in the file.")] = "",
    folds: Annotated[int, typer.Option(min=2, help="Parts of the record, each held out once.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
    as_json: Json = False,
) -> None:
    """Fit speeds, junctions, turnout and dispatch to the record, and write them as a vehicle profile.

    The file says for each value from which record it comes. To use it, put the path that is printed into [parameters]
    profile of region.toml; turnout and dispatch are printed to be put there too.
    """
    from mutualaid.coverage import analyse
    from mutualaid.incidents import calibrate as fit
    from mutualaid.incidents import write_profile

    read = _with_record(region)
    target = out or read.folder / "profiles" / f"{name}.toml"
    with Steps(quiet=as_json) as steps:
        analysis = analyse(read, progress=steps.part(0.0, 0.5))
        found = fit(analysis, folds=folds, seed=seed)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_profile(found, target, name=name, note=note)
    if as_json:
        speeds = json.loads(found.speeds.to_json(orient="index"))
        delays = json.loads(found.delays.to_json(orient="records"))
        told = {"file": str(target), "runs": found.runs, "speeds": speeds, "junction": dict(found.junction)}
        typer.echo(json.dumps({**told, "delays": delays}, ensure_ascii=False, default=str))
        return
    typer.echo(f"{found.runs:,} drives used.")
    _print_calibration(
        {
            "speeds": found.speeds.to_dict("index"),
            "junction": found.junction,
            "delays": found.delays.to_dict("records"),
            "holdout": found.holdout.to_dict("index"),
        }
    )
    for text in found.notes:
        typer.echo(f"note: {text}")
    print_files({target.name: target})


def _with_record(region: Path) -> Any:
    from mutualaid.data import read_region

    read = read_region(region)
    if not len(read.incidents):
        expected, remedy = (
            "a record of incidents",
            "add one with mutualaid incidents import FILE --region FOLDER",
        )
        raise IncidentError([Defect("region.toml", "[incidents]", expected, "none", remedy)])
    return read


# --- what is printed ----------------------------------------------------------------------------------------------


def print_incidents_in_short(summary: Mapping[str, Any]) -> None:
    """Print what the record says, in a few lines."""
    numbers = summary["incidents"]
    record, whole = numbers["record"], numbers["performance"]["all"]["segments"]["standard"]
    typer.echo(
        f"\nRecord: {record['incidents']:,} incidents from {record['from']} to {record['to']}, "
        f"{share(whole['within_share'])} within the standard ({share(whole['within_low_share'])} to "
        f"{share(whole['within_high_share'])})."
    )
    _print_fit(numbers)
    _print_verdict(numbers["gain"])
    if numbers["busy"]:
        for level, row in numbers["busy"]["levels"].items():
            typer.echo(
                f"Calls in time, {_LEVELS[level]}: {share(row['static_share'])} if every unit is at home, "
                f"{share(row['in_time_share'])} when units are out."
            )


def print_incidents(numbers: Mapping[str, Any]) -> None:
    """Print everything that the record says."""
    record = numbers["record"]
    typer.echo(
        f"{record['incidents']:,} incidents, {record['rows']:,} rows, {record['from']} to {record['to']}"
    )
    print_table(
        ["what became of the rows", "rows"], [[why, f"{n:,}"] for why, n in record["counts"].items() if n]
    )
    typer.echo("")
    _print_performance(numbers["performance"])
    typer.echo("")
    _print_fit(numbers)
    rows = [
        [
            one["name"],
            f"{one['count']:,}",
            _signed(one["mean_s"]),
            _signed(one["median_s"]),
            clock(one["p90_abs_s"]),
        ]
        for one in numbers["fit"]["jurisdictions"].values()
        if one["count"]
    ]
    print_table(["observed less modelled drive", "drives", "mean", "median", "90% within"], rows)
    typer.echo("")
    _print_gain(numbers["gain"])
    _print_calls(numbers)
    if numbers["calibration"]:
        typer.echo("\nWhat the record says of speeds and delays (mutualaid incidents calibrate writes it):")
        _print_calibration(numbers["calibration"])
    elif numbers["refused"]:
        typer.echo(f"\nNo calibration: {numbers['refused']}")
    for note in numbers["notes"]:
        typer.echo(f"note: {note}")


def _print_performance(performance: Mapping[str, Any]) -> None:
    groups = {
        "": {"all": performance["all"]},
        **{k: performance[k] for k in ("jurisdictions", "hours", "units")},
    }
    rows = []
    for found in groups.values():
        for key, block in found.items():
            limit = block["segments"]["standard"]
            if not block["count"]:
                continue
            low, high = share(limit["within_low_share"]), share(limit["within_high_share"])
            known = limit["within_share"] is not None
            within = f"{share(limit['within_share'])} ({low}–{high})" if known else "unknown"
            rows.append(
                [
                    block["name"] or key,
                    f"{block['count']:,}",
                    _time(limit["p50_s"]),
                    _time(limit["p90_s"]),
                    within,
                ]
            )
    print_table(["record", "incidents", "half within", "90% within", "in time"], rows)


def _print_fit(numbers: Mapping[str, Any]) -> None:
    fit = numbers["fit"]["all"]
    if not fit["count"]:
        typer.echo("No drive of the record can be held against the model.")
        return
    typer.echo(
        f"Of {fit['count']:,} drives {share(fit['longer_share'])} took longer than modelled. On average the difference "
        f"is {_signed(fit['mean_s'])} ({_signed(fit['mean_low_s'])} to {_signed(fit['mean_high_s'])})."
    )


def _print_verdict(gain: Mapping[str, Any]) -> None:
    total = gain["total"]
    verdict = _VERDICTS[total["verdict"]]
    of = f"of {total['judged']:,} incidents to which a neighbour came first" if total["judged"] else ""
    level = "today's agreements" if gain["level"] == "agreed" else "a joint team"
    typer.echo(f"What {level} bring: {verdict} by the record {of}".rstrip() + ".")


def _print_gain(gain: Mapping[str, Any]) -> None:
    _print_verdict(gain)
    rows = [
        [
            one["name"], people(one["closed_people"]), f"{one['judged']:,}", _time(one["modelled_saved_s"]),
            _time(one["recorded_saved_s"]), _share(one["in_time_modelled_share"]), _share(one["in_time_share"]),
            _VERDICTS[one["verdict"]],
        ]
        for one in gain["jurisdictions"].values()
    ]  # fmt: skip
    heads = [
        "people gained",
        "incidents",
        "saved, modelled",
        "recorded",
        "in time, modelled",
        "recorded",
        "verdict",
    ]
    print_table(["does the record confirm it", *heads], rows, left=(0, 7))


def _print_calls(numbers: Mapping[str, Any]) -> None:
    rates, busy = numbers["rates"], numbers["busy"]
    if rates is None or numbers["calls"] is None:
        return  # a note says why
    typer.echo(
        f"\nExpected: {rates['calls_year']:,.0f} calls a year, by {rates['calls']:,} in {rates['years']:.1f} years."
    )
    rows = []
    for level, row in numbers["calls"].items():
        out = busy["levels"].get(level) if busy else None
        rows.append(
            [
                _LEVELS[level],
                share(row["in_time_share"]),
                share(out["in_time_share"]) if out else "",
                _time(out["p90_s"]) if out else "",
                share(out["busy_share"]) if out else "",
            ]
        )
    print_table(["calls in time", "every unit at home", "units out", "90% within", "units busy"], rows)


def _print_calibration(found: Mapping[str, Any]) -> None:
    rows = [
        [name, f"{one['before_kph']:.0f}", f"{one['kph']:.0f}", f"{one['low_kph']:.0f}–{one['high_kph']:.0f}",
         f"{one['km']:,.0f}"]
        for name, one in found["speeds"].items()
        if one["fitted"]
    ]  # fmt: skip
    print_table(["km/h", "assumed", "record", "95%", "km driven"], rows)
    junction = found["junction"]
    if junction["fitted"]:
        typer.echo(
            f"Junction: {junction['before_s']:.1f} s assumed, {junction['s']:.1f} s by the record "
            f"({junction['low_s']:.1f}–{junction['high_s']:.1f})."
        )
    rows = [
        [one["segment"].removesuffix("_s"), " ".join(filter(None, (one["group"], one["hour"]))), _time(one["before_s"]),
         _time(one["s"]), f"{_time(one['low_s'])}–{_time(one['high_s'])}", f"{one['count']:,}"]
        for one in found["delays"]
        if one["fitted"]
    ]  # fmt: skip
    if rows:
        print_table(["median", "of", "assumed", "record", "95%", "incidents"], rows)
    before, after = found["holdout"]["before"], found["holdout"]["after"]
    typer.echo(
        f"On drives that the fit did not see: off by {clock(before['mae_s'])} on average before, "
        f"{clock(after['mae_s'])} after."
    )


def _time(seconds: float | None) -> str:
    return "" if seconds is None or seconds != seconds else clock(seconds)


def _share(value: float | None) -> str:
    return "" if value is None else share(value)


def _signed(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{'−' if round(seconds) < 0 else '+'}{clock(abs(seconds))}"
