"""``mutualaid cooperation``, and what ``run`` and ``check`` say about agreements."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mutualaid.cooperation import SHARE_RULES, Cooperation
from mutualaid.coverage import Analysis
from mutualaid.data import demo_path

#: A name that markup, emoji and formulas would eat.
ODD = "[bold]Beausoleil[/bold] :fire: $x$"
ENDED = "Agreement mc-fr ended on 2020-12-31 and does not count on "


def mutualaid(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error::FutureWarning", "-m", "mutualaid", *words]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, env=os.environ | {"NO_COLOR": "1"}
    )


def clock(seconds: float) -> str:
    return f"{int(seconds // 60)}:{int(seconds % 60):02}"


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[str]]]:
    """Lines of each table that is printed for the demo, by its title."""
    folder = tmp_path_factory.mktemp("cooperation")
    shutil.copytree(demo_path(), folder / "region", ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    done = mutualaid("cooperation", "region", cwd=folder)
    assert done.returncode == 0, done.stderr
    parts = [part.splitlines() for part in done.stdout.split("\n\n")]
    return folder, {part[0]: part[1:] for part in parts}


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a region whose agreement has ended, and in which a town has an odd name."""
    folder = tmp_path_factory.mktemp("odd")
    shutil.copytree(demo_path(), folder / "odd", ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    toml = folder / "odd" / "region.toml"
    toml.write_text(
        toml.read_text("utf-8").replace(
            'mode = "on_request"\n', 'mode = "on_request"\nvalid_to = "2020-12-31"\n'
        ),
        "utf-8",
    )
    towns = folder / "odd" / "jurisdictions.geojson"
    content = json.loads(towns.read_text("utf-8"))
    (town,) = [one for one in content["features"] if one["properties"]["name"] == "Beausoleil"]
    town["properties"]["name"] = ODD
    towns.write_text(json.dumps(content), "utf-8")
    return folder


def cells(lines: list[str], first: str) -> list[str]:
    """Cells of the row that begins with `first`, without it."""
    (line,) = [line for line in lines if line.startswith(first)]
    return re.split(r"\s{2,}", line.removeprefix(first).strip())


def table(printed: tuple[Path, dict[str, list[str]]], title: str) -> list[str]:
    (lines,) = [lines for key, lines in printed[1].items() if key.startswith(title)]
    return lines


def at(frame: pd.DataFrame, name: str, level: str, kind: str = "jurisdiction") -> dict[str, Any]:
    (row,) = frame[(frame["name"] == name) & (frame["level"] == level) & (frame["kind"] == kind)].to_dict(
        "records"
    )
    return {str(key): value for key, value in row.items()}


def test_people_by_municipality_at_each_level(
    printed: tuple[Path, dict[str, list[str]]], found: Cooperation
) -> None:
    lines = table(printed, "People reached in time")
    assert re.split(r"\s{2,}", lines[0].strip()) == [
        "people", "alone", "agreed", "joint", "nobody", "expected agreed", "expected joint",
    ]  # fmt: skip
    for name, kind in (("Beausoleil", "jurisdiction"), ("La Turbie", "jurisdiction"), ("all", "all")):
        agreed, joint = (at(found.indicators, name, level, kind) for level in ("agreed", "joint"))
        numbers = (
            joint["population"], joint["own"], agreed["reached"], joint["reached"], joint["nobody"],
            agreed["expected"], joint["expected"],
        )  # fmt: skip
        assert cells(lines, name) == [f"{number:,.0f}" for number in numbers]


def test_time_saved_and_dependence(printed: tuple[Path, dict[str, list[str]]], found: Cooperation) -> None:
    saved = at(found.indicators, "Cap-d'Ail", "agreed")
    row = next(line for line in table(printed, "Minutes saved") if re.match(r"Cap-d'Ail\s+agreed", line))
    names = ("saved_median_s", "saved_p90_s", "saved_mean_s", "saved_max_s")
    assert row.split()[2:] == [*(clock(saved[name]) for name in names), "100%"]
    depends = at(found.dependence, "La Turbie", "joint")
    row = next(line for line in table(printed, "Who depends") if re.match(r"La Turbie\s+joint", line))
    told = [
        f"{depends['covered']:,.0f}",
        f"{depends['depends']:,.0f}",
        f"{depends['share']:.0%}",
        depends["on"],
    ]
    assert re.split(r"\s{2,}", row.strip())[2:] == told


def test_the_matrix_with_balance_and_symmetry(
    printed: tuple[Path, dict[str, list[str]]], found: Cooperation
) -> None:
    for level in ("agreed", "joint"):
        (lines,) = [
            lines
            for title, lines in printed[1].items()
            if title.startswith("People by whose") and title.endswith(level)
        ]
        people = found.reciprocity[found.reciprocity["level"] == level].set_index(["helper", "host"])[
            "people"
        ]
        net = found.balance[found.balance["level"] == level].set_index("partner")
        for helper in ("SDIS 06", "Sapeurs-Pompiers de Monaco"):
            hosts = [people.get((helper, host), 0.0) for host in ("SDIS 06", "Sapeurs-Pompiers de Monaco")]
            numbers = [f"{value:,.0f}" for value in (*hosts, net["gives"][helper], net["takes"][helper])]
            more = net["balance"][helper]
            signed = f"{'+' if more > 0 else '−'}{abs(more):,.0f}"
            (line,) = [line for line in lines if re.match(rf"{helper}\s{{2}}", line)]
            assert line.removeprefix(helper).split() == [*numbers, signed, f"{net['symmetry'][helper]:.2f}"]


def test_cost_shares_and_who_would_walk_out(
    printed: tuple[Path, dict[str, list[str]]], found: Cooperation
) -> None:
    lines = table(printed, "Shares of a joint budget")
    assert lines[0].startswith("budget 1,000,000 EUR a year (assumption, illustrative figures")
    for rule in SHARE_RULES:
        words = rule.replace("_", " ")
        row = next(line for line in lines if re.match(rf"{words}\s+\d", line))
        told = []
        for share, amount in zip(found.shares[rule], found.shares[f"{rule}_amount"], strict=True):
            told += [f"{share:.0%}", f"{amount:,.0f}"]
        assert row.removeprefix(words).split() == told
        why = lines[next(i for i, line in enumerate(lines) if line == f"{words}: {SHARE_RULES[rule]}") + 1]
        core = found.core.loc[rule]
        for unit, said in (
            ("money", "{:,.0f} EUR more to pay than alone"),
            ("people", "credited with {:,.0f} fewer"),
        ):
            out = f"in {unit}, {core[f'{unit}_coalition']} would walk out: {said.format(core[f'{unit}_excess'])}"
            assert (out if core[f"{unit}_walks_out"] else f"in {unit}, nobody would walk out") in why


def test_break_even_by_municipality(printed: tuple[Path, dict[str, list[str]]], found: Cooperation) -> None:
    lines = table(printed, "What a joint team gains")
    for row in found.break_even.to_dict("records"):
        left = [row[f"left_{after}"] for after in (120, 180, 300, 480, 900)]
        told = [clock(row[name]) if row["gain"] else "–" for name in ("half_s", "break_even_s")]
        people = [f"{value:,.0f}" for value in (row["gain"], *left)]
        assert cells(lines, str(row["name"])) == [people[0], *told, *people[1:]]


def test_the_crossings_that_most_hangs_on_come_first(
    printed: tuple[Path, dict[str, list[str]]], found: Cooperation
) -> None:
    lines = table(printed, "What hangs on each crossing")
    end = next(i for i, line in enumerate(lines) if line.startswith("later: "))
    assert end - 1 == 10
    most = found.crossings[["lost_agreed", "lost_joint"]].max(axis=1).nlargest(10)
    names = [re.split(r"\s{2,}", line.strip())[0] for line in lines[1:end]]
    assert names == [found.crossings["name"][key] for key in most.index]
    first = found.crossings.loc[most.index[0]]
    told = [
        f"{first['lost_agreed']:,.0f}",
        f"{first['lost_joint']:,.0f}",
        f"{first['later_population']:,.0f}",
    ]
    assert cells(lines, names[0]) == [*told, clock(first["later_s"]), clock(first["break_even_s"])]
    losing = int((found.crossings[["lost_agreed", "lost_joint"]].max(axis=1) > 0).sum())
    assert f"{losing - 10} more cost somebody timely help." in lines[end + 1]
    pair = found.crossing_pairs[found.crossing_pairs["beyond"] >= 1].iloc[0]
    both = " and ".join(found.crossings["name"][pair[side]] for side in ("a", "b"))
    assert lines[end + 2].startswith(f"If {both} close together, {pair['lost_joint']:,.0f} people")
    assert f"{pair['beyond']:,.0f} of them only because both are closed" in lines[end + 2]


def test_stations_and_the_same_hazard_for_all(
    printed: tuple[Path, dict[str, list[str]]], found: Cooperation
) -> None:
    lines = table(printed, "If a station is out")
    for row in found.stations.to_dict("records"):
        people = [f"{row[f'only_{level}']:,.0f}" for level in ("alone", "agreed", "joint")]
        assert cells(lines, row["name"]) == [row["partner"], "–", *people]
    lines = table(printed, "What help brings when one hazard")
    for row in found.simultaneity.to_dict("records"):
        (line,) = [line for line in lines if re.match(rf"{row['name']}\s+{row['level']}\s", line)]
        names = ("fair_benefit", "hazard_benefit", "fair_expected", "hazard_expected")
        assert line.split(row["level"])[1].split() == [f"{row[name]:,.0f}" for name in names]


def test_agreements_with_source_and_confidence(printed: tuple[Path, dict[str, list[str]]]) -> None:
    lines = table(printed, "Agreements in force")
    assert lines[0].startswith("mc-fr: Monaco and its French neighbours")
    assert cells(lines, "dispatch delay ")[:3] == [
        "3:00 min", "assumption", "assumed: one call between two control rooms;",
    ]  # fmt: skip
    assert cells(lines, "strip km") == ["no limit", "assumption"]
    assert any("source, where no other is named: assumed for this example" in line for line in lines)
    last = table(printed, "To be said with every number")
    assert any(line.startswith("Agreement mc-fr: Assumed throughout") for line in last)
    assert last[-1] == "Modelled, not measured."


def test_harmonisation_and_findings_that_flip(
    printed: tuple[Path, dict[str, list[str]]], found: Cooperation
) -> None:
    lines = table(printed, "Which attributes can be compared")
    assert cells(lines, "stations department") == ["0%", "100%", "no"]
    assert cells(lines, "hazards coastal_flood") == ["100%", "100%", "yes", "8 seams at borders"]
    assert len(lines) == 1 + len(found.harmonisation)
    lines = table(printed, "Findings that flip")
    flips = found.sensitivity[found.sensitivity["finding"] != ""]
    assert sum(bool(re.match(r"agreement |\[parameters\] ", line)) for line in lines) == len(flips)
    told = cells([line for line in lines if "Beausoleil" in line], "agreement mc-fr, dispatch_delay_s")
    assert told == ["0:00 to 6:00", "Beausoleil gains with today's agreements", "true", "5:00"]
    still = found.sensitivity.loc[found.sensitivity["finding"] == "", "parameter"]
    assert lines[-1] == f"Nothing flips with: {'; '.join(still)}."


def test_nothing_is_written(printed: tuple[Path, dict[str, list[str]]]) -> None:
    assert [path.name for path in printed[0].iterdir()] == ["region"]
    assert not (printed[0] / "region" / "results").exists()


# --- an agreement that has ended ------------------------------------------------------------------------------


def test_check_tells_of_an_agreement_that_does_not_count(odd: Path) -> None:
    done = mutualaid("check", "odd", cwd=odd)
    assert done.returncode == 0, done.stderr
    note, last = done.stdout.splitlines()
    assert note.startswith(f"note: {ENDED}")
    assert last == "No defects found."
    machine = json.loads(mutualaid("check", "odd", "--json", cwd=odd).stdout)
    assert machine["defects"] == []
    assert machine["notes"] == [note.removeprefix("note: ")]
    toml = (odd / "odd" / "region.toml").read_text("utf-8")
    (odd / "odd" / "then.toml").write_text(f'{toml}\n[parameters]\ndate = "2020-12-31"\n', "utf-8")
    then = mutualaid("check", "odd/then.toml", cwd=odd)
    assert (then.returncode, then.stdout) == (0, "No defects found.\n"), then.stderr


def test_an_ended_agreement_leaves_two_levels_and_a_note(odd: Path) -> None:
    done = mutualaid("cooperation", "odd", cwd=odd)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    heads = lines[lines.index("People reached in time") + 1]
    assert heads.split() == ["people", "alone", "joint", "nobody"]
    assert lines[lines.index("Agreements in force") + 1] == "none"
    assert any(line.startswith(ENDED) for line in lines)
    assert "agreed" not in done.stdout
    assert sum(line.startswith(ODD) for line in lines) >= 4, "a name is no markup"


def test_on_a_day_of_the_agreement_it_counts(odd: Path, found: Cooperation, analysis: Analysis) -> None:
    done = mutualaid("cooperation", "odd", "--date", "2020-12-31", "--json", cwd=odd)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)["summary"]
    assert told["parameters"]["date"] == "2020-12-31"
    assert told["cooperation"]["reciprocity"] == found.summary["reciprocity"]
    assert told["cooperation"]["notes"] == found.summary["notes"]
    assert told["headline"] == analysis.summary["headline"]


def test_run_takes_day_and_availability_and_tells_of_agreements(odd: Path) -> None:
    done = mutualaid("run", "odd", "--out", "out", "--date", "2021-01-01", "--availability", "0.5", cwd=odd)
    assert done.returncode == 0, done.stderr
    assert f"note: {ENDED}2021-01-01." in done.stdout
    record = json.loads((odd / "out" / "run.json").read_text("utf-8"))
    assert (record["agreements"], record["day"]) == ([], "2021-01-01")
    assert record["parameters"]["availability"] == 0.5
    table = done.stdout.split("reached within the standard")[1].splitlines()
    assert table[0].split() == ["people", "alone", "joint", "closed", "by", "joint", "left"]
    assert any(line.startswith(ODD) for line in table)
    summary = json.loads((odd / "out" / "summary.json").read_text("utf-8"))
    joint = summary["common"]["total"]["joint"]
    assert joint["expected"] < joint["covered"], "a unit is out half of the time"
    share = next(row for row in summary["cooperation"]["dependence"] if row["kind"] == "all")["share"]
    assert f"{share:.0%} of the people in time jointly depend on a neighbour" in done.stdout


def test_what_a_unit_must_have_is_asked_of_the_units(odd: Path) -> None:
    done = mutualaid("run", "odd", "--out", "ladders", "--capability", "ladder", cwd=odd)
    assert done.returncode == 3
    assert "the capability ladder" in done.stderr
    wrong = mutualaid("run", "odd", "--date", "2021-02-30", "--availability", "0", cwd=odd)
    assert wrong.returncode == 3
    for name in ("date", "availability"):
        assert f"[parameters] {name}" in wrong.stderr
    assert not (odd / "ladders").exists()
