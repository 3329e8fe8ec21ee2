from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutualaid.threads import beside, in_threads, limited_to, processors


@pytest.fixture(autouse=True)
def four_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(4)), raising=False)


def test_all_processors_are_used_unless_they_are_limited() -> None:
    assert processors() == 4
    with limited_to(3):
        assert processors() == 3
        with limited_to(None):
            assert processors() == 4
        assert processors() == 3
    assert processors() == 4


def test_a_limit_beyond_what_there_is_changes_nothing() -> None:
    with limited_to(64):
        assert processors() == 4


def test_a_limit_ends_with_an_error_too() -> None:
    with pytest.raises(KeyError), limited_to(2):
        raise KeyError
    assert processors() == 4


def test_where_the_system_cannot_tell_all_processors_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.sched_getaffinity")
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    assert processors() == 6


@given(st.integers(0, 60), st.integers(1, 20))
def test_pieces_come_back_in_order(size: int, least: int) -> None:
    numbers = np.arange(size)
    assert in_threads(np.subtract, numbers, 3 * numbers, least=least).tolist() == (-2 * numbers).tolist()


def test_each_piece_is_worked_at_by_a_thread_of_its_own() -> None:
    both = threading.Barrier(2, timeout=20)  # one thread alone would wait for ever

    def meet(piece: np.ndarray) -> np.ndarray:
        both.wait()
        return piece

    assert in_threads(meet, np.arange(64), least=1).tolist() == list(range(64))


def test_nothing_is_shared_out_that_is_small_or_has_one_processor() -> None:
    here = threading.get_ident()

    def who(piece: np.ndarray) -> np.ndarray:
        return np.full(len(piece), threading.get_ident())

    assert set(in_threads(who, np.arange(99), least=50).tolist()) == {here}
    with limited_to(1):
        assert set(in_threads(who, np.arange(99), least=1).tolist()) == {here}
    assert here not in in_threads(who, np.arange(99), least=1).tolist()


def test_rows_of_several_columns_are_joined_below_each_other() -> None:
    found = in_threads(lambda x: np.column_stack([x, -x]), np.arange(40), least=1)
    assert found.tolist() == [[x, -x] for x in range(40)]


def test_an_error_in_a_piece_is_the_callers() -> None:
    with pytest.raises(ZeroDivisionError):
        in_threads(lambda piece: 1 // len(piece[:0]), np.arange(40), least=1)


# --- beside ---------------------------------------------------------------------------------------------------


def test_what_is_done_beside_goes_on_meanwhile() -> None:
    done = threading.Event()
    with beside() as later:
        found = later(lambda word: (done.wait(20), word), word="yes")
        done.set()  # called at once, it would have waited for this
        assert found() == (True, "yes")


def test_one_processor_does_things_when_they_are_asked_for() -> None:
    calls: list[int] = []
    with limited_to(1), beside() as later:
        first, second = later(calls.append, 1), later(calls.append, 2)
        assert calls == []
        second()
        first()
        assert calls == [2, 1]


def test_what_is_done_beside_keeps_to_the_limit() -> None:
    with limited_to(3), beside() as later:
        assert later(processors)() == 3


@pytest.mark.parametrize("limit", [1, None])
def test_an_error_is_raised_where_the_result_is_asked_for(limit: int | None) -> None:
    with limited_to(limit), beside() as later:
        unasked, asked = later(int, "one"), later(int, "two")
        with pytest.raises(ValueError, match="two"):
            asked()
        assert unasked is not asked


def test_when_the_block_fails_what_was_begun_is_done_and_what_waits_is_not() -> None:
    begun: list[int] = []
    ended: list[int] = []
    at_work, hold = threading.Event(), threading.Event()

    def wait(number: int) -> None:
        begun.append(number)
        at_work.set()
        hold.wait(20)
        ended.append(number)

    def fail() -> None:
        with beside() as later:
            for number in range(9):
                later(wait, number)
            assert at_work.wait(20)
            threading.Timer(0.2, hold.set).start()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert begun == ended == [0]


@pytest.mark.parametrize("limit", [1, None])
def test_what_is_asked_for_twice_is_done_once(limit: int | None) -> None:
    done: list[int] = []

    def count() -> int:
        done.append(1)
        return len(done)

    with limited_to(limit), beside() as later:
        found = later(count)
        assert found() == found() == 1


def test_things_are_done_one_after_the_other() -> None:
    order: list[int] = []
    with beside() as later:
        last = [later(order.append, number) for number in range(50)][-1]
        last()
    assert order == list(range(50))
