"""Run every notebook from top to bottom in a folder of its own; the first error stops it."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    for path in notebooks:
        with tempfile.TemporaryDirectory() as folder:
            notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
            NotebookClient(notebook, timeout=600, resources={"metadata": {"path": folder}}).execute()
        print(f"{path.name}: {sum(cell.cell_type == 'code' for cell in notebook.cells)} cells run")
    return 0 if notebooks else 1


if __name__ == "__main__":
    sys.exit(main())
