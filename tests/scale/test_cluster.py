"""Tasks on workers of Dask: real processes on the loopback address, some of which die, lie or come late."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest

from mutualaid.errors import Defect, HazardError, ScaleError
from mutualaid.scale._at_work import versions
from mutualaid.scale._cluster import dask_workers
from mutualaid.scale._parcel import open_parcel, write_parcel
from mutualaid.scale._spread import Spread, in_turn

cloudpickle = pytest.importorskip("cloudpickle")
pytest.importorskip("distributed")


@pytest.fixture(scope="module", autouse=True)
def tasks_travel() -> Iterator[None]:
    """Have the tasks of this file travel by value: workers cannot import it."""
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


@pytest.fixture(scope="module")
def said() -> list[str]:
    return []


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("beside")


@pytest.fixture(scope="module")
def spread(said: list[str], beside: Path) -> Iterator[Spread]:
    """Two workers on this machine, for all tests that need no others."""
    with dask_workers(workers=2, say=said.append, folder=beside) as spread:
        yield spread


# Tasks


def note(file: str) -> None:
    """Say in a file that all workers share who was here."""
    with Path(file).open("a") as stream:
        stream.write(f"{os.getpid()}\n")


def noted(file: str | Path) -> list[str]:
    return Path(file).read_text().split() if Path(file).exists() else []


class Telling:
    """A part of a context that says in a file whenever a process unpickles it."""

    def __init__(self, file: str) -> None:
        note(file)
        self.file = file
        self.numbers = np.arange(1000.0)

    def __reduce__(self) -> tuple[Any, ...]:
        return Telling, (self.file,)


def weigh(parts: tuple[Any, ...], item: int) -> bytes:
    frame, array = parts
    return f"{frame['people'].sum() * item} {array[item]} {','.join(frame['name'])}".encode()


def slowly(_parts: tuple[Any, ...], item: int) -> bytes:
    time.sleep(0.05)
    return f"{item} {os.getpid()}".encode()


def test_results_are_those_of_doing_it_in_turn(spread: Spread) -> None:
    frame = pd.DataFrame({"people": [1.5, 2.25], "name": ["Żabno", None]})
    frame["name"] = frame["name"].fillna("?")
    parts = frame, np.arange(50)
    got = list(spread(parts, weigh, range(50)))
    assert len(got) == 50
    assert dict(got) == dict(in_turn(parts, weigh, range(50)))
    assert list(spread(parts, weigh, [])) == []


def test_who_works_is_said_once_with_a_page_to_watch(spread: Spread, said: list[str]) -> None:
    pids = {result.split()[1] for _, result in spread((), slowly, range(12))}
    assert len(pids) == 2
    assert str(os.getpid()).encode() not in pids
    assert len(said) == 1
    assert said[0].startswith("2 workers at this machine; watch them at http://127.0.0.1:")


def test_a_part_is_opened_once_by_each_worker_however_often_it_is_needed(
    spread: Spread, tmp_path: Path
) -> None:
    base, hazard = Telling(str(tmp_path / "base")), Telling(str(tmp_path / "hazard"))
    for file in tmp_path.iterdir():
        file.unlink()  # that we made them

    def use(parts: tuple[Any, ...], item: int) -> bytes:
        time.sleep(0.02)
        return str(sum(part.numbers[item] for part in parts)).encode()

    assert dict(spread((base,), use, range(16)))[3] == b"3.0"
    assert dict(spread((base, hazard), use, range(16)))[3] == b"6.0"
    assert dict(spread((base,), use, range(16)))[3] == b"3.0"
    assert Counter(noted(tmp_path / "base")) == dict.fromkeys(noted(tmp_path / "base"), 1)
    assert len(noted(tmp_path / "base")) == len(noted(tmp_path / "hazard")) == 2
    # A part that one call did without is gone, from the disk too, and comes anew.
    list(spread((hazard,), use, range(16)))
    assert len(noted(tmp_path / "base")) == 2
    assert len(noted(tmp_path / "hazard")) == 4


def test_what_a_call_no_longer_needs_is_off_the_disk(spread: Spread, beside: Path) -> None:
    def files(parts: tuple[Any, ...], _item: int) -> bytes:
        return str(len(list(Path(parts[0]).rglob("*.parcel")))).encode()

    parts = str(beside), np.zeros(10), np.zeros(20)
    assert dict(spread(parts, files, [0])) == {0: b"4"}  # three parts, and the task
    assert dict(spread(parts[:1], files, [0])) == {0: b"2"}


MEMORY = Path("/proc/self/smaps")


@pytest.mark.skipif(not MEMORY.exists(), reason="only Linux says which pages are shared")
def test_workers_share_the_pages_of_arrays_and_write_to_their_own(spread: Spread, tmp_path: Path) -> None:
    array = np.ones(8 << 20)  # 64 MB
    table = pd.DataFrame({"minutes": np.arange(1000, dtype=np.int32)})

    def look(parts: tuple[Any, ...], item: int) -> bytes:
        shared, frame, folder = parts
        here = Path(folder) / str(os.getpid())
        total = int(shared.sum())
        here.touch()
        while len(list(Path(folder).iterdir())) < 2:  # both have it in memory as we look
            time.sleep(0.01)
        kb = Counter[str]()
        ours = False
        for line in Path("/proc/self/smaps").read_text().splitlines():
            name, _, value = line.partition(":")
            if value.endswith("kB") and ours:
                kb[name] += int(value.split()[0])
            elif "-" in name.split()[0]:
                ours = line.endswith(".parcel")
        shared[item] = os.getpid()
        frame.iloc[item, 0] = -1
        aligned = shared.ctypes.data % 64
        return f"{total} {kb['Rss']} {kb['Pss']} {kb['Private_Dirty']} {aligned} {int((shared != 1).sum())}".encode()

    got = [
        list(map(int, result.split())) for _, result in spread((array, table, str(tmp_path)), look, range(2))
    ]
    for total, rss, pss, dirty, aligned, changed in got:
        assert total == len(array)
        assert rss > 64_000
        assert pss < 0.6 * rss
        assert dirty < 64
        assert aligned == 0
        assert changed == 1  # what the other wrote is not seen
    assert (array == 1).all()


def test_a_parcel_gives_back_what_was_put_in(tmp_path: Path) -> None:
    frozen = np.arange(7, dtype=np.int16)
    frozen.flags.writeable = False
    value = {
        "odd": np.arange(3, dtype=np.int8),
        "empty": np.empty((0, 4)),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "frozen": frozen,
        "frame": pd.DataFrame({"a": ["x", None], "b": pd.Categorical(["p", "q"]), "c": [True, False]}),
        "same": [frozen, frozen],
        "function": lambda x: x + 1,
    }
    parcel = write_parcel(value, tmp_path)
    file = Path(parcel.path)
    assert parcel.at(file)
    assert parcel.size == file.stat().st_size
    before = file.read_bytes()
    got = open_parcel(file)
    for name in ("odd", "empty", "fortran", "frozen"):
        np.testing.assert_array_equal(got[name], value[name], strict=True)
        assert got[name].flags.aligned
    assert got["fortran"].flags.f_contiguous
    assert not got["frozen"].flags.writeable
    assert got["same"][0] is got["same"][1]
    assert got["function"](1) == 2
    assert isinstance(value["frame"], pd.DataFrame)
    pd.testing.assert_frame_equal(got["frame"], value["frame"])
    got["odd"][:] = 9
    assert file.read_bytes() == before
    file.write_bytes(before[:-1])  # cut short, as by a full disk
    assert not parcel.at(file)
    other = write_parcel(value, tmp_path)
    assert not parcel.at(Path(other.path))
    assert not parcel.at(tmp_path / "none")


def test_results_do_not_pile_up_where_they_are_taken_slowly(spread: Spread, tmp_path: Path) -> None:
    started = str(tmp_path / "started")

    def heavy(parts: tuple[Any, ...], item: int) -> bytes:
        note(parts[0])
        return bytes([item % 256]) * 2_000_000

    taken = 0
    for position, result in spread((started,), heavy, range(60)):
        taken += 1
        assert result == bytes([position % 256]) * 2_000_000
        time.sleep(0.02)
        # Two workers with three tasks each, and the one that has just been taken.
        assert len(noted(started)) <= taken + 2 * 3
    assert taken == 60
    assert len(noted(started)) == 60


def test_thousands_of_tasks_never_leave_a_worker_idle(spread: Spread) -> None:
    """Two workers that sleep need half the time of one, and little more."""

    def sleep(_parts: tuple[Any, ...], _item: int) -> bytes:
        time.sleep(0.1)
        return b""

    list(spread((), slowly, range(4)))  # everything is loaded
    begin = time.perf_counter()
    assert sum(1 for _ in spread((), sleep, range(40))) == 40
    assert 2.0 <= time.perf_counter() - begin < 3.0


def test_an_abandoned_call_ends_its_tasks_and_the_next_one_works(spread: Spread, tmp_path: Path) -> None:
    started = str(tmp_path / "started")

    def tell(parts: tuple[Any, ...], item: int) -> bytes:
        note(parts[0])
        return bytes([item % 256])

    results = spread((started,), tell, range(5000))
    next(results)
    results.close()  # type: ignore[attr-defined]  # it is a generator
    assert dict(spread((), slowly, [5]))[0].startswith(b"5 ")
    assert len(noted(started)) < 20


# What goes wrong


def test_an_error_of_ours_arrives_as_it_is_at_once(spread: Spread, tmp_path: Path) -> None:
    tried = str(tmp_path / "tried")
    defect = Defect("flood.tif", "band 1", "a depth in metres", "feet", "convert it")

    def refuse(parts: tuple[Any, ...], _item: int) -> bytes:
        note(parts[0])
        raise HazardError([defect])

    with pytest.raises(HazardError) as caught:
        list(spread((tried,), refuse, ["a"]))
    assert caught.value.defects == (defect,)
    assert len(noted(tried)) == 1


def test_a_mishap_is_tried_again_and_a_fault_is_raised_as_it_is(spread: Spread, tmp_path: Path) -> None:
    tried = str(tmp_path / "tried")

    def stumble(parts: tuple[Any, ...], item: str) -> bytes:
        file, times = parts
        note(file)
        if item == "bad" and len(noted(file)) <= times:
            raise KeyError(item)
        return item.encode()

    assert dict(spread((tried, 2), stumble, ["bad"])) == {0: b"bad"}
    assert len(noted(tried)) == 3
    with pytest.raises(KeyError) as caught:
        list(spread((tried, 99), stumble, ["bad"]))
    assert len(noted(tried)) == 6
    assert "item 'bad', tried 3 times" in caught.value.__notes__[0]


def test_a_task_without_room_in_memory_says_so(spread: Spread) -> None:
    def grow(_parts: tuple[Any, ...], _item: str) -> bytes:
        raise MemoryError

    with pytest.raises(ScaleError, match=r"item \('flood', 3\): expected room in the memory.*smaller tiles"):
        list(spread((), grow, [("flood", 3)]))


def test_what_a_worker_was_at_when_it_died_is_done_by_others(spread: Spread, tmp_path: Path) -> None:
    def die_once(parts: tuple[Any, ...], item: int) -> bytes:
        first = Path(parts[0]) / "first"
        if item == 7 and not first.exists():
            first.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return bytes([item])

    assert dict(spread((str(tmp_path),), die_once, range(20))) == {i: bytes([i]) for i in range(20)}
    assert (tmp_path / "first").exists()


def test_a_task_that_ends_every_worker_is_named_and_spares_the_others(spread: Spread, tmp_path: Path) -> None:
    died = str(tmp_path / "died")

    def die(parts: tuple[Any, ...], item: int) -> bytes:
        if item == 2:
            note(parts[0])
            os.kill(os.getpid(), signal.SIGKILL)
        return bytes([item])

    got = []
    with pytest.raises(ScaleError) as caught:  # noqa: PT012  (what came before the error matters)
        for position, _ in spread((died,), die, range(5)):
            got.append(position)
    assert [defect.where for defect in caught.value.defects] == ["item 2"]
    assert set(got) <= {0, 1, 3, 4}  # what waited behind it on the same worker may come too late
    assert 2 <= len(noted(died)) <= 4  # with the others, and alone
    until = time.monotonic() + 30
    while len({result.split()[1] for _, result in spread((), slowly, range(8))}) < 2:  # both come back
        assert time.monotonic() < until


def environment() -> tuple[Any, ...]:
    import dask

    return dict(os.environ), dask.config.get("distributed.scheduler.allowed-failures")


def at_work() -> Counter[str]:
    """Threads of this process, by name, and processes below it."""
    threads = [thread.name for thread in threading.enumerate()]
    return Counter([*threads, *(str(child.pid) for child in psutil.Process().children(recursive=True))])


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    before, already = environment(), at_work()
    with suppress(ZeroDivisionError), dask_workers(workers=1, say=lambda _: None, folder=tmp_path) as spread:
        for position, _ in spread((np.zeros(10),), slowly, range(100)):
            if position == 3:
                break
        for position, _ in spread((np.zeros(10),), slowly, range(100)):
            if position == 3:
                raise ZeroDivisionError
    assert environment() == before
    until = time.monotonic() + 10
    while new := at_work() - already:  # other workers of this session may come and go meanwhile
        assert time.monotonic() < until, new
        time.sleep(0.05)
    assert list(tmp_path.iterdir()) == []


SCRIPT = """
import sys, time
from pathlib import Path
from mutualaid.scale._at_work import versions
from mutualaid.scale._cluster import dask_workers

def task(parts, item):
    time.sleep(0.1)
    return b""

if __name__ == "__main__":
    with dask_workers(workers=1, say=lambda text: print(text, flush=True), folder=Path(sys.argv[1])) as spread:
        for position, _ in spread((), task, range(10_000)):
            print(position, flush=True)
"""


def test_ctrl_c_ends_workers_and_leaves_nothing(tmp_path: Path) -> None:
    script, beside = tmp_path / "run.py", tmp_path / "beside"
    script.write_text(SCRIPT)
    beside.mkdir()
    process = subprocess.Popen(
        [sys.executable, str(script), str(beside)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a terminal of its own, so to speak
    )
    assert process.stdout is not None
    assert "1 worker at this machine" in process.stdout.readline()
    for _ in range(10):
        process.stdout.readline()
    workers = psutil.Process(process.pid).children(recursive=True)
    assert workers
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == -signal.SIGINT
    assert errors.count("Traceback") == 1, errors  # of the one that was interrupted, and of no worker
    assert errors.rstrip().endswith("KeyboardInterrupt")
    _, alive = psutil.wait_procs(workers, timeout=5)
    assert alive == []
    assert list(beside.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 0}, "workers: expected a count of at least 1, or a scheduler; got 0"),
        ({"workers": 2, "address": "tcp://127.0.0.1:1"}, "got 2, and the scheduler tcp://127.0.0.1:1"),
        ({"address": "nonsense://x"}, "nonsense://x: expected a Dask scheduler; got no answer"),
        (
            {"address": "tcp://127.0.0.1:port"},
            "tcp://127.0.0.1:port: expected a Dask scheduler; got no answer",
        ),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ScaleError) as caught, dask_workers(**options, say=print, patience_s=2):
        pass
    assert message in str(caught.value)
    assert len(caught.value.defects) == 1


def test_a_scheduler_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        address = f"tcp://127.0.0.1:{nobody.getsockname()[1]}"
        with (
            pytest.raises(ScaleError, match=f"{address}: .* got no answer .* Remedy: start one"),
            dask_workers(address=address, say=print, patience_s=1, folder=tmp_path),
        ):
            pass
    assert list(tmp_path.iterdir()) == []


def test_without_dask_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mutualaid.scale._cluster.find_spec", lambda _: None)
    message = r"not installed. Remedy: pip install 'mutualaid\[cluster\]'"
    with pytest.raises(ScaleError, match=message), dask_workers(workers=1, say=print):
        pass


# Schedulers and workers that somebody else started


BLIND = """
from pathlib import Path
from mutualaid.scale import _at_work
from mutualaid.scale._parcel import Parcel

def at(parcel, file, at=Parcel.at):
    return "dask-scratch-space" in str(file) and at(parcel, file)

def arrived(parcel, file, start, size, arrived=_at_work.arrived):
    with Path({file!r}).open("a") as stream:
        stream.write(f"{{parcel.token}}-{{start}}\\n")
    arrived(parcel, file, start, size)

if Parcel.at.__module__ != __name__:  # Dask loads this file twice
    Parcel.at, _at_work.arrived = at, arrived
"""


def test_workers_of_a_scheduler(
    cluster_of: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = cluster_of()
    said: list[str] = []

    def use(address: str, **options: Any) -> Any:
        return dask_workers(address=address, say=said.append, folder=tmp_path / "beside", **options)

    (tmp_path / "beside").mkdir()
    nobody = r"expected at least one worker; got none for 0\.5 s"
    with pytest.raises(ScaleError, match=nobody), use(cluster.address, patience_s=0.5):
        pass
    assert said == []

    # One that sees our files, and one that does not: that one gets bytes, in pieces, once.
    pieces = str(tmp_path / "pieces")
    monkeypatch.setattr("mutualaid.scale._cluster._PIECE", 30_000)
    sees, blind = cluster.worker(), cluster.worker(BLIND.format(file=pieces))
    part = np.arange(10_000.0)  # 80 kB: three pieces

    def use_part(parts: tuple[Any, ...], item: int) -> bytes:
        time.sleep(0.05)
        return f"{parts[0].sum() + item} {os.getpid()}".encode()

    def pids(results: Any) -> set[int]:
        found = [result.split() for _, result in results]
        assert sorted(float(total) for total, _ in found) == [part.sum() + i for i in range(len(found))]
        return {int(pid) for _, pid in found}

    with use(cluster.address) as spread:
        cluster.wait_for(sees, blind)
        assert pids(spread((part,), use_part, range(20))) == {sees.pid, blind.pid}
        assert pids(spread((part,), use_part, range(20))) == {sees.pid, blind.pid}
        first = noted(pieces)
        assert len(first) == len(set(first)) == 3 + 1 + 1  # the part once, and the task of each call
        # A third comes late, sees nothing either, and a fourth has died.
        late = cluster.worker(BLIND.format(file=pieces + "-late"))
        sees.kill()
        cluster.wait_for(blind, late)
        assert pids(spread((part,), use_part, range(20))) == {blind.pid, late.pid}
        assert len(noted(pieces + "-late")) == 3 + 1
    assert len(said) == 1
    assert f"at {cluster.address}; watch them at http://127.0.0.1:" in said[0]
    assert list((tmp_path / "beside").iterdir()) == []
    assert list(cluster.folder.rglob("*.parcel")) == []
    assert cluster.scheduler.poll() is None
    assert late.poll() is None

    gone = "expected a scheduler that stays until the end"
    with pytest.raises(ScaleError, match=gone), use(cluster.address) as spread:
        lose(cluster.scheduler, spread((part,), use_part, range(1000)))
    assert list((tmp_path / "beside").iterdir()) == []


FAKES = {
    "other": """
from importlib import metadata
metadata.version = lambda name, version=metadata.version: "1.0" if name == "numpy" else version(name)

from mutualaid.scale import _at_work
_at_work._code = lambda: "other"
""",
    "none": """
import sys
for name in [name for name in sys.modules if name.split(".")[0] == "mutualaid"]:
    del sys.modules[name]
sys.modules["mutualaid"] = None
""",
}


def test_workers_that_are_not_like_us_are_refused_all_at_once(cluster_of: Callable[[], Any]) -> None:
    cluster = cluster_of()
    good = cluster.worker()
    other = [cluster.worker(fake) for fake in FAKES.values()]
    cluster.wait_for(good, *other)
    with pytest.raises(ScaleError) as caught, dask_workers(address=cluster.address, say=print):
        pass
    got = {defect.got: defect.expected for defect in caught.value.defects}
    mutualaid = f"mutualaid {dict(versions())['mutualaid']}"
    assert got == {
        f"{mutualaid.split('(')[0]}(other), numpy 1.0": f"{mutualaid}, numpy {np.__version__}",
        "no mutualaid of this version": mutualaid,
    }
    assert all(defect.where.startswith("worker tcp://127.0.0.1:") for defect in caught.value.defects)
    assert all("install the same versions" in defect.remedy for defect in caught.value.defects)
    for worker in other:
        worker.kill()
    cluster.wait_for(good)

    # One that comes when the others have been looked at is found by the first task that it is given.
    def slow(_parts: tuple[Any, ...], _item: int) -> bytes:
        time.sleep(0.1)
        return b""

    with dask_workers(address=cluster.address, say=print) as spread:
        late = cluster.worker(FAKES["other"])
        with pytest.raises(ScaleError, match=r"joined late: expected .*; got .*\(other\), numpy 1\.0"):
            list(spread((), slow, range(1000)))
    late.kill()
    cluster.wait_for(good)

    # And when the last one goes, nobody waits for ever.
    with (
        pytest.raises(ScaleError, match="expected at least one worker; got none for 1 s"),
        dask_workers(address=cluster.address, say=print, patience_s=1) as spread,
    ):
        lose(good, spread((), slowly, range(1000)))


def lose(process: subprocess.Popen[bytes], results: Iterator[tuple[int, bytes]]) -> None:
    """Have a process die in the middle of the work."""
    for position, _ in results:
        if position == 5:
            process.kill()
