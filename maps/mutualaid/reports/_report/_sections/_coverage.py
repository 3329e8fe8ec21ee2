"""Who is reached in time, where, and by whom: maps, coverage by municipality, gaps, and what nobody closes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mutualaid.reports._report._document import Cell, Chart, Paragraph, Section, Series, Table, Text
from mutualaid.reports._report._sections._facts import (
    MARKS,
    Facts,
    columns,
    listed,
    paragraph,
    section,
    table,
)

__all__ = ["coverage", "gaps", "maps", "nobody"]

#: Bars of a chart, and single gaps of a table: the largest ones.
_BARS, _GAPS = 12, 10


def maps(facts: Facts) -> Section | None:
    """Show who is in time at each level."""
    found = [facts.pictures[level] for level in facts.levels if level in facts.pictures]
    intro = paragraph("maps_intro") if found else None
    return section("maps", [intro, *found], brief=found[-1:], slide=bool(found))


def coverage(facts: Facts) -> Section | None:
    """Compare the levels in each municipality, by the common standard and by the local ones."""
    return section(
        "coverage",
        [
            paragraph("coverage_intro"),
            _share_chart(facts),
            _levels_table(facts, "common", "coverage"),
            _local(facts),
            *_depth(facts),
        ],
        slide=True,
    )


def _places(facts: Facts, part: str = "common") -> dict[str, float]:
    """Give people not reached by their own by municipality, most first."""
    found = facts.get(part, "jurisdictions") or {}
    gap = {key: (one.get("alone") or {}).get("gap") or 0.0 for key, one in found.items()}
    return dict(sorted(gap.items(), key=lambda one: -one[1]))


def _share_chart(facts: Facts) -> Chart | None:
    """Draw the people of each municipality by who reaches them in time."""
    keys = list(_places(facts))[:_BARS]
    if not keys:
        return None
    place = ("common", "jurisdictions")
    series = (
        ("own", "own", ("alone", "covered")),
        ("chart_joint", "joint_only", ("closed_by_joint",)),
        ("chart_gap", "gap", ("remaining",)),
    )
    return Chart(
        name="coverage",
        kind="stacked",
        categories=tuple(facts.place(key) for key in keys),
        series=tuple(
            Series(Text(label), tuple(facts.ref("people", *place, key, *path) for key in keys), MARKS[mark])
            for label, mark, path in series
        ),
        axis=Text("axis_people"),
        alt=Text("chart_coverage_alt"),
        caption=Text("chart_coverage" if len(_places(facts)) <= _BARS else "chart_coverage_largest"),
    )


def _levels_table(facts: Facts, part: str, name: str) -> Table | None:
    shares = [f"{level}_share" for level in facts.levels]
    heads = columns("jurisdiction", "population", *shares, "joint_p90_s", "remaining")
    rows = [
        *(
            (facts.place(key), *_levels_row(facts, part, "jurisdictions", key))
            for key in _places(facts, part)
        ),
        (Text("total"), *_levels_row(facts, part, "total")),
    ]
    notes = [Text("note_p90")]
    if facts.get("headline", "population_unknown"):
        unknown = facts.get("headline", "population_unknown")
        notes.append(Text("note_population", {"places": listed([facts.place(key) for key in unknown])}))
    return table(name, heads, rows if len(rows) > 1 else [], total=True, notes=notes)


def _levels_row(facts: Facts, *path: str) -> Iterator[Cell]:
    yield facts.ref("people", *path, "population")
    for level in facts.levels:
        yield facts.ref("share", *path, level, "covered_share")
    yield facts.ref("time", *path, "joint", "p90_s")
    yield facts.ref("people", *path, "remaining")


def _local(facts: Facts) -> Table | None:
    """Compare the levels by the standards of the municipalities, if they have their own."""
    local = facts.get("local_standards") or {}
    if set(local.values()) <= {facts.get("standard", "id")}:
        return None
    return _levels_table(facts, "local", "coverage-local")


def _depth(facts: Facts) -> Iterator[Paragraph]:
    depth = facts.ref("people", "common", "total", "joint", "depth_2")
    if depth is not None:
        yield paragraph("depth", n=depth)


def gaps(facts: Facts) -> Section | None:
    """Say who closes which gap."""
    heads = columns(
        "jurisdiction", "gap", *(["closed_by_agreed"] if "agreed" in facts.levels else []), "closed_by_joint",
        "saved_median_s", "remaining",
    )  # fmt: skip
    rows = [
        *((facts.place(key), *_gap_row(facts, "jurisdictions", key)) for key in _places(facts)),
        (Text("total"), *_gap_row(facts, "total")),
    ]
    by_place = table("gaps", heads, rows if len(rows) > 1 else [], total=True, notes=[Text("note_saved")])
    return section(
        "gaps", [paragraph("gaps_intro"), facts.pictures.get("gaps"), by_place, _largest(facts)], slide=True
    )


def _gap_row(facts: Facts, *path: str) -> Iterator[Cell]:
    yield facts.ref("people", "common", *path, "alone", "gap")
    if "agreed" in facts.levels:
        yield facts.ref("people", "common", *path, "closed_by_agreed")
    yield facts.ref("people", "common", *path, "closed_by_joint")
    yield facts.ref("time", "common", *path, "saved_median_s")
    yield facts.ref("people", "common", *path, "remaining")


def _of_level(facts: Facts, level: str) -> list[int]:
    """Give the positions of the largest gaps of a level."""
    found = [(i, one) for i, one in facts.rows("gaps") if one["level"] == level]
    return [i for i, _ in sorted(found, key=lambda one: -(one[1].get("population") or 0.0))][:_GAPS]


def _largest(facts: Facts) -> Table | None:
    heads = columns(
        "gap_name", "population", "median_s:first_unit", "closed_by", "closed_by_joint", "remaining",
        words=["closed_by"],
    )  # fmt: skip
    rows = []
    for i in _of_level(facts, "alone"):
        who = [facts.word(one) for one in str(facts.get("gaps", i, "closed_by") or "").split(";") if one]
        rows.append(
            (
                _name(facts, i),
                facts.ref("people", "gaps", i, "population"),
                facts.ref("time", "gaps", i, "median_s"),
                _cell(who),
                facts.ref("people", "gaps", i, "closed_population"),
                facts.ref("people", "gaps", i, "remaining_population"),
            )
        )
    return table("gaps-largest", heads, rows)


def _cell(names: Sequence[Cell]) -> Cell:
    return listed([one for one in names if one is not None]) if names else Text("nobody")


def _name(facts: Facts, i: int) -> Cell:
    """Name a gap in the reader's language: its municipalities, and its road."""
    keys = [one for one in str(facts.get("gaps", i, "jurisdictions") or "").split(";") if one]
    where = (
        listed([facts.place(key) for key in keys[:3]]) if keys else facts.word(facts.get("gaps", i, "name"))
    )
    road = facts.get("gaps", i, "road")
    return Text("gap_at", {"place": where, "road": facts.word(road)}) if road else where


def nobody(facts: Facts) -> Section | None:
    """Say what stays open whoever comes, with a warning that it is no failure of anybody's crew."""
    rest = facts.ref("people", "headline", "remaining")
    if rest is None:
        return None
    strong = paragraph(
        "nobody_some" if facts.get("headline", "remaining") else "nobody_none", n=rest, strong=True
    )
    heads = columns("gap_name", "population", "unreachable", "median_s:first_unit", "worst_s")
    rows = [
        (
            _name(facts, i),
            facts.ref("people", "gaps", i, "population"),
            facts.ref("people", "gaps", i, "unreachable_population"),
            facts.ref("time", "gaps", i, "median_s"),
            facts.ref("time", "gaps", i, "worst_s"),
        )
        for i in _of_level(facts, "joint")
    ]
    blocks = [strong, paragraph("nobody_why"), table("gaps-nobody", heads, rows), _unsited(facts)]
    return section("nobody", blocks, brief=[strong])


def _unsited(facts: Facts) -> Paragraph | None:
    """Say whom no new station could reach either, where that was looked into."""
    left = facts.known("people", "siting", "unreached", "people")
    return None if left is None else paragraph("nobody_sites", n=left)
