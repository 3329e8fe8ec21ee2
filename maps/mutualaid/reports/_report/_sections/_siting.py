"""Where new or shared stations would reach most people, if that was asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mutualaid.reports._report._document import Block, Cell, Chart, Section, Series, Table, Text, Value
from mutualaid.reports._report._sections._facts import MARKS, Facts, columns, paragraph, section, table

__all__ = ["siting"]

_AIMS = ("mclp", "mexclp", "cmclp", "dsm", "lscp", "lscp_backup", "p_median", "p_center")
#: Points of the curve that are drawn.
_POINTS = 8


def siting(facts: Facts) -> Section | None:
    """Say what the plan is, how sure it is, what it brings to whom, and what siting apart would cost."""
    if not facts.get("siting", "plan"):
        return None
    return section(
        "siting",
        [
            paragraph("siting_intro", aim=facts.choice("aim", facts.get("siting", "model"), _AIMS)),
            *_gain(facts),
            facts.pictures.get("siting"),
            _sites(facts),
            _curve(facts),
            _gains(facts),
            *_separate(facts),
            paragraph("siting_land"),
        ],
        slide=True,
    )


def _gain(facts: Facts) -> Iterator[Block | None]:
    """Say what the plan brings in all, and whether it is proven that nothing does better."""
    every = next(
        (i for i, one in facts.rows("siting", "gains") if one["kind"] == "all" and not one["weather"]), None
    )
    if every is not None:
        place = ("siting", "gains", every)
        values = {key: facts.told("people", *place, key) for key in ("gained", "after", "population")}
        yield paragraph("siting_gain", n=values["gained"], after=values["after"], all=values["population"])
    proven = facts.get("siting", "plan", "status") == "optimal"
    gap = facts.known("share", "siting", "plan", "gap")
    if proven or gap is not None:
        yield paragraph("siting_proven" if proven else "siting_gap", gap=gap or Text("unknown"))


def _sites(facts: Facts) -> Table | None:
    heads = columns(
        "site",
        "jurisdiction",
        "change",
        "people_added",
        "in_plan",
        words=["jurisdiction", "change", "in_plan"],
    )
    rows = [
        (
            _site(facts, i, one),
            facts.word(one.get("jurisdiction_name") or one["jurisdiction"]),
            facts.choice("change", one["change"], ("opened", "closed")),
            facts.ref("people", "siting", "sites", i, "people_added"),
            facts.yes("siting", "sites", i, "in_plan"),
        )
        for i, one in facts.rows("siting", "sites")
    ]
    return table("siting-sites", heads, rows, notes=[Text("note_sites")])


def _site(facts: Facts, i: int, one: Mapping[str, Any]) -> Value:
    """Name a site by its road and the nearest place."""
    road, near = one.get("road_name"), one.get("near")
    if road and near and (metres := facts.known("metres", "siting", "sites", i, "near_m")) is not None:
        return Text("site_near", {"road": facts.word(road), "place": facts.word(near), "m": metres})
    return facts.word(one.get("name") or road or one.get("text") or one["site"])


def _curve(facts: Facts) -> Chart | None:
    rows = facts.rows("siting", "curve")[:_POINTS]
    if len(rows) < 3:
        return None
    return Chart(
        name="siting",
        kind="line",
        categories=tuple(facts.told("count", "siting", "curve", i, "added") for i, _ in rows),
        series=(
            Series(
                Text("col_covered"),
                tuple(facts.ref("people", "siting", "curve", i, "people") for i, _ in rows),
                MARKS["own"],
            ),
        ),
        axis=Text("axis_stations"),
        alt=Text("chart_siting_alt"),
        caption=Text("chart_siting"),
    )


def _gains(facts: Facts) -> Table | None:
    heads = columns("jurisdiction", "before", "after", "gained", "mean_before_s", "mean_after_s")
    kinds = {"jurisdiction": 0, "all": 1}
    chosen = [
        (i, one) for i, one in facts.rows("siting", "gains") if one["kind"] in kinds and not one["weather"]
    ]
    chosen.sort(key=lambda row: kinds[row[1]["kind"]])
    rows = [
        (
            Text("total") if one["kind"] == "all" else facts.place(one["id"]),
            *(facts.ref("people", "siting", "gains", i, key) for key in ("before", "after", "gained")),
            *(facts.ref("time", "siting", "gains", i, key) for key in ("mean_before_s", "mean_after_s")),
        )
        for i, one in chosen
    ]
    return table("siting-gains", heads, rows, total=any(one["kind"] == "all" for _, one in chosen))


def _separate(facts: Facts) -> Iterator[Block | None]:
    """Compare the plan with what each partner would build by itself."""
    part = ("siting", "separate")
    if (price := facts.known("people", *part, "price_people")) is not None:
        yield paragraph("siting_separate", n=price)
    heads = columns("partner", "today_joint", "separate_people", "together_people")
    yield table(
        "siting-separate",
        heads,
        [
            (
                facts.word(one["partner"]),
                *(_cell(facts, i, key) for key in ("today_joint", "separate", "joint")),
            )
            for i, one in facts.rows(*part, "partners")
        ],
    )


def _cell(facts: Facts, i: int, key: str) -> Cell:
    return facts.ref("people", "siting", "separate", "partners", i, key)
