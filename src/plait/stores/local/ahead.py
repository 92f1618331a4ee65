"""Reading directories before they are needed, on a second processor.

Reading a directory with its attributes is most of the time of a listing. A walk therefore lets a thread of its own open
and read the next few subdirectories, in one native call without the interpreter's lock; those that the thread has not
begun when the walk comes to them are read by the walk itself.
"""

from __future__ import annotations

import os
from collections import deque
from queue import SimpleQueue
from threading import Lock, Thread
from typing import TYPE_CHECKING

from plait.model.items import order_bytes
from plait.native import scan_below

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.native import Scan

    Read = tuple[int, Scan]
    """An open directory, or -1 where none lies below, and what it holds."""

WINDOW = 8
"""Subdirectories that are read together."""
READINGS = 2
"""How many such readings of one directory are begun early."""
LARGEST = 1 << 20
"""Bytes of directory files that are read together: their entries are held until the walk comes to them."""


class Reading:
    """Subdirectories to be read together, once, by whoever comes first.

    `indexes` say which they are; `parent` stays open until the reading is done or discarded.
    """

    __slots__ = ("_claim", "_done", "_names", "_parent", "_places", "_results", "last")

    def __init__(self, parent: int, indexes: list[int], names: list[bytes]) -> None:
        self._parent = parent
        self._names = names
        self._places = {index: place for place, index in enumerate(indexes)}
        self.last = indexes[-1]
        self._claim = Lock()
        self._done = Lock()
        self._done.acquire()
        self._results: list[Read | None] = [None] * len(indexes)

    def run(self) -> None:
        """Reads the directories, unless somebody does or did."""
        if not self._claim.acquire(blocking=False):
            return
        try:
            self._results = scan_below(self._parent, self._names, LARGEST)
        finally:
            self._done.release()

    def take(self, index: int) -> Read | None:
        """One of the directories; None where it is none of these, or is still to be opened and read."""
        place = self._places.get(index)
        if place is None:
            return None
        self.run()
        with self._done:
            result, self._results[place] = self._results[place], None
        return result

    def discard(self) -> None:
        """Closes the directories that were not taken."""
        if self._claim.acquire(blocking=False):
            return
        with self._done:
            for result in self._results:
                if result is not None and result[0] >= 0:
                    os.close(result[0])


class ReadAhead:
    """The thread that reads for one walk; it starts with the first directory that is asked for."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Reading | None] = SimpleQueue()
        self._thread: Thread | None = None

    def submit(self, reading: Reading) -> None:
        """Lets directories be read soon."""
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
    """The next subdirectories of one directory, in order."""

    __slots__ = ("_ahead", "_next", "_readings")

    def __init__(self, ahead: ReadAhead) -> None:
        self._ahead = ahead
        self._next = 0
        self._readings: deque[Reading] = deque()

    @property
    def is_busy(self) -> bool:
        """True where no further subdirectory is to be read early now."""
        return self._next < 0 or len(self._readings) >= READINGS

    def look(
        self, parent: int, position: int, next_directory: Callable[[int], int], name: Callable[[int], str]
    ) -> None:
        """Begins to read subdirectories of `parent` from `position` on, as far as few are begun.

        `next_directory(index)` is the next one that is to be entered, negative where there is none.
        """
        while not self.is_busy:
            indexes: list[int] = []
            index = max(self._next, position)
            while len(indexes) < WINDOW and (index := next_directory(index)) >= 0:
                indexes.append(index)
                index += 1
            self._next = index
            if indexes:
                reading = Reading(parent, indexes, [order_bytes(name(index)) for index in indexes])
                self._readings.append(reading)
                self._ahead.submit(reading)

    def take(self, index: int) -> Read | None:
        """The subdirectory at `index`, if it was read early; those before it are not wanted any more."""
        while self._readings and self._readings[0].last < index:
            self._readings.popleft().discard()
        if not self._readings:
            return None
        first = self._readings[0]
        if first.last == index:
            self._readings.popleft()
        return first.take(index)

    def close(self) -> None:
        """Closes what was opened and not taken."""
        while self._readings:
            self._readings.popleft().discard()
