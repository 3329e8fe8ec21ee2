"""What a hazard takes away: by scenario and municipality, in a year, and how maps were put on one scale."""

from __future__ import annotations

from collections.abc import Iterator

from mutualaid.reports._report._document import Block, Cell, Chart, Ref, Section, Series, Table, Text
from mutualaid.reports._report._sections._facts import MARKS, Facts, columns, paragraph, section, table

__all__ = ["hazards"]

#: Kinds of hazards, and of seams, that the texts know.
_HAZARDS = (
    "flood", "flash_flood", "coastal_flood", "tsunami", "wildfire", "earthquake", "landslide", "rockfall",
    "avalanche", "wind", "ash", "other",
)  # fmt: skip
_SEAMS = ("severity", "return_period", "coverage")
_PLACE = ("hazards", "scenarios")


def hazards(facts: Facts) -> Section | None:
    """Compare fair weather with each hazard; explain the scale, and where maps contradict each other."""
    scenarios = facts.get(*_PLACE) or {}
    if not scenarios:
        return None
    derived = any(one.get("derived") for one in scenarios.values())
    maps: list[Block] = [
        facts.pictures[f"hazard_{key}"] for key in scenarios if f"hazard_{key}" in facts.pictures
    ]
    return section(
        "hazards",
        [
            paragraph("hazards_intro"),
            paragraph("hazards_derived", strong=True) if derived else None,
            _chart(facts, list(scenarios)),
            _scenarios(facts, list(scenarios)),
            *maps,
            _places(facts, list(scenarios)),
            *_risks(facts),
            _crosswalk(facts),
            _seams(facts),
        ],
        slide=True,
    )


def _chart(facts: Facts, keys: list[str]) -> Chart:
    def values(key: str) -> tuple[Ref | None, ...]:
        return tuple(facts.ref("people", *_PLACE, one, "total", key) for one in keys)

    return Chart(
        name="hazards",
        kind="dots",
        categories=tuple(facts.word(facts.get(*_PLACE, key, "name") or key) for key in keys),
        series=(
            Series(Text("fair_weather"), values("fair_joint"), MARKS["joint_only"]),
            Series(Text("under_hazard"), values("joint"), MARKS["lost_joint"]),
        ),
        axis=Text("axis_joint"),
        alt=Text("chart_hazards_alt"),
        caption=Text("chart_hazards"),
    )


def _scenarios(facts: Facts, keys: list[str]) -> Table | None:
    heads = columns(
        "scenario", "return_period_years", "alone_people", "joint_people", "lost_joint", "held", "isolated",
        "stations_in_service", "roads_closed_km",
    )  # fmt: skip
    return table(
        "hazards", heads, [tuple(_scenario(facts, key)) for key in keys], notes=[Text("note_hazards")]
    )


def _scenario(facts: Facts, key: str) -> Iterator[Cell]:
    yield facts.word(facts.get(*_PLACE, key, "name") or key)
    yield facts.ref("years", *_PLACE, key, "return_period_years")
    for name in ("alone", "joint", "lost_joint", "held", "isolated"):
        yield facts.ref("people", *_PLACE, key, "total", name)
    yield facts.ref("count", *_PLACE, key, "stations", "in_service")
    yield facts.ref("km", *_PLACE, key, "roads_km", "closed")


def _places(facts: Facts, keys: list[str]) -> Table | None:
    """Say who loses timely help where, in the scenario that takes most."""
    heads = columns(
        "jurisdiction", "scenario", "fair_joint", "joint_people", "lost_joint", "isolated", words=["scenario"]
    )
    rows = [
        (
            facts.place(place),
            facts.word(facts.get(*_PLACE, key, "name") or key),
            *(
                facts.ref("people", *_PLACE, key, "jurisdictions", place, name)
                for name in ("fair_joint", "joint", "lost_joint", "isolated")
            ),
        )
        for key in keys
        for place, one in (facts.get(*_PLACE, key, "jurisdictions") or {}).items()
        if one.get("lost_joint") or one.get("isolated")
    ]
    return table("hazards-places", heads, rows)


def _risks(facts: Facts) -> Iterator[Block | None]:
    """Say what is to be expected in a year, where several return periods of a hazard are known."""
    heads = columns("risk", "measure:what", "alone_year", "joint_year", words=["measure"])
    rows: list[tuple[Cell, ...]] = []
    for key, risk in (facts.get("hazards", "risks") or {}).items():
        for measure in ("people", "person_minutes"):
            found = {
                one["level"]: i
                for i, one in facts.rows("hazards", "risks", key, "table")
                if one["jurisdiction"] == "" and one["measure"] == measure
            }
            if found:
                place = ("hazards", "risks", key, "table")
                both = [
                    facts.ref("people", *place, found[level], "total") if level in found else None
                    for level in ("alone", "joint")
                ]
                rows.append((facts.word(risk.get("name") or key), Text(f"measure_{measure}"), *both))
    yield table("risk", heads, rows, notes=[Text("note_risk")])


def _crosswalk(facts: Facts) -> Table | None:
    heads = columns("class", "scheme", "severity", "basis", "source", words=["scheme", "basis", "source"])
    rows = [
        (
            facts.word(one["class_label"] or one["class_code"]),
            facts.word(" ".join(str(one[key]) for key in ("scheme", "edition") if one.get(key))),
            facts.ref("count", "hazards", "crosswalk", i, "severity"),
            facts.words(one.get("basis"), "en"),
            facts.words(one.get("source")),
        )
        for i, one in facts.rows("hazards", "crosswalk")
    ]
    return table("crosswalk", heads, rows, notes=[Text("note_crosswalk")])


def _seams(facts: Facts) -> Table | None:
    heads = columns(
        "border", "hazard", "seam", "severity_a", "severity_b", "length_m", words=["hazard", "seam"]
    )  # fmt: skip
    rows = [
        (
            Text("pair", {"a": facts.place(one["a"]), "b": facts.place(one["b"])}),
            facts.choice("hazard", one["hazard"], _HAZARDS),
            facts.choice("seam", one["kind"], _SEAMS),
            facts.ref("count", "hazards", "seams", i, "severity_a"),
            facts.ref("count", "hazards", "seams", i, "severity_b"),
            facts.ref("metres", "hazards", "seams", i, "length_m"),
        )
        for i, one in facts.rows("hazards", "seams")
    ]
    return table("seams", heads, rows, notes=[Text("note_seams")])
