"""An imported record in a region's folder, with what was done to it."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path

import pandas as pd

from mutualaid.data import add_section, incident_table, write_table
from mutualaid.errors import Defect, IncidentError
from mutualaid.incidents._import._imported import Imported
from mutualaid.incidents._import._rules import RULES

__all__ = ["write_incidents"]

_FILE = "incidents.csv"


def write_incidents(imported: Imported, folder: Path | str, *, replace: bool = False) -> dict[str, Path]:
    """Write an imported record into a region's folder, and name it in its region.toml.

    Each file is written beside and then takes its name. The section ``[incidents]`` is added to region.toml if there is
    none; nothing else in it is touched.

    Parameters
    ----------
    imported
        As `import_incidents` gives it.
    folder
        Folder that holds region.toml.
    replace
        Whether a record that is there already is replaced.

    Returns
    -------
    dict
        Files by what they are: ``incidents`` (incidents.csv), ``left_out`` (incidents_left_out.csv) and ``report``
        (incidents_import.json: counts, rules in words, mapping, values that were changed, notes).

    Raises
    ------
    IncidentError
        No row was kept, region.toml names another file of incidents, or there is a record already and `replace` is not
        given.
    RegionError
        The folder holds no region.toml, or a broken one.

    Examples
    --------
    >>> import shutil
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from mutualaid.data import demo_path, read_region
    >>> from mutualaid.incidents import import_incidents, write_incidents
    >>> with TemporaryDirectory() as folder:
    ...     home = Path(shutil.copytree(demo_path(), Path(folder) / "region"))
    ...     region = read_region(home)
    ...     found = import_incidents(home / "incidents.csv", region=region)
    ...     files = write_incidents(found, home, replace=True)
    ...     len(read_region(home).incidents) == found.counts["kept"], files["left_out"].name
    (True, 'incidents_left_out.csv')
    """
    folder = Path(folder)
    toml = folder / "region.toml"
    _check(imported, toml, folder / _FILE, replace=replace)
    files = {
        "incidents": folder / _FILE,
        "left_out": folder / "incidents_left_out.csv",
        "report": folder / "incidents_import.json",
    }
    write_table(incident_table(imported.incidents), files["incidents"])
    _replace(files["left_out"], _csv(imported.left_out))
    _replace(files["report"], _report(imported))
    add_section(toml, "incidents", {"file": _FILE})
    return files


def _check(imported: Imported, toml: Path, record: Path, *, replace: bool) -> None:
    defects = []
    if not len(imported.incidents):
        got = "none: " + ", ".join(
            f"{rule} {n}" for rule, n in imported.left_out["rule"].value_counts().items()
        )
        defects.append(
            Defect(imported.file, "", "rows that can be used", got, "see left_out, and correct the mapping")
        )
    named = _named(toml)
    if named and named != _FILE:
        remedy = f'name {_FILE} there: [incidents] file = "{_FILE}"'
        defects.append(Defect("region.toml", "[incidents] file", _FILE, named, remedy))
    if record.exists() and not replace:
        remedy = "move it away, or say that it may be replaced"
        defects.append(Defect(record.name, "", "no record yet", "one that is there already", remedy))
    if defects:
        raise IncidentError(defects)


def _named(toml: Path) -> str:
    """File of incidents that region.toml names; what is wrong with it is told when the section is added."""
    try:
        section = tomllib.loads(toml.read_text(encoding="utf-8-sig")).get("incidents", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return ""
    return str(section.get("file", "")) if isinstance(section, dict) else ""


def _csv(table: pd.DataFrame) -> str:
    return table.to_csv(index=False, lineterminator="\n")


def _report(imported: Imported) -> str:
    content = {
        "file": imported.file,
        "form": imported.form,
        "counts": dict(imported.counts),
        "rules": dict(RULES),
        "mapping": dict(imported.mapping),
        "notes": list(imported.notes),
        "mended": imported.mended.to_dict("records"),
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _replace(path: Path, text: str) -> None:
    """Write a file beside, and give it its name when all of it is there."""
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
