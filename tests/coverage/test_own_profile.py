"""A vehicle profile in the region's own folder: it drives in every run, and all who contribute must have the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mutualaid.cooperation import Contribution, combine, contribute
from mutualaid.coverage import Analysis, analyse
from mutualaid.data import Region, demo_path, read_region
from mutualaid.errors import AgreementError, NetworkError

SLOW = '[slow]\nbased_on = "fire_engine"\njunction_s = 12\n\n[slow.speed_kph]\nresidential = 15\n'


def demo_with(folder: Path, profile: str) -> Region:
    """Copy the demo without what this is not about, with a vehicle of its own."""
    shutil.copytree(demo_path(), folder)
    (folder / "profiles").mkdir()
    (folder / "profiles" / "slow.toml").write_text(profile, encoding="utf-8")
    toml = folder / "region.toml"
    text = toml.read_text(encoding="utf-8")
    before, _, after = text.partition("\n# The hazard layers are derived")
    agreement = (
        "\n# Nobody has read" + after.partition("\n# Nobody has read")[2].partition("\n# An illustrative")[0]
    )
    parameters = '\n[parameters]\nprofile = "profiles/slow.toml"\n'
    toml.write_text(before + parameters + agreement, encoding="utf-8")
    return read_region(folder)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    return analyse(demo_with(tmp_path_factory.mktemp("own") / "demo", SLOW))


@pytest.fixture(scope="module")
def parts(run: Analysis) -> list[Contribution]:
    partners = run.region.jurisdictions["partner"].unique()
    return [contribute(run.region, name, network=run.network) for name in partners]


def test_a_run_drives_as_the_file_says_and_contributions_do_too(
    run: Analysis, parts: list[Contribution]
) -> None:
    vehicle = run.fair.graph.profile

    assert (vehicle.name, vehicle.junction_s, vehicle.speed_kph["residential"]) == ("slow", 12, 15)
    assert vehicle.speed_kph["primary"] == 65, "as the fire engine"
    # The demo's own run reaches 56,588 people as one team.
    assert 20_000 < run.summary["headline"]["covered_joint"] < 50_000
    assert run.summary["parameters"]["profile"] == "profiles/slow.toml", "no place on this computer"
    assert combine(run.region, parts, network=run.network).summary["common"] == run.summary["common"]


def test_partners_with_other_files_of_the_same_name_are_told(
    parts: list[Contribution], tmp_path: Path
) -> None:
    other = demo_with(tmp_path / "demo", SLOW.replace("12", "2"))

    with pytest.raises(AgreementError, match="sha256") as caught:
        combine(other, parts)

    assert [one.expected for one in caught.value.defects] == [
        "[parameters] of region.toml as in the region"
    ] * 2


def test_what_is_wrong_with_the_file_is_said(tmp_path: Path) -> None:
    region = demo_with(tmp_path / "demo", SLOW.replace("residential", "residental"))

    with pytest.raises(NetworkError, match=r"slow\.toml, \[slow\] speed_kph.*residental"):
        combine(region, [])
