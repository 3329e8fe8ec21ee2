"""A record of incidents as somebody keeps it, brought into the form of a region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.data import STAMPS, Region
from mutualaid.errors import Defect, IncidentError
from mutualaid.incidents._import._clock import Clock, read_clocks
from mutualaid.incidents._import._mapping import FORMS, PLACES, Recorded, guess, read_mapping
from mutualaid.incidents._import._positions import positions, swapped
from mutualaid.incidents._import._rows import RawRows, read_rows
from mutualaid.incidents._import._rules import LEAVES_OUT, Notebook
from mutualaid.incidents._import._words import services, stations, texts_of

__all__ = ["Imported", "import_incidents"]

_TEXTS = ("incident", "unit", "station", "service", "type")


@dataclass(frozen=True, eq=False)
class Imported:
    """A record that was brought into the form of a region.

    Attributes
    ----------
    incidents
        In the form of `mutualaid.data.Region.incidents`, in the order of the file; the id is ``I`` and the row there.
    left_out
        Rows that are not among them: ``row`` (in the file), ``rule`` (of `RULES`), ``what`` (came).
    mended
        Values that were changed: ``row``, ``column`` (our name), ``rule``, ``before``, ``after`` ("" is unknown).
    counts
        ``rows`` of the file = ``kept`` + ``left_out``; ``missing_t0`` … ``missing_free``: of those kept, how many lack
        that point of the clock; ``unknown_station``: of those kept, how many come from a station that the region does
        not have (not stated ones are ``missing_station``); then the entries of each rule.
    mapping
        How the record was read, ready for JSON.
    form
        ``csv``, ``neris`` or ``nfirs``.
    file
        Name of the record's file.
    notes
        What must be known to use it.
    """

    incidents: gpd.GeoDataFrame
    left_out: pd.DataFrame
    mended: pd.DataFrame
    counts: Mapping[str, int]
    mapping: Mapping[str, Any]
    form: str
    file: str
    notes: tuple[str, ...]


def import_incidents(
    path: Path | str,
    *,
    region: Region,
    form: str | None = None,
    columns: Mapping[str, Any] | Path | str | None = None,
    time_zone: str | None = None,
    service: str | None = None,
) -> Imported:
    r"""Read a record of incidents as a control room or an authority exports it, and clean it by the `RULES`.

    No row is dropped and no value is changed without a word: every row of the file is among the incidents or in the
    list of those left out, with the rule. What can only be guessed is refused, with what to state.

    Parameters
    ----------
    path
        UTF-8 text with a header (between fields ``,``, ``;``, tabs, ``^`` or ``|``), or NERIS incidents as JSON.
    region
        Where they happened: its jurisdictions, its stations, its CRS.
    form
        ``csv`` (any table, such as the export of a control room), ``neris`` or ``nfirs`` (both of the USA); found from
        the names of the columns if None.
    columns
        Which column is what, as a mapping or a TOML file: our name = their header, or a list of headers that are joined
        (a date and a time). Our names are ``incident``, ``unit``, ``station``, ``service``, ``type``, ``t0`` … ``t5``,
        ``free``, ``date`` (of times that state none), and ``lon`` and ``lat``, ``x`` and ``y``, or ``point`` (WKT).
        Tables: ``stations`` (their code = our id), ``units`` (their unit = our id of its station), ``services`` (their
        word = ``fire``, ``ems`` or ``rescue``), and ``format``: ``time_zone``, ``stamp`` (formats of moments as of
        `datetime.strptime`), ``day_first``, ``crs``, ``delimiter``, ``decimal``, ``service``. Columns that are not
        named are guessed from common names, and ``mapping`` says which.
    time_zone
        Zone of the control room's clock for moments that state no offset, such as ``Europe/Paris``.
    service
        Service to be imported; rows of others are left out. If None: as the rows say; that of the region's parameters
        where they say nothing.

    Returns
    -------
    Imported

    Raises
    ------
    IncidentError
        The file cannot be read, the mapping names what there is not, no column holds a position or a moment, or times,
        days or positions can be read in more than one way; all that is wrong is named.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.incidents import import_incidents
    >>> region = read_region(demo_path())
    >>> lines = ["Event No,Call Sign,Date,Dispatched,On Scene,Longitude,Latitude",
    ...          "17,E1,24/12/2015,23:58:10,00:04:05,7.4246,43.7384",
    ...          "18,E1,25/12/2015,09:10:00,09:14:00,0,0"]
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "export.csv"
    ...     _ = file.write_text("\n".join(lines), encoding="utf-8")
    ...     found = import_incidents(file, region=region, time_zone="Europe/Paris")
    >>> found.counts["rows"], found.counts["kept"], found.counts["midnight"], found.counts["no_position"]
    (2, 1, 1, 1)
    >>> row = found.incidents.iloc[0]
    >>> (row["t4"] - row["t2"]).total_seconds(), float(row["offset_min"])
    (355.0, 60.0)
    """
    if form is not None and form not in FORMS:
        raise IncidentError(
            [Defect("", "form", f"one of {', '.join(FORMS)}", repr(form), "choose one of them")]
        )
    path = Path(path)
    stated = read_mapping(columns, time_zone, service)
    notebook = Notebook()
    raw = read_rows(path, stated.delimiter, notebook)
    recorded, form = guess(raw.header, stated, form, path.name)
    kept = _once(raw, form, notebook)
    numbers = [number for number, _ in kept]
    position = {name: at for at, name in enumerate(raw.header)}
    parts = {
        name: [[row[position[header]] for _, row in kept] for header in headers]
        for name, headers in recorded.columns.items()
    }
    texts = {name: texts_of(name, parts[name], numbers, notebook) for name in _TEXTS if name in parts}
    if "service" in recorded.guessed and not any(
        one for one, _ in services(texts["service"], recorded, region, 0)
    ):
        del texts["service"]  # it only sounded like it
    stays = np.ones(len(kept), dtype=np.bool_)
    of_service = services(texts.get("service"), recorded, region, len(kept))
    for at, (_, rule) in enumerate(of_service):
        if rule:
            stays[at] = False
            notebook.leave_out(numbers[at], rule, texts["service"][at])
    _keep(stays, numbers, parts, texts)
    of_service = [one for one in of_service if not one[1]]
    joined = {
        name: [" ".join(row) for row in zip(*parts[name], strict=True)]
        for name in parts
        if name not in _TEXTS
    }
    where: dict[str, Sequence[str]] = {name: joined[name] for name in PLACES if name in joined}
    points, stays = positions(numbers, where, recorded, region, notebook)
    exchanged = len(stays) > 0 and stays.mean() < 0.5 and swapped(where, recorded, region)
    stamps: dict[str, Sequence[str]] = {name: joined[name] for name in STAMPS if name in joined}
    clocks = read_clocks(numbers, stamps, joined.get("date"), recorded, notebook, path.name)
    columns_of = {name: texts.get(name, [""] * len(numbers)) for name in ("incident", "unit", "type")}
    codes = stations(texts.get("station", [""] * len(numbers)), columns_of["unit"], recorded, region)
    stays &= _complete(numbers, stays, columns_of, clocks, form, notebook)
    rows = np.flatnonzero(stays)
    incidents = gpd.GeoDataFrame(
        {
            "incident": _texts([columns_of["incident"][at] or f"I{numbers[at]}" for at in rows]),
            "unit": _texts([columns_of["unit"][at] for at in rows]),
            "station": _texts([codes[at] for at in rows]),
            "service": _texts([of_service[at][0] for at in rows]),
            "type": _texts([columns_of["type"][at] for at in rows]),
            **{name: _moments([clocks[at][0][place] for at in rows]) for place, name in enumerate(STAMPS)},
            "offset_min": np.array([_number(clocks[at][1]) for at in rows], dtype=np.float64),
        },
        geometry=points[rows],
        index=pd.Index([f"I{numbers[at]}" for at in rows], name="id", dtype="str"),
        crs=region.crs,
    )
    _forget(notebook, {numbers[at] for at in rows})
    left_out, mended = notebook.tables()
    counts = _counts(raw, incidents, left_out, region) | notebook.counts()
    return Imported(
        incidents=incidents,
        left_out=left_out,
        mended=mended,
        counts=counts,
        mapping=recorded.told(),
        form=form,
        file=path.name,
        notes=_notes(recorded, form, counts, texts, exchanged=exchanged),
    )


def _once(raw: RawRows, form: str, notebook: Notebook) -> list[tuple[int, tuple[str, ...]]]:
    """Leave out rows that are equal in every field, and further exposures of NFIRS."""
    seen: dict[tuple[str, ...], int] = {}
    exposure = next((at for at, name in enumerate(raw.header) if name.casefold() == "exp_no"), None)
    kept = []
    for number, row in raw.rows:
        first = seen.setdefault(row, number)
        if first != number:
            notebook.leave_out(number, "equal_row", f"as row {first}")
        elif form == "nfirs" and exposure is not None and row[exposure].strip("0"):
            notebook.leave_out(number, "exposure", row[exposure])
        else:
            kept.append((number, row))
    return kept


def _keep(
    stays: NDArray[np.bool_],
    numbers: list[int],
    parts: dict[str, list[list[str]]],
    texts: dict[str, list[str]],
) -> None:
    """Drop rows from all columns at once."""
    if stays.all():
        return
    numbers[:] = [one for one, stay in zip(numbers, stays, strict=True) if stay]
    for lists in (*parts.values(), [*texts.values()]):
        for values in lists:
            values[:] = [one for one, stay in zip(values, stays, strict=True) if stay]


def _complete(
    numbers: Sequence[int],
    inside: NDArray[np.bool_],
    texts: Mapping[str, Sequence[str]],
    clocks: Sequence[Clock],
    form: str,
    notebook: Notebook,
) -> NDArray[np.bool_]:
    """Of rows of the same unit at the same incident, keep the one with most known moments; NFIRS names no units."""
    best: dict[tuple[str, str], int] = {}
    stays = np.ones(len(numbers), dtype=np.bool_)

    def known(at: int) -> int:
        return sum(one is not None for one in clocks[at][0])

    for at in np.flatnonzero(inside).tolist():
        key = texts["incident"][at], texts["unit"][at]
        if not key[0] or not (key[1] or form == "nfirs"):
            continue
        other = best.setdefault(key, at)
        if other == at:
            continue
        worse, better = (other, at) if known(at) > known(other) else (at, other)
        best[key] = better
        stays[worse] = False
        notebook.leave_out(numbers[worse], "same_unit", f"as row {numbers[better]}")
    return stays


def _forget(notebook: Notebook, kept: set[int]) -> None:
    """Values of rows that are left out are not used, so how they were read is no matter."""
    notebook.mended[:] = [one for one in notebook.mended if one[0] in kept]


def _texts(values: Sequence[str]) -> Any:
    return pd.array(list(values), dtype="str")


def _moments(values: Sequence[int | None]) -> pd.DatetimeIndex:
    ms = np.array([np.iinfo(np.int64).min if one is None else one for one in values], dtype=np.int64)
    return pd.DatetimeIndex(ms.view("datetime64[ms]")).tz_localize("UTC")


def _number(value: int | None) -> float:
    return np.nan if value is None else float(value)


def _counts(
    raw: RawRows, incidents: gpd.GeoDataFrame, left_out: pd.DataFrame, region: Region
) -> dict[str, int]:
    station = incidents["station"]
    return {
        "rows": raw.total,
        "kept": len(incidents),
        "left_out": len(left_out),
        "incidents": int(incidents["incident"].nunique()),
        **{f"missing_{name}": int(incidents[name].isna().sum()) for name in STAMPS},
        "missing_station": int((station == "").sum()),
        "unknown_station": int(((station != "") & ~station.isin(region.stations.index)).sum()),
    }


def _notes(
    recorded: Recorded,
    form: str,
    counts: Mapping[str, int],
    texts: Mapping[str, Sequence[str]],
    *,
    exchanged: bool,
) -> tuple[str, ...]:
    """Say what must be known to use the record."""
    notes = []
    if others := [name for name in recorded.guessed if recorded.columns[name] != (name,)]:
        pairs = "; ".join(f"{name}: {' + '.join(recorded.columns[name])}" for name in others)
        notes.append(f"Columns guessed from their names, to be checked: {pairs}.")
    if form == "nfirs":
        notes.append(
            "NFIRS states when the department was alarmed, when its first unit arrived and when its last one left: "
            "they stand for t2, t4 and the moment at which a unit could be sent again."
        )
    if "service" not in texts:
        notes.append("The record names no service: all rows are taken to be of the one that was asked for.")
    if exchanged:
        notes.append("Most positions would lie in the region if their two coordinates were exchanged.")
    if counts["rows"] and not counts["kept"]:
        notes.append("No row was kept.")
    worst = {rule: counts[rule] for rule in LEAVES_OUT if counts[rule] > 0.2 * counts["rows"]}
    notes += [
        f"{number} of {counts['rows']} rows were left out by the rule {rule}."
        for rule, number in worst.items()
    ]
    if counts["unknown_station"]:
        notes.append(
            f"{counts['unknown_station']} rows name a station that the region does not have: translate its code in "
            "[stations], or leave them as stations that nobody shared."
        )
    return tuple(notes)
