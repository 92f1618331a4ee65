"""Reading directories before they are needed, on a second processor.

Reading a directory with its attributes is one native call without the interpreter's lock, and most of the time of a
listing. A walk therefore opens the next few subdirectories early and lets a thread of its own read them; one that the
thread has not begun when the walk comes to it is read by the walk itself.
"""

from __future__ import annotations

import os
from collections import deque
from queue import SimpleQueue
from threading import Lock, Thread
from typing import TYPE_CHECKING

from plait.native import scan

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.native import Scan

WINDOW = 8
"""Directories of one level that are opened early."""
LARGEST = 1 << 20
"""A directory file of more bytes is not read early: its entries would be held twice as long."""


class Reading:
    """One directory, open, to be read once by whoever comes first. The descriptor belongs to the walk."""

    __slots__ = ("_claim", "_done", "_error", "_result", "descriptor")

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._claim = Lock()
        self._done = Lock()
        self._done.acquire()
        self._result: Scan | None = None
        self._error: OSError | None = None

    def run(self) -> None:
        """Reads the directory, unless somebody does or did."""
        if not self._claim.acquire(blocking=False):
            return
        try:
            self._result = scan(self.descriptor)
        except OSError as error:
            self._error = error
        finally:
            self._done.release()

    def result(self) -> Scan:
        """What the directory holds. Raises OSError."""
        self.run()
        with self._done:
            pass
        if self._result is None:
            raise self._error or OSError("the directory was not read")
        return self._result

    def discard(self) -> None:
        """Closes a directory that is not wanted any more."""
        if not self._claim.acquire(blocking=False):
            with self._done:
                pass
        os.close(self.descriptor)


class ReadAhead:
    """The thread that reads for one walk; it starts with the first directory that is asked for."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Reading | None] = SimpleQueue()
        self._thread: Thread | None = None

    def submit(self, reading: Reading) -> None:
        """Lets a directory be read soon."""
        if self._thread is None:
            self._thread = Thread(target=self._run, name="read-ahead", daemon=True)
            self._thread.start()
        self._queue.put(reading)

    def close(self) -> None:
        """Ends the thread, after what it is reading."""
        if self._thread is not None:
            self._queue.put(None)

    def _run(self) -> None:
        while (reading := self._queue.get()) is not None:
            reading.run()


class Upcoming:
    """The next subdirectories of one directory: opened early, in order."""

    __slots__ = ("_ahead", "_next", "_opened")

    def __init__(self, ahead: ReadAhead) -> None:
        self._ahead = ahead
        self._next = 0
        self._opened: deque[tuple[int, Reading | None]] = deque()

    def look(self, position: int, next_directory: Callable[[int], int], enter: Callable[[int], int | None]) -> None:
        """Opens subdirectories from `position` on, up to the window.

        `next_directory(index)` is the next one's index, negative where there is none. `enter(index)` gives its open
        descriptor, or None where it is not to be read early.
        """
        index = max(self._next, position)
        while len(self._opened) < WINDOW and index >= 0:
            index = next_directory(index)
            if index < 0:
                break
            descriptor = enter(index)
            reading = None
            if descriptor is not None:
                reading = Reading(descriptor)
                self._ahead.submit(reading)
            self._opened.append((index, reading))
            index += 1
            self._next = index

    def take(self, index: int) -> Reading | None:
        """The subdirectory at `index`, if it was opened early."""
        while self._opened and self._opened[0][0] <= index:
            found, reading = self._opened.popleft()
            if found == index:
                return reading
            if reading is not None:
                reading.discard()
        return None

    def close(self) -> None:
        """Closes what was opened and not taken."""
        while self._opened:
            _, reading = self._opened.popleft()
            if reading is not None:
                reading.discard()
