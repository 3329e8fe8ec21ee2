"""The embedded region as a report tells it, computed once; parts that take long are small and made by hand."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mutualaid.cooperation import cooperation
from mutualaid.coverage import Analysis, analyse
from mutualaid.data import demo_path, read_region
from mutualaid.reports import full_summary, run_record
from mutualaid.reports._report._content import report_document
from mutualaid.reports._report._document import Document, LegendEntry, Mark, Picture, Ref, Text
from mutualaid.reports._report._inputs import ReportInputs
from mutualaid.siting import siting

#: One grey pixel.
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="session")
def analysis() -> Analysis:
    """The demo."""
    return analyse(read_region(demo_path()))


def evacuation_of_hand() -> dict[str, Any]:
    """What an evacuation says, as `evacuation_summary` writes it: two zones, one of them never reached."""
    zone = {"jurisdiction": "MC", "partner": "B", "vehicles": 40.0, "first_s": 0.0, "last_s": 5063.2}
    return {
        "name": "Wildfire (illustrative)",
        "level": "joint",
        "people": 5738.165,
        "bracket": {"lower_s": 4946.53, "upper_s": 5193.856, "gap": 0.05, "status": "gap"},
        "people_out": 5656.916,
        "people_left": 81.249,
        "left": [
            {"zone": "z1", "reason": "no road", "people": 0.3},
            {"zone": "z2", "reason": "a reason of tomorrow", "people": 80.9},
        ],
        "zones": [
            {"zone": "z1", "name": "Beausoleil", "people": 1314.4, "arrives_s": 4500.0, "ete_90_s": 4816.4,
             "latest_s": 4339.9, "margin_s": -119.5, "people_left": 31.4, **zone},
            {"zone": "z2", "name": "Cap-d'Ail", "people": 141.8, "arrives_s": None, "ete_90_s": None,
             "latest_s": None, "margin_s": None, "people_left": 14.2, **zone},
        ],
        "shelters": [
            {"sink": "s1", "name": "Lycée", "partner": "B", "people": 281.4, "room": None},
            {"sink": "s2", "name": "Mairie", "partner": "B", "people": 0.0, "room": 145.0},
        ],
        "levels": [
            {"level": "own", "lower_s": 3279.0, "upper_s": 3419.7, "people_out": 2460.0, "people_left": 3278.2,
             "crossing_people": 0.0},
            {"level": "joint", "lower_s": 4946.53, "upper_s": None, "people_out": 5656.9, "people_left": 81.2,
             "crossing_people": 3653.4},
        ],
        "measures": [
            {"kind": "earlier", "name": "", "lower_s": 1509.3, "upper_s": None, "saved_s": 3437.3},
            {"kind": "unstaged", "name": "", "lower_s": None, "upper_s": 5473.2, "saved_s": -285.7},
        ],
    }  # fmt: skip


def incidents_of_hand() -> dict[str, Any]:
    """What a record says, as `mutualaid.incidents.incident_numbers` writes it."""
    seconds = {"known": 338, "unknown": 6, "mean_s": 420.0, "p50_s": 402.3, "p90_s": 611.5, "p95_s": 700.0}
    within = {"limit_s": 480.0, "share": None, "within_share": 0.713, "within_low_share": 0.662,
              "within_high_share": 0.759, "met": None}  # fmt: skip
    block = {
        "name": "Beausoleil",
        "count": 344,
        "segments": {"drive": seconds, "standard": {**seconds, **within}},
    }
    fit = {"name": "", "count": 331, "mean_s": 41.2, "mean_low_s": 35.1, "mean_high_s": 47.3, "median_s": 38.0,
           "mad_s": 22.0, "p90_abs_s": 97.4, "longer_share": 0.86, "ratio": 1.2}  # fmt: skip
    gain = {"name": "Beausoleil", "verdict": "not_confirmed", "closed_people": 2942.2, "neighbour_people": 9000.0,
            "saved_s": 244.1, "incidents": 120, "first_neighbour": 61, "judged": 57, "modelled_saved_s": 244.1,
            "recorded_saved_s": 121.0, "recorded_low_s": 90.5, "recorded_high_s": 160.2, "realised_share": 0.5,
            "in_time_modelled_share": 0.25, "in_time_share": 0.02, "in_time_low_share": 0.003,
            "in_time_high_share": 0.09}  # fmt: skip
    level = {"calls": 4000, "in_time_share": 0.68, "in_time_error_share": 0.004, "p50_s": 300.0, "p90_s": None,
             "waited_share": 0.02, "lost_share": 0.0, "static_share": 0.7, "busy_share": 0.11}  # fmt: skip
    estimate = {"before_s": 2.0, "s": 4.4, "low_s": 3.9, "high_s": 4.9, "fitted": True}
    speed = {
        "before_kph": 25.0,
        "kph": 17.1,
        "low_kph": 16.2,
        "high_kph": 18.0,
        "drives": 300,
        "fitted": True,
    }
    return {
        "record": {
            "service": "fire",
            "from": "2014-03-02",
            "to": "2016-02-27",
            "rows": 443,
            "incidents": 344,
        },
        "performance": {"all": block, "jurisdictions": {"FR-beausoleil": block}, "hours": {"day": block}},
        "fit": {
            "all": fit,
            "own": {**fit, "count": 270},
            "neighbours": {**fit, "mean_s": -4.2},
            "jurisdictions": {"FR-beausoleil": fit, "MC": {**fit, "median_s": -12.5}},
        },
        "gain": {"level": "agreed", "total": gain, "jurisdictions": {"FR-beausoleil": gain}},
        "calibration": {
            "profile": "fire_engine",
            "runs": 331,
            "speeds": {"residential": speed, "track": {**speed, "kph": 12.0, "fitted": False}},
            "junction": estimate,
            "delays": [{"segment": "turnout_s", "group": "career", "hour": "day", **estimate}],
            "holdout": {"before": {"mae_s": 55.1}, "after": {"mae_s": 31.9}},
        },
        "refused": "",
        "busy": {"calls_year": 180.5, "levels": {"alone": level, "joint": {**level, "in_time_share": 0.83}}},
    }


def comparison_of_hand() -> dict[str, Any]:
    """What changed, as ``comparison.json`` says it."""

    def changed(before: float, change: float, **parts: float) -> dict[str, Any]:
        shares = {part: {"change": value, "first": value, "last": value} for part, value in parts.items()}
        return {"before": before, "after": before + change, "change": change, "parts": shares}

    total = {"population": changed(66171.0, 0.0, stations=0.0, roads=0.0),
             "covered_joint": changed(56588.0, -1203.4, stations=-1500.1, roads=296.7)}  # fmt: skip
    place = {"name": "Beausoleil", "in": "both", "indicators": {"covered_joint": total["covered_joint"]}}
    return {
        "schema": 1,
        "before": {"id": "20250101T000000Z-1234abcd", "created": "2025-01-01T00:00:00+00:00"},
        "after": {"id": "region", "created": None},
        "total": total,
        "jurisdictions": {"FR-beausoleil": place},
        "largest": {"indicator": "covered_joint", "part": "stations", "change": -1500.1},
        "notes": ["Maps grow."],
    }


@pytest.fixture(scope="session")
def report_inputs(analysis: Analysis) -> ReportInputs:
    """All parts of a report about the demo, with a manifest as an edition for others has one."""
    study = siting(analysis, add=1, alternatives=1, separate=True)
    summary = full_summary(analysis, cooperation(analysis), study)
    summary |= {"evacuation": evacuation_of_hand(), "incidents": incidents_of_hand()}
    withheld = {
        "table": "stations",
        "attribute": "turnout_s",
        "partner": "SDIS 06",
        "rows": 1,
        "action": "removed",
    }
    left_out = {"file": "results/map.html", "what": "", "reason": "it shows what is kept back"}
    manifest = {
        "withheld": [withheld, {**withheld, "rows": 0}],
        "left_out": [left_out],
        "notes": ["All is true."],
    }
    return ReportInputs(
        summary=json.loads(json.dumps(summary)),
        record=json.loads(json.dumps(run_record(analysis))) | {"day": "2026-11-26"},
        folder=Path("results"),
        region=analysis.region,
        level="partners",
        manifest=manifest,
        comparison=comparison_of_hand(),
        names={"Monaco": {"ar": "موناكو", "it": "Principato di Monaco"}},
    )


@pytest.fixture(scope="session")
def tiny_pictures(report_inputs: ReportInputs) -> dict[str, Picture]:
    """One pixel for each map that a report can hold."""
    names = ["alone", "agreed", "joint", "gaps", "siting", "evacuation", "residuals", "difference"]
    names += [f"hazard_{key}" for key in report_inputs.summary["hazards"]["scenarios"]]
    rest = LegendEntry(Mark("#E69F00", "slash"), Text("map_nobody"), Ref(("headline", "remaining")))
    return {
        name: Picture(name, PIXEL, 15, 10, Text("map_joint_caption"), Text("map_gaps_caption"), (rest,))
        for name in names
    }


@pytest.fixture(scope="session")
def report(report_inputs: ReportInputs, tiny_pictures: dict[str, Picture]) -> Document:
    """The report of it, with tiny maps."""
    return report_document(report_inputs, pictures=tiny_pictures)


@pytest.fixture
def changed_inputs(report_inputs: ReportInputs) -> Callable[..., ReportInputs]:
    """Copy the inputs, to be changed; what is named takes the place of what was there."""

    def changed(**values: Any) -> ReportInputs:
        fresh = {
            key: copy.deepcopy(getattr(report_inputs, key)) for key in ("summary", "record", "comparison")
        }
        return replace(report_inputs, **(fresh | values))

    return changed


class Shown(NamedTuple):
    """A number of a page: as shown, its exact value, and where it says that it stands."""

    text: str
    exact: str
    path: list[str | int]
    source: str
    lang: str


class _Reader(HTMLParser):
    """Reads a page as a reader does: its numbers, its words from data, and every other text."""

    void = ("meta", "link", "br", "img", "hr")

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.numbers: list[Shown] = []
        self.texts: list[str] = []
        self.words: list[str] = []
        self.drawn: list[str] = []
        self._said: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self.void:
            return
        self.open.append((tag, dict(attrs)))
        if tag == "data":
            self._said = ""

    def handle_endtag(self, tag: str) -> None:
        name, attributes = self.open.pop()
        assert name == tag, f"<{name}> is closed by </{tag}>"
        if tag == "data":
            lang = next(one["lang"] for _, one in reversed(self.open) if one.get("lang"))
            path = json.loads(str(attributes["data-path"]))
            source = attributes.get("data-source") or "summary"
            self.numbers.append(Shown(str(self._said), str(attributes["value"]), path, source, str(lang)))
            self._said = None

    def handle_data(self, data: str) -> None:
        tags = [tag for tag, _ in self.open]
        if self._said is not None:
            self._said += data
        elif "style" in tags or "title" in tags:
            return
        elif "svg" in tags:
            self.drawn.append(data)
        elif "bdi" in tags:
            self.words.append(data)
        else:
            self.texts.append(data)


@pytest.fixture(scope="session")
def read_page() -> Callable[[str], _Reader]:
    """Read a page; every element must be closed where it was opened."""

    def read(page: str) -> _Reader:
        reader = _Reader()
        reader.feed(page)
        reader.close()
        assert reader.open == []
        return reader

    return read
