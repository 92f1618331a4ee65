"""Hashes of content while it is carried, also where its parts arrive out of order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from threading import Condition, Thread
from typing import TYPE_CHECKING

from plait.model.errors import CancelledError

if TYPE_CHECKING:
    import hashlib
    from collections.abc import Callable

    from plait.stores.base import Source
    from plait.stores.parts import Rereads

WAIT_STEP = 0.2
REREAD = 256 << 10
"""Bytes that are read again at once: few enough to stay in a processor's own cache."""
HASHED_TOGETHER = 16
"""How many parts are hashed side by side."""


def _new(name: str) -> hashlib._Hash:
    # Loading OpenSSL is a part of the start that what is not hashed need not wait for.
    import hashlib

    return hashlib.new(name, usedforsecurity=False)


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
        self._digest = _new(name)
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


class Behind(ABC):
    """Looks at what is written in parts of `part_size` bytes, in any order, from its beginning, on a thread of its own.

    `size` is that of all parts, in bytes.
    """

    def __init__(self, size: int, part_size: int) -> None:
        self._size = size
        self._part_size = part_size
        self._arrived: set[int] = set()
        self._closed = False
        self._error: Exception | None = None
        self._moved = Condition()
        self._thread = Thread(target=self._run, name="hash-behind", daemon=True)

    def arrived(self, offset: int) -> None:
        """The part at `offset` is written, whole."""
        with self._moved:
            self._arrived.add(offset)
            self._moved.notify_all()

    def close(self) -> None:
        """Ends the thread; repeated calls do nothing."""
        with self._moved:
            self._closed = True
            self._moved.notify_all()
        self._thread.join()

    def _finish(self, cancelled: Callable[[], bool]) -> None:
        """Waits until everything was looked at. Raises CancelledError, and what reading raises."""
        while self._thread.is_alive():
            self._thread.join(WAIT_STEP)
            if cancelled():
                message = "interrupted"
                raise CancelledError(message)
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            self._look()
        except Exception as error:  # noqa: BLE001  (handed to who asks for the hash)
            self._error = error

    @abstractmethod
    def _look(self) -> None:
        """Reads what `_wait_for` says is there."""

    def _wait_for(self, start: int, end: int) -> bool:
        """Waits for the parts from offset `start` to `end`; False once nobody wants them."""
        offsets = range(start - start % self._part_size, end, self._part_size)
        with self._moved:
            while not self._arrived.issuperset(offsets) and not self._closed:
                self._moved.wait()
            return not self._closed


class HashBehind(Behind):
    """A hash over what is written in parts in any order, computed in order by a thread that reads it again.

    `read_back(offset, buffer)` fills the buffer from what was written. `name` is a hash that hashlib knows; sizes are
    in bytes.
    """

    def __init__(self, name: str, read_back: Callable[[int, memoryview], None], size: int, part_size: int) -> None:
        super().__init__(size, part_size)
        self._digest = _new(name)
        self._read_back = read_back
        self._thread.start()

    def hexdigest(self, cancelled: Callable[[], bool]) -> str:
        """The hash of all parts, as lower-case hex; to be called once every part arrived.

        Raises CancelledError, and what reading raises.
        """
        self._finish(cancelled)
        return self._digest.hexdigest()

    def _look(self) -> None:
        buffer = memoryview(bytearray(min(REREAD, max(self._size, 1))))
        for start in range(0, self._size, self._part_size):
            end = min(start + self._part_size, self._size)
            if not self._wait_for(start, end):
                return
            for offset in range(start, end, len(buffer)):
                if self._closed:
                    return
                block = buffer[: min(len(buffer), end - offset)]
                self._read_back(offset, block)
                self._digest.update(block)


class CombinedBehind(Behind):
    """The MD5 of the MD5s of parts of `hashed_size` bytes, over what is written in parts in any order.

    `written` is read again, on a thread of its own; sizes are in bytes.
    """

    def __init__(self, written: Rereads, hashed_size: int, size: int, part_size: int) -> None:
        super().__init__(size, part_size)
        self._written = written
        self._hashed_size = hashed_size
        self._stop = bytearray(1)
        self._digest = _new("md5")
        self._thread.start()

    def hexdigest(self, cancelled: Callable[[], bool]) -> str:
        """As that of `HashBehind`."""
        self._finish(cancelled)
        return self._digest.hexdigest()

    def close(self) -> None:
        """Ends the thread; repeated calls do nothing."""
        self._stop[0] = 1
        super().close()

    def _look(self) -> None:
        step = self._hashed_size * HASHED_TOGETHER
        for start in range(0, self._size, step):
            end = min(start + step, self._size)
            if not self._wait_for(start, end):
                return
            self._digest.update(self._written.md5_each_part(start, end - start, self._hashed_size, self._stop))
