"""``mutualaid evacuate``: what it prints and writes is the study, and the plan's file stands on its own."""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import geopandas as gpd
import pandas as pd
import pytest

from mutualaid.cli._console import Steps
from mutualaid.cli._evacuations import hours
from mutualaid.cli._runs import Evacuate, evacuated
from mutualaid.coverage import analyse
from mutualaid.data import demo_path, read_region
from mutualaid.evacuation import Bracket, bracket, flow_network
from mutualaid.maps import LANGUAGES, card_texts


def mutualaid(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error::FutureWarning", "-m", "mutualaid", *words]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, env=os.environ | {"NO_COLOR": "1"}
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evacuate")
    shutil.copytree(demo_path(), folder / "region", ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    return folder


@pytest.fixture(scope="module")
def printed(folder: Path) -> tuple[list[str], dict[str, Any]]:
    """Lines that are printed for the region's own case, and the numbers that are written."""
    done = mutualaid("evacuate", "region", "--measures", "1", cwd=folder)
    assert done.returncode == 0, done.stderr
    summary = json.loads((folder / "region/evacuation/summary.json").read_text("utf-8"))
    return done.stdout.splitlines(), summary


@pytest.fixture(scope="module")
def plan(folder: Path, printed: tuple[list[str], dict[str, Any]]) -> dict[str, Any]:
    assert printed
    found: dict[str, Any] = json.loads((folder / "region/evacuation/evacuation_plan.json").read_text("utf-8"))
    return found


def test_the_headline_is_what_was_found(printed: tuple[list[str], dict[str, Any]]) -> None:
    lines, summary = printed
    numbers = summary["evacuation"]
    bounds = numbers["bracket"]
    told = (
        f"{numbers['people_out']:,.0f} of {numbers['people']:,.0f} people get out, in "
        f"{numbers['plan']['vehicles']:,.0f} vehicles. The last arrives between {hours(bounds['lower_s'])} and "
        f"{hours(bounds['upper_s'])} after the alarm"
    )
    assert any(line.startswith(told) for line in lines)
    assert numbers["people_out"] + numbers["people_left"] == pytest.approx(numbers["people"])
    assert sum(row["people"] for row in numbers["left"]) == pytest.approx(numbers["people_left"], abs=0.5)
    assert 0 < bounds["lower_s"] <= bounds["upper_s"] <= numbers["plan"]["clearance_s"] * (1 + 1e-9) or (
        bounds["upper_s"] >= bounds["lower_s"]
    )
    for row in numbers["zones"]:
        line = next(line for line in lines if line.startswith(row["name"]))
        assert f"{row['people']:,.0f}" in line


def test_joint_is_never_slower_and_takes_in_no_fewer(printed: tuple[list[str], dict[str, Any]]) -> None:
    own, joint = printed[1]["evacuation"]["levels"]
    assert (own["level"], joint["level"]) == ("own", "joint")
    assert joint["people_out"] >= own["people_out"] - 1e-6
    assert joint["overflow"] <= own["overflow"] + 1e-6
    assert own["crossing_people"] == 0 < joint["crossing_people"]


def test_what_is_missing_is_explained(printed: tuple[list[str], dict[str, Any]]) -> None:
    def missing(value: Any, key: str = "") -> set[str]:
        if isinstance(value, dict):
            return {name for inner, part in value.items() for name in missing(part, inner)}
        if isinstance(value, list):
            return {name for part in value for name in missing(part, key)}
        return {key} if value is None else set()

    summary = printed[1]
    assert missing(summary["evacuation"]) - set(summary["null_means"]) == set()


Flows = list[tuple[float, float, float]]


def violations(plan: dict[str, Any]) -> set[str]:
    """What is wrong with a plan, found by adding up its flows: kinds of violations."""
    edges = {one["id"]: one for one in plan["edges"]}
    sources = {one["id"]: one for one in plan["sources"]}
    sinks = {one["id"]: one for one in plan["sinks"]}
    wrong: set[str] = set()
    on_road: dict[tuple[str, Any], Flows] = defaultdict(list)
    leaving: dict[str, Flows] = defaultdict(list)
    people: dict[str, float] = defaultdict(float)
    for route in plan["routes"]:
        start, end, rate = route["from_s"], route["to_s"], route["rate_vph"] / 3600
        leaving[route["source"]].append((start, end, rate))
        people[route["sink"]] += route["people"]
        if abs(rate * (end - start) - route["vehicles"]) > 1e-6 * max(1.0, route["vehicles"]):
            wrong.add("vehicles")
        wrong |= along(route, edges, sources, sinks, on_road)
        drive = sum(edges[key]["transit_s"] for key in route["edges"])
        if end + drive > plan["clearance_s"] + 1e-6:
            wrong.add("clearance")
    wrong |= {"room" for key, count in people.items()
              if sinks[key]["people"] is not None and count > sinks[key]["people"] * (1 + 1e-6) + 1e-6}  # fmt: skip
    capacity = {("edge", key): one["capacity_vph"] for key, one in edges.items() if one["group"] < 0}
    capacity |= {("group", one["group"]): one["capacity_vph"] for one in edges.values() if one["group"] >= 0}
    capacity |= {("sink", key): one["capacity_vph"] for key, one in sinks.items()}
    if any(most_vph(flows) > capacity[lane] * (1 + 1e-6) + 1e-6
           for lane, flows in on_road.items() if capacity[lane] is not None):  # fmt: skip
        wrong.add("capacity")
    if any(too_early(flows, plan["release_s"], sources[key]["released"]) for key, flows in leaving.items()):
        wrong.add("release")
    return wrong


def along(
    route: dict[str, Any],
    edges: dict[int, Any],
    sources: dict[str, Any],
    sinks: dict[str, Any],
    on_road: dict[tuple[str, Any], Flows],
) -> set[str]:
    """Drive a route: adds its flow to each road, and gives what is wrong on the way."""
    wrong = set()
    start, end, rate = route["from_s"], route["to_s"], route["rate_vph"] / 3600
    node, passed = sources[route["source"]]["node"], 0.0
    sink = sinks[route["sink"]]
    for edge in [edges[key] for key in route["edges"]]:
        if edge["from"] != node:
            wrong.add("way")
        node = edge["to"]
        lane = ("group", edge["group"]) if edge["group"] >= 0 else ("edge", edge["id"])
        on_road[lane].append((start + passed, end + passed, rate))
        wrong |= outside(edge, start + passed, end + passed + edge["transit_s"])
        passed += edge["transit_s"]
    on_road["sink", route["sink"]].append((start + passed, end + passed, rate))
    wrong |= outside(sink, start + passed, end + passed)
    return wrong | ({"way"} if sink["node"] != node else set())


def outside(place: dict[str, Any], first: float, last: float) -> set[str]:
    """Whether somebody is there before it opens, or still there when it closes."""
    wrong = {"opens"} if first < place["opens_s"] - 1e-6 else set()
    return wrong | (
        {"closes"} if place["closes_s"] is not None and last > place["closes_s"] + 1e-6 else set()
    )


def most_vph(flows: Flows) -> float:
    """The largest sum of flows: it can only grow where one begins; flows that touch do not overlap."""
    sums = [sum(rate for start, end, rate in flows if start <= at < end - 1e-6) for at, _, _ in flows]
    return 3600 * max(sums)


def too_early(flows: Flows, times: list[float], released: list[float]) -> bool:
    """Whether more have left at some moment than were ready."""
    for moment in {*times, *(at for start, end, _ in flows for at in (start, end))}:
        gone = sum(rate * max(0.0, min(end, moment) - start) for start, end, rate in flows)
        at = sum(moment >= one for one in times) - 1
        ready = released[at]
        if at + 1 < len(times):
            ready += (released[at + 1] - ready) * (moment - times[at]) / (times[at + 1] - times[at])
        if gone > ready + 1e-6 * max(1.0, ready) + 1e-6:
            return True
    return False


def test_the_plan_holds_when_it_is_added_up_from_its_file(
    plan: dict[str, Any], printed: tuple[list[str], dict[str, Any]]
) -> None:
    assert len(plan["routes"]) == printed[1]["evacuation"]["plan"]["routes"] > 0
    assert violations(plan) == set()


@pytest.mark.parametrize("kind", ["capacity", "closes", "release", "room", "way", "clearance"])
def test_a_plan_that_is_tampered_with_is_found_out(plan: dict[str, Any], kind: str) -> None:
    wrong = copy.deepcopy(plan)
    route = max(wrong["routes"], key=lambda one: one["vehicles"])
    used = [one for one in wrong["edges"] if one["id"] in route["edges"] and one["capacity_vph"] is not None]
    if kind == "capacity":
        used[0]["capacity_vph"] = route["rate_vph"] / 2
    elif kind == "closes":
        used[-1]["closes_s"] = route["to_s"]
    elif kind == "release":
        wrong["release_s"] = [one * 4 for one in wrong["release_s"]]
    elif kind == "room":
        next(one for one in wrong["sinks"] if one["id"] == route["sink"])["people"] = route["people"] / 2
    elif kind == "way":
        route["edges"] = route["edges"][:-1]
    else:
        wrong["clearance_s"] = route["to_s"]
    assert kind in violations(wrong)


def test_files_agree_with_the_numbers(folder: Path, printed: tuple[list[str], dict[str, Any]]) -> None:
    lines, summary = printed
    results, numbers = folder / "region/evacuation", summary["evacuation"]
    written = {Path(line).name for line in lines if line.startswith("region/evacuation/")}
    assert {"map.html", "evacuation_cards.html", "evacuation_routes.gpx", "evacuation_plan.json",
            "evacuation_zones.csv", "evacuation_curves.csv", "evacuation.png"} <= written  # fmt: skip
    zones = pd.read_csv(results / "evacuation_zones.csv", dtype={"zone": str}).set_index("zone")
    assert zones["people_out"].sum() == pytest.approx(numbers["people_out"])
    routes = pd.read_csv(results / "evacuation_routes.csv")
    assert routes["vehicles"].sum() == pytest.approx(numbers["plan"]["vehicles"])
    layer = gpd.read_file(results / "coverage.gpkg", layer="evacuation_routes")
    assert len(layer) == len(routes)
    for name in ("zones", "flows", "shelters", "closures"):
        assert len(gpd.read_file(results / "coverage.gpkg", layer=f"evacuation_{name}"))
    curves = pd.read_csv(results / "evacuation_curves.csv", keep_default_na=False)
    everybody = curves[(curves["zone"] == "") & (curves["kind"] == "plan")]
    assert everybody["people"].astype(float).max() == pytest.approx(numbers["people_out"])


def test_tracks_open_as_gpx(folder: Path, printed: tuple[list[str], dict[str, Any]]) -> None:
    space = {"g": "http://www.topografix.com/GPX/1/1"}
    root = ET.parse(folder / "region/evacuation/evacuation_routes.gpx").getroot()
    tracks = root.findall("g:trk", space)
    assert len(tracks) == printed[1]["evacuation"]["plan"]["ways"]
    points = root.findall(".//g:trkpt", space)
    assert all(43.70 < float(one.attrib["lat"]) < 43.78 for one in points)
    assert all(7.3 < float(one.attrib["lon"]) < 7.5 for one in points)


def test_cards_speak_every_language(folder: Path, printed: tuple[list[str], dict[str, Any]]) -> None:
    page = (folder / "region/evacuation/evacuation_cards.html").read_text("utf-8")
    for lang, language in LANGUAGES.items():
        start = page.index(f'<section lang="{lang}" dir="{language.direction}">')
        part = page[start : page.index("</section>", start)]
        assert card_texts(lang)["card_after"] in part
        for row in printed[1]["evacuation"]["zones"]:
            assert row["name"].replace("'", "&#39;") in part
        if lang != "en":
            assert card_texts("en")["card_after"] not in part
    assert re.search(r"\{[a-z]+\}", page.split("</style>")[1]) is None  # every blank is filled in


def test_cards_hold_hostile_names_as_text(folder: Path) -> None:
    region = folder / "hostile"
    shutil.copytree(folder / "region", region, ignore=shutil.ignore_patterns("evacuation"))
    file = region / "shelters.csv"
    text = file.read_text("utf-8")
    named = pd.read_csv(file)["name"].iloc[0]
    file.write_text(text.replace(named, "<img src=x onerror=alert(1)>"), "utf-8")
    done = mutualaid("evacuate", "hostile", "--measures", "0", "--lang", "en", cwd=folder)
    assert done.returncode == 0, done.stderr
    page = (region / "evacuation/evacuation_cards.html").read_text("utf-8")
    assert "<img src=x" not in page


def test_a_quick_answer_writes_nothing(folder: Path) -> None:
    before = sorted(str(path) for path in (folder / "region").rglob("*"))
    done = mutualaid("evacuate", "region", "--quick", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["bracket"]
    assert 0 < found["lower_s"] <= found["upper_s"]
    assert sorted(str(path) for path in (folder / "region").rglob("*")) == before


def test_who_stops_the_search_is_told_what_was_proven(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: Any, quick: Callable[[Bracket], None], **__: Any) -> None:
        network = flow_network(n_nodes=1, tail=[], head=[], transit_s=[], capacity_vph=[],
                               sources={"node": [0], "vehicles": [3.0]}, sinks={"node": [0]})  # fmt: skip
        quick(replace(bracket(network), lower_s=600.0, upper_s=1200.0))
        raise SystemExit(130)

    monkeypatch.setattr("mutualaid.evacuation.evacuation", stopped)
    analysis = analyse(read_region(folder / "region"))
    with pytest.raises(SystemExit), Steps(quiet=True) as steps:
        evacuated(analysis, Evacuate(), steps, start=0.0, end=1.0)
    assert (
        "All out between 0:10 and 0:20 after the alarm, 3 vehicles: so much was proven."
        in capsys.readouterr().err
    )


def test_bad_input_is_told_at_once(folder: Path) -> None:
    done = mutualaid("evacuate", "region", "--zone", "nowhere", "--zone", "severity:none>=3", cwd=folder)
    assert done.returncode == 3
    assert "nowhere" in done.stderr
    assert "none" in done.stderr
    assert "Remedy" in done.stderr
    done = mutualaid("evacuate", "region", "--shelters", "theirs", cwd=folder)
    assert done.returncode == 3
    assert "'theirs'" in done.stderr
