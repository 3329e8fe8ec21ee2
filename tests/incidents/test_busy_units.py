"""Coverage when units are out, on small regions and the demo: against coverage without calls, and against Erlang."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from mutualaid.coverage import Analysis, analyse, levels
from mutualaid.data import STAMPS, Agreement, Region
from mutualaid.errors import IncidentError
from mutualaid.incidents import BusyStudy, busy_units
from mutualaid.network import Network

Maker = Callable[..., tuple[Region, Network]]
YEAR_S = 365.25 * 86_400


def many_units(analysis: Analysis) -> Analysis:
    """The same with so many units that one is always at home."""
    return replace(analysis, stations=analysis.stations.assign(units=1000.0))


def run(region: Region, network: Network) -> Analysis:
    return analyse(region, network=network)


def incidents(region: Region, rows: list[dict[str, Any]]) -> gpd.GeoDataFrame:
    """A record: seconds of points of the clock by name; `at` is the number of the place along the road."""
    places = region.demand.geometry.to_numpy()
    frame = pd.DataFrame(
        {
            "incident": [str(row.get("incident", number)) for number, row in enumerate(rows)],
            "unit": "",
            "station": "",
            "service": [str(row.get("service", "fire")) for row in rows],
            "type": "",
        }
    )
    start = pd.Timestamp("2024-01-01", tz="UTC")
    for name in STAMPS:
        seconds = [row.get(name) for row in rows]
        values = [pd.NaT if one is None else start + pd.Timedelta(seconds=one) for one in seconds]
        frame[name] = pd.Series(values, dtype="datetime64[ms, UTC]")
    frame["offset_min"] = 60.0
    index = pd.Index([f"I{number}" for number in range(len(rows))], name="id")
    return gpd.GeoDataFrame(
        frame.set_axis(index), geometry=[places[row["at"]] for row in rows], crs=region.crs
    )


def cells(table: pd.DataFrame, key: Any, *names: str) -> list[Any]:
    """Values of one row of a table."""
    return [table[name].to_dict()[key] for name in names]


def same(a: BusyStudy, b: BusyStudy) -> bool:
    return all(getattr(a, name).equals(getattr(b, name)) for name in ("levels", "places", "units"))


def test_with_units_always_at_home_it_is_coverage(demo: Analysis) -> None:
    """Calls from places that are covered at a level are all in time, from the others none, and nobody waits."""
    full = many_units(demo)
    for level in levels(demo.coverage):
        covered = demo.coverage[f"{level}_covered"]
        reached = np.isfinite(demo.coverage[f"{level}_s"])
        for rates, share in ((covered, 1.0), (~covered & reached, 0.0)):
            study = busy_units(full, rates=rates.astype(float), calls_year=20_000, replications=2)
            assert cells(study.levels, level, "calls")[0] > 30_000
            assert cells(study.levels, level, "in_time_share", "static_share") == [share, share]
            assert cells(study.levels, level, "waited_share", "lost_share", "unreached_share") == [0, 0, 0]


def test_response_of_a_place_is_that_of_coverage(demo: Analysis) -> None:
    """Calls from one place only, with a unit at home: every percentile is its first due time; inf where none comes."""
    full = many_units(demo)
    random = np.random.default_rng(3)
    for name in random.choice(demo.demand.index.to_numpy(), 8, replace=False):
        rates = pd.Series(0.0, index=demo.demand.index)
        rates[name] = 500.0
        study = busy_units(full, rates=rates, replications=1)
        for level in levels(demo.coverage):
            (seconds,) = cells(demo.coverage, name, f"{level}_s")
            assert cells(study.levels, level, "p50_s", "p90_s") == pytest.approx([seconds] * 2)
            assert cells(study.levels, level, "unreached_share") == [0.0 if math.isfinite(seconds) else 1.0]


def test_subsidiary_help_with_all_at_home_is_coverage(along_road: Maker) -> None:
    """B is nearer to the places 1 and 2 of A, but comes only to 2, where the own station is late."""
    treaty = Agreement(id="t", parties=("A", "B"), mode="subsidiary", dispatch_delay_s=0.0, home_cover_min=0)
    analysis = run(*along_road("AAAB", {"sa": 0, "sb": 3}, treaty))
    assert analysis.coverage["agreed_station"].tolist() == ["sa", "sa", "sb", "sb"]
    study = busy_units(many_units(analysis), calls_year=2000, replications=2)
    assert study.levels["in_time_share"].tolist() == study.levels["static_share"].tolist()
    quiet = study.units.query("level == 'agreed'").groupby("station")["calls_year"].sum()
    # People are 1, 2, 4 and 8: those of the last two places are four fifths.
    assert quiet["sb"] / quiet.sum() == pytest.approx(12 / 15, abs=0.03)


def test_calls_that_find_no_unit_are_those_of_erlang(along_road: Maker) -> None:
    """Three units, an offered load of 1.5: 0.134328 are lost, whatever the distribution of the time out.

    A unit is out 60 s of turnout and 3600 s of work; the place is at the station.
    """
    analysis = run(*along_road("AA", {"sa": 0}, units=[("sa", "", 3)]))
    calls_year = 1.5 * YEAR_S / (3600 + 60 + analysis.times["drive_s"].iloc[0])
    rates = pd.Series({"d0": calls_year, "d1": 0.0})
    study = busy_units(analysis, rates=rates, service_s=3600.0, wait=False, replications=30, seed=4)
    lost, in_time, error, busy = cells(
        study.levels, "alone", "lost_share", "in_time_share", "in_time_error", "busy_share"
    )
    # The error of the share of lost calls is that of the share in time: all that are served are in time.
    assert lost == pytest.approx(1 - in_time)
    assert 0 < error < 0.001
    assert abs(lost - 0.134328) < 4 * error
    alone = study.units["busy_share"].groupby("level").sum()["alone"]
    assert alone == pytest.approx(1.5 * (1 - 0.134328), rel=0.01)
    assert busy == pytest.approx(0.5 * (1 - 0.134328), rel=0.01)


def test_nothing_is_counted_before_units_are_as_busy_as_they_get(along_road: Maker) -> None:
    """An hour each, two thousand times: as many are lost as in years, though all units are at home at first."""
    analysis = run(*along_road("AA", {"sa": 0}, units=[("sa", "", 3)]))
    rates = pd.Series({"d0": 1.5 * YEAR_S / 3660, "d1": 0.0})
    study = busy_units(
        analysis, rates=rates, service_s=3600.0, wait=False, hours=1, replications=2000, levels=["alone"]
    )
    lost, error = cells(study.levels, "alone", "lost_share", "in_time_error")
    assert abs(lost - 0.134328) < 4 * error < 0.04


def test_waiting_counts_from_the_alert_on(along_road: Maker) -> None:
    """Two calls in a minute for one unit: the second waits; a limit on the way alone does not see it."""
    region, network = along_road("AA", {"sa": 0})
    region = replace(region, incidents=incidents(region, [{"at": 0, "t0": 0}, {"at": 0, "t0": 60}]))
    full = busy_units(run(region, network), replay=True, service_s=0.0)
    # The unit is out for the turnout of 60 s and no way: it is home when the second call comes.
    assert cells(full.levels, "alone", "waited_share", "p90_s") == [0.0, 60.0]
    region = replace(region, incidents=incidents(region, [{"at": 0, "t0": 0}, {"at": 0, "t0": 10}]))
    late = busy_units(run(region, network), replay=True, service_s=0.0)
    assert cells(late.levels, "alone", "waited_share", "p90_s") == [0.5, 110.0]
    way = {"own": {"name": "Own", "limit_s": 480.0, "start": "rolling"}}
    only = busy_units(run(replace(region, standards=way), network), replay=True, service_s=0.0)
    assert cells(only.levels, "alone", "waited_share", "p90_s") == [0.5, 0.0]


def test_a_station_that_keeps_a_unit_at_home_helps_with_the_other_only(along_road: Maker) -> None:
    """Three calls in B at once: two units of A, of which one stays; the next call waits for the one of B."""
    treaty = Agreement(id="t", parties=("A", "B"), mode="automatic", home_cover_min=1)
    units = [("sa", "", 2), ("sb", "", 1)]
    region, network = along_road("AB", {"sa": 0, "sb": 1}, treaty, units=units)
    calls = [{"at": 1, "t0": second, "t4": 1000, "free": 5000} for second in range(3)]
    region = replace(region, incidents=incidents(region, calls))
    study = busy_units(run(region, network), replay=True)
    waits = study.levels["waited_share"]
    assert waits.to_dict() == pytest.approx({"alone": 2 / 3, "agreed": 1 / 3, "joint": 0.0})
    assert study.units.xs("agreed")["station"].tolist() == ["sa", "sa", "sb"]


def test_of_two_that_are_as_soon_the_own_one_goes(along_road: Maker) -> None:
    """The place in the middle is four minutes from both, and the foreign station stands first in the table."""
    region, network = along_road("AAB", {"sb": 2, "sa": 0}, units=[("sa", "", 9), ("sb", "", 9)])
    rates = pd.Series({"d0": 0.0, "d1": 500.0, "d2": 0.0})
    study = busy_units(run(region, network), rates=rates, replications=1)
    sent = study.units.xs("joint").groupby("station")["calls_year"].sum()
    assert sent["sb"] == 0 < sent["sa"]


def test_a_neighbour_is_out_from_the_moment_it_is_asked(along_road: Maker) -> None:
    """A dispatch of 300 s, a turnout of 60 s, a way of 240 s, no work: the unit of A is out for 600 s."""
    rules: dict[str, Any] = {"mode": "on_request", "dispatch_delay_s": 300.0, "home_cover_min": 0}
    treaty = Agreement(id="t", parties=("A", "B"), helpers=("A",), **rules)
    region, network = along_road("ABB", {"sa": 0, "sb": 2}, treaty)
    calls = [{"at": 1, "t0": 0}, {"at": 1, "t0": 1}, {"at": 0, "t0": 590}]
    region = replace(region, incidents=incidents(region, calls))
    study = busy_units(run(region, network), replay=True, service_s=0.0)
    # The call of 590 s for the unit at home waits until 601 s: the neighbour's way and all before it.
    (late,) = cells(study.places, ("agreed", "A"), "p50_s")
    assert late == pytest.approx(60 + 11, abs=1)


def test_levels_get_the_same_calls(demo: Analysis) -> None:
    """Gains on the same calls are known far better than if each level had calls of its own."""
    study = busy_units(demo, calls_year=3000, replications=10)
    table = study.levels
    assert len(set(table["calls"])) == 1
    assert table["static_share"].is_monotonic_increasing
    gain = table["in_time_share"] - table["in_time_share"].iloc[0]
    assert table["gain_share"].to_numpy() == pytest.approx(gain.to_numpy(), abs=1e-12)
    assert cells(table, "alone", "gain_share", "gain_error") == [0.0, 0.0]
    by_place = study.places.xs("joint")
    weighted = (by_place["in_time_share"] * by_place["calls"]).sum() / by_place["calls"].sum()
    assert weighted == pytest.approx(cells(table, "joint", "in_time_share")[0])
    served = study.units.groupby("level")["calls_year"].sum()
    assert served.to_numpy() == pytest.approx(table["calls"].to_numpy() / 10 * 365.25 / 365, rel=0.01)


def test_standard_errors_are_those_of_repetitions(demo: Analysis) -> None:
    """The shares of forty studies of two years each spread as the error of one says."""
    shares = [busy_units(demo, calls_year=800, replications=2, levels=["joint"], seed=s) for s in range(40)]
    found = np.array([cells(one.levels, "joint", "in_time_share", "in_time_error") for one in shares])
    spread, said = np.std(found[:, 0], ddof=1), math.sqrt((found[:, 1] ** 2).mean())
    assert said == pytest.approx(spread, rel=0.25)


def test_more_calls_make_response_worse_and_one_seed_gives_one_result(demo: Analysis) -> None:
    few, many, again, other = (
        busy_units(demo, calls_year=calls, replications=3, seed=seed)
        for calls, seed in ((500, 1), (8000, 1), (8000, 1), (8000, 2))
    )
    assert same(many, again)
    assert not same(many, other)
    assert (many.levels["in_time_share"] < few.levels["in_time_share"]).all()
    assert (many.units["busy_share"] > few.units["busy_share"]).all()


def test_more_units_are_better_on_the_same_calls(demo: Analysis) -> None:
    one, two = (
        busy_units(
            replace(demo, stations=demo.stations.assign(units=float(count))), calls_year=6000, replications=3
        )
        for count in (1, 2)
    )
    assert (two.levels["in_time_share"] > one.levels["in_time_share"]).all()
    assert one.levels["static_share"].equals(two.levels["static_share"])


def test_units_that_do_not_keep_up_are_named(along_road: Maker) -> None:
    analysis = run(*along_road("AB", {"sa": 0, "sb": 1}, units=[("sb", "", 9)]))
    study = busy_units(analysis, calls_year=60_000, replications=2, service_s=3600.0)
    over = [note for note in study.notes if "keep up" in note]
    assert over == ["At level alone, units of A do not keep up: what waits grows with the hours."]
    assert study.assumed["stations_without_units"] == 1
    assert any("nobody said what units" in note for note in study.notes)
    assert len(study.levels) == 2  # no agreement, so no such level


def test_rates_are_taken_from_the_best_that_there_is(along_road: Maker) -> None:
    region, network = along_road("AB", {"sa": 0, "sb": 1})
    analysis = run(region, network)
    with pytest.raises(IncidentError, match="how many calls there are a year"):
        busy_units(analysis)
    assert busy_units(analysis, calls_year=100, replications=1).assumed["calls"].startswith("people")
    stated = replace(analysis, region=replace(region, demand=region.demand.assign(incidents=[5.0, 15.0])))
    study = busy_units(stated, replications=40)
    assert study.calls_year == 20
    assert study.places.xs("joint")["calls"].tolist() == pytest.approx([200, 600], rel=0.25)
    day = 86_400
    record = incidents(region, [{"at": 1, "t0": number * day} for number in range(367)])
    recorded = replace(analysis, region=replace(region, incidents=record))
    assert busy_units(recorded, replications=1).calls_year == pytest.approx(365.25)


def test_work_is_that_of_the_record_where_it_holds_enough(along_road: Maker) -> None:
    """Each call of a replay takes what it took: 500 s and 1500 s in turn, after a turnout of 60 s."""
    region, network = along_road("AA", {"sa": 0})
    took = [1500 if n % 2 else 500 for n in range(400)]
    rows = [
        {"at": 0, "t0": 9000 * n, "t4": 9000 * n + 500, "free": 9000 * n + 500 + work}
        for n, work in enumerate(took)
    ]
    region = replace(region, incidents=incidents(region, rows))
    study = busy_units(run(region, network), replay=True)
    assert study.assumed["work_s"] == 1000
    # The last call is at the end of the window.
    out_s = sum(60 + work for work in took[:-1])
    assert cells(study.levels, "alone", "busy_share") == pytest.approx([out_s / (399 * 9000)])
    few = replace(region, incidents=region.incidents.iloc[:29])
    assert busy_units(run(few, network), replay=True).assumed["work_s"] == 3600


def test_replay_leaves_out_what_it_cannot_use_and_counts_it(along_road: Maker) -> None:
    region, network = along_road("AB", {"sa": 0, "sb": 1})
    rows: list[dict[str, Any]] = [
        {"at": 0, "t0": 0},
        {"at": 1},
        {"at": 1, "t3": 900},
        {"at": 1, "t0": 5, "service": "ems"},
    ]
    record = incidents(region, rows)
    far = record.iloc[[0]].set_axis(["far"]).assign(incident="far")
    record = pd.concat([record, far.set_geometry(far.geometry.translate(0, 5000))])
    study = busy_units(run(replace(region, incidents=record), network), replay=True)
    counted = {name: study.assumed[name] for name in ("replayed", "without_time", "without_place")}
    assert counted == {"replayed": 2, "without_time": 1, "without_place": 1}
    assert study.replications == 1
    assert math.isnan(cells(study.levels, "alone", "in_time_error")[0])


def test_all_that_cannot_be_asked_is_said_at_once(demo: Analysis) -> None:
    with pytest.raises(IncidentError) as error:
        busy_units(
            demo, calls_year=-1, levels=["joined"], service_s=math.nan, hours=0, replications=0, seed=-1
        )
    wrong = [one.where for one in error.value.defects]
    assert wrong == ["calls_year", "levels", "service_s", "hours", "replications", "seed"]
    with pytest.raises(IncidentError, match="at most"):
        busy_units(demo, calls_year=1e9, replications=1000)
    rates = pd.Series(1.0, index=demo.demand.index[1:])
    with pytest.raises(IncidentError, match="a rate for each demand point"):
        busy_units(demo, rates=rates)
    with pytest.raises(IncidentError, match="calls a year, 0 or more"):
        busy_units(demo, rates=pd.Series(-1.0, index=demo.demand.index))
