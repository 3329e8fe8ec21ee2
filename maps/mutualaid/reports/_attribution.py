"""What each changed part of the data did to each number: exact, over all ways to mix before and after."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mutualaid.cooperation import shapley
from mutualaid.coverage import FairWeather, fair_weather, levels, scenario_coverage
from mutualaid.data import Region
from mutualaid.errors import HazardError, RegionError
from mutualaid.hazards import Layers, read_layers
from mutualaid.network import Network, Profile, profile, read_network
from mutualaid.reports._mixing import Pair, fitting, fitting_scenario, mixed

__all__ = ["Attributed", "Mixes", "attribute"]

#: A number: what it is about (``total``, ``jurisdictions``, ``partners``, ``scenarios``), the id of that, and its name.
Key = tuple[str, str, str]
Numbers = dict[Key, float]


_LEFT_OUT = (
    "Crossings, roads or stations that one state names are not there in the other: they were left out of the mixes of "
    "both, so some of what rules about them do may be counted as a change of roads, stations or people."
)


@dataclass(frozen=True, eq=False)
class Attributed:
    """What each part did.

    Attributes
    ----------
    parts
        Those that were swapped.
    before, after
        Numbers of both sides by kind of place, place and name.
    shares
        Of each number: index `parts`; ``change`` (Shapley share: they sum to the whole change), ``first`` (this part
        alone changed on the old state) and ``last`` (this part changed as the last one).
    runs
        Mixes that were computed.
    """

    parts: tuple[str, ...]
    before: Numbers
    after: Numbers
    shares: Mapping[Key, pd.DataFrame]
    runs: int


def attribute(
    parts: Sequence[str], value: Callable[[frozenset[str]], Numbers], *, told: Callable[[int, int], None]
) -> Attributed:
    """Give each part its Shapley share of the change of each number.

    Parameters
    ----------
    parts
        That differ.
    value
        Numbers of the mix in which some parts are new; called once for each set of parts. A number that a mix lacks
        is unknown there.
    told
        Called before each mix with its number and how many there are.

    Returns
    -------
    Attributed
        NaN where a number is unknown in a mix that counts.
    """
    count = 2 ** len(parts)
    found: list[Numbers] = []
    for mask in range(count):
        told(mask, count)
        found.append(value(frozenset(part for bit, part in enumerate(parts) if mask >> bit & 1)))
    keys = list(dict.fromkeys([*found[-1], *found[0]]))
    shares = {}
    for key in keys:
        # Where a place is not there nobody lives; the share of nobody is unknown, and so is a scenario not computed.
        absent = math.nan if key[0] == "scenarios" or key[2].endswith("_share") else 0.0
        values = np.array([numbers.get(key, absent) for numbers in found])
        shares[key] = _shares(values, parts)
    return Attributed(tuple(parts), found[0], found[-1], shares, count)


def _shares(values: NDArray[np.float64], parts: Sequence[str]) -> pd.DataFrame:
    gain = values - values[0]
    whole = len(values) - 1
    bits = [1 << bit for bit in range(len(parts))]
    known = len(parts) > 0 and not np.isnan(values[0])
    change = shapley(gain) if known else np.full(len(parts), np.nan)
    return pd.DataFrame(
        {
            "change": change,
            "first": [gain[bit] for bit in bits],
            "last": [gain[whole] - gain[whole & ~bit] for bit in bits],
        },
        index=pd.Index(list(parts), name="part", dtype="str"),
    )


class Mixes:
    """Mixes of two regions, each computed once; roads are read once for each pair of road files and borders."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        #: Parts that are swapped, and scenarios that are computed.
        self.parts: frozenset[str] = frozenset()
        self.scenarios: tuple[str, ...] = ()
        #: What had to be left out of mixes, in words.
        self.notes: dict[str, None] = {}
        #: Scenarios that cannot be computed in some mix.
        self.lost: dict[str, str] = {}
        self._networks: dict[tuple[bool, bool], Network] = {}
        self._layers: dict[bool, Layers] = {}
        # The last one alone, because each holds a network of its own.
        self._last: tuple[frozenset[str], FairWeather | None] | None = None
        self._kept: dict[frozenset[str], gpd.GeoDataFrame | None] = {}
        self._vehicles = {new: _vehicle(pair.side(new)) for new in (False, True)}

    @property
    def base(self) -> frozenset[str]:
        """The mix that has the people of after, and all else of before: with it the map of after is compared."""
        return self.parts & {"people"}

    def network(self, *, roads: bool, people: bool) -> Network:
        """Roads of one side, cut at the borders of one side."""
        key = (roads, people)
        if key not in self._networks:
            lands = self.pair.side(people).jurisdictions
            files = self.pair.side(roads).network_files
            self._networks[key] = read_network(files, crs=self.pair.after.crs, jurisdictions=lands)
        return self._networks[key]

    def vehicle(self, new: frozenset[str]) -> Profile:
        """How units drive: a profile of the same name on both sides belongs to the roads, else to the parameters."""
        names = {self.pair.side(one).parameters.profile for one in (False, True)}
        return self._vehicles[("roads" if len(names) == 1 else "parameters") in new]

    def coverage(self, new: frozenset[str]) -> gpd.GeoDataFrame | None:
        """Coverage without a hazard, of a mix that was computed; None where nobody can come."""
        return self._kept[new - {"hazards"}]

    def fair(self, new: frozenset[str]) -> FairWeather | None:
        """Give the mix without a hazard; None where no station can send anybody."""
        key = new - {"hazards"}
        if self._last is None or self._last[0] != key:
            self._last = key, self._computed(key)
        return self._last[1]

    def _computed(self, new: frozenset[str]) -> FairWeather | None:
        network = self.network(roads="roads" in new, people="people" in new)
        region = mixed(self.pair, new)
        pure = new in (frozenset(), self.parts - {"hazards"})
        if not pure:
            stated, region = region, fitting(region, network)
            if _named(stated) != _named(region):
                self.notes[_LEFT_OUT] = None
        try:
            return fair_weather(region, network=network, vehicle=self.vehicle(new))
        except RegionError as error:
            if pure:
                raise
            self.notes[
                "In some mixes of before and after no station can send a unit of the kind asked for: nobody counts as "
                f"reached there ({error.defects[0].expected}: {error.defects[0].got})."
            ] = None
            return None

    def numbers(self, new: frozenset[str]) -> Numbers:
        """Numbers of a mix: in all, by jurisdiction and partner, and under each scenario."""
        fair = self.fair(new)
        covered = None if fair is None else fair.coverage
        key = new - {"hazards"}
        if key in (self.base, self.parts - {"hazards"}):
            self._kept[key] = covered
        people = self.pair.side("people" in new)
        found = _fair_numbers(covered, people)
        for name in self.scenarios:
            if name not in self.lost:
                found |= self._scenario_numbers(name, new, people)
        return found

    def _scenario_numbers(self, name: str, new: frozenset[str], people: Region) -> Numbers:
        side = "hazards" in new
        fair = self.fair(new)
        if fair is None:
            return _block(None, people.demand["population"], ("scenarios", name))
        scenario = next(one for one in self.pair.side(side).scenarios if one.id == name)
        layers = self._layers_of(side)
        if broken := layers.broken(scenario.layers):
            self.lost[name] = str(broken[0])
            return {}
        network = fair.graph.network
        fits = (
            scenario
            if new in (frozenset(), self.parts)
            else fitting_scenario(scenario, network, fair.stations.index)
        )
        if fits != scenario:
            self.notes[_LEFT_OUT] = None
        if fits is None:
            covered = fair.coverage
        else:
            try:
                covered = scenario_coverage(fair, fits, layers.layers).coverage
            except HazardError as error:
                self.lost[name] = str(error.defects[0])
                return {}
        return _block(covered, people.demand["population"], ("scenarios", name))

    def _layers_of(self, new: bool) -> Layers:
        if new not in self._layers:
            self._layers[new] = read_layers(self.pair.side(new))
        return self._layers[new]


def _named(region: Region) -> object:
    """Give what a region names of its roads."""
    agreements = [(one.id, one.crossings, one.crossing) for one in region.agreements]
    return region.parameters.crossing_delay_s, agreements


def _vehicle(region: Region) -> Profile:
    return profile(region.profile)


# --- numbers ------------------------------------------------------------------------------------------------


def _fair_numbers(covered: gpd.GeoDataFrame | None, people: Region) -> Numbers:
    demand = people.demand
    partner = demand["jurisdiction"].map(people.jurisdictions["partner"])
    found = _block(covered, demand["population"], ("total", ""))
    for kind, places, names in (
        ("jurisdictions", demand["jurisdiction"], people.jurisdictions.index),
        ("partners", partner, sorted(people.jurisdictions["partner"].unique())),
    ):
        for name in names:
            rows = (places == name).to_numpy()
            here = None if covered is None else covered[rows]
            found |= _block(here, demand["population"][rows], (kind, str(name)))
    return found


def _block(covered: gpd.GeoDataFrame | None, population: pd.Series, at: tuple[str, str]) -> Numbers:
    """Numbers of some places, put together as the summary of a run does it."""
    total = math.fsum(population)
    found: dict[str, float] = {"population": total}
    if covered is None:
        found |= {
            "unreachable": math.nan,
            "remaining": total,
            "closed_by_joint": 0.0,
            "closed_by_agreed": 0.0,
        }
        reached = dict.fromkeys(("alone", "agreed", "joint"), 0.0)
    else:
        inside = {level: covered[f"{level}_covered"].to_numpy() for level in levels(covered)}
        inside.setdefault("agreed", inside["alone"])
        weights = population.to_numpy()
        found |= {
            "unreachable": math.fsum(weights[(covered["status"] == "unreachable").to_numpy()]),
            "remaining": math.fsum(weights[~inside["joint"]]),
            "closed_by_joint": math.fsum(weights[inside["joint"] & ~inside["alone"]]),
            "closed_by_agreed": math.fsum(weights[inside["agreed"] & ~inside["alone"]]),
        }
        reached = {level: math.fsum(weights[inside[level]]) for level in ("alone", "agreed", "joint")}
    for level, count in reached.items():
        found[f"covered_{level}"] = count
        found[f"covered_{level}_share"] = count / total if total > 0 else math.nan
    return {(*at, name): number for name, number in found.items()}
