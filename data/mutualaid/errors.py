"""Every error that this package raises.

::

    MutualAidError
    ├── InputError(ValueError)          something given cannot be used; `.defects`: what, where, the remedy
    │   ├── RegionError                 a region folder: region.toml and the files it names
    │   ├── OsmError                    an OpenStreetMap extract
    │   ├── DemandError                 population rasters, census tables, municipal totals
    │   ├── NetworkError                a road network, a profile, points to be placed on roads
    │   ├── StandardError               a response-time standard
    │   ├── HazardError                 a hazard layer, a scheme of classes, a curve
    │   ├── AgreementError              an agreement between partners, their costs, what they share or contribute
    │   ├── SitingError                 sites, times or wishes of a siting question
    │   ├── EvacuationError             zones, shelters, roads or wishes of an evacuation
    │   ├── IncidentError               a record of incidents, and what can be learnt from it
    │   ├── RecordError                 records of runs, and what is compared with them
    │   └── ScaleError                  workers, a scheduler or a folder that a large run cannot use, or no longer
    └── DownloadError(OSError)          a server did not answer, or not with what was asked for

Catch `MutualAidError` to catch them all:

>>> from mutualaid.errors import Defect, MutualAidError, RegionError
>>> try:
...     raise RegionError([Defect("stations.csv", "row 3", "a latitude within -90…90", "743.7",
...                               "check the decimal point in column lat")])
... except MutualAidError as error:
...     print(error)
stations.csv, row 3: expected a latitude within -90…90; got 743.7. Remedy: check the decimal point in column lat.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = [
    "AgreementError",
    "Defect",
    "DemandError",
    "DownloadError",
    "EvacuationError",
    "HazardError",
    "IncidentError",
    "InputError",
    "MutualAidError",
    "NetworkError",
    "OsmError",
    "RecordError",
    "RegionError",
    "ScaleError",
    "SitingError",
    "StandardError",
]


@dataclass(frozen=True)
class Defect:
    """One thing that is wrong with an input, and what to do about it.

    Attributes
    ----------
    file
        Name of the file, relative to the folder that the user gave; empty where there is none.
    where
        The place inside: ``row 7``, ``[stations] file``, ``way 123``; empty for the file as a whole.
    expected, got
        What was expected and what came, shortened where it is long.
    remedy
        What the reader should do, in the imperative.
    """

    file: str
    where: str
    expected: str
    got: str
    remedy: str

    def __str__(self) -> str:
        place = ", ".join(part for part in (self.file, self.where) if part)
        head = f"{place}: " if place else ""
        return f"{head}expected {self.expected}; got {self.got}. Remedy: {self.remedy.rstrip('.')}."


class MutualAidError(Exception):
    """Base of all errors of this package."""


class InputError(MutualAidError, ValueError):
    """Something given to us cannot be used.

    Parameters
    ----------
    defects
        Everything that is wrong, in the order of reading. All of it is in the message.
    """

    def __init__(self, defects: Iterable[Defect]) -> None:
        self.defects: tuple[Defect, ...] = tuple(defects)
        super().__init__("\n".join(str(defect) for defect in self.defects))

    def __reduce__(self) -> tuple[type[InputError], tuple[tuple[Defect, ...]]]:
        """Cross from one process to another with the defects, not with the message made of them."""
        return type(self), (self.defects,)


class RegionError(InputError):
    """A region folder is not valid."""


class OsmError(InputError):
    """An OpenStreetMap extract cannot be used."""


class DemandError(InputError):
    """People cannot be placed from this source."""


class NetworkError(InputError):
    """A road network, a profile or the points to be placed on roads cannot be used."""


class StandardError(InputError):
    """A response-time standard is unknown or contradicts itself."""


class HazardError(InputError):
    """A hazard layer, a scheme of classes or a curve cannot be used."""


class AgreementError(InputError):
    """An agreement, costs, or what partners share or contribute cannot be used."""


class SitingError(InputError):
    """Sites, times, or what is asked of a siting plan cannot be used or contradict each other."""


class EvacuationError(InputError):
    """Zones, shelters, capacities, or what is asked of an evacuation cannot be used or contradict each other."""


class IncidentError(InputError):
    """A record of incidents, its mapping, or what is to be learnt from it cannot be used, or is too little."""


class RecordError(InputError):
    """A record of a run, its inputs, or what is to be compared with it cannot be used."""


class ScaleError(InputError):
    """Workers, a scheduler or a folder cannot be used by a large run, or no longer; what is finished is kept."""


class DownloadError(MutualAidError, OSError):
    """A server did not answer, or not with what was asked for."""
