"""A pipe of one's own, through which the system moves content from a socket to a file without a copy in between."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress
from typing import Final

CAPACITY: Final = 1 << 20
"""The size of a pipe, in bytes: as large as systems let everyone have."""


class Pipe:
    """A pipe that one thread fills and empties in turn, so that neither waits for the other.

    `capacity` in bytes; `end`: the descriptor to read from.
    """

    def __init__(self) -> None:
        """Makes it. Raises OSError where the system has no descriptors left."""
        self.end, self._entry = os.pipe()
        with suppress(OSError):
            # Beyond what the system grants to one user, a small one has to do.
            fcntl.fcntl(self._entry, fcntl.F_SETPIPE_SZ, CAPACITY)
        self.capacity = fcntl.fcntl(self._entry, fcntl.F_GETPIPE_SZ)

    def put(self, data: bytes) -> None:
        """Puts at most `capacity` bytes into the empty pipe."""
        os.write(self._entry, data)

    def put_from(self, descriptor: int, size: int) -> int:
        """Moves at most `size` bytes from a socket into the empty pipe; their number, 0 where the other side closed.

        Raises OSError: BlockingIOError where the socket's own time limit passed.
        """
        return os.splice(descriptor, self._entry, size)

    def close(self) -> None:
        """Closes both ends."""
        os.close(self.end)
        os.close(self._entry)


def can_splice() -> bool:
    """True where the system moves content so (Linux)."""
    return hasattr(os, "splice")


def empty_into(end: int, count: int, descriptor: int, offset: int) -> None:
    """Moves `count` bytes from a pipe into an open file at `offset`. Raises OSError."""
    while count:
        moved = _moved(end, count, descriptor, offset)
        offset += moved
        count -= moved


def _moved(end: int, count: int, descriptor: int, offset: int) -> int:
    try:
        return os.splice(end, descriptor, count, offset_dst=offset)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    # A file system that only takes copies.
    data = memoryview(os.read(end, count))
    written = 0
    while written < len(data):
        written += os.pwrite(descriptor, data[written:], offset + written)
    return written
