"""Work that comes again and again, done by one thread at a time however many ask for it."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from plait.replication.scheduling import Loop, Pool


class Turn:
    """Something that is done by one thread at a time, soon after it is asked for, and not more often than it may be."""

    def __init__(self, loop: Loop, pool: Pool, work: Callable[[], float | None], interval: float) -> None:
        self._loop = loop
        self._pool = pool
        self._work = work
        self.interval = interval
        """The least seconds between the beginnings of two turns."""
        self._lock = Lock()
        self._is_asked = False
        self._is_queued = False
        self._is_stopped = False
        self._last = -interval

    def ask(self) -> None:
        """Have it done."""
        with self._lock:
            if self._is_stopped or self._is_queued:
                self._is_asked = True
                return
            self._is_queued = True
            delay = self._last + self.interval - time.monotonic()
        self._queue(delay)

    def stop(self) -> None:
        """Do nothing more; what is under way goes on."""
        with self._lock:
            self._is_stopped = True

    def resume(self) -> None:
        """Listen again."""
        with self._lock:
            self._is_stopped = self._is_asked = False

    def _queue(self, delay: float) -> None:
        if delay > 0:
            self._loop.after(delay, lambda: self._pool.submit(self._run))
        else:
            self._pool.submit(self._run)

    def _run(self) -> None:
        with self._lock:
            self._is_asked = False
            is_stopped = self._is_stopped
        started = time.monotonic()
        again = None if is_stopped else self._work()
        with self._lock:
            self._last = started
            if self._is_stopped or (again is None and not self._is_asked):
                self._is_queued = False
                return
            delay = self.interval - (time.monotonic() - started) if again is None else again
        self._queue(delay)


class Series:
    """Pieces of work that are done one after another, in the order in which they were asked for.

    One that still waits is not asked for twice: behind a place that hangs no more waits than there are kinds of work.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._lock = Lock()
        self._waiting: dict[Hashable, Callable[[], None]] = {}
        self._is_running = False

    def ask(self, key: Hashable, work: Callable[[], None]) -> None:
        """Have `work` done, unless one of this `key` waits already. It handles its own errors."""
        with self._lock:
            self._waiting.setdefault(key, work)
            if self._is_running:
                return
            self._is_running = True
        self._pool.submit(self._run)

    def _run(self) -> None:
        while (work := self._next()) is not None:
            work()

    def _next(self) -> Callable[[], None] | None:
        with self._lock:
            if not self._waiting:
                self._is_running = False
                return None
            return self._waiting.pop(next(iter(self._waiting)))
