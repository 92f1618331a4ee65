"""Queues that hand out items in an order of their own, and workers that wait for the whole of it."""

from threading import Lock
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from plait.engine.ordering import FirstCome, Ordered
from plait.engine.workers import Cancellation, Workers

T = TypeVar("T")


def drained(queue: Ordered[T] | FirstCome[T], worker: int = 0, workers: int = 1) -> list[T]:
    return [queue.take(worker, workers) for _ in range(len(queue))]


@given(items=st.lists(st.integers()), descending=st.booleans())
def test_the_smallest_or_the_largest_first(items: list[int], *, descending: bool) -> None:
    queue = Ordered[int](lambda item: item, descending=descending)
    for item in items:
        queue.put(item)
    assert drained(queue) == sorted(items, reverse=descending)
    assert len(queue) == 0


@given(st.lists(st.integers(), min_size=1))
def test_of_equal_places_the_first_come_is_first(items: list[int]) -> None:
    queue = Ordered[tuple[int, int]](lambda item: item[0])
    for number, item in enumerate(items):
        queue.put((item % 3, number))
    assert drained(queue) == sorted((item % 3, number) for number, item in enumerate(items))


@given(st.lists(st.integers()), st.lists(st.integers(0, 3)), st.integers(0, 100))
def test_workers_begin_at_both_ends(items: list[int], takers: list[int], share: int) -> None:
    queue = Ordered[int](lambda item: item, share=share)
    for item in items:
        queue.put(item)
    left = sorted(items)
    for worker in takers[: len(items)]:
        taken = queue.take(worker, 4)
        assert taken == (left.pop() if worker * 100 // 4 >= share else left.pop(0))
    assert len(queue) == len(left)


def test_first_come_first_served() -> None:
    queue = FirstCome[int]()
    for item in (3, 1, 2):
        queue.put(item)
    assert drained(queue) == [3, 1, 2]


def test_what_is_held_begins_in_order_once_it_is_released() -> None:
    done: list[int] = []
    lock = Lock()

    def work(item: int) -> None:
        with lock:
            done.append(item)

    queue = Ordered[tuple[int, int]](lambda queued: queued[0])
    workers = Workers(work, 1, 10_000, Cancellation(), ordered=queue, held=True)
    for item in (5, 3, 9, 1):
        assert workers.submit(item)
    assert not done
    workers.release()
    workers.finish()
    assert done == [1, 3, 5, 9]
