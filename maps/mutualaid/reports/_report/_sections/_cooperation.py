"""What partners do for each other: agreements, give and take, dependence, delays, crossings, and shares of a cost."""

from __future__ import annotations

from collections.abc import Iterator

from mutualaid.reports._report._document import Block, Cell, Chart, Section, Series, Table, Text
from mutualaid.reports._report._sections._facts import (
    MARKS,
    Facts,
    columns,
    listed,
    paragraph,
    section,
    table,
)

__all__ = ["cooperation"]

_ALL = "cooperation"
_MODES = ("automatic", "on_request", "subsidiary")
_RULES = ("shapley", "people", "use", "benefit", "stand_alone")
#: Crossings of a table, and partners of a chart: those that matter most.
_MOST = 10


def cooperation(facts: Facts) -> Section | None:
    """Say who gives and takes, who depends on whom, what delays leave, and how a budget could be shared."""
    if not facts.get(_ALL):
        return None
    level = "agreed" if "agreed" in facts.levels else "joint"
    return section(
        "cooperation",
        [
            paragraph("cooperation_intro"),
            _agreements(facts),
            _exchange(facts),
            _balance(facts),
            _dependence(facts, level),
            *_delays(facts),
            _crossings(facts),
            _hazard(facts),
            *_shares(facts),
        ],
        slide=True,
    )


def _agreements(facts: Facts) -> Table | None:
    heads = columns(
        "agreement", "parties", "mode", "dispatch_delay_s", "crossing_delay_s", "availability", "assumed",
        words=["parties", "mode", "assumed"],
    )  # fmt: skip
    rows = []
    for i, one in facts.rows(_ALL, "agreements"):
        told = one.get("parameters", {})
        place = (_ALL, "agreements", i, "parameters")
        parties, mode = (told.get(key, {}).get("value") for key in ("parties", "mode"))
        assumed = any(value.get("confidence") == "assumption" for value in told.values())
        rows.append(
            (
                facts.word(one.get("name") or one["id"]),
                listed([facts.word(name) for name in parties]) if parties else None,
                facts.choice("mode", mode, _MODES) if mode else None,
                facts.ref("time", *place, "dispatch_delay_s", "value"),
                facts.ref("time", *place, "crossing_delay_s", "value"),
                facts.ref("share", *place, "availability", "value"),
                Text("yes" if assumed else "no"),
            )
        )
    return table("agreements", heads, rows)


def _rows(facts: Facts, part: str, level: str, kind: str | None = None) -> list[int]:
    return [
        i
        for i, one in facts.rows(_ALL, part)
        if one.get("level", level) == level and (kind is None or one.get("kind") == kind)
    ]


def _exchange(facts: Facts) -> Chart | None:
    found = _rows(facts, "balance", "joint")
    most = sorted(found, key=lambda i: -(facts.get(_ALL, "balance", i, "gives") or 0.0))[:_MOST]
    if not most:
        return None
    return Chart(
        name="exchange",
        kind="diverging",
        categories=tuple(facts.word(facts.get(_ALL, "balance", i, "partner")) for i in most),
        series=tuple(
            Series(
                Text(f"col_{key}"),
                tuple(facts.ref("people", _ALL, "balance", i, key) for i in most),
                MARKS[mark],
            )
            for key, mark in (("takes", "gap"), ("gives", "joint_only"))
        ),
        axis=Text("axis_exchange"),
        alt=Text("chart_exchange_alt"),
        caption=Text("chart_exchange"),
    )


def _balance(facts: Facts) -> Table | None:
    heads = columns("partner", "level", "gives", "takes", "balance", "symmetry", words=["level"])
    rows = [
        (
            facts.word(one["partner"]),
            Text(f"level_{one['level']}"),
            *(facts.ref("people", _ALL, "balance", i, key) for key in ("gives", "takes", "balance")),
            facts.ref("share", _ALL, "balance", i, "symmetry"),
        )
        for i, one in facts.rows(_ALL, "balance")
    ]
    return table("give-and-take", heads, rows, notes=[Text("note_balance")])


def _dependence(facts: Facts, today: str) -> Table | None:
    levels = list(dict.fromkeys((today, "joint")))
    heads = columns(
        "jurisdiction", *[f"depends_{level}" for level in levels], "depends_on", words=["depends_on"]
    )
    where = {level: _rows(facts, "dependence", level, "jurisdiction") for level in levels}
    rows: list[tuple[Cell, ...]] = []
    for i in where["joint"]:
        one = facts.get(_ALL, "dependence", i)
        same = {
            level: next(
                (k for k in where[level] if facts.get(_ALL, "dependence", k, "place") == one["place"]), None
            )
            for level in levels
        }
        shares = [
            None if (k := same[level]) is None else facts.ref("share", _ALL, "dependence", k, "share")
            for level in levels
        ]
        on = [facts.word(name) for name in str(one.get("on") or "").split(";") if name]
        rows.append((facts.place(one["place"]), *shares, listed(on) if on else Text("nobody")))
    return table("dependence", heads, rows, notes=[Text("note_dependence")])


def _delays(facts: Facts) -> Iterator[Block | None]:
    """Say what is left of the gain if a neighbour's unit comes later."""
    rows = facts.rows(_ALL, "break_even")
    every = next((i for i, one in rows if one["kind"] == "all"), None)
    if every is not None and facts.get(_ALL, "break_even", every, "half_s") is not None:
        place = (_ALL, "break_even", every)
        yield paragraph(
            "delays",
            n=facts.told("people", *place, "gain"),
            half=facts.told("time", *place, "half_s"),
            last=facts.told("time", *place, "break_even_s"),
        )
    yield _curve(facts)
    heads = columns("jurisdiction", "gain", "half_s", "break_even_s", "left_120", "left_180", "left_300")
    ordered = [i for i, one in rows if one["kind"] == "jurisdiction"] + ([] if every is None else [every])
    yield table(
        "break-even",
        heads,
        [
            (
                Text("total") if i == every else facts.place(facts.get(_ALL, "break_even", i, "place")),
                facts.ref("people", _ALL, "break_even", i, "gain"),
                *(facts.ref("time", _ALL, "break_even", i, key) for key in ("half_s", "break_even_s")),
                *(
                    facts.ref("people", _ALL, "break_even", i, key)
                    for key in ("left_120", "left_180", "left_300")
                ),
            )
            for i in ordered
        ],
        total=every is not None,
    )


def _curve(facts: Facts) -> Chart | None:
    at = next(
        (
            i
            for i, one in facts.rows(_ALL, "sweep")
            if (one["parameter"], one["level"], one["jurisdiction"]) == ("dispatch_s", "joint", "")
        ),
        None,
    )
    if at is None:
        return None
    # Every fourth point is enough to see the curve, and leaves room for its numbers.
    count = len(facts.get(_ALL, "sweep", at, "seconds") or [])
    chosen = range(0, count, max(1, count // 7))
    place = (_ALL, "sweep", at)
    values = tuple(facts.ref("people", *place, "closed", k) for k in chosen)
    return Chart(
        name="delays",
        kind="line",
        categories=tuple(facts.told("time", *place, "seconds", k) for k in chosen),
        series=(Series(Text("col_gain"), values, MARKS["joint_only"]),),
        axis=Text("axis_delay"),
        alt=Text("chart_delays_alt"),
        caption=Text("chart_delays"),
    )


def _crossings(facts: Facts) -> Table | None:
    heads = columns("crossing", "lost_crossing", "later_population", "break_even_s:crossing_break_even")
    found = [(i, one) for i, one in facts.rows(_ALL, "crossings") if one.get("lost_joint")]
    found = sorted(found, key=lambda row: -row[1]["lost_joint"])[:_MOST]
    rows = [
        (
            facts.word(one["name"]),
            *(facts.ref("people", _ALL, "crossings", i, key) for key in ("lost_joint", "later_population")),
            facts.ref("time", _ALL, "crossings", i, "break_even_s"),
        )
        for i, one in found
    ]
    return table("crossings", heads, rows)


def _hazard(facts: Facts) -> Table | None:
    """Compare what help is worth in fair weather and when a hazard strikes all partners at once."""
    heads = columns("scenario", "level", "fair_benefit", "hazard_benefit", "hazard_expected", words=["level"])
    rows = [
        (
            facts.word(one["name"]),
            Text(f"level_{one['level']}"),
            *(
                facts.ref("people", _ALL, "simultaneity", i, key)
                for key in ("fair_benefit", "hazard_benefit", "hazard_expected")
            ),
        )
        for i, one in facts.rows(_ALL, "simultaneity")
    ]
    return table("hazard-at-once", heads, rows, notes=[Text("note_at_once")])


def _shares(facts: Facts) -> Iterator[Block | None]:
    """Show the shares of each rule, and who would walk out of which."""
    partners = facts.rows(_ALL, "shares")
    rules = [rule for rule in _RULES if any(f"{rule}_share" in one for _, one in partners)]
    if not partners or not rules:
        return
    yield paragraph("shares_intro")
    heads = columns("partner", *[f"share_{rule}" for rule in rules])
    yield table(
        "shares",
        heads,
        [
            (
                facts.word(one["partner"]),
                *(facts.ref("share", _ALL, "shares", i, f"{rule}_share") for rule in rules),
            )
            for i, one in partners
        ],
    )
    if facts.get(_ALL, "costs", "budget") is not None:
        currency = facts.word(facts.get(_ALL, "costs", "currency") or "")
        assumed = facts.get(_ALL, "costs", "confidence") == "assumption"
        budget = facts.told("money", _ALL, "costs", "budget")
        notes = [Text("note_costs_assumed")] if assumed else []
        yield table(
            "shares-money",
            heads,
            [
                (
                    facts.word(one["partner"]),
                    *(facts.ref("money", _ALL, "shares", i, f"{rule}_amount") for rule in rules),
                )
                for i, one in partners
            ],
            notes=notes,
            budget=budget,
            currency=currency,
        )
    yield _core(facts)


def _core(facts: Facts) -> Table | None:
    heads = columns(
        "rule",
        "walks_money",
        "excess_money",
        "walks_people",
        "excess_people",
        words=["walks_money", "walks_people"],
    )
    rows = []
    for i, one in facts.rows(_ALL, "core"):
        cells: list[Cell] = []
        for kind, form in (("money", "money"), ("people", "people")):
            leaves = one.get(f"{kind}_walks_out")
            who = [facts.word(name) for name in str(one.get(f"{kind}_coalition") or "").split(";") if name]
            cells.append(
                Text("unknown") if leaves is None else listed(who) if leaves and who else Text("nobody")
            )
            cells.append(
                facts.ref("money" if form == "money" else "people", _ALL, "core", i, f"{kind}_excess")
            )
        rows.append((facts.choice("col_share", one["rule"], _RULES), *cells))
    return table("core", heads, rows, notes=[Text("note_core")])
