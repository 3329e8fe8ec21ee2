"""At which delay the border eats the benefit: sweeps over dispatch and crossing delays, and break-even delays."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from mutualaid.cooperation._what_if import NEVER_MS, WhatIf, by_jurisdiction, prepare, with_crossing_delay
from mutualaid.coverage import Analysis, percentile_weighted
from mutualaid.errors import AgreementError, Defect

__all__ = ["CROSSING_DELAYS_S", "DISPATCH_DELAYS_S", "LEFT_AFTER_S", "break_even", "delay_sweep"]

#: Delays until a neighbour's unit is alerted, and at international crossings, that are swept: 0 to 6 and to 15 minutes.
DISPATCH_DELAYS_S: tuple[float, ...] = tuple(float(s) for s in range(0, 361, 15))
CROSSING_DELAYS_S: tuple[float, ...] = tuple(float(s) for s in range(0, 901, 30))
#: Delays after which it is told what is left of the gain.
LEFT_AFTER_S: tuple[int, ...] = (120, 180, 300, 480, 900)


def delay_sweep(
    analysis: Analysis,
    *,
    dispatch_s: Sequence[float] = DISPATCH_DELAYS_S,
    crossing_s: Sequence[float] = CROSSING_DELAYS_S,
    what_if: WhatIf | None = None,
) -> pd.DataFrame:
    """Sweep the delays of a joint team: who is reached in time at each.

    The dispatch delay is swept with the run's delays at crossings, from one search of the roads; the delay at all
    international crossings with the run's dispatch delay, from one search for each value, no further than the
    standard's limit. A vehicle pays at each crossing that it passes and takes another way where that is faster.

    Parameters
    ----------
    analysis
        A run.
    dispatch_s, crossing_s
        Delays in seconds, not negative.
    what_if
        What `prepare` made of the run already.

    Returns
    -------
    DataFrame
        One row for each ``parameter`` (``dispatch_s``, ``crossing_s``), ``level`` (``joint``), ``seconds`` and
        ``jurisdiction`` (empty for all): people ``covered`` and ``closed`` (covered, and not by own stations under the
        same delays at crossings).

    Raises
    ------
    AgreementError
        A delay is negative or no number.

    Examples
    --------
    >>> from mutualaid.cooperation import delay_sweep
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> result = analyse(read_region(demo_path()))
    >>> sweep = delay_sweep(result, dispatch_s=[0, 180], crossing_s=[])
    >>> gained = sweep[sweep["jurisdiction"] == ""].set_index("seconds")["closed"]
    >>> bool(gained[180] < gained[0])
    True
    """
    wrong = [value for value in (*dispatch_s, *crossing_s) if not 0 <= value <= 86_400]
    if wrong:
        raise AgreementError([Defect("", "delays", "seconds from 0 on", repr(wrong[0]), "correct the delay")])
    base = what_if or prepare(analysis)
    demand, usual = analysis.demand, analysis.region.parameters.dispatch_s
    settings = []
    arrived = base.arrivals(analysis.fair.graph)
    settings += [("dispatch_s", float(seconds), arrived, float(seconds)) for seconds in dispatch_s]
    for seconds in crossing_s:
        arrived = base.arrivals(with_crossing_delay(base.open, seconds))
        settings.append(("crossing_s", float(seconds), arrived, usual))
    rows = []
    for parameter, seconds, (own_ms, foreign_ms), delay_s in settings:
        reached = base.covered(own_ms, foreign_ms, delay_s)
        covered = by_jurisdiction(np.where(reached, base.people, 0.0), demand)
        own = own_ms <= base.limit_ms
        closed = by_jurisdiction(np.where(reached & ~own, base.people, 0.0), demand)
        rows += [(parameter, "joint", name, seconds, covered[name], closed[name]) for name in covered]
    return pd.DataFrame(rows, columns=["parameter", "level", "jurisdiction", "seconds", "covered", "closed"])


def break_even(analysis: Analysis, *, what_if: WhatIf | None = None) -> pd.DataFrame:
    """Find the largest delay of foreign units at which a joint team still beats each partner alone.

    The delay is everything that a foreign unit loses beyond its turnout and drive: until it is alerted, and at
    crossings. It is computed from the time that each place has left, not by a sweep.

    Parameters
    ----------
    analysis
        A run; its own delays do not matter here.
    what_if
        What `prepare` made of the run already.

    Returns
    -------
    DataFrame
        One row for all and for each jurisdiction: ``kind`` (``all``, ``jurisdiction``), ``place``, ``name``, ``gain``
        (people in time jointly and not alone, without any delay), ``break_even_s`` (largest delay at which any of them
        is still reached in time; NaN without gain), ``half_s`` (largest at which at least half of them are), and
        ``left_120`` … ``left_900``: people left after so many seconds. For a standard of the drive alone, which does
        not count the call, the delay is that at crossings.

    Notes
    -----
    With limit T and first foreign arrival f(d) without delay, a place d that its own service does not reach in time
    bears a delay of T − f(d). break_even = max T − f(d); half is the weighted median of T − f(d) over those people.

    Examples
    --------
    >>> from mutualaid.cooperation import break_even
    >>> from mutualaid.coverage import analyse
    >>> from mutualaid.data import demo_path, read_region
    >>> table = break_even(analyse(read_region(demo_path())))
    >>> total = table.iloc[0]
    >>> bool(total["gain"] > total["left_120"] > total["left_300"])
    True
    """
    base = what_if or prepare(analysis)
    demand = analysis.demand
    own_ms, foreign_ms = base.arrivals(base.open)
    bears_ms = np.where((own_ms > base.limit_ms) & (foreign_ms < NEVER_MS), base.limit_ms - foreign_ms, -1)
    names = analysis.region.jurisdictions["name"]
    gain = by_jurisdiction(np.where(bears_ms >= 0, base.people, 0.0), demand)
    left = {
        after: by_jurisdiction(np.where(bears_ms >= 1000 * after, base.people, 0.0), demand)
        for after in LEFT_AFTER_S
    }
    rows = []
    for place in ("", *map(str, names.index)):
        chosen = (bears_ms >= 0) & (base.people > 0)
        if place:
            chosen &= (demand["jurisdiction"] == place).to_numpy()
        seconds, weight = bears_ms[chosen] / 1000, base.people[chosen]
        rows.append(
            {
                "kind": "jurisdiction" if place else "all",
                "place": place,
                "name": str(names[place]) if place else "all",
                "gain": gain.get(place, 0.0),
                "break_even_s": float(seconds.max()) if len(seconds) else math.nan,
                # The largest delay that half of the people bear: counted from the longest.
                "half_s": -percentile_weighted(-seconds, weight, 0.5),
                **{f"left_{after}": left[after].get(place, 0.0) for after in LEFT_AFTER_S},
            }
        )
    return pd.DataFrame(rows)
