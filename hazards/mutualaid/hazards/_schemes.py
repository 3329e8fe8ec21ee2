"""Schemes of classes: what a depth, an index or the code of a zone means on the common scale."""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

from mutualaid.errors import Defect, HazardError
from mutualaid.hazards._model import HAZARDS, QUANTITIES, SEVERITIES
from mutualaid.hazards._units import UNITS, find_unit, scaled

__all__ = ["Scheme", "scheme", "schemes"]

_CLOSED = ("left", "right", "both", "neither")
_BASES = ("severity", "probability")
_SCHEME_TEXTS = (
    "name",
    "edition",
    "jurisdiction",
    "hazard",
    "quantity",
    "unit",
    "basis",
    "source",
    "source_date",
    "note",
)
_LIMITS = {"max_velocity": "m/s", "max_depth_velocity": "m2/s"}


@dataclass(frozen=True, eq=False)
class Scheme:
    """How one authority sorts a hazard into classes, and where we put each class on the common scale.

    Attributes
    ----------
    id, name, edition
        Key, what people call it, and the edition that was read.
    jurisdiction
        Where it is used; empty if everywhere.
    hazard, quantity, unit
        What is classified; `unit` is the canonical one, to which all bounds are converted. ``class`` if it is
        known by codes only.
    basis
        ``severity``: the classes say how bad it gets. ``probability``: they say how often, and their severity
        is an assumption (see the note of each class).
    source, source_date, note
        Where the classes stand, when that was read, and what must be known.
    classes
        Index ``class_code``; columns ``class_label``, ``lo``, ``hi`` (NaN for classes without bounds),
        ``closed`` (``left`` = [lo, hi), ``right`` = (lo, hi], ``both``, ``neither``), ``closed_assumed`` (the
        source does not say to which class a bound belongs), ``max_velocity`` in m/s, ``max_depth_velocity`` in
        m²/s, ``return_period_years`` (NaN if not numbered), ``severity`` (Int8, 0…5; missing = unknown), ``note``.
    codes
        Code of the class by every spelling of a code, in upper case.
    """

    id: str
    name: str
    hazard: str
    quantity: str
    unit: str
    basis: str
    source: str
    classes: pd.DataFrame
    codes: Mapping[str, str]
    edition: str = ""
    jurisdiction: str = ""
    source_date: str = ""
    note: str = ""

    @property
    def needs_velocity(self) -> bool:
        """Whether a depth alone does not decide the class."""
        return bool(self.classes[list(_LIMITS)].lt(math.inf).to_numpy().any())

    def table(self) -> pd.DataFrame:
        """Give one row a class, with what is stated for the scheme as a whole: the mapping, for an output."""
        table = self.classes.reset_index()
        whole = ("hazard", "quantity", "unit", "basis", "source", "source_date")
        for position, name in enumerate(("edition", "jurisdiction")):
            table.insert(position, name, getattr(self, name))
        table.insert(0, "scheme", self.id)
        for name in whole:
            table[name] = getattr(self, name)
        table["note"] = [" ".join(filter(None, (self.note, note))) for note in table["note"]]
        return table[_COLUMNS]


_COLUMNS = [
    "scheme", "edition", "jurisdiction", "hazard", "class_code", "class_label", "quantity", "unit", "lo", "hi",
    "closed", "closed_assumed", "max_velocity", "max_depth_velocity", "return_period_years", "severity", "basis",
    "source", "source_date", "note",
]  # fmt: skip


def schemes() -> pd.DataFrame:
    """Table of the built-in schemes.

    Only what was read in a source. The severities are this package's own mapping.

    Returns
    -------
    DataFrame
        One row a class: ``scheme``, ``edition``, ``jurisdiction``, ``hazard``, ``class_code``, ``class_label``,
        ``quantity``, ``unit``, ``lo``, ``hi``, ``closed``, ``closed_assumed``, ``max_velocity`` (m/s),
        ``max_depth_velocity`` (m²/s), ``return_period_years``, ``severity`` (Int8), ``basis``, ``source``,
        ``source_date``, ``note``. Bounds are in the canonical unit.

    Examples
    --------
    >>> from mutualaid.hazards import schemes
    >>> table = schemes()
    >>> table.loc[table["scheme"] == "effis-fwi", ["class_label", "lo", "hi"]].head(3).to_dict("list")
    {'class_label': ['very low', 'low', 'moderate'], 'lo': [0.0, 5.2, 11.2], 'hi': [5.2, 11.2, 21.3]}
    """
    return pd.concat([found.table() for found in _built_in().values()], ignore_index=True)


def scheme(id_or_path: str | Path) -> Scheme:
    """Find a built-in scheme by its id, or read one from a TOML file.

    Parameters
    ----------
    id_or_path
        Id of a built-in scheme, or the path of a ``.toml`` file. It has a table ``[scheme]`` with ``id``,
        ``name``, ``hazard``, ``quantity``, ``unit`` and ``source``, and one ``[[class]]`` a class with ``code``,
        ``label``, ``severity`` (0…5 or ``"unknown"``), and ``lo``, ``hi``, ``closed``. ``also`` lists other
        spellings of the code.

    Raises
    ------
    HazardError
        There is no such scheme, or the file is not one; every defect is named.

    Examples
    --------
    >>> from mutualaid.hazards import scheme
    >>> scheme("inasafe-flood-depth").classes["severity"].to_dict()
    {'dry': 0, 'caution': 1, 'low': 2, 'medium': 3, 'high': 4}
    """
    path = Path(id_or_path)
    if path.suffix.lower() == ".toml":
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            got = str(error).replace(str(path), path.name)[:200]
            raise HazardError(
                [Defect(path.name, "", "a TOML file in UTF-8", got, "check the path")]
            ) from None
        return _parse(text, path.name)
    found = _built_in().get(str(id_or_path))
    if found is None:
        close = difflib.get_close_matches(str(id_or_path), _built_in(), n=3, cutoff=0.4)
        remedy = (
            f"did you mean {' or '.join(close)}"
            if close
            else "choose one from schemes(), or give a .toml file"
        )
        expected = "the id of a known scheme"
        raise HazardError([Defect("", "scheme", expected, repr(str(id_or_path))[:80], remedy)])
    return found


@cache
def _built_in() -> dict[str, Scheme]:
    folder = files(__package__).joinpath("schemes")
    found = [
        _parse(item.read_text(encoding="utf-8"), item.name)
        for item in sorted(folder.iterdir(), key=lambda item: item.name)
        if item.name.endswith(".toml")
    ]
    return {one.id: one for one in found}


def _parse(text: str, file: str) -> Scheme:
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        remedy = "correct the syntax"
        raise HazardError([Defect(file, "", "TOML", str(error)[:200], remedy)]) from None
    head, rows = content.get("scheme"), content.get("class")
    if not isinstance(head, dict) or not isinstance(rows, list) or set(content) - {"scheme", "class"}:
        expected = "a table [scheme] and one table [[class]] a class, and nothing else"
        remedy = "see the schemes that come with the package"
        raise HazardError([Defect(file, "", expected, ", ".join(content)[:80] or "nothing", remedy)])
    check = _Checker(file)
    check.head(head)
    for number, row in enumerate(rows, 1):
        check.row(row, number)
    if not rows:
        check.add("", "at least one [[class]]", "none", "add the classes")
    if not check.defects:
        check.together(head, rows)
    if check.defects:
        raise HazardError(check.defects)
    return _build(head, rows)


class _Checker:
    """Collects everything that is wrong with a scheme."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.defects: list[Defect] = []

    def add(self, where: str, expected: str, got: object, remedy: str) -> None:
        self.defects.append(Defect(self.file, where, expected, str(got)[:80], remedy))

    def choice(self, table: Mapping[str, Any], key: str, where: str, options: Sequence[str]) -> None:
        if table.get(key) not in options:
            got = repr(table[key]) if key in table else "nothing"
            self.add(f"{where} {key}", f"one of {', '.join(options)}", got, "choose one of them")

    def texts(
        self, table: Mapping[str, Any], keys: Sequence[str], where: str, *, required: Sequence[str]
    ) -> None:
        for key in keys:
            value = table.get(key, "")
            if not isinstance(value, str) or (key in required and not value.strip()):
                got = repr(value) if key in table else "nothing"
                self.add(f"{where} {key}", "a text", got, "state it, in quotes")

    def unknown(self, table: Mapping[str, Any], known: set[str], where: str) -> None:
        for key in sorted(set(table) - known):
            close = difflib.get_close_matches(key, known, n=1)
            remedy = f"did you mean {close[0]}" if close else f"use {', '.join(sorted(known))}"
            self.add(where, "a known key", key, remedy)

    def head(self, head: Mapping[str, Any]) -> None:
        self.unknown(head, {"id", "closed", "closed_assumed", *_SCHEME_TEXTS}, "[scheme]")
        required = ("id", "name", "source")
        self.texts(
            head,
            ("id", "edition", "jurisdiction", "name", "source", "source_date", "note"),
            "[scheme]",
            required=required,
        )
        self.choice(head, "hazard", "[scheme]", HAZARDS)
        self.choice(head, "quantity", "[scheme]", tuple(QUANTITIES))
        self.choice({"basis": head.get("basis", "severity")}, "basis", "[scheme]", _BASES)
        if "closed" in head:
            self.choice(head, "closed", "[scheme]", _CLOSED)
        if not isinstance(head.get("closed_assumed", False), bool):
            self.add(
                "[scheme] closed_assumed", "true or false", head["closed_assumed"], "write true or false"
            )
        quantity, unit = head.get("quantity"), head.get("unit", "")
        key = find_unit(unit) if isinstance(unit, str) else None
        if quantity in QUANTITIES and (key is None or UNITS[key][0] != QUANTITIES[quantity]):
            fitting = [
                name or '""' for name, (canonical, _) in UNITS.items() if canonical == QUANTITIES[quantity]
            ]
            self.add(
                "[scheme] unit",
                f"one of {', '.join(fitting)}",
                repr(unit),
                f"state the unit of the {quantity}",
            )

    def row(self, row: object, number: int) -> None:
        where = f"class {number}"
        if not isinstance(row, dict):
            self.add(where, "a table [[class]]", repr(row), "write [[class]]")
            return
        numbers = ("lo", "hi", "return_period_years", *_LIMITS)
        known = {"code", "label", "also", "closed", "closed_assumed", "severity", "note", *numbers}
        self.unknown(row, known, where)
        self.texts(row, ("code", "label", "note"), where, required=("code",))
        also = row.get("also", [])
        if not isinstance(also, list) or not all(isinstance(item, str) and item.strip() for item in also):
            self.add(f"{where} also", "a list of codes", repr(also), 'write ["A", "AE"]')
        for key in numbers:
            value = row.get(key, 0.0)
            if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
                self.add(f"{where} {key}", "a number", repr(value), "write plain digits")
            elif key == "return_period_years" and key in row and value <= 0:
                self.add(f"{where} {key}", "years above 0", repr(value), "correct it")
        severity = row.get("severity")
        fine = isinstance(severity, int) and not isinstance(severity, bool) and severity in SEVERITIES
        if severity != "unknown" and not fine:
            got = repr(severity) if "severity" in row else "nothing"
            self.add(
                f"{where} severity", 'a whole number from 0 to 5, or "unknown"', got, "place it on the scale"
            )
        if "closed" in row:
            self.choice(row, "closed", where, _CLOSED)
        if not isinstance(row.get("closed_assumed", False), bool):
            self.add(f"{where} closed_assumed", "true or false", row["closed_assumed"], "write true or false")

    def together(self, head: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
        """Check what only the classes together can get wrong."""
        seen: dict[str, int] = {}
        for number, row in enumerate(rows, 1):
            for code in (row["code"], *row.get("also", [])):
                first = seen.setdefault(code.strip().upper(), number)
                if first != number:
                    self.add(
                        f"class {number} code",
                        "a code of its own",
                        f"{code!r} as in class {first}",
                        "rename it",
                    )
        if head["quantity"] == "class":
            for number, row in enumerate(rows, 1):
                if bounds := sorted({"lo", "hi", "closed", *_LIMITS} & set(row)):
                    remedy = "leave them out, or state the quantity that they bound"
                    self.add(
                        f"class {number}", "no bounds, as the quantity is class", ", ".join(bounds), remedy
                    )
            return
        spans = [
            (row.get("lo", -math.inf), row.get("hi", math.inf), row.get("closed", head.get("closed")), number)
            for number, row in enumerate(rows, 1)
        ]
        for low, high, closed, number in spans:
            if closed is None:
                remedy = 'state closed = "left" for [lo, hi) or "right" for (lo, hi]'
                self.add(f"class {number} closed", "the side to which the bounds belong", "nothing", remedy)
            elif low > high or (low == high and closed != "both"):
                got = f"{low:g} and {high:g}, closed {closed}"
                self.add(
                    f"class {number}",
                    'lo below hi, or both the same and closed = "both"',
                    got,
                    "correct them",
                )
        if any(key in row for row in rows for key in _LIMITS):
            self._joint_limits(head, rows)
        elif not self.defects:
            self._intervals(rows, spans)

    def _joint_limits(self, head: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
        """Classes of depth and velocity are taken in order, so each must hold all that the one before holds."""
        if head["quantity"] != "depth":
            self.add(
                "[scheme] quantity", "depth, which is what velocity goes with", head["quantity"], "correct it"
            )
        for key in ("hi", *_LIMITS):
            # A class of one depth, such as no water, is told by that alone.
            limits = [
                (row.get(key, math.inf), number)
                for number, row in enumerate(rows, 1)
                if row.get("lo", -math.inf) < row.get("hi", math.inf)
            ]
            for (one, _), (two, number) in pairwise(limits):
                if two < one:
                    got = f"{two:g} after {one:g}"
                    self.add(
                        f"class {number} {key}",
                        "at least the limit of the class before",
                        got,
                        "sort the classes",
                    )
        self._rising([row["severity"] for row in rows], list(range(1, len(rows) + 1)))

    def _intervals(
        self, rows: Sequence[Mapping[str, Any]], spans: list[tuple[float, float, str, int]]
    ) -> None:
        spans = sorted(spans, key=lambda span: (span[0], span[1]))
        for (low, high, closed, number), (next_low, next_high, next_closed, next_number) in pairwise(spans):
            where = f"classes {number} and {next_number}"
            both = f"{_interval(low, high, closed)} and {_interval(next_low, next_high, next_closed)}"
            ends, begins = closed in ("right", "both"), next_closed in ("left", "both")
            if next_low > high or (next_low == high and not ends and not begins):
                self.add(
                    where, "no gap between two classes", both, "close the gap, or give it a class of its own"
                )
            elif next_low < high or (ends and begins):
                self.add(where, "classes that do not overlap", both, "let each value belong to one class")
        numbers = [span[3] for span in spans]
        self._rising([rows[number - 1]["severity"] for number in numbers], numbers)

    def _rising(self, severities: Sequence[int | str], numbers: Sequence[int]) -> None:
        known = [
            (value, number) for value, number in zip(severities, numbers, strict=True) if value != "unknown"
        ]
        for (one, first), (two, second) in pairwise(known):
            if int(two) < int(one):
                expected = f"a severity of at least {one}, that of class {first} below"
                self.add(f"class {second} severity", expected, two, "let severity rise with the quantity")


def _interval(low: float, high: float, closed: str) -> str:
    left, right = "[" if closed in ("left", "both") else "(", "]" if closed in ("right", "both") else ")"
    return f"{left}{low:g}, {high:g}{right}"


def _build(head: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Scheme:
    bounded = head["quantity"] != "class"
    factor = UNITS[find_unit(head.get("unit", "")) or ""][1]
    nowhere = (-math.inf, math.inf) if bounded else (math.nan, math.nan)
    side = head.get("closed", "")
    classes = pd.DataFrame(
        {
            "class_label": pd.array([row.get("label", row["code"]) for row in rows], dtype="str"),
            "lo": scaled([row.get("lo", nowhere[0]) for row in rows], factor),
            "hi": scaled([row.get("hi", nowhere[1]) for row in rows], factor),
            "closed": pd.array([row.get("closed", side) if bounded else "" for row in rows], dtype="str"),
            "closed_assumed": [
                bool(row.get("closed_assumed", head.get("closed_assumed", False))) for row in rows
            ],
            **{key: [float(row.get(key, math.inf)) for row in rows] for key in _LIMITS},
            "return_period_years": [float(row.get("return_period_years", math.nan)) for row in rows],
            "severity": pd.array(
                [pd.NA if row["severity"] == "unknown" else row["severity"] for row in rows], dtype="Int8"
            ),
            "note": pd.array([row.get("note", "") for row in rows], dtype="str"),
        },
        index=pd.Index([row["code"] for row in rows], name="class_code", dtype="str"),
    )
    codes = {
        spelling.strip().upper(): row["code"]
        for row in rows
        for spelling in (row["code"], *row.get("also", []))
    }
    texts = {key: head[key] for key in _SCHEME_TEXTS if key in head and key not in ("unit", "basis")}
    return Scheme(
        id=head["id"],
        unit=QUANTITIES[head["quantity"]],
        basis=head.get("basis", "severity"),
        classes=classes,
        codes=codes,
        **texts,
    )
