from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from plait.engine.workers import Cancellation, Workers, read_ahead
from plait.model.errors import CancelledError, FatalError, TemporaryError

if TYPE_CHECKING:
    from collections.abc import Iterator


def never() -> bool:
    return False


def test_a_child_is_cancelled_with_its_parent_and_not_the_other_way() -> None:
    parent = Cancellation()
    child = Cancellation(parent)
    child.cancel(FatalError("own"))
    assert not parent.cancelled()
    other = Cancellation(parent)
    parent.cancel()
    parent.cancel(FatalError("too late"))
    assert other.cancelled()
    assert isinstance(other.reason, CancelledError)
    assert str(child.reason) == "own"
    with pytest.raises(CancelledError):
        other.raise_if_cancelled()


def test_workers_do_everything_that_was_queued() -> None:
    done: list[int] = []
    workers = Workers(done.append, 3, 10, Cancellation())
    assert all(workers.submit(number) for number in range(500))
    workers.finish()
    assert sorted(done) == list(range(500))


def test_one_worker_keeps_the_order() -> None:
    done: list[int] = []
    workers = Workers(done.append, 1, 10, Cancellation())
    for number in range(100):
        workers.submit(number)
    workers.finish()
    assert done == list(range(100))


def test_the_queue_is_bounded_by_weight() -> None:
    release, held = threading.Event(), threading.Event()

    def work(_item: int) -> None:
        held.set()
        release.wait(10)

    workers = Workers(work, 1, 10, Cancellation())
    workers.submit(0)
    held.wait(10)
    workers.submit(1, 6)
    workers.submit(2, 6)
    blocked = threading.Thread(target=workers.submit, args=(3,))
    blocked.start()
    blocked.join(0.15)
    assert blocked.is_alive()
    release.set()
    blocked.join(10)
    assert not blocked.is_alive()
    workers.finish()


def test_cancelled_workers_drop_what_waits_and_take_nothing() -> None:
    cancellation, begun, release = Cancellation(), threading.Event(), threading.Event()
    done: list[int] = []

    def work(number: int) -> None:
        begun.set()
        release.wait(10)
        done.append(number)

    workers = Workers(work, 1, 10, cancellation)
    for number in range(5):
        workers.submit(number)
    begun.wait(10)
    cancellation.cancel()
    assert workers.submit(9) is False
    release.set()
    workers.finish()
    assert done == [0]


def test_an_exception_comes_back_to_the_owner() -> None:
    def work(number: int) -> None:
        if number == 3:
            raise ZeroDivisionError

    workers = Workers(work, 2, 1, Cancellation())
    with pytest.raises(ZeroDivisionError):  # noqa: PT012  (either of both may raise)
        for number in range(100):
            workers.submit(number)
        workers.finish()


def test_reading_ahead_changes_nothing() -> None:
    assert list(read_ahead(range(100), 3, never)) == list(range(100))


def test_reading_ahead_is_bounded() -> None:
    produced: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(100):
            produced.append(number)
            yield number

    ahead = read_ahead(numbers(), 3, never)
    assert next(ahead) == 0
    threading.Event().wait(0.05)
    assert len(produced) <= 5
    ahead.close()  # type: ignore[attr-defined]  # a generator


def test_errors_read_ahead_come_after_what_stood_before_them() -> None:
    def numbers() -> Iterator[int]:
        yield 1
        raise TemporaryError("gone")

    ahead = read_ahead(numbers(), 3, never)
    assert next(ahead) == 1
    with pytest.raises(TemporaryError):
        next(ahead)


def test_a_hanging_listing_can_be_cancelled() -> None:
    hang, cancellation = threading.Event(), Cancellation()

    def numbers() -> Iterator[int]:
        yield 1
        hang.wait(30)
        yield 2

    ahead = read_ahead(numbers(), 3, cancellation.cancelled)
    assert next(ahead) == 1
    cancellation.cancel()
    with pytest.raises(CancelledError):
        next(ahead)
    hang.set()
