"""Tasks shared out to processes of this machine, or of many, by Dask."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import reprlib
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent import futures
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn, cast

from mutualaid.errors import Defect, MutualAidError, ScaleError
from mutualaid.scale import _at_work
from mutualaid.scale._parcel import Parcel, write_parcel
from mutualaid.scale._spread import Spread
from mutualaid.threads import processors

__all__ = ["dask_workers"]

_AHEAD = 3  # tasks that each thread of a worker has at most: one at work, and what keeps it at work
_AGAIN = 2  # times that an item is tried again after an error
_DEATHS = (
    1  # workers that an item may cost before it is looked at alone, and one that is alone before we give up
)
_MISSED = 4  # times that an item may meet workers without what it needs
_LOOK_S = 2.0  # between two looks at who is there
_PIECE = 128 << 20  # bytes of a parcel that go in one message
_ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
#: Workers keep memory for the next task. Dask would have them give every array back to the system, which then has to
#: clear each page anew: more than a third of a task's time.
_KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(1 << 30), "MALLOC_MMAP_THRESHOLD_": str(1 << 30)}
_PRELOAD = _at_work.__name__
_FINAL = (MutualAidError, MemoryError, _at_work.VersionsDifferError, _at_work.ParcelMissingError)


@contextmanager
def dask_workers(
    *,
    workers: int | None = None,
    address: str | None = None,
    say: Callable[[str], None],
    folder: Path | None = None,
    patience_s: float = 60.0,
) -> Iterator[Spread]:
    r"""Start workers on this machine, or use those of a Dask scheduler, and give what shares tasks out to them.

    What all tasks need travels to each worker once: as one file, whose pages the workers of a machine share. Workers
    that do not see the file get its bytes. Workers may come and go: what a lost one was at is done by others.

    Parameters
    ----------
    workers
        Processes to start here, on the loopback address; as many as there are processors if `address` is not given
        either. They import the script that was started: it must not start a run as it is imported (guard what it
        does by ``if __name__ == "__main__":``).
    address
        Of a scheduler that runs, such as ``tcp://10.0.0.5:8786``. Its workers must have the same versions as this
        process.
    say
        Told in one sentence who works, and where to watch.
    folder
        Where to put what workers read, in a temporary folder of its own; that of the system if none. Name one that
        workers on other machines see too, and they read from there.
    patience_s
        How long to wait for the scheduler, and for a worker while there is none.

    Yields
    ------
    Spread
        Gives results as they come, and raises what a task raises. An item whose task fails is tried anew up to two
        times, unless it failed with an error of ours; so is one whose worker died.

    Raises
    ------
    ScaleError
        Dask is not installed, the scheduler does not answer or goes away, there are no workers, they cannot do the
        work, or a task ends every worker that it is given to.

    Examples
    --------
    >>> def add(parts, item):
    ...     return bytes([parts[0] + item])
    >>> with dask_workers(workers=2, say=print) as spread:  # doctest: +SKIP
    ...     sorted(spread((10,), add, [1, 2]))
    2 workers at this machine; watch them at http://127.0.0.1:40075/status
    [(0, b'\\x0b'), (1, b'\\x0c')]
    """
    if workers is not None and (address is not None or workers < 1):
        got = f"{workers}" if address is None else f"{workers}, and the scheduler {address}"
        remedy = "give a count of processes to start here, or the address of a scheduler"
        raise ScaleError([Defect("", "workers", "a count of at least 1, or a scheduler", got, remedy)])
    if find_spec("distributed") is None:
        remedy = "pip install 'mutualaid[cluster]'"
        raise ScaleError(
            [Defect("", "workers", "Dask (distributed), which starts them", "not installed", remedy)]
        )
    with ExitStack() as stack:
        beside = Path(
            stack.enter_context(
                TemporaryDirectory(prefix="mutualaid-", dir=folder, ignore_cleanup_errors=True)
            )
        )
        if address is None:
            count = workers or processors()
            client = stack.enter_context(_started(count, beside))
            where = "this machine"
        else:
            client = stack.enter_context(_connected(address, patience_s))
            where = address
        _check_workers(client)
        link = _dashboard(client)
        say(f"{_counted(len(client.nthreads()))} at {where}" + (f"; watch them at {link}" if link else ""))
        spread = _DaskSpread(client, where, beside, patience_s)
        stack.callback(spread.drop_parts)
        yield spread


def _distributed() -> Any:
    # Imported when workers are wanted: it takes a second. Its functions have no types.
    return import_module("distributed")


def _counted(workers: int) -> str:
    return f"{workers} worker" if workers == 1 else f"{workers} workers"


@contextmanager
def _started(count: int, beside: Path) -> Iterator[Any]:
    """Start workers of one thread each, and close them."""
    import dask

    distributed = _distributed()
    settings = {
        "distributed.scheduler.allowed-failures": _DEATHS,
        # Linux ends a worker when memory runs out (see `dask_setup`). Dask would count pages that all workers share
        # for each of them, and pause or end workers that hold next to nothing of their own.
        "distributed.worker.memory.target": False,
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.pause": False,
        "distributed.worker.memory.terminate": False,
        # A worker that died is started anew. Dask gives up one that is not there this long after it died before.
        "distributed.deploy.lost-worker-timeout": "1000 days",
    }
    with (
        _environment(dict.fromkeys(_ONE_THREAD, "1") | _KEEP_MEMORY),
        dask.config.set(settings),
        ExitStack() as stack,
    ):
        try:
            cluster = distributed.LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0" if find_spec("bokeh") else None,
                memory_limit=0,
                local_directory=str(beside / "workers"),
                silence_logs=logging.CRITICAL,  # what goes wrong is said once, by us
                env={"NUMBA_NUM_THREADS": "1"},
                preload=[_PRELOAD],
            )
        except (OSError, RuntimeError, TimeoutError) as error:
            remedy = "start fewer; in a script, guard what it does by: if __name__ == '__main__':"
            got = f"none ({_short(error)})"
            raise ScaleError(
                [Defect("", "workers", f"{_counted(count)} started here", got, remedy)]
            ) from error
        stack.enter_context(cluster)
        yield stack.enter_context(distributed.Client(cluster, set_as_default=False, direct_to_workers=True))


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables of the environment for processes to come, and put back what was (Dask leaves some behind)."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ.update(before)


@contextmanager
def _connected(address: str, patience_s: float) -> Iterator[Any]:
    """Connect to a scheduler that has workers, and leave it as it was."""
    distributed = _distributed()
    try:
        client = distributed.Client(address, timeout=patience_s, set_as_default=False)
    except (OSError, ValueError, TypeError, TimeoutError) as error:  # TypeError: TLS that nobody set up
        remedy = "start one (dask scheduler), or mend the address: what it prints as it starts, and reachable from here"
        got = f"no answer ({_short(error)})"
        raise ScaleError([Defect("", address, "a Dask scheduler", got, remedy)]) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=patience_s)
        except TimeoutError as error:
            _raise_no_workers(address, patience_s, error)
        yield client


def _raise_no_workers(where: str, patience_s: float, cause: BaseException | None = None) -> NoReturn:
    remedy = "start workers (dask worker), and look into the log of those that are gone"
    got = f"none for {patience_s:g} s"
    raise ScaleError([Defect("", where, "at least one worker", got, remedy)]) from cause


def _dashboard(client: Any) -> str | None:
    with suppress(KeyError, ValueError):  # the scheduler has none
        link = client.dashboard_link
        return str(link) if link else None
    return None


def _check_workers(client: Any) -> None:
    """Refuse workers that are not like this process, all at once."""
    here = _at_work.versions()
    there: dict[str, Any] = client.run(_at_work.versions, on_error="return")
    defects = []
    for worker, found in sorted(there.items()):
        if isinstance(found, OSError):
            continue  # gone meanwhile
        if found != here:
            defects.append(_unlike(worker, found, here))
    if defects:
        more = len(defects) - 5
        if more > 0:
            last = defects[4]
            defects[4:] = [
                Defect("", last.where, last.expected, f"{last.got} (so have {more} more)", last.remedy)
            ]
        raise ScaleError(defects)


def _unlike(worker: str, found: Any, here: tuple[tuple[str, str], ...]) -> Defect:
    """Say what a worker has that is not as here: its versions, or the error that asking for them gave."""
    where = f"worker {worker}"
    remedy = "install the same versions on it as on the machine that starts the run, and start it again"
    if not isinstance(found, tuple):
        expected = f"mutualaid {dict(here)['mutualaid']}"
        lacking = _lacks_us(found)
        got = (
            "no mutualaid of this version" if lacking else f"an error as it was looked for ({_short(found)})"
        )
        return Defect("", where, expected, got, remedy)
    theirs = dict(found)
    other = [name for name, version in here if theirs.get(name) != version]
    ours = ", ".join(f"{name} {dict(here)[name]}" for name in other)
    return Defect("", where, ours, ", ".join(f"{name} {theirs.get(name)}" for name in other), remedy)


def _lacks_us(error: Any) -> bool:
    # By its text: Dask gives errors back as plain ones where it cannot send them as they are.
    return "No module named 'mutualaid" in str(error)


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]}…"


@dataclass(eq=False)
class _DaskSpread:
    """A spread over the workers of a client. It remembers which parts of a context they have."""

    client: Any
    where: str
    folder: Path
    patience_s: float
    sent: dict[int, tuple[Any, Parcel]] = field(
        default_factory=dict
    )  # by identity; the part is kept, so that it stays
    unseen: bool = False  # whether some worker does not see our files
    delivered: dict[str, list[str]] = field(default_factory=dict)  # names of the plugins that carry a parcel

    def __call__(
        self, parts: tuple[Any, ...], task: Callable[[tuple[Any, ...], Any], bytes], items: Sequence[Any]
    ) -> Iterator[tuple[int, bytes]]:
        self.drop_parts(but=parts)
        for part in parts:
            if id(part) not in self.sent:
                self.sent[id(part)] = part, self._parcel(part)
        call = _at_work.Call(
            tuple(self.sent[id(part)][1] for part in parts),
            self._parcel((task, list(items))),
            _at_work.versions(),
        )
        flight = _Flight(self, call, getattr(task, "__name__", "task"), items, deque(range(len(items))))
        try:
            while flight.fill():
                done = flight.land()
                if done is not None:
                    yield done
        finally:
            flight.end()
            self._drop([call.work])

    def _parcel(self, value: Any) -> Parcel:
        try:
            parcel = write_parcel(value, self.folder)
        except OSError as error:
            remedy = "make room there, or have the temporary files of the run put elsewhere"
            expected = "room for what all workers need"
            raise ScaleError([Defect(str(self.folder), "", expected, _short(error), remedy)]) from error
        if self.unseen:
            self.deliver(parcel)
        return parcel

    def deliver(self, parcel: Parcel) -> None:
        """Send a parcel to all workers, unless that was done, and have the scheduler send it to all that come."""
        from mutualaid.scale._delivery import Delivery

        self.unseen = True
        if parcel.token in self.delivered:
            return
        names = self.delivered[parcel.token] = []
        with Path(parcel.path).open("rb") as stream:
            for start in range(0, parcel.size, _PIECE):
                names.append(f"mutualaid-{parcel.token}-{start}")
                self.client.register_plugin(Delivery(parcel, start, stream.read(_PIECE)), name=names[-1])

    def drop_parts(self, *, but: tuple[Any, ...] = ()) -> None:
        """Have workers let go of all parts of a context, but for some."""
        wanted = {id(part) for part in but}
        self._drop([self.sent.pop(known)[1] for known in list(self.sent) if known not in wanted])

    def _drop(self, parcels: Sequence[Parcel]) -> None:
        for parcel in parcels:
            Path(parcel.path).unlink(missing_ok=True)
        if not parcels or self.client.status != "running":
            return  # whoever broke off has closed everything
        with suppress(OSError, ValueError):  # workers, or all of them, may be gone
            for name in (name for parcel in parcels for name in self.delivered.pop(parcel.token, [])):
                self.client.unregister_worker_plugin(name)
            self.client.run(_at_work.drop, [parcel.token for parcel in parcels], on_error="ignore")


@dataclass(eq=False)
class _Flight:
    """The items of one call: those that wait, those that workers have, and what became of the others."""

    spread: _DaskSpread
    call: _at_work.Call
    name: str  # of the task, as the dashboard shows it
    items: Sequence[Any]
    waiting: deque[int]
    suspects: deque[int] = field(default_factory=deque)  # items whose workers died, perhaps by them
    failed: Counter[int] = field(default_factory=Counter)  # by position: errors so far
    missed: Counter[int] = field(default_factory=Counter)  # by position: workers that had not what it needs
    flying: dict[str, tuple[int, bool, Any]] = field(
        default_factory=dict
    )  # by key: position, alone or not, future
    sent: int = 0
    threads: int = 1
    looked_s: float = -math.inf  # when we looked who is there
    seen_s: float = field(default_factory=time.monotonic)  # when there was somebody

    def __post_init__(self) -> None:
        self.client = self.spread.client
        self.done = _distributed().as_completed(loop=self.client.loop)

    def fill(self) -> bool:
        """Give workers what keeps them at work, and no more than that; False when nothing is left."""
        if time.monotonic() - self.looked_s > _LOOK_S:
            self._look()
        if self.suspects:
            if not self.flying:  # whose workers die now is to blame
                self._submit(self.suspects.popleft(), alone=True)
            return True
        while self.waiting and len(self.flying) < _AHEAD * self.threads:
            self._submit(self.waiting.popleft(), alone=False)
        return bool(self.flying)

    def _submit(self, position: int, *, alone: bool) -> None:
        key = f"{self.name}-{self.call.work.token}-{self.sent}"
        self.sent += 1
        try:
            future = self.client.submit(_at_work.work, self.call, position, key=key, pure=False)
            self.done.add(future)
        except (OSError, RuntimeError) as error:
            self._raise_gone(error)
        self.flying[key] = position, alone, future

    def land(self) -> tuple[int, bytes] | None:
        """Wait for an item; None if it has to be tried once more."""
        future = self._next()
        position, alone, _ = self.flying.pop(future.key)
        if future.status == "finished":
            self.fill()  # the worker has work while its result is on the way
        result = self._result(future)
        future.release()
        if not isinstance(result, BaseException):
            return position, result
        self._judge(position, result, alone=alone)
        return None

    def _next(self) -> Any:
        while True:
            try:
                return self.client.sync(_first, self.done)
            except TimeoutError:
                self._look()

    def _result(self, future: Any) -> bytes | BaseException:
        """Fetch a result, or the error in its stead."""
        coming = asyncio.run_coroutine_threadsafe(
            self.client.gather([future], asynchronous=True), self.client.loop.asyncio_loop
        )
        while True:
            try:
                return cast("bytes", coming.result(timeout=_LOOK_S)[0])
            except (asyncio.CancelledError, futures.CancelledError) as error:
                self._raise_gone(error)
            except Exception as error:  # noqa: BLE001  (whatever a task raises)
                if coming.done():
                    return error
                self._look()  # its worker has died: another will do it anew, if there is one

    def _look(self) -> None:
        """See how many are there to do the work."""
        try:
            threads = sum(self.client.nthreads().values())
        except (OSError, RuntimeError) as error:
            self._raise_gone(error)
        self.looked_s = time.monotonic()
        if threads:
            self.threads, self.seen_s = threads, self.looked_s
        elif self.looked_s - self.seen_s > self.spread.patience_s:
            _raise_no_workers(self.spread.where, self.spread.patience_s)

    def _judge(self, position: int, error: BaseException, *, alone: bool) -> None:
        """Have an item that failed done once more, or give up for a reason that a person can act on."""
        killed = _distributed().KilledWorker
        if isinstance(error, killed) and not alone:
            self.suspects.append(position)
        elif isinstance(error, _at_work.ParcelMissingError) and self.missed[position] < _MISSED:
            self.missed[position] += 1
            for parcel in error.args:
                self.spread.deliver(parcel)
            self.waiting.appendleft(position)
        elif self.failed[position] < _AGAIN and not isinstance(error, (*_FINAL, killed)):
            self.failed[position] += 1
            self.waiting.appendleft(position)
        else:
            self._raise(position, error)

    def _raise(self, position: int, error: BaseException) -> NoReturn:
        killed = _distributed().KilledWorker
        item = f"item {reprlib.repr(self.items[position])}"
        if isinstance(error, killed):
            expected, got = "workers that outlive it", "all that were given it died"
            remedy = "look for messages of the system about memory; smaller tiles and fewer workers need less"
        elif isinstance(error, MemoryError):
            expected, got = "room in the memory of a worker", _short(error)
            remedy = "take smaller tiles, or fewer workers at a time"
        elif isinstance(error, _at_work.VersionsDifferError):
            raise ScaleError([_unlike("that joined late", error.args[0], self.call.versions)]) from error
        elif isinstance(error, _at_work.ParcelMissingError):
            expected = "a worker that has what it needs"
            got = "one that neither sees the files of this run nor has room for them"
            remedy = "make room where it keeps files (dask worker --local-directory), or name a folder that it sees"
        elif _lacks_us(error):
            raise ScaleError([_unlike("that joined late", error, self.call.versions)]) from error
        else:
            if not isinstance(error, MutualAidError):
                error.add_note(f"This was {item}, tried {self.failed[position] + 1} times.")
            raise error
        raise ScaleError([Defect("", item, expected, got, remedy)]) from error

    def _raise_gone(self, cause: BaseException | None = None) -> NoReturn:
        remedy = "look into its log, start it again, and run anew (what is finished is kept where the run keeps it)"
        expected = "a scheduler that stays until the end"
        raise ScaleError([Defect("", self.spread.where, expected, "it has gone", remedy)]) from cause

    def end(self) -> None:
        """Let go of what is not done."""
        left = [future for _, _, future in self.flying.values()]
        self.flying.clear()
        self.done.clear()
        if left and self.client.status == "running":
            with suppress(OSError, RuntimeError):
                self.client.cancel(left)


async def _first(done: Any) -> Any:
    return await asyncio.wait_for(anext(done), _LOOK_S)
