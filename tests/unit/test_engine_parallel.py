"""A few threads that share a sequence of work, and a hash over parts that arrive out of order."""

from __future__ import annotations

import hashlib
import random
import threading
from typing import TYPE_CHECKING

import pytest

from plait.engine.hashing import KeepingSource, OrderedHash
from plait.engine.parallel import run_together
from plait.model.errors import CancelledError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable


def never() -> bool:
    return False


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_every_item_is_worked_on_once(workers: int) -> None:
    seen: list[int] = []

    def work(item: int, _: Callable[[], bool]) -> None:
        seen.append(item)

    run_together(work, range(200), workers, never)
    assert sorted(seen) == list(range(200))


@pytest.mark.parametrize("workers", [1, 3])
def test_the_first_error_reaches_the_caller_and_stops_the_rest(workers: int) -> None:
    seen: list[int] = []

    def work(item: int, _: Callable[[], bool]) -> None:
        seen.append(item)
        if item == 5:
            raise StoreError("broken")

    with pytest.raises(StoreError, match="broken"):
        run_together(work, range(10_000), workers, never)
    assert len(seen) < 10_000


@pytest.mark.parametrize("workers", [1, 3])
def test_cancellation_is_an_error_when_items_are_left(workers: int) -> None:
    cancelled = threading.Event()

    def work(_: int, __: Callable[[], bool]) -> None:
        cancelled.set()

    with pytest.raises(CancelledError):
        run_together(work, range(1000), workers, cancelled.is_set)


def test_a_waiting_worker_hears_that_another_failed() -> None:
    def work(item: int, stopped: Callable[[], bool]) -> None:
        if item == 0:
            raise StoreError("broken")
        while not stopped():
            pass

    with pytest.raises(StoreError):
        run_together(work, range(2), 2, never)


class Blocks:
    def __init__(self, content: bytes) -> None:
        self._left = content

    def read(self, size: int = -1, /) -> bytes:
        block, self._left = (self._left, b"") if size < 0 else (self._left[:size], self._left[size:])
        return block


def test_parts_in_any_order_give_the_hash_of_the_whole() -> None:
    content = random.Random(7).randbytes(10_007)
    part = 1000
    offsets = list(range(0, len(content), part))
    random.Random(8).shuffle(offsets)
    ordered = OrderedHash("md5", part, window=len(offsets))
    for offset in offsets:
        source = KeepingSource(Blocks(content[offset : offset + part]))
        while source.read(300):
            pass
        ordered.add(offset, source.blocks)
    assert ordered.hexdigest() == hashlib.md5(content).hexdigest()


def test_parts_from_several_threads_stay_within_the_window() -> None:
    content = random.Random(9).randbytes(200_000)
    part = 1000
    ordered = OrderedHash("sha256", part, window=4)

    def work(offset: int, stopped: Callable[[], bool]) -> None:
        ordered.wait_for_turn(offset, stopped)
        assert len(ordered._waiting) <= 4
        ordered.add(offset, [content[offset : offset + part]])

    run_together(work, range(0, len(content), part), 5, never)
    assert ordered.hexdigest() == hashlib.sha256(content).hexdigest()
