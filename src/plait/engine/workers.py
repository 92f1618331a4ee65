"""Worker threads of our own, and the token that stops them.

The threads are daemons: a call that hangs holds its thread, not the process. Who waits looks at the token every
`POLL` seconds, so that `cancel` needs no lock and a signal handler may call it.
"""

from __future__ import annotations

from collections import deque
from threading import Condition, Lock, Thread
from typing import TYPE_CHECKING, Generic, TypeVar

from plait.engine.ordering import FirstCome
from plait.model.errors import CancelledError, PlaitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from plait.engine.ordering import Ordered

T = TypeVar("T")

POLL = 0.1


class Cancellation:
    """A token that every loop checks; it is cancelled, too, once `parent` is.

    `cancel` takes no lock, so that a signal handler may call it.
    """

    def __init__(self, parent: Cancellation | None = None) -> None:
        self._parent = parent
        self._reason: PlaitError | None = None

    def cancel(self, reason: PlaitError | None = None) -> None:
        """Stops new work; the first reason stays."""
        if self._reason is None:
            self._reason = reason or CancelledError("interrupted")

    def cancelled(self) -> bool:
        """True once `cancel` was called, here or on a parent."""
        return self._reason is not None or (self._parent is not None and self._parent.cancelled())

    @property
    def reason(self) -> PlaitError | None:
        """Why, None while not cancelled."""
        return self._reason or (None if self._parent is None else self._parent.reason)

    def raise_if_cancelled(self) -> None:
        """Raises the reason once cancelled."""
        if self._reason is not None:
            raise self._reason
        if self._parent is not None:
            self._parent.raise_if_cancelled()


class Workers(Generic[T]):
    """Threads that call `work(item)` for items from a bounded queue.

    The threads start with the first items, as long as none of them is idle, up to `count`. Once cancelled, what is
    queued is dropped. An exception of `work` stops the workers and is raised again in `submit` or `finish`. `ordered`
    is the queue where items are not worked on as they come. `held`: nothing begins before `release`.
    """

    def __init__(
        self,
        work: Callable[[T], None],
        count: int,
        backlog: int,
        cancellation: Cancellation,
        name: str = "worker",
        *,
        ordered: Ordered[tuple[T, int]] | None = None,
        held: bool = False,
    ) -> None:
        self._work = work
        self._held = held
        self._count = count
        self._backlog = backlog
        self._cancellation = cancellation
        self._name = name
        self._threads: list[Thread] = []
        self._queue: FirstCome[tuple[T, int]] | Ordered[tuple[T, int]] = FirstCome() if ordered is None else ordered
        self._weight = 0
        self._idle = 0
        self._lock = Lock()
        self._filled = Condition(self._lock)
        self._room = Condition(self._lock)
        self._closed = False
        self._error: BaseException | None = None

    def submit(self, item: T, weight: int = 1) -> bool:
        """Queues an item; waits while items that weigh `backlog` or more are queued. False: cancelled, not taken."""
        with self._lock:
            while self._weight >= self._backlog and not self._stopped():
                self._room.wait(POLL)
            if self._error is not None:
                raise self._error
            if self._cancellation.cancelled():
                return False
            self._queue.put((item, weight))
            self._weight += weight
            if not self._idle and not self._held:
                self._add_thread()
            self._filled.notify()
            return True

    def release(self) -> None:
        """Begins with what is queued, where that was held."""
        with self._lock:
            if self._held:
                self._held = False
                for _ in range(min(len(self._queue), self._count)):
                    self._add_thread()

    def _add_thread(self) -> None:
        number = len(self._threads)
        if number < self._count:
            thread = Thread(target=self._run, args=(number,), name=f"{self._name}-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def finish(self) -> None:
        """Waits until everything queued is done, or, once cancelled, until what is under way is done."""
        with self._lock:
            self._closed = True
            self._filled.notify_all()
        for thread in self._threads:
            while thread.is_alive():
                thread.join(POLL)
        if self._error is not None:
            raise self._error

    def _run(self, number: int) -> None:
        while (item := self._next(number)) is not None:
            try:
                self._work(item[0])
            except BaseException as error:  # noqa: BLE001  (raised again in the thread that waits)
                with self._lock:
                    self._error = self._error or error

    def _next(self, number: int) -> tuple[T, int] | None:
        with self._lock:
            self._idle += 1
            try:
                while not self._queue and not self._closed and not self._stopped():
                    self._filled.wait(POLL)
                if not self._queue or self._stopped():
                    return None
                item = self._queue.take(number, self._count)
                self._weight -= item[1]
                self._room.notify()
                return item
            finally:
                self._idle -= 1

    def _stopped(self) -> bool:
        return self._error is not None or self._cancellation.cancelled()


def read_ahead(items: Iterable[T], count: int, cancelled: Callable[[], bool]) -> Iterator[T]:
    """The items, of which up to `count` are produced ahead by a thread. Errors come where they were raised.

    Raises CancelledError once `cancelled()`, even while the next item hangs.
    """
    ahead = _Ahead(items, count, cancelled)
    Thread(target=ahead.produce, name="read-ahead", daemon=True).start()
    try:
        yield from ahead.consume()
    finally:
        ahead.stop()


class _Ahead(Generic[T]):
    def __init__(self, items: Iterable[T], count: int, cancelled: Callable[[], bool]) -> None:
        self._cancelled = cancelled
        self._items = items
        self._count = count
        self._ready: deque[T] = deque()
        self._changed = Condition()
        self._ended = False
        self._stopped = False
        self._error: BaseException | None = None

    def produce(self) -> None:
        try:
            for item in self._items:
                with self._changed:
                    self._ready.append(item)
                    self._changed.notify_all()
                    while len(self._ready) >= self._count and not self._stopped:
                        self._changed.wait()
                    if self._stopped:
                        break
        except BaseException as error:  # noqa: BLE001  (raised again in the thread that reads)
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def consume(self) -> Iterator[T]:
        while True:
            with self._changed:
                while not self._ready and not self._ended and not self._cancelled():
                    self._changed.wait(POLL)
                if self._cancelled():
                    raise CancelledError("interrupted")
                if not self._ready:
                    break
                item = self._ready.popleft()
                self._changed.notify_all()
            yield item
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
