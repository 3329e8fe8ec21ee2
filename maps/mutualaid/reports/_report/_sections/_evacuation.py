"""How long it takes to bring people out, alone and together, if that was asked."""

from __future__ import annotations

from mutualaid.reports._report._document import Cell, Chart, Section, Series, Table, Text
from mutualaid.reports._report._sections._facts import MARKS, Facts, columns, paragraph, section, table

__all__ = ["evacuation"]

_ALL = "evacuation"
_REASONS = (
    "no road", "no car and no bus", "no way", "not in time or no room", "closed road", "closed shelter", "full shelter",
)  # fmt: skip
_MEASURES = ("lane", "contraflow", "without_crossing", "opened_crossing", "earlier", "unstaged")
#: Shelters of a table: those where most people come.
_SHELTERS = 12


def evacuation(facts: Facts) -> Section | None:
    """Give both bounds of the clearance time, who gets out with whose shelters, and what single measures are worth."""
    if not facts.get(_ALL):
        return None
    known = facts.get(_ALL, "bracket", "upper_s") is not None
    lower, upper = (facts.told("clock", _ALL, "bracket", key) for key in ("lower_s", "upper_s"))
    out, left = (facts.told("people", _ALL, key) for key in ("people_out", "people_left"))
    everybody = facts.told("people", _ALL, "people")
    name = facts.word(facts.get(_ALL, "name") or "")
    return section(
        "evacuation",
        [
            paragraph("evacuation_intro", name=name) if name.text else None,
            paragraph(
                "evacuation_clear" if known else "evacuation_open", lower=lower, upper=upper, strong=True
            ),
            paragraph("evacuation_out", n=out, all=everybody, left=left),
            _chart(facts),
            _levels(facts),
            facts.pictures.get("evacuation"),
            _zones(facts),
            _shelters(facts),
            _left(facts),
            _measures(facts),
            paragraph("evacuation_assumed"),
        ],
        slide=True,
    )


def _chart(facts: Facts) -> Chart | None:
    rows = facts.rows(_ALL, "levels")
    if len(rows) < 2:
        return None
    series = tuple(
        Series(
            Text(f"col_{key}"),
            tuple(facts.ref("people", _ALL, "levels", i, key) for i, _ in rows),
            MARKS[mark],
        )
        for key, mark in (("people_out", "own"), ("people_left", "gap"))
    )
    return Chart(
        name="evacuation",
        kind="stacked",
        categories=tuple(Text(f"evacuation_{one['level']}") for _, one in rows),
        series=series,
        axis=Text("axis_people"),
        alt=Text("chart_evacuation_alt"),
        caption=Text("chart_evacuation"),
    )


def _levels(facts: Facts) -> Table | None:
    heads = columns("shelters", "clear_lower", "clear_upper", "people_out", "people_left", "crossing_people")
    rows = [
        (
            Text(f"evacuation_{one['level']}"),
            *(facts.ref("clock", _ALL, "levels", i, key) for key in ("lower_s", "upper_s")),
            *(
                facts.ref("people", _ALL, "levels", i, key)
                for key in ("people_out", "people_left", "crossing_people")
            ),
        )
        for i, one in facts.rows(_ALL, "levels")
    ]
    return table("evacuation-levels", heads, rows, notes=[Text("note_clear")])


def _zones(facts: Facts) -> Table | None:
    heads = columns("zone", "people", "arrives_s", "ete_90_s", "latest_s", "margin_s", "people_left")
    rows = [
        (
            facts.word(one["name"]),
            facts.ref("people", _ALL, "zones", i, "people"),
            facts.ref("clock_down", _ALL, "zones", i, "arrives_s"),
            facts.ref("clock", _ALL, "zones", i, "ete_90_s"),
            *(facts.ref("clock_down", _ALL, "zones", i, key) for key in ("latest_s", "margin_s")),
            facts.ref("people", _ALL, "zones", i, "people_left"),
        )
        for i, one in facts.rows(_ALL, "zones")
    ]
    return table("evacuation-zones", heads, rows, notes=[Text("note_zones")])


def _shelters(facts: Facts) -> Table | None:
    heads = columns("shelter", "owner", "people_expected", "room", words=["owner"])
    found = sorted(facts.rows(_ALL, "shelters"), key=lambda row: -(row[1].get("people") or 0.0))[:_SHELTERS]
    rows = [
        (
            facts.word(one["name"] or one["sink"]),
            facts.words(one.get("partner")),
            *(facts.ref("people", _ALL, "shelters", i, key) for key in ("people", "room")),
        )
        for i, one in found
        if one.get("people")
    ]
    return table("evacuation-shelters", heads, rows)


def _left(facts: Facts) -> Table | None:
    zones = {one["zone"]: one["name"] for _, one in facts.rows(_ALL, "zones")}
    heads = columns("zone", "reason", "people", words=["reason"])
    rows: list[tuple[Cell, ...]] = []
    for i, one in facts.rows(_ALL, "left"):
        known = one["reason"] in _REASONS
        reason = Text(f"left_{one['reason'].replace(' ', '_')}") if known else facts.word(one["reason"], "en")
        people = facts.ref("people", _ALL, "left", i, "people")
        rows.append((facts.word(zones.get(one["zone"], one["zone"])), reason, people))
    return table("evacuation-left", heads, rows)


def _measures(facts: Facts) -> Table | None:
    heads = columns("measure", "where", "saved_s", "clear_lower", words=["where"])
    rows = [
        (
            facts.choice("measure", one["kind"], _MEASURES),
            facts.words(one.get("name")),
            *(facts.ref("clock", _ALL, "measures", i, key) for key in ("saved_s", "lower_s")),
        )
        for i, one in facts.rows(_ALL, "measures")
    ]
    return table("evacuation-measures", heads, rows, notes=[Text("note_measures")])
