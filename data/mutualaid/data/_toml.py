"""region.toml in and out: its text, and its defects in the words of the schema."""

from __future__ import annotations

import difflib
import json
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from mutualaid.data._model import Parameters
from mutualaid.data._paths import read_text, shown
from mutualaid.data._schema import (
    CODE_PATTERN,
    CRS_PATTERN,
    DATE_PATTERN,
    DAY_PATTERN,
    ENTRIES,
    ID_PATTERN,
    ParametersEntry,
    RegionFile,
    default_profile,
)
from mutualaid.errors import Defect, RegionError

__all__ = ["changed", "dump", "parse", "revise"]


def parse(path: Path) -> tuple[dict[str, Any], list[Defect]]:
    """Read region.toml.

    Returns
    -------
    sections
        The valid sections by their field in `RegionFile`; one that has a defect is left out. Of a list of hazards,
        scenarios, risks or agreements only the broken entries are, and None stands in their place.
    defects
        What is wrong with the others.

    Raises
    ------
    RegionError
        If it is not TOML.
    """
    text = read_text(path, path.name)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = re.search(r"line (\d+)", str(error))
        message = re.sub(r" \(at .*\)$", "", str(error))
        where = f"line {match[1]}" if match else "its end"
        raise RegionError(
            [Defect(path.name, where, "TOML", message, "correct the line; texts stand in double quotes")]
        ) from None
    except (RecursionError, ValueError):
        got = "nesting without end, or a number of thousands of digits"
        raise RegionError([Defect(path.name, "", "TOML", got, "correct it")]) from None
    try:
        entry = RegionFile.model_validate(data)
    except ValidationError as error:
        sections = {}
        for name, field in RegionFile.model_fields.items():
            key = field.alias or name
            if key in data:
                try:
                    adapter: TypeAdapter[Any] = TypeAdapter(field.annotation or Any)
                    sections[name] = adapter.validate_python(data[key])
                except ValidationError:
                    if name in ENTRIES and isinstance(data[key], list):
                        sections[name] = [_entry(ENTRIES[name], one) for one in data[key]]
            elif not field.is_required():
                sections[name] = field.get_default()
        return sections, [_defect(path.name, detail) for detail in error.errors()]
    return {name: getattr(entry, name) for name in RegionFile.model_fields}, []


def _entry(kind: type[BaseModel], value: object) -> BaseModel | None:
    """Give one entry of a list; None if it is broken, so that the others are checked all the same."""
    try:
        return kind.model_validate(value)
    except ValidationError:
        return None


def revise(parameters: Parameters, **changes: object) -> Parameters:
    """Change parameters under the rules of region.toml.

    Parameters
    ----------
    parameters
        What holds otherwise.
    changes
        New values by the name of the parameter. With a new service comes its usual vehicle, unless a profile is
        given or an unusual one was set before.

    Returns
    -------
    value
        What holds now.

    Raises
    ------
    RegionError
        A value that region.toml would not be allowed to hold; all of them are named.

    Examples
    --------
    >>> from mutualaid.data import Parameters, revise
    >>> revise(Parameters(), service="ems", dispatch_s=120).profile
    'ambulance'
    """
    values: dict[str, object] = asdict(parameters)
    if parameters.profile == default_profile(parameters.service):
        del values["profile"]
    try:
        return ParametersEntry.model_validate(values | changes).parameters()
    except ValidationError as error:
        details = [{**detail, "loc": ("parameters", *detail["loc"])} for detail in error.errors()]
        raise RegionError([_defect("", detail) for detail in details]) from None  # type: ignore[arg-type]


def _defect(file: str, detail: ErrorDetails) -> Defect:
    kind, context = detail["type"], detail.get("ctx", {})
    loc = [part for part in detail["loc"] if part != "[key]"]
    where, given = _place(loc), shown(detail["input"])
    if kind == "missing":
        last = str(loc[-1])
        what = (
            f"a key {last}" if len(loc) > 1 else f"a section [{last}]" if last != "schema" else "schema = 1"
        )
        return Defect(file, _place(loc[:-1]), what, "nothing", "add it")
    if kind == "extra_forbidden":
        known = _known(loc[:-1])
        close = difflib.get_close_matches(str(loc[-1]), known, n=1, cutoff=0.6)
        remedy = f"did you mean {close[0]}" if close else "remove it"
        return Defect(file, _place(loc[:-1]), f"one of the keys {', '.join(known)}", shown(loc[-1]), remedy)
    expected, remedy = detail["msg"].removeprefix("Value error, "), "correct the value"
    if kind == "literal_error":
        expected = f"one of {context['expected']}".replace(" or ", ", ")
        close = difflib.get_close_matches(
            str(detail["input"]), re.findall(r"'(.*?)'", str(context["expected"])), n=1
        )
        remedy = f"did you mean {close[0]}" if close else "use one of them"
        if isinstance(detail["input"], dict):  # what TOML makes of a full stop in a key
            remedy = f'put the whole key in double quotes, like "{loc[-1]}.{next(iter(detail["input"]), "")}"'
    elif kind == "string_pattern_mismatch":
        expected, remedy = _PATTERNS[context["pattern"]]
    else:
        expected = re.sub(r"^(Input|String|List|Dictionary) should (be|have|match) (?=.)", "", expected)
        expected = expected.replace("Input should be ", "").replace("String should have ", "")
        expected = re.sub(r" after validation, not \d+$", "", expected)
    if kind in ("float_type", "int_type"):
        remedy = "write plain digits with a decimal point, without quotes"
    elif kind == "string_type" and isinstance(detail["input"], date):
        expected, given, remedy = "a text", str(detail["input"]), "write it in double quotes"
    return Defect(file, where, expected, given, remedy)


#: What each pattern expects in words, and the remedy.
_PATTERNS = {
    CRS_PATTERN: ("a CRS by authority and code", 'write it like crs = "EPSG:32632"'),
    DATE_PATTERN: ("a date in ISO 8601, or a part of one", "write it like 2016-03-05, 2016-03 or 2016"),
    DAY_PATTERN: ("a day in ISO 8601", "write it like 2016-03-05"),
    ID_PATTERN: ("an id of letters, digits, full stops, hyphens and underscores", "use no other characters"),
    CODE_PATTERN: ("one capability code, without ;", "choose one of them"),
}


def _place(loc: list[Any]) -> str:
    """Name a place as in the file: ``[stations] file``, ``[[source]] 2, date``, ``[cost] coalition 1, cost``."""
    if not loc or loc == ["schema"]:
        return "".join(loc)
    head, *keys = loc
    text, gap = f"[[{head}]]" if keys and isinstance(keys[0], int) else f"[{head}]", " "
    for key in keys:
        if isinstance(key, int):  # counted as people do
            text, gap = f"{text} {key + 1}", ", "
        else:
            text, gap = f"{text}{gap}{shown(key)[1:-1]}", "."
    return text


def _known(loc: list[Any]) -> list[str]:
    """Keys that the model at `loc` knows."""
    node: Any = RegionFile.model_json_schema()
    definitions = node["$defs"]
    for part in loc:
        node = node["items"] if isinstance(part, int) else node["properties"][part]
        options = [node, *node.get("anyOf", ())]
        reference = next((option["$ref"] for option in options if "$ref" in option), None)
        if reference:
            node = definitions[reference.rsplit("/", 1)[1]]
    return list(node["properties"])


# --- writing ------------------------------------------------------------------------------------------------


def dump(document: Mapping[str, Any]) -> str:
    """Write a mapping of scalars, tables and lists of tables as TOML; None and empty tables are left out."""
    blocks: list[str] = []
    scalars = [
        f"{key} = {_value(value)}" for key, value in document.items() if not isinstance(value, dict | list)
    ]
    if scalars:
        blocks.append("\n".join(scalars))
    for key, value in document.items():
        if isinstance(value, dict) and value:
            blocks.append(_table(f"[{key}]", value))
        elif isinstance(value, list):
            blocks.extend(_table(f"[[{key}]]", item) for item in value)
    return "\n\n".join(blocks) + "\n"


def _table(header: str, values: Mapping[str, Any]) -> str:
    lines = [
        f"{_key(key)} = {_value(value)}" for key, value in values.items() if value is not None and value != {}
    ]
    return "\n".join([header, *lines])


def changed(decision: Any) -> dict[str, Any]:
    """Give what differs from the defaults of a frozen dataclass, in lists and mappings that `dump` writes."""
    said = {}
    for one in fields(decision):
        value = getattr(decision, one.name)
        usual = one.default if one.default_factory is MISSING else one.default_factory()
        if value != usual and not (isinstance(value, float) and math.isnan(value)):
            said[one.name] = _plain(value)
    return said


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return changed(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _value(key)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + " }"
    return "[" + ", ".join(_value(item) for item in value) + "]"
