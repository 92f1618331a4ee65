"""Small reads of packfiles, answered from larger ones: what a tree is made of lies side by side."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW: Final = 512 << 10
"""Bytes that are read at once, at a multiple of this offset."""
_HELD: Final = 32
"""Windows that are kept: 16 MiB."""


class Windows:
    """Ranges of packfiles, of which the last used windows are kept. Several threads may share it.

    `read(packfile, offset, length)` gives a range, shorter where the file ends.
    """

    def __init__(self, read: Callable[[bytes, int, int], bytes]) -> None:
        self._read = read
        self._held: OrderedDict[tuple[bytes, int], bytes] = OrderedDict()
        self._lock = Lock()

    def read(self, packfile: bytes, offset: int, length: int) -> bytes:
        """A range, shorter where the file ends. Raises what the reading raises."""
        if length >= WINDOW // 2:
            return self._read(packfile, offset, length)
        first, last = offset // WINDOW, (offset + max(length, 1) - 1) // WINDOW
        data = self._window(packfile, first)
        start = offset - first * WINDOW
        if last == first:
            return data[start : start + length]
        if len(data) < WINDOW:
            return data[start:]
        return data[start:] + self._window(packfile, last)[: start + length - WINDOW]

    def _window(self, packfile: bytes, number: int) -> bytes:
        key = packfile, number
        with self._lock:
            held = self._held.get(key)
            if held is not None:
                self._held.move_to_end(key)
                return held
        data = self._read(packfile, number * WINDOW, WINDOW)
        with self._lock:
            self._held[key] = data
            while len(self._held) > _HELD:
                self._held.popitem(last=False)
        return data
