"""From results to a report: what it is written from at a level, and the files that it consists of."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyogrio

from mutualaid.cooperation import shared_region
from mutualaid.data import Region
from mutualaid.errors import Defect, InputError
from mutualaid.maps import page_languages
from mutualaid.reports._compare import Comparison
from mutualaid.reports._export import told_results
from mutualaid.reports._record import input_files
from mutualaid.reports._report._briefing import briefing, slides
from mutualaid.reports._report._charts import chart_svg
from mutualaid.reports._report._content import report_document
from mutualaid.reports._report._document import Chart, Document, Picture, Table
from mutualaid.reports._report._html import write_html
from mutualaid.reports._report._inputs import ReportInputs
from mutualaid.reports._report._say import number_of, say
from mutualaid.reports._report._tables import table_csv
from mutualaid.reports._results import check_target

__all__ = [
    "REPORT_LEVELS",
    "changed_inputs",
    "check_edition",
    "check_report",
    "report_inputs",
    "write_report",
]

#: How two languages stand: side by side, or one after the other.
_LAYOUTS = ("columns", "sequence")
#: Who may read a report: the partners' own staff, all partners, everybody.
REPORT_LEVELS = ("own", "partners", "public")
#: Everything that a report consists of.
_PARTS = (
    "report.html", "briefing.html", "report.pdf", "briefing.pdf", "report.json", "tables", "figures", "slides",
)  # fmt: skip
#: Parts of the summary that other results than those of `run` have, and how their layers and files begin.
_MERGED = ("siting", "evacuation")


def changed_inputs(region: Region, results: str | Path) -> list[str]:
    """Name the files of a region that are not as they were when results were computed from them.

    Parameters
    ----------
    region
        As `mutualaid.data.read_region` returns it.
    results
        Folder that `write_results` wrote.

    Returns
    -------
    list of str
        Paths inside the region folder that changed, came or went; empty if the results are those of the region. One
        entry ``run.json`` if there are no results.
    """
    try:
        record = json.loads((Path(results) / "run.json").read_text(encoding="utf-8"))
        before = {one["file"]: one["sha256"] for one in record["inputs"]}
        (Path(results) / "summary.json").stat()
    except (OSError, ValueError, KeyError, TypeError):
        return ["run.json"]
    # What the run was asked for may name a file that region.toml does not, such as a profile.
    asked = str(record.get("parameters", {}).get("profile", region.parameters.profile))
    then = replace(region, parameters=replace(region.parameters, profile=asked))
    if isinstance(then.profile, Path) and not then.profile.exists():
        return [asked]
    now = {one["file"]: one["sha256"] for one in input_files(then)}
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


@contextmanager
def report_inputs(
    region: Region,
    results: str | Path,
    *,
    also: Sequence[str | Path] = (),
    level: str = "own",
    comparison: Comparison | None = None,
) -> Iterator[ReportInputs]:
    """Give what a report is written from at a level; files lie in a temporary folder until the end of the block.

    Parameters
    ----------
    region
        What the results were computed from.
    results
        Folder that `write_results` wrote.
    also
        Folders of the same kind with a study of stations or of an evacuation that `results` does not have.
    level
        Who will read it, one of `REPORT_LEVELS`: what others keep from these readers is not in the files.
    comparison
        If the report says what changed since an earlier run; it is for the level ``own`` alone.

    Yields
    ------
    ReportInputs

    Raises
    ------
    InputError
        The level is another one.
    AgreementError
        As `mutualaid.cooperation.shared_region`.
    """
    check_edition(level)
    with tempfile.TemporaryDirectory(prefix="mutualaid-report-") as name:
        full = Path(name) / "all"
        shutil.copytree(results, full, ignore=shutil.ignore_patterns("map.html", "report"))
        for other in also:
            _merge(Path(other), full)
        if comparison is not None and level != "own":
            comparison = None  # it tells of single stations, and nobody has made sure of what
        manifest, folder, shown = None, full, region
        if level != "own":
            shared = shared_region(region, level)
            folder = Path(name) / "told"
            folder.mkdir()
            left_out = list(told_results(shared, region, full, folder))
            shown = shared.region
            manifest = {
                "level": level,
                "withheld": [asdict(one) for one in shared.withheld],
                "left_out": left_out,
            }
        yield ReportInputs(
            summary=_read(folder / "summary.json"),
            record=_read(folder / "run.json"),
            folder=folder,
            region=shown,
            level=level,
            manifest=manifest,
            comparison=None if comparison is None else comparison.summary,
            difference=None if comparison is None else comparison.difference,
            names=_names(shown),
        )


def check_edition(level: str, *, layout: str = "columns", pdf: bool = False) -> None:
    """Make sure that a report can be written in this way, before anything is computed for it.

    Raises
    ------
    InputError
        There is no such level or layout, or `pdf` is wanted and typst is not installed.
    """
    defects = []
    for where, got, known, remedy in (
        ("level", level, REPORT_LEVELS, "choose who will read it"),
        ("layout", layout, _LAYOUTS, "choose how languages stand"),
    ):
        if got not in known:
            defects.append(Defect("", where, f"one of {', '.join(known)}", repr(got), remedy))
    if pdf and find_spec("typst") is None:
        defects.append(
            Defect("", "pdf", "the package typst", "it is not there", "pip install 'mutualaid[pdf]'")
        )
    if defects:
        raise InputError(defects)


def check_report(folder: str | Path) -> Path:
    """Make sure that a report can be written to a folder, and that nothing else is lost by it.

    Raises
    ------
    InputError
        The folder cannot be written to, or holds something that is no part of a report.
    """
    target = check_target(folder)
    found = sorted(path.name for path in target.iterdir()) if target.exists() else []
    strange = [name for name in found if name not in _PARTS]
    if strange or (found and "report.json" not in found):
        got = ", ".join((strange or found)[:5])
        expected, remedy = "a new or empty folder, or an earlier report", "name another one with --out"
        raise InputError([Defect(str(target), "", expected, got, remedy)])
    if target.resolve() == Path.cwd():
        expected, remedy = "another folder than the one you are in", "name one inside it with --out"
        raise InputError([Defect(str(target), "", expected, "the folder you are in", remedy)])
    return target


def write_report(
    inputs: ReportInputs,
    folder: str | Path,
    *,
    languages: Sequence[str] = ("en",),
    layout: str = "columns",
    pdf: bool = False,
) -> dict[str, Path]:
    """Write a report, its one-page briefing, every table as CSV and every figure as a file of its own.

    The folder is written beside and renamed when it is complete; an earlier report is replaced as a whole.

    Parameters
    ----------
    inputs
        As `report_inputs` gives them.
    folder
        Where to write; new, empty, or an earlier report.
    languages
        Codes such as ``fr``, of those that a map has, the first one first.
    layout
        ``columns``: two languages side by side; ``sequence``: one after the other.
    pdf
        Whether to write the report and the briefing as PDF and the slides as PNG too: needs the extra ``pdf``.

    Returns
    -------
    dict
        Path of each file by its name inside the folder.

    Raises
    ------
    InputError
        The folder cannot be used, a language or layout is not known, or `pdf` is wanted and typst is not installed.
    """
    check_edition("own", layout=layout, pdf=pdf)
    target, codes = check_report(folder), page_languages(languages)
    document = report_document(inputs)
    short = briefing(document)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as name:
        beside = Path(name) / "report"
        for part in (beside, beside / "tables", beside / "figures"):
            part.mkdir()
        _write(beside / "report.html", write_html(document, codes, layout=layout))
        _write(beside / "briefing.html", write_html(short, codes, layout="sequence"))
        _write(beside / "report.json", json.dumps(_about(inputs, codes), ensure_ascii=False, indent=2) + "\n")
        _write_blocks(document, codes, beside)
        if pdf:
            _write_pdf(document, short, codes, layout, beside)
        if target.exists():
            target.replace(Path(name) / "before")
        beside.replace(target)
    return {path.relative_to(target).as_posix(): path for path in sorted(target.rglob("*")) if path.is_file()}


def _about(inputs: ReportInputs, languages: Sequence[str]) -> dict[str, Any]:
    """Say of which run the report is, at what level, and what was withheld."""
    manifest = inputs.manifest or {"withheld": [], "left_out": []}
    return {
        "schema": 1,
        "region": inputs.summary["region"]["name"],
        "created": inputs.record.get("created"),
        "level": inputs.level,
        "languages": list(languages),
        "withheld": manifest["withheld"],
        "left_out": manifest["left_out"],
    }


def _write_blocks(document: Document, languages: Sequence[str], folder: Path) -> None:
    data = document.data
    for section in document.sections:
        for block in section.blocks:
            if isinstance(block, Table):
                _write(folder / "tables" / f"{block.name}.csv", table_csv(block, document))
            elif isinstance(block, Picture):
                (folder / "figures" / f"{block.name}.png").write_bytes(block.png)
            elif isinstance(block, Chart):
                for lang in languages:
                    drawn = chart_svg(
                        block,
                        lang,
                        lambda value, lang=lang: say(value, lang, data),  # type: ignore[misc]
                        lambda ref: number_of(ref, data),
                    )
                    _write(folder / "figures" / f"{block.name}-{lang}.svg", drawn)


def _write_pdf(
    document: Document, short: Document, languages: Sequence[str], layout: str, folder: Path
) -> None:
    from mutualaid.reports._report._slides import write_slides
    from mutualaid.reports._report._typst import write_briefing, write_pdf

    (folder / "report.pdf").write_bytes(
        write_pdf(document, languages, layout="columns" if layout == "columns" else "sequence")
    )
    (folder / "briefing.pdf").write_bytes(write_briefing(short, languages))
    (folder / "slides").mkdir()
    for name, png in write_slides(document, slides(document), languages).items():
        (folder / "slides" / f"{name}.png").write_bytes(png)


def _merge(other: Path, full: Path) -> None:
    """Take the study of stations or of an evacuation over from other results."""
    ours, theirs = _read(full / "summary.json"), _read(other / "summary.json")
    parts = [part for part in _MERGED if part in theirs and part not in ours]
    for part in parts:
        ours[part] = theirs[part]
        for path in sorted(other.glob(f"{part}*")):
            if path.is_file():
                shutil.copy2(path, full / path.name)
        for layer in map(str, pyogrio.list_layers(other / "coverage.gpkg")[:, 0]):
            if layer.startswith(part):
                frame = pyogrio.read_dataframe(other / "coverage.gpkg", layer=layer)
                frame.to_file(full / "coverage.gpkg", layer=layer, driver="GPKG", engine="pyogrio")
    if parts:
        ours["null_means"] = {**theirs["null_means"], **ours["null_means"]}
        _write(full / "summary.json", json.dumps(ours, ensure_ascii=False, indent=2) + "\n")


def _names(region: Region) -> dict[str, dict[str, str]]:
    """Names by language of whatever has some."""
    found: dict[str, dict[str, str]] = {}
    for table in (region.jurisdictions, region.stations, region.hospitals, region.shelters):
        for column in map(str, table.columns):
            if column.startswith("name_"):
                for name, other in zip(table["name"], table[column], strict=True):
                    if other:
                        found.setdefault(name, {})[column.removeprefix("name_")] = other
    return found


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
