"""A calibration as a profile file: what is written is what is read, and what it replaces is never half."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutualaid.coverage import Analysis, analyse
from mutualaid.data import Parameters
from mutualaid.errors import IncidentError
from mutualaid.incidents import Calibration, calibrate, model_fit, modelled, write_profile
from mutualaid.network import profile


@pytest.fixture(scope="module")
def learnt(demo: Analysis) -> Calibration:
    return calibrate(demo, folds=2)


def test_what_is_written_is_what_is_read(learnt: Calibration, tmp_path: Path) -> None:
    path = write_profile(
        learnt, tmp_path / "profiles" / "engine-2016.toml", name="engine-2016", note="by hand"
    )
    found, base = profile(path), profile("fire_engine")
    assert found.name == "engine-2016"
    for name, kph in learnt.speeds["kph"].items():
        assert found.speed_kph[str(name)] == pytest.approx(kph, abs=0.0051)
    assert set(found.speed_kph) == set(base.speed_kph)
    assert found.junction_s == pytest.approx(learnt.junction["s"], abs=0.0051)
    same = ("kinds", "ignores_oneway", "ignores_turns", "against_oneway_kph", "height_m", "weight_t")
    assert all(getattr(found, name) == getattr(base, name) for name in same)
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_every_figure_says_where_it_comes_from(learnt: Calibration, tmp_path: Path) -> None:
    source = profile(write_profile(learnt, tmp_path / "p.toml", name="p")).source
    row = learnt.speeds.loc["residential"]
    assert f"{row['drives']} drives" in source["speed_kph.residential"]
    assert f"{row['low_kph']:.1f} to {row['high_kph']:.1f} km/h" in source["speed_kph.residential"]
    assert "speed_kph.motorway" not in source
    assert "2014-03" in source["record"]
    assert f"{learnt.runs} drives" in source["record"]
    assert f"{learnt.holdout['mae_s']['after']:.0f} s" in source["holdout"]
    assert "95 %" in source["junction_s"]
    text = (tmp_path / "p.toml").read_text(encoding="utf-8")
    assert "# dispatch_s = " in text
    assert str(tmp_path) not in text


def test_a_vehicle_that_is_no_built_in_one_is_written_whole(learnt: Calibration, tmp_path: Path) -> None:
    own = replace(
        learnt.vehicle, name="own", ignores_turns=False, height_m=2.75, kinds=frozenset({"emergency"})
    )
    found = profile(write_profile(replace(learnt, vehicle=own), tmp_path / "p.toml", name="p"))
    assert (found.ignores_turns, found.height_m, found.kinds) == (False, 2.75, frozenset({"emergency"}))
    assert found.source["height_m"] == learnt.vehicle.source["height_m"]
    assert "based_on" not in tomllib.loads((tmp_path / "p.toml").read_text(encoding="utf-8"))["p"]


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40))
def test_a_note_may_hold_anything(note: str) -> None:
    import tempfile

    found = _LEARNT[0]
    with tempfile.TemporaryDirectory() as folder:
        region = {**found.record, "region": note}
        path = write_profile(replace(found, record=region), f"{folder}/p.toml", name="p", note=note)
        read = profile(path)
    assert read.source.get("note", "") == note
    assert read.source["record"].startswith(note)


_LEARNT: list[Calibration] = []


@pytest.fixture(autouse=True, scope="module")
def _keep(learnt: Calibration) -> None:
    """Hypothesis takes no fixtures of tests."""
    _LEARNT[:] = [learnt]


def test_all_that_is_wrong_is_said_at_once(learnt: Calibration, tmp_path: Path) -> None:
    with pytest.raises(IncidentError) as caught:
        write_profile(learnt, tmp_path / "p.json", name="fire_engine")
    assert [one.expected[:12] for one in caught.value.defects] == ["a .toml file", "up to 60 let"]
    for name in ("", "a b", "a]b", "é", "x" * 61):
        with pytest.raises(IncidentError):
            write_profile(learnt, tmp_path / "p.toml", name=name)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_leaves_the_old_file(learnt: Calibration, tmp_path: Path) -> None:
    path = write_profile(learnt, tmp_path / "p.toml", name="p")
    before = path.read_bytes()
    with pytest.raises(IncidentError, match="text"):
        write_profile(learnt, path, name="p", note="half \ud800")
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["p.toml"]
    (tmp_path / "file").touch()
    with pytest.raises(IncidentError, match="can be written"):
        write_profile(learnt, tmp_path / "file" / "p.toml", name="p")


def test_a_run_with_the_calibrated_profile_fits_the_record(
    learnt: Calibration, demo: Analysis, tmp_path: Path
) -> None:
    path = write_profile(learnt, tmp_path / "p.toml", name="p")
    region = replace(
        demo.region, folder=tmp_path, parameters=replace(demo.region.parameters, profile="p.toml"), hazards=(),
        scenarios=(), risks=(),
    )  # fmt: skip
    assert path.parent == region.folder
    after = analyse(region, network=demo.network)
    assert after.fair.graph.profile.name == "p"
    too_fast, fits = (model_fit(modelled(one))["median_s"]["all", ""] for one in (demo, after))
    assert too_fast > 60
    assert abs(fits) < 12
    assert isinstance(after.region.parameters, Parameters)
    again = calibrate(after, folds=2)
    assert again.vehicle.name == again.profile == "p"
    # What was learnt is learnt again: the ways were those already.
    for name in ("residential", "secondary"):
        row = again.speeds.loc[name]
        assert row["low_kph"] < row["before_kph"] < row["high_kph"]
