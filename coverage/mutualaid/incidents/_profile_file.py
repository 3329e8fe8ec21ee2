"""A calibration as a vehicle profile that later runs use, with where each figure comes from."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from pathlib import Path

from mutualaid.errors import Defect, IncidentError
from mutualaid.incidents._results import Calibration
from mutualaid.network import PROFILES

__all__ = ["write_profile"]

_SWITCHES = ("obeys_maxspeed", "ignores_oneway", "ignores_access", "ignores_turns", "ignores_u_turns")
_NUMBERS = ("against_oneway_kph", "height_m", "weight_t")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,60}")


def write_profile(calibration: Calibration, path: Path | str, *, name: str, note: str = "") -> Path:
    """Write a calibration as a profile file that `mutualaid.network.profile` reads.

    It takes over everything but speeds and the delay at junctions from the profile that was calibrated. Under
    ``[<name>.source]`` each figure says from which record, how many drives and with which 95 % interval it comes, and
    how far drives were missed that the fit had not seen. The delays before the wheels roll belong into
    ``[parameters]`` of region.toml and stand at the end as comments; `calibrated_parameters` takes them over.

    Parameters
    ----------
    calibration
        As `calibrate` gives it.
    path
        File ``….toml``; an existing one is replaced in one step, its folder made if it is not there.
    name
        Name of the profile: letters, digits, ``_`` and ``-``, and none of the built-in ones.
    note
        Who calibrated it and why, in words.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    IncidentError
        If the name or the path cannot be used.

    Examples
    --------
    >>> import tempfile
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.incidents import calibrate, write_profile
    >>> from mutualaid.network import profile
    >>> learnt = calibrate(analyse(read_region(demo_path())))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_profile(learnt, f"{folder}/engine.toml", name="engine-2016")
    ...     engine = profile(path)
    >>> engine.name, engine.speed_kph["residential"] < profile("fire_engine").speed_kph["residential"]
    ('engine-2016', True)
    """
    path = Path(path)
    _check(path, name)
    text = "\n".join(_lines(calibration, name, note)) + "\n"
    beside = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except (OSError, UnicodeEncodeError) as error:
        expected, remedy = (
            "a place that can be written to, and text",
            "name another file, or correct the note",
        )
        raise IncidentError([Defect(str(path), "", expected, str(error)[:200], remedy)]) from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
    return path


def _check(path: Path, name: str) -> None:
    defects = []
    if path.suffix.lower() != ".toml":
        defects.append(Defect(str(path), "", "a .toml file", path.suffix or "none", "choose another name"))
    if not _NAME.fullmatch(name) or name in PROFILES:
        expected = f"up to 60 letters, digits, _ and -, and none of {', '.join(PROFILES)}"
        defects.append(Defect("", "name", expected, repr(name)[:80], "choose another name for the profile"))
    if defects:
        raise IncidentError(defects)


def _lines(calibration: Calibration, name: str, note: str) -> list[str]:
    vehicle, record = calibration.vehicle, calibration.record
    span = f"{record['from']} to {record['to']}"
    lines = [
        f"# Speeds and delays learnt from a record of incidents: {_comment(record['region'])}, {span}.",
        f"[{name}]",
    ]
    if vehicle.name in PROFILES:
        lines.append(f"based_on = {_text(vehicle.name)}")
    else:
        lines.append(f"kinds = [{', '.join(_text(kind) for kind in sorted(vehicle.kinds))}]")
        lines += [f"{key} = {str(getattr(vehicle, key)).lower()}" for key in _SWITCHES]
        lines += [f"{key} = {_number(getattr(vehicle, key))}" for key in _NUMBERS]
    lines += [
        f"label = {_text(f'{vehicle.label}, as driven {span}')}",
        f"junction_s = {_number(round(float(calibration.junction['s']), 2))}",
        "",
        f"[{name}.speed_kph]",
        *(f"{road} = {_number(round(float(kph), 2))}" for road, kph in calibration.speeds["kph"].items()),
        "",
        f"[{name}.source]",
        *(f"{_text(key)} = {_text(text)}" for key, text in _sources(calibration, note).items()),
        "",
        *_parameters(calibration),
    ]
    return lines


def _sources(calibration: Calibration, note: str) -> dict[str, str]:
    """Say of each figure where it comes from; what was not learnt keeps its own source."""
    vehicle, record, holdout = calibration.vehicle, calibration.record, calibration.holdout
    before, after = (holdout.loc[row] for row in ("before", "after"))
    found = {
        key: text
        for key, text in vehicle.source.items()
        if vehicle.name not in PROFILES and key in {"kinds", *_SWITCHES, *_NUMBERS}
    }
    found["record"] = (
        f"{record['region']}, {record['service']}, {record['from']} to {record['to']}: "
        f"{record['incidents']} incidents, {calibration.runs} drives used"
    )
    found["holdout"] = (
        f"drives that the fit had not seen were missed by {after['mae_s']:.0f} s on average and "
        f"{after['median_s']:+.0f} s in the median (observed less modelled); before by "
        f"{before['mae_s']:.0f} s and {before['median_s']:+.0f} s"
    )
    found["speed_kph"] = (
        f"calibrated from {vehicle.name} on the record; classes that it tells too little of are as they were"
    )
    for road, row in calibration.speeds.iterrows():
        if row["fitted"]:
            found[f"speed_kph.{road}"] = (
                f"record: {row['drives']} drives, {row['km']:.0f} km; 95 % interval {row['low_kph']:.1f} to "
                f"{row['high_kph']:.1f} km/h; before {row['before_kph']:g}"
            )
    junction = calibration.junction
    if junction["fitted"]:
        found["junction_s"] = (
            f"record: 95 % interval {junction['low_s']:.1f} to {junction['high_s']:.1f} s; "
            f"before {junction['before_s']:g}"
        )
    elif "junction_s" in vehicle.source:
        found["junction_s"] = vehicle.source["junction_s"]
    if note:
        found["note"] = note
    return found


def _parameters(calibration: Calibration) -> list[str]:
    """Delays, as comments that can be copied into [parameters] of region.toml."""
    table = calibration.delays
    table = table[table["fitted"].to_numpy(dtype=bool) & (table["hour"] == "").to_numpy()]
    if table.empty:
        return []
    lines = ["# Delays by the same record, for [parameters] of region.toml:"]
    turnout = []
    for row in table.to_dict("records"):
        value = _number(round(float(row["s"]), 1))
        if row["segment"] == "turnout_s":
            turnout.append(f"{row['group']} = {value}")
            continue
        sure = f"95 % interval {row['low_s']:.0f} to {row['high_s']:.0f}, {row['count']} incidents"
        lines.append(f"# {row['segment']} = {value}  # {sure}; before {row['before_s']:g}")
    if turnout:
        lines.append(f"# turnout_s = {{ {', '.join(turnout)} }}")
    return lines


def _text(value: str) -> str:
    """Quote a text as TOML has it: as JSON does, and DEL escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _comment(value: str) -> str:
    """Text on one line of a comment."""
    return " ".join("".join(one if one.isprintable() else " " for one in value).split())


def _number(value: float) -> str:
    return repr(float(value))
