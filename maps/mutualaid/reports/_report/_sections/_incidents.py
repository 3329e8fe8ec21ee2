"""The model held against the record of real incidents, where partners shared one."""

from __future__ import annotations

from collections.abc import Iterator

from mutualaid.reports._report._document import Block, Cell, Chart, Ref, Section, Series, Table, Text
from mutualaid.reports._report._sections._facts import MARKS, Facts, columns, paragraph, section, table
from mutualaid.reports._report._sections._verdict import verdict

__all__ = ["incidents"]

_ALL = "incidents"
_SEGMENTS = ("answering", "processing", "turnout", "drive", "standard", "local")
_DELAYS = ("turnout_s", "dispatch_s", "answering_s", "processing_s")
_DEPARTMENTS = ("career", "volunteer", "combination", "unknown")
_HOURS = ("day", "night", "weekend", "unknown")


def incidents(facts: Facts) -> Section | None:
    """Say what was observed, how far the model is from it, and whether the record confirms what a joint team gains."""
    if not facts.get(_ALL):
        return None
    return section(
        "incidents",
        [
            _record(facts),
            *_verdict(facts),
            _gain(facts),
            _observed(facts),
            _segments(facts),
            *_fit(facts),
            _places(facts),
            facts.pictures.get("residuals"),
            *_calibration(facts),
            *_busy(facts),
        ],
        slide=True,
    )


def _record(facts: Facts) -> Block:
    def given(form: str, key: str) -> Ref | Text:
        return facts.told("date" if form == "date" else "count", _ALL, "record", key)

    return paragraph(
        "incidents_intro", n=given("count", "incidents"), begin=given("date", "from"), end=given("date", "to")
    )


def _verdict(facts: Facts) -> Iterator[Block]:
    """Say plainly whether the record bears out the gain: this must not be missed."""
    total = (_ALL, "gain", "total")
    said = verdict(facts, "total")
    if not said:
        return
    saved, came = (facts.known("time", *total, f"{who}_saved_s") for who in ("modelled", "recorded"))
    yield paragraph(f"verdict_{said}", n=facts.told("count", *total, "judged"), strong=said != "confirmed")
    low, high = (facts.known("time", *total, f"recorded_{end}_s") for end in ("low", "high"))
    if saved is not None and came is not None and low is not None and high is not None:
        yield paragraph("verdict_saved", modelled=saved, recorded=came, low=low, high=high)
    yield from _in_time(facts)
    yield paragraph("verdict_why")


def _in_time(facts: Facts) -> Iterator[Block]:
    """Say how many of the incidents judged were in time: what counts is not only that minutes are saved."""
    total = (_ALL, "gain", "total")
    keys = ("modelled_", "", "low_", "high_")
    modelled, recorded, low, high = (facts.known("share", *total, f"in_time_{key}share") for key in keys)
    if modelled is not None and recorded is not None and low is not None and high is not None:
        yield paragraph("verdict_in_time", modelled=modelled, recorded=recorded, low=low, high=high)


def _gain(facts: Facts) -> Table | None:
    heads = columns(
        "jurisdiction", "closed_people", "first_neighbour", "modelled_saved_s", "recorded_saved_s",
        "in_time_modelled", "in_time_recorded", "verdict", words=["verdict"],
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = []
    places = list((facts.get(_ALL, "gain", "jurisdictions") or {}).items())
    for key, one in [*places, ("", facts.get(_ALL, "gain", "total"))]:
        if not one:
            continue
        place = ("jurisdictions", key) if key else ("total",)
        where, said = (_ALL, "gain", *place), verdict(facts, *place)
        rows.append(
            (
                facts.place(key) if key else Text("total"),
                facts.ref("people", *where, "closed_people"),
                facts.ref("count", *where, "first_neighbour"),
                *(facts.ref("time", *where, f"{who}_saved_s") for who in ("modelled", "recorded")),
                *(facts.ref("share", *where, f"in_time_{key}share") for key in ("modelled_", "")),
                Text(f"judged_{said}") if said else Text("unknown"),
            )
        )
    return table(
        "incidents-gain", heads, rows, total=bool(facts.get(_ALL, "gain", "total")), notes=[Text("note_gain")]
    )


def _observed(facts: Facts) -> Table | None:
    """Compare observed times with the standard, by municipality and partner and hour."""
    asked = facts.get("standard", "share") is not None
    shown = (
        "incidents",
        "p50_s",
        "p90_s",
        "within_share",
        "within_low",
        "within_high",
        *(["met"] if asked else []),
    )
    heads = columns("group", *shown, words=["met"])
    groups: list[tuple[tuple[str, ...], Cell]] = []
    kinds = {key: list(facts.get(_ALL, "performance", key) or {}) for key in ("jurisdictions", "hours")}
    groups += [(("jurisdictions", key), facts.place(key)) for key in kinds["jurisdictions"]]
    groups += [(("hours", key), facts.choice("hour", key, _HOURS)) for key in kinds["hours"]]
    groups.append((("all",), Text("total")))
    rows: list[tuple[Cell, ...]] = []
    for path, name in groups:
        where = (_ALL, "performance", *path, "segments", "standard")
        if not facts.get(*where):
            continue
        rows.append(
            (
                name,
                facts.ref("count", *where, "known"),
                *(facts.ref("time", *where, key) for key in ("p50_s", "p90_s")),
                *(facts.ref("share", *where, f"within_{key}share") for key in ("", "low_", "high_")),
                *([facts.yes(*where, "met")] if asked else []),
            )
        )
    return table("incidents-observed", heads, rows, total=True, notes=[Text("note_observed")])


def _segments(facts: Facts) -> Table | None:
    """Give each part of the clock, of all incidents."""
    where = (_ALL, "performance", "all", "segments")
    heads = columns("segment", "known", "missing", "p50_s", "p90_s")
    rows = [
        (
            Text(f"segment_{key}"),
            *(facts.ref("count", *where, key, name) for name in ("known", "unknown")),
            *(facts.ref("time", *where, key, name) for name in ("p50_s", "p90_s")),
        )
        for key in _SEGMENTS
        if facts.get(*where, key)
    ]
    return table("incidents-segments", heads, rows)


def _fit(facts: Facts) -> Iterator[Block | None]:
    """Say how far modelled drives are from observed ones: in all, and apart for neighbours."""
    place = (_ALL, "fit", "all")
    known = {key: facts.known("time", *place, f"{key}_s") for key in ("mean", "mean_low", "mean_high")}
    runs = facts.known("count", *place, "count")
    mean, low, high = known.values()
    if mean is not None and low is not None and high is not None and runs is not None:
        late = (facts.get(*place, "mean_s") or 0.0) >= 0
        sure = (facts.get(*place, "mean_low_s") or 0.0) > 0  # then coverage is worse than this report says
        key = "fit_late" if late else "fit_early"
        yield paragraph(key, mean=mean, low=low, high=high, n=runs, strong=sure)
    groups = [key for key in ("own", "neighbours", "all") if facts.get(_ALL, "fit", key)]
    heads = columns(
        "group", "drives", "mean_s:bias", "mean_low_s", "mean_high_s", "median_s", "p90_abs_s", "longer_share"
    )
    yield table(
        "incidents-fit",
        heads,
        [
            (
                Text("total" if key == "all" else f"fit_{key}"),
                facts.ref("count", _ALL, "fit", key, "count"),
                *(
                    facts.ref("time", _ALL, "fit", key, f"{name}_s")
                    for name in ("mean", "mean_low", "mean_high", "median", "p90_abs")
                ),
                facts.ref("share", _ALL, "fit", key, "longer_share"),
            )
            for key in groups
        ],
        total="all" in groups,
        notes=[Text("note_fit")],
    )


def _places(facts: Facts) -> Chart | None:
    """Draw the bias of the model by municipality."""
    found = facts.get(_ALL, "fit", "jurisdictions") or {}
    keys = [key for key, one in found.items() if one.get("median_s") is not None][:12]
    if len(keys) < 2:
        return None
    values = tuple(Ref((_ALL, "fit", "jurisdictions", key, "median_s"), "time") for key in keys)
    return Chart(
        name="residuals",
        kind="diverging",
        categories=tuple(facts.place(key) for key in keys),
        series=(Series(Text("col_residual"), values, MARKS["gap"]),),
        axis=Text("axis_residual"),
        alt=Text("chart_residual_alt"),
        caption=Text("chart_residual"),
    )


def _calibration(facts: Facts) -> Iterator[Block | None]:
    """Say what the record teaches about speeds and delays, and how good that is on runs it did not see."""
    place = (_ALL, "calibration")
    if not facts.get(*place):
        if facts.get(_ALL, "refused"):
            yield paragraph("calibration_refused", why=facts.word(facts.get(_ALL, "refused"), "en"))
        return
    before, after = (facts.known("time", *place, "holdout", when, "mae_s") for when in ("before", "after"))
    runs = facts.known("count", *place, "runs")
    if before is not None and after is not None and runs is not None:
        yield paragraph("calibration", n=runs, before=before, after=after)
    heads = columns(
        "road_class", "before_kph", "kph", "low_kph", "high_kph", "drives", "fitted", words=["fitted"]
    )
    speeds = [
        (
            facts.word(key, "en"),
            *(
                facts.ref("number", *place, "speeds", key, name)
                for name in ("before_kph", "kph", "low_kph", "high_kph")
            ),
            facts.ref("count", *place, "speeds", key, "drives"),
            facts.yes(*place, "speeds", key, "fitted"),
        )
        for key, one in (facts.get(*place, "speeds") or {}).items()
        if one.get("drives")
    ]
    yield table("calibration-speeds", heads, speeds, notes=[Text("note_fitted")])
    heads = columns("delay", "group", "before_s", "s", "low_s", "high_s", "fitted", words=["group", "fitted"])
    rows: list[tuple[Cell, ...]] = []
    if facts.get(*place, "junction"):
        rows.append((Text("delay_junction"), None, *_estimate(facts, *place, "junction")))
    for i, one in facts.rows(*place, "delays"):
        group = facts.choice("department", one["group"], _DEPARTMENTS) if one.get("group") else None
        if one.get("hour"):
            hour = facts.choice("hour", one["hour"], _HOURS)
            group = hour if group is None else Text("list", {"a": group, "b": hour})
        rows.append(
            (facts.choice("delay", one["segment"], _DELAYS), group, *_estimate(facts, *place, "delays", i))
        )
    yield table("calibration-delays", heads, rows, notes=[Text("note_delays")])


def _estimate(facts: Facts, *path: str | int) -> Iterator[Cell]:
    for key in ("before_s", "s", "low_s", "high_s"):
        yield facts.ref("number", *path, key)
    yield facts.yes(*path, "fitted")


def _busy(facts: Facts) -> Iterator[Block | None]:
    """Say what is left of coverage when units are out on other calls."""
    levels = facts.get(_ALL, "busy", "levels") or {}
    if not levels:
        return
    calls = facts.told("number", _ALL, "busy", "calls_year")
    yield paragraph("busy_intro", n=calls)
    heads = columns(
        "level",
        "static_share",
        "in_time_share",
        "in_time_error",
        "p50_s",
        "p90_s",
        "waited_share",
        "busy_share",
    )
    yield table(
        "busy",
        heads,
        [
            (
                Text(f"level_{key}"),
                *(
                    facts.ref("share", _ALL, "busy", "levels", key, name)
                    for name in ("static_share", "in_time_share", "in_time_error_share")
                ),
                *(facts.ref("time", _ALL, "busy", "levels", key, name) for name in ("p50_s", "p90_s")),
                *(
                    facts.ref("share", _ALL, "busy", "levels", key, name)
                    for name in ("waited_share", "busy_share")
                ),
            )
            for key in levels
        ],
        notes=[Text("note_busy")],
    )
