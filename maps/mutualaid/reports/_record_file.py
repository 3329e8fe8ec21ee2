"""The file of a record: written whole or not at all, never replaced, and read only if it is as it was written."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mutualaid.errors import Defect, RecordError

__all__ = ["RUNS", "moment_of", "read_content", "summary_bytes", "sync_folder", "write_content"]

#: Folder of the records inside a region folder.
RUNS = "runs"

_SCHEMA = 1
_NAME = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}(-\d+)?")
_REQUIRED: Mapping[str, type | tuple[type, ...]] = {
    "id": str,
    "created": str,
    "region": str,
    "note": str,
    "inputs": list,
    "parameters": dict,
    "standard": str,
    "day": str,
    "versions": dict,
    "indicators": dict,
    "summary_sha256": str,
}


def summary_bytes(summary: Mapping[str, Any]) -> bytes:
    r"""Give the bytes of ``summary.json``.

    Parameters
    ----------
    summary
        What it holds.

    Returns
    -------
    bytes
        UTF-8.

    Examples
    --------
    >>> from mutualaid.reports import summary_bytes
    >>> summary_bytes({"a": None})
    b'{\n  "a": null\n}\n'
    """
    text = json.dumps(summary, ensure_ascii=False, indent=2, allow_nan=False)
    return (text + "\n").encode("utf-8")


def moment_of(text: str) -> datetime:
    """Read a moment, as UTC to the second."""
    moment: datetime | None = None
    with contextlib.suppress(ValueError):
        moment = datetime.fromisoformat(text)
    if moment is None or moment.tzinfo is None:
        expected, remedy = "a moment with its offset, ISO 8601", "pass the record as run_record gave it"
        raise RecordError([Defect("", "created", expected, repr(text), remedy)])
    return moment.astimezone(UTC).replace(microsecond=0)


def _digest(content: Mapping[str, Any]) -> str:
    """First digits of the sha256 of a record's content without what is known from elsewhere."""
    kept = {key: value for key, value in content.items() if key not in ("schema", "id")}
    text = json.dumps(kept, ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:8]


def write_content(content: Mapping[str, Any], moment: datetime, runs: Path) -> Path:
    """Write a record under the first name that is free."""
    stem = f"{moment:%Y%m%dT%H%M%SZ}-{_digest(content)}"
    for name in _names(stem):
        whole = {"schema": _SCHEMA, "id": name, **content}
        target = runs / f"{name}.json"
        with contextlib.suppress(FileExistsError):
            _publish(summary_bytes(whole), target)
            return target
    raise AssertionError  # names do not end


def _names(stem: str) -> Iterator[str]:
    yield stem
    number = 2
    while True:
        yield f"{stem}-{number}"
        number += 1


def _publish(data: bytes, target: Path) -> None:
    """Write a file so that it appears whole, and only if there is none of its name.

    Raises
    ------
    FileExistsError
        There is one.
    """
    temporary = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with temporary.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(temporary, target)
        except FileExistsError:
            raise
        except OSError:  # a file system without links: a half-written file does not match its name
            with target.open("xb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Make names in a folder last, where the system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read_content(path: Path) -> dict[str, Any]:
    """Read a record and make sure that it is as it was written."""
    file = f"{RUNS}/{path.name}" if path.parent.name == RUNS else path.name

    def defect(where: str, expected: str, got: str, remedy: str) -> RecordError:
        return RecordError([Defect(file, where, expected, got, remedy)])

    restore = "restore it from a backup, or move it out of the folder"
    try:
        data = path.read_bytes()
        content = json.loads(data)
    except OSError as error:
        raise defect("", "a file that can be read", str(error.strerror), "check its permissions") from error
    except (ValueError, RecursionError) as error:
        got = f"{len(data)} bytes that are none" if data else "an empty file"
        raise defect("", "the record of a run in JSON", got, restore) from error
    if not isinstance(content, dict) or "schema" not in content:
        raise defect("", "the record of a run", "another JSON file", "move it out of the folder")
    if content["schema"] != _SCHEMA:
        remedy = "read it with a newer version of the program"
        raise defect("schema", str(_SCHEMA), repr(content["schema"])[:40], remedy)
    wrong = [key for key, kind in _REQUIRED.items() if not isinstance(content.get(key), kind)]
    if wrong:
        raise defect("", "the record of a run", f"nothing that fits in {', '.join(wrong)}", restore)
    name = str(content["id"])
    if not _NAME.fullmatch(name) or name.split("-")[1] != _digest(content):
        got = "other content than its id says: it was changed after it was written"
        raise defect("id", "content as it was written", got, restore)
    wrong_inputs = [one for one in content["inputs"] if not _is_input(one)]
    if wrong_inputs:
        raise defect("inputs", "file and sha256 of each", repr(wrong_inputs[0])[:60], restore)
    return content


def _is_input(one: object) -> bool:
    return (
        isinstance(one, dict)
        and isinstance(one.get("file"), str)
        and re.fullmatch(r"[0-9a-f]{64}", str(one.get("sha256", ""))) is not None
    )
