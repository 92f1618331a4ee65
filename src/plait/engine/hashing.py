"""Hashes of content while it is carried, also where its parts arrive out of order."""

from __future__ import annotations

import hashlib
from threading import Condition
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.stores.base import Source

WAIT_STEP = 0.2


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
