"""Timers, threads, turns, and hearing of changes."""

import itertools
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from plait.model.errors import StoreError, UnknownOutcomeError
from plait.replication.notification import Notifications
from plait.replication.scheduling import Answer, Backoff, Loop, Pool
from plait.replication.turns import Series, Turn

PATIENCE = 60


@pytest.fixture
def notifications() -> Iterator[Notifications]:
    made = Notifications()
    yield made
    made.close()


@pytest.fixture
def loop(notifications: Notifications) -> Iterator[Loop]:
    made = Loop(notifications)
    made.start()
    yield made
    made.stop()


def test_timers_come_in_order(loop: Loop) -> None:
    came: list[int] = []
    done = threading.Event()
    loop.after(0.06, done.set)
    for delay in (3, 1, 2):
        loop.after(delay / 100, lambda delay=delay: came.append(delay))  # type: ignore[misc]  # mypy infers no type of a lambda with a default
    assert done.wait(PATIENCE)
    assert came == [1, 2, 3]


def test_a_loop_that_ended_takes_no_more(notifications: Notifications) -> None:
    loop = Loop(notifications)
    loop.start()
    loop.stop()
    loop.after(0, lambda: pytest.fail("called"))


def test_a_pool_has_no_more_threads_than_it_may() -> None:
    pool = Pool("test", 3)
    go, names, done = threading.Event(), set(), threading.Semaphore(0)

    def work() -> None:
        go.wait(PATIENCE)
        names.add(threading.get_ident())
        done.release()

    for _ in range(20):
        pool.submit(work)
    go.set()
    for _ in range(20):
        assert done.acquire(timeout=PATIENCE)
    assert 1 <= len(names) <= 3


def test_an_answer_is_a_value_or_an_error_or_late() -> None:
    good: Answer[int] = Answer()
    good.settle(lambda: 3)
    assert good.wait(0, "late") == 3

    def fail() -> int:
        raise StoreError("broken")

    bad: Answer[int] = Answer()
    bad.settle(fail)
    with pytest.raises(StoreError, match="broken"):
        bad.wait(None, "late")
    with pytest.raises(UnknownOutcomeError, match="late"):
        Answer[int]().wait(0.01, "late")


def test_failures_that_follow_each_other_wait_longer() -> None:
    backoff = Backoff(1.0)
    assert [backoff.failed() for _ in range(11)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert backoff.succeeded()
    assert not backoff.succeeded()
    assert backoff.failed() == 1


def test_a_turn_is_taken_once_however_often_it_is_asked_for(loop: Loop) -> None:
    begun, go, taken = threading.Event(), threading.Event(), threading.Semaphore(0)
    count = itertools.count(1)
    seen: list[int] = []

    def work() -> None:
        begun.set()
        go.wait(PATIENCE)
        seen.append(next(count))
        taken.release()

    turn = Turn(loop, Pool("test", 4), work, 0.0)
    turn.ask()
    assert begun.wait(PATIENCE)
    for _ in range(10):
        turn.ask()
    go.set()
    assert taken.acquire(timeout=PATIENCE)
    # What was asked for meanwhile may lie behind what the first one saw: there is a second, and no third.
    assert taken.acquire(timeout=PATIENCE)
    turn.stop()
    turn.ask()
    assert not taken.acquire(timeout=0.05)
    assert seen == [1, 2]


def test_a_turn_comes_again_when_it_says_so(loop: Loop) -> None:
    left = [0.0, 0.01, None]
    done = threading.Event()

    def work() -> float | None:
        again = left.pop(0)
        if again is None:
            done.set()
        return again

    Turn(loop, Pool("test", 4), work, 0.0).ask()
    assert done.wait(PATIENCE)


def test_a_series_is_in_order_and_nothing_waits_in_it_twice() -> None:
    begun, go, done = threading.Event(), threading.Event(), threading.Event()
    seen: list[str] = []

    def first() -> None:
        begun.set()
        go.wait(PATIENCE)
        seen.append("first")

    series = Series(Pool("test", 4))
    series.ask(0, first)
    assert begun.wait(PATIENCE)
    for key in (1, 2, 1, 2, 1):
        series.ask(key, lambda key=key: seen.append(f"{key}"))  # type: ignore[misc]  # mypy infers no type of a lambda with a default
    series.ask(3, done.set)
    go.set()
    assert done.wait(PATIENCE)
    assert seen == ["first", "1", "2"]
    again = threading.Event()
    series.ask(1, again.set)
    assert again.wait(PATIENCE)


def heard(notifications: Notifications, what: Callable[[], object]) -> None:
    import select

    what()
    assert notifications.descriptor is not None
    assert select.select([notifications.descriptor], [], [], PATIENCE)[0]
    notifications.deliver()


def test_a_change_is_told_once(notifications: Notifications, tmp_path: Path) -> None:
    path = tmp_path / "a-wal"
    path.write_bytes(b"")
    told: list[str] = []
    assert notifications.once(path, told.append)
    with path.open("ab", buffering=0) as file:
        heard(notifications, lambda: file.write(b"1"))
        file.write(b"2")
        notifications.deliver()
        assert told == [""]
        assert notifications.once(path, told.append)
        heard(notifications, lambda: file.write(b"3"))
    assert told == ["", ""]


def test_what_cannot_be_watched(notifications: Notifications, tmp_path: Path) -> None:
    assert not notifications.once(tmp_path / "missing", lambda _: None)
    assert not notifications.directory(tmp_path / "missing", lambda _: None)


def test_names_that_come_and_go_in_a_directory(notifications: Notifications, tmp_path: Path) -> None:
    told: list[str] = []
    assert notifications.directory(tmp_path, told.append)
    strange = os.fsdecode(b"b\xff")
    heard(notifications, lambda: (tmp_path / "a").write_bytes(b"1"))
    heard(notifications, lambda: (tmp_path / "a").rename(tmp_path / strange))
    heard(notifications, (tmp_path / strange).unlink)
    assert set(told) == {"a", strange}
    assert told[-1] == strange
