"""When what is done, and by whom: timers, and a few threads for any number of databases."""

from __future__ import annotations

import heapq
import itertools
import os
import select
import time
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Condition, Lock, Thread, get_ident
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from plait.model.errors import UnknownOutcomeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.replication.notification import Notifications

T = TypeVar("T")

_IDLE: Final = 60.0
"""Seconds without work after which a thread ends."""


class Pool:
    """Up to `most` threads that do what is submitted, in order. They are daemons: one that hangs holds no exit.

    What is submitted handles its own errors of the catalogue; any other is a fault of the program and is raised by the
    thread, which ends.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        # The interpreter's own queue wakes a thread at a fraction of what a condition costs.
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._lock = Lock()
        self._threads = 0
        self._spare = 0
        """How many threads are free beyond what waits for one; negative where more waits."""

    def submit(self, work: Callable[[], None]) -> None:
        """Have `work` called by one of the threads."""
        with self._lock:
            self._spare -= 1
            is_wanted = self._spare < 0 and self._threads < self._most
            if is_wanted:
                self._threads += 1
                self._spare += 1
        self._work.put(work)
        if is_wanted:
            Thread(target=self._run, name=self._name, daemon=True).start()

    def _run(self) -> None:
        try:
            while (work := self._next()) is not None:
                work()
                with self._lock:
                    self._spare += 1
        except BaseException:
            with self._lock:
                self._threads -= 1
            raise

    def _next(self) -> Callable[[], None] | None:
        while True:
            try:
                return self._work.get(timeout=_IDLE)
            except Empty:
                with self._lock:
                    # Otherwise something was submitted just now, and counts on this thread.
                    if self._spare > 0:
                        self._spare -= 1
                        self._threads -= 1
                        return None


class Answer(Generic[T]):
    """What a call on another thread comes to."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._is_there = False
        self._value: T | None = None
        self._error: BaseException | None = None

    def settle(self, work: Callable[[], T]) -> None:
        """Call `work` and keep its result, or its error."""
        value: T | None = None
        error: BaseException | None = None
        try:
            value = work()
        except BaseException as raised:  # noqa: BLE001  (raised again in the thread that waits)
            error = raised
        with self._changed:
            self._value, self._error, self._is_there = value, error, True
            self._changed.notify_all()

    def is_settled(self, timeout: float) -> bool:
        """Whether the call has ended, which is waited for up to `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._is_there, timeout)

    def wait(self, timeout: float | None, late: str) -> T:
        """The result. Raises the error of the call; UnknownOutcomeError, which says `late`, where it does not end."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._is_there, timeout):
                raise UnknownOutcomeError(late)
            if self._error is not None:
                raise self._error
            return self._value  # type: ignore[return-value]  # set with `_is_there`


class Loop:
    """One thread that waits for notifications and timers, and calls what they ask for; none of it may block."""

    def __init__(self, notifications: Notifications) -> None:
        self._notifications = notifications
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._lock = Lock()
        self._reading, self._writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._is_stopped = self._is_closed = False
        self._thread = Thread(target=self._run, name="replication", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, once what is under way was called."""
        self._is_stopped = True
        self._wake()
        if self._thread.is_alive() and self._thread.ident != get_ident():
            self._thread.join()

    def after(self, delay: float, call: Callable[[], None]) -> None:
        """Have `call` called in `delay` seconds."""
        when = time.monotonic() + delay
        with self._lock:
            is_first = not self._timers or when < self._timers[0][0]
            heapq.heappush(self._timers, (when, next(self._numbers), call))
        if is_first and self._thread.ident != get_ident():
            self._wake()

    def _wake(self) -> None:
        # A pipe that is full wakes the thread as well.
        with self._lock, suppress(BlockingIOError):
            if not self._is_closed:
                os.write(self._writing, b"\0")

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._reading, select.POLLIN)
        if self._notifications.descriptor is not None:
            poll.register(self._notifications.descriptor, select.POLLIN)
        while not self._is_stopped:
            for descriptor, _ in poll.poll(self._delay()):
                if descriptor == self._reading:
                    os.read(self._reading, 4096)
                else:
                    self._notifications.deliver()
            for call in self._due():
                call()
        with self._lock:
            self._is_closed = True
            os.close(self._reading)
            os.close(self._writing)

    def _delay(self) -> float | None:
        """Milliseconds until the next timer."""
        with self._lock:
            if not self._timers:
                return None
            return max(0.0, (self._timers[0][0] - time.monotonic()) * 1000 + 0.5)

    def _due(self) -> list[Callable[[], None]]:
        now = time.monotonic()
        calls = []
        with self._lock:
            while self._timers and self._timers[0][0] <= now:
                calls.append(heapq.heappop(self._timers)[2])
        return calls


class Backoff:
    """How long to wait after failures that follow each other: `interval`, doubled each time, five minutes at most."""

    MOST: Final = 300.0

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self.count = 0

    def failed(self) -> float:
        """Note a failure; the seconds until the next attempt."""
        self.count += 1
        return min(self.MOST, self._interval * float(2 ** min(self.count - 1, 30)))

    def succeeded(self) -> bool:
        """Note a success; whether failures went before."""
        had, self.count = self.count > 0, 0
        return had
