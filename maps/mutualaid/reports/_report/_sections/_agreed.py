"""What the partners agreed: targets held against the numbers, and the log of their decisions."""

from __future__ import annotations

import re

from mutualaid.reports._report._document import Cell, Form, Section, Table, Text
from mutualaid.reports._report._sections._facts import Facts, columns, form_of, paragraph, section, table

__all__ = ["decisions", "targets"]

_KINDS = ("decision", "exercise", "finding")
_STATES = ("open", "done", "dropped")


def _form(indicator: object) -> Form:
    """Tell how the number that an indicator names is written."""
    return form_of(re.sub(r'"', "", str(indicator)))


def targets(facts: Facts) -> Section | None:
    """Hold the agreed indicators against their targets."""
    heads = columns(
        "target", "agreed", "by", "at_least", "at_most", "value", "met", words=["agreed", "by", "met"]
    )
    rows: list[tuple[Cell, ...]] = []
    for i, one in facts.rows("targets"):
        form = _form(one["indicator"])
        bounds = [facts.known(form, "targets", i, key) for key in ("at_least", "at_most")]
        rows.append(
            (
                facts.word(one.get("name") or one["id"]),
                facts.words(one.get("agreed")),
                facts.ref("date", "targets", i, "by") if one.get("by") else None,
                *bounds,
                facts.ref(form, "targets", i, "value"),
                facts.yes("targets", i, "met"),
            )
        )
    found = table("targets", heads, rows, notes=[Text("note_targets")])
    return section("targets", [paragraph("targets_intro"), found], brief=[found]) if found else None


def decisions(facts: Facts) -> Section | None:
    """Show who decided what on which numbers, exercises held, and findings closed."""
    return section("decisions", [paragraph("decisions_intro"), found]) if (found := _log(facts)) else None


def _log(facts: Facts) -> Table | None:
    heads = columns(
        "what",
        "date",
        "kind",
        "who",
        "value:number_then",
        "status",
        "due",
        words=["date", "kind", "who", "status", "due"],
    )
    rows: list[tuple[Cell, ...]] = []
    for i, one in facts.rows("decisions"):
        day = (one.get("closed") and "closed") or "due"
        rows.append(
            (
                facts.word(one["what"]),
                facts.ref("date", "decisions", i, "date"),
                facts.choice("kind", one["kind"], _KINDS),
                facts.words(one.get("who")),
                facts.known(_form(one.get("indicator") or ""), "decisions", i, "value"),
                facts.choice("state", one["status"], _STATES),
                facts.ref("date", "decisions", i, day) if one.get(day) else None,
            )
        )
    return table("decisions", heads, rows, notes=[Text("note_decisions")])
