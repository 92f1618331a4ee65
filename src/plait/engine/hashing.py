"""Hashes of content while it is carried, also where its parts arrive out of order."""

from __future__ import annotations

import hashlib
from threading import Condition, Thread
from typing import TYPE_CHECKING

from plait.model.errors import CancelledError

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.stores.base import Source

WAIT_STEP = 0.2
REREAD = 1 << 20
"""Bytes that are read again at once."""


class KeepingSource:
    """Content that remembers the blocks that passed, for an `OrderedHash`."""

    def __init__(self, content: Source) -> None:
        self._content = content
        self.blocks: list[bytes] = []

    def read(self, size: int = -1, /) -> bytes:
        """Reads as the content does."""
        block = self._content.read(size)
        self.blocks.append(block)
        return block


class OrderedHash:
    """A hash over parts that arrive out of order; holds at most `window` parts.

    `name` is a hash that hashlib knows; `part_size` in bytes.
    """

    def __init__(self, name: str, part_size: int, window: int) -> None:
        self._digest = hashlib.new(name, usedforsecurity=False)
        self._part_size = part_size
        self._window = window
        self._next = 0
        self._hashing = False
        self._waiting: dict[int, list[bytes]] = {}
        self._moved = Condition()

    def wait_for_turn(self, offset: int, cancelled: Callable[[], bool]) -> None:
        """Waits until the part at `offset` is near enough to what is hashed; returns at once when cancelled."""
        with self._moved:
            while offset - self._next >= self._window * self._part_size and not cancelled():
                self._moved.wait(WAIT_STEP)

    def add(self, offset: int, blocks: list[bytes]) -> None:
        """Adds a whole part; hashes it and what waited for it, unless another thread is at it."""
        with self._moved:
            self._waiting[offset] = blocks
            if self._hashing:
                return
            self._hashing = True
        while True:
            with self._moved:
                ready = self._waiting.pop(self._next, None)
                if ready is None:
                    self._hashing = False
                    self._moved.notify_all()
                    return
            size = 0
            for block in ready:
                self._digest.update(block)
                size += len(block)
            with self._moved:
                self._next += size
                self._moved.notify_all()

    def hexdigest(self) -> str:
        """The hash of all parts, as lower-case hex; to be called once every part was added."""
        return self._digest.hexdigest()


class HashBehind:
    """A hash over what is written in parts in any order, computed in order by a thread that reads it again.

    `read_back(offset, buffer)` fills the buffer from what was written. `name` is a hash that hashlib knows; sizes are
    in bytes.
    """

    def __init__(self, name: str, read_back: Callable[[int, memoryview], None], size: int, part_size: int) -> None:
        self._digest = hashlib.new(name, usedforsecurity=False)
        self._read_back = read_back
        self._size = size
        self._part_size = part_size
        self._arrived: set[int] = set()
        self._closed = False
        self._error: Exception | None = None
        self._moved = Condition()
        self._thread = Thread(target=self._run, name="hash-behind", daemon=True)
        self._thread.start()

    def arrived(self, offset: int) -> None:
        """The part at `offset` is written, whole."""
        with self._moved:
            self._arrived.add(offset)
            self._moved.notify_all()

    def hexdigest(self, cancelled: Callable[[], bool]) -> str:
        """The hash of all parts, as lower-case hex; to be called once every part arrived.

        Raises CancelledError, and what reading raises.
        """
        while self._thread.is_alive():
            self._thread.join(WAIT_STEP)
            if cancelled():
                message = "interrupted"
                raise CancelledError(message)
        if self._error is not None:
            raise self._error
        return self._digest.hexdigest()

    def close(self) -> None:
        """Ends the thread; repeated calls do nothing."""
        with self._moved:
            self._closed = True
            self._moved.notify_all()
        self._thread.join()

    def _run(self) -> None:
        buffer = memoryview(bytearray(min(REREAD, max(self._size, 1))))
        try:
            for start in range(0, self._size, self._part_size):
                if not self._wait_for(start):
                    return
                end = min(start + self._part_size, self._size)
                for offset in range(start, end, len(buffer)):
                    if self._closed:
                        return
                    block = buffer[: min(len(buffer), end - offset)]
                    self._read_back(offset, block)
                    self._digest.update(block)
        except Exception as error:  # noqa: BLE001  (handed to who asks for the hash)
            self._error = error

    def _wait_for(self, offset: int) -> bool:
        with self._moved:
            while offset not in self._arrived and not self._closed:
                self._moved.wait()
            return not self._closed
