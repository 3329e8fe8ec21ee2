"""Workers and schedulers of Dask: real processes on the loopback address."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def running(*arguments: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``dask`` with some arguments until it is no longer needed."""
    quiet = {
        "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__GIL__ENABLED": "false",
        "DASK_TEMPORARY_DIRECTORY": str(folder),
    }
    with (folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *arguments],
            stdout=log,
            stderr=log,
            cwd=folder,
            env=os.environ | quiet,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


class Cluster:
    """A scheduler in a process of its own, and workers that are started one by one."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self._stack = folder, stack
        told = folder / "scheduler.json"
        places = ["--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0"]
        self.scheduler = self._start("scheduler", *places, "--scheduler-file", str(told))
        until = time.monotonic() + 30
        while not told.exists() or not told.read_text():
            assert time.monotonic() < until, (folder / "log.txt").read_text()
            time.sleep(0.05)
        self.address: str = json.loads(told.read_text())["address"]

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return self._stack.enter_context(running(*arguments, folder=self.folder))

    def worker(self, preload: str = "") -> subprocess.Popen[bytes]:
        """Start a worker of one thread; `preload` is Python text that it runs first."""
        where = ["--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", "--no-dashboard"]
        if preload:
            file = self.folder / f"preload_{abs(hash(preload))}.py"
            file.write_text(preload)
            where += ["--preload", str(file)]
        return self._start("worker", self.address, *where, "--local-directory", str(self.folder))

    def wait_for(self, *workers: subprocess.Popen[bytes]) -> None:
        """Wait until these workers are there, and no others."""
        distributed: Any = import_module("distributed")
        until = time.monotonic() + 30
        with distributed.Client(self.address, set_as_default=False) as client:
            while set(client.run(os.getpid, on_error="ignore").values()) != {
                worker.pid for worker in workers
            }:
                assert time.monotonic() < until, (self.folder / "log.txt").read_text()
                time.sleep(0.05)


@pytest.fixture(scope="module")
def cluster_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Cluster]]:
    """A maker of schedulers without workers."""
    with ExitStack() as stack:
        yield lambda: Cluster(tmp_path_factory.mktemp("cluster"), stack)
