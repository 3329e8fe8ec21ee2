"""The columns of a question: one for each station that may be closed and each unit that may be added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array, vstack

from mutualaid.siting._choice import SiteLimits
from mutualaid.siting._table import SiteTable

__all__ = ["Columns", "columns"]


@dataclass(frozen=True, eq=False)
class Columns:
    """What may be switched on and off: ``least <= rows @ x <= most`` with x 0 or 1.

    Attributes
    ----------
    site
        (c,) position of the site of each; the first unit of a site comes before its second.
    rows, least, most
        Limits on x.
    today
        (c,) 1 where there is a station today.
    units
        (s,) units at each site if all columns are 0.
    size
        (c,) units that each stands for.
    """

    site: NDArray[np.int64]
    rows: csr_array[np.float64]
    least: NDArray[np.float64]
    most: NDArray[np.float64]
    today: NDArray[np.float64]
    units: NDArray[np.int64]
    size: NDArray[np.int64]

    def units_at(self, x: NDArray[np.float64]) -> NDArray[np.int64]:
        """(s,) units at each site under x."""
        units = self.units.copy()
        np.add.at(units, self.site, self.size * np.rint(x).astype(np.int64))
        return units

    def unlike(
        self, known: Sequence[NDArray[np.int64]], differ: int, one_of: Sequence[NDArray[np.bool_]] = ()
    ) -> Columns:
        """Return them with more limits.

        Parameters
        ----------
        known
            (s,) units of plans that are known.
        differ
            Number of columns in which a plan differs from each of them, at least.
        one_of
            (s,) sites of which one is open, at least.
        """
        rows, least = [], []
        rank = np.arange(len(self.site)) - np.searchsorted(self.site, self.site)
        for units in known:
            there = (units[self.site] > rank).astype(np.float64)
            rows.append(1 - 2 * there)
            least.append(differ - there.sum())
        for sites in one_of:
            rows.append((sites[self.site] & (rank == 0)).astype(np.float64))
            least.append(0.0 if (self.units[sites] > 0).any() else 1.0)
        if not rows:
            return self
        return replace(
            self,
            rows=csr_array(vstack([self.rows, csr_array(np.array(rows))])),
            least=np.append(self.least, least),
            most=np.append(self.most, np.full(len(rows), np.inf)),
        )

    def only(self, kept: NDArray[np.bool_]) -> Columns:
        """Return some of them; the others are 0."""
        return replace(
            self,
            site=self.site[kept],
            rows=csr_array(self.rows[:, np.flatnonzero(kept)]),
            today=self.today[kept],
            size=self.size[kept],
        )

    def allow(self, x: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(k,) whether each of the (k, c) is within the limits."""
        value = np.asarray(self.rows @ x.T).T
        slack = 1e-9 * np.maximum(1, np.abs(value))
        return np.asarray(((value >= self.least - slack) & (value <= self.most + slack)).all(axis=-1))


def columns(table: SiteTable, limits: SiteLimits, size: NDArray[np.int64], per_site: int = 1) -> Columns:
    """Make columns of the sites that do not stay as they are.

    Parameters
    ----------
    table
        The sites.
    limits
        On them. The row ``add`` counts units, all others sites.
    size
        (s,) units at each station, and in each column of a candidate.
    per_site
        Units that a candidate may get.
    """
    free = np.flatnonzero(limits.low < limits.high)
    site = np.repeat(free, np.where(table.existing[free], 1, per_site))
    first = np.append(True, site[1:] != site[:-1])[: len(site)]
    rows = csr_array(limits.rows[:, site].multiply(first | (np.array(limits.name) == "add")[:, None]))
    shift = limits.rows @ np.where(limits.low == limits.high, limits.low, 0.0)
    # The second unit of a site comes only with its first.
    later = np.flatnonzero(~first)
    unit = csr_array(eye_array(len(site)))
    order = csr_array(unit[later - 1] - unit[later])
    stays = np.where(limits.low == 1, size, 0).astype(np.int64)
    return Columns(
        site,
        csr_array(vstack([rows, order])),
        np.append(limits.least - shift, np.zeros(len(later))),
        np.append(limits.most - shift, np.full(len(later), np.inf)),
        table.existing[site].astype(np.float64),
        stays,
        size[site],
    )
