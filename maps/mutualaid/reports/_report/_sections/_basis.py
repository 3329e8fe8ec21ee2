"""What the numbers rest on: assumptions and what flips with them, data with their licences, and the method in words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mutualaid.reports._report._document import (
    Block,
    Cell,
    Form,
    Items,
    Ref,
    Section,
    Table,
    Text,
    Value,
    Words,
)
from mutualaid.reports._report._sections._facts import Facts, columns, paragraph, section, table

__all__ = ["assumptions", "data", "method", "withheld"]

_PARAMETERS: tuple[tuple[str, Form], ...] = (
    ("answering_s", "time"),
    ("processing_s", "time"),
    ("dispatch_s", "time"),
    ("crossing_s", "time"),
    ("availability", "share"),
    ("cutoff_s", "time"),
    ("snap_m", "metres"),
)
_DEPARTMENTS = ("career", "combination", "volunteer", "unknown")
_HOURS = ("day", "night", "weekend")
_PROFILES = ("fire_engine", "ambulance", "civilian")
#: Findings that the sweep words, and the text for each. The level comes as words.
_LEVELS = {"today's agreements": "agreed", "a joint team": "joint"}
_WITH = f"({'|'.join(_LEVELS)})"
_FINDINGS = (
    ("finding_gains", re.compile(f"(?P<place>.+) gains with (?P<level>{_WITH})")),
    (
        "finding_half",
        re.compile(f"with (?P<level>{_WITH}), at least half of what each alone leaves is closed"),
    ),
    (
        "finding_more",
        re.compile(f"with (?P<level>{_WITH}), somebody more is reached in time than by each alone"),
    ),
    (
        "finding_busy",
        re.compile(f"with (?P<level>{_WITH}) and units busy at times, more are reached than by each alone.*"),
    ),
    ("finding_met", re.compile(f"(?P<place>.+) meets its share of the standard with (?P<level>{_WITH})")),
)
#: Parameters that the sweep names.
_SWEPT = (
    "mode", "dispatch_delay_s", "crossing_delay_s", "strip_km", "transit", "priority_abroad", "home_cover_min",
    "availability", "dispatch_s", "crossing_s", "turnout_s",
)  # fmt: skip
#: Published sources of the method.
_REFERENCES = (
    "Hassler, J., Andersson Granberg, T., Ceccato, V., Fire Technology (2023): response times in Sweden",
    "NFPA 1710 and NFPA 1720: organization and deployment of career and of volunteer fire departments",
    "AGBF-Bund: quality criteria for planning fire services in cities",
    "Larson, R. C., Odoni, A. R.: Urban Operations Research (1981)",
    "Pregnolato, M., Ford, A., Wilkinson, S. M., Dawson, R. J., Transportation Research Part D 55 (2017)",
    "Shapley, L. S.: A value for n-person games (1953)",
    "Directive 2007/60/EC on the assessment and management of flood risks",
)
_METHOD = ("people", "roads", "time", "levels", "gaps", "hazards", "shares", "sweeps")


def assumptions(facts: Facts) -> Section | None:
    """List what is assumed, and which findings flip within its range."""
    return section(
        "assumptions",
        [
            paragraph("assumptions_intro"),
            _parameters(facts),
            paragraph("flips_intro"),
            _flips(facts),
            _holds(facts),
        ],
    )


def _parameters(facts: Facts) -> Table | None:
    heads = columns("parameter", "value")
    rows: list[tuple[Cell, ...]] = []
    for key, words, known in (("profile", "vehicle", _PROFILES), ("hour", "hour", _HOURS)):
        if facts.get("parameters", key):
            rows.append((Text(f"parameter_{key}"), facts.choice(words, facts.get("parameters", key), known)))
    told = [(Text(f"parameter_{key}"), facts.ref(form, "parameters", key)) for key, form in _PARAMETERS]
    told += [
        (
            Text("parameter_turnout", {"kind": Text(f"department_{kind}")}),
            facts.ref("time", "parameters", "turnout_s", kind),
        )
        for kind in _DEPARTMENTS
    ]
    rows += [row for row in told if row[1] is not None]
    turnout = facts.ref("count", "stations", "turnout_assumed")
    notes = []
    if turnout is not None and (every := facts.ref("count", "stations", "count")) is not None:
        notes.append(Text("doubt_turnout", {"n": turnout, "all": every}))
    return table("parameters", heads, rows, notes=[*notes, Text("note_parameters")])


def _flips(facts: Facts) -> Table | None:
    heads = columns(
        "finding",
        "holds",
        "assumption",
        "flips_at",
        "range",
        words=["holds", "assumption", "flips_at", "range"],
    )
    rows = []
    for i, one in facts.rows("cooperation", "sensitivity"):
        if not one.get("finding"):
            continue
        values = [_value(facts, i, one["parameter"], key) for key in ("flips_at", "low", "high")]
        rows.append(
            (
                _finding(facts, one["finding"]),
                facts.yes("cooperation", "sensitivity", i, "base"),
                _parameter(facts, one["parameter"]),
                values[0],
                Text("range", {"low": values[1], "high": values[2]}),
            )
        )
    return table("sensitivity", heads, rows)


def _finding(facts: Facts, said: str) -> Value:
    for key, pattern in _FINDINGS:
        if (found := pattern.fullmatch(said)) is not None:
            groups = found.groupdict()
            values: dict[str, Value] = {"level": Text(f"level_{_LEVELS[groups['level']]}")}
            if groups.get("place"):
                values["place"] = facts.word(groups["place"])
            return Text(key, values)
    return facts.word(said, "en")


def _parameter(facts: Facts, said: str) -> Value:
    """Name an assumption: of an agreement, or of the run."""
    head, _, key = said.rpartition(", ") if said.startswith("agreement ") else said.rpartition(" ")
    if key not in _SWEPT:
        return facts.word(said, "en")
    if not head.startswith("agreement "):
        return Text(f"swept_{key}")
    return Text(
        "swept_of", {"what": Text(f"swept_{key}"), "agreement": facts.word(head.removeprefix("agreement "))}
    )


def _value(facts: Facts, i: int, parameter: str, key: str) -> Value:
    """Give a value that was swept: a number, or the word for it."""
    said = str(facts.get("cooperation", "sensitivity", i, key) or "")
    if not re.fullmatch(r"-?[0-9.]+%?", said):
        name = f"{'mode' if parameter.endswith('mode') else 'priority'}_{said}"
        known = (
            "mode_automatic",
            "mode_on_request",
            "mode_subsidiary",
            "priority_as_host",
            "priority_civilian",
        )
        return Text(name) if name in known else facts.word(said, "en")
    ref = ("cooperation", "sensitivity", i, key)
    if said.endswith("%") or parameter.endswith("availability"):
        return Ref(ref, "share")
    return Ref(ref, "time" if parameter.endswith("_s") else "number")


def _holds(facts: Facts) -> Block | None:
    """Name the assumptions within whose range nothing flips."""
    found = [
        _parameter(facts, one["parameter"])
        for _, one in facts.rows("cooperation", "sensitivity")
        if not one.get("finding")
    ]
    return Items(tuple(Text("holds_with", {"what": one}) for one in found)) if found else None


def data(facts: Facts) -> Section | None:
    """List each source with its date and licence."""
    heads = columns("data", "source", "date", "licence", words=["source", "date", "licence"])
    sources = [
        (
            facts.word(one["what"]),
            facts.words(one.get("source")),
            facts.ref("date", "sources", i, "date") if one.get("date") else Text("unknown"),
            facts.words(one.get("licence")) or Text("unknown"),
        )
        for i, one in facts.rows("sources")
    ]
    layers = [
        (
            facts.word(one.get("name") or one["id"]),
            facts.words(one.get("source")),
            facts.ref("date", "hazards", "layers", i, "date") if one.get("date") else Text("unknown"),
            facts.words(one.get("licence")) or Text("unknown"),
            facts.yes("hazards", "layers", i, "derived"),
        )
        for i, one in facts.rows("hazards", "layers")
    ]
    layer_heads = columns(
        "layer", "source", "date", "licence", "derived", words=["source", "date", "licence", "derived"]
    )  # fmt: skip
    return section(
        "data",
        [
            paragraph("data_intro"),
            paragraph("data_csv"),
            table("sources", heads, sources),
            table("layers", layer_heads, layers, notes=[Text("note_derived")]),
        ],
    )


def method(facts: Facts) -> Section | None:
    """Say in plain words how the numbers come about, and from where the method is known."""
    name, source = (facts.get("standard", key) for key in ("name", "source"))
    standard = [
        paragraph(
            "method_standard",
            name=facts.word(name),
            source=facts.word(source or ""),
            limit=facts.told("time", "standard", "limit_s"),
            begin=Text(f"clock_{facts.get('standard', 'start')}"),
            end=Text(f"clock_{facts.get('standard', 'end')}"),
        )
        if name
        else None
    ]
    return section(
        "method",
        [
            *standard,
            Items(tuple(Text(f"method_{key}") for key in _METHOD)),
            paragraph("method_references"),
            Items(tuple(Words(one, "en") for one in _REFERENCES)),
            *_versions(facts),
        ],
    )


def _versions(facts: Facts) -> Iterator[Block]:
    version = facts.get("versions", "mutualaid", source="record")
    if version:
        yield paragraph("method_version", version=facts.word(version))


def withheld(facts: Facts) -> Section | None:
    """Say what this edition does not hold, and why; nothing if it holds all."""
    manifest = facts.inputs.manifest
    if manifest is None:
        return None
    heads = columns("withheld_what", "partner", "how", words=["partner", "how"])
    kept = [
        (
            facts.word(" · ".join(part for part in (one["table"], one["attribute"]) if part), "en"),
            facts.words(one.get("partner")),
            facts.word(one["action"], "en"),
        )
        for one in manifest.get("withheld", ())
        if one.get("rows")
    ]
    gone = [
        (
            facts.word(one["file"], "en"),
            facts.words(one.get("what"), "en"),
            facts.words(one.get("reason"), "en"),
        )
        for one in manifest.get("left_out", ())
    ]
    left_heads = columns("file", "what", "reason", words=["what", "reason"])
    level = Text(f"reader_{facts.inputs.level}")
    notes = tuple(facts.word(one, "en") for one in manifest.get("notes", ()))
    return section(
        "withheld",
        [
            paragraph("withheld_some" if kept or gone else "withheld_none", level=level, strong=True),
            table("withheld", heads, kept),
            table("left-out", left_heads, gone),
            Items(notes) if notes else None,
        ],
    )
