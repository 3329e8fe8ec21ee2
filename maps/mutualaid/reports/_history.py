"""Indicators over time: one row a run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mutualaid.errors import Defect, RecordError
from mutualaid.reports._figure_style import (
    BLUE,
    GREEN,
    LINE,
    QUIET,
    VERMILION,
    save_figure,
    small_print,
    style,
    write,
)
from mutualaid.reports._results import check_target
from mutualaid.reports._runs import RunRecord

__all__ = ["HISTORY_INDICATORS", "history", "history_figure", "write_history"]

#: Indicators that a history tells by default, where any of the runs has them.
HISTORY_INDICATORS: tuple[str, ...] = (
    "headline.population",
    "headline.covered_alone_share",
    "headline.covered_agreed_share",
    "headline.covered_joint_share",
    "headline.closed_by_joint",
    "headline.remaining",
)
#: What stands beside each run.
_ABOUT = ("created", "note", "standard", "day")
_LINES = {
    "headline.covered_joint_share": ("one joint team", GREEN, "-", "o"),
    "headline.covered_agreed_share": ("today's agreements", BLUE, "--", "s"),
    "headline.covered_alone_share": ("each partner alone", VERMILION, ":", "^"),
}
#: Inches: the page's width; what stands above the panel, its height, and what stands below it but for the caption.
_WIDTH, _ABOVE, _TALL, _BELOW = 8.0, 0.85, 3.0, 0.75


def history(records: Iterable[RunRecord], indicators: Sequence[str] | None = None) -> pd.DataFrame:
    """Put the indicators of runs into one table.

    Parameters
    ----------
    records
        As `read_records` gives them.
    indicators
        Places in ``summary.json``, as `run_indicators` writes them; `HISTORY_INDICATORS` by default.

    Returns
    -------
    DataFrame
        Index ``run``; ``created``, ``note``, ``standard``, ``day`` and one column for each indicator (float): NaN where
        a run does not state it or states that it is unknown. Of the default ones those that some run states.

    Raises
    ------
    RecordError
        No run states one of the `indicators` that were asked for; each is named.

    Examples
    --------
    >>> from mutualaid.reports import history
    >>> history([]).columns.tolist()
    ['created', 'note', 'standard', 'day']
    """
    runs = list(records)
    known = {key for one in runs for key in one.indicators}
    if indicators is None:
        asked = [key for key in HISTORY_INDICATORS if key in known]
    else:
        asked = list(dict.fromkeys(indicators))
        if runs and (unknown := [key for key in asked if key not in known]):
            remedy = "use a place in summary.json such as headline.covered_joint_share"
            raise RecordError(
                Defect("", "indicators", "an indicator that a run states", repr(key), remedy)
                for key in unknown
            )
    rows = {
        one.id: {name: getattr(one, name) for name in _ABOUT}
        | {key: np.nan if one.indicators.get(key) is None else one.indicators[key] for key in asked}
        for one in runs
    }
    table = pd.DataFrame.from_dict(rows, orient="index", columns=[*_ABOUT, *asked])
    table.index = pd.Index(table.index, name="run", dtype="str")
    return table.astype(dict.fromkeys(_ABOUT, "str") | dict.fromkeys(asked, "float64"))


def history_figure(table: pd.DataFrame) -> Figure:
    """Draw the share of people in time over the runs.

    Parameters
    ----------
    table
        As `history` gives it, with at least one run and one of the shares of the headline.

    Returns
    -------
    matplotlib.figure.Figure
        One line a level of cooperation, named at its end; along x the runs at their moments. Notes of the runs stand
        below, by number.

    Raises
    ------
    RecordError
        There is nothing to draw.

    Examples
    --------
    >>> import pandas as pd
    >>> from mutualaid.reports import history_figure
    >>> runs = pd.DataFrame(
    ...     {"created": ["2025-03-01T09:00:00+00:00", "2026-03-01T09:00:00+00:00"], "note": ["", "new treaty"],
    ...      "standard": "own", "headline.covered_joint_share": [0.7, 0.8]}, index=["a", "b"])
    >>> len(history_figure(runs).axes[0].lines)
    1
    """
    shown = [key for key in _LINES if key in table.columns and table[key].notna().any()]
    if table.empty or not shown:
        expected, got = "runs that state shares of people in time", "none"
        raise RecordError([Defect("", "history", expected, got, "run `mutualaid run` on the region first")])
    notes = [f"{number}: {note.rstrip('. ')}." for number, note in enumerate(table["note"], 1) if note]
    if len(set(table["standard"])) > 1:
        notes.append("The runs use different standards, so their shares do not mean the same.")
    caption = small_print("Each mark is a run, numbered from the first.", notes, width=_WIDTH - 0.6)
    height = _ABOVE + _TALL + _BELOW + LINE * len(caption)
    with style():
        figure = Figure(figsize=(_WIDTH, height))
        axes = figure.add_axes((0.7 / _WIDTH, 1 - (_ABOVE + _TALL) / height, 5.6 / _WIDTH, _TALL / height))
        _lines(axes, table, shown)
        write(figure, "How many people are in time?", 0.3, size=14, weight="bold")
        write(figure, "Share of people reached within the standard, run by run", 0.56)
        write(figure, "\n".join(caption), height - 0.14, size=7.5, color=QUIET, va="bottom")
    return figure


def _lines(axes: Axes, table: pd.DataFrame, shown: Sequence[str]) -> None:
    when = [datetime.fromisoformat(text) for text in table["created"]]
    # Runs of one day would lie on each other: then they stand in their order.
    spread = (when[-1] - when[0]).days > len(when)
    at = (
        np.array([moment.timestamp() / 86_400 for moment in when])
        if spread
        else np.arange(len(when), dtype=float)
    )
    ends = []
    for key in shown:
        called, colour, line, mark = _LINES[key]
        share = 100 * table[key].to_numpy()
        axes.plot(at, share, color=colour, ls=line, marker=mark, ms=5.5, lw=2, clip_on=False)
        known = np.flatnonzero(np.isfinite(share))
        ends.append((float(share[known[-1]]), f"{called}\n{share[known[-1]]:.1f} %", colour))
    low = min(float(np.nanmin(100 * table[key])) for key in shown)
    high = max(float(np.nanmax(100 * table[key])) for key in shown)
    # Marks of the axis are whole percents, of which there must be some.
    room = max(high - low, 5.0)
    low, high = (low + high - room) / 2, (low + high + room) / 2
    axes.set_ylim(max(low - 0.12 * room, -0.02 * room), min(high + 0.12 * room, 100 + 0.02 * room))
    bottom, top = axes.get_ylim()
    free = bottom - 1.0
    for end, text, colour in sorted(ends):
        free = max(end, free)  # names stand above each other where lines end together
        axes.annotate(
            text,
            (1.02, (free - bottom) / (top - bottom)),
            xycoords="axes fraction",
            va="center",
            size=8.5,
            color=colour,
        )
        free += 0.13 * (top - bottom)
    ticks = np.unique(np.linspace(0, len(at) - 1, min(len(at), 5)).round().astype(int))
    axes.set_xticks(at[ticks], [f"{tick + 1}\n{when[tick]:%Y-%m-%d}" for tick in ticks])
    axes.yaxis.set_major_locator(MaxNLocator(7, integer=True))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0f} %")
    axes.grid(axis="y", color="#dfe3e7", lw=0.8)
    axes.set_axisbelow(True)
    axes.margins(x=0.04)


def write_history(table: pd.DataFrame, folder: str | Path) -> dict[str, Path]:
    """Write a history as ``history.csv`` and, where there is something to draw, ``history.png``.

    Parameters
    ----------
    table
        As `history` gives it.
    folder
        Where to write; made if it does not exist.

    Returns
    -------
    dict
        Path of each file written.

    Raises
    ------
    InputError
        The folder cannot be written to.

    Examples
    --------
    >>> from mutualaid.reports import history, read_records, write_history
    >>> write_history(history(read_records("riviera")), "history")  # doctest: +SKIP
    """
    target = check_target(folder)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as name:
        beside = Path(name)
        table.to_csv(beside / "history.csv", encoding="utf-8", lineterminator="\n")
        if len(table) and any(key in table.columns and table[key].notna().any() for key in _LINES):
            save_figure(history_figure(table), beside / "history.png")
        target.mkdir(exist_ok=True)
        (target / "history.png").unlink(missing_ok=True)
        written = sorted(path.name for path in beside.iterdir())
        for file in written:
            (beside / file).replace(target / file)
    return {file: target / file for file in written}
