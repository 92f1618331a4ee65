"""A function over many items, several at once, in order."""

from __future__ import annotations

from collections import deque
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")
R = TypeVar("R")


class _Answer:
    """What became of one call."""

    __slots__ = ("queue",)

    def __init__(self) -> None:
        self.queue: SimpleQueue[tuple[object, BaseException | None]] = SimpleQueue()


def in_parallel(function: Callable[[T], R], items: Iterable[T], count: int) -> Iterator[R]:
    """The results in the order of the items, of which up to `count` are worked on at once and as many wait.

    An exception comes in the place of its item's result, and ends the iteration. The threads are daemons.
    """
    tasks: SimpleQueue[tuple[T, _Answer] | None] = SimpleQueue()
    waiting: deque[_Answer] = deque()
    threads = 0

    def work() -> None:
        while (task := tasks.get()) is not None:
            item, answer = task
            try:
                answer.queue.put((function(item), None))
            except BaseException as error:  # noqa: BLE001  (raised again in the thread that takes the results)
                answer.queue.put((None, error))

    def take() -> R:
        result, error = waiting.popleft().queue.get()
        if error is not None:
            raise error
        return result  # type: ignore[return-value]  # without an error there is a result

    try:
        for item in items:
            if threads < count:
                threads += 1
                Thread(target=work, name="parallel", daemon=True).start()
            answer = _Answer()
            waiting.append(answer)
            tasks.put((item, answer))
            if len(waiting) >= 2 * count:
                yield take()
        while waiting:
            yield take()
    finally:
        for _ in range(threads):
            tasks.put(None)
